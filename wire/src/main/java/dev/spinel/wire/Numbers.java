package dev.spinel.wire;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;

/// Numbers as text, to and from bytes, in exactly the forms that Redis accepts and prints. Nothing
/// here allocates on a common path. Stateless.
public final class Numbers {
  /// The longest integer: `-9223372036854775808`.
  public static final int LONG_CHARS = 20;

  /// More than any [#format(double, byte[], int)] writes.
  public static final int DOUBLE_CHARS = 32;

  private static final double[] TENS = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22
  };

  /// Exact in a double, so that one multiplication or division rounds once.
  private static final long EXACT = 1L << 53;

  /// Integers up to here are printed as such: half the range of a long, as a cautious cast would
  /// have it.
  private static final double INTEGRAL = 0x1p62;

  /// 10^i; where that is beyond a long, its greatest value.
  private static final long[] POWERS = powers();

  /// The last and the first digit of 0 to 99.
  private static final byte[] ONES = new byte[100];

  private static final byte[] TENS_OF = new byte[100];

  static {
    for (int i = 0; i < 100; i++) {
      ONES[i] = (byte) ('0' + i % 10);
      TENS_OF[i] = (byte) ('0' + i / 10);
    }
  }

  private Numbers() {}

  private static long[] powers() {
    long[] p = new long[20];
    long power = 1;
    for (int i = 0; i < 19; i++, power *= 10) p[i] = power;
    p[19] = Long.MAX_VALUE;
    return p;
  }

  // ── Integers ──

  /// Whether the bytes are a 64-bit integer in its one canonical form: no plus, no leading zero, no
  /// space, no `-0`.
  public static boolean isLong(byte[] b, int at, int n) {
    return parseLong(b, at, n, 0) != 0 || n == 1 && b[at] == '0';
  }

  /// The integer, or `otherwise` if [#isLong] is false.
  public static long parseLong(byte[] b, int at, int n, long otherwise) {
    if (n < 1 || n > LONG_CHARS) return otherwise;
    int i = at;
    int end = at + n;
    int c = b[i];
    if (c == '0') return n == 1 ? 0 : otherwise;
    boolean negative = c == '-';
    if (negative) {
      if (n == 1) return otherwise;
      c = b[++i];
    }
    if (c < '1' || c > '9') return otherwise;
    long v = -(c - '0'); // negative, as that side is longer by one
    if (end - i > 19) return otherwise;
    int safe = Math.min(end, i + 18); // 18 digits can't overflow
    for (i++; i < safe; i++) {
      int d = b[i] - '0';
      if (d < 0 || d > 9) return otherwise;
      v = v * 10 - d;
    }
    if (i < end) {
      int d = b[i] - '0';
      if (d < 0 || d > 9) return otherwise;
      if (v < Long.MIN_VALUE / 10 || v * 10 < Long.MIN_VALUE + d) return otherwise;
      v = v * 10 - d;
    }
    if (negative) return v;
    return v == Long.MIN_VALUE ? otherwise : -v;
  }

  /// Decimal digits of `v`, without its sign.
  public static int digits(long v) {
    long n = v < 0 ? -v : v;
    if (n < 0) return 19;
    // 1233 / 4096 is log10(2): right, or one too few
    int digits = (64 - Long.numberOfLeadingZeros(n | 1)) * 1233 >> 12;
    return n >= POWERS[digits] ? digits + 1 : Math.max(digits, 1);
  }

  /// Writes `v` at `at`; returns the place behind it. Needs up to [#LONG_CHARS] bytes.
  public static int format(long v, byte[] into, int at) {
    if (v < 0) {
      into[at++] = '-';
      if (v == Long.MIN_VALUE) {
        into[at++] = '9'; // the rest is in range again
        v = 223372036854775808L;
      } else {
        v = -v;
      }
    }
    if (v < 10) {
      into[at] = (byte) ('0' + v);
      return at + 1;
    }
    int end = at + digits(v);
    int i = end;
    while (v >= 100) {
      long q = v / 100;
      int two = (int) (v - q * 100);
      into[--i] = ONES[two];
      into[--i] = TENS_OF[two];
      v = q;
    }
    if (v >= 10) {
      into[i - 1] = ONES[(int) v];
      into[i - 2] = TENS_OF[(int) v];
    } else {
      into[i - 1] = (byte) ('0' + v);
    }
    return end;
  }

  public static byte[] bytes(long v) {
    byte[] b = new byte[digits(v) + (v < 0 ? 1 : 0)];
    format(v, b, 0);
    return b;
  }

  // ── Doubles ──

  /// What `strtod` makes of exactly these bytes: decimal, hexadecimal (`0x1.8p3`), `inf`,
  /// `infinity`. NaN stands for "not a float": anything else, spaces around it, `nan`, and numbers
  /// beyond the range, or too small to be more than zero.
  public static double parseDouble(byte[] b, int at, int n) {
    int end = at + n;
    int i = at;
    boolean negative = i < end && b[i] == '-';
    if (negative || i < end && b[i] == '+') i++;
    int first = i;
    long mantissa = 0;
    int digits = 0; // significant ones
    int scale = 0;
    for (; i < end && b[i] >= '0' && b[i] <= '9'; i++) {
      if (digits == 18) return slowDouble(b, at, n);
      mantissa = mantissa * 10 + (b[i] - '0');
      if (mantissa != 0) digits++;
    }
    int seen = i - first;
    if (i < end && b[i] == '.') {
      int dot = i;
      for (i++; i < end && b[i] >= '0' && b[i] <= '9'; i++) {
        if (digits == 18) return slowDouble(b, at, n);
        mantissa = mantissa * 10 + (b[i] - '0');
        if (mantissa != 0) digits++;
        scale--;
      }
      seen += i - dot - 1;
    }
    if (seen == 0) return slowDouble(b, at, n);
    if (i < end && (b[i] | 32) == 'e') {
      i++;
      boolean down = i < end && b[i] == '-';
      if (down || i < end && b[i] == '+') i++;
      if (i == end || end - i > 4) return slowDouble(b, at, n);
      int e = 0;
      for (; i < end && b[i] >= '0' && b[i] <= '9'; i++) e = e * 10 + (b[i] - '0');
      scale += down ? -e : e;
    }
    if (i < end) return slowDouble(b, at, n);
    double v;
    if (mantissa == 0) v = 0;
    else if (mantissa <= EXACT && scale >= -22 && scale <= 22)
      v = scale < 0 ? mantissa / TENS[-scale] : mantissa * TENS[scale];
    else {
      v = Nearest.of(mantissa, scale);
      if (Double.isNaN(v)) return slowDouble(b, at, n);
    }
    return negative ? -v : v;
  }

  private static double slowDouble(byte[] b, int at, int n) {
    int shape = shape(b, at, n);
    double v = exactDouble(b, at, n, shape);
    if (Double.isInfinite(v) && shape != INFINITE) return Double.NaN;
    if (v == 0 && !zeroDigits(b, at, n, shape)) return Double.NaN;
    return v;
  }

  private static double exactDouble(byte[] b, int at, int n, int shape) {
    if (shape == NOTHING) return Double.NaN;
    boolean negative = b[at] == '-';
    if (shape == INFINITE) return negative ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    String text = new String(b, at, n, StandardCharsets.ISO_8859_1);
    return Double.parseDouble(
        shape == HEXADECIMAL && !hasBinaryExponent(b, at, n) ? text + "p0" : text);
  }

  /// The same, but numbers beyond the range are infinite, and those that are too small to be more
  /// than zero are zero.
  public static double nearestDouble(byte[] b, int at, int n) {
    double v = parseDouble(b, at, n);
    return Double.isNaN(v) ? exactDouble(b, at, n, shape(b, at, n)) : v;
  }

  static final int NOTHING = 0;
  static final int DECIMAL = 1;
  static final int HEXADECIMAL = 2;
  static final int INFINITE = 3;

  /// Which of the forms that C's `strtod` reads these bytes are, as a whole.
  static int shape(byte[] b, int at, int n) {
    int i = at;
    int end = at + n;
    if (i < end && (b[i] == '-' || b[i] == '+')) i++;
    if (i == end) return NOTHING;
    if ((b[i] | 32) == 'i')
      return isWord(b, i, end, "inf") || isWord(b, i, end, "infinity") ? INFINITE : NOTHING;
    boolean hex = i + 1 < end && b[i] == '0' && (b[i + 1] | 32) == 'x';
    if (hex) i += 2;
    int digits = 0;
    for (; i < end && isDigit(b[i], hex); i++) digits++;
    if (i < end && b[i] == '.') for (i++; i < end && isDigit(b[i], hex); i++) digits++;
    if (digits == 0) return NOTHING;
    if (i < end) {
      if ((b[i++] | 32) != (hex ? 'p' : 'e')) return NOTHING;
      if (i < end && (b[i] == '-' || b[i] == '+')) i++;
      if (i == end) return NOTHING;
      for (; i < end; i++) if (!isDigit(b[i], false)) return NOTHING;
    }
    return hex ? HEXADECIMAL : DECIMAL;
  }

  private static boolean isDigit(int c, boolean hex) {
    return c >= '0' && c <= '9' || hex && (c | 32) >= 'a' && (c | 32) <= 'f';
  }

  private static boolean isWord(byte[] b, int at, int end, String lower) {
    if (end - at != lower.length()) return false;
    for (int i = 0; i < lower.length(); i++) if ((b[at + i] | 32) != lower.charAt(i)) return false;
    return true;
  }

  static boolean hasBinaryExponent(byte[] b, int at, int n) {
    for (int i = at; i < at + n; i++) if ((b[i] | 32) == 'p') return true;
    return false;
  }

  /// Whether the digits before any exponent are all zero.
  static boolean zeroDigits(byte[] b, int at, int n, int shape) {
    boolean hex = shape == HEXADECIMAL;
    for (int i = at; i < at + n; i++) {
      int c = b[i] | 32;
      if (c == (hex ? 'p' : 'e')) return true;
      if (c >= '1' && c <= '9' || hex && c >= 'a' && c <= 'f') return false;
    }
    return true;
  }

  /// Writes `v` as a score is printed: an integer as such, else the digits of [Shortest]; `inf`,
  /// `-inf`, `nan`, `-0`. Returns the place behind it.
  public static int format(double v, byte[] into, int at) {
    if (v == (long) v && v >= -INTEGRAL && v <= INTEGRAL && (v != 0 || 1 / v > 0))
      return format((long) v, into, at);
    if (v == 0) {
      into[at] = '-';
      into[at + 1] = '0';
      return at + 2;
    }
    if (Double.isFinite(v)) return Shortest.format(v, into, at);
    String word = Double.isNaN(v) ? "nan" : v < 0 ? "-inf" : "inf";
    for (int i = 0; i < word.length(); i++) into[at++] = (byte) word.charAt(i);
    return at;
  }

  /// `v` as digests and files have it: the digits of [Shortest], also of an integer; `inf`, `-inf`,
  /// `-0`.
  public static byte[] shortest(double v) {
    if (v == 0 || !Double.isFinite(v)) return bytes(v);
    byte[] b = new byte[DOUBLE_CHARS];
    return java.util.Arrays.copyOf(b, Shortest.format(v, b, 0));
  }

  /// `v` as `%.17g` prints it: 17 digits, or fewer if the last ones are zero.
  public static byte[] seventeenDigits(double v) {
    if (v == 0 || !Double.isFinite(v)) return bytes(v);
    BigDecimal rounded = new BigDecimal(v).round(new MathContext(17, RoundingMode.HALF_EVEN));
    int exponent = rounded.precision() - rounded.scale() - 1;
    String text;
    if (exponent >= -4 && exponent < 17) {
      text = rounded.stripTrailingZeros().toPlainString();
    } else {
      BigDecimal mantissa = rounded.movePointLeft(exponent).stripTrailingZeros();
      String digits = Integer.toString(Math.abs(exponent));
      text =
          mantissa.toPlainString()
              + (exponent < 0 ? "e-" : "e+")
              + (digits.length() < 2 ? "0" : "")
              + digits;
    }
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  public static byte[] bytes(double v) {
    byte[] b = new byte[DOUBLE_CHARS];
    return java.util.Arrays.copyOf(b, format(v, b, 0));
  }
}
