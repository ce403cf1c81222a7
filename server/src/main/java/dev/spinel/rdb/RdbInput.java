package dev.spinel.rdb;

import dev.spinel.rdb.RdbException.Fault;

/// The primitives of RDB streams, read; see [RdbOutput] for their forms. Counts bytes, sums them
/// up, and says where something isn't as it should be ([RdbException]). Used by one thread.
///
/// ```
///   buffer   [ behind | marked … at … | not read yet ]
///                       ▲ mark          ▲ end
/// ```
///
/// From [#mark] on the bytes stay in the buffer, up to a limit: either whoever skimmed them takes
/// them as one piece, or goes back ([#reset]) to read them again.
public final class RdbInput {
  private static final int BUFFER = 16 << 10;

  /// Of a stream whose length nobody knows.
  public static final long UNKNOWN = Long.MAX_VALUE;

  /// What [#mark]'s limit is passed with.
  static final class Beyond extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final Beyond IT = new Beyond();

    private Beyond() {
      super("beyond the mark's limit", null, false, false);
    }
  }

  private static final Source NOTHING = (to, from, n) -> -1;

  private byte[] own = {}; // the buffer while there is a source
  private byte[] buffer = own;
  private int at;
  private int end;
  private long before; // bytes of the stream before the buffer's first one
  private long total = UNKNOWN; // bytes of the whole stream
  private Source source = NOTHING;
  private int marked = -1; // in the buffer; -1: nothing is
  private int markLimit;
  private boolean summing;
  private int summed; // in the buffer: up to where bytes are in the checksum
  private long crc;

  /// The encoding of the string that [#lengthOrEncoding] has just met.
  private int encoding;

  public RdbInput() {}

  /// Turns to a stream.
  ///
  /// @param total how many bytes it has, or [#UNKNOWN]
  /// @param summing whether [#checksum] will be asked for
  public RdbInput open(Source source, long total, boolean summing) {
    if (own.length == 0) own = new byte[BUFFER];
    this.source = source;
    this.total = total;
    start(own, 0, 0, 0, summing);
    return this;
  }

  /// Turns to bytes in an array, which stay the caller's and must last as long.
  ///
  /// @param offset where in a stream they stood: what [#offset] counts from
  public RdbInput open(byte[] a, int from, int n, long offset) {
    source = NOTHING;
    total = offset + n;
    start(a, from, from + n, offset - from, false);
    return this;
  }

  private void start(byte[] a, int from, int to, long beforeArray, boolean sum) {
    buffer = a;
    at = from;
    end = to;
    before = beforeArray;
    marked = -1;
    summing = sum;
    summed = from;
    crc = 0;
  }

  /// Lets go of whatever it was open at.
  void close() {
    open(own, 0, 0, 0);
  }

  /// How many bytes have been read.
  public long offset() {
    return before + at;
  }

  /// How many bytes are left, or more than any stream has.
  long left() {
    return total == UNKNOWN ? UNKNOWN : total - offset();
  }

  /// The checksum of what has been read.
  public long checksum() {
    sum();
    return crc;
  }

  private void sum() {
    if (summing && at > summed) {
      crc = Crc64.update(crc, buffer, summed, at - summed);
      summed = at;
    }
  }

  // ── errors ──

  RdbException corrupt(String expected) {
    return new RdbException(Fault.CORRUPT, offset(), expected);
  }

  RdbException unsupported(String what) {
    return new RdbException(Fault.UNSUPPORTED, offset(), what);
  }

  RdbException empty(String what) {
    return new RdbException(Fault.EMPTY, offset(), what);
  }

  /// So many bytes were to be read, and aren't there.
  private RdbException truncated(long wanted) {
    long there = total == UNKNOWN ? end - at : left();
    return new RdbException(
        Fault.TRUNCATED,
        offset(),
        wanted + " bytes were expected, but the stream ends after " + there);
  }

  // ── the buffer ──

  /// From here on bytes stay in the buffer, up to `most` of them.
  void mark(int most) {
    marked = at;
    markLimit = most;
  }

  /// Goes back to the mark, which is gone then.
  void reset() {
    sum();
    at = marked;
    marked = -1;
  }

  /// Forgets the mark; what was marked is at `[from, from + n)` of [#array] until the next read.
  int unmark() {
    int from = marked;
    marked = -1;
    return from;
  }

  /// Goes back to a place in [#array].
  void back(int to) {
    sum();
    at = to;
  }

  byte[] array() {
    return buffer;
  }

  /// Where in [#array] the next byte is.
  int at() {
    return at;
  }

  /// Sees to it that `n` bytes, few, are in the buffer.
  private void need(int n) {
    if (n > end - at) fill(n);
  }

  private void fill(int n) {
    if (marked >= 0 && at - marked + n > markLimit) throw Beyond.IT;
    if (n > left()) throw truncated(n);
    if (source == NOTHING) throw truncated(n);
    sum();
    int keep = marked >= 0 ? marked : at;
    if (at + n > buffer.length || keep > buffer.length >> 1) shift(keep, n);
    while (end - at < n) {
      int got = source.read(buffer, end, buffer.length - end);
      if (got < 0) throw truncated(n);
      end += got;
    }
  }

  private void shift(int keep, int n) {
    byte[] to = buffer;
    int size = at - keep + n;
    if (size > buffer.length) {
      to = new byte[Math.max(size, 2 * buffer.length)];
      own = to;
    }
    System.arraycopy(buffer, keep, to, 0, end - keep);
    buffer = to;
    before += keep;
    at -= keep;
    end -= keep;
    summed -= keep;
    if (marked >= 0) marked -= keep;
  }

  /// Whether `n` bytes can be had as one piece: the buffer may grow to `most` for that.
  private boolean piece(long n, int most) {
    if (n <= end - at) return true;
    if (source == NOTHING || n > most) return false;
    fill((int) n);
    return true;
  }

  /// Passes over `n` bytes, and returns where they are in [#array], until the next read; -1, and
  /// they are still to be read, if they are more than `most`, or not in one piece.
  int take(long n, int most) {
    if (!piece(n, most)) return -1;
    int from = at;
    at += (int) n;
    return from;
  }

  /// Copies the next `n` bytes.
  void read(byte[] to, int from, int n) {
    int done = Math.min(n, end - at);
    System.arraycopy(buffer, at, to, from, done);
    at += done;
    while (done < n) {
      if (n - done > left()) throw truncated(n - done);
      if (marked >= 0 || n - done < buffer.length) {
        int more = Math.min(n - done, buffer.length >> 1);
        need(more);
        System.arraycopy(buffer, at, to, from + done, more);
        at += more;
        done += more;
      } else {
        done += readPast(to, from + done, n - done);
      }
    }
  }

  /// Reads to an array of the caller's; the buffer is empty.
  private int readPast(byte[] to, int from, int n) {
    sum();
    int got = source.read(to, from, n);
    if (got < 0) throw truncated(n);
    if (summing) crc = Crc64.update(crc, to, from, got);
    before += end + got;
    at = 0;
    end = 0;
    summed = 0;
    return got;
  }

  /// Passes over `n` bytes.
  void skip(long n) {
    if (Long.compareUnsigned(n, left()) > 0) throw truncated(n);
    long rest = n;
    while (true) {
      int here = (int) Math.min(rest, end - at);
      at += here;
      rest -= here;
      if (rest == 0) return;
      need((int) Math.min(rest, buffer.length >> 1));
    }
  }

  // ── numbers ──

  int u8() {
    need(1);
    return buffer[at++] & 0xff;
  }

  int int16() {
    need(2);
    int value = (buffer[at] & 0xff) | buffer[at + 1] << 8;
    at += 2;
    return value;
  }

  int int32() {
    need(4);
    int value = (int) RdbOutput.INT.get(buffer, at);
    at += 4;
    return value;
  }

  long int64() {
    need(8);
    long value = (long) RdbOutput.LONG.get(buffer, at);
    at += 8;
    return value;
  }

  /// A length as [#lengthOrEncoding], where a string's encoding has no place.
  long length() {
    long n = lengthOrEncoding();
    if (n == ENCODED) throw corrupt("a length was expected, not the encoding of a string");
    return n;
  }

  /// What [#lengthOrEncoding] says of a string that isn't just its bytes: [#encoding] tells.
  static final long ENCODED = -1;

  /// A length, at most 2^63 - 1, or [#ENCODED].
  long lengthOrEncoding() {
    int first = u8();
    switch (first >>> 6) {
      case 0:
        return first;
      case 1:
        return (first & 0x3f) << 8 | u8();
      case 3:
        encoding = first & 0x3f;
        return ENCODED;
      default:
    }
    if (first == RdbOutput.LENGTH_32) {
      need(4);
      int value = (int) RdbOutput.BIG_INT.get(buffer, at);
      at += 4;
      return value & 0xffff_ffffL;
    }
    if (first == RdbOutput.LENGTH_64) {
      need(8);
      long value = (long) RdbOutput.BIG_LONG.get(buffer, at);
      at += 8;
      if (value < 0) throw corrupt("a length of 2^63 or more");
      return value;
    }
    throw corrupt("a length was expected, not byte " + first);
  }

  /// A number in the form of a length, which may have all 64 bits.
  long lengthOf64Bits() {
    need(1);
    if ((buffer[at] & 0xff) != RdbOutput.LENGTH_64) return length();
    need(9);
    long value = (long) RdbOutput.BIG_LONG.get(buffer, at + 1);
    at += 9;
    return value;
  }

  int encoding() {
    return encoding;
  }
}
