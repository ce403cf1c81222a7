package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.wire.Client;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.RespValue;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Three primaries and a replica of each, a process each, on this machine: for tests that kill
/// some. A number of slots is tracked: only these have keys.
final class Shards implements AutoCloseable {
  private static final int PRIMARIES = 3;
  private static final int FILLERS = 12; // keys in each tracked slot that nobody changes
  private static final long SETTLE_SECONDS = 90;

  private final Path folder;
  private final int[] slots; // tracked
  private final String[] tags;
  private final List<Node> nodes = new ArrayList<>();
  private final Map<String, Node> byId = new HashMap<>();

  private Shards(Path folder, int tracked) {
    this.folder = folder;
    slots = new int[tracked];
    tags = new String[tracked];
    for (int i = 0, number = 0; i < tracked; number++) {
      int slot =
          KeySlot.of(new Slice(Integer.toString(number).getBytes(StandardCharsets.US_ASCII)));
      if (slot == i * 20) {
        slots[i] = slot;
        tags[i++] = Integer.toString(number);
        number = -1;
      }
    }
  }

  static Shards start(Path folder, int tracked) throws Exception {
    Shards shards = new Shards(folder, tracked);
    try {
      shards.begin();
    } catch (Exception | AssertionError e) {
      shards.close();
      throw e;
    }
    return shards;
  }

  private void begin() throws Exception {
    for (int i = 0; i < 2 * PRIMARIES; i++) {
      Node node = new Node("n" + i);
      nodes.add(node);
      node.run();
    }
    for (Node node : nodes) {
      node.awaitAnswer();
      node.id = node.askText("CLUSTER", "MYID");
      byId.put(node.id, node);
    }
    Node first = nodes.getFirst();
    for (int i = 0; i < nodes.size(); i++) {
      Node node = nodes.get(i);
      if (i < PRIMARIES) {
        node.ok("CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
        int begin = 16384 * i / PRIMARIES;
        int end = 16384 * (i + 1) / PRIMARIES - 1;
        node.ok("CLUSTER", "ADDSLOTSRANGE", "" + begin, "" + end);
      }
      if (i > 0) {
        node.ok("CLUSTER", "MEET", "127.0.0.1", "" + first.port);
      }
    }
    until("all know each other", () -> knowEachOther());
    for (int i = PRIMARIES; i < nodes.size(); i++) {
      nodes.get(i).ok("CLUSTER", "REPLICATE", nodes.get(i - PRIMARIES).id);
    }
    settle("");
    fill();
    settle("");
  }

  private boolean knowEachOther() throws IOException {
    for (Node node : nodes) {
      List<String[]> lines = node.view();
      if (lines.size() != nodes.size()
          || lines.stream().anyMatch(line -> line[2].contains("handshake"))) {
        return false;
      }
    }
    return true;
  }

  private void fill() throws IOException {
    for (int i = 0; i < slots.length; i++) {
      Node owner = owner(slots[i]);
      Client client = owner.client();
      for (int key = 0; key < FILLERS; key++) {
        String name = "{" + tags[i] + "}f" + key;
        switch (key % 4) {
          case 0 -> client.send("SET", name, "v".repeat(100 + key * 300));
          case 1 -> client.send("RPUSH", name, "a".repeat(50), "b".repeat(900), "c");
          case 2 -> client.send("HSET", name, "one", "1", "two", "2".repeat(200));
          default -> client.send("ZADD", name, "1", "x", "2.5", "y".repeat(100));
        }
      }
      for (int key = 0; key < FILLERS; key++) {
        assertThat(client.receive()).isNotInstanceOf(RespValue.Error.class);
      }
    }
    assertThat(nodes.getFirst().ask("WAIT", "1", "10000").integer()).isEqualTo(1);
  }

  @Override
  public void close() {
    for (Node node : nodes) {
      node.process.destroyForcibly();
    }
    for (Node node : nodes) {
      node.forget();
      try {
        node.process.waitFor();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  // ── what is asked ──

  List<Node> nodes() {
    return nodes;
  }

  int number(int port) {
    for (int i = 0; i < nodes.size(); i++) {
      if (nodes.get(i).port == port) {
        return i;
      }
    }
    throw new AssertionError("port " + port);
  }

  String tag(int tracked) {
    return tags[tracked];
  }

  private Node owner(int slot) throws IOException {
    return byId.get(ownerIn(nodes.getFirst().view(), slot));
  }

  /// Primaries with slots, as the first node says.
  List<Node> primaries() throws IOException {
    List<Node> primaries = new ArrayList<>();
    for (String[] line : nodes.getFirst().view()) {
      if (line[2].contains("master") && line.length > 8) {
        primaries.add(byId.get(line[0]));
      }
    }
    return primaries;
  }

  boolean isPrimary(Node node) throws IOException {
    return primaries().contains(node);
  }

  Node replicaOf(Node primary) throws IOException {
    for (String[] line : nodes.getFirst().view()) {
      if (line[3].equals(primary.id)) {
        return byId.get(line[0]);
      }
    }
    throw new AssertionError("no replica of " + primary);
  }

  List<Integer> trackedSlots(Node node) throws IOException {
    List<String[]> view = nodes.getFirst().view();
    List<Integer> owned = new ArrayList<>();
    for (int slot : slots) {
      if (node.id.equals(ownerIn(view, slot))) {
        owned.add(slot);
      }
    }
    return owned;
  }

  int tracked(Node node) {
    try {
      return trackedSlots(node).size();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /// The id of the owner in what a node says, or null.
  private static String ownerIn(List<String[]> view, int slot) {
    for (String[] line : view) {
      for (int i = 8; i < line.length; i++) {
        int dash = line[i].indexOf('-');
        if (line[i].charAt(0) != '['
            && Integer.parseInt(dash < 0 ? line[i] : line[i].substring(0, dash)) <= slot
            && Integer.parseInt(line[i].substring(dash + 1)) >= slot) {
          return line[0];
        }
      }
    }
    return null;
  }

  // ── moves ──

  /// Begins one; returns its id.
  String move(Node target, List<Integer> which) throws IOException {
    List<String> words = new ArrayList<>(List.of("CLUSTER", "MIGRATION", "IMPORT"));
    which.forEach(slot -> words.addAll(List.of("" + slot, "" + slot)));
    RespValue reply = target.ask(words.toArray(new String[0]));
    assertThat(reply).isInstanceOf(RespValue.Bulk.class);
    return reply.text();
  }

  private interface Check {
    boolean holds() throws IOException;
  }

  private void until(String what, Check check) throws IOException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SETTLE_SECONDS);
    while (true) {
      boolean holds;
      try {
        holds = check.holds();
      } catch (IOException e) {
        holds = false; // a node that isn't there yet
      }
      if (holds) {
        return;
      }
      if (System.nanoTime() - end > 0) {
        throw new AssertionError("never: " + what);
      }
      try {
        Thread.sleep(30);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /// Waits until nothing is under way and all agree. Returns how the move has ended.
  String settle(String id) throws IOException {
    until("it settles", this::isSettled);
    for (Node node : nodes) {
      String state = id.isEmpty() ? null : node.stateOf(id);
      if (state != null) {
        return state;
      }
    }
    return "forgotten";
  }

  private boolean isSettled() throws IOException {
    List<String[]> first = nodes.getFirst().view();
    for (Node node : nodes) {
      List<String[]> view = node.view();
      boolean agrees = view.size() == nodes.size();
      for (String[] line : view) {
        agrees &= !line[2].contains("fail") && line[7].equals("connected");
      }
      for (int slot : slots) {
        String owner = ownerIn(first, slot);
        agrees &= owner != null && owner.equals(ownerIn(view, slot));
      }
      if (!agrees || !node.askText("CLUSTER", "INFO").contains("cluster_state:ok")) {
        return false;
      }
      if (node.isMoving() || !node.isLinked() || node.hides()) {
        return false;
      }
    }
    List<Node> primaries = primaries();
    for (Node primary : primaries) {
      for (Node node : nodes) { // each is a replica of one in everybody's view
        if (node.view().stream().noneMatch(line -> line[3].equals(primary.id))) {
          return false;
        }
      }
    }
    return primaries.size() == PRIMARIES;
  }

  /// What is said of a settled cluster: see [MovesKilledTest].
  void verify(List<MovesKilledTest.Writer> writers) throws IOException {
    List<String[]> view = nodes.getFirst().view();
    Map<Node, Long> sizes = new HashMap<>();
    for (int i = 0; i < slots.length; i++) {
      Node owner = byId.get(ownerIn(view, slots[i]));
      for (int key = 0; key < FILLERS; key++) {
        assertThat(owner.ask("EXISTS", "{" + tags[i] + "}f" + key).integer())
            .as("{%s}f%d at %s", tags[i], key, owner)
            .isEqualTo(1);
      }
      for (Node node : nodes) {
        long there = node.ask("CLUSTER", "COUNTKEYSINSLOT", "" + slots[i]).integer();
        boolean isOwners = node == owner || replicates(view, node, owner);
        if (isOwners) {
          assertThat(there)
              .as("keys of slot %d at %s", slots[i], node)
              .isGreaterThanOrEqualTo(FILLERS);
          sizes.merge(node, there, Long::sum);
        } else if (there != 0) {
          // A replica of a former owner may have what it deletes a moment later.
          int slot = slots[i];
          until(
              "the keys of slot " + slot + " go at " + node,
              () -> node.ask("CLUSTER", "COUNTKEYSINSLOT", "" + slot).integer() == 0);
        }
      }
    }
    for (Node node : nodes) {
      assertThat(node.ask("DBSIZE").integer())
          .as("DBSIZE at %s", node)
          .isEqualTo(sizes.getOrDefault(node, 0L));
    }
    for (MovesKilledTest.Writer writer : writers) {
      for (int at = 0; at < writer.keys(); at++) {
        if (writer.acknowledged(at) > 0) {
          String key = writer.key(at);
          Node owner =
              byId.get(
                  ownerIn(view, KeySlot.of(new Slice(key.getBytes(StandardCharsets.US_ASCII)))));
          RespValue found = owner.ask("GET", key);
          assertThat(found).as(key + " at " + owner).isInstanceOf(RespValue.Bulk.class);
          assertThat(Long.parseLong(found.text()))
              .as(key + " at " + owner)
              .isGreaterThanOrEqualTo(writer.acknowledged(at));
        }
      }
    }
  }

  private static boolean replicates(List<String[]> view, Node node, Node owner) {
    return view.stream().anyMatch(line -> line[0].equals(node.id) && line[3].equals(owner.id));
  }

  String describe() {
    StringBuilder text = new StringBuilder();
    for (Node node : nodes) {
      text.append("── ").append(node).append(' ').append(node.port).append('\n');
      try {
        node.view().forEach(line -> text.append(String.join(" ", line)).append('\n'));
        text.append(node.ask("CLUSTER", "MIGRATION", "STATUS")).append('\n');
        List<String> log = Files.readAllLines(folder.resolve(node.name + ".log"));
        log.subList(Math.max(0, log.size() - 60), log.size())
            .forEach(line -> text.append("   ").append(line).append('\n'));
      } catch (IOException | RuntimeException e) {
        text.append(e).append('\n');
      }
    }
    return text.toString();
  }

  /// A process.
  final class Node {
    final String name;
    final int port = RealRedis.freePort();
    private String id = "";
    private Process process;
    private Client client;

    Node(String name) {
      this.name = name;
    }

    /// Starts it, or starts it again.
    void run() throws IOException {
      Path dir = Files.createDirectories(folder.resolve(name));
      List<String> words = new ArrayList<>(List.of("--port", "" + port, "--save", ""));
      words.addAll(List.of("--dir", dir.toString(), "--appendonly", "yes"));
      words.addAll(List.of("--appendfsync", "always", "--repl-diskless-sync-delay", "0"));
      words.addAll(List.of("--cluster-enabled", "yes", "--cluster-node-timeout", "1500"));
      ProcessBuilder builder = ServerProcess.of(words.toArray(new String[0]));
      builder.command().addAll(1, List.of("-XX:TieredStopAtLevel=1", "-Xshare:auto"));
      process =
          builder
              .directory(dir.toFile())
              .redirectErrorStream(true)
              .redirectOutput(
                  ProcessBuilder.Redirect.appendTo(folder.resolve(name + ".log").toFile()))
              .start();
    }

    void awaitAnswer() throws IOException {
      until(name + " answers", () -> "PONG".equals(ask("PING").text()));
    }

    void kill() throws InterruptedException {
      process.destroyForcibly().waitFor();
      forget();
    }

    void signal(String which) throws IOException, InterruptedException {
      new ProcessBuilder("kill", "-" + which, "" + process.pid()).start().waitFor();
    }

    private void forget() {
      Client gone = client;
      client = null;
      if (gone != null) {
        gone.close();
      }
    }

    Client client() throws IOException {
      Client standing = client;
      if (standing == null) {
        client = standing = Client.connect("127.0.0.1", port, 500).timeoutMillis(3000);
      }
      return standing;
    }

    RespValue ask(String... words) throws IOException {
      try {
        return client().command(words);
      } catch (IOException e) {
        forget();
        throw e;
      }
    }

    String askText(String... words) throws IOException {
      RespValue reply = ask(words);
      return reply instanceof RespValue.Error error ? error.text() : String.valueOf(reply.text());
    }

    void ok(String... words) throws IOException {
      assertThat(askText(words)).isEqualTo("OK");
    }

    /// CLUSTER NODES, in words.
    List<String[]> view() throws IOException {
      return askText("CLUSTER", "NODES").lines().map(line -> line.split(" ")).toList();
    }

    private List<Map<String, String>> moves() throws IOException {
      List<Map<String, String>> moves = new ArrayList<>();
      for (RespValue move : ask("CLUSTER", "MIGRATION", "STATUS").elements()) {
        Map<String, String> fields = new HashMap<>();
        List<RespValue> words = move.elements();
        for (int i = 0; i + 1 < words.size(); i += 2) {
          fields.put(words.get(i).text(), String.valueOf(words.get(i + 1).text()));
        }
        moves.add(fields);
      }
      return moves;
    }

    private boolean isMoving() throws IOException {
      return moves().stream().anyMatch(move -> move.get("end_time").equals("0"));
    }

    /// As a word, with the reason if it has failed and how long clients waited; null: none is
    /// known.
    private String stateOf(String move) throws IOException {
      for (Map<String, String> fields : moves()) {
        if (fields.get("id").equals(move)) {
          String error = fields.get("last_error");
          return fields.get("state")
              + (error.isEmpty() ? "" : " (" + error + ")")
              + " pause "
              + fields.get("write_pause_ms");
        }
      }
      return null;
    }

    /// Waits until it is there, or the move has ended.
    void awaitMove(String move, String state) throws IOException, InterruptedException {
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (System.nanoTime() - end < 0) {
        String now = stateOf(move);
        if (now != null
            && (now.startsWith(state) || now.startsWith("failed") || now.startsWith("completed"))) {
          return;
        }
        Thread.sleep(1);
      }
      throw new AssertionError("the move is neither " + state + " nor over");
    }

    /// Whether it has keys that nobody is served: of moves that haven't ended, or are to be
    /// deleted.
    private boolean hides() throws IOException {
      return !askText("INFO", "cluster").contains("cluster_slots_hidden:0");
    }

    /// Whether it is a primary, or has all of its primary's data.
    private boolean isLinked() throws IOException {
      String info = askText("INFO", "replication");
      return info.contains("role:master") || info.contains("master_link_status:up");
    }

    @Override
    public String toString() {
      return name;
    }
  }
}
