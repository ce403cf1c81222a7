package dev.spinel.script;

import dev.spinel.engine.CommandError;
import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaCall;
import dev.spinel.lua.LuaChunk;
import dev.spinel.lua.LuaError;
import dev.spinel.lua.LuaFunction;
import dev.spinel.lua.LuaHook;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import dev.spinel.wire.Quoting;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A library of functions: its text, and what that registered when it ran.
///
/// The text runs once, when the library is loaded, and sees nothing but a `redis` of its own: to
/// register functions, to log. The functions see the globals of scripts. Variables of the text are
/// shared by them, so they are run by one thread at a time: with the library's lock, which is taken
/// before any slot's, or in a stopped world.
///
/// ```
///   globals (empty, read-only) ──__index──► { redis = { register_function, log, … } }     while it is loaded
///                              ──__index──► { redis, string, table, … }                   from then on
/// ```
final class Library {
  static final String ENGINE = "LUA";

  /// What the text may take to run; beyond that it isn't loaded.
  static final long LOAD_MILLIS = 500;

  private static final int HEAP_PER_BYTE = 8;
  private static final int HEAP_BYTES = 64 * 1024;
  private static final int SPINS = 100;
  private static final long PARK_NANOS = 20_000;
  private static final String BAD_NAME =
      "Library names can only contain letters, numbers, or underscores(_) and must be at least one"
          + " character long";

  final String name;
  final byte[] code;
  private final Scripts scripts;
  private final Interpreter interpreter;
  private final Map<String, LibraryFunction> functions = new LinkedHashMap<>();
  private final ReentrantLock lock = new ReentrantLock();
  private boolean isLoading;

  private Library(Scripts scripts, String name, byte[] code) {
    this.scripts = scripts;
    this.name = name;
    this.code = code;
    this.interpreter = new Interpreter(scripts);
  }

  /// About how much of the Java heap a library with this text takes.
  static long heapBytes(byte[] code) {
    return HEAP_BYTES + (long) HEAP_PER_BYTE * code.length;
  }

  long heapBytes() {
    return heapBytes(code);
  }

  /// Bytes of the Java heap that its values take, about.
  long valueBytes() {
    return interpreter.lua.memory();
  }

  /// In the order in which they were registered.
  Collection<LibraryFunction> functions() {
    return functions.values();
  }

  Interpreter interpreter() {
    return interpreter;
  }

  /// See [dev.spinel.engine.Scripted#enter].
  boolean enter() {
    for (int spins = 0; !lock.tryLock(); spins++) {
      if (scripts.engine().keyspace.world().isBusy()) {
        return false;
      }
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(PARK_NANOS);
      }
    }
    return true;
  }

  void leave() {
    lock.unlock();
  }

  // ── loading ──

  /// What the first line of a library says.
  ///
  /// @param length of the line, without its end
  record Header(String name, int length) {
    /// Errors: it isn't the first line of a library.
    static Header of(byte[] code) {
      if (code.length < 2 || code[0] != '#' || code[1] != '!') {
        throw new CommandError("ERR Missing library metadata");
      }
      String line = ScriptFlags.line(code);
      List<String> words = line == null ? null : Quoting.split(line);
      if (line == null || words == null || words.isEmpty()) {
        throw new CommandError("ERR Invalid library metadata");
      }
      String name = null;
      for (String word : words.subList(1, words.size())) {
        if (!word.regionMatches(true, 0, "name=", 0, 5)) {
          throw new CommandError("ERR Invalid metadata value given: " + word);
        }
        if (name != null) {
          throw new CommandError(
              "ERR Invalid metadata value, name argument was given multiple times");
        }
        name = word.substring(5);
      }
      if (name == null) {
        throw new CommandError("ERR Library name was not given");
      }
      if (!isName(name)) {
        throw new CommandError("ERR " + BAD_NAME);
      }
      String engine = words.get(0).substring(2);
      if (!engine.equalsIgnoreCase(ENGINE)) {
        throw new CommandError("ERR Engine '" + engine + "' not found");
      }
      return new Header(name, line.length());
    }
  }

  private static boolean isName(String name) {
    return !name.isEmpty()
        && name.chars()
            .allMatch(
                c ->
                    c >= 'a' && c <= 'z'
                        || c >= 'A' && c <= 'Z'
                        || c >= '0' && c <= '9'
                        || c == '_');
  }

  /// Runs the text. Errors: it fails, registers nothing, or takes too long.
  ///
  /// @param mostMillis it may take; 0: as long as it likes
  /// @param isTrusted a file or a primary says so: it may take what memory it likes, too
  static Library load(
      Scripts scripts, Header header, byte[] code, long mostMillis, boolean isTrusted) {
    Library made = new Library(scripts, header.name(), code);
    LuaString source = LuaString.of(Arrays.copyOfRange(code, header.length(), code.length));
    boolean isLoaded = false;
    made.interpreter.share.trust(isTrusted);
    try {
      made.run(source, mostMillis);
      if (made.functions.isEmpty()) {
        throw new CommandError("ERR No functions registered");
      }
      isLoaded = true;
      made.interpreter.trim();
    } finally {
      made.interpreter.share.trust(false);
      if (!isLoaded) {
        made.end();
      }
    }
    return made;
  }

  /// Nobody will use it any more.
  void end() {
    interpreter.share.end();
  }

  private void run(LuaString source, long mostMillis) {
    LuaChunk chunk;
    try {
      chunk = Scripts.compile(source, "@user_function");
    } catch (LuaError e) {
      throw new CommandError("ERR Error compiling function: " + text(e));
    }
    Lua lua = interpreter.lua;
    LuaTable globals = lua.globals();
    LuaTable usual = moved(globals);
    LuaTable metatable = lua.table(0, 1);
    metatable.set("__index", loadGlobals());
    globals.setMetatable(metatable);
    Interpreter.protect(globals);
    interpreter.limit(mostMillis == 0 ? null : limit(mostMillis));
    isLoading = true;
    try {
      lua.call(lua.load(chunk));
      for (LibraryFunction function : functions.values()) {
        function.loaded(scripts.mayNeedWorld(lua.words(function.body)));
      }
    } catch (LuaError e) {
      throw new CommandError("ERR Error registering functions: " + message(e));
    } finally {
      isLoading = false;
      interpreter.limit(null);
    }
    metatable.setReadOnly(false);
    metatable.set("__index", usual);
    metatable.setReadOnly(true);
    interpreter.seal(usual);
  }

  private LuaHook limit(long mostMillis) {
    long began = scripts.engine().clock.nanos();
    return lua -> {
      if (scripts.engine().clock.nanos() - began > mostMillis * 1_000_000) {
        throw new CommandError("ERR Error registering functions: ERR FUNCTION LOAD timeout");
      }
    };
  }

  /// Moves what is in the globals to a table of its own, which is `_G` from then on.
  private LuaTable moved(LuaTable globals) {
    LuaTable usual = interpreter.lua.table(0, 64);
    globals.forEach(
        (key, value) -> {
          usual.set(key, value == globals ? usual : value);
          globals.set(key, null);
          return true;
        });
    return usual;
  }

  private LuaTable loadGlobals() {
    Lua lua = interpreter.lua;
    LuaTable redis = lua.table(0, 8);
    redis.set("register_function", lua.function(this::register));
    interpreter.library.addLog(redis);
    interpreter.library.addVersion(redis);
    interpreter.refuseUnknown(redis);
    LuaTable globals = lua.table(0, 1);
    globals.set("redis", redis);
    interpreter.refuseUnknown(globals);
    Interpreter.protect(globals);
    return globals;
  }

  private static String text(LuaError e) {
    LuaString text = e.text();
    return text == null ? "" : ScriptReply.cString(text.bytes());
  }

  private String message(LuaError e) {
    return e.value() instanceof LuaTable table
        ? ScriptReply.errorText(interpreter.lua, table)
        : "ERR " + text(e);
  }

  // ── redis.register_function ──

  private LuaError raised(String text) {
    return new LuaError(LuaReplies.error(interpreter.lua, LuaString.of("ERR " + text), false));
  }

  private void register(LuaCall call) {
    if (!isLoading) {
      throw raised("redis.register_function can only be called on FUNCTION LOAD command");
    }
    if (call.count() < 1 || call.count() > 2) {
      throw raised("wrong number of arguments to redis.register_function");
    }
    LibraryFunction function = call.count() == 1 ? named(call) : positional(call);
    if (!isName(function.name)) {
      throw raised(BAD_NAME);
    }
    if (functions.putIfAbsent(function.name, function) != null) {
      throw raised("Function already exists in the library");
    }
  }

  private LibraryFunction positional(LuaCall call) {
    LuaString name = Lua.toText(call.get(1));
    if (name == null) {
      throw raised("first argument to redis.register_function must be a string");
    }
    if (!(call.get(2) instanceof LuaFunction body)) {
      throw raised("second argument to redis.register_function must be a function");
    }
    return new LibraryFunction(this, whole(name), null, ScriptFlags.NONE, body);
  }

  private static String whole(LuaString name) {
    return new String(name.bytes(), StandardCharsets.ISO_8859_1);
  }

  /// The arguments of a table.
  private static final class Named {
    @Nullable LuaString name;
    @Nullable LuaString description;
    @Nullable LuaFunction body;
    ScriptFlags flags = ScriptFlags.NONE;
  }

  private LibraryFunction named(LuaCall call) {
    if (!(call.get(1) instanceof LuaTable table)) {
      throw raised(
          "calling redis.register_function with a single argument is only applicable to Lua table"
              + " (representing named arguments).");
    }
    Named named = new Named();
    table.forEach(
        (key, value) -> {
          take(named, key, value);
          return true;
        });
    if (named.name == null) {
      throw raised("redis.register_function must get a function name argument");
    }
    if (named.body == null) {
      throw raised("redis.register_function must get a callback argument");
    }
    return new LibraryFunction(
        this,
        whole(named.name),
        named.description,
        named.flags,
        Objects.requireNonNull(named.body));
  }

  private void take(Named named, Object key, Object value) {
    LuaString word = Lua.toText(key);
    if (word == null) {
      throw raised("named argument key given to redis.register_function is not a string");
    }
    switch (ScriptReply.cString(word.bytes()).toLowerCase(Locale.ROOT)) {
      case "function_name" -> {
        named.name = Lua.toText(value);
        if (named.name == null) {
          throw raised("function_name argument given to redis.register_function must be a string");
        }
      }
      case "description" -> {
        named.description = Lua.toText(value);
        if (named.description == null) {
          throw raised("description argument given to redis.register_function must be a string");
        }
      }
      case "callback" -> {
        if (!(value instanceof LuaFunction body)) {
          throw raised("callback argument given to redis.register_function must be a function");
        }
        named.body = body;
      }
      case "flags" -> {
        if (!(value instanceof LuaTable list)) {
          throw raised(
              "flags argument to redis.register_function must be a table representing function"
                  + " flags");
        }
        named.flags = flags(list);
      }
      default -> throw raised("unknown argument given to redis.register_function");
    }
  }

  private ScriptFlags flags(LuaTable list) {
    int bits = 0;
    for (double i = 1; ; i++) {
      Object each = interpreter.lua.index(list, i);
      if (each == null) {
        return new ScriptFlags(bits);
      }
      LuaString word = Lua.toText(each);
      int bit = word == null ? 0 : ScriptFlags.bitInAnyCase(ScriptReply.cString(word.bytes()));
      if (bit == 0) {
        throw raised("unknown flag given");
      }
      bits |= bit;
    }
  }
}
