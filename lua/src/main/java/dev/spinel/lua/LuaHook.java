package dev.spinel.lua;

/// Asked again and again while a script runs, see [Lua#hook].
@FunctionalInterface
public interface LuaHook {
  /// Returns, and the script goes on; or throws what ends the script. The script can catch nothing
  /// but a [LuaError]. It may look at the state ([Lua#where]), but mustn't call into it.
  void tick(Lua lua);
}
