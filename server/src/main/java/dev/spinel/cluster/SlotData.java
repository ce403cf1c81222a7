package dev.spinel.cluster;

import dev.spinel.engine.Dispatcher;
import java.util.function.Consumer;

/// The data behind the slots, as [Cluster] needs it: what the engine does for the cluster.
public interface SlotData {
  /// What is served here, and where the rest is, has changed: whoever asks for a slot is answered
  /// by this view from now on. In a stopped world.
  void show(ClusterView view, Dispatcher stopped);

  /// The time until which this node takes writes has been put off. Any thread.
  void leaseRenewed();

  /// Keys of a slot. In a stopped world.
  int count(int slot, Dispatcher stopped);

  /// The keys of these slots go. In a stopped world.
  void dropKeys(SlotSet slots, Dispatcher stopped);

  /// All keys go. In a stopped world.
  void flush(Dispatcher stopped);

  /// Whoever subscribes to shard channels of these slots is told that they end. In a stopped world.
  void dropChannels(SlotSet slots, Dispatcher stopped);

  /// Hands on what another node's client has published. The links' thread.
  void deliver(byte[] channel, byte[] message, boolean sharded);

  /// Clients' writes wait, so many milliseconds at most; 0: they go on. In a stopped world.
  void pauseWrites(long millis, Dispatcher stopped);

  /// Clients of these slots wait, until [#resumeSlots] for the same move. In a stopped world.
  void pauseSlots(String move, SlotSet slots, Dispatcher stopped);

  /// Clients that write to these slots of a move wait; none: they go on. [#resumeSlots] ends that,
  /// too. In a stopped world.
  void holdWriters(String move, SlotSet slots, Dispatcher stopped);

  /// They have waited for long: those of slots that are handed over are asked to come again. In a
  /// stopped world.
  void pausedTooLong(String move);

  /// They go on, by what was shown last. In a stopped world.
  void resumeSlots(String move, Dispatcher stopped);

  /// The keys of these slots go in small steps, as long as the view that was shown last says so
  /// ([ClusterView#purging]). In a stopped world.
  ///
  /// @param whenDone is told of slots that are empty; any thread
  void purge(SlotSet slots, Consumer<SlotSet> whenDone);

  /// Whether no data loop has stood still for so long, but for a script that others are told of
  /// (BUSY). Any thread.
  boolean isAlive(long millis);
}
