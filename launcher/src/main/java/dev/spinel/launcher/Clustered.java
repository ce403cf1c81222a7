package dev.spinel.launcher;

import dev.spinel.SpinelCluster;
import dev.spinel.launcher.Up.BadOrder;
import dev.spinel.launcher.Up.Order;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A cluster: primaries, which share the slots, and their replicas.
final class Clustered implements Up.Run {
  private final SpinelCluster cluster;
  private final Path folder;
  private final boolean hasPassword;
  private final long formedMillis;
  private final LivePicture picture;

  private Clustered(SpinelCluster cluster, Path folder, boolean hasPassword, long formedMillis) {
    this.cluster = cluster;
    this.folder = folder;
    this.hasPassword = hasPassword;
    this.formedMillis = formedMillis;
    picture = new LivePicture(() -> picture(cluster.status()), () -> words(cluster.status()));
    cluster.onChange(picture::look);
  }

  /// Starts it, and waits until all slots are served and all replicas are in sync. Errors:
  /// [BadOrder] if a port is taken, a folder can't be used, or it doesn't serve within a minute.
  static Clustered start(Order order) {
    Path folder = order.directory().toAbsolutePath().normalize().resolve("cluster");
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new BadOrder("can't make the folder for its data, " + folder + ": " + e);
    }
    long began = System.nanoTime();
    try {
      SpinelCluster cluster =
          SpinelCluster.of(order.primaries(), order.replicas())
              .port(order.port())
              .password(order.password())
              .directory(folder)
              .start();
      long millis = (System.nanoTime() - began) / 1_000_000;
      return new Clustered(cluster, folder, !order.password().isEmpty(), millis);
    } catch (IllegalArgumentException e) {
      throw new BadOrder(e.getMessage() + " (or choose another folder with --dir)");
    } catch (UncheckedIOException e) {
      throw OneStore.refusal(e, order.port());
    }
  }

  @Override
  public String description() {
    String version = Clustered.class.getPackage().getImplementationVersion();
    List<SpinelCluster.Status> nodes = cluster.status();
    int port = nodes.getFirst().port();
    long primaries = nodes.stream().filter(SpinelCluster.Status::isPrimary).count();
    StringBuilder text = new StringBuilder();
    text.append(
        """
        Spinel%s is up: a cluster of %d primaries and %d replicas at 127.0.0.1 (process %d), after %.1f s.
        Data, logs and nodes.conf are kept in %s, and are there again at the next start.
        Connect with any client of a Redis 7.2 cluster:
          redis-cli -c -p %d%s
          JedisCluster jedis = new JedisCluster(new HostAndPort("127.0.0.1", %d)%s);
        Ctrl-C ends it.

        """
            .formatted(
                version == null ? "" : " " + version,
                primaries,
                nodes.size() - primaries,
                ProcessHandle.current().pid(),
                formedMillis / 1000.0,
                folder,
                port,
                hasPassword ? " -a PASSWORD" : "",
                port,
                hasPassword ? ", \"default\", \"PASSWORD\"" : ""));
    if (Files.exists(folder.resolveSibling("store"))) {
      text.insert(
          text.indexOf("Ctrl-C"),
          "The single store in "
              + folder.resolveSibling("store")
              + " is started by: spinel up store\n");
    }
    for (String line : picture(nodes)) {
      text.append(line).append('\n');
    }
    return text.toString();
  }

  /// A line for each node, and one for the whole.
  static List<String> picture(List<SpinelCluster.Status> nodes) {
    List<String> lines = new ArrayList<>();
    for (SpinelCluster.Status node : nodes) {
      String line = "  %-8s 127.0.0.1:%-5d  %s".formatted(node.node(), node.port(), words(node));
      if (node.isRunning()) {
        line += ", offset " + node.offset();
      }
      lines.add(line);
    }
    lines.add("  " + whole(nodes));
    return lines;
  }

  private static String whole(List<SpinelCluster.Status> nodes) {
    long running = nodes.stream().filter(SpinelCluster.Status::isRunning).count();
    long seeUp = nodes.stream().filter(SpinelCluster.Status::seesClusterUp).count();
    if (running > 0 && seeUp == running) {
      return "the cluster serves all slots";
    }
    return "the cluster is down for "
        + (running - seeUp)
        + " of the "
        + running
        + " nodes that run";
  }

  private static Map<String, String> words(List<SpinelCluster.Status> nodes) {
    Map<String, String> words = new LinkedHashMap<>();
    for (SpinelCluster.Status node : nodes) {
      words.put(node.node(), words(node));
    }
    words.put("cluster", whole(nodes));
    return words;
  }

  private static String words(SpinelCluster.Status node) {
    if (!node.isRunning()) {
      return "doesn't run";
    }
    if (node.isPrimary()) {
      return node.slots().isEmpty() ? "primary without slots" : "primary of slots " + node.slots();
    }
    return "replica of " + node.follows() + (node.isInSync() ? ", in sync" : ", not in sync");
  }

  @Override
  public void awaitStop(Up.Screen screen) throws InterruptedException {
    picture.tellWhile(screen, cluster::awaitStop);
  }

  @Override
  public void close() {
    cluster.close();
  }
}
