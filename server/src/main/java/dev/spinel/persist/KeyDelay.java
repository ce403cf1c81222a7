package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.Setting;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/// `rdb-key-save-delay` or `key-load-delay`: how long a thread has still to wait for the keys that
/// it has written or loaded. Belongs to that thread.
final class KeyDelay {
  /// Throws if what the thread does isn't wanted any more.
  interface Check<E extends Exception> {
    void check() throws E;
  }

  private static final long LOOK_NANOS = 10_000_000;

  private final Config config;
  private final Setting<Long> setting; // microseconds; negative: one of so many keys waits for 1
  private long owedMicros;

  KeyDelay(Config config, Setting<Long> setting) {
    this.config = config;
    this.setting = setting;
  }

  boolean isSet() {
    return config.get(setting) != 0;
  }

  /// For so many keys.
  void owe(long keys) {
    long delay = config.get(setting);
    if (delay >= 0) {
      owedMicros += delay * keys;
      return;
    }
    for (long i = 0; i < keys; i++) {
      owedMicros += ThreadLocalRandom.current().nextLong(-delay) == 0 ? 1 : 0;
    }
  }

  boolean isOwed() {
    return owedMicros > 0;
  }

  /// Waits for what is owed, or until the setting is set back, or the thread is interrupted, as it
  /// is when the server is closed. The seat is left.
  <E extends Exception> void pay(Check<E> wanted) throws E {
    if (owedMicros == 0) {
      return;
    }
    long until = System.nanoTime() + 1000 * owedMicros;
    owedMicros = 0;
    for (long left = until - System.nanoTime();
        left > 0 && isSet() && !Thread.currentThread().isInterrupted();
        left = until - System.nanoTime()) {
      LockSupport.parkNanos(Math.min(left, LOOK_NANOS));
      wanted.check();
    }
  }
}
