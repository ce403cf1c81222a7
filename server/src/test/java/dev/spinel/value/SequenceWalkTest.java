package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// Snapshots of long lists and strings are exact: seeded operations between every half step of the
/// walker, compared with the model at the cut; poison shows what is read after it was freed, and
/// the account closes.
class SequenceWalkTest {

  private static final class World implements AutoCloseable, Walker.Visitor {
    final Random random;
    final Heap heap = new Heap();
    final Memory m = heap.memory();
    final Allocator allocator = heap.allocator();
    final Allocator walkersAllocator = heap.allocator();
    final Walk walk = new Walk(m);
    final Values values;
    final Values walkers; // the walker has a seat of its own
    final Dictionary dictionary;
    final ListValue lists;
    final StringValue strings;
    final long[] tables = new long[2];
    final Place place = new Place();
    final Place other = new Place();
    final Map<String, Object> model = new HashMap<>(); // "table/key" to List or String
    final Map<String, Long> expiries = new HashMap<>();
    final int keys;
    final int chunkBytes; // typical size of a string

    Map<String, Object> written;
    int table;

    World(long seed) {
      random = new Random(seed);
      values = new Values(m, allocator, walk, seed, 3);
      walkers = new Values(m, walkersAllocator, walk, seed, 3);
      dictionary = values.dictionary();
      lists = values.lists();
      strings = values.strings();
      for (int i = 0; i < tables.length; i++) {
        tables[i] = allocator.allocate(Dictionary.HEADER_BYTES);
        dictionary.init(tables[i]);
      }
      keys = 1 << random.nextInt(6);
      chunkBytes = random.nextInt(30) == 0 ? 70_000 : 60;
    }

    boolean find(String name, Place at) {
      Slice key = Slice.of(name.substring(2));
      return dictionary.find(tables[name.charAt(0) - '0'], dictionary.hash(key), key, at);
    }

    String name() {
      return random.nextInt(tables.length) + "/k" + random.nextInt(keys);
    }

    String text(int most) {
      return (char) ('a' + random.nextInt(26)) + "x".repeat(random.nextInt(most));
    }

    Slice large(String text) {
      LargeStrings large = values.large();
      byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
      long node = large.begin(bytes.length);
      large.fill(node, 0, bytes, 0, bytes.length);
      Slice slice = new Slice();
      slice.node = node;
      slice.length = bytes.length;
      return slice;
    }

    @SuppressWarnings("unchecked")
    void operate() {
      String name = name();
      boolean there = find(name, place);
      assertThat(there).isEqualTo(model.containsKey(name));
      Slice key = Slice.of(name.substring(2));
      switch (random.nextInt(14)) {
        case 0 -> {
          if (there) {
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
            Object value = model.get(name);
            model.put(to, value instanceof List<?> l ? new ArrayList<>(l) : value);
            expiries.put(to, -1L);
          }
        }
        case 4 -> { // SET
          String text = text(chunkBytes * 2);
          strings.setText(place, key, random.nextInt(4) == 0 ? Slice.of(text) : large(text), -1);
          model.put(name, text);
          expiries.put(name, -1L);
        }
        case 5, 6 -> {
          if (there && model.get(name) instanceof String s && s.length() < 300_000) {
            String more = text(chunkBytes);
            strings.append(place, Slice.of(more));
            model.put(name, s + more);
          }
        }
        case 7 -> {
          if (there && model.get(name) instanceof String s) {
            int at = random.nextInt(s.length() + 3);
            String more = text(9);
            strings.setRange(place, at, Slice.of(more));
            StringBuilder b = new StringBuilder(s);
            b.setLength(Math.max(s.length(), at + more.length()));
            model.put(name, b.replace(at, at + more.length(), more).toString());
          }
        }
        default -> {
          if (!there) {
            lists.create(place, key);
            model.put(name, new ArrayList<String>());
            expiries.put(name, -1L);
          }
          if (model.get(name) instanceof List<?> l) {
            List<String> list = (List<String>) l;
            for (int i = random.nextInt(4); i >= 0; i--) {
              change(list);
            }
            if (list.isEmpty()) {
              dictionary.remove(place);
              model.remove(name);
              expiries.remove(name);
            }
          }
        }
      }
    }

    void put(String to, long entry) {
      if (find(to, other)) {
        dictionary.replace(other, entry);
      } else {
        dictionary.insert(other, entry);
      }
    }

    void change(List<String> list) {
      int fill = 2;
      int n = list.size();
      int i = n == 0 ? 0 : random.nextInt(n);
      String text = random.nextInt(300) == 0 ? text(100_000) : text(12);
      switch (n == 0 ? 0 : random.nextInt(9)) {
        case 0, 1, 2 -> {
          boolean head = random.nextBoolean();
          lists.grow(place, text.length(), 1, fill);
          lists.push(
              place, head, text.length() > Quicklist.LEAF_MAX ? large(text) : Slice.of(text));
          list.add(head ? 0 : n, text);
        }
        case 3 -> {
          lists.grow(place, text.length(), 1, fill);
          lists.set(place, i, Slice.of(text), fill);
          list.set(i, text);
        }
        case 4 -> {
          lists.grow(place, text.length(), 1, fill);
          String pivot = list.get(i);
          boolean after = random.nextBoolean();
          lists.insert(place, after, Slice.of(pivot), Slice.of(text));
          list.add(list.indexOf(pivot) + (after ? 1 : 0), text);
        }
        case 5 -> {
          String gone = list.get(i);
          lists.remove(place, true, 1, Slice.of(gone), fill);
          list.remove(gone);
        }
        case 6 -> {
          if (random.nextBoolean() && list.size() > 1) {
            lists.move(place, true, place, false, fill);
            list.add(list.getFirst());
          } else {
            lists.remove(place, 0, 1, fill);
          }
          list.removeFirst();
        }
        case 7 -> {
          int most = 1 + random.nextInt(Math.min(3, n - i));
          lists.remove(place, i, most, fill);
          list.subList(i, i + most).clear();
        }
        default -> {
          lists.trim(place, 0, n - 1 - random.nextInt(Math.min(2, n)), fill);
          while (list.size() > lists.length(dictionary.entry(place))) {
            list.removeLast();
          }
        }
      }
      assertThat(lists.length(dictionary.entry(place))).isEqualTo(list.size());
    }

    Object read(Values through, long entry) {
      if (Entry.type(m, entry) == Entry.STRING) {
        return new String(through.strings().bytes(entry), StandardCharsets.ISO_8859_1);
      }
      List<String> list = new ArrayList<>();
      through.lists().iterate(entry);
      while (through.lists().next()) {
        byte[] bytes = new byte[through.lists().elementLength()];
        through.lists().copyOut(bytes, 0);
        list.add(new String(bytes, StandardCharsets.ISO_8859_1));
      }
      return list;
    }

    Map<String, Object> copy() {
      Map<String, Object> copy = new HashMap<>();
      model.forEach(
          (name, value) ->
              copy.put(
                  name + "@" + expiries.get(name),
                  value instanceof List<?> l ? new ArrayList<>(l) : value));
      return copy;
    }

    // the entry at hand, which the visitor reads in pieces
    private List<String> elements; // of a list; null: it is a string
    private byte[] string = {};
    private int stringAt;
    private long shown;
    private final Random pieces = new Random(9);

    @Override
    public void entry(long entry, long expiry) {
      String name =
          table + "/" + new String(Entry.key(m, entry), StandardCharsets.ISO_8859_1) + "@" + expiry;
      shown = entry;
      Object value = null;
      elements = null;
      if (Entry.type(m, entry) == Entry.STRING) {
        string = new byte[walkers.strings().length(entry)];
        stringAt = 0;
        value = string;
      } else {
        elements = new ArrayList<>();
        walkers.lists().iterate(entry);
        value = elements;
      }
      assertThat(written.put(name, value)).as("written twice").isNull();
    }

    @Override
    public boolean more() {
      if (elements == null) {
        int n = Math.min(1 + pieces.nextInt(chunkBytes), string.length - stringAt);
        walkers.strings().copyOut(shown, stringAt, string, stringAt, n);
        stringAt += n;
        return stringAt < string.length;
      }
      for (int n = 1 + pieces.nextInt(20); n > 0; n--) {
        if (!walkers.lists().next()) {
          return false;
        }
        byte[] bytes = new byte[walkers.lists().elementLength()];
        walkers.lists().copyOut(bytes, 0);
        elements.add(new String(bytes, StandardCharsets.ISO_8859_1));
      }
      return true;
    }

    /// What was written, with strings as text.
    private Map<String, Object> all() {
      written.replaceAll(
          (name, value) ->
              value instanceof byte[] bytes
                  ? new String(bytes, StandardCharsets.ISO_8859_1)
                  : value);
      return written;
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
      for (int i = most == 0 ? 0 : random.nextInt(most + 1); i > 0; i--) {
        operate();
      }
    }

    Map<String, Object> snapshot(int between) {
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
      return all();
    }

    void verify() {
      for (Map.Entry<String, Object> e : model.entrySet()) {
        assertThat(find(e.getKey(), place)).isTrue();
        assertThat(read(values, place.entry)).isEqualTo(e.getValue());
        if (e.getValue() instanceof List) {
          lists.check(place.entry);
        }
      }
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
        Map<String, Object> expected = world.copy();
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
    for (long seed = first; seed < first + seeds && System.nanoTime() < end; seed++) {
      run(seed);
    }
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
          Map<String, Object> expected = world.copy();
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
              while (walker.emit(world)) {
                Thread.onSpinWait();
              }
            }
          }
          slots.lock();
          walker.finish();
          slots.unlock();
          assertThat(world.all()).as("seed " + seed + " round " + round).isEqualTo(expected);
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
