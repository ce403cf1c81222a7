package dev.spinel.bench;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Place;
import dev.spinel.value.SortedSetValue;
import dev.spinel.value.Values;
import dev.spinel.value.Walk;
import dev.spinel.wire.Slice;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.IntConsumer;

/// Sorted sets without a server: nanoseconds of processor time per operation, the look-up of the
/// key not included, for members of 16 bytes and scores that are random, or all the same.
///
/// ```
///   SortedSetBench [members…]     default: 10 1000 1000000
/// ```
public final class SortedSetBench {
  private static final int ROUNDS = 5;
  private static final int MAX_ENTRIES = 128;
  private static final int MAX_VALUE = 64;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Values values = new Values(memory, allocator, new Walk(memory), 11, 13);
  private final Dictionary dictionary = values.dictionary();
  private final SortedSetValue sets = values.sortedSets();
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);
  private final Place place = new Place();
  private final Slice key = Slice.of("sorted set");
  private final byte[] bytes = "member:000000000".getBytes(StandardCharsets.ISO_8859_1);
  private final Slice member = new Slice(bytes);
  private final byte[] into = new byte[64];
  private final int members;
  private final int[] order; // of insertion
  private final boolean same; // all scores
  private long state = 88172645463325252L;
  private long sum;

  private SortedSetBench(int members, boolean same) {
    this.members = members;
    this.same = same;
    dictionary.init(header);
    dictionary.find(header, dictionary.hash(key), key, place);
    sets.create(place, key);
    order = new int[members];
    for (int i = 0; i < members; i++) {
      int at = (int) (random() * (i + 1) >>> 32);
      order[i] = order[at];
      order[at] = i;
    }
    for (int n : order) put(n, score());
  }

  public static void main(String[] args) {
    int[] sizes =
        args.length == 0
            ? new int[] {10, 1_000, 1_000_000}
            : Arrays.stream(args).mapToInt(Integer::parseInt).toArray();
    System.out.println(
        "java "
            + System.getProperty("java.version")
            + ", "
            + (Memory.RAW ? "raw" : "bounded")
            + " memory, "
            + Runtime.getRuntime().availableProcessors()
            + " processors");
    System.out.println(
        "  members scores     add  change   score    rank  range of 100  pop + add   union  "
            + " bytes");
    for (int i = 0; i < 3; i++) rows(1_000, i == 1, false); // to warm up
    for (int size : sizes) {
      rows(size, false, true);
      rows(size, true, true);
    }
  }

  private static void rows(int members, boolean same, boolean print) {
    SortedSetBench b = new SortedSetBench(members, same);
    b.allocator.flush();
    double live = (double) b.dictionary.memoryUse(b.place.entry, 0) / members;
    int few = 200_000;
    double add = b.time(members < 10_000 ? 20 : 1, n -> b.fill());
    double change = b.time(few, n -> b.put(n, same ? 5 + (b.random() & 1) : b.score()));
    double score = b.time(few, b::score);
    double rank = b.time(few, n -> b.sum += b.sets.rank(b.place.entry, b.of(n)));
    double range = b.time(few / 20, b::range);
    double pop = b.time(few, n -> b.popAndAdd());
    double union = b.time(members < 10_000 ? 20 : 1, n -> b.union());
    if (print) {
      System.out.printf(
          "%9d %-6s %7.0f %7.0f %7.0f %7.0f %13.0f %10.0f %7.0f %7.1f%n",
          members,
          same ? "equal" : "random",
          add / members,
          change,
          score,
          rank,
          range,
          pop,
          union / 2 / members,
          live);
    }
    if (b.sum == 42) System.out.println();
    b.close();
  }

  /// The median of some rounds, after two to warm up.
  private double time(int operations, IntConsumer operation) {
    double[] ns = new double[ROUNDS];
    for (int round = -2; round < ROUNDS; round++) {
      long start = THREADS.getCurrentThreadCpuTime();
      for (int i = 0; i < operations; i++) operation.accept((int) (random() * members >>> 32));
      double each = (THREADS.getCurrentThreadCpuTime() - start) / (double) operations;
      if (round >= 0) ns[round] = each;
    }
    Arrays.sort(ns);
    return ns[ROUNDS / 2];
  }

  private long random() {
    state ^= state << 13;
    state ^= state >>> 7;
    state ^= state << 17;
    return state & 0xffffffffL;
  }

  private double score() {
    return same ? 5 : random() / 4096.0;
  }

  private Slice of(int n) {
    for (int i = 15, left = n; i >= 7; i--, left /= 10) bytes[i] = (byte) ('0' + left % 10);
    return member;
  }

  private void put(int n, double score) {
    sets.put(place, of(n), score, MAX_ENTRIES, MAX_VALUE);
  }

  /// All members anew.
  private void fill() {
    dictionary.remove(place);
    sets.create(place, key);
    for (int n : order) put(n, score());
  }

  private void score(int n) {
    if (sets.find(place.entry, of(n))) sum += (long) sets.score();
  }

  private void range(int n) {
    long first = Math.max(0, Math.min(n, members - 100));
    sets.visit(place.entry, first, 100, at -> sum += at.copyMember(into, 0));
  }

  private void popAndAdd() {
    sets.at(place.entry, 0);
    sets.copyMember(bytes, 0);
    sets.removeRange(place, 0, 1);
    sets.put(place, member, score(), MAX_ENTRIES, MAX_VALUE);
  }

  /// The set with itself.
  private void union() {
    try (SortedSetValue.NewSortedSet draft = sets.draft(key)) {
      sets.each(place.entry, at -> draft.collect(at, at.score(), Double::sum));
      sets.each(place.entry, at -> draft.collect(at, at.score(), Double::sum));
      sum += draft.entry();
    }
  }

  private void close() {
    dictionary.clear(header);
    allocator.free(header);
    allocator.close();
    heap.close();
  }
}
