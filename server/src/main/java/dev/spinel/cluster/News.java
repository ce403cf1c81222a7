package dev.spinel.cluster;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What is new is told at once. In Redis it travels by chance: each heartbeat names a tenth of the
/// nodes, three at least, and a node that has joined is known to all others after seconds.
///
/// ```
///   a handshake has ended ─────────► the other one is told of all nodes: at once, and again when
///                                    it has called for the first time
///   a node is new, or elsewhere ───► one round of PINGs whose gossip names it first
///       this node has met it            to all: nobody else knows it
///       a stock node has told so        to all: that one leaves it to chance
///       a node of our kind has told so  to a few: that one tells all that it reaches
///   this node's own part changes ──► one round of PINGs to all
/// ```
///
/// So a node that joins costs a PING for each node, and a few more for each, whatever the cluster's
/// size. Rounds are rare, too: what comes up within 2 ms for each known node, 100 ms at least, is
/// one round, and a round names at most [#NAMES_MOST]. A thousand nodes that form one cluster send
/// 16 PINGs in two seconds each for that, and whoever was met by all of them 500 a second.
///
/// A stock node doesn't look at the gossip of the PONG that ends its handshake. That is why a new
/// node is told twice.
///
/// Belongs to the machine's thread.
final class News {
  private static final int NAMES_MOST = 200;
  private static final int FEW = 16;

  private final ClusterMachine machine;

  /// Nodes that are new, or elsewhere, and whether all peers are to be told.
  private final Map<ClusterNode, Boolean> fresh = new LinkedHashMap<>();

  /// Nodes that this one has met and that haven't called yet.
  private final Set<ClusterNode> met = new LinkedHashSet<>();

  private final List<ClusterNode> called = new ArrayList<>();
  private boolean aboutMyself;
  private long told = Long.MIN_VALUE / 2;

  News(ClusterMachine machine) {
    this.machine = machine;
  }

  /// A handshake with this node has ended: it is one of the cluster.
  void met(ClusterNode node) {
    met.add(node);
    fresh.put(node, true);
    machine.heartbeats().introduce(node);
  }

  /// This node calls. If it was met, it knows this one by the time of the next tick.
  void called(ClusterNode node) {
    if (met.remove(node)) {
      called.add(node);
    }
  }

  /// Another node has told of one that wasn't known.
  void learned(ClusterNode node, ClusterNode from) {
    fresh.merge(node, !from.isOurs, Boolean::logicalOr);
  }

  /// A node is elsewhere. It calls the others itself, as far as it knows where they are.
  void moved(ClusterNode node) {
    fresh.merge(node, false, Boolean::logicalOr);
  }

  /// What this node says of itself is different.
  void aboutMyself() {
    aboutMyself = true;
  }

  void removed(ClusterNode node) {
    fresh.remove(node);
    met.remove(node);
    called.remove(node);
  }

  void tick() {
    for (ClusterNode node : called) {
      machine.heartbeats().introduce(node);
    }
    called.clear();
  }

  void endOfStep() {
    long gap = Math.max(100, 2L * machine.nodes().size());
    if (fresh.isEmpty() && !aboutMyself || machine.now() - told < gap) {
      return;
    }
    boolean all = aboutMyself;
    List<ClusterNode> names = new ArrayList<>();
    for (Iterator<Map.Entry<ClusterNode, Boolean>> each = fresh.entrySet().iterator();
        each.hasNext() && names.size() < NAMES_MOST; ) {
      Map.Entry<ClusterNode, Boolean> next = each.next();
      if (!machine.rejoining().holdsBack(next.getKey())) {
        names.add(next.getKey());
        all |= next.getValue();
        each.remove();
      }
    }
    if (names.isEmpty() && !aboutMyself) {
      return;
    }
    aboutMyself = false;
    told = machine.now();
    for (ClusterNode peer : all ? machine.nodes().all() : few()) {
      if (!peer.isMyself() && !peer.isHandshake()) {
        machine.heartbeats().tell(peer, names);
      }
    }
  }

  /// Some peers, chosen by chance.
  private List<ClusterNode> few() {
    List<ClusterNode> peers = new ArrayList<>();
    for (ClusterNode node : machine.nodes().all()) {
      if (node.linkStands && !node.isHandshake()) {
        peers.add(node);
      }
    }
    for (int i = 0; i < FEW && i < peers.size(); i++) {
      int other = i + machine.world().below(peers.size() - i);
      ClusterNode chosen = peers.get(other);
      peers.set(other, peers.get(i));
      peers.set(i, chosen);
    }
    return peers.subList(0, Math.min(FEW, peers.size()));
  }
}
