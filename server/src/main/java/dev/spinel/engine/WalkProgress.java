package dev.spinel.engine;

import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;

/// The calls that wait for a walk. A call that would move a large value that the walk hasn't seen
/// waits until the walk has passed the slot. Writers wait while the walk keeps more than its budget
/// allows. All are tried again in the order in which they came.
///
/// Any thread.
final class WalkProgress {
  private static final int ANYWHERE = -1;

  private final BooleanSupplier overBudget;
  private final Waiters<Integer> waiting = new Waiters<>(); // for slots
  private final LongAdder delays = new LongAdder();

  WalkProgress(BooleanSupplier overBudget) {
    this.overBudget = overBudget;
  }

  /// The condition that the walk has passed the slot.
  Condition past(int slot) {
    return new Progress(slot);
  }

  /// The condition that the walk keeps less than its budget.
  Condition withinBudget() {
    return new Progress(ANYWHERE);
  }

  private final class Progress implements Condition {
    private final int slot;

    Progress(int slot) {
      this.slot = slot;
    }

    @Override
    public void begin(Waiting call) {
      delays.increment();
      waiting.add(call, slot);
    }

    @Override
    public void end(Waiting call) {
      waiting.remove(call);
    }

    @Override
    public boolean isAskedFor() {
      return false;
    }
  }

  /// The walk has passed the slot, or is over (-1). Calls that may run now are tried again.
  void walked(int slot) {
    waiting.wake(
        awaited ->
            slot < 0 || awaited == slot || awaited == ANYWHERE && !overBudget.getAsBoolean());
  }

  /// Calls that had to wait, since the start.
  long delays() {
    return delays.sum();
  }
}
