package dev.spinel;

import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.WholeFile;
import dev.spinel.peer.Address;
import dev.spinel.replication.Standing;
import dev.spinel.server.Log;
import dev.spinel.server.SentinelServer;
import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// A primary and its replicas, in this JVM: each a whole server with its own port and folder; and
/// Sentinels that watch them, if that is wanted, and make a replica the primary when it is gone.
///
/// ```java
/// try (Topology store = Topology.replication(2).directory(folder).start()) {
///   store.awaitInSync(Duration.ofSeconds(10));
///   int port = store.primary().port();
/// }
/// ```
///
/// **Files.** Node `node-1` keeps its append-only file and its log in the folder `node-1`. Who
/// follows whom is in the file `roles`, which is written before a change of roles is told to
/// anybody; so a topology that starts again finds its data and its roles.
///
/// ```
///   node-1
///   node-2 follows node-1
///   node-3 follows 10.0.0.7 6379
/// ```
///
/// Sentinel `sentinel-1` keeps its `sentinel.conf` and its log in the folder `sentinel-1`.
///
/// All methods may be called by any thread.
public final class Topology implements AutoCloseable {
  private static final String ROLES = "roles";
  private static final String FOLLOWS = " follows ";
  private static final int MAX_NODES = 100;

  /// What is to be started.
  public static final class Plan {
    private int replicas; // -1: as many as there are, else 2
    private int port;
    private String password = "";
    private @Nullable Path directory;
    private int sentinels;
    private long downAfterMillis = 3000;
    private final List<String> settings = new ArrayList<>();

    private Plan(int replicas) {
      this.replicas = replicas;
    }

    /// The first node listens at this port, the others at those that follow. 0, the default: each
    /// at any that is free.
    public Plan port(int first) {
      port = first;
      return this;
    }

    /// Clients and replicas have to know it. Empty, the default: there is none.
    public Plan password(String text) {
      password = text;
      return this;
    }

    /// Where data, logs and roles are kept. Without it nothing is kept.
    public Plan directory(Path folder) {
      directory = folder;
      return this;
    }

    /// So many Sentinels watch them, as `mymaster`; a majority of them decides. They listen at the
    /// ports from 26379 on if the nodes' first is 6379, as far from any other first. 0, the
    /// default: there are none, and somebody else promotes a replica. Fewer than 3 can't outvote a
    /// failure.
    public Plan sentinels(int count) {
      if (count < 0 || count >= MAX_NODES) {
        throw new IllegalArgumentException("sentinels: from 0 to 99, not " + count);
      }
      sentinels = count;
      return this;
    }

    /// After so long a server that doesn't answer is down, as a Sentinel sees it.
    public Plan downAfterMillis(long millis) {
      downAfterMillis = millis;
      return this;
    }

    /// A setting of `redis.conf`, for all nodes.
    public Plan with(String name, String value) {
      settings.add(name);
      settings.add(value);
      return this;
    }

    /// Starts all nodes with what is in their folders.
    ///
    /// Errors: [IllegalArgumentException] for a bad setting, or if the folder holds another number
    /// of nodes; [UncheckedIOException] if a port can't be had, or data can't be loaded. Nothing
    /// runs then.
    public Topology start() {
      return new Topology(this);
    }
  }

  /// A primary with so many replicas: 0 to 99; -1: as many as the folder holds, or 2.
  public static Plan replication(int replicas) {
    if (replicas < -1 || replicas >= MAX_NODES) {
      throw new IllegalArgumentException("replicas: from 0 to 99, not " + replicas);
    }
    return new Plan(replicas);
  }

  /// How a node stands.
  ///
  /// @param follows the name of the node that it follows, or an address; null: it is a primary
  /// @param isInSync whether it is connected to the node that it follows, and has all its data
  /// @param trouble why it isn't, or empty
  /// @param offset the last byte of the stream of changes that it has
  public record Status(
      String node,
      int port,
      boolean isRunning,
      @Nullable String follows,
      boolean isInSync,
      String trouble,
      long offset) {
    /// Whether it takes writes.
    public boolean isPrimary() {
      return isRunning && follows == null;
    }
  }

  /// One server of the topology.
  public final class Node {
    private final String name;
    private final @Nullable Path folder;
    private int port; // the topology's monitor, like all below
    private @Nullable Spinel spinel;
    private @Nullable OutputStream log;
    private String follows = ""; // as `roles` says it; empty: nobody

    private Node(String name, @Nullable Path folder, int port) {
      this.name = name;
      this.folder = folder;
      this.port = port;
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

    /// Ends it, as SHUTDOWN does. The others go on.
    public void stop() {
      stopNode(this);
    }

    /// Starts it again, in the role that it had.
    public void start() {
      startNode(this);
    }
  }

  /// One Sentinel of the topology.
  public final class Sentinel {
    private final String name;
    private final Path folder;
    private final int port;
    private @Nullable SentinelServer server; // the topology's monitor, like all below
    private @Nullable OutputStream log;

    private Sentinel(String name, Path folder, int port) {
      this.name = name;
      this.folder = folder;
      this.port = port;
    }

    public String name() {
      return name;
    }

    /// The TCP port that it listens at.
    public int port() {
      return port;
    }

    public boolean isRunning() {
      synchronized (Topology.this) {
        return server != null && !server.hasEnded();
      }
    }

    /// Ends it. The others go on.
    public void stop() {
      stopSentinel(this);
    }

    /// Starts it again; it knows what it knew.
    public void start() {
      startSentinel(this);
    }
  }

  private static final int SENTINEL_OFFSET = 20_000;
  private static final long FORM_MILLIS = 10_000;

  private final List<Node> nodes = new ArrayList<>();
  private final List<Sentinel> sentinels = new ArrayList<>();
  private final long downAfterMillis;
  private final @Nullable Path temporary; // of Sentinels that nobody has a folder for
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private final @Nullable Path directory;
  private final String password;
  private final List<String> settings;
  private boolean closed; // the monitor

  private Topology(Plan plan) {
    directory = plan.directory;
    password = plan.password;
    settings = List.copyOf(plan.settings);
    downAfterMillis = plan.downAfterMillis;
    Map<String, String> roles = roles(directory);
    int count = plan.replicas < 0 ? 3 : plan.replicas + 1;
    if (!roles.isEmpty()) {
      if (plan.replicas >= 0 && plan.replicas + 1 < roles.size()) {
        throw new IllegalArgumentException(
            "the folder "
                + directory
                + " holds a primary and "
                + (roles.size() - 1)
                + " replicas, not "
                + plan.replicas);
      }
      count = Math.max(plan.replicas + 1, roles.size());
    }
    if (plan.port < 0 || (plan.port > 0 && plan.port + count - 1 > 65535)) {
      throw new IllegalArgumentException(
          "there are no " + count + " ports from " + plan.port + " on");
    }
    String first = roles.isEmpty() ? "" : primaryOf(roles);
    for (int i = 1; i <= count; i++) {
      String name = "node-" + i;
      Node node =
          new Node(
              name,
              directory == null ? null : directory.resolve(name),
              plan.port == 0 ? 0 : plan.port + i - 1);
      String otherwise = roles.isEmpty() ? (i == 1 ? "" : "node-1") : first;
      node.follows = roles.getOrDefault(name, otherwise);
      nodes.add(node);
    }
    temporary = directory == null && plan.sentinels > 0 ? temporaryFolder() : null;
    Path home = directory == null ? temporary : directory;
    for (int i = 1; i <= plan.sentinels && home != null; i++) {
      int sentinelPort =
          plan.port == 0 ? NodePlaces.freePort() : plan.port + SENTINEL_OFFSET + i - 1;
      if (sentinelPort > 65535) {
        throw new IllegalArgumentException(
            "there are no "
                + plan.sentinels
                + " ports for Sentinels 20000 above "
                + plan.port
                + ": choose a lower first port");
      }
      sentinels.add(new Sentinel("sentinel-" + i, home.resolve("sentinel-" + i), sentinelPort));
    }
    try {
      for (Node node : inOrder()) {
        startNode(node);
      }
      noteRoles();
      if (!sentinels.isEmpty()) {
        startSentinels();
      }
    } catch (Throwable t) {
      close();
      throw t;
    }
  }

  /// Those that are followed before those that follow them, since these have to know a port.
  private List<Node> inOrder() {
    List<Node> order = new ArrayList<>();
    List<Node> left = new ArrayList<>(nodes);
    while (!left.isEmpty()) {
      int before = left.size();
      left.removeIf(
          node -> {
            Node followed = node(node.follows);
            boolean ready = followed == null || order.contains(followed);
            if (ready) {
              order.add(node);
            }
            return ready;
          });
      if (left.size() == before) {
        left.getFirst().follows = ""; // a ring: somebody has to be the first
      }
    }
    return order;
  }

  private @Nullable Node node(String name) {
    for (Node node : nodes) {
      if (node.name.equals(name)) {
        return node;
      }
    }
    return null;
  }

  // ── the file of the roles ──

  /// Empty if there is none.
  private static Map<String, String> roles(@Nullable Path directory) {
    Map<String, String> roles = new HashMap<>();
    if (directory == null || !Files.exists(directory.resolve(ROLES))) {
      return roles;
    }
    Path file = directory.resolve(ROLES);
    try {
      int number = 0;
      for (String line : Files.readAllLines(file)) {
        number++;
        int at = line.indexOf(FOLLOWS);
        String name = at < 0 ? line : line.substring(0, at);
        if (!name.equals("node-" + number)) {
          throw new IllegalArgumentException(
              file + ", line " + number + ": node-" + number + " was expected, not '" + line + "'");
        }
        roles.put(name, at < 0 ? "" : line.substring(at + FOLLOWS.length()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return roles;
  }

  private static String primaryOf(Map<String, String> roles) {
    for (Map.Entry<String, String> role : roles.entrySet()) {
      if (role.getValue().isEmpty()) {
        return role.getKey();
      }
    }
    return "node-1";
  }

  /// Notes who follows whom now, and tells the listeners if that, or any state, has changed.
  private void noteRoles() {
    synchronized (this) {
      if (closed) {
        return; // its folder may be gone
      }
      boolean changed = false;
      for (Node node : nodes) {
        if (node.spinel != null && !node.spinel.hasEnded()) {
          String now = nameOf(node.spinel.standing().primary());
          changed |= !now.equals(node.follows);
          node.follows = now;
        }
      }
      if (directory != null && (changed || !Files.exists(directory.resolve(ROLES)))) {
        writeRoles(directory);
      }
    }
    listeners.forEach(Runnable::run);
  }

  private void writeRoles(Path folder) {
    StringBuilder text = new StringBuilder();
    for (Node node : nodes) {
      text.append(node.name);
      if (!node.follows.isEmpty()) {
        text.append(FOLLOWS).append(node.follows);
      }
      text.append('\n');
    }
    try {
      WholeFile.replace(folder.resolve(ROLES), text.toString().getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The node at this address, or the address; empty for none.
  private String nameOf(@Nullable Address address) {
    if (address == null) {
      return "";
    }
    for (Node node : nodes) {
      if (node.port == address.port()
          && (address.host().equals("127.0.0.1") || address.host().equals("localhost"))) {
        return node.name;
      }
    }
    return address.host() + " " + address.port();
  }

  // ── nodes ──

  private synchronized void startNode(Node node) {
    if (closed) {
      throw new IllegalStateException("the topology is closed");
    }
    if (node.spinel != null && !node.spinel.hasEnded()) {
      return;
    }
    List<String> all = new ArrayList<>();
    Collections.addAll(all, "port", Integer.toString(node.port));
    Collections.addAll(all, "repl-diskless-sync-delay", "0");
    if (!password.isEmpty()) {
      Collections.addAll(all, "requirepass", password, "masterauth", password);
    }
    OutputStream log = OutputStream.nullOutputStream();
    if (node.folder != null) {
      log = NodePlaces.log(node.folder);
      Collections.addAll(all, "dir", node.folder.toString(), "appendonly", "yes", "save", "");
      Collections.addAll(all, "replica-keep-data-of-lost-primary", "yes");
    }
    if (!sentinels.isEmpty() && node.follows.isEmpty()) {
      followWhoeverTookOver(node);
    }
    if (!node.follows.isEmpty()) {
      Node followed = node(node.follows);
      Collections.addAll(
          all, "replicaof", followed == null ? node.follows : "127.0.0.1 " + followed.port);
    }
    all.addAll(settings);
    Spinel started = Spinel.start(log, all.toArray(String[]::new));
    node.spinel = started;
    node.log = log;
    node.port = started.port();
    started.onStanding(this::stir);
  }

  /// A primary that was gone for a while isn't one any more, if Sentinels have promoted a replica:
  /// it would take writes that are lost as soon as they notice.
  private void followWhoeverTookOver(Node node) {
    for (Node other : nodes) {
      if (other != node
          && other.spinel != null
          && !other.spinel.hasEnded()
          && !other.spinel.standing().isReplica()) {
        node.follows = other.name;
      }
    }
  }

  /// A node's replication has changed. Whoever tells that must not be held up.
  private void stir() {
    Thread.startVirtualThread(this::noteRoles);
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

  // ── Sentinels ──

  private static Path temporaryFolder() {
    try {
      return Files.createTempDirectory("spinel-sentinels");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A Sentinel asks the primary for its replicas at once, then every ten seconds: they are to be
  /// there by then. Returns once each Sentinel knows them and the others.
  private void startSentinels() {
    try {
      awaitInSync(FORM_MILLIS);
      for (Sentinel sentinel : sentinels) {
        startSentinel(sentinel);
      }
      long end = System.nanoTime() + FORM_MILLIS * 1_000_000;
      while (!sentinels.stream().allMatch(this::knowsAll) && System.nanoTime() - end < 0) {
        Thread.sleep(5);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean knowsAll(Sentinel sentinel) {
    try {
      String text =
          Files.readString(sentinel.folder.resolve("sentinel.conf"), StandardCharsets.ISO_8859_1);
      return text.split("sentinel known-replica ", -1).length == nodes.size()
          && text.split("sentinel known-sentinel ", -1).length == sentinels.size();
    } catch (IOException e) {
      return false;
    }
  }

  private synchronized void startSentinel(Sentinel sentinel) {
    if (closed) {
      throw new IllegalStateException("the topology is closed");
    }
    if (sentinel.server != null && !sentinel.server.hasEnded()) {
      return;
    }
    try {
      Files.createDirectories(sentinel.folder);
      Path file = sentinel.folder.resolve("sentinel.conf");
      if (!watchesThese(file)) {
        WholeFile.replace(file, directives(sentinel).getBytes(StandardCharsets.UTF_8));
      }
      OutputStream log = NodePlaces.log(sentinel.folder);
      sentinel.log = log;
      Config config =
          CommandLine.of(file.toString(), "--sentinel").load(InputStream.nullInputStream());
      Log lines = new Log(config, log);
      lines.become('X');
      sentinel.server = SentinelServer.start(config, lines, sentinel::stop);
    } catch (ConfigError e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /// Whether a file of a Sentinel is about one of these nodes, at the port that it has now.
  private boolean watchesThese(Path file) throws IOException {
    if (!Files.exists(file)) {
      return false;
    }
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    for (Node node : nodes) {
      if (text.contains("sentinel monitor mymaster 127.0.0.1 " + node.port + " ")) {
        return true;
      }
    }
    return false;
  }

  private String directives(Sentinel sentinel) {
    int quorum = sentinels.size() / 2 + 1;
    StringBuilder text = new StringBuilder();
    text.append("port ").append(sentinel.port).append("\nbind 127.0.0.1\n");
    text.append("dir ").append(Quoting.quote(sentinel.folder.toString())).append('\n');
    text.append("sentinel monitor mymaster 127.0.0.1 ");
    text.append(primary().port()).append(' ').append(quorum).append('\n');
    text.append("sentinel down-after-milliseconds mymaster ").append(downAfterMillis).append('\n');
    text.append("sentinel failover-timeout mymaster 60000\n");
    if (!password.isEmpty()) {
      text.append("requirepass ").append(Quoting.quote(password)).append('\n');
      text.append("sentinel auth-pass mymaster ").append(Quoting.quote(password)).append('\n');
    }
    return text.toString();
  }

  private void stopSentinel(Sentinel sentinel) {
    SentinelServer running;
    synchronized (this) {
      running = sentinel.server;
    }
    if (running != null) {
      running.close();
      synchronized (this) {
        sentinel.server = null;
      }
      if (sentinel.log != null) {
        try {
          sentinel.log.close();
        } catch (IOException e) {
          // it is a log
        }
      }
      stir();
    }
  }

  // ── what is to be known ──

  /// Those that watch the nodes; none unless the plan asks for them.
  public List<Sentinel> sentinels() {
    return List.copyOf(sentinels);
  }

  public List<Node> nodes() {
    return List.copyOf(nodes);
  }

  /// A node that takes writes: the first, if there are several.
  ///
  /// Errors: [IllegalStateException] if there is none.
  public Node primary() {
    List<Status> all = status();
    for (int i = 0; i < all.size(); i++) {
      if (all.get(i).isPrimary()) {
        return nodes.get(i);
      }
    }
    throw new IllegalStateException("no node is a primary");
  }

  /// How each node stands now.
  public synchronized List<Status> status() {
    List<Status> all = new ArrayList<>();
    for (Node node : nodes) {
      Spinel spinel = node.spinel;
      if (spinel == null || spinel.hasEnded()) {
        String follows = node.follows.isEmpty() ? null : node.follows;
        all.add(new Status(node.name, node.port, false, follows, false, "it doesn't run", -1));
        continue;
      }
      Standing standing = spinel.standing();
      String follows = nameOf(standing.primary());
      boolean inSync = follows.isEmpty() || (standing.link().isUp() && standing.isComplete());
      all.add(
          new Status(
              node.name,
              node.port,
              true,
              follows.isEmpty() ? null : follows,
              inSync,
              inSync ? "" : trouble(standing),
              spinel.offset()));
    }
    return all;
  }

  private static String trouble(Standing standing) {
    if (!standing.link().downReason().isEmpty()) {
      return standing.link().downReason();
    }
    return switch (standing.link().state()) {
      case CONNECTED -> "its copy isn't complete";
      default -> standing.link().receivedBytes() > 0 ? "it copies the data" : "it connects";
    };
  }

  /// Is run whenever anything of [#status] but offsets may have changed, on any thread.
  public void onChange(Runnable listener) {
    listeners.add(listener);
  }

  /// Waits until every node runs and every replica is in sync. Returns whether that is so; false
  /// after that many milliseconds.
  public boolean awaitInSync(long millis) throws InterruptedException {
    long end = System.nanoTime() + millis * 1_000_000;
    while (!status().stream().allMatch(Status::isInSync)) {
      if (System.nanoTime() - end > 0) {
        return false;
      }
      Thread.sleep(5);
    }
    return true;
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
          order.add(node.follows.isEmpty() ? 0 : order.size(), node);
        }
      }
    }
    for (Sentinel sentinel : sentinels) {
      stopSentinel(sentinel); // else they would try to save what ends
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

  private void removeTemporary() {
    Path folder = temporary;
    if (folder == null) {
      return;
    }
    for (Sentinel sentinel : sentinels) {
      try {
        Files.deleteIfExists(sentinel.folder.resolve("sentinel.conf"));
        Files.deleteIfExists(sentinel.folder.resolve("log"));
        Files.deleteIfExists(sentinel.folder);
      } catch (IOException e) {
        return; // it stays, then
      }
    }
    try {
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      return;
    }
  }
}
