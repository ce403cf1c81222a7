package dev.spinel.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What one thread counts of the commands that it runs; added up for INFO. Written by that thread,
/// read racily by others.
final class Statistics {
  /// By [Command#index].
  final long[] calls;

  /// What the calls took that are timed always: those that may take long.
  final long[] nanos;

  /// How many they are.
  final long[] timed;

  /// What those took that were timed as samples of the other calls.
  final long[] sampledNanos;

  /// How many they were.
  final long[] sampled;

  /// For how many calls they stand in the histogram.
  final long[] stoodFor;

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
    sampledNanos = new long[rows];
    sampled = new long[rows];
    stoodFor = new long[rows];
    durations = new Durations[rows];
    rejected = new long[rows];
    failed = new long[rows];
  }

  void add(Statistics other) {
    add(calls, other.calls);
    add(nanos, other.nanos);
    add(timed, other.timed);
    add(sampledNanos, other.sampledNanos);
    add(sampled, other.sampled);
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

  /// How many calls there were that aren't timed always.
  long quick(int row) {
    return calls[row] - timed[row];
  }

  /// A call was timed that is timed always. It is counted.
  ///
  /// @param tracks whether the time is kept in the histogram, too
  void took(int row, long took, boolean tracks) {
    nanos[row] += took;
    timed[row]++;
    if (tracks) {
      durationsOf(row).record(took, 1);
    }
  }

  /// A call was timed as a sample. It is counted, and stands for those since the last one.
  void sampled(int row, long took, boolean tracks) {
    sampledNanos[row] += took;
    sampled[row]++;
    long stands = Math.max(1, quick(row) - stoodFor[row]);
    stoodFor[row] += stands;
    if (tracks) {
      durationsOf(row).record(took, stands);
    }
  }

  /// What all calls took, those included that weren't timed.
  long estimatedNanos(int row) {
    long of = sampled[row];
    long stands = Math.max(of, quick(row));
    return nanos[row] + (of == 0 ? 0 : (long) ((double) sampledNanos[row] * stands / of));
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
    Arrays.fill(sampledNanos, 0);
    Arrays.fill(sampled, 0);
    Arrays.fill(stoodFor, 0);
    Arrays.fill(durations, null);
    Arrays.fill(rejected, 0);
    Arrays.fill(failed, 0);
    commands = 0;
    hits = 0;
    misses = 0;
  }
}
