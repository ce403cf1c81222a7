package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HeapTrimTest {
  private long commands;
  private long heldBytes;
  private long heapBytes = 20L << 20;
  private long afterwards = 20L << 20;
  private int collections;

  private final HeapTrim trim =
      new HeapTrim(
          () -> commands,
          () -> heldBytes,
          () -> heapBytes,
          () -> {
            collections++;
            heapBytes = Math.min(heapBytes, afterwards);
          });

  private void seconds(int count) {
    for (int i = 0; i < count; i++) {
      trim.look();
    }
  }

  @Test
  void aHeapOfUsualSizeIsLeftAlone() {
    seconds(10_000);
    assertThat(collections).isZero();
  }

  @Test
  void theHeapOfABurstIsCollectedOnceTheServerIsQuiet() {
    heapBytes = 200L << 20;
    for (int i = 0; i < 100; i++) {
      commands += 1_000;
      seconds(1);
    }
    assertThat(collections).as("while commands come").isZero();
    seconds(1);
    assertThat(collections).isEqualTo(1);
    seconds(1_000);
    assertThat(collections).as("that was enough").isEqualTo(1);
  }

  @Test
  void aHeapThatHasBecomeVeryLargeIsCollectedWhateverComes() {
    heapBytes = 900L << 20;
    for (int i = 0; i < 10; i++) {
      commands += 1_000;
      seconds(1);
    }
    assertThat(collections).isEqualTo(1);
  }

  @Test
  void whatClientsHoldIsNoReason() {
    heapBytes = 900L << 20;
    heldBytes = 300L << 20;
    seconds(1_000);
    assertThat(collections).isZero();
    heldBytes = 0;
    seconds(1);
    assertThat(collections).isEqualTo(1);
  }

  @Test
  void whereItDoesNotHelpItIsTriedLessAndLess() {
    heapBytes = 900L << 20;
    afterwards = 800L << 20;
    seconds(10_000);
    assertThat(collections).isBetween(10, 25);
    afterwards = 20L << 20;
    seconds(1_000);
    int before = collections;
    heapBytes = 900L << 20;
    seconds(20);
    assertThat(collections).as("soon again after it did").isEqualTo(before + 1);
  }
}
