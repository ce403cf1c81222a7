package dev.spinel.config;

import dev.spinel.wire.Quoting;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The syntax of one line of a configuration: splitting it into arguments, and quoting an argument
/// so that splitting gives it back.
///
/// Arguments are separated and quoted as [Quoting] says. Text is [Octets].
final class Arguments {
  private Arguments() {}

  /// The arguments of a line, or null if its quotes don't balance. A zero byte ends the line.
  static String @Nullable [] split(String line) {
    List<String> words = Quoting.split(line);
    return words == null ? null : words.toArray(new String[0]);
  }

  /// Split at every single space, so that two spaces enclose an empty argument: how CONFIG SET
  /// reads a directive of many arguments.
  static String[] splitAtSpaces(String value) {
    if (value.isEmpty()) return new String[0];
    ArrayList<String> parts = new ArrayList<>();
    int from = 0;
    for (int space; (space = value.indexOf(' ', from)) >= 0; from = space + 1)
      parts.add(value.substring(from, space));
    parts.add(value.substring(from));
    return parts.toArray(new String[0]);
  }

  /// Without the blanks (space, tab, CR, LF) at both ends.
  static String trim(String line) {
    int from = 0;
    int to = line.length();
    while (from < to && isBlank(line.charAt(from))) from++;
    while (to > from && isBlank(line.charAt(to - 1))) to--;
    return line.substring(from, to);
  }

  private static boolean isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
  }
}
