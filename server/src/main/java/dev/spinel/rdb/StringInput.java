package dev.spinel.rdb;

import dev.spinel.wire.Numbers;

/// One string of an RDB stream, being read, whatever form it has: [#open] reads its header, then
/// its bytes come in pieces, or, if they are few, all at once ([#whole]). Used by one thread.
final class StringInput {
  /// Decompressed bytes that a reference may go back to.
  private static final int BEHIND = 8 << 10;

  private static final int CHUNK = 64 << 10;

  private final RdbInput in;
  private boolean compressed;
  private long compressedLeft; // of the stream
  private long length;
  private long position;

  // all bytes in one piece, or what was decompressed last
  private byte[] array = {};
  private int first; // in the array
  private boolean whole;
  private final byte[] digits = new byte[Numbers.LONG_CHARS];
  private byte[] scratch = {};
  private byte[] packed = {};

  // decompressing in pieces
  private byte[] window = {};
  private int made;
  private int given;
  private long produced;

  StringInput(RdbInput in) {
    this.in = in;
  }

  static RdbException impossible(RdbInput in, long compressed, long length) {
    return in.corrupt(compressed + " bytes can't stand for " + length);
  }

  static RdbException unknownEncoding(RdbInput in) {
    return in.corrupt("a string was expected, not one of encoding " + in.encoding());
  }

  RdbInput in() {
    return in;
  }

  /// Begins with the string that comes next.
  void open() {
    position = 0;
    compressed = false;
    whole = false;
    long n = in.lengthOrEncoding();
    if (n != RdbInput.ENCODED) {
      if (n > in.left()) in.skip(n); // which fails
      length = n;
      return;
    }
    switch (in.encoding()) {
      case RdbOutput.INT8 -> digits((byte) in.u8());
      case RdbOutput.INT16 -> digits((short) in.int16());
      case RdbOutput.INT32 -> digits(in.int32());
      case RdbOutput.LZF -> {
        compressed = true;
        compressedLeft = in.length();
        length = in.length();
        if (!Lzf.isPossible(compressedLeft, length)) throw impossible(in, compressedLeft, length);
        if (compressedLeft > in.left()) in.skip(compressedLeft); // which fails
        made = 0;
        given = 0;
        produced = 0;
      }
      default -> throw unknownEncoding(in);
    }
  }

  private void digits(long value) {
    array = digits;
    first = 0;
    length = Numbers.format(value, digits, 0);
    whole = true;
  }

  long length() {
    return length;
  }

  /// How many bytes have been read.
  long position() {
    return position;
  }

  /// Brings all bytes into one piece, if they are at most `most`: from [#at] on in [#array]. They
  /// stay there until the next string is opened or anything else is read.
  boolean whole(int most) {
    assert position == 0;
    if (whole) return true;
    if (length > most) return false;
    int n = (int) length;
    if (compressed) {
      if (scratch.length < n) scratch = new byte[Math.max(n, Math.min(most, 2 * n))];
      int c = (int) compressedLeft;
      if (compressedLeft > n + n / 32 + 16L)
        throw in.corrupt("compressed bytes longer than the string");
      byte[] from = packed;
      int at = in.take(c, most);
      if (at < 0) {
        if (packed.length < c) packed = new byte[c];
        from = packed;
        in.read(from, 0, c);
        at = 0;
      } else {
        from = in.array();
      }
      if (!Lzf.decompress(from, at, c, scratch, 0, n)) throw invalid();
      array = scratch;
      first = 0;
    } else {
      int at = in.take(n, most);
      if (at < 0) {
        if (scratch.length < n) scratch = new byte[Math.max(n, Math.min(most, 2 * n))];
        in.read(scratch, 0, n);
        array = scratch;
        first = 0;
      } else {
        array = in.array();
        first = at;
      }
    }
    whole = true;
    return true;
  }

  private RdbException invalid() {
    return in.corrupt("compressed bytes that make no sense");
  }

  boolean isWhole() {
    return whole;
  }

  byte[] array() {
    return array;
  }

  /// Where in [#array] the next byte is, of a string in one piece.
  int at() {
    return first + (int) position;
  }

  /// Goes back to the beginning of a string in one piece.
  void rewind() {
    assert whole;
    position = 0;
  }

  /// Passes over the next `n` bytes, which exist, of a string in one piece.
  void pass(int n) {
    assert whole && n <= length - position;
    position += n;
  }

  int u8() {
    if (whole) return array[first + (int) position++] & 0xff;
    read(digits, 0, 1);
    return digits[0] & 0xff;
  }

  /// Little-endian, of `n` bytes.
  long little(int n) {
    long value = 0;
    for (int i = 0; i < n; i++) value |= (long) u8() << 8 * i;
    return value;
  }

  /// Copies the next `n` bytes, which exist.
  void read(byte[] to, int from, int n) {
    assert n <= length - position;
    position += n;
    if (whole) {
      System.arraycopy(array, first + (int) position - n, to, from, n);
    } else if (!compressed) {
      in.read(to, from, n);
    } else {
      int done = 0;
      while (done < n) {
        if (given == made) produce();
        int piece = Math.min(n - done, made - given);
        System.arraycopy(window, given, to, from + done, piece);
        given += piece;
        done += piece;
      }
    }
    if (position == length) end();
  }

  private void end() {
    if (compressed && !whole && (compressedLeft != 0 || produced != length)) throw invalid();
  }

  /// Decompresses some bytes more.
  private void produce() {
    if (window.length == 0) window = new byte[BEHIND + CHUNK + Lzf.MAX_MATCH];
    int keep = Math.min(made, BEHIND);
    System.arraycopy(window, made - keep, window, 0, keep);
    made = keep;
    given = keep;
    while (made < BEHIND + CHUNK && compressedLeft > 0) {
      int control = nextCompressed();
      if (control < 32) {
        int literals = control + 1;
        if (literals > compressedLeft) throw invalid();
        in.read(window, made, literals);
        compressedLeft -= literals;
        grown(literals);
        continue;
      }
      int matched = control >>> 5;
      if (matched == 7) matched += nextCompressed();
      matched += 2;
      int before = made - ((control & 0x1f) << 8 | nextCompressed()) - 1;
      if (before < 0) throw invalid();
      for (int i = 0; i < matched; i++) window[made + i] = window[before + i];
      grown(matched);
    }
    if (given == made) throw invalid();
  }

  private int nextCompressed() {
    if (compressedLeft == 0) throw invalid();
    compressedLeft--;
    return in.u8();
  }

  private void grown(int n) {
    made += n;
    produced += n;
    if (produced > length) throw invalid();
  }
}
