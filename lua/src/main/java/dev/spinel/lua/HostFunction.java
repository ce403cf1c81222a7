package dev.spinel.lua;

/// What a host lets scripts call. Made a Lua value by [Lua#function].
@FunctionalInterface
public interface HostFunction {
  /// Reads the arguments from `call` and answers through it: `call.ret(…)`, nothing for no result.
  ///
  /// Neither `call` nor what it lends may be kept after the return. An error that the script may
  /// catch is a [LuaError]; any other exception ends the script, and reaches whoever called it.
  void call(LuaCall call);
}
