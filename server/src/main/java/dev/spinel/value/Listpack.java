package dev.spinel.value;

import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// A sequence of strings and integers in one run of bytes: Redis's listpack, byte for byte, so that
/// saving one is a copy.
///
/// ```
///   total bytes 4 | elements 2 | element … element | 0xff
///   element = [encoding and length][data][length of the two before it, readable backwards]
///
///   0xxxxxxx                        integer 0..127                  1110xxxx L        string below 4096
///   10xxxxxx                        string below 64                 11110000 L L L L  string
///   110xxxxx B                      integer of 13 bits              11110001..0100    integer of 16, 24, 32, 64 bits
/// ```
///
/// A string that is the canonical decimal form of a 64-bit integer is stored as that integer;
/// whoever reads it as text gets the same bytes back. An element count of 65535 means "count them".
///
/// All functions are stateless: a listpack is the address of its first byte, a *position* is an
/// offset from there. Positions are positive; **0 means "no element"**, and [#end] is the position
/// of the terminator: inserting there appends.
///
/// **Room is the caller's business.** An insert needs [#entryBytes] more bytes than [#bytes] says;
/// whoever calls has made sure that the node behind the address has them, and that nobody else
/// reads it (the slot's lock, `writable`). Nothing here knows which node a listpack lies in: the
/// value of an entry, or a leaf of a [Sequence].
///
/// Bytes from outside pass [#validate] before they are copied into memory; from then on everything
/// here trusts them.
public final class Listpack {

  /// Total bytes and element count.
  public static final int HEADER = 6;

  /// Bytes of a listpack without elements.
  public static final int EMPTY = HEADER + 1;

  private static final int UNKNOWN_COUNT = 0xffff;
  private static final byte END = (byte) 0xff;
  private static final int MAX_DIGITS = 20;

  private static final VarHandle ARRAY_LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Listpack() {}

  // ── reading ──

  /// Makes the [#EMPTY] bytes at `lp` an empty listpack.
  public static void clear(Memory m, long lp) {
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    s.set(Memory.INT, o, EMPTY);
    s.set(Memory.SHORT, o + 4, (short) 0);
    s.set(Memory.BYTE, o + HEADER, END);
  }

  /// All bytes, header and terminator included.
  public static int bytes(Memory m, long lp) {
    return m.getInt(lp);
  }

  /// How many elements.
  public static int count(Memory m, long lp) {
    int count = m.getShort(lp + 4) & 0xffff;
    return count != UNKNOWN_COUNT ? count : recount(m.segment(lp), m.offset(lp));
  }

  private static int recount(MemorySegment s, long o) {
    int count = 0;
    for (long p = o + HEADER; s.get(Memory.BYTE, p) != END; p += spanAt(s, p)) {
      count++;
    }
    return count;
  }

  /// The first element, or 0.
  public static int first(Memory m, long lp) {
    return m.getByte(lp + HEADER) == END ? 0 : HEADER;
  }

  /// The last element, or 0.
  public static int last(Memory m, long lp) {
    return previous(m, lp, end(m, lp));
  }

  /// The position of the terminator.
  public static int end(Memory m, long lp) {
    return m.getInt(lp) - 1;
  }

  /// The element after the one at `p`, or 0.
  public static int next(Memory m, long lp, int p) {
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    int next = p + spanAt(s, o + p);
    return s.get(Memory.BYTE, o + next) == END ? 0 : next;
  }

  /// What follows the element at `p`: an element or the terminator. Inserting there inserts after
  /// `p`.
  public static int after(Memory m, long lp, int p) {
    return p + spanAt(m.segment(lp), m.offset(lp) + p);
  }

  /// The element before `p`, which may be the terminator, or 0.
  public static int previous(Memory m, long lp, int p) {
    return p == HEADER ? 0 : previousAt(m.segment(lp), m.offset(lp), p);
  }

  static int previousAt(MemorySegment s, long o, int p) {
    int length = 0;
    int shift = 0;
    long at = o + p;
    byte b;
    do {
      b = s.get(Memory.BYTE, --at);
      length |= (b & 127) << shift;
      shift += 7;
    } while (b < 0);
    return (int) (at - length - o);
  }

  /// The element with that index, counted from the end if negative (-1 is the last), or 0. Goes
  /// from the nearer end.
  public static int seek(Memory m, long lp, int index) {
    int count = count(m, lp);
    int forward = index < 0 ? count + index : index;
    if (forward < 0 || forward >= count) {
      return 0;
    }
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    if (forward <= count >>> 1) {
      long p = o + HEADER;
      for (int i = 0; i < forward; i++) {
        p += spanAt(s, p);
      }
      return (int) (p - o);
    }
    int p = s.get(Memory.INT, o) - 1;
    for (int i = count; i > forward; i--) {
      p = previousAt(s, o, p);
    }
    return p;
  }

  /// Whether the element is stored as an integer; if not, it is text.
  public static boolean isInteger(Memory m, long lp, int p) {
    return isInteger(m.getByte(lp + p) & 0xff);
  }

  static boolean isInteger(int b) {
    return b < 0x80 || (b & 0xe0) == 0xc0 || (b > 0xf0 && b < 0xff);
  }

  /// The value of an element that [#isInteger].
  public static long integer(Memory m, long lp, int p) {
    return integerAt(m.segment(lp), m.offset(lp) + p);
  }

  static long integerAt(MemorySegment s, long p) {
    int b = s.get(Memory.BYTE, p) & 0xff;
    if (b < 0x80) {
      return b;
    }
    if ((b & 0xe0) == 0xc0) {
      return ((((b & 0x1f) << 8) | (s.get(Memory.BYTE, p + 1) & 0xff)) << 19) >> 19;
    }
    return switch (b) {
      case 0xf1 -> s.get(Memory.SHORT, p + 1);
      case 0xf2 -> (s.get(Memory.SHORT, p + 1) & 0xffff) | s.get(Memory.BYTE, p + 3) << 16;
      case 0xf3 -> s.get(Memory.INT, p + 1);
      default -> s.get(Memory.LONG, p + 1);
    };
  }

  /// The address of the bytes of an element that is text.
  public static long text(Memory m, long lp, int p) {
    return lp + p + prefix(m.getByte(lp + p) & 0xff);
  }

  /// How many bytes a text element has.
  public static int textLength(Memory m, long lp, int p) {
    return textLengthAt(m.segment(lp), m.offset(lp) + p);
  }

  static int textLengthAt(MemorySegment s, long p) {
    int b = s.get(Memory.BYTE, p) & 0xff;
    if ((b & 0xc0) == 0x80) {
      return b & 0x3f;
    }
    if ((b & 0xf0) == 0xe0) {
      return (b & 0x0f) << 8 | (s.get(Memory.BYTE, p + 1) & 0xff);
    }
    return s.get(Memory.INT, p + 1);
  }

  /// How many bytes the element has when read as text: the digits and the sign of an integer.
  public static int length(Memory m, long lp, int p) {
    return isInteger(m, lp, p) ? digits(integer(m, lp, p)) : textLength(m, lp, p);
  }

  /// Writes the element as text to `to[at…]`, where [#length] bytes must fit, and returns how many
  /// there were.
  public static int copyOut(Memory m, long lp, int p, byte[] to, int at) {
    if (isInteger(m, lp, p)) {
      return writeDigits(integer(m, lp, p), to, at);
    }
    int n = textLength(m, lp, p);
    m.copyOut(text(m, lp, p), to, at, n);
    return n;
  }

  /// Whether the element, read as text, is these bytes.
  public static boolean equal(Memory m, long lp, int p, byte[] a, int from, int length) {
    MemorySegment s = m.segment(lp);
    long at = m.offset(lp) + p;
    int b = s.get(Memory.BYTE, at) & 0xff;
    if (isInteger(b)) {
      return canonical(a, from, length) && integerAt(s, at) == parse(a, from, length);
    }
    return textLengthAt(s, at) == length && equalAt(s, at + prefix(b), a, from, length);
  }

  /// The first element from `p` on that is these bytes, comparing one and then skipping `skip`; 0
  /// if there is none. `p` may be 0, then there is none.
  public static int find(Memory m, long lp, int p, byte[] a, int from, int length, int skip) {
    if (p == 0) {
      return 0;
    }
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    boolean integer = canonical(a, from, length);
    long value = integer ? parse(a, from, length) : 0;
    long at = o + p;
    while (true) {
      int b = s.get(Memory.BYTE, at) & 0xff;
      if (b == 0xff) {
        return 0;
      }
      if (isInteger(b)) {
        if (integer && integerAt(s, at) == value) {
          return (int) (at - o);
        }
      } else if (textLengthAt(s, at) == length && equalAt(s, at + prefix(b), a, from, length)) {
        return (int) (at - o);
      }
      at += spanAt(s, at);
      for (int i = 0; i < skip; i++) {
        if (s.get(Memory.BYTE, at) == END) {
          return 0;
        }
        at += spanAt(s, at);
      }
    }
  }

  private static boolean equalAt(MemorySegment s, long at, byte[] a, int from, int n) {
    int i = 0;
    for (; i <= n - 8; i += 8) {
      if (s.get(Memory.LONG, at + i) != (long) ARRAY_LONG.get(a, from + i)) {
        return false;
      }
    }
    for (; i < n; i++) {
      if (s.get(Memory.BYTE, at + i) != a[from + i]) {
        return false;
      }
    }
    return true;
  }

  // ── comparing many ──

  private static final long ODD = 0x9e3779b97f4a7c15L; // 2^64 ÷ the golden ratio

  /// A hash of 32 bits of the element at `p`, the same wherever it stands, in an array, too. It
  /// isn't keyed: a table of one listpack's elements is at worst a linear search, as [#find] is.
  static int fingerprint(MemorySegment s, long p) {
    int b = s.get(Memory.BYTE, p) & 0xff;
    if (isInteger(b)) return fingerprint(integerAt(s, p));
    int n = textLengthAt(s, p);
    long at = p + prefix(b);
    long bits = n;
    int i = 0;
    for (; i <= n - 8; i += 8) bits = stir(bits, s.get(Memory.LONG, at + i));
    long rest = 0;
    for (int shift = 0; i < n; i++, shift += 8) {
      rest |= (s.get(Memory.BYTE, at + i) & 0xffL) << shift;
    }
    return (int) (stir(bits, rest) >>> 32);
  }

  /// The same of the element that these bytes would be.
  static int fingerprint(byte[] a, int from, int length) {
    if (canonical(a, from, length)) return fingerprint(parse(a, from, length));
    long bits = length;
    int i = 0;
    for (; i <= length - 8; i += 8) bits = stir(bits, (long) ARRAY_LONG.get(a, from + i));
    long rest = 0;
    for (int shift = 0; i < length; i++, shift += 8) rest |= (a[from + i] & 0xffL) << shift;
    return (int) (stir(bits, rest) >>> 32);
  }

  /// The same of an integer.
  static int fingerprint(long value) {
    return (int) (stir(0, value) >>> 32);
  }

  private static long stir(long bits, long word) {
    long product = (bits ^ word) * ODD;
    return product ^ product >>> 32;
  }

  /// Whether an element of one listpack and an element of another are the same text.
  static boolean equal(Memory m, long lp, int p, long other, int q) {
    MemorySegment s = m.segment(lp);
    MemorySegment t = m.segment(other);
    long at = m.offset(lp) + p;
    long to = m.offset(other) + q;
    int b = s.get(Memory.BYTE, at) & 0xff;
    int c = t.get(Memory.BYTE, to) & 0xff;
    if (isInteger(b) || isInteger(c)) {
      return isInteger(b) && isInteger(c) && integerAt(s, at) == integerAt(t, to);
    }
    int n = textLengthAt(s, at);
    if (textLengthAt(t, to) != n) return false;
    at += prefix(b);
    to += prefix(c);
    int i = 0;
    for (; i <= n - 8; i += 8) {
      if (s.get(Memory.LONG, at + i) != t.get(Memory.LONG, to + i)) return false;
    }
    for (; i < n; i++) {
      if (s.get(Memory.BYTE, at + i) != t.get(Memory.BYTE, to + i)) return false;
    }
    return true;
  }

  // ── sizes ──

  /// Bytes that the element at `p` takes.
  public static int entryBytes(Memory m, long lp, int p) {
    return spanAt(m.segment(lp), m.offset(lp) + p);
  }

  /// Bytes that these bytes would take as an element.
  public static int entryBytes(byte[] a, int from, int length) {
    return canonical(a, from, length) ? entryBytes(parse(a, from, length)) : textEntryBytes(length);
  }

  /// Bytes that an integer would take as an element.
  public static int entryBytes(long value) {
    return integerBytes(value) + 1;
  }

  /// Bytes that a text of `length` bytes (one that is no canonical integer) would take as an
  /// element.
  public static int textEntryBytes(int length) {
    int n = length + (length < 64 ? 1 : length < 4096 ? 2 : 5);
    return n + tail(n);
  }

  /// Bytes of the element that begins at offset `p` of the segment.
  static int spanAt(MemorySegment s, long p) {
    int b = s.get(Memory.BYTE, p) & 0xff;
    if (b < 0x80) {
      return 2;
    }
    if ((b & 0xc0) == 0x80) {
      return (b & 0x3f) + 2; // at most 64 bytes: the length behind them takes one
    }
    int n;
    if ((b & 0xe0) == 0xc0) {
      return 3;
    } else if ((b & 0xf0) == 0xe0) {
      n = 2 + ((b & 0x0f) << 8 | (s.get(Memory.BYTE, p + 1) & 0xff));
    } else if (b == 0xf0) {
      n = 5 + s.get(Memory.INT, p + 1);
    } else {
      assert b <= 0xf4 : "not an element: " + b;
      return b == 0xf4 ? 10 : b - 0xf1 + 4;
    }
    return n + tail(n);
  }

  /// Bytes before the data of a text element.
  static int prefix(int b) {
    return (b & 0xc0) == 0x80 ? 1 : (b & 0xf0) == 0xe0 ? 2 : 5;
  }

  private static int integerBytes(long v) {
    if (v >= 0 && v <= 127) {
      return 1;
    }
    if (v >= -4096 && v <= 4095) {
      return 2;
    }
    if (v >= -32768 && v <= 32767) {
      return 3;
    }
    if (v >= -8388608 && v <= 8388607) {
      return 4;
    }
    return v == (int) v ? 5 : 9;
  }

  /// Bytes of the backwards length behind `n` bytes. The odd limits are the format's.
  private static int tail(int n) {
    return n <= 127 ? 1 : n < 16383 ? 2 : n < 2097151 ? 3 : n < 268435455 ? 4 : 5;
  }

  // ── changing ──

  /// Inserts these bytes before `p`.
  public static void insert(Memory m, long lp, int p, byte[] a, int from, int length) {
    if (canonical(a, from, length)) {
      insert(m, lp, p, parse(a, from, length));
    } else {
      m.copyIn(a, from, insertText(m, lp, p, length), length);
    }
  }

  /// Inserts an integer before `p`.
  public static void insert(Memory m, long lp, int p, long value) {
    open(m, lp, p, 0, integerBytes(value) + 1, 1);
    putInteger(m.segment(lp), m.offset(lp) + p, value);
  }

  /// Inserts a text of `length` bytes before `p` and returns the address where the caller puts
  /// them. They must not be the canonical form of an integer.
  public static long insertText(Memory m, long lp, int p, int length) {
    open(m, lp, p, 0, textEntryBytes(length), 1);
    return putText(m, lp, p, length);
  }

  public static void append(Memory m, long lp, byte[] a, int from, int length) {
    insert(m, lp, end(m, lp), a, from, length);
  }

  public static void append(Memory m, long lp, long value) {
    insert(m, lp, end(m, lp), value);
  }

  /// Writes these bytes as an element at `p`, behind which there is nothing, and returns where the
  /// next one goes. For whoever appends many: [#close] ends the listpack.
  static int write(Memory m, long lp, int p, byte[] a, int from, int length) {
    if (canonical(a, from, length)) return write(m, lp, p, parse(a, from, length));
    m.copyIn(a, from, putText(m, lp, p, length), length);
    return p + textEntryBytes(length);
  }

  /// The same with an integer.
  static int write(Memory m, long lp, int p, long value) {
    putInteger(m.segment(lp), m.offset(lp) + p, value);
    return p + integerBytes(value) + 1;
  }

  /// Ends a listpack at `p`, to which `more` elements have been written.
  static void close(Memory m, long lp, int p, int more) {
    int count = (m.getShort(lp + 4) & 0xffff) + more; // of unknown ones more are unknown, too
    m.putInt(lp, p + 1);
    m.putShort(lp + 4, (short) Math.min(UNKNOWN_COUNT, count));
    m.putByte(lp + p, END);
  }

  /// Puts these bytes in the place of the element at `p`.
  public static void replace(Memory m, long lp, int p, byte[] a, int from, int length) {
    if (canonical(a, from, length)) {
      replace(m, lp, p, parse(a, from, length));
    } else {
      m.copyIn(a, from, replaceText(m, lp, p, length), length);
    }
  }

  /// Puts an integer in the place of the element at `p`.
  public static void replace(Memory m, long lp, int p, long value) {
    open(m, lp, p, entryBytes(m, lp, p), integerBytes(value) + 1, 0);
    putInteger(m.segment(lp), m.offset(lp) + p, value);
  }

  /// The same for a text whose bytes the caller puts at the address that this returns.
  public static long replaceText(Memory m, long lp, int p, int length) {
    open(m, lp, p, entryBytes(m, lp, p), textEntryBytes(length), 0);
    return putText(m, lp, p, length);
  }

  /// Deletes the element at `p`; the next one, or the terminator, is at `p` then.
  public static void delete(Memory m, long lp, int p) {
    open(m, lp, p, entryBytes(m, lp, p), 0, -1);
  }

  /// Deletes the elements of `[from, to)`, two positions (`to` may be the terminator), of which
  /// there are `count`.
  public static void delete(Memory m, long lp, int from, int to, int count) {
    open(m, lp, from, to - from, 0, -count);
  }

  /// Deletes the elements at `count` positions, which ascend.
  static void delete(Memory m, long lp, int[] positions, int count) {
    int end = end(m, lp) + 1;
    int to = positions[0];
    for (int i = 0; i < count; i++) {
      int from = after(m, lp, positions[i]);
      int bytes = (i + 1 < count ? positions[i + 1] : end) - from;
      m.copy(lp + from, lp + to, bytes);
      to += bytes;
    }
    int left = m.getShort(lp + 4) & 0xffff;
    m.putInt(lp, to);
    if (left != UNKNOWN_COUNT) m.putShort(lp + 4, (short) (left - count));
  }

  /// Copies the elements of `[from, to)` of one listpack, of which there are `count`, before `p` of
  /// another one.
  public static void insertFrom(
      Memory m, long source, int from, int to, int count, long lp, int p) {
    open(m, lp, p, 0, to - from, count);
    m.copy(source + from, lp + p, to - from);
  }

  /// Replaces `was` bytes at `p` by `now` bytes that the caller writes, and accounts for `count`
  /// more elements.
  private static void open(Memory m, long lp, int p, int was, int now, int count) {
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    int bytes = s.get(Memory.INT, o);
    assert p >= HEADER && p + was < bytes : p + " + " + was + " of " + bytes;
    int rest = bytes - p - was;
    if (now != was) {
      if (rest == 1) {
        s.set(Memory.BYTE, o + p + now, END);
      } else {
        MemorySegment.copy(s, o + p + was, s, o + p + now, rest);
      }
      s.set(Memory.INT, o, bytes + now - was);
    }
    if (count != 0) {
      int old = s.get(Memory.SHORT, o + 4) & 0xffff;
      if (old != UNKNOWN_COUNT) {
        s.set(Memory.SHORT, o + 4, (short) Math.min(UNKNOWN_COUNT, old + count));
      }
    }
  }

  static long putText(Memory m, long lp, int p, int length) {
    MemorySegment s = m.segment(lp);
    long at = m.offset(lp) + p;
    int prefix;
    if (length < 64) {
      s.set(Memory.BYTE, at, (byte) (0x80 | length));
      s.set(Memory.BYTE, at + 1 + length, (byte) (length + 1));
      return lp + p + 1;
    } else if (length < 4096) {
      s.set(Memory.BYTE, at, (byte) (0xe0 | length >>> 8));
      s.set(Memory.BYTE, at + 1, (byte) length);
      prefix = 2;
    } else {
      s.set(Memory.BYTE, at, (byte) 0xf0);
      s.set(Memory.INT, at + 1, length);
      prefix = 5;
    }
    putTail(s, at + prefix + length, prefix + length);
    return lp + p + prefix;
  }

  /// Writes an integer as an element to the beginning of `to`, and returns how many bytes that are.
  static int putAlone(MemorySegment to, long value) {
    putInteger(to, 0, value);
    return integerBytes(value) + 1;
  }

  /// Writes what stands before the bytes of a text of this length to the beginning of `to`, and
  /// returns how many bytes that are.
  static int putTextPrefix(byte[] to, int length) {
    if (length < 64) {
      to[0] = (byte) (0x80 | length);
      return 1;
    }
    if (length < 4096) {
      to[0] = (byte) (0xe0 | length >>> 8);
      to[1] = (byte) length;
      return 2;
    }
    to[0] = (byte) 0xf0;
    MemorySegment.ofArray(to).set(Memory.INT, 1, length);
    return 5;
  }

  /// The same for what stands behind them.
  static int putTextTail(byte[] to, int length) {
    int n = length + (length < 64 ? 1 : length < 4096 ? 2 : 5);
    putTail(MemorySegment.ofArray(to), 0, n);
    return tail(n);
  }

  static void putInteger(MemorySegment s, long at, long v) {
    int n = integerBytes(v);
    switch (n) {
      case 1 -> s.set(Memory.BYTE, at, (byte) v);
      case 2 -> {
        s.set(Memory.BYTE, at, (byte) (0xc0 | (v >> 8 & 0x1f)));
        s.set(Memory.BYTE, at + 1, (byte) v);
      }
      case 3 -> {
        s.set(Memory.BYTE, at, (byte) 0xf1);
        s.set(Memory.SHORT, at + 1, (short) v);
      }
      case 4 -> {
        s.set(Memory.BYTE, at, (byte) 0xf2);
        s.set(Memory.SHORT, at + 1, (short) v);
        s.set(Memory.BYTE, at + 3, (byte) (v >> 16));
      }
      case 5 -> {
        s.set(Memory.BYTE, at, (byte) 0xf3);
        s.set(Memory.INT, at + 1, (int) v);
      }
      default -> {
        s.set(Memory.BYTE, at, (byte) 0xf4);
        s.set(Memory.LONG, at + 1, v);
      }
    }
    s.set(Memory.BYTE, at + n, (byte) n);
  }

  /// The length `n` backwards: its lowest 7 bits last, every byte but the first one marked.
  private static void putTail(MemorySegment s, long at, int n) {
    int size = tail(n);
    int rest = n;
    for (int i = size - 1; i > 0; i--) {
      s.set(Memory.BYTE, at + i, (byte) (rest & 127 | 128));
      rest >>>= 7;
    }
    s.set(Memory.BYTE, at, (byte) rest);
  }

  // ── integers as text ──

  /// Whether these bytes are a 64-bit integer in the one form in which Redis writes it.
  public static boolean canonical(byte[] a, int from, int length) {
    if (length == 0 || length > MAX_DIGITS) {
      return false;
    }
    int i = from;
    int end = from + length;
    boolean negative = a[i] == '-';
    if (negative && ++i == end) {
      return false;
    }
    int first = a[i] - '0';
    if (first <= 0 || first > 9) {
      return first == 0 && length == 1;
    }
    if (end - i > 19) {
      return false;
    }
    long v = first;
    while (++i < end) {
      int digit = a[i] - '0';
      if (digit < 0 || digit > 9) {
        return false;
      }
      v = v * 10 + digit; // 19 digits stay below 2^64, and what reaches 2^63 shows as negative
    }
    return v >= 0 || (negative && v == Long.MIN_VALUE);
  }

  /// The integer that [#canonical] bytes stand for.
  public static long parse(byte[] a, int from, int length) {
    int i = from;
    int end = from + length;
    boolean negative = a[i] == '-';
    long v = 0;
    for (i += negative ? 1 : 0; i < end; i++) {
      v = v * 10 + (a[i] - '0');
    }
    return negative ? -v : v;
  }

  /// How many characters an integer has in decimal.
  public static int digits(long v) {
    if (v == Long.MIN_VALUE) {
      return 20;
    }
    int n = v < 0 ? 2 : 1;
    for (long rest = Math.abs(v); rest >= 10; rest /= 10) {
      n++;
    }
    return n;
  }

  /// Writes an integer in decimal to `to[at…]` and returns its length.
  public static int writeDigits(long v, byte[] to, int at) {
    int n = digits(v);
    int i = at + n;
    long rest = v;
    do {
      to[--i] = (byte) ('0' + Math.abs(rest % 10));
      rest /= 10;
    } while (rest != 0);
    if (v < 0) {
      to[at] = '-';
    }
    return n;
  }

  // ── foreign bytes ──

  /// Whether foreign bytes are a listpack in which every walk ends where it should: returns the
  /// number of elements, or -1. Total: any bytes get an answer.
  public static int validate(byte[] a, int from, int length) {
    if (length < EMPTY || from < 0 || from > a.length - length) {
      return -1;
    }
    if (int32(a, from) != length || a[from + length - 1] != END) {
      return -1;
    }
    int end = from + length - 1;
    int p = from + HEADER;
    int count = 0;
    while (p < end) {
      long n = encodedBytes(a, p, end);
      if (n < 0 || p + n >= end) {
        return -1;
      }
      int tail = tail((int) n);
      if (p + n + tail > end || !tailMatches(a, (int) (p + n), tail, (int) n)) {
        return -1;
      }
      p += (int) n + tail;
      count++;
    }
    int said = (a[from + 4] & 0xff) | (a[from + 5] & 0xff) << 8;
    return said == UNKNOWN_COUNT || said == count ? count : -1;
  }

  /// Bytes of the element at `p` without its tail, or -1 if its first bytes make no sense or pass
  /// `end`.
  private static long encodedBytes(byte[] a, int p, int end) {
    int b = a[p] & 0xff;
    if (b < 0x80) {
      return 1;
    }
    if ((b & 0xc0) == 0x80) {
      return 1 + (b & 0x3f);
    }
    if ((b & 0xe0) == 0xc0) {
      return 2;
    }
    if ((b & 0xf0) == 0xe0) {
      return p + 1 < end ? 2 + ((b & 0x0f) << 8 | (a[p + 1] & 0xff)) : -1;
    }
    if (b == 0xf0) {
      return p + 4 < end ? 5 + (int32(a, p + 1) & 0xffffffffL) : -1;
    }
    return b <= 0xf4 ? (b == 0xf4 ? 9 : b - 0xf1 + 3) : -1;
  }

  private static boolean tailMatches(byte[] a, int at, int size, int n) {
    int rest = n;
    for (int i = size - 1; i > 0; i--) {
      if ((a[at + i] & 0xff) != (rest & 127 | 128)) {
        return false;
      }
      rest >>>= 7;
    }
    return (a[at] & 0xff) == rest;
  }

  private static int int32(byte[] a, int p) {
    return (a[p] & 0xff) | (a[p + 1] & 0xff) << 8 | (a[p + 2] & 0xff) << 16 | a[p + 3] << 24;
  }
}
