package dev.spinel;

import dev.spinel.Member.ClusterPart;
import dev.spinel.Member.Known;
import dev.spinel.cluster.SlotSet;
import dev.spinel.config.WholeFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/// A cluster: primaries, which share the 16,384 slots, and their replicas, each a whole server with
/// its own port, bus and folder.
///
/// ```java
/// try (SpinelCluster cluster = Spinel.cluster(3, 3).start()) {
///   int port = cluster.nodes().getFirst().port();
///   cluster.nodes().getFirst().kill(); // and a replica takes over
/// }
/// ```
///
/// [Plan#start] returns once all slots are served and all replicas have their primary's data.
///
/// **Files.** Node `node-1` has its `nodes.conf` in its folder, too. The file `cluster` beside the
/// folders says how many nodes there are; it is written once the cluster is formed. A cluster that
/// starts again finds its data, its slots and its roles, at other ports, too.
public final class SpinelCluster extends Topology {
  static final String FORMED = "cluster";
  private static final int MAX_NODES = 200;
  private static final int BUS_OFFSET = 10_000;
  private static final int POLL_MILLIS = 5;
  private static final long FORM_MILLIS = 60_000;
  private static final long ALONE_MILLIS = 3_000;

  /// What is to be started.
  public static final class Plan extends Topology.Plan<Plan> {
    private final int primaries;
    private final int replicas;
    private long nodeTimeoutMillis = 5000;

    private Plan(int primaries, int replicas) {
      this.primaries = primaries;
      this.replicas = replicas;
    }

    @Override
    Plan self() {
      return this;
    }

    /// After which a silent node counts as failed.
    public Plan nodeTimeoutMillis(long millis) {
      nodeTimeoutMillis = millis;
      return this;
    }

    /// Starts all nodes with what is in their folders, and forms a cluster of them if they aren't
    /// one yet. The bus of each listens 10,000 above its port.
    ///
    /// Errors: [IllegalArgumentException] for a bad setting, or if the folder holds another number
    /// of nodes; [UncheckedIOException] if a port can't be had, data can't be loaded, or the
    /// cluster doesn't serve within a minute. Nothing runs then.
    @Override
    public SpinelCluster start() {
      return new SpinelCluster(this);
    }
  }

  /// See [Spinel#cluster].
  static Plan of(int primaries, int replicas) {
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

  private final int primaries;
  private final long nodeTimeoutMillis;

  private SpinelCluster(Plan plan) {
    super(plan);
    refuse(directory, SpinelReplication.ROLES, "a primary with replicas, not a cluster");
    nodeTimeoutMillis = plan.nodeTimeoutMillis;
    int[] held = held(directory);
    if (held.length > 0
        && (plan.primaries != 0 && plan.primaries != held[0]
            || plan.replicas >= 0 && plan.replicas != held[1])) {
      throw new IllegalArgumentException(
          "the folder "
              + directory
              + " holds a cluster that was made of "
              + held[0]
              + " primaries and "
              + held[1]
              + " replicas");
    }
    primaries = held.length > 0 ? held[0] : plan.primaries == 0 ? 3 : plan.primaries;
    int replicas = held.length > 0 ? held[1] : plan.replicas < 0 ? primaries : plan.replicas;
    int count = primaries + replicas;
    if (plan.port < 0 || plan.port > 0 && plan.port + count - 1 + BUS_OFFSET > MAX_PORT) {
      throw new IllegalArgumentException(
          "there are no "
              + count
              + " ports from "
              + plan.port
              + " on, with a bus port 10000 above each");
    }
    for (int i = 0; i < count; i++) {
      Path folder = directory == null ? null : directory.resolve("node-" + (i + 1));
      int port = plan.port == 0 ? NodePlaces.freePort() : plan.port + i;
      int bus = plan.port == 0 ? NodePlaces.freePort() : port + BUS_OFFSET;
      nodes.add(new Node("node-" + (i + 1), folder, port, bus, false));
    }
    checkPorts();
    try {
      startAll();
      if (held.length == 0) {
        form(replicas);
      } else if (program != null) {
        meetAgain();
      }
      if (!awaitInSync(FORM_MILLIS)) {
        throw new IOException("the cluster doesn't serve all slots after " + FORM_MILLIS + " ms");
      }
      if (held.length == 0) {
        noteFormed(replicas);
      }
    } catch (InterruptedException e) {
      giveUp(e);
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException("interrupted", e));
    } catch (IOException e) {
      giveUp(e);
      throw new UncheckedIOException(e.getMessage(), e);
    } catch (Throwable t) {
      giveUp(t);
      throw t;
    }
  }

  /// A port that is another node's bus port would make for strange errors later.
  private void checkPorts() {
    for (Node node : nodes) {
      for (Node other : nodes) {
        if (node.port() == other.busPort) {
          throw new IllegalArgumentException(
              "port "
                  + node.port()
                  + " of "
                  + node.name()
                  + " is also the bus port of "
                  + other.name()
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
    if (directory != null) {
      String text = "primaries " + primaries + " replicas " + replicas + "\n";
      WholeFile.replace(directory.resolve(FORMED), text.getBytes(StandardCharsets.US_ASCII));
    }
  }

  // ── forming ──

  /// All at once: each waits for the others, and for its disk.
  private void startAll() throws IOException, InterruptedException {
    List<FutureTask<Void>> starts = new ArrayList<>();
    for (Node node : nodes) {
      FutureTask<Void> start = new FutureTask<>(node::start, null);
      Thread.ofVirtual().start(start);
      starts.add(start);
    }
    Throwable failure = null;
    for (FutureTask<Void> start : starts) {
      try {
        start.get();
      } catch (ExecutionException e) {
        failure = failure == null ? e.getCause() : failure;
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
      Node node = nodes.get(i);
      ClusterPart part = part(node, node.running());
      int first = (int) ((long) i * SlotSet.SLOTS / primaries);
      int last = (int) ((long) (i + 1) * SlotSet.SLOTS / primaries) - 1;
      if (part.slotCount() == 0) {
        tell(node, "CLUSTER", "ADDSLOTSRANGE", "" + first, "" + last);
      }
      if (part.known().size() == 1 && part.epoch() == 0) {
        tell(node, "CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
      }
    }
    meet(nodes.getFirst());
    long end = System.nanoTime() + FORM_MILLIS * 1_000_000;
    for (int i = 0; i < replicas; i++) {
      Node replica = nodes.get(primaries + i);
      Node primary = nodes.get(i % primaries);
      String id = part(primary, primary.running()).id();
      while (!part(replica, replica.running()).known().contains(id)) {
        if (System.nanoTime() - end > 0) {
          throw new IOException(replica.name() + " doesn't meet the others");
        }
        Thread.sleep(POLL_MILLIS);
      }
      if (part(replica, replica.running()).isPrimary()) {
        tell(replica, "CLUSTER", "REPLICATE", id);
      }
    }
  }

  /// Other servers don't find each other again at other ports: they are introduced until they do,
  /// each time by another of them.
  private void meetAgain() throws IOException, InterruptedException {
    long end = System.nanoTime() + FORM_MILLIS * 1_000_000;
    for (int i = 0; !awaitInSync(ALONE_MILLIS) && System.nanoTime() - end < 0; i++) {
      meet(nodes.get(i % nodes.size()));
      for (Node node :
          nodes) { // who heard of its primary's address by gossip goes on dialling the old one
        ClusterPart part = part(node, node.running());
        if (!part.isPrimary()
            && !node.status().isInSync()
            && part.known().contains(part.primary())) {
          tell(node, "CLUSTER", "REPLICATE", part.primary());
        }
      }
    }
  }

  /// Each meets one of them; who knew each other at other addresses does so again.
  private void meet(Node host) throws IOException {
    for (Node node : nodes) {
      if (node != host) {
        tell(node, "CLUSTER", "MEET", LOCALHOST, "" + host.port(), "" + host.busPort);
        if (program != null) {
          tell(host, "CLUSTER", "MEET", LOCALHOST, "" + node.port(), "" + node.busPort);
        }
      }
    }
  }

  private void tell(Node node, String... command) throws IOException {
    try {
      say(node.port(), command);
    } catch (IOException e) {
      throw new IOException(node.name() + ": " + e.getMessage(), e);
    }
  }

  private static ClusterPart part(Node node, @Nullable Member server) throws IOException {
    ClusterPart part = server == null ? null : server.view().node();
    if (part == null) {
      throw new IOException(node.name() + " doesn't run");
    }
    return part;
  }

  // ── nodes ──

  /// A node that isn't of this object, but has joined its cluster.
  ///
  /// @param address and port, as clients use them
  /// @param follows the name of the node that it follows, or else its id; null: it is a primary
  /// @param slots that it serves, as ranges; empty: none
  public record Stranger(
      String id, String address, @Nullable String follows, String slots, boolean hasFailed) {}

  /// Those that have joined from elsewhere, as the first node that runs sees them, in the order of
  /// their ids.
  public List<Stranger> strangers() {
    Set<String> own = new HashSet<>();
    List<Known> known = List.of();
    for (Node node : nodes) {
      own.add(node.status().id());
      Member server = node.running();
      if (server != null && known.isEmpty()) {
        known = server.known();
      }
    }
    return known.stream()
        .filter(node -> !own.contains(node.id()))
        .sorted(Comparator.comparing(Known::id))
        .map(
            node ->
                new Stranger(
                    node.id(),
                    node.address(),
                    node.primary().isEmpty() ? null : nameOf(node.primary()),
                    node.slots(),
                    node.hasFailed()))
        .toList();
  }

  @Override
  List<String> role(Node node) {
    List<String> role = new ArrayList<>();
    Collections.addAll(role, "cluster-enabled", "yes", "cluster-port", "" + node.busPort);
    Collections.addAll(role, "cluster-node-timeout", "" + nodeTimeoutMillis);
    if (program == null) {
      Collections.addAll(role, "cluster-seeds", seeds(node));
    }
    return role;
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

  @Override
  Path sentinelFile(Node sentinel) {
    throw new IllegalStateException("a cluster has no Sentinels");
  }

  @Override
  String followed(Node node, Member.View view) {
    ClusterPart part = view.node();
    return part == null ? "" : nameOf(part.primary());
  }

  @Override
  String lastFollowed(Node node) {
    return "";
  }

  /// Whether all slots are served, too.
  @Override
  boolean isSettled() {
    int slots = 0;
    for (Node node : nodes) {
      Member server = node.running();
      ClusterPart part = server == null ? null : server.view().node();
      if (part == null || !part.isUp()) {
        return false;
      }
      slots += part.isPrimary() ? part.slotCount() : 0;
    }
    return slots == SlotSet.SLOTS && super.isSettled();
  }
}
