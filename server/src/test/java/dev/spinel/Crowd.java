package dev.spinel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/// Threads of a test, all of which must end, and well: [#join] waits for them and throws what the
/// first to fail threw. Those that run until they are told to must be told before that.
public final class Crowd {
  private static final long PATIENCE_SECONDS = 60;

  /// What a thread does.
  @FunctionalInterface
  public interface Body {
    void run() throws Exception;
  }

  /// What the `i`th of several threads does.
  @FunctionalInterface
  public interface Part {
    void run(int i) throws Exception;
  }

  private final List<Thread> threads = new ArrayList<>();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /// A crowd of `count` threads.
  public static Crowd of(int count, Part part) {
    Crowd crowd = new Crowd();
    for (int i = 0; i < count; i++) {
      int number = i;
      crowd.start(() -> part.run(number));
    }
    return crowd;
  }

  /// Starts one more thread.
  public Crowd start(Body body) {
    threads.add(
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    body.run();
                  } catch (Throwable t) {
                    failure.compareAndSet(null, t);
                  }
                }));
    return this;
  }

  /// Waits until all have ended, not for ever.
  public void join() throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    for (Thread thread : threads) {
      thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())));
      if (thread.isAlive()) {
        String where = Arrays.toString(thread.getStackTrace()).replace(", ", "\n    ");
        throw new AssertionError("a thread hangs in " + where, failure.get());
      }
    }
    if (failure.get() != null) {
      throw new AssertionError("a thread of several: " + failure.get(), failure.get());
    }
  }
}
