package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NumbersTest {
  private static byte[] bytes(String s) {
    return s.getBytes(StandardCharsets.ISO_8859_1);
  }

  static List<String> recording(String name) throws IOException {
    try (var in = NumbersTest.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1).lines().toList();
    }
  }

  /// The definition: canonical digits, within 64 bits.
  private static boolean isCanonical(String s) {
    if (!s.matches("0|-?[1-9][0-9]{0,30}")) return false;
    BigInteger v = new BigInteger(s);
    return v.bitLength() < 64;
  }

  private static void checkLong(String s) {
    byte[] b = bytes("9" + s + "9");
    boolean expected = isCanonical(s);
    assertThat(Numbers.isLong(b, 1, s.length())).as(s).isEqualTo(expected);
    long otherwise = 77;
    assertThat(Numbers.parseLong(b, 1, s.length(), otherwise))
        .as(s)
        .isEqualTo(expected ? Long.parseLong(s) : otherwise);
  }

  @Test
  void onlyTheCanonicalFormOfAnIntegerIsOne() {
    for (String s :
        List.of(
            "",
            "-",
            "+",
            "0",
            "-0",
            "+0",
            "00",
            "01",
            "-01",
            "1",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "1e1",
            "0x1",
            "a",
            "9223372036854775806",
            "9223372036854775807",
            "9223372036854775808",
            "9223372036854775809",
            "9223372036854775810",
            "9223372036854775799",
            "-9223372036854775807",
            "-9223372036854775808",
            "-9223372036854775809",
            "-9223372036854775810",
            "-9223372036854775799",
            "922337203685477580",
            "922337203685477580:",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999",
            "-99999999999999999999",
            "999999999999999999",
            "9999999999999999999",
            "-9999999999999999999",
            "1000000000000000000",
            "-1000000000000000000",
            "-922337203685477580/")) checkLong(s);
    Random r = new Random(1);
    String alphabet = "0123456789999-+ .";
    for (int i = 0; i < 200_000; i++) {
      StringBuilder s = new StringBuilder();
      for (int n = r.nextInt(22); n > 0; n--)
        s.append(alphabet.charAt(r.nextInt(r.nextInt(8) == 0 ? 17 : 13)));
      checkLong(s.toString());
      checkLong(Long.toString(r.nextLong() >> r.nextInt(64)));
    }
  }

  @Test
  void integersAreWrittenAsTheyAreRead() {
    Random r = new Random(2);
    byte[] b = new byte[32];
    for (int i = 0; i < 300_000; i++) {
      long v = i < 64 ? 1L << i : i < 2000 ? i - 1000 : r.nextLong() >> r.nextInt(64);
      for (long w : new long[] {v, -v, v - 1, ~v}) {
        int end = Numbers.format(w, b, 3);
        String s = new String(b, 3, end - 3, StandardCharsets.ISO_8859_1);
        assertThat(s).isEqualTo(Long.toString(w));
        assertThat(Numbers.digits(w)).isEqualTo(s.length() - (w < 0 ? 1 : 0));
      }
    }
    long ten = 1;
    for (int i = 0; i < 19; i++, ten *= 10)
      for (long w : new long[] {ten, ten - 1, -ten, 1 - ten})
        assertThat(Numbers.bytes(w)).isEqualTo(bytes(Long.toString(w)));
  }

  @Test
  void scoresArePrintedAsARealServerPrintsThem() throws IOException {
    int checked = 0;
    for (String line : recording("scores.txt")) {
      int space = line.indexOf(' ');
      double d = Double.longBitsToDouble(Long.parseUnsignedLong(line.substring(0, space), 16));
      assertThat(new String(Numbers.bytes(d), StandardCharsets.ISO_8859_1))
          .as(Double.toString(d))
          .isEqualTo(line.substring(space + 1));
      checked++;
    }
    assertThat(checked).isGreaterThan(4000);
  }

  @Test
  void whatIsPrintedReadsBackAsTheSameDouble() {
    Random r = new Random(3);
    byte[] b = new byte[Numbers.DOUBLE_CHARS + 5];
    for (int i = 0; i < 300_000; i++) {
      double d = Double.longBitsToDouble(r.nextLong());
      if (Double.isNaN(d)) continue;
      int end = Numbers.format(d, b, 5);
      assertThat(end - 5).isLessThanOrEqualTo(Numbers.DOUBLE_CHARS);
      assertThat(Numbers.parseDouble(b, 5, end - 5)).isEqualTo(d);
    }
  }

  @Test
  void notANumberAndTheInfinitiesHaveNames() {
    assertThat(Numbers.bytes(Double.NaN)).isEqualTo(bytes("nan"));
    assertThat(Numbers.bytes(Double.POSITIVE_INFINITY)).isEqualTo(bytes("inf"));
    assertThat(Numbers.bytes(Double.NEGATIVE_INFINITY)).isEqualTo(bytes("-inf"));
    assertThat(Numbers.bytes(-0.0)).isEqualTo(bytes("-0"));
  }

  @Test
  void doublesAreAcceptedAndRefusedAsARealServerDoes() throws IOException {
    for (String line : recording("floats.txt")) {
      String[] f = line.split("\t", -1);
      byte[] b = Requests.unescaped(f[0]);
      double d = Numbers.parseDouble(b, 0, b.length);
      String printed =
          Double.isNaN(d) ? "!" : new String(Numbers.bytes(d), StandardCharsets.ISO_8859_1);
      assertThat(printed).as(f[0]).isEqualTo(f[1]);
    }
  }

  @Test
  void doublesAreRoundedCorrectly() {
    Random r = new Random(4);
    for (int i = 0; i < 200_000; i++) {
      String s =
          switch (r.nextInt(6)) {
            case 0 -> Double.toString(Double.longBitsToDouble(r.nextLong() & 0x7fefffffffffffffL));
            case 4 -> ((r.nextLong(1L << 53) + (1L << 53) | 1) << r.nextInt(4)) + "e0"; // halfway
            case 5 -> r.nextLong(1_000_000_000_000_000_000L) + "e" + (r.nextInt(600) - 320);
            case 1 -> r.nextInt(100_000) + "." + r.nextInt(100_000);
            case 2 -> (r.nextLong() >>> 1 + r.nextInt(60)) + "e" + (r.nextInt(60) - 30);
            default -> "0." + "0".repeat(r.nextInt(20)) + (r.nextLong() >>> 1);
          };
      byte[] b = bytes("-" + s);
      double expected = Double.parseDouble(s);
      if (expected == 0 && s.matches(".*[1-9].*e.*") || Double.isInfinite(expected)) continue;
      assertThat(Numbers.parseDouble(b, 1, s.length())).as(s).isEqualTo(expected);
      assertThat(Numbers.parseDouble(b, 0, b.length)).as(s).isEqualTo(-expected);
    }
  }
}
