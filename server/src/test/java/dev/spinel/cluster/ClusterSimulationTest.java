package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.Address;
import dev.spinel.peer.SimNetwork;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Clusters in a network where everything happens. What must hold at every moment is
/// [SimCluster]'s. In the end, once nothing happens any more: all nodes see the same cluster, no
/// two primaries have one epoch, and it is up.
///
/// `-Dspinel.seeds=N` runs more of them, from `-Dspinel.seed=S` on; `-Dspinel.report=true` says
/// what there was to see.
class ClusterSimulationTest {
  private static final long TIMEOUT = 2000;

  private SimCluster cluster;

  static LongStream seeds() {
    long first = Long.getLong("spinel.seed", System.nanoTime());
    return LongStream.range(first, first + Integer.getInteger("spinel.seeds", 5));
  }

  private void make(long seed, SimNetwork.Conditions conditions, int count) {
    cluster = new SimCluster(seed, conditions, false);
    for (int i = 0; i < count; i++) {
      cluster.add(SimCluster.policy(TIMEOUT, List.of()));
    }
  }

  private void report(String what) {
    if (Boolean.getBoolean("spinel.report")) {
      long seconds = (cluster.network.now() - 1_700_000_000_000L) / 1000;
      System.out.println(
          what
              + ": "
              + cluster.nodes.size()
              + " nodes, "
              + seconds
              + " s, "
              + cluster.elections
              + " elections, "
              + cluster.messages()
              + " messages");
    }
  }

  private static SimNetwork.Conditions conditions(long seed) {
    return seed % 3 == 0 ? SimNetwork.Conditions.GOOD : SimNetwork.Conditions.ROUGH;
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @Execution(ExecutionMode.CONCURRENT)
  void inTheEndAllAgree(long seed) {
    Random shape = new Random(seed);
    int primaries = 3 + shape.nextInt(3);
    int replicas = 1 + shape.nextInt(2);
    make(seed, conditions(seed), primaries * (1 + replicas));
    try {
      cluster.form(primaries);
      for (int i = 0; i < 60; i++) {
        happen();
        cluster.run(cluster.network.random().nextInt(2500));
      }
      cluster.healAll();
      assertThat(cluster.runUntil(cluster::settled, 600_000)).isTrue();
      report("seed " + seed);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + "\n" + cluster.describe(), e);
    }
  }

  private ToyNode some() {
    return cluster.nodes.get(cluster.network.random().nextInt(cluster.nodes.size()));
  }

  private void happen() {
    Random random = cluster.network.random();
    ToyNode node = some();
    ToyNode other = some();
    switch (random.nextInt(19)) {
      case 0, 1 -> cluster.network.part(cluster.hostName(node), cluster.hostName(other));
      case 2 -> cluster.network.isolate(cluster.hostName(node));
      case 3, 4, 5 -> cluster.network.heal();
      case 6 -> cluster.network.breakLinks(cluster.hostName(node), cluster.hostName(other));
      case 7 -> cluster.host(node).pause();
      case 8, 9 -> cluster.nodes.forEach(each -> cluster.host(each).goOn());
      case 10, 11 -> cluster.crash(node, random.nextBoolean());
      case 12, 13, 14 -> restart(node);
      case 15 -> cluster.setWall(node, random.nextInt(100_000) - 50_000);
      case 16 -> {
        if (node.isRunning()) {
          node.ask("FAILOVER");
        }
      }
      case 17 -> cluster.network.halfOpen(cluster.hostName(node), cluster.hostName(other));
      default -> cluster.nodes.forEach(each -> each.write(random.nextInt(SlotSet.SLOTS)));
    }
  }

  private void restart(ToyNode node) {
    if (node.isRunning()) {
      return;
    }
    Random random = cluster.network.random();
    if (random.nextInt(3) == 0) {
      cluster.move(node);
    }
    byte[] file = node.nodesConf();
    if (file != null && random.nextInt(4) == 0) {
      tear(node, file);
    }
    cluster.start(node, false);
  }

  /// A file that is cut off is refused; somebody puts a copy of it in its place.
  private void tear(ToyNode node, byte[] file) {
    byte[] torn = Arrays.copyOf(file, 1 + cluster.network.random().nextInt(file.length - 1));
    try {
      NodesFile.read(torn);
      throw new AssertionError(new String(torn, StandardCharsets.ISO_8859_1));
    } catch (NodesFile.Corrupt e) {
      node.setNodesConf(file);
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @Execution(ExecutionMode.CONCURRENT)
  void slotsThatMoveLoseNothing(long seed) {
    make(seed, conditions(seed), 6);
    try {
      cluster.form(3);
      Random random = cluster.network.random();
      SlotSet ever = new SlotSet();
      for (int i = 0; i < 40; i++) {
        for (int n = 0; n < 50; n++) {
          int slot = random.nextInt(SlotSet.SLOTS);
          for (ToyNode node : cluster.nodes) {
            if (node.takesWrites(slot)) {
              node.write(slot);
              ever.add(slot);
            }
          }
        }
        move(random);
        switch (random.nextInt(6)) {
          case 0 -> cluster.network.breakLinks(cluster.hostName(some()), cluster.hostName(some()));
          case 1 -> cluster.setWall(some(), random.nextInt(100_000) - 50_000);
          default -> {}
        }
        cluster.run(random.nextInt(300));
      }
      assertThat(cluster.runUntil(cluster::settled, 600_000)).isTrue();
      for (int slot = ever.next(0); slot >= 0; slot = ever.next(slot + 1)) {
        int at = slot;
        assertThat(cluster.nodes)
            .as("slot %d", slot)
            .filteredOn(node -> node.keys().contains(at))
            .singleElement()
            .matches(node -> node.machine().slots().owner(at) == node.machine().myself());
      }
      report("moves, seed " + seed);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + "\n" + cluster.describe(), e);
    }
  }

  /// As redis-cli moves slots: the target first, then the source, then everybody is told.
  private void move(Random random) {
    ToyNode from = primary(random, null);
    ToyNode to = primary(random, from);
    SlotSet slots = from.machine().myself().slots;
    int slot = slots.next(random.nextInt(SlotSet.SLOTS));
    if (slot < 0 || slots.count() < 10) {
      return;
    }
    String number = Integer.toString(slot);
    ok(to, to.ask("SETSLOT", number, "IMPORTING", from.id()));
    ok(from, from.ask("SETSLOT", number, "MIGRATING", to.id()));
    cluster.run(random.nextInt(200));
    if (from.keys().contains(slot)) {
      to.keys().add(slot);
      from.keys().remove(slot);
    }
    ok(to, to.ask("SETSLOT", number, "NODE", to.id()));
    ok(from, from.ask("SETSLOT", number, "NODE", to.id()));
  }

  private ToyNode primary(Random random, @Nullable ToyNode but) {
    while (true) {
      ToyNode node = cluster.nodes.get(random.nextInt(cluster.nodes.size()));
      if (node != but && node.machine().myself().isPrimary()) {
        return node;
      }
    }
  }

  private void ok(ToyNode node, long client) {
    assertThat(cluster.runUntil(() -> node.reply(client) != null, 10_000)).isTrue();
    assertThat(node.reply(client)).isEqualTo("+OK\r\n");
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void afterAPowerCutItFindsItselfAtNewAddresses(long seed) {
    Random shape = new Random(seed);
    int count = 6 + shape.nextInt(4);
    make(seed, conditions(seed), count);
    try {
      cluster.form(3);
      for (ToyNode node : cluster.nodes) {
        cluster.crash(node, true);
      }
      cluster.run(5000);
      // One stays where it was, and of that one all others know.
      int stays = shape.nextInt(count);
      for (int i = 0; i < count; i++) {
        int which = (i + shape.nextInt(count)) % count;
        ToyNode node = cluster.nodes.get(i);
        if (i != stays) {
          cluster.move(node);
        }
        cluster.run(which * 300L);
        cluster.start(node, false);
      }
      assertThat(cluster.runUntil(cluster::settled, 120_000)).isTrue();
      report("power cut, seed " + seed);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + "\n" + cluster.describe(), e);
    }
  }

  @Test
  void aSeedNodeIsEnoughToFindItself() {
    make(17, SimNetwork.Conditions.GOOD, 6);
    cluster.form(3);
    cluster.nodes.forEach(node -> cluster.crash(node, true));
    cluster.nodes.forEach(cluster::move);
    String seed = cluster.hostName(cluster.nodes.get(4));
    for (ToyNode node : cluster.nodes) {
      node.configure(SimCluster.policy(TIMEOUT, List.of(new Address(seed, SimCluster.BUS))));
      cluster.start(node, false);
    }
    assertThat(cluster.runUntil(cluster::settled, 60_000)).as(cluster::describe).isTrue();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void addressesThatChangeHandsFoolNobody(long seed) {
    make(seed, conditions(seed), 7);
    try {
      cluster.form(3);
      List<String> ids = cluster.nodes.stream().map(ToyNode::id).toList();
      cluster.nodes.forEach(node -> cluster.crash(node, false));
      // Each starts where its neighbour was.
      cluster.rotateHosts();
      for (ToyNode node : cluster.nodes) {
        cluster.run(cluster.network.random().nextInt(1000));
        cluster.start(node, false);
      }
      assertThat(cluster.runUntil(cluster::settled, 120_000)).isTrue();
      assertThat(cluster.nodes.stream().map(ToyNode::id).toList()).isEqualTo(ids);
      report("rotation, seed " + seed);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + "\n" + cluster.describe(), e);
    }
  }

  @Test
  void equalSeedsGiveEqualRuns() {
    List<List<String>> stories =
        LongStream.range(0, 2)
            .mapToObj(
                any -> {
                  make(99, SimNetwork.Conditions.ROUGH, 6);
                  cluster.form(3);
                  for (int i = 0; i < 20; i++) {
                    happen();
                    cluster.run(500);
                  }
                  return List.copyOf(cluster.story);
                })
            .toList();
    assertThat(stories.get(0)).isNotEmpty().isEqualTo(stories.get(1));
  }

  /// In a star, in a chain, or as two clusters that are made one.
  @ParameterizedTest
  @MethodSource("seeds")
  void aSecondAfterTheyHaveMetAllKnowAll(long seed) {
    make(seed, SimNetwork.Conditions.GOOD, 8);
    try {
      Random random = cluster.network.random();
      int shape = random.nextInt(3);
      for (int i = 1; i < 8; i++) {
        int other = shape == 0 ? 0 : shape == 1 || i % 4 != 0 ? i - 1 : i;
        meet(i, other);
      }
      if (shape == 2) {
        assertThat(cluster.runUntil(() -> knows(0, 4) && knows(4, 4), 1000)).isTrue();
        meet(random.nextInt(4), 4 + random.nextInt(4));
      }
      assertThat(cluster.runUntil(cluster::allKnowAll, 1000)).as("shape %d", shape).isTrue();
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + "\n" + cluster.describe(), e);
    }
  }

  private boolean knows(int first, int count) {
    return cluster.nodes.subList(first, first + count).stream()
        .allMatch(node -> node.machine().nodes().size() == count);
  }

  private void meet(int who, int whom) {
    if (who != whom) {
      String host = cluster.hostName(cluster.nodes.get(whom));
      cluster.nodes.get(who).ask("MEET", host, Integer.toString(SimCluster.PORT));
    }
  }

  @Test
  void aNodeThatJoinsIsKnownToAllOnceItHasMetOneAndCostsFewMessages() {
    int count = 60;
    make(3, SimNetwork.Conditions.GOOD, count);
    cluster.form(count);
    cluster.run(5000);
    long before = cluster.messages();
    cluster.run(1000);
    long usual = cluster.messages() - before;
    cluster.add(SimCluster.policy(TIMEOUT, List.of()));
    ToyNode added = cluster.nodes.getLast();
    long client = added.ask("MEET", cluster.hostName(some()), Integer.toString(SimCluster.PORT));
    before = cluster.messages();
    assertThat(cluster.runUntil(() -> added.reply(client) != null, 400)).isTrue();
    assertThat(added.reply(client)).isEqualTo("+OK\r\n");
    assertThat(added.machine().slots().owned()).isEqualTo(SlotSet.SLOTS);
    assertThat(
            cluster.runUntil(
                () -> cluster.nodes.stream().allMatch(node -> knows(node, added)), 100))
        .isTrue();
    cluster.run(1000);
    assertThat(cluster.messages() - before).isLessThan(2 * usual + 50L * count);
  }

  private static boolean knows(ToyNode node, ToyNode other) {
    return node.machine().nodes().get(other.id()) != null;
  }

  @Test
  void whoeverMeetsNobodyIsAnsweredAllTheSame() {
    make(4, SimNetwork.Conditions.GOOD, 1);
    ToyNode node = cluster.nodes.getFirst();
    long client = node.ask("MEET", "10.9.9.9", Integer.toString(SimCluster.PORT));
    cluster.run(900);
    assertThat(node.reply(client)).isNull();
    cluster.run(300);
    assertThat(node.reply(client)).isEqualTo("+OK\r\n");
  }

  /// By hand: `-Dspinel.thousand=1000`.
  @Test
  @EnabledIfSystemProperty(named = "spinel.thousand", matches = "\\d+")
  void aThousandNodesFormAndSettleAfterHalfOfThePrimariesDie() {
    int count = Integer.getInteger("spinel.thousand");
    cluster = new SimCluster(1, SimNetwork.Conditions.GOOD, true);
    for (int i = 0; i < count; i++) {
      cluster.add(SimCluster.policy(15_000, List.of()));
    }
    cluster.checksOverlap = false;
    long began = System.nanoTime();
    cluster.form(count / 2);
    tell("formed", began);
    for (int i = 0; i < count / 4; i++) {
      cluster.crash(cluster.nodes.get(i), false);
    }
    long from = cluster.network.now();
    cluster.runUntil(() -> !cluster.isServed(), 60_000);
    boolean served = cluster.runUntil(cluster::isServed, 300_000);
    System.out.println(
        "all slots served after " + (cluster.network.now() - from) + " ms: " + served);
    tell("served again", began);
    assertThat(served).isTrue();
  }

  private void tell(String what, long began) {
    System.out.println(
        what
            + ": "
            + (cluster.network.now() - 1_700_000_000_000L)
            + " ms of the cluster's time, "
            + cluster.messages()
            + " messages, "
            + (System.nanoTime() - began) / 1_000_000_000
            + " s of ours");
  }
}
