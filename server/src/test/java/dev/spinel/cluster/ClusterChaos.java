package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.SimNetwork;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// One cluster of 3 to 50 nodes to which everything happens that can: partitions, links that break,
/// nodes that stand still, crashes with and without a loss of power, restarts elsewhere, torn
/// files, clocks that jump, failovers by hand, and slots that are moved by hand, step by step, with
/// all of that in between, or left half moved. Meanwhile clients count.
///
/// A seed decides all of it, and each happening has a seed of its own. So a run can be repeated
/// without some of its happenings: [#shrink] finds a few with which it fails, too.
final class ClusterChaos {
  static final long TIMEOUT = 2000;
  private static final int COUNTED = 8;
  private static final int SHRINKING_RUNS = 40;

  /// A slot on its way, and the step that comes next.
  private static final class HandMove {
    final int slot;
    final ToyNode from;
    final ToyNode to;
    int step;

    HandMove(int slot, ToyNode from, ToyNode to) {
      this.slot = slot;
      this.from = from;
      this.to = to;
    }
  }

  final SimCluster cluster;
  private final long seed;
  private final int primaries;
  private final int happenings;
  private final CountedSlots clients;
  private final List<HandMove> moves = new ArrayList<>();
  private final SlotSet touched = new SlotSet(); // by moves

  ClusterChaos(long seed) {
    this.seed = seed;
    Random shape = new Random(seed);
    boolean large = shape.nextInt(25) == 0;
    int nodes = large ? 16 + shape.nextInt(35) : 3 + shape.nextInt(13);
    primaries = 3 + shape.nextInt(Math.max(1, nodes / 2 - 2));
    happenings = large ? 25 : 60;
    cluster =
        new SimCluster(
            seed,
            shape.nextInt(3) == 0 ? SimNetwork.Conditions.GOOD : SimNetwork.Conditions.ROUGH,
            false);
    for (int i = 0; i < nodes; i++) {
      cluster.add(SimCluster.policy(TIMEOUT, List.of()));
    }
    clients = new CountedSlots(cluster, COUNTED);
  }

  List<Integer> all() {
    return IntStream.range(0, happenings).boxed().toList();
  }

  /// These happenings, and a cluster that is healed afterwards.
  void run(List<Integer> which) {
    cluster.form(primaries);
    for (int number : which) {
      Random random = new Random(seed * 1_000_003 + number);
      happen(random);
      clients.run(random.nextInt(2500));
      cluster.settle();
    }
    cluster.healAll();
    cluster.run(4 * TIMEOUT);
    for (int i = 0; i < 3 && !touched.isEmpty(); i++) {
      repair();
    }
    assertThat(cluster.runUntil(cluster::settled, 600_000)).as("it settles").isTrue();
    cluster.settle();
    clients.run(100);
    clients.verify();
  }

  /// What is left of a run's happenings when as many as can be have been left out of it.
  static List<Integer> shrink(List<Integer> failing, Supplier<ClusterChaos> anew) {
    List<Integer> least = failing;
    int runs = 0;
    for (int chunk = least.size() / 2; chunk > 0; chunk /= 2) {
      for (int at = 0; at < least.size() && runs < SHRINKING_RUNS; ) {
        List<Integer> fewer = new ArrayList<>(least);
        fewer.subList(at, Math.min(at + chunk, fewer.size())).clear();
        runs++;
        try {
          anew.get().run(fewer);
          at += chunk;
        } catch (AssertionError | RuntimeException e) {
          least = fewer;
        }
      }
    }
    return least;
  }

  // ── what happens ──

  private static <T> T any(Random random, List<T> of) {
    return of.get(random.nextInt(of.size()));
  }

  private void note(String text) {
    cluster.story.add(cluster.network.now() + " ── " + text);
  }

  private void happen(Random random) {
    ToyNode node = any(random, cluster.nodes);
    ToyNode other = any(random, cluster.nodes);
    String both = node.name + " and " + other.name;
    switch (random.nextInt(24)) {
      case 0, 1 -> {
        note(both + " are parted");
        cluster.network.part(cluster.hostName(node), cluster.hostName(other));
      }
      case 2 -> {
        note(node.name + " is alone");
        cluster.network.isolate(cluster.hostName(node));
      }
      case 3, 4, 5 -> {
        note("the network is whole");
        cluster.network.heal();
      }
      case 6 -> {
        note("links break between " + both);
        cluster.network.breakLinks(cluster.hostName(node), cluster.hostName(other));
      }
      case 7 -> {
        note(node.name + " stands still");
        cluster.host(node).pause();
      }
      case 8, 9 -> {
        note("all go on");
        cluster.nodes.forEach(each -> cluster.host(each).goOn());
      }
      case 10, 11 -> {
        note(node.name + " is killed");
        cluster.crash(node, random.nextBoolean());
      }
      case 12, 13, 14 -> restart(random, node);
      case 15 -> cluster.setWall(node, random.nextInt(100_000) - 50_000);
      case 16 -> failOver(random, node);
      case 17 -> {
        note("links are half open between " + both);
        cluster.network.halfOpen(cluster.hostName(node), cluster.hostName(other));
      }
      case 18 -> cutPower(random);
      default -> goOnMoving(random);
    }
  }

  /// Several nodes at once.
  private void cutPower(Random random) {
    for (ToyNode node : cluster.nodes) {
      if (random.nextInt(3) == 0) {
        note(node.name + " loses power");
        cluster.crash(node, true);
      }
    }
  }

  private void restart(Random random, ToyNode node) {
    if (node.isRunning()) {
      return;
    }
    note(node.name + " starts");
    boolean moves = random.nextInt(3) == 0;
    if (moves && node != cluster.nodes.getLast()) { // if all have moved, nobody is found any more
      cluster.move(node);
    }
    byte[] file = node.nodesConf();
    if (file != null && random.nextInt(4) == 0) {
      tear(random, node, file);
    }
    cluster.start(node, false);
  }

  /// A file that is cut off is refused; somebody puts a copy of it in its place.
  private static void tear(Random random, ToyNode node, byte[] file) {
    byte[] torn = Arrays.copyOf(file, 1 + random.nextInt(file.length - 1));
    try {
      NodesFile.read(torn);
      throw new AssertionError(new String(torn, StandardCharsets.ISO_8859_1));
    } catch (NodesFile.Corrupt e) {
      node.setNodesConf(file);
    }
  }

  private void failOver(Random random, ToyNode node) {
    ClusterNode myself = node.machine().myself();
    ClusterNode primary = myself.primary;
    if (!node.isRunning() || primary == null) {
      return;
    }
    int how = random.nextInt(6);
    if (how > 1) {
      note(node.name + ": FAILOVER");
      node.ask("FAILOVER");
      return;
    }
    note(node.name + ": FAILOVER by force");
    contestShard(myself);
    node.ask("FAILOVER", how == 0 ? "FORCE" : "TAKEOVER");
  }

  /// What any node of a shard serves may get two primaries, and lose what its copies lacked.
  private void contestShard(ClusterNode of) {
    for (ToyNode node : cluster.nodes) {
      if (node.machine().myself().shard.equals(of.shard)) {
        give(node.machine().myself().slots);
      }
    }
    if (of.primary != null) {
      give(of.primary.slots);
    }
  }

  private void give(SlotSet slots) {
    cluster.contest(slots);
    for (int i = 0; i < COUNTED; i++) {
      if (slots.contains(clients.slot(i))) {
        clients.leave(clients.slot(i));
      }
    }
  }

  // ── slots ──

  /// Some slot's move makes its next step, or a few; or a new one begins, or one is left half done.
  private void goOnMoving(Random random) {
    if (moves.isEmpty() || random.nextInt(4) == 0) {
      begin(random);
    }
    if (moves.isEmpty()) {
      return;
    }
    HandMove move = any(random, moves);
    if (random.nextInt(12) == 0) {
      moves.remove(move);
      return;
    }
    for (int i = random.nextInt(4); i >= 0 && step(move); i--) {
      cluster.run(random.nextInt(2) * random.nextInt(200));
    }
  }

  private void begin(Random random) {
    ToyNode from = any(random, cluster.nodes);
    ToyNode to = any(random, cluster.nodes);
    SlotSet slots = from.machine().myself().slots;
    int slot =
        random.nextInt(3) == 0
            ? clients.slot(random.nextInt(COUNTED))
            : slots.next(random.nextInt(SlotSet.SLOTS));
    if (from != to
        && slot >= 0
        && from.machine().myself().isVoter()
        && slots.contains(slot)
        && slots.count() > 10
        && to.machine().myself().isPrimary()) {
      moves.add(new HandMove(slot, from, to));
    }
  }

  /// As redis-cli moves a slot. Returns whether there is another step.
  private boolean step(HandMove move) {
    ToyNode from = move.from;
    ToyNode to = move.to;
    String slot = Integer.toString(move.slot);
    note("slot " + slot + " from " + from.name + " to " + to.name + ", step " + move.step);
    SlotSet one = new SlotSet();
    one.add(move.slot);
    touched.add(move.slot);
    give(one);
    switch (move.step++) {
      case 0 -> ask(to, "SETSLOT", slot, "IMPORTING", from.id());
      case 1 -> ask(from, "SETSLOT", slot, "MIGRATING", to.id());
      case 2 -> {
        if (from.isRunning() && to.isRunning() && from.value(move.slot) > 0) {
          to.values().put(move.slot, from.value(move.slot));
        }
      }
      case 3 -> {
        if (from.isRunning() && to.isRunning()) {
          from.values().remove(move.slot);
        }
      }
      case 4 -> {
        // A new epoch without votes, for all that the node has: whoever is cut off may win
        // everything back with it.
        if (!to.machine().lease().stands()) {
          contestShard(to.machine().myself());
        }
        cluster.allowOneEpoch(to.machine().myself().slots);
        ask(to, "SETSLOT", slot, "NODE", to.id());
      }
      default -> {
        ask(from, "SETSLOT", slot, "NODE", to.id());
        moves.remove(move);
        return false;
      }
    }
    return true;
  }

  private static @Nullable Long ask(ToyNode node, String... words) {
    return node.isRunning() ? node.ask(words) : null;
  }

  /// As somebody does who finds slots half moved: each goes to its owner of the greatest epoch, or
  /// to whoever has its key, and nobody else has anything of it.
  private void repair() {
    for (int slot = touched.next(0); slot >= 0; slot = touched.next(slot + 1)) {
      ToyNode owner = null;
      ToyNode holder = null;
      ToyNode some = null;
      for (ToyNode node : cluster.nodes) {
        ClusterNode myself = node.machine().myself();
        if (!myself.isPrimary()) {
          continue;
        }
        some = myself.isVoter() ? node : some;
        holder = node.keysIn(slot) > 0 ? node : holder;
        if (node.machine().slots().owner(slot) == myself
            && (owner == null || myself.configEpoch > owner.machine().myself().configEpoch)) {
          owner = node;
        }
      }
      ToyNode to = owner != null ? owner : holder != null ? holder : some;
      if (to != null) {
        assign(slot, to);
      }
    }
    cluster.run(4 * TIMEOUT);
  }

  private void assign(int slot, ToyNode to) {
    String number = Integer.toString(slot);
    SlotMap slots = to.machine().slots();
    if (slots.owner(slot) != to.machine().myself()) {
      ToyNode other = cluster.nodes.getFirst() == to ? cluster.nodes.get(1) : cluster.nodes.get(0);
      for (ToyNode node : cluster.nodes) {
        other = node != to && node.machine().myself().isPrimary() ? node : other;
      }
      ask(to, "SETSLOT", number, "IMPORTING", other.id());
      cluster.allowOneEpoch(to.machine().myself().slots);
      ask(to, "SETSLOT", number, "NODE", to.id());
    }
    for (ToyNode node : cluster.nodes) {
      if (node.machine().myself().isPrimary()) {
        ask(node, "SETSLOT", number, "STABLE");
        if (node != to && node.keysIn(slot) > 0) {
          to.values().merge(slot, node.value(slot), Math::max);
          node.values().remove(slot);
        }
      }
    }
  }
}
