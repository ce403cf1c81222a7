package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Real Sentinels and ours, over real servers and ours: they find each other, agree that the
/// primary is down, promote one replica, and take the old primary back.
@Timeout(180)
class SentinelInteropTest {
  private static final String CONFIGURATION =
      """
      port %d
      dir "%s"
      # this line stays
      sentinel monitor store 127.0.0.1 %d 2
      sentinel down-after-milliseconds store 1500
      sentinel failover-timeout store 6000
      """;

  @TempDir Path folder;
  private final List<AutoCloseable> toClose = new ArrayList<>();

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : toClose.reversed()) {
      each.close();
    }
  }

  private Path folder(String name) throws IOException {
    return Files.createDirectory(folder.resolve(name));
  }

  /// A server of either kind.
  private record Watched(int port, AutoCloseable process) implements AutoCloseable {
    @Override
    public void close() throws Exception {
      process.close();
    }
  }

  private Watched server(String name, boolean ours, String... settings) throws Exception {
    return server(name, RealRedis.freePort(), ours, settings);
  }

  private Watched server(String name, int port, boolean ours, String... settings) throws Exception {
    Path home = folder(name);
    List<String> words =
        new ArrayList<>(
            List.of("--port", "" + port, "--save", "", "--repl-diskless-sync-delay", "0", "--dir"));
    words.add(home.toString());
    words.addAll(List.of(settings));
    Watched server;
    if (ours) {
      Process process =
          ServerProcess.of(words.toArray(new String[0]))
              .redirectErrorStream(true)
              .redirectOutput(home.resolve("log").toFile())
              .start();
      server = new Watched(port, () -> process.destroyForcibly().waitFor());
    } else {
      server = new Watched(port, RealRedis.start(RealRedis.binary(), home, port, "", words));
    }
    toClose.add(server);
    await().atMost(60, TimeUnit.SECONDS).until(() -> ask(port, "PING").contains("PONG"));
    return server;
  }

  /// Starts a Sentinel and returns its port.
  private int sentinel(String name, int primary, boolean ours) throws Exception {
    Path directory = folder(name);
    int port = RealRedis.freePort();
    Path file = directory.resolve("sentinel.conf");
    Files.writeString(file, CONFIGURATION.formatted(port, directory, primary));
    if (ours) {
      Process process =
          ServerProcess.of(file.toString(), "--sentinel")
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("log").toFile())
              .start();
      toClose.add(() -> process.destroyForcibly().waitFor());
    } else {
      toClose.add(
          RealRedis.start(
              RealRedis.binary(), directory, port, "", List.of(file.toString(), "--sentinel")));
    }
    return port;
  }

  private static String ask(int port, String... command) {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      return String.valueOf(client.command(command));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static String words(int port, String... command) {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      return client.command(command).text();
    } catch (IOException e) {
      return e.toString();
    }
  }

  /// Which epochs somebody says to lead, from what the Sentinels have logged.
  private List<String> ledEpochs(List<String> names) throws IOException {
    List<String> led = new ArrayList<>();
    for (String name : names) {
      Path log = folder.resolve(name).resolve("log");
      Path real = folder.resolve(name).resolve("stdout");
      String epoch = "0";
      for (String line : Files.readAllLines(Files.exists(log) ? log : real)) {
        if (line.contains(" +new-epoch ")) {
          epoch = line.substring(line.lastIndexOf(' ') + 1);
        } else if (line.contains(" +elected-leader ")) {
          led.add(epoch);
        }
      }
    }
    return led;
  }

  /// @param real how many of the three Sentinels are real ones
  /// @param servers of which kind the primary and its two replicas are: o is ours, r a real one
  @ParameterizedTest
  @CsvSource({"2, rrr", "1, rrr", "2, ooo", "1, oro"})
  void oursAndRealOnesPromoteTheSameReplicaAndTakeTheOldPrimaryBack(int real, String servers)
      throws Exception {
    assumeThat(RealRedis.binary()).as("a redis-server to watch").isNotNull();
    Watched primary = server("primary", servers.charAt(0) == 'o');
    String address = "127.0.0.1 " + primary.port();
    Watched first = server("first", servers.charAt(1) == 'o', "--replicaof", address);
    Watched second = server("second", servers.charAt(2) == 'o', "--replicaof", address);
    assertThat(ask(primary.port(), "SET", "greeting", "hello")).contains("OK");
    for (Watched replica : List.of(first, second)) {
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(() -> words(replica.port(), "INFO", "replication").contains("link_status:up"));
    }
    List<String> names = List.of("one", "two", "three");
    List<Integer> sentinels = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      sentinels.add(sentinel(names.get(i), primary.port(), i >= real));
    }
    for (int port : sentinels) {
      await()
          .atMost(60, TimeUnit.SECONDS)
          .untilAsserted(
              () -> assertThat(words(port, "INFO", "sentinel")).contains("slaves=2,sentinels=3"));
    }

    primary.close();
    Set<String> named = new HashSet<>();
    await()
        .atMost(90, TimeUnit.SECONDS)
        .until(
            () -> {
              named.clear();
              for (int port : sentinels) {
                named.add(ask(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "store"));
              }
              return named.size() == 1 && !named.toString().contains("" + primary.port());
            });
    int promoted = named.toString().contains("" + first.port()) ? first.port() : second.port();
    assertThat(named.toString()).contains("" + promoted);
    // Sentinel ends the clients of a server whose role it changes: each question is a connection.
    assertThat(ask(promoted, "ROLE")).contains("master");
    assertThat(words(promoted, "GET", "greeting")).isEqualTo("hello");

    Watched back = server("back", primary.port(), servers.charAt(0) == 'o');
    await()
        .atMost(60, TimeUnit.SECONDS)
        .untilAsserted(
            () -> assertThat(ask(back.port(), "ROLE")).contains("slave").contains("" + promoted));
    Path file = folder.resolve("three/sentinel.conf");
    await()
        .atMost(60, TimeUnit.SECONDS)
        .untilAsserted(
            () ->
                assertThat(file)
                    .content()
                    .contains("# this line stays")
                    .contains("sentinel monitor store 127.0.0.1 " + promoted + " 2"));
    assertThat(ledEpochs(names)).isNotEmpty().doesNotHaveDuplicates();
  }
}
