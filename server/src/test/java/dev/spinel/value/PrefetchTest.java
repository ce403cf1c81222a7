package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a look-up is going to read is read ahead, and nothing else: with the memory's own checks, a
/// load from anywhere but a live node is an exception.
class PrefetchTest {
  private static final int MOST = 16;

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Place place = new Place();
  private final Prefetch prefetch = new Prefetch(memory, MOST);

  /// How often another entry than the right one was reached.
  private int others;

  @AfterEach
  void close() {
    heap.close();
  }

  /// Masks of the hash: a good one; few distinct values; such that make deep trees and buckets.
  @ParameterizedTest
  @ValueSource(longs = {-1, 0xf000_0000_0000_0000L, 0x1f, 0x0000_0001_0001_0007L, 0})
  void reachesTheEntriesThatAreFoundAfterwards(long mask) {
    Dictionary dictionary =
        new Dictionary(memory, allocator, new Walk(memory), new Hash64(1, 2), mask);
    long[] headers = new long[3];
    for (int i = 0; i < headers.length; i++) {
      headers[i] = allocator.allocate(Dictionary.HEADER_BYTES);
      dictionary.init(headers[i]);
    }
    Random random = new Random(7);
    int most = mask == -1 ? 20_000 : 700;
    int reached = 0;
    for (int step = 0; step < 30_000; step++) {
      Slice key = Slice.of("key" + random.nextInt(most));
      long header = headers[random.nextInt(headers.length)];
      boolean there = dictionary.find(header, dictionary.hash(key), key, place);
      if (!there) {
        dictionary.insert(place, dictionary.create(key, Entry.STRING, Entry.RAW, 8, -1));
      } else if (step > 20_000) {
        dictionary.remove(place);
      }
      if (step % 7 == 0) reached += look(dictionary, headers, random, most);
    }
    if (mask == -1) { // a word's bits tell one key from the others in its leaf, nearly always
      assertThat(reached).isGreaterThan(3_000);
      assertThat(others).isLessThan(reached / 100);
    }
    for (long header : headers) {
      dictionary.clear(header);
      allocator.free(header);
    }
    assertThat(heap.liveBytes()).isZero();
  }

  /// Returns how many entries were reached.
  private int look(Dictionary dictionary, long[] headers, Random random, int most) {
    int n = random.nextInt(MOST + 1);
    long[] found = new long[n];
    for (int i = 0; i < n; i++) {
      Slice key = Slice.of("key" + random.nextInt(2 * most));
      long header = headers[random.nextInt(headers.length)];
      long hash = dictionary.hash(key);
      dictionary.find(header, hash, key, place);
      found[i] = place.entry;
      prefetch.add(header, hash);
    }
    prefetch.run();
    int reached = 0;
    for (int i = 0; i < n; i++) {
      if (found[i] == 0) continue;
      if (prefetch.reached(i) == found[i]) reached++;
      else others++;
    }
    return reached;
  }
}
