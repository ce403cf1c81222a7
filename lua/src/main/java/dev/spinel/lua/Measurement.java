package dev.spinel.lua;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/// One walk over all that a state can reach, to know how much memory it takes: what the JVM's
/// collector knows and doesn't tell. It goes by a list of what is still to be looked at, not by
/// recursion, so that no script can make it go deep.
///
/// A table, function or coroutine is counted once: it remembers the number of the measurement that
/// saw it last. A string is counted once for each place where it is, so a string in many tables
/// counts many times; to the limit this is an error on the safe side, and it costs strings no
/// field.
final class Measurement {
  private static final int WORK_AT_ONCE = 1024;

  private final int number;
  private final Lua lua;
  private final ArrayDeque<Object> open = new ArrayDeque<>();
  private long bytes;
  private long work; // places looked at since steps were taken for that

  Measurement(int number, Lua lua) {
    this.number = number;
    this.lua = lua;
  }

  /// Walks, and answers what it has found. Takes steps.
  long bytes() {
    see(lua.globals());
    see(lua.stringMetatable());
    for (Activation at = lua.current; at != null; at = at.caller) activation(at);
    for (LuaThread thread = lua.running; thread != null; thread = thread.resumer) see(thread);
    see(lua.mainThread);
    values(lua.results);
    while (true) {
      Object next = open.poll();
      if (next == null) break;
      look(next);
      if (++work >= WORK_AT_ONCE) {
        lua.step(work / 4);
        work = 0;
      }
    }
    lua.step(work / 4);
    return bytes;
  }

  private void see(@Nullable Object value) {
    switch (value) {
      case LuaString string -> bytes += 24 + string.length();
      case LuaTable table -> {
        if (table.mark == number) return;
        table.mark = number;
        open.add(table);
      }
      case LuaFunction function -> {
        if (function.mark == number) return;
        function.mark = number;
        open.add(function);
      }
      case LuaThread thread -> {
        if (thread.mark == number) return;
        thread.mark = number;
        open.add(thread);
      }
      case Cell cell -> see(cell.object);
      case LuaUserdata userdata -> {
        bytes += 48;
        see(userdata.metatable);
      }
      case null, default -> {}
    }
  }

  private void look(Object value) {
    switch (value) {
      case LuaTable table -> {
        bytes += table.bytes();
        work += table.places();
        see(table.metatable);
        table.forEach(
            (key, content) -> {
              see(key);
              see(content);
              return true;
            });
      }
      case LuaClosure closure -> {
        bytes += 48 + 28L * closure.cells.length;
        see(closure.environment);
        for (Cell cell : closure.cells) see(cell);
      }
      case LuaThread thread -> {
        bytes += 200;
        see(thread.start);
        see(thread.globals);
        values(thread.given);
        for (int i = 0; i < thread.parkedCount(); i++) activation(thread.parked(i));
        for (Activation at = thread.resumedBy; at != null; at = at.caller) activation(at);
      }
      case HostClosure host -> {
        bytes += 48;
        for (Object held : host.held) see(held);
      }
      default -> bytes += 16;
    }
  }

  private void activation(Activation at) {
    bytes += 64 + 12L * at.objects.length;
    work += at.objects.length;
    slots(at.objects, at.objects.length);
    if (at instanceof Frame frame) {
      see(frame.function);
      slots(frame.extra, frame.extra.length);
    }
    if (at instanceof LuaCall call) values(call.results);
  }

  private void values(LuaValues values) {
    slots(values.objects, values.count);
  }

  private void slots(@Nullable Object[] objects, int count) {
    for (int i = 0; i < count; i++) see(objects[i]);
  }
}
