package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Keys that a call holds while it waits: nobody else writes to them meanwhile, and everybody may
/// read them. MIGRATE holds what it has sent until it knows whether the other server has it.
///
/// Calls that would write to such a key wait until the hold is over, as they do for a snapshot, and
/// run again then, in the order in which they came. What can't wait, as the stream of a primary, is
/// noticed: see [#hasChanged].
///
/// Made by [Call#hold]. It begins under the locks of its keys' slots.
public final class Hold {
  private final HeldKeys all;
  private final Condition by;
  final int database;
  final Slice[] keys;
  final int[] slots;
  private final boolean[] changed; // slot lock
  private final Waiters<Hold> waiting = new Waiters<>();
  private final List<Runnable> onEnd = new ArrayList<>(0); // this object's monitor
  private volatile boolean isOver; // written under the locks

  Hold(HeldKeys all, Condition by, int database, Slice[] keys, int[] slots) {
    this.all = all;
    this.by = by;
    this.database = database;
    this.keys = keys;
    this.slots = slots;
    this.changed = new boolean[keys.length];
  }

  /// Whether key number `i` has been changed by somebody who couldn't wait. The slot's lock.
  public boolean hasChanged(int i) {
    return changed[i];
  }

  /// Whether the call that waits for this condition has the hold.
  boolean isBy(@Nullable Condition condition) {
    return by == condition;
  }

  void changed(Slice key) {
    for (int i = 0; i < keys.length; i++) {
      if (keys[i].equals(key)) {
        changed[i] = true;
      }
    }
  }

  void allChanged() {
    Arrays.fill(changed, true);
  }

  /// Nobody else writes to the keys from now on. Their slots' locks.
  public void begin() {
    all.add(this);
  }

  /// Ends it; nothing happens if it has ended. Whoever waits for it goes on. The locks of all keys'
  /// slots are held, or none.
  public void release(Seat seat) {
    for (int i = 0; i < keys.length; i++) {
      boolean locks = !seat.holds(slots[i]);
      if (locks) {
        seat.lock(slots[i]);
      }
      try {
        all.remove(this, i);
        isOver |= i == keys.length - 1;
      } finally {
        if (locks) {
          seat.unlock(slots[i]);
        }
      }
    }
    wake();
    List<Runnable> told;
    synchronized (onEnd) {
      told = List.copyOf(onEnd);
      onEnd.clear();
    }
    told.forEach(Runnable::run);
  }

  private void wake() {
    if (isOver) {
      waiting.wake(any -> true);
    }
  }

  /// Has `action` run once it is over. The lock of some key's slot.
  void onEnd(Runnable action) {
    synchronized (onEnd) {
      onEnd.add(action);
    }
  }

  /// The condition that it is over.
  final Condition ended =
      new Condition() {
        @Override
        public void begin(Waiting call) {
          waiting.add(call, Hold.this);
          wake(); // it may have ended meanwhile
        }

        @Override
        public void end(Waiting call) {
          waiting.remove(call);
        }

        @Override
        public boolean isAskedFor() {
          return false;
        }
      };
}
