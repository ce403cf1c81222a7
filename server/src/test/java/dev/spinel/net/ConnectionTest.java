package dev.spinel.net;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.net.StandardSocketOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import jdk.net.ExtendedSocketOptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What one connection goes through, seen from its peer.
class ConnectionTest extends NetFixture {
  @BeforeEach
  void start() throws IOException {
    start(2);
  }

  // ── input ──

  @Test
  void requestsMayArriveByteByByte() throws IOException {
    try (var socket = socket()) {
      for (var c : "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n".toCharArray()) {
        write(socket, String.valueOf(c));
        socket.getOutputStream().flush();
      }
      assertThat(read(socket, 11)).isEqualTo("$5\r\nhello\r\n");
    }
  }

  @Test
  void aPipelineOfAHundredThousandIsAnsweredInOrder() throws IOException {
    try (var client = client()) {
      for (int i = 0; i < 100_000; i++) {
        client.send("ECHO", Integer.toString(i));
      }
      client.flush();
      for (int i = 0; i < 100_000; i++) {
        assertThat(((RespValue.Bulk) client.receive()).text()).isEqualTo(Integer.toString(i));
      }
    }
  }

  @Test
  void aClientMayWriteItsWholePipelineBeforeItReads() throws IOException {
    // 40 MB of requests and 40 MB of replies: more than all socket buffers hold
    var value = "x".repeat(4000);
    try (var client = client()) {
      client.timeoutMillis(30_000);
      for (int i = 0; i < 10_000; i++) {
        client.send("ECHO", value);
      }
      client.flush();
      for (int i = 0; i < 10_000; i++) {
        assertThat(((RespValue.Bulk) client.receive()).text()).isEqualTo(value);
      }
    }
  }

  @Test
  void largeArgumentsArriveWhole() throws IOException {
    var value = new byte[5_000_000];
    new Random(1).nextBytes(value);
    try (var client = client()) {
      assertThat(client.command(bytes("SET"), bytes("k"), value)).isEqualTo(OK);
      assertThat(client.command("GET", "k")).isEqualTo(new RespValue.Bulk(value));
    }
  }

  @Test
  void aProtocolErrorIsToldThenTheConnectionCloses() throws IOException {
    try (var socket = socket()) {
      write(socket, "*1\r\n$4\r\nPING\r\n*1\r\nPING\r\n*1\r\n$4\r\nPING\r\n");
      assertThat(new String(socket.getInputStream().readAllBytes(), ISO_8859_1))
          .isEqualTo("+PONG\r\n-ERR Protocol error: expected '$', got 'P'\r\n");
    }
  }

  @Test
  void aPeerThatStopsSendingStillGetsItsReplies() throws IOException {
    try (var socket = socket()) {
      write(socket, "PING\r\n".repeat(1000));
      socket.shutdownOutput();
      assertThat(socket.getInputStream().readAllBytes()).hasSize(7000);
    }
  }

  @Test
  void whoSaysNoMoreStillHearsItsReplies() throws IOException {
    for (int size : new int[] {1_000, 60_000, 200_000, 1_000_000, 5_000_000}) {
      byte[] text = "x".repeat(size).getBytes(US_ASCII);
      for (int round = 0; round < 10; round++) {
        try (var socket = socket()) {
          var out = new BufferedOutputStream(socket.getOutputStream(), 1 << 16);
          out.write(("*2\r\n$4\r\nECHO\r\n$" + size + "\r\n").getBytes(US_ASCII));
          out.write(text);
          out.write("\r\nPING\r\n".getBytes(US_ASCII));
          out.flush();
          socket.shutdownOutput();
          byte[] heard = socket.getInputStream().readAllBytes();
          assertThat(new String(heard, US_ASCII))
              .isEqualTo("$" + size + "\r\n" + "x".repeat(size) + "\r\n+PONG\r\n");
        }
      }
    }
  }

  @Test
  void aResetIsNoticed() throws IOException {
    var socket = socket();
    write(socket, "PING\r\n");
    assertThat(read(socket, 7)).isEqualTo("+PONG\r\n");
    socket.setSoLinger(true, 0);
    socket.close();
    eventually(() -> assertThat(toy.sessions).isEmpty());
  }

  // ── output ──

  @Test
  void aSlowReaderGetsEverythingAndHoldsUpNobody() throws IOException {
    net.close();
    start(1);
    try (var slow = client();
        var other = client()) {
      slow.timeoutMillis(30_000);
      for (int i = 0; i < 10; i++) {
        slow.send("ZEROS", "5000000");
      }
      slow.send("PING");
      slow.flush();
      for (int i = 0; i < 1000; i++) {
        assertThat(other.command("PING")).isEqualTo(PONG);
      }
      var session =
          toy.sessions.values().stream()
              .filter(s -> s.connection.output().pendingBytes() > 0)
              .findAny();
      assertThat(session).isPresent();
      for (int i = 0; i < 10; i++) {
        assertThat(((RespValue.Bulk) slow.receive()).bytes()).hasSize(5_000_000);
      }
      assertThat(slow.receive()).isEqualTo(PONG);
      nextTurn(session.get().connection);
      eventually(() -> assertThat(session.get().connection.output().heldBytes()).isZero());
    }
  }

  @Test
  void aHandlerYieldsAfterAMegabyteAndOthersComeInBetween() throws IOException {
    net.close();
    start(1);
    try (var greedy = client();
        var other = client()) {
      long id = integer(greedy.command("ID"));
      var session = toy.sessions.get(id);
      greedy.command(bytes("SET"), bytes("k"), new byte[10_000]);
      long runs = session.runs;
      int n = 2000; // 20 MB from one packet of requests
      greedy.sendRaw(bytes("GET k\r\n".repeat(n)));
      greedy.flush();
      assertThat(other.command("PING")).isEqualTo(PONG);
      for (int i = 0; i < n; i++) {
        assertThat(((RespValue.Bulk) greedy.receive()).bytes()).hasSize(10_000);
      }
      assertThat(session.runs - runs).isGreaterThanOrEqualTo(19);
      assertThat(session.mostRepliesInARun).isBetween(1L << 20, (1L << 20) + 10_100);
    }
  }

  @Test
  void theOwnerMayEndAConnectionThatDoesNotRead() throws IOException {
    toy.mostPendingBytes = 3_000_000;
    try (var client = client()) {
      assertThat(((RespValue.Bulk) client.command("ZEROS", "2000000")).bytes()).hasSize(2_000_000);
      client.send("ZEROS", "4000000");
      client.flush();
      assertThat(client.rawUntilClosed()).isEmpty();
    }
  }

  @Test
  void boundRepliesLeaveInOrderWhenTheirPositionIsReleased() throws IOException {
    net.close();
    start(1);
    try (var client = client();
        var releaser = client()) {
      releaser.command("RELEASE", "0");
      client.send("PING");
      client.send("BOUND", "10");
      client.send("PING");
      client.send("BOUND", "20");
      client.send("BOUND", "30");
      client.flush();
      assertThat(client.isQuiet(50)).isTrue(); // the mark of position 10 binds the first PONG, too
      releaser.command("RELEASE", "9");
      assertThat(client.isQuiet(50)).isTrue();
      releaser.command("RELEASE", "10");
      assertThat(client.receive()).isEqualTo(PONG);
      assertThat(client.receive()).isEqualTo(new RespValue.Int(10));
      assertThat(client.isQuiet(50)).isTrue();
      releaser.command("RELEASE", "25");
      assertThat(client.receive()).isEqualTo(PONG);
      assertThat(client.receive()).isEqualTo(new RespValue.Int(20));
      assertThat(client.isQuiet(50)).isTrue();
      client.send("QUIT");
      client.flush();
      assertThat(client.isQuiet(50)).isTrue();
      releaser.command("RELEASE", "30");
      assertThat(client.receive()).isEqualTo(new RespValue.Int(30));
      assertThat(client.receive()).isEqualTo(OK);
      assertThat(client.rawUntilClosed()).isEmpty();
    }
  }

  @Test
  void aConnectionWithBoundOutputMayClose() throws IOException {
    net.close();
    start(1);
    try (var releaser = client()) {
      releaser.command("RELEASE", "0");
      for (int i = 0; i < 10; i++) {
        try (var socket = socket()) {
          write(socket, "BOUND 10\r\n");
          eventually(() -> assertThat(waiting()).isEqualTo(1));
          socket.setSoLinger(true, 0); // a reset: it doesn't listen
        }
        eventually(() -> assertThat(toy.sessions).hasSize(1));
      }
      assertThat(releaser.command("RELEASE", "10")).isEqualTo(OK);
    }
  }

  @Test
  void whoSaysNoMoreMayWaitForARelease() throws IOException {
    net.close();
    start(1);
    try (var releaser = client();
        var listens = socket()) {
      releaser.command("RELEASE", "0");
      write(listens, "BOUND 10\r\nPING\r\n");
      listens.shutdownOutput();
      try (var gone = socket()) {
        write(gone, "BOUND 10\r\nPING\r\n");
      }
      eventually(() -> assertThat(waiting()).isEqualTo(2));
      assertThat(releaser.command("RELEASE", "10")).isEqualTo(OK);
      assertThat(listens.getInputStream().readAllBytes()).asString().isEqualTo(":10\r\n+PONG\r\n");
      eventually(() -> assertThat(toy.sessions).hasSize(1));
    }
  }

  private long waiting() {
    return toy.sessions.values().stream()
        .filter(session -> session.connection.output().pendingBytes() > 0)
        .count();
  }

  // ── pauses ──

  @Test
  void aPausedConnectionAnswersTheRestOfItsPipelineLater() throws IOException {
    try (var client = client();
        var other = client()) {
      long id = integer(client.command("ID"));
      client.send("PAUSE");
      client.send("ECHO", "behind it in the same packet");
      client.flush();
      assertThat(client.receive()).isEqualTo(OK);
      client.send("ECHO", "sent later");
      client.flush();
      assertThat(client.isQuiet(50)).isTrue();
      assertThat(other.command("RESUME", Long.toString(id))).isEqualTo(OK);
      assertThat(client.receive()).hasToString("\"behind it in the same packet\"");
      assertThat(client.receive()).hasToString("\"sent later\"");
    }
  }

  @Test
  void aPausedConnectionKeepsABoundedPartOfWhatComes() throws Exception {
    try (var socket = socket();
        var other = client()) {
      write(socket, "PAUSE\r\n");
      assertThat(read(socket, 5)).isEqualTo("+OK\r\n");
      var session =
          toy.sessions.values().stream()
              .filter(s -> s.connection.isPaused())
              .findAny()
              .orElseThrow();
      int n = 20_000;
      var value = "v".repeat(1000);
      var writer =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      for (int i = 0; i < n; i++) {
                        write(socket, "*2\r\n$4\r\nECHO\r\n$1000\r\n" + value + "\r\n");
                      }
                    } catch (IOException e) {
                      throw new UncheckedIOException(e);
                    }
                  });
      eventually(
          () ->
              assertThat(session.connection.keptBytes())
                  .isGreaterThanOrEqualTo(Connection.KEPT_BYTES_AT_MOST));
      Thread.sleep(50);
      assertThat(session.connection.keptBytes())
          .isLessThan(Connection.KEPT_BYTES_AT_MOST + Loop.READ_BYTES_PER_SOCKET);
      assertThat(other.command("RESUME", Long.toString(session.id))).isEqualTo(OK);
      for (int i = 0; i < n; i++) {
        assertThat(read(socket, 1009)).isEqualTo("$1000\r\n" + value + "\r\n");
      }
      writer.join();
    }
  }

  @Test
  void aPeerThatLeavesDuringAPauseIsNoticed() throws IOException {
    try (var client = client()) {
      client.send("PAUSE");
      client.send("PING");
      client.flush();
      assertThat(client.receive()).isEqualTo(OK);
    }
    eventually(() -> assertThat(toy.sessions).isEmpty());
  }

  @Test
  void aPauseThatEndsByItselfOutlivesThePeersInput() throws IOException {
    toy.goesOn = true;
    try (var socket = socket()) {
      write(socket, "PING\r\nSLEEP 100\r\nPING\r\nSLEEP 50\r\nECHO x\r\n");
      socket.shutdownOutput();
      assertThat(socket.getInputStream().readAllBytes())
          .asString()
          .isEqualTo("+PONG\r\n+AWAKE\r\n+PONG\r\n+AWAKE\r\n$1\r\nx\r\n");
    }
    eventually(() -> assertThat(toy.sessions).isEmpty());
  }

  @Test
  void aPausedConnectionMayBeKilled() throws IOException {
    try (var client = client();
        var other = client()) {
      long id = integer(client.command("ID"));
      client.command("PAUSE");
      other.command("KILL", Long.toString(id));
      assertThat(client.rawUntilClosed()).isEmpty();
      other.command("PING");
    }
  }

  @Test
  void timersEndPauses() throws IOException {
    try (var client = client()) {
      long before = System.nanoTime();
      client.send("SLEEP", "30");
      client.send("PING");
      client.flush();
      assertThat(client.receive()).isEqualTo(new RespValue.Simple("AWAKE"));
      assertThat(System.nanoTime() - before).isGreaterThan(29_000_000);
      assertThat(client.receive()).isEqualTo(PONG);
    }
  }

  // ── ends ──

  @Test
  void closingAfterTheReplySendsEverythingBeforeAndRunsNothingAfter() throws IOException {
    try (var client = client()) {
      client.command("SET", "k", "before");
      client.send("ZEROS", "9000000");
      client.send("QUIT");
      client.send("SET", "k", "after");
      client.flush();
      client.send("SET", "k", "long after");
      client.flush();
      assertThat(((RespValue.Bulk) client.receive()).bytes()).hasSize(9_000_000);
      assertThat(client.receive()).isEqualTo(OK);
      assertThat(client.rawUntilClosed()).isEmpty();
      assertThat(toy.data.get("k")).isEqualTo(bytes("before"));
    }
  }

  @Test
  void closingAtTheEndOfTheTurnWritesNothing() throws IOException {
    try (var client = client()) {
      client.send("PING");
      client.send("CLOSEASAP");
      client.send("SET", "k", "v");
      client.flush();
      assertThat(client.rawUntilClosed()).isEmpty();
      assertThat(toy.data).isEmpty();
    }
  }

  @Test
  void closingAtOnceEndsTheRun() throws IOException {
    try (var client = client()) {
      var session = toy.sessions.get(integer(client.command("ID")));
      client.send("CLOSE");
      client.send("PING");
      client.flush();
      assertThat(client.rawUntilClosed()).isEmpty();
      eventually(() -> assertThat(session.closedCalls).isEqualTo(1));
      assertThat(session.connection.isOpen()).isFalse();
    }
  }

  @Test
  void aHandlerThatThrowsLosesItsConnectionOnly() throws IOException {
    net.close();
    start(1);
    try (var client = client();
        var other = client()) {
      client.send("THROW");
      client.flush();
      assertThat(client.rawUntilClosed()).isEmpty();
      assertThat(other.command("PING")).isEqualTo(PONG);
      assertThat(uncaught).singleElement().isInstanceOf(IllegalStateException.class);
      try (var third = client()) {
        third.send("OVERFLOW");
        third.flush();
        assertThat(third.rawUntilClosed()).isEmpty();
      }
      assertThat(other.command("PING")).isEqualTo(PONG);
      assertThat(uncaught).hasSize(2).last().isInstanceOf(StackOverflowError.class);
      uncaught.clear();
    }
  }

  @Test
  void whoIsRefusedIsToldWhy() throws IOException {
    toy.mostSessions = 1;
    try (var client = client()) {
      assertThat(client.command("PING")).isEqualTo(PONG);
      try (var refused = client()) {
        assertThat(new String(refused.rawUntilClosed(), ISO_8859_1))
            .isEqualTo("-ERR max number of clients reached\r\n");
      }
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
    eventually(() -> assertThat(toy.sessions).isEmpty());
    try (var client = client()) {
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
  }

  @Test
  void anAcceptorThatThrowsLosesTheConnectionOnly() throws IOException {
    var listener =
        net.listen(
                List.of("127.0.0.1"),
                0,
                10,
                c -> {
                  throw new IllegalArgumentException("no");
                })
            .getFirst();
    try (var lost = Client.connect("127.0.0.1", listener.port());
        var client = client()) {
      assertThat(lost.rawUntilClosed()).isEmpty();
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
    assertThat(uncaught).singleElement().isInstanceOf(IllegalArgumentException.class);
    uncaught.clear();
  }

  // ── what is known about it ──

  @Test
  void addressesAndCountersAreKnown() throws IOException {
    try (var client = client()) {
      assertThat(client.command("ADDR")).hasToString('"' + client.localAddress() + '"');
      assertThat(client.command("LADDR")).hasToString("\"127.0.0.1:" + port + '"');
      var connection = toy.sessions.get(integer(client.command("ID"))).connection;
      assertThat(connection.isLocal()).isTrue();
      assertThat(connection.isUnixSocket()).isFalse();
      assertThat(connection.createdAt())
          .isCloseTo(System.currentTimeMillis(), org.assertj.core.data.Offset.offset(5_000L));
      nextTurn(connection);
      long in = connection.bytesIn();
      long out = connection.bytesOut();
      assertThat(client.command("PING")).isEqualTo(PONG);
      nextTurn(connection);
      assertThat(connection.bytesOut() - out).isEqualTo(7);
      assertThat(connection.bytesIn() - in).isEqualTo(14);
      eventually(
          () -> assertThat(connection.loop().counts().bytesIn()).isEqualTo(connection.bytesIn()));
      assertThat(connection.lastInteraction()).isGreaterThanOrEqualTo(connection.createdAt());
    }
  }

  @Test
  void acceptedSocketsHaveTheirOptions() throws IOException {
    net.keepAlive(60);
    try (var client = client()) {
      var link = toy.sessions.get(integer(client.command("ID"))).connection.link;
      assertThat(options(link)).startsWith(1, 1);
      assertThat(options(link).subList(2, options(link).size()))
          .isSubsetOf(60, 20, 3)
          .size()
          .isIn(0, 3);
    }
    net.keepAlive(0);
    try (var client = client()) {
      var link = toy.sessions.get(integer(client.command("ID"))).connection.link;
      assertThat(options(link)).startsWith(1, 0);
    }
  }

  @Test
  void smallPacketsMayWaitForThoseBefore() throws IOException {
    try (var client = client()) {
      var connection = toy.sessions.get(integer(client.command("ID"))).connection;
      assertThat(options(connection.link)).startsWith(1);
      connection.delaySmall();
      assertThat(options(connection.link)).startsWith(0);
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
  }

  @Test
  void anOptionThatTheSystemRefusesIsToldOnceAndTheConnectionDoesWithoutIt() throws IOException {
    assumeThat(System.getProperty("os.name")).isEqualTo("Linux"); // whose limit is 32767 seconds
    net.keepAlive(32767);
    try (var client = client()) {
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
    assertThat(skipped).isEmpty();
    for (int seconds : new int[] {32768, 32769, Integer.MAX_VALUE}) {
      net.keepAlive(seconds);
      for (int i = 0; i < 3; i++) {
        try (var client = client()) {
          assertThat(client.command("PING")).isEqualTo(PONG);
          var link = toy.sessions.get(integer(client.command("ID"))).connection.link;
          assertThat(options(link)).as("no delay, keep-alive").startsWith(1, 1);
        }
      }
      assertThat(skipped).containsExactly("setsockopt TCP_KEEPIDLE: Invalid argument");
      skipped.clear();
    }
  }

  /// No delay, keep-alive; then, where they are known, its three numbers.
  private static List<Integer> options(Link link) throws IOException {
    if (link instanceof UringLink uring) {
      var here = new Descriptors(new Kernel(), Arena.ofAuto().allocate(256).address());
      int fd = uring.descriptor;
      return List.of(
          here.get(fd, Descriptors.IPPROTO_TCP, Descriptors.TCP_NODELAY),
          here.get(fd, Descriptors.SOL_SOCKET, Descriptors.SO_KEEPALIVE),
          here.get(fd, Descriptors.IPPROTO_TCP, Descriptors.TCP_KEEPIDLE),
          here.get(fd, Descriptors.IPPROTO_TCP, Descriptors.TCP_KEEPINTVL),
          here.get(fd, Descriptors.IPPROTO_TCP, Descriptors.TCP_KEEPCNT));
    }
    var channel = ((NioLink) link).channel;
    var options = new ArrayList<Integer>();
    options.add(channel.getOption(StandardSocketOptions.TCP_NODELAY) ? 1 : 0);
    options.add(channel.getOption(StandardSocketOptions.SO_KEEPALIVE) ? 1 : 0);
    if (channel.supportedOptions().contains(ExtendedSocketOptions.TCP_KEEPIDLE)) {
      options.add(channel.getOption(ExtendedSocketOptions.TCP_KEEPIDLE));
      options.add(channel.getOption(ExtendedSocketOptions.TCP_KEEPINTERVAL));
      options.add(channel.getOption(ExtendedSocketOptions.TCP_KEEPCOUNT));
    }
    return options;
  }

  @Test
  void messagesReachConnectionsOfOtherLoopsInOrder() throws IOException {
    try (var listener = client();
        var first = client();
        var second = client()) {
      var id = Long.toString(integer(listener.command("ID")));
      for (int i = 0; i < 1000; i++) {
        first.send("TELL", id, "a" + i);
        second.send("TELL", id, "b" + i);
      }
      first.flush();
      second.flush();
      var a = new ArrayList<String>();
      var b = new ArrayList<String>();
      for (int i = 0; i < 2000; i++) {
        var text = ((RespValue.Bulk) listener.receive()).text();
        (text.charAt(0) == 'a' ? a : b).add(text);
      }
      for (int i = 0; i < 1000; i++) {
        assertThat(a.get(i)).isEqualTo("a" + i);
        assertThat(b.get(i)).isEqualTo("b" + i);
        first.receive();
        second.receive();
      }
    }
  }

  @Test
  void whoWasClosedIsNotReachedAnyMore() throws IOException {
    try (var client = client()) {
      client.command("PING");
      client.send("CLOSE");
      client.flush();
      assertThatThrownBy(client::receive).isInstanceOf(EOFException.class);
    }
  }
}
