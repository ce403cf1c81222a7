package dev.spinel.keyspace;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// What belongs to a hash slot *number*, shared by all databases and never swapped: its lock, its
/// flags, and the journal position of its last effect.
///
/// **The lock** is one int: 0 when free, else the id of the seat that holds it. Taking it is a
/// compare-and-set, releasing it a release store (about 2.5 ns together without contention). A
/// waiter spins a hundred times, then sleeps 50 µs at a time, because a release store wakes no
/// thread. A thread takes the locks of several slots in ascending order only, and never waits for
/// the world's token while it holds one. Locks are not reentrant: [#lock] asserts that.
///
/// **Flags** say that a call waits for a key of the slot, that a session watches one or keeps one
/// in a cache of its own, or that writes to one are held up. So commands on all other slots only
/// read one byte for all these features. Others say how the slot stands in a cluster: these change
/// in stopped worlds only, so whoever is seated may read them without the lock, and they hold until
/// the seat is left.
public final class Slots {
  public static final int COUNT = 16384;

  /// Some call waits for a key of the slot.
  public static final byte WAITERS = 1;

  /// Some session watches a key of the slot.
  public static final byte WATCHERS = 2;

  /// Another node of the cluster has the slot, or none.
  public static final byte FOREIGN = 4;

  /// The slot's keys are going to another node: one that isn't here may be there.
  public static final byte MIGRATING = 8;

  /// Another node has the slot, and its keys are coming here.
  public static final byte IMPORTING = 16;

  /// Writes to some key of the slot are held up.
  public static final byte HELD = 32;

  /// Some session is to hear of changes of some key of the slot, which it has read.
  public static final byte TRACKED = 64;

  /// The slot moves whole to another node, or comes here. If it is also [#FOREIGN], its keys are
  /// shown to nobody; if not, calls may have to wait.
  public static final byte MOVING = -128;

  /// How the slot stands in the cluster; none of them where there is no cluster.
  public static final byte OWNERSHIP = FOREIGN | MIGRATING | IMPORTING | MOVING;

  private static final VarHandle LOCK = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int SPINS = 100;
  private static final long PARK_NANOS = 50_000;
  private static final BooleanSupplier NEVER = () -> false;

  /// How a thread waits that has nothing else to do.
  static final Runnable PARK = () -> LockSupport.parkNanos(PARK_NANOS);

  private final Schedule schedule;
  private final int[] locks = new int[COUNT];
  private final byte[] flags = new byte[COUNT]; // slot lock; OWNERSHIP: stopped world
  private final long[] lastEffect = new long[COUNT]; // slot lock
  private long lastGlobalEffect; // stopped world; read under any slot lock

  Slots(Schedule schedule) {
    this.schedule = schedule;
  }

  /// Takes the lock of `slot` for the seat with the (positive) id `owner`.
  public void lock(int slot, int owner) {
    lock(slot, owner, NEVER, PARK);
  }

  /// The same, but the wait ends without the lock once `givesUp` says so.
  ///
  /// @param pause what the thread does between two looks, instead of sleeping
  /// @return whether it has the lock
  boolean lock(int slot, int owner, BooleanSupplier givesUp, Runnable pause) {
    assert (int) LOCK.getOpaque(locks, slot) != owner
        : "slot " + slot + " is locked twice by one seat";
    assert schedule.point();
    return LOCK.compareAndSet(locks, slot, 0, owner) || await(slot, owner, givesUp, pause);
  }

  private boolean await(int slot, int owner, BooleanSupplier givesUp, Runnable pause) {
    assert schedule.until(() -> (int) LOCK.getOpaque(locks, slot) == 0 || givesUp.getAsBoolean());
    for (int i = 0; i < SPINS; i++) {
      if ((int) LOCK.getOpaque(locks, slot) == 0 && LOCK.compareAndSet(locks, slot, 0, owner)) {
        return true;
      }
      Thread.onSpinWait();
    }
    while (!LOCK.compareAndSet(locks, slot, 0, owner)) {
      if (givesUp.getAsBoolean()) {
        return false;
      }
      pause.run();
    }
    return true;
  }

  /// The id of the seat that holds the slot, 0 if none does.
  public int owner(int slot) {
    return (int) LOCK.getOpaque(locks, slot);
  }

  /// Takes the lock only if it is free now.
  public boolean tryLock(int slot, int owner) {
    assert schedule.point();
    return LOCK.compareAndSet(locks, slot, 0, owner);
  }

  public void unlock(int slot, int owner) {
    assert (int) LOCK.getOpaque(locks, slot) == owner
        : "slot " + slot + " is unlocked by another seat";
    LOCK.setRelease(locks, slot, 0);
  }

  /// Whether the seat `owner` holds the slot: for asserts.
  public boolean heldBy(int slot, int owner) {
    return (int) LOCK.getOpaque(locks, slot) == owner;
  }

  public byte flags(int slot) {
    return flags[slot];
  }

  public void raise(int slot, byte flag) {
    flags[slot] |= flag;
  }

  public void lower(int slot, byte flag) {
    flags[slot] &= (byte) ~flag;
  }

  /// Whether there are keys that nobody is shown: they aren't served here yet, or not any more.
  public boolean isHidden(int slot) {
    return (flags[slot] & (FOREIGN | MOVING)) == (FOREIGN | MOVING);
  }

  /// Says how the slot stands in the cluster: some of [#OWNERSHIP]. Stopped world.
  public void ownership(int slot, int of) {
    flags[slot] = (byte) (flags[slot] & ~OWNERSHIP | of);
  }

  /// The journal position right after the last effect on a key of the slot; 0 = none.
  public long lastEffect(int slot) {
    return Math.max(lastEffect[slot], lastGlobalEffect);
  }

  /// The position of an effect on all slots. Stopped world.
  public void lastGlobalEffect(long position) {
    lastGlobalEffect = position;
  }

  public void lastEffect(int slot, long position) {
    lastEffect[slot] = position;
  }
}
