package dev.spinel.cluster;

import dev.spinel.peer.Address;
import java.util.List;

/// The settings that the cluster's machine heeds.
///
/// @param nodeTimeoutMillis after which a silent node may have failed
/// @param pingIntervalMillis between PINGs to one node; 0: half the node timeout
/// @param announcedIp of this node, or empty: found out
/// @param port for clients, as announced
/// @param otherPort for clients with TLS, as announced; 0: none
/// @param busPort as announced
/// @param hostname announced, or empty
/// @param humanName announced, or empty
/// @param requireFullCoverage whether the cluster is down while a slot is
/// @param migrationBarrier replicas that a primary keeps when one of them migrates
/// @param allowMigration whether replicas migrate, and a primary without slots becomes a replica
/// @param validityFactor of how old a replica's data may be; 0: any
/// @param neverPromote whether this replica stays one
/// @param replicationPingMillis between a primary's PINGs to its replicas
/// @param linkBytesMax that may wait for one node; 0: no limit
/// @param seeds where to look for known nodes that can't be found: hosts and bus ports
public record ClusterPolicy(
    long nodeTimeoutMillis,
    long pingIntervalMillis,
    String announcedIp,
    int port,
    int otherPort,
    int busPort,
    String hostname,
    String humanName,
    boolean requireFullCoverage,
    int migrationBarrier,
    boolean allowMigration,
    int validityFactor,
    boolean neverPromote,
    long replicationPingMillis,
    long linkBytesMax,
    List<Address> seeds) {
  /// Redis's defaults, at this port.
  public static ClusterPolicy usual(int port) {
    return new ClusterPolicy(
        15_000,
        0,
        "",
        port,
        0,
        port + 10_000,
        "",
        "",
        true,
        1,
        true,
        10,
        false,
        10_000,
        0,
        List.of());
  }

  long pingGapMillis() {
    return pingIntervalMillis > 0 ? pingIntervalMillis : nodeTimeoutMillis / 2;
  }

  /// How long votes may come in.
  long electionMillis() {
    return Math.max(2000, nodeTimeoutMillis * 2);
  }
}
