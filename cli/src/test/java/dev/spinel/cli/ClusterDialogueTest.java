package dev.spinel.cli;

import static dev.spinel.cli.Servers.ask;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.wire.Client;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// What the cluster manager asks, and what it says to each kind of answer, beside the stock client
/// on the same cluster in the same state: equal byte for byte. What was changed is changed back
/// before the other one's turn.
@ParameterizedClass
@EnumSource(Servers.Kind.class)
@Timeout(180)
class ClusterDialogueTest {
  /// The ends of its questions.
  private static final Pattern ASKS =
      Pattern.compile(
          "(16384\\)\\? |node ID\\? |Source node #\\d+: |'yes' to accept\\): |\\(yes/no\\)\\?"
              + " )\\z");

  private static final String UNREACHABLE = "--cluster-fix-with-unreachable-masters";
  private static final int[] ENDS = {0, 5461, 10923, 16384};

  @TempDir static Path directory;
  private static Servers servers;

  /// Three primaries, and a replica of the first.
  private static final int[] PORTS = new int[4];

  private static final String[] IDS = new String[4];

  @Parameter Servers.Kind kind;
  private String first = "";

  @BeforeParameterizedClassInvocation
  static void start(Servers.Kind kind) throws IOException {
    assumeTrue(Stock.isThere("redis-cli"), "no stock redis-cli");
    servers = kind.in(directory);
    for (int i = 0; i < PORTS.length; i++) {
      PORTS[i] = servers.node();
      IDS[i] = ask(PORTS[i], "CLUSTER", "MYID").text();
    }
    for (int i = 0; i < PORTS.length; i++) {
      done(i, "CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
      if (i < 3) done(i, "CLUSTER", "ADDSLOTSRANGE", "" + ENDS[i], "" + (ENDS[i + 1] - 1));
      if (i > 0) done(0, "CLUSTER", "MEET", "127.0.0.1", "" + PORTS[i]);
    }
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(() -> !ask(PORTS[3], "CLUSTER", "REPLICATE", IDS[0]).isError());
  }

  @AfterParameterizedClassInvocation
  static void stop() {
    if (servers != null) servers.close();
  }

  @BeforeEach
  void awaitWhole() {
    first = at(0);
    await().atMost(60, TimeUnit.SECONDS).until(() -> isWhole(PORTS));
  }

  @AfterEach
  void empty() {
    for (int i = 0; i < 3; i++) done(i, "FLUSHALL");
  }

  private static boolean isWhole(int... ports) {
    for (int port : ports) {
      String info = ask(port, "CLUSTER", "INFO").text();
      if (!info.contains("cluster_state:ok") || !info.contains("known_nodes:" + ports.length)) {
        return false;
      }
      for (int i = 0; i < 3 && port != PORTS[3]; i++) {
        String line = IDS[i] + " 127.0.0.1:" + PORTS[i] + "@";
        if (!ask(port, "CLUSTER", "NODES").text().contains(line)) return false;
      }
    }
    return ask(PORTS[0], "CLUSTER", "NODES").text().contains("slave " + IDS[0])
        && ours(List.of(), "--cluster", "check", at(0)).status() == 0;
  }

  private static String at(int node) {
    return "127.0.0.1:" + PORTS[node];
  }

  private static RespValue done(int node, String... command) {
    RespValue reply = ask(PORTS[node], command);
    assertThat(reply.isError()).as(String.join(" ", command) + ": " + reply).isFalse();
    return reply;
  }

  /// The first key `k…` of a slot.
  private static String keyOf(int slot) {
    for (int i = 0; ; i++) {
      byte[] key = ("k" + i).getBytes(StandardCharsets.ISO_8859_1);
      if (KeySlot.of(key, 0, key.length) == slot) return "k" + i;
    }
  }

  // ── Runs ──

  private static Ours ours(List<String> typed, String... words) {
    StringBuilder lines = new StringBuilder();
    for (String line : typed) lines.append(line).append('\n');
    return Ours.run(lines.toString(), Map.of(), List.of(words));
  }

  /// The stock client reads on as far as it likes: it gets a line when it asks.
  private static Ours stocks(List<String> typed, String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of("redis-cli"));
    command.addAll(List.of(words));
    ProcessBuilder program = new ProcessBuilder(command);
    program.environment().remove("TERM");
    return Typist.type(program, ASKS, typed);
  }

  private interface Preparation {
    void prepare() throws Exception;
  }

  /// Both say the same, each after the preparation.
  private static Ours same(Preparation before, List<String> typed, String... words)
      throws Exception {
    before.prepare();
    Ours expected = stocks(typed, words);
    before.prepare();
    assertThat(ours(typed, words)).as(String.join(" ", words) + " <" + typed).isEqualTo(expected);
    return expected;
  }

  private static Ours same(List<String> typed, String... words) throws Exception {
    return same(() -> {}, typed, words);
  }

  private static void sameAtTerminal(Preparation before, List<String> typed, String... words)
      throws Exception {
    List<Ours> seen = new ArrayList<>();
    for (String program : List.of("redis-cli", PromptTest.ours())) {
      before.prepare();
      String quoted = Typist.quoted(List.of(words));
      ProcessBuilder builder =
          Typist.atTerminal("stty -echo -onlcr; exec " + program + " " + quoted);
      builder.environment().put("TERM", "xterm");
      seen.add(Typist.type(builder, ASKS, typed));
    }
    assertThat(seen.get(1)).as(String.join(" ", words) + " <" + typed).isEqualTo(seen.get(0));
  }

  // ── reshard ──

  @Test
  void reshardAsksUntilItIsAnswered() throws Exception {
    String[] words = {"--cluster", "reshard", first};
    List<List<String>> dialogues =
        List.of(
            List.of("0", "-1", "", "abc", "16385", "99999999", "163841", "", "nobody"),
            List.of("2x", "", IDS[3]), // a replica
            List.of("2", IDS[0].substring(0, 8)),
            List.of("2", IDS[0], "nobody"),
            List.of("2", IDS[0], IDS[3]),
            List.of("2", IDS[0], ""),
            List.of("2", IDS[0], "done"),
            List.of("2", IDS[0], IDS[0], "done"),
            List.of("2", IDS[0], "done "),
            List.of("3", IDS[0], IDS[0], IDS[1], IDS[2], "done", "no"),
            List.of("3", IDS[0], IDS[1], IDS[1], "done", "n"),
            List.of("3", IDS[0], IDS[1], "all", "Yes"),
            List.of("3", IDS[0], "all", "y"),
            List.of("16384", IDS[0], "all", ""));
    for (List<String> typed : dialogues) assertThat(same(typed, words).status()).isEqualTo(1);
    assertThat(same(dialogues.get(0), words).out()).contains("(nobody) is not known or not a");
    sameAtTerminal(() -> {}, dialogues.get(0), words);
    sameAtTerminal(() -> {}, dialogues.get(9), words);
  }

  @Test
  void reshardTakesItsAnswersFromOptions() throws Exception {
    String[] from = {
      "all",
      "nobody",
      IDS[0],
      IDS[3],
      IDS[1] + "," + IDS[2],
      IDS[1] + ",",
      ",",
      "",
      IDS[0] + "," + IDS[1],
      IDS[1] + ",nobody",
      IDS[1] + ",all",
      "all," + IDS[1]
    };
    for (String sources : from) {
      same(
          List.of("no"),
          "--cluster",
          "reshard",
          first,
          "--cluster-from",
          sources,
          "--cluster-to",
          IDS[0],
          "--cluster-slots",
          "3");
    }
    same(List.of(IDS[0], "all", "no"), "--cluster", "reshard", first, "--cluster-slots", "3");
    same(List.of(IDS[0], "all", "no"), "--cluster", "reshard", first, "--cluster-slots", "-3");
    same(List.of(IDS[0], "all", "no"), "--cluster", "reshard", first, "--cluster-slots", "99999");
    same(List.of("3", "all", "no"), "--cluster", "reshard", first, "--cluster-to", IDS[0]);
    same(List.of("3", "all"), "--cluster", "reshard", first, "--cluster-to", IDS[3]);
    same(List.of("3", "all"), "--cluster", "reshard", first, "--cluster-to", "");
  }

  /// The first slots of the second node go to the first one, with their keys.
  @Test
  void reshardMovesWhatWasAgreedTo() throws Exception {
    Preparation back = () -> back(2);
    String[] words = {"--cluster", "reshard", first};
    Ours said = same(back, List.of("2", IDS[0], IDS[1], "done", "yes"), words);
    assertThat(said.status()).isZero();
    assertThat(said.out()).contains("Moving slot 5461 from " + at(1) + " to " + first + ": .\n");
    sameAtTerminal(back, List.of("2", IDS[0], IDS[1], "done", "yesterday"), words);
    String[] given = {"--cluster-from", IDS[1], "--cluster-to", IDS[0], "--cluster-slots", "2"};
    words =
        new String[] {
          "--cluster",
          "reshard",
          first,
          given[0],
          given[1],
          given[2],
          given[3],
          given[4],
          given[5],
          "--cluster-yes",
          "--cluster-pipeline",
          "1",
          "--cluster-timeout",
          "5000"
        };
    same(back, List.of(), words);
    assertThat(ask(PORTS[0], "GET", keyOf(5461)).text()).isEqualTo("v5461");
    back(2);
  }

  /// Slots of the second node that the first one has got return, each with one key.
  private void back(int slots) {
    for (int slot = ENDS[1]; slot < ENDS[1] + slots; slot++) {
      String number = "" + slot;
      boolean isAway = !ask(PORTS[0], "SET", keyOf(slot), "v").isError();
      if (isAway) {
        done(0, "DEL", keyOf(slot));
        done(1, "CLUSTER", "SETSLOT", number, "IMPORTING", IDS[0]);
        done(1, "CLUSTER", "SETSLOT", number, "NODE", IDS[1]);
        done(0, "CLUSTER", "SETSLOT", number, "NODE", IDS[1]);
        done(2, "CLUSTER", "SETSLOT", number, "NODE", IDS[1]);
      }
      done(1, "SET", keyOf(slot), "v" + slot);
    }
    awaitWhole();
  }

  /// A key that both nodes have.
  @Test
  void keysOfTheTargetAreReplacedIfThatIsAskedFor() throws Exception {
    String key = keyOf(ENDS[1]);
    String[] words = {
      "--cluster",
      "reshard",
      first,
      "--cluster-from",
      IDS[1],
      "--cluster-to",
      IDS[0],
      "--cluster-slots",
      "1",
      "--cluster-yes",
      "--cluster-replace"
    };
    String[] without = List.of(words).subList(0, words.length - 1).toArray(new String[0]);
    Ours refused = same(() -> atBoth("other"), List.of(), without);
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.out()).contains("having different values.\n", "    - " + key + "\n");
    Ours equal = same(() -> atBoth("v5461"), List.of(), without);
    assertThat(equal.out()).contains("*** Replacing target keys...\n");
    Ours replaced = same(() -> atBoth("other"), List.of(), words);
    assertThat(replaced.status()).as(replaced.out()).isZero();
    assertThat(ask(PORTS[0], "GET", key).text()).isEqualTo("v5461");
    String[] rebalance = {
      "--cluster",
      "rebalance",
      first,
      "--cluster-weight",
      IDS[1] + "=0.9999",
      "--cluster-threshold",
      "0.001"
    };
    same(() -> atBoth("other"), List.of(), rebalance);
    for (int i = 0; i < 3; i++) done(i, "CLUSTER", "SETSLOT", "" + ENDS[1], "STABLE");
    back(1);
  }

  /// The first slot of the second node is where it was, with a key that the first node has, too.
  private void atBoth(String value) throws IOException {
    String slot = "" + ENDS[1];
    String key = keyOf(ENDS[1]);
    for (int i = 0; i < 3; i++) done(i, "CLUSTER", "SETSLOT", slot, "STABLE");
    back(1);
    done(0, "CLUSTER", "SETSLOT", slot, "IMPORTING", IDS[1]);
    try (Client client = Client.connect("127.0.0.1", PORTS[0])) {
      client.command("ASKING");
      assertThat(client.command("SET", key, value).isError()).isFalse();
    }
    done(0, "CLUSTER", "SETSLOT", slot, "STABLE");
  }

  // ── create ──

  @Test
  void createAsks() throws Exception {
    int[] fresh = {servers.node(), servers.node(), servers.node()};
    String single = "127.0.0.1:" + servers.server();
    List<String> nodes = new ArrayList<>();
    for (int port : fresh) nodes.add("127.0.0.1:" + port);
    String[] words = {"--cluster", "create", nodes.get(0), nodes.get(1), nodes.get(2)};
    for (String answer : List.of("no", "", "y", "YES", " yes", "yes")) {
      if (!answer.equals("yes")) assertThat(same(List.of(answer), words).status()).isZero();
    }
    sameAtTerminal(() -> {}, List.of("no"), words);
    same(List.of("no"), "--cluster", "create", nodes.get(0), nodes.get(1));
    same(List.of(), "--cluster", "create", nodes.get(0));
    same(List.of(), "--cluster", "create", nodes.get(0), nodes.get(1), single);
    same(List.of(), "--cluster", "create", nodes.get(0), nodes.get(1), "127.0.0.1:1");
    same(List.of(), "--cluster", "create", nodes.get(0), nodes.get(1), "nonsense");
    same(List.of(), "--cluster", "create", nodes.get(0), nodes.get(1), first);
    same(
        List.of("no"),
        "--cluster",
        "create",
        nodes.get(0),
        nodes.get(1),
        nodes.get(2),
        "--cluster-replicas",
        "1");
    ask(fresh[1], "SET", "k", "v"); // refused: it has no slots
    List<String> made = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      for (int port : fresh) ask(port, "CLUSTER", "RESET", "HARD");
      Ours run = i == 0 ? stocks(List.of("yes"), words) : ours(List.of("yes"), words);
      assertThat(run.status()).as(run.out() + run.err()).isZero();
      made.add(withoutChance(run.out()));
    }
    assertThat(made.get(1)).isEqualTo(made.get(0));
    for (int port : fresh) servers.stop(port);
  }

  /// Identities are drawn, and the order of nodes and how long they take to meet with them.
  private static String withoutChance(String out) {
    List<String> lines = new ArrayList<>();
    out.replaceAll("[0-9a-f]{40}", "ID").replaceAll("(?m)^\\.+$", ".").lines().forEach(lines::add);
    int check = lines.indexOf(lines.stream().filter(l -> l.startsWith(">>> Perf")).toList().get(1));
    List<String> nodes = lines.subList(check + 1, lines.size());
    nodes.sort(null);
    return String.join("\n", lines);
  }

  // ── fix ──

  @Test
  void fixAsksWhoGetsSlots() throws Exception {
    Preparation uncovered =
        () -> {
          quiet = 0;
          await().atMost(30, TimeUnit.SECONDS).until(() -> areUncovered(20, 21));
        };
    done(0, "SET", keyOf(20), "v");
    String[] words = {"--cluster", "fix", first};
    uncovered.prepare();
    for (List<String> typed : List.of(List.of("no", "no"), List.of("y", ""))) {
      assertThat(same(typed, words).status()).isEqualTo(1);
    }
    sameAtTerminal(() -> {}, List.of("no", "no"), words);
    Ours one = same(uncovered, List.of("no", "yes"), words);
    assertThat(one.out()).contains(">>> Covering slot 20 with " + first + "\n");
    String[] said = new String[2];
    for (int i = 0; i < 2; i++) {
      uncovered.prepare();
      Ours run = i == 0 ? stocks(List.of("yes", "yes"), words) : ours(List.of("yes", "yes"), words);
      said[i] = run.out().replaceAll("(slot 21 with) .*", "$1 anybody");
    }
    assertThat(said[1]).isEqualTo(said[0]);
    uncovered.prepare();
    for (int i = 0; i < 3; i++) {
      for (String slot : List.of("20", "21")) {
        ask(PORTS[i], "CLUSTER", "SETSLOT", slot, "NODE", IDS[0]);
      }
    }
  }

  /// Slots of a primary that is gone are given away only if that is said.
  @Test
  void fixLeavesSlotsOfUnreachableNodes() throws Exception {
    int[] ports = {servers.node(), servers.node(), servers.node()};
    String[] slots = {"0 8000", "8001 16381", "16382 16383"};
    for (int i = 0; i < ports.length; i++) {
      ask(ports[i], "CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
      String[] ends = slots[i].split(" ");
      ask(ports[i], "CLUSTER", "ADDSLOTSRANGE", ends[0], ends[1]);
      if (i > 0) ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", "" + ports[i]);
    }
    String gone = ask(ports[2], "CLUSTER", "MYID").text();
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(
            () -> {
              for (int port : ports) {
                String info = ask(port, "CLUSTER", "INFO").text();
                if (!info.contains("state:ok") || !info.contains("nodes:3\r")) return false;
              }
              return true;
            });
    servers.stop(ports[2]);
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(
            () -> {
              for (int i = 0; i < 2; i++) {
                String nodes = ask(ports[i], "CLUSTER", "NODES").text();
                if (!nodes.matches("(?s).*" + gone + " \\S+ master,fail - .*")) return false;
              }
              return true;
            });
    String[] words = {"--cluster", "fix", "127.0.0.1:" + ports[0]};
    assertThat(same(List.of("yes"), words).status()).isEqualTo(1);
    same(List.of(), "--cluster", "check", "127.0.0.1:" + ports[0]);
    same(List.of("no"), words[0], words[1], words[2], UNREACHABLE);
    Ours given = ours(List.of("yes"), words[0], words[1], words[2], UNREACHABLE);
    assertThat(given.out()).contains(">>> Covering slot 16382 with 127.0.0.1:");
    for (int i = 0; i < 2; i++) servers.stop(ports[i]);
  }

  private int quiet; // times in a row that nobody spoke of the slots

  /// Who hears late of an owner that was has slots covered again: they are taken away until nobody
  /// speaks of them any more.
  private boolean areUncovered(int... slots) {
    boolean any = false;
    for (int slot : slots) any |= isCovered(slot);
    quiet = any ? 0 : quiet + 1;
    for (int slot : slots) {
      for (int i = 0; i < 4 && any; i++) ask(PORTS[i], "CLUSTER", "DELSLOTS", "" + slot);
    }
    return quiet == 4;
  }

  private static boolean isCovered(int slot) {
    for (int i = 0; i < 4; i++) {
      for (RespValue range : done(i, "CLUSTER", "SLOTS").elements()) {
        List<RespValue> parts = range.elements();
        if (parts.get(0).integer() <= slot && slot <= parts.get(1).integer()) return true;
      }
    }
    return false;
  }

  @Test
  void fixEndsWhatWasBegun() throws Exception {
    String slot = "" + ENDS[1];
    String[] words = {"--cluster", "fix", first};
    Preparation[] begun = {
      () -> done(0, "CLUSTER", "SETSLOT", slot, "IMPORTING", IDS[1]),
      () -> done(1, "CLUSTER", "SETSLOT", slot, "MIGRATING", IDS[0]),
      () -> {
        done(0, "CLUSTER", "SETSLOT", slot, "IMPORTING", IDS[1]);
        done(1, "CLUSTER", "SETSLOT", slot, "MIGRATING", IDS[0]);
      },
      () -> {
        done(0, "CLUSTER", "SETSLOT", slot, "IMPORTING", IDS[1]);
        done(1, "CLUSTER", "SETSLOT", slot, "MIGRATING", IDS[2]);
      },
      () -> {
        done(0, "CLUSTER", "SETSLOT", slot, "IMPORTING", IDS[1]);
        done(2, "CLUSTER", "SETSLOT", slot, "IMPORTING", IDS[1]);
      },
    };
    for (Preparation p : begun) {
      Preparation before =
          () -> {
            for (int i = 0; i < 3; i++) done(i, "CLUSTER", "SETSLOT", slot, "STABLE");
            back(1);
            p.prepare();
          };
      before.prepare();
      same(List.of(), "--cluster", "check", first);
      assertThat(same(before, List.of(), words).status()).isZero();
    }
    back(1);
  }

  // ── Nodes come and go ──

  @Test
  void nodesComeAndGo() throws Exception {
    same(List.of(), "--cluster", "del-node", first, IDS[1]);
    same(List.of(), "--cluster", "del-node", first, IDS[1].substring(0, 8));
    same(List.of(), "--cluster", "del-node", first, "");
    same(List.of(), "--cluster", "del-node", "127.0.0.1", "" + PORTS[0], IDS[1]);
    same(List.of(), "--cluster", "del-node", first);
    same(List.of(), "--cluster", "add-node", at(1), first);
    same(List.of(), "--cluster", "add-node", "127.0.0.1:1", first);
    same(List.of(), "--cluster", "add-node", "127.0.0.1:" + servers.server(), first);
    same(List.of(), "--cluster", "add-node", at(1), "127.0.0.1:1");
    String[] slave = {"--cluster", "add-node", "127.0.0.1:1", first, "--cluster-slave"};
    same(List.of(), slave[0], slave[1], slave[2], slave[3], slave[4], "--cluster-master-id", "x");
    List<List<String>> said = new ArrayList<>();
    for (boolean isOurs : new boolean[] {false, true}) {
      int port = servers.node();
      String fresh = "127.0.0.1:" + port;
      String id = ask(port, "CLUSTER", "MYID").text();
      String[] add = {"--cluster", "add-node", fresh, first};
      Ours added = isOurs ? ours(List.of(), add) : stocks(List.of(), add);
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() -> isWhole(PORTS[0], PORTS[1], PORTS[2], PORTS[3], port));
      same(List.of(), "--cluster", "rebalance", first, "--cluster-simulate", "--verbose");
      Ours used =
          same(
              List.of(),
              "--cluster",
              "rebalance",
              first,
              "--cluster-simulate",
              "--verbose",
              "--cluster-use-empty-masters");
      assertThat(used.out()).contains("Rebalancing across 4 nodes");
      String[] delete = {"--cluster", "del-node", first, id};
      Ours deleted = isOurs ? ours(List.of(), delete) : stocks(List.of(), delete);
      await().atMost(30, TimeUnit.SECONDS).until(() -> isWhole(PORTS));
      String all = (added.out() + added.err() + deleted).replace(fresh, "FRESH").replace(id, "ID");
      said.add(all.lines().sorted().toList()); // the order of nodes isn't the same behind a change
      servers.stop(port);
    }
    assertThat(said.get(1)).isEqualTo(said.get(0)).anyMatch(line -> line.contains("RESET SOFT"));
  }

  // ── set-timeout, call ──

  @Test
  void everyNodeIsGivenATimeout() throws Exception {
    for (String millis : List.of("2000", "99", "-1", "x")) {
      same(List.of(), "--cluster", "set-timeout", first, millis);
    }
    same(List.of(), "--cluster", "set-timeout", "127.0.0.1:1", "2000");
    same(List.of(), "--cluster", "set-timeout", first);
    Ours set = ours(List.of(), "--cluster", "set-timeout", first, "2100");
    boolean keepsSettings = !ask(PORTS[0], "CONFIG", "REWRITE").isError();
    assertThat(set.out()).endsWith(keepsSettings ? " 4 OK, 0 ERR.\n" : " 0 OK, 4 ERR.\n");
    for (int i = 0; i < 4; i++) {
      RespValue timeout = done(i, "CONFIG", "GET", "cluster-node-timeout");
      assertThat(timeout.elements().get(1).text()).isEqualTo("2100");
      done(i, "CONFIG", "SET", "cluster-node-timeout", "2000");
    }
    same(List.of(), "--cluster", "call", first, "config", "get", "cluster-node-timeout");
    same(List.of(), "--cluster", "call", first, "nonsense");
    same(List.of(), "--cluster", "call", first);
  }

  // ── import ──

  @Test
  void importTakesKeysOfAServer() throws Exception {
    int port = servers.server("--requirepass", "secret");
    String source = "127.0.0.1:" + port;
    try (Client client = Client.connect("127.0.0.1", port)) {
      client.command("AUTH", "secret");
      client.command("ACL", "SETUSER", "someone", "on", ">other", "~*", "+@all");
      String[] words = {"--cluster", "import", first, "--cluster-from", source};
      String[][] logins = {
        {},
        {"--cluster-from-pass", "secret"},
        {"--cluster-from-pass", "wrong"},
        {"--cluster-from-user", "someone", "--cluster-from-pass", "other"},
        {"--cluster-from-user", "someone", "--cluster-from-pass", "wrong"},
        {"--cluster-from-user", "someone"},
        {"--cluster-from-pass", "secret", "--cluster-copy"},
        {"--cluster-from-pass", "secret", "--cluster-replace"},
        {"--cluster-from-pass", "secret", "--cluster-copy", "--cluster-replace"},
      };
      for (boolean isThere : new boolean[] {false, true}) {
        Preparation before =
            () -> {
              for (int i = 0; i < 3; i++) done(i, "FLUSHALL");
              if (isThere) done(0, "SET", keyOf(9), "old");
              for (int slot : new int[] {9, 6000, 12000}) {
                client.command("SET", keyOf(slot), "new");
              }
            };
        for (String[] login : logins) {
          List<String> all = new ArrayList<>(List.of(words));
          all.addAll(List.of(login));
          Ours run = same(before, List.of(), all.toArray(new String[0]));
          String last = all.getLast();
          if (run.status() != 0) continue;
          assertThat(client.command("DBSIZE").integer())
              .isEqualTo(all.contains("--cluster-copy") ? 3 : 0);
          assertThat(done(0, "GET", keyOf(9)).text()).as(last).isEqualTo("new");
        }
        if (isThere) continue;
        String[] asks = {
          words[0], words[1], words[2], words[3], words[4], "--cluster-from-askpass"
        };
        for (String password : List.of("secret", "wrong")) {
          before.prepare();
          Ours expected = Stock.cli(password + "\n", Map.of(), List.of(asks));
          before.prepare();
          assertThat(ours(List.of(password), asks)).isEqualTo(expected);
        }
      }
    }
    same(List.of(), "--cluster", "import", first, "--cluster-from", at(1));
    same(List.of(), "--cluster", "import", first, "--cluster-from", "127.0.0.1:1");
    same(List.of(), "--cluster", "import", "127.0.0.1:1", "--cluster-from", source);
    same(List.of(), "--cluster", "import", first, "--cluster-from", source + "x");
  }
}
