package dev.spinel.script;

import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaChunk;
import dev.spinel.lua.LuaError;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import dev.spinel.wire.Args;
import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Redis's debugger of scripts: stops a script before the lines that its client asks for, and does
/// there what the client says.
///
/// ```
///   client ─► EVAL …                     server ─► *2 +* Stopped at 1, stop reason = step over +-> 1 …
///   client ─► *1 $1 s                    server ─► *2 +* Stopped at 2, …
///   client ─► *2 $5 print $1 x           server ─► *1 +<value> 7
///   client ─► *1 $8 continue             server ─► *1 +<endsession>, EVAL's reply, and it closes
/// ```
///
/// What there is to say is gathered as lines, and sent as one array of simple strings whenever the
/// client has its turn. Belongs to the thread that debugs.
final class Debugger implements Lua.LineHook {
  /// The client's side: all that the debugger sees of a connection.
  interface Console {
    /// The next bytes from the client; null if none will come any more. Waits.
    byte @Nullable [] read();

    /// Whoever reads is told that none will come any more. Any thread.
    void wake();

    void send(byte[] bytes);
  }

  static final String SOURCE = "@user_script";

  private static final int MOST_BREAKPOINTS = 64;
  private static final int MOST_WORDS = 1024;
  private static final int MOST_WORD_BYTES = 1024;
  private static final int MOST_INPUT_BYTES = 1 << 20;
  private static final int USUAL_TRIM = 256;
  private static final int LEAST_TRIM = 60;
  private static final int SHOWN_WORDS = 10; // of a command
  private static final int MOST_DEBUGGED = 1 << 20; // of what a script shows between two stops
  private static final int MOST_SHOWN = 1 << 24; // of one value, where values aren't cut off
  private static final long USUAL_LIMIT_MILLIS = 5000;

  /// Those of the debugger's commands that let the script go on.
  private enum After {
    ASK,
    GO_ON
  }

  private static final List<String> HELP =
      List.of(
          "Commands of the Lua debugger (a first letter is enough):",
          "help                 These lines.",
          "step                 Runs the current line, and stops at the next one.",
          "next                 The same as step.",
          "continue             Runs up to a breakpoint, or to the end.",
          "list                 Shows the lines around the current one.",
          "list <line>          Shows the lines around that one; 0 is the current one.",
          "list <line> <n>      The same, n lines before it and n behind it.",
          "whole                Shows the whole script.",
          "print                Shows the local variables, and what they are.",
          "print <name>         Shows one variable; KEYS and ARGV, too.",
          "break                Shows the breakpoints.",
          "break <line>         Sets a breakpoint.",
          "break -<line>        Takes a breakpoint away.",
          "break 0              Takes all breakpoints away.",
          "trace                Shows which function was called from where.",
          "eval <code>          Runs some Lua, which sees globals but no local variables.",
          "redis <command>      Runs a command of the server.",
          "maxlen [bytes]       Values and replies are cut off there; 0: they aren't.",
          "abort                Ends the script with an error. In sync mode,",
          "                     what it has changed stays changed.",
          "",
          "What a script itself can say to the debugger:",
          "redis.debug(...)     Shows values.",
          "redis.breakpoint()   Has the script stop before the next line.");

  private final Console console;
  private final Lua lua;
  private final String[] source;
  private final DebugHost.@Nullable Lender lender;
  private final List<String> said = new ArrayList<>();
  private final List<Integer> breakpoints = new ArrayList<>();
  private final StringBuilder input = new StringBuilder(); // a character for each byte
  private boolean steps = true; // stops before the next line; until then commands are shown
  private boolean mustStop; // the script has asked for it
  private boolean isAlone; // the client has gone
  private int line; // that is about to run
  private long limitMillis; // a script that doesn't stop for so long is stopped
  private long goesOnSinceNanos = System.nanoTime();
  private int mostBytes = USUAL_TRIM;
  private int debugged; // characters of what the script has shown since the last stop
  private boolean knowsMaxlen;

  /// @param source the text that was asked to be run, which the debugger shows
  /// @param lender null: the script runs on the data itself
  Debugger(Console console, Lua lua, byte[] source, DebugHost.@Nullable Lender lender) {
    this.console = console;
    this.lua = lua;
    this.lender = lender;
    String text = new String(source, StandardCharsets.ISO_8859_1);
    int end = text.length();
    while (end > 0 && (text.charAt(end - 1) == '\n' || text.charAt(end - 1) == '\r')) {
      end--;
    }
    this.source = end == 0 ? new String[0] : text.substring(0, end).split("\n", -1);
  }

  DebugHost.@Nullable Lender lender() {
    return lender;
  }

  /// @param millis `busy-reply-threshold`
  void limit(long millis) {
    limitMillis = millis == 0 ? USUAL_LIMIT_MILLIS : millis;
  }

  // ── what the script tells ──

  /// Whether what the script does is shown: it runs the last line before a stop.
  boolean shows() {
    return steps;
  }

  /// `redis.breakpoint()`.
  void stopNext() {
    mustStop = true;
  }

  /// `redis.debug(…)`.
  void debug(List<@Nullable Object> values) {
    if (debugged > MOST_DEBUGGED) {
      return;
    }
    StringBuilder text = new StringBuilder("<debug> line " + line + ": ");
    for (int i = 0; i < values.size(); i++) {
      text.append(i == 0 ? "" : ", ").append(DebugText.of(lua, values.get(i), MOST_DEBUGGED));
    }
    debugged += text.length();
    said.add(text.toString());
    if (debugged > MOST_DEBUGGED) {
      said.add("<debug> ... until the next stop");
    }
  }

  /// A command is about to run.
  void command(Args args) {
    if (!steps) {
      return;
    }
    StringBuilder text = new StringBuilder("<redis>");
    for (int i = 0; i < Math.min(args.count(), SHOWN_WORDS); i++) {
      text.append(' ').append(new String(args.at(i).copy(), StandardCharsets.ISO_8859_1));
    }
    if (args.count() > SHOWN_WORDS) {
      text.append(" ... (").append(args.count() - SHOWN_WORDS - 1).append(" more)");
    }
    said.add(text.toString());
  }

  void reply(byte[] reply) {
    if (steps) {
      if (reply.length > 0 && reply[0] == '-') {
        said.add("<error> " + new String(reply, StandardCharsets.ISO_8859_1).strip());
      }
      sayTrimmed("<reply> " + DebugText.ofReply(reply));
    }
  }

  /// A command was refused, or a function of `redis` called wrongly.
  void error(String text) {
    if (steps) {
      said.add("<error> " + text);
    }
  }

  /// What there is left to say, and that it is over.
  List<String> end() {
    said.add("<endsession>");
    return said;
  }

  // ── where it stops ──

  @Override
  public void passes(int now) {
    line = now;
    if (steps || mustStop || breakpoints.contains(now)) {
      boolean breaks = mustStop || breakpoints.contains(now);
      stop(mustStop ? "redis.breakpoint() called" : breaks ? "break point" : "step over");
    }
  }

  /// Called again and again while the script runs.
  void tick() {
    boolean breaks = mustStop || breakpoints.contains(line);
    boolean isLate = System.nanoTime() - goesOnSinceNanos >= limitMillis * 1_000_000;
    if (isLate && !steps && !breaks) {
      lua.aside(() -> stop("timeout reached, infinite loop?"));
      if (isAlone) {
        throw raised("timeout during Lua debugging with client closing connection");
      }
    }
  }

  private void stop(String reason) {
    if (isAlone) {
      steps = false;
      return;
    }
    steps = false;
    mustStop = false;
    said.add("* Stopped at " + line + ", stop reason = " + reason);
    sayLine(line);
    send();
    After after;
    do {
      List<String> words = read();
      if (words == null) {
        leaveAlone();
        return;
      }
      after = run(words);
    } while (after == After.ASK);
    goesOnSinceNanos = System.nanoTime();
  }

  /// The client has gone: the script runs on without anybody.
  private void leaveAlone() {
    isAlone = true;
    steps = false;
    breakpoints.clear();
  }

  /// An error as a script gets it, and may catch it.
  private LuaError raised(String text) {
    return new LuaError(LuaReplies.error(lua, LuaString.of("ERR " + text), false));
  }

  // ── what the client says ──

  /// The next command's words; null: there is none any more. What came behind it is thrown away.
  private @Nullable List<String> read() {
    while (true) {
      List<String> words = parse();
      if (words != null) {
        input.setLength(0);
        return words;
      }
      byte[] bytes = console.read();
      if (bytes == null) {
        return null;
      }
      input.append(new String(bytes, StandardCharsets.ISO_8859_1));
      if (input.length() > MOST_INPUT_BYTES) {
        input.setLength(0);
        throw raised("max client buffer reached");
      }
    }
  }

  /// The command at hand; null if it isn't complete.
  private @Nullable List<String> parse() {
    if (input.isEmpty()) {
      return null;
    }
    int at = input.indexOf("*");
    if (at < 0) {
      throw raised("protocol error");
    }
    int end = input.indexOf("\r\n", at);
    if (end < 0) {
      return null;
    }
    int count = number(input.substring(at + 1, end));
    if (count <= 0 || count > MOST_WORDS) {
      throw raised("protocol error");
    }
    List<String> words = new ArrayList<>();
    at = end + 2;
    while (words.size() < count) {
      if (at >= input.length()) {
        return null;
      }
      if (input.charAt(at) != '$') {
        throw raised("protocol error");
      }
      end = input.indexOf("\r\n", at);
      if (end < 0) {
        return null;
      }
      int length = number(input.substring(at + 1, end));
      if (length <= 0 || length > MOST_WORD_BYTES) {
        throw raised("protocol error");
      }
      at = end + 2;
      if (at + length + 2 > input.length()) {
        return null;
      }
      words.add(input.substring(at, at + length));
      at += length;
      if (input.charAt(at) != '\r' || input.charAt(at + 1) != '\n') {
        throw raised("protocol error");
      }
      at += 2;
    }
    return words;
  }

  /// As C reads a number: what stands before anything else, 0 if nothing does.
  private static int number(String text) {
    String digits = text.strip();
    int end = !digits.isEmpty() && "+-".indexOf(digits.charAt(0)) >= 0 ? 1 : 0;
    while (end < digits.length() && Character.isDigit(digits.charAt(end))) {
      end++;
    }
    String sign = digits.startsWith("+") ? digits.substring(1, end) : digits.substring(0, end);
    try {
      return sign.isEmpty() || sign.equals("-") ? 0 : (int) Long.parseLong(sign);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  private After run(List<String> words) {
    String verb = words.getFirst();
    int zero = verb.indexOf('\0');
    verb = (zero < 0 ? verb : verb.substring(0, zero)).toLowerCase(Locale.ROOT);
    switch (verb) {
      case "h", "help" -> said.addAll(HELP);
      case "s", "step", "n", "next" -> {
        steps = true;
        return After.GO_ON;
      }
      case "c", "continue" -> {
        return After.GO_ON;
      }
      case "t", "trace" -> trace();
      case "m", "maxlen" -> maxlen(words);
      case "b", "break" -> changeBreakpoints(words);
      case "e", "eval" -> eval(String.join(" ", words.subList(1, words.size())));
      case "a", "abort" -> throw raised("script aborted for user request");
      case "p", "print" -> print(words);
      case "l", "list" -> list(words);
      case "w", "whole" -> list(1, 1_000_000);
      case "r", "redis" -> {
        if (words.size() > 1) {
          redis(words.subList(1, words.size()));
        } else {
          unknown();
        }
      }
      default -> unknown();
    }
    send();
    return After.ASK;
  }

  private void unknown() {
    said.add("<error> Unknown Redis Lua debugger command or wrong number of arguments.");
  }

  private void trace() {
    for (Lua.Level level : lua.levels()) {
      if (level.source().equals(SOURCE)) {
        String name = level.name() == null ? "top level" : level.name();
        said.add((level.isInnermost() ? "In " : "From ") + name + ":");
        sayLine(level.line());
      }
    }
  }

  private void maxlen(List<String> words) {
    if (words.size() == 2) {
      knowsMaxlen = true;
      int wanted = number(words.get(1));
      mostBytes = wanted != 0 && wanted <= LEAST_TRIM ? LEAST_TRIM : wanted;
    }
    said.add(
        mostBytes == 0
            ? "<value> replies are unlimited."
            : "<value> replies are truncated at " + mostBytes + " bytes.");
  }

  private void changeBreakpoints(List<String> words) {
    if (words.size() == 1) {
      if (breakpoints.isEmpty()) {
        said.add("No breakpoints set. Use 'b <line>' to add one.");
      } else {
        said.add(breakpoints.size() + " breakpoints set:");
        breakpoints.forEach(this::sayLine);
      }
    }
    for (String word : words.subList(1, words.size())) {
      byte[] bytes = word.getBytes(StandardCharsets.ISO_8859_1);
      long wanted = Numbers.parseLong(bytes, 0, bytes.length, Long.MIN_VALUE);
      if (wanted == Long.MIN_VALUE) {
        said.add("Invalid argument:'" + word + "'");
      } else if (wanted == 0) {
        breakpoints.clear();
        said.add("All breakpoints removed.");
      } else if (wanted < 0) {
        boolean removed = breakpoints.removeIf(set -> set == -wanted);
        said.add(removed ? "Breakpoint removed." : "No breakpoint in the specified line.");
      } else if (breakpoints.size() == MOST_BREAKPOINTS) {
        said.add("Too many breakpoints set.");
      } else if (wanted > source.length) {
        said.add("Wrong line number.");
      } else {
        if (!breakpoints.contains((int) wanted)) {
          breakpoints.add((int) wanted);
        }
        list((int) wanted, 1);
      }
    }
  }

  private void eval(String code) {
    LuaChunk chunk;
    try {
      chunk = LuaChunk.compile(LuaString.of("return " + code), "@ldb_eval");
    } catch (LuaError noExpression) {
      try {
        chunk = LuaChunk.compile(LuaString.of(code), "@ldb_eval");
      } catch (LuaError e) {
        said.add("<error> " + e.getMessage());
        return;
      }
    }
    try {
      Object[] results = lua.call(lua.load(chunk));
      Object first = results.length == 0 ? null : results[0];
      sayTrimmed("<retval> " + DebugText.of(lua, first, mostShown()));
    } catch (LuaError e) {
      said.add(
          "<error> "
              + (e.value() instanceof LuaTable table
                  ? ScriptReply.errorText(lua, table)
                  : e.getMessage()));
    }
  }

  private void redis(List<String> words) {
    Object library = lua.globals().get("redis");
    Object call = lua.index(library, LuaString.of("call"));
    Object[] arguments = words.stream().map(LuaString::of).toArray();
    steps = true; // so it is shown
    try {
      lua.call(call, arguments);
    } catch (LuaError e) {
      // it was shown
    } finally {
      steps = false;
    }
  }

  private void print(List<String> words) {
    List<Lua.Level> levels = lua.levels();
    if (words.size() != 2) {
      List<Lua.Variable> own = levels.isEmpty() ? List.of() : levels.getFirst().variables();
      for (Lua.Variable variable : own) {
        sayTrimmed(
            "<value> "
                + variable.name()
                + " = "
                + DebugText.of(lua, variable.value(), mostShown()));
      }
      if (own.isEmpty()) {
        said.add("No local variables in the current context.");
      }
      return;
    }
    String name = words.get(1);
    for (Lua.Level level : levels) {
      for (Lua.Variable variable : level.variables()) {
        if (variable.name().equals(name)) {
          sayTrimmed("<value> " + DebugText.of(lua, variable.value(), mostShown()));
          return;
        }
      }
    }
    if (name.equals("KEYS") || name.equals("ARGV")) {
      sayTrimmed("<value> " + DebugText.of(lua, lua.globals().get(name), mostShown()));
    } else {
      said.add("No such variable.");
    }
  }

  private void list(List<String> words) {
    int wanted = words.size() > 1 ? number(words.get(1)) : 0;
    list(wanted > 0 ? wanted : line, words.size() > 2 ? number(words.get(2)) : 5);
  }

  private void list(int around, int context) {
    for (int i = 1; i <= source.length; i++) {
      if (around == 0 || Math.abs(around - i) <= context) {
        sayLine(i);
      }
    }
  }

  // ── what is said ──

  private void sayLine(int number) {
    boolean isSet = breakpoints.contains(number);
    String mark = number == line ? (isSet ? "->#" : "-> ") : isSet ? "  #" : "   ";
    String text =
        number > 0 && number <= source.length
            ? source[number - 1]
            : "<out of range source code line>";
    said.add(String.format(Locale.ROOT, "%s%-3d %s", mark, number, text));
  }

  private void sayTrimmed(String text) {
    if (mostBytes == 0 || text.length() <= mostBytes) {
      said.add(text);
      return;
    }
    said.add(text.substring(0, Math.max(0, mostBytes)) + " ...");
    if (!knowsMaxlen) {
      knowsMaxlen = true;
      said.add("<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.");
    }
  }

  /// How much of a value anybody will see.
  private int mostShown() {
    return mostBytes <= 0 ? MOST_SHOWN : mostBytes;
  }

  private void send() {
    console.send(said(said));
    said.clear();
    debugged = 0;
  }

  /// Lines, as they are sent.
  static byte[] said(List<String> lines) {
    StringBuilder text = new StringBuilder("*" + lines.size() + "\r\n");
    for (String each : lines) {
      text.append('+').append(each.replace('\r', ' ').replace('\n', ' ')).append("\r\n");
    }
    return text.toString().getBytes(StandardCharsets.ISO_8859_1);
  }
}
