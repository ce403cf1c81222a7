package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MovePaceTest {
  private static final long MILLI = 1_000_000;
  private static final long MIB = 1 << 20;

  private final MovePace pace = new MovePace();
  private long now = -5 * MILLI; // System.nanoTime may be anything

  private boolean after(long millis, long queuedMib, long restMib) {
    now += millis * MILLI;
    return pace.look(now, queuedMib * MIB, restMib < 0 ? -1 : restMib * MIB);
  }

  @Test
  void writersWaitUntilLittleIsQueued() {
    assertThat(after(0, 63, -1)).isFalse();
    assertThat(after(1, 64, -1)).isTrue();
    assertThat(after(100, 30, -1)).isTrue();
    assertThat(after(100, 16, -1)).isFalse();
    assertThat(after(1, 70, -1)).as("a moment to write in").isFalse();
    assertThat(after(19, 70, -1)).isTrue();
  }

  @Test
  void nobodyWaitsForLongerThanASecondAtOnce() {
    assertThat(after(0, 200, -1)).isTrue();
    assertThat(after(999, 200, -1)).isTrue();
    assertThat(after(1, 200, -1)).isFalse();
    assertThat(after(20, 200, -1)).isTrue();
  }

  @Test
  void whatIsLeftShrinksByAQuarterEachSecondOrWritersWait() {
    assertThat(after(0, 0, 1000)).isFalse();
    assertThat(after(999, 0, 900)).isFalse();
    assertThat(after(1, 0, 750)).isFalse();
    assertThat(after(1000, 0, 600)).as("of 750").isTrue();
    assertThat(after(999, 0, 200)).isTrue();
    assertThat(after(1, 0, 199)).as("a second is over").isFalse();
    assertThat(after(20, 0, 220)).as("it grew in that moment").isTrue();
    assertThat(after(300, 0, 0)).isFalse();
  }

  @Test
  void aRestWithWhichAMoveMayEndHoldsNobody() {
    assertThat(after(0, 0, 0)).isFalse();
    assertThat(after(1000, 0, 0)).isFalse();
    assertThat(after(1000, 0, 0)).isFalse();
  }
}
