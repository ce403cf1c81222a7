package dev.spinel.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class EstimateTest {
  private static double seconds(int slots, long keys, long bytes, double trip, double throttle) {
    Estimate estimate = new Estimate(3, 100, throttle);
    estimate.add(slots, keys, bytes, trip);
    return estimate.seconds();
  }

  @Test
  void moreOfAnythingTakesLonger() {
    double few = seconds(100, 1000, 1_000_000, 0.0001, 0);
    assertThat(few).isBetween(0.1, 5.0);
    assertThat(seconds(200, 1000, 1_000_000, 0.0001, 0)).isGreaterThan(few);
    assertThat(seconds(100, 1_000_000, 1_000_000, 0.0001, 0)).isGreaterThan(few);
    assertThat(seconds(100, 1000, 1_000_000_000, 0.0001, 0)).isGreaterThan(few);
    assertThat(seconds(100, 1000, 1_000_000, 0.01, 0)).isGreaterThan(few);
  }

  @Test
  void aThrottleHoldsItBackAndNeverHastensIt() {
    assertThat(seconds(100, 0, 0, 0, 1)).isEqualTo(100);
    assertThat(seconds(100, 0, 0, 0, 1e9)).isEqualTo(seconds(100, 0, 0, 0, 0));
  }

  @Test
  void itIsTheSumOfAllRoutes() {
    Estimate both = new Estimate(3, 100, 0);
    both.add(10, 100, 1000, 0.001);
    both.add(20, 200, 2000, 0.001);
    assertThat(both.seconds())
        .isCloseTo(
            seconds(10, 100, 1000, 0.001, 0) + seconds(20, 200, 2000, 0.001, 0),
            org.assertj.core.data.Offset.offset(1e-9));
  }

  @Test
  void timesAreToldRoughly() {
    assertThat(Estimate.text(0.2)).isEqualTo("about a second");
    assertThat(Estimate.text(42.4)).isEqualTo("about 42 s");
    assertThat(Estimate.text(300)).isEqualTo("about 5 min");
    assertThat(Estimate.text(9000)).isEqualTo("about 2.5 h");
  }
}
