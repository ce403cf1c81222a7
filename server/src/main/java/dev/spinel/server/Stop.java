package dev.spinel.server;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// The request that a server stops: SHUTDOWN, a signal or a failure makes it, and the thread that
/// owns the server waits for it and then closes the server. Any thread.
final class Stop {
  private final CountDownLatch requested = new CountDownLatch(1);
  private final Runnable onRequest;
  private volatile boolean failed; // written before `requested` opens

  /// @param onRequest called at each request, before those who wait go on
  Stop(Runnable onRequest) {
    this.onRequest = onRequest;
  }

  void request() {
    onRequest.run();
    requested.countDown();
  }

  /// Lets those who wait go on, as the server is being closed.
  void wake() {
    requested.countDown();
  }

  /// Requests it because the server can't go on.
  void fail() {
    failed = true;
    request();
  }

  /// Whether the server stops by a failure of its own.
  boolean failed() {
    return failed;
  }

  /// Waits for the request.
  void await() throws InterruptedException {
    requested.await();
  }

  /// Waits for the request, so long at most. Returns whether it has been made.
  boolean await(long millis) throws InterruptedException {
    return requested.await(millis, TimeUnit.MILLISECONDS);
  }
}
