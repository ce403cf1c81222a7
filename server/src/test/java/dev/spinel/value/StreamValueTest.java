package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StreamValueTest {
  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(memory);
  private final Values values = new Values(memory, allocator, walk, 3, 4);
  private final Dictionary dictionary = values.dictionary();
  private final StreamValue streams = values.streams();
  private final Place place = new Place();
  private final Slice key = Slice.of("a key");
  private final long header = allocator.allocate(Dictionary.HEADER_BYTES);
  private final long seed = Long.getLong("spinel.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final StreamModel model = new StreamModel();

  @BeforeEach
  void open() {
    dictionary.init(header);
    dictionary.find(header, dictionary.hash(key), key, place);
    streams.create(place, key);
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

  private void isAsTheModel() {
    assertThat(StreamModel.text(streams, place.entry)).as("seed %d", seed).isEqualTo(model.text());
  }

  private List<String> ids(StreamId from, boolean forward) {
    List<String> ids = new ArrayList<>();
    if (forward) {
      streams.seek(place.entry, from);
      while (streams.next()) ids.add(streams.id().toString());
    } else {
      streams.seekBackwards(place.entry, from);
      while (streams.previous()) ids.add(streams.id().toString());
    }
    return ids;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 400})
  void randomChangesLeaveWhatTheModelHas(int hugeOneIn) {
    for (int i = 0; i < 2_000; i++) {
      model.change(random, values, place, hugeOneIn);
      if (i % 50 == 0) {
        verify();
        isAsTheModel();
        StreamId from = new StreamId(random.nextInt(1 + random.nextInt(1 << 20)), 0);
        assertThat(ids(from, true)).as("seed %d", seed).isEqualTo(model.ids(from, true));
        assertThat(ids(from, false)).as("seed %d", seed).isEqualTo(model.ids(from, false));
      }
    }
    StreamId most = new StreamId().setMost();
    assertThat(ids(most, false)).isEqualTo(model.ids(most, false));
  }

  @Test
  void entriesAreFoundByTheirIds() {
    for (int i = 0; i < 300; i++) model.change(random, values, place, 0);
    for (StreamId id : model.entries().keySet()) {
      assertThat(streams.find(place.entry, id)).as("seed %d, %s", seed, id).isTrue();
      StreamId absent = new StreamId(id.ms, id.seq + 1000);
      boolean there = model.entries().containsKey(absent);
      assertThat(streams.find(place.entry, absent)).isEqualTo(there);
    }
  }

  @Test
  void aCopySharesNothing() {
    for (int i = 0; i < 500; i++) model.change(random, values, place, 300);
    Slice other = Slice.of("another");
    Place copy = new Place();
    dictionary.find(header, dictionary.hash(other), other, copy);
    dictionary.copy(dictionary.entry(place), copy, other, -1);
    verify();
    StreamModel before = model.copy();
    dictionary.entry(place);
    for (int i = 0; i < 100; i++) model.change(random, values, place, 0);
    assertThat(StreamModel.text(streams, dictionary.entry(copy)))
        .as("seed %d", seed)
        .isEqualTo(before.text());
    dictionary.entry(place);
    isAsTheModel();
  }

  @Test
  void anotherGroupHasNotTheConsumerAtHand() {
    while (model.entries().isEmpty()) model.change(random, values, place, 0);
    ConsumerGroups groups = streams.groups();
    StreamId id = new StreamId(7, 7);
    groups.create(place, Slice.of("stays"), 0, 0, 0);
    groups.createConsumer(Slice.of("one"), 0, 0);
    groups.assign(id, 0, 1);
    groups.create(place, Slice.of("goes"), 0, 0, 0);
    groups.createConsumer(Slice.of("other"), 0, 0);
    groups.destroy(place, Slice.of("goes"));
    assertThat(groups.open(place, Slice.of("stays"))).isTrue();
    assertThat(groups.acknowledge(id)).isTrue();
    assertThat(groups.acknowledge(id)).isFalse();
    groups.destroy(place, Slice.of("stays"));
    verify();
  }

  @Test
  void memoryUseIsWhatTheNodesTake() {
    for (int i = 0; i < 800; i++) model.change(random, values, place, 400);
    allocator.flush();
    long use = dictionary.memoryUse(dictionary.entry(place), 0);
    long table = heap.liveBytes() - use; // a header and a leaf
    assertThat(table).isBetween(64L, 200L);
  }

  @Test
  void aRadixTreeOfTheBlocksHasAsManyNodesAsTheNaiveOne() {
    for (int round = 0; round < 60; round++) {
      TreeSet<StreamId> ids = new TreeSet<>();
      int bits = 1 + random.nextInt(63);
      for (int i = random.nextInt(40); i >= 0; i--) {
        ids.add(new StreamId(random.nextLong() >>> bits, random.nextLong() >>> random.nextInt(64)));
      }
      dictionary.remove(place);
      streams.create(place, key);
      assertThat(streams.radixNodes(place.entry)).isEqualTo(1);
      for (StreamId id : ids) {
        StreamValue.Words words = StreamModel.words(List.of("f", "v"), values, 100);
        streams.append(place, id, words, 1, 1);
      }
      assertThat(streams.blocks(place.entry)).isEqualTo(ids.size());
      List<byte[]> keys = new ArrayList<>();
      for (StreamId id : ids) {
        keys.add(java.nio.ByteBuffer.allocate(16).putLong(id.ms).putLong(id.seq).array());
      }
      assertThat(streams.radixNodes(place.entry))
          .as("seed %d, %s", seed, ids)
          .isEqualTo(nodes(keys, 0));
    }
  }

  /// The nodes of a radix tree of these keys, which have `depth` bytes in common.
  private static long nodes(List<byte[]> keys, int depth) {
    int same = depth;
    while (same < 16) {
      int at = same;
      if (keys.stream().map(k -> k[at]).distinct().count() > 1) break;
      same++;
    }
    long nodes = same > depth ? 1 : 0; // what all of them have in common
    if (same == 16) return nodes + 1;
    int at = same;
    List<Byte> next = keys.stream().map(k -> k[at]).distinct().toList();
    for (byte b : next) nodes += nodes(keys.stream().filter(k -> k[at] == b).toList(), at + 1);
    return nodes + 1;
  }

  @Test
  void blocksAreFilledUpToTheirLimits() {
    StreamValue.Words words = StreamModel.words(List.of("field", "value"), values, 100);
    StreamId id = new StreamId(1, 0);
    for (int i = 0; i < 250; i++) {
      id.increment();
      streams.append(place, id, words, 4096, 100);
    }
    assertThat(streams.blocks(place.entry)).isEqualTo(3);
    for (int i = 0; i < 300; i++) {
      id.increment();
      streams.append(place, id, words, 100, 0);
    }
    assertThat(streams.blocks(place.entry)).isGreaterThan(30);
  }

  @Test
  void idsAreReadAsRedisReadsThem() {
    String[] good = {
      "5",
      "5-3",
      "0-0",
      "18446744073709551615-18446744073709551615",
      " 7-+8",
      "00-01",
      "5--01",
      "1-\0nothing"
    };
    String[] read = {
      "5-0",
      "5-3",
      "0-0",
      "18446744073709551615-18446744073709551615",
      "7-8",
      "0-1",
      "5-18446744073709551615",
      null
    };
    StreamId id = new StreamId();
    for (int i = 0; i < good.length; i++) {
      assertThat(id.parse(Slice.of(good[i]))).as(good[i]).isEqualTo(read[i] != null);
      if (read[i] != null) assertThat(id.toString()).isEqualTo(read[i]);
    }
    assertThat(id.parse(Slice.of("5-*"))).isTrue();
    assertThat(id.sequence()).isEqualTo(StreamId.SequencePart.ANY);
    for (String bad :
        List.of(
            "", "-", "+", "5-", "-5", "x", "5-x", "5-3 ", "5 -3", "18446744073709551616", "5--3")) {
      assertThat(id.parse(Slice.of(bad))).as(bad).isFalse();
    }
    for (int i = 0; i < 1_000; i++) {
      id.set(random.nextLong(), random.nextLong());
      assertThat(new String(id.text(), java.nio.charset.StandardCharsets.ISO_8859_1))
          .isEqualTo(id.toString());
    }
  }
}
