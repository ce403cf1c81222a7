package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.keyspace.World;
import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The slots whose locks one call or transaction takes: gathered in any order, held ascending, each
/// once. One per seat, used again and again; empty between two calls.
///
/// A write that may wake calls takes the slots of all these calls, too ([Parking]). Where these are
/// too many, or grow while they are taken, the world is stopped instead.
final class LockSet {
  private static final int MOST_SLOTS = 16;
  private static final int MOST_ROUNDS = 3;

  private final Seat seat;
  private final Slots slots;
  private final World world;
  private final Parking parking;
  private final OutOfOrder outOfOrder;

  /// So many are gathered in a list, more in a bitmap of all slots.
  private static final int FEW = 64;

  private final int[] few = new int[1024];
  private int[] set = few; // another one only for a call of more slots
  private int count;
  private final long[] marks = new long[Slots.COUNT / 64];
  private boolean marked; // what was added is in `marks`
  private final long[] touched = new long[Slots.COUNT / 64]; // see touch
  private boolean hasTouched;

  LockSet(Seat seat, Slots slots, World world, Parking parking, OutOfOrder outOfOrder) {
    this.seat = seat;
    this.slots = slots;
    this.world = world;
    this.parking = parking;
    this.outOfOrder = outOfOrder;
  }

  /// Takes the lock of `slot`, all that a call of one key needs, unless it may wake a call that
  /// waits there: then it takes none. Returns whether it did; [#unlock] ends it.
  ///
  /// @param mayGiveUp waiting for a script that takes long
  boolean lockOnly(int slot, boolean wakes, boolean mayGiveUp) {
    if (!mayGiveUp) {
      seat.lock(slot);
    } else if (!seat.lock(slot, world::isBusy)) {
      return false;
    }
    if (wakes && (slots.flags(slot) & Slots.WAITERS) != 0) {
      seat.unlock(slot);
      return false;
    }
    set[0] = slot;
    count = 1;
    return true;
  }

  void unlock() {
    for (int i = count - 1; i >= 0; i--) {
      seat.unlock(set[i]);
    }
    count = 0;
    set = few;
  }

  void add(int slot) {
    if (count == FEW) {
      for (int i = 0; i < FEW; i++) {
        mark(set[i]);
      }
      count = 0;
      marked = true;
    }
    if (marked) {
      mark(slot);
    } else {
      set[count++] = slot;
    }
  }

  private void mark(int slot) {
    marks[slot >>> 6] |= 1L << slot;
  }

  void addKeys(Call call) {
    for (int i = 0; i < call.keyCount; i++) {
      add(call.keySlots[i]);
    }
  }

  /// Notes that the call or transaction, which has the world to itself, touches the call's keys.
  void touch(Call call) {
    hasTouched = true;
    for (int i = 0; i < call.keyCount; i++) {
      int slot = call.keySlots[i];
      touched[slot >>> 6] |= 1L << slot;
    }
  }

  /// Whether keys of the slot were touched, in a stopped world.
  boolean isTouched(int slot) {
    return (touched[slot >>> 6] & 1L << slot) != 0;
  }

  /// Forgets what was added, and touched.
  void clear() {
    if (hasTouched) {
      Arrays.fill(touched, 0);
      hasTouched = false;
    }
    forget();
  }

  private void forget() {
    count = 0;
    if (marked) {
      Arrays.fill(marks, 0);
      marked = false;
    }
  }

  /// Has `set` hold what was added, ascending.
  private void sort() {
    if (!marked) {
      count = sorted(set, count);
      return;
    }
    int found = 0;
    for (long word : marks) {
      found += Long.bitCount(word);
    }
    if (found > set.length) {
      set = JavaHeap.ints(found);
    }
    int at = 0;
    for (int i = 0; i < marks.length; i++) {
      for (long word = marks[i]; word != 0; word &= word - 1) {
        set[at++] = i << 6 | Long.numberOfTrailingZeros(word);
      }
    }
    forget();
    count = found;
  }

  /// Sorts the first `count` of `slots`, each kept once. Returns how many there are then.
  static int sorted(int[] slots, int count) {
    Arrays.sort(slots, 0, count);
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (kept == 0 || slots[kept - 1] != slots[i]) {
        slots[kept++] = slots[i];
      }
    }
    return kept;
  }

  /// Lists the keys that a call or transaction writes and that calls may wait for, while their
  /// slots are locked.
  interface Written {
    void tell(Consumer<Slice> key);
  }

  /// Runs `action` under the locks of what was added and, for a write, of all calls that it may
  /// wake; or in a stopped world. Empty afterwards.
  ///
  /// @param written keys whose change may wake calls; null if there are none
  /// @param mayGiveUp waiting for a script that takes long
  /// @return whether it ran
  boolean holding(@Nullable Written written, Runnable action, boolean mayGiveUp) {
    sort();
    for (int round = 1; ; round++) {
      if (!outOfOrder.lockAll(seat, set, count, mayGiveUp)) {
        count = 0;
        set = few;
        return false;
      }
      int[] needed;
      try {
        if (written == null || !awaited()) {
          action.run();
          return true;
        }
        int[] own = Arrays.copyOf(set, count);
        needed = parking.closeOver(own, written, MOST_SLOTS);
        if (needed != null && needed.length == own.length) {
          action.run();
          return true;
        }
      } finally {
        unlock();
      }
      if (needed == null || round == MOST_ROUNDS) {
        return world.stop(seat, action, mayGiveUp);
      }
      count = needed.length;
      if (count > few.length) {
        set = needed;
      } else {
        System.arraycopy(needed, 0, few, 0, count);
      }
    }
  }

  /// Takes the lock of a further slot for the call that holds these: it comes out of order. Returns
  /// false if that can't be, as whoever has it waits for one of these, in the same way.
  boolean extend(int slot) {
    if (seat.holds(slot)) {
      return true;
    }
    if (count == set.length) {
      set = JavaHeap.copy(set, 2 * count);
    }
    if (!outOfOrder.lock(seat, slot)) {
      return false;
    }
    set[count++] = slot;
    return true;
  }

  /// Whether some lock is held.
  boolean holdsAny() {
    return count > 0;
  }

  private boolean awaited() {
    for (int i = 0; i < count; i++) {
      if ((slots.flags(set[i]) & Slots.WAITERS) != 0) {
        return true;
      }
    }
    return false;
  }

  /// Notes the journal position of what was done under these locks (or in the stopped world).
  void affected(long position) {
    for (int i = 0; i < count; i++) {
      slots.lastEffect(set[i], position);
    }
    if (seat.stopsWorld()) {
      slots.lastGlobalEffect(position);
    }
  }

  /// The last journal position that can have been seen under these locks.
  long seen() {
    long position = 0;
    for (int i = 0; i < count; i++) {
      position = Math.max(position, slots.lastEffect(set[i]));
    }
    return position;
  }
}
