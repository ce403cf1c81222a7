package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.ServerProcess;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(90)
class OpenFilesTest {
  @TempDir Path directory;

  @Test
  void theLimitIsReadFromTheSystemsTable() {
    assertThat(
            OpenFiles.limit(
                """
                Limit                     Soft Limit           Hard Limit           Units
                Max cpu time              unlimited            unlimited            seconds
                Max open files            1024                 524288               files
                Max locked memory         8388608              8388608              bytes
                """))
        .isEqualTo(1024);
    assertThat(OpenFiles.limit("Max open files            unlimited            unlimited"))
        .isEqualTo(Long.MAX_VALUE);
    assertThat(OpenFiles.limit("")).isEqualTo(Long.MAX_VALUE);
  }

  /// As a redis-server does with so many.
  @Test
  void clientsAreAsManyAsTheSystemHasDescriptorsFor() throws Exception {
    assumeThat(Path.of("/proc/self/limits")).exists();
    Process server = start(120, "--port 0 --unixsocket s.sock --loglevel verbose");
    try {
      server.destroy();
      server.waitFor();
      assertThat(log())
          .contains("Current maximum open files is 120. maxclients has been reduced to 88 to");
    } finally {
      server.destroyForcibly();
    }
  }

  @Test
  void whoComesWhenAllAreTakenIsToldAndTheLogGoesOn() throws Exception {
    assumeThat(Path.of("/proc/self/limits")).exists();
    for (String transport : List.of("nio", "auto")) {
      int port = freePort();
      Process server = start(120, "--port " + port + " --io-transport " + transport);
      var clients = new ArrayList<Client>();
      try {
        for (int i = 0; i < 88; i++) {
          clients.add(Client.connect("127.0.0.1", port).timeoutMillis(20_000));
          assertThat(clients.get(i).command("PING").text()).isEqualTo("PONG");
        }
        for (int i = 0; i < 3; i++) {
          try (Client late = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
            assertThat(late.receive().text()).isEqualTo("ERR max number of clients reached");
          }
        }
        Client one = clients.getFirst();
        assertThat(one.command("CONFIG", "SET", "maxclients", "89").text())
            .isEqualTo(
                "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating"
                    + " system is not able to handle the specified number of clients, try with 88");
        assertThat(one.command("CONFIG", "SET", "maxclients", "88").text()).isEqualTo("OK");
        assertThat(log()).contains("Failed applying new configuration");
      } finally {
        for (Client client : clients) {
          client.close();
        }
        server.destroyForcibly();
        server.waitFor();
      }
    }
  }

  @Test
  void withHardlyAnyDescriptorsItDoesNotStart() throws Exception {
    assumeThat(Path.of("/proc/self/limits")).exists();
    Process server = start(30, "--port 0 --unixsocket s.sock");
    assertThat(server.waitFor()).isEqualTo(1);
    assertThat(log()).contains("Your current 'ulimit -n' of 30 is not enough for the server");
  }

  private String log() throws IOException {
    return Files.readString(directory.resolve("log"));
  }

  private static int freePort() throws IOException {
    try (var socket = new java.net.ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  /// Returns when it is ready, or has ended.
  private Process start(int files, String arguments) throws IOException {
    Files.deleteIfExists(directory.resolve("log"));
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder builder =
        new ProcessBuilder(
                "sh",
                "-c",
                "ulimit -n "
                    + files
                    + "; exec "
                    + java
                    + " --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -cp \"$CLASSES\""
                    + " dev.spinel.server.Main --event-loops 2 --logfile log "
                    + arguments)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile());
    builder.environment().put("CLASSES", ServerProcess.classPath());
    Process process = builder.start();
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(30))
        .until(
            () ->
                !process.isAlive()
                    || Files.exists(directory.resolve("log"))
                        && log().contains("Ready to accept connections"));
    return process;
  }
}
