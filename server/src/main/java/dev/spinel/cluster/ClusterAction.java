package dev.spinel.cluster;

/// What a [ClusterMachine] wants done. The shell does it in order, before the next step.
public sealed interface ClusterAction {
  /// A line for the log.
  record Log(Level level, String text) implements ClusterAction {}

  /// How much a line matters.
  enum Level {
    DEBUG,
    VERBOSE,
    NOTICE,
    WARNING
  }

  // ── links ──

  /// Connect. `host` may be a name. Answered by [ClusterEvent.Connected] or
  /// [ClusterEvent.LinkEnded].
  record Dial(long link, String host, int port) implements ClusterAction {}

  record Send(long link, BusMessage message) implements ClusterAction {}

  /// End the link. No further event of it is of interest.
  record Close(long link, String reason) implements ClusterAction {}

  // ── of this node ──

  /// Write `nodes.conf`, answered by [ClusterEvent.Saved]; there is no other one before that.
  ///
  /// @param durable with fsync of the file and its folder
  record Save(long generation, NodesFile.Contents contents, boolean durable)
      implements ClusterAction {}

  /// Bring `nodes.conf` to the disk as it is written now, or newer. Nobody waits for that.
  record Sync() implements ClusterAction {}

  /// Bytes for a client, each character a byte.
  record Reply(long client, String text) implements ClusterAction {}

  /// Follow this primary: the role changes, or the primary's address.
  ///
  /// @param hasOtherData whether it is of another shard than this node's data: once that is noted
  ///   on the disk, so that no restart takes it for a copy, [ClusterEvent.Disowned] is to be told
  /// @param number that is told then
  record Follow(String host, int port, boolean hasOtherData, long number)
      implements ClusterAction {}

  /// Be a primary.
  record Promote() implements ClusterAction {}

  /// Empty the data set.
  record Flush() implements ClusterAction {}

  /// The keys of these slots go: another node owns them now.
  record DropKeys(SlotSet slots) implements ClusterAction {}

  /// Whoever subscribes to a shard channel of these slots is told that it ends.
  record DropChannels(SlotSet slots) implements ClusterAction {}

  /// Clients' writes wait, so many milliseconds at most, which is answered by
  /// [ClusterEvent.WritesPaused]; 0: they go on.
  ///
  /// @param pause its number
  record PauseWrites(long millis, long pause) implements ClusterAction {}

  // ── slots that move whole: see SlotMoves ──

  /// Ask the source at this address for these slots. What comes is applied, and shown to nobody.
  record Import(String move, String host, int port, SlotSet slots) implements ClusterAction {}

  /// Nothing more is asked of the source.
  record EndImport(String move) implements ClusterAction {}

  /// Answer [ClusterEvent.MoveStaged] once so many bytes are applied.
  record AwaitTail(String move, long total) implements ClusterAction {}

  /// Send these slots to whoever asks for them just now.
  record Export(String move, SlotSet slots) implements ClusterAction {}

  /// Clients of these slots wait; answered by [ClusterEvent.MovePaused].
  record PauseMove(String move, SlotSet slots) implements ClusterAction {}

  /// The slots' clients go on, and nothing more is sent.
  record EndMove(String move, String reason) implements ClusterAction {}

  /// The keys of these slots go, in small steps, as long as [SlotMoves#purging] has them; each slot
  /// is answered by [ClusterEvent.Purged] once it is empty.
  record Purge(SlotSet slots) implements ClusterAction {}

  // ── of this node, further ──

  /// Hand a message of another node to the subscribers of this one.
  @SuppressWarnings("ArrayRecordComponent")
  record Deliver(byte[] channel, byte[] message, boolean sharded) implements ClusterAction {}

  /// This node takes writes, as far as the lease is concerned, until this moment of the steps'
  /// clock; [Long#MAX_VALUE]: for good. Time that this clock doesn't count
  /// ([dev.spinel.engine.UncountedTime]) counts from the first moment on.
  record Lease(long sinceMillis, long untilMillis) implements ClusterAction {}
}
