package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// The cluster manager beside the stock one, on one cluster (of stock nodes, and of ours) that is
/// made, checked, broken and mended, grown, filled, rebalanced, shrunk and saved. What only looks
/// must look the same to the byte; what changes is judged by the stock one's check.
@ParameterizedClass
@EnumSource(Servers.Kind.class)
@Timeout(180)
class ClusterManagerTest {
  private static final int KEYS = 300;

  @Parameter Servers.Kind kind;
  @TempDir Path directory;
  private final List<Integer> ports = new ArrayList<>();

  private static Ours ours(String input, String... words) {
    return Ours.run(input, Map.of(), List.of(words));
  }

  /// Both print the same; answers it.
  private static String same(String... words) {
    Ours expected = Stock.cli("", Map.of(), List.of(words));
    Ours ours = ours("", words);
    assertThat(ours).as(String.join(" ", words)).isEqualTo(expected);
    return ours.out();
  }

  private static String done(String input, String... words) {
    Ours ours = ours(input, words);
    assertThat(ours.status()).as(ours.out() + ours.err()).isZero();
    return ours.out();
  }

  private static String at(int port) {
    return "127.0.0.1:" + port;
  }

  private static RespValue ask(int port, String... command) throws IOException {
    try (Client c = Client.connect("127.0.0.1", port)) {
      return c.command(command);
    }
  }

  private static String id(int port) throws IOException {
    return String.valueOf(ask(port, "CLUSTER", "MYID").text());
  }

  /// The stock manager finds nothing wrong; waits for gossip.
  private static void awaitWhole(int port) {
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(
            () -> {
              List<String> check = List.of("--cluster", "check", at(port));
              return Stock.cli("", Map.of(), check).status() == 0
                  && String.valueOf(ask(port, "CLUSTER", "INFO").text()).contains("state:ok");
            });
  }

  private long keys() throws IOException {
    long keys = 0;
    for (int port : ports) {
      if (String.valueOf(ask(port, "INFO", "replication").text()).contains("role:master")) {
        keys += ask(port, "DBSIZE").integer();
      }
    }
    return keys;
  }

  @Test
  void aClusterIsMadeChangedMendedAndShrunk() throws Exception {
    assumeTrue(Stock.isThere("redis-cli"), "no stock redis-cli");
    try (Servers servers = kind.in(directory)) {
      for (int i = 0; i < 6; i++) ports.add(servers.node());
      String first = at(ports.get(0));
      create();
      same("--cluster", "check", first);
      same("--cluster", "info", "127.0.0.1", Integer.toString(ports.get(1)));
      same("--cluster", "check", first, "--cluster-search-multiple-owners");
      fill(ports.get(0));
      same("--cluster", "info", first);
      same("--cluster", "call", first, "DBSIZE", "--cluster-only-masters");
      same("--cluster", "call", first, "GET", "k1", "--cluster-only-replicas");
      same("--cluster", "rebalance", first);
      same("--cluster", "rebalance", first, "--cluster-simulate", "--cluster-threshold", "0.001");
      same("--cluster", "reshard", first, "--cluster-to", "nobody", "--cluster-slots", "1");
      same("--cluster", "del-node", first, "0".repeat(40));
      same("--cluster", "del-node", first, id(ports.get(0)));
      same("--cluster", "set-timeout", first, "50");
      followsRedirects(ports.get(0));
      mendsAStuckSlot();
      mendsUncoveredSlots();
      grow(servers);
      reshard();
      rebalanceAndShrink();
      importsKeys(servers);
      backup(ports.get(0));
      assertThat(keys()).isEqualTo(KEYS + 2);
    }
  }

  private void create() {
    List<String> words = new ArrayList<>(List.of("--cluster", "create"));
    for (int port : ports) words.add(at(port));
    words.addAll(List.of("--cluster-replicas", "1"));
    Ours refused = ours("no\n", words.toArray(new String[0]));
    Ours expected = Stock.cli("no\n", Map.of(), words);
    assertThat(refused.status()).isEqualTo(expected.status());
    assertThat(beforeTheDraw(refused.out())).isEqualTo(beforeTheDraw(expected.out()));
    String out = done("yes\n", words.toArray(new String[0]));
    assertThat(out)
        .contains(
            "Master[0] -> Slots 0 - 5460\nMaster[1] -> Slots 5461 - 10922\n"
                + "Master[2] -> Slots 10923 - 16383\n",
            ">>> Trying to optimize slaves allocation for anti-affinity\n",
            "[WARNING] Some slaves are in the same host as their master\n",
            "Can I set the above configuration? (type 'yes' to accept): >>> Nodes configuration",
            ">>> Assign a different config epoch to each node\n",
            ">>> Sending CLUSTER MEET messages to join the cluster\n",
            "Waiting for the cluster to join\n",
            "[OK] All 16384 slots covered.\n");
    awaitWhole(ports.get(0));
    Ours again = ours("", words.toArray(new String[0]));
    assertThat(again.status()).isEqualTo(1);
    assertThat(again.out()).contains("is not empty. Either the node already knows other nodes");
  }

  /// Which replica gets which primary on one host is drawn.
  private static String beforeTheDraw(String out) {
    return out.substring(0, out.indexOf("[WARNING]"));
  }

  private static void fill(int port) {
    StringBuilder commands = new StringBuilder();
    for (int i = 0; i < KEYS; i++) commands.append("SET k").append(i).append(" v\n");
    String out = done(commands.toString(), "-c", "-p", "" + port);
    assertThat(out.lines().filter(l -> l.equals("OK"))).hasSize(KEYS);
  }

  private static void followsRedirects(int port) {
    String p = Integer.toString(port);
    String lines = "get k1\nget k2\nget k3\nset {x}1 1\nget {x}1\ndel {x}1\n";
    for (Map<String, String> environment :
        List.of(Map.<String, String>of(), Map.of("FAKETTY", "1"))) {
      for (List<String> words :
          List.of(List.of("-c", "-p", p), List.of("-p", p), List.of("-c", "-p", p, "get", "k2"))) {
        assertThat(Ours.run(lines, environment, words))
            .isEqualTo(Stock.cli(lines, environment, words));
      }
    }
  }

  /// One half of a move is missing: the target imports, the source doesn't migrate.
  private void mendsAStuckSlot() throws IOException {
    int slot = (int) ask(ports.get(0), "CLUSTER", "KEYSLOT", "k1").integer();
    int owner = owner(slot);
    int other = ports.get(0) == owner ? ports.get(1) : ports.get(0);
    ask(other, "CLUSTER", "SETSLOT", "" + slot, "IMPORTING", id(owner));
    same("--cluster", "check", at(ports.get(0)));
    String out = done("", "--cluster", "fix", at(ports.get(0)));
    assertThat(out).contains(">>> Fixing open slot " + slot + "\n", ">>> Case 2: Moving all the");
    awaitWhole(ports.get(0));
    ask(owner, "CLUSTER", "SETSLOT", "" + slot, "MIGRATING", id(other));
    out = done("", "--cluster", "fix", at(ports.get(0)));
    assertThat(out).contains(">>> Case 4: Closing slot " + slot + " on " + at(owner));
    ask(other, "CLUSTER", "SETSLOT", "" + slot, "IMPORTING", id(owner));
    ask(owner, "CLUSTER", "SETSLOT", "" + slot, "MIGRATING", id(other));
    out = done("", "--cluster", "fix", at(ports.get(0)));
    assertThat(out).contains(">>> Case 1: Moving slot " + slot + " from " + at(owner));
    awaitWhole(ports.get(0));
    assertThat(owner(slot)).isEqualTo(other);
  }

  private int owner(int slot) throws IOException {
    for (int port : ports) {
      for (RespValue range : ask(port, "CLUSTER", "SLOTS").elements()) {
        List<RespValue> parts = range.elements();
        if (parts.get(0).integer() <= slot && slot <= parts.get(1).integer()) {
          return (int) parts.get(2).elements().get(1).integer();
        }
      }
    }
    throw new IllegalStateException("nobody has slot " + slot);
  }

  /// Slots that nobody knows, one with keys and one without.
  private void mendsUncoveredSlots() throws IOException {
    int held = (int) ask(ports.get(0), "CLUSTER", "KEYSLOT", "k7").integer();
    int empty = 0;
    while (empty == held || countKeys(empty) > 0) empty++;
    for (int port : ports) ask(port, "CLUSTER", "DELSLOTS", "" + held, "" + empty);
    Ours check = ours("", "--cluster", "check", at(ports.get(0)));
    assertThat(check.status()).isEqualTo(1);
    assertThat(check.out()).contains("[ERR] Not all 16384 slots are covered by nodes.\n");
    String out = done("yes\nyes\n", "--cluster", "fix", at(ports.get(0)));
    assertThat(out)
        .contains(
            "The following uncovered slots have no keys across the cluster:\n[" + empty + "]\n",
            "The following uncovered slots have keys in just one node:\n[" + held + "]\n",
            ">>> Covering slot " + held + " with ");
    awaitWhole(ports.get(0));
  }

  private long countKeys(int slot) throws IOException {
    long keys = 0;
    for (int port : ports) keys += ask(port, "CLUSTER", "COUNTKEYSINSLOT", "" + slot).integer();
    return keys;
  }

  private void grow(Servers servers) throws IOException {
    int primary = servers.node();
    int replica = servers.node();
    ports.addAll(List.of(primary, replica));
    String out = done("", "--cluster", "add-node", at(primary), at(ports.get(0)));
    assertThat(out)
        .startsWith(">>> Adding node " + at(primary) + " to cluster " + at(ports.get(0)) + "\n")
        .contains(
            ">>> Getting functions from cluster\n",
            ">>> Send FUNCTION LIST to " + at(primary) + " to verify there is no functions in it\n",
            ">>> Send FUNCTION RESTORE to " + at(primary) + "\n",
            ">>> Send CLUSTER MEET to node " + at(primary) + " to make it join the cluster.\n")
        .endsWith("[OK] New node added correctly.\n");
    awaitWhole(primary);
    out =
        done(
            "",
            "--cluster",
            "add-node",
            at(replica),
            at(primary),
            "--cluster-slave",
            "--cluster-master-id",
            id(primary));
    assertThat(out).contains(">>> Configure node as replica of " + at(primary) + ".\n");
    awaitWhole(replica);
    Ours gone = ours("", "--cluster", "add-node", "127.0.0.1:1", at(ports.get(0)));
    assertThat(gone.out()).endsWith("[ERR] Sorry, can't connect to node 127.0.0.1:1\n");
    assertThat(gone.err())
        .isEqualTo("Could not connect to Redis at 127.0.0.1:1: Connection refused\n");
  }

  /// The dialogue of the tutorials: 40 slots, to the new primary, from all, yes.
  private void reshard() throws IOException {
    String to = id(ports.get(6));
    String out = done("40\n" + to + "\nall\nyes\n", "--cluster", "reshard", at(ports.get(0)));
    assertThat(out)
        .contains(
            "How many slots do you want to move (from 1 to 16384)? What is the receiving node ID? "
                + "Please enter all the source node IDs.\n",
            "Source node #1: \nReady to move 40 slots.\n  Source nodes:\n    M: ",
            "  Destination node:\n    M: " + to,
            "  Resharding plan:\n    Moving slot ",
            "Do you want to proceed with the proposed reshard plan (yes/no)? Moving slot ");
    awaitWhole(ports.get(0));
    same("--cluster", "check", at(ports.get(0)));
  }

  private void rebalanceAndShrink() throws IOException {
    String first = at(ports.get(0));
    String leaving = id(ports.get(6));
    // what the stock one would do, ours does
    String plan =
        same(
            "--cluster",
            "rebalance",
            first,
            "--cluster-weight",
            leaving.substring(0, 9) + "=0.01",
            "--cluster-simulate",
            "--verbose");
    assertThat(plan).contains(">>> Rebalancing across 4 nodes. Total weight = 3.01\n");
    String out = done("", "--cluster", "rebalance", first, "--cluster-weight", leaving + "=0");
    assertThat(out).contains("Moving ", " slots from " + at(ports.get(6)) + " to ", "##");
    awaitWhole(ports.get(0));
    // its slots gone, it has become a replica; its own replica follows
    String replica = id(ports.get(7));
    out = done("", "--cluster", "del-node", first, replica);
    assertThat(out)
        .isEqualTo(
            ">>> Removing node "
                + replica
                + " from cluster "
                + first
                + "\n>>> Sending CLUSTER FORGET messages to the cluster...\n"
                + ">>> Sending CLUSTER RESET SOFT to the deleted node.\n");
    done("", "--cluster", "del-node", first, leaving);
    awaitWhole(ports.get(0));
  }

  private void importsKeys(Servers servers) throws IOException {
    int source = servers.server();
    ask(source, "SET", "imported", "1");
    ask(source, "SET", "{k1}imported", "2");
    String first = at(ports.get(0));
    String out = done("", "--cluster", "import", first, "--cluster-from", at(source));
    assertThat(out)
        .contains("*** Importing 2 keys from DB 0\n", "Migrating imported to ", ": OK\n");
    assertThat(ask(source, "DBSIZE").integer()).isZero();
    ports.subList(6, 8).clear();
  }

  private void backup(int port) throws IOException {
    Path folder = Files.createDirectory(directory.resolve("backup"));
    String out = done("", "--cluster", "backup", at(port), folder.toString());
    assertThat(out).endsWith("[OK] Backup created into: " + folder + "\n");
    assertThat(Files.readString(folder.resolve("nodes.json")))
        .startsWith("[\n  {\n    \"name\": \"");
    try (var files = Files.list(folder)) {
      assertThat(files.filter(f -> f.toString().endsWith(".rdb"))).hasSize(3);
    }
  }
}
