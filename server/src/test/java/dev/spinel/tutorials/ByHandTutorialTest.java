package dev.spinel.tutorials;

import static dev.spinel.tutorials.Said.soon;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.tutorials.Hosts.Host;
import dev.spinel.tutorials.Hosts.Program;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

/// Two tutorials that make a cluster by commands of their own: CLUSTER MEET, ADDSLOTS, REPLICATE.
///
/// With `-Dspinel.tutorials.whole=true` a fourth primary gets a quarter of the slots, else 256.
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT) // beside other classes: most of it is waiting
class ByHandTutorialTest {
  @TempDir Path folder;
  private Hosts hosts;

  @BeforeEach
  void setUp() throws Exception {
    hosts = Hosts.on(folder);
  }

  @AfterEach
  void tearDown() throws Exception {
    if (hosts != null) hosts.close();
  }

  // ── three masters and three slaves, each on a machine of its own; then a fourth pair ──

  private final Map<Integer, Host> machines = new HashMap<>();

  /// All share one folder, as in the text, where even names are wrong here and there.
  private Program start(String name, int port, String address, String nodes, String log)
      throws Exception {
    Path shared = Files.createDirectories(folder.resolve("redisConfig"));
    Host host = hosts.host(name, address);
    machines.put(port, host);
    Path file =
        Files.writeString(
            shared.resolve(name + ".conf"),
            """
            port %d
            dir %s
            logfile %s
            cluster-enabled yes
            cluster-config-file %s
            """
                .formatted(port, shared, log, nodes));
    // The image of the text's servers has no protected mode.
    return host.server(shared, file.toString(), "--protected-mode", "no");
  }

  private Said at(int port, String... words) throws Exception {
    List<String> all = new ArrayList<>(List.of("-p", "" + port));
    all.addAll(List.of(words));
    return machines.get(port).cli(all.toArray(new String[0]));
  }

  private String id(int port) throws Exception {
    return at(6379, "cluster", "nodes").part("^([0-9a-f]{40}) \\S*:" + port + "@");
  }

  @Test
  void sixMachinesAndThenTwoMore() throws Exception {
    // 1 to 3: six files, one folder, six machines
    start("clusterMaster1", 6379, "172.17.0.2", "nodes-clusterMaster1.conf", "clusterMaster1.log");
    start("clusterMaster2", 6380, "172.17.0.3", "nodes-clusterMaster2.conf", "clusterMaster2.log");
    start("clusterMaster3", 6381, "172.17.0.4", "nodes-clusterMaster3.conf", "clusterMaster3.log");
    start("clusterSlave1", 16379, "172.17.0.5", "nodes-clusterSlaver1.conf", "clusterSlave1.log");
    start("clusterSlave2", 16380, "172.17.0.6", "nodes-clusterSlave2.conf", "clusterSlave2.log");
    start("clusterSlave3", 16381, "172.17.0.7", "nodes-clusterSlave3.conf", "clusteSlave3.log");
    for (int port : machines.keySet()) soon(40, () -> at(port, "ping"), "^PONG$");

    // 4, 5: what a node writes of itself
    Path nodes = folder.resolve("redisConfig/nodes-clusterMaster1.conf");
    new Said(0, Files.readString(nodes))
        .shows(
            "^[0-9a-f]{40} :(0@0|6379@16379),,tls-port=0,shard-id=[0-9a-f]{40} myself,master - 0 0"
                + " 0 connected$",
            "^vars currentEpoch 0 lastVoteEpoch 0$");

    // 6, 7
    for (String to :
        List.of(
            "172.17.0.3 6380",
            "172.17.0.4 6381",
            "172.17.0.5 16379",
            "172.17.0.6 16380",
            "172.17.0.7 16381")) {
      machines.get(6379).shell("redis-cli -p 6379 cluster meet " + to).is("OK");
    }
    soon(30, () -> at(6379, "cluster", "info"), "^cluster_known_nodes:6$")
        .shows(
            "^cluster_state:fail$",
            "^cluster_slots_assigned:0$",
            "^cluster_slots_ok:0$",
            "^cluster_slots_pfail:0$",
            "^cluster_slots_fail:0$",
            "^cluster_known_nodes:6$");

    // 8: slots in a loop, and as ranges; both ways is one too many
    machines
        .get(6379)
        .shell("for i in $(seq 0 2); do redis-cli -h 172.17.0.2 -p 6379 Cluster AddSlots $i; done")
        .is("OK\nOK\nOK");
    at(6379, "cluster", "addslotsrange", "3", "5460").is("OK");
    at(6380, "CLUSTER", "ADDSLOTSRANGE", "5461", "10922").is("OK");
    at(6381, "cluster", "addslotsrange", "10923", "16383").is("OK");
    at(6379, "cluster", "addslotsrange", "0", "5460").is("ERR Slot 0 is already busy");

    // 9, 10
    soon(40, () -> at(6379, "cluster", "info"), "^cluster_state:ok$")
        .shows(
            "^cluster_slots_assigned:16384$",
            "^cluster_slots_ok:16384$",
            "^cluster_slots_pfail:0$",
            "^cluster_slots_fail:0$",
            "^cluster_known_nodes:6$",
            "^cluster_size:3$");
    Said table = at(6379, "cluster", "nodes");
    assertThat(
            table.count(
                "^[0-9a-f]{40} [0-9.]+:[0-9]+@[0-9]+\\S* (myself,)?master - [0-9]+ [0-9]+ [0-9]+"
                    + " connected"))
        .isEqualTo(6);
    table.has(
        " 172.17.0.2:6379@16379\\S* .* 0-5460$",
        " 172.17.0.3:6380@16380\\S* .* 5461-10922$",
        " 172.17.0.4:6381@16381\\S* .* 10923-16383$",
        " 172.17.0.7:16381@26381");

    // 11, 12
    at(16379, "cluster", "replicate", id(6379)).is("OK");
    at(16380, "cluster", "replicate", id(6380)).is("OK");
    at(16381, "cluster", "replicate", id(6381)).is("OK");
    soon(
        40,
        () -> at(16381, "cluster", "nodes"),
        " 172.17.0.5:16379@26379\\S* slave " + id(6379) + " ",
        " 172.17.0.6:16380@26380\\S* slave " + id(6380) + " ",
        " 172.17.0.7:16381@26381\\S* myself,slave " + id(6381) + " ");

    // 13, 14 (and 1: the slot of a key)
    allKnow(6);
    Host slave1 = machines.get(16379);
    slave1
        .typed("set name farb\n", "-p", "16379")
        .shows("^\\(error\\) MOVED 5798 172.17.0.3:6380$");
    slave1
        .typed("set name farb\nget name\n", "-p", "16379", "-c")
        .shows("^-> Redirected to slot \\[5798\\] located at 172.17.0.3:6380$", "^OK$", "\"farb\"");

    // 15 to 17 (16 is redis-cli's help)
    start("clusterMaster4", 6382, "172.17.0.8", "nodes-clusterMaster4.conf", "clusterMaster4.log");
    start("clusterSlave4", 16382, "172.17.0.9", "nodes-clusterSlave4.conf", "clusterSlave4.log");
    soon(30, () -> at(6382, "ping"), "^PONG$");
    soon(30, () -> at(16382, "ping"), "^PONG$");
    Host first = machines.get(6379);
    soon(
        30,
        () -> first.cli("--cluster", "check", "172.17.0.2:6379"),
        "All nodes agree about slots");
    first
        .cli("--cluster", "add-node", "172.17.0.8:6382", "172.17.0.2:6379")
        .has(
            "^>>> Adding node 172.17.0.8:6382 to cluster 172.17.0.2:6379$",
            "^>>> Performing Cluster Check \\(using node 172.17.0.2:6379\\)$",
            "^M: " + id(6379) + " 172.17.0.2:6379$",
            "^   slots:\\[0-5460\\] \\(5461 slots\\) master$",
            "^   1 additional replica\\(s\\)$",
            "^S: [0-9a-f]{40} 172.17.0.5:16379$",
            "^   slots: \\(0 slots\\) slave$",
            "^   replicates " + id(6379) + "$")
        .shows(
            "^\\[OK\\] All nodes agree about slots configuration\\.$",
            "^>>> Check for open slots\\.\\.\\.$",
            "^>>> Check slots coverage\\.\\.\\.$",
            "^\\[OK\\] All 16384 slots covered\\.$",
            "^>>> Getting functions from cluster$",
            "^>>> Send FUNCTION LIST to 172.17.0.8:6382 to verify there is no functions in it$",
            "^>>> Send FUNCTION RESTORE to 172.17.0.8:6382$",
            "^>>> Send CLUSTER MEET to node 172.17.0.8:6382 to make it join the cluster\\.$",
            "^\\[OK\\] New node added correctly\\.$");

    // 18: the state in which the text ends, a slot half moved; fix closes it without loss
    Host last = machines.remove(16382);
    allKnow(7);
    machines.put(16382, last);
    at(6379, "cluster", "setslot", "5798", "importing", id(6380)).is("OK");
    at(6379, "cluster", "nodes").has("0-5460 \\[5798-<-" + id(6380) + "\\]");
    soon(
        20,
        () -> first.cli("--cluster", "check", "172.17.0.2:6379"),
        "\\[WARNING\\] Node .* has slots in importing state 5798",
        "\\[WARNING\\] The following slots are open: 5798\\.");
    first.cli("--cluster", "fix", "172.17.0.2:6379").has("Fixing open slot 5798");
    first
        .cli("--cluster", "check", "172.17.0.2:6379")
        .has("^\\[OK\\] All 16384 slots covered\\.$")
        .lacks("WARNING");
    at(6379, "-c", "get", "name").is("farb");

    // 19: what the text's empty box is meant to hold. The new node may not know its primary yet
    // when
    // redis-cli names it, with real nodes, too; the way out is to say it again.
    Said added =
        first.cli(
            "--cluster",
            "add-node",
            "172.17.0.9:16382",
            "172.17.0.2:6379",
            "--cluster-slave",
            "--cluster-master-id",
            id(6382));
    added.shows("^>>> Configure node as replica of 172.17.0.8:6382\\.$");
    allKnow(8);
    if (!added.matches("^\\[OK\\] New node added correctly\\.$")) {
      added.shows("^ERR Unknown node " + id(6382) + "$");
      at(16382, "cluster", "replicate", id(6382)).is("OK");
    }
    if (Boolean.getBoolean("spinel.tutorials.whole")) {
      first
          .cli("--cluster", "rebalance", "172.17.0.2:6379", "--cluster-use-empty-masters")
          .has("^>>> Rebalancing across 4 nodes");
    } else {
      String to = id(6382);
      String words = "--cluster-from all --cluster-slots 256 --cluster-yes --cluster-to " + to;
      first.shell("redis-cli --cluster reshard 172.17.0.2:6379 " + words);
    }
    Said check =
        soon(
            40,
            () -> first.cli("--cluster", "check", "172.17.0.2:6379"),
            "(?s)(1 additional replica.*){4}",
            "All 16384 slots covered");
    if (Boolean.getBoolean("spinel.tutorials.whole")) {
      assertThat(check.count("\\(4096 slots\\) master")).isEqualTo(4);
    } else {
      check.has("\\(256 slots\\) master");
    }
    at(16382, "-c", "get", "name").is("farb");

    // 20: what the text says of these defaults is wrong
    at(6379, "config", "get", "cluster-node-timeout").is("cluster-node-timeout\n15000");
    at(6379, "config", "get", "cluster-require-full-coverage")
        .is("cluster-require-full-coverage\nyes");
    at(6379, "config", "get", "cluster-migration-barrier").is("cluster-migration-barrier\n1");
  }

  /// Waits until every machine knows so many nodes, and all of them the same owners.
  private void allKnow(int count) throws Exception {
    String known = "^cluster_known_nodes:" + count + "$";
    for (int port : machines.keySet()) {
      soon(40, () -> at(port, "cluster", "info"), "^cluster_state:ok$", known);
    }
    Host first = machines.get(6379);
    soon(
        30,
        () -> first.cli("--cluster", "check", "172.17.0.2:6379"),
        "All nodes agree about slots");
  }

  // ── six nodes on one machine, all at 127.0.0.1 ──

  @Test
  void sixNodesAtLoopback() throws Exception {
    Host host = hosts.host("docker", "192.168.1.10");
    machines.clear();
    // 1 to 5: six folders, six files; each a server in the background of a shell
    Map<Integer, Program> servers = new HashMap<>();
    for (int port = 8001; port <= 8006; port++) {
      machines.put(port, host);
      Path own = Files.createDirectories(host.folder.resolve("" + port));
      Files.writeString(
          own.resolve("redis.conf"),
          """
          port %d
          cluster-enabled yes
          cluster-config-file nodes-%1$d.conf
          cluster-node-timeout 5000
          appendonly yes
          """
              .formatted(port));
      servers.put(port, host.server(own, "redis.conf"));
    }
    for (int port = 8001; port <= 8006; port++) {
      int each = port;
      soon(
          40,
          () -> at(each, "-c", "CLUSTER", "NODES"),
          "^[0-9a-f]{40} :" + port + "@1" + port + " myself,master - 0 0 0 connected$");
    }
    // A comment behind a command is part of it.
    host.typed("CLUSTER NODES # comment\n", "-c", "-p", "8001").has("\\(error\\) ERR ");

    // 6
    for (int port = 8002; port <= 8006; port++) {
      at(8001, "CLUSTER", "MEET", "127.0.0.1", "" + port).is("OK");
    }
    soon(
        30,
        () -> new Said(0, servers.get(8002).output()),
        "[*#] IP address for this node updated to 127.0.0.1");

    // 7: six masters, whose epochs become different ones
    Said table = soon(60, () -> distinctEpochs(at(8001, "CLUSTER", "NODES")), "^6 epochs$");
    assertThat(table.count(" (myself,)?master - ")).isEqualTo(6);

    // 8
    at(8001, "CLUSTER", "INFO")
        .shows(
            "^cluster_state:fail$",
            "^cluster_slots_assigned:0$",
            "^cluster_slots_ok:0$",
            "^cluster_slots_pfail:0$",
            "^cluster_slots_fail:0$",
            "^cluster_known_nodes:6$",
            "^cluster_size:0$",
            "^cluster_current_epoch:5$",
            "^cluster_my_epoch:[0-9]+$",
            "^cluster_stats_messages_ping_sent:",
            "^cluster_stats_messages_pong_sent:",
            "^cluster_stats_messages_meet_sent:5$",
            "^cluster_stats_messages_sent:",
            "^cluster_stats_messages_ping_received:",
            "^cluster_stats_messages_pong_received:",
            "^cluster_stats_messages_received:");

    // 9, 10: thousands of slots in one command
    for (String range : List.of("8001 0..5461", "8002 5462..10922", "8003 10923..16383")) {
      String[] parts = range.split(" ");
      host.shell("redis-cli -h 127.0.0.1 -p " + parts[0] + " cluster addslots {" + parts[1] + "}")
          .is("OK");
    }
    for (int port = 8002; port <= 8006; port++) {
      int each = port;
      soon(40, () -> at(each, "CLUSTER", "INFO"), "^cluster_state:ok$");
    }
    soon(40, () -> at(8001, "CLUSTER", "INFO"), "^cluster_state:ok$")
        .shows(
            "^cluster_slots_assigned:16384$",
            "^cluster_slots_ok:16384$",
            "^cluster_slots_pfail:0$",
            "^cluster_slots_fail:0$",
            "^cluster_known_nodes:6$",
            "^cluster_size:3$",
            "^cluster_current_epoch:5$");
    at(8001, "CLUSTER", "NODES")
        .has(
            ":8001@18001\\S* .* connected 0-5461$",
            ":8002@18002\\S* .* connected 5462-10922$",
            ":8003@18003\\S* .* connected 10923-16383$");

    // 11 to 14: a slave for each, once with two blanks before the id
    at(8004, "CLUSTER", "REPLICATE", nodeId(8001)).is("OK");
    host.typed("CLUSTER REPLICATE  " + nodeId(8002) + "\n", "-c", "-p", "8005").shows("^OK$");
    at(8006, "CLUSTER", "REPLICATE", nodeId(8003)).is("OK");
    soon(
        40,
        () -> at(8006, "CLUSTER", "NODES"),
        ":8004@18004\\S* slave " + nodeId(8001) + " ",
        ":8005@18005\\S* slave " + nodeId(8002) + " ",
        ":8006@18006\\S* myself,slave " + nodeId(8003) + " ");

    // 15
    at(8001, "CLUSTER", "KEYSLOT", "key:{10}:111").is("247");
    at(8001, "CLUSTER", "KEYSLOT", "key:{test}:111").is("6918");
    at(8001, "CLUSTER", "KEYSLOT", "key:{hu}:111").is("11441");

    // 16, 17
    soon(30, () -> at(8006, "CLUSTER", "INFO"), "^cluster_state:ok$");
    host.typed(
            "set key:{10}:111 value:{10}:111\nset key:{test}:111 value:{test}:111\n"
                + "set key:{hu}:111 value:{hu}:111\n",
            "-c",
            "-p",
            "8001")
        .shows(
            "^OK$",
            "^-> Redirected to slot \\[6918\\] located at 127.0.0.1:8002$",
            "^OK$",
            "^-> Redirected to slot \\[11441\\] located at 127.0.0.1:8003$",
            "^OK$");
    host.typed("get key:{10}:111\nget key:{test}:111\nget key:{hu}:111\n", "-c", "-p", "8001")
        .shows(
            "^\"value:\\{10\\}:111\"$",
            "^-> Redirected to slot \\[6918\\] located at 127.0.0.1:8002$",
            "^\"value:\\{test\\}:111\"$",
            "^-> Redirected to slot \\[11441\\] located at 127.0.0.1:8003$",
            "^\"value:\\{hu\\}:111\"$");
  }

  private String nodeId(int port) throws Exception {
    return at(8001, "CLUSTER", "NODES").part("^([0-9a-f]{40}) \\S*:" + port + "@");
  }

  private static Said distinctEpochs(Said nodes) {
    long epochs = nodes.text().lines().map(line -> line.split(" ", -1)[6]).distinct().count();
    return new Said(nodes.status(), nodes.text() + "\n" + epochs + " epochs\n");
  }
}
