package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.peer.SimNetwork;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// A cluster in a simulated network, and what must hold in it at every moment:
///
/// - no two elections are won in one epoch;
/// - nobody votes twice in one epoch, nor, as a primary, tells of a smaller configuration epoch
///   than before: a crash and a loss of power forget neither;
/// - no slot has two primaries that take writes;
/// - no slot is claimed by two primaries with one configuration epoch.
///
/// The last two don't hold for slots that are given away by hand, since nobody votes on that
/// (CLUSTER SETSLOT NODE, and FAILOVER with FORCE or TAKEOVER): those are [contested][#contest]
/// until all nodes agree again. Nor does the last one for all that a node has which takes an epoch
/// by itself, as SETSLOT NODE has it do: a replica may be elected for the same one meanwhile.
///
/// Hosts are `10.0.x.y` or `fd00::x`; a node keeps its files when it moves to another one. Nodes
/// are called n0, n1 …
final class SimCluster {
  static final int PORT = 6379;
  static final int BUS = PORT + 10_000;

  final SimNetwork network;
  final List<ToyNode> nodes = new ArrayList<>();
  final List<String> story = new ArrayList<>();
  private final Map<ToyNode, String> hosts = new HashMap<>();
  private final Map<ToyNode, Double> rates = new HashMap<>();
  private final Map<ToyNode, Long> walls = new HashMap<>();
  private final Map<Long, String> winners = new TreeMap<>();
  private final Set<String> votes = new HashSet<>(); // node and epoch
  private final Map<String, Long> announced = new HashMap<>();
  private final SlotSet contested = new SlotSet();
  private final SlotSet oneEpochAllowed = new SlotSet();
  private final boolean evenClocks;
  private int nextHost = 1;
  boolean checksOverlap = true;

  /// Some voter is a stock server and promises nothing: a primary and the replica that has replaced
  /// it may both take writes for a moment, as in Redis. Of these slots that was so.
  final SlotSet overlapped = new SlotSet();

  boolean usesIpv6; // for hosts that are made from now on
  int elections;

  SimCluster(long seed, SimNetwork.Conditions conditions, boolean evenClocks) {
    network = new SimNetwork(seed, conditions);
    this.evenClocks = evenClocks;
  }

  static ClusterPolicy policy(long timeoutMillis, List<Address> seeds) {
    return policy(timeoutMillis, "", seeds);
  }

  static ClusterPolicy policy(long timeoutMillis, String hostname, List<Address> seeds) {
    ClusterPolicy usual = ClusterPolicy.usual(PORT);
    return new ClusterPolicy(
        timeoutMillis,
        0,
        "",
        PORT,
        0,
        usual.busPort(),
        hostname,
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

  // ── nodes ──

  ToyNode add(ClusterPolicy policy) {
    String host = newHost();
    Wandering peers = new Wandering(host);
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
            !evenClocks,
            policy);
    holder[0] = node;
    rates.put(node, evenClocks ? 1 : 1 + (network.random().nextInt(9) - 4) / 1000.0);
    walls.put(node, evenClocks ? 0L : (long) network.random().nextInt(2000) - 1000);
    peers.node = node;
    hosts.put(node, host);
    nodes.add(node);
    node.onLog = text -> noted(node, text);
    node.onSend = message -> sent(node, message.header());
    start(node, false);
    return node;
  }

  /// The network as seen from wherever the node is just now.
  private final class Wandering implements Peers {
    private final String first;
    private @Nullable ToyNode node;

    Wandering(String first) {
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
    public PeerLink dial(Address to, Dialling how, PeerLink.Listener listener) {
      return host().dial(to, how, listener);
    }

    @Override
    public Alarm after(long millis, Runnable action) {
      return host().after(millis, action);
    }
  }

  private String newHost() {
    int number = nextHost++;
    return usesIpv6 ? "fd00::" + Integer.toHexString(number) : ipv4(number);
  }

  private static String ipv4(int number) {
    return "10.0." + number / 250 + "." + (1 + number % 250);
  }

  void move(ToyNode node) {
    hosts.put(node, newHost());
  }

  /// Each node's next start is where its neighbour was.
  void rotateHosts() {
    String first = hosts.get(nodes.getFirst());
    for (int i = 0; i + 1 < nodes.size(); i++) {
      hosts.put(nodes.get(i), hosts.get(nodes.get(i + 1)));
    }
    hosts.put(nodes.getLast(), first);
  }

  /// Whether all nodes that run take the cluster for up.
  boolean isServed() {
    return nodes.stream().filter(ToyNode::isRunning).allMatch(n -> n.machine().health().isUp());
  }

  String hostName(ToyNode node) {
    return hosts.get(node);
  }

  SimNetwork.Host host(ToyNode node) {
    return network.host(hosts.get(node));
  }

  void setWall(ToyNode node, long aheadMillis) {
    walls.put(node, aheadMillis);
  }

  void start(ToyNode node, boolean withoutData) {
    host(node).restart();
    host(node).listen(BUS, node::acceptBus);
    host(node).listen(PORT, node::acceptClient);
    node.start(withoutData);
  }

  void crash(ToyNode node, boolean power) {
    if (node.isRunning()) {
      host(node).crash();
      node.crash(power);
    }
  }

  /// Everything works again, and every node runs.
  void healAll() {
    network.heal();
    for (ToyNode node : nodes) {
      host(node).goOn();
      if (!node.isRunning()) {
        start(node, false);
      }
    }
  }

  private void noted(ToyNode node, String text) {
    story.add(network.now() + " " + node.name + ": " + text);
    if (text.startsWith("Failover election won")) {
      elections++;
    }
    if (text.endsWith("after successful failover")) {
      long epoch = Long.parseLong(text.split(" ")[3]);
      String before = winners.put(epoch, node.name);
      assertThat(before).as("winner of epoch %d beside %s", epoch, node.name).isNull();
    }
  }

  private void sent(ToyNode node, BusMessage.Header header) {
    if (header.type() == BusType.AUTH_ACK) {
      String vote = node.id() + " in epoch " + header.currentEpoch();
      assertThat(votes.add(vote)).as("%s votes twice: %s", node.name, vote).isTrue();
    }
    if (header.primary().isEmpty()) {
      long before = announced.merge(node.id(), header.configEpoch(), Math::max);
      assertThat(header.configEpoch())
          .as("configuration epoch of %s", node.name)
          .isGreaterThanOrEqualTo(before);
    }
  }

  /// These slots are given away by hand.
  void contest(SlotSet slots) {
    contested.addAll(slots);
  }

  /// The owner of these slots takes an epoch by itself.
  void allowOneEpoch(SlotSet slots) {
    oneEpochAllowed.addAll(slots);
  }

  /// What was contested isn't any more, if all agree.
  void settle() {
    boolean isAny = !contested.isEmpty() || !oneEpochAllowed.isEmpty();
    if (isAny && nodes.stream().allMatch(ToyNode::isRunning) && settled()) {
      contested.clear();
      oneEpochAllowed.clear();
    }
  }

  // ── time ──

  void run(long millis) {
    long end = network.now() + millis;
    while (network.now() < end) {
      network.run(Math.min(end - network.now(), 10));
      check();
    }
  }

  boolean runUntil(BooleanSupplier condition, long mostMillis) {
    long end = network.now() + mostMillis;
    while (!condition.getAsBoolean()) {
      if (network.now() >= end) {
        return false;
      }
      run(100);
    }
    return true;
  }

  /// No slot has two primaries that take writes, nor two with one epoch.
  void check() {
    if (!checksOverlap) {
      return;
    }
    SlotSet together = new SlotSet();
    int sum = 0;
    boolean oneEpoch = false;
    Set<Long> epochs = new HashSet<>();
    for (ToyNode node : nodes) {
      ClusterNode myself = node.machine().myself();
      if (node.isRunning() && myself.isVoter()) {
        SlotSet writable = node.writable();
        sum += writable.count();
        together.addAll(writable);
        oneEpoch |= !epochs.add(myself.configEpoch);
      }
    }
    if (together.count() < sum) {
      compareWritable();
    }
    if (oneEpoch) {
      compareClaimed();
    }
  }

  private void compareWritable() {
    Map<ToyNode, SlotSet> writable = new LinkedHashMap<>();
    for (ToyNode node : nodes) {
      if (node.isRunning() && node.machine().myself().isVoter()) {
        writable.forEach((other, slots) -> compare(node, other, slots));
        writable.put(node, node.writable());
      }
    }
  }

  private void compareClaimed() {
    Map<Long, SlotSet> claimed = new HashMap<>();
    Set<String> ids = new HashSet<>();
    for (ToyNode node : nodes) {
      ClusterNode myself = node.machine().myself();
      if (node.isRunning() && myself.isVoter() && ids.add(myself.id)) {
        // else it runs on another one's files
        add(
            claimed.computeIfAbsent(myself.configEpoch, any -> new SlotSet()),
            node.machine().moves().claimed(myself.slots).without(oneEpochAllowed),
            "two primaries claim, in epoch " + myself.configEpoch + ", slot ");
      }
    }
  }

  private void compare(ToyNode node, ToyNode other, SlotSet writable) {
    SlotSet both = writable.without(contested);
    both.removeAll(both.without(node.writable()));
    if (both.isEmpty()) {
      return;
    }
    String shard = node.machine().myself().shard;
    if (nodes.stream().anyMatch(any -> any.isStock)
        && shard.equals(other.machine().myself().shard)) {
      contest(both);
      overlapped.addAll(both);
    } else {
      throw new AssertionError("two primaries take writes to slot " + both.next(0));
    }
  }

  private void add(SlotSet to, SlotSet slots, String otherwise) {
    SlotSet fresh = slots.without(contested);
    if (fresh.without(to).count() < fresh.count()) {
      throw new AssertionError(otherwise + fresh.without(fresh.without(to)).next(0));
    }
    to.addAll(fresh);
  }

  // ── forming ──

  /// The first ones become primaries, the others their replicas.
  void form(int primaries) {
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

  boolean allKnowAll() {
    for (ToyNode node : nodes) {
      if (node.isRunning()) {
        Nodes known = node.machine().nodes();
        if (known.size() != nodes.size() || known.exists(ClusterNode::isHandshake)) {
          return false;
        }
      }
    }
    return true;
  }

  // ── agreement ──

  /// What a node thinks of the cluster: who leads with which slots and epoch, who follows whom.
  private static String picture(ToyNode node) {
    Set<String> lines = new TreeSet<>();
    for (ClusterNode known : node.machine().nodes().all()) {
      ClusterNode primary = known.primary;
      lines.add(
          known.id
              + " "
              + (primary == null ? "" : primary.id)
              + " "
              + (known.isPrimary() ? known.configEpoch + " " + known.slots : "")
              + (known.is(NodeFlags.FAIL | NodeFlags.PFAIL) ? " fails" : ""));
    }
    return String.join("\n", lines);
  }

  /// All nodes that run see one cluster, which is up, and no two primaries have one epoch; each
  /// primary takes writes again, and no failover by hand is still to come to its end.
  boolean settled() {
    ToyNode first = null;
    Set<Long> epochs = new HashSet<>();
    for (ToyNode node : nodes) {
      if (!node.isRunning()) {
        continue;
      }
      ClusterMachine machine = node.machine();
      if (!machine.health().isUp() || !machine.lease().stands() || machine.manual().isRunning()) {
        return false;
      }
      ClusterNode myself = node.machine().myself();
      ClusterNode primary = myself.primary;
      if (myself.isPrimary() && !epochs.add(myself.configEpoch)
          || primary != null && primary.isReplica()) {
        return false;
      }
      first = first == null ? node : first;
      if (!seesTheSame(node, first)) {
        return false;
      }
    }
    return true;
  }

  /// Whether both have the same [#picture], and nobody fails in it.
  private static boolean seesTheSame(ToyNode node, ToyNode as) {
    Nodes others = as.machine().nodes();
    if (node.machine().nodes().size() != others.size()) {
      return false;
    }
    for (ClusterNode known : node.machine().nodes().all()) {
      ClusterNode other = others.get(known.id);
      if (other == null
          || known.is(NodeFlags.FAIL | NodeFlags.PFAIL)
          || known.isPrimary() != other.isPrimary()
          || !idOf(known.primary).equals(idOf(other.primary))
          || known.isPrimary()
              && (known.configEpoch != other.configEpoch || !known.slots.equals(other.slots))) {
        return false;
      }
    }
    return true;
  }

  private static String idOf(@Nullable ClusterNode node) {
    return node == null ? "" : node.id;
  }

  /// The last lines of all logs; each node's own line; and how its picture differs from the
  /// first's.
  String describe() {
    StringBuilder text = new StringBuilder();
    List<String> last = story.subList(Math.max(0, story.size() - 150), story.size());
    text.append(String.join("\n", last)).append('\n');
    List<String> first = picture(nodes.getFirst()).lines().toList();
    for (ToyNode node : nodes) {
      text.append(node.name).append(' ');
      if (!node.isRunning()) {
        text.append("is down\n");
        continue;
      }
      ClusterView view = node.view();
      text.append(view.isUp() ? "up " : "down ").append(view.line(view.myself())).append('\n');
      picture(node)
          .lines()
          .filter(line -> !first.contains(line))
          .forEach(
              line -> {
                text.append("   it thinks: ").append(line).append('\n');
                ClusterNode known = node.machine().nodes().get(line.substring(0, 40));
                text.append("      ")
                    .append(known.ip)
                    .append(" link ")
                    .append(known.link)
                    .append(known.linkStands ? " stands" : "")
                    .append(", inbound ")
                    .append(known.inbound)
                    .append(", pinged ")
                    .append(node.machine().now() - known.lastPing)
                    .append(" ms ago, unanswered since ")
                    .append(known.pingSent == 0 ? 0 : node.machine().now() - known.pingSent)
                    .append(", ponged ")
                    .append(node.machine().now() - known.answeredAt)
                    .append(", heard ")
                    .append(node.machine().now() - known.pongReceived)
                    .append(" flags ")
                    .append(known.flags)
                    .append('\n');
              });
    }
    return text.toString();
  }

  long messages() {
    return nodes.stream().mapToLong(ToyNode::messages).sum();
  }
}
