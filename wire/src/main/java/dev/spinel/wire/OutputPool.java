package dev.spinel.wire;

import java.util.Arrays;

/// A loop's stock of the 32 KB arrays that its connections' [Output]s write small replies to. An
/// output holds one only while it has unsent bytes, so thousands of idle connections share a
/// handful. Belongs to one thread.
public final class OutputPool {
  /// Bytes of an array.
  public static final int BYTES = 32 * 1024;

  private static final int KEPT = 64;

  /// Outputs may keep their arrays beyond a turn while no more than these are out.
  private static final int LENT_MAX = 128;

  final Chunks chunks;
  private final byte[][] stock = new byte[KEPT][];
  private int count;

  /// Arrays that outputs hold.
  private int lent;

  public OutputPool(Chunks chunks) {
    this.chunks = chunks;
  }

  /// Whether outputs that stay full should move to chunks ([Output#shelve]).
  boolean isShort() {
    return lent > LENT_MAX;
  }

  byte[] take() {
    byte[] b;
    if (count == 0) {
      b = new byte[BYTES]; // may fail: nothing is lent then
    } else {
      b = stock[--count];
      stock[count] = null;
    }
    lent++;
    return b;
  }

  void give(byte[] b) {
    lent--;
    if (count < KEPT) stock[count++] = b;
  }

  /// Lets the stock go, when memory is short.
  public void clear() {
    Arrays.fill(stock, null);
    count = 0;
  }
}
