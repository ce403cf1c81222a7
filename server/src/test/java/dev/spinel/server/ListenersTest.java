package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.net.BindException;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/// Where a server listens, and how that changes while it runs.
@ParameterizedClass
@ValueSource(strings = {"nio", "auto"})
@Timeout(60)
class ListenersTest {
  @Parameter String transport;
  @TempDir Path directory;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  private Server server(String... settings) {
    var all = new ArrayList<>(List.of("port", "0", "bind", "127.0.0.1"));
    all.addAll(List.of("io-transport", transport, "dir", directory.toString()));
    all.addAll(List.of(settings));
    Config config = Config.of(all.toArray(String[]::new));
    return new Server(config, new Log(config, log), Clock.SYSTEM);
  }

  private static Client client(int port) throws IOException {
    return Client.connect("127.0.0.1", port).timeoutMillis(20_000);
  }

  private static void assertOpen(int port) throws IOException {
    try (Client client = client(port)) {
      assertThat(client.command("PING").text()).isEqualTo("PONG");
    }
  }

  private static void assertClosed(int port) {
    assertThatThrownBy(() -> client(port).close()).isInstanceOf(ConnectException.class);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  @Test
  void twoServersDoNotShareAPort() throws Exception {
    try (Server first = server("event-loops", "1");
        Server second = server("event-loops", "1")) {
      first.startAtAnyPort();
      second.startAtAnyPort();
      String taken = Integer.toString(first.port());
      try (Client client = client(second.port())) {
        assertThat(client.command("CONFIG", "SET", "port", taken).text())
            .startsWith("ERR CONFIG SET failed");
        assertThat(client.command("CONFIG", "SET", "bind", "127.0.0.1 -::1").text())
            .isEqualTo("OK");
      }
      for (String bind : List.of("127.0.0.1", "*")) {
        try (Server third = server("event-loops", "1", "port", taken, "bind", bind)) {
          assertThatThrownBy(third::start).isInstanceOf(BindException.class);
        }
      }
      assertOpen(first.port());
    }
  }

  @Test
  void anyLoopMayChangeTheAddresses() throws Exception {
    try (Server server = server("event-loops", "3")) {
      server.startAtAnyPort();
      int port = server.port();
      var callers = new ArrayList<Client>();
      for (int i = 0; i < 3; i++) { // on a loop each
        callers.add(client(port));
        callers.get(i).command("PING");
      }
      for (int i = 0; i < 24; i++) {
        String addresses = List.of("*", "127.0.0.1 -::1", "* -::*", "127.0.0.1").get(i % 4);
        assertThat(callers.get(i % 3).command("CONFIG", "SET", "bind", addresses).text())
            .isEqualTo("OK");
        assertThat(server.port()).isEqualTo(port);
        assertOpen(port);
      }
      for (Client caller : callers) {
        assertThat(caller.command("PING").text()).as("who is in stays").isEqualTo("PONG");
        caller.close();
      }
    }
  }

  @Test
  void addressesThatCannotBeHadLeaveTheOldOnesOpen() throws Exception {
    try (Server server = server("event-loops", "1")) {
      server.startAtAnyPort();
      try (Client caller = client(server.port())) {
        for (String addresses :
            List.of("203.0.113.9", "127.0.0.1 203.0.113.9", "127.0.0.1 127.0.0.1", "* 127.0.0.1")) {
          assertThat(caller.command("CONFIG", "SET", "bind", addresses).text())
              .isEqualTo(
                  "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to"
                      + " specified addresses.");
          assertOpen(server.port());
          assertThat(
                  ((RespValue.Array) caller.command("CONFIG", "GET", "bind"))
                      .elements()
                      .get(1)
                      .text())
              .isEqualTo("127.0.0.1");
        }
      }
    }
  }

  @Test
  void thePortMayChangeAsOftenAsOneLikesInOneTurn() throws Exception {
    try (Server server = server("event-loops", "1")) {
      server.startAtAnyPort();
      int first = server.port();
      int second = freePort();
      try (Client caller = client(first)) {
        for (int i = 0; i < 10; i++) {
          caller.send("CONFIG", "SET", "port", Integer.toString(i % 2 == 0 ? second : first));
        }
        caller.send("CONFIG", "SET", "bind", "*");
        caller.flush();
        for (int i = 0; i < 11; i++) {
          assertThat(caller.receive().text()).isEqualTo("OK");
        }
        assertOpen(first);
        assertClosed(second);
        caller.command("CONFIG", "SET", "port", Integer.toString(second), "bind", "127.0.0.1");
        assertOpen(second);
        assertClosed(first);
      }
    }
  }

  @Test
  void aPortInUseLeavesTheOldOneOpen() throws Exception {
    try (Server server = server("event-loops", "1");
        ServerSocket taken = new ServerSocket(0)) {
      server.startAtAnyPort();
      try (Client caller = client(server.port())) {
        String port = Integer.toString(taken.getLocalPort());
        assertThat(caller.command("CONFIG", "SET", "port", port).text())
            .endsWith("Unable to listen on this port. Check server logs.");
      }
      assertOpen(server.port());
      assertThat(log.toString(StandardCharsets.UTF_8)).contains("Address already in use");
    }
  }

  @Test
  void portZeroIsNoListenerForTcp() throws Exception {
    try (Server server = server("event-loops", "1", "unixsocket", "s.sock")) {
      server.start();
      assertThat(server.port()).isZero();
      Path path = directory.resolve("s.sock");
      assertThat(ask(path, "PING")).isEqualTo("+PONG");
      int port = freePort();
      assertThat(ask(path, "CONFIG SET port " + port)).isEqualTo("+OK");
      assertOpen(port);
      assertThat(ask(path, "CONFIG SET port 0")).isEqualTo("+OK");
      assertThat(ask(path, "CONFIG SET bind *")).isEqualTo("+OK");
      assertThat(server.port()).isZero();
      assertClosed(port);
      assertThat(ask(path, "PING")).isEqualTo("+PONG");
    }
  }

  @Test
  void aRelativeUnixSocketIsInTheServersDirectory() throws Exception {
    try (Server server = server("unixsocket", "sub/../s.sock")) {
      server.startAtAnyPort();
      assertThat(directory.resolve("s.sock")).exists();
    }
    assertThat(directory.resolve("s.sock")).doesNotExist();
  }

  @Test
  void whoComesLastHasTheUnixSocket() throws Exception {
    Path path = directory.resolve("s.sock");
    try (Server first = server("unixsocket", path.toString(), "databases", "3");
        Server second = server("unixsocket", path.toString())) {
      first.startAtAnyPort();
      second.startAtAnyPort();
      assertThat(ask(path, "SELECT 9")).isEqualTo("+OK");
    }
  }

  @Test
  void aDirectoryIsNotReplacedByAUnixSocket() throws Exception {
    Path path = Files.createDirectory(directory.resolve("s.sock"));
    try (Server server = server("unixsocket", path.toString())) {
      assertThatThrownBy(server::startAtAnyPort)
          .hasMessage("Failed opening Unix socket: bind: Address already in use");
    }
    assertThat(path).isDirectory();
  }

  @Test
  void keepAliveFollowsItsSetting() throws Exception {
    assumeThat(Path.of("/proc/net/tcp")).exists();
    try (Server server = server("event-loops", "1", "tcp-keepalive", "0")) {
      server.startAtAnyPort();
      try (Client before = client(server.port())) {
        before.command("CONFIG", "SET", "tcp-keepalive", "100");
        assertThat(keptAlive(server.port())).isZero();
        try (Client after = client(server.port())) {
          after.command("PING");
          assertThat(keptAlive(server.port())).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void theLogTellsOfClientsAndOfALimitBelowWhatIsUsed() throws Exception {
    try (Server server =
        server("event-loops", "1", "loglevel", "verbose", "unixsocket", "s.sock")) {
      server.startAtAnyPort();
      try (Client client = client(server.port())) {
        client.command("CLIENT", "SETNAME", "told");
        client.command("SET", "key", "v".repeat(5000));
        assertThat(client.command("CONFIG", "SET", "maxmemory", "1000").text()).isEqualTo("OK");
        assertThat(client.command("CONFIG", "SET", "maxmemory", "1gb").text()).isEqualTo("OK");
      }
      ask(directory.resolve("s.sock"), "PING");
    }
    assertThat(log.toString(StandardCharsets.UTF_8))
        .containsPattern("- Accepted 127.0.0.1:[0-9]+\n")
        .containsPattern("- Accepted connection to s.sock\n")
        .containsPattern(
            "# WARNING: the new maxmemory value set via CONFIG SET \\(1000\\) is smaller than the"
                + " current memory usage \\([0-9]+\\)\\. ")
        .doesNotContain("(1073741824)")
        .containsPattern(
            "- Client closed connection id=[0-9]+ addr=127.0.0.1:[0-9]+ laddr=.* name=told .*"
                + " flags=N db=0 .* cmd=config\\|set user=default .*\n")
        .containsPattern("- Client closed connection id=[0-9]+ addr=.*s.sock:0 .* flags=U ");
  }

  @Test
  void infoCountsReadsWritesAndTurnsOfTheLoops() throws Exception {
    List<String> fields =
        List.of(
            "total_reads_processed",
            "total_writes_processed",
            "eventloop_cycles",
            "eventloop_duration_sum",
            "eventloop_duration_cmd_sum");
    try (Server server = server("event-loops", "2")) {
      server.startAtAnyPort();
      try (Client client = client(server.port())) {
        List<Long> before = numbers(client, fields);
        for (int i = 0; i < 20; i++) {
          client.command("SET", "key", "v".repeat(10_000));
        }
        List<Long> after = numbers(client, fields);
        for (int i = 0; i < fields.size(); i++) {
          long least = fields.get(i).contains("duration") ? 1 : 20;
          assertThat(after.get(i) - before.get(i)).as(fields.get(i)).isGreaterThanOrEqualTo(least);
        }
        assertThat(client.command("CONFIG", "RESETSTAT").text()).isEqualTo("OK");
        List<Long> anew = numbers(client, fields);
        assertThat(anew.get(0)).as("reads, anew").isLessThan(after.get(0));
        assertThat(anew.get(1)).as("writes, anew").isLessThan(after.get(1));
      }
    }
  }

  private static List<Long> numbers(Client client, List<String> fields) throws IOException {
    List<String> lines = client.command("INFO", "stats", "debug").text().lines().toList();
    List<Long> numbers = new ArrayList<>();
    for (String field : fields) {
      for (String line : lines) {
        if (line.startsWith(field + ":")) {
          numbers.add(Long.parseLong(line.substring(field.length() + 1)));
        }
      }
    }
    assertThat(numbers).as(lines.toString()).hasSize(fields.size());
    return numbers;
  }

  @Test
  void asManyLoopsAsTheHeapHasRoomFor() {
    assertThat(Loops.mostIn(1 << 20)).isEqualTo(1);
    assertThat(Loops.mostIn(96 << 20)).isEqualTo(48);
    assertThat(Loops.mostIn(8L << 30)).isEqualTo(1024);
  }

  @Test
  void aKeepAliveThatTheSystemRefusesIsToldOnceAndKeepsNobodyOut() throws Exception {
    assumeThat(Path.of("/proc/net/tcp")).exists();
    try (Server server =
        server("event-loops", "1", "tcp-keepalive", Integer.toString(Integer.MAX_VALUE))) {
      server.startAtAnyPort();
      for (int i = 0; i < 5; i++) {
        assertOpen(server.port());
      }
    }
    assertThat(log.toString(StandardCharsets.UTF_8))
        .containsOnlyOnce("setsockopt TCP_KEEPIDLE: Invalid argument");
  }

  /// Established connections at a port of ours with the timer of keep-alive running.
  private static long keptAlive(int port) throws IOException {
    String local = String.format("0100007F:%04X", port);
    return Files.readAllLines(Path.of("/proc/net/tcp")).stream()
        .map(line -> line.trim().split(" +"))
        .filter(field -> field[1].equals(local) && field[3].equals("01"))
        .filter(field -> field[5].startsWith("02:"))
        .count();
  }

  private static String ask(Path path, String command) throws IOException {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(path));
      channel.write(ByteBuffer.wrap((command + "\r\n").getBytes(StandardCharsets.US_ASCII)));
      ByteBuffer answer = ByteBuffer.allocate(1000);
      while (answer.position() == 0 || answer.get(answer.position() - 1) != '\n') {
        assertThat(channel.read(answer)).isPositive();
      }
      return new String(answer.array(), 0, answer.position() - 2, StandardCharsets.US_ASCII);
    }
  }
}
