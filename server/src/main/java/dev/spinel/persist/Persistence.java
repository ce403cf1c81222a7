package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.engine.Engine;
import java.nio.file.Path;

/// What of a server survives it: made by the assembly, which has it load before clients may, tells
/// it the time, and closes it last.
public final class Persistence {
  final Engine engine;
  final Config config;
  final ConfigLog log;
  final Disk disk;

  public Persistence(Engine engine, Config config, ConfigLog log, Disk disk) {
    this.engine = engine;
    this.config = config;
    this.log = log;
    this.disk = disk;
  }

  /// The folder of all files that are named without one.
  Path folder() {
    return Path.of(config.text(dev.spinel.config.Settings.DIR));
  }

  void notice(String text) {
    log.log('*', text);
  }

  void warning(String text) {
    log.log('#', text);
  }
}
