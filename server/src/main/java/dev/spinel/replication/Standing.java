package dev.spinel.replication;

/// What a server's replication looks like from outside, at one moment: for gates, INFO, ROLE and
/// whoever waits. A new one is published after each step of the machine, so it never changes and
/// any thread may read it. If the role changes, that happens in a stopped world.
///
/// @param isReplica whether this server follows another one
public record Standing(boolean isReplica) {
  /// The machine's own thread.
  ///
  /// @param nowMillis since 1970
  static Standing of(ReplicationMachine machine, long nowMillis) {
    return new Standing(machine.primary() != null);
  }
}
