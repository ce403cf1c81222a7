package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SequenceTest {
  private final Heap heap = new Heap();
  private final Memory m = heap.memory();
  private final Allocator allocator = heap.allocator();

  @AfterEach
  void nothingIsLost() {
    assertThat(heap.liveBytes()).isZero();
    allocator.close();
    heap.close();
  }

  @Test
  void randomChangesMatchAListOfLeaves() {
    for (long seed = 0; seed < 200; seed++) {
      run(seed, 4 + (int) (seed % 3), 400);
    }
    run(1000, 128, 6000);
  }

  @Test
  void whatAWalkMayReadStaysAsItWasAtTheCut() {
    for (long seed = 0; seed < 400; seed++) {
      new Snapshots(seed, seed % 10 == 0 ? 128 : 4).run(300);
    }
  }

  @Test
  void growingAtTheEndsLeavesFullNodesBehind() {
    for (boolean atHead : new boolean[] {false, true}) {
      Sequence sequence = new Sequence(m, allocator);
      long root = allocator.allocate(Sequence.CELL);
      sequence.clear(root);
      sequence.open(root);
      int leaves = 128 * 128 * 2;
      for (int i = 0; i < leaves; i++) {
        long word = leaf(new byte[] {1});
        if (atHead) {
          sequence.first();
          sequence.insertBefore(word, 1);
        } else {
          sequence.last();
          sequence.insertAfter(word, 1);
        }
      }
      sequence.check(root);
      assertThat(sequence.count()).isEqualTo(leaves);
      assertThat(sequence.memoryUse(root)).isLessThan(leaves * (8L + 16 + 1));
      sequence.drop();
      allocator.free(root);
    }
  }

  private long leaf(byte[] bytes) {
    long node = allocator.allocate(Math.max(8, bytes.length));
    m.copyIn(bytes, 0, node, bytes.length);
    return Sequence.leafWord(Sequence.CHUNK, node);
  }

  private void run(long seed, int fanOut, int steps) {
    Random random = new Random(seed);
    Sequence sequence = new Sequence(m, allocator, fanOut);
    long root = allocator.allocate(Sequence.CELL);
    sequence.clear(root);
    sequence.open(root);
    List<byte[]> model = new ArrayList<>();
    int grow = 60;
    for (int step = 0; step < steps; step++) {
      if (step % 100 == 99) {
        grow = random.nextInt(100);
      }
      change(random, sequence, model, random.nextInt(100) < grow);
      if (model.size() < 300 || step % 50 == 0) {
        sequence.check(root);
        compare(sequence, root, model, "seed " + seed + " step " + step);
      }
    }
    long copy = allocator.allocate(Sequence.CELL);
    sequence.copy(root, copy, 9);
    compare(sequence, copy, model, "copy");
    sequence.check(copy);
    sequence.free(copy);
    allocator.free(copy);
    sequence.open(root);
    sequence.drop();
    assertThat(sequence.isEmpty()).isTrue();
    allocator.free(root);
  }

  /// One random change at a random leaf, of the open sequence and the model.
  private void change(Random random, Sequence sequence, List<byte[]> model, boolean grow) {
    byte[] bytes = new byte[1 + random.nextInt(5)];
    random.nextBytes(bytes);
    int i =
        model.isEmpty()
            ? 0
            : random.nextInt(4) == 0
                ? (random.nextBoolean() ? 0 : model.size() - 1)
                : random.nextInt(model.size());
    long index = 0;
    for (int k = 0; k < i; k++) {
      index += model.get(k).length;
    }
    if (model.isEmpty()) {
      assertThat(sequence.first()).isFalse();
      assertThat(sequence.last()).isFalse();
    } else {
      sequence.seek(index + random.nextInt(model.get(i).length));
      assertThat(sequence.leafStart()).isEqualTo(index);
    }
    if (grow || model.isEmpty()) {
      boolean after = random.nextBoolean() && !model.isEmpty();
      if (after) {
        sequence.insertAfter(leaf(bytes), bytes.length);
        model.add(i + 1, bytes);
        index += model.get(i).length;
      } else {
        sequence.insertBefore(leaf(bytes), bytes.length);
        model.add(i, bytes);
      }
      assertThat(sequence.leafStart()).isEqualTo(index);
      assertThat(sequence.leafCount()).isEqualTo(bytes.length);
      assertThat(m.equal(sequence.leaf(), bytes, 0, bytes.length)).isTrue();
      return;
    }
    switch (random.nextInt(4)) {
      case 0 -> {
        sequence.replace(leaf(bytes), bytes.length);
        model.set(i, bytes);
      }
      case 1 -> { // change in place: one byte more or less
        byte[] old = model.get(i);
        int length =
            random.nextBoolean() ? Math.min(8, old.length + 1) : Math.max(1, old.length - 1);
        byte[] changed = Arrays.copyOf(old, length);
        changed[0]++;
        long leaf = sequence.writable();
        m.copyIn(changed, 0, leaf, length);
        sequence.changed(length - old.length);
        model.set(i, changed);
      }
      default -> {
        boolean more = sequence.remove();
        model.remove(i);
        assertThat(more).isEqualTo(i < model.size());
        if (more) {
          assertThat(sequence.leafStart()).isEqualTo(index);
          assertThat(m.equal(sequence.leaf(), model.get(i), 0, model.get(i).length)).isTrue();
        }
      }
    }
  }

  private void compare(Sequence sequence, long root, List<byte[]> model, String as) {
    Sequence reader = new Sequence(m, allocator);
    reader.openToRead(root);
    boolean more = reader.first();
    long index = 0;
    for (byte[] leaf : model) {
      if (!more
          || reader.leafCount() != leaf.length
          || !m.equal(reader.leaf(), leaf, 0, leaf.length)
          || reader.leafStart() != index) {
        throw new AssertionError(as + ": leaf at " + index);
      }
      index += leaf.length;
      more = reader.next();
    }
    assertThat(more).as(as).isFalse();
    assertThat(reader.count()).as(as).isEqualTo(index);
    more = reader.last();
    for (int i = model.size() - 1; i >= 0; i--) {
      index -= model.get(i).length;
      if (!more
          || reader.leafStart() != index
          || !m.equal(reader.leaf(), model.get(i), 0, model.get(i).length)) {
        throw new AssertionError(as + ": leaf before " + index);
      }
      more = reader.previous();
    }
    assertThat(more).as(as).isFalse();
  }

  /// A sequence with cuts: the entry that holds the root cell is played by two cells, the live one
  /// and the frozen one.
  private final class Snapshots implements Sequence.Orphans {
    final long seed;
    final Random random;
    final Sequence sequence;
    final List<byte[]> model = new ArrayList<>();
    final List<Long> orphans = new ArrayList<>();
    long root = allocator.allocate(Sequence.CELL);
    long frozenRoot; // 0: the live one hasn't changed since the cut
    int epoch = 1;
    boolean walking;
    List<byte[]> atCut;

    Snapshots(long seed, int fanOut) {
      this.seed = seed;
      random = new Random(seed);
      sequence = new Sequence(m, allocator, fanOut);
      sequence.clear(root);
    }

    @Override
    public void orphan(long node) {
      orphans.add(node);
    }

    void run(int steps) {
      for (int step = 0; step < steps; step++) {
        if (!walking && random.nextInt(30) == 0) {
          epoch++;
          walking = true;
          atCut = new ArrayList<>();
          for (byte[] leaf : model) {
            atCut.add(leaf.clone());
          }
        } else if (walking && random.nextInt(40) == 0) {
          endOfWalk(step);
        }
        if (walking && frozenRoot == 0) {
          long twin = allocator.allocate(Sequence.CELL);
          sequence.freeze(root, twin);
          frozenRoot = root;
          root = twin;
        }
        sequence.open(root, walking, epoch, this);
        if (random.nextInt(50) == 0) {
          sequence.drop();
          model.clear();
        } else {
          change(random, sequence, model, random.nextInt(100) < 55);
        }
        sequence.check(root);
        compare(sequence, root, model, "seed " + seed + " step " + step);
      }
      if (walking) {
        endOfWalk(steps);
      }
      assertThat(orphans).isEmpty();
      sequence.free(root);
      allocator.free(root);
    }

    void endOfWalk(int step) {
      compare(
          sequence,
          frozenRoot == 0 ? root : frozenRoot,
          atCut,
          "snapshot, seed " + seed + " step " + step);
      if (frozenRoot != 0) {
        assertThat(sequence.isFrozen(frozenRoot)).isEqualTo(!atCut.isEmpty());
        sequence.free(frozenRoot);
        allocator.free(frozenRoot);
        frozenRoot = 0;
      }
      for (long node : orphans) {
        allocator.free(node);
      }
      orphans.clear();
      walking = false;
    }
  }
}
