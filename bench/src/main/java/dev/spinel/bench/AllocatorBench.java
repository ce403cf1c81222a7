package dev.spinel.bench;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.HeapStats;
import dev.spinel.memory.Memory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/// What a node costs: nanoseconds per allocation and release, residency, and whether memory goes
/// back.
///
/// Run with `--enable-native-access` for raw addresses, without for bounded ones. A plain main, for
/// each figure wants its own long-lived heap; each is taken [#ROUNDS] times, and the median printed
/// with the range.
public final class AllocatorBench {

  private static final int ROUNDS = 7;
  private static final long MB = 1 << 20;

  private long sink;

  private AllocatorBench() {}

  public static void main(String[] args) throws Exception {
    System.out.printf(
        "%s, JDK %s, %d processors, %s%n",
        Memory.RAW ? "raw" : "bounded",
        Runtime.version(),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.arch"));
    AllocatorBench bench = new AllocatorBench();
    String only = args.length > 0 ? args[0] : "";
    if ("hot".startsWith(only)) bench.time("same class, hot", bench::hot);
    if ("window".startsWith(only)) bench.time("window of 1,000, random 16-512 B", bench::window);
    if ("burst".startsWith(only)) bench.time("bursts of 1,000, then 1,000 back", bench::bursts);
    if ("cold".startsWith(only)) bench.time("400 k live, random victim, cold", bench::cold);
    if ("threads".startsWith(only)) bench.time("two threads free each other's", bench::threads);
    if ("residency".startsWith(only)) bench.residency();
    if ("giveback".startsWith(only)) bench.giveBack();
    System.out.println(bench.sink == 42 ? "" : " ");
  }

  private interface Work {
    double nanosPerPair(int round) throws Exception;
  }

  private void time(String what, Work work) throws Exception {
    double[] nanos = new double[ROUNDS];
    work.nanosPerPair(0);
    for (int i = 0; i < ROUNDS; i++) nanos[i] = work.nanosPerPair(i);
    Arrays.sort(nanos);
    System.out.printf(
        Locale.ROOT,
        "%-36s %6.1f ns per allocation + free  (%.1f - %.1f)%n",
        what,
        nanos[ROUNDS / 2],
        nanos[0],
        nanos[ROUNDS - 1]);
  }

  private double hot(int round) {
    try (Heap heap = new Heap();
        Allocator allocator = heap.allocator()) {
      int n = 50_000_000;
      long start = System.nanoTime();
      for (int i = 0; i < n; i++) {
        long a = allocator.allocate(40);
        sink += a;
        allocator.free(a);
      }
      return (double) (System.nanoTime() - start) / n;
    }
  }

  private double window(int round) {
    try (Heap heap = new Heap();
        Allocator allocator = heap.allocator()) {
      SplittableRandom random = new SplittableRandom(round);
      long[] nodes = new long[1000];
      for (int i = 0; i < nodes.length; i++)
        nodes[i] = allocator.allocate(16 + random.nextInt(497));
      int n = 20_000_000;
      long start = System.nanoTime();
      for (int i = 0; i < n; i++) {
        int victim = random.nextInt(nodes.length);
        allocator.free(nodes[victim]);
        nodes[victim] = allocator.allocate(16 + random.nextInt(497));
      }
      return (double) (System.nanoTime() - start) / n;
    }
  }

  private double bursts(int round) {
    try (Heap heap = new Heap();
        Allocator allocator = heap.allocator()) {
      long[] nodes = new long[1000];
      int bursts = 20_000;
      long start = System.nanoTime();
      for (int b = 0; b < bursts; b++) {
        for (int i = 0; i < nodes.length; i++) nodes[i] = allocator.allocate(40);
        for (long node : nodes) allocator.free(node);
      }
      return (double) (System.nanoTime() - start) / bursts / nodes.length;
    }
  }

  private double cold(int round) {
    try (Heap heap = new Heap();
        Allocator allocator = heap.allocator()) {
      SplittableRandom random = new SplittableRandom(round);
      long[] nodes = new long[400_000];
      for (int i = 0; i < nodes.length; i++)
        nodes[i] = allocator.allocate(16 + random.nextInt(497));
      int n = 10_000_000;
      long start = System.nanoTime();
      for (int i = 0; i < n; i++) {
        int victim = random.nextInt(nodes.length);
        allocator.free(nodes[victim]);
        nodes[victim] = allocator.allocate(16 + random.nextInt(497));
      }
      return (double) (System.nanoTime() - start) / n;
    }
  }

  /// Each thread allocates and hands over through a ring of plain slots with a volatile count.
  private double threads(int round) throws InterruptedException {
    try (Heap heap = new Heap()) {
      int n = 3_000_000;
      Ring[] rings = {new Ring(), new Ring()};
      CountDownLatch ready = new CountDownLatch(2);
      long[] took = new long[2];
      Thread[] threads = new Thread[2];
      for (int t = 0; t < 2; t++) {
        int me = t;
        threads[t] =
            new Thread(
                () -> {
                  ready.countDown();
                  while (ready.getCount() > 0) Thread.onSpinWait();
                  try (Allocator allocator = heap.allocator()) {
                    SplittableRandom random = new SplittableRandom(me);
                    long start = System.nanoTime();
                    int freed = 0;
                    for (int sent = 0; sent < n || freed < n; ) {
                      if (sent < n && rings[me].offer(allocator, random)) sent++;
                      long a = freed < n ? rings[1 - me].poll() : 0;
                      if (a != 0) {
                        allocator.free(a);
                        freed++;
                      }
                    }
                    took[me] = System.nanoTime() - start;
                  }
                });
        threads[t].start();
      }
      for (Thread thread : threads) thread.join();
      if (heap.liveBytes() != 0)
        throw new IllegalStateException("account does not close: " + heap.liveBytes());
      return (double) Math.max(took[0], took[1]) / n;
    }
  }

  private static final class Ring {
    private final long[] slots = new long[1024];
    private final AtomicInteger head = new AtomicInteger();
    private final long[] apart = new long[32];
    private final AtomicInteger tail = new AtomicInteger();
    private int seenHead;
    private int seenTail;

    boolean offer(Allocator allocator, SplittableRandom random) {
      int at = tail.getPlain();
      if (at - seenHead == slots.length) {
        seenHead = head.getAcquire();
        if (at - seenHead == slots.length) return false;
      }
      slots[at & 1023] = allocator.allocate(16 + random.nextInt(497));
      tail.setRelease(at + 1);
      return true;
    }

    long poll() {
      int at = head.getPlain();
      if (at == seenTail) {
        seenTail = tail.getAcquire();
        if (at == seenTail) return apart[16];
      }
      long node = slots[at & 1023];
      head.setRelease(at + 1);
      return node;
    }
  }

  /// Live bytes ÷ pages: after filling, after 16 million replacements, after deleting 70 % at
  /// random, and after a pass that moves what lies on marked pages.
  private void residency() {
    try (Heap heap = new Heap();
        Allocator allocator = heap.allocator()) {
      SplittableRandom random = new SplittableRandom(1);
      long[] nodes = new long[400_000];
      long asked = 0;
      int[] sizes = new int[nodes.length];
      for (int i = 0; i < nodes.length; i++) {
        sizes[i] = 16 + random.nextInt(497);
        nodes[i] = allocator.allocate(sizes[i]);
        asked += sizes[i];
      }
      report("after filling", heap, asked);
      for (int i = 0; i < 16_000_000; i++) {
        int victim = random.nextInt(nodes.length);
        allocator.free(nodes[victim]);
        asked -= sizes[victim];
        sizes[victim] = 16 + random.nextInt(497);
        nodes[victim] = allocator.allocate(sizes[victim]);
        asked += sizes[victim];
      }
      report("after 16 M replacements", heap, asked);
      for (int i = 0; i < nodes.length; i++) {
        if (random.nextInt(100) >= 70) continue;
        allocator.free(nodes[i]);
        nodes[i] = 0;
        asked -= sizes[i];
      }
      allocator.flush();
      report("after deleting 70 %", heap, asked);
      long start = System.nanoTime();
      heap.markSparse();
      long marked = System.nanoTime();
      int moved = 0;
      for (int i = 0; i < nodes.length; i++) {
        if (nodes[i] == 0 || !heap.sparse(nodes[i])) continue;
        long to = allocator.allocate(sizes[i]);
        heap.memory().copy(nodes[i], to, sizes[i]);
        allocator.free(nodes[i]);
        nodes[i] = to;
        moved++;
      }
      System.out.printf(
          Locale.ROOT,
          "  marking took %.2f ms, moving %,d nodes %.1f ms%n",
          (marked - start) / 1e6,
          moved,
          (System.nanoTime() - marked) / 1e6);
      heap.unmark();
      allocator.flush();
      report("after evacuation", heap, asked);
      pause(1500);
      report("… and a pause", heap, asked);
    }
  }

  private static void report(String when, Heap heap, long asked) {
    HeapStats stats = heap.stats();
    long pages = stats.classes().stream().mapToLong(HeapStats.SizeClass::pageBytes).sum();
    System.out.printf(
        Locale.ROOT,
        "%-26s asked %5.1f MB, live %5.1f, pages %5.1f, resident %5.1f: asked / pages %.3f, asked /"
            + " live %.3f%n",
        when,
        asked / 1e6,
        stats.liveBytes() / 1e6,
        pages / 1e6,
        stats.residentBytes() / 1e6,
        (double) asked / pages,
        (double) asked / stats.liveBytes());
  }

  /// Fills 1 GB and frees it, three times; the process's resident size each time.
  private void giveBack() throws IOException {
    try (Heap heap = new Heap();
        Allocator allocator = heap.allocator()) {
      int count = (int) (1024 * MB / 200);
      long[] nodes = new long[count];
      System.out.printf("start: resident %d MB%n", residentMegabytes());
      for (int round = 0; round < 3; round++) {
        long longest = 0;
        long start = System.nanoTime();
        long before = start;
        for (int i = 0; i < count; i++) {
          nodes[i] = allocator.allocate(200);
          heap.memory().putLong(nodes[i], i);
          if ((i & 15) != 0) continue;
          long now = System.nanoTime();
          longest = Math.max(longest, now - before);
          before = now;
        }
        long filled = System.nanoTime();
        long full = residentMegabytes();
        for (long node : nodes) allocator.free(node);
        long freed = System.nanoTime();
        pause(3000);
        allocator.tick();
        pause(2000);
        System.out.printf(
            Locale.ROOT,
            "filled 1 GB in %.0f ms (longest 16 allocations %.2f ms), %d MB; freed in %.0f ms, live"
                + " %d, slabs %d, resident %d MB%n",
            (filled - start) / 1e6,
            longest / 1e6,
            full,
            (freed - filled) / 1e6,
            heap.liveBytes(),
            heap.stats().slabs(),
            residentMegabytes());
      }
    }
  }

  private static long residentMegabytes() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) return -1;
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("VmRSS:")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
    }
    return -1;
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
