package dev.spinel.server;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/// A line of a script of [ComparisonTest].
///
/// @param mode the word behind `!`, or empty
/// @param command what is sent, as written
record ScriptLine(int connection, String mode, String command) {
  /// Reads a line that isn't empty, nor a comment.
  static ScriptLine of(String written) {
    String line = written.strip();
    int connection = 0;
    String mode = "";
    while (line.startsWith("@") || line.startsWith("!")) {
      int blank = line.indexOf(' ') < 0 ? line.length() : line.indexOf(' ');
      String word = line.substring(1, blank);
      if (line.startsWith("@")) {
        connection = Integer.parseInt(word);
      } else if (!word.equals("7.2")) {
        mode = word;
      }
      line = line.substring(blank).strip();
    }
    return new ScriptLine(connection, mode, line);
  }

  /// Whether there is something to send, and not only to read.
  boolean sends() {
    return !mode.equals("next") && !mode.equals("kind");
  }

  String[] words() {
    return words(command);
  }

  /// The words, `{N}` replaced by the number that connection N has as a client.
  String[] words(IntFunction<String> clients) {
    String[] words = words();
    for (int i = 0; i < words.length; i++) {
      if (words[i].matches("\\{[0-9]+}")) {
        words[i] = clients.apply(Integer.parseInt(words[i].replaceAll("[{}]", "")));
      }
    }
    return words;
  }

  /// Splits a line as redis-cli does.
  static String[] words(String line) {
    List<String> words = new ArrayList<>();
    int i = 0;
    while (true) {
      while (i < line.length() && line.charAt(i) == ' ') {
        i++;
      }
      if (i == line.length()) {
        return words.toArray(String[]::new);
      }
      StringBuilder word = new StringBuilder();
      char quote = line.charAt(i);
      if (quote == '"') {
        for (i++; line.charAt(i) != '"'; i++) {
          if (line.charAt(i) != '\\') {
            word.append(line.charAt(i));
            continue;
          }
          char c = line.charAt(++i);
          if (c == 'x') {
            word.append((char) Integer.parseInt(line.substring(i + 1, i + 3), 16));
            i += 2;
          } else {
            word.append(
                switch (c) {
                  case 'n' -> '\n';
                  case 'r' -> '\r';
                  case 't' -> '\t';
                  case 'b' -> '\b';
                  case 'a' -> (char) 7;
                  default -> c;
                });
          }
        }
        i++;
      } else if (quote == '\'') {
        int end = line.indexOf('\'', i + 1);
        word.append(line, i + 1, end);
        i = end + 1;
      } else {
        while (i < line.length() && line.charAt(i) != ' ') {
          word.append(line.charAt(i++));
        }
      }
      words.add(word.toString());
    }
  }
}
