package dev.spinel.wire;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Eight bytes of an array at once, little endian (the first byte is the lowest), with the bit
/// tricks that find a byte among them.
///
/// One class holds the `VarHandle`, and one call site reads through it: each further call site
/// costs start-up time.
public final class Words {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long ONES = 0x0101010101010101L;
  private static final long HIGHS = 0x8080808080808080L;

  private Words() {}

  /// The eight bytes from `at`. All of them must be inside the array.
  public static long at(byte[] b, int at) {
    return (long) LONGS.get(b, at);
  }

  /// The last `n` bytes (0 to 8) before `end` as a word whose higher bytes are zero. Never reads
  /// outside `b`.
  public static long upTo(byte[] b, int at, int n) {
    if (n == 0) return 0;
    if (at + 8 <= b.length) return at(b, at) & (-1L >>> (64 - 8 * n));
    long w = 0;
    for (int i = n - 1; i >= 0; i--) w = w << 8 | (b[at + i] & 0xff);
    return w;
  }

  /// A word with the highest bit set in the lowest byte of `w` that equals `c` (and perhaps in
  /// higher ones, falsely); zero if none does.
  public static long find(long w, int c) {
    long x = w ^ (ONES * c);
    return (x - ONES) & ~x & HIGHS;
  }

  /// The index of the first byte that `found`, the answer of [#find], marks.
  public static int first(long found) {
    return Long.numberOfTrailingZeros(found) >>> 3;
  }

  /// The index of the first `c` in `b[from, to)`, or -1.
  public static int indexOf(byte[] b, int from, int to, int c) {
    int i = from;
    for (; i + 8 <= to; i += 8) {
      long f = find(at(b, i), c);
      if (f != 0) return i + first(f);
    }
    for (; i < to; i++) if (b[i] == (byte) c) return i;
    return -1;
  }
}
