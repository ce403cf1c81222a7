package dev.spinel.lua;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;

/// Numbers as text, as C's `printf` writes them: exact decimal expansions, rounded half to even.
final class NumberText {
  private static final int LUA_DIGITS = 14;
  private static final LuaString[] SMALL = new LuaString[256];

  static {
    for (int i = 0; i < SMALL.length; i++) SMALL[i] = LuaString.of(Integer.toString(i));
  }

  private NumberText() {}

  /// `%.14g`: how Lua shows a number.
  static LuaString of(double number) {
    long whole = (long) number;
    if (whole == number && Math.abs(whole) < 100_000_000_000_000L) {
      if (whole > 0 && whole < SMALL.length) return SMALL[(int) whole];
      if (whole != 0) return ofLong(whole);
      return Double.doubleToRawLongBits(number) == 0 ? SMALL[0] : LuaString.of("-0");
    }
    return LuaString.of(general(number, LUA_DIGITS).getBytes(StandardCharsets.ISO_8859_1));
  }

  private static LuaString ofLong(long number) {
    byte[] digits = new byte[20];
    int at = digits.length;
    for (long rest = Math.abs(number); rest != 0; rest /= 10)
      digits[--at] = (byte) ('0' + rest % 10);
    if (number < 0) digits[--at] = '-';
    return LuaString.of(digits, at, digits.length - at);
  }

  /// `%.*g` with `digits` significant digits.
  static String general(double number, int digits) {
    return new Conversion('g', "", 0, digits).format(number);
  }

  /// One conversion of a format string: `%`, flags, width, precision (-1: none), conversion letter.
  record Conversion(char letter, String flags, int width, int precision) {
    /// `%e`, `%E`, `%f`, `%g`, `%G`.
    String format(double number) {
      boolean negative = Double.doubleToRawLongBits(number) < 0;
      String digits;
      boolean finite = !Double.isNaN(number) && !Double.isInfinite(number);
      if (finite) digits = finite(Math.abs(number));
      else digits = Double.isNaN(number) ? "nan" : "inf";
      if (Character.isUpperCase(letter)) digits = digits.toUpperCase(java.util.Locale.ROOT);
      return pad(sign(negative), digits, finite && has('0'));
    }

    private String finite(double number) {
      int places = precision < 0 ? 6 : precision;
      return switch (letter) {
        case 'f' -> fixed(new BigDecimal(number), places);
        case 'e', 'E' -> scientific(Digits.of(number, places + 1), places);
        default -> shorter(number, Math.max(places, 1));
      };
    }

    private String shorter(double number, int significant) {
      Digits digits = Digits.of(number, significant);
      int exponent = digits.exponent;
      String text;
      if (exponent < -4 || exponent >= significant) text = scientific(digits, significant - 1);
      else text = digits.plain(significant - 1 - exponent, has('#'));
      if (has('#')) return text;
      int end = text.indexOf('e');
      String tail = end < 0 ? "" : text.substring(end);
      String head = end < 0 ? text : text.substring(0, end);
      if (head.indexOf('.') < 0) return text;
      int last = head.length();
      while (head.charAt(last - 1) == '0') last--;
      if (head.charAt(last - 1) == '.') last--;
      return head.substring(0, last) + tail;
    }

    private String fixed(BigDecimal number, int places) {
      String text = number.setScale(places, RoundingMode.HALF_EVEN).toPlainString();
      return places == 0 && has('#') ? text + "." : text;
    }

    private String scientific(Digits digits, int places) {
      StringBuilder text = new StringBuilder();
      text.append(digits.digits.charAt(0));
      if (places > 0 || has('#')) text.append('.');
      text.append(digits.digits, 1, digits.digits.length());
      for (int i = digits.digits.length() - 1; i < places; i++) text.append('0');
      int exponent = Math.abs(digits.exponent);
      text.append('e').append(digits.exponent < 0 ? '-' : '+');
      if (exponent < 10) text.append('0');
      return text.append(exponent).toString();
    }

    /// `%d` and `%i`.
    String formatSigned(long number) {
      String digits = number == 0 && precision == 0 ? "" : Long.toString(number).replace("-", "");
      return pad(sign(number < 0), atLeast(digits), has('0') && precision < 0);
    }

    /// `%o`, `%u`, `%x`, `%X`.
    String formatUnsigned(long number) {
      String digits =
          switch (letter) {
            case 'o' -> Long.toOctalString(number);
            case 'u' -> Long.toUnsignedString(number);
            case 'x' -> Long.toHexString(number);
            default -> Long.toHexString(number).toUpperCase(java.util.Locale.ROOT);
          };
      if (number == 0 && precision == 0) digits = "";
      digits = atLeast(digits);
      String prefix = "";
      if (has('#')) {
        if (letter == 'o' && !digits.startsWith("0")) digits = "0" + digits;
        if ((letter == 'x' || letter == 'X') && number != 0) prefix = "0" + letter;
      }
      return pad(prefix, digits, has('0') && precision < 0);
    }

    private String atLeast(String digits) {
      return digits.length() < precision
          ? "0".repeat(precision - digits.length()) + digits
          : digits;
    }

    private String sign(boolean negative) {
      if (negative) return "-";
      return has('+') ? "+" : has(' ') ? " " : "";
    }

    /// Text padded with spaces (or zeros behind the sign) to the width.
    String pad(String sign, String text, boolean zeros) {
      int missing = width - sign.length() - text.length();
      if (missing <= 0) return sign + text;
      if (has('-')) return sign + text + " ".repeat(missing);
      return zeros ? sign + "0".repeat(missing) + text : " ".repeat(missing) + sign + text;
    }

    boolean has(char flag) {
      return flags.indexOf(flag) >= 0;
    }
  }

  /// Significant digits, without zeros at the end that rounding didn't ask for: 0.d₀d₁d₂… × 10 to
  /// the power of `exponent` + 1.
  private record Digits(String digits, int exponent) {
    /// `number` ≥ 0, rounded to `count` digits.
    static Digits of(double number, int count) {
      if (number == 0) return new Digits("0", 0);
      Digits shortest = shortest(number);
      int length = shortest.digits.length();
      // 15 digits at most lie so far apart that the nearest to the number is the nearest to these.
      if (length <= count && count <= 15 && number >= Double.MIN_NORMAL) return shortest;
      // The shortest digits lie on the same side of every shorter decimal as the number itself, so
      // rounding them rounds the number. Only where they end in the very middle the number decides.
      boolean tie = length == count + 1 && shortest.digits.charAt(count) == '5';
      if (length > count && !tie) return shortest.round(count);
      BigDecimal rounded =
          new BigDecimal(number).round(new MathContext(count, RoundingMode.HALF_EVEN));
      String digits = rounded.unscaledValue().toString();
      return new Digits(digits, digits.length() - 1 - rounded.scale());
    }

    /// The fewest digits that read as this number.
    private static Digits shortest(double number) {
      String text = Double.toString(number);
      int e = text.indexOf('E');
      int exponent = e < 0 ? 0 : Integer.parseInt(text.substring(e + 1));
      String mantissa = e < 0 ? text : text.substring(0, e);
      int point = mantissa.indexOf('.');
      String all = mantissa.substring(0, point) + mantissa.substring(point + 1);
      int first = 0;
      while (all.charAt(first) == '0') first++;
      int last = all.length();
      while (all.charAt(last - 1) == '0') last--;
      return new Digits(all.substring(first, last), exponent + point - 1 - first);
    }

    private Digits round(int count) {
      if (digits.charAt(count) < '5') return new Digits(digits.substring(0, count), exponent);
      char[] kept = digits.substring(0, count).toCharArray();
      int i = count - 1;
      while (i >= 0 && kept[i] == '9') kept[i--] = '0';
      if (i < 0) return new Digits("1", exponent + 1);
      kept[i]++;
      return new Digits(new String(kept), exponent);
    }

    /// Without an exponent, with `places` digits after the point.
    String plain(int places, boolean point) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i <= exponent; i++) text.append(digit(i));
      if (exponent < 0) text.append('0');
      if (places > 0 || point) text.append('.');
      for (int i = 0; i < places; i++) text.append(digit(exponent + 1 + i));
      return text.toString();
    }

    private char digit(int i) {
      return i >= 0 && i < digits.length() ? digits.charAt(i) : '0';
    }
  }
}
