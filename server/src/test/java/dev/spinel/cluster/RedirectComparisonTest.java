package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.engine.Clock;
import dev.spinel.server.Fixture;
import dev.spinel.server.LocalSession;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A real node of a cluster and a server of ours that knows of the cluster what the real one does:
/// both answer alike, byte for byte.
///
/// The nodes: A has slots 0 to 8191, B the others, C is a replica of A. Keys: `{a}` has slot 15495,
/// `{b}` 3300, `{c}` 7365.
class RedirectComparisonTest {
  @TempDir private Path folder;
  private final List<AutoCloseable> open = new ArrayList<>();
  private RealRedis a;
  private RealRedis b;
  private RealRedis c;

  @BeforeEach
  void form() throws Exception {
    a = node("a");
    b = node("b");
    c = node("c");
    Assumptions.assumeTrue(a.isSeven2(), "beside a 7.2 only");
    a.call("CLUSTER", "ADDSLOTSRANGE", "0", "8191");
    b.call("CLUSTER", "ADDSLOTSRANGE", "8192", "16383");
    for (RealRedis other : List.of(b, c)) {
      a.call("CLUSTER", "MEET", "127.0.0.1", "" + other.port());
    }
    for (RealRedis each : List.of(a, b, c)) {
      eventually(() -> info(each).contains("cluster_state:ok") && knowsAll(each));
    }
    a.call("FUNCTION", "LOAD", LIBRARY);
    b.call("FUNCTION", "LOAD", LIBRARY);
    c.call("CLUSTER", "REPLICATE", id(a));
    for (RealRedis each : List.of(a, b, c)) {
      eventually(() -> text(each, "CLUSTER", "NODES").contains("slave " + id(a)));
    }
    eventually(() -> text(c, "INFO", "replication").contains("master_link_status:up"));
  }

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  private RealRedis node(String name) throws Exception {
    RealRedis made =
        RealRedis.ready(
            Files.createDirectory(folder.resolve(name)),
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1000",
            "--repl-diskless-sync-delay",
            "0");
    open.add(made);
    return made;
  }

  private static void eventually(java.util.concurrent.Callable<Boolean> holds) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(60))
        .until(holds);
  }

  private static String text(RealRedis of, String... command) throws IOException {
    return String.valueOf(of.call(command));
  }

  private static String info(RealRedis of) throws IOException {
    return text(of, "CLUSTER", "INFO");
  }

  private static boolean knowsAll(RealRedis node) throws IOException {
    String nodes = text(node, "CLUSTER", "NODES");
    return nodes.lines().count() == 3
        && !nodes.contains("handshake")
        && nodes.contains("0-8191")
        && nodes.contains("8192-16383");
  }

  private static String id(RealRedis of) throws IOException {
    return text(of, "CLUSTER", "MYID");
  }

  /// A real node, and ours that stands for it.
  private final class Pair implements AutoCloseable {
    private final RealRedis real;
    private final Client client;
    private final Fixture fixture;
    private final HandCluster cluster;
    private final LocalSession session;
    private final List<String> differences = new ArrayList<>();

    Pair(RealRedis real, String... settings) throws IOException {
      this.real = real;
      client = Client.connect("127.0.0.1", real.port()).timeoutMillis(20_000);
      fixture = new Fixture(Clock.SYSTEM, "cluster-enabled", "yes");
      cluster = new HandCluster(fixture, settings);
      session = fixture.session();
      assertThat(Fixture.say(session, "FUNCTION", "LOAD", LIBRARY)).isEqualTo("$5 flags");
      for (int i = 0; i < settings.length; i += 2) {
        real.call("CONFIG", "SET", settings[i], settings[i + 1]);
      }
      look();
    }

    /// Ours knows what the real one knows now.
    void look() throws IOException {
      cluster.show(text(real, "CLUSTER", "NODES"));
    }

    /// Both are told these lines; within a word `~` is a blank, `\\` the end of a line.
    void play(String lines) throws IOException {
      for (String line : lines.strip().lines().toList()) {
        String[] words = line.strip().split(" ");
        for (int i = 0; i < words.length; i++) {
          words[i] = words[i].replace('~', ' ').replace('\\', '\n');
        }
        client.send(words);
        client.flush();
        String expected = Fixture.text(client.raw());
        String got = Fixture.say(session, words);
        got = got.isEmpty() ? Fixture.text(session.await(20_000)) : got;
        boolean isOfItsRole = expected.contains("-READONLY"); // which ours hasn't
        if (!expected.equals(got) && !isOfItsRole) {
          differences.add(line + "\n  expected " + expected + "\n  but was  " + got);
        }
      }
    }

    @Override
    public void close() {
      client.close();
      fixture.close();
      assertThat(differences).isEmpty();
    }
  }

  private static final String LIBRARY =
      """
      #!lua name=flags
      local function get(keys, args) return redis.call('GET', args[1] or keys[1]) end
      local function set(keys, args) return redis.call('SET', args[1] or keys[1], 'f') end
      redis.register_function('set', set)
      redis.register_function('get', get)
      redis.register_function{function_name='ro', callback=get, flags={'no-writes'}}
      redis.register_function{function_name='any', callback=get, flags={'allow-cross-slot-keys'}}
      redis.register_function{function_name='anyro', callback=get,
        flags={'allow-cross-slot-keys', 'no-writes'}}
      redis.register_function{function_name='alone', callback=get, flags={'no-cluster'}}
      """;

  /// Scripts of old and with flags, that touch the keys that they are given, and others.
  private static String scripts() {
    StringBuilder lines = new StringBuilder();
    List<String> keys =
        List.of(
            "1 b", "1 a", "1 c", "2 b {b}2", "2 b c", "2 a {a}2", "1 {b}absent", "2 b {b}absent");
    List<String> arguments = List.of("b", "a", "c", "{b}2", "{b}absent");
    List<String> given = new ArrayList<>(keys);
    arguments.forEach(each -> given.add("0 " + each));
    arguments.forEach(each -> given.add("1 b " + each));
    for (String how : given) {
      for (String flags :
          List.of(
              "", "#!lua\\", "#!lua~flags=no-writes\\", "#!lua~flags=allow-cross-slot-keys\\")) {
        String body = flags + "return~redis.call('%s',ARGV[1]~or~KEYS[1]%s)";
        lines
            .append("EVAL ")
            .append(body.formatted("GET", ""))
            .append(' ')
            .append(how)
            .append('\n');
        lines
            .append("EVAL ")
            .append(body.formatted("SET", ",1"))
            .append(' ')
            .append(how)
            .append('\n');
        lines
            .append("EVAL_RO ")
            .append(body.formatted("GET", ""))
            .append(' ')
            .append(how)
            .append('\n');
      }
      for (String function : List.of("set", "get", "ro", "any", "anyro", "alone")) {
        lines.append("FCALL ").append(function).append(' ').append(how).append('\n');
        lines.append("FCALL_RO ").append(function).append(' ').append(how).append('\n');
      }
    }
    String get = "EVAL return~redis.call('GET',ARGV[1]~or~KEYS[1]) ";
    return lines
        + """
        EVAL #!lua~flags=no-cluster\\return~1 0
        EVAL #!lua\\redis.call('GET','b')return~redis.call('GET','c') 0
        EVAL #!lua\\redis.call('GET','b')return~redis.call('GET','{b}2') 0
        EVAL #!lua\\redis.pcall('GET','a')return~redis.call('GET','b') 0
        EVAL return~redis.call('MGET','b','c') 0
        EVAL return~redis.call('MGET','b','a') 0
        EVAL return~redis.call('MGET','b','{b}2') 0
        EVAL return~redis.call('PING') 1 b
        EVAL return~redis.call('DBSIZE') 0
        EVAL return~redis.call('PUBLISH','a','m') 0
        EVAL return~redis.call('SPUBLISH','a','m') 0
        EVAL return~redis.call('SPUBLISH','b','m') 1 b
        EVAL return~redis.call('SORT','b','BY','w_*') 1 b
        """
        + "ASKING\n"
        + get
        + "1 b\n"
        + "ASKING\n"
        + get
        + "1 a\n"
        + "ASKING\n"
        + get
        + "0 a\n"
        + "ASKING\n"
        + get
        + "2 b {b}2\nMULTI\n"
        + get
        + "1 b\n"
        + get
        + "0 b\nEXEC\n"
        + "MULTI\n"
        + get
        + "1 b\n"
        + get
        + "1 c\nEXEC\n"
        + "MULTI\n"
        + get
        + "0 a\n"
        + get
        + "0 c\nFCALL ro 0 b\nEXEC\nMULTI\n"
        + get
        + "1 a\nEXEC\n";
  }

  private static final String CALLS =
      """
      GET a
      SET a 1
      GET c
      MGET b {b}2
      MGET b c
      MGET a c
      MGET a {a}2
      GETDEL absent
      MULTI
      GET b
      EXEC
      MULTI
      GET a
      GET b
      EXEC
      EXEC
      MULTI
      GET b
      GET c
      PING
      EXEC
      ASKING
      GET a
      ASKING
      PING
      GET a
      ASKING
      MULTI
      GET a
      EXEC
      MULTI
      ASKING
      EXEC
      GET a
      READONLY
      GET b
      SET b x
      GET a
      MULTI
      GET b
      EXEC
      MULTI
      GET b
      SET b y
      EXEC
      READWRITE
      GET b
      WATCH a
      WATCH b
      WATCH b c
      UNWATCH
      SPUBLISH a m
      SPUBLISH b m
      SPUBLISH c m
      PUBLISH a m
      SSUBSCRIBE a
      SSUBSCRIBE b c
      SUNSUBSCRIBE a
      SUNSUBSCRIBE
      BLPOP a 0.05
      BLPOP b c 0.05
      SORT b BY w_*
      SORT b BY nosort
      SORT b BY nosort GET #
      SORT_RO b GET x
      SELECT 0
      SELECT 1
      SELECT x
      SELECT -1
      SWAPDB 0 0
      MOVE b 1
      MOVE a 1
      COPY b {b}9 DB 0
      COPY b {b}9 DB 1
      COPY b c
      OBJECT ENCODING a
      RESTORE a 0 x
      RESTORE-ASKING a 0 x
      RESTORE-ASKING b 0 x
      MIGRATE 127.0.0.1 1 a 0 10
      MIGRATE 127.0.0.1 1 absent 0 10
      LCS a b
      ZUNIONSTORE b 2 c a
      ZUNION 2 b {b}2
      GEORADIUS b 1 1 1 m STORE c
      SINTERCARD 2 b c
      RESET
      """;

  @Test
  void stableSlots() throws Exception {
    try (Pair pair = new Pair(a)) {
      pair.play("SET b 1\nSET {b}2 2\nSET c 3");
      pair.play(CALLS);
      pair.play(scripts());
      pair.play("READONLY\n" + scripts() + "READWRITE");
      pair.play("DBSIZE\nFLUSHALL\nKEYS *\nRANDOMKEY");
    }
  }

  @Test
  void slotsThatMigrate() throws Exception {
    try (Pair pair = new Pair(a)) {
      pair.play("SET b 1\nSET {b}2 2\nSET {b}3 3 PX 100000\nRPUSH {b}l x\nSET c 3");
      a.call("CLUSTER", "SETSLOT", "3300", "MIGRATING", id(b));
      pair.look();
      pair.play(CALLS);
      pair.play("SET b 1\nSET {b}2 2\nSET c 3\n" + scripts());
      pair.play(
          """
          GET {b}absent
          MGET b {b}absent
          MGET {b}absent {b}absent
          DEL b {b}2
          GET b
          SET b new
          RENAME {b}3 {b}4
          RENAME {b}3 {b}3
          RPUSH {b}l y
          LPUSHX {b}none y
          BLPOP {b}none 0.05
          BLPOP {b}l {b}none 0.05
          BLPOP {b}l 0.05
          MULTI
          GET {b}3
          GET {b}absent
          EXEC
          MULTI
          SET {b}absent 1
          EXEC
          MULTI
          GET {b}3
          SPUBLISH b m
          EXEC
          SPUBLISH {b}absent m
          SSUBSCRIBE {b}absent
          SUNSUBSCRIBE
          RESTORE {b}absent 0 x
          ASKING
          GET {b}absent
          MIGRATE 127.0.0.1 1 {b}absent 0 10
          TOUCH {b}3 {b}4
          EXISTS {b}3
          EXPIRE {b}3 100
          PERSIST {b}4
          """);
      a.call("CLUSTER", "SETSLOT", "3300", "STABLE");
    }
  }

  @Test
  void slotsThatAreImported() throws Exception {
    try (Pair pair = new Pair(b)) {
      b.call("CLUSTER", "SETSLOT", "3300", "IMPORTING", id(a));
      pair.look();
      pair.play(CALLS);
      pair.play(scripts());
      pair.play(
          """
          SET b 1
          ASKING
          SET b 1
          GET b
          ASKING
          GET b
          ASKING
          MGET b {b}2
          ASKING
          MGET {b}2 {b}2
          ASKING
          DEL {b}2 {b}3
          ASKING
          MSET b 1 {b}2 2
          ASKING
          SUNION b {b}2
          ASKING
          MULTI
          SET {b}2 2
          GET b
          EXEC
          GET b
          ASKING
          MGET b {b}2
          MULTI
          ASKING
          GET b
          EXEC
          RESTORE b 0 x
          RESTORE-ASKING b 0 x
          ASKING
          SPUBLISH b m
          SPUBLISH b m
          ASKING
          BLPOP {b}2 0.05
          MIGRATE 127.0.0.1 1 {b}absent 0 10
          ASKING
          DEL b {b}2
          """);
      b.call("CLUSTER", "SETSLOT", "3300", "STABLE");
    }
  }

  @Test
  void aReplica() throws Exception {
    try (Pair pair = new Pair(c)) {
      pair.play(CALLS.replace("SWAPDB 0 0\n", "")); // which a replica refuses, and ours is none
      pair.play(scripts());
      pair.play("READONLY\n" + scripts() + "READWRITE");
    }
  }

  @Test
  void hostnamesAndUnknownEndpoints() throws Exception {
    b.call("CONFIG", "SET", "cluster-announce-hostname", "host-b.example");
    eventually(() -> text(a, "CLUSTER", "NODES").contains("host-b.example"));
    for (String type : List.of("ip", "hostname", "unknown-endpoint")) {
      try (Pair pair = new Pair(a, "cluster-preferred-endpoint-type", type)) {
        pair.play("GET a");
      }
      try (Pair pair = new Pair(b, "cluster-preferred-endpoint-type", type)) {
        pair.play("GET b");
      }
    }
  }

  @Test
  void aClusterThatIsDown() throws Exception {
    a.call("CONFIG", "SET", "cluster-require-full-coverage", "no");
    b.close();
    c.close();
    eventually(() -> info(a).contains("cluster_state:fail"));
    for (String reads : List.of("no", "yes")) {
      for (String channels : List.of("no", "yes")) {
        try (Pair pair =
            new Pair(
                a,
                "cluster-allow-reads-when-down",
                reads,
                "cluster-allow-pubsubshard-when-down",
                channels)) {
          pair.play(CALLS);
          pair.play(scripts());
          pair.play("FLUSHALL\nDBSIZE");
        }
      }
    }
  }

  @Test
  void slotsThatNobodyHas() throws Exception {
    a.call("CONFIG", "SET", "cluster-require-full-coverage", "no");
    eventually(() -> info(a).contains("cluster_state:ok"));
    a.call("CLUSTER", "DELSLOTS", "3300");
    try (Pair pair = new Pair(a)) {
      eventually(() -> info(a).contains("cluster_state:ok"));
      pair.look();
      if (!text(a, "CLUSTER", "NODES").contains("3300")) {
        pair.play("GET b\nMGET b c\nMGET c b\nSPUBLISH b m\nMULTI\nGET b\nEXEC");
      }
    }
  }
}
