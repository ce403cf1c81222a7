package dev.spinel.cli;

import dev.spinel.cli.cluster.Creation;
import dev.spinel.cli.cluster.HostPort;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.NodeLine;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// Makes a cluster of nodes (`spinel cluster form`), or finishes what an earlier attempt has begun.
///
/// The same nodes in the same order give the same plan, and each step is done only where it is
/// still to be done: so the command may be repeated as often as one likes, by a service that starts
/// with the nodes, too. Slots are only given to nodes as long as nobody has them. Of a cluster that
/// has all slots no slot is touched; a named node that is empty and alone comes into it as a
/// replica.
final class Formation {
  private static final int WAIT_SECONDS = 60;
  private static final long PLAN_SEED = 1;
  private static final int VOTERS = 3; // so that one may fail

  private final ClusterView view;
  private final Notices notices;
  private final Membership membership;
  private final int replicasEach;

  /// The named nodes, in order, with what each says, and what is planned for it.
  private final List<Peer> peers = new ArrayList<>();

  private final Map<Peer, List<NodeLine>> tables = new LinkedHashMap<>();
  private final Map<Peer, ManagedNode> planned = new LinkedHashMap<>();

  private int primaries; // planned

  /// Ids by slot, as any of the named nodes knows it.
  private final String[] owners = new String[ManagedNode.SLOTS];

  /// The first of the named nodes that knows an owner for all slots: its cluster is the one; null:
  /// there is none yet.
  private @Nullable Peer formed;

  /// Ids of primaries that nodes still have to follow.
  private final Map<Peer, String> toFollow = new LinkedHashMap<>();

  Formation(ClusterView view, ClusterLog log, Notices notices, int replicasEach) {
    this.view = view;
    this.notices = notices;
    this.membership = new Membership(view, log);
    this.replicasEach = replicasEach;
  }

  // ── what there is, and what is to be ──

  /// Waits for all nodes and asks them. False if that fails, or they can't become a cluster, which
  /// is said.
  boolean look(List<HostPort> addresses) {
    Set<String> ids = new HashSet<>();
    for (HostPort at : addresses) {
      Peer p = view.peer(at.host(), at.port());
      if (!await(() -> p.connectQuietly() ? hasLoaded(p) : p.isConnected())) {
        return fails(p.node.address() + " doesn't answer.");
      }
      if (!view.isClusterNode(p)) return false;
      if (!view.loadNode(p, false)) return false;
      if (!ids.add(p.node.id)) {
        boolean isSame = peers.stream().anyMatch(q -> q.node.address().equals(p.node.address()));
        return fails(
            p.node.address()
                + (isSame
                    ? " is named twice."
                    : " is a node that was named before by another address."));
      }
      peers.add(p);
    }
    view.take(peers);
    for (Peer p : peers) {
      List<NodeLine> lines = p.lines();
      tables.put(p, lines);
      int assigned = 0;
      for (NodeLine line : lines) {
        assigned += line.slots().cardinality();
        line.slots().stream().forEach(slot -> owners[slot] = line.id());
      }
      if (assigned == ManagedNode.SLOTS && formed == null) formed = p;
    }
    for (Peer p : peers) p.node.slots.stream().forEach(slot -> owners[slot] = p.node.id);
    if (!plan() || !isPossible(ids)) return false;
    chooseWhomToFollow();
    return true;
  }

  /// A server that still loads its data isn't there yet; an error won't go away.
  private static boolean hasLoaded(Peer p) {
    RespValue info = p.ask("INFO", "persistence");
    return info != null && (info.isError() || Form.textOf(info).contains("\nloading:0"));
  }

  private boolean plan() {
    List<ManagedNode> nodes = new ArrayList<>();
    for (Peer p : peers) {
      ManagedNode node = new ManagedNode(p.node.host, p.node.port);
      node.id = p.node.id;
      nodes.add(node);
      planned.put(p, node);
    }
    primaries = Creation.primaries(nodes.size(), replicasEach);
    if (primaries == 0) {
      return fails("These are too few nodes for " + replicasEach + " replicas of each primary.");
    }
    Creation creation = new Creation(nodes, replicasEach);
    creation.plan();
    creation.separate(new SplittableRandom(PLAN_SEED));
    return true;
  }

  private boolean isPossible(Set<String> ids) {
    Peer whole = formed;
    for (Peer p : peers) {
      ManagedNode plan = plan(p);
      if (isAlone(p) && p != whole && p.node.slots.isEmpty() && p.countKeys() > 0) {
        return fails(p.node.address() + " has keys: it isn't empty.");
      }
      if (whole != null) {
        if (knows(whole, p)) continue;
        String primary = p.node.primaryId;
        boolean follows = primary != null && !knows(whole, primary);
        if (!p.node.slots.isEmpty() || follows || p.countKeys() > 0) {
          return fails(
              p.node.address() + " isn't empty, and " + whole.node.address() + " doesn't know it.");
        }
        for (NodeLine line : lines(p)) {
          if (ids.contains(line.id()) || line.has("handshake") || knows(whole, line.id())) continue;
          return fails(
              p.node.address()
                  + " knows "
                  + line.place()
                  + ", which "
                  + whole.node.address()
                  + " doesn't: it is, or was, in another cluster. CLUSTER RESET there ends that.");
        }
        continue;
      }
      for (NodeLine line : lines(p)) {
        if (ids.contains(line.id()) || line.has("handshake")) continue;
        return fails(
            p.node.address()
                + " knows "
                + line.place()
                + ", which isn't named, and their cluster doesn't have all slots: spinel cluster"
                + " doctor says more.");
      }
      for (int slot = plan.slots.nextSetBit(0); slot >= 0; slot = plan.slots.nextSetBit(slot + 1)) {
        String owner = owners[slot];
        if (owner == null || owner.equals(p.node.id)) continue;
        return fails(
            "Slot "
                + slot
                + ", of the share of "
                + p.node.address()
                + ", is another node's. Name the nodes in the order of the first attempt, or finish"
                + " it by hand.");
      }
    }
    return true;
  }

  private boolean isAlone(Peer p) {
    for (NodeLine line : lines(p)) {
      if (!line.isMyself() && !line.has("handshake")) return false;
    }
    return true;
  }

  private List<NodeLine> lines(Peer p) {
    return tables.getOrDefault(p, List.of());
  }

  private ManagedNode plan(Peer p) {
    ManagedNode plan = planned.get(p);
    if (plan == null) throw new IllegalStateException("no plan for " + p.node.address());
    return plan;
  }

  /// The slots that a node still has to get.
  private BitSet missing(Peer p) {
    BitSet missing = new BitSet();
    if (formed != null) return missing;
    missing.or(plan(p).slots);
    missing.andNot(p.node.slots);
    return missing;
  }

  /// Whether a node still has to meet the others.
  private boolean isStrange(Peer p) {
    Peer first = first();
    return p != first && !(knows(first, p) && knows(p, first));
  }

  /// A node that the others meet: one of the cluster, where there is one.
  private Peer first() {
    return formed == null ? peers.getFirst() : formed;
  }

  private boolean knows(Peer one, Peer other) {
    return knows(one, other.node.id);
  }

  private boolean knows(Peer one, String id) {
    for (NodeLine line : lines(one)) if (line.id().equals(id)) return true;
    return false;
  }

  /// Chooses once, before anything is done: what nodes know of each other changes meanwhile.
  private void chooseWhomToFollow() {
    Map<String, Integer> followers = new HashMap<>();
    for (NodeLine line : lines(first())) {
      if (!line.slots().isEmpty() && !line.has("fail")) followers.putIfAbsent(line.id(), 0);
    }
    for (NodeLine line : lines(first())) {
      followers.computeIfPresent(line.primaryId(), (any, n) -> n + 1);
    }
    for (Peer p : peers) {
      if (p.node.isReplica() || !p.node.slots.isEmpty()) continue;
      String wanted = plan(p).primaryId;
      if (formed != null && (wanted == null || !followers.containsKey(wanted))) {
        if (wanted == null && !isAlone(p)) continue; // it was emptied by somebody
        wanted = fewest(followers);
      }
      if (wanted == null) continue;
      followers.computeIfPresent(wanted, (any, n) -> n + 1);
      toFollow.put(p, wanted);
    }
  }

  private static @Nullable String fewest(Map<String, Integer> followers) {
    String fewest = null;
    for (Map.Entry<String, Integer> e : followers.entrySet()) {
      if (fewest == null || e.getValue() < followers.getOrDefault(fewest, 0)) fewest = e.getKey();
    }
    return fewest;
  }

  /// Shows what is to be done. False if there is nothing.
  boolean show() {
    boolean any = false;
    for (Peer p : peers) {
      BitSet missing = missing(p);
      String follow = toFollow.get(p);
      boolean strange = isStrange(p);
      if (missing.isEmpty() && follow == null && !strange) continue;
      any = true;
      String what =
          !missing.isEmpty()
              ? "becomes a primary with slots " + ManagedNode.rangesOf(missing)
              : follow != null ? "becomes a replica of " + name(follow) : "meets the others";
      notices.say(p.node.address() + " " + what);
    }
    if (any && formed == null && primaries < VOTERS) {
      notices.say(
          "With fewer than three primaries none is replaced when it fails: it takes most of them to"
              + " agree on that.");
    }
    return any;
  }

  private String name(String id) {
    Peer p = view.byId(id);
    return p == null ? id.substring(0, 8) : p.node.address();
  }

  // ── carrying it out ──

  /// Does what is to be done, and waits until the cluster serves. False if that fails, which is
  /// said.
  boolean carryOut() {
    for (Peer p : peers) if (!giveSlots(p)) return false;
    int epoch = 1;
    for (Peer p : peers) {
      // Refused where a node has one already, or has met others.
      if (formed == null) p.ask("CLUSTER", "SET-CONFIG-EPOCH", Integer.toString(epoch++));
    }
    Peer first = first();
    for (Peer p : peers) if (isStrange(p) && !membership.introduce(p, first)) return false;
    if (!await(this::allKnowEachOther)) {
      return fails("The nodes don't find each other: their bus ports must be reachable.");
    }
    for (Peer p : peers) {
      String primary = toFollow.get(p);
      if (primary == null) continue;
      RespValue reply = p.ask("CLUSTER", "REPLICATE", primary);
      if (!p.succeeds(reply)) return fails(p.node.address() + " can't become a replica.");
    }
    if (!await(() -> view.agrees() && peers.stream().allMatch(Formation::isUp))) {
      return fails("The cluster isn't whole yet: spinel cluster doctor says why.");
    }
    return true;
  }

  private boolean giveSlots(Peer p) {
    BitSet missing = missing(p);
    if (missing.isEmpty()) return true;
    List<String> command = new ArrayList<>(List.of("CLUSTER", "ADDSLOTS"));
    missing.stream().forEach(slot -> command.add(Integer.toString(slot)));
    return p.succeeds(p.ask(command.toArray(new String[0])));
  }

  private boolean allKnowEachOther() {
    for (Peer p : peers) tables.put(p, p.lines());
    for (Peer p : peers) {
      for (NodeLine line : lines(p)) if (line.has("handshake")) return false;
      for (Peer other : peers) if (!knows(p, other)) return false;
    }
    return true;
  }

  /// Whether a node serves, and has its primary's data.
  private static boolean isUp(Peer p) {
    String cluster = Peer.textOf(p.ask("CLUSTER", "INFO"));
    String info = Peer.textOf(p.ask("INFO", "replication"));
    return cluster != null
        && cluster.contains("cluster_state:ok")
        && info != null
        && !"down".equals(Info.field(info, "master_link_status"));
  }

  private static boolean await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + WAIT_SECONDS * 1_000_000_000L;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) return false;
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    return true;
  }

  private boolean fails(String why) {
    notices.complain(why);
    return false;
  }
}
