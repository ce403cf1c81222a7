package dev.spinel.engine;

/// Classes of keyspace events, as `notify-keyspace-events` names them.
public final class Events {
  public static final int KEYSPACE = 1; // K
  public static final int KEYEVENT = 1 << 1; // E
  public static final int GENERIC = 1 << 2; // g
  public static final int STRING = 1 << 3; // $
  public static final int LIST = 1 << 4; // l
  public static final int SET = 1 << 5; // s
  public static final int HASH = 1 << 6; // h
  public static final int ZSET = 1 << 7; // z
  public static final int EXPIRED = 1 << 8; // x
  public static final int EVICTED = 1 << 9; // e
  public static final int STREAM = 1 << 10; // t
  public static final int KEY_MISS = 1 << 11; // m
  public static final int MODULE = 1 << 13; // d
  public static final int NEW = 1 << 14; // n
  public static final int ALL =
      GENERIC | STRING | LIST | SET | HASH | ZSET | EXPIRED | EVICTED | STREAM | MODULE; // A

  private static final String LETTERS = "KEg$lshzxet";
  private static final int[] BITS = {
    KEYSPACE, KEYEVENT, GENERIC, STRING, LIST, SET, HASH, ZSET, EXPIRED, EVICTED, STREAM
  };

  private Events() {}

  /// Parses the directive's letters; -1 if one is unknown.
  public static int parse(String letters) {
    int mask = 0;
    for (int i = 0; i < letters.length(); i++) {
      char c = letters.charAt(i);
      int known = LETTERS.indexOf(c);
      if (known >= 0) {
        mask |= BITS[known];
      } else {
        switch (c) {
          case 'A' -> mask |= ALL;
          case 'm' -> mask |= KEY_MISS;
          case 'd' -> mask |= MODULE;
          case 'n' -> mask |= NEW;
          default -> {
            return -1;
          }
        }
      }
    }
    return mask;
  }
}
