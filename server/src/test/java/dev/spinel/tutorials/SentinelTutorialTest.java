package dev.spinel.tutorials;

import static dev.spinel.tutorials.Said.soon;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.tutorials.Hosts.Host;
import dev.spinel.tutorials.Hosts.Program;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// The second part of a tutorial, 14 steps: a master, two slaves and two Sentinels, each on a
/// machine of its own. The log lines that the text shows must be there, in its order.
///
/// With `-Dspinel.tutorials.whole=true` the master is down after the text's 60 seconds; else after
/// 3.
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT) // beside other classes: most of it is waiting
class SentinelTutorialTest {
  private static final int DOWN_AFTER_MILLIS =
      Boolean.getBoolean("spinel.tutorials.whole") ? 60_000 : 3_000;
  private static final int DOWN_SECONDS = DOWN_AFTER_MILLIS / 1000;

  @TempDir Path folder;
  private Hosts hosts;
  private Host master;
  private Host slave1;
  private Host slave2;
  private Host first;
  private Host second;

  @BeforeEach
  void setUp() throws Exception {
    hosts = Hosts.on(folder);
    master = hosts.host("redis-master", "172.17.0.2");
    slave1 = hosts.host("redis-slave1", "172.17.0.3");
    slave2 = hosts.host("redis-slave2", "172.17.0.4");
    first = hosts.host("sentinel1", "172.17.0.5");
    second = hosts.host("sentinel2", "172.17.0.6");
  }

  @AfterEach
  void tearDown() throws Exception {
    if (hosts != null) hosts.close();
  }

  private static Said info(Host on, int port) throws Exception {
    return on.cli("-h", "localhost", "-p", "" + port, "info", "replication");
  }

  private static Said sentinel(Host on, int port) throws Exception {
    return on.cli("-h", "localhost", "-p", "" + port, "info", "sentinel");
  }

  private static Program start(Host on, Path file) throws Exception {
    // The image of the text's servers has no protected mode.
    return on.server(on.folder, file.toString(), "--protected-mode", "no");
  }

  private static Said log(Host on, String file) throws Exception {
    return new Said(0, Files.readString(on.folder.resolve(file), StandardCharsets.UTF_8));
  }

  @Test
  void aSlaveBecomesTheMasterAndTheOldMasterItsSlave() throws Exception {
    // 1: by file
    Path file = master.write("redisMaster.conf", "min-slaves-to-write 2\nmin-slaves-max-lag 15\n");
    Program old = start(master, file);
    soon(30, () -> info(master, 6379), "^role:master$");
    start(slave1, slave1.write("redisSlave1.conf", "port 6380\nslaveof 172.17.0.2 6379\n"));
    start(slave2, slave2.write("redisSlave2.conf", "port 6381\nslaveof 172.17.0.2 6379\n"));
    soon(40, () -> info(master, 6379), "^min_slaves_good_slaves:2$")
        .has(
            "^connected_slaves:2$",
            "^slave[01]:ip=172.17.0.3,port=6380,state=online",
            "^slave[01]:ip=172.17.0.4,port=6381,state=online");
    master.cli("set", "before", "failover").is("OK");

    // 2, 3: a Sentinel and what it knows
    String known = "^master0:name=master,status=ok,address=172.17.0.2:6379,slaves=2,sentinels=";
    Path conf1 =
        first.write(
            "sentinel1.conf",
            """
            port 16379
            # 哨兵节点的工作端口是16379
            sentinel monitor master 172.17.0.2 6379 2
            dir %s
            logfile "sentinel1.log"
            """
                .formatted(first.folder));
    first.server(first.folder, conf1.toString(), "--sentinel");
    soon(30, () -> sentinel(first, 16379), "slaves=2")
        .shows(
            "^# Sentinel$",
            "^sentinel_masters:1$",
            "^sentinel_tilt:0$",
            "^sentinel_tilt_since_seconds:-1$",
            "^sentinel_running_scripts:0$",
            "^sentinel_scripts_queue_length:0$",
            "^sentinel_simulate_failure_flags:0$",
            known + "1$");

    // 4: another, with resolve-hostnames before monitor, and the times of step 6
    Path conf2 =
        second.write(
            "sentinel2.conf",
            """
            port 16380
            sentinel resolve-hostnames yes
            sentinel monitor master 172.17.0.2 6379 2
            sentinel down-after-milliseconds master %d
            sentinel failover-timeout master 180000
            dir "%s"
            logfile "sentinel2.log"
            """
                .formatted(DOWN_AFTER_MILLIS, second.folder));
    second.server(second.folder, conf2.toString(), "--sentinel");
    soon(30, () -> second.cli("-p", "16380", "ping"), "^PONG$");
    first
        .cli(
            "-p",
            "16379",
            "sentinel",
            "set",
            "master",
            "down-after-milliseconds",
            "" + DOWN_AFTER_MILLIS)
        .is("OK");

    // 5: they find each other, and their files say so
    soon(30, () -> sentinel(second, 16380), known + "2$");
    soon(30, () -> sentinel(first, 16379), known + "2$");
    soon(
        10,
        () -> log(first, "sentinel1.conf"),
        "^sentinel monitor master 172.17.0.2 6379 2$",
        "^sentinel myid [0-9a-f]{40}$",
        "^sentinel known-replica master 172.17.0.3 6380$",
        "^sentinel known-replica master 172.17.0.4 6381$",
        "^sentinel known-sentinel master 172.17.0.6 16380 [0-9a-f]{40}$",
        "^sentinel config-epoch master 0$",
        "^sentinel current-epoch 0$");

    // 6: two Sentinels are too few, and the log says so
    Said begun =
        soon(60, () -> log(second, "sentinel2.log"), "too few Sentinels: only 2 are known");
    startIsLogged(begun);

    // 7, 8: the master is shut down; either slave may be chosen
    master.cli("shutdown");
    old.status();
    String elected = "address=172.17.0.[34]:638[01],slaves=2,sentinels=2$";
    Said switched = soon(30 + DOWN_SECONDS, () -> sentinel(first, 16379), elected);
    boolean isFirst = switched.matches("address=172.17.0.3:6380");
    Host newMaster = isFirst ? slave1 : slave2;
    Host other = isFirst ? slave2 : slave1;
    int newPort = isFirst ? 6380 : 6381;
    int otherPort = isFirst ? 6381 : 6380;
    String address = "address=" + newMaster.address + ":" + newPort;
    soon(30, () -> sentinel(second, 16380), address + ",slaves=2,sentinels=2$");

    // 9, 10: roles, and what the files say of them
    soon(
            40,
            () -> info(newMaster, newPort),
            "^slave0:ip=" + other.address + ",port=" + otherPort + ",state=online,.*lag=[01]$")
        .shows("^role:master$", "^connected_slaves:1$");
    soon(10, () -> file(newMaster), "^port ").lacks("^(slaveof|replicaof) ");
    newMaster.cli("-p", "" + newPort, "get", "before").is("failover");
    soon(40, () -> info(other, otherPort), "^master_link_status:up$")
        .shows(
            "^role:slave$",
            "^master_host:" + newMaster.address + "$",
            "^master_port:" + newPort + "$");
    soon(10, () -> file(other), "^(slaveof|replicaof) " + newMaster.address + " " + newPort + "$");

    failoverIsLogged(newMaster, newPort, other, otherPort);

    // 14: the old master comes back, and is made a slave
    start(master, file);
    soon(
            60,
            () -> info(newMaster, newPort),
            "^slave1:ip=172.17.0.2,port=6379,state=online",
            "^slave0:ip=" + other.address + ",port=" + otherPort + ",")
        .shows("^role:master$", "^connected_slaves:2$");
  }

  private Said file(Host of) throws Exception {
    return log(of, of == slave1 ? "redisSlave1.conf" : "redisSlave2.conf");
  }

  /// Step 11.
  private static void startIsLogged(Said log) {
    log.shows(
        "^[0-9]+:X .* \\* oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo$",
        "^[0-9]+:X .* \\* Redis version=7\\.2\\.[0-9]+, bits=64, commit=[0-9a-f]{8}, modified=0,"
            + " pid=[0-9]+, just started$",
        "^[0-9]+:X .* \\* Configuration loaded$",
        "^[0-9]+:X .* \\* monotonic clock: ",
        "^[0-9]+:X .* \\* Running mode=sentinel, port=16380\\.$",
        "^[0-9]+:X .* \\* Sentinel ID is [0-9a-f]{40}$",
        "^[0-9]+:X .* # \\+monitor master master 172.17.0.2 6379 quorum 2$");
    String of = " @ master 172.17.0.2 6379$";
    String saved = "\\* Sentinel new configuration saved on disk$";
    log.shows("\\* \\+slave slave 172.17.0.3:6380 172.17.0.3 6380" + of, saved);
    log.shows("\\* \\+slave slave 172.17.0.4:6381 172.17.0.4 6381" + of, saved);
    log.shows("\\* \\+sentinel sentinel [0-9a-f]{40} 172.17.0.5 16379" + of, saved);
  }

  /// Steps 12 and 13.
  private void failoverIsLogged(Host newMaster, int newPort, Host other, int otherPort)
      throws Exception {
    String old = "master master 172.17.0.2 6379";
    String chosen = slave(newMaster, newPort) + " @ master 172.17.0.2 6379$";
    String left = slave(other, otherPort) + " @ master 172.17.0.2 6379$";
    String now = " @ master " + newMaster.address + " " + newPort + "$";
    String saved = "\\* Sentinel new configuration saved on disk$";
    String switched =
        "# \\+switch-master master 172.17.0.2 6379 " + newMaster.address + " " + newPort + "$";
    String gone = "# \\+sdown slave 172.17.0.2:6379 172.17.0.2 6379" + now;
    boolean firstLed = log(first, "sentinel1.log").matches("\\+elected-leader");
    Host leader = firstLed ? first : second;
    Host follower = firstLed ? second : first;
    Said led =
        soon(
            30 + DOWN_SECONDS,
            () -> log(leader, firstLed ? "sentinel1.log" : "sentinel2.log"),
            gone);
    led.shows(
        "# \\+sdown " + old + "$",
        "# \\+odown " + old + " #quorum 2/2$",
        "# \\+new-epoch [0-9]+$",
        "# \\+try-failover " + old + "$",
        saved,
        "# \\+vote-for-leader [0-9a-f]{40} [0-9]+$",
        "\\* [0-9a-f]{40} voted for [0-9a-f]{40} [0-9]+$",
        "# \\+elected-leader " + old + "$",
        "# \\+failover-state-select-slave " + old + "$",
        "# \\+selected-slave " + chosen,
        "\\* \\+failover-state-send-slaveof-noone " + chosen,
        "\\* \\+failover-state-wait-promotion " + chosen,
        saved,
        "# \\+promoted-slave " + chosen,
        "# \\+failover-state-reconf-slaves " + old + "$",
        "\\* \\+slave-reconf-sent " + left,
        "\\* \\+slave-reconf-inprog " + left,
        "\\* \\+slave-reconf-done " + left,
        "# \\+failover-end " + old + "$",
        switched,
        "\\* \\+slave " + slave(other, otherPort) + now,
        "\\* \\+slave slave 172.17.0.2:6379 172.17.0.2 6379" + now,
        saved,
        gone);
    log(follower, firstLed ? "sentinel2.log" : "sentinel1.log")
        .shows(
            "# \\+sdown " + old + "$",
            "# \\+new-epoch [0-9]+$",
            saved,
            "# \\+vote-for-leader [0-9a-f]{40} [0-9]+$",
            "# \\+config-update-from sentinel [0-9a-f]{40} "
                + leader.address
                + " 163(79|80) @ "
                + "master 172.17.0.2 6379$",
            switched,
            "\\* \\+slave " + slave(other, otherPort) + now,
            "\\* \\+slave slave 172.17.0.2:6379 172.17.0.2 6379" + now);
    assertThat(led.count("\\+elected-leader")).isEqualTo(1);
  }

  private static String slave(Host host, int port) {
    return "slave " + host.address + ":" + port + " " + host.address + " " + port;
  }
}
