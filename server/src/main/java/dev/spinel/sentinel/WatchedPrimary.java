package dev.spinel.sentinel;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A primary that this Sentinel watches, by its name, and everything around it.
final class WatchedPrimary extends WatchedServer {
  /// Where a failover is. In this order.
  enum FailoverState {
    NONE,
    WAIT_START,
    SELECT_SLAVE,
    SEND_SLAVEOF_NOONE,
    WAIT_PROMOTION,
    RECONF_SLAVES,
    UPDATE_CONFIG;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final int HISTORIES = 64;

  // ── as configured ──
  int quorum;
  int parallelSyncs = 1;
  long failoverTimeout;
  long rebootDownAfter; // master-reboot-down-after-period
  String user = "";
  String password = "";
  String notificationScript = "";
  String reconfigurationScript = "";
  final Map<String, String> renamed = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);

  // ── around it ──
  final Map<String, WatchedReplica> replicas = new LinkedHashMap<>(); // by host:port
  final Map<String, FellowSentinel> sentinels = new LinkedHashMap<>(); // by id

  // ── what is agreed on ──
  long configEpoch;
  boolean isAgreedDown; // ODOWN
  long agreedDownAt;
  @Nullable String leader; // whom this Sentinel voted for
  long leaderEpoch;
  boolean voteIsUnsaved;

  // ── failover ──
  FailoverState state = FailoverState.NONE;
  long stateAt;
  long failoverEpoch;
  long failoverAt; // the last attempt, or the last vote for somebody else
  long delayLogged; // for which failoverAt
  long retryAt; // after a split vote; 0: there was none
  boolean lackedReplica; // the last attempt of this Sentinel found none to promote
  long lackPause; // until it looks again: twice as long each time; 0: it didn't lack one
  boolean isForced;
  long coordinatedFor; // the client that waits, or 0
  boolean isCoordinated;
  @Nullable WatchedReplica promoted;

  // ── its data ──
  final Set<String> histories = new LinkedHashSet<>(); // replication ids of this group
  boolean hasData = true; // until it says that it has none
  String history = ""; // its own replication id, as it says
  String lack = ""; // of Sentinels, in words
  long lackAt;
  boolean isLackSaid = true;

  WatchedPrimary(String name, SentinelAddress address, int quorum, Periods periods, long now) {
    super(name, address, new NodeLink(now), periods.downAfter, now);
    this.quorum = quorum;
    this.failoverTimeout = periods.failoverTimeout;
    this.reportsPrimary = true;
  }

  @Override
  WatchedPrimary primary() {
    return this;
  }

  @Override
  String kind() {
    return "master";
  }

  boolean isFailingOver() {
    return state != FailoverState.NONE;
  }

  /// The address that clients are told: that of the promoted replica once it is a primary.
  SentinelAddress currentAddress() {
    return promoted != null && state.compareTo(FailoverState.RECONF_SLAVES) >= 0
        ? promoted.address
        : address;
  }

  /// The name of a command at the servers of this group.
  String command(String name) {
    return renamed.getOrDefault(name, name);
  }

  void downAfter(long millis) {
    downAfter = millis;
    replicas.values().forEach(replica -> replica.downAfter = millis);
    sentinels.values().forEach(sentinel -> sentinel.downAfter = millis);
  }

  /// Returns whether that is news.
  boolean knowHistory(String id) {
    if (id.isEmpty() || id.chars().allMatch(c -> c == '0') || !histories.add(id)) {
      return false;
    }
    if (histories.size() > HISTORIES) {
      histories.remove(histories.iterator().next());
    }
    return true;
  }

  /// Sentinels that have a vote, this one included.
  int voters() {
    return sentinels.size() + 1;
  }

  /// Sentinels that answer, this one included.
  int usable() {
    int usable = 1;
    for (FellowSentinel sentinel : sentinels.values()) {
      usable += sentinel.isDown ? 0 : 1;
    }
    return usable;
  }

  /// Votes that a leader needs.
  int votesNeeded() {
    return Math.max(voters() / 2 + 1, quorum);
  }
}
