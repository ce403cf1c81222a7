package dev.spinel.lua;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// One walk over the functions that a function can call: those in its variables, and in tables that
/// it finds there. Globals aren't looked at: they are the host's.
final class ReachableWords {
  private final Lua lua;
  private final ArrayDeque<Object> open = new ArrayDeque<>();
  private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
  private LuaWords words = LuaWords.NONE;

  ReachableWords(Lua lua) {
    this.lua = lua;
  }

  LuaWords of(LuaFunction function) {
    see(function);
    for (Object next = open.poll(); next != null; next = open.poll()) {
      lua.step(1);
      look(next);
    }
    return words;
  }

  private void see(@Nullable Object value) {
    switch (value) {
      case Cell cell -> see(cell.object);
      case LuaThread coroutine -> words = LuaWords.ANY; // whatever it holds on its stack
      case LuaTable table -> later(table);
      case LuaFunction function -> later(function);
      case null, default -> {}
    }
  }

  private void later(Object value) {
    if (seen.add(value)) open.add(value);
  }

  private void look(Object value) {
    switch (value) {
      case LuaTable table -> {
        lua.step(table.places());
        see(table.metatable);
        table.forEach(
            (key, content) -> {
              see(key);
              see(content);
              return true;
            });
      }
      case LuaClosure closure -> {
        words = words.and(closure.prototype.words);
        for (Cell cell : closure.cells) see(cell);
      }
      case HostClosure host -> {
        for (Object held : host.held) see(held);
      }
      default -> {}
    }
  }
}
