package dev.spinel.persist;

import dev.spinel.engine.Condition;
import dev.spinel.engine.Waiters;
import dev.spinel.engine.Waiting;

/// An end that waits until others are ready ([BeforeEnd]). Meanwhile it can be taken back. Any
/// thread.
final class DelayedEnd {
  private static final long LOOK_MILLIS = 100;

  private BeforeEnd others = BeforeEnd.NOBODY; // before the start
  private final Waiters<Boolean> calls = new Waiters<>(); // of SHUTDOWN
  private boolean isUnderWay; // monitor

  void of(BeforeEnd who) {
    others = who;
  }

  BeforeEnd others() {
    return others;
  }

  /// Returns whether the end has to wait. Stopped world.
  synchronized boolean begins() {
    isUnderWay = isUnderWay || others.begins();
    return isUnderWay;
  }

  synchronized boolean isUnderWay() {
    return isUnderWay;
  }

  /// Waits until the end need not wait any more. Returns false if it was taken back.
  synchronized boolean await() throws InterruptedException {
    while (isUnderWay && !others.isOver()) {
      wait(LOOK_MILLIS);
    }
    return isUnderWay;
  }

  /// The end doesn't come. Returns whether one was under way.
  boolean takeBack() {
    synchronized (this) {
      if (!isUnderWay) {
        return false;
      }
      isUnderWay = false;
      notifyAll();
    }
    others.takenBack();
    calls.wake(any -> true);
    return true;
  }

  /// That the end doesn't come. If it comes, nobody need be told.
  final class TakenBack implements Condition {
    @Override
    public void begin(Waiting call) {
      calls.add(call, true);
      if (!isUnderWay()) {
        calls.wake(any -> true);
      }
    }

    @Override
    public void end(Waiting call) {
      calls.remove(call);
    }

    @Override
    public boolean isAskedFor() {
      return false;
    }

    @Override
    public boolean isCounted() {
      return true;
    }
  }
}
