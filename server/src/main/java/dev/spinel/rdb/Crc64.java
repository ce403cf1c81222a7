package dev.spinel.rdb;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The checksum of RDB streams: CRC-64 with Jones' polynomial, bits reflected, from 0 on. Eight
/// bytes a step ("slicing by 8"): the tables say what each of them contributes.
final class Crc64 {
  /// Jones' 0xad93d23594c935a9, its bits in reverse.
  private static final long POLYNOMIAL = 0x95ac9329ac4bc9b5L;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /// By how many zero bytes follow, and byte.
  private static final long[][] TABLES = new long[8][256];

  static {
    for (int b = 0; b < 256; b++) {
      long crc = b;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 1) != 0 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1;
      }
      TABLES[0][b] = crc;
    }
    for (int i = 1; i < 8; i++) {
      for (int b = 0; b < 256; b++) {
        long crc = TABLES[i - 1][b];
        TABLES[i][b] = TABLES[0][(int) crc & 0xff] ^ crc >>> 8;
      }
    }
  }

  private Crc64() {}

  /// The checksum of what `crc` is that of, followed by these bytes.
  static long update(long crc, byte[] a, int from, int n) {
    long[][] t = TABLES;
    int at = from;
    int end = from + n;
    for (; at <= end - 8; at += 8) {
      long x = crc ^ (long) LONG.get(a, at);
      crc =
          t[7][(int) x & 0xff]
              ^ t[6][(int) (x >>> 8) & 0xff]
              ^ t[5][(int) (x >>> 16) & 0xff]
              ^ t[4][(int) (x >>> 24) & 0xff]
              ^ t[3][(int) (x >>> 32) & 0xff]
              ^ t[2][(int) (x >>> 40) & 0xff]
              ^ t[1][(int) (x >>> 48) & 0xff]
              ^ t[0][(int) (x >>> 56)];
    }
    for (; at < end; at++) {
      crc = t[0][(int) (crc ^ a[at]) & 0xff] ^ crc >>> 8;
    }
    return crc;
  }
}
