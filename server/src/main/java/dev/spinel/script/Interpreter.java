package dev.spinel.script;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.InnerCalls;
import dev.spinel.engine.Reply;
import dev.spinel.lua.BitLibrary;
import dev.spinel.lua.JsonLibrary;
import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaCall;
import dev.spinel.lua.LuaError;
import dev.spinel.lua.LuaFunction;
import dev.spinel.lua.LuaHook;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import dev.spinel.lua.LuaUserdata;
import dev.spinel.lua.MessagePackLibrary;
import dev.spinel.lua.StructLibrary;
import dev.spinel.wire.Args;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A Lua state with what a server puts into it, and the script that runs there, if one does.
///
/// Everything that a script can reach from its globals is read-only, so nothing of it outlives its
/// run but what it leaves in the settings of `cjson` and in `math.random`.
///
/// Used by one thread at a time, from its seat.
final class Interpreter implements LuaHook {
  /// Whoever kills scripts is heard after so many steps.
  private static final int STEPS = 10_000;

  private static final int ANY_SLOT = -2;
  private static final int NO_SLOT = -1; // yet

  /// Once it takes long, others are served this often.
  private static final long SERVED_NANOS = 1_000_000;

  /// When values of so many bytes have been made, those are measured that are left.
  private static final long UNMEASURED_BYTES = 64 << 10;

  /// Every so many commands of a script count as that many steps.
  private static final int COMMANDS = 64;

  /// Thrown through a script to end it, when somebody has killed it.
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
    final transient Lua.@Nullable Place place;

    Killed(Lua.@Nullable Place place) {
      super("killed", null, false, false);
      this.place = place;
    }
  }

  /// Thrown through a script to end it, as the server ends.
  private static final class Ended extends RuntimeException {
    private static final long serialVersionUID = 1;

    Ended() {
      super("the server ends", null, false, false);
    }
  }

  final Lua lua;
  final Scripts scripts;
  final HeapShare share;
  final RedisLibrary library;
  private final ScriptReply answers;
  final LuaReplies replies;

  // the script that runs; null: none does
  private @Nullable Call call;
  private RunningScripts.@Nullable Run run;
  private boolean isSlow;
  private @Nullable Debugger debugger; // of the script; null: it isn't debugged
  private boolean isReadOnly;
  private boolean ignoresMemory;
  private int onlySlot = ANY_SLOT; // of all keys that it may touch
  private long servedNanos; // when others were, last
  private long measuredBytes; // what its values took when they were measured last
  private int commands; // since somebody who kills was heard
  private boolean hasArguments; // KEYS and ARGV are set
  private @Nullable LuaHook limit; // of what runs while no script does

  Interpreter(Scripts scripts) {
    this.scripts = scripts;
    share = scripts.share();
    lua = new Lua(scripts.limits(), share);
    lua.seed(scripts.seed());
    answers = new ScriptReply(lua);
    replies = new LuaReplies(lua);
    JsonLibrary.open(lua);
    StructLibrary.open(lua);
    MessagePackLibrary.open(lua);
    BitLibrary.open(lua);
    library = new RedisLibrary(this);
    lua.globals().set("pcall", lua.function(Interpreter::protectedCall));
    lua.globals().set("redis", library.table());
    lua.hook(STEPS, this);
  }

  /// For EVAL.
  static Interpreter forEval(Scripts scripts) {
    Interpreter made = new Interpreter(scripts);
    LuaTable globals = made.lua.globals();
    made.library.addDebugging((LuaTable) Objects.requireNonNull(globals.get("redis")));
    globals.set("__redis__err__handler", made.lua.function(made::handleError));
    made.seal(globals);
    return made;
  }

  /// What Redis has its scripts' errors go through; scripts can call it, too.
  private void handleError(LuaCall call) {
    Object value = call.get(1);
    LuaTable error =
        value instanceof LuaTable table
            ? table
            : LuaReplies.error(lua, LuaString.of("ERR " + shown(value)), false);
    Lua.Place place = lua.innermost();
    if (place != null) {
      error.set("source", LuaString.of(place.source()));
      error.set("line", (double) place.line());
    }
    call.ret(error);
  }

  /// Arguments of the call as an array. Errors: there is no memory for them.
  LuaTable words(Call from, int first, int end) {
    try {
      LuaTable words = lua.table(end - first, 0);
      for (int i = first; i < end; i++) {
        LuaString word = LuaString.of(from.bytes(i));
        lua.charge(24L + word.length());
        words.set(i - first + 1L, word);
      }
      return words;
    } catch (LuaError e) {
      throw new CommandError("ERR " + shown(e.value()));
    }
  }

  /// Sets `KEYS` and `ARGV` for the script of EVAL that runs next. Errors: there is no memory for
  /// them.
  ///
  /// @param first of the call's arguments that is a key
  void arguments(Call from, int first, int keys) {
    try {
      argument("KEYS", words(from, first, first + keys));
      argument("ARGV", words(from, first + keys, from.argc()));
    } catch (CommandError e) {
      forgetArguments();
      trim();
      throw e;
    }
  }

  private void argument(String name, @Nullable LuaTable value) {
    LuaTable globals = lua.globals();
    globals.setReadOnly(false);
    globals.set(name, value);
    globals.setReadOnly(true);
    hasArguments |= value != null;
  }

  /// An interpreter that rests keeps nothing of its last call.
  private void forgetArguments() {
    if (hasArguments) {
      argument("KEYS", null);
      argument("ARGV", null);
      hasArguments = false;
    }
  }

  /// Lua's `pcall`, but an error that is a table with the field `err` comes as what that says: so
  /// scripts of old see a string. If it says nothing, the field's value comes behind the table.
  private static void protectedCall(LuaCall call) {
    if (call.count() == 0) { // Redis's calls what it has put there for its answer
      call.ret(false);
      call.ret(LuaString.of("attempt to call a boolean value"));
      return;
    }
    Object function = call.get(1);
    Object[] arguments = new Object[call.count() - 1];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = call.get(i + 2);
    }
    try {
      Object[] results = call.invoke(function, arguments);
      call.ret(true);
      for (Object result : results) {
        call.pass(result);
      }
    } catch (LuaError e) {
      Object value = e.value();
      Object text = value;
      if (value instanceof LuaTable table) {
        text = call.lua().index(table, LuaString.of("err"));
      }
      call.ret(false);
      if (value instanceof LuaTable && Lua.toText(text) == null) {
        call.pass(value);
      }
      call.pass(text);
    }
  }

  // ── read-only globals ──

  /// What is not there is an error from now on, and whatever can be reached from `table` is
  /// read-only.
  void seal(LuaTable table) {
    refuseUnknown(table);
    protect(table);
    protect(lua.stringMetatable());
  }

  /// What the table doesn't have is an error.
  void refuseUnknown(LuaTable table) {
    LuaTable metatable = lua.table(0, 1);
    metatable.set("__index", lua.function(Interpreter::unknown));
    table.setMetatable(metatable);
  }

  private static void unknown(LuaCall call) {
    if (call.count() != 2) {
      throw call.error("Wrong number of arguments to luaProtectedTableError");
    }
    LuaString name = Lua.toText(call.get(2));
    if (name == null) {
      throw call.error("Second argument to luaProtectedTableError must be a string or number");
    }
    throw call.error("Script attempted to access nonexistent global variable '" + name + "'");
  }

  static void protect(LuaTable table) {
    if (table.isReadOnly()) {
      return;
    }
    table.setReadOnly(true);
    table.forEach(
        (key, value) -> {
          if (value instanceof LuaTable inner) {
            protect(inner);
          }
          return true;
        });
    LuaTable metatable = table.metatable();
    if (metatable != null) {
      protect(metatable);
    }
  }

  // ── running a script ──

  /// Runs a function within a call, and replies what it returns, or its error.
  ///
  /// @param name of the script, as errors show it
  /// @param readOnly the command itself allows no writes
  /// @return whether it kept to the keys that the call names
  boolean run(
      Call outer,
      Reply reply,
      String name,
      RunningScripts.Kind kind,
      ScriptFlags flags,
      boolean readOnly,
      LuaFunction function,
      @Nullable Object... arguments) {
    InnerCalls inner = outer.dispatcher().inner();
    long now = outer.engine().clock.nanos();
    RunningScripts.Run mine = new RunningScripts.Run(name, kind, outer.session().isTrusted(), now);
    call = outer;
    run = mine;
    isSlow = false;
    isReadOnly = readOnly || flags.has(ScriptFlags.NO_WRITES);
    ignoresMemory = flags.has(ScriptFlags.ALLOW_OOM);
    boolean anySlot =
        flags.has(ScriptFlags.COMPATIBLE | ScriptFlags.ALLOW_CROSS_SLOT_KEYS)
            || outer.session().isTrusted()
            || !outer.limits().is(Settings.CLUSTER_ENABLED);
    onlySlot = anySlot ? ANY_SLOT : outer.keyCount() == 0 ? NO_SLOT : outer.keySlot(0);
    inner.begin(outer);
    Debugging.Run debugged = scripts.debugging.runOf(outer.session());
    try {
      if (debugged != null) {
        debug(outer, mine, debugged);
      }
      answer(reply, name, inner, function, arguments);
    } catch (LuaError e) { // in what the script has put into its own error
      reply.error("ERR " + shown(e.value()));
    } catch (InnerCalls.Restart e) {
      outer.startAgain();
    } catch (Killed e) {
      scripts.log.log('*', "Lua script killed by user with SCRIPT KILL.");
      reply.error(positioned("ERR Script killed by user with SCRIPT KILL...", name, e.place));
    } catch (Ended e) {
      outer.session().closing = true;
      outer.forgetEffects();
    } finally {
      if (isSlow) {
        scripts.running.remove(mine);
      }
      if (debugged != null) {
        debugged.left = Objects.requireNonNull(debugger).end();
        debugger = null;
        lua.lines(null);
      }
      inner.end();
      call = null;
      run = null;
      forgetArguments();
      trim();
    }
    return !inner.hasStrayed();
  }

  private void answer(
      Reply reply,
      String name,
      InnerCalls inner,
      LuaFunction function,
      @Nullable Object... arguments) {
    try {
      Object[] results = lua.call(function, arguments);
      answers.write(results.length == 0 ? null : results[0], reply, inner.protocol());
    } catch (LuaError e) {
      fail(reply, name, e);
    }
  }

  /// Gives back the memory that its values don't need any more, if there may be much of it.
  void trim() {
    if (lua.memory() - measuredBytes > UNMEASURED_BYTES) {
      measuredBytes = lua.trim();
    }
  }

  private void debug(Call outer, RunningScripts.Run mine, Debugging.Run debugged) {
    Debugger made = new Debugger(debugged.console, lua, debugged.source, debugged.lender);
    made.limit(outer.limits().get(Settings.BUSY_REPLY_THRESHOLD));
    debugger = made;
    lua.lines(made);
    if (debugged.lender == null) { // from now on everybody waits
      mine.isHeld = true;
      mine.onKill = debugged.console::wake;
      isSlow = true;
      scripts.running.add(mine, false);
    }
  }

  /// Of the script that runs; null: it isn't debugged.
  @Nullable Debugger debugger() {
    return debugger;
  }

  /// Sets who is asked while a library's text runs.
  void limit(@Nullable LuaHook now) {
    limit = now;
  }

  /// The call whose script runs.
  Call call() {
    return Objects.requireNonNull(call);
  }

  /// Whether a script runs, as opposed to a library being loaded.
  boolean isRunning() {
    return call != null;
  }

  boolean isReadOnly() {
    return isReadOnly;
  }

  /// Whether it may touch keys of this slot (-1: there are none). On a node of a cluster those that
  /// it touches first decide about the others.
  boolean mayTouch(int slot) {
    if (slot < 0 || onlySlot == ANY_SLOT) {
      return true;
    }
    onlySlot = onlySlot == NO_SLOT ? slot : onlySlot;
    return slot == onlySlot;
  }

  /// Whether it may go on when memory is short.
  boolean ignoresMemory() {
    return ignoresMemory;
  }

  private void fail(Reply reply, String name, LuaError e) {
    Lua.Place place = e.place();
    if (e.value() instanceof LuaTable table) {
      String text = ScriptReply.errorText(lua, table);
      if (place == null) {
        text = positioned(text, name, field(table, "source"), field(table, "line"));
      } else {
        text = positioned(text, name, place);
      }
      if (ScriptReply.isCounted(lua, table)) {
        reply.countedError(text);
      } else {
        reply.error(text);
      }
      return;
    }
    reply.error(positioned("ERR " + shown(e.value()), name, place));
  }

  private @Nullable String field(LuaTable table, String name) {
    LuaString text = Lua.toText(lua.index(table, LuaString.of(name)));
    return text == null ? null : ScriptReply.cString(text.bytes());
  }

  private static String positioned(String text, String name, Lua.@Nullable Place place) {
    return place == null
        ? text
        : positioned(text, name, place.source(), String.valueOf(place.line()));
  }

  private static String positioned(
      String text, String name, @Nullable String source, @Nullable String line) {
    return source == null || line == null
        ? text
        : text + " script: " + name + ", on " + source + ":" + line + ".";
  }

  private static String shown(@Nullable Object value) {
    LuaString text = Lua.toText(value);
    if (text != null) {
      return ScriptReply.cString(text.bytes());
    }
    return value == null || value instanceof Boolean || value == LuaUserdata.NULL
        ? String.valueOf(value).replace("null", "nil")
        : Lua.typeName(value);
  }

  // ── while it runs ──

  @Override
  public void tick(Lua state) {
    Call outer = call;
    RunningScripts.Run mine = run;
    if (outer == null || mine == null) {
      if (limit != null) {
        limit.tick(state);
      }
      return;
    }
    commands = 0;
    if (outer.engine().stopping) {
      throw new Ended();
    }
    if (isSlow && scripts.running.isKilled(mine)) {
      throw new Killed(lua.innermost());
    }
    Debugger debugs = debugger;
    if (debugs != null) {
      debugs.tick();
    } else if (!isSlow) {
      if (!scripts.running.isOverdue(mine.beganNanos)) {
        return;
      }
      becomeSlow(outer, mine);
    }
    long now = outer.engine().clock.nanos();
    if (isSlow && now - servedNanos > SERVED_NANOS) {
      servedNanos = now;
      outer.seat().whileBusy();
    }
  }

  private void becomeSlow(Call outer, RunningScripts.Run mine) {
    scripts.log.log(
        '#',
        "Slow script detected: still in execution after "
            + scripts.running.millisOf(mine)
            + " milliseconds. You can try killing the script using the "
            + mine.kind.killer
            + " command. Script name is: "
            + mine.name
            + ".");
    Args args = outer.args();
    mine.words = new byte[args.count()][];
    for (int i = 0; i < mine.words.length; i++) {
      mine.words[i] = args.at(i).copy();
    }
    isSlow = true;
    scripts.running.add(mine, outer.dispatcher().inner().hasWritten());
  }

  /// The script runs one more command.
  void countCommand() {
    if (++commands >= COMMANDS) {
      tick(lua);
    }
  }

  /// The script is about to write: it can't be killed any more.
  void beforeWrite() {
    if (isSlow && !scripts.running.mayWrite(Objects.requireNonNull(run))) {
      throw new Killed(lua.innermost());
    }
  }
}
