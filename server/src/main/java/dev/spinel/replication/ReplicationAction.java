package dev.spinel.replication;

import dev.spinel.peer.Address;
import java.nio.charset.StandardCharsets;

/// What a [ReplicationMachine] wants done. The shell does it in order, before the next step.
public sealed interface ReplicationAction {
  /// A line for the log.
  record Log(Level level, String text) implements ReplicationAction {}

  /// How much a line matters.
  enum Level {
    NOTICE,
    WARNING
  }

  /// The log's lines are a replica's from now on, or a primary's. The role itself changes where
  /// [Role] stands.
  record LogAs(boolean replica) implements ReplicationAction {}

  // ── the link to the primary ──

  /// Connect. Events of the link carry the number; the one before is of no interest any more.
  record Dial(int attempt, Address primary) implements ReplicationAction {}

  /// End the link, if there is one.
  record HangUp(String reason) implements ReplicationAction {}

  @SuppressWarnings("ArrayRecordComponent")
  record Send(byte[] bytes) implements ReplicationAction {
    /// Characters 0 to 255, a byte each.
    public String text() {
      return new String(bytes, StandardCharsets.ISO_8859_1);
    }
  }

  /// Receive nothing more, until [Resume].
  record Pause() implements ReplicationAction {}

  record Resume() implements ReplicationAction {}

  /// An RDB file comes, of so many bytes; -1: nobody knows how many.
  record PayloadBegins(long bytes) implements ReplicationAction {}

  /// Some of it, in the array that has come ([ReplicationEvent.Received]).
  @SuppressWarnings("ArrayRecordComponent")
  record Payload(byte[] bytes, int from, int to) implements ReplicationAction {}

  /// All of it has come.
  record PayloadEnds() implements ReplicationAction {}

  /// What has come of it so far is of no use: a file of it goes, what was loaded of it, too.
  record PayloadDropped() implements ReplicationAction {}

  /// Note, durably, whether this server's data is a complete copy. Said before data is discarded,
  /// and once it is whole again.
  record CopyComplete(boolean complete) implements ReplicationAction {}

  /// Replace the data of this server by the payload: by the one that has come, or by what comes
  /// from now on. Answered by [ReplicationEvent.Loaded] or [ReplicationEvent.LoadFailed].
  record Load(Way way) implements ReplicationAction {}

  /// What becomes of the data that there is, and of clients meanwhile.
  enum Way {
    /// It goes before. Clients are told that data is loaded.
    INSTEAD,
    /// It goes only when all is loaded ([Swap]), and stays if that fails. Clients are told that
    /// data is loaded: it is of another history than what comes.
    BEHIND,
    /// The same, but clients are served: it is an earlier state of what comes.
    BESIDE
  }

  /// Answer by [ReplicationEvent.WorldStopped].
  record StopWorld() implements ReplicationAction {}

  /// What was loaded beside the data takes its place.
  record Swap() implements ReplicationAction {}

  /// Apply these bytes of the stream, which begin at `offset` + 1, and relay them to the backlog.
  @SuppressWarnings("ArrayRecordComponent")
  record Apply(long offset, byte[] bytes, int from, int to) implements ReplicationAction {}

  /// Forget half a command and an open MULTI: the stream goes on elsewhere, or not at all.
  record ForgetStream() implements ReplicationAction {}

  /// The stream stands at this offset: as after a full synchronization.
  record SetOffset(long offset) implements ReplicationAction {}

  /// The role has changed.
  record Role(boolean replica) implements ReplicationAction {}

  /// Clients' writes wait, or go on.
  record PauseWrites(boolean paused) implements ReplicationAction {}

  // ── replicas ──

  /// Bytes for this client's connection: a replica that doesn't get the stream yet, or whoever
  /// asked for a failover.
  record Reply(long replica, String text) implements ReplicationAction {}

  /// What a replica said has this reply, which it can't be sent within its stream.
  record Misplaced(long replica, String text) implements ReplicationAction {}

  /// Take a snapshot, to a file or straight to the replicas. Answered by
  /// [ReplicationEvent.SyncBegan] or [ReplicationEvent.SyncRefused].
  record BeginSync(Target target, Contents contents) implements ReplicationAction {}

  /// What replicas want of the data (REPLCONF rdb-filter-only).
  record Contents(boolean data, boolean functions) {
    public static final Contents ALL = new Contents(true, true);
  }

  enum Target {
    FILE("disk"),
    CONNECTIONS("replicas sockets");

    final String words;

    Target(String words) {
      this.words = words;
    }
  }

  /// This replica gets the snapshot: the one that begins or runs.
  record JoinSync(long replica) implements ReplicationAction {}

  /// The file is written: send it to this replica. Answered by [ReplicationEvent.Transferred].
  record SendFile(long replica) implements ReplicationAction {}

  /// Nobody wants the snapshot any more, and no [ReplicationEvent.SyncEnded] tells of it.
  record AbandonSync() implements ReplicationAction {}

  /// Have the backlog keep for this replica whatever comes from byte `from` on.
  record Keep(long replica, long from) implements ReplicationAction {}

  /// Send it to the replica, from there on, as it comes.
  record Stream(long replica) implements ReplicationAction {}

  /// Close its connection, after what has been replied.
  record Drop(long replica, String reason) implements ReplicationAction {}

  /// Append to the stream, for replicas only, unless it has to stand still: a heartbeat.
  record Feed(String text) implements ReplicationAction {}

  /// The next record of the stream begins with a SELECT.
  record SelectAnew() implements ReplicationAction {}

  /// From now on the stream is counted and its end is kept.
  record CreateBacklog() implements ReplicationAction {}

  record FreeBacklog() implements ReplicationAction {}
}
