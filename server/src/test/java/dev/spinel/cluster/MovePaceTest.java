package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MovePaceTest {
  private static final long MILLI = 1_000_000;
  private static final long MIB = 1 << 20;

  private final MovePace pace = new MovePace();
  private long now = -5 * MILLI; // System.nanoTime may be anything

  private boolean after(long millis, long queuedMib, long cameMib, long arrivedMib) {
    now += millis * MILLI;
    return pace.look(now, queuedMib * MIB, cameMib < 0 ? -1 : cameMib * MIB, arrivedMib * MIB);
  }

  @Test
  void writersWaitUntilLittleIsQueued() {
    assertThat(after(0, 63, -1, 0)).isFalse();
    assertThat(after(1, 64, -1, 0)).isTrue();
    assertThat(after(100, 30, -1, 0)).isTrue();
    assertThat(after(100, 16, -1, 0)).isFalse();
    assertThat(after(1, 70, -1, 0)).as("a moment to write in").isFalse();
    assertThat(after(19, 70, -1, 0)).isTrue();
  }

  @Test
  void nobodyWaitsForLongerThanASecondAtOnce() {
    assertThat(after(0, 200, -1, 0)).isTrue();
    assertThat(after(999, 200, -1, 0)).isTrue();
    assertThat(after(1, 200, -1, 0)).isFalse();
    assertThat(after(20, 200, -1, 0)).isTrue();
  }

  @Test
  void whoWritesAboutAsMuchAsArrivesWaits() {
    assertThat(after(0, 0, 1000, 0)).isFalse();
    assertThat(after(999, 0, 1099, 100)).as("no second is over").isFalse();
    assertThat(after(1, 0, 1074, 100)).as("less by a quarter").isFalse();
    assertThat(after(1000, 0, 1149, 200)).as("75 of 100").isTrue();
    assertThat(after(999, 0, 1149, 900)).isTrue();
    assertThat(after(1, 0, 1149, 901)).as("a second is over").isFalse();
    assertThat(after(20, 0, 1200, 911)).as("more came than arrived in that moment").isTrue();
    assertThat(after(300, 0, 1200, 1200)).isFalse();
  }

  @Test
  void whoWritesLittleIsNotHeldHoweverMuchIsLeft() {
    for (int second = 0; second < 100; second++) {
      assertThat(after(1000, 0, 5000 + 2 * second, 100 * second)).isFalse();
    }
  }

  @Test
  void aTargetThatTakesNothingHoldsWriters() {
    assertThat(after(0, 0, 100, 0)).isFalse();
    assertThat(after(1000, 0, 101, 0)).isTrue();
  }

  @Test
  void aRestWithWhichAMoveMayEndHoldsNobody() {
    assertThat(after(0, 0, 100, 100)).isFalse();
    assertThat(after(1000, 0, 200, 200)).isFalse();
    assertThat(after(1000, 0, 300, 300)).isFalse();
  }
}
