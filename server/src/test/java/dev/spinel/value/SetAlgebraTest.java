package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;

/// Intersections, unions and differences of sets of every shape and of very different sizes, beside
/// those of a naive model.
class SetAlgebraTest {
  private static final SetValue.Thresholds LIMITS = new SetValue.Thresholds(60, 40, 64);

  /// Some sets beside their models.
  private static final class World implements AutoCloseable {
    final Heap heap = new Heap();
    final Memory memory = heap.memory();
    final Allocator allocator = heap.allocator();
    final Dictionary dictionary;
    final SetValue sets;
    final SetAlgebra algebra;
    final long header = allocator.allocate(Dictionary.HEADER_BYTES);
    final List<Place> places = new ArrayList<>();
    final List<Set<String>> models = new ArrayList<>();
    final Output output = new Output(new OutputPool(Chunks.heap()));

    World(long hashMask) {
      dictionary = new Dictionary(memory, allocator, new Walk(memory), new Hash64(1, 2), hashMask);
      sets = new SetValue(dictionary, new LargeStrings(memory, allocator));
      algebra = new SetAlgebra(dictionary, sets);
      dictionary.init(header);
    }

    void add(Set<String> members) {
      Slice key = Slice.of("set" + places.size());
      Place place = new Place();
      dictionary.find(header, dictionary.hash(key), key, place);
      if (!members.isEmpty()) {
        Slice first = Slice.of(members.iterator().next());
        sets.create(place, key, first, 1, LIMITS);
        for (String member : members) sets.add(place, Slice.of(member), LIMITS);
      }
      places.add(place);
      models.add(members);
    }

    long entry(int set) {
      return dictionary.entry(places.get(set));
    }

    List<String> members(long entry) {
      List<String> all = new ArrayList<>();
      sets.each(entry, set -> all.add(new String(set.member(), StandardCharsets.ISO_8859_1)));
      return all;
    }

    /// The bulk strings that a verb replies with, which says how many there are.
    List<String> reply(ToLongFunction<RespWriter> verb) {
      long count = verb.applyAsLong(new RespWriter(output, 2));
      ByteBuffer bytes = ByteBuffer.allocate((int) output.pendingBytes());
      output.drainTo(bytes, Long.MAX_VALUE);
      String text = new String(bytes.array(), StandardCharsets.ISO_8859_1);
      List<String> members = new ArrayList<>();
      for (int at = 0; at < text.length(); ) {
        int line = text.indexOf("\r\n", at);
        int length = Integer.parseInt(text.substring(at + 1, line));
        members.add(text.substring(line + 2, line + 2 + length));
        at = line + 4 + length;
      }
      assertThat((long) members.size()).isEqualTo(count);
      return members;
    }

    /// What a verb makes in a draft, which then takes the place of a set of its own.
    List<String> stored(java.util.function.BiConsumer<Draft, Slice> verb) {
      Slice name = Slice.of("stored");
      Place to = new Place();
      dictionary.find(header, dictionary.hash(name), name, to);
      try (Draft draft = new Draft(dictionary, name)) {
        verb.accept(draft, name);
        if (draft.entry() == 0 || sets.length(draft.entry()) == 0) return List.of();
        draft.store(to);
      }
      List<String> members = members(dictionary.entry(to));
      dictionary.remove(to);
      return members;
    }

    @Override
    public void close() {
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
  }

  private static Set<String> members(Random random, boolean mayBeLong) {
    Set<String> members = new LinkedHashSet<>();
    int kind = random.nextInt(5);
    int range = 10 << random.nextInt(9);
    int count = random.nextInt(8) == 0 ? 0 : 1 + random.nextInt(range);
    for (int i = 0; i < count; i++) {
      int n = random.nextInt(range);
      boolean integer = kind == 0 || kind > 2 && random.nextInt(3) > 0;
      members.add(
          integer
              ? "" + (n - range / 8)
              : mayBeLong && random.nextInt(50) == 0
                  ? "long".repeat(random.nextInt(12_000)) + n % 3
                  : "m" + n);
    }
    return members;
  }

  @Test
  void resultsAreThoseOfANaiveModel() {
    for (long seed = 0; seed < 150; seed++) {
      Random random = new Random(seed);
      long mask = seed % 5 == 4 ? 0xfff0_0000_0000_0003L : -1;
      try (World world = new World(mask)) {
        for (int i = 0; i < 7; i++) world.add(members(random, seed % 40 == 0));
        for (int round = 0; round < 6; round++) check(world, random);
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
      }
    }
  }

  private static void check(World world, Random random) {
    int count = 1 + random.nextInt(random.nextInt(3) == 0 ? 12 : 4);
    int[] chosen = random.ints(count, 0, world.places.size()).toArray();
    Set<String> union = new LinkedHashSet<>();
    Set<String> intersection = new LinkedHashSet<>(world.models.get(chosen[0]));
    Set<String> difference = new LinkedHashSet<>(world.models.get(chosen[0]));
    boolean all = true;
    for (int i = 0; i < count; i++) {
      Set<String> model = world.models.get(chosen[i]);
      union.addAll(model);
      intersection.retainAll(model);
      if (i > 0) difference.removeAll(model);
      all &= !model.isEmpty();
    }
    SetAlgebra algebra = world.algebra;
    same(union, world.reply(out -> algebra.union(entries(world, chosen), count, LIMITS, out)));
    same(
        union,
        world.stored((to, name) -> algebra.union(entries(world, chosen), count, LIMITS, to, name)));
    same(
        difference,
        world.reply(out -> algebra.difference(entries(world, chosen), count, LIMITS, out)));
    same(
        difference,
        world.stored(
            (to, name) -> algebra.difference(entries(world, chosen), count, LIMITS, to, name)));
    if (!all) return; // the caller sees to it
    same(
        intersection, world.reply(out -> algebra.intersection(entries(world, chosen), count, out)));
    same(
        intersection,
        world.stored(
            (to, name) -> algebra.intersection(entries(world, chosen), count, LIMITS, to, name)));
    for (int limit : new int[] {0, 1, 5, 70, 100_000}) {
      long most = limit == 0 ? Long.MAX_VALUE : limit;
      assertThat(algebra.intersectionSize(entries(world, chosen), count, limit))
          .isEqualTo(Math.min(most, intersection.size()));
    }
  }

  private static long[] entries(World world, int[] chosen) {
    long[] entries = new long[chosen.length];
    for (int i = 0; i < chosen.length; i++) entries[i] = world.entry(chosen[i]);
    return entries;
  }

  private static void same(Set<String> expected, List<String> actual) {
    assertThat(actual).hasSameSizeAs(expected);
    assertThat(new LinkedHashSet<>(actual)).isEqualTo(expected);
  }

  @Test
  void setsAreReadSmallestFirst() {
    try (World world = new World(-1)) {
      Set<String> many = new LinkedHashSet<>();
      for (int i = 0; i < 50_000; i++) many.add("m" + i);
      world.add(many);
      world.add(Set.of("m7"));
      world.add(Set.of("m7", "m8"));
      long[] entries = {world.entry(0), world.entry(2), world.entry(1)};
      assertThat(world.reply(out -> world.algebra.intersection(entries, 3, out)))
          .containsExactly("m7");
      assertThat(entries).containsExactly(world.entry(1), world.entry(2), world.entry(0));
    }
  }

  @Test
  void aUnionOfAThousandSetsIsRight() {
    try (World world = new World(-1)) {
      Set<String> all = new LinkedHashSet<>();
      for (int i = 0; i < 1_000; i++) {
        world.add(Set.of("m" + i, "n" + i * 2, "shared"));
        all.addAll(world.models.get(i));
      }
      int[] chosen = java.util.stream.IntStream.range(0, 1_000).toArray();
      same(
          all, world.reply(out -> world.algebra.union(entries(world, chosen), 1_000, LIMITS, out)));
      assertThat(world.algebra.intersectionSize(entries(world, chosen), 1_000, 0)).isOne();
    }
  }
}
