package dev.spinel.cluster;

import dev.spinel.cluster.BusLinks.BusLink;
import dev.spinel.cluster.BusMessage.Header;
import dev.spinel.peer.Address;
import dev.spinel.peer.IpAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Where nodes are. They are known by their ids; their addresses may change while they are away,
/// all of them at once, and this node's, too.
///
/// ```
///   a node can't be reached ──► dial places: host names, seeds, each known address × bus port
///   PING ──► PONG of a stranger: none of our business
///            PONG of the node:   MEET (a stock node renews its own address only so),
///                                PING (it renews ours only so), and its address is known
/// ```
///
/// The id is looked at before anything else: an address says nothing. MEET is sent to known nodes
/// alone, since a MEET to a stranger would merge two clusters.
///
/// A new address of a primary isn't gossiped for a moment: a stock replica that learns it by gossip
/// doesn't point its replication there, but it does when the primary itself calls.
///
/// If something calls with a node's id from elsewhere while the node answers where it was, somebody
/// has copied a node's files: it is named, and not believed.
///
/// Belongs to the machine's thread.
final class Rejoining {
  private static final long ROUND_LEAST_MILLIS = 1000;
  private static final long ROUND_MOST_MILLIS = 5000;
  private static final int PROBES_MAX = 32;
  private static final int PLACES_MAX = 4096;
  private static final long SAY_AGAIN_MILLIS = 60_000;
  private static final int TURNS = 4;
  private static final long TURNS_MILLIS = 10_000;

  private final ClusterMachine machine;
  private final Map<Long, BusLink> probes = new HashMap<>();
  private final Set<Address> remembered = new LinkedHashSet<>();
  private final Set<Address> mine = new HashSet<>();
  private long roundMillis = ROUND_LEAST_MILLIS;
  private long nextRound;
  private int turn;
  private int missing;
  private boolean knowsOwnAddress;
  private boolean warnedOfLoopback;
  private long saidTwin = Long.MIN_VALUE / 2;

  Rejoining(ClusterMachine machine) {
    this.machine = machine;
  }

  void started() {
    knowsOwnAddress = machine.myself().ip.isEmpty();
    nextRound = machine.now() + ROUND_LEAST_MILLIS;
  }

  // ── this node's address ──

  /// Another node has reached this one here.
  void noteOwnAddress(BusLink link, BusType type) {
    ClusterNode myself = machine.myself();
    String here = link.local;
    boolean loopback = IpAddress.isLoopback(here);
    boolean wanted =
        type == BusType.MEET
            || myself.ip.isEmpty()
            || !knowsOwnAddress
            || IpAddress.isLoopback(myself.ip) && !loopback;
    if (!wanted || !link.inbound || here.isEmpty() || !machine.policy().announcedIp().isEmpty()) {
      return;
    }
    boolean isUsable = !loopback || myself.ip.isEmpty() || IpAddress.isLoopback(myself.ip);
    if (type != BusType.MEET && !isUsable) {
      return; // a neighbour on the same machine; others can't use that
    }
    knowsOwnAddress = true;
    if (here.equals(myself.ip)) {
      return;
    }
    myself.ip = here;
    machine.notice("IP address for this node updated to " + here);
    machine.save();
    if (loopback && !warnedOfLoopback && !machine.policy().isLocal()) {
      warnedOfLoopback = true;
      machine.warning(
          "The cluster knows this node by a loopback address now: nodes on other machines won't"
              + " reach it. Meet it by an address that all can reach, or set"
              + " cluster-announce-ip.");
    }
  }

  /// Something with this node's own id calls.
  void calledByMyself(BusLink link, Header header, boolean dialledByThisNode) {
    if (dialledByThisNode) {
      if (header.type() == BusType.MEET) {
        noteOwnAddress(link, BusType.MEET);
      }
    } else if (machine.now() - saidTwin > SAY_AGAIN_MILLIS) {
      saidTwin = machine.now();
      machine.warning(
          "Another node, at "
              + link.remote
              + " (bus port "
              + header.busPort()
              + "), has this node's id "
              + machine.myself().id
              + ": it runs on a copy of this node's files. It is refused.");
    }
  }

  /// A place that was dialled is this node.
  void isMine(BusLink link) {
    probes.remove(link.id);
    if (mine.size() < PLACES_MAX) {
      mine.add(new Address(link.remote, link.remotePort));
    }
  }

  // ── others' addresses ──

  static String announced(Header header) {
    return header.ip() + ":" + header.port() + "@" + header.busPort() + "," + header.otherPort();
  }

  /// A node calls, or answers, over this link.
  void noteAddress(ClusterNode node, BusLink link, Header header) {
    if (link.id == node.link) {
      return;
    }
    boolean answers = answers(node);
    String ip = header.ip();
    if (ip.isEmpty()) {
      ip = answers ? node.ip : link.remote; // it may call from another address of its own
    }
    if (isAt(node, ip, header.port(), header.otherPort(), header.busPort())) {
      node.twinSince = 0;
      return;
    }
    if (answers && !agrees(node, header)) {
      return; // the address that is known works: this one is a twin's
    }
    move(node, ip, header.port(), header.otherPort(), header.busPort());
    machine.notice(
        "Address updated for node " + node.named() + ", now " + node.ip + ":" + node.port);
  }

  private boolean answers(ClusterNode node) {
    return node.linkStands
        && node.answeredAt != 0
        && machine.now() - node.answeredAt <= machine.policy().nodeTimeoutMillis();
  }

  /// Whether what answers at the known address says the same of itself.
  private static boolean agrees(ClusterNode node, Header header) {
    return node.announced.equals(announced(header));
  }

  /// Whether a link is that of somebody who runs on a copy of a node's files, while the node
  /// answers where it was: either it announces other ports, and the node doesn't agree with that;
  /// or two links, from two hosts, take turns. A node that has just been told to announce something
  /// else agrees as soon as it is asked.
  boolean isTwin(BusLink link, ClusterNode node, Header header) {
    if (!link.inbound || !answers(node)) {
      return false;
    }
    boolean twin = false;
    if (!agrees(node, header)) {
      if (node.twinSince == 0) {
        node.twinSince = machine.now();
        machine.heartbeats().ping(node);
      }
      twin = node.answeredAt > node.twinSince;
    } else if (header.ip().isEmpty() && !link.remote.equals(node.ip)) {
      twin = node.turns >= TURNS && machine.now() - node.turnsSince < TURNS_MILLIS;
    } else {
      node.twinSince = 0;
    }
    if (twin && machine.now() - saidTwin > SAY_AGAIN_MILLIS) {
      saidTwin = machine.now();
      machine.warning(
          "Node "
              + node.named()
              + " answers at "
              + node.ip
              + ":"
              + node.port
              + ", and something with its id calls from "
              + link.remote
              + " (port "
              + header.port()
              + "): one of them runs on a copy of the other's files. The latter is refused.");
    }
    return twin;
  }

  /// A link of this node takes the place of another one.
  void replaced(ClusterNode node, BusLink before, BusLink link) {
    long now = machine.now();
    if (!before.remote.equals(link.remote)) {
      if (now - node.turnsSince > TURNS_MILLIS) {
        node.turns = 0;
      }
      if (node.turns == 0) {
        node.turnsSince = now;
      }
      node.turns++;
    }
  }

  private static boolean isAt(ClusterNode node, String ip, int port, int otherPort, int busPort) {
    return node.ip.equals(ip)
        && node.port == port
        && node.otherPort == otherPort
        && node.busPort == busPort;
  }

  /// Gossip says that it is elsewhere, and it can't be reached where it was. What was found out
  /// more recently counts more.
  void moved(ClusterNode node, String ip, int port, int otherPort, int busPort) {
    if (node.addressChanged == 0
        || machine.now() - node.addressChanged > machine.policy().nodeTimeoutMillis()) {
      move(node, ip, port, otherPort, busPort);
    }
  }

  private void move(ClusterNode node, String ip, int port, int otherPort, int busPort) {
    lost(node);
    node.ip = ip;
    node.port = port;
    node.otherPort = otherPort;
    node.busPort = busPort;
    node.clear(NodeFlags.NOADDR);
    node.addressChanged = machine.now();
    node.twinSince = 0;
    node.linkSince = 0; // dialled at once
    machine.news().moved(node);
    machine.links().close(node.link, "its address has changed");
    if (node == machine.myself().primary) {
      machine.followPrimary();
    }
    machine.save();
    machine.health().lookAgain();
  }

  /// Its address is of no use any more, but another node may be there.
  void lost(ClusterNode node) {
    if (!node.ip.isEmpty() && node.busPort != 0 && remembered.size() < PLACES_MAX) {
      remembered.add(new Address(node.ip, node.busPort));
    }
  }

  /// A known node has answered here.
  void foundAt(ClusterNode node, String remote, Header header) {
    String ip = header.ip().isEmpty() ? remote : header.ip();
    if (!isAt(node, ip, header.port(), header.otherPort(), header.busPort())) {
      move(node, ip, header.port(), header.otherPort(), header.busPort());
      machine.notice(
          "Address updated for node " + node.named() + ", now " + node.ip + ":" + node.port);
    }
  }

  /// Whether others aren't told of this node yet.
  boolean holdsBack(ClusterNode node) {
    return node.addressChanged != 0
        && !node.replicas.isEmpty()
        && machine.now() - node.addressChanged
            < Math.min(5000, machine.policy().nodeTimeoutMillis());
  }

  // ── searching ──

  private boolean isMissing(ClusterNode node) {
    long patience = Math.max(1000, machine.policy().nodeTimeoutMillis() / 4);
    return !node.is(NodeFlags.MYSELF | NodeFlags.HANDSHAKE)
        && !node.linkStands
        && (node.is(NodeFlags.NOADDR)
            || node.unreachableSince != 0 && machine.now() - node.unreachableSince > patience);
  }

  void tick() {
    endLateProbes();
    int count = 0;
    for (ClusterNode node : machine.nodes().all()) {
      if (isMissing(node)) {
        count++;
      }
    }
    if (count > missing) {
      roundMillis = ROUND_LEAST_MILLIS;
      nextRound = Math.min(nextRound, machine.now() + ROUND_LEAST_MILLIS);
    }
    missing = count;
    if (count > 0 && machine.now() >= nextRound && !machine.links().isSilent()) {
      nextRound = machine.now() + roundMillis;
      roundMillis = Math.min(ROUND_MOST_MILLIS, roundMillis * 2);
      search();
    }
  }

  private void endLateProbes() {
    long most = Math.max(1000, machine.policy().nodeTimeoutMillis());
    for (BusLink probe : List.copyOf(probes.values())) {
      if (machine.now() - probe.since > most) {
        probes.remove(probe.id);
        machine.links().close(probe.id, "nobody of this cluster is there");
      }
    }
  }

  private void search() {
    List<Address> places = places();
    for (int i = 0; i < places.size() && probes.size() < PROBES_MAX; i++) {
      Address place = places.get(turn++ % places.size());
      if (!isProbed(place)) {
        BusLink probe = machine.links().dial(place.host(), place.port());
        probe.probes = true;
        probes.put(probe.id, probe);
      }
    }
  }

  private boolean isProbed(Address place) {
    for (BusLink probe : probes.values()) {
      if (probe.remote.equals(place.host()) && probe.remotePort == place.port()) {
        return true;
      }
    }
    return false;
  }

  /// Where a missing node may be: in a fixed order, without the places where nodes are known to be.
  private List<Address> places() {
    Set<Address> places = new LinkedHashSet<>();
    Set<Integer> ports = new LinkedHashSet<>();
    Set<String> hosts = new LinkedHashSet<>();
    Set<Address> taken = new HashSet<>(mine);
    for (ClusterNode node : machine.nodes().all()) {
      if (node.busPort != 0) {
        ports.add(node.busPort);
      }
      if (!node.ip.isEmpty()) {
        hosts.add(node.ip);
      }
      if (node.linkStands || node.isMyself()) {
        taken.add(new Address(node.ip, node.busPort));
      }
      if (isMissing(node) && !node.hostname.isEmpty()) {
        int port = node.busPort == 0 ? machine.policy().busPort() : node.busPort;
        places.add(new Address(node.hostname, port));
      }
    }
    places.addAll(machine.policy().seeds());
    for (Address place : remembered) {
      places.add(place);
      hosts.add(place.host());
      ports.add(place.port());
    }
    for (String host : hosts) {
      for (int port : ports) {
        if (places.size() < PLACES_MAX) {
          places.add(new Address(host, port));
        }
      }
    }
    places.removeAll(taken);
    return new ArrayList<>(places);
  }

  void connected(BusLink link) {
    if (link.probes) {
      machine.heartbeats().pingOver(link, BusType.PING);
    }
  }

  /// Somebody answers where a missing node was looked for.
  void answered(BusLink link, @Nullable ClusterNode known, BusMessage message) {
    if (message.header().type() != BusType.PONG || link.node != null) {
      return;
    }
    if (known == null || !isMissing(known)) {
      if (probes.remove(link.id) != null) {
        machine.links().close(link.id, "nobody who is missing is there");
      }
      return;
    }
    machine.heartbeats().pingOver(link, BusType.MEET);
    machine.heartbeats().pingOver(link, BusType.PING);
    known.unreachableSince = machine.now();
    known.clear(NodeFlags.NOADDR);
    foundAt(known, link.remote, message.header());
  }

  void ended(BusLink link) {
    probes.remove(link.id);
  }
}
