package dev.spinel.wire;

/// The hash slot of a key: CRC16 (XMODEM: polynomial 0x1021, start 0) modulo 16,384, of the whole
/// key or, where it has one, of its hash tag: what stands between the first `{` and the first `}`
/// behind it, if that isn't empty.
///
/// Every command pays this, so it goes by eight bytes: the search for `{` looks at words, and the
/// CRC is *sliced*: `TABLES[k][b]` is the CRC of byte `b` followed by k zero bytes, so that the CRC
/// of eight bytes is the exclusive or of eight independent look-ups instead of a chain of them.
/// (Kounavis and Berry, "A systematic approach to building high performance software-based CRC
/// generators", 2005.)
public final class KeySlot {
  public static final int SLOTS = 16384;

  private static final short[] TABLES = tables();

  private KeySlot() {}

  private static short[] tables() {
    short[] t = new short[8 * 256];
    for (int b = 0; b < 256; b++) {
      int crc = b << 8;
      for (int i = 0; i < 8; i++) crc = crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
      t[b] = (short) crc;
    }
    for (int i = 256; i < t.length; i++) {
      int before = t[i - 256] & 0xffff;
      t[i] = (short) (before << 8 ^ t[before >>> 8]);
    }
    return t;
  }

  /// The slot of the key `b[from, from + n)`, 0 to 16,383.
  public static int of(byte[] b, int from, int n) {
    int end = from + n;
    int open = Words.indexOf(b, from, end, '{');
    if (open >= 0) {
      int close = Words.indexOf(b, open + 1, end, '}');
      if (close > open + 1) return crc16(b, open + 1, close) & SLOTS - 1;
    }
    return crc16(b, from, end) & SLOTS - 1;
  }

  public static int of(Slice key) {
    return of(key.array, key.offset, key.length);
  }

  /// CRC16 of `b[from, to)`.
  public static int crc16(byte[] b, int from, int to) {
    short[] t = TABLES;
    int crc = 0;
    int i = from;
    for (; i + 8 <= to; i += 8) {
      long w = Words.at(b, i);
      int first = (int) w ^ (crc >>> 8 | (crc & 0xff) << 8);
      crc =
          (t[7 * 256 + (first & 0xff)]
                  ^ t[6 * 256 + (first >>> 8 & 0xff)]
                  ^ t[5 * 256 + (first >>> 16 & 0xff)]
                  ^ t[4 * 256 + (first >>> 24)]
                  ^ t[3 * 256 + (int) (w >>> 32 & 0xff)]
                  ^ t[2 * 256 + (int) (w >>> 40 & 0xff)]
                  ^ t[256 + (int) (w >>> 48 & 0xff)]
                  ^ t[(int) (w >>> 56)])
              & 0xffff;
    }
    for (; i < to; i++) crc = (crc << 8 ^ t[(crc >>> 8 ^ b[i]) & 0xff]) & 0xffff;
    return crc;
  }
}
