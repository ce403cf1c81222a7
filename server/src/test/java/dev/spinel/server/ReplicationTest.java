package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.persist.Ending;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Servers that replicate over real sockets: ours among themselves, and with a real one on either
/// side.
class ReplicationTest extends ReplicationFixture {
  // ── ours among themselves ──

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aReplicaGetsAllDataAndThenTheStream(int loops) throws IOException {
    Ours primary = ours("event-loops", "" + loops);
    Ours replica = ours("event-loops", "" + loops);
    fill(primary);
    replica.call("SET", "own", "goes");
    follow(replica, primary);
    agree(primary, replica);
    assertThat(replica.call("GET", "own")).isNotEqualTo("goes");
    primary.call("SELECT", "5");
    primary.call("SET", "later", "1");
    primary.call("SELECT", "0");
    primary.call("MULTI");
    primary.call("INCR", "n");
    primary.call("LPUSH", "l0", "first");
    primary.call("EXEC");
    assertThat(primary.call("WAIT", "1", "20000")).isEqualTo("1");
    assertThat(replica.call("GET", "n")).isEqualTo("1");
    agree(primary, replica);
    assertThat(String.valueOf(replica.call("SET", "a", "b"))).startsWith("READONLY");
  }

  @Test
  void aReplicaIsOneBeforeItsDataIsLoaded() throws Exception {
    Config config =
        Config.of("port", "0", "dir", folder.toString(), "save", "", "replicaof", "127.0.0.1 1");
    try (Server server =
        new Server(config, new Log(config, new ByteArrayOutputStream()), Clock.SYSTEM)) {
      server.announceData();
      server.startAtAnyPort();
      try (Client client = Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000)) {
        assertThat(client.command("INFO", "replication").text())
            .contains("role:slave\r\n", "master_port:1\r\n", "master_link_status:down\r\n");
        server.load();
        assertThat(client.command("SET", "key", "value").text()).startsWith("READONLY");
      }
    }
  }

  @Test
  void aBrokenLinkIsMendedByAPartialResynchronization() throws IOException {
    Ours primary = ours();
    Ours replica = ours();
    follow(replica, primary);
    for (int i = 0; i < 5; i++) {
      primary.call("INCR", "n");
      (i % 2 == 0 ? primary : replica)
          .call("CLIENT", "KILL", "TYPE", i % 2 == 0 ? "replica" : "master");
      primary.call("INCR", "n");
      isUp(replica);
      agree(primary, replica);
    }
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
    assertThat(primary.info("stats", "sync_partial_ok")).isNotEqualTo("0");
  }

  @ParameterizedTest
  @ValueSource(strings = {"no", "yes"})
  void theDataComesFromAFileOrStraightAndIsKeptInAFileOrLoadedAsItComes(String diskless)
      throws IOException {
    Ours primary = ours("repl-diskless-sync", diskless);
    Ours fromFile = ours();
    Ours asItComes = ours("repl-diskless-load", "on-empty-db");
    fill(primary);
    follow(fromFile, primary);
    follow(asItComes, primary);
    agree(primary, fromFile, asItComes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"yes", "no"})
  void filesOfASynchronizationGoIfNobodyElseWantsThem(String deletes) throws Exception {
    String[] settings = {"rdb-del-sync-files", deletes, "repl-diskless-sync", "no"};
    Path first = Files.createDirectory(folder.resolve("first"));
    Path second = Files.createDirectory(folder.resolve("second"));
    Ours primary = oursIn(first, settings);
    Ours replica = oursIn(second, settings);
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    boolean stays = deletes.equals("no");
    for (Path each : List.of(first, second)) {
      eventually(
          () -> assertThat(Files.exists(each.resolve("dump.rdb"))).as("%s", each).isEqualTo(stays));
      eventually(
          () -> {
            try (Stream<Path> files = Files.list(each)) {
              assertThat(files.filter(file -> file.toString().contains("temp-"))).isEmpty();
            }
          });
    }
  }

  @Test
  void dataIsServedWhileThatOfThePrimaryIsLoadedBesideIt() throws Exception {
    Ours primary = ours("repl-backlog-size", "16kb");
    Ours replica = ours("repl-diskless-load", "swapdb", "appendonly", "yes");
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    replica.call("CONFIG", "SET", "key-load-delay", "10000");
    String large = "x".repeat(40_000);
    primary.call("MULTI"); // so that there is no way back but a full synchronization
    primary.call("CLIENT", "KILL", "TYPE", "replica");
    primary.call("SET", "new", large);
    primary.call("SET", "newer", large);
    primary.call("EXEC");
    eventually(() -> assertThat(replica.info("persistence", "async_loading")).isEqualTo("1"));
    assertThat(replica.call("GET", "s1")).isEqualTo("value1");
    assertThat(replica.info("persistence", "loading")).isEqualTo("0");
    assertThat(String.valueOf(replica.call("BGSAVE"))).startsWith("LOADING");
    assertThat(String.valueOf(replica.call("CONFIG", "SET", "appendonly", "no")))
        .startsWith("LOADING");
    assertThat(String.valueOf(replica.call("REPLICAOF", "NO", "ONE"))).startsWith("LOADING");
    primary.call("CLIENT", "KILL", "TYPE", "replica");
    eventually(() -> assertThat(replica.info("persistence", "async_loading")).isEqualTo("0"));
    replica.call("CONFIG", "SET", "key-load-delay", "0");
    isUp(replica);
    agree(primary, replica);
    eventually(
        () -> assertThat(replica.info("persistence", "aof_rewrite_in_progress")).isEqualTo("0"));
    assertThat(String.valueOf(primary.call("WAITAOF", "0", "1", "20000"))).isEqualTo("[0, 1]");
  }

  @Test
  void dataOfAnotherHistoryIsKeptButNotServedWhileThatOfThePrimaryIsLoaded() throws Exception {
    Ours primary = ours("rdbcompression", "no");
    Ours replica =
        ours("repl-diskless-load", "swapdb", "loading-process-events-interval-bytes", "1024");
    fill(primary);
    for (int i = 0; i < 30; i++) { // more than waits on its way
      primary.call("SET", "large" + i, "x".repeat(1 << 20));
    }
    replica.call("SET", "own", "stays");
    replica.call("CONFIG", "SET", "key-load-delay", "10000");
    replica.call("REPLICAOF", "127.0.0.1", "" + primary.port());
    eventually(() -> assertThat(replica.info("persistence", "loading")).isEqualTo("1"));
    assertThat(replica.info("persistence", "async_loading")).isEqualTo("0");
    eventually(() -> assertThat(String.valueOf(replica.call("GET", "own"))).startsWith("LOADING"));
    primary.call("CONFIG", "SET", "requirepass", "nobody comes");
    primary.call("CLIENT", "KILL", "TYPE", "replica");
    eventually(() -> assertThat(replica.info("persistence", "loading")).isEqualTo("0"));
    assertThat(replica.call("GET", "own")).isEqualTo("stays");
    assertThat(replica.info("replication", "replica_copy_complete")).isEqualTo("1");
  }

  @Test
  void messagesAreHeardOnReplicas() throws IOException {
    Ours primary = ours();
    Ours replica = ours();
    follow(replica, primary);
    try (Client listener = Client.connect("127.0.0.1", replica.port()).timeoutMillis(20_000)) {
      call(listener, "SUBSCRIBE", "news");
      primary.call("PUBLISH", "news", "today");
      assertThat(plain(listener.receive())).isEqualTo(List.of("message", "news", "today"));
    }
    agree(primary, replica);
  }

  @Test
  void aChainRelaysTheBytesAndOutlivesItsHead() throws IOException {
    Ours head = ours();
    Ours middle = ours();
    Ours tail = ours();
    fill(head);
    follow(middle, head);
    follow(tail, middle);
    head.call("SELECT", "2");
    head.call("SET", "a", "1");
    agree(head, middle, tail);
    middle.call("REPLICAOF", "NO", "ONE");
    isUp(tail);
    middle.call("SET", "b", "2");
    agree(middle, tail);
    assertThat(middle.info("stats", "sync_full")).isEqualTo("1");
    follow(head, middle);
    middle.call("SET", "c", "3");
    agree(middle, head, tail);
    assertThat(middle.info("stats", "sync_full")).isEqualTo("1");
  }

  @Test
  void aReplicaThatIsStartedAgainGoesOnWhereItWas() throws IOException {
    Ours primary = ours();
    fill(primary);
    Path dir = Files.createDirectory(folder.resolve("restarted"));
    String[] settings = {"replicaof", "127.0.0.1 " + primary.port(), "save", "3600 1"};
    Ours replica = oursIn(dir, settings);
    isUp(replica);
    primary.call("SELECT", "4");
    primary.call("SET", "before", "1");
    agree(primary, replica);
    assertThat(replica.server.shutDown(Ending.DEFAULT)).isTrue();
    replica.close();
    primary.call("SET", "meanwhile", "1");
    Ours again = oursIn(dir, settings);
    isUp(again);
    agree(primary, again);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
    assertThat(primary.info("stats", "sync_partial_ok")).isEqualTo("1");
  }

  @Test
  void aPrimaryThatIsStartedAgainIsKnownByItsReplicas() throws IOException {
    Path dir = Files.createDirectory(folder.resolve("restarted"));
    int port = RealRedis.freePort();
    String[] settings = {"port", "" + port, "save", "3600 1"};
    Ours primary = oursIn(dir, settings);
    Ours replica = ours();
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    primary.call("CONFIG", "SET", "rdb-key-save-delay", "8000"); // there is time for heartbeats
    assertThat(primary.server.shutDown(Ending.DEFAULT)).isTrue();
    primary.close();
    Ours again = oursIn(dir, settings);
    again.call("SET", "after", "1");
    isUp(replica);
    agree(again, replica);
    assertThat(again.info("stats", "sync_full")).isEqualTo("0");
  }

  /// What its primary sends while it ends doesn't get to its own replicas: it couldn't go on with
  /// them.
  @Test
  void aReplicaThatIsStartedAgainIsKnownByItsOwnReplicas() throws IOException {
    Ours head = ours();
    fill(head);
    Path dir = Files.createDirectory(folder.resolve("restarted"));
    int port = RealRedis.freePort();
    String[] settings = {
      "port", "" + port, "replicaof", "127.0.0.1 " + head.port(), "save", "3600 1"
    };
    Ours middle = oursIn(dir, settings);
    isUp(middle);
    Ours tail = ours();
    follow(tail, middle);
    agree(head, middle, tail);
    assertThat(middle.server.shutDown(Ending.DEFAULT)).isTrue();
    long offset = Long.parseLong(head.info("replication", "master_repl_offset"));
    head.call("SET", "meanwhile", "1");
    eventually( // a heartbeat came behind it
        () ->
            assertThat(Long.parseLong(head.info("replication", "master_repl_offset")))
                .isGreaterThan(offset + 60));
    middle.close();
    Ours again = oursIn(dir, settings);
    isUp(again);
    isUp(tail);
    agree(head, again, tail);
    assertThat(head.info("stats", "sync_full")).isEqualTo("1");
    assertThat(again.info("stats", "sync_full")).isEqualTo("0");
  }

  @Test
  void aReplicaWritesItsOwnAppendOnlyFile() throws IOException {
    Ours primary = ours();
    Path dir = Files.createDirectory(folder.resolve("appends"));
    Ours replica = oursIn(dir, "appendonly", "yes");
    fill(primary);
    follow(replica, primary);
    primary.call("SET", "streamed", "1");
    primary.call("MULTI");
    primary.call("SET", "t1", "1");
    primary.call("SET", "t2", "1");
    primary.call("EXEC");
    agree(primary, replica);
    assertThat(String.valueOf(primary.call("WAITAOF", "0", "1", "20000"))).isEqualTo("[0, 1]");
    eventually(
        () -> assertThat(replica.info("persistence", "aof_rewrite_in_progress")).isEqualTo("0"));
    String digest = replica.digest();
    assertThat(replica.server.shutDown(Ending.DEFAULT)).isTrue();
    replica.close();
    assertThat(oursIn(dir, "appendonly", "yes").digest()).isEqualTo(digest);
  }

  @ParameterizedTest
  @ValueSource(strings = {"no", "yes"})
  void aCopyThatWasCutOffIsNoneAfterARestartEither(String appends) throws IOException {
    Path dir = Files.createDirectory(folder.resolve("cut-off"));
    Path mark = Files.createFile(dir.resolve("dump.rdb.incomplete"));
    Ours primary = ours();
    fill(primary);
    primary.call("CONFIG", "SET", "requirepass", "not yet");
    String[] settings = {
      "replicaof", "127.0.0.1 " + primary.port(), "appendonly", appends, "masterauth", "wrong"
    };
    Ours replica = oursIn(dir, settings);
    assertThat(replica.log()).contains("The data of this server isn't complete");
    assertThat(replica.info("replication", "replica_copy_complete")).isEqualTo("0");
    replica.close();
    replica = oursIn(dir, settings);
    Ours again = replica;
    assertThat(again.info("replication", "replica_copy_complete")).isEqualTo("0");
    again.call("CONFIG", "SET", "masterauth", "not yet");
    eventually(() -> assertThat(again.info("replication", "replica_copy_complete")).isEqualTo("1"));
    eventually(() -> assertThat(mark).doesNotExist());
    assertThat(again.info("persistence", "aof_enabled"))
        .isEqualTo(appends.equals("no") ? "0" : "1");
  }

  @Test
  void aServerWithoutDataHasNoCopyBeforeTheFirstOneHasCome() throws IOException {
    Ours primary = ours("requirepass", "secret");
    primary.call("AUTH", "secret");
    Ours replica = ours();
    replica.call("REPLICAOF", "127.0.0.1", "" + primary.port());
    assertThat(replica.info("replication", "replica_copy_complete")).isEqualTo("0");
    replica.call("CONFIG", "SET", "masterauth", "secret");
    isUp(replica);
    assertThat(replica.info("replication", "replica_copy_complete")).isEqualTo("1");
  }

  @Test
  void aReplicaKeepsItsDataIfItsPrimaryComesBackWithoutAny() throws IOException {
    int port = RealRedis.freePort();
    String[] settings = {"port", "" + port};
    Ours primary = oursIn(Files.createDirectory(folder.resolve("first")), settings);
    Ours replica = ours("replica-keep-data-of-lost-primary", "yes");
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    String digest = replica.digest();
    primary.close();
    Ours empty = oursIn(Files.createDirectory(folder.resolve("second")), settings);
    eventually(
        () ->
            assertThat(replica.info("replication", "master_link_down_reason"))
                .isEqualTo("the primary seems to have lost its data"));
    assertThat(replica.digest()).isEqualTo(digest);
    assertThat(replica.log()).contains("with 0 keys where this replica has 218");
    assertThat(replica.call("REPLICAOF", "127.0.0.1", "" + port)).isEqualTo("OK");
    isUp(replica);
    agree(empty, replica);
  }

  @Test
  void aPrimaryThatComesBackWithAnAppendOnlyFileIsFollowedAsEver() throws IOException {
    int port = RealRedis.freePort();
    String[] settings = {"port", "" + port, "appendonly", "yes"};
    Path dir = Files.createDirectory(folder.resolve("appends"));
    Ours primary = oursIn(dir, settings);
    Ours replica = ours("replica-keep-data-of-lost-primary", "yes");
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    primary.close();
    Ours again = oursIn(dir, settings);
    isUp(replica);
    agree(again, replica);
  }

  @Test
  void aPlannedFailoverExchangesTheRolesWithoutACopy() throws IOException {
    Ours primary = ours();
    Ours replica = ours();
    fill(primary);
    follow(replica, primary);
    assertThat(primary.call("FAILOVER")).isEqualTo("OK");
    eventually(() -> assertThat(primary.info("replication", "role")).isEqualTo("slave"));
    isUp(primary);
    assertThat(replica.info("replication", "role")).isEqualTo("master");
    replica.call("SET", "after", "1");
    agree(replica, primary);
    assertThat(replica.info("stats", "sync_full")).isEqualTo("0");
  }

  @Test
  void aReplicaThatLoadsIsBusyAndAWrongPasswordIsSaid() throws IOException {
    Ours primary = ours("requirepass", "secret");
    Ours replica = ours("masterauth", "wrong");
    replica.call("REPLICAOF", "127.0.0.1", "" + primary.port());
    eventually(() -> assertThat(replica.log()).contains("Unable to AUTH to MASTER: -WRONGPASS"));
    replica.call("CONFIG", "SET", "masterauth", "secret");
    isUp(replica);
  }

  // ── with a real server ──

  @Test
  void aRealReplicaFollowsUs() throws Exception {
    Ours primary = ours();
    Real replica = real();
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    primary.call("SELECT", "6");
    primary.call("SET", "a", "1");
    replica.call("CLIENT", "KILL", "TYPE", "master");
    primary.call("SET", "b", "1");
    isUp(replica);
    agree(primary, replica);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
  }

  @Test
  void weFollowARealPrimary() throws Exception {
    Real primary = real();
    Ours replica = ours();
    fill(primary);
    follow(replica, primary);
    agree(primary, replica);
    primary.call("SELECT", "6");
    primary.call("SET", "a", "1");
    primary.call("CLIENT", "KILL", "TYPE", "replica");
    primary.call("SET", "b", "1");
    isUp(replica);
    agree(primary, replica);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
    replica.call("REPLICAOF", "NO", "ONE");
    replica.call("SET", "c", "1");
    follow(primary, replica);
    agree(replica, primary);
  }

  @Test
  void aRealOneStandsBetweenUsAndARealOneBehind() throws Exception {
    Ours head = ours();
    Real second = real();
    Ours third = ours();
    Real last = real();
    fill(head);
    follow(second, head);
    follow(third, second);
    follow(last, third);
    head.call("SELECT", "1");
    head.call("RPUSH", "a", "1");
    agree(head, second, third, last);
    third.call("CLIENT", "KILL", "TYPE", "master");
    head.call("RPUSH", "a", "2");
    isUp(third);
    agree(head, second, third, last);
  }

  @Test
  void rolesAreHandedOverToARealOneAndBackWithoutACopy() throws Exception {
    Ours ours = ours();
    Real real = real();
    fill(ours);
    follow(real, ours);
    agree(ours, real);
    assertThat(ours.call("FAILOVER")).isEqualTo("OK");
    eventually(() -> assertThat(ours.info("replication", "role")).isEqualTo("slave"));
    isUp(ours);
    real.call("SET", "there", "1");
    agree(real, ours);
    assertThat(real.call("FAILOVER")).isEqualTo("OK");
    eventually(() -> assertThat(real.info("replication", "role")).isEqualTo("slave"));
    isUp(real);
    ours.call("SET", "and back", "1");
    agree(ours, real);
    assertThat(ours.info("stats", "sync_full")).isEqualTo("1");
    assertThat(real.info("stats", "sync_full")).isEqualTo("0");
  }

  @Test
  void eitherIsStartedAgainAndGoesOnAtTheOther() throws Exception {
    Ours primary = ours();
    fill(primary);
    Path theirs = Files.createDirectory(folder.resolve("theirs"));
    String[] following = {"--save", "3600 1", "--replicaof", "127.0.0.1 " + primary.port()};
    Real replica = realIn(theirs, following);
    isUp(replica);
    primary.call("SET", "before", "1");
    agree(primary, replica);
    replica.redis().stop();
    primary.call("SET", "meanwhile", "1");
    Real again = realIn(theirs, following);
    isUp(again);
    agree(primary, again);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");

    Path own = Files.createDirectory(folder.resolve("own"));
    String[] settings = {"replicaof", "127.0.0.1 " + again.port(), "save", "3600 1"};
    Ours behind = oursIn(own, settings);
    isUp(behind);
    primary.call("SET", "through both", "1");
    agree(primary, again, behind);
    assertThat(behind.server.shutDown(Ending.DEFAULT)).isTrue();
    behind.close();
    primary.call("SET", "meanwhile", "2");
    Ours behindAgain = oursIn(own, settings);
    isUp(behindAgain);
    agree(primary, again, behindAgain);
    assertThat(again.info("stats", "sync_full")).isEqualTo("1");
  }

  // ── under load ──

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void linksBreakUnderLoadAndNothingIsLost(int loops) throws Exception {
    long seed = Long.getLong("spinel.seed", 3);
    System.out.println("seed " + seed);
    Ours primary = ours("event-loops", "" + loops, "repl-backlog-size", "64mb");
    Ours replica = ours("event-loops", "" + loops, "repl-backlog-size", "64mb");
    Ours behind = ours("repl-backlog-size", "64mb");
    try (Load load = new Load(primary, seed, 3)) {
      follow(replica, primary);
      follow(behind, replica);
      killLinks(primary, new Random(seed), 6);
      killLinks(replica, new Random(seed), 4);
      isUp(replica);
    }
    isUp(behind);
    agree(primary, replica, behind);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
    assertThat(replica.info("stats", "sync_full")).isEqualTo("1");
  }

  @Test
  void linksToARealReplicaBreakUnderLoadAndNothingIsLost() throws Exception {
    long seed = Long.getLong("spinel.seed", 4);
    System.out.println("seed " + seed);
    Ours primary = ours("event-loops", "2", "repl-backlog-size", "64mb");
    Real replica = real();
    try (Load load = new Load(primary, seed, 3)) {
      follow(replica, primary);
      killLinks(primary, new Random(seed), 5);
    }
    isUp(replica);
    agree(primary, replica);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
  }

  @Test
  void linksToARealPrimaryBreakUnderLoadAndNothingIsLost() throws Exception {
    long seed = Long.getLong("spinel.seed", 5);
    System.out.println("seed " + seed);
    Real primary = real("--repl-backlog-size", "64mb");
    Ours replica = ours("event-loops", "2");
    try (Load load = new Load(primary, seed, 3)) {
      follow(replica, primary);
      killLinks(primary, new Random(seed), 5);
    }
    isUp(replica);
    agree(primary, replica);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
  }

  /// Clients write at both servers all the time: who isn't the primary refuses.
  @ParameterizedTest
  @ValueSource(strings = {"ours", "real"})
  void rolesAreHandedOverAndBackWhileClientsWriteAndSnapshotsAreTaken(String other)
      throws Exception {
    long seed = Long.getLong("spinel.seed", 6);
    System.out.println("seed " + seed);
    Ours ours = ours("event-loops", "2", "repl-backlog-size", "64mb");
    Node second =
        other.equals("ours")
            ? ours("event-loops", "2", "repl-backlog-size", "64mb")
            : real("--repl-backlog-size", "64mb", "--enable-debug-command", "yes");
    follow(second, ours);
    try (Load atOurs = new Load(ours, seed, 2);
        Load atSecond = new Load(second, seed + 100, 2)) {
      handOver(ours, second);
      handOver(second, ours);
    }
    agree(ours, second);
    assertThat(ours.info("stats", "sync_full")).isEqualTo("1");
    assertThat(second.info("stats", "sync_full")).isEqualTo("0");
  }

  private static void handOver(Node from, Node to) throws IOException {
    beginSnapshots(from, to);
    assertThat(from.call("FAILOVER")).isEqualTo("OK");
    eventually(() -> assertThat(from.info("replication", "role")).isEqualTo("slave"));
    isUp(from);
    assertThat(to.info("replication", "role")).isEqualTo("master");
    endSnapshots(from, to);
  }

  /// Both are at it, in the midst of their keys.
  private static void beginSnapshots(Node... nodes) throws IOException {
    for (Node node : nodes) {
      eventually(
          () ->
              assertThat(Integer.parseInt(String.valueOf(node.call("DBSIZE")))).isGreaterThan(100));
      eventually(
          () -> assertThat(node.info("persistence", "rdb_bgsave_in_progress")).isEqualTo("0"));
      node.call("CONFIG", "SET", "rdb-key-save-delay", "3000");
      assertThat(node.call("BGSAVE")).isEqualTo("Background saving started");
      assertThat(node.info("persistence", "rdb_bgsave_in_progress")).isEqualTo("1");
    }
  }

  private static void endSnapshots(Node... nodes) throws IOException {
    for (Node node : nodes) {
      node.call("CONFIG", "SET", "rdb-key-save-delay", "0");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ours", "real"})
  void aReplicaIsPromotedWhileClientsWriteAndSnapshotsAreTaken(String other) throws Exception {
    long seed = Long.getLong("spinel.seed", 7);
    System.out.println("seed " + seed);
    Ours first = ours("event-loops", "2", "repl-backlog-size", "64mb");
    Node second =
        other.equals("ours")
            ? ours("event-loops", "2", "repl-backlog-size", "64mb")
            : real("--repl-backlog-size", "64mb");
    follow(second, first);
    try (Load atFirst = new Load(first, seed, 2);
        Load atSecond = new Load(second, seed + 100, 2)) {
      beginSnapshots(first, second);
      assertThat(second.call("REPLICAOF", "NO", "ONE")).isEqualTo("OK");
      endSnapshots(first, second);
      follow(first, second); // what it has taken meanwhile is gone
    }
    agree(second, first);
  }

  @Test
  void rolesChangeUnderLoadAndSnapshots() throws Exception {
    long seed = Long.getLong("spinel.seed", 8);
    System.out.println("seed " + seed);
    Ours a = ours("event-loops", "2", "repl-backlog-size", "64mb");
    Ours b = ours("event-loops", "2", "repl-backlog-size", "64mb");
    Ours primary = a;
    Ours replica = b;
    follow(replica, primary);
    for (int round = 0; round < 4; round++) {
      try (Load load = new Load(primary, seed + 100 * round, 2)) {
        Thread.sleep(300); // some load
        primary.call("BGSAVE");
        replica.call("BGSAVE");
      }
      assertThat(primary.call("FAILOVER")).isEqualTo("OK");
      Ours last = primary;
      eventually(() -> assertThat(last.info("replication", "role")).isEqualTo("slave"));
      isUp(primary);
      Ours next = replica;
      replica = primary;
      primary = next;
      agree(primary, replica);
    }
    assertThat(Integer.parseInt(a.info("stats", "sync_full"))).isEqualTo(1);
    assertThat(Integer.parseInt(b.info("stats", "sync_full"))).isEqualTo(0);
  }
}
