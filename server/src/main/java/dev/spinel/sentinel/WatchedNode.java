package dev.spinel.sentinel;

import org.jspecify.annotations.Nullable;

/// Whom a Sentinel watches: a primary, its replicas, the other Sentinels that watch it. Times are
/// milliseconds since 1970; 0: never.
abstract sealed class WatchedNode permits WatchedServer, FellowSentinel {
  final String name;
  SentinelAddress address;
  NodeLink link;
  @Nullable String runId;
  long publishedAt; // our last hello to it
  boolean isDown; // as far as this Sentinel sees: SDOWN
  long downAt;
  long downAfter;
  boolean scriptKillSent;
  boolean isGone; // replies to what it was asked are of no interest any more

  WatchedNode(String name, SentinelAddress address, NodeLink link, long downAfter, long now) {
    this.name = name;
    this.address = address;
    this.link = link;
    this.downAfter = downAfter;
    this.publishedAt = now;
  }

  /// The primary that it belongs to, or that it is.
  abstract WatchedPrimary primary();

  /// As events call it.
  abstract String kind();
}
