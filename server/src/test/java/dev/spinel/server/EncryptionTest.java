package dev.spinel.server;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import dev.spinel.wire.tls.Tls;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// TLS to clients, between servers of ours and real ones, and what CONFIG SET makes of it.
@Timeout(120)
class EncryptionTest {
  @TempDir Path folder;
  private final List<AutoCloseable> toClose = new ArrayList<>();

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : toClose.reversed()) {
      each.close();
    }
  }

  private static Path file(String name) {
    try {
      return Path.of(EncryptionTest.class.getResource("/tls/ca.crt").toURI()).resolveSibling(name);
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  /// Settings of a server with TLS at a port, and some more.
  private static String[] settings(int port, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "tls-port",
                "" + port,
                "tls-cert-file",
                "" + file("server.crt"),
                "tls-key-file",
                "" + file("server.key"),
                "tls-ca-cert-file",
                "" + file("ca.crt")));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private Spinel spinel(int port, String... more) {
    Spinel spinel = Spinel.start(settings(port, more));
    toClose.add(spinel);
    return spinel;
  }

  private static Tls.Builder side(String name) throws IOException {
    return new Tls.Builder()
        .authorities(file("ca.crt"))
        .identity(file(name + ".crt"), file(name + ".key"), "");
  }

  private Client client(int port, Tls tls) throws IOException {
    Client client = Client.connect("127.0.0.1", port, tls, null).timeoutMillis(20_000);
    toClose.add(client);
    return client;
  }

  private Client client(int port) throws IOException {
    return client(port, side("client").build());
  }

  private static String text(Client client, String... command) throws IOException {
    return client.command(command).text();
  }

  // ── clients ──

  @ParameterizedTest
  @ValueSource(strings = {"nio", "auto"})
  void commandsAndLargeValuesPassBothTransports(String transport) throws IOException {
    int port = RealRedis.freePort();
    spinel(port, "io-transport", transport);
    Client client = client(port);
    assertThat(text(client, "SET", "k", "v")).isEqualTo("OK");
    Random random = new Random(1);
    for (int bytes : new int[] {0, 1, 16_383, 16_384, 16_385, 70_000, 5_000_000}) {
      byte[] value = new byte[bytes];
      random.nextBytes(value);
      byte[] name = "large".getBytes(StandardCharsets.US_ASCII);
      client.command("SET".getBytes(StandardCharsets.US_ASCII), name, value);
      RespValue back = client.command("GET".getBytes(StandardCharsets.US_ASCII), name);
      assertThat(((RespValue.Bulk) back).bytes()).isEqualTo(value);
    }
  }

  @Test
  void aPipelineOfManyRepliesComesWholeAndInOrder() throws IOException {
    int port = RealRedis.freePort();
    spinel(port);
    Client client = client(port);
    for (int i = 0; i < 20_000; i++) {
      client.send("ECHO", "number " + i);
    }
    for (int i = 0; i < 20_000; i++) {
      assertThat(client.receive().text()).isEqualTo("number " + i);
    }
  }

  @Test
  void bothPortsServeTheSameData() throws IOException {
    int port = RealRedis.freePort();
    Spinel spinel = spinel(port);
    assertThat(text(client(port), "SET", "k", "v")).isEqualTo("OK");
    try (Client plain = Client.connect("127.0.0.1", spinel.port())) {
      assertThat(text(plain, "GET", "k")).isEqualTo("v");
      assertThat(text(plain, "INFO", "server"))
          .contains("listener0:name=tcp,", "listener1:name=tls,bind=127.0.0.1,port=" + port);
    }
  }

  @Test
  void oldAndNewProtocolsAndBothKindsOfKeysAreSpoken() throws IOException {
    int port = RealRedis.freePort();
    spinel(port);
    for (String protocol : List.of("TLSv1.2", "TLSv1.3")) {
      assertThat(text(client(port, side("client").protocols(protocol).build()), "PING"))
          .isEqualTo("PONG");
      assertThat(text(client(port, side("other").protocols(protocol).build()), "PING"))
          .isEqualTo("PONG");
    }
  }

  @Test
  void whoShowsNoCertificateOrAStrangersIsNotServed() throws IOException {
    int port = RealRedis.freePort();
    Spinel spinel = spinel(port);
    assertThatThrownBy(() -> text(client(port, anonymous()), "PING"))
        .isInstanceOf(IOException.class);
    assertThatThrownBy(() -> text(client(port, side("stranger").build()), "PING"))
        .isInstanceOf(IOException.class);
    try (Client plain = Client.connect("127.0.0.1", spinel.port())) {
      assertThat(text(plain, "CONFIG", "SET", "tls-auth-clients", "optional")).isEqualTo("OK");
      assertThat(text(client(port, anonymous()), "PING")).isEqualTo("PONG");
      assertThat(text(plain, "CONFIG", "SET", "tls-auth-clients", "no")).isEqualTo("OK");
      assertThat(text(client(port, anonymous()), "PING")).isEqualTo("PONG");
    }
  }

  private static Tls anonymous() throws IOException {
    return new Tls.Builder().authorities(file("ca.crt")).build();
  }

  @Test
  void whoDoesNotSpeakTlsIsNotToldByIt() throws IOException {
    int port = RealRedis.freePort();
    spinel(port);
    try (Socket socket = new Socket("127.0.0.1", port)) {
      socket.getOutputStream().write("*1\r\n$4\r\nPING\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(socket.getInputStream().readAllBytes()).isEmpty();
    }
    try (Socket socket = new Socket("127.0.0.1", port)) {
      byte[] oldHello = {22, 3, 0, 0, 4, 1, 0, 0, 0};
      socket.getOutputStream().write(oldHello);
      assertThat(socket.getInputStream().read()).as("an alert").isEqualTo(21);
    }
  }

  @Test
  void bytesThatAreNoTlsEndTheirOwnConnectionOnly() throws IOException {
    int port = RealRedis.freePort();
    spinel(port);
    Client good = client(port);
    Random random = new Random(2);
    for (int i = 0; i < 50; i++) {
      byte[] bytes = new byte[1 + random.nextInt(2_000)];
      random.nextBytes(bytes);
      if (i % 2 == 0) {
        byte[] hello = {22, 3, 1, (byte) (bytes.length >> 8), (byte) bytes.length};
        System.arraycopy(hello, 0, bytes, 0, Math.min(hello.length, bytes.length));
      }
      try (Socket socket = new Socket("127.0.0.1", port)) {
        socket.getOutputStream().write(bytes);
        socket.shutdownOutput();
        socket.getInputStream().readAllBytes();
      } catch (IOException e) {
        continue; // reset: as good
      }
    }
    assertThat(text(good, "PING")).isEqualTo("PONG");
    await().until(() -> text(good, "INFO", "clients").contains("connected_clients:1\r\n"));
  }

  // ── the configuration ──

  @Test
  void certificatesAreChangedLiveOrNotAtAll() throws Exception {
    int port = spinelAt(RealRedis.freePort());
    Client client = client(port);
    String files = "" + file("other.crt");
    assertThat(text(client, "CONFIG", "SET", "tls-key-file", "" + file("other.key")))
        .contains("Unable to update TLS configuration. Check server logs.");
    assertThat(client.command("CONFIG", "GET", "tls-key-file").toString()).contains("server.key");
    assertThat(shown(port, "TLSv1.3")).isEqualTo("CN=server,O=Spinel tests");
    assertThat(
            text(
                client,
                "CONFIG",
                "SET",
                "tls-cert-file",
                files,
                "tls-key-file",
                "" + file("other.key")))
        .isEqualTo("OK");
    assertThat(text(client, "PING")).isEqualTo("PONG");
    assertThat(text(client(port), "PING")).isEqualTo("PONG");
    assertThat(shown(port, "TLSv1.3")).isEqualTo("CN=other,O=Spinel tests");
    assertThat(shown(port, "TLSv1.2")).isEqualTo("CN=other,O=Spinel tests");
  }

  /// When the session began that the next connection has: one that is resumed began earlier.
  private static long sessionBegan(SSLContext context, int port) throws IOException {
    try (SSLSocket socket = socket(context, port)) {
      assertThat(ping(socket)).isEqualTo("+PONG\r\n");
      return socket.getSession().getCreationTime();
    }
  }

  @Test
  void sessionsAreResumedAsLongAsTheyMayBe() throws Exception {
    int port = RealRedis.freePort();
    Client client = client(spinelAt(port));
    for (String protocol : List.of("TLSv1.2", "TLSv1.3")) {
      text(client, "CONFIG", "SET", "tls-session-caching", "yes");
      SSLContext context = strangersContext(protocol);
      long first = sessionBegan(context, port);
      assertThat(sessionBegan(context, port)).as(protocol).isEqualTo(first);

      text(client, "CONFIG", "SET", "tls-session-caching", "no");
      SSLContext other = strangersContext(protocol);
      long began = sessionBegan(other, port);
      assertThat(sessionBegan(other, port)).as(protocol).isGreaterThan(began);
    }
  }

  /// Whose certificate the server shows to a new connection.
  private static String shown(int port, String protocol) throws Exception {
    try (var socket = socket(strangersContext(protocol), port)) {
      socket.startHandshake();
      return socket.getSession().getPeerPrincipal().getName();
    }
  }

  private static SSLSocket socket(SSLContext context, int port) throws IOException {
    var socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port);
    socket.setSoTimeout(20_000);
    return socket;
  }

  private static String ping(SSLSocket socket) throws IOException {
    socket.getOutputStream().write("PING\r\n".getBytes(US_ASCII));
    return new String(socket.getInputStream().readNBytes(7), US_ASCII);
  }

  /// Up to TLS 1.2 a client may ask for another handshake as often as it likes, at little cost to
  /// itself.
  @Test
  void anotherHandshakeIsRefusedAndEndsItsOwnConnectionOnly() throws Exception {
    int port = spinelAt(RealRedis.freePort());
    try (SSLSocket good = socket(strangersContext("TLSv1.2"), port);
        SSLSocket bad = socket(strangersContext("TLSv1.2"), port)) {
      assertThat(ping(good)).isEqualTo("+PONG\r\n");
      assertThat(ping(bad)).isEqualTo("+PONG\r\n");
      assertThatThrownBy(
              () -> {
                bad.startHandshake();
                assertThat(ping(bad)).isEmpty();
              })
          .isInstanceOf(IOException.class);
      assertThat(ping(good)).isEqualTo("+PONG\r\n");
      try (SSLSocket later = socket(strangersContext("TLSv1.3"), port)) {
        later.startHandshake(); // there it means new keys, and is no handshake
        assertThat(ping(later)).isEqualTo("+PONG\r\n");
        later.startHandshake();
        assertThat(ping(later)).isEqualTo("+PONG\r\n");
      }
    }
  }

  private int spinelAt(int port) {
    spinel(port, "tls-auth-clients", "no");
    return port;
  }

  /// Of a client without a certificate, which trusts ours.
  private static SSLContext strangersContext(String protocol) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    try (var in = Files.newInputStream(file("ca.crt"))) {
      var authority = CertificateFactory.getInstance("X.509").generateCertificate(in);
      store.setCertificateEntry("ca", authority);
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance(protocol);
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  @Test
  void thePortMovesAndCloses() throws IOException {
    int port = RealRedis.freePort();
    Spinel spinel = spinel(port);
    try (Client plain = Client.connect("127.0.0.1", spinel.port())) {
      int other = RealRedis.freePort();
      assertThat(text(plain, "CONFIG", "SET", "tls-port", "" + other)).isEqualTo("OK");
      assertThat(text(client(other), "PING")).isEqualTo("PONG");
      assertThatThrownBy(() -> client(port)).isInstanceOf(IOException.class);
      assertThat(text(plain, "CONFIG", "SET", "tls-port", "0")).isEqualTo("OK");
      assertThatThrownBy(() -> client(other)).isInstanceOf(IOException.class);
    }
  }

  @Test
  void aServerWithoutItsCertificateDoesNotStart() {
    assertThatThrownBy(() -> Spinel.start("tls-port", "" + RealRedis.freePort()))
        .hasMessage("Failed to configure TLS. Check logs for more info.");
  }

  // ── between servers ──

  private static String[] arguments(String... settings) {
    String[] arguments = settings.clone();
    for (int i = 0; i < arguments.length; i += 2) {
      arguments[i] = "--" + arguments[i];
    }
    return arguments;
  }

  @Test
  void replicasFollowThroughTlsAlsoRealOnesAndReal() throws Exception {
    int port = RealRedis.freePort();
    spinel(port, "tls-replication", "yes", "repl-diskless-sync-delay", "0");
    Client primary = client(port);
    int second = RealRedis.freePort();
    Spinel replica = spinel(second, "tls-replication", "yes", "replicaof", "127.0.0.1 " + port);
    byte[] value = new byte[3_000_000];
    Arrays.fill(value, (byte) 'v');
    primary.command("SET", "large", new String(value, StandardCharsets.ISO_8859_1));
    try (Client plain = Client.connect("127.0.0.1", replica.port())) {
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(() -> text(plain, "STRLEN", "large").equals("3000000"));
      assertThat(text(primary, "INFO", "replication")).contains("port=" + second);
    }
    int third = RealRedis.freePort();
    RealRedis real =
        RealRedis.ready(
            Files.createDirectory(folder.resolve("real")),
            arguments(
                settings(
                    third,
                    "tls-replication",
                    "yes",
                    "repl-diskless-sync-delay",
                    "0",
                    "replicaof",
                    "127.0.0.1 " + port)));
    toClose.add(real);
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> "3000000".equals("" + real.call("STRLEN", "large")));
    assertThat("" + real.call("REPLICAOF", "NO", "ONE")).isEqualTo("OK");
    assertThat("" + real.call("SET", "k", "of the real one")).isEqualTo("OK");
    assertThat(text(primary, "REPLICAOF", "127.0.0.1", "" + third)).isEqualTo("OK");
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> "of the real one".equals(text(primary, "GET", "k")));
  }

  @Test
  void nodesOfAClusterMeetThroughTlsAndTellEachClientItsPort() throws Exception {
    int port = RealRedis.freePort();
    int second = RealRedis.freePort();
    Path one = Files.createDirectory(folder.resolve("one"));
    Path two = Files.createDirectory(folder.resolve("two"));
    String[] cluster = {"cluster-enabled", "yes", "tls-cluster", "yes", "dir"};
    Spinel first = spinel(port, with(cluster, "" + one));
    spinel(second, with(cluster, "" + two));
    Client client = client(port);
    assertThat(text(client, "CLUSTER", "MEET", "127.0.0.1", "" + second)).isEqualTo("OK");
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> text(client, "CLUSTER", "INFO").contains("cluster_known_nodes:2"));
    assertThat(text(client(second), "CLUSTER", "ADDSLOTSRANGE", "0", "16383")).isEqualTo("OK");
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> text(client, "CLUSTER", "INFO").contains("cluster_state:ok"));
    assertThat(text(client, "GET", "k")).contains("MOVED 7629 127.0.0.1:" + second);
    try (Client plain = Client.connect("127.0.0.1", first.port())) {
      assertThat(text(plain, "GET", "k")).contains("MOVED 7629 127.0.0.1:");
      assertThat(text(plain, "GET", "k")).doesNotContain(":" + second);
    }
    assertThat(Files.readString(one.resolve("nodes.conf")))
        .contains(":" + port + "@", ",,tcp-port=" + first.port());
  }

  private static String[] with(String[] settings, String last) {
    String[] all = Arrays.copyOf(settings, settings.length + 1);
    all[settings.length] = last;
    return all;
  }

  // ── Sentinel ──

  /// Starts a Sentinel that has no other port than one with TLS. Returns that port.
  private int sentinel(String name, int primary, boolean ours) throws Exception {
    Path home = Files.createDirectory(folder.resolve(name));
    int port = RealRedis.freePort();
    List<String> lines = new ArrayList<>(List.of("port 0", "dir \"" + home + "\""));
    String[] settings = settings(port, "tls-replication", "yes");
    for (int i = 0; i < settings.length; i += 2) {
      lines.add(settings[i] + " \"" + settings[i + 1] + "\"");
    }
    lines.add("sentinel monitor store 127.0.0.1 " + primary + " 2");
    lines.add("sentinel down-after-milliseconds store 1500");
    lines.add("sentinel failover-timeout store 10000");
    Path file = Files.write(home.resolve("sentinel.conf"), lines);
    if (ours) {
      Config config = CommandLine.of(file.toString(), "--sentinel").load(System.in);
      Log log = new Log(config, new ByteArrayOutputStream());
      toClose.add(SentinelServer.start(config, log, () -> {}));
    } else {
      List<String> words = List.of(file.toString(), "--sentinel");
      toClose.add(RealRedis.start(RealRedis.binary(), home, port, "", words));
    }
    return port;
  }

  /// What a Sentinel says, or an empty text while it doesn't answer.
  private String asked(int port, String... command) {
    try (Client client = Client.connect("127.0.0.1", port, side("client").build(), null)) {
      return String.valueOf(client.timeoutMillis(20_000).command(command));
    } catch (IOException e) {
      return "";
    }
  }

  @Test
  void sentinelsWatchAndVoteThroughTlsAlsoARealOne() throws Exception {
    assumeThat(RealRedis.binary()).as("a redis-server").isNotNull();
    int port = RealRedis.freePort();
    Spinel primary = spinel(port, "tls-replication", "yes", "repl-diskless-sync-delay", "0");
    assertThat(text(client(port), "SET", "k", "v")).isEqualTo("OK");
    int second = RealRedis.freePort();
    spinel(second, "tls-replication", "yes", "replicaof", "127.0.0.1 " + port);
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> asked(second, "INFO", "replication").contains("master_link_status:up"));
    List<Integer> sentinels = new ArrayList<>();
    for (String name : List.of("one", "two", "real")) {
      sentinels.add(sentinel(name, port, !name.equals("real")));
    }
    for (int each : sentinels) {
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(() -> asked(each, "INFO", "sentinel").contains("slaves=1,sentinels=3"));
    }
    primary.close();
    for (int each : sentinels) {
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(
              () ->
                  asked(each, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "store")
                      .contains("" + second));
    }
    await()
        .atMost(60, TimeUnit.SECONDS)
        .untilAsserted(
            () -> assertThat(asked(second, "SET", "k", "of the new primary")).contains("OK"));
  }
}
