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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Two real Sentinels and ours, over real servers: they find each other, agree that the primary is
/// down, promote one replica, and take the old primary back.
@Timeout(180)
class SentinelInteropTest {
  private static final String CONFIGURATION =
      """
      port %d
      dir "%s"
      # this line stays
      sentinel monitor store 127.0.0.1 %d 2
      sentinel down-after-milliseconds store 1500
      sentinel failover-timeout store 20000
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

  private RealRedis server(String name, String... settings) throws Exception {
    RealRedis server = RealRedis.ready(folder(name), settings);
    toClose.add(server);
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

  @Test
  void oursAndRealOnesPromoteTheSameReplicaAndTakeTheOldPrimaryBack() throws Exception {
    assumeThat(RealRedis.binary()).as("a redis-server to watch").isNotNull();
    RealRedis primary = server("primary", "--repl-diskless-sync-delay", "0");
    String address = "127.0.0.1 " + primary.port();
    RealRedis first = server("first", "--replicaof", address);
    RealRedis second = server("second", "--replicaof", address);
    assertThat(primary.call("SET", "greeting", "hello")).isEqualTo("OK");
    List<Integer> sentinels = new ArrayList<>();
    sentinels.add(sentinel("one", primary.port(), false));
    sentinels.add(sentinel("two", primary.port(), false));
    sentinels.add(sentinel("ours", primary.port(), true));
    for (int port : sentinels) {
      await()
          .atMost(60, TimeUnit.SECONDS)
          .untilAsserted(
              () -> assertThat(words(port, "INFO", "sentinel")).contains("slaves=2,sentinels=3"));
    }

    primary.close();
    Set<String> named = new HashSet<>();
    await()
        .atMost(60, TimeUnit.SECONDS)
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

    RealRedis back =
        RealRedis.start(
            RealRedis.binary(),
            folder("back"),
            primary.port(),
            "",
            List.of("--port", "" + primary.port(), "--save", ""));
    toClose.add(back);
    assertThat(back.answers()).isTrue();
    await()
        .atMost(60, TimeUnit.SECONDS)
        .untilAsserted(
            () -> assertThat(ask(back.port(), "ROLE")).contains("slave").contains("" + promoted));
    assertThat(folder.resolve("ours/sentinel.conf"))
        .content()
        .contains("# this line stays")
        .contains("sentinel monitor store 127.0.0.1 " + promoted + " 2");
  }
}
