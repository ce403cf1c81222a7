package dev.spinel.lua;

/// What a state may take. Whoever exceeds it gets an ordinary Lua error.
///
/// @param memoryBytes how much all values that the state can still reach may take together,
///   approximately; beyond that, "not enough memory"
/// @param stringBytes the longest string that a script may make; beyond that, "not enough memory"
public record LuaLimits(long memoryBytes, int stringBytes) {
  /// 256 MB, and strings of at most 64 MB.
  public static final LuaLimits DEFAULT = new LuaLimits(256L << 20, 64 << 20);
}
