package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class TimersTest {
  private static final Runnable NOTHING = () -> {};
  private final Timers timers = new Timers();

  @Test
  void equalTimesComeInTheOrderOfScheduling() {
    var made = new ArrayList<Timer>();
    for (int i = 0; i < 100; i++) {
      made.add(add(5));
    }
    for (var expected : made) {
      assertThat(timers.takeDue(5)).isSameAs(expected);
    }
    assertThat(timers.size()).isZero();
  }

  @Test
  void nothingIsDueBeforeItsTime() {
    add(10);
    assertThat(timers.takeDue(9)).isNull();
    assertThat(timers.takeDue(10)).isNotNull();
  }

  @Test
  void timesMayWrapAround() {
    var later = add(Long.MIN_VALUE + 5);
    var earlier = add(Long.MAX_VALUE - 5);
    assertThat(timers.takeDue(Long.MIN_VALUE + 10)).isSameAs(earlier);
    assertThat(timers.takeDue(Long.MIN_VALUE + 10)).isSameAs(later);
  }

  @Test
  void cancellingTwiceOrAfterTheEventDoesNothing() {
    var timer = add(1);
    timer.cancel();
    timer.cancel();
    assertThat(timers.size()).isZero();
    var done = add(1);
    timers.takeDue(1);
    done.cancel();
    assertThat(done.isPending()).isFalse();
  }

  @RepeatedTest(20)
  void agreesWithASortedList() {
    long seed = Long.getLong("spinel.seed", 11);
    var random = new Random(seed);
    var model = new ArrayList<Timer>();
    long now = 0;
    for (int step = 0; step < 3000; step++) {
      int what = random.nextInt(10);
      if (what < 5) {
        model.add(add(now + random.nextInt(100)));
      } else if (what < 7 && !model.isEmpty()) {
        model.remove(random.nextInt(model.size())).cancel();
      } else {
        now += random.nextInt(20);
        model.sort(Comparator.<Timer>comparingLong(t -> t.atNanos).thenComparingLong(t -> t.order));
        while (!model.isEmpty() && model.getFirst().atNanos <= now) {
          assertThat(timers.takeDue(now)).as("seed %d", seed).isSameAs(model.removeFirst());
        }
        assertThat(timers.takeDue(now)).as("seed %d", seed).isNull();
      }
      assertThat(timers.size()).as("seed %d", seed).isEqualTo(model.size());
    }
  }

  private Timer add(long atNanos) {
    var timer = new Timer(atNanos, NOTHING, timers);
    timers.add(timer);
    return timer;
  }
}
