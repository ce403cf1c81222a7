package dev.spinel.engine;

import dev.spinel.keyspace.KeyspaceListener;
import dev.spinel.keyspace.Seat;
import org.jspecify.annotations.Nullable;

/// Frees memory when it is short: what the engine asks of the part that does so, by rules of which
/// the engine knows nothing. One per server.
public interface Reclaimer {
  /// Some ten times a second, on the keeper's thread; the seat isn't taken, nor is it afterwards.
  void cycle(Seat seat);

  /// The keeper has freed something ([KeyspaceListener#freed]): its thread, no lock held. Often, so
  /// this must be quick.
  void freed();

  /// The walk has come further, or to its end. The walker's thread, no lock held.
  void walked();

  /// What a call waits for that is about to take `bytes` more than its arguments; null if there is
  /// room, or never will be. The dispatcher's thread, perhaps with locks.
  @Nullable Condition roomFor(Dispatcher dispatcher, long bytes);

  /// The dispatcher runs no more calls. The thread that closes it.
  void forget(Dispatcher dispatcher);
}
