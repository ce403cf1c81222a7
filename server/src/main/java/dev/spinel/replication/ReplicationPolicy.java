package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.OutputLimits;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import java.util.List;

/// What the configuration says about replication. Times in seconds, sizes in bytes.
///
/// @param user and `password` for the primary (`masteruser`, `masterauth`), or empty
/// @param announcedPort that the primary shows for this server
/// @param announcedIp that it shows, or empty
/// @param timeoutSeconds `repl-timeout`
/// @param pingSeconds `repl-ping-replica-period`
/// @param diskless `repl-diskless-sync`
/// @param delaySeconds `repl-diskless-sync-delay`
/// @param delayReplicas `repl-diskless-sync-max-replicas`: so many end the delay; 0: none do
/// @param load `repl-diskless-load`
/// @param keepsDataOfLostPrimary whether a replica keeps its data if its primary comes back as good
///   as empty and under an unknown history, as one does that has lost its files
/// @param backlogBytes `repl-backlog-size`
/// @param backlogSeconds `repl-backlog-ttl`; 0: for ever
/// @param hardBytes of `client-output-buffer-limit replica`; 0: no limit
/// @param softBytes likewise, for more than `softSeconds`
public record ReplicationPolicy(
    String user,
    String password,
    int announcedPort,
    String announcedIp,
    int timeoutSeconds,
    int pingSeconds,
    boolean diskless,
    int delaySeconds,
    int delayReplicas,
    Load load,
    boolean keepsDataOfLostPrimary,
    long backlogBytes,
    int backlogSeconds,
    long hardBytes,
    long softBytes,
    int softSeconds) {

  /// What becomes of the data that a primary sends.
  public enum Load {
    /// It goes to a file, which is loaded once it is there.
    FROM_FILE,

    /// It is loaded as it comes, if there is nothing that would be lost when the link breaks.
    FROM_LINK_IF_EMPTY,

    /// It is loaded as it comes, beside the data that there is, and takes its place at the end.
    BESIDE
  }

  /// Those of which it is made.
  public static final List<Setting<?>> SETTINGS =
      List.of(
          Settings.MASTERUSER,
          Settings.MASTERAUTH,
          Settings.PORT,
          Settings.TLS_PORT,
          Settings.TLS_REPLICATION,
          Settings.REPLICA_ANNOUNCE_PORT,
          Settings.REPLICA_ANNOUNCE_IP,
          Settings.REPL_TIMEOUT,
          Settings.REPL_PING_REPLICA_PERIOD,
          Settings.REPL_DISKLESS_SYNC,
          Settings.REPL_DISKLESS_SYNC_DELAY,
          Settings.REPL_DISKLESS_SYNC_MAX_REPLICAS,
          Settings.REPL_DISKLESS_LOAD,
          Settings.REPLICA_KEEP_DATA_OF_LOST_PRIMARY,
          Settings.REPL_BACKLOG_SIZE,
          Settings.REPL_BACKLOG_TTL,
          Settings.CLIENT_OUTPUT_BUFFER_LIMIT);

  /// Where the primary is told that it can reach this server.
  private static int listeningPort(Config config) {
    int secure = config.intOf(Settings.TLS_PORT);
    return config.get(Settings.TLS_REPLICATION) && secure != 0
        ? secure
        : config.intOf(Settings.PORT);
  }

  /// As the configuration says now.
  public static ReplicationPolicy of(Config config) {
    int announced = config.intOf(Settings.REPLICA_ANNOUNCE_PORT);
    OutputLimits.Limit limit = config.get(Settings.CLIENT_OUTPUT_BUFFER_LIMIT).replica();
    return new ReplicationPolicy(
        config.get(Settings.MASTERUSER),
        config.get(Settings.MASTERAUTH),
        announced != 0 ? announced : listeningPort(config),
        config.get(Settings.REPLICA_ANNOUNCE_IP),
        config.intOf(Settings.REPL_TIMEOUT),
        config.intOf(Settings.REPL_PING_REPLICA_PERIOD),
        config.get(Settings.REPL_DISKLESS_SYNC),
        config.intOf(Settings.REPL_DISKLESS_SYNC_DELAY),
        config.intOf(Settings.REPL_DISKLESS_SYNC_MAX_REPLICAS),
        switch (config.get(Settings.REPL_DISKLESS_LOAD)) {
          case "on-empty-db" -> Load.FROM_LINK_IF_EMPTY;
          case "swapdb" -> Load.BESIDE;
          default -> Load.FROM_FILE;
        },
        config.get(Settings.REPLICA_KEEP_DATA_OF_LOST_PRIMARY),
        config.get(Settings.REPL_BACKLOG_SIZE),
        config.intOf(Settings.REPL_BACKLOG_TTL),
        limit.hardBytes(),
        limit.softBytes(),
        limit.softSeconds());
  }

  /// As Redis starts.
  public static final ReplicationPolicy DEFAULT =
      new ReplicationPolicy(
          "",
          "",
          6379,
          "",
          60,
          10,
          true,
          5,
          0,
          Load.FROM_FILE,
          false,
          1 << 20,
          3600,
          256 << 20,
          64 << 20,
          60);
}
