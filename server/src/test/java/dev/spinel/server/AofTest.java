package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.engine.ExpiryMode;
import dev.spinel.persist.Ending;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A server with an append-only file, its end and its next start.
@Timeout(120)
class AofTest {
  @TempDir Path folder;
  private final ByteArrayOutputStream logged = new ByteArrayOutputStream();

  private Server start(String... more) {
    List<String> pairs = new ArrayList<>(List.of("appendonly", "yes", "save", ""));
    pairs.addAll(List.of("dir", folder.toString(), "enable-debug-command", "yes"));
    pairs.addAll(List.of(more));
    Config config = Config.of(pairs.toArray(String[]::new));
    Server server = new Server(config, new Log(config, logged), Clock.SYSTEM);
    server.startWithoutListening();
    return server;
  }

  private String log() {
    return logged.toString(StandardCharsets.ISO_8859_1);
  }

  private Path file(String name) {
    return folder.resolve("appendonlydir").resolve("appendonly.aof." + name);
  }

  private static String run(LocalSession session, String... words) {
    String got = text(session.run(words));
    return got.isEmpty() ? text(session.await(10_000)) : got;
  }

  private static void awaitRewrite(LocalSession session) {
    await()
        .until(
            () -> {
              String info = run(session, "INFO", "persistence");
              return info.contains("aof_rewrite_in_progress:0");
            });
    assertThat(run(session, "INFO", "persistence")).contains("aof_last_bgrewrite_status:ok");
  }

  private static void fill(LocalSession session, Random random) {
    for (int i = 0; i < 400; i++) {
      String key = "k" + random.nextInt(100);
      switch (random.nextInt(10)) {
        case 7 -> {
          run(session, "XADD", "x" + key, "MAXLEN", "~", "5", "*", "f", "" + i);
          run(session, "XGROUP", "CREATE", "x" + key, "g", "0");
        }
        case 8 -> {
          run(session, "XREADGROUP", "GROUP", "g", "c" + i % 3, "STREAMS", "x" + key, ">");
          run(session, "XDEL", "x" + key, "1-1");
        }
        case 0 -> run(session, "SET", key, "v".repeat(random.nextInt(100)) + i);
        case 1 -> run(session, "RPUSH", "l" + key, "a" + i, "b");
        case 2 -> run(session, "SADD", "s" + key, "" + i, "x" + random.nextInt(300));
        case 3 -> run(session, "ZADD", "z" + key, random.nextDouble() + "", "m" + i);
        case 4 -> run(session, "HSET", "h" + random.nextInt(3), "f" + i, "v".repeat(i));
        case 5 -> run(session, "EXPIRE", key, "10000");
        case 6 -> {
          run(session, "SELECT", "" + random.nextInt(3));
          run(session, "SPOP", "s" + key);
        }
        default -> {
          run(session, "MULTI");
          run(session, "INCR", "n" + key);
          run(session, "LPUSH", "l" + key, "c");
          run(session, "EXEC");
        }
      }
    }
    run(session, "SET", "large", "y".repeat(200_000));
  }

  @Test
  void whatWasWrittenIsThereAfterTheNextStart() {
    for (String policy : List.of("always", "everysec", "no")) {
      for (String preamble : List.of("no", "yes")) {
        String digest;
        String[] settings = {"appendfsync", policy, "aof-use-rdb-preamble", preamble};
        try (Server server = start(settings);
            LocalSession session = new LocalSession(server)) {
          fill(session, new Random(7));
          run(session, "BGREWRITEAOF");
          awaitRewrite(session);
          fill(session, new Random(8));
          digest = run(session, "DEBUG", "DIGEST");
        }
        try (Server server = start(settings);
            LocalSession session = new LocalSession(server)) {
          assertThat(run(session, "DEBUG", "DIGEST")).as(policy + preamble).isEqualTo(digest);
          run(session, "FLUSHALL");
        }
      }
    }
  }

  @Test
  void timesOfFieldsComeBackFromAFileOfCommands() throws Exception {
    String digest;
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      for (int i = 0; i < 700; i++) {
        run(session, "HSET", "h", "f" + i, i % 100 == 0 ? "x".repeat(100_000) : "v");
        run(session, "HPEXPIREAT", "h", "" + (4_000_000_000_000L + i), "FIELDS", "1", "f" + i);
      }
      run(session, "HSET", "h", "never", "1");
      run(session, "HSET", "small", "a", "1", "b", "2");
      run(session, "HPEXPIREAT", "small", "4000000000000", "FIELDS", "1", "b");
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
      digest = run(session, "DEBUG", "DIGEST");
    }
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "DEBUG", "DIGEST")).isEqualTo(digest);
      assertThat(run(session, "HPEXPIRETIME", "h", "FIELDS", "3", "f100", "f699", "never"))
          .isEqualTo("*3 :4000000000100 :4000000000699 :-1");
      assertThat(run(session, "OBJECT", "ENCODING", "small")).isEqualTo("$10 listpackex");
    }
  }

  @Test
  void anEndInTheMiddleOfACommandOrOfATransactionIsCutOff() throws IOException {
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
      run(session, "MULTI");
      run(session, "SET", "b", "2");
      run(session, "SET", "c", "3");
      run(session, "EXEC");
    }
    byte[] whole = Files.readAllBytes(file("1.incr.aof"));
    String text = new String(whole, StandardCharsets.ISO_8859_1);
    int multi = text.indexOf("*1\r\n$5\r\nMULTI");
    for (int cut = whole.length - 1; cut >= 0; cut -= 3) {
      Files.write(file("1.incr.aof"), java.util.Arrays.copyOf(whole, cut));
      try (Server server = start("aof-use-rdb-preamble", "no");
          LocalSession session = new LocalSession(server)) {
        assertThat(run(session, "EXISTS", "b", "c")).as("cut at " + cut).isEqualTo(":0");
        assertThat(run(session, "EXISTS", "a")).isEqualTo(cut >= multi ? ":1" : ":0");
        run(session, "SET", "d", "4");
      }
      try (Server server = start("aof-use-rdb-preamble", "no");
          LocalSession session = new LocalSession(server)) {
        assertThat(run(session, "GET", "d")).as("what came behind").isEqualTo("$1 4");
      }
    }
    assertThat(log())
        .contains("Revert incomplete MULTI/EXEC transaction in AOF file")
        .contains("loaded anyway because aof-load-truncated is enabled");
  }

  @Test
  void whatCannotBeLoadedIsLeftAsItIs() throws IOException {
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
    }
    Path increment = file("1.incr.aof");
    byte[] good = Files.readAllBytes(increment);
    for (String bad :
        List.of(
            "!",
            "*0\r\n",
            "*1\r\n+x\r\n",
            "*2\r\n$3\r\nFOO\r\n$1\r\nx\r\n",
            "*2\r\n$4\r\nLPOP\r\n$1\r\na\r\n",
            "PING\r\n")) {
      Files.write(increment, good);
      Files.writeString(increment, bad, StandardOpenOption.APPEND);
      byte[] before = Files.readAllBytes(increment);
      assertThatThrownBy(() -> start("aof-use-rdb-preamble", "no").close())
          .as(bad)
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("reading the append only file appendonly.aof.1.incr.aof");
      assertThat(Files.readAllBytes(increment)).isEqualTo(before);
    }
    Files.write(increment, java.util.Arrays.copyOf(good, good.length - 1));
    assertThatThrownBy(
            () -> start("aof-use-rdb-preamble", "no", "aof-load-truncated", "no").close())
        .hasMessageContaining("Unexpected end of file");
    Files.writeString(file("manifest"), "file x seq 1 type q\n");
    assertThatThrownBy(() -> start().close()).hasMessageContaining("Unknown AOF file type");
  }

  /// A loss of power may leave zeros where something was on its way to the disk, and not only at
  /// the end of a file: what is missing there isn't passed over.
  @Test
  void aHoleInTheMiddleIsNotPassedOver() throws IOException {
    try (Server server = start("aof-use-rdb-preamble", "no", "appendfsync", "no");
        LocalSession session = new LocalSession(server)) {
      for (int i = 0; i < 20_000; i++) { // more than is read at a time
        run(session, "SET", "key" + i, "v" + i);
      }
    }
    Path increment = file("1.incr.aof");
    byte[] whole = Files.readAllBytes(increment);
    int page = 4096;
    for (int[] hole :
        new int[][] {
          {0, page},
          {3 * page, 4 * page},
          {page, 100 * page},
          {64 * page, 128 * page},
          {whole.length / page * page - page, whole.length - 5}
        }) {
      byte[] bad = whole.clone();
      java.util.Arrays.fill(bad, hole[0], hole[1], (byte) 0);
      Files.write(increment, bad);
      String when = "from " + hole[0] + " to " + hole[1];
      assertThatThrownBy(() -> start("aof-use-rdb-preamble", "no").close())
          .as(when)
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("Bad file format reading the append only file");
      assertThat(java.util.Arrays.equals(Files.readAllBytes(increment), bad)).as(when).isTrue();
    }
    byte[] torn = whole.clone();
    java.util.Arrays.fill(torn, 100 * page, torn.length, (byte) 0);
    Files.write(increment, torn);
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "GET", "key0")).as("zeros to the end").isEqualTo("$2 v0");
    }
    assertThat(Files.size(increment)).isBetween(99L * page, 100L * page);
  }

  @Test
  void anOldFileOfOnePieceIsTakenOver() throws IOException {
    Files.writeString(
        folder.resolve("appendonly.aof"), "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
    for (int i = 0; i < 2; i++) {
      try (Server server = start();
          LocalSession session = new LocalSession(server)) {
        assertThat(run(session, "GET", "a")).isEqualTo("$1 1");
        assertThat(run(session, "GET", "b")).isEqualTo(i == 0 ? "$-1" : "$1 2");
        run(session, "SET", "b", "2");
      }
    }
    assertThat(folder.resolve("appendonly.aof")).doesNotExist();
    assertThat(Files.readString(file("manifest")))
        .isEqualTo(
            "file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n");
  }

  /// As Redis 4 to 6 wrote it.
  @Test
  void anOldFileThatBeginsWithAnRdbStreamIsTakenOver() throws IOException {
    try (Server server = start("appendonly", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
      run(session, "SELECT", "3");
      run(session, "RPUSH", "l", "x");
      assertThat(run(session, "SAVE")).isEqualTo("+OK");
    }
    Path old = folder.resolve("appendonly.aof");
    Files.move(folder.resolve("dump.rdb"), old);
    Files.write(old, LocalSession.request("SELECT", "3"), StandardOpenOption.APPEND);
    Files.write(old, LocalSession.request("RPUSH", "l", "y"), StandardOpenOption.APPEND);
    byte[] torn = LocalSession.request("RPUSH", "l", "z");
    Files.write(old, java.util.Arrays.copyOf(torn, 20), StandardOpenOption.APPEND);
    for (int i = 0; i < 2; i++) {
      try (Server server = start();
          LocalSession session = new LocalSession(server)) {
        assertThat(run(session, "GET", "a")).isEqualTo("$1 1");
        run(session, "SELECT", "3");
        assertThat(run(session, "LRANGE", "l", "0", "-1")).isEqualTo("*2 $1 x $1 y");
      }
    }
    assertThat(old).doesNotExist();
    assertThat(log())
        .contains("Reading RDB preamble from AOF file...")
        .contains("Reading the remaining AOF tail...")
        .contains("Successfully migrated an old-style AOF file");
  }

  @Test
  void itCanBeTurnedOnAndOffLive() throws IOException {
    try (Server server = start("appendonly", "no", "aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "before", "1");
      assertThat(run(session, "WAITAOF", "1", "0", "0")).contains("appendonly is disabled");
      run(session, "CONFIG", "SET", "appendonly", "yes", "appendfsync", "always");
      awaitRewrite(session);
      run(session, "SET", "after", "1");
      assertThat(run(session, "WAITAOF", "1", "0", "0")).isEqualTo("*2 :1 :0");
      run(session, "CONFIG", "SET", "appendonly", "no");
      run(session, "SET", "beyond", "1");
    }
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "EXISTS", "before", "after")).isEqualTo(":2");
      assertThat(run(session, "EXISTS", "beyond")).isEqualTo(":0");
    }
  }

  @Test
  void whatIsRewrittenWhileItIsOffGivesWayWhenItIsTurnedOn() throws IOException {
    try (Server server = start("appendonly", "no", "rdb-key-save-delay", "100000000");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
      run(session, "BGREWRITEAOF");
      await().until(() -> log().contains("Background append only file rewriting started"));
      run(session, "CONFIG", "SET", "appendonly", "yes");
      await().until(() -> log().contains("Background AOF rewrite terminated by signal 10"));
      assertThat(log()).contains("Stopping background AOF and starting a rewrite now.");
      run(session, "CONFIG", "SET", "rdb-key-save-delay", "0");
      awaitRewrite(session);
      run(session, "SET", "b", "1");
    }
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "DBSIZE")).isEqualTo(":2");
    }
  }

  @Test
  void aRewriteTakesThePlaceOfWhatWasAppended() throws IOException {
    try (Server server = start("appendfsync", "no");
        LocalSession session = new LocalSession(server)) {
      for (int i = 0; i < 1_000; i++) {
        run(session, "INCR", "counter");
      }
      long before = Files.size(file("1.incr.aof"));
      assertThat(run(session, "BGREWRITEAOF"))
          .isEqualTo("+Background append only file rewriting started");
      awaitRewrite(session);
      run(session, "SET", "k", "v");
      assertThat(before).isGreaterThan(20_000);
      assertThat(Files.size(file("2.base.rdb"))).isLessThan(300);
      assertThat(file("1.incr.aof")).doesNotExist();
      assertThat(file("1.base.rdb")).doesNotExist();
      assertThat(Files.readString(file("manifest")))
          .isEqualTo(
              "file appendonly.aof.2.base.rdb seq 2 type b\n"
                  + "file appendonly.aof.2.incr.aof seq 2 type i\n");
      say(session, "MULTI");
      say(session, "BGREWRITEAOF");
      assertThat(run(session, "EXEC")).contains("Background append only file rewriting scheduled");
    }
  }

  @Test
  void aFileThatHasGrownIsRewrittenByItself() {
    String[] settings = {
      "auto-aof-rewrite-percentage",
      "100",
      "auto-aof-rewrite-min-size",
      "5000",
      "rdbcompression",
      "no"
    };
    try (Server server = start(settings);
        LocalSession session = new LocalSession(server)) {
      server.persistence.cron();
      assertThat(run(session, "INFO", "persistence"))
          .as("too small, though it has grown")
          .contains("aof_rewrites:0");
      grow(session, 6_000);
      server.persistence.cron();
      await().until(() -> run(session, "INFO", "persistence").contains("aof_rewrites:1"));
      awaitRewrite(session);
      assertThat(log()).containsPattern("Starting automatic rewriting of AOF on [0-9]+% growth");
      run(session, "SET", "base", "x".repeat(8_000));
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
      grow(session, 3_000);
      server.persistence.cron();
      assertThat(run(session, "INFO", "persistence"))
          .as("grown too little, though it is large")
          .contains("aof_rewrites:2")
          .contains("aof_rewrite_in_progress:0");
      grow(session, 8_000);
      run(session, "CONFIG", "SET", "auto-aof-rewrite-percentage", "0");
      server.persistence.cron();
      assertThat(run(session, "INFO", "persistence"))
          .contains("aof_rewrites:2")
          .contains("aof_rewrite_in_progress:0");
      run(session, "CONFIG", "SET", "auto-aof-rewrite-percentage", "100");
      server.persistence.cron();
      await().until(() -> run(session, "INFO", "persistence").contains("aof_rewrites:3"));
      awaitRewrite(session);
    }
  }

  @Test
  void whatWasRewrittenIsKeptAsLongAsItIsToBe() throws IOException {
    try (Server server = start("aof-disable-auto-gc", "yes");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "k", "1");
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
      assertThat(Files.readString(file("manifest")))
          .isEqualTo(
              "file appendonly.aof.2.base.rdb seq 2 type b\n"
                  + "file appendonly.aof.1.incr.aof seq 1 type h\n"
                  + "file appendonly.aof.1.base.rdb seq 1 type h\n"
                  + "file appendonly.aof.2.incr.aof seq 2 type i\n");
      assertThat(file("1.incr.aof")).exists();
      assertThat(run(session, "CONFIG", "SET", "aof-disable-auto-gc", "no")).isEqualTo("+OK");
      assertThat(Files.readString(file("manifest"))).doesNotContain("type h");
      assertThat(file("1.incr.aof")).doesNotExist();
      assertThat(file("1.base.rdb")).doesNotExist();
    }
  }

  /// Each rewrite that was cut off by the end of its process has left an increment.
  @Test
  void manyIncrementsAreMadeOneByTheNextStart() throws IOException {
    Files.createDirectories(folder.resolve("appendonlydir"));
    StringBuilder manifest = new StringBuilder();
    for (int i = 1; i <= 17; i++) {
      String name = "appendonly.aof." + i + ".incr.aof";
      manifest.append("file " + name + " seq " + i + " type i\n");
      Files.writeString(file(i + ".incr.aof"), "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n");
    }
    Files.writeString(file("manifest"), manifest);
    try (Server server = start("auto-aof-rewrite-percentage", "0");
        LocalSession session = new LocalSession(server)) {
      server.persistence.cron();
      assertThat(run(session, "INFO", "persistence")).contains("aof_rewrites:0");
      run(session, "CONFIG", "SET", "auto-aof-rewrite-percentage", "100");
      server.persistence.cron();
      await().until(() -> run(session, "INFO", "persistence").contains("aof_rewrites:1"));
      awaitRewrite(session);
      assertThat(Files.readString(file("manifest")))
          .isEqualTo(
              "file appendonly.aof.1.base.rdb seq 1 type b\n"
                  + "file appendonly.aof.18.incr.aof seq 18 type i\n");
    }
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "GET", "n")).isEqualTo("$2 17");
    }
  }

  @Test
  void aRewriteIsAnsweredOnceItIsThereToBeKilled() {
    try (Server server = start("save-process", "yes");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "k", "1");
      run(session, "CONFIG", "SET", "rdb-key-save-delay", "100000000");
      Set<Long> before = children();
      assertThat(run(session, "BGREWRITEAOF")).contains("rewriting started");
      assertThat(children()).isNotEqualTo(before);
      assertThat(run(session, "INFO", "stats")).contains("total_forks:1 ");
    }
  }

  private static Set<Long> children() {
    return ProcessHandle.current()
        .children()
        .map(ProcessHandle::pid)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void savesAndRewritesWaitForOneAnother() {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "k", "1");
      run(session, "CONFIG", "SET", "rdb-key-save-delay", "100000000");
      assertThat(run(session, "BGREWRITEAOF")).contains("rewriting started");
      assertThat(run(session, "BGREWRITEAOF"))
          .isEqualTo("-ERR Background append only file rewriting already in progress");
      assertThat(run(session, "BGSAVE"))
          .startsWith("-ERR Another child process is active (AOF?): can't BGSAVE right now.");
      assertThat(run(session, "BGSAVE", "SCHEDULE")).isEqualTo("+Background saving scheduled");
      server.persistence.cron();
      assertThat(run(session, "INFO", "persistence"))
          .contains("aof_rewrite_in_progress:1")
          .contains("rdb_bgsave_in_progress:0");
      run(session, "CONFIG", "SET", "rdb-key-save-delay", "0");
      awaitRewrite(session);
      awaitInCron(server, session, "rdb_saves:1");
      awaitInCron(server, session, "rdb_bgsave_in_progress:0");
      run(session, "CONFIG", "SET", "rdb-key-save-delay", "100000000");
      assertThat(run(session, "BGSAVE")).isEqualTo("+Background saving started");
      assertThat(run(session, "BGREWRITEAOF")).contains("rewriting scheduled");
      server.persistence.cron();
      assertThat(run(session, "INFO", "persistence"))
          .contains("aof_rewrite_in_progress:0")
          .contains("aof_rewrite_scheduled:1")
          .contains("rdb_bgsave_in_progress:1");
      run(session, "CONFIG", "SET", "rdb-key-save-delay", "0");
      awaitInCron(server, session, "aof_rewrites:2");
      awaitInCron(server, session, "aof_rewrite_in_progress:0");
    }
  }

  @Test
  void whoeverKillsTheProcessThatStandsForARewriteEndsIt() throws Exception {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "k", "1");
      run(session, "CONFIG", "SET", "rdb-key-save-delay", "100000000");
      run(session, "BGREWRITEAOF");
      String temporary = "temp-rewriteaof-bg-(\\d+)\\.aof";
      String name = await().until(() -> firstFile(temporary), found -> !found.isEmpty());
      long pid = Long.parseLong(name.replaceFirst(temporary, "$1"));
      assertThat(pid).isNotEqualTo(ProcessHandle.current().pid());
      ProcessHandle.of(pid).orElseThrow().destroyForcibly();
      await()
          .untilAsserted(
              () ->
                  assertThat(run(session, "INFO", "persistence"))
                      .contains("aof_rewrite_in_progress:0", "aof_last_bgrewrite_status:err"));
      assertThat(firstFile(temporary)).isEmpty();
      run(session, "SET", "k", "2");
    }
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "GET", "k")).isEqualTo("$1 2");
    }
  }

  private String firstFile(String pattern) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.map(file -> file.getFileName().toString())
          .filter(name -> name.matches(pattern))
          .findFirst()
          .orElse("");
    }
  }

  @Test
  void whatWasLoadedAgainNeedsNoSaving() {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      run(session, "MSET", "a", "1", "b", "2");
      assertThat(run(session, "DEBUG", "LOADAOF")).isEqualTo("+OK");
      assertThat(run(session, "DBSIZE")).isEqualTo(":2");
      assertThat(run(session, "INFO", "persistence")).contains("rdb_changes_since_last_save:0");
    }
  }

  private static void awaitInCron(Server server, LocalSession session, String field) {
    await()
        .until(
            () -> {
              server.persistence.cron();
              return run(session, "INFO", "persistence").contains(field);
            });
  }

  private static void grow(LocalSession session, int bytes) {
    for (int left = bytes; left > 0; left -= 1_000) {
      run(session, "SET", "k", "x".repeat(1_000));
    }
  }

  @Test
  void aFileOfTheManifestThatIsNotThereIsToldAsARealServerDoes() throws Exception {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
    }
    String manifest =
        """
        file appendonly.aof.1.base.rdb seq 1 type b
        file appendonly.aof.1.incr.aof seq 1 type i
        file appendonly.aof.2.incr.aof seq 2 type i
        file appendonly.aof.3.incr.aof seq 3 type i
        """;
    Files.writeString(file("manifest"), manifest);
    Files.createFile(file("3.incr.aof"));
    byte[] increment = Files.readAllBytes(file("1.incr.aof"));
    String why =
        "Unable to obtain the AOF file appendonly.aof.2.incr.aof length. stat: No such file or"
            + " directory";
    assertThatThrownBy(() -> start().close()).hasMessageContaining(why);
    assertThat(log()).contains(why);
    assertThat(Files.readString(file("manifest"))).isEqualTo(manifest);
    assertThat(Files.readAllBytes(file("1.incr.aof"))).isEqualTo(increment);
    assertThat(file("2.incr.aof")).doesNotExist();

    Path binary = RealRedis.binary();
    if (binary != null) {
      int port = RealRedis.freePort();
      List<String> words = List.of("--port", "" + port, "--appendonly", "yes", "--save", "");
      try (RealRedis real = RealRedis.start(binary, folder, port, "", words)) {
        assertThat(real.exitStatus()).isEqualTo(1);
      }
      assertThat(Files.readString(folder.resolve("stdout"))).contains(why);
    }
    Files.createFile(file("2.incr.aof"));
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "GET", "a")).isEqualTo("$1 1");
    }
  }

  @Test
  void whatHadExpiredIsThereUntilTheFileSaysThatItWent() throws Exception {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      run(session, "DEBUG", "SET-ACTIVE-EXPIRE", "0");
      run(session, "SET", "k", "1", "PX", "1");
      run(session, "SET", "other", "1");
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
      run(session, "APPEND", "other", "2");
    }
    try (Server server = start("replicaof", "127.0.0.1 1");
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "GET", "k")).isEqualTo("$-1");
      assertThat(run(session, "GET", "other")).isEqualTo("$2 12");
      assertThat(run(session, "DBSIZE")).as("a replica deletes nothing").isEqualTo(":2");
    }
  }

  /// A replica takes up its role once all is loaded; in between nothing may expire, either.
  @Test
  void whoIsGoingToBeAReplicaHasNothingExpireBefore() throws Exception {
    Config config = Config.of("save", "", "dir", folder.toString(), "replicaof", "127.0.0.1 1");
    try (Server server = new Server(config, new Log(config, logged), Clock.SYSTEM)) {
      server.announceData();
      server.startWithoutListening();
      server.persistence.load();
      assertThat(server.engine.expiryMode()).isEqualTo(ExpiryMode.HIDE);
    }
  }

  @Test
  void waitingForTheDiskEndsWithTheSyncOrWithTime() {
    try (Server server = start("appendfsync", "no");
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "WAITAOF", "1", "0", "0"))
          .as("nothing written")
          .isEqualTo("*2 :1 :0");
      run(session, "SET", "k", "v");
      assertThat(run(session, "WAITAOF", "1", "0", "100")).isEqualTo("*2 :0 :0");
      run(session, "CONFIG", "SET", "appendfsync", "everysec");
      run(session, "SET", "k", "w");
      assertThat(run(session, "WAITAOF", "1", "0", "0")).isEqualTo("*2 :1 :0");
      assertThat(run(session, "WAITAOF", "1", "1", "50")).isEqualTo("*2 :1 :0");
      assertThat(run(session, "WAITAOF", "2", "0", "0"))
          .isEqualTo("-ERR value is out of range, value must between 0 and 1");
      assertThat(run(session, "WAITAOF", "0", "-1", "0"))
          .isEqualTo("-ERR value is out of range, must be positive");
    }
  }

  @Test
  void aDumpThatIsNotLoadedIsSetAsideBeforeTheFirstSave() throws IOException {
    try (Server server = start("appendonly", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "old", "1");
      assertThat(run(session, "SAVE")).isEqualTo("+OK");
    }
    byte[] dump = Files.readAllBytes(folder.resolve("dump.rdb"));
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "DBSIZE")).isEqualTo(":0");
      assertThat(log())
          .contains("this server starts empty, as Redis does, although there is a dump");
      assertThat(run(session, "SAVE")).isEqualTo("+OK");
      assertThat(run(session, "SAVE")).isEqualTo("+OK");
    }
    assertThat(Files.readAllBytes(folder.resolve("dump.rdb.unread-1"))).isEqualTo(dump);
    assertThat(folder.resolve("dump.rdb.unread-2")).doesNotExist();
  }

  @Test
  void aFolderThatAnotherServerHasIsRefusedWithAWayOut() {
    try (Server first = start()) {
      assertThatThrownBy(() -> start().close())
          .hasMessageContaining("is in use by process " + ProcessHandle.current().pid())
          .hasMessageContaining("add the line 'appenddirname appendonlydir-2'");
      start("appenddirname", "appendonlydir-2").close();
      assertThat(first.persistence.unwrittenBytes()).isZero();
    }
  }

  @Test
  void longValuesAreWrittenInStepsWhileTheyChange() {
    String large = "x".repeat(3_000_000);
    String digest;
    try (Server server = start("aof-use-rdb-preamble", "no", "proto-max-bulk-len", "10mb");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "string", large);
      run(session, "SET", "empty", "");
      run(session, "SET", "number", "12345");
      for (int i = 0; i < 20_000; i++) {
        say(session, "RPUSH", "list", "element " + i, "" + i);
      }
      run(session, "RPUSH", "list", large, "behind");
      run(session, "HSET", "hash", "long", large, "short", "1");
      for (int i = 0; i < 2_000; i++) {
        say(session, "HSET", "hash", "f" + i, "v".repeat(i));
      }
      for (int i = 1; i < 3_000; i++) {
        say(session, "XADD", "stream", i + "-1", "f", "v" + i, "g", "w".repeat(i % 70));
      }
      run(session, "XADD", "stream", "5000-1", "f", large, "behind", "1");
      run(session, "XGROUP", "CREATE", "stream", "g", "0");
      run(session, "XREADGROUP", "GROUP", "g", "c", "COUNT", "2000", "STREAMS", "stream", ">");
      run(session, "PEXPIRE", "list", "100000000");
      run(session, "PEXPIRE", "string", "100000000");
      run(session, "BGREWRITEAOF");
      for (int i = 0; i < 300; i++) {
        run(session, "LSET", "list", "" + 100 * i, "changed");
        run(session, "SETRANGE", "string", "" + 10_000 * i, "changed");
        run(session, "XDEL", "stream", 9 * i + "-1");
        run(session, "XACK", "stream", "g", 5 * i + "-1");
        run(session, "HSET", "hash", "f" + 5 * i, "changed");
      }
      awaitRewrite(session);
      assertThat(file("2.base.aof")).exists();
      digest = run(session, "DEBUG", "DIGEST") + run(session, "XPENDING", "stream", "g");
    }
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "DEBUG", "DIGEST") + run(session, "XPENDING", "stream", "g"))
          .isEqualTo(digest);
    }
  }

  @Test
  void filesOfAnEarlierTimeAreReplacedWhole() throws IOException {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "old", "1");
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
    }
    try (Server server = start("appendonly", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "new", "1");
      run(session, "CONFIG", "SET", "appendonly", "yes");
      awaitRewrite(session);
      assertThat(Files.readString(file("manifest")))
          .isEqualTo(
              "file appendonly.aof.3.base.rdb seq 3 type b\n"
                  + "file appendonly.aof.3.incr.aof seq 3 type i\n");
      assertThat(file("2.base.rdb")).doesNotExist();
      assertThat(file("2.incr.aof")).doesNotExist();
    }
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "KEYS", "*")).isEqualTo("*1 $3 new");
    }
  }

  @Test
  void itStaysInItsFolderUntilItIsTurnedOff(@TempDir Path other) throws IOException {
    try (Server server = start("enable-protected-configs", "yes");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
      run(session, "CONFIG", "SET", "dir", other.toString());
      assertThat(log()).contains("The append-only file stays in " + folder);
      run(session, "SET", "b", "2");
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
      run(session, "SET", "c", "3");
      assertThat(Files.readString(file("2.incr.aof"))).contains("c");
      assertThat(other).isEmptyDirectory();
      assertThat(run(session, "DEBUG", "LOADAOF")).isEqualTo("+OK");
      assertThat(run(session, "DBSIZE")).isEqualTo(":3");
      run(session, "CONFIG", "SET", "appendonly", "no");
      await().until(() -> !Files.exists(folder.resolve("appendonlydir.appendonly.aof.lock")));
      run(session, "CONFIG", "SET", "appendonly", "yes");
      awaitRewrite(session);
      assertThat(other.resolve("appendonlydir/appendonly.aof.1.base.rdb")).exists();
    }
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "DBSIZE")).as("in the folder where it was").isEqualTo(":3");
    }
  }

  @Test
  void itIsNotTurnedOnWhereItsFolderCannotBe() throws IOException {
    Files.createFile(folder.resolve("appendonlydir"));
    assertThatThrownBy(() -> start().close()).isInstanceOf(UncheckedIOException.class);
    assertThat(log())
        .contains("Can't open or create append-only dir appendonlydir: Not a directory");
    try (Server server = start("appendonly", "no");
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "CONFIG", "SET", "appendonly", "yes"))
          .isEqualTo(
              "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn"
                  + " on AOF. Check server logs.");
      assertThat(run(session, "INFO", "persistence")).contains("aof_enabled:0");
      assertThat(run(session, "SET", "a", "1")).isEqualTo("+OK");
      Files.delete(folder.resolve("appendonlydir"));
      assertThat(run(session, "CONFIG", "SET", "appendonly", "yes")).isEqualTo("+OK");
      awaitRewrite(session);
    }
  }

  @Test
  void aRewriteTellsHowFarItIsAndWaitsForEachKeyIfItIsToldTo() {
    for (String preamble : List.of("yes", "no")) {
      try (Server server = start("aof-use-rdb-preamble", preamble);
          LocalSession session = new LocalSession(server)) {
        run(session, "FLUSHALL");
        for (int i = 0; i < 300; i++) {
          say(session, "SET", "k" + i, "v");
        }
        run(session, "CONFIG", "SET", "rdb-key-save-delay", "200000");
        run(session, "BGREWRITEAOF");
        await()
            .until(
                () -> {
                  String info = run(session, "INFO", "persistence");
                  return info.contains("current_save_keys_total:300")
                      && !info.contains("current_save_keys_processed:0");
                });
        for (int i = 0; i < 300; i++) {
          say(session, "SET", "k" + i, "w");
        }
        assertThat(run(session, "INFO", "persistence"))
            .contains("aof_rewrite_in_progress:1")
            .contains("rdb_bgsave_in_progress:0")
            .doesNotContain("current_cow_peak:0")
            .doesNotContain("current_cow_size:0")
            .doesNotContain("current_fork_perc:0.00");
        run(session, "CONFIG", "SET", "rdb-key-save-delay", "0");
        awaitRewrite(session);
        assertThat(run(session, "INFO", "persistence"))
            .contains("current_save_keys_total:0")
            .contains("current_cow_peak:0")
            .doesNotContain("aof_last_cow_size:0");
      }
    }
  }

  @Test
  void theLoadingOfCommandsCanBeEndedAndIsAsSlowAsItIsToldToBe() throws Exception {
    try (Server server = start("aof-use-rdb-preamble", "no");
        LocalSession session = new LocalSession(server)) {
      for (int i = 0; i < 3_000; i++) {
        say(session, "SET", "k" + i, "v");
      }
    }
    byte[] before = Files.readAllBytes(file("1.incr.aof"));
    Config config =
        Config.of(
            "appendonly", "yes", "save", "", "dir", folder.toString(), "key-load-delay", "100000");
    try (Server server = new Server(config, new Log(config, logged), Clock.SYSTEM)) {
      server.announceData();
      server.startWithoutListening();
      Crowd loading = new Crowd().start(() -> assertThat(server.load()).isFalse());
      try (LocalSession session = new LocalSession(server)) {
        await()
            .until(
                () -> {
                  String info = run(session, "INFO", "persistence");
                  return info.contains("loading_loaded_bytes:")
                      && !info.contains("loading_loaded_bytes:0");
                });
        assertThat(run(session, "INFO", "persistence")).contains("loading:1");
      }
      assertThat(server.shutDown(Ending.DEFAULT)).isTrue();
      loading.join();
    }
    assertThat(Files.readAllBytes(file("1.incr.aof"))).isEqualTo(before);
  }
}
