package dev.spinel.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DurationsTest {
  @Test
  void aPercentileIsTheTimeToASixtyFourth() {
    long seed = Long.getLong("spinel.seed", 13);
    Random random = new Random(seed);
    Durations durations = new Durations();
    long[] times = new long[5000];
    for (int i = 0; i < times.length; i++) {
      times[i] = random.nextLong(1L << random.nextInt(30)) + random.nextInt(2);
      durations.record(times[i], 1);
    }
    Arrays.sort(times);
    for (double percent : new double[] {0, 0.1, 1, 25, 50, 90, 99, 99.9, 100}) {
      int rank = Math.max(1, (int) (percent / 100 * times.length + 0.5));
      long exact = times[rank - 1];
      assertThat(durations.percentile(percent))
          .as("seed %d, p%s", seed, percent)
          .isBetween(exact, exact + exact / 64);
    }
    assertThat(durations.count()).isEqualTo(times.length);
  }

  @Test
  void theDistributionIsToldInPowersOfTwo() {
    Durations durations = new Durations();
    for (long nanos : new long[] {0, 1023, 1024, 2047, 40_000, 1_000_000, Long.MAX_VALUE}) {
      durations.record(nanos, 1);
    }
    List<String> steps = new ArrayList<>();
    durations.cumulate((micros, count) -> steps.add(micros + ":" + count));
    assertThat(steps).containsExactly("1:2", "2:4", "66:5", "1056:6", "1082130:7");
  }

  @Test
  void twoThreadsCountsAddUp() {
    Durations one = new Durations();
    Durations other = new Durations();
    one.record(5, 1);
    other.record(7_000, 1);
    other.record(900_000_000, 1);
    one.add(other);
    assertThat(one.count()).isEqualTo(3);
    assertThat(one.percentile(0)).isEqualTo(5);
    assertThat(one.percentile(100)).isBetween(900_000_000L, 915_000_000L);
  }
}
