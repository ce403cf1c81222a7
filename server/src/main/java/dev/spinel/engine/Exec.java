package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.World;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.util.Objects;
import java.util.function.Consumer;

/// Transactions, as one dispatcher runs them: what is queued after MULTI, EXEC, and their end.
///
/// ```
///   EXEC ─► lock the slots of all keys queued and watched   (a GLOBAL or sweeping command among
///           has a watch been broken? then that is the reply  them: stop the world instead)
///           run what was queued, each into its part of the reply
///           (if memory is short, room for it is made first, or that one is refused)
///           append all effects as one record
///           serve who waits for what changed
///           unlock
/// ```
///
/// Belongs to the seat's thread.
final class Exec {
  /// A script among the commands could not begin anew: those before it have run.
  private static final int NEEDS_WORLD =
      Command.GLOBAL | Command.ROAMS | Command.SWEEPS | Command.SCRIPTED;

  private final Dispatcher dispatcher;
  private final Engine engine;
  private final Call call;
  private final Reply reply;
  private final LockSet locks;
  private final Seat seat;
  private final World world;
  private boolean refused; // the last EXEC, under its locks
  private long beganNanos; // the last EXEC

  Exec(Dispatcher dispatcher, Call call, Reply reply, LockSet locks) {
    this.dispatcher = dispatcher;
    this.engine = dispatcher.engine;
    this.call = call;
    this.reply = reply;
    this.locks = locks;
    this.seat = dispatcher.seat();
    this.world = engine.keyspace.world();
  }

  /// Keeps the call until EXEC. False if the heap has no room for it.
  static boolean queue(Call call) {
    Session session = call.session;
    if (session.multiFailed || session.watchBroken) {
      return true; // EXEC will abort: nothing need be kept
    }
    return Objects.requireNonNull(session.queue).add(call.command, call.flags(), call.args);
  }

  /// Runs EXEC, which has passed its gates. Returns what [Dispatcher#execute] does, or
  /// [Dispatcher#STALE].
  int run(Session session) {
    beganNanos = engine.clock.nanos();
    if (!session.multi) {
      fail("ERR", "ERR EXEC without MULTI");
      return Dispatcher.RUN_ON;
    }
    if (session.multiFailed) {
      end(session);
      fail("EXECABORT", "EXECABORT Transaction discarded because of previous errors.");
      return Dispatcher.RUN_ON;
    }
    if (session.hasMail()) {
      session.receive(); // what was said before comes before: it may be about to unsubscribe
    }
    Queue queue = Objects.requireNonNull(session.queue);
    boolean global = (queue.flags() & NEEDS_WORLD) != 0;
    boolean wakes = (queue.flags() & Command.WAKES) != 0;
    if (!mayRunAll(session, queue, !global)) {
      locks.clear();
      dispatcher.refused(session, engine.exec, Session.NO_HEAP);
      return Dispatcher.RUN_ON;
    }
    call.isStale = false;
    refused = false;
    boolean mayGiveUp = !session.isTrusted();
    Runnable action = () -> transact(session, queue);
    boolean ran =
        global
            ? world.stop(seat, action, mayGiveUp)
            : locks.holding(wakes ? to -> awaited(queue, to) : null, action, mayGiveUp);
    call.isStale |= !ran;
    if (call.isStale) {
      return Dispatcher.STALE;
    }
    if (call.waits()) {
      return Dispatcher.PARKED;
    }
    if (!refused) {
      count();
    }
    return Dispatcher.RUN_ON;
  }

  private void count() {
    int row = engine.exec.index;
    dispatcher.statistics.calls[row]++;
    dispatcher.statistics.commands++;
    long nanos = engine.clock.nanos() - beganNanos;
    dispatcher.statistics.took(row, nanos, engine.limits.tracksLatency);
    engine.latency.took("command", nanos);
  }

  private void fail(String code, String error) {
    count();
    dispatcher.statistics.failed[engine.exec.index]++;
    engine.countError(code);
    reply.error(error);
  }

  /// Whether there is room for the keys of each queued command. Adds their slots, and those of the
  /// watched keys, to what is to be locked.
  private boolean mayRunAll(Session session, Queue queue, boolean locking) {
    for (int i = 0; i < queue.size(); i++) {
      if (!dispatcher.collectKeys(call, queue.command(i), queue.args(i))) {
        return false;
      }
      if (locking) {
        locks.addKeys(call);
      }
    }
    for (Watches.Watch watch : session.watches) {
      if (locking) {
        locks.add(watch.slot);
      }
    }
    return true;
  }

  /// The keys of the queued commands that may wake somebody, in whose slots somebody waits.
  private void awaited(Queue queue, Consumer<Slice> to) {
    for (int i = 0; i < queue.size(); i++) {
      if (queue.command(i).is(Command.WAKES)) {
        Args args = queue.args(i);
        dispatcher.collectKeys(call, queue.command(i), args);
        dispatcher.awaited(call, args, to);
      }
    }
  }

  private void transact(Session session, Queue queue) {
    if (call.era != engine.era) {
      call.isStale = true;
      return;
    }
    CommandError refusal = dispatcher.refuseLocked();
    if (refusal == null) {
      Condition hold = dispatcher.holdsUp(queue);
      if (hold != null && call.await(hold, Call.FOR_EVER) && !dispatcher.blocking.await(call)) {
        call.awaited = null;
        refusal = Session.NO_HEAP;
      }
    }
    refused = refusal != null;
    if (refusal != null) {
      dispatcher.refused(session, engine.exec, refusal);
      return;
    }
    if (call.waits()) {
      return;
    }
    boolean broken = session.watchBroken || hasExpired(session);
    engine.watches.end(session, seat);
    if (broken) {
      reply.nilArray();
      end(session);
      dispatcher.bind(0);
      dispatcher.tellEnded(session);
      return;
    }
    if (seat.stopsWorld()) {
      touchAll(queue);
    }
    dispatcher.transactionBegins(session);
    call.before = null; // these calls are tried once
    reply.array(queue.size());
    for (int i = 0; i < queue.size(); i++) {
      dispatcher.runQueued(session, queue.command(i), queue.args(i));
    }
    long position = dispatcher.append();
    end(session);
    dispatcher.bind(position);
    dispatcher.tellEnded(session);
    dispatcher.blocking.serve();
  }

  /// Says which slots are the transaction's, as it holds no locks that would.
  private void touchAll(Queue queue) {
    for (int i = 0; i < queue.size(); i++) {
      dispatcher.collectKeys(call, queue.command(i), queue.args(i));
      locks.touch(call);
    }
  }

  /// Whether the time of a watched key is over that wasn't when its watch began.
  private boolean hasExpired(Session session) {
    for (Watches.Watch watch : session.watches) {
      call.beginWithoutWaiting(session, engine.exec, new Args(), dispatcher.now());
      Key key = call.stored(watch.database, watch.slot, watch.key);
      if (key.exists() && key.isOver(dispatcher.now()) && !watch.expired) {
        return true;
      }
    }
    return false;
  }

  /// Ends MULTI and all watches of the session; what was queued is forgotten.
  void end(Session session) {
    Queue queue = session.queue;
    session.multi = false;
    session.multiFailed = false;
    session.queue = null;
    if (queue != null) {
      queue.clear(session.outlet.large());
    }
    engine.watches.end(session, seat);
  }
}
