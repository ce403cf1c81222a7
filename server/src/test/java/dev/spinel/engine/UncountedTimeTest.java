package dev.spinel.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.server.Fixture;
import org.junit.jupiter.api.Test;

class UncountedTimeTest {
  private final Fixture.Hands clock = new Fixture.Hands();
  private final UncountedTime time = new UncountedTime(clock);

  @Test
  void timeThatBothClocksCountIsntUncounted() {
    long since = clock.nanos();
    clock.forward(300_000);
    time.look();
    time.look(clock.millis(), clock.nanos());
    assertThat(time.millisSince(since)).isZero();
  }

  @Test
  void whatWasHeardBeforeASleepIsOlder() {
    long before = clock.nanos();
    clock.forward(50);
    clock.set(300_000);
    time.look();
    clock.forward(1);
    long after = clock.nanos();
    clock.forward(50);
    time.look();
    assertThat(time.millisSince(before)).isEqualTo(300_000);
    assertThat(time.millisSince(after)).isZero();
    clock.set(2_000);
    time.look();
    assertThat(time.millisSince(before)).isEqualTo(302_000);
    assertThat(time.millisSince(after)).isEqualTo(2_000);
  }

  @Test
  void whoeverHasTheTimesNoticesItOnce() {
    long before = clock.nanos();
    long stale = clock.millis();
    clock.set(5_000);
    time.look(clock.millis(), clock.nanos());
    time.look(stale, clock.nanos());
    time.look(clock.millis(), clock.nanos());
    time.look();
    assertThat(time.millisSince(before)).isEqualTo(5_000);
  }

  @Test
  void aClockThatIsSetBackIsNoSleep() {
    long before = clock.nanos();
    clock.set(-3_600_000);
    time.look();
    assertThat(time.millisSince(before)).isZero();
    clock.set(1_000);
    time.look();
    assertThat(time.millisSince(before)).as("from where it was set to").isEqualTo(1_000);
  }

  @Test
  void aClockThatIsDrawnForwardSlowlyIsNoSleep() {
    long before = clock.nanos();
    for (int i = 0; i < 100; i++) {
      clock.forward(100);
      clock.set(50);
      time.look();
    }
    assertThat(time.millisSince(before)).isZero();
  }

  @Test
  void ofManySleepsTheOldestGetYounger() {
    long before = clock.nanos();
    for (int i = 0; i < 20; i++) {
      clock.forward(10);
      clock.set(1_000);
      time.look();
    }
    clock.forward(10);
    assertThat(time.millisSince(before)).isEqualTo(20_000);
    assertThat(time.millisSince(clock.nanos())).isZero();
  }

  @Test
  void aTimeEndsEarlierByWhatWentByUncounted() {
    long since = clock.nanos();
    long until = since + 15_000_000_000L;
    clock.set(4_000);
    time.look();
    assertThat(time.endNanos(since, until)).isEqualTo(until - 4_000_000_000L);
    assertThat(time.endNanos(since + 1, until)).isEqualTo(until);
    assertThat(time.endNanos(since, Long.MAX_VALUE)).isEqualTo(Long.MAX_VALUE);
  }
}
