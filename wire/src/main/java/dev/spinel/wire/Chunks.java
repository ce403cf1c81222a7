package dev.spinel.wire;

import java.nio.ByteBuffer;

/// Where replies that don't fit into the first 32 KB are put until they are sent. The server gives
/// memory outside of the Java heap and counts it.
public interface Chunks {
  /// A buffer of at least `bytes` bytes, its position 0, its limit its capacity. The best is a
  /// direct one: it is written to a socket as it is.
  ByteBuffer take(int bytes);

  /// A buffer that [#take] gave is no longer used.
  void give(ByteBuffer chunk);

  /// Buffers of the Java heap, for tests and tools.
  static Chunks heap() {
    return new Chunks() {
      @Override
      public ByteBuffer take(int bytes) {
        return ByteBuffer.allocate(bytes);
      }

      @Override
      public void give(ByteBuffer chunk) {}
    };
  }
}
