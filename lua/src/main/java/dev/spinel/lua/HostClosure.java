package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// A function of the host's as a value.
final class HostClosure extends LuaFunction {
  final HostFunction body;
  final @Nullable Object[] held; // the Lua values that the body keeps alive

  HostClosure(HostFunction body, @Nullable Object... held) {
    this.body = body;
    this.held = held;
  }
}
