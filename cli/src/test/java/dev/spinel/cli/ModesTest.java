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
        "-3 --latency -i 0.1 --raw",
        "-3 --memkeys --pattern list",
        "-3 -n 3 --hotkeys",
        "--verbose -n 3 --bigkeys",
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

  /// What was said up to the end, as to a person or not.
  private static Ours ours(int lines, List<String> words, Map<String, String> environment) {
    SomeLines out = new SomeLines(lines);
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Screen screen =
        new Screen(new ByteArrayInputStream(new byte[0]), out, err, environment, false, false);
    int status = Main.run(screen, words);
    return new Ours(
        status,
        out.taken.toString(StandardCharsets.ISO_8859_1),
        err.toString(StandardCharsets.ISO_8859_1));
  }

  private static String ours(int lines, List<String> words) {
    Ours run = ours(lines, words, Map.of());
    assertThat(run.status()).as(run.err()).isEqualTo(141);
    return run.out();
  }

  private static Ours stocks(int lines, List<String> words, Map<String, String> environment)
      throws IOException {
    List<String> command = new ArrayList<>(List.of("redis-cli"));
    command.addAll(words);
    Path err = Files.createTempFile(directory, "stock", "err");
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
    builder.environment().remove("TERM");
    builder.environment().putAll(environment);
    Process p = builder.start();
    StringBuilder taken = new StringBuilder();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(p.getInputStream(), StandardCharsets.ISO_8859_1))) {
      for (int i = 0; i < lines; i++) taken.append(reader.readLine()).append('\n');
    } finally {
      p.destroyForcibly();
    }
    return new Ours(141, taken.toString(), Files.readString(err, StandardCharsets.ISO_8859_1));
  }

  private static String stocks(int lines, List<String> words) throws IOException {
    return stocks(lines, words, Map.of()).out();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "4 --stat -i 0.05",
        "2 --latency-history -i 0.1",
        "9 --latency-dist -i 0.05",
        "9 --latency-dist --mono -i 0.05",
      })
  void whatNeverEndsBeginsTheSame(String line) throws IOException {
    int lines = Integer.parseInt(line.substring(0, 1));
    List<String> words = words(line.substring(2));
    assertThat(shape(ours(lines, words))).isEqualTo(shape(stocks(lines, words)));
  }

  /// One line, which is written anew for each PING.
  @Test
  void aPersonSeesTheLatencyChange() throws IOException {
    Map<String, String> person = Map.of("FAKETTY", "1");
    List<String> words = words("--latency-history -i 0.1");
    String[] seen = {ours(1, words, person).out(), stocks(1, words, person).out()};
    for (int i = 0; i < seen.length; i++) {
      String[] parts = seen[i].split("\033\\[0G\033\\[2K", -1);
      assertThat(parts).hasSizeGreaterThan(3);
      seen[i] =
          String.join("|", shape(parts[0] + "\n" + parts[1] + "\n" + parts[parts.length - 1]));
    }
    assertThat(seen[0]).isEqualTo(seen[1]).contains("min: N, max: N, avg: N (N samples) -- N sec");
  }

  /// The stock client takes the first command for the answer to its REPLCONF ACK.
  @ParameterizedTest
  @ValueSource(strings = {"--replica", "--slave"})
  void aReplicaIsShownWhatItIsSent(String mode) throws Exception {
    Ours[] runs = new Ours[2];
    whileSomebodySpeaks("SET", () -> (runs[0] = ours(5, words(mode), Map.of())).out());
    whileSomebodySpeaks("SET", () -> (runs[1] = stocks(5, words(mode), Map.of())).out());
    assertThat(runs[0].out()).startsWith("\"SELECT\",\"0\"\n");
    for (Ours run : runs) assertThat(run.out()).endsWith("\"SET\",\"ch\",\"hello\"\n");
    String said = runs[1].err().replaceAll("SYNC (?=with|done)", "Full resync "); // before 7.2
    assertThat(shape(runs[0].err())).isEqualTo(shape(said));
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
