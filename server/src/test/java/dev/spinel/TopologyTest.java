package dev.spinel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.spinel.wire.Client;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
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

  private static String askSentinel(Topology.Node sentinel, String verb) {
    try (Client client = Client.connect("127.0.0.1", sentinel.port()).timeoutMillis(20_000)) {
      return client.command("SENTINEL", verb, "mymaster").text();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
