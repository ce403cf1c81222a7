package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.lang.invoke.VarHandle;

/// Strings, in four shapes:
///
/// ```
///   INT      a long of 8 bytes                   what is canonically a 64-bit integer, when it is set
///   EMBSTR   the bytes, in the entry             up to 44, as Redis names them
///   RAW      the bytes, in the entry             up to 64 KB; also short ones that were changed in place
///   CHUNKED  the root cell of a [Sequence]       what is longer, and every large argument as it came in
/// ```
///
/// The names are those that OBJECT ENCODING tells (CHUNKED is "raw"), and each verb leaves the one
/// that Redis would. A string never gets shorter in place, so CHUNKED stays.
///
/// A verb that takes a [Place] and the key sets the string whatever is there; one that takes a
/// place alone wants a string to be there. A large slice is taken over by [#set]; all others copy
/// from it.
///
/// One per seat; the slot's lock is held for all verbs.
public final class StringValue implements Structure {
  /// The longest string that Redis keeps in one piece with its header.
  public static final int EMBSTR_MAX = 44;

  /// The longest string, whatever proto-max-bulk-len says: offsets are ints.
  public static final int MAX_LENGTH = Integer.MAX_VALUE - (1 << 20);

  /// What an entry holds of a string; longer ones are chunks.
  private static final int INLINE_MAX = 64 << 10;

  private final Memory m;
  private final Allocator allocator;
  private final Dictionary dictionary;
  private final LargeStrings large;
  private final ChunkedBytes chunks;
  private final ChunkedBytes otherChunks;
  private final Sequence sequence;
  private final Buried buried = new Buried();
  private final byte[] digits = new byte[Numbers.LONG_CHARS]; // scratch
  private final ChunkedBytes.Filler zeros;

  StringValue(Memory m, Allocator allocator, Dictionary dictionary, LargeStrings large) {
    this.m = m;
    this.allocator = allocator;
    this.dictionary = dictionary;
    this.large = large;
    this.chunks = new ChunkedBytes(m, allocator);
    this.otherChunks = new ChunkedBytes(m, allocator);
    this.sequence = new Sequence(m, allocator);
    this.zeros = (at, to, n) -> m.fill(to, n, (byte) 0);
  }

  /// Where replaced chunks of the open string go.
  private final class Buried implements Sequence.Orphans {
    long header;

    @Override
    public void orphan(long node) {
      dictionary.bury(header, node);
    }

    @Override
    public boolean keeps(long chunk, int length, int at, int n) {
      return dictionary.walk.before.keep(allocator, header, chunk, length, at, n);
    }
  }

  // ── setting ──

  /// Sets a string, whatever is at `p`; an integer in its canonical form becomes one.
  ///
  /// @param expiry milliseconds since 1970, or -1
  public void set(Place p, Slice key, Slice value, long expiry) {
    if (value.length <= Numbers.LONG_CHARS) {
      long v = Numbers.parseLong(value.array, value.offset, value.length, 0);
      if (v != 0 || (value.length == 1 && value.array[value.offset] == '0')) {
        setLong(p, key, v, expiry);
        return;
      }
    }
    setText(p, key, value, expiry);
  }

  /// The same, but what looks like an integer stays text (INCRBYFLOAT).
  public void setText(Place p, Slice key, Slice value, long expiry) {
    int n = value.length;
    if (value.node == 0 && n <= inlineMax(key.length)) {
      long e = place(p, key, n <= EMBSTR_MAX ? Entry.EMBSTR : Entry.RAW, n, expiry);
      m.copyIn(value.array, value.offset, Entry.valueAddress(m, e), n);
      put(p, e);
      return;
    }
    put(p, createChunked(key, value, expiry));
  }

  /// A new entry for a string, an integer where that is its canonical form; not in any dictionary
  /// yet.
  ///
  /// @param expiry milliseconds since 1970, or -1
  public long create(Slice key, Slice value, long expiry) {
    int n = value.length;
    if (value.node == 0 && Listpack.canonical(value.array, value.offset, n)) {
      long e = dictionary.create(key, Entry.STRING, Entry.INT, 8, expiry);
      m.putLong(Entry.valueAddress(m, e), Listpack.parse(value.array, value.offset, n));
      return e;
    }
    if (value.node == 0 && n <= inlineMax(key.length)) {
      int encoding = n <= EMBSTR_MAX ? Entry.EMBSTR : Entry.RAW;
      long e = dictionary.create(key, Entry.STRING, encoding, n, expiry);
      m.copyIn(value.array, value.offset, Entry.valueAddress(m, e), n);
      return e;
    }
    return createChunked(key, value, expiry);
  }

  private long createChunked(Slice key, Slice value, long expiry) {
    long e = dictionary.create(key, Entry.STRING, Entry.CHUNKED, Sequence.CELL, expiry);
    try {
      large.adopt(large.cell(value), Entry.valueAddress(m, e));
      return e;
    } catch (OutOfMemoryError refused) {
      dictionary.allocator.free(e);
      throw refused;
    }
  }

  /// Sets an integer.
  public void setLong(Place p, Slice key, long value, long expiry) {
    long e = place(p, key, Entry.INT, 8, expiry);
    m.putLong(Entry.valueAddress(m, e), value);
    put(p, e);
  }

  /// Sets a string of `length` bytes that `filler` computes, raw, without an expiry. What was there
  /// may be read meanwhile.
  public void compute(Place p, Slice key, int length, ChunkedBytes.Filler filler) {
    long e =
        computed(
            key.length,
            length,
            filler,
            (encoding, bytes) -> dictionary.create(key, Entry.STRING, encoding, bytes, -1));
    dictionary.entry(p);
    put(p, e);
  }

  /// Makes the entry that a string is computed into.
  @FunctionalInterface
  private interface Shell {
    long make(int encoding, int valueBytes);
  }

  private long computed(int keyLength, int length, ChunkedBytes.Filler filler, Shell shell) {
    if (length <= inlineMax(keyLength)) {
      long e = shell.make(Entry.RAW, length);
      filler.fill(0, Entry.valueAddress(m, e), length);
      return e;
    }
    long e = shell.make(Entry.CHUNKED, Sequence.CELL);
    long root = Entry.valueAddress(m, e);
    sequence.clear(root);
    otherChunks.open(root, false, dictionary.walk.epoch(), buried);
    try {
      otherChunks.append(length, 0, filler);
    } catch (OutOfMemoryError refused) {
      dictionary.free(e);
      throw refused;
    }
    return e;
  }

  /// An entry for a value of `bytes`: the one at `p`, if nobody needs what is in there and it has
  /// the right size, else a new one, which [#put] puts in its place.
  private long place(Place p, Slice key, int encoding, int bytes, long expiry) {
    long old = dictionary.entry(p);
    if (old != 0
        && Entry.type(m, old) == Entry.STRING
        && Entry.encoding(m, old) != Entry.CHUNKED
        && Entry.expiry(m, old) == expiry
        && !dictionary.walk.active()) {
      if (bytes == Entry.valueLength(m, old)) { // the usual case, which asks no page for its size
        Entry.encoding(m, old, encoding);
        return old;
      }
      int room = Entry.valueCapacity(m, allocator, old);
      if (bytes <= room && room <= 16 + bytes + (bytes >> 2)) {
        Entry.encoding(m, old, encoding);
        Entry.valueLength(m, old, bytes);
        return old;
      }
    }
    return dictionary.create(key, Entry.STRING, encoding, bytes, expiry);
  }

  private void put(Place p, long entry) {
    long old = p.entry;
    if (old == 0) {
      dictionary.insert(p, entry);
    } else if (old != entry) {
      Entry.access(m, entry, Entry.access(m, old));
      dictionary.replace(p, entry);
    }
  }

  private static int inlineMax(int keyLength) {
    return Math.min(INLINE_MAX, Entry.MAX_KEY - keyLength);
  }

  /// Gives the string at `p` an integer for its value; its expiry stays.
  public void putLong(Place p, long value) {
    long e = dictionary.entry(p);
    if (Entry.encoding(m, e) == Entry.INT) {
      e = dictionary.writable(p);
      m.putLong(Entry.valueAddress(m, e), value);
      return;
    }
    e = dictionary.renewed(e, Entry.INT, 8);
    m.putLong(Entry.valueAddress(m, e), value);
    dictionary.replace(p, e);
  }

  // ── reading ──

  private boolean isInt(long entry) {
    assert Entry.type(m, entry) == Entry.STRING;
    return Entry.encoding(m, entry) == Entry.INT;
  }

  private boolean isChunked(long entry) {
    return Entry.encoding(m, entry) == Entry.CHUNKED;
  }

  private long integer(long entry) {
    return m.getLong(Entry.valueAddress(m, entry));
  }

  private ChunkedBytes read(long entry) {
    return chunks.openToRead(Entry.valueAddress(m, entry));
  }

  public int length(long entry) {
    return switch (Entry.encoding(m, entry)) {
      case Entry.INT -> Listpack.digits(integer(entry));
      case Entry.CHUNKED -> (int) Sequence.count(m, Entry.valueAddress(m, entry));
      default -> Entry.valueLength(m, entry);
    };
  }

  /// Writes the string as a bulk string.
  public void get(long entry, RespWriter out) {
    switch (Entry.encoding(m, entry)) {
      case Entry.INT -> out.bulk(integer(entry));
      case Entry.CHUNKED -> read(entry).writeTo(out, 0, length(entry));
      default -> Bulk.write(m, out, Entry.valueAddress(m, entry), Entry.valueLength(m, entry));
    }
  }

  /// Writes bytes `from` to `from + n`, which exist, as a bulk string.
  public void range(long entry, int from, int n, RespWriter out) {
    if (isInt(entry)) {
      Listpack.writeDigits(integer(entry), digits, 0);
      out.bulk(digits, from, n);
    } else if (isChunked(entry)) {
      read(entry).writeTo(out, from, n);
    } else {
      Bulk.write(m, out, Entry.valueAddress(m, entry) + from, n);
    }
  }

  /// Copies bytes `from` to `from + n`, which exist, to `to[at…]`.
  public void copyOut(long entry, int from, byte[] to, int at, int n) {
    if (isInt(entry)) {
      Listpack.writeDigits(integer(entry), digits, 0);
      System.arraycopy(digits, from, to, at, n);
    } else if (isChunked(entry)) {
      read(entry).copyOut(from, to, at, n);
      restore(entry, from, to, at, n);
    } else {
      m.copyOut(Entry.valueAddress(m, entry) + from, to, at, n);
    }
  }

  /// If the entry is read for a walk, a younger twin may share its chunks, and have changed bytes
  /// in them, also while they were copied.
  private void restore(long entry, int from, byte[] to, int at, int n) {
    if (dictionary.walk.active()) {
      VarHandle.fullFence(); // the bytes have been read
      if (sequence.isFrozen(Entry.valueAddress(m, entry))) {
        read(entry).restore(dictionary.walk.before, from, to, at, n);
      }
    }
  }

  /// The whole string in an array of its own.
  public byte[] bytes(long entry) {
    byte[] bytes = new byte[length(entry)];
    copyOut(entry, 0, bytes, 0, bytes.length);
    return bytes;
  }

  /// The string as an integer, or `otherwise` if [#isLong] is false.
  public long toLong(long entry, long otherwise) {
    if (isInt(entry)) {
      return integer(entry);
    }
    int n = length(entry);
    if (n > Numbers.LONG_CHARS) {
      return otherwise;
    }
    copyOut(entry, 0, digits, 0, n);
    return Numbers.parseLong(digits, 0, n, otherwise);
  }

  /// Whether the string is the canonical form of a 64-bit integer.
  public boolean isLong(long entry) {
    return toLong(entry, 0) != 0 || toLong(entry, 1) == 0;
  }

  /// Whether the string has these bytes.
  public boolean equal(long entry, Slice bytes) {
    if (length(entry) != bytes.length) {
      return false;
    }
    if (isInt(entry)) {
      return bytes.isLong() && bytes.toLong(0) == integer(entry);
    }
    if (!isChunked(entry)) {
      return large.equal(bytes, Entry.valueAddress(m, entry), bytes.length);
    }
    return bytes.node != 0
        ? read(entry).equal(large.reader(bytes))
        : read(entry).equal(bytes.array, bytes.offset, bytes.length);
  }

  /// The byte at `at`, which is below the length.
  public byte byteAt(long entry, int at) {
    if (isInt(entry)) {
      Listpack.writeDigits(integer(entry), digits, 0);
      return digits[at];
    }
    return isChunked(entry) ? read(entry).byteAt(at) : m.getByte(Entry.valueAddress(m, entry) + at);
  }

  /// Bytes outside the entry.
  public long memoryUse(long entry) {
    return isChunked(entry) ? sequence.memoryUse(Entry.valueAddress(m, entry)) : 0;
  }

  // ── changing in place ──

  /// Appends bytes to the string at `p`; returns its length then.
  public int append(Place p, Slice bytes) {
    int length = length(dictionary.entry(p));
    if (bytes.length == 0) {
      stretch(p, length); // raw from now on
      return length;
    }
    long e = reserve(p, length, length + bytes.length);
    if (isChunked(e)) {
      ChunkedBytes to = open(p, e);
      if (bytes.node != 0) {
        to.append(large.reader(bytes));
      } else {
        to.append(bytes.array, bytes.offset, bytes.length, 0);
      }
    } else {
      large.copyTo(bytes, Entry.valueAddress(m, e) + length);
    }
    return length + bytes.length;
  }

  /// Overwrites bytes from `offset` on, padding with zeros if the string is shorter; returns its
  /// length then.
  public int setRange(Place p, int offset, Slice bytes) {
    int length = length(dictionary.entry(p));
    int end = offset + bytes.length;
    if (isChunked(p.entry) && offset < length) {
      unshare(p, offset, bytes.length); // from here on only the stretching may want memory
    }
    long e = stretch(p, Math.max(length, end));
    if (isChunked(e)) {
      ChunkedBytes to = open(p, e);
      if (bytes.node != 0) {
        to.put(offset, large.reader(bytes));
      } else {
        to.put(offset, bytes.array, bytes.offset, bytes.length);
      }
    } else {
      large.copyTo(bytes, Entry.valueAddress(m, e) + offset);
    }
    return Math.max(length, end);
  }

  /// Makes a string of zeros where `p` says there is nothing: for [#setRange] and the like.
  public void create(Place p, Slice key, int length) {
    compute(p, key, length, zeros);
  }

  /// Sets the byte at `at`, which is below the length; the string is raw.
  public void setByte(Place p, int at, byte b) {
    long e = dictionary.writable(p);
    if (isChunked(e)) {
      open(p, e).put(at, b);
    } else {
      m.putByte(Entry.valueAddress(m, e) + at, b);
    }
  }

  /// Overwrites `n` bytes from `at` on, which exist; the string is raw.
  public void setBytes(Place p, int at, byte[] bytes, int n) {
    long e = dictionary.writable(p);
    if (isChunked(e)) {
      open(p, e).put(at, bytes, 0, n);
    } else {
      m.copyIn(bytes, 0, Entry.valueAddress(m, e) + at, n);
    }
  }

  /// Gives the string at `p` other bytes, raw; its expiry stays.
  public void rewrite(Place p, byte[] bytes, int n) {
    long e = dictionary.entry(p);
    int keyLength = Entry.keyLength(m, e);
    if (Entry.encoding(m, e) == Entry.RAW && n <= inlineMax(keyLength)) {
      e = dictionary.resize(p, n, Math.min(n + (n >> 2), inlineMax(keyLength)));
      m.copyIn(bytes, 0, Entry.valueAddress(m, e), n);
      return;
    }
    long from = e;
    e =
        computed(
            keyLength,
            n,
            (at, to, piece) -> m.copyIn(bytes, (int) at, to, piece),
            (encoding, valueBytes) -> dictionary.renewed(from, encoding, valueBytes));
    dictionary.replace(p, e);
  }

  /// Makes the string at `p` raw.
  public void raw(Place p) {
    int encoding = Entry.encoding(m, dictionary.entry(p));
    if (encoding != Entry.RAW && encoding != Entry.CHUNKED) {
      stretch(p, length(p.entry));
    }
  }

  /// Makes sure that `n` bytes from `at` on can be overwritten without another allocation, as far
  /// as they exist; the string is raw.
  public void unshare(Place p, int at, int n) {
    long e = dictionary.writable(p);
    if (isChunked(e)) {
      open(p, e).unshare(at, Math.min(n, length(e) - at));
    }
  }

  /// Makes the string at `p` raw, writable and at least `length` bytes long, with zeros behind what
  /// it was; returns the entry.
  public long stretch(Place p, int length) {
    int was = length(dictionary.entry(p));
    if (length <= was) {
      long e = raw(p.entry, was);
      if (e != p.entry) {
        dictionary.replace(p, e);
      }
      e = dictionary.writable(p);
      Entry.encoding(m, e, isChunked(e) ? Entry.CHUNKED : Entry.RAW);
      return e;
    }
    long e = reserve(p, was, length);
    if (isChunked(e)) {
      open(p, e).append(length - was, 0, zeros);
    } else {
      m.fill(Entry.valueAddress(m, e) + was, length - was, (byte) 0);
    }
    return e;
  }

  /// Room for a string of `length` bytes at `p`, which has `was`: writable, raw, and of that length
  /// if it isn't chunked.
  private long reserve(Place p, int was, int length) {
    long e = p.entry;
    if (isChunked(e)) {
      return dictionary.writable(p);
    }
    if (length > inlineMax(Entry.keyLength(m, e))) {
      return toChunks(p, was);
    }
    if (isInt(e)) {
      dictionary.replace(p, raw(e, was));
    }
    int most = inlineMax(Entry.keyLength(m, p.entry));
    e = dictionary.resize(p, length, Math.min(length + Math.min(length, INLINE_MAX >> 2), most));
    Entry.encoding(m, e, Entry.RAW);
    return e;
  }

  /// An integer as the bytes of its digits, in a new entry; anything else is what it was.
  private long raw(long entry, int length) {
    if (!isInt(entry)) {
      return entry;
    }
    Listpack.writeDigits(integer(entry), digits, 0);
    long e = dictionary.renewed(entry, Entry.RAW, length);
    m.copyIn(digits, 0, Entry.valueAddress(m, e), length);
    return e;
  }

  // ── as all structures ──

  @Override
  public String typeName() {
    return "string";
  }

  @Override
  public int encoding(long entry) {
    return Entry.encoding(m, entry);
  }

  @Override
  public void contents(long entry, Contents to) {
    to.next(run(entry));
  }

  /// The bytes of the string.
  ByteRun run(long entry) {
    return ByteRun.of(length(entry), (at, to, from, n) -> copyOut(entry, (int) at, to, from, n));
  }

  /// What doesn't fit becomes chunks.
  @Override
  public void fit(Place p, int keyLength) {
    long entry = dictionary.entry(p);
    if (!isChunked(entry) && Entry.valueLength(m, entry) > Entry.room(keyLength)) {
      toChunks(p, length(entry));
    }
  }

  private long toChunks(Place p, int length) {
    long old = p.entry;
    long e = dictionary.renewed(old, Entry.CHUNKED, Sequence.CELL);
    long root = Entry.valueAddress(m, e);
    sequence.clear(root);
    chunks.open(root, false, dictionary.walk.epoch(), buried);
    try {
      if (isInt(old)) {
        Listpack.writeDigits(integer(old), digits, 0);
        chunks.append(digits, 0, length, 0);
      } else {
        chunks.append(Entry.valueAddress(m, old), length);
      }
    } catch (OutOfMemoryError refused) {
      dictionary.free(e);
      throw refused;
    }
    dictionary.replace(p, e);
    return e;
  }

  /// Opens a chunked string to be changed; `entry` is writable. If it is older than the cut, the
  /// walk has already written it, so nothing of it is kept.
  private ChunkedBytes open(Place p, long entry) {
    buried.header = p.header;
    return otherChunks.open(
        Entry.valueAddress(m, entry),
        !dictionary.passed(p.header) && dictionary.isCurrent(entry),
        dictionary.walk.epoch(),
        buried);
  }
}
