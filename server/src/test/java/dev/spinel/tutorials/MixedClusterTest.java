package dev.spinel.tutorials;

import static dev.spinel.tutorials.Said.soon;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.tutorials.Hosts.Host;
import dev.spinel.tutorials.Hosts.Program;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// A cluster in which every second node is another server's, each on a machine of its own: nodes
/// that stand still, and losses of power after which nodes are where they were, or elsewhere.
///
/// By hand: `-Dspinel.mixed=redis-server,/path/to/valkey-server`, programs with `redis-server`'s
/// command line.
@Timeout(600)
@EnabledIfSystemProperty(named = "spinel.mixed", matches = ".+")
class MixedClusterTest {
  private static final String NET = "192.168.0.";
  private static final int NODES = 6;
  private static final int KEYS = 60;

  @TempDir Path folder;
  private Hosts hosts;
  private final List<String> programs =
      Arrays.asList(System.getProperty("spinel.mixed", "").split(","));
  private final List<Host> machines = new ArrayList<>();
  private final List<Program> running = new ArrayList<>();

  @BeforeEach
  void setUp() throws Exception {
    hosts = Hosts.on(folder);
    List<String> create = new ArrayList<>(List.of("--cluster", "create"));
    for (int i = 0; i < NODES; i++) {
      machines.add(hosts.host("node-" + i, NET + (i + 1)));
      running.add(start(i));
      create.add(NET + (i + 1) + ":7000");
    }
    for (int i = 0; i < NODES; i++) {
      int node = i;
      soon(40, () -> at(node, "ping"), "^PONG$");
    }
    create.addAll(List.of("--cluster-replicas", "1", "--cluster-yes"));
    machines.getFirst().cli(create.toArray(new String[0])).has("All 16384 slots covered");
    awaitWhole();
  }

  @AfterEach
  void tearDown() throws Exception {
    if (hosts != null) hosts.close();
  }

  /// The odd ones are other servers'.
  private Program start(int node) throws Exception {
    List<String> words =
        List.of(
            "--port 7000",
            "--bind 0.0.0.0",
            "--protected-mode no",
            "--cluster-enabled yes",
            "--cluster-node-timeout 2000",
            "--repl-ping-replica-period 1",
            "--repl-diskless-sync-delay 0",
            "--save ''",
            "--appendonly yes",
            "--appendfsync always");
    List<String> arguments = new ArrayList<>();
    words.forEach(each -> arguments.addAll(List.of(each.replace("''", "").split(" ", 2))));
    Host host = machines.get(node);
    Path data = host.folder.resolve("data");
    if (node % 2 == 0) {
      return host.server(data, arguments.toArray(new String[0]));
    }
    arguments.addFirst(programs.get(node / 2 % programs.size()));
    return host.program(data, arguments);
  }

  private Said at(int node, String... words) throws Exception {
    List<String> all = new ArrayList<>(List.of("-p", "7000"));
    all.addAll(List.of(words));
    return machines.get(node).cli(all.toArray(new String[0]));
  }

  /// All nodes see all slots served, and all replicas have their primary.
  private void awaitWhole() throws Exception {
    for (int i = 0; i < NODES; i++) {
      int node = i;
      soon(120, () -> at(node, "cluster", "info"), "^cluster_state:ok$")
          .has("^cluster_known_nodes:6$");
      soon(120, () -> at(node, "info", "replication"), "^(role:master|master_link_status:up)$");
    }
  }

  private void write(String value) throws Exception {
    for (int i = 0; i < KEYS; i++) {
      String key = "key:" + i;
      soon(20, () -> at(0, "-c", "set", key, value), "^OK$");
      soon(20, () -> at(0, "-c", "get", key), "^" + value + "$");
    }
  }

  private void read(String value) throws Exception {
    for (int node = 0; node < NODES; node++) {
      int from = node;
      for (int i = node; i < KEYS; i += NODES) {
        String key = "key:" + i;
        soon(60, () -> at(from, "-c", "get", key), "^" + value + "$");
      }
    }
  }

  private void losePower(int first) throws Exception {
    for (Program program : running) program.kill();
    for (int i = 0; i < NODES; i++) {
      int node = (first + i) % NODES;
      running.set(node, start(node));
    }
  }

  @Test
  void itComesBackAfterLossesOfPower() throws Exception {
    write("one");
    losePower(3);
    awaitWhole();
    read("one");
    write("two");
    for (int i = 0; i < NODES; i++) machines.get(i).moveTo("192.168.1." + (i + 1));
    // One of each kind gets the address of another node.
    for (int i = 0; i < 2; i++) machines.get(i).moveTo(NET + (i + 3));
    losePower(1);
    awaitWhole();
    read("two");
  }

  @Test
  void whoStandsStillIsReplacedAndComesBackAsAReplica() throws Exception {
    write("one");
    for (int node : List.of(0, 1)) { // ours, and another's
      assertThat(at(node, "role").text()).startsWith("master");
      String id = at(node, "cluster", "myid").text().strip();
      int other = 2;
      running.get(node).signal("STOP");
      soon(60, () -> at(other, "cluster", "nodes"), "^" + id + " .*fail ");
      soon(60, () -> at(other, "cluster", "info"), "^cluster_state:ok$");
      running.get(node).signal("CONT");
      soon(60, () -> at(node, "role"), "^slave$");
      awaitWhole();
      read("one");
    }
  }
}
