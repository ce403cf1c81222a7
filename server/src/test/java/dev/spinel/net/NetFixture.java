package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// A [Net] with a [Toy] behind it, on a free port, once with each transport that works here.
/// Afterwards nothing may be left: no thread, no session, no unexpected incident.
@ParameterizedClass
@EnumSource(names = {"NIO", "IO_URING"})
abstract class NetFixture {
  static final RespValue OK = new RespValue.Simple("OK");
  static final RespValue PONG = new RespValue.Simple("PONG");

  @Parameter TransportChoice transport;
  final Toy toy = new Toy();
  final Queue<Throwable> uncaught = new ConcurrentLinkedQueue<>();
  final Queue<String> skipped = new ConcurrentLinkedQueue<>();
  final Incidents incidents = new Noted(uncaught, skipped::add);
  Net net;
  int port;

  void start(int loops) throws IOException {
    start(loops, loop -> LoopHooks.NONE);
  }

  void start(int loops, Function<Loop, LoopHooks> hooks) throws IOException {
    if (transport == TransportChoice.IO_URING) {
      assumeThat(UringTransportTest.isPossible()).as("io_uring can be used here").isTrue();
    }
    net = Net.start(loops, "net-test-", hooks, incidents, transport);
    port = net.listen(List.of("127.0.0.1"), 0, 511, toy).getFirst().port();
  }

  @AfterEach
  void nothingIsLeft() {
    if (net != null) {
      net.close();
      for (var loop : net.loops()) {
        assertThat(loop.connections()).as("connections of loop %d", loop.index()).isZero();
      }
    }
    assertThat(toy.sessions).isEmpty();
    assertThat(threads()).isZero();
    assertThat(uncaught).isEmpty();
  }

  static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(t -> t.getName().startsWith("net-test-"))
        .count();
  }

  Client client() throws IOException {
    return Client.connect("127.0.0.1", port).timeoutMillis(10_000);
  }

  /// A socket without any protocol.
  Socket socket() throws IOException {
    var socket = new Socket();
    socket.connect(new InetSocketAddress("127.0.0.1", port), 5_000);
    socket.setSoTimeout(10_000);
    return socket;
  }

  static void write(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(bytes(text));
  }

  static String read(Socket socket, int n) throws IOException {
    return new String(socket.getInputStream().readNBytes(n), StandardCharsets.ISO_8859_1);
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /// Returns in the connection's loop's next turn: a transport may account for what it sent no
  /// earlier than that.
  static void nextTurn(Connection connection) {
    var come = new CompletableFuture<Void>();
    connection.loop().post(() -> come.complete(null));
    come.join();
  }

  static long integer(RespValue reply) {
    return ((RespValue.Int) reply).value();
  }

  static void eventually(org.awaitility.core.ThrowingRunnable assertion) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(5))
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(assertion);
  }
}
