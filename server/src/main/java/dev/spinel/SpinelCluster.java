package dev.spinel;

import dev.spinel.cluster.ClusterView;
import dev.spinel.cluster.NodeView;
import dev.spinel.cluster.SlotSet;
import dev.spinel.config.WholeFile;
import dev.spinel.replication.Standing;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/// A cluster in this JVM: primaries, which share the 16,384 slots, and their replicas, each a whole
/// server with its own port, bus and folder.
///
/// ```java
/// try (SpinelCluster cluster = SpinelCluster.of(3, 3).start()) {
///   int port = cluster.nodes().getFirst().port();
///   cluster.nodes().getFirst().stop(); // and a replica takes over
/// }
/// ```
///
/// [Plan#start] returns once all slots are served and all replicas have their primary's data.
///
/// **Files.** Node `node-1` keeps its append-only file, its `nodes.conf` and its log in the folder
/// `node-1`. The file `cluster` beside these says how many nodes there are; it is written once the
/// cluster is formed. A cluster that starts again finds its data, its slots and its roles, at other
/// ports, too.
///
/// All methods may be called by any thread.
public final class SpinelCluster implements AutoCloseable {
  private static final String FORMED = "cluster";
  private static final int MAX_NODES = 200;
  private static final int BUS_OFFSET = 10_000;
  private static final int POLL_MILLIS = 5;
  private static final long FORM_MILLIS = 60_000;
  private static final String LOCALHOST = "127.0.0.1";

  /// What is to be started.
  public static final class Plan {
    private final int primaries;
    private final int replicas;
    private int port;
    private String password = "";
    private @Nullable Path directory;
    private long nodeTimeoutMillis = 5000;
    private final List<String> settings = new ArrayList<>();

    private Plan(int primaries, int replicas) {
      this.primaries = primaries;
      this.replicas = replicas;
    }

    /// The first node listens at this port, the others at those that follow, and each bus 10,000
    /// above. 0, the default: each at any that is free.
    public Plan port(int first) {
      port = first;
      return this;
    }

    /// Clients and nodes have to know it. Empty, the default: there is none.
    public Plan password(String text) {
      password = text;
      return this;
    }

    /// Where data, logs and roles are kept. Without it nothing is kept.
    public Plan directory(Path folder) {
      directory = folder;
      return this;
    }

    /// After which a silent node counts as failed.
    public Plan nodeTimeoutMillis(long millis) {
      nodeTimeoutMillis = millis;
      return this;
    }

    /// A setting of `redis.conf`, for all nodes.
    public Plan with(String name, String value) {
      settings.add(name);
      settings.add(value);
      return this;
    }

    /// Starts all nodes with what is in their folders, and forms a cluster of them if they aren't
    /// one yet.
    ///
    /// Errors: [IllegalArgumentException] for a bad setting, or if the folder holds another number
    /// of nodes; [UncheckedIOException] if a port can't be had, data can't be loaded, or the
    /// cluster doesn't serve within a minute. Nothing runs then.
    public SpinelCluster start() {
      return new SpinelCluster(this);
    }
  }

  /// A cluster of so many primaries, and so many replicas, which are dealt out to them in turn.
  ///
  /// @param primaries at least 3: fewer can't agree on who failed. 0: as many as the folder holds,
  ///   or 3
  /// @param replicas in all; -1: as many as the folder holds, or one for each primary
  public static Plan of(int primaries, int replicas) {
    if (primaries != 0 && primaries < 3) {
      throw new IllegalArgumentException(
          "a cluster has at least 3 primaries, as fewer can't agree that one has failed; not "
              + primaries);
    }
    if (replicas < -1 || primaries + replicas > MAX_NODES) {
      throw new IllegalArgumentException("a cluster has up to " + MAX_NODES + " nodes");
    }
    return new Plan(primaries, replicas);
  }

  /// How a node stands.
  ///
  /// @param id of the node in its cluster; empty while it doesn't run
  /// @param follows the name of the node that it follows, or its id; null: it is a primary
  /// @param slots that it serves, as ranges; empty: none
  /// @param isInSync whether it has its primary's data and gets all changes
  /// @param seesClusterUp whether the cluster can serve, as this node sees it
  /// @param offset the last byte of the stream of changes that it has
  public record Status(
      String node,
      int port,
      boolean isRunning,
      String id,
      @Nullable String follows,
      String slots,
      boolean isInSync,
      boolean seesClusterUp,
      long offset) {
    /// Whether it is a primary.
    public boolean isPrimary() {
      return isRunning && follows == null;
    }
  }

  /// One server of the cluster.
  public final class Node {
    private final String name;
    private final @Nullable Path folder;
    private int port; // the cluster's monitor, like all below
    private int busPort;
    private @Nullable Spinel spinel;
    private @Nullable OutputStream log;
    private String lastId = "";

    private Node(String name, @Nullable Path folder, int port, int busPort) {
      this.name = name;
      this.folder = folder;
      this.port = port;
      this.busPort = busPort;
    }

    public String name() {
      return name;
    }

    /// The TCP port that clients connect to.
    public int port() {
      synchronized (SpinelCluster.this) {
        return port;
      }
    }

    /// Where its files are, or null.
    public @Nullable Path folder() {
      return folder;
    }

    /// Ends it, as SHUTDOWN does. The others go on.
    public void stop() {
      stopNode(this);
    }

    /// Starts it again. It finds the others, and its part.
    public void start() {
      startNode(this);
    }
  }

  private final List<Node> nodes = new ArrayList<>();
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private final Plan plan;
  private final int primaries;
  private @Nullable Path temporary; // the monitor
  private boolean closed; // the monitor

  private SpinelCluster(Plan plan) {
    this.plan = plan;
    int[] held = held(plan.directory);
    if (held.length > 0
        && (plan.primaries != 0 && plan.primaries != held[0]
            || plan.replicas >= 0 && plan.replicas != held[1])) {
      throw new IllegalArgumentException(
          "the folder "
              + plan.directory
              + " holds a cluster that was made of "
              + held[0]
              + " primaries and "
              + held[1]
              + " replicas");
    }
    primaries = held.length > 0 ? held[0] : plan.primaries == 0 ? 3 : plan.primaries;
    int replicas = held.length > 0 ? held[1] : plan.replicas < 0 ? primaries : plan.replicas;
    int count = primaries + replicas;
    if (plan.port < 0 || plan.port > 0 && plan.port + count - 1 + BUS_OFFSET > 65535) {
      throw new IllegalArgumentException(
          "there are no "
              + count
              + " ports from "
              + plan.port
              + " on, with a bus port 10000 above each");
    }
    for (int i = 0; i < count; i++) {
      Path folder = plan.directory == null ? null : plan.directory.resolve("node-" + (i + 1));
      int port = plan.port == 0 ? NodePlaces.freePort() : plan.port + i;
      int bus = plan.port == 0 ? NodePlaces.freePort() : port + BUS_OFFSET;
      nodes.add(new Node("node-" + (i + 1), folder, port, bus));
    }
    checkPorts();
    try {
      startAll();
      if (held.length == 0) {
        form(replicas);
      }
      awaitServing(FORM_MILLIS);
      if (held.length == 0) {
        noteFormed(replicas);
      }
    } catch (InterruptedException e) {
      close();
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException("interrupted", e));
    } catch (IOException e) {
      close();
      throw new UncheckedIOException(e.getMessage(), e);
    } catch (Throwable t) {
      close();
      throw t;
    }
  }

  /// A port that is another node's bus port would make for strange errors later.
  private void checkPorts() {
    for (Node node : nodes) {
      for (Node other : nodes) {
        if (node.port == other.busPort) {
          throw new IllegalArgumentException(
              "port "
                  + node.port
                  + " of "
                  + node.name
                  + " is also the bus port of "
                  + other.name
                  + ": choose another first port");
        }
      }
    }
  }

  // ── the file `cluster` ──

  /// Primaries and replicas; empty if there is no file.
  private static int[] held(@Nullable Path directory) {
    if (directory == null || !Files.exists(directory.resolve(FORMED))) {
      return new int[0];
    }
    Path file = directory.resolve(FORMED);
    try {
      String[] words = Files.readString(file).trim().split("\\s+");
      if (words.length == 4 && words[0].equals("primaries") && words[2].equals("replicas")) {
        return new int[] {Integer.parseInt(words[1]), Integer.parseInt(words[3])};
      }
    } catch (IOException e) {
      throw new UncheckedIOException("can't read " + file + ": " + e.getMessage(), e);
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException(file + ": 'primaries N replicas M' was expected");
  }

  private void noteFormed(int replicas) throws IOException {
    if (plan.directory != null) {
      String text = "primaries " + primaries + " replicas " + replicas + "\n";
      WholeFile.replace(plan.directory.resolve(FORMED), text.getBytes(StandardCharsets.US_ASCII));
    }
  }

  // ── forming ──

  /// All at once: each waits for the others, and for its disk.
  private void startAll() throws IOException, InterruptedException {
    List<FutureTask<Void>> starts = new ArrayList<>();
    for (Node node : nodes) {
      FutureTask<Void> start = new FutureTask<>(() -> startNode(node), null);
      Thread.ofVirtual().start(start);
      starts.add(start);
    }
    Throwable failure = null;
    for (FutureTask<Void> start : starts) {
      try {
        start.get();
      } catch (ExecutionException e) {
        failure = e.getCause();
      }
    }
    if (failure instanceof RuntimeException known) {
      throw known;
    }
    if (failure != null) {
      throw new IOException(failure);
    }
  }

  /// A cluster that was being formed when its process ended is formed to its end.
  private void form(int replicas) throws IOException, InterruptedException {
    for (int i = 0; i < primaries; i++) {
      ClusterView view = view(nodes.get(i));
      int first = (int) ((long) i * SlotSet.SLOTS / primaries);
      int last = (int) ((long) (i + 1) * SlotSet.SLOTS / primaries) - 1;
      if (view.myself().slots().isEmpty()) {
        say(nodes.get(i), "CLUSTER", "ADDSLOTSRANGE", "" + first, "" + last);
      }
      if (view.nodes().size() == 1 && view.myself().configEpoch() == 0) {
        say(nodes.get(i), "CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
      }
    }
    Node first = nodes.getFirst();
    for (Node node : nodes) {
      if (node != first) {
        say(node, "CLUSTER", "MEET", LOCALHOST, "" + first.port, "" + first.busPort);
      }
    }
    long end = System.nanoTime() + FORM_MILLIS * 1_000_000;
    for (int i = 0; i < replicas; i++) {
      Node replica = nodes.get(primaries + i);
      String primary = view(nodes.get(i % primaries)).myself().id();
      while (view(replica).node(primary) == null) {
        pause(end, replica.name + " doesn't meet the others");
      }
      if (view(replica).myself().isPrimary()) {
        say(replica, "CLUSTER", "REPLICATE", primary);
      }
    }
  }

  private void say(Node node, String... command) throws IOException {
    try (Client client = Client.connect(LOCALHOST, node.port)) {
      if (!plan.password.isEmpty()) {
        client.command("AUTH", plan.password);
      }
      if (client.command(command) instanceof RespValue.Error refusal) {
        throw new IOException(node.name + ": " + String.join(" ", command) + ": " + refusal.text());
      }
    }
  }

  private static void pause(long endNanos, String otherwise)
      throws IOException, InterruptedException {
    if (System.nanoTime() - endNanos > 0) {
      throw new IOException(otherwise);
    }
    Thread.sleep(POLL_MILLIS);
  }

  private static ClusterView view(Node node) {
    Spinel spinel = node.spinel;
    if (spinel == null) {
      throw new IllegalStateException(node.name + " doesn't run");
    }
    return spinel.clusterView();
  }

  private void awaitServing(long millis) throws IOException, InterruptedException {
    if (!awaitInSync(millis)) {
      throw new IOException("the cluster doesn't serve all slots after " + millis + " ms");
    }
  }

  // ── nodes ──

  private void startNode(Node node) {
    List<String> all = new ArrayList<>();
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("the cluster is closed");
      }
      if (node.spinel != null && !node.spinel.hasEnded()) {
        return;
      }
    }
    Collections.addAll(
        all,
        "port",
        "" + node.port,
        "cluster-enabled",
        "yes",
        "cluster-port",
        "" + node.busPort,
        "cluster-node-timeout",
        "" + plan.nodeTimeoutMillis,
        "cluster-seeds",
        seeds(node),
        "repl-diskless-sync-delay",
        "0");
    if (!plan.password.isEmpty()) {
      Collections.addAll(all, "requirepass", plan.password, "masterauth", plan.password);
    }
    OutputStream log = OutputStream.nullOutputStream();
    if (node.folder != null) {
      log = NodePlaces.log(node.folder);
      Collections.addAll(all, "dir", node.folder.toString(), "appendonly", "yes", "save", "");
    } else {
      Path file = temporaryFolder().resolve(node.name + ".conf");
      Collections.addAll(all, "cluster-config-file", file.toString());
    }
    all.addAll(plan.settings);
    Spinel started = Spinel.start(log, all.toArray(String[]::new));
    synchronized (this) {
      node.spinel = started;
      node.log = log;
      node.lastId = started.clusterView().myself().id();
      if (closed) {
        started.close();
      }
    }
    started.onStanding(this::stir);
  }

  /// Nodes that keep nothing know each other again all the same, as long as this object lives.
  private synchronized Path temporaryFolder() {
    Path folder = temporary;
    if (folder == null) {
      try {
        folder = Files.createTempDirectory("spinel-cluster");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      temporary = folder;
    }
    return folder;
  }

  private void removeTemporary() {
    Path folder = temporary;
    if (folder != null) {
      for (Node node : nodes) {
        try {
          Files.deleteIfExists(folder.resolve(node.name + ".conf"));
        } catch (IOException e) {
          return; // the folder stays, then
        }
      }
      try {
        Files.deleteIfExists(folder);
      } catch (IOException e) {
        return;
      }
    }
  }

  private String seeds(Node of) {
    StringBuilder seeds = new StringBuilder();
    for (Node node : nodes) {
      if (node != of) {
        seeds.append(seeds.isEmpty() ? "" : " ").append(LOCALHOST + ":" + node.busPort);
      }
    }
    return seeds.toString();
  }

  private void stir() {
    Thread.startVirtualThread(() -> listeners.forEach(Runnable::run));
  }

  private void stopNode(Node node) {
    Spinel running;
    synchronized (this) {
      running = node.spinel;
    }
    if (running != null) {
      running.close();
      closeLog(node);
      stir();
    }
  }

  private synchronized void closeLog(Node node) {
    node.spinel = null;
    if (node.log != null) {
      try {
        node.log.close();
      } catch (IOException e) {
        // it is a log
      }
    }
  }

  // ── what is to be known ──

  public List<Node> nodes() {
    return List.copyOf(nodes);
  }

  /// How each node stands now.
  public synchronized List<Status> status() {
    List<Status> all = new ArrayList<>();
    for (Node node : nodes) {
      Spinel spinel = node.spinel;
      if (spinel == null || spinel.hasEnded()) {
        all.add(new Status(node.name, node.port, false, "", null, "", false, false, -1));
        continue;
      }
      ClusterView view = spinel.clusterView();
      NodeView myself = view.myself();
      Standing standing = spinel.standing();
      boolean isInSync =
          myself.isPrimary()
              ? !standing.isReplica()
              : standing.isReplica() && standing.link().isUp() && standing.isComplete();
      all.add(
          new Status(
              node.name,
              node.port,
              true,
              myself.id(),
              myself.isPrimary() ? null : nameOf(myself.primary()),
              myself.slots().toString(),
              isInSync,
              view.isUp(),
              spinel.offset()));
    }
    return all;
  }

  private String nameOf(String id) {
    for (Node node : nodes) {
      if (node.lastId.equals(id)) {
        return node.name;
      }
    }
    return id;
  }

  /// Is run whenever a node starts, ends, or follows another one, on any thread; slots may change
  /// without it.
  public void onChange(Runnable listener) {
    listeners.add(listener);
  }

  /// Waits until every node runs and serves, and every replica is in sync. Returns whether that is
  /// so; false after that many milliseconds.
  public boolean awaitInSync(long millis) throws InterruptedException {
    long end = System.nanoTime() + millis * 1_000_000;
    while (!isServing()) {
      if (System.nanoTime() - end > 0) {
        return false;
      }
      Thread.sleep(POLL_MILLIS);
    }
    return true;
  }

  private boolean isServing() {
    int slots = 0;
    for (Node node : nodes) {
      Spinel spinel;
      synchronized (this) {
        spinel = node.spinel;
      }
      if (spinel == null || spinel.hasEnded() || !spinel.clusterView().isUp()) {
        return false;
      }
      NodeView myself = spinel.clusterView().myself();
      slots += myself.isPrimary() ? myself.slots().count() : 0;
    }
    return slots == SlotSet.SLOTS && status().stream().allMatch(Status::isInSync);
  }

  /// Waits until no node runs any more: each was ended by a client's SHUTDOWN, or by [#close].
  public void awaitStop() throws InterruptedException {
    for (Node node : nodes) {
      Spinel spinel;
      synchronized (this) {
        spinel = node.spinel;
      }
      if (spinel != null) {
        spinel.awaitStop();
      }
    }
  }

  /// Ends all nodes: primaries first, so that their replicas get what is still under way.
  @Override
  public void close() {
    List<Node> order = new ArrayList<>();
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      for (Node node : nodes) {
        if (node.spinel != null) {
          boolean first = !node.spinel.hasEnded() && !node.spinel.standing().isReplica();
          order.add(first ? 0 : order.size(), node);
        }
      }
    }
    UncheckedIOException failure = null;
    for (Node node : order) {
      try {
        Spinel running;
        synchronized (this) {
          running = node.spinel;
        }
        if (running != null) {
          running.close();
        }
      } catch (UncheckedIOException e) {
        failure = e;
      }
      closeLog(node);
    }
    removeTemporary();
    if (failure != null) {
      throw failure;
    }
  }
}
