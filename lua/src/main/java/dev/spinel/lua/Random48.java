package dev.spinel.lua;

/// Numbers by chance that are the same everywhere: the 48-bit linear congruential generator of
/// POSIX's `lrand48`, which Redis's scripts get.
final class Random48 {
  private static final long FACTOR = 0x5deece66dL;
  private static final long INCREMENT = 0xb;
  private static final long MASK = (1L << 48) - 1;

  /// One more than the largest number of [#next].
  static final int BOUND = Integer.MAX_VALUE;

  private long state = 0x1234abcd330eL;

  void seed(int seed) {
    state = (seed & 0xffff_ffffL) << 16 | 0x330e;
  }

  /// From 0 to 2³¹ - 1.
  int next() {
    state = state * FACTOR + INCREMENT & MASK;
    return (int) (state >>> 17);
  }
}
