package dev.spinel.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.wire.Client;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// `spinel cluster` on clusters of stock nodes, and of ours.
@ParameterizedClass
@EnumSource(Servers.Kind.class)
@Timeout(240)
class ClusterToolTest {
  @Parameter Servers.Kind kind;
  @TempDir Path directory;
  private Servers servers;

  @BeforeEach
  void start() {
    servers = kind.in(directory);
  }

  @AfterEach
  void stop() {
    if (servers != null) servers.close();
  }

  private static Ours run(int port, String... words) {
    List<String> all = new ArrayList<>(List.of("-p", "" + port));
    all.addAll(List.of(words));
    return Ours.cluster(all);
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
    for (int i = 0; i < ports.length; i++) ports[i] = servers.node();
    join(ports, slots);
    return ports;
  }

  private static void join(int[] ports, String... slots) {
    for (int i = 0; i < ports.length; i++) {
      assertThat(ask(ports[i], "CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1))).isEqualTo("OK");
      if (i > 0) ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", "" + ports[i]);
      if (slots[i].isEmpty()) continue;
      String[] ends = slots[i].split(" ");
      assertThat(ask(ports[i], "CLUSTER", "ADDSLOTSRANGE", ends[0], ends[1])).isEqualTo("OK");
    }
    for (int port : ports) awaitWhole(port, ports.length);
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
    assertThat(plan.out())
        .contains("127.0.0.1:" + ports[0] + " -> ", " slots, ", " keys, about ")
        .containsPattern("\nIn all \\d+ slots, \\d+ keys, about .* MB: (at most )?about ");
    assertThat(run(ports[0], "plan", "balance", "--json", "--throttle", "1").out())
        .startsWith("{\"moves\":[{\"from\":")
        .containsPattern(",\"slots\":(\\d+),\"keys\":\\d+,\"bytes\":\\d+,\"seconds\":\\1\\.0}\n$");
    assertThat(run(ports[0], "balance").out()).endsWith("Move them? (type 'yes' to accept): ");
    Ours asks = run(ports[0], "balance", "--json");
    assertThat(asks.status()).isEqualTo(1);
    assertThat(asks.out().lines().toList().getLast())
        .startsWith("{\"command\":\"balance\",\"done\":false,\"error\":\"With --json nothing is");
    Ours done = run(ports[0], "balance", "--yes", "--throttle", "1000", "--json");
    assertThat(done.status()).as(done.err()).isZero();
    assertThat(done.out().lines()).allMatch(line -> line.startsWith("{\"") && line.endsWith("}"));
    assertThat(done.out())
        .contains("{\"moved\":")
        .endsWith("{\"command\":\"balance\",\"done\":true}\n");
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
    Ours again = run(ports[0], "shrink", "127.0.0.1:" + ports[2], "--yes");
    assertThat(again.status()).as(again.err()).isZero();
    assertThat(again.out()).endsWith(" left the cluster before.\n");
    await().until(() -> !ask(ports[3], "CLUSTER", "NODES").contains("myself,slave " + leaving));
    awaitWhole(ports[1], 3);
  }

  @Test
  void aNewNodeGetsItsShare() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383");
    int fresh = servers.node();
    Ours plan = run(ports[0], "plan", "grow", "127.0.0.1:" + fresh, "--json");
    assertThat(plan.out()).contains("\"slots\":1365").contains("\"slots\":1366");
    assertThat(ask(fresh, "CLUSTER", "INFO")).contains("cluster_known_nodes:1\r");
    // whole, where they can: 4096 slots one by one take a while
    Ours done = run(ports[0], "grow", "127.0.0.1:" + fresh, "--yes");
    assertThat(done.status()).as(done.err()).isZero();
    assertThat(run(fresh, "status", "--json").out().split("\"slots\":4096", -1)).hasSize(5);
    Ours again = run(ports[0], "grow", "127.0.0.1:" + fresh, "--yes");
    assertThat(again.status()).as(again.err()).isZero();
    assertThat(again.out()).isEqualTo("The slots are spread evenly.\n");
    int other = servers.node();
    ask(other, "SET", "key", "value");
    ask(other, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await().until(() -> "OK".equals(ask(other, "SET", "key", "value")));
    Ours full = run(ports[0], "grow", "127.0.0.1:" + other, "--yes");
    assertThat(full.status()).isEqualTo(1);
    assertThat(full.out()).contains("is not empty");
  }

  /// Without `masterauth` the target can't log in at the source, but the tool can at both.
  @Test
  void whyKeysMoveOneByOneIsSaidOnce() throws IOException {
    assumeTrue(kind == Servers.Kind.SPINEL);
    int[] ports = cluster("0 8100", "8101 16380", "16381 16383");
    for (int port : ports) ask(port, "CONFIG", "SET", "requirepass", "secret");
    Ours done =
        run(
            ports[0],
            "-a",
            "secret",
            "--no-auth-warning",
            "shrink",
            "127.0.0.1:" + ports[2],
            "--yes");
    assertThat(done.status()).as(done.err() + done.out()).isZero();
    assertThat(done.out().split("can't move whole: the source says: NOAUTH", -1)).hasSize(2);
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
    assertThat(run(ports[1], login[0], login[1], login[2], "balance").out())
        .isEqualTo("Some slots are half moved. Finish them first? (type 'yes' to accept): ");
    Ours finished = run(ports[1], login[0], login[1], login[2], "balance", "--yes");
    assertThat(finished.status()).as(finished.err()).isZero();
    assertThat(finished.out())
        .contains(">>> Case 4: Closing slot 6000 ")
        .endsWith("The slots are spread evenly.\n");
    assertThat(run(ports[1], login[0], login[1], login[2], "doctor").out())
        .doesNotContain("slot 6000");
  }

  @Test
  void mistakesAreToldBeforeAnythingHappens() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383");
    assertThat(run(ports[0]).out()).startsWith("Usage: spinel cluster ");
    assertThat(run(ports[0], "grow", "--help").out()).startsWith("Usage: spinel cluster ");
    String help = " spinel cluster help lists all.\n";
    assertThat(run(ports[0], "grow").err()).isEqualTo("grow takes HOST:PORT, one or more." + help);
    assertThat(run(ports[0], "switch", "a", "b").err()).isEqualTo("switch takes one NODE." + help);
    assertThat(run(ports[0], "balance", "a").err())
        .isEqualTo("balance takes nothing behind it: 'a'." + help);
    assertThat(run(ports[0], "grwo", "a").err()).isEqualTo("There is no command 'grwo'." + help);
    assertThat(run(ports[0], "balance", "-p", "1").err())
        .isEqualTo(
            "There is no option -p behind a command; those of redis-cli go in front of it." + help);
    int fresh = servers.node();
    Ours refused = run(ports[0], "grow", "127.0.0.1:" + fresh, "127.0.0.1:" + ports[1]);
    assertThat(refused.out()) // the plan, then the question
        .contains("127.0.0.1:" + ports[0] + " -> 127.0.0.1:" + fresh + ": 1365 slots, 0 keys, ")
        .endsWith(
            "Take in 127.0.0.1:"
                + fresh
                + " and spread the slots evenly? (type 'yes' to accept): ");
    assertThat(refused.err()).isEqualTo("Nothing was changed.\n");
    assertThat(ask(fresh, "CLUSTER", "INFO")).contains("cluster_known_nodes:1\r");
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

  @Test
  void aNodeIsAddedAndItIsSaidWhatBecameOfIt() throws IOException {
    int[] ports = cluster("0 8191", "8192 16383");
    int fresh = servers.node();
    Ours none = run(ports[0], "add-node", "127.0.0.1:" + (fresh + 1), "--yes");
    assertThat(none.status()).isEqualTo(1);
    assertThat(none.err())
        .contains("Could not connect to Redis at 127.0.0.1:" + (fresh + 1))
        .contains("a server that isn't in the cluster answers at 127.0.0.1:" + fresh + ":");
    assertThat(run(ports[0], "add-node", "127.0.0.1:" + fresh).out())
        .isEqualTo("Take in 127.0.0.1:" + fresh + " as an empty primary? (type 'yes' to accept): ");
    Ours added = run(ports[0], "add-node", "127.0.0.1:" + fresh, "--yes");
    assertThat(added.status()).as(added.err()).isZero();
    assertThat(added.out())
        .contains("127.0.0.1:" + fresh + " (")
        .endsWith(
            ") is in the cluster: a primary without slots. spinel cluster balance gives it its"
                + " share.\n");
    String of = "127.0.0.1:" + ports[1];
    Ours replica =
        run(ports[0], "add-node", "127.0.0.1:" + fresh, "--replica-of", of, "--yes", "--json");
    assertThat(replica.status()).as(replica.err() + replica.out()).isZero();
    assertThat(replica.out())
        .contains(") is in the cluster: a replica of " + of + ", its link up.\"}\n")
        .endsWith("{\"command\":\"add-node\",\"done\":true}\n");
    Ours again = run(ports[0], "add-node", "127.0.0.1:" + fresh, "--yes");
    assertThat(again.out()).contains(": a replica of " + of);
    assertThat(run(ports[0], "grow", "127.0.0.1:" + fresh).err())
        .endsWith(" is a replica in this cluster, and gets no slots.\n");
  }

  @Test
  void slotsThatAreStuckOrWithoutAnOwnerAreMendedAndShownBefore() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383");
    String second = ask(ports[1], "CLUSTER", "MYID");
    // half of a move is missing: what an interrupted reshard may leave
    assertThat(ask(ports[0], "CLUSTER", "SETSLOT", "5798", "IMPORTING", second)).isEqualTo("OK");
    for (int port : ports) assertThat(ask(port, "CLUSTER", "DELSLOTS", "77")).isEqualTo("OK");
    Ours shown = run(ports[0], "fix", "--dry-run");
    assertThat(shown.status()).as(shown.err()).isZero();
    assertThat(shown.out())
        .contains(">>> Fixing open slot 5798\n", ">>> Case 2: ", "STABLE in 127.0.0.1:" + ports[0])
        .contains(">>> Covering slot 77 with ");
    assertThat(ask(ports[0], "CLUSTER", "NODES")).contains("[5798-<-" + second);
    assertThat(ask(ports[0], "CLUSTER", "INFO")).contains("cluster_slots_assigned:16383");
    assertThat(run(ports[0], "fix").out()).endsWith("Do that? (type 'yes' to accept): ");
    Ours mended = run(ports[0], "fix", "--yes");
    assertThat(mended.status()).as(mended.err() + mended.out()).isZero();
    assertThat(ask(ports[0], "CLUSTER", "NODES")).doesNotContain("-<-");
    for (int port : ports) awaitWhole(port, 3);
    assertThat(run(ports[0], "fix", "--dry-run").out()).endsWith("There is nothing to mend.\n");
  }

  @Test
  void nodesWhoseAddressesMovedAreIntroducedAnewAndSlotsOfTheMissingStayTheirs()
      throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383");
    for (int port : ports) fill(port);
    for (int port : ports) assertThat(ask(port, "SAVE")).isEqualTo("OK");
    for (int port : ports) servers.stop(port);
    servers.node(ports[1], ports[0]);
    servers.node(ports[2], ports[1]);
    String[] others = {"127.0.0.1:" + ports[2], "127.0.0.1:" + ports[0]};
    Ours refused = run(ports[1], "fix", others[0], "--yes");
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.err()).endsWith("spinel cluster fix HOST:PORT...\n");
    servers.node(ports[0], ports[2]);
    await()
        .atMost(60, TimeUnit.SECONDS)
        .untilAsserted(
            () -> {
              Ours mended = run(ports[1], "fix", others[0], others[1], "--yes");
              assertThat(mended.status()).as(mended.err() + mended.out()).isZero();
            });
    for (int port : ports) awaitWhole(port, 3);
    long keys = 0;
    for (int port : ports) keys += Long.parseLong(ask(port, "DBSIZE"));
    assertThat(keys).isEqualTo(100);
  }

  /// Nodes without DEBUG, which Redis's own manager can't compare values without.
  private int[] clusterWithoutDebug() throws IOException {
    int[] ports = new int[3];
    String[] slots = {"0 5460", "5461 10922", "10923 16383"};
    for (int i = 0; i < ports.length; i++) {
      ports[i] =
          servers.server(
              "--cluster-enabled",
              "yes",
              "--cluster-node-timeout",
              "2000",
              "--enable-debug-command",
              "no");
    }
    join(ports, slots);
    assertThat(ask(ports[0], "DEBUG", "DIGEST-VALUE", "k")).startsWith("ERR DEBUG command not");
    return ports;
  }

  private static List<String> manager(int port) {
    return List.of("--cluster", "fix", "127.0.0.1:" + port);
  }

  /// Sets a key of a slot that the node imports.
  private static void setAsking(int port, String key, String value) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port)) {
      assertThat(client.command("ASKING").text()).isEqualTo("OK");
      assertThat(client.command("SET", key, value).text()).isEqualTo("OK");
    }
  }

  @Test
  void ofAKeyThatIsAtBothNodesTheCopyStaysThatClientsAreServed() throws IOException {
    int[] ports = clusterWithoutDebug();
    String first = ask(ports[0], "CLUSTER", "MYID");
    String second = ask(ports[1], "CLUSTER", "MYID");
    String slot = ask(ports[0], "CLUSTER", "KEYSLOT", "{k3}"); // 4576: the first one's
    String[] keys = {"{k3}a", "{k3}b", "{k3}c"};
    for (String key : keys) ask(ports[0], "SET", key, "newer");
    // The move is completed, though the target has other values, and as many keys.
    ask(ports[1], "CLUSTER", "SETSLOT", slot, "IMPORTING", first);
    ask(ports[0], "CLUSTER", "SETSLOT", slot, "MIGRATING", second);
    for (String key : keys) setAsking(ports[1], key, "older");
    setAsking(ports[1], "{k3}d", "moved");
    Ours unsure = run(ports[2], "resume");
    assertThat(unsure.status()).isEqualTo(1);
    assertThat(unsure.out())
        .contains("*** Found 3 key(s) in both source node and target node having different values.")
        .contains("Clients are served the values at 127.0.0.1:" + ports[0], "--keep-served");
    assertThat(ask(ports[0], "DBSIZE")).isEqualTo("3");
    assertThat(ask(ports[1], "DBSIZE")).isEqualTo("4");
    Ours done = run(ports[2], "resume", "--keep-served");
    assertThat(done.status()).as(done.out() + done.err()).isZero();
    assertThat(done.out())
        .contains(">>> Case 1: Moving slot " + slot + " from 127.0.0.1:" + ports[0])
        .contains(
            "*** Found 3 key(s) in both source node and target node having different values.",
            "    - {k3}a\n",
            "    - {k3}b\n",
            "    - {k3}c\n",
            "Those at 127.0.0.1:" + ports[1] + " may be the newer ones",
            "are newer if 127.0.0.1:" + ports[0] + " was restarted, or replaced by its replica",
            "*** The values at 127.0.0.1:"
                + ports[1]
                + " are deleted, those at 127.0.0.1:"
                + ports[0])
        .containsPattern(":" + ports[0] + " has run for about .*, 127.0.0.1:" + ports[1] + " for a")
        .contains("*** Keys of the slot are at both nodes: those of 127.0.0.1:" + ports[0]);
    assertThat(ask(ports[0], "DBSIZE")).isEqualTo("0");
    assertThat(ask(ports[1], "DBSIZE")).isEqualTo("4");
    for (String key : keys) assertThat(ask(ports[1], "GET", key)).isEqualTo("newer");
    for (int port : ports) awaitWhole(port, 3);

    // redis-cli's fix replaces equal ones, and refuses to choose between others.
    ask(ports[0], "CLUSTER", "SETSLOT", slot, "IMPORTING", second);
    setAsking(ports[0], "{k3}b", "newer");
    Ours fixed = Ours.run("", Map.of(), manager(ports[0]));
    assertThat(fixed.status()).as(fixed.out() + fixed.err()).isZero();
    assertThat(fixed.out()).contains("*** Target key exists\n", "*** Replacing target keys...\n");
    ask(ports[0], "CLUSTER", "SETSLOT", slot, "IMPORTING", second);
    setAsking(ports[0], "{k3}a", "older");
    setAsking(ports[0], "{k3}alone", "lost otherwise");
    Ours refused = Ours.run("", Map.of(), manager(ports[0]));
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.out())
        .contains(
            "*** Found 1 key(s) in both source node and target node having different values.\n",
            "    - {k3}a\n")
        .doesNotContain("DEBUG");

    // Nobody gives the slot away: who has it keeps its copies, and gets the rest.
    Ours asked = run(ports[2], "fix", "--yes");
    assertThat(asked.status()).isEqualTo(1);
    assertThat(asked.out()).contains("    - {k3}a\n", "--keep-served");
    Ours gathered = run(ports[2], "fix", "--yes", "--keep-served");
    assertThat(gathered.status()).as(gathered.out() + gathered.err()).isZero();
    assertThat(gathered.out())
        .contains("those of 127.0.0.1:" + ports[1] + " stay")
        .contains("    - {k3}a\n", "*** The values at 127.0.0.1:" + ports[0] + " are deleted, ");
    for (String key : keys) assertThat(ask(ports[1], "GET", key)).isEqualTo("newer");
    assertThat(ask(ports[1], "GET", "{k3}alone")).isEqualTo("lost otherwise");
    assertThat(ask(ports[0], "DBSIZE")).isEqualTo("0");
  }

  @Test
  void equalCopiesAndKeysOfNodesThatDontImportGoHome() throws IOException {
    int[] ports = clusterWithoutDebug();
    String slot = ask(ports[0], "CLUSTER", "KEYSLOT", "{k3}"); // the first one's
    String first = ask(ports[0], "CLUSTER", "MYID");
    ask(ports[0], "SET", "{k3}both", "equal");
    ask(ports[1], "CLUSTER", "SETSLOT", slot, "IMPORTING", first);
    setAsking(ports[1], "{k3}both", "equal");
    setAsking(ports[1], "{k3}there", "alone");
    ask(ports[1], "CLUSTER", "SETSLOT", slot, "STABLE");
    ask(ports[2], "CLUSTER", "SETSLOT", slot, "IMPORTING", first); // so the slot is looked at
    Ours fixed = run(ports[2], "fix", "--yes");
    assertThat(fixed.status()).as(fixed.out() + fixed.err()).isZero();
    assertThat(ask(ports[0], "GET", "{k3}both")).isEqualTo("equal");
    assertThat(ask(ports[0], "GET", "{k3}there")).isEqualTo("alone");
    assertThat(ask(ports[1], "DBSIZE")).isEqualTo("0");
    for (int port : ports) awaitWhole(port, 3);
  }

  /// The fix of Redis's own manager gives the slot away, and breaks off: its owner that was is left
  /// with keys, and with a slot that it migrates and hasn't.
  @Test
  void aFixThatBrokeOffIsFinished() throws IOException {
    int[] ports = clusterWithoutDebug();
    String slot = ask(ports[0], "CLUSTER", "KEYSLOT", "{k3}"); // the first one's
    ask(ports[0], "SET", "{k3}both", "newer");
    ask(ports[0], "SET", "{k3}alone", "there");
    ask(ports[1], "CLUSTER", "SETSLOT", slot, "IMPORTING", ask(ports[0], "CLUSTER", "MYID"));
    ask(ports[0], "CLUSTER", "SETSLOT", slot, "MIGRATING", ask(ports[1], "CLUSTER", "MYID"));
    setAsking(ports[1], "{k3}both", "older");
    for (String key : List.of("{k3}1", "{k3}2")) setAsking(ports[1], key, "moved"); // most keys
    Ours broken = Ours.run("", Map.of(), manager(ports[0]));
    assertThat(broken.status()).isEqualTo(1);
    assertThat(broken.out())
        .contains("Configuring 127.0.0.1:" + ports[1] + " as the slot owner\n")
        .contains("having different values");
    Ours unsure = run(ports[2], "resume");
    assertThat(unsure.status()).isEqualTo(1);
    assertThat(unsure.out()).contains("    - {k3}both\n", "--keep-served");
    String wasServed =
        "127.0.0.1:" + ports[0] + " had the slot before and says that it gives it away still.";
    assertThat(unsure.out()).contains(wasServed, "which it does for the number of keys");
    Ours done = run(ports[2], "resume", "--keep-served", "--yes", "--json");
    assertThat(done.status()).as(done.out() + done.err()).isZero();
    assertThat(done.out())
        .contains(wasServed)
        .containsPattern(
            "\\{\"differing_keys\":\\[\"\\{k3}both\"],\"slot\":"
                + slot
                + ",\"served_at\":\"127.0.0.1:"
                + ports[1]
                + "\",\"other_at\":\"127.0.0.1:"
                + ports[0]
                + "\",\"other_had_the_slot\":true,\"served_uptime_seconds\":\\d+,"
                + "\"other_uptime_seconds\":\\d+,\"others_are_deleted\":true}\n");
    assertThat(ask(ports[1], "GET", "{k3}both")).isEqualTo("older"); // clients have been served it
    assertThat(ask(ports[1], "GET", "{k3}alone")).isEqualTo("there");
    assertThat(ask(ports[0], "DBSIZE")).isEqualTo("0");
    assertThat(ask(ports[0], "CLUSTER", "NODES")).doesNotContain("->-", "-<-");
    for (int port : ports) awaitWhole(port, 3);
  }

  /// The first node had the slot, and didn't hear that another one has it now; that one gives it to
  /// a third. What the first one has goes to whoever has the slot in the end.
  @Test
  void aFormerOwnerIsNoTarget() throws IOException {
    int[] ports = clusterWithoutDebug();
    String slot = ask(ports[0], "CLUSTER", "KEYSLOT", "{k3}"); // the first one's
    String owner = ask(ports[1], "CLUSTER", "MYID");
    String target = ask(ports[2], "CLUSTER", "MYID");
    for (boolean isTaken : new boolean[] {false, true}) {
      String last = isTaken ? "2" : "1";
      ask(ports[0], "SET", "{k3}left" + last, "there");
      assertThat(ask(ports[0], "CLUSTER", "SETSLOT", slot, "MIGRATING", owner)).isEqualTo("OK");
      for (int port : ports) assertThat(ask(port, "CLUSTER", "DELSLOTS", slot)).isEqualTo("OK");
      assertThat(ask(ports[1], "CLUSTER", "ADDSLOTS", slot)).isEqualTo("OK");
      ask(ports[1], "CLUSTER", "BUMPEPOCH");
      for (int port : ports) {
        assertThat(ask(port, "CLUSTER", "SETSLOT", slot, "NODE", owner)).isEqualTo("OK");
      }
      for (int port : ports) awaitWhole(port, 3);
      ask(ports[1], "SET", "{k3}served" + last, "there");
      assertThat(ask(ports[1], "CLUSTER", "SETSLOT", slot, "MIGRATING", target)).isEqualTo("OK");
      if (isTaken) {
        ask(ports[2], "CLUSTER", "SETSLOT", slot, "IMPORTING", owner);
        setAsking(ports[2], "{k3}moved", "there");
      }
      assertThat(run(ports[2], "doctor").out())
          .contains(
              "slot " + slot + " is on its way from 127.0.0.1:" + ports[0] + ", which doesn't");
      assertThat(run(ports[2], "fix", "--dry-run").out())
          .contains("*** 127.0.0.1:" + ports[0] + " says that it migrates the slot, and doesn't")
          .contains("Set as migrating in: 127.0.0.1:" + ports[1] + "\n");
      Ours fixed = run(ports[2], "fix", "--yes");
      assertThat(fixed.status()).as(fixed.out() + fixed.err()).isZero();
      int at = ports[isTaken ? 2 : 1];
      for (String key : List.of("{k3}left" + last, "{k3}served" + last)) {
        assertThat(ask(at, "GET", key)).as(fixed.out()).isEqualTo("there");
      }
      for (int port : ports) {
        assertThat(ask(port, "CLUSTER", "NODES")).doesNotContain("->-", "-<-");
        if (port != at) assertThat(ask(port, "DBSIZE")).isEqualTo("0");
        awaitWhole(port, 3);
      }
      if (isTaken) break;
      assertThat(fixed.out()).contains(">>> Case 4: ", ">>> Case 2: ");
      List<String> back = new ArrayList<>(List.of("--cluster", "reshard", "127.0.0.1:" + ports[0]));
      back.addAll(List.of("--cluster-from", owner, "--cluster-slots", "1", "--cluster-yes"));
      back.addAll(List.of("--cluster-to", ask(ports[0], "CLUSTER", "MYID"))); // the lowest slot
      Ours moved = Ours.run("", Map.of(), back);
      assertThat(moved.status()).as(moved.out() + moved.err()).isZero();
    }
    assertThat(ask(ports[2], "GET", "{k3}moved")).isEqualTo("there");
    assertThat(ask(ports[2], "DBSIZE")).isEqualTo("5");
  }

  /// A node that was just introduced says for some time that the cluster is down.
  @Test
  void aBalanceWaitsForANodeThatHasJustComeIn() throws IOException {
    int[] ports = cluster("0 5460", "5461 10922", "10923 16383");
    for (int port : ports) fill(port);
    int fresh = servers.node();
    ask(fresh, "CLUSTER", "MEET", "127.0.0.1", "" + ports[0]);
    await()
        .pollInterval(10, TimeUnit.MILLISECONDS)
        .until(() -> ask(ports[0], "CLUSTER", "NODES").contains(":" + fresh + "@"));
    Ours done = run(ports[0], "balance", "--yes", "--key-by-key");
    assertThat(done.status()).as(done.out() + done.err()).isZero();
    assertThat(ask(fresh, "CLUSTER", "INFO")).contains("cluster_state:ok");
    long keys = Long.parseLong(ask(fresh, "DBSIZE"));
    for (int port : ports) keys += Long.parseLong(ask(port, "DBSIZE"));
    assertThat(keys).isEqualTo(100);
  }

  /// A node without slots is taken out though it is dead, one with slots isn't.
  @Test
  void aNodeThatIsGoneForGoodIsForgotten() throws IOException {
    int[] ports = cluster("0 8187", "8188 16375", "16376 16383", "");
    String gone = "127.0.0.1:" + ports[3];
    String lost = "127.0.0.1:" + ports[2];
    servers.stop(ports[3]);
    String flags = ":" + ports[3] + "@\\S+ master,fail ";
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> Pattern.compile(flags).matcher(ask(ports[0], "CLUSTER", "NODES")).find());
    assertThat(run(ports[0], "doctor").out())
        .contains("primary " + gone + " can't be reached\n")
        .contains("spinel cluster shrink " + gone + " takes it out\n");
    Ours done = run(ports[0], "shrink", gone, "--yes");
    assertThat(done.status()).as(done.err() + done.out()).isZero();
    assertThat(done.out())
        .endsWith("If " + gone + " comes back, it has to be told: CLUSTER RESET there.\n");
    assertThat(ask(ports[0], "CLUSTER", "NODES")).doesNotContain(gone);
    servers.stop(ports[2]);
    assertThat(run(ports[0], "shrink", lost, "--yes").err())
        .endsWith(lost + " can't be reached, and has slots: spinel cluster doctor says more.\n");
  }

  @Test
  void theDoctorKnowsWhoAnswersWhereAndWhatIsUneven() throws IOException {
    int[] ports = cluster("0 9000", "9001 10922", "10923 16383");
    assertThat(run(ports[0], "doctor").out())
        .contains("slots are uneven: one primary has 9001, another 1922\n")
        .contains("-> spinel cluster balance\n")
        .doesNotContain("save to one file");
    servers.stop(ports[2]);
    assertThat(run(ports[0], "doctor").out())
        .contains("primary 127.0.0.1:" + ports[2] + " can't be reached\n")
        .contains(", and then spinel cluster fix gives its slots away, empty\n")
        .contains("5461 slots have no owner that can be reached: [10923-16383]\n")
        .contains("bring back the nodes above first");
    int other = servers.node();
    servers.stop(other);
    servers.node(ports[2], other); // somebody else at the address of the one that is gone
    Ours taken = run(ports[0], "doctor");
    assertThat(taken.status()).isEqualTo(1);
    assertThat(taken.out()) // the other nodes hear who that is, and forget the address
        .containsPattern("isn't at its address: another node answers there|nobody knows where");
  }

  @Test
  void theDoctorTakesNobodyForAnotherNodeWhoIsBeingMetOrWantsAPassword() throws IOException {
    int[] ports = cluster("0 8191", "8192 16383");
    int fresh = servers.node();
    String at = "127.0.0.1:" + fresh;
    await() // it is given up after two seconds, as nobody answers on that port of the bus
        .atMost(60, TimeUnit.SECONDS)
        .untilAsserted(
            () -> {
              ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", "" + fresh, "" + ports[0]);
              assertThat(run(ports[0], "doctor").out())
                  .contains(
                      " has been told of " + at + ", and isn't answered yet on its bus port, ")
                  .doesNotContain("another node answers");
            });
    assertThat(ask(ports[1], "CONFIG", "SET", "requirepass", "another")).isEqualTo("OK");
    assertThat(run(ports[0], "doctor").out())
        .contains(":" + ports[1] + " answers, and doesn't take the user and password that were gi")
        .doesNotContain("another node answers", "can't be reached\n");
  }

  @Test
  void theDoctorSaysWhatKindOfServerAnswersInstead() throws IOException {
    int[] ports = cluster("0 8191", "8192 16383");
    servers.stop(ports[1]);
    InetAddress loopback = InetAddress.getLoopbackAddress();
    try (ServerSocket other = new ServerSocket(ports[1], 50, loopback)) {
      AtomicReference<String> error = new AtomicReference<>("");
      Thread.ofVirtual().start(() -> refuseAll(other, error::get));
      error.set("ERR This instance has cluster support disabled");
      assertThat(run(ports[0], "doctor").out())
          .contains(
              ":" + ports[1] + " isn't at its address: a server answers there that is no nod");
      error.set("DENIED Redis is running in protected mode");
      assertThat(run(ports[0], "doctor").out())
          .contains(
              ":" + ports[1] + " answers, and doesn't say who it is: it is in protected mode");
    }
  }

  /// Answers each command with an error, until the socket is closed.
  private static void refuseAll(ServerSocket at, Supplier<String> error) {
    byte[] command = new byte[1024];
    while (!at.isClosed()) {
      try (Socket one = at.accept()) {
        while (one.getInputStream().read(command) > 0) {
          one.getOutputStream().write(("-" + error.get() + "\r\n").getBytes(US_ASCII));
        }
      } catch (IOException e) {
        continue; // the client is gone, or the test is over
      }
    }
  }

  @Test
  void theDoctorSeesTwoNodesThatSaveToOneFile() throws IOException {
    assumeTrue(kind == Servers.Kind.STOCK); // ours write other files then
    int first = servers.node();
    String folder = Servers.ask(first, "CONFIG", "GET", "dir").elements().get(1).text();
    int second =
        servers.server(
            "--cluster-enabled", "yes", "--cluster-config-file", "other.conf", "--dir", folder);
    join(new int[] {first, second}, "0 8191", "8192 16383");
    assertThat(run(first, "doctor").out())
        .contains(" save to one file, " + folder + "/dump.rdb\n")
        .contains("-> give each node a folder, or a dbfilename, of its own\n");
  }

  @Test
  void atCtrlCItStopsBetweenTwoSlots() throws Exception {
    int[] ports = cluster("0 5520", "5521 10941", "10942 16383");
    String unignored = "--default-signal=INT"; // whoever runs this in the background ignores it
    assumeTrue(Stock.isThere("env", unignored));
    ProcessBuilder builder =
        new ProcessBuilder(
            "env",
            unignored,
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            ClusterTool.class.getName());
    builder.command().addAll(List.of("-p", "" + ports[0], "balance", "--yes", "--throttle", "10"));
    builder.environment().put("FAKETTY", "1"); // each second it tells how far it is
    Process process = builder.redirectErrorStream(true).start();
    StringBuilder said = new StringBuilder();
    for (int c = process.getInputStream().read(); c >= 0; c = process.getInputStream().read()) {
      said.append((char) c);
      if (c == '%' && said.indexOf("%") == said.length() - 1) {
        new ProcessBuilder("kill", "-INT", "" + process.pid()).start().waitFor();
      }
    }
    assertThat(process.waitFor()).as(said.toString()).isEqualTo(1);
    assertThat(said.toString())
        .containsPattern("\nStopped: \\d+ of 59 slots are moved, none is half\\. The same comm");
    for (int port : ports) assertThat(ask(port, "CLUSTER", "NODES")).doesNotContain("->-", "-<-");
    Ours rest = run(ports[1], "balance", "--yes");
    assertThat(rest.status()).as(rest.out() + rest.err()).isZero();
    assertThat(run(ports[0], "plan").out()).isEqualTo("The slots are spread evenly.\n");
  }
}
