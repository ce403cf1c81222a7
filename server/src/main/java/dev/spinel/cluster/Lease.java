package dev.spinel.cluster;

import dev.spinel.cluster.BusMessage.Header;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// How long this primary may take writes: until one node timeout after it has sent the PINGs that a
/// majority of the voters has answered, itself counted as one of them.
///
/// ```
///   this primary  ──PING at s──────►  voter: PONG at t, and no vote for a replica of this
///                 ◄─────PONG────────         primary before t + timeout  (see Votes)
///   lease until s + timeout, and s ≤ t
/// ```
///
/// So whoever is elected with the votes of a majority begins to take writes only after this one has
/// stopped: the two majorities have a voter in common. That holds where all voters are nodes of
/// ours; stock voters promise nothing. A hundredth of the timeout is left for clocks that don't go
/// equally fast. What this node's clock doesn't count, as the system sleeps, makes the lease
/// shorter.
///
/// A PONG is matched with its PING by a number; one that was sent unasked, or that the voter has
/// marked, extends nothing. Those of stock nodes have no number, and count for the oldest PING that
/// isn't answered.
///
/// A primary without slots has it answered, too, and needs no lease: with its first slot it has one
/// at once.
///
/// Belongs to the machine's thread.
final class Lease {
  private static final int REMEMBERED = 64;

  /// The last PINGs to a node.
  private static final class Sent {
    final int[] numbers = new int[REMEMBERED];
    final long[] times = new long[REMEMBERED];
    int next;

    void add(int number, long time) {
      numbers[next] = number;
      times[next] = time;
      next = (next + 1) % REMEMBERED;
    }

    /// 0: it isn't remembered.
    long time(int number) {
      for (int i = 0; i < REMEMBERED; i++) {
        if (numbers[i] == number) {
          return times[i];
        }
      }
      return 0;
    }
  }

  private final ClusterMachine machine;
  private final Map<ClusterNode, Sent> sent = new HashMap<>();
  private long since; // the PING that it hangs on
  private long until = Long.MIN_VALUE;
  private boolean voted; // this node was a voter at the end of the step before
  private boolean looks = true;

  Lease(ClusterMachine machine) {
    this.machine = machine;
  }

  void pinged(ClusterNode node, int number) {
    if (machine.myself().isPrimary() && node.isVoter()) {
      sent.computeIfAbsent(node, any -> new Sent()).add(number, machine.now());
    }
  }

  void ponged(ClusterNode node, Header header) {
    if (header.withoutLease()) {
      return;
    }
    long time = node.pingSent;
    if (header.pingNumber() != 0) {
      Sent own = sent.get(node);
      time = own == null ? 0 : own.time(header.pingNumber());
    }
    if (time > node.answeredPing) {
      node.answeredPing = time;
      looks = true;
    }
  }

  long until() {
    return until;
  }

  boolean stands() {
    return until - machine.world().uncountedMillis(since) > machine.now();
  }

  /// Something has happened that may change who votes, or how many they are.
  void lookAgain() {
    looks = true;
  }

  /// At the end of each step.
  void look() {
    if (!looks && !machine.ticks()) {
      return;
    }
    looks = false;
    boolean votes = machine.myself().isVoter();
    if (votes && !voted) {
      for (ClusterNode node : machine.nodes().snapshot()) {
        if (node.isVoter() && !node.isMyself()) {
          machine.heartbeats().ping(node); // so that its lease begins at once
        }
      }
    }
    voted = votes;
    long now = compute();
    if (now != until) {
      until = now;
      machine.act(new ClusterAction.Lease(since, now));
    }
  }

  private long compute() {
    ClusterNode myself = machine.myself();
    since = 0;
    if (!myself.isPrimary()) {
      sent.clear();
    }
    if (!myself.isVoter()) {
      return Long.MAX_VALUE;
    }
    int wanted = machine.health().quorum() - 1;
    if (wanted <= 0) {
      return Long.MAX_VALUE;
    }
    long[] answered = new long[machine.nodes().size()];
    int voters = 0;
    for (ClusterNode node : machine.nodes().all()) {
      if (node != myself && node.isVoter()) {
        answered[voters++] = node.answeredPing;
      }
    }
    if (voters < wanted) {
      return 0;
    }
    Arrays.sort(answered, 0, voters);
    long decisive = answered[voters - wanted];
    since = decisive;
    long timeout = machine.policy().nodeTimeoutMillis();
    return decisive == 0 ? 0 : decisive + timeout - timeout / 100;
  }
}
