package dev.spinel.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Plans, carried out on paper.
class SpreadTest {
  private static ManagedNode node(int port) {
    return new ManagedNode("127.0.0.1", port);
  }

  @Test
  void slotsEndUpEvenWhereverTheyWereAndNoMoreMoveThanMust() {
    Random random = new Random(3);
    for (int round = 0; round < 200; round++) {
      List<ManagedNode> all = new ArrayList<>();
      for (int i = 0; i < 1 + random.nextInt(8); i++) all.add(node(7000 + i));
      for (int slot = 0; slot < ManagedNode.SLOTS; slot++) {
        int at = random.nextInt(1 + random.nextInt(all.size()));
        all.get(at).slots.set(slot);
      }
      List<ManagedNode> over = new ArrayList<>(all);
      if (all.size() > 1) over.removeIf(node -> random.nextInt(4) == 0);
      if (over.isEmpty()) over.add(all.getFirst());
      int each = ManagedNode.SLOTS / over.size();
      int least = 0;
      for (ManagedNode node : all) {
        int has = node.slots.cardinality();
        least += over.contains(node) ? Math.max(0, has - each - 1) : has;
      }
      List<Spread.Step> steps = Spread.evenly(all, over);
      assertThat(steps.size()).isBetween(least, least + over.size());
      for (Spread.Step step : steps) {
        assertThat(step.from().slots.get(step.slot())).isTrue();
        assertThat(step.from()).isNotSameAs(step.to());
        step.from().slots.clear(step.slot());
        step.to().slots.set(step.slot());
      }
      for (ManagedNode node : all) {
        if (over.contains(node)) assertThat(node.slots.cardinality()).isBetween(each, each + 1);
        else assertThat(node.slots.isEmpty()).isTrue();
      }
      assertThat(Spread.evenly(over, over)).isEmpty();
    }
  }
}
