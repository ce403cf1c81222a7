package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

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

  @BeforeEach
  void open() {
    dictionary.init(header);
    dictionary.find(header, dictionary.hash(key), key, place);
    sets.create(place, key);
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

  /// The members of a model in their order.
  private static List<Map.Entry<String, Double>> sorted(Map<String, Double> model) {
    return model.entrySet().stream()
        .sorted(
            Comparator.comparingDouble((Map.Entry<String, Double> e) -> e.getValue() + 0.0)
                .thenComparing(Map.Entry::getKey))
        .toList();
  }

  private List<Map.Entry<String, Double>> all() {
    List<Map.Entry<String, Double>> all = new ArrayList<>();
    sets.each(place.entry, at -> all.add(Map.entry(text(at.member()), at.score())));
    return all;
  }

  @Test
  void behavesAsAMapInOrderUnderRandomOperations() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Map<String, Double> model = new HashMap<>();
    for (int step = 0; step < 20_000; step++) {
      String member = random.nextInt(3) == 0 ? "" + random.nextInt(40) : "m" + random.nextInt(100);
      switch (random.nextInt(4)) {
        case 0, 1 -> {
          double score = score(random);
          Double old = model.get(member);
          assertThat(sets.put(place, Slice.of(member), score, 128, 64))
              .as("seed %s", seed)
              .isEqualTo(
                  old == null
                      ? SortedSetValue.Put.ADDED
                      : old == score ? SortedSetValue.Put.UNCHANGED : SortedSetValue.Put.CHANGED);
          if (old == null || old != score) model.put(member, score + 0.0);
        }
        case 2 ->
            assertThat(sets.delete(place, Slice.of(member)))
                .isEqualTo(model.remove(member) != null);
        default -> {
          boolean there = model.containsKey(member);
          assertThat(sets.find(place.entry, Slice.of(member))).isEqualTo(there);
          if (there) assertThat(sets.score()).isEqualTo(model.get(member));
        }
      }
      assertThat(sets.length(place.entry)).isEqualTo(model.size());
      if (step % 50 == 0) assertThat(all()).as("seed %s", seed).isEqualTo(sorted(model));
    }
  }

  private static double score(Random random) {
    return switch (random.nextInt(12)) {
      case 0 -> Double.POSITIVE_INFINITY;
      case 1 -> Double.NEGATIVE_INFINITY;
      case 2 -> 0.0;
      case 3 -> -0.0;
      case 4, 5 -> random.nextInt(5) / 4.0;
      case 6 -> random.nextGaussian() * 1e18;
      case 7 -> (double) random.nextLong();
      default -> random.nextInt(-20, 20);
    };
  }
}
