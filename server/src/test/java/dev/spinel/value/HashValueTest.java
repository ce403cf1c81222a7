package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HashValueTest {
  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(memory);
  private final Values values = new Values(memory, allocator, walk, 3, 4);
  private final Dictionary dictionary = values.dictionary();
  private final HashValue hashes = values.hashes();
  private final Place place = new Place();
  private final Slice key = Slice.of("a key");
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);

  @BeforeEach
  void open() {
    dictionary.init(header);
    dictionary.find(header, dictionary.hash(key), key, place);
    hashes.create(place, key);
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

  private boolean set(String field, String value) {
    return hashes.set(place, Slice.of(field), Slice.of(value), 20, 64);
  }

  @Test
  void aLargeHashIsFreedInSteps() {
    for (int i = 0; i < 20_000; i++) {
      set("field" + i, "value" + i);
    }
    long[] live = {heap.liveBytes(), 0};
    dictionary.clear(
        place.header,
        () -> {
          live[1] = Math.max(live[1], live[0] - heap.liveBytes());
          live[0] = heap.liveBytes();
        });
    assertThat(live[1]).as("bytes of one step").isBetween(1_000L, 500 * 64L + 8_192);
    assertThat(live[0]).as("bytes of the last step").isLessThan(500 * 64L);
  }

  private Map<String, String> all() {
    Map<String, String> all = new LinkedHashMap<>();
    hashes.each(
        place.entry, at -> assertThat(all.put(text(at.field()), text(at.value()))).isNull());
    return all;
  }

  @Test
  void behavesAsAMapUnderRandomOperations() {
    Random random = new Random(7);
    Map<String, String> model = new HashMap<>();
    for (int step = 0; step < 60_000; step++) {
      if (step % 2_000 == 0) {
        dictionary.find(header, dictionary.hash(key), key, place);
        dictionary.remove(place);
        model.clear();
        hashes.create(place, key);
      }
      int fields = 10 << step / 2_000 % 8;
      String field =
          random.nextInt(3) == 0 ? "" + random.nextInt(fields) : "f" + random.nextInt(fields);
      switch (random.nextInt(4)) {
        case 0, 1 -> {
          String value =
              switch (random.nextInt(20)) {
                case 0 -> "x".repeat(random.nextInt(200));
                case 1, 2, 3 -> "" + random.nextLong();
                default -> "v".repeat(random.nextInt(60)) + random.nextInt(100);
              };
          assertThat(set(field, value)).isEqualTo(model.put(field, value) == null);
        }
        case 2 ->
            assertThat(hashes.delete(place, Slice.of(field)))
                .isEqualTo(model.remove(field) != null);
        default -> {
          assertThat(hashes.find(place.entry, Slice.of(field))).isEqualTo(model.containsKey(field));
          if (model.containsKey(field)) {
            assertThat(text(hashes.value())).isEqualTo(model.get(field));
            assertThat(hashes.valueLength()).isEqualTo(model.get(field).length());
          }
        }
      }
      assertThat(hashes.length(place.entry)).isEqualTo(model.size());
      if (step % 500 == 0) assertThat(all()).isEqualTo(model);
    }
  }

  @Test
  void aListpackKeepsTheOrderOfInsertionAndBecomesADictionaryBeyondItsLimits() {
    for (int i = 0; i < 20; i++) set("f" + i, "v" + i);
    assertThat(Entry.encoding(memory, place.entry)).isEqualTo(Entry.LISTPACK);
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 20; i++) expected.add("f" + i);
    assertThat(all().keySet()).containsExactlyElementsOf(expected);
    set("f3", "new");
    hashes.delete(place, Slice.of("f5"));
    set("f5", "last");
    expected.remove("f5");
    expected.add("f5");
    assertThat(all().keySet()).containsExactlyElementsOf(expected);
    set("one more", "");
    assertThat(Entry.encoding(memory, place.entry)).isEqualTo(Entry.NESTED);
    assertThat(all()).hasSize(21).containsEntry("f3", "new").containsEntry("one more", "");
  }

  @Test
  void aLongValueMakesADictionary() {
    set("f", "v");
    set("g", "x".repeat(65));
    assertThat(Entry.encoding(memory, place.entry)).isEqualTo(Entry.NESTED);
    assertThat(all()).isEqualTo(Map.of("f", "v", "g", "x".repeat(65)));
  }

  /// Fields get times, lose them, and go when these are over, in listpacks and dictionaries.
  @Test
  void fieldsExpireAsInAModel() {
    long seed = Long.getLong("spinel.seed", 7);
    Random random = new Random(seed);
    Map<String, String> values = new HashMap<>();
    Map<String, Long> times = new HashMap<>();
    long now = 1_800_000_000_000L;
    for (int step = 0; step < 60_000; step++) {
      if (step % 2_000 == 0) {
        dictionary.find(header, dictionary.hash(key), key, place);
        dictionary.remove(place);
        values.clear();
        times.clear();
        hashes.create(place, key);
      }
      int fields = 10 << step / 2_000 % 6;
      String field = "f" + random.nextInt(fields);
      Slice name = Slice.of(field);
      switch (random.nextInt(8)) {
        case 0, 1 -> {
          String value = "v".repeat(random.nextInt(40)) + step;
          assertThat(set(field, value)).isEqualTo(values.put(field, value) == null);
          times.remove(field);
        }
        case 2 -> {
          String value = "" + random.nextInt();
          boolean isNew = hashes.setValue(place, name, Slice.of(value), 20, 64);
          assertThat(isNew).isEqualTo(values.put(field, value) == null);
        }
        case 3, 4 -> {
          if (values.containsKey(field)) {
            long time = now + random.nextInt(2_000);
            hashes.setTime(place, name, time);
            times.put(field, time);
          }
        }
        case 5 -> {
          if (values.containsKey(field)) {
            hashes.setTime(place, name, HashValue.NEVER);
            times.remove(field);
          }
        }
        case 6 -> {
          assertThat(hashes.delete(place, name)).isEqualTo(values.remove(field) != null);
          times.remove(field);
        }
        default -> {
          now += random.nextInt(200);
          List<byte[]> over = hashes.expire(place, now, 1 + random.nextInt(5));
          for (byte[] gone : over) {
            assertThat(times.remove(text(gone))).isLessThan(now);
            values.remove(text(gone));
          }
        }
      }
      long visible = 0;
      for (String each : values.keySet()) {
        visible += times.getOrDefault(each, Long.MAX_VALUE) >= now ? 1 : 0;
      }
      assertThat(hashes.length(place.entry)).as("seed %d", seed).isEqualTo(values.size());
      assertThat(hashes.lengthAt(place.entry, now)).isEqualTo(visible);
      assertThat(hashes.isTimed(place.entry)).isEqualTo(!times.isEmpty());
      if (step % 200 == 0) {
        Map<String, Long> got = new HashMap<>();
        hashes.each(
            place.entry,
            at -> {
              if (at.time() != HashValue.NEVER) got.put(text(at.field()), at.time());
            });
        assertThat(got).isEqualTo(times);
        assertThat(all()).isEqualTo(values);
        new DictionaryVerifier(dictionary).table(header);
        boolean due = dictionary.nextDue(header, now - 1, new Place());
        assertThat(due).isEqualTo(visible < values.size());
        assertThat(dictionary.nextExpired(header, Long.MAX_VALUE, new Place())).isFalse();
      }
    }
  }

  @Test
  void samplesAreUniformAndDistinct() {
    Random random = new Random(11);
    for (int size : new int[] {7, 60}) {
      for (int i = 0; i < size; i++) set("f" + i, "v" + i);
      for (int count : new int[] {1, 3, size / 2, size}) {
        Map<String, Integer> seen = new HashMap<>();
        int rounds = 20_000;
        for (int round = 0; round < rounds; round++) {
          List<String> picked = new ArrayList<>();
          hashes.sample(place.entry, count, random, at -> picked.add(text(at.field())));
          assertThat(picked).hasSize(count).doesNotHaveDuplicates();
          for (String f : picked) seen.merge(f, 1, Integer::sum);
        }
        double expected = (double) rounds * count / size;
        double chi = 0;
        for (int i = 0; i < size; i++) {
          double d = seen.getOrDefault("f" + i, 0) - expected;
          chi += d * d / expected;
        }
        assertThat(chi)
            .as("chi-square of " + count + " of " + size)
            .isLessThan(size + 5 * Math.sqrt(2.0 * size));
      }
    }
  }

  @Test
  void scanReturnsEveryFieldOnce() {
    for (int i = 0; i < 1_000; i++) set("f" + i, "v" + i);
    List<String> seen = new ArrayList<>();
    long cursor = 0;
    int calls = 0;
    do {
      cursor = hashes.scan(place.entry, cursor, 10, at -> seen.add(text(at.field())));
      calls++;
    } while (cursor != 0);
    assertThat(seen).hasSize(1_000).doesNotHaveDuplicates();
    assertThat(calls).isBetween(90, 101);
  }

  @Test
  void largeArgumentsBecomeChunksAndAreTakenOver() {
    byte[] bytes = new byte[300_000];
    new Random(3).nextBytes(bytes);
    LargeStrings large = values.large();
    for (int round = 0; round < 2; round++) {
      long cell = large.begin(bytes.length);
      for (int at = 0; at < bytes.length; at += 20_000) large.fill(cell, at, bytes, at, 20_000);
      Slice value = new Slice();
      value.node = cell;
      value.length = bytes.length;
      assertThat(hashes.set(place, Slice.of("f"), value, 20, 64)).isEqualTo(round == 0);
      assertThat(hashes.find(place.entry, Slice.of("f"))).isTrue();
      assertThat(hashes.valueLength()).isEqualTo(bytes.length);
      assertThat(hashes.value()).isEqualTo(bytes);
    }
    set("g", "small");
    assertThat(dictionary.memoryUse(place.entry, 0)).isBetween(300_000L, 330_000L);
    assertThat(set("f", "small now")).isFalse();
    assertThat(all()).isEqualTo(Map.of("f", "small now", "g", "small"));
  }
}
