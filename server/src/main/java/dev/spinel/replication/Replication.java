package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.IoReason;
import dev.spinel.config.ReplicaOf;
import dev.spinel.config.Settings;
import dev.spinel.engine.Command;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Recorder;
import dev.spinel.engine.Session;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.peer.Address;
import dev.spinel.peer.Peers;
import dev.spinel.persist.Persistence;
import dev.spinel.persist.Replacement;
import dev.spinel.persist.StreamFacts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// The replication of one server: the shell around its [ReplicationMachine].
///
/// **Threads.** Whoever has news tells it ([#tell]) on its own thread: it takes the machine's lock,
/// has the machine take its step, and performs the actions, each of which is short or a message to
/// the thread that owns what it concerns. Nobody who holds that lock waits for anything.
///
/// Some steps and actions need a stopped world: they change the role, or who reads the journal, or
/// they end a stream that is being applied. If the teller has none, events and actions stay where
/// they are, in order, until one who has comes by: a command that is global, or the thread of
/// [StreamApplier], which is asked to.
///
/// ```
///   clients' loops   REPLICAOF, PSYNC (stopped world), REPLCONF ──► tell ┐            ┌─► ReplicaFeed: a replica's connection, its own loop
///   links' thread    bytes of the primary, timers ────────────────► tell ┼─► machine ─┼─► PrimaryLink: the links' thread
///   spinel-replica   applied, link ended, stream failed ──────────► tell ┤  (lock)    ├─► StreamApplier, CopyLoader: a thread each
///   spinel-copy      loaded, failed ──────────────────────────────► tell ┤            └─► FullSync: the snapshots' thread
///   snapshots        the cut, the end ─────────────────► events, drained later ┘
/// ```
///
/// **What holds in every stopped world**: the data is that of the stream at [#offset]. A primary's
/// effects have their place in the stream before their slots are unlocked, and so have the bytes of
/// a command that a replica applies ([dev.spinel.engine.Applier]). So the cut of a snapshot, a
/// change of the role and the end of a stream each know exactly where they are.
///
/// Decisions: `docs/adr/038-a-shell-of-few-threads.md`.
public final class Replication implements AutoCloseable {
  /// Hears that the role changes. In a stopped world, before the new era begins.
  public interface RoleListener {
    void changed(Dispatcher by, Standing now);
  }

  /// Hears that lines of the log are a replica's from now on, or a primary's. Under the lock.
  public interface LogsAsListener {
    void logsAs(boolean replica);
  }

  /// Hears that writes of clients are to wait (FAILOVER), in a stopped world, or to go on, on any
  /// thread.
  public interface PauseListener {
    void paused(boolean on);
  }

  /// Longer than any time.
  public static final long NEVER = Long.MAX_VALUE / 2;

  private static final long NOBODY = -1;
  private static final long SECOND_MILLIS = 1000;

  /// So much of what the primary sends may wait for a stopped world: a script may run for long.
  private static final long WAITING_BYTES_MOST = 4 << 20;

  private static final byte[] GETACK =
      "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n".getBytes(StandardCharsets.US_ASCII);

  /// So far the stream was applied when the journal was there.
  private record Mark(long position, long offset) {}

  private final Engine engine;
  private final Persistence persistence;
  private final Config config;
  private final ConfigLog log;
  private final PeerThread thread;
  private final NativeChunks chunks = new NativeChunks();
  private final Replacement replacement;
  private final PrimaryLink link;
  private final StreamApplier applier;
  private final CopyLoader loader;
  private final ReplicationMachine machine; // lock
  private final List<RoleListener> roleListeners = new CopyOnWriteArrayList<>();
  private LogsAsListener logsAs = replica -> {}; // before the start
  private BooleanSupplier standsStill = () -> false; // before the start
  private final List<PauseListener> pauseListeners = new CopyOnWriteArrayList<>();
  private final List<Runnable> standingListeners = new CopyOnWriteArrayList<>();
  private final ConcurrentHashMap<Long, ReplicaFeed> feeds = new ConcurrentHashMap<>(); // by client
  private final ArrayDeque<Mark> unsynced = new ArrayDeque<>(); // its monitor

  private final LongAdder received = new LongAdder();
  private final LongAdder sent = new LongAdder();
  private final long beganMillis;
  private final long beganNanos;

  private final ReentrantLock lock = new ReentrantLock();
  private final ArrayDeque<ReplicationEvent> events = new ArrayDeque<>(); // lock
  private final ArrayDeque<ReplicationAction> actions =
      new ArrayDeque<>(); // of the last step; lock
  private @Nullable ReplicationEvent stepped; // whose actions those are; lock
  private final LinkedHashSet<ReplicaFeed> toDeliver = new LinkedHashSet<>(); // lock
  private final Recorder recorder; // lock
  private ReplicationPolicy policy; // lock
  private ReplicationEvent.Save otherSave = ReplicationEvent.Save.NONE; // as last told; lock
  private volatile @Nullable FullSync sync; // begun or under way; lock
  private int nextDatabase; // that a stream behind the next offset means; lock
  private @Nullable Dispatcher stepsIn; // whose stopped world the step is taken in; lock
  private boolean isDraining; // lock
  private long waitingBytes; // of the primary, in `events`; lock
  private boolean isBehind; // the link is paused for that; lock
  private boolean isAwake; // lock
  private boolean isStarted; // lock
  private boolean hasBegun; // the machine knows whom it follows; lock
  private @Nullable Address clustersPrimary; // for the start; lock, before that
  private volatile BooleanSupplier isClustersReplica = () -> false; // before the start

  private volatile @Nullable Backlog backlog; // stopped world
  private volatile long offsetWithout; // a backlog; stopped world
  private volatile @Nullable String known; // the id of the data's history, if it is known
  private volatile Standing standing;

  private volatile boolean isClosed;

  /// @param thread where links to other servers live
  public Replication(
      Engine engine, Persistence persistence, Config config, ConfigLog log, PeerThread thread) {
    this.engine = engine;
    this.persistence = persistence;
    this.config = config;
    this.log = log;
    this.thread = thread;
    beganMillis = engine.clock.millis();
    beganNanos = engine.clock.nanos();
    replacement = persistence.replacement();
    link = new PrimaryLink(thread, new LinkEvents());
    applier =
        new StreamApplier(
            engine, new StreamEvents(), persistence::unwrittenBytes, persistence::isEnding);
    loader = new CopyLoader(engine, replacement, new CopyEvents());
    recorder = engine.recorder();
    policy = ReplicationPolicy.of(config);
    machine =
        new ReplicationMachine(
            policy,
            new ReplicationMachine.Offsets() {
              @Override
              public long last() {
                Backlog now = backlog;
                return now == null ? offsetWithout : now.last();
              }

              @Override
              public long first() {
                return firstKept();
              }

              @Override
              public boolean isEmpty() {
                return engine.keyspace.nextUsed(0) < 0;
              }

              @Override
              public long keys(int database) {
                return countKeys(database);
              }
            },
            Replication::newId);
    machine.step(now(), new ReplicationEvent.Second()); // the first PING comes later
    standing = standingNow();
    engine.onClose(this::closed);
    persistence.stream(this::facts);
    persistence.replicaIf(() -> standing.isReplica() || isClustersReplica.getAsBoolean());
    persistence.onSynced(this::synced);
  }

  /// Keys of a database, or of all (-1). Stopped world.
  private long countKeys(int database) {
    Seat seat = Objects.requireNonNull(stepsIn).seat();
    Keyspace keyspace = engine.keyspace;
    long sum = 0;
    for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
      if (database < 0 || number == database) {
        sum += keyspace.database(number).size(seat);
      }
    }
    return sum;
  }

  private static String newId() {
    byte[] id = new byte[20];
    new SecureRandom().nextBytes(id);
    return HexFormat.of().formatHex(id);
  }

  /// This server is a replica in its cluster: it follows this primary once its data is loaded.
  /// Before that.
  public void startsWith(Address primary) {
    lock.lock();
    try {
      clustersPrimary = primary;
      publish();
    } finally {
      lock.unlock();
    }
  }

  /// Has `asked` say whether this server is a replica in its cluster, be it of one whose address
  /// isn't known. Any thread asks. Before the start.
  public void replicaIf(BooleanSupplier asked) {
    isClustersReplica = asked;
  }

  /// The primary that the configuration, or the cluster, names for the start, or null.
  private @Nullable Address firstPrimary() {
    ReplicaOf named = config.get(Settings.REPLICAOF);
    return named.isNone() ? clustersPrimary : new Address(named.host(), named.port());
  }

  /// Begins as the configuration, the cluster and what was loaded say. Once the data is loaded.
  public void start() {
    Address primary;
    lock.lock();
    try {
      if (isStarted) {
        return;
      }
      isStarted = true;
      primary = firstPrimary();
    } finally {
      lock.unlock();
    }
    StreamFacts facts = config.get(Settings.APPENDONLY) ? null : persistence.loadedFacts();
    boolean wasCutOff = replacement.isIncomplete();
    if (wasCutOff) {
      facts = null;
      log.log(
          '#',
          "The data of this server isn't complete: it was discarded for a copy of its primary's,"
              + " which didn't come to its end. No failover promotes this server before it has one;"
              + " REPLICAOF NO ONE accepts the data as it is.");
    }
    boolean isComplete = !wasCutOff && (primary == null || persistence.hasLoaded());
    if (primary == null && facts == null && isComplete) {
      return;
    }
    nextDatabase = facts == null ? 0 : facts.database();
    ReplicationEvent.Started started =
        facts == null
            ? new ReplicationEvent.Started(primary, "", -1, isComplete)
            : new ReplicationEvent.Started(primary, facts.id(), facts.offset(), isComplete);
    try (Dispatcher dispatcher = engine.dispatcher()) {
      dispatcher.turnBegins();
      try {
        engine.keyspace.world().stop(dispatcher.seat(), () -> begin(started, dispatcher));
      } finally {
        dispatcher.turnEnds();
      }
    }
  }

  private void begin(ReplicationEvent.Started started, Dispatcher stopped) {
    lock.lock();
    try {
      hasBegun = true;
      tell(started, stopped);
      if (started.primary() == null && backlog != null) {
        byte[] deletions = persistence.loadedDeletions();
        if (deletions.length > 0) {
          feed(deletions);
          engine.journal.selectAnew(Journal.REPLICAS);
        }
      }
      publish();
    } finally {
      lock.unlock();
    }
  }

  // ── for commands, gates and INFO ──

  /// The time that all of [Standing] is told in: milliseconds since 1970 as they were when this
  /// server began, and counted from there. If the system's clock is set, here nothing jumps: no
  /// link times out, and no wait lasts longer. Any thread.
  public long now() {
    return beganMillis + (engine.clock.nanos() - beganNanos) / 1_000_000;
  }

  /// How many milliseconds [#now] has left out since then.
  private long uncounted(long sinceMillis) {
    return engine.uncounted.millisSince(beganNanos + (sinceMillis - beganMillis) * 1_000_000);
  }

  /// Replicas that acknowledged something within so many seconds, those of a sleep included: other
  /// servers may have taken over meanwhile. Any thread.
  ///
  /// @param millis of the system's clock, a moment ago; 0: the caller hasn't looked at it
  int goodReplicas(Standing at, long millis, long maxLagSeconds) {
    long nanos = engine.clock.nanos();
    engine.uncounted.look(millis, nanos);
    long seconds = (beganMillis + (nanos - beganNanos) / 1_000_000) / 1000;
    return at.goodReplicas(seconds, maxLagSeconds, since -> uncounted(since * 1000) / 1000);
  }

  /// For how many milliseconds nothing has come of the primary, those of a sleep included: it may
  /// have gone on meanwhile. [#NEVER]: nothing ever came. Any thread.
  public long primarySilenceMillis() {
    engine.uncounted.look();
    Standing.Link now = standing.link();
    long since = now.isUp() ? now.lastIoSeconds() * 1000 : now.downSinceMillis();
    return since < 0 ? NEVER : Math.max(0, now() - since) + uncounted(since);
  }

  /// Runs once all that was told so far of the copy, as that it isn't complete, is noted on the
  /// disk, on a thread of its own; never, if that fails. Any thread.
  public void onceNoted(Runnable then) {
    loader.onceNoted(then);
  }

  /// What there is to see of it. Any thread.
  public Standing standing() {
    return standing;
  }

  /// Something has happened. Any thread, seated or not, under no slot's lock; not in a stopped
  /// world. What is to be said to the client that the event concerns is in its output when this
  /// returns, if this is the client's own thread and the machine needs no stopped world.
  public void tell(ReplicationEvent event) {
    tell(event, null);
  }

  /// The same in a stopped world: all that follows from the event is done when this returns; the
  /// role, ids and gates are the new ones.
  ///
  /// @param stopped whose seat has the world stand still
  public void tell(ReplicationEvent event, @Nullable Dispatcher stopped) {
    long client = clientOf(event);
    lock.lock();
    try {
      if (isClosed) {
        return;
      }
      wake(event);
      before(event);
      events.add(event);
      waitingBytes += bytesOf(event);
      drainAndDeliver(stopped, client);
    } finally {
      lock.unlock();
    }
    ReplicaFeed own = client == NOBODY ? null : feeds.get(client);
    if (own != null) {
      own.deliver(true);
    }
  }

  private static long bytesOf(ReplicationEvent event) {
    return event instanceof ReplicationEvent.Received some ? some.to() - some.from() : 0;
  }

  /// The client on whose thread the event is told.
  private static long clientOf(ReplicationEvent event) {
    return switch (event) {
      case ReplicationEvent.Conf conf -> conf.replica();
      case ReplicationEvent.Sync sync -> sync.replica();
      case ReplicationEvent.Psync psync -> psync.replica();
      case ReplicationEvent.FailoverAsked asked -> asked.client();
      case ReplicationEvent.FailoverAborted aborted -> aborted.client();
      default -> NOBODY;
    };
  }

  /// Has `listener` told of changes of the role. Before the start.
  public void onRole(RoleListener listener) {
    roleListeners.add(listener);
  }

  /// Has `listener` told whose lines those of the log are. Before the start.
  public void onLogsAs(LogsAsListener listener) {
    logsAs = listener;
  }

  /// Has `listener` told of each new [Standing], by whoever brings it about: it does next to
  /// nothing. Before the start.
  public void onStanding(Runnable listener) {
    standingListeners.add(listener);
  }

  /// While `condition` says so, the stream has no heartbeats: a replica waits for its end. Before
  /// the start. (It has none, either, once the data was saved for the end.)
  public void holdHeartbeatsWhile(BooleanSupplier condition) {
    standsStill = condition;
  }

  /// Has `listener` told when writes are to wait. Before the start.
  public void onPauseWrites(PauseListener listener) {
    pauseListeners.add(listener);
  }

  /// The offset of the stream, all that was appended so far included: what WAIT waits for. Any
  /// thread.
  public long offset() {
    Backlog now = backlog;
    if (now == null) {
      return offsetWithout;
    }
    engine.journal.offset(Journal.REPLICAS); // has everything handed over
    return now.last();
  }

  /// The first byte that the backlog still has, or the one behind [#offset] if it has none. Any
  /// thread.
  public long firstKept() {
    Backlog now = backlog;
    return now == null ? offsetWithout + 1 : now.first();
  }

  /// The offset of the stream behind all that was appended up to a position of the journal, or a
  /// somewhat later one. Any thread.
  public long offsetOf(long position) {
    long offset = streamedOffset(position);
    return offset < 0 ? offset() : offset;
  }

  /// The same; -1: not all of that is in the stream yet, or there is none.
  long streamedOffset(long position) {
    Backlog now = backlog;
    return now == null ? -1 : now.offsetOf(position);
  }

  /// Asks all replicas to acknowledge what they have (REPLCONF GETACK), by the stream, which gets
  /// nothing more once the data was saved for the end. Any thread.
  public void askForAcks() {
    lock.lock();
    try {
      if (!standing.isReplica() && !standing.replicas().isEmpty() && !persistence.isEnding()) {
        feed(GETACK);
      }
    } finally {
      lock.unlock();
    }
  }

  /// Runs something on the links' thread, under no lock. Any thread.
  void soon(Runnable action) {
    thread.post(action);
  }

  /// Bytes of a full synchronization that wait for replicas in memory. Any thread.
  long syncMemoryBytes() {
    FullSync now = sync;
    return now == null ? 0 : now.heldBytes();
  }

  /// Bytes of it that wait on the disk. Any thread.
  long syncDiskBytes() {
    FullSync now = sync;
    return now == null ? 0 : now.diskBytes();
  }

  /// Bytes that have come from primaries, of their data and their streams, since the start. Any
  /// thread.
  public long receivedBytes() {
    return received.sum();
  }

  /// Bytes that replicas were sent, likewise. Any thread.
  public long sentBytes() {
    return sent.sum();
  }

  /// Bytes of memory that the backlog takes, outside the data's.
  public long backlogBytes() {
    Backlog now = backlog;
    return now == null ? 0 : now.heldBytes();
  }

  // ── the machine: all under the lock ──

  /// The first event that isn't about this server alone has the seconds counted.
  private void wake(ReplicationEvent event) {
    boolean isQuiet =
        event instanceof ReplicationEvent.Configured
            || event instanceof ReplicationEvent.IdDoubted
            || event instanceof ReplicationEvent.ReplicaGone;
    if (!isAwake && !isQuiet) {
      isAwake = true;
      events.add(new ReplicationEvent.Second()); // the first PING comes after a whole period
      thread.post(this::scheduleSecond);
    }
  }

  /// What the machine is to know before.
  private void before(ReplicationEvent event) {
    switch (event) {
      case ReplicationEvent.AckAsked _ -> {
        tellApplied(applier.applied());
        tellSynced();
      }
      case ReplicationEvent.Second _, ReplicationEvent.Psync _, ReplicationEvent.Sync _ -> {
        tellSynced();
        ReplicationEvent.Save now =
            switch (persistence.work()) {
              case NONE -> ReplicationEvent.Save.NONE;
              case SAVE -> ReplicationEvent.Save.RDB;
              case REWRITE -> ReplicationEvent.Save.OTHER;
            };
        if (now != otherSave) {
          otherSave = now;
          events.add(new ReplicationEvent.SaveRuns(now));
        }
      }
      case ReplicationEvent.Configured configured -> {
        policy = configured.policy();
        Backlog kept = backlog;
        if (kept != null) {
          kept.resize(policy.backlogBytes());
        }
        feeds.values().forEach(feed -> feed.limit(mostBehind()));
      }
      default -> {}
    }
  }

  private void tellApplied(long offset) {
    if (offset >= 0) {
      events.add(new ReplicationEvent.Applied(offset));
    }
  }

  private void drainAndDeliver(@Nullable Dispatcher stopped, long client) {
    if (isDraining) {
      return; // from within an action: whoever performs it goes on with this
    }
    isDraining = true;
    try {
      drain(stopped);
    } finally {
      isDraining = false;
      if (isBehind ? waitingBytes == 0 : waitingBytes > WAITING_BYTES_MOST) {
        isBehind = !isBehind;
        link.behind(isBehind);
      }
      for (ReplicaFeed feed : toDeliver) {
        if (feed.client() != client) {
          feed.deliver(false);
        }
      }
      toDeliver.clear();
    }
  }

  private void drain(@Nullable Dispatcher stopped) {
    if (stopped != null) {
      engine.journal.offset(Journal.REPLICAS); // has everything handed over
    }
    while (true) {
      for (ReplicationAction next; (next = actions.peek()) != null; ) {
        if (stopped == null && needsStop(next)) {
          applier.stopWorld(this::goOn);
          return;
        }
        actions.remove();
        perform(next, stopped);
      }
      ReplicationEvent done = stepped;
      if (done != null) {
        stepped = null;
        after(done);
        publish();
      }
      ReplicationEvent event = events.peek();
      if (event == null) {
        return;
      }
      long millis = now();
      if (mayEndStream(event)) {
        if (stopped == null) {
          applier.stopWorld(this::goOn);
          return;
        }
        machine.step(millis, new ReplicationEvent.Applied(applier.applied()));
      }
      events.remove();
      waitingBytes -= bytesOf(event);
      stepsIn = stopped;
      actions.addAll(machine.step(millis, event));
      stepsIn = null;
      stepped = event;
    }
  }

  /// Whoever is asked to has stopped the world.
  private void goOn(Dispatcher stopped) {
    lock.lock();
    try {
      drainAndDeliver(stopped, NOBODY);
    } finally {
      lock.unlock();
    }
  }

  /// Some events are told, and what follows from them is done soon.
  private void drainLater() {
    thread.post(
        () -> {
          lock.lock();
          try {
            drainAndDeliver(null, NOBODY);
          } finally {
            lock.unlock();
          }
        });
  }

  /// A server that is going to follow a primary is its replica while its data is loaded, too.
  private Standing standingNow() {
    Standing now = Standing.of(machine);
    Address primary = hasBegun ? null : firstPrimary();
    return primary == null ? now : now.beforeFollowing(primary);
  }

  private void publish() {
    standing = standingNow();
    known =
        machine.hasBacklog() && machine.replicaSide().isComplete() ? machine.history().id() : null;
    standingListeners.forEach(Runnable::run);
  }

  private static boolean needsStop(ReplicationAction action) {
    return switch (action) {
      case ReplicationAction.SetOffset _,
          ReplicationAction.Role _,
          ReplicationAction.CreateBacklog _,
          ReplicationAction.FreeBacklog _,
          ReplicationAction.Swap _ ->
          true;
      case ReplicationAction.PauseWrites pause -> pause.paused();
      default -> false;
    };
  }

  /// Whether the machine may give up the stream that is being applied: then it has to know exactly
  /// how far that is, and nothing more of it may be applied. (If the link ends it is told when all
  /// is applied.)
  private boolean mayEndStream(ReplicationEvent event) {
    if (!applier.isActive()) {
      return false;
    }
    return switch (event) {
      case ReplicationEvent.PrimaryNamed _,
          ReplicationEvent.PromotionAsked _,
          ReplicationEvent.FailoverAborted _ ->
          true;
      case ReplicationEvent.Psync psync -> psync.successor() != null;
      case ReplicationEvent.Second _ ->
          now() / 1000 - machine.replicaSide().lastIoSeconds() > policy.timeoutSeconds();
      default -> false;
    };
  }

  /// What the event's actions were needed for, and nobody needs any more.
  private void after(ReplicationEvent event) {
    FullSync now = sync;
    if (now == null) {
      return;
    }
    if (event instanceof ReplicationEvent.SyncBegan) {
      now.isJoined();
      unpin(now);
    } else if (event instanceof ReplicationEvent.SyncEnded
        || event instanceof ReplicationEvent.SyncRefused) {
      sync = null;
      unpin(now);
      now.letGo();
    }
  }

  private static void unpin(FullSync of) {
    Backlog.Cursor pin = of.pin;
    of.pin = null;
    if (pin != null) {
      pin.close();
    }
  }

  // ── actions ──

  private void perform(ReplicationAction action, @Nullable Dispatcher stopped) {
    switch (action) {
      case ReplicationAction.Log line ->
          log.log(line.level() == ReplicationAction.Level.WARNING ? '#' : '*', line.text());
      case ReplicationAction.LogAs as -> logsAs.logsAs(as.replica());
      case ReplicationAction.Dial dial ->
          link.dial(
              dial.attempt(),
              dial.primary(),
              new Peers.Dialling(
                  0, config.text(Settings.BIND_SOURCE_ADDR), config.get(Settings.TLS_REPLICATION)));
      case ReplicationAction.HangUp end -> link.hangUp(end.reason());
      case ReplicationAction.Send send -> link.send(send.bytes());
      case ReplicationAction.Pause _ -> link.hold(true);
      case ReplicationAction.Resume _ -> link.hold(false);
      case ReplicationAction.PayloadBegins begins -> loader.begin(begins.bytes());
      case ReplicationAction.Payload piece -> {
        received.add(piece.to() - piece.from());
        loader.piece(piece.bytes(), piece.from(), piece.to());
      }
      case ReplicationAction.PayloadEnds _ -> loader.end();
      case ReplicationAction.PayloadDropped _ -> loader.drop();
      case ReplicationAction.CopyComplete copy -> loader.mark(copy.complete());
      case ReplicationAction.Load load -> loader.load(load.way());
      case ReplicationAction.StopWorld _ -> loader.stopWorld();
      case ReplicationAction.Apply apply -> {
        received.add(apply.to() - apply.from());
        applier.apply(
            apply.offset(), apply.bytes(), apply.from(), apply.to(), link.remote(), link.local());
      }
      case ReplicationAction.ForgetStream _ -> {
        applier.forget();
        if (stopped != null) {
          engine.newEra(); // a command that has left its seat isn't run any more
        }
      }
      case ReplicationAction.PauseWrites pause ->
          pauseListeners.forEach(listener -> listener.paused(pause.paused()));
      case ReplicationAction.Feed feed -> {
        if (!standsStill.getAsBoolean() && !persistence.isEnding()) {
          feed(feed.text().getBytes(StandardCharsets.ISO_8859_1));
        }
      }
      case ReplicationAction.SelectAnew _ -> engine.journal.selectAnew(Journal.REPLICAS);
      case ReplicationAction.BeginSync begin -> beginSync(begin);
      case ReplicationAction.AbandonSync _ -> abandonSync();
      case ReplicationAction.Swap _ -> loader.swap(Objects.requireNonNull(stopped));
      case ReplicationAction.SetOffset _,
          ReplicationAction.Role _,
          ReplicationAction.CreateBacklog _,
          ReplicationAction.FreeBacklog _ ->
          performStopped(action, Objects.requireNonNull(stopped));
      case ReplicationAction.Reply _,
          ReplicationAction.Misplaced _,
          ReplicationAction.Keep _,
          ReplicationAction.JoinSync _,
          ReplicationAction.SendFile _,
          ReplicationAction.Stream _,
          ReplicationAction.Drop _ ->
          performForReplica(action);
    }
  }

  private void performStopped(ReplicationAction action, Dispatcher stopped) {
    Journal journal = engine.journal;
    switch (action) {
      case ReplicationAction.SetOffset set -> {
        synchronized (unsynced) {
          unsynced.clear(); // offsets of another stream
        }
        offsetWithout = set.offset();
        applier.database(nextDatabase);
        nextDatabase = 0;
      }
      case ReplicationAction.Role role -> {
        if (!role.replica()) {
          applier.database(0);
        }
        journal.relays(role.replica());
        Standing now = Standing.of(machine);
        standing = now;
        roleListeners.forEach(listener -> listener.changed(stopped, now));
        engine.newEra();
      }
      case ReplicationAction.CreateBacklog _ -> {
        Backlog made = new Backlog(offsetWithout, policy.backlogBytes(), chunks);
        made.onAppended(this::appended);
        made.onGap(
            () ->
                thread.post(
                    () ->
                        log.log(
                            '#',
                            "There is no memory for what replicas are sent: they are disconnected,"
                                + " and have to copy all data anew.")));
        journal.attach(Journal.REPLICAS, made);
        backlog = made;
      }
      case ReplicationAction.FreeBacklog _ -> freeBacklog();
      default -> throw new AssertionError(action);
    }
  }

  private void freeBacklog() {
    Backlog old = backlog;
    if (old != null) {
      engine.journal.detach(Journal.REPLICAS);
      offsetWithout = old.last();
      backlog = null;
      old.close();
    }
  }

  /// Appends to the stream, for replicas only.
  private void feed(byte[] commands) {
    recorder.toReplicas(commands);
    engine.journal.merge();
  }

  private void appended() {
    for (ReplicaFeed feed : feeds.values()) {
      feed.appended();
    }
  }

  // ── replicas ──

  private void performForReplica(ReplicationAction action) {
    long client =
        switch (action) {
          case ReplicationAction.Reply reply -> reply.replica();
          case ReplicationAction.Misplaced reply -> reply.replica();
          case ReplicationAction.Keep keep -> keep.replica();
          case ReplicationAction.JoinSync join -> join.replica();
          case ReplicationAction.SendFile send -> send.replica();
          case ReplicationAction.Stream stream -> stream.replica();
          case ReplicationAction.Drop drop -> drop.replica();
          default -> throw new AssertionError(action);
        };
    ReplicaFeed feed = feedOf(client);
    if (feed == null) {
      return; // its connection has closed: the news is on its way
    }
    toDeliver.add(feed);
    FullSync now = sync;
    switch (action) {
      case ReplicationAction.Reply reply -> feed.reply(reply.text());
      case ReplicationAction.Misplaced reply -> feed.misplaced(engine, reply.text());
      case ReplicationAction.Keep keep -> keep(feed, keep.from());
      case ReplicationAction.JoinSync _ -> {
        if (now != null) {
          now.streamTo(feed, nameOf(client));
        }
      }
      case ReplicationAction.SendFile _ -> sendFile(feed, now);
      case ReplicationAction.Stream _ -> feed.stream(config.get(Settings.REPL_DISABLE_TCP_NODELAY));
      case ReplicationAction.Drop _ -> feed.drop();
      default -> throw new AssertionError(action);
    }
  }

  private @Nullable ReplicaFeed feedOf(long client) {
    ReplicaFeed feed = feeds.get(client);
    if (feed != null) {
      return feed;
    }
    Session session = engine.session(client);
    if (session == null) {
      return null;
    }
    ReplicaFeed made = new ReplicaFeed(session, sent, this::tell);
    feeds.put(client, made);
    if (engine.session(client) == null) { // it has just closed, and we weren't told
      feeds.remove(client);
      return null;
    }
    return made;
  }

  private void keep(ReplicaFeed feed, long from) {
    Backlog kept = backlog;
    long client = feed.client();
    if (kept == null || !kept.has(from)) {
      tellOvertaken(client);
      feed.drop();
      return;
    }
    try {
      feed.keep(
          kept.open(
              from,
              mostBehind(),
              () -> thread.post(() -> tell(ReplicationEvent.Pending.lost(client)))));
    } catch (IllegalArgumentException e) {
      tellOvertaken(client);
      feed.drop();
    }
  }

  /// The stream has grown since the machine decided: the replica asks again.
  private void tellOvertaken(long client) {
    log.log('*', "The backlog has just let go of what " + nameOf(client) + " needs first.");
  }

  /// How far a replica may fall behind, 0: as far as it likes.
  private long mostBehind() {
    long hard = policy.hardBytes();
    return hard == 0 ? 0 : Math.max(hard, policy.backlogBytes());
  }

  private void sendFile(ReplicaFeed feed, @Nullable FullSync from) {
    try {
      if (from != null) {
        from.fileTo(feed);
      }
    } catch (IOException e) {
      events.add(new ReplicationEvent.TransferFailed(feed.client(), IoReason.of(e)));
    }
  }

  /// A session is over. Its own thread.
  private void closed(Session session) {
    ReplicaFeed feed = feeds.remove(session.id);
    if (feed != null) {
      feed.gone();
      tell(new ReplicationEvent.ReplicaGone(session.id));
    }
  }

  // ── snapshots for replicas ──

  private void beginSync(ReplicationAction.BeginSync begin) {
    Spool spool =
        begin.target() == ReplicationAction.Target.CONNECTIONS
            ? new Spool(
                chunks,
                Path.of(config.text(Settings.DIR)),
                config.get(Settings.REPL_DISKLESS_SYNC_SPOOL_LIMIT),
                new SpoolEvents())
            : null;
    FullSync made = new FullSync(begin.target(), spool, new SyncEvents());
    sync = made;
    if (!made.begin(persistence, begin.contents().data())) {
      events.add(new ReplicationEvent.SyncRefused());
    }
  }

  private String nameOf(long client) {
    for (PrimarySide.Replica replica : machine.primarySide().replicas()) {
      if (replica.client() == client) {
        return replica.name();
      }
    }
    return "client " + client;
  }

  private final class SpoolEvents implements Spool.Owner {
    @Override
    public void spills(long mostBytes) {
      log.log(
          '*',
          "A replica takes its full synchronization more slowly than the data is read. The rest"
              + " waits in a temporary file, of at most "
              + mostBytes / (1 << 20)
              + " MB (repl-diskless-sync-spool-limit).");
    }

    @Override
    public void fellBehind(Spool.Reader reader, long bytes) {
      log.log(
          '#',
          "The full synchronization of replica "
              + reader.name
              + " is given up: it is "
              + bytes / (1 << 20)
              + " MB behind, which is more than may wait on the disk"
              + " (repl-diskless-sync-spool-limit).");
    }
  }

  private void abandonSync() {
    FullSync old = sync;
    sync = null;
    if (old != null) {
      unpin(old);
      old.abandon();
    }
  }

  /// The snapshots' thread. What it tells is done later: it may have stopped the world.
  private final class SyncEvents implements FullSync.Owner {
    @Override
    public void cut(FullSync of) throws IOException {
      lock.lock();
      try {
        Backlog kept = backlog;
        if (of != sync || kept == null) {
          throw new IOException("no replica wants it any more");
        }
        engine.journal.cut();
        of.isCut = true;
        of.pin = kept.open(kept.last() + 1, 0, () -> {});
        events.add(new ReplicationEvent.SyncBegan(kept.last()));
      } finally {
        lock.unlock();
      }
      drainLater();
    }

    @Override
    public void removed() {
      log.log('*', "Removing the RDB file used to feed replicas in a persistence-less instance");
    }

    @Override
    public void ended(FullSync of, @Nullable Throwable failure) {
      lock.lock();
      try {
        if (of != sync) {
          return; // it was given up
        }
        if (of.target == ReplicationAction.Target.CONNECTIONS && failure == null) {
          log.log(
              '*',
              "Diskless rdb transfer, done reading from pipe, "
                  + of.readers()
                  + " replicas still up.");
        }
        events.add(
            of.isCut
                ? new ReplicationEvent.SyncEnded(failure == null)
                : new ReplicationEvent.SyncRefused());
      } finally {
        lock.unlock();
      }
      drainLater();
    }
  }

  /// Of which history the data is. The stopped world of a cut.
  private @Nullable StreamFacts facts() {
    Backlog kept = backlog;
    String id = known;
    if (kept == null || id == null) {
      return null;
    }
    engine.journal.offset(Journal.REPLICAS); // has everything handed over
    int database =
        standing.isReplica()
            ? applier.database()
            : Math.max(0, engine.journal.database(Journal.REPLICAS));
    return new StreamFacts(id, kept.last(), database);
  }

  // ── the primary ──

  private final class LinkEvents implements PrimaryLink.Owner {
    @Override
    public void connected(int attempt) {
      tell(new ReplicationEvent.Connected(attempt));
    }

    @Override
    public void received(int attempt, byte[] bytes) {
      tell(new ReplicationEvent.Received(attempt, bytes, 0, bytes.length));
    }

    @Override
    public void ended(int attempt, String reason) {
      ReplicationEvent event = new ReplicationEvent.LinkEnded(attempt, reason);
      lock.lock();
      try {
        if (applier.afterAll(() -> tell(event))) {
          return;
        }
      } finally {
        lock.unlock();
      }
      tell(event);
    }
  }

  private final class StreamEvents implements StreamApplier.Owner {
    @Override
    public void applied(Object stream, long offset) {
      if (persistence.appends()) {
        synchronized (unsynced) {
          unsynced.add(new Mark(engine.journal.position(), offset));
          while (unsynced.size() > 1024) {
            unsynced.remove();
          }
        }
      }
      tellOf(stream, new ReplicationEvent.Applied(offset));
    }

    @Override
    public void failed(Object stream, String reason) {
      String printable = reason.replaceAll("\\p{Cntrl}", " "); // it may quote what came
      log.log('#', "The stream of the primary can't be applied: " + printable);
      tellOf(stream, new ReplicationEvent.StreamFailed(reason));
    }

    @Override
    public void broke(Throwable bug, long seconds) {
      StackTraceElement[] frames = bug.getStackTrace();
      log.log(
          '#',
          "A bug: "
              + bug
              + (frames.length > 0 ? " at " + frames[0] : "")
              + (seconds > 0 ? ". Nothing of the stream is applied for " + seconds + " s." : ""));
      tell(new ReplicationEvent.StreamFailed("the stream can't be applied: " + bug));
    }

    @Override
    public void killed(Object stream) {
      lock.lock();
      try {
        if (applier.isCurrent(stream)) {
          link.hangUp("closed by CLIENT KILL");
        }
      } finally {
        lock.unlock();
      }
    }

    private void tellOf(Object stream, ReplicationEvent event) {
      lock.lock();
      try {
        if (applier.isCurrent(stream)) {
          tell(event);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void full(boolean on) {
      link.full(on);
    }

    @Override
    public void heldUp(boolean on) {
      log.log(
          on ? '#' : '*',
          on
              ? "The append-only file can't be written fast enough, or at all: the primary's stream"
                  + " waits until it can."
              : "The append-only file can be written again: the primary's stream goes on.");
    }

    @Override
    public boolean mayPassOver(@Nullable Command command, String error) {
      engine.unexpectedError(false, command, error);
      return !config.get(Settings.REPLICA_READ_ONLY) || ignoresErrors();
    }

    /// Redis's default goes on with data that differs, which nobody gets here without having asked
    /// for it.
    private boolean ignoresErrors() {
      return config.isGiven(Settings.PROPAGATION_ERROR_BEHAVIOR)
          && config.text(Settings.PROPAGATION_ERROR_BEHAVIOR).equals("ignore");
    }
  }

  private final class CopyEvents implements CopyLoader.Owner {
    @Override
    public void worldStopped(Dispatcher by) {
      tell(new ReplicationEvent.WorldStopped(), by);
    }

    @Override
    public void loaded(int database, Dispatcher by) {
      lock.lock();
      try {
        nextDatabase = database;
        tell(new ReplicationEvent.Loaded(), by);
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void loadFailed(String text, String why, boolean keptData) {
      tell(new ReplicationEvent.LoadFailed(text, why, keptData));
    }

    @Override
    public void payloadFailed(String text) {
      tell(new ReplicationEvent.PayloadFailed(text));
    }

    @Override
    public void full(boolean on) {
      link.full(on);
    }

    @Override
    public void warn(String text) {
      log.log('#', text);
    }
  }

  /// More of the append-only file would survive a loss of power. Any thread.
  private void synced() {
    synchronized (unsynced) {
      if (unsynced.isEmpty()) {
        return;
      }
    }
    thread.post(
        () -> {
          lock.lock();
          try {
            tellSynced();
            drainAndDeliver(null, NOBODY);
          } finally {
            lock.unlock();
          }
        });
  }

  /// How much of the stream is in it. The lock.
  private void tellSynced() {
    Mark last = null;
    synchronized (unsynced) {
      long upTo = unsynced.isEmpty() ? -1 : persistence.syncedPosition();
      while (!unsynced.isEmpty() && unsynced.getFirst().position <= upTo) {
        last = unsynced.remove();
      }
    }
    if (last != null) {
      events.add(new ReplicationEvent.Fsynced(last.offset));
    }
  }

  // ── time: the links' thread ──

  private void scheduleSecond() {
    thread.peers().after(SECOND_MILLIS, this::second);
  }

  private void second() {
    if (isClosed) {
      return;
    }
    scheduleSecond();
    for (ReplicaFeed feed : new ArrayList<>(feeds.values())) {
      if (feed.isAlive()) {
        tell(new ReplicationEvent.Alive(feed.client()));
      }
      tell(feed.pending());
    }
    if (link.isFull()) {
      tell(new ReplicationEvent.PrimaryUnread());
    }
    tell(new ReplicationEvent.Second());
  }

  // ── the end ──

  /// Neither follows nor serves anybody any more. Clients may still be there.
  public void stop() {
    isClosed = true;
    link.hangUp("the server is being closed");
    lock.lock();
    try {
      abandonSync();
    } finally {
      lock.unlock();
    }
    applier.close();
    loader.close();
  }

  /// Gives everything back. No client is there any more.
  @Override
  public void close() {
    freeBacklog();
    recorder.close();
    chunks.clear();
  }
}
