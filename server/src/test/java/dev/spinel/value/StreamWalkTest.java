package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// Snapshots of streams are exact: seeded operations between every half step of the walker, which
/// reads a stream in pieces, compared with the model at the cut; poison shows what is read after it
/// was freed, and the account closes.
class StreamWalkTest {
  private static final class World implements Walker.Visitor {
    final Random random;
    final Heap heap = new Heap();
    final Memory m = heap.memory();
    final Allocator allocator = heap.allocator();
    final Allocator walkersAllocator = heap.allocator();
    final Walk walk = new Walk(m);
    final Values values;
    final Values walkers; // the walker has a seat of its own
    final Dictionary dictionary;
    final StreamValue streams;
    final long[] tables = new long[2];
    final Place place = new Place();
    final Place other = new Place();
    final Map<String, StreamModel> model = new HashMap<>(); // by "table/key"
    final Map<String, Long> expiries = new HashMap<>();
    final int keys;
    final int hugeOneIn;

    Map<String, String> written = new HashMap<>();
    int table;

    World(long seed) {
      random = new Random(seed);
      values = new Values(m, allocator, walk, seed, 3);
      walkers = new Values(m, walkersAllocator, walk, seed, 3);
      dictionary = values.dictionary();
      streams = values.streams();
      for (int i = 0; i < tables.length; i++) {
        tables[i] = allocator.allocate(Dictionary.HEADER_BYTES);
        dictionary.init(tables[i]);
      }
      keys = 1 << random.nextInt(4);
      hugeOneIn = random.nextInt(40) == 0 ? 50 : 0;
    }

    boolean find(String name, Place at) {
      Slice key = Slice.of(name.substring(2));
      return dictionary.find(tables[name.charAt(0) - '0'], dictionary.hash(key), key, at);
    }

    String name() {
      return random.nextInt(tables.length) + "/k" + random.nextInt(keys);
    }

    void operate() {
      String name = name();
      boolean there = find(name, place);
      assertThat(there).isEqualTo(model.containsKey(name));
      switch (random.nextInt(16)) {
        case 0 -> {
          if (there && random.nextBoolean()) {
            dictionary.remove(place);
            model.remove(name);
            expiries.remove(name);
          }
        }
        case 1 -> {
          if (there) {
            long expiry = random.nextBoolean() ? -1 : 1_700_000_000_000L + random.nextInt(1 << 30);
            dictionary.setExpiry(place, expiry);
            expiries.put(name, expiry);
          }
        }
        case 2 -> { // RENAME
          String to = name();
          if (there && !to.equals(name)) {
            find(to, other);
            dictionary.move(place, other, Slice.of(to.substring(2)), expiries.get(name));
            model.put(to, model.remove(name));
            expiries.put(to, expiries.remove(name));
          }
        }
        case 3 -> { // COPY
          String to = name();
          if (there && !to.equals(name)) {
            find(to, other);
            dictionary.copy(place.entry, other, Slice.of(to.substring(2)), -1);
            model.put(to, model.get(name).copy());
            expiries.put(to, -1L);
          }
        }
        default -> {
          if (!there) {
            streams.create(place, Slice.of(name.substring(2)));
            model.put(name, new StreamModel());
            expiries.put(name, -1L);
          }
          for (int i = random.nextInt(4); i >= 0; i--) {
            model.get(name).change(random, values, place, hugeOneIn);
          }
        }
      }
    }

    Map<String, String> copy() {
      Map<String, String> copy = new HashMap<>();
      model.forEach((name, stream) -> copy.put(name + "@" + expiries.get(name), stream.text()));
      return copy;
    }

    // the entry at hand, which the visitor reads in pieces
    private StringBuilder text = new StringBuilder();
    private String shownName = "";
    private long shown;
    private final Random pieces = new Random(9);

    @Override
    public void entry(long entry, long expiry) {
      shownName =
          table + "/" + new String(Entry.key(m, entry), StandardCharsets.ISO_8859_1) + "@" + expiry;
      shown = entry;
      text = new StringBuilder();
      walkers.streams().seek(entry, new StreamId());
    }

    @Override
    public boolean more() {
      for (int n = 1 + pieces.nextInt(20); n > 0; n--) {
        if (!walkers.streams().next()) {
          text.append(StreamModel.rest(walkers.streams(), shown));
          assertThat(written.put(shownName, text.toString())).as("written twice").isNull();
          return false;
        }
        text.append(StreamModel.entry(walkers.streams()));
      }
      return true;
    }

    @Override
    public void open(long entry, long expiry, long count, boolean isTimed) {
      throw new AssertionError();
    }

    @Override
    public void field(long field) {
      throw new AssertionError();
    }

    @Override
    public void close() {}

    void operations(int most) {
      for (int i = most == 0 ? 0 : random.nextInt(most + 1); i > 0; i--) operate();
    }

    Map<String, String> snapshot(int between) {
      walk.begin();
      written = new HashMap<>();
      Walker walker = new Walker(walkers.dictionary());
      for (table = 0; table < tables.length; table++) {
        operations(between);
        walker.enter(tables[table]);
        boolean more = true;
        while (more) {
          operations(between);
          more = walker.advance();
          int now = table;
          operations(between);
          table = now;
          while (walker.emit(this)) {
            operations(between);
            table = now;
          }
        }
      }
      operations(between);
      assertThat(walk.preservedBytes()).isZero();
      walker.finish();
      return written;
    }

    void verify() {
      model.forEach(
          (name, stream) -> {
            assertThat(find(name, place)).isTrue();
            assertThat(StreamModel.text(streams, place.entry)).isEqualTo(stream.text());
          });
      DictionaryVerifier verifier = new DictionaryVerifier(dictionary);
      for (long table : tables) verifier.table(table);
      allocator.flush();
      walkersAllocator.flush();
      assertThat(verifier.bytes()).isEqualTo(heap.liveBytes());
    }

    void end() {
      for (long table : tables) {
        dictionary.clear(table);
        allocator.free(table);
      }
      allocator.flush();
      walkersAllocator.flush();
      assertThat(heap.liveBytes()).isZero();
      heap.close();
    }
  }

  private static void run(long seed) {
    try {
      World world = new World(seed);
      world.operations(200);
      for (int round = 0; round < 3; round++) {
        Map<String, String> expected = world.copy();
        assertThat(world.snapshot(1 << world.random.nextInt(6))).isEqualTo(expected);
        world.verify();
        assertThat(world.snapshot(0)).isEqualTo(world.copy());
      }
      world.end();
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
    }
  }

  @Test
  @Execution(ExecutionMode.CONCURRENT)
  void aSnapshotIsExactWhateverHappensBetweenItsHalfSteps() {
    long seeds = Long.getLong("spinel.seeds", 2_000);
    long first = Long.getLong("spinel.seed", 1);
    long end = System.nanoTime() + 12_000_000_000L;
    for (long seed = first; seed < first + seeds && System.nanoTime() < end; seed++) run(seed);
  }

  @Test
  @Execution(ExecutionMode.CONCURRENT)
  void aSnapshotIsExactWhileAnotherThreadWrites() throws Exception {
    long end = System.nanoTime() + 5_000_000_000L;
    for (long seed = 1; seed <= 12 && System.nanoTime() < end; seed++) {
      World world = new World(seed);
      world.operations(500);
      ReentrantLock slots = new ReentrantLock();
      AtomicBoolean done = new AtomicBoolean();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread writer =
          new Thread(
              () -> {
                try {
                  while (!done.get()) {
                    slots.lock();
                    world.operate();
                    slots.unlock();
                  }
                } catch (Throwable e) {
                  failure.set(e);
                  slots.unlock();
                }
              });
      writer.start();
      try {
        for (int round = 0; round < 20; round++) {
          slots.lock();
          Map<String, String> expected = world.copy();
          world.walk.begin();
          slots.unlock();
          world.written = new HashMap<>();
          Walker walker = new Walker(world.walkers.dictionary());
          for (world.table = 0; world.table < world.tables.length; world.table++) {
            slots.lock();
            walker.enter(world.tables[world.table]);
            slots.unlock();
            boolean more = true;
            while (more) {
              slots.lock();
              more = walker.advance();
              slots.unlock();
              while (walker.emit(world)) Thread.onSpinWait();
            }
          }
          slots.lock();
          walker.finish();
          slots.unlock();
          assertThat(world.written).as("seed " + seed + " round " + round).isEqualTo(expected);
        }
      } finally {
        done.set(true);
        writer.join();
      }
      assertThat(failure.get()).as("seed " + seed).isNull();
      world.verify();
      world.end();
    }
  }
}
