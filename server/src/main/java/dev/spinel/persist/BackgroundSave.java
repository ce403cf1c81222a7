package dev.spinel.persist;

import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.engine.Condition;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
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
/// **Cancelled** (by FLUSHALL, SHUTDOWN, or as its [SaveProcess] was killed) it ends soon, and
/// whoever cancels it can be sure that its file doesn't take the dump file's name any more, or has
/// already.
///
/// The thread of [Snapshots], but for what is said to be any thread's.
final class BackgroundSave implements Snapshots.Sink {
  private final Persistence persistence;
  private final Saving saving;
  final @Nullable CopyOwner replicas;
  private final AwaitedCut cut = new AwaitedCut();
  private @Nullable String cancelledBy; // monitor
  private boolean isRenamed; // monitor

  private SaveProcess process = SaveProcess.none(); // another once it is this one's turn
  private @Nullable Path temporary;
  private @Nullable Path target;
  private volatile @Nullable RdbFile file; // written by the thread
  private boolean began;
  private final KeyDelay delay;

  /// What [dev.spinel.engine.Engine#changes] said at the cut.
  volatile long changesAtCut;

  final long startedMillis;

  /// @param replicas who wait for the file, or null
  BackgroundSave(Persistence persistence, Saving saving, @Nullable CopyOwner replicas) {
    this.persistence = persistence;
    this.saving = saving;
    this.replicas = replicas;
    delay = new KeyDelay(persistence.config, Settings.RDB_KEY_SAVE_DELAY);
    startedMillis = persistence.engine.clock.millis();
  }

  // ── any thread ──

  /// What BGSAVE waits for.
  Condition cut() {
    return cut;
  }

  /// Ends it, unless its file is the dump file already. Returns soon, perhaps before it has ended.
  synchronized void cancel(String by) {
    if (!isRenamed && cancelledBy == null) {
      cancelledBy = by;
    }
  }

  /// The replicas that waited for it are gone.
  ///
  /// @param goesOn whether it is of use even so
  void abandon(boolean goesOn) {
    if (!goesOn) {
      cancel("signal 10"); // as Redis says it: it ends a child process
    }
  }

  /// Whether replicas wait for it.
  boolean isForReplicas() {
    return replicas != null && replicas.isWanted();
  }

  /// The file that is being written, null before that.
  @Nullable BaseFile written() {
    return file;
  }

  // ── the walk ──

  private synchronized void check() throws IOException {
    if (cancelledBy != null) {
      throw new IOException("terminated by " + cancelledBy);
    }
    process.check();
  }

  @Override
  public void prepare() throws IOException {
    check();
    process = SaveProcess.begin(persistence.config, persistence.engine.keyspace.snapshots());
    persistence.notice("Background saving started by pid " + process.pid());
    Path wanted = persistence.dump.claim();
    target = wanted;
    Path unfinished = TemporaryFiles.forDump(wanted, process.pid());
    temporary = unfinished;
    RdbFile made = persistence.rdbFile(unfinished);
    made.countKeys(persistence.engine.keyspace);
    file = made;
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
    cut.over();
  }

  @Override
  public void database(int number) {
    file().database(number);
  }

  @Override
  public void entry(long entry, long expiry) {
    file().entry(entry, expiry);
    delay.owe(1);
  }

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {
    file().open(entry, expiry, count, isTimed);
    delay.owe(1);
  }

  @Override
  public void field(long field) {
    file().field(field);
  }

  @Override
  public void close() {}

  @Override
  public boolean more() {
    return file().more() || delay.isOwed();
  }

  @Override
  public void drain() throws IOException {
    check();
    file().drain();
    delay.pay(this::check);
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
    int signal = process.signal();
    boolean isUnwanted = by != null || signal == SaveProcess.UNWANTED;
    if (why != null && by == null && signal != 0) {
      by = "signal " + signal;
    }
    if (why == null) {
      persistence.notice("DB saved on disk");
    } else if (by == null) {
      tell(why);
    }
    process.end();
    saving.ended(this, why, by, isUnwanted);
    cut.over();
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
