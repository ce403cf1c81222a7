package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.wire.Client;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `spinel cluster` on clusters of stock nodes.
@Timeout(240)
class ClusterToolTest {
  @TempDir Path directory;
  private Stock stock;

  @BeforeEach
  void start() {
    stock = new Stock(directory);
  }

  @AfterEach
  void stop() {
    stock.close();
  }

  private static Ours run(int port, String... words) {
    List<String> all = new ArrayList<>(List.of("-p", "" + port));
    all.addAll(List.of(words));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Screen screen =
        new Screen(new ByteArrayInputStream(new byte[0]), out, err, Map.of(), false, false);
    int status = ClusterTool.run(screen, all);
    return new Ours(
        status,
        out.toString(StandardCharsets.ISO_8859_1),
        err.toString(StandardCharsets.ISO_8859_1));
  }

  private static String ask(int port, String... command) {
    try (Client client = Client.connect("127.0.0.1", port)) {
      return client.command(command).text();
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /// Nodes that know each other and have these slots (`0 8190`; empty: none).
  private int[] cluster(String... slots) throws IOException {
    int[] ports = new int[slots.length];
    for (int i = 0; i < ports.length; i++) ports[i] = stock.node();
    for (int i = 0; i < ports.length; i++) {
      assertThat(ask(ports[i], "CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1))).isEqualTo("OK");
      if (i > 0) ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", "" + ports[i]);
      if (slots[i].isEmpty()) continue;
      String[] ends = slots[i].split(" ");
      assertThat(ask(ports[i], "CLUSTER", "ADDSLOTSRANGE", ends[0], ends[1])).isEqualTo("OK");
    }
    for (int port : ports) awaitWhole(port, ports.length);
    return ports;
  }

  private static void awaitWhole(int port, int nodes) {
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () -> {
              String info = ask(port, "CLUSTER", "INFO");
              return info.contains("cluster_state:ok")
                  && info.contains("cluster_known_nodes:" + nodes + "\r");
            });
  }

  private static void fill(int port) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port)) {
      for (int i = 0; i < 100; i++) client.command("SET", "key" + i, "value");
    }
  }

  @Test
  void slotsAreBalancedWithTheirKeysAndAPlanComesFirst() throws IOException {
    int[] ports = cluster("0 5500", "5501 10941", "10942 16383");
    for (int port : ports) fill(port);
    Ours plan = run(ports[0], "plan", "balance");
    assertThat(plan.status()).isZero();
    assertThat(plan.out()).contains("127.0.0.1:" + ports[0] + " -> ", " slots, ", " keys, about ");
    assertThat(run(ports[0], "plan", "balance", "--json").out())
        .startsWith("{\"moves\":[{\"from\":");
    assertThat(run(ports[0], "balance").out()).endsWith("Move them? (type 'yes' to accept): ");
    Ours done = run(ports[0], "balance", "--yes", "--throttle", "1000");
    assertThat(done.status()).as(done.err()).isZero();
    assertThat(run(ports[0], "balance").out()).isEqualTo("The slots are spread evenly.\n");
    long keys = 0;
    for (int port : ports) keys += Long.parseLong(ask(port, "DBSIZE"));
    assertThat(keys).isEqualTo(100);
    assertThat(run(ports[1], "status", "--json").out())
        .contains("\"slots\":5461", "\"slots\":5462");
  }

  @Test
  void aNodeThatLeavesGivesItsSlotsAwayAndItsReplicaFollowsAnother() throws IOException {
    int[] ports = cluster("0 8187", "8188 16375", "16376 16383", "");
    String leaving = ask(ports[2], "CLUSTER", "MYID");
    assertThat(ask(ports[3], "CLUSTER", "REPLICATE", leaving)).isEqualTo("OK");
    await().until(() -> ask(ports[0], "CLUSTER", "NODES").contains("slave " + leaving));
    Ours done = run(ports[0], "shrink", leaving.substring(0, 8), "--yes");
    assertThat(done.status()).as(done.err() + done.out()).isZero();
    assertThat(done.out()).endsWith(" left the cluster.\n");
    assertThat(ask(ports[0], "CLUSTER", "NODES")).doesNotContain(leaving);
    assertThat(ask(ports[2], "CLUSTER", "INFO")).contains("cluster_known_nodes:1\r");
    await().until(() -> !ask(ports[3], "CLUSTER", "NODES").contains("myself,slave " + leaving));
    awaitWhole(ports[1], 3);
  }

  @Test
  void aNewNodeGetsItsShare() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383");
    int fresh = stock.node();
    Ours plan = run(ports[0], "plan", "grow", "127.0.0.1:" + fresh, "--json");
    assertThat(plan.out()).contains("\"slots\":1365").contains("\"slots\":1366");
    assertThat(ask(fresh, "CLUSTER", "INFO")).contains("cluster_known_nodes:1\r");
    Ours done = run(ports[0], "grow", "127.0.0.1:" + fresh, "--yes");
    assertThat(done.status()).as(done.err()).isZero();
    assertThat(run(fresh, "status", "--json").out().split("\"slots\":4096", -1)).hasSize(5);
    Ours again = run(ports[0], "grow", "127.0.0.1:" + fresh, "--yes");
    assertThat(again.status()).isEqualTo(1);
    assertThat(again.out()).contains("is not empty");
  }

  @Test
  void aReplicaAndItsPrimaryChangePlaces() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383", "");
    ask(ports[3], "CLUSTER", "REPLICATE", ask(ports[0], "CLUSTER", "MYID"));
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> ask(ports[3], "INFO", "replication").contains("master_link_status:up"));
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> run(ports[1], "status").out().contains("link up"));
    Ours done = run(ports[1], "switch", "127.0.0.1:" + ports[0]);
    assertThat(done.status()).as(done.err()).isZero();
    assertThat(done.out()).startsWith("127.0.0.1:" + ports[3] + " is the primary now");
    assertThat(run(ports[1], "switch", "127.0.0.1:" + ports[1]).err()).contains("has no replica");
    assertThat(run(ports[1], "switch", "nobody").err())
        .isEqualTo("There is no node nobody in the cluster.\n");
  }

  @Test
  void theDoctorNamesCauses() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383", "");
    String id = ask(ports[0], "CLUSTER", "MYID");
    ask(ports[0], "CONFIG", "SET", "requirepass", "secret");
    ask(ports[3], "CLUSTER", "REPLICATE", id);
    String[] login = {"-a", "secret", "--no-auth-warning"};
    for (int i = 1; i < 4; i++) ask(ports[i], "CONFIG", "SET", "requirepass", "secret");
    Ours ill = run(ports[1], login[0], login[1], login[2], "doctor");
    assertThat(ill.status()).isEqualTo(1);
    assertThat(ill.out())
        .contains("its masterauth is empty, and the primary wants a password")
        .contains("has never had its primary's data")
        .contains("has no replica: if it fails, its slots are out of service");
    try (Client client = Client.connect("127.0.0.1", ports[1])) {
      client.command("AUTH", "secret");
      client.command("CLUSTER", "SETSLOT", "6000", "MIGRATING", id);
    }
    String open = run(ports[1], login[0], login[1], login[2], "doctor", "--json").out();
    assertThat(open).contains("slot 6000 is on its way", "and that node doesn't import it");
    assertThat(run(ports[1], login[0], login[1], login[2], "balance", "--yes").err())
        .isEqualTo("Some slots are half moved: spinel cluster resume finishes them.\n");
    assertThat(run(ports[1], login[0], login[1], login[2], "resume").status()).isZero();
    assertThat(run(ports[1], login[0], login[1], login[2], "doctor").out())
        .doesNotContain("slot 6000");
  }

  @Test
  void mistakesAreToldBeforeAnythingHappens() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383");
    assertThat(run(ports[0]).out()).startsWith("Usage: spinel cluster ");
    assertThat(run(ports[0], "grow").err()).startsWith("Usage: ");
    assertThat(run(ports[0], "balance", "--throttle", "0").err())
        .isEqualTo("--throttle takes a number of slots per second\n");
    assertThat(run(ports[0], "grow", "127.0.0.1\u00ef\u00bc\u009a7000").err())
        .endsWith("its character 10 is neither a letter nor a colon of ASCII.\n");
    assertThat(run(ports[0], "shrink", "" + ports[0]).err()).startsWith("There is no node ");
    assertThat(
            run(
                    ports[0],
                    "shrink",
                    "127.0.0.1:" + ports[0],
                    "127.0.0.1:" + ports[1],
                    "127.0.0.1:" + ports[2],
                    "--yes")
                .err())
        .isEqualTo("No primary would be left.\n");
  }
}
