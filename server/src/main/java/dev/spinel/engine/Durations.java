package dev.spinel.engine;

import java.util.Arrays;

/// How long calls took, as a histogram whose buckets grow with the time: each power of two of
/// nanoseconds has 64 of them, so that a time is known to 1.6 %.
///
/// ```
///   ns   0 1 2 … 127 │ 128 130 … 254 │ 256 260 … 508 │ 512 520 …       (64 buckets each from 128 on)
/// ```
///
/// One thread records, others read racily: a count that is a moment old does no harm. The array
/// grows with the longest time; that of quick commands has some hundred places.
public final class Durations {
  private static final int BITS = 6;
  private static final int SUB = 1 << BITS; // buckets of one power of two
  private static final int LONGEST_POWER = 30; // times are recorded up to a second
  private static final int STEPS_SHOWN_FROM = 10; // powers of two below 1024 ns are shown as one

  private long[] counts = {};

  /// @param calls for how many it stands
  void record(long nanos, long calls) {
    int bucket = bucket(nanos);
    if (bucket >= counts.length) {
      counts = Arrays.copyOf(counts, (bucket / SUB + 1) * SUB);
    }
    counts[bucket] += calls;
  }

  void add(Durations other) {
    long[] more = other.counts;
    if (more.length > counts.length) {
      counts = Arrays.copyOf(counts, more.length);
    }
    for (int i = 0; i < more.length; i++) {
      counts[i] += more[i];
    }
  }

  private static int bucket(long nanos) {
    long time = Math.clamp(nanos, 0, (1L << LONGEST_POWER) - 1);
    int shift = Math.max(0, 63 - BITS - Long.numberOfLeadingZeros(time | 1));
    return (shift << BITS) + (int) (time >>> shift);
  }

  /// The longest time of the bucket.
  private static long longest(int bucket) {
    int shift = Math.max(0, (bucket >> BITS) - 1);
    return ((bucket - ((long) shift << BITS)) + 1 << shift) - 1;
  }

  /// How many times were recorded.
  public long count() {
    return Arrays.stream(counts).sum();
  }

  /// The time in nanoseconds that so many per cent of all calls didn't exceed, as long as the
  /// buckets are exact; 0 if none was recorded.
  public long percentile(double percent) {
    long wanted = Math.max(1, (long) (percent / 100 * count() + 0.5));
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= wanted) {
        return longest(i);
      }
    }
    return 0;
  }

  /// Gets the steps of the cumulative distribution.
  @FunctionalInterface
  public interface Steps {
    /// @param count how many calls took that long at most
    void step(long micros, long count);
  }

  /// Tells the distribution in powers of two, from 1024 ns on; steps at which nothing is added are
  /// left out. Times are told as Redis tells them, to the end of the bucket in which the power is.
  public void cumulate(Steps out) {
    long seen = 0;
    long told = 0;
    int bucket = 0;
    for (int power = STEPS_SHOWN_FROM; power <= LONGEST_POWER; power++) {
      long end = 1L << power;
      int last = power == LONGEST_POWER ? counts.length - 1 : bucket(end - 1);
      for (; bucket <= Math.min(last, counts.length - 1); bucket++) {
        seen += counts[bucket];
      }
      if (seen > told) {
        out.step((end + (end >> 7) - 1) / 1000, seen);
        told = seen;
      }
    }
  }
}
