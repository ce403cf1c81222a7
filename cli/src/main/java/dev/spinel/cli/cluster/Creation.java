package dev.spinel.cli.cluster;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/// The plan of a new cluster: which nodes become primaries, their slots, and who replicates whom.
///
/// Nodes of different hosts take turns, so that primaries are spread over hosts. A replica goes to
/// a primary of another host where one is left. What then still is on one host with its primary, or
/// with another replica of it, is exchanged at random as long as that makes nothing worse.
public final class Creation {
  /// A step of the plan that is told to the user.
  public sealed interface Step {
    record Slots(int primary, int from, int to) implements Step {}

    record Replica(ManagedNode replica, ManagedNode primary) implements Step {}

    /// From here on, replicas beyond what was asked for.
    record Extra() implements Step {}
  }

  /// What exchanging replicas came to.
  public enum Affinity {
    /// Nothing had to be exchanged.
    FINE,
    PERFECT,
    REPLICAS_TOGETHER,
    REPLICA_WITH_PRIMARY
  }

  private static final int WITH_PRIMARY = 10000;
  private static final int TRIES_PER_NODE = 500;

  private final List<ManagedNode> nodes;
  private final int primaryCount;
  private final int replicasEach;
  private final List<Step> steps = new ArrayList<>();

  /// `nodes` in the order in which they were given; each has been asked for its id.
  public Creation(List<ManagedNode> nodes, int replicasEach) {
    this.nodes = nodes;
    this.replicasEach = replicasEach;
    this.primaryCount = primaries(nodes.size(), replicasEach);
  }

  public static int primaries(int nodes, int replicasEach) {
    return nodes / (replicasEach + 1);
  }

  /// Writes slots and primaries into the nodes; answers what it did, in order.
  public List<Step> plan() {
    List<ManagedNode> inTurn = inTurn();
    List<ManagedNode> primaries = inTurn.subList(0, primaryCount);
    giveSlots(primaries);
    List<ManagedNode> others = new ArrayList<>(inTurn.subList(primaryCount, inTurn.size()));
    if (!others.isEmpty()) others.add(others.remove(0)); // starts better, before exchanges
    giveReplicas(primaries, others, false);
    if (!others.isEmpty()) {
      steps.add(new Step.Extra());
      giveReplicas(primaries, others, true);
    }
    return steps;
  }

  private Map<String, List<ManagedNode>> byHost() {
    Map<String, List<ManagedNode>> byHost = new LinkedHashMap<>();
    for (ManagedNode n : nodes) byHost.computeIfAbsent(n.host, h -> new ArrayList<>()).add(n);
    return byHost;
  }

  private List<ManagedNode> inTurn() {
    List<ManagedNode> inTurn = new ArrayList<>();
    List<List<ManagedNode>> hosts = List.copyOf(byHost().values());
    for (int round = 0; inTurn.size() < nodes.size(); round++) {
      for (List<ManagedNode> host : hosts) if (round < host.size()) inTurn.add(host.get(round));
    }
    return inTurn;
  }

  /// In single precision, as redis-cli calculates: the borders must be the same.
  private void giveSlots(List<ManagedNode> primaries) {
    float each = ManagedNode.SLOTS / (float) primaries.size();
    float cursor = 0;
    int first = 0;
    for (int i = 0; i < primaries.size(); i++) {
      int last = Math.round(cursor + each - 1);
      if (last > ManagedNode.SLOTS || i == primaries.size() - 1) last = ManagedNode.SLOTS - 1;
      if (last < first) last = first;
      steps.add(new Step.Slots(i, first, last));
      ManagedNode primary = primaries.get(i);
      primary.slots.clear();
      primary.slots.set(first, last + 1);
      primary.slotCount = last + 1 - first;
      primary.changed = true;
      first = last + 1;
      cursor += each;
    }
  }

  private void giveReplicas(List<ManagedNode> primaries, List<ManagedNode> others, boolean extra) {
    int each = extra ? 1 : replicasEach;
    for (ManagedNode primary : primaries) {
      for (int i = 0; i < each && !others.isEmpty(); i++) {
        ManagedNode replica = others.get(0);
        for (ManagedNode n : others) {
          if (!n.host.equals(primary.host)) {
            replica = n;
            break;
          }
        }
        others.remove(replica);
        replica.primaryId = primary.id;
        replica.changed = true;
        steps.add(new Step.Replica(replica, primary));
      }
    }
  }

  // ── Anti-affinity ──

  /// Whether replicas are on one host with their primary, or with each other.
  public boolean hasAffinity() {
    return score(new ArrayList<>()) > 0;
  }

  /// Exchanges replicas until nothing is together, or it has tried long enough.
  public Affinity separate(RandomGenerator random) {
    if (!hasAffinity()) return Affinity.FINE;
    for (int tries = TRIES_PER_NODE * nodes.size(); tries > 0; tries--) {
      List<ManagedNode> offenders = new ArrayList<>();
      int before = score(offenders);
      if (before == 0 || offenders.isEmpty()) break;
      ManagedNode one = offenders.get(random.nextInt(offenders.size()));
      List<ManagedNode> others = new ArrayList<>();
      for (ManagedNode n : nodes) if (n != one && n.primaryId != null) others.add(n);
      if (others.isEmpty()) break;
      ManagedNode other = others.get(random.nextInt(others.size()));
      exchange(one, other);
      if (score(new ArrayList<>()) > before) exchange(one, other);
    }
    int score = score(new ArrayList<>());
    if (score == 0) return Affinity.PERFECT;
    return score >= WITH_PRIMARY ? Affinity.REPLICA_WITH_PRIMARY : Affinity.REPLICAS_TOGETHER;
  }

  private static void exchange(ManagedNode a, ManagedNode b) {
    String primary = a.primaryId;
    a.primaryId = b.primaryId;
    b.primaryId = primary;
    a.changed = true;
    b.changed = true;
  }

  /// How much is together: 10,000 for each replica on its primary's host, one for each of several
  /// replicas of one primary on a host. One replica of each such group becomes an offender.
  private int score(List<ManagedNode> offenders) {
    int score = 0;
    for (Map.Entry<String, List<ManagedNode>> host : byHost().entrySet()) {
      Map<String, Integer> members = new LinkedHashMap<>();
      Map<String, Boolean> withPrimary = new HashMap<>();
      for (ManagedNode n : host.getValue()) {
        String shard = n.primaryId == null ? n.id : n.primaryId;
        members.merge(shard, 1, Integer::sum);
        withPrimary.merge(shard, n.primaryId == null, Boolean::logicalOr);
      }
      for (Map.Entry<String, Integer> shard : members.entrySet()) {
        int count = shard.getValue();
        if (count < 2) continue;
        boolean primary = withPrimary.getOrDefault(shard.getKey(), false);
        score += primary ? WITH_PRIMARY * (count - 1) : count;
        for (ManagedNode n : nodes) {
          if (shard.getKey().equals(n.primaryId) && n.host.equals(host.getKey())) {
            offenders.add(n);
            break;
          }
        }
      }
    }
    return score;
  }
}
