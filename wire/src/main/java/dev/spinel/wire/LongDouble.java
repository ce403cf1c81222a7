package dev.spinel.wire;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The x86-64 `long double`: a 64-bit fraction, exponents to ±16383, gradual underflow, rounding to
/// even. Redis computes INCRBYFLOAT, HINCRBYFLOAT and timeouts in it, and a sequence of increments
/// is equal byte for byte only if every one of them rounds like the x87 unit does.
///
/// A finite value is `±fraction × 2^exponent`, `fraction` unsigned. Each operation is exact in
/// integers, then rounded once. Immutable.
public final class LongDouble {
  private static final int BITS = 64;

  /// Exponents of the last bit of the smallest and the largest numbers.
  private static final int LOWEST = -16445;

  private static final int HIGHEST = 16320;

  /// Redis refuses longer texts.
  private static final int TEXT_MAX = 5 * 1024;

  /// Digits behind the point that are printed.
  private static final int PLACES = 17;

  private enum Kind {
    FINITE,
    INFINITE,
    NAN
  }

  private static final LongDouble NAN = new LongDouble(Kind.NAN, false, 0, 0);

  private final Kind kind;
  private final boolean negative;
  private final long fraction;
  private final int exponent;

  private LongDouble(Kind kind, boolean negative, long fraction, int exponent) {
    this.kind = kind;
    this.negative = negative;
    this.fraction = fraction;
    this.exponent = exponent;
  }

  public static LongDouble of(long v) {
    return new LongDouble(Kind.FINITE, v < 0, v < 0 ? -v : v, 0);
  }

  public static LongDouble of(double v) {
    if (Double.isNaN(v)) return NAN;
    if (Double.isInfinite(v)) return new LongDouble(Kind.INFINITE, v < 0, 0, 0);
    boolean negative = Double.doubleToRawLongBits(v) < 0;
    BigDecimal exact = new BigDecimal(Math.abs(v));
    return rounded(negative, exact.unscaledValue(), BigInteger.TEN.pow(exact.scale()));
  }

  /// What `strtold` makes of exactly these bytes, or null for what Redis refuses: other text around
  /// or instead of a number, `nan`, numbers beyond the range, numbers too small to be more than
  /// zero, texts of 5 KB. `inf` is accepted.
  public static @Nullable LongDouble parse(byte[] b, int at, int n) {
    if (n == 0 || n >= TEXT_MAX) return null;
    int shape = Numbers.shape(b, at, n);
    if (shape == Numbers.NOTHING) return null;
    boolean negative = b[at] == '-';
    if (shape == Numbers.INFINITE) return new LongDouble(Kind.INFINITE, negative, 0, 0);
    if (Numbers.zeroDigits(b, at, n, shape)) return new LongDouble(Kind.FINITE, negative, 0, 0);
    LongDouble v = shape == Numbers.HEXADECIMAL ? hexadecimal(b, at, n) : decimal(b, at, n);
    return v.kind == Kind.INFINITE || v.fraction == 0 ? null : v;
  }

  public static @Nullable LongDouble parse(String text) {
    byte[] b = text.getBytes(StandardCharsets.ISO_8859_1);
    return parse(b, 0, b.length);
  }

  private static LongDouble decimal(byte[] b, int at, int n) {
    int end = at + n;
    int mark = at;
    while (mark < end && (b[mark] | 32) != 'e') mark++;
    BigInteger digits = digits(b, at, mark, 10);
    long ten = (mark < end ? exponent(b, mark + 1, end) : 0) - placesAfterPoint(b, at, mark);
    boolean negative = b[at] == '-';
    // Far outside of the range the power need not be computed; 5,120 digits can bridge 5,120
    // decades.
    if (ten > 12_000) return new LongDouble(Kind.INFINITE, negative, 0, 0);
    if (ten < -12_000) return new LongDouble(Kind.FINITE, negative, 0, 0);
    BigInteger power = BigInteger.TEN.pow((int) Math.abs(ten));
    return ten >= 0
        ? rounded(negative, digits.multiply(power), BigInteger.ONE)
        : rounded(negative, digits, power);
  }

  private static LongDouble hexadecimal(byte[] b, int at, int n) {
    int end = at + n;
    int mark = at;
    while (mark < end && (b[mark] | 32) != 'p') mark++;
    int from = at + (b[at] == '-' || b[at] == '+' ? 3 : 2);
    BigInteger digits = digits(b, from, mark, 16);
    long two = (mark < end ? exponent(b, mark + 1, end) : 0) - 4L * placesAfterPoint(b, from, mark);
    boolean negative = b[at] == '-';
    if (two > 60_000) return new LongDouble(Kind.INFINITE, negative, 0, 0);
    if (two < -60_000) return new LongDouble(Kind.FINITE, negative, 0, 0);
    return two >= 0
        ? rounded(negative, digits.shiftLeft((int) two), BigInteger.ONE)
        : rounded(negative, digits, BigInteger.ONE.shiftLeft((int) -two));
  }

  private static BigInteger digits(byte[] b, int from, int to, int radix) {
    StringBuilder s = new StringBuilder(to - from);
    for (int i = from; i < to; i++)
      if (b[i] != '.' && b[i] != '-' && b[i] != '+') s.append((char) b[i]);
    return new BigInteger(s.toString(), radix);
  }

  private static long placesAfterPoint(byte[] b, int from, int to) {
    for (int i = from; i < to; i++) if (b[i] == '.') return to - i - 1;
    return 0;
  }

  /// A signed decimal number, cut at what is far beyond any range.
  private static long exponent(byte[] b, int from, int to) {
    boolean down = b[from] == '-';
    long e = 0;
    for (int i = down || b[from] == '+' ? from + 1 : from; i < to; i++)
      e = Math.min(1_000_000_000L, e * 10 + (b[i] - '0'));
    return down ? -e : e;
  }

  /// The long double nearest to ± n ÷ d.
  private static LongDouble rounded(boolean negative, BigInteger n, BigInteger d) {
    if (n.signum() == 0) return new LongDouble(Kind.FINITE, negative, 0, 0);
    // The quotient has 64 bits at this exponent, or 65 with one to drop.
    int exponent = n.bitLength() - d.bitLength() - BITS;
    BigInteger scaledN = n;
    BigInteger scaledD = d;
    exponent = Math.max(exponent, LOWEST);
    if (exponent < 0) scaledN = n.shiftLeft(-exponent);
    else scaledD = d.shiftLeft(exponent);
    if (scaledN.divide(scaledD).bitLength() > BITS) {
      exponent++;
      scaledD = scaledD.shiftLeft(1);
    }
    BigInteger[] q = scaledN.divideAndRemainder(scaledD);
    BigInteger fraction = q[0];
    int half = q[1].shiftLeft(1).compareTo(scaledD);
    if (half > 0 || half == 0 && fraction.testBit(0)) {
      fraction = fraction.add(BigInteger.ONE);
      if (fraction.bitLength() > BITS) {
        fraction = fraction.shiftRight(1);
        exponent++;
      }
    }
    if (exponent > HIGHEST) return new LongDouble(Kind.INFINITE, negative, 0, 0);
    return new LongDouble(Kind.FINITE, negative, fraction.longValue(), exponent);
  }

  public LongDouble plus(LongDouble o) {
    if (kind == Kind.NAN || o.kind == Kind.NAN) return NAN;
    if (kind == Kind.INFINITE)
      return o.kind == Kind.INFINITE && negative != o.negative ? NAN : this;
    if (o.kind == Kind.INFINITE) return o;
    int low = Math.min(exponent, o.exponent);
    BigInteger sum = signed().shiftLeft(exponent - low).add(o.signed().shiftLeft(o.exponent - low));
    if (sum.signum() == 0) return new LongDouble(Kind.FINITE, negative && o.negative, 0, 0);
    return scaled(sum, low);
  }

  public LongDouble times(long factor) {
    if (kind == Kind.NAN || kind == Kind.INFINITE && factor == 0) return NAN;
    boolean sign = negative != factor < 0;
    if (kind == Kind.INFINITE) return new LongDouble(kind, sign, 0, 0);
    BigInteger product = signed().multiply(BigInteger.valueOf(factor));
    if (product.signum() == 0) return new LongDouble(Kind.FINITE, sign, 0, 0);
    return scaled(product, exponent);
  }

  private static LongDouble scaled(BigInteger v, int exponent) {
    return exponent >= 0
        ? rounded(v.signum() < 0, v.abs().shiftLeft(exponent), BigInteger.ONE)
        : rounded(v.signum() < 0, v.abs(), BigInteger.ONE.shiftLeft(-exponent));
  }

  private BigInteger unsigned() {
    BigInteger f = BigInteger.valueOf(fraction & Long.MAX_VALUE);
    return fraction < 0 ? f.setBit(63) : f;
  }

  private BigInteger signed() {
    return negative ? unsigned().negate() : unsigned();
  }

  public boolean isFinite() {
    return kind == Kind.FINITE;
  }

  public boolean isNegative() {
    return negative && (kind == Kind.INFINITE || fraction != 0);
  }

  /// Whether the value is greater than `v`.
  public boolean isAbove(long v) {
    if (kind != Kind.FINITE) return kind == Kind.INFINITE && !negative;
    BigInteger other = BigInteger.valueOf(v);
    return exponent >= 0
        ? signed().shiftLeft(exponent).compareTo(other) > 0
        : signed().compareTo(other.shiftLeft(-exponent)) > 0;
  }

  /// The smallest integer that isn't below, cut to the range of a long; NaN is 0.
  public long ceil() {
    if (kind == Kind.NAN) return 0;
    if (kind == Kind.INFINITE) return negative ? Long.MIN_VALUE : Long.MAX_VALUE;
    BigInteger v =
        exponent >= 0
            ? signed().shiftLeft(exponent)
            : signed().negate().shiftRight(-exponent).negate();
    if (v.bitLength() < 64) return v.longValue();
    return v.signum() < 0 ? Long.MIN_VALUE : Long.MAX_VALUE;
  }

  public double toDouble() {
    if (kind == Kind.NAN) return Double.NaN;
    if (kind == Kind.INFINITE)
      return negative ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    double v = exact().doubleValue();
    return negative ? -v : v;
  }

  private BigDecimal exact() {
    return exponent >= 0
        ? new BigDecimal(unsigned().shiftLeft(exponent))
        : new BigDecimal(unsigned()).divide(new BigDecimal(BigInteger.ONE.shiftLeft(-exponent)));
  }

  /// As INCRBYFLOAT prints it: 17 places, without zeros at the end, never an exponent, no minus
  /// before a zero.
  public byte[] human() {
    if (kind != Kind.FINITE)
      return (kind == Kind.NAN ? "nan" : negative ? "-inf" : "inf")
          .getBytes(StandardCharsets.ISO_8859_1);
    byte[] digits;
    if (exponent >= 0) {
      digits = unsigned().shiftLeft(exponent).toString().getBytes(StandardCharsets.ISO_8859_1);
    } else {
      BigInteger n = unsigned().multiply(BigInteger.TEN.pow(PLACES));
      BigInteger d = BigInteger.ONE.shiftLeft(-exponent);
      BigInteger[] q = n.divideAndRemainder(d);
      int half = q[1].shiftLeft(1).compareTo(d);
      if (half > 0 || half == 0 && q[0].testBit(0)) q[0] = q[0].add(BigInteger.ONE);
      digits = withPoint(q[0].toString());
    }
    if (!negative || digits.length == 1 && digits[0] == '0') return digits;
    byte[] signed = new byte[digits.length + 1];
    signed[0] = '-';
    System.arraycopy(digits, 0, signed, 1, digits.length);
    return signed;
  }

  private static byte[] withPoint(String digits) {
    String s = "0".repeat(Math.max(0, PLACES + 1 - digits.length())) + digits;
    int point = s.length() - PLACES;
    int end = s.length();
    while (end > point && s.charAt(end - 1) == '0') end--;
    byte[] b = new byte[end == point ? point : end + 1];
    for (int i = 0; i < point; i++) b[i] = (byte) s.charAt(i);
    if (end > point) b[point] = '.';
    for (int i = point; i < end; i++) b[i + 1] = (byte) s.charAt(i);
    return b;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof LongDouble l && Arrays.equals(human(), l.human());
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(human());
  }

  @Override
  public String toString() {
    return new String(human(), StandardCharsets.ISO_8859_1);
  }
}
