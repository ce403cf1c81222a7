package dev.spinel.lua;

/// A function as a value: a script's own, or the host's ([Lua#function]). Called by [Lua#call] and
/// [LuaCall#invoke]; compared by identity.
public abstract class LuaFunction {
  LuaFunction() {}
}
