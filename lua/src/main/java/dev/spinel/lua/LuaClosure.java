package dev.spinel.lua;

/// A script's function: its code, the variables that it shares with those around it, and the table
/// in which it finds its globals.
final class LuaClosure extends LuaFunction {
  private static final Cell[] NO_CELLS = {};

  final Prototype prototype;
  final Cell[] cells;
  LuaTable environment;

  LuaClosure(Prototype prototype, LuaTable environment) {
    this.prototype = prototype;
    this.environment = environment;
    int count = prototype.upvalues.length;
    this.cells = count == 0 ? NO_CELLS : new Cell[count];
  }
}
