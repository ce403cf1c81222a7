package dev.spinel.sentinel;

import org.jspecify.annotations.Nullable;

/// A server, as its INFO describes it.
abstract sealed class WatchedServer extends WatchedNode permits WatchedPrimary, WatchedReplica {
  long infoAt;
  boolean infoAsked; // and not answered
  long infoAskedAt; // the last time
  long infoOf; // when the last that was answered was asked
  @Nullable String info;
  NodeLink.@Nullable Channel infoOver; // the connection that it came over
  boolean reportsPrimary;
  long roleAt; // since when it reports this role
  boolean rebooted; // another process answers now than before
  long rebootAt;
  long restartedAt; // this Sentinel saw that it is another process

  WatchedServer(String name, SentinelAddress address, NodeLink link, long downAfter, long now) {
    super(name, address, link, downAfter, now);
    roleAt = now;
  }
}
