package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.cli.benchmark.Benchmark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// The programs with TLS, to stock servers and to ours; the client beside the stock one, where both
/// have TLS.
@ParameterizedClass
@EnumSource(Servers.Kind.class)
@Timeout(120)
class TlsTest {
  private static final Path FILES = GuideLine.ROOT.resolve("server/src/test/resources/tls");

  @Parameter Servers.Kind kind;
  @TempDir Path directory;
  private Servers servers;
  private String port;

  @BeforeEach
  void start() throws IOException {
    servers = kind.in(directory);
    port = "" + server();
  }

  @AfterEach
  void stop() {
    if (servers != null) servers.close();
  }

  private static String file(String name) {
    return FILES.resolve(name).toString();
  }

  /// Answers its port for TLS.
  private int server(String... more) throws IOException {
    int encrypted = Stock.freePort();
    List<String> options = new ArrayList<>(List.of("--tls-port", "" + encrypted));
    options.addAll(List.of("--tls-cert-file", file("server.crt")));
    options.addAll(List.of("--tls-key-file", file("server.key")));
    options.addAll(List.of("--tls-ca-cert-file", file("ca.crt")));
    options.addAll(List.of(more));
    try {
      servers.server(options.toArray(new String[0]));
    } catch (IllegalStateException | org.awaitility.core.ConditionTimeoutException e) {
      assumeTrue(kind == Servers.Kind.SPINEL, "the stock server has no TLS");
      throw e;
    }
    return encrypted;
  }

  private static List<String> known(String... words) {
    List<String> all = new ArrayList<>(List.of("--tls", "--cacert", file("ca.crt")));
    all.addAll(List.of("--cert", file("client.crt"), "--key", file("client.key")));
    all.addAll(List.of(words));
    return all;
  }

  private Ours ours(String input, List<String> words) {
    List<String> all = new ArrayList<>(List.of("-p", port));
    all.addAll(words);
    return Ours.run(input, Map.of(), all);
  }

  /// Compares it with the stock client's; where that has no TLS only ours runs.
  private Ours same(String input, List<String> words) {
    Ours ours = ours(input, words);
    if (Stock.isThere("redis-cli", "--tls")) {
      List<String> all = new ArrayList<>(List.of("-p", port));
      all.addAll(words);
      assertThat(reasonless(ours))
          .as("" + words)
          .isEqualTo(reasonless(Stock.cli(input, Map.of(), all)));
    }
    return ours;
  }

  /// Why a handshake fails each library says in its own words.
  private static Ours reasonless(Ours run) {
    String err = run.err().replaceAll("(SSL_connect failed|Error): .*", "$1");
    return new Ours(run.status(), run.out(), err);
  }

  @Test
  void whoIsBelievedAndKnownIsServed() {
    assertThat(same("", known("ping")).out()).isEqualTo("PONG\n");
    assertThat(same("set k v\nget k\nquit\n", known()).out()).isEqualTo("OK\nv\n");
    assertThat(same("", known("-3", "--json", "hgetall", "none")).out()).isEqualTo("{}\n");
    assertThat(same("", known("--sni", "server.example", "ping")).status()).isZero();
    String suite = "TLS_AES_128_GCM_SHA256";
    assertThat(same("", known("--tls-ciphersuites", suite, "ping")).status()).isZero();
    assertThat(same("", known("--tls-ciphers", "HIGH", "ping")).status()).isZero();
    List<String> uri = new ArrayList<>(known());
    uri.remove("--tls");
    uri.addAll(List.of("-u", "rediss://127.0.0.1:" + port + "/1", "ping"));
    assertThat(same("", uri).out()).isEqualTo("PONG\n");
    List<String> anybody =
        List.of("--tls", "--insecure", "--cert", file("other.crt"), "--key", file("other.key"));
    List<String> ping = new ArrayList<>(anybody);
    ping.add("ping");
    assertThat(same("", ping).out()).isEqualTo("PONG\n");
  }

  @Test
  void whoIsNotBelievedOrKnownIsNotServed() {
    List<String> strangers = List.of("--tls", "--cacert", file("stranger.crt"), "ping");
    assertThat(same("", strangers).status()).isEqualTo(1);
    assertThat(ours("", strangers).err())
        .startsWith(
            "Could not connect to Redis at 127.0.0.1:"
                + port
                + ": SSL_connect failed: (certificate_");
    assertThat(same("", List.of("--tls", "--cacert", file("ca.crt"), "ping")).status())
        .isEqualTo(1); // without a certificate
    assertThat(ours("", List.of("--tls", "--cacert", file("none"), "ping")).err())
        .contains(file("none"));
    assertThat(ours("", List.of("--tls", "--cert", file("client.crt"), "ping")).err())
        .contains("--cert and --key belong together");
    assertThat(same("", List.of("ping")).status()).isEqualTo(1); // in plain text
  }

  @Test
  void authoritiesMayStandInAFolder() throws IOException {
    Path folder = Files.createDirectory(directory.resolve("authorities"));
    Files.copy(FILES.resolve("ca.crt"), folder.resolve("ca.crt"));
    List<String> words = new ArrayList<>(known("ping"));
    words.set(words.indexOf("--cacert"), "--cacertdir");
    words.set(words.indexOf(file("ca.crt")), folder.toString());
    assertThat(ours("", words).out()).isEqualTo("PONG\n");
  }

  @Test
  void modesSpeakTls() throws IOException {
    same("", known("set", "k", "v"));
    assertThat(same("", known("--scan")).out()).isEqualTo("k\n");
    assertThat(ours("", known("--bigkeys")).out()).contains("Biggest string found '\"k\"'");
    assertThat(same("SET a 1\r\nSET b 2\r\n", known("--pipe")).out()).contains("replies: 2");
    assertThat(ours("", known("--latency", "--raw", "-i", "0.01")).status()).isZero();
    Path file = directory.resolve("dump.rdb");
    assertThat(ours("", known("--rdb", file.toString())).status()).isZero();
    assertThat(Files.readAllBytes(file)).startsWith('R', 'E', 'D', 'I', 'S');
  }

  @Test
  void theBenchmarkSpeaksTls() throws IOException {
    for (String more : List.of("-n 200 -c 10", "-n 20 -k 0 -c 2", "-n 60 -P 20 -d 5000 -c 3")) {
      List<String> words = new ArrayList<>(List.of("-p", port, "-q", "-t", "set,get"));
      words.addAll(known(more.split(" ")));
      Ours run = Ours.of("", Map.of(), screen -> Benchmark.run(screen, words));
      assertThat(run.status()).as(more + run.err()).isZero();
      assertThat(run.out()).contains("SET: ", "GET: ", " requests per second");
    }
    assertThat(ours("", known("strlen", "key:__rand_int__")).out()).isEqualTo("5000\n");
    List<String> stranger = List.of("-p", port, "--tls", "--cacert", file("stranger.crt"), "-q");
    Ours refused = Ours.of("", Map.of(), screen -> Benchmark.run(screen, stranger));
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.err()).contains("SSL_connect failed: ");
  }

  @Test
  void aClusterIsManagedWithTls() throws IOException {
    String[] node = {
      "--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-node-timeout", "2000"
    };
    String[] ports = {"" + server(node), "" + server(node), "" + server(node)};
    List<String> create = known("--cluster", "create");
    for (String each : ports) create.add("127.0.0.1:" + each);
    create.add("--cluster-yes");
    Ours created = Ours.run("", Map.of(), create);
    assertThat(created.status()).as(created.out() + created.err()).isZero();
    for (String each : ports) {
      port = each;
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() -> ours("", known("cluster", "info")).out().contains("cluster_state:ok"));
    }
    port = ports[0];
    assertThat(same("set k1 v\nget k1\n", known("-c")).out()).endsWith("OK\nv\n");
    assertThat(same("", known("--cluster", "check", "127.0.0.1:" + port)).status()).isZero();
    String[] ids = new String[2];
    for (int i = 0; i < 2; i++) {
      List<String> words = new ArrayList<>(List.of("-p", ports[i]));
      words.addAll(known("cluster", "myid"));
      ids[i] = Ours.run("", Map.of(), words).out().strip();
    }
    List<String> reshard = known("--cluster", "reshard", "127.0.0.1:" + port, "--cluster-yes");
    reshard.addAll(List.of("--cluster-from", ids[0], "--cluster-to", ids[1]));
    reshard.addAll(List.of("--cluster-slots", "3"));
    Ours moved = Ours.run("", Map.of(), reshard);
    assertThat(moved.status()).as(moved.out() + moved.err()).isZero();
    List<String> status = new ArrayList<>(List.of("-p", port));
    status.addAll(known("status"));
    assertThat(Ours.cluster(status).out()).contains("5458 slots", "5465 slots");
  }
}
