package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;

/// One key (or field) with its value, in one node.
///
/// ```
///   63          40 39    28 27    16 15     8 7      4  3  2    0
///  [ access       | klen   | vlen   | epoch  | encoding|ttl| type ]      the header word
///  [klen 4][vlen 4]          only if klen or vlen says 0xfff
///  [expiry 8]                only if ttl: milliseconds since 1970
///  [key][value]              no padding: values are read unaligned
/// ```
///
/// - *access* (the LRU clock or the LFU counter) and *epoch* are written as bytes, at any time, by
///   whoever holds the lock: a walk does not mind. Everything else changes only after
///   [Dictionary#writable].
/// - *epoch* are the low 8 bits of the [Walk#epoch] in which the entry was born; see [Walk].
/// - The capacity of the value is whatever the node has left behind it: [#valueCapacity].
///
/// A field of a nested dictionary has the same layout. A *member* of a set or a sorted set, which
/// has neither expiry nor access nor a value but, in a sorted set, a score, has two bytes in front
/// of it instead of eight:
///
/// ```
///   15    8 7      3 2    0
///  [ epoch | length | type ]                          up to 30 bytes
///  [ epoch | 31     | type ][length 2]                up to 65534 bytes
///  [ epoch | 31     | type ][0xffff 2][length 4]
///  [member][score 8, if the type is SCORED_MEMBER]
/// ```
///
/// All functions are static over (memory, address of the entry): there is no object per entry.
public final class Entry {
  public static final int STRING = 0;
  public static final int LIST = 1;
  public static final int SET = 2;
  public static final int ZSET = 3;
  public static final int HASH = 4;
  public static final int STREAM = 6;

  /// Not the type of a key: a member in the dictionary of a sorted set.
  static final int SCORED_MEMBER = 5;

  /// Not the type of a key: a member in the dictionary of a set.
  static final int MEMBER = 7;

  /// The bits that the types of members have, and no other.
  private static final int MEMBERS = SCORED_MEMBER & MEMBER;

  /// The value is a `long`, 8 bytes.
  public static final int INT = 0;

  /// The value is the bytes of a string (of at most 44 bytes, as Redis has it).
  public static final int EMBSTR = 1;

  /// The value is the bytes of a string.
  public static final int RAW = 2;

  /// A long string: the value refers to a sequence of chunks, which its [Owner] knows.
  public static final int CHUNKED = 3;

  /// The value is a listpack.
  public static final int LISTPACK = 4;

  /// A long list: the value refers to a sequence of listpacks.
  public static final int QUICKLIST = 5;

  /// The value is the 64 byte header of a nested dictionary.
  public static final int NESTED = 6;

  public static final int INTSET = 7;

  /// A large sorted set: the header of a nested dictionary, and the root of an index over it, which
  /// its [Owner] knows.
  public static final int SKIPLIST = 8;

  public static final int STREAM_TREE = 9;

  /// No value at all: a member of a set.
  static final int NOTHING = 10;

  /// The value is the score of a member of a sorted set, a `double` of 8 bytes.
  static final int SCORE = 11;

  /// The value is a listpack of a hash's fields, each with its value and the time at which it
  /// expires (milliseconds since 1970, 0: never), the earliest first.
  public static final int TIMED_LISTPACK = 12;

  /// Encodings whose value begins with the header of a dictionary. A walk goes into it: so the
  /// entry itself is never copied for the walk's sake.
  private static final int NESTED_ONES = 1 << NESTED | 1 << SKIPLIST;

  /// Encodings that a writer forks for a walk's sake, to share nodes with the old one: see [Owner].
  private static final int FORKED_ONES = 1 << CHUNKED | 1 << QUICKLIST | 1 << STREAM_TREE;

  public static boolean isNested(int encoding) {
    return (NESTED_ONES >>> encoding & 1) != 0;
  }

  static boolean isForked(int encoding) {
    return (FORKED_ONES >>> encoding & 1) != 0;
  }

  /// An encoding as OBJECT ENCODING tells it.
  public static String encodingName(int encoding) {
    return switch (encoding) {
      case INT -> "int";
      case EMBSTR -> "embstr";
      case RAW, CHUNKED -> "raw";
      case LISTPACK -> "listpack";
      case TIMED_LISTPACK -> "listpackex";
      case QUICKLIST -> "quicklist";
      case NESTED -> "hashtable";
      case INTSET -> "intset";
      case SKIPLIST -> "skiplist";
      case STREAM_TREE -> "stream";
      default -> throw new AssertionError(encoding);
    };
  }

  /// The longest key or field: an entry is one node, and the header of an aggregate must fit behind
  /// the key.
  public static final int MAX_KEY = Allocator.MAX_RUN - 256;

  /// The most bytes of a value that an entry can hold behind a key of so many bytes, with or
  /// without an expiry; 232 at least.
  public static int room(int keyLength) {
    return Allocator.MAX_RUN - 24 - keyLength;
  }

  private static final int TYPE = 7;
  private static final int MEMBER_LENGTH_SHIFT = 3;
  private static final int MEMBER_LENGTH_ESCAPE = 31;
  private static final int MEMBER_LENGTH_SHORT = 0xffff;

  static final int LENGTH_ESCAPE = 0xfff;
  static final int TTL_BIT = 1 << 3;
  private static final int VALUE_SHIFT = 16;
  private static final int KEY_SHIFT = 28;

  private Entry() {}

  /// One of the types above.
  public static int type(Memory m, long e) {
    return m.getByte(e) & TYPE;
  }

  /// One of the encodings above.
  public static int encoding(Memory m, long e) {
    int first = m.getByte(e) & 0xff;
    if (!isMember(first)) return first >>> 4;
    return (first & TYPE) == MEMBER ? NOTHING : SCORE;
  }

  public static boolean hasExpiry(Memory m, long e) {
    int first = m.getByte(e);
    return (first & TTL_BIT) != 0 && !isMember(first);
  }

  /// The low 8 bits of the epoch in which the entry was born.
  public static int epoch(Memory m, long e) {
    return m.getByte(e + 1) & 0xff;
  }

  static void epoch(Memory m, long e, int epoch) {
    m.putByte(e + 1, (byte) epoch);
  }

  /// The 24 bits of LRU or LFU.
  public static int access(Memory m, long e) {
    return m.getByte(e + 5) & 0xff | (m.getShort(e + 6) & 0xffff) << 8;
  }

  public static void access(Memory m, long e, int access) {
    m.putByte(e + 5, (byte) access);
    m.putShort(e + 6, (short) (access >>> 8));
  }

  /// Milliseconds since 1970, or -1: none.
  public static long expiry(Memory m, long e) {
    long word = m.getLong(e);
    if ((word & TTL_BIT) == 0 || isMember(word)) return -1;
    return m.getLong(e + (isLong(word) ? 16 : 8));
  }

  /// Whether the entry's time is over at `now`: at the millisecond itself it is not.
  public static boolean isOver(Memory m, long e, long now) {
    long expiry = expiry(m, e);
    return expiry >= 0 && expiry < now;
  }

  public static long keyAddress(Memory m, long e) {
    return e + keyOffset(m.getLong(e));
  }

  public static int keyLength(Memory m, long e) {
    MemorySegment s = m.segment(e);
    long o = m.offset(e);
    return keyLength(s.get(Memory.LONG, o), s, o);
  }

  public static long valueAddress(Memory m, long e) {
    MemorySegment s = m.segment(e);
    long o = m.offset(e);
    long word = s.get(Memory.LONG, o);
    return e + keyOffset(word) + keyLength(word, s, o);
  }

  public static int valueLength(Memory m, long e) {
    long word = m.getLong(e);
    if (isMember(word)) return (word & TYPE) == MEMBER ? 0 : Double.BYTES;
    return isLong(word) ? m.getInt(e + 12) : (int) (word >>> VALUE_SHIFT) & LENGTH_ESCAPE;
  }

  /// How long the value may become without a new node.
  public static int valueCapacity(Memory m, Allocator a, long e) {
    int room = a.capacity(e) - (int) (valueAddress(m, e) - e);
    return isLong(m.getLong(e)) ? room : Math.min(room, LENGTH_ESCAPE - 1);
  }

  /// The key's bytes, for messages and tests.
  public static byte[] key(Memory m, long e) {
    byte[] bytes = new byte[keyLength(m, e)];
    m.copyOut(keyAddress(m, e), bytes, 0, bytes.length);
    return bytes;
  }

  /// The value's bytes, for messages and tests.
  public static byte[] value(Memory m, long e) {
    byte[] bytes = new byte[valueLength(m, e)];
    m.copyOut(valueAddress(m, e), bytes, 0, bytes.length);
    return bytes;
  }

  /// Changes the encoding, of an entry that is writable.
  public static void encoding(Memory m, long e, int encoding) {
    m.putByte(e, (byte) (m.getByte(e) & 0xf | encoding << 4));
  }

  /// Sets the length of the value, of an entry that is writable; at most [#valueCapacity].
  static void valueLength(Memory m, long e, int length) {
    long word = m.getLong(e);
    if (isLong(word)) {
      m.putInt(e + 12, length);
    } else {
      assert length < LENGTH_ESCAPE;
      m.putShort(e + 2, (short) (m.getShort(e + 2) & 0xf000 | length));
    }
  }

  /// Sets the expiry of an entry that has one and is writable.
  static void expiry(Memory m, long e, long millis) {
    long word = m.getLong(e);
    assert (word & TTL_BIT) != 0;
    m.putLong(e + (isLong(word) ? 16 : 8), millis);
  }

  /// Bytes in front of the value.
  static int overhead(int keyLength, int valueLength, boolean ttl) {
    return 8
        + (keyLength >= LENGTH_ESCAPE || valueLength >= LENGTH_ESCAPE ? 8 : 0)
        + (ttl ? 8 : 0)
        + keyLength;
  }

  /// Writes everything in front of the key and returns where the key begins.
  static long write(
      Memory m,
      long e,
      int type,
      int encoding,
      int epoch,
      int access,
      int keyLength,
      int valueLength,
      long expiry) {
    boolean ttl = expiry >= 0;
    boolean large = keyLength >= LENGTH_ESCAPE || valueLength >= LENGTH_ESCAPE;
    int k = large ? LENGTH_ESCAPE : keyLength;
    int v = large ? LENGTH_ESCAPE : valueLength;
    long word =
        type
            | (ttl ? TTL_BIT : 0)
            | encoding << 4
            | (epoch & 0xff) << 8
            | (long) v << VALUE_SHIFT
            | (long) k << KEY_SHIFT
            | (long) access << 40;
    MemorySegment s = m.segment(e);
    long o = m.offset(e);
    s.set(Memory.LONG, o, word);
    int at = 8;
    if (large) {
      s.set(Memory.INT, o + 8, keyLength);
      s.set(Memory.INT, o + 12, valueLength);
      at = 16;
    }
    if (ttl) {
      s.set(Memory.LONG, o + at, expiry);
      at += 8;
    }
    return e + at;
  }

  /// How many bytes the node of a member of `length` bytes needs.
  static int memberBytes(int type, int length) {
    return memberOffset(length) + length + (type == MEMBER ? 0 : Double.BYTES);
  }

  /// Writes everything in front of a member and returns where the member begins.
  static long writeMember(Memory m, long e, int type, int epoch, int length) {
    int offset = memberOffset(length);
    int inWord = Math.min(length, MEMBER_LENGTH_ESCAPE);
    m.putShort(e, (short) (type | inWord << MEMBER_LENGTH_SHIFT | (epoch & 0xff) << 8));
    if (offset > 2) m.putShort(e + 2, (short) Math.min(length, MEMBER_LENGTH_SHORT));
    if (offset > 4) m.putInt(e + 4, length);
    return e + offset;
  }

  private static int memberOffset(int length) {
    return length < MEMBER_LENGTH_ESCAPE ? 2 : length < MEMBER_LENGTH_SHORT ? 4 : 8;
  }

  /// Whether the key of `e` is these bytes: the one comparison on the way of every command.
  static boolean hasKey(Memory m, long e, byte[] key, int from, int length) {
    MemorySegment s = m.segment(e);
    long o = m.offset(e);
    long word = s.get(Memory.LONG, o);
    if (keyLength(word, s, o) != length) return false;
    return m.equal(e + keyOffset(word), key, from, length);
  }

  private static boolean isMember(long word) {
    return (word & MEMBERS) == MEMBERS;
  }

  /// Whether an entry is a member of a set or a sorted set.
  static boolean isMember(Memory m, long e) {
    return isMember(m.getByte(e));
  }

  private static boolean isLong(long word) {
    return (word >>> KEY_SHIFT & LENGTH_ESCAPE) == LENGTH_ESCAPE;
  }

  private static int keyLength(long word, MemorySegment s, long o) {
    if (isMember(word)) {
      int length = (int) word >>> MEMBER_LENGTH_SHIFT & MEMBER_LENGTH_ESCAPE;
      if (length < MEMBER_LENGTH_ESCAPE) return length;
      length = (int) word >>> 16;
      return length < MEMBER_LENGTH_SHORT ? length : (int) (word >>> 32);
    }
    int length = (int) (word >>> KEY_SHIFT) & LENGTH_ESCAPE;
    return length == LENGTH_ESCAPE ? s.get(Memory.INT, o + 8) : length;
  }

  private static int keyOffset(long word) {
    return isMember(word)
        ? memberOffset(word)
        : 8 + (isLong(word) ? 8 : 0) + (int) (word & TTL_BIT);
  }

  private static int memberOffset(long word) {
    if (((int) word >>> MEMBER_LENGTH_SHIFT & MEMBER_LENGTH_ESCAPE) < MEMBER_LENGTH_ESCAPE) {
      return 2;
    }
    return (int) word >>> 16 < MEMBER_LENGTH_SHORT ? 4 : 8;
  }
}
