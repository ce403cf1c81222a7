package dev.spinel.engine;

import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.wire.Args;
import dev.spinel.wire.Batch;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Runs the commands of the sessions of one thread, from that thread's seat.
///
/// ```
///   execute ─► look up ─► arity ─► gates ─► queue (in MULTI)
///                           ▲         ├───► wait ([Blocking]) ─ again from its gates
///                           │         └───► lock the slots of the keys, ascending
///                           │                 (for a write to an awaited slot: of those whom it may wake, too)
///                           └──────────────── do the gates still hold? ([Engine#newEra])
///                                             run the handler
///                                             append its effects to the journal
///                                             serve who waited for what it changed
///                                             unlock
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

  /// The gates were asked too long ago: nothing was done, the call begins again.
  static final int STALE = 3;

  static final CommandError TOO_LONG_KEY =
      new CommandError("ERR keys of more than " + Entry.MAX_KEY + " bytes can't be stored");
  private static final long SETTLED_TWICE = 2; // a handler may make a copy
  private static final int SAMPLED = 16; // of each quick command every 16th call is timed

  private static final CommandError NO_SYSTEM_MEMORY =
      new CommandError("OOM the system has no memory for all of this command");
  private static final int FEW_WORDS = 3; // of a call of one element, which is done or isn't
  private static final long ELEMENT_BYTES = 64; // each, besides its own
  private static final long PATIENCE_NANOS = 100_000_000;
  private static final IntPredicate EVERY_SLOT = slot -> true;
  private static final long SPARE = 256 << 10; // nodes of each size have pages of their own

  final Engine engine;
  private final Seat seat;
  private final Slots slots;
  private final Journal journal;
  private final Call call;
  private final Reply reply;
  private final Output nowhere;
  final Recorder recorder;
  final Blocking blocking;
  private final Exec exec;
  private final InnerCalls inner;
  private final Meanwhile meanwhile;
  private final LockSet locks;
  private final IntPredicate isTouched;
  private final BudgetWait budgetWait;
  private long takenBefore; // bytes of memory, when the last transaction began
  private long roomDeadline; // nanos, of the call under way; 0: it hasn't asked for room
  private boolean hasSwapped; // databases, in the call under way
  private long spentNanos; // see spentNanos()
  private final Slice key = new Slice(); // that is looked at now
  private int foreseen = Lookahead.UNSEEN; // the number of the call among those looked at ahead
  final Lookahead lookahead;

  private long now;
  int lruClock;

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
    this.locks =
        new LockSet(seat, slots, engine.keyspace.world(), engine.parking, engine.outOfOrder);
    this.isTouched = locks::isTouched;
    this.budgetWait = new BudgetWait(this, locks);
    this.recorder = new Recorder(journal, seat.values.large(), engine.pressure, engine);
    recorder.invalidations.hasTurns = true;
    this.statistics = new Statistics(engine.table.size());
    seat.values.large().readLater(journal::recording);
    this.reply = new Reply(nowhere);
    this.exec = new Exec(this, call, reply, locks);
    this.inner = new InnerCalls(this, locks);
    this.meanwhile = new Meanwhile(this, new Output(new OutputPool(Chunks.heap())));
  }

  public Seat seat() {
    return seat;
  }

  /// As [#execute], while a script takes long and this thread is held up by it.
  public int executeMeanwhile(Session session, Args args) {
    return meanwhile.execute(session, args);
  }

  /// As [#refused], while a script takes long and this thread is held up by it.
  void refusedMeanwhile(Session session) {
    meanwhile.refused(session);
  }

  /// Commands that the running call runs within itself.
  public InnerCalls inner() {
    return inner;
  }

  /// Takes the seat and looks at the clock. Nothing of this object may be called without.
  public void turnBegins() {
    seat.enter();
    clock();
  }

  /// Has what was appended handed to the readers of the journal: before the turn's replies leave.
  public void aboutToSend() {
    recorder.invalidations.endTurn();
    lookAtLease();
    journal.merge();
  }

  /// How many commands it has run since the start, or since CONFIG RESETSTAT. Its thread.
  public long commands() {
    return statistics.commands;
  }

  public void turnEnds() {
    recorder.invalidations.endTurn();
    lookAtLease();
    journal.merge();
    seat.leave();
  }

  /// As [#turnBegins], but gives up if it would have to wait for a script that takes long. Returns
  /// whether the seat is taken.
  public boolean turnBeginsUnlessBusy() {
    boolean taken = seat.enterUnlessBusy();
    if (taken) {
      clock();
    }
    return taken;
  }

  // ── writes under a lease ──

  /// Of a lease, so much is left to turns.
  private static final long TURN_NANOS = 5_000_000;

  private final ArrayList<Session> leased = new ArrayList<>(); // have written since the last look
  private @Nullable LongSupplier leaseUntilNanos;
  private long leaseLookedAtNanos; // when the clock was read, if some have written since

  /// Whether the session may write now, until the turn's replies leave. The clock is read once for
  /// all writes of a turn. Before what they reply leaves it is read again: if the lease has ended
  /// meanwhile, the process stood still, another server may have taken over, and nobody must hear
  /// that these writes are done. Their connections close; so the clients know that they don't know.
  boolean mayWrite(Session session, LongSupplier untilNanos) {
    long until = untilNanos.getAsLong();
    if (until == Long.MAX_VALUE) {
      return true;
    }
    if (leased.isEmpty()) {
      leaseLookedAtNanos = engine.clock.nanos();
      leaseUntilNanos = untilNanos;
      engine.uncounted.look(now, leaseLookedAtNanos);
      until = untilNanos.getAsLong();
    }
    if (until - leaseLookedAtNanos < TURN_NANOS) {
      return false;
    }
    Session client = session.caller == null ? session : session.caller;
    if (!client.isLeased) {
      client.isLeased = true;
      leased.add(client);
    }
    return true;
  }

  private void lookAtLease() {
    if (leased.isEmpty()) {
      return;
    }
    long millis = engine.clock.millis();
    long nanos = engine.clock.nanos();
    engine.uncounted.look(millis, nanos);
    long until = Objects.requireNonNull(leaseUntilNanos).getAsLong();
    boolean isOver = until != Long.MAX_VALUE && until - nanos <= 0;
    for (Session session : leased) {
      session.isLeased = false;
      if (isOver) {
        session.closing = true;
        session.outlet.kill();
      }
    }
    leased.clear();
  }

  private void clock() {
    now = engine.clock.millis();
    lruClock = (int) (now / 1000) & 0xffffff;
  }

  @Override
  public void close() {
    engine.forget(this);
    recorder.close();
    seat.close();
  }

  // ── one command ──

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
    call.before = null;
    call.wasShown = false;
    locks.clear(); // what was added before something failed
    roomDeadline = 0;
    hasSwapped = false;
  }

  /// A command of the session was read to its end, but thrown away, because the heap had no room
  /// for it.
  public void refused(Session session) {
    boolean replies = session.takesReply();
    int errors = reply.errors();
    reply.to(replies ? session.outlet.output() : nowhere, session.protocol);
    refused(session, null, Session.NO_HEAP);
    if (!replies) {
      discard(session, errors);
      session.replied();
    }
  }

  /// What was replied isn't sent. A replica that expects it is disconnected, as in Redis.
  ///
  /// @param errors how many there were before it
  private void discard(Session session, int errors) {
    discard(session, reply, nowhere, errors);
  }

  void discard(Session session, Reply reply, Output nowhere, int errors) {
    if (session.isReplica && session.replies == Session.Replies.ON && !nowhere.isEmpty()) {
      engine.repliedToReplica(session, reply.errors() == errors ? null : reply.lastError());
    }
    empty(nowhere);
  }

  private int begun(Session session, Args args) {
    seat.breathe();
    Reply to = reply;
    int errors = to.errors();
    boolean replies = session.takesReply();
    to.to(replies ? session.outlet.output() : nowhere, session.protocol);
    session.lastInteractionMillis = now;
    Command command = engine.table.lookup(args);
    session.lastCommand = command;
    int outcome;
    if (command == null) {
      unknown(session, args);
      outcome = RUN_ON;
    } else if (args.hasNodes() && !takesLarge(command, args)) {
      outcome = executeSettled(session, command, args);
    } else {
      outcome = execute(session, command, args);
    }
    if (!replies || session.replies != Session.Replies.ON) {
      discard(session, errors);
      if (outcome != PARKED) { // else when it ends
        session.replied();
      }
    }
    if (outcome != PARKED) {
      session.ended();
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

  private void unknown(Session session, Args args) {
    if (args.at(0).is("POST") || args.at(0).is("HOST:")) {
      engine.faults.crossProtocol(session);
      session.closing = true;
    } else {
      refused(session, null, engine.table.unknown(args));
    }
  }

  /// Runs a call whose large arguments its command wants as bytes of the Java heap, if that has
  /// room.
  private int executeSettled(Session session, Command command, Args args) {
    long bytes = SETTLED_TWICE * args.bytes();
    if (args.bytes() > Args.MOST_SETTLED || !session.mayHold(bytes)) {
      refused(session, command, Session.NO_HEAP);
      return RUN_ON;
    }
    try {
      return execute(session, command, args.settled(seat.values.large()));
    } finally {
      session.release(bytes);
    }
  }

  private Output outputOf(Session session) {
    return session.repliesNow() ? session.outlet.output() : nowhere;
  }

  /// Runs a call from its gates on.
  private int execute(Session session, Command command, Args args) {
    int outcome;
    do {
      outcome = attempt(session, command, args);
      call.wasShown = call.isShown;
    } while (outcome == STALE); // somebody has begun a new era, or a script needs the world
    if (command == engine.exec && outcome == RUN_ON && engine.onlooker != null) {
      show(session, command, args);
      append();
    }
    if (recorder.hasPushed()) { // what the call told its own session comes right behind its reply
      if (session.hasMail()) {
        session.receive();
      }
      recorder.invalidations.write(session, boundEverywhere(0));
    }
    return outcome;
  }

  private int attempt(Session session, Command command, Args args) {
    if (session.closing) { // decided while this thread had left its seat
      return RUN_ON;
    }
    CommandError refusal = refuse(session, command, args);
    if (refusal == null && !call.waits()) {
      if (call.isQueued()) {
        refusal = Exec.queue(call) ? null : Session.NO_HEAP;
        if (refusal == null) {
          reply.simple("QUEUED");
          return RUN_ON;
        }
      } else if (engine.keyspace.walk().overBudget()) {
        budgetWait.ask(call, mayGiveUp());
      }
    }
    if (refusal == null && call.waits()) {
      if (blocking.awaitGate(call)) {
        return PARKED;
      }
      refusal = Session.NO_HEAP;
    }
    if (refusal != null) {
      refused(session, command, refusal);
      return RUN_ON;
    }
    if (call.does(Command.DENYOOM) && !session.isTrusted() && !isForeseen(session, args)) {
      refused(session, command, NO_SYSTEM_MEMORY);
      return RUN_ON;
    }
    return command == engine.exec ? exec.run(session) : runAlone();
  }

  /// Whether the system has memory for all that a call of several elements, or a transaction,
  /// brings with it: it is to be refused before it has changed anything, not half way.
  private boolean isForeseen(Session session, Args args) {
    boolean all = call.command == engine.exec;
    int elements = all ? session.queuedCommands() : args.count();
    if (elements <= (all ? 1 : FEW_WORDS)) {
      return true;
    }
    long bytes = all ? session.queuedHeapBytes() : args.plainBytes();
    return engine.keyspace.heap().makeFree(bytes + bytes / 4 + ELEMENT_BYTES * elements + SPARE);
  }

  void show(Session session, Command command, Args args) {
    Onlooker onlooker = engine.onlooker;
    if (onlooker != null) {
      try {
        onlooker.ran(session, command, args, recorder);
      } catch (Throwable bug) { // what the call did must be recorded
        engine.faults.bug("while showing " + command.name, bug);
      }
    }
  }

  private @Nullable CommandError refuse(Session session, Command command, Args args) {
    if (!command.accepts(args.count())) {
      return CommandError.wrongArguments(command.name);
    }
    call.inMulti = false;
    call.begin(session, command, args, now);
    call.era = engine.era;
    if (!collectKeys(call, command, args)) {
      return Session.NO_HEAP;
    }
    call.resolve();
    if (command.is(Command.MAKES_KEYS) && hasTooLongKey(call)) {
      return TOO_LONG_KEY;
    }
    if (session.multi && (command.flags() & Command.NO_MULTI) != 0) {
      return new CommandError("ERR Command not allowed inside a transaction");
    }
    if ((session.gated || engine.gates.anyClosed) && (!session.isTrusted() || session.isPrimary)) {
      for (Gate gate : engine.gates.of(command, session)) {
        if (session.isPrimary && !gate.holdsPrimary()) {
          continue;
        }
        CommandError refusal = gate.refuse(call);
        if (refusal != null || call.waits()) {
          return refusal;
        }
      }
    }
    return null;
  }

  static boolean hasTooLongKey(Call call) {
    for (int i = 0; i < call.keyCount; i++) {
      if (call.args.lengthAt(call.keyPositions[i]) > Entry.MAX_KEY) {
        return true;
      }
    }
    return false;
  }

  void refused(Session session, @Nullable Command command, CommandError refusal) {
    if (command != null) {
      statistics.rejected[command.index]++;
    }
    if (session.multi) {
      session.multiFailed = true;
    }
    if (command != null && command == engine.exec) {
      end(session);
    }
    if (command != null && command == engine.exec && !refusal.isRedirect()) {
      // EXEC itself was refused: the transaction ends, and says why (without a plain `ERR`)
      String why = refusal.code().equals("ERR") ? refusal.text().substring(4) : refusal.text();
      engine.countError("EXECABORT");
      reply.error("EXECABORT Transaction discarded because of: " + why);
      return;
    }
    engine.countError(refusal.code());
    reply.error(refusal.text());
  }

  /// Runs the call, which has passed its gates.
  private int runAlone() {
    Call call = this.call;
    Command command = call.command;
    boolean wakes = (command.flags() & Command.WAKES) != 0;
    call.isStale = false;
    if (call.scripted() != null) {
      runScripted(call.scripted());
    } else if (command.isGlobal(call.args)) {
      runGlobal();
    } else if (call.keyCount == 0) {
      act();
    } else if (call.keyCount == 1 && locks.lockOnly(call.keySlots[0], wakes, mayGiveUp())) {
      try {
        act();
      } finally {
        locks.unlock();
      }
    } else {
      runLocked(wakes ? to -> awaited(call, call.args, to) : null);
    }
    return call.isStale ? STALE : call.waits() ? PARKED : RUN_ON;
  }

  /// Whether a call may begin anew instead of waiting for a script that takes long: its gates will
  /// say so.
  private boolean mayGiveUp() {
    return !call.session.isTrusted() && !call.command.is(Command.ALLOW_BUSY);
  }

  private void runGlobal() {
    call.isStale = !engine.keyspace.world().stop(seat, this::act, mayGiveUp()) || call.isStale;
    if (call.waits() && !call.isStale) {
      Condition awaited = call.awaited();
      seat.leave(); // whoever wants the world doesn't wait for a disk
      try {
        awaited.worldGoesOn();
      } finally {
        seat.enter();
      }
    }
  }

  private void runLocked(LockSet.@Nullable Written written) {
    locks.addKeys(call);
    call.isStale = !locks.holding(written, this::act, mayGiveUp()) || call.isStale;
  }

  /// Runs a call that is going to run others.
  private void runScripted(Scripted scripted) {
    if (scripted.roams(call)) {
      runGlobal();
    } else if (!scripted.enter()) {
      call.isStale = true;
    } else {
      try {
        boolean wakes = call.lacks(Command.READONLY);
        runLocked(wakes ? to -> awaited(call, call.args, to) : null);
      } finally {
        scripted.leave();
      }
    }
  }

  /// Those of the call's keys in whose slots somebody waits. They are locked.
  void awaited(Call call, Args args, Consumer<Slice> to) {
    for (int i = 0; i < call.keyCount; i++) {
      if ((slots.flags(call.keySlots[i]) & Slots.WAITERS) != 0) {
        to.accept(args.at(call.keyPositions[i]));
      }
    }
  }

  /// Finds out the call's keys. False if the heap has no room for that.
  boolean collectKeys(Call call, Command command, Args args) {
    Dictionary dictionary = seat.values.dictionary();
    call.keyCount = 0;
    if (command.firstKey() == 1 && command.lastKey() == 1 && !command.is(Command.MOVABLEKEYS)) {
      int ahead = call == this.call ? foreseen : Lookahead.UNSEEN;
      int slot = lookahead.slot(ahead);
      Slice key = args.at(1);
      call.keyPositions[0] = 1;
      call.keySlots[0] = slot >= 0 ? slot : KeySlot.of(key);
      call.keyHashes[0] = slot >= 0 ? lookahead.hash(ahead) : dictionary.hash(key);
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
  private void act() {
    Call call = this.call;
    if (call.era != engine.era) {
      call.isStale = true;
      return;
    }
    CommandError refusal = refuseLocked();
    if (refusal != null) {
      refused(call.session, call.command, refusal);
      return;
    }
    if (engine.held.any() && isHeldUp()) {
      call.await(Objects.requireNonNull(engine.held.inTheWayOf(call)), Call.FOR_EVER);
    } else {
      run(call, reply);
    }
    if (call.isStale) {
      append(); // what it met may have expired
      return;
    }
    if (!call.waits()) {
      long position = record(call);
      boolean sweeps = call.command.is(Command.SWEEPS);
      mark(sweeps ? boundEverywhere(position) : bound(position));
      tellEnded(call.session);
    } else {
      appendBeforeWaiting(call);
      if (!blocking.await(call)) {
        call.awaited().over(seat);
        call.awaited = null;
        engine.countError(Session.NO_HEAP.code());
        statistics.failed[call.command.index]++;
        reply.error(Session.NO_HEAP.text());
        count(call, call.ranNanos);
      }
    }
    blocking.serve();
  }

  /// Asks the gate again whose answer depends on the data that is locked now.
  @Nullable CommandError refuseLocked() {
    Gate gate = call.asksAgain;
    return gate == null ? null : gate.refuse(call);
  }

  /// Whether the call writes to a key that another call holds.
  private boolean isHeldUp() {
    return call.command.is(MAY_WRITE)
        && !call.session.isTrusted()
        && engine.held.inTheWayOf(call) != null;
  }

  private static final int MAY_WRITE = Command.WRITE | Command.MAY_REPLICATE;

  /// What EXEC has to wait for, as some command that it runs writes to a key that another call
  /// holds, or null. The locks of all keys.
  @Nullable Condition holdsUp(Queue queue) {
    if (!engine.held.any() || call.session.isTrusted()) {
      return null;
    }
    for (int i = 0; i < queue.size(); i++) {
      Command command = queue.command(i);
      if (command.is(MAY_WRITE)) {
        Args args = queue.args(i);
        Args own = call.args;
        collectKeys(call, command, args);
        call.args = args;
        Condition hold = engine.held.inTheWayOf(call);
        call.args = own;
        if (hold != null) {
          return hold;
        }
      }
    }
    return null;
  }

  /// Tells a trusted session's owner that a command is through, unless it is in an open MULTI.
  void tellEnded(Session session) {
    Session.Owner owner = session.owner;
    if (owner != null && !session.multi) {
      owner.ended();
    }
  }

  /// Makes room in the memory now, by keys that the running call, or transaction, doesn't touch.
  /// Returns false if there is none. From the first time on that it is asked by a transaction or
  /// script it waits for others for a tenth of a second, in all.
  ///
  /// Once databases have been exchanged nothing is evicted: that would be journaled at once, before
  /// the exchange, and so delete a key of the other database elsewhere.
  public boolean makeRoomNow(long bytes) {
    return engine.makeRoomNow(this, bytes, hasSwapped ? EVERY_SLOT : isTouched);
  }

  /// Until when [#makeRoomNow] may wait, as of `System.nanoTime`.
  public long roomDeadline() {
    if (roomDeadline == 0) {
      roomDeadline = System.nanoTime() + PATIENCE_NANOS;
    }
    return roomDeadline;
  }

  /// Two databases have been exchanged by the call under way.
  void swapped() {
    hasSwapped = true;
  }

  void transactionBegins(Session session) {
    takenBefore = takenBytes(session);
  }

  /// By about how many bytes this thread's memory has grown since the transaction began, its
  /// replies aside.
  public long grownBytes(Session session) {
    return takenBytes(session) - takenBefore;
  }

  private long takenBytes(Session session) {
    return seat.values.allocator().takenBytes() - outputOf(session).heldBytes();
  }

  /// Runs one command of a transaction. Its keys are locked, and there is room for them.
  void runQueued(Session session, Command command, Args args) {
    boolean hasRoom = collectKeys(call, command, args);
    assert hasRoom : "there was room before";
    call.inMulti = true;
    call.beginWithoutWaiting(session, command, args, now);
    call.resolve();
    reply.to(outputOf(session), session.protocol);
    boolean asks = session.gated || engine.gates.anyClosed;
    CommandError refusal = asks ? engine.gates.queuedRefusal(call) : null;
    if (refusal != null) {
      engine.countError(refusal.code());
      reply.error(refusal.text());
      return;
    }
    run(call, reply);
    gather(call);
  }

  void run(Call call, Reply to) {
    Command command = call.command;
    boolean always = command.mayTakeLong(call.args.count()) || engine.limits.timesAll;
    boolean timed = always || (statistics.quick(command.index) & SAMPLED - 1) == 0;
    long began = timed ? engine.clock.nanos() : 0;
    int errors = to.errors();
    int counted = to.counted();
    long pendingBytes = to.pendingBytes();
    long hits = statistics.hits;
    long misses = statistics.misses;
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
      engine.faults.bug("while running " + command.name, bug);
      if (recording) {
        recorder.effects.rollBack();
      }
      if (recording && call.changes != 0 && !call.recordPart()) {
        engine.faults.diverged(command, bug);
      }
      to.abandon(pendingBytes);
      to.error("ERR internal error while running '" + command.name + "'");
      call.session.closing = true;
    }
    if (to.errors() != errors) {
      statistics.failed[command.index]++;
      for (int i = errors + to.counted() - counted; i != to.errors(); i++) {
        engine.countError(CommandError.code(to.lastError()));
      }
    }
    TrackingMode tracking = call.session.client().tracking;
    if (tracking != null && command.is(Command.READONLY) && !command.is(Command.SCRIPTED)) {
      engine.tracking.remember(call, call.session.client(), tracking);
    }
    long took = timed ? engine.clock.nanos() - began : 0;
    if (call.session.caller == null) {
      spentNanos += took; // that of a script includes what it calls
    }
    if (took > 1_000_000) {
      clock();
    }
    if (call.runsAnew()) {
      statistics.hits = hits;
      statistics.misses = misses;
    }
    if (call.isStale) {
      return; // it begins anew
    }
    if (call == this.call && !call.isShown && (!call.waits() || call.awaited().isAskedFor())) {
      call.isShown = true;
      show(call.session, command, call.args);
    }
    if (call.waits()) {
      call.ranNanos += took;
      return;
    }
    statistics.calls[command.index]++;
    statistics.commands++;
    if (timed) {
      timed(call, call.ranNanos + took, always);
    }
  }

  private void timed(Call call, long nanos, boolean always) {
    Command command = call.command;
    Limits limits = engine.limits;
    if (always) {
      statistics.took(command.index, nanos, limits.tracksLatency);
    } else {
      statistics.sampled(command.index, nanos, limits.tracksLatency);
    }
    if (limits.latencyThresholdMillis != 0) {
      engine.latency.took(command.is(Command.FAST) ? "fast-command" : "command", nanos);
    }
    engine.slow.ran(call, nanos);
  }

  /// Counts a call that has ended without running again.
  void count(Call call, long nanos) {
    statistics.calls[call.command.index]++;
    statistics.commands++;
    timed(call, nanos, true);
  }

  /// Appends what the call did. Returns its position in the journal, or 0.
  long record(Call call) {
    gather(call);
    return append();
  }

  /// Appends what a call did that is going to wait: what it met may have expired, and XREADGROUP
  /// makes a consumer before it waits.
  void appendBeforeWaiting(Call call) {
    statistics.changes += call.changes;
    append();
  }

  void gather(Call call) {
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
    engine.faults.diverged(call.command, cause);
  }

  long append() {
    try {
      long position = recorder.append();
      if (position != 0) {
        locks.affected(position);
        call.session.lastWrite = position;
      }
      return position;
    } catch (Throwable t) {
      diverged(call, t);
      return 0;
    }
  }

  /// The journal position that a reply is bound to, 0 if to none: the call's `own` effect, or the
  /// last one that it can have seen under its locks.
  long bound(long own) {
    if (!journal.bound()) {
      return 0;
    }
    return seat.stopsWorld() ? boundEverywhere(own) : Math.max(own, locks.seen());
  }

  /// The same of a call that has looked at slots that it doesn't hold any more.
  private long boundEverywhere(long own) {
    return journal.bound() ? Math.max(own, journal.position()) : 0;
  }

  /// Binds the reply to a position in the journal, or to what it can have seen, if that is later.
  void bind(long position) {
    mark(bound(position));
  }

  private void mark(long position) {
    if (position != 0) {
      reply.output().mark(position);
    }
  }

  // ── calls that didn't end in one go: see Blocking ──

  /// Keys of swapped or refilled databases may be what somebody waits for. Stopped world.
  public void readyAll(int database) {
    blocking.readyAll(database);
  }

  private static final String UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
  private static final String ROLE_CHANGED =
      "UNBLOCKED force unblock from blocking operation, instance state changed (master ->"
          + " replica?)";

  /// CLIENT UNBLOCK: ends the wait of another session as if its time had run out. Stopped world.
  /// Returns whether it waited.
  public boolean unblock(Session other) {
    return blocking.unblock(other, null);
  }

  /// The same with an error.
  public boolean unblockWithError(Session other) {
    return blocking.unblock(other, UNBLOCKED);
  }

  /// Ends the waits of calls for keys for which `why` has an error, which they reply. Stopped
  /// world.
  public void endWaits(Function<Waiting, @Nullable CommandError> why) {
    blocking.endWaits(why);
  }

  /// The server's role has changed: who waits would wait for what doesn't come. Their connections
  /// close, as in Redis. Stopped world.
  public void unblockAll() {
    for (Session session : engine.sessions()) {
      if (blocking.unblock(session, ROLE_CHANGED)) {
        session.outlet.post(session.outlet::closeAfterReply);
      }
    }
  }

  /// Ends the wait of a session whose client says no more, if it asked to wait. False if its call
  /// goes on: it is served, or was put off. The session's own thread.
  public boolean giveUp(Session session) {
    return blocking.giveUp(session);
  }

  /// Runs a call again that has waited. The session's own thread.
  int again(Waiting waiting) {
    Session session = waiting.session;
    foreseen = Lookahead.UNSEEN;
    call.before = waiting;
    reply.to(outputOf(session), session.protocol);
    int errors = reply.errors();
    int outcome;
    try {
      outcome = execute(session, waiting.command, waiting.args);
    } finally {
      ended();
    }
    discard(session, errors);
    if (outcome != PARKED) {
      session.replied();
      session.ended();
    }
    tellOwner(session, waiting.command, errors);
    return outcome;
  }

  /// The client whose call is running, or the last that ran; null before the first.
  @Nullable Session client() {
    Session last = call.session;
    return last == null ? null : last.client();
  }

  long now() {
    return now;
  }

  /// What this dispatcher's calls record, and by which they send messages.
  public Recorder recorder() {
    return recorder;
  }

  /// From here on [#spentNanos] counts from 0.
  public void spentNothing() {
    spentNanos = 0;
  }

  /// How long calls have run since [#spentNothing], those aside that are known to be quick.
  public long spentNanos() {
    return spentNanos;
  }

  /// Whether messages to others were sent since this was last asked.
  public boolean tookPushes() {
    return recorder.tookPushes();
  }

  static void empty(Output output) {
    output.close(); // whatever state it was left in
  }

  // ── transactions ──

  /// Ends MULTI and all watches of the session; what was queued is forgotten.
  public void end(Session session) {
    exec.end(session);
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
