package dev.spinel.replication;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class StreamMarksTest {
  @Test
  void aPositionIsFoundBehindItsBatch() {
    StreamMarks marks = new StreamMarks();
    assertThat(marks.offsetOf(0)).isEqualTo(-1);
    marks.add(3, 100);
    marks.add(3, 114); // a PING
    marks.add(10, 400);
    assertThat(marks.offsetOf(0)).isEqualTo(114);
    assertThat(marks.offsetOf(3)).isEqualTo(114);
    assertThat(marks.offsetOf(4)).isEqualTo(400);
    assertThat(marks.offsetOf(10)).isEqualTo(400);
    assertThat(marks.offsetOf(11)).isEqualTo(-1);
  }

  @Test
  void ofManyBatchesTheLastAreExactAndTheOthersNeverTooEarly() {
    long seed = Long.getLong("spinel.seed", 15);
    Random random = new Random(seed);
    StreamMarks marks = new StreamMarks();
    TreeMap<Long, Long> all = new TreeMap<>();
    long position = 0;
    long offset = 0;
    for (int i = 0; i < 10_000; i++) {
      position += 1 + random.nextInt(5);
      offset += 14 + random.nextInt(1000);
      marks.add(position, offset);
      all.put(position, offset);
    }
    for (long at = 0; at <= position; at++) {
      long exact = all.ceilingEntry(at).getValue();
      assertThat(marks.offsetOf(at)).as("seed %d", seed).isBetween(exact, offset);
      if (at > position - 100) {
        assertThat(marks.offsetOf(at)).as("seed %d", seed).isEqualTo(exact);
      }
    }
  }
}
