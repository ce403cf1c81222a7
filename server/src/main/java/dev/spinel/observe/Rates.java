package dev.spinel.observe;

/// What INFO shows as instantaneous: means over the last 16 samples, taken ten times a second by
/// one thread ([#sample]); read by any.
public final class Rates {
  private static final int SAMPLES = 16;

  private final Track commands = new Track();
  private final Track input = new Track();
  private final Track output = new Track();
  private final Track fromPrimary = new Track();
  private final Track toReplicas = new Track();
  private final Track turns = new Track();
  private final Track turnNanos = new Track();
  private long lastMillis; // the sampling thread's

  /// One quantity's last rates, per second. Its owner's monitor.
  private static final class Track {
    final long[] rates = new long[SAMPLES];
    long last;
    int next;

    void sample(long total, long millis) {
      rates[next] = Math.max(0, total - last) * 1000 / millis;
      next = (next + 1) % SAMPLES;
      last = total;
    }

    long mean() {
      long sum = 0;
      for (long rate : rates) {
        sum += rate;
      }
      return sum / SAMPLES;
    }
  }

  /// Takes a sample: the totals now.
  public synchronized void sample(long nowMillis, long commandsRun, Traffic.Totals totals) {
    long passed = nowMillis - lastMillis;
    if (lastMillis != 0 && passed > 0) {
      commands.sample(commandsRun, passed);
      input.sample(totals.bytesIn(), passed);
      output.sample(totals.bytesOut(), passed);
      fromPrimary.sample(totals.fromPrimary(), passed);
      toReplicas.sample(totals.toReplicas(), passed);
      turns.sample(totals.turns(), passed);
      turnNanos.sample(totals.turnNanos(), passed);
    }
    lastMillis = nowMillis;
  }

  public synchronized long commandsPerSecond() {
    return commands.mean();
  }

  public synchronized long inputPerSecond() {
    return input.mean();
  }

  public synchronized long outputPerSecond() {
    return output.mean();
  }

  public synchronized long fromPrimaryPerSecond() {
    return fromPrimary.mean();
  }

  public synchronized long toReplicasPerSecond() {
    return toReplicas.mean();
  }

  /// Of all loops.
  public synchronized long turnsPerSecond() {
    return turns.mean();
  }

  /// How long a turn takes, in microseconds.
  public synchronized long turnMicros() {
    long perSecond = turns.mean();
    return perSecond == 0 ? 0 : turnNanos.mean() / perSecond / 1000;
  }
}
