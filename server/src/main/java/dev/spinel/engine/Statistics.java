package dev.spinel.engine;

import java.util.Arrays;

/// What one thread counts of the commands that it runs; added up for INFO. Written by that thread,
/// read racily by others.
final class Statistics {
  /// By [Command#index].
  final long[] calls;

  final long[] nanos;
  final long[] rejected;
  final long[] failed;

  long commands;
  long changes;
  long hits;
  long misses;

  /// @param rows how many commands there are
  Statistics(int rows) {
    calls = new long[rows];
    nanos = new long[rows];
    rejected = new long[rows];
    failed = new long[rows];
  }

  void add(Statistics other) {
    add(calls, other.calls);
    add(nanos, other.nanos);
    add(rejected, other.rejected);
    add(failed, other.failed);
    commands += other.commands;
    changes += other.changes;
    hits += other.hits;
    misses += other.misses;
  }

  private static void add(long[] to, long[] from) {
    for (int i = 0; i < to.length; i++) {
      to[i] += from[i];
    }
  }

  /// CONFIG RESETSTAT: all but the changes, which saving goes by.
  void reset() {
    Arrays.fill(calls, 0);
    Arrays.fill(nanos, 0);
    Arrays.fill(rejected, 0);
    Arrays.fill(failed, 0);
    commands = 0;
    hits = 0;
    misses = 0;
  }
}
