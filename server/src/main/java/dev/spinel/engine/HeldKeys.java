package dev.spinel.engine;

import dev.spinel.keyspace.Slots;
import dev.spinel.wire.Slice;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Which keys calls hold: see [Hold]. A key is held and let go under its slot's lock, so that a
/// writer who has the lock knows. Nobody pays for this but writers, and they a look at a field that
/// nearly never changes.
final class HeldKeys {
  private record Name(int database, Slice key) {}

  private final Slots slots;
  private final ConcurrentHashMap<Name, Hold> byName = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<Integer, Integer> bySlot = new ConcurrentHashMap<>(); // how many
  private volatile boolean any;

  HeldKeys(Slots slots) {
    this.slots = slots;
  }

  /// Whether any key is held. Exact for the keys of a slot that is locked.
  boolean any() {
    return any;
  }

  /// Who holds the key, or null. Slot lock.
  @Nullable Hold of(int database, Slice key) {
    return byName.get(new Name(database, key));
  }

  /// Holds keys that nobody holds. Their slots' locks.
  void add(Hold hold) {
    for (int i = 0; i < hold.keys.length; i++) {
      if (byName.putIfAbsent(new Name(hold.database, hold.keys[i]), hold) == null) { // named once
        bySlot.merge(hold.slots[i], 1, Integer::sum);
        slots.raise(hold.slots[i], Slots.HELD);
      }
    }
    any = true;
  }

  /// A key isn't held any more. Its slot's lock.
  void remove(Hold hold, int i) {
    if (byName.remove(new Name(hold.database, hold.keys[i]), hold)
        && bySlot.merge(hold.slots[i], -1, (a, b) -> a + b == 0 ? null : a + b) == null) {
      slots.lower(hold.slots[i], Slots.HELD);
    }
    // `any` stays: a writer elsewhere may be about to hold something, and flags tell the same
  }

  /// What a call has to wait for before it may write to its keys, or null. Its slots' locks.
  @Nullable Condition inTheWayOf(Call call) {
    for (int i = 0; i < call.keyCount; i++) {
      if ((slots.flags(call.keySlots[i]) & Slots.HELD) != 0) {
        Hold hold = of(call.database, call.args.at(call.keyPositions[i]));
        if (hold != null && !hold.isBy(call.handlerWaitedFor())) {
          return hold.ended;
        }
      }
    }
    return null;
  }

  /// A call changes the key, which is held: perhaps by itself, else it couldn't wait. Slot lock.
  void changed(Call by, Key key) {
    Hold hold = of(key.database, key.name);
    if (hold != null && !hold.isBy(by.handlerWaitedFor())) {
      hold.changed(key.name);
    }
  }

  /// Databases are about to be exchanged, or replaced. Stopped world.
  void allChanged() {
    byName.values().forEach(Hold::allChanged);
  }
}
