package dev.spinel.rdb;

import dev.spinel.value.LargeStrings;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;

/// A string that was read, for the verbs of values: in an array, or, if it is large and may be, in
/// memory outside the heap ([Slice#node]). Whoever is through with it says [#release].
final class Element {
  /// What is longer goes outside the heap.
  static final int IN_ARRAY = 64 << 10;

  final Slice slice = new Slice();
  private final LargeStrings large;
  private byte[] bytes = new byte[128];

  Element(LargeStrings large) {
    this.large = large;
  }

  /// Reads a string that comes next, of which no part is used when the next one is.
  ///
  /// @param most how many bytes it may have in an array; longer ones go outside the heap
  void read(StringInput string, int most) {
    string.open();
    take(string, (int) Math.min(string.length(), Integer.MAX_VALUE), most);
  }

  /// The next `n` bytes of a string.
  void take(StringInput string, int n, int most) {
    assert slice.node == 0;
    if (n <= most) {
      if (bytes.length < n) bytes = new byte[Math.max(n, Math.min(most, 2 * n))];
      if (n == string.length() && string.position() == 0) string.whole(most);
      string.read(bytes, 0, n);
      slice.set(bytes, 0, n);
    } else {
      takeLarge(string, n);
    }
  }

  /// The string that was opened, all of it, only until anything else is read: without a copy, if it
  /// is in one piece.
  void borrow(StringInput string, int n) {
    assert slice.node == 0;
    if (n <= IN_ARRAY && string.whole(IN_ARRAY)) {
      slice.set(string.array(), string.at(), n);
    } else {
      take(string, n, IN_ARRAY);
    }
  }

  private void takeLarge(StringInput string, int n) {
    if (bytes.length < IN_ARRAY) bytes = new byte[IN_ARRAY];
    long node = large.begin(n);
    try {
      for (int done = 0; done < n; ) {
        int piece = Math.min(IN_ARRAY, n - done);
        string.read(bytes, 0, piece);
        large.fill(node, done, bytes, 0, piece);
        done += piece;
      }
    } catch (RuntimeException | OutOfMemoryError e) {
      large.abandon(node);
      throw e;
    }
    slice.set(bytes, 0, n);
    slice.node = node;
  }

  /// An integer in decimal.
  void set(long value) {
    slice.set(bytes, 0, Numbers.format(value, bytes, 0));
  }

  /// Frees what nobody has taken over.
  void release() {
    if (slice.node != 0) {
      large.abandon(slice.node);
      slice.node = 0;
    }
  }
}
