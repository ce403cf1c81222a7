package dev.spinel.value;

import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;

/// A sorted array of integers in one run of bytes: Redis's intset, byte for byte, so that saving
/// one is a copy.
///
/// ```
///   width 4 | count 4 | integer … integer      each of `width` bytes: 2, 4 or 8, as the widest needs
/// ```
///
/// The first integer that needs more widens all of them; they stay wide when it goes.
///
/// All functions are stateless: an intset is the address of its first byte, an integer is known by
/// its index. **Room is the caller's business**, as it is for a [Listpack]: an insert needs what
/// [#bytesWith] says.
///
/// Bytes from outside pass [#validate] before they are copied into memory; from then on everything
/// here trusts them.
public final class Intset {

  /// Width and count.
  static final int HEADER = 8;

  /// Bytes of an intset without integers.
  public static final int EMPTY = HEADER;

  private static final int NARROWEST = 2;

  private Intset() {}

  /// Makes the [#EMPTY] bytes at `is` an empty intset.
  public static void clear(Memory m, long is) {
    clear(m, is, NARROWEST);
  }

  /// The same for integers of `width` bytes.
  static void clear(Memory m, long is, int width) {
    m.putInt(is, width);
    m.putInt(is + 4, 0);
  }

  // ── reading ──

  /// How many integers.
  public static int count(Memory m, long is) {
    return m.getInt(is + 4);
  }

  static int width(Memory m, long is) {
    return m.getInt(is);
  }

  /// All bytes, the header included.
  public static int bytes(Memory m, long is) {
    return HEADER + width(m, is) * count(m, is);
  }

  /// The integer at an index from 0 on, in ascending order.
  public static long get(Memory m, long is, int index) {
    MemorySegment s = m.segment(is);
    long o = m.offset(is);
    return get(s, o, s.get(Memory.INT, o), index);
  }

  private static long get(MemorySegment s, long o, int width, int index) {
    long at = o + HEADER + (long) index * width;
    return switch (width) {
      case 2 -> s.get(Memory.SHORT, at);
      case 4 -> s.get(Memory.INT, at);
      default -> s.get(Memory.LONG, at);
    };
  }

  private static void put(MemorySegment s, long o, int width, int index, long value) {
    long at = o + HEADER + (long) index * width;
    switch (width) {
      case 2 -> s.set(Memory.SHORT, at, (short) value);
      case 4 -> s.set(Memory.INT, at, (int) value);
      default -> s.set(Memory.LONG, at, value);
    }
  }

  /// The index of an integer, or `-1 - i` if it isn't there and would come to `i`.
  public static int find(Memory m, long is, long value) {
    return find(m, is, value, 0);
  }

  /// The same where all integers before index `from` are known to be smaller: near it this is
  /// quick.
  static int find(Memory m, long is, long value, int from) {
    MemorySegment s = m.segment(is);
    long o = m.offset(is);
    int width = s.get(Memory.INT, o);
    int count = s.get(Memory.INT, o + 4);
    int low = from; // the answer is in [low, high]
    int high = from;
    for (int step = 1; high < count && get(s, o, width, high) < value; step *= 2) {
      low = high + 1;
      high += step;
    }
    high = Math.min(high, count);
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (get(s, o, width, middle) < value) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < count && get(s, o, width, low) == value ? low : -1 - low;
  }

  /// The width that an integer needs.
  static int widthOf(long value) {
    return value == (short) value ? 2 : value == (int) value ? 4 : 8;
  }

  // ── changing ──

  /// Bytes of the intset once an integer that it lacks is in it.
  public static int bytesWith(Memory m, long is, long value) {
    return HEADER + Math.max(width(m, is), widthOf(value)) * (count(m, is) + 1);
  }

  /// Inserts an integer that isn't there, where [#find] said that it would come to.
  public static void insert(Memory m, long is, int index, long value) {
    int width = widthOf(value);
    if (width > width(m, is)) {
      widen(m, is, width);
    }
    MemorySegment s = m.segment(is);
    long o = m.offset(is);
    width = s.get(Memory.INT, o);
    int count = s.get(Memory.INT, o + 4);
    long at = is + HEADER + (long) index * width;
    m.copy(at, at + width, (long) (count - index) * width);
    put(s, o, width, index, value);
    s.set(Memory.INT, o + 4, count + 1);
  }

  /// From the last to the first, so that none is overwritten before it is read.
  private static void widen(Memory m, long is, int width) {
    MemorySegment s = m.segment(is);
    long o = m.offset(is);
    int old = s.get(Memory.INT, o);
    for (int i = s.get(Memory.INT, o + 4) - 1; i >= 0; i--) {
      put(s, o, width, i, get(s, o, old, i));
    }
    s.set(Memory.INT, o, width);
  }

  /// Appends an integer that is larger than all, and not wider.
  static void append(Memory m, long is, long value) {
    MemorySegment s = m.segment(is);
    long o = m.offset(is);
    int count = s.get(Memory.INT, o + 4);
    put(s, o, s.get(Memory.INT, o), count, value);
    s.set(Memory.INT, o + 4, count + 1);
  }

  /// Deletes the integer at an index.
  public static void delete(Memory m, long is, int index) {
    int width = width(m, is);
    int count = count(m, is);
    long at = is + HEADER + (long) index * width;
    m.copy(at + width, at, (long) (count - index - 1) * width);
    m.putInt(is + 4, count - 1);
  }

  /// Deletes the integers at `count` indexes, which ascend.
  static void delete(Memory m, long is, int[] indexes, int count) {
    int width = width(m, is);
    int all = count(m, is);
    long to = is + HEADER + (long) indexes[0] * width;
    for (int i = 0; i < count; i++) {
      int from = indexes[i] + 1;
      long bytes = (long) ((i + 1 < count ? indexes[i + 1] : all) - from) * width;
      m.copy(is + HEADER + (long) from * width, to, bytes);
      to += bytes;
    }
    m.putInt(is + 4, all - count);
  }

  // ── foreign bytes ──

  /// Whether foreign bytes are an intset whose integers ascend: returns their number, at least 1,
  /// or -1. Total: any bytes get an answer.
  public static int validate(byte[] a, int from, int length) {
    if (length < HEADER || from < 0 || from > a.length - length) {
      return -1;
    }
    MemorySegment s = MemorySegment.ofArray(a);
    int width = s.get(Memory.INT, from);
    int count = s.get(Memory.INT, from + 4L);
    if ((width != 2 && width != 4 && width != 8)
        || count < 1
        || HEADER + (long) width * count != length) {
      return -1;
    }
    for (int i = 1; i < count; i++) {
      if (get(s, from, width, i - 1) >= get(s, from, width, i)) {
        return -1;
      }
    }
    return count;
  }
}
