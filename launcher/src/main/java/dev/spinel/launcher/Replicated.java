package dev.spinel.launcher;

import dev.spinel.Topology;
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

/// A primary and its replicas, with Sentinels that watch them or without.
final class Replicated implements Up.Run {
  private static final long SYNC_MILLIS = 10_000;

  private final Topology topology;
  private final Path folder;
  private final boolean hasPassword;
  private final LivePicture picture;

  private Replicated(Topology topology, Path folder, boolean hasPassword) {
    this.topology = topology;
    this.folder = folder;
    this.hasPassword = hasPassword;
    picture = new LivePicture(() -> picture(topology), () -> words(topology.status()));
    topology.onChange(picture::look);
  }

  /// Starts them, and waits until the replicas have all data, or for ten seconds. Errors:
  /// [BadOrder] if a port is taken, or a folder can't be used.
  static Replicated start(Order order) {
    String name = order.topology() == Up.Topology.SENTINEL ? "sentinel" : "replication";
    Path folder = order.directory().toAbsolutePath().normalize().resolve(name);
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new BadOrder("can't make the folder for its data, " + folder + ": " + e);
    }
    Topology topology;
    try {
      topology =
          Topology.replication(order.replicas())
              .port(order.port())
              .password(order.password())
              .sentinels(Math.max(0, order.sentinels()))
              .directory(folder)
              .start();
    } catch (IllegalArgumentException e) {
      throw new BadOrder(e.getMessage() + " (or choose another folder with --dir)");
    } catch (UncheckedIOException e) {
      throw OneStore.refusal(e, order.port());
    }
    try {
      topology.awaitInSync(SYNC_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return new Replicated(topology, folder, !order.password().isEmpty());
  }

  @Override
  public String description() {
    String version = Replicated.class.getPackage().getImplementationVersion();
    int port = topology.nodes().getFirst().port();
    try {
      port = topology.primary().port();
    } catch (IllegalStateException none) {
      // the picture shows it
    }
    StringBuilder text = new StringBuilder();
    text.append(
        """
        Spinel%s is up: a primary and %d replicas at 127.0.0.1 (process %d).
        Data, logs and roles are kept in %s, and are there again at the next start.
        Connect with any client of Redis 7.2:
          redis-cli -p %d%s
        Ctrl-C ends it.

        """
            .formatted(
                version == null ? "" : " " + version,
                topology.nodes().size() - 1,
                ProcessHandle.current().pid(),
                folder,
                port,
                hasPassword ? " -a PASSWORD" : ""));
    for (String line : picture(topology)) {
      text.append(line).append('\n');
    }
    if (!topology.sentinels().isEmpty()) {
      text.insert(
          text.indexOf("Ctrl-C"),
          "Or ask a Sentinel where the primary is:\n  redis-cli -p "
              + topology.sentinels().getFirst().port()
              + " sentinel get-master-addr-by-name mymaster\n");
    }
    return text.toString();
  }

  /// A line for each node and Sentinel.
  private static List<String> picture(Topology topology) {
    List<String> lines = picture(topology.status());
    for (Topology.Sentinel sentinel : topology.sentinels()) {
      lines.add(
          "  %-10s 127.0.0.1:%-5d  %s"
              .formatted(
                  sentinel.name(),
                  sentinel.port(),
                  sentinel.isRunning() ? "watches mymaster" : "doesn't run"));
    }
    return lines;
  }

  /// A line for each node.
  static List<String> picture(List<Topology.Status> nodes) {
    long newest = newestOffset(nodes);
    List<String> lines = new ArrayList<>();
    for (Topology.Status node : nodes) {
      String line = "  %-8s 127.0.0.1:%-5d  %s".formatted(node.node(), node.port(), words(node));
      if (node.isRunning()) {
        long behind = newest - node.offset();
        line += ", offset " + node.offset();
        if (!node.isPrimary() && behind > 0) {
          line += ", " + behind + " bytes behind";
        }
      }
      lines.add(line);
    }
    return lines;
  }

  private static long newestOffset(List<Topology.Status> nodes) {
    long newest = 0;
    for (Topology.Status node : nodes) {
      if (node.isPrimary()) {
        newest = Math.max(newest, node.offset());
      }
    }
    return newest;
  }

  private static Map<String, String> words(List<Topology.Status> nodes) {
    Map<String, String> words = new LinkedHashMap<>();
    for (Topology.Status node : nodes) {
      words.put(node.node(), words(node));
    }
    return words;
  }

  /// What it is, without what changes with every write.
  private static String words(Topology.Status node) {
    if (!node.isRunning()) {
      return "doesn't run";
    }
    if (node.isPrimary()) {
      return "primary";
    }
    return "replica of "
        + node.follows()
        + (node.isInSync() ? ", in sync" : ", not in sync: " + node.trouble());
  }

  @Override
  public void awaitStop(Up.Screen screen) throws InterruptedException {
    picture.tellWhile(screen, topology::awaitStop);
  }

  @Override
  public void close() {
    topology.close();
  }
}
