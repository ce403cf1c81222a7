package dev.spinel.config;

import dev.spinel.wire.Quoting;
import java.io.InputStream;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The command line of `redis-server`: `[file] [--name value …] [-]`.
///
/// Options are turned into lines that follow the file's, so they win: `--port 6380` is the line
/// `port "6380" `. An argument that begins with two dashes is a name, unless it is the first one
/// behind a name: so `--requirepass --secret` has a value with dashes, and `--save --port 1` is
/// mended (an empty value is inserted behind `save`), because it once worked. A lone dash, first or
/// last, reads more lines from standard input, between the file and the options.
///
/// `file` and `megabytes` are ordinary Java strings, `options` is [Octets].
///
/// @param act what is asked for
/// @param file the file's name as given, or null
/// @param fromInput whether to read standard input
/// @param options the lines made of options
/// @param sentinel whether `--sentinel` is among the arguments
/// @param megabytes the argument of `--test-memory`, or null
/// @param isEmpty whether there were no arguments at all, which the log mentions
public record CommandLine(
    Act act,
    @Nullable String file,
    boolean fromInput,
    String options,
    boolean sentinel,
    @Nullable String megabytes,
    boolean isEmpty) {

  /// What a command line asks for. Only the first argument can ask for something else than to run.
  public enum Act {
    RUN,
    /// `-v`, `--version`
    VERSION,
    /// `-h`, `--help`
    HELP,
    /// `--test-memory megabytes`; `megabytes` is null if there aren't just two arguments
    TEST_MEMORY,
    /// `--check-system`
    CHECK_SYSTEM
  }

  /// Of arguments that are ordinary Java strings.
  public static CommandLine of(String... arguments) {
    String[] octets = new String[arguments.length];
    for (int i = 0; i < octets.length; i++) octets[i] = Octets.encode(arguments[i]);
    return ofOctets(octets);
  }

  /// Of arguments that are [Octets].
  public static CommandLine ofOctets(String... arguments) {
    boolean sentinel = false;
    for (String argument : arguments) sentinel |= argument.equals("--sentinel");
    Act act = arguments.length == 0 ? Act.RUN : actOf(arguments[0]);
    if (act != Act.RUN) {
      String megabytes = act == Act.TEST_MEMORY && arguments.length == 2 ? arguments[1] : null;
      return new CommandLine(act, null, false, "", sentinel, megabytes, false);
    }
    boolean hasFile = arguments.length > 0 && !arguments[0].startsWith("-");
    boolean fromInput = false;
    StringBuilder options = new StringBuilder();
    boolean valueExpected = false;
    for (int i = hasFile ? 1 : 0; i < arguments.length; i++) {
      String argument = arguments[i];
      boolean last = i == arguments.length - 1;
      if (argument.equals("-") && (i == 0 || last)) {
        fromInput = true;
      } else if (!valueExpected && argument.startsWith("--")) {
        if (!options.isEmpty()) options.append('\n');
        options.append(argument, 2, argument.length()).append(' ');
        boolean dashesFollow = !last && arguments[i + 1].startsWith("--");
        valueExpected = isLoneName(argument) && !(dashesFollow && takesNothing(argument));
        if (Octets.same(argument, "--save") && (dashesFollow || last)) options.append("\"\"");
      } else {
        options.append(Quoting.quote(argument)).append(' ');
        valueExpected = false;
      }
    }
    String file = hasFile ? Octets.decode(arguments[0]) : null;
    return new CommandLine(
        act, file, fromInput, options.toString(), sentinel, null, arguments.length == 0);
  }

  private static Act actOf(String first) {
    return switch (first) {
      case "-v", "--version" -> Act.VERSION;
      case "-h", "--help" -> Act.HELP;
      case "--test-memory" -> Act.TEST_MEMORY;
      case "--check-system" -> Act.CHECK_SYSTEM;
      default -> Act.RUN;
    };
  }

  /// Whether an argument is a name only, not a name and its value in one (`"--port 6380"`).
  private static boolean isLoneName(String argument) {
    String[] words = Arguments.split(argument);
    return words != null && words.length == 1;
  }

  private static boolean takesNothing(String name) {
    return Octets.same(name, "--save") || Octets.same(name, "--sentinel");
  }

  /// Reads all that the command line names.
  ///
  /// @param input standard input; only read if a lone dash asks for it, null if there is none
  /// @throws ConfigError of kind FILE or FATAL
  public Config load(@Nullable InputStream input) {
    return load(input, null);
  }

  /// The same, where an installation has defaults of its own.
  ///
  /// @param defaults the file that names them, or null
  public Config load(@Nullable InputStream input, @Nullable Path defaults) {
    ConfigFile reader = new ConfigFile(sentinel ? ConfigFile.Of.SENTINEL : ConfigFile.Of.SERVER);
    if (defaults != null && !sentinel) reader.defaults(defaults);
    if (isEmpty) return reader.finish(null);
    StringBuilder text = new StringBuilder();
    @Nullable Path absolute = null;
    if (file != null) {
      absolute = absolute(file);
      text.append(reader.load(Octets.encode(absolute.toString())));
    }
    if (fromInput) {
      reader.log('*', "Reading config from stdin");
      if (input != null) text.append(ConfigFile.load(input));
    }
    text.append('\n').append(options);
    return reader.read(text.toString()).finish(absolute);
  }

  /// As Redis writes it in INFO: leading `../` are resolved, other dots stay.
  private static Path absolute(String file) {
    try {
      String name = file.trim();
      Path directory = Path.of("").toAbsolutePath();
      for (; name.startsWith("../"); name = name.substring(3)) {
        if (directory.getParent() != null) directory = directory.getParent();
      }
      return directory.resolve(name);
    } catch (InvalidPathException malformed) {
      throw ConfigFile.unreadable(Octets.encode(file), "No such file or directory");
    }
  }
}
