package dev.spinel.config;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Patterns of `*`, `?`, `[a-z]`, `[^a]` and backslash: of names in CONFIG GET, and of files in
/// `include`.
///
/// Matching is a loop that remembers the last star only, so its work is bounded by the product of
/// the lengths, whatever the pattern.
final class Glob {
  private Glob() {}

  static boolean isPattern(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '*' || c == '?' || c == '[') return true;
    }
    return false;
  }

  /// Whether the whole text matches; the case of ASCII letters doesn't count if `anyCase`.
  static boolean matches(String pattern, String text, boolean anyCase) {
    if (anyCase) return matches(Octets.lower(pattern), Octets.lower(text));
    return matches(pattern, text);
  }

  private static boolean matches(String pattern, String text) {
    int p = 0;
    int t = 0;
    int afterStar = -1; // where the pattern goes on behind the last star
    int resume = 0; // how far that star has eaten
    while (t < text.length()) {
      if (p < pattern.length() && pattern.charAt(p) == '*') {
        afterStar = ++p;
        resume = t;
        continue;
      }
      int next = p < pattern.length() ? matchOne(pattern, p, text.charAt(t)) : -1;
      if (next >= 0) {
        p = next;
        t++;
      } else if (afterStar >= 0) {
        p = afterStar;
        t = ++resume;
      } else {
        return false;
      }
    }
    while (p < pattern.length() && pattern.charAt(p) == '*') p++;
    return p == pattern.length();
  }

  /// Matches one char against the pattern's element at `p`; returns the index behind the element,
  /// or -1.
  private static int matchOne(String pattern, int p, char c) {
    char element = pattern.charAt(p);
    if (element == '?') return p + 1;
    if (element == '[') return matchSet(pattern, p + 1, c);
    if (element == '\\' && p + 1 < pattern.length()) element = pattern.charAt(++p);
    return element == c ? p + 1 : -1;
  }

  /// A set ends at its `]`, or with the pattern; a range may be written backwards.
  private static int matchSet(String pattern, int p, char c) {
    int end = pattern.length();
    boolean inverted = p < end && pattern.charAt(p) == '^';
    if (inverted) p++;
    boolean found = false;
    while (p < end && pattern.charAt(p) != ']') {
      char from = pattern.charAt(p);
      if (from == '\\' && p + 1 < end) {
        found |= pattern.charAt(++p) == c;
      } else if (p + 2 < end && pattern.charAt(p + 1) == '-') {
        char to = pattern.charAt(p + 2);
        found |= c >= Math.min(from, to) && c <= Math.max(from, to);
        p += 2;
      } else {
        found |= from == c;
      }
      p++;
    }
    return found != inverted ? Math.min(p + 1, end) : -1;
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
