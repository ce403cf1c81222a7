package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The program at a real terminal, which the system's `script` makes: the prompt, and what a
/// command line shows there.
@Timeout(90)
class PromptTest {
  @TempDir Path directory;
  private Stock stock;
  private String port;

  @BeforeEach
  void start() throws IOException {
    assumeTrue(Stock.isThere("script"), "no program `script`");
    stock = new Stock(directory);
    port = Integer.toString(stock.server());
  }

  @AfterEach
  void stop() {
    if (stock != null) stock.close();
  }

  static String ours(String... options) {
    return Path.of(System.getProperty("java.home"), "bin/java")
        + " "
        + String.join(" ", options)
        + " -XX:+UseSerialGC -XX:TieredStopAtLevel=1 --enable-native-access=ALL-UNNAMED -cp '"
        + System.getProperty("java.class.path")
        + "' dev.spinel.cli.Main";
  }

  private Process atTerminal(String command) throws IOException {
    // whoever runs the tests behind a shell's & has Ctrl-C ignored, and its children, too
    ProcessBuilder builder =
        new ProcessBuilder("env", "--default-signal=INT", "script", "-qec", command, "/dev/null");
    builder.environment().put("TERM", "vt100");
    builder.environment().put("HOME", directory.toString());
    return builder.redirectErrorStream(true).start();
  }

  private String shownAtTerminal(String command) throws IOException {
    Process p = atTerminal(command);
    p.getOutputStream().close();
    return new String(p.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
  }

  @Test
  void aCommandLineShowsTheSameAtATerminal() throws IOException {
    for (String command :
        List.of(
            "rpush l a b", "lrange l 0 -1", "get none", "foo", "-3 hello 3 nope", "--raw ping")) {
      String words = " -p " + port + " " + command;
      if (!command.startsWith("rpush")) {
        assertThat(shownAtTerminal(ours() + words))
            .as(command)
            .isEqualTo(shownAtTerminal("redis-cli" + words));
      } else {
        assertThat(shownAtTerminal(ours() + words)).isEqualTo("(integer) 2\r\n");
      }
    }
  }

  @Test
  void aPersonTypesAndIsShownPromptsRepliesAndHints() throws Exception {
    Process p = atTerminal(ours() + " -p " + port);
    StringBuffer shown = new StringBuffer();
    Thread reader = new Thread(() -> readAll(p.getInputStream(), shown));
    reader.setDaemon(true);
    reader.start();
    String address = "127.0.0.1:" + port;
    type(p, shown, "", address + "> ");
    type(p, shown, "set k v\r", "OK");
    type(p, shown, "get k\r", "\"v\"");
    type(p, shown, "select 3\r", address + "[3]> ");
    type(p, shown, "multi\r", address + "[3](TX)> ");
    type(p, shown, "discard\r", "OK");
    type(p, shown, "auth nobody secret\r", "(error) WRONGPASS");
    type(p, shown, "get k # the key\r", "(hint) What stands behind a # is no comment");
    type(p, shown, "object e\t", "OBJECT ENCODING"); // completed
    type(p, shown, "\u0015set k v keep\t", "KEEPTTL"); // an option
    type(p, shown, "\u0015set k other\r", "OK");
    type(p, shown, "\u0012set k v\r", "OK"); // searched backwards
    type(p, shown, "get k\r", "\"v\"");
    type(p, shown, "\u001bOA\u001b[A\u001bOA\r", "OK"); // three lines before
    type(p, shown, "get k\r", "\"other\"");
    type(p, shown, "\u001b[200~echo one\necho two\u001b[201~\r", "\"two\""); // pasted
    assertThat(shown.toString()).contains("\"one\"");
    type(p, shown, "help get\r", "\033[33msince:\033[0m 1.0.0");
    type(p, shown, "get ", "key"); // a hint
    type(p, shown, "\u0015:set nohints\r", address);
    type(p, shown, "monitor\r", "OK");
    type(p, shown, "\u0003", address + "[3]> ");
    type(p, shown, "subscribe ch\r", "Reading messages...");
    type(p, shown, "\u0003", address + "[3]> ");
    type(p, shown, "subscribe ch\r", "Reading messages...");
    type(p, shown, "x", "(subscribed mode)> ");
    type(p, shown, "\u0015reset\r", address + "> ");
    type(p, shown, "quit\r", "");
    assertThat(p.waitFor(20, TimeUnit.SECONDS)).isTrue();
    List<String> history = Files.readAllLines(directory.resolve(".rediscli_history"));
    assertThat(history).contains("set k v", "get k # the key").doesNotContain("auth nobody secret");
  }

  /// The password isn't shown, and isn't kept; nor is anything left in the folder for temporary
  /// files.
  @Test
  void aPasswordIsAskedFor() throws Exception {
    int guarded = stock.server("--requirepass", "secret");
    Path temporary = Files.createDirectory(directory.resolve("temporary"));
    Process p = atTerminal(ours("-Djava.io.tmpdir=" + temporary) + " --askpass -p " + guarded);
    StringBuffer shown = new StringBuffer();
    Thread reader = new Thread(() -> readAll(p.getInputStream(), shown));
    reader.setDaemon(true);
    reader.start();
    type(p, shown, "", "Please input password: ");
    type(p, shown, "secret\r", "127.0.0.1:" + guarded + "> ");
    type(p, shown, "ping\r", "PONG");
    try (Stream<Path> files = Files.list(temporary)) {
      assertThat(files).as("what a terminal's library leaves").isEmpty();
    }
    type(p, shown, "quit\r", "");
    assertThat(p.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(shown.toString()).doesNotContain("secret", "AUTH failed");
  }

  private static void type(Process p, StringBuffer shown, String text, String answer)
      throws IOException {
    int before = shown.length();
    OutputStream keyboard = p.getOutputStream();
    try {
      keyboard.write(text.getBytes(StandardCharsets.ISO_8859_1));
      keyboard.flush();
    } catch (IOException e) {
      throw new IOException(
          "it has ended, with " + (p.isAlive() ? "?" : p.exitValue()) + ", having shown\n" + shown,
          e);
    }
    await()
        .atMost(30, TimeUnit.SECONDS)
        .untilAsserted(
            () -> assertThat(shown.substring(Math.min(before, shown.length()))).contains(answer));
  }

  private static void readAll(InputStream from, StringBuffer into) {
    byte[] buffer = new byte[4096];
    try {
      for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
        into.append(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
