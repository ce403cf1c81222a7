package dev.spinel.replication;

import dev.spinel.peer.Address;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What happens to a server, as its [ReplicationMachine] is told.
public sealed interface ReplicationEvent {
  // ── of this server ──

  /// Once each second.
  record Second() implements ReplicationEvent {}

  /// In this second the primary's link isn't read, for there is no room for what it brings: told
  /// before [Second], so that nobody takes that for the primary's silence.
  record PrimaryUnread() implements ReplicationEvent {}

  /// The configuration has changed.
  record Configured(ReplicationPolicy policy) implements ReplicationEvent {}

  /// REPLICAOF host port. In a stopped world, as is [PromotionAsked].
  ///
  /// @param client that did, as the log describes it; empty: nobody's
  /// @param hasOtherData whether this server's data is known to be no copy of that primary's
  record PrimaryNamed(Address primary, String client, boolean hasOtherData)
      implements ReplicationEvent {}

  /// REPLICAOF NO ONE.
  record PromotionAsked() implements ReplicationEvent {}

  /// FAILOVER, from a client.
  ///
  /// @param target or null: whoever has everything first
  /// @param timeoutMillis 0: it waits for as long as it takes
  record FailoverAsked(long client, @Nullable Address target, boolean forced, long timeoutMillis)
      implements ReplicationEvent {}

  /// FAILOVER ABORT.
  record FailoverAborted(long client) implements ReplicationEvent {}

  /// The server starts. Its data is of this history up to this offset, if the id isn't empty.
  ///
  /// @param primary to follow, or null
  /// @param isComplete whether the data is whole: not if it was discarded for a copy that never
  ///   came, or if a server that is to follow has never had any
  record Started(@Nullable Address primary, String id, long offset, boolean isComplete)
      implements ReplicationEvent {}

  /// DEBUG CHANGE-REPL-ID: the history goes on under a new id, and nothing of the past counts.
  record IdDoubted() implements ReplicationEvent {}

  /// Another snapshot is being taken, not for replicas, or no longer.
  record SaveRuns(Save kind) implements ReplicationEvent {}

  /// What else reads the data as a whole.
  enum Save {
    NONE,
    RDB,
    OTHER
  }

  // ── of the link to the primary; `attempt` as in [ReplicationAction.Dial] ──

  record Connected(int attempt) implements ReplicationEvent {}

  /// Bytes have come. Actions hand parts of the array on: whoever keeps those sees to it that it
  /// stays as it is.
  @SuppressWarnings("ArrayRecordComponent")
  record Received(int attempt, byte[] bytes, int from, int to) implements ReplicationEvent {}

  /// The link has ended or never stood.
  record LinkEnded(int attempt, String reason) implements ReplicationEvent {}

  /// What was received can't be kept: the text for the log.
  record PayloadFailed(String text) implements ReplicationEvent {}

  /// The answer to [ReplicationAction.StopWorld]: told in a stopped world, so keys may be counted.
  record WorldStopped() implements ReplicationEvent {}

  /// The answer to [ReplicationAction.Load]. In a stopped world.
  record Loaded() implements ReplicationEvent {}

  /// Likewise: that failed.
  ///
  /// @param text for the log
  /// @param why for INFO
  /// @param keptData whether the data that there was still is
  record LoadFailed(String text, String why, boolean keptData) implements ReplicationEvent {}

  /// The stream is applied up to this offset: up to the end of a command that isn't in an open
  /// MULTI.
  record Applied(long offset) implements ReplicationEvent {}

  /// The own append-only file is on the disk up to this offset of the stream.
  record Fsynced(long offset) implements ReplicationEvent {}

  /// The primary asks for an acknowledgement (REPLCONF GETACK, in the stream).
  record AckAsked() implements ReplicationEvent {}

  /// The stream couldn't be applied: this copy isn't the primary's data any more.
  record StreamFailed(String reason) implements ReplicationEvent {}

  // ── of replicas; `replica` is the number of its client, `host` where it comes from ──

  /// REPLCONF.
  record Conf(long replica, String host, List<String> arguments) implements ReplicationEvent {}

  /// SYNC: of the time before PSYNC.
  record Sync(long replica, String host) implements ReplicationEvent {}

  /// PSYNC id offset: it wants the bytes from `offset` on.
  ///
  /// @param successor with FAILOVER: the client, as the log describes it
  record Psync(
      long replica, String host, String id, @Nullable Long offset, @Nullable String successor)
      implements ReplicationEvent {}

  /// Its client has gone.
  record ReplicaGone(long replica) implements ReplicationEvent {}

  /// The answer to [ReplicationAction.BeginSync]: the cut shows the data at this offset.
  record SyncBegan(long offset) implements ReplicationEvent {}

  /// Likewise: there is none.
  record SyncRefused() implements ReplicationEvent {}

  /// The snapshot for replicas has been read to its end, or not.
  record SyncEnded(boolean succeeded) implements ReplicationEvent {}

  /// All of the snapshot has been given to this replica's connection.
  record Transferred(long replica) implements ReplicationEvent {}

  /// The snapshot, or the stream behind it, can't be given to this replica.
  record TransferFailed(long replica, String reason) implements ReplicationEvent {}

  /// Bytes that wait for this replica. Told when they change, at least each second.
  ///
  /// @param outputBytes that its connection has been given and hasn't sent
  /// @param streamBytes of the stream, whether it gets that already or not yet; [PrimarySide#LOST]:
  ///   they aren't kept any more
  record Pending(long replica, long outputBytes, long streamBytes) implements ReplicationEvent {
    static Pending lost(long replica) {
      return new Pending(replica, 0, PrimarySide.LOST);
    }
  }

  /// It has sent an empty line, as one does that loads what it was sent.
  record Alive(long replica) implements ReplicationEvent {}
}
