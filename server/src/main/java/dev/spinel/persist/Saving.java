package dev.spinel.persist;

import dev.spinel.config.IoReason;
import dev.spinel.config.SavePoint;
import dev.spinel.config.Settings;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Seat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// When data is saved to the dump file, and what became of it.
///
/// BGSAVE and save points take a snapshot ([BackgroundSave]), one at a time, while everybody goes
/// on. SAVE, FLUSHALL, SHUTDOWN and DEBUG RELOAD have the world stand still, and write directly:
/// whoever holds a stopped world never waits for a snapshot, which couldn't go on.
///
/// Any thread; the monitor guards what isn't volatile. No file is touched while it is held.
final class Saving {
  /// What became of the wish to save in the background.
  enum Asked {
    STARTED,
    SCHEDULED,
    SAVING_ALREADY,
    OTHERS_AT_WORK
  }

  /// So long nothing is tried after a failure, unless somebody asks for it.
  private static final long RETRY_SECONDS = 5;

  private final Persistence persistence;
  private final Engine engine;
  private volatile @Nullable BackgroundSave running; // written under the monitor
  private boolean scheduled;
  private long lastTrySeconds;

  private volatile long changesSaved; // of Engine.changes
  private volatile long lastSaveSeconds; // since 1970
  private volatile boolean lastFailed; // in the background
  private volatile long lastSeconds = -1; // how long the last one took
  private final AtomicLong saves = new AtomicLong();
  private volatile long lastKeptBytes;

  Saving(Persistence persistence) {
    this.persistence = persistence;
    engine = persistence.engine;
    lastSaveSeconds = seconds();
    persistence.config.onChange(Settings.SAVE, changed -> followGate());
    persistence.config.onChange(Settings.STOP_WRITES_ON_BGSAVE_ERROR, changed -> followGate());
  }

  private long seconds() {
    return engine.clock.millis() / 1000;
  }

  // ── in the background ──

  /// BGSAVE.
  ///
  /// @param orLater whether it may wait for its turn
  /// @param onlyLater whether it must not begin now: within EXEC
  Asked background(boolean orLater, boolean onlyLater) {
    synchronized (this) {
      if (running != null || persistence.isCopying()) {
        return Asked.SAVING_ALREADY;
      }
      if (onlyLater || !begin()) {
        if (!orLater && !onlyLater) {
          return Asked.OTHERS_AT_WORK;
        }
        scheduled = true;
        return Asked.SCHEDULED;
      }
    }
    return Asked.STARTED;
  }

  /// Begins one, if no other snapshot is being taken. Monitor.
  private boolean begin() {
    BackgroundSave one = new BackgroundSave(persistence, this, null);
    running = one;
    if (!engine.keyspace.snapshots().tryTake(one)) {
      running = null;
      return false;
    }
    saves.incrementAndGet();
    lastTrySeconds = seconds();
    return true;
  }

  /// Saves for replicas, as soon as no other snapshot is being taken. Returns false if a save is
  /// under way.
  boolean forReplicas(CopyOwner replicas) {
    BackgroundSave one = new BackgroundSave(persistence, this, replicas);
    synchronized (this) {
      if (running != null) {
        return false;
      }
      running = one;
      saves.incrementAndGet();
      lastTrySeconds = seconds();
    }
    engine.keyspace.snapshots().take(one);
    return true;
  }

  /// The one under way, or null.
  @Nullable BackgroundSave running() {
    return running;
  }

  /// It is over, and is told once.
  ///
  /// @param failure why, null if the file is written
  /// @param by who has ended it, or null
  /// @param isUnwanted whether nobody wanted it any more, which is no failure
  void ended(
      BackgroundSave one, @Nullable Throwable failure, @Nullable String by, boolean isUnwanted) {
    if (failure == null) {
      persistence.notice("Background saving terminated with success");
      changesSaved = one.changesAtCut;
      lastSaveSeconds = seconds();
      lastFailed = false;
    } else {
      persistence.warning("Background saving " + (by == null ? "error" : "terminated by " + by));
      lastFailed |= !isUnwanted;
    }
    written(one.startedMillis, failure == null);
    synchronized (this) {
      if (running == one) {
        running = null;
      }
    }
    followGate();
  }

  /// All data was written, to a file or to replicas, or that has failed. No other snapshot is being
  /// taken yet.
  void written(long startedMillis, boolean whole) {
    lastSeconds = seconds() - startedMillis / 1000;
    if (whole) {
      lastKeptBytes = engine.keyspace.walk().peakBytes();
    }
  }

  /// Ends what is under way, if anything is.
  void cancel(String by) {
    BackgroundSave one = running;
    if (one != null) {
      one.cancel(by);
    }
  }

  /// The replicas for which one is made are gone.
  void abandon(CopyOwner replicas) {
    BackgroundSave one = running;
    if (one != null && one.replicas == replicas) {
      one.abandon(hasSavePoints());
    }
  }

  private void followGate() {
    persistence.diskGate.savingFailed(
        lastFailed
            && persistence.config.get(Settings.STOP_WRITES_ON_BGSAVE_ERROR)
            && hasSavePoints());
  }

  /// Some ten times a second.
  ///
  /// @param unasked whether save points count
  synchronized void cron(boolean unasked) {
    if (running != null) {
      return;
    }
    long now = seconds();
    boolean mayTry = !lastFailed || now - lastTrySeconds > RETRY_SECONDS;
    if (!mayTry) {
      return;
    }
    if (scheduled && begin()) {
      scheduled = false;
      return;
    }
    if (!unasked) {
      return;
    }
    long changes = changes();
    for (SavePoint point : persistence.config.get(Settings.SAVE)) {
      if (changes >= point.changes() && now - lastSaveSeconds > point.seconds()) {
        if (begin()) {
          persistence.notice(
              point.changes() + " changes in " + point.seconds() + " seconds. Saving...");
        }
        return;
      }
    }
  }

  // ── in a stopped world ──

  /// SAVE: writes everything, now. Returns whether that went well; the log says why if not.
  boolean save(Seat seat) {
    saves.incrementAndGet();
    return write(seat);
  }

  /// Everything is gone: so are the dump's keys, if anybody wants a dump at all.
  ///
  /// @param changes that the call is about to count
  void flushed(Seat seat, long changes) {
    if (hasSavePoints() && write(seat)) {
      changesSaved = engine.changes() + changes;
    }
  }

  /// Writes everything to the dump file. Returns whether that went well; the log says why if not.
  boolean write(Seat seat) {
    try {
      Path target = persistence.dump.claim();
      Path temporary = TemporaryFiles.forDump(target, ProcessHandle.current().pid());
      try {
        write(seat, temporary, target);
      } finally {
        TemporaryFiles.release(temporary);
      }
    } catch (IOException e) {
      persistence.warning("Write error while saving DB to the disk: " + IoReason.of(e));
      return false;
    }
    persistence.notice("DB saved on disk");
    changesSaved = engine.changes();
    lastSaveSeconds = seconds();
    lastFailed = false;
    followGate();
    return true;
  }

  private void write(Seat seat, Path temporary, Path target) throws IOException {
    RdbFile file = persistence.rdbFile(temporary);
    boolean done = false;
    try {
      file.writeAll(seat);
      file.finish();
      persistence.dump.makeWay(target);
      persistence.disk.rename(temporary, target);
      done = true;
      persistence.disk.syncFolder(TemporaryFiles.folderOf(target));
    } finally {
      if (!done) {
        file.abandon();
        persistence.disk.delete(temporary);
      }
    }
  }

  /// The data is what the files say.
  void loaded() {
    nothingChanged();
    lastSaveSeconds = seconds();
  }

  /// What has changed up to now needs no saving.
  void nothingChanged() {
    changesSaved = engine.changes();
  }

  // ── what is known ──

  boolean hasSavePoints() {
    return !persistence.config.get(Settings.SAVE).isEmpty();
  }

  /// Since the last save.
  long changes() {
    return engine.changes() - changesSaved;
  }

  long lastSaveSeconds() {
    return lastSaveSeconds;
  }

  boolean lastFailed() {
    return lastFailed;
  }

  /// How long the last one in the background took, or the last stream to replicas; -1: there was
  /// none.
  long lastSeconds() {
    return lastSeconds;
  }

  long saves() {
    return saves.get();
  }

  /// The most that was kept for the last one in the background that succeeded.
  long lastKeptBytes() {
    return lastKeptBytes;
  }
}
