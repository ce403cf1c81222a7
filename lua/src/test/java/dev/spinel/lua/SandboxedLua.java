package dev.spinel.lua;

/// A state as a careful host sets it up: the globals can't be changed, and who reads one that
/// doesn't exist is told so. Its `pcall` is the host's own: of an error that is a table it gives
/// the field `err`, if that is a string.
final class SandboxedLua {
  private SandboxedLua() {}

  static Lua make(LuaLimits limits) {
    Lua lua = new Lua(limits);
    JsonLibrary.open(lua);
    StructLibrary.open(lua);
    MessagePackLibrary.open(lua);
    BitLibrary.open(lua);
    LuaTable globals = lua.globals();
    globals.set("pcall", lua.function(SandboxedLua::pcall));
    LuaTable metatable = lua.table(0, 1);
    metatable.set(
        "__index",
        lua.function(
            call -> {
              throw call.error(
                  "Script attempted to access nonexistent global variable '"
                      + call.string(2)
                      + "'");
            }));
    globals.setMetatable(metatable);
    protect(globals);
    return lua;
  }

  private static void pcall(LuaCall call) {
    if (call.count() == 0) {
      call.ret(false);
      call.ret(LuaString.of("attempt to call a boolean value"));
      return;
    }
    try {
      Object[] results = call.invoke(call.get(1), call.from(2));
      call.ret(true);
      call.retAll(results);
    } catch (LuaError error) {
      call.ret(false);
      if (error.value() instanceof LuaTable table) {
        Object message = call.lua().index(table, LuaString.of("err"));
        if (Lua.toText(message) == null) call.ret(table);
        call.ret(message);
      } else {
        call.ret(error.value());
      }
    }
  }

  private static void protect(LuaTable table) {
    if (table.isReadOnly()) return;
    table.setReadOnly(true);
    table.forEach(
        (key, value) -> {
          if (value instanceof LuaTable inner) protect(inner);
          return true;
        });
    if (table.metatable() != null) protect(table.metatable());
  }

  /// Sets a global, which scripts can't.
  static void setGlobal(Lua lua, String name, Object value) {
    lua.globals().setReadOnly(false);
    lua.globals().set(name, value);
    lua.globals().setReadOnly(true);
  }
}
