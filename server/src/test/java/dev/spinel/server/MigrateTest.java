package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// MIGRATE between servers, ours and real ones.
class MigrateTest {
  @TempDir private Path folder;
  private final List<AutoCloseable> open = new ArrayList<>();
  private final List<ByteArrayOutputStream> logs = new ArrayList<>();

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
    for (ByteArrayOutputStream log : logs) {
      assertThat(log.toString(StandardCharsets.UTF_8)).doesNotContain("A bug");
    }
  }

  private Server ours(String... settings) throws IOException {
    List<String> all =
        new ArrayList<>(List.of("port", "0", "bind", "127.0.0.1", "save", "", "event-loops", "2"));
    all.addAll(List.of("enable-debug-command", "yes"));
    all.addAll(List.of("dir", Files.createTempDirectory(folder, "ours").toString()));
    all.addAll(List.of(settings));
    Config config = Config.of(all.toArray(new String[0]));
    var log = new ByteArrayOutputStream();
    logs.add(log);
    Server server = new Server(config, new Log(config, log), Clock.SYSTEM);
    server.startAtAnyPort();
    open.add(server);
    return server;
  }

  private RealRedis real(String... settings) throws Exception {
    RealRedis made = RealRedis.ready(Files.createTempDirectory(folder, "real"), settings);
    open.add(made);
    return made;
  }

  private Client client(int port) throws IOException {
    Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
    open.add(client);
    return client;
  }

  /// The reply to one command, as text, `\r\n` as one blank.
  private static String ask(Client client, String... words) throws IOException {
    client.send(words);
    client.flush();
    return Fixture.text(client.raw());
  }

  private static String migrate(Client from, int port, String... rest) throws IOException {
    List<String> words = new ArrayList<>(List.of("MIGRATE", "127.0.0.1", "" + port));
    words.addAll(List.of(rest));
    return ask(from, words.toArray(new String[0]));
  }

  @Test
  void aConnectionIsKeptForTheNextTransfer() throws IOException {
    Server from = ours();
    Server to = ours();
    Client client = client(from.port());
    assertThat(ask(client, "INFO", "stats")).contains("migrate_cached_sockets:0");
    ask(client, "SET", "k", "v");
    assertThat(migrate(client, to.port(), "k", "0", "1000")).isEqualTo("+OK");
    assertThat(ask(client, "INFO", "stats")).contains("migrate_cached_sockets:1");
  }

  /// The transfer's time counts from its own beginning, not from that of the loop's turn.
  @Test
  void aTransferAfterALongCallInTheSameTurnHasItsTime() throws IOException {
    Server from = ours();
    Server to = ours();
    Client client = client(from.port());
    ask(client, "SET", "k", "v");
    client.send("DEBUG", "SLEEP", "1.2");
    client.send("MIGRATE", "127.0.0.1", "" + to.port(), "k", "0", "1000");
    client.flush();
    assertThat(Fixture.text(client.raw())).isEqualTo("+OK");
    assertThat(Fixture.text(client.raw())).isEqualTo("+OK");
    assertThat(ask(client(to.port()), "EXISTS", "k")).isEqualTo(":1");
  }

  // ── beside a real one ──

  /// Each line is said to the source (`$` stands for the target's host and port), to the target
  /// after a `>`, or is answered by both.
  private static final String STORY =
      """
      MIGRATE $ absent 0 1000
      SET k1 v1
      SET k2 v2 PX 100000
      RPUSH l a b c
      HSET h f v g w
      ZADD z 1 a 2.5 b
      SADD s 1 2 3
      MIGRATE $ k1 0 1000
      GET k1
      > GET k1
      MIGRATE $ k1 0 1000
      MIGRATE $ k2 0 1000 COPY
      EXISTS k2
      > EXISTS k2
      MIGRATE $ k2 0 1000
      MIGRATE $ k2 0 1000 REPLACE
      EXISTS k2
      SET k1 other
      MIGRATE $ "" 0 1000 KEYS k1 l h
      EXISTS k1 l h
      > LRANGE l 0 -1
      MIGRATE $ "" 0 1000 REPLACE KEYS k1 absent z s k1
      EXISTS k1 z s
      > ZRANGE z 0 -1 WITHSCORES
      > GET k1
      MIGRATE $ "" 0 1000 KEYS
      MIGRATE $ "" 0 1000
      MIGRATE $ k 0 1000 KEYS a b
      MIGRATE $ k 0 1000 ODD
      MIGRATE $ k 0 1000 AUTH
      MIGRATE $ k 0 1000 AUTH2 a
      MIGRATE $ k x 1000
      MIGRATE $ k 0 x
      MIGRATE $ k x y
      MIGRATE $ k 0
      SET k v
      MIGRATE $ k 99 1000
      MIGRATE $ k 5 0
      > SELECT 5
      > GET k
      > SELECT 0
      SET k v
      MIGRATE $ k 5 1000 COPY AUTH wrong
      MIGRATE $ k 5 1000 COPY REPLACE AUTH2 default any
      MIGRATE $ k 0 1000
      > GET k
      MIGRATE 127.0.0.1 1 k2 0 100
      SET k2 v
      MIGRATE 127.0.0.1 1 k2 0 100
      GET k2
      MULTI
      SET in multi
      MIGRATE $ in 0 1000
      EXISTS in
      EXEC
      > GET in
      MULTI
      MIGRATE $ nothing 0 1000
      MIGRATE $ k2 99 1000
      EXEC
      COMMAND GETKEYS MIGRATE h 1 k 0 0
      COMMAND GETKEYS MIGRATE h 1 "" 0 0 KEYS a b c
      COMMAND GETKEYS MIGRATE h 1 "" 0 0 COPY AUTH keys REPLACE KEYS a b
      COMMAND GETKEYS MIGRATE h 1 x 0 0 KEYS a b c
      > CONFIG SET requirepass secret
      > AUTH secret
      SET locked 1
      MIGRATE $ locked 0 1000 AUTH wrong
      MIGRATE $ locked 0 1000 AUTH secret
      > GET locked
      SET locked 2
      MIGRATE $ locked 0 1000 REPLACE AUTH2 default secret
      > GET locked
      """;

  private static List<String> play(Client source, Client target, int port) throws IOException {
    List<String> replies = new ArrayList<>();
    for (String line : STORY.lines().toList()) {
      boolean toTarget = line.startsWith("> ");
      String said = toTarget ? line.substring(2) : line.replace("$", "127.0.0.1 " + port);
      String[] words = said.split(" ");
      for (int i = 0; i < words.length; i++) {
        words[i] = words[i].equals("\"\"") ? "" : words[i];
      }
      replies.add(line + " → " + ask(toTarget ? target : source, words));
    }
    String found = ask(source, "INFO", "stats").replaceAll("(?s).*(keyspace_hits:\\d+).*", "$1");
    replies.add("at the end: " + found);
    return replies;
  }

  @Test
  void itRepliesAsARealServerWhicheverTheTargetIs() throws Exception {
    int real = real().port();
    int targetOfReal = real().port();
    List<String> expected = play(client(real), client(targetOfReal), targetOfReal);
    int ours = ours().port();
    int ourTarget = ours().port();
    assertThat(play(client(ours), client(ourTarget), ourTarget)).isEqualTo(expected);
    int other = ours().port();
    int realTarget = real().port();
    assertThat(play(client(other), client(realTarget), realTarget)).isEqualTo(expected);
    int second = real().port();
    int ourSecond = ours().port();
    assertThat(play(client(second), client(ourSecond), ourSecond)).isEqualTo(expected);
  }

  // ── large and many ──

  @Test
  void largeValuesGoInPieces() throws Exception {
    Server source = ours();
    Server target = ours();
    Client from = client(source.port());
    Client to = client(target.port());
    for (int i = 0; i < 3; i++) {
      ask(from, "SETRANGE", "large" + i, "20000000", "end" + i);
      ask(from, "SETBIT", "large" + i, "777", "1");
    }
    for (int i = 0; i < 2000; i++) {
      ask(from, "HSET", "hash", "field" + i, "x".repeat(500));
    }
    String digest = ask(from, "DEBUG", "DIGEST");
    assertThat(
            migrate(
                from,
                target.port(),
                "",
                "0",
                "20000",
                "KEYS",
                "large0",
                "large1",
                "large2",
                "hash"))
        .isEqualTo("+OK");
    assertThat(ask(from, "DBSIZE")).isEqualTo(":0");
    assertThat(ask(to, "DEBUG", "DIGEST")).isEqualTo(digest);
    source.awaitReaper();
    assertThat(ask(from, "FLUSHALL")).isEqualTo("+OK");
  }

  // ── what happens meanwhile ──

  /// A target that accepts and keeps silent until it is told otherwise.
  private static final class Silent implements AutoCloseable {
    final ServerSocket socket = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());

    Silent() throws IOException {}

    int port() {
      return socket.getLocalPort();
    }

    /// The next connection, of which `requests` requests have been read.
    Socket accept(int requests) throws IOException {
      Socket made = socket.accept();
      for (int i = 0; i < requests; i++) {
        readRequest(made);
      }
      return made;
    }

    static void readRequest(Socket from) throws IOException {
      int words = Integer.parseInt(line(from).substring(1));
      for (int i = 0; i < words; i++) {
        int length = Integer.parseInt(line(from).substring(1));
        from.getInputStream().readNBytes(length + 2);
      }
    }

    private static String line(Socket from) throws IOException {
      var text = new StringBuilder();
      for (int b; (b = from.getInputStream().read()) != '\n'; ) {
        if (b < 0) {
          throw new IOException("closed");
        }
        text.append((char) b);
      }
      return text.toString().strip();
    }

    static void say(Socket to, String text) throws IOException {
      to.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private Silent silent() throws IOException {
    Silent made = new Silent();
    open.add(made);
    return made;
  }

  private static void send(Client client, String... words) throws IOException {
    client.send(words);
    client.flush();
  }

  private static String reply(Client client) throws IOException {
    return Fixture.text(client.raw());
  }

  private static boolean waits(Client client, String id) throws IOException {
    return ask(client, "CLIENT", "LIST", "ID", id).contains("cmd=");
  }

  @Test
  void meanwhileReadsAreServedAndWritesWait() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client mover = client(source.port());
    Client reader = client(source.port());
    Client writer = client(source.port());
    Client transactor = client(source.port());
    ask(reader, "SET", "k", "v");
    ask(reader, "SET", "other", "1");
    send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "k", "0", "20000");
    try (Socket link = target.accept(2)) {
      assertThat(ask(reader, "GET", "k")).isEqualTo("$1 v");
      assertThat(ask(reader, "APPEND", "other", "2")).isEqualTo(":2");
      send(writer, "APPEND", "k", "w");
      ask(transactor, "MULTI");
      ask(transactor, "SETNX", "k", "second");
      ask(transactor, "INCR", "other");
      send(transactor, "EXEC");
      assertThat(ask(reader, "GET", "k")).isEqualTo("$1 v");
      assertThat(ask(reader, "GET", "other")).isEqualTo("$2 12");
      Silent.say(link, "+OK\r\n+OK\r\n");
      assertThat(reply(mover)).isEqualTo("+OK");
      // which of them comes first is open
      assertThat(reply(writer)).isIn(":1", ":7");
      assertThat(reply(transactor)).isIn("*2 :1 :13", "*2 :0 :13");
      assertThat(ask(reader, "GET", "k")).isIn("$1 w", "$7 secondw");
    }
  }

  @Test
  void whatTheTargetRefusesStaysAndWritersGoOn() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client mover = client(source.port());
    Client reader = client(source.port());
    Client writer = client(source.port());
    ask(reader, "MSET", "a", "1", "b", "1", "c", "1");
    send(
        mover, "MIGRATE", "127.0.0.1", "" + target.port(), "", "0", "20000", "KEYS", "a", "b", "c");
    try (Socket link = target.accept(4)) {
      send(writer, "INCR", "b");
      Silent.say(link, "+OK\r\n+OK\r\n-BUSYKEY no\r\n+OK\r\n");
      assertThat(reply(mover)).isEqualTo("-ERR Target instance replied with error: BUSYKEY no");
      assertThat(reply(writer)).isEqualTo(":2");
      assertThat(ask(reader, "MGET", "a", "b", "c")).isEqualTo("*3 $-1 $1 2 $-1");
    }
  }

  @Test
  void aConnectionThatBreaksInTheMiddleLosesNothing() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client mover = client(source.port());
    Client reader = client(source.port());
    ask(reader, "MSET", "a", "1", "b", "1");
    send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "", "0", "20000", "KEYS", "a", "b");
    try (Socket link = target.accept(3)) {
      Silent.say(link, "+OK\r\n+OK\r\n");
    }
    assertThat(reply(mover)).isEqualTo("-IOERR error or timeout reading to target instance");
    assertThat(ask(reader, "MGET", "a", "b")).isEqualTo("*2 $-1 $1 1");
  }

  @Test
  void beforeAnyKeyHasArrivedItIsTriedOnceMore() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client mover = client(source.port());
    Client reader = client(source.port());
    ask(reader, "SET", "a", "1");
    send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "a", "0", "20000");
    target.accept(2).close();
    try (Socket link = target.accept(2)) {
      Silent.say(link, "+OK\r\n+OK\r\n");
      assertThat(reply(mover)).isEqualTo("+OK");
    }
    ask(reader, "SET", "a", "1");
    Silent other = silent();
    send(mover, "MIGRATE", "127.0.0.1", "" + other.port(), "a", "0", "20000");
    other.accept(2).close();
    other.accept(2).close();
    assertThat(reply(mover)).isEqualTo("-IOERR error or timeout reading to target instance");
    assertThat(ask(reader, "GET", "a")).isEqualTo("$1 1");
  }

  private static String node(char id, String words, int epoch) {
    return String.valueOf(id).repeat(40) + " " + words + " 0 0 " + epoch + " connected";
  }

  /// A node's target says how many replicas it has, and whether one of them has the key.
  @Test
  void aNodeDeletesOnlyWhatAReplicaOfTheTargetHas() throws Exception {
    Silent target = silent();
    Silent alone = silent();
    Path nodes = folder.resolve("nodes.conf");
    Files.writeString(
        nodes,
        node('a', "127.0.0.1:0@0 myself,master -", 1)
            + " 0-16383\n"
            + node('b', "127.0.0.1:%d@1 master -".formatted(target.port()), 2)
            + "\n"
            + node('c', "127.0.0.1:2@2 slave " + "b".repeat(40), 2)
            + "\n"
            + node('d', "127.0.0.1:%d@3 master -".formatted(alone.port()), 3)
            + "\n"
            + node('e', "127.0.0.1:4@4 slave " + "d".repeat(40), 3)
            + "\n"
            + "vars currentEpoch 3 lastVoteEpoch 0\n");
    Server source =
        ours(
            "cluster-enabled", "yes",
            "cluster-node-timeout", "600000",
            "cluster-config-file", nodes.toString());
    Client mover = client(source.port());
    Awaitility.await().until(() -> ask(mover, "SET", "a", "1").equals("+OK"));
    send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "a", "0", "20000");
    String role = "*3\r\n$6\r\nmaster\r\n:7\r\n*%d\r\n";
    String replica = "*3\r\n$9\r\n127.0.0.1\r\n$4\r\n6380\r\n$1\r\n7\r\n";
    try (Socket link = target.accept(3)) { // SELECT, RESTORE-ASKING, WAIT
      Silent.say(link, "+OK\r\n+OK\r\n:0\r\n");
      Silent.readRequest(link);
      Silent.say(link, role.formatted(1) + replica);
      Silent.readRequest(link);
      Silent.say(link, ":0\r\n");
      assertThat(reply(mover)).startsWith("-IOERR no replica of the target instance");
      assertThat(ask(mover, "GET", "a")).isEqualTo("$1 1");
      send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "a", "0", "20000", "REPLACE");
      for (int i = 0; i < 3; i++) Silent.readRequest(link);
      Silent.say(link, "+OK\r\n+OK\r\n:0\r\n");
      Silent.readRequest(link);
      Silent.say(link, role.formatted(1) + replica);
      Silent.readRequest(link);
      Silent.say(link, ":1\r\n");
      assertThat(reply(mover)).isEqualTo("+OK");
      assertThat(ask(mover, "EXISTS", "a")).isEqualTo(":0");
    }
    ask(mover, "MSET", "{a}1", "1", "{a}2", "2");
    send(mover, "MIGRATE", "127.0.0.1", "" + alone.port(), "{a}1", "0", "20000");
    try (Socket link = alone.accept(3)) {
      Silent.say(link, "+OK\r\n+OK\r\n:0\r\n");
      Silent.readRequest(link);
      Silent.say(link, role.formatted(0));
      assertThat(reply(mover)).isEqualTo("+OK");
      send(mover, "MIGRATE", "127.0.0.1", "" + alone.port(), "{a}2", "0", "20000");
      Silent.readRequest(link); // it is asked for nothing more now
      Silent.say(link, "+OK\r\n");
      assertThat(reply(mover)).isEqualTo("+OK");
    }
  }

  /// A replica that acknowledges what it is told to.
  private final class Copy implements AutoCloseable {
    private final Client of;
    private final Socket link;

    Copy(Server primary) throws IOException {
      of = client(primary.port());
      link = new Socket(InetAddress.getLoopbackAddress(), primary.port());
      Silent.say(link, "PSYNC ? -1\r\n");
      Awaitility.await().until(() -> ask(of, "INFO", "replication").contains("state=online"));
    }

    void awaitQuestion() throws IOException {
      var text = new StringBuilder();
      while (text.indexOf("GETACK") < 0) {
        int next = link.getInputStream().read();
        assertThat(next).isNotNegative();
        text.append((char) next);
      }
    }

    void acknowledge() throws IOException {
      String offset = ask(of, "INFO", "replication").split("master_repl_offset:")[1].split(" ")[0];
      Silent.say(
          link,
          "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$%d\r\n%s\r\n".formatted(offset.length(), offset));
    }

    @Override
    public void close() throws IOException {
      link.close();
    }
  }

  /// It doesn't ask for replicas itself, as a stock one.
  @Test
  void aNodeThatMayNotAskForReplicasIsAnsweredOnceOneHasTheKey() throws Exception {
    String[] node = {"cluster-enabled", "yes", "repl-diskless-sync-delay", "0"};
    Server source = ours(node);
    Server target = ours(node);
    Client mover = client(source.port());
    Client reader = client(source.port());
    Client there = client(target.port());
    for (Client each : List.of(reader, there)) {
      ask(each, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      Awaitility.await().until(() -> ask(each, "SET", "{a}", "1").equals("+OK"));
    }
    ask(reader, "MSET", "{a}1", "1", "{a}2", "2", "{a}3", "3");
    String[] migrate = {"MIGRATE", "127.0.0.1", "" + target.port(), "", "0", "20000", "KEYS"};
    try (Copy copy = new Copy(target)) {
      send(mover, words(migrate, "{a}1", "{a}2"));
      for (int i = 0; i < 2; i++) {
        copy.awaitQuestion();
        assertThat(ask(there, "EXISTS", "{a}1", "{a}2")).isEqualTo(":" + (i + 1));
        assertThat(ask(reader, "EXISTS", "{a}1", "{a}2")).isEqualTo(":2");
        copy.acknowledge();
      }
      assertThat(reply(mover)).isEqualTo("+OK");
      assertThat(ask(reader, "EXISTS", "{a}1", "{a}2")).isEqualTo(":0");
      send(mover, words(migrate, "{a}3"));
      copy.awaitQuestion();
    }
    assertThat(reply(mover)).isEqualTo("+OK"); // there is no replica any more
    assertThat(ask(there, "MGET", "{a}1", "{a}2", "{a}3")).isEqualTo("*3 $1 1 $1 2 $1 3");
  }

  private static String[] words(String[] first, String... more) {
    List<String> all = new ArrayList<>(List.of(first));
    all.addAll(List.of(more));
    return all.toArray(new String[0]);
  }

  @Test
  void aSilentTargetIsGivenUp() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client mover = client(source.port());
    ask(mover, "SET", "a", "1");
    assertThat(migrate(mover, target.port(), "a", "0", "50"))
        .isEqualTo("-IOERR error or timeout reading to target instance");
    assertThat(ask(mover, "APPEND", "a", "2")).isEqualTo(":2");
    ask(mover, "MULTI");
    migrate(mover, target.port(), "a", "0", "50");
    assertThat(ask(mover, "EXEC"))
        .isEqualTo("*1 -IOERR error or timeout reading to target instance");
    assertThat(ask(mover, "GET", "a")).isEqualTo("$2 12");
  }

  @Test
  void theRestHappensWithoutAClientThatIsGone() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client reader = client(source.port());
    for (boolean answeredFirst : new boolean[] {false, true}) {
      ask(reader, "SET", "a", "1");
      Client mover = client(source.port());
      String id = ask(mover, "CLIENT", "ID").substring(1);
      send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "a", "0", "20000");
      try (Socket link = target.accept(2)) {
        if (answeredFirst) {
          Silent.say(link, "+OK\r\n+OK\r\n");
          mover.close();
        } else {
          assertThat(ask(reader, "CLIENT", "KILL", "ID", id)).isEqualTo(":1");
          Awaitility.await().until(() -> !waits(reader, id));
          Silent.say(link, "+OK\r\n+OK\r\n");
        }
        Awaitility.await()
            .pollInterval(Duration.ofMillis(5))
            .until(() -> ask(reader, "EXISTS", "a").equals(":0"));
        assertThat(ask(reader, "SETNX", "a", "2")).isEqualTo(":1");
        ask(reader, "DEL", "a");
      }
    }
  }

  @Test
  void whoPopsForAnotherListThatIsHeldIsServedLater() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client mover = client(source.port());
    Client popper = client(source.port());
    Client pusher = client(source.port());
    ask(pusher, "RPUSH", "to", "x");
    send(popper, "BLMOVE", "from", "to", "LEFT", "RIGHT", "0");
    Awaitility.await().until(() -> ask(pusher, "INFO", "clients").contains("blocked_clients:1"));
    send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "to", "0", "20000");
    try (Socket link = target.accept(2)) {
      assertThat(ask(pusher, "RPUSH", "from", "a")).isEqualTo(":1");
      assertThat(ask(pusher, "LRANGE", "to", "0", "-1")).isEqualTo("*1 $1 x");
      Silent.say(link, "+OK\r\n+OK\r\n");
      assertThat(reply(mover)).isEqualTo("+OK");
      assertThat(reply(popper)).isEqualTo("$1 a");
      assertThat(ask(pusher, "LRANGE", "to", "0", "-1")).isEqualTo("*1 $1 a");
    }
  }

  @Test
  void aDatabaseThatIsExchangedMeanwhileKeepsItsKeys() throws Exception {
    Server source = ours();
    Silent target = silent();
    Client mover = client(source.port());
    Client other = client(source.port());
    ask(other, "SET", "a", "0");
    send(mover, "MIGRATE", "127.0.0.1", "" + target.port(), "a", "0", "20000");
    try (Socket link = target.accept(2)) {
      ask(other, "SELECT", "1");
      ask(other, "SET", "a", "1");
      assertThat(ask(other, "SWAPDB", "0", "1")).isEqualTo("+OK");
      Silent.say(link, "+OK\r\n+OK\r\n");
      assertThat(reply(mover)).startsWith("-ERR a key has changed here while it was sent");
      assertThat(ask(other, "GET", "a")).isEqualTo("$1 0");
      ask(other, "SELECT", "0");
      assertThat(ask(other, "GET", "a")).isEqualTo("$1 1");
    }
  }

  // ── what is recorded ──

  @Test
  void theEffectIsTheDeletionOfWhatHasArrived() throws Exception {
    Server target = ours();
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      Fixture.say(session, "MSET", "a", "1", "b", "2", "c", "3");
      session.run(
          "MIGRATE", "127.0.0.1", "" + target.port(), "", "0", "30000", "KEYS", "a", "b", "absent");
      assertThat(Fixture.text(session.await(30_000))).isEqualTo("+OK");
      assertThat(fixture.effects()).endsWith("*3 $3 DEL $1 a $1 b");
      Fixture.say(session, "MULTI");
      Fixture.say(session, "SET", "d", "4");
      Fixture.say(session, "MIGRATE", "127.0.0.1", "" + target.port(), "c", "0", "30000");
      assertThat(Fixture.say(session, "EXEC")).isEqualTo("*2 +OK +OK");
      assertThat(fixture.effects())
          .endsWith("*1 $5 MULTI *3 $3 SET $1 d $1 4 *2 $3 DEL $1 c *1 $4 EXEC");
    }
    assertThat(ask(client(target.port()), "MGET", "a", "b", "c")).isEqualTo("*3 $1 1 $1 2 $1 3");
  }

  // ── under load ──

  /// Two servers pass a list to and fro, while clients push to whichever has it: each push that was
  /// said to be done is in the list at the end.
  @Test
  void nothingIsLostBetweenTwoServers() throws Exception {
    int[] ports = {ours().port(), ours().port()};
    var going = new AtomicBoolean(true);
    long[] pushed = new long[3];
    Client[] firsts = {client(ports[0]), client(ports[1])};
    ask(firsts[0], "RPUSH", "list", "begin");
    Crowd crowd =
        Crowd.of(
            3,
            i -> {
              Client[] both = {client(ports[0]), client(ports[1])};
              for (int at = 0; going.get(); at ^= 1) {
                pushed[i] += ask(both[at], "LPUSHX", "list", "x").equals(":0") ? 0 : 1;
              }
            });
    int at = 0;
    for (int round = 0; round < 200; round++, at ^= 1) {
      assertThat(migrate(firsts[at], ports[1 - at], "list", "0", "5000")).isEqualTo("+OK");
      assertThat(ask(firsts[at], "EXISTS", "list")).isEqualTo(":0");
    }
    going.set(false);
    crowd.join();
    assertThat(pushed[0] + pushed[1] + pushed[2]).isPositive();
    assertThat(ask(firsts[at], "LLEN", "list"))
        .isEqualTo(":" + (1 + pushed[0] + pushed[1] + pushed[2]));
  }
}
