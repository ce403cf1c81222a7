package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Place;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;

/// Has writers wait while the walk under way keeps more than its budget allows: those that would
/// have it keep still more, and those that only read a key as they write another one.
///
/// ```
///   a key that the walk has passed, or that is in no database,
///   or that was made after the cut                               goes on
///   no key at all (FLUSHALL leaves its tables to the walk)       goes on
///   a key that the walk needs as it is                           waits for its slot, or for the budget
///   a script that names no keys                                  waits for the budget
/// ```
///
/// EXEC goes by all that it writes to. A call whose value was small enough to go on may make the
/// walk keep something after all, as the locks aren't held until it runs: the budget is no sharp
/// limit.
///
/// Belongs to the dispatcher's thread.
final class BudgetWait {
  private static final int NOTHING = -2;

  private final Dispatcher dispatcher;
  private final Engine engine;
  private final Seat seat;
  private final LockSet locks;
  private final Place place = new Place();
  private final Slice key = new Slice();

  BudgetWait(Dispatcher dispatcher, LockSet locks) {
    this.dispatcher = dispatcher;
    this.engine = dispatcher.engine;
    this.seat = dispatcher.seat();
    this.locks = locks;
  }

  /// The call, which has passed its gates, is to wait if it must. No lock is held.
  void ask(Call call, boolean mayGiveUp) {
    if (!mayWrite(call)) {
      return;
    }
    int seen = engine.walkProgress.passed();
    int awaited = awaited(call, mayGiveUp);
    if (awaited != NOTHING) {
      call.await(engine.walkProgress.withinBudget(awaited, seen), Call.FOR_EVER);
    }
  }

  /// A script that doesn't say what it does may.
  private static boolean mayWrite(Call call) {
    return call.does(Command.WRITE)
        || call.does(Command.SCRIPTED) && call.does(Command.MAY_REPLICATE);
  }

  /// The slot that is to be passed, or [WalkProgress#ANYWHERE], or nothing.
  private int awaited(Call call, boolean mayGiveUp) {
    Queue queue = call.command == engine.exec ? call.session.queue : null;
    if (queue == null) {
      return awaited(call, call.command, call.args, mayGiveUp);
    }
    int awaited = NOTHING;
    for (int i = 0; i < queue.size() && awaited == NOTHING; i++) {
      Command command = queue.command(i);
      Args args = queue.args(i);
      if (!command.is(Command.READONLY) && dispatcher.collectKeys(call, command, args)) {
        awaited = awaited(call, command, args, mayGiveUp);
      }
    }
    call.keyCount = 0; // EXEC has none
    return awaited;
  }

  /// The same for the keys that the call has now.
  private int awaited(Call call, Command command, Args args, boolean mayGiveUp) {
    for (int i = 0; i < call.keyCount; i++) {
      int slot = call.keySlots[i];
      if (!locks.lockOnly(slot, false, mayGiveUp)) {
        return NOTHING; // a script takes long: the call is about to hear of that
      }
      try {
        args.read(call.keyPositions[i], key);
        if (isNeeded(call.database, slot, call.keyHashes[i])) {
          return slot;
        }
      } finally {
        locks.unlock();
      }
    }
    boolean isUnknown = call.keyCount == 0 && command.is(Command.SCRIPTED);
    return isUnknown ? WalkProgress.ANYWHERE : NOTHING;
  }

  /// Whether the walk would have to keep the key if it were overwritten. Slot lock.
  private boolean isNeeded(int database, int slot, long hash) {
    Dictionary dictionary = seat.values.dictionary();
    long header = engine.keyspace.database(database).header(slot);
    return header != 0
        && !dictionary.passed(header)
        && dictionary.find(header, hash, key, place)
        && dictionary.keptBytes(place) > 0;
  }
}
