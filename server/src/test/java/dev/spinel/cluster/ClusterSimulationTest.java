package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.Address;
import dev.spinel.peer.SimNetwork;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Clusters in a network where everything happens. At every moment: no two elections are won in one
/// epoch, and no slot has two primaries that take writes. In the end, once nothing happens any
/// more: all nodes see the same cluster, no two primaries have one epoch, and it is up.
///
/// Hosts are `10.0.x.y`; a node keeps its files when it moves to another one.
class ClusterSimulationTest {
  private static final int PORT = 6379;
  private static final int BUS = PORT + 10_000;
  private static final long TIMEOUT = 2000;

  private final List<ToyNode> nodes = new ArrayList<>();
  private final Map<ToyNode, String> hosts = new HashMap<>();
  private final Map<ToyNode, Double> rates = new HashMap<>();
  private final Map<ToyNode, Long> walls = new HashMap<>();
  private final Map<Long, String> winners = new TreeMap<>();
  private final List<String> story = new ArrayList<>();
  private SimNetwork network;
  private int nextHost = 1;
  private boolean checksOverlap = true;
  private int elections;

  private void make(long seed, SimNetwork.Conditions conditions, int count) {
    network = new SimNetwork(seed, conditions);
    for (int i = 0; i < count; i++) {
      add(ClusterPolicy.usual(PORT));
    }
  }

  private static ClusterPolicy policy(ClusterPolicy usual, long timeout, List<Address> seeds) {
    return new ClusterPolicy(
        timeout,
        0,
        "",
        usual.port(),
        0,
        usual.busPort(),
        usual.hostname(),
        "",
        true,
        1,
        true,
        10,
        false,
        1000,
        0,
        seeds);
  }

  private ToyNode add(ClusterPolicy usual) {
    String host = newHost();
    Peered peers = new Peered(host);
    ToyNode[] holder = new ToyNode[1];
    ToyNode node =
        new ToyNode(
            "n" + nodes.size(),
            peers,
            network.random(),
            new ToyNode.Clocks() {
              @Override
              public long steady() {
                return (long) ((network.now() - 1_699_999_000_000L) * rates.get(holder[0]));
              }

              @Override
              public long wall() {
                return network.now() + walls.get(holder[0]);
              }
            },
            true,
            policy(usual, TIMEOUT, List.of()));
    holder[0] = node;
    rates.put(node, 1 + (network.random().nextInt(9) - 4) / 1000.0);
    walls.put(node, (long) network.random().nextInt(2000) - 1000);
    peers.node = node;
    hosts.put(node, host);
    nodes.add(node);
    node.onLog = text -> noted(node, text);
    start(node, false);
    return node;
  }

  /// The network as seen from wherever the node is just now.
  private final class Peered implements dev.spinel.peer.Peers {
    private final String first;
    private @Nullable ToyNode node;

    Peered(String first) {
      this.first = first;
    }

    private SimNetwork.Host host() {
      return network.host(node == null ? first : hosts.get(node));
    }

    @Override
    public long now() {
      return network.now();
    }

    @Override
    public dev.spinel.peer.PeerLink dial(
        Address to, Dialling how, dev.spinel.peer.PeerLink.Listener listener) {
      return host().dial(to, how, listener);
    }

    @Override
    public Alarm after(long millis, Runnable action) {
      return host().after(millis, action);
    }
  }

  private String newHost() {
    int number = nextHost++;
    return "10.0." + number / 250 + "." + (1 + number % 250);
  }

  private SimNetwork.Host host(ToyNode node) {
    return network.host(hosts.get(node));
  }

  private void start(ToyNode node, boolean withoutData) {
    host(node).restart();
    host(node).listen(BUS, node::acceptBus);
    host(node).listen(PORT, node::acceptClient);
    node.start(withoutData);
  }

  private void crash(ToyNode node, boolean power) {
    if (node.isRunning()) {
      host(node).crash();
      node.crash(power);
    }
  }

  private void noted(ToyNode node, String text) {
    story.add(network.now() % 10_000_000 + " " + node.name + ": " + text);
    if (text.startsWith("Failover election won")) {
      elections++;
    }
    if (text.endsWith("after successful failover")) {
      long epoch = Long.parseLong(text.split(" ")[3]);
      String before = winners.put(epoch, node.name);
      assertThat(before).as("winner of epoch %d beside %s", epoch, node.name).isNull();
    }
  }

  // ── forming ──

  private void form(int primaries) {
    ToyNode first = nodes.getFirst();
    for (int i = 0; i < nodes.size(); i++) {
      ToyNode node = nodes.get(i);
      node.ask("SET-CONFIG-EPOCH", Integer.toString(i + 1));
      if (i < primaries) {
        int from = SlotSet.SLOTS * i / primaries;
        int to = SlotSet.SLOTS * (i + 1) / primaries - 1;
        node.ask("ADDSLOTSRANGE", Integer.toString(from), Integer.toString(to));
      }
      if (node != first) {
        node.ask("MEET", hosts.get(first), Integer.toString(PORT));
      }
    }
    assertThat(runUntil(this::allKnowAll, 120_000)).as(this::describe).isTrue();
    for (int i = primaries; i < nodes.size(); i++) {
      nodes.get(i).ask("REPLICATE", nodes.get(i % primaries).id());
    }
    assertThat(runUntil(this::settled, 120_000)).as(this::describe).isTrue();
  }

  private boolean allKnowAll() {
    for (ToyNode node : nodes) {
      if (node.isRunning()) {
        List<NodeView> known = node.view().nodes();
        if (known.size() != nodes.size()
            || known.stream().anyMatch(view -> view.is(NodeFlags.HANDSHAKE))) {
          return false;
        }
      }
    }
    return true;
  }

  /// What a node thinks of the cluster: who leads with which slots and epoch, who follows whom.
  private static String picture(ToyNode node) {
    Set<String> lines = new TreeSet<>();
    for (NodeView view : node.view().nodes()) {
      lines.add(
          view.id()
              + " "
              + view.primary()
              + " "
              + (view.isPrimary() ? view.configEpoch() + " " + view.slots() : "")
              + (view.is(NodeFlags.FAIL | NodeFlags.PFAIL) ? " fails" : ""));
    }
    return String.join("\n", lines);
  }

  private boolean settled() {
    String picture = picture(nodes.getFirst());
    Set<Long> epochs = new HashSet<>();
    for (ToyNode node : nodes) {
      if (!node.isRunning() || !node.view().isUp() || !picture(node).equals(picture)) {
        return false;
      }
      NodeView myself = node.view().myself();
      if (myself.isPrimary() && !epochs.add(myself.configEpoch())) {
        return false;
      }
      if (myself.isReplica() && node.view().node(myself.primary()).isReplica()) {
        return false;
      }
    }
    return !picture.contains("fails");
  }

  private String describe() {
    StringBuilder text = new StringBuilder();
    List<String> last = story.subList(Math.max(0, story.size() - 120), story.size());
    text.append(String.join("\n", last)).append('\n');
    for (ToyNode node : nodes) {
      text.append(hosts.get(node)).append(' ');
      if (node.isRunning()) {
        text.append(node.view().isUp() ? "ok " : "fail ");
      }
      text.append(node).append('\n');
    }
    return text.toString();
  }

  // ── what must always hold ──

  /// No slot has two primaries that take writes.
  private void check() {
    if (!checksOverlap) {
      return;
    }
    List<ToyNode> writable = new ArrayList<>();
    for (ToyNode node : nodes) {
      int slot = node.machine().myself().slots.next(0);
      if (slot >= 0 && node.takesWrites(slot)) {
        writable.add(node);
      }
    }
    SlotSet seen = new SlotSet();
    for (ToyNode node : writable) {
      SlotSet slots = node.machine().myself().slots;
      for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
        if (seen.contains(slot)) {
          throw new AssertionError("two primaries take writes to slot " + slot);
        }
        seen.add(slot);
      }
    }
  }

  private void run(long millis) {
    long end = network.now() + millis;
    while (network.now() < end) {
      network.run(Math.min(end - network.now(), 1 + network.random().nextInt(20)));
      check();
    }
  }

  private boolean runUntil(BooleanSupplier condition, long mostMillis) {
    long end = network.now() + mostMillis;
    while (!condition.getAsBoolean()) {
      if (network.now() >= end) {
        return false;
      }
      for (int i = 0; i < 10; i++) {
        network.run(10);
        check();
      }
    }
    return true;
  }

  static LongStream seeds() {
    long first = Long.getLong("spinel.seed", System.nanoTime());
    return LongStream.range(first, first + Integer.getInteger("spinel.seeds", 6));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void inTheEndAllAgree(long seed) {
    int primaries = 3 + new Random(seed).nextInt(3);
    int replicas = 1 + new Random(seed + 1).nextInt(2);
    make(
        seed,
        seed % 3 == 0 ? SimNetwork.Conditions.GOOD : SimNetwork.Conditions.ROUGH,
        primaries * (1 + replicas));
    try {
      form(primaries);
      for (int i = 0; i < 60; i++) {
        happen();
        run(network.random().nextInt(2500));
      }
      network.heal();
      for (ToyNode node : nodes) {
        host(node).goOn();
        if (!node.isRunning()) {
          start(node, false);
        }
      }
      boolean agree = runUntil(this::settled, 600_000);
      assertThat(agree).as(this::describe).isTrue();
      report(seed);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + "\n" + describe(), e);
    }
  }

  /// With `-Dspinel.report=true`: what there was to see.
  private void report(long seed) {
    if (Boolean.getBoolean("spinel.report")) {
      long messages = nodes.stream().mapToLong(ToyNode::messages).sum();
      long seconds = (network.now() - 1_700_000_000_000L) / 1000;
      System.out.println(
          "seed "
              + seed
              + ": "
              + nodes.size()
              + " nodes, "
              + seconds
              + " s, "
              + elections
              + " elections, "
              + messages
              + " messages");
    }
  }

  private ToyNode some() {
    return nodes.get(network.random().nextInt(nodes.size()));
  }

  private void happen() {
    ToyNode node = some();
    ToyNode other = some();
    switch (network.random().nextInt(18)) {
      case 0, 1 -> network.part(hosts.get(node), hosts.get(other));
      case 2 -> network.isolate(hosts.get(node));
      case 3, 4, 5 -> network.heal();
      case 6 -> network.breakLinks(hosts.get(node), hosts.get(other));
      case 7 -> host(node).pause();
      case 8, 9 -> nodes.forEach(each -> host(each).goOn());
      case 10, 11 -> crash(node, network.random().nextBoolean());
      case 12, 13, 14 -> restart(node);
      case 15 -> walls.put(node, (long) network.random().nextInt(100_000) - 50_000);
      case 16 -> {
        if (node.isRunning()) {
          node.ask("FAILOVER");
        }
      }
      default -> nodes.forEach(each -> each.write(network.random().nextInt(SlotSet.SLOTS)));
    }
  }

  private void restart(ToyNode node) {
    if (!node.isRunning()) {
      if (network.random().nextInt(3) == 0) {
        hosts.put(node, newHost());
      }
      start(node, false);
    }
  }
}
