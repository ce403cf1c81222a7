package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.spinel.Crowd;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What [NetTest], [LoopTest] and [ConnectionTest] don't reach in `io_uring`: its queues and
/// buffers used up, memory that the kernel looks at, and machines that forbid it.
class UringTransportTest {
  private final Toy toy = new Toy();
  private final LinkedBlockingQueue<Throwable> uncaught = new LinkedBlockingQueue<>();
  private Net net;
  private int port;

  /// Whether this machine and this JVM's flags allow it.
  static boolean isPossible() {
    return IoRing.isPossible() && Possible.HERE;
  }

  private static final class Possible {
    static final boolean HERE = find();

    private static boolean find() {
      try {
        IoRing.open().close();
        return true;
      } catch (IOException e) {
        return false;
      }
    }
  }

  @BeforeEach
  void isPossibleHere() {
    assumeThat(isPossible()).isTrue();
  }

  @AfterEach
  void nothingIsLeft() {
    if (net != null) {
      net.close();
    }
    assertThat(toy.sessions).isEmpty();
    assertThat(uncaught).isEmpty();
    assertThat(NetFixture.threads()).isZero();
  }

  private void start(int loops, LoopHooks hooks) throws IOException {
    net =
        Net.start(
            loops,
            "net-test-",
            loop -> hooks,
            new Noted(uncaught, message -> uncaught.add(new IOException(message))),
            TransportChoice.IO_URING);
    port = net.listen(List.of("127.0.0.1"), 0, 4096, toy).getFirst().port();
  }

  private Client client() throws IOException {
    return Client.connect("127.0.0.1", port).timeoutMillis(20_000);
  }

  // ── used up ──

  @Test
  void moreInputThanThereAreBuffers() throws Exception {
    start(1, LoopHooks.NONE);
    int n = 24;
    int each = 500; // of 4 KB: 2 MB each and 48 MB in all, where the buffers are 8
    var value = "x".repeat(4000);
    var clients = new ArrayList<Client>();
    for (int i = 0; i < n; i++) {
      clients.add(client());
      assertThat(clients.get(i).command("PING")).isEqualTo(NetFixture.PONG);
    }
    var release = hold();
    var writers =
        Crowd.of(
            n,
            w -> {
              for (int i = 0; i < each; i++) {
                clients.get(w).send("SET", "k", value + i);
                clients.get(w).send("ECHO", Integer.toString(i));
              }
              clients.get(w).flush();
            });
    Thread.sleep(100); // the sockets fill
    release.countDown();
    for (int i = 0; i < each; i++) {
      for (var client : clients) {
        assertThat(client.receive()).isEqualTo(NetFixture.OK);
        assertThat(((RespValue.Bulk) client.receive()).text()).isEqualTo(Integer.toString(i));
      }
    }
    writers.join();
    for (var client : clients) {
      client.close();
    }
  }

  /// Nothing else happens on the loop, and the socket takes all at once.
  @Test
  void whoWaitsForItsOutputToLeaveIsTold() throws Exception {
    start(1, LoopHooks.NONE);
    try (Client client = client()) {
      assertThat(client.command("PING")).isEqualTo(NetFixture.PONG);
      Toy.Session session = toy.sessions.values().iterator().next();
      session.awaitsWritten = true;
      for (int i = 1; i <= 10; i++) {
        int written = 1 + i; // the reply to PING, and the messages so far
        net.loops().getFirst().post(() -> session.hear("something"));
        NetFixture.eventually(() -> assertThat(session.writtenCalls).isEqualTo(written));
      }
    }
    NetFixture.eventually(() -> assertThat(toy.sessions).isEmpty());
  }

  @Test
  void moreSendsInATurnThanTheQueueTakes() throws Exception {
    start(1, LoopHooks.NONE);
    int n = 1500; // its queue has 1,024 places
    var clients = new ArrayList<Client>(n);
    for (int i = 0; i < n; i++) {
      clients.add(client());
    }
    NetFixture.eventually(() -> assertThat(toy.sessions).hasSize(n));
    for (int round = 0; round < 5; round++) {
      var text = "message " + round + "x".repeat(round * 500);
      net.loops()
          .getFirst()
          .post(() -> toy.sessions.values().forEach(session -> session.hear(text)));
      for (var client : clients) {
        assertThat(((RespValue.Bulk) client.receive()).text()).isEqualTo(text);
      }
    }
    // and all of them ready in one turn, and closed in one
    var release = hold();
    for (var client : clients) {
      client.send("PING");
      client.flush();
    }
    release.countDown();
    for (var client : clients) {
      assertThat(client.receive()).isEqualTo(NetFixture.PONG);
    }
    release = hold();
    for (var client : clients) {
      client.close();
    }
    release.countDown();
    NetFixture.eventually(() -> assertThat(toy.sessions).isEmpty());
  }

  /// Has the only loop stand still until the latch goes down.
  private CountDownLatch hold() throws InterruptedException {
    var held = new CountDownLatch(1);
    var release = new CountDownLatch(1);
    net.loops()
        .getFirst()
        .post(
            () -> {
              held.countDown();
              try {
                release.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    held.await();
    return release;
  }

  // ── memory ──

  @Test
  void aConnectionThatIsNotReadForLongHoldsABoundedPartOfWhatComes() throws Exception {
    start(1, LoopHooks.NONE);
    var most = new AtomicInteger();
    var total = new AtomicLong();
    var busy = new AtomicBoolean(true);
    int at =
        net.listen(List.of("127.0.0.1"), 0, 10, c -> new Busy(c, busy, most, total))
            .getFirst()
            .port();
    long sent = 30_000_000;
    try (var socket = new Socket("127.0.0.1", at)) {
      var writer =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      for (long n = 0; n < sent; n += 10_000) {
                        socket.getOutputStream().write(new byte[10_000]);
                      }
                    } catch (IOException e) {
                      uncaught.add(e);
                    }
                  });
      Thread.sleep(300);
      busy.set(false);
      writer.join();
      NetFixture.eventually(() -> assertThat(total).hasValue(sent));
    }
    assertThat(most.get()).isBetween(1, 1 << 20);
  }

  /// Goes on and on with what it got first, so that nothing more is read.
  private record Busy(
      Connection connection, AtomicBoolean busy, AtomicInteger most, AtomicLong total)
      implements Handler {
    @Override
    public void run(byte[] buffer, int from, int to) {
      total.addAndGet(to - from);
      if (busy.get()) {
        most.accumulateAndGet(((UringLink) connection.link).held, Math::max);
        connection.runAgain();
      }
    }

    @Override
    public void closed() {}
  }

  /// Output memory that is given back is poisoned: none of that may ever arrive.
  @Test
  void outputThatIsGivenBackIsNeverSent() throws Exception {
    var lent = new AtomicInteger();
    start(
        2,
        new LoopHooks() {
          @Override
          public void turnBegins() {}

          /// After the sends were asked for, and before they happen.
          @Override
          public void turnEnds() {
            for (var session : toy.sessions.values()) {
              var connection = session.connection;
              if (connection.loop().isCurrent() && ThreadLocalRandom.current().nextInt(20) == 0) {
                connection.close();
              }
            }
          }

          @Override
          public Chunks chunks() {
            return new PoisonedChunks(lent);
          }
        });
    var failures = new LinkedBlockingQueue<Throwable>();
    var received = new AtomicLong();
    var threads = new ArrayList<Thread>();
    for (int t = 0; t < 4; t++) {
      threads.add(Thread.ofPlatform().start(() -> readZeros(60, received, failures)));
    }
    for (var thread : threads) {
      while (!thread.join(Duration.ofMillis(5))) {
        disturbConnections();
      }
    }
    assertThat(failures).isEmpty();
    assertThat(received).hasPositiveValue();
    net.close();
    assertThat(lent).hasValue(0);
  }

  /// Makes so many connections, one after the other; each is closed after some of what it asked
  /// for.
  private void readZeros(int connections, AtomicLong received, Queue<Throwable> failures) {
    var bytes = new byte[100_000];
    for (int i = 0; i < connections; i++) {
      try (var socket = new Socket("127.0.0.1", port)) {
        for (int asked = 0; asked < 20; asked++) {
          NetFixture.write(socket, "ZEROS 50000\r\nZEROS 700000\r\n");
        }
        long left = ThreadLocalRandom.current().nextInt(5_000_000);
        for (int n; left > 0 && (n = socket.getInputStream().read(bytes)) > 0; left -= n) {
          received.addAndGet(n);
          for (int at = 0; at < n; at++) {
            if (bytes[at] == 'X') {
              failures.add(new AssertionError("poison"));
              return;
            }
          }
        }
      } catch (IOException killed) {
        continue;
      } catch (Throwable e) {
        failures.add(e);
      }
    }
  }

  /// Ends some of the connections, each in one of the ways there are.
  private void disturbConnections() {
    for (var session : toy.sessions.values()) {
      var connection = session.connection;
      switch (ThreadLocalRandom.current().nextInt(8)) {
        case 0 -> connection.kill();
        case 1 -> connection.loop().post(() -> connection.closeAsap("killed"));
        case 2 -> connection.loop().post(connection::closeAfterReply);
        default -> {
          // it lives on
        }
      }
    }
  }

  private static final class PoisonedChunks implements Chunks {
    private final AtomicInteger lent;

    PoisonedChunks(AtomicInteger lent) {
      this.lent = lent;
    }

    @Override
    public ByteBuffer take(int bytes) {
      lent.incrementAndGet();
      return ByteBuffer.allocateDirect(bytes);
    }

    @Override
    public void give(ByteBuffer chunk) {
      lent.decrementAndGet();
      chunk.clear();
      while (chunk.hasRemaining()) {
        chunk.put((byte) 'X');
      }
    }
  }

  @Test
  void closingLeavesNoMemoryOfTheRings() throws IOException {
    long before = mappings();
    for (int round = 0; round < 5; round++) {
      start(3, LoopHooks.NONE);
      assertThat(mappings()).isEqualTo(before + 9); // two queues and the requests, each
      try (var client = client()) {
        assertThat(client.command("PING")).isEqualTo(NetFixture.PONG);
      }
      net.close();
      net.loops().forEach(loop -> loop.transport().wakeup()); // comes too late, and does nothing
      assertThat(mappings()).isEqualTo(before);
    }
  }

  private static long mappings() throws IOException {
    try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains("io_uring")).count();
    }
  }

  @Test
  void severalNetsLiveSideBySide() throws IOException {
    var nets = new ArrayList<Net>();
    try {
      for (int i = 0; i < 4; i++) {
        nets.add(
            Net.start(
                1,
                "net-test-" + i,
                loop -> LoopHooks.NONE,
                new Noted(uncaught, message -> uncaught.add(new IOException(message))),
                i % 2 == 0 ? TransportChoice.IO_URING : TransportChoice.NIO));
      }
      for (var one : nets) {
        int at = one.listen(List.of("127.0.0.1"), 0, 10, toy).getFirst().port();
        try (var client = Client.connect("127.0.0.1", at)) {
          assertThat(client.command("PING")).isEqualTo(NetFixture.PONG);
        }
      }
    } finally {
      nets.forEach(Net::close);
    }
  }

  // ── where it isn't allowed ──

  @Test
  void whereTheKernelForbidsItThereIsNio() throws Exception {
    assertThat(run("--enable-native-access=ALL-UNNAMED", Forbidden.class))
        .isEqualTo(
            "NIO PONG\nio_uring can't be used here: Operation not permitted\nnothing left\n");
  }

  @Test
  void withoutNativeAccessThereIsNioAndNothingIsPrinted() throws Exception {
    assertThat(run("-ea", Plain.class))
        .isEqualTo(
            "NIO PONG\nio_uring can't be used here: needs Linux on x86_64 or aarch64, and"
                + " --enable-native-access\n");
  }

  private static String run(String flag, Class<?> program) throws Exception {
    var process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                flag,
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                program.getName())
            .redirectErrorStream(true)
            .start();
    var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }

  /// Starts what it gets, and says what it got.
  static final class Plain {
    private Plain() {}

    public static void main(String[] arguments) throws IOException {
      try (var net = start(TransportChoice.AUTO)) {
        int port = net.listen(List.of("127.0.0.1"), 0, 10, new Toy()).getFirst().port();
        try (var client = Client.connect("127.0.0.1", port)) {
          System.out.println(
              net.transport() + " " + ((RespValue.Simple) client.command("PING")).text());
        }
      }
      try {
        start(TransportChoice.IO_URING).close();
      } catch (IOException e) {
        System.out.println(e.getMessage());
      }
    }

    private static Net start(TransportChoice choice) throws IOException {
      return Net.start(
          2,
          "plain-",
          loop -> LoopHooks.NONE,
          new Noted(new LinkedBlockingQueue<>(), message -> {}),
          choice);
    }
  }

  /// The same in a process that may not, as in most containers: a filter of system calls answers
  /// EPERM to `io_uring_setup`.
  static final class Forbidden {
    private static final int PRCTL = IoRingForbids.X86 ? 157 : 167;
    private static final int SECCOMP = IoRingForbids.X86 ? 317 : 277;

    private Forbidden() {}

    public static void main(String[] arguments) throws IOException {
      long at = Arena.global().allocate(64, 8).address();
      long filter = at + 16;
      instruction(filter, 0x20, 0, 0, 0); // load the number
      instruction(filter + 8, 0x15, 0, 1, Kernel.IO_URING_SETUP); // is it that one?
      instruction(filter + 16, 0x06, 0, 0, 0x0005_0001); // EPERM
      instruction(filter + 24, 0x06, 0, 0, 0x7fff_0000); // allowed
      Kernel.putShort(at, 4);
      Kernel.putLong(at + 8, filter);
      var kernel = new Kernel();
      kernel.must(PRCTL, 38, 1, 0, 0, 0, 0); // no new privileges
      kernel.must(SECCOMP, 1, 1, at, 0, 0, 0); // for all threads
      Plain.main(arguments);
      System.out.println(mappings() == 0 ? "nothing left" : "something left");
    }

    private static void instruction(long at, int code, int ifSo, int ifNot, int k) {
      Kernel.putShort(at, code);
      Kernel.putByte(at + 2, ifSo);
      Kernel.putByte(at + 3, ifNot);
      Kernel.putInt(at + 4, k);
    }
  }

  private static final class IoRingForbids {
    static final boolean X86 = System.getProperty("os.arch").equals("amd64");
  }

  @Test
  void anUnknownAddressIsSaid() {
    var here = new Descriptors(new Kernel(), Arena.ofAuto().allocate(256).address());
    assertThatThrownBy(() -> here.listening("192.0.2.1:1", 0, Binding.Reach.PLAIN))
        .isInstanceOf(IOException.class)
        .hasMessage("nothing listens at 192.0.2.1:1");
  }
}
