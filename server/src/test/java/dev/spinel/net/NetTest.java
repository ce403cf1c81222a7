package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.Crowd;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Loops and listeners: many connections at a time, their coming and going.
class NetTest extends NetFixture {
  // ── listeners ──

  @Test
  void portZeroFindsOneForAllAddresses() throws IOException {
    assumeThat(hasIpv6()).isTrue();
    start(2);
    var listeners = net.listen(List.of("127.0.0.1", "::1"), 0, 511, toy);
    assertThat(listeners).hasSize(2);
    assertThat(listeners.get(1).port()).isEqualTo(listeners.get(0).port()).isPositive();
    assertThat(listeners.get(1).address()).isEqualTo("[::1]:" + listeners.get(0).port());
    try (var four = Client.connect("127.0.0.1", listeners.get(0).port());
        var six = Client.connect("::1", listeners.get(0).port())) {
      assertThat(four.command("PING")).isEqualTo(PONG);
      assertThat(six.command("LADDR")).hasToString("\"[::1]:" + listeners.get(0).port() + '"');
      assertThat(six.command("ADDR").toString()).startsWith("\"[::1]:");
    }
  }

  @Test
  void whoConnectsAsSoonAsSomebodyListensIsServed() throws Exception {
    start(1);
    for (int i = 0; i < 100; i++) {
      int free = quietPort();
      var reply = CompletableFuture.supplyAsync(() -> pingUntilServed(free));
      var listener = net.listen(List.of("127.0.0.1"), free, 511, toy).getFirst();
      assertThat(reply.get(20, TimeUnit.SECONDS)).isEqualTo(PONG);
      listener.close();
    }
  }

  /// Below those that the system gives to connections: else a connection could be its own other
  /// end.
  private static int quietPort() {
    while (true) {
      int port = ThreadLocalRandom.current().nextInt(20_000, 32_000);
      try (var alone = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        return alone.getLocalPort();
      } catch (IOException taken) {
        continue;
      }
    }
  }

  /// Tries again only where nobody listens.
  private static RespValue pingUntilServed(int port) {
    while (true) {
      try (var client = Client.connect("127.0.0.1", port)) {
        return client.command("PING");
      } catch (ConnectException nobodyListens) {
        Thread.onSpinWait();
      } catch (IOException reset) {
        throw new UncheckedIOException(reset);
      }
    }
  }

  @Test
  void starsAreAllAddressesOfBothFamilies() throws IOException {
    start(1);
    var listeners = net.listen(List.of("*", "-::*"), 0, 511, toy);
    try (var four = Client.connect("127.0.0.1", listeners.getFirst().port())) {
      assertThat(four.command("LADDR"))
          .hasToString("\"127.0.0.1:" + listeners.getFirst().port() + '"');
      assertThat(toy.sessions.values().iterator().next().connection.isLocal()).isTrue();
    }
    if (hasIpv6()) {
      try (var six = Client.connect("::1", listeners.getFirst().port())) {
        assertThat(six.command("PING")).isEqualTo(PONG);
      }
    }
  }

  @Test
  void allOfIpv6KeepsIpv4Out() throws IOException {
    assumeThat(hasIpv6()).isTrue();
    start(1);
    for (var all : List.of("::*", "::", "::0", "0::0", "-::")) {
      var listener = net.listen(List.of(all), 0, 511, toy).getFirst();
      try (var six = Client.connect("::1", listener.port())) {
        assertThat(six.command("PING")).isEqualTo(PONG);
        assertKeptOut("127.0.0.1", listener.port());
        if (Descriptors.canKeepIpv4Out()) {
          try (var other = new ServerSocket()) {
            other.bind(new InetSocketAddress(Inet4Address.ofLiteral("127.0.0.1"), listener.port()));
            assertThat(other.isBound()).as("IPv4 is another's").isTrue();
          }
        }
      }
      listener.close();
    }
  }

  private static void assertKeptOut(String address, int port) throws IOException {
    try (var socket = new Socket(address, port)) {
      socket.setSoTimeout(10_000);
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
      assertThat(Descriptors.canKeepIpv4Out()).as("refused, if the system can").isFalse();
    } catch (ConnectException refused) {
      assertThat(refused).hasMessageContaining("refused");
    }
  }

  @Test
  void allAddressesOfBothFamiliesMayBeWrittenInAnyWay() throws IOException {
    assumeThat(hasIpv6()).isTrue();
    start(1);
    for (var all :
        List.of("0.0.0.0 ::0", "0.0.0.0 ::", ":: 0.0.0.0", "* ::", "0.0.0.0 -::*", "::* -*")) {
      var listeners = net.listen(List.of(all.split(" ")), 0, 511, toy);
      int port = listeners.getFirst().port();
      try (var four = Client.connect("127.0.0.1", port);
          var six = Client.connect("::1", port)) {
        assertThat(four.command("PING")).as(all).isEqualTo(PONG);
        assertThat(six.command("PING")).as(all).isEqualTo(PONG);
      }
      listeners.forEach(Listener::close);
    }
    assertThat(skipped).isEmpty();
  }

  @Test
  void oneAddressOfIpv4AndAllOfIpv6GoTogether() throws IOException {
    assumeThat(hasIpv6()).isTrue();
    start(1);
    for (var both : List.of("127.0.0.1 ::", ":: 127.0.0.1", "127.0.0.1 ::1", "::1 0.0.0.0")) {
      var listeners = net.listen(List.of(both.split(" ")), 0, 511, toy);
      assertThat(listeners).hasSize(2);
      int port = listeners.getFirst().port();
      try (var four = Client.connect("127.0.0.1", port);
          var six = Client.connect("::1", port)) {
        assertThat(four.command("PING")).as(both).isEqualTo(PONG);
        assertThat(six.command("PING")).as(both).isEqualTo(PONG);
      }
      listeners.forEach(Listener::close);
    }
  }

  @Test
  void listenersOfAllKindsReplaceOneAnother() throws IOException {
    assumeThat(hasIpv6()).isTrue();
    start(1);
    int at = freePort();
    List<Listener> open = List.of();
    var kinds = List.of("* ::*", "::", "127.0.0.1 ::", "0.0.0.0", "::1", "127.0.0.1");
    for (int i = 0; i < kinds.size() * kinds.size(); i++) {
      for (int kind : new int[] {i / kinds.size(), i % kinds.size()}) {
        var addresses = kinds.get(kind);
        open = net.move(open, List.of(addresses.split(" ")), at, 511, toy);
        boolean four = addresses.contains("*") || addresses.contains(".");
        if (four) {
          try (var client = Client.connect("127.0.0.1", at)) {
            assertThat(client.command("PING")).as(addresses).isEqualTo(PONG);
          }
        } else {
          assertKeptOut("127.0.0.1", at);
        }
        if (addresses.contains(":")) {
          try (var client = Client.connect("::1", at)) {
            assertThat(client.command("PING")).as(addresses).isEqualTo(PONG);
          }
        }
      }
    }
  }

  @Test
  void whatIsNoAddressIsSaid() throws IOException {
    start(1);
    for (var none :
        List.of("", "-", "[::1]", "1.2.3.4.5", "a b", "::1::", "127.0.0.1:80", "\u00e9")) {
      assertThatThrownBy(() -> net.listen(List.of(none), 7, 511, toy))
          .as(none)
          .isInstanceOf(BindException.class)
          .hasMessageStartingWith("Could not create server TCP listening socket ")
          .hasMessageMatching(
              ".*: (Name or service not known|Temporary failure in name resolution)");
    }
  }

  @Test
  void anOptionalAddressMayBeMissing() throws IOException {
    start(1);
    var listeners = net.listen(List.of("127.0.0.1", "-192.0.2.1"), 0, 511, toy);
    assertThat(listeners).hasSize(1);
    assertThat(skipped)
        .singleElement()
        .asString()
        .isEqualTo(
            "Could not create server TCP listening socket 192.0.2.1:"
                + listeners.getFirst().port()
                + ": bind: Cannot assign requested address");
  }

  @Test
  void aMissingAddressOpensNoneOfThem() throws IOException {
    start(1);
    int free = freePort();
    assertThatThrownBy(() -> net.listen(List.of("127.0.0.1", "192.0.2.1"), free, 511, toy))
        .isInstanceOf(BindException.class)
        .hasMessage(
            "Could not create server TCP listening socket 192.0.2.1:"
                + free
                + ": bind: Cannot assign requested address");
    assertThat(net.listen(List.of("127.0.0.1"), free, 511, toy)).hasSize(1);
  }

  @Test
  void aPortInUseIsSaidInRedisWords() throws IOException {
    start(1);
    assertThatThrownBy(() -> net.listen(List.of("127.0.0.1"), port, 511, toy))
        .isInstanceOf(BindException.class)
        .hasMessage(
            "Could not create server TCP listening socket 127.0.0.1:"
                + port
                + ": bind: Address already in use");
    assertThatThrownBy(() -> net.listen(List.of("*", "-::*"), port, 511, toy))
        .isInstanceOf(BindException.class)
        .hasMessage(
            "Could not create server TCP listening socket *:"
                + port
                + ": bind: Address already in use");
  }

  @Test
  void anUnknownNameIsSaid() throws IOException {
    start(1);
    assertThatThrownBy(() -> net.listen(List.of("no.such.host.invalid"), 7, 511, toy))
        .isInstanceOf(BindException.class)
        .hasMessageMatching(
            "Could not create server TCP listening socket no.such.host.invalid:7: (Name or service"
                + " not known|Temporary failure in name resolution)");
  }

  @Test
  void aClosedListenerLeavesItsConnectionsAndFreesItsPort() throws IOException {
    start(2);
    var listener = net.listen(List.of("127.0.0.1"), 0, 511, toy).getFirst();
    try (var client = Client.connect("127.0.0.1", listener.port())) {
      client.command("PING");
      for (int i = 0; i < 50; i++) {
        listener.close();
        int at = listener.port();
        assertThatThrownBy(() -> new Socket("127.0.0.1", at).close())
            .isInstanceOf(ConnectException.class);
        listener = net.listen(List.of("127.0.0.1"), at, 511, toy).getFirst();
      }
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
    listener.close();
    listener.close();
  }

  @Test
  void aListenerMayBeClosedByALoop() throws Exception {
    start(1);
    var listener = net.listen(List.of("127.0.0.1"), 0, 511, toy).getFirst();
    var done = new CountDownLatch(1);
    net.loops()
        .getFirst()
        .post(
            () -> {
              listener.close();
              done.countDown();
            });
    assertThat(done.await(5, TimeUnit.SECONDS)).isTrue();
    assertThatThrownBy(() -> new Socket("127.0.0.1", listener.port()).close())
        .isInstanceOf(ConnectException.class);
  }

  @Test
  void unixSocketsWork(@TempDir Path dir) throws IOException {
    start(2);
    var path = dir.resolve("spinel.sock");
    Files.writeString(path, "a stale file is replaced");
    var listener = net.listen(path, 0700, 511, toy);
    assertThat(listener.path()).isEqualTo(path);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
        .isEqualTo("rwx------");
    try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(path));
      channel.write(ByteBuffer.wrap(bytes("PING\r\nADDR\r\n")));
      var expected = "+PONG\r\n$" + (path.toString().length() + 2) + "\r\n" + path + ":0\r\n";
      var answer = ByteBuffer.allocate(expected.length());
      while (answer.hasRemaining()) {
        assertThat(channel.read(answer)).isPositive();
      }
      assertThat(answer.array()).isEqualTo(bytes(expected));
      var connection = toy.sessions.values().iterator().next().connection;
      assertThat(connection.isUnixSocket()).isTrue();
      assertThat(connection.isLocal()).isTrue();
    }
    net.close();
    assertThat(path).doesNotExist();
  }

  @Test
  void aUnixSocketThatCannotBeIsSaid(@TempDir Path dir) throws IOException {
    start(1);
    assertThatThrownBy(() -> net.listen(dir.resolve("no/such/dir.sock"), 0, 511, toy))
        .isInstanceOf(BindException.class)
        .hasMessageStartingWith("Failed opening Unix socket: bind: ");
  }

  @Test
  void aFailureWhileLoopsAreMadeLeavesNoneBehind() {
    if (transport == TransportChoice.IO_URING) {
      assumeThat(UringTransportTest.isPossible()).isTrue();
    }
    for (Throwable failure :
        List.of(new OutOfMemoryError("no heap"), new IllegalStateException("a bug"))) {
      Function<Loop, LoopHooks> hooks =
          loop -> {
            if (loop.index() == 2 && failure instanceof Error e) {
              throw e;
            }
            if (loop.index() == 2 && failure instanceof RuntimeException e) {
              throw e;
            }
            return LoopHooks.NONE;
          };
      assertThatThrownBy(() -> Net.start(4, "net-test-", hooks, incidents, transport))
          .isSameAs(failure);
      assertThat(threads()).isZero();
    }
  }

  // ── crowds ──

  @Test
  void manyConnectionsAreServedAndSpreadOverTheLoops() throws IOException {
    start(3);
    var clients = new ArrayList<Client>();
    try {
      for (int i = 0; i < 600; i++) {
        clients.add(client());
      }
      for (int round = 0; round < 5; round++) {
        for (var client : clients) {
          client.send("SET", "k" + round, "v");
          client.send("PING");
          client.flush();
        }
        for (var client : clients) {
          assertThat(client.receive()).isEqualTo(OK);
          assertThat(client.receive()).isEqualTo(PONG);
        }
      }
      for (var loop : net.loops()) {
        assertThat(loop.connections()).isEqualTo(200);
      }
    } finally {
      for (var client : clients) {
        client.close();
      }
    }
    eventually(() -> assertThat(toy.sessions).isEmpty());
    for (var loop : net.loops()) {
      eventually(() -> assertThat(loop.connections()).isZero());
    }
  }

  @Test
  void aStormOfConnectionsPasses() throws Exception {
    start(2);
    Crowd.of(
            4,
            t -> {
              for (int i = 0; i < 400; i++) {
                try (var socket = socket()) {
                  socket.setSoLinger(true, 0); // resets, and no port is worn out
                  if (i % 2 == 0) {
                    write(socket, "PING\r\n");
                  }
                  if (i % 4 == 0) {
                    assertThat(read(socket, 7)).isEqualTo("+PONG\r\n");
                  }
                }
              }
            })
        .join();
    eventually(() -> assertThat(toy.sessions).isEmpty());
    for (var loop : net.loops()) {
      eventually(() -> assertThat(loop.connections()).isZero());
    }
    try (var client = client()) {
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
  }

  @Test
  void killsFromEverywhereCloseEachConnectionOnce() throws Exception {
    start(2);
    var stop = new AtomicBoolean();
    var crowd = new Crowd();
    var seen = new java.util.concurrent.ConcurrentHashMap<Long, Toy.Session>();
    for (int t = 0; t < 3; t++) {
      crowd.start(
          () -> {
            while (!stop.get()) {
              try (var socket = socket()) {
                var random = ThreadLocalRandom.current();
                for (int i = 0; i < 20; i++) {
                  write(
                      socket,
                      "PING\r\nGET nothing\r\nZEROS 100000\r\n"
                          + (random.nextInt(20) == 0 ? "CLOSE\r\n" : ""));
                  if (random.nextBoolean()) {
                    socket.getInputStream().read(new byte[10_000]);
                  }
                }
              } catch (java.net.SocketException expected) {
                // killed while it wrote or read
                continue;
              }
            }
          });
    }
    for (int t = 0; t < 2; t++) {
      crowd.start(
          () -> {
            while (!stop.get()) {
              for (var session : toy.sessions.values()) {
                seen.put(session.id, session);
                switch (ThreadLocalRandom.current().nextInt(4)) {
                  case 0 -> session.connection.kill();
                  case 1 ->
                      session.connection.loop().post(() -> session.connection.closeAsap("killed"));
                  case 2 -> session.connection.loop().post(session.connection::closeAfterReply);
                  default -> Thread.yield();
                }
              }
            }
          });
    }
    Thread.sleep(1500);
    stop.set(true);
    crowd.join();
    eventually(() -> assertThat(toy.sessions).isEmpty());
    assertThat(seen).isNotEmpty();
    assertThat(seen.values()).allSatisfy(s -> assertThat(s.closedCalls).isEqualTo(1));
    for (var loop : net.loops()) {
      eventually(() -> assertThat(loop.connections()).isZero());
    }
  }

  @Test
  void anIdleConnectionCostsNearlyNothing() throws Exception {
    start(1);
    int n = 1000;
    long before = usedHeap();
    var channels = new ArrayList<SocketChannel>(n);
    for (int i = 0; i < n; i++) {
      channels.add(SocketChannel.open(new java.net.InetSocketAddress("127.0.0.1", port)));
    }
    for (var channel : channels) { // each has done something: what it needed for that must be gone
      channel.write(ByteBuffer.wrap(bytes("SET k " + "v".repeat(100) + "\r\nGET k\r\n")));
      var answer = ByteBuffer.allocate(5 + 6 + 102);
      while (answer.hasRemaining()) {
        channel.read(answer);
      }
    }
    eventually(() -> assertThat(toy.sessions).hasSize(n));
    long each = (usedHeap() - before) / n;
    for (var channel : channels) {
      channel.close();
    }
    // both ends of each are in this process, and the toy's session with its reader
    assertThat(each).isLessThan(4096);
    eventually(() -> assertThat(toy.sessions).isEmpty());
  }

  private static long usedHeap() throws InterruptedException {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(20);
      least =
          Math.min(least, Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory());
    }
    return least;
  }

  // ── the end ──

  @Test
  void closingLeavesNoDescriptorAndNoThread() throws IOException {
    var descriptors = Path.of("/proc/self/fd");
    assumeThat(descriptors).isDirectory();
    start(1);
    net.close(); // whatever the JDK opens once is open now
    long before = count(descriptors);
    var clients = new ArrayList<Client>();
    for (int round = 0; round < 5; round++) {
      start(3);
      for (int i = 0; i < 20; i++) {
        var client = client();
        client.command("PING");
        clients.add(client);
      }
      assertThat(threads()).isEqualTo(3);
      net.close();
      assertThat(threads()).isZero();
      for (var client : clients) {
        assertThat(client.rawUntilClosed()).isEmpty();
        client.close();
      }
      clients.clear();
    }
    assertThat(count(descriptors)).isEqualTo(before);
  }

  @Test
  void closingWhileClientsComeAndGoLeavesNobodyBehind() throws Exception {
    for (int round = 0; round < 20; round++) {
      start(2);
      var stop = new AtomicBoolean();
      var connected = new AtomicInteger();
      int at = port;
      var visitor =
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (!stop.get()) {
                      try (var socket = new Socket("127.0.0.1", at)) {
                        socket.setSoLinger(true, 0);
                        connected.incrementAndGet();
                        write(socket, "PING\r\n");
                      } catch (IOException expected) {
                        Thread.yield(); // the listener is closed, or closes meanwhile
                      }
                    }
                  });
      while (connected.get() < 20) {
        Thread.yield();
      }
      net.close();
      assertThat(toy.sessions).isEmpty();
      for (var loop : net.loops()) {
        assertThat(loop.connections()).isZero();
      }
      stop.set(true);
      visitor.join();
    }
  }

  @Test
  void repliesOfTheLastTurnLeaveBeforeTheEnd() throws IOException {
    start(1);
    try (var client = client()) {
      client.command("PING");
      var session = toy.sessions.values().iterator().next();
      net.loops().getFirst().post(() -> session.hear("farewell"));
      net.close();
      assertThat(client.receive()).hasToString("\"farewell\"");
      assertThat(client.rawUntilClosed()).isEmpty();
    }
  }

  @Test
  void aLoopCannotCloseItsNet() throws Exception {
    start(1);
    var thrown = new LinkedBlockingQueue<Throwable>();
    net.loops()
        .getFirst()
        .post(
            () -> {
              try {
                net.close();
              } catch (IllegalStateException e) {
                thrown.add(e);
              }
            });
    assertThat(thrown.poll(5, TimeUnit.SECONDS)).isNotNull();
  }

  @Test
  void nothingOpensAfterTheEnd() throws IOException {
    start(1);
    net.close();
    assertThatThrownBy(() -> net.listen(List.of("127.0.0.1"), 0, 511, toy))
        .isInstanceOf(BindException.class);
    net.close();
  }

  // ── scarcity ──

  /// Runs [FewDescriptors] where only 128 files may be open.
  @Test
  void withoutDescriptorsItWaitsUntilThereAreSomeAgain() throws Exception {
    assumeThat(Path.of("/bin/bash")).exists();
    assumeThat(transport == TransportChoice.NIO || UringTransportTest.isPossible()).isTrue();
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    var process =
        new ProcessBuilder(
                "/bin/bash",
                "-c",
                "ulimit -n 128; exec \"$@\"",
                "bash",
                java,
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                FewDescriptors.class.getName(),
                transport.name())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    var held = new ArrayList<Socket>();
    try (var lines = new BufferedReader(new InputStreamReader(process.getInputStream()))) {
      int port = Integer.parseInt(lines.readLine());
      for (int i = 0; i < 160; i++) {
        held.add(new Socket("127.0.0.1", port));
      }
      assertThat(lines.readLine()).isEqualTo("accept failed: Too many open files");
      for (var socket : held.subList(0, 100)) {
        socket.close();
      }
      for (var socket : held.subList(100, 160)) { // some of them had been waiting outside
        socket.setSoTimeout(10_000);
        write(socket, "PING\r\n");
        assertThat(read(socket, 7)).isEqualTo("+PONG\r\n");
      }
    } finally {
      for (var socket : held) {
        socket.close();
      }
      process.destroy();
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  /// The other process of [#withoutDescriptorsItWaitsUntilThereAreSomeAgain].
  static final class FewDescriptors {
    private FewDescriptors() {}

    public static void main(String[] arguments) throws Exception {
      var failed = new AtomicBoolean();
      var incidents =
          new Incidents() {
            @Override
            public void loopEnded(Loop loop) {}

            @Override
            public void uncaught(Throwable cause, Connection connection) {
              cause.printStackTrace();
            }

            @Override
            public void acceptFailed(Listener listener, IOException cause) {
              if (failed.compareAndSet(false, true)) {
                System.out.println("accept failed: " + cause.getMessage());
              }
            }

            @Override
            public void addressSkipped(String message) {}
          };
      try (var net =
          Net.start(
              1,
              "few-",
              loop -> LoopHooks.NONE,
              incidents,
              TransportChoice.valueOf(arguments[0]))) {
        System.out.println(net.listen(List.of("127.0.0.1"), 0, 511, new Toy()).getFirst().port());
        Thread.sleep(60_000);
      }
    }
  }

  private static long count(Path directory) throws IOException {
    try (var files = Files.list(directory)) {
      return files.count();
    }
  }

  private int freePort() throws IOException {
    var listener = net.listen(List.of("127.0.0.1"), 0, 1, toy).getFirst();
    listener.close();
    return listener.port();
  }

  private static boolean hasIpv6() {
    try (var socket = new java.net.ServerSocket(0, 1, InetAddress.getByName("::1"))) {
      return socket.getInetAddress() instanceof Inet6Address;
    } catch (IOException e) {
      return false;
    }
  }
}
