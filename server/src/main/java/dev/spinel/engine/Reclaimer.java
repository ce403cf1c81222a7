package dev.spinel.engine;

import dev.spinel.keyspace.KeyspaceListener;
import dev.spinel.keyspace.Seat;
import java.util.function.IntPredicate;
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
  /// room, or never will be. No key is evicted meanwhile of the slots that the call's keys are in:
  /// what it is about to copy would be gone. The dispatcher's thread, perhaps with locks.
  @Nullable Condition roomFor(Call call, long bytes);

  /// Makes room for `bytes` more now, for a call that can't wait, as one of EXEC or of a script.
  /// Nothing goes of slots that the dispatcher has locked or, in a stopped world, that `isSpared`
  /// tells. Returns false if there is no room. The dispatcher's thread, perhaps with locks.
  boolean makeRoomNow(Dispatcher dispatcher, long bytes, IntPredicate isSpared);

  /// The dispatcher runs no more calls. The thread that closes it.
  void forget(Dispatcher dispatcher);
}
