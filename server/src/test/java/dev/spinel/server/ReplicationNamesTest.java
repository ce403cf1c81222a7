package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.persist.Ending;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Who a replica follows and as whom it is known: addresses of IPv6, names, users with a password,
/// what it announces, itself, and histories that are begun anew.
class ReplicationNamesTest extends ReplicationFixture {
  static boolean hasIpv6() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("::1"))) {
      return socket.isBound();
    } catch (IOException e) {
      return false;
    }
  }

  private static void follow(Node replica, String host, int port) throws IOException {
    replica.call("REPLICAOF", host, Integer.toString(port));
  }

  /// A replica that has all data of a primary, which is filled before.
  private Ours replicaOf(Ours primary) throws IOException {
    Ours replica = ours();
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    return replica;
  }

  @ParameterizedTest
  @ValueSource(strings = {"ours", "real"})
  @EnabledIf("hasIpv6")
  void primariesAndReplicasHaveAddressesOfIpv6(String other) throws Exception {
    Ours primary = ours("bind", "127.0.0.1 ::1");
    Node replica =
        other.equals("ours")
            ? ours("bind", "127.0.0.1 ::1")
            : real("--bind", "127.0.0.1", "::1", "--enable-debug-command", "yes");
    fill(primary);
    follow(replica, "::1", primary.port());
    isUp(replica);
    agree(primary, replica);
    assertThat(primary.info("replication", "slave0")).startsWith("ip=::1,port=" + replica.port());
    assertThat(replica.info("replication", "master_host")).isEqualTo("::1");
    assertThat(replica.call("ROLE").toString())
        .startsWith("[slave, ::1, " + primary.port() + ", connected, ");

    primary.call("FAILOVER", "TO", "::1", Integer.toString(replica.port()));
    eventually(() -> assertThat(primary.call("ROLE").toString()).startsWith("[slave, ::1, "));
    isUp(primary);
    agree(replica, primary);
  }

  @Test
  void aUserOfThePrimarysMayBeTheOneThatReplicas() throws Exception {
    Ours primary = ours();
    fill(primary);
    primary.call("ACL", "SETUSER", "copier", "on", ">secret", "+psync", "+replconf", "+ping");
    primary.call("ACL", "SETUSER", "default", "resetpass", ">other");
    for (Node replica :
        List.of(
            ours("masteruser", "copier", "masterauth", "secret"),
            real("--masteruser", "copier", "--masterauth", "secret"))) {
      follow(replica, "127.0.0.1", primary.port());
      isUp(replica);
      agree(primary, replica);
    }
    Ours wrong = ours("masteruser", "copier", "masterauth", "guessed");
    follow(wrong, "127.0.0.1", primary.port());
    eventually(
        () ->
            assertThat(wrong.log())
                .contains("Unable to AUTH to MASTER: -WRONGPASS invalid username-password pair"));
    wrong.call("CONFIG", "SET", "masterauth", "secret");
    wrong.call("CONFIG", "SET", "repl-timeout", "61"); // tries again at once
    isUp(wrong);
    agree(primary, wrong);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ours", "real"})
  void whatAReplicaAnnouncesIsWhatIsToldOfIt(String other) throws Exception {
    String[] settings = {"replica-announce-ip", "store.example", "replica-announce-port", "7001"};
    Ours replica = ours(settings);
    Node primary = other.equals("ours") ? ours() : real();
    follow(replica, "127.0.0.1", primary.port());
    isUp(replica);
    eventually(
        () ->
            assertThat(primary.info("replication", "slave0"))
                .startsWith("ip=store.example,port=7001,state=online"));
    assertThat(primary.call("ROLE").toString()).contains("[store.example, 7001, ");

    replica.call("CONFIG", "SET", "replica-announce-ip", "", "replica-announce-port", "0");
    primary.call("CLIENT", "KILL", "TYPE", "replica");
    eventually(
        () ->
            assertThat(primary.info("replication", "slave0"))
                .startsWith("ip=127.0.0.1,port=" + replica.port() + ",state=online"));
  }

  /// A server in a JVM of its own.
  private record Apart(int port, Client client) implements Node {
    @Override
    public Object call(String... command) throws IOException {
      return ReplicationFixture.call(client, command);
    }
  }

  /// One whose names are those of the file, which may change.
  private Apart apart(Path names, String... settings) throws Exception {
    int port = RealRedis.freePort();
    ProcessBuilder builder = ServerProcess.of(settings);
    builder
        .command()
        .addAll(List.of("--port", "" + port, "--save", "", "--enable-debug-command", "yes"));
    builder
        .command()
        .addAll(1, List.of("-Djdk.net.hosts.file=" + names, "-Dsun.net.inetaddr.ttl=1"));
    Process process =
        builder
            .directory(Files.createDirectory(folder.resolve("apart")).toFile())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    open.add(() -> process.destroyForcibly().waitFor());
    Client[] client = new Client[1];
    Awaitility.await()
        .ignoreExceptions() // until it listens
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              client[0] = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
              open.add(client[0]);
              return client[0].command("PING").text().equals("PONG");
            });
    return new Apart(port, client[0]);
  }

  /// As where a container is made anew, at another address.
  @Test
  void aPrimaryThatHasMovedIsFoundByItsName() throws Exception {
    Path names = Files.writeString(folder.resolve("names"), "127.0.0.2 store.example\n");
    Path dir = Files.createDirectory(folder.resolve("moves"));
    int port = RealRedis.freePort();
    Ours primary = oursIn(dir, "port", "" + port, "save", "3600 1", "bind", "127.0.0.1 127.0.0.2");
    fill(primary);
    Node replica = apart(names, "--replicaof", "store.example " + port);
    isUp(replica);
    agree(primary, replica);
    assertThat(replica.info("replication", "master_host")).isEqualTo("store.example");
    assertThat(primary.server.shutDown(Ending.DEFAULT)).isTrue();
    primary.close();
    Files.writeString(names, "127.0.0.1 store.example\n");
    Ours moved = oursIn(dir, "port", "" + port, "save", "3600 1");
    moved.call("SET", "more", "1");
    isUp(replica);
    agree(moved, replica);
    assertThat(moved.info("stats", "sync_full")).isEqualTo("0");
  }

  @Test
  void whoFollowsItselfOrItsReplicaKeepsItsData() throws Exception {
    Ours one = ours("save", "3600 1000000");
    one.call("SET", "k", "v");
    follow(one, "127.0.0.1", one.port());
    eventually(() -> assertThat(one.log()).contains("NOMASTERLINK"));
    assertThat(one.info("replication", "master_link_status")).isEqualTo("down");
    assertThat(one.call("GET", "k")).isEqualTo("v");
    one.call("REPLICAOF", "NO", "ONE");
    one.call("SET", "k", "later");

    Ours two = ours("save", "3600 1000000");
    follow(two, "127.0.0.1", one.port());
    isUp(two);
    follow(one, "127.0.0.1", two.port());
    eventually(() -> assertThat(one.call("ROLE").toString()).startsWith("[slave, "));
    assertThat(one.call("GET", "k")).isEqualTo("later");
    assertThat(two.call("GET", "k")).isEqualTo("later");
    two.call("REPLICAOF", "NO", "ONE"); // whether the two were connected or not until then
    isUp(one);
    two.call("SET", "more", "1");
    agree(two, one);
  }

  @Test
  void aHistoryThatIsBegunAnewTakesAFullSynchronization() throws Exception {
    Ours primary = ours();
    Ours replica = replicaOf(primary);
    String before = primary.info("replication", "master_replid");
    primary.call("DEBUG", "CHANGE-REPL-ID");
    assertThat(primary.info("replication", "master_replid")).isNotEqualTo(before);
    assertThat(primary.info("replication", "master_replid2")).isEqualTo("0".repeat(40));
    primary.call("CLIENT", "KILL", "TYPE", "replica");
    eventually(() -> assertThat(primary.info("stats", "sync_full")).isEqualTo("2"));
    isUp(replica);
    agree(primary, replica);
    assertThat(replica.info("replication", "master_replid"))
        .isEqualTo(primary.info("replication", "master_replid"));
  }

  /// A target that doesn't keep up when the time is over.
  @Test
  void aForcedFailoverWaitsForNobody() throws Exception {
    Ours primary = ours();
    Ours replica = replicaOf(primary);
    Thread asleep =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    replica.call("DEBUG", "SLEEP", "4");
                  } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                  }
                });
    eventually(
        () -> {
          primary.call("INCR", "n");
          assertThat(primary.info("replication", "slave0")).doesNotContain("lag=0");
        });
    primary.call(
        "FAILOVER", "TO", "127.0.0.1", Integer.toString(replica.port()), "FORCE", "TIMEOUT", "1");
    eventually(() -> assertThat(primary.log()).contains(" time out exceeded, failing over."));
    asleep.join();
    eventually(() -> assertThat(replica.call("ROLE").toString()).startsWith("[master, "));
    isUp(primary);
    agree(replica, primary);
  }
}
