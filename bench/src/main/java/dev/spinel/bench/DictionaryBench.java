package dev.spinel.bench;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.value.Walk;
import dev.spinel.value.Walker;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// The dictionary alone, without locks: nanoseconds per operation, making the key and a random
/// number included (about 5 ns), for keys and values of 16 bytes.
///
/// ```
///   DictionaryBench [rows] [keys]     rows: cache, slots, one, tail, snapshot or all;  keys: of the large rows, default 5,000,000
/// ```
///
/// Needs native access (`--enable-native-access=ALL-UNNAMED`), else it says so and measures bounded
/// memory.
public final class DictionaryBench {
  private static final int ROUNDS = 5;

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(memory);
  private final Dictionary dictionary = new Dictionary(memory, allocator, walk, new Hash64(11, 13));
  private final Place place = new Place();
  private final byte[] keyBytes = "key:000000000000".getBytes(StandardCharsets.ISO_8859_1);
  private final Slice key = new Slice(keyBytes);
  private final byte[] valueBytes = "0123456789abcdef".getBytes(StandardCharsets.ISO_8859_1);
  private final byte[] into = new byte[64];
  private final long[] headers;
  private final int keys;
  private long state = 88172645463325252L;
  private long sum;

  private DictionaryBench(int slots, int keys) {
    this.headers = new long[slots];
    this.keys = keys;
    for (int i = 0; i < slots; i++) {
      headers[i] = allocator.allocate(Dictionary.HEADER_BYTES);
      dictionary.init(headers[i]);
    }
  }

  public static void main(String[] args) {
    String rows = args.length > 0 ? args[0] : "all";
    int large = args.length > 1 ? Integer.parseInt(args[1]) : 5_000_000;
    System.out.println(
        "java "
            + System.getProperty("java.version")
            + ", "
            + (Memory.RAW ? "raw" : "bounded")
            + " memory, "
            + Runtime.getRuntime().availableProcessors()
            + " processors");
    if (rows.equals("cache") || rows.equals("all"))
      rows("2,000 keys, one slot", 1, 2_000, 3_000_000);
    if (rows.equals("slots") || rows.equals("all"))
      rows(large + " keys, 16,384 slots", 16_384, large, 2_000_000);
    if (rows.equals("one") || rows.equals("all"))
      rows(large + " keys, one slot", 1, large, 2_000_000);
    if (rows.equals("tail") || rows.equals("all")) for (int i = 0; i < 3; i++) tail(large);
    if (rows.equals("snapshot") || rows.equals("all")) snapshot(large);
  }

  private static void rows(String title, int slots, int keys, int operations) {
    DictionaryBench b = new DictionaryBench(slots, keys);
    for (int i = 0; i < keys; i++) b.set(i);
    long live = b.heap.liveBytes();
    double[][] ns = new double[4][ROUNDS];
    for (int round = -2; round < ROUNDS; round++) {
      for (int kind = 0; kind < 4; kind++) {
        long start = System.nanoTime();
        for (int i = 0; i < operations; i++) b.operate(kind);
        double each = (System.nanoTime() - start) / (double) operations;
        if (round >= 0) ns[kind][round] = each;
      }
    }
    for (double[] n : ns) Arrays.sort(n);
    System.out.printf(
        "%-32s GET %5.0f   miss %5.0f   SET %5.0f   DEL+INSERT %5.0f ns   %5.1f B/key live%n",
        title,
        ns[0][ROUNDS / 2],
        ns[1][ROUNDS / 2],
        ns[2][ROUNDS / 2],
        ns[3][ROUNDS / 2],
        (double) live / keys);
    if (b.sum == 42) System.out.println();
    b.close();
  }

  private void operate(int kind) {
    int n = (int) (random() * (long) keys >>> 32);
    switch (kind) {
      case 0 -> get(n);
      case 1 -> miss(n);
      case 2 -> set(n);
      default -> {
        find(n);
        dictionary.remove(place);
        set(n);
      }
    }
  }

  private long random() {
    state ^= state << 13;
    state ^= state >>> 7;
    state ^= state << 17;
    return state & 0xffffffffL;
  }

  private boolean find(int n) {
    for (int i = 15, left = n; i >= 7; i--, left /= 10) keyBytes[i] = (byte) ('0' + left % 10);
    long hash = dictionary.hash(key);
    return dictionary.find(headers[(int) (hash & headers.length - 1)], hash, key, place);
  }

  private void get(int n) {
    if (!find(n)) throw new AssertionError(n);
    long e = place.entry;
    int length = Entry.valueLength(memory, e);
    memory.copyOut(Entry.valueAddress(memory, e), into, 0, length);
    sum += into[3];
  }

  private void miss(int n) {
    keyBytes[0] = 'x';
    if (find(n)) throw new AssertionError(n);
    keyBytes[0] = 'k';
  }

  private void set(int n) {
    boolean there = find(n);
    long e = dictionary.create(key, Entry.STRING, Entry.EMBSTR, valueBytes.length, -1);
    memory.copyIn(valueBytes, 0, Entry.valueAddress(memory, e), valueBytes.length);
    if (there) {
      dictionary.replace(place, e);
    } else {
      dictionary.insert(place, e);
    }
  }

  private static void tail(int keys) {
    DictionaryBench b = new DictionaryBench(1, keys);
    long[] histogram = new long[64 * 16];
    long worst = 0;
    long start = System.nanoTime();
    long before = start;
    for (int i = 0; i < keys; i++) {
      b.set(i);
      long now = System.nanoTime();
      long took = now - before;
      before = now;
      worst = Math.max(worst, took);
      histogram[bucket(took)]++;
    }
    System.out.printf(
        "insert to %d in one slot: %.1f s   p99 %s   p99.9 %s   p99.99 %s   max %.1f us%n",
        keys,
        (before - start) / 1e9,
        quantile(histogram, keys, .99),
        quantile(histogram, keys, .999),
        quantile(histogram, keys, .9999),
        worst / 1e3);
    b.close();
  }

  private static int bucket(long ns) {
    int log = 63 - Long.numberOfLeadingZeros(ns | 16);
    return log * 16 + (int) (ns >>> log - 4 & 15);
  }

  private static String quantile(long[] histogram, long total, double q) {
    long left = (long) (total * q);
    int at = 0;
    while (at < histogram.length - 1 && (left -= histogram[at]) >= 0) at++;
    long ns = 1L << at / 16 | (long) (at % 16) << Math.max(0, at / 16 - 4);
    return ns / 1000.0 + " us";
  }

  /// How fast a walk goes when nothing is written, and what it does to overwrites between its
  /// steps.
  private static void snapshot(int keys) {
    DictionaryBench b = new DictionaryBench(1, keys);
    for (int i = 0; i < keys; i++) b.set(i);
    for (int writes : new int[] {0, 0, 20, 20}) {
      b.walk.begin();
      Walker walker = new Walker(b.dictionary);
      long[] seen = new long[1];
      Walker.Visitor visitor =
          new Walker.Visitor() {
            @Override
            public void entry(long entry, long expiry) {
              seen[0]++;
              int length = Entry.valueLength(b.memory, entry);
              b.memory.copyOut(Entry.valueAddress(b.memory, entry), b.into, 0, length);
            }

            @Override
            public void open(long entry, long expiry, long count, boolean isTimed) {}

            @Override
            public void field(long field) {}

            @Override
            public void close() {}
          };
      walker.enter(b.headers[0]);
      long held = 0;
      long longest = 0;
      long peak = 0;
      int steps = 0;
      long start = System.nanoTime();
      while (true) {
        long at = System.nanoTime();
        boolean more = walker.advance();
        long took = System.nanoTime() - at;
        held += took;
        longest = Math.max(longest, took);
        steps++;
        walker.emit(visitor);
        if (!more) break;
        for (int i = 0; i < writes; i++) b.set((int) (b.random() * (long) keys >>> 32));
        peak = Math.max(peak, b.walk.preservedBytes());
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      walker.finish();
      if (seen[0] != keys) throw new AssertionError(seen[0] + " of " + keys);
      System.out.printf(
          "walk of %d, %d writes per page: %.2f s, lock held %.2f us mean, %.1f us at most, %.1f MB"
              + " kept at most%n",
          keys, writes, seconds, held / 1e3 / steps, longest / 1e3, peak / 1e6);
    }
    b.close();
  }

  private void close() {
    for (long header : headers) {
      dictionary.clear(header);
      allocator.free(header);
    }
    allocator.close();
    heap.close();
  }
}
