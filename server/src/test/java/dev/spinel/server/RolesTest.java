package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/// What a server does as a replica and as a primary without replicas, in one process: the primary
/// of the replica is never there.
class RolesTest {
  private static String info(LocalSession session, String section) {
    return new String(session.run("INFO", section), java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  private static List<String> names(String info) {
    return info.lines().filter(l -> l.contains(":")).map(l -> l.split(":", 2)[0]).toList();
  }

  private static void beReplica(LocalSession session) {
    assertThat(say(session, "REPLICAOF", "127.0.0.1", "1")).isEqualTo("+OK");
  }

  private static void bePrimary(LocalSession session) {
    assertThat(say(session, "REPLICAOF", "NO", "ONE")).isEqualTo("+OK");
  }

  @Test
  void aPrimaryTellsWhatRedisTellsAndInThatOrder() {
    try (Fixture fixture = new Fixture("min-slaves-to-write", "1")) {
      LocalSession a = fixture.session();
      assertThat(names(info(a, "replication")))
          .containsExactly(
              "role",
              "connected_slaves",
              "min_slaves_good_slaves",
              "master_failover_state",
              "master_replid",
              "master_replid2",
              "master_repl_offset",
              "second_repl_offset",
              "repl_backlog_active",
              "repl_backlog_size",
              "repl_backlog_first_byte_offset",
              "repl_backlog_histlen");
      assertThat(say(a, "ROLE")).isEqualTo("*3 $6 master :0 *0");
    }
  }

  @Test
  void aReplicaTellsWhatRedisTellsAndThenMore() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      beReplica(a);
      String info = info(a, "replication");
      assertThat(names(info))
          .containsExactly(
              "role",
              "master_host",
              "master_port",
              "master_link_status",
              "master_last_io_seconds_ago",
              "master_sync_in_progress",
              "slave_read_repl_offset",
              "slave_repl_offset",
              "master_link_down_since_seconds",
              "slave_priority",
              "slave_read_only",
              "replica_announced",
              "connected_slaves",
              "master_failover_state",
              "master_replid",
              "master_replid2",
              "master_repl_offset",
              "second_repl_offset",
              "repl_backlog_active",
              "repl_backlog_size",
              "repl_backlog_first_byte_offset",
              "repl_backlog_histlen",
              "replica_copy_complete",
              "master_link_down_reason");
      assertThat(info).contains("master_link_down_since_seconds:-1\r\n", "slave_repl_offset:0\r\n");
      assertThat(say(a, "ROLE")).startsWith("*5 $5 slave $9 127.0.0.1 :1 $").endsWith(" :-1");
      assertThat(say(a, "CONFIG", "GET", "slaveof")).isEqualTo("*2 $7 slaveof $11 127.0.0.1 1");
      bePrimary(a);
      assertThat(info(a, "replication")).contains("role:master").contains("second_repl_offset:1\r");
      assertThat(say(a, "CONFIG", "GET", "replicaof")).isEqualTo("*2 $9 replicaof $0");
      assertThat(fixture.log()).contains("MASTER MODE enabled (user request from 'id=");
    }
  }

  @Test
  void writesAreRefusedOnAReplicaAlsoThoseThatWereQueuedBefore() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      LocalSession reader = fixture.session();
      say(a, "SET", "k", "v");
      say(b, "MULTI");
      say(b, "SET", "k", "w");
      say(reader, "MULTI");
      say(reader, "GET", "k");
      beReplica(a);
      assertThat(say(a, "SET", "k", "w")).startsWith("-READONLY You can't write");
      assertThat(say(b, "EXEC"))
          .isEqualTo(
              "-EXECABORT Transaction discarded because of: READONLY You can't write against a read"
                  + " only replica.");
      assertThat(say(reader, "EXEC")).isEqualTo("*1 $1 v");
      say(a, "CONFIG", "SET", "slave-read-only", "no");
      assertThat(say(a, "SET", "k", "local")).isEqualTo("+OK");
      assertThat(fixture.log()).containsOnlyOnce("This replica accepts writes");
      say(a, "CONFIG", "SET", "replica-read-only", "yes");
      assertThat(say(a, "DEL", "k")).startsWith("-READONLY");
      bePrimary(a);
      assertThat(say(a, "DEL", "k")).isEqualTo(":1");
    }
  }

  @Test
  void staleDataIsServedOnlyIfItMayBe() {
    try (Fixture fixture = new Fixture("slave-serve-stale-data", "no")) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "v");
      beReplica(a);
      assertThat(say(a, "GET", "k"))
          .isEqualTo(
              "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
      assertThat(say(a, "PING")).startsWith("-MASTERDOWN");
      assertThat(info(a, "server")).contains("redis_version");
      say(a, "CONFIG", "SET", "replica-serve-stale-data", "yes");
      assertThat(say(a, "GET", "k")).isEqualTo("$1 v");
      bePrimary(a);
    }
  }

  @Test
  void writesAreRefusedWithoutEnoughReplicas() {
    try (Fixture fixture = new Fixture("min-slaves-to-write", "1", "min-slaves-max-lag", "5")) {
      LocalSession a = fixture.session();
      assertThat(say(a, "SET", "k", "v"))
          .isEqualTo("-NOREPLICAS Not enough good replicas to write.");
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(info(a, "replication")).contains("min_slaves_good_slaves:0");
      beReplica(a);
      assertThat(say(a, "SET", "k", "v")).as("it needs none").startsWith("-READONLY");
      bePrimary(a);
      say(a, "CONFIG", "SET", "min-replicas-max-lag", "0");
      assertThat(say(a, "SET", "k", "v")).isEqualTo("+OK");
    }
  }

  @Test
  void whoWaitsIsToldThatTheRoleHasChangedAndLetGo() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      assertThat(say(b, "BLPOP", "l", "0")).isEmpty();
      beReplica(a);
      assertThat(text(b.await(1000)))
          .isEqualTo(
              "-UNBLOCKED force unblock from blocking operation, instance state changed (master ->"
                  + " replica?)");
      assertThat(b.ended()).isTrue();
      bePrimary(a);
    }
  }

  @Test
  void aReplicaHidesWhatHasExpiredAndAPrimaryDeletesIt() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "v", "PX", "100");
      beReplica(a);
      fixture.clock.forward(101);
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(say(a, "DBSIZE")).isEqualTo(":1");
      bePrimary(a);
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(say(a, "DBSIZE")).isEqualTo(":0");
      assertThat(fixture.effects()).endsWith("DEL $1 k");
    }
  }

  @Test
  void aReplicaEvictsNothingUnlessItIsToldTo() {
    try (Fixture fixture = new Fixture("replica-read-only", "no")) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "v");
      beReplica(a);
      say(a, "CONFIG", "SET", "maxmemory", "1");
      assertThat(say(a, "SET", "k", "w")).isEqualTo("+OK");
      say(a, "CONFIG", "SET", "replica-ignore-maxmemory", "no");
      assertThat(say(a, "SET", "k", "x")).startsWith("-OOM");
      say(a, "CONFIG", "SET", "slave-ignore-maxmemory", "yes");
      assertThat(say(a, "SET", "k", "x")).isEqualTo("+OK");
      bePrimary(a);
      assertThat(say(a, "SET", "k", "x")).startsWith("-OOM");
      say(a, "CONFIG", "SET", "maxmemory", "0");
    }
  }

  @Test
  void sentinelsTransactionIsOne() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "MULTI");
      say(a, "SLAVEOF", "127.0.0.1", "1");
      say(a, "CLIENT", "KILL", "TYPE", "normal");
      say(a, "CLIENT", "KILL", "TYPE", "pubsub");
      assertThat(say(a, "EXEC")).isEqualTo("*3 +OK :1 :0");
      assertThat(say(b, "PING")).isEmpty();
      assertThat(info(a, "replication")).contains("role:slave");
      bePrimary(a);
    }
  }

  // ── WAIT ──

  @Test
  void whoWaitsForReplicasThatAreNotThereWaitsForTheTimeThatItSaid() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "SET", "k", "v");
      assertThat(say(a, "WAIT", "0", "0")).isEqualTo(":0");
      assertThat(say(a, "WAIT", "1", "10")).isEmpty();
      fixture.clock.forward(10);
      assertThat(text(a.await(1000))).isEqualTo(":0");
      assertThat(say(a, "WAIT", "1", "0")).isEmpty();
      assertThat(info(b, "clients")).contains("blocked_clients:1\r\n");
      assertThat(say(b, "CLIENT", "UNBLOCK", "" + a.session().id)).isEqualTo(":1");
      assertThat(text(a.await(1000))).isEqualTo(":0");
      say(a, "WAIT", "1", "0");
      assertThat(say(b, "CLIENT", "UNBLOCK", "" + a.session().id, "ERROR")).isEqualTo(":1");
      assertThat(text(a.await(1000))).startsWith("-UNBLOCKED client unblocked");
      say(a, "MULTI");
      say(a, "WAIT", "1", "0");
      say(a, "WAITAOF", "0", "1", "0");
      assertThat(say(a, "EXEC")).as("nobody waits in a transaction").endsWith(":0");
    }
  }

  // ── pauses ──

  @Test
  void pausedWritesWaitAndReadsDoNot() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      LocalSession c = fixture.session();
      assertThat(say(a, "CLIENT", "PAUSE", "100000", "WRITE")).isEqualTo("+OK");
      assertThat(say(b, "SET", "k", "v")).isEmpty();
      assertThat(say(c, "PUBLISH", "ch", "m")).isEmpty();
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(say(a, "SET", "k")).startsWith("-ERR wrong number of arguments");
      assertThat(info(a, "clients")).contains("blocked_clients:2\r\n");
      assertThat(say(a, "CLIENT", "UNBLOCK", "" + b.session().id)).isEqualTo(":0");
      assertThat(say(a, "CLIENT", "UNPAUSE")).isEqualTo("+OK");
      assertThat(text(b.await(1000))).isEqualTo("+OK");
      assertThat(text(c.await(1000))).isEqualTo(":0");
      assertThat(say(a, "GET", "k")).isEqualTo("$1 v");
    }
  }

  @Test
  void aPauseBeginsBehindTheTransactionThatAsksForIt() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(b, "MULTI");
      say(b, "SET", "k", "b");
      say(a, "MULTI");
      say(a, "CLIENT", "PAUSE", "100000", "WRITE");
      say(a, "SET", "k", "a");
      assertThat(say(a, "EXEC")).isEqualTo("*2 +OK +OK");
      assertThat(say(b, "EXEC")).as("EXEC carries what it queued").isEmpty();
      assertThat(say(a, "GET", "k")).isEqualTo("$1 a");
      say(a, "CLIENT", "UNPAUSE");
      assertThat(text(b.await(1000))).isEqualTo("*1 +OK");
    }
  }

  @Test
  void theDataStandsStillDuringAPause() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "v", "PX", "100");
      say(a, "CLIENT", "PAUSE", "1000", "WRITE");
      fixture.clock.forward(101);
      int effects = fixture.effects().length();
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(say(a, "DBSIZE")).isEqualTo(":1");
      assertThat(fixture.effects()).hasSize(effects);
      say(a, "CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "allkeys-lru");
      assertThat(say(a, "DBSIZE")).isEqualTo(":1");
      say(a, "CONFIG", "SET", "maxmemory", "0");
      fixture.clock.forward(900); // now the pause is over
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(say(a, "DBSIZE")).isEqualTo(":0");
    }
  }

  @Test
  void aClockThatIsSetEndsNoPause() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "CLIENT", "PAUSE", "100", "WRITE");
      fixture.clock.set(3_600_000);
      fixture.server.sample();
      assertThat(say(b, "SET", "k", "v")).isEmpty();
      fixture.clock.set(-7_200_000);
      fixture.clock.forward(100);
      fixture.server.sample();
      assertThat(text(b.await(1000))).isEqualTo("+OK");
    }
  }

  @Test
  void aPauseEndsInTimeAndOnlyGrows() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "CLIENT", "PAUSE", "100", "ALL");
      assertThat(say(b, "PING")).isEmpty();
      fixture.clock.forward(100);
      fixture.server.sample();
      assertThat(text(b.await(1000))).isEqualTo("+PONG");
      say(a, "CLIENT", "PAUSE", "100", "WRITE");
      say(a, "CLIENT", "PAUSE", "10", "WRITE");
      fixture.clock.forward(50);
      fixture.server.sample();
      assertThat(say(b, "SET", "k", "v")).isEmpty();
      fixture.clock.forward(50);
      fixture.server.sample();
      assertThat(text(b.await(1000))).isEqualTo("+OK");
    }
  }
}
