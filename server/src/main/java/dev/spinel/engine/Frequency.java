package dev.spinel.engine;

import dev.spinel.config.Settings;
import java.util.concurrent.ThreadLocalRandom;

/// The arithmetic of "least frequently used": an entry's access word of 24 bits holds the minute of
/// the last access (16 bits) and a counter (8 bits) that grows with the logarithm of the accesses
/// and falls with time.
public final class Frequency {
  private static final int NEW = 5; // a new key's counter: not the first to go
  private static final int MOST = 255;

  private final Limits limits;

  Frequency(Limits limits) {
    this.limits = limits;
  }

  /// The word after one more access.
  int next(int word, long nowMillis) {
    int counter = counter(word, nowMillis);
    if (counter < MOST) {
      double likely =
          1.0 / (Math.max(0, counter - NEW) * (double) limits.get(Settings.LFU_LOG_FACTOR) + 1);
      if (ThreadLocalRandom.current().nextDouble() < likely) {
        counter++;
      }
    }
    return minutes(nowMillis) << 8 | counter;
  }

  /// The word of a new key.
  static int newcomer(long nowMillis) {
    return word(NEW, nowMillis);
  }

  /// The word of a key whose counter is this.
  static int word(int counter, long nowMillis) {
    return minutes(nowMillis) << 8 | counter;
  }

  /// The access word of an entry whose use was this elsewhere, as far as the policy wants to know
  /// it.
  ///
  /// @param idleSeconds for how long it had not been used, or -1
  /// @param counter how often it was used, 0 to 255, or -1
  public int wordOf(long nowMillis, long idleSeconds, int counter) {
    if (limits.lfu) {
      return word(counter < 0 ? NEW : counter, nowMillis);
    }
    return (int) (nowMillis / 1000 - Math.clamp(idleSeconds, 0, 0xffffff)) & 0xffffff;
  }

  /// The counter of a word as of now, 0 to 255.
  public int counter(int word, long nowMillis) {
    int counter = word & 0xff;
    int elapsed = (minutes(nowMillis) - (word >>> 8)) & 0xffff;
    int decayMinutes = limits.intOf(Settings.LFU_DECAY_TIME);
    int periods = decayMinutes == 0 ? 0 : elapsed / decayMinutes;
    return Math.max(0, counter - periods);
  }

  private static int minutes(long millis) {
    return (int) (millis / 60_000) & 0xffff;
  }
}
