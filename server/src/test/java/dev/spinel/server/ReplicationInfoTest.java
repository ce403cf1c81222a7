package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What INFO tells of replication, field for field beside a real server in the same situation: as a
/// primary and as a replica, before, during and after a synchronization. Of numbers that differ
/// from run to run only what kind they are is compared: negative, zero or neither.
class ReplicationInfoTest extends ReplicationFixture {
  /// Fields of INFO replication that are Spinel's own.
  private static final Set<String> OWN =
      Set.of(
          "replica_copy_complete",
          "master_link_down_reason",
          "full_sync_memory_bytes",
          "full_sync_disk_bytes");

  /// Fields of other sections that speak of replication.
  private static final Set<String> OTHERS =
      Set.of(
          "connected_clients",
          "loading",
          "async_loading",
          "rdb_bgsave_in_progress",
          "mem_replication_backlog",
          "mem_clients_slaves",
          "mem_total_replication_buffers",
          "sync_full",
          "sync_partial_ok",
          "sync_partial_err",
          "slave_expires_tracked_keys",
          "total_net_repl_input_bytes",
          "total_net_repl_output_bytes");

  /// Numbers that are the same in each run.
  private static final Set<String> EXACT =
      Set.of(
          "connected_clients",
          "connected_slaves",
          "min_slaves_good_slaves",
          "slave_priority",
          "sync_full",
          "sync_partial_ok",
          "sync_partial_err",
          "slave_expires_tracked_keys",
          "repl_backlog_active",
          "repl_backlog_size",
          "slave_read_only",
          "replica_announced",
          "master_sync_in_progress",
          "master_sync_perc");

  /// Brings a pair into the situation.
  private interface Situation {
    void make(Node primary, Node replica) throws Exception;
  }

  @BeforeEach
  void aRealOneIsThere() {
    assumeTrue(RealRedis.binary() != null, "no redis-server to compare with");
    assumeTrue(RealRedis.version(RealRedis.binary()).startsWith("7."), "others have more fields");
  }

  private static List<String> told(Node by) throws IOException {
    List<String> fields = new ArrayList<>();
    for (String line : String.valueOf(by.call("INFO", "replication")).split("\r\n")) {
      if (line.startsWith("#") || !OWN.contains(line.split(":", 2)[0])) {
        fields.add(general(line));
      }
    }
    for (String line : String.valueOf(by.call("INFO")).split("\r\n")) {
      if (OTHERS.contains(line.split(":", 2)[0])) {
        fields.add(general(line));
      }
    }
    return fields;
  }

  private static String general(String line) {
    int colon = line.indexOf(':');
    String name = colon < 0 ? line : line.substring(0, colon);
    String value = line.substring(colon + 1);
    if (EXACT.contains(name)) {
      return line;
    }
    if (name.matches("slave\\d+")) {
      return name + ":" + value.replaceAll("(port|offset)=[1-9]\\d*|(lag)=\\d+", "$1$2=N");
    }
    if (name.startsWith("master_replid")) {
      return name + ":" + (value.matches("0*") ? "none" : "id of " + value.length());
    }
    if (value.matches("-?\\d+(\\.\\d+)?")) {
      double number = Double.parseDouble(value);
      return name + ":" + (number < 0 ? "negative" : number == 0 ? "zero" : "number");
    }
    return line;
  }

  private void same(Node ours, Node real) {
    eventually(() -> assertThat(told(ours)).isEqualTo(told(real)));
  }

  /// Compares, with one of ours in each place of a real pair.
  private void compare(Situation situation, String... settings) throws Exception {
    String[] real = new String[settings.length];
    for (int i = 0; i < settings.length; i++) {
      real[i] = i % 2 == 0 ? "--" + settings[i] : settings[i];
    }
    Real primary = real(real);
    Real replica = real(real);
    situation.make(primary, replica);
    Ours ourPrimary = ours(settings);
    situation.make(ourPrimary, real(real));
    Ours ourReplica = ours(settings);
    situation.make(real(real), ourReplica);
    same(ourPrimary, primary);
    same(ourReplica, replica);
  }

  private static void isOnline(Node primary) {
    eventually(
        () ->
            assertThat(primary.info("replication", "slave0")).matches(".*state=online.*lag=[01]"));
  }

  private static void follows(Node replica, Node primary) throws IOException {
    replica.call("REPLICAOF", "127.0.0.1", Integer.toString(primary.port()));
  }

  @Test
  void beforeAnyReplica() throws Exception {
    compare((primary, replica) -> {}, "min-replicas-to-write", "1");
  }

  @Test
  void linkedWithAStreamAndAPartialResynchronization() throws Exception {
    compare(
        (primary, replica) -> {
          fill(primary);
          follow(replica, primary);
          isOnline(primary);
          primary.call("CLIENT", "KILL", "TYPE", "replica");
          eventually(() -> assertThat(primary.info("stats", "sync_partial_ok")).isEqualTo("1"));
          isUp(replica);
          isOnline(primary);
        },
        "min-replicas-to-write",
        "1");
  }

  @Test
  void promotedAndLeftAlone() throws Exception {
    compare(
        (primary, replica) -> {
          follow(replica, primary);
          isOnline(primary);
          primary.call("SET", "k", "v");
          agree(primary, replica);
          replica.call("REPLICAOF", "NO", "ONE");
          eventually(
              () -> assertThat(primary.info("replication", "connected_slaves")).isEqualTo("0"));
        });
  }

  @Test
  void linkedBeforeAndNotNow() throws Exception {
    compare(
        (primary, replica) -> {
          follow(replica, primary);
          isOnline(primary);
          agree(primary, replica);
          primary.call("SET", "k", "v");
          agree(primary, replica);
          primary.call("CONFIG", "SET", "requirepass", "secret"); // it isn't let in again
          primary.call("CLIENT", "KILL", "TYPE", "replica");
          eventually(
              () ->
                  assertThat(replica.info("replication", "master_link_down_since_seconds"))
                      .matches("[1-9]"));
        });
  }

  @Test
  void waitingForASnapshotThatBeginsLater() throws Exception {
    compare(
        (primary, replica) -> {
          follows(replica, primary);
          eventually(
              () ->
                  assertThat(primary.info("replication", "slave0")).contains("state=wait_bgsave"));
        },
        "repl-diskless-sync-delay",
        "1000");
  }

  @Test
  void whileASnapshotIsWrittenToTheReplica() throws Exception {
    compare(
        (primary, replica) -> {
          for (int i = 0; i < 100; i++) {
            primary.call("SET", "k" + i, "x".repeat(10_000));
          }
          primary.call("CONFIG", "SET", "rdb-key-save-delay", "300000");
          follows(replica, primary);
          eventually(
              () ->
                  assertThat(replica.info("replication", "master_sync_read_bytes"))
                      .matches("[1-9]\\d*"));
        },
        "rdbcompression",
        "no");
  }

  @Test
  void whileTheReplicaLoadsAFile() throws Exception {
    compare(
        (primary, replica) -> {
          for (int i = 0; i < 100; i++) {
            primary.call("SET", "k" + i, "x".repeat(10_000));
          }
          replica.call("CONFIG", "SET", "key-load-delay", "300000");
          replica.call("CONFIG", "SET", "loading-process-events-interval-bytes", "1024");
          follows(replica, primary);
          eventually(() -> assertThat(replica.info("persistence", "loading")).isEqualTo("1"));
        },
        "repl-diskless-sync",
        "no",
        "rdbcompression",
        "no");
  }

  @Test
  void inTheMiddleOfAChain() throws Exception {
    compare(
        (primary, replica) -> {
          follow(replica, primary);
          Real last = real();
          follow(last, replica);
          isOnline(replica);
          agree(primary, replica, last);
        });
  }
}
