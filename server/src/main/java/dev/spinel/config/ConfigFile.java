package dev.spinel.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads `redis.conf` syntax into a draft of all values.
///
/// One line, one directive: a name and arguments, see [Arguments]. Blank lines and lines that begin
/// with `#` are comments. A directive that comes again replaces what was there, save for `save`,
/// whose lines add up: the first one anywhere (file, included file or command line) removes the
/// defaults. `include` reads another file at that place, relative to `dir` as it is then; a pattern
/// reads all that match, and none is no error.
///
/// Nothing takes effect before all is read: a mistake throws, and the draft is forgotten. One
/// reader serves one start; it isn't shared.
final class ConfigFile implements ConfigLog {
  /// Bounds on `include`, which Redis lets run until the stack overflows.
  private static final int MOST_NESTED = 32;

  private static final int MOST_FILES = 1000;

  private SettingValues draft = SettingValues.defaults();
  private final List<Directive> directives = new ArrayList<>();
  private final List<Config.Note> notes = new ArrayList<>();

  /// By the index of a setting: the last line that set it, or null.
  private final @Nullable Directive[] lines = new Directive[Settings.count()];

  private boolean saveSeen;
  private int nested;
  private int files;

  private final Of of;

  /// Whose configuration is read.
  enum Of {
    SERVER,
    SENTINEL,
    /// A server's, that a program gives as pairs: numbers of lines mean nothing.
    PROGRAM
  }

  ConfigFile(Of of) {
    this.of = of;
    if (of != Of.SENTINEL) return;
    draft.put(Settings.PORT, 26379L);
    draft.put(Settings.PROTECTED_MODE, false);
  }

  /// Has the settings that a file names be the defaults: those of an installation, such as a
  /// container's. A configuration may change them like any other, and CONFIG REWRITE leaves them
  /// out.
  ///
  /// @param file in the syntax of `redis.conf`, of settings only
  /// @throws ConfigError of kind FATAL, or FILE, which names the line of the file
  ConfigFile defaults(Path file) {
    String name = Octets.encode(file.toString());
    read(load(file, name));
    if (!directives.isEmpty()) throw directives.getFirst().error("no default can be set for this");
    StringBuilder told = new StringBuilder();
    for (Directive line : lines) {
      if (line != null) told.append(told.isEmpty() ? "" : ", ").append(line.line());
    }
    log('*', "Defaults of this installation (" + file + "): " + told);
    draft = draft.asDefaults();
    Arrays.fill(lines, null);
    saveSeen = false;
    return this;
  }

  /// The result of all that was read.
  ///
  /// @param file what CONFIG REWRITE will write, or null
  Config finish(@Nullable Path file) {
    return new Config(draft, file, directives, lines, notes, of == Of.SENTINEL);
  }

  /// The text of a file, or of all files that a pattern names.
  String load(String name) {
    Path directory = Path.of(Octets.decode(draft.get(Settings.DIR)));
    String path = Octets.untilZero(name);
    StringBuilder text = new StringBuilder();
    try {
      if (!Patterns.isPattern(path)) return load(directory.resolve(Octets.decode(path)), path);
      for (Path file : Patterns.files(directory, path))
        text.append(load(file, Octets.encode(file.toString())));
    } catch (InvalidPathException malformed) {
      throw unreadable(path, "No such file or directory");
    }
    return text.toString();
  }

  private String load(Path file, String name) {
    if (++files > MOST_FILES) throw unreadable(name, "Too many configuration files");
    try {
      if (name.isEmpty()) throw unreadable(name, "No such file or directory");
      return Octets.of(Files.readAllBytes(file));
    } catch (IOException failure) {
      throw unreadable(name, Octets.encode(IoReason.of(failure)));
    }
  }

  static ConfigError unreadable(String name, String reason) {
    return new ConfigError(
        ConfigError.Kind.FATAL, "Fatal error, can't open config file '" + name + "': " + reason);
  }

  /// All that a stream holds.
  static String load(InputStream stream) {
    try {
      return Octets.of(stream.readAllBytes());
    } catch (IOException failure) {
      throw unreadable("-", Octets.encode(IoReason.of(failure)));
    }
  }

  /// Reads a text of lines, then looks at the whole.
  ConfigFile read(String text) {
    int number = 0;
    int from = 0;
    while (from <= text.length()) {
      int newline = text.indexOf('\n', from);
      int to = newline < 0 ? text.length() : newline;
      number = of == Of.PROGRAM ? 0 : number + 1;
      readLine(Arguments.trim(Octets.untilZero(text.substring(from, to))), number);
      from = to + 1;
    }
    checkTogether();
    return this;
  }

  private void readLine(String line, int number) {
    if (line.isEmpty() || line.charAt(0) == '#') return;
    String[] words = Arguments.split(line);
    if (words == null)
      throw ConfigError.atLine(number, line, "Unbalanced quotes in configuration line");
    if (words.length == 0) return;
    try {
      execute(Octets.lower(words[0]), words, line, number);
    } catch (ConfigError error) {
      if (error.kind() != ConfigError.Kind.REASON) throw error;
      throw ConfigError.atLine(number, line, error.octets() + hint(words, error));
    }
  }

  /// A `#` in the midst of a line begins no comment, as it does in many other files.
  private static String hint(String[] words, ConfigError error) {
    for (int i = 2; i < words.length; i++) {
      if (words[i].startsWith("#") && error.octets().startsWith("wrong number of arg")) {
        return "\nA comment must be a line of its own.";
      }
    }
    return "";
  }

  private void execute(String name, String[] words, String line, int number) {
    Setting<?> setting = Settings.find(name);
    if (setting != null) {
      set(setting, words);
      lines[setting.index] = directive(name, words, line, number);
    } else if (words.length == 2 && isForgotten(name)) {
      // accepted by Redis without an effect
    } else if (words.length == 2 && name.equals("include")) {
      include(words[1]);
    } else if (isDirective(name, words.length)) {
      directives.add(directive(name, words, line, number));
    } else if (words.length >= 2 && name.equals("loadmodule")) {
      throw Setting.reject("Modules can't be loaded: they are native code for Redis itself");
    } else if (name.indexOf('.') >= 0) {
      if (words.length < 2) throw Setting.reject("Module config specified without value");
      throw Setting.reject(
          "Module Configuration detected without loadmodule directive or no ApplyConfig call:"
              + " aborting");
    } else if (name.equals("sentinel")) {
      if (words.length > 1) throw Setting.reject("sentinel directive while not in sentinel mode");
    } else {
      throw Setting.reject("Bad directive or wrong number of arguments");
    }
  }

  private static Directive directive(String name, String[] words, String line, int number) {
    return new Directive(name, List.of(words).subList(1, words.length), line, number);
  }

  private boolean isDirective(String name, int words) {
    return switch (name) {
      case "user" -> words >= 2;
      case "rename-command" -> words == 3;
      case "sentinel" -> words >= 2 && of == Of.SENTINEL;
      default -> false;
    };
  }

  private static boolean isForgotten(String name) {
    return switch (name) {
      case "list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands" -> true;
      default -> false;
    };
  }

  private void set(Setting<?> setting, String[] words) {
    String[] arguments = new String[words.length - 1];
    System.arraycopy(words, 1, arguments, 0, arguments.length);
    if (!setting.is(Setting.MANY_ARGUMENTS)) {
      Setting.requireOne(arguments);
    } else if (arguments.length == 1 && !arguments[0].isEmpty()) {
      // All arguments in one, as in --save "60 1". If its quotes don't balance there are none, a
      // quirk of Redis's.
      String[] split = Arguments.split(arguments[0]);
      arguments = split == null ? new String[0] : split;
    }
    if (setting == Settings.SAVE) addSavePoints(arguments);
    else draft.take(setting, arguments, this);
  }

  private void addSavePoints(String[] arguments) {
    SpecialSettings.SavePoints save = (SpecialSettings.SavePoints) Settings.SAVE;
    draft.put(save, save.parse(arguments, saveSeen ? draft.get(save) : List.of()));
    saveSeen = true;
  }

  private void include(String name) {
    if (nested == MOST_NESTED) throw Setting.reject("Too many nested includes");
    nested++;
    read(load(name));
    nested--;
  }

  private void checkTogether() {
    if (!draft.get(Settings.LOGFILE).isEmpty()) checkLogFile();
    if (draft.get(Settings.CLUSTER_ENABLED)) {
      if (!draft.get(Settings.REPLICAOF).isNone()) {
        throw ConfigError.afterLines(
            of == Of.PROGRAM, "replicaof directive not allowed in cluster mode");
      }
      long databases = draft.get(Settings.DATABASES);
      if (databases > 1) {
        log(
            '#',
            "WARNING: Changing databases number from "
                + databases
                + " to 1 since we are in cluster mode");
        draft.put(Settings.DATABASES, 1L);
      }
    }
  }

  /// Better now than when there is something to say.
  private void checkLogFile() {
    try {
      Path file =
          Path.of(Octets.decode(draft.get(Settings.DIR)))
              .resolve(Octets.decode(draft.get(Settings.LOGFILE)));
      try (OutputStream log =
          Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
        assert log != null;
      }
    } catch (InvalidPathException malformed) {
      throw ConfigError.afterLines(
          of == Of.PROGRAM, "Can't open the log file: No such file or directory");
    } catch (IOException failure) {
      throw ConfigError.afterLines(
          of == Of.PROGRAM, "Can't open the log file: " + Octets.encode(IoReason.of(failure)));
    }
  }

  /// Keeps a line for the log that will be.
  @Override
  public void log(char level, String text) {
    notes.add(new Config.Note(level, text));
  }
}
