package dev.spinel.engine;

import dev.spinel.keyspace.Seat;

/// What a call waits for. Each kind is a class of the feature that knows when it comes true: a key
/// that gets a value ([AwaitedKeys]), a walk that comes further ([WalkProgress]), memory that is
/// freed.
///
/// **To make a new kind**: implement [#begin], which remembers the call and sees to it that
/// [Waiting#again] is called once when it may be worth another try, and [#end], which forgets it.
/// Then a gate or a handler says `call.await(condition, timeoutMillis)` and returns. That is all:
/// the call is kept with its arguments, times out, is unblocked or ends with its client, and is
/// counted and shown, in the same way whatever it waits for ([Blocking]).
///
/// A call that is tried again begins at its gates, and may have to wait again.
public interface Condition {
  /// The call begins to wait. The session's thread: under the locks of the call's keys if its
  /// handler asks, under none if a gate does.
  void begin(Waiting call);

  /// The call has run in a stopped world, which goes on now: for what should hold up this thread
  /// only. The session's thread, which has left its seat.
  default void worldGoesOn() {}

  /// The call doesn't wait any more, and [Waiting#again] was not the reason: forget it. The
  /// session's thread, under the locks under which the call began to wait; or a stopped world.
  default void end(Waiting call) {}

  /// The handler of the call asked to wait for this; it has run again since, or a gate has refused
  /// that, and the call is over. Where gates had it wait once more in between, this comes only
  /// then. The session's thread, seated; the slots of the call's keys are locked, or none.
  default void over(Seat seat) {}

  /// The same, but the client is gone, and the call won't run again. In this case [#end] was told
  /// before, if the call still waited for this.
  default void forsaken(Seat seat) {}

  /// The reply of a call whose time ran out, or that was ended by [Waiting#finish].
  default void timedOut(Reply reply) {
    reply.nilArray();
  }

  /// Whether the client asked to wait, as with BLPOP. Then CLIENT UNBLOCK, a change of the server's
  /// role, and a client that has sent its last end the wait. If not, the server holds the call up,
  /// and runs it in any case, unless its connection breaks.
  boolean isAskedFor();

  /// Whether the handler, when it runs again, does all anew that it did before it waited: then what
  /// that has counted doesn't count, and is told to nobody twice.
  default boolean startsOver() {
    return !isAskedFor();
  }

  /// Whether INFO counts the client as blocked.
  default boolean isCounted() {
    return isAskedFor();
  }

  /// Bytes of the Java heap that [#begin] takes for a call.
  default long heapBytes() {
    return 0;
  }
}
