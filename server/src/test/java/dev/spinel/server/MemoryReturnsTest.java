package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.ServerProcess;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// In a process that is started as the launcher does, what the data took goes back to the system
/// when they are gone.
@Timeout(90)
class MemoryReturnsTest {
  private static final long MB = 1 << 20;

  @TempDir Path directory;

  @Test
  void whatTheDataTookGoesBackToTheSystem() throws Exception {
    assumeThat(Path.of("/proc/self/status")).exists();
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    Process server = start(port);
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(60_000)) {
      client.command("PING");
      long before = resident(server);
      assertThat(client.command("DEBUG", "POPULATE", "200000", "key", "1000").text())
          .isEqualTo("OK");
      assertThat(resident(server) - before).as("bytes that data take").isGreaterThan(190 * MB);
      assertThat(client.command("FLUSHALL", "SYNC").text()).isEqualTo("OK");
      Awaitility.await()
          .pollInterval(Duration.ofMillis(100))
          .atMost(Duration.ofSeconds(30))
          .untilAsserted(
              () ->
                  assertThat(resident(server) - before).as("bytes that stay").isLessThan(50 * MB));
    } finally {
      server.destroy();
      server.waitFor();
    }
  }

  private static long resident(Process process) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    throw new IOException("no VmRSS");
  }

  private Process start(int port) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:+UseCompactObjectHeaders",
                "--enable-native-access=ALL-UNNAMED",
                "-Xms8m",
                "-Xmx96m",
                "-cp",
                ServerProcess.classPath(),
                "dev.spinel.server.Main",
                "--port",
                Integer.toString(port),
                "--logfile",
                "log",
                "--enable-debug-command",
                "yes")
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile());
    builder.environment().put("MALLOC_MMAP_THRESHOLD_", "131072");
    Process process = builder.start();
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(30))
        .until(
            () ->
                !process.isAlive()
                    || Files.exists(directory.resolve("log"))
                        && Files.readString(directory.resolve("log"))
                            .contains("Ready to accept connections"));
    return process;
  }
}
