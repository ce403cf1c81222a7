package dev.spinel.rdb;

import org.jspecify.annotations.Nullable;

/// The forms in which values stand in RDB streams, a row each: the byte that names it, its name,
/// and the shape by which its end is found without making a value of it ([#skim]). What
/// [ValueReader] makes of them, and [ValueWriter] writes, is theirs.
///
/// A type of values that arrives takes its rows' [#isHeld], a case in [ValueReader#read] and one in
/// [ValueWriter#begin].
public enum RdbType {
  STRING(0, "string", Shape.STRING),
  LIST(1, "list-linked", Shape.STRINGS),
  SET(2, "set-hashtable", Shape.STRINGS),
  ZSET(3, "zset-v1", Shape.STRINGS_WITH_TEXT_SCORES),
  HASH(4, "hash-hashtable", Shape.PAIRS),
  ZSET_2(5, "zset-v2", Shape.STRINGS_WITH_SCORES),
  MODULE_PRE_RELEASE(6, "module-pre-release", Shape.NONE),
  MODULE(7, "module-value", Shape.MODULE),
  HASH_ZIPMAP(9, "hash-zipmap", Shape.STRING),
  LIST_ZIPLIST(10, "list-ziplist", Shape.STRING),
  SET_INTSET(11, "set-intset", Shape.STRING),
  ZSET_ZIPLIST(12, "zset-ziplist", Shape.STRING),
  HASH_ZIPLIST(13, "hash-ziplist", Shape.STRING),
  LIST_QUICKLIST(14, "quicklist", Shape.STRINGS),
  STREAM(15, "stream", Shape.STREAM),
  HASH_LISTPACK(16, "hash-listpack", Shape.STRING),
  ZSET_LISTPACK(17, "zset-listpack", Shape.STRING),
  LIST_QUICKLIST_2(18, "quicklist-v2", Shape.NODES),
  STREAM_2(19, "stream-v2", Shape.STREAM),
  SET_LISTPACK(20, "set-listpack", Shape.STRING),
  STREAM_3(21, "stream-v3", Shape.STREAM),
  /// Hashes whose fields may expire, as 7.4's candidates had them, and as it has them.
  HASH_TIMES_CANDIDATE(22, "hash-hashtable-md-pre-release", Shape.TIMED_PAIRS),
  HASH_LISTPACK_TIMES_CANDIDATE(23, "hash-listpack-md-pre-release", Shape.STRING),
  HASH_TIMES(24, "hash-hashtable-md", Shape.TIMED_PAIRS),
  HASH_LISTPACK_TIMES(25, "hash-listpack-md", Shape.STRING);

  /// The version that the newest of these forms came with.
  public static final int NEWEST_VERSION = 12;

  private enum Shape {
    STRING,
    STRINGS,
    PAIRS,
    TIMED_PAIRS,
    STRINGS_WITH_SCORES,
    STRINGS_WITH_TEXT_SCORES,
    NODES,
    STREAM,
    MODULE,
    /// Nobody knows where it ends.
    NONE
  }

  // what a list's nodes are
  static final int PLAIN_NODE = 1;
  static final int PACKED_NODE = 2;

  // the parts of what a module wrote
  private static final int MODULE_END = 0;
  private static final int MODULE_SIGNED = 1;
  private static final int MODULE_UNSIGNED = 2;
  private static final int MODULE_FLOAT = 3;
  private static final int MODULE_DOUBLE = 4;
  private static final int MODULE_STRING = 5;

  private static final @Nullable RdbType[] BY_NUMBER = new RdbType[26];

  static {
    for (RdbType type : values()) BY_NUMBER[type.number] = type;
  }

  private final int number;
  private final String title;
  private final Shape shape;

  RdbType(int number, String title, Shape shape) {
    this.number = number;
    this.title = title;
    this.shape = shape;
  }

  /// The type that this byte names, or null.
  public static @Nullable RdbType of(int number) {
    return number < BY_NUMBER.length ? BY_NUMBER[number] : null;
  }

  /// The byte that names it.
  public int number() {
    return number;
  }

  /// As redis-check-rdb names it.
  public String title() {
    return title;
  }

  /// Whether values of this form can become data here.
  public boolean isHeld() {
    return switch (shape) {
      case MODULE, NONE -> false;
      default -> true;
    };
  }

  /// Passes over a value. Returns about how many bytes there are in its strings.
  public long skim(RdbInput in) {
    return switch (shape) {
      case STRING -> {
        if (this == HASH_LISTPACK_TIMES) in.skip(8);
        yield skimString(in);
      }
      case STRINGS -> skimStrings(in, in.length());
      case PAIRS -> {
        long n = in.length();
        if (n > Long.MAX_VALUE / 2) throw in.corrupt("more pairs than there can be");
        yield skimStrings(in, 2 * n);
      }
      case TIMED_PAIRS -> skimTimedPairs(in);
      case STRINGS_WITH_SCORES -> {
        long bytes = 0;
        for (long n = in.length(); n > 0; n--) {
          bytes += skimString(in);
          in.skip(8);
        }
        yield bytes;
      }
      case STRINGS_WITH_TEXT_SCORES -> {
        long bytes = 0;
        for (long n = in.length(); n > 0; n--) {
          bytes += skimString(in);
          int length = in.u8();
          if (length < ValueReader.SPECIAL_SCORES) in.skip(length);
        }
        yield bytes;
      }
      case NODES -> {
        long bytes = 0;
        for (long n = in.length(); n > 0; n--) {
          in.length();
          bytes += skimString(in);
        }
        yield bytes;
      }
      case STREAM -> skimStream(in);
      case MODULE -> {
        in.lengthOf64Bits();
        yield skimModule(in);
      }
      case NONE -> throw in.unsupported("values of modules before 4.0 can't be read");
    };
  }

  private static long skimStrings(RdbInput in, long count) {
    long bytes = 0;
    for (long n = count; n > 0; n--) bytes += skimString(in);
    return bytes;
  }

  private long skimTimedPairs(RdbInput in) {
    if (this == HASH_TIMES) in.skip(8);
    long bytes = 0;
    for (long n = in.length(); n > 0; n--) {
      in.length();
      bytes += skimStrings(in, 2);
    }
    return bytes;
  }

  /// Passes over a string. Returns how many bytes it has.
  static long skimString(RdbInput in) {
    long n = in.lengthOrEncoding();
    if (n != RdbInput.ENCODED) {
      in.skip(n);
      return n;
    }
    switch (in.encoding()) {
      case RdbOutput.INT8 -> in.skip(1);
      case RdbOutput.INT16 -> in.skip(2);
      case RdbOutput.INT32 -> in.skip(4);
      case RdbOutput.LZF -> {
        long compressed = in.length();
        n = in.length();
        if (!Lzf.isPossible(compressed, n)) throw StringInput.impossible(in, compressed, n);
        in.skip(compressed);
        return n;
      }
      default -> throw StringInput.unknownEncoding(in);
    }
    return 4;
  }

  private long skimStream(RdbInput in) {
    boolean counts = this != STREAM; // first, deleted, added
    long bytes = skimStrings(in, 2 * Math.min(in.length(), Long.MAX_VALUE / 2));
    for (int i = counts ? 8 : 3; i > 0; i--) in.lengthOf64Bits();
    for (long groups = in.length(); groups > 0; groups--) {
      bytes += skimString(in);
      for (int i = counts ? 3 : 2; i > 0; i--) in.lengthOf64Bits();
      for (long pending = in.length(); pending > 0; pending--) {
        in.skip(16 + 8);
        in.length();
      }
      for (long consumers = in.length(); consumers > 0; consumers--) {
        bytes += skimString(in);
        in.skip(this == STREAM_3 ? 16 : 8);
        for (long pending = in.length(); pending > 0; pending--) in.skip(16);
      }
    }
    return bytes;
  }

  /// Passes over the parts of what a module wrote, behind its number.
  static long skimModule(RdbInput in) {
    long bytes = 0;
    while (true) {
      long part = in.length();
      if (part == MODULE_END) return bytes;
      switch ((int) Math.min(part, Integer.MAX_VALUE)) {
        case MODULE_SIGNED, MODULE_UNSIGNED -> in.lengthOf64Bits();
        case MODULE_FLOAT -> in.skip(4);
        case MODULE_DOUBLE -> in.skip(8);
        case MODULE_STRING -> bytes += skimString(in);
        default -> throw in.corrupt("a part of a module's value was expected, not " + part);
      }
    }
  }

  static final int MODULE_WHEN = MODULE_UNSIGNED;

  /// The nine letters in the upper bits of a module type's number.
  static String moduleName(long number) {
    String letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    StringBuilder name = new StringBuilder();
    for (int i = 0; i < 9; i++) name.append(letters.charAt((int) (number >>> 58 - 6 * i) & 63));
    return name.toString();
  }
}
