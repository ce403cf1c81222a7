package dev.spinel.cluster;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A node, as this one sees it. Times are those of the machine's steps; 0: never, or not now.
///
/// Belongs to the machine's thread.
final class ClusterNode {
  String id;
  String shard;
  int flags;
  long configEpoch;
  final SlotSet slots = new SlotSet();

  @Nullable ClusterNode primary;
  final List<ClusterNode> replicas = new ArrayList<>();

  String ip = "";
  int port;
  int otherPort;
  int busPort;
  String hostname = "";
  String humanName = "";

  /// The link that this node has dialled, and the one that was accepted; 0: there is none.
  long link;

  long inbound;
  boolean linkStands;
  long linkSince;
  long inboundSince;

  final long created;
  long pingSent; // the oldest PING that isn't answered
  long lastPing; // the newest PING
  long pongReceived;
  long dataReceived;
  long offset;
  long offsetTime;
  long failTime;
  long votedTime;

  /// The replica that this node voted for then.
  @Nullable ClusterNode votedFor;

  long orphanedSince;

  /// Who reports that this node has failed, and when it last did.
  final Map<ClusterNode, Long> failureReports = new LinkedHashMap<>();

  /// The heartbeat that had it last.
  long gossipedIn;

  /// What others were told of it last.
  BusMessage.@Nullable Gossip gossip;

  /// The epoch in which it claims this node's slots though that is this node's epoch, when it was
  /// first heard to, and when last; the times of one dispute: a silence ends it.
  long disputedEpoch;

  long disputedSince;
  long disputedHeard;

  /// Whether it says of which shard it is, once it was heard; nodes of 7.0 don't.
  boolean tellsShard;

  boolean hidesShard;

  /// When the last PING went out that was answered. See [Lease].
  long answeredPing;

  /// When this node last told it, by a PONG, that it may take writes. See [Votes].
  long leaseGranted;

  /// Since when it can't be reached. See [Rejoining].
  long unreachableSince;

  /// Whether it is known to be of our kind: it numbers its PINGs. See [SlotMoves].
  boolean isOurs;

  long addressChanged;

  /// When it last answered over the link that was dialled, and the address that it announced.
  long answeredAt;

  String announced = "";

  /// When something with this id, but with another address, was first refused.
  long twinSince;

  /// How often, and since when, links from different hosts have replaced each other.
  int turns;

  long turnsSince;

  ClusterNode(String id, String shard, int flags, long now) {
    this.id = id;
    this.shard = shard;
    this.flags = flags;
    this.created = now;
  }

  boolean is(int flag) {
    return (flags & flag) != 0;
  }

  void set(int flag) {
    flags |= flag;
  }

  void clear(int flag) {
    flags &= ~flag;
  }

  boolean isMyself() {
    return is(NodeFlags.MYSELF);
  }

  boolean isPrimary() {
    return is(NodeFlags.PRIMARY);
  }

  boolean isReplica() {
    return is(NodeFlags.REPLICA);
  }

  boolean hasFailed() {
    return is(NodeFlags.FAIL);
  }

  boolean mayHaveFailed() {
    return is(NodeFlags.PFAIL);
  }

  boolean isHandshake() {
    return is(NodeFlags.HANDSHAKE);
  }

  /// A voter: a primary that owns slots.
  boolean isVoter() {
    return isPrimary() && !slots.isEmpty();
  }

  boolean hasWorkingReplica() {
    return workingReplicas() > 0;
  }

  int workingReplicas() {
    int working = 0;
    for (ClusterNode replica : replicas) {
      if (!replica.hasFailed()) {
        working++;
      }
    }
    return working;
  }

  /// As Redis's log names a node: `<id> (<name>)`.
  String named() {
    return id + " (" + humanName + ")";
  }
}
