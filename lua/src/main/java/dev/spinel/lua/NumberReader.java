package dev.spinel.lua;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Numbers from text, as C's `strtod` and `strtoul` read them: decimal, hexadecimal (with a binary
/// exponent, too), infinities and NaNs; white space around them is fine.
final class NumberReader {
  private static final double POSITIVE_NAN = Double.longBitsToDouble(0x7ff8000000000000L);
  private static final double NEGATIVE_NAN = Double.longBitsToDouble(0xfff8000000000000L);

  private NumberReader() {}

  /// The number that all of `text` reads as; null if it doesn't. As in C, text ends at its first
  /// zero byte.
  static @Nullable Double read(LuaString text) {
    byte[] bytes = text.bytes;
    int end = bytes.length;
    int start = skipSpace(bytes, 0, end);
    if (end - start <= 15) {
      long value = 0;
      int i = start;
      while (i < end && isDigit(bytes[i])) value = value * 10 + (bytes[i++] - '0');
      if (i == end && i > start) return (double) value;
    }
    return readLong(bytes, start, end);
  }

  private static @Nullable Double readLong(byte[] bytes, int start, int end) {
    int i = start;
    boolean negative = false;
    if (i < end && (bytes[i] == '-' || bytes[i] == '+')) negative = bytes[i++] == '-';
    if (i == end) return null;
    double value;
    int after;
    if (isWord(bytes, i, end, "inf")) {
      after = isWord(bytes, i, end, "infinity") ? i + 8 : i + 3;
      value = negative ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    } else if (isWord(bytes, i, end, "nan")) {
      after = afterNan(bytes, i + 3, end);
      value = negative ? NEGATIVE_NAN : POSITIVE_NAN;
    } else {
      boolean hex =
          i + 2 < end
              && bytes[i] == '0'
              && (bytes[i + 1] | 0x20) == 'x'
              && hexFollows(bytes, i + 2, end);
      after = hex ? afterDigits(bytes, i + 2, end, true) : afterDigits(bytes, i, end, false);
      if (after < 0) return null;
      String digits = new String(bytes, i, after - i, StandardCharsets.ISO_8859_1);
      if (hex && digits.indexOf('p') < 0 && digits.indexOf('P') < 0) digits += "p0";
      value = Double.parseDouble(digits);
      if (negative) value = -value;
    }
    after = skipSpace(bytes, after, end);
    return after == end || bytes[after] == 0 ? value : null;
  }

  /// Behind the digits, the fraction and the exponent; -1 if there is no digit.
  private static int afterDigits(byte[] bytes, int start, int end, boolean hex) {
    int i = start;
    int digits = 0;
    while (i < end && isDigit(bytes[i], hex)) {
      i++;
      digits++;
    }
    if (i < end && bytes[i] == '.') {
      int j = i + 1;
      while (j < end && isDigit(bytes[j], hex)) {
        j++;
        digits++;
      }
      if (digits > 0) i = j;
    }
    if (digits == 0) return -1;
    if (i < end && (bytes[i] | 0x20) == (hex ? 'p' : 'e')) {
      int j = i + 1;
      if (j < end && (bytes[j] == '-' || bytes[j] == '+')) j++;
      if (j < end && isDigit(bytes[j])) {
        while (j < end && isDigit(bytes[j])) j++;
        i = j;
      }
    }
    return i;
  }

  private static boolean hexFollows(byte[] bytes, int i, int end) {
    return isDigit(bytes[i], true) || bytes[i] == '.' && i + 1 < end && isDigit(bytes[i + 1], true);
  }

  /// Behind `(letters and digits)`, if that follows.
  private static int afterNan(byte[] bytes, int start, int end) {
    if (start == end || bytes[start] != '(') return start;
    int i = start + 1;
    while (i < end && (CType.isAlnum(bytes[i] & 0xff) || bytes[i] == '_')) i++;
    return i < end && bytes[i] == ')' ? i + 1 : start;
  }

  private static boolean isWord(byte[] bytes, int start, int end, String word) {
    if (end - start < word.length()) return false;
    for (int i = 0; i < word.length(); i++) {
      if ((bytes[start + i] | 0x20) != word.charAt(i)) return false;
    }
    return true;
  }

  private static boolean isDigit(byte b) {
    return b >= '0' && b <= '9';
  }

  private static boolean isDigit(byte b, boolean hex) {
    return isDigit(b) || hex && (b | 0x20) >= 'a' && (b | 0x20) <= 'f';
  }

  private static int skipSpace(byte[] bytes, int start, int end) {
    int i = start;
    while (i < end && CType.isSpace(bytes[i] & 0xff)) i++;
    return i;
  }

  /// The number that all of `text` reads as in `base` (2 to 36); null if it doesn't. A minus sign
  /// counts down from 2⁶⁴, and what is too large is 2⁶⁴ - 1.
  static @Nullable Double read(LuaString text, int base) {
    byte[] bytes = text.bytes;
    int end = bytes.length;
    int i = skipSpace(bytes, 0, end);
    boolean negative = false;
    if (i < end && (bytes[i] == '-' || bytes[i] == '+')) negative = bytes[i++] == '-';
    if (base == 16
        && i + 2 < end
        && bytes[i] == '0'
        && (bytes[i + 1] | 0x20) == 'x'
        && isDigit(bytes[i + 2], true)) {
      i += 2;
    }
    int start = i;
    long value = 0;
    boolean tooLarge = false;
    for (; i < end; i++) {
      int digit = Character.digit(bytes[i], base);
      if (digit < 0) break;
      if (Long.compareUnsigned(value, Long.divideUnsigned(-1L - digit, base)) > 0) tooLarge = true;
      value = value * base + digit;
    }
    if (i == start) return null;
    i = skipSpace(bytes, i, end);
    if (i < end && bytes[i] != 0) return null;
    if (tooLarge) value = -1;
    else if (negative) value = -value;
    return unsigned(value);
  }

  private static double unsigned(long value) {
    if (value >= 0) return value;
    return (double) (value >>> 1 | value & 1) * 2;
  }

  /// What a C program gets that casts `number` to a 64-bit integer: towards zero; what doesn't fit
  /// is [Long#MIN_VALUE].
  static long toLong(double number) {
    return number >= -0x1p63 && number < 0x1p63 ? (long) number : Long.MIN_VALUE;
  }

  /// The same for an unsigned 64-bit integer, as processors of today do it.
  static long toUnsigned(double number) {
    return number >= 0x1p63 ? toLong(number - 0x1p63) ^ Long.MIN_VALUE : toLong(number);
  }
}
