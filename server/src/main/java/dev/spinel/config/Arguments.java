package dev.spinel.config;

import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// The syntax of one line of a configuration: splitting it into arguments, and quoting an argument
/// so that splitting gives it back.
///
/// Arguments are separated by blanks. Inside double quotes, `\n \r \t \b \a` and `\xHH` are escapes
/// and a backslash before anything else stands for that; inside single quotes only `\'` is. A quote
/// may open in the middle of an argument, but what follows a closing quote must be blank or the
/// end. Text is [Octets].
final class Arguments {
  private Arguments() {}

  /// The arguments of a line, or null if its quotes don't balance. A zero byte ends the line.
  static String @Nullable [] split(String line) {
    ArrayList<String> arguments = new ArrayList<>(4);
    int end = Octets.untilZero(line).length();
    int at = 0;
    while (true) {
      while (at < end && isSpace(line.charAt(at))) at++;
      if (at == end) return arguments.toArray(new String[0]);
      StringBuilder argument = new StringBuilder();
      at = next(line, at, end, argument);
      if (at < 0) return null;
      arguments.add(argument.toString());
    }
  }

  /// Reads one argument that begins at `at`; returns the index behind it, or -1 if a quote is left
  /// open or followed by text.
  private static int next(String line, int at, int end, StringBuilder into) {
    while (at < end) {
      char c = line.charAt(at);
      if (c == ' ' || c == '\n' || c == '\r' || c == '\t') return at;
      if (c == '"' || c == '\'') {
        at =
            c == '"'
                ? doubleQuoted(line, at + 1, end, into)
                : singleQuoted(line, at + 1, end, into);
        if (at < 0 || (at < end && !isSpace(line.charAt(at)))) return -1;
        return at;
      }
      into.append(c);
      at++;
    }
    return at;
  }

  private static int doubleQuoted(String line, int at, int end, StringBuilder into) {
    while (at < end) {
      char c = line.charAt(at);
      if (c == '"') return at + 1;
      if (c == '\\' && at + 1 < end) {
        if (isHexEscape(line, at, end)) {
          into.append(
              (char)
                  (Character.digit(line.charAt(at + 2), 16) * 16
                      + Character.digit(line.charAt(at + 3), 16)));
          at += 4;
        } else {
          into.append(escaped(line.charAt(at + 1)));
          at += 2;
        }
        continue;
      }
      into.append(c);
      at++;
    }
    return -1;
  }

  private static boolean isHexEscape(String line, int at, int end) {
    return at + 3 < end
        && line.charAt(at + 1) == 'x'
        && isHex(line.charAt(at + 2))
        && isHex(line.charAt(at + 3));
  }

  private static boolean isHex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }

  private static char escaped(char c) {
    return switch (c) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'b' -> '\b';
      case 'a' -> 7;
      default -> c;
    };
  }

  private static int singleQuoted(String line, int at, int end, StringBuilder into) {
    while (at < end) {
      char c = line.charAt(at);
      if (c == '\'') return at + 1;
      if (c == '\\' && at + 1 < end && line.charAt(at + 1) == '\'') at++;
      into.append(line.charAt(at));
      at++;
    }
    return -1;
  }

  /// Blank as C's `isspace` has it: also vertical tab and form feed.
  static boolean isSpace(char c) {
    return c == ' ' || (c >= 9 && c <= 13);
  }

  /// The argument in double quotes, everything unprintable escaped.
  static String quote(String argument) {
    StringBuilder quoted = new StringBuilder(argument.length() + 2).append('"');
    for (int i = 0; i < argument.length(); i++) {
      char c = argument.charAt(i);
      switch (c) {
        case '\\', '"' -> quoted.append('\\').append(c);
        case '\n' -> quoted.append("\\n");
        case '\r' -> quoted.append("\\r");
        case '\t' -> quoted.append("\\t");
        case 7 -> quoted.append("\\a");
        case '\b' -> quoted.append("\\b");
        default -> {
          if (c >= ' ' && c < 127) quoted.append(c);
          else
            quoted
                .append("\\x")
                .append(Character.forDigit(c >> 4 & 15, 16))
                .append(Character.forDigit(c & 15, 16));
        }
      }
    }
    return quoted.append('"').toString();
  }

  /// The argument as it is, or quoted if it would otherwise be read as something else, or as
  /// another line.
  static String quoteIfNeeded(String argument) {
    for (int i = 0; i < argument.length(); i++) {
      char c = argument.charAt(i);
      if (c <= ' ' || c >= 127 || c == '"' || c == '\'' || c == '\\') return quote(argument);
    }
    return argument.isEmpty() ? "\"\"" : argument;
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
