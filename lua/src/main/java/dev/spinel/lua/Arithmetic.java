package dev.spinel.lua;

/// What the operators do to two numbers. NaNs have the sign that C's have on today's processors,
/// since `tostring` shows it: minus for the result of an invalid operation.
final class Arithmetic {
  static final double NAN = Double.longBitsToDouble(0xfff8000000000000L);

  private Arithmetic() {}

  static double compute(Event event, double x, double y) {
    return switch (event) {
      case ADD -> nan(x + y, x, y);
      case SUB -> nan(x - y, x, y);
      case MUL -> nan(x * y, x, y);
      case DIV -> nan(x / y, x, y);
      case MOD -> mod(x, y);
      case POW -> pow(x, y);
      case UNM -> negate(x);
      default -> throw new IllegalArgumentException(event.toString());
    };
  }

  /// `result` of an operation on x and y, with the right sign if it is a NaN.
  static double nan(double result, double x, double y) {
    if (!Double.isNaN(result)) return result;
    return Double.isNaN(x) ? x : Double.isNaN(y) ? y : NAN;
  }

  /// Rounded towards minus infinity, so that the result has the sign of `y`.
  static double mod(double x, double y) {
    double result = x - Math.floor(x / y) * y;
    return !Double.isNaN(result) ? result : nan(result, x, y);
  }

  static double pow(double x, double y) {
    if (y == 2) return x * x;
    if (x == 1) return 1; // in C whatever y is
    if (x == -1 && Double.isInfinite(y)) return 1;
    if (Double.isNaN(x) && Math.abs(y % 2) == 1)
      return Math.abs(x); // C's takes the sign off a NaN then
    double result = Math.pow(x, y);
    return !Double.isNaN(result) ? result : nan(result, x, y);
  }

  static double negate(double x) {
    return !Double.isNaN(x)
        ? -x
        : Double.longBitsToDouble(Double.doubleToRawLongBits(x) ^ Long.MIN_VALUE);
  }
}
