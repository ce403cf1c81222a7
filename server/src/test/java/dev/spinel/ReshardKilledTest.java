package dev.spinel;

import static dev.spinel.Nodes.eventually;
import static dev.spinel.Nodes.ok;
import static dev.spinel.Nodes.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// Two nodes, each a process, whose files have what was acknowledged. A slot is moved key by key,
/// and one of them is killed meanwhile, or both: each key is at one node at least, and the move can
/// be brought to its end.
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT) // beside other classes: most of it is waiting
class ReshardKilledTest {
  /// More by hand.
  private static final int ROUNDS = Integer.getInteger("kill.rounds", 3);

  private static final long SEED = Long.getLong("spinel.seed", 0);
  private static final String TAG = "{b}";
  private static final String SLOT = "3300";
  private static final int KEYS = 600;
  private static final int AT_ONCE = 10;

  @TempDir Path folder;
  private final int[] ports = {NodePlaces.freePort(), NodePlaces.freePort()};
  private final int[] buses = {NodePlaces.freePort(), NodePlaces.freePort()};
  private final Process[] processes = new Process[2];

  @AfterEach
  void end() throws InterruptedException {
    for (Process process : processes) {
      if (process != null) {
        process.destroyForcibly().waitFor();
      }
    }
  }

  private void start(int node) throws IOException {
    Path home = folder.resolve("node-" + node);
    NodePlaces.log(home).close();
    List<String> words = new ArrayList<>(List.of("--port", "" + ports[node]));
    words.addAll(List.of("--cluster-enabled", "yes", "--cluster-port", "" + buses[node]));
    words.addAll(List.of("--cluster-node-timeout", "3000", "--dir", home.toString()));
    words.addAll(List.of("--cluster-allow-reads-when-down", "yes", "--save", ""));
    words.addAll(List.of("--appendonly", "yes", "--appendfsync", "always"));
    processes[node] =
        ServerProcess.of(words.toArray(new String[0]))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(home.resolve("log").toFile()))
            .start();
  }

  private void awaitUp() {
    for (int port : ports) {
      eventually(() -> says(port, "CLUSTER", "INFO").contains("cluster_state:ok"));
    }
  }

  private static String says(int port, String... command) {
    try {
      return text(port, command);
    } catch (IOException e) {
      return ""; // it isn't there yet
    }
  }

  private static Client connect(int port) throws IOException {
    return Client.connect("127.0.0.1", port).timeoutMillis(20_000);
  }

  private void form() throws Exception {
    start(0);
    start(1);
    for (int port : ports) {
      eventually(() -> says(port, "PING").equals("PONG"));
    }
    ok(ports[0], "CLUSTER", "ADDSLOTSRANGE", "0", "8191");
    ok(ports[1], "CLUSTER", "ADDSLOTSRANGE", "8192", "16383");
    eventually(
        () -> { // a busy machine may take longer than a handshake waits
          ok(ports[0], "CLUSTER", "MEET", "127.0.0.1", "" + ports[1], "" + buses[1]);
          return text(ports[1], "CLUSTER", "INFO").contains("cluster_known_nodes:2");
        });
    awaitUp();
    try (Client client = connect(ports[0])) {
      for (int i = 0; i < KEYS; i++) {
        client.send("SET", TAG + i, value(i));
      }
      client.flush();
      for (int i = 0; i < KEYS; i++) {
        assertThat(text(client.receive())).isEqualTo("OK");
      }
    }
  }

  private static String value(int key) {
    return (key + ".").repeat(300);
  }

  /// Moves keys until all are gone, or somebody is.
  private void moveKeys(int from, int to) throws IOException {
    try (Client client = connect(ports[from])) {
      while (true) {
        List<RespValue> keys =
            client.command("CLUSTER", "GETKEYSINSLOT", SLOT, "" + AT_ONCE).elements();
        if (keys.isEmpty()) {
          return;
        }
        List<String> words = new ArrayList<>(List.of("MIGRATE", "127.0.0.1", "" + ports[to]));
        words.addAll(List.of("", "0", "5000", "REPLACE", "KEYS"));
        keys.forEach(key -> words.add(key.text()));
        String reply = text(client.command(words.toArray(new String[0])));
        if (!reply.equals("OK") && !reply.equals("NOKEY")) {
          throw new IOException(reply);
        }
      }
    }
  }

  private long keysAt(int node) {
    String count = says(ports[node], "CLUSTER", "COUNTKEYSINSLOT", SLOT);
    return count.isEmpty() ? 0 : Long.parseLong(count);
  }

  /// What a node has of the keys of a slot that it owns, or takes in.
  private static List<String> values(Client at) throws IOException {
    for (int i = 0; i < KEYS; i++) {
      at.send("ASKING");
      at.send("GET", TAG + i);
    }
    at.flush();
    List<String> values = new ArrayList<>();
    for (int i = 0; i < KEYS; i++) {
      at.receive();
      values.add(text(at.receive()));
    }
    return values;
  }

  @Test
  void aKillInTheMiddleOfAMoveLosesNoKey() throws Exception {
    Random random = new Random(SEED);
    form();
    for (int round = 0; round < ROUNDS; round++) {
      int from = round % 2;
      int to = 1 - from;
      String fromId = text(ports[from], "CLUSTER", "MYID");
      String toId = text(ports[to], "CLUSTER", "MYID");
      ok(ports[to], "CLUSTER", "SETSLOT", SLOT, "IMPORTING", fromId);
      ok(ports[from], "CLUSTER", "SETSLOT", SLOT, "MIGRATING", toId);
      Thread mover =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      moveKeys(from, to);
                    } catch (IOException e) {
                      return; // somebody was killed
                    }
                  });
      long enough = 1 + random.nextInt(KEYS / 2);
      eventually(() -> keysAt(to) >= enough);
      Thread.sleep(0, random.nextInt(1_000_000)); // anywhere in a transfer
      boolean source = round % 3 != 1;
      boolean target = round % 3 != 0;
      kill(source ? from : to);
      if (source && target) {
        kill(to);
      }
      mover.join();
      if (source) {
        start(from);
      }
      if (target) {
        start(to);
      }
      for (int port : ports) {
        eventually(() -> says(port, "PING").equals("PONG"));
      }
      check(from, to, "round " + round);
      awaitUp();
      moveKeys(from, to);
      ok(ports[to], "CLUSTER", "SETSLOT", SLOT, "NODE", toId);
      ok(ports[from], "CLUSTER", "SETSLOT", SLOT, "NODE", toId);
      assertThat(keysAt(from)).isZero();
      assertThat(keysAt(to)).isEqualTo(KEYS);
    }
  }

  private void kill(int node) throws InterruptedException {
    processes[node].destroyForcibly().waitFor();
  }

  private void check(int from, int to, String when) throws IOException {
    int both = 0;
    try (Client source = connect(ports[from]);
        Client target = connect(ports[to])) {
      List<String> atSources = values(source);
      List<String> atTargets = values(target);
      for (int i = 0; i < KEYS; i++) {
        String there = atSources.get(i);
        String here = atTargets.get(i);
        boolean atSource = there.equals(value(i));
        boolean atTarget = here.equals(value(i));
        if (!atSource && !atTarget) {
          fail("%s: key %d is %s at the source, %s at the target", when, i, there, here);
        }
        both += atSource && atTarget ? 1 : 0;
      }
    }
    assertThat(both).as("%s: keys that are at both nodes", when).isLessThanOrEqualTo(AT_ONCE);
  }
}
