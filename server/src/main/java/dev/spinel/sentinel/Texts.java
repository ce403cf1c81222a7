package dev.spinel.sentinel;

import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespValue;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Numbers and strings of requests and replies. Text is characters 0 to 255, a byte each.
final class Texts {
  static final RespValue OK = new RespValue.Simple("OK");

  private Texts() {}

  /// The number that a text is, strictly, or null.
  static @Nullable Long number(String text) {
    byte[] bytes = bytes(text);
    return Numbers.isLong(bytes, 0, bytes.length)
        ? Numbers.parseLong(bytes, 0, bytes.length, 0)
        : null;
  }

  /// The number that a text begins with, as C reads it; 0 if it begins with none.
  static long leadingNumber(String text) {
    int at = 0;
    while (at < text.length() && text.charAt(at) == ' ') {
      at++;
    }
    boolean negative = at < text.length() && text.charAt(at) == '-';
    if (negative || (at < text.length() && text.charAt(at) == '+')) {
      at++;
    }
    long number = 0;
    for (; at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9'; at++) {
      int digit = text.charAt(at) - '0';
      if (number > (Long.MAX_VALUE - digit) / 10) {
        return negative ? Long.MIN_VALUE : Long.MAX_VALUE;
      }
      number = number * 10 + digit;
    }
    return negative ? -number : number;
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  static RespValue bulk(String text) {
    return new RespValue.Bulk(bytes(text));
  }

  static RespValue bulk(long number) {
    return bulk(Long.toString(number));
  }

  static RespValue error(String text) {
    return new RespValue.Error(text);
  }
}
