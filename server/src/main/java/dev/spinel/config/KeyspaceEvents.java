package dev.spinel.config;

/// The classes of keyspace events, as bits of the value of `notify-keyspace-events`.
public final class KeyspaceEvents {
  private KeyspaceEvents() {}

  public static final int KEYSPACE = 1; // K: to __keyspace@<db>__:<key>
  public static final int KEYEVENT = 1 << 1; // E: to __keyevent@<db>__:<event>
  public static final int GENERIC = 1 << 2; // g
  public static final int STRING = 1 << 3; // $
  public static final int LIST = 1 << 4; // l
  public static final int SET = 1 << 5; // s
  public static final int HASH = 1 << 6; // h
  public static final int ZSET = 1 << 7; // z
  public static final int EXPIRED = 1 << 8; // x
  public static final int EVICTED = 1 << 9; // e
  public static final int STREAM = 1 << 10; // t
  public static final int MISS = 1 << 11; // m: not part of A
  public static final int MODULE = 1 << 13; // d
  public static final int NEW = 1 << 14; // n: not part of A
  public static final int ALL =
      GENERIC | STRING | LIST | SET | HASH | ZSET | EXPIRED | EVICTED | STREAM | MODULE; // A

  private static final String LETTERS = "g$lshzxetdn";
  private static final int[] BITS = {
    GENERIC, STRING, LIST, SET, HASH, ZSET, EXPIRED, EVICTED, STREAM, MODULE, NEW
  };

  /// The bits that letters stand for, or -1 if one is unknown.
  static int parse(String letters) {
    int bits = 0;
    for (int i = 0; i < letters.length(); i++) {
      char letter = letters.charAt(i);
      int at = LETTERS.indexOf(letter);
      if (at >= 0) bits |= BITS[at];
      else if (letter == 'A') bits |= ALL;
      else if (letter == 'K') bits |= KEYSPACE;
      else if (letter == 'E') bits |= KEYEVENT;
      else if (letter == 'm') bits |= MISS;
      else return -1;
    }
    return bits;
  }

  /// The letters of bits. After `A` the letter `n` is left out, a quirk of 7.2's.
  static String format(long bits) {
    StringBuilder letters = new StringBuilder();
    if ((bits & ALL) == ALL) letters.append('A');
    else {
      for (int i = 0; i < BITS.length; i++) {
        if ((bits & BITS[i]) != 0) letters.append(LETTERS.charAt(i));
      }
    }
    if ((bits & KEYSPACE) != 0) letters.append('K');
    if ((bits & KEYEVENT) != 0) letters.append('E');
    if ((bits & MISS) != 0) letters.append('m');
    return letters.toString();
  }
}
