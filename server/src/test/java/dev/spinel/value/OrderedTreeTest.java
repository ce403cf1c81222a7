package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Trees with wide cells, and trees that a walk reads as they were at the cut while they change.
class OrderedTreeTest {
  private final Heap heap = new Heap();
  private final Memory m = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final Walk walk = new Walk(m);
  private final Values values = new Values(m, allocator, walk, 3, 4);
  private final Dictionary dictionary = values.dictionary();
  private final Sharing sharing = new Sharing(dictionary);
  private final long seed = Long.getLong("spinel.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final StreamBlocks.BySeq bySeq = new StreamBlocks.BySeq();

  private List<String> content(OrderedTree tree, long root, int leafBytes) {
    List<String> all = new ArrayList<>();
    for (boolean more = tree.seekFirst(root); more; more = tree.next()) {
      long rest = leafBytes > 16 ? m.getLong(tree.cell() + leafBytes - 8) : 0;
      all.add(tree.key() + "/" + tree.word() + "=" + rest);
    }
    return all;
  }

  private static List<String> content(TreeMap<StreamId, Long> model, int leafBytes) {
    return model.entrySet().stream()
        .map(
            e ->
                (e.getKey().ms ^ Long.MIN_VALUE)
                    + "/"
                    + e.getKey().seq
                    + "="
                    + (leafBytes > 16 ? e.getValue() : 0))
        .toList();
  }

  private void change(OrderedTree tree, long root, int leafBytes, TreeMap<StreamId, Long> model) {
    StreamId id = new StreamId(random.nextInt(200), random.nextInt(40));
    long key = StreamBlocks.key(id.ms);
    boolean there = tree.seek(root, key, bySeq.of(id.seq));
    assertThat(there).isEqualTo(model.containsKey(id));
    switch (random.nextInt(6)) {
      case 0, 1, 2 -> {
        long rest = random.nextLong();
        if (there) {
          tree.unshare();
          if (leafBytes > 16) m.putLong(tree.cell() + leafBytes - 8, rest);
        } else {
          tree.reserve();
          long cell = tree.insert(key, id.seq);
          if (leafBytes > 16) m.putLong(cell + leafBytes - 8, rest);
        }
        if (!there || leafBytes > 16) model.put(id, rest);
      }
      case 3 -> {
        if (there) {
          tree.unshare();
          tree.remove(1);
          model.remove(id);
        }
      }
      default -> { // some that follow each other
        if (random.nextInt(20) > 0 || !tree.settle()) return;
        int n = 1 + random.nextInt(tree.following());
        for (StreamId gone : List.copyOf(model.tailMap(id).keySet()).subList(0, n)) {
          model.remove(gone);
        }
        tree.unshare();
        tree.remove(n);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"16", "32", "40", "56"})
  void aFrozenRootShowsTheTreeAtTheCut(int leafBytes) {
    OrderedTree tree = new OrderedTree(m, allocator, leafBytes, sharing);
    OrderedTree reader = new OrderedTree(m, allocator, leafBytes, Sharing.NOTHING);
    TreeMap<StreamId, Long> model = new TreeMap<>();
    long header = allocator.allocate(Dictionary.HEADER_BYTES);
    dictionary.init(header);
    long root = allocator.allocate(OrderedTree.ROOT_BYTES);
    long frozen = allocator.allocate(OrderedTree.ROOT_BYTES);
    tree.init(root);
    sharing.open(header);
    for (int round = 0; round < 12; round++) {
      for (int i = random.nextInt(3_000); i > 0; i--) change(tree, root, leafBytes, model);
      m.copy(root, frozen, OrderedTree.ROOT_BYTES);
      List<String> atCut = content(model, leafBytes);
      walk.begin();
      sharing.open(header);
      for (int step = 0; step < 5; step++) {
        for (int i = random.nextInt(800); i > 0; i--) change(tree, root, leafBytes, model);
        assertThat(content(reader, frozen, leafBytes)).as("seed %d", seed).isEqualTo(atCut);
        assertThat(content(reader, root, leafBytes)).isEqualTo(content(model, leafBytes));
        assertThat(tree.count(root)).isEqualTo(model.size());
      }
      Walker walker = new Walker(dictionary);
      walker.enter(header);
      for (boolean more = true; more; ) {
        more = walker.advance();
        walker.emit(null);
      }
      walker.finish();
      sharing.open(header);
      verify(root, leafBytes);
    }
    tree.clear(root, Dictionary.AT_ONCE);
    for (long each : new long[] {root, frozen, header}) allocator.free(each);
    allocator.flush();
    assertThat(heap.liveBytes()).as("seed %d", seed).isZero();
    heap.close();
  }

  private void verify(long root, int leafBytes) {
    long[] bytes = {0};
    new OrderedTreeVerifier(m, allocator, leafBytes, n -> bytes[0] += allocator.capacity(n), false)
        .verify(root);
    allocator.flush();
    assertThat(bytes[0] + 2 * allocator.capacity(root) + 64)
        .as("seed %d", seed)
        .isEqualTo(heap.liveBytes());
  }
}
