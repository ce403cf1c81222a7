package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Which file this server saves its data to and loads it from, and its claim to it.
///
/// ```
///   dbfilename is set            that one; if another server has it, none
///   it isn't, and there is       dump-PORT.rdb
///   a dump-PORT.rdb
///   dump.rdb is free             dump.rdb
///   another server has it        dump-PORT.rdb
/// ```
///
/// So servers that are started in one folder without further ado don't load each other's keys, and
/// each finds its own again. It is settled when the file is first wanted, and again when `dir` or
/// `dbfilename` has changed. Any thread.
final class DumpFile implements AutoCloseable {
  private static final String INCOMPLETE = ".incomplete";

  private final Persistence persistence;
  private final int port;
  private @Nullable FileClaim claim; // monitor
  private @Nullable Path claimed; // monitor
  private boolean isNamed; // by a setting; monitor
  private boolean isUnread; // what is in the file, though it counts; monitor

  /// @param port that the server was told to listen at; 0 if it was told none
  DumpFile(Persistence persistence, int port) {
    this.persistence = persistence;
    this.port = port;
    Config config = persistence.config;
    isNamed = config.isGiven(Settings.DBFILENAME);
    config.onChange(Settings.DBFILENAME, changed -> named());
  }

  private synchronized void named() {
    isNamed = true;
  }

  /// Whether there is, or may be, something to load. It claims nothing.
  synchronized boolean exists() {
    if (name().isEmpty()) {
      return false;
    }
    Disk disk = persistence.disk;
    return disk.exists(path(name())) || !isNamed && port > 0 && disk.exists(path(own()));
  }

  /// The file, claimed. Errors: another server has it, or there can't be one; the message says what
  /// to do.
  synchronized Path claim() throws IOException {
    if (name().isEmpty()) {
      throw new IOException("dbfilename is empty");
    }
    Path wanted = path(name());
    if (claim != null) {
      if (wanted.equals(claimed)) {
        return wanted;
      }
      close();
    }
    boolean mayChoose = !isNamed && port > 0;
    if (mayChoose && persistence.disk.exists(path(own()))) {
      Path mine = claimOrFail(path(own()));
      choose("There is a " + own() + ", which is this server's");
      return mine;
    }
    try {
      return claim(wanted);
    } catch (FileClaim.Held e) {
      if (!mayChoose) {
        throw refusal(wanted, e);
      }
      Path mine = claimOrFail(path(own()));
      choose(wanted + " is in use by " + e.holder());
      return mine;
    }
  }

  /// A file beside it, by whose being there a server says that its data isn't complete. If another
  /// server has the dump file, this one has a name of its own for it.
  synchronized Path incomplete() {
    try {
      return Path.of(claim() + INCOMPLETE);
    } catch (IOException e) {
      return path((port > 0 ? own() : name()) + INCOMPLETE);
    }
  }

  /// The same, if it is there; else null, and nothing is claimed.
  synchronized @Nullable Path incompleteIfThere() {
    Disk disk = persistence.disk;
    boolean mayBe =
        disk.exists(path(name() + INCOMPLETE)) || port > 0 && disk.exists(path(own() + INCOMPLETE));
    Path file = mayBe ? incomplete() : null;
    return file != null && disk.exists(file) ? file : null;
  }

  /// Who this server is, for others to read.
  String holder() {
    return FileClaim.thisProcess(port);
  }

  /// The server starts without what is in the file, as its append-only file, which is new, is what
  /// counts. Says so if there is something, which the first save sets aside.
  synchronized void leaveUnread() {
    if (exists()) {
      isUnread = true;
      persistence.warning(
          "WARNING: appendonly is on, and there is no append-only file yet: this server starts"
              + " empty, as Redis does, although there is a "
              + name()
              + ". To have its data, start with appendonly no, then say CONFIG SET appendonly yes."
              + " The first save sets the file aside instead of overwriting it.");
    }
  }

  /// Called before a save takes the name of the file: what nobody has read gets another.
  synchronized void makeWay(Path target) throws IOException {
    if (!isUnread || !persistence.disk.exists(target)) {
      return;
    }
    Path aside = null;
    for (int i = 1; aside == null || persistence.disk.exists(aside); i++) {
      aside = target.resolveSibling(target.getFileName() + ".unread-" + i);
    }
    persistence.disk.rename(target, aside);
    isUnread = false;
    persistence.warning("The dump file that wasn't loaded is kept as " + aside.getFileName());
  }

  private Path claim(Path file) throws IOException, FileClaim.Held {
    claim = FileClaim.of(file, holder());
    claimed = file;
    return file;
  }

  private Path claimOrFail(Path file) throws IOException {
    try {
      return claim(file);
    } catch (FileClaim.Held e) {
      throw refusal(file, e);
    }
  }

  private IOException refusal(Path file, FileClaim.Held held) {
    String other = port > 0 && !own().equals(name()) ? own() : "dump-2.rdb";
    return new IOException(
        file
            + " is in use by "
            + held.holder()
            + ". Give this server a file of its own: add the line 'dbfilename "
            + other
            + "' to its configuration.",
        held);
  }

  private void choose(String why) {
    persistence.config.put(Settings.DBFILENAME, own());
    persistence.warning(
        "WARNING: "
            + why
            + ": this server keeps its data in "
            + own()
            + " instead of dump.rdb, as CONFIG GET dbfilename tells. To choose, set dbfilename.");
  }

  private String name() {
    return persistence.config.text(Settings.DBFILENAME);
  }

  private String own() {
    return "dump-" + port + ".rdb";
  }

  private Path path(String name) {
    return persistence.folder().resolve(name);
  }

  @Override
  public synchronized void close() {
    FileClaim held = claim;
    claim = null;
    claimed = null;
    if (held != null) {
      held.close();
    }
  }
}
