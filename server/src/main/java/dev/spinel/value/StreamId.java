package dev.spinel.value;

import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Arrays;

/// The id of a stream's entry: milliseconds and a sequence number, both unsigned, of 64 bits. A
/// flyweight that is used for one id after the other.
public final class StreamId implements Comparable<StreamId> {
  /// The longest text of an id.
  public static final int CHARS = 41;

  /// Redis reads no longer text.
  private static final int MOST_READ = 127;

  public long ms;
  public long seq;

  public StreamId() {}

  public StreamId(long ms, long seq) {
    this.ms = ms;
    this.seq = seq;
  }

  public StreamId set(long ms, long seq) {
    this.ms = ms;
    this.seq = seq;
    return this;
  }

  public StreamId set(StreamId other) {
    return set(other.ms, other.seq);
  }

  /// The greatest id that there is.
  public StreamId setMost() {
    return set(-1, -1);
  }

  /// Whether it is `0-0`, which no entry has.
  public boolean isZero() {
    return (ms | seq) == 0;
  }

  public boolean isMost() {
    return (ms & seq) == -1;
  }

  /// Goes to the next id; false, and it is `0-0`, if there is none.
  public boolean increment() {
    if (++seq != 0) return true;
    return ++ms != 0;
  }

  /// Goes to the id before; false, and it is the greatest one, if there is none.
  public boolean decrement() {
    if (seq-- != 0) return true;
    return ms-- != 0;
  }

  public static int compare(long ms, long seq, long otherMs, long otherSeq) {
    return ms != otherMs ? Long.compareUnsigned(ms, otherMs) : Long.compareUnsigned(seq, otherSeq);
  }

  public int compareTo(long otherMs, long otherSeq) {
    return compare(ms, seq, otherMs, otherSeq);
  }

  @Override
  public int compareTo(StreamId other) {
    return compareTo(other.ms, other.seq);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof StreamId id && compareTo(id) == 0;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(ms) * 31 + Long.hashCode(seq);
  }

  // ── text ──

  /// Writes it as `ms-seq` to `to[at…]`, where [#CHARS] must fit, and returns where it ends.
  public int format(byte[] to, int at) {
    int end = unsigned(ms, to, at);
    to[end++] = '-';
    return unsigned(seq, to, end);
  }

  /// Writes its text as a bulk string.
  public void writeTo(RespWriter out) {
    int n = digits(ms) + 1 + digits(seq);
    byte[] into = out.beginBulk(n);
    format(into, out.output().at());
    out.endBulk(into, n);
  }

  private static int digits(long value) {
    if (value >= 0) return Numbers.digits(value);
    return Long.compareUnsigned(value, TEN_TO_THE_19TH) < 0 ? 19 : 20;
  }

  private static final long TEN_TO_THE_19TH = 0x8AC7_2304_89E8_0000L; // unsigned

  private static int unsigned(long value, byte[] to, int at) {
    if (value >= 0) return Numbers.format(value, to, at);
    long most = Long.divideUnsigned(value, 10);
    int end = Numbers.format(most, to, at);
    to[end] = (byte) ('0' + (value - most * 10));
    return end + 1;
  }

  /// Its text.
  public byte[] text() {
    byte[] text = new byte[CHARS];
    return Arrays.copyOf(text, format(text, 0));
  }

  @Override
  public String toString() {
    return Long.toUnsignedString(ms) + "-" + Long.toUnsignedString(seq);
  }

  /// What [#parse] found in place of a sequence number.
  public enum SequencePart {
    GIVEN,
    /// There was none.
    MISSING,
    /// It was `*`.
    ANY
  }

  private SequencePart sequence = SequencePart.GIVEN;

  /// What the text that was parsed last had behind the milliseconds.
  public SequencePart sequence() {
    return sequence;
  }

  /// Reads `ms`, `ms-seq` or `ms-*` as Redis does, which takes whatever `strtoull` takes, and
  /// nothing behind a byte of 0. Where the text has no sequence number it is 0. False: it is
  /// something else.
  public boolean parse(Slice text) {
    if (text.node != 0 || text.length > MOST_READ) return false;
    byte[] a = text.array;
    int at = text.offset;
    int end = at;
    while (end < at + text.length && a[end] != 0) end++;
    int dash = at;
    while (dash < end && a[dash] != '-') dash++;
    if (!isUnsigned(a, at, dash)) return false;
    ms = parsed;
    seq = 0;
    if (dash == end) {
      sequence = SequencePart.MISSING;
      return true;
    }
    if (end - dash == 2 && a[dash + 1] == '*') {
      sequence = SequencePart.ANY;
      return true;
    }
    sequence = SequencePart.GIVEN;
    if (!isUnsigned(a, dash + 1, end)) return false;
    seq = parsed;
    return true;
  }

  private long parsed;

  /// Whether `a[at…end)` is a number of 64 bits without sign, as `string2ull` of Redis sees it:
  /// then it is [#parsed].
  private boolean isUnsigned(byte[] a, int at, int end) {
    int i = at;
    if (i < end && a[i] == '-' && Listpack.canonical(a, at, end - at)) return false;
    while (i < end && (a[i] == ' ' || a[i] >= '\t' && a[i] <= '\r')) i++;
    boolean negative = i < end && a[i] == '-';
    if (negative || i < end && a[i] == '+') i++;
    if (i == end) return false;
    long value = 0;
    for (; i < end; i++) {
      int digit = a[i] - '0';
      if (digit < 0 || digit > 9) return false;
      if (Long.compareUnsigned(value, Long.divideUnsigned(-1 - digit, 10)) > 0) return false;
      value = value * 10 + digit;
    }
    parsed = negative ? -value : value;
    return true;
  }
}
