package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import java.math.BigDecimal;
import java.math.RoundingMode;

/// Numbers as C's library reads and prints them: a reader takes what it understands and leaves the
/// rest, a printer rounds the exact value.
public final class Figures {
  private Figures() {}

  /// The integer at the start of the text, behind blanks; 0 if there is none.
  public static int atoi(String text) {
    return (int) strtoll(text);
  }

  /// The same in 64 bits; what doesn't fit becomes the nearest that does.
  public static long strtoll(String text) {
    int at = 0;
    while (at < text.length() && Quoting.isSpace(text.charAt(at))) at++;
    boolean negative = at < text.length() && text.charAt(at) == '-';
    if (at < text.length() && (negative || text.charAt(at) == '+')) at++;
    long value = 0;
    for (; at < text.length() && isDigit(text.charAt(at)); at++) {
      int digit = text.charAt(at) - '0';
      if (value < (Long.MIN_VALUE + digit) / 10) return negative ? Long.MIN_VALUE : Long.MAX_VALUE;
      value = value * 10 - digit;
    }
    if (negative) return value;
    return value == Long.MIN_VALUE ? Long.MAX_VALUE : -value;
  }

  /// Whether the whole text is an integer, as `strtol` takes it.
  static boolean isInteger(String text) {
    int at = 0;
    while (at < text.length() && Quoting.isSpace(text.charAt(at))) at++;
    if (at < text.length() && (text.charAt(at) == '-' || text.charAt(at) == '+')) at++;
    int first = at;
    while (at < text.length() && isDigit(text.charAt(at))) at++;
    return at == text.length() && (at > first || text.isEmpty());
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  /// The decimal number at the start of the text; 0 if there is none.
  public static double atof(String text) {
    int at = 0;
    while (at < text.length() && Quoting.isSpace(text.charAt(at))) at++;
    for (int end = Math.min(text.length(), at + 400); end > at; end--) {
      char last = text.charAt(end - 1);
      if (!isDigit(last) && last != '.') continue; // Java takes a suffix, too
      try {
        return Double.parseDouble(text.substring(at, end));
      } catch (NumberFormatException e) {
        // a shorter one may be a number
      }
    }
    return 0;
  }

  /// `%.Nf`: the exact value, rounded half to even.
  public static String fixed(double value, int digits) {
    if (Double.isNaN(value)) return Double.doubleToRawLongBits(value) < 0 ? "-nan" : "nan";
    if (Double.isInfinite(value)) return value < 0 ? "-inf" : "inf";
    String text = new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
    boolean sign = value < 0 || value == 0 && 1 / value < 0;
    return sign && !text.startsWith("-") ? "-" + text : text;
  }

  /// `%0W.Nf`
  static String padded(double value, int width, int digits) {
    String text = fixed(value, digits);
    return "0".repeat(Math.max(0, width - text.length())) + text;
  }

  /// `%-Ws`
  static String left(String text, int width) {
    return text + " ".repeat(Math.max(0, width - text.length()));
  }

  /// `%Ws`
  static String right(String text, int width) {
    return " ".repeat(Math.max(0, width - text.length())) + text;
  }
}
