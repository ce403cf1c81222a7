package dev.spinel.cli.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// The histogram beside all its values, sorted.
class LatencyHistogramTest {
  private static LatencyHistogram of(long... micros) {
    LatencyHistogram histogram = new LatencyHistogram(3);
    for (long each : micros) histogram.record(each);
    return histogram;
  }

  @Test
  void stepsAreThoseOfTheRealOne() {
    // redis-benchmark of 7.2 shows 0.103 for whatever is between 96 and 103 microseconds.
    assertThat(of(96).atPercentile(50)).isEqualTo(103);
    assertThat(of(103).atPercentile(50)).isEqualTo(103);
    assertThat(of(104).atPercentile(50)).isEqualTo(111);
    assertThat(of(0, 7).max()).isEqualTo(7);
    assertThat(of(103).min()).isEqualTo(96);
    assertThat(of(9_999_999).max()).isEqualTo(3_000_319);
  }

  @Test
  void percentilesAreRightToTheDigitsThatWereAskedFor() {
    Random random = new Random(7);
    for (int digits = 1; digits <= 4; digits++) {
      LatencyHistogram histogram = new LatencyHistogram(digits);
      long[] values = new long[5000];
      for (int i = 0; i < values.length; i++) {
        values[i] = (long) Math.exp(random.nextDouble() * Math.log(2_900_000));
        histogram.record(values[i]);
      }
      Arrays.sort(values);
      for (double percentile : new double[] {1, 50, 95, 99, 99.9, 100}) {
        long exact = values[(int) Math.max(0, Math.round(percentile / 100 * values.length) - 1)];
        assertThat(histogram.atPercentile(percentile))
            .isBetween(exact, exact + 8 + (long) (2 * exact / Math.pow(10, digits)));
      }
      double mean = Arrays.stream(values).average().orElseThrow();
      assertThat(histogram.mean()).isBetween(mean * .9 - 8, mean * 1.1 + 8);
    }
  }

  private static List<String> halves(LatencyHistogram histogram) {
    List<String> lines = new ArrayList<>();
    histogram.halves(
        (percentile, micros, count) -> lines.add(percentile + " " + micros + " " + count));
    return lines;
  }

  @Test
  void distributionsAreTheLinesOfTheRealOne() {
    assertThat(halves(of(100, 100, 100, 200)))
        .containsExactly("0.0 103 3", "50.0 103 3", "75.0 103 3", "87.5 207 4", "100.0 207 4");
    assertThat(halves(of(100))).containsExactly("0.0 103 1", "100.0 103 1");
    List<String> steps = new ArrayList<>();
    of(100, 150, 2500).steps((percentile, micros, count) -> steps.add(micros + " " + count));
    assertThat(steps).startsWith("103 1", "207 2").endsWith("3103 3");
  }

  @Test
  void twoAreAddedUp() {
    LatencyHistogram one = of(10, 20);
    one.add(of(5, 3000));
    assertThat(one.total()).isEqualTo(4);
    assertThat(one.max()).isEqualTo(of(3000).max());
    one.clear();
    assertThat(one.total()).isZero();
    assertThat(one.mean()).isNaN();
  }
}
