package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The guide to migration, its commands typed by our redis-cli: from a stock server to ours and
/// back, by files, by replication and by cluster.
@Timeout(300)
class MigrationGuideTest {
  private static final String[] PASSWORDS = {
    "--requirepass", "a-password", "--masterauth", "a-password"
  };
  private static final int KEYS = 300;
  private static final long ATTEMPT_NANOS =
      6_000_000_000L; // a planned failover is given up by then

  @TempDir Path directory;

  /// The first line of the guide that begins so.
  private static GuideLine line(String beginning) throws IOException {
    List<GuideLine> lines = new ArrayList<>(GuideLine.code("docs/migration.md"));
    lines.addAll(GuideLine.inline("docs/migration.md"));
    return lines.stream()
        .filter(l -> l.text().startsWith(beginning))
        .findFirst()
        .orElseThrow(() -> new AssertionError("the guide has no " + beginning));
  }

  private static String run(String beginning, int port) throws IOException {
    return line(beginning).run(port, text -> text.replace("-p 6380", "-p " + port));
  }

  private static void fill(int port) throws IOException {
    for (int i = 0; i < KEYS; i++) GuideLine.ask(port, "SET", "key:" + i, "value " + i);
    GuideLine.ask(port, "RPUSH", "list", "a", "b");
    GuideLine.ask(port, "HSET", "hash", "field", "value");
    GuideLine.ask(port, "ZADD", "zset", "1.5", "member");
    GuideLine.ask(port, "SADD", "set", "1", "2", "x");
    GuideLine.ask(port, "XADD", "stream", "1-1", "field", "value");
    GuideLine.ask(port, "SET", "with a time", "value", "EX", "10000");
  }

  private static String digest(int port) throws IOException {
    return GuideLine.ask(port, "DEBUG", "DIGEST");
  }

  private static String[] with(String[] options, String... more) {
    List<String> all = new ArrayList<>(List.of(options));
    all.addAll(List.of(more));
    return all.toArray(new String[0]);
  }

  @ParameterizedTest
  @ValueSource(strings = {"no", "yes"})
  void byFilesAndBack(String appendOnly) throws Exception {
    String folder = Files.createDirectory(directory.resolve("data")).toString();
    String[] options = with(PASSWORDS, "--dir", folder, "--appendonly", appendOnly);
    try (Stock stock = new Stock(directory);
        Own own = new Own(directory)) {
      int port = stock.server(options);
      fill(port);
      String digest = digest(port);
      run("redis-cli save", port);
      run("redis-cli shutdown", port);
      stock.stop(port);

      port = own.server(options);
      assertThat(digest(port)).isEqualTo(digest);
      GuideLine.ask(port, "SET", "written", "by Spinel");
      digest = digest(port);
      run("redis-cli save", port);
      run("redis-cli shutdown", port);
      own.stop(port);

      port = stock.server(options);
      assertThat(digest(port)).isEqualTo(digest);
    }
  }

  @Test
  void byReplicationAndBack() throws Exception {
    try (Stock stock = new Stock(directory);
        Own own = new Own(directory)) {
      int old = stock.server(PASSWORDS);
      fill(old);
      List<String> words = line("spinel server --port 6380 --replicaof").words();
      String[] options = words.subList(4, words.size()).toArray(new String[0]);
      assertThat(options).containsExactly("--replicaof", "127.0.0.1", "6379");
      int fresh = own.server(with(PASSWORDS, "--replicaof", "127.0.0.1 " + old));
      linked(fresh);

      // the two changes of places, there and back
      Function<Integer, Function<String, String>> to =
          port -> text -> text.replace("127.0.0.1 6380", "127.0.0.1 " + port);
      line("redis-cli failover to").run(old, to.apply(fresh));
      linked(old);
      assertThat(GuideLine.ask(fresh, "SET", "written", "by Spinel")).isEqualTo("OK");
      await().atMost(20, TimeUnit.SECONDS).until(() -> digest(old).equals(digest(fresh)));
      line("redis-cli failover to").run(fresh, to.apply(old));
      linked(fresh);

      run("redis-cli client pause", old);
      run("redis-cli -p 6380 info replication", fresh);
      await().atMost(20, TimeUnit.SECONDS).until(() -> digest(old).equals(digest(fresh)));
      run("redis-cli -p 6380 replicaof no one", fresh);
      assertThat(GuideLine.ask(fresh, "SET", "written", "again")).isEqualTo("OK");
      assertThat(GuideLine.ask(fresh, "GET", "key:7")).isEqualTo("value 7");
    }
  }

  private static void linked(int port) {
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> GuideLine.ask(port, "INFO", "replication").contains("master_link_status:up"));
  }

  @Test
  void byClusterAndBack() throws Exception {
    String[] options =
        with(PASSWORDS, "--cluster-enabled", "yes", "--cluster-node-timeout", "3000");
    try (Stock stock = new Stock(directory);
        Own own = new Own(directory)) {
      List<Integer> old = new ArrayList<>();
      List<String> create = new ArrayList<>(List.of("--cluster", "create"));
      for (int i = 0; i < 3; i++) {
        old.add(stock.server(options));
        create.add("127.0.0.1:" + old.get(i));
      }
      create.addAll(List.of("--cluster-yes", "-a", "a-password", "--no-auth-warning"));
      assertThat(Ours.run("", Map.of(), create).status()).isZero();
      settled(old);
      for (int i = 0; i < KEYS; i++) set(old, i);

      List<Integer> all = new ArrayList<>(old);
      List<Integer> fresh = new ArrayList<>();
      for (int port : old) {
        int added = own.server(options);
        fresh.add(added);
        String id = GuideLine.ask(port, "CLUSTER", "MYID");
        Function<String, String> places =
            text ->
                text.replace("10.0.0.11:6379", "127.0.0.1:" + added)
                    .replace("10.0.0.1:6379", "127.0.0.1:" + port)
                    .replace("-h 10.0.0.11", "-p " + added)
                    .replaceAll("ID\\b.*", id);
        line("redis-cli --cluster add-node").run(port, places);
        all.add(added);
        settled(all);
        line("redis-cli -h 10.0.0.11 info replication").run(added, places);
        line("redis-cli -h 10.0.0.11 cluster failover").run(added, places);
        failOver(added);
        changed(all, port, added);
        if (fresh.size() == 1) { // back, and there once more
          failOver(port);
          changed(all, added, port);
          failOver(added);
          changed(all, port, added);
        }
      }
      for (int port : old) {
        String id = GuideLine.ask(port, "CLUSTER", "MYID");
        line("redis-cli --cluster del-node")
            .run(
                port,
                text ->
                    text.replace("10.0.0.1:6379", "127.0.0.1:" + fresh.getFirst())
                        .replace("ID-OF-THE-OLD-NODE", id));
        all.remove(Integer.valueOf(port));
      }
      settled(fresh);
      int found = 0;
      for (int port : fresh) found += Integer.parseInt(GuideLine.ask(port, "DBSIZE"));
      assertThat(found).isEqualTo(KEYS);
    }
  }

  private static void set(List<Integer> ports, int i) throws IOException {
    for (int port : ports) {
      if (GuideLine.ask(port, "SET", "key:" + i, "value " + i).equals("OK")) return;
    }
    throw new AssertionError("nobody takes key:" + i);
  }

  /// Waits until all see the same nodes, roles and slots, find that the cluster serves, and
  /// replicas are linked.
  private static void settled(List<Integer> ports) {
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () -> {
              Set<List<String>> views = new HashSet<>();
              for (int port : ports) {
                List<String> view = view(port);
                if (view.size() != ports.size()
                    || view.toString().matches(".*(handshake|fail).*")
                    || !GuideLine.ask(port, "CLUSTER", "INFO").contains("cluster_state:ok")
                    || GuideLine.ask(port, "INFO", "replication")
                        .contains("master_link_status:down")) {
                  return false;
                }
                views.add(view);
              }
              return views.size() == 1;
            });
  }

  /// Id, role, primary and slots of each node as this one sees them.
  private static List<String> view(int port) throws IOException {
    return GuideLine.ask(port, "CLUSTER", "NODES")
        .lines()
        .map(line -> line.replace("myself,", "").split(" ", 9))
        .map(
            word ->
                word[0] + " " + word[2] + " " + word[3] + " " + (word.length > 8 ? word[8] : ""))
        .sorted()
        .toList();
  }

  /// Asks again as the guide says: voters vote for one place only once in twice the node timeout.
  /// Not before the last attempt has ended, which another one would begin anew.
  private static void failOver(int replica) {
    AtomicLong lastAsked = new AtomicLong(System.nanoTime() - ATTEMPT_NANOS);
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () -> {
              if (GuideLine.ask(replica, "INFO", "replication").contains("role:master"))
                return true;
              if (System.nanoTime() - lastAsked.get() >= ATTEMPT_NANOS) {
                GuideLine.ask(replica, "CLUSTER", "FAILOVER"); // an error if it has won just now
                lastAsked.set(System.nanoTime());
              }
              return false;
            });
  }

  /// Waits until a primary and its replica have changed places.
  private static void changed(List<Integer> ports, int replica, int primary) {
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () ->
                GuideLine.ask(primary, "INFO", "replication").contains("role:master")
                    && GuideLine.ask(replica, "INFO", "replication")
                        .contains("master_link_status:up"));
    settled(ports);
  }

  @Test
  void aSingleServerIsImported() throws Exception {
    String[] options = with(PASSWORDS, "--cluster-enabled", "yes");
    try (Stock stock = new Stock(directory);
        Own own = new Own(directory)) {
      int old = stock.server();
      fill(old);
      int node = own.server(options);
      GuideLine.ask(node, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      settled(List.of(node));
      String said =
          line("redis-cli --cluster import")
              .run(
                  node,
                  text ->
                      text.replace("NEW:6379", "127.0.0.1:" + node)
                          .replace("OLD:6379", "127.0.0.1:" + old));
      assertThat(GuideLine.ask(node, "DBSIZE")).as(said).isEqualTo(GuideLine.ask(old, "DBSIZE"));
      assertThat(digest(node)).isEqualTo(digest(old));
    }
  }
}
