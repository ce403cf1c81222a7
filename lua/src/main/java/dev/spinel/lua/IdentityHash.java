package dev.spinel.lua;

import java.util.concurrent.atomic.AtomicLong;

/// Numbers for what is compared by identity: what `tostring` shows where C shows an address, and
/// the hash of such a value as a table's key. Given out on demand, in order, so a run repeats
/// itself.
final class IdentityHash {
  private static final AtomicLong LAST = new AtomicLong();

  private IdentityHash() {}

  /// A number that no other value has.
  static long next() {
    return LAST.incrementAndGet();
  }

  /// The number of `value`, which is neither a string nor a number.
  static long of(Object value) {
    switch (value) {
      case LuaTable table -> {
        if (table.id == 0) table.id = next();
        return table.id;
      }
      case LuaFunction function -> {
        if (function.id == 0) function.id = next();
        return function.id;
      }
      case LuaThread thread -> {
        if (thread.id == 0) thread.id = next();
        return thread.id;
      }
      case LuaUserdata userdata -> {
        if (userdata.id == 0) userdata.id = next();
        return userdata.id;
      }
      default -> throw new IllegalArgumentException("not a Lua value: " + value.getClass());
    }
  }

  static int hash(Object value) {
    return (int) of(value);
  }

  /// What stands where C shows an address.
  static String address(Object value) {
    return value == LuaUserdata.NULL
        ? "(nil)"
        : "0x" + Long.toHexString(0x7f00_0000_0000L + (of(value) << 5));
  }
}
