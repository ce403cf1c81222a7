package dev.spinel.lua;

/// What several states have their memory from, so that together they take no more than the host can
/// spare. Each state asks for large pieces, not for single values ([Lua#trim] gives them back).
public interface LuaMemory {
  /// Takes so many bytes. False: there aren't as many, and nothing is taken.
  boolean take(long bytes);

  /// Gives bytes back that were taken.
  void give(long bytes);
}
