package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.Spinel;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What clients see of servers that follow one another: WAIT, gates, pauses, FAILOVER, SHUTDOWN.
class ReplicasTest {
  @TempDir Path folder;

  private final List<AutoCloseable> open = new ArrayList<>();

  /// A server and a client of it.
  private final class Node {
    final ByteArrayOutputStream log = new ByteArrayOutputStream();
    final Spinel server;
    final Client client;

    Node(String... settings) throws IOException {
      List<String> all = new ArrayList<>(List.of("repl-diskless-sync-delay", "0"));
      all.addAll(List.of(settings));
      server = Spinel.start(log, all.toArray(String[]::new));
      open.add(server);
      client = connect();
    }

    Client connect() throws IOException {
      Client made = Client.connect("127.0.0.1", server.port());
      open.add(made);
      return made;
    }

    String say(String... words) throws IOException {
      return client.command(words).text();
    }

    String raw(Client by, String... words) throws IOException {
      by.send(words);
      return new String(by.raw(), StandardCharsets.ISO_8859_1).replace("\r\n", " ").strip();
    }

    String raw(String... words) throws IOException {
      return raw(client, words);
    }

    String field(String name) throws IOException {
      for (String line : say("INFO").split("\r\n")) {
        if (line.startsWith(name + ":")) {
          return line.substring(name.length() + 1);
        }
      }
      return "";
    }

    void follow(Node primary) throws IOException {
      assertThat(raw("REPLICAOF", "127.0.0.1", "" + primary.server.port())).isEqualTo("+OK");
      await()
          .atMost(Duration.ofSeconds(20))
          .conditionEvaluationListener(
              condition -> {
                if (condition.getRemainingTimeInMS() < 200) {
                  System.err.println(log.toString(StandardCharsets.UTF_8));
                }
              })
          .until(() -> field("master_link_status").equals("up"));
      await().until(() -> primary.field("slave0").contains("state=online"));
    }
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  @Test
  void waitCountsTheReplicasThatHaveWhatTheSessionWrote() throws Exception {
    Node primary = new Node();
    Node first = new Node();
    Node second = new Node();
    first.follow(primary);
    second.follow(primary);
    await().until(() -> primary.field("slave1").contains("state=online"));
    Client other = primary.connect();
    primary.say("SET", "k", "1");
    assertThat(primary.raw("WAIT", "2", "10000")).isEqualTo(":2");
    assertThat(first.say("GET", "k")).isEqualTo("1");

    first.say("CLIENT", "PAUSE", "1000000", "WRITE"); // it applies nothing
    primary.raw(other, "SET", "k", "2");
    assertThat(primary.raw(other, "WAIT", "2", "300")).as("one has it").isEqualTo(":1");
    assertThat(primary.raw("WAIT", "2", "10000")).as("of its own write").isEqualTo(":2");
    first.say("CLIENT", "UNPAUSE");
    assertThat(primary.raw(other, "WAIT", "2", "10000")).isEqualTo(":2");
    assertThat(first.say("GET", "k")).isEqualTo("2");
  }

  @Test
  void waitaofCountsReplicasThatHaveItOnTheirDisks() throws Exception {
    Node primary = new Node();
    Node replica = new Node("appendonly", "yes", "dir", folder.toString());
    replica.follow(primary);
    primary.say("SET", "k", "1");
    assertThat(primary.raw("WAITAOF", "0", "1", "10000")).isEqualTo("*2 :0 :1");
  }

  /// A replica that had more of another primary's stream on its disk.
  @Test
  void waitaofCountsNothingThatWasWrittenOfAnotherStream() throws Exception {
    Node longer = new Node();
    Node primary = new Node();
    Node replica = new Node("appendonly", "yes", "dir", folder.toString());
    replica.follow(longer);
    longer.say("SET", "k", "x".repeat(10_000));
    assertThat(longer.raw("WAITAOF", "0", "1", "20000")).isEqualTo("*2 :0 :1");
    assertThat(replica.raw("CONFIG", "SET", "appendfsync", "no")).isEqualTo("+OK");
    replica.follow(primary);
    await().until(() -> replica.field("aof_rewrite_in_progress").equals("0"));
    primary.say("SET", "k", "v");
    assertThat(primary.raw("WAIT", "1", "20000")).isEqualTo(":1");
    assertThat(primary.raw("WAITAOF", "0", "1", "300")).isEqualTo("*2 :0 :0");
    assertThat(replica.raw("CONFIG", "SET", "appendfsync", "always")).isEqualTo("+OK");
    primary.say("SET", "k", "w");
    assertThat(primary.raw("WAITAOF", "0", "1", "20000")).isEqualTo("*2 :0 :1");
  }

  @Test
  void aPrimaryWritesOnceItHasEnoughReplicas() throws Exception {
    Node primary = new Node("min-replicas-to-write", "1", "min-replicas-max-lag", "10");
    Node replica = new Node();
    assertThat(primary.raw("SET", "k", "1")).startsWith("-NOREPLICAS");
    replica.follow(primary);
    assertThat(primary.field("min_slaves_good_slaves")).isEqualTo("1");
    assertThat(primary.raw("SET", "k", "1")).isEqualTo("+OK");
    replica.say("REPLICAOF", "NO", "ONE");
    await().until(() -> primary.field("connected_slaves").equals("0"));
    assertThat(primary.raw("SET", "k", "1")).startsWith("-NOREPLICAS");
  }

  @Test
  void failoverLosesNothingAndSwapsTheRoles() throws Exception {
    Node primary = new Node();
    Node replica = new Node();
    replica.follow(primary);
    for (int i = 0; i < 1000; i++) {
      primary.client.send("INCR", "n");
    }
    for (int i = 0; i < 1000; i++) {
      primary.client.receive();
    }
    String target = "" + replica.server.port();
    assertThat(primary.raw("FAILOVER", "TO", "127.0.0.1", "1", "TIMEOUT", "5")).startsWith("-ERR");
    assertThat(primary.raw("FAILOVER", "TO", "127.0.0.1", target)).isEqualTo("+OK");
    await().until(() -> replica.field("role").equals("master"));
    await().until(() -> primary.field("master_link_status").equals("up"));
    assertThat(primary.field("master_failover_state")).isEqualTo("no-failover");
    assertThat(replica.say("GET", "n")).isEqualTo("1000");
    assertThat(primary.raw("INCR", "n")).startsWith("-READONLY");
    assertThat(replica.raw("INCR", "n")).isEqualTo(":1001");
    assertThat(replica.raw("WAIT", "1", "10000")).isEqualTo(":1");
    assertThat(primary.say("GET", "n")).isEqualTo("1001");
    assertThat(primary.field("sync_full")).isEqualTo("1");
    assertThat(replica.field("sync_full")).as("it went on with the same history").isEqualTo("0");
  }

  @Test
  void writesWaitWhileTheRoleIsHandedOver() throws Exception {
    Node primary = new Node();
    Node replica = new Node();
    replica.follow(primary);
    replica.say("CLIENT", "PAUSE", "1000000", "WRITE"); // it doesn't get through
    primary.say("SET", "k", "1");
    assertThat(primary.raw("FAILOVER")).isEqualTo("+OK");
    assertThat(primary.field("master_failover_state")).isEqualTo("waiting-for-sync");
    Client writer = primary.connect();
    writer.send("SET", "k", "2");
    writer.flush();
    await().until(() -> primary.field("blocked_clients").equals("1"));
    assertThat(primary.raw("REPLICAOF", "NO", "ONE"))
        .isEqualTo("-ERR REPLICAOF not allowed while failing over.");
    assertThat(primary.raw("FAILOVER", "ABORT")).isEqualTo("+OK");
    assertThat(writer.receive().text()).isEqualTo("OK");
    assertThat(primary.field("role")).isEqualTo("master");
  }

  /// It waits while its server is a replica, too, which it is until the target has answered.
  @Test
  void aWriteThatWaitedIsDoneIfTheTargetRefuses() throws Exception {
    Node primary = new Node();
    Node replica = new Node();
    replica.follow(primary);
    replica.say("CLIENT", "PAUSE", "1000000", "WRITE"); // it doesn't get through
    replica.say("ACL", "SETUSER", "default", "-psync");
    primary.say("SET", "k", "1");
    assertThat(primary.raw("FAILOVER")).isEqualTo("+OK");
    Client writer = primary.connect();
    writer.send("SET", "k", "2");
    writer.flush();
    await().until(() -> primary.field("blocked_clients").equals("1"));
    replica.say("CLIENT", "UNPAUSE");
    assertThat(writer.receive().text()).isEqualTo("OK");
    assertThat(primary.field("role")).isEqualTo("master");
    assertThat(primary.log.toString(StandardCharsets.UTF_8))
        .contains("Failover target rejected psync request");
    replica.say("ACL", "SETUSER", "default", "+psync");
    await().until(() -> "2".equals(replica.say("GET", "k")));
    assertThat(primary.field("sync_full")).isEqualTo("1");
  }

  @Test
  void anEndThatASignalAsksForWaitsForReplicasAndCanBeTakenBack() throws Exception {
    int port = RealRedis.freePort();
    Process primary =
        ServerProcess.of(
                "--port",
                "" + port,
                "--save",
                "",
                "--shutdown-timeout",
                "1000",
                "--repl-diskless-sync-delay",
                "0")
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    open.add(primary::destroyForcibly);
    Node replica = new Node();
    replica.say("REPLICAOF", "127.0.0.1", "" + port);
    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> replica.field("master_link_status").equals("up"));
    try (Client operator = Client.connect("127.0.0.1", port)) {
      await().until(() -> info(operator).contains("state=online"));
      replica.say("CLIENT", "PAUSE", "1000000", "WRITE");
      operator.command("SET", "k", "last");
      primary.destroy(); // SIGTERM
      await().until(() -> info(operator).contains("shutdown_in_milliseconds"));
      assertThat(operator.command("SHUTDOWN", "ABORT").text()).isEqualTo("OK");
      assertThat(info(operator)).doesNotContain("shutdown_in_milliseconds");
      assertThat(operator.command("SET", "k", "later").text()).isEqualTo("OK");
      assertThat(Files.readString(folder.resolve("log")))
          .contains("Received SIGTERM scheduling shutdown...")
          .contains("Shutdown manually aborted.");
      primary.destroy();
      await().until(() -> info(operator).contains("shutdown_in_milliseconds"));
    }
    replica.say("CLIENT", "UNPAUSE");
    assertThat(primary.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(primary.exitValue()).isZero();
    await().until(() -> replica.say("GET", "k").equals("later"));
  }

  private static String info(Client client) throws IOException {
    return client.command("INFO").text();
  }

  @Test
  void shutdownWaitsForReplicasAndCanBeTakenBack() throws Exception {
    Node primary = new Node("shutdown-timeout", "1000");
    Node replica = new Node();
    replica.follow(primary);
    replica.say("CLIENT", "PAUSE", "1000000", "WRITE");
    primary.say("SET", "k", "last");
    Client operator = primary.connect();
    operator.send("SHUTDOWN", "NOSAVE");
    operator.flush();
    await().until(() -> !primary.field("shutdown_in_milliseconds").isEmpty());
    Client writer = primary.connect();
    writer.send("SET", "k", "later");
    writer.flush();
    await().until(() -> primary.field("blocked_clients").equals("2"));
    assertThat(primary.raw("SHUTDOWN", "ABORT")).isEqualTo("+OK");
    assertThat(operator.receive().text()).contains("Errors trying to SHUTDOWN");
    assertThat(writer.receive().text()).isEqualTo("OK");
    assertThat(primary.field("shutdown_in_milliseconds")).isEmpty();
    assertThat(primary.raw("SHUTDOWN", "ABORT")).isEqualTo("-ERR No shutdown in progress.");

    operator.send("SHUTDOWN", "NOSAVE");
    operator.flush();
    await().until(() -> !primary.field("shutdown_in_milliseconds").isEmpty());
    replica.say("CLIENT", "UNPAUSE");
    primary.server.awaitStop();
    await().until(() -> replica.say("GET", "k").equals("later"));
    assertThat(primary.log.toString(StandardCharsets.UTF_8))
        .contains("1 of 1 replicas are in sync when shutting down.");
  }

  @Test
  void aReplicaAppliesNothingWhileItIsPaused() throws Exception {
    Node primary = new Node();
    Node replica = new Node();
    replica.follow(primary);
    replica.say("CLIENT", "PAUSE", "1000000", "WRITE");
    primary.say("SET", "k", "v");
    long end = Long.parseLong(primary.field("master_repl_offset"));
    await().until(() -> Long.parseLong(replica.field("slave_read_repl_offset")) >= end);
    assertThat(replica.raw("GET", "k")).isEqualTo("$-1");
    assertThat(Long.parseLong(replica.field("slave_repl_offset"))).isLessThan(end);
    replica.say("CLIENT", "UNPAUSE");
    await().until(() -> "v".equals(replica.say("GET", "k")));
  }

  @Test
  void killedLinksComeBack() throws Exception {
    Node primary = new Node();
    Node replica = new Node();
    replica.follow(primary);
    assertThat(primary.say("CLIENT", "LIST", "TYPE", "replica")).contains("flags=S");
    primary.say("SET", "k", "0");
    await().until(() -> replica.say("CLIENT", "LIST", "TYPE", "master").contains("flags=M"));
    assertThat(replica.raw("CLIENT", "KILL", "TYPE", "master")).isEqualTo(":1");
    primary.say("SET", "k", "1");
    await().until(() -> "1".equals(replica.say("GET", "k")));
    assertThat(primary.raw("CLIENT", "KILL", "TYPE", "slave")).isEqualTo(":1");
    primary.say("SET", "k", "2");
    await().until(() -> "2".equals(replica.say("GET", "k")));
    assertThat(primary.field("sync_full")).isEqualTo("1");
    assertThat(primary.field("sync_partial_ok")).isEqualTo("2");
  }

  /// A client that becomes a replica, and says something more.
  private static final class Rogue implements AutoCloseable {
    private final Socket socket;

    Rogue(Node primary, String... commands) throws IOException {
      socket = new Socket("127.0.0.1", primary.server.port());
      socket.setSoTimeout(20_000);
      say("REPLCONF capa eof"); // so it waits for others
      socket.getInputStream().readNBytes("+OK\r\n".length());
      for (String command : commands) {
        say(command);
      }
    }

    private void say(String command) throws IOException {
      socket.getOutputStream().write((command + "\r\n").getBytes(StandardCharsets.US_ASCII));
    }

    /// What it is sent until its connection is closed, without the empty lines by which a primary
    /// says that it is still there.
    String sent() throws IOException {
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1)
          .strip();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "PING, ping",
    "GET k, get",
    "XINFO HELP, xinfo|help",
    "SLOWLOG GET, slowlog|get",
    "REPLCONF capa eof, replconf",
    "REPLCONF what ever, replconf",
    "NOSUCH, <unknown>",
    "MULTI, multi",
    "WAIT 2 1, wait",
    "SUBSCRIBE c, subscribe",
    "QUIT, quit"
  })
  void aReplicaThatSaysWhatIsAnsweredIsDisconnected(String said, String command) throws Exception {
    Node primary = new Node("repl-diskless-sync-delay", "1000");
    for (String sync : List.of("SYNC", "PSYNC ? -1")) {
      try (Rogue rogue = new Rogue(primary, sync, said)) {
        assertThat(rogue.sent()).isEmpty();
      }
    }
    String log = primary.log.toString(StandardCharsets.UTF_8);
    assertThat(log.split("Replica generated a reply to command '", -1)).hasSize(3);
    assertThat(log)
        .contains("Replica generated a reply to command '" + command + "', disconnecting it: id=");
    if (said.equals("GET k")) {
      assertThat(log)
          .contains(
              "== CRITICAL == This master is sending an error to its replica: 'Replica can't"
                  + " interact with the keyspace' after processing the command 'get'");
      assertThat(primary.field("unexpected_error_replies")).isEqualTo("2");
    }
    await().until(() -> primary.field("connected_slaves").equals("0"));
    assertThat(primary.raw("PING")).isEqualTo("+PONG");
  }

  @Test
  void aReplicaMaySayWhatIsNotAnswered() throws Exception {
    Node primary = new Node("repl-diskless-sync-delay", "1000");
    try (Rogue rogue =
        new Rogue(
            primary,
            "SYNC",
            "REPLCONF ACK 0",
            "REPLCONF GETACK *",
            "SYNC",
            "PSYNC ? -1",
            "MONITOR",
            "",
            "CLIENT REPLY OFF",
            "PING",
            "CLIENT SETNAME rogue")) {
      await().until(() -> primary.say("CLIENT", "LIST", "TYPE", "replica").contains("name=rogue"));
      assertThat(primary.field("connected_slaves")).isEqualTo("1");
    }
    assertThat(primary.log.toString(StandardCharsets.UTF_8)).doesNotContain("generated a reply");
  }

  @Test
  void whatASlowReplicaHasNotTakenIsNoMemoryOfTheData() throws Exception {
    Node primary = new Node("repl-backlog-size", "16384", "repl-diskless-sync-delay", "0");
    primary.raw("SETRANGE", "k", "99999", "x");
    try (Rogue slow = new Rogue(primary, "SYNC")) {
      assertThat(slow).isNotNull();
      await().until(() -> primary.field("slave0").contains("state=online"));
      long before = Long.parseLong(primary.field("used_memory"));
      String value = "A".repeat(100_000);
      await()
          .until(
              () -> {
                for (int i = 0; i < 20; i++) {
                  primary.raw("SETRANGE", "k", "0", value);
                }
                return Long.parseLong(primary.field("mem_clients_slaves")) > 2 << 20;
              });
      long grown = Long.parseLong(primary.field("used_memory")) - before;
      assertThat(grown).isBetween(-65_536L, 65_536L);
      assertThat(primary.raw("CLIENT", "KILL", "TYPE", "replica")).isEqualTo(":1");
      assertThat(primary.field("mem_clients_slaves")).isEqualTo("0");
    }
  }

  @Test
  void aSaveForReplicasEndsWithTheLastOneUnlessItIsOfUseToOthers() throws Exception {
    Node primary =
        new Node(
            "repl-diskless-sync",
            "no",
            "rdb-key-save-delay",
            "1000000",
            "save",
            "",
            "dir",
            folder.toString());
    for (int i = 0; i < 100; i++) {
      primary.say("SET", "k" + i, "v");
    }
    Rogue one = new Rogue(primary, "SYNC");
    await().until(() -> primary.field("slave0").contains("state=wait_bgsave"));
    await().until(() -> primary.field("rdb_bgsave_in_progress").equals("1"));
    Rogue two = new Rogue(primary, "SYNC");
    await().until(() -> primary.field("slave1").contains("state=wait_bgsave"));
    one.close();
    await().until(() -> primary.field("connected_slaves").equals("1"));
    assertThat(primary.field("rdb_bgsave_in_progress")).isEqualTo("1");
    two.close();
    await().until(() -> primary.field("rdb_bgsave_in_progress").equals("0"));
    assertThat(primary.field("rdb_last_bgsave_status")).isEqualTo("ok");
    assertThat(primary.log.toString(StandardCharsets.UTF_8))
        .contains("Background saving terminated by signal 10");
    assertThat(folder.resolve("dump.rdb")).doesNotExist();

    primary.say("CONFIG", "SET", "save", "900 1");
    Rogue three = new Rogue(primary, "SYNC");
    await().until(() -> primary.field("rdb_bgsave_in_progress").equals("1"));
    three.close();
    await().until(() -> primary.field("connected_slaves").equals("0"));
    assertThat(primary.field("rdb_bgsave_in_progress")).isEqualTo("1");
    primary.say("CONFIG", "SET", "rdb-key-save-delay", "0");
    await().until(() -> primary.field("rdb_bgsave_in_progress").equals("0"));
    assertThat(folder.resolve("dump.rdb")).exists();
  }
}
