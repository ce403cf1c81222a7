package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
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
    verify(new DictionaryVerifier(dictionary));
  }

  private void verify(DictionaryVerifier verifier) {
    verifier.table(header);
    allocator.flush();
    assertThat(verifier.bytes()).as("reachable bytes").isEqualTo(heap.liveBytes());
  }

  /// The system refuses memory at any allocation of any change: what fails has not happened, and
  /// nothing is lost.
  @ParameterizedTest
  @ValueSource(longs = {-1, 0xff00000000000000L, 0x0003000000000007L, 0x1})
  void whatFindsNoMemoryHasNotHappened(long hashMask) {
    open(hashMask);
    Random random = new Random(5);
    int[] left = {0}; // allocations until one is refused; 0: none is
    allocator.guard(() -> !allocates() || left[0] == 0 || --left[0] > 0 || refuse());
    Map<String, String> model = new HashMap<>();
    int refused = 0;
    for (int step = 0; step < 12_000; step++) {
      boolean grows = step / 2_000 % 2 == 0;
      String key = "key" + random.nextInt(3_000);
      boolean there = find(key);
      allocator.flush(); // so that each allocation asks
      if (!there && random.nextInt(grows ? 1 : 4) == 0) {
        long entry = entry(key, key, random.nextInt(3) == 0 ? 1_800_000_000_000L : -1);
        left[0] = random.nextInt(4);
        try {
          dictionary.insert(place, entry);
          model.put(key, key);
        } catch (OutOfMemoryError e) {
          refused++;
        }
      } else if (there && !grows) {
        left[0] = random.nextInt(4);
        dictionary.remove(place);
        model.remove(key);
      }
      left[0] = 0;
      assertThat(dictionary.count(header)).isEqualTo(model.size());
      if (step % 100 == 0) {
        verify(new DictionaryVerifier(dictionary).afterRefusals());
      }
    }
    assertThat(refused).isGreaterThan(5);
    for (String key : model.keySet()) {
      assertThat(find(key)).isTrue();
    }
    dictionary.clear(header);
    allocator.free(header);
    assertThat(heap.liveBytes()).isZero();
  }

  private static boolean refuse() {
    throw new OutOfMemoryError("refused by the test");
  }

  private static boolean allocates() {
    return StackWalker.getInstance()
        .walk(frames -> frames.limit(4).anyMatch(f -> f.getMethodName().equals("refill")));
  }

  /// Masks of the hash: a good one; few distinct values; few values that differ at the end only
  /// (deep levels); one value.
  @ParameterizedTest
  @ValueSource(
      longs = {-1, 0xf000_0000_0000_0000L, 0x1f, 0x00ff_ff00_0000_0000L, 0x0000_0001_0001_0007L, 0})
  @Execution(ExecutionMode.CONCURRENT)
  void behavesAsAMapUnderRandomOperations(long mask) {
    long seed = 42;
    Random random = new Random(seed);
    for (int round = 0; round < 2; round++) {
      open(mask);
      Map<String, String> model = new HashMap<>();
      Map<String, Long> expiries = new HashMap<>();
      int most = (mask == -1 ? 10_000 : 1_000) >> round * 2;
      for (int phase = 0; phase < (mask == 0 ? 2 : 6); phase++) {
        int target = phase % 2 == 0 ? random.nextInt(most) : random.nextInt(most / 20 + 1);
        for (int step = 0; step < 12 * most && model.size() != target; step++) {
          String key = "k" + random.nextInt(most * 3 / 2);
          boolean there = find(key);
          assertEquals(there, model.containsKey(key));
          if (there) {
            assertEquals(value(place.entry), model.get(key));
            assertEquals(Entry.expiry(memory, place.entry), expiries.get(key));
          }
          long expiry = random.nextInt(4) == 0 ? 1_700_000_000_000L + random.nextInt(1 << 30) : -1;
          int kind = random.nextInt(10);
          if (model.size() < target ? kind < 8 : kind == 0 && random.nextInt(8) == 0) {
            String value = "v".repeat(random.nextInt(40)) + step;
            if (there) {
              dictionary.replace(place, entry(key, value, expiry));
            } else {
              dictionary.insert(place, entry(key, value, expiry));
            }
            assertEquals(key(dictionary.entry(place)), key);
            model.put(key, value);
            expiries.put(key, expiry);
          } else if (there && kind == 1) {
            dictionary.setExpiry(place, expiry);
            assertEquals(value(dictionary.entry(place)), model.get(key));
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

  private void put(String key, long expiry) {
    long e = entry(key, "v", expiry);
    if (find(key)) {
      dictionary.replace(place, e);
    } else {
      dictionary.insert(place, e);
    }
  }

  private void free() {
    dictionary.clear(header);
    allocator.free(header);
    allocator.flush();
    assertThat(heap.liveBytes()).isZero();
  }

  /// What SCAN promises, and more: a key that is there throughout comes exactly once, no key comes
  /// twice, whatever is inserted, removed, split or merged between the calls. The third and fourth
  /// mask make the cursor lie between hashes that a merged leaf can't tell apart.
  @ParameterizedTest
  @ValueSource(
      longs = {-1, 0x1f, 0x8000_0fff_0000_0000L, 0x8000_00ff_ff00_0000L, 0xf000_0000_0000_0000L})
  @Execution(ExecutionMode.CONCURRENT)
  void aScanReturnsWhatIsThereThroughoutExactlyOnce(long mask) {
    for (int seed = 1; seed <= 24; seed++) {
      Random random = new Random(seed);
      open(mask);
      int size = 1 << 4 + random.nextInt(mask == -1 ? 12 : 8);
      Set<String> steady = new HashSet<>();
      Set<String> fleeting = new HashSet<>();
      for (int i = 0; i < size; i++) {
        String key = "k" + i;
        put(key, -1);
        if (random.nextInt(seed % 2 == 0 ? 20 : 2) == 0) steady.add(key);
        else fleeting.add(key);
      }
      Set<String> seen = new HashSet<>();
      long cursor = 0;
      long before;
      int count = 1 + random.nextInt(20);
      boolean shrinks = seed % 3 != 0;
      List<String> changing = new ArrayList<>(fleeting);
      do {
        before = cursor;
        int most = mask == -1 ? count + 4 : Integer.MAX_VALUE;
        int[] returned = new int[1];
        cursor =
            dictionary.scan(
                header,
                cursor,
                count,
                e -> {
                  returned[0]++;
                  assertThat(seen.add(key(e))).as(key(e) + " comes twice").isTrue();
                });
        assertThat(returned[0]).isLessThanOrEqualTo(most);
        assertThat(cursor == 0 || cursor > before).as("the cursor rises").isTrue();
        for (int i = random.nextInt(1 + (shrinks ? size / 8 : Math.min(size / 8, 2 * count)));
            i > 0 && !changing.isEmpty();
            i--) {
          String key = changing.get(random.nextInt(changing.size()));
          if (shrinks || random.nextInt(4) == 0) {
            if (find(key)) dictionary.remove(place);
            if (shrinks) {
              changing.remove(changing.size() - 1);
              if (!changing.isEmpty() && find(changing.getLast())) dictionary.remove(place);
            }
          } else if (!seen.contains(key) && !find(key)) {
            put(key, -1);
          } else if (random.nextInt(2) == 0) {
            put("new" + random.nextInt(1 << 30), -1);
          }
        }
      } while (cursor != 0);
      assertThat(seen).as("seed " + seed).containsAll(steady);
      verify();
      free();
    }
  }

  /// Chi-square over every key, at sizes of one leaf, many leaves, and after shrinking.
  @ParameterizedTest
  @ValueSource(longs = {-1, 0x1f, 0x0000_0fff_0000_0000L})
  @Execution(ExecutionMode.CONCURRENT)
  void randomPicksAreUniform(long mask) {
    Random random = new Random(99);
    for (int size : mask == -1 ? new int[] {1, 5, 100, 700, 3_000} : new int[] {1, 5, 600}) {
      open(mask);
      int most = random.nextBoolean() ? size : size * 8;
      for (int i = 0; i < most; i++) put("k" + i, -1);
      for (int i = size; i < most; i++) {
        find("k" + i);
        dictionary.remove(place);
      }
      int picks = size * 100;
      Map<String, Integer> seen = new HashMap<>();
      for (int i = 0; i < picks; i++) {
        assertThat(dictionary.random(header, random, place)).isTrue();
        seen.merge(key(place.entry), 1, Integer::sum);
      }
      double chi = 0;
      for (int i = 0; i < size; i++) {
        double d = seen.getOrDefault("k" + i, 0) - 100;
        chi += d * d / 100;
      }
      assertThat(chi).as(size + " keys").isLessThan(size + 5 * Math.sqrt(2.0 * size) + 1);
      free();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 0x1f, 0})
  void whatIsDueIsFoundAndNothingElse(long mask) {
    for (int seed = 1; seed <= 8; seed++) {
      Random random = new Random(seed);
      open(mask);
      long base = 1_750_000_000_000L;
      Map<String, Long> expiries = new HashMap<>();
      for (int i = 0; i < 3_000; i++) {
        String key = "k" + random.nextInt(4_000);
        switch (random.nextInt(4)) {
          case 0 -> {
            long expiry = base + random.nextInt(1_000_000);
            put(key, expiry);
            expiries.put(key, expiry);
          }
          case 1 -> {
            put(key, -1);
            expiries.remove(key);
          }
          case 2 -> {
            if (find(key)) {
              dictionary.remove(place);
              expiries.remove(key);
            }
          }
          default -> {
            if (find(key)) {
              long expiry = base + random.nextInt(1_000_000);
              dictionary.setExpiry(place, expiry);
              expiries.put(key, expiry);
            }
          }
        }
      }
      assertThat(dictionary.expiring(header)).isEqualTo(expiries.size());
      for (long now = base; now <= base + 1_000_000; now += 50_000) {
        long at = now;
        Set<String> due = new HashSet<>();
        expiries.forEach(
            (k, v) -> {
              if (v <= at) due.add(k);
            });
        while (dictionary.nextExpired(header, now, place)) {
          assertThat(due.remove(key(place.entry))).isTrue();
          expiries.remove(key(place.entry));
          dictionary.remove(place);
        }
        assertThat(due).isEmpty();
        assertThat(dictionary.nextExpiry(header)).isGreaterThan(now - 128);
        for (long e : expiries.values())
          assertThat(dictionary.nextExpiry(header)).isLessThanOrEqualTo(e);
        verify();
      }
      free();
    }
  }

  @Test
  void aPlaceLooksItselfUpAgainAfterChangesThroughAnother() {
    open(-1);
    Place other = new Place();
    Slice key = Slice.of("twice");
    find("twice");
    dictionary.find(header, dictionary.hash(key), key, other);
    dictionary.insert(other, entry("twice", "one", -1));
    assertThat(dictionary.entry(place)).isEqualTo(other.entry);
    for (int i = 0; i < 2_000; i++) {
      Slice more = Slice.of("k" + i);
      dictionary.find(header, dictionary.hash(more), more, other);
      dictionary.insert(other, entry("k" + i, "v", -1));
    }
    dictionary.replace(place, entry("twice", "two", -1));
    assertThat(value(dictionary.entry(place))).isEqualTo("two");
    dictionary.find(header, dictionary.hash(key), key, other);
    dictionary.remove(other);
    assertThat(dictionary.entry(place)).isZero();
    dictionary.insert(place, entry("twice", "three", -1));
    assertThat(find("twice")).isTrue();
    verify();
    free();
  }

  @Test
  void longKeysAndValuesHaveLongLengths() {
    open(-1);
    Random random = new Random(5);
    int[] lengths = {0, 1, 4094, 4095, 4096, 70_000, 400_000};
    for (int k : lengths) {
      for (int v : lengths) {
        String key = "k".repeat(k) + "/" + v;
        String text = "v".repeat(v);
        find(key);
        dictionary.insert(place, entry(key, text, random.nextBoolean() ? 1_800_000_000_000L : -1));
        assertThat(find(key)).isTrue();
        assertThat(Entry.keyLength(memory, place.entry)).isEqualTo(key.length());
        assertThat(value(place.entry)).isEqualTo(text);
        for (int length : new int[] {0, 4094, 4095, v}) {
          int was = Entry.valueLength(memory, place.entry);
          long e = dictionary.resize(place, length);
          assertThat(Entry.valueLength(memory, e)).isEqualTo(length);
          assertThat(Entry.valueCapacity(memory, allocator, e)).isGreaterThanOrEqualTo(length);
          if (length > was)
            memory.fill(Entry.valueAddress(memory, e) + was, length - was, (byte) 'v');
        }
        assertThat(value(dictionary.entry(place))).isEqualTo(text);
        assertThat(key(place.entry)).isEqualTo(key);
        int access = random.nextInt(1 << 24);
        Entry.access(memory, place.entry, access);
        assertThat(Entry.access(memory, place.entry)).isEqualTo(access);
        assertThat(Entry.keyLength(memory, place.entry)).isEqualTo(key.length());
      }
    }
    verify();
    free();
  }

  @Test
  void aCopySharesNothing() {
    for (long mask : new long[] {-1, 0x1f, 0}) {
      open(mask);
      LargeStrings large = new LargeStrings(memory, allocator);
      HashValue hashes =
          new HashValue(dictionary, new StringValue(memory, allocator, dictionary, large), large);
      find("from");
      hashes.create(place, Slice.of("from"));
      for (int i = 0; i < 2_000; i++)
        hashes.set(place, Slice.of("f" + i), Slice.of("v" + i), 8, 64);
      long from = dictionary.entry(place);
      find("to");
      dictionary.copy(from, place, Slice.of("to"), 1_800_000_000_000L);
      find("from");
      dictionary.remove(place);
      find("to");
      for (int i = 0; i < 2_000; i++)
        assertThat(hashes.find(place.entry, Slice.of("f" + i))).isTrue();
      assertThat(Entry.expiry(memory, place.entry)).isEqualTo(1_800_000_000_000L);
      verify();
      assertThat(dictionary.memoryUse(place.entry, 0)).isEqualTo(heap.liveBytes() - 64 - 64);
      free();
    }
  }
}
