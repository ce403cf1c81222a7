package dev.spinel.lua;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The table `coroutine`.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
final class CoroutineLibrary {
  private CoroutineLibrary() {}

  static void open(Lua lua) {
    lua.library(
        "coroutine",
        table -> {
          table.set("create", lua.function(call -> call.results.add(create(call))));
          table.set("resume", lua.function(CoroutineLibrary::resume));
          table.set("running", lua.function(CoroutineLibrary::running));
          table.set("status", lua.function(CoroutineLibrary::status));
          table.set("wrap", lua.function(CoroutineLibrary::wrap));
          table.set("yield", new YieldFunction());
        });
  }

  private static LuaThread create(LuaCall call) {
    if (!(call.get(1) instanceof LuaClosure function)) {
      throw call.argumentError(1, "Lua function expected");
    }
    call.lua().charge(200);
    return new LuaThread(function, call.lua().running.globals);
  }

  private static LuaThread thread(LuaCall call) {
    if (call.get(1) instanceof LuaThread thread) return thread;
    throw call.argumentError(1, "coroutine expected");
  }

  private static void running(LuaCall call) {
    Lua lua = call.lua();
    call.results.add(lua.running == lua.mainThread ? null : lua.running);
  }

  private static void status(LuaCall call) {
    call.results.add(LuaString.of(name(thread(call).status)).shared());
  }

  private static String name(LuaThread.Status status) {
    return status.name().toLowerCase(Locale.ROOT);
  }

  private static void resume(LuaCall call) {
    LuaThread thread = thread(call);
    Object error = resume(call, thread, call.from(2), 1);
    if (error == null) return;
    call.results.count = 0;
    call.ret(false);
    call.pass(error == NIL ? null : error);
  }

  private static void wrap(LuaCall call) {
    LuaThread thread = create(call);
    call.results.add(
        call.lua()
            .function(
                again -> {
                  Object error = resume(again, thread, again.from(1), 0);
                  if (error == null) return;
                  again.results.count = 0;
                  if (error == NIL) throw new LuaError((Object) null);
                  LuaString text = Lua.toText(error);
                  if (text != null) throw again.error(text);
                  throw new LuaError(error);
                },
                thread));
  }

  /// The error nil, since null is none.
  private static final Object NIL = new Object();

  /// Runs `thread` until it yields or ends, and adds what it gave to the results of `call`, after
  /// true if `ahead` is 1. Answers the error that it ended with, or null.
  private static @Nullable Object resume(
      LuaCall call, LuaThread thread, @Nullable Object[] values, int ahead) {
    if (thread.status != LuaThread.Status.SUSPENDED) {
      return LuaString.of("cannot resume " + name(thread.status) + " coroutine");
    }
    if (call.boundaries >= Lua.MOST_BOUNDARIES || call.weight >= Lua.HARD_WEIGHT) {
      return LuaString.of("C stack overflow");
    }
    Lua lua = call.lua();
    Lua.Position before = lua.new Position();
    LuaThread resumer = lua.running;
    resumer.status = LuaThread.Status.NORMAL;
    thread.status = LuaThread.Status.RUNNING;
    thread.resumer = resumer;
    thread.resumedBy = call;
    lua.running = thread;
    boolean ended = true;
    boolean failed = true;
    try {
      ended = lua.drive(begin(call, thread, values), 0);
      failed = false;
      if (ahead == 1) call.ret(true);
      LuaValues given = ended ? lua.results : thread.given;
      for (int i = 0; i < given.count; i++) call.results.add(given.get(i));
      return null;
    } catch (LuaError error) {
      error.raisedIn(lua.current);
      return error.value() == null ? NIL : error.value();
    } finally {
      thread.resumer = null;
      thread.resumedBy = null;
      thread.status = ended ? LuaThread.Status.DEAD : LuaThread.Status.SUSPENDED;
      if (failed) {
        thread.dropTo(0);
        before.restore();
      } else {
        lua.running = resumer;
        resumer.status = LuaThread.Status.RUNNING;
        lua.current = call;
      }
    }
  }

  /// The frame with which `thread` goes on.
  private static Frame begin(LuaCall call, LuaThread thread, @Nullable Object[] values) {
    Frame frame;
    if (thread.start instanceof LuaClosure closure) {
      thread.start = null;
      thread.boundaries = call.boundaries + 1;
      frame = new Frame(call.lua(), closure);
      frame.depth = 1;
      frame.boundaries = thread.boundaries;
      Calls.fill(frame, values, values.length);
    } else {
      frame = thread.unpark();
      frame.resuming = true;
      LuaValues results = call.lua().results;
      results.count = 0;
      for (Object value : values) results.add(value);
    }
    frame.weight = call.weight + Lua.BOUNDARY_WEIGHT;
    return frame;
  }
}
