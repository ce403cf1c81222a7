package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SetValueTest {
  private static final SetValue.Thresholds LIMITS = new SetValue.Thresholds(30, 20, 64);

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(memory);
  private final Values values = new Values(memory, allocator, walk, 3, 4);
  private final Dictionary dictionary = values.dictionary();
  private final SetValue sets = values.sets();
  private final Place place = new Place();
  private final Slice key = Slice.of("a key");
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);

  /// What Redis says of when a set takes which shape, and in which order its members come.
  private static final class Model {
    final SetValue.Thresholds limits;
    int encoding;
    Collection<String> members;

    Model(String first, int count, SetValue.Thresholds limits) {
      this.limits = limits;
      become(
          isInteger(first) && count <= limits.intset()
              ? Entry.INTSET
              : count <= limits.listpack() ? Entry.LISTPACK : Entry.NESTED,
          List.of());
    }

    private void become(int encoding, Collection<String> members) {
      this.encoding = encoding;
      this.members =
          switch (encoding) {
            case Entry.INTSET ->
                new TreeSet<>((a, b) -> Long.compare(Long.parseLong(a), Long.parseLong(b)));
            case Entry.LISTPACK -> new LinkedHashSet<>();
            default -> new HashSet<>();
          };
      this.members.addAll(members);
    }

    static boolean isInteger(String text) {
      try {
        return Long.toString(Long.parseLong(text)).equals(text);
      } catch (NumberFormatException e) {
        return false;
      }
    }

    boolean has(String member) {
      return (encoding != Entry.INTSET || isInteger(member)) && members.contains(member);
    }

    boolean add(String member) {
      if (has(member)) return false;
      boolean fits = members.size() < limits.listpack() && member.length() <= limits.value();
      if (encoding == Entry.INTSET && isInteger(member)) {
        if (members.size() == limits.intset()) become(Entry.NESTED, members);
      } else if (encoding == Entry.INTSET) {
        int longest = members.stream().mapToInt(String::length).max().orElse(0);
        become(fits && longest <= limits.value() ? Entry.LISTPACK : Entry.NESTED, members);
      } else if (encoding == Entry.LISTPACK && !fits) {
        become(Entry.NESTED, members);
      }
      return members.add(member);
    }

    boolean remove(String member) {
      return has(member) && members.remove(member);
    }
  }

  @BeforeEach
  void open() {
    dictionary.init(header);
    dictionary.find(header, dictionary.hash(key), key, place);
  }

  @AfterEach
  void theAccountCloses() {
    DictionaryVerifier verifier = new DictionaryVerifier(dictionary);
    verifier.table(header);
    allocator.flush();
    assertThat(verifier.bytes()).isEqualTo(heap.liveBytes());
    dictionary.clear(header);
    allocator.free(header);
    allocator.flush();
    assertThat(heap.liveBytes()).isZero();
    heap.close();
  }

  private static String text(byte[] b) {
    return new String(b, StandardCharsets.ISO_8859_1);
  }

  private void fresh() {
    dictionary.find(header, dictionary.hash(key), key, place);
    if (place.exists()) dictionary.remove(place);
  }

  private void make(int encoding) {
    fresh();
    sets.create(place, key, encoding);
  }

  private boolean add(String member) {
    return sets.add(place, Slice.of(member), LIMITS);
  }

  private int encoding() {
    return Entry.encoding(memory, place.entry);
  }

  private List<String> all() {
    List<String> all = new ArrayList<>();
    sets.each(place.entry, set -> all.add(text(set.member())));
    return all;
  }

  private static String member(Random random, int members, int kind) {
    return switch (kind) {
      case 0 -> "" + (random.nextInt(members) - members / 2);
      case 1 -> "m" + random.nextInt(members);
      case 2 -> "x".repeat(random.nextInt(90)) + random.nextInt(4);
      case 3 -> "" + random.nextLong();
      case 4 -> random.nextBoolean() ? "" : "0" + random.nextInt(10);
      default -> member(random, members, random.nextInt(40) == 0 ? 2 : random.nextInt(2));
    };
  }

  @Test
  void behavesAsRedisDoesUnderRandomOperations() {
    Random random = new Random(7);
    for (int round = 0; round < 1_500; round++) {
      SetValue.Thresholds limits =
          switch (round % 6) {
            case 0 -> new SetValue.Thresholds(0, 0, 0);
            case 1 -> new SetValue.Thresholds(5, 20, 8);
            case 2 -> new SetValue.Thresholds(100, 3, 64);
            default -> LIMITS;
          };
      int kind = random.nextInt(7);
      int members = 10 << random.nextInt(5);
      String first = member(random, members, kind);
      int count = random.nextInt(3) == 0 ? 1 + random.nextInt(40) : 1;
      Model model = new Model(first, count, limits);
      fresh();
      sets.create(place, key, Slice.of(first), count, limits);
      for (int step = 0; step < 200; step++) {
        String member = step == 0 ? first : member(random, members, kind);
        switch (step == 0 ? 0 : random.nextInt(8)) {
          case 0, 1, 2, 3 ->
              assertThat(sets.add(place, Slice.of(member), limits)).isEqualTo(model.add(member));
          case 4 ->
              assertThat(sets.remove(place, Slice.of(member))).isEqualTo(model.remove(member));
          case 5 -> {
            long integer = random.nextInt(members);
            assertThat(sets.add(place, integer, limits)).isEqualTo(model.add("" + integer));
          }
          case 6 -> {
            int many = random.nextInt(200);
            if (random.nextInt(50) > 0) break;
            sets.expect(place, many, limits);
            if (model.encoding == Entry.INTSET && many > limits.intset()
                || model.encoding == Entry.LISTPACK && many > limits.listpack()) {
              model.become(Entry.NESTED, model.members);
            }
          }
          default -> {
            assertThat(sets.find(place.entry, Slice.of(member))).isEqualTo(model.has(member));
            if (model.has(member)) {
              assertThat(text(sets.member())).isEqualTo(member);
              assertThat(sets.memberLength()).isEqualTo(member.length());
            }
          }
        }
        assertThat(sets.length(place.entry)).isEqualTo(model.members.size());
        assertThat(encoding()).isEqualTo(model.encoding);
        if (step % 40 == 0) verifyOrder(model);
      }
      verifyOrder(model);
    }
  }

  private void verifyOrder(Model model) {
    if (model.encoding == Entry.NESTED) {
      assertThat(all()).containsExactlyInAnyOrderElementsOf(model.members);
    } else {
      assertThat(all()).containsExactlyElementsOf(model.members);
    }
  }

  @Test
  void membersOfAnyLengthAreWhatTheyWere() {
    make(Entry.NESTED);
    Set<String> model = new HashSet<>();
    for (int length :
        new int[] {
          0, 1, 5, 6, 7, 29, 30, 31, 32, 255, 65_533, 65_534, 65_535, 65_536, Entry.MAX_KEY
        }) {
      String member = "m".repeat(length);
      assertThat(add(member)).isTrue();
      assertThat(add(member)).isFalse();
      model.add(member);
    }
    assertThat(all()).containsExactlyInAnyOrderElementsOf(model);
    Place copy = new Place();
    Slice name = Slice.of("copy");
    dictionary.find(header, dictionary.hash(name), name, copy);
    dictionary.copy(dictionary.entry(place), copy, name, 1_700_000_000_000L);
    for (String member : model) {
      assertThat(sets.find(dictionary.entry(copy), Slice.of(member))).isTrue();
      assertThat(sets.remove(place, Slice.of(member))).isTrue();
    }
    assertThat(sets.length(dictionary.entry(place))).isZero();
    assertThat(sets.length(dictionary.entry(copy))).isEqualTo(model.size());
  }

  @Test
  void aMemberTakesTwoBytesMoreThanItHas() {
    for (int length = 0; length <= 30; length++) {
      long entry = dictionary.createMember(Entry.MEMBER, new byte[length], 0, length);
      assertThat(allocator.capacity(entry)).isEqualTo(Math.max(8, length + 2 + 7 & -8));
      assertThat(Entry.keyLength(memory, entry)).isEqualTo(length);
      assertThat(Entry.expiry(memory, entry)).isEqualTo(-1);
      assertThat(Entry.hasExpiry(memory, entry)).isFalse();
      assertThat(Entry.encoding(memory, entry)).isEqualTo(Entry.NOTHING);
      assertThat(Entry.valueLength(memory, entry)).isZero();
      dictionary.free(entry);
    }
  }

  @Test
  void aMillionMembersTakeFewerBytesThanInAnyOtherServer() {
    make(Entry.NESTED);
    long before = heap.liveBytes();
    for (int i = 0; i < 1_000_000; i++) add("member:%09d".formatted(i)); // of 16 bytes
    double each = (heap.liveBytes() - before) / 1e6;
    assertThat(each).as("with what the allocator keeps at hand").isBetween(24.0, 38.0);
    assertThat(dictionary.memoryUse(place.entry, 0)).isBetween(33_000_000L, 37_000_000L);
  }

  @Test
  void aLargeSetIsFreedInSteps() {
    make(Entry.NESTED);
    for (int i = 0; i < 20_000; i++) add("member" + i);
    long[] live = {heap.liveBytes(), 0};
    dictionary.clear(
        header,
        () -> {
          live[1] = Math.max(live[1], live[0] - heap.liveBytes());
          live[0] = heap.liveBytes();
        });
    assertThat(live[1]).as("bytes of one step").isBetween(1_000L, 500 * 32L + 8_192);
    assertThat(live[0]).as("bytes of the last step").isLessThan(500 * 64L);
  }

  @Test
  void samplesAreUniformAndDistinct() {
    Random random = new Random(11);
    for (int encoding : new int[] {Entry.INTSET, Entry.LISTPACK, Entry.NESTED}) {
      make(encoding);
      int size = 20;
      for (int i = 0; i < size; i++) add("" + i);
      assertThat(encoding()).isEqualTo(encoding);
      for (int count : new int[] {1, 3, size / 2, size - 1, size, size + 5}) {
        Map<String, Integer> seen = new HashMap<>();
        for (int round = 0; round < 20_000; round++) {
          List<String> picked = new ArrayList<>();
          sets.sample(place.entry, count, random, set -> picked.add(text(set.member())));
          assertThat(picked).hasSize(Math.min(size, count)).doesNotHaveDuplicates();
          for (String member : picked) seen.merge(member, 1, Integer::sum);
        }
        checkUniform(seen, size);
      }
      Map<String, Integer> seen = new HashMap<>();
      for (int round = 0; round < 50_000; round++) {
        sets.random(place.entry, random);
        seen.merge(text(sets.member()), 1, Integer::sum);
      }
      checkUniform(seen, size);
    }
  }

  private static void checkUniform(Map<String, Integer> seen, int size) {
    double expected = seen.values().stream().mapToInt(n -> n).sum() / (double) size;
    double chi = 0;
    for (int i = 0; i < size; i++) {
      double d = seen.getOrDefault("" + i, 0) - expected;
      chi += d * d / expected;
    }
    assertThat(chi).isLessThan(size + 5 * Math.sqrt(2.0 * size));
  }

  @Test
  void poppedMembersAreUniformAndGone() {
    Random random = new Random(12);
    for (int encoding : new int[] {Entry.INTSET, Entry.LISTPACK, Entry.NESTED}) {
      for (int count : new int[] {1, 4, 15, 18, 19}) {
        Map<String, Integer> seen = new HashMap<>();
        for (int round = 0; round < 4_000; round++) {
          make(encoding);
          Set<String> rest = new HashSet<>();
          for (int i = 0; i < 20; i++) {
            add("" + i);
            rest.add("" + i);
          }
          List<String> popped = new ArrayList<>();
          sets.pop(place, key, count, random, LIMITS, set -> popped.add(text(set.member())));
          assertThat(popped).hasSize(count).doesNotHaveDuplicates();
          assertThat(rest).containsAll(popped);
          rest.removeAll(popped);
          assertThat(all()).containsExactlyInAnyOrderElementsOf(rest);
          for (String member : popped) seen.merge(member, 1, Integer::sum);
        }
        checkUniform(seen, 20);
      }
    }
  }

  @Test
  void whoLeavesFewOfManyIsASmallSetThenAndKeepsItsExpiry() {
    make(Entry.NESTED);
    for (int i = 0; i < 2_000; i++) add("m" + i);
    dictionary.setExpiry(place, 1_800_000_000_000L);
    List<String> popped = new ArrayList<>();
    sets.pop(place, key, 1_990, new Random(1), LIMITS, set -> popped.add(text(set.member())));
    assertThat(popped).hasSize(1_990).doesNotHaveDuplicates();
    assertThat(all()).hasSize(10).doesNotContainAnyElementsOf(popped);
    assertThat(encoding()).isEqualTo(Entry.LISTPACK);
    assertThat(Entry.expiry(memory, place.entry)).isEqualTo(1_800_000_000_000L);
    assertThat(dictionary.expiring(header)).isOne();
  }

  @Test
  void integersOfAnyShapeBecomeAnIntset() {
    for (int encoding : new int[] {Entry.LISTPACK, Entry.NESTED}) {
      make(encoding);
      Set<String> model = new HashSet<>();
      for (long i : new long[] {5, -3, 70_000, 0, 5_000_000_000L, -1}) {
        add("" + i);
        model.add("" + i);
      }
      sets.toIntset(place, new SetValue.Thresholds(5, 5, 5));
      assertThat(encoding()).as("too many").isEqualTo(encoding);
      sets.toIntset(place, LIMITS);
      assertThat(encoding()).isEqualTo(Entry.INTSET);
      assertThat(all()).containsExactly("-3", "-1", "0", "5", "70000", "5000000000");
    }
  }

  @Test
  void whatDoesNotFitBehindALongKeyBecomesADictionary() {
    SetValue.Thresholds wide = new SetValue.Thresholds(1_000, 1_000, 1_000);
    for (int encoding : new int[] {Entry.INTSET, Entry.LISTPACK}) {
      make(encoding);
      for (int i = 0; i < 500; i++) sets.add(place, Slice.of("" + i * 1_000_003L), wide);
      sets.fit(place, 10_000);
      assertThat(encoding()).isEqualTo(encoding);
      sets.fit(place, Entry.MAX_KEY - 1);
      assertThat(encoding()).isEqualTo(Entry.NESTED);
      assertThat(all()).hasSize(500);
    }
  }

  @Test
  void aSetThatWouldOutgrowItsNodeBecomesADictionary() {
    int all = Integer.MAX_VALUE;
    SetValue.Thresholds none = new SetValue.Thresholds(all, all, all);
    make(Entry.INTSET);
    long many = Allocator.MAX_RUN / 4 / 8 + 10;
    for (long i = 0; i < many; i++) sets.add(place, Slice.of("" + (i << 32)), none);
    assertThat(encoding()).isEqualTo(Entry.NESTED);
    assertThat(sets.length(place.entry)).isEqualTo(many);
    make(Entry.LISTPACK);
    String half = "x".repeat(Allocator.MAX_RUN / 8);
    for (int i = 0; i < 4; i++) sets.add(place, Slice.of(half + i), none);
    assertThat(encoding()).isEqualTo(Entry.NESTED);
    assertThat(all()).hasSize(4);
  }

  @Test
  void scanReturnsEveryMemberOnce() {
    make(Entry.NESTED);
    for (int i = 0; i < 1_000; i++) add("m" + i);
    List<String> seen = new ArrayList<>();
    long cursor = 0;
    int calls = 0;
    do {
      cursor = sets.scan(place.entry, cursor, 10, set -> seen.add(text(set.member())));
      calls++;
    } while (cursor != 0);
    assertThat(seen).hasSize(1_000).doesNotHaveDuplicates();
    assertThat(calls).isBetween(90, 101);
  }
}
