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

/// Calls that don't end in one go, as one dispatcher sees them: parks those of its own sessions
/// ([Parking] keeps them), runs those of any session that its writes have woken, ends waits, and
/// keeps calls that are put off until a [Condition] holds.
///
/// ```
///   BLPOP a ── finds nothing ──► park ─────────────────────────────┐
///                                                                  ▼ Parking, under a's lock
///   RPUSH a ── ready(a) ── its own reply ──► serve: BLPOP again ── reply ── post ──► served
///             (another session, perhaps of another loop)                        (the first's thread)
/// ```
///
/// Belongs to the seat's thread.
final class Blocking {
  private record Ready(int database, int slot, Slice key) {}

  /// What waiting for one key takes of the heap besides its name in the arguments.
  private static final int WAIT_BYTES = 200;

  private final Dispatcher dispatcher;
  private final Engine engine;
  private final Call guest; // runs parked calls, of other sessions, too
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

  // ── waiting for keys
  // ──────────────────────────────────────────────────────────────────────────────────────────

  /// A key has something for whoever waits for it, if anybody does: they are served after the
  /// command that runs.
  void ready(int database, int slot, Slice key) {
    if (engine.parking.next(database, key, null) != null) {
      ready.add(new Ready(database, slot, new Slice(key.copy())));
    }
  }

  /// Keys of swapped or refilled databases may be what somebody waits for: looks at them all.
  /// Stopped world.
  void readyAll(int database) {
    for (Slice key : engine.parking.awaited(database)) {
      ready(database, KeySlot.of(key), key);
    }
  }

  /// Keeps a call whose handler found nothing. All its slots are locked. Returns false if the heap
  /// has no room for it.
  boolean park(Call call) {
    Session session = call.session;
    int waited = call.parkLast - call.parkFirst + 1;
    long heapBytes = call.args.heapBytes() + (long) WAIT_BYTES * waited;
    if (!session.mayHold(heapBytes)) {
      return false;
    }
    Args args = call.args.copy();
    Slice[] keys = new Slice[waited];
    int[] keySlots = new int[waited];
    for (int i = 0; i < waited; i++) {
      keys[i] = new Slice(args.at(call.parkFirst + i).copy());
      keySlots[i] = KeySlot.of(keys[i]);
    }
    int[] all = Arrays.copyOf(call.keySlots, call.keyCount);
    all = Arrays.copyOf(all, LockSet.sorted(all, all.length));
    Parked parked =
        new Parked(
            session,
            call.command,
            args,
            call.database,
            call.parkType,
            keys,
            keySlots,
            all,
            heapBytes,
            engine.clock.nanos());
    engine.parking.add(parked);
    session.parked = parked;
    if (call.parkMillis > 0) {
      parked.timer = session.outlet.after(call.parkMillis, () -> timeOut(parked));
    }
    return true;
  }

  /// Runs the calls that waited for keys that are ready now, in the order in which they came, and
  /// those whose keys they make ready in turn.
  void serve() {
    try {
      serveAll();
    } finally {
      guest.end();
      ready.clear(); // also if something failed: the locks are those of this call only
    }
  }

  private void serveAll() {
    while (!ready.isEmpty()) {
      Ready next = ready.removeFirst();
      Parking.Wait stays = null;
      while (true) {
        Parking.Wait wait = engine.parking.next(next.database, next.key, stays);
        if (wait == null) {
          break;
        }
        Parked parked = wait.parked;
        guest.inMulti = false;
        guest.keyCount = 0;
        guest.begin(parked.session, parked.command, parked.args, dispatcher.now(), true);
        guest.database = parked.database;
        Key key = guest.peek(next.key);
        if (!key.exists()) {
          dispatcher.append(); // it may have expired, under these locks
          break;
        }
        if (key.type() != parked.type || !serve(parked)) {
          stays = wait;
        }
      }
    }
  }

  private boolean serve(Parked parked) {
    Dispatcher.empty(output);
    reply.to(output, parked.session.protocol);
    dispatcher.run(guest, reply);
    if (guest.parking) {
      dispatcher.append();
      return false;
    }
    long position = dispatcher.record(guest);
    engine.parking.remove(parked);
    parked.state = Parked.State.SERVED;
    long bound = dispatcher.bound(position, false);
    try {
      if (output.isTorn()) {
        throw new OutOfMemoryError("the reply to a waiting client");
      }
      post(parked, bound);
    } catch (Throwable t) { // it is served and can't be told: as if its connection had broken
      engine.incidents.bug("while serving " + parked.command.name, t);
      parked.session.outlet.post(() -> lost(parked));
    }
    return true;
  }

  /// Sends the reply that is in the output to the session's thread: a large one as what a large
  /// argument is, so that it never stands on the Java heap.
  private void post(Parked parked, long bound) {
    if (output.pendingBytes() <= OutputPool.BYTES) {
      byte[] bytes = takeAll();
      parked.session.outlet.post(() -> served(parked, bytes, bound));
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
      parked.session.outlet.post(() -> served(parked, node, length, bound));
      posted = true;
    } finally {
      Dispatcher.empty(output);
      if (!posted) {
        large.abandon(node);
      }
    }
  }

  private static void lost(Parked parked) {
    if (parked.session.parked == parked) {
      forget(parked);
      parked.session.outlet.close(false);
    }
  }

  /// On the session's own thread: a parked call's reply has come.
  private static void served(Parked parked, byte[] bytes, long position) {
    Session session = parked.session;
    if (session.parked == parked) { // else closed meanwhile
      forget(parked);
      if (session.replies == Session.Replies.ON) {
        session.outlet.output().write(bytes, 0, bytes.length);
      }
      replied(session, position);
    }
  }

  /// The same for a large one.
  private static void served(Parked parked, long node, int length, long position) {
    Session session = parked.session;
    LargeSink large = session.outlet.large();
    boolean done = false;
    try {
      if (session.parked == parked) {
        forget(parked);
        if (session.replies == Session.Replies.ON) {
          write(large, node, length, session.outlet.output());
        }
        replied(session, position);
      }
      done = true;
    } finally {
      large.abandon(node);
      if (!done) {
        session.outlet.close(false); // it would wait for the rest for ever
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

  private static void replied(Session session, long position) {
    if (position != 0 && session.replies == Session.Replies.ON) {
      session.outlet.output().mark(position);
    }
    session.replied();
    session.outlet.flush();
    session.outlet.resume();
  }

  /// The session no longer waits: its timer and its arguments go. Its own thread.
  private static void forget(Parked parked) {
    Session session = parked.session;
    session.parked = null;
    if (parked.timer != null) {
      parked.timer.run();
    }
    parked.args.release(session.outlet.large());
    session.release(parked.heapBytes);
  }

  private void timeOut(Parked parked) {
    if (unpark(parked, Parked.State.TIMED_OUT)) {
      served(parked, ending(parked, false), 0);
    }
  }

  /// CLIENT UNBLOCK: ends the wait of another session as a timeout or with an error. Stopped world.
  /// Returns whether it waited.
  boolean unblock(Session other, boolean withError) {
    assert dispatcher.seat().stopsWorld();
    Parked parked = other.parked;
    if (parked == null
        || parked.type == Parked.PUT_OFF
        || !unpark(parked, Parked.State.TIMED_OUT)) {
      return false;
    }
    byte[] bytes = ending(parked, withError);
    other.outlet.post(() -> served(parked, bytes, 0));
    return true;
  }

  /// See [Dispatcher#giveUp].
  boolean giveUp(Session session) {
    Parked parked = session.parked;
    if (parked == null) {
      return true;
    }
    if (parked.type == Parked.PUT_OFF || !unpark(parked, Parked.State.KILLED)) {
      return false;
    }
    forget(parked);
    return true;
  }

  /// The session's connection is gone. Its own thread.
  void closed(Session session) {
    Parked parked = session.parked;
    if (parked == null) {
      return;
    }
    if (parked.type != Parked.PUT_OFF) {
      unpark(parked, Parked.State.KILLED);
    }
    forget(parked);
  }

  /// What a call answers that nobody served.
  private byte[] ending(Parked parked, boolean withError) {
    dispatcher.statistics.calls[parked.command.index]++;
    Dispatcher.empty(output);
    reply.to(output, parked.session.protocol);
    if (withError) {
      engine.countError("UNBLOCKED");
      dispatcher.statistics.failed[parked.command.index]++;
      reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    } else {
      reply.nilArray();
    }
    return takeAll();
  }

  private byte[] takeAll() {
    byte[] bytes = new byte[Math.toIntExact(output.pendingBytes())];
    output.drainTo(ByteBuffer.wrap(bytes), Long.MAX_VALUE);
    Dispatcher.empty(output);
    return bytes;
  }

  /// Takes the call from where it waits. Returns false if somebody served it before.
  private boolean unpark(Parked parked, Parked.State state) {
    Seat seat = dispatcher.seat();
    boolean stopped = seat.stopsWorld();
    for (int slot : parked.slots) {
      if (!stopped) {
        seat.lock(slot);
      }
    }
    boolean waited = parked.state == Parked.State.WAITING;
    if (waited) {
      parked.state = state;
      engine.parking.remove(parked);
    }
    for (int slot : parked.slots) {
      if (!stopped) {
        seat.unlock(slot);
      }
    }
    return waited;
  }

  // ── waiting for a condition
  // ──────────────────────────────────────────────────────────────────────────────────────────

  /// Keeps a call that can't run before the condition holds. Returns false if the heap has no room
  /// for it.
  boolean putOff(Condition condition, Session session, Command command, Args args) {
    long heapBytes = args.heapBytes();
    if (!session.mayHold(heapBytes)) {
      return false;
    }
    Parked parked =
        new Parked(
            session,
            command,
            args.copy(),
            session.database,
            Parked.PUT_OFF,
            new Slice[0],
            new int[0],
            new int[0],
            heapBytes,
            engine.clock.nanos());
    session.parked = parked;
    condition.await(session, () -> retry(parked));
    return true;
  }

  /// On the session's own thread: runs a call again that was put off.
  private void retry(Parked parked) {
    Session session = parked.session;
    if (session.parked != parked) {
      return; // closed meanwhile
    }
    session.parked = null;
    int outcome = dispatcher.again(session, parked.command, parked.args);
    parked.args.release(session.outlet.large());
    session.release(parked.heapBytes);
    if (outcome == Dispatcher.PARKED) {
      return;
    }
    session.outlet.flush();
    if (session.closing) {
      session.outlet.close(true);
    } else {
      session.outlet.resume();
    }
  }
}
