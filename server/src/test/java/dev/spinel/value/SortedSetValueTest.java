package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.value.SortedSetValue.LexBound;
import dev.spinel.value.SortedSetValue.Put;
import dev.spinel.value.SortedSetValue.Ranks;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SortedSetValueTest {
  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(memory);
  private final Values values = new Values(memory, allocator, walk, 3, 4);
  private final Dictionary dictionary = values.dictionary();
  private final SortedSetValue sets = values.sortedSets();
  private final Place place = new Place();
  private final Slice key = Slice.of("a key");
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);
  private final long seed = Long.getLong("spinel.seed", 12);
  private final Random random = new Random(seed);

  /// A member with its score, in the order of sorted sets.
  private record Member(double score, String name) implements Comparable<Member> {
    private static final Comparator<Member> ORDER =
        Comparator.comparingDouble((Member x) -> x.score + 0.0).thenComparing(Member::name);

    @Override
    public int compareTo(Member other) {
      return ORDER.compare(this, other);
    }
  }

  /// The naive one.
  private static final class Model {
    final Map<String, Double> scores = new HashMap<>();
    final TreeSet<Member> order = new TreeSet<>();

    Put put(String name, double score) {
      Double old = scores.get(name);
      if (old != null && old == score) return Put.UNCHANGED;
      if (old != null) order.remove(new Member(old, name));
      scores.put(name, score);
      order.add(new Member(score, name));
      return old == null ? Put.ADDED : Put.CHANGED;
    }

    boolean delete(String name) {
      Double old = scores.remove(name);
      return old != null && order.remove(new Member(old, name));
    }

    List<Member> list() {
      return new ArrayList<>(order);
    }
  }

  @BeforeEach
  void open() {
    dictionary.init(header);
    dictionary.find(header, dictionary.hash(key), key, place);
    sets.create(place, key);
  }

  @AfterEach
  void theAccountCloses() {
    verify();
    dictionary.clear(header);
    allocator.free(header);
    allocator.flush();
    assertThat(heap.liveBytes()).isZero();
    heap.close();
  }

  private void verify() {
    DictionaryVerifier verifier = new DictionaryVerifier(dictionary);
    verifier.table(header);
    allocator.flush();
    assertThat(verifier.bytes()).as("seed %s", seed).isEqualTo(heap.liveBytes());
  }

  private static String text(byte[] b) {
    return new String(b, StandardCharsets.ISO_8859_1);
  }

  private Member atHand() {
    assertEquals(sets.memberLength(), sets.member().length);
    return new Member(sets.score(), text(sets.member()));
  }

  private List<Member> all() {
    List<Member> all = new ArrayList<>();
    sets.each(place.entry, at -> all.add(atHand()));
    return all;
  }

  private Put put(String member, double score) {
    return sets.put(place, Slice.of(member), score, 20, 64);
  }

  private double score() {
    return switch (random.nextInt(14)) {
      case 0 -> Double.POSITIVE_INFINITY;
      case 1 -> Double.NEGATIVE_INFINITY;
      case 2, 3 -> 0.0;
      case 4, 5 -> random.nextInt(5) / 4.0;
      case 6 -> random.nextGaussian() * 1e18;
      case 7 -> (double) random.nextLong();
      case 8 -> Double.longBitsToDouble(random.nextLong() & ~(1L << 62));
      default -> random.nextInt(-20, 20);
    };
  }

  private String name(int names) {
    int n = random.nextInt(names);
    return n % 3 == 0 ? "" + n : "m".repeat(n % 5) + n;
  }

  @ParameterizedTest
  @CsvSource({"1000,10,8000", "1000,100,6000", "5,300,20000", "5,3000,12000", "0,60,3000"})
  void behavesAsAnOrderedMapUnderRandomOperations(int maxEntries, int names, int steps) {
    Model model = new Model();
    for (int step = 0; step < steps; step++) {
      if (sets.length(place.entry) == 0 && random.nextBoolean()) {
        dictionary.remove(place);
        sets.create(place, key);
      }
      String name = name(names);
      Slice member = Slice.of(name);
      Double there = model.scores.get(name);
      switch (random.nextInt(14)) {
        case 0, 1, 2, 3 -> {
          double score = score();
          assertEquals(model.put(name, score), sets.put(place, member, score, maxEntries, 64));
        }
        case 4, 5 -> assertEquals(model.delete(name), sets.delete(place, member));
        case 6 -> {
          assertEquals(there != null, sets.find(place.entry, member));
          if (there != null) assertEquals(new Member(there, name), atHand());
        }
        case 7 -> {
          long rank =
              there == null ? -1 : model.order.headSet(new Member(there, name), false).size();
          assertEquals(rank, sets.rank(place.entry, member));
        }
        case 8 -> {
          List<Member> list = model.list();
          int rank = random.nextInt(list.size() + 1);
          assertEquals(rank < list.size(), sets.at(place.entry, rank));
          if (rank < list.size()) assertEquals(list.get(rank), atHand());
        }
        case 9 -> ranges(model.list());
        case 10 -> {
          List<Member> list = model.list();
          int from = random.nextInt(list.size() + 1);
          int most = random.nextInt(8) == 0 ? list.size() : Math.min(list.size(), from + 5);
          int to = from + random.nextInt(Math.max(most - from, 0) + 1);
          sets.removeRange(place, from, to - from);
          list.subList(from, to).forEach(x -> model.delete(x.name));
        }
        default -> { // scores of a neighbourhood
          double score = step / 50;
          assertEquals(model.put(name, score), sets.put(place, member, score, maxEntries, 64));
        }
      }
      assertEquals(model.scores.size(), sets.length(dictionary.entry(place)), "seed " + seed);
      if (step % 100 == 0) {
        assertEquals(model.list(), all(), "seed " + seed);
        verify();
      }
    }
    boolean small = maxEntries == 1000;
    if (names != 60)
      assertEquals(small ? Entry.LISTPACK : Entry.SKIPLIST, sets.encoding(place.entry));
  }

  private void ranges(List<Member> list) {
    double min = random.nextInt(4) == 0 ? Double.NEGATIVE_INFINITY : score();
    double max = random.nextInt(4) == 0 ? Double.POSITIVE_INFINITY : score();
    boolean minOut = random.nextBoolean();
    boolean maxOut = random.nextBoolean();
    List<Member> expected =
        list.stream()
            .filter(x -> minOut ? x.score > min : x.score >= min)
            .filter(x -> maxOut ? x.score < max : x.score <= max)
            .toList();
    Ranks part = sets.scoreRange(place.entry, min, minOut, max, maxOut);
    assertEquals(expected.size(), part.count());
    List<Member> upwards = new ArrayList<>();
    List<Member> downwards = new ArrayList<>();
    if (part.count() > 0) {
      sets.visit(place.entry, part.from(), part.count(), at -> upwards.add(atHand()));
      sets.visitBackwards(place.entry, part.to() - 1, part.count(), at -> downwards.add(atHand()));
    }
    assertEquals(expected, upwards, "seed " + seed);
    assertEquals(expected.reversed(), downwards);
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 0})
  void rangesOfMembersAreFoundWhereAllScoresAreEqual(int maxEntries) {
    TreeSet<String> model = new TreeSet<>();
    for (int round = 0; round < 150; round++) {
      for (int i = 0; i < 3; i++) {
        String name = name(500);
        model.add(name);
        sets.put(place, Slice.of(name), 7, maxEntries, 64);
      }
      for (int i = 0; i < 10; i++) {
        LexBound min = bound();
        LexBound max = bound();
        List<String> expected =
            model.stream()
                .filter(x -> compare(x, min) > 0 || compare(x, min) == 0 && !min.exclusive())
                .filter(x -> compare(x, max) < 0 || compare(x, max) == 0 && !max.exclusive())
                .toList();
        Ranks part = sets.lexRange(place.entry, min, max);
        List<String> found = new ArrayList<>();
        sets.visit(place.entry, part.from(), part.count(), at -> found.add(text(at.member())));
        assertEquals(expected, found, "seed " + seed);
        Ranks backwards = sets.lexRangeBackwards(place.entry, min, max);
        assertEquals(part, backwards);
      }
    }
  }

  private LexBound bound() {
    return switch (random.nextInt(6)) {
      case 0 -> LexBound.FIRST;
      case 1 -> LexBound.LAST;
      case 2, 3 -> LexBound.inclusive(Slice.of(name(500)));
      default -> LexBound.exclusive(Slice.of(name(500)));
    };
  }

  private static int compare(String name, LexBound bound) {
    if (bound == LexBound.FIRST) return 1;
    if (bound == LexBound.LAST) return -1;
    return name.compareTo(bound.member().text());
  }

  @Test
  void aListpackIsInOrderAndBecomesLargeBeyondItsLimits() {
    for (int i = 0; i < 20; i++) put("m" + i, 20 - i);
    assertThat(sets.encoding(place.entry)).isEqualTo(Entry.LISTPACK);
    put("m3", 1.5); // no new member: whatever the limits say
    assertThat(sets.put(place, Slice.of("m4"), 3, 0, 0)).isEqualTo(Put.CHANGED);
    assertThat(sets.encoding(place.entry)).isEqualTo(Entry.LISTPACK);
    List<Member> before = all();
    put("one more", -1);
    assertThat(sets.encoding(place.entry)).isEqualTo(Entry.SKIPLIST);
    List<Member> expected = new ArrayList<>(before);
    expected.addFirst(new Member(-1, "one more"));
    assertThat(all()).isEqualTo(expected);
  }

  @Test
  void aLongMemberMakesItLarge() {
    put("m", 1);
    put("n".repeat(65), 0);
    assertThat(sets.encoding(place.entry)).isEqualTo(Entry.SKIPLIST);
    assertThat(all()).containsExactly(new Member(0, "n".repeat(65)), new Member(1, "m"));
  }

  @Test
  void aListpackThatWouldOutgrowItsNodeBecomesLarge() {
    for (int i = 0; i < 2_000; i++) sets.put(place, Slice.of("x".repeat(300) + i), i, 1 << 30, 999);
    assertThat(sets.encoding(place.entry)).isEqualTo(Entry.SKIPLIST);
    assertThat(sets.length(place.entry)).isEqualTo(2_000);
  }

  @Test
  void minusZeroIsZeroInAListpackAndIsKeptInALargeSet() {
    put("a", -0.0);
    assertThat(all()).containsExactly(new Member(0.0, "a"));
    sets.enlarge(place);
    put("b", -0.0);
    put("c", 0.0);
    put("aa", 0.0);
    assertThat(put("b", 0.0)).isEqualTo(Put.UNCHANGED);
    assertThat(all())
        .containsExactly(
            new Member(0.0, "a"),
            new Member(0.0, "aa"),
            new Member(-0.0, "b"),
            new Member(0.0, "c"));
    sets.find(place.entry, Slice.of("b"));
    assertThat(1 / sets.score()).isNegative();
    assertThat(sets.scoreRange(place.entry, 0.0, false, -0.0, false)).isEqualTo(new Ranks(0, 4));
    assertThat(sets.scoreRange(place.entry, -0.0, true, 1, false)).isEqualTo(Ranks.NONE);
  }

  /// 1, 2, 3 … fill leaves to the last cell, from either end; at random nodes are as large as need
  /// be.
  @Test
  void nodesAreFull() {
    int n = 20_000;
    List<Integer> shuffled = new ArrayList<>();
    for (int i = 0; i < n; i++) shuffled.add(i);
    Collections.shuffle(shuffled, random);
    double[] most = {16.9, 16.9, 17.8};
    for (int way = 0; way < 3; way++) {
      dictionary.remove(place);
      sets.create(place, key);
      for (int i = 0; i < n; i++) put("m" + i, way == 0 ? i : way == 1 ? -i : shuffled.get(i));
      OrderedTree tree = new OrderedTree(memory, allocator);
      long root = Entry.valueAddress(memory, place.entry) + Dictionary.HEADER_BYTES;
      assertThat((double) tree.bytes(root) / n).as("way %s", way).isBetween(16.2, most[way]);
    }
  }

  @Test
  void aLargeSetIsFreedInSteps() {
    for (int i = 0; i < 20_000; i++) put("member" + i, i % 100);
    long[] live = {heap.liveBytes(), 0};
    dictionary.clear(
        place.header,
        () -> {
          live[1] = Math.max(live[1], live[0] - heap.liveBytes());
          live[0] = heap.liveBytes();
        });
    assertThat(live[1]).as("bytes of one step").isBetween(1_000L, 70_000L);
    assertThat(live[0]).as("bytes of the last step").isLessThan(70_000L);
  }

  @Test
  void copiesAndMovesAreWhole() {
    Model model = new Model();
    for (int i = 0; i < 3_000; i++) {
      double score = score();
      model.put("m" + i, score);
      put("m" + i, score);
    }
    Slice other = Slice.of("another key");
    Place to = new Place();
    dictionary.find(header, dictionary.hash(other), other, to);
    dictionary.copy(place.entry, to, other, -1);
    verify();
    put("m5", 99);
    dictionary.move(place, to, other, -1);
    model.put("m5", 99);
    place.entry = dictionary.entry(to);
    assertThat(all()).isEqualTo(model.list());
    assertThat(dictionary.memoryUse(place.entry, 0)).isBetween(3_000 * 40L, 3_000 * 70L);
  }

  @Test
  void samplesAreUniformAndDistinct() {
    for (int size : new int[] {7, 60}) {
      for (int i = 0; i < size; i++) put("m" + i, i / 2);
      for (int count : new int[] {1, 3, size / 2, size}) {
        Map<String, Integer> seen = new HashMap<>();
        int rounds = 5_000;
        for (int round = 0; round < rounds; round++) {
          List<String> picked = new ArrayList<>();
          sets.sample(place.entry, count, random, at -> picked.add(text(at.member())));
          assertThat(picked).hasSize(count).doesNotHaveDuplicates();
          for (String f : picked) seen.merge(f, 1, Integer::sum);
        }
        double expected = (double) rounds * count / size;
        double chi = 0;
        for (int i = 0; i < size; i++) {
          double d = seen.getOrDefault("m" + i, 0) - expected;
          chi += d * d / expected;
        }
        assertThat(chi)
            .as("chi-square of " + count + " of " + size)
            .isLessThan(size + 6 * Math.sqrt(2.0 * size));
      }
    }
  }

  @Test
  void scanReturnsEveryMemberOnce() {
    for (int i = 0; i < 1_000; i++) put("m" + i, i);
    List<String> seen = new ArrayList<>();
    long cursor = 0;
    do {
      cursor = sets.scan(place.entry, cursor, 10, at -> seen.add(text(at.member())));
    } while (cursor != 0);
    assertThat(seen).hasSize(1_000).doesNotHaveDuplicates();
  }

  @Test
  void largeArgumentsAreMembers() {
    byte[] bytes = new byte[300_000];
    random.nextBytes(bytes);
    LargeStrings large = values.large();
    long cell = large.begin(bytes.length);
    for (int at = 0; at < bytes.length; at += 20_000) large.fill(cell, at, bytes, at, 20_000);
    Slice member = new Slice();
    member.node = cell;
    member.length = bytes.length;
    assertThat(sets.put(place, member, 5, 20, 64)).isEqualTo(Put.ADDED);
    assertThat(sets.put(place, member, 6, 20, 64)).isEqualTo(Put.CHANGED);
    put("g", 5.5);
    assertThat(sets.rank(place.entry, member)).isEqualTo(1);
    assertThat(sets.member()).isEqualTo(bytes);
    assertThat(sets.delete(place, member)).isTrue();
    large.abandon(cell);
    assertThat(all()).containsExactly(new Member(5.5, "g"));
  }

  // ── drafts ──

  @ParameterizedTest
  @ValueSource(ints = {5, 20, 400})
  void aDraftIsStoredAsWhatItsSizeMakesIt(int names) {
    Model model = new Model();
    try (SortedSetValue.NewSortedSet draft = sets.draft(key)) {
      for (int i = 0; i < 2 * names; i++) {
        String name = name(names);
        double score = random.nextInt(10);
        model.put(name, model.scores.getOrDefault(name, 0.0) + score);
        draft.collect(Slice.of(name), score, Double::sum);
      }
      String gone = name(names);
      assertThat(draft.remove(Slice.of(gone))).isEqualTo(model.delete(gone));
      put("replaced", 1);
      if (draft.length() > 0) draft.store(place, 20, 64);
    }
    if (model.scores.isEmpty()) return;
    assertThat(all()).isEqualTo(model.list());
    assertThat(sets.encoding(dictionary.entry(place)))
        .isEqualTo(model.scores.size() <= 20 ? Entry.LISTPACK : Entry.SKIPLIST);
  }

  @Test
  void aDraftWithALongMemberIsLarge() {
    try (SortedSetValue.NewSortedSet draft = sets.draft(key)) {
      draft.collect(Slice.of("x".repeat(65)), 1, Double::sum);
      draft.collect(Slice.of("y"), -0.0, Double::sum);
      draft.store(place, 20, 64);
    }
    assertThat(sets.encoding(dictionary.entry(place))).isEqualTo(Entry.SKIPLIST);
    assertThat(all()).containsExactly(new Member(-0.0, "y"), new Member(1, "x".repeat(65)));
  }

  @Test
  void aDraftThatIsNotStoredLeavesNothing() {
    for (int i = 0; i < 30; i++) put("m" + i, i);
    try (SortedSetValue.NewSortedSet draft = sets.draft(Slice.of(""))) {
      sets.each(place.entry, at -> draft.collect(at, 2 * at.score(), Math::max));
      sets.each(place.entry, at -> draft.collect(at, at.score(), Math::max));
      List<Member> found = new ArrayList<>();
      sets.visitBackwards(draft.entry(), 29, 3, at -> found.add(atHand()));
      assertThat(found)
          .containsExactly(new Member(58, "m29"), new Member(56, "m28"), new Member(54, "m27"));
    }
  }

  /// What stands in sparse slabs moves: members, and the nodes of the order.
  @Test
  void largeSetsAreEvacuated() {
    Map<String, Double> model = new TreeMap<>();
    String longName = "x".repeat(400);
    for (int i = 0; i < 60_000; i++) put(longName + i, i % 20_000);
    for (int i = 0; i < 60_000; i++) {
      String name = longName + i;
      if (random.nextInt(10) == 0) model.put(name, (double) (i % 20_000));
      else sets.delete(place, Slice.of(name));
    }
    allocator.flush();
    assertThat(heap.markSparse()).isTrue();
    allocator.flush();
    long moved = allocator.evacuations();
    int steps = 0;
    for (long next = dictionary.evacuateLarge(place.entry, 0, (holder, entry) -> {}); next != 0; ) {
      steps++;
      if (steps % 10 == 0) verify();
      next = dictionary.evacuateLarge(place.entry, next, (holder, entry) -> {});
    }
    assertThat(allocator.evacuations() - moved).as("moved").isGreaterThan(1_000);
    assertThat(steps).isGreaterThan(10);
    heap.unmark();
    Map<String, Double> found = new TreeMap<>();
    for (Member x : all()) found.put(x.name, x.score);
    assertThat(found).isEqualTo(model);
  }
}
