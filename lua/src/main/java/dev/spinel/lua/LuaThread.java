package dev.spinel.lua;

/// A coroutine as a value. Only scripts make and resume them; a host can pass them on.
public final class LuaThread {
  LuaThread() {}
}
