package dev.spinel.cli;

import static dev.spinel.cli.Servers.ask;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// `spinel cluster form`: a cluster of empty nodes, however often the command dies before its end.
///
/// `-Dspinel.killed.seed=S` has the same happen again.
@ParameterizedClass
@EnumSource(Servers.Kind.class)
@Timeout(300)
class FormationTest {
  private static final int NODES = 4;
  private static final int ROUNDS = 3;

  @Parameter Servers.Kind kind;
  @TempDir Path directory;
  private Servers servers;
  private final long seed = Long.getLong("spinel.killed.seed", 4);
  private final Random random = new Random(seed);
  private final int[] ports = new int[NODES];

  @BeforeEach
  void start() throws IOException {
    servers = kind.in(directory);
    for (int i = 0; i < NODES; i++) ports[i] = servers.node();
  }

  @AfterEach
  void stop() {
    if (servers != null) servers.close();
  }

  private Ours form(int most, String... more) {
    return form(most, ports, more);
  }

  /// A run that is killed behind so many commands.
  private static Ours form(int most, int[] nodes, String... more) {
    List<String> words = new ArrayList<>(List.of("form", "--replicas", "1"));
    for (int port : nodes) words.add("127.0.0.1:" + port);
    words.addAll(List.of(more));
    return Mortal.run(most, words);
  }

  private void assertFormed(String what) {
    int replicas = 0;
    for (int port : ports) {
      assertThat(ask(port, "CLUSTER", "INFO").text())
          .as(what)
          .contains("cluster_state:ok", "cluster_slots_assigned:16384", "cluster_size:2");
      if ("slave".equals(ask(port, "ROLE").elements().getFirst().text())) replicas++;
    }
    assertThat(replicas).as(what).isEqualTo(2);
  }

  /// Strangers to each other again, with new ids.
  private void takeApart() {
    for (int port : ports) {
      ask(port, "CLUSTER", "RESET", "HARD");
      await()
          .atMost(20, TimeUnit.SECONDS)
          .until(() -> ask(port, "CLUSTER", "INFO").text().contains("cluster_known_nodes:1\r"));
    }
  }

  @Test
  void whereverItDiesTheSameCommandMakesTheClusterWhole() {
    for (int i = 0; i < ROUNDS; i++) {
      List<Integer> ends = new ArrayList<>();
      for (int attempts = 1 + random.nextInt(2); attempts > 0; attempts--) {
        ends.add(1 + random.nextInt(70));
        form(ends.getLast(), "--yes");
      }
      String what = "seed " + seed + ", round " + i + ", died at " + ends;
      Ours done = form(Mortal.TO_ITS_END, "--yes");
      assertThat(done.status()).as(what + ": " + done.out() + done.err()).isZero();
      assertThat(done.out()).endsWith("The cluster is formed, and serves.\n");
      assertFormed(what);
      Ours again = form(Mortal.TO_ITS_END); // nothing is asked
      assertThat(again.status()).as(what).isZero();
      assertThat(again.out()).isEqualTo("The cluster is formed, and serves.\n");
      takeApart();
    }
  }

  @Test
  void oneShardGrowsAndAnotherClusterIsLeftAlone() {
    int[] pair = {ports[0], ports[1]};
    for (int i = 0; i < 2; i++) {
      Ours done = form(Mortal.TO_ITS_END, pair, "--yes");
      assertThat(done.status()).as(done.out() + done.err()).isZero();
      assertThat(done.out().contains("With fewer than three primaries")).isEqualTo(i == 0);
    }
    assertThat(ask(ports[1], "ROLE").elements().getFirst().text()).isEqualTo("slave");

    int[] others = {ports[2], ports[3]};
    Ours shown = form(Mortal.TO_ITS_END, others, "--dry-run");
    assertThat(shown.status()).isZero();
    assertThat(shown.out()).contains(" becomes a replica of 127.0.0.1:" + ports[2]);
    assertThat(ask(ports[2], "CLUSTER", "INFO").text()).contains("cluster_slots_assigned:0");
    assertThat(form(Mortal.TO_ITS_END, others, "--yes").status()).isZero();
    Ours both = form(Mortal.TO_ITS_END, "--yes");
    assertThat(both.status()).isEqualTo(1);
    assertThat(both.err()).contains("isn't empty, and 127.0.0.1:" + ports[0] + " doesn't know it.");

    for (int port : others) ask(port, "CLUSTER", "RESET", "HARD");
    Ours grown = form(Mortal.TO_ITS_END, new int[] {ports[0], ports[1], ports[2]}, "--yes");
    assertThat(grown.status()).as(grown.out() + grown.err()).isZero();
    assertThat(ask(ports[2], "ROLE").elements().get(2).text()).isEqualTo("" + ports[0]);
  }

  @Test
  void whatCannotBecomeOneClusterIsSaid() {
    assertThat(form(Mortal.TO_ITS_END).out())
        .contains("127.0.0.1:" + ports[0] + " becomes a primary with slots [0-8191]\n")
        .contains(" becomes a replica of 127.0.0.1:")
        .endsWith("Make that of them? (type 'yes' to accept): ");
    assertThat(form(Mortal.TO_ITS_END, "127.0.0.1:" + ports[0], "--yes").err())
        .endsWith(" is named twice.\n");
    assertThat(form(Mortal.TO_ITS_END, "localhost:" + ports[0], "--yes").err())
        .endsWith(" is a node that was named before by another address.\n");
    ask(ports[3], "CLUSTER", "ADDSLOTSRANGE", "0", "10");
    assertThat(form(Mortal.TO_ITS_END, "--yes").err())
        .startsWith("Slot 0, of the share of 127.0.0.1:" + ports[0] + ", is another node's.");
    ask(ports[3], "CLUSTER", "RESET", "HARD");
    ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", "" + ports[3]);
    await().until(() -> !ask(ports[0], "CLUSTER", "NODES").text().contains("handshake"));
    int[] three = {ports[0], ports[1], ports[2]};
    assertThat(form(Mortal.TO_ITS_END, three, "--yes").err())
        .startsWith("127.0.0.1:" + ports[0] + " knows 127.0.0.1:" + ports[3])
        .contains(", which isn't named, ");
  }
}
