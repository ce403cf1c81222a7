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
/// taken, all that are free at this moment, and given back before a command runs. Nobody waits
/// here. They are held for about a microsecond; who wants one meanwhile spins that long, as for any
/// lock, and rarely sleeps ([dev.spinel.keyspace.Slots]).
final class Lookahead {
  private final Keyspace keyspace;
  private final Seat seat;
  private final Prefetch prefetch;
  private final int[] locked = new int[Batch.MOST];

  Lookahead(Keyspace keyspace, Seat seat) {
    this.keyspace = keyspace;
    this.seat = seat;
    this.prefetch = new Prefetch(seat.values.memory(), Batch.MOST);
  }

  /// Before the commands of `batch` run. No slot lock may be held.
  void fetch(Batch batch, int database) {
    int count = batch.count();
    for (int i = 0; i < count; i++) {
      Args args = batch.at(i);
      if (args.count() > 1) {
        Slice key = args.at(1);
        args.foresee(KeySlot.of(key), seat.values.dictionary().hash(key));
      }
    }
    Database keys = keyspace.database(database);
    prefetch.begin();
    long before = 0;
    int locks = 0;
    try {
      for (int i = 0; i < count; i++) {
        Args args = batch.at(i);
        int slot = args.keySlot();
        if (slot < 0 || args.keyHash() == before) {
          continue; // no key, or one of many commands for the same
        }
        before = args.keyHash();
        if (keys.header(slot) == 0) {
          continue; // at a first, unlocked glance
        }
        if (seat.tryLock(slot)) {
          locked[locks++] = slot;
        } else if (!seat.holds(slot)) { // by a key before this one, of the same slot
          continue;
        }
        add(keys, slot, args.keyHash());
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
