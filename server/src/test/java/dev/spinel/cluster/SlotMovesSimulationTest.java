package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.SimNetwork;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Slots move whole through a simulated cluster, while clients count numbers up in them, and
/// whatever can happen to their source, their target and the replicas of both does happen. A number
/// that all copies of a slot had reached is never seen smaller, a slot never has two primaries that
/// take writes, and in the end each has one owner, and nobody else has anything of it.
///
/// By hand: `-Dspinel.moves=FROM-TO` for more seeds.
final class SlotMovesSimulationTest {
  private static final long TIMEOUT = 2000;
  private static final int TRACKED = 24; // slots that are counted in, evenly spread
  private static final int ROUNDS = 6;

  private SimCluster cluster = new SimCluster(0, SimNetwork.Conditions.GOOD, true);
  private CountedSlots clients = new CountedSlots(cluster, TRACKED);
  private int completed;

  static LongStream seeds() {
    String range = System.getProperty("spinel.moves", "1-8");
    int dash = range.indexOf('-');
    return LongStream.rangeClosed(
        Long.parseLong(range.substring(0, dash)), Long.parseLong(range.substring(dash + 1)));
  }

  private int slot(int number) {
    return clients.slot(number);
  }

  private void make(long seed, SimNetwork.Conditions conditions, int nodes) {
    cluster = new SimCluster(seed, conditions, false);
    clients = new CountedSlots(cluster, TRACKED);
    for (int i = 0; i < nodes; i++) {
      cluster.add(SimCluster.policy(TIMEOUT, List.of()));
    }
  }

  private void form(long seed, int nodes) {
    make(seed, SimNetwork.Conditions.GOOD, nodes);
    cluster.form(3);
    run(1000);
  }

  // ── clients ──

  private void run(long millis) {
    clients.run(millis);
  }

  private boolean runUntil(java.util.function.BooleanSupplier condition, long mostMillis) {
    for (long at = 0; at < mostMillis; at += 100) {
      if (condition.getAsBoolean()) {
        return true;
      }
      run(100);
    }
    return false;
  }

  /// Until either end comes to a step of the protocol, and some milliseconds more: so what happens
  /// then happens at every step, however short.
  private void runUntilStep(Random random, List<ToyNode> ends) {
    SlotMove.State[] states = SlotMove.State.values();
    SlotMove.State state = states[random.nextInt(states.length)];
    for (int at = 0; at < 1500; at += 2) {
      if (at % 20 == 0) {
        run(2);
      } else {
        cluster.network.run(2);
      }
      for (ToyNode node : ends) {
        if (node.machine().moves().underWay().stream().anyMatch(move -> move.state == state)) {
          cluster.run(random.nextInt(4) == 0 ? random.nextInt(300) : random.nextInt(12));
          return;
        }
      }
    }
  }

  // ── moves ──

  private List<ToyNode> primaries() {
    return cluster.nodes.stream()
        .filter(node -> node.isRunning() && node.machine().myself().isVoter())
        .toList();
  }

  /// Some slots of one go to another one. Returns the two.
  private List<ToyNode> move(Random random) {
    List<ToyNode> primaries = new ArrayList<>(primaries());
    java.util.Collections.shuffle(primaries, random);
    if (primaries.size() < 2) {
      return List.of();
    }
    ToyNode source = primaries.get(0);
    ToyNode target = primaries.get(1);
    List<String> words = new ArrayList<>(List.of("MIGRATION", "IMPORT"));
    boolean movesAll = random.nextInt(5) == 0;
    if (movesAll) {
      for (String range : source.machine().myself().slots.toString().split(" ")) {
        words.add(range.replaceFirst("-.*", ""));
        words.add(range.replaceFirst(".*-", ""));
      }
    }
    for (int i = 0; i < TRACKED && words.size() < 10 && !movesAll; i++) {
      if (source.machine().slots().owner(slot(i)) == source.machine().myself()
          && random.nextInt(3) > 0) {
        words.add(Integer.toString(slot(i)));
        words.add(Integer.toString(slot(i) + random.nextInt(5)));
      }
    }
    if (words.size() > 2) {
      cluster.story.add(cluster.network.now() + " " + target.name + " asked: " + words);
      target.ask(words.toArray(new String[0]));
    }
    return List.of(source, target);
  }

  private List<ToyNode> shard(ToyNode of) {
    String shard = of.machine().myself().shard;
    return cluster.nodes.stream()
        .filter(node -> node.machine().myself().shard.equals(shard))
        .toList();
  }

  private void happen(Random random, List<ToyNode> ends) {
    List<ToyNode> shard = shard(ends.get(random.nextInt(ends.size())));
    ToyNode victim = random.nextInt(3) > 0 ? shard.getFirst() : any(random, shard);
    if (random.nextInt(2) == 0) {
      victim = ends.get(random.nextInt(ends.size()));
    }
    switch (random.nextInt(9)) {
      case 0, 1, 2 -> {
        cluster.story.add(cluster.network.now() + " " + victim.name + " is killed");
        cluster.crash(victim, random.nextBoolean());
      }
      case 3 -> {
        for (ToyNode node : cluster.nodes) {
          if (!node.isRunning()) {
            cluster.start(node, false);
          }
        }
      }
      case 4 -> {
        ToyNode other = any(random, cluster.nodes);
        cluster.story.add(
            cluster.network.now() + " " + victim.name + " and " + other.name + " are parted");
        cluster.network.part(cluster.hostName(victim), cluster.hostName(other));
      }
      case 5 -> {
        cluster.story.add(cluster.network.now() + " " + victim.name + " is alone");
        for (ToyNode other : cluster.nodes) {
          if (other != victim) {
            cluster.network.part(cluster.hostName(victim), cluster.hostName(other));
          }
        }
      }
      case 6 -> cluster.network.heal();
      case 7 -> {
        ToyNode replica = any(random, shard);
        if (replica.isRunning()) {
          replica.ask("FAILOVER");
        }
      }
      default -> {
        if (victim.isRunning()) {
          victim.ask("MIGRATION", "CANCEL", "ALL");
        }
      }
    }
  }

  private static ToyNode any(Random random, List<ToyNode> nodes) {
    return nodes.get(random.nextInt(nodes.size()));
  }

  private boolean isQuiet() {
    for (int i = 0; i < TRACKED; i++) {
      int slot = slot(i);
      if (cluster.nodes.stream().noneMatch(node -> node.takesWrites(slot))) {
        return false;
      }
    }
    return cluster.settled()
        && cluster.nodes.stream()
            .allMatch(
                node ->
                    node.machine().moves().underWay().isEmpty()
                        && node.machine().moves().purging().isEmpty());
  }

  /// Each slot has one owner that serves it with all that was acknowledged, and nobody else's data
  /// has anything of it.
  private void verify() {
    clients.verify();
    for (int i = 0; i < TRACKED; i++) {
      for (ToyNode node : cluster.nodes) {
        ClusterNode myself = node.machine().myself();
        if (myself.isPrimary() && node.machine().slots().owner(slot(i)) != myself) {
          assertThat(node.values()).as(node.name).doesNotContainKey(slot(i));
        }
      }
    }
  }

  private void countCompleted() {
    for (ToyNode node : cluster.nodes) {
      for (MoveView view : node.machine().moves().views()) {
        completed += view.isImport() && view.state().equals("completed") ? 1 : 0;
      }
    }
  }

  @Test
  void slotsMoveWithWhatIsWrittenMeanwhile() {
    form(1, 6);
    ToyNode source = cluster.nodes.get(0);
    ToyNode target = cluster.nodes.get(1);
    target.ask("MIGRATION", "IMPORT", "0", "2000");
    assertThat(runUntil(() -> target.takesWrites(0), 10_000)).as(cluster::describe).isTrue();
    assertThat(runUntil(this::isQuiet, 10_000)).as(cluster::describe).isTrue();
    verify();
    assertThat(target.value(0)).isGreaterThan(50);
    assertThat(source.values()).doesNotContainKeys(0, slot(1), slot(2));
    MoveView view = source.machine().moves().views().getFirst();
    assertThat(view.state()).isEqualTo("completed");
    assertThat(view.pauseMillis()).isBetween(1L, 200L);
  }

  @Test
  void twoPrimariesThatGiveEachOtherAllStayPrimaries() {
    form(2, 6);
    ToyNode one = cluster.nodes.get(0);
    ToyNode other = cluster.nodes.get(1);
    String[] ofOne = one.machine().myself().slots.toString().split("-");
    String[] ofOther = other.machine().myself().slots.toString().split("-");
    one.ask("MIGRATION", "IMPORT", ofOther[0], ofOther[1]);
    other.ask("MIGRATION", "IMPORT", ofOne[0], ofOne[1]);
    assertThat(runUntil(this::isQuiet, 30_000)).as(cluster::describe).isTrue();
    verify();
    assertThat(primaries()).hasSize(3);
    assertThat(one.machine().myself().slots).hasToString(String.join("-", ofOther));
    assertThat(other.machine().myself().slots).hasToString(String.join("-", ofOne));
  }

  @Test
  void whoIsAskedForSlotsByHandRefusesWhileTheyMove() {
    make(2, SimNetwork.Conditions.GOOD, 6);
    cluster.form(3);
    ToyNode source = cluster.nodes.get(0);
    ToyNode target = cluster.nodes.get(1);
    target.ask("MIGRATION", "IMPORT", "0", "5");
    cluster.run(10);
    long refused = target.ask("SETSLOT", "3", "IMPORTING", source.id());
    assertThat(target.reply(refused)).startsWith("-ERR Slot 3 is moving whole");
    long twice = target.ask("MIGRATION", "IMPORT", "4", "4");
    assertThat(target.reply(twice)).startsWith("-ERR slot 4 is moving");
    assertThat(runUntil(() -> target.takesWrites(0), 10_000)).isTrue();
  }

  @Test
  void aStockReplicaOfEitherEndIsAReasonToRefuse() {
    make(3, SimNetwork.Conditions.GOOD, 6);
    cluster.nodes.get(3).isStock = true;
    cluster.form(3);
    cluster.run(5000);
    ToyNode target = cluster.nodes.get(1);
    long refused = target.ask("MIGRATION", "IMPORT", "0", "5");
    assertThat(target.reply(refused)).contains("can't move whole slots: use MIGRATE");
  }

  /// The target has told its replica to take the slots, and it is killed before it can answer.
  private ToyNode replicaDiesWhileTaking(ToyNode target) {
    ToyNode replica = cluster.nodes.get(4);
    target.ask("MIGRATION", "IMPORT", "0", "2000");
    List<SlotMove> moves = List.copyOf(target.machine().moves().underWay());
    assertThat(runUntilExactly(() -> moves.getFirst().isImporting, 4000)).isTrue();
    cluster.network.part(cluster.hostName(target), cluster.hostName(replica));
    assertThat(runUntil(() -> isAt(target, SlotMove.State.TAKING), 4000))
        .as(cluster::describe)
        .isTrue();
    cluster.crash(replica, false);
    cluster.network.heal();
    return replica;
  }

  /// Else a voter that has lost power could elect somebody with the epoch of the slots' new owner.
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void whoPromisesAnEpochForgetsItOverNoLossOfPower(long seed) throws Exception {
    form(seed, 10);
    ToyNode target = cluster.nodes.get(1);
    target.ask("MIGRATION", "IMPORT", "0", "2000");
    SlotMove move = List.copyOf(target.machine().moves().underWay()).getFirst();
    int promises = 0;
    for (int millis = 0; !target.takesWrites(0); millis++) {
      assertThat(millis).as(cluster::describe).isLessThan(10_000);
      cluster.network.run(1);
      promises = move.promised.size();
      for (ToyNode voter : cluster.nodes) {
        if (move.promised.contains(voter.id())) {
          assertThat(NodesFile.read(voter.keptNodesConf()).currentEpoch())
              .as(voter.name)
              .isGreaterThan(move.epoch);
        }
      }
    }
    assertThat(promises).isGreaterThan(0);
  }

  private static boolean isAt(ToyNode node, SlotMove.State state) {
    return node.machine().moves().underWay().stream().anyMatch(move -> move.state == state);
  }

  @Test
  void aReplicaOfTheTargetThatDiesEndsTheMoveAndTheSourceGoesOn() {
    form(4, 6);
    ToyNode source = cluster.nodes.get(0);
    ToyNode target = cluster.nodes.get(1);
    replicaDiesWhileTaking(target);
    assertThat(runUntil(() -> source.takesWrites(0), 8000)).as(cluster::describe).isTrue();
    assertThat(source.machine().moves().underWay()).isEmpty();
    // Nobody can have the slots any more, so the copies go, though the replica is gone for good.
    assertThat(runUntil(() -> !target.values().containsKey(0), 5000)).isTrue();
    assertThat(target.machine().moves().underWay()).isEmpty();
  }

  @Test
  void aReplicaThatKnowsOfSlotsToTakeAsksBeforeItTakesThem() {
    form(5, 6);
    ToyNode source = cluster.nodes.get(0);
    ToyNode target = cluster.nodes.get(1);
    ToyNode replica = cluster.nodes.get(4);
    target.ask("MIGRATION", "IMPORT", "0", "2000");
    assertThat(runUntilExactly(() -> knowsOfTaking(replica), 4000)).as(cluster::describe).isTrue();
    cluster.crash(replica, false);
    cluster.crash(target, false); // it may have taken them, or not
    run(500);
    cluster.start(replica, false);
    assertThat(runUntil(() -> replica.takesWrites(0) || source.takesWrites(0), 30_000))
        .as(cluster::describe)
        .isTrue();
    cluster.healAll();
    assertThat(runUntil(this::isQuiet, 30_000)).as(cluster::describe).isTrue();
    verify();
  }

  /// A former primary still takes itself for the owner of all that it had. Its successor hands some
  /// of that over, and nobody takes it.
  @Test
  void aFormerOwnerThatComesBackDoesNotGetWhatIsHandedOver() {
    form(6, 6);
    ToyNode former = cluster.nodes.get(0);
    ToyNode source = cluster.nodes.get(3);
    ToyNode target = cluster.nodes.get(1);
    cluster.crash(former, false);
    assertThat(runUntil(() -> source.takesWrites(0), 20_000)).as(cluster::describe).isTrue();
    run(1000);
    target.ask("MIGRATION", "IMPORT", "0", "2000");
    assertThat(runUntilExactly(() -> isAt(source, SlotMove.State.HANDED), 4000)).isTrue();
    cluster.crash(target, false);
    cluster.start(former, false);
    for (int i = 0; i < 80; i++) {
      run(50);
      assertThat(former.takesWrites(0)).as(cluster::describe).isFalse();
    }
    assertThat(former.machine().myself().isReplica()).as(cluster::describe).isTrue();
    cluster.healAll();
    assertThat(runUntil(this::isQuiet, 60_000)).as(cluster::describe).isTrue();
    verify();
  }

  /// The replica has written down that the slots are handed over, its primary is about to. If these
  /// are all that it has, its successor claims nothing.
  @ParameterizedTest
  @ValueSource(strings = {"2000", "5460"})
  void aSourceThatIsReplacedLeavesToItsSuccessorWhatThatOneTakesForHandedOver(String last) {
    form(7, 7);
    ToyNode source = cluster.nodes.get(0);
    ToyNode replica = cluster.nodes.get(3);
    ToyNode target = cluster.nodes.get(1);
    // The source waits for its other replica, and doesn't hand over.
    cluster.network.part(cluster.hostName(source), cluster.hostName(cluster.nodes.get(6)));
    target.ask("MIGRATION", "IMPORT", "0", last);
    assertThat(runUntilExactly(() -> isWritten(replica, ",HANDED,"), 4000))
        .as(cluster::describe)
        .isTrue();
    assertThat(isAt(source, SlotMove.State.HANDING)).isTrue();
    cluster.network.part(cluster.hostName(replica), cluster.hostName(target)); // it can't ask
    replica.ask("FAILOVER");
    assertThat(runUntil(() -> source.machine().myself().isReplica(), 3000))
        .as(cluster::describe)
        .isTrue();
    assertThat(replica.takesWrites(0)).isFalse();
    cluster.healAll();
    assertThat(runUntil(this::isQuiet, 30_000)).as(cluster::describe).isTrue();
    verify();
  }

  @Test
  void nothingComesInBeforeReplicasKnowThatItIsNotToBeKept() {
    form(8, 6);
    ToyNode target = cluster.nodes.get(1);
    ToyNode replica = cluster.nodes.get(4);
    cluster.network.part(cluster.hostName(target), cluster.hostName(replica));
    target.ask("MIGRATION", "IMPORT", "0", "2000");
    SlotMove move = List.copyOf(target.machine().moves().underWay()).getFirst();
    run(1000);
    assertThat(move.isImporting).isFalse();
    assertThat(runUntil(() -> target.machine().moves().underWay().isEmpty(), 6000)).isTrue();
    assertThat(cluster.story)
        .anyMatch(line -> line.endsWith("has failed: replica " + replica.id() + " doesn't answer"));
  }

  private static boolean knowsOfTaking(ToyNode node) {
    return isWritten(node, ",TAKING,");
  }

  private static boolean isWritten(ToyNode node, String what) {
    byte[] file = node.nodesConf();
    return file != null
        && new String(file, java.nio.charset.StandardCharsets.ISO_8859_1).contains(what);
  }

  private boolean runUntilExactly(java.util.function.BooleanSupplier condition, int mostMillis) {
    for (int at = 0; at < mostMillis; at++) {
      if (condition.getAsBoolean()) {
        return true;
      }
      if (at % 20 == 0) {
        clients.count();
      }
      cluster.network.run(1);
    }
    return false;
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @Execution(ExecutionMode.CONCURRENT)
  void whateverHappensEachSlotStaysWholeWithOneOwner(long seed) {
    Random random = new Random(seed);
    boolean rough = random.nextInt(3) == 0;
    make(seed, rough ? SimNetwork.Conditions.ROUGH : SimNetwork.Conditions.GOOD, 9);
    boolean mixed = random.nextInt(3) == 0;
    cluster.nodes.forEach(node -> node.stalls = true);
    try {
      if (mixed) {
        // A shard of stock servers beside: their votes count, and they know nothing.
        cluster.nodes.get(2).isStock = true;
        cluster.nodes.get(5).isStock = true;
      }
      cluster.form(3);
      run(500);
      for (int round = 0; round < ROUNDS; round++) {
        List<ToyNode> ends = move(random);
        if (!ends.isEmpty()) {
          for (int i = random.nextInt(4); i > 0; i--) {
            if (random.nextBoolean()) {
              run(random.nextInt(random.nextBoolean() ? 200 : 900));
            } else {
              runUntilStep(random, ends);
            }
            happen(random, ends);
          }
        }
        run(500 + random.nextInt(random.nextInt(3) == 0 ? 15_000 : 2000));
        if (random.nextInt(3) > 0) {
          cluster.healAll();
          run(random.nextInt(3000));
        }
      }
      cluster.healAll();
      assertThat(runUntil(this::isQuiet, 180_000)).as("it settles").isTrue();
      verify();
      countCompleted();
      if (System.getProperty("spinel.moves") != null) {
        System.out.println("seed " + seed + ": " + completed + " moves completed");
      }
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + "\n" + describe(), e);
    }
  }

  private String describe() {
    StringBuilder text = new StringBuilder(cluster.describe());
    for (ToyNode node : cluster.nodes) {
      text.append(node.name).append(' ').append(node.values()).append('\n');
      for (SlotMove move : node.machine().moves().underWay()) {
        text.append("   ")
            .append(move.id, 0, 6)
            .append(' ')
            .append(move.state)
            .append(' ')
            .append(move.slots)
            .append(" with ")
            .append(move.peer, 0, 6)
            .append('\n');
      }
      text.append("   purging ").append(node.machine().moves().purging()).append('\n');
    }
    return text.toString();
  }
}
