package dev.spinel.cluster;

import dev.spinel.cluster.BusMessage.Header;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A primary votes for replicas: once in an epoch, once in two node timeouts for each primary, and
/// never against a newer configuration.
///
/// The two node timeouts keep replicas of a failed primary from outvoting each other: whoever was
/// voted for may have been elected, and not be heard of yet. They don't hold for that replica
/// itself, which asks again as it was not; nor for a manual failover of a primary that works: a
/// user may want to go back at once, and a CLUSTER FAILOVER that gets no votes is given up after 5
/// s without a word to who asked. (Redis's voters refuse both.)
///
/// A vote also ends a promise. By each PONG that answers a primary's PING, this node has told it
/// that it may take writes ([Lease]); so a request to replace it waits until a node timeout after
/// the last of them. From the moment that a primary has failed in this node's eyes, or that this
/// node has voted against it, its PONGs promise nothing more.
///
/// Whom a replica wants to replace is what its request says, not what this node has last heard of
/// it: it may have changed its primary since. Else the promise to the one that it does replace
/// wouldn't count.
///
/// What it has voted is on the disk before the vote leaves. A restarted node doesn't know what it
/// has promised: for a node timeout it doesn't vote, and if it doesn't know what came of its last
/// vote, it promises nothing for as long as an election may take.
///
/// Belongs to the machine's thread.
final class Votes {
  private record Request(ClusterNode node, Header header) {}

  private final ClusterMachine machine;

  /// Requests that wait for the end of a promise: who asks → what.
  private final Map<ClusterNode, Request> waiting = new LinkedHashMap<>();

  /// Until when nothing is promised to a primary that was voted against.
  private final Map<ClusterNode, Long> against = new LinkedHashMap<>();

  private boolean lastVoteIsOpen;

  Votes(ClusterMachine machine) {
    this.machine = machine;
  }

  void started() {
    long won = 0;
    for (ClusterNode node : machine.nodes().all()) {
      won = NodesFile.laterEpoch(won, node.configEpoch);
    }
    lastVoteIsOpen = Long.compareUnsigned(machine.lastVoteEpoch(), won) > 0;
  }

  /// Whether a PONG to this primary lets it go on taking writes.
  boolean extendsLeaseOf(ClusterNode primary) {
    long now = machine.now();
    if (!machine.myself().isVoter() || !primary.isPrimary()) {
      return false;
    }
    if (lastVoteIsOpen && now - machine.started() < outcomeMillis()) {
      return false;
    }
    if (primary.hasFailed() && primary.hasWorkingReplica()) {
      return false;
    }
    if (machine.moves().isReplacedByNameOnly(primary)) {
      return false;
    }
    Long until = against.get(primary);
    return until == null || now >= until;
  }

  /// How long a vote may still get a replica elected, by a clock that goes more slowly than ours.
  private long outcomeMillis() {
    long millis = machine.policy().electionMillis();
    return millis + millis / 50;
  }

  void asked(ClusterNode node, Header header) {
    waiting.remove(node);
    consider(new Request(node, header));
  }

  void tick() {
    against.values().removeIf(until -> machine.now() >= until);
    if (waiting.isEmpty()) {
      return;
    }
    List<Request> requests = new ArrayList<>(waiting.values());
    waiting.clear();
    requests.sort((a, b) -> Long.compare(b.header.offset(), a.header.offset()));
    for (Request request : requests) {
      if (machine.nodes().get(request.node.id) == request.node) {
        consider(request);
      }
    }
  }

  private void deny(ClusterNode node, String why) {
    machine.warning("Failover auth denied to " + node.named() + ": " + why);
  }

  private void consider(Request request) {
    ClusterNode node = request.node;
    Header header = request.header;
    ClusterNode primary = machine.nodes().get(header.primary());
    if (!machine.myself().isVoter()) {
      return;
    }
    long epoch = machine.currentEpoch();
    if (Long.compareUnsigned(header.currentEpoch(), epoch) < 0) {
      deny(
          node,
          "reqEpoch ("
              + Long.toUnsignedString(header.currentEpoch())
              + ") < curEpoch("
              + Long.toUnsignedString(epoch)
              + ")");
    } else if (machine.lastVoteEpoch() == epoch) {
      deny(node, "already voted for epoch " + Long.toUnsignedString(epoch));
    } else if (node.isPrimary() || header.primary().isEmpty()) {
      deny(node, "it is a master node");
    } else if (primary == null) {
      deny(node, "I don't know its master");
    } else if (!primary.hasFailed() && !header.forced()) {
      deny(node, "its master is up");
    } else if ((!header.forced() || primary.hasFailed()) // who is replaced by plan waits
        && primary.votedTime != 0
        && primary.votedFor != node
        && machine.now() - primary.votedTime < 2 * machine.policy().nodeTimeoutMillis()) {
      long left = 2 * machine.policy().nodeTimeoutMillis() - (machine.now() - primary.votedTime);
      machine.warning(
          "Failover auth denied to "
              + node.id
              + " "
              + node.humanName
              + ": can't vote about this master before "
              + left
              + " milliseconds");
    } else if (!hasNewerSlots(node, header)) {
      if (header.forced() || promiseEnds(primary) <= machine.now()) {
        vote(node, primary, header);
      } else {
        waiting.put(node, request);
      }
    }
  }

  /// Until when the primary may take writes because this node has said so.
  private long promiseEnds(ClusterNode primary) {
    return Math.max(primary.leaseGranted, machine.started()) + machine.policy().nodeTimeoutMillis();
  }

  /// Whether a slot that the replica wants has an owner with a newer configuration.
  private boolean hasNewerSlots(ClusterNode node, Header header) {
    SlotSet claimed = header.slots();
    for (int slot = claimed.next(0); slot >= 0; slot = claimed.next(slot + 1)) {
      ClusterNode owner = machine.slots().owner(slot);
      if (owner != null
          && !machine.slots().isUnclaimed(slot)
          && Long.compareUnsigned(owner.configEpoch, header.configEpoch()) > 0) {
        deny(
            node,
            "slot "
                + slot
                + " epoch ("
                + Long.toUnsignedString(owner.configEpoch)
                + ") > reqEpoch ("
                + Long.toUnsignedString(header.configEpoch())
                + ")");
        return true;
      }
    }
    return false;
  }

  private void vote(ClusterNode node, ClusterNode primary, Header header) {
    long epoch = machine.currentEpoch();
    machine.setLastVoteEpoch(epoch);
    primary.votedTime = machine.now();
    primary.votedFor = node;
    if (!header.forced()) {
      against.put(primary, machine.now() + outcomeMillis());
    }
    machine.whenSaved(
        () ->
            machine
                .links()
                .send(
                    node,
                    new BusMessage.Plain(
                        machine.header(BusType.AUTH_ACK, epoch, false, false, 0))));
    machine.notice(
        "Failover auth granted to " + node.named() + " for epoch " + Long.toUnsignedString(epoch));
  }
}
