package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.journal.Journal;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/// Clients that have shut their side of the connection down: what came before is run and answered,
/// however long that takes; only who waits for others' writes waits in vain.
@ParameterizedClass
@ValueSource(strings = {"nio", "auto"})
@Timeout(90)
class HalfClosedTest {
  private Journal.Binding binding;
  @Parameter String transport;
  private Server server;
  private LocalSession local;

  @BeforeEach
  void start() throws IOException {
    Config config = Config.of("port", "0", "event-loops", "2", "io-transport", transport);
    server = new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
    server.startAtAnyPort();
    local = new LocalSession(server);
  }

  @AfterEach
  void stop() {
    if (binding != null) {
      binding.end();
    }
    local.close();
    server.close();
  }

  /// A client that says all this, and then that it is all.
  private Socket said(String... lines) throws IOException {
    Socket socket = new Socket("127.0.0.1", server.port());
    socket.setSoTimeout(20_000);
    var bytes = new ByteArrayOutputStream();
    for (String line : lines) {
      bytes.writeBytes(LocalSession.request(line.split(" ")));
    }
    socket.getOutputStream().write(bytes.toByteArray());
    socket.shutdownOutput();
    return socket;
  }

  private static String rest(Socket socket) throws IOException {
    return new String(socket.getInputStream().readAllBytes(), ISO_8859_1).replace("\r\n", " ");
  }

  private static void assertQuiet(Socket socket, int millis) throws IOException {
    socket.setSoTimeout(millis);
    try {
      assertThat(socket.getInputStream().read()).as("closed").isNotEqualTo(-1);
      throw new AssertionError("something came");
    } catch (SocketTimeoutException nothing) {
      socket.setSoTimeout(20_000);
    }
  }

  private static void eventually(ThrowingRunnable assertion) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(5))
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(assertion);
  }

  /// Writes over values that the snapshot hasn't seen until it must not keep more.
  private void fillBudget() {
    int written = 0;
    while (!server.engine.keyspace.walk().overBudget()) {
      say(local, "SET", "k" + written++, "y");
    }
  }

  @Test
  void writesThatASnapshotPutsOffAreMadeAndAnswered() throws Exception {
    String value = "x".repeat(3_000);
    for (int i = 0; i < 4_000; i++) {
      say(local, "SET", "k" + i, value);
    }
    HeldSnapshot snapshot = new HeldSnapshot(server);
    Socket writer;
    Socket transactor;
    Socket gone;
    try {
      fillBudget();
      writer = said("PING", "SET k3999 1", "INCR k3999", "GET k3999", "BLPOP no 0", "SET b 1");
      transactor = said("MULTI", "SET k3998 1", "GET k3998", "EXEC", "ECHO over");
      gone = said("SET k3997 1");
      eventually(() -> assertThat(server.engine.delays()).isEqualTo(3));
      gone.close(); // it isn't known that it doesn't listen
      assertThat(writer.getInputStream().readNBytes(7)).asString().isEqualTo("+PONG\r\n");
      assertThat(transactor.getInputStream().readNBytes(23)).asString().endsWith("+QUEUED\r\n");
      assertQuiet(writer, 200);
      assertQuiet(transactor, 1);
    } finally {
      snapshot.finish();
    }
    assertThat(rest(writer)).isEqualTo("+OK :2 $1 2 ");
    assertThat(rest(transactor)).isEqualTo("*2 +OK $1 1 $4 over ");
    writer.close();
    transactor.close();
    eventually(() -> assertThat(say(local, "GET", "k3997")).isEqualTo("$1 1"));
    eventually(() -> assertThat(say(local, "INFO", "clients")).contains("connected_clients:0"));
    assertThat(say(local, "EXISTS", "b")).as("behind the wait").isEqualTo(":0");
  }

  @Test
  void whoWaitsForAKeyIsClosed() throws Exception {
    try (Socket waiter = said("SET a 1", "BLPOP k 0", "SET a 2")) {
      assertThat(rest(waiter)).isEqualTo("+OK ");
    }
    eventually(() -> assertThat(say(local, "INFO", "clients")).contains("connected_clients:0"));
    assertThat(server.engine.blockedCalls()).isZero();
    assertThat(say(local, "RPUSH", "k", "x")).isEqualTo(":1");
    assertThat(say(local, "LRANGE", "k", "0", "-1")).isEqualTo("*1 $1 x");
    assertThat(say(local, "GET", "a")).isEqualTo("$1 1");
  }

  @Test
  void boundRepliesComeWhenTheyAreReleasedHoweverLate() throws Exception {
    Journal journal = server.engine.journal;
    journal.attach(Journal.AOF, (bytes, from, length) -> {});
    binding = journal.bind();
    try (Socket writer = said("SET a 1", "GET a");
        Socket waiter = said("SET b 1", "BLPOP k 0")) {
      eventually(() -> assertThat(journal.position()).isEqualTo(2));
      assertQuiet(writer, 7_000);
      assertThat(server.engine.blockedCalls()).as("nobody waits without a client").isZero();
      binding.release(journal.position());
      assertThat(rest(writer)).isEqualTo("+OK $1 1 ");
      assertThat(rest(waiter)).isEqualTo("+OK ");
    }
    eventually(() -> assertThat(say(local, "INFO", "clients")).contains("connected_clients:0"));
  }
}
