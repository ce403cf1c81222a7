package dev.spinel.memory;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SizeClassesTest {

  @Test
  void eachSizeGetsTheSmallestClassThatHoldsIt() {
    for (int bytes = 1; bytes <= SizeClasses.MAX_CLASS_BYTES; bytes++) {
      int c = SizeClasses.of(bytes);
      assertThat(SizeClasses.bytes(c)).isGreaterThanOrEqualTo(bytes);
      if (c > 0) assertThat(SizeClasses.bytes(c - 1)).isLessThan(bytes);
    }
    assertThat(SizeClasses.of(SizeClasses.MAX_CLASS_BYTES)).isEqualTo(SizeClasses.COUNT - 1);
  }

  @Test
  void classesAreMultiplesOfEightAndWasteAtMostAnEighth() {
    for (int c = 0; c < SizeClasses.COUNT; c++) {
      assertThat(SizeClasses.bytes(c) % 8).isZero();
      if (c >= 32)
        assertThat(SizeClasses.bytes(c) * 8).isLessThanOrEqualTo(SizeClasses.bytes(c - 1) * 9);
    }
  }

  @Test
  void leafSizesAreClasses() {
    for (int leaf : new int[] {64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096}) {
      assertThat(Allocator.capacityFor(leaf)).isEqualTo(leaf);
      assertThat(Allocator.lineCapacityFor(leaf)).isEqualTo(leaf);
      assertThat(Allocator.lineCapacityFor(leaf - 1)).isEqualTo(leaf);
    }
    assertThat(Allocator.lineCapacityFor(257)).isEqualTo(384);
    assertThat(Allocator.lineCapacityFor(769)).isEqualTo(1024);
  }

  @Test
  void aboveTheClassesARunIsWholeGranules() {
    assertThat(Allocator.capacityFor(16 << 10)).isEqualTo(16 << 10);
    assertThat(Allocator.capacityFor((16 << 10) + 1)).isEqualTo(20 << 10);
    assertThat(Allocator.capacityFor(1 << 20)).isEqualTo(1 << 20);
  }
}
