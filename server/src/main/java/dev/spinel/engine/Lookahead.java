package dev.spinel.engine;

import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.value.Prefetch;
import dev.spinel.wire.Args;
import dev.spinel.wire.Batch;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;

/// Has the processor fetch what the next commands need, for many of them at once ([Prefetch]):
/// those of a pipeline before the first of them runs, the keys of a long command sixteen at a time.
///
/// Nothing depends on it. Argument 1 is taken for a key whatever the command is, the selected
/// database for the one that it will run in; a slot that another thread has locked is left out. A
/// wrong guess costs some nanoseconds.
///
/// **Locks.** A table may be read under its slot's lock only, so those of a pipeline's keys are
/// taken, all that are free at this moment, and given back before a command runs. The look-ahead
/// never waits for a lock. It holds them for about a microsecond; another thread that wants one
/// meanwhile spins that long, as for any lock, and rarely sleeps ([dev.spinel.keyspace.Slots]).
final class Lookahead {
  private final Keyspace keyspace;
  private final Seat seat;
  private final Prefetch prefetch;
  private final int[] locked = new int[Batch.MOST];

  /// The number of a command that wasn't looked at.
  static final int UNSEEN = -1;

  // what was worked out of argument 1 of each command of the last batch
  private final int[] slots = new int[Batch.MOST]; // -1: it has none
  private final long[] hashes = new long[Batch.MOST];
  private int known; // how many of its commands were looked at

  Lookahead(Keyspace keyspace, Seat seat) {
    this.keyspace = keyspace;
    this.seat = seat;
    this.prefetch = new Prefetch(seat.values.memory(), Batch.MOST);
  }

  /// The slot of argument 1 of a command of the last batch, by its number there; -1 if there is no
  /// such argument, or the command is [#UNSEEN].
  int slot(int command) {
    return command < 0 || command >= known ? -1 : slots[command];
  }

  /// The hash of argument 1, if [#slot] is known.
  long hash(int command) {
    return hashes[command];
  }

  /// Before the commands of `batch` run, however many it has: a single one isn't looked at. No slot
  /// lock may be held.
  void fetch(Batch batch, int database) {
    int count = batch.count();
    known = count;
    if (count < 2) {
      known = 0;
      return;
    }
    for (int i = 0; i < count; i++) {
      Args args = batch.at(i);
      slots[i] = -1;
      if (args.count() > 1) {
        Slice key = args.at(1);
        slots[i] = KeySlot.of(key);
        hashes[i] = seat.values.dictionary().hash(key);
      }
    }
    Database keys = keyspace.database(database);
    prefetch.begin();
    long before = 0;
    int locks = 0;
    try {
      for (int i = 0; i < count; i++) {
        int slot = slots[i];
        if (slot < 0 || hashes[i] == before) {
          continue; // no key, or one of many commands for the same
        }
        before = hashes[i];
        if (keys.header(slot) == 0) {
          continue; // at a first, unlocked glance
        }
        if (seat.tryLock(slot)) {
          locked[locks++] = slot;
        } else if (!seat.holds(slot)) { // by a key before this one, of the same slot
          continue;
        }
        add(keys, slot, hashes[i]);
      }
      prefetch.run();
    } finally {
      for (int i = 0; i < locks; i++) {
        seat.unlock(locked[i]);
      }
    }
  }

  /// Before the keys of `call` from number `first` on are looked up. Their slots are locked.
  /// Returns the number of the first key that it left out.
  int fetch(Call call, int first) {
    Database keys = keyspace.database(call.database);
    prefetch.begin();
    int end = Math.min(call.keyCount, first + Batch.MOST);
    for (int i = first; i < end; i++) {
      add(keys, call.keySlots[i], call.keyHashes[i]);
    }
    prefetch.run();
    return end;
  }

  private void add(Database keys, int slot, long hash) {
    long header = keys.header(slot);
    if (header != 0) {
      prefetch.add(header, hash);
    }
  }
}
