package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import java.util.Arrays;

/// Strings as bitmaps: bit `n` is bit `n % 8`, from the highest, of byte `n / 8`, and a string is
/// followed by zeros without end.
///
/// A verb that changes bits in place needs a raw string that is long enough: [#reach] makes it so.
/// No verb touches more of a string than the bits that it is about, so that SETBIT costs the same
/// whatever the length; what runs over many does so piece by piece, where they lie, in words
/// ([Bits]).
///
/// One per seat; the slots' locks are held for all verbs.
public final class BitmapValue {
  /// What BITOP does to bytes at the same place.
  public enum Operation {
    AND,
    OR,
    XOR,
    NOT
  }

  /// The most bytes over which a field of 64 bits extends.
  private static final int WINDOW = 9;

  private final Memory m;
  private final StringValue strings;
  private final Dictionary dictionary;
  private final Reader left;
  private final Reader right;
  private final byte[] window = new byte[WINDOW]; // scratch

  BitmapValue(Memory m, Allocator allocator, Dictionary dictionary, StringValue strings) {
    this.m = m;
    this.dictionary = dictionary;
    this.strings = strings;
    this.left = new Reader(allocator);
    this.right = new Reader(allocator);
  }

  // ── reading ──

  /// The bit at `at`, 0 or 1.
  public int get(long entry, long at) {
    long index = at >>> 3;
    return index < strings.length(entry) ? strings.byteAt(entry, (int) index) >> shift(at) & 1 : 0;
  }

  private static int shift(long at) {
    return 7 - (int) (at & 7);
  }

  /// How many of the bits from `from` up to `to`, which exist, are set.
  public long count(long entry, long from, long to) {
    if (from >= to) {
      return 0;
    }
    int first = (int) (from >>> 3);
    int last = (int) (to - 1 >>> 3);
    long count = countBytes(entry, first, last + 1 - first);
    count -= Integer.bitCount(strings.byteAt(entry, first) & 0xff & ~(0xff >> (from & 7)));
    count -= Integer.bitCount(strings.byteAt(entry, last) & 0xff & (1 << shift(to - 1)) - 1);
    return count;
  }

  private long countBytes(long entry, int from, int n) {
    long count = 0;
    if (isInt(entry)) {
      for (int i = from; i < from + n; i++) {
        count += Integer.bitCount(strings.byteAt(entry, i) & 0xff);
      }
      return count;
    }
    for (int done = 0; done < n; done += left.run) {
      long address = left.find(entry, from + done, n - done);
      count += Bits.count(m, address, left.run);
    }
    return count;
  }

  /// The first bit from `from` up to `to`, which exist, that equals `bit`; -1 if none does.
  public long find(long entry, int bit, long from, long to) {
    if (from >= to) {
      return -1;
    }
    int first = (int) (from >>> 3);
    int bytes = (int) (to + 7 >>> 3) - first;
    long found = findInByte(entry, bit, first, 0xff >> (from & 7));
    int ints = isInt(entry) ? bytes : 0;
    for (int i = 1; found < 0 && i < ints; i++) {
      found = findInByte(entry, bit, first + i, 0xff);
    }
    for (int done = 1; found < 0 && ints == 0 && done < bytes; done += left.run) {
      long address = left.find(entry, first + done, bytes - done);
      long here = Bits.find(m, address, left.run, bit);
      found = here < 0 ? -1 : 8L * (first + done) + here;
    }
    return found < to ? found : -1;
  }

  /// The first bit of a byte, of those in `mask`, that equals `bit`; -1 if none does.
  private long findInByte(long entry, int bit, int at, int mask) {
    int matches = (bit == 1 ? strings.byteAt(entry, at) : ~strings.byteAt(entry, at)) & mask;
    return matches == 0 ? -1 : 8L * at + Integer.numberOfLeadingZeros(matches) - 24;
  }

  /// The `bits` bits, 1 to 64, from `at` on, as an unsigned integer.
  public long field(long entry, long at, int bits) {
    read(entry, at);
    int skipped = (int) (at & 7);
    long high = 0;
    for (int i = 0; i < Long.BYTES; i++) {
      high = high << 8 | window[i] & 0xff;
    }
    long aligned = high << skipped | (window[Long.BYTES] & 0xff) >>> 8 - skipped;
    return aligned >>> Long.SIZE - bits;
  }

  /// Copies the bytes from that of bit `at` on to [#window], with zeros behind the end.
  private void read(long entry, long at) {
    long from = at >>> 3;
    int n = (int) Math.max(0, Math.min(WINDOW, strings.length(entry) - from));
    if (n > 0) {
      strings.copyOut(entry, (int) from, window, 0, n);
    }
    Arrays.fill(window, n, WINDOW, (byte) 0);
  }

  // ── changing ──

  /// Makes the string at `p` raw and at least as long as to hold bit `last`; returns whether it was
  /// shorter, or wasn't there.
  public boolean reach(Place p, Slice key, long last) {
    int needed = (int) (last >>> 3) + 1;
    long entry = dictionary.entry(p);
    if (entry == 0) {
      strings.create(p, key, needed);
      return true;
    }
    if (strings.length(entry) < needed) {
      strings.stretch(p, needed);
      return true;
    }
    strings.raw(p);
    return false;
  }

  /// Makes sure that the `bits` bits from `at` on can be changed without another allocation, as far
  /// as they exist. The string is raw.
  public void unshare(Place p, long at, int bits) {
    int first = (int) (at >>> 3);
    if (dictionary.walk.active() && first < strings.length(dictionary.entry(p))) {
      strings.unshare(p, first, (int) (at + bits + 7 >>> 3) - first);
    }
  }

  /// Sets the bit at `at`, which exists, of a raw string. Where it is set already nothing is
  /// written.
  public void set(Place p, long at, int bit) {
    int index = (int) (at >>> 3);
    byte old = strings.byteAt(dictionary.entry(p), index);
    byte changed = (byte) (old & ~(1 << shift(at)) | bit << shift(at));
    if (changed != old) {
      strings.setByte(p, index, changed);
    }
  }

  /// Sets the `bits` bits from `at` on, which exist, of a raw string to the lowest ones of `value`.
  public void setField(Place p, long at, int bits, long value) {
    read(dictionary.entry(p), at);
    int end = (int) (at & 7) + bits; // in the window
    int bytes = end + 7 >>> 3;
    for (int i = 0; i < bytes; i++) {
      int from = Math.max((int) (at & 7), 8 * i);
      int to = Math.min(end, 8 * i + 8);
      int mask = (1 << to - from) - 1;
      int part = (int) (value >>> end - to) & mask;
      int place = 8 * i + 8 - to;
      window[i] = (byte) (window[i] & ~(mask << place) | part << place);
    }
    strings.setBytes(p, (int) (at >>> 3), window, bytes);
  }

  // ── combining ──

  /// Sets the string at `p` to what `operation` makes of the first `count` of `entries`, strings of
  /// at most `length` bytes; an entry of 0 is an empty one. NOT takes one only.
  public void combine(
      Place p, Slice key, Operation operation, long[] entries, int count, int length) {
    boolean digits = false;
    for (int i = 0; i < count; i++) {
      digits |= isInt(entries[i]);
    }
    int byByte = digits ? Numbers.LONG_CHARS : 0; // the bytes of an integer lie nowhere
    strings.compute(
        p,
        key,
        length,
        (at, to, n) -> {
          int slow = (int) Math.clamp(byByte - at, 0, n);
          for (int i = 0; i < slow; i++) {
            m.putByte(to + i, combined(operation, entries, count, (int) at + i));
          }
          combine(operation, entries, count, (int) at + slow, to + slow, n - slow);
        });
  }

  private boolean isInt(long entry) {
    return entry != 0 && Entry.encoding(m, entry) == Entry.INT;
  }

  private byte combined(Operation operation, long[] entries, int count, int at) {
    int all = byteOf(entries[0], at);
    for (int i = 1; i < count; i++) {
      int next = byteOf(entries[i], at);
      all =
          switch (operation) {
            case AND -> all & next;
            case OR -> all | next;
            case XOR, NOT -> all ^ next;
          };
    }
    return (byte) (operation == Operation.NOT ? ~all : all);
  }

  private int byteOf(long entry, int at) {
    return entry != 0 && at < strings.length(entry) ? strings.byteAt(entry, at) : 0;
  }

  /// Writes `n` bytes of the result, from `at` on, to the address `to`: the first two strings into
  /// it, then each further one upon what is there.
  private void combine(Operation operation, long[] entries, int count, int at, long to, int n) {
    if (count == 1) {
      for (int done = 0; done < n; done += left.run) {
        long from = left.find(entries[0], at + done, n - done);
        if (from == 0) {
          m.fill(to + done, left.run, (byte) (operation == Operation.NOT ? -1 : 0));
        } else if (operation == Operation.NOT) {
          Bits.not(m, from, to + done, left.run);
        } else {
          m.copy(from, to + done, left.run);
        }
      }
    }
    for (int i = 1; i < count; i++) {
      for (int done = 0, run; done < n; done += run) {
        long b = right.find(entries[i], at + done, n - done);
        run = right.run;
        long a = to + done;
        if (i == 1) {
          a = left.find(entries[0], at + done, run);
          run = left.run;
        }
        combine(operation, a, b, to + done, run);
      }
    }
  }

  /// The same for bytes that lie at `a` and `b`; where that is 0 they are zeros.
  private void combine(Operation operation, long a, long b, long to, int n) {
    if (a == 0 || b == 0) {
      long other = operation == Operation.AND ? 0 : a | b;
      if (other == 0) {
        m.fill(to, n, (byte) 0);
      } else if (other != to) {
        m.copy(other, to, n);
      }
      return;
    }
    switch (operation) {
      case AND -> Bits.and(m, a, b, to, n);
      case OR -> Bits.or(m, a, b, to, n);
      case XOR -> Bits.xor(m, a, b, to, n);
      case NOT -> throw new AssertionError("NOT of two");
    }
  }

  /// Finds the bytes of one string in memory.
  private final class Reader {
    private final ChunkedBytes chunks;
    int run;

    Reader(Allocator allocator) {
      chunks = new ChunkedBytes(m, allocator);
    }

    /// The address of the byte at `at`; [#run] bytes, at most `n`, follow each other from there. 0:
    /// so many zeros, for they are behind the end. The string is no integer, or ends before `at`.
    long find(long entry, int at, int n) {
      int rest = entry == 0 ? 0 : strings.length(entry) - at;
      if (rest <= 0) {
        run = n;
        return 0;
      }
      run = Math.min(rest, n);
      if (Entry.encoding(m, entry) != Entry.CHUNKED) {
        return Entry.valueAddress(m, entry) + at;
      }
      long address = chunks.openToRead(Entry.valueAddress(m, entry)).address(at);
      run = Math.min(run, chunks.run(at));
      return address;
    }
  }
}
