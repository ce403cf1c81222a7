package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.keyspace.World;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;

/// Locks that are taken out of order. All threads take the locks of slots in ascending order, so no
/// two ever wait for each other; but a script that has changed data already may touch a key that
/// its call didn't name, can't begin anew, and needs the lock of whatever slot that is.
///
/// It gets it in one of three ways. Who holds the slot and runs comes to an end. Who holds it and
/// waits for another one, as it takes its locks in order, lets all of them go and begins again. And
/// who waits out of order, too, waits for a slot whose owner is known: if these waits form a
/// circle, the one that closes it is refused.
///
/// Any thread.
final class OutOfOrder {
  private final Slots slots;

  /// Which slot each seat waits for, by the seat's id. Its own monitor.
  private final Map<Integer, Integer> wanted = new HashMap<>();

  private volatile boolean isWanted; // something is; written under the monitor
  private final BooleanSupplier yields = () -> isWanted;

  private final BooleanSupplier isBusy;
  private final BooleanSupplier givesUp;

  OutOfOrder(Slots slots, World world) {
    this.slots = slots;
    this.isBusy = world::isBusy;
    this.givesUp = () -> isWanted || world.isBusy();
  }

  /// Takes the first `count` locks of `set`, which ascend.
  ///
  /// @param mayGiveUp waiting for a script that takes long
  /// @return whether it has them; if not, it has none
  boolean lockAll(Seat seat, int[] set, int count, boolean mayGiveUp) {
    int taken = 0;
    while (taken < count) {
      if (taken == 0 && !mayGiveUp) {
        seat.lock(set[0]);
        taken = 1;
      } else if (seat.lock(set[taken], taken == 0 ? isBusy : mayGiveUp ? givesUp : yields)) {
        taken++;
      } else {
        while (taken > 0) {
          seat.unlock(set[--taken]);
        }
        if (mayGiveUp && isBusy.getAsBoolean()) {
          return false;
        }
        Thread.onSpinWait();
      }
    }
    return true;
  }

  /// Takes the lock of `slot` for a seat that may hold any others. Returns false if that can't be.
  boolean lock(Seat seat, int slot) {
    if (seat.tryLock(slot)) {
      return true;
    }
    synchronized (wanted) {
      wanted.put(seat.id, slot);
      isWanted = true;
    }
    try {
      boolean[] gaveUp = new boolean[1];
      return seat.lock(slot, () -> gaveUp[0] = gaveUp[0] || closesCircle(seat.id));
    } finally {
      synchronized (wanted) {
        wanted.remove(seat.id);
        isWanted = !wanted.isEmpty();
      }
    }
  }

  /// Whether whom this seat waits for waits for it. The one that finds that out gives up, and the
  /// others don't find it any more.
  private boolean closesCircle(int seat) {
    synchronized (wanted) {
      int next = seat;
      for (int i = 0; i <= wanted.size(); i++) {
        Integer slot = wanted.get(next);
        next = slot == null ? 0 : slots.owner(slot);
        if (next == seat) {
          wanted.remove(seat);
          return true;
        }
        if (next == 0) {
          return false;
        }
      }
      return false; // a circle of others
    }
  }
}
