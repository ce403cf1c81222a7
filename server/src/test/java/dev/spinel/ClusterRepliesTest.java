package dev.spinel;

import static dev.spinel.Nodes.ask;
import static dev.spinel.Nodes.eventually;
import static dev.spinel.Nodes.ok;
import static dev.spinel.Nodes.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What a node says of its cluster, field for field as a real one says it of the same cluster: two
/// shards, of which one has a primary of ours and a real replica, and the other the reverse.
@Timeout(120)
class ClusterRepliesTest {
  @TempDir private Path folder;
  private final List<AutoCloseable> open = new ArrayList<>();
  private final List<Integer> ports = new ArrayList<>();
  private final ByteArrayOutputStream log = new ByteArrayOutputStream(); // of ours

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  private int real(String name) throws Exception {
    RealRedis made =
        RealRedis.ready(
            Files.createDirectory(folder.resolve(name)),
            "--cluster-enabled",
            "yes",
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "1",
            "--enable-debug-command",
            "yes");
    open.add(made);
    ports.add(made.port());
    return made.port();
  }

  private int ours(String name) throws IOException {
    Path own = Files.createDirectory(folder.resolve(name));
    int port = RealRedis.freePort();
    Spinel made =
        Spinel.start(
            log,
            "port",
            "" + port,
            "cluster-enabled",
            "yes",
            "dir",
            own.toString(),
            "repl-diskless-sync-delay",
            "0");
    open.add(made);
    ports.add(port);
    return port;
  }

  @Test
  void slotsShardsAndLinksAreThoseOfARealNode() throws Exception {
    int real = real("real-primary");
    int ours = ours("our-primary");
    int realReplica = real("real-replica");
    int ourReplica = ours("our-replica");
    ok(real, "CLUSTER", "ADDSLOTSRANGE", "0", "8000", "8002", "8191");
    ok(ours, "CLUSTER", "ADDSLOTSRANGE", "8001", "8001", "8192", "16383");
    ok(real, "CLUSTER", "SET-CONFIG-EPOCH", "1");
    ok(ours, "CLUSTER", "SET-CONFIG-EPOCH", "2");
    for (int other : List.of(ours, realReplica, ourReplica)) {
      ok(real, "CLUSTER", "MEET", "127.0.0.1", "" + other);
    }
    for (int port : ports) {
      eventually(() -> isWhole(port));
    }
    assertThat(log.toString(StandardCharsets.UTF_8))
        .contains("knows this node by a loopback address now");
    ok(realReplica, "CLUSTER", "REPLICATE", text(ours, "CLUSTER", "MYID"));
    ok(ourReplica, "CLUSTER", "REPLICATE", text(real, "CLUSTER", "MYID"));
    for (int port : ports) {
      eventually(() -> shards(port).toString().split("role=Bulk replica").length == 3);
      eventually(() -> !shards(port).toString().contains("loading"));
    }
    for (String type : List.of("ip", "hostname", "unknown-endpoint")) {
      for (int port : ports) {
        ok(port, "CONFIG", "SET", "cluster-preferred-endpoint-type", type);
      }
      compare(type);
    }
    ok(real, "CONFIG", "SET", "cluster-announce-hostname", "real.example");
    ok(ourReplica, "CONFIG", "SET", "cluster-announce-hostname", "ours.example");
    for (int port : ports) {
      eventually(() -> shards(port).toString().split("hostname=", -1).length == 3);
    }
    for (String type : List.of("ip", "hostname", "unknown-endpoint")) {
      for (int port : ports) {
        ok(port, "CONFIG", "SET", "cluster-preferred-endpoint-type", type);
      }
      compare(type + " with host names");
    }
  }

  @Test
  void whatWaitsForANodeThatSleepsIsTold() throws Exception {
    int real = real("sleeps");
    int ours = ours("tells");
    ok(ours, "CLUSTER", "MEET", "127.0.0.1", "" + real);
    eventually(() -> text(ours, "CLUSTER", "NODES").lines().count() == 2);
    eventually(() -> !text(ours, "CLUSTER", "NODES").contains("handshake"));
    String message = "x".repeat(1 << 20);
    try (Client client = Client.connect("127.0.0.1", real)) {
      client.send("DEBUG", "SLEEP", "5");
      client.flush();
      eventually(
          () -> {
            ask(ours, "PUBLISH", "channel", message);
            return !text(ours, "INFO", "memory").contains("mem_cluster_links:0\r");
          });
    }
    eventually(() -> text(ours, "INFO", "memory").contains("mem_cluster_links:0\r"));
  }

  private void compare(String what) throws Exception {
    List<Map<String, Object>> shards = shards(ports.getFirst());
    List<String> slots = slots(ports.getFirst());
    for (int port : ports) {
      assertThat(shards(port))
          .as("%s, node %s", what, ports.indexOf(port))
          .hasToString(shards.toString());
      assertThat(slots(port)).as(what).isEqualTo(slots);
      List<String> ids = new ArrayList<>();
      for (int other : ports) {
        if (other != port) {
          String id = text(other, "CLUSTER", "MYID");
          ids.addAll(List.of("from " + id, "to " + id));
        }
      }
      eventually(() -> links(port).equals(ids.stream().sorted().toList()));
    }
  }

  private static boolean isWhole(int port) throws IOException {
    String nodes = text(port, "CLUSTER", "NODES");
    return nodes.lines().count() == 4
        && !nodes.contains("handshake")
        && text(port, "CLUSTER", "INFO").contains("cluster_state:ok");
  }

  // ── replies without what differs from one moment to the next ──

  private static List<RespValue> elements(RespValue array) {
    return ((RespValue.Array) array).elements();
  }

  private static Object plain(RespValue value) {
    return value instanceof RespValue.Array array
        ? array.elements().stream().map(ClusterRepliesTest::plain).toList()
        : value.getClass().getSimpleName() + " " + value.text();
  }

  private static Map<String, Object> fields(RespValue map) {
    Map<String, Object> fields = new LinkedHashMap<>();
    List<RespValue> words = elements(map);
    for (int i = 0; i < words.size(); i += 2) {
      fields.put(words.get(i).text(), plain(words.get(i + 1)));
    }
    return fields;
  }

  private static List<Map<String, Object>> shards(int port) throws IOException {
    List<Map<String, Object>> shards = new ArrayList<>();
    for (RespValue reply : elements(ask(port, "CLUSTER", "SHARDS"))) {
      Map<String, Object> shard = fields(reply);
      List<Map<String, Object>> nodes = new ArrayList<>();
      for (RespValue each : elements(elements(reply).get(3))) {
        Map<String, Object> node = fields(each);
        node.replace("replication-offset", "any");
        nodes.add(node);
      }
      nodes.sort(Comparator.comparing(node -> String.valueOf(node.get("id"))));
      shard.put("nodes", nodes);
      shards.add(shard);
    }
    shards.sort(Comparator.comparing(shard -> String.valueOf(shard.get("slots"))));
    return shards;
  }

  private static List<String> slots(int port) throws IOException {
    List<String> ranges = new ArrayList<>();
    for (RespValue range : elements(ask(port, "CLUSTER", "SLOTS"))) {
      ranges.add(String.valueOf(plain(range)));
    }
    return ranges;
  }

  /// Whom it has links to and from. The other fields are checked.
  private static List<String> links(int port) throws IOException {
    List<String> links = new ArrayList<>();
    for (RespValue reply : elements(ask(port, "CLUSTER", "LINKS"))) {
      Map<String, Object> link = fields(reply);
      assertThat(link.keySet())
          .containsExactly(
              "direction",
              "node",
              "create-time",
              "events",
              "send-buffer-allocated",
              "send-buffer-used");
      assertThat(link.get("events")).isIn("Bulk r", "Bulk rw");
      long age = System.currentTimeMillis() - number(link.get("create-time"));
      assertThat(age).isBetween(-1000L, 120_000L);
      assertThat(number(link.get("send-buffer-used")))
          .isBetween(0L, number(link.get("send-buffer-allocated")));
      links.add((link.get("direction") + " " + link.get("node")).replace("Bulk ", ""));
    }
    return links.stream().sorted().toList();
  }

  private static long number(Object integer) {
    return Long.parseLong(String.valueOf(integer).replace("Int ", ""));
  }
}
