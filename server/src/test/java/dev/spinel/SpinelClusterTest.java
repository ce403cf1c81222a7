package dev.spinel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Clusters in this JVM, over real sockets.
@Timeout(120)
class SpinelClusterTest {
  @TempDir Path folder;

  private static String ask(SpinelCluster.Node node, String... command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", node.port())) {
      RespValue reply = client.command(command);
      return reply instanceof RespValue.Bulk bulk ? new String(bulk.bytes()) : reply.toString();
    }
  }

  private static void await(SpinelCluster cluster) throws InterruptedException {
    assertThat(cluster.awaitInSync(60_000)).as(() -> cluster.status().toString()).isTrue();
  }

  @Test
  void itServesAllSlotsAndItsReplicasHaveTheData() throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 3).nodeTimeoutMillis(2000).start()) {
      assertThat(cluster.status()).hasSize(6).allMatch(SpinelCluster.Status::seesClusterUp);
      assertThat(cluster.status().stream().filter(SpinelCluster.Status::isPrimary)).hasSize(3);
      assertThat(cluster.status().get(0).slots()).isEqualTo("0-5460");
      assertThat(cluster.status().get(3).follows()).isEqualTo("node-1");
      assertThat(ask(cluster.nodes().get(0), "CLUSTER", "INFO"))
          .contains("cluster_state:ok", "cluster_known_nodes:6", "cluster_size:3");
      assertThat(ask(cluster.nodes().get(5), "ROLE")).contains("connected");
    }
  }

  @Test
  void noTwoServersAreGivenOnePort() {
    Set<Integer> ports = new HashSet<>();
    for (int i = 0; i < 250; i++) {
      assertThat(ports.add(NodePlaces.freePort())).isTrue();
    }
  }

  @Test
  void aReplicaTakesOverAndTheOldPrimaryFollowsItOnceItIsBack() throws Exception {
    try (SpinelCluster cluster =
        Spinel.cluster(3, 3).directory(folder).nodeTimeoutMillis(1000).start()) {
      SpinelCluster.Node first = cluster.nodes().getFirst();
      assertThat(ask(first, "SET", "{fHh}x", "1")).contains("OK"); // slot 0
      assertThat(ask(first, "WAIT", "1", "10000")).contains("1");
      first.kill();
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> cluster.status().get(3).isPrimary() && cluster.status().get(3).seesClusterUp());
      Awaitility.await() // what gates go by follows in a moment
          .atMost(Duration.ofSeconds(10))
          .until(() -> !ask(cluster.nodes().get(3), "GET", "{fHh}x").contains("CLUSTERDOWN"));
      assertThat(ask(cluster.nodes().get(3), "GET", "{fHh}x")).isEqualTo("1");
      first.start();
      await(cluster);
      // while they didn't find each other, one may have taken over from the other
      List<Topology.Status> now = cluster.status();
      boolean isFirst = now.get(0).isPrimary();
      assertThat(now.get(isFirst ? 3 : 0).follows()).isEqualTo(isFirst ? "node-1" : "node-4");
    }
  }

  @Test
  void itComesBackWithItsDataAtOtherPorts() throws Exception {
    try (SpinelCluster cluster =
        Spinel.cluster(3, 3).directory(folder).nodeTimeoutMillis(2000).start()) {
      assertThat(ask(cluster.nodes().get(0), "SET", "{fHh}x", "2")).contains("OK");
      SpinelCluster.Node replica = cluster.nodes().get(3);
      assertThat(ask(replica, "CLUSTER", "FAILOVER")).contains("OK");
      Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> replica.status().isPrimary());
      await(cluster);
      String second = cluster.status().get(1).id();
      String third = cluster.status().get(2).id();
      setSlot(cluster.nodes().get(1), "IMPORTING", third);
      setSlot(cluster.nodes().get(2), "MIGRATING", second);
      setSlot(cluster.nodes().get(1), "NODE", second);
      setSlot(cluster.nodes().get(2), "NODE", second);
    }
    assertThat(Files.readString(folder.resolve("cluster"))).isEqualTo("primaries 3 replicas 3\n");
    try (SpinelCluster cluster =
        Spinel.cluster(0, -1).directory(folder).nodeTimeoutMillis(2000).start()) {
      assertThat(cluster.status().stream().map(Topology.Status::slots).limit(4))
          .containsExactly("", "5461-10921 16383", "10922-16382", "0-5460");
      assertThat(cluster.status().get(0).follows()).isEqualTo("node-4");
      assertThat(ask(cluster.nodes().get(3), "GET", "{fHh}x")).isEqualTo("2");
      SpinelCluster.Node first = cluster.nodes().getFirst();
      // it is meant to be on one machine
      assertThat(Files.readString(folder.resolve("node-1/log")))
          .contains("Cluster state changed: ok")
          .doesNotContain("loopback");
      assertThat(ask(first, "INFO", "cluster")).doesNotContain("masterauth");
      assertThat(ask(first, "CONFIG", "SET", "requirepass", "x", "masterauth", "")).contains("OK");
      try (Client client = Client.connect("127.0.0.1", first.port())) {
        client.command("AUTH", "x");
        assertThat(new String(((RespValue.Bulk) client.command("INFO", "cluster")).bytes()))
            .contains("cluster_masterauth_missing:1");
      }
      assertThat(Files.readString(folder.resolve("node-1/log")))
          .contains("requirepass is set and masterauth isn't");
    }
    assertThatThrownBy(() -> Spinel.cluster(4, 4).directory(folder).start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("was made of 3 primaries and 3 replicas");
  }

  private static void setSlot(SpinelCluster.Node node, String how, String id) throws IOException {
    assertThat(ask(node, "CLUSTER", "SETSLOT", "16383", how, id)).contains("OK");
  }

  @Test
  void whoSleepsIsTakenForDeadThoughItsBusIsAwake() throws Exception {
    try (SpinelCluster cluster =
        Spinel.cluster(3, 0).nodeTimeoutMillis(500).with("enable-debug-command", "yes").start()) {
      SpinelCluster.Node sleeper = cluster.nodes().getFirst();
      String id = sleeper.status().id();
      try (Client client = Client.connect("127.0.0.1", sleeper.port())) {
        client.send("DEBUG", "SLEEP", "20");
        client.flush();
        SpinelCluster.Node other = cluster.nodes().get(1);
        Awaitility.await()
            .atMost(Duration.ofSeconds(15))
            .until(
                () ->
                    ask(other, "CLUSTER", "NODES")
                        .lines()
                        .anyMatch(line -> line.startsWith(id) && line.contains("master,fail ")));
      }
    }
  }

  @Test
  void aLinkThatIsKilledIsSeenToBeGoneAtOnce() throws Exception {
    try (SpinelCluster cluster =
        Spinel.cluster(3, 0).nodeTimeoutMillis(5000).with("enable-debug-command", "yes").start()) {
      SpinelCluster.Node first = cluster.nodes().getFirst();
      Awaitility.await().until(() -> links(first), links -> links == 4);
      for (SpinelCluster.Node other : cluster.nodes().subList(1, 3)) {
        try (Client client = Client.connect("127.0.0.1", first.port())) {
          client.send("DEBUG", "CLUSTERLINK", "KILL", "TO", other.status().id());
          client.send("CLUSTER", "LINKS"); // at once, as it is soon dialled again
          client.flush();
          client.receive();
          assertThat(client.receive().elements()).hasSize(3);
        }
        Awaitility.await().until(() -> links(first), links -> links == 4);
      }
    }
  }

  private static int links(SpinelCluster.Node node) throws Exception {
    return ask(node, "CLUSTER", "LINKS").split("direction", -1).length - 1;
  }

  @Test
  void aReplicaThatCopiesAllDataIsNotShownToClients() throws Exception {
    try (SpinelCluster cluster =
        Spinel.cluster(3, 1).nodeTimeoutMillis(5000).with("repl-backlog-size", "100").start()) {
      SpinelCluster.Node primary = cluster.nodes().getFirst();
      SpinelCluster.Node replica = cluster.nodes().get(3);
      String id = replica.status().id();
      try (Client client = Client.connect("127.0.0.1", primary.port())) {
        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .until(() -> plain(client.command("CLUSTER", "SLOTS")).contains(id));
        ask(replica, "CONFIG", "SET", "key-load-delay", "500000");
        client.command("MULTI");
        client.command("CLIENT", "KILL", "TYPE", "replica");
        for (int i = 0; i < 50; i++) {
          client.command("SET", "{fHh}" + i, "x".repeat(1024));
        }
        client.command("EXEC");
        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .until(() -> !plain(client.command("CLUSTER", "SLOTS")).contains(id));
        assertThat(plain(client.command("CLUSTER", "SHARDS"))).contains("loading");
        ask(replica, "CONFIG", "SET", "key-load-delay", "0");
        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .until(() -> plain(client.command("CLUSTER", "SLOTS")).contains(id));
        assertThat(plain(client.command("CLUSTER", "SHARDS"))).doesNotContain("loading");
      }
    }
  }

  /// Both are at offset 0: the primary never had a replica, and the replica has nothing yet.
  @Test
  void whoHasNothingYetDoesNotTakeOver() throws Exception {
    try (SpinelCluster cluster =
        Spinel.cluster(3, 1)
            .nodeTimeoutMillis(5000)
            .with("repl-diskless-sync-delay", "1")
            .start()) {
      SpinelCluster.Node primary = cluster.nodes().get(2);
      SpinelCluster.Node replica = cluster.nodes().get(3);
      assertThat(ask(primary, "SET", "foo", "1")).contains("OK");
      assertThat(ask(replica, "CLUSTER", "REPLICATE", primary.status().id())).contains("OK");
      long attempt = TimeUnit.SECONDS.toNanos(6); // given up by then
      AtomicLong lastAsked = new AtomicLong(System.nanoTime() - attempt);
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(
              () -> {
                boolean isPrimary = replica.status().isPrimary();
                if (!isPrimary && System.nanoTime() - lastAsked.get() >= attempt) {
                  ask(replica, "CLUSTER", "FAILOVER");
                  lastAsked.set(System.nanoTime());
                }
                return isPrimary;
              });
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> !ask(replica, "GET", "foo").contains("CLUSTERDOWN"));
      assertThat(ask(replica, "GET", "foo")).isEqualTo("1");
    }
  }

  /// It has the data of another shard still, and would be promoted with that.
  @Test
  void whoGoesToAnotherShardHasNoCopyUntilItHasCopied() throws Exception {
    try (SpinelCluster cluster =
        Spinel.cluster(3, 3).nodeTimeoutMillis(5000).with("save", "").start()) {
      SpinelCluster.Node primary = cluster.nodes().get(1);
      SpinelCluster.Node replica = cluster.nodes().get(3);
      assertThat(ask(cluster.nodes().get(0), "SET", "b", "1")).contains("OK");
      assertThat(ask(replica, "INFO", "replication")).contains("replica_copy_complete:1");
      assertThat(ask(primary, "CONFIG", "SET", "repl-diskless-sync-delay", "3600")).contains("OK");
      assertThat(ask(replica, "CLUSTER", "REPLICATE", primary.status().id())).contains("OK");
      assertThat(ask(replica, "INFO", "replication")).contains("replica_copy_complete:0");
      assertThat(ask(primary, "CONFIG", "SET", "repl-diskless-sync-delay", "0")).contains("OK");
      await(cluster);
      assertThat(ask(replica, "INFO", "replication")).contains("replica_copy_complete:1");
    }
  }

  private static String plain(RespValue reply) {
    return reply instanceof RespValue.Array array
        ? String.join(" ", array.elements().stream().map(SpinelClusterTest::plain).toList())
        : String.valueOf(reply.text());
  }

  @Test
  void anotherServersProcessesAreACluster() throws Exception {
    Path program = RealRedis.binary();
    Assumptions.assumeTrue(program != null, "no redis-server");
    try (SpinelCluster cluster =
        Spinel.cluster(3, 3)
            .program(program)
            .directory(folder)
            .password("sec ret")
            .nodeTimeoutMillis(1000)
            .start()) {
      assertThat(cluster.status()).allMatch(Topology.Status::seesClusterUp);
      assertThat(cluster.status().get(3).follows()).isEqualTo("node-1");
      String id = cluster.status().get(4).id();
      assertThat(cluster.find(id.substring(0, 12))).isSameAs(cluster.nodes().get(4));
      cluster.nodes().getFirst().kill();
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> cluster.status().get(3).slots().equals("0-5460"));
      cluster.nodes().getFirst().start();
      await(cluster);
      assertThat(cluster.status().get(0).follows()).isEqualTo("node-4");
    }
    // at other ports, of which those servers know nothing
    try (SpinelCluster cluster =
        Spinel.cluster(0, -1).program(program).directory(folder).password("sec ret").start()) {
      Awaitility.await() // one may have taken over from the other while they looked for each other
          .atMost(Duration.ofSeconds(30))
          .until(
              () ->
                  "node-4".equals(cluster.status().get(0).follows())
                      || "node-1".equals(cluster.status().get(3).follows()));
    }
  }

  @Test
  void itIsToldWhatCannotBe() {
    assertThatThrownBy(() -> Spinel.cluster(2, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least 3 primaries");
    assertThatThrownBy(() -> Spinel.cluster(3, 3).port(60_000).start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("bus port");
  }

  @Test
  void aPortThatIsABusPortIsNamed() {
    int port = NodePlaces.freePort();
    String[] node = {"port", "" + port, "cluster-enabled", "yes", "dir", folder.toString()};
    assertThatThrownBy(() -> start(node, "cluster-port", "" + port))
        .hasMessageContaining("cluster-port " + port + " is also this node's port for clients");
    int bus = NodePlaces.freePort();
    try (Spinel first = start(node, "cluster-port", "" + bus)) {
      String other = Integer.toString(NodePlaces.freePort());
      assertThat(first.port()).isEqualTo(port);
      assertThatThrownBy(
              () ->
                  start(
                      new String[] {"port", other, "cluster-enabled", "yes"},
                      "cluster-port",
                      "" + bus,
                      "cluster-config-file",
                      folder.resolve("other.conf").toString()))
          .hasMessageContaining("Failed listening on port " + bus + " (cluster), aborting. ")
          .hasMessageContaining("The other nodes reach this one there; cluster-port chooses");
    }
  }

  private static Spinel start(String[] settings, String... more) {
    List<String> all = new ArrayList<>(List.of(settings));
    all.addAll(List.of(more));
    return Spinel.start(all.toArray(String[]::new));
  }
}
