package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Clock;
import dev.spinel.persist.SystemDisk;
import dev.spinel.persist.TestDisk;
import dev.spinel.replication.Replication;
import dev.spinel.wire.Client;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What goes wrong between a primary and its replica: disks that fail, copies and streams that are
/// no good, replicas that are too slow. Nothing is lost that need not be, nobody calls a copy whole
/// that isn't, the reason is said, and all is well again once the cause is gone.
class ReplicationFaultsTest extends ReplicationFixture {
  private static final String BAD = "Input/output error";

  private static String downReason(Node replica) throws IOException {
    return replica.info("replication", "master_link_down_reason");
  }

  private static void complete(Node replica, String is) throws IOException {
    assertThat(replica.info("replication", "replica_copy_complete")).isEqualTo(is);
  }

  private static void follows(Node replica, int port) throws IOException {
    replica.call("REPLICAOF", "127.0.0.1", Integer.toString(port));
  }

  /// Has it try again at once.
  private static void tryNow(Node replica) throws IOException {
    replica.call("CONFIG", "SET", "repl-timeout", "61");
  }

  // ── the replica's disk ──

  @ParameterizedTest
  @ValueSource(strings = {"disabled", "on-empty-db"})
  void noDataIsDiscardedBeforeItIsNotedThatItIsntComplete(String load) throws Exception {
    TestDisk disk = new TestDisk();
    Path dir = Files.createDirectory(folder.resolve("full"));
    Path mark = dir.resolve("dump.rdb.incomplete");
    Ours primary = ours();
    fill(primary);
    Ours replica = oursOn(disk, dir, "save", "3600 1000000", "repl-diskless-load", load);
    replica.call("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)");
    if (load.equals("disabled")) {
      replica.call("SET", "own", "stays");
    }
    disk.failWhen((act, file) -> file.endsWith("dump.rdb.incomplete"));
    follows(replica, primary.port());
    eventually(
        () ->
            assertThat(downReason(replica))
                .contains("it can't be noted that the data isn't complete: " + BAD));
    eventually(() -> assertThat(replica.log()).contains("The next attempt to synchronize waits"));
    assertThat(replica.info("persistence", "loading")).isEqualTo("0");
    assertThat(replica.call("GET", "own"))
        .isEqualTo(load.equals("disabled") ? "stays" : replica.call("GET", "none"));
    assertThat(String.valueOf(replica.call("FUNCTION", "LIST"))).contains("library_name");
    complete(replica, load.equals("disabled") ? "1" : "0");
    assertThat(disk.kill().exists(mark)).as("no data is gone").isFalse();

    disk.failWhen(null);
    tryNow(replica);
    isUp(replica);
    agree(primary, replica);
    complete(replica, "1");
    assertThat(String.valueOf(replica.call("FUNCTION", "LIST"))).doesNotContain("library_name");
    eventually(() -> assertThat(disk.exists(mark)).isFalse());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "temp-.*\\.rdb; Write error or short write writing to the DB dump file",
        "dump\\.rdb; Failed trying to rename the temp DB into dump.rdb",
      })
  void aDiskThatTakesNoCopyCostsNoData(String files, String said) throws Exception {
    TestDisk disk = new TestDisk();
    Path dir = Files.createDirectory(folder.resolve("full"));
    Ours primary = ours();
    fill(primary);
    Ours replica = oursOn(disk, dir, "save", "3600 1000000");
    replica.call("SET", "own", "stays");
    disk.failWhen((act, file) -> file.getFileName().toString().matches(files));
    follows(replica, primary.port());
    eventually(() -> assertThat(replica.log()).contains(said));
    eventually(() -> assertThat(replica.log()).contains("The next attempt to synchronize waits"));
    assertThat(downReason(replica)).contains(BAD);
    assertThat(replica.call("GET", "own")).isEqualTo("stays");
    complete(replica, "1");
    eventually(
        () ->
            assertThat(disk.names(dir))
                .as("of what came, nothing is left")
                .noneMatch(name -> name.startsWith("temp-")));
    disk.failWhen(null);
    tryNow(replica);
    isUp(replica);
    agree(primary, replica);
    complete(replica, "1");
  }

  /// A replica whose power fails at any time of a full synchronization.
  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void whoeverStartsFromWhatASynchronizationLeftKnowsIt(long seed) throws Exception {
    Random random = new Random(seed);
    TestDisk disk = new TestDisk();
    Path dir = Files.createDirectory(folder.resolve("cut"));
    Ours primary = ours();
    fill(primary);
    String[] settings = {
      "save", "3600 1000000", "repl-diskless-load", seed % 2 == 0 ? "on-empty-db" : "disabled"
    };
    Ours replica = oursOn(disk, dir, settings);
    replica.call("CONFIG", "SET", "key-load-delay", "3000");
    follows(replica, primary.port());
    eventually(() -> assertThat(replica.info("persistence", "loading")).isEqualTo("1"));
    TestDisk left = disk.powerLoss(random);
    replica.close(); // it would hold the dump file
    Ours after = oursOn(left, dir, settings);
    complete(after, "0");
    assertThat(after.log()).contains("The data of this server isn't complete");
    follow(after, primary);
    agree(primary, after);
    complete(after, "1");
  }

  // ── what the primary sends ──

  /// A primary that sends each replica the same copy, and then says nothing.
  private final class Faulty implements AutoCloseable {
    final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    final AtomicInteger syncs = new AtomicInteger();
    final AtomicInteger asked = new AtomicInteger();
    final AtomicBoolean isHeld = new AtomicBoolean(); // the answer
    final AtomicLong sentBytes = new AtomicLong(); // of copies
    volatile byte[] copy;

    Faulty(byte[] copy) throws IOException {
      this.copy = copy;
      open.add(this);
      Thread.ofVirtual().start(this::accept);
    }

    private void accept() {
      while (!listener.isClosed()) {
        try {
          Socket socket = listener.accept();
          open.add(socket);
          Thread.ofVirtual().start(() -> serve(socket));
        } catch (IOException e) {
          return; // closed
        }
      }
    }

    private void serve(Socket socket) {
      try {
        BufferedReader in =
            new BufferedReader(
                new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
        OutputStream out = socket.getOutputStream();
        for (String line; (line = in.readLine()) != null; ) {
          switch (line) {
            case "PING" -> out.write("+PONG\r\n".getBytes(StandardCharsets.ISO_8859_1));
            case "listening-port", "capa" ->
                out.write(
                    in.readLine().startsWith("$") // its value's length
                            && line.equals("listening-port")
                        ? "+OK\r\n".getBytes(StandardCharsets.ISO_8859_1)
                        : new byte[0]);
            case "psync2" -> out.write("+OK\r\n".getBytes(StandardCharsets.ISO_8859_1));
            case "PSYNC" -> {
              asked.incrementAndGet();
              Awaitility.await().forever().untilFalse(isHeld);
              syncs.incrementAndGet();
              byte[] sent = copy;
              out.write(
                  ("+FULLRESYNC " + "f".repeat(40) + " 0\r\n$" + sent.length + "\r\n")
                      .getBytes(StandardCharsets.ISO_8859_1));
              for (int at = 0; at < sent.length; ) {
                int n = Math.min(sent.length - at, 64 << 10);
                out.write(sent, at, n);
                at += n;
                sentBytes.addAndGet(n);
              }
            }
            default -> {}
          }
          out.flush();
        }
      } catch (IOException e) {
        return; // the replica has hung up
      }
    }

    int port() {
      return listener.getLocalPort();
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }

  /// A dump file of some keys.
  private byte[] dump() throws IOException {
    Path dir = Files.createDirectory(folder.resolve("dumped"));
    Ours from = oursIn(dir);
    from.call("SET", "k", "v");
    from.call("RPUSH", "l", "a", "b");
    from.call("SAVE");
    return Files.readAllBytes(dir.resolve("dump.rdb"));
  }

  /// One byte more before the end of the last database: the type of a key that nobody knows.
  private static byte[] withUnknownType(byte[] dump) {
    byte[] made = Arrays.copyOf(dump, dump.length + 1);
    int end = dump.length - 9;
    made[end] = (byte) 200;
    System.arraycopy(dump, end, made, end + 1, 9);
    return made;
  }

  private static byte[] withWrongSum(byte[] dump) {
    byte[] made = dump.clone();
    made[made.length - 1] ^= 1;
    return made;
  }

  private static byte[] cutOff(byte[] dump) {
    return Arrays.copyOf(dump, dump.length - 12);
  }

  @ParameterizedTest
  @CsvSource({
    "sum, disabled",
    "sum, on-empty-db",
    "sum, swapdb",
    "type, disabled",
    "type, on-empty-db",
    "type, swapdb",
    "end, disabled",
    "end, swapdb",
  })
  void aCopyThatIsNoGoodIsNeverServedAndIsntAskedForAllTheTime(String wrong, String load)
      throws Exception {
    byte[] good = dump();
    Faulty primary =
        new Faulty(
            switch (wrong) {
              case "sum" -> withWrongSum(good);
              case "type" -> withUnknownType(good);
              default -> cutOff(good);
            });
    Ours replica = ours("repl-diskless-load", load);
    boolean keeps = !load.equals("on-empty-db");
    if (keeps) {
      replica.call("SET", "own", "1");
    }
    follows(replica, primary.port());
    eventually(() -> assertThat(replica.log()).contains("The next attempt to synchronize waits 1"));
    assertThat(primary.syncs.get()).as("at once, later after a wait").isBetween(2, 4);
    assertThat(downReason(replica)).contains("the primary's data can't be loaded");
    assertThat(replica.info("replication", "master_link_status")).isEqualTo("down");
    boolean isWhole = load.equals("swapdb");
    complete(replica, isWhole ? "1" : "0");
    assertThat(replica.call("DBSIZE")).isEqualTo(isWhole ? "1" : "0");
    primary.copy = good;
    tryNow(replica);
    isUp(replica);
    complete(replica, "1");
    assertThat(replica.call("GET", "k")).isEqualTo("v");
    assertThat(replica.call("DBSIZE")).isEqualTo("2");
  }

  /// A primary that sends nothing good, and as much as is taken of it.
  @Test
  void whatComesWhileAScriptRunsIsBoundedAndTakenAfterwards() throws Exception {
    Ours empty = ours();
    Ours replica = ours("repl-diskless-load", "on-empty-db", "busy-reply-threshold", "1");
    follow(replica, empty); // it has a backlog, which it gives up in a stopped world
    Faulty primary = new Faulty(new byte[256 << 20]);
    primary.isHeld.set(true);
    follows(replica, primary.port());
    eventually(() -> assertThat(primary.asked.get()).isEqualTo(1));
    try (Client other = Client.connect("127.0.0.1", replica.port()).timeoutMillis(20_000)) {
      other.send("EVAL", "while true do end", "0");
      other.flush();
      eventually(() -> assertThat(String.valueOf(replica.call("GET", "k"))).startsWith("BUSY"));
      primary.isHeld.set(false);
      long[] before = {-1};
      Awaitility.await()
          .pollInterval(Duration.ofMillis(300))
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> {
                long sent = primary.sentBytes.get();
                boolean stands = sent > 0 && sent == before[0];
                before[0] = sent;
                return stands;
              });
      assertThat(before[0]).as("bytes that were taken").isLessThan(32 << 20);
      replica.call("SCRIPT", "KILL");
      assertThat(other.receive().text()).contains("killed");
    }
    eventually(() -> assertThat(replica.log()).contains("Failed trying to load the MASTER"));
    follow(replica, empty);
    agree(empty, replica);
  }

  // ── the primary's disk ──

  @ParameterizedTest
  @ValueSource(strings = {"CREATE", "WRITE", "SYNC"})
  void aPrimaryWhoseDiskTakesNoCopySaysSo(String act) throws Exception {
    TestDisk disk = new TestDisk();
    Path dir = Files.createDirectory(folder.resolve("full"));
    Ours primary = oursOn(disk, dir, "repl-diskless-sync", "no");
    Ours replica = ours();
    fill(primary);
    replica.call("SET", "own", "stays");
    disk.failWhen((doing, file) -> doing.name().equals(act));
    follows(replica, primary.port());
    eventually(
        () ->
            assertThat(primary.log())
                .containsAnyOf(
                    "BGSAVE for replication failed",
                    "SYNC failed. BGSAVE child returned an error"));
    eventually(() -> assertThat(replica.log()).contains("The next attempt to synchronize waits"));
    assertThat(replica.call("GET", "own")).isEqualTo("stays");
    complete(replica, "1");
    assertThat(primary.call("SET", "taken", "1")).isEqualTo("OK");
    primary.call("CONFIG", "SET", "repl-diskless-sync", "yes"); // no file
    tryNow(replica);
    isUp(replica);
    agree(primary, replica);
  }

  // ── a command of the stream that fails ──

  @ParameterizedTest
  @ValueSource(strings = {"", "panic", "panic-on-replicas"})
  void anErrorOfTheStreamEndsTheLinkAndACauseThatStaysKeepsItDown(String behavior)
      throws Exception {
    Ours primary = ours();
    Ours replica = behavior.isEmpty() ? ours() : ours("propagation-error-behavior", behavior);
    fill(primary);
    follow(replica, primary);
    primary.call("DEBUG", "REPLICATE", "LPUSH", "s1", "of another type");
    eventually(() -> assertThat(primary.info("stats", "sync_full")).isEqualTo("2"));
    isUp(replica);
    agree(primary, replica);
    primary.call("DEBUG", "REPLICATE", "LPUSH", "s1", "of another type");
    eventually(
        () -> assertThat(replica.log()).contains("The next attempt to synchronize waits 1 s."));
    eventually(
        () -> assertThat(replica.log()).contains("The stream of the primary can't be applied"));
    eventually(() -> assertThat(downReason(replica)).contains("WRONGTYPE"));
    assertThat(replica.info("replication", "master_link_status")).isEqualTo("down");
    tryNow(replica);
    isUp(replica);
    agree(primary, replica);
    assertThat(replica.info("stats", "unexpected_error_replies")).isEqualTo("2");
  }

  @ParameterizedTest
  @ValueSource(strings = {"in the file", "by CONFIG SET", "writable"})
  void whoAsksForItGetsAStreamThatGoesOnBehindAnError(String how) throws Exception {
    Ours primary = ours();
    Ours replica =
        switch (how) {
          case "in the file" -> ours("propagation-error-behavior", "ignore");
          case "writable" -> ours("replica-read-only", "no");
          default -> ours();
        };
    fill(primary);
    follow(replica, primary);
    if (how.equals("by CONFIG SET")) {
      assertThat(replica.call("CONFIG", "SET", "propagation-error-behavior", "ignore"))
          .isEqualTo("OK");
    }
    primary.call("DEBUG", "REPLICATE", "LPUSH", "s1", "of another type");
    primary.call("SET", "behind", "1");
    agree(primary, replica);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("1");
    assertThat(replica.info("stats", "unexpected_error_replies")).isEqualTo("1");
    assertThat(replica.log())
        .contains("== CRITICAL == This replica is sending an error to its master: '-WRONGTYPE");
    assertThat(replica.call("GET", "behind")).isEqualTo("1");
  }

  // ── a replica that is too slow ──

  @Test
  void aReplicaThatTakesTooLittleIsCutWithItsReasonAndCostsNoMoreThanItsLimit() throws Exception {
    Ours primary =
        ours("client-output-buffer-limit", "replica 2mb 0 0", "repl-backlog-size", "16kb");
    try (Client slow = Client.connect("127.0.0.1", primary.port()).timeoutMillis(20_000)) {
      call(slow, "REPLCONF", "listening-port", "7", "capa", "psync2");
      slow.send("PSYNC", "?", "-1");
      slow.flush();
      assertThat(slow.receive().text()).startsWith("FULLRESYNC");
      slow.send("REPLCONF", "ACK", "0");
      slow.flush();
      eventually(() -> assertThat(primary.info("replication", "slave0")).contains("state=online"));
      String large = "x".repeat(500_000);
      for (int i = 0; i < 200 && primary.info("replication", "connected_slaves").equals("1"); i++) {
        primary.call("SET", "k" + i, large);
      }
      assertThat(primary.info("replication", "connected_slaves")).isEqualTo("0");
      assertThat(primary.log())
          .contains(
              " scheduled to be closed ASAP for overcoming of output buffer limits.",
              "Replica 127.0.0.1:7 takes the stream too slowly: ",
              "client-output-buffer-limit allows 2097152 bytes, or 0 for 0 seconds (0: no limit).",
              "Connection with replica 127.0.0.1:7 lost.");
      eventually(
          () ->
              assertThat(Long.parseLong(primary.info("memory", "mem_total_replication_buffers")))
                  .isLessThan(4 << 20));
    }
    Ours other = ours();
    follow(other, primary);
    agree(primary, other);
  }

  /// The stream waits for it meanwhile, and the soft limit may be below the size of the backlog.
  @ParameterizedTest
  @ValueSource(strings = {"ours", "real"})
  void theSoftLimitHoldsForAReplicaThatIsStillTakingItsCopy(String kind) throws Exception {
    String[] settings = {"client-output-buffer-limit", "replica 0 500kb 1", "repl-timeout", "3600"};
    Node primary =
        kind.equals("ours")
            ? ours(settings)
            : real("--" + settings[0], settings[1], "--" + settings[2], settings[3]);
    primary.call("CONFIG", "SET", "rdbcompression", "no");
    for (int i = 0; i < 16; i++) {
      primary.call("SET", "large" + i, "x".repeat(1_000_000));
    }
    try (Client slow = Client.connect("127.0.0.1", primary.port()).timeoutMillis(20_000)) {
      call(slow, "REPLCONF", "listening-port", "7", "capa", "eof", "capa", "psync2");
      slow.send("PSYNC", "?", "-1");
      slow.flush();
      assertThat(slow.receive().text()).startsWith("FULLRESYNC");
      primary.call("SET", "k", "x".repeat(400_000));
      assertThat(primary.info("replication", "slave0")).contains("state=wait_bgsave");
      primary.call("SET", "k", "x".repeat(400_000));
      eventually(() -> assertThat(primary.info("replication", "connected_slaves")).isEqualTo("0"));
      assertThat(primary instanceof Ours ours ? ours.log() : log((Real) primary))
          .contains(" for overcoming of output buffer limits.");
    }
  }

  private static String log(Real of) throws IOException {
    return Files.readString(of.redis().directory().resolve("stdout"));
  }

  /// It still takes what waits for it when the next snapshot is written, to a file.
  @Test
  void aSlowReplicaHasNoPartInTheNextSnapshot() throws Exception {
    Ours primary = ours("repl-timeout", "3600", "rdbcompression", "no");
    for (int i = 0; i < 16; i++) {
      primary.call("SET", "large" + i, "x".repeat(1_000_000));
    }
    try (Client slow = Client.connect("127.0.0.1", primary.port()).timeoutMillis(20_000)) {
      call(slow, "REPLCONF", "listening-port", "7", "capa", "eof", "capa", "psync2");
      slow.send("PSYNC", "?", "-1");
      slow.flush();
      eventually(
          () ->
              assertThat(primary.log())
                  .contains("Background RDB transfer terminated with success"));
      assertThat(primary.info("replication", "slave0")).contains("port=7,state=wait_bgsave");
      primary.call("INCR", "n");
      primary.call("CONFIG", "SET", "repl-diskless-sync", "no", "rdb-key-save-delay", "50000");
      Ours first = ours();
      Ours second = ours();
      follows(first, primary.port());
      eventually(
          () -> assertThat(primary.info("persistence", "rdb_bgsave_in_progress")).isEqualTo("1"));
      primary.call("INCR", "n");
      follows(second, primary.port());
      eventually(() -> assertThat(primary.log()).contains("Waiting for end of BGSAVE for SYNC"));
      primary.call("CONFIG", "SET", "rdb-key-save-delay", "0");
      isUp(first);
      isUp(second);
      agree(primary, first, second);
      assertThat(slow.receive().text()).startsWith("FULLRESYNC");
      String mark = readUntil(slow, "\r\n").strip().substring("$EOF:".length());
      assertThat(readUntil(slow, mark)).startsWith("REDIS0");
      slow.send("REPLCONF", "ACK", "0");
      slow.flush();
      eventually(
          () -> assertThat(primary.info("replication", "slave0")).contains("port=7,state=online"));
      assertThat(slow.receive().toString()).as("the stream").contains("SELECT");
    }
  }

  /// What comes up to `end`, behind which nothing comes yet.
  private static String readUntil(Client from, String end) throws IOException {
    StringBuilder text = new StringBuilder();
    byte[] bytes = new byte[64 << 10];
    int most = end.length() > 2 ? bytes.length : 1;
    while (text.indexOf(end, Math.max(0, text.length() - end.length())) < 0) {
      int n = from.readRaw(bytes, 0, most);
      assertThat(n).as("bytes that come behind %s", text.length()).isPositive();
      text.append(new String(bytes, 0, n, StandardCharsets.ISO_8859_1));
    }
    return text.toString();
  }

  @Test
  void whoLoadsForALongTimeSaysThatItIsThere() throws Exception {
    Ours primary = ours();
    try (Client loads = Client.connect("127.0.0.1", primary.port()).timeoutMillis(20_000)) {
      call(loads, "REPLCONF", "listening-port", "7", "capa", "psync2");
      loads.send("PSYNC", "?", "-1");
      loads.send("REPLCONF", "ACK", "0");
      loads.flush();
      eventually(
          () -> assertThat(primary.info("replication", "slave0")).matches(".*online.*lag=[2-9]"));
      eventually(
          () -> {
            loads.sendRaw(new byte[] {'\n'});
            loads.flush();
            assertThat(primary.info("replication", "slave0")).matches(".*online.*lag=0");
          });
    }
  }

  // ── the system's clock ──

  @Test
  void aClockThatIsSetEndsNoLinkAndDelaysNothing() throws Exception {
    AtomicLong set = new AtomicLong();
    Clock clock = clockSetBy(set);
    Ours primary = oursAt(clock, "repl-diskless-sync-delay", "1", "min-replicas-to-write", "1");
    Ours replica = oursAt(clock);
    follow(replica, primary);
    for (long hours : new long[] {5, -5}) {
      set.set(hours * 3_600_000);
      long offset = Long.parseLong(replica.info("replication", "slave_repl_offset"));
      eventually( // some heartbeats, and so some seconds
          () ->
              assertThat(Long.parseLong(replica.info("replication", "slave_repl_offset")))
                  .isGreaterThan(offset + 14));
      assertThat(primary.info("replication", "slave0")).matches(".*,lag=[01]");
      assertThat(primary.call("SET", "k", "" + hours)).isEqualTo("OK");
    }
    Ours late = oursAt(clock);
    follow(late, primary);
    agree(primary, replica, late);
    assertThat(primary.info("stats", "sync_full")).isEqualTo("2");
    assertThat(replica.log()).doesNotContain("lost");
  }

  /// Its replica goes on meanwhile, and may have been promoted.
  @Test
  void whatReplicasAcknowledgedBeforeASleepDoesNotCount() throws Exception {
    AtomicLong slept = new AtomicLong();
    Ours primary = oursAt(clockSetBy(slept), "min-replicas-to-write", "1");
    follow(oursAt(Clock.SYSTEM), primary);
    eventually(() -> assertThat(primary.call("SET", "k", "1")).isEqualTo("OK"));
    eventually( // again, if it has acknowledged something in between
        () -> {
          slept.addAndGet(300_000);
          assertThat(String.valueOf(primary.call("SET", "k", "2"))).contains("NOREPLICAS");
        });
    eventually(() -> assertThat(primary.call("SET", "k", "3")).isEqualTo("OK"));
    assertThat(primary.info("stats", "sync_full")).as("the link stands").isEqualTo("1");
  }

  @Test
  void theDataOfAReplicaIsOlderAfterASleep() throws Exception {
    AtomicLong slept = new AtomicLong();
    Ours primary = oursAt(Clock.SYSTEM, "repl-ping-replica-period", "3600");
    Ours replica = oursAt(clockSetBy(slept));
    follow(replica, primary);
    Replication at = replica.server.replication;
    assertThat(at.primarySilenceMillis()).isLessThan(300_000);
    slept.set(600_000);
    assertThat(at.primarySilenceMillis()).isBetween(600_000L, 900_000L);
    eventually(
        () -> {
          primary.call("SET", "k", "v");
          assertThat(at.primarySilenceMillis()).isLessThan(300_000);
        });
    primary.close();
    eventually(
        () -> assertThat(replica.info("replication", "master_link_status")).isEqualTo("down"));
    slept.addAndGet(600_000);
    assertThat(at.primarySilenceMillis()).isBetween(600_000L, 900_000L);
  }

  /// The system's, but that `millis` has gone further by so much.
  private static Clock clockSetBy(AtomicLong by) {
    return new Clock() {
      @Override
      public long millis() {
        return Clock.SYSTEM.millis() + by.get();
      }

      @Override
      public long nanos() {
        return Clock.SYSTEM.nanos();
      }
    };
  }

  private Ours oursAt(Clock clock, String... settings) throws IOException {
    Path dir = Files.createDirectory(folder.resolve("node" + nodes++));
    Ours made = new Ours(dir, new SystemDisk(), clock, settings);
    open.add(made);
    return made;
  }
}
