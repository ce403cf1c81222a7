package dev.spinel;

import dev.spinel.Member.ClusterPart;
import dev.spinel.wire.Client;
import dev.spinel.wire.Quoting;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Servers that belong together, at 127.0.0.1: a [cluster][SpinelCluster], or a [primary with its
/// replicas][SpinelReplication], watched by Sentinels or not.
///
/// Each is a whole server with its own port and folder, in this JVM; or a process of another
/// program, like `redis-server`, if the plan says so ([Plan#program]). Any of them can be stopped,
/// killed and started again while the others go on.
///
/// **Files.** Node `node-1` keeps its append-only file and its log in the folder `node-1`. What a
/// topology has to know of itself at its next start is in one more file, which its class describes.
/// Without a directory nothing is kept.
///
/// All methods may be called by any thread.
public abstract sealed class Topology implements AutoCloseable
    permits SpinelCluster, SpinelReplication {
  static final String LOCALHOST = "127.0.0.1";
  static final int MAX_PORT = 65535;
  private static final int POLL_MILLIS = 5;

  /// What is to be started.
  ///
  /// @param <P> the plan's own class
  public abstract static sealed class Plan<P extends Plan<P>>
      permits SpinelCluster.Plan, SpinelReplication.Plan {
    int port;
    String password = "";
    @Nullable Path directory;
    @Nullable Path program;
    final List<String> settings = new ArrayList<>();

    Plan() {}

    abstract P self();

    /// The first node listens at this port, the others at those that follow. 0, the default: each
    /// at any that is free.
    public P port(int first) {
      port = first;
      return self();
    }

    /// Clients and nodes have to know it. Empty, the default: there is none.
    public P password(String text) {
      password = text;
      return self();
    }

    /// Where data, logs and roles are kept. Without it nothing is kept.
    public P directory(Path folder) {
      directory = folder;
      return self();
    }

    /// A program with `redis-server`'s command line, which is run for each node in the place of
    /// Spinel, as a process of its own: `redis-server` or `valkey-server`, 7.0 or newer.
    public P program(Path executable) {
      program = executable;
      return self();
    }

    /// A setting of `redis.conf`, for all nodes.
    public P with(String name, String value) {
      settings.add(name);
      settings.add(value);
      return self();
    }

    /// Starts all nodes with what is in their folders, and makes of them what it is to be.
    ///
    /// Errors: [IllegalArgumentException] for a bad setting, or if the folder holds something else;
    /// [UncheckedIOException] if a port can't be had, data can't be loaded, or they don't find
    /// together. Nothing runs then.
    public abstract Topology start();
  }

  /// How a node stands.
  ///
  /// @param id of the node in its cluster, also while it doesn't run; empty where there is none
  /// @param follows the name of the node that it follows, or else its id or address; null: it is a
  ///   primary
  /// @param slots that it serves, as ranges; empty: none
  /// @param isInSync whether it has its primary's data and gets all changes; a primary is
  /// @param trouble why it isn't, or empty
  /// @param seesClusterUp whether its cluster can serve, as this node sees it
  /// @param offset the last byte of the stream of changes that it has
  public record Status(
      String node,
      int port,
      boolean isRunning,
      String id,
      @Nullable String follows,
      String slots,
      boolean isInSync,
      String trouble,
      boolean seesClusterUp,
      long offset) {
    /// Whether it is a primary.
    public boolean isPrimary() {
      return isRunning && follows == null;
    }
  }

  /// One server of the topology.
  public final class Node {
    private final String name;
    private final @Nullable Path folder;
    final int busPort; // 0: it has none
    final boolean isSentinel;
    private int port; // the topology's monitor, like all below
    private @Nullable Member member;
    private boolean isDown; // it was stopped or killed here
    private String lastId = "";

    Node(String name, @Nullable Path folder, int port, int busPort, boolean isSentinel) {
      this.name = name;
      this.folder = folder;
      this.port = port;
      this.busPort = busPort;
      this.isSentinel = isSentinel;
    }

    public String name() {
      return name;
    }

    /// The TCP port that it listens at, or did.
    public int port() {
      synchronized (Topology.this) {
        return port;
      }
    }

    /// Where its files are, or null.
    public @Nullable Path folder() {
      return folder;
    }

    public boolean isRunning() {
      return running() != null;
    }

    /// Ends it, as SHUTDOWN does. The others go on.
    public void stop() {
      end(true);
    }

    /// Ends it, as a crash does: its connections break off, and it saves nothing more. The others
    /// go on.
    public void kill() {
      end(false);
    }

    /// Starts it again, with what is in its folder; it finds the others. Does nothing if it runs.
    public synchronized void start() {
      if (!isRunning()) {
        startNode(this);
      }
    }

    /// Stops it if it runs, and starts it.
    public synchronized void restart() {
      stop();
      start();
    }

    /// How it stands now.
    public Status status() {
      return Topology.this.status(this);
    }

    /// Its server, or null.
    @Nullable Member running() {
      synchronized (Topology.this) {
        return member != null && !member.hasEnded() ? member : null;
      }
    }

    private synchronized void end(boolean cleanly) {
      Member ending;
      synchronized (Topology.this) {
        ending = member;
        isDown = true;
      }
      if (ending != null && cleanly) {
        ending.shutDown();
      } else if (ending != null) {
        ending.kill();
      }
      stir();
    }
  }

  final List<Node> nodes = new ArrayList<>();
  final List<Node> sentinels = new ArrayList<>();
  final @Nullable Path directory;
  final @Nullable Path program;
  final String password;
  final List<String> settings;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private @Nullable Path temporary; // the monitor, like all below
  private boolean isClosed;
  private boolean isOver;

  Topology(Plan<?> plan) {
    directory = plan.directory;
    program = plan.program;
    password = plan.password;
    settings = List.copyOf(plan.settings);
  }

  /// Errors: [IllegalArgumentException] if a folder holds a topology of another kind.
  static void refuse(@Nullable Path directory, String markOfAnother, String what) {
    if (directory != null && Files.exists(directory.resolve(markOfAnother))) {
      throw new IllegalArgumentException("the folder " + directory + " holds " + what);
    }
  }

  // ── nodes ──

  /// What a node is started with besides port, folder and password.
  abstract List<String> role(Node node);

  /// The file of a Sentinel, made if need be.
  abstract Path sentinelFile(Node sentinel) throws IOException;

  /// The name of the node that this node follows, or else what it is called by; empty: none.
  abstract String followed(Node node, Member.View view);

  /// The same of a node that doesn't run.
  abstract String lastFollowed(Node node);

  /// Something may have changed.
  void noted() {}

  /// Errors: [UncheckedIOException], which names the node.
  final void startNode(Node node) {
    synchronized (this) {
      if (isClosed) {
        throw new IllegalStateException("the topology is closed");
      }
    }
    Member started;
    try {
      started = node.isSentinel ? sentinel(node) : server(node);
    } catch (IOException | UncheckedIOException e) {
      throw new UncheckedIOException(
          node.name + ": " + e.getMessage(), e instanceof IOException io ? io : new IOException(e));
    }
    boolean isLate;
    synchronized (this) {
      node.member = started;
      node.port = started.port();
      node.isDown = false;
      ClusterPart part = started.view().node();
      node.lastId = part == null ? "" : part.id();
      isLate = isClosed;
    }
    if (isLate) {
      started.shutDown();
    }
    started.onChange(this::stir);
    Thread.startVirtualThread(
        () -> {
          try {
            started.awaitEnd();
            stir();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // nobody has a reason to
          }
        });
    stir();
  }

  private Member sentinel(Node node) throws IOException {
    Path file = sentinelFile(node);
    Path executable = program;
    return executable == null
        ? OwnSentinel.start(file, node.port())
        : ProgramServer.start(executable, file, ProgramServer.Kind.SENTINEL, node.port(), password);
  }

  private Member server(Node node) throws IOException {
    List<String> all = new ArrayList<>();
    Collections.addAll(all, "port", Integer.toString(node.port()));
    Collections.addAll(all, "repl-diskless-sync-delay", "0");
    if (!password.isEmpty()) {
      Collections.addAll(all, "requirepass", password, "masterauth", password);
    }
    all.addAll(role(node));
    boolean isOfCluster = node.busPort != 0;
    Path executable = program;
    if (executable == null) {
      return own(node, all, isOfCluster);
    }
    Path folder = folderOf(node);
    Files.createDirectories(folder);
    boolean keeps = node.folder != null;
    boolean loadsDump = keeps && hasOnlyDump(folder);
    Collections.addAll(all, "bind", LOCALHOST, "save", "", "dir", folder.toString());
    Collections.addAll(all, "appendonly", keeps && !loadsDump ? "yes" : "no");
    Path file = folder.resolve("server.conf");
    Files.writeString(file, lines(all), StandardCharsets.ISO_8859_1);
    ProgramServer.Kind kind = isOfCluster ? ProgramServer.Kind.NODE : ProgramServer.Kind.SERVER;
    Member started = ProgramServer.start(executable, file, kind, node.port(), password);
    if (loadsDump) {
      keepLog(started);
    }
    return started;
  }

  private Member own(Node node, List<String> part, boolean isOfCluster) throws IOException {
    List<String> all = new ArrayList<>(part);
    OutputStream log = OutputStream.nullOutputStream();
    boolean loadsDump = false;
    if (node.folder != null) {
      log = NodePlaces.log(node.folder);
      loadsDump = hasOnlyDump(node.folder);
      Collections.addAll(all, "dir", node.folder.toString(), "save", "");
      Collections.addAll(all, "appendonly", loadsDump ? "no" : "yes");
      if (!isOfCluster) {
        Collections.addAll(all, "replica-keep-data-of-lost-primary", "yes");
      }
    } else if (isOfCluster) {
      // Nodes that keep nothing know each other again all the same, as long as this object lives.
      Path file = temporary().resolve(node.name + ".conf");
      Collections.addAll(all, "cluster-config-file", file.toString());
    }
    all.addAll(settings);
    Member started = new OwnServer(Spinel.start(log, all.toArray(String[]::new)), log, isOfCluster);
    if (loadsDump) {
      keepLog(started);
    }
    return started;
  }

  /// As in a file; what users have set is theirs to quote.
  private String lines(List<String> ours) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < ours.size(); i += 2) {
      String name = ours.get(i);
      String value = ours.get(i + 1);
      text.append(name).append(' ');
      text.append(name.equals("replicaof") ? value : quoted(value)).append('\n');
    }
    for (int i = 0; i < settings.size(); i += 2) {
      text.append(settings.get(i)).append(' ').append(octets(settings.get(i + 1))).append('\n');
    }
    return text.toString();
  }

  /// A value for a file that is written as octets.
  static String quoted(String value) {
    return Quoting.quote(octets(value));
  }

  private static String octets(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }

  /// Whether a folder's data is in a dump file, and not in an append-only file yet.
  static boolean hasOnlyDump(Path folder) {
    return !Files.exists(folder.resolve("appendonlydir/appendonly.aof.manifest"))
        && Files.exists(folder.resolve("dump.rdb"));
  }

  /// Has the data that was loaded from a dump written to an append-only file, and waits until it
  /// is.
  private void keepLog(Member server) throws IOException {
    try {
      say(server.port(), "CONFIG", "SET", "appendonly", "yes");
      while (true) {
        String info = say(server.port(), "INFO", "persistence");
        if (info.contains("aof_last_bgrewrite_status:err")) {
          throw new IOException("the append-only file can't be written, as the log says");
        }
        if (info.contains("aof_rewrite_in_progress:0")
            && info.contains("aof_rewrite_scheduled:0")) {
          return;
        }
        Thread.sleep(POLL_MILLIS);
      }
    } catch (InterruptedException e) {
      server.kill();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (IOException e) {
      server.kill();
      throw e;
    }
  }

  /// Sends a command to a server of this topology; answers its reply as text.
  ///
  /// Errors: [IOException], also for a reply that is an error.
  final String say(int port, String... command) throws IOException {
    try (Client client = Client.connect(LOCALHOST, port)) {
      if (!password.isEmpty()) {
        client.command("AUTH", password);
      }
      RespValue reply = client.command(command);
      if (reply instanceof RespValue.Error refusal) {
        throw new IOException(String.join(" ", command) + ": " + refusal.text());
      }
      return Objects.toString(reply.text(), "");
    }
  }

  /// Where a node's files are, be they kept or not.
  final Path folderOf(Node node) {
    Path own = node.folder;
    return own != null ? own : temporary().resolve(node.name);
  }

  private synchronized Path temporary() {
    Path folder = temporary;
    if (folder == null) {
      try {
        folder = Files.createTempDirectory("spinel-topology");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      temporary = folder;
    }
    return folder;
  }

  private void removeTemporary() {
    Path folder;
    synchronized (this) {
      folder = temporary;
    }
    if (folder == null) {
      return;
    }
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException | UncheckedIOException e) {
      return; // it stays, then
    }
  }

  /// A node has changed. Whoever tells that must not be held up.
  private void stir() {
    Thread.startVirtualThread(
        () -> {
          synchronized (this) {
            if (isClosed) {
              notifyAll();
              return; // its folder may be gone
            }
            noted();
            notifyAll();
          }
          listeners.forEach(Runnable::run);
        });
  }

  // ── what is to be known ──

  public final List<Node> nodes() {
    return List.copyOf(nodes);
  }

  /// Those that watch the nodes; none unless the plan asks for them.
  public final List<Node> sentinels() {
    return List.copyOf(sentinels);
  }

  /// The node or Sentinel that a word means: its name, its port, the beginning of its id in the
  /// cluster, or `primary` where there is one.
  ///
  /// Errors: [IllegalArgumentException] if there is none, or more than one.
  public final Node find(String word) {
    List<Node> found = new ArrayList<>();
    List<String> all = new ArrayList<>();
    Stream.concat(nodes.stream(), sentinels.stream())
        .forEach(
            node -> {
              all.add(node.name + " (" + node.port() + ")");
              if (node.name.equals(word) || Integer.toString(node.port()).equals(word)) {
                found.addFirst(node);
              } else if (!node.isSentinel && isMeant(node, word)) {
                found.add(node);
              }
            });
    if (found.isEmpty()) {
      throw new IllegalArgumentException(
          word.equals("primary")
              ? "no node is a primary now"
              : "there is no node '" + word + "', but " + String.join(", ", all));
    }
    Node first = found.getFirst();
    if (found.size() > 1 && !first.name.equals(word) && first.port() != portIn(word)) {
      List<String> names =
          found.stream().map(node -> node.name + " (" + node.port() + ")").toList();
      throw new IllegalArgumentException(
          "'" + word + "' may be any of " + String.join(", ", names));
    }
    return first;
  }

  private static int portIn(String word) {
    return word.matches("[0-9]{1,5}") ? Integer.parseInt(word) : -1;
  }

  private boolean isMeant(Node node, String word) {
    Status status = status(node);
    return word.equals("primary")
        ? status.isPrimary()
        : !word.isEmpty() && status.id().startsWith(word);
  }

  /// How each node stands now.
  public final List<Status> status() {
    return nodes.stream().map(this::status).toList();
  }

  private Status status(Node node) {
    Member running = node.running();
    int port;
    String id;
    synchronized (this) {
      port = node.port;
      id = node.lastId;
    }
    if (running == null) {
      String last = lastFollowed(node);
      String follows = last.isEmpty() ? null : last;
      return new Status(
          node.name, port, false, id, follows, "", false, "it doesn't run", false, -1);
    }
    Member.View view = running.view();
    ClusterPart part = view.node();
    String follows = followed(node, view);
    return new Status(
        node.name,
        port,
        true,
        part == null ? id : part.id(),
        follows.isEmpty() ? null : follows,
        part == null || !part.isPrimary() ? "" : part.slots(),
        view.isInSync(),
        view.trouble(),
        part != null && part.isUp(),
        view.offset());
  }

  /// The name of the node that has or had this id in the cluster, or the id.
  final synchronized String nameOf(String id) {
    for (Node node : nodes) {
      if (!id.isEmpty() && node.lastId.equals(id)) {
        return node.name;
      }
    }
    return id;
  }

  /// Is run whenever a node starts, ends, or follows another one, on any thread; slots may change
  /// without it.
  public final void onChange(Runnable listener) {
    listeners.add(listener);
  }

  /// Whether every node runs and does its part, and every replica is in sync.
  boolean isSettled() {
    return status().stream().allMatch(Status::isInSync);
  }

  /// Waits until every node runs and does its part, and every replica is in sync. Returns whether
  /// that is so; false after that many milliseconds.
  public final boolean awaitInSync(long millis) throws InterruptedException {
    long end = System.nanoTime() + millis * 1_000_000;
    while (!isSettled()) {
      if (System.nanoTime() - end > 0) {
        return false;
      }
      Thread.sleep(POLL_MILLIS);
    }
    return true;
  }

  /// Waits until all is over: it was closed, or clients have ended every node by SHUTDOWN. (A node
  /// that was stopped or killed here may be started again.)
  public final synchronized void awaitStop() throws InterruptedException {
    while (!isOver && !hasEndedByItself()) {
      wait();
    }
  }

  private boolean hasEndedByItself() {
    for (Node node : nodes) {
      if (node.isDown || node.member == null || !node.member.hasEnded()) {
        return false;
      }
    }
    return !isClosed; // else close() says when
  }

  /// Ends all nodes: primaries first, so that their replicas get what is still under way. Whoever
  /// calls it while another thread does waits until that is over.
  ///
  /// Errors: [UncheckedIOException] if one couldn't save its data; all have ended then, too.
  @Override
  public final void close() {
    synchronized (this) {
      if (isClosed) {
        awaitOver();
        return;
      }
      isClosed = true;
    }
    try {
      endAll();
    } finally {
      synchronized (this) {
        isOver = true;
        notifyAll();
      }
    }
  }

  private synchronized void awaitOver() {
    boolean wasInterrupted = false;
    while (!isOver) {
      try {
        wait();
      } catch (InterruptedException e) {
        wasInterrupted = true;
      }
    }
    if (wasInterrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void endAll() {
    List<Node> order = new ArrayList<>(sentinels); // else they would try to save what ends
    for (Node node : nodes) {
      Member running = node.running();
      boolean isFirst = running != null && followed(node, running.view()).isEmpty();
      order.add(isFirst ? sentinels.size() : order.size(), node);
    }
    UncheckedIOException failure = null;
    for (Node node : order) {
      Member ending;
      synchronized (this) {
        ending = node.member;
      }
      try {
        if (ending != null) {
          ending.shutDown();
        }
      } catch (UncheckedIOException e) {
        failure = e;
      }
    }
    removeTemporary();
    if (failure != null) {
      throw failure;
    }
  }

  /// After a failure of the start: it is over, and that failure is what is told.
  final void giveUp(Throwable why) {
    try {
      close();
    } catch (UncheckedIOException e) {
      why.addSuppressed(e);
    }
  }
}
