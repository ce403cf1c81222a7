package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Bitmaps against arrays of bytes, in all shapes that a string has.
class BitmapValueTest {
  private static final int STRINGS = 4;

  private final Heap heap = new Heap();
  private final Memory m = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Values values = new Values(m, allocator, new Walk(m), 1, 2);
  private final Dictionary dictionary = values.dictionary();
  private final StringValue strings = values.strings();
  private final BitmapValue bitmaps = values.bitmaps();
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);
  private final Slice[] keys = new Slice[STRINGS + 1];
  private final Place[] places = new Place[STRINGS + 1];
  private final byte[][] models = new byte[STRINGS + 1][];

  @BeforeEach
  void emptyTable() {
    dictionary.init(header);
    for (int i = 0; i <= STRINGS; i++) {
      keys[i] = Slice.of("key " + i);
      places[i] = new Place();
    }
  }

  @AfterEach
  void nothingIsLost() {
    dictionary.clear(header);
    allocator.free(header);
    assertThat(heap.liveBytes()).isZero();
    allocator.close();
    heap.close();
  }

  private long entry(int i) {
    dictionary.find(header, dictionary.hash(keys[i]), keys[i], places[i]);
    return places[i].entry;
  }

  private void set(int i, byte[] bytes) {
    entry(i);
    strings.set(places[i], keys[i], new Slice(bytes), -1);
    models[i] = bytes;
  }

  /// Of any shape: an integer, in the entry, or chunks of uneven lengths.
  private void setRandom(int i, Random random) {
    int length = new int[] {0, 1, 7, 40, 300, 65_535, 65_536, 200_000}[random.nextInt(8)];
    byte[] bytes = new byte[length + random.nextInt(20)];
    switch (random.nextInt(4)) {
      case 0 -> {} // zeros
      case 1 -> Arrays.fill(bytes, (byte) -1);
      default -> random.nextBytes(bytes);
    }
    if (random.nextInt(5) == 0) {
      bytes =
          Long.toString(random.nextLong() >> random.nextInt(64))
              .getBytes(StandardCharsets.US_ASCII);
    }
    set(i, bytes);
    if (random.nextInt(3) == 0) {
      int longer = bytes.length + random.nextInt(3_000);
      strings.stretch(places[i], longer);
      models[i] = Arrays.copyOf(bytes, longer);
    }
  }

  private static int bit(byte[] bytes, long at) {
    return at >>> 3 < bytes.length ? bytes[(int) (at >>> 3)] >> 7 - (at & 7) & 1 : 0;
  }

  @Test
  void readsEqualThoseOfAnArray() {
    for (long seed = 0; seed < 120; seed++) {
      Random random = new Random(seed);
      setRandom(0, random);
      long bits = 8L * models[0].length;
      long entry = entry(0);
      for (int i = 0; i < 20; i++) {
        String when = "seed " + seed + ", step " + i;
        long at = random.nextLong(bits + 20);
        assertThat(bitmaps.get(entry, at)).as(when).isEqualTo(bit(models[0], at));
        long from = random.nextLong(bits + 1);
        long to = random.nextBoolean() ? bits : from + random.nextLong(bits - from + 1);
        long count = 0;
        long[] first = {-1, -1};
        for (long b = to - 1; b >= from; b--) {
          count += bit(models[0], b);
          first[bit(models[0], b)] = b;
        }
        assertThat(bitmaps.count(entry, from, to)).as(when).isEqualTo(count);
        assertThat(bitmaps.find(entry, 0, from, to)).as(when).isEqualTo(first[0]);
        assertThat(bitmaps.find(entry, 1, from, to)).as(when).isEqualTo(first[1]);
        int width = 1 + random.nextInt(64);
        long field = 0;
        for (int b = 0; b < width; b++) {
          field = field << 1 | bit(models[0], at + b);
        }
        assertThat(bitmaps.field(entry, at, width)).as(when).isEqualTo(field);
      }
    }
  }

  @Test
  void changesEqualThoseOfAnArray() {
    for (long seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      setRandom(0, random);
      for (int i = 0; i < 40; i++) {
        int width = random.nextBoolean() ? 1 : 1 + random.nextInt(64);
        long at = random.nextLong(8L * models[0].length + (random.nextInt(5) == 0 ? 3_000 : 1));
        long value = random.nextLong();
        entry(0);
        int needed = (int) (at + width - 1 >>> 3) + 1;
        assertThat(bitmaps.reach(places[0], keys[0], at + width - 1))
            .isEqualTo(needed > models[0].length);
        models[0] = Arrays.copyOf(models[0], Math.max(needed, models[0].length));
        if (width == 1) {
          bitmaps.set(places[0], at, (int) value & 1);
        } else {
          bitmaps.setField(places[0], at, width, value);
        }
        BigInteger all = new BigInteger(1, models[0]);
        for (int b = 0; b < width && models[0].length < 1_000; b++) {
          int place = 8 * models[0].length - 1 - (int) at - b;
          all = (value >>> width - 1 - b & 1) == 1 ? all.setBit(place) : all.clearBit(place);
        }
        for (int b = 0; b < width; b++) {
          int mask = 0x80 >> (at + b & 7);
          int index = (int) (at + b >>> 3);
          boolean one = (value >>> width - 1 - b & 1) == 1;
          models[0][index] = (byte) (one ? models[0][index] | mask : models[0][index] & ~mask);
        }
        if (models[0].length < 1_000) {
          assertThat(new BigInteger(1, models[0])).isEqualTo(all);
        }
        assertThat(Arrays.equals(strings.bytes(entry(0)), models[0]))
            .as("seed %d, step %d", seed, i)
            .isTrue();
        assertThat(Entry.encodingName(Entry.encoding(m, entry(0)))).isEqualTo("raw");
      }
    }
  }

  @Test
  void anAbsentStringBecomesZeros() {
    for (long last : new long[] {0, 7, 8, 600_000, 8_000_000}) {
      entry(1);
      assertThat(bitmaps.reach(places[1], keys[1], last)).isTrue();
      assertThat(strings.bytes(entry(1))).isEqualTo(new byte[(int) (last >>> 3) + 1]);
      assertThat(bitmaps.reach(places[1], keys[1], last)).isFalse();
      dictionary.remove(places[1]);
    }
  }

  @Test
  void combinationsEqualThoseOfArrays() {
    for (long seed = 0; seed < 150; seed++) {
      Random random = new Random(seed);
      BitmapValue.Operation operation =
          BitmapValue.Operation.values()[random.nextInt(BitmapValue.Operation.values().length)];
      int count = operation == BitmapValue.Operation.NOT ? 1 : 1 + random.nextInt(STRINGS);
      long[] entries = new long[count];
      int[] sources = new int[count];
      int length = 0;
      for (int i = 0; i < STRINGS; i++) {
        if (random.nextInt(6) > 0) {
          setRandom(i, random);
        }
      }
      for (int i = 0; i < count; i++) {
        sources[i] = random.nextInt(STRINGS);
        entries[i] = entry(sources[i]);
        length = Math.max(length, entries[i] == 0 ? 0 : models[sources[i]].length);
      }
      byte[] expected = new byte[length];
      for (int at = 0; at < length; at++) {
        int all = 0;
        for (int i = 0; i < count; i++) {
          byte[] model = entries[i] == 0 ? new byte[0] : models[sources[i]];
          int next = at < model.length ? model[at] : 0;
          all =
              i == 0
                  ? next
                  : switch (operation) {
                    case AND -> all & next;
                    case OR -> all | next;
                    default -> all ^ next;
                  };
        }
        expected[at] = (byte) (operation == BitmapValue.Operation.NOT ? ~all : all);
      }
      int to = random.nextInt(STRINGS + 1); // one of them, perhaps
      entry(to);
      bitmaps.combine(places[to], keys[to], operation, entries, count, length);
      models[to] = expected;
      assertThat(Arrays.equals(strings.bytes(entry(to)), expected))
          .as("seed %d: %s of %s", seed, operation, Arrays.toString(sources))
          .isTrue();
    }
  }
}
