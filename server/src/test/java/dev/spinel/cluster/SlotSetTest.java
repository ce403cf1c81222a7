package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SlotSetTest {
  @Test
  void itIsASetOfSlots() {
    Random random = new Random(5);
    SlotSet set = new SlotSet();
    BitSet model = new BitSet();
    SlotSet copy = set.copy();
    BitSet copied = new BitSet();
    for (int i = 0; i < 20_000; i++) {
      int slot = random.nextInt(SlotSet.SLOTS);
      if (random.nextBoolean()) {
        set.add(slot);
        model.set(slot);
      } else {
        set.remove(slot);
        model.clear(slot);
      }
      if (i % 1000 == 0) {
        same(set, model);
        same(copy, copied);
        copy = set.copy();
        copied = (BitSet) model.clone();
      }
      int from = random.nextInt(SlotSet.SLOTS);
      assertThat(set.next(from)).isEqualTo(model.nextSetBit(from));
    }
    same(set, model);
    set.clear();
    assertThat(set.isEmpty()).isTrue();
    same(copy, copied);
  }

  @Test
  void setsAreAddedAndTakenAway() {
    Random random = new Random(6);
    for (int i = 0; i < 300; i++) {
      // few slots that are close together, anywhere, so that many are in both; or all over
      int width = i % 3 == 0 ? SlotSet.SLOTS : 1 + random.nextInt(300);
      int first = random.nextInt(SlotSet.SLOTS - width + 1);
      SlotSet one = new SlotSet();
      SlotSet other = new SlotSet();
      BitSet models = new BitSet();
      BitSet others = new BitSet();
      fill(random, first, width, one, models);
      fill(random, first, width, other, others);
      SlotSet before = one.copy();
      BitSet modelBefore = (BitSet) models.clone();
      BitSet modelRest = (BitSet) models.clone();
      modelRest.andNot(others);
      same(one.without(other), modelRest);
      one.addAll(other);
      models.or(others);
      same(one, models);
      one.removeAll(other);
      models.andNot(others);
      same(one, models);
      same(before, modelBefore);
      same(other, others);
    }
  }

  /// Sometimes with nothing.
  private static void fill(Random random, int first, int width, SlotSet set, BitSet model) {
    for (int n = random.nextInt(5) == 0 ? 0 : random.nextInt(300); n > 0; n--) {
      int slot = first + random.nextInt(width);
      set.add(slot);
      model.set(slot);
    }
  }

  @Test
  void aSetIsAddedToItselfAndTakenFromItself() {
    for (SlotSet set : new SlotSet[] {SlotSet.all(), new SlotSet(), SlotSet.all().copy()}) {
      BitSet model = new BitSet();
      model.set(0, set.count());
      SlotSet copy = set.copy();
      set.addAll(set);
      same(set, model);
      assertThat(set.without(set).isEmpty()).isTrue();
      set.removeAll(set);
      same(set, new BitSet());
      same(copy, model);
    }
  }

  private static void same(SlotSet set, BitSet model) {
    assertThat(set.count()).isEqualTo(model.cardinality());
    byte[] bytes = new byte[SlotSet.BYTES];
    set.write(bytes, 0);
    assertThat(BitSet.valueOf(bytes)).isEqualTo(model);
    assertThat(SlotSet.read(bytes, 0)).isEqualTo(set).hasSameHashCodeAs(set);
  }

  @Test
  void rangesAreListedAsInNodesConf() {
    SlotSet set = new SlotSet();
    for (int slot = 0; slot <= 5460; slot++) {
      set.add(slot);
    }
    set.add(5462);
    set.add(16382);
    set.add(16383);
    assertThat(set).hasToString("0-5460 5462 16382-16383");
    assertThat(new SlotSet()).hasToString("");
  }
}
