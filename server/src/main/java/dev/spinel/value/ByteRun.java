package dev.spinel.value;

/// Bytes of known length that are read from their beginning, piece by piece, as often as one likes.
/// Used by code that writes the bytes somewhere, as they aren't in one piece.
public interface ByteRun {
  /// How many bytes there are in all.
  long length();

  /// Goes back to the beginning.
  void rewind();

  /// Copies the next `n` bytes, which exist, to `to[from…]`.
  void read(byte[] to, int from, int n);
}
