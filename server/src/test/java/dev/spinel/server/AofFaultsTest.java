package dev.spinel.server;

import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Spinel;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Schedule;
import dev.spinel.persist.TestDisk;
import dev.spinel.persist.TestDisk.Act;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A server with an append-only file on a disk that fails.
@Timeout(120)
class AofFaultsTest {
  private final ByteArrayOutputStream logged = new ByteArrayOutputStream();
  private TestDisk disk = new TestDisk();

  private Server start(String... more) {
    List<String> pairs = new ArrayList<>(List.of("appendonly", "yes", "save", ""));
    pairs.addAll(List.of(more));
    Config config = Config.of(pairs.toArray(String[]::new));
    Server server = new Server(config, new Log(config, logged), Clock.SYSTEM, Schedule.FREE, disk);
    server.startWithoutListening();
    return server;
  }

  private String log() {
    return logged.toString(StandardCharsets.ISO_8859_1);
  }

  private static String run(LocalSession session, String... words) {
    String got = text(session.run(words));
    return got.isEmpty() ? text(session.await(10_000)) : got;
  }

  private static String info(LocalSession session) {
    return run(session, "INFO", "persistence");
  }

  private static long field(LocalSession session, String name) {
    Matcher found = Pattern.compile(name + ":(\\d+)").matcher(info(session));
    assertThat(found.find()).as(name).isTrue();
    return Long.parseLong(found.group(1));
  }

  private static void awaitRewrite(LocalSession session) {
    await().until(() -> info(session).contains("aof_rewrite_in_progress:0"));
  }

  @Test
  void whoTurnsTheFileOffMayWriteThoughItsDiskFails() {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
      disk.failWrites("No space left on device");
      assertThat(run(session, "SET", "b", "1")).as("it ran").isEqualTo("+OK");
      assertThat(run(session, "SET", "c", "1"))
          .isEqualTo("-MISCONF Errors writing to the AOF file: No space left on device");
      assertThat(run(session, "CONFIG", "SET", "appendonly", "no")).isEqualTo("+OK");
      assertThat(run(session, "SET", "c", "1")).isEqualTo("+OK");
      disk.failWrites(null);
      run(session, "CONFIG", "SET", "appendonly", "yes");
      awaitRewrite(session);
      assertThat(run(session, "SET", "d", "1")).isEqualTo("+OK");
      assertThat(info(session)).contains("aof_last_write_status:ok");
    }
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "DBSIZE")).isEqualTo(":4");
    }
  }

  /// Whatever step of a rewrite fails, the next start finds all data in what the files say, and the
  /// next rewrite succeeds.
  @Test
  void aRewriteThatFailsLosesNothing() throws Exception {
    Map<String, BiPredicate<Act, String>> steps =
        Map.of(
            "prepare", (act, name) -> act == Act.CREATE && name.endsWith("incr.aof"),
            "base", (act, name) -> act == Act.CREATE && name.startsWith("temp-rewriteaof"),
            "walk", (act, name) -> act == Act.WRITE && name.startsWith("temp-rewriteaof"),
            "sync", (act, name) -> act == Act.SYNC && name.startsWith("temp-rewriteaof"),
            "memory",
                (act, name) -> {
                  if (act == Act.RENAME && name.contains(".base.")) {
                    throw new OutOfMemoryError("for a test");
                  }
                  return false;
                },
            "rename", (act, name) -> act == Act.RENAME && name.contains(".base."),
            "manifest", (act, name) -> act == Act.RENAME && name.endsWith("manifest"),
            "folder", (act, name) -> act == Act.SYNC_FOLDER);
    for (Map.Entry<String, BiPredicate<Act, String>> step : steps.entrySet()) {
      for (String preamble : List.of("yes", "no")) {
        disk = new TestDisk();
        String when = step.getKey() + ", preamble " + preamble;
        TestDisk killed;
        try (Server server = start("aof-use-rdb-preamble", preamble);
            LocalSession session = new LocalSession(server)) {
          run(session, "SET", "before", "1");
          disk.failWhen((act, path) -> step.getValue().test(act, path.getFileName().toString()));
          run(session, "BGREWRITEAOF");
          awaitRewrite(session);
          assertThat(info(session)).as(when).contains("aof_last_bgrewrite_status:err");
          assertThat(run(session, "SET", "after", "1")).as(when).isEqualTo("+OK");
          await().until(() -> server.persistence.unwrittenBytes() == 0); // a sync may be under way
          killed = disk.kill();
          disk.failWhen(null);
          run(session, "BGREWRITEAOF");
          awaitRewrite(session);
          assertThat(info(session)).as(when).contains("aof_last_bgrewrite_status:ok");
          run(session, "SET", "last", "1");
        }
        find(when, ":3", preamble);
        disk = killed;
        find(when + ", killed", ":2", preamble);
      }
    }
  }

  @Test
  void afterThreeFailuresARewriteThatNobodyAskedForHasToWait() {
    String[] settings = {"auto-aof-rewrite-percentage", "1", "auto-aof-rewrite-min-size", "1000"};
    String limit = "triggered the limit, will retry in 1 minutes";
    try (Server server = start(settings);
        LocalSession session = new LocalSession(server)) {
      disk.failWhen((act, path) -> path.getFileName().toString().startsWith("temp-rewriteaof"));
      for (int i = 0; i < 3; i++) {
        run(session, "BGREWRITEAOF");
        awaitRewrite(session);
      }
      assertThat(info(session)).contains("aof_rewrites_consecutive_failures:3");
      assertThat(log()).as("nobody wants one").doesNotContain(limit);
      run(session, "SET", "k", "x".repeat(2_000));
      awaitInCron(server, limit);
      server.persistence.cron();
      server.persistence.cron();
      assertThat(info(session)).contains("aof_rewrites:3", "aof_rewrite_in_progress:0");
      assertThat(log().split(limit, -1)).as("said once").hasSize(2);
      disk.failWhen(null);
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
      assertThat(info(session)).contains("aof_rewrites_consecutive_failures:0");
      run(session, "SET", "k", "x".repeat(5_000));
      awaitInCron(server, "Starting automatic rewriting of AOF on");
      awaitRewrite(session);
    }
  }

  private void awaitInCron(Server server, String line) {
    await()
        .until(
            () -> {
              server.persistence.cron();
              return log().contains(line);
            });
  }

  /// Turned on where its first rewrite fails, it leaves no file, and tries again.
  @Test
  void itIsOnOnceARewriteHasSucceeded() {
    try (Server server = start("appendonly", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
      AtomicBoolean fails = new AtomicBoolean(true);
      disk.failWhen(
          (act, path) ->
              act == Act.SYNC
                  && path.getFileName().toString().startsWith("temp-rewriteaof")
                  && fails.getAndSet(false));
      run(session, "CONFIG", "SET", "appendonly", "yes");
      String removing =
          "Removing the temp incr aof file temp-appendonly.aof.incr in the background";
      await().until(() -> log().contains(removing));
      run(session, "SET", "b", "1");
      await()
          .until(
              () -> {
                server.persistence.cron();
                return log().contains("Background AOF rewrite finished successfully");
              });
      run(session, "SET", "c", "1");
    }
    find("turned on", ":3", "yes");
  }

  /// Whatever is said while the disk takes its time with the first base.
  @Test
  void itIsOffOrOnAsWasSaidLastHoweverLongTheDiskTakes() {
    for (List<String> said : List.of(List.of("no"), List.of("no", "yes"))) {
      for (int done = 0; done < 2; done++) { // syncs: of the base, then of the manifest
        turn(said, done);
      }
    }
  }

  private void turn(List<String> said, int done) {
    String when = said + " after " + done + " syncs";
    disk = new TestDisk();
    try (Server server = start("appendonly", "no");
        LocalSession session = new LocalSession(server)) {
      run(session, "SET", "a", "1");
      Semaphore syncs = new Semaphore(done);
      disk.holdSyncs(syncs);
      run(session, "CONFIG", "SET", "appendonly", "yes");
      await().until(syncs::hasQueuedThreads);
      for (String each : said) {
        assertThat(run(session, "CONFIG", "SET", "appendonly", each)).as(when).isEqualTo("+OK");
      }
      disk.holdSyncs(null);
      syncs.release(100);
      awaitRewrite(session);
      boolean isOn = said.getLast().equals("yes");
      assertThat(info(session)).as(when).contains("aof_enabled:" + (isOn ? 1 : 0));
      assertThat(server.engine.journal.recording(Journal.AOF)).as(when).isEqualTo(isOn);
      run(session, "SET", "b", "1");
      run(session, "CONFIG", "SET", "appendonly", "yes");
      awaitRewrite(session);
      assertThat(info(session)).as("%s: %s", when, log()).contains("bgrewrite_status:ok");
      run(session, "SET", "c", "1");
      assertThat(run(session, "WAITAOF", "1", "0", "20000")).as(when).isEqualTo("*2 :1 :0");
    }
    find(when, ":3", "yes");
  }

  private void find(String when, String size, String preamble) {
    try (Server server = start("aof-use-rdb-preamble", preamble);
        LocalSession session = new LocalSession(server)) {
      assertThat(run(session, "DBSIZE")).as(when).isEqualTo(size);
    }
  }

  @Test
  void nothingIsSyncedBesideARewriteIfItIsSoConfigured() {
    for (String waits : List.of("no", "yes")) {
      disk = new TestDisk();
      try (Server server =
              start("no-appendfsync-on-rewrite", waits, "rdb-key-save-delay", "100000000");
          LocalSession session = new LocalSession(server)) {
        run(session, "SET", "a", "1");
        run(session, "SET", "b", "1");
        run(session, "BGREWRITEAOF");
        server.persistence.cron();
        run(session, "SET", "a", "2");
        String limit = waits.equals("no") ? "20000" : "1300";
        assertThat(run(session, "WAITAOF", "1", "0", limit))
            .as("no-appendfsync-on-rewrite " + waits)
            .isEqualTo(waits.equals("no") ? "*2 :1 :0" : "*2 :0 :0");
        assertThat(info(session)).contains("aof_rewrite_in_progress:1");
        run(session, "CONFIG", "SET", "rdb-key-save-delay", "0");
        awaitRewrite(session);
        server.persistence.cron();
        assertThat(run(session, "WAITAOF", "1", "0", "20000")).isEqualTo("*2 :1 :0");
      }
    }
  }

  /// So that the end of a long file doesn't keep the disk busy for long.
  @Test
  void longFilesAreBroughtToTheDiskPieceByPieceIfItIsSoConfigured() {
    for (String often : List.of("yes", "no")) {
      for (String preamble : List.of("yes", "no")) {
        disk = new TestDisk();
        AtomicInteger dumps = new AtomicInteger();
        AtomicInteger bases = new AtomicInteger();
        try (Server server =
                start(
                    "rdb-save-incremental-fsync",
                    often,
                    "aof-rewrite-incremental-fsync",
                    often,
                    "aof-use-rdb-preamble",
                    preamble,
                    "rdbcompression",
                    "no");
            LocalSession session = new LocalSession(server)) {
          for (int i = 0; i < 10; i++) {
            run(session, "SETRANGE", "k" + i, "1000000", "x");
          }
          disk.failWhen(
              (act, path) -> {
                String name = path.getFileName().toString();
                if (act == Act.SYNC && name.endsWith(".rdb")) {
                  dumps.incrementAndGet();
                } else if (act == Act.SYNC && name.startsWith("temp-rewriteaof")) {
                  bases.incrementAndGet();
                }
                return false;
              });
          run(session, "BGSAVE");
          await().until(() -> info(session).contains("rdb_bgsave_in_progress:0"));
          run(session, "BGREWRITEAOF");
          awaitRewrite(session);
          disk.failWhen(null);
        }
        int least = often.equals("yes") ? 3 : 1;
        int most = often.equals("yes") ? 6 : 1;
        assertThat(dumps.get()).as("BGSAVE, " + often).isBetween(least, most);
        assertThat(bases.get()).as("BGREWRITEAOF, " + often).isBetween(least, most);
      }
    }
  }

  @Test
  void turningTheFileOffForgetsARewriteThatWasToCome() {
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      text(session.run("MULTI"));
      text(session.run("BGREWRITEAOF"));
      text(session.run("CONFIG", "SET", "appendonly", "no"));
      text(session.run("INFO", "persistence"));
      assertThat(run(session, "EXEC")).contains("scheduled").contains("aof_rewrite_scheduled:0");
    }
  }

  @Test
  void theSizeThatGrowthIsMeasuredByIsThatOfTheLoadedBase() throws Exception {
    long base;
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(info(session)).contains("aof_base_size:0").contains("aof_current_size:0");
      run(session, "SET", "a", "1");
      run(session, "BGREWRITEAOF");
      awaitRewrite(session);
      base = field(session, "aof_base_size");
      assertThat(base).isPositive();
      run(session, "SET", "a", "x".repeat(1000));
    }
    try (Server server = start();
        LocalSession session = new LocalSession(server)) {
      assertThat(field(session, "aof_base_size")).isEqualTo(base);
      assertThat(field(session, "aof_current_size")).isGreaterThan(base + 1000);
    }
  }

  @Test
  void aReplicaWhoseDiskFailsDoesNotGatherItsPrimarysStreamWithoutBound() throws Exception {
    try (Spinel primary = Spinel.start();
        RawPeer writer = new RawPeer(primary.port(), 2);
        Server server = start("replicaof", "127.0.0.1 " + primary.port());
        LocalSession session = new LocalSession(server)) {
      writer.ask("SET", "k", "0");
      await().atMost(Duration.ofSeconds(50)).until(() -> run(session, "GET", "k").equals("$1 0"));
      awaitRewrite(session);
      disk.failWrites("No space left on device");
      String large = "x".repeat(1_000_000);
      for (int i = 1; i <= 60; i++) {
        writer.ask("SET", "k", i + large);
      }
      await()
          .atMost(Duration.ofSeconds(50))
          .until(() -> log().contains("the primary's stream waits"));
      assertThat(server.persistence.unwrittenBytes()).isBetween(32L << 20, 40L << 20);
      disk.failWrites(null);
      writer.ask("SET", "last", "1");
      await()
          .atMost(Duration.ofSeconds(50))
          .until(() -> run(session, "GET", "last").equals("$1 1"));
      assertThat(log()).contains("the primary's stream goes on");
      assertThat(run(session, "GETRANGE", "k", "0", "2")).isEqualTo("$3 60x");
    }
  }
}
