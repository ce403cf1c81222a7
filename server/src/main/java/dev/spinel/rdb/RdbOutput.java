package dev.spinel.rdb;

import dev.spinel.wire.Numbers;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The primitives of RDB streams, written: gathered in one buffer, counted, summed up, and handed
/// to a [Sink] in pieces. Used by one thread.
///
/// ```
///   length    00LLLLLL                     below 64
///             01LLLLLL LLLLLLLL            below 16384
///             10000000 + 4 bytes, big-endian   10000001 + 8 bytes
///   string    length, bytes
///             11000000 + 1, 11000001 + 2, 11000010 + 4 bytes, little-endian: an integer in decimal
///             11000011 compressed length, length, bytes ([LzfCompressor])
/// ```
public final class RdbOutput {
  private static final int BUFFER = 8 << 10;
  private static final int LARGE = 2 << 10; // is not copied to the buffer

  /// The most bytes that one of the numbers takes.
  private static final int NUMBER = 9;

  static final int ENCODED = 0xc0;
  static final int INT8 = 0;
  static final int INT16 = 1;
  static final int INT32 = 2;
  static final int LZF = 3;
  static final int LENGTH_32 = 0x80;
  static final int LENGTH_64 = 0x81;

  static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  static final VarHandle BIG_LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
  static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  static final VarHandle BIG_INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

  private final byte[] buffer = new byte[BUFFER];
  private int used;
  private long sent; // bytes that have gone to the sink
  private long crc; // of those
  private boolean summing;
  private Sink sink;

  public RdbOutput(Sink sink, boolean summing) {
    this.sink = sink;
    this.summing = summing;
  }

  /// Begins a new stream.
  void reset(Sink to, boolean sum) {
    sink = to;
    summing = sum;
    used = 0;
    sent = 0;
    crc = 0;
  }

  /// How many bytes the stream has so far.
  public long offset() {
    return sent + used;
  }

  /// The checksum of the stream so far; 0 if nobody asked for it.
  public long checksum() {
    return summing ? Crc64.update(crc, buffer, 0, used) : 0;
  }

  /// Hands over what is in the buffer.
  public void flush() {
    if (used > 0) {
      hand(buffer, 0, used);
      used = 0;
    }
  }

  private void hand(byte[] a, int from, int n) {
    if (summing) crc = Crc64.update(crc, a, from, n);
    sent += n;
    sink.write(a, from, n);
  }

  /// Counts `n` bytes without writing them: from then on there is no checksum.
  void skip(long n) {
    flush();
    summing = false;
    sent += n;
  }

  private int room(int n) {
    if (used + n > BUFFER) flush();
    int at = used;
    used += n;
    return at;
  }

  public void u8(int value) {
    int at = room(1);
    buffer[at] = (byte) value;
  }

  /// Eight bytes, little-endian: a time in milliseconds, a checksum.
  public void int64(long value) {
    int at = room(Long.BYTES);
    LONG.set(buffer, at, value);
  }

  /// A double as its bits.
  public void binary(double value) {
    int64(Double.doubleToRawLongBits(value));
  }

  public void length(long n) {
    int at = room(NUMBER);
    used = at;
    if (n >= 0 && n < 1 << 6) {
      buffer[used++] = (byte) n;
    } else if (n >= 0 && n < 1 << 14) {
      buffer[used++] = (byte) (0x40 | n >>> 8);
      buffer[used++] = (byte) n;
    } else if (n >>> 32 == 0) {
      buffer[used] = (byte) LENGTH_32;
      BIG_INT.set(buffer, used + 1, (int) n);
      used += 5;
    } else {
      buffer[used] = (byte) LENGTH_64;
      BIG_LONG.set(buffer, used + 1, n);
      used += 9;
    }
  }

  public void bytes(byte[] a, int from, int n) {
    if (n >= LARGE) {
      flush();
      hand(a, from, n);
      return;
    }
    int at = room(n);
    System.arraycopy(a, from, buffer, at, n);
  }

  /// A string that is an integer within 32 bits; false, and nothing written, if it isn't.
  boolean integer(byte[] a, int from, int n) {
    if (n > 11 || !Numbers.isLong(a, from, n)) return false;
    long value = Numbers.parseLong(a, from, n, 0);
    int at = room(NUMBER);
    used = at;
    if (value == (byte) value) {
      buffer[used] = (byte) (ENCODED | INT8);
      buffer[used + 1] = (byte) value;
      used += 2;
    } else if (value == (short) value) {
      buffer[used] = (byte) (ENCODED | INT16);
      buffer[used + 1] = (byte) value;
      buffer[used + 2] = (byte) (value >> 8);
      used += 3;
    } else if (value == (int) value) {
      buffer[used] = (byte) (ENCODED | INT32);
      INT.set(buffer, used + 1, (int) value);
      used += 5;
    } else {
      return false;
    }
    return true;
  }

  /// A short string that nobody would want compressed.
  public void string(byte[] a, int from, int n) {
    if (!integer(a, from, n)) {
      length(n);
      bytes(a, from, n);
    }
  }
}
