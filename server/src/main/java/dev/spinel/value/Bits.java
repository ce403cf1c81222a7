package dev.spinel.value;

import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;

/// Loops over bits in memory, eight bytes at a time: the work of BITCOUNT, BITPOS and BITOP on one
/// piece of a string.
///
/// Bit 0 is the highest of the first byte, as Redis numbers them.
///
/// How the loops are unrolled was measured (ADR 030): the JIT makes no vectors of loops that add
/// up, nor of those that write where it can't rule out that they read.
final class Bits {
  /// The offsets of the words of a step.
  private static final int W1 = 8, W2 = 16, W3 = 24, W4 = 32, W5 = 40, W6 = 48, W7 = 56, W8 = 64;

  private static final int QUARTER = W4, HALF = W8, STEP = 2 * W8;

  private Bits() {}

  /// How many of the bits of `n` bytes are set.
  static long count(Memory m, long a, int n) {
    if (n == 0) {
      return 0;
    }
    MemorySegment s = m.segment(a);
    long o = m.offset(a);
    long count = 0;
    int i = 0;
    for (; i <= n - STEP; i += STEP) {
      count += countOfEight(s, o + i) + countOfEight(s, o + i + HALF);
    }
    for (; i <= n - Long.BYTES; i += Long.BYTES) {
      count += Long.bitCount(s.get(Memory.LONG, o + i));
    }
    for (; i < n; i++) {
      count += Integer.bitCount(s.get(Memory.BYTE, o + i) & 0xff);
    }
    return count;
  }

  /// Of eight words, added up as a tree: no sum depends on the one before it.
  private static int countOfEight(MemorySegment s, long o) {
    int c0 = Long.bitCount(s.get(Memory.LONG, o)) + Long.bitCount(s.get(Memory.LONG, o + W1));
    int c1 = Long.bitCount(s.get(Memory.LONG, o + W2)) + Long.bitCount(s.get(Memory.LONG, o + W3));
    int c2 = Long.bitCount(s.get(Memory.LONG, o + W4)) + Long.bitCount(s.get(Memory.LONG, o + W5));
    int c3 = Long.bitCount(s.get(Memory.LONG, o + W6)) + Long.bitCount(s.get(Memory.LONG, o + W7));
    return (c0 + c1) + (c2 + c3);
  }

  /// The number of the first bit of `n` bytes that equals `bit`, or -1.
  static long find(Memory m, long a, int n, int bit) {
    if (n == 0) {
      return -1;
    }
    MemorySegment s = m.segment(a);
    long o = m.offset(a);
    long skipped = ~(long) -bit; // a word without such a bit
    int i = 0;
    while (i <= n - QUARTER) {
      long p = o + i;
      long w0 = s.get(Memory.LONG, p) ^ skipped;
      long w1 = s.get(Memory.LONG, p + W1) ^ skipped;
      long w2 = s.get(Memory.LONG, p + W2) ^ skipped;
      long w3 = s.get(Memory.LONG, p + W3) ^ skipped;
      if ((w0 | w1 | w2 | w3) != 0) {
        break; // it is one of these
      }
      i += QUARTER;
    }
    for (; i <= n - Long.BYTES; i += Long.BYTES) {
      long word = s.get(Memory.LONG, o + i) ^ skipped;
      if (word != 0) {
        return 8L * i + Long.numberOfLeadingZeros(Long.reverseBytes(word));
      }
    }
    for (; i < n; i++) {
      int rest = (s.get(Memory.BYTE, o + i) ^ (int) skipped) & 0xff;
      if (rest != 0) {
        return 8L * i + Integer.numberOfLeadingZeros(rest) - 24;
      }
    }
    return -1;
  }

  /// Writes `a` and `b`, `n` bytes each, to `to`, which may be either of them.
  static void and(Memory m, long a, long b, long to, int n) {
    if (n == 0) {
      return;
    }
    MemorySegment s = m.segment(a);
    MemorySegment t = m.segment(b);
    MemorySegment u = m.segment(to);
    long o = m.offset(a);
    long p = m.offset(b);
    long q = m.offset(to);
    int i = 0;
    for (; i <= n - QUARTER; i += QUARTER) {
      long w0 = s.get(Memory.LONG, o + i) & t.get(Memory.LONG, p + i);
      long w1 = s.get(Memory.LONG, o + i + W1) & t.get(Memory.LONG, p + i + W1);
      long w2 = s.get(Memory.LONG, o + i + W2) & t.get(Memory.LONG, p + i + W2);
      long w3 = s.get(Memory.LONG, o + i + W3) & t.get(Memory.LONG, p + i + W3);
      put(u, q + i, w0, w1, w2, w3);
    }
    for (; i < n; i++) {
      u.set(Memory.BYTE, q + i, (byte) (s.get(Memory.BYTE, o + i) & t.get(Memory.BYTE, p + i)));
    }
  }

  /// Writes `a` or `b`, `n` bytes each, to `to`, which may be either of them.
  static void or(Memory m, long a, long b, long to, int n) {
    if (n == 0) {
      return;
    }
    MemorySegment s = m.segment(a);
    MemorySegment t = m.segment(b);
    MemorySegment u = m.segment(to);
    long o = m.offset(a);
    long p = m.offset(b);
    long q = m.offset(to);
    int i = 0;
    for (; i <= n - QUARTER; i += QUARTER) {
      long w0 = s.get(Memory.LONG, o + i) | t.get(Memory.LONG, p + i);
      long w1 = s.get(Memory.LONG, o + i + W1) | t.get(Memory.LONG, p + i + W1);
      long w2 = s.get(Memory.LONG, o + i + W2) | t.get(Memory.LONG, p + i + W2);
      long w3 = s.get(Memory.LONG, o + i + W3) | t.get(Memory.LONG, p + i + W3);
      put(u, q + i, w0, w1, w2, w3);
    }
    for (; i < n; i++) {
      u.set(Memory.BYTE, q + i, (byte) (s.get(Memory.BYTE, o + i) | t.get(Memory.BYTE, p + i)));
    }
  }

  /// Writes what is in one of `a` and `b`, `n` bytes each, to `to`, which may be either of them.
  static void xor(Memory m, long a, long b, long to, int n) {
    if (n == 0) {
      return;
    }
    MemorySegment s = m.segment(a);
    MemorySegment t = m.segment(b);
    MemorySegment u = m.segment(to);
    long o = m.offset(a);
    long p = m.offset(b);
    long q = m.offset(to);
    int i = 0;
    for (; i <= n - QUARTER; i += QUARTER) {
      long w0 = s.get(Memory.LONG, o + i) ^ t.get(Memory.LONG, p + i);
      long w1 = s.get(Memory.LONG, o + i + W1) ^ t.get(Memory.LONG, p + i + W1);
      long w2 = s.get(Memory.LONG, o + i + W2) ^ t.get(Memory.LONG, p + i + W2);
      long w3 = s.get(Memory.LONG, o + i + W3) ^ t.get(Memory.LONG, p + i + W3);
      put(u, q + i, w0, w1, w2, w3);
    }
    for (; i < n; i++) {
      u.set(Memory.BYTE, q + i, (byte) (s.get(Memory.BYTE, o + i) ^ t.get(Memory.BYTE, p + i)));
    }
  }

  /// Writes the opposite of the `n` bytes at `a` to `to`, which may be the same.
  static void not(Memory m, long a, long to, int n) {
    if (n == 0) {
      return;
    }
    MemorySegment s = m.segment(a);
    MemorySegment u = m.segment(to);
    long o = m.offset(a);
    long q = m.offset(to);
    int i = 0;
    for (; i <= n - QUARTER; i += QUARTER) {
      long w0 = ~s.get(Memory.LONG, o + i);
      long w1 = ~s.get(Memory.LONG, o + i + W1);
      long w2 = ~s.get(Memory.LONG, o + i + W2);
      long w3 = ~s.get(Memory.LONG, o + i + W3);
      put(u, q + i, w0, w1, w2, w3);
    }
    for (; i < n; i++) {
      u.set(Memory.BYTE, q + i, (byte) ~s.get(Memory.BYTE, o + i));
    }
  }

  private static void put(MemorySegment u, long q, long w0, long w1, long w2, long w3) {
    u.set(Memory.LONG, q, w0);
    u.set(Memory.LONG, q + W1, w1);
    u.set(Memory.LONG, q + W2, w2);
    u.set(Memory.LONG, q + W3, w3);
  }
}
