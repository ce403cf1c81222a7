package dev.spinel.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a real server did, as text files: blocks `=== title` of parts `--- name`. Lines that begin
/// with `#` before the first block are a comment.
final class Facts {
  /// Settings that a real server doesn't know: our own.
  static final List<String> OWN =
      List.of(
          "cluster-seeds",
          "event-loops",
          "io-transport",
          "rdb-version",
          "repl-diskless-sync-spool-limit",
          "replica-keep-data-of-lost-primary",
          "save-process");

  private Facts() {}

  /// A block; the parts keep their order. Each line of a part ends with a newline.
  record Case(String title, Map<String, String> parts) {
    String part(String name) {
      return parts.getOrDefault(name, "");
    }

    List<String> lines(String name) {
      return part(name).lines().toList();
    }

    @Override
    public String toString() {
      return title;
    }
  }

  static String resource(String name) {
    try (InputStream file = Facts.class.getResourceAsStream(name)) {
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  static List<Case> cases(String text) {
    List<Case> cases = new ArrayList<>();
    Case current = null;
    String part = null;
    for (String line : text.split("\n", -1)) {
      if (line.startsWith("=== ")) {
        current = new Case(line.substring(4), new LinkedHashMap<>());
        cases.add(current);
        part = null;
      } else if (current != null && line.startsWith("--- ")) {
        part = line.substring(4);
        current.parts.put(part, "");
      } else if (part != null) {
        current.parts.merge(part, line + "\n", String::concat);
      }
    }
    // The text's last newline is the last line's own.
    if (current != null && part != null)
      current.parts.computeIfPresent(part, (name, body) -> body.substring(0, body.length() - 1));
    return cases;
  }

  static String write(String comment, List<Case> cases) {
    StringBuilder text = new StringBuilder(comment);
    for (Case one : cases) {
      text.append("=== ").append(one.title).append('\n');
      one.parts.forEach((name, body) -> text.append("--- ").append(name).append('\n').append(body));
    }
    return text.toString();
  }

  /// The lines before the first block.
  static String comment(String text) {
    return text.substring(0, text.indexOf("=== "));
  }
}
