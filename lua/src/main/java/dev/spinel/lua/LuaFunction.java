package dev.spinel.lua;

/// A function as a value: a script's own, or the host's ([Lua#function]). Called by [Lua#call] and
/// [LuaCall#invoke]; compared by identity.
public abstract sealed class LuaFunction permits LuaClosure, HostClosure, YieldFunction {
  long id; // what tostring shows; 0 until asked for
  int mark; // which measurement saw it

  LuaFunction() {}
}
