package dev.spinel.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Objects;
import org.junit.jupiter.api.Test;

class StatisticsTest {
  private static final int SAMPLED = 16;

  private final Statistics statistics = new Statistics(1);

  private void quick(long nanos) {
    boolean isSample = statistics.quick(0) % SAMPLED == 0;
    statistics.calls[0]++;
    if (isSample) {
      statistics.sampled(0, nanos, true);
    }
  }

  private void slow(long nanos) {
    statistics.calls[0]++;
    statistics.took(0, nanos, true);
  }

  @Test
  void samplesStandForTheOtherCallsAndNotForThoseThatAreTimedAlways() {
    for (int i = 0; i < 16_000; i++) {
      quick(500);
      if (i % 1000 == 7) {
        slow(200_000);
      }
    }
    assertThat(statistics.estimatedNanos(0)).isEqualTo(16_000 * 500 + 16 * 200_000);
    Durations durations = Objects.requireNonNull(statistics.durations[0]);
    assertThat(durations.count()).isBetween(16_000L, 16_016L);
    assertThat(durations.percentile(99.8)).isBetween(500L, 510L);
    assertThat(durations.percentile(99.99)).isBetween(200_000L, 204_000L);
  }

  @Test
  void oneCallOfEachKindIsTwoCalls() {
    slow(200_000);
    quick(500);
    assertThat(statistics.estimatedNanos(0)).isEqualTo(200_500);
    assertThat(Objects.requireNonNull(statistics.durations[0]).count()).isEqualTo(2);
  }
}
