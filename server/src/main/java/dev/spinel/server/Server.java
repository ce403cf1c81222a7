package dev.spinel.server;

import dev.spinel.acl.Authentication;
import dev.spinel.client.Clients;
import dev.spinel.client.ClientsSection;
import dev.spinel.client.Handshake;
import dev.spinel.commands.Bitmaps;
import dev.spinel.commands.Databases;
import dev.spinel.commands.Geo;
import dev.spinel.commands.Hashes;
import dev.spinel.commands.HyperLogLogs;
import dev.spinel.commands.Keys;
import dev.spinel.commands.Lists;
import dev.spinel.commands.Sets;
import dev.spinel.commands.Sort;
import dev.spinel.commands.SortedSets;
import dev.spinel.commands.Strings;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Directive;
import dev.spinel.config.Octets;
import dev.spinel.config.OutputLimits;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Engine;
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
import dev.spinel.net.Connection;
import dev.spinel.net.Handler;
import dev.spinel.net.Incidents;
import dev.spinel.net.Listener;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopCounts;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.observe.Administration;
import dev.spinel.observe.CommandInfo;
import dev.spinel.observe.Doors;
import dev.spinel.observe.Host;
import dev.spinel.observe.Identity;
import dev.spinel.observe.Info;
import dev.spinel.observe.MemoryAccount;
import dev.spinel.observe.MemorySection;
import dev.spinel.observe.Monitors;
import dev.spinel.observe.Rates;
import dev.spinel.observe.Sections;
import dev.spinel.observe.ServerSection;
import dev.spinel.observe.SlowLog;
import dev.spinel.observe.StandAlone;
import dev.spinel.observe.StatisticsSection;
import dev.spinel.observe.Traffic;
import dev.spinel.pubsub.Channels;
import dev.spinel.pubsub.PubSub;
import dev.spinel.pubsub.SubscribedGate;
import dev.spinel.wire.RespWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// One whole server: its memory, keyspace, engine, loops and doors. Made, started, closed; nothing
/// of it is left then.
public final class Server implements AutoCloseable, Incidents, Doors, Host {
  /// A client's limits don't count what a fixed buffer of its connection would hold in Redis.
  private static final int UNCOUNTED_OUTPUT_BYTES = 16 << 10;

  /// Descriptors that no client may have.
  private static final int RESERVED_FILES = 32;

  public final Config config;
  public final Log log;
  public final Engine engine;
  private final Heap heap;
  private final Keyspace keyspace;
  private final Clock clock;
  private final PubSub pubSub = new PubSub();
  private final Authentication authentication;
  private final SlowLog slowLog;
  private final EvictionStatistics evictions = new EvictionStatistics();
  final Eviction eviction;
  private final Monitors monitors;
  private final Rates rates = new Rates();
  private final Identity identity;
  private final String replicationId; // of the history that the data is of
  private final Traffic traffic = new Traffic(this::counted);
  private final MemoryAccount memory = new MemoryAccount(this::heapStats);
  private final ArrayList<LoopSide> sides = new ArrayList<>(); // while starting
  private @Nullable Net net;
  private volatile List<Listener> listeners = List.of(); // whoever starts, then CONFIG SET
  private final AtomicBoolean closed = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final CountDownLatch stopRequested = new CountDownLatch(1);
  private volatile boolean failed; // before stopRequested
  private volatile OutputLimits outputLimits;
  private volatile long maxClients;
  private volatile long mostClients = Long.MAX_VALUE; // once, by start
  private volatile long idleSeconds;
  private volatile boolean protectedMode;

  public Server(Config config, Log log, Clock clock) {
    this(config, log, clock, Schedule.FREE);
  }

  /// With a schedule of a test's.
  Server(Config config, Log log, Clock clock, Schedule schedule) {
    this.config = config;
    this.log = log;
    this.clock = clock;
    SecureRandom random = new SecureRandom();
    byte[] ids = new byte[40];
    random.nextBytes(ids);
    String runId = HexFormat.of().formatHex(ids, 0, 20);
    identity = new Identity(Main.VERSION, runId, clock.millis());
    replicationId = HexFormat.of().formatHex(ids, 20, 40);
    authentication = new Authentication(config);
    slowLog = new SlowLog(config);
    monitors = new Monitors(clock);
    CommandTable.Builder rows = new CommandTable.Builder();
    declare(rows); // may find fault with the configuration: before there is anything to close
    heap = new Heap();
    keyspace =
        new Keyspace(
            heap,
            config.intOf(Settings.DATABASES),
            random.nextLong(),
            random.nextLong(),
            clock::millis,
            schedule);
    engine =
        new Engine(keyspace, new Journal(), rows.build(), config, clock, new CommandIncidents());
    outputLimits = config.get(Settings.CLIENT_OUTPUT_BUFFER_LIMIT);
    engine.slow(slowLog);
    engine.notifier(pubSub);
    engine.onClose(this::forget);
    eviction = new Eviction(engine, config, evictions);
    engine.reclaimer(eviction);
    engine.gates.are(authentication, eviction, new SubscribedGate(), monitors);
    follow();
  }

  /// The families, in the order in which COMMAND lists them.
  private void declare(CommandTable.Builder rows) {
    rows.add(new Strings());
    rows.add(new Bitmaps());
    rows.add(new HyperLogLogs());
    rows.add(new Lists());
    rows.add(new Sets());
    rows.add(new Hashes());
    rows.add(new SortedSets());
    rows.add(new Geo());
    rows.add(new Sort());
    rows.add(new Keys());
    rows.add(new Databases());
    rows.add(new Transactions());
    rows.add(pubSub);
    rows.add(new Handshake(authentication, this::forget));
    rows.add(new Clients());
    rows.add(new StandAlone());
    rows.add(new Administration(identity, config, this, info(), memory, slowLog, monitors));
    rows.add(new CommandInfo());
    Set<String> later = new HashSet<>(Later.COMMANDS);
    for (Directive directive : config.directives()) {
      if (directive.name().equals("rename-command")) {
        rename(rows, later, directive);
      }
    }
  }

  /// What INFO tells, in order. Whoever has something to add to a section adds a part to it.
  private Info info() {
    return new Info(
        new ServerSection(identity, config, this),
        new ClientsSection(config, traffic::clients),
        new MemorySection(config, memory),
        new Sections.NoPersistence(identity),
        new StatisticsSection(traffic, rates),
        new Channels(pubSub),
        evictions,
        authentication,
        new Sections.NoReplication(replicationId, config),
        new Sections.Cpu(),
        new Sections.Fixed("Modules", ""),
        new Sections.CommandStatistics(),
        new Sections.ErrorStatistics(),
        new Sections.Fixed("Latencystats", false, ""),
        new Sections.Fixed("Cluster", "cluster_enabled:0\n"),
        new Sections.Keyspace());
  }

  private static void rename(CommandTable.Builder rows, Set<String> later, Directive directive) {
    List<String> words = directive.arguments();
    if (words.size() != 2) {
      throw directive.error("wrong number of arguments");
    }
    String from = Octets.lower(words.get(0));
    String to = Octets.lower(words.get(1));
    if (!rows.knows(from) && !later.contains(from)) {
      throw directive.error("No such command in rename-command");
    }
    if (!to.isEmpty() && (rows.knows(to) || later.contains(to)) && !to.equals(from)) {
      throw directive.error("Target command name already exists");
    }
    if (!later.remove(from)) {
      rows.rename(from, to);
    } else if (!to.isEmpty()) {
      later.add(to);
    }
  }

  /// Copies settings to where they are read, now and whenever they change.
  private void follow() {
    on(
        Settings.CLIENT_OUTPUT_BUFFER_LIMIT,
        () -> outputLimits = config.get(Settings.CLIENT_OUTPUT_BUFFER_LIMIT));
    config.onChange(
        Settings.PORT, changed -> moveDoors("Unable to listen on this port. Check server logs."));
    config.onChange(Settings.BIND, changed -> moveDoors("Failed to bind to specified addresses."));
    config.onChange(
        Settings.TCP_KEEPALIVE,
        changed -> {
          if (net != null) {
            net.keepAlive(changed.intOf(Settings.TCP_KEEPALIVE));
          }
        });
    maxClients = config.get(Settings.MAXCLIENTS);
    config.onChange(Settings.MAXCLIENTS, changed -> otherMaxClients());
    on(Settings.TIMEOUT, () -> idleSeconds = config.get(Settings.TIMEOUT));
    on(Settings.PROTECTED_MODE, () -> protectedMode = config.get(Settings.PROTECTED_MODE));
  }

  private void on(Setting<?> setting, Runnable copy) {
    copy.run();
    config.onChange(setting, changed -> copy.run());
  }

  /// Starts the loops and opens the doors: with port 0 none for TCP. Errors: a [BindException] says
  /// which address can't be had and why.
  public void start() throws IOException {
    start(false);
  }

  /// As [#start], but port 0 means any that is free, which is what the configuration says from then
  /// on.
  public void startAtAnyPort() throws IOException {
    start(config.intOf(Settings.PORT) == 0 && !config.get(Settings.BIND).isEmpty());
  }

  private void start(boolean findPort) throws IOException {
    keyspace.start(engine);
    int loops = config.intOf(Settings.EVENT_LOOPS);
    if (loops == 0) {
      loops = Runtime.getRuntime().availableProcessors();
    }
    try {
      limitClients(loops);
    } catch (IOException e) {
      close();
      throw e;
    }
    TransportChoice choice =
        switch (config.text(Settings.IO_TRANSPORT)) {
          case "nio" -> TransportChoice.NIO;
          case "io_uring" -> TransportChoice.IO_URING;
          default -> TransportChoice.AUTO;
        };
    try {
      net = Net.start(loops, "spinel-loop-", this::side, this, choice);
    } catch (IOException e) {
      close();
      throw e;
    }
    log.verbose("Event loops: " + loops + ", transport " + transport());
    net.keepAlive(config.intOf(Settings.TCP_KEEPALIVE));
    try {
      int backlog = config.intOf(Settings.TCP_BACKLOG);
      if (findPort) {
        listeners = net.listen(config.get(Settings.BIND), 0, backlog, this::accept);
        config.put(Settings.PORT, (long) port());
      } else {
        openDoors(net);
      }
      if (!config.text(Settings.UNIXSOCKET).isEmpty()) {
        Path path = config.path(Settings.UNIXSOCKET).normalize();
        net.listen(path, config.intOf(Settings.UNIXSOCKETPERM), backlog, this::accept);
      }
    } catch (BindException e) {
      close();
      throw e;
    }
    memory.ready(heap.liveBytes());
  }

  /// Lowers maxclients to what the system has descriptors for, less those for everything else: the
  /// doors, the log, what the loops wait with.
  private void limitClients(int loops) throws IOException {
    long files = OpenFiles.limit();
    int others = Math.max(RESERVED_FILES, 24 + 2 * loops);
    if (files == Long.MAX_VALUE || maxClients <= files - others) {
      mostClients = files == Long.MAX_VALUE ? files : files - others;
      return;
    }
    if (files <= others) {
      throw new IOException(
          "Your current 'ulimit -n' of "
              + files
              + " is not enough for the server to start. Please increase your open file limit to"
              + " at least "
              + (maxClients + others)
              + ". Exiting.");
    }
    mostClients = files - others;
    sayTooManyClients(maxClients, files);
    maxClients = mostClients;
    config.put(Settings.MAXCLIENTS, maxClients);
  }

  private void sayTooManyClients(long wanted, long files) {
    long needed = wanted + files - mostClients;
    log.warning(
        "You requested maxclients of "
            + wanted
            + " requiring at least "
            + needed
            + " max file descriptors.");
    log.warning(
        "Server can't set maximum open files to "
            + needed
            + " because of OS error: Operation not permitted.");
    log.warning(
        "Current maximum open files is "
            + files
            + ". maxclients has been reduced to "
            + mostClients
            + " to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.");
  }

  private void otherMaxClients() {
    long wanted = config.get(Settings.MAXCLIENTS);
    if (wanted > mostClients) {
      throw new ConfigError(
          "The operating system is not able to handle the specified number of clients, try with "
              + mostClients);
    }
    maxClients = wanted;
  }

  /// TCP doors as the configuration says, in place of those that are open. Port 0: none.
  private void openDoors(Net net) throws BindException {
    int port = config.intOf(Settings.PORT);
    listeners =
        net.move(
            listeners,
            port == 0 ? List.of() : config.get(Settings.BIND),
            port,
            config.intOf(Settings.TCP_BACKLOG),
            this::accept);
  }

  /// CONFIG SET port or bind. If that can't be had the doors stay as they are; then this is called
  /// once more, to find nothing to do.
  private void moveDoors(String refusal) {
    if (net == null) {
      return;
    }
    try {
      openDoors(net);
    } catch (BindException e) {
      log.warning("Warning: " + e.getMessage());
      throw new ConfigError(refusal);
    }
  }

  /// Starts what works in the background, but no loops and no doors: for callers in this JVM
  /// ([LocalSession]).
  public void startWithoutDoors() {
    keyspace.start(engine);
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

  private synchronized LoopHooks side(Loop loop) {
    LoopSide side = new LoopSide(this, loop);
    sides.add(side);
    engine.journal.onRelease(side::released);
    return side;
  }

  /// The TCP port that it listens at, 0 if at none.
  @Override
  public int port() {
    return listeners.isEmpty() ? 0 : listeners.getFirst().port();
  }

  // ── connections ──

  private @Nullable Handler accept(Connection connection) {
    traffic.accept();
    if (traffic.clients() >= maxClients) {
      traffic.refuse();
      refuse(connection, "ERR max number of clients reached");
      return null;
    }
    if (protectedMode && !connection.isLocal() && config.text(Settings.REQUIREPASS).isEmpty()) {
      traffic.refuse();
      refuse(connection, PROTECTED);
      return null;
    }
    traffic.enter();
    LoopSide side = sides.get(connection.loop().index());
    ClientConnection client;
    try {
      client = new ClientConnection(side, connection);
      side.connections.add(client);
      admit(client.session);
    } catch (Throwable t) {
      traffic.leave(); // nobody will say that it is closed
      throw t;
    }
    if (log.isOn(Log.Level.VERBOSE)) {
      log.verbose("Accepted " + connection.remoteAddress());
    }
    return client;
  }

  /// Logs a new session in, if no password is asked for.
  void admit(Session session) {
    session.authenticated = !authentication.required();
    session.gatesChanged();
  }

  private static final String PROTECTED =
      "DENIED Spinel runs in protected mode: no password is set for the default user, so only"
          + " clients on this machine may connect. To change that, set a password (CONFIG SET"
          + " requirepass, or requirepass in the configuration file), or, if nobody else can reach"
          + " this port, CONFIG SET protected-mode no from this machine";

  private static void refuse(Connection connection, String error) {
    new RespWriter(connection.output(), 2).error(error);
  }

  /// A session is gone, or begins anew: it hears nothing more.
  private void forget(Session session) {
    pubSub.end(session);
    monitors.end(session, engine);
  }

  void connectionClosed() {
    traffic.leave();
  }

  void protocolError(ClientConnection client, String error) {
    if (log.isOn(Log.Level.VERBOSE)) {
      log.verbose("Protocol error (" + error + ") from client: " + client.address());
    }
  }

  void queryBufferExceeded(ClientConnection client) {
    log.warning(
        "Closing client that reached max query buffer length: id="
            + client.session.id
            + " addr="
            + client.address());
  }

  void outOfMemory(ClientConnection client, OutOfMemoryError cause) {
    log.warning(
        "Closing client id="
            + client.session.id
            + " addr="
            + client.address()
            + ", as there was no memory for its request: "
            + cause.getMessage());
  }

  void outputExceeded(ClientConnection client, long pendingBytes) {
    log.warning(
        "Client id="
            + client.session.id
            + " addr="
            + client.address()
            + " omem="
            + pendingBytes
            + " scheduled to be closed ASAP for overcoming of output buffer limits.");
  }

  /// Whether so much unsent output is within limits: 0 yes, 1 beyond the soft limit, -1 close it.
  int outputVerdict(Session session, long pendingBytes, long softSinceMillis, long nowMillis) {
    OutputLimits.Limit limit = limitOf(session);
    long counted = pendingBytes - UNCOUNTED_OUTPUT_BYTES;
    if (limit.hardBytes() > 0 && counted >= limit.hardBytes()) {
      return -1;
    }
    if (limit.softBytes() > 0 && counted >= limit.softBytes()) {
      return softSinceMillis != 0 && nowMillis - softSinceMillis > limit.softSeconds() * 1000L
          ? -1
          : 1;
    }
    return 0;
  }

  /// Bytes of output from which on a session's connection closes.
  long hardLimit(Session session) {
    long bytes = limitOf(session).hardBytes();
    return bytes > 0 && bytes < Long.MAX_VALUE - UNCOUNTED_OUTPUT_BYTES
        ? bytes + UNCOUNTED_OUTPUT_BYTES
        : Long.MAX_VALUE;
  }

  private OutputLimits.Limit limitOf(Session session) {
    return session.subscribed() ? outputLimits.pubsub() : outputLimits.normal();
  }

  /// Ten times a second on each loop.
  void cron(LoopSide side) {
    if (side.loop.index() == 0) {
      rates.sample(clock.millis(), engine.count(Engine.Count.COMMANDS), traffic.totals());
      memory.sample(heap.liveBytes());
    }
    long idle = idleSeconds * 1000;
    for (ClientConnection client : side.connections) {
      Session session = client.session;
      client.checkOutput();
      if (idle > 0
          && side.loop.now() - client.lastInteractionMillis() > idle
          && !session.isParked()
          && !session.monitors
          && !session.subscribed()) {
        log.verbose("Closing idle client");
        client.connection.closeAsap("idle");
      }
    }
  }

  // ── incidents ──

  private final class CommandIncidents implements Engine.Incidents {
    private final AtomicLong lastAttackMillis = new AtomicLong(Long.MIN_VALUE);

    @Override
    public void bug(String where, Throwable bug) {
      log.warning("A bug, " + where + ": " + trace(bug));
    }

    @Override
    public void diverged(Command command, Throwable cause) {
      log.warning(
          "What "
              + command.name
              + " did couldn't be recorded, so that replicas and files would not have it: the"
              + " server stops. "
              + trace(cause));
      fail();
    }

    @Override
    public void crossProtocol(Session session) {
      long now = clock.millis();
      long last = lastAttackMillis.get();
      if (now - 60_000 >= last && lastAttackMillis.compareAndSet(last, now)) {
        log.warning(
            "Possible SECURITY ATTACK detected: a client sends POST or Host:, as a browser does"
                + " that a web page uses to reach this server (cross-protocol scripting)."
                + " Connection from "
                + session.outlet.address()
                + " aborted.");
      }
    }
  }

  @Override
  public void uncaught(Throwable cause, @Nullable Connection connection) {
    log.warning("A bug: " + trace(cause));
  }

  @Override
  public void loopEnded(Loop loop) {
    log.warning("Event loop " + loop.index() + " has ended by an error. Stopping the server.");
    fail();
  }

  @Override
  public void acceptFailed(Listener listener, IOException cause) {
    log.warning("Accepting client connection: " + cause.getMessage());
  }

  @Override
  public void addressSkipped(String message) {
    log.warning("Warning: " + message);
  }

  @Override
  public void optionRefused(String message) {
    log.warning("A connection's socket does without an option: " + message);
  }

  private static String trace(Throwable bug) {
    StringBuilder text = new StringBuilder(bug.toString());
    for (Throwable cause = bug; cause != null; cause = cause.getCause()) {
      for (StackTraceElement element : cause.getStackTrace()) {
        text.append("\n    at ").append(element);
      }
    }
    return text.toString();
  }

  // ── what observers ask ──

  @Override
  public String transport() {
    return net != null && net.transport() == TransportChoice.IO_URING ? "io_uring" : "nio";
  }

  @Override
  public List<String> listeners() {
    List<String> lines = new ArrayList<>();
    if (port() != 0) {
      StringBuilder line = new StringBuilder("name=tcp");
      for (String address : config.get(Settings.BIND)) {
        line.append(",bind=").append(address);
      }
      lines.add(line.append(",port=").append(port()).toString());
    }
    String socket = config.text(Settings.UNIXSOCKET);
    if (!socket.isEmpty()) {
      lines.add("name=unix,bind=" + socket);
    }
    return lines;
  }

  private HeapStats heapStats() {
    return heap.stats();
  }

  /// What all loops have counted since the start.
  private Traffic.Totals counted() {
    long bytesIn = 0, bytesOut = 0, reads = 0, writes = 0, turns = 0, turnNanos = 0, runNanos = 0;
    for (LoopSide side : sides) {
      LoopCounts counts = side.loop.counts();
      bytesIn += counts.bytesIn();
      bytesOut += counts.bytesOut();
      reads += counts.reads();
      writes += counts.writes();
      turns += counts.turns();
      turnNanos += counts.turnNanos();
      runNanos += counts.runNanos();
    }
    return new Traffic.Totals(bytesIn, bytesOut, reads, writes, turns, turnNanos, runNanos);
  }

  @Override
  public void stop() {
    requestStop();
  }

  @Override
  public void log(String line) {
    log.warning(line);
  }

  // ── the end ──

  @Override
  public void sleep(long millis) {
    try {
      if (stopRequested.await(millis, TimeUnit.MILLISECONDS)) {
        return; // it is to stop
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Has the server stopped by whoever waits in [#awaitStop]. Any thread, loops too.
  public void requestStop() {
    engine.stopping = true;
    stopRequested.countDown();
  }

  /// Has it stopped because it can't go on.
  private void fail() {
    failed = true;
    requestStop();
  }

  /// Whether it stops by a failure of its own.
  public boolean failed() {
    return failed;
  }

  /// Waits for SHUTDOWN or [#requestStop].
  public void awaitStop() throws InterruptedException {
    stopRequested.await();
  }

  /// The same, so long at most. Returns whether it is to stop.
  boolean awaitStop(long millis) throws InterruptedException {
    return stopRequested.await(millis, TimeUnit.MILLISECONDS);
  }

  /// Ends everything; whoever calls it while another does waits for that.
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
    stopRequested.countDown(); // for whoever sleeps on a loop
    if (net != null) {
      net.close();
    }
    for (LoopSide side : sides) {
      side.pump.dispatcher.close();
    }
    keyspace.close();
    heap.close();
  }

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
