package dev.spinel.replication;

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
/// @param keepsLostHistory whether a replica keeps its data if its primary comes back with less
///   than it had and under an unknown history, as one does that has lost its files
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
    boolean keepsLostHistory,
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
