package dev.spinel.persist;

import dev.spinel.config.Settings;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A snapshot that goes straight to replicas, as an RDB stream. The thread of [Snapshots], but for
/// [#cancel].
final class StreamedCopy implements Snapshots.Sink {
  private static final long LOOK_MICROS = 10_000; // whether it is cancelled

  private final Persistence persistence;
  private final Disk.Output out;
  private final boolean hasData;
  private final CopyOwner owner;
  private @Nullable RdbFile file;
  private long owedMicros; // of waiting
  private volatile @Nullable String cancelledBy;

  /// @param hasData whether it has any keys
  StreamedCopy(Persistence persistence, Disk.Output out, boolean hasData, CopyOwner owner) {
    this.persistence = persistence;
    this.out = out;
    this.hasData = hasData;
    this.owner = owner;
  }

  /// Ends it soon. Any thread.
  void cancel(String by) {
    cancelledBy = by;
  }

  private void check() throws IOException {
    String by = cancelledBy;
    if (by != null) {
      throw new IOException("terminated by " + by);
    }
  }

  private RdbFile file() {
    return Objects.requireNonNull(file);
  }

  @Override
  public void prepare() throws IOException {
    check();
    persistence.notice("Background RDB transfer started by pid " + ProcessHandle.current().pid());
    file = persistence.rdbStream(out).counted();
  }

  @Override
  public void cut(Seat seat) throws IOException {
    check();
    file().begin(seat, persistence.engine.clock.millis(), false);
    owner.cut();
  }

  @Override
  public void database(int number) {
    if (hasData) {
      file().database(number);
    }
  }

  @Override
  public void entry(long entry, long expiry) {
    if (hasData) {
      file().entry(entry, expiry);
      owe();
    }
  }

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {
    if (hasData) {
      file().open(entry, expiry, count, isTimed);
      owe();
    }
  }

  @Override
  public void field(long field) {
    if (hasData) {
      file().field(field);
    }
  }

  @Override
  public void close() {}

  @Override
  public boolean more() {
    return hasData && (file().more() || owedMicros > 0);
  }

  @Override
  public void drain() throws IOException {
    check();
    file().drain();
    while (owedMicros > 0) {
      long now = Math.min(owedMicros, LOOK_MICROS);
      LockSupport.parkNanos(1000 * now);
      owedMicros -= now;
      check();
    }
  }

  /// `rdb-key-save-delay`.
  private void owe() {
    long delay = persistence.config.get(Settings.RDB_KEY_SAVE_DELAY);
    if (delay != 0) {
      owedMicros += BackgroundSave.delay(delay);
    }
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
    if (why != null && file != null) {
      file.abandon();
    }
    persistence.copied(this);
    if (why == null) {
      persistence.notice("Background RDB transfer terminated with success");
    } else if (cancelledBy != null) {
      persistence.warning("Background transfer terminated by signal 10");
    } else {
      persistence.warning("Background transfer error");
    }
    owner.ended(why, null);
  }
}
