package dev.spinel.lua;

/// What a metamethod is called for.
enum Event {
  INDEX,
  NEWINDEX,
  CALL,
  ADD,
  SUB,
  MUL,
  DIV,
  MOD,
  POW,
  UNM,
  LEN,
  EQ,
  LT,
  LE,
  CONCAT,
  TOSTRING,
  METATABLE;

  final LuaString key = LuaString.of("__" + name().toLowerCase(java.util.Locale.ROOT));
  final int bit = 1 << ordinal();
}
