package dev.spinel.lua;

/// `coroutine.yield`: the one function that a call can't simply run.
final class YieldFunction extends LuaFunction {}
