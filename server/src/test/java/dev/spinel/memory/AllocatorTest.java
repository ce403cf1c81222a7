package dev.spinel.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AllocatorTest {

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();

  @AfterEach
  void close() {
    heap.close();
  }

  @Test
  void randomOperationsAgreeWithANaiveModel() {
    for (long seed = 1; seed <= 30; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      List<Allocator> allocators = List.of(heap.allocator(), heap.allocator(), heap.allocator());
      TreeMap<Long, Integer> live = new TreeMap<>(); // address → capacity
      Map<Long, Integer> seeds = new HashMap<>(); // address → what its bytes are made from
      long account = 0;
      int most = 1 + random.nextInt(3000);
      for (int step = 0; step < 20_000; step++) {
        String what = "seed " + seed + " step " + step;
        Allocator allocator = allocators.get(random.nextInt(3));
        if (live.isEmpty() || live.size() < most && random.nextInt(100) < 60) {
          int bytes = size(random);
          long a = allocator.allocate(bytes);
          int capacity = allocator.capacity(a);
          assertThat(capacity)
              .as(what)
              .isEqualTo(Allocator.capacityFor(bytes))
              .isGreaterThanOrEqualTo(bytes);
          assertThat(a & (capacity % 64 == 0 ? 63 : 7)).as(what).isZero();
          Map.Entry<Long, Integer> below = live.floorEntry(a + capacity - 1);
          if (below != null)
            assertThat(below.getKey() + below.getValue()).as(what).isLessThanOrEqualTo(a);
          live.put(a, capacity);
          seeds.put(a, step);
          stamp(a, capacity, step);
          account += capacity;
        } else {
          Long a =
              live.floorKey(
                  live.firstKey() + random.nextLong(live.lastKey() - live.firstKey() + 1));
          int capacity = live.remove(a);
          assertThat(stamped(a, capacity, seeds.remove(a))).as(what).isTrue();
          allocator.free(a);
          account -= capacity;
        }
        if (random.nextInt(2000) == 0) allocator.flush();
        if (step % 100 == 0) assertThat(heap.liveBytes()).as(what).isEqualTo(account);
      }
      for (Map.Entry<Long, Integer> node : live.entrySet()) {
        assertThat(stamped(node.getKey(), node.getValue(), seeds.get(node.getKey()))).isTrue();
        allocators.getFirst().free(node.getKey());
      }
      assertThat(heap.liveBytes()).isZero();
      allocators.forEach(Allocator::close);
    }
    assertThat(heap.liveBytes()).isZero();
    assertThat(heap.stats().classes().stream().mapToLong(HeapStats.SizeClass::liveNodes).sum())
        .isPositive(); // depots
  }

  /// Mostly small, some of all sizes.
  private static int size(SplittableRandom random) {
    int kind = random.nextInt(1000);
    if (kind < 700) return 1 + random.nextInt(300);
    if (kind < 950) return 1 + random.nextInt(5000);
    if (kind < 990) return 1 + random.nextInt(70_000);
    return 1 + random.nextInt(Allocator.MAX_RUN);
  }

  private void stamp(long a, int capacity, int seed) {
    memory.putLong(a, a ^ seed);
    if (capacity >= 16) memory.putLong(a + capacity - 8, ~(a ^ seed));
    if (capacity >= 32) memory.fill(a + 8, capacity - 16, (byte) seed);
  }

  private boolean stamped(long a, int capacity, int seed) {
    boolean right = memory.getLong(a) == (a ^ seed);
    if (capacity >= 16) right &= memory.getLong(a + capacity - 8) == ~(a ^ seed);
    for (int i = 8; capacity >= 32 && i < capacity - 8; i += 1 + i / 16)
      right &= memory.getByte(a + i) == (byte) seed;
    return right;
  }

  @Test
  void aLineIsALine() {
    Allocator allocator = heap.allocator();
    for (int bytes = 1; bytes <= 4096; bytes += 37) {
      long a = allocator.allocateLine(bytes);
      assertThat(a & 63).isZero();
      assertThat(allocator.capacity(a))
          .isEqualTo(Allocator.lineCapacityFor(bytes))
          .isGreaterThanOrEqualTo(bytes);
      allocator.free(a);
    }
  }

  @Test
  void aPageOfLeavesLosesNothingToHeaders() {
    Allocator allocator = heap.allocator();
    for (int i = 0; i < 4 + 16 * 10; i++) allocator.allocate(4096);
    HeapStats.SizeClass stats = heap.stats().classes().getFirst();
    assertThat(stats.pageBytes()).isEqualTo((4 + 16 * 10) * 4096L);
  }

  @Test
  void sizesOutsideTheRangeAreRefused() {
    Allocator allocator = heap.allocator();
    assertThatThrownBy(() -> allocator.allocate(0)).isInstanceOf(RuntimeException.class);
    assertThatThrownBy(() -> allocator.allocate(-5)).isInstanceOf(RuntimeException.class);
    assertThatThrownBy(() -> allocator.allocate(Allocator.MAX_RUN + 1))
        .hasMessageContaining("1048577");
    assertThat(heap.liveBytes()).isZero();
  }

  @Test
  void aSmallStoreStaysSmall() {
    Allocator allocator = heap.allocator();
    List<Long> nodes = new ArrayList<>();
    for (int bytes = 8; bytes <= 4096; bytes += 8) nodes.add(allocator.allocate(bytes));
    assertThat(heap.stats().classes().stream().mapToLong(HeapStats.SizeClass::pageBytes).sum())
        .isLessThan(2 << 20);
    nodes.forEach(allocator::free);
    assertThat(heap.liveBytes()).isZero();
  }

  @Test
  void accessToADeadNodeIsCaught() {
    assumeFalse(Memory.RAW);
    Allocator allocator = heap.allocator();
    for (int bytes : new int[] {8, 40, 300, 4096, 10_000, 100_000, 1 << 20}) {
      long a = allocator.allocate(bytes);
      long neighbour = allocator.allocate(bytes);
      memory.putByte(a + bytes - 1, (byte) 1);
      int capacity = allocator.capacity(a);
      assertThatThrownBy(() -> memory.getLong(a + capacity - 4)).isInstanceOf(AssertionError.class);
      allocator.free(a);
      String hex = Long.toHexString(a);
      assertThatThrownBy(() -> memory.getByte(a))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining(hex);
      assertThatThrownBy(() -> memory.segment(a)).isInstanceOf(AssertionError.class);
      assertThatThrownBy(() -> memory.view(a, 4)).isInstanceOf(AssertionError.class);
      assertThatThrownBy(() -> memory.copyIn(new byte[4], 0, a, 4))
          .isInstanceOf(AssertionError.class);
      assertThatThrownBy(() -> allocator.free(a)).hasMessageContaining(hex);
      assertThatThrownBy(() -> allocator.free(neighbour + 8)).isInstanceOf(Throwable.class);
      allocator.free(neighbour);
    }
    assertThat(heap.liveBytes()).isZero();
  }

  @Test
  void aWriteThroughAnOldSegmentIsCaughtWhenTheNodeIsReused() {
    assumeFalse(Memory.RAW);
    Allocator allocator = heap.allocator();
    long a = allocator.allocate(40);
    var segment = memory.segment(a);
    assertThat(segment.get(Memory.LONG, memory.offset(a))).isEqualTo(0xeeeeeeeeeeeeeeeeL);
    allocator.free(a);
    segment.set(Memory.LONG, memory.offset(a) + 16, 1);
    assertThatThrownBy(() -> allocator.allocate(40)).hasMessageContaining("written after free");
  }
}
