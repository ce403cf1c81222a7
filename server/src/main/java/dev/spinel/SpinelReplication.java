package dev.spinel;

import dev.spinel.config.WholeFile;
import dev.spinel.peer.Address;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A primary and its replicas; and Sentinels that watch them, if that is wanted, and make a replica
/// the primary when it is gone. A single store is a primary without replicas.
///
/// ```java
/// try (SpinelReplication store = Spinel.replication(2).sentinels(3).start()) {
///   store.primary().kill(); // and a replica takes over
/// }
/// ```
///
/// **Files.** Who follows whom is in the file `roles`, which is written when that has changed; so a
/// topology that starts again finds its data and its roles.
///
/// ```
///   node-1
///   node-2 follows node-1
///   node-3 follows 10.0.0.7 6379
/// ```
///
/// Sentinel `sentinel-1` keeps its `sentinel.conf` and its log in the folder `sentinel-1`. A single
/// store has no such file, and its files are in the directory itself.
public final class SpinelReplication extends Topology {
  static final String ROLES = "roles";
  private static final String FOLLOWS = " follows ";
  private static final Pattern AGREED_PORT =
      Pattern.compile("(?m)^sentinel monitor mymaster 127\\.0\\.0\\.1 (\\d{1,5}) ");
  private static final Pattern AGREED_EPOCH =
      Pattern.compile("(?m)^sentinel config-epoch mymaster (\\d{1,18})$");
  private static final int MAX_NODES = 100;
  private static final int SENTINEL_OFFSET = 20_000;
  private static final long FORM_MILLIS = 10_000;
  private static final int POLL_MILLIS = 5;

  /// What is to be started.
  public static final class Plan extends Topology.Plan<Plan> {
    private final int replicas; // -1: as many as there are, else 2
    private final boolean isStore;
    private int sentinels;
    private long downAfterMillis = 3000;

    private Plan(int replicas, boolean isStore) {
      this.replicas = replicas;
      this.isStore = isStore;
    }

    @Override
    Plan self() {
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

    /// Starts all nodes with what is in their folders; doesn't wait for replicas to be in sync
    /// unless there are Sentinels.
    ///
    /// Errors: [IllegalArgumentException] for a bad setting, or if the folder holds more nodes, or
    /// something else; [UncheckedIOException] if a port can't be had, or data can't be loaded.
    /// Nothing runs then.
    @Override
    public SpinelReplication start() {
      return new SpinelReplication(this);
    }
  }

  /// See [Spinel#replication].
  static Plan of(int replicas) {
    if (replicas < -1 || replicas >= MAX_NODES) {
      throw new IllegalArgumentException("replicas: from 0 to 99, not " + replicas);
    }
    return new Plan(replicas, false);
  }

  /// See [Spinel#store].
  static Plan store() {
    return new Plan(0, true);
  }

  private final boolean isStore;
  private final long downAfterMillis;
  private final Map<Node, String> follows = new HashMap<>(); // names; the monitor
  private volatile boolean isFormed; // all nodes have been started once

  private SpinelReplication(Plan plan) {
    super(plan);
    refuse(directory, SpinelCluster.FORMED, "a cluster, not a primary with replicas");
    isStore = plan.isStore;
    downAfterMillis = plan.downAfterMillis;
    Map<String, String> roles = isStore ? Map.of() : roles(directory);
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
    if (plan.port < 0 || (plan.port > 0 && plan.port + count - 1 > MAX_PORT)) {
      throw new IllegalArgumentException(
          "there are no " + count + " ports from " + plan.port + " on");
    }
    if (directory != null && plan.sentinels > 0 && plan.port > 0) {
      keepOnePrimary(directory, plan.port, roles);
    }
    makeNodes(plan.port, count, roles);
    makeSentinels(plan.port, plan.sentinels);
    try {
      for (Node node : inOrder()) {
        node.start();
      }
      noted();
      isFormed = true;
      startSentinels();
    } catch (InterruptedException e) {
      giveUp(e);
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException("interrupted", e));
    } catch (Throwable t) {
      giveUp(t);
      throw t;
    }
  }

  private void makeNodes(int firstPort, int count, Map<String, String> roles) {
    String first = roles.isEmpty() ? "" : primaryOf(roles);
    for (int i = 1; i <= count; i++) {
      String name = isStore ? "store" : "node-" + i;
      int port = firstPort == 0 ? freePort() : firstPort + i - 1;
      Path folder = directory == null || isStore ? directory : directory.resolve(name);
      Node node = new Node(name, folder, port, 0, false);
      String otherwise = roles.isEmpty() ? (i == 1 ? "" : "node-1") : first;
      follows.put(node, roles.getOrDefault(name, otherwise));
      nodes.add(node);
    }
  }

  /// 0 where the server itself finds one.
  private int freePort() {
    return program == null ? 0 : NodePlaces.freePort();
  }

  private void makeSentinels(int firstPort, int count) {
    for (int i = 1; i <= count; i++) {
      int port = firstPort == 0 ? NodePlaces.freePort() : firstPort + SENTINEL_OFFSET + i - 1;
      if (port > MAX_PORT) {
        throw new IllegalArgumentException(
            "there are no "
                + count
                + " ports for Sentinels 20000 above "
                + firstPort
                + ": choose a lower first port");
      }
      String name = "sentinel-" + i;
      Path folder = directory == null ? null : directory.resolve(name);
      sentinels.add(new Node(name, folder, port, 0, true));
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
            Node followed = named(lastFollowed(node));
            boolean ready = followed == null || order.contains(followed);
            if (ready) {
              order.add(node);
            }
            return ready;
          });
      if (left.size() == before) {
        follow(left.getFirst(), ""); // a ring: somebody has to be the first
      }
    }
    return order;
  }

  private @Nullable Node named(String name) {
    for (Node node : nodes) {
      if (node.name().equals(name)) {
        return node;
      }
    }
    return null;
  }

  // ── roles ──

  /// Empty if there is no file.
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

  /// Of several primaries, the one that Sentinels agreed on last keeps its role, and the others
  /// follow it: all ended before that was done. Where no Sentinel's file names one of them, all
  /// stay as they are.
  static void keepOnePrimary(Path directory, int firstPort, Map<String, String> roles) {
    String agreed = null;
    long latest = -1;
    for (int i = 1; Files.exists(directory.resolve("sentinel-" + i + "/sentinel.conf")); i++) {
      String text = textOf(directory.resolve("sentinel-" + i + "/sentinel.conf"));
      Matcher at = AGREED_PORT.matcher(text);
      Matcher epoch = AGREED_EPOCH.matcher(text);
      if (at.find() && epoch.find() && Long.parseLong(epoch.group(1)) > latest) {
        String name = "node-" + (Integer.parseInt(at.group(1)) - firstPort + 1);
        if ("".equals(roles.get(name))) {
          agreed = name;
          latest = Long.parseLong(epoch.group(1));
        }
      }
    }
    if (agreed != null) {
      for (Map.Entry<String, String> role : roles.entrySet()) {
        if (role.getValue().isEmpty() && !role.getKey().equals(agreed)) {
          role.setValue(agreed);
        }
      }
    }
  }

  private static String textOf(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String primaryOf(Map<String, String> roles) {
    for (Map.Entry<String, String> role : roles.entrySet()) {
      if (role.getValue().isEmpty()) {
        return role.getKey();
      }
    }
    return "node-1";
  }

  private synchronized void follow(Node node, String name) {
    follows.put(node, name);
  }

  @Override
  synchronized String lastFollowed(Node node) {
    return follows.getOrDefault(node, "");
  }

  /// Notes who follows whom now. A primary that is down follows the one that Sentinels have
  /// promoted in its place: what it has is older.
  @Override
  synchronized void noted() {
    boolean hasChanged = false;
    List<Node> leading = new ArrayList<>();
    for (Node node : nodes) {
      Member server = node.running();
      if (server != null) {
        String now = followed(node, server.view());
        hasChanged |= !now.equals(follows.put(node, now));
        if (now.isEmpty()) {
          leading.add(node);
        }
      }
    }
    if (isFormed && !sentinels.isEmpty() && leading.size() == 1) {
      for (Node node : nodes) {
        if (lastFollowed(node).isEmpty() && node != leading.getFirst()) {
          follow(node, leading.getFirst().name());
          hasChanged = true;
        }
      }
    }
    if (directory != null && !isStore && (hasChanged || !Files.exists(directory.resolve(ROLES)))) {
      writeRoles(directory);
    }
  }

  private void writeRoles(Path folder) {
    StringBuilder text = new StringBuilder();
    for (Node node : nodes) {
      text.append(node.name());
      if (!lastFollowed(node).isEmpty()) {
        text.append(FOLLOWS).append(lastFollowed(node));
      }
      text.append('\n');
    }
    try {
      WholeFile.replace(folder.resolve(ROLES), text.toString().getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The node at the address that this one follows, or the address; empty for none.
  @Override
  String followed(Node node, Member.View view) {
    Address address = view.primary();
    if (address == null) {
      return "";
    }
    for (Node other : nodes) {
      if (other.port() == address.port()
          && (address.host().equals(LOCALHOST) || address.host().equals("localhost"))) {
        return other.name();
      }
    }
    return address.host() + " " + address.port();
  }

  // ── nodes ──

  @Override
  List<String> role(Node node) {
    if (isFormed && !sentinels.isEmpty() && lastFollowed(node).isEmpty()) {
      followWhoeverTookOver(node);
    }
    String name = lastFollowed(node);
    if (name.isEmpty()) {
      return List.of();
    }
    Node followed = named(name);
    return List.of("replicaof", followed == null ? name : LOCALHOST + " " + followed.port());
  }

  /// A primary that was gone for a while isn't one any more, if Sentinels have promoted a replica:
  /// it would take writes that are lost as soon as they notice.
  private void followWhoeverTookOver(Node node) {
    for (Node other : nodes) {
      Member server = other.running();
      if (other != node && server != null && server.view().primary() == null) {
        follow(node, other.name());
      }
    }
  }

  // ── Sentinels ──

  /// A Sentinel asks the primary for its replicas at once, then every ten seconds: they are to be
  /// there by then. Returns once each Sentinel knows them and the others.
  private void startSentinels() throws InterruptedException {
    if (sentinels.isEmpty()) {
      return;
    }
    awaitInSync(FORM_MILLIS);
    for (Node sentinel : sentinels) {
      sentinel.start();
    }
    long end = System.nanoTime() + FORM_MILLIS * 1_000_000;
    while (!sentinels.stream().allMatch(this::knowsAll) && System.nanoTime() - end < 0) {
      Thread.sleep(POLL_MILLIS);
    }
  }

  private Path fileOf(Node sentinel) {
    return folderOf(sentinel).resolve("sentinel.conf");
  }

  private boolean knowsAll(Node sentinel) {
    try {
      String text = Files.readString(fileOf(sentinel), StandardCharsets.ISO_8859_1);
      return text.split("sentinel known-replica ", -1).length == nodes.size()
          && text.split("sentinel known-sentinel ", -1).length == sentinels.size();
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  Path sentinelFile(Node sentinel) throws IOException {
    Path file = fileOf(sentinel);
    Files.createDirectories(folderOf(sentinel));
    if (!watchesThese(file)) {
      WholeFile.replace(file, directives(sentinel).getBytes(StandardCharsets.ISO_8859_1));
    }
    return file;
  }

  /// Whether a file of a Sentinel is about one of these nodes, at the port that it has now.
  private boolean watchesThese(Path file) throws IOException {
    if (!Files.exists(file)) {
      return false;
    }
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    for (Node node : nodes) {
      if (text.contains("sentinel monitor mymaster 127.0.0.1 " + node.port() + " ")) {
        return true;
      }
    }
    return false;
  }

  private String directives(Node sentinel) {
    int quorum = sentinels.size() / 2 + 1;
    StringBuilder text = new StringBuilder();
    text.append("port ").append(sentinel.port()).append("\nbind 127.0.0.1\n");
    text.append("dir ").append(quoted(folderOf(sentinel).toString())).append('\n');
    text.append("sentinel monitor mymaster 127.0.0.1 ");
    text.append(primary().port()).append(' ').append(quorum).append('\n');
    text.append("sentinel down-after-milliseconds mymaster ").append(downAfterMillis).append('\n');
    text.append("sentinel failover-timeout mymaster 60000\n");
    if (!password.isEmpty()) {
      text.append("requirepass ").append(quoted(password)).append('\n');
      text.append("sentinel auth-pass mymaster ").append(quoted(password)).append('\n');
    }
    return text.toString();
  }

  // ── what is to be known ──

  /// A node that takes writes. There may be several for a moment, while Sentinels promote one: then
  /// that which most nodes follow, or the first.
  ///
  /// Errors: [IllegalStateException] if there is none.
  public Node primary() {
    Map<String, Integer> followers = new HashMap<>();
    List<Status> all = status();
    for (Status each : all) {
      if (each.follows() != null) {
        followers.merge(each.follows(), 1, Integer::sum);
      }
    }
    Node best = null;
    int most = -1;
    for (int i = 0; i < all.size(); i++) {
      int here = followers.getOrDefault(all.get(i).node(), 0);
      if (all.get(i).isPrimary() && here > most) {
        best = nodes.get(i);
        most = here;
      }
    }
    if (best == null) {
      throw new IllegalStateException("no node is a primary");
    }
    return best;
  }

  /// Sentinels leave one primary. One that has just come back is none any more.
  @Override
  boolean isSettled() {
    return (sentinels.stream().noneMatch(Node::isRunning)
            || status().stream().filter(Status::isPrimary).count() == 1)
        && super.isSettled();
  }
}
