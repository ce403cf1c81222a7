package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Engine;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/// The append-only file of a server: which files it consists of, and their life.
///
/// ```
///   OFF ──CONFIG SET──► STARTING ──its first rewrite succeeded──► ON ──CONFIG SET──► OFF
///     └──────────────── at the server's start ──────────────────► ON
/// ```
///
/// **A rewrite** is a snapshot that is written as a new base ([#rewrite]):
///
/// ```
///   before the cut   a new increment is made, and the manifest names it behind the others
///   at the cut       what is appended from here on goes there
///   then             the base is written beside it; it takes its name; the manifest names it in place
///                    of the old base and of all increments before the new one; those are deleted
/// ```
///
/// So whenever the process ends, the manifest names files that make the data. While STARTING it
/// names none of the new ones.
///
/// **Its folder** is settled when it is claimed, and stays until it is OFF: CONFIG SET dir doesn't
/// move files that are in use.
///
/// Its monitor guards what isn't volatile; no file is touched while it is held, but those of its
/// claim, and what is history once nobody wants to keep that any more.
final class Aof implements AppendLog.Owner {
  enum State {
    OFF,
    STARTING,
    ON
  }

  /// There is no folder to keep the log in.
  static final class NoFolder extends IOException {
    private static final long serialVersionUID = 1;

    NoFolder(String message, IOException cause) {
      super(message, cause);
    }
  }

  /// What became of the wish to rewrite.
  enum Asked {
    STARTED,
    SCHEDULED,
    RUNNING_ALREADY
  }

  private static final int FREE_FAILURES = 3;
  private static final long MOST_MINUTES = 60;

  /// Each rewrite that was cut off has left one: with more of them another is due.
  private static final int MOST_INCREMENTS = 16;

  private final Persistence persistence;
  private final Engine engine;
  private final Config config;
  private final Disk disk;
  private final LongConsumer synced;
  private final Object telling = new Object(); // held while the gate is told, never for more
  private final Object deleting = new Object(); // held while what is history goes

  private volatile State state = State.OFF;
  private volatile @Nullable AppendLog log;
  private @Nullable FileClaim claim; // monitor
  private volatile @Nullable Path home; // the folder that is claimed; written under the monitor
  private boolean isClosed; // for good; monitor
  private volatile Manifest manifest = Manifest.EMPTY;
  private volatile @Nullable Rewrite running;
  private volatile boolean scheduled;
  private @Nullable Runnable whenAll; // it has all data; monitor

  // What INFO tells.
  private volatile boolean lastRewriteFailed;
  private volatile long lastRewriteSeconds = -1;
  private volatile long lastKeptBytes;
  private volatile long rewrites; // that have begun; written under the monitor
  private volatile long consecutiveFailures;
  private volatile long olderBytes; // of all files but the one that is appended to
  private volatile long baseBytes; // of all files after the last rewrite; at first of the base
  private volatile long notBeforeMillis; // the next rewrite that nobody asked for
  private volatile long waitedFor; // so many failures in a row such a one has waited, or waits

  /// @param synced is told of positions that would survive a loss of power
  Aof(Persistence persistence, LongConsumer synced) {
    this.persistence = persistence;
    this.engine = persistence.engine;
    this.config = persistence.config;
    this.disk = persistence.disk;
    this.synced = synced;
    config.onChange(Settings.APPENDFSYNC, changed -> eachLog(log -> log.policy(policy())));
    config.onChange(
        Settings.AOF_TIMESTAMP_ENABLED,
        changed -> eachLog(log -> log.stamps(config.get(Settings.AOF_TIMESTAMP_ENABLED))));
    config.onChange(Settings.APPENDONLY, changed -> follow());
    config.onChange(Settings.AOF_DISABLE_AUTO_GC, changed -> deleteKeptHistory());
    config.onChange(Settings.DIR, changed -> tellWhereItStays());
  }

  private interface OfLog {
    void act(AppendLog log);
  }

  private void eachLog(OfLog action) {
    AppendLog now = log;
    if (now != null) {
      action.act(now);
    }
  }

  private AppendLog.Policy policy() {
    return switch (config.text(Settings.APPENDFSYNC)) {
      case "always" -> AppendLog.Policy.ALWAYS;
      case "no" -> AppendLog.Policy.NO;
      default -> AppendLog.Policy.EVERYSEC;
    };
  }

  // ── files ──

  Path folder() {
    Path claimed = home;
    return claimed != null ? claimed : wantedFolder();
  }

  private Path wantedFolder() {
    return persistence.folder().resolve(config.text(Settings.APPENDDIRNAME));
  }

  private void tellWhereItStays() {
    Path claimed = home;
    if (claimed != null && !claimed.equals(wantedFolder())) {
      persistence.warning(
          "The append-only file stays in "
              + claimed
              + " until appendonly is turned off and on again.");
    }
  }

  Path file(String name) {
    return folder().resolve(name);
  }

  private String name() {
    return config.text(Settings.APPENDFILENAME);
  }

  /// The file in which the log was kept before it had a folder.
  Path oldFile() {
    return folder().resolveSibling(name());
  }

  private void makeFolder() throws NoFolder {
    try {
      disk.makeFolder(folder());
    } catch (IOException e) {
      throw new NoFolder(
          "Can't open or create append-only dir "
              + config.text(Settings.APPENDDIRNAME)
              + ": "
              + IoReason.of(e),
          e);
    }
  }

  private Path manifestFile() {
    return file(Manifest.fileName(name()));
  }

  /// Has the folder for this server alone. Errors: another one has it; the message says what to do.
  synchronized void claim() throws IOException {
    if (isClosed) {
      throw new IOException("the server is being closed");
    }
    if (claim != null) {
      return;
    }
    Path wanted = wantedFolder();
    try {
      // Servers may share a folder if their files have other names.
      Path named = wanted.resolveSibling(wanted.getFileName() + "." + name());
      claim = FileClaim.of(named, persistence.dump.holder());
      home = wanted;
    } catch (FileClaim.Held e) {
      throw new IOException(
          wanted
              + " is in use by "
              + e.holder()
              + ". Give this server a folder of its own: add the line 'appenddirname "
              + config.text(Settings.APPENDDIRNAME)
              + "-2' to its configuration.",
          e);
    }
  }

  private synchronized void letGo() {
    FileClaim held = claim;
    claim = null;
    home = null;
    if (held != null) {
      held.close();
    }
  }

  /// Whether there is one on the disk, in whatever form.
  boolean exists() {
    return disk.exists(manifestFile()) || disk.exists(oldFile());
  }

  /// The manifest as it is on the disk; [Manifest#EMPTY] if there is none.
  Manifest readManifest() throws IOException, Manifest.BadManifest {
    Path file = manifestFile();
    if (!disk.exists(folder()) || !disk.exists(file)) {
      return Manifest.EMPTY;
    }
    try (Disk.Input in = disk.read(file)) {
      byte[] bytes = new byte[Math.toIntExact(in.size())];
      int at = 0;
      for (int n; at < bytes.length && (n = in.read(bytes, at, bytes.length - at)) > 0; ) {
        at += n;
      }
      return Manifest.parse(bytes);
    }
  }

  /// Has the manifest on the disk say this, whatever happens meanwhile.
  void write(Manifest now) throws IOException {
    Path temporary = file("temp-" + Manifest.fileName(name()));
    try (Disk.Output out = disk.create(temporary)) {
      byte[] bytes = now.bytes();
      out.write(bytes, 0, bytes.length);
      out.sync();
    }
    disk.rename(temporary, manifestFile());
    disk.syncFolder(folder());
    manifest = now;
  }

  /// An old log of one file becomes the base of a new one.
  Manifest adoptOldFile() throws IOException {
    disk.makeFolder(folder());
    Manifest made = Manifest.ofOldFile(name());
    write(made);
    disk.rename(oldFile(), file(name()));
    disk.syncFolder(folder());
    persistence.notice(
        "Successfully migrated an old-style AOF file ("
            + name()
            + ") into the AOF directory ("
            + config.text(Settings.APPENDDIRNAME)
            + ").");
    return made;
  }

  // ── the start ──

  /// Begins to append, behind what was loaded. No client may write yet.
  void open(Manifest loaded) throws IOException {
    manifest = loaded;
    makeFolder();
    if (manifest.base() == null && manifest.increments().isEmpty()) {
      boolean rdb = config.get(Settings.AOF_USE_RDB_PREAMBLE);
      Manifest withBase = manifest.withBase(name(), rdb, 0);
      String base = Objects.requireNonNull(withBase.base()).name();
      writeEmptyBase(file(base), rdb);
      persistence.notice("Creating AOF base file " + base + " on server start");
      manifest = withBase;
    }
    boolean made = manifest.increments().isEmpty();
    Manifest now = made ? manifest.withIncrement(name()) : manifest;
    String increment = now.increments().getLast().name();
    Disk.Output out = disk.append(file(increment));
    if (made) {
      disk.syncFolder(folder());
      write(now);
    }
    persistence.notice(
        (made ? "Creating" : "Opening") + " AOF incr file " + increment + " on server start");
    olderBytes = bytes(loaded) - (made ? 0 : out.size());
    Manifest.Part base = loaded.base();
    baseBytes = base == null ? 0 : disk.size(file(base.name()));
    deleteHistory();
    AppendLog opened = newLog(out);
    persistence.inStoppedWorld(seat -> attach(opened));
    log = opened;
    state = State.ON;
  }

  private void writeEmptyBase(Path file, boolean rdb) throws IOException {
    try (Disk.Output out = disk.create(file)) {
      if (rdb) {
        persistence.writeEmptyRdb(out);
      }
      out.sync();
    }
  }

  private AppendLog newLog(Disk.Output out) throws IOException {
    AppendLog made = new AppendLog(this, engine.clock::millis, synced, out, out.size(), policy());
    made.stamps(config.get(Settings.AOF_TIMESTAMP_ENABLED));
    return made;
  }

  /// Stopped world.
  private void attach(AppendLog to) {
    engine.journal.attach(Journal.AOF, to);
    to.start(engine.journal.bind(), engine.journal.position());
  }

  private long bytes(Manifest of) {
    long sum = 0;
    try {
      for (Manifest.Part part : of.parts()) {
        sum += disk.size(file(part.name()));
      }
    } catch (IOException e) {
      persistence.warning("Unable to obtain the AOF file length. stat: " + IoReason.of(e));
    }
    return sum;
  }

  // ── on and off ──

  /// CONFIG SET appendonly.
  private synchronized void follow() {
    boolean wanted = config.get(Settings.APPENDONLY);
    if (wanted && state == State.OFF) {
      try {
        claim();
        makeFolder();
      } catch (IOException e) {
        persistence.warning(String.valueOf(e.getMessage()));
        letGoIfOff();
        throw new ConfigError("Unable to turn on AOF. Check server logs.");
      }
      state = State.STARTING;
      if (persistence.isSaving()) {
        scheduled = true;
        persistence.notice(
            "AOF was enabled but there is already another background operation. An AOF background"
                + " was scheduled to start when possible.");
      } else {
        stopForTheFirst();
        persistence.notice(
            "AOF was enabled. An AOF background was scheduled to start when possible.");
        take(new Rewrite(true));
      }
    } else if (!wanted && state != State.OFF) {
      turnOff();
      Thread.startVirtualThread(this::hasAll);
    }
  }

  /// A rewrite that was asked for while this was off begins no log.
  private void stopForTheFirst() {
    Rewrite other = running;
    if (other != null && !other.isCancelled) {
      persistence.notice(
          "AOF was enabled but there is already an AOF rewriting in background. Stopping background"
              + " AOF and starting a rewrite now.");
      other.isCancelled = true;
    }
  }

  /// The data is about to be replaced as a whole: nothing is recorded until [#resume]. Stopped
  /// world.
  synchronized void suspend() {
    if (state != State.OFF) {
      turnOff();
    }
  }

  /// The data was replaced: if the configuration wants it, it is written anew.
  synchronized void resume() {
    follow();
  }

  /// Runs `action` once a server that starts from this log finds all data in it: at once, if it has
  /// it already, or if no log is kept. A later action takes the place of one that waits.
  void onceItHasAll(Runnable action) {
    synchronized (this) {
      whenAll = action;
    }
    hasAll();
  }

  private void hasAll() {
    Runnable action;
    synchronized (this) {
      if (state == State.STARTING) {
        return;
      }
      action = whenAll;
      whenAll = null;
    }
    if (action != null) {
      action.run();
    }
  }

  private void turnOff() {
    State was = state;
    state = State.OFF;
    scheduled = false;
    Rewrite ending = running;
    if (ending != null) {
      persistence.notice("Killing running AOF rewrite child: " + ending.pid());
      cancelRewrite();
    }
    AppendLog old = was == State.ON ? detach() : null;
    failing(null);
    Thread.startVirtualThread(
        () -> {
          if (old != null) {
            old.close(true);
          }
          letGoIfOff();
        });
    synced.accept(-1); // who waits for the file waits in vain
  }

  private @Nullable AppendLog detach() {
    AppendLog old = log;
    log = null;
    if (old != null) {
      engine.journal.detach(Journal.AOF);
      old.close(false);
    }
    return old;
  }

  /// The folder may be another server's, unless a rewrite is still at work in it.
  private synchronized void letGoIfOff() {
    if (state == State.OFF && running == null) {
      letGo();
    }
  }

  void cancelRewrite() {
    Rewrite now = running;
    if (now != null) {
      now.isCancelled = true;
    }
  }

  /// Writes everything, waits for the disk, and is off, until [#open].
  void stop() {
    cancelRewrite();
    closeLog();
    log = null;
    state = State.OFF;
    failing(null);
  }

  /// Writes everything, and waits for the disk. A rewrite that is still to begin won't.
  void close() {
    synchronized (this) {
      isClosed = true;
    }
    cancelRewrite();
    closeLog();
    letGo();
  }

  private void closeLog() {
    AppendLog old = log;
    if (old != null && engine.journal.recording(Journal.AOF)) {
      engine.journal.detach(Journal.AOF);
    }
    if (old != null) {
      old.close(true);
    }
  }

  // ── rewriting ──

  /// BGREWRITEAOF.
  ///
  /// @param later whether it can't begin now: within EXEC
  synchronized Asked rewrite(boolean later) {
    if (running != null) {
      return Asked.RUNNING_ALREADY;
    }
    if (later || persistence.isSaving()) {
      scheduled = true;
      return Asked.SCHEDULED;
    }
    take(new Rewrite(state == State.STARTING));
    return Asked.STARTED;
  }

  /// That the data of the rewrite that runs is settled, or that it has failed before; null: none
  /// runs.
  @Nullable Condition cut() {
    Rewrite now = running;
    return now == null ? null : now.cut;
  }

  private synchronized void take(Rewrite one) {
    running = one;
    rewrites++;
    scheduled = false;
    one.beganMillis = engine.clock.millis();
    engine.keyspace.snapshots().take(one);
  }

  /// Some ten times a second.
  void cron() {
    AppendLog now = log;
    if (now != null) {
      now.suspendSyncs(
          config.get(Settings.NO_APPENDFSYNC_ON_REWRITE)
              && (running != null || persistence.isSaving()));
    }
    if (running != null || persistence.isSaving()) {
      return;
    }
    boolean again = now != null && now.needsRewrite() || state == State.STARTING;
    if (scheduled && state != State.STARTING || again && mayTry()) {
      rewrite(false);
      return;
    }
    String grown = state == State.ON ? grown() : null;
    if (grown != null && mayTry()) {
      persistence.notice("Starting automatic rewriting of AOF " + grown);
      rewrite(false);
    }
  }

  /// Why the log is to be rewritten unasked, or null.
  private @Nullable String grown() {
    long percentage = config.get(Settings.AUTO_AOF_REWRITE_PERCENTAGE);
    if (percentage <= 0) {
      return null;
    }
    int increments = manifest.increments().size();
    if (increments > MOST_INCREMENTS) {
      return "of " + increments + " increments";
    }
    long size = currentBytes();
    long base = Math.max(1, baseBytes);
    long growth = (size * 100 / base) - 100;
    boolean isLarge = size > config.get(Settings.AUTO_AOF_REWRITE_MIN_SIZE);
    return isLarge && growth >= percentage ? "on " + growth + "% growth" : null;
  }

  /// Whether a rewrite that nobody asked for may begin. After three failures in a row the next one
  /// has to wait, twice as long after each further one; that is said when it would begin.
  private boolean mayTry() {
    long now = engine.clock.millis();
    if (now < notBeforeMillis) {
      return false;
    }
    long failures = consecutiveFailures;
    if (failures < FREE_FAILURES || waitedFor == failures) {
      return true;
    }
    waitedFor = failures;
    long minutes = Math.min(MOST_MINUTES, 1L << Math.min(6, failures - FREE_FAILURES));
    notBeforeMillis = now + minutes * 60_000;
    persistence.warning(
        "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in "
            + minutes
            + " minutes");
    return false;
  }

  /// CONFIG SET aof-disable-auto-gc: at once, as in Redis. A rewrite that runs does it at its end.
  private synchronized void deleteKeptHistory() {
    if (state != State.ON || running != null) {
      return;
    }
    try {
      deleteHistory();
    } catch (IOException e) {
      persistence.warning("Failed to remove what was rewritten: " + IoReason.of(e));
    }
  }

  /// The names of the files go at once, and what they hold in the background, which may take long:
  /// it does when nobody has them open any more.
  private void deleteHistory() throws IOException {
    List<Disk.Input> open = new ArrayList<>();
    try {
      synchronized (deleting) {
        Manifest now = manifest;
        if (now.history().isEmpty() || config.get(Settings.AOF_DISABLE_AUTO_GC)) {
          return;
        }
        for (Manifest.Part part : now.history()) {
          persistence.notice("Removing the history file " + part.name() + " in the background");
          if (disk.exists(file(part.name()))) {
            open.add(disk.read(file(part.name())));
            disk.delete(file(part.name()));
          }
        }
        write(now.withoutHistory());
      }
    } finally {
      if (!open.isEmpty() && !engine.keyspace.snapshots().between(() -> close(open))) {
        close(open);
      }
    }
  }

  private void close(List<Disk.Input> files) {
    for (Disk.Input file : files) {
      try {
        file.close();
      } catch (IOException e) {
        persistence.warning("Failed to close a file that was removed: " + IoReason.of(e));
      }
    }
  }

  /// A snapshot that becomes the new base.
  private final class Rewrite implements Snapshots.Sink {
    private final boolean starts; // the log, which isn't there yet
    private volatile SaveProcess process =
        SaveProcess.none(); // another once it is this one's turn; the thread's
    private @Nullable Path temporary; // once it is taken
    private @Nullable Path temporaryIncrement;
    private volatile @Nullable BaseFile base; // written by the thread
    private final AwaitedCut cut = new AwaitedCut();
    private final KeyDelay delay = new KeyDelay(config, Settings.RDB_KEY_SAVE_DELAY);
    private Disk.@Nullable Output increment;
    private final Object sizes = new Object(); // held for what stands below, and for nothing more
    private boolean isSwitched; // to the new increment; the monitor of `sizes`
    private boolean isComplete; // the monitor of `sizes`
    private boolean rdb;
    private @Nullable AppendLog began;
    private boolean recorded; // the log is on
    volatile boolean isCancelled;
    volatile long beganMillis;

    Rewrite(boolean starts) {
      this.starts = starts;
    }

    private BaseFile base() {
      return Objects.requireNonNull(base);
    }

    private void check() throws IOException {
      if (isCancelled) {
        throw new IllegalStateException("cancelled");
      }
      process.check();
    }

    /// Any thread.
    long pid() {
      return process.pid();
    }

    @Override
    public void prepare() throws IOException {
      check();
      process = SaveProcess.begin(config, engine.keyspace.snapshots());
      claim();
      makeFolder();
      rdb = config.get(Settings.AOF_USE_RDB_PREAMBLE);
      recorded = state != State.OFF;
      if (starts || !recorded) {
        readManifestAgain();
      }
      if (starts) {
        temporaryIncrement = file("temp-" + name() + ".incr");
        increment = disk.create(temporaryIncrement);
      } else if (recorded) {
        Manifest next = manifest.withIncrement(name());
        String file = next.increments().getLast().name();
        increment = disk.create(file(file));
        disk.syncFolder(folder());
        write(next);
        persistence.notice("Creating AOF incr file " + file + " on background rewrite");
      }
      persistence.notice("Background append only file rewriting started by pid " + pid());
      temporary = TemporaryFiles.take(directory(), "temp-rewriteaof-bg-", pid(), ".aof");
      Disk.Output out = disk.create(temporary);
      boolean often = config.get(Settings.AOF_REWRITE_INCREMENTAL_FSYNC);
      base = rdb ? persistence.rdbBase(out, often) : persistence.commandBase(out, often);
    }

    /// Files that are there, of a time when the log was on, are of no use any more, but their names
    /// are taken.
    private void readManifestAgain() throws IOException {
      try {
        manifest = readManifest();
      } catch (Manifest.BadManifest e) {
        throw new IOException(manifestFile() + ": " + e.getMessage(), e);
      }
    }

    private Path directory() {
      return Objects.requireNonNull(folder().getParent());
    }

    @Override
    public void cut(Seat seat) throws IOException {
      check();
      engine.journal.cut();
      Disk.Output next = increment;
      if (starts && next != null) {
        AppendLog made = newLog(next);
        attach(made);
        began = made;
        log = made;
      } else if (next != null) {
        AppendLog now = log;
        if (now != null) {
          long before = currentBytes();
          now.switchTo(next, () -> switched(before));
        }
      }
      base().begin(seat, engine.clock.millis(), config.get(Settings.AOF_TIMESTAMP_ENABLED));
      cut.over();
    }

    /// What came before the cut is written, which may be after the base is.
    private void switched(long olderBytesNow) {
      synchronized (sizes) {
        isSwitched = true;
        if (!isComplete) olderBytes = olderBytesNow;
      }
    }

    @Override
    public void database(int number) {
      base().database(number);
    }

    @Override
    public void entry(long entry, long expiry) {
      base().entry(entry, expiry);
      delay.owe(1);
    }

    @Override
    public void open(long entry, long expiry, long count, boolean isTimed) {
      base().open(entry, expiry, count, isTimed);
      delay.owe(1);
    }

    @Override
    public void field(long field) {
      base().field(field);
    }

    @Override
    public void close() {
      base().close();
    }

    @Override
    public boolean more() {
      return base().more() || delay.isOwed();
    }

    @Override
    public void drain() throws IOException {
      check();
      base().drain();
      delay.pay(this::check);
    }

    @Override
    public void ended(@Nullable Throwable failure) {
      Throwable why = failure;
      if (why == null) {
        try {
          check();
          complete();
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
          why = e;
        }
      }
      try {
        if (why != null) {
          failed(why);
        }
        if (temporary != null) {
          TemporaryFiles.release(temporary);
        }
      } finally {
        process.end();
        synchronized (Aof.this) {
          lastRewriteSeconds = (engine.clock.millis() - beganMillis) / 1000;
          if (running == this) { // and not the next one already
            running = null;
          }
        }
        cut.over();
        letGoIfOff();
      }
    }

    private void complete() throws IOException {
      long size = base().finish();
      check(); // that may have taken long
      Path made = Objects.requireNonNull(temporary);
      persistence.notice("Successfully created the temporary AOF base file " + made.getFileName());
      persistence.notice("Background AOF rewrite terminated with success");
      Manifest next = manifest;
      if (starts) {
        next = next.withIncrement(name());
        String name = next.increments().getLast().name();
        Path madeIncrement = Objects.requireNonNull(temporaryIncrement);
        disk.rename(madeIncrement, file(name));
        persistence.notice(
            "Successfully renamed the temporary AOF incr file "
                + madeIncrement.getFileName()
                + " into "
                + name);
      }
      next = next.withBase(name(), rdb, recorded ? 1 : 0);
      String name = Objects.requireNonNull(next.base()).name();
      disk.rename(made, file(name));
      persistence.notice(
          "Successfully renamed the temporary AOF base file "
              + made.getFileName()
              + " into "
              + name);
      disk.syncFolder(folder());
      write(next);
      AppendLog now = log;
      synchronized (sizes) {
        isComplete = true;
        olderBytes = size;
        baseBytes = size + (now != null && (starts || isSwitched) ? now.fileBytes() : 0);
      }
      if (now != null) {
        now.rewritten();
      }
      lastKeptBytes = engine.keyspace.walk().peakBytes();
      consecutiveFailures = 0;
      waitedFor = 0;
      notBeforeMillis = 0;
      lastRewriteFailed = false;
      if (starts && !comesOn()) {
        endLog();
        deleteHistory();
        return;
      }
      hasAll();
      synced.accept(syncedPosition()); // of a log that begins only now
      persistence.notice("Background AOF rewrite finished successfully");
      deleteHistory();
    }

    /// The log that this has begun is the server's, unless it was turned off meanwhile; if it is on
    /// again, a later rewrite begins the next one. Returns whether it is.
    private boolean comesOn() {
      synchronized (Aof.this) {
        if (isCancelled) {
          return false;
        }
        state = State.ON;
        running = null; // whoever waits for the log hears of that next, and may ask
        return true;
      }
    }

    /// Nothing more goes to the log that this has begun.
    private void endLog() {
      AppendLog ending = began;
      if (ending != null) {
        if (log == ending) { // else it is detached, and perhaps another one attached
          engine.journal.detach(Journal.AOF);
          log = null;
          Aof.this.failing(null);
        }
        ending.close(true);
      }
    }

    private void failed(Throwable why) {
      BaseFile written = base;
      if (written != null) {
        written.abandon();
      }
      endLog();
      try {
        if (temporary != null) {
          disk.delete(temporary);
        }
        if (temporaryIncrement != null) {
          persistence.notice(
              "Removing the temp incr aof file "
                  + temporaryIncrement.getFileName()
                  + " in the background");
          disk.delete(temporaryIncrement);
        }
      } catch (IOException e) {
        persistence.warning("Failed to remove a temporary file: " + IoReason.of(e));
      }
      int signal = isCancelled ? SaveProcess.UNWANTED : process.signal();
      if (signal != 0) {
        persistence.warning("Background AOF rewrite terminated by signal " + signal);
      } else {
        persistence.warning(
            "Background AOF rewrite terminated with error: "
                + (why instanceof IOException e ? IoReason.of(e) : String.valueOf(why)));
      }
      if (signal == SaveProcess.UNWANTED) {
        return;
      }
      lastRewriteFailed = true;
      consecutiveFailures++;
      notBeforeMillis = engine.clock.millis() + 1_000;
    }
  }

  // ── what others ask ──

  State state() {
    return state;
  }

  /// Why writes must be refused, or null.
  @Nullable IOException failure() {
    AppendLog now = log;
    return now == null ? null : now.failure();
  }

  /// The last position that would survive a loss of power; nothing would without a log.
  long syncedPosition() {
    AppendLog now = log;
    return now == null || state == State.STARTING ? -1 : now.syncedPosition();
  }

  boolean isRewriting() {
    return running != null;
  }

  boolean isScheduled() {
    return scheduled;
  }

  boolean lastRewriteFailed() {
    return lastRewriteFailed;
  }

  long lastRewriteSeconds() {
    return lastRewriteSeconds;
  }

  /// How long the rewrite that runs has taken so far, or -1.
  long currentRewriteSeconds() {
    Rewrite now = running;
    return now == null ? -1 : (engine.clock.millis() - now.beganMillis) / 1000;
  }

  /// The most that was kept for the last rewrite that succeeded.
  long lastKeptBytes() {
    return lastKeptBytes;
  }

  /// The base that is being written, null if none is.
  @Nullable BaseFile written() {
    Rewrite now = running;
    return now == null ? null : now.base;
  }

  long rewrites() {
    return rewrites;
  }

  long consecutiveFailures() {
    return consecutiveFailures;
  }

  /// Bytes of all files.
  long currentBytes() {
    AppendLog now = log;
    return olderBytes + (now == null ? 0 : now.fileBytes());
  }

  /// Bytes of all files after the last rewrite; before the first one since the start, of the base
  /// that was loaded, as Redis has it.
  long baseBytes() {
    return baseBytes;
  }

  @Nullable AppendLog log() {
    return log;
  }

  // ── what the log tells ──

  @Override
  public void fatal(String why) {
    persistence.fatal(why);
  }

  @Override
  public void failing(AppendLog of, @Nullable String reason) {
    synchronized (telling) {
      if (of == log && state != State.OFF) { // else nobody relies on it any more
        persistence.diskGate.appendingFailed(reason);
      }
    }
  }

  private void failing(@Nullable String reason) {
    synchronized (telling) {
      persistence.diskGate.appendingFailed(reason);
    }
  }

  @Override
  public void notice(String text) {
    persistence.notice(text);
  }

  @Override
  public void took(String event, long nanos) {
    persistence.engine.latency().took(event, nanos);
  }

  @Override
  public void warning(String text) {
    persistence.warning(text);
  }
}
