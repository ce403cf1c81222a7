package dev.spinel.net;

import java.util.concurrent.atomic.AtomicLongArray;

/// What a loop has counted since it began. The loop's thread adds; any thread reads what the last
/// turn that ended has published.
public final class LoopCounts {
  private static final int BYTES_IN = 0,
      BYTES_OUT = 1,
      READS = 2,
      WRITES = 3,
      TURNS = 4,
      TURN_NANOS = 5,
      RUN_NANOS = 6,
      COUNTS = 7;

  private final AtomicLongArray published = new AtomicLongArray(COUNTS);
  private final long[] counts = new long[COUNTS]; // loop's thread
  private volatile long longestTurnNanos;

  /// A socket gave `bytes`.
  void read(int bytes) {
    counts[BYTES_IN] += bytes;
    counts[READS]++;
  }

  /// A socket took `bytes`.
  void wrote(long bytes) {
    counts[BYTES_OUT] += bytes;
    counts[WRITES]++;
  }

  /// Commands ran for so long.
  void ran(long nanos) {
    counts[RUN_NANOS] += nanos;
  }

  /// A turn ends that took so long, without the wait before it.
  void turned(long nanos) {
    counts[TURNS]++;
    counts[TURN_NANOS] += nanos;
    if (nanos > longestTurnNanos) {
      longestTurnNanos = nanos;
    }
    publish();
  }

  void publish() {
    for (int i = 0; i < COUNTS; i++) {
      published.setRelease(i, counts[i]);
    }
  }

  /// Bytes read from sockets.
  public long bytesIn() {
    return published.get(BYTES_IN);
  }

  /// Bytes written to sockets.
  public long bytesOut() {
    return published.get(BYTES_OUT);
  }

  /// Reads that gave something.
  public long reads() {
    return published.get(READS);
  }

  /// Writes that a socket took something of.
  public long writes() {
    return published.get(WRITES);
  }

  public long turns() {
    return published.get(TURNS);
  }

  /// Time in turns, without waiting.
  public long turnNanos() {
    return published.get(TURN_NANOS);
  }

  /// Of the longest turn since that was forgotten.
  public long longestTurnNanos() {
    return longestTurnNanos;
  }

  /// CONFIG RESETSTAT. Any thread.
  public void forgetLongestTurn() {
    longestTurnNanos = 0;
  }

  /// Time in which commands ran.
  public long runNanos() {
    return published.get(RUN_NANOS);
  }
}
