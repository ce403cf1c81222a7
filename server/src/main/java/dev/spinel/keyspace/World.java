package dev.spinel.keyspace;

import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/// Stops the world: while a global operation runs, no seat but its own is taken.
///
/// ```
///   seat A   ──run──run──┐ leaves      ┌ enters──run──
///   seat B   ──run─┐ leaves            └ enters──run──
///   global          token · stopping=true · all out · ACT · stopping=false · token back
/// ```
///
/// A seat enters by writing its state and then looking at `stopping`; a global operation writes
/// `stopping` and then looks at the states: one of the two sees the other (both are volatile, so
/// both orders are total). A thread that sees `stopping` while it enters steps back and waits for
/// the token; a seated thread looks at the flag between commands ([Seat#breathe]). A global
/// operation starts without slot locks and leaves its own seat first. So no seated thread waits for
/// the token, and no two global operations wait for each other.
public final class World {
  /// So long a thread waits for the token before it looks whether it has something else to do.
  private static final long TOKEN_MILLIS = 1;

  private final Schedule schedule;
  private final ReentrantLock token = new ReentrantLock(true);
  private final CopyOnWriteArrayList<Seat> seats = new CopyOnWriteArrayList<>();
  private final LongAdder expiriesSetByOthers = new LongAdder(); // seats that are closed
  private final LongAdder timedSetByOthers = new LongAdder(); // the same
  private volatile boolean stopping;
  private volatile boolean busy;
  private volatile Thread stopper = Thread.currentThread(); // token

  World(Schedule schedule) {
    this.schedule = schedule;
  }

  /// Somebody holds locks, or the world, for long, and lets others know: whoever waits for that may
  /// give up, or do something else meanwhile. Any thread.
  public void busy(boolean on) {
    busy = on;
  }

  public boolean isBusy() {
    return busy;
  }

  /// Whether a global operation waits: the caller should leave its seat soon.
  boolean stopping() {
    return stopping;
  }

  void add(Seat seat) {
    assert schedule.until(() -> !token.isLocked());
    token.lock();
    try {
      seats.add(seat);
    } finally {
      token.unlock();
    }
  }

  void remove(Seat seat) {
    seats.remove(seat);
    expiriesSetByOthers.add(seat.values.dictionary().expiriesSet());
    timedSetByOthers.add(seat.values.dictionary().timedSet());
  }

  /// How often entries with an expiry were put somewhere, by all seats that ever were. While one is
  /// closed its own may be missing: never too many, so no sum comes twice.
  long expiriesSet() {
    long sum = expiriesSetByOthers.sum();
    for (Seat seat : seats) {
      sum += seat.values.dictionary().expiriesSet();
    }
    return sum;
  }

  /// The same of hashes with fields that expire.
  long timedSet() {
    long sum = timedSetByOthers.sum();
    for (Seat seat : seats) {
      sum += seat.values.dictionary().timedSet();
    }
    return sum;
  }

  public Iterable<Seat> seats() {
    return seats;
  }

  /// Runs `action` from `own` while no other seat is taken. `own` must be entered and hold no slot
  /// lock; it is left while waiting and is entered again (with the world still stopped) for the
  /// action.
  public void stop(Seat own, Runnable action) {
    stop(own, action, false);
  }

  /// As above. Returns whether the action ran.
  ///
  /// @param mayGiveUp waiting for somebody who is [#busy]
  public boolean stop(Seat own, Runnable action, boolean mayGiveUp) {
    if (own.stopsWorld()) {
      action.run();
      return true;
    }
    own.leave();
    try {
      return takeToken(own, mayGiveUp) && stopped(own, action, mayGiveUp);
    } finally {
      own.enter();
    }
  }

  /// Runs the action with the token, which is given back. Returns whether it ran.
  private boolean stopped(Seat own, Runnable action, boolean mayGiveUp) {
    try {
      stopper = Thread.currentThread();
      stopping = true;
      try {
        for (Seat seat : seats) {
          if (seat != own && !awaitLeave(seat, own, mayGiveUp)) {
            return false;
          }
        }
        own.enterStopped();
        try {
          action.run();
        } finally {
          own.leaveStopped();
        }
        return true;
      } finally {
        stopping = false;
      }
    } finally {
      token.unlock();
    }
  }

  private boolean awaitLeave(Seat seat, Seat own, boolean mayGiveUp) {
    assert schedule.until(() -> !seat.taken() || mayGiveUp && busy);
    for (int spins = 0; seat.taken(); spins++) {
      if (mayGiveUp && busy) {
        return false;
      }
      if (spins < 100) {
        Thread.onSpinWait();
      } else if (busy) {
        own.whileWaiting();
      } else {
        LockSupport.parkNanos(20_000);
      }
    }
    return true;
  }

  private boolean takeToken(Seat own, boolean mayGiveUp) {
    assert schedule.until(() -> !token.isLocked() || mayGiveUp && busy);
    while (!tryToken()) {
      if (mayGiveUp && busy) {
        return false;
      }
      if (busy) {
        own.whileWaiting();
      }
    }
    return true;
  }

  /// Waits a moment for the token.
  private boolean tryToken() {
    boolean wasInterrupted = false;
    try {
      while (true) {
        try {
          return token.tryLock(TOKEN_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
          wasInterrupted = true;
        }
      }
    } finally {
      if (wasInterrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// Whether the calling thread has the world stand still: for asserts.
  boolean standsStill() {
    return stopping && token.isHeldByCurrentThread();
  }

  /// Another thread may run here, if a test says so.
  boolean point() {
    return schedule.point();
  }

  /// Waits until no global operation waits or runs any more, or, if it may give up, somebody is
  /// [#busy]. Returns false in that case.
  boolean await(Seat own, boolean mayGiveUp) {
    assert schedule.until(() -> !token.isLocked() || mayGiveUp && busy);
    LockSupport.unpark(stopper);
    if (!takeToken(own, mayGiveUp)) {
      return false;
    }
    token.unlock();
    return true;
  }
}
