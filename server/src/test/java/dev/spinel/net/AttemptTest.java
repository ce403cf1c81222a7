package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.Crowd;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// Connections that loops make themselves.
class AttemptTest extends NetFixture {
  /// A caller of [Toy]: says something when it is let in, collects what comes back.
  private static final class Caller implements Connector, Handler {
    final CompletableFuture<Connection> connected = new CompletableFuture<>();
    final CompletableFuture<Void> closed = new CompletableFuture<>();
    final StringBuffer heard = new StringBuffer();
    final AtomicInteger told = new AtomicInteger();
    private final Loop loop;
    private final String says;

    Caller(Loop loop, String says) {
      this.loop = loop;
      this.says = says;
    }

    @Override
    public Handler accept(Connection connection) {
      told.incrementAndGet();
      assertThat(loop.isCurrent()).isTrue();
      assertThat(connection.loop()).isSameAs(loop);
      connection.output().write(says);
      connected.complete(connection);
      return this;
    }

    @Override
    public void failed(IOException reason) {
      told.incrementAndGet();
      connected.completeExceptionally(reason);
    }

    @Override
    public void run(byte[] buffer, int from, int to) {
      heard.append(new String(buffer, from, to - from, StandardCharsets.ISO_8859_1));
    }

    @Override
    public void closed() {
      closed.complete(null);
    }

    Connection connection() throws Exception {
      return connected.get(10, TimeUnit.SECONDS);
    }

    Throwable reason() throws Exception {
      try {
        var connection = connected.get(10, TimeUnit.SECONDS);
        throw new AssertionError("connected to " + connection.remoteAddress());
      } catch (ExecutionException e) {
        return e.getCause();
      }
    }
  }

  private InetSocketAddress address() {
    return new InetSocketAddress("127.0.0.1", port);
  }

  private Loop loop() {
    return net.loops().getFirst();
  }

  private Caller call(Loop loop, InetSocketAddress remote, int timeoutMillis, String says) {
    var caller = new Caller(loop, says);
    loop.connect(remote, null, timeoutMillis, caller);
    return caller;
  }

  // ── that stand ──

  @Test
  void aConnectionOfOnesOwnIsAsAnAcceptedOne() throws Exception {
    start(2);
    var caller = call(loop(), address(), 5_000, "PING\r\nLADDR\r\n");
    var connection = caller.connection();
    var text = "127.0.0.1:" + port;
    eventually(
        () -> assertThat(caller.heard).asString().isEqualTo("+PONG\r\n$15\r\n" + text + "\r\n"));
    assertThat(connection.remoteAddress()).isEqualTo(text);
    assertThat(toy.sessions.get(1L).connection.remoteAddress())
        .isEqualTo(connection.localAddress());
    assertThat(connection.isLocal()).isTrue();
    assertThat(loop().connections() + net.loops().get(1).connections()).isEqualTo(2);
    loop()
        .post(
            () -> {
              connection.output().write("ZEROS 3000000\r\nQUIT\r\n");
              connection.flush();
            });
    caller.closed.get(10, TimeUnit.SECONDS); // the other side ends it
    assertThat(caller.heard).hasSize(7 + 22 + 10 + 3_000_000 + 2 + 5).endsWith("+OK\r\n");
    assertThat(connection.bytesIn()).isEqualTo(caller.heard.length());
    assertThat(caller.told).hasValue(1);
    assertThat(loop().connections() + net.loops().get(1).connections()).isZero();
  }

  @Test
  void aLargeRequestLeavesWhole() throws Exception {
    start(1);
    var value = "x".repeat(20_000_000);
    var caller = call(loop(), address(), 5_000, "");
    var connection = caller.connection();
    loop()
        .post(
            () -> {
              connection.output().write("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000000\r\n");
              connection.output().write(value);
              connection.output().write("\r\n");
              connection.flush();
            });
    eventually(() -> assertThat(caller.heard).asString().isEqualTo("+OK\r\n"));
    assertThat(toy.data.get("k")).isEqualTo(bytes(value));
    connection.kill();
    caller.closed.get(10, TimeUnit.SECONDS);
    eventually(() -> assertThat(toy.sessions).isEmpty());
  }

  @Test
  void itComesFromTheAddressThatWasAskedFor() throws Exception {
    start(1);
    var caller = new Caller(loop(), "ADDR\r\n");
    loop().connect(address(), new InetSocketAddress("127.0.0.2", 0), 5_000, caller);
    var local = caller.connection().localAddress();
    assertThat(local).startsWith("127.0.0.2:").isNotEqualTo("127.0.0.2:0");
    eventually(() -> assertThat(caller.heard).contains(local));
  }

  @Test
  void ipv6IsReachedToo() throws Exception {
    start(1);
    int six;
    try {
      six = net.listen(List.of("::1"), 0, 511, toy).getFirst().port();
    } catch (BindException e) {
      assumeThat(false).as("IPv6 here").isTrue();
      return;
    }
    var remote = new InetSocketAddress("::1", six);
    var caller = new Caller(loop(), "PING\r\n");
    loop().connect(remote, new InetSocketAddress("::1", 0), 5_000, caller);
    assertThat(caller.connection().remoteAddress()).isEqualTo("[::1]:" + six);
    assertThat(caller.connection().localAddress()).startsWith("[::1]:");
    eventually(() -> assertThat(caller.heard).asString().isEqualTo("+PONG\r\n"));
  }

  @Test
  void whoIsRefusedByItsOwnConnectorIsClosed() throws Exception {
    start(1);
    var connected = new CompletableFuture<Connection>();
    loop()
        .connect(
            address(),
            null,
            0,
            new Connector() {
              @Override
              public Handler accept(Connection connection) {
                connected.complete(connection);
                return null;
              }

              @Override
              public void failed(IOException reason) {
                connected.completeExceptionally(reason);
              }
            });
    var connection = connected.get(10, TimeUnit.SECONDS);
    eventually(() -> assertThat(connection.isOpen()).isFalse());
    eventually(() -> assertThat(loop().connections()).isZero());
  }

  @Test
  void manyAtOnceFromManyThreads() throws Exception {
    start(3);
    int threads = 4;
    int each = 150;
    var callers = new ArrayList<Caller>();
    var crowd =
        Crowd.of(
            threads,
            t -> {
              for (int i = 0; i < each; i++) {
                var loop = net.loops().get(i % 3);
                var caller = call(loop, address(), 10_000, "ECHO " + t + "-" + i + "\r\n");
                synchronized (callers) {
                  callers.add(caller);
                }
              }
            });
    crowd.join();
    for (var caller : callers) {
      caller.connection();
      eventually(
          () ->
              assertThat(caller.heard.toString())
                  .endsWith("\r\n" + caller.says.substring(5, caller.says.length() - 2) + "\r\n"));
      assertThat(caller.told).hasValue(1);
    }
    for (var caller : callers) {
      caller.connection().kill();
    }
    eventually(() -> assertThat(toy.sessions).isEmpty());
    for (var caller : callers) {
      caller.closed.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void aLoopMayConnectWithinATurnAndToItself() throws Exception {
    start(1);
    var asked = new CompletableFuture<Caller>();
    loop()
        .post(
            () -> {
              var caller = call(loop(), address(), 5_000, "ID\r\n");
              assertThat(caller.told).hasValue(0);
              asked.complete(caller);
            });
    var caller = asked.get(10, TimeUnit.SECONDS);
    eventually(() -> assertThat(caller.heard).asString().isEqualTo(":1\r\n"));
  }

  // ── that fail ──

  @Test
  void aRefusalIsToldOnce() throws Exception {
    start(1);
    int free;
    try (var socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      free = socket.getLocalPort();
    }
    for (int i = 0; i < 50; i++) {
      var caller = call(loop(), new InetSocketAddress("127.0.0.1", free), 5_000, "");
      assertThat(caller.reason()).isInstanceOf(IOException.class).hasMessage("Connection refused");
      assertThat(caller.told).hasValue(1);
    }
    assertThat(loop().connections()).isZero();
  }

  @Test
  void whatCannotBeIsSaid() throws Exception {
    start(1);
    var nowhere = InetSocketAddress.createUnresolved("nowhere.invalid", 1);
    assertThat(call(loop(), nowhere, 0, "").reason()).hasMessage("Name or service not known");

    var foreign = new Caller(loop(), "");
    loop().connect(address(), new InetSocketAddress("192.0.2.1", 0), 0, foreign);
    assertThat(foreign.reason()).hasMessage("Cannot assign requested address");

    var mixed = new Caller(loop(), "");
    loop().connect(address(), new InetSocketAddress("::1", 0), 0, mixed);
    assertThat(mixed.reason()).hasMessage("Address family not supported by protocol");

    var taken = new Caller(loop(), "");
    loop().connect(address(), address(), 0, taken); // somebody listens there
    assertThat(taken.reason()).hasMessage("Address already in use");
  }

  @Test
  void whoNeverAnswersIsGivenUpAtTheTimeLimit() throws Exception {
    start(1);
    try (var silent = new Silent()) {
      long before = System.nanoTime();
      var caller = call(loop(), silent.address(), 150, "");
      var other = call(loop(), address(), 150, "PING\r\n");
      eventually(() -> assertThat(other.heard).asString().isEqualTo("+PONG\r\n"));
      assertThat(caller.reason())
          .isInstanceOf(SocketTimeoutException.class)
          .hasMessage("Connection timed out");
      assertThat(System.nanoTime() - before).isBetween(149_000_000L, 3_000_000_000L);
      assertThat(other.connection().isOpen()).isTrue(); // it was in time
    }
  }

  @Test
  void whatIsCancelledHearsSoOnceAndWhatStandsStays() throws Exception {
    start(1);
    try (var silent = new Silent()) {
      var caller = new Caller(loop(), "");
      var attempt = loop().connect(silent.address(), null, 0, caller);
      assertThat(caller.told).hasValue(0);
      attempt.cancel();
      attempt.cancel();
      assertThat(caller.reason()).hasMessage("The attempt to connect was cancelled");
      var late = new Caller(loop(), "PING\r\n");
      var standing = loop().connect(address(), null, 0, late);
      eventually(() -> assertThat(late.heard).asString().isEqualTo("+PONG\r\n"));
      standing.cancel();
      nextTurn(late.connection());
      assertThat(late.connection().isOpen()).isTrue();
      assertThat(caller.told).hasValue(1);
      assertThat(late.told).hasValue(1);
    }
  }

  @Test
  void aConnectorThatThrowsHurtsNobody() throws Exception {
    start(1);
    var rude =
        new Connector() {
          @Override
          public Handler accept(Connection connection) {
            throw new IllegalStateException("accept");
          }

          @Override
          public void failed(IOException reason) {
            throw new IllegalStateException("failed");
          }
        };
    loop().connect(address(), null, 0, rude);
    loop().connect(InetSocketAddress.createUnresolved("nowhere.invalid", 1), null, 0, rude);
    eventually(
        () ->
            assertThat(uncaught)
                .extracting(Throwable::getMessage)
                .containsExactlyInAnyOrder("accept", "failed"));
    uncaught.clear();
    var caller = call(loop(), address(), 0, "PING\r\n");
    eventually(() -> assertThat(caller.heard).asString().isEqualTo("+PONG\r\n"));
  }

  // ── when the loop ends ──

  @Test
  void theEndOfALoopIsToldToWhoConnects() throws Exception {
    start(2);
    try (var silent = new Silent()) {
      var callers = new ArrayList<Caller>();
      for (int i = 0; i < 100; i++) {
        callers.add(call(net.loops().get(i % 2), silent.address(), 60_000, ""));
      }
      var begun = call(loop(), address(), 0, "");
      begun.connection();
      net.close();
      for (var caller : callers) {
        assertThat(caller.reason()).hasMessage("The loop has ended");
        assertThat(caller.told).hasValue(1);
      }
      begun.closed.get(1, TimeUnit.SECONDS);
    }
    var late = call(loop(), address(), 0, "");
    assertThat(late.connected).isCompletedExceptionally();
    assertThat(late.reason()).hasMessage("The loop has ended");
  }

  @Test
  void whoeverConnectsWhileALoopEndsHearsOfItOnce() throws Exception {
    for (int round = 0; round < 20; round++) {
      start(2);
      var callers = new ArrayList<Caller>();
      var crowd =
          Crowd.of(
              2,
              t -> {
                for (int i = 0; i < 150; i++) {
                  var caller = call(net.loops().get(i % 2), address(), 0, "PING\r\n");
                  synchronized (callers) {
                    callers.add(caller);
                  }
                }
              });
      Thread.sleep(round % 5);
      net.close();
      crowd.join();
      for (var caller : callers) {
        assertThat(
                caller.connected.handle((c, t) -> c != null || t != null).get(5, TimeUnit.SECONDS))
            .isTrue();
        assertThat(caller.told).hasValue(1);
        if (!caller.connected.isCompletedExceptionally()) {
          assertThat(caller.closed).isCompleted();
        }
      }
      assertThat(toy.sessions).isEmpty();
    }
  }

  @Test
  void nothingIsLeftOfAttempts() throws Exception {
    var descriptors = Path.of("/proc/self/fd");
    assumeThat(descriptors).isDirectory();
    start(1);
    call(loop(), address(), 0, "PING\r\n").connection();
    net.close(); // whatever the JDK opens once is open now
    try (var silent = new Silent()) {
      long before = count(descriptors);
      start(1);
      long running = count(descriptors);
      int free;
      try (var socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
        free = socket.getLocalPort();
      }
      for (int round = 0; round < 30; round++) {
        var refused = call(loop(), new InetSocketAddress("127.0.0.1", free), 0, "");
        var slow = call(loop(), silent.address(), 5, "");
        var cancelled = new Caller(loop(), "");
        loop().connect(silent.address(), null, 0, cancelled).cancel();
        var good = call(loop(), address(), 0, "QUIT\r\n");
        refused.reason();
        slow.reason();
        cancelled.reason();
        good.closed.get(10, TimeUnit.SECONDS);
      }
      eventually(() -> assertThat(count(descriptors)).isEqualTo(running));
      call(loop(), silent.address(), 0, "");
      net.close();
      assertThat(count(descriptors)).isEqualTo(before);
    }
  }

  private static long count(Path folder) throws IOException {
    try (var list = Files.list(folder)) {
      return list.count();
    }
  }

  /// A listening socket that nobody can reach any more: its queue is full, and the system drops
  /// what else connects.
  private static final class Silent implements AutoCloseable {
    private final ServerSocket listener =
        new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
    private final List<Socket> queue = new ArrayList<>();

    Silent() throws IOException {
      boolean isFull = false;
      while (!isFull) {
        assertThat(queue).as("a queue that never fills").hasSizeLessThan(200);
        var socket = new Socket();
        queue.add(socket);
        try {
          socket.connect(address(), 100);
        } catch (SocketTimeoutException e) {
          isFull = true;
        }
      }
    }

    InetSocketAddress address() {
      return new InetSocketAddress("127.0.0.1", listener.getLocalPort());
    }

    @Override
    public void close() throws IOException {
      for (var socket : queue) {
        socket.close();
      }
      listener.close();
    }
  }
}
