package dev.spinel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Nobody fails: a shard's nodes take over from each other because somebody asks for it, under
/// load, and a script that runs for long has nobody take over.
@Timeout(120)
class PlannedTakeoverTest {
  private static final int WRITERS = 3;
  private static final int TAKEOVERS = 6;

  /// Counts a key of slot 0 up, wherever its owner is, and sees to it that it goes up by one.
  private static void count(
      SpinelCluster cluster, String key, AtomicBoolean done, List<String> faults) {
    int at = 0;
    long counted = 0;
    boolean unsure = false; // whether the last call was done
    while (!done.get()) {
      try (Client client = Client.connect("127.0.0.1", cluster.nodes().get(at).port())) {
        while (!done.get()) {
          RespValue reply = client.command("INCR", key);
          if (!(reply instanceof RespValue.Int number)) {
            if (reply.toString().contains("MOVED")) break;
            continue; // CLUSTERDOWN, for a moment
          }
          if (unsure ? number.value() <= counted : number.value() != counted + 1) {
            faults.add(key + " was " + counted + " and is " + number.value());
          }
          unsure = false;
          counted = number.value();
        }
      } catch (IOException e) {
        unsure = true;
      }
      at = 3 - at; // the other one of the shard
    }
  }

  private static String ask(SpinelCluster.Node node, String... command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", node.port())) {
      RespValue reply = client.command(command);
      return reply instanceof RespValue.Bulk bulk ? new String(bulk.bytes()) : reply.toString();
    }
  }

  @Test
  void nothingIsLostUnderLoad() throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 3).nodeTimeoutMillis(5000).start()) {
      var done = new AtomicBoolean();
      List<String> faults = Collections.synchronizedList(new ArrayList<>());
      Crowd writers = new Crowd();
      for (int i = 0; i < WRITERS; i++) {
        String key = "{fHh}" + i;
        writers.start(() -> count(cluster, key, done, faults));
      }
      try {
        for (int i = 0; i < TAKEOVERS; i++) {
          int replica = i % 2 == 0 ? 3 : 0;
          assertThat(ask(cluster.nodes().get(replica), "CLUSTER", "FAILOVER")).contains("OK");
          Awaitility.await()
              .atMost(Duration.ofSeconds(4)) // it is given up after 5
              .until(() -> ask(cluster.nodes().get(replica), "ROLE").contains("master"));
          assertThat(cluster.awaitInSync(20_000)).as(() -> cluster.status().toString()).isTrue();
        }
      } finally {
        done.set(true);
        writers.join();
      }
      assertThat(faults).isEmpty();
      assertThat(ask(cluster.nodes().getFirst(), "GET", "{fHh}0")).isNotEqualTo("0");
    }
  }

  @Test
  void aScriptThatRunsForLongHasNobodyTakeOver() throws Exception {
    int timeout = 800;
    try (SpinelCluster cluster = Spinel.cluster(3, 3).nodeTimeoutMillis(timeout).start()) {
      SpinelCluster.Node busy = cluster.nodes().getFirst();
      assertThat(ask(busy, "CONFIG", "SET", "busy-reply-threshold", "100")).contains("OK");
      Crowd script = new Crowd();
      script.start(() -> ask(busy, "EVAL", "while true do end", "0"));
      try {
        Awaitility.await().until(() -> ask(busy, "GET", "{fHh}").contains("BUSY"));
        long until = System.nanoTime() + 3 * timeout * 1_000_000L;
        while (System.nanoTime() < until) {
          assertThat(ask(cluster.nodes().get(1), "CLUSTER", "NODES")).doesNotContain("fail");
          Thread.sleep(50);
        }
        assertThat(ask(cluster.nodes().get(3), "ROLE")).contains("slave");
      } finally {
        ask(busy, "SCRIPT", "KILL");
        script.join();
      }
    }
  }
}
