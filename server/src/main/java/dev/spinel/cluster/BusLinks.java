package dev.spinel.cluster;

import dev.spinel.cluster.BusMessage.Header;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The links of the bus. Each pair of nodes has two: a node sends its PINGs, and everything else
/// that it has to say, over the one that it has dialled; over the one that it has accepted it only
/// answers.
///
/// ```
///   tick ──► no link? ──Dial──► Connected ──► PING (MEET, if it is to take us up) … PONG
///              ▲                                 │ ended, too much waits, silence
///              └─────────────────────────────────┘
/// ```
///
/// What is published while a node is being dialled waits for the link: the sender can't see whether
/// it stands yet.
///
/// A message counts for the node whose id it carries. A node that answers where another one was
/// expected is no news of that one: see [#received].
///
/// Belongs to the machine's thread.
final class BusLinks {
  /// Six nodes that start at once on a small machine are slow at first.
  private static final long HANDSHAKE_LEAST_MILLIS = 5000;

  private static final long REDIAL_MILLIS = 100;
  private static final int ACCEPTED_MAX = 10_000;

  /// So many bytes of messages wait for a link that is being dialled; the rest is lost.
  private static final long PUBLISHED_MAX = 1 << 20;

  /// A link, from the moment that it is dialled or accepted.
  static final class BusLink {
    final long id;
    final boolean inbound;
    final long since;
    final long sinceWall;
    @Nullable ClusterNode node;
    String remote = "";
    int remotePort;
    String local = "";
    int localPort;

    /// Dialled to find out who is there. See [Rejoining].
    boolean probes;

    private final List<ClusterEvent.Publish> published = new ArrayList<>(); // until it stands
    private long publishedBytes;

    BusLink(long id, boolean inbound, long since, long sinceWall) {
      this.id = id;
      this.inbound = inbound;
      this.since = since;
      this.sinceWall = sinceWall;
    }
  }

  private final ClusterMachine machine;
  private final Map<Long, BusLink> open = new HashMap<>();
  private final long[] sent = new long[BusType.values().length];
  private final long[] received = new long[BusType.values().length];
  private long lastId;
  private int accepted;
  private int overflows;
  private boolean silent;

  BusLinks(ClusterMachine machine) {
    this.machine = machine;
  }

  /// Messages so far, by type.
  ///
  /// @param overflows links that were ended since too much waited on them
  record Counts(long[] sent, long[] received, int overflows) {}

  Counts counts() {
    return new Counts(sent.clone(), received.clone(), overflows);
  }

  @Nullable BusLink get(long link) {
    return open.get(link);
  }

  /// From now on nothing is said, or something is again.
  void silence(boolean isSilent) {
    silent = isSilent;
  }

  boolean isSilent() {
    return silent || machine.health().awaitsTakeover();
  }

  // ── sending ──

  void send(long link, BusMessage message) {
    if (link != 0 && open.containsKey(link) && !isSilent()) {
      sent[message.header().type().ordinal()]++;
      machine.act(new ClusterAction.Send(link, message));
    }
  }

  /// Over the link that was dialled, if it stands.
  void send(ClusterNode node, BusMessage message) {
    if (node.linkStands) {
      send(node.link, message);
    }
  }

  /// Over the link that was dialled, as soon as it stands. Lost if nobody has dialled yet, or if
  /// that comes to nothing.
  ///
  /// @param message what `event` is now; one that waits says what this node is then
  void publish(ClusterNode node, ClusterEvent.Publish event, BusMessage message) {
    BusLink link = open.get(node.link);
    if (link == null) {
      return;
    }
    if (node.linkStands) {
      send(link.id, message);
      return;
    }
    long bytes = BusCodec.HEADER_BYTES + event.channel().length + event.message().length;
    if (link.publishedBytes + bytes <= PUBLISHED_MAX) {
      link.published.add(event);
      link.publishedBytes += bytes;
    }
  }

  void broadcast(BusMessage message) {
    for (ClusterNode node : machine.nodes().all()) {
      if (!node.isMyself() && !node.isHandshake()) {
        send(node, message);
      }
    }
  }

  // ── connecting ──

  void tick() {
    long now = machine.now();
    long handshakeMillis = Math.max(HANDSHAKE_LEAST_MILLIS, machine.policy().nodeTimeoutMillis());
    List<ClusterNode> late = null;
    for (ClusterNode node : machine.nodes().all()) {
      if (node.isMyself()) {
        continue;
      }
      if (node.isHandshake() && now - node.created > handshakeMillis) {
        late = late == null ? new ArrayList<>() : late;
        late.add(node);
        continue;
      }
      limit(node);
      if (node.link != 0 && !node.linkStands && now - node.linkSince > handshakeMillis) {
        close(node.link, "nobody answers");
        unanswered(node);
      }
      if (node.link == 0
          && !node.is(NodeFlags.NOADDR)
          && !node.ip.isEmpty()
          && now - node.linkSince >= REDIAL_MILLIS) {
        dial(node);
      }
    }
    if (late != null) {
      late.forEach(machine.nodes()::remove);
    }
  }

  /// Ends links on which too much waits.
  private void limit(ClusterNode node) {
    long most = machine.policy().linkBytesMax();
    if (most == 0) {
      return;
    }
    for (long link : new long[] {node.link, node.inbound}) {
      long waiting = link == 0 ? 0 : machine.world().unsentBytes(link);
      if (waiting > most) {
        machine.warning(
            "Freeing cluster link("
                + (link == node.inbound ? "from" : "to")
                + " node "
                + node.id
                + ", used memory: "
                + waiting
                + ") due to exceeding send buffer memory limit.");
        overflows++;
        close(link, "too much waits");
      }
    }
  }

  /// A node that has no link yet.
  void dial(ClusterNode node) {
    BusLink link = dial(node.ip, node.busPort);
    link.node = node;
    node.link = link.id;
    node.linkSince = machine.now();
    node.linkStands = false;
  }

  /// Dials without knowing who is there.
  BusLink dial(String host, int busPort) {
    BusLink link = new BusLink(++lastId, false, machine.now(), machine.wall());
    link.remote = host;
    link.remotePort = busPort;
    open.put(link.id, link);
    machine.act(new ClusterAction.Dial(link.id, host, busPort));
    return link;
  }

  void connected(ClusterEvent.Connected event) {
    BusLink link = open.get(event.link());
    if (link == null) {
      return;
    }
    link.remote = event.remote();
    link.local = event.local();
    link.localPort = event.localPort();
    ClusterNode node = link.node;
    if (node == null) {
      machine.rejoining().connected(link);
      return;
    }
    node.linkStands = true;
    machine.heartbeats().greet(node);
    for (ClusterEvent.Publish waiting : link.published) {
      send(link.id, machine.heartbeats().published(waiting));
    }
    link.published.clear();
  }

  void accepted(ClusterEvent.Accepted event) {
    if (accepted >= ACCEPTED_MAX) {
      machine.act(new ClusterAction.Close(event.link(), "too many links"));
      return;
    }
    BusLink link = new BusLink(event.link(), true, machine.now(), machine.wall());
    link.remote = event.remote();
    link.remotePort = event.remotePort();
    link.local = event.local();
    open.put(link.id, link);
    accepted++;
    machine.verbose(
        "Accepting cluster node connection from " + link.remote + ":" + link.remotePort);
  }

  // ── ending ──

  void ended(long id, String reason) {
    BusLink link = open.get(id);
    if (link == null) {
      return;
    }
    ClusterNode node = link.node;
    boolean stood = node != null && node.link == id && node.linkStands;
    detach(link);
    if (node == null || link.inbound) {
      machine.rejoining().ended(link);
      return;
    }
    if (!stood) {
      machine.verbose(
          "Connection with Node "
              + node.id
              + " at "
              + node.ip
              + ":"
              + node.busPort
              + " failed: "
              + reason);
    }
    unanswered(node);
    if (node == machine.myself().primary && stood) {
      machine.elections().primaryLinkLost();
    }
  }

  /// From now on it counts as silent.
  private void unanswered(ClusterNode node) {
    if (!node.isHandshake() && node.pingSent == 0) {
      node.pingSent = machine.now();
    }
  }

  void close(long id, String reason) {
    BusLink link = open.get(id);
    if (link != null) {
      detach(link);
      machine.act(new ClusterAction.Close(id, reason));
    }
  }

  void closeAll(ClusterNode node, String reason) {
    close(node.link, reason);
    close(node.inbound, reason);
  }

  private void detach(BusLink link) {
    open.remove(link.id);
    if (link.inbound) {
      accepted--;
    }
    ClusterNode node = link.node;
    if (node != null) {
      if (node.link == link.id) {
        node.link = 0;
        node.linkStands = false;
        if (node.unreachableSince == 0) {
          node.unreachableSince = machine.now();
        }
      } else if (node.inbound == link.id) {
        node.inbound = 0;
      }
    }
  }

  /// What comes over an accepted link is this node's. An earlier one of its is out of date.
  private void bind(BusLink link, ClusterNode node) {
    BusLink before = open.get(node.inbound);
    if (before != null) {
      machine.rejoining().replaced(node, before, link);
      close(before.id, "replaced by a newer link");
    }
    node.inbound = link.id;
    node.inboundSince = link.since;
    link.node = node;
  }

  // ── receiving ──

  void unusable(long id, String words) {
    BusLink link = open.get(id);
    if (link != null) {
      machine.warning(words);
    }
  }

  /// A message. Before any of its fields is used it is known whose it is.
  void received(long id, BusMessage message) {
    BusLink link = open.get(id);
    if (link == null) {
      return;
    }
    received[message.header().type().ordinal()]++;
    String sender = message.header().sender();
    ClusterNode known = NodesFile.isId(sender) ? machine.nodes().get(sender) : null;
    if (known == machine.myself()) {
      metMyself(link, message.header());
      return;
    }
    if (known != null && known.isHandshake()) {
      known = null; // that is a random name, and no id of anybody's
    }
    ClusterNode node = link.node;
    if (link.probes) {
      machine.rejoining().answered(link, known, message);
      return;
    }
    if (node != null && !node.isHandshake() && node != known) {
      mismatch(link, node, known, message.header());
      return;
    }
    if (known != null && machine.rejoining().isTwin(link, known, message.header())) {
      close(link.id, "it runs on a copy of another node's files");
      return;
    }
    if (node == null && known != null) {
      bind(link, known);
    }
    machine.heartbeats().received(link, known, message);
  }

  /// Another node answers than the one that this link belongs to.
  private void mismatch(
      BusLink link, ClusterNode expected, @Nullable ClusterNode known, Header header) {
    if (link.inbound) {
      close(link.id, "another node speaks");
      return;
    }
    machine.log(
        ClusterAction.Level.DEBUG,
        "PONG contains mismatching sender ID. About node "
            + expected.id
            + " added "
            + (machine.now() - expected.created)
            + " ms ago, having flags "
            + expected.flags);
    machine.rejoining().lost(expected);
    expected.set(NodeFlags.NOADDR);
    expected.ip = "";
    expected.port = 0;
    expected.otherPort = 0;
    expected.busPort = 0;
    close(link.id, "another node answers");
    if (known != null && !known.linkStands) {
      machine.rejoining().foundAt(known, link.remote, header);
    }
    machine.save();
  }

  /// This node's own id: it has dialled itself, or somebody runs on a copy of its files.
  private void metMyself(BusLink link, Header header) {
    ClusterNode node = link.node;
    if (link.inbound) {
      machine.rejoining().calledByMyself(link, header, hasDialled(link));
      close(link.id, "this node's own id");
    } else if (node == null) {
      machine.rejoining().isMine(link);
      close(link.id, "this node's own id");
    } else if (node.isHandshake()) {
      machine.nodes().remove(node);
    } else {
      mismatch(link, node, null, header);
    }
  }

  /// Whether an accepted link is one that this node has dialled itself.
  private boolean hasDialled(BusLink accepted) {
    for (BusLink link : open.values()) {
      if (!link.inbound
          && link.localPort == accepted.remotePort
          && link.local.equals(accepted.remote)) {
        return true;
      }
    }
    return false;
  }

  /// The links of known nodes, both ways.
  List<BusLink> ofNodes() {
    List<BusLink> links = new ArrayList<>();
    for (ClusterNode node : machine.nodes().all()) {
      for (long id : new long[] {node.link, node.inbound}) {
        BusLink link = open.get(id);
        if (link != null) {
          links.add(link);
        }
      }
    }
    return links;
  }
}
