package dev.spinel.launcher;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What the command line of `spinel up` asks for.
///
/// @param primaries 0: not said
/// @param replicas -1: not said
/// @param sentinels likewise
/// @param engine the name of the servers that are to run: `spinel`, or another
/// @param program of that engine; null: Spinel's own, in this process
/// @param isDetached whether it runs on in the background
record Order(
    Kind kind,
    int port,
    Path directory,
    int primaries,
    int replicas,
    int sentinels,
    String password,
    String engine,
    @Nullable Path program,
    boolean isDetached,
    boolean help) {
  /// What can be started; each has a folder of its name.
  enum Kind {
    CLUSTER,
    STORE,
    REPLICATION,
    SENTINEL;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }

    static @Nullable Kind of(String word) {
      for (Kind kind : values()) {
        if (kind.word().equals(word)) return kind;
      }
      return null;
    }
  }

  /// What was asked for can't be had; the message says why.
  static final class BadOrder extends RuntimeException {
    private static final long serialVersionUID = 1;

    BadOrder(String message) {
      super(message, null, false, false);
    }
  }

  static final String DIRECTORY = "spinel-data";

  /// Where it keeps its files.
  Path folder() {
    return folder(directory, kind);
  }

  static Path folder(Path directory, Kind kind) {
    return directory.toAbsolutePath().normalize().resolve(kind.word());
  }

  static Order of(String[] arguments) {
    Kind kind = Kind.CLUSTER;
    int port = 6379;
    Path directory = Path.of(DIRECTORY);
    int primaries = 0;
    int replicas = -1;
    int sentinels = -1;
    String password = "";
    String engine = "spinel";
    boolean isDetached = false;
    boolean help = false;
    for (int i = 0; i < arguments.length; i++) {
      String option = arguments[i];
      switch (option) {
        case "--help", "-h" -> help = true;
        case "--detach", "-d" -> isDetached = true;
        case "--port" -> port = number(option, valueOf(arguments, ++i), 0, 65535);
        case "--dir" -> directory = directory(valueOf(arguments, ++i));
        case "--primaries" -> primaries = number(option, valueOf(arguments, ++i), 3, 100);
        case "--replicas" -> replicas = number(option, valueOf(arguments, ++i), 0, 99);
        case "--sentinels" -> sentinels = number(option, valueOf(arguments, ++i), 1, 99);
        case "--password" -> password = password(valueOf(arguments, ++i));
        case "--engine" -> engine = valueOf(arguments, ++i);
        default -> {
          Kind named = Kind.of(option);
          if (named == null) throw new BadOrder("unknown option '" + option + "'");
          kind = named;
        }
      }
    }
    if (kind == Kind.STORE && (replicas >= 0 || !password.isEmpty())) {
      throw new BadOrder("a single store takes neither --replicas nor --password");
    }
    if (kind != Kind.CLUSTER && primaries > 0) {
      throw new BadOrder("--primaries is a cluster's");
    }
    if (kind != Kind.SENTINEL && sentinels > 0) {
      throw new BadOrder("--sentinels goes with the word sentinel");
    }
    if (kind == Kind.SENTINEL && sentinels < 0) {
      sentinels = 3;
    }
    int equals = engine.indexOf('=');
    String name = equals < 0 ? engine : engine.substring(0, equals);
    Path program = help ? null : program(name, equals < 0 ? "" : engine.substring(equals + 1));
    return new Order(
        kind,
        port,
        directory,
        primaries,
        replicas,
        sentinels,
        password,
        name,
        program,
        isDetached,
        help);
  }

  private static String password(String text) {
    if (text.isEmpty()) throw new BadOrder("--password needs a value");
    return text;
  }

  private static int number(String option, String text, int least, int most) {
    try {
      int number = Integer.parseInt(text);
      if (number >= least && number <= most) return number;
    } catch (NumberFormatException e) {
      // said below
    }
    throw new BadOrder(
        option + " takes a number from " + least + " to " + most + ", not '" + text + "'");
  }

  static String valueOf(String[] arguments, int at) {
    if (at == arguments.length) throw new BadOrder(arguments[at - 1] + " needs a value");
    return arguments[at];
  }

  static Path directory(String text) {
    try {
      Path directory = Path.of(text);
      if (Files.isDirectory(directory)) return directory;
    } catch (InvalidPathException unreadable) {
      // no folder has such a name, or the locale can't express it
    }
    throw new BadOrder("--dir: no such folder: " + text);
  }

  // ── the engine ──

  private static @Nullable Path program(String engine, String path) {
    return switch (engine) {
      case "spinel" -> {
        if (!path.isEmpty()) throw new BadOrder("--engine spinel takes no path");
        yield null;
      }
      case "redis", "valkey" -> path.isEmpty() ? onPath(engine) : executable(path);
      default -> throw new BadOrder("--engine takes spinel, redis or valkey, not '" + engine + "'");
    };
  }

  private static Path executable(String path) {
    try {
      Path program = Path.of(path).toAbsolutePath();
      if (Files.isRegularFile(program) && Files.isExecutable(program)) return program;
    } catch (InvalidPathException unreadable) {
      // no program has such a name
    }
    throw new BadOrder("--engine: no such program: " + path);
  }

  private static Path onPath(String engine) {
    String program = engine + "-server";
    Path found = inPath(program);
    if (found != null) return found;
    throw new BadOrder(
        "there is no " + program + " on the PATH; name it: --engine " + engine + "=/path/to/it");
  }

  /// A program of this name in one of the folders of PATH, or null.
  static @Nullable Path inPath(String program) {
    String path = System.getenv("PATH");
    List<String> folders = new ArrayList<>();
    if (path != null) folders.addAll(List.of(path.split(File.pathSeparator)));
    for (String folder : folders) {
      if (folder.isEmpty()) continue;
      Path candidate = Path.of(folder).toAbsolutePath().resolve(program);
      if (Files.isRegularFile(candidate) && Files.isExecutable(candidate)) return candidate;
    }
    return null;
  }
}
