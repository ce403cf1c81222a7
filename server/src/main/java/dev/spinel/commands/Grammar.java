package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.wire.LongDouble;

/// What the arguments of several families have in common: counts of keys, timeouts, positions in a
/// sequence, sums.
final class Grammar {
  static final CommandError NOT_POSITIVE =
      new CommandError("ERR value is out of range, must be positive");
  private static final CommandError NO_KEYS =
      new CommandError("ERR numkeys should be greater than 0");
  private static final CommandError OVERFLOW =
      new CommandError("ERR increment or decrement would overflow");
  private static final CommandError NOT_FINITE =
      new CommandError("ERR increment would produce NaN or Infinity");

  private Grammar() {}

  // ── keys ──

  /// The number of keys at argument `at`, in front of the keys themselves. Errors: not an integer
  /// above 0; `tooMany` if fewer than that, and `behind` words more, follow.
  static int keys(Call call, int at, int behind, CommandError tooMany) {
    long count = call.integer(at, 1, Long.MAX_VALUE, NO_KEYS);
    if (count > call.argc() - 1 - at - behind) {
      throw tooMany;
    }
    return (int) count;
  }

  /// The same with the error messages of ZUNION, ZINTER and ZDIFF.
  static int inputKeys(Call call, int at) {
    long count = call.integer(at);
    if (count < 1) {
      throw new CommandError(
          "ERR at least 1 input key is needed for '" + call.command().name + "' command");
    }
    if (count > call.argc() - 1 - at) {
      throw CommandError.SYNTAX;
    }
    return (int) count;
  }

  // ── timeouts ──

  /// The seconds at argument `at`, which may have a fraction, as milliseconds; 0 means that there
  /// is no limit.
  static long timeout(Call call, int at) {
    LongDouble seconds = call.arg(at).toLongDouble();
    if (seconds == null) {
      throw new CommandError("ERR timeout is not a float or out of range");
    }
    LongDouble millis = seconds.times(1000);
    if (millis.isAbove(Long.MAX_VALUE)) {
      throw new CommandError("ERR timeout is out of range");
    }
    long timeout = millis.ceil();
    if (timeout < 0) {
      throw new CommandError("ERR timeout is negative");
    }
    if (timeout > Long.MAX_VALUE - call.now()) {
      throw new CommandError("ERR timeout is out of range");
    }
    return timeout;
  }

  // ── positions ──

  /// The first position of a range in a sequence of `length` elements. `start` is what the client
  /// sent: if it is negative it counts from the end, and positions before the first element become
  /// 0. A range whose first position is behind its last is empty.
  static long first(long start, long length) {
    return Math.max(0, start < 0 ? start + length : start);
  }

  /// The last position of a range, of what the client sent; below 0 if the range ends before the
  /// first element.
  static long last(long end, long length) {
    return Math.min(length - 1, end < 0 ? end + length : end);
  }

  // ── sums ──

  /// Errors: beyond 64 bits.
  static long sum(long old, long by) {
    long sum = old + by;
    if (((old ^ sum) & (by ^ sum)) < 0) {
      throw OVERFLOW;
    }
    return sum;
  }

  /// Errors: not finite.
  static LongDouble sum(LongDouble old, LongDouble by) {
    LongDouble sum = old.plus(by);
    if (!sum.isFinite()) {
      throw NOT_FINITE;
    }
    return sum;
  }
}
