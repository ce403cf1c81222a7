package dev.spinel.script;

import dev.spinel.config.Config;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Gate;
import dev.spinel.engine.InnerCalls;
import dev.spinel.engine.Principal;
import dev.spinel.journal.Journal;
import dev.spinel.lua.HostFunction;
import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaCall;
import dev.spinel.lua.LuaError;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import dev.spinel.wire.Args;
import dev.spinel.wire.Numbers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The table `redis` of a script: running commands, and what belongs to that.
final class RedisLibrary {
  /// Redis's bits of `redis.set_repl`.
  private static final int REPL_AOF = 1;

  private static final int REPL_REPLICA = 2;

  /// In the order of `redis.LOG_DEBUG` to `redis.LOG_WARNING`.
  private static final String LEVELS = ".-*#";

  /// Words of so many bytes, with 16 for each, are never overwritten: effects refer to them.
  private static final int LONG = 16 * 1024;

  private static final int MOST_SCRATCH = Integer.MAX_VALUE - 16;

  private static final String NOPERM = "NOPERM ";
  private static final byte[] NAN = {'n', 'a', 'n'};
  private static final byte[] NEGATIVE_NAN = {'-', 'n', 'a', 'n'};
  private static final double MOST_INTEGER = 0x1p62; // that is written as one

  private final Interpreter interpreter;
  private final Lua lua;
  private final Args shortArgs = new Args();
  private byte[] scratch = new byte[1024];
  private int[] ends = new int[16];

  RedisLibrary(Interpreter interpreter) {
    this.interpreter = interpreter;
    this.lua = interpreter.lua;
  }

  LuaTable table() {
    LuaTable redis = lua.table(0, 0);
    add(redis, "call", call -> command(call, true));
    add(redis, "pcall", call -> command(call, false));
    addLog(redis);
    addVersion(redis);
    add(redis, "setresp", this::setResp);
    add(redis, "sha1hex", this::sha1hex);
    add(redis, "error_reply", this::errorReply);
    add(redis, "status_reply", this::statusReply);
    add(redis, "set_repl", this::setRepl);
    redis.set("REPL_NONE", 0.0);
    redis.set("REPL_AOF", (double) REPL_AOF);
    redis.set("REPL_SLAVE", (double) REPL_REPLICA);
    redis.set("REPL_REPLICA", (double) REPL_REPLICA);
    redis.set("REPL_ALL", (double) (REPL_AOF | REPL_REPLICA));
    add(redis, "acl_check_cmd", this::aclCheckCmd);
    return redis;
  }

  /// What EVAL's scripts have besides.
  void addDebugging(LuaTable redis) {
    add(redis, "breakpoint", this::breakpoint);
    add(redis, "debug", this::debug);
    add(redis, "replicate_commands", call -> call.ret(true));
  }

  private void breakpoint(LuaCall call) {
    Debugger debugger = interpreter.debugger();
    if (debugger != null) {
      debugger.stopNext();
    }
    call.ret(debugger != null);
  }

  private void debug(LuaCall call) {
    Debugger debugger = interpreter.debugger();
    if (debugger != null) {
      List<@Nullable Object> values = new ArrayList<>();
      for (int i = 1; i <= call.count(); i++) {
        values.add(call.get(i));
      }
      debugger.debug(values);
    }
  }

  void addLog(LuaTable redis) {
    add(redis, "log", this::log);
    redis.set("LOG_DEBUG", 0.0);
    redis.set("LOG_VERBOSE", 1.0);
    redis.set("LOG_NOTICE", 2.0);
    redis.set("LOG_WARNING", 3.0);
  }

  void addVersion(LuaTable redis) {
    int number = 0;
    for (String part : Config.REDIS_VERSION.split("\\.")) {
      number = number << 8 | Integer.parseInt(part);
    }
    redis.set("REDIS_VERSION_NUM", (double) number);
    redis.set("REDIS_VERSION", LuaString.of(Config.REDIS_VERSION));
  }

  private void add(LuaTable table, String name, HostFunction function) {
    table.set(name, lua.function(function));
  }

  // ── errors ──

  /// An error that a script gets as a table: `text` is a message alone, or, with a minus before it,
  /// a code and a message.
  private LuaTable error(String text, boolean isCounted) {
    Debugger debugger = interpreter.debugger();
    if (debugger != null) {
      debugger.error(text);
    }
    return LuaReplies.error(
        lua, LuaString.of(coded(text).getBytes(StandardCharsets.ISO_8859_1)), isCounted);
  }

  private static String coded(String text) {
    String whole = text;
    if (!text.startsWith("-")) {
      whole = "ERR " + trimmed(text);
    } else {
      int blank = text.indexOf(' ');
      whole =
          blank < 0
              ? "ERR " + trimmed(text.substring(1))
              : text.substring(1, blank) + " " + trimmed(text.substring(blank + 1));
    }
    return whole;
  }

  private static String trimmed(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isLineEnd(text.charAt(from))) {
      from++;
    }
    while (to > from && isLineEnd(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  private static boolean isLineEnd(char c) {
    return c == '\r' || c == '\n';
  }

  private LuaError raised(String text) {
    return new LuaError(error(text, false));
  }

  // ── commands ──

  private void command(LuaCall call, boolean raises) {
    interpreter.countCommand();
    Args args;
    try {
      args = words(call);
    } catch (LuaError e) {
      letGoOfScratch();
      if (raises || !(e.value() instanceof LuaTable)) {
        throw e;
      }
      call.ret(e.value());
      return;
    }
    Object answer = answer(args);
    if (raises && answer instanceof LuaTable table && table.get("err") != null) {
      throw new LuaError(answer);
    }
    call.ret(answer);
  }

  /// The arguments of `redis.call` as words. Errors, as tables: there are none, or other values.
  private Args words(LuaCall call) {
    int count = call.count();
    if (count == 0) {
      throw raised("Please specify at least one argument for this redis lib call");
    }
    if (ends.length < count) {
      ends = Arrays.copyOf(ends, Math.max(count, 2 * ends.length));
    }
    int length = 0;
    for (int i = 0; i < count; i++) {
      switch (call.get(i + 1)) {
        case LuaString text -> {
          room(length, text.length());
          System.arraycopy(text.bytes(), 0, scratch, length, text.length());
          length += text.length();
        }
        case Double number -> {
          room(length, 2 * Numbers.DOUBLE_CHARS);
          length = put(number, length);
        }
        case null, default ->
            throw raised("Lua redis lib command arguments must be strings or integers");
      }
      ends[i] = length;
    }
    return args(count, length);
  }

  /// Of a call that isn't made after all.
  private void letGoOfScratch() {
    if (scratch.length > LONG) scratch = new byte[1024];
  }

  private void room(int length, int more) {
    lua.step(more >> 8);
    if (scratch.length - length < more) {
      long size = Math.max(2L * scratch.length, (long) length + more);
      if (size > MOST_SCRATCH) {
        size = MOST_SCRATCH;
      }
      if (size - length < more) {
        throw new LuaError("not enough memory");
      }
      lua.charge(size);
      scratch = Arrays.copyOf(scratch, (int) size);
    }
  }

  private int put(double number, int at) {
    if (Double.isNaN(number)) { // whose sign C shows
      byte[] text = Double.doubleToRawLongBits(number) < 0 ? NEGATIVE_NAN : NAN;
      System.arraycopy(text, 0, scratch, at, text.length);
      return at + text.length;
    }
    if (number >= -MOST_INTEGER && number <= MOST_INTEGER && (long) number == number) {
      return Numbers.format((long) number, scratch, at);
    }
    return Numbers.format(number, scratch, at);
  }

  private Args args(int count, int length) {
    Args args = shortArgs;
    byte[] bytes = scratch;
    if (length + 16L * count >= LONG) {
      args = new Args();
      scratch = new byte[1024];
    }
    args.reuse(bytes, count);
    int from = 0;
    for (int i = 0; i < count; i++) {
      args.place(from, ends[i] - from);
      from = ends[i];
    }
    return args;
  }

  /// Runs a command, unless a script may not, and says what came of it.
  private @Nullable Object answer(Args args) {
    Call outer = interpreter.call();
    CommandTable table = outer.engine().table;
    InnerCalls inner = outer.dispatcher().inner();
    Command command = table.lookup(args);
    Debugger debugger = interpreter.debugger();
    if (debugger != null) {
      debugger.command(args);
      borrow(debugger, inner, command, args);
    }
    String refusal = refusal(outer, inner, command, args);
    if (refusal != null) {
      String text = coded(refusal);
      inner.refused(command, new CommandError(text).code());
      return error(refusal, true);
    }
    inner.run();
    if (inner.output().isTorn()) {
      inner.output().close();
      return error("-OOM there is no memory for the reply to a script", false);
    }
    if (debugger != null && debugger.shows()) {
      byte[] reply = new byte[(int) inner.output().pendingBytes()];
      inner.output().peek(ByteBuffer.wrap(reply), Long.MAX_VALUE);
      debugger.reply(reply);
    }
    return interpreter.replies.read(inner.output());
  }

  // ── on a copy of the data ──

  /// Has what the command is going to touch lent to the copy in which the script is debugged.
  private static void borrow(
      Debugger debugger, InnerCalls inner, @Nullable Command command, Args args) {
    DebugHost.Lender lender = debugger.lender();
    if (lender == null || command == null || !command.accepts(args.count())) {
      return;
    }
    List<byte[]> keys;
    try {
      inner.prepare(command, args);
      keys = inner.keys();
    } catch (CommandError e) {
      return; // it will be refused for that
    }
    boolean touchesData = command.is(Command.READONLY | Command.WRITE);
    int own = inner.database();
    Consumer<DebugHost.Lender.Loan> restore =
        loan -> {
          inner.database(loan.database());
          inner.runAside(Debugging.restoring(loan));
        };
    if (touchesData && inner.roams()) {
      lender.lendAll(restore);
    } else if (command.name.equals("move") || command.name.equals("copy")) {
      for (int database = 0; database < lender.databases(); database++) {
        lender.lend(database, keys).forEach(restore);
      }
    } else {
      lender.lend(own, keys).forEach(restore);
    }
    inner.database(own);
  }

  private @Nullable String refusal(
      Call outer, InnerCalls inner, @Nullable Command command, Args args) {
    if (command == null) {
      return "Unknown Redis command called from script";
    }
    if (!command.accepts(args.count())) {
      return "Wrong number of args calling Redis command from script";
    }
    if (command.is(Command.NOSCRIPT) && !outer.engine().scriptsMayAll) {
      return "This Redis command is not allowed from script";
    }
    try {
      inner.prepare(command, args);
      if (inner.refusal(Gate.Rank.MASTERDOWN) != null) {
        return "Can not execute the command on a stale replica";
      }
      CommandError denied = inner.refusal(Gate.Rank.ACL);
      if (denied != null) {
        return "ACL failure in script: " + denied.text().substring(NOPERM.length());
      }
      String refusal = writeRefusal(inner, command);
      if (refusal == null
          && !interpreter.ignoresMemory()
          && !inner.hasWritten()
          && command.is(Command.DENYOOM)
          && outer.isOutOfMemory()) {
        refusal = "-OOM command not allowed when used memory > 'maxmemory'.";
      }
      if (refusal == null) {
        if (command.is(Command.WRITE)) {
          interpreter.beforeWrite();
        }
        inner.lock();
        refusal = refusalByCluster(inner);
      }
      return refusal;
    } catch (CommandError e) {
      return "-" + e.text();
    }
  }

  private @Nullable String refusalByCluster(InnerCalls inner) {
    CommandError refusal = inner.nestedRefusal();
    if (refusal != null) {
      return "-" + refusal.text();
    }
    return interpreter.mayTouch(inner.slot())
        ? null
        : "Script attempted to access keys that do not hash to the same slot";
  }

  private @Nullable String writeRefusal(InnerCalls inner, Command command) {
    boolean writes = command.is(Command.WRITE);
    if (interpreter.isReadOnly() && (writes || command.is(Command.MAY_REPLICATE))) {
      return "Write commands are not allowed from read-only scripts.";
    }
    if (!writes || inner.hasWritten()) {
      return null; // what has begun to write is let go on
    }
    for (Gate.Rank rank : WRITE_GATES) {
      CommandError refusal = inner.refusal(rank);
      if (refusal != null) {
        return "-" + refusal.text();
      }
    }
    return null;
  }

  private static final Gate.Rank[] WRITE_GATES = {
    Gate.Rank.READONLY, Gate.Rank.MISCONF, Gate.Rank.NOREPLICAS
  };

  // ── the rest ──

  private void aclCheckCmd(LuaCall call) {
    Args args = words(call);
    letGoOfScratch();
    Call outer = interpreter.call();
    Command command = outer.engine().table.lookup(args);
    if (command == null) {
      throw raised("Invalid command passed to redis.acl_check_cmd()");
    }
    Principal user = outer.session().user;
    call.ret(user == null || user.may(command, args));
  }

  private void log(LuaCall call) {
    if (call.count() < 2) {
      throw raised("redis.log() requires two arguments or more.");
    }
    Double level = number(call.get(1));
    if (level == null) {
      throw raised("First argument must be a number (log level).");
    }
    long index = ScriptReply.integer(level);
    if (index < 0 || index >= LEVELS.length()) {
      throw raised("Invalid debug level.");
    }
    StringBuilder line = new StringBuilder();
    for (int i = 2; i <= call.count(); i++) {
      LuaString text = Lua.toText(call.get(i));
      if (text != null) {
        lua.charge(2L * text.length());
        line.append(i == 2 ? "" : " ").append(text);
      }
    }
    interpreter.scripts.log.log(LEVELS.charAt((int) index), line.toString());
  }

  private static @Nullable Double number(@Nullable Object value) {
    return value instanceof Double number ? number : Lua.toNumber(value);
  }

  /// The only argument, as C's library makes an integer of it: 0 if it is no number.
  private static long integer(LuaCall call) {
    Double number = number(call.get(1));
    return number == null ? 0 : (int) ScriptReply.integer(number);
  }

  private void setResp(LuaCall call) {
    if (call.count() != 1) {
      throw raised("redis.setresp() requires one argument.");
    }
    long version = integer(call);
    if (version != 2 && version != 3) {
      throw raised("RESP version must be 2 or 3.");
    }
    interpreter.call().dispatcher().inner().protocol((int) version);
  }

  private void setRepl(LuaCall call) {
    if (call.count() != 1) {
      throw raised("redis.set_repl() requires one argument.");
    }
    long bits = integer(call);
    if ((bits & ~(REPL_AOF | REPL_REPLICA)) != 0) {
      throw raised("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
    }
    int audiences =
        ((bits & REPL_AOF) != 0 ? Journal.AOF : 0)
            | ((bits & REPL_REPLICA) != 0 ? Journal.REPLICAS : 0)
            | Journal.MOVES;
    interpreter.call().dispatcher().inner().audiences(audiences);
  }

  private void sha1hex(LuaCall call) {
    if (call.count() != 1) {
      throw raised("wrong number of arguments");
    }
    LuaString text = Lua.toText(call.get(1));
    lua.step(text == null ? 0 : text.length() >> 4);
    call.ret(LuaString.of(sha1hex(text == null ? new byte[0] : text.bytes())));
  }

  static String sha1hex(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  private void errorReply(LuaCall call) {
    if (call.count() != 1 || !(call.get(1) instanceof LuaString text)) {
      call.ret(error("wrong number or type of arguments", false));
      return;
    }
    String message = ScriptReply.cString(text.bytes());
    call.ret(error(message.startsWith("-") ? message : "-" + message, false));
  }

  private void statusReply(LuaCall call) {
    if (call.count() != 1 || !(call.get(1) instanceof LuaString text)) {
      call.ret(error("wrong number or type of arguments", false));
      return;
    }
    LuaTable table = lua.table(0, 1);
    table.set("ok", text);
    call.ret(table);
  }
}
