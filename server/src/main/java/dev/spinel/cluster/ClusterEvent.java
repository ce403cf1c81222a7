package dev.spinel.cluster;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What happens to a node, as its [ClusterMachine] is told. Links have numbers: those that the
/// machine dials are given in [ClusterAction.Dial], those that it accepts are the shell's choice,
/// and negative.
public sealed interface ClusterEvent {
  /// Ten times a second, or more often.
  record Tick() implements ClusterEvent {}

  /// The node starts. The first event.
  ///
  /// @param file what `nodes.conf` says, or null: there is none
  /// @param dataMissing no data was found where it should have been
  record Started(NodesFile.@Nullable Contents file, boolean dataMissing) implements ClusterEvent {}

  /// The configuration has changed.
  record Configured(ClusterPolicy policy) implements ClusterEvent {}

  // ── links ──

  /// Another node has connected.
  ///
  /// @param remote `ip` of the other end
  /// @param remotePort of the other end
  /// @param local `ip` of this end
  record Accepted(long link, String remote, int remotePort, String local) implements ClusterEvent {}

  /// A link that was dialled stands.
  ///
  /// @param remote `ip` that was reached
  /// @param localPort of this end
  record Connected(long link, String remote, String local, int localPort) implements ClusterEvent {}

  record LinkEnded(long link, String reason) implements ClusterEvent {}

  record Received(long link, BusMessage message) implements ClusterEvent {}

  /// Something came that can't be used, in words for the log.
  record Unusable(long link, String words) implements ClusterEvent {}

  // ── of this node ──

  /// What [ClusterAction.Save] asked for is on the disk.
  record Saved(long generation) implements ClusterEvent {}

  /// The link of replication to the primary is lost.
  record PrimaryLinkLost() implements ClusterEvent {}

  /// The stream of replication has moved on. Told while [ClusterMachine#awaitsOffset].
  record Applied() implements ClusterEvent {}

  /// It is noted on the disk that this node's data is no copy of its primary's, as
  /// [ClusterAction.Follow] with this number had it.
  record Disowned(long number) implements ClusterEvent {}

  /// CLUSTER with these arguments, from a client. Answered by one [ClusterAction.Reply], now or
  /// later.
  record Asked(long client, List<String> arguments) implements ClusterEvent {}

  /// PUBLISH or SPUBLISH: other nodes are to have it, too.
  @SuppressWarnings("ArrayRecordComponent")
  record Publish(byte[] channel, byte[] message, boolean sharded) implements ClusterEvent {}

  /// No client writes any more, for [ClusterAction.PauseWrites] of this number.
  record WritesPaused(long pause) implements ClusterEvent {}

  /// The data is loaded: its slots are compared with what this node owns.
  record Loaded() implements ClusterEvent {}

  // ── slots that move whole: see SlotMoves ──

  /// The source has sent what the slots held at the cut, and little is left of what came since.
  record MoveReady(String move) implements ClusterEvent {}

  /// The source's clients of these slots wait, and this is the length of all that it sends.
  record MovePaused(String move, long total) implements ClusterEvent {}

  /// The target has applied all of it.
  ///
  /// @param offset of its own replication, behind that
  record MoveStaged(String move, long offset) implements ClusterEvent {}

  /// The stream has ended, at either end, or can't be applied.
  record MoveFailed(String move, String reason) implements ClusterEvent {}

  /// The keys of these slots, which aren't served here, are gone.
  record Purged(SlotSet slots) implements ClusterEvent {}

  // ── the node ──

  /// The data has stood still for too long, or goes on: a node that can't serve must not look
  /// alive.
  record Silenced(boolean silent) implements ClusterEvent {}
}
