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
/// @param loadsFromLink `repl-diskless-load`: what is received goes to the parser, not to a file
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
    boolean loadsFromLink,
    long backlogBytes,
    int backlogSeconds,
    long hardBytes,
    long softBytes,
    int softSeconds) {

  /// As Redis starts.
  public static final ReplicationPolicy DEFAULT =
      new ReplicationPolicy(
          "", "", 6379, "", 60, 10, true, 5, 0, false, 1 << 20, 3600, 256 << 20, 64 << 20, 60);
}
