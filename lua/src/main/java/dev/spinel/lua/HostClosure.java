package dev.spinel.lua;

/// A function of the host's as a value.
final class HostClosure extends LuaFunction {
  final HostFunction body;

  HostClosure(HostFunction body) {
    this.body = body;
  }
}
