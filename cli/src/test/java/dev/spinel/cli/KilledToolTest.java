package dev.spinel.cli;

import static dev.spinel.cli.Servers.ask;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// The manager of clusters dies behind one of the commands that it sends, whichever: the next one
/// that mends the cluster ends with all slots served and every key there once, with its value; and
/// the same command, given again, completes what was begun.
///
/// `-Dspinel.killed.runs=N` has it die N times (a dozen in CI), `-Dspinel.killed.seed=S` has the
/// same happen again.
@ParameterizedClass
@EnumSource(Servers.Kind.class)
@Timeout(300)
class KilledToolTest {
  private static final int KEYS = 2000;
  private static final int SLOTS_MOVED = 12;
  private static final int RUNS = 12;
  private static final int PLAN = 4_100; // commands until the first slot moves: each is counted

  @Parameter Servers.Kind kind;
  @TempDir Path directory;
  private Servers servers;
  private final long seed = Long.getLong("spinel.killed.seed", 20);
  private final Random random = new Random(seed);
  private int[] ports = {};
  private boolean movesWhole; // slots, where nodes can
  private int status;
  private String said = "";

  @BeforeEach
  void start() throws IOException {
    servers = kind.in(directory);
    ports = new int[] {servers.node(), servers.node(), servers.node(), servers.node()};
  }

  @AfterEach
  void stop() {
    if (servers != null) servers.close();
  }

  private static String address(int port) {
    return "127.0.0.1:" + port;
  }

  /// A run of one of the two programs, which is killed behind so many commands.
  private void run(int most, String... words) {
    List<String> all = new ArrayList<>(List.of(words));
    if (!movesWhole && List.of("reshard", "rebalance").contains(words[1])) {
      all.addAll(List.of("--cluster-pipeline", "10"));
    } else if (!movesWhole && List.of("grow", "shrink", "balance").contains(words[2])) {
      all.add("--key-by-key");
    }
    Ours run = Mortal.run(most, all);
    status = run.status();
    said = run.out() + run.err();
  }

  /// A run to the end, which must succeed.
  private void completes(String what, String... words) {
    run(Mortal.TO_ITS_END, words);
    assertThat(status).as(what + ": " + said).isZero();
  }

  /// Three primaries with some hundred keys in each of a few slots, and a fourth without slots.
  private void build() throws IOException {
    int[] ends = {0, 5461, 10923, 16384};
    for (int i = 0; i < 4; i++) {
      ask(ports[i], "CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
      if (i > 0) ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", "" + ports[i]);
      if (i < 3) ask(ports[i], "CLUSTER", "ADDSLOTSRANGE", "" + ends[i], "" + (ends[i + 1] - 1));
    }
    awaitAgreement(4);
    try (Client one = Client.connect("127.0.0.1", ports[0]);
        Client two = Client.connect("127.0.0.1", ports[1]);
        Client three = Client.connect("127.0.0.1", ports[2])) {
      List<Client> all = List.of(one, two, three);
      for (int i = 0; i < KEYS; i++) {
        boolean isSet = false;
        for (int tries = 0; !isSet; tries++) { // nodes of a busy machine may not serve for a moment
          assertThat(tries).as("key:" + i + " isn't taken").isLessThan(1000);
          for (Client each : all) {
            isSet |= !each.command("SET", "key:" + i, "value:" + i).isError();
          }
        }
      }
    }
  }

  private void awaitAgreement(int nodes) {
    await()
        .atMost(60, TimeUnit.SECONDS)
        .ignoreExceptions()
        .until(
            () -> {
              for (int port : Arrays.copyOf(ports, nodes)) {
                String info = ask(port, "CLUSTER", "INFO").text();
                if (!info.contains("cluster_state:ok")
                    || !info.contains("cluster_known_nodes:" + nodes + "\r")) {
                  return false;
                }
              }
              return owners(ports[0]).equals(owners(ports[1]))
                  && owners(ports[0]).equals(owners(ports[2]));
            });
  }

  /// Ranges of slots, and who has them as a node sees it.
  private static String owners(int port) {
    TreeMap<Long, String> ranges = new TreeMap<>();
    for (RespValue range : ask(port, "CLUSTER", "SLOTS").elements()) {
      List<RespValue> parts = range.elements();
      String owner = parts.get(2).elements().get(1).text();
      ranges.put(parts.get(0).integer(), parts.get(1).integer() + " " + owner);
    }
    return ranges.toString();
  }

  private void assertNothingIsLost(String what) throws IOException {
    long slots = 0;
    long keys = 0;
    for (RespValue range : ask(ports[0], "CLUSTER", "SLOTS").elements()) {
      slots += range.elements().get(1).integer() - range.elements().get(0).integer() + 1;
    }
    for (int port : ports) {
      keys += ask(port, "DBSIZE").integer();
      assertThat(ask(port, "CLUSTER", "NODES").text()).as(what).doesNotContain("->-", "-<-");
    }
    assertThat(slots).as(what).isEqualTo(16384);
    assertThat(keys).as(what).isEqualTo(KEYS);
    boolean[] found = new boolean[KEYS];
    for (int port : ports) {
      try (Client client = Client.connect("127.0.0.1", port)) {
        for (RespValue key : client.command("KEYS", "*").elements()) {
          int number = Integer.parseInt(key.text().substring("key:".length()));
          assertThat(client.command("GET", key.text()).text())
              .as(what)
              .isEqualTo("value:" + number);
          assertThat(found[number]).as(what + ", " + key.text()).isFalse();
          found[number] = true;
        }
      }
    }
  }

  /// What is done to the cluster: words of the command line, and how many commands that takes.
  private record Act(int most, String... words) {}

  private Act act() {
    int at = random.nextInt(3);
    String from = ask(ports[at], "CLUSTER", "MYID").text();
    String to = ask(ports[(at + 1 + random.nextInt(2)) % 3], "CLUSTER", "MYID").text();
    String port = "" + ports[random.nextInt(3)];
    return switch (random.nextInt(4)) {
      case 0, 1 ->
          new Act(
              60 + 8 * SLOTS_MOVED,
              all(port, "reshard", "--cluster-from", from, "--cluster-to", to, "--cluster-slots")
                  .toArray(String[]::new));
      case 2 ->
          new Act(
              200, "--cluster", "rebalance", "127.0.0.1:" + port, "--cluster-threshold", "0.001");
      default -> new Act(400, "-p", port, "balance", "--yes");
    };
  }

  private static List<String> all(String port, String command, String... options) {
    List<String> words = new ArrayList<>(List.of("--cluster", command, "127.0.0.1:" + port));
    words.addAll(List.of(options));
    words.addAll(List.of("" + SLOTS_MOVED, "--cluster-yes"));
    return words;
  }

  /// Mends what a program has left. That one may die, too; the last doesn't.
  private void mend(String what) throws IOException {
    String port = "" + ports[random.nextInt(3)];
    String[][] ways = {
      {"--cluster", "fix", "127.0.0.1:" + port}, {"-p", port, "resume"},
    };
    if (random.nextInt(3) == 0) {
      run(1 + random.nextInt(60), ways[random.nextInt(2)]);
    }
    String[] last = ways[random.nextInt(2)];
    run(Mortal.TO_ITS_END, last);
    assertNothingIsLost(what + ", mended by " + String.join(" ", last));
  }

  @Test
  void whereverItDiesWhileSlotsMoveTheNextOneMendsTheCluster() throws IOException {
    build();
    int runs = Integer.getInteger("spinel.killed.runs", RUNS);
    for (int i = 0; i < runs; i++) {
      Act act = act();
      int at = 1 + random.nextInt(act.most());
      run(at, act.words());
      mend("seed " + seed + ", run " + i + ": " + String.join(" ", act.words()) + " up to " + at);
      awaitAgreement(4);
    }
  }

  @Test
  void whereverItDiesWhileSlotsMoveWholeTheirNodesGoOn() throws IOException {
    movesWhole = true;
    build();
    int runs = Integer.getInteger("spinel.killed.runs", RUNS);
    for (int i = 0; i < runs / 2; i++) {
      Act act = act();
      int at = 1 + random.nextInt(100);
      run(at, act.words());
      String what =
          "seed " + seed + ", run " + i + ": " + String.join(" ", act.words()) + " up to " + at;
      awaitMoves();
      mend(what);
      awaitAgreement(4);
    }
  }

  /// What was begun ends by itself: nodes need no tool for it.
  private void awaitMoves() {
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () ->
                Arrays.stream(ports)
                    .mapToObj(port -> ask(port, "INFO", "cluster").text())
                    .noneMatch(
                        info ->
                            info.matches(
                                "(?s).*cluster_slot(_imports|_exports|s_hidden):[1-9].*")));
  }

  private boolean isMember(int port) {
    return ask(ports[0], "CLUSTER", "NODES").text().contains(":" + port + "@");
  }

  /// The fourth node is a stranger to the others again.
  private void takeOut() {
    String id = ask(ports[3], "CLUSTER", "MYID").text();
    for (int i = 0; i < 3; i++) ask(ports[i], "CLUSTER", "FORGET", id);
    ask(ports[3], "CLUSTER", "RESET", "HARD"); // by another id, or it would be turned away
    awaitAgreement(3);
  }

  /// Behind which command: mostly while slots move.
  private int dies(int most) {
    return random.nextInt(4) == 0 ? 1 + random.nextInt(most) : PLAN + random.nextInt(most - PLAN);
  }

  @Test
  void whereverItDiesWhileTheClusterGrowsAndShrinksNothingIsLost() throws IOException {
    build();
    takeOut();
    int runs = Integer.getInteger("spinel.killed.runs", RUNS);
    boolean wholly = runs > RUNS; // some ten thousand commands for each time
    for (int i = 0; i < Math.max(2, runs / RUNS); i++) {
      String port = "" + ports[random.nextInt(3)];
      String fourth = address(ports[3]);
      int most = PLAN + (wholly && random.nextBoolean() ? 12_000 : 200);
      int at = dies(most);
      String what = "seed " + seed + ", run " + i + ", grow up to " + at;
      run(at, "-p", port, "grow", fourth, "--yes");
      mend(what);
      if (!isMember(ports[3])) {
        run(wholly ? Mortal.TO_ITS_END : PLAN + 200, "-p", port, "grow", fourth, "--yes");
        mend(what + ", again");
      }
      awaitAgreement(4);
      if (wholly) {
        run(Mortal.TO_ITS_END, "-p", port, "balance", "--yes");
        assertNothingIsLost(what + ", finished");
        assertThat(ask(ports[3], "DBSIZE").integer()).as(what).isPositive();
        awaitAgreement(4);
      }
      at = dies(most);
      what = "seed " + seed + ", run " + i + ", shrink up to " + at;
      run(at, "-p", port, "shrink", fourth, "--yes");
      mend(what);
      if (isMember(ports[3])) run(Mortal.TO_ITS_END, "-p", port, "shrink", fourth, "--yes");
      assertNothingIsLost(what + ", finished");
      assertThat(ask(ports[3], "DBSIZE").integer()).as(what).isZero();
      takeOut();
    }
  }

  @Test
  void theSameCommandAgainCompletesWhatAnInterruptedOneHasBegun() throws IOException {
    build();
    int runs = Integer.getInteger("spinel.killed.runs", RUNS);
    String fourth = address(ports[3]);
    String id = ask(ports[3], "CLUSTER", "MYID").text();
    for (int i = 0; i < runs / 3; i++) {
      String what = "seed " + seed + ", run " + i;
      String port = "" + ports[random.nextInt(3)];
      // out, and in again: it has no slots, so that this is soon done
      run(1 + random.nextInt(60), "-p", port, "shrink", fourth, "--yes");
      if (random.nextBoolean()) run(1 + random.nextInt(60), "-p", port, "shrink", fourth, "--yes");
      completes(what + ", shrink", "-p", port, "shrink", fourth, "--yes");
      assertThat(ask(ports[3], "CLUSTER", "INFO").text()).contains("cluster_known_nodes:1\r");
      for (int j = 0; j < 3; j++) {
        assertThat(ask(ports[j], "CLUSTER", "NODES").text()).as(what).doesNotContain(id);
      }
      ask(ports[3], "CLUSTER", "RESET", "HARD"); // by another id, or it would be turned away
      id = ask(ports[3], "CLUSTER", "MYID").text();
      awaitAgreement(3);
      boolean asReplica = random.nextBoolean();
      String[] words =
          asReplica
              ? new String[] {"-p", port, "add-node", fourth, "--yes", "--replica"}
              : new String[] {"-p", port, "add-node", fourth, "--yes"};
      run(1 + random.nextInt(60), words);
      completes(what + ", add-node", words);
      awaitAgreement(4);
      assertThat(ask(ports[3], "ROLE").elements().getFirst().text())
          .as(what)
          .isEqualTo(asReplica ? "slave" : "master");
    }
    for (int i = 0; i < 3; i++) assertThat(ask(ports[i], "DBSIZE").integer()).isPositive();
  }

  @Test
  void aBalanceThatDiedGoesOnWhenItIsGivenAgain() throws IOException {
    build();
    takeOut();
    int runs = Integer.getInteger("spinel.killed.runs", RUNS);
    for (int i = 0; i < runs / 3; i++) {
      String what = "seed " + seed + ", run " + i;
      String from = ask(ports[0], "CLUSTER", "MYID").text();
      String to = ask(ports[1], "CLUSTER", "MYID").text();
      String first = "" + ports[0];
      completes(
          what,
          all(first, "reshard", "--cluster-from", from, "--cluster-to", to, "--cluster-slots")
              .toArray(String[]::new));
      awaitAgreement(3);
      String port = "" + ports[random.nextInt(3)];
      run(20 + random.nextInt(120), "-p", port, "balance", "--yes");
      completes(what + ", balance", "-p", port, "balance", "--yes");
      assertThat(said).doesNotContain("half moved");
      assertNothingIsLost(what);
      awaitAgreement(3);
      run(Mortal.TO_ITS_END, "-p", port, "plan", "balance");
      assertThat(said).as(what).isEqualTo("The slots are spread evenly.\n");
    }
  }
}
