package dev.spinel.cluster;

import dev.spinel.cluster.BusMessage.Header;
import java.util.HashSet;
import java.util.Set;

/// A replica whose primary has failed asks the primaries for their votes.
///
/// ```
///   primary silent ──► siblings are asked how much data they have
///   primary FAIL ────► all have answered? rank r waits r × 500 ms
///                      one is silent?     Redis's delays: 500 ms, up to 500 more, 1000 for each rank
///   due ─────────────► FAIL and AUTH_REQUEST to everybody, in a new epoch
///   a majority ──────► this node is the primary, as soon as that is on the disk
/// ```
///
/// The rank counts the siblings that are better: that have more data, or as much and a smaller id.
/// So no two have one rank, and the best one needs not wait: the delay is there to keep votes from
/// being split. Where several primaries have failed, their replicas take turns, too, in the order
/// of the primaries' ids: they would ask in the same epoch, in which a voter has one vote for all
/// of them. A turn is 100 ms, or less if whoever comes first has been elected. It sends FAIL before
/// AUTH_REQUEST over each link, as a stock voter refuses its vote until it knows of the failure.
///
/// A retry waits as Redis's does, since stock voters vote once for each primary in two node
/// timeouts. Where all voters are ours every other one is made 1.5 to 2 s after the votes were
/// asked for, and a second later for each rank: ours vote for the same replica again ([Votes]), so
/// a message that was lost, or an epoch in which replicas of several primaries have split the
/// votes, costs little. Of siblings that have split them each would keep its voters for itself by
/// asking again; so the retry between waits. Votes that come while a retry waits still count: they
/// are of one epoch until this node asks in the next one.
///
/// A vote counts for as long only as its voter lets the failed primary take no writes ([Votes]),
/// and as it is a voter: else a primary and the replica that has just replaced it would count
/// twice. So whoever is elected, and is a voter from then on, has no vote in its own epoch.
///
/// A copy that isn't complete is never promoted, but by force.
///
/// Belongs to the machine's thread.
final class Elections {
  private static final long STEP_MILLIS = 500;
  private static final long TURN_MILLIS = 100;
  private static final int MOST_TURNS = 50;
  private static final long ASKING_MILLIS = 250;
  private static final long AGAIN_MILLIS = 1000;
  private static final long RELOG_MILLIS = 10_000;
  private static final long NEVER = Long.MIN_VALUE / 2;

  private enum Reason {
    NONE(""),
    DATA_AGE(
        "Disconnected from master for longer than allowed. Please check the"
            + " 'cluster-replica-validity-factor' configuration option."),
    WAITING_DELAY("Waiting the delay before I can start a new failover."),
    EXPIRED("Failover attempt expired."),
    WAITING_VOTES("Waiting for votes, but majority still not reached."),
    INCOMPLETE("This replica's copy of the data is not complete.");

    final String words;

    Reason(String words) {
      this.words = words;
    }
  }

  private final ClusterMachine machine;

  /// Of the epoch in which this node has asked last.
  private final Set<ClusterNode> votes = new HashSet<>();

  private long epoch;
  private long askedAt = NEVER;

  /// When it is to ask next, or was to, and whether it has.
  private long due = NEVER;

  /// `due`, were there no other primaries that have failed.
  private long earliest = NEVER;

  private boolean asked;
  private boolean isEarlyRetry;
  private int rank;
  private int turn;
  private boolean isFast;

  /// The last epoch for which this node was elected; 0: for none, or it has followed another node,
  /// or taken an epoch without need, since.
  private long wonEpoch;

  private Reason reason = Reason.NONE;
  private long loggedAt = NEVER;

  /// When the primary was first found silent, and siblings were asked; 0: it isn't.
  private long suspectedAt;

  /// When this node first knew that it may ask for votes; 0: it may not.
  private long failedAt;

  Elections(ClusterMachine machine) {
    this.machine = machine;
  }

  void reset() {
    suspectedAt = 0;
    failedAt = 0;
    due = NEVER;
    askedAt = NEVER;
    asked = false;
    isEarlyRetry = false;
    votes.clear();
    reason = Reason.NONE;
  }

  // ── the primary ──

  /// The link of replication, or that of the bus, is lost.
  void primaryLinkLost() {
    primarySuspected();
  }

  void primarySuspected() {
    ClusterNode primary = machine.myself().primary;
    if (primary != null && suspectedAt == 0) {
      suspectedAt = machine.now();
      for (ClusterNode sibling : primary.replicas) {
        if (!sibling.isMyself()) {
          machine.heartbeats().ping(sibling);
        }
      }
    }
  }

  void primaryAnswered() {
    suspectedAt = 0;
  }

  // ── standing for election ──

  /// After each step: whatever is due.
  void look() {
    ClusterNode myself = machine.myself();
    ClusterNode primary = myself.primary;
    boolean byHand = machine.manual().mayStart();
    if (myself.isPrimary()
        || primary == null
        || !primary.hasFailed() && !byHand
        || machine.policy().neverPromote() && !byHand
        || primary.slots.isEmpty()) {
      reason = Reason.NONE;
      failedAt = 0;
      return;
    }
    if (failedAt == 0) {
      failedAt = machine.now();
      primarySuspected();
    }
    if (!byHand && !mayPromote()) {
      return;
    }
    if (isElected()) {
      win();
      return;
    }
    boolean early = mayRetryEarly(primary);
    long pause = early ? AGAIN_MILLIS : 2 * machine.policy().electionMillis();
    if (age() > pause && !schedule(primary, byHand, early)) {
      return;
    }
    advance(primary, byHand);
  }

  /// Not if the primary answers again: it has failed no more in a moment, and may know of writes
  /// that this node doesn't.
  private boolean mayRetryEarly(ClusterNode primary) {
    return asked && !isEarlyRetry && primary.answeredAt <= primary.failTime && votersAreOurs();
  }

  private boolean votersAreOurs() {
    for (ClusterNode node : machine.nodes().all()) {
      if (node.isVoter() && !node.hasFailed() && !node.isOurs) {
        return false;
      }
    }
    return true;
  }

  private long age() {
    return machine.now() - (asked ? askedAt : due);
  }

  private boolean isElected() {
    return machine.now() - askedAt <= machine.policy().electionMillis()
        && countVotes() >= machine.health().quorum();
  }

  private int countVotes() {
    int count = 0;
    for (ClusterNode voter : votes) {
      count += voter.isVoter() && machine.nodes().get(voter.id) == voter ? 1 : 0;
    }
    return count;
  }

  private boolean mayPromote() {
    if (!machine.world().hasCompleteCopy() || machine.hasOtherData()) {
      log(Reason.INCOMPLETE);
      return false;
    }
    ClusterPolicy policy = machine.policy();
    long timeout = policy.nodeTimeoutMillis();
    long silence = machine.world().primarySilenceMillis();
    if (silence > timeout) {
      silence -= timeout;
    }
    if (policy.validityFactor() != 0
        && silence > policy.replicationPingMillis() + timeout * policy.validityFactor()) {
      log(Reason.DATA_AGE);
      return false;
    }
    return true;
  }

  /// Decides when to ask for votes. Returns false to think again soon: siblings may still answer.
  private boolean schedule(ClusterNode primary, boolean byHand, boolean early) {
    long now = machine.now();
    boolean first = due < machine.started();
    boolean known = siblingsAreKnown(primary);
    if (!byHand && first && !known && now - failedAt < ASKING_MILLIS) {
      return false;
    }
    isEarlyRetry = early;
    asked = false;
    isFast = first && known;
    rank = byHand ? 0 : rank(primary);
    turn = byHand ? 0 : turn(primary);
    if (byHand) {
      earliest = now;
    } else if (isFast) {
      earliest = now + rank * STEP_MILLIS;
    } else {
      earliest = now + STEP_MILLIS + machine.world().below((int) STEP_MILLIS) + rank * 1000L;
    }
    due = earliest + turn * TURN_MILLIS;
    machine.notice(
        "Start of election delayed for "
            + (due - now)
            + " milliseconds (rank #"
            + rank
            + ", offset "
            + machine.world().offset()
            + ").");
    machine.heartbeats().broadcastPong(true);
    return true;
  }

  private void advance(ClusterNode primary, boolean byHand) {
    if (!asked && !byHand) {
      int better = rank(primary);
      if (better > rank) {
        long more = (better - rank) * (isFast ? STEP_MILLIS : 1000L);
        rank = better;
        earliest += more;
        due += more;
        machine.notice(
            "Replica rank updated to #" + rank + ", added " + more + " milliseconds of delay.");
      }
      int before = turn;
      turn = turn(primary);
      if (turn > before) {
        due += (turn - before) * TURN_MILLIS;
      } else if (turn < before) { // who came first has been elected: the next one is due
        due = Math.min(due, Math.max(machine.now(), earliest) + turn * TURN_MILLIS);
      }
    }
    if (machine.now() < due) {
      log(Reason.WAITING_DELAY);
    } else if (age() > machine.policy().electionMillis()) {
      log(Reason.EXPIRED);
    } else if (!asked) {
      ask(primary, byHand);
    } else {
      log(Reason.WAITING_VOTES);
    }
  }

  /// How many siblings are better.
  private int rank(ClusterNode primary) {
    ClusterNode myself = machine.myself();
    long own = machine.world().offset();
    int better = 0;
    for (ClusterNode sibling : primary.replicas) {
      if (competes(sibling)
          && (sibling.offset > own
              || sibling.offset == own && sibling.id.compareTo(myself.id) < 0)) {
        better++;
      }
    }
    return better;
  }

  /// How many other primaries have failed, or are about to be found so, whose replicas come first;
  /// of very many the last ones rather split votes than wait any longer.
  private int turn(ClusterNode primary) {
    int first = 0;
    for (ClusterNode node : machine.nodes().all()) {
      if (node.isVoter()
          && node.is(NodeFlags.FAIL | NodeFlags.PFAIL)
          && node.replicas.stream().anyMatch(Elections::competes)
          && node.id.compareTo(primary.id) < 0) {
        first++;
      }
    }
    return Math.min(first, MOST_TURNS);
  }

  private static boolean competes(ClusterNode sibling) {
    return !sibling.is(NodeFlags.MYSELF | NodeFlags.NOFAILOVER | NodeFlags.FAIL);
  }

  /// Whether each sibling that may be promoted has said how much data it has since the primary fell
  /// silent.
  private boolean siblingsAreKnown(ClusterNode primary) {
    for (ClusterNode sibling : primary.replicas) {
      if (competes(sibling) && (suspectedAt == 0 || sibling.offsetTime < suspectedAt)) {
        return false;
      }
    }
    return true;
  }

  private void ask(ClusterNode primary, boolean byHand) {
    votes.clear();
    epoch = machine.nextEpoch();
    asked = true;
    askedAt = machine.now();
    machine.notice("Starting a failover election for epoch " + Long.toUnsignedString(epoch) + ".");
    if (!byHand) {
      machine.links().broadcast(new BusMessage.Fail(machine.header(BusType.FAIL), primary.id));
    }
    machine
        .links()
        .broadcast(
            new BusMessage.Plain(machine.header(BusType.AUTH_REQUEST, epoch, byHand, false, 0)));
    machine.saveDurably();
    machine.health().lookAgain();
  }

  /// What the file says.
  void load(long won) {
    wonEpoch = won;
  }

  long wonEpoch() {
    return wonEpoch;
  }

  /// Whether it is for its configuration epoch that this node was elected.
  boolean hasWon() {
    return wonEpoch != 0 && wonEpoch == machine.myself().configEpoch;
  }

  /// Whether this node was elected, and has a greater epoch only because another node had the same
  /// one, or since slots have moved here.
  boolean isHeir() {
    return wonEpoch != 0 && !hasWon();
  }

  /// This node has an epoch that says nothing of elections.
  void tookEpoch() {
    wonEpoch = 0;
  }

  /// A vote. It counts if the voter is one, and for this election alone.
  void granted(ClusterNode sender, Header header) {
    if (askedAt != NEVER && sender.isVoter() && header.currentEpoch() == epoch) {
      votes.add(sender);
    }
  }

  private void win() {
    ClusterNode myself = machine.myself();
    machine.notice("Failover election won: I'm the new master.");
    machine.setLastVoteEpoch(NodesFile.laterEpoch(machine.lastVoteEpoch(), epoch));
    if (Long.compareUnsigned(myself.configEpoch, epoch) < 0) {
      myself.configEpoch = epoch;
      wonEpoch = epoch;
      machine.notice(
          "configEpoch set to " + Long.toUnsignedString(epoch) + " after successful failover");
    }
    takeOver();
  }

  /// This node has a configuration epoch for it, and takes its primary's place.
  void takeOver() {
    ClusterNode myself = machine.myself();
    ClusterNode before = myself.primary;
    if (myself.isPrimary() || before == null) {
      return;
    }
    machine.holdUntilSaved();
    machine.becomePrimary();
    for (int slot = before.slots.next(0); slot >= 0; slot = before.slots.next(slot + 1)) {
      if (!machine.moves().isHandedByPrimary(slot)) {
        machine.slots().take(slot);
        machine.slots().give(myself, slot);
      }
    }
    machine.moves().promoted();
    machine.health().lookAgain();
    machine.heartbeats().broadcastPong(false);
    machine.manual().reset();
    reset();
  }

  private void log(Reason why) {
    long now = machine.now();
    if (!machine.ticks() || why == reason && now - loggedAt < RELOG_MILLIS) {
      return;
    }
    reason = why;
    ClusterNode primary = machine.myself().primary;
    if (primary != null
        && primary.hasFailed()
        && now - primary.failTime < machine.policy().nodeTimeoutMillis() + 5000) {
      return;
    }
    loggedAt = now;
    machine.notice("Currently unable to failover: " + why.words);
    if (why == Reason.WAITING_VOTES || why == Reason.EXPIRED) {
      machine.notice(
          "Needed quorum: "
              + machine.health().quorum()
              + ". Number of votes received so far: "
              + countVotes());
    }
  }
}
