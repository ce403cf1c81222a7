package dev.spinel.lua;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The basic functions, without those that reach outside: `print`, `dofile`, `loadfile`, `require`
/// and `module` don't exist.
final class BaseLibrary {
  private static final List<String> COLLECTOR_OPTIONS =
      List.of("stop", "restart", "collect", "count", "step", "setpause", "setstepmul");

  /// How many values a host function can give back, together with its arguments.
  static final int MOST_VALUES = 8000;

  private BaseLibrary() {}

  static void open(Lua lua) {
    LuaTable globals = lua.globals();
    globals.set("_G", globals);
    globals.set("_VERSION", LuaString.of("Lua 5.1"));
    LuaFunction next = lua.function(BaseLibrary::next);
    LuaFunction nextListed = lua.function(BaseLibrary::nextListed);
    lua.next = next;
    lua.nextListed = nextListed;
    LuaTable proxies = lua.table(0, 1);
    set(lua, "assert", BaseLibrary::assertTrue);
    set(lua, "collectgarbage", BaseLibrary::collectGarbage);
    set(lua, "error", BaseLibrary::error);
    set(lua, "gcinfo", call -> call.ret((double) (call.lua().memory() >> 10)));
    set(lua, "getfenv", BaseLibrary::getEnvironment);
    set(lua, "getmetatable", BaseLibrary::getMetatable);
    set(lua, "ipairs", call -> loop(call, nextListed, 0.0));
    set(lua, "load", BaseLibrary::load);
    set(lua, "loadstring", BaseLibrary::loadString);
    set(lua, "newproxy", call -> newProxy(call, proxies));
    globals.set("next", next);
    set(lua, "pairs", call -> loop(call, next, null));
    set(lua, "pcall", BaseLibrary::pcall);
    set(lua, "rawequal", BaseLibrary::rawEqual);
    set(lua, "rawget", BaseLibrary::rawGet);
    set(lua, "rawset", BaseLibrary::rawSet);
    set(lua, "select", BaseLibrary::select);
    set(lua, "setfenv", BaseLibrary::setEnvironment);
    set(lua, "setmetatable", BaseLibrary::setMetatable);
    set(lua, "tonumber", BaseLibrary::toNumber);
    set(lua, "tostring", call -> call.ret(Operations.toStringValue(call, call.any(1))));
    set(lua, "type", call -> call.ret(typeName(call.any(1))));
    set(lua, "unpack", BaseLibrary::unpack);
    set(lua, "xpcall", BaseLibrary::xpcall);
  }

  private static void set(Lua lua, String name, HostFunction body) {
    lua.globals().set(name, lua.function(body));
  }

  // ── errors ──

  private static void assertTrue(LuaCall call) {
    call.any(1);
    if (!call.test(1)) {
      throw call.error(call.string(2, LuaString.of("assertion failed!")).untilZero());
    }
    for (int i = 1; i <= call.count(); i++) call.results.add(call.get(i));
  }

  private static void error(LuaCall call) {
    int level = (int) call.integer(2, 1);
    Object value = call.get(1);
    LuaString text = Lua.toText(value);
    if (text == null || level <= 0) throw new LuaError(value);
    LuaString where = call.lua().where(call, level);
    throw new LuaError((Object) call.lua().buffer().put(where).put(text).toLuaString());
  }

  private static void pcall(LuaCall call) {
    Object function = call.any(1);
    call.lua().protect(call, function, call.from(2), false);
  }

  private static void xpcall(LuaCall call) {
    call.any(2);
    call.lua().protect(call, call.get(1), new Object[0], true);
  }

  // ── types and conversions ──

  private static LuaString typeName(@Nullable Object value) {
    return Objects.requireNonNull(TYPE_NAMES.get(Lua.typeName(value)));
  }

  private static final java.util.Map<String, LuaString> TYPE_NAMES = typeNames();

  private static java.util.Map<String, LuaString> typeNames() {
    java.util.Map<String, LuaString> names = new java.util.HashMap<>();
    for (String name :
        List.of("nil", "boolean", "number", "string", "table", "function", "thread", "userdata")) {
      names.put(name, LuaString.of(name).shared());
    }
    return names;
  }

  private static void toNumber(LuaCall call) {
    int base = (int) call.integer(2, 10);
    if (base == 10) {
      call.ret((Object) call.lua().number(call.any(1)));
      return;
    }
    LuaString text = call.string(1);
    call.lua().stepOver(text.length());
    if (base < 2 || base > 36) throw call.argumentError(2, "base out of range");
    call.ret((Object) NumberReader.read(text, base));
  }

  // ── tables ──

  private static void next(LuaCall call) {
    LuaTable table = call.table(1);
    int at = table.nextUsed(table.position(call.get(2)));
    if (at == 0) {
      call.ret((Object) null);
      return;
    }
    Object key = table.keyAt(at);
    if (key == null) call.ret((double) at);
    else call.results.add(key);
    call.results.add(table.valueAt(at));
  }

  private static void nextListed(LuaCall call) {
    int i = (int) call.integer(2);
    LuaTable table = call.table(1);
    i++;
    Object value = table.get((long) i);
    if (value == null) return;
    call.ret((double) i);
    call.results.add(value);
  }

  private static void loop(LuaCall call, LuaFunction generator, @Nullable Double first) {
    LuaTable table = call.table(1);
    call.results.add(generator);
    call.results.add(table);
    call.results.add(first);
  }

  private static void rawEqual(LuaCall call) {
    if (call.any(1) instanceof LuaString string && call.any(2) instanceof LuaString) {
      call.lua().stepOver(string.length());
    }
    call.any(2);
    call.ret(Operations.rawEqual(call.get(1), call.get(2)));
  }

  private static void rawGet(LuaCall call) {
    LuaTable table = call.table(1);
    call.results.add(table.get(call.any(2)));
  }

  private static void rawSet(LuaCall call) {
    LuaTable table = call.table(1);
    Object key = call.any(2);
    table.set(key, call.any(3));
    call.results.add(table);
  }

  private static void unpack(LuaCall call) {
    LuaTable table = call.table(1);
    int first = (int) call.integer(2, 1);
    int last = call.isNil(3) ? (int) table.length() : (int) call.integer(3);
    if (first > last) return;
    int count = last - first + 1;
    if (count <= 0 || count + call.count() > MOST_VALUES) {
      throw call.error("too many results to unpack");
    }
    for (int i = 0; i < count; i++) call.results.add(table.get((long) first + i));
  }

  private static void select(LuaCall call) {
    int count = call.count();
    if (call.get(1) instanceof LuaString text && text.length() > 0 && text.at(0) == '#') {
      call.ret((double) (count - 1));
      return;
    }
    int i = (int) call.integer(1);
    if (i < 0) i += count;
    else if (i > count) i = count;
    if (i < 1) throw call.argumentError(1, "index out of range");
    for (int n = i + 1; n <= count; n++) call.results.add(call.get(n));
  }

  // ── metatables ──

  private static void getMetatable(LuaCall call) {
    LuaTable metatable = Operations.metatable(call.lua(), call.any(1));
    Object shown = metatable == null ? null : metatable.metamethod(Event.METATABLE);
    call.results.add(shown != null ? shown : metatable);
  }

  private static void setMetatable(LuaCall call) {
    LuaTable table = call.table(1);
    Object metatable = call.get(2);
    if (call.count() < 2 || metatable != null && !(metatable instanceof LuaTable)) {
      throw call.argumentError(2, "nil or table expected");
    }
    if (Operations.metamethod(call.lua(), table, Event.METATABLE) != null) {
      throw call.error("cannot change a protected metatable");
    }
    if (table.isReadOnly()) throw new LuaError(LuaTable.READ_ONLY);
    table.metatable = (LuaTable) metatable;
    call.results.add(table);
  }

  private static void newProxy(LuaCall call, LuaTable proxies) {
    LuaUserdata proxy = new LuaUserdata(null);
    call.lua().charge(48);
    Object like = call.get(1);
    if (like instanceof Boolean wanted) {
      if (wanted) {
        proxy.metatable = call.lua().table(0, 0);
        proxies.set(proxy.metatable, true);
      }
    } else if (like != null) {
      LuaTable metatable = Operations.metatable(call.lua(), like);
      if (metatable == null || proxies.get(metatable) == null) {
        throw call.argumentError(1, "boolean or proxy expected");
      }
      proxy.metatable = metatable;
    }
    call.results.add(proxy);
  }

  // ── environments ──

  /// The function that argument 1 is, or the activation at that level; null if a host function's.
  private static @Nullable LuaClosure environmentOf(LuaCall call, boolean optional) {
    if (call.get(1) instanceof LuaFunction function) {
      return function instanceof LuaClosure closure ? closure : null;
    }
    int level = (int) (optional ? call.integer(1, 1) : call.integer(1));
    if (level < 0) throw call.argumentError(1, "level must be non-negative");
    if (!Lua.hasLevel(call, level)) throw call.argumentError(1, "invalid level");
    Activation at = Lua.activation(call, level);
    if (at == null) {
      throw call.error("no function environment for tail call at level " + level);
    }
    return at instanceof Frame frame ? frame.function : null;
  }

  private static void getEnvironment(LuaCall call) {
    LuaClosure function = environmentOf(call, true);
    call.results.add(function == null ? call.lua().running.globals : function.environment);
  }

  private static void setEnvironment(LuaCall call) {
    LuaTable environment = call.table(2);
    LuaClosure function = environmentOf(call, false);
    Double level = call.lua().number(call.get(1));
    if (level != null && level == 0) {
      call.lua().running.globals = environment;
      return;
    }
    if (function == null) {
      throw call.error("'setfenv' cannot change environment of given object");
    }
    function.environment = environment;
    call.results.add(function);
  }

  // ── code ──

  private static void loadString(LuaCall call) {
    LuaString source = call.string(1);
    LuaString name = call.string(2, source).untilZero();
    compile(call, source, name);
  }

  private static void compile(LuaCall call, LuaString source, LuaString name) {
    try {
      call.lua().step(source.length() + name.length());
      call.lua().charge(32L * source.length());
      LuaChunk chunk = LuaChunk.compile(source, name, call.boundaries);
      call.results.add(new LuaClosure(chunk.prototype, call.lua().running.globals));
    } catch (LuaError error) {
      call.results.count = 0;
      call.results.add(null);
      call.results.add(error.value());
    }
  }

  private static void load(LuaCall call) {
    LuaString name = call.string(2, LuaString.of("=(load)")).untilZero();
    LuaFunction reader = call.function(1);
    LuaBuffer source = call.lua().buffer();
    List<LuaError> failed = new ArrayList<>();
    while (true) {
      @Nullable Object[] piece;
      try {
        piece = call.invoke(reader);
      } catch (LuaError error) {
        failed.add(error);
        break;
      }
      Object value = piece.length == 0 ? null : piece[0];
      if (value == null) break;
      LuaString text = Lua.toText(value);
      if (text == null) {
        failed.add(call.error("reader function must return a string"));
        break;
      }
      if (text.length() == 0) break;
      source.put(text);
    }
    if (failed.isEmpty()) {
      compile(call, source.toLuaString(), name);
    } else {
      call.results.add(null);
      call.results.add(failed.getFirst().value());
    }
  }

  // ── the collector ──

  private static void collectGarbage(LuaCall call) {
    LuaString option = call.string(1, LuaString.of("collect"));
    int known = COLLECTOR_OPTIONS.indexOf(option.toString());
    if (known < 0) {
      throw call.argumentError(
          1, call.lua().buffer().put("invalid option '").put(option).put("'").toLuaString());
    }
    call.integer(2, 0);
    switch (COLLECTOR_OPTIONS.get(known)) {
      case "count" -> call.ret(call.lua().memory() / 1024.0);
      case "step" -> {
        call.lua().measure();
        call.ret(true);
      }
      case "collect" -> {
        call.lua().measure();
        call.ret(0.0);
      }
      case "setpause", "setstepmul" -> call.ret(200.0);
      default -> call.ret(0.0);
    }
  }
}
