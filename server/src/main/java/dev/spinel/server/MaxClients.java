package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Settings;
import java.io.IOException;

/// `maxclients`, lowered to what the system has file descriptors for. Any thread.
final class MaxClients {
  /// Descriptors that no client may have: those of listeners, the log, and what loops wait with.
  private static final int RESERVED_FILES = 32;

  private final Config config;
  private final Log log;
  private volatile long now;
  private volatile long possible = Long.MAX_VALUE; // set once, by fitToSystem

  MaxClients(Config config, Log log) {
    this.config = config;
    this.log = log;
    now = config.get(Settings.MAXCLIENTS);
    config.onChange(Settings.MAXCLIENTS, this::change);
  }

  long now() {
    return now;
  }

  /// Lowers the setting if the system allows the process too few files. Errors: with so few files
  /// that no client could connect.
  void fitToSystem(int loops) throws IOException {
    long files = OpenFiles.limit();
    int others = Math.max(RESERVED_FILES, 24 + 2 * loops);
    if (files == Long.MAX_VALUE || now <= files - others) {
      possible = files == Long.MAX_VALUE ? files : files - others;
      return;
    }
    if (files <= others) {
      throw new IOException(
          "Your current 'ulimit -n' of "
              + files
              + " is not enough for the server to start. Please increase your open file limit to"
              + " at least "
              + (now + others)
              + ". Exiting.");
    }
    possible = files - others;
    warn(now, files);
    now = possible;
    config.put(Settings.MAXCLIENTS, now);
  }

  private void warn(long wanted, long files) {
    long needed = wanted + files - possible;
    log.warning(
        "You requested maxclients of "
            + wanted
            + " requiring at least "
            + needed
            + " max file descriptors.");
    log.warning(
        "Server can't set maximum open files to "
            + needed
            + " because of OS error: Operation not permitted.");
    log.warning(
        "Current maximum open files is "
            + files
            + ". maxclients has been reduced to "
            + possible
            + " to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.");
  }

  private void change(Config changed) {
    long wanted = changed.get(Settings.MAXCLIENTS);
    if (wanted > possible) {
      throw new ConfigError(
          "The operating system is not able to handle the specified number of clients, try with "
              + possible);
    }
    now = wanted;
  }
}
