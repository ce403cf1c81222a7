package dev.spinel.cli;

import dev.spinel.cli.cluster.HostPort;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.NodeLine;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The nodes of a cluster that can be reached, each with what it says of itself.
final class ClusterView {
  private static final int JOIN_CHECKS = 20;

  private final ClusterLog log;
  private final Options options;
  final List<Peer> peers = new ArrayList<>();

  /// Problems that were found and shown.
  final List<String> errors = new ArrayList<>();

  int unreachablePrimaries;

  ClusterView(ClusterLog log, Options options) {
    this.log = log;
    this.options = options;
  }

  Peer peer(String host, int port) {
    return new Peer(new ManagedNode(host, port), log, options);
  }

  List<ManagedNode> nodes() {
    List<ManagedNode> nodes = new ArrayList<>();
    for (Peer p : peers) nodes.add(p.node);
    return nodes;
  }

  List<Peer> primaries() {
    List<Peer> primaries = new ArrayList<>();
    for (Peer p : peers) if (!p.node.isReplica()) primaries.add(p);
    return primaries;
  }

  @Nullable Peer byId(String id) {
    return of(ManagedNode.byId(nodes(), id, false));
  }

  @Nullable Peer of(@Nullable ManagedNode node) {
    for (Peer p : peers) if (p.node == node) return p;
    return null;
  }

  /// The primary with the fewest replicas; null if there is no primary.
  @Nullable Peer withFewestReplicas() {
    Peer best = null;
    for (Peer p : primaries()) if (best == null || p.node.replicas < best.node.replicas) best = p;
    return best;
  }

  void addError(String error) {
    errors.add(error);
    log.error(error + "\n");
  }

  // ── Asking ──

  /// Whether it is a node of a cluster; if not, that is shown.
  boolean isClusterNode(Peer peer) {
    RespValue info = peer.ask("INFO");
    String text = Peer.textOf(info);
    if (text != null && Info.number(text, "cluster_enabled") > 0) return true;
    String error = Peer.errorOf(info);
    log.error(
        "[ERR] Node "
            + peer.node.address()
            + " "
            + (error == null ? "is not configured as a cluster node." : error)
            + "\n");
    return false;
  }

  /// Whether it has no keys and knows nobody; if not, that is shown.
  boolean isEmpty(Peer peer) {
    RespValue reply = peer.ask("INFO");
    String info = Peer.textOf(reply);
    String error = Peer.errorOf(reply);
    if (info != null && !info.contains("db0:")) {
      reply = peer.ask("CLUSTER", "INFO");
      String cluster = Peer.textOf(reply);
      error = Peer.errorOf(reply);
      if (cluster != null && Info.number(cluster, "cluster_known_nodes") == 1) return true;
    }
    log.error(
        "[ERR] Node "
            + peer.node.address()
            + " "
            + (error != null
                ? error
                : "is not empty. Either the node already knows other nodes (check with CLUSTER"
                    + " NODES) or contains some key in database 0.")
            + "\n");
    return false;
  }

  /// What the node says of all nodes; null if it says nothing that can be used, which is shown if
  /// it is an error.
  private @Nullable List<NodeLine> lines(Peer peer, boolean quiet) {
    RespValue reply = peer.ask("CLUSTER", "NODES");
    String error = Peer.errorOf(reply);
    if (error != null && !quiet) peer.sayError(error);
    String text = Peer.textOf(reply);
    if (text == null) return null;
    List<NodeLine> lines = NodeLine.parse(text);
    if (lines == null) log.screen.errLine("Error: invalid CLUSTER NODES reply");
    return lines;
  }

  /// Asks a node about itself.
  boolean loadNode(Peer peer, boolean quiet) {
    List<NodeLine> lines = lines(peer, quiet);
    if (lines == null) return false;
    for (NodeLine line : lines) if (line.isMyself()) peer.node.describe(line);
    return true;
  }

  /// Asks one node for all nodes, and then each of them. False if the first can't be asked.
  boolean load(Peer first) {
    if (!first.isConnected() && !first.connect() || !isClusterNode(first)) return false;
    List<NodeLine> lines = lines(first, false);
    if (lines == null) return false;
    peers.clear();
    unreachablePrimaries = 0;
    peers.add(first);
    for (NodeLine line : lines) {
      if (line.isMyself()) {
        first.node.describe(line);
        continue;
      }
      Peer friend = new Peer(ManagedNode.of(line), log, options);
      if (isUsable(friend)) {
        peers.add(friend);
      } else {
        if (!friend.node.isReplica()) unreachablePrimaries++;
        friend.close();
      }
    }
    countReplicas();
    return true;
  }

  /// These are the nodes, each of which has been asked about itself.
  void take(Collection<Peer> nodes) {
    peers.clear();
    unreachablePrimaries = 0;
    peers.addAll(nodes);
    countReplicas();
  }

  private boolean isUsable(Peer friend) {
    if (friend.node.port == 0 || !friend.connect()) return false;
    if (!loadNode(friend, true)) {
      log.error("[ERR] Unable to load info for node " + friend.node.address() + "\n");
      return false;
    }
    return !friend.node.isUnusable();
  }

  private void countReplicas() {
    for (Peer p : peers) p.node.replicas = 0;
    for (Peer p : peers) {
      String primaryId = p.node.primaryId;
      if (primaryId == null) continue;
      Peer primary = byId(primaryId);
      if (primary != null) {
        primary.node.replicas++;
      } else {
        log.warning(
            "*** WARNING: "
                + p.node.address()
                + " claims to be slave of unknown node ID "
                + primaryId
                + ".\n");
      }
    }
  }

  // ── Agreement ──

  /// Whether all nodes say the same of who has which slots.
  boolean agrees() {
    if (peers.size() <= 1) return !peers.isEmpty();
    String first = null;
    for (Peer p : peers) {
      String text = Peer.textOf(p.ask("CLUSTER", "NODES"));
      List<NodeLine> lines = text == null ? null : NodeLine.parse(text);
      String signature = lines == null ? null : NodeLine.signature(lines);
      if (signature == null) return false;
      if (first == null) first = signature;
      else if (!first.equals(signature)) return false;
    }
    return true;
  }

  /// Waits until they do, for as long as that takes; now and then says who may be unreachable.
  void awaitAgreement() {
    log.plain("Waiting for the cluster to join\n");
    int most = JOIN_CHECKS + (int) (peers.size() * 0.15f);
    for (int checks = 0; !agrees(); ) {
      log.plain(".");
      log.screen.flush();
      Shell.pause(Sampler.SECOND_MICROS);
      if (++checks > most) {
        sayUnlinked();
        checks = 0;
      }
    }
    log.plain("\n");
  }

  private void sayUnlinked() {
    Map<String, List<String>> unlinked = new LinkedHashMap<>();
    for (Peer p : peers) {
      List<NodeLine> lines = lines(p, false);
      if (lines == null) continue;
      for (NodeLine line : lines) {
        if (!line.isUnlinked()) continue;
        unlinked.computeIfAbsent(line.address(), a -> new ArrayList<>()).add(p.node.address());
      }
    }
    if (unlinked.isEmpty()) return;
    log.plain("\n");
    log.error("Warning: " + unlinked.size() + " node(s) may be unreachable\n");
    unlinked.forEach(
        (address, from) -> {
          HostPort at = HostPort.parse(address);
          log.error(
              at != null && at.busPort() != 0
                  ? " - The port "
                      + at.busPort()
                      + " of node "
                      + at.host()
                      + " may be unreachable from:\n"
                  : " - Node " + address + " may be unreachable from:\n");
          for (String who : from) log.error("   " + who + "\n");
          log.error(
              "Cluster bus ports must be reachable by every node.\nRemember that cluster bus ports"
                  + " are different from standard instance ports.\n");
        });
  }

  // ── Showing ──

  void showNodes() {
    for (Peer p : peers) log.plain(p.node.description(0) + "\n");
  }

  /// A line for each primary with its keys, slots and replicas, and the sum.
  void showSummary() {
    int primaries = 0;
    int keys = 0;
    for (Peer p : primaries()) {
      int replicas = 0;
      for (Peer r : peers) {
        if (r != p && r.node.isReplica() && p.node.id.equals(r.node.primaryId)) replicas++;
      }
      RespValue reply = p.ask("DBSIZE");
      if (!(reply instanceof RespValue.Int n)) {
        String error = Peer.errorOf(reply);
        p.sayError(error == null ? "" : error);
        return;
      }
      log.plain(
          p.node.address()
              + " ("
              + p.node.id.substring(0, Math.min(8, p.node.id.length()))
              + "...) -> "
              + n.value()
              + " keys | "
              + p.node.slotCount
              + " slots | "
              + replicas
              + " slaves.\n");
      primaries++;
      keys += (int) n.value();
    }
    log.success("[OK] " + keys + " keys in " + primaries + " masters.\n");
    float each = keys / (float) ManagedNode.SLOTS;
    log.plain(Figures.fixed(each, 2) + " keys per slot on average.\n");
  }
}
