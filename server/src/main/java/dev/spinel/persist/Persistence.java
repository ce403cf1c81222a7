package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Engine;
import dev.spinel.engine.ExpiryMode;
import dev.spinel.engine.Family;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Section;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What of a server survives it: made by the assembly, which has it load before clients may, tells
/// it the time, and closes it last.
///
/// ```
///   announce ─► (listeners open; commands that need data: -LOADING) ─► load ─► … cron … ─► mayEnd ─► close
/// ```
///
/// A server of which nobody asked that it keeps its data ([#announce], [#load]) touches files only
/// when a command or its append-only file does.
public final class Persistence {
  /// What commands, gates and INFO know of persistence: made before the engine is, which has them.
  public static final class Front {
    final DiskGate diskGate = new DiskGate();
    final EndGate endGate = new EndGate();
    final Loading loading;
    final LoadingGate loadingGate;
    final SaveCommands saveCommands;
    final SavingSection savingSection = new SavingSection();
    final AofCommands aofCommands = new AofCommands();
    final AofSection aofSection = new AofSection(aofCommands);

    /// @param stop has the server stopped; returns before it is
    public Front(Clock clock, Runnable stop) {
      loading = new Loading(clock);
      loadingGate = new LoadingGate(loading);
      saveCommands = new SaveCommands(stop);
    }

    /// The commands.
    public List<Family> families() {
      return List.of(saveCommands, aofCommands);
    }

    /// The gates, and others.
    public Gate[] gates(Gate... others) {
      Gate[] all = Arrays.copyOf(others, others.length + 3);
      all[others.length] = diskGate;
      all[others.length + 1] = loadingGate;
      all[others.length + 2] = endGate;
      return all;
    }

    /// What INFO tells, with the layout of the section.
    public Section savingSection() {
      return savingSection;
    }

    /// More of the same section.
    public Section aofSection() {
      return aofSection;
    }
  }

  final Engine engine;
  final Config config;
  final ConfigLog log;
  final Disk disk;
  final DiskGate diskGate;
  final Loading loading;
  final DumpFile dump;
  final Saving saving;
  final Aof aof;
  private final PendingEnd pendingEnd = new PendingEnd();
  private final DelayedEnd delayedEnd = new DelayedEnd();
  private final List<Runnable> onSynced = new CopyOnWriteArrayList<>();
  private final Front front;
  private final Consumer<String> fatal;
  private Supplier<@Nullable StreamFacts> stream = () -> null; // before the start
  private BooleanSupplier isReplica = () -> false; // before the start
  private @Nullable StreamFacts loadedFacts; // by the start
  private byte[] loadedDeletions = {}; // by the start
  private boolean hasLoaded; // by the start
  private volatile @Nullable StreamedCopy copying;
  private final AtomicBoolean toldNewer = new AtomicBoolean();
  private @Nullable IOException told; // by the log; whoever loads
  private boolean isAnnounced; // before the start
  private volatile boolean isEnding; // written in a stopped world
  private volatile boolean keeps; // data beyond this server's life, unasked

  /// @param port that the server was told to listen at; 0 if it was told none
  /// @param fatal is told why the server must end; any thread
  public Persistence(
      Front front,
      Engine engine,
      Config config,
      ConfigLog log,
      Disk disk,
      int port,
      Consumer<String> fatal) {
    this.front = front;
    this.engine = engine;
    this.config = config;
    this.log = log;
    this.disk = disk;
    this.fatal = fatal;
    diskGate = front.diskGate;
    loading = front.loading;
    loading.of(config);
    dump = new DumpFile(this, port);
    saving = new Saving(this);
    aof = new Aof(this, position -> onSynced.forEach(Runnable::run));
    diskGate.of(engine);
    front.saveCommands.of(this);
    front.savingSection.of(this);
    front.aofCommands.of(aof);
    engine.onFlushAll(this::flushed);
  }

  // ── loading ──

  /// Whether data is kept beyond this server's life.
  boolean keepsData() {
    return keeps;
  }

  /// Clients may come, but their data, if there is any, is only going to be loaded: until then they
  /// are told so.
  public void announce() {
    isAnnounced = true;
    keeps = true;
    if (!config.get(Settings.APPENDONLY) && !dump.exists()) {
      return;
    }
    loading.announce();
    beginLoading(0);
  }

  /// Whether there is data on the disk that [#load] would load.
  public boolean hasData() {
    return config.get(Settings.APPENDONLY) ? aof.exists() : dump.exists();
  }

  /// Whether there was data on the disk, if only an empty set, that [#load] has loaded.
  public boolean hasLoaded() {
    return hasLoaded;
  }

  /// Whether somebody is going to load what there is.
  public boolean isAnnounced() {
    return isAnnounced;
  }

  /// Nobody is going to load anything: but an append-only file that is on must be.
  public void loadUnannounced() throws IOException {
    if (!isAnnounced && config.get(Settings.APPENDONLY)) {
      load();
    }
  }

  /// Loads what there is, and has what follows kept. Returns false if it was to end before all was
  /// loaded. Errors: what there is can't be loaded, or nothing can be kept; the log says why. Then
  /// the server has to end, and clients are served no part of the data meanwhile.
  public boolean load() throws IOException {
    if (isReplica.getAsBoolean()) { // it takes up its role only once all is loaded
      inStoppedWorld(seat -> engine.expiryMode(ExpiryMode.HIDE));
    }
    return loadAll();
  }

  private boolean loadAll() throws IOException {
    keeps = true;
    removeLeftBehind();
    inStoppedWorld(seat -> engine.ignoreExpiry(true));
    boolean[] done = new boolean[1];
    try {
      if (config.get(Settings.APPENDONLY)) {
        loadAof();
      } else {
        loadDump();
      }
      saving.loaded();
      done[0] = true;
      return true;
    } catch (IOException e) {
      if (e != told) {
        warning("The data can't be loaded: " + e.getMessage());
      }
      throw e;
    } catch (RdbLoader.Unloadable | AofLoader.Unloadable e) {
      if (loading.isCancelled()) {
        return false;
      }
      if (e instanceof AofLoader.Unloadable) { // of the other the log has been told
        warning(String.valueOf(e.getMessage()));
      }
      throw new IOException("the data can't be loaded: " + e.getMessage(), e);
    } finally {
      inStoppedWorld(
          seat -> {
            engine.ignoreExpiry(false);
            if (done[0]) {
              endLoading();
            }
            engine.newEra();
          });
    }
  }

  private void removeLeftBehind() {
    try {
      for (String name : TemporaryFiles.removeLeftBehind(disk, folder())) {
        notice("Removed " + name + ", which a process that was killed has left unfinished");
      }
    } catch (IOException e) {
      warning("The temporary files in " + folder() + " can't be looked at: " + IoReason.of(e));
    }
  }

  private void loadAof() throws IOException, AofLoader.Unloadable {
    AofLoader loader = new AofLoader(this, aof, this::loadBase, loading::more);
    long began = System.nanoTime();
    try {
      aof.claim();
    } catch (IOException e) {
      throw tell(e, IoReason.of(e));
    }
    Manifest manifest = loader.manifest();
    if (manifest.equals(Manifest.EMPTY)) {
      dump.leaveUnread();
    }
    loading.begin(loader.bytes(manifest));
    loader.load(manifest);
    if (!manifest.equals(Manifest.EMPTY)) {
      hasLoaded = true;
      tellLoaded("append only file", began);
    }
    try {
      aof.open(manifest);
    } catch (Aof.NoFolder e) {
      throw tell(e, String.valueOf(e.getMessage()));
    }
  }

  private IOException tell(IOException why, String text) {
    warning(text);
    told = why;
    return why;
  }

  private long loadBase(Disk.Input in, String name) throws IOException, AofLoader.Unloadable {
    try {
      RdbLoader loader = new RdbLoader(this, RdbLoader.Duplicates.REFUSED, false, offset -> {});
      long end = loader.load(in, name);
      joinLibraries(loader);
      return end;
    } catch (RdbLoader.Unloadable e) {
      throw new AofLoader.Unloadable(String.valueOf(e.getMessage()));
    }
  }

  private void joinLibraries(RdbLoader loader) throws RdbLoader.Unloadable {
    RdbLoader.Unloadable[] failure = new RdbLoader.Unloadable[1];
    inStoppedWorld(
        seat -> {
          try {
            loader.joinLibraries(false);
          } catch (RdbLoader.Unloadable e) {
            failure[0] = e;
          }
        });
    if (failure[0] != null) {
      throw failure[0];
    }
  }

  private void loadDump() throws IOException, RdbLoader.Unloadable {
    if (!dump.exists() && !saving.hasSavePoints()) {
      return;
    }
    Path file;
    try {
      file = dump.claim();
    } catch (IOException e) {
      throw tell(e, IoReason.of(e));
    }
    if (!disk.exists(file)) {
      return;
    }
    long began = System.nanoTime();
    try (Disk.Input in = open(file)) {
      loading.begin(in.size());
      LoadedExpiries expiries = new LoadedExpiries(config.get(Settings.REPL_BACKLOG_SIZE));
      RdbLoader loader = loader(RdbLoader.Duplicates.REFUSED).noting(expiries);
      loader.load(in, file.toString());
      joinLibraries(loader);
      hasLoaded = true;
      byte[] deletions = expiries.commands();
      if (deletions != null) { // else nobody could go on from there
        loadedFacts = loader.facts();
        loadedDeletions = deletions;
      }
    } catch (RdbLoader.Unloadable e) {
      if (!loading.isCancelled()) {
        warning("Terminating server after rdb file reading failure. " + e.getMessage());
      }
      throw e;
    }
    tellLoaded("disk", began);
  }

  private RdbLoader loader(RdbLoader.Duplicates duplicates) {
    return new RdbLoader(this, duplicates, !isReplica.getAsBoolean(), loading::bytes);
  }

  private void tellLoaded(String from, long began) {
    double seconds = (System.nanoTime() - began) / 1e9;
    notice(String.format(Locale.ROOT, "DB loaded from %s: %.3f seconds", from, seconds));
  }

  private Disk.Input open(Path file) throws IOException {
    try {
      return disk.read(file);
    } catch (IOException e) {
      throw tell(
          e,
          "Fatal error: can't open the RDB file "
              + file.getFileName()
              + " for reading: "
              + IoReason.of(e));
    }
  }

  /// Loads the dump file beside what there is, in a stopped world: DEBUG RELOAD. Returns whether
  /// that went well; the log says why if not.
  ///
  /// @param merge whether its keys may take the place of others
  public boolean reload(Seat seat, boolean merge) {
    try {
      Path file = dump.claim();
      try (Disk.Input in = open(file)) {
        loading.begin(in.size());
        RdbLoader loader =
            loader(merge ? RdbLoader.Duplicates.REPLACE : RdbLoader.Duplicates.REFUSED);
        loader.load(in, file.toString(), seat);
        loader.joinLibraries(merge);
      }
      notice("DB reloaded by DEBUG RELOAD");
      return true;
    } catch (IOException e) {
      warning("DEBUG RELOAD: " + IoReason.of(e));
      return false;
    } catch (RdbLoader.Unloadable e) {
      return false;
    } finally {
      loading.end();
    }
  }

  /// Forgets all data, and loads the append-only file, also if it is off: DEBUG LOADAOF. Returns
  /// whether that went well; the log says why if not. The caller has no seat.
  public boolean loadAofAgain() {
    boolean isLoaded = emptyAndLoadAof();
    if (isLoaded) {
      saving.nothingChanged();
    }
    return isLoaded;
  }

  private boolean emptyAndLoadAof() {
    try {
      aof.stop();
      inStoppedWorld(
          seat -> {
            Keyspace keyspace = engine.keyspace;
            for (int i = keyspace.nextUsed(0); i >= 0; i = keyspace.nextUsed(i + 1)) {
              keyspace.flush(seat, i, false);
            }
            engine.libraries().flush();
          });
      if (config.get(Settings.APPENDONLY)) {
        return loadAll();
      }
      AofLoader loader = new AofLoader(this, aof, this::loadBase, loading::more);
      loader.load(loader.manifest());
      return true;
    } catch (AofLoader.Unloadable e) {
      warning("DEBUG LOADAOF: " + e.getMessage());
      inStoppedWorld(seat -> endLoading());
      return false;
    } catch (IOException e) {
      warning("DEBUG LOADAOF: " + IoReason.of(e));
      inStoppedWorld(seat -> endLoading());
      return false;
    }
  }

  // ── saving ──

  /// Saves everything, in a stopped world. Returns whether that went well; the log says why if not.
  public boolean save(Seat seat) {
    return saving.write(seat);
  }

  private void flushed(Seat seat, long changes) {
    saving.cancel("FLUSHALL");
    StreamedCopy copy = copying;
    if (copy != null) {
      copy.cancel("FLUSHALL");
    }
    if (keeps) {
      saving.flushed(seat, changes);
    }
  }

  /// Whether an RDB file, or a stream of one, is being written.
  boolean isSaving() {
    return saving.running() != null || isCopying();
  }

  // ── for replication ──

  /// What else reads all data just now, that isn't for replicas.
  public enum Work {
    NONE,
    SAVE,
    REWRITE
  }

  /// Has `facts` asked, in the stopped world of each cut, of which history the data is. Before the
  /// start.
  public void stream(Supplier<@Nullable StreamFacts> facts) {
    stream = facts;
  }

  /// Has `asked` say whether keys go only when another server says so: this one is its replica, or
  /// is going to be as soon as its data is loaded. Any thread asks. Before the start.
  public void replicaIf(BooleanSupplier asked) {
    isReplica = asked;
  }

  /// Of which history the data is that was loaded at the start, if that is known.
  public @Nullable StreamFacts loadedFacts() {
    return loadedFacts;
  }

  /// Commands that delete what the file had and this server has not, as its time was over. They
  /// belong behind [#loadedFacts] in the stream.
  public byte[] loadedDeletions() {
    return loadedDeletions;
  }

  public Work work() {
    BackgroundSave save = saving.running();
    if (save != null) {
      return save.isForReplicas() ? Work.NONE : Work.SAVE;
    }
    return aof.isRewriting() ? Work.REWRITE : Work.NONE;
  }

  /// Writes the dump file, for replicas too. Returns false if it is being written.
  public boolean saveFor(CopyOwner replicas) {
    return saving.forReplicas(replicas);
  }

  /// The replicas for which a save was asked don't want it any more. It ends, unless the server is
  /// to have a dump file anyway.
  public void abandonSaveFor(CopyOwner replicas) {
    saving.abandon(replicas);
  }

  /// Streams a copy of the data. Its turn comes once no other snapshot is being taken.
  ///
  /// @return ends it
  public Runnable copyTo(Disk.Output out, boolean hasData, CopyOwner owner) {
    StreamedCopy copy = new StreamedCopy(this, out, hasData, owner);
    copying = copy;
    engine.keyspace.snapshots().take(copy);
    return () -> copy.cancel("its replicas");
  }

  /// Has the keys of some slots of database 0 written as commands that make them, as soon as no
  /// other snapshot is being taken. What is returned ends that soon.
  public Runnable slotsTo(Disk.Output out, IntPredicate slots, CopyOwner owner) {
    SlotCopy copy = new SlotCopy(this, out, slots, owner);
    engine.keyspace.snapshots().take(copy);
    return copy::cancel;
  }

  /// Whether files that are made for a synchronization go when they aren't needed for that any
  /// more: the server is to have no data on its disk.
  public boolean deletesSyncFiles() {
    return config.get(Settings.RDB_DEL_SYNC_FILES)
        && !config.get(Settings.APPENDONLY)
        && !saving.hasSavePoints();
  }

  /// For the data of another server.
  public Replacement replacement() {
    return new Replacement(this);
  }

  /// Stopped world, as its end.
  void beginLoading(long bytes) {
    loading.announce();
    loading.begin(bytes);
    engine.loading = true;
    engine.gates.closed(front.loadingGate, true);
  }

  void endLoading() {
    loading.end();
    engine.loading = false;
    engine.gates.closed(front.loadingGate, false);
  }

  /// Data is loaded beside what there is, or not any more. Stopped world.
  void loadsBeside(boolean on) {
    loading.beside(on);
    engine.loading = on;
    engine.gates.closed(front.loadingGate, on);
    engine.newEra();
  }

  /// Whether a copy goes straight to replicas.
  boolean isCopying() {
    return copying != null;
  }

  /// It is over.
  ///
  /// @param whole whether all of it was written
  void copied(StreamedCopy copy, boolean whole) {
    saving.written(copy.startedMillis, whole);
    if (copying == copy) {
      copying = null;
    }
  }

  /// What all data is being written to just now; null: nothing.
  @Nullable BaseFile written() {
    BackgroundSave save = saving.running();
    BaseFile to = save == null ? null : save.written();
    if (to == null) {
      StreamedCopy copy = copying;
      to = copy == null ? null : copy.written();
    }
    return to != null ? to : aof.written();
  }

  /// When the save began that is under way, or the stream to replicas; -1: none is.
  long savingSinceMillis() {
    BackgroundSave save = saving.running();
    StreamedCopy copy = copying;
    return save != null ? save.startedMillis : copy != null ? copy.startedMillis : -1;
  }

  /// Bytes that were appended and aren't written yet: the disk is at something else.
  public long unwrittenBytes() {
    AppendLog log = aof.log();
    return log == null ? 0 : log.pendingBytes();
  }

  /// All up to this position of the journal is written to the append-only file, so that it would
  /// survive the end of the process; [Long#MAX_VALUE]: there is no file.
  public long writtenPosition() {
    AppendLog log = aof.log();
    return log == null ? Long.MAX_VALUE : log.writtenPosition();
  }

  // ── what would survive a loss of power ──

  /// Whether what is done is written to an append-only file.
  public boolean appends() {
    return aof.state() != Aof.State.OFF;
  }

  /// All up to this position of the journal is on the disk; -1: there is no file.
  public long syncedPosition() {
    return aof.syncedPosition();
  }

  /// Has `listener` told when that may have changed. Any thread runs it, so it does next to
  /// nothing. Before the start.
  public void onSynced(Runnable listener) {
    onSynced.add(listener);
  }

  /// Some ten times a second.
  public void cron() {
    pendingEnd.cron();
    if (!loading.isUnderWay()) {
      saving.cron(keeps);
      aof.cron();
    }
  }

  /// A stream has a later version than is asked for. Said once.
  private void tellNewer(int version) {
    if (!toldNewer.getAndSet(true)) {
      notice(
          "The data has hashes with fields that expire, so dumps and syncs are of RDB version "
              + version
              + ", which Redis 7.4 and later can read, but 7.2 and Valkey can't");
    }
  }

  /// A file for the dump's stream: empty.
  RdbFile rdbFile(Path file) throws IOException {
    boolean often = config.get(Settings.RDB_SAVE_INCREMENTAL_FSYNC);
    return new RdbFile(engine, config, disk.create(file), often, false, stream, this::tellNewer);
  }

  /// The dump's stream, to replicas.
  RdbFile rdbStream(Disk.Output out) {
    return new RdbFile(engine, config, out, false, false, stream, this::tellNewer);
  }

  /// A file of commands that is the base of an append-only file.
  BaseFile commandBase(Disk.Output out, boolean syncsOften) {
    return counted(new CommandBase(out, syncsOften, engine.libraries()::codes));
  }

  /// A stream that is the base of an append-only file.
  BaseFile rdbBase(Disk.Output out, boolean syncsOften) {
    return counted(new RdbFile(engine, config, out, syncsOften, true, () -> null, this::tellNewer));
  }

  private BaseFile counted(BaseFile file) {
    file.countKeys(engine.keyspace);
    return file;
  }

  /// An RDB stream without keys.
  void writeEmptyRdb(Disk.Output out) throws IOException {
    try (Seat seat = engine.keyspace.seat()) {
      BaseFile empty = rdbBase(out, false);
      empty.begin(seat, engine.clock.millis(), false);
      empty.flush();
      empty.writeRest();
    }
  }

  // ── the end ──

  /// The server is to end: saves for the last time, if it is so configured. Returns whether it may;
  /// then no call runs any more. Stopped world.
  boolean mayEnd(Seat seat, Ending wanted) {
    isEnding = true;
    boolean ends = false;
    try {
      ends = savesForTheEnd(seat, wanted);
      return ends;
    } finally {
      isEnding = ends;
    }
  }

  /// Whether the data is being saved for the last time, or was: what replicas are sent from then on
  /// isn't in the file. Any thread.
  public boolean isEnding() {
    return isEnding;
  }

  private boolean savesForTheEnd(Seat seat, Ending wanted) {
    boolean isLoading = loading.isUnderWay();
    Ending how = isLoading ? wanted.withoutSaving() : wanted;
    if (!delayedEnd.isUnderWay()) {
      notice("User requested shutdown...");
    }
    delayedEnd.others().comes();
    if (isSaving()) {
      warning("There is a child saving an .rdb. Killing it!");
      saving.cancel("SHUTDOWN");
      StreamedCopy copy = copying;
      if (copy != null) {
        copy.cancel("SHUTDOWN");
      }
    }
    if (aof.isRewriting()) {
      if (aof.state() == Aof.State.STARTING) {
        if (!how.force()) {
          warning("Writing initial AOF, can't exit.");
          warning("Errors trying to shut down the server. Check the logs for more information.");
          return false;
        }
        warning("Writing initial AOF. Exit anyway.");
      }
      warning("There is a child rewriting the AOF. Killing it!");
      aof.cancelRewrite();
    }
    if (aof.state() != Aof.State.OFF) {
      notice("Calling fsync() on the AOF file."); // which its closing waits for
    }
    if (how.save() || keeps && saving.hasSavePoints() && !how.noSave()) {
      notice("Saving the final RDB snapshot before exiting.");
      if (!saving.write(seat)) {
        if (!how.force()) {
          warning("Error trying to save the DB, can't exit.");
          warning("Errors trying to shut down the server. Check the logs for more information.");
          return false;
        }
        warning("Error trying to save the DB. Exit anyway.");
      }
    }
    if (isLoading) {
      loading.cancel();
    }
    front.endGate.close(engine);
    return true;
  }

  /// Who else is to be ready before the server ends. Before the start.
  public void beforeEnd(BeforeEnd others) {
    delayedEnd.of(others);
  }

  /// Whether the end has to wait: then it comes by itself, once it needn't. Stopped world.
  ///
  /// @param stop has the server stopped; returns before it is
  boolean isEndDelayed(Ending how, Runnable stop) {
    boolean isNew = !delayedEnd.isUnderWay();
    if (how.now() || !delayedEnd.begins()) {
      return false;
    }
    if (isNew) {
      Thread waits =
          new Thread(
              () -> {
                if (comesAtLast(how)) {
                  stop.run();
                }
              },
              "spinel-shutdown");
      waits.setDaemon(true);
      waits.start();
    }
    return true;
  }

  /// Waits for those who are to be ready. Returns whether the server may end then.
  private boolean comesAtLast(Ending how) {
    try {
      if (!delayedEnd.await()) {
        return false;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    boolean[] may = new boolean[1];
    inStoppedWorld(seat -> may[0] = mayEnd(seat, how));
    if (!may[0]) {
      delayedEnd.takeBack();
    }
    return may[0];
  }

  /// That an end which has to wait is taken back.
  Condition endTakenBack() {
    return delayedEnd.new TakenBack();
  }

  /// Waits until the next cron; returns false if SHUTDOWN ABORT comes before that.
  public boolean awaitEnd() throws InterruptedException {
    return pendingEnd.await();
  }

  /// Takes an end back that a signal has asked for. Returns false if there is none, or it is too
  /// late.
  boolean abortEnd() {
    boolean aborted = pendingEnd.abort() | delayedEnd.takeBack();
    if (aborted) {
      notice("Shutdown manually aborted.");
    }
    return aborted;
  }

  /// The same, from outside of calls.
  public boolean mayEnd(Ending how) {
    boolean[] waits = new boolean[1];
    boolean[] may = new boolean[1];
    inStoppedWorld(
        seat -> {
          waits[0] = !how.now() && delayedEnd.begins();
          may[0] = !waits[0] && mayEnd(seat, how);
        });
    return waits[0] ? comesAtLast(how) : may[0];
  }

  /// Has everything written, waits for the disk, and lets go of all files. No client may write any
  /// more.
  public void close() {
    saving.cancel("the server's end");
    aof.close();
    dump.close();
  }

  /// The process is going to end at once: removes the files of all its servers that aren't
  /// finished.
  public static void abandonAll() {
    TemporaryFiles.removeAll();
  }

  void fatal(String why) {
    warning(why);
    fatal.accept(why);
  }

  // ── for all of this room ──

  /// The folder of all files that are named without one.
  Path folder() {
    return Path.of(config.text(Settings.DIR));
  }

  void notice(String text) {
    log.log('*', text);
  }

  void warning(String text) {
    log.log('#', text);
  }

  /// Runs an action while no command runs. Not for a thread that has a seat.
  void inStoppedWorld(Consumer<Seat> action) {
    try (Seat seat = engine.keyspace.seat()) {
      seat.enter();
      try {
        engine.keyspace.world().stop(seat, () -> action.accept(seat));
      } finally {
        seat.leave();
      }
    }
  }
}
