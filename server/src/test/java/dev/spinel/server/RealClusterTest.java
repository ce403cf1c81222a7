package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.cluster.ClusterPolicy;
import dev.spinel.cluster.NodeView;
import dev.spinel.cluster.SlotSet;
import dev.spinel.cluster.ToyNode;
import dev.spinel.net.Listener;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.replication.ReplicationPolicy;
import dev.spinel.replication.ToyServer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;
import org.awaitility.core.ThrowingRunnable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The machine of the cluster beside real `redis-server`s in one cluster, over real sockets. The
/// shells are toys; what is said on the bus and in replication is real. Each role is played by both
/// sides: voter, candidate, the one who fails, the one who hands over.
class RealClusterTest {
  private static final long TIMEOUT = 2000;

  private static final ToyServer.Dump EMPTY_RDB =
      new ToyServer.Dump() {
        @Override
        public byte[] write(Map<String, String> data) {
          byte[] bytes = new byte[18];
          System.arraycopy("REDIS0010".getBytes(StandardCharsets.US_ASCII), 0, bytes, 0, 9);
          bytes[9] = (byte) 0xFF; // and no checksum
          return bytes;
        }

        @Override
        public Map<String, String> read(byte[] dump) {
          return Map.of();
        }
      };

  private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
  private final List<RealRedis> servers = new ArrayList<>();
  private final List<Ours> nodes = new ArrayList<>();
  @TempDir private Path folder;
  private Net net;
  private Loop loop;

  @BeforeEach
  void start() throws IOException {
    net =
        Net.start(
            1,
            "clusters-",
            made -> LoopHooks.NONE,
            new NotedIncidents(failures),
            TransportChoice.NIO);
    loop = net.loops().getFirst();
  }

  @AfterEach
  void stop() {
    servers.forEach(RealRedis::close);
    net.close();
    assertThat(failures).isEmpty();
  }

  private <T> T on(Supplier<T> action) {
    var result = new CompletableFuture<T>();
    loop.post(
        () -> {
          try {
            result.complete(action.get());
          } catch (Throwable t) {
            result.completeExceptionally(t);
          }
        });
    return result.join();
  }

  private void run(Runnable action) {
    on(
        () -> {
          action.run();
          return true;
        });
  }

  private void eventually(ThrowingRunnable assertion) {
    try {
      Awaitility.await()
          .pollInterval(Duration.ofMillis(20))
          .atMost(Duration.ofSeconds(40))
          .untilAsserted(assertion);
    } catch (ConditionTimeoutException e) {
      throw new AssertionError(e.getMessage() + "\nWhat our nodes said:\n" + logs(), e);
    }
  }

  private String logs() {
    return nodes.stream()
        .map(ours -> String.join("\n", on(() -> List.copyOf(ours.node.log))))
        .collect(Collectors.joining("\n── next ──\n"));
  }

  /// A node of ours: the machines of the cluster and of replication.
  private final class Ours {
    final ToyNode node;
    final ToyServer data;
    final int port = RealRedis.freePort();
    private final Listener bus;
    private final Listener clients;

    Ours() throws IOException {
      int number = nodes.size();
      ReplicationPolicy replication =
          new ReplicationPolicy(
              "",
              "",
              port,
              "",
              10,
              1,
              true,
              0,
              0,
              ReplicationPolicy.Load.FROM_FILE,
              false,
              1 << 20,
              60,
              0,
              0,
              0);
      data =
          on(
              () ->
                  new ToyServer(
                      new Address("127.0.0.1", port),
                      new LoopPeers(loop, null),
                      new Random(number),
                      EMPTY_RDB,
                      false,
                      new ToyServer.Truth(false),
                      replication));
      node =
          on(
              () ->
                  new ToyNode(
                      "ours" + number,
                      new LoopPeers(loop, null),
                      new Random(100 + number),
                      new ToyNode.Clocks() {
                        @Override
                        public long steady() {
                          return System.nanoTime() / 1_000_000;
                        }

                        @Override
                        public long wall() {
                          return System.currentTimeMillis();
                        }
                      },
                      false,
                      policy(port)));
      node.replicateBy(
          new ToyNode.Replication() {
            @Override
            public long offset() {
              return data.offset();
            }

            @Override
            public void follow(@Nullable Address primary) {
              if (primary == null) {
                data.promote();
              } else {
                data.follow(primary);
              }
            }

            @Override
            public PeerLink.@Nullable Listener accept(PeerLink link) {
              return data.accept(link);
            }
          });
      bus =
          net.listen(List.of("127.0.0.1"), port + 10_000, 511, LoopPeers.acceptor(node::acceptBus))
              .getFirst();
      clients =
          net.listen(List.of("127.0.0.1"), port, 511, LoopPeers.acceptor(node::acceptClient))
              .getFirst();
      run(node::start);
      nodes.add(this);
    }

    String id() {
      return on(node::id);
    }

    void ask(String... arguments) {
      long client = on(() -> node.ask(arguments));
      eventually(() -> assertThat(on(() -> node.reply(client))).isEqualTo("+OK\r\n"));
    }

    boolean isUp() {
      return on(() -> node.view().isUp());
    }

    NodeView sees(String id) {
      NodeView view = on(() -> node.view().node(id));
      assertThat(view).as(id).isNotNull();
      return view;
    }

    void kill() {
      bus.close();
      clients.close();
      run(() -> node.crash(false));
    }
  }

  private static ClusterPolicy policy(int port) {
    return new ClusterPolicy(
        TIMEOUT,
        0,
        "",
        port,
        0,
        port + 10_000,
        "",
        "",
        true,
        1,
        true,
        10,
        false,
        1000,
        0,
        List.of());
  }

  private RealRedis real() throws Exception {
    Path own = Files.createDirectory(folder.resolve("real" + servers.size()));
    RealRedis server =
        RealRedis.ready(
            own,
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            Long.toString(TIMEOUT),
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "1");
    servers.add(server);
    return server;
  }

  private static String id(RealRedis server) throws IOException {
    return String.valueOf(server.call("CLUSTER", "MYID"));
  }

  private static String info(RealRedis server) throws IOException {
    return String.valueOf(server.call("CLUSTER", "INFO"));
  }

  /// The line of a node in what a real one shows.
  private static String line(RealRedis server, String id) throws IOException {
    return String.valueOf(server.call("CLUSTER", "NODES"))
        .lines()
        .filter(line -> line.startsWith(id))
        .collect(Collectors.joining());
  }

  private static int first(int shard) {
    return SlotSet.SLOTS * shard / 3;
  }

  private static String[] slots(int shard) {
    return new String[] {
      "ADDSLOTSRANGE", Integer.toString(first(shard)), Integer.toString(first(shard + 1) - 1)
    };
  }

  private static void addSlots(RealRedis server, int shard) throws IOException {
    String[] command = new String[4];
    command[0] = "CLUSTER";
    System.arraycopy(slots(shard), 0, command, 1, 3);
    assertThat(server.call(command)).isEqualTo("OK");
  }

  /// All meet the first one, and learn of each other.
  private void meet() throws IOException {
    String port = Integer.toString(servers.getFirst().port());
    for (RealRedis server : servers.subList(1, servers.size())) {
      server.call("CLUSTER", "MEET", "127.0.0.1", port);
    }
    for (Ours ours : nodes) {
      ours.ask("MEET", "127.0.0.1", port);
    }
    int count = servers.size() + nodes.size();
    eventually(
        () -> {
          for (RealRedis server : servers) {
            assertThat(info(server)).contains("cluster_known_nodes:" + count + "\r");
            assertThat(String.valueOf(server.call("CLUSTER", "NODES"))).doesNotContain("handshake");
          }
          for (Ours ours : nodes) {
            assertThat(on(() -> ours.node.view().infoText()))
                .contains("cluster_known_nodes:" + count + "\r");
            assertThat(on(() -> ours.node.view().nodesText())).doesNotContain("handshake");
          }
        });
  }

  /// Waits until all agree about the epochs of the primaries, which begin with equal ones. A voter
  /// that has seen a newer epoch than a replica claims refuses its vote.
  private void epochsAgree(int primaries) {
    eventually(
        () -> {
          Set<Map<String, String>> views = new HashSet<>();
          for (RealRedis server : servers) {
            views.add(epochs(String.valueOf(server.call("CLUSTER", "NODES"))));
          }
          for (Ours ours : nodes) views.add(epochs(on(() -> ours.node.view().nodesText())));
          assertThat(views).hasSize(1);
          assertThat(Set.copyOf(views.iterator().next().values())).hasSize(primaries);
        });
  }

  private static Map<String, String> epochs(String nodes) {
    return nodes
        .lines()
        .map(line -> line.split(" "))
        .filter(words -> words[2].contains("master"))
        .collect(Collectors.toMap(words -> words[0], words -> words[6]));
  }

  private void allUp() {
    eventually(
        () -> {
          for (RealRedis server : servers) {
            assertThat(info(server)).contains("cluster_state:ok");
          }
          for (Ours ours : nodes) {
            assertThat(ours.isUp()).isTrue();
          }
        });
  }

  private void isPrimaryOf(RealRedis server, String id, int shard) {
    String range = first(shard) + "-" + (first(shard + 1) - 1);
    eventually(() -> assertThat(line(server, id)).contains("master - ").endsWith(range));
  }

  private void isPrimaryOf(Ours ours, String id, int shard) {
    eventually(
        () -> {
          assertThat(ours.sees(id).isPrimary()).isTrue();
          assertThat(ours.sees(id).slots())
              .hasToString(first(shard) + "-" + (first(shard + 1) - 1));
        });
  }

  private void isLinked(RealRedis replica) {
    eventually(
        () ->
            assertThat(String.valueOf(replica.call("INFO", "replication")))
                .contains("master_link_status:up"));
  }

  @Test
  void weFormOneClusterAgreeAndForget() throws Exception {
    RealRedis a = real();
    RealRedis b = real();
    Ours ours = new Ours();
    addSlots(a, 0);
    addSlots(b, 1);
    ours.ask(slots(2));
    meet();
    allUp();
    isPrimaryOf(a, ours.id(), 2);
    isPrimaryOf(b, ours.id(), 2);
    isPrimaryOf(ours, id(a), 0);
    isPrimaryOf(ours, id(b), 1);
    eventually(
        () ->
            assertThat(line(b, ours.id()))
                .contains("127.0.0.1:" + ours.port + "@" + (ours.port + 10_000))
                .contains(" connected "));
    // Whoever has the same epoch as another takes a new one.
    eventually(
        () ->
            assertThat(on(() -> ours.node.view().nodes()).stream().map(NodeView::configEpoch))
                .doesNotHaveDuplicates());
    a.call("PUBLISH", "news", "from a");
    eventually(
        () -> assertThat(on(() -> List.copyOf(ours.node.delivered))).contains("news from a"));
    // A slot is moved to us and back.
    ours.ask("SETSLOT", "5", "IMPORTING", id(a));
    a.call("CLUSTER", "SETSLOT", "5", "MIGRATING", ours.id());
    ours.ask("SETSLOT", "5", "NODE", ours.id());
    eventually(() -> assertThat(line(b, ours.id())).contains(" 5 "));
    eventually(() -> assertThat(line(a, id(a))).contains("0-4 6-"));
    // Forgotten by all who stay.
    for (RealRedis server : servers) {
      server.call("CLUSTER", "FORGET", ours.id());
    }
    String id = ours.id();
    ours.kill();
    eventually(() -> assertThat(line(a, id) + line(b, id)).isEmpty());
  }

  @Test
  void aRealReplicaTakesOverWithOurVotes() throws Exception {
    RealRedis dies = real();
    RealRedis replica = real();
    Ours one = new Ours();
    Ours two = new Ours();
    addSlots(dies, 0);
    one.ask(slots(1));
    two.ask(slots(2));
    meet();
    replica.call("CLUSTER", "REPLICATE", id(dies));
    allUp();
    isLinked(replica);
    String taken = id(replica);
    eventually(() -> assertThat(one.sees(taken).isReplica()).isTrue());
    eventually(() -> assertThat(two.sees(taken).isReplica()).isTrue());
    epochsAgree(3);
    servers.remove(dies);
    dies.close();
    isPrimaryOf(one, taken, 0);
    isPrimaryOf(two, taken, 0);
    allUp();
    assertThat(on(() -> List.copyOf(one.node.log)))
        .anyMatch(line -> line.startsWith("Failover auth granted to " + taken));
  }

  @Test
  void ourReplicaTakesOverWithRealVotes() throws Exception {
    RealRedis dies = real();
    RealRedis one = real();
    RealRedis two = real();
    Ours replica = new Ours();
    addSlots(dies, 0);
    addSlots(one, 1);
    addSlots(two, 2);
    meet();
    replica.ask("REPLICATE", id(dies));
    allUp();
    eventually(
        () ->
            assertThat(String.valueOf(dies.call("INFO", "replication"))).contains("state=online"));
    eventually(() -> assertThat(line(one, replica.id())).contains("slave " + id(dies)));
    eventually(() -> assertThat(line(two, replica.id())).contains("slave " + id(dies)));
    epochsAgree(3);
    servers.remove(dies);
    dies.close();
    isPrimaryOf(one, replica.id(), 0);
    isPrimaryOf(two, replica.id(), 0);
    allUp();
  }

  /// Asks until it is done: a real server gives a planned failover up after five seconds, and says
  /// so only in its log.
  private static void handOver(RealRedis replica) {
    Awaitility.await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofSeconds(6))
        .atMost(Duration.ofSeconds(40))
        .until(
            () -> {
              if (String.valueOf(replica.call("ROLE")).startsWith("[master")) {
                return true;
              }
              assertThat(replica.call("CLUSTER", "FAILOVER")).isEqualTo("OK");
              return false;
            });
  }

  @Test
  void weHandOverToARealReplicaAndTakeItBack() throws Exception {
    RealRedis replica = real();
    RealRedis other = real();
    Ours ours = new Ours();
    ours.ask(slots(0));
    addSlots(replica, 1);
    addSlots(other, 2);
    meet();
    allUp();
    RealRedis follower = real();
    follower.call("CLUSTER", "MEET", "127.0.0.1", Integer.toString(servers.getFirst().port()));
    eventually(() -> assertThat(line(follower, ours.id())).contains("master - "));
    eventually(() -> assertThat(follower.call("CLUSTER", "REPLICATE", ours.id())).isEqualTo("OK"));
    isLinked(follower);
    eventually(() -> assertThat(ours.sees(id(follower)).primary()).isEqualTo(ours.id()));
    handOver(follower);
    isPrimaryOf(other, id(follower), 0);
    isPrimaryOf(ours, id(follower), 0);
    eventually(
        () -> assertThat(on(() -> ours.node.view().myself().primary())).isEqualTo(id(follower)));
    eventually(
        () ->
            assertThat(String.valueOf(follower.call("INFO", "replication")))
                .contains("state=online"));
    assertThat(on(() -> List.copyOf(ours.node.log)))
        .anyMatch(line -> line.startsWith("Manual failover requested by replica"));
    ours.ask("FAILOVER");
    isPrimaryOf(other, ours.id(), 0);
    isPrimaryOf(follower, ours.id(), 0);
    allUp();
  }

  @Test
  void weForgetWhatARealNodeForgets() throws Exception {
    RealRedis a = real();
    RealRedis b = real();
    RealRedis goes = real();
    Ours ours = new Ours();
    addSlots(a, 0);
    addSlots(b, 1);
    ours.ask(slots(2));
    meet();
    allUp();
    String id = id(goes);
    servers.remove(goes);
    goes.close();
    ours.ask("FORGET", id);
    a.call("CLUSTER", "FORGET", id);
    if (a.isSeven2()) {
      // One is enough: it tells the others.
      eventually(() -> assertThat(line(b, id)).isEmpty());
    } else {
      b.call("CLUSTER", "FORGET", id);
    }
    eventually(() -> assertThat(line(a, id) + line(b, id)).isEmpty());
    assertThat(on(() -> ours.node.view().nodesText())).doesNotContain(id);
  }
}
