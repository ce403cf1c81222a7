package dev.spinel.wire;

import java.math.BigInteger;

/// The double nearest to a decimal number of up to 19 digits, without a string or a big integer:
/// the algorithm of Michael Eisel and Daniel Lemire ("Number Parsing at a Gigabyte per Second",
/// 2021).
///
/// The digits, shifted until their first bit is set, are multiplied by the first 64 bits, if need
/// be by 128 bits, of the power of ten. What the product lacks is too little to change how it is
/// rounded, but for rare cases that are recognised: of those, and of subnormal and too large
/// numbers, this says that it doesn't know.
///
/// The powers are computed when the first number is read.
final class Nearest {
  private static final int FIRST = -342;
  private static final int LAST = 308;

  /// Powers from here to 0 are rounded up, all others down: so the paper's proof has it.
  private static final int ROUNDED_UP = -27;

  /// Bits of the product beyond those that a double has and one more to round by.
  private static final long BEYOND = 0x1ff;

  private static final int FRACTION_BITS = 52;
  private static final int BIAS = 1023;

  private Nearest() {}

  /// Made on first use: 10^k as 128 bits, the first of them set.
  private static final class Powers {
    static final long[] HIGH = new long[LAST - FIRST + 1];
    static final long[] LOW = new long[HIGH.length];

    static {
      for (int k = FIRST; k <= LAST; k++) {
        BigInteger power = BigInteger.TEN.pow(Math.abs(k));
        BigInteger bits;
        if (k >= 0) {
          int shift = 128 - power.bitLength();
          bits = shift >= 0 ? power.shiftLeft(shift) : power.shiftRight(-shift);
        } else {
          bits = BigInteger.ONE.shiftLeft(power.bitLength() + 127).divide(power);
          if (k >= ROUNDED_UP) bits = bits.add(BigInteger.ONE);
        }
        HIGH[k - FIRST] = bits.shiftRight(64).longValue();
        LOW[k - FIRST] = bits.longValue();
      }
    }
  }

  /// The double nearest to `digits` × 10^`scale`, or NaN: some other way must find it.
  ///
  /// @param digits unsigned, not 0
  static double of(long digits, int scale) {
    if (scale < FIRST || scale > LAST) return Double.NaN;
    int shift = Long.numberOfLeadingZeros(digits);
    long w = digits << shift;
    long power = Powers.HIGH[scale - FIRST];
    long high = Math.unsignedMultiplyHigh(w, power);
    long low = w * power;
    if ((high & BEYOND) == BEYOND) {
      long more = Math.unsignedMultiplyHigh(w, Powers.LOW[scale - FIRST]);
      low += more;
      if (Long.compareUnsigned(low, more) < 0) high++;
    }
    if (low == -1 && (scale < ROUNDED_UP || scale > 55)) return Double.NaN;
    int upper = (int) (high >>> 63);
    int rest = upper + 64 - FRACTION_BITS - 3;
    long mantissa = high >>> rest;
    int exponent = (217706 * scale >> 16) + 63 + upper - shift + BIAS;
    if (exponent <= 0) return Double.NaN;
    boolean halfway =
        Long.compareUnsigned(low, 1) <= 0
            && scale >= -4
            && scale <= 23
            && (mantissa & 3) == 1
            && mantissa << rest == high;
    if (halfway) mantissa--; // to the even one
    mantissa = mantissa + (mantissa & 1) >>> 1;
    if (mantissa == 2L << FRACTION_BITS) {
      mantissa >>>= 1;
      exponent++;
    }
    if (exponent >= 2047) return Double.NaN;
    return Double.longBitsToDouble(
        (long) exponent << FRACTION_BITS | mantissa & (1L << FRACTION_BITS) - 1);
  }
}
