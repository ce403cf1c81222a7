package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.wire.Args;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.Slice;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Calls that wait. Each dispatcher has one of these: it keeps the calls of the dispatcher's own
/// sessions that wait for a [Condition], ends their waits, and runs calls of any session that the
/// dispatcher's writes have woken.
///
/// ```
///   BLPOP a ── finds nothing ──► await ────────────────────────────┐
///                                                                  ▼ Parking, under a's lock
///   RPUSH a ── ready(a) ── its own reply ──► serve: BLPOP again ── reply ── post ──► answered
///             (another session, perhaps of another loop)                        (the first's thread)
///
///   RENAME ── the walk needs the value ──► await ── WalkProgress ── post ──► runAgain: from its gates
/// ```
///
/// Belongs to the seat's thread.
final class Blocking {
  private record Ready(int database, int slot, Slice key) {}

  private final Dispatcher dispatcher;
  private final Engine engine;
  private final Call guest; // runs calls that wait, of other sessions, too
  private final Output output;
  private final Reply reply;
  private final LinkedHashSet<Ready> ready = new LinkedHashSet<>();

  Blocking(Dispatcher dispatcher) {
    this.dispatcher = dispatcher;
    this.engine = dispatcher.engine;
    this.output = new Output(new OutputPool(new HeapChunks(dispatcher.seat())));
    this.reply = new Reply(output);
    this.guest = new Call(dispatcher, engine, dispatcher.seat());
  }

  // ── waiting ──

  private static final int[] NO_SLOTS = {};

  /// Keeps a call that a gate has wait. Returns false if the heap has no room for it.
  boolean awaitGate(Call call) {
    return await(call, call.handlerWaitedFor());
  }

  /// Keeps a call whose handler has it wait; its slots are locked. Returns false if the heap has no
  /// room for it.
  boolean await(Call call) {
    return await(call, call.awaited());
  }

  private boolean await(Call call, @Nullable Condition asked) {
    Session session = call.session;
    Condition condition = call.awaited();
    Args args = call.argsOfNextTry();
    long heapBytes = args.heapBytes() + condition.heapBytes();
    if (!session.mayHold(heapBytes)) {
      return false;
    }
    int[] slots = NO_SLOTS;
    if (condition instanceof AwaitedKeys) {
      slots = Arrays.copyOf(call.keySlots, call.keyCount);
      slots = Arrays.copyOf(slots, LockSet.sorted(slots, slots.length));
    }
    Waiting waiting = new Waiting(this, call, asked, args.copy(), slots, heapBytes);
    session.waiting = waiting;
    if (condition.isCounted()) {
      engine.blockedCalls.incrementAndGet();
    }
    condition.begin(waiting);
    if (waiting.deadlineMillis != 0) {
      long left = Math.max(0, waiting.deadlineMillis - dispatcher.now());
      waiting.timer = session.outlet.after(left, () -> timeOut(waiting));
    }
    return true;
  }

  /// Runs a call again that may run now, from its gates on. The session's thread.
  void runAgain(Waiting waiting) {
    Session session = waiting.session;
    if (!waiting.isWaiting() || session.closing) {
      return; // it has ended meanwhile, or is about to
    }
    ends(waiting, Waiting.State.RUNS_AGAIN);
    runNow(waiting);
  }

  /// Runs a call again that waits for keys, and could not be served when one came. The session's
  /// thread.
  void retry(Waiting waiting) {
    if (!waiting.session.closing && stop(waiting, Waiting.State.RUNS_AGAIN)) {
      runNow(waiting);
    }
  }

  private void runNow(Waiting waiting) {
    Session session = waiting.session;
    leave(waiting);
    int outcome = Dispatcher.RUN_ON;
    try {
      outcome = dispatcher.again(waiting);
    } finally {
      Condition asked = waiting.asked;
      if (asked != null && outcome != Dispatcher.PARKED) {
        asked.over(dispatcher.seat());
      }
    }
    waiting.args.release(session.outlet.large());
    session.release(waiting.heapBytes);
    if (outcome == Dispatcher.PARKED) {
      return;
    }
    session.outlet.flush();
    if (session.closing) {
      session.outlet.closeAfterReply();
    } else {
      session.outlet.resume();
    }
  }

  /// Ends the session's wait; its call isn't over yet. The session's own thread.
  private static void leave(Waiting waiting) {
    waiting.session.waiting = null;
    if (waiting.timer != null) {
      waiting.timer.run();
    }
  }

  /// Ends the session's wait and its call.
  private static void forget(Waiting waiting) {
    leave(waiting);
    waiting.args.release(waiting.session.outlet.large());
    waiting.session.release(waiting.heapBytes);
  }

  // ── ending a wait ──

  /// Ends a wait with what its condition says. The session's thread.
  void timeOut(Waiting waiting) {
    if (stop(waiting, Waiting.State.UNBLOCKED)) {
      answered(waiting, ending(waiting, null), 0);
    }
  }

  /// Ends the wait of another session, if its client asked for it, as if its time had run out, or
  /// with an error (else null). Stopped world. Returns whether it waited.
  boolean unblock(Session other, @Nullable String error) {
    assert dispatcher.seat().stopsWorld();
    Waiting waiting = other.waiting;
    if (waiting == null
        || !waiting.condition.isAskedFor()
        || !stop(waiting, Waiting.State.UNBLOCKED)) {
      return false;
    }
    byte[] bytes = ending(waiting, error);
    other.outlet.post(() -> answered(waiting, bytes, 0));
    return true;
  }

  /// Ends the waits of calls for keys for which `why` has an error. Stopped world.
  void endWaits(Function<Waiting, @Nullable CommandError> why) {
    assert dispatcher.seat().stopsWorld();
    for (Session session : engine.sessions()) {
      Waiting waiting = session.waiting;
      if (waiting != null && waiting.isWaiting() && waiting.condition instanceof AwaitedKeys) {
        CommandError error = why.apply(waiting);
        if (error != null) {
          unblock(session, error.text());
        }
      }
    }
  }

  /// See [Dispatcher#giveUp].
  boolean giveUp(Session session) {
    Waiting waiting = session.waiting;
    if (waiting == null) {
      return true;
    }
    if (!waiting.condition.isAskedFor() || !stop(waiting, Waiting.State.GONE)) {
      return false;
    }
    forget(waiting);
    return true;
  }

  /// The session's connection is gone. Its own thread.
  void closed(Session session) {
    Waiting waiting = session.waiting;
    if (waiting != null) {
      stop(waiting, Waiting.State.GONE);
      forget(waiting);
      Condition asked = waiting.asked;
      if (asked != null) {
        asked.forsaken(dispatcher.seat());
      }
    }
  }

  /// Replies to a call whose time ran out (`error` null) or that is unblocked with an error, and
  /// counts it.
  private byte[] ending(Waiting waiting, @Nullable String error) {
    Dispatcher.empty(output);
    reply.to(output, waiting.session.protocol);
    if (error == null) {
      waiting.condition.timedOut(reply);
    } else {
      engine.countError(new CommandError(error).code());
      dispatcher.statistics.failed[waiting.command.index]++;
      reply.error(error);
    }
    begin(waiting);
    dispatcher.count(guest, waiting.ranNanos);
    return takeAll();
  }

  /// Makes [#guest] the call that waits.
  private void begin(Waiting waiting) {
    guest.before = waiting;
    guest.keyCount = 0;
    guest.begin(waiting.session, waiting.command, waiting.args, dispatcher.now());
    guest.database = waiting.database;
  }

  private byte[] takeAll() {
    byte[] bytes = new byte[Math.toIntExact(output.pendingBytes())];
    output.drainTo(ByteBuffer.wrap(bytes), Long.MAX_VALUE);
    Dispatcher.empty(output);
    return bytes;
  }

  /// Takes the call from where it waits. Returns false if it doesn't wait any more.
  private boolean stop(Waiting waiting, Waiting.State state) {
    Seat seat = dispatcher.seat();
    boolean stopped = seat.stopsWorld();
    if (!stopped) {
      engine.outOfOrder.lockAll(seat, waiting.slots, waiting.slots.length, false);
    }
    boolean waited = waiting.isWaiting();
    if (waited) {
      ends(waiting, state);
      waiting.condition.end(waiting);
    }
    for (int slot : waiting.slots) {
      if (!stopped) {
        seat.unlock(slot);
      }
    }
    return waited;
  }

  private void ends(Waiting waiting, Waiting.State state) {
    waiting.state = state;
    if (waiting.condition.isCounted()) {
      engine.blockedCalls.decrementAndGet();
    }
  }

  // ── serving who waits for keys ──

  /// A key has got a value, or has gone. If calls wait for it, they run after the current command.
  void ready(int database, int slot, Slice key) {
    if (engine.parking.next(database, key, null) != null) {
      ready.add(new Ready(database, slot, new Slice(key.copy())));
    }
  }

  /// Looks at all keys that calls wait for, since databases have been swapped, emptied or refilled.
  /// Stopped world.
  void readyAll(int database) {
    engine.parking.each(
        (number, key) -> {
          if (number == database) {
            ready(number, KeySlot.of(key), key);
          }
        });
  }

  /// The same of all databases.
  void readyAll() {
    engine.parking.each((number, key) -> ready(number, KeySlot.of(key), key));
  }

  /// Runs the calls that wait for keys that are ready now, in the order in which they came, and
  /// those whose keys they make ready in turn.
  void serve() {
    try {
      serveAll();
    } finally {
      ready.clear(); // also if something failed: the locks are those of this call only
    }
  }

  private void serveAll() {
    while (!ready.isEmpty()) {
      Ready next = ready.removeFirst();
      Parking.QueuePlace stays = null;
      while (true) {
        Parking.QueuePlace place = engine.parking.next(next.database, next.key, stays);
        if (place == null) {
          break;
        }
        Waiting waiting = place.call;
        begin(waiting);
        Key key = guest.glimpse(next.key);
        if (!key.exists() && !engine.parking.isMissed(next.database, next.key)) {
          break;
        }
        boolean awaited = waiting.condition instanceof AwaitedKeys keys && keys.isWokenBy(key);
        if (!awaited || isHeld(waiting) || !serve(waiting)) {
          stays = place;
        }
      }
    }
  }

  /// Whether the call may write to a key that another call holds, as BLMOVE may, and XREADGROUP.
  /// Then it is tried again when that is over.
  private boolean isHeld(Waiting waiting) {
    boolean mayWriteOthers =
        waiting.command.is(Command.WAKES)
            || waiting.condition instanceof AwaitedKeys keys && keys.orGone;
    if (!engine.held.any() || !mayWriteOthers) {
      return false;
    }
    int[] positions = new int[waiting.command.mostKeys(waiting.args.count())];
    int count = waiting.command.keys(waiting.args, positions);
    for (int i = 0; i < count; i++) {
      Hold hold = engine.held.of(waiting.database, waiting.args.at(positions[i]));
      if (hold != null) {
        if (!waiting.triesLater) {
          waiting.triesLater = true;
          hold.onEnd(waiting::retry);
        }
        return true;
      }
    }
    return false;
  }

  private boolean serve(Waiting waiting) {
    Dispatcher.empty(output);
    reply.to(output, waiting.session.protocol);
    Invalidations invalidations = dispatcher.recorder.invalidations;
    TrackingMode tracking = waiting.session.tracking;
    if (tracking != null && !dispatcher.collectKeys(guest, waiting.command, waiting.args)) {
      // what it reads can't be remembered
      invalidations.add(waiting.session, tracking, Invalidations.OF_ALL, waiting.session);
    }
    long bound = 0;
    CommandError refusal =
        waiting.session.gated ? engine.gates.refusal(Gate.Rank.ACL, guest) : null;
    if (refusal != null) { // its user has lost the right meanwhile
      dispatcher.statistics.rejected[waiting.command.index]++;
      engine.countError(refusal.code());
      reply.error(refusal.text());
    } else {
      dispatcher.run(guest, reply);
      if (guest.waits()) {
        dispatcher.appendBeforeWaiting(guest);
        waiting.session.outlet.post(invalidations.take(waiting.session, 0));
        return false;
      }
      bound = dispatcher.bound(dispatcher.record(guest));
    }
    ends(waiting, Waiting.State.SERVED);
    waiting.condition.end(waiting);
    try {
      if (output.isTorn()) {
        throw new OutOfMemoryError("the reply to a waiting client");
      }
      post(waiting, bound, invalidations.take(waiting.session, bound));
    } catch (Throwable t) { // it is served and can't be told: as if its connection had broken
      engine.faults.bug("while serving " + waiting.command.name, t);
      waiting.session.outlet.post(() -> lost(waiting));
    }
    return true;
  }

  /// Sends the reply that is in the output to the session's thread. A large reply goes as a node of
  /// the data heap, so that it never takes room on the Java heap.
  ///
  /// @param behind what comes right behind the reply
  private void post(Waiting waiting, long bound, Runnable behind) {
    if (output.pendingBytes() <= OutputPool.BYTES) {
      byte[] bytes = takeAll();
      waiting.session.outlet.post(() -> answered(waiting, bytes, bound, behind));
      return;
    }
    LargeSink large = dispatcher.seat().values.large();
    int length = Math.toIntExact(output.pendingBytes());
    long node = large.begin(length);
    boolean posted = false;
    try {
      byte[] part = new byte[OutputPool.BYTES];
      for (int at = 0, n; at < length; at += n) {
        n = output.drainTo(ByteBuffer.wrap(part), Long.MAX_VALUE);
        large.fill(node, at, part, 0, n);
      }
      waiting.session.outlet.post(() -> answered(waiting, node, length, bound, behind));
      posted = true;
    } finally {
      Dispatcher.empty(output);
      if (!posted) {
        large.abandon(node);
      }
    }
  }

  private static void lost(Waiting waiting) {
    if (waiting.session.waiting == waiting) {
      forget(waiting);
      waiting.session.outlet.kill();
    }
  }

  /// Writes the reply of a call that waited. The session's own thread.
  private void answered(Waiting waiting, byte[] bytes, long position) {
    answered(waiting, bytes, position, () -> {});
  }

  private void answered(Waiting waiting, byte[] bytes, long position, Runnable behind) {
    Session session = waiting.session;
    if (session.waiting == waiting) { // else closed meanwhile
      forget(waiting);
      if (session.takesReply()) {
        session.outlet.output().write(bytes, 0, bytes.length);
      }
      replied(session, position, behind);
    }
  }

  /// The same for a large reply.
  private void answered(Waiting waiting, long node, int length, long position, Runnable behind) {
    Session session = waiting.session;
    LargeSink large = session.outlet.large();
    boolean done = false;
    try {
      if (session.waiting == waiting) {
        forget(waiting);
        if (session.takesReply()) {
          write(large, node, length, session.outlet.output());
        }
        replied(session, position, behind);
      }
      done = true;
    } finally {
      large.abandon(node);
      if (!done) {
        session.outlet.kill(); // it would wait for the rest for ever
      }
    }
  }

  private static void write(LargeSink large, long node, int length, Output to) {
    byte[] part = new byte[OutputPool.BYTES];
    for (int at = 0; at < length; at += part.length) {
      int n = Math.min(part.length, length - at);
      large.read(node, at, part, 0, n);
      to.write(part, 0, n);
    }
  }

  private void replied(Session session, long position, Runnable behind) {
    if (session.isReplica && session.replies == Session.Replies.ON) {
      engine.repliedToReplica(session, null);
    }
    if (position != 0 && session.replies == Session.Replies.ON) {
      session.outlet.output().mark(position);
    }
    behind.run();
    session.replied();
    session.ended();
    session.outlet.flush();
    session.outlet.resume();
  }
}
