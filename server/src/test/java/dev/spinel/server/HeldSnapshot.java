package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Dispatcher;
import dev.spinel.keyspace.Snapshot;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/// A snapshot that stands still before its first slot until it is told to go on.
final class HeldSnapshot implements Snapshot.Sink {
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final Thread thread;
  private final Dispatcher dispatcher;
  int entries;
  private int open;

  HeldSnapshot(Fixture fixture) throws InterruptedException {
    this(fixture.session());
  }

  /// One that is taken by the session, which does nothing else meanwhile.
  HeldSnapshot(LocalSession own) throws InterruptedException {
    dispatcher = own.dispatcher();
    thread = new Thread(() -> take(own.server()));
    thread.start();
    assertThat(begun.await(10, TimeUnit.SECONDS)).isTrue();
  }

  private void take(Server server) {
    try {
      dispatcher.turnBegins();
      Snapshot.take(server.engine.keyspace, dispatcher.seat(), () -> {}, this);
      dispatcher.turnEnds();
    } catch (Throwable t) {
      failure.set(t);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void database(int number) {
    if (begun.getCount() > 0) {
      dispatcher.turnEnds(); // as nobody should but in drain: this is before the first slot
      begun.countDown();
      await(goOn);
      dispatcher.turnBegins();
    }
  }

  @Override
  public void entry(long entry, long expiry) {
    entries++;
  }

  @Override
  public void open(long entry, long expiry, long count) {
    entries++;
    open = (int) count;
  }

  @Override
  public void field(long field) {
    open--;
  }

  @Override
  public void close() {
    assertThat(open).as("fields missing").isZero();
  }

  /// Lets it go on, to its end.
  void finish() throws InterruptedException {
    goOn.countDown();
    thread.join(20_000);
    assertThat(thread.isAlive()).isFalse();
    assertThat(failure.get()).isNull();
  }
}
