package dev.spinel.cli.benchmark;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Finds the ends of replies in a stream of RESP2 or RESP3, which may be cut anywhere, and keeps
/// nothing of them but errors. Pushes aren't counted.
final class ReplyCounter {
  private static final int LINE_MAX = 256; // of an error; what follows is dropped

  private final byte[] line = new byte[LINE_MAX];
  private int lineLength;
  private boolean inLine;
  private boolean atReturn; // the line's \r has come
  private long skipped; // bytes of a string that are still to come, with its line end
  private long elements; // that are still to come of the reply
  private boolean isPush;
  private @Nullable String error;

  /// Reads until a reply ends. Returns whether one did; then [#error] tells what it was.
  ///
  /// Errors: an IllegalStateException if it isn't RESP
  boolean next(ByteBuffer in) {
    while (in.hasRemaining()) {
      if (skipped > 0) {
        int n = (int) Math.min(skipped, in.remaining());
        in.position(in.position() + n);
        skipped -= n;
        if (skipped == 0 && ends()) return true;
      } else if (takeLine(in) && header()) {
        return true;
      }
    }
    return false;
  }

  /// The error that the reply was, or null.
  @Nullable String error() {
    String text = error;
    error = null;
    return text;
  }

  private boolean takeLine(ByteBuffer in) {
    if (!inLine) {
      inLine = true;
      lineLength = 0;
      atReturn = false;
    }
    while (in.hasRemaining()) {
      byte b = in.get();
      if (b == '\n' && atReturn) {
        inLine = false;
        return true;
      }
      atReturn = b == '\r';
      if (!atReturn && lineLength < LINE_MAX) line[lineLength++] = b;
    }
    return false;
  }

  /// Returns whether the reply ended with this line.
  private boolean header() {
    boolean begins = elements == 0;
    if (begins) elements = 1;
    if (lineLength == 0) throw new IllegalStateException("an empty line instead of a reply");
    switch (line[0]) {
      case '+', ':', '_', ',', '#', '(' -> {
        return ends();
      }
      case '-' -> {
        if (begins) error = new String(line, 1, lineLength - 1, StandardCharsets.ISO_8859_1);
        return ends();
      }
      case '$', '=', '!' -> {
        long n = number();
        if (n < 0) return ends();
        skipped = n + 2;
        if (begins && line[0] == '!') error = "an error";
        return false;
      }
      case '*', '~' -> elements += Math.max(0, number());
      case '%' -> elements += 2 * Math.max(0, number());
      case '>' -> {
        isPush |= begins;
        elements += Math.max(0, number());
      }
      case '|' -> {
        elements += 2 * number();
        return false; // the value itself follows
      }
      default ->
          throw new IllegalStateException(
              "Protocol error, got \"" + (char) line[0] + "\" as reply type byte");
    }
    return ends();
  }

  /// An element has ended; returns whether the reply did.
  private boolean ends() {
    if (--elements > 0) return false;
    boolean counts = !isPush;
    isPush = false;
    return counts;
  }

  private long number() {
    long value = 0;
    int at = 1;
    boolean negative = lineLength > 1 && line[1] == '-';
    if (negative) at++;
    for (; at < lineLength; at++) value = value * 10 + (line[at] - '0');
    return negative ? -value : value;
  }
}
