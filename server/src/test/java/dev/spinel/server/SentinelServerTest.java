package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a Sentinel does as a process: its file, its scripts, its doors.
class SentinelServerTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private int port;
  private Path file = Path.of("");

  private SentinelServer start(String... directives) throws Exception {
    port = RealRedis.freePort();
    file = folder.resolve("sentinel.conf");
    Files.writeString(
        file, "port " + port + "\ndir \"" + folder + "\"\n" + String.join("\n", directives) + "\n");
    Config config = CommandLine.of(file.toString(), "--sentinel").load(System.in);
    return SentinelServer.start(config, new Log(config, log), () -> {});
  }

  private String ask(String... words) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      return String.valueOf(client.command(words).text());
    }
  }

  @Test
  void aFileThatIsGoneIsWrittenAnew() throws Exception {
    try (SentinelServer server = start("# mine", "sentinel monitor m 127.0.0.1 1 2")) {
      assertThat(ask("PING")).isEqualTo("PONG");
      Files.delete(file);
      assertThat(ask("SENTINEL", "FLUSHCONFIG")).isEqualTo("OK");
      assertThat(file)
          .content()
          .contains("port " + port + "\n", "# mine\n", "sentinel monitor m 127.0.0.1 1 2\n")
          .contains("sentinel myid ");
      assertThat(server.hasEnded()).isFalse();
    }
  }
}
