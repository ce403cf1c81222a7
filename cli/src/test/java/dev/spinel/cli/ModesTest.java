package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The modes whose output time or chance decides, beside the stock client at one server: what both
/// print is equal but for the numbers. Those that never end are compared as far as a few lines.
@Timeout(60)
class ModesTest {
  @TempDir static Path directory;
  private static Stock stock;
  private static int port;

  @BeforeAll
  static void start() throws IOException {
    stock = new Stock(directory);
    port = stock.server("--maxmemory-policy", "allkeys-lfu");
    try (Client c = Client.connect("127.0.0.1", port)) {
      for (int i = 0; i < 30; i++) c.command("SET", "s" + i, "v".repeat(i + 1));
      c.command("RPUSH", "list", "a", "b", "c");
      c.command("SELECT", "3");
      c.command("SET", "only", "value");
      c.command(
          "FUNCTION",
          "LOAD",
          "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
    }
  }

  @AfterAll
  static void stop() {
    if (stock != null) stock.close();
  }

  private static List<String> words(String words) {
    List<String> all = new ArrayList<>(List.of("-p", "" + port));
    all.addAll(List.of(words.split(" ")));
    return all;
  }

  /// Lines with N for each number.
  private static List<String> shape(String text) {
    return text.lines()
        .map(l -> l.replaceAll("\\d+(\\.\\d+)?", "N").replaceAll(" +", " "))
        .toList();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-n 3 --memkeys",
        "-n 3 --memkeys-samples 5",
        "--memkeys --pattern list",
        "-n 3 --hotkeys",
        "-n 3 --bigkeys -i 0.01",
        "--latency -i 0.1",
        "--latency -i 0.1 --raw",
        "--latency -i 0.1 --csv",
        "--latency -i 0.1 --json",
        "--intrinsic-latency 1",
        "--cluster help",
      })
  void whatEndsIsTheSameButForNumbers(String line) {
    Ours expected = Stock.cli("", Map.of(), words(line));
    Ours ours = Ours.run("", Map.of(), words(line));
    assertThat(ours.status()).as(ours.err()).isEqualTo(expected.status());
    assertThat(kinds(ours.out())).isEqualTo(kinds(expected.out()));
    assertThat(shape(ours.err())).isEqualTo(shape(expected.err()));
  }

  /// Each kind of line once: how often a maximum is exceeded chance decides, and in which order the
  /// stock client lists types.
  private static List<String> kinds(String out) {
    return shape(out).stream().distinct().sorted().toList();
  }

  @Test
  void scanShowsEachKeyOnceWhateverTheCount() {
    for (String line : List.of("--scan", "--scan -i 0.001", "--scan --pattern s1*")) {
      List<String> expected = Stock.cli("", Map.of(), words(line)).out().lines().sorted().toList();
      assertThat(expected).hasSizeGreaterThan(5);
      for (String count : List.of("", " --count 3", " --count 1000")) { // new in 7.2
        assertThat(Ours.run("", Map.of(), words(line + count)).out().lines().sorted().toList())
            .isEqualTo(expected);
      }
    }
  }

  @Test
  void theFunctionsAloneAreDumpedAsTheStockClientDumpsThem() throws IOException {
    Path ours = directory.resolve("ours.rdb");
    Path other = directory.resolve("stock.rdb");
    Ours expected = Stock.cli("", Map.of(), words("--functions-rdb " + other));
    Ours said = Ours.run("", Map.of(), words("--functions-rdb " + ours));
    assertThat(said.status()).isEqualTo(expected.status()).isZero();
    assertThat(shape(said.err().replace("" + ours, "FILE")))
        .isEqualTo(shape(expected.err().replace("" + other, "FILE")));
    String dump = Files.readString(ours, StandardCharsets.ISO_8859_1);
    assertThat(dump).startsWith("REDIS").contains("#!lua name=lib").doesNotContain("only");
    // the times of saving differ
    assertThat(Files.size(ours)).isEqualTo(Files.size(other));
  }

  // ── without an end ──

  /// Takes so many lines; then nobody reads any more.
  private static final class SomeLines extends OutputStream {
    private final ByteArrayOutputStream taken = new ByteArrayOutputStream();
    private int left;

    SomeLines(int lines) {
      left = lines;
    }

    @Override
    public void write(int b) throws IOException {
      if (left == 0) throw new IOException("Broken pipe");
      taken.write(b);
      if (b == '\n') left--;
    }
  }

  private static String ours(int lines, List<String> words) {
    SomeLines out = new SomeLines(lines);
    Screen screen =
        new Screen(
            new ByteArrayInputStream(new byte[0]),
            out,
            OutputStream.nullOutputStream(),
            Map.of(),
            false,
            false);
    assertThat(Main.run(screen, words)).isEqualTo(141);
    return out.taken.toString(StandardCharsets.ISO_8859_1);
  }

  private static String stocks(int lines, List<String> words) throws IOException {
    List<String> command = new ArrayList<>(List.of("redis-cli"));
    command.addAll(words);
    Process p = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    StringBuilder taken = new StringBuilder();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(p.getInputStream(), StandardCharsets.ISO_8859_1))) {
      for (int i = 0; i < lines; i++) taken.append(reader.readLine()).append('\n');
    } finally {
      p.destroyForcibly();
    }
    return taken.toString();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "4 --stat -i 0.05",
        "2 --latency-history -i 0.1",
      })
  void whatNeverEndsBeginsTheSame(String line) throws IOException {
    int lines = Integer.parseInt(line.substring(0, 1));
    List<String> words = words(line.substring(2));
    assertThat(shape(ours(lines, words))).isEqualTo(shape(stocks(lines, words)));
  }

  @Test
  void aCacheIsPlayedASecondALine() {
    assertThat(shape(ours(1, words("--lru-test 100"))))
        .containsExactly("N Gets/sec | Hits: N (N%) | Misses: N (N%)");
  }

  /// Somebody says something each moment, while a client listens.
  private static List<String> whileSomebodySpeaks(String command, Listening listening)
      throws Exception {
    Thread speaker =
        Thread.ofVirtual()
            .start(
                () -> {
                  try (Client c = Client.connect("127.0.0.1", port)) {
                    while (!Thread.currentThread().isInterrupted()) {
                      c.command(command, "ch", "hello");
                      Thread.sleep(5);
                    }
                  } catch (IOException | InterruptedException e) {
                    // the test is over
                  }
                });
    try {
      return shape(listening.listen());
    } finally {
      speaker.interrupt();
      speaker.join();
    }
  }

  private interface Listening {
    String listen() throws IOException;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "6 subscribe ch",
        "7 psubscribe c*",
        "9 subscribe ch other",
        "6 ssubscribe ch",
        "6 -3 subscribe ch",
        "2 monitor",
      })
  void messagesLookTheSame(String line) throws Exception {
    int lines = Integer.parseInt(line.substring(0, 1));
    List<String> words = words(line.substring(2));
    String command = line.contains("ssubscribe") ? "SPUBLISH" : "PUBLISH";
    List<String> expected = whileSomebodySpeaks(command, () -> stocks(lines, words));
    assertThat(whileSomebodySpeaks(command, () -> ours(lines, words))).isEqualTo(expected);
  }
}
