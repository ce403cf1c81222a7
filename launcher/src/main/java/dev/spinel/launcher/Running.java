package dev.spinel.launcher;

import dev.spinel.Spinel;
import dev.spinel.SpinelCluster;
import dev.spinel.SpinelReplication;
import dev.spinel.Topology;
import dev.spinel.launcher.Order.BadOrder;
import dev.spinel.launcher.Order.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What `spinel up` has started: a topology, how it is shown, and what is to be said of it.
final class Running implements AutoCloseable {
  private static final long SYNC_MILLIS = 10_000;

  final Topology topology;
  private final Order order;
  private final Path folder;
  private final @Nullable Path copiedFrom; // a dump file; only a store's
  private final long formedMillis;
  private final String what; // as it was formed
  private final LivePicture live;

  private Running(
      Topology topology, Order order, Path folder, @Nullable Path copiedFrom, long formedMillis) {
    this.topology = topology;
    this.order = order;
    this.folder = folder;
    this.copiedFrom = copiedFrom;
    this.formedMillis = formedMillis;
    what = what(topology, order);
    live = new LivePicture(this::picture, this::words);
    topology.onChange(live::look);
  }

  /// Starts it with the data that it finds, and waits until it is formed: all slots served, all
  /// replicas in sync (of a primary without Sentinels for ten seconds at most).
  ///
  /// Errors: [BadOrder] if a port is taken, a folder can't be used, data can't be loaded, or it
  /// doesn't form within a minute.
  static Running start(Order order) {
    Path folder = order.folder();
    long began = System.nanoTime();
    StoreFolder store = null;
    try {
      Files.createDirectories(folder);
      if (order.kind() == Kind.STORE) {
        store = StoreFolder.in(folder.resolveSibling(""), order.port());
      }
    } catch (IOException e) {
      throw new BadOrder("can't make the folder for its data, " + folder + ": " + e);
    }
    try {
      Topology topology = start(order, folder);
      if (order.kind() == Kind.REPLICATION) {
        topology.awaitInSync(SYNC_MILLIS);
      }
      long millis = (System.nanoTime() - began) / 1_000_000;
      return new Running(topology, order, folder, store == null ? null : store.copiedFrom, millis);
    } catch (IllegalArgumentException e) {
      throw refused(store, e.getMessage() + " (or choose another folder with --dir)");
    } catch (UncheckedIOException e) {
      throw refused(store, reason(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw refused(store, "interrupted");
    }
  }

  private static Topology start(Order order, Path folder) {
    return switch (order.kind()) {
      case CLUSTER -> completed(Spinel.cluster(order.primaries(), order.replicas()), order, folder);
      case STORE -> completed(Spinel.store(), order, folder);
      case REPLICATION -> completed(Spinel.replication(order.replicas()), order, folder);
      case SENTINEL ->
          completed(
              Spinel.replication(order.replicas()).sentinels(order.sentinels()), order, folder);
    };
  }

  private static <P extends Topology.Plan<P>> Topology completed(P plan, Order order, Path folder) {
    Path program = order.program();
    if (program != null) {
      plan.program(program);
    }
    return plan.port(order.port()).password(order.password()).directory(folder).start();
  }

  private static BadOrder refused(@Nullable StoreFolder store, String why) {
    if (store != null) {
      store.removeCopy();
    }
    return new BadOrder(why);
  }

  /// What a failure to start is to the one who asked for it.
  private static String reason(UncheckedIOException e) {
    Throwable cause = e;
    while (cause.getCause() != null) cause = cause.getCause();
    String why =
        String.valueOf(e.getMessage())
            .replaceFirst("^store: ", "")
            .replaceFirst(
                "(\\S+): Could not create server TCP listening socket (\\S+): bind: ",
                "$1 can't listen at $2: ")
            .replaceFirst(
                "^Could not create server TCP listening socket (\\S+): bind: ",
                "can't listen at $1: ");
    return why
        + (cause instanceof SocketException || why.contains("Failed listening")
            ? " (choose another with --port)"
            : " (or choose another folder with --dir)");
  }

  // ── what is said once ──

  /// @param isDetached whether it runs in the background
  String description(boolean isDetached) {
    int port = topology.nodes().getFirst().port();
    StringBuilder text = new StringBuilder();
    text.append(
        "%s up: %s at 127.0.0.1%s (process %d), after %.1f s.\n"
            .formatted(
                whose(),
                what,
                order.kind() == Kind.STORE ? ":" + port : "",
                ProcessHandle.current().pid(),
                formedMillis / 1000.0));
    text.append("Its data and logs are kept in ").append(folder);
    text.append(", and are there again at the next start.\n");
    if (copiedFrom != null) {
      text.append("The data of ").append(copiedFrom);
      text.append(" was taken over; that file isn't used any more.\n");
    }
    String password = order.password().isEmpty() ? "" : " -a PASSWORD";
    text.append("Connect with any client of Redis 7.2:\n");
    switch (order.kind()) {
      case CLUSTER -> {
        text.append("  redis-cli -c -p ").append(port).append(password).append('\n');
        text.append("  JedisCluster jedis = new JedisCluster(new HostAndPort(\"127.0.0.1\", ");
        text.append(port).append(")");
        text.append(password.isEmpty() ? "" : ", \"default\", \"PASSWORD\"").append(");\n");
        Path store = folder.resolveSibling("store");
        if (Files.exists(store)) {
          text.append("The single store in ").append(store);
          text.append(" is started by: spinel up store\n");
        }
      }
      case STORE -> {
        text.append("  redis-cli -p ").append(port).append('\n');
        text.append("  RedisClient jedis = RedisClient.create(\"127.0.0.1\", ");
        text.append(port).append(");\n");
      }
      case REPLICATION, SENTINEL -> {
        text.append("  redis-cli -p ").append(primaryPort()).append(password).append('\n');
        if (!topology.sentinels().isEmpty()) {
          text.append("Or ask a Sentinel where the primary is:\n  redis-cli -p ");
          text.append(topology.sentinels().getFirst().port()).append(password);
          text.append(" sentinel get-master-addr-by-name mymaster\n");
        }
      }
    }
    text.append("Play with it").append(isDetached ? ":" : ", from another terminal:").append('\n');
    text.append(advice(isDetached)).append('\n');
    picture().forEach(line -> text.append(line).append('\n'));
    return text.toString();
  }

  private String whose() {
    if (order.program() != null) {
      return "It is";
    }
    String version = Running.class.getPackage().getImplementationVersion();
    return "Spinel" + (version == null ? "" : " " + version) + " is";
  }

  private static String what(Topology topology, Order order) {
    Path program = order.program();
    String servers = program == null ? "" : ", each a process of " + program;
    int nodes = topology.nodes().size();
    return switch (order.kind()) {
      case CLUSTER -> {
        long primaries = topology.status().stream().filter(Topology.Status::isPrimary).count();
        yield "a cluster of %d primaries and %d replicas%s"
            .formatted(primaries, nodes - primaries, servers);
      }
      case STORE -> "one store" + (program == null ? "" : ", a process of " + program + ",");
      case REPLICATION -> "a primary and %d replicas%s".formatted(nodes - 1, servers);
      case SENTINEL ->
          "a primary, %d replicas and %d Sentinels%s"
              .formatted(nodes - 1, topology.sentinels().size(), servers);
    };
  }

  private int primaryPort() {
    try {
      return ((SpinelReplication) topology).primary().port();
    } catch (IllegalStateException none) { // the picture shows it
      return topology.nodes().getFirst().port();
    }
  }

  private String advice(boolean isDetached) {
    String dir =
        order.directory().equals(Path.of(Order.DIRECTORY)) ? "" : " --dir " + order.directory();
    String node = order.kind() == Kind.STORE ? "store" : "node-1";
    StringBuilder text = new StringBuilder();
    text.append("  spinel status").append(dir).append('\n');
    text.append("  spinel kill ").append(node).append(dir);
    text.append(" && spinel restart ").append(node).append(dir).append('\n');
    if (isDetached) {
      text.append("  spinel down").append(dir).append("   ends it\n");
    } else {
      text.append("Ctrl-C ends it.\n");
    }
    return text.toString();
  }

  /// One line of what it is.
  String title() {
    return order.kind().word()
        + ": "
        + what
        + ", in "
        + folder
        + " (process "
        + ProcessHandle.current().pid()
        + ")";
  }

  // ── the picture ──

  /// A line for each node and Sentinel, for each node from elsewhere that has joined, and one for a
  /// cluster as a whole.
  List<String> picture() {
    List<Topology.Status> nodes = topology.status();
    long newest = 0;
    for (Topology.Status node : nodes) {
      if (node.isPrimary()) newest = Math.max(newest, node.offset());
    }
    List<String> lines = new ArrayList<>();
    for (Topology.Status node : nodes) {
      StringBuilder text = new StringBuilder(words(node));
      if (node.isRunning()) {
        text.append(", offset ").append(node.offset());
        long behind = newest - node.offset();
        if (order.kind() != Kind.CLUSTER && !node.isPrimary() && behind > 0) {
          text.append(", ").append(behind).append(" bytes behind");
        }
      }
      lines.add(line(node.node(), node.port(), text.toString()));
    }
    for (Topology.Node sentinel : topology.sentinels()) {
      lines.add(line(sentinel.name(), sentinel.port(), words(sentinel)));
    }
    if (topology instanceof SpinelCluster cluster) {
      for (SpinelCluster.Stranger stranger : cluster.strangers()) {
        lines.add("  joined   %-15s  %s".formatted(stranger.address(), words(stranger)));
      }
      lines.add("  " + whole(nodes));
    }
    return lines;
  }

  private String line(String name, int port, String text) {
    int width = topology.sentinels().isEmpty() ? 8 : 10;
    return ("  %-" + width + "s 127.0.0.1:%-5d  %s").formatted(name, port, text);
  }

  /// For each node what it is, without what changes with every write.
  private Map<String, String> words() {
    List<Topology.Status> nodes = topology.status();
    Map<String, String> words = new LinkedHashMap<>();
    for (Topology.Status node : nodes) {
      words.put(node.node(), words(node));
    }
    for (Topology.Node sentinel : topology.sentinels()) {
      words.put(sentinel.name(), words(sentinel));
    }
    if (topology instanceof SpinelCluster cluster) {
      for (SpinelCluster.Stranger stranger : cluster.strangers()) {
        words.put(stranger.address(), "joined, " + words(stranger));
      }
      words.put("cluster", whole(nodes));
    }
    return words;
  }

  private static String words(Topology.Node sentinel) {
    return sentinel.isRunning() ? "watches mymaster" : "doesn't run";
  }

  private String words(Topology.Status node) {
    if (!node.isRunning()) {
      return "doesn't run";
    }
    if (node.isPrimary()) {
      String slots = node.slots().isEmpty() ? "primary without slots" : "primary of slots ";
      return order.kind() == Kind.CLUSTER ? slots + node.slots() : "primary" + trouble(node);
    }
    return "replica of " + node.follows() + (node.isInSync() ? ", in sync" : trouble(node));
  }

  private static String words(SpinelCluster.Stranger node) {
    String follows = node.follows();
    String slots = node.slots().isEmpty() ? "primary without slots" : "primary of slots ";
    return (follows == null ? slots + node.slots() : "replica of " + follows)
        + (node.hasFailed() ? ", has failed" : "");
  }

  private static String trouble(Topology.Status node) {
    if (node.isInSync()) return "";
    return node.isPrimary() ? ", " + node.trouble() : ", not in sync: " + node.trouble();
  }

  private static String whole(List<Topology.Status> nodes) {
    long running = nodes.stream().filter(Topology.Status::isRunning).count();
    long seeUp = nodes.stream().filter(Topology.Status::seesClusterUp).count();
    if (running > 0 && seeUp == running) {
      String orphaned = orphaned(nodes);
      return orphaned.isEmpty()
          ? "the cluster serves all slots"
          : "the slots of " + orphaned + " wait for a replica to take over";
    }
    return "the cluster is down for "
        + (running - seeUp)
        + " of the "
        + running
        + " nodes that run";
  }

  /// Primaries that don't run any more, and that replicas still follow.
  private static String orphaned(List<Topology.Status> nodes) {
    Set<String> down = new HashSet<>();
    for (Topology.Status node : nodes) {
      if (!node.isRunning()) down.add(node.node());
    }
    Set<String> orphaned = new TreeSet<>();
    for (Topology.Status node : nodes) {
      String follows = node.follows();
      if (node.isRunning() && follows != null && down.contains(follows)) orphaned.add(follows);
    }
    return String.join(", ", orphaned);
  }

  /// Waits until it is over, and tells meanwhile what happens to it.
  void awaitStop(Up.Screen screen) throws InterruptedException {
    live.tellWhile(screen, topology::awaitStop);
  }

  @Override
  public void close() {
    topology.close();
  }
}
