package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.keyspace.AwaitedSink;
import dev.spinel.keyspace.Seat;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// A snapshot that stands still before its first slot, or before another one, until it is told to
/// go on.
final class HeldSnapshot extends AwaitedSink {
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final int before; // this slot
  private Seat seat;
  int entries;
  private int open;

  HeldSnapshot(Fixture fixture) throws InterruptedException {
    this(fixture.server);
  }

  HeldSnapshot(Server server) throws InterruptedException {
    this(server, 0);
  }

  /// @param before there must be keys in this slot, or in a later one
  HeldSnapshot(Server server, int before) throws InterruptedException {
    this.before = before;
    server.engine.keyspace.snapshots().take(this);
    assertThat(begun.await(10, TimeUnit.SECONDS)).isTrue();
  }

  @Override
  public void cut(Seat seat) {
    this.seat = seat;
  }

  @Override
  public void database(int number) {}

  @Override
  public void slot(int number) {
    if (number >= before && begun.getCount() > 0) {
      seat.leave(); // as nobody should but in drain: the walk is in no slot
      begun.countDown();
      try {
        assertThat(goOn.await(20, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      } finally {
        seat.enter();
      }
    }
  }

  @Override
  public void entry(long entry, long expiry) {
    entries++;
  }

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {
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
  void finish() {
    assertThat(fail()).isNull();
  }

  /// The same, to a failure, perhaps: returns that.
  Throwable fail() {
    goOn.countDown();
    return await();
  }
}
