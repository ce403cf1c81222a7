package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ListValueTest {
  private static final int DEFAULT_FILL = -2;

  private final Heap heap = new Heap();
  private final Memory m = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(m);
  private final Values values = new Values(m, allocator, walk, 1, 2);
  private final Dictionary dictionary = values.dictionary();
  private final ListValue lists = values.lists();
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);
  private final Slice key = Slice.of("the key");
  private final Place place = new Place();
  private List<byte[]> model = new ArrayList<>();
  private int fill = DEFAULT_FILL;

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

  @Test
  void encodingsAndNodesAreThoseOfRedis() throws Exception {
    int line = 0;
    int steps = 0;
    try (BufferedReader lines = ListpackTest.resource("lists.txt")) {
      for (String text = lines.readLine(); text != null; text = lines.readLine()) {
        line++;
        if (text.startsWith("#")) {
          continue;
        }
        String as = "line " + line + ": " + (text.length() > 200 ? text.substring(0, 200) : text);
        String[] parts = text.split(" \\| ");
        String[] words = parts[0].split(" ");
        if (words[0].equals("script")) {
          if (exists()) {
            dictionary.remove(place);
          }
          model = new ArrayList<>();
          fill = Integer.parseInt(words[1]);
          lists.plainFrom(words[2].equals("0") ? ListValue.PLAIN_BYTES : Long.parseLong(words[2]));
          continue;
        }
        replay(words);
        compare(as);
        assertThat(describe()).as(as).isEqualTo(parts[1]);
        steps++;
      }
    }
    assertThat(steps).isGreaterThan(5000);
  }

  @Test
  void aLongListIsFreedInSteps() {
    Slice element = Slice.of("x".repeat(1000));
    push(false, element.copy());
    for (int i = 0; i < 20_000; i++) {
      lists.grow(place, element.length, 1, fill);
      lists.push(place, false, element);
    }
    long[] live = {heap.liveBytes(), 0};
    dictionary.clear(
        place.header,
        () -> {
          live[1] = Math.max(live[1], live[0] - heap.liveBytes());
          live[0] = heap.liveBytes();
        });
    assertThat(live[1]).as("bytes of one step").isBetween(8_000L, 128 * 8_192L + 4_096);
    assertThat(live[0]).as("bytes of the last step").isLessThan(128 * 8_192L);
  }

  private void replay(String[] words) {
    switch (words[0]) {
      case "lpush", "rpush" -> {
        byte[][] elements = new byte[words.length - 1][];
        for (int i = 1; i < words.length; i++) {
          elements[i - 1] = element(words[i]);
        }
        push(words[0].charAt(0) == 'l', elements);
      }
      case "lset" -> set(Integer.parseInt(words[1]), element(words[2]));
      case "linsert" -> insert(words[1].equals("after"), element(words[2]), element(words[3]));
      case "lrem" -> remove(Integer.parseInt(words[1]), element(words[2]));
      case "lpop", "rpop" -> {
        if (words.length == 1) {
          pop(words[0].charAt(0) == 'l');
        } else {
          pop(words[0].charAt(0) == 'l', Integer.parseInt(words[1]));
        }
      }
      case "ltrim" -> trim(Integer.parseInt(words[1]), Integer.parseInt(words[2]));
      default -> throw new AssertionError(words[0]);
    }
  }

  private static byte[] element(String word) {
    if (word.charAt(0) == 'i') {
      return word.substring(1).getBytes(StandardCharsets.US_ASCII);
    }
    int star = word.indexOf('*');
    byte[] bytes = new byte[Integer.parseInt(word.substring(0, star))];
    Arrays.fill(bytes, (byte) ('a' + Integer.parseInt(word.substring(star + 1))));
    return bytes;
  }

  /// Encoding, number of nodes and a checksum of their sizes, as the recording has them.
  private String describe() {
    if (!exists()) {
      return "-";
    }
    StringBuilder sizes = new StringBuilder();
    long nodes = 1;
    long entry = place.entry;
    long value = Entry.valueAddress(m, entry);
    if (Entry.encoding(m, entry) == Entry.LISTPACK) {
      sizes.append(Listpack.bytes(m, value));
    } else {
      nodes = lists.nodes(entry);
      Sequence sequence = new Sequence(m, allocator);
      sequence.openToRead(value);
      long sum = 0;
      for (boolean more = sequence.first(); more; ) {
        if ((sequence.word() & Quicklist.PLAIN) != 0) {
          sum = Sequence.count(m, sequence.leaf());
          sizes.append('p');
        } else if (sequence.kind() == Sequence.PACKED) {
          sum += Listpack.bytes(m, sequence.leaf()) - Listpack.EMPTY;
        } else {
          sum += Listpack.textEntryBytes((int) Sequence.count(m, sequence.leaf()));
        }
        boolean plain = (sequence.word() & Quicklist.PLAIN) != 0;
        more = sequence.next();
        if (!more || (sequence.word() & Quicklist.JOINED) == 0) {
          sizes.append(plain ? sum : sum + Listpack.EMPTY);
          sizes.append(more ? " " : "");
          sum = 0;
        }
      }
    }
    CRC32 crc = new CRC32();
    crc.update(sizes.toString().getBytes(StandardCharsets.US_ASCII));
    return (lists.encoding(entry) == Entry.LISTPACK ? "L " : "Q ")
        + nodes
        + " "
        + String.format("%08x", crc.getValue());
  }

  @Test
  void randomOperationsMatchAList() {
    for (long seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      fill = new int[] {-2, -2, -1, -5, 3, 128, 1}[random.nextInt(7)];
      lists.plainFrom(random.nextInt(4) == 0 ? 200 : ListValue.PLAIN_BYTES);
      int largest = new int[] {20, 300, 5000, 70_000, 300_000}[random.nextInt(5)];
      for (int step = 0; step < 120; step++) {
        change(random, largest);
        compare("seed " + seed + " step " + step);
      }
      readEverywhere(random);
      if (exists()) {
        dictionary.remove(place);
        model.clear();
      }
    }
  }

  private void change(Random random, int largest) {
    int n = model.size();
    int i = n == 0 ? 0 : random.nextInt(n);
    switch (n == 0 ? 0 : random.nextInt(10)) {
      case 0, 1, 2 -> {
        byte[][] elements = new byte[1 + random.nextInt(random.nextInt(4) == 0 ? 20 : 2)][];
        for (int k = 0; k < elements.length; k++) {
          elements[k] = bytes(random, largest);
        }
        push(random.nextBoolean(), elements);
      }
      case 3, 4 -> set(random.nextBoolean() ? i : i - n, bytes(random, largest));
      case 5 -> insert(random.nextBoolean(), model.get(i), bytes(random, largest));
      case 6 -> remove(random.nextInt(5) - 2, model.get(i));
      case 7 -> pop(random.nextBoolean());
      case 8 -> pop(random.nextBoolean(), 1 + random.nextInt(Math.max(1, n / 3)));
      default -> trim(random.nextInt(n / 4 + 1), -1 - random.nextInt(n / 4 + 1));
    }
  }

  private static byte[] bytes(Random random, int largest) {
    if (random.nextInt(3) == 0) {
      return Long.toString(random.nextLong() >> random.nextInt(64))
          .getBytes(StandardCharsets.US_ASCII);
    }
    byte[] bytes =
        new byte[random.nextInt(random.nextInt(3) == 0 ? largest + 1 : Math.min(largest, 40))];
    Arrays.fill(bytes, (byte) random.nextInt(3));
    return bytes;
  }

  @Test
  void manyEmptyElementsAreOneListpackToRedis() {
    byte[][] elements = new byte[60_000][];
    Arrays.fill(elements, new byte[0]);
    push(false, elements);
    compare("empty ones");
    assertThat(lists.encoding(place.entry)).isEqualTo(Entry.LISTPACK);
    insert(true, new byte[0], new byte[0]);
    compare("inserted");
    assertThat(lists.encoding(place.entry)).isEqualTo(Entry.QUICKLIST);
    assertThat(lists.nodes(place.entry)).isGreaterThan(1);
    trim(0, 9);
    compare("trimmed");
  }

  @Test
  void aLongListTakesLittleMoreThanItsBytes() {
    Slice element = Slice.of("0123456789abcdef");
    dictionary.find(header, dictionary.hash(key), key, place);
    lists.create(place, key);
    for (int i = 0; i < 100_000; i++) {
      lists.grow(place, element.length, 1, fill);
      lists.push(place, i % 1000 < 500, element);
    }
    assertThat(lists.length(place.entry)).isEqualTo(100_000);
    assertThat(lists.memoryUse(place.entry)).isBetween(1_800_000L, 1_830_000L);
    lists.check(place.entry);
    dictionary.remove(place);
  }

  @Test
  void largeArgumentsAreTakenOverOrCopied() {
    LargeStrings large = values.large();
    Random random = new Random(5);
    for (int size : new int[] {32_768, 60_000, 70_000, 5_000_000}) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      Slice slice = new Slice();
      for (int round = 0; round < 3; round++) {
        slice.array = null;
        slice.length = size;
        slice.node = arrive(large, bytes);
        long live = heap.liveBytes();
        if (!exists()) {
          lists.create(place, key);
        }
        lists.grow(place, size, 1, fill);
        lists.push(place, round == 0, slice);
        if (size > Quicklist.LEAF_MAX) {
          assertThat(heap.liveBytes() - live).isLessThan(500); // nothing was copied
        } else {
          large.abandon(slice.node);
        }
        model.add(round == 0 ? 0 : model.size(), bytes);
        compare("large");
      }
      Slice pivot = new Slice();
      pivot.length = size;
      pivot.node = arrive(large, bytes);
      lists.iterate(place.entry);
      lists.sought(pivot);
      int matches = 0;
      while (lists.next()) {
        matches += lists.matches() ? 1 : 0;
      }
      assertThat(matches).isEqualTo(3);
      large.abandon(pivot.node);
      lists.move(place, true, place, false, fill);
      model.add(model.removeFirst());
      compare("moved");
    }
  }

  private long arrive(LargeStrings large, byte[] bytes) {
    long node = large.begin(bytes.length);
    for (int at = 0; at < bytes.length; at += 10_000) {
      large.fill(node, at, bytes, at, Math.min(10_000, bytes.length - at));
    }
    return node;
  }

  // ── operations on both ──

  private boolean exists() {
    return dictionary.find(header, dictionary.hash(key), key, place);
  }

  private void push(boolean head, byte[]... elements) {
    if (!exists()) {
      lists.create(place, key);
    }
    long sum = 0;
    for (byte[] element : elements) {
      sum += element.length;
    }
    lists.grow(place, sum, elements.length, fill);
    for (byte[] element : elements) {
      lists.push(place, head, new Slice(element));
      model.add(head ? 0 : model.size(), element);
    }
  }

  private void set(int index, byte[] element) {
    assertThat(exists()).isTrue();
    lists.grow(place, element.length, 1, fill);
    assertThat(lists.set(place, index, new Slice(element), fill)).isTrue();
    model.set(index < 0 ? model.size() + index : index, element);
    assertThat(lists.set(place, model.size(), new Slice(element), fill)).isFalse();
  }

  private void insert(boolean after, byte[] pivot, byte[] element) {
    assertThat(exists()).isTrue();
    lists.grow(place, element.length, 1, fill);
    assertThat(lists.insert(place, after, new Slice(pivot), new Slice(element))).isTrue();
    int i = 0;
    while (!Arrays.equals(model.get(i), pivot)) {
      i++;
    }
    model.add(after ? i + 1 : i, element);
  }

  private void remove(int count, byte[] element) {
    assertThat(exists()).isTrue();
    long removed = lists.remove(place, count >= 0, Math.abs(count), new Slice(element), fill);
    int most = count == 0 ? Integer.MAX_VALUE : Math.abs(count);
    int gone = 0;
    for (int k = 0, n = model.size(); k < n && gone < most; k++) {
      int i = count >= 0 ? k - gone : n - 1 - k;
      if (Arrays.equals(model.get(i), element)) {
        model.remove(i);
        gone++;
      }
    }
    assertThat(removed).isEqualTo(gone);
    removeIfEmpty();
  }

  private void pop(boolean head) {
    assertThat(exists()).isTrue();
    if (head) {
      lists.iterate(dictionary.entry(place));
    } else {
      lists.iterateBackwards(dictionary.entry(place));
    }
    lists.next();
    byte[] bytes = new byte[lists.elementLength()];
    lists.copyOut(bytes, 0);
    lists.remove(place, head ? 0 : model.size() - 1, 1, fill);
    if (!Arrays.equals(bytes, head ? model.removeFirst() : model.removeLast())) {
      throw new AssertionError("popped another");
    }
    removeIfEmpty();
  }

  private void pop(boolean head, int count) {
    assertThat(exists()).isTrue();
    int n = Math.min(count, model.size());
    int from = head ? 0 : model.size() - n;
    lists.remove(place, from, n, fill);
    model.subList(from, from + n).clear();
    removeIfEmpty();
  }

  private void trim(int start, int stop) {
    assertThat(exists()).isTrue();
    int n = model.size();
    int first = start;
    int last = Math.min(n - 1, stop < 0 ? n + stop : stop);
    lists.trim(place, first, last, fill);
    model = first > last ? new ArrayList<>() : new ArrayList<>(model.subList(first, last + 1));
    removeIfEmpty();
  }

  private void removeIfEmpty() {
    if (lists.length(place.entry) == 0) {
      dictionary.remove(place);
    }
  }

  private void compare(String as) {
    if (!exists()) {
      assertThat(model).as(as).isEmpty();
      return;
    }
    try {
      lists.check(place.entry);
    } catch (AssertionError e) {
      throw new AssertionError(as, e);
    }
    assertThat(lists.length(place.entry)).as(as).isEqualTo(model.size());
    lists.iterate(place.entry);
    byte[] bytes = new byte[0];
    for (byte[] element : model) {
      if (!lists.next() || lists.elementLength() != element.length) {
        throw new AssertionError(as + ": lengths");
      }
      bytes = bytes.length < element.length ? new byte[2 * element.length] : bytes;
      lists.copyOut(bytes, 0);
      if (!Arrays.equals(bytes, 0, element.length, element, 0, element.length)) {
        throw new AssertionError(as + ": contents");
      }
    }
    assertThat(lists.next()).as(as).isFalse();
  }

  private void readEverywhere(Random random) {
    if (!exists()) {
      return;
    }
    for (int i = -model.size(); i < model.size(); i++) {
      boolean forward = random.nextBoolean();
      if (forward) {
        lists.iterate(place.entry, i);
      } else {
        lists.iterateBackwards(place.entry, i);
      }
      int at = i < 0 ? model.size() + i : i;
      for (int k = 0; k < 3; k++) {
        int expected = forward ? at + k : at - k;
        boolean there = expected >= 0 && expected < model.size();
        assertThat(lists.next()).isEqualTo(there);
        if (there) {
          lists.sought(new Slice(model.get(expected)));
          assertThat(lists.matches()).isTrue();
        }
      }
    }
    lists.iterate(place.entry, model.size());
    assertThat(lists.next()).isFalse();
  }
}
