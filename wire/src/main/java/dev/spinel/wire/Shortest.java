package dev.spinel.wire;

import java.math.BigInteger;

/// A double as few decimal digits that read back as the same double: Grisu2, from Florian Loitsch,
/// "Printing Floating-Point Numbers Quickly and Accurately with Integers" (PLDI 2010), which is
/// what Redis 7.2 prints scores with.
///
/// Not `Double.toString`: Grisu2 answers the shortest digits nearly always but, about once in a
/// thousand, one digit more or a neighbour of the closest; a reply that is to be equal byte for
/// byte must err in the same way. So all steps here are the algorithm's own, with 64-bit fractions
/// and the same choice of the cached power.
///
/// ```
///   lower ───────── v ───────── upper      the interval that rounds to v, scaled by 10^-k into a fixed-point
///       [   unsafe ±1 ulp shrunk   ]       number with 32 to 60 bits behind the point; digits of upper are
///                                          generated until what is left fits between upper and lower
/// ```
///
/// The powers are computed when the first fraction is printed (87 of them), not stored: 10^k for k
/// = -348, -340 … 340, each rounded to 64 bits.
final class Shortest {
  private static final int FIRST = -348;
  private static final int STEP = 8;
  private static final int POWERS = 87;
  private static final int MIN_EXPONENT = -60;
  private static final int MAX_EXPONENT = -32;
  private static final long HIDDEN = 1L << 52;
  private static final double LOG10_2 = 0.30102999566398114;

  private Shortest() {}

  /// Made on first use.
  private static final class Powers {
    static final long[] FRACTIONS = new long[POWERS];
    static final int[] EXPONENTS = new int[POWERS];

    static {
      for (int i = 0; i < POWERS; i++) {
        int k = FIRST + STEP * i;
        BigInteger power = BigInteger.TEN.pow(Math.abs(k));
        // 10^k as fraction × 2^exponent, the fraction of 64 bits, rounded to nearest
        int exponent;
        BigInteger fraction;
        if (k >= 0) {
          exponent = power.bitLength() - 64;
          fraction = rounded(power, BigInteger.ONE, -exponent);
        } else {
          exponent = -power.bitLength() - 63;
          fraction = rounded(BigInteger.ONE, power, -exponent);
        }
        if (fraction.bitLength() > 64) {
          fraction = fraction.shiftRight(1);
          exponent++;
        }
        FRACTIONS[i] = fraction.longValue();
        EXPONENTS[i] = exponent;
      }
    }

    private static BigInteger rounded(BigInteger n, BigInteger d, int shift) {
      BigInteger twice =
          shift >= -1 ? n.shiftLeft(shift + 1).divide(d) : n.shiftRight(-shift - 1).divide(d);
      return twice.add(BigInteger.ONE).shiftRight(1);
    }
  }

  /// Writes `v`, finite and not zero, at `at`; returns the place behind it.
  static int format(double v, byte[] into, int at) {
    if (v < 0) into[at++] = '-';
    long bits = Double.doubleToRawLongBits(v);
    long fraction = bits & (HIDDEN - 1);
    int exponent = (int) (bits >>> 52) & 0x7ff;
    if (exponent != 0) {
      fraction |= HIDDEN;
      exponent -= 1075;
    } else {
      exponent = -1074;
    }

    // The boundaries, half way to the neighbours; the lower neighbour of a power of two is nearer.
    long upper = (fraction << 1) + 1;
    int shift = Long.numberOfLeadingZeros(upper);
    upper <<= shift;
    int upperExponent = exponent - 1 - shift;
    int down = fraction == HIDDEN ? 2 : 1;
    long lower = ((fraction << down) - 1) << (exponent - down - upperExponent);
    int lead = Long.numberOfLeadingZeros(fraction);
    long w = fraction << lead;
    int wExponent = exponent - lead;

    // The power of ten that brings the exponent into the window.
    int approximate = (int) (-(upperExponent + POWERS) * LOG10_2);
    int i = (approximate - FIRST) / STEP;
    while (true) {
      int e = upperExponent + Powers.EXPONENTS[i] + 64;
      if (e < MIN_EXPONENT) i++;
      else if (e > MAX_EXPONENT) i--;
      else break;
    }
    long power = Powers.FRACTIONS[i];
    int powerExponent = Powers.EXPONENTS[i];
    w = times(w, power);
    upper = times(upper, power) - 1;
    lower = times(lower, power) + 1;
    assert wExponent == upperExponent;
    int scaled = upperExponent + powerExponent + 64;

    // Digits go behind a gap that is large enough for all that may come before them.
    int digits = at + 9;
    long made = digits(w, upper, lower, -scaled, into, digits);
    int count = (int) (made >>> 32);
    int k = (int) made - (FIRST + STEP * i);
    return layout(into, at, digits, count, k);
  }

  /// The upper 64 bits of a product of 64-bit fractions, rounded at bit 32 as the reference does
  /// it: from the four partial products.
  private static long times(long a, long b) {
    long mask = 0xffffffffL;
    long highLow = (a >>> 32) * (b & mask);
    long lowHigh = (a & mask) * (b >>> 32);
    long lowLow = (a & mask) * (b & mask);
    long highHigh = (a >>> 32) * (b >>> 32);
    long middle = (highLow & mask) + (lowHigh & mask) + (lowLow >>> 32) + (1L << 31);
    return highHigh + (highLow >>> 32) + (lowHigh >>> 32) + (middle >>> 32);
  }

  /// Generates digits of `upper` until the rest is within `upper - lower`, then steps the last one
  /// towards `w`. Returns `count << 32 | exponent of ten of the last digit`.
  private static long digits(long w, long upper, long lower, int point, byte[] into, int at) {
    long gap = upper - w;
    long delta = upper - lower;
    long one = 1L << point;
    long whole = upper >>> point;
    long part = upper & (one - 1);
    int n = 0;
    long ten = 1_000_000_000L;
    for (int kappa = 9; kappa >= 0; kappa--, ten /= 10) {
      long digit = whole / ten;
      if (digit != 0 || n != 0) into[at + n++] = (byte) ('0' + digit);
      whole -= digit * ten;
      long rest = (whole << point) + part;
      if (Long.compareUnsigned(rest, delta) <= 0) {
        approach(into, at + n - 1, delta, rest, ten << point, gap);
        return (long) n << 32 | kappa;
      }
    }
    long unit = 1;
    int kappa = 0;
    while (true) {
      part *= 10;
      delta *= 10;
      unit *= 10;
      kappa--;
      int digit = (int) (part >>> point);
      if (digit != 0 || n != 0) into[at + n++] = (byte) ('0' + digit);
      part &= one - 1;
      if (Long.compareUnsigned(part, delta) < 0) {
        approach(into, at + n - 1, delta, part, one, gap * unit);
        return (long) n << 32 | (kappa & 0xffffffffL);
      }
    }
  }

  private static void approach(byte[] b, int last, long delta, long rest, long ten, long gap) {
    while (Long.compareUnsigned(rest, gap) < 0
        && Long.compareUnsigned(delta - rest, ten) >= 0
        && (Long.compareUnsigned(rest + ten, gap) < 0
            || Long.compareUnsigned(gap - rest, rest + ten - gap) > 0)) {
      b[last]--;
      rest += ten;
    }
  }

  /// Places `count` digits, now at `digits`, worth 10^k each unit of the last, at `at`: plain where
  /// that is short, else with an exponent.
  private static int layout(byte[] b, int at, int digits, int count, int k) {
    int exponent = Math.abs(k + count - 1);
    if (k >= 0 && exponent < count + 7) {
      System.arraycopy(b, digits, b, at, count);
      for (int i = 0; i < k; i++) b[at + count + i] = '0';
      return at + count + k;
    }
    if (k < 0 && (k > -7 || exponent < 4)) {
      int whole = count + k;
      if (whole <= 0) {
        System.arraycopy(b, digits, b, at + 2 - whole, count);
        b[at] = '0';
        b[at + 1] = '.';
        for (int i = 0; i < -whole; i++) b[at + 2 + i] = '0';
        return at + 2 - whole + count;
      }
      System.arraycopy(b, digits, b, at, whole);
      System.arraycopy(b, digits + whole, b, at + whole + 1, count - whole);
      b[at + whole] = '.';
      return at + count + 1;
    }
    b[at++] = b[digits];
    if (count > 1) {
      b[at++] = '.';
      System.arraycopy(b, digits + 1, b, at, count - 1);
      at += count - 1;
    }
    b[at++] = 'e';
    b[at++] = (byte) (k + count - 1 < 0 ? '-' : '+');
    if (exponent > 99) b[at++] = (byte) ('0' + exponent / 100);
    if (exponent > 9) b[at++] = (byte) ('0' + exponent / 10 % 10);
    b[at++] = (byte) ('0' + exponent % 10);
    return at;
  }
}
