package dev.spinel.sentinel;

import org.jspecify.annotations.Nullable;

/// Another Sentinel, as one that watches a certain primary with us. Its name is its id.
final class FellowSentinel extends WatchedNode {
  private final WatchedPrimary primary;
  long helloAt;
  long answeredAt; // its last answer about the primary
  boolean saysDown; // it thinks so, too
  @Nullable String leader; // whom it voted for
  long leaderEpoch;

  FellowSentinel(String id, SentinelAddress address, NodeLink link, WatchedPrimary of, long now) {
    super(id, address, link, of.downAfter, now);
    this.primary = of;
    this.runId = id;
    this.helloAt = now;
    this.answeredAt = now;
  }

  @Override
  WatchedPrimary primary() {
    return primary;
  }

  @Override
  String kind() {
    return "sentinel";
  }
}
