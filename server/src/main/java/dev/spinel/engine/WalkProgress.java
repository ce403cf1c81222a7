package dev.spinel.engine;

import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;

/// The calls that wait for a walk. A call that would move a large value that the walk hasn't seen
/// waits until the walk has passed the slot. While the walk keeps more than its budget allows,
/// writers wait for that, too, or for it to keep less ([BudgetWait]). All are tried again in the
/// order in which they came.
///
/// Any thread.
final class WalkProgress {
  /// No slot: only the budget is waited for.
  static final int ANYWHERE = -1;

  private record Need(int slot, boolean orBudget) {}

  private final BooleanSupplier overBudget;
  private final Waiters<Need> waiting = new Waiters<>();
  private final LongAdder delays = new LongAdder();

  WalkProgress(BooleanSupplier overBudget) {
    this.overBudget = overBudget;
  }

  /// The condition that the walk has passed the slot.
  Condition past(int slot) {
    return new Progress(new Need(slot, false));
  }

  /// The condition that the walk keeps less than its budget, or has passed the slot, unless that is
  /// [#ANYWHERE].
  Condition withinBudget(int orPast) {
    return new Progress(new Need(orPast, true));
  }

  private final class Progress implements Condition {
    private final Need need;

    Progress(Need need) {
      this.need = need;
    }

    @Override
    public void begin(Waiting call) {
      delays.increment();
      waiting.add(call, need);
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
        need -> slot < 0 || need.slot == slot || need.orBudget && !overBudget.getAsBoolean());
  }

  /// Calls that had to wait, since the start.
  long delays() {
    return delays.sum();
  }
}
