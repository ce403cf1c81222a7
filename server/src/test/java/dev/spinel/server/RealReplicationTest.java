package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.RealRedis;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.peer.Address;
import dev.spinel.replication.ReplicaSide;
import dev.spinel.replication.ReplicationPolicy;
import dev.spinel.replication.ToyServer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The machine of replication and a real `redis-server`, over real sockets: each as the primary and
/// as the replica of the other. The shell is a toy; what is said on the wire, and the words of the
/// log, are those of the machine.
class RealReplicationTest {
  private static final ReplicationPolicy QUICK =
      new ReplicationPolicy(
          "",
          "",
          7777,
          "",
          10,
          1,
          true,
          1,
          0,
          ReplicationPolicy.Load.FROM_FILE,
          false,
          1 << 20,
          60,
          0,
          0,
          0);

  /// An RDB file without keys; of others only the beginning is looked at.
  private static final ToyServer.Dump EMPTY_RDB =
      new ToyServer.Dump() {
        @Override
        public byte[] write(Map<String, String> data) {
          assertThat(data).isEmpty();
          byte[] bytes = new byte[18];
          System.arraycopy("REDIS0010".getBytes(StandardCharsets.US_ASCII), 0, bytes, 0, 9);
          bytes[9] = (byte) 0xFF; // and no checksum
          return bytes;
        }

        @Override
        public Map<String, String> read(byte[] dump) {
          assertThat(new String(dump, 0, 7, StandardCharsets.US_ASCII)).isEqualTo("REDIS00");
          assertThat(dump[dump.length - 9]).isEqualTo((byte) 0xFF);
          return Map.of();
        }
      };

  private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
  @TempDir private Path folder;
  private Net net;
  private Loop loop;
  private ToyServer ours;
  private int port;

  @BeforeEach
  void start() throws IOException {
    net =
        Net.start(
            1,
            "replicates-",
            made -> LoopHooks.NONE,
            new NotedIncidents(failures),
            TransportChoice.NIO);
    loop = net.loops().getFirst();
    var acceptor = LoopPeers.acceptor(link -> ours.accept(link));
    port = net.listen(List.of("127.0.0.1"), 0, 511, acceptor).getFirst().port();
    ours =
        on(
            () ->
                new ToyServer(
                    new Address("127.0.0.1", port),
                    new LoopPeers(loop, null),
                    new Random(1),
                    EMPTY_RDB,
                    false,
                    new ToyServer.Truth(false),
                    QUICK));
  }

  @AfterEach
  void nothingFailed() {
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

  private static void eventually(org.awaitility.core.ThrowingRunnable assertion) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(assertion);
  }

  private RealRedis real(String name, String... more) throws Exception {
    Path own = Files.createDirectory(folder.resolve(name));
    String[] all = new String[more.length + 4];
    all[0] = "--repl-diskless-sync-delay";
    all[1] = "0";
    all[2] = "--repl-ping-replica-period";
    all[3] = "1";
    System.arraycopy(more, 0, all, 4, more.length);
    return RealRedis.ready(own, all);
  }

  private static String info(RealRedis redis, String section, String field) throws IOException {
    for (String line : String.valueOf(redis.call("INFO", section)).split("\r\n")) {
      if (line.startsWith(field + ":")) {
        return line.substring(field.length() + 1);
      }
    }
    return "";
  }

  private void follow(RealRedis primary) {
    run(() -> ours.follow(new Address("127.0.0.1", primary.port())));
    eventually(
        () ->
            assertThat(on(() -> ours.machine().replicaSide().state()))
                .isEqualTo(ReplicaSide.State.CONNECTED));
  }

  private void offsetsAgree(RealRedis redis) {
    eventually(
        () ->
            assertThat(info(redis, "replication", "master_repl_offset"))
                .isEqualTo(Long.toString(on(ours::offset))));
  }

  @Test
  void weFollowARealPrimaryAndGoOnAfterABrokenLink() throws Exception {
    try (RealRedis primary = real("primary")) {
      follow(primary);
      primary.call("SET", "a", "1");
      eventually(() -> assertThat(on(() -> ours.data().get("a"))).isEqualTo("1"));
      offsetsAgree(primary);
      primary.call("CLIENT", "KILL", "TYPE", "replica");
      primary.call("SET", "b", "2");
      eventually(() -> assertThat(on(() -> ours.data().get("b"))).isEqualTo("2"));
      assertThat(info(primary, "stats", "sync_full")).isEqualTo("1");
      assertThat(info(primary, "stats", "sync_partial_ok")).isEqualTo("1");
      assertThat(primary.call("WAIT", "1", "5000")).isEqualTo("1");
      eventually(
          () ->
              assertThat(info(primary, "replication", "slave0"))
                  .contains("port=7777,state=online,offset=" + on(ours::offset) + ",lag="));
      assertThat(info(primary, "replication", "master_replid"))
          .isEqualTo(on(() -> ours.machine().history().id()));
    }
  }

  @Test
  void aFileOfARealPrimaryIsReceivedWithTheStreamBehindIt() throws Exception {
    try (RealRedis primary = real("primary", "--repl-diskless-sync", "no")) {
      follow(primary);
      primary.call("SET", "a", "1");
      eventually(() -> assertThat(on(() -> ours.data().get("a"))).isEqualTo("1"));
      offsetsAgree(primary);
    }
  }

  @Test
  void aRealReplicaFollowsUsAndGoesOnAfterABrokenLink() throws Exception {
    try (RealRedis replica = real("replica")) {
      replica.call("REPLICAOF", "127.0.0.1", Integer.toString(port));
      eventually(
          () -> assertThat(info(replica, "replication", "master_link_status")).isEqualTo("up"));
      run(() -> ours.write("a", "1"));
      eventually(() -> assertThat(replica.call("GET", "a")).isEqualTo("1"));
      offsetsAgree(replica);
      replica.call("CLIENT", "KILL", "TYPE", "master");
      run(() -> ours.write("b", "2"));
      eventually(() -> assertThat(replica.call("GET", "b")).isEqualTo("2"));
      offsetsAgree(replica);
      assertThat(on(() -> ours.machine().primarySide().fullSyncs())).isEqualTo(1);
      assertThat(on(() -> ours.machine().primarySide().partialSyncs())).isEqualTo(1);
      eventually(
          () ->
              assertThat(on(() -> ours.machine().primarySide().acknowledged(ours.offset() - 100)))
                  .isEqualTo(1));
      assertThat(info(replica, "replication", "master_replid"))
          .isEqualTo(on(() -> ours.machine().history().id()));
    }
  }

  @Test
  void betweenTwoRealServersTheBytesAreRelayedAndTheHistoryOutlivesThePrimary() throws Exception {
    try (RealRedis replica = real("replica")) {
      try (RealRedis primary = real("primary")) {
        follow(primary);
        replica.call("REPLICAOF", "127.0.0.1", Integer.toString(port));
        eventually(
            () -> assertThat(info(replica, "replication", "master_link_status")).isEqualTo("up"));
        primary.call("SET", "a", "1");
        eventually(() -> assertThat(replica.call("GET", "a")).isEqualTo("1"));
        offsetsAgree(primary);
        offsetsAgree(replica);
        assertThat(info(replica, "replication", "master_replid"))
            .isEqualTo(info(primary, "replication", "master_replid"));
      }
      run(() -> ours.promote());
      run(() -> ours.write("b", "2"));
      eventually(() -> assertThat(replica.call("GET", "b")).isEqualTo("2"));
      offsetsAgree(replica);
      assertThat(info(replica, "replication", "master_replid"))
          .isEqualTo(on(() -> ours.machine().history().id()));
      assertThat(on(() -> ours.machine().primarySide().fullSyncs())).isEqualTo(1);
    }
  }

  @Test
  void aRealReplicaTakesOverWhenItIsAskedTo() throws Exception {
    try (RealRedis replica = real("replica")) {
      replica.call("REPLICAOF", "127.0.0.1", Integer.toString(port));
      eventually(
          () -> assertThat(info(replica, "replication", "master_link_status")).isEqualTo("up"));
      run(() -> ours.write("a", "1"));
      run(() -> ours.failOver());
      eventually(() -> assertThat(on(ours::isReplica)).isTrue());
      eventually(
          () ->
              assertThat(on(() -> ours.machine().replicaSide().state()))
                  .isEqualTo(ReplicaSide.State.CONNECTED));
      assertThat(info(replica, "replication", "role")).isEqualTo("master");
      replica.call("SET", "b", "2");
      eventually(() -> assertThat(on(() -> ours.data().get("b"))).isEqualTo("2"));
      offsetsAgree(replica);
      assertThat(info(replica, "stats", "sync_partial_ok")).isEqualTo("1");
      assertThat(info(replica, "replication", "master_replid"))
          .isEqualTo(on(() -> ours.machine().history().id()));
    }
  }

  @Test
  void theLogSaysItInTheSameWords() throws Exception {
    try (RealRedis primary = real("primary");
        RealRedis replica = real("replica")) {
      assumeThat(info(primary, "server", "redis_version"))
          .as("others word it anew")
          .startsWith("7.");
      assumeThat(info(primary, "server", "valkey_version")).isEmpty();
      // The real pair …
      replica.call("REPLICAOF", "127.0.0.1", Integer.toString(primary.port()));
      eventually(
          () -> assertThat(info(replica, "replication", "master_link_status")).isEqualTo("up"));
      primary.call("CLIENT", "KILL", "TYPE", "replica");
      eventually(() -> assertThat(info(primary, "stats", "sync_partial_ok")).isEqualTo("1"));
      List<String> asReplica = words("replica", "Loading RDB|RDB |Done loading|REPLICAOF");
      replica.call("REPLICAOF", "NO", "ONE");
      // … and ours in each of its places.
      follow(primary);
      primary.call("CLIENT", "KILL", "TYPE", "replica");
      eventually(() -> assertThat(info(primary, "stats", "sync_partial_ok")).isEqualTo("2"));
      eventually(
          () ->
              assertThat(on(() -> ours.machine().replicaSide().state()))
                  .isEqualTo(ReplicaSide.State.CONNECTED));
      assertThat(on(() -> ours.log.stream().map(RealReplicationTest::general).toList()))
          .isEqualTo(asReplica);
    }
  }

  @Test
  void thePrimarysLogSaysItInTheSameWords() throws Exception {
    try (RealRedis primary = real("primary", "--repl-diskless-sync-delay", "1");
        RealRedis replica = real("replica")) {
      assumeThat(primary.isSeven2()).as("others word it otherwise").isTrue();
      syncTwice(replica, primary.port());
      eventually(() -> assertThat(info(primary, "stats", "sync_partial_ok")).isEqualTo("1"));
      List<String> asPrimary = words("primary", "Background|Diskless rdb|Fork CoW|DB saved");
      replica.call("REPLICAOF", "NO", "ONE");
      syncTwice(replica, port);
      eventually(
          () -> assertThat(on(() -> ours.machine().primarySide().partialSyncs())).isEqualTo(1));
      assertThat(on(() -> ours.log.stream().map(RealReplicationTest::general).toList()))
          .isEqualTo(asPrimary);
    }
  }

  private void syncTwice(RealRedis replica, int primaryPort) throws IOException {
    replica.call("REPLICAOF", "127.0.0.1", Integer.toString(primaryPort));
    eventually(
        () -> assertThat(info(replica, "replication", "master_link_status")).isEqualTo("up"));
    replica.call("CLIENT", "KILL", "TYPE", "master");
  }

  /// What a real server has logged since it was ready.
  private List<String> words(String name, String without) throws IOException {
    List<String> lines = Files.readAllLines(folder.resolve(name).resolve("stdout"));
    return lines.stream()
        .dropWhile(line -> !line.contains("Ready to accept connections"))
        .skip(1)
        .map(line -> line.replaceFirst("^\\d+:\\w \\d+ \\w+ \\d+ [\\d:.]+ . ", ""))
        .filter(line -> !line.matches("(" + without + ").*"))
        .map(RealReplicationTest::general)
        .toList();
  }

  /// Without what is of one run only.
  private static String general(String line) {
    return line.replaceAll("[0-9a-f]{40}:\\d+", "ID:OFFSET")
        .replaceAll("'[0-9a-f]{40}'", "'ID'")
        .replaceAll("Sending \\d+ bytes", "Sending N bytes")
        .replaceAll("offset \\d+\\.", "offset N.")
        .replaceAll("127.0.0.1:\\d+", "ADDRESS");
  }
}
