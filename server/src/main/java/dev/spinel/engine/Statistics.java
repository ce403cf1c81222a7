package dev.spinel.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What one thread counts of the commands that it runs; added up for INFO. Written by that thread,
/// read racily by others.
final class Statistics {
  /// By [Command#index].
  final long[] calls;

  /// What the calls took that were timed.
  final long[] nanos;

  /// How many were.
  final long[] timed;

  /// How long they took, null where none was timed since the start, or since CONFIG RESETSTAT.
  final @Nullable Durations[] durations;

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
    timed = new long[rows];
    durations = new Durations[rows];
    rejected = new long[rows];
    failed = new long[rows];
  }

  void add(Statistics other) {
    add(calls, other.calls);
    add(nanos, other.nanos);
    add(timed, other.timed);
    for (int i = 0; i < durations.length; i++) {
      Durations more = other.durations[i];
      if (more != null) {
        durationsOf(i).add(more);
      }
    }
    add(rejected, other.rejected);
    add(failed, other.failed);
    commands += other.commands;
    changes += other.changes;
    hits += other.hits;
    misses += other.misses;
  }

  /// A call was timed.
  ///
  /// @param tracks whether the time is kept in the histogram, too
  void took(int row, long took, boolean tracks) {
    nanos[row] += took;
    timed[row]++;
    if (tracks) {
      durationsOf(row).record(took);
    }
  }

  /// What all calls took, those included that weren't timed.
  long estimatedNanos(int row) {
    long of = timed[row];
    return of == 0 || of >= calls[row]
        ? nanos[row]
        : (long) ((double) nanos[row] * calls[row] / of);
  }

  private Durations durationsOf(int row) {
    Durations of = durations[row];
    if (of == null) {
      durations[row] = of = new Durations();
    }
    return of;
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
    Arrays.fill(timed, 0);
    Arrays.fill(durations, null);
    Arrays.fill(rejected, 0);
    Arrays.fill(failed, 0);
    commands = 0;
    hits = 0;
    misses = 0;
  }
}
