package dev.spinel.wire;

import java.util.Arrays;

/// A loop's stock of the 16 KB arrays that its connections' [Output]s write small replies to. An
/// output holds one only while it has unsent bytes, so thousands of idle connections share a
/// handful. Belongs to one thread.
public final class OutputPool {
  /// Bytes of an array.
  public static final int BYTES = 16 * 1024;

  private static final int KEPT = 64;

  final Chunks chunks;
  private final byte[][] stock = new byte[KEPT][];
  private int count;

  public OutputPool(Chunks chunks) {
    this.chunks = chunks;
  }

  byte[] take() {
    if (count == 0) return new byte[BYTES];
    byte[] b = stock[--count];
    stock[count] = null;
    return b;
  }

  void give(byte[] b) {
    if (count < KEPT) stock[count++] = b;
  }

  /// Lets the stock go, when memory is short.
  public void clear() {
    Arrays.fill(stock, null);
    count = 0;
  }
}
