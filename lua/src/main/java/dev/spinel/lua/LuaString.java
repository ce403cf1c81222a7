package dev.spinel.lua;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A string of Lua's: bytes that never change. Equal if the bytes are; compared as unsigned bytes.
public final class LuaString implements Comparable<LuaString> {
  /// The string without bytes.
  public static final LuaString EMPTY = new LuaString(new byte[0]);

  final byte[] bytes;
  private int hash; // 0 until asked for

  private LuaString(byte[] bytes) {
    this.bytes = bytes;
  }

  /// A string of these bytes. They belong to the string now: nobody may change them.
  public static LuaString of(byte[] bytes) {
    return bytes.length == 0 ? EMPTY : new LuaString(bytes);
  }

  /// A copy of `length` bytes of `array`, from `offset`.
  public static LuaString of(byte[] array, int offset, int length) {
    return of(Arrays.copyOfRange(array, offset, offset + length));
  }

  /// The UTF-8 of `text`.
  public static LuaString of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8));
  }

  /// How many bytes it has.
  public int length() {
    return bytes.length;
  }

  /// The byte at `index` (from 0), as 0 to 255.
  public int at(int index) {
    return bytes[index] & 0xff;
  }

  /// The bytes themselves, lent: nobody may change them.
  public byte[] bytes() {
    return bytes;
  }

  /// A string of the bytes from `start` to before `end`, both from 0.
  public LuaString slice(int start, int end) {
    return start == 0 && end == bytes.length ? this : of(bytes, start, end - start);
  }

  @Override
  public int compareTo(LuaString other) {
    return Arrays.compareUnsigned(bytes, other.bytes);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other
        || other instanceof LuaString that
            && hashCode() == that.hashCode()
            && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    int h = hash;
    if (h == 0) {
      // Looks at 32 bytes at most, evenly spread from the end: a long string costs no more.
      h = bytes.length;
      int step = (bytes.length >> 5) + 1;
      for (int i = bytes.length; i >= step; i -= step) {
        h ^= (h << 5) + (h >>> 2) + (bytes[i - 1] & 0xff);
      }
      if (h == 0) h = 1;
      hash = h;
    }
    return h;
  }

  /// The bytes read as UTF-8; what isn't becomes U+FFFD.
  @Override
  public String toString() {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
