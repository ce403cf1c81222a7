package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One run of the program: chooses what the command line asks for.
final class Program {
  private final Screen screen;
  private final Options options;

  Program(Screen screen, List<String> words) throws IOException {
    this.screen = screen;
    this.options = Options.parse(screen, words);
  }

  int run() throws IOException {
    if (options.askPassword) {
      options.password = Secret.ask(screen, "Please input password: ");
    }
    if (options.cluster.fromAskPass) {
      options.cluster.fromPass = Secret.ask(screen, "Please input import source node password: ");
    }
    if (options.cluster.command != null) return new ClusterManager(screen, options).run();
    Shell shell = new Shell(screen, options);
    if (options.mode() != Options.Mode.COMMAND) return mode(shell);
    String hintFor = options.hintFor;
    if (hintFor != null) {
      String hint = Hint.forLine(hintFor, shell.help.docs());
      screen.outLine(hint == null ? "(null)" : hint);
      return 0;
    }
    if (options.hintFile != null) return HintTests.run(screen, options, shell.help);
    if (options.evalFile != null) {
      if (!shell.connection.connect(false)) return 1;
      return eval(shell, options.evalFile);
    }
    if (options.command.isEmpty()) {
      shell.connection.connect(false);
      return new Repl(shell).run();
    }
    shell.connection.connect(true);
    return command(shell);
  }

  private int mode(Shell shell) throws IOException {
    Options.Mode mode = options.mode();
    if (mode == Options.Mode.INTRINSIC_LATENCY) {
      return new Latency(shell).intrinsic();
    }
    if (!shell.connection.connect(false)) return 1;
    return switch (mode) {
      case LATENCY -> new Latency(shell).measure();
      case LATENCY_DIST -> new Latency(shell).spectrum();
      case REPLICA -> new Replica(shell).run();
      case RDB, FUNCTIONS_RDB -> new Replica(shell).download(mode == Options.Mode.FUNCTIONS_RDB);
      case PIPE -> new Pipe(shell).run();
      case BIG_KEYS -> new KeySurvey(shell).bigKeys(false);
      case MEM_KEYS -> new KeySurvey(shell).bigKeys(true);
      case HOT_KEYS -> new KeySurvey(shell).hotKeys();
      case SCAN -> new KeySurvey(shell).scan();
      case STAT -> new Stat(shell).run();
      case LRU_TEST -> new LruTest(shell).run();
      case COMMAND, INTRINSIC_LATENCY -> throw new IllegalStateException(mode.toString());
    };
  }

  /// The command of the command line.
  private int command(Shell shell) throws IOException {
    List<String> words = new ArrayList<>();
    for (String word : options.command) {
      String unquoted = options.quotedInput ? Quoting.unquote(word) : word;
      if (unquoted == null) {
        screen.out("Invalid quoted string\n");
        return 1;
      }
      words.add(unquoted);
    }
    if (options.lastArgumentFromInput) {
      words.add(screen.readAll());
    } else if (options.tagOfInput != null) {
      int tag = words.indexOf(options.tagOfInput);
      if (tag < 0) {
        screen.errLine("Using -X option but stdin tag not match.");
        return 1;
      }
      words.set(tag, screen.readAll());
    }
    boolean done = shell.issue(words, options.repeat);
    shell.followMessages();
    shell.connection.close();
    return done ? 0 : 1;
  }

  /// EVAL of a file: keys before the comma, other arguments behind it.
  private int eval(Shell shell, String file) throws IOException {
    boolean isDone = true;
    boolean again = true;
    while (again) {
      if (options.debugger) shell.debug.begin();
      List<String> words = evalOf(file);
      if (words == null) return 1;
      isDone = shell.issue(words, options.repeat);
      again = options.debugger && shell.debug.hasBegun();
      if (again && new Repl(shell).run() != Repl.RESTART) return 0;
      if (again) {
        shell.connection.reconnect(false);
        screen.out("\n");
      }
    }
    return isDone ? 0 : 1;
  }

  private @Nullable List<String> evalOf(String file) {
    String script = read(file);
    if (script == null) return null;
    List<String> arguments = new ArrayList<>(options.command);
    int comma = arguments.indexOf(",");
    int keys = comma < 0 ? arguments.size() : comma;
    if (comma >= 0) arguments.remove(comma);
    List<String> words = new ArrayList<>(List.of("EVAL", script, Integer.toString(keys)));
    words.addAll(arguments);
    return words;
  }

  private @Nullable String read(String file) {
    try {
      return new String(Files.readAllBytes(Path.of(name(file))), StandardCharsets.ISO_8859_1);
    } catch (IOException | RuntimeException e) {
      screen.errLine("Can't open file '" + file + "': " + reason(e));
      return null;
    }
  }

  /// A name of a file, from its bytes.
  static String name(String bytes) {
    return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
  }

  /// Why a file can't be had, in the system's words.
  static String reason(Exception e) {
    if (e instanceof NoSuchFileException) return "No such file or directory";
    if (e instanceof java.nio.file.AccessDeniedException) return "Permission denied";
    if (e instanceof java.nio.file.FileSystemException f && f.getReason() != null) {
      return f.getReason();
    }
    return String.valueOf(e.getMessage());
  }
}
