package dev.spinel.engine;

import java.util.concurrent.atomic.AtomicInteger;
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

  private static final int NEVER_MISSED = -1; // who begins to wait holds the slot's lock

  private final BooleanSupplier overBudget;
  private final Waiters<Need> waiting = new Waiters<>();
  private final LongAdder delays = new LongAdder();
  private final AtomicInteger passed = new AtomicInteger(); // slots, ever; wraps to 0

  WalkProgress(BooleanSupplier overBudget) {
    this.overBudget = overBudget;
  }

  /// The condition that the walk has passed the slot.
  Condition past(int slot) {
    return new Progress(new Need(slot, false), NEVER_MISSED);
  }

  /// The condition that the walk keeps less than its budget, or has passed the slot, unless that is
  /// [#ANYWHERE].
  ///
  /// @param seen what [#passed] was before the caller found that it has to wait: if the walk has
  ///   gone on since then, the call is tried again at once
  Condition withinBudget(int orPast, int seen) {
    return new Progress(new Need(orPast, true), seen);
  }

  /// A number that changes with each slot that the walk passes.
  int passed() {
    return passed.get();
  }

  private final class Progress implements Condition {
    private final Need need;
    private final int seen;

    Progress(Need need, int seen) {
      this.need = need;
      this.seen = seen;
    }

    @Override
    public void begin(Waiting call) {
      delays.increment();
      waiting.add(call, need);
      if (seen != NEVER_MISSED && seen != passed.get()) {
        call.again();
      }
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
    passed.updateAndGet(n -> n + 1 & Integer.MAX_VALUE);
    waiting.wake(
        need -> slot < 0 || need.slot == slot || need.orBudget && !overBudget.getAsBoolean());
  }

  /// Calls that had to wait, since the start.
  long delays() {
    return delays.sum();
  }
}
