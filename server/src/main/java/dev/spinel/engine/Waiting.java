package dev.spinel.engine;

import dev.spinel.wire.Args;
import org.jspecify.annotations.Nullable;

/// A call that waits for a [Condition], with its arguments in bytes of its own.
///
/// ```
///            ┌── a writer of its key ran it ─────────────► SERVED
///            ├── the condition may hold: it runs again ──► RUNS_AGAIN
///   WAITING ─┼── its time ran out, or it was unblocked ──► UNBLOCKED
///            └── its client is gone ─────────────────────► GONE
/// ```
///
/// A transition happens on the session's thread, while it has its seat, or in a stopped world; one
/// of a call that waits for keys under the locks of *all* its slots. So one of them comes first,
/// and the others find the call no longer WAITING.
public final class Waiting {
  enum State {
    WAITING,
    SERVED,
    RUNS_AGAIN,
    UNBLOCKED,
    GONE
  }

  private final Blocking home;
  final Session session;
  final Command command;
  final Args args;
  final int database;
  final Condition condition;
  final @Nullable Condition asked; // by the handler, now or before gates had the call wait
  final int[] slots; // of its keys, ascending, each once; none unless it waits for keys
  final long heapBytes; // of `args` and the condition's
  final long ranNanos; // how long it has run so far
  final long deadlineMillis; // since 1970; 0: it waits for ever
  final boolean isShown; // to the onlooker
  State state = State.WAITING; // see the class
  @Nullable Runnable timer; // session's thread
  boolean triesLater; // it will be tried again when a key isn't held any more; its slots' locks

  /// `call` begins to wait.
  Waiting(
      Blocking home, Call call, @Nullable Condition asked, Args args, int[] slots, long heapBytes) {
    this.asked = asked;
    this.home = home;
    this.session = call.session;
    this.command = call.command;
    this.args = args;
    this.database = call.database;
    this.condition = call.awaited();
    this.slots = slots;
    this.heapBytes = heapBytes;
    this.ranNanos = call.ranNanos;
    this.deadlineMillis = call.deadlineMillis();
    this.isShown = call.isShown;
  }

  /// Whose call it is.
  public Session session() {
    return session;
  }

  /// The command.
  public Command command() {
    return command;
  }

  /// The slot of a key that it waits for; -1 if it waits for something else.
  public int slot() {
    return slots.length == 0 ? -1 : slots[0];
  }

  /// Whether it still waits. The session's thread, or a stopped world.
  public boolean isWaiting() {
    return state == State.WAITING;
  }

  /// Has the call run again, on its session's thread. Any thread.
  public void again() {
    session.outlet.post(this::runAgain);
  }

  /// Ends the call with what its condition says ([Condition#timedOut]): nothing is left to run. Any
  /// thread.
  public void finish() {
    session.outlet.post(() -> home.timeOut(this));
  }

  /// Has a call that waits for keys run again, on its session's thread. Any thread.
  void retry() {
    session.outlet.post(() -> home.retry(this));
  }

  /// Runs the call again now, if it still waits. The session's thread.
  public void runAgain() {
    home.runAgain(this);
  }
}
