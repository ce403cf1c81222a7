package dev.spinel.engine;

import dev.spinel.config.Settings;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.wire.Args;
import dev.spinel.wire.Batch;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.Slice;
import java.util.Objects;
import java.util.function.Consumer;
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

  private static final CommandError TOO_LONG_KEY =
      new CommandError("ERR keys of more than " + Entry.MAX_KEY + " bytes can't be stored");
  private static final long SETTLED_TWICE = 2; // a handler may make a copy
  private static final int SAMPLED = 16; // of quick commands every 16th is timed

  final Engine engine;
  private final Seat seat;
  private final Slots slots;
  private final Journal journal;
  private final Call call;
  private final Reply reply;
  private final Output nowhere;
  final Recorder recorder;
  final Blocking blocking;
  private final LockSet locks;
  private final Slice key = new Slice(); // that is looked at now
  private int foreseen = Lookahead.UNSEEN; // the number of the call among those looked at ahead
  final Lookahead lookahead;

  private long now;
  int lruClock;
  private int sample;

  final Statistics statistics;

  Dispatcher(Engine engine) {
    this.engine = engine;
    this.seat = engine.keyspace.seat();
    this.nowhere = new Output(new OutputPool(new HeapChunks(seat)));
    this.slots = engine.slots;
    this.journal = engine.journal;
    this.call = new Call(this, engine, seat);
    this.blocking = new Blocking(this);
    this.lookahead = new Lookahead(engine.keyspace, seat);
    this.locks = new LockSet(seat, slots, engine.keyspace.world(), engine.parking);
    this.recorder = new Recorder(journal, seat.values.large(), engine.pressure);
    this.statistics = new Statistics(engine.table.size());
    seat.values.large().readLater(journal::recording);
    this.reply = new Reply(nowhere);
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

  /// Whether the call's command takes all its large arguments as they came.
  private static boolean takesLarge(Command command, Args args) {
    for (int i = 0; i < args.count(); i++) {
      if (args.isNode(i) && !command.takesLarge(i)) {
        return false;
      }
    }
    return true;
  }

  /// The commands of `batch` are going to run for `session`.
  public void lookAhead(Session session, Batch batch) {
    lookahead.fetch(batch, session.database);
  }

  /// Runs one command of `session`, whose reply (if it isn't parked) is in the session's output
  /// afterwards.
  public int execute(Session session, Args args) {
    return execute(session, args, Lookahead.UNSEEN);
  }

  /// The same for number `ahead` of the commands that were last looked at ahead.
  public int execute(Session session, Args args, int ahead) {
    foreseen = ahead;
    try {
      return begun(session, args);
    } finally {
      ended();
    }
  }

  /// A command is through, however it ended.
  private void ended() {
    call.end();
    locks.clear(); // what was added before something failed
  }

  /// A command of the session was read to its end, but thrown away, because the heap had no room
  /// for it.
  public void refused(Session session) {
    boolean heard = session.replies == Session.Replies.ON;
    reply.to(heard ? session.outlet.output() : nowhere, session.protocol);
    refused(session, null, Session.NO_HEAP, reply);
    if (!heard) {
      empty(nowhere);
      session.replied();
    }
  }

  private int begun(Session session, Args args) {
    seat.breathe();
    Reply to = reply;
    int errors = to.errors();
    boolean heard = session.replies == Session.Replies.ON;
    to.to(heard ? session.outlet.output() : nowhere, session.protocol);
    session.lastInteractionMillis = now;
    Command command = engine.table.lookup(args);
    session.lastCommand = command;
    int outcome;
    if (command == null) {
      outcome = unknown(session, args, to);
    } else if (args.hasNodes() && !takesLarge(command, args)) {
      outcome = executeSettled(session, command, args, to);
    } else {
      outcome = execute(session, command, args, to);
    }
    if (!heard || session.replies != Session.Replies.ON) {
      empty(nowhere);
      if (outcome != PARKED) { // else when it ends
        session.replied();
      }
    }
    tellOwner(session, command, errors);
    return session.closing ? CLOSING : outcome;
  }

  /// A command has ended, and there were so many `errors` before it.
  private void tellOwner(Session session, @Nullable Command command, int errors) {
    Session.Owner owner = session.owner;
    if (owner != null && reply.errors() != errors) {
      owner.failed(command, reply.lastError());
    }
  }

  private int unknown(Session session, Args args, Reply to) {
    if (args.at(0).is("POST") || args.at(0).is("HOST:")) {
      engine.incidents.crossProtocol(session);
      session.closing = true;
    } else {
      refused(session, null, engine.table.unknown(args), to);
    }
    return RUN_ON;
  }

  /// Runs a call whose large arguments its command wants as bytes of the Java heap, if that has
  /// room.
  private int executeSettled(Session session, Command command, Args args, Reply to) {
    long bytes = SETTLED_TWICE * args.bytes();
    if (args.bytes() > Args.MOST_SETTLED || !session.mayHold(bytes)) {
      refused(session, command, Session.NO_HEAP, to);
      return RUN_ON;
    }
    try {
      return execute(session, command, args.settled(seat.values.large()), to);
    } finally {
      session.release(bytes);
    }
  }

  private Output outputOf(Session session) {
    return session.heard() ? session.outlet.output() : nowhere;
  }

  private int execute(Session session, Command command, Args args, Reply to) {
    CommandError refusal = refuse(session, command, args);
    if (refusal == null && call.awaited != null) {
      if (blocking.putOff(call.awaited, session, command, args)) {
        return PARKED;
      }
      refusal = Session.NO_HEAP;
    }
    if (refusal != null) {
      refused(session, command, refusal, to);
      if (command == engine.exec) {
        return hearing(session, shown(session, args, RUN_ON));
      }
    } else if (session.multi && !command.is(Command.IN_MULTI)) {
      refusal = queue(session, command, args);
      if (refusal == null) {
        to.simple("QUEUED");
      } else {
        refused(session, command, refusal, to);
      }
    } else if (command == engine.exec) {
      statistics.commands++;
      return hearing(session, shown(session, args, exec(session, args)));
    } else {
      statistics.commands++;
      return hearing(session, runAlone());
    }
    return RUN_ON;
  }

  /// EXEC has ended, unless it was put off.
  private int shown(Session session, Args exec, int outcome) {
    Onlooker onlooker = engine.onlooker;
    if (onlooker != null && outcome != PARKED) {
      show(onlooker, session, engine.exec, exec);
      append();
    }
    return outcome;
  }

  private void show(Onlooker onlooker, Session session, Command command, Args args) {
    try {
      onlooker.ran(session, command, args, recorder);
    } catch (Throwable bug) { // what the call did must be recorded
      engine.incidents.bug("while showing " + command.name, bug);
    }
  }

  /// What the call itself told its session (that it published, that changed a key) comes right
  /// behind its reply.
  private int hearing(Session session, int outcome) {
    if (recorder.hasPushed() && session.hasMail()) {
      session.hear();
    }
    return outcome;
  }

  private @Nullable CommandError refuse(Session session, Command command, Args args) {
    if (!command.accepts(args.count())) {
      return CommandError.wrongArguments(command.name);
    }
    if (!begin(session, command, args)) {
      return Session.NO_HEAP;
    }
    if (command.is(Command.MAKES_KEYS) && hasTooLongKey()) {
      return TOO_LONG_KEY;
    }
    if ((session.gated || engine.gates.anyClosed) && !session.isTrusted()) {
      for (Gate gate : engine.gates.of(command)) {
        CommandError refusal = gate.refuse(call);
        if (refusal != null || call.awaited != null) {
          return refusal;
        }
      }
    }
    if (session.multi && (command.flags() & Command.NO_MULTI) != 0) {
      return new CommandError("ERR Command not allowed inside a transaction");
    }
    return null;
  }

  private boolean hasTooLongKey() {
    for (int i = 0; i < call.keyCount; i++) {
      if (call.args.lengthAt(call.keyPositions[i]) > Entry.MAX_KEY) {
        return true;
      }
    }
    return false;
  }

  /// The call begins: its keys are known. False if the heap has no room for them.
  private boolean begin(Session session, Command command, Args args) {
    call.inMulti = false;
    call.begin(session, command, args, now, true);
    return collectKeys(call, command, args);
  }

  private void refused(Session session, @Nullable Command command, CommandError refusal, Reply to) {
    if (command != null) {
      statistics.rejected[command.index]++;
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

  /// Runs the call that has begun.
  private int runAlone() {
    Call call = this.call;
    Command command = call.command;
    boolean writes = (command.flags() & Command.WRITE) != 0;
    boolean wakes = (command.flags() & Command.WAKES) != 0;
    if (writes && engine.keyspace.walk().overBudget()) {
      if (putOff(engine.walkedPast(-1), call.session, command, call.args)) {
        return PARKED;
      }
      refused(call.session, command, Session.NO_HEAP, reply);
      return RUN_ON;
    }
    if (command.isGlobal(call.args)) {
      engine.keyspace.world().stop(seat, () -> act(call, reply));
    } else if (call.keyCount == 0) {
      act(call, reply);
    } else if (call.keyCount == 1 && locks.lockOnly(call.keySlots[0], wakes)) {
      try {
        act(call, reply);
      } finally {
        locks.unlock();
      }
    } else {
      locks.addKeys(call);
      locks.holding(wakes ? to -> awaited(call, call.args, to) : null, () -> act(call, reply));
    }
    return call.parking ? PARKED : RUN_ON;
  }

  /// Those of a call's keys in whose slots somebody waits. They are locked.
  private void awaited(Call call, Args args, Consumer<Slice> to) {
    for (int i = 0; i < call.keyCount; i++) {
      if ((slots.flags(call.keySlots[i]) & Slots.WAITERS) != 0) {
        to.accept(args.at(call.keyPositions[i]));
      }
    }
  }

  /// Finds out the call's keys. False if the heap has no room for that.
  private boolean collectKeys(Call call, Command command, Args args) {
    Dictionary dictionary = seat.values.dictionary();
    call.keyCount = 0;
    if (command.firstKey() == 1 && command.lastKey() == 1 && !command.is(Command.MOVABLEKEYS)) {
      int slot = lookahead.slot(foreseen);
      Slice key = args.at(1);
      call.keyPositions[0] = 1;
      call.keySlots[0] = slot >= 0 ? slot : KeySlot.of(key);
      call.keyHashes[0] = slot >= 0 ? lookahead.hash(foreseen) : dictionary.hash(key);
      call.keyCount = 1;
      return true;
    }
    if (!call.makeRoom(command.mostKeys(args.count()), args)) {
      return false;
    }
    int count = command.keys(args, call.keyPositions);
    for (int i = 0; i < count; i++) {
      args.read(call.keyPositions[i], key);
      call.keySlots[i] = KeySlot.of(key);
      call.keyHashes[i] = dictionary.hash(key);
    }
    call.keyCount = Math.max(0, count);
    return true;
  }

  /// The handler and all that follows from it, under the locks (or in the stopped world).
  private void act(Call call, Reply to) {
    run(call, to);
    if (call.parking) {
      append(); // what it met may have expired
      boolean kept =
          call.awaited != null
              ? putOff(call.awaited, call.session, call.command, call.args)
              : blocking.park(call);
      if (!kept) {
        call.parking = false;
        engine.countError(Session.NO_HEAP.code());
        to.error(Session.NO_HEAP.text());
      }
    } else {
      long position = record(call);
      mark(bound(position, call.command.is(Command.SWEEPS)));
    }
    blocking.serve();
  }

  void run(Call call, Reply to) {
    Command command = call.command;
    boolean quick = (command.flags() & (Command.QUICK | Command.FAST)) != 0;
    boolean sampled = (++sample & (SAMPLED - 1)) == 0;
    boolean timed = !quick || sampled || engine.limits.get(Settings.SLOWLOG_LOG_SLOWER_THAN) == 0;
    long began = timed ? engine.clock.nanos() : 0;
    int errors = to.errors();
    long pendingBytes = to.pendingBytes();
    boolean recording = journal.recording();
    if (recording) {
      recorder.effects.mark();
    }
    try {
      command.run(call, to);
    } catch (CommandError e) {
      assert call.changes == 0 : "an error after a mutation: " + e.text();
      engine.countError(e.code());
      statistics.failed[command.index]++;
      to.error(e.text());
      errors = to.errors();
    } catch (Throwable bug) {
      engine.incidents.bug("while running " + command.name, bug);
      if (recording) {
        recorder.effects.rollBack();
      }
      if (recording && call.changes != 0) {
        engine.incidents.diverged(command, bug);
      }
      to.abandon(pendingBytes);
      to.error("ERR internal error while running '" + command.name + "'");
      call.session.closing = true;
    }
    if (to.errors() != errors) {
      statistics.failed[command.index]++;
      engine.countError("ERR");
    }
    Onlooker onlooker = engine.onlooker;
    if (onlooker != null && call == this.call && call.awaited == null) {
      show(onlooker, call.session, command, call.args);
    }
    if (!call.parking) {
      statistics.calls[command.index]++;
      if (timed) {
        long took = engine.clock.nanos() - began;
        statistics.nanos[command.index] += !quick ? took : sampled ? took * SAMPLED : 0;
        if (took > 1_000_000) {
          clock();
        }
        engine.slow.ran(call, took);
      }
    }
  }

  /// Appends what the call did. Returns its position in the journal, or 0.
  long record(Call call) {
    gather(call);
    return append();
  }

  private void gather(Call call) {
    statistics.changes += call.changes;
    try {
      call.recordSelf();
    } catch (Throwable t) {
      diverged(call, t);
    }
  }

  private void diverged(Call call, Throwable cause) {
    recorder.forget();
    call.session.closing = true;
    engine.incidents.diverged(call.command, cause);
  }

  long append() {
    try {
      long position = recorder.append();
      if (position != 0) {
        locks.affected(position);
      }
      return position;
    } catch (Throwable t) {
      diverged(call, t);
      return 0;
    }
  }

  /// The journal position that a reply is bound to, 0 if to none: the call's `own` effect, or the
  /// last one that it can have seen, under its locks or `everywhere`.
  long bound(long own, boolean everywhere) {
    if (!journal.bound()) {
      return 0;
    }
    boolean all = everywhere || seat.stopsWorld();
    return Math.max(own, all ? journal.position() : locks.seen());
  }

  private void mark(long position) {
    if (position != 0) {
      reply.output().mark(position);
    }
  }

  // ── calls that didn't end in one go: see Blocking
  // ─────────────────────────────────────────────────────────────────────────

  /// Keys of swapped or refilled databases may be what somebody waits for. Stopped world.
  public void readyAll(int database) {
    blocking.readyAll(database);
  }

  /// CLIENT UNBLOCK: ends the wait of another session as a timeout or with an error. Stopped world.
  /// Returns whether it waited.
  public boolean unblock(Session other, boolean withError) {
    return blocking.unblock(other, withError);
  }

  /// Ends the wait for keys of a session that says no more. False if its call goes on: it is
  /// served, or was put off. The session's own thread.
  public boolean giveUp(Session session) {
    return blocking.giveUp(session);
  }

  /// Puts off a call that was counted: it will be counted again.
  private boolean putOff(Condition condition, Session session, Command command, Args args) {
    if (!blocking.putOff(condition, session, command, args)) {
      return false;
    }
    statistics.commands--;
    return true;
  }

  /// Runs a call again that was put off. The session's own thread.
  int again(Session session, Command command, Args args) {
    foreseen = Lookahead.UNSEEN;
    reply.to(outputOf(session), session.protocol);
    int errors = reply.errors();
    int outcome = RUN_ON;
    try {
      outcome = execute(session, command, args, reply);
    } finally {
      ended();
    }
    empty(nowhere);
    if (outcome != PARKED) {
      session.replied();
    }
    tellOwner(session, command, errors);
    return outcome;
  }

  long now() {
    return now;
  }

  /// What this dispatcher's calls record, and by which they send messages.
  public Recorder recorder() {
    return recorder;
  }

  /// Whether messages to others were sent since this was last asked.
  public boolean tookPushes() {
    return recorder.tookPushes();
  }

  static void empty(Output output) {
    output.close(); // whatever state it was left in
  }

  // ── transactions
  // ───────────────────────────────────────────────────────────────────────────────────────────────────

  private static @Nullable CommandError queue(Session session, Command command, Args args) {
    if (session.multiFailed || session.watchBroken) {
      return null; // EXEC will abort: keep nothing
    }
    Queue queue = Objects.requireNonNull(session.queue);
    return queue.add(command, args) ? null : Session.NO_HEAP;
  }

  private int exec(Session session, Args args) {
    statistics.calls[engine.exec.index]++;
    if (!session.multi) {
      engine.countError("ERR");
      statistics.failed[engine.exec.index]++;
      reply.error("ERR EXEC without MULTI");
      return RUN_ON;
    }
    if (session.multiFailed) {
      end(session);
      engine.countError("EXECABORT");
      statistics.failed[engine.exec.index]++;
      reply.error("EXECABORT Transaction discarded because of previous errors.");
      return RUN_ON;
    }
    foreseen = Lookahead.UNSEEN; // of the commands that were queued nothing is known
    if (session.hasMail()) {
      session.hear(); // what was said before comes before: it may be about to unsubscribe
    }
    Queue queue = Objects.requireNonNull(session.queue);
    boolean global = (queue.flags() & (Command.GLOBAL | Command.ROAMS | Command.SWEEPS)) != 0;
    boolean writes = (queue.flags() & Command.WRITE) != 0;
    boolean wakes = (queue.flags() & Command.WAKES) != 0;
    if (writes && engine.keyspace.walk().overBudget()) {
      statistics.calls[engine.exec.index]--;
      if (putOff(engine.walkedPast(-1), session, engine.exec, args)) {
        return PARKED;
      }
      refused(session, engine.exec, Session.NO_HEAP, reply);
      return RUN_ON;
    }
    if (!mayRunAll(session, queue, !global)) {
      locks.clear();
      refused(session, engine.exec, Session.NO_HEAP, reply);
    } else if (global) {
      engine.keyspace.world().stop(seat, () -> transact(session, queue));
    } else {
      locks.holding(wakes ? to -> awaited(queue, to) : null, () -> transact(session, queue));
    }
    return RUN_ON;
  }

  /// Whether there is room for the keys of each queued command. Adds their slots, and those of the
  /// watched keys, to what is to be locked.
  private boolean mayRunAll(Session session, Queue queue, boolean locking) {
    for (int i = 0; i < queue.size(); i++) {
      if (!collectKeys(call, queue.command(i), queue.args(i))) {
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
        collectKeys(call, queue.command(i), args);
        awaited(call, args, to);
      }
    }
  }

  private void transact(Session session, Queue queue) {
    boolean broken = session.watchBroken || watchedExpired(session);
    engine.watches.end(session, seat);
    if (broken) {
      reply.nilArray();
      end(session);
      mark(bound(0, false));
      return;
    }
    reply.array(queue.size());
    // from here on the session is out of MULTI for the handlers, but they are told
    for (int i = 0; i < queue.size(); i++) {
      Args args = queue.args(i);
      boolean hasRoom = collectKeys(call, queue.command(i), args);
      assert hasRoom : "there was room before";
      call.inMulti = true;
      call.begin(session, queue.command(i), args, now, false);
      reply.to(outputOf(session), session.protocol);
      run(call, reply);
      gather(call);
    }
    long position = append();
    end(session);
    mark(bound(position, false));
    blocking.serve();
  }

  private boolean watchedExpired(Session session) {
    for (Watches.Watch watch : session.watches) {
      call.begin(session, engine.exec, new Args(), now, false);
      Key key = call.stored(watch.database, watch.slot, watch.key);
      boolean expired = key.exists() && key.isOver(now);
      if (expired && !watch.expired) {
        return true;
      }
    }
    return false;
  }

  /// Ends MULTI and all watches of the session; what was queued is forgotten.
  public void end(Session session) {
    Queue queue = session.queue;
    session.multi = false;
    session.multiFailed = false;
    session.queue = null;
    if (queue != null) {
      queue.clear(session.outlet.large());
    }
    engine.watches.end(session, seat);
  }

  /// Ends all watches of the session (UNWATCH).
  public void unwatch(Session session) {
    engine.watches.end(session, seat);
  }

  /// The session's connection is gone. Its own thread, seated.
  public void closed(Session session) {
    session.closing = true;
    try {
      blocking.closed(session);
      end(session);
    } finally {
      engine.closed(session);
    }
  }
}
