package dev.spinel.replication;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// A line that comes in pieces. Longer ones than [#MOST] are cut there.
final class Line {
  private static final int MOST = 1024;

  private final byte[] bytes = new byte[MOST];
  private int count;
  private @Nullable String text;

  /// Takes bytes up to the line's end, and returns the place behind those it took. If the end was
  /// among them, [#text] is the line.
  int take(byte[] from, int begin, int to) {
    text = null;
    int at = begin;
    while (at < to && from[at] != '\n' && count < MOST) {
      bytes[count++] = from[at++];
    }
    if (at == to) {
      return at;
    }
    int n = count > 0 && bytes[count - 1] == '\r' ? count - 1 : count;
    text = new String(bytes, 0, n, StandardCharsets.ISO_8859_1);
    count = 0;
    return at + 1;
  }

  /// The line that [#take] has completed, without its end; null if it hasn't.
  @Nullable String text() {
    return text;
  }

  /// Forgets what has come of a line.
  void clear() {
    count = 0;
  }
}
