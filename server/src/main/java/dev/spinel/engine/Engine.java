package dev.spinel.engine;

import dev.spinel.config.Config;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.KeyspaceListener;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.HeapBudget;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.RequestReader;
import dev.spinel.wire.Slice;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// What all dispatchers of a server share: the keyspace, the journal, the command table, the
/// sessions, the gates, who watches and who waits.
public final class Engine implements KeyspaceListener {
  /// Faults that the engine reports to its owner. Called on any thread that runs commands.
  public interface Faults {
    /// Something went wrong in our own code; `where` goes on after "A bug, ".
    void bug(String where, Throwable bug);

    /// A command changed data, and its effect couldn't be recorded in the journal. From now on the
    /// journal's readers have other data. The server must not go on.
    void diverged(Command command, Throwable cause);

    /// A client sent a value that isn't valid, or can't be held.
    void refusedValue(Session session, String why);

    /// A client speaks HTTP: some web page may be using a browser to reach us.
    void crossProtocol(Session session);

    /// A replica said something that is answered, over the connection by which it gets the stream.
    /// It is disconnected.
    void repliedToReplica(Session session);

    /// The reply to a replica, or to this server's primary, is an error.
    ///
    /// @param command null if there is no such command
    void unexpectedError(boolean toReplica, @Nullable Command command, String error);
  }

  /// Fields of one hash that are deleted together when their time is over.
  private static final int FIELDS_AT_A_TIME = 16;

  private static final Busy NOT_BUSY =
      new Busy() {
        @Override
        public @Nullable CommandError refusal() {
          return null;
        }

        @Override
        public boolean isOver() {
          return true;
        }

        @Override
        public Condition over() {
          throw new IllegalStateException("there are no scripts");
        }
      };

  public final Keyspace keyspace;
  public final Journal journal;
  public final CommandTable table;
  public final Limits limits;
  public final Clock clock;

  /// What its [Clock#nanos] didn't count.
  public final UncountedTime uncounted;

  final Slots slots;
  final Watches watches;
  final Tracking tracking;
  final LatencyMonitor latency;
  final HeldKeys held;
  final Parking parking;
  final OutOfOrder outOfOrder;

  /// EXEC, whose call is that of all commands in its queue.
  public final Command exec;

  /// What requests may hold, before they run and waiting to.
  public final RequestReader.RequestLimits requests;

  /// What clients may take of the Java heap.
  public final HeapBudget heap;

  /// Messages on their way to sessions.
  public final Pressure pressure = new Pressure();

  /// The server is to stop: what may take long gives up. Any thread.
  public volatile boolean stopping;

  /// DEBUG SET-SKIP-CHECKSUM-VALIDATION: the checksums of payloads and files aren't compared.
  public volatile boolean ignoresChecksums;

  /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may say any command.
  public volatile boolean scriptsMayAll;

  /// The data set is being loaded. Any thread.
  public volatile boolean loading;

  /// What may refuse a call.
  public final Gates gates;

  /// How often entries are used.
  public final Frequency frequency;

  final Faults faults;
  final Notifier notifier;
  final Slow slow;
  volatile @Nullable Onlooker onlooker;
  private FlushListener flushListener = (seat, changes) -> {}; // before the first session
  private volatile @Nullable Reclaimer reclaimer; // before the first session
  private volatile Busy busy = NOT_BUSY; // before the first session
  private volatile LibraryStore libraries = LibraryStore.NONE; // before the first session
  private volatile ExpiryMode expiryMode = ExpiryMode.DELETE; // stopped world
  private volatile boolean ignoresExpiry; // stopped world
  private volatile long flushes; // stopped world
  private volatile boolean ignoresMaxmemory;
  private volatile long stillUntilMillis =
      Long.MIN_VALUE; // as nowMillis() counts; least: it doesn't
  final LocalExpiries localExpiries;

  final WalkProgress walkProgress;

  /// How many sessions wait, and are to be counted ([Condition#isCounted]).
  final AtomicInteger blockedCalls = new AtomicInteger();

  private volatile boolean ended; // written in a stopped world

  /// See [#newEra].
  int era; // stopped world

  private final ConcurrentHashMap<Long, Session> sessions = new ConcurrentHashMap<>();
  private final AtomicLong sessionIds = new AtomicLong();
  private final CopyOnWriteArrayList<Dispatcher> dispatchers = new CopyOnWriteArrayList<>();
  private final Statistics retired; // of closed dispatchers; its monitor
  private final CopyOnWriteArrayList<Consumer<Session>> closeListeners =
      new CopyOnWriteArrayList<>();
  private final CopyOnWriteArrayList<Consumer<Dispatcher>> forgetListeners =
      new CopyOnWriteArrayList<>();
  private final ConcurrentHashMap<String, LongAdder> errors = new ConcurrentHashMap<>();
  private final LongAdder errorReplies = new LongAdder();
  private final LongAdder unexpectedErrors = new LongAdder();
  private final LongAdder changes = new LongAdder(); // by the keeper
  private final Recorder expiryRecorder; // keeper's thread
  private final LongAdder expired = new LongAdder();
  private final LongAdder expiredFields = new LongAdder();

  public Engine(
      Keyspace keyspace,
      Journal journal,
      CommandTable table,
      Config config,
      Clock clock,
      Faults faults,
      Notifier notifier,
      Slow slow) {
    this.keyspace = keyspace;
    this.journal = journal;
    this.table = table;
    this.limits = new Limits(config);
    this.requests = limits.requests;
    this.heap = requests.heap;
    this.localExpiries = new LocalExpiries(heap);
    this.clock = clock;
    uncounted = new UncountedTime(clock);
    this.latency = new LatencyMonitor(limits, clock);
    this.faults = faults;
    this.notifier = notifier;
    this.slow = slow;
    this.slots = keyspace.slots();
    this.watches = new Watches(slots);
    this.tracking = new Tracking(this);
    this.held = new HeldKeys(slots);
    this.parking = new Parking(slots);
    this.outOfOrder = new OutOfOrder(slots, keyspace.world());
    this.exec = table.declared("exec");
    this.gates = new Gates(table.size(), exec);
    this.walkProgress = new WalkProgress(keyspace.walk()::overBudget);
    this.frequency = new Frequency(limits);
    this.retired = new Statistics(table.size());
    this.expiryRecorder = recorder();
  }

  /// Sets who has the libraries of functions. Before the first session.
  public void libraries(LibraryStore of) {
    libraries = of;
  }

  /// The libraries of functions, as data.
  public LibraryStore libraries() {
    return libraries;
  }

  /// Sets what sees every command from now on; null: nothing does. Any thread.
  public void onlooker(@Nullable Onlooker now) {
    onlooker = now;
  }

  /// Something changed that gates go by, for everybody: the server's role, its configuration, a
  /// pause. A call that asked its gates before, and left its seat since (to have the world stopped,
  /// say), begins again at its gates. Stopped world, or before the first session.
  public void newEra() {
    era++;
  }

  /// What gates say to single sessions has changed, as what users may do has. Begins a new era.
  /// Stopped world. (A session may be opened meanwhile by a thread that isn't seated, since a
  /// script holds it up; it sees that `changes` has moved, and looks again.)
  public void gatesChanged() {
    gates.changes++;
    for (Session session : sessions.values()) {
      session.gatesChanged();
    }
    newEra();
  }

  /// The number of eras that have begun. Seated, or a stopped world.
  public int era() {
    return era;
  }

  /// Who knows whether a script holds the server up. Any thread.
  public interface Busy {
    /// What nearly everybody is told meanwhile; null: none does, or they are to wait instead.
    @Nullable CommandError refusal();

    /// Whether none does.
    boolean isOver();

    /// That none does any more.
    Condition over();
  }

  /// Sets who knows that. Before the first session.
  public void busy(Busy asked) {
    busy = asked;
  }

  public Busy busy() {
    return busy;
  }

  /// Which sessions track which keys.
  public Tracking tracking() {
    return tracking;
  }

  // ── threads and sessions ──

  /// A dispatcher for the thread that calls; closed by it.
  public Dispatcher dispatcher() {
    Dispatcher dispatcher = new Dispatcher(this);
    dispatchers.add(dispatcher);
    return dispatcher;
  }

  void forget(Dispatcher dispatcher) {
    synchronized (retired) {
      dispatchers.remove(dispatcher);
      retired.add(dispatcher.statistics);
    }
    Reclaimer told = reclaimer;
    if (told != null) {
      told.forget(dispatcher);
    }
    for (Consumer<Dispatcher> listener : forgetListeners) {
      listener.accept(dispatcher);
    }
  }

  /// Sets what is called with each dispatcher that closes, on its thread.
  public void onForget(Consumer<Dispatcher> listener) {
    forgetListeners.add(listener);
  }

  /// A recorder for a thread that changes data without a command, such as the keeper. That thread
  /// closes it.
  public Recorder recorder() {
    return new Recorder(journal, LargeSink.NONE, pressure, this);
  }

  /// Opens a session whose commands the calling thread will run.
  public Session open(Outlet outlet) {
    return open(outlet, null);
  }

  private Session open(Outlet outlet, Session.@Nullable Owner owner) {
    Session session =
        new Session(sessionIds.incrementAndGet(), outlet, owner, gates, heap, clock.millis());
    sessions.put(session.id, session);
    return session;
  }

  /// Opens a session for what must be applied as it is: it passes no gates and no limits, and keys
  /// whose time is over are there for it ([ExpiryMode#IGNORE]).
  ///
  /// @param owner is told of its errors
  public Session openTrusted(Outlet outlet, Session.Owner owner) {
    return open(outlet, owner);
  }

  /// The session is to be closed, and counts as gone from now on: others neither see it nor send it
  /// anything. Any thread.
  public void expel(Session session) {
    session.closing = true;
    sessions.remove(session.id);
  }

  void closed(Session session) {
    sessions.remove(session.id);
    try {
      tracking.stop(session);
      for (Consumer<Session> listener : closeListeners) {
        listener.accept(session);
      }
    } finally {
      session.releaseAll();
    }
  }

  /// Sets what is called with each session that closes, on the session's own thread.
  public void onClose(Consumer<Session> listener) {
    closeListeners.add(listener);
  }

  public @Nullable Session session(long id) {
    return sessions.get(id);
  }

  public Collection<Session> sessions() {
    return sessions.values();
  }

  /// How many sessions wait, as far as they are counted ([Condition#isCounted]).
  public int blockedCalls() {
    return blockedCalls.get();
  }

  /// How many keys calls wait for.
  public int parkedKeys() {
    return parking.keys();
  }

  /// How many of them calls wait for that also run if the key goes.
  public int parkedKeysOrGone() {
    return parking.keysOrGone();
  }

  // ── expiry and eviction ──

  /// Removes an expired key, with its effect and events. Slot lock.
  ///
  /// @param running the client whose call has met it, if one has
  void expire(
      Seat seat,
      Recorder by,
      int database,
      int slot,
      Slice key,
      Place place,
      @Nullable Session running) {
    seat.values.dictionary().remove(place);
    expired.increment();
    if (journal.recording()) {
      by.effects
          .command(2)
          .add(limits.is(Settings.LAZYFREE_LAZY_EXPIRE) ? "UNLINK" : "DEL")
          .add(key);
    }
    removed(by, database, slot, key, running);
    if ((limits.notify & Events.EXPIRED) != 0) {
      notifier.event(limits.notify, "expired", database, key, by);
    }
  }

  /// Fields of a hash were deleted, since their time is over: the key goes with the last of them.
  /// With the effect and the events. Slot lock.
  ///
  /// @param fields their names
  /// @param running the client whose call has met them, if one has
  void fieldsExpired(
      Seat seat,
      Recorder by,
      int database,
      int slot,
      Slice key,
      Place place,
      List<byte[]> fields,
      @Nullable Session running) {
    expiredFields.add(fields.size());
    if (journal.recording()) {
      by.effects.command(2 + fields.size()).add("HDEL").add(key);
      fields.forEach(by.effects::add);
    }
    Dictionary dictionary = seat.values.dictionary();
    boolean isEmpty = seat.values.hashes().length(dictionary.entry(place)) == 0;
    if (isEmpty) {
      dictionary.remove(place);
      removed(by, database, slot, key, running);
    } else {
      byte flags = slots.flags(slot);
      if ((flags & Slots.WATCHERS) != 0) {
        watches.changed(database, slot, key);
      }
      if ((flags & Slots.TRACKED) != 0 || tracking.broadcasts) {
        tracking.removed(slot, key, running, by.invalidations);
      }
    }
    if ((limits.notify & Events.HASH) != 0) {
      notifier.event(limits.notify, "hexpired", database, key, by);
    }
    if (isEmpty && (limits.notify & Events.GENERIC) != 0) {
      notifier.event(limits.notify, "del", database, key, by);
    }
  }

  /// Removes a key for lack of memory, with its effect and events. Slot lock.
  public void evict(Seat seat, Recorder by, int database, int slot, Slice key, Place place) {
    remove(
        seat,
        by,
        database,
        slot,
        key,
        place,
        Settings.LAZYFREE_LAZY_EVICTION,
        Events.EVICTED,
        "evicted");
  }

  /// Deletes a key that has gone to another server, with its effect and events. Slot lock.
  public void delete(Seat seat, Recorder by, int database, int slot, Slice key, Place place) {
    remove(
        seat,
        by,
        database,
        slot,
        key,
        place,
        Settings.LAZYFREE_LAZY_SERVER_DEL,
        Events.GENERIC,
        "del");
    changes.increment();
  }

  private void remove(
      Seat seat,
      Recorder by,
      int database,
      int slot,
      Slice key,
      Place place,
      Setting<Boolean> isLazy,
      int eventClass,
      String event) {
    seat.values.dictionary().remove(place);
    if (journal.recording()) {
      by.effects.database(database);
      by.effects.command(2).add(limits.is(isLazy) ? "UNLINK" : "DEL").add(key);
    }
    removed(by, database, slot, key, null);
    if ((limits.notify & eventClass) != 0) {
      notifier.event(limits.notify, event, database, key, by);
    }
    append(by, slot);
  }

  /// The server has removed a key: breaks its watches, tells who waits there in vain, and
  /// invalidates it. Slot lock.
  private void removed(Recorder by, int database, int slot, Slice key, @Nullable Session running) {
    byte flags = slots.flags(slot);
    if ((flags & Slots.WATCHERS) != 0) {
      watches.removed(database, slot, key);
    }
    if ((flags & Slots.WAITERS) != 0) {
      parking.gone(database, key);
    }
    if ((flags & Slots.TRACKED) != 0 || tracking.broadcasts) {
      tracking.removed(slot, key, running, by.invalidations);
    }
  }

  /// Appends what was done in one slot. Slot lock.
  void append(Recorder by, int slot) {
    long position = by.append();
    if (position != 0) {
      slots.lastEffect(slot, position);
    }
  }

  /// Sets what frees memory when it is short. Called before the first session.
  public void reclaimer(Reclaimer to) {
    reclaimer = to;
  }

  /// See [Reclaimer#roomFor].
  @Nullable Condition roomFor(Call call, long bytes) {
    Reclaimer asked = reclaimer;
    return asked == null ? null : asked.roomFor(call, bytes);
  }

  /// See [Reclaimer#makeRoomNow].
  boolean makeRoomNow(Dispatcher dispatcher, long bytes, IntPredicate isSpared) {
    Reclaimer asked = reclaimer;
    return asked == null || asked.makeRoomNow(dispatcher, bytes, isSpared);
  }

  /// Calls that had to wait for a walk, since the start.
  public long delays() {
    return walkProgress.delays();
  }

  @Override
  public void walked(int slot) {
    Reclaimer told = reclaimer;
    if (told != null) {
      told.walked();
    }
    walkProgress.walked(slot);
  }

  @Override
  public void cycle(Seat seat) {
    Reclaimer told = reclaimer;
    if (told != null) {
      told.cycle(seat);
    }
    expireLocal(seat);
    journal.merge();
  }

  @Override
  public void lookedForExpired(long nanos) {
    latency.took("expire-cycle", nanos);
  }

  @Override
  public void freed() {
    Reclaimer told = reclaimer;
    if (told != null) {
      told.freed();
    }
  }

  /// What becomes of keys whose time is over; see [Call#expiryMode] for whom that doesn't concern.
  public ExpiryMode expiryMode() {
    if (ignoresExpiry) {
      return ExpiryMode.IGNORE;
    }
    return expiryMode == ExpiryMode.DELETE && isStill() ? ExpiryMode.HIDE : expiryMode;
  }

  /// Sets that for the role that the server has: DELETE on a primary, HIDE on a replica. Stopped
  /// world.
  public void expiryMode(ExpiryMode mode) {
    expiryMode = mode;
    if (mode == ExpiryMode.DELETE) {
      localExpiries.clear(); // the keeper sees to all keys
    }
  }

  /// While this is on, keys expire for nobody, as data is loaded. Stopped world.
  public void ignoreExpiry(boolean on) {
    ignoresExpiry = on;
  }

  /// Has nothing expire and nothing evicted until then, as clients are paused. Any thread.
  ///
  /// @param millis as [#nowMillis] counts; the least there is: it goes on now
  public void holdStill(long millis) {
    stillUntilMillis = millis;
  }

  private boolean isStill() {
    long until = stillUntilMillis;
    return until != Long.MIN_VALUE && nowMillis() < until;
  }

  /// Milliseconds since some moment, by a clock that nobody sets. Any thread.
  public long nowMillis() {
    return clock.nanos() / 1_000_000;
  }

  /// Sets whether `maxmemory` is of no concern, as on a replica: its primary evicts. Any thread.
  public void ignoreMaxmemory(boolean on) {
    ignoresMaxmemory = on;
  }

  /// Whether keys may be evicted, and calls refused, for lack of memory. Not while data is loaded:
  /// half of it would go, as it came.
  public boolean heedsMaxmemory() {
    return !ignoresMaxmemory && !loading && !isStill();
  }

  /// Whether clients' keys that expire are to be remembered: see [LocalExpiries].
  boolean notesExpiries() {
    return expiryMode == ExpiryMode.HIDE;
  }

  /// How many keys of a writable replica's own clients are remembered, as they expire.
  public int localExpiries() {
    return localExpiries.count();
  }

  /// Removes keys of a writable replica's own clients whose time is over. The keeper's thread.
  private void expireLocal(Seat seat) {
    LocalExpiries.Due due;
    while ((due = localExpiries.takeDue(clock.millis())) != null) {
      seat.enter();
      try {
        expireLocal(seat, due);
      } finally {
        seat.leave();
      }
    }
  }

  private void expireLocal(Seat seat, LocalExpiries.Due due) {
    int slot = KeySlot.of(due.key());
    seat.lock(slot);
    try {
      long header = keyspace.database(due.database()).header(slot);
      Dictionary dictionary = seat.values.dictionary();
      Place place = new Place();
      place.in(due.database(), slot);
      if (header != 0
          && expiryMode() == ExpiryMode.HIDE
          && dictionary.find(header, dictionary.hash(due.key()), due.key(), place)
          && Entry.isOver(seat.values.memory(), place.entry, clock.millis())) {
        expiryRecorder.effects.database(due.database());
        expire(seat, expiryRecorder, due.database(), slot, due.key(), place, null);
        append(expiryRecorder, slot);
        changes.increment();
      }
    } finally {
      seat.unlock(slot);
    }
  }

  /// Nothing changes any more: neither calls run nor do keys expire, so what was saved in the same
  /// stopped world is all that there is, here and at replicas.
  public void ends() {
    ended = true;
    newEra();
  }

  @Override
  public boolean expires() {
    return !ended && expiryMode() == ExpiryMode.DELETE;
  }

  @Override
  public boolean expired(Seat seat, int database, int slot, Place place) {
    if (!expires()) {
      return false;
    }
    Memory memory = seat.values.memory();
    byte[] name = new byte[Entry.keyLength(memory, place.entry)];
    memory.copyOut(Entry.keyAddress(memory, place.entry), name, 0, name.length);
    expiryRecorder.effects.database(database);
    long now = clock.millis();
    Slice key = new Slice(name);
    if (Entry.isOver(memory, place.entry, now)) {
      expire(seat, expiryRecorder, database, slot, key, place, null);
    } else {
      List<byte[]> fields = seat.values.hashes().expire(place, now, FIELDS_AT_A_TIME);
      if (fields.isEmpty()) {
        return false; // the clock was set back
      }
      fieldsExpired(seat, expiryRecorder, database, slot, key, place, fields, null);
    }
    append(expiryRecorder, slot);
    changes.increment();
    return true;
  }

  // ── databases as a whole ──

  /// Empties a database (its watched keys change). Stopped world. Returns how many keys it had.
  public long flush(Dispatcher by, int database, boolean later) {
    tracking.flushed(by.client(), by.recorder.invalidations);
    return empty(by, database, later);
  }

  /// How often a database was emptied: grows before its keys go.
  public long flushes() {
    return flushes;
  }

  private long empty(Dispatcher by, int database, boolean later) {
    flushes = flushes + 1;
    watches.touchAll(database, watch -> changes(by, watch, database, -1));
    return keyspace.flush(by.seat(), database, later);
  }

  /// Hears that FLUSHALL has emptied all databases. Stopped world.
  public interface FlushListener {
    /// @param changes that the call counts, once it is over
    void flushed(Seat seat, long changes);
  }

  /// Who hears of FLUSHALL. Before the first session.
  public void onFlushAll(FlushListener listener) {
    flushListener = listener;
  }

  void flushedAll(Seat seat, long changes) {
    flushListener.flushed(seat, changes);
  }

  /// Empties all databases, as [#flush] does one, without a command. Stopped world.
  public void flushAll(Dispatcher by, boolean later) {
    parking.allGone();
    emptyAll(by, later);
  }

  /// The same for a command. Returns how many keys there were.
  long emptyAll(Dispatcher by, boolean later) {
    localExpiries.clear();
    tracking.flushed(by.client(), by.recorder.invalidations);
    long removed = 0;
    for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
      removed += empty(by, number, later);
    }
    return removed;
  }

  /// All data gives way to that of databases that nobody else knows. Stopped world.
  public void replaceAll(Dispatcher by, Map<Integer, Database> filled) {
    held.allChanged();
    flushAll(by, true);
    keyspace.adopt(filled);
  }

  /// Exchanges two databases, breaks watches of their keys and wakes calls that wait for them.
  /// Stopped world.
  public void swap(Dispatcher by, int a, int b) {
    held.allChanged();
    watches.touchAll(a, watch -> changes(by, watch, a, b));
    watches.touchAll(b, watch -> changes(by, watch, b, a));
    keyspace.swap(a, b);
    by.swapped();
    by.readyAll(a);
    by.readyAll(b);
  }

  /// Whether the watched key changes when the contents of database `from` give way to those of `to`
  /// (-1: to nothing). A key whose time is over counts as absent.
  private boolean changes(Dispatcher by, Watches.Watch watch, int from, int to) {
    Seat seat = by.seat();
    long before = find(seat, from, watch);
    long after = to < 0 ? 0 : find(seat, to, watch);
    if (before == 0 && after == 0) {
      return false;
    }
    boolean afterIsStale = after != 0 && Entry.isOver(seat.values.memory(), after, by.now());
    if (watch.expired) {
      if (after == 0) {
        watch.expired = false;
        return false;
      }
      return !afterIsStale;
    }
    if (before == 0 && afterIsStale) {
      watch.expired = true;
      return false;
    }
    return true;
  }

  private long find(Seat seat, int database, Watches.Watch watch) {
    long header = keyspace.database(database).header(watch.slot);
    if (header == 0) {
      return 0;
    }
    Slice key = new Slice(watch.key);
    Place place = new Place();
    seat.values.dictionary().find(header, seat.values.dictionary().hash(key), key, place);
    return place.entry;
  }

  /// Changes since the server started or was last saved.
  public long changes() {
    return changes.sum() + count(Count.CHANGES);
  }

  @Override
  public void failed(Throwable bug) {
    faults.bug("in the background", bug);
  }

  void countError(String code) {
    errorReplies.increment();
    LongAdder count = errors.get(code);
    if (count == null) {
      if (errors.size() >= 128) {
        return;
      }
      count = errors.computeIfAbsent(code, c -> new LongAdder());
    }
    count.increment();
  }

  /// Error replies by their code.
  public Map<String, LongAdder> errors() {
    return errors;
  }

  public long errorReplies() {
    return errorReplies.sum();
  }

  /// How many errors replicas, and this server's primary, were the cause of.
  public long unexpectedErrors() {
    return unexpectedErrors.sum();
  }

  /// What a replica, or this server's primary, said has an error for a reply, which it never reads.
  /// Any thread.
  public void unexpectedError(boolean toReplica, @Nullable Command command, String error) {
    unexpectedErrors.increment();
    faults.unexpectedError(toReplica, command, error);
  }

  /// What a replica said has a reply, which would stand in the midst of its stream: it isn't
  /// written, and the connection closes. The session's own thread.
  ///
  /// @param error what it says, if it is an error
  public void repliedToReplica(Session session, @Nullable String error) {
    faults.repliedToReplica(session);
    if (error != null) {
      unexpectedError(true, session.lastCommand, error);
    }
    session.closing = true;
    session.outlet.kill();
  }

  public long expiredKeys() {
    return expired.sum();
  }

  /// How many fields of hashes.
  public long expiredFields() {
    return expiredFields.sum();
  }

  /// What is counted per dispatcher, summed over all.
  public enum Count {
    COMMANDS,
    CHANGES,
    HITS,
    MISSES
  }

  public long count(Count what) {
    return switch (what) {
      case COMMANDS -> sum(statistics -> statistics.commands);
      case CHANGES -> sum(statistics -> statistics.changes);
      case HITS -> sum(statistics -> statistics.hits);
      case MISSES -> sum(statistics -> statistics.misses);
    };
  }

  private long sum(ToLongFunction<Statistics> what) {
    synchronized (retired) {
      long sum = what.applyAsLong(retired);
      for (Dispatcher dispatcher : dispatchers) {
        sum += what.applyAsLong(dispatcher.statistics);
      }
      return sum;
    }
  }

  private Statistics statistics() {
    Statistics all = new Statistics(table.size());
    synchronized (retired) {
      all.add(retired);
      for (Dispatcher dispatcher : dispatchers) {
        all.add(dispatcher.statistics);
      }
    }
    return all;
  }

  /// Statistics of each command, by [Command#index]: calls, microseconds, rejected, failed.
  public long[][] commandStatistics() {
    Statistics all = statistics();
    long[][] rows = new long[table.size()][];
    for (int i = 0; i < rows.length; i++) {
      long micros = all.estimatedNanos(i) / 1000;
      rows[i] = new long[] {all.calls[i], micros, all.rejected[i], all.failed[i]};
    }
    return rows;
  }

  /// How long calls of each command took, as far as any were timed; in the order of the table.
  public Map<Command, Durations> durations() {
    Statistics all = statistics();
    Map<Command, Durations> found = new LinkedHashMap<>();
    for (Command command : table) {
      putDurations(command, all, found);
      for (Command sub : command.subcommands()) {
        putDurations(sub, all, found);
      }
    }
    return found;
  }

  private static void putDurations(Command command, Statistics all, Map<Command, Durations> found) {
    Durations of = all.durations[command.index];
    if (of != null) {
      found.put(command, of);
    }
  }

  /// What took long.
  public LatencyMonitor latency() {
    return latency;
  }

  /// CONFIG RESETSTAT. Stopped world.
  public void resetStatistics() {
    synchronized (retired) {
      retired.reset();
      for (Dispatcher dispatcher : dispatchers) {
        dispatcher.statistics.reset();
      }
    }
    errors.clear();
    errorReplies.reset();
    unexpectedErrors.reset();
    expired.reset();
    expiredFields.reset();
    keyspace.snapshots().forgetCounts();
    keyspace.keeper().forgetCounts();
  }
}
