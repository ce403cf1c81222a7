package dev.spinel.tutorials;

import static dev.spinel.tutorials.Said.soon;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.tutorials.Hosts.Host;
import dev.spinel.tutorials.Hosts.Program;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// A tutorial of 24 steps: a cluster by the stock `redis-cli --cluster` on one machine; a primary
/// that fails and comes back, two more nodes, and away with them. Its servers are ours.
///
/// With `-Dspinel.tutorials.whole=true` nodes fail after the default 15 seconds and 4096 slots
/// move, as in the text; else two seconds and 256 slots are enough.
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT) // beside other classes: most of it is waiting
class ScalingTutorialTest {
  private static final String IP = "192.168.2.242";

  private static final boolean IS_WHOLE = Boolean.getBoolean("spinel.tutorials.whole");

  /// How many slots move; how many of them the two smaller primaries give, and the largest.
  private static final int MOVED = IS_WHOLE ? 4096 : 256;

  private static final int SHARE = MOVED * 5461 / 16384;
  private static final int LARGEST_SHARE = MOVED - 2 * SHARE;

  @TempDir Path folder;
  private Hosts hosts;
  private Host host;
  private final Map<Integer, Program> nodes = new HashMap<>();

  @BeforeEach
  void setUp() throws Exception {
    hosts = Hosts.on(folder);
    host = hosts.host("docker", IP);
  }

  @AfterEach
  void tearDown() throws Exception {
    if (hosts != null) hosts.close();
  }

  /// As the text starts it. (The image of its servers has no protected mode.)
  private void start(int port) throws Exception {
    Program node =
        host.server(
            host.folder.resolve("redis-node-" + port % 10),
            "--cluster-enabled",
            "yes",
            "--appendonly",
            "yes",
            "--protected-mode",
            "no",
            "--port",
            "" + port);
    nodes.put(port, node);
  }

  private Said cli(String... words) throws Exception {
    return host.cli(words);
  }

  private Said at(int port, String... words) throws Exception {
    String[] all = new String[words.length + 2];
    all[0] = "-p";
    all[1] = "" + port;
    System.arraycopy(words, 0, all, 2, words.length);
    return host.cli(all);
  }

  private String id(int port) throws Exception {
    String line = "^([0-9a-f]{40}) \\S*:" + port + "@\\S+ (?!handshake)";
    return soon(20, () -> at(6382, "cluster", "nodes"), line).part(line);
  }

  private void awaitUp(int port) throws Exception {
    soon(30, () -> at(port, "cluster", "info"), "^cluster_state:ok$");
  }

  /// Waits until each of the nodes with these ports knows all of them.
  private void allKnow(int first, int last) throws Exception {
    String known = "^cluster_known_nodes:" + (last - first + 1) + "$";
    for (int port = first; port <= last; port++) {
      int each = port;
      soon(30, () -> at(each, "cluster", "info"), "^cluster_state:ok$", known);
    }
  }

  private void awaitLink(int port) throws Exception {
    soon(60, () -> at(port, "info", "replication"), "^master_link_status:up$");
  }

  private String node(int port) {
    return IP + ":" + port;
  }

  private String[] create() {
    return new String[] {
      "--cluster",
      "create",
      node(6381),
      node(6382),
      node(6383),
      node(6384),
      node(6385),
      node(6386),
      "--cluster-replicas",
      "1"
    };
  }

  @Test
  void aClusterFailsOverGrowsAndShrinks() throws Exception {
    // 1, 2: six nodes without a file
    for (int port = 6381; port <= 6386; port++) start(port);
    for (int port = 6381; port <= 6386; port++) {
      int each = port;
      soon(30, () -> at(each, "ping"), "^PONG$");
    }

    // 3: the plan; nothing is changed before the answer
    host.dialogue(List.of("no"), create())
        .shows(
            "^>>> Performing hash slots allocation on 6 nodes\\.\\.\\.$",
            "^Master\\[0\\] -> Slots 0 - 5460$",
            "^Master\\[1\\] -> Slots 5461 - 10922$",
            "^Master\\[2\\] -> Slots 10923 - 16383$",
            "^Adding replica " + node(6385) + " to " + node(6381) + "$",
            "^Adding replica " + node(6386) + " to " + node(6382) + "$",
            "^Adding replica " + node(6384) + " to " + node(6383) + "$",
            "^>>> Trying to optimize slaves allocation for anti-affinity$",
            "^\\[WARNING\\] Some slaves are in the same host as their master$",
            "^M: [0-9a-f]{40} " + node(6381) + "$",
            "^   slots:\\[0-5460\\] \\(5461 slots\\) master$",
            "^S: [0-9a-f]{40} " + node(6384) + "$",
            "^   replicates [0-9a-f]{40}$",
            "^Can I set the above configuration\\? \\(type 'yes' to accept\\): ");
    at(6381, "cluster", "info").has("^cluster_known_nodes:1$");

    // 4: it is formed, and checked
    Said created =
        host.dialogue(List.of("yes"), create())
            .shows(
                ">>> Nodes configuration updated$",
                "^>>> Assign a different config epoch to each node$",
                "^>>> Sending CLUSTER MEET messages to join the cluster$",
                "^Waiting for the cluster to join$",
                "^>>> Performing Cluster Check",
                "^\\[OK\\] All nodes agree about slots configuration\\.$",
                "^\\[OK\\] All 16384 slots covered\\.$");
    assertThat(created.status()).isZero();

    // 5
    soon(30, () -> at(6381, "cluster", "info"), "^cluster_state:ok$")
        .shows(
            "^cluster_slots_assigned:16384$",
            "^cluster_slots_ok:16384$",
            "^cluster_slots_pfail:0$",
            "^cluster_slots_fail:0$",
            "^cluster_known_nodes:6$",
            "^cluster_size:3$",
            "^cluster_current_epoch:6$",
            "^cluster_my_epoch:1$",
            "^cluster_stats_messages_meet_received:[0-9]+$");

    for (int port = 6381; port <= 6386; port++) awaitUp(port);

    // 6
    at(6381, "cluster", "nodes")
        .has(
            " " + node(6381) + "@16381\\S* myself,master - .* 1 connected 0-5460$",
            " " + node(6382) + "@16382\\S* master - .* 2 connected 5461-10922$",
            " " + node(6383) + "@16383\\S* master - .* 3 connected 10923-16383$");

    // 7, 8: with and without redirects
    host.typed("keys *\nset k1 v1\n", "-p", "6381")
        .shows("^\\(empty array\\)$", "^\\(error\\) MOVED 12706 " + node(6383) + "$");
    host.typed("set k1 v1\n", "-c", "-p", "6381")
        .shows("^-> Redirected to slot \\[12706\\] located at " + node(6383) + "$", "^OK$");

    // 9
    soon(20, () -> cli("--cluster", "check", node(6381)), "1 slaves")
        .has(
            "^"
                + node(6381)
                + " \\([0-9a-f]{8}\\.\\.\\.\\) -> 0 keys \\| 5461 slots \\| 1 slaves\\.$",
            "^"
                + node(6383)
                + " \\([0-9a-f]{8}\\.\\.\\.\\) -> 1 keys \\| 5461 slots \\| 1 slaves\\.$",
            "^\\[OK\\] 1 keys in 3 masters\\.$",
            "^0\\.00 keys per slot on average\\.$",
            "^\\[OK\\] All 16384 slots covered\\.$");

    failOverAndBack();
    grow();
    shrink();
  }

  private void failOverAndBack() throws Exception {
    if (!IS_WHOLE) {
      Said told =
          cli("--cluster", "call", node(6381), "config", "set", "cluster-node-timeout", "2000");
      assertThat(told.count(": OK$")).isEqualTo(6);
    }
    // 10: a primary stops, and its replica takes over
    String first = id(6381);
    int replica =
        Integer.parseInt(at(6382, "cluster", "nodes").part(":([0-9]+)@\\S+ slave " + first + " "));
    awaitLink(replica);
    nodes.get(6381).stop();
    soon(
        60,
        () -> at(6382, "cluster", "nodes"),
        ":6381@16381\\S* master,fail - ",
        ":" + replica + "@1" + replica + "\\S* master - [0-9 ]* connected 0-5460$");
    String failed = ":6381@16381\\S* master,fail - [0-9]+ [0-9]+ 1 disconnected$";
    soon(30, () -> at(6382, "cluster", "nodes"), failed);
    // 7, unless the machine is so busy that a vote comes late.
    soon(20, () -> at(6382, "cluster", "info"), "^cluster_state:ok$", "^cluster_current_epoch:");

    // 11: it comes back as a replica; a semicolon is part of the subcommand
    String second = id(replica);
    start(6381);
    soon(
        60,
        () -> at(6381, "cluster", "nodes"),
        ":6381@16381\\S* myself,slave " + second + " [0-9 ]* connected$");
    at(6381, "cluster", "nodes;").has("^ERR [Uu]nknown subcommand");

    // 12: back, once it has caught up; then both by a planned switch, without a gap
    awaitLink(6381);
    nodes.get(replica).stop();
    soon(
        60,
        () -> at(6381, "cluster", "nodes"),
        ":6381@16381\\S* myself,master - [0-9 ]* connected 0-5460$");
    start(replica);
    soon(
        60,
        () -> at(6381, "cluster", "nodes"),
        ":" + replica + "@1" + replica + "\\S* slave " + first + " ");
    awaitLink(replica);
    at(replica, "cluster", "failover").is("OK");
    soon(30, () -> at(replica, "info", "replication"), "^role:master$");
    awaitLink(6381);
    at(6381, "cluster", "failover").is("OK");
    soon(30, () -> at(6381, "info", "replication"), "^role:master$");
    cli("-c", "-p", "6381", "get", "k1").is("v1");
  }

  private void grow() throws Exception {
    // 13, 14
    start(6387);
    start(6388);
    soon(30, () -> at(6387, "ping"), "^PONG$");
    soon(30, () -> at(6388, "ping"), "^PONG$");
    cli("--cluster", "add-node", node(6387), node(6381))
        .shows(
            "^>>> Adding node " + node(6387) + " to cluster " + node(6381) + "$",
            "^\\[OK\\] All 16384 slots covered\\.$",
            "^>>> Send CLUSTER MEET to node " + node(6387) + " to make it join the cluster\\.$",
            "^\\[OK\\] New node added correctly\\.$");

    // 15
    soon(20, () -> cli("--cluster", "check", node(6381)), "in 4 masters")
        .has(
            "^" + node(6387) + " .* -> 0 keys \\| 0 slots \\| 0 slaves\\.$",
            "^\\[OK\\] 1 keys in 4 masters\\.$",
            "^M: [0-9a-f]{40} " + node(6387) + "$",
            "^   slots: \\(0 slots\\) master$");

    // 16: a quarter of the slots
    String seventh = id(6387);
    allKnow(6381, 6387);
    soon(30, () -> cli("--cluster", "check", node(6381)), "All nodes agree about slots");
    Said reshard =
        host.dialogue(
            List.of("" + MOVED, seventh, "all", "yes"), "--cluster", "reshard", node(6381));
    reshard.shows(
        "How many slots do you want to move \\(from 1 to 16384\\)\\? ",
        "What is the receiving node ID\\? ",
        "Please enter all the source node IDs\\.$",
        "^  Type 'all' to use all the nodes as source nodes for the hash slots\\.$",
        "^  Type 'done' once you entered all the source nodes IDs\\.$",
        "^Source node #1: ",
        "^    Moving slot " + (10922 + SHARE) + " from [0-9a-f]{40}$",
        "Do you want to proceed with the proposed reshard plan \\(yes/no\\)\\? ");
    assertThat(reshard.status()).as(() -> end(reshard)).isZero();

    // 17
    soon(30, () -> cli("--cluster", "check", node(6381)), "All 16384 slots covered")
        .has(
            slots(5461 - SHARE, range(SHARE, 5460)),
            slots(
                MOVED,
                range(0, SHARE - 1),
                range(5461, 5460 + LARGEST_SHARE),
                range(10923, 10922 + SHARE)),
            slots(5462 - LARGEST_SHARE, range(5461 + LARGEST_SHARE, 10922)),
            slots(5461 - SHARE, range(10923 + SHARE, 16383)),
            "1 keys in 4 masters");

    // 18: a replica for it
    allKnow(6381, 6387);
    cli(
            "--cluster",
            "add-node",
            node(6388),
            node(6387),
            "--cluster-slave",
            "--cluster-master-id",
            seventh)
        .shows(
            "^>>> Send CLUSTER MEET to node " + node(6388) + " to make it join the cluster\\.$",
            "^Waiting for the cluster to join$",
            "^>>> Configure node as replica of " + node(6387) + "\\.$",
            "^\\[OK\\] New node added correctly\\.$");

    // 19: and an address with a colon of full width
    allKnow(6381, 6388);
    Said check =
        soon(
            30,
            () -> cli("--cluster", "check", node(6381)),
            node(6387) + " .* " + MOVED + " slots \\| 1 slaves");
    assertThat(check.count(" slots \\| 1 slaves")).isEqualTo(4);
    assertThat(cli("--cluster", "check", IP + "：6381").status()).isNotZero();
  }

  private void shrink() throws Exception {
    // 20
    String eighth = id(6388);
    cli("--cluster", "del-node", node(6388), eighth)
        .shows(
            "^>>> Removing node " + eighth + " from cluster " + node(6388) + "$",
            "^>>> Sending CLUSTER FORGET messages to the cluster\\.\\.\\.$",
            "^>>> Sending CLUSTER RESET SOFT to the deleted node\\.$");
    at(6382, "cluster", "nodes").lacks(":6388@");

    // 21: all slots of the seventh to the first
    String seventh = id(6387);
    List<String> answers = List.of("" + MOVED, id(6381), seventh, "done", "yes");
    Said reshard =
        host.dialogue(answers, "--cluster", "reshard", node(6381))
            .shows("Source node #1: .*Source node #2: ");
    assertThat(reshard.status()).as(() -> end(reshard)).isZero();

    // 22: since 7.0 the emptied node becomes a replica
    soon(30, () -> cli("--cluster", "check", node(6381)), "All 16384 slots covered")
        .has(
            slots(
                5461 - SHARE + MOVED, range(0, 5460 + LARGEST_SHARE), range(10923, 10922 + SHARE)),
            "in 3 masters");

    // 23: one with slots is refused
    cli("--cluster", "del-node", node(6381), id(6382))
        .has(
            "^\\[ERR\\] Node " + node(6382) + " is not empty! Reshard data away and try again\\.$");
    cli("--cluster", "del-node", node(6381), seventh)
        .has("^>>> Sending CLUSTER FORGET messages to the cluster\\.\\.\\.$");

    // 24: the key is where it was, by all views
    soon(30, () -> cli("--cluster", "check", node(6381)), "All 16384 slots covered")
        .has("^\\[OK\\] 1 keys in 3 masters\\.$");
    cli("-c", "-p", "6381", "get", "k1").is("v1");
    cli("--cluster", "rebalance", node(6381)).has(">>> Rebalancing across 3 nodes");
    cli("-c", "-p", "6381", "get", "k1").is("v1");
  }

  private static String range(int first, int last) {
    return "\\[" + first + "-" + last + "\\]";
  }

  private static String slots(int count, String... ranges) {
    return "slots:" + String.join(",", ranges) + " \\(" + count + " slots\\) master$";
  }

  /// How a long output ended.
  private static String end(Said said) {
    String text = said.text();
    return text.substring(Math.max(0, text.length() - 2000));
  }
}
