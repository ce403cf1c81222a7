package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import dev.spinel.SpinelReplication;
import dev.spinel.Topology;
import dev.spinel.Topology.Node;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;

/// A primary, two replicas and three Sentinels, whose primary is lost again and again, while
/// clients write through them: each its own key, with a number that grows.
final class LostPrimaries implements AutoCloseable {
  private static final int LOSSES = 3;
  private static final long PATIENCE_MILLIS = 60_000;

  private final SpinelReplication topology =
      Spinel.replication(2).sentinels(3).downAfterMillis(500).start();

  List<Integer> sentinels() {
    return topology.sentinels().stream().map(Node::port).toList();
  }

  /// Loses the primary, waits until all writers have found the one that has taken over, starts the
  /// old one again, and so on.
  void loseAndFind(List<String> keys) throws InterruptedException {
    awaitProgress(topology.primary(), keys);
    for (int i = 0; i < LOSSES; i++) {
      Node lost = topology.primary();
      lost.kill();
      awaitProgress(successor(), keys);
      lost.start();
      assertThat(topology.awaitInSync(PATIENCE_MILLIS)).as("all are in sync").isTrue();
    }
  }

  private Node successor() throws InterruptedException {
    long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
    while (topology.status().stream().noneMatch(Topology.Status::isPrimary)) {
      assertThat(System.nanoTime()).as("somebody takes over in time").isLessThan(end);
      Thread.sleep(10);
    }
    return topology.primary();
  }

  private static void awaitProgress(Node node, List<String> keys) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
    Map<String, String> before = new HashMap<>();
    for (String key : keys) {
      while (true) {
        String now = get(node, key);
        String known = before.putIfAbsent(key, now);
        if (known != null && !now.isEmpty() && !now.equals(known)) {
          break;
        }
        assertThat(System.nanoTime())
            .as("%s writes to %s in time", key, node.name())
            .isLessThan(end);
        Thread.sleep(20);
      }
    }
  }

  /// Empty if there is none, or nobody says so: a Sentinel ends the clients of a server whose role
  /// it changes.
  private static String get(Node node, String key) {
    try (Jedis jedis = new Jedis("127.0.0.1", node.port())) {
      String value = jedis.get(key);
      return value == null ? "" : value;
    } catch (JedisException e) {
      return "";
    }
  }

  @Override
  public void close() {
    topology.close();
  }
}
