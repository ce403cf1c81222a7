package dev.spinel.cli.benchmark;

import java.util.Arrays;

/// How often each latency was, in microseconds up to three seconds, in steps that grow with the
/// latency: so that some significant digits of each are right (the layout of HdrHistogram, which
/// redis-benchmark uses; steps begin at 8).
///
/// One thread at a time.
final class LatencyHistogram {
  static final long LONGEST = 3_000_000;

  private static final int UNIT = 3; // the finest step is 1 << UNIT

  private final int halfBits; // half of a bucket has 1 << halfBits steps
  private final long mask;
  private final long[] counts;
  private long total;
  private long least = Long.MAX_VALUE;
  private long most;

  /// @param digits significant ones, 1 to 4
  LatencyHistogram(int digits) {
    int steps = 2 * (int) Math.pow(10, digits);
    halfBits = 31 - Integer.numberOfLeadingZeros(steps - 1); // steps of a bucket: 2 << halfBits
    mask = ((2L << halfBits) - 1) << UNIT;
    counts = new long[index(LONGEST) + 1];
  }

  void record(long micros) {
    long value = Math.min(micros, LONGEST);
    counts[index(value)]++;
    total++;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }

  void add(LatencyHistogram other) {
    for (int i = 0; i < counts.length; i++) counts[i] += other.counts[i];
    total += other.total;
    least = Math.min(least, other.least);
    most = Math.max(most, other.most);
  }

  void clear() {
    Arrays.fill(counts, 0);
    total = 0;
    least = Long.MAX_VALUE;
    most = 0;
  }

  // ── the layout ──

  private int index(long value) {
    int bucket = 64 - Long.numberOfLeadingZeros(value | mask) - UNIT - (halfBits + 1);
    int step = (int) (value >> bucket + UNIT);
    return (bucket + 1 << halfBits) + step - (1 << halfBits);
  }

  private long lowest(int index) {
    int bucket = (index >> halfBits) - 1;
    long step = (index & (1 << halfBits) - 1) + (1L << halfBits);
    return bucket < 0 ? step - (1L << halfBits) << UNIT : step << bucket + UNIT;
  }

  private long step(int index) {
    return 1L << UNIT + Math.max(0, (index >> halfBits) - 1);
  }

  private long highest(int index) {
    return lowest(index) + step(index) - 1;
  }

  // ── figures ──

  long total() {
    return total;
  }

  long min() {
    return total == 0 || counts[0] > 0 ? 0 : lowest(index(least));
  }

  long max() {
    return total == 0 ? 0 : highest(index(most));
  }

  double mean() {
    double sum = 0;
    for (int i = 0; i < counts.length; i++) {
      sum += (double) counts[i] * (lowest(i) + step(i) / 2);
    }
    return total == 0 ? Double.NaN : sum / total;
  }

  long atPercentile(double percentile) {
    long wanted = Math.max(1, (long) (percentile / 100 * total + 0.5));
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= wanted) return highest(i);
    }
    return 0;
  }

  /// Takes a line of a distribution: so many in all had at most this latency.
  interface Line {
    void line(double percentile, long micros, long count);
  }

  /// Half of all, then half of the rest, and so on.
  void halves(Line out) {
    double next = 0;
    long seen = 0;
    int last = 0;
    for (int i = 0; i < counts.length && seen < total; i++) {
      if (counts[i] == 0) continue;
      seen += counts[i];
      last = i;
      while (next <= 100.0 * seen / total && seen < total) {
        out.line(next, highest(i), seen);
        next = halfWayTo100(next);
      }
      if (seen == total && next <= 100) out.line(next, highest(i), seen);
    }
    if (total > 0) out.line(100, highest(last), seen);
  }

  private static double halfWayTo100(double percentile) {
    long halvings = (long) (Math.log(100 / (100 - percentile)) / Math.log(2)) + 1;
    return percentile + 100 / Math.pow(2, halvings);
  }

  /// In steps of a tenth of a millisecond, and of a whole one beyond two.
  void steps(Line out) {
    long level = 100;
    long unit = 100;
    long seen = 0;
    long value = 0;
    long shown = 0;
    int i = -1;
    while (seen < total || i + 1 < counts.length && lowest(i + 1) > floor(level)) {
      while (value < floor(level)) {
        if (++i == counts.length) return;
        value = lowest(i);
        shown = highest(i);
        seen += counts[i];
      }
      out.line(100.0 * seen / total, shown, seen);
      level += unit;
      if (shown > 2000) unit = 1000;
    }
  }

  /// The least value of the step that a value is in.
  private long floor(long value) {
    return lowest(index(value));
  }
}
