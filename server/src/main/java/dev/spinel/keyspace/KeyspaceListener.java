package dev.spinel.keyspace;

import dev.spinel.value.Place;

/// Is called when the keyspace does something by itself. One per keyspace, given when it starts
/// ([Keyspace#start]).
public interface KeyspaceListener {
  /// Whether keys are to be removed at all when their time has come. Asked before each look for
  /// such keys.
  default boolean expires() {
    return true;
  }

  /// A key's time has come, or that of a field of its hash; `place` is where it is. Called from
  /// `seat` under the slot's lock (or in a stopped world). The listener removes the key, or some of
  /// the fields, with effects and events. Returns whether it did: it doesn't if [#expires] has
  /// changed meanwhile.
  boolean expired(Seat seat, int database, int slot, Place place);

  /// A look for keys whose time has come took so long. The keeper's thread; no lock is held.
  default void lookedForExpired(long nanos) {}

  /// The walk has passed a slot (-1: everything): calls that waited for that may go on. The
  /// walker's thread; no lock is held. If it throws at the end, it is called again.
  default void walked(int slot) {}

  /// Some ten times a second, on the keeper's thread; the seat isn't taken, nor is it afterwards,
  /// also when this throws.
  default void cycle(Seat seat) {}

  /// The keeper has freed some of what only it can free ([Keeper#isFreeing]), or all. Its thread,
  /// seated, no lock held; after every step, so this must be quick.
  default void freed() {}

  /// Something failed in the keeper's thread, or in the snapshots' thread outside of their work, by
  /// a fault of our own code or for lack of memory. The thread goes on.
  default void failed(Throwable bug) {}
}
