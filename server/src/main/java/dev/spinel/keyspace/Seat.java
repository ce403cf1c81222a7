package dev.spinel.keyspace;

import dev.spinel.value.Values;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.BooleanSupplier;

/// A thread's right to touch data, with the tools that it needs for that: its allocator and its
/// value structures.
///
/// Each loop, background thread and embedded caller has one. A thread enters it for a turn, leaves
/// it before it sleeps, and between commands lets a global operation pass ([#breathe]). Everything
/// in it belongs to the thread that has entered it.
public final class Seat implements AutoCloseable {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(Seat.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final BooleanSupplier NEVER = () -> false;

  private static final int OUT = 0;
  private static final int IN = 1;
  private static final int STOPPED = 2; // in, and no other seat is

  /// Positive, unique in its keyspace. A slot's lock holds the id of its owner.
  public final int id;

  public final Values values;
  private final World world;
  private final Slots slots;
  private final AutoCloseable release;
  private volatile int state; // the seated thread writes, others read
  private final Runnable pause;
  private Meanwhile meanwhile =
      waits -> {
        if (waits) {
          Slots.PARK.run();
        }
      };

  Seat(int id, Values values, World world, Slots slots, AutoCloseable release) {
    this.id = id;
    this.values = values;
    this.world = world;
    this.slots = slots;
    this.release = release;
    this.pause = this::whileWaiting;
  }

  /// Takes the seat; waits while the world stands still.
  public void enter() {
    enter(false);
  }

  /// The same, but gives up if it would have to wait for somebody who is [World#busy]. Returns
  /// whether the seat is taken.
  public boolean enterUnlessBusy() {
    return enter(true);
  }

  private boolean enter(boolean mayGiveUp) {
    assert state == OUT : "the seat is taken";
    while (true) {
      assert world.point();
      STATE.setVolatile(this, IN);
      assert world.point();
      if (!world.stopping()) {
        return true;
      }
      STATE.setVolatile(this, OUT);
      if (!world.await(this, mayGiveUp)) {
        return false;
      }
    }
  }

  /// Leaves the seat: no slot lock may be held.
  public void leave() {
    assert state == IN : "the seat is not taken";
    try {
      values.allocator().tick(); // nodes that the heap wants back are due before a sleep
    } finally {
      STATE.setRelease(this, OUT);
    }
  }

  /// Lets a global operation pass, if one waits. Called between commands, without slot locks.
  public void breathe() {
    if (world.stopping() && state == IN) {
      leave();
      enter();
    }
  }

  /// What a seat's thread can do while it holds locks, or the world, for long, or waits for who
  /// does ([World#busy]). It may be done without the seat, and must not touch data or what belongs
  /// to the seat.
  @FunctionalInterface
  public interface Meanwhile {
    /// Does what there is to do.
    ///
    /// @param waits and if there is nothing, sleeps for a moment
    void serve(boolean waits);
  }

  /// Sets what its thread can do meanwhile; at first, nothing.
  public void meanwhile(Meanwhile action) {
    meanwhile = action;
  }

  /// Called again and again by the seat's thread while it holds locks or the world for long.
  public void whileBusy() {
    meanwhile.serve(false);
  }

  /// Called again and again by the seat's thread while it waits for a lock, or for the world.
  void whileWaiting() {
    if (world.isBusy()) {
      meanwhile.serve(true);
    } else {
      Slots.PARK.run();
    }
  }

  /// Whether it is taken now; from its own thread: whether that may touch data.
  public boolean taken() {
    return state != OUT;
  }

  void enterStopped() {
    STATE.setVolatile(this, STOPPED);
  }

  void leaveStopped() {
    STATE.setRelease(this, OUT);
  }

  /// Whether this seat runs a global operation now: then no lock is needed for anything.
  public boolean stopsWorld() {
    return state == STOPPED;
  }

  public void lock(int slot) {
    assert state == IN : "a slot lock needs a seat";
    slots.lock(slot, id, NEVER, pause);
  }

  /// As above, but the wait ends without the lock once `givesUp` says so. Returns whether the seat
  /// has the lock.
  public boolean lock(int slot, BooleanSupplier givesUp) {
    assert state == IN : "a slot lock needs a seat";
    return slots.lock(slot, id, givesUp, pause);
  }

  public boolean tryLock(int slot) {
    return slots.tryLock(slot, id);
  }

  public void unlock(int slot) {
    slots.unlock(slot, id);
  }

  /// Whether this seat may touch keys of the slot now: for asserts.
  public boolean holds(int slot) {
    return state == STOPPED || slots.heldBy(slot, id);
  }

  /// Whether its thread may use what belongs to the seat now, or a stopped world may: for asserts.
  boolean atWork() {
    return state != OUT || world.standsStill();
  }

  /// Ends the seat, which is free. It is entered for that, as its allocator gives back what it
  /// still keeps, and in a stopped world another thread may be flushing every seat's allocator.
  @Override
  public void close() {
    enter();
    try {
      release.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    } finally {
      leave();
      world.remove(this);
    }
  }
}
