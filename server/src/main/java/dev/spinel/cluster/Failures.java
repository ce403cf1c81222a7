package dev.spinel.cluster;

import org.jspecify.annotations.Nullable;

/// Who has failed.
///
/// ```
///   no answer for the node timeout ──► PFAIL: this node says so, and gossips it
///   a majority of primaries says so ──► FAIL: everybody is told, and believes it
///   it answers again ──► PFAIL ends; FAIL ends for a replica, and for a primary that nobody
///                        has taken over from for two node timeouts
/// ```
///
/// A report of a primary counts for two node timeouts.
///
/// Whoever finds that a node may have failed asks all others at once, so that the reports come
/// together in a moment and not with the next heartbeats; several such findings are one round of
/// questions.
///
/// Belongs to the machine's thread.
final class Failures {
  private final ClusterMachine machine;
  private int suspected;
  private boolean asksAll;
  private long askedAll = Long.MIN_VALUE / 2;

  Failures(ClusterMachine machine) {
    this.machine = machine;
  }

  /// Nodes that may have failed, as of the last tick.
  int suspected() {
    return suspected;
  }

  void tick() {
    long now = machine.now();
    long timeout = machine.policy().nodeTimeoutMillis();
    int count = 0;
    for (ClusterNode node : machine.nodes().snapshot()) {
      if (node.is(NodeFlags.MYSELF | NodeFlags.NOADDR | NodeFlags.HANDSHAKE)) {
        continue;
      }
      long silence = Math.min(now - node.pingSent, now - node.dataReceived);
      if (node.pingSent != 0) {
        if (node.linkStands && now - node.linkSince > timeout && silence > timeout / 2) {
          machine.links().close(node.link, "nothing has come for half the node timeout");
        }
        if (silence > timeout && !node.is(NodeFlags.PFAIL | NodeFlags.FAIL)) {
          suspect(node);
        }
      }
      if (node.mayHaveFailed()) {
        count++;
      }
    }
    suspected = count;
  }

  private void suspect(ClusterNode node) {
    node.set(NodeFlags.PFAIL);
    suspected++;
    asksAll = true;
    machine.changed();
    machine.health().lookAgain();
    machine.log(ClusterAction.Level.DEBUG, "*** NODE " + node.id + " possibly failing");
    if (machine.myself().isPrimary()) {
      markIfAgreed(node);
    }
    if (node == machine.myself().primary) {
      machine.elections().primarySuspected();
    }
  }

  /// Everybody is asked, once for all that was found in this step.
  void endOfStep() {
    long gap = Math.max(100, 2L * machine.nodes().size());
    if (asksAll && machine.now() - askedAll >= gap) {
      asksAll = false;
      askedAll = machine.now();
      for (ClusterNode node : machine.nodes().snapshot()) {
        if (!node.isMyself() && !node.isHandshake()) {
          machine.heartbeats().ping(node);
        }
      }
    }
  }

  // ── reports ──

  /// A primary says whether a node has failed.
  void reported(ClusterNode node, ClusterNode sender, boolean fails) {
    if (fails) {
      if (node.failureReports.put(sender, machine.now()) == null) {
        machine.verbose(
            "Node " + sender.named() + " reported node " + node.named() + " as not reachable.");
      }
      markIfAgreed(node);
    } else if (node.failureReports.remove(sender) != null) {
      machine.verbose(
          "Node " + sender.named() + " reported node " + node.named() + " is back online.");
    }
  }

  /// How many primaries, other than this node, report it.
  int reports(ClusterNode node) {
    if (!node.failureReports.isEmpty()) {
      long oldest = machine.now() - 2 * machine.policy().nodeTimeoutMillis();
      node.failureReports.values().removeIf(time -> time < oldest);
    }
    return node.failureReports.size();
  }

  private void markIfAgreed(ClusterNode node) {
    if (!node.mayHaveFailed() || node.hasFailed()) {
      return;
    }
    int reports = reports(node) + (machine.myself().isPrimary() ? 1 : 0);
    if (reports < machine.health().quorum()) {
      return;
    }
    machine.notice("Marking node " + node.named() + " as failing (quorum reached).");
    mark(node);
    machine.links().broadcast(new BusMessage.Fail(machine.header(BusType.FAIL), node.id));
  }

  private void mark(ClusterNode node) {
    node.clear(NodeFlags.PFAIL);
    node.set(NodeFlags.FAIL);
    node.failTime = machine.now();
    machine.save();
    machine.health().lookAgain();
    if (node == machine.myself().primary) {
      machine.elections().primarySuspected();
    }
  }

  /// A FAIL message.
  void told(@Nullable ClusterNode sender, String senderId, String about) {
    if (sender == null) {
      machine.notice("Ignoring FAIL message from unknown node " + senderId + " about " + about);
      return;
    }
    ClusterNode node = machine.nodes().get(about);
    if (node != null && !node.is(NodeFlags.FAIL | NodeFlags.MYSELF)) {
      machine.notice("FAIL message received from " + sender.named() + " about " + node.named());
      mark(node);
    }
  }

  /// It has answered.
  void reached(ClusterNode node) {
    if (node.mayHaveFailed()) {
      node.clear(NodeFlags.PFAIL);
      machine.save();
      machine.health().lookAgain();
    } else if (node.hasFailed()) {
      long undo = 2 * machine.policy().nodeTimeoutMillis();
      if (node.isReplica() || node.slots.isEmpty()) {
        machine.notice(
            "Clear FAIL state for node "
                + node.named()
                + ":"
                + (node.isReplica() ? "replica" : "master without slots")
                + " is reachable again.");
        clear(node);
      } else if (machine.now() - node.failTime > undo) {
        machine.notice(
            "Clear FAIL state for node "
                + node.named()
                + ": is reachable again and nobody is serving its slots after some time.");
        clear(node);
      }
    }
    if (node == machine.myself().primary) {
      machine.elections().primaryAnswered();
    }
  }

  private void clear(ClusterNode node) {
    node.clear(NodeFlags.FAIL);
    machine.save();
    machine.health().lookAgain();
  }
}
