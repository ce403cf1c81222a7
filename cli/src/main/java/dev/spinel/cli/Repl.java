package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import sun.misc.Signal;

/// Reads commands, line after line, from a person at a prompt or from a pipe.
final class Repl {
  /// Where lines come from.
  interface Lines {
    /// The next line; null at the end.
    @Nullable String next(String prompt) throws IOException;

    /// Keeps a line for later sessions.
    default void keep(String line) {}

    /// Whether somebody has typed something.
    boolean isReadable();

    default void clearScreen() {}

    /// Around a wait for messages, in which a single key counts.
    default void singleKeys(boolean on) {}
  }

  private static final int SLOW_MILLIS = 500;

  /// What [#run] answers if a script is to be debugged once more.
  static final int RESTART = -1;

  private final Shell shell;
  private final Screen screen;
  private boolean hints = true;
  private boolean restarts;

  Repl(Shell shell) {
    this.shell = shell;
    this.screen = shell.screen;
  }

  /// Runs to the end of the lines, or `quit`.
  int run() throws IOException {
    shell.interactive = true;
    Signal.handle(new Signal("INT"), signal -> shell.interrupt());
    Lines lines = lines();
    if (screen.inputIsTerminal) readPreferences();
    while (true) {
      screen.flush();
      String line = lines.next(shell.prompt());
      if (line == null) {
        if (!shell.connection.isSubscribed) return 0;
        shell.connection.isSubscribed = false;
        if (shell.connection.reconnect(false)) continue;
        return 0;
      }
      if (!line.isEmpty() && !run(line, lines)) return restarts ? RESTART : 0;
      if (shell.connection.isSubscribed) {
        lines.singleKeys(true);
        shell.followMessagesUntil(lines::isReadable);
        lines.singleKeys(false);
      }
    }
  }

  private Lines lines() throws IOException {
    if (!screen.inputIsTerminal) return new Piped(screen);
    String term = screen.environment("TERM");
    boolean dumb =
        term == null || List.of("dumb", "cons25", "emacs").contains(term.toLowerCase(Locale.ROOT));
    return dumb
        ? new Dumb(screen)
        : new Prompt(shell.help, historyFile(), () -> hints, shell::interrupt);
  }

  /// Runs a line; false if it is the last.
  private boolean run(String line, Lines lines) {
    List<String> words = shell.debug.isOn() ? splitForDebugger(line) : Quoting.split(line);
    if (words == null) {
      screen.out("Invalid argument(s)\n");
      lines.keep(line);
      return true;
    }
    if (words.isEmpty()) return true;
    long repeat = 1;
    String first = words.get(0);
    if (words.size() > 1 && Figures.isInteger(first)) {
      repeat = Figures.strtoll(first);
      if (repeat <= 0 || repeat == Long.MAX_VALUE) {
        screen.out("Invalid redis-cli repeat command option value.\n");
        return true;
      }
    }
    List<String> command = repeat == 1 && !isCount(words) ? words : words.subList(1, words.size());
    if (!isSecret(command)) lines.keep(line);
    if (first.equalsIgnoreCase("quit") || first.equalsIgnoreCase("exit")) return false;
    if (first.startsWith(":")) {
      prefer(words, "");
    } else if (first.equalsIgnoreCase("restart")) {
      if (shell.options.evalFile != null) {
        restarts = true;
        return false;
      }
      screen.out("Use 'restart' only in Lua debugging mode.\n");
    } else if (words.size() == 3 && first.equalsIgnoreCase("connect")) {
      shell.connection.host = words.get(1);
      shell.connection.port = Figures.atoi(words.get(2));
      shell.connection.reconnect(false);
    } else if (words.size() == 1 && first.equalsIgnoreCase("clear")) {
      lines.clearScreen();
    } else {
      issue(command, repeat, line);
    }
    return true;
  }

  /// Behind `eval` stands some Lua, which is one word.
  private static @Nullable List<String> splitForDebugger(String line) {
    for (String verb : List.of("eval", "e")) {
      if (line.startsWith(verb + " ")) return List.of(verb, line.substring(verb.length() + 1));
    }
    return Quoting.split(line);
  }

  private static boolean isCount(List<String> words) {
    return words.size() > 1 && Figures.isInteger(words.get(0));
  }

  private void issue(List<String> command, long repeat, String line) {
    long start = System.nanoTime();
    shell.lastReply = null;
    shell.issue(command, repeat);
    shell.debug.showEnd();
    long millis = (System.nanoTime() - start) / 1_000_000;
    if (screen.inputIsTerminal && screen.outputIsTerminal) hintAtPasted(command, line);
    if (millis >= SLOW_MILLIS && shell.form == Form.STANDARD) {
      screen.outLine("(" + Figures.fixed(millis / 1000.0, 2) + "s)");
    }
  }

  /// Lines of a tutorial are pasted with what stands behind them; a server can't know that.
  private void hintAtPasted(List<String> command, String line) {
    if (!(shell.lastReply instanceof dev.spinel.wire.RespValue.Error)) return;
    boolean comment = false;
    for (String word : command.subList(1, command.size())) comment |= word.startsWith("#");
    if (comment) {
      screen.outLine("(hint) What stands behind a # is no comment here: it was sent, too.");
    } else if (line.stripTrailing().endsWith(";")) {
      screen.outLine("(hint) A command has no ; behind it here: it was sent, too.");
    }
  }

  // ── Preferences ──

  private void prefer(List<String> words, String where) {
    if (!words.get(0).equalsIgnoreCase(":set") || words.size() < 2) {
      screen.outLine(where + "unknown redis-cli internal command '" + words.get(0) + "'");
    } else if (words.get(1).equalsIgnoreCase("hints")) {
      hints = true;
    } else if (words.get(1).equalsIgnoreCase("nohints")) {
      hints = false;
    } else {
      screen.outLine(where + "unknown redis-cli preference '" + words.get(1) + "'");
    }
  }

  private void readPreferences() {
    Path file = dotFile("REDISCLI_RCFILE", ".redisclirc");
    if (file == null || !Files.isRegularFile(file)) return;
    try {
      for (String line : Files.readAllLines(file, StandardCharsets.ISO_8859_1)) {
        List<String> words = Quoting.split(line);
        if (words != null && !words.isEmpty()) prefer(words, ".redisclirc: ");
      }
    } catch (IOException e) {
      // as if there were none
    }
  }

  private @Nullable Path historyFile() {
    return dotFile("REDISCLI_HISTFILE", ".rediscli_history");
  }

  /// A file that the environment names, or one of the home folder; null if there shall be none.
  private @Nullable Path dotFile(String variable, String name) {
    String named = screen.environment(variable);
    if (named != null && !named.isEmpty()) {
      return named.equals("/dev/null") ? null : Path.of(named);
    }
    String home = screen.environment("HOME");
    return home == null || home.isEmpty() ? null : Path.of(home, name);
  }

  // ── What isn't kept ──

  /// Whether the command holds a password.
  static boolean isSecret(List<String> command) {
    String name = command.get(0).toLowerCase(Locale.ROOT);
    int n = command.size();
    return switch (name) {
      case "auth" -> true;
      case "acl" -> n > 1 && command.get(1).equalsIgnoreCase("setuser");
      case "config" -> n > 2 && command.get(1).equalsIgnoreCase("set") && setsSecret(command);
      case "hello" -> n > 4 && helloHasSecret(command);
      case "migrate" -> n > 7 && migrateHasSecret(command);
      default -> false;
    };
  }

  private static boolean setsSecret(List<String> command) {
    for (int i = 2; i < command.size(); i += 2) {
      String setting = command.get(i).toLowerCase(Locale.ROOT);
      if (List.of("masterauth", "masteruser", "requirepass").contains(setting)) return true;
    }
    return false;
  }

  private static boolean helloHasSecret(List<String> command) {
    for (int i = 2; i < command.size(); i++) {
      int more = command.size() - 1 - i;
      if (command.get(i).equalsIgnoreCase("auth") && more >= 2) return true;
      if (!command.get(i).equalsIgnoreCase("setname") || more == 0) return false;
      i++;
    }
    return false;
  }

  private static boolean migrateHasSecret(List<String> command) {
    for (int i = 6; i < command.size(); i++) {
      int more = command.size() - 1 - i;
      String word = command.get(i).toLowerCase(Locale.ROOT);
      if (word.equals("auth") && more > 0 || word.equals("auth2") && more >= 2) return true;
      if (word.equals("keys") && more > 0) return false;
    }
    return false;
  }

  // ── Lines without a prompt, and with the plainest ──

  private static class Piped implements Lines {
    final Screen screen;

    Piped(Screen screen) {
      this.screen = screen;
    }

    @Override
    public @Nullable String next(String prompt) throws IOException {
      return screen.readLine();
    }

    @Override
    public boolean isReadable() {
      return screen.isReadable();
    }
  }

  /// A terminal that can do nothing but print.
  private static final class Dumb extends Piped {
    Dumb(Screen screen) {
      super(screen);
    }

    @Override
    public @Nullable String next(String prompt) throws IOException {
      screen.out(prompt);
      screen.flush();
      String line = screen.readLine();
      return line == null ? null : line.replaceAll("\r+$", "");
    }
  }
}
