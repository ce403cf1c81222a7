package dev.spinel.lua;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;

/// Numbers as C's library reads (`strtod`) and writes (`%g`) them, which JSON takes over, and in
/// reading goes beyond what JSON allows: `0x1p4`, `inf`, `nan`, `01`.
final class JsonNumbers {
  private static final int USUAL_PRECISION = 14;

  /// Digits that a double holds exactly, and the powers of ten that it does.
  private static final int EXACT_DIGITS = 15;

  private static final double[] TENS = tens();

  private static double[] tens() {
    double[] tens = new double[23];
    tens[0] = 1;
    for (int i = 1; i < tens.length; i++) {
      tens[i] = tens[i - 1] * 10;
    }
    return tens;
  }

  private final byte[] text;
  private int at;

  JsonNumbers(byte[] text) {
    this.text = text;
  }

  /// Where the number ends that was read last; where it began if there was none.
  int end() {
    return at;
  }

  private int peek(int index) {
    return index < text.length ? text[index] & 0xff : 0;
  }

  /// Whether the letters of `word`, which is in small ones, stand here.
  boolean says(int from, String word) {
    for (int i = 0; i < word.length(); i++) {
      if ((peek(from + i) | 0x20) != word.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /// Reads the longest number that begins here.
  double read(int from) {
    int sign = peek(from);
    int first = sign == '-' || sign == '+' ? from + 1 : from;
    double number = magnitude(first);
    if (at == first) {
      at = from;
      return 0;
    }
    return sign == '-' ? negative(number) : number;
  }

  private static double negative(double number) {
    return Double.longBitsToDouble(Double.doubleToRawLongBits(number) ^ Long.MIN_VALUE);
  }

  private double magnitude(int first) {
    at = first;
    if (says(first, "inf")) {
      at += says(first, "infinity") ? 8 : 3;
      return Double.POSITIVE_INFINITY;
    }
    if (says(first, "nan")) {
      at += 3;
      passPayload();
      return Double.NaN;
    }
    if (peek(first) == '0' && (peek(first + 1) | 0x20) == 'x') {
      int behind = peek(first + 2) == '.' ? first + 3 : first + 2;
      if (Character.digit((char) peek(behind), 16) >= 0) {
        return hex(first + 2);
      }
    }
    return decimal(first);
  }

  /// `nan` may be followed by letters in parentheses.
  private void passPayload() {
    if (peek(at) != '(') {
      return;
    }
    int i = at + 1;
    while (peek(i) == '_' || peek(i) < 0x80 && Character.isLetterOrDigit((char) peek(i))) {
      i++;
    }
    if (peek(i) == ')') {
      at = i + 1;
    }
  }

  private double hex(int first) {
    int i = digits(first, 16);
    if (peek(i) == '.') {
      i = digits(i + 1, 16);
    }
    int mantissaEnd = i;
    at = exponentEnd(i, 'p');
    String mantissa = slice(first, mantissaEnd);
    String exponent = at == mantissaEnd ? "p0" : slice(mantissaEnd, at);
    return Double.parseDouble("0x" + mantissa + exponent);
  }

  private double decimal(int first) {
    int pointAt = digits(first, 10);
    int mantissaEnd = pointAt;
    int fraction = 0;
    if (peek(pointAt) == '.') {
      mantissaEnd = digits(pointAt + 1, 10);
      fraction = mantissaEnd - pointAt - 1;
    }
    int count = pointAt - first + fraction;
    if (count == 0) {
      return 0; // nothing was read
    }
    at = exponentEnd(mantissaEnd, 'e');
    if (at == mantissaEnd && count <= EXACT_DIGITS) {
      long digits = 0;
      for (int i = first; i < mantissaEnd; i++) {
        digits = i == pointAt ? digits : digits * 10 + (text[i] - '0');
      }
      return digits / TENS[fraction];
    }
    return Double.parseDouble(slice(first, at));
  }

  private int digits(int from, int radix) {
    int i = from;
    while (peek(i) < 0x80 && Character.digit((char) peek(i), radix) >= 0) {
      i++;
    }
    return i;
  }

  /// Where an exponent ends that begins here with this letter; here if there is none.
  private int exponentEnd(int from, int letter) {
    if ((peek(from) | 0x20) != letter) {
      return from;
    }
    int first = peek(from + 1) == '-' || peek(from + 1) == '+' ? from + 2 : from + 1;
    int end = digits(first, 10);
    return end == first ? from : end;
  }

  private String slice(int from, int to) {
    return new String(text, from, to - from, StandardCharsets.ISO_8859_1);
  }

  // ── writing ──

  /// A number as C's `%.<precision>g` shows it.
  static LuaString text(double number, int precision) {
    if (precision == USUAL_PRECISION) {
      return Lua.numberText(number);
    }
    return LuaString.of(shown(number, precision));
  }

  private static String shown(double number, int precision) {
    if (Double.isInfinite(number) || number == 0) {
      return Lua.numberText(number).toString();
    }
    BigDecimal rounded =
        new BigDecimal(number).round(new MathContext(precision, RoundingMode.HALF_EVEN));
    int exponent = rounded.precision() - rounded.scale() - 1;
    BigDecimal shortest = rounded.stripTrailingZeros();
    if (exponent >= -4 && exponent < precision) {
      return shortest.toPlainString();
    }
    String digits = shortest.unscaledValue().abs().toString();
    String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
    return (number < 0 ? "-" : "")
        + digits.charAt(0)
        + fraction
        + (exponent < 0 ? "e-" : "e+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }
}
