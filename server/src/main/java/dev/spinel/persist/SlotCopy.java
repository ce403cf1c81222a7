package dev.spinel.persist;

import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// A snapshot of some slots, as the commands that make their keys. The thread of [Snapshots], but
/// for [#cancel].
final class SlotCopy implements Snapshots.Sink {
  private final Persistence persistence;
  private final Disk.Output out;
  private final IntPredicate slots;
  private final CopyOwner owner;
  private @Nullable CommandBase file;
  private boolean isDatabase;
  private boolean isWanted; // the slot at hand
  private volatile boolean isCancelled;

  /// @param slots those that are copied, of database 0
  SlotCopy(Persistence persistence, Disk.Output out, IntPredicate slots, CopyOwner owner) {
    this.persistence = persistence;
    this.out = out;
    this.slots = slots;
    this.owner = owner;
  }

  /// Ends it soon. Any thread.
  void cancel() {
    isCancelled = true;
  }

  private void check() throws IOException {
    if (isCancelled) {
      throw new IOException("nobody wants the slots any more");
    }
  }

  private CommandBase file() {
    return Objects.requireNonNull(file);
  }

  @Override
  public void prepare() throws IOException {
    check();
    file = new CommandBase(out, false, List::of);
  }

  @Override
  public void cut(Seat seat) throws IOException {
    check();
    file().begin(seat, persistence.engine.clock.millis(), false);
    owner.cut();
  }

  @Override
  public void database(int number) {
    isDatabase = number == 0;
    isWanted = false;
  }

  @Override
  public void slot(int number) {
    isWanted = isDatabase && slots.test(number);
  }

  @Override
  public void entry(long entry, long expiry) {
    if (isWanted) {
      file().entry(entry, expiry);
    }
  }

  @Override
  public void open(long entry, long expiry, long count, boolean timed) {
    if (isWanted) {
      file().open(entry, expiry, count, timed);
    }
  }

  @Override
  public void field(long field) {
    if (isWanted) {
      file().field(field);
    }
  }

  @Override
  public void close() {
    if (isWanted) {
      file().close();
    }
  }

  @Override
  public boolean more() {
    return file().more();
  }

  @Override
  public void drain() throws IOException {
    check();
    file().drain();
  }

  @Override
  public void ended(@Nullable Throwable failure) {
    Throwable why = failure;
    if (why == null) {
      try {
        check();
        file().finish();
      } catch (IOException | RuntimeException | OutOfMemoryError e) {
        why = e;
      }
    }
    owner.ended(why, null);
  }
}
