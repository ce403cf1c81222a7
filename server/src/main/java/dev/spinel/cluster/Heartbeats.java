package dev.spinel.cluster;

import dev.spinel.cluster.BusLinks.BusLink;
import dev.spinel.cluster.BusMessage.Extension;
import dev.spinel.cluster.BusMessage.Gossip;
import dev.spinel.cluster.BusMessage.Header;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// PING, PONG and MEET: what a node says of itself and, in gossip, of others; and what follows when
/// others say it.
///
/// A MEET makes the receiver take up a node that it doesn't know; a handshake then finds out its
/// id. Everybody else is learned by gossip, and only from nodes that are known. The slots, the
/// epochs and the role of a node are taken from its own headers alone.
///
/// What nobody is to wait for is told in heartbeats of its own: see [News].
///
/// Belongs to the machine's thread.
final class Heartbeats {
  private static final int GOSSIP_FUTURE_MILLIS = 500;
  private static final int GOSSIP_LEAST = 3;
  private static final int GOSSIP_MOST = 400;
  private static final long NEW_MILLIS = 2000;
  private static final int PING_NUMBERS = 1 << 15;
  private static final long RANDOM_PING_MILLIS = 1000;
  private static final int UNKNOWN_TYPES_MOST = 16;

  private final ClusterMachine machine;
  private long heartbeats;
  private int pingNumber;
  private long lastRandomPing;
  private final Set<Integer> unknownTypes = new HashSet<>(); // of extensions that were logged

  Heartbeats(ClusterMachine machine) {
    this.machine = machine;
  }

  // ── sending ──

  /// Once a second some node is asked, the one of a few that was silent for longest; each node is
  /// asked when nothing was heard of it for half the node timeout, and again when it hasn't
  /// answered for as long: one that was silent on purpose won't answer what it heard meanwhile
  /// ([ClusterEvent.Silenced]), though its link stands and it speaks. Voters ask each other that
  /// often whatever gossip says, as the lease hangs on it.
  void tick() {
    long now = machine.now();
    if (now - lastRandomPing >= RANDOM_PING_MILLIS) {
      lastRandomPing = now;
      ClusterNode oldest = null;
      for (int i = 0; i < 5; i++) {
        ClusterNode node = machine.nodes().any();
        if (node.linkStands
            && node.pingSent == 0
            && !node.isMyself()
            && !node.isHandshake()
            && (oldest == null || node.pongReceived < oldest.pongReceived)) {
          oldest = node;
        }
      }
      if (oldest != null) {
        ping(oldest);
      }
    }
    long gap = machine.policy().pingGapMillis();
    long patience = machine.policy().nodeTimeoutMillis() / 2;
    boolean votes = machine.myself().isVoter();
    long voterGap =
        machine.lease().stands()
            ? patience
            : Math.max(100, machine.policy().nodeTimeoutMillis() / 10);
    for (ClusterNode node : machine.nodes().all()) {
      if (node.linkStands
          && !node.isMyself()
          && !node.isHandshake()
          && ((node.pingSent == 0 ? now - node.pongReceived > gap : now - node.lastPing > patience)
              || votes && node.isVoter() && now - node.lastPing > voterGap)) {
        ping(node);
      }
    }
  }

  /// A link stands: this is the first thing that is said over it.
  void greet(ClusterNode node) {
    if (node.is(NodeFlags.MEET)) {
      sendPing(node, BusType.MEET, Naming.SOME);
      node.clear(NodeFlags.MEET);
    } else {
      sendPing(node, BusType.PING, Naming.ALL);
    }
  }

  void ping(ClusterNode node) {
    sendPing(node, BusType.PING, Naming.SOME);
  }

  /// Tells a node of all others.
  void introduce(ClusterNode node) {
    sendPing(node, BusType.PING, Naming.ALL);
  }

  /// Tells a node of these, before others.
  void tell(ClusterNode node, List<ClusterNode> names) {
    sendPing(node, BusType.PING, new Naming(names, GOSSIP_LEAST));
  }

  private void sendPing(ClusterNode node, BusType type, Naming naming) {
    if (!node.linkStands || machine.links().isSilent()) {
      return;
    }
    if (type == BusType.PING) {
      if (node.pingSent == 0) {
        node.pingSent = machine.now();
      }
      node.lastPing = machine.now();
    }
    pingNumber = pingNumber % (PING_NUMBERS - 1) + 1;
    machine.lease().pinged(node, pingNumber);
    machine.links().send(node, heartbeat(type, true, pingNumber, naming));
  }

  /// A PING over whatever link; nothing is expected of it.
  void pingOver(BusLink link, BusType type) {
    machine.links().send(link.id, heartbeat(type, true, 0, Naming.SOME));
  }

  /// A PONG that nobody has asked for: news. Primaries may not lean on it.
  void broadcastPong(boolean toShardOnly) {
    ClusterNode myself = machine.myself();
    for (ClusterNode node : machine.nodes().all()) {
      boolean ofShard =
          node.isReplica()
              && node.primary != null
              && (node.primary == myself || node.primary == myself.primary);
      if (node != myself && !node.isHandshake() && (!toShardOnly || ofShard)) {
        machine.links().send(node, heartbeat(BusType.PONG, true, 0, Naming.SOME));
      }
    }
  }

  void publish(ClusterEvent.Publish event) {
    List<ClusterNode> listeners =
        event.sharded() ? machine.nodes().ofShard(machine.myself().shard) : machine.nodes().all();
    BusMessage message = published(event);
    for (ClusterNode node : listeners) {
      if (!node.isMyself() && !node.isHandshake()) {
        machine.links().publish(node, event, message);
      }
    }
  }

  BusMessage published(ClusterEvent.Publish event) {
    Header header = machine.header(event.sharded() ? BusType.PUBLISHSHARD : BusType.PUBLISH);
    return new BusMessage.Publish(header, event.channel(), event.message());
  }

  /// Whom the gossip of a heartbeat names: these, and so many others, chosen by chance.
  private record Naming(List<ClusterNode> first, int least) {
    static final Naming SOME = new Naming(List.of(), GOSSIP_LEAST);
    static final Naming ALL = new Naming(List.of(), GOSSIP_MOST);
  }

  /// A heartbeat with those that it is to name, a tenth of the nodes that are known at least, and
  /// all that may have failed.
  private BusMessage heartbeat(BusType type, boolean withoutLease, int number, Naming naming) {
    heartbeats++;
    List<ClusterNode> all = machine.nodes().all();
    int fresh = all.size() - 2;
    int wanted = Math.min(fresh, Math.max(naming.least, all.size() / 10));
    List<Gossip> gossip = new ArrayList<>(Math.max(0, wanted) + naming.first.size());
    for (ClusterNode node : naming.first) {
      name(node, gossip);
    }
    int names = gossip.size() + wanted;
    if (all.size() <= naming.least) {
      for (ClusterNode node : all) {
        name(node, gossip);
      }
    } else {
      for (int i = wanted * 3; i > 0 && fresh > 0 && gossip.size() < names; i--) {
        if (name(machine.nodes().any(), gossip)) {
          fresh--;
        }
      }
    }
    if (machine.failures().suspected() > 0) {
      for (ClusterNode node : all) {
        if (node.mayHaveFailed() && !node.is(NodeFlags.HANDSHAKE | NodeFlags.NOADDR)) {
          gossip.add(gossip(node));
        }
      }
    }
    boolean noLease = type == BusType.PONG && withoutLease;
    Header header = machine.header(type, machine.currentEpoch(), false, noLease, number);
    return new BusMessage.Heartbeat(header, gossip, extensions());
  }

  /// Names a node, if it isn't named yet and others can use it. Returns whether it was its turn.
  private boolean name(ClusterNode node, List<Gossip> gossip) {
    if (node.isMyself() || node.mayHaveFailed() || node.gossipedIn == heartbeats) {
      return false;
    }
    node.gossipedIn = heartbeats;
    if (!node.is(NodeFlags.HANDSHAKE | NodeFlags.NOADDR)
        && (node.link != 0 || !node.slots.isEmpty() || isNew(node))
        && !machine.rejoining().holdsBack(node)) {
      gossip.add(gossip(node));
    }
    return true;
  }

  /// Whether it was met or heard of a moment ago, since this node was started.
  private boolean isNew(ClusterNode node) {
    return node.created != machine.started() && machine.now() - node.created < NEW_MILLIS;
  }

  /// The one before, if nothing has changed in it: as many nodes fail, each message names them all,
  /// and messages may wait.
  private Gossip gossip(ClusterNode node) {
    Gossip now =
        new Gossip(
            node.id,
            machine.onTheWall(node.pingSent) / 1000,
            machine.onTheWall(node.pongReceived) / 1000,
            node.ip,
            node.port,
            node.busPort,
            node.flags,
            node.otherPort);
    Gossip before = node.gossip;
    if (before != null && before.equals(now)) {
      return before;
    }
    node.gossip = now;
    return now;
  }

  private List<Extension> extensions() {
    ClusterNode myself = machine.myself();
    List<Extension> extensions = new ArrayList<>(2);
    if (!myself.hostname.isEmpty()) {
      extensions.add(new BusMessage.Hostname(myself.hostname));
    }
    if (!myself.humanName.isEmpty()) {
      extensions.add(new BusMessage.HumanName(myself.humanName));
    }
    machine
        .nodes()
        .forgotten()
        .forEach((id, seconds) -> extensions.add(new BusMessage.Forgotten(id, seconds)));
    extensions.add(new BusMessage.Shard(myself.shard));
    return extensions;
  }

  // ── receiving ──

  /// @param sender if its id is known
  void received(BusLink link, @Nullable ClusterNode sender, BusMessage message) {
    Header header = message.header();
    if (sender != null) {
      sender.dataReceived = machine.now();
      note(sender, header);
    }
    switch (message) {
      case BusMessage.Heartbeat heartbeat -> heartbeat(link, sender, heartbeat);
      case BusMessage.Fail fail -> machine.failures().told(sender, header.sender(), fail.node());
      case BusMessage.Publish publish -> {
        if (sender != null) {
          machine.act(
              new ClusterAction.Deliver(
                  publish.channel(), publish.message(), header.type() == BusType.PUBLISHSHARD));
        }
      }
      case BusMessage.Plain _ -> {
        if (sender != null) {
          plain(link, sender, header);
        }
      }
      case BusMessage.Update update -> {
        if (sender != null) {
          update(update);
        }
      }
      case BusMessage.Module module -> {
        if (sender != null) {
          machine.moves().received(sender, module.body());
        }
      }
    }
  }

  private void plain(BusLink link, ClusterNode sender, Header header) {
    switch (header.type()) {
      case AUTH_REQUEST -> machine.votes().asked(sender, header);
      case AUTH_ACK -> machine.elections().granted(sender, header);
      default -> {
        if (header.primary().equals(machine.myself().id)) {
          role(sender, header); // a stock replica may ask before it has told anybody what it is
        }
        machine.manual().requested(sender);
      }
    }
  }

  /// What every message of a known node says.
  private void note(ClusterNode sender, Header header) {
    machine.sawEpoch(header.currentEpoch());
    if (Long.compareUnsigned(header.configEpoch(), sender.configEpoch) > 0) {
      sender.configEpoch = header.configEpoch();
      machine.saveAndSyncLater();
    }
    sender.offset = header.offset();
    sender.offsetTime = machine.now();
    sender.isOurs |= header.pingNumber() != 0;
    machine.manual().heard(sender, header);
  }

  private void update(BusMessage.Update update) {
    ClusterNode node = machine.nodes().get(update.node());
    if (node == null || Long.compareUnsigned(node.configEpoch, update.configEpoch()) >= 0) {
      return;
    }
    SlotSet claimed = update.slots().copy();
    boolean stale = false;
    for (int slot = claimed.next(0); slot >= 0; slot = claimed.next(slot + 1)) {
      if (machine.moves().isTakenFrom(node, slot)) {
        claimed.remove(slot);
        stale = true;
      }
    }
    machine.nodes().promote(node);
    node.configEpoch = update.configEpoch();
    machine.saveAndSyncLater();
    machine.slots().claim(node, update.configEpoch(), claimed);
    if (stale) {
      machine.bumpEpoch(); // the sender believes whoever has the greater epoch
    }
  }

  private void heartbeat(BusLink link, @Nullable ClusterNode sender, BusMessage.Heartbeat message) {
    Header header = message.header();
    BusType type = header.type();
    if (type == BusType.MEET || type == BusType.PING && sender != null) {
      machine.rejoining().noteOwnAddress(link, type);
    }
    if (type != BusType.PONG) {
      if (sender == null && type == BusType.MEET) {
        meet(link, header);
      }
      answer(link, sender, header);
    }
    ClusterNode dialled = link.inbound ? null : link.node;
    if (dialled != null && dialled.isHandshake()) {
      sender = endHandshake(link, dialled, sender, header);
      if (sender == null) {
        return;
      }
    }
    if (sender == null) {
      return;
    }
    boolean neverPromoted = (header.flags() & NodeFlags.NOFAILOVER) != 0;
    if (neverPromoted != sender.is(NodeFlags.NOFAILOVER)) {
      sender.flags ^= NodeFlags.NOFAILOVER;
      machine.changed();
    }
    if (type == BusType.PING) {
      machine.rejoining().noteAddress(sender, link, header);
      machine.news().called(sender);
    }
    if (type == BusType.PONG && !link.inbound) {
      ponged(sender, header);
    }
    role(sender, header);
    if (sender.primary == machine.myself()) {
      machine.moves().hasReplica(sender);
    }
    slots(sender, header);
    if (sender.isPrimary()
        && machine.myself().isPrimary()
        && header.configEpoch() == machine.myself().configEpoch) {
      collided(sender, header.slots());
    } else {
      sender.disputedSince = 0;
    }
    gossip(sender, message.gossip());
    extensions(sender, message.extensions());
  }

  /// A primary that asks whether it may go on taking writes is told so by this PONG, unless there
  /// is a reason not to.
  private void answer(BusLink link, @Nullable ClusterNode sender, Header header) {
    boolean extendsLease =
        sender != null
            && header.type() == BusType.PING
            && machine.votes().extendsLeaseOf(sender)
            && !machine.slots().isDisputed(sender, header.configEpoch(), header.slots());
    if (extendsLease && sender != null && !machine.links().isSilent()) {
      sender.leaseGranted = machine.now();
    }
    Naming naming = header.type() == BusType.MEET ? Naming.ALL : Naming.SOME;
    machine
        .links()
        .send(link.id, heartbeat(BusType.PONG, !extendsLease, header.pingNumber(), naming));
  }

  /// An unknown node wants to be taken up. Its id is found out by dialling it.
  private void meet(BusLink link, Header header) {
    ClusterNode node = machine.nodes().create(machine.world().newId(), NodeFlags.HANDSHAKE);
    node.ip = header.ip().isEmpty() ? link.remote : header.ip();
    node.port = header.port();
    node.otherPort = header.otherPort();
    node.busPort = header.busPort();
    machine.links().dial(node);
    machine.save();
  }

  /// The first answer of a node that was met. Returns the node if it is one from now on.
  private @Nullable ClusterNode endHandshake(
      BusLink link, ClusterNode dialled, @Nullable ClusterNode known, Header header) {
    if (known != null) {
      machine.verbose(
          "Handshake: we already know node " + known.named() + ", updating the address if needed.");
      machine.rejoining().noteAddress(known, link, header);
      machine.nodes().remove(dialled);
      return null;
    }
    if (!NodesFile.isId(header.sender())) {
      machine.nodes().remove(dialled);
      return null;
    }
    machine.nodes().rename(dialled, header.sender());
    dialled.clear(NodeFlags.HANDSHAKE);
    dialled.flags |= header.flags() & (NodeFlags.PRIMARY | NodeFlags.REPLICA);
    dialled.dataReceived = machine.now();
    note(dialled, header);
    machine.news().met(dialled);
    machine.saveAndSyncLater();
    return dialled;
  }

  private void ponged(ClusterNode node, Header header) {
    machine.lease().ponged(node, header);
    machine.moves().ponged(node, header.currentEpoch());
    node.pongReceived = machine.now();
    node.pingSent = 0;
    node.unreachableSince = 0;
    node.answeredAt = machine.now();
    node.announced = Rejoining.announced(header);
    machine.failures().reached(node);
  }

  private void role(ClusterNode sender, Header header) {
    if (header.primary().isEmpty()) {
      boolean wasOwnReplica = sender.primary == machine.myself();
      machine.nodes().promote(sender);
      if (wasOwnReplica && header.slots().isEmpty()) {
        machine.moves().replacedWhileAllIsHanded(sender);
      }
      return;
    }
    if (sender.isPrimary()) {
      machine.slots().takeAll(sender);
      sender.clear(NodeFlags.PRIMARY | NodeFlags.MIGRATE_TO);
      sender.set(NodeFlags.REPLICA);
      machine.save();
      machine.health().lookAgain();
    } else if (!sender.isReplica()) {
      sender.set(NodeFlags.REPLICA); // a node of which gossip said nothing else
      machine.changed();
    }
    ClusterNode primary = machine.nodes().get(header.primary());
    if (primary != null && sender.primary != primary) {
      machine.nodes().setPrimary(sender, primary);
      machine.nodes().setShard(sender, primary.shard);
      machine.saveAndSyncLater();
    }
  }

  private void slots(ClusterNode sender, Header header) {
    ClusterNode owner = sender.isPrimary() ? sender : sender.primary;
    if (owner == null || owner.slots.equals(header.slots()) && !machine.slots().hasUnclaimed()) {
      return;
    }
    if (sender.isPrimary()) {
      machine.slots().claim(sender, header.configEpoch(), header.slots());
    }
    ClusterNode newer = machine.slots().newerOwner(sender, header.configEpoch(), header.slots());
    if (newer != null) {
      machine.verbose(
          "Node "
              + sender.id
              + " has old slots configuration, sending an UPDATE message about "
              + newer.id);
      machine
          .links()
          .send(
              sender,
              new BusMessage.Update(
                  machine.header(BusType.UPDATE),
                  newer.configEpoch,
                  newer.id,
                  machine.slots().claimedBy(newer)));
    }
  }

  /// Two primaries have one configuration epoch: the one with the smaller id takes a new one.
  ///
  /// If both claim the same slots, one may have been elected for this epoch while the other, cut
  /// off, took the same one by itself. Clients have written to the elected one since: it takes the
  /// new one, and the other gives it the time to. The new one may be disputed again, as the other
  /// may have taken that, too, or yet another node been elected for it: who was elected for it
  /// comes first, who was elected before comes next.
  private void collided(ClusterNode sender, SlotSet claimed) {
    ClusterNode myself = machine.myself();
    if (sender.configEpoch != myself.configEpoch) {
      return;
    }
    boolean yields = sender.id.compareTo(myself.id) > 0;
    if (claimed.without(myself.slots).count() < claimed.count()) {
      Elections elections = machine.elections();
      long patience = machine.policy().electionMillis();
      if (elections.hasWon()) {
        yields = true;
        patience = 0;
      } else if (elections.isHeir()) {
        yields = true;
        patience /= 2;
      }
      yields &= disputedMillis(sender) >= patience;
    } else {
      sender.disputedSince = 0;
    }
    if (!yields) {
      return;
    }
    myself.configEpoch = machine.nextEpoch();
    machine.holdUntilSaved();
    machine.verbose(
        "WARNING: configEpoch collision with node "
            + sender.named()
            + ". configEpoch set to "
            + Long.toUnsignedString(myself.configEpoch));
  }

  /// For how long it has claimed this node's slots with this epoch, without a silence in between:
  /// it may have heard nothing of this node for as long.
  private long disputedMillis(ClusterNode sender) {
    long now = machine.now();
    if (sender.disputedSince == 0
        || sender.disputedEpoch != sender.configEpoch
        || now - sender.disputedHeard > machine.policy().nodeTimeoutMillis()) {
      sender.disputedEpoch = sender.configEpoch;
      sender.disputedSince = now;
    }
    sender.disputedHeard = now;
    return now - sender.disputedSince;
  }

  // ── gossip ──

  private void gossip(ClusterNode sender, List<Gossip> gossips) {
    for (Gossip gossip : gossips) {
      ClusterNode node = machine.nodes().get(gossip.node());
      if (node == null) {
        learn(gossip, sender);
        continue;
      }
      boolean fails = (gossip.flags() & (NodeFlags.FAIL | NodeFlags.PFAIL)) != 0;
      if (sender.isPrimary() && !node.isMyself()) {
        machine.failures().reported(node, sender, fails);
      }
      if (!fails
          && !node.is(NodeFlags.FAIL | NodeFlags.PFAIL)
          && node.pingSent == 0
          && machine.failures().reports(node) == 0) {
        long pong = gossip.pongReceived() * 1000;
        if (pong <= machine.wall() + GOSSIP_FUTURE_MILLIS) {
          node.pongReceived = Math.max(node.pongReceived, pong - machine.wall() + machine.now());
        }
      }
      boolean elsewhere =
          !node.ip.equalsIgnoreCase(gossip.ip())
              || node.port != gossip.port()
              || node.otherPort != gossip.otherPort()
              || node.busPort != gossip.busPort();
      if (!node.isMyself()
          && node.is(NodeFlags.FAIL | NodeFlags.PFAIL | NodeFlags.NOADDR)
          && !fails
          && (gossip.flags() & NodeFlags.NOADDR) == 0
          && gossip.pongReceived() != 0
          && !gossip.ip().isEmpty()
          && elsewhere) {
        machine
            .rejoining()
            .moved(node, gossip.ip(), gossip.port(), gossip.otherPort(), gossip.busPort());
      }
    }
  }

  /// A node that wasn't known. It is believed, since a known node told so.
  private void learn(Gossip gossip, ClusterNode from) {
    if ((gossip.flags() & NodeFlags.NOADDR) != 0
        || !NodesFile.isId(gossip.node())
        || gossip.ip().isEmpty()
        || machine.nodes().isForgotten(gossip.node())) {
      return;
    }
    int told =
        NodeFlags.PRIMARY
            | NodeFlags.REPLICA
            | NodeFlags.PFAIL
            | NodeFlags.FAIL
            | NodeFlags.NOFAILOVER
            | NodeFlags.MIGRATE_TO;
    ClusterNode node = machine.nodes().create(gossip.node(), gossip.flags() & told);
    node.failTime = node.hasFailed() ? machine.now() : 0;
    node.ip = gossip.ip();
    node.port = gossip.port();
    node.otherPort = gossip.otherPort();
    node.busPort = gossip.busPort();
    machine.links().dial(node);
    machine.news().learned(node, from);
    machine.saveAndSyncLater();
  }

  private void extensions(ClusterNode sender, List<Extension> extensions) {
    String hostname = "";
    String humanName = "";
    String shard = "";
    for (Extension extension : extensions) {
      switch (extension) {
        case BusMessage.Hostname host -> hostname = host.name();
        case BusMessage.HumanName human -> humanName = human.name();
        case BusMessage.Shard its -> shard = its.id();
        case BusMessage.Forgotten forgotten -> forget(sender, forgotten);
        case BusMessage.UnknownExtension unknown -> {
          // a newer server's heartbeats all have it
          if (unknownTypes.size() < UNKNOWN_TYPES_MOST && unknownTypes.add(unknown.type())) {
            machine.warning("Received unknown extension type " + unknown.type());
          }
        }
      }
    }
    if (!sender.hostname.equals(hostname) || !sender.humanName.equals(humanName)) {
      sender.hostname = hostname;
      sender.humanName = humanName;
      machine.save();
    }
    sender.tellsShard = !shard.isEmpty();
    sender.hidesShard = shard.isEmpty();
    if (shard.isEmpty()) {
      shard = sender.primary == null ? sender.shard : sender.primary.shard;
    }
    machine.nodes().setShard(sender, shard);
    shardOf(sender.primary == null ? sender : sender.primary);
  }

  /// A primary that knows nothing of shards is of the shard that its replicas speak of: of the one
  /// that comes first, if they don't agree yet. One that wasn't heard since this node was started
  /// may know, and its replicas may be out of date.
  private void shardOf(ClusterNode primary) {
    if (!primary.hidesShard || primary.isMyself()) {
      return;
    }
    String first = "";
    for (ClusterNode replica : primary.replicas) {
      if ((replica.tellsShard || replica.isMyself())
          && (first.isEmpty() || replica.shard.compareTo(first) < 0)) {
        first = replica.shard;
      }
    }
    if (!first.isEmpty()) {
      machine.nodes().setShard(primary, first);
    }
  }

  private void forget(ClusterNode sender, BusMessage.Forgotten forgotten) {
    ClusterNode node = machine.nodes().get(forgotten.node());
    ClusterNode myself = machine.myself();
    if (node != null && node != myself && node != sender && myself.primary != node) {
      long seconds = Math.clamp(forgotten.ttlSeconds(), 0, 24 * 3600);
      machine.nodes().forget(node.id, seconds);
      machine.nodes().remove(node);
      machine.save();
      machine.health().lookAgain();
    }
  }
}
