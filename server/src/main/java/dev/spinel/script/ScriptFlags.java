package dev.spinel.script;

import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.wire.Quoting;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What a script says of itself, in the first line of its text (`#!lua flags=no-writes`) or when it
/// registers a function.
///
/// @param bits of the flags that it has; [#COMPATIBLE] alone: it says nothing, as scripts of old
record ScriptFlags(int bits) {
  static final int NO_WRITES = 1;
  static final int ALLOW_OOM = 1 << 1;
  static final int ALLOW_STALE = 1 << 2;
  static final int NO_CLUSTER = 1 << 3;
  static final int ALLOW_CROSS_SLOT_KEYS = 1 << 4;
  static final int COMPATIBLE = 1 << 5;

  /// In the order of their bits.
  private static final List<String> NAMES =
      List.of("no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys");

  static final ScriptFlags NONE = new ScriptFlags(0);
  private static final ScriptFlags OLD = new ScriptFlags(COMPATIBLE);

  boolean has(int flag) {
    return (bits & flag) != 0;
  }

  /// Whether the script says nothing of itself: what it may do is found out as it goes.
  boolean isOld() {
    return has(COMPATIBLE);
  }

  /// Those that it has, as FUNCTION LIST shows them.
  List<String> names() {
    return NAMES.stream().filter(name -> has(bit(name))).toList();
  }

  /// The bit of a flag, 0 if there is no such flag.
  static int bit(String name) {
    int index = NAMES.indexOf(name);
    return index < 0 ? 0 : 1 << index;
  }

  /// The bit of a flag whose name is written in any case.
  static int bitInAnyCase(String name) {
    return bit(name.toLowerCase(Locale.ROOT));
  }

  /// Which of [Command]'s flags count for a call of the script, instead of those of its command.
  int ofCall(int flags) {
    if (isOld()) {
      return flags;
    }
    int own = flags & ~(Command.STALE | Command.DENYOOM | Command.WRITE | Command.MAY_REPLICATE);
    own |= has(ALLOW_OOM | NO_WRITES) ? 0 : Command.DENYOOM;
    own |= has(NO_WRITES) ? 0 : Command.WRITE;
    own |= has(ALLOW_STALE) ? Command.STALE : 0;
    return own;
  }

  /// The first line of a script's text, and what it says.
  ///
  /// @param length of the line, without its end; 0 if there is none
  record Shebang(ScriptFlags flags, int length) {
    /// Errors: what stands there isn't understood.
    static Shebang of(byte[] body) {
      if (body.length < 2 || body[0] != '#' || body[1] != '!') {
        return new Shebang(OLD, 0);
      }
      String line = line(body);
      if (line == null) {
        throw new CommandError("ERR Invalid script shebang");
      }
      List<String> words = Quoting.split(line);
      if (words == null || words.isEmpty()) {
        throw new CommandError("ERR Invalid engine in script shebang");
      }
      if (!words.get(0).equals("#!lua")) {
        throw new CommandError("ERR Unexpected engine in script shebang: " + words.get(0));
      }
      int bits = 0;
      for (String word : words.subList(1, words.size())) {
        if (!word.startsWith("flags=")) {
          throw new CommandError("ERR Unknown lua shebang option: " + word);
        }
        bits |= bits(word.substring("flags=".length()));
      }
      return new Shebang(new ScriptFlags(bits), line.length());
    }

    private static int bits(String list) {
      int bits = 0;
      for (String name : list.isEmpty() ? new String[0] : list.split(",", -1)) {
        if (bit(name) == 0) {
          throw new CommandError("ERR Unexpected flag in script shebang: " + name);
        }
        bits |= bit(name);
      }
      return bits;
    }
  }

  /// The first line of a text, without its end; null if it has no end.
  static @Nullable String line(byte[] text) {
    for (int i = 0; i < text.length && text[i] != 0; i++) {
      if (text[i] == '\n') {
        return new String(text, 0, i, StandardCharsets.ISO_8859_1);
      }
    }
    return null;
  }
}
