package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import dev.spinel.SpinelCluster;
import dev.spinel.Topology.Node;
import dev.spinel.Topology.Status;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.MigrateParams;

/// A cluster that grows and shrinks, whose slots move, and whose primaries hand over and are
/// killed, while clients write: each key has one writer, and a value that names the key and a
/// number that grows. After each happening all writers have to get on with all of their keys.
final class LostShards implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 60_000;
  private static final int MOVES = 3;
  private static final Pattern MOVES_NOW =
      Pattern.compile("cluster_slot(_imports|_exports|s_hidden):[1-9]");

  final SpinelCluster cluster = Spinel.cluster(3, 3).nodeTimeoutMillis(1000).start();

  /// The last number of each key that was acknowledged.
  private final Map<String, Long> progress = new ConcurrentHashMap<>();

  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private volatile boolean losesNothing = true;

  List<Integer> ports() {
    return cluster.nodes().stream().map(Node::port).toList();
  }

  // ── writers ──

  void acknowledged(String key, long number) {
    progress.put(key, number);
  }

  void isWrong(String what) {
    wrong.add(what);
  }

  /// A client library.
  interface Library {
    void set(String key, String value);

    String get(String key);
  }

  /// Writes to these keys and reads them, until it is interrupted. What a writer reads is its own:
  /// the last number that was acknowledged, or one that it tried later; while primaries are killed
  /// perhaps an older one.
  Thread writer(Library library, List<String> keys) {
    return Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              for (long n = 1; !Thread.currentThread().isInterrupted(); n++) {
                String key = keys.get((int) (n % keys.size()));
                try {
                  library.set(key, key + "=" + n);
                  acknowledged(key, n);
                  check(key, library.get(key), n);
                  Thread.sleep(2);
                } catch (InterruptedException e) {
                  return;
                } catch (RuntimeException e) {
                  continue; // nobody serves it now
                }
              }
            });
  }

  /// @param n that was acknowledged just before
  private void check(String key, String value, long n) {
    boolean isOwn = value == null ? !losesNothing : value.startsWith(key + "=");
    long read = isOwn && value != null ? Long.parseLong(value.substring(key.length() + 1)) : 0;
    if (!isOwn || read > n || losesNothing && read < n) {
      wrong.add(key + " is " + value + ", not " + n);
    }
  }

  /// A writer that is a process of its own, and says `KEY NUMBER`, or `wrong …`
  void listen(Process writer) {
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try (BufferedReader lines = writer.inputReader(StandardCharsets.UTF_8)) {
                for (String line; (line = lines.readLine()) != null; ) {
                  String[] words = line.split(" ");
                  if (words[0].equals("wrong")) {
                    isWrong(line);
                  } else {
                    acknowledged(words[0], Long.parseLong(words[1]));
                  }
                }
              } catch (IOException e) {
                isWrong("nothing more is said: " + e.getMessage()); // also at its end
              }
            });
  }

  // ── what happens ──

  /// Slots move, key by key and whole, and a primary hands over to its replica: nothing is lost.
  void moveAndHandOver() throws InterruptedException {
    awaitProgress("at first");
    for (int round = 0; round < MOVES; round++) {
      for (String key : progress.keySet()) {
        move(key);
      }
      awaitProgress("slots have moved");
      for (String key : progress.keySet()) {
        moveWhole(key);
      }
      await(this::noneMoves, "all moves have ended");
      awaitProgress("slots have moved whole");
    }
    Node replica = replica();
    try (Jedis jedis = jedis(replica)) {
      jedis.clusterFailover();
    }
    await(() -> replica.status().isPrimary(), "the replica takes over");
    awaitProgress("a primary has handed over");
    assertThat(cluster.awaitInSync(PATIENCE_MILLIS)).isTrue();
  }

  /// A node joins, gets the slots of all keys, gives them back and leaves: nothing is lost.
  void growAndShrink() throws Exception {
    Path folder = Files.createTempDirectory("spinel-joins");
    String bus = Integer.toString(freePort());
    try (Spinel added =
        Spinel.start(
            "cluster-enabled",
            "yes",
            "cluster-port",
            bus,
            "cluster-allow-replica-migration", // without slots it stays a primary
            "no",
            "dir",
            folder.toString())) {
      Place place;
      try (Jedis jedis = new Jedis("127.0.0.1", added.port())) {
        place = new Place(added.port(), jedis.clusterMyId());
      }
      try (Jedis any = jedis(primaries().getFirst())) {
        any.sendCommand(
            Protocol.Command.CLUSTER, "MEET", "127.0.0.1", Integer.toString(added.port()), bus);
      }
      for (Node node : cluster.nodes()) {
        await(() -> knows(node, place.id), "the new node is known");
      }
      await(() -> isUp(place), "the new node takes part");
      Map<Integer, Place> owners = new TreeMap<>();
      for (String key : progress.keySet()) {
        int slot = slot(key);
        if (!owners.containsKey(slot)) {
          Place owner = owner(slot);
          owners.put(slot, owner);
          move(slot, owner, place);
        }
      }
      awaitProgress("the new node has the slots");
      for (Map.Entry<Integer, Place> each : owners.entrySet()) {
        move(each.getKey(), place, each.getValue());
      }
      awaitProgress("the slots are back");
      for (Node node : cluster.nodes()) {
        try (Jedis jedis = jedis(node)) {
          jedis.clusterForget(place.id);
        }
      }
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
    awaitProgress("the node has left");
  }

  private static int freePort() throws IOException {
    try (ServerSocket probe = new ServerSocket(0)) {
      return probe.getLocalPort();
    }
  }

  private static boolean isUp(Place place) {
    try (Jedis jedis = new Jedis("127.0.0.1", place.port)) {
      return jedis.clusterInfo().contains("cluster_state:ok");
    }
  }

  private static boolean knows(Node node, String id) {
    try (Jedis jedis = jedis(node)) {
      return jedis.clusterNodes().lines().anyMatch(l -> l.startsWith(id) && !l.contains("hand"));
    }
  }

  /// Primaries are killed, one after the other, and started again. What was acknowledged a moment
  /// before may be lost.
  void loseAndFind() throws InterruptedException {
    losesNothing = false;
    for (int round = 0; round < 2; round++) {
      Node lost = primaries().get(round);
      lost.kill();
      awaitProgress("a primary was killed");
      lost.start();
      assertThat(cluster.awaitInSync(PATIENCE_MILLIS)).as("all are in sync").isTrue();
    }
    awaitProgress("all is well");
  }

  private List<Node> primaries() {
    return cluster.nodes().stream().filter(node -> node.status().isPrimary()).toList();
  }

  private Node replica() {
    return cluster.nodes().stream()
        .filter(node -> !node.status().isPrimary())
        .findFirst()
        .orElseThrow();
  }

  private static Jedis jedis(Node node) {
    return new Jedis("127.0.0.1", node.port());
  }

  /// A node, wherever it comes from.
  private record Place(int port, String id) {}

  private static Place place(Node node) {
    return new Place(node.port(), node.status().id());
  }

  private int slot(String key) {
    try (Jedis any = jedis(cluster.nodes().getFirst())) {
      return (int) any.clusterKeySlot(key);
    }
  }

  private Place owner(int slot) {
    return place(
        primaries().stream().filter(node -> owns(node.status(), slot)).findAny().orElseThrow());
  }

  private void move(String key) {
    int slot = slot(key);
    Place from = owner(slot);
    List<Place> others = primaries().stream().map(LostShards::place).toList();
    move(
        slot,
        from,
        others.reversed().stream().filter(p -> !p.equals(from)).findFirst().orElseThrow());
  }

  private void moveWhole(String key) throws InterruptedException {
    int slot = slot(key);
    Place from = owner(slot);
    Place to =
        primaries().stream()
            .map(LostShards::place)
            .filter(place -> !place.equals(from))
            .findFirst()
            .orElseThrow();
    await(() -> imports(to, slot), key + "'s slot may move");
    await(() -> owns(to, slot), key + "'s slot has moved");
  }

  /// Whether it begins: a node moves slots of one move at a time.
  private static boolean imports(Place to, int slot) {
    String number = Integer.toString(slot);
    try (Jedis target = new Jedis("127.0.0.1", to.port)) {
      target.sendCommand(Protocol.Command.CLUSTER, "MIGRATION", "IMPORT", number, number);
      return true;
    } catch (JedisDataException notYet) {
      return false;
    }
  }

  private boolean noneMoves() {
    return primaries().stream()
        .allMatch(
            node -> {
              try (Jedis jedis = jedis(node)) {
                return !MOVES_NOW.matcher(jedis.info("cluster")).find();
              }
            });
  }

  private boolean owns(Place place, int slot) {
    return primaries().stream()
        .anyMatch(node -> place(node).equals(place) && owns(node.status(), slot));
  }

  /// As redis-cli moves a slot.
  private static void move(int slot, Place from, Place to) {
    try (Jedis source = new Jedis("127.0.0.1", from.port);
        Jedis target = new Jedis("127.0.0.1", to.port)) {
      target.clusterSetSlotImporting(slot, from.id);
      source.clusterSetSlotMigrating(slot, to.id);
      for (List<String> keys; !(keys = source.clusterGetKeysInSlot(slot, 10)).isEmpty(); ) {
        MigrateParams none = MigrateParams.migrateParams();
        source.migrate("127.0.0.1", to.port, 5000, none, keys.toArray(new String[0]));
      }
      target.clusterSetSlotNode(slot, to.id);
      source.clusterSetSlotNode(slot, to.id);
    }
  }

  private static boolean owns(Status node, int slot) {
    for (String range : node.slots().split("[ ,]+")) {
      String[] ends = range.split("-");
      if (!range.isEmpty()
          && Integer.parseInt(ends[0]) <= slot
          && slot <= Integer.parseInt(ends[ends.length - 1])) {
        return true;
      }
    }
    return false;
  }

  // ── waiting ──

  void awaitKeys(Set<String> keys) throws InterruptedException {
    await(() -> progress.keySet().containsAll(keys), "all keys are written");
  }

  private void awaitProgress(String what) throws InterruptedException {
    Map<String, Long> before = new HashMap<>(progress);
    for (int times = 0; times < 2; times++) { // one write may have been under way
      for (String key : before.keySet()) {
        long known = before.get(key);
        await(() -> progress.get(key) > known, what + ", " + key);
      }
      before.putAll(progress);
    }
    assertThat(wrong).as(what).isEmpty();
  }

  private interface Condition {
    boolean holds();
  }

  private static void await(Condition condition, String what) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
    while (!condition.holds()) {
      assertThat(System.nanoTime()).as("%s in time", what).isLessThan(end);
      Thread.sleep(10);
    }
  }

  @Override
  public void close() {
    cluster.close();
  }
}
