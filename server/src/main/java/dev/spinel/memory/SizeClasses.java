package dev.spinel.memory;

/// Which sizes nodes come in: pure arithmetic.
///
/// ```
/// class  0..31   8, 16, 24 … 256              steps of 8
/// class 32..79   288, 320 … 512, 576 … 16 K   eight per doubling
/// ```
///
/// Above 16 KB a node is a *run* of granules of 4 KB, up to 1 MB.
///
/// Sizes of 64 × n begin on 64 byte boundaries by themselves, because pages begin on 4 KB
/// boundaries and carry no header. All leaf sizes of the dictionary (64 128 192 256 384 512 768 1 K
/// 1.5 K 2 K 3 K 4 K) are among them, so leaves need no classes of their own.
final class SizeClasses {

  static final int GRANULE_BITS = 12;
  static final int GRANULE = 1 << GRANULE_BITS;
  static final int COUNT = 80;
  static final int MAX_CLASS_BYTES = 16 << 10;
  static final int MAX_RUN = 1 << 20;

  private SizeClasses() {}

  /// The smallest class that holds `bytes`, 1 to [#MAX_CLASS_BYTES].
  static int of(int bytes) {
    if (bytes <= 256) return (bytes - 1) >> 3;
    int last = bytes - 1;
    int log = 31 - Integer.numberOfLeadingZeros(last);
    return 32 + ((log - 8) << 3) + ((last >>> (log - 3)) & 7);
  }

  /// Bytes of a node of class `c`.
  static int bytes(int c) {
    if (c < 32) return (c + 1) << 3;
    int log = 8 + ((c - 32) >> 3);
    return ((c & 7) + 9) << (log - 3);
  }

  /// Usable bytes of the node that a request for `bytes` gets.
  static int capacityFor(int bytes) {
    return bytes <= MAX_CLASS_BYTES ? bytes(of(bytes)) : (bytes + GRANULE - 1) & -GRANULE;
  }
}
