package dev.spinel.keyspace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A sink whose end a test waits for. What it is shown it ignores.
public class AwaitedSink implements Snapshots.Sink {
  private final CountDownLatch over = new CountDownLatch(1);
  private final AtomicInteger ends = new AtomicInteger();
  private volatile @Nullable Throwable failure;

  @Override
  public void database(int number) {}

  @Override
  public void entry(long entry, long expiry) {}

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {}

  @Override
  public void field(long field) {}

  @Override
  public void close() {}

  @Override
  public void ended(@Nullable Throwable failure) {
    ends.incrementAndGet();
    this.failure = failure;
    over.countDown();
  }

  /// Waits for the end and returns why it failed, null if it didn't.
  public @Nullable Throwable await() {
    try {
      assertThat(over.await(60, TimeUnit.SECONDS)).as("ended").isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    assertThat(ends.get()).as("ends").isEqualTo(1);
    return failure;
  }

  /// Takes a snapshot, which must succeed, and waits for its end.
  public void take(Keyspace keyspace) {
    keyspace.snapshots().take(this);
    assertThat(await()).isNull();
  }
}
