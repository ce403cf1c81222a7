package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DictionaryTest {
  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(memory);
  private final Place place = new Place();
  private Dictionary dictionary;
  private long header;

  @AfterEach
  void close() {
    heap.close();
  }

  private void open(long hashMask) {
    dictionary = new Dictionary(memory, allocator, walk, new Hash64(1, 2), hashMask);
    header = allocator.allocate(Dictionary.HEADER_BYTES);
    dictionary.init(header);
  }

  private boolean find(String key) {
    Slice slice = Slice.of(key);
    return dictionary.find(header, dictionary.hash(slice), slice, place);
  }

  private long entry(String key, String value, long expiry) {
    long e = dictionary.create(Slice.of(key), Entry.STRING, Entry.RAW, value.length(), expiry);
    memory.copyIn(Slice.of(value).array, 0, Entry.valueAddress(memory, e), value.length());
    return e;
  }

  private String value(long e) {
    return new String(Entry.value(memory, e), java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  private String key(long e) {
    return new String(Entry.key(memory, e), java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  private void verify() {
    DictionaryVerifier verifier = new DictionaryVerifier(dictionary);
    verifier.table(header);
    allocator.flush();
    assertThat(verifier.bytes()).as("reachable bytes").isEqualTo(heap.liveBytes());
  }

  /// Masks of the hash: a good one; few distinct values; few values that differ at the end only
  /// (deep levels); one value.
  @ParameterizedTest
  @ValueSource(
      longs = {-1, 0xf000_0000_0000_0000L, 0x1f, 0x00ff_ff00_0000_0000L, 0x0000_0001_0001_0007L, 0})
  void behavesAsAMapUnderRandomOperations(long mask) {
    long seed = 42;
    Random random = new Random(seed);
    for (int round = 0; round < 3; round++) {
      open(mask);
      Map<String, String> model = new HashMap<>();
      Map<String, Long> expiries = new HashMap<>();
      int most = (mask == -1 ? 20_000 : 1_000) >> round * 2;
      for (int phase = 0; phase < 6; phase++) {
        int target = phase % 2 == 0 ? random.nextInt(most) : random.nextInt(most / 20 + 1);
        for (int step = 0; step < 1_000_000 && model.size() != target; step++) {
          String key = "k" + random.nextInt(most * 3 / 2);
          boolean there = find(key);
          assertThat(there).isEqualTo(model.containsKey(key));
          if (there) {
            assertThat(value(place.entry)).isEqualTo(model.get(key));
            assertThat(Entry.expiry(memory, place.entry)).isEqualTo(expiries.get(key));
          }
          long expiry = random.nextInt(4) == 0 ? 1_700_000_000_000L + random.nextInt(1 << 30) : -1;
          int kind = random.nextInt(10);
          if (model.size() < target && kind < 8 || kind == 0) {
            String value = "v".repeat(random.nextInt(40)) + step;
            if (there) {
              dictionary.replace(place, entry(key, value, expiry));
            } else {
              dictionary.insert(place, entry(key, value, expiry));
            }
            assertThat(key(dictionary.entry(place))).isEqualTo(key);
            model.put(key, value);
            expiries.put(key, expiry);
          } else if (there && kind == 1) {
            dictionary.setExpiry(place, expiry);
            assertThat(value(dictionary.entry(place))).isEqualTo(model.get(key));
            expiries.put(key, expiry);
          } else if (there && kind == 2) {
            String value = model.get(key);
            String longer = value + "x".repeat(random.nextInt(30));
            long e = dictionary.resize(place, longer.length());
            memory.copyIn(
                Slice.of(longer).array, 0, Entry.valueAddress(memory, e), longer.length());
            model.put(key, longer);
          } else if (there && model.size() > target) {
            dictionary.remove(place);
            model.remove(key);
            expiries.remove(key);
          }
        }
        verify();
        Set<String> seen = new HashSet<>();
        dictionary.scan(header, 0, Integer.MAX_VALUE, e -> assertThat(seen.add(key(e))).isTrue());
        assertThat(seen).isEqualTo(model.keySet());
      }
      dictionary.clear(header);
      allocator.free(header);
      allocator.flush();
      assertThat(heap.liveBytes()).isZero();
    }
  }
}
