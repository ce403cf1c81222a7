package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Which sessions watch which keys (WATCH), by slot. A slot's list is touched under the slot's
/// lock, or in a stopped world. The writer of a key whose slot has the WATCHERS flag breaks the
/// watches of the key.
final class Watches {
  /// One session's watch of one key.
  static final class Watch {
    final Session session;
    final int database;
    final int slot;
    final byte[] key;
    boolean
        expired; // slot lock: its time was over when the watch began, so its removal is no change

    Watch(Session session, int database, int slot, byte[] key, boolean expired) {
      this.session = session;
      this.database = database;
      this.slot = slot;
      this.key = key;
      this.expired = expired;
    }
  }

  /// What a watch takes of the heap besides its key.
  private static final int WATCH_BYTES = 160;

  private final Slots slots;

  @SuppressWarnings("unchecked")
  private final @Nullable ArrayList<Watch>[] bySlot = new ArrayList[Slots.COUNT];

  Watches(Slots slots) {
    this.slots = slots;
  }

  void add(Session session, int database, int slot, Slice key, boolean expired) {
    ArrayList<Watch> list = bySlot[slot];
    if (list != null) {
      ArrayList<Watch> shorter = list.size() < session.watches.size() ? list : session.watches;
      for (Watch watch : shorter) {
        if (watch.session == session && watch.database == database && key.equal(watch.key)) {
          return;
        }
      }
    }
    session.hold(WATCH_BYTES + key.length);
    Watch watch = new Watch(session, database, slot, key.copy(), expired);
    if (list == null) {
      bySlot[slot] = list = new ArrayList<>(2);
    }
    list.add(watch);
    session.watches.add(watch);
    slots.raise(slot, Slots.WATCHERS);
  }

  /// The key has another value.
  void changed(int database, int slot, Slice key) {
    breakWatches(database, slot, key, false);
  }

  /// The key is gone.
  void removed(int database, int slot, Slice key) {
    breakWatches(database, slot, key, true);
  }

  private void breakWatches(int database, int slot, Slice key, boolean removed) {
    ArrayList<Watch> list = bySlot[slot];
    for (int i = 0; list != null && i < list.size(); i++) {
      Watch watch = list.get(i);
      if (watch.database == database && key.equal(watch.key)) {
        if (watch.expired && removed) {
          watch.expired = false;
        } else {
          watch.session.watchBroken = true;
        }
      }
    }
  }

  /// All keys of the database for which `changed` says so changed. Stopped world.
  void touchAll(int database, java.util.function.Predicate<Watch> changed) {
    for (ArrayList<Watch> list : bySlot) {
      for (int i = 0; list != null && i < list.size(); i++) {
        Watch watch = list.get(i);
        if (watch.database == database && changed.test(watch)) {
          watch.session.watchBroken = true;
        }
      }
    }
  }

  /// Ends all watches of the session, taking the slot locks that the seat doesn't hold.
  void end(Session session, Seat seat) {
    for (int i = 0; i < session.watches.size(); i++) {
      Watch watch = session.watches.get(i);
      boolean held = seat.holds(watch.slot);
      if (!held) {
        seat.lock(watch.slot);
      }
      ArrayList<Watch> list = bySlot[watch.slot];
      if (list != null) {
        list.remove(watch);
        if (list.isEmpty()) {
          bySlot[watch.slot] = null;
          slots.lower(watch.slot, Slots.WATCHERS);
        }
      }
      if (!held) {
        seat.unlock(watch.slot);
      }
      session.release(WATCH_BYTES + watch.key.length);
    }
    session.watches.clear();
    session.watchBroken = false;
  }

  /// For tests: how many watches there are. Stopped world.
  int size() {
    return Arrays.stream(bySlot).mapToInt(list -> list == null ? 0 : list.size()).sum();
  }
}
