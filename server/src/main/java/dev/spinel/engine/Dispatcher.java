package dev.spinel.engine;

import dev.spinel.journal.Effects;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.value.Entry;
import dev.spinel.wire.Args;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.Slice;
import java.util.ArrayDeque;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Runs the commands of the sessions of one thread, from that thread's seat.
///
/// ```
///   execute ─► look up ─► arity ─► gates ─► queue (in MULTI)
///                                     └──► lock the slots of the keys, ascending
///                                            (for a write to an awaited slot: of those whom it may wake, too)
///                                          run the handler
///                                          append its effects to the journal
///                                          serve who waited for what it changed
///                                          unlock
/// ```
///
/// A *global* command (one that touches keys that it doesn't name) runs in a stopped world instead
/// of under locks, and so does a write that would have to lock too many waiters' slots, and an EXEC
/// that contains one.
///
/// Everything here belongs to the seat's thread, but for the statistics, which others read racily.
public final class Dispatcher implements AutoCloseable {
  /// What [#execute] answers: go on with the session's next command; stop, it is parked; stop, it
  /// is to be closed.
  public static final int RUN_ON = 0;

  public static final int PARKED = 1;
  public static final int CLOSING = 2;

  private static final int MOST_SLOTS = 16;
  private static final int MOST_ROUNDS = 3;
  private static final int SAMPLED = 16; // of quick commands every 16th is timed

  private record Ready(int database, int slot, Slice key) {}

  final Engine engine;
  private final Seat seat;
  private final Slots slots;
  private final Journal journal;
  private final Call call;
  private final Call guest; // runs parked calls of other sessions
  private final Reply reply;
  private final Reply guestReply;
  private final Output guestOutput = new Output(new OutputPool(Chunks.heap()));
  private final Output nowhere = new Output(new OutputPool(Chunks.heap()));
  final Effects effects;
  private final ArrayDeque<Ready> ready = new ArrayDeque<>();

  private int[] lockSet = new int[16]; // ascending, each once
  private int lockCount;

  @Nullable Evictor evictor; // Eviction's, made when memory is first short

  private long now;
  int lruClock;
  private int sample;

  // statistics: written here, read racily by INFO
  final long[] calls;
  final long[] nanos;
  final long[] rejected;
  final long[] failed;
  long commands;
  long changes;
  long hits;
  long misses;
  long expiredKeys;

  Dispatcher(Engine engine) {
    this.engine = engine;
    this.seat = engine.keyspace.seat();
    this.slots = engine.slots;
    this.journal = engine.journal;
    this.call = new Call(this, engine, seat);
    this.guest = new Call(this, engine, seat);
    this.effects = new Effects(seat.values.large());
    seat.values.large().readLater(journal::recording);
    this.reply = new Reply(nowhere);
    this.guestReply = new Reply(guestOutput);
    int rows = engine.table.size();
    this.calls = new long[rows];
    this.nanos = new long[rows];
    this.rejected = new long[rows];
    this.failed = new long[rows];
  }

  public Seat seat() {
    return seat;
  }

  /// Takes the seat and looks at the clock. Nothing of this object may be called without.
  public void turnBegins() {
    seat.enter();
    clock();
  }

  public void turnEnds() {
    seat.leave();
  }

  private void clock() {
    now = engine.clock.millis();
    lruClock = (int) (now / 1000) & 0xffffff;
  }

  @Override
  public void close() {
    engine.forget(this);
    seat.close();
  }

  // ── one command
  // ────────────────────────────────────────────────────────────────────────────────────────────────────

  /// Whether all large arguments of the call are values that its family takes as nodes.
  private static boolean takesNodes(Command command, Args args) {
    for (int i = 0; i < args.count(); i++) {
      if (args.at(i).node != 0 && !takesNode(command.name, i)) {
        return false;
      }
    }
    return true;
  }

  private static boolean takesNode(String name, int i) {
    return switch (name) {
      case "set", "setnx", "getset", "append" -> i == 2;
      case "setex", "psetex", "setrange", "lset" -> i == 3;
      case "linsert" -> i == 4;
      case "mset", "msetnx" -> i % 2 == 0;
      case "lpush", "rpush", "lpushx", "rpushx" -> i >= 2;
      case "hset", "hmset", "hsetnx" -> i >= 3 && i % 2 == 1;
      default -> false;
    };
  }

  /// The same arguments, the large ones on the Java heap: for commands that don't store them.
  private Args settled(Args args) {
    byte[][] words = new byte[args.count()][];
    for (int i = 0; i < words.length; i++) {
      Slice word = args.at(i);
      words[i] = new byte[word.length];
      seat.values.large().copyOut(word, words[i], 0);
    }
    return Args.of(words);
  }

  /// Runs one command of `session`, whose reply (if it isn't parked) is in the session's output
  /// afterwards.
  public int execute(Session session, Args args) {
    seat.breathe();
    Reply to = reply;
    Output output = session.outlet.output();
    if (session.replies != Session.Replies.ON) {
      output = nowhere;
    }
    to.to(output, session.protocol);
    session.lastInteractionMillis = now;
    int outcome = RUN_ON;
    Command command = engine.table.lookup(args);
    if (command == null) {
      refused(session, null, engine.table.unknown(args), to);
    } else {
      outcome = execute(session, command, args, to);
    }
    if (session.replies != Session.Replies.ON || output == nowhere) {
      silent(session);
    }
    return session.closing ? CLOSING : outcome;
  }

  private int execute(Session session, Command command, Args received, Reply to) {
    Args args = received;
    if (args.hasNodes() && !takesNodes(command, args)) {
      args = settled(args);
    }
    CommandError refusal = refuse(session, command, args);
    if (refusal != null) {
      refused(session, command, refusal, to);
    } else if (session.multi && !engine.runsInMulti(command)) {
      queue(session, command, args);
      to.simple("QUEUED");
    } else if (command == engine.exec) {
      commands++;
      return exec(session);
    } else {
      commands++;
      session.lastCommand = command;
      return runAlone(session, command, args);
    }
    return RUN_ON;
  }

  private void silent(Session session) {
    empty(nowhere);
    if (session.replies == Session.Replies.SKIP_NEXT) {
      session.replies = Session.Replies.SKIP;
    } else if (session.replies == Session.Replies.SKIP) {
      session.replies = Session.Replies.ON;
    }
  }

  private @Nullable CommandError refuse(Session session, Command command, Args args) {
    if (!command.accepts(args.count())) {
      return CommandError.wrongArguments(command.name);
    }
    if (session.gated || engine.gated) {
      for (Gate gate : engine.gates(command)) {
        CommandError refusal = gate.refuse(this, session, command, args);
        if (refusal != null) {
          return refusal;
        }
      }
    }
    if (session.multi && (command.flags() & Command.NO_MULTI) != 0) {
      return new CommandError("ERR Command not allowed inside a transaction");
    }
    return null;
  }

  private void refused(Session session, @Nullable Command command, CommandError refusal, Reply to) {
    if (command != null) {
      rejected[command.index]++;
    }
    if (session.multi) {
      session.multiFailed = true;
    }
    if (command != null && command == engine.exec) {
      // EXEC itself was refused: the transaction ends, and says why (without a plain `ERR`)
      end(session);
      String why = refusal.code().equals("ERR") ? refusal.text().substring(4) : refusal.text();
      engine.countError("EXECABORT");
      to.error("EXECABORT Transaction discarded because of: " + why);
      return;
    }
    engine.countError(refusal.code());
    to.error(refusal.text());
  }

  private int runAlone(Session session, Command command, Args args) {
    Call call = this.call;
    call.inMulti = false;
    call.begin(session, command, args, now, true);
    if (command.is(Command.WRITE) && engine.keyspace.walk().overBudget()) {
      putOff(-1, session, command, args);
      return PARKED;
    }
    collectKeys(call, command, args);
    if (command.is(Command.GLOBAL)) {
      engine.keyspace.world().stop(seat, () -> act(call, reply));
    } else if (call.keyCount == 0) {
      act(call, reply);
    } else {
      int slot = call.keySlots[0];
      boolean writes = (command.flags() & Command.WRITE) != 0;
      if (call.keyCount == 1) {
        seat.lock(slot);
        if (!writes || (slots.flags(slot) & Slots.WAITERS) == 0) {
          lockSet[0] = slot;
          lockCount = 1;
          try {
            act(call, reply);
          } finally {
            seat.unlock(slot);
          }
          return call.parking ? PARKED : RUN_ON;
        }
        seat.unlock(slot);
      }
      lockCount = 0;
      addToLockSet(call);
      lockedOrStopped(writes, () -> act(call, reply));
    }
    return call.parking ? PARKED : RUN_ON;
  }

  /// Runs `action` under the locks of [#lockSet] and, for a write, of all whom it may wake; or in a
  /// stopped world.
  private void lockedOrStopped(boolean writes, Runnable action) {
    for (int round = 1; ; round++) {
      lockAll();
      if (!writes || !awaited()) {
        break;
      }
      int[] set = Arrays.copyOf(lockSet, lockCount);
      int[] closed = engine.parking.closeOver(set);
      if (closed.length == set.length) {
        break;
      }
      unlockAll();
      if (closed.length > MOST_SLOTS || round == MOST_ROUNDS) {
        lockCount = 0;
        engine.keyspace.world().stop(seat, action);
        return;
      }
      lockSet = closed;
      lockCount = closed.length;
    }
    try {
      action.run();
    } finally {
      unlockAll();
    }
  }

  private boolean awaited() {
    for (int i = 0; i < lockCount; i++) {
      if ((slots.flags(lockSet[i]) & Slots.WAITERS) != 0) {
        return true;
      }
    }
    return false;
  }

  private void lockAll() {
    for (int i = 0; i < lockCount; i++) {
      seat.lock(lockSet[i]);
    }
  }

  private void unlockAll() {
    for (int i = lockCount - 1; i >= 0; i--) {
      seat.unlock(lockSet[i]);
    }
  }

  private static void collectKeys(Call call, Command command, Args args) {
    if (command.firstKey() == 1 && command.lastKey() == 1) {
      Slice key = args.at(1);
      call.keyPositions[0] = 1;
      call.keySlots[0] = KeySlot.of(key.array, key.offset, key.length);
      call.keyCount = 1;
      return;
    }
    if (args.count() > call.keyPositions.length) {
      call.keyPositions = new int[args.count() + args.count() / 2];
      call.keySlots = new int[call.keyPositions.length];
    }
    int count = command.keys(args, call.keyPositions);
    call.keyCount = Math.max(0, count);
    for (int i = 0; i < count; i++) {
      Slice key = args.at(call.keyPositions[i]);
      call.keySlots[i] = KeySlot.of(key.array, key.offset, key.length);
    }
  }

  private void addToLockSet(Call call) {
    for (int i = 0; i < call.keyCount; i++) {
      addToLockSet(call.keySlots[i]);
    }
    sortLockSet();
  }

  private void addToLockSet(int slot) {
    if (lockCount == lockSet.length) {
      sortLockSet();
      if (lockCount > lockSet.length / 2) {
        lockSet = Arrays.copyOf(lockSet, lockSet.length * 2);
      }
    }
    lockSet[lockCount++] = slot;
  }

  private void sortLockSet() {
    Arrays.sort(lockSet, 0, lockCount);
    int kept = 0;
    for (int i = 0; i < lockCount; i++) {
      if (kept == 0 || lockSet[kept - 1] != lockSet[i]) {
        lockSet[kept++] = lockSet[i];
      }
    }
    lockCount = kept;
  }

  /// The handler and all that follows from it, under the locks (or in the stopped world).
  private void act(Call call, Reply to) {
    run(call, to);
    long position = 0;
    if (call.parking) {
      append(); // what it met may have expired
      if (call.puttingOff) {
        putOff(call.keySlots[0], call.session, call.command, call.args);
      } else {
        park(call);
      }
    } else {
      position = record(call);
    }
    call.tidy();
    if (!ready.isEmpty()) {
      serve();
    }
    if (journal.bound() && !call.parking) {
      to.output().mark(seen(position));
    }
  }

  private void run(Call call, Reply to) {
    Command command = call.command;
    boolean quick = command.quick();
    boolean sampled = (++sample & (SAMPLED - 1)) == 0;
    boolean timed = !quick || sampled || engine.limits.slowlogMicros == 0;
    long began = timed ? engine.clock.nanos() : 0;
    int errors = to.errors();
    try {
      command.run(call, to);
    } catch (CommandError e) {
      assert call.changes == 0 : "an error after a mutation: " + e.text();
      engine.countError(e.code());
      failed[command.index]++;
      to.error(e.text());
      errors = to.errors();
    } catch (Throwable bug) {
      engine.bug(command, bug);
      to.error("ERR internal error while running '" + command.name + "'");
      call.session.closing = true;
    }
    if (to.errors() != errors) {
      failed[command.index]++;
      engine.countError("ERR");
    }
    if (!call.parking) {
      calls[command.index]++;
      if (timed) {
        long took = engine.clock.nanos() - began;
        nanos[command.index] += !quick ? took : sampled ? took * SAMPLED : 0;
        if (took > 1_000_000) {
          clock();
        }
        engine.slow.ran(call, took);
      }
    }
  }

  /// Appends what the call did. Returns its position in the journal, or 0.
  private long record(Call call) {
    call.recordSelf();
    changes += call.changes;
    return append();
  }

  private long append() {
    if (effects.isEmpty()) {
      return 0;
    }
    long position = journal.append(effects, Journal.ALL);
    effects.clear();
    for (int i = 0; i < lockCount; i++) {
      slots.lastEffect(lockSet[i], position);
    }
    if (seat.stopsWorld()) {
      for (int slot = 0; slot < Slots.COUNT; slot++) {
        slots.lastEffect(slot, position);
      }
    }
    return position;
  }

  /// Appends what a sweep did in a slot (expired keys), before it lets go of it.
  void appendFor(int slot) {
    if (!effects.isEmpty()) {
      slots.lastEffect(slot, journal.append(effects, Journal.ALL));
      effects.clear();
    }
  }

  /// The journal position that a reply is bound to: its own effect, or the last one that it can
  /// have seen.
  private long seen(long own) {
    long position = own;
    for (int i = 0; i < lockCount; i++) {
      position = Math.max(position, slots.lastEffect(lockSet[i]));
    }
    return seat.stopsWorld() ? Math.max(position, journal.position()) : position;
  }

  // ── blocking
  // ───────────────────────────────────────────────────────────────────────────────────────────────────────

  void ready(int database, int slot, Slice key) {
    for (Ready known : ready) {
      if (known.database == database && known.key.equals(key)) {
        return;
      }
    }
    ready.add(new Ready(database, slot, new Slice(key.copy())));
  }

  private void park(Call call) {
    Session session = call.session;
    int waited = call.parkLast - call.parkFirst + 1;
    Args args = call.args.copy();
    Slice[] keys = new Slice[waited];
    int[] keySlots = new int[waited];
    for (int i = 0; i < waited; i++) {
      keys[i] = new Slice(args.at(call.parkFirst + i).copy());
      keySlots[i] = KeySlot.of(keys[i].array, 0, keys[i].length);
    }
    int[] all = Arrays.copyOf(call.keySlots, call.keyCount);
    Arrays.sort(all);
    int kept = 0;
    for (int i = 0; i < all.length; i++) {
      if (kept == 0 || all[kept - 1] != all[i]) {
        all[kept++] = all[i];
      }
    }
    Parked parked =
        new Parked(
            session,
            call.command,
            args,
            call.database,
            call.parkType,
            keys,
            keySlots,
            Arrays.copyOf(all, kept),
            engine.clock.nanos());
    engine.parking.add(parked);
    session.parked = parked;
    if (call.parkMillis > 0) {
      parked.timer = session.outlet.after(call.parkMillis, () -> timeOut(parked));
    }
  }

  /// Keeps a call that a walk doesn't let run yet: before it has passed the slot, or (-1) while it
  /// keeps too much.
  private void putOff(int slot, Session session, Command command, Args args) {
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
            engine.clock.nanos());
    session.parked = parked;
    engine.putOff(slot, session, () -> retry(parked));
  }

  /// On the session's own thread: runs a call again that was put off.
  private void retry(Parked parked) {
    Session session = parked.session;
    if (session.parked != parked) {
      return; // closed meanwhile
    }
    session.parked = null;
    boolean heard = session.replies == Session.Replies.ON;
    reply.to(heard ? session.outlet.output() : nowhere, session.protocol);
    int outcome = RUN_ON;
    if (parked.command == engine.exec) {
      outcome = exec(session);
    } else {
      outcome = runAlone(session, parked.command, parked.args);
    }
    empty(nowhere);
    parked.args.release(session.outlet.large());
    if (outcome == PARKED) {
      return;
    }
    session.outlet.flush();
    if (session.closing) {
      session.outlet.close(true);
    } else {
      session.outlet.resume();
    }
  }

  /// Runs the calls that waited for keys that are ready now, in the order in which they came.
  private void serve() {
    for (Ready next = ready.poll(); next != null; next = ready.poll()) {
      Parked stays = null;
      while (true) {
        Parked parked = engine.parking.next(next.database, next.slot, next.key, stays);
        if (parked == null) {
          break;
        }
        guest.inMulti = false;
        guest.keyCount = 0;
        guest.begin(parked.session, parked.command, parked.args, now, true);
        guest.database = parked.database;
        Key key = guest.peek(next.key);
        if (!key.exists()) {
          break;
        }
        if (key.type() != parked.type || !serve(parked)) {
          stays = parked;
        }
      }
    }
  }

  private boolean serve(Parked parked) {
    empty(guestOutput);
    guestReply.to(guestOutput, parked.session.protocol);
    run(guest, guestReply);
    if (guest.parking) {
      append();
      return false;
    }
    long position = record(guest);
    guest.tidy();
    engine.parking.remove(parked);
    parked.state = Parked.State.SERVED;
    byte[] bytes = takeAll(guestOutput);
    empty(guestOutput);
    long bound = journal.bound() ? seen(position) : 0;
    parked.session.outlet.post(() -> served(parked, bytes, bound));
    return true;
  }

  /// On the session's own thread: a parked call's reply has come.
  private static void served(Parked parked, byte[] bytes, long position) {
    Session session = parked.session;
    if (session.parked != parked) {
      return; // closed meanwhile
    }
    session.parked = null;
    if (parked.timer != null) {
      parked.timer.run();
    }
    parked.args.release(parked.session.outlet.large());
    Output output = session.outlet.output();
    if (session.replies == Session.Replies.ON) {
      output.write(bytes, 0, bytes.length);
      if (position != 0) {
        output.mark(position);
      }
    }
    session.outlet.flush();
    session.outlet.resume();
  }

  private void timeOut(Parked parked) {
    if (unpark(parked, Parked.State.TIMED_OUT)) {
      calls[parked.command.index]++;
      empty(guestOutput);
      guestReply.to(guestOutput, parked.session.protocol);
      guestReply.nilArray();
      served(parked, takeAll(guestOutput), 0);
    }
  }

  /// Takes the call from where it waits. Returns false if somebody served it before.
  private boolean unpark(Parked parked, Parked.State state) {
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

  /// CLIENT UNBLOCK: ends the wait of another session as a timeout or with an error. Stopped world.
  /// Returns whether it waited.
  public boolean unblock(Session other, boolean withError) {
    assert seat.stopsWorld();
    Parked parked = other.parked;
    if (parked == null
        || parked.type == Parked.PUT_OFF
        || !unpark(parked, Parked.State.TIMED_OUT)) {
      return false;
    }
    calls[parked.command.index]++;
    empty(guestOutput);
    guestReply.to(guestOutput, other.protocol);
    if (withError) {
      engine.countError("UNBLOCKED");
      failed[parked.command.index]++;
      guestReply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    } else {
      guestReply.nilArray();
    }
    byte[] bytes = takeAll(guestOutput);
    empty(guestOutput);
    other.outlet.post(() -> served(parked, bytes, 0));
    return true;
  }

  private static void empty(Output output) {
    output.consume(output.pendingBytes());
  }

  private static byte[] takeAll(Output output) {
    byte[] bytes = new byte[Math.toIntExact(output.pendingBytes())];
    output.drainTo(java.nio.ByteBuffer.wrap(bytes), Long.MAX_VALUE);
    return bytes;
  }

  // ── transactions
  // ───────────────────────────────────────────────────────────────────────────────────────────────────

  private static void queue(Session session, Command command, Args args) {
    if (session.multiFailed || session.watchBroken) {
      return; // EXEC will abort: keep nothing
    }
    Args own = args.copy();
    session.queue.add(new Session.Queued(command, own));
    session.queuedBytes += own.bytes();
  }

  private int exec(Session session) {
    calls[engine.exec.index]++;
    if (!session.multi) {
      engine.countError("ERR");
      failed[engine.exec.index]++;
      reply.error("ERR EXEC without MULTI");
      return RUN_ON;
    }
    if (session.multiFailed) {
      end(session);
      engine.countError("EXECABORT");
      failed[engine.exec.index]++;
      reply.error("EXECABORT Transaction discarded because of previous errors.");
      return RUN_ON;
    }
    boolean global = false;
    boolean writes = false;
    lockCount = 0;
    for (Session.Queued queued : session.queue) {
      global |= queued.command().is(Command.GLOBAL) || engine.sweeps(queued.command());
      writes |= (queued.command().flags() & Command.WRITE) != 0;
      collectKeys(call, queued.command(), queued.args());
      addToLockSet(call);
    }
    for (Watches.Watch watch : session.watches) {
      addToLockSet(watch.slot);
    }
    sortLockSet();
    if (writes && engine.keyspace.walk().overBudget()) {
      calls[engine.exec.index]--;
      putOff(-1, session, engine.exec, new Args());
      return PARKED;
    }
    if (global) {
      lockCount = 0;
      engine.keyspace.world().stop(seat, () -> transact(session));
    } else {
      lockedOrStopped(writes, () -> transact(session));
    }
    return RUN_ON;
  }

  private void transact(Session session) {
    boolean broken = session.watchBroken || watchedExpired(session);
    engine.watches.end(session, seat);
    if (broken) {
      reply.nilArray();
      end(session);
      if (journal.bound()) {
        reply.output().mark(seen(0));
      }
      return;
    }
    reply.array(session.queue.size());
    // from here on the session is out of MULTI for the handlers, but they are told
    for (int i = 0; i < session.queue.size(); i++) {
      Session.Queued queued = session.queue.get(i);
      collectKeys(call, queued.command(), queued.args());
      call.inMulti = true;
      call.begin(session, queued.command(), queued.args(), now, false);
      reply.to(reply.output(), session.protocol);
      run(call, reply);
      call.recordSelf();
      changes += call.changes;
      call.tidy();
    }
    long position = append();
    end(session);
    if (!ready.isEmpty()) {
      serve();
    }
    if (journal.bound()) {
      reply.output().mark(seen(position));
    }
  }

  private boolean watchedExpired(Session session) {
    for (Watches.Watch watch : session.watches) {
      guest.begin(session, engine.exec, new Args(), now, false);
      Key key = guest.stored(watch.database, watch.slot, watch.key);
      boolean expired = key.exists() && key.expiry() >= 0 && key.expiry() <= now;
      if (expired && !watch.expired) {
        return true;
      }
    }
    return false;
  }

  /// Ends MULTI and all watches of the session; what was queued is forgotten.
  public void end(Session session) {
    if (session.multi) {
      for (Session.Queued queued : session.queue) {
        queued.args().release(session.outlet.large());
      }
    }
    session.multi = false;
    session.multiFailed = false;
    session.queue = java.util.List.of();
    session.queuedBytes = 0;
    engine.watches.end(session, seat);
  }

  /// Ends all watches of the session (UNWATCH).
  public void unwatch(Session session) {
    engine.watches.end(session, seat);
  }

  /// The session's connection is gone. Its own thread, seated.
  public void closed(Session session) {
    session.closing = true;
    Parked parked = session.parked;
    if (parked != null) {
      if (parked.type != Parked.PUT_OFF) {
        unpark(parked, Parked.State.KILLED);
      }
      session.parked = null;
      if (parked.timer != null) {
        parked.timer.run();
      }
      parked.args.release(parked.session.outlet.large());
    }
    end(session);
    engine.closed(session);
  }

  /// Keys of swapped or refilled databases may be what somebody waits for: looks at them all.
  /// Stopped world.
  public void readyAll(int database) {
    for (Slice key : engine.parking.awaited(database)) {
      ready(database, KeySlot.of(key.array, key.offset, key.length), key);
    }
  }

  void resetStatistics() {
    Arrays.fill(calls, 0);
    Arrays.fill(nanos, 0);
    Arrays.fill(rejected, 0);
    Arrays.fill(failed, 0);
    commands = 0;
    hits = 0;
    misses = 0;
  }

  /// For expiry: whether the entry's time is over at this turn's clock.
  boolean over(long entry) {
    long expiry = Entry.expiry(seat.values.memory(), entry);
    return expiry >= 0 && expiry <= now;
  }
}
