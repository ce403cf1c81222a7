package dev.spinel;

import static dev.spinel.Nodes.eventually;
import static dev.spinel.Nodes.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// A cluster all of whose nodes are killed and start again where nobody knows them, over real
/// sockets: three primaries, and a replica of the first.
@Timeout(300)
@Execution(ExecutionMode.CONCURRENT) // beside other classes: most of it is waiting
class RejoiningTest {
  private static final int NODES = 4;

  @TempDir Path folder;
  private final List<Spinel> nodes = new ArrayList<>();
  private final int[] buses = new int[NODES];
  private String host = "127.0.0.1"; // where clients find them

  @AfterEach
  void end() {
    nodes.forEach(Spinel::kill);
  }

  private static void assumeHas(String address) {
    try {
      new ServerSocket(0, 1, InetAddress.getByName(address)).close();
    } catch (IOException e) {
      Assumptions.abort("this machine has no " + address);
    }
  }

  private void choosePorts() {
    for (int i = 0; i < NODES; i++) {
      buses[i] = NodePlaces.freePort();
    }
  }

  private void start(String... more) {
    for (int i = 0; i < NODES; i++) {
      List<String> words = new ArrayList<>(List.of("cluster-enabled", "yes"));
      words.addAll(List.of("cluster-port", "" + buses[i], "cluster-node-timeout", "3000"));
      words.addAll(List.of("appendonly", "yes", "dir", folder(i).toString()));
      words.addAll(List.of(more));
      OutputStream log = NodePlaces.log(folder(i));
      nodes.add(Spinel.start(log, words.toArray(new String[0])));
    }
  }

  private Path folder(int node) {
    return folder.resolve("node-" + node);
  }

  private void kill() {
    nodes.forEach(Spinel::kill);
    nodes.clear();
  }

  private String ask(int node, String... command) throws IOException {
    try (Client client = Client.connect(host, nodes.get(node).port()).timeoutMillis(20_000)) {
      return text(client.command(command));
    }
  }

  /// @param at by which address the nodes meet
  private void form(String at) throws IOException {
    for (int i = 0; i < 3; i++) {
      int from = 16384 * i / 3;
      int to = 16384 * (i + 1) / 3 - 1;
      assertThat(ask(i, "CLUSTER", "ADDSLOTSRANGE", "" + from, "" + to)).isEqualTo("OK");
    }
    eventually(
        () -> { // a busy machine may take longer than a handshake waits
          for (int i = 1; linesAt(0, at) < NODES && i < NODES; i++) {
            String port = "" + nodes.get(i).port();
            assertThat(ask(0, "CLUSTER", "MEET", at, port, "" + buses[i])).isEqualTo("OK");
          }
          return linesAt(3, at) == NODES;
        });
    assertThat(ask(3, "CLUSTER", "REPLICATE", ask(0, "CLUSTER", "MYID"))).isEqualTo("OK");
    awaitWhole(at);
    assertThat(ask(0, "SET", "b", "kept")).isEqualTo("OK");
    assertThat(ask(0, "WAIT", "1", "20000")).isEqualTo("1");
  }

  /// How many nodes one knows at this address, and has a link to.
  private long linesAt(int node, String address) throws IOException {
    return ask(node, "CLUSTER", "NODES")
        .lines()
        .filter(line -> line.split(" ")[1].startsWith(address + ":"))
        .filter(line -> line.contains(" connected") && !line.contains("handshake"))
        .count();
  }

  private void awaitWhole(String at) {
    for (int i = 0; i < NODES; i++) {
      int node = i;
      eventually(
          () ->
              linesAt(node, at) == NODES
                  && ask(node, "CLUSTER", "INFO").contains("cluster_state:ok"));
    }
    eventually(() -> ask(3, "INFO", "replication").contains("master_link_status:up"));
  }

  private Set<String> ids() throws IOException {
    Set<String> ids = new HashSet<>();
    for (int i = 0; i < NODES; i++) {
      ids.add(ask(i, "CLUSTER", "MYID"));
    }
    return ids;
  }

  @Test
  void aHostNameIsEnoughToFindEachOther() throws Exception {
    assumeHas("127.0.0.2");
    choosePorts();
    start(
        "bind",
        "127.0.0.1 127.0.0.2",
        "cluster-announce-ip",
        "127.0.0.2",
        "cluster-announce-hostname",
        "localhost");
    form("127.0.0.2");
    Set<String> ids = ids();
    kill();
    start("bind", "127.0.0.1", "cluster-announce-hostname", "localhost");
    awaitWhole("127.0.0.1");
    assertThat(ids()).isEqualTo(ids);
    assertThat(ask(0, "GET", "b")).isEqualTo("kept");
  }

  @Test
  void oneSeedIsEnoughOverIpv6() throws Exception {
    assumeHas("::1");
    host = "::1";
    choosePorts();
    start("bind", "::1");
    form("::1");
    Set<String> ids = ids();
    kill();
    choosePorts();
    start("bind", "::1", "cluster-seeds", "[::1]:" + buses[2]);
    awaitWhole("::1");
    assertThat(ids()).isEqualTo(ids);
    assertThat(ask(0, "GET", "b")).isEqualTo("kept");
    Set<String> ports = new HashSet<>();
    ask(3, "CLUSTER", "NODES").lines().forEach(line -> ports.add(busPort(line)));
    for (int bus : buses) {
      assertThat(ports).contains("" + bus);
    }
  }

  private static String busPort(String line) {
    return line.split(" ")[1].replaceAll(".*@([0-9]+).*", "$1");
  }
}
