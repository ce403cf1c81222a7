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

  /// Copies `n` bytes, which exist, from byte `at` on.
  interface Copying {
    void copy(long at, byte[] to, int from, int n);
  }

  /// Bytes that can be copied from anywhere on.
  static ByteRun of(long length, Copying copying) {
    return new ByteRun() {
      private long at;

      @Override
      public long length() {
        return length;
      }

      @Override
      public void rewind() {
        at = 0;
      }

      @Override
      public void read(byte[] to, int from, int n) {
        copying.copy(at, to, from, n);
        at += n;
      }
    };
  }

  /// The bytes of an array.
  static ByteRun of(byte[] bytes) {
    return of(bytes.length, (at, to, from, n) -> System.arraycopy(bytes, (int) at, to, from, n));
  }

  /// All of them, in an array of its own.
  default byte[] bytes() {
    rewind();
    byte[] all = new byte[(int) length()];
    read(all, 0, all.length);
    return all;
  }
}
