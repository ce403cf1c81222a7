package dev.spinel.cli.cluster;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;

/// Slots spread evenly: which of them move, and no more than must.
public final class Spread {
  /// One slot for another node.
  public record Step(ManagedNode from, ManagedNode to, int slot) {}

  private Spread() {}

  /// All slots of `all` end up with `over`, of which none has more than one more than another.
  /// Whoever has many keeps the odd ones. Nodes that aren't in `over` give all away.
  public static List<Step> evenly(List<ManagedNode> all, List<ManagedNode> over) {
    int total = 0;
    for (ManagedNode node : all) total += node.slots.cardinality();
    List<ManagedNode> largestFirst = new ArrayList<>(over);
    largestFirst.sort(
        Comparator.comparingInt((ManagedNode node) -> node.slots.cardinality()).reversed());
    int each = total / over.size();
    int odd = total % over.size();
    List<Integer> share = new ArrayList<>();
    for (int i = 0; i < largestFirst.size(); i++) share.add(each + (i < odd ? 1 : 0));
    List<Step> given = new ArrayList<>(); // without whom to
    for (ManagedNode node : all) {
      int at = largestFirst.indexOf(node);
      give(node, at < 0 ? 0 : share.get(at), given);
    }
    List<Step> steps = new ArrayList<>();
    int next = 0;
    for (int i = 0; i < largestFirst.size(); i++) {
      ManagedNode to = largestFirst.get(i);
      int missing = share.get(i) - to.slots.cardinality();
      for (; missing > 0; missing--) {
        Step step = given.get(next++);
        steps.add(new Step(step.from, to, step.slot));
      }
    }
    return steps;
  }

  /// The highest slots of a node, but for so many.
  private static void give(ManagedNode node, int kept, List<Step> given) {
    BitSet slots = node.slots;
    int surplus = slots.cardinality() - kept;
    for (int slot = slots.length(); surplus > 0; surplus--) {
      slot = slots.previousSetBit(slot - 1);
      given.add(new Step(node, node, slot));
    }
  }
}
