package dev.spinel.persist;

import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Database;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The data of another server takes the place of this one's.
///
/// ```
///   receive ─► write … ─► keep ─┐
///                               ├─► mark(false) ─► load: all goes, LOADING, what comes is loaded ─► mark(true)
///   bytes as they come ─────────┘
/// ```
///
/// While data is discarded and not yet replaced there is a file beside it that says so
/// (`dump.rdb.incomplete`): whoever starts from what is left knows that it is no copy of anything.
///
/// Belongs to one thread, which has no seat.
public final class Replacement {
  private static final String TEXT =
      "The data of this server was discarded for a copy of its primary's, which isn't complete.\n";

  private final Persistence persistence;
  private final Engine engine;
  private int streamDatabase;
  private @Nullable Map<Integer, Database> beside; // by number; loaded, to be swapped in
  private @Nullable RdbLoader besideLoader; // that loaded it
  private boolean isSwapped;
  private boolean hasDiscarded;
  private final Object marking = new Object();
  private @Nullable Path marker; // that is there, as far as this knows; `marking`
  private int markings; // `marking`

  Replacement(Persistence persistence) {
    this.persistence = persistence;
    this.engine = persistence.engine;
  }

  // ── whether the data is complete ──

  /// Notes that the data isn't complete, whatever happens next. A server that keeps nothing has
  /// nothing to note. Errors: it isn't noted, and no data may be discarded.
  public void markIncomplete() throws IOException {
    if (!persistence.keepsData()) {
      return;
    }
    synchronized (marking) {
      markings++; // no earlier markComplete counts
      Path wanted = persistence.dump.incomplete();
      if (!wanted.equals(marker)) {
        marker = mark(wanted);
      }
    }
  }

  private Path mark(Path made) throws IOException {
    try {
      try (Disk.Output out = persistence.disk.create(made)) {
        byte[] text = TEXT.getBytes(StandardCharsets.UTF_8);
        out.write(text, 0, text.length);
        out.sync();
      }
      persistence.disk.syncFolder(TemporaryFiles.folderOf(made));
      return made;
    } catch (IOException e) {
      try {
        persistence.disk.delete(made); // the data stays, and is what it was
      } catch (IOException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
  }

  /// Notes that it is complete: at once, or as soon as the append-only file, from which the server
  /// would start, has it. `failed` is told if that can't be noted.
  public void markComplete(Consumer<IOException> failed) {
    int which;
    synchronized (marking) {
      which = markings;
    }
    persistence.aof.onceItHasAll(() -> unmark(which, failed));
  }

  private void unmark(int which, Consumer<IOException> failed) {
    synchronized (marking) {
      Path made = marker;
      if (which != markings || made == null) {
        return; // the next synchronization has begun, or nothing was noted
      }
      marker = null;
      try {
        persistence.disk.delete(made);
        persistence.disk.syncFolder(TemporaryFiles.folderOf(made));
      } catch (IOException e) {
        failed.accept(e);
      }
    }
  }

  /// Whether an earlier process has noted that it isn't. At the start, once.
  public boolean isIncomplete() {
    if (!persistence.keepsData()) {
      return false;
    }
    synchronized (marking) {
      marker = persistence.dump.incompleteIfThere(); // it was durable before data went
      return marker != null;
    }
  }

  // ── a file that comes ──

  /// A file that is received.
  public final class Received {
    private final Path path = TemporaryFiles.take(persistence.folder(), "temp-", ".rdb");
    private final Disk.Output out;
    private boolean isOpen = true;
    private boolean isThere = true;

    Received() throws IOException {
      try {
        out = persistence.disk.create(path);
      } catch (IOException e) {
        TemporaryFiles.release(path);
        throw e;
      }
    }

    public void write(byte[] bytes, int from, int length) throws IOException {
      out.write(bytes, from, length);
    }

    /// All has come.
    public void finish() throws IOException {
      out.sync();
      close();
    }

    private void close() throws IOException {
      if (isOpen) {
        isOpen = false;
        out.close();
      }
    }

    /// Has it take the place of the dump file, if that is this server's: then it is what a restart
    /// begins with.
    private void becomeDump() throws IOException {
      Path dump = persistence.dump.claim();
      persistence.dump.makeWay(dump);
      persistence.disk.rename(path, dump);
      isThere = false;
      TemporaryFiles.release(path);
      persistence.disk.syncFolder(persistence.folder());
    }

    /// It isn't needed any more.
    public void discard() {
      try {
        close();
        if (isThere) {
          persistence.disk.delete(path);
        }
      } catch (IOException e) {
        persistence.warning("Can't remove the temporary file " + path + ": " + IoReason.of(e));
      }
      if (isThere) {
        isThere = false;
        TemporaryFiles.release(path);
      }
    }
  }

  public Received receive() throws IOException {
    return new Received();
  }

  // ── loading ──

  /// Loads a file that was received; it becomes the dump file, if the server keeps its data. As the
  /// other `load`.
  public @Nullable String load(
      Dispatcher by, Received file, BooleanSupplier cancelled, Loaded loaded) {
    Disk.Input in;
    hasDiscarded = false;
    boolean isRemoved = persistence.keepsData() && persistence.deletesSyncFiles();
    try {
      in = persistence.disk.read(file.path); // before it gets another name
    } catch (IOException e) {
      return told("Failed trying to open the file received from the MASTER: " + IoReason.of(e));
    }
    try (in) {
      if (isRemoved) {
        file.discard(); // it is open
      } else if (persistence.keepsData()) {
        file.becomeDump();
      }
      if (persistence.saving.running() != null) {
        persistence.notice(
            "Replica is about to load the RDB file received from the master, but there is a pending"
                + " RDB child running. Killing process "
                + ProcessHandle.current().pid()
                + " and removing its temp file to avoid any race");
      }
      return load(
          by,
          in,
          in.size(),
          file.path.toString(),
          cancelled,
          stopped -> {
            if (isRemoved) {
              tellRemoved();
            }
            loaded.inStoppedWorld(stopped);
          });
    } catch (IOException e) {
      return told(
          "Failed trying to rename the temp DB into "
              + persistence.config.text(Settings.DBFILENAME)
              + " in MASTER <-> REPLICA synchronization: "
              + IoReason.of(e));
    }
  }

  private void tellRemoved() {
    persistence.notice(
        "Removing the RDB file obtained from the master. This replica has persistence disabled");
  }

  /// Whether the last `load` has come so far that the data that there was is gone.
  public boolean hasDiscarded() {
    return hasDiscarded;
  }

  private String told(String failure) {
    persistence.warning(failure);
    return failure;
  }

  /// Hears that all is loaded, in the stopped world in which it becomes visible.
  public interface Loaded {
    void inStoppedWorld(Dispatcher by);
  }

  /// What clients get while data is loaded beside what there is.
  public enum Clients {
    SERVED,
    REFUSED
  }

  /// Loads what comes beside the data that there is. `loaded` may have it take that data's place
  /// ([#swap]); else it goes. Returns why it failed, or null.
  ///
  /// @param by of the thread that calls, without its seat taken
  /// @param bytes that come, or 0 if that isn't known
  public @Nullable String loadBeside(
      Dispatcher by,
      Disk.Input in,
      long bytes,
      String name,
      Clients clients,
      BooleanSupplier cancelled,
      Loaded loaded) {
    Map<Integer, Database> made = new ConcurrentHashMap<>();
    isSwapped = false;
    boolean[] isOver = {false};
    stopped(by, () -> beginBeside(clients, bytes));
    try {
      RdbLoader loader =
          new RdbLoader(
                  persistence, RdbLoader.Duplicates.REFUSED, false, persistence.loading::bytes)
              .into(number -> made.computeIfAbsent(number, any -> new Database()));
      read(in, name, loader, cancelled);
      beside = made;
      besideLoader = loader;
      stopped(
          by,
          () -> {
            isOver[0] = true;
            endBeside(clients);
            loaded.inStoppedWorld(by);
          });
      return null;
    } catch (RdbLoader.Unloadable e) {
      return String.valueOf(e.getMessage());
    } catch (IOException e) {
      return IoReason.of(e);
    } finally {
      if (!isOver[0]) {
        stopped(by, () -> endBeside(clients));
      }
      beside = null;
      besideLoader = null;
      if (!isSwapped) {
        discard(by, made);
      }
      persistence.aof.resume();
    }
  }

  private void beginBeside(Clients clients, long bytes) {
    if (clients == Clients.SERVED) {
      persistence.loadsBeside(true);
    } else {
      persistence.beginLoading(bytes);
      engine.newEra();
    }
  }

  private void endBeside(Clients clients) {
    if (clients == Clients.SERVED) {
      persistence.loadsBeside(false);
    } else {
      persistence.endLoading();
      engine.newEra();
    }
  }

  private void discard(Dispatcher by, Map<Integer, Database> unused) {
    for (Database each : unused.values()) {
      by.turnBegins();
      try {
        engine.keyspace.discard(by.seat(), each);
      } finally {
        by.turnEnds();
      }
    }
  }

  /// What was loaded beside the data takes its place. In the stopped world of `loaded`.
  public void swap(Dispatcher stopped) {
    Map<Integer, Database> filled = Objects.requireNonNull(beside);
    isSwapped = true;
    persistence.aof.suspend();
    engine.replaceAll(stopped, filled);
    replaceLibraries(Objects.requireNonNull(besideLoader));
    persistence.saving.loaded();
  }

  /// Those that came take the place of those that there are.
  private void replaceLibraries(RdbLoader loader) {
    engine.libraries().flush();
    try {
      loader.joinLibraries(false);
    } catch (RdbLoader.Unloadable e) {
      throw new IllegalStateException(e); // there is none that it could be called like
    }
  }

  /// Discards all data, and loads what comes. Returns why it failed, or null; then there is no
  /// data.
  ///
  /// @param by of the thread that calls, without its seat taken
  /// @param bytes that come, or 0 if that isn't known
  public @Nullable String load(
      Dispatcher by,
      Disk.Input in,
      long bytes,
      String name,
      BooleanSupplier cancelled,
      Loaded loaded) {
    hasDiscarded = true;
    persistence.saving.cancel("signal 10"); // as Redis says it: it ends a child process
    stopped(by, () -> begin(by, bytes));
    boolean done = false;
    RdbLoader loader =
        new RdbLoader(persistence, RdbLoader.Duplicates.REFUSED, false, persistence.loading::bytes);
    try {
      read(in, name, loader, cancelled);
      done = true;
      return null;
    } catch (RdbLoader.Unloadable e) {
      return String.valueOf(e.getMessage());
    } catch (IOException e) {
      return IoReason.of(e);
    } finally {
      boolean succeeded = done;
      stopped(by, () -> end(by, succeeded ? loader : null, loaded));
      persistence.aof.resume();
    }
  }

  /// All of it, unless somebody gives it up.
  private void read(Disk.Input in, String name, RdbLoader loader, BooleanSupplier cancelled)
      throws IOException, RdbLoader.Unloadable {
    loader
        .cancelled(() -> cancelled.getAsBoolean() || persistence.loading.isCancelled())
        .load(in, name);
    readOn(in);
    streamDatabase = loader.streamDatabase();
  }

  /// To the end, which the sender tells apart.
  private static void readOn(Disk.Input in) throws IOException {
    byte[] rest = new byte[4096];
    while (in.read(rest, 0, rest.length) >= 0) {}
  }

  /// The database that the stream behind what was loaded means at first.
  public int streamDatabase() {
    return streamDatabase;
  }

  private void begin(Dispatcher by, long bytes) {
    persistence.aof.suspend();
    persistence.beginLoading(bytes);
    engine.flushAll(by, persistence.config.get(Settings.REPLICA_LAZY_FLUSH));
    engine.libraries().flush();
    engine.newEra();
  }

  /// @param loader that loaded all; null: something failed
  private void end(Dispatcher by, @Nullable RdbLoader loader, Loaded loaded) {
    if (loader == null) {
      engine.flushAll(by, false);
    } else {
      replaceLibraries(loader);
    }
    persistence.endLoading();
    engine.newEra();
    if (loader != null) {
      persistence.saving.loaded();
      loaded.inStoppedWorld(by);
    }
  }

  /// Runs an action while no command runs.
  ///
  /// @param by of the thread that calls, without its seat taken
  public void stopped(Dispatcher by, Runnable action) {
    by.turnBegins();
    try {
      engine.keyspace.world().stop(by.seat(), action);
    } finally {
      by.turnEnds();
    }
  }
}
