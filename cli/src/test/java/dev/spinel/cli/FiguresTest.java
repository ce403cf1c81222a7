package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FiguresTest {
  @Test
  void integersAreReadAsFarAsTheyGo() {
    assertThat(Figures.atoi(" 12x")).isEqualTo(12);
    assertThat(Figures.atoi("-7")).isEqualTo(-7);
    assertThat(Figures.atoi("x")).isZero();
    assertThat(Figures.strtoll("9223372036854775807")).isEqualTo(Long.MAX_VALUE);
    assertThat(Figures.strtoll("9223372036854775808")).isEqualTo(Long.MAX_VALUE);
    assertThat(Figures.strtoll("-9223372036854775808")).isEqualTo(Long.MIN_VALUE);
    assertThat(Figures.strtoll("-99999999999999999999")).isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void decimalsAreReadAsFarAsTheyGo() {
    assertThat(Figures.atof("0.1s")).isEqualTo(0.1);
    assertThat(Figures.atof("1e2")).isEqualTo(100);
    assertThat(Figures.atof(".5")).isEqualTo(0.5);
    assertThat(Figures.atof("f")).isZero();
    assertThat(Figures.atof("1.5f")).isEqualTo(1.5);
  }

  @Test
  void theExactValueIsRoundedAsPrintfDoes() {
    assertThat(Figures.fixed(0.125, 2)).isEqualTo("0.12");
    assertThat(Figures.fixed(0.375, 2)).isEqualTo("0.38");
    assertThat(Figures.fixed(1.005, 2)).isEqualTo("1.00");
    assertThat(Figures.fixed(-0.001, 2)).isEqualTo("-0.00");
    assertThat(Figures.fixed(Double.NaN, 2)).isEqualTo("nan");
    assertThat(Figures.padded(7.5, 5, 2)).isEqualTo("07.50");
  }
}
