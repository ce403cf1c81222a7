package dev.spinel;

import dev.spinel.server.Main;
import dev.spinel.wire.Client;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/// Runs what most runs need, so that the JVM can keep the classes, and what it learnt of their
/// methods, for later starts: a server that is told what clients say first, then a cluster whose
/// slots move, key by key and whole, and whose replica takes over. Started by the script `spinel`,
/// once after each build.
///
/// All of its servers listen where no other could: at ports that the system chose for them.
final class Rehearsal {
  private static final String[] CALLS = {
    "PING",
    "COMMAND",
    "INFO",
    "CLIENT SETNAME rehearsal",
    "HELLO 3",
    "SET key value",
    "GET key",
    "INCR n",
    "EXPIRE key 100",
    "TTL key",
    "LPUSH l a b",
    "LRANGE l 0 -1",
    "LPOP l",
    "HSET h f v",
    "HGETALL h",
    "SCAN 0",
    "MULTI",
    "SET key 1",
    "EXEC",
    "DEL key n l h",
    "CLIENT LIST",
    "CONFIG GET port",
    "FLUSHALL"
  };

  private static final int SLOTS = 60; // that are moved: the first of all
  private static final int KEYS = 12; // of each
  private static final int ROUNDS = 3;
  private static final long MOST_MILLIS = 45_000;
  private static final int POLL_MILLIS = 5;
  private static final long LIMIT_NANOS = 20_000_000_000L;

  private final List<Client> nodes = new ArrayList<>();
  private final List<String> ids = new ArrayList<>();
  private final List<Integer> ports = new ArrayList<>();

  private Rehearsal() {}

  /// @param arguments an empty folder, for the data of all servers; then `cluster`, if the cluster
  ///   is to be rehearsed, too
  public static void main(String[] arguments) throws Exception {
    Thread.ofPlatform().daemon().start(Rehearsal::endInTime);
    Path folder = Path.of(arguments[0]);
    program(folder);
    if (List.of(arguments).contains("cluster")) {
      cluster(folder.resolve("cluster"));
    }
    System.exit(0);
  }

  private static void endInTime() {
    try {
      Thread.sleep(MOST_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Runtime.getRuntime().halt(1);
  }

  private static void cluster(Path folder) throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 3).directory(folder).start()) {
      new Rehearsal().move(cluster);
    }
  }

  /// The program `redis-server`, from its command line to its end.
  private static void program(Path folder) throws Exception {
    CompletableFuture<Integer> port = new CompletableFuture<>();
    String[] line = {"--port", "0", "--bind", Topology.LOCALHOST, "--dir", folder.toString()};
    Thread server =
        new Thread(
            () -> {
              try {
                int status = Main.runAtAnyPort(line, port::complete);
                port.completeExceptionally(new IOException("the server ended with " + status));
              } catch (Exception e) {
                port.completeExceptionally(e);
              }
            },
            "rehearsal");
    server.start();
    try (Client client = Client.connect(Topology.LOCALHOST, port.get())) {
      for (String call : CALLS) {
        client.sendRaw((call + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
      }
      client.flush();
      for (String ignored : CALLS) {
        client.receive();
      }
      for (int i = 0; i < 100; i++) {
        client.command("SET", "k", "v");
        client.command("GET", "k");
      }
      client.send("SHUTDOWN", "NOSAVE");
      client.flush();
      server.join();
    }
  }

  private void move(SpinelCluster cluster)
      throws IOException, InterruptedException, ExecutionException {
    for (Topology.Node node : cluster.nodes()) {
      nodes.add(Client.connect(Topology.LOCALHOST, node.port()));
      ports.add(node.port());
      ids.add(node.status().id());
    }
    fill();
    for (int round = 0; round < ROUNDS; round++) {
      moveKeyByKey(0, 1);
      moveWhole(1, 0);
      moveWhole(0, 1);
      moveKeyByKey(1, 0);
    }
    String[] replica = {""};
    for (Topology.Status status : cluster.status()) {
      if ("node-1".equals(status.follows())) {
        replica[0] = status.node();
      }
    }
    Topology.Node successor = cluster.find(replica[0]);
    nodes.get(cluster.nodes().indexOf(successor)).command("CLUSTER", "FAILOVER");
    await(() -> successor.status().isPrimary());
    for (Client node : nodes) {
      for (String call : List.of("NODES", "SLOTS", "SHARDS", "INFO")) {
        node.command("CLUSTER", call);
      }
      node.close();
    }
  }

  /// Each of the slots gets its keys; those of others are answered by a redirection.
  private void fill() throws IOException {
    int[] counts = new int[SLOTS];
    int missing = SLOTS * KEYS;
    for (int i = 0; missing > 0; i++) {
      String key = "key:" + i;
      int slot = KeySlot.of(key.getBytes(StandardCharsets.ISO_8859_1), 0, key.length());
      if (slot < SLOTS && counts[slot] < KEYS) {
        counts[slot]++;
        missing--;
        nodes.get(0).command("SET", key, "v".repeat(100));
        nodes.get(1).command("GET", key);
      }
    }
  }

  private void moveKeyByKey(int from, int to) throws IOException {
    for (int slot = 0; slot < SLOTS; slot++) {
      String name = Integer.toString(slot);
      nodes.get(to).command("CLUSTER", "SETSLOT", name, "IMPORTING", ids.get(from));
      nodes.get(from).command("CLUSTER", "SETSLOT", name, "MIGRATING", ids.get(to));
      while (true) {
        List<RespValue> keys =
            nodes.get(from).command("CLUSTER", "GETKEYSINSLOT", name, "5").elements();
        if (keys.isEmpty()) {
          break;
        }
        List<String> call = new ArrayList<>();
        String port = Integer.toString(ports.get(to));
        call.addAll(List.of("MIGRATE", Topology.LOCALHOST, port, "", "0", "5000", "KEYS"));
        keys.forEach(key -> call.add(String.valueOf(key.text())));
        if (nodes.get(from).command(call.toArray(new String[0])) instanceof RespValue.Error e) {
          throw new IllegalStateException(String.valueOf(e.text()));
        }
      }
      for (int node : new int[] {to, from, 2}) {
        nodes.get(node).command("CLUSTER", "SETSLOT", name, "NODE", ids.get(to));
      }
    }
  }

  private void moveWhole(int from, int to)
      throws IOException, InterruptedException, ExecutionException {
    String last = Integer.toString(SLOTS - 1);
    RespValue[] job = new RespValue[1];
    await( // the source may still be purging what has left it
        () -> {
          job[0] = nodes.get(to).command("CLUSTER", "MIGRATION", "IMPORT", "0", last);
          return !(job[0] instanceof RespValue.Error);
        });
    await(
        () ->
            nodes
                .get(to)
                .command("CLUSTER", "MIGRATION", "STATUS", "ID", String.valueOf(job[0].text()))
                .toString()
                .contains("completed"));
  }

  private interface Question {
    boolean ask() throws IOException;
  }

  /// Errors: [IllegalStateException] after 20 s.
  private static void await(Question question) throws IOException, InterruptedException {
    long until = System.nanoTime() + LIMIT_NANOS;
    while (!question.ask()) {
      if (System.nanoTime() - until > 0) {
        throw new IllegalStateException("the cluster doesn't get on");
      }
      Thread.sleep(POLL_MILLIS);
    }
  }
}
