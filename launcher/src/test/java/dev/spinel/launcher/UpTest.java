package dev.spinel.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Spinel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class UpTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void saysWhatRunsAndHowToConnectAndEndsWithShutdown(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> status =
        CompletableFuture.supplyAsync(() -> run("--port", "0", "--dir", directory.toString()));
    await().until(() -> text(out).contains("Ctrl-C ends it."));

    Matcher port = Pattern.compile("one store at 127\\.0\\.0\\.1:(\\d+)").matcher(text(out));
    assertThat(port.find()).isTrue();
    assertThat(text(out))
        .contains("Nothing is saved yet")
        .contains("redis-cli -p " + port.group(1))
        .contains("RedisClient.create(\"127.0.0.1\", " + port.group(1) + ")");

    shutDown(Integer.parseInt(port.group(1)));
    assertThat(status.get(20, TimeUnit.SECONDS)).isZero();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void aPortInUseIsOneLineAndStatusOne() {
    try (Spinel other = Spinel.start()) {
      assertThat(run("--port", Integer.toString(other.port()))).isEqualTo(1);
      assertThat(text(err))
          .isEqualTo(
              "spinel up: can't listen at 127.0.0.1:%d: Address already in use (choose another with --port)\n"
                  .formatted(other.port()));
      assertThat(text(out)).isEmpty();
    }
  }

  @Test
  void whatItDoesNotKnowIsOneLineAndStatusOne(@TempDir Path directory) {
    assertRefused("unknown option '--prot'", "--prot", "6379");
    assertRefused("--port needs a value", "--port");
    assertRefused("--port takes a number from 0 to 65535, not '65536'", "--port", "65536");
    assertRefused("--port takes a number from 0 to 65535, not 'redis'", "--port", "redis");
    assertRefused("cluster: not yet", "cluster");
    Path missing = directory.resolve("missing");
    assertRefused("--dir: no such folder: " + missing, "--dir", missing.toString());
    assertRefused("--dir: no such folder: no\0name", "--dir", "no\0name");
  }

  @Test
  void helpNamesItsOptions() {
    assertThat(run("--help")).isZero();
    assertThat(text(out)).contains("--port N", "--dir D");
    assertThat(text(err)).isEmpty();
  }

  private void assertRefused(String reason, String... arguments) {
    err.reset();
    assertThat(run(arguments)).isEqualTo(1);
    assertThat(text(err)).isEqualTo("spinel up: " + reason + " (spinel up --help)\n");
    assertThat(text(out)).isEmpty();
  }

  private int run(String... arguments) {
    return new Up(new PrintStream(out, true), new PrintStream(err, true)).run(arguments);
  }

  private static void shutDown(int port) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", port)) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write("SHUTDOWN NOSAVE\r\n".getBytes(StandardCharsets.US_ASCII));
      socket.getInputStream().readAllBytes();
    }
  }

  private static String text(ByteArrayOutputStream stream) {
    return stream.toString(StandardCharsets.UTF_8);
  }
}
