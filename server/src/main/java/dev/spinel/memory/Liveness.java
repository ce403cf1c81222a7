package dev.spinel.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/// Knows, in tests, which bytes belong to a live node: what turns a stale address into an
/// [AssertionError] with a stack trace instead of a wrong reply three commands later.
///
/// One bit per 8 bytes says *live*, one says *a node begins here*. An access is right if all its
/// units are live and no node begins after the first of them. Dead bytes carry [#POISON], and a
/// node that is handed out must still do so: that catches a write to a dead node through a segment
/// that was resolved before.
///
/// Bits of neighbours share a word and belong to different threads, so they change atomically; the
/// checks read plainly, for a node changes state only under its owner.
final class Liveness {

  static final byte POISON = (byte) 0xee;
  static final long POISON_WORD = 0xeeeeeeee_eeeeeeeeL;

  private static final int UNIT_BITS = 3;
  private static final int WORDS = (Memory.SLAB >> UNIT_BITS) / Long.SIZE;
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

  /// By slab index. Replaced, never shrunk; slabs' lock.
  private long[][] live = new long[2][];

  private long[][] begins = new long[2][];

  void attach(int index) {
    if (index >= live.length) {
      int length = Math.max(index + 1, live.length * 2);
      begins = Arrays.copyOf(begins, length);
      live = Arrays.copyOf(live, length);
    }
    begins[index] = new long[WORDS];
    live[index] = new long[WORDS];
  }

  void detach(int index) {
    live[index] = null;
    begins[index] = null;
  }

  void born(long a, int n) {
    long[] live = this.live[(int) (a >>> Memory.SLAB_BITS)];
    int unit = unit(a);
    for (int u = unit; u < unit + (n >> UNIT_BITS); u++) {
      if (set(live, u))
        throw new AssertionError("handed out twice: 0x" + Long.toHexString(a) + " of " + n);
    }
    set(begins[(int) (a >>> Memory.SLAB_BITS)], unit);
  }

  void died(long a, int n) {
    long[] live = this.live[(int) (a >>> Memory.SLAB_BITS)];
    int unit = unit(a);
    if (!clear(begins[(int) (a >>> Memory.SLAB_BITS)], unit)) {
      throw new AssertionError("freed, but no live node begins here: 0x" + Long.toHexString(a));
    }
    for (int u = unit; u < unit + (n >> UNIT_BITS); u++) {
      if (!clear(live, u))
        throw new AssertionError("freed, but not live: 0x" + Long.toHexString(a) + " of " + n);
    }
  }

  /// True, or throws. `a` lies in a slab.
  boolean check(long a, long n) {
    long[] live = this.live[(int) (a >>> Memory.SLAB_BITS)];
    long[] begins = this.begins[(int) (a >>> Memory.SLAB_BITS)];
    int first = unit(a);
    long end = (a & (Memory.SLAB - 1)) + n;
    if (n <= 0 || end > Memory.SLAB)
      throw new AssertionError("bad length: 0x" + Long.toHexString(a) + " + " + n);
    int last = (int) ((end - 1) >> UNIT_BITS);
    for (int w = first >> 6; w <= last >> 6; w++) {
      long mask = -1L;
      if (w == first >> 6) mask &= -1L << first;
      if (w == last >> 6) mask &= -1L >>> (63 - (last & 63));
      if ((live[w] & mask) != mask)
        throw new AssertionError("not in a live node: 0x" + Long.toHexString(a) + " + " + n);
      if (w == first >> 6) mask &= ~(1L << first);
      if ((begins[w] & mask) != 0)
        throw new AssertionError("beyond its node: 0x" + Long.toHexString(a) + " + " + n);
    }
    return true;
  }

  private static int unit(long a) {
    return (int) (a & (Memory.SLAB - 1)) >> UNIT_BITS;
  }

  private static boolean set(long[] words, int unit) {
    return ((long) WORD.getAndBitwiseOr(words, unit >> 6, 1L << unit) >>> unit & 1) != 0;
  }

  private static boolean clear(long[] words, int unit) {
    return ((long) WORD.getAndBitwiseAnd(words, unit >> 6, ~(1L << unit)) >>> unit & 1) != 0;
  }
}
