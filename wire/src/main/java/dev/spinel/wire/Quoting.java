package dev.spinel.wire;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Redis's way of writing bytes as text: `"a\x00\n"`, and of splitting a line into words that may
/// be quoted so: in configurations, at the prompt, in inline requests. Text has a character of 0 to
/// 255 for each byte.
///
/// Words are separated by blanks. Inside double quotes, `\n \r \t \b \a` and `\xHH` are escapes and
/// a backslash before anything else stands for that; inside single quotes only `\'` is. A quote may
/// open in the middle of a word, but what follows a closing quote must be blank or the end.
public final class Quoting {
  private Quoting() {}

  /// The text in double quotes, with escapes for whatever isn't printable ASCII.
  public static String quote(String text) {
    return quote(new StringBuilder(text.length() + 2), text).toString();
  }

  /// The text as it is, or quoted if it would otherwise be read as something else, or as another
  /// line.
  public static String quoteIfNeeded(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c <= ' ' || c >= 127 || c == '"' || c == '\'' || c == '\\') return quote(text);
    }
    return text.isEmpty() ? "\"\"" : text;
  }

  public static StringBuilder quote(StringBuilder to, String text) {
    to.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '\\', '"' -> to.append('\\').append(c);
        case '\n' -> to.append("\\n");
        case '\r' -> to.append("\\r");
        case '\t' -> to.append("\\t");
        case 7 -> to.append("\\a");
        case '\b' -> to.append("\\b");
        default -> {
          if (c >= ' ' && c < 127) to.append(c);
          else to.append("\\x").append(hex(c >> 4)).append(hex(c));
        }
      }
    }
    return to.append('"');
  }

  /// The lowest four bits as a digit.
  public static char hex(int digit) {
    return Character.forDigit(digit & 15, 16);
  }

  /// The words of a line, or null if a quote isn't closed or something stands right behind one. The
  /// line ends at a zero byte, as a string of C's.
  public static @Nullable List<String> split(String line) {
    int zero = line.indexOf(0);
    return new Splitter(zero < 0 ? line : line.substring(0, zero)).words();
  }

  /// The one word that the text is, without its quotes; null if it is none, or several.
  public static @Nullable String unquote(String text) {
    List<String> words = split(text);
    return words != null && words.size() == 1 ? words.get(0) : null;
  }

  /// Blank as C's `isspace` has it: also vertical tab and form feed.
  public static boolean isSpace(int c) {
    return c == ' ' || c >= 9 && c <= 13;
  }

  /// What a backslash and this character stand for in double quotes.
  static char escaped(char c) {
    return switch (c) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'b' -> '\b';
      case 'a' -> 7;
      default -> c;
    };
  }

  private static final class Splitter {
    private final String line;
    private int at;

    Splitter(String line) {
      this.line = line;
    }

    /// The character `ahead` of the present one; 0 behind the end.
    private int peek(int ahead) {
      return at + ahead < line.length() ? line.charAt(at + ahead) : 0;
    }

    @Nullable List<String> words() {
      List<String> words = new ArrayList<>();
      while (true) {
        while (isSpace(peek(0))) at++;
        if (at >= line.length()) return words;
        StringBuilder word = new StringBuilder();
        if (!word(word)) return null;
        words.add(word.toString());
      }
    }

    /// Bare characters up to a blank or a quote; a quoted part ends the word.
    private boolean word(StringBuilder into) {
      while (at < line.length()) {
        int c = line.charAt(at++);
        switch (c) {
          case ' ', '\n', '\r', '\t' -> {
            return true;
          }
          case '"' -> {
            return doubleQuoted(into);
          }
          case '\'' -> {
            return singleQuoted(into);
          }
          default -> into.append((char) c);
        }
      }
      return true;
    }

    private boolean doubleQuoted(StringBuilder into) {
      while (at < line.length()) {
        int c = line.charAt(at++);
        if (c == '"') return endsHere();
        if (c != '\\' || at == line.length()) {
          into.append((char) c);
          continue;
        }
        int high = Character.digit(peek(1), 16);
        int low = Character.digit(peek(2), 16);
        if (peek(0) == 'x' && high >= 0 && low >= 0) {
          into.append((char) (high << 4 | low));
          at += 3;
        } else {
          into.append(escaped(line.charAt(at++)));
        }
      }
      return false;
    }

    private boolean singleQuoted(StringBuilder into) {
      while (at < line.length()) {
        int c = line.charAt(at++);
        if (c == '\'') return endsHere();
        if (c == '\\' && peek(0) == '\'') {
          into.append('\'');
          at++;
        } else {
          into.append((char) c);
        }
      }
      return false;
    }

    /// Behind a closing quote stands a blank, which is taken, or nothing.
    private boolean endsHere() {
      return at == line.length() || isSpace(line.charAt(at));
    }
  }
}
