package dev.spinel.persist;

import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Waiting;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// One BGSAVE: a snapshot that becomes the dump file, or nothing.
///
/// ```
///   prepare    the temporary file is made                        the old dump file is
///   cut        the data to be saved; BGSAVE is answered          untouched up to here
///   …          written, piece by piece                                  │
///   ended      brought to the disk, renamed  ◄──────────────────────────┘
/// ```
///
/// **Cancelled** (by FLUSHALL, SHUTDOWN) it ends soon, and whoever cancels it can be sure that its
/// file doesn't take the dump file's name any more, or has already.
///
/// The thread of [Snapshots], but for what is said to be any thread's.
final class BackgroundSave implements Snapshots.Sink {
  private static final long LOOK_NANOS = 100_000_000;

  private final Persistence persistence;
  private final Saving saving;
  final @Nullable CopyOwner replicas;
  private final List<Waiting> awaiting = new ArrayList<>(); // monitor
  private boolean isCut; // or has failed before; monitor
  private @Nullable String cancelledBy; // monitor
  private boolean isRenamed; // monitor
  private volatile boolean isAbandoned; // by its replicas

  private @Nullable Path temporary;
  private @Nullable Path target;
  private @Nullable RdbFile file;
  private boolean began;
  private long owedMicros; // of rdb-key-save-delay

  /// What [dev.spinel.engine.Engine#changes] said at the cut.
  volatile long changesAtCut;

  final long startedMillis;

  /// The most that was kept for the walk.
  volatile long peakKeptBytes;

  /// @param replicas who wait for the file, or null
  BackgroundSave(Persistence persistence, Saving saving, @Nullable CopyOwner replicas) {
    this.persistence = persistence;
    this.saving = saving;
    this.replicas = replicas;
    startedMillis = persistence.engine.clock.millis();
  }

  // ── any thread ──

  /// That the data to be saved is settled: what changes afterwards is not in the file.
  Condition cut() {
    return new Condition() {
      @Override
      public void begin(Waiting call) {
        synchronized (BackgroundSave.this) {
          if (!isCut) {
            awaiting.add(call);
            return;
          }
        }
        call.again();
      }

      @Override
      public void end(Waiting call) {
        synchronized (BackgroundSave.this) {
          awaiting.remove(call);
        }
      }

      @Override
      public boolean isAskedFor() {
        return false;
      }
    };
  }

  private void answer() {
    List<Waiting> all;
    synchronized (this) {
      isCut = true;
      all = List.copyOf(awaiting);
      awaiting.clear();
    }
    all.forEach(Waiting::again);
  }

  /// Ends it, unless its file is the dump file already. Returns soon, perhaps before it has ended.
  synchronized void cancel(String by) {
    if (!isRenamed && cancelledBy == null) {
      cancelledBy = by;
      notifyAll();
    }
  }

  /// The replicas that waited for it are gone.
  ///
  /// @param goesOn whether it is of use even so
  void abandon(boolean goesOn) {
    isAbandoned = true;
    if (!goesOn) {
      cancel("signal 10"); // as Redis says it: it ends a child process
    }
  }

  /// Whether replicas wait for it.
  boolean isForReplicas() {
    return replicas != null && !isAbandoned;
  }

  /// How many keys are written, and of how many.
  long keys() {
    RdbFile now = file;
    return now == null ? 0 : now.keys;
  }

  long allKeys() {
    RdbFile now = file;
    return now == null ? 0 : now.allKeys();
  }

  // ── the walk ──

  private synchronized void check() throws IOException {
    if (cancelledBy != null) {
      throw new IOException("terminated by " + cancelledBy);
    }
  }

  @Override
  public void prepare() throws IOException {
    check();
    persistence.notice("Background saving started by pid " + ProcessHandle.current().pid());
    Path wanted = persistence.dump.claim();
    target = wanted;
    Path unfinished = TemporaryFiles.forDump(wanted);
    temporary = unfinished;
    file = persistence.rdbFile(unfinished).counted();
  }

  private RdbFile file() {
    return Objects.requireNonNull(file);
  }

  @Override
  public void cut(Seat seat) throws IOException {
    check();
    file().begin(seat, persistence.engine.clock.millis(), false);
    changesAtCut = persistence.engine.changes();
    began = true;
    if (replicas != null) {
      replicas.cut();
    }
    answer();
  }

  @Override
  public void database(int number) {
    file().database(number);
  }

  @Override
  public void entry(long entry, long expiry) {
    file().entry(entry, expiry);
    owe();
  }

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {
    file().open(entry, expiry, count, isTimed);
    owe();
  }

  @Override
  public void field(long field) {
    file().field(field);
  }

  @Override
  public void close() {}

  @Override
  public boolean more() {
    return file().more() || owedMicros > 0;
  }

  private void owe() {
    long delay = persistence.config.get(Settings.RDB_KEY_SAVE_DELAY);
    if (delay != 0) {
      owedMicros += delay(delay);
    }
  }

  /// How long to wait for a key, in microseconds: one of so many waits for 1 if the setting is
  /// negative, as nobody can wait for less.
  static long delay(long setting) {
    return setting >= 0 ? setting : ThreadLocalRandom.current().nextLong(-setting) == 0 ? 1 : 0;
  }

  @Override
  public void drain() throws IOException {
    check();
    file().drain();
    peakKeptBytes = Math.max(peakKeptBytes, persistence.engine.keyspace.walk().preservedBytes());
    if (owedMicros > 0) {
      long until = System.nanoTime() + owedMicros * 1000;
      owedMicros = 0;
      sleepUntil(until);
    }
  }

  private synchronized void sleepUntil(long nanos) throws IOException {
    try {
      while (cancelledBy == null) {
        long left = nanos - System.nanoTime();
        if (left <= 0) {
          return;
        }
        if (persistence.config.get(Settings.RDB_KEY_SAVE_DELAY) == 0) {
          return; // it was set back meanwhile
        }
        long piece = Math.min(left, LOOK_NANOS);
        wait(piece / 1_000_000, (int) (piece % 1_000_000));
      }
    } catch (InterruptedException e) {
      throw new IOException("the server is being closed", e);
    }
  }

  // ── the end ──

  @Override
  public void ended(@Nullable Throwable failure) {
    Throwable why = failure;
    if (why == null) {
      try {
        complete();
      } catch (IOException | RuntimeException | OutOfMemoryError e) {
        why = e;
      }
    }
    if (why != null) {
      discard();
    }
    if (temporary != null) {
      TemporaryFiles.release(temporary);
    }
    String by;
    synchronized (this) {
      by = cancelledBy;
    }
    if (why == null) {
      persistence.notice("DB saved on disk");
    } else if (by == null) {
      tell(why);
    }
    saving.ended(this, why, by);
    answer();
    if (replicas != null) {
      replicas.ended(why, target);
    }
  }

  private void complete() throws IOException {
    check();
    file().finish();
    Path from = Objects.requireNonNull(temporary);
    Path to = Objects.requireNonNull(target);
    synchronized (this) {
      check();
      persistence.dump.makeWay(to);
      persistence.disk.rename(from, to);
      isRenamed = true;
    }
    persistence.disk.syncFolder(TemporaryFiles.folderOf(to));
  }

  private void discard() {
    if (file != null) {
      file.abandon();
    }
    if (temporary != null && !isRenamed) {
      try {
        persistence.disk.delete(temporary);
      } catch (IOException e) {
        persistence.warning("Can't remove the temporary file " + temporary + ": " + IoReason.of(e));
      }
    }
  }

  private void tell(Throwable why) {
    String reason = why instanceof IOException e ? IoReason.of(e) : String.valueOf(why);
    if (!began && file == null && target != null) {
      persistence.warning(
          "Failed opening the temp RDB file "
              + (temporary == null ? "" : temporary.getFileName())
              + " (in server root dir "
              + persistence.folder()
              + ") for saving: "
              + reason);
    } else if (target == null) {
      persistence.warning("Can't save: " + reason);
    } else {
      persistence.warning("Write error while saving DB to the disk: " + reason);
    }
  }
}
