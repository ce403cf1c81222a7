package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StringValueTest {
  private final Heap heap = new Heap();
  private final Memory m = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Values values = new Values(m, allocator, new Walk(m), 1, 2);
  private final Dictionary dictionary = values.dictionary();
  private final StringValue strings = values.strings();
  private final LargeStrings large = values.large();
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);
  private final Slice key = Slice.of("the key");
  private final Place place = new Place();
  private byte[] model; // null: no such key

  @BeforeEach
  void emptyTable() {
    dictionary.init(header);
  }

  @AfterEach
  void nothingIsLost() {
    dictionary.clear(header);
    allocator.free(header);
    assertThat(heap.liveBytes()).isZero();
    allocator.close();
    heap.close();
  }

  private boolean exists() {
    return dictionary.find(header, dictionary.hash(key), key, place);
  }

  private void set(byte[] bytes) {
    exists();
    strings.set(place, key, slice(bytes), -1);
    model = bytes;
  }

  /// As the reader would make it: large ones are cells.
  private Slice slice(byte[] bytes) {
    if (bytes.length < 32 << 10) {
      return new Slice(bytes);
    }
    long node = large.begin(bytes.length);
    for (int at = 0; at < bytes.length; at += 16_384) {
      large.fill(node, at, bytes, at, Math.min(16_384, bytes.length - at));
    }
    Slice slice = new Slice();
    slice.array = null;
    slice.node = node;
    slice.length = bytes.length;
    return slice;
  }

  private void done(Slice slice) {
    if (slice.node != 0) {
      large.abandon(slice.node);
    }
  }

  private int encoding() {
    return Entry.encoding(m, place.entry);
  }

  @Test
  void encodingsAreThoseOfRedis() {
    String[] integers = {
      "0",
      "7",
      "-1",
      "12345678901234567890".substring(0, 19),
      "9223372036854775807",
      "-9223372036854775808"
    };
    for (String s : integers) {
      set(s.getBytes(StandardCharsets.US_ASCII));
      assertThat(encoding()).as(s).isEqualTo(Entry.INT);
      assertThat(strings.isLong(place.entry)).isTrue();
      assertThat(strings.toLong(place.entry, 1)).isEqualTo(Long.parseLong(s));
      compare(s);
    }
    for (String s :
        new String[] {"", "-0", "01", "+1", "1.0", " 1", "9223372036854775808", "a".repeat(44)}) {
      set(s.getBytes(StandardCharsets.US_ASCII));
      assertThat(encoding()).as(s).isEqualTo(Entry.EMBSTR);
      assertThat(strings.isLong(place.entry)).isFalse();
      compare(s);
    }
    set(new byte[45]);
    assertThat(encoding()).isEqualTo(Entry.RAW);
    strings.setText(place, key, Slice.of("17"), -1);
    assertThat(encoding()).isEqualTo(Entry.EMBSTR);
    assertThat(strings.isLong(place.entry)).isTrue();
    strings.putLong(place, 18);
    assertThat(encoding()).isEqualTo(Entry.INT);
    assertThat(strings.append(place, Slice.of(""))).isEqualTo(2);
    assertThat(encoding()).isEqualTo(Entry.RAW);
    strings.putLong(place, -5);
    assertThat(strings.setRange(place, 1, Slice.of("7"))).isEqualTo(2);
    assertThat(encoding()).isEqualTo(Entry.RAW);
    assertThat(strings.toLong(place.entry, 0)).isEqualTo(-7);
  }

  @Test
  void setKeepsNothingOfWhatWasThere() {
    for (int from : new int[] {3, 30, 60, 5000, 40_000, 200_000}) {
      for (int to : new int[] {3, 30, 60, 5000, 40_000, 200_000}) {
        set(new byte[from]);
        dictionary.setExpiry(place, 1_800_000_000_000L);
        set(new byte[to]);
        compare(from + " to " + to);
        assertThat(Entry.expiry(m, place.entry)).isEqualTo(-1);
        strings.set(place, key, new Slice(new byte[5]), 1_900_000_000_000L);
        assertThat(Entry.expiry(m, place.entry)).isEqualTo(1_900_000_000_000L);
        dictionary.remove(place);
      }
    }
  }

  @Test
  void largeArgumentsBecomeValuesWithoutACopy() {
    byte[] bytes = new byte[3_000_000];
    new Random(1).nextBytes(bytes);
    Slice slice = slice(bytes);
    long live = heap.liveBytes();
    exists();
    strings.set(place, key, slice, -1);
    model = bytes;
    assertThat(heap.liveBytes() - live).isBetween(-64L, 500L);
    assertThat(strings.memoryUse(place.entry)).isBetween(3_000_000L, 3_010_000L);
    compare("adopted");
    done(slice(bytes)); // and one that nobody wants
  }

  @Test
  void aKeyOfTheLargestSizeHasRoomForAnyValue() {
    Slice longKey = new Slice(new byte[Entry.MAX_KEY]);
    for (int n : new int[] {0, 5, 100, 1000, 70_000}) {
      dictionary.find(header, dictionary.hash(longKey), longKey, place);
      strings.set(place, longKey, new Slice(new byte[n]), -1);
      strings.append(place, new Slice(new byte[300]));
      assertThat(strings.length(place.entry)).isEqualTo(n + 300);
      dictionary.remove(place);
    }
  }

  @Test
  void appendingByteByByteCostsLittle() {
    set(new byte[] {'x'});
    byte[] more = new byte[100];
    long before = System.nanoTime();
    for (int i = 0; i < 20_000; i++) {
      strings.append(place, new Slice(more));
    }
    assertThat(strings.length(place.entry)).isEqualTo(2_000_001);
    assertThat(strings.memoryUse(place.entry)).isLessThan(2_200_000);
    assertThat(System.nanoTime() - before).isLessThan(5_000_000_000L);
  }

  @Test
  void randomOperationsMatchAnArray() {
    for (long seed = 0; seed < 150; seed++) {
      Random random = new Random(seed);
      int largest = new int[] {10, 100, 3000, 50_000, 400_000}[random.nextInt(5)];
      for (int step = 0; step < 60; step++) {
        operate(random, largest);
        compare("seed " + seed + " step " + step);
      }
      read(random);
      if (exists()) {
        dictionary.remove(place);
        model = null;
      }
    }
  }

  private void operate(Random random, int largest) {
    boolean there = exists();
    int n = random.nextInt(random.nextBoolean() ? largest : Math.min(20, largest));
    byte[] bytes = new byte[n];
    random.nextBytes(bytes);
    if (random.nextInt(4) == 0) {
      bytes = Integer.toString(random.nextInt()).getBytes(StandardCharsets.US_ASCII);
    }
    if (!there) {
      if (random.nextBoolean()) {
        set(bytes);
      } else {
        strings.create(place, key, n);
        model = new byte[n];
      }
      return;
    }
    int length = model.length;
    switch (random.nextInt(7)) {
      case 0 -> set(bytes);
      case 1, 2 -> {
        if (length > 1_500_000) {
          return;
        }
        Slice slice = slice(bytes);
        assertThat(strings.append(place, slice)).isEqualTo(length + bytes.length);
        done(slice);
        model = Arrays.copyOf(model, length + bytes.length);
        System.arraycopy(bytes, 0, model, length, bytes.length);
      }
      case 3, 4 -> {
        int at = random.nextInt(length + 50);
        Slice slice = slice(bytes);
        int end = Math.max(length, at + bytes.length);
        assertThat(strings.setRange(place, at, slice)).isEqualTo(end);
        done(slice);
        model = Arrays.copyOf(model, end);
        System.arraycopy(bytes, 0, model, at, bytes.length);
      }
      case 5 -> {
        int longer = length + random.nextInt(100);
        strings.stretch(place, longer);
        model = Arrays.copyOf(model, longer);
        if (longer > 0) {
          int at = random.nextInt(longer);
          strings.setByte(place, at, (byte) 9);
          model[at] = 9;
        }
      }
      default -> {
        long v = random.nextLong();
        strings.putLong(place, v);
        model = Long.toString(v).getBytes(StandardCharsets.US_ASCII);
      }
    }
  }

  private void read(Random random) {
    for (int i = 0; i < 20 && model.length > 0; i++) {
      int from = random.nextInt(model.length);
      int n = random.nextInt(model.length - from + 1);
      byte[] out = new byte[n];
      strings.copyOut(place.entry, from, out, 0, n);
      assertThat(out).isEqualTo(Arrays.copyOfRange(model, from, from + n));
      assertThat(strings.byteAt(place.entry, from)).isEqualTo(model[from]);
    }
  }

  private void compare(String as) {
    assertThat(exists()).as(as).isTrue();
    assertThat(strings.length(place.entry)).as(as).isEqualTo(model.length);
    if (!Arrays.equals(strings.bytes(place.entry), model)) {
      throw new AssertionError(as + ": contents");
    }
    Slice same = slice(model);
    assertThat(strings.equal(place.entry, same)).as(as).isTrue();
    done(same);
    if (model.length > 0) {
      byte[] different = model.clone();
      different[model.length - 1]++;
      Slice other = slice(different);
      assertThat(strings.equal(place.entry, other)).as(as).isFalse();
      done(other);
    }
  }
}
