package dev.spinel.tutorials;

import static dev.spinel.tutorials.Said.soon;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.tutorials.Hosts.Host;
import dev.spinel.tutorials.Hosts.Program;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// The first part of a tutorial, 24 steps: a master and two slaves, each on a machine of its own,
/// by commands and then by files. Servers are ours, `redis-cli` is the stock one. Where the text is
/// wrong its words are given all the same, and must be refused.
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT) // beside other classes: most of it is waiting
class ReplicationTutorialTest {
  @TempDir Path folder;
  private Hosts hosts;
  private Host master;
  private Host slave1;
  private Host slave2;

  @BeforeEach
  void setUp() throws Exception {
    hosts = Hosts.on(folder);
    master = hosts.host("master", "172.17.0.2");
    slave1 = hosts.host("slave1", "172.17.0.3");
    slave2 = hosts.host("slave2", "172.17.0.4");
  }

  @AfterEach
  void tearDown() throws Exception {
    if (hosts != null) hosts.close();
  }

  /// The image of the text's servers has no protected mode.
  private static Program start(Host on, String data, String... words) throws Exception {
    String[] all = new String[words.length + 2];
    System.arraycopy(words, 0, all, 0, words.length);
    all[words.length] = "--protected-mode";
    all[words.length + 1] = "no";
    return on.server(on.folder.resolve(data), all);
  }

  private static Said info(Host on, String port) throws Exception {
    return on.cli("-h", "localhost", "-p", port, "info", "replication");
  }

  private static String slave(int number, String address, int port) {
    return "^slave"
        + number
        + ":ip="
        + address
        + ",port="
        + port
        + ",state=online,offset=[0-9]+,lag=[01]$";
  }

  @Test
  void byCommands() throws Exception {
    // 1: three bare servers
    Program first = start(master, "data");
    Program second = start(slave1, "data");
    Program third = start(slave2, "data");

    // 2: these fields, in this order
    Said fresh = soon(30, () -> info(master, "6379"), "^role:");
    fresh.shows(
        "\\A# Replication$",
        "^role:master$",
        "^connected_slaves:0$",
        "^master_failover_state:no-failover$",
        "^master_replid:[0-9a-f]{40}$",
        "^master_replid2:0{40}$",
        "^master_repl_offset:0$",
        "^second_repl_offset:-1$",
        "^repl_backlog_active:0$",
        "^repl_backlog_size:1048576$",
        "^repl_backlog_first_byte_offset:0$",
        "^repl_backlog_histlen:0$");
    assertThat(fresh.count(":")).isEqualTo(11);

    // 3
    Said other = soon(30, () -> info(slave1, "6379"), "^role:master$");
    assertThat(other.part("^master_replid:(.*)$")).isNotEqualTo(fresh.part("^master_replid:(.*)$"));

    // 4, 5
    slave1.cli("slaveof", "172.17.0.2", "6379").is("OK");
    soon(30, () -> info(slave1, "6379"), "^master_link_status:up$")
        .shows(
            "^role:slave$",
            "^master_host:172.17.0.2$",
            "^master_port:6379$",
            "^master_link_status:up$",
            "^master_last_io_seconds_ago:[0-9]+$");
    soon(30, () -> info(master, "6379"), slave(0, "172.17.0.3", 6379))
        .shows("^connected_slaves:1$");

    // 6, 7: numbered as they came
    soon(30, () -> info(slave2, "6379"), "^role:master$");
    slave2.cli("slaveof", "172.17.0.2", "6379").is("OK");
    soon(30, () -> info(slave2, "6379"), "^master_link_status:up$")
        .shows("^role:slave$", "^master_host:172.17.0.2$", "^master_port:6379$");
    soon(30, () -> info(master, "6379"), slave(0, "172.17.0.3", 6379), slave(1, "172.17.0.4", 6379))
        .shows("^connected_slaves:2$");

    // 8
    slave1.cli("get", "name").is("");
    slave2.cli("get", "name").is("");
    master.cli("set", "name", "farb").is("OK");
    soon(5, () -> slave1.cli("get", "name"), "^farb$");
    soon(5, () -> slave2.cli("get", "name"), "^farb$");

    // 9: away with them
    first.kill();
    second.kill();
    third.kill();
    byFiles();
  }

  private void byFiles() throws Exception {
    Program primary = start(master, "data2");

    // 10: a comment behind a value, which the text has, is refused
    slave1.write(
        "redisSlave1.conf",
        """
        port 6380 # redis-slave1服务器的端口号
        slaveof 172.17.0.2 6379 # redis-slave1服务器的master服务器的IP地址和端口号
        """);
    Program refused = slave1.server(slave1.folder, "redisSlave1.conf");
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.output())
        .contains("FATAL CONFIG FILE ERROR", "Reading the configuration file, at line 1")
        .contains(">>> 'port 6380 #", "wrong number of arguments")
        .contains("comment must be a line of its own");
    String file =
        """
        # redis-slave1服务器的端口号
        port 6380
        slaveof 172.17.0.2 6379
        """;
    Path first = slave1.write("redisSlave1.conf", file);
    Program replica = start(slave1, "data2", first.toString());

    // 11: nobody at the default port
    soon(30, () -> info(slave1, "6380"), "^role:slave$");
    slave1.cli("ping").has("Could not connect to Redis at 127.0.0.1:6379: Connection refused");

    // 12, 13
    info(slave1, "6380").shows("^role:slave$", "^master_host:172.17.0.2$");
    Path second = slave2.write("redisSlave2.conf", "port 6381\nslaveof 172.17.0.2 6379\n");
    Program other = start(slave2, "data2", second.toString());
    soon(30, () -> info(slave2, "6381"), "^role:slave$")
        .shows("^master_host:172.17.0.2$", "^master_port:6379$");

    // 14: the ports that they listen at. Who comes first has number 0
    soon(
            30,
            () -> info(master, "6379"),
            "^slave[01]:ip=172.17.0.3,port=6380,state=online,offset=[0-9]+,lag=[01]$",
            "^slave[01]:ip=172.17.0.4,port=6381,state=online,offset=[0-9]+,lag=[01]$")
        .shows("^connected_slaves:2$");

    // 15
    master.cli("set", "age", "18").is("OK");
    soon(5, () -> slave1.cli("-p", "6380", "get", "age"), "^18$");
    soon(5, () -> slave2.cli("-p", "6381", "get", "age"), "^18$");

    // 16: restarted while its master is away
    String offset = info(slave1, "6380").part("^slave_repl_offset:([0-9]+)$");
    assertThat(Long.parseLong(offset)).isPositive();
    primary.kill();
    replica.stop();
    assertThat(replica.status()).isZero();
    replica = start(slave1, "data2", first.toString());
    soon(30, () -> info(slave1, "6380"), "^master_repl_offset:[1-9]") // once that is loaded
        .shows(
            "^role:slave$",
            "^master_host:172.17.0.2$",
            "^master_port:6379$",
            "^master_link_status:down$",
            "^master_last_io_seconds_ago:-1$",
            "^master_sync_in_progress:0$",
            "^slave_read_repl_offset:[1-9][0-9]*$",
            "^slave_repl_offset:[1-9][0-9]*$",
            "^master_link_down_since_seconds:-1$",
            "^slave_priority:100$",
            "^slave_read_only:1$",
            "^replica_announced:1$",
            "^connected_slaves:0$",
            "^master_failover_state:no-failover$",
            "^master_replid:[0-9a-f]{40}$",
            "^master_replid2:0{40}$",
            "^master_repl_offset:[1-9][0-9]*$",
            "^second_repl_offset:-1$",
            "^repl_backlog_active:0$",
            "^repl_backlog_size:1048576$",
            "^repl_backlog_first_byte_offset:0$",
            "^repl_backlog_histlen:0$");

    // 17
    slave1
        .typed("set sex male\n", "-h", "localhost", "-p", "6380")
        .shows("^\\(error\\) READONLY You can't write against a read only replica\\.$");

    // 18, 19: a writable slave's writes go nowhere, and its log says so
    replica.stop();
    primary = start(master, "data3");
    soon(30, () -> info(master, "6379"), "^role:master$");
    first = slave1.write("redisSlave1.conf", file + "slave-read-only no\n");
    replica = start(slave1, "data2", first.toString());
    soon(30, () -> info(slave1, "6380"), "^master_link_status:up$");
    slave1
        .typed("get sex\nset sex male\nget sex\n", "-h", "localhost", "-p", "6380")
        .shows("^\\(nil\\)$", "^OK$", "^\"male\"$");
    master.cli("get", "sex").is("");
    slave2.cli("-p", "6381", "get", "sex").is("");
    assertThat(replica.output()).containsPattern("(accepts|takes) writes");

    // 20: the heartbeat
    soon(30, () -> info(master, "6379"), "^slave1:.*state=online");
    for (int beat = 0; beat < 3; beat++) {
      info(master, "6379").has("^slave0:.*lag=[01]$", "^slave1:.*lag=[01]$");
      Thread.sleep(700);
    }

    // 21: writes are refused unless both slaves are well
    primary.kill();
    Path own = master.write("redisMaster.conf", "min-slaves-to-write 2\nmin-slaves-max-lag 15\n");
    start(master, "data4", own.toString());
    soon(40, () -> info(master, "6379"), "^min_slaves_good_slaves:2$")
        .shows("^connected_slaves:2$", "^min_slaves_good_slaves:2$", "^slave0:");
    master.cli("config", "get", "min-replicas-to-write").is("min-replicas-to-write\n2");
    master.cli("config", "get", "min-slaves-to-write").is("min-slaves-to-write\n2");

    // 22
    master.cli("set", "k1", "v1").is("OK");
    soon(5, () -> slave1.cli("-p", "6380", "get", "k1"), "^v1$");
    soon(5, () -> slave2.cli("-p", "6381", "get", "k1"), "^v1$");

    // 23
    slave2.cli("-p", "6381", "shutdown");
    assertThat(other.status()).isZero();
    soon(
            10,
            () -> master.typed("set k2 v2\nget k1\n"),
            "^\\(error\\) NOREPLICAS Not enough good replicas to write\\.$")
        .shows("^\"v1\"$");

    // 24: with no writes all offsets agree
    start(slave2, "data2", second.toString());
    soon(40, () -> info(master, "6379"), "^min_slaves_good_slaves:2$");
    Said agreed =
        soon(
            20,
            () -> info(master, "6379"),
            "(?s)slave0:\\S+offset=([0-9]+),.*slave1:\\S+offset=\\1,.*^master_repl_offset:\\1$");
    agreed.has("ip=172.17.0.3,port=6380,state=online", "ip=172.17.0.4,port=6381,state=online");
    long at = Long.parseLong(agreed.part("^master_repl_offset:([0-9]+)$"));
    assertThat(Long.parseLong(info(slave1, "6380").part("^slave_repl_offset:([0-9]+)$")))
        .isGreaterThanOrEqualTo(at);
  }
}
