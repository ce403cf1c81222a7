package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// Records what real servers say on the bus, into the test resources: run by hand, with
/// `-Dspinel.record=true` and `REDIS_SERVER`. Each node announces a port of this test, which passes
/// everything on and looks at it.
@EnabledIfSystemProperty(named = "spinel.record", matches = "true")
class BusRecorder {
  private static final int OF_EACH_KIND = 4;

  @TempDir private Path folder;
  private final Map<String, List<byte[]>> recorded = new LinkedHashMap<>();

  private final class Passage implements AutoCloseable {
    final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final int target;

    Passage(int target) throws IOException {
      this.target = target;
      Thread.startVirtualThread(this::accept);
    }

    private void accept() {
      try {
        while (true) {
          Socket from = server.accept();
          Socket to = new Socket(InetAddress.getLoopbackAddress(), target);
          Thread.startVirtualThread(() -> pass(from, to));
          Thread.startVirtualThread(() -> pass(to, from));
        }
      } catch (IOException e) {
        // closed
      }
    }

    private void pass(Socket from, Socket to) {
      StringBuilder come = new StringBuilder();
      byte[] buffer = new byte[65536];
      try (from;
          to) {
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        for (int n; (n = in.read(buffer)) >= 0; ) {
          out.write(buffer, 0, n);
          come.append(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
          BusRecording.cut(come).forEach(BusRecorder.this::record);
        }
      } catch (IOException e) {
        // the end of the link
      }
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }

  /// A few of each kind: the type, how much gossip, how many extensions, which flags.
  private synchronized void record(byte[] message) {
    String kind =
        message[13]
            + "/"
            + Math.min(2, message[15])
            + "/"
            + message[2215]
            + "/"
            + message[2251]
            + "/"
            + message[2253];
    List<byte[]> of = recorded.computeIfAbsent(kind, any -> new ArrayList<>());
    if (of.size() < (message[13] <= 2 ? 1 : OF_EACH_KIND)) {
      of.add(message);
    }
  }

  @Test
  void record() throws Exception {
    String version = RealRedis.version(RealRedis.binary());
    boolean seven2 = version.startsWith("7.2");
    List<RealRedis> servers = new ArrayList<>();
    List<Passage> passages = new ArrayList<>();
    try {
      for (int i = 0; i < 5; i++) {
        int port = RealRedis.freePort();
        Passage passage = new Passage(port + 10_000);
        passages.add(passage);
        List<String> settings =
            new ArrayList<>(List.of("--port", "" + port, "--save", "", "--cluster-enabled", "yes"));
        settings.addAll(List.of("--cluster-node-timeout", "2000", "--enable-debug-command", "yes"));
        settings.addAll(List.of("--cluster-announce-bus-port", "" + passage.server.getLocalPort()));
        if (i == 1) {
          settings.addAll(List.of("--cluster-announce-hostname", "b.example"));
        }
        if (i == 2 && seven2) {
          settings.addAll(List.of("--cluster-announce-human-nodename", "third-node"));
        }
        Path own = Files.createDirectory(folder.resolve("n" + i));
        RealRedis server = RealRedis.start(RealRedis.binary(), own, port, "", settings);
        assertThat(server.answers()).isTrue();
        servers.add(server);
      }
      for (int i = 0; i < 5; i++) {
        servers.get(i).call("CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
        servers
            .get(i)
            .call(
                "CLUSTER",
                "MEET",
                "127.0.0.1",
                "" + servers.getFirst().port(),
                "" + passages.getFirst().server.getLocalPort());
      }
      for (int i = 0; i < 3; i++) {
        int first = i;
        String[] slots =
            IntStream.range(0, SlotSet.SLOTS)
                .filter(slot -> slot % 300 / 100 == first)
                .mapToObj(Integer::toString)
                .toArray(String[]::new);
        String[] command = new String[slots.length + 2];
        command[0] = "CLUSTER";
        command[1] = "ADDSLOTS";
        System.arraycopy(slots, 0, command, 2, slots.length);
        assertThat(servers.get(i).call(command)).isEqualTo("OK");
      }
      eventually(() -> assertThat(info(servers.get(3))).contains("known_nodes:5"));
      for (int i = 3; i < 5; i++) {
        servers
            .get(i)
            .call("CLUSTER", "REPLICATE", "" + servers.getFirst().call("CLUSTER", "MYID"));
      }
      eventually(() -> servers.forEach(s -> assertThat(info(s)).contains("cluster_state:ok")));
      eventually(
          () ->
              assertThat(servers.get(3).call("INFO", "replication").toString())
                  .contains("master_link_status:up"));
      servers.get(1).call("PUBLISH", "news", "something\u0000new");
      for (int i = 0; i < 10; i++) {
        servers.getFirst().call("SPUBLISH", "channel" + i, "sharded"); // some are elsewhere
      }
      servers.get(3).call("CLUSTER", "FAILOVER");
      eventually(() -> assertThat(role(servers.get(3))).contains("role:master"));
      eventually(() -> assertThat(role(servers.get(0))).contains("role:slave"));
      // Meanwhile it claims what is another's already.
      Thread sleeping =
          Thread.startVirtualThread(
              () -> {
                try {
                  servers.get(3).call("DEBUG", "SLEEP", "1.5");
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
              });
      Thread.sleep(100); // real servers, real time
      servers.get(0).call("CLUSTER", "FAILOVER", "TAKEOVER");
      sleeping.join();
      eventually(() -> assertThat(role(servers.get(3))).contains("role:slave"));
      String forgotten = "" + servers.get(4).call("CLUSTER", "MYID");
      servers.get(1).call("CLUSTER", "FORGET", forgotten);
      Thread.sleep(2000);
      String text = "" + servers.get(0).call("CLUSTER", "NODES");
      Files.writeString(resource("nodes-text-" + version + ".txt"), text);
      servers.get(2).close();
      eventually(() -> assertThat(info(servers.get(1))).contains("cluster_slots_fail:5"));
      Files.write(
          resource("nodes-" + version + ".conf"),
          Files.readAllBytes(folder.resolve("n1").resolve("nodes.conf")));
    } finally {
      servers.forEach(RealRedis::close);
      for (Passage passage : passages) {
        passage.close();
      }
    }
    StringBuilder out = new StringBuilder("# Said by real servers " + version + "\n");
    synchronized (this) {
      recorded
          .values()
          .forEach(of -> of.forEach(bytes -> out.append(BusRecording.line(bytes)).append('\n')));
      System.out.println(recorded.keySet());
    }
    Files.writeString(resource("bus-" + version + ".txt"), out);
  }

  private static Path resource(String name) {
    return Path.of("src/test/resources/dev/spinel/cluster", name);
  }

  private static String info(RealRedis server) {
    try {
      return "" + server.call("CLUSTER", "INFO");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String role(RealRedis server) throws IOException {
    return "" + server.call("INFO", "replication");
  }

  private static void eventually(org.awaitility.core.ThrowingRunnable assertion) {
    Awaitility.await().atMost(java.time.Duration.ofSeconds(30)).untilAsserted(assertion);
  }
}
