package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import java.io.IOException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/// `rdb-key-save-delay`: how long the thread that takes a snapshot has still to wait for the keys
/// that it has written. Belongs to that thread.
final class SaveDelay {
  /// Throws if the snapshot isn't wanted any more.
  interface Check {
    void check() throws IOException;
  }

  private static final long LOOK_NANOS = 10_000_000;

  private final Config config;
  private long owedMicros;

  SaveDelay(Config config) {
    this.config = config;
  }

  /// How long to wait for a key, in microseconds: one of so many waits for 1 if the setting is
  /// negative, as nobody can wait for less.
  static long micros(long setting) {
    return setting >= 0 ? setting : ThreadLocalRandom.current().nextLong(-setting) == 0 ? 1 : 0;
  }

  /// For one key.
  void owe() {
    long delay = config.get(Settings.RDB_KEY_SAVE_DELAY);
    if (delay != 0) {
      owedMicros += micros(delay);
    }
  }

  boolean isOwed() {
    return owedMicros > 0;
  }

  /// Waits for what is owed, or until the setting is set back. The seat is left.
  void pay(Check wanted) throws IOException {
    if (owedMicros == 0) {
      return;
    }
    long until = System.nanoTime() + 1000 * owedMicros;
    owedMicros = 0;
    for (long left = until - System.nanoTime();
        left > 0 && config.get(Settings.RDB_KEY_SAVE_DELAY) != 0;
        left = until - System.nanoTime()) {
      LockSupport.parkNanos(Math.min(left, LOOK_NANOS));
      if (Thread.interrupted()) {
        throw new IOException("the server is being closed");
      }
      wanted.check();
    }
  }
}
