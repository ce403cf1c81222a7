package dev.spinel.cli.cluster;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Which slots move from where to where. Single precision where redis-cli has it, so that the plans
/// are the same.
public final class Moves {
  /// One slot that leaves a node.
  public record Move(ManagedNode from, int slot) {}

  /// Some slots of one node for another.
  public record Transfer(ManagedNode from, ManagedNode to, int slots) {}

  private Moves() {}

  /// `count` slots out of `sources`, each by its share; the largest gives one more where that
  /// doesn't come out even.
  public static List<Move> share(List<ManagedNode> sources, int count) {
    List<ManagedNode> sorted = new ArrayList<>(sources);
    sorted.sort(Comparator.comparingInt((ManagedNode n) -> n.slotCount).reversed());
    int all = 0;
    for (ManagedNode n : sources) all += n.slotCount;
    List<Move> moves = new ArrayList<>();
    for (int i = 0; i < sorted.size(); i++) {
      ManagedNode from = sorted.get(i);
      float exact = (float) count / all * from.slotCount;
      int most = (int) (i == 0 ? Math.ceil(exact) : Math.floor(exact));
      int slot = from.slots.nextSetBit(0);
      for (int given = 0; slot >= 0 && given < most && moves.size() < count; given++) {
        moves.add(new Move(from, slot));
        slot = from.slots.nextSetBit(slot + 1);
      }
    }
    return moves;
  }

  /// How far a cluster is from balance.
  public static final class Balance {
    private final List<ManagedNode> nodes;
    public final float totalWeight;
    private boolean needed;

    /// Of primaries with their weights; whoever takes no part isn't among them.
    public Balance(List<ManagedNode> nodes, float threshold) {
      this.nodes = new ArrayList<>(nodes);
      float weight = 0;
      for (ManagedNode n : nodes) weight += n.weight;
      totalWeight = weight;
      int surplus = 0;
      for (ManagedNode n : nodes) {
        int expected = (int) ((float) ManagedNode.SLOTS / totalWeight * n.weight);
        n.balance = n.slotCount - expected;
        surplus += n.balance;
        if (threshold > 0 && isOff(n.slotCount, expected, threshold)) needed = true;
      }
      settle(surplus);
    }

    private static boolean isOff(int slots, int expected, float threshold) {
      if (slots == 0) return expected > 1;
      return (float) Math.abs(100 - 100.0 * expected / slots) > threshold;
    }

    /// What rounding left over goes to those that have too few.
    private void settle(int surplus) {
      boolean moved = true;
      while (surplus > 0 && moved) {
        moved = false;
        for (ManagedNode n : nodes) {
          if (n.balance <= 0 && surplus > 0) {
            n.balance--;
            surplus--;
            moved = true;
          }
        }
      }
      nodes.sort(Comparator.comparingInt((ManagedNode n) -> n.balance));
    }

    /// Whether a node is off by more than the threshold.
    public boolean isNeeded() {
      return needed;
    }

    /// The nodes, those with too few slots first.
    public List<ManagedNode> nodes() {
      return nodes;
    }

    public int of(ManagedNode node) {
      return node.balance;
    }

    /// What to move, in order. Forgets the balance on the way.
    public List<Transfer> transfers() {
      List<Transfer> transfers = new ArrayList<>();
      int to = 0;
      int from = nodes.size() - 1;
      while (to < from) {
        ManagedNode poor = nodes.get(to);
        ManagedNode rich = nodes.get(from);
        int slots = Math.min(Math.abs(poor.balance), Math.abs(rich.balance));
        if (slots > 0) transfers.add(new Transfer(rich, poor, slots));
        poor.balance += slots;
        rich.balance -= slots;
        if (poor.balance == 0) to++;
        if (rich.balance == 0) from--;
      }
      return transfers;
    }
  }
}
