package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;

/// Slots, evenly spread, in which clients count numbers up. A number that the owner and all its
/// replicas had reached is acknowledged: it is never seen smaller. Its replicas are those that it
/// knows, and those that follow it without its knowledge: it may be replaced by any of them. A
/// primary that it has replaced isn't one before it follows.
final class CountedSlots {
  final int count;
  private final SimCluster cluster;
  private final long[] acknowledged;
  private final SlotSet left = new SlotSet();

  CountedSlots(SimCluster cluster, int count) {
    this.cluster = cluster;
    this.count = count;
    this.acknowledged = new long[count];
    cluster.nodes.forEach(ToyNode::countsCopies);
  }

  int slot(int number) {
    return number * (SlotSet.SLOTS / count);
  }

  long acknowledged(int number) {
    return acknowledged[number];
  }

  /// Nothing is promised for this slot any more.
  void leave(int slot) {
    left.add(slot);
  }

  private boolean isLeft(int slot) {
    return left.contains(slot) || cluster.overlapped.contains(slot);
  }

  /// Lets time go on, and counts every 20 ms.
  void run(long millis) {
    for (long at = 0; at < millis; at += 20) {
      count();
      cluster.run(Math.min(20, millis - at));
      acknowledge();
    }
  }

  void count() {
    for (int i = 0; i < count; i++) {
      for (ToyNode node : cluster.nodes) {
        if (!isLeft(slot(i)) && node.takesWrites(slot(i))) {
          assertThat(node.value(slot(i)))
              .as("slot %d at %s", slot(i), node.name)
              .isGreaterThanOrEqualTo(acknowledged[i]);
          node.count(slot(i));
        }
      }
    }
  }

  private void acknowledge() {
    for (int i = 0; i < count; i++) {
      for (ToyNode node : cluster.nodes) {
        if (node.takesWrites(slot(i))) {
          acknowledged[i] = Math.max(acknowledged[i], leastOfCopies(node, slot(i)));
        }
      }
    }
  }

  private long leastOfCopies(ToyNode owner, int slot) {
    Set<String> replicas = new HashSet<>();
    for (ClusterNode replica : owner.machine().myself().replicas) {
      replicas.add(replica.id);
    }
    long least = owner.value(slot);
    for (ToyNode other : cluster.nodes) {
      ClusterNode followed = other.machine().myself().primary;
      if (replicas.contains(other.id()) || followed != null && followed.id.equals(owner.id())) {
        least = Math.min(least, other.value(slot));
      }
    }
    return least;
  }

  /// Each is served by one owner, with all that was acknowledged.
  void verify() {
    for (int i = 0; i < count; i++) {
      int slot = slot(i);
      int owners = 0;
      for (ToyNode node : cluster.nodes) {
        if (node.machine().slots().owner(slot) == node.machine().myself()) {
          owners++;
          assertThat(node.takesWrites(slot)).as("%s serves %d", node.name, slot).isTrue();
          if (!isLeft(slot)) {
            assertThat(node.value(slot)).isGreaterThanOrEqualTo(acknowledged[i]);
          }
        }
      }
      assertThat(owners).as("owners of slot %d", slot).isEqualTo(1);
    }
  }
}
