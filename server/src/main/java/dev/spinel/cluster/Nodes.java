package dev.spinel.cluster;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The nodes that this one knows, by id, itself included, and those that it has been told to
/// forget.
///
/// Belongs to the machine's thread.
final class Nodes {
  static final long FORGET_SECONDS = 60;
  private static final int FORGOTTEN_MAX = 10_000;

  private final ClusterMachine machine;
  private final Map<String, ClusterNode> byId = new LinkedHashMap<>();
  private final List<ClusterNode> all = new ArrayList<>();

  /// Id → until when it isn't taken up again.
  private final Map<String, Long> forgotten = new LinkedHashMap<>();

  Nodes(ClusterMachine machine) {
    this.machine = machine;
  }

  @Nullable ClusterNode get(String id) {
    return byId.get(id);
  }

  int size() {
    return all.size();
  }

  /// All of them. Whoever removes some while going through takes [#snapshot].
  List<ClusterNode> all() {
    return all;
  }

  List<ClusterNode> snapshot() {
    return List.copyOf(all);
  }

  ClusterNode any() {
    return all.get(machine.world().below(all.size()));
  }

  boolean exists(Predicate<ClusterNode> condition) {
    return all.stream().anyMatch(condition);
  }

  ClusterNode create(String id, int flags) {
    return create(id, machine.world().newId(), flags);
  }

  ClusterNode create(String id, String shard, int flags) {
    ClusterNode node = new ClusterNode(id, shard, flags, machine.now());
    node.unreachableSince = machine.now();
    byId.put(id, node);
    all.add(node);
    return node;
  }

  /// After a handshake: its id is known now.
  void rename(ClusterNode node, String id) {
    byId.remove(node.id);
    node.id = id;
    byId.put(id, node);
    machine.slots().renamed(node);
  }

  /// Nothing refers to it any more: no slot, no replica, no report, no link.
  void remove(ClusterNode node) {
    machine.slots().forget(node);
    for (ClusterNode other : all) {
      other.failureReports.remove(node);
    }
    for (ClusterNode replica : node.replicas) {
      replica.primary = null;
    }
    node.replicas.clear();
    setPrimary(node, null);
    machine.links().closeAll(node, "the node is removed");
    machine.news().removed(node);
    byId.remove(node.id);
    all.remove(node);
    machine.changed();
  }

  /// Makes it the replica of another, or of nobody. Its flags are the caller's business.
  void setPrimary(ClusterNode replica, @Nullable ClusterNode primary) {
    ClusterNode before = replica.primary;
    if (before != null && before.replicas.remove(replica) && before.replicas.isEmpty()) {
      before.clear(NodeFlags.MIGRATE_TO);
    }
    replica.primary = primary;
    if (primary != null && !primary.replicas.contains(replica)) {
      primary.replicas.add(replica);
      primary.set(NodeFlags.MIGRATE_TO);
    }
    machine.changed();
  }

  /// A node that was taken for a replica is a primary. If it was elected, it begins to take writes
  /// once a majority of the voters answers it: they do so only when a loss of power can't make them
  /// forget it any more, and vote for a sibling that lacks those writes.
  void promote(ClusterNode node) {
    if (node.isPrimary()) {
      return;
    }
    if (node.primary != null) {
      setPrimary(node, null);
      if (!node.isMyself()) {
        node.set(NodeFlags.MIGRATE_TO);
      }
    }
    node.clear(NodeFlags.REPLICA);
    node.set(NodeFlags.PRIMARY);
    if (node.isMyself()) {
      machine.save();
    } else {
      machine.holdUntilSaved();
    }
    machine.health().lookAgain();
  }

  void setShard(ClusterNode node, String shard) {
    if (!node.shard.equals(shard)) {
      node.shard = shard;
      machine.save();
    }
    ClusterNode myself = machine.myself();
    if (node != myself && myself.primary == node && !myself.shard.equals(shard)) {
      myself.shard = shard;
      machine.saveDurably();
    }
  }

  /// This node and the others of its shard.
  List<ClusterNode> ofShard(String shard) {
    return all.stream().filter(node -> node.shard.equals(shard)).toList();
  }

  // ── epochs ──

  long highestEpoch() {
    long highest = machine.currentEpoch();
    for (ClusterNode node : all) {
      highest = NodesFile.laterEpoch(highest, node.configEpoch);
    }
    return highest;
  }

  /// Voters: primaries that own slots.
  int voters() {
    int voters = 0;
    for (ClusterNode node : all) {
      if (node.isVoter()) {
        voters++;
      }
    }
    return voters;
  }

  // ── those that are to be forgotten ──

  void forget(String id, long seconds) {
    dropExpired();
    if (forgotten.size() < FORGOTTEN_MAX) {
      forgotten.put(id, machine.now() + seconds * 1000);
    }
  }

  boolean isForgotten(String id) {
    dropExpired();
    return forgotten.containsKey(id);
  }

  /// Id → seconds that are left.
  Map<String, Long> forgotten() {
    dropExpired();
    Map<String, Long> left = new HashMap<>();
    forgotten.forEach((id, until) -> left.put(id, (until - machine.now()) / 1000));
    return left;
  }

  void forgetNobody() {
    forgotten.clear();
  }

  private void dropExpired() {
    if (!forgotten.isEmpty()) {
      forgotten.values().removeIf(until -> until < machine.now());
    }
  }
}
