package dev.spinel.value;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// Snapshots are exact: seeded operations between every half step of the walker, compared with a
/// copy of the model that was made at the cut; and the account closes.
class WalkTest {
  private static final SetValue.Thresholds LIMITS = new SetValue.Thresholds(6, 8, 64);

  /// The model of a sorted set.
  private record Scores(TreeMap<String, Double> of) {}

  /// A keyspace of a few tables beside its model.
  private static final class World implements AutoCloseable {
    final Heap heap = new Heap();
    final Memory memory = heap.memory();
    final Allocator allocator = heap.allocator();
    final Walk walk = new Walk(memory);
    final Dictionary dictionary;
    final StringValue strings;
    final HashValue hashes;
    final SetValue sets;
    final SortedSetValue sortedSets;
    final Place place = new Place();
    final Place other = new Place();
    final long[] tables;
    final Random random;
    final Map<String, Object> model =
        new HashMap<>(); // "table/key" to String, Map of fields, Set, or Scores
    final Map<String, Long> expiries = new HashMap<>();
    final int keys;
    final int fields;
    final int bulk; // how many fields are changed at once, at most
    boolean refusing; // memory, now and then
    int left; // allocations until one is refused; 0: none is
    int refused;
    boolean shrinking; // keys are rather deleted than made, for a while

    World(long seed) {
      random = new Random(seed);
      long[] masks = {
        -1,
        -1,
        -1,
        0xff00_0000_0000_0000L,
        0x0000_0000_0003_001fL,
        0x00ff_ff00_0000_0000L,
        1,
        0x8000_0000_0700_0001L
      };
      dictionary =
          new Dictionary(
              memory, allocator, walk, new Hash64(seed, 5), masks[random.nextInt(masks.length)]);
      LargeStrings large = new LargeStrings(memory, allocator);
      strings = new StringValue(memory, allocator, dictionary, large);
      hashes = new HashValue(dictionary, strings, large);
      sets = new SetValue(dictionary, large);
      Ranking ranking = new Ranking(memory, allocator, dictionary);
      sortedSets = new SortedSetValue(dictionary, large, ranking);
      dictionary.owner(Entry.SKIPLIST, ranking);
      dictionary.owner(Entry.CHUNKED, new Sequences(memory, allocator, dictionary));
      tables = new long[1 + random.nextInt(3)];
      for (int i = 0; i < tables.length; i++) {
        tables[i] = allocator.allocate(Dictionary.HEADER_BYTES);
        dictionary.init(tables[i]);
      }
      boolean wide = random.nextInt(24) == 0; // few hashes, of many pages
      keys = 1 << 1 + random.nextInt(wide ? 3 : 10);
      fields = 1 << 1 + random.nextInt(wide ? 12 : 8);
      bulk = wide ? 300 : 6;
    }

    boolean find(String name, Place at) {
      int slash = name.indexOf('/');
      Slice key = Slice.of(name.substring(slash + 1));
      return dictionary.find(
          tables[Integer.parseInt(name.substring(0, slash))], dictionary.hash(key), key, at);
    }

    String name() {
      return random.nextInt(tables.length) + "/k" + random.nextInt(keys);
    }

    long expiry() {
      return random.nextInt(3) == 0 ? 1_700_000_000_000L + random.nextInt(1 << 30) : -1;
    }

    void operate() {
      String name = name();
      if (!refusing || random.nextInt(4) != 0) {
        operate(name);
        return;
      }
      allocator.flush(); // so that each size asks
      left = 1 + random.nextInt(3);
      try {
        operate(name);
      } catch (OutOfMemoryError e) {
        refused++;
        left = 0;
        if (model.get(name) instanceof Map<?, ?> hash && hash.isEmpty()
            || model.get(name) instanceof Set<?> set && set.isEmpty()
            || model.get(name) instanceof Scores z && z.of.isEmpty()) {
          find(name, place);
          dictionary.remove(place);
          model.remove(name);
          expiries.remove(name);
        }
      } finally {
        left = 0;
      }
    }

    void refuse() {
      refusing = true;
      allocator.guard(() -> left == 0 || !allocates() || --left > 0 || refuseNow());
    }

    private static boolean refuseNow() {
      throw new OutOfMemoryError("refused by the test");
    }

    private static boolean allocates() {
      return StackWalker.getInstance()
          .walk(
              frames ->
                  frames
                      .limit(5)
                      .anyMatch(
                          f ->
                              f.getMethodName().equals("refill")
                                  || f.getMethodName().equals("allocateRun")));
    }

    @SuppressWarnings("unchecked")
    private void operate(String name) {
      boolean there = find(name, place);
      assertEquals(there, model.containsKey(name));
      String key = name.substring(name.indexOf('/') + 1);
      if (random.nextInt(500) == 0) shrinking = !shrinking;
      switch (shrinking && random.nextInt(4) != 0 ? 2 : random.nextInt(19)) {
        case 0, 1 -> { // SET
          String value = "v".repeat(random.nextInt(50)) + random.nextInt(1000);
          long expiry = expiry();
          long e =
              dictionary.create(Slice.of(key), Entry.STRING, Entry.RAW, value.length(), expiry);
          memory.copyIn(Slice.of(value).array, 0, Entry.valueAddress(memory, e), value.length());
          if (there) {
            dictionary.replace(place, e);
          } else {
            dictionary.insert(place, e);
          }
          model.put(name, value);
          expiries.put(name, expiry);
        }
        case 2 -> { // DEL
          if (there) {
            dictionary.remove(place);
            model.remove(name);
            expiries.remove(name);
          }
        }
        case 3 -> { // EXPIRE, PERSIST
          if (there) {
            long expiry = expiry();
            dictionary.setExpiry(place, expiry);
            expiries.put(name, expiry);
          }
        }
        case 4 -> { // APPEND, in place where there is room
          if (there && model.get(name) instanceof String s) {
            String more = "a".repeat(random.nextInt(8));
            long e = dictionary.resize(place, s.length() + more.length());
            memory.copyIn(
                Slice.of(more).array, 0, Entry.valueAddress(memory, e) + s.length(), more.length());
            model.put(name, s + more);
          }
        }
        case 5 -> { // SETRANGE within
          if (there && model.get(name) instanceof String s) {
            long e = dictionary.writable(place);
            memory.putByte(Entry.valueAddress(memory, e), (byte) '#');
            model.put(name, "#" + s.substring(1));
          }
        }
        case 6 -> { // RENAME, between tables too
          String to = name();
          if (there && !to.equals(name)) {
            find(to, other);
            Slice newKey = Slice.of(to.substring(to.indexOf('/') + 1));
            dictionary.move(place, other, newKey, expiries.get(name));
            model.put(to, model.remove(name));
            expiries.put(to, expiries.remove(name));
          }
        }
        case 12, 13, 14 -> { // sets
          if (!there) {
            Slice first = Slice.of(random.nextBoolean() ? "m" : "1");
            sets.create(place, Slice.of(key), first, 1 + random.nextInt(20), LIMITS);
            model.put(name, new TreeSet<String>());
            expiries.put(name, -1L);
          }
          if (model.get(name) instanceof Set<?>) change(name, key);
        }
        case 15, 16, 17, 18 -> { // sorted sets
          if (!there) {
            sortedSets.create(place, Slice.of(key));
            model.put(name, new Scores(new TreeMap<>()));
            expiries.put(name, -1L);
          }
          if (model.get(name) instanceof Scores z) change(name, key, z.of);
        }
        default -> { // hashes
          if (!there) {
            hashes.create(place, Slice.of(key));
            model.put(name, new TreeMap<String, String>());
            expiries.put(name, -1L);
          }
          if (model.get(name) instanceof Map<?, ?> m) {
            Map<String, String> hash = (Map<String, String>) m;
            for (int i = random.nextInt(bulk); i >= 0; i--) {
              String field = "f" + random.nextInt(fields);
              if (random.nextInt(shrinking ? 5 : 3) != 0 ^ shrinking || hash.isEmpty()) {
                String value =
                    "w".repeat(random.nextInt(200) == 0 ? 70_000 : random.nextInt(20))
                        + random.nextInt(1000);
                boolean isNew = hashes.set(place, Slice.of(field), Slice.of(value), 8, 64);
                assertEquals(isNew, hash.put(field, value) == null);
              } else {
                assertEquals(hashes.delete(place, Slice.of(field)), hash.remove(field) != null);
              }
            }
            assertEquals(hashes.length(dictionary.entry(place)), hash.size());
            if (hash.isEmpty()) {
              dictionary.remove(place);
              model.remove(name);
              expiries.remove(name);
            }
          }
        }
      }
    }

    /// SADD, SREM, SPOP, SUNIONSTORE.
    @SuppressWarnings("unchecked")
    private void change(String name, String key) {
      Set<String> set = (Set<String>) model.get(name);
      if (random.nextInt(10) == 0) {
        try (Draft draft = new Draft(dictionary, Slice.of(key))) {
          sets.create(draft.place, Slice.of(key), Entry.LISTPACK);
          Set<String> built = new TreeSet<>();
          for (int i = random.nextInt(bulk); i >= 0; i--) {
            String member = "b" + random.nextInt(fields);
            sets.add(draft.place, Slice.of(member), LIMITS);
            built.add(member);
          }
          draft.store(place);
          model.put(name, built);
          expiries.put(name, -1L);
        }
        return;
      }
      if (set.size() > 1 && random.nextInt(10) == 0) {
        int count = 1 + random.nextInt(set.size() - 1);
        sets.pop(
            place, Slice.of(key), count, random, LIMITS, at -> set.remove(new String(at.member())));
      }
      for (int i = random.nextInt(bulk); i >= 0; i--) {
        String member = (random.nextInt(3) == 0 ? "" : "m") + random.nextInt(fields);
        if (random.nextInt(shrinking ? 5 : 3) != 0 ^ shrinking || set.isEmpty()) {
          assertEquals(sets.add(place, Slice.of(member), LIMITS), set.add(member));
        } else {
          assertEquals(sets.remove(place, Slice.of(member)), set.remove(member));
        }
      }
      assertEquals(sets.length(dictionary.entry(place)), set.size());
      if (set.isEmpty()) {
        dictionary.remove(place);
        model.remove(name);
        expiries.remove(name);
      }
    }

    /// ZADD, ZREM, ZPOPMIN, ZREMRANGEBYRANK, ZUNIONSTORE.
    private void change(String name, String key, TreeMap<String, Double> scores) {
      if (random.nextInt(10) == 0) {
        try (SortedSetValue.NewSortedSet draft = sortedSets.draft(Slice.of(key))) {
          TreeMap<String, Double> built = new TreeMap<>();
          for (int i = random.nextInt(bulk); i >= 0; i--) {
            String member = "b" + random.nextInt(fields);
            draft.collect(Slice.of(member), i, Double::sum);
            built.merge(member, (double) i, Double::sum);
          }
          draft.store(place, 8, 64);
          model.put(name, new Scores(built));
          expiries.put(name, -1L);
        }
        return;
      }
      if (random.nextInt(10) == 0) pop(scores);
      for (int i = random.nextInt(bulk); i >= 0; i--) {
        String member = (random.nextInt(3) == 0 ? "" : "z") + random.nextInt(fields);
        if (random.nextInt(shrinking ? 5 : 3) != 0 ^ shrinking || scores.isEmpty()) {
          double score = random.nextInt(random.nextBoolean() ? 3 : 1000) / 4.0;
          SortedSetValue.Put put = sortedSets.put(place, Slice.of(member), score, 8, 64);
          Double old = scores.put(member, score);
          assertEquals(old == null, put == SortedSetValue.Put.ADDED);
        } else {
          boolean deleted = sortedSets.delete(place, Slice.of(member));
          assertEquals(deleted, scores.remove(member) != null);
        }
      }
      assertEquals(sortedSets.length(dictionary.entry(place)), scores.size());
      if (scores.isEmpty()) {
        dictionary.remove(place);
        model.remove(name);
        expiries.remove(name);
      }
    }

    private void pop(TreeMap<String, Double> scores) {
      long size = sortedSets.length(dictionary.entry(place));
      if (size == 0) return;
      long from = random.nextBoolean() ? 0 : random.nextLong(size);
      long count = 1 + random.nextLong(random.nextBoolean() ? 1 : size - from);
      List<String> gone = new ArrayList<>();
      sortedSets.visit(
          place.entry, from, count, at -> gone.add(new String(at.member(), ISO_8859_1)));
      sortedSets.removeRange(place, from, count);
      for (String member : gone) scores.remove(member);
    }

    @SuppressWarnings("unchecked")
    Map<String, Object> copy() {
      Map<String, Object> copy = new HashMap<>();
      model.forEach(
          (name, value) ->
              copy.put(
                  name + "@" + expiries.get(name),
                  value instanceof Map<?, ?> m
                      ? new TreeMap<>((Map<String, String>) m)
                      : value instanceof Set<?> s
                          ? new TreeSet<>((Set<String>) s)
                          : value instanceof Scores z ? new Scores(new TreeMap<>(z.of)) : value));
      return copy;
    }

    /// A snapshot with `between` operations at most between half steps; null if it was abandoned.
    Map<String, Object> snapshot(int between, boolean abandon) {
      int giveUps = abandon ? random.nextInt(3) : 0; // as if steps had failed
      walk.begin();
      Walker walker = new Walker(dictionary);
      Collected collected = new Collected(this, allocator);
      int steps = 0;
      for (int i = 0; i < tables.length; i++) {
        collected.table = i;
        operations(between);
        walker.enter(tables[i]);
        while (true) {
          operations(between);
          boolean more = walker.advance();
          operations(between);
          if (abandon && ++steps == 5) walk.abandon();
          boolean passed = !more;
          if (walk.abandoned() && giveUps > 0 && random.nextInt(8) == 0) {
            giveUps--;
            if (random.nextBoolean()) walker.emit(collected);
            walker.giveUp();
            operations(between);
            if (!passed) {
              walker.enter(tables[i]);
              continue;
            }
          } else {
            while (walker.emit(collected)) operations(between);
          }
          if (passed) break;
        }
      }
      operations(between);
      if (walk.spoilt() == null)
        assertThat(walk.preservedBytes()).isZero(); // else there are strays
      walker.finish();
      assertThat(walk.preservedBytes()).isZero();
      return walk.abandoned() || walk.spoilt() != null ? null : collected.all;
    }

    void operations(int most) {
      for (int i = most == 0 ? 0 : random.nextInt(most + 1); i > 0; i--) operate();
    }

    void verify() {
      DictionaryVerifier verifier = new DictionaryVerifier(dictionary);
      if (refusing) verifier.afterRefusals();
      for (long table : tables) verifier.table(table);
      if (!walk.active()) {
        assertThat(verifier.chained).as("chains are empty").isZero();
        allocator.flush();
        assertThat(verifier.bytes()).as("reachable bytes").isEqualTo(heap.liveBytes());
      }
    }

    @Override
    public void close() {
      for (long table : tables) {
        dictionary.clear(table);
        allocator.free(table);
      }
      allocator.flush();
      assertThat(heap.liveBytes()).isZero();
      heap.close();
    }
  }

  private static final class Collected implements Walker.Visitor {
    final Memory memory;
    final StringValue strings;
    final SetValue sets;
    final SortedSetValue sortedSets;
    final Map<String, Object> all = new HashMap<>();
    int table;
    private TreeMap<String, String> hash;
    private TreeSet<String> set;
    private TreeMap<String, Double> scores;
    private long expected;
    private final Random random = new Random(5);
    private Runnable left; // to be read of the entry at hand, when the visitor comes to it
    private int pauses; // before that

    Collected(World world, Allocator allocator) {
      this.memory = world.memory;
      Dictionary dictionary = world.dictionary.forAnotherSeat(allocator);
      LargeStrings large = new LargeStrings(memory, allocator);
      this.strings = new StringValue(memory, allocator, dictionary, large);
      this.sets = new SetValue(dictionary, large);
      Ranking ranking = new Ranking(memory, allocator, dictionary);
      this.sortedSets = new SortedSetValue(dictionary, large, ranking);
    }

    private static String text(byte[] bytes) {
      return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private void put(long entry, long expiry, Object value) {
      Object before = all.put(table + "/" + text(Entry.key(memory, entry)) + "@" + expiry, value);
      assertThat(before).as("written twice").isNull();
    }

    /// Reads later, perhaps after the driver was away a few times.
    private void later(Runnable reading) {
      assertThat(left).as("the last entry was read").isNull();
      left = reading;
      pauses = random.nextInt(3) == 0 ? 1 + random.nextInt(3) : 0;
    }

    @Override
    public boolean more() {
      if (pauses-- > 0) return true;
      left.run();
      left = null;
      return false;
    }

    @Override
    public void entry(long entry, long expiry) {
      later(() -> read(entry, expiry));
    }

    private void read(long entry, long expiry) {
      Object value;
      if (Entry.type(memory, entry) == Entry.HASH) {
        TreeMap<String, String> small = new TreeMap<>();
        long lp = Entry.valueAddress(memory, entry);
        byte[] field = new byte[200];
        byte[] bytes = new byte[200];
        for (int at = Listpack.first(memory, lp); at != 0; at = Listpack.next(memory, lp, at)) {
          int n = Listpack.copyOut(memory, lp, at, field, 0);
          at = Listpack.next(memory, lp, at);
          int v = Listpack.copyOut(memory, lp, at, bytes, 0);
          small.put(
              new String(field, 0, n, StandardCharsets.ISO_8859_1),
              new String(bytes, 0, v, StandardCharsets.ISO_8859_1));
        }
        value = small;
      } else if (Entry.type(memory, entry) == Entry.SET) {
        TreeSet<String> small = new TreeSet<>();
        sets.each(entry, at -> small.add(text(at.member())));
        value = small;
      } else if (Entry.type(memory, entry) == Entry.ZSET) {
        TreeMap<String, Double> small = new TreeMap<>();
        sortedSets.each(entry, at -> small.put(text(at.member()), at.score()));
        value = new Scores(small);
      } else {
        value = text(strings.bytes(entry));
      }
      put(entry, expiry, value);
    }

    @Override
    public void open(long entry, long expiry, long count, boolean isTimed) {
      Object whole =
          switch (Entry.type(memory, entry)) {
            case Entry.HASH -> hash = new TreeMap<>();
            case Entry.SET -> set = new TreeSet<>();
            default -> new Scores(scores = new TreeMap<>());
          };
      expected = count;
      put(entry, expiry, whole);
    }

    @Override
    public void field(long field) {
      later(() -> read(field));
    }

    private void read(long field) {
      String name = text(Entry.key(memory, field));
      boolean isNew;
      if (set != null) {
        isNew = set.add(name);
      } else if (scores != null) {
        long bits = memory.getLong(Entry.valueAddress(memory, field));
        isNew = scores.put(name, Double.longBitsToDouble(bits)) == null;
      } else {
        isNew = hash.put(name, text(strings.bytes(field))) == null;
      }
      assertThat(isNew).as("not written twice").isTrue();
    }

    @Override
    public void close() {
      int size = set != null ? set.size() : scores != null ? scores.size() : hash.size();
      assertThat((long) size).as("count at the cut").isEqualTo(expected);
      hash = null;
      set = null;
      scores = null;
    }
  }

  /// The system refuses memory in the middle of changes beside a snapshot: those have not happened,
  /// or have; the snapshot is right, or says that it isn't; nothing is left of it.
  @Test
  @Execution(ExecutionMode.CONCURRENT)
  void aSnapshotIsRightOrFailsWhenMemoryIsRefused() {
    int refused = 0;
    int spoilt = 0;
    int right = 0;
    for (long seed = 0; seed < 150; seed++) {
      try (World world = new World(seed)) {
        world.operations(world.random.nextInt(1 << world.random.nextInt(11)) + 1);
        world.refuse();
        for (int round = 0; round < 3; round++) {
          Map<String, Object> expected = world.copy();
          Map<String, Object> actual = world.snapshot(1 << world.random.nextInt(7), false);
          if (actual == null) {
            spoilt++;
          } else {
            assertThat(actual).isEqualTo(expected);
            right++;
          }
          world.verify();
          assertThat(world.copy()).isEqualTo(world.snapshot(0, false));
        }
        refused += world.refused;
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
      }
    }
    assertThat(refused).isGreaterThan(1_000);
    assertThat(spoilt).isGreaterThan(20);
    assertThat(right).isGreaterThan(20);
  }

  /// Runs one seed; the message of a failure says which.
  private static void run(long seed) {
    try (World world = new World(seed)) {
      world.operations(world.random.nextInt(1 << world.random.nextInt(12)) + 1);
      for (int round = 0; round < 3; round++) {
        world.verify();
        Map<String, Object> expected = world.copy();
        Map<String, Object> actual =
            world.snapshot(1 << world.random.nextInt(9), world.random.nextInt(8) == 0);
        if (actual != null) assertThat(actual).isEqualTo(expected);
        world.verify();
        assertThat(world.snapshot(0, false)).isEqualTo(world.copy());
      }
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
    }
  }

  @Test
  @Execution(ExecutionMode.CONCURRENT)
  void aSnapshotIsExactWhateverHappensBetweenItsHalfSteps() {
    long seeds = Long.getLong("spinel.seeds", 2_000);
    long first = Long.getLong("spinel.seed", 1);
    long end = System.nanoTime() + 1_000_000_000L * Long.getLong("spinel.seconds", 12);
    for (long seed = first; seed < first + seeds && System.nanoTime() < end; seed++) run(seed);
  }

  /// Epochs are 8 bits wide: what nobody changes must not look new after 256 cuts, nor be lost.
  @Test
  void entriesOutliveTheEpochsOfTheirBirth() {
    for (long seed = 1; seed <= 3; seed++) {
      try (World world = new World(seed)) {
        world.operations(2_000);
        for (int round = 0; round < 600; round++) {
          Map<String, Object> expected = world.copy();
          Map<String, Object> actual = world.snapshot(round % 50 == 0 ? 3 : 0, round % 3 == 0);
          if (actual != null)
            assertThat(actual).as("seed " + seed + " round " + round).isEqualTo(expected);
        }
        world.verify();
      }
    }
  }

  /// Two threads: a writer at full speed, and a walker, with a lock between them as the server has
  /// it.
  @Test
  @Execution(ExecutionMode.CONCURRENT)
  void aSnapshotIsExactWhileAnotherThreadWrites() throws Exception {
    for (long seed = 1; seed <= 6; seed++) {
      try (World world = new World(seed)) {
        world.operations(20_000);
        Object lock = new Object();
        boolean[] stop = new boolean[1];
        Throwable[] failure = new Throwable[1];
        Thread writer =
            new Thread(
                () -> {
                  try {
                    while (true) {
                      synchronized (lock) {
                        if (stop[0]) return;
                        world.operate();
                      }
                    }
                  } catch (Throwable e) {
                    failure[0] = e;
                  }
                });
        Dictionary ofWalker;
        Map<String, Object> expected;
        synchronized (lock) {
          expected = world.copy();
          world.walk.begin();
          ofWalker = world.dictionary.forAnotherSeat(world.heap.allocator());
          ofWalker.owner(Entry.SKIPLIST, new Ranking(world.memory, ofWalker.allocator, ofWalker));
          ofWalker.owner(Entry.CHUNKED, new Sequences(world.memory, ofWalker.allocator, ofWalker));
        }
        writer.start();
        Collected collected = new Collected(world, ofWalker.allocator);
        Walker walker = new Walker(ofWalker);
        for (int i = 0; i < world.tables.length; i++) {
          collected.table = i;
          walker.enter(world.tables[i]);
          while (true) {
            boolean more;
            synchronized (lock) {
              more = walker.advance();
            }
            while (walker.emit(collected)) Thread.onSpinWait();
            if (!more) break;
          }
        }
        synchronized (lock) {
          stop[0] = true;
        }
        writer.join();
        walker.finish();
        ofWalker.allocator.close();
        assertThat(failure[0]).isNull();
        assertThat(collected.all).as("seed " + seed).isEqualTo(expected);
        world.verify();
      }
    }
  }

  /// One missed `writable` would be a wrong backup that no ordinary test sees.
  @Test
  void aChangeInPlaceThatDidNotAskIsNoticed() {
    try (World world = new World(1)) {
      Slice key = Slice.of("k");
      world.find("0/k", world.place);
      world.strings.set(world.place, key, Slice.of("as it was"), -1);
      world.walk.begin();
      world.find("0/k", world.place);
      world.memory.putByte(Entry.valueAddress(world.memory, world.place.entry), (byte) '!');
      Walker walker = new Walker(world.dictionary);
      walker.enter(world.tables[0]);
      walker.advance();
      assertThatThrownBy(() -> walker.emit(new Collected(world, world.allocator)))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("without writable");
    }
  }
}
