package dev.spinel.server;

import dev.spinel.acl.AclFamily;
import dev.spinel.acl.Authentication;
import dev.spinel.acl.Clientele;
import dev.spinel.acl.Denials;
import dev.spinel.acl.PermissionGate;
import dev.spinel.acl.SessionLogin;
import dev.spinel.acl.Users;
import dev.spinel.client.ClientLine;
import dev.spinel.client.Clients;
import dev.spinel.client.ClientsSection;
import dev.spinel.client.Handshake;
import dev.spinel.client.Pause;
import dev.spinel.client.TrackingLimit;
import dev.spinel.cluster.Cluster;
import dev.spinel.cluster.ClusterFamily;
import dev.spinel.cluster.ClusterMemory;
import dev.spinel.cluster.ClusterModes;
import dev.spinel.cluster.ClusterSection;
import dev.spinel.cluster.ClusterView;
import dev.spinel.cluster.Migrate;
import dev.spinel.commands.Bitmaps;
import dev.spinel.commands.Databases;
import dev.spinel.commands.Dumps;
import dev.spinel.commands.Geo;
import dev.spinel.commands.HashTimes;
import dev.spinel.commands.Hashes;
import dev.spinel.commands.HyperLogLogs;
import dev.spinel.commands.Keys;
import dev.spinel.commands.Lists;
import dev.spinel.commands.Sets;
import dev.spinel.commands.Sort;
import dev.spinel.commands.SortedSets;
import dev.spinel.commands.Streams;
import dev.spinel.commands.Strings;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Settings;
import dev.spinel.engine.Arrival;
import dev.spinel.engine.Call;
import dev.spinel.engine.Clock;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Login;
import dev.spinel.engine.Session;
import dev.spinel.engine.Transactions;
import dev.spinel.eviction.Eviction;
import dev.spinel.eviction.EvictionStatistics;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Schedule;
import dev.spinel.memory.Heap;
import dev.spinel.memory.HeapStats;
import dev.spinel.net.BindException;
import dev.spinel.net.HostProcess;
import dev.spinel.net.Loop;
import dev.spinel.net.Net;
import dev.spinel.observe.Administration;
import dev.spinel.observe.CommandInfo;
import dev.spinel.observe.Host;
import dev.spinel.observe.Identity;
import dev.spinel.observe.Info;
import dev.spinel.observe.LatencyFamily;
import dev.spinel.observe.MemoryAccount;
import dev.spinel.observe.MemorySection;
import dev.spinel.observe.Modules;
import dev.spinel.observe.Monitors;
import dev.spinel.observe.Rates;
import dev.spinel.observe.Sections;
import dev.spinel.observe.ServerSection;
import dev.spinel.observe.SlowLog;
import dev.spinel.observe.StatisticsSection;
import dev.spinel.observe.Traffic;
import dev.spinel.peer.Peers;
import dev.spinel.persist.Disk;
import dev.spinel.persist.Ending;
import dev.spinel.persist.Persistence;
import dev.spinel.persist.SystemDisk;
import dev.spinel.pubsub.Channels;
import dev.spinel.pubsub.PubSub;
import dev.spinel.pubsub.SubscribedGate;
import dev.spinel.replication.Replication;
import dev.spinel.replication.ReplicationFront;
import dev.spinel.script.Scripts;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/// One whole server, put together from its parts: memory, keyspace, engine, event loops and
/// listeners. It is made, started and closed; after that nothing of it is left.
public final class Server implements AutoCloseable {
  public final Config config;
  public final Log log;
  public final Engine engine;
  final Eviction eviction;
  final OutputBounds outputBounds;
  final IncidentLog incidents;
  final Admission admission;
  private final Heap heap;
  private final Keyspace keyspace;
  private final Clock clock;
  private final PubSub pubSub = new PubSub();
  private final Denials denials;
  private final Users users;
  private final Login login;
  private final Clientele clientele = clientele();
  private final SlowLog slowLog;
  private final EvictionStatistics evictions = new EvictionStatistics();
  private final Monitors monitors;
  private final Rates rates = new Rates();
  private final Identity identity;
  private final Traffic traffic;
  private final MemoryAccount memory = new MemoryAccount(this::heapStats);
  private final Stop stop = new Stop(this::stopping);
  private final Persistence.Front front;
  private final Pause pause = new Pause();
  private final TrackingLimit trackingLimit = new TrackingLimit();
  final ClientEviction clientEviction;
  final Scripts scripts;
  private final ReplicationFront replicationFront;
  public final Persistence persistence;
  final Encryption encryption;
  private final PeerLoop peerLoop;
  public final Replication replication;
  private final ServerSlots slots;
  private final ClusterFamily clusterFamily;
  private final Migrate migrate;
  private final @Nullable Cluster cluster;
  private final Loops loops;
  private final Listeners listeners;
  private volatile boolean cronPaused; // DEBUG PAUSE-CRON
  private final AtomicBoolean closed = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);

  public Server(Config config, Log log, Clock clock) {
    this(config, log, clock, Schedule.FREE, new SystemDisk());
  }

  /// With a schedule of a test's.
  Server(Config config, Log log, Clock clock, Schedule schedule) {
    this(config, log, clock, schedule, new SystemDisk());
  }

  /// With a schedule and a disk of a test's.
  Server(Config config, Log log, Clock clock, Schedule schedule, Disk disk) {
    this.config = config;
    this.log = log;
    this.clock = clock;
    SecureRandom random = new SecureRandom();
    byte[] runId = new byte[20];
    random.nextBytes(runId);
    identity =
        new Identity(
            Main.VERSION, HexFormat.of().formatHex(runId), clock.millis(), Supervision.by(config));
    denials = new Denials(config);
    users = new Users(config, log, denials);
    login = new SessionLogin(users, clientele);
    slowLog = new SlowLog(config);
    monitors = new Monitors(clock);
    outputBounds = new OutputBounds(config);
    clientEviction = new ClientEviction(log);
    incidents = new IncidentLog(log, clock, stop);
    front = new Persistence.Front(clock, stop::request);
    scripts = new Scripts(log);
    encryption = new Encryption(config, log);
    peerLoop = new PeerLoop(incidents, encryption);
    replicationFront = new ReplicationFront(config, log, ClientLine::ofCaller, pausesOf(pause));
    loops = new Loops(config, this::side);
    traffic = new Traffic(this::counted);
    admission = new Admission(config, log, users, login, traffic, loops);
    listeners = new Listeners(config, log, loops, encryption, admission);
    slots = new ServerSlots(config, pause, loops, pubSub);
    clusterFamily = new ClusterFamily(config);
    migrate =
        new Migrate(Server::peersOf, peerLoop, () -> config.get(Settings.TLS_CLUSTER), slots::view);
    CommandTable.Builder rows = new CommandTable.Builder();
    declare(rows); // may find fault with the configuration: before there is anything to close
    CommandTable table = rows.build();
    users.declare(table);
    heap = new Heap();
    keyspace =
        new Keyspace(
            heap,
            config.intOf(Settings.DATABASES),
            random.nextLong(),
            random.nextLong(),
            clock::millis,
            schedule);
    engine = new Engine(keyspace, new Journal(), table, config, clock, incidents, pubSub, slowLog);
    engine.onClose(this::forget);
    eviction = new Eviction(engine, config, evictions);
    engine.reclaimer(eviction);
    List<Gate> gates =
        new ArrayList<>(
            List.of(
                new Authentication(users),
                new PermissionGate(denials, clientele),
                eviction,
                clientEviction,
                trackingLimit,
                new SubscribedGate(),
                monitors,
                pause,
                scripts.gate()));
    if (isClusterNode()) {
      gates.add(slots.redirect());
    }
    engine.gates.are(replicationFront.gates(front.gates(gates.toArray(new Gate[0]))));
    scripts.of(engine);
    scripts.debugAt(new DebugPlaces(this));
    pause.of(engine);
    trackingLimit.of(engine, config);
    clientEviction.of(engine, config);
    slots.of(engine);
    pause.onEnd(replicationFront::resumed);
    int port = config.intOf(Settings.PORT);
    persistence = new Persistence(front, engine, config, log, disk, port, this::fatal);
    replication = new Replication(engine, persistence, config, log, peerLoop);
    replication.onLogsAs(replica -> log.become(replica ? 'S' : 'M'));
    replication.onPauseWrites(on -> pauseWrites(pause, Pause.Reason.FAILOVER, on));
    replication.holdHeartbeatsWhile(() -> pause.isOn(Pause.Reason.CLUSTER));
    replicationFront.of(replication, engine, persistence);
    if (isClusterNode()) {
      Cluster made =
          new Cluster(config, log, engine, replication, persistence, peerLoop, slots, this::fatal);
      engine.onClose(made::closed);
      clusterFamily.of(made, slots.keys());
      slots.of(made);
      cluster = made;
    } else {
      cluster = null;
    }
    config.onChange(Settings.MAXMEMORY, this::warnOfMaxmemory);
    config.onChange(Settings.REQUIREPASS, this::warnOfMasterauth);
    config.onChange(Settings.MASTERAUTH, this::warnOfMasterauth);
    paceExpiry(config);
    config.onChange(Settings.HZ, this::paceExpiry);
    config.onChange(Settings.ACTIVE_EXPIRE_EFFORT, this::paceExpiry);
  }

  private void paceExpiry(Config changed) {
    int effort = changed.intOf(Settings.ACTIVE_EXPIRE_EFFORT);
    keyspace.keeper().pace(changed.intOf(Settings.HZ), effort);
  }

  private boolean isClusterNode() {
    return config.get(Settings.CLUSTER_ENABLED);
  }

  private void sleeping(long millis) {
    if (cluster != null) {
      cluster.sleeps(millis);
    }
  }

  /// The cluster as this node of one sees it.
  public ClusterView clusterView() {
    if (cluster == null) {
      throw new IllegalStateException("not a node of a cluster");
    }
    return cluster.view();
  }

  private Clientele clientele() {
    return new Clientele() {
      @Override
      public String describe(Call call) {
        return ClientLine.ofClient(call);
      }

      @Override
      public boolean allMatch(Session session, BiPredicate<Slice, Boolean> test) {
        return pubSub.allMatch(session, test);
      }
    };
  }

  private boolean isReplica() {
    return replication.standing().isReplica();
  }

  private Traffic.Totals counted() {
    return loops.counted().with(replication.receivedBytes(), replication.sentBytes());
  }

  private static ReplicationFront.Pauses pausesOf(Pause pause) {
    return new ReplicationFront.Pauses() {
      @Override
      public boolean areOn() {
        return pause.isOn();
      }

      @Override
      public void beforeEnd(boolean wanted) {
        pauseWrites(pause, Pause.Reason.SHUTDOWN, wanted);
      }
    };
  }

  private static void pauseWrites(Pause pause, Pause.Reason why, boolean on) {
    if (on) {
      pause.begin(why, Pause.Extent.WRITES, Pause.FOR_EVER);
    } else {
      pause.end(why);
    }
  }

  /// What was promised can't be kept any more.
  private void fatal(String why) {
    stop.fail();
  }

  private void warnOfMasterauth(Config changed) {
    if (ClusterSection.lacksMasterauth(changed)) {
      log.warning(
          "requirepass is set and masterauth isn't: as a replica this node can't log in to its"
              + " primary and gets no copy of its data, and nobody takes over without loss. Set"
              + " masterauth to the password of the other nodes.");
    }
  }

  private void warnOfMaxmemory(Config changed) {
    long most = changed.get(Settings.MAXMEMORY);
    long used = liveBytes();
    if (most != 0 && Long.compareUnsigned(most, used) < 0) {
      log.warning(
          "WARNING: the new maxmemory value set via CONFIG SET ("
              + most
              + ") is smaller than the current memory usage ("
              + used
              + "). This will result in key eviction and/or the inability to accept new write"
              + " commands depending on the maxmemory-policy.");
    }
  }

  /// What a key waits for that a stock node of the cluster has sent: that one deletes its own as
  /// soon as it has the reply.
  private @Nullable Arrival arrival(Call call) {
    ClusterView view = slots.view();
    return view == null || view.importsFromOurs(KeySlot.of(call.arg(1)))
        ? null
        : replicationFront.arrival();
  }

  /// Other servers, as reached from the thread of the session's client; null: it isn't a loop.
  private static @Nullable Peers peersOf(Session session) {
    return session.outlet instanceof ClientConnection client ? client.peers() : null;
  }

  /// The families, in the order in which COMMAND lists them.
  private void declare(CommandTable.Builder rows) {
    rows.add(new Strings());
    rows.add(new Bitmaps());
    rows.add(new HyperLogLogs());
    rows.add(new Lists());
    rows.add(new Streams());
    rows.add(new Sets());
    rows.add(new Hashes());
    rows.add(new HashTimes());
    rows.add(new SortedSets());
    rows.add(new Geo());
    rows.add(new Sort());
    rows.add(new Keys());
    rows.add(new Dumps(this::arrival));
    rows.add(new Databases());
    rows.add(new Transactions());
    rows.add(pubSub);
    scripts.families().forEach(rows::add);
    rows.add(new Handshake(login, this::forget, this::isReplica));
    rows.add(new Clients(pause, login));
    rows.add(new AclFamily(users, denials, clientele));
    rows.add(new ClusterModes());
    rows.add(migrate);
    rows.add(clusterFamily);
    front.families().forEach(rows::add);
    replicationFront.families().forEach(rows::add);
    Host host =
        new ServerHost(
            log,
            stop,
            () -> persistence,
            () -> replication,
            on -> cronPaused = on,
            this::sleeping,
            () -> cluster);
    rows.add(new Administration(config, users, host, info(), memory, slowLog, monitors));
    rows.add(new LatencyFamily());
    rows.add(new Modules(config));
    rows.add(new CommandInfo());
    RenamedCommands.apply(config, rows);
  }

  /// The sections of INFO, in order. A feature that adds fields to another's section has a part of
  /// its own.
  private Info info() {
    return new Info(
        new ServerSection(identity, config, listeners),
        replicationFront.ending(),
        new ClientsSection(config, traffic::clients),
        new MemorySection(config, memory),
        scripts.section(),
        replicationFront.memory(),
        front.savingSection(),
        front.aofSection(),
        new StatisticsSection(traffic, rates, loops::count),
        migrate.section(),
        new Channels(pubSub),
        evictions,
        clientEviction,
        denials,
        replicationFront.statistics(),
        replicationFront.section(),
        new Sections.Cpu(),
        new Sections.Fixed("Modules", ""),
        new Sections.CommandStatistics(),
        new Sections.ErrorStatistics(),
        new LatencyFamily.Percentiles(config),
        new Sections.Fixed("Cluster", "cluster_enabled:" + (isClusterNode() ? 1 : 0) + "\n"),
        new ClusterSection(config, () -> cluster),
        new ClusterMemory(() -> cluster),
        new Sections.KeyCounts(),
        new LoopSection(loops));
  }

  /// Starts the loops and listens: with port 0 at no TCP port. Errors: a [BindException] says which
  /// address can't be had and why.
  public void start() throws IOException {
    start(listeners::open);
  }

  /// As [#start], but port 0 means any that is free, which is what the configuration says from then
  /// on.
  public void startAtAnyPort() throws IOException {
    start(listeners::openAtAnyPort);
  }

  private interface Opening {
    void open(Net net) throws IOException;
  }

  private void start(Opening opening) throws IOException {
    warnOfMasterauth(config);
    keyspace.start(engine);
    try {
      users.load();
      if (loops.count() < loops.wanted()) {
        log.warning(
            "The JVM's heap has room for "
                + loops.count()
                + " event loops, not for "
                + loops.wanted()
                + ". For more it must be larger.");
      }
      admission.maxClients.fitToSystem(loops.count());
      if (encryption.isWanted()) {
        configureEncryption();
      }
      if (HostProcess.isPossible()) {
        heap.from(HostProcess::take);
      }
      persistence.loadUnannounced();
      Net net = loops.start(incidents);
      if (net.refusal() != null) {
        log.notice(
            "io_uring can't be used here ("
                + net.refusal()
                + "), as in containers that forbid it: NIO is used, which costs some throughput");
      }
      log.verbose("Event loops: " + net.loops().size() + ", transport " + loops.transport());
      opening.open(net);
      replicationFront.configured(); // which port it is
      if (cluster != null) {
        cluster.start(persistence.hasData());
      }
      if (!persistence.isAnnounced()) {
        follow();
      }
    } catch (Throwable t) {
      close();
      throw t;
    }
    memory.ready(heap.liveBytes());
  }

  private void configureEncryption() throws IOException {
    try {
      encryption.configure();
    } catch (ConfigError e) {
      throw new IOException("Failed to configure TLS. Check logs for more info.", e);
    }
  }

  /// Starts what works in the background, but no loops and no listeners: for callers in this JVM
  /// ([LocalSession]).
  public void startWithoutListening() {
    keyspace.start(engine);
    try {
      users.load();
      persistence.loadUnannounced();
      if (!persistence.isAnnounced()) {
        replication.start();
      }
    } catch (IOException e) {
      close();
      throw new UncheckedIOException(e);
    } catch (Throwable t) {
      close();
      throw t;
    }
  }

  /// Starts no more than what commands need: nothing is loaded, kept or replicated.
  void startBeside() {
    keyspace.start(engine);
  }

  private LoopSide side(Loop loop) {
    LoopSide side = new LoopSide(this, loop);
    engine.journal.onRelease(side::released);
    return side;
  }

  /// Data is going to be loaded: until it is, clients that ask for it are told so. Before the
  /// start, if at all.
  public void announceData() {
    persistence.announce();
  }

  /// Loads the data that is on the disk, and has what follows kept; without this, only commands
  /// save anything. Once it is started. Returns false if it was to stop before all was loaded.
  /// Errors: the data can't be loaded, as the log says.
  public boolean load() throws IOException {
    boolean loaded = persistence.load();
    if (loaded) {
      follow();
    }
    return loaded;
  }

  /// The data is there: the server takes its part.
  private void follow() {
    replication.start();
    if (cluster != null) {
      cluster.loaded();
    }
  }

  /// The TCP port that it listens at, 0 if at none.
  public int port() {
    return listeners.port();
  }

  /// A session is gone, or begins anew: it gets no more messages and no more of MONITOR.
  private void forget(Session session) {
    pubSub.end(session);
    monitors.end(session, engine);
  }

  private HeapStats heapStats() {
    return heap.stats();
  }

  /// Keeps to limits that no call may be there to keep to. Called ten times a second, by the first
  /// loop.
  void keepToLimits(Dispatcher by) {
    if (!cronPaused) {
      trackingLimit.look(by);
    }
  }

  /// Takes a sample for INFO's rates and peaks. Called ten times a second, by the first loop.
  void sample() {
    engine.uncounted.look();
    pause.look();
    if (cronPaused) {
      return;
    }
    rates.sample(clock.millis(), engine.count(Engine.Count.COMMANDS), traffic.totals());
    memory.sample(heap.liveBytes());
    persistence.cron();
  }

  /// Waits until the background has freed what it was given.
  void awaitReaper() {
    while (keyspace.keeper().pending() > 0) {
      java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
    }
  }

  /// Keys evicted since the start.
  long evictedKeys() {
    return evictions.evicted();
  }

  /// Bytes of the server's memory that are in use.
  long liveBytes() {
    return heap.liveBytes();
  }

  // ── the end ──

  /// Ends the server as SHUTDOWN does: saves for the last time, if it is so configured, and has it
  /// stopped by the thread that waits in [#awaitStop]. Returns whether it ends; the log says why if
  /// not. Not for a thread that runs commands.
  public boolean shutDown(Ending how) {
    boolean ends = persistence.mayEnd(how);
    if (ends) {
      stop.request();
    }
    return ends;
  }

  /// Has the server stopped by the thread that waits in [#awaitStop]. Any thread, loops too.
  public void requestStop() {
    stop.request();
  }

  private void stopping() {
    engine.stopping = true;
  }

  /// Whether it was asked to stop.
  public boolean hasEnded() {
    return engine.stopping;
  }

  /// Whether it stops by a failure of its own.
  public boolean failed() {
    return stop.failed();
  }

  /// Waits for SHUTDOWN or [#requestStop].
  public void awaitStop() throws InterruptedException {
    stop.await();
  }

  /// As above, but waits so long at most. Returns whether the server is to stop.
  boolean awaitStop(long millis) throws InterruptedException {
    return stop.await(millis);
  }

  /// Ends everything. A second call waits until the first has ended.
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      awaitEnd();
      return;
    }
    try {
      end();
    } finally {
      ended.countDown();
    }
  }

  private void awaitEnd() {
    try {
      ended.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void end() {
    stopping(); // scripts, too
    stop.wake();
    scripts.close();
    slots.close();
    if (cluster != null) {
      cluster.close();
    }
    replication.stop();
    peerLoop.close();
    loops.close();
    persistence.close();
    replication.close();
    keyspace.close();
    heap.close();
  }

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
