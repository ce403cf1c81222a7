package dev.spinel.bench;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.ListValue;
import dev.spinel.value.Place;
import dev.spinel.value.StringValue;
import dev.spinel.value.Values;
import dev.spinel.value.Walk;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// Lists of 10, 1,000 and 1 million elements and long strings, without a server: nanoseconds per
/// operation, bytes per element.
///
/// Each figure is the median of [#ROUNDS] rounds in one JVM, after a warm-up that mixes all sizes,
/// so that no call site is kinder than in a server. An operation includes finding the key.
public final class SequenceBench {
  private static final int ROUNDS = 9;
  private static final int FILL = -2;

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Values values = new Values(memory, allocator, new Walk(memory), 1, 2);
  private final Dictionary dictionary = values.dictionary();
  private final ListValue lists = values.lists();
  private final StringValue strings = values.strings();
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);
  private final Place place = new Place();
  private final Slice element = Slice.of("0123456789abcdef");
  private final RespWriter writer = new RespWriter();
  private final OutputPool pool = new OutputPool(Chunks.heap());
  private @Nullable Output output;

  private SequenceBench() {
    dictionary.init(header);
  }

  public static void main(String[] args) {
    SequenceBench bench = new SequenceBench();
    System.out.println(
        (Memory.RAW ? "raw" : "bounded")
            + ", JDK "
            + System.getProperty("java.version")
            + ", 16-byte elements, median of "
            + ROUNDS
            + " rounds");
    for (int i = 0; i < 3; i++) {
      for (int size : new int[] {10, 1_000, 100_000}) {
        bench.list(size, false);
      }
      bench.strings(false);
    }
    System.out.println(
        "elements   LPUSH   RPUSH    LPOP    RPOP  LPUSH+RPOP  LINDEX  LRANGE_100  ns;  bytes per"
            + " element");
    for (int size : new int[] {10, 1_000, 1_000_000}) {
      bench.list(size, true);
    }
    bench.strings(true);
  }

  private void list(int size, boolean report) {
    double[][] ns = new double[8][ROUNDS];
    double bytes = 0;
    int repeat = Math.max(1, 200_000 / size);
    int rounds = report ? ROUNDS : 1;
    for (int round = 0; round < rounds; round++) {
      for (int op = 0; op < 4; op++) { // push from one end, pop from the same
        boolean head = (op & 1) == 0;
        if (op < 2) {
          long push = 0;
          long pop = 0;
          for (int k = 0; k < repeat; k++) {
            long start = System.nanoTime();
            for (int i = 0; i < size; i++) {
              push(head);
            }
            long middle = System.nanoTime();
            if (k == 0) {
              bytes = (double) lists.memoryUse(place.entry);
              if (Entry.encoding(memory, place.entry) == Entry.LISTPACK) {
                bytes = allocator.capacity(place.entry);
              }
              bytes /= size;
            }
            push += middle - start;
            start = System.nanoTime();
            for (int i = 0; i < size; i++) {
              pop(head);
            }
            pop += System.nanoTime() - start;
          }
          ns[op][round] = (double) push / repeat / size;
          ns[2 + op][round] = (double) pop / repeat / size;
        }
      }
      for (int i = 0; i < size; i++) {
        push(false);
      }
      long start = System.nanoTime();
      for (int i = 0; i < 100_000; i++) {
        push(true);
        pop(false);
      }
      ns[4][round] = (System.nanoTime() - start) / 100_000.0;
      long seed = 12345;
      start = System.nanoTime();
      for (int i = 0; i < 50_000; i++) {
        seed = seed * 6364136223846793005L + 1442695040888963407L;
        find();
        fresh();
        lists.get(place.entry, (seed >>> 33) % size, writer);
      }
      ns[5][round] = (System.nanoTime() - start) / 50_000.0;
      start = System.nanoTime();
      for (int i = 0; i < 20_000; i++) {
        find();
        fresh();
        writer.array(Math.min(100, size));
        lists.range(place.entry, 0, Math.min(100, size), writer);
      }
      ns[6][round] = (System.nanoTime() - start) / 20_000.0;
      find();
      dictionary.remove(place);
    }
    if (report) {
      System.out.printf(
          "%8d %7.1f %7.1f %7.1f %7.1f %11.1f %7.1f %11.1f      %.2f%n",
          size,
          median(ns[0]),
          median(ns[1]),
          median(ns[2]),
          median(ns[3]),
          median(ns[4]),
          median(ns[5]),
          median(ns[6]),
          bytes);
    }
  }

  private void strings(boolean report) {
    double[][] ns = new double[5][ROUNDS];
    for (int round = 0; round < (report ? ROUNDS : 1); round++) {
      Slice small = Slice.of("xxx");
      Slice other = Slice.of("a value of 40 bytes, which is longer, too");
      ns[0][round] = time(500_000, i -> set(small));
      ns[1][round] = time(500_000, i -> set((i & 1) == 0 ? small : other));
      ns[2][round] =
          time(
              500_000,
              i -> {
                find();
                fresh();
                strings.get(place.entry, writer);
              });
      set(Slice.of("1"));
      ns[3][round] =
          time(
              500_000,
              i -> {
                find();
                strings.putLong(place, strings.toLong(place.entry, 0) + 1);
              });
      set(Slice.of(""));
      ns[4][round] =
          time(
              500_000,
              i -> {
                find();
                strings.append(place, element);
              });
      find();
      dictionary.remove(place);
    }
    if (report) {
      System.out.printf(
          "SET 3 bytes %.1f, 3 and 40 in turn %.1f, GET %.1f, INCR %.1f, APPEND 16 bytes up to 8 MB"
              + " %.1f ns%n",
          median(ns[0]), median(ns[1]), median(ns[2]), median(ns[3]), median(ns[4]));
    }
  }

  private interface Step {
    void run(int i);
  }

  private static double time(int n, Step step) {
    long start = System.nanoTime();
    for (int i = 0; i < n; i++) {
      step.run(i);
    }
    return (double) (System.nanoTime() - start) / n;
  }

  private final Slice key = Slice.of("mylist");

  private boolean find() {
    return dictionary.find(header, dictionary.hash(key), key, place);
  }

  private void set(Slice value) {
    find();
    strings.set(place, key, value, -1);
  }

  private void push(boolean head) {
    if (!find()) {
      lists.create(place, key);
    }
    lists.grow(place, element.length, 1, FILL);
    lists.push(place, head, element);
  }

  private void pop(boolean head) {
    find();
    fresh();
    lists.pop(place, head, writer, FILL);
    if (lists.length(place.entry) == 0) {
      dictionary.remove(place);
    }
  }

  /// Somewhere to reply to: thrown away before it would spill.
  private void fresh() {
    if (output == null || output.pendingBytes() > 8_000) {
      if (output != null) {
        output.close();
      }
      output = new Output(pool);
      writer.on(output, 2);
    }
  }

  private static double median(double[] all) {
    double[] sorted = all.clone();
    java.util.Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
