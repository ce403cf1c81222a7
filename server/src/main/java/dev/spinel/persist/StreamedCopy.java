package dev.spinel.persist;

import dev.spinel.config.Settings;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import java.io.IOException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A snapshot that goes straight to replicas, as an RDB stream. The thread of [Snapshots], but for
/// [#cancel].
final class StreamedCopy implements Snapshots.Sink {
  private final Persistence persistence;
  private final Disk.Output out;
  private final boolean hasData;
  private final CopyOwner owner;
  private final KeyDelay delay;
  private volatile @Nullable RdbFile file; // written by the thread
  private SaveProcess process = SaveProcess.none(); // another once it is this one's turn
  private volatile @Nullable String cancelledBy;

  final long startedMillis;

  /// @param hasData whether it has any keys
  StreamedCopy(Persistence persistence, Disk.Output out, boolean hasData, CopyOwner owner) {
    this.persistence = persistence;
    this.out = out;
    this.hasData = hasData;
    this.owner = owner;
    delay = new KeyDelay(persistence.config, Settings.RDB_KEY_SAVE_DELAY);
    startedMillis = persistence.engine.clock.millis();
  }

  /// The stream that is being written, null before that.
  @Nullable BaseFile written() {
    return file;
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
    process.check();
  }

  private RdbFile file() {
    return Objects.requireNonNull(file);
  }

  @Override
  public void prepare() throws IOException {
    check();
    process = SaveProcess.begin(persistence.config, persistence.engine.keyspace.snapshots());
    persistence.notice("Background RDB transfer started by pid " + process.pid());
    RdbFile made = persistence.rdbStream(out);
    made.countKeys(persistence.engine.keyspace);
    file = made;
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
      delay.owe(1);
    }
  }

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {
    if (hasData) {
      file().open(entry, expiry, count, isTimed);
      delay.owe(1);
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
    return hasData && (file().more() || delay.isOwed());
  }

  @Override
  public void drain() throws IOException {
    check();
    file().drain();
    delay.pay(this::check);
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
    RdbFile written = file;
    if (why != null && written != null) {
      written.abandon();
    }
    int signal = cancelledBy != null ? SaveProcess.UNWANTED : process.signal();
    process.end();
    persistence.copied(this, why == null);
    if (why == null) {
      persistence.notice("Background RDB transfer terminated with success");
    } else if (signal != 0) {
      persistence.warning("Background transfer terminated by signal " + signal);
    } else {
      persistence.warning("Background transfer error");
    }
    owner.ended(why, null);
  }
}
