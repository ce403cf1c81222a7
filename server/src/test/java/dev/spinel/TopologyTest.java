package dev.spinel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class TopologyTest {
  private static final long SOON = 20_000;

  @TempDir Path folder;

  private static String ask(Topology.Node node, String... command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", node.port()).timeoutMillis(20_000)) {
      return client.command(command).text();
    }
  }

  private static void awaitAnswer(Topology.Node node, String wanted, String... command) {
    await()
        .atMost(20, TimeUnit.SECONDS)
        .untilAsserted(() -> assertThat(ask(node, command)).isEqualTo(wanted));
  }

  @Test
  void replicasHaveWhatThePrimaryIsToldAndTakeNoWrites() throws Exception {
    try (SpinelReplication store = Spinel.replication(2).start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      ask(store.primary(), "SET", "greeting", "hello");
      for (Topology.Node node : store.nodes()) {
        awaitAnswer(node, "hello", "GET", "greeting");
      }
      assertThat(ask(store.nodes().get(1), "SET", "greeting", "no")).startsWith("READONLY");
    }
  }

  @Test
  void dataAndRolesAreFoundAgain() throws Exception {
    try (SpinelReplication store = Spinel.replication(2).directory(folder).start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      ask(store.primary(), "SET", "greeting", "hello");
      awaitAnswer(store.nodes().get(1), "hello", "GET", "greeting");
      int second = store.nodes().get(1).port();
      ask(store.nodes().get(1), "REPLICAOF", "NO", "ONE");
      ask(store.nodes().get(0), "REPLICAOF", "127.0.0.1", Integer.toString(second));
      ask(store.nodes().get(2), "REPLICAOF", "127.0.0.1", Integer.toString(second));
      await()
          .untilAsserted(
              () ->
                  assertThat(folder.resolve("roles"))
                      .hasContent("node-1 follows node-2\nnode-2\nnode-3 follows node-2\n"));
      assertThat(store.awaitInSync(SOON)).isTrue();
      ask(store.nodes().get(1), "SET", "more", "yes");
    }
    try (SpinelReplication store = Spinel.replication(-1).directory(folder).start()) {
      assertThat(store.nodes()).hasSize(3);
      assertThat(store.awaitInSync(SOON)).isTrue();
      assertThat(store.primary().name()).isEqualTo("node-2");
      for (Topology.Node node : store.nodes()) {
        awaitAnswer(node, "2", "EXISTS", "greeting", "more");
      }
    }
  }

  @Test
  void aNodeThatIsStoppedAndStartedFollowsAgain() throws Exception {
    try (SpinelReplication store = Spinel.replication(1).directory(folder).start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      Topology.Node replica = store.nodes().get(1);
      replica.stop();
      assertThat(store.status().get(1).isRunning()).isFalse();
      ask(store.primary(), "SET", "greeting", "hello");
      replica.start();
      assertThat(store.awaitInSync(SOON)).isTrue();
      awaitAnswer(replica, "hello", "GET", "greeting");

      Topology.Node primary = store.primary();
      primary.stop();
      await().until(() -> !store.status().get(1).isInSync());
      primary.start();
      assertThat(store.awaitInSync(SOON)).isTrue();
      awaitAnswer(replica, "hello", "GET", "greeting");
    }
  }

  @Test
  void aKilledStoreHasWhatItHadAnswered() throws Exception {
    try (SpinelReplication single = Spinel.store().directory(folder).start()) {
      Topology.Node store = single.find("store");
      try (Client client = Client.connect("127.0.0.1", store.port())) {
        for (int i = 0; i < 1000; i++) {
          client.command("SET", "key" + i, "value");
        }
        store.kill();
        assertThatThrownBy(() -> client.command("PING")).isInstanceOf(IOException.class);
      }
      assertThat(store.isRunning()).isFalse();
      store.start();
      assertThat(ask(store, "DBSIZE")).isEqualTo("1000");
      store.restart();
      assertThat(ask(store, "DBSIZE")).isEqualTo("1000");
    }
    assertThat(folder.resolve("appendonlydir")).exists();
    assertThatThrownBy(() -> Spinel.store().port(-1).start())
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whoeverClosesFindsAllEndedAfterwards() throws Exception {
    SpinelReplication store = Spinel.replication(2).start();
    List<CompletableFuture<Long>> running = new ArrayList<>();
    for (int closers = 0; closers < 4; closers++) {
      running.add(
          CompletableFuture.supplyAsync(
              () -> {
                store.close();
                return store.nodes().stream().filter(Topology.Node::isRunning).count();
              },
              Thread::startVirtualThread));
    }
    for (CompletableFuture<Long> each : running) {
      assertThat(each.get(20, TimeUnit.SECONDS)).isZero();
    }
  }

  @Test
  void aWordMeansANode() throws Exception {
    try (SpinelReplication store = Spinel.replication(1).sentinels(1).start()) {
      Topology.Node replica = store.nodes().get(1);
      assertThat(store.find("node-2")).isSameAs(replica);
      assertThat(store.find("" + replica.port())).isSameAs(replica);
      assertThat(store.find("primary")).isSameAs(store.nodes().get(0));
      assertThat(store.find("sentinel-1")).isSameAs(store.sentinels().get(0));
      assertThatThrownBy(() -> store.find("node-3"))
          .hasMessageContaining("there is no node 'node-3', but node-1 (")
          .hasMessageContaining("sentinel-1 (");
      replica.restart();
      ask(replica, "REPLICAOF", "NO", "ONE");
      assertThatThrownBy(() -> store.find("primary")).hasMessageContaining("may be any of node-1");
    }
  }

  @Test
  void aPasswordIsAskedForAndReplicasKnowIt() throws Exception {
    try (SpinelReplication store = Spinel.replication(1).password("secret").start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      assertThat(ask(store.primary(), "GET", "key")).startsWith("NOAUTH");
    }
  }

  @Test
  void aFolderOfMoreNodesOrOfAnothersIsLeftAlone() throws Exception {
    try (SpinelReplication store = Spinel.replication(2).directory(folder).start()) {
      assertThat(store.nodes()).hasSize(3);
    }
    assertThatThrownBy(() -> Spinel.replication(1).directory(folder).start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("holds a primary and 2 replicas, not 1");
    try (SpinelReplication more = Spinel.replication(3).directory(folder).start()) {
      assertThat(more.awaitInSync(SOON)).isTrue();
      assertThat(more.status().get(3).follows()).isEqualTo("node-1");
    }
    Files.writeString(folder.resolve("roles"), "the king\n");
    assertThatThrownBy(() -> Spinel.replication(-1).directory(folder).start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("line 1: node-1 was expected, not 'the king'");
    assertThat(folder.resolve("roles")).hasContent("the king\n");
  }

  @Test
  void whatCannotBeIsSaid() {
    assertThatThrownBy(() -> Spinel.replication(100)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Spinel.replication(2).port(65534).start())
        .hasMessage("there are no 3 ports from 65534 on");
    assertThatThrownBy(() -> Spinel.replication(0).with("no-such", "x").start())
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void statusTellsWhoIsThere() throws Exception {
    try (SpinelReplication store = Spinel.replication(1).start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      List<Topology.Status> status = store.status();
      assertThat(status.get(0).isPrimary()).isTrue();
      assertThat(status.get(1).follows()).isEqualTo("node-1");
      assertThatThrownBy(() -> ask(store.nodes().get(0), "SHUTDOWN", "NOSAVE"))
          .isInstanceOf(EOFException.class); // it says nothing more
      await().until(() -> !store.status().get(0).isRunning());
    }
  }

  @Test
  void sentinelsPromoteAReplicaAndWhoWasPrimaryFollowsIt() throws Exception {
    try (SpinelReplication store =
        Spinel.replication(2).sentinels(3).downAfterMillis(1000).directory(folder).start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(
              () ->
                  store.sentinels().stream()
                      .allMatch(each -> askSentinel(each, "CKQUORUM").startsWith("OK 3 usable")));
      Topology.Node first = store.nodes().getFirst();
      ask(first, "SET", "greeting", "hello");
      awaitAnswer(store.nodes().get(1), "hello", "GET", "greeting");
      awaitAnswer(store.nodes().get(2), "hello", "GET", "greeting");
      first.stop();
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() -> store.status().stream().anyMatch(Topology.Status::isPrimary));
      assertThat(store.primary()).isNotSameAs(first);
      awaitAnswer(store.primary(), "hello", "GET", "greeting");
      first.start();
      assertThat(store.status().getFirst().follows()).isEqualTo(store.primary().name());
    }
    assertThat(folder.resolve("sentinel-2/sentinel.conf"))
        .content()
        .contains("sentinel known-sentinel mymaster");
  }

  @Test
  void whatTheNewPrimaryWasToldIsThereAfterARestartOfAllWithTheOldOneKilled() throws Exception {
    String promoted;
    try (SpinelReplication store =
        Spinel.replication(2).sentinels(1).downAfterMillis(500).directory(folder).start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      ask(store.primary(), "SET", "greeting", "hello");
      for (Topology.Node node : store.nodes()) {
        awaitAnswer(node, "hello", "GET", "greeting");
      }
      store.nodes().getFirst().kill();
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() -> store.status().stream().anyMatch(Topology.Status::isPrimary));
      promoted = store.primary().name();
      ask(store.primary(), "SET", "more", "yes");
      await()
          .untilAsserted(
              () ->
                  assertThat(folder.resolve("roles"))
                      .content()
                      .contains("node-1 follows " + promoted));
    }
    try (SpinelReplication store = Spinel.replication(-1).sentinels(1).directory(folder).start()) {
      assertThat(store.primary().name()).isEqualTo(promoted);
      assertThat(store.awaitInSync(SOON)).isTrue();
      for (Topology.Node node : store.nodes()) {
        awaitAnswer(node, "2", "EXISTS", "greeting", "more");
      }
    }
  }

  @Test
  void ofTwoPrimariesTheOneThatSentinelsAgreedOnLastIsOne() throws Exception {
    for (int i = 1; i <= 3; i++) {
      Files.createDirectories(folder.resolve("sentinel-" + i));
      Files.writeString(
          folder.resolve("sentinel-" + i + "/sentinel.conf"),
          "sentinel monitor mymaster 127.0.0.1 %d 2\nsentinel config-epoch mymaster %d\n"
              .formatted(i == 2 ? 7001 : 7000, i == 2 ? 7 : 6));
    }
    Map<String, String> roles = new HashMap<>(Map.of("node-1", "", "node-2", "", "node-3", ""));
    SpinelReplication.keepOnePrimary(folder, 7000, roles);
    assertThat(roles).isEqualTo(Map.of("node-1", "node-2", "node-2", "", "node-3", "node-2"));
    Map<String, String> settled = new HashMap<>(Map.of("node-1", "", "node-2", "node-1"));
    SpinelReplication.keepOnePrimary(folder, 7000, settled);
    assertThat(settled).isEqualTo(Map.of("node-1", "", "node-2", "node-1"));
    Map<String, String> unknown = new HashMap<>(Map.of("node-1", "", "node-2", ""));
    SpinelReplication.keepOnePrimary(folder, 9000, unknown);
    assertThat(unknown).isEqualTo(Map.of("node-1", "", "node-2", ""));
  }

  /// Adds to a list at whoever is the primary until it is told to stop; returns what was answered.
  private static Set<String> write(SpinelReplication store, AtomicBoolean stops) {
    Set<String> answered = new HashSet<>();
    int next = 0;
    while (!stops.get()) {
      Topology.Node to = store.nodes().get(next % 2);
      try (Client client = Client.connect("127.0.0.1", to.port()).timeoutMillis(20_000)) {
        RespValue reply;
        do {
          String value = "v" + next++;
          reply = client.command("RPUSH", "list", value);
          if (reply instanceof RespValue.Int) {
            answered.add(value);
          }
        } while (!stops.get() && reply instanceof RespValue.Int);
      } catch (IOException e) {
        next++; // its client was ended; nobody knows what became of that value
      }
    }
    return answered;
  }

  @Test
  void aSwitchInWhichThePrimaryHandsOverLosesNoWrite() throws Exception {
    AtomicBoolean stops = new AtomicBoolean();
    try (SpinelReplication store = Spinel.replication(1).sentinels(1).directory(folder).start()) {
      assertThat(store.awaitInSync(SOON)).isTrue();
      CompletableFuture<Set<String>> writer =
          CompletableFuture.supplyAsync(() -> write(store, stops), Thread::startVirtualThread);
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() -> askCoordinated(store.sentinels().getFirst()).equals("OK"));
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(
              () ->
                  store.status().get(1).isPrimary()
                      && "node-2".equals(store.status().get(0).follows()));
      stops.set(true);
      Set<String> answered = writer.get(20, TimeUnit.SECONDS);
      assertThat(answered).hasSizeGreaterThan(10);
      assertThat(store.awaitInSync(SOON)).isTrue();
      for (Topology.Node node : store.nodes()) {
        try (Client client = Client.connect("127.0.0.1", node.port()).timeoutMillis(20_000)) {
          await() // the replica has the last one in a moment
              .atMost(30, TimeUnit.SECONDS)
              .untilAsserted(
                  () ->
                      assertThat(client.command("LRANGE", "list", "0", "-1").elements())
                          .extracting(RespValue::text)
                          .containsAll(answered));
        }
      }
    }
  }

  private static String askCoordinated(Topology.Node sentinel) {
    try (Client client = Client.connect("127.0.0.1", sentinel.port()).timeoutMillis(20_000)) {
      return client.command("SENTINEL", "FAILOVER", "mymaster", "COORDINATED").text();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String askSentinel(Topology.Node sentinel, String verb) {
    try (Client client = Client.connect("127.0.0.1", sentinel.port()).timeoutMillis(20_000)) {
      return client.command("SENTINEL", verb, "mymaster").text();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
