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
import java.util.Objects;
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
    Set<String> seen = new HashSet<>();
    for (Peer p : view.peers) {
      for (NodeLine line : p.lines()) {
        boolean isMet = line.has("handshake"); // its id is made up until it has answered
        if (!seen.add(isMet ? line.place() : line.id())) continue;
        if (isMet) met(p, line);
        else if (view.byId(line.id()) == null) missing(p, line);
      }
    }
  }

  private void met(Peer by, NodeLine line) {
    minor(
        name(by)
            + " has been told of "
            + line.place()
            + ", and isn't answered yet on its bus port, "
            + busPort(line),
        "look again in some seconds; if it stays so, that port must be reachable from all nodes");
  }

  private static int busPort(NodeLine line) {
    return ManagedNode.of(line).busPort;
  }

  private void missing(Peer by, NodeLine line) {
    String who = (line.has("slave") ? "replica " : "primary ") + line.place();
    String forget = "CLUSTER FORGET " + line.id() + " at all nodes";
    String takesSlots =
        line.slots().isEmpty() ? "" : ", and then spinel cluster fix gives its slots away, empty";
    if (line.has("noaddr") || line.port() == 0) {
      grave(
          "nobody knows where "
              + (line.has("slave") ? "replica " : "primary ")
              + line.id()
              + " is"
              + (line.slots().isEmpty()
                  ? ""
                  : ", which has " + line.slots().cardinality() + " slots"),
          "spinel cluster fix HOST:PORT, with its present address; if it runs with a new id it has"
              + " lost its nodes.conf: give it that file back; if it is gone for good, "
              + forget
              + takesSlots);
      return;
    }
    Peer there = view.peer(line.host(), line.port());
    boolean isLoggedIn = there.connectQuietly();
    boolean isThere = there.isConnected();
    RespValue id = isLoggedIn ? there.ask("CLUSTER", "MYID") : null;
    String error = Objects.requireNonNullElse(Peer.errorOf(id), "");
    List<NodeLine> known = isLoggedIn ? there.lines() : List.of();
    there.close();
    if (!isThere) {
      grave(
          who + " can't be reached",
          "start it; if its address has changed, spinel cluster fix with the new one; if it is"
              + " gone for good, "
              + (line.slots().isEmpty()
                  ? "spinel cluster shrink " + line.place() + " takes it out"
                  : forget + takesSlots));
    } else if (!isLoggedIn || error.startsWith("NOAUTH") || error.startsWith("NOPERM")) {
      grave(
          who + " answers, and doesn't take the user and password that were given",
          "requirepass, or the user, must be the same at all nodes");
    } else if (error.contains("cluster support disabled")) {
      grave(
          who + " isn't at its address: a server answers there that is no node of a cluster",
          "start the node with cluster-enabled yes and its nodes.conf; if its address has changed,"
              + " spinel cluster fix with the new one");
    } else if (!(id instanceof RespValue.Bulk answered)) {
      boolean isProtected = error.startsWith("DENIED");
      grave(
          who
              + " answers, and doesn't say who it is: "
              + (isProtected ? "it is in protected mode" : error.isEmpty() ? "nothing" : error),
          isProtected
              ? "give all nodes a password (requirepass and masterauth), or set protected-mode no"
              : "its log says more");
    } else if (line.id().equals(answered.text())) {
      grave(
          who + " answers clients, but " + name(by) + " has it down as failed",
          "look again in some seconds; if it stays so, its bus port ("
              + busPort(line)
              + ") must be reachable from all nodes");
    } else {
      Peer member = view.byId(String.valueOf(answered.text()));
      String place = who + " isn't at its address: another node answers there";
      if (member == null && known.size() == 1) {
        grave(
            place + ", which knows nobody",
            "if that is the same server, it has lost its nodes.conf: give it that file back; else"
                + " the address has moved, and spinel cluster fix takes the new one; or if it is"
                + " gone for good, "
                + forget
                + takesSlots);
      } else {
        grave(
            place
                + (member == null
                    ? ""
                    : ", " + member.node.id.substring(0, 8) + " of this cluster"),
            "its address has moved: spinel cluster fix, with the new one if no node knows it");
      }
    }
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
