package dev.spinel.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.Spinel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(150) // a stock Sentinel on a busy machine does nothing for half a minute (TILT)
class UpTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void saysWhatRunsAndHowToConnectAndEndsWithShutdown(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> status =
        started("store", "--port", "0", "--dir", directory.toString());
    await().until(() -> text(out).contains("Ctrl-C ends it."));

    Matcher port = Pattern.compile("one store at 127\\.0\\.0\\.1:(\\d+)").matcher(text(out));
    assertThat(port.find()).isTrue();
    assertThat(text(out))
        .contains("Its data and logs are kept in " + directory.resolve("store") + ",")
        .contains("redis-cli -p " + port.group(1))
        .contains("RedisClient.create(\"127.0.0.1\", " + port.group(1) + ")");

    shutDown(Integer.parseInt(port.group(1)));
    assertThat(status.get(20, TimeUnit.SECONDS)).isZero();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void findsItsDataAgain(@TempDir Path directory) throws Exception {
    assertThat(session(directory, "GET greeting", "SET greeting hello")).startsWith("$-1");
    assertThat(session(directory, "GET greeting")).startsWith("$5");
    assertThat(directory.resolve("store/appendonlydir/appendonly.aof.1.incr.aof"))
        .content()
        .contains("greeting");
    assertThat(directory.resolve("store/dump.rdb")).doesNotExist();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void takesOverTheDumpOfAnEarlierVersion(@TempDir Path directory) throws Exception {
    try (Spinel earlier = Spinel.start("dir", directory.toString())) {
      say(earlier.port(), "SET greeting hello\r\nSAVE\r\nQUIT\r\n");
    }
    byte[] dump = Files.readAllBytes(directory.resolve("dump.rdb"));
    assertThat(session(directory, "GET greeting", "SET more yes")).startsWith("$5");
    assertThat(text(out)).contains("The data of " + directory.resolve("dump.rdb"));
    assertThat(session(directory, "EXISTS greeting more")).startsWith(":2");
    assertThat(text(out)).doesNotContain("The data of");
    assertThat(directory.resolve("dump.rdb")).hasBinaryContent(dump);
    assertThat(text(err)).isEmpty();
  }

  @Test
  void whatWasLoadedFromADumpIsInTheAppendOnlyFileBeforeItSaysThatItIsUp(@TempDir Path directory)
      throws Exception {
    Path store = Files.createDirectory(directory.resolve("store"));
    try (Spinel other = Spinel.start("dir", store.toString())) {
      say(other.port(), "SET greeting hello\r\nSAVE\r\nQUIT\r\n");
    }
    assertThat(session(directory, "EXISTS greeting")).startsWith(":1");
    Files.delete(store.resolve("dump.rdb"));
    assertThat(session(directory, "EXISTS greeting")).startsWith(":1");
  }

  @Test
  void dataThatCannotBeLoadedIsOneLineAndStatusOne(@TempDir Path directory) throws Exception {
    Files.writeString(directory.resolve("dump.rdb"), "no such thing");
    for (int starts = 0; starts < 2; starts++) {
      assertThat(run("store", "--port", "0", "--dir", directory.toString())).isEqualTo(1);
      assertThat(text(err)).contains("spinel up: the data can't be loaded: Wrong signature");
      assertThat(directory.resolve("dump.rdb")).hasContent("no such thing");
      assertThat(directory.resolve("store/dump.rdb")).doesNotExist();
    }
  }

  @Test
  void aFolderThatAnotherStoreHasIsOneLineAndStatusOne(@TempDir Path directory) throws Exception {
    Path store = Files.createDirectory(directory.resolve("store"));
    try (Spinel other = Spinel.start("dir", store.toString(), "appendonly", "yes")) {
      assertThat(run("store", "--port", "0", "--dir", directory.toString())).isEqualTo(1);
      assertThat(text(err)).contains(" is in use by process ").contains("with --dir)");
      assertThat(text(out)).isEmpty();
      assertThat(other.port()).isPositive();
    }
  }

  @Test
  void aPrimaryWithReplicasIsShownAndFollowed(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> status =
        started("replication", "--replicas", "1", "--port", "0", "--dir", "" + directory);
    await().atMost(30, TimeUnit.SECONDS).until(() -> text(out).contains("node-2"));
    Matcher ports = Pattern.compile("node-. +127\\.0\\.0\\.1:(\\d+) +(.*)").matcher(text(out));
    assertThat(ports.find()).isTrue();
    int primary = Integer.parseInt(ports.group(1));
    assertThat(ports.group(2)).startsWith("primary, offset ");
    assertThat(ports.find()).isTrue();
    int replica = Integer.parseInt(ports.group(1));
    assertThat(ports.group(2)).startsWith("replica of node-1, in sync, offset ");

    say(replica, "REPLICAOF NO ONE\r\nQUIT\r\n");
    await().until(() -> text(out).contains("node-2: primary\n"));
    assertThat(directory.resolve("replication/roles")).hasContent("node-1\nnode-2\n");

    shutDown(primary);
    await().until(() -> text(out).contains("node-1: doesn't run\n"));
    shutDown(replica);
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void aPasswordIsWantedOfClientsAndKnownToReplicas(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> status =
        started(
            "replication",
            "--replicas",
            "1",
            "--password",
            "a \"b",
            "--port",
            "0",
            "--dir",
            "" + directory);
    await().atMost(30, TimeUnit.SECONDS).until(() -> text(out).contains("node-2"));
    Matcher ports = Pattern.compile("node-. +127\\.0\\.0\\.1:(\\d+) +(.*)").matcher(text(out));
    assertThat(text(out)).contains(" -a PASSWORD").doesNotContain("a \"b");
    for (String role : List.of("primary, offset ", "replica of node-1, in sync, offset ")) {
      assertThat(ports.find()).isTrue();
      assertThat(ports.group(2)).startsWith(role);
      int port = Integer.parseInt(ports.group(1));
      assertThat(say(port, "GET k\r\nQUIT\r\n")).startsWith("-NOAUTH");
      assertThat(say(port, "AUTH \"a \\\"b\"\r\nGET k\r\nQUIT\r\n")).startsWith("+OK\r\n$-1");
    }
    steered(directory, "down");
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void aClusterIsShownAndFollowed(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> status = started("--port", "0", "--dir", directory.toString());
    await().atMost(50, TimeUnit.SECONDS).until(() -> text(out).contains("serves all slots"));
    assertThat(text(out)).contains("a cluster of 3 primaries and 3 replicas", "redis-cli -c -p ");
    Matcher nodes = Pattern.compile("node-. +127\\.0\\.0\\.1:(\\d+) +(.*)").matcher(text(out));
    List<Integer> ports = new ArrayList<>();
    List<String> words = new ArrayList<>();
    while (nodes.find()) {
      ports.add(Integer.parseInt(nodes.group(1)));
      words.add(nodes.group(2));
    }
    assertThat(words).hasSize(6);
    assertThat(words.get(0)).startsWith("primary of slots 0-5460, offset ");
    assertThat(words.get(5)).startsWith("replica of node-3, in sync, offset ");

    shutDown(ports.get(0));
    await().until(() -> text(out).contains("node-1: doesn't run\n"));
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(() -> text(out).contains("node-4: primary of slots 0-5460\n"));
    for (int port : ports.subList(1, 6)) {
      shutDown(port);
    }
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void whoeverJoinsFromElsewhereIsShown(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> status =
        started("--primaries", "3", "--replicas", "0", "--port", "0", "--dir", "" + directory);
    await().atMost(50, TimeUnit.SECONDS).until(() -> text(out).contains("serves all slots"));
    Matcher first = Pattern.compile("node-1 +127\\.0\\.0\\.1:(\\d+)").matcher(text(out));
    assertThat(first.find()).isTrue();
    int bus;
    try (ServerSocket probe = new ServerSocket(0)) {
      bus = probe.getLocalPort();
    }
    Path folder = Files.createDirectory(directory.resolve("other"));
    try (Spinel other =
        Spinel.start(
            "cluster-enabled", "yes", "cluster-port", "" + bus, "dir", folder.toString())) {
      String at = "127.0.0.1:" + other.port();
      say(
          Integer.parseInt(first.group(1)),
          "CLUSTER MEET 127.0.0.1 " + other.port() + " " + bus + "\r\nQUIT\r\n");
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() -> text(out).contains(at + ": joined, primary without slots\n"));
      assertThat(steered(directory, "status"))
          .contains("  joined   " + at + "  primary without slots\n");
      String id = say(other.port(), "CLUSTER MYID\r\nQUIT\r\n").split("\r\n")[1];
      for (Matcher node = Pattern.compile("node-. +127\\.0\\.0\\.1:(\\d+)").matcher(text(out));
          node.find(); ) {
        say(Integer.parseInt(node.group(1)), "CLUSTER FORGET " + id + "\r\nQUIT\r\n");
      }
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() -> text(out).contains(at + ": isn't known any more\n"));
    }
    steered(directory, "down");
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
  }

  @Test
  void sentinelsAreShownAndAReplicaTakesOver(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> status =
        started("sentinel", "--replicas", "1", "--port", "0", "--dir", "" + directory);
    await().atMost(50, TimeUnit.SECONDS).until(() -> text(out).contains("sentinel-3"));
    assertThat(text(out)).contains("sentinel get-master-addr-by-name mymaster");
    Matcher ports = Pattern.compile("node-. +127\\.0\\.0\\.1:(\\d+) +(.*)").matcher(text(out));
    assertThat(ports.find()).isTrue();
    int primary = Integer.parseInt(ports.group(1));
    assertThat(ports.find()).isTrue();
    int replica = Integer.parseInt(ports.group(1));
    shutDown(primary);
    await().atMost(40, TimeUnit.SECONDS).until(() -> text(out).contains("node-2: primary\n"));
    shutDown(replica);
    assertThat(status.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(text(err)).isEmpty();
  }

  // ── what is done to it from elsewhere ──

  @Test
  void aNodeIsKilledAndRestartedFromElsewhere(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> cluster = started("--port", "0", "--dir", "" + directory);
    await().atMost(50, TimeUnit.SECONDS).until(() -> text(out).contains("serves all slots"));
    assertThat(run("--port", "0", "--dir", "" + directory)).isEqualTo(1);
    assertThat(text(err)).contains("a cluster runs already").contains("spinel down");
    err.reset();

    Matcher first = Pattern.compile("node-1 +127\\.0\\.0\\.1:(\\d+)").matcher(text(out));
    assertThat(first.find()).isTrue();
    String port = first.group(1);
    assertSteers("node-1 (port " + port + ") is killed\n", directory, "kill", port);
    assertRefuses("node-1 doesn't run; start it: spinel restart", directory, "kill", "node-1");
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(() -> text(out).contains("the slots of node-1 wait for a replica to take over\n"));
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(() -> text(out).contains("node-4: primary of slots 0-5460\n"));
    assertSteers("node-1 (port " + port + ") is started again\n", directory, "restart", "node-1");
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(() -> text(out).contains("node-1: replica of node-4, in sync\n"));
    assertThat(steered(directory, "status"))
        .startsWith("cluster: a cluster of 3 primaries and 3 replicas, in " + directory)
        .contains("node-4   127.0.0.1:", "primary of slots 0-5460", "serves all slots");

    assertRefuses("there is no node 'node-7', but node-1 (", directory, "kill", "node-7");
    assertRefuses("'primary' may be any of node-2 (", directory, "kill", "primary");
    assertRefuses("kill which node?", directory, "kill");
    assertRefuses("no store of spinel up runs in " + directory, directory, "kill", "store", "x");
    assertRefuses("unknown option '--port'", directory, "kill", "--port");

    assertThat(steered(directory, "down")).startsWith("cluster: ").endsWith(" has ended\n");
    assertThat(cluster.get(30, TimeUnit.SECONDS)).isZero();
    assertRefuses("nothing of spinel up runs in " + directory, directory, "status");
    assertThat(directory.resolve("cluster/up")).doesNotExist();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void severalRunSideBySide(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> store = started("store", "--port", "0", "--dir", "" + directory);
    await().until(() -> text(out).contains("Ctrl-C ends it."));
    CompletableFuture<Integer> sentinel =
        started("sentinel", "--replicas", "1", "--port", "0", "--dir", "" + directory);
    await().atMost(50, TimeUnit.SECONDS).until(() -> text(out).contains("sentinel-3"));

    assertThat(steered(directory, "status")).contains("store: one store", "sentinel: a primary, 1");
    assertRefuses("no cluster of spinel up runs", directory, "kill", "cluster", "primary");
    assertRefuses(
        "there is a primary in store and sentinel: name one, as in: spinel kill store primary",
        directory,
        "kill",
        "primary");
    assertRefuses("store and sentinel run: name one", directory, "down");
    assertThat(steered(directory, "kill", "store")).startsWith("store (port ");
    assertThat(steered(directory, "restart", "store")).endsWith(" is started again\n");
    assertThat(steered(directory, "kill", "sentinel-3")).startsWith("sentinel-3 (port ");
    await().until(() -> text(out).contains("sentinel-3: doesn't run\n"));
    assertThat(steered(directory, "kill", "sentinel", "primary")).startsWith("node-1 (port ");
    await().atMost(40, TimeUnit.SECONDS).until(() -> text(out).contains("node-2: primary\n"));
    steered(directory, "down", "store");
    assertThat(store.get(30, TimeUnit.SECONDS)).isZero();
    steered(directory, "down");
    assertThat(sentinel.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void detachedItRunsOnAlone(@TempDir Path directory) throws Exception {
    String[] order = {"replication", "--replicas", "1", "--port", "0", "--dir", "" + directory};
    assertThat(run(with(order, "--detach"))).as(() -> text(err)).isZero();
    assertThat(text(out))
        .contains("a primary and 1 replicas at 127.0.0.1", "spinel down --dir " + directory)
        .contains("node-2", "in sync")
        .doesNotContain("Ctrl-C");
    Matcher process = Pattern.compile("process (\\d+)").matcher(text(out));
    assertThat(process.find()).isTrue();
    long pid = Long.parseLong(process.group(1));
    assertThat(pid).isNotEqualTo(ProcessHandle.current().pid());
    assertThat(steered(directory, "status")).contains("(process " + pid + ")");
    steered(directory, "down");
    assertThat(ProcessHandle.of(pid).filter(ProcessHandle::isAlive)).isEmpty();
    assertThat(directory.resolve("replication/up.log")).content().contains("node-1");

    Files.writeString(directory.resolve("replication/roles"), "the king\n");
    assertThat(run(with(order, "-d"))).isEqualTo(1);
    assertThat(text(err))
        .startsWith("spinel up: ")
        .contains("node-1 was expected, not 'the king'")
        .hasLineCount(1);
  }

  @Test
  void anotherEngineIsAProcessForEachNode(@TempDir Path directory) throws Exception {
    assumeTrue(Order.inPath("redis-server") != null, "no redis-server on the PATH");
    CompletableFuture<Integer> sentinel =
        started(
            "sentinel",
            "--engine",
            "redis",
            "--replicas",
            "1",
            "--password",
            "a \"b",
            "--port",
            "0",
            "--dir",
            "" + directory);
    await().atMost(50, TimeUnit.SECONDS).until(() -> text(out).contains("sentinel-3"));
    assertThat(text(out)).contains("each a process of ", "redis-server");
    assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive)).hasSize(5);
    steered(directory, "kill", "primary");
    await().atMost(100, TimeUnit.SECONDS).until(() -> text(out).contains("node-2: primary\n"));
    steered(directory, "restart", "node-1");
    await()
        .atMost(30, TimeUnit.SECONDS)
        .until(() -> text(out).contains("node-1: replica of node-2, in sync\n"));
    steered(directory, "down");
    assertThat(sentinel.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive)).isEmpty();
    assertThat(text(err)).isEmpty();
  }

  @Test
  void anotherEngineLeavesAStrangersServerAlone(@TempDir Path directory) throws Exception {
    assumeTrue(Order.inPath("redis-server") != null, "no redis-server on the PATH");
    try (Spinel stranger = Spinel.start()) {
      String asked = "CONFIG GET appendonly\r\nROLE\r\nACL WHOAMI\r\nQUIT\r\n";
      String before = say(stranger.port(), asked);
      String port = "" + stranger.port();
      String dir = "" + directory;
      assertThat(run("store", "--engine", "redis", "--port", port, "--dir", dir)).isEqualTo(1);
      assertThat(text(err))
          .startsWith("spinel up: ")
          .contains(port, "(choose another with --port)")
          .hasLineCount(1);
      assertThat(text(out)).isEmpty();
      assertThat(say(stranger.port(), asked)).isEqualTo(before);
    }
    assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive)).isEmpty();
  }

  @Test
  void aTooLongRequestIsGivenUpAndTheNextIsAnswered(@TempDir Path directory) throws Exception {
    CompletableFuture<Integer> store = started("store", "--port", "0", "--dir", "" + directory);
    await().until(() -> text(out).contains("Ctrl-C ends it."));
    String file = Files.readString(directory.resolve("store/up"));
    Matcher port = Pattern.compile("port (\\d+)").matcher(file);
    assertThat(port.find()).isTrue();
    assertThat(say(Integer.parseInt(port.group(1)), "x".repeat(1000))).isEmpty();
    assertThat(steered(directory, "down")).endsWith(" has ended\n");
    assertThat(store.get(30, TimeUnit.SECONDS)).isZero();
  }

  @Test
  @Timeout(60) // a reply to anything but a ping may take longer
  void aCrashedOnesFileWhosePortIsAStrangersCountsAsNothing(@TempDir Path directory)
      throws Exception {
    try (ServerSocket stranger = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      Files.createDirectory(directory.resolve("store"));
      Files.writeString(
          directory.resolve("store/up"),
          "process 1\nport " + stranger.getLocalPort() + "\ntoken abc\n");
      assertRefuses("nothing of spinel up runs in " + directory, directory, "status");
    }
  }

  private static String[] with(String[] words, String more) {
    String[] all = Arrays.copyOf(words, words.length + 1);
    all[words.length] = more;
    return all;
  }

  private String steered(Path directory, String... words) {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream to = new PrintStream(said, true);
    String[] all = Arrays.copyOf(words, words.length + 2);
    all[words.length] = "--dir";
    all[words.length + 1] = directory.toString();
    int status = new Steer(to, to).run(all);
    return status == 0 ? text(said) : "status " + status + ": " + text(said);
  }

  private void assertSteers(String wanted, Path directory, String... words) {
    assertThat(steered(directory, words)).isEqualTo(wanted);
  }

  private void assertRefuses(String reason, Path directory, String... words) {
    assertThat(steered(directory, words))
        .startsWith("status 1: spinel " + words[0] + ": ")
        .contains(reason);
  }

  @Test
  void aPortInUseIsOneLineAndStatusOne(@TempDir Path directory) {
    try (Spinel other = Spinel.start()) {
      assertThat(run("store", "--port", "" + other.port(), "--dir", directory.toString()))
          .isEqualTo(1);
      assertThat(text(err))
          .isEqualTo(
              "spinel up: can't listen at 127.0.0.1:%d: Address already in use (choose another with --port)\n"
                  .formatted(other.port()));
      assertThat(text(out)).isEmpty();
    }
  }

  @Test
  void whatItDoesNotKnowIsOneLineAndStatusOne(@TempDir Path directory) {
    assertRefused("unknown option '--prot'", "--prot", "6379");
    assertRefused("--port needs a value", "--port");
    assertRefused(
        "--replicas takes a number from 0 to 99, not 'x'", "replication", "--replicas", "x");
    assertRefused("--password needs a value", "replication", "--password", "");
    assertRefused(
        "a single store takes neither --replicas nor --password", "store", "--replicas", "2");
    assertRefused("--primaries is a cluster's", "replication", "--primaries", "3");
    assertRefused("--primaries takes a number from 3 to 100, not '2'", "--primaries", "2");
    assertRefused("--port takes a number from 0 to 65535, not '65536'", "--port", "65536");
    assertRefused("--port takes a number from 0 to 65535, not 'redis'", "--port", "redis");
    assertRefused("--sentinels goes with the word sentinel", "replication", "--sentinels", "3");
    assertRefused(
        "--engine takes spinel, redis or valkey, not 'memcached'", "--engine", "memcached");
    assertRefused("--engine spinel takes no path", "--engine", "spinel=/bin/true");
    assertRefused("--engine: no such program: /no/where", "--engine", "redis=/no/where");
    Path missing = directory.resolve("missing");
    assertRefused("--dir: no such folder: " + missing, "--dir", missing.toString());
    assertRefused("--dir: no such folder: no\0name", "--dir", "no\0name");
  }

  @Test
  void helpNamesItsOptions() {
    assertThat(run("--help")).isZero();
    assertThat(text(out)).contains("--port N", "--dir D");
    assertThat(text(err)).isEmpty();
  }

  private void assertRefused(String reason, String... arguments) {
    err.reset();
    assertThat(run(arguments)).isEqualTo(1);
    assertThat(text(err)).isEqualTo("spinel up: " + reason + " (spinel up --help)\n");
    assertThat(text(out)).isEmpty();
  }

  private int run(String... arguments) {
    return new Up(new PrintStream(out, true), new PrintStream(err, true)).run(arguments);
  }

  /// In a thread of its own: several may wait at the same time.
  private CompletableFuture<Integer> started(String... arguments) {
    return CompletableFuture.supplyAsync(
        () -> run(arguments), task -> new Thread(task, "up").start());
  }

  /// Starts it, says something, ends it, and returns the replies.
  private String session(Path directory, String... commands) throws Exception {
    out.reset();
    CompletableFuture<Integer> status =
        started("store", "--port", "0", "--dir", directory.toString());
    await().until(() -> text(out).contains("Ctrl-C ends it."));
    Matcher port = Pattern.compile("127\\.0\\.0\\.1:(\\d+)").matcher(text(out));
    assertThat(port.find()).isTrue();
    String said =
        say(Integer.parseInt(port.group(1)), String.join("\r\n", commands) + "\r\nSHUTDOWN\r\n");
    assertThat(status.get(20, TimeUnit.SECONDS)).isZero();
    return said;
  }

  private static void shutDown(int port) throws IOException {
    say(port, "SHUTDOWN NOSAVE\r\n");
  }

  /// All replies, up to the end of the connection.
  private static String say(int port, String commands) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", port)) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(commands.getBytes(StandardCharsets.US_ASCII));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  private static String text(ByteArrayOutputStream stream) {
    return stream.toString(StandardCharsets.UTF_8);
  }
}
