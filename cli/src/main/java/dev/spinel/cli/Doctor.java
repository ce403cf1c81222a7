package dev.spinel.cli;

import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.NodeLine;
import dev.spinel.wire.RespValue;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Looks for what is wrong with a cluster, or will go wrong, and names the cause and what helps.
final class Doctor {
  /// What was found.
  ///
  /// @param grave the cluster doesn't serve all, or would lose data or a shard
  record Finding(boolean grave, String problem, String remedy) {}

  private static final int UNEVEN_PERCENT = 10;

  private final ClusterView view;
  private final List<Finding> findings = new ArrayList<>();
  private final Map<Peer, String> info = new HashMap<>();

  Doctor(ClusterView view) {
    this.view = view;
  }

  List<Finding> findings() {
    for (Peer p : view.peers) {
      String text = Peer.textOf(p.ask("INFO"));
      if (text != null) info.put(p, text);
    }
    nodes();
    slots();
    openSlots();
    for (Peer p : view.peers) {
      if (p.node.isReplica()) replica(p);
      else primary(p);
    }
    evenness();
    addresses();
    folders();
    return findings;
  }

  private void grave(String problem, String remedy) {
    findings.add(new Finding(true, problem, remedy));
  }

  private void minor(String problem, String remedy) {
    findings.add(new Finding(false, problem, remedy));
  }

  private static String name(Peer p) {
    return p.node.address();
  }

  // ── nodes that others speak of ──

  private void nodes() {
    Peer first = view.peers.getFirst();
    String text = Peer.textOf(first.ask("CLUSTER", "NODES"));
    List<NodeLine> lines = text == null ? null : NodeLine.parse(text);
    if (lines == null) return;
    for (NodeLine line : lines) {
      if (view.byId(line.id()) != null) continue;
      String who = (line.has("slave") ? "replica " : "primary ") + line.place();
      int port = line.port();
      if (line.has("noaddr") || port == 0) {
        grave(
            "nobody knows where " + line.id() + " is",
            "spinel cluster fix HOST:PORT, with its present address; or CLUSTER FORGET if it is"
                + " gone");
      } else if (answersAsAnother(line)) {
        grave(
            who + " isn't at its address: another node answers there",
            "its address has moved: spinel cluster fix, with the new one if no node knows it");
      } else {
        grave(
            who + " can't be reached",
            "start it; if its address has changed, spinel cluster fix with the new one; if it is"
                + " gone for good, "
                + (line.slots().isEmpty()
                    ? "spinel cluster shrink " + line.place() + " takes it out"
                    : "CLUSTER FORGET " + line.id() + " at all nodes"));
      }
    }
  }

  private boolean answersAsAnother(NodeLine line) {
    Peer there = view.peer(line.host(), line.port());
    if (!there.connectQuietly()) return false;
    RespValue id = there.ask("CLUSTER", "MYID");
    there.close();
    return id instanceof RespValue.Bulk && !line.id().equals(id.text());
  }

  // ── slots ──

  private void slots() {
    BitSet served = new BitSet();
    for (Peer p : view.primaries()) served.or(p.node.slots);
    int missing = ManagedNode.SLOTS - served.cardinality();
    if (missing > 0) {
      BitSet unserved = new BitSet();
      unserved.set(0, ManagedNode.SLOTS);
      unserved.andNot(served);
      boolean lost = findings.isEmpty();
      grave(
          missing + " slots have no owner that can be reached: " + ManagedNode.rangesOf(unserved),
          lost
              ? "spinel cluster fix gives them to nodes (without the keys that were in them)"
              : "bring back the nodes above first: their slots and keys come back with them");
    }
    if (!view.agrees()) {
      grave(
          "nodes don't agree about who has which slots",
          "wait some seconds and look again; a node that can't hear others disagrees: its bus port"
              + " (port + 10000) must be reachable from all");
    }
  }

  private void openSlots() {
    Set<Integer> seen = new HashSet<>();
    for (Peer p : view.peers) {
      p.node.migrating.forEach(
          (slot, to) -> {
            seen.add(slot);
            if (!p.node.slots.get(slot)) {
              minor(
                  "slot " + slot + " is on its way from " + name(p) + ", which doesn't have it",
                  "spinel cluster resume (or fix) gives what that node has of it to the owner");
              return;
            }
            Peer target = view.byId(to);
            boolean both = target != null && target.node.importing.containsKey(slot);
            minor(
                "slot "
                    + slot
                    + " is on its way from "
                    + name(p)
                    + (target == null ? " to an unknown node" : " to " + name(target))
                    + (both ? "" : ", and that node doesn't import it"),
                "spinel cluster resume (or fix) finishes it");
          });
    }
    for (Peer p : view.peers) {
      p.node.importing.forEach(
          (slot, from) -> {
            if (!seen.add(slot)) return;
            minor(
                "slot " + slot + " is imported by " + name(p) + ", and nobody migrates it",
                "spinel cluster resume (or fix) finishes it");
          });
    }
  }

  private void evenness() {
    int most = 0;
    int least = ManagedNode.SLOTS;
    for (Peer p : view.primaries()) {
      if (p.node.slots.isEmpty()) continue;
      most = Math.max(most, p.node.slots.cardinality());
      least = Math.min(least, p.node.slots.cardinality());
    }
    if (most - least > most * UNEVEN_PERCENT / 100) {
      minor(
          "slots are uneven: one primary has " + most + ", another " + least,
          "spinel cluster balance");
    }
  }

  // ── primaries and replicas ──

  private void primary(Peer p) {
    if (p.node.slots.isEmpty()) {
      minor(
          "primary " + name(p) + " has no slots",
          "spinel cluster balance gives it some; spinel cluster shrink "
              + name(p)
              + " takes it out");
    } else if (p.node.replicas == 0) {
      grave(
          "primary " + name(p) + " has no replica: if it fails, its slots are out of service",
          "spinel cluster add-node NEW --replica-of " + name(p));
    }
    for (Peer r : view.peers) {
      if (p.node.id.equals(r.node.primaryId) && isOnOneHost(p, r)) {
        minor(
            "primary " + name(p) + " and its replica " + name(r) + " are on one host",
            "a replica belongs on another host than its primary");
      }
    }
    String password = setting(p, "requirepass");
    String login = setting(p, "masterauth");
    if (password != null && !password.isEmpty() && login != null && login.isEmpty()) {
      grave(
          "primary "
              + name(p)
              + " wants a password and has no masterauth: once it is a replica it"
              + " can't follow anybody",
          "CONFIG SET masterauth PASSWORD there, and CONFIG REWRITE");
    }
  }

  /// Loopback says nothing: all is on one host then, and that is how it was meant.
  private boolean isOnOneHost(Peer one, Peer other) {
    return one.node.host.equals(other.node.host) && hosts() > 1;
  }

  private int hosts() {
    Set<String> hosts = new HashSet<>();
    for (Peer p : view.peers) hosts.add(p.node.host);
    return hosts.size();
  }

  private void replica(Peer p) {
    String text = info.get(p);
    if (text == null || !"down".equals(Info.field(text, "master_link_status"))) return;
    String primaryId = p.node.primaryId;
    Peer primary = primaryId == null ? null : view.byId(primaryId);
    boolean never = Info.number(text, "master_link_down_since_seconds") < 0;
    String what =
        "replica "
            + name(p)
            + (never ? " has never had its primary's data" : " doesn't follow its primary");
    String password = primary == null ? null : setting(primary, "requirepass");
    String login = setting(p, "masterauth");
    if (primary == null) {
      grave(what + ", which can't be reached", "bring back the primary, or promote the replica");
    } else if (password != null && !password.isEmpty() && !password.equals(login)) {
      grave(
          what
              + ": "
              + (login == null || login.isEmpty()
                  ? "its masterauth is empty, and the primary wants a password"
                  : "its masterauth isn't the primary's password"),
          "CONFIG SET masterauth PASSWORD at " + name(p) + ", and CONFIG REWRITE");
    } else {
      grave(what + ", " + name(primary), "the log of " + name(p) + " says why its link is down");
    }
  }

  private static @Nullable String setting(Peer p, String name) {
    RespValue reply = p.ask("CONFIG", "GET", name);
    if (reply == null || reply.isError() || reply.elements().size() < 2) return null;
    return reply.elements().get(1).text();
  }

  // ── addresses and folders ──

  private void addresses() {
    int loopback = 0;
    for (Peer p : view.peers) if (isLoopback(p.node.host)) loopback++;
    if (loopback > 0 && loopback < view.peers.size()) {
      for (Peer p : view.peers) {
        if (!isLoopback(p.node.host)) continue;
        grave(
            name(p) + " is known by a loopback address: other hosts can't reach it",
            "set cluster-announce-ip there, or CLUSTER MEET it by its real address");
      }
    }
    for (Peer p : view.peers) {
      String text = Peer.textOf(p.ask("CLUSTER", "NODES"));
      List<NodeLine> lines = text == null ? null : NodeLine.parse(text);
      if (lines == null) continue;
      for (NodeLine line : lines) {
        Peer known = view.byId(line.id());
        if (known == null || line.isMyself() || line.port() == 0) continue;
        if (!line.place().equals(name(known)) && !isLoopback(known.node.host)) {
          minor(
              name(p) + " knows " + name(known) + " as " + line.place(),
              "its address may have moved: spinel cluster fix");
        }
      }
    }
  }

  private static boolean isLoopback(String host) {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }

  private void folders() {
    Map<String, Peer> seen = new HashMap<>();
    for (Peer p : view.peers) {
      String folder = setting(p, "dir");
      String file = setting(p, "dbfilename");
      if (folder == null || file == null) continue;
      Peer other = seen.putIfAbsent(p.node.host + " " + folder + "/" + file, p);
      if (other != null) {
        grave(
            name(p) + " and " + name(other) + " save to one file, " + folder + "/" + file,
            "give each node a folder, or a dbfilename, of its own");
      }
    }
  }
}
