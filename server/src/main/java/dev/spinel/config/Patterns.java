package dev.spinel.config;

import dev.spinel.wire.Glob;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Patterns ([Glob]) of names in CONFIG GET, and of files in `include`.
final class Patterns {
  private Patterns() {}

  static boolean isPattern(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '*' || c == '?' || c == '[') return true;
    }
    return false;
  }

  /// Whether the whole text matches, both as [Octets].
  static boolean matches(String pattern, String text) {
    return Glob.matches(Octets.bytes(pattern), Octets.bytes(text));
  }

  /// The same, but the case of ASCII letters doesn't count.
  static boolean matchesAnyCase(String pattern, String text) {
    return Glob.matchesAnyCase(Octets.bytes(pattern), Octets.bytes(text));
  }

  /// The existing files that a path pattern names, in the order of their names; none is no error. A
  /// leading dot must be written out.
  static List<Path> files(Path directory, String pattern) {
    List<Path> found = new ArrayList<>();
    boolean absolute = pattern.startsWith("/");
    found.add(absolute ? directory.getRoot() : directory);
    int from = 0;
    while (from < pattern.length()) {
      int slash = pattern.indexOf('/', from);
      int to = slash < 0 ? pattern.length() : slash;
      String part = pattern.substring(from, to);
      if (!part.isEmpty()) found = below(found, part);
      from = to + 1;
    }
    return found;
  }

  private static List<Path> below(List<Path> directories, String part) {
    List<Path> found = new ArrayList<>();
    for (Path directory : directories) {
      if (!isPattern(part)) {
        Path path = directory.resolve(Octets.decode(part));
        if (Files.exists(path)) found.add(path);
        continue;
      }
      String pattern = part.replace("[!", "[^");
      List<Path> here = new ArrayList<>();
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
        for (Path entry : entries) {
          String name = Octets.encode(entry.getFileName().toString());
          if (name.startsWith(".") && !pattern.startsWith(".")) continue;
          if (matches(pattern, name)) here.add(entry);
        }
      } catch (IOException unreadable) {
        continue; // a directory that can't be listed holds no match, as for glob(3)
      }
      Collections.sort(here);
      found.addAll(here);
    }
    return found;
  }
}
