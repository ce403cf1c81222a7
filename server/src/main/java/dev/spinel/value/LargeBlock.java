package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import java.lang.foreign.MemorySegment;

/// Reads the one entry of a large block of a stream: a listpack ([StreamBlocks]) whose bytes are a
/// sequence of chunks. Its fields stand in the master entry, all before all values.
///
/// ```
///   [1][0][n][field]×n [0] [flags][0][0][value]×n …
///            ▲ names                    ▲ values       two cursors
/// ```
final class LargeBlock {
  /// No element's beginning is longer.
  private static final int HEAD = 10;

  /// Goes over elements.
  private static final class Cursor {
    private final ChunkedBytes bytes;
    private final byte[] head = new byte[HEAD];
    private final MemorySegment segment = MemorySegment.ofArray(head);
    long at;

    Cursor(Memory m, Allocator allocator) {
      bytes = new ChunkedBytes(m, allocator);
    }

    void open(long root) {
      bytes.openToRead(root);
      at(Listpack.HEADER);
    }

    /// Goes to the element there.
    void at(long position) {
      at = position;
      bytes.copyOut(at, head, 0, (int) Math.min(HEAD, bytes.length() - at));
    }

    void next() {
      at(at + Listpack.spanAt(segment, 0));
    }

    private boolean isInteger() {
      return Listpack.isInteger(head[0] & 0xff);
    }

    long integer() {
      return Listpack.integerAt(segment, 0);
    }

    int length() {
      return isInteger() ? Listpack.digits(integer()) : Listpack.textLengthAt(segment, 0);
    }

    private long text() {
      return at + Listpack.prefix(head[0] & 0xff);
    }

    void copyOut(int from, byte[] to, int into, int n) {
      if (isInteger()) {
        byte[] digits = new byte[20];
        Listpack.writeDigits(integer(), digits, 0);
        System.arraycopy(digits, from, to, into, n);
      } else {
        bytes.copyOut(text() + from, to, into, n);
      }
    }

    void write(RespWriter out) {
      if (isInteger()) out.bulk(integer());
      else bytes.writeTo(out, text(), Listpack.textLengthAt(segment, 0));
    }
  }

  private final Cursor names;
  private final Cursor values;
  private Cursor word;
  private long firstName;
  private long firstValue;
  private boolean begun; // a value has been read
  private int fields;

  LargeBlock(Memory m, Allocator allocator) {
    names = new Cursor(m, allocator);
    values = new Cursor(m, allocator);
    word = names;
  }

  /// Turns to the block below a root cell; returns how many fields its entry has.
  int open(long root) {
    names.open(root);
    values.open(root);
    names.next();
    names.next();
    fields = (int) names.integer();
    names.next();
    firstName = names.at;
    firstValue = -1;
    return fields;
  }

  /// Goes before the first name.
  void begin() {
    if (firstValue < 0) {
      names.at(firstName);
      for (int i = fields + FRAME_BEFORE_VALUES; i > 0; i--) names.next();
      firstValue = names.at;
    }
    names.at(firstName);
    values.at(firstValue);
    begun = false;
  }

  /// What stands between the last field and the first value: the master's end, flags, ms, seq.
  private static final int FRAME_BEFORE_VALUES = 4;

  /// Goes to the next name, or to its value.
  void next(boolean name) {
    if (!name) {
      if (begun) values.next();
      begun = true;
      word = values;
    } else {
      if (begun) names.next();
      word = names;
    }
  }

  /// How many bytes the word at hand has.
  int length() {
    return word.length();
  }

  void copyOut(int from, byte[] to, int at, int n) {
    word.copyOut(from, to, at, n);
  }

  /// Writes all names and values in turn.
  void writeFields(RespWriter out) {
    begin();
    for (int i = 0; i < fields; i++) {
      next(true);
      word.write(out);
      next(false);
      word.write(out);
    }
  }
}
