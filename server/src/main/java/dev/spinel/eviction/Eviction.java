package dev.spinel.eviction;

import dev.spinel.config.Config;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Reclaimer;
import dev.spinel.engine.Session;
import dev.spinel.keyspace.Keeper;
import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Heap;
import dev.spinel.value.Walk;
import dev.spinel.wire.Args;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// The gate of `maxmemory`. A command that may need memory first makes room by evicting keys as the
/// policy says, or waits, or is refused.
///
/// What counts is what the heap has given out ([Heap#liveBytes]), the account of INFO's
/// `used_memory`, less what is kept for a snapshot alone: an evicted key that the walk still needs
/// gives nothing back before the walk has come by, so more evictions would not help.
///
/// **The call that is over the limit frees.** Its thread frees what waits to be freed
/// ([Keeper#help]), and if nothing does, it evicts keys, one slot locked at a time ([Evictor]),
/// until memory is below the limit. After the time that `maxmemory-eviction-tenacity` allows the
/// call is put off, not let through, and its thread goes on with other work ([WaitingCalls]). So no
/// call that needs memory begins while the limit is exceeded. Several threads that begin at the
/// same time may together exceed it by what their commands need. While the keeper frees what only
/// it can free (large values), calls wait for that, and nothing more is evicted.
///
/// **Who can't wait**, as what EXEC or a script runs, has room made at once, with its locks
/// ([#makeRoomNow]). What it has locked stays, as does what a call is about to copy that waits for
/// room for the copy ([#roomFor]).
///
/// **Who needs no memory** isn't held up. If the thread's calls have exceeded the limit, it evicts
/// before the next one, as Redis does, and looks no more until memory grows again ([#undoGrowth]).
///
/// The keeper evicts, too, where no call does.
public final class Eviction implements Gate, Reclaimer {
  private static final CommandError OUT_OF_MEMORY =
      new CommandError("OOM command not allowed when used memory > 'maxmemory'.");

  /// A call of so many arguments needs no room made for them: they are short.
  private static final int FEW_ARGUMENTS = 8;

  /// Below such a limit there is no room even for one small key. Redis itself takes more.
  private static final int LEAST_BYTES = 128;

  /// About what one more element of a value takes besides its bytes.
  private static final int ARGUMENT_BYTES = 24;

  /// About what a key, of a short value, takes besides its bytes.
  private static final int KEY_BYTES = 40;

  /// By so much a transaction may grow beyond the limit where nothing else can go: one that only
  /// counts is never left half done.
  private static final long LITTLE_GROWTH = 128 << 10;

  private static final int INCOMING_SHARE = 4;

  private static final long BACKGROUND_NANOS = 25_000_000;

  private static final long PAUSE_NANOS = 50_000;
  private static final long FOR_EVER_NANOS = Long.MAX_VALUE / 4;

  private final Engine engine;
  private final Heap heap;
  private final Keeper keeper;
  private final Walk walk;
  private final EvictionStatistics statistics;

  // Settings: written when the configuration changes, read by all threads.
  private volatile long limitBytes;
  private volatile Policy policy = Policy.NOEVICTION;
  private volatile int samples = 5;
  private volatile long sliceNanos = 500_000;
  private volatile long incomingLimitBytes;

  /// What commands that are being read have taken, all of them together, and the one of them that
  /// is read although there is no room.
  final AtomicLong incomingBytes = new AtomicLong();

  final AtomicReference<@Nullable Incoming> ahead = new AtomicReference<>();

  private final ConcurrentHashMap<Dispatcher, WaitingCalls> calls = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<Waiter> waiters = new ConcurrentLinkedQueue<>();
  private @Nullable Evictor background; // keeper's thread

  /// Follows the configuration.
  public Eviction(Engine engine, Config config, EvictionStatistics statistics) {
    this.engine = engine;
    this.heap = engine.keyspace.heap();
    this.keeper = engine.keyspace.keeper();
    this.walk = engine.keyspace.walk();
    this.statistics = statistics;
    read(config);
    for (Setting<?> setting :
        List.of(
            Settings.MAXMEMORY,
            Settings.MAXMEMORY_CLIENTS,
            Settings.MAXMEMORY_POLICY,
            Settings.MAXMEMORY_SAMPLES,
            Settings.MAXMEMORY_EVICTION_TENACITY)) {
      config.onChange(setting, this::read);
    }
  }

  private void read(Config config) {
    limit(config.get(Settings.MAXMEMORY));
    policy = Policy.named(config.text(Settings.MAXMEMORY_POLICY));
    samples = config.intOf(Settings.MAXMEMORY_SAMPLES);
    tenacity(config.intOf(Settings.MAXMEMORY_EVICTION_TENACITY));
    incomingLimitBytes = Math.max(limitBytes / INCOMING_SHARE, ofClients(config));
  }

  /// Bytes that clients may take before some are closed; 0: there is no limit.
  private static long ofClients(Config config) {
    long wanted = config.get(Settings.MAXMEMORY_CLIENTS);
    return wanted >= 0 ? wanted : config.get(Settings.MAXMEMORY) / 100 * -wanted;
  }

  /// How much incomplete commands may take together before only one of them is read: a quarter of
  /// the limit, or as much as clients may take, since beyond that some are closed.
  long incomingLimitBytes() {
    return incomingLimitBytes;
  }

  /// Bytes; 0 = no limit.
  private void limit(long bytes) {
    limitBytes = bytes;
    engine.gates.closed(this, bytes != 0);
  }

  /// How long a call may hold its thread up: from 0, not at all, to 100, for as long as it takes.
  /// 10 is half a millisecond.
  private void tenacity(int of) {
    if (of <= 10) {
      sliceNanos = 50_000L * of;
    } else if (of < 100) {
      sliceNanos = (long) (500_000 * Math.pow(1.15, of - 10));
    } else {
      sliceNanos = FOR_EVER_NANOS;
    }
  }

  Policy policy() {
    return policy;
  }

  int samples() {
    return samples;
  }

  @Override
  public Rank rank() {
    return Rank.MEMORY;
  }

  @Override
  public boolean concerns(Command command) {
    return true;
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    boolean queued = call.isQueued();
    boolean isDenied = queued || call.does(Command.DENYOOM);
    if (limitBytes == 0 || !engine.heedsMaxmemory()) {
      return null;
    }
    if (!isDenied && !call.does(Command.SCRIPTED)) {
      undoGrowth(call);
      return null;
    }
    boolean all = !queued && call.command() == engine.exec;
    long bytes = all ? needs(call.session()) : needs(call.args());
    if (!isShort(bytes)) {
      return null;
    }
    WaitingCalls waiting = calls(call.dispatcher());
    Room room;
    if (waiting.isLast()) {
      room = Room.NONE;
    } else if (waiting.isWaitedFor()) {
      room = Room.LATER;
    } else {
      room = makeRoom(waiting.evictor, deadline(), bytes);
    }
    call.session().receiveInvalidations();
    if (room == Room.MADE) {
      return null;
    }
    if (room == Room.NONE) {
      if (isShort(0) && !isDenied) {
        call.outOfMemory();
      }
      return isDenied && isShort(all ? bytes : 0) ? OUT_OF_MEMORY : null;
    }
    call.await(waiting.roomFor(bytes), Call.FOR_EVER);
    return null;
  }

  /// Before a call that needs no memory: if what this thread did before has exceeded the limit, or
  /// the limit is a new one, keys are evicted for a slice of time, as Redis does before each
  /// command. The call runs in any case.
  private void undoGrowth(Call call) {
    long limit = limitBytes;
    if (limit >= LEAST_BYTES && heap.takenBytes() <= limit + walk.preservedBytes()) {
      return;
    }
    WaitingCalls waiting = calls(call.dispatcher());
    if (waiting.isWaitedFor() || !waiting.hasGrown(limit)) {
      return;
    }
    if (isShort(0)) {
      makeRoom(waiting.evictor, deadline(), 0);
      call.session().receiveInvalidations();
    }
    waiting.forgetGrowth(limit);
  }

  /// About how much the commands need that the session has queued.
  private static long needs(Session session) {
    return session.queuedHeapBytes() + (long) KEY_BYTES * session.queuedCommands();
  }

  /// About how much a call needs besides its large arguments, which are in the memory already: 0
  /// unless it is long. While calls are recorded large arguments are copied.
  private long needs(Args args) {
    int count = args.count();
    boolean isCopied = args.hasNodes() && engine.journal.recording();
    if (count <= FEW_ARGUMENTS && !isCopied) {
      return 0;
    }
    return (isCopied ? args.bytes() : args.plainBytes()) + (long) ARGUMENT_BYTES * count;
  }

  /// What EXEC runs is refused, alone, if the transaction has grown and nothing else can go any
  /// more. What was queued has been looked at before.
  @Override
  public @Nullable CommandError refuseQueued(Call call) {
    if (!call.command().is(Command.DENYOOM) || call.session().isTrusted()) {
      return null;
    }
    Dispatcher dispatcher = call.dispatcher();
    boolean hasGrown = dispatcher.grownBytes(call.session()) >= LITTLE_GROWTH;
    return hasGrown && !dispatcher.makeRoomNow(0) ? OUT_OF_MEMORY : null;
  }

  @Override
  public @Nullable Condition roomFor(Call call, long bytes) {
    if (!isShort(bytes)) {
      return null;
    }
    WaitingCalls waiting = calls(call.dispatcher());
    return waiting.isLast() ? null : waiting.roomFor(bytes, call.slots());
  }

  @Override
  public boolean makeRoomNow(Dispatcher dispatcher, long bytes, IntPredicate isSpared) {
    if (!isShort(bytes)) {
      return true;
    }
    Evictor evictor = evictor(dispatcher);
    boolean mayWait = !evictor.seat.stopsWorld();
    while (isShort(bytes)) {
      if (keeper.helpWholly(evictor.seat)) {
        freed();
        continue;
      }
      mayWait = mayWait && System.nanoTime() - dispatcher.roomDeadline() < 0;
      Evictor.Outcome outcome = Evictor.Outcome.NOTHING;
      boolean othersFree = engine.keyspace.isFreeing() || keeper.pending() > 0;
      if (policy != Policy.NOEVICTION && !(othersFree && mayWait)) {
        outcome = evictor.evictOneNow(isSpared);
      }
      if (outcome == Evictor.Outcome.EVICTED) {
        statistics.evictedOne();
      } else if (mayWait && (othersFree || outcome != Evictor.Outcome.NOTHING)) {
        LockSupport.parkNanos(PAUSE_NANOS);
      } else {
        return false;
      }
    }
    return true;
  }

  private WaitingCalls calls(Dispatcher dispatcher) {
    WaitingCalls known = calls.get(dispatcher);
    if (known == null) {
      known = new WaitingCalls(this, new Evictor(engine, this, dispatcher.seat()));
      calls.put(dispatcher, known);
    }
    return known;
  }

  @Override
  public void forget(Dispatcher dispatcher) {
    WaitingCalls gone = calls.remove(dispatcher);
    if (gone != null) {
      gone.evictor.close();
    }
  }

  /// Whether the limit would be exceeded with `bytes` more. While memory is far below the limit,
  /// this only reads one field of each seat.
  boolean isShort(long bytes) {
    long limit = limitBytes;
    if (limit == 0 || !engine.heedsMaxmemory()) {
      return false;
    }
    if (limit < LEAST_BYTES) {
      return true;
    }
    long least = limit - bytes + walk.preservedBytes();
    return heap.takenBytes() > least && heap.liveBytes() > least;
  }

  /// Whether the limit is of any concern now.
  boolean heedsLimit() {
    return engine.heedsMaxmemory();
  }

  long limitBytes() {
    return limitBytes;
  }

  Evictor evictor(Dispatcher of) {
    return calls(of).evictor;
  }

  /// For a new connection.
  public Incoming incoming() {
    return new Incoming(this);
  }

  /// Until when a thread that begins now may make room.
  public long deadline() {
    return System.nanoTime() + sliceNanos;
  }

  /// Frees and evicts until there is room for `bytes` more; at least one step. The evictor's
  /// thread.
  Room makeRoom(Evictor evictor, long deadline, long bytes) {
    if (!engine.latency().isOn()) {
      return tryToMakeRoom(evictor, deadline, bytes);
    }
    long began = System.nanoTime();
    Room room = tryToMakeRoom(evictor, deadline, bytes);
    engine.latency().took("eviction-cycle", System.nanoTime() - began);
    return room;
  }

  private Room tryToMakeRoom(Evictor evictor, long deadline, long bytes) {
    while (isShort(bytes)) {
      if (walk.overBudget()) {
        return Room.ELSEWHERE; // the walk keeps too much already
      }
      if (keeper.help(evictor.seat)) {
        freed();
      } else if (policy == Policy.NOEVICTION) {
        return Room.NONE;
      } else if (engine.keyspace.isFreeing()) {
        return Room.ELSEWHERE;
      } else {
        switch (evictor.evictOne()) {
          case EVICTED -> statistics.evictedOne();
          case KEPT -> {
            return Room.ELSEWHERE;
          }
          case NOTHING -> {
            return keeper.pending() > 0 ? Room.ELSEWHERE : Room.NONE;
          }
          case GONE -> {}
        }
      }
      if (System.nanoTime() - deadline > 0) {
        return isShort(bytes) ? Room.LATER : Room.MADE;
      }
    }
    return Room.MADE;
  }

  // ── what others free ──

  /// Waits until there is room for `bytes` more, or nothing is being freed any more.
  private record Waiter(long bytes, Runnable action) {}

  /// Runs `action` once others have made room for `bytes` more, or can't, or the walk has come
  /// further: perhaps at once, perhaps on their threads.
  void whenFreed(long bytes, Runnable action) {
    waiters.add(new Waiter(bytes, action));
    if (!isFreeing() && !walk.active()) { // others have made room meanwhile
      wake(true);
    } else if (!isShort(bytes)) {
      wake(false);
    }
  }

  private boolean isFreeing() {
    return engine.keyspace.isFreeing() || keeper.pending() > 0;
  }

  @Override
  public void freed() {
    if (!waiters.isEmpty()) {
      wake(!isFreeing());
    }
  }

  @Override
  public void walked() {
    wake(true);
  }

  private void wake(boolean all) {
    for (Iterator<Waiter> each = waiters.iterator(); each.hasNext(); ) {
      Waiter next = each.next();
      if ((all || !isShort(next.bytes)) && waiters.remove(next)) { // by one thread only
        next.action.run();
      }
    }
  }

  @Override
  public void cycle(Seat seat) {
    if (policy == Policy.NOEVICTION || !isShort(0)) {
      return;
    }
    Evictor evictor = background;
    if (evictor == null) {
      background = evictor = new Evictor(engine, this, seat);
    }
    seat.enter();
    try {
      makeRoom(evictor, System.nanoTime() + BACKGROUND_NANOS, 0);
    } finally {
      seat.leave();
    }
  }
}
