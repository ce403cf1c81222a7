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
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// A tutorial of 18 steps: a cluster with a password and the append-only file, each node on a
/// machine of its own; then a loss of power, after which all addresses have moved.
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT) // beside other classes: most of it is waiting
class PowerLossTutorialTest {
  private static final String NET = "192.169.0.";

  @TempDir Path folder;
  private Hosts hosts;
  private final Map<Integer, Host> machines = new TreeMap<>();
  private final Map<Integer, Program> servers = new HashMap<>();

  @BeforeEach
  void setUp() throws Exception {
    hosts = Hosts.on(folder);
  }

  @AfterEach
  void tearDown() throws Exception {
    if (hosts != null) hosts.close();
  }

  /// As a script of the text writes it, with blanks behind values.
  private static void writeFile(Host host, int port, String more) throws Exception {
    host.write(
        "redis.conf",
        """
        ##节点端口
        port %1$d       \s
        ##允许任何来源
        bind 0.0.0.0          \s
        protected-mode no
        ##cluster集群模式
        cluster-enabled yes
        cluster-config-file nodes.conf   \s
        cluster-replica-validity-factor 0
        repl-ping-replica-period 1
        ##超时时间
        cluster-node-timeout 5000   \s
        ##节点映射端口
        cluster-announce-port %1$d        \s
        ##节点总线端口
        cluster-announce-bus-port 1%1$d    \s
        #cluster-announce-ip 192.168.XX.XX\s
        requirepass  123456         \s
        #save 300 10\s
        save ""
        #dbfilename dump.rdb    \s
        appendonly yes
        #appendfilename appendonly.aof
        aof-use-rdb-preamble yes
        auto-aof-rewrite-min-size 64mb
        auto-aof-rewrite-percentage 100
        appendfsync everysec            \s
        pidfile redis.pid
        # daemonize yes
        %2$s
        """
            .formatted(port, more));
  }

  private void node(int port, String more) throws Exception {
    Host host = hosts.host("redis-" + port, NET + (port - 7000));
    machines.put(port, host);
    writeFile(host, port, more);
    run(port);
  }

  private void run(int port) throws Exception {
    Host host = machines.get(port);
    Path data = Files.createDirectories(host.folder.resolve("data"));
    servers.put(port, host.server(data, host.folder.resolve("redis.conf").toString()));
  }

  private Said at(int port, String... words) throws Exception {
    List<String> all = new ArrayList<>(List.of("-p", "" + port, "-a", "123456"));
    all.addAll(List.of(words));
    return machines.get(port).cli(all.toArray(new String[0]));
  }

  @Test
  void itComesBackUnderOtherAddresses() throws Exception {
    // 1 to 4: six machines, whose addresses follow the order of their starts
    for (int port = 7002; port <= 7007; port++) node(port, "");
    for (int port : machines.keySet()) soon(40, () -> at(port, "ping"), "^PONG$");
    assertThat(servers.get(7002).output()).contains("requirepass is set and masterauth isn't");
    assertThat(machines.get(7002).folder.resolve("data/redis.pid")).exists();

    // 5, 6: no two nodes on one host, so nothing to be separated
    machines
        .get(7007)
        .dialogue(
            List.of("yes"),
            "-p",
            "7007",
            "--cluster",
            "create",
            NET + "2:7002",
            NET + "3:7003",
            NET + "4:7004",
            NET + "5:7005",
            NET + "6:7006",
            NET + "7:7007",
            "-a",
            "123456",
            "--cluster-replicas",
            "1")
        .has(
            "^Warning: Using a password with '-a' or '-u' option on the command line interface may"
                + " not be safe\\.$")
        .shows(
            "^Master\\[0\\] -> Slots 0 - 5460$",
            "^Adding replica 192.169.0.6:7006 to 192.169.0.2:7002$",
            "^Adding replica 192.169.0.7:7007 to 192.169.0.3:7003$",
            "^Adding replica 192.169.0.5:7005 to 192.169.0.4:7004$",
            "Can I set the above configuration",
            "^\\[OK\\] All nodes agree about slots configuration\\.$",
            "^\\[OK\\] All 16384 slots covered\\.$")
        .lacks("anti-affinity");

    // 7, 8: a replica shows its primary's epoch
    soon(40, () -> at(7007, "-c", "cluster", "info"), "^cluster_state:ok$")
        .shows(
            "^cluster_known_nodes:6$",
            "^cluster_size:3$",
            "^cluster_current_epoch:6$",
            "^cluster_my_epoch:2$");
    soon(
        10,
        () -> at(7007, "-c", "cluster", "nodes"),
        "^[0-9a-f]{40} 192.169.0.7:7007@17007\\S* myself,slave [0-9a-f]{40} .* 2 connected$");

    // 9, 10: a redirect logs in again by itself
    soon(20, () -> at(7007, "-c", "set", "name", "ganx"), "^OK$"); // its owner may not know yet
    Host seventh = machines.get(7007);
    seventh
        .typed("get name\n", "-c", "-p", "7007", "-a", "123456")
        .shows("^-> Redirected to slot \\[5798\\] located at 192.169.0.3:7003$", "^\"ganx\"$");
    seventh
        .typed("get name\nget test\n", "-p", "7007", "-a", "123456")
        .shows(
            "^\\(error\\) MOVED 5798 192.169.0.3:7003$",
            "^\\(error\\) MOVED 6918 192.169.0.3:7003$");

    noEmptyCopyIsPromoted();
    addNodes();
    loseThePower();
  }

  /// Without masterauth no replica ever has a copy; the text would promote an empty one.
  private void noEmptyCopyIsPromoted() throws Exception {
    at(7007, "info", "replication").has("^master_link_status:down$");
    servers.get(7003).kill();
    soon(40, () -> at(7002, "cluster", "nodes"), ":7003@17003\\S* master,fail - ");
    // Twice the time in which one would be promoted: nobody takes over what it has no copy of.
    Thread.sleep(4000);
    at(7007, "cluster", "nodes").has(":7007@17007\\S* myself,slave ");
    run(7003);
    soon(40, () -> at(7002, "cluster", "info"), "^cluster_state:ok$");
    soon(40, () -> at(7003, "get", "name"), "^ganx$");
    // What the text should have written.
    for (int port : machines.keySet()) {
      at(port, "config", "set", "masterauth", "123456").has("^OK$");
      writeFile(machines.get(port), port, "masterauth 123456");
    }
    for (int port = 7005; port <= 7007; port++) {
      int each = port;
      soon(60, () -> at(each, "info", "replication"), "^master_link_status:up$");
    }
  }

  private void addNodes() throws Exception {
    // 11, 12: another port than its file's: refused, and the cluster is as it was
    node(7008, "masterauth 123456");
    soon(30, () -> at(7008, "ping"), "^PONG$");
    Said refused = at(7006, "-c", "--cluster", "add-node", NET + "8:7999", NET + "6:7006");
    refused.has(
        "Could not connect to Redis at 192.169.0.8:7999: Connection refused$",
        "^\\[ERR\\] Sorry, can't connect to node 192.169.0.8:7999");
    assertThat(refused.status()).isEqualTo(1);
    at(7006, "cluster", "info").has("^cluster_known_nodes:6$");

    // 13, 14
    at(7002, "-c", "--cluster", "add-node", NET + "8:7008", NET + "2:7002")
        .shows(
            "^>>> Send CLUSTER MEET to node 192.169.0.8:7008 to make it join the cluster\\.$",
            "^\\[OK\\] New node added correctly\\.$");
    String line = "^([0-9a-f]{40}) 192.169.0.8:7008@17008\\S* master - [0-9]+ [0-9]+ 0 connected$";
    String id = soon(30, () -> at(7002, "-c", "cluster", "nodes"), line).part(line);

    // 15: a replica, which the text never gets
    node(7009, "masterauth 123456");
    soon(30, () -> at(7009, "ping"), "^PONG$");
    soon(30, () -> at(7008, "cluster", "info"), "^cluster_state:ok$");
    at(
            7008,
            "-c",
            "--cluster",
            "add-node",
            NET + "9:7009",
            NET + "8:7008",
            "--cluster-slave",
            "--cluster-master-id",
            id)
        .shows(
            "^>>> Configure node as replica of 192.169.0.8:7008\\.$",
            "^\\[OK\\] New node added correctly\\.$");
    soon(60, () -> at(7002, "cluster", "info"), "^cluster_known_nodes:8$");
  }

  private void loseThePower() throws Exception {
    // 16: all at once; started in another order, they have each other's addresses
    Thread.sleep(1500); // appendfsync everysec
    for (Program server : servers.values()) server.kill();
    List<Integer> order = List.of(7009, 7004, 7002, 7007, 7003, 7008, 7006, 7005);
    for (Host host : machines.values()) host.moveTo("192.169.1." + host.name.charAt(9));
    for (int i = 0; i < order.size(); i++) machines.get(order.get(i)).moveTo(NET + (i + 2));
    for (int port : order) run(port);
    soon(90, () -> at(7002, "cluster", "info"), "^cluster_state:ok$")
        .shows(
            "^cluster_slots_assigned:16384$",
            "^cluster_slots_ok:16384$",
            "^cluster_known_nodes:8$");
    for (int port : order) soon(60, () -> at(port, "cluster", "info"), "^cluster_state:ok$");
    soon(
        60, () -> at(7007, "-c", "get", "name"), "^ganx$"); // a redirect to its owner's new address

    // 17: the text's cure does nothing, luckily
    at(7006, "-c", "cluster", "addslots", "0").has("^ERR Slot 0 is already busy$");
    at(7006, "-c", "cluster", "addslots", "16384").has("^ERR Invalid or out of range slot$");

    // 18, once that node has everybody's new address
    soon(60, () -> at(7006, "--cluster", "info", "127.0.0.1:7006"), "keys in 4 masters");
    at(7006, "--cluster", "node").has("Unknown --cluster subcommand");
  }
}
