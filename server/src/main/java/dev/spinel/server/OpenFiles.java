package dev.spinel.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// How many files, sockets among them, this process may have open at a time.
final class OpenFiles {
  private static final String ROW = "Max open files";

  private OpenFiles() {}

  /// The limit as Linux has it in force: the JVM raises it as far as it may when it starts.
  /// `Long.MAX_VALUE` if there is none, or the system doesn't tell.
  static long limit() {
    try {
      return limit(Files.readString(Path.of("/proc/self/limits"), StandardCharsets.US_ASCII));
    } catch (IOException notLinux) {
      return Long.MAX_VALUE;
    }
  }

  /// From a table whose columns are name, soft limit, hard limit, unit.
  static long limit(String table) {
    int at = table.indexOf(ROW);
    if (at < 0) {
      return Long.MAX_VALUE;
    }
    at += ROW.length();
    while (at < table.length() && table.charAt(at) == ' ') {
      at++;
    }
    int end = at;
    while (end < table.length() && Character.isDigit(table.charAt(end))) {
      end++;
    }
    return end == at ? Long.MAX_VALUE : Long.parseLong(table, at, end, 10);
  }
}
