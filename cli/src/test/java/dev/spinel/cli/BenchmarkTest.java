package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.cli.benchmark.Benchmark;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Our redis-benchmark against a stock server and one of ours: what it counts, and beside the stock
/// program what it prints.
@ParameterizedClass
@EnumSource(Servers.Kind.class)
@Timeout(120)
class BenchmarkTest {
  @Parameter Servers.Kind kind;
  @TempDir Path directory;
  private Servers servers;
  private int port;

  @BeforeEach
  void start() throws IOException {
    servers = kind.in(directory);
    port = servers.server();
  }

  @AfterEach
  void stop() {
    if (servers != null) servers.close();
  }

  private Ours run(String... words) {
    List<String> all = new ArrayList<>(List.of("-p", "" + port));
    all.addAll(List.of(words));
    return Ours.of("in", Map.of(), screen -> Benchmark.run(screen, all));
  }

  private int calls(String command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port)) {
      String text = client.command("INFO", "commandstats").text();
      Matcher found = Pattern.compile("cmdstat_" + command + ":calls=(\\d+)").matcher(text);
      return found.find() ? Integer.parseInt(found.group(1)) : 0;
    }
  }

  private String ask(String... command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port)) {
      return client.command(command).text();
    }
  }

  @Test
  void theWholeSuiteSendsWhatTheRealOneSends() throws IOException {
    ask("CONFIG", "RESETSTAT");
    assertThat(run("-c", "10", "-n", "100", "-q").status()).isZero();
    assertThat(calls("ping")).isEqualTo(200);
    assertThat(calls("lpush")).isEqualTo(200);
    assertThat(calls("lrange")).isEqualTo(400);
    for (String one :
        "set get incr rpush lpop rpop sadd hset spop zadd zpopmin mset xadd".split(" ")) {
      assertThat(calls(one)).as(one).isEqualTo(100);
    }
    assertThat(ask("DBSIZE")).isEqualTo("5");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-c 5 -n 10 -t set,get",
        "--threads 10 -c 5 -n 10 -t set,get",
        "-P 5 -c 10 -n 10 -t set,get",
        "-n 10 -t set,get --dbnum 3 -3",
        "-k 0 -n 10 -c 3 -t set,get",
        "-u redis://127.0.0.1:PORT/2 -n 10 -t set,get",
        "-n 10 -r 100 -d 1000 -t set,get --enable-tracking -3",
      })
  void thereAreAsManyRequestsAsAskedFor(String words) throws IOException {
    assertThat(run(words.replace("PORT", "" + port).split(" ")).status()).isZero();
    assertThat(calls("set")).isEqualTo(10);
    assertThat(calls("get")).isEqualTo(10);
    assertThat(calls("lrange")).isZero();
  }

  @Test
  void randomKeysFillTheirRange() throws IOException {
    assertThat(run("-r", "50", "-t", "set", "-n", "2000", "-q").status()).isZero();
    assertThat(ask("DBSIZE")).isEqualTo("50");
    assertThat(ask("EXISTS", "key:000000000049")).isEqualTo("1");
  }

  @Test
  void aCommandIsSentAsItIsGiven() throws IOException {
    assertThat(run("-n", "150", "INCRBYFLOAT", "mykey", "10.0").status()).isZero();
    assertThat(ask("GET", "mykey")).isEqualTo("1500");
    assertThat(run("-n", "3", "-x", "RPUSH", "l").status()).isZero();
    assertThat(ask("LINDEX", "l", "-1")).isEqualTo("in");
    assertThat(ask("LLEN", "l")).isEqualTo("3");
  }

  @Test
  void anErrorEndsTheRunAndIsShown() {
    Ours unknown = run("-q", "NOSUCH");
    assertThat(unknown.status()).isEqualTo(1);
    assertThat(unknown.err()).startsWith("Error from server: ERR unknown command 'NOSUCH'");
    Ours nobody = run("-p", "1", "-q");
    assertThat(nobody.status()).isEqualTo(1);
    assertThat(nobody.err())
        .startsWith("Could not connect to Redis at 127.0.0.1:1: Connection refused\n");
    assertThat(run("-c").out()).startsWith("Invalid option \"-c\" or option argument missing\n");
    assertThat(run("--cluster").err()).contains("Failed to fetch cluster configuration from ");
  }

  @Test
  void aClusterGetsKeysOfAllItsSlots() throws IOException {
    int[] ports = {servers.node(), servers.node()};
    String[][] slots = {{"0", "8191"}, {"8192", "16383"}};
    for (int i = 0; i < ports.length; i++) {
      port = ports[i];
      ask("CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
      assertThat(ask("CLUSTER", "ADDSLOTSRANGE", slots[i][0], slots[i][1])).isEqualTo("OK");
    }
    assertThat(ask("CLUSTER", "MEET", "127.0.0.1", "" + ports[0])).isEqualTo("OK");
    for (int one : ports) {
      port = one;
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(() -> ask("CLUSTER", "INFO").contains("cluster_state:ok"));
    }
    Ours loaded = run("--cluster", "-t", "set", "-n", "17000", "-q");
    assertThat(loaded.status()).as(loaded.err() + loaded.out()).isZero();
    assertThat(loaded.out()).startsWith("Cluster has 2 master nodes:\n");
    int keys = 0;
    for (int one : ports) {
      port = one;
      keys += Integer.parseInt(ask("DBSIZE"));
    }
    assertThat(keys).isBetween(10_000, 16_384);
  }

  @Test
  void idleClientsAreToldOfAFullServer() throws IOException {
    ask("CONFIG", "SET", "maxclients", "5");
    Ours full = run("-c", "20", "-I");
    assertThat(full.status()).isEqualTo(1);
    assertThat(full.err()).startsWith("Error from server: ERR max number of clients reached");
  }

  /// What is printed, with N for each number, and one line for each kind of line.
  private static List<String> shape(String out) {
    List<String> lines = new ArrayList<>();
    for (String line : out.replaceAll("[^\\n]*\\r", "").split("\n", -1)) {
      String form =
          line.replaceAll("\\d+(\\.\\d+)?", "N").replaceAll(" +", " ").replace("<= N m", "<= m");
      if (lines.isEmpty() || !lines.getLast().equals(form)) lines.add(form);
    }
    return lines;
  }

  /// So many requests that they take some milliseconds: in none, the throughput would be `inf`, as
  /// with the real one.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "-n 20000 -t set,lrange_100",
        "-n 20000 -t get -q",
        "-n 20000 --csv -t ping,mset",
        "-n 20000 --threads 2 -c 4 -P 4 -d 20 -t get",
        "-n 20000 PING hello",
        "-v",
        "-n 20000 -k 1 -r 10 --precision 2 -t zadd",
      })
  void whatIsPrintedHasTheFormOfTheRealOnes(String words) throws Exception {
    assumeTrue(Stock.isThere("redis-benchmark"), "no stock redis-benchmark");
    List<String> command = new ArrayList<>(List.of("redis-benchmark", "-p", "" + port));
    command.addAll(List.of(words.split(" ")));
    Process process = new ProcessBuilder(command).start();
    String expected =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    assertThat(process.waitFor()).isZero();
    assertThat(shape(run(words.split(" ")).out())).isEqualTo(shape(expected));
  }
}
