package dev.spinel.lua;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// A string of Lua's: bytes that never change. Equal if the bytes are; compared as unsigned bytes.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
public final class LuaString implements Comparable<LuaString> {
  /// The string without bytes.
  public static final LuaString EMPTY = new LuaString(new byte[0]);

  /// Short strings of which there is one object for all chunks and states, so that most look-ups in
  /// tables find the very object that they ask for. It never holds more than it may.
  private static final ConcurrentHashMap<LuaString, LuaString> SHARED = new ConcurrentHashMap<>();

  private static final int MOST_SHARED = 4096;
  private static final int LONGEST_SHARED = 40;

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

  /// An equal string, the same one for all who ask, if there is room for it.
  LuaString shared() {
    if (bytes.length > LONGEST_SHARED) return this;
    LuaString known = SHARED.get(this);
    if (known != null) return known;
    if (SHARED.size() >= MOST_SHARED) return this;
    known = SHARED.putIfAbsent(this, this);
    return known == null ? this : known;
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

  /// What a C program sees of it: what stands before the first zero byte.
  LuaString untilZero() {
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) return slice(0, i);
    }
    return this;
  }

  @Override
  public int compareTo(LuaString other) {
    return Arrays.compareUnsigned(bytes, other.bytes);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other
        || other instanceof LuaString that
            && (hash == 0 || that.hash == 0 || hash == that.hash)
            && Arrays.equals(bytes, that.bytes);
  }

  /// Whether `other`, a string too, has the same bytes.
  boolean sameAs(LuaString other) {
    return this == other
        || (hash == 0 || other.hash == 0 || hash == other.hash)
            && Arrays.equals(bytes, other.bytes);
  }

  @Override
  public int hashCode() {
    int h = hash;
    if (h == 0) {
      // The hash of C Lua as Redis builds it: the order of `next` depends on it.
      h = bytes.length;
      for (int i = bytes.length; i > 0; i--) {
        h ^= (h << 5) + (h >>> 2) + (bytes[i - 1] & 0xff);
      }
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
