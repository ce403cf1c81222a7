package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LongDoubleTest {
  private static LongDouble ld(String s) {
    return LongDouble.parse(s);
  }

  @Test
  void textsAreAcceptedAndPrintedAsByARealServer() throws IOException {
    for (String line : NumbersTest.recording("floats.txt")) {
      String[] f = line.split("\t", -1);
      byte[] b = Requests.unescaped(f[0]);
      LongDouble v = LongDouble.parse(b, 0, b.length);
      String printed = v == null ? "!" : v.isFinite() ? v.toString() : "inf";
      assertThat(printed).as(f[0]).isEqualTo(f[2]);
    }
  }

  @Test
  void sequencesOfIncrementsEndWhereARealServersDo() throws IOException {
    String value = "";
    int checked = 0;
    for (String line : NumbersTest.recording("increments.txt")) {
      int space = line.indexOf(' ');
      String by = line.substring(0, space);
      String result = line.substring(space + 1);
      if (by.equals("=")) {
        value = result;
        continue;
      }
      LongDouble a = ld(value);
      LongDouble b = ld(by);
      LongDouble sum = a == null || b == null ? null : a.plus(b);
      String printed = sum == null || !sum.isFinite() ? "!" : sum.toString();
      assertThat(printed).as(value + " + " + by).isEqualTo(result);
      if (!printed.equals("!")) value = printed;
      checked++;
    }
    assertThat(checked).isGreaterThan(4000);
  }

  @Test
  void sumsOfInfinitiesAndOverflowsAreNotFinite() {
    assertThat(ld("inf").plus(ld("-inf")).toString()).isEqualTo("nan");
    assertThat(ld("inf").plus(ld("1")).toString()).isEqualTo("inf");
    assertThat(ld("1").plus(ld("-inf")).toString()).isEqualTo("-inf");
    assertThat(ld("1.1e4932").plus(ld("1.1e4932")).isFinite()).isFalse();
    assertThat(ld("-0").plus(ld("0")).toString()).isEqualTo("0");
  }

  @Test
  void aDoubleKeepsItsValue() {
    Random r = new Random(5);
    for (int i = 0; i < 20_000; i++) {
      double d = Double.longBitsToDouble(r.nextLong());
      if (Double.isNaN(d)) continue;
      assertThat(LongDouble.of(d).toDouble()).isEqualTo(d);
    }
  }

  @Test
  void aLongKeepsItsValue() {
    for (long v : new long[] {0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 53 | 1})
      assertThat(LongDouble.of(v).toString()).isEqualTo(Long.toString(v));
  }

  @Test
  void timeoutsAreRoundedUpToMilliseconds() {
    assertThat(ld("0.0001").times(1000).ceil()).isEqualTo(1);
    assertThat(ld("1.5").times(1000).ceil()).isEqualTo(1500);
    assertThat(ld("-0.0001").times(1000).ceil()).isEqualTo(0);
    assertThat(ld("-1.5").times(1000).ceil()).isEqualTo(-1500);
    assertThat(ld("0.001").times(1000).ceil()).isEqualTo(1);
    assertThat(ld("1e300").times(1000).ceil()).isEqualTo(Long.MAX_VALUE);
    assertThat(ld("9223372036854775807").isAbove(Long.MAX_VALUE)).isFalse();
    assertThat(ld("9223372036854775808").isAbove(Long.MAX_VALUE)).isTrue();
    assertThat(ld("0.5").isAbove(0)).isTrue();
    assertThat(ld("-0.5").isAbove(0)).isFalse();
    assertThat(ld("-0.5").isNegative()).isTrue();
    assertThat(ld("-0").isNegative()).isFalse();
  }
}
