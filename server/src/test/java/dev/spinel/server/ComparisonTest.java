package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The same commands to Spinel and to a real `redis-server` (the one that `REDIS_SERVER` names,
/// else the one on the PATH): replies equal byte for byte, and equal `DEBUG DIGEST` after random
/// sequences.
///
/// The scripts are `src/test/resources/compare/*.txt`: a command a line, quoted as in redis-cli.
/// Before the command may stand `@N` (connection N instead of 0) and `!word`:
///
/// - `!sort` compares arrays sorted, `!pairs` pairs of elements sorted, `!deep` arrays within
///   arrays sorted, too, `!any` only the first byte, `!masked` without what differs from run to run
///   in CLIENT LIST and ACL LOG;
/// - `!block` doesn't wait for the reply, which the connection's next line reads;
/// - `!next` sends nothing and reads what comes next, a push, `!kind` only its first byte;
/// - `!sleep N` waits N milliseconds, for what expires;
/// - `!7.2` is left out beside an older server; how many were, the test's report says. A script
///   that begins with it is left out as a whole.
///
/// A word `{N}` is the number that connection N has as a client.
class ComparisonTest {
  private static RealRedis real;
  private static Spinel spinel;
  private static final java.io.ByteArrayOutputStream LOG = new java.io.ByteArrayOutputStream();
  private static boolean isSeven2;

  /// Of the real server and of Spinel.
  private static final ThreadLocal<int[]> PORTS =
      ThreadLocal.withInitial(() -> new int[] {real.port(), spinel.port()});

  @BeforeAll
  static void start() throws Exception {
    real = RealRedis.ready(Files.createTempDirectory("compare"));
    isSeven2 = real.isSeven2();
    spinel = Spinel.start(LOG, "enable-debug-command", "yes", "save", "");
  }

  @AfterAll
  static void stop() throws Exception {
    if (spinel != null) {
      spinel.close();
    }
    if (real != null) {
      real.close();
    }
    assertThat(LOG.toString(StandardCharsets.UTF_8)).doesNotContain("A bug");
  }

  /// Every script there is, in both protocols.
  static List<Arguments> scripts() throws Exception {
    Path directory = Path.of(ComparisonTest.class.getResource("/compare").toURI());
    List<Arguments> scripts = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.txt")) {
      for (Path file : files) {
        String name = file.getFileName().toString().replace(".txt", "");
        scripts.add(Arguments.of(name, 2));
        scripts.add(Arguments.of(name, 3));
      }
    }
    assertThat(scripts).isNotEmpty();
    return scripts;
  }

  @ParameterizedTest
  @MethodSource("scripts")
  void repliesAreEqual(String script, int protocol, TestReporter reporter) throws Exception {
    List<String> lines = script(script);
    assumeTrue(isSeven2 || !isOnlySeven2(lines.getFirst()), "beside a 7.2 only");
    List<String> differences = new ArrayList<>();
    Map<Integer, RawPeer[]> peers = new HashMap<>();
    try {
      both(peers, 0, protocol);
      for (RawPeer peer : peers.get(0)) {
        peer.ask("FLUSHALL");
      }
      int number = 0;
      int compared = 0;
      int leftOut = 0;
      for (String line : lines) {
        number++;
        if (!isSeven2 && isOnlySeven2(line)) {
          leftOut++;
        } else {
          compared += compare(peers, protocol, line, number, differences);
        }
      }
      assertThat(compared).isPositive();
      if (leftOut > 0) {
        reporter.publishEntry(
            script, leftOut + " lines left out: they need a redis-server 7.2, this one is older");
      }
    } finally {
      for (RawPeer[] pair : peers.values()) {
        pair[0].close();
        pair[1].close();
      }
    }
    assertThat(differences).isEmpty();
  }

  /// Both servers forget their data in the middle of a script, and have it again from their files:
  /// nobody can tell.
  @ParameterizedTest
  @MethodSource("names")
  void repliesAreEqualAfterTheDataWasLoadedAgain(String script, @TempDir Path folder)
      throws Exception {
    Path ours = Files.createDirectory(folder.resolve("ours"));
    Path theirs = Files.createDirectory(folder.resolve("theirs"));
    List<String> differences = new ArrayList<>();
    Map<Integer, RawPeer[]> peers = new HashMap<>();
    String[] settings = {"appendonly", "yes", "appendfsync", "no", "save", "", "dir"};
    try (RealRedis redis = RealRedis.ready(theirs, "--appendonly", "yes", "--appendfsync", "no");
        Spinel server = Spinel.start(LOG, with(settings, ours.toString()))) {
      PORTS.set(new int[] {redis.port(), server.port()});
      List<String> lines = script(script);
      assumeTrue(isSeven2 || !isOnlySeven2(lines.getFirst()), "beside a 7.2 only");
      Quiet quiet = new Quiet();
      int next = 1; // third of the script
      for (int i = 0; i < lines.size(); i++) {
        if (i >= 3 + next * lines.size() / 3 && next < 3 && quiet.isNow()) {
          String how = next++ == 1 ? "RELOAD" : "LOADAOF";
          compare(peers, 2, "@99 DEBUG " + how, i, differences);
          if (isSeven2) { // 7.0 reads some scores otherwise
            compare(peers, 2, "@99 DEBUG DIGEST", i, differences);
          }
        }
        String line = lines.get(i);
        quiet.heard(line);
        if (isSeven2 || !isOnlySeven2(line)) {
          compare(peers, 2, line, i + 1, differences);
        }
      }
      assertThat(next).as("loaded twice").isEqualTo(3);
    } finally {
      PORTS.remove();
      for (RawPeer[] pair : peers.values()) {
        pair[0].close();
        pair[1].close();
      }
    }
    assertThat(differences).isEmpty();
  }

  private static String[] with(String[] words, String last) {
    String[] all = new String[words.length + 3];
    all[0] = "enable-debug-command";
    all[1] = "yes";
    System.arraycopy(words, 0, all, 2, words.length);
    all[all.length - 1] = last;
    return all;
  }

  private static final Set<String> NOT_OF_DATA =
      Set.of(
          "bitfield-refused",
          "roles",
          "acl-log",
          "clients",
          "watching",
          "tracking",
          "tracking-redirect");

  /// The scripts of data. Left out: one in whose middle a real server loses a key, as it doesn't
  /// write down that BITFIELD made it; and those of which nothing is kept in files.
  static List<String> names() throws Exception {
    return scripts().stream()
        .map(each -> (String) each.get()[0])
        .distinct()
        .filter(name -> !NOT_OF_DATA.contains(name))
        .toList();
  }

  /// Whether no connection waits, watches, or is in the middle of a transaction.
  private static final class Quiet {
    private static final List<String> ENDS = List.of("EXEC", "DISCARD", "UNWATCH", "RESET");

    private final Set<String> busy = new HashSet<>();
    private final Set<String> inMulti = new HashSet<>();

    void heard(String line) {
      String connection = line.startsWith("@") ? line.substring(1, line.indexOf(' ')) : "0";
      String upper = line.toUpperCase(Locale.ROOT);
      if (upper.contains("WATCH")) {
        inMulti.add(connection);
      }
      if (upper.contains("!BLOCK")
          || upper.contains("MULTI")
          || upper.contains(" WATCH ")
          || upper.startsWith("WATCH ")) {
        busy.add(connection);
        if (upper.contains("MULTI")) {
          inMulti.add(connection);
        }
      } else if (!inMulti.contains(connection) || ENDS.stream().anyMatch(upper::contains)) {
        busy.remove(connection);
        inMulti.remove(connection);
      }
    }

    boolean isNow() {
      return busy.isEmpty();
    }
  }

  /// The keyspace events of a script, new keys and misses included, in their order. Not of `keys`
  /// and `keys-cases`: when their keys expire decides which events there are.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "dumps",
        "sets",
        "sets-operations",
        "zsets",
        "zsets-ranges",
        "zsets-operations",
        "geo",
        "sort",
        "bitmaps",
        "hyperloglogs",
        "strings-cases",
        "hashes-cases",
        "lists",
        "hashes",
        "hyperloglogs-odd",
        "streams",
        "streams-groups"
      })
  void eventsAreEqual(String script) throws Exception {
    assumeTrue(isSeven2, "REDIS_SERVER isn't a 7.2");
    List<String> expected = events(real.port(), script);
    List<String> got = events(spinel.port(), script);
    assertThat(expected).anyMatch(events -> events.contains("__keyevent"));
    for (int i = 0; i < expected.size(); i++) {
      assertThat(got.get(i)).isEqualTo(expected.get(i));
    }
  }

  /// For each line of a script the events that it had, behind it.
  private static List<String> events(int port, String script) throws Exception {
    List<String> events = new ArrayList<>();
    try (RawPeer speaker = new RawPeer(port, 2);
        RawPeer marker = new RawPeer(port, 2);
        RawPeer listener = new RawPeer(port, 2)) {
      speaker.ask("FLUSHALL");
      speaker.ask("CONFIG", "SET", "notify-keyspace-events", "EAnm");
      listener.ask("PSUBSCRIBE", "*");
      for (String written : script(script)) {
        String line = written.strip();
        if (line.isEmpty() || line.startsWith("#")) {
          continue;
        }
        int command = line.startsWith("!") ? line.indexOf(' ') + 1 : 0;
        speaker.ask(ScriptLine.words(line.substring(command)));
        marker.ask("PUBLISH", "end", "");
        StringBuilder all = new StringBuilder(line);
        String event = listener.read("");
        for (; !event.contains("$3\r\nend"); event = listener.read("")) {
          assertThat(event).as(line).startsWith("*");
          all.append(event.replace("\r\n", " ").replace("*4 $8 pmessage $1 *", "\n"));
        }
        events.add(all.toString());
      }
      speaker.ask("CONFIG", "SET", "notify-keyspace-events", "");
    }
    return events;
  }

  private static List<String> script(String name) throws IOException {
    try (InputStream in = ComparisonTest.class.getResourceAsStream("/compare/" + name + ".txt")) {
      assertThat(in).as("compare/%s.txt", name).isNotNull();
      return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1).lines().toList();
    }
  }

  /// Calls that a generator makes of the command table's synopses, mistakes included.
  /// `-Dspinel.fuzz.calls=N` compares more of them, `-Dspinel.fuzz.seed=S` others. An older server
  /// words some things otherwise, so this needs a 7.2.
  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void randomCallsHaveEqualReplies(int protocol) throws Exception {
    assumeTrue(isSeven2, "REDIS_SERVER isn't a 7.2");
    long seed = CallGenerator.SEED;
    try (Fixture fixture = new Fixture();
        Client there = Client.connect("127.0.0.1", real.port()).timeoutMillis(20_000);
        Client here = Client.connect("127.0.0.1", spinel.port()).timeoutMillis(20_000)) {
      var comparison =
          new CallComparison(
                  fixture.server.engine.table, new Random(seed), answers(there), answers(here))
              .withoutLater();
      comparison.run(CallGenerator.CALLS, protocol);
      assertThat(comparison.compared).isPositive();
      assertThat(comparison.differences).as("seed %d", seed).isEmpty();
    }
  }

  private static CallComparison.Peer answers(Client client) {
    return request -> {
      client.sendRaw(request);
      return client.raw();
    };
  }

  private static RawPeer[] both(Map<Integer, RawPeer[]> peers, int connection, int protocol)
      throws IOException {
    RawPeer[] pair = peers.get(connection);
    if (pair == null) {
      int[] ports = PORTS.get();
      pair = new RawPeer[] {new RawPeer(ports[0], protocol), new RawPeer(ports[1], protocol)};
      peers.put(connection, pair);
    }
    return pair;
  }

  private static String id(
      Map<Integer, RawPeer[]> peers, int connection, int protocol, int server) {
    try {
      return both(peers, connection, protocol)[server].id();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isOnlySeven2(String line) {
    return line.startsWith("!7.2 ") || line.startsWith("@") && line.contains(" !7.2 ");
  }

  private static int compare(
      Map<Integer, RawPeer[]> peers,
      int protocol,
      String written,
      int number,
      List<String> differences)
      throws Exception {
    String line = written.strip();
    if (line.isEmpty() || line.startsWith("#")) {
      return 0;
    }
    ScriptLine read = ScriptLine.of(line);
    String mode = read.mode();
    if (mode.equals("sleep")) {
      Thread.sleep(Long.parseLong(read.command()));
      return 0;
    }
    RawPeer[] pair = both(peers, read.connection(), protocol);
    for (int i = 0; i < pair.length && read.sends(); i++) {
      int server = i;
      pair[i].send(read.words(client -> id(peers, client, protocol, server)));
    }
    if (mode.equals("block")) {
      Thread.sleep(50); // until both have parked it: what follows depends on the order
      return 0;
    }
    String expected = pair[0].read(mode);
    String got = pair[1].read(mode);
    if (!expected.equals(got)) {
      differences.add(
          "line "
              + number
              + ": "
              + read.command()
              + "\n  redis  "
              + shown(expected)
              + "\n  spinel "
              + shown(got));
    }
    return 1;
  }

  private static String shown(String reply) {
    String text = reply.replace("\r\n", " ");
    return text.length() > 300 ? text.substring(0, 300) + "…" : text;
  }

  // ── random sequences ──

  @Test
  void randomSequencesLeaveTheSameData() throws Exception {
    long seed = Long.getLong("spinel.seed", 20261121L);
    Random random = new Random(seed);
    try (RawPeer a = new RawPeer(real.port(), 2);
        RawPeer b = new RawPeer(spinel.port(), 2)) {
      a.ask("FLUSHALL");
      b.ask("FLUSHALL");
      for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 250; i++) {
          String[] words = randomCommand(random);
          a.send(words);
          b.send(words);
          String expected = a.read("");
          assertThat(b.read(""))
              .as("seed %d, %s", seed, String.join(" ", words))
              .isEqualTo(expected);
        }
        assertThat(b.ask("DEBUG", "DIGEST"))
            .as("seed %d, round %d", seed, round)
            .isEqualTo(a.ask("DEBUG", "DIGEST"));
      }
    }
  }

  /// Sets of all three encodings, whose thresholds are low here: the data, the replies (in any
  /// order), and what OBJECT ENCODING says. Before 7.2 Redis has no small sets of strings.
  @Test
  void randomSetsAreEqual() throws Exception {
    assumeTrue(isSeven2, "REDIS_SERVER isn't a 7.2");
    long seed = Long.getLong("spinel.seed", 20261130L);
    Random random = new Random(seed);
    try (RawPeer a = new RawPeer(real.port(), 3);
        RawPeer b = new RawPeer(spinel.port(), 3)) {
      for (RawPeer peer : List.of(a, b)) {
        peer.ask("FLUSHALL");
        peer.ask("CONFIG", "SET", "set-max-intset-entries", "20");
        peer.ask("CONFIG", "SET", "set-max-listpack-entries", "12");
      }
      for (int i = 0; i < 8_000; i++) {
        String[] words = randomSetCommand(random);
        a.send(words);
        b.send(words);
        String expected = a.read("sort");
        assertThat(b.read("sort"))
            .as("seed %d, %d: %s", seed, i, String.join(" ", words))
            .isEqualTo(expected);
        if (i % 100 == 99) {
          assertThat(b.ask("DEBUG", "DIGEST"))
              .as("seed %d, %d", seed, i)
              .isEqualTo(a.ask("DEBUG", "DIGEST"));
        }
      }
      for (RawPeer peer : List.of(a, b)) {
        peer.ask("CONFIG", "SET", "set-max-intset-entries", "512");
        peer.ask("CONFIG", "SET", "set-max-listpack-entries", "128");
      }
    }
  }

  private static String[] randomSetCommand(Random random) {
    String s = "s" + random.nextInt(7);
    String t = "s" + random.nextInt(7);
    String u = "s" + random.nextInt(8);
    String m = member(random);
    String line =
        switch (random.nextInt(24)) {
          case 0, 1, 2, 3 -> "SADD %s %s".formatted(s, m);
          case 4, 5 ->
              "SADD %s %s %s %s %s".formatted(s, m, member(random), member(random), member(random));
          case 6, 7 -> "SREM %s %s %s".formatted(s, m, member(random));
          case 8 -> "SISMEMBER %s %s".formatted(s, m);
          case 9 -> "SMISMEMBER %s %s %s".formatted(s, m, member(random));
          case 10 -> "SCARD %s".formatted(s);
          case 11 -> "SMEMBERS %s".formatted(s);
          case 12 -> "SMOVE %s %s %s".formatted(s, t, m);
          case 13 -> "SINTER %s %s".formatted(s, t);
          case 14 -> "SUNION %s %s %s".formatted(s, t, u);
          case 15 -> "SDIFF %s %s %s".formatted(s, t, u);
          case 16 -> "SINTERSTORE %s %s %s".formatted(s, t, u);
          case 17 -> "SUNIONSTORE %s %s %s".formatted(s, t, u);
          case 18 -> "SDIFFSTORE %s %s %s".formatted(s, t, u);
          case 19 -> "SINTERCARD 2 %s %s LIMIT %d".formatted(s, t, random.nextInt(4));
          case 20 -> random.nextInt(4) > 0 ? "COPY %s %s".formatted(s, t) : "RENAME " + s + " " + t;
          case 21 -> random.nextInt(6) > 0 ? "EXISTS " + s : "SPOP " + s + " 1000";
          default -> "OBJECT ENCODING " + s;
        };
    return line.split(" ");
  }

  private static String member(Random random) {
    return switch (random.nextInt(8)) {
      case 0 -> "m" + random.nextInt(30);
      case 1 -> "x".repeat(random.nextInt(90)) + "y";
      case 2 -> Long.toString(1L << random.nextInt(64));
      default -> Integer.toString(random.nextInt(30) - 5);
    };
  }

  /// Sorted sets of both encodings, and places; whose digests Redis makes otherwise before 7.2.
  @Test
  void randomSortedSetsAreEqual() throws Exception {
    assumeTrue(isSeven2, "REDIS_SERVER isn't a 7.2");
    long seed = Long.getLong("spinel.seed", 20261129L);
    Random random = new Random(seed);
    try (RawPeer a = new RawPeer(real.port(), 3);
        RawPeer b = new RawPeer(spinel.port(), 3)) {
      for (RawPeer peer : List.of(a, b)) {
        peer.ask("FLUSHALL");
        peer.ask("CONFIG", "SET", "zset-max-listpack-entries", "12");
      }
      for (int i = 0; i < 6_000; i++) {
        String[] words = randomSortedSetCommand(random);
        a.send(words);
        b.send(words);
        String expected = a.read("");
        assertThat(b.read(""))
            .as("seed %d, %d: %s", seed, i, String.join(" ", words))
            .isEqualTo(expected);
        if (i % 100 == 99) {
          assertThat(b.ask("DEBUG", "DIGEST"))
              .as("seed %d, %d", seed, i)
              .isEqualTo(a.ask("DEBUG", "DIGEST"));
        }
      }
      for (RawPeer peer : List.of(a, b)) {
        peer.ask("CONFIG", "SET", "zset-max-listpack-entries", "128");
      }
    }
  }

  private static String[] randomSortedSetCommand(Random random) {
    String z = "z" + random.nextInt(6);
    String y = "z" + random.nextInt(6);
    String member = "m" + random.nextInt(40);
    String score = score(random);
    String low = (random.nextInt(4) == 0 ? "(" : "") + score(random);
    String high = (random.nextInt(4) == 0 ? "(" : "") + score(random);
    String from = random.nextInt(8) == 0 ? "-" : "[(".charAt(random.nextInt(2)) + "m" + low;
    String to = random.nextInt(8) == 0 ? "+" : "[(".charAt(random.nextInt(2)) + "m" + high;
    String rank = Integer.toString(random.nextInt(40) - 20);
    String n = Integer.toString(random.nextInt(5));
    String flag = List.of("NX", "XX", "GT", "LT", "CH").get(random.nextInt(5));
    String aggregate = List.of("SUM", "MIN", "MAX").get(random.nextInt(3));
    String longitude = Double.toString(random.nextDouble(-180, 180));
    String latitude = Double.toString(random.nextDouble(-85, 85));
    String radius = Integer.toString(1 << random.nextInt(14));
    String line =
        switch (random.nextInt(40)) {
          case 0, 1, 2, 3 -> "ZADD %s %s %s %s x%s".formatted(z, score, member, low, member);
          case 4 -> "ZADD %s %s CH %s %s".formatted(z, flag, score, member);
          case 5 -> "ZADD %s %s INCR %s %s".formatted(z, flag, score, member);
          case 6 -> "ZINCRBY %s %s %s".formatted(z, score, member);
          case 7 -> "ZREM %s %s x%s".formatted(z, member, member);
          case 8 -> "ZMSCORE %s %s x%s".formatted(z, member, member);
          case 9 -> "ZRANK %s %s WITHSCORE".formatted(z, member);
          case 10 -> "ZREVRANK %s %s".formatted(z, member);
          case 11 -> "ZCOUNT %s %s %s".formatted(z, low, high);
          case 12 -> "ZLEXCOUNT lex %s %s".formatted(from, to);
          case 13 -> "ZRANGE %s %s %s WITHSCORES".formatted(z, rank, n);
          case 14 -> "ZRANGE %s %s %s REV".formatted(z, n, rank);
          case 15 -> "ZRANGEBYSCORE %s %s %s LIMIT %s 5".formatted(z, low, high, n);
          case 16 -> "ZREVRANGEBYSCORE %s %s %s WITHSCORES".formatted(z, high, low);
          case 17 -> "ZADD lex 0 %s 0 x%s".formatted(member, member);
          case 18 -> "ZRANGEBYLEX lex %s %s".formatted(from, to);
          case 19 -> "ZREVRANGEBYLEX lex %s %s LIMIT %s 3".formatted(to, from, n);
          case 20 -> "ZREMRANGEBYLEX lex %s %s".formatted(from, "[m" + n);
          case 21 -> "ZREMRANGEBYRANK %s %s %s".formatted(z, rank, n);
          case 22 -> "ZREMRANGEBYSCORE %s %s %s".formatted(z, score, score);
          case 23 -> "ZPOPMIN %s %s".formatted(z, n);
          case 24 -> "ZPOPMAX %s".formatted(z);
          case 25 -> "ZMPOP 2 %s %s MAX COUNT 3".formatted(z, y);
          case 26 -> "ZRANGESTORE r %s %s %s BYSCORE LIMIT %s 9".formatted(z, low, high, n);
          case 27 ->
              "ZUNIONSTORE %s 2 %s r WEIGHTS %s 2 AGGREGATE %s".formatted(z, y, n, aggregate);
          case 28 -> "ZINTERSTORE i 2 %s %s AGGREGATE %s".formatted(z, y, aggregate);
          case 29 -> "ZDIFFSTORE d 2 %s %s".formatted(z, y);
          case 30 -> "ZUNION 3 %s %s z0 WITHSCORES".formatted(z, y);
          case 31 -> "ZINTERCARD 2 %s %s LIMIT %s".formatted(z, y, n);
          case 32 -> "COPY %s %s REPLACE".formatted(z, y);
          case 33, 34 -> "GEOADD g %s %s %s".formatted(longitude, latitude, member);
          case 35 ->
              "GEOSEARCH g FROMLONLAT %s %s BYRADIUS %s km ASC WITHDIST WITHCOORD"
                  .formatted(longitude, latitude, radius);
          case 36 ->
              "GEOSEARCH g FROMLONLAT %s %s BYBOX %s %s km WITHHASH"
                  .formatted(longitude, latitude, radius, radius);
          case 37 ->
              "GEOSEARCHSTORE gs g FROMLONLAT %s %s BYRADIUS %s mi"
                  .formatted(longitude, latitude, radius);
          case 38 -> "GEODIST g %s m%s km".formatted(member, n);
          default -> "OBJECT ENCODING " + z;
        };
    return line.split(" ");
  }

  private static String score(Random random) {
    return switch (random.nextInt(12)) {
      case 0 -> "inf";
      case 1 -> "-inf";
      case 2 -> "-0";
      case 3 -> "0.1";
      case 4 -> Double.toString(random.nextGaussian());
      case 5 -> Long.toString(random.nextLong());
      default -> Integer.toString(random.nextInt(21) - 10);
    };
  }

  private static String[] randomCommand(Random random) {
    String s = "s" + random.nextInt(12);
    String h = "h" + random.nextInt(6);
    String l = "l" + random.nextInt(6);
    String other = "s" + random.nextInt(12);
    String n = Integer.toString(random.nextInt(41) - 20);
    String text = "x".repeat(random.nextInt(80)) + random.nextInt(100);
    String bit = Integer.toString(random.nextInt(800));
    String third = "s" + random.nextInt(12);
    String type = (random.nextBoolean() ? "i" : "u") + (1 + random.nextInt(63));
    String sketch = "p" + random.nextInt(6);
    return switch (random.nextInt(45)) {
      case 0 -> new String[] {"SET", s, text};
      case 1 -> new String[] {"SET", s, n};
      case 2 -> new String[] {"INCRBY", s, n};
      case 3 -> new String[] {"APPEND", s, text};
      case 4 -> new String[] {"SETRANGE", s, Integer.toString(random.nextInt(60)), text};
      case 5 -> new String[] {"GETRANGE", s, n, Integer.toString(random.nextInt(60) - 20)};
      case 6 -> new String[] {"GETSET", s, text};
      case 7 -> new String[] {"RENAME", s, other};
      case 8 -> new String[] {"COPY", s, other, "REPLACE"};
      case 9 -> new String[] {"DEL", s, random.nextBoolean() ? h : l};
      case 10 -> new String[] {"MSETNX", s, "1", other, "2"};
      case 11 -> new String[] {"STRLEN", s};
      case 12 -> new String[] {"EXPIRE", s, "10000"};
      case 13 -> new String[] {"PERSIST", s};
      case 14 -> new String[] {"INCRBYFLOAT", s, n + ".5"};
      case 15, 16 -> new String[] {"HSET", h, "f" + random.nextInt(30), text};
      case 17 -> new String[] {"HDEL", h, "f" + random.nextInt(30)};
      case 18 -> new String[] {"HINCRBY", h, "n" + random.nextInt(5), n};
      case 19 -> new String[] {"HGET", h, "f" + random.nextInt(30)};
      case 20 -> new String[] {"HLEN", h};
      case 21, 22 -> new String[] {"RPUSH", l, text, n};
      case 23 -> new String[] {"LPUSH", l, n, text, text};
      case 24 -> new String[] {"LPOP", l};
      case 25 -> new String[] {"RPOP", l, Integer.toString(random.nextInt(4))};
      case 26 -> new String[] {"LRANGE", l, n, Integer.toString(random.nextInt(30))};
      case 27 -> new String[] {"LTRIM", l, Integer.toString(random.nextInt(4)), "-2"};
      case 28 -> new String[] {"LREM", l, Integer.toString(random.nextInt(5) - 2), n};
      case 29 -> new String[] {"LINSERT", l, random.nextBoolean() ? "BEFORE" : "AFTER", n, text};
      case 30 -> new String[] {"LSET", l, n, text};
      case 31 -> new String[] {"LMOVE", l, "l" + random.nextInt(6), "LEFT", "RIGHT"};
      case 32 -> new String[] {"LPOS", l, n, "COUNT", "0"};
      case 33 -> new String[] {"SETBIT", s, bit, Integer.toString(random.nextInt(2))};
      case 34 -> new String[] {"GETBIT", s, bit};
      case 35 -> new String[] {"BITCOUNT", s, n, bit, random.nextBoolean() ? "BIT" : "BYTE"};
      case 36 -> new String[] {"BITPOS", s, Integer.toString(random.nextInt(2)), n, bit, "BIT"};
      case 37 -> new String[] {"BITOP", random.nextBoolean() ? "AND" : "XOR", s, other, third};
      case 38 ->
          new String[] {
            "BITFIELD", s, "SET", type, bit, n, "OVERFLOW", "SAT", "INCRBY", type, n, n
          };
      case 39 -> new String[] {"BITOP", "NOT", s, other};
      case 40, 41 -> new String[] {"PFADD", sketch, text, n, bit};
      case 42 -> new String[] {"PFCOUNT", sketch};
      case 43 -> new String[] {"PFMERGE", sketch, "p" + random.nextInt(6)};
      default -> new String[] {"TYPE", random.nextBoolean() ? s : h};
    };
  }
}
