package dev.spinel.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HeapTest {

  private static final long MB = 1 << 20;

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();

  @AfterEach
  void close() {
    heap.close();
  }

  @Test
  void threadsThatFreeEachOthersNodesKeepThemApart() throws Exception {
    int threads = 3;
    List<ArrayBlockingQueue<Long>> inboxes = new ArrayList<>();
    for (int i = 0; i < threads; i++) inboxes.add(new ArrayBlockingQueue<>(2000));
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Future<?>> done = new ArrayList<>();
      for (int me = 0; me < threads; me++) {
        ArrayBlockingQueue<Long> out = inboxes.get((me + 1) % threads);
        ArrayBlockingQueue<Long> in = inboxes.get(me);
        long seed = me;
        done.add(pool.submit(() -> exchange(seed, out, in)));
      }
      for (Future<?> f : done) f.get(120, TimeUnit.SECONDS);
    }
    try (Allocator allocator = heap.allocator()) {
      for (ArrayBlockingQueue<Long> inbox : inboxes) for (Long a : inbox) release(allocator, a);
    }
    assertThat(heap.liveBytes()).isZero();
  }

  private void exchange(long seed, ArrayBlockingQueue<Long> out, ArrayBlockingQueue<Long> in) {
    SplittableRandom random = new SplittableRandom(seed);
    try (Allocator allocator = heap.allocator()) {
      for (int step = 0; step < 40_000; step++) {
        long a =
            allocator.allocate(
                random.nextInt(50) == 0 ? 1 + random.nextInt(100_000) : 8 + random.nextInt(500));
        memory.putLong(a, a);
        memory.putLong(a + allocator.capacity(a) - 8, a);
        if (!out.offer(a)) release(allocator, a);
        for (int i = random.nextInt(3); i > 0 && !in.isEmpty(); i--) release(allocator, in.poll());
      }
    }
  }

  private void release(Allocator allocator, long a) {
    assertThat(memory.getLong(a)).isEqualTo(a);
    assertThat(memory.getLong(a + allocator.capacity(a) - 8)).isEqualTo(a);
    allocator.free(a);
  }

  @Test
  void emptySlabsGoBackWithoutAnybodyAsking() {
    Allocator allocator = heap.allocator();
    for (int round = 0; round < 2; round++) {
      List<Long> nodes = new ArrayList<>();
      for (int bytes = 0; bytes < 64 * MB; bytes += 1000) nodes.add(allocator.allocate(1000));
      for (int i = 0; i < 20; i++) nodes.add(allocator.allocate(Allocator.MAX_RUN));
      assertThat(heap.residentBytes()).isGreaterThan(84 * MB);
      assertThat(heap.liveBytes()).isGreaterThan(84 * MB);
      nodes.forEach(allocator::free);
      assertThat(heap.liveBytes()).isZero();
      allocator.flush();
      await().atMost(Duration.ofSeconds(20)).until(() -> heap.residentBytes() <= 8 * MB);
    }
    assertThat(heap.stats().slabs()).isBetween(1, 2);
  }

  /// What a busy machine holds up for a second loses its slabs rightly: so once in some attempts.
  @Test
  void whatFillsAndDrainsFindsTheSlabsOfTheTimeBefore() {
    Allocator allocator = heap.allocator();
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> {
              Set<Long> first = fillAndDrain(allocator);
              Thread.sleep(400); // longer than the daemon takes for a look
              return fillAndDrain(allocator).equals(first);
            });
    await().atMost(Duration.ofSeconds(20)).until(() -> heap.residentBytes() <= 8 * MB);
  }

  private static Set<Long> fillAndDrain(Allocator allocator) {
    Set<Long> nodes = new HashSet<>();
    for (int i = 0; i < 40; i++) nodes.add(allocator.allocate(Allocator.MAX_RUN));
    nodes.forEach(allocator::free);
    return nodes;
  }

  @Test
  void anIdleAllocatorGivesBackWhatItKeepsAtItsNextTick() {
    Allocator busy = heap.allocator();
    Allocator idle = heap.allocator();
    List<Long> nodes = new ArrayList<>();
    for (int bytes = 0; bytes < 100 * MB; bytes += 2000)
      nodes.add((bytes & 1) == 0 ? busy.allocate(2000) : 0);
    for (int i = 0; i < nodes.size(); i++) (i % 1000 == 0 ? idle : busy).free(nodes.get(i));
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> {
              busy.tick();
              idle.tick();
              heap.markSparse();
              return heap.residentBytes() <= 8 * MB;
            });
  }

  @Test
  void aSlabIsReadyBeforeItIsNeeded() {
    Allocator allocator = heap.allocator();
    allocator.allocate(100);
    await().until(() -> heap.residentBytes() == 4 * MB);
    for (int bytes = 0; bytes < 3 * MB; bytes += 4096) allocator.allocate(4096);
    await().until(() -> heap.residentBytes() == 8 * MB);
  }

  @Test
  void closeFreesAllAndEndsTheThread() {
    Heap other = new Heap();
    Allocator allocator = other.allocator();
    long a = allocator.allocate(100);
    for (int i = 0; i < 10; i++) allocator.allocate(Allocator.MAX_RUN);
    var segment = other.memory().segment(a);
    long offset = other.memory().offset(a);
    long before = daemons();
    other.close();
    other.close();
    assertThat(daemons()).isEqualTo(before - 1);
    assertThat(other.residentBytes()).isZero();
    assertThatThrownBy(() -> allocator.allocate(Allocator.MAX_RUN)).hasMessageContaining("closed");
    if (Memory.RAW) return;
    assertThatThrownBy(() -> other.memory().getByte(a))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> segment.get(Memory.LONG, offset))
        .isInstanceOf(IllegalStateException.class);
  }

  private static long daemons() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(t -> t.getName().equals("spinel-slabs"))
        .count();
  }

  @Test
  void anInterruptedThreadStillGetsItsNode() {
    Allocator allocator = heap.allocator();
    Thread.currentThread().interrupt();
    for (int i = 0; i < 50; i++) allocator.allocate(Allocator.MAX_RUN);
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void aHeapThatIsDenseIsNotMarked() {
    Allocator allocator = heap.allocator();
    long a = 0;
    for (int bytes = 0; bytes < 60 * MB; bytes += 100) a = allocator.allocate(100);
    assertThat(heap.markSparse()).isFalse();
    assertThat(heap.sparse(a)).isFalse();
  }

  @Test
  void sparseSlabsAreEmptiedByMovingTheirNodes() {
    for (long seed = 1; seed <= 3; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      Allocator allocator = heap.allocator();
      Allocator other = heap.allocator();
      List<Long> nodes = new ArrayList<>();
      long filled = 0;
      while (filled < 80 * MB) {
        int bytes =
            random.nextInt(200) == 0 ? 20_000 + random.nextInt(60_000) : 16 + random.nextInt(497);
        long a = allocator.allocate(bytes);
        filled += bytes;
        memory.putLong(a, a);
        nodes.add(a);
      }
      for (int i = 0; i < nodes.size(); i++) {
        if (random.nextInt(100) >= 70) continue;
        (random.nextBoolean() ? allocator : other).free(nodes.get(i));
        nodes.set(i, 0L);
      }
      nodes.removeIf(a -> a == 0);
      long live = heap.liveBytes();
      assertThat(heap.residentBytes()).isGreaterThan(live * 2);
      assertThat(heap.markSparse()).isTrue();
      other.tick();
      int moved = 0;
      for (int i = 0; i < nodes.size(); i++) {
        long a = nodes.get(i);
        if (!heap.sparse(a)) continue;
        long b = allocator.allocate(allocator.capacity(a));
        assertThat(heap.sparse(b)).isFalse();
        memory.copy(a, b, allocator.capacity(a));
        allocator.free(a);
        nodes.set(i, b);
        moved++;
        long c = other.allocate(100); // life goes on
        assertThat(heap.sparse(c)).isFalse();
        other.free(c);
      }
      assertThat(moved).isPositive().isLessThan(nodes.size());
      assertThat(heap.liveBytes()).isEqualTo(live);
      allocator.flush();
      other.flush();
      heap.unmark();
      await()
          .atMost(Duration.ofSeconds(20))
          .until(() -> heap.residentBytes() < live * 1.4 + 12 * MB);
      nodes.forEach(a -> assertThat(heap.sparse(a)).isFalse());
      nodes.forEach(allocator::free);
      assertThat(heap.liveBytes()).isZero();
      allocator.close();
      other.close();
      await()
          .atMost(Duration.ofSeconds(20))
          .until(
              () -> {
                heap.markSparse();
                heap.unmark();
                return heap.residentBytes() <= 8 * MB;
              });
    }
  }

  @Test
  void anAbandonedPassLeavesEverythingUsable() {
    SplittableRandom random = new SplittableRandom(5);
    Allocator allocator = heap.allocator();
    List<Long> nodes = new ArrayList<>();
    for (int i = 0; i < 400_000; i++) nodes.add(allocator.allocate(100));
    for (int i = 0; i < nodes.size(); i++) {
      if (i % 10 == 0) continue;
      allocator.free(nodes.get(i));
      nodes.set(i, 0L);
    }
    nodes.removeIf(a -> a == 0);
    long resident = heap.residentBytes();
    assertThat(heap.markSparse()).isTrue();
    heap.unmark();
    nodes.forEach(a -> assertThat(heap.sparse(a)).isFalse());
    for (int i = 0; i < 300_000; i++) nodes.add(allocator.allocate(97 + random.nextInt(8)));
    assertThat(heap.residentBytes()).isLessThanOrEqualTo(resident + 4 * MB);
    nodes.forEach(allocator::free);
    assertThat(heap.liveBytes()).isZero();
  }
}
