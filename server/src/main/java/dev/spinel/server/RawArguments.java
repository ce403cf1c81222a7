package dev.spinel.server;

import dev.spinel.config.ConfigError;
import dev.spinel.config.Octets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The arguments of `main` as the bytes that they were. The JVM has decoded them by then, and
/// turned each byte that isn't text in its locale into U+FFFD: a password of such bytes would be
/// another one, which anybody can guess. Linux still knows the bytes; elsewhere such an argument is
/// refused.
final class RawArguments {
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  private RawArguments() {}

  /// The arguments as [Octets]. Errors: one has bytes that are lost.
  static String[] octets(String[] arguments) {
    boolean ascii = true;
    for (String argument : arguments) {
      ascii &= argument.chars().allMatch(c -> c < 0x80);
    }
    if (ascii) {
      return arguments;
    }
    try {
      return match(arguments, Files.readAllBytes(COMMAND_LINE));
    } catch (IOException notLinux) {
      return match(arguments, new byte[0]);
    }
  }

  /// The last words of a command line, each of which ends with a zero byte, if they are these
  /// arguments.
  static String[] match(String[] arguments, byte[] commandLine) {
    List<String> words = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < commandLine.length; i++) {
      if (commandLine[i] == 0) {
        words.add(new String(commandLine, from, i - from, StandardCharsets.ISO_8859_1));
        from = i + 1;
      }
    }
    String[] octets = new String[arguments.length];
    int before = words.size() - arguments.length;
    for (int i = 0; i < octets.length; i++) {
      String word = before >= 0 ? words.get(before + i) : null;
      if (word == null || !mayBe(word, arguments[i])) {
        word = encoded(arguments[i]);
      }
      octets[i] = word;
    }
    return octets;
  }

  /// Whether the JVM may have read these octets as that text: what is ASCII is the same in both.
  private static boolean mayBe(String octets, String text) {
    return ascii(octets).equals(ascii(text));
  }

  private static String ascii(String text) {
    StringBuilder ascii = new StringBuilder();
    text.chars().filter(c -> c < 0x80).forEach(c -> ascii.append((char) c));
    return ascii.toString();
  }

  private static String encoded(String argument) {
    if (argument.indexOf('\ufffd') >= 0) {
      throw new ConfigError(
          "An argument has bytes that aren't text in this locale, and they are lost: '"
              + argument
              + "'. Put it into a configuration file.");
    }
    return Octets.encode(argument);
  }
}
