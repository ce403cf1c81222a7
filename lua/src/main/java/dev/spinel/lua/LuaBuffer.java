package dev.spinel.lua;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Bytes under construction, for host functions that answer with a string. Bounded by the state's
/// limit of a string; what it takes counts against the state's memory, and takes steps.
public final class LuaBuffer {
  private final @Nullable Lua lua; // that pays for it; null: nobody does
  private final int most;
  private byte[] bytes = new byte[64];
  private int length;

  /// For texts whose length the host bounds.
  LuaBuffer(int most) {
    this(null, most);
  }

  LuaBuffer(@Nullable Lua lua, int most) {
    this.lua = lua;
    this.most = most;
  }

  /// Appends one byte: the low eight bits of `b`.
  public LuaBuffer put(int b) {
    if (length == bytes.length) grow(1);
    bytes[length++] = (byte) b;
    return this;
  }

  /// Appends `count` bytes of `array`, from `offset`.
  public LuaBuffer put(byte[] array, int offset, int count) {
    if (count > bytes.length - length) grow(count);
    System.arraycopy(array, offset, bytes, length, count);
    length += count;
    return this;
  }

  /// Appends a string.
  public LuaBuffer put(LuaString string) {
    return put(string.bytes, 0, string.bytes.length);
  }

  /// Appends the UTF-8 of `text`.
  public LuaBuffer put(String text) {
    byte[] utf = text.getBytes(StandardCharsets.UTF_8);
    return put(utf, 0, utf.length);
  }

  /// How many bytes it has so far.
  public int length() {
    return length;
  }

  /// Takes the last bytes away, so that `length` are left; or writes over what was there.
  public void truncate(int length) {
    if (length < 0 || length > this.length) throw new IllegalArgumentException("length " + length);
    this.length = length;
  }

  /// The bytes so far as a string.
  public LuaString toLuaString() {
    return LuaString.of(bytes, 0, length);
  }

  /// The bytes so far, lent: valid until the next `put`.
  byte[] array() {
    return bytes;
  }

  private void grow(int count) {
    if (count > most - length) throw new LuaError("not enough memory").asFinal();
    int size = (int) Math.min(most, Math.max(length + count, bytes.length * 2L));
    if (lua != null) lua.charge(size - bytes.length);
    bytes = Arrays.copyOf(bytes, size);
  }
}
