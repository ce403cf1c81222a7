package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// How long a start takes is a matter of what is loaded for it. Time isn't measured here, classes
/// are counted; the JVM's log tells them.
@Timeout(60)
class StartTest {
  private static final int MOST_OF_OURS = 45;

  @TempDir Path directory;

  /// The classes that `redis-cli` loads up to its end, which follows its first reply.
  private List<String> loaded(String... words) throws Exception {
    Path log = directory.resolve("classes");
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> answer(server));
      List<String> command = new java.util.ArrayList<>(List.of(java()));
      command.add("-Xlog:class+load=info:file=" + log + ":none");
      command.addAll(List.of("-cp", System.getProperty("java.class.path")));
      command.addAll(List.of("dev.spinel.cli.Main", "-p", "" + server.getLocalPort()));
      command.addAll(List.of(words));
      Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
      p.getOutputStream().close();
      String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(out).isEqualTo("PONG\n");
      assertThat(p.waitFor()).isZero();
    }
    return Files.readAllLines(log).stream().map(line -> line.split(" ", 2)[0]).toList();
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin/java").toString();
  }

  /// Says PONG whatever it is told.
  private static void answer(ServerSocket server) {
    byte[] request = new byte[1024];
    try (Socket socket = server.accept()) {
      while (socket.getInputStream().read(request) > 0) {
        socket.getOutputStream().write("+PONG\r\n".getBytes(StandardCharsets.US_ASCII));
      }
    } catch (IOException e) {
      // the client is gone
    }
  }

  @Test
  void aCommandLoadsWhatItNeedsAndNoMore() throws Exception {
    List<String> classes = loaded("ping");
    assertThat(classes).contains("dev.spinel.cli.Main", "dev.spinel.cli.Connection");
    List<String> slow =
        List.of(
            "org.jline.",
            "sun.security.ssl.",
            "java.util.regex.",
            "java.util.stream.",
            "java.util.logging.");
    assertThat(classes.stream().filter(name -> slow.stream().anyMatch(name::startsWith)).toList())
        .isEmpty();
    assertThat(classes)
        .doesNotContain(
            "javax.net.ssl.SSLContext",
            "dev.spinel.cli.Prompt",
            "dev.spinel.cli.Repl",
            "dev.spinel.cli.CommandDocs",
            "dev.spinel.cli.Hint",
            "dev.spinel.cli.ClusterManager",
            "dev.spinel.cli.ClusterTool");
    assertThat(classes.stream().filter(name -> name.startsWith("dev.spinel.")).toList())
        .hasSizeLessThan(MOST_OF_OURS);
  }
}
