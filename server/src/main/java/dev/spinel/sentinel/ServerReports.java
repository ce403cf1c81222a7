package dev.spinel.sentinel;

import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.sentinel.WatchedPrimary.FailoverState;
import dev.spinel.sentinel.WatchedReplica.Reconfiguration;
import org.jspecify.annotations.Nullable;

/// What servers say of themselves (INFO), and what follows: new replicas, promotions that have
/// worked, servers that follow the wrong one.
///
/// **Who is sent SLAVEOF.** A server that isn't what we think it is may be right: another Sentinel
/// may have promoted it, and its word is on the way. So it is given time, as in Redis (8 s, or the
/// failover timeout). Two cases need none, and it is made a replica at once, before clients write
/// to it: the process is another one than when we lost it, so it has restarted, and says that it is
/// a primary since its file says so; or this Sentinel has led the last failover there was, and the
/// primary of before still has the replication id that it had then, so nobody has promoted it
/// since.
///
/// **Who never is.** A server with data of which no history of this group is known belongs to
/// somebody else, who has got the address: SLAVEOF would wipe it. A server counts as ours if it
/// follows one of this group, or was its primary, has no replicas and can have been restarted since
/// we lost it: histories may be new after a restart. Nobody is sent SLAVEOF over a connection over
/// which it hasn't said yet who it is.
final class ServerReports {
  /// So long a server counts as just restarted, in milliseconds: it may have been seen while a
  /// failover was still under way.
  private static final long JUST = 3000;

  /// A server may have been restarted so long before its connection was seen to be lost, in
  /// milliseconds.
  private static final long SLACK = 30_000;

  private final SentinelMachine machine;

  ServerReports(SentinelMachine machine) {
    this.machine = machine;
  }

  void take(WatchedServer server, String text) {
    InfoReport report = new InfoReport(text);
    server.info = text;
    readRunId(server, report);
    if (server instanceof WatchedPrimary primary) {
      readReplicas(primary, report);
    }
    if (server instanceof WatchedReplica replica) {
      replica.linkDownMillis = report.number("master_link_down_since_seconds") * 1000;
      if (report.isReplica) {
        readReplica(replica, report);
      }
    }
    server.infoAt = machine.now();
    readRole(server, report);
    readHistory(server, report);
    if (machine.isTilted) {
      return;
    }
    WatchedPrimary primary = server.primary();
    if (server instanceof WatchedReplica replica) {
      if (report.isPrimary) {
        isPrimaryNow(replica, report);
      } else {
        fixConfig(replica, report);
        followReconfiguration(replica);
      }
    }
    machine.act(primary);
    machine.failover.switchIfDone(primary);
  }

  /// Notes if another process answers than before.
  private void readRunId(WatchedServer server, InfoReport report) {
    String id = report.runId();
    if (id.isEmpty() || id.equals(server.runId)) {
      return;
    }
    boolean restarted = server.runId != null;
    server.runId = id;
    if (restarted) {
      server.restartedAt = machine.now();
      machine.event(Level.NOTICE, "+reboot", server, "");
      if (server instanceof WatchedPrimary primary && primary.rebootDownAfter != 0) {
        primary.rebooted = true;
        primary.rebootAt = machine.now();
      }
    }
  }

  private void readReplicas(WatchedPrimary primary, InfoReport report) {
    for (InfoReport.ReplicaLine line : report.replicas) {
      WatchedReplica replica = machine.addReplica(primary, line.host(), line.port());
      if (replica != null) {
        machine.event(Level.NOTICE, "+slave", replica, "");
        machine.save();
      }
    }
  }

  private void readReplica(WatchedReplica replica, InfoReport report) {
    if (report.has("master_host")) {
      String host = report.text("master_host");
      if (!host.equalsIgnoreCase(String.valueOf(replica.primaryHost))) {
        replica.primaryHost = host;
        replica.primaryChangedAt = machine.now();
      }
    }
    if (report.has("master_port") && replica.primaryPort != (int) report.number("master_port")) {
      replica.primaryPort = (int) report.number("master_port");
      replica.primaryChangedAt = machine.now();
    }
    if (report.has("master_link_status")) {
      replica.linkUp = report.text("master_link_status").equalsIgnoreCase("up");
    }
    if (report.has("slave_priority")) {
      replica.priority = (int) report.number("slave_priority");
    }
    if (report.has("slave_repl_offset")) {
      replica.offset = report.number("slave_repl_offset");
    }
    if (report.has("replica_announced")) {
      replica.isAnnounced = report.number("replica_announced") != 0;
    }
    replica.isWhole = report.isWholeCopy();
  }

  private void readRole(WatchedServer server, InfoReport report) {
    if (report.isPrimary == server.reportsPrimary) {
      return;
    }
    server.roleAt = machine.now();
    server.reportsPrimary = report.isPrimary;
    boolean expected = (server instanceof WatchedPrimary) == report.isPrimary;
    if (report.isReplica && server instanceof WatchedReplica replica) {
      replica.primaryChangedAt = machine.now();
    }
    machine.event(
        Level.VERBOSE,
        expected ? "+role-change" : "-role-change",
        server,
        " new reported role is " + (report.isPrimary ? "master" : "slave"));
  }

  // ── histories ──

  private void readHistory(WatchedServer server, InfoReport report) {
    WatchedPrimary primary = server.primary();
    if (server instanceof WatchedPrimary) {
      if (report.isPrimary) {
        learn(primary, report);
        primary.history = report.text("master_replid");
        primary.hasData = report.hasKeys;
      }
      return;
    }
    WatchedReplica replica = (WatchedReplica) server;
    replica.history = report.text("master_replid");
    replica.historyBefore = report.text("master_replid2");
    boolean follows = report.isReplica && followsOurs(replica) && replica.linkUp;
    if (follows) {
      if (!primary.histories.contains(replica.history)) {
        primary.history = replica.history; // the primary has begun it, and not told us yet
      }
      learn(primary, report);
    }
    if (follows
        || replica.isPromoted
        || replica.isOf(primary.history)
        || !report.has("master_replid")) {
      replica.hasLed = false;
    } else if (report.isPrimary) {
      replica.hasLed = true;
    }
    boolean descends =
        primary.histories.contains(report.text("master_replid"))
            || primary.histories.contains(report.text("master_replid2"));
    if (descends) { // also if it was promoted by somebody who has told nobody
      learn(primary, report);
    }
    boolean unknown =
        report.hasKeys && !primary.histories.isEmpty() && report.has("master_replid") && !descends;
    boolean ours = report.isReplica ? followsGroup(replica) : mayHaveRestarted(replica, report);
    boolean foreign = unknown && !ours && !replica.isPromoted;
    if (foreign && !replica.isForeign) {
      machine.log(
          Level.WARNING,
          "The server at "
              + replica.name
              + " has data of a history that master "
              + primary.name
              + " never had: it seems to be of another deployment that has got this address. It"
              + " isn't sent SLAVEOF, which would wipe it. To make it a replica even so, send it"
              + " REPLICAOF by hand; to forget it: SENTINEL RESET "
              + primary.name);
    }
    replica.isForeign = foreign;
  }

  /// The data is this group's: its history is one that the group has or had.
  private void learn(WatchedPrimary primary, InfoReport report) {
    boolean isNew = primary.knowHistory(report.text("master_replid"));
    if (primary.knowHistory(report.text("master_replid2")) || isNew) {
      machine.saveSoon();
    }
  }

  /// Whether a replica follows a server of this group, be it the primary or not.
  private boolean followsGroup(WatchedReplica replica) {
    return followsOurs(replica)
        || replica.primary().replicas.values().stream()
            .anyMatch(other -> other != replica && isFollowing(replica, other.address));
  }

  /// Whether a server may be an old primary of ours that has been restarted, as it has no replicas:
  /// unless its process is older than the end of our connection.
  private boolean mayHaveRestarted(WatchedReplica replica, InfoReport report) {
    long lost = replica.link.lostAt;
    boolean isOlder =
        lost != 0
            && report.has("uptime_in_seconds")
            && report.number("uptime_in_seconds") * 1000 > machine.now() - lost + SLACK;
    return replica.wasPrimary && report.number("connected_slaves") == 0 && !isOlder;
  }

  private boolean followsOurs(WatchedReplica replica) {
    return isFollowing(replica, replica.primary().address);
  }

  private boolean isFollowing(WatchedReplica replica, SentinelAddress address) {
    String host = replica.primaryHost;
    return host != null && replica.primaryPort == address.port() && machine.isHostOf(address, host);
  }

  // ── what follows ──

  private void isPrimaryNow(WatchedReplica replica, InfoReport report) {
    WatchedPrimary primary = replica.primary();
    if (replica.isPromoted && primary.state == FailoverState.WAIT_PROMOTION) {
      machine.failover.promotionSeen(primary, replica);
      return;
    }
    long wait = machine.periods.publish * 4;
    boolean patient = isNotDownFor(replica, wait) && machine.now() - replica.roleAt > wait;
    if (!replica.isPromoted
        && looksSane(primary)
        && !replica.isForeign
        && (patient
            || (!primary.isFailingOver()
                && machine.now() - replica.correctedAt > machine.periods.info // it may not obey
                && (isStale(replica, report) || isReplaced(replica, report))))
        && machine.links.slaveOf(replica, primary.address)) {
      machine.event(Level.NOTICE, "+convert-to-slave", replica, "");
      replica.roleAt = machine.now(); // it is given time again
      replica.correctedAt = machine.now();
    }
  }

  /// Whether a process has just been started, of a server that was our primary before.
  private boolean isStale(WatchedReplica replica, InfoReport report) {
    long lost = replica.link.lostAt;
    return replica.restartedAt != 0
        && machine.now() - replica.restartedAt < JUST
        && replica.wasPrimary
        && lost != 0
        && report.has("uptime_in_seconds")
        && report.number("uptime_in_seconds") * 1000 <= machine.now() - lost + 1000;
  }

  /// Whether a server still is the primary that this Sentinel has put another one in the place of.
  private boolean isReplaced(WatchedReplica replica, InfoReport report) {
    WatchedPrimary primary = replica.primary();
    return replica.wasPrimary
        && !replica.primaryHistory.isEmpty()
        && replica.primaryHistory.equals(report.text("master_replid"))
        && primary.configEpoch == primary.failoverEpoch
        && primary.configEpoch == machine.epoch;
  }

  private void fixConfig(WatchedReplica replica, InfoReport report) {
    WatchedPrimary primary = replica.primary();
    if (!report.isReplica || followsOurs(replica)) {
      return;
    }
    long wait = primary.failoverTimeout;
    if (looksSane(primary)
        && !replica.isForeign
        && isNotDownFor(replica, wait)
        && machine.now() - replica.primaryChangedAt > wait
        && machine.now() - replica.correctedAt > machine.periods.info
        && machine.links.slaveOf(replica, primary.address)) {
      machine.event(Level.NOTICE, "+fix-slave-config", replica, "");
      replica.correctedAt = machine.now();
    }
  }

  private void followReconfiguration(WatchedReplica replica) {
    @Nullable WatchedReplica promoted = replica.primary().promoted;
    if (replica.reconfiguration == Reconfiguration.SENT
        && promoted != null
        && isFollowing(replica, promoted.address)) {
      replica.reconfiguration = Reconfiguration.IN_PROGRESS;
      machine.event(Level.NOTICE, "+slave-reconf-inprog", replica, "");
    }
    if (replica.reconfiguration == Reconfiguration.IN_PROGRESS && replica.linkUp) {
      replica.reconfiguration = Reconfiguration.DONE;
      machine.event(Level.NOTICE, "+slave-reconf-done", replica, "");
    }
  }

  /// Whether a primary is there and is one, so that others may be made to follow it.
  private boolean looksSane(WatchedPrimary primary) {
    return primary.reportsPrimary
        && !primary.isDown
        && !primary.isAgreedDown
        && primary.infoAt != 0
        && machine.now() - primary.infoAt < machine.periods.info * 2;
  }

  private boolean isNotDownFor(WatchedServer server, long millis) {
    return server.downAt == 0 || machine.now() - server.downAt > millis;
  }
}
