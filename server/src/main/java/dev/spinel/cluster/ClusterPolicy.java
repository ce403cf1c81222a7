package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.peer.Address;
import dev.spinel.peer.IpAddress;
import java.util.ArrayList;
import java.util.List;

/// The settings that the cluster's machine heeds.
///
/// @param nodeTimeoutMillis after which a silent node may have failed
/// @param pingIntervalMillis between PINGs to one node; 0: half the node timeout
/// @param announcedIp of this node, or empty: found out
/// @param port for clients, as announced
/// @param port for clients, without TLS unless the bus uses it
/// @param otherPort for clients of the other kind; 0: none
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
  /// The settings that it is made of.
  public static final List<Setting<?>> SETTINGS =
      List.of(
          Settings.CLUSTER_NODE_TIMEOUT,
          Settings.CLUSTER_PING_INTERVAL,
          Settings.CLUSTER_ANNOUNCE_IP,
          Settings.CLUSTER_ANNOUNCE_PORT,
          Settings.CLUSTER_ANNOUNCE_TLS_PORT,
          Settings.CLUSTER_ANNOUNCE_BUS_PORT,
          Settings.CLUSTER_ANNOUNCE_HOSTNAME,
          Settings.CLUSTER_ANNOUNCE_HUMAN_NODENAME,
          Settings.CLUSTER_REQUIRE_FULL_COVERAGE,
          Settings.CLUSTER_MIGRATION_BARRIER,
          Settings.CLUSTER_ALLOW_REPLICA_MIGRATION,
          Settings.CLUSTER_REPLICA_VALIDITY_FACTOR,
          Settings.CLUSTER_REPLICA_NO_FAILOVER,
          Settings.CLUSTER_LINK_SENDBUF_LIMIT,
          Settings.CLUSTER_SEEDS,
          Settings.REPL_PING_REPLICA_PERIOD,
          Settings.PORT,
          Settings.TLS_PORT,
          Settings.TLS_CLUSTER);

  /// As the configuration says now.
  ///
  /// @param busPort at which this node listens
  public static ClusterPolicy of(Config config, int busPort) {
    int plain = announced(config, Settings.CLUSTER_ANNOUNCE_PORT, Settings.PORT);
    int secure = announced(config, Settings.CLUSTER_ANNOUNCE_TLS_PORT, Settings.TLS_PORT);
    boolean encrypted = config.get(Settings.TLS_CLUSTER);
    int announcedBus = config.intOf(Settings.CLUSTER_ANNOUNCE_BUS_PORT);
    return new ClusterPolicy(
        config.get(Settings.CLUSTER_NODE_TIMEOUT),
        config.get(Settings.CLUSTER_PING_INTERVAL),
        config.get(Settings.CLUSTER_ANNOUNCE_IP),
        encrypted ? secure : plain,
        encrypted ? plain : secure,
        announcedBus != 0 ? announcedBus : busPort,
        config.get(Settings.CLUSTER_ANNOUNCE_HOSTNAME),
        config.get(Settings.CLUSTER_ANNOUNCE_HUMAN_NODENAME),
        config.get(Settings.CLUSTER_REQUIRE_FULL_COVERAGE),
        config.intOf(Settings.CLUSTER_MIGRATION_BARRIER),
        config.get(Settings.CLUSTER_ALLOW_REPLICA_MIGRATION),
        config.intOf(Settings.CLUSTER_REPLICA_VALIDITY_FACTOR),
        config.get(Settings.CLUSTER_REPLICA_NO_FAILOVER),
        config.get(Settings.REPL_PING_REPLICA_PERIOD) * 1000,
        config.get(Settings.CLUSTER_LINK_SENDBUF_LIMIT),
        seeds(config.get(Settings.CLUSTER_SEEDS)));
  }

  private static int announced(Config config, Setting<Long> announcement, Setting<Long> port) {
    int announced = config.intOf(announcement);
    return announced != 0 ? announced : config.intOf(port);
  }

  /// Whether the cluster is meant to be on this machine only: so say the seeds.
  boolean isLocal() {
    return !seeds.isEmpty() && seeds.stream().allMatch(seed -> IpAddress.isLoopback(seed.host()));
  }

  private static List<Address> seeds(String text) {
    List<Address> seeds = new ArrayList<>();
    for (String word : text.trim().split("\\s+")) {
      int colon = word.lastIndexOf(':');
      if (colon > 0) {
        String host = word.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
          host = host.substring(1, host.length() - 1);
        }
        seeds.add(new Address(host, Integer.parseInt(word.substring(colon + 1))));
      }
    }
    return seeds;
  }

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

  /// Whether a node tells others the same of itself with these settings as with those.
  boolean announcesSameAs(ClusterPolicy other) {
    return announcedIp.equals(other.announcedIp)
        && port == other.port
        && otherPort == other.otherPort
        && busPort == other.busPort
        && hostname.equals(other.hostname)
        && humanName.equals(other.humanName)
        && neverPromote == other.neverPromote;
  }

  long pingGapMillis() {
    return pingIntervalMillis > 0 ? pingIntervalMillis : nodeTimeoutMillis / 2;
  }

  /// How long votes may come in.
  long electionMillis() {
    return Math.max(2000, nodeTimeoutMillis * 2);
  }
}
