package dev.spinel.sentinel;

import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.sentinel.WatchedPrimary.FailoverState;
import dev.spinel.sentinel.WatchedReplica.Reconfiguration;
import dev.spinel.wire.RespValue;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A failover, from its start to the switch.
///
/// ```
///   WAIT_START ──elected──► SELECT_SLAVE ──► SEND_SLAVEOF_NOONE ──► WAIT_PROMOTION
///       │ not elected           │ none            │ timeout             │ timeout   │ INFO says master
///       ▼                       ▼                 ▼                     ▼           ▼
///     NONE                    NONE              NONE                  NONE     RECONF_SLAVES
///                                                                                   │ all, or timeout
///                                                                              UPDATE_CONFIG ──► NONE
/// ```
///
/// A split vote, of which everybody has told, is given up at once and tried again after a moment;
/// Redis waits for the election's timeout, and then for twice that of the failover. One that found
/// no replica to promote begins anew as soon as there is one; Redis waits here, too.
///
/// A *coordinated* failover is a manual one in which the primary itself hands over (FAILOVER): it
/// stops its writes, waits until the replica has them all, and becomes its replica. No write is
/// lost. Once the replica is a primary both write that to their configurations, and end their
/// clients, which look for the primary anew. One that is given up is called off; if the primary
/// goes down meanwhile, it is replaced as usual.
final class SentinelFailover {
  private static final int DESYNC = 1000;

  /// How long the choice waits for offsets that are on their way.
  private static final long HEARING = 300;

  /// The least time between an attempt that found no replica to promote and the next.
  private static final long RETRY = 1000;

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("EEE MMM ppd HH:mm:ss yyyy", Locale.ROOT);

  private final SentinelMachine machine;

  SentinelFailover(SentinelMachine machine) {
    this.machine = machine;
  }

  // ── its start ──

  /// Starts one if enough Sentinels agree, and the last isn't too fresh. Returns whether it did.
  boolean startIfNeeded(WatchedPrimary primary) {
    if (!primary.isAgreedDown || primary.isFailingOver()) {
      return false;
    }
    long now = machine.now();
    if (primary.retryAt != 0) {
      if (now < primary.retryAt) {
        return false;
      }
      primary.retryAt = 0;
    } else if (now - primary.failoverAt < primary.failoverTimeout * 2 && !isWorthARetry(primary)) {
      if (primary.delayLogged != primary.failoverAt) {
        primary.delayLogged = primary.failoverAt;
        Instant at = Instant.ofEpochMilli(primary.failoverAt + primary.failoverTimeout * 2);
        machine.log(
            Level.NOTICE,
            "Next failover delay: I will not start a failover before "
                + TIME.format(at.atZone(ZoneId.systemDefault())));
      }
      return false;
    }
    start(primary);
    return true;
  }

  /// Whether the last attempt failed only for want of a replica to promote, and now there is one.
  /// Not if another Sentinel may have begun meanwhile.
  private boolean isWorthARetry(WatchedPrimary primary) {
    return primary.lackedReplica
        && machine.epoch == primary.failoverEpoch
        && machine.now() - primary.failoverAt > primary.lackPause
        && select(primary) != null;
  }

  void start(WatchedPrimary primary) {
    primary.lackedReplica = false;
    primary.failoverEpoch = ++machine.epoch;
    to(primary, FailoverState.WAIT_START);
    machine.happened(Level.WARNING, "+new-epoch", primary, Long.toString(machine.epoch));
    machine.event(Level.WARNING, "+try-failover", primary, "");
    primary.failoverAt = machine.now() + machine.random.nextInt(DESYNC);
  }

  private void to(WatchedPrimary primary, FailoverState state) {
    primary.state = state;
    primary.stateAt = machine.now();
  }

  // ── its course ──

  /// Goes on as far as it can now.
  void advance(WatchedPrimary primary) {
    FailoverState before;
    do {
      before = primary.state;
      switch (before) {
        case WAIT_START -> awaitElection(primary);
        case SELECT_SLAVE -> selectReplica(primary);
        case SEND_SLAVEOF_NOONE -> promote(primary);
        case WAIT_PROMOTION -> awaitPromotion(primary);
        case RECONF_SLAVES -> reconfigure(primary);
        case NONE, UPDATE_CONFIG -> {}
      }
    } while (primary.state != before && primary.state.compareTo(before) > 0);
  }

  private void awaitElection(WatchedPrimary primary) {
    Leadership.Count count = machine.leadership.count(primary, primary.failoverEpoch);
    boolean leads =
        primary.isForced ? hasVotedForItself(primary) : machine.id.equals(count.leader());
    long passed = machine.now() - primary.failoverAt;
    boolean isLate = passed > Math.min(machine.periods.election, primary.failoverTimeout);
    if (!leads || (isLate && !primary.isForced)) {
      if (isLate) {
        machine.event(Level.WARNING, "-failover-abort-not-elected", primary, "");
        abort(primary, "ERR The vote couldn't be saved. Check server logs.");
      } else if (!primary.isForced && count.isSplit() && machine.now() - primary.stateAt > 0) {
        machine.event(Level.WARNING, "-failover-abort-not-elected", primary, "");
        abort(primary);
        primary.retryAt = machine.now() + 50 + machine.random.nextInt(DESYNC);
      }
      return;
    }
    machine.event(Level.WARNING, "+elected-leader", primary, "");
    if (machine.crashesElected) {
      crash();
    }
    to(primary, FailoverState.SELECT_SLAVE);
    machine.event(Level.WARNING, "+failover-state-select-slave", primary, "");
    primary.replicas.values().forEach(machine.links::infoAnew);
  }

  /// All that a forced failover needs: nobody else gets the vote of this Sentinel in its epoch.
  private boolean hasVotedForItself(WatchedPrimary primary) {
    return !primary.voteIsUnsaved
        && primary.leaderEpoch == primary.failoverEpoch
        && machine.id.equals(primary.leader);
  }

  private void crash() {
    machine.log(Level.WARNING, "Sentinel CRASH because of SENTINEL simulate-failure");
    machine.act(new SentinelAction.Crash());
  }

  private void selectReplica(WatchedPrimary primary) {
    if (machine.now() - primary.stateAt < HEARING && isInfoAwaited(primary)) {
      return;
    }
    WatchedReplica replica = select(primary);
    if (replica == null) {
      machine.event(Level.WARNING, "-failover-abort-no-good-slave", primary, "");
      abort(primary);
      primary.lackedReplica = true;
      primary.lackPause =
          Math.clamp(2 * primary.lackPause, RETRY, Math.max(RETRY, 2 * primary.failoverTimeout));
      return;
    }
    machine.event(Level.WARNING, "+selected-slave", replica, "");
    primary.lackPause = 0;
    replica.isPromoted = true;
    primary.promoted = replica;
    to(primary, FailoverState.SEND_SLAVEOF_NOONE);
    machine.event(Level.NOTICE, "+failover-state-send-slaveof-noone", replica, "");
  }

  /// Whether a replica that may be the newest has not told its offset since the choice began, when
  /// all were asked, or since it is connected.
  private static boolean isInfoAwaited(WatchedPrimary primary) {
    return primary.replicas.values().stream()
        .anyMatch(
            replica ->
                replica.infoAsked
                    && (replica.infoOf < primary.stateAt || !SentinelLinks.isKnown(replica))
                    && !replica.isDown
                    && !replica.link.isDisconnected);
  }

  private void promote(WatchedPrimary primary) {
    WatchedReplica replica = primary.promoted;
    if (replica == null) {
      abort(primary);
    } else if (replica.link.isDisconnected
        || !(primary.isCoordinated
            ? askToHandOver(primary, replica)
            : machine.links.slaveOf(replica, null))) {
      abortIfLate(primary);
    } else {
      machine.event(Level.NOTICE, "+failover-state-wait-promotion", replica, "");
      to(primary, FailoverState.WAIT_PROMOTION);
      replica.wasPrimary = true; // it will be known as ours whatever becomes of it, and of us
      machine.saveSoon();
    }
  }

  private boolean askToHandOver(WatchedPrimary primary, WatchedReplica replica) {
    return machine.links.ask(
        primary,
        reply -> {
          if (reply instanceof RespValue.Error refusal) {
            giveUpCoordinated(primary, refusal.text());
          } else if (primary.coordinatedFor != 0) {
            machine.reply(primary.coordinatedFor, Texts.OK);
            primary.coordinatedFor = 0;
          }
        },
        "FAILOVER",
        "TO",
        machine.shown(replica.address),
        Integer.toString(replica.address.port()),
        "TIMEOUT",
        Long.toString(primary.failoverTimeout));
  }

  /// The primary won't hand over. Nothing has happened yet.
  void giveUpCoordinated(WatchedPrimary primary, String reason) {
    if (!primary.isCoordinated || primary.coordinatedFor == 0) {
      return;
    }
    long client = primary.coordinatedFor;
    primary.coordinatedFor = 0;
    primary.isCoordinated = false; // there is nothing to be called off
    machine.event(Level.WARNING, "-failover-abort-master-refuses", primary, " #" + reason);
    if (primary.isFailingOver() && primary.state.compareTo(FailoverState.WAIT_PROMOTION) <= 0) {
      abort(primary);
    }
    machine.reply(client, Texts.error(reason));
  }

  /// Tells a primary that hands over to go on as it is: its clients wait meanwhile.
  void callOff(WatchedPrimary primary) {
    if (primary.isCoordinated && primary.state == FailoverState.WAIT_PROMOTION) {
      machine.links.ask(primary, null, "FAILOVER", "ABORT");
    }
  }

  private void awaitPromotion(WatchedPrimary primary) {
    if (primary.isCoordinated && primary.isAgreedDown) {
      machine.event(Level.WARNING, "-failover-abort-master-down", primary, "");
      abort(primary);
      primary.retryAt = machine.now() + 50 + machine.random.nextInt(DESYNC); // the usual way
    } else if (!abortIfLate(primary)
        && primary.promoted != null
        && machine.now() - primary.promoted.infoAt > 50) {
      machine.links.info(primary.promoted);
    }
  }

  private boolean abortIfLate(WatchedPrimary primary) {
    if (machine.now() - primary.stateAt > primary.failoverTimeout) {
      machine.event(Level.WARNING, "-failover-abort-slave-timeout", primary, "");
      abort(primary);
      return true;
    }
    return false;
  }

  /// The promoted replica says that it is a primary.
  void promotionSeen(WatchedPrimary primary, WatchedReplica replica) {
    primary.configEpoch = primary.failoverEpoch;
    to(primary, FailoverState.RECONF_SLAVES);
    machine.save();
    machine.event(Level.WARNING, "+promoted-slave", replica, "");
    if (machine.crashesPromoted) {
      crash();
    }
    if (primary.isCoordinated) { // else SLAVEOF has brought that about
      machine.links.settle(replica);
      machine.links.settle(primary);
    }
    machine.event(Level.WARNING, "+failover-state-reconf-slaves", primary, "");
    machine.runReconfigurationScript(primary, "leader", primary.address, replica.address);
    machine.links.helloToAll(primary);
    machine.downDetection.askOthers(primary, true); // who has moved on doesn't miss it any more
  }

  private void reconfigure(WatchedPrimary primary) {
    WatchedReplica promoted = primary.promoted;
    if (promoted == null) {
      return;
    }
    int running = 0;
    for (WatchedReplica replica : primary.replicas.values()) {
      running += isRunning(replica) ? 1 : 0;
    }
    for (WatchedReplica replica : List.copyOf(primary.replicas.values())) {
      if (running >= primary.parallelSyncs) {
        break;
      }
      if (replica.isPromoted || replica.reconfiguration == Reconfiguration.DONE) {
        continue;
      }
      if (isRunning(replica) || replica.link.isDisconnected || replica.isForeign) {
        continue;
      }
      if (machine.links.slaveOf(replica, promoted.address)) {
        replica.reconfiguration = Reconfiguration.SENT;
        replica.reconfiguredAt = machine.now();
        machine.event(Level.NOTICE, "+slave-reconf-sent", replica, "");
        running++;
      }
    }
    for (WatchedReplica replica : primary.replicas.values()) {
      if (replica.reconfiguration == Reconfiguration.SENT
          && machine.now() - replica.reconfiguredAt > machine.periods.reconfiguration) {
        machine.event(Level.NOTICE, "-slave-reconf-sent-timeout", replica, "");
        replica.reconfiguration = Reconfiguration.DONE;
      }
    }
    endIfDone(primary, promoted);
  }

  private static boolean isRunning(WatchedReplica replica) {
    return replica.reconfiguration == Reconfiguration.SENT
        || replica.reconfiguration == Reconfiguration.IN_PROGRESS;
  }

  private void endIfDone(WatchedPrimary primary, WatchedReplica promoted) {
    if (promoted.isDown) {
      return;
    }
    boolean done = true;
    for (WatchedReplica replica : primary.replicas.values()) {
      done &=
          replica.isPromoted
              || replica.reconfiguration == Reconfiguration.DONE
              || replica.isDown
              || replica.isForeign;
    }
    boolean late = machine.now() - primary.stateAt > primary.failoverTimeout;
    if (late) {
      machine.event(Level.WARNING, "+failover-end-for-timeout", primary, "");
    }
    if (done || late) {
      machine.event(Level.WARNING, "+failover-end", primary, "");
      to(primary, FailoverState.UPDATE_CONFIG);
    }
    if (!late) {
      return;
    }
    for (WatchedReplica replica : primary.replicas.values()) {
      boolean untold =
          !replica.isPromoted
              && !replica.isForeign
              && replica.reconfiguration != Reconfiguration.DONE
              && replica.reconfiguration != Reconfiguration.SENT;
      if (untold
          && !replica.link.isDisconnected
          && machine.links.slaveOf(replica, promoted.address)) {
        machine.event(Level.NOTICE, "+slave-reconf-sent-be", replica, "");
        replica.reconfiguration = Reconfiguration.SENT;
      }
    }
  }

  /// Once all replicas follow the new primary it takes the old one's place here, too.
  void switchIfDone(WatchedPrimary primary) {
    if (primary.state != FailoverState.UPDATE_CONFIG) {
      return;
    }
    SentinelAddress to = primary.promoted == null ? primary.address : primary.promoted.address;
    machine.switches(primary, primary.address, machine.shown(to), to.port());
    machine.moveTo(primary, to);
  }

  /// Gives a failover up, as long as nobody has been promoted.
  private void abort(WatchedPrimary primary) {
    abort(primary, "NOGOODSLAVE No suitable replica to promote");
  }

  /// @param reply for the client that waits, if one does
  private void abort(WatchedPrimary primary, String reply) {
    callOff(primary);
    WatchedReplica promoted = primary.promoted;
    to(primary, FailoverState.NONE);
    primary.isForced = false;
    if (promoted != null) {
      promoted.isPromoted = false;
      primary.promoted = null;
    }
    if (primary.coordinatedFor != 0) {
      machine.reply(primary.coordinatedFor, Texts.error(reply));
      primary.coordinatedFor = 0;
    }
    primary.isCoordinated = false;
  }

  /// The clock has jumped, so nothing is done for a while. What was counted and told before is old
  /// by then: a failover that has told no server anything begins anew afterwards.
  void interrupt(WatchedPrimary primary) {
    boolean hasTold = primary.state.compareTo(FailoverState.SEND_SLAVEOF_NOONE) > 0;
    if (primary.isFailingOver() && !hasTold && !primary.isForced) {
      machine.event(Level.WARNING, "-failover-abort-tilt", primary, "");
      abort(primary);
      primary.retryAt = machine.now() + 50 + machine.random.nextInt(DESYNC);
    }
  }

  // ── the choice ──

  private static final Comparator<WatchedReplica> BEST_FIRST =
      Comparator.<WatchedReplica>comparingInt(replica -> replica.priority)
          .thenComparing(replica -> replica.offset, Comparator.reverseOrder())
          .thenComparing(
              replica -> replica.runId, Comparator.nullsLast(String.CASE_INSENSITIVE_ORDER));

  /// The replica to promote: of those that answer, are whole and haven't been alone for too long,
  /// that of the least priority, then of the largest offset, then of the smallest run id. Offsets
  /// of different histories can't be compared: if there are replicas that have come into the
  /// primary's history, it is one of them. An old primary that hasn't copied anything of the
  /// present one isn't whole, however large its offset is.
  @Nullable WatchedReplica select(WatchedPrimary primary) {
    long now = machine.now();
    Periods periods = machine.periods;
    // What is found down only after TILT has been so for longer.
    long downAt = Math.min(primary.downAt, primary.link.availableAt + primary.downAfter);
    long aloneMost = primary.downAfter * 10 + (primary.isDown ? now - downAt : 0);
    long infoMost = primary.isDown ? periods.ping * 5 : periods.info * 3;
    List<WatchedReplica> good = new ArrayList<>();
    for (WatchedReplica replica : primary.replicas.values()) {
      boolean usable =
          !replica.isDown
              && !replica.link.isDisconnected
              && now - replica.link.availableAt <= periods.ping * 5
              && replica.priority != 0
              && now - replica.infoAt <= infoMost
              && replica.linkDownMillis <= aloneMost
              && !replica.isForeign
              && SentinelLinks.isKnown(replica)
              && ((replica.isWhole && !isBehind(replica)) || !primary.hasData);
      if (usable) {
        good.add(replica);
      }
    }
    boolean anyFollows = good.stream().anyMatch(replica -> replica.isOf(primary.history));
    if (anyFollows) {
      good.removeIf(replica -> !replica.isOf(primary.history));
    }
    good.sort(BEST_FIRST);
    return good.isEmpty() ? null : good.getFirst();
  }

  /// Whether a server that led before has copied nothing of the primary since. As long as nobody
  /// has told the primary's history, it is if it still has the history under which it led.
  private static boolean isBehind(WatchedReplica replica) {
    String led = replica.primaryHistory;
    boolean isAsItWas =
        !led.isEmpty()
            && (replica.reportsPrimary ? replica.isOf(led) : replica.history.equals(led));
    return replica.hasLed && (!replica.primary().history.isEmpty() || isAsItWas);
  }
}
