package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.Settings;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Seat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Consumer;

/// What of a server survives it: made by the assembly, which has it load before clients may, tells
/// it the time, and closes it last.
public final class Persistence {
  final Engine engine;
  final Config config;
  final ConfigLog log;
  final Disk disk;

  private final Consumer<String> fatal;
  final Aof aof;

  /// @param fatal is told why the server must end; any thread
  public Persistence(
      Engine engine,
      Config config,
      ConfigLog log,
      Disk disk,
      AofCommands commands,
      Consumer<String> fatal) {
    this.engine = engine;
    this.config = config;
    this.log = log;
    this.disk = disk;
    this.fatal = fatal;
    aof = new Aof(this, commands::synced);
    commands.of(aof);
  }

  /// Loads what there is, and has what follows kept. Before a client may write. Errors: what there
  /// is can't be loaded, or nothing can be kept; the log says why.
  public void load() throws IOException {
    if (!config.get(Settings.APPENDONLY)) {
      return;
    }
    AofLoader loader = new AofLoader(this, aof, this::loadRdb, bytes -> {});
    try {
      long began = System.nanoTime();
      Manifest manifest = loader.manifest();
      loader.load(manifest);
      if (manifest != Manifest.EMPTY) {
        notice(
            String.format(
                Locale.ROOT,
                "DB loaded from append only file: %.3f seconds",
                (System.nanoTime() - began) / 1e9));
      }
      aof.open(manifest);
    } catch (AofLoader.Unloadable e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private void loadRdb(Disk.Input in, String name) throws AofLoader.Unloadable {
    throw new AofLoader.Unloadable("not yet");
  }

  /// Bytes that were appended and aren't written yet: the disk is at something else.
  public long unwrittenBytes() {
    AppendLog log = aof.log();
    return log == null ? 0 : log.pendingBytes();
  }

  /// Some ten times a second.
  public void cron() {
    aof.cron();
  }

  /// Has everything written, and waits for the disk. No client may write any more.
  public void close() {
    aof.close();
  }

  void fatal(String why) {
    warning(why);
    fatal.accept(why);
  }

  BaseFile rdbBase(Disk.Output out, boolean syncsOften) {
    return new RdbBase(engine, config, out, syncsOften);
  }

  /// An RDB stream without keys.
  void writeEmptyRdb(Disk.Output out) throws IOException {
    try (Seat seat = engine.keyspace.seat()) {
      RdbBase empty = new RdbBase(engine, config, out, false);
      empty.begin(seat, engine.clock.millis(), false);
      empty.flush();
      empty.drain();
    }
  }

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

  /// Whether an RDB file is being written.
  boolean isSaving() {
    return false;
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
