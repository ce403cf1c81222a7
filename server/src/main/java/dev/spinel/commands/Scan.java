package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.wire.Glob;
import dev.spinel.wire.Slice;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What SCAN, HSCAN and their kin have in common: the cursor's form and the options.
///
/// @param count how many elements to look at, at least 1
/// @param pattern null: all match
/// @param type lower case, null: any
record Scan(long count, byte @Nullable [] pattern, @Nullable String type) {
  private static final CommandError INVALID = new CommandError("ERR invalid cursor");

  /// A cursor: an unsigned decimal of 64 bits, read as strtoul does (a sign is allowed, blanks
  /// before it aren't).
  static long cursor(Slice text) {
    int at = 0;
    boolean negative = false;
    if (text.length > 0 && (text.byteAt(0) == '-' || text.byteAt(0) == '+')) {
      negative = text.byteAt(0) == '-';
      at = 1;
    }
    if (at == text.length && at == 1) {
      throw INVALID;
    }
    long value = 0;
    for (; at < text.length; at++) {
      int digit = text.byteAt(at) - '0';
      if (digit < 0
          || digit > 9
          || Long.compareUnsigned(value, Long.divideUnsigned(-1L - digit, 10)) > 0) {
        throw INVALID;
      }
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }

  /// The options from argument `from` on.
  static Scan options(Call call, int from, boolean withType) {
    long count = 10;
    byte[] pattern = null;
    String type = null;
    for (int i = from; i < call.argc(); i += 2) {
      boolean more = i + 1 < call.argc();
      if (more && call.is(i, "COUNT")) {
        count = call.integer(i + 1);
        if (count < 1) {
          throw CommandError.SYNTAX;
        }
      } else if (more && call.is(i, "MATCH")) {
        pattern = call.bytes(i + 1);
        if (pattern.length == 1 && pattern[0] == '*') {
          pattern = null;
        }
      } else if (more && withType && call.is(i, "TYPE")) {
        type = call.text(i + 1).toLowerCase(Locale.ROOT);
      } else {
        throw CommandError.SYNTAX;
      }
    }
    return new Scan(count, pattern, type);
  }

  boolean matches(byte[] name) {
    return pattern == null || Glob.matches(pattern, name, false);
  }
}
