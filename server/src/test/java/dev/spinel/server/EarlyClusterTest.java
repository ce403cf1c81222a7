package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A cluster's node answers as soon as it listens, and reads `nodes.conf` a moment later.
class EarlyClusterTest {
  @TempDir private Path folder;

  @RepeatedTest(4)
  @Timeout(60)
  void whatIsAskedBeforeTheFileIsReadIsDoneOnceItIs() throws Exception {
    int port = RealRedis.freePort();
    Config config =
        Config.of("port", "" + port, "cluster-enabled", "yes", "dir", folder.toString());
    CompletableFuture<String> asked = CompletableFuture.supplyAsync(() -> askSoon(port));
    Server server =
        new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
    try {
      server.start();
      assertThat(asked.get()).isEqualTo("OK");
      try (Client client = Client.connect("127.0.0.1", port)) {
        assertThat(client.command("CLUSTER", "INFO").text())
            .contains("cluster_slots_assigned:16384");
      }
    } finally {
      server.close();
    }
  }

  /// As soon as it answers.
  private static String askSoon(int port) {
    while (true) {
      try (Client client = Client.connect("127.0.0.1", port)) {
        return String.valueOf(client.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383").text());
      } catch (IOException e) {
        Thread.onSpinWait(); // it doesn't listen yet
      }
    }
  }
}
