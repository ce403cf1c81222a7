package dev.spinel.config;

import dev.spinel.wire.Quoting;
import org.jspecify.annotations.Nullable;

/// The ways in which Redis reads numbers in its configuration, each as strict or lenient as there.
/// A reader returns null for what it doesn't accept, and never throws.
final class NumberSyntax {
  private NumberSyntax() {}

  /// A decimal integer in its one canonical form: no blank, no `+`, no leading zero, within 64
  /// bits.
  static @Nullable Long integer(String text) {
    int length = text.length();
    if (length == 0 || length > 20) return null;
    if (text.equals("0")) return 0L;
    int at = text.charAt(0) == '-' ? 1 : 0;
    if (at == length || text.charAt(at) == '0') return null;
    long value = 0; // negative all the way, as there is one more negative number
    for (int i = at; i < length; i++) {
      int digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 9 || value < (Long.MIN_VALUE + digit) / 10) return null;
      value = value * 10 - digit;
    }
    if (at == 1) return value;
    return value == Long.MIN_VALUE ? null : -value;
  }

  /// What C's `strtoll` makes of a text that it reads to its end: blanks and a sign may lead,
  /// nothing at all counts as 0, and what doesn't fit becomes the nearest number that does.
  static @Nullable Long lenient(String text, int base) {
    return toLong(text, base, true);
  }

  /// As [#lenient], but refuses what doesn't fit into 64 bits.
  static @Nullable Long fitting(String text, int base) {
    return toLong(text, base, false);
  }

  private static @Nullable Long toLong(String text, int base, boolean clamp) {
    if (text.isEmpty()) return 0L;
    int at = 0;
    while (at < text.length() && Quoting.isSpace(text.charAt(at))) at++;
    boolean negative = false;
    if (at < text.length() && (text.charAt(at) == '-' || text.charAt(at) == '+'))
      negative = text.charAt(at++) == '-';
    if (at == text.length()) return null;
    long value = 0; // negative all the way
    boolean cut = false;
    for (int i = at; i < text.length(); i++) {
      int digit = text.charAt(i) - '0';
      if (digit < 0 || digit >= base) return null;
      if (cut || value < (Long.MIN_VALUE + digit) / base) cut = true;
      else value = value * base - digit;
    }
    if (!negative && value == Long.MIN_VALUE) cut = true;
    if (cut) return clamp ? (negative ? Long.MIN_VALUE : Long.MAX_VALUE) : null;
    return negative ? value : -value;
  }

  /// An amount of memory: digits, then nothing or b, k, kb, m, mb, g or gb in any case; 1k is 1000,
  /// 1kb is 1024. No digits are 0. The 64 bits are unsigned: digits beyond them count as the
  /// largest value, and the product with the unit wraps, as in Redis.
  static @Nullable Long memory(String text) {
    int digits = 0;
    while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9')
      digits++;
    long unit = unit(text.substring(digits));
    if (unit == 0 || digits > 127) return null;
    long value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = text.charAt(i) - '0';
      if (Long.compareUnsigned(value, Long.divideUnsigned(-1L - digit, 10)) > 0) return -1L * unit;
      value = value * 10 + digit;
    }
    return value * unit;
  }

  private static long unit(String suffix) {
    return switch (Octets.lower(suffix)) {
      case "", "b" -> 1;
      case "k" -> 1000;
      case "kb" -> 1024;
      case "m" -> 1000 * 1000;
      case "mb" -> 1024 * 1024;
      case "g" -> 1000L * 1000 * 1000;
      case "gb" -> 1024L * 1024 * 1024;
      default -> 0;
    };
  }

  /// Bytes in the largest of gb, mb, kb that divides them, as REWRITE writes them.
  static String formatMemory(long bytes) {
    if (bytes != 0 && bytes % (1L << 30) == 0) return bytes / (1L << 30) + "gb";
    if (bytes != 0 && bytes % (1L << 20) == 0) return bytes / (1L << 20) + "mb";
    if (bytes != 0 && bytes % (1L << 10) == 0) return bytes / (1L << 10) + "kb";
    return Long.toString(bytes);
  }
}
