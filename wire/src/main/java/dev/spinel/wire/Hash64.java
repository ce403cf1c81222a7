package dev.spinel.wire;

/// A keyed 64-bit hash of bytes, in the manner of Wang Yi's wyhash: the 128-bit product of two
/// words, folded. The key is drawn once per server, so that nobody outside can choose keys that
/// collide; hashes must never be stored or sent.
///
/// The dictionary orders entries by the whole hash and addresses pages by its *top* bits; a folded
/// product has all 64 bits equally well mixed.
///
/// ```
///  n ≤ 16:  a, b = two words that together cover all bytes (they overlap, or are padded)
///  n > 16:  state = step(state, word i, word i + 1) for each full 16 bytes that leave a rest; a, b = the last 16 bytes
///  hash   = end(state, a, b, n)
/// ```
///
/// Bytes that live elsewhere (a node outside the heap) are hashed by the same steps: [#begin],
/// [#step] and [#end] with words read there, in the layout that [#of] shows. Immutable.
public final class Hash64 {
  private static final long P0 = 0xa0761d6478bd642fL;
  private static final long P1 = 0xe7037ed1a0b428dbL;

  private final long k0;
  private final long k1;

  public Hash64(long k0, long k1) {
    this.k0 = k0 ^ P0;
    this.k1 = k1 ^ P1;
  }

  /// The state before the first byte.
  public long begin() {
    return k0;
  }

  /// Takes sixteen bytes in.
  public long step(long state, long first, long second) {
    return fold(first ^ k1, second ^ state);
  }

  /// The hash of `n` bytes in all: `a` and `b` as the class comment says.
  public long end(long state, long a, long b, int n) {
    return fold(P1 ^ n, fold(a ^ k1, b ^ state) ^ k0);
  }

  /// The hash of up to 16 bytes that are covered by `a` and `b` (see [#of]).
  public long small(long a, long b, int n) {
    return end(k0, a, b, n);
  }

  /// The hash of `b[at, at + n)`.
  public long of(byte[] b, int at, int n) {
    if (n >= 8) {
      long state = k0;
      int i = at;
      int end = at + n;
      for (; end - i > 16; i += 16) state = step(state, Words.at(b, i), Words.at(b, i + 8));
      // the last 16 bytes; of 8 to 16 in all, the first and the last 8
      return end(state, Words.at(b, n < 16 ? at : end - 16), Words.at(b, end - 8), n);
    }
    return end(k0, Words.upTo(b, at, n), 0, n);
  }

  public long of(Slice s) {
    return of(s.array, s.offset, s.length);
  }

  public long of(byte[] b) {
    return of(b, 0, b.length);
  }

  /// A well mixed hash of one number.
  public long of(long v) {
    return end(k0, v, 0, 8);
  }

  private static long fold(long a, long b) {
    return Math.unsignedMultiplyHigh(a, b) ^ a * b;
  }
}
