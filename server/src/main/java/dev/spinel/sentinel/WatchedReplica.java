package dev.spinel.sentinel;

import org.jspecify.annotations.Nullable;

/// A replica of a [WatchedPrimary]: of servers that may take its place, each is one.
final class WatchedReplica extends WatchedServer {
  /// How far it is on its way to a new primary.
  enum Reconfiguration {
    NONE,
    SENT,
    IN_PROGRESS,
    DONE
  }

  private final WatchedPrimary primary;
  boolean isPromoted;
  Reconfiguration reconfiguration = Reconfiguration.NONE;
  long reconfiguredAt; // SLAVEOF was sent
  long linkDownMillis;
  int priority = 100;
  boolean isAnnounced = true;
  @Nullable String primaryHost; // that it follows, as it says
  int primaryPort;
  boolean linkUp;
  long offset;
  boolean isWhole = true; // its data is a complete copy
  long primaryChangedAt; // it follows another one since
  long correctedAt; // it was last told whom to follow, out of a failover
  boolean wasPrimary; // of this group, at this address
  String primaryHistory = ""; // its replication id as the primary, if it was
  boolean isForeign; // its data is of another group
  String history = ""; // its replication id, as it says
  String historyBefore = ""; // and the one before it
  boolean hasLed; // and hasn't been seen to follow since: its data may still be its own

  WatchedReplica(
      String name, SentinelAddress address, NodeLink link, WatchedPrimary primary, long now) {
    super(name, address, link, primary.downAfter, now);
    this.primary = primary;
    this.primaryChangedAt = now;
  }

  /// Whether its data is of this history, or of one that continues it.
  boolean isOf(String known) {
    return !known.isEmpty() && (history.equals(known) || historyBefore.equals(known));
  }

  @Override
  WatchedPrimary primary() {
    return primary;
  }

  @Override
  String kind() {
    return "slave";
  }
}
