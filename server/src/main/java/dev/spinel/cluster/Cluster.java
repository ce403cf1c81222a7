package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Session;
import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.persist.FileClaim;
import dev.spinel.persist.Persistence;
import dev.spinel.replication.NativeChunks;
import dev.spinel.replication.PeerThread;
import dev.spinel.replication.Replication;
import dev.spinel.replication.ReplicationEvent;
import dev.spinel.replication.Standing;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One node of a cluster: the shell around its [ClusterMachine].
///
/// **Threads.** Whoever has news tells it ([#tell]) on its own thread: it takes the machine's lock
/// and has the machine take its step. Nobody who holds that lock waits for anything. What follows
/// for links and clients is done at once, or by the thread that owns it. What follows for data (who
/// may ask for which slot, the role, keys that go) needs a stopped world: it stays in a queue, in
/// order, until somebody who has one comes by, a CLUSTER command or `spinel-cluster`, which is
/// woken. So neither a stopped world nor a long command holds up a heartbeat, and a client that
/// changes the slots has its reply only when the change holds.
///
/// ```
///   links' thread   bytes of other nodes, the clock ──► tell ┐              ┌─► links, log, replies
///   clients         CLUSTER … (stopped world) ────────► tell ┼─► machine ───┼─► spinel-nodes: nodes.conf
///   spinel-nodes    nodes.conf is written ────────────► tell ┘   (lock)     └─► queue of what concerns data
///                                                                                │ stopped world
///                                                     SlotData, Replication ◄────┘
/// ```
///
/// **Alive or not.** The links' thread would answer heartbeats while the data hangs. So this node
/// falls silent once a data loop has stood still for the node timeout, and at once in DEBUG SLEEP.
///
/// Decisions: `docs/adr/047-cluster-shell.md`.
public final class Cluster implements AutoCloseable {
  private static final long TICK_MILLIS = 100;
  private static final long FIRST_MILLIS = 1000; // of the steps' clock: 0 means never
  private static final int BUS_OFFSET = 10_000;
  private static final long PAUSE_MOST_MILLIS = 2_000; // of slots that are handed over

  /// What CLUSTER is answered. Any thread.
  public interface Answer {
    /// @param text of RESP, each character a byte
    void is(String text);

    /// `nodes.conf` has to be written before there is an answer, and whoever asks does it, or has
    /// it done ([#writeLater]). At once, if at all.
    void saves(Runnable write);
  }

  /// This node takes writes for so long, on the clock of [System#nanoTime].
  private record Term(long sinceNanos, long untilNanos) {}

  private final Config config;
  private final ConfigLog log;
  private final Engine engine;
  private final Replication replication;
  private final Persistence persistence;
  private final PeerThread thread;
  private final SlotData data;
  private final Consumer<String> fatal;
  private final SecureRandom random = new SecureRandom();
  private final long began = System.nanoTime();
  private final ReentrantLock lock = new ReentrantLock();
  private final ClusterMachine machine; // lock
  private final ArrayDeque<ClusterEvent> events = new ArrayDeque<>(); // lock
  private final Map<Long, Answer> asking = new HashMap<>(); // lock
  private long lastClient; // lock
  private ClusterAction.@Nullable Export granted; // lock; of the SYNCSLOTS at hand
  private @Nullable Dispatcher stepsIn; // whose stopped world the step has; lock
  private @Nullable Answer stepsFor; // who writes what it changes; lock
  private boolean isStepping; // lock
  private boolean isStarted; // lock
  private final List<ClusterEvent> early = new ArrayList<>(); // lock; asked before it was

  private final Map<Long, PeerLink> links = new HashMap<>(); // the links' thread
  private final Map<Long, Long> unsent = new ConcurrentHashMap<>(); // bytes by link
  private long acceptedLinks; // the links' thread

  private final ConcurrentLinkedQueue<Consumer<Dispatcher>> forData = new ConcurrentLinkedQueue<>();
  private final ExecutorService worker =
      Executors.newSingleThreadExecutor(
          action -> Thread.ofPlatform().daemon().name("spinel-cluster").unstarted(action));
  private final ExecutorService disk =
      Executors.newSingleThreadExecutor(
          action -> Thread.ofPlatform().daemon().name("spinel-nodes").unstarted(action));

  private final ExecutorService syncing =
      Executors.newSingleThreadExecutor(
          action -> Thread.ofPlatform().daemon().name("spinel-sync").unstarted(action));
  private final AtomicBoolean syncs = new AtomicBoolean(); // it is going to
  private final AtomicBoolean works = new AtomicBoolean(); // so is spinel-cluster
  private final NodesDisk nodesDisk;

  private final MoveEvents moveEvents = new MoveEvents();
  private final NativeChunks chunks = new NativeChunks();
  private final Map<String, SlotReceiver> receivers = new ConcurrentHashMap<>();
  private volatile @Nullable SlotSender sender; // stopped world; slots go out one move at a time

  private volatile ClusterView view;
  private volatile boolean awaitsOffset;
  private volatile long dropped = -1; // a type of messages
  private @Nullable ClusterView queued; // the last that the data was shown, or is going to be; lock
  private volatile Term lease = new Term(0, 0);
  private volatile long sleepsUntilNanos;
  private volatile boolean isReady; // the data is loaded
  private volatile boolean isClosed;
  private boolean isSilent; // the links' thread
  private boolean linkWasUp; // the links' thread
  private @Nullable FileClaim claim; // the starting thread
  private int busPort; // immutable after the start

  /// @param thread where links to other nodes live
  /// @param fatal is told why the server can't go on
  public Cluster(
      Config config,
      ConfigLog log,
      Engine engine,
      Replication replication,
      Persistence persistence,
      PeerThread thread,
      SlotData data,
      Consumer<String> fatal) {
    this.config = config;
    this.log = log;
    this.engine = engine;
    this.replication = replication;
    this.persistence = persistence;
    this.thread = thread;
    this.data = data;
    this.fatal = fatal;
    nodesDisk = new NodesDisk(config, log);
    machine = new ClusterMachine(ClusterPolicy.usual(config.intOf(Settings.PORT)), new World());
    view = machine.view();
  }

  // ── the start ──

  /// Reads `nodes.conf` and listens on the bus. Clients' ports are open by now, the data isn't
  /// loaded yet. Errors: the message says what is wrong and what can be done.
  ///
  /// @param hasData whether there is data to load
  public void start(boolean hasData) throws IOException {
    boolean encrypted = config.get(Settings.TLS_CLUSTER);
    int port = config.intOf(encrypted ? Settings.TLS_PORT : Settings.PORT);
    busPort = config.intOf(Settings.CLUSTER_PORT);
    if (busPort == 0) {
      busPort = port + BUS_OFFSET;
    }
    if (busPort > 65535) {
      throw new IOException(
          "Redis port number too high for cluster mode. Cluster bus port number may be overridden"
              + " with cluster-port.");
    }
    if (busPort == config.intOf(Settings.PORT) || busPort == config.intOf(Settings.TLS_PORT)) {
      throw new IOException(
          "cluster-port " + busPort + " is also this node's port for clients: choose another.");
    }
    Path file = config.path(Settings.CLUSTER_CONFIG_FILE);
    try {
      claim = FileClaim.of(file, FileClaim.thisProcess(port));
    } catch (FileClaim.Held e) {
      throw new IOException(
          "The cluster configuration file "
              + file
              + " is in use by "
              + e.holder()
              + ". Give this node a file of its own: add the line 'cluster-config-file nodes-"
              + port
              + ".conf' to its configuration.",
          e);
    }
    NodesFile.Contents contents = nodesDisk.read();
    try {
      thread.listen(config.get(Settings.BIND), busPort, encrypted, this::accepted);
    } catch (IOException e) {
      throw new IOException(
          "Failed listening on port "
              + busPort
              + " (cluster), aborting. "
              + e.getMessage()
              + ". The other nodes reach this one there; cluster-port chooses another.",
          e);
    }
    tell(new ClusterEvent.Configured(policy()));
    tell(new ClusterEvent.Started(contents, !hasData));
    replication.replicaIf(() -> !view.myself().isPrimary());
    NodeView primary = view.node(view.myself().primary());
    if (primary != null && !primary.ip().isEmpty()) {
      replication.startsWith(new Address(primary.ip(), primary.port()));
    }
    for (var setting : ClusterPolicy.SETTINGS) {
      config.onChange(setting, changed -> configured());
    }
    replication.onStanding(() -> thread.post(this::standingChanged));
    thread.post(this::tick);
  }

  /// The data is loaded.
  public void loaded() {
    inStoppedWorld(
        stopped -> {
          isReady = true;
          tell(new ClusterEvent.Loaded(), stopped);
        });
  }

  private void configured() {
    tell(new ClusterEvent.Configured(policy()));
  }

  private ClusterPolicy policy() {
    return ClusterPolicy.of(config, busPort);
  }

  // ── for gates and commands: any thread ──

  public ClusterView view() {
    return view;
  }

  /// Until when this node takes writes, on the clock of [System#nanoTime]; [Long#MAX_VALUE]: for
  /// good.
  public long leaseUntilNanos() {
    Term now = lease;
    return engine.uncounted.endNanos(now.sinceNanos, now.untilNanos);
  }

  /// What this node has written as a primary, or applied as a replica; 0 while there is nothing
  /// that it could go on from, as it copies all data. Any thread.
  public long offset() {
    Standing now = replication.standing();
    return now.isReplica() && now.link().offset() < 0 ? 0 : replication.offset();
  }

  /// Bytes that wait on all links. Any thread.
  long unsentBytes() {
    long sum = 0;
    for (long bytes : unsent.values()) {
      sum += bytes;
    }
    return sum;
  }

  /// CLUSTER with these arguments, in a stopped world. The answer comes at once, or later, once
  /// `nodes.conf` is written.
  public void ask(List<String> arguments, Dispatcher stopped, Answer answer) {
    long client;
    lock.lock();
    try {
      client = ++lastClient;
      asking.put(client, answer);
    } finally {
      lock.unlock();
    }
    tell(new ClusterEvent.Asked(client, arguments), stopped, answer);
  }

  /// PUBLISH or SPUBLISH: other nodes are to have it, too. Any thread, under any lock.
  public void publish(byte[] channel, byte[] message, boolean sharded) {
    thread.post(() -> tell(new ClusterEvent.Publish(channel, message, sharded)));
  }

  /// The data stands still from now on, for so long: nobody is to believe that it is served.
  public void sleeps(long millis) {
    sleepsUntilNanos = System.nanoTime() + millis * 1_000_000;
    thread.post(this::look);
  }

  /// A line for the log. Any thread.
  public void warn(String line) {
    log.log('#', line);
  }

  // ── for tests: DEBUG ──

  /// Drops what comes of the type with this number; -1: nothing. Any thread.
  public void dropMessages(long type) {
    dropped = type;
  }

  /// Breaks the links to the node with this id, from it, or both. Returns whether it is known. Any
  /// thread.
  public boolean breakLinks(String node, boolean to, boolean from) {
    if (view.node(node) == null) {
      return false;
    }
    lock.lock();
    try {
      for (BusLinks.BusLink link : machine.links().ofNodes()) {
        ClusterNode of = link.node;
        if (of != null && of.id.equals(node) && (link.inbound ? from : to)) {
          breakLink(link.id);
        }
      }
    } finally {
      lock.unlock();
    }
    return true;
  }

  /// First for the machine, and in the view, so that whoever asked sees that it is so.
  private void breakLink(long id) {
    machine.changed();
    tell(new ClusterEvent.LinkEnded(id, "killed"));
    thread.post(() -> close(new ClusterAction.Close(id, "killed")));
  }

  // ── steps ──

  private long now() {
    return (System.nanoTime() - began) / 1_000_000 + FIRST_MILLIS;
  }

  /// On the clock of [System#nanoTime].
  private long nanos(long millis) {
    return began + (millis - FIRST_MILLIS) * 1_000_000;
  }

  private void tell(ClusterEvent event) {
    tell(event, null);
  }

  /// Any thread, under no slot's lock. With a stopped world all that follows for the data is done
  /// when this returns; else it is done soon.
  private void tell(ClusterEvent event, @Nullable Dispatcher stopped) {
    tell(event, stopped, null);
  }

  /// @param by whoever asks, and writes what is only to be written
  private void tell(ClusterEvent event, @Nullable Dispatcher stopped, @Nullable Answer by) {
    lock.lock();
    try {
      if (!isStarted && event instanceof ClusterEvent.Asked) {
        early.add(event); // `nodes.conf` isn't read yet: what is done now would be forgotten
        return;
      }
      events.add(event);
      if (event instanceof ClusterEvent.Started) {
        isStarted = true;
        events.addAll(early);
        early.clear();
      }
      if (isStepping) {
        return; // from within an action: whoever performs it goes on with this
      }
      isStepping = true;
      stepsIn = stopped;
      stepsFor = by;
      try {
        for (ClusterEvent next; !isClosed && (next = events.poll()) != null; ) {
          for (ClusterAction action : machine.step(now(), engine.clock.millis(), next)) {
            perform(action);
          }
        }
        publish();
      } finally {
        isStepping = false;
        stepsIn = null;
        stepsFor = null;
      }
    } finally {
      lock.unlock();
    }
    if (stopped != null) {
      work(stopped);
    } else if (isReady && !forData.isEmpty()) {
      workLater();
    }
  }

  private void workLater() {
    try {
      if (works.compareAndSet(false, true)) {
        worker.execute(this::workNow);
      }
    } catch (RejectedExecutionException e) {
      assert isClosed;
    }
  }

  /// The world stands still only if somebody else hasn't done it meanwhile.
  private void workNow() {
    works.set(false);
    if (!forData.isEmpty()) {
      inStoppedWorld(this::work);
    }
  }

  /// What gates and commands see from now on.
  private void publish() {
    awaitsOffset = machine.awaitsOffset();
    ClusterView now = machine.view();
    view = now;
    ClusterView before = queued;
    if (before == null || !now.servesAs(before)) {
      queued = now;
      forData.add(stopped -> data.show(now, stopped));
    }
  }

  /// In a stopped world.
  private void work(Dispatcher stopped) {
    if (!isReady) {
      return;
    }
    for (Consumer<Dispatcher> next; (next = forData.poll()) != null; ) {
      next.accept(stopped);
    }
  }

  private void inStoppedWorld(Consumer<Dispatcher> action) {
    if (isClosed) {
      return;
    }
    try (Dispatcher dispatcher = engine.dispatcher()) {
      dispatcher.turnBegins();
      try {
        engine.keyspace.world().stop(dispatcher.seat(), () -> action.accept(dispatcher));
      } finally {
        dispatcher.turnEnds();
      }
    }
  }

  private void perform(ClusterAction action) {
    switch (action) {
      case ClusterAction.Log line -> log.log(mark(line.level()), line.text());
      case ClusterAction.Dial dial -> thread.post(() -> dial(dial));
      case ClusterAction.Send send -> thread.post(() -> send(send));
      case ClusterAction.Close close -> thread.post(() -> close(close));
      case ClusterAction.Save save -> save(save, stepsFor);
      case ClusterAction.Sync _ -> syncLater();
      case ClusterAction.Reply reply -> {
        Answer answer = asking.remove(reply.client());
        if (answer != null) {
          answer.is(reply.text());
        }
      }
      case ClusterAction.Follow follow -> {
        Address primary = new Address(follow.host(), follow.port());
        forData.add(
            stopped -> {
              replication.tell(
                  new ReplicationEvent.PrimaryNamed(primary, "", follow.hasOtherData()), stopped);
              if (follow.hasOtherData()) {
                replication.onceNoted(() -> tell(new ClusterEvent.Disowned(follow.number())));
              }
            });
      }
      case ClusterAction.Promote _ ->
          forData.add(stopped -> replication.tell(new ReplicationEvent.PromotionAsked(), stopped));
      case ClusterAction.Flush _ -> forData.add(data::flush);
      case ClusterAction.DropKeys drop -> {
        SlotSet slots = drop.slots().copy();
        forData.add(stopped -> data.dropKeys(slots, stopped));
      }
      case ClusterAction.DropChannels drop -> {
        SlotSet slots = drop.slots().copy();
        forData.add(stopped -> data.dropChannels(slots, stopped));
      }
      case ClusterAction.PauseWrites pause ->
          forData.add(
              stopped -> {
                data.pauseWrites(pause.millis(), stopped);
                if (pause.millis() > 0) tell(new ClusterEvent.WritesPaused(pause.pause()), stopped);
              });
      case ClusterAction.Import begin -> receive(begin);
      case ClusterAction.EndImport end -> {
        SlotReceiver receiver = receivers.remove(end.move());
        if (receiver != null) {
          receiver.end();
        }
      }
      case ClusterAction.AwaitTail await -> {
        SlotReceiver receiver = receivers.get(await.move());
        if (receiver == null) {
          tell(new ClusterEvent.MoveFailed(await.move(), "there is no stream"));
        } else {
          receiver.await(await.total());
        }
      }
      case ClusterAction.Export export -> granted = export;
      case ClusterAction.PauseMove pause -> {
        SlotSet slots = pause.slots();
        forData.add(stopped -> pauseMove(pause.move(), slots, stopped));
      }
      case ClusterAction.EndMove end -> {
        publish(); // clients that have waited go by what is shown
        forData.add(
            stopped -> {
              SlotSender sending = sender;
              if (sending != null && sending.id.equals(end.move())) {
                sender = null;
                sending.end();
              }
              data.resumeSlots(end.move(), stopped);
            });
      }
      case ClusterAction.Purge purge -> {
        SlotSet slots = purge.slots().copy();
        publish(); // whoever purges goes by what is shown
        forData.add(stopped -> data.purge(slots, empty -> tell(new ClusterEvent.Purged(empty))));
      }
      case ClusterAction.Deliver message ->
          thread.post(() -> data.deliver(message.channel(), message.message(), message.sharded()));
      case ClusterAction.Lease term -> {
        long until = term.untilMillis();
        lease = new Term(nanos(term.sinceMillis()), until == Long.MAX_VALUE ? until : nanos(until));
        data.leaseRenewed();
      }
    }
  }

  // ── slots that move whole ──

  private void receive(ClusterAction.Import begin) {
    SlotReceiver receiver = new SlotReceiver(begin.move(), engine, thread, config, moveEvents);
    receivers.put(begin.move(), receiver);
    receiver.begin(machine.view().myself().id(), begin);
  }

  /// CLUSTER SYNCSLOTS: another node asks for slots, in a stopped world. Returns why it can't have
  /// them, or null: then they are sent over the session's connection.
  @Nullable String send(List<String> arguments, Session session, Dispatcher stopped) {
    if (sender != null) {
      return "-ERR this node sends other slots just now\r\n";
    }
    String[] reply = {null};
    ask(
        arguments,
        stopped,
        new Answer() {
          @Override
          public void is(String text) {
            reply[0] = text;
          }

          @Override
          public void saves(Runnable write) {
            writeLater(write);
          }
        });
    ClusterAction.Export export = granted();
    if (export == null) {
      String refused = reply[0]; // not yet if replies are held
      return refused != null && refused.startsWith("-")
          ? refused
          : "-ERR this node can't send slots just now\r\n";
    }
    SlotSender made =
        new SlotSender(
            export.move(),
            export.slots(),
            session,
            engine,
            persistence,
            chunks,
            Path.of(config.text(Settings.DIR)),
            moveEvents);
    sender = made;
    try {
      made.begin();
    } catch (RuntimeException | OutOfMemoryError e) { // of memory, or of threads
      sender = null;
      made.end();
      String why = "the slots can't be sent: " + e;
      tell(new ClusterEvent.MoveFailed(export.move(), why), stopped);
      return "-ERR " + why.replaceAll("[\r\n]", " ") + "\r\n";
    }
    return null;
  }

  private ClusterAction.@Nullable Export granted() {
    lock.lock();
    try {
      ClusterAction.Export export = granted;
      granted = null;
      return export;
    } finally {
      lock.unlock();
    }
  }

  /// The target tells how far it is. The session's thread.
  void applied(Session session, long bytes) {
    SlotSender sending = sender;
    if (sending != null && sending.session == session) {
      sending.applied(bytes);
    }
  }

  /// A connection has closed. The session's thread.
  public void closed(Session session) {
    SlotSender sending = sender;
    if (sending != null && sending.session == session) {
      sending.gone();
      tell(new ClusterEvent.MoveFailed(sending.id, "the target's connection has closed"));
    }
  }

  private void pauseMove(String move, SlotSet slots, Dispatcher stopped) {
    SlotSender sending = sender;
    if (sending == null || !sending.id.equals(move)) {
      tell(new ClusterEvent.MoveFailed(move, "there is no stream"));
      return;
    }
    data.pauseSlots(move, slots, stopped);
    sending.pause();
    thread.post(() -> thread.peers().after(PAUSE_MOST_MILLIS, () -> pausedTooLong(move)));
  }

  /// The machine gives the move up if the slots aren't handed over yet, and that ends the pause.
  private void pausedTooLong(String move) {
    forData.add(stopped -> data.pausedTooLong(move));
    tell(new ClusterEvent.MoveFailed(move, "the clients were paused for too long"));
  }

  private void holdWritersOf(String move, boolean wait, Dispatcher stopped) {
    SlotSender sending = sender;
    if (sending != null && sending.id.equals(move)) {
      data.holdWriters(move, wait ? sending.slots : new SlotSet(), stopped);
      log.log(
          '-', "Move " + move + ": clients that write to its slots " + (wait ? "wait" : "go on"));
    }
  }

  /// Bytes of slots that have come in or gone out so far, of a move that is under way.
  long movedBytes(String move) {
    SlotReceiver receiver = receivers.get(move);
    SlotSender sending = sender;
    if (receiver != null) {
      return receiver.appliedBytes();
    }
    return sending != null && sending.id.equals(move) ? sending.sentBytes() : 0;
  }

  private final class MoveEvents implements SlotSender.Owner, SlotReceiver.Owner {
    @Override
    public void ready(String move) {
      thread.post(() -> tell(new ClusterEvent.MoveReady(move)));
    }

    @Override
    public void paused(String move, long total) {
      tell(new ClusterEvent.MovePaused(move, total)); // at once: clients wait
    }

    @Override
    public void staged(String move) {
      engine.journal.merge();
      long position = engine.journal.position();
      if (isWritten(position)) {
        tell(new ClusterEvent.MoveStaged(move, replication.offset())); // at once: clients wait
      } else {
        thread.post(() -> awaitWritten(move, position));
      }
    }

    /// Whether it is in the append-only file, if there is one.
    private boolean isWritten(long position) {
      return engine.journal.merged() >= position && persistence.writtenPosition() >= position;
    }

    /// What was applied has to be in the append-only file: if this process is killed once the slots
    /// are its own, nobody else has it. The links' thread.
    private void awaitWritten(String move, long position) {
      if (!isWritten(position) && receivers.containsKey(move)) {
        thread.peers().after(1, () -> awaitWritten(move, position));
      } else {
        tell(new ClusterEvent.MoveStaged(move, replication.offset()));
      }
    }

    @Override
    public void failed(String move, String reason) {
      thread.post(() -> tell(new ClusterEvent.MoveFailed(move, reason)));
    }

    @Override
    public void holdWriters(String move, boolean wait) {
      forData.add(stopped -> holdWritersOf(move, wait, stopped));
      workLater();
    }
  }

  private static char mark(ClusterAction.Level level) {
    return switch (level) {
      case DEBUG -> '.';
      case VERBOSE -> '-';
      case NOTICE -> '*';
      case WARNING -> '#';
    };
  }

  private void syncLater() {
    try {
      if (syncs.compareAndSet(false, true)) {
        syncing.execute(this::sync);
      }
    } catch (RejectedExecutionException e) {
      assert isClosed;
    }
  }

  /// Brings `nodes.conf` to the disk as it is now, whatever is written meanwhile.
  private void sync() {
    syncs.set(false);
    try {
      nodesDisk.sync();
    } catch (IOException | RuntimeException e) {
      cantSave(e);
    }
  }

  private void cantSave(Exception e) {
    String why = e instanceof IOException failure ? IoReason.of(failure) : e.toString();
    log.log('#', "Fatal: can't update cluster config file: " + why);
    fatal.accept("nodes.conf can't be written");
  }

  /// What is only written is written by the client's thread that has changed it: nobody has to be
  /// woken for that. What is brought to the disk takes longer.
  private void save(ClusterAction.Save save, @Nullable Answer by) {
    if (by != null && !save.durable() && nodesDisk.onlyWrites()) {
      by.saves(() -> save(save));
    } else {
      writeLater(() -> save(save));
    }
  }

  /// Has `nodes.conf` written: see [Answer#saves].
  void writeLater(Runnable write) {
    try {
      disk.execute(write);
    } catch (RejectedExecutionException e) {
      assert isClosed;
    }
  }

  /// Writes `nodes.conf`. One thread at a time.
  private void save(ClusterAction.Save save) {
    try {
      nodesDisk.save(save.contents(), save.durable());
    } catch (IOException | RuntimeException e) {
      cantSave(e);
      return;
    }
    tell(new ClusterEvent.Saved(save.generation()));
  }

  // ── links: their thread ──

  private void tick() {
    if (isClosed) {
      return;
    }
    look();
    engine.uncounted.look();
    tell(new ClusterEvent.Tick());
    if (awaitsOffset) {
      tell(new ClusterEvent.Applied());
    }
    thread.peers().after(TICK_MILLIS, this::tick);
  }

  private void look() {
    boolean sleeps = System.nanoTime() - sleepsUntilNanos < 0 && sleepsUntilNanos != 0;
    boolean silent = sleeps || isReady && !data.isAlive(config.get(Settings.CLUSTER_NODE_TIMEOUT));
    if (silent != isSilent) {
      isSilent = silent;
      log.log(
          silent ? '#' : '*',
          silent
              ? "The data stands still: this node is silent on the cluster bus, so that others"
                  + " don't believe that it serves."
              : "The data goes on: this node speaks on the cluster bus again.");
      tell(new ClusterEvent.Silenced(silent));
    }
  }

  private void standingChanged() {
    Standing now = replication.standing();
    boolean isUp = now.link().isUp();
    if (linkWasUp && !isUp && now.isReplica()) {
      tell(new ClusterEvent.PrimaryLinkLost());
    }
    linkWasUp = isUp;
    if (awaitsOffset) {
      tell(new ClusterEvent.Applied());
    }
  }

  private void dial(ClusterAction.Dial dial) {
    long id = dial.link();
    PeerLink link =
        thread
            .peers()
            .dial(
                new Address(dial.host(), dial.port()),
                new Peers.Dialling(
                    Math.max(TICK_MILLIS, config.get(Settings.CLUSTER_NODE_TIMEOUT)),
                    config.text(Settings.BIND_SOURCE_ADDR),
                    config.get(Settings.TLS_CLUSTER)),
                new Bus(id));
    links.put(id, link);
  }

  private void send(ClusterAction.Send send) {
    PeerLink link = links.get(send.link());
    if (link != null) {
      link.send(BusCodec.encode(send.message()));
      unsent.put(send.link(), link.unsentBytes());
    }
  }

  private void close(ClusterAction.Close close) {
    PeerLink link = links.remove(close.link());
    unsent.remove(close.link());
    if (link != null) {
      link.close(close.reason());
    }
  }

  private PeerLink.@Nullable Listener accepted(PeerLink link) {
    if (isClosed) {
      return null;
    }
    long id = --acceptedLinks;
    links.put(id, link);
    Bus bus = new Bus(id);
    tell(
        new ClusterEvent.Accepted(
            id, link.remoteHost(), port(link.remoteAddress()), host(link.localAddress())));
    return bus;
  }

  private static String host(String address) {
    int colon = address.lastIndexOf(':');
    String host = colon < 0 ? address : address.substring(0, colon);
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  private static int port(String address) {
    return address.isEmpty()
        ? 0
        : Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
  }

  private final class Bus implements PeerLink.Listener, BusReader.Sink {
    private final long id;
    private final BusReader reader = new BusReader();

    Bus(long id) {
      this.id = id;
    }

    @Override
    public void connected(PeerLink link) {
      String local = link.localAddress();
      tell(new ClusterEvent.Connected(id, link.remoteHost(), host(local), port(local)));
    }

    @Override
    public void received(PeerLink link, byte[] bytes, int from, int to) {
      reader.feed(bytes, from, to, this);
      String error = reader.error();
      if (error != null) {
        link.close(error);
      }
    }

    @Override
    public void drained(PeerLink link, long unsentBytes) {
      unsent.computeIfPresent(id, (any, before) -> unsentBytes);
    }

    @Override
    public void closed(PeerLink link, String reason) {
      if (links.remove(id, link)) {
        unsent.remove(id);
        tell(new ClusterEvent.LinkEnded(id, reason));
      }
    }

    @Override
    public void message(BusMessage message) {
      if (message.header().type().ordinal() == dropped) {
        log.log('#', "Dropping packet that matches debug drop filter");
        return;
      }
      tell(new ClusterEvent.Received(id, message));
    }

    @Override
    public void invalid(String words) {
      tell(new ClusterEvent.Unusable(id, words));
    }
  }

  // ── what the machine asks ──

  /// Under the machine's lock.
  private final class World implements ClusterMachine.World {
    @Override
    public long offset() {
      return Cluster.this.offset();
    }

    @Override
    public long primarySilenceMillis() {
      return replication.primarySilenceMillis();
    }

    @Override
    public long uncountedMillis(long since) {
      return engine.uncounted.millisSince(nanos(since));
    }

    @Override
    public boolean hasCompleteCopy() {
      return replication.standing().isComplete();
    }

    @Override
    public boolean isFollowing() {
      return replication.standing().link().isUp();
    }

    @Override
    public boolean isEmpty() {
      return engine.keyspace.nextUsed(0) < 0;
    }

    /// Who has no stopped world can't count: then there may be some.
    @Override
    public int keysIn(int slot) {
      Dispatcher stopped = stepsIn;
      return stopped == null ? 1 : data.count(slot, stopped);
    }

    @Override
    public long flushes() {
      return engine.flushes();
    }

    @Override
    public long unsentBytes(long link) {
      return unsent.getOrDefault(link, 0L);
    }

    @Override
    public int below(int bound) {
      return random.nextInt(bound);
    }

    @Override
    public String newId() {
      byte[] id = new byte[20];
      random.nextBytes(id);
      return HexFormat.of().formatHex(id);
    }
  }

  /// Nothing more is sent or done. `nodes.conf` is as it was written last.
  @Override
  public void close() {
    if (sender != null) {
      inStoppedWorld(
          stopped -> {
            SlotSender sending = sender;
            sender = null;
            if (sending != null) {
              sending.end();
            }
          });
    }
    isClosed = true;
    receivers.values().forEach(SlotReceiver::end);
    receivers.values().forEach(SlotReceiver::awaitEnd);
    worker.close();
    disk.close();
    syncing.close();
    nodesDisk.end();
    FileClaim held = claim;
    if (held != null) {
      held.close();
    }
  }
}
