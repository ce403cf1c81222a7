package dev.spinel.server;

import static dev.spinel.server.Fixture.text;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.keyspace.Schedule;
import dev.spinel.persist.AofCheck;
import dev.spinel.persist.Disk;
import dev.spinel.persist.SystemDisk;
import dev.spinel.persist.TestDisk;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Clients write; at any moment the power fails, or the process is killed; what was acknowledged
/// before is there at the next start, and of a transaction all or nothing.
@Timeout(180)
class CrashTest {
  private static final int ROUNDS = Integer.getInteger("crash.rounds", 12);
  private static final int CLIENTS = 3;

  @TempDir Path folder; // for claims of files

  /// @param preamble whether bases are RDB streams
  private Server start(Disk disk, String policy, boolean preamble) {
    Server server =
        server(
            disk,
            "appendonly",
            "yes",
            "appendfsync",
            policy,
            "aof-use-rdb-preamble",
            preamble ? "yes" : "no");
    server.startWithoutListening();
    return server;
  }

  private Server server(Disk disk, String... settings) {
    List<String> pairs = new ArrayList<>(List.of("save", "", "dir", folder.toString()));
    pairs.addAll(List.of(settings));
    Config config = Config.of(pairs.toArray(String[]::new));
    Log log = new Log(config, OutputStream.nullOutputStream());
    return new Server(config, log, Clock.SYSTEM, Schedule.FREE, disk);
  }

  /// Increments two counters at once, and a third in many ways, until told to stop. Says how often
  /// that was acknowledged.
  private static final class Client implements Runnable {
    final LocalSession session;
    final int number;
    final AtomicBoolean stop;
    volatile long acknowledged;

    Client(Server server, int number, AtomicBoolean stop) {
      this.session = new LocalSession(server);
      this.number = number;
      this.stop = stop;
    }

    private String ask(String... words) {
      String got = text(session.run(words));
      return got.isEmpty() ? text(session.await(20_000)) : got;
    }

    @Override
    public void run() {
      Random random = new Random(number);
      while (!stop.get()) {
        ask("MULTI");
        ask("INCR", "a" + number);
        ask("SET", "filler", "x".repeat(random.nextInt(random.nextInt(50) == 0 ? 60_000 : 100)));
        ask("SELECT", "3");
        ask("INCR", "b" + number);
        ask("SELECT", "0");
        String got = ask("EXEC");
        if (got.startsWith("*5")) {
          acknowledged++;
        }
        if (number == 0 && random.nextInt(20) == 0) {
          ask("BGREWRITEAOF");
        }
      }
      session.close();
    }
  }

  private interface Crash {
    TestDisk at(TestDisk disk, Random random);
  }

  private void crashes(String policy, Crash crash) throws InterruptedException {
    TestDisk disk = new TestDisk();
    long[] sure = new long[CLIENTS];
    for (int round = 0; round < ROUNDS; round++) {
      Random random = new Random(round);
      AtomicBoolean stop = new AtomicBoolean();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      TestDisk after;
      try (Server server = start(disk, policy, round % 2 == 0)) {
        check(server, sure, policy + ", round " + round);
        List<Client> clients = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
          Client client = new Client(server, i, stop);
          clients.add(client);
          Thread thread = new Thread(client);
          thread.setUncaughtExceptionHandler((of, e) -> failure.set(e));
          threads.add(thread);
          thread.start();
        }
        Thread.sleep(20 + random.nextInt(150));
        long[] before = new long[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) {
          before[i] = clients.get(i).acknowledged;
        }
        while (!policy.equals("always") && server.persistence.unwrittenBytes() > 0) {
          Thread.onSpinWait(); // while the disk is at something else replies leave, as in Redis
        }
        after = crash.at(disk, random);
        for (int i = 0; i < CLIENTS; i++) {
          sure[i] += before[i];
        }
        stop.set(true);
        for (Thread thread : threads) {
          thread.join();
        }
      }
      assertThat(failure.get()).isNull();
      disk = after;
    }
    try (Server server = start(disk, policy, true)) {
      check(server, sure, policy + ", at the end");
    }
  }

  /// The counters are what was acknowledged, or more; then they become what is sure.
  private static void check(Server server, long[] sure, String when) {
    try (LocalSession session = new LocalSession(server)) {
      for (int i = 0; i < CLIENTS; i++) {
        String first = text(session.run("GET", "a" + i));
        session.run("SELECT", "3");
        String second = text(session.run("GET", "b" + i));
        session.run("SELECT", "0");
        assertThat(second).as("%s: of a transaction all or nothing", when).isEqualTo(first);
        long found = first.equals("$-1") ? 0 : Long.parseLong(first.split(" ")[1]);
        assertThat(found).as("%s: client %d", when, i).isGreaterThanOrEqualTo(sure[i]);
        sure[i] = found;
      }
    }
  }

  @Test
  void withAlwaysNothingThatWasAcknowledgedIsLostWhenThePowerFails() throws Exception {
    crashes("always", TestDisk::powerLoss);
  }

  @Test
  void withEverysecNothingThatWasAcknowledgedIsLostWhenTheProcessIsKilled() throws Exception {
    crashes("everysec", (disk, random) -> disk.kill());
    crashes("no", (disk, random) -> disk.kill());
  }

  @Test
  void noTransactionIsTornHoweverThePowerFails() throws Exception {
    TestDisk disk = new TestDisk();
    for (int round = 0; round < ROUNDS; round++) {
      try (Server server = start(disk, "no", round % 2 == 0)) {
        check(server, new long[CLIENTS], "round " + round);
        AtomicBoolean stop = new AtomicBoolean();
        Client client = new Client(server, round % CLIENTS, stop);
        Thread thread = new Thread(client);
        thread.start();
        Thread.sleep(60);
        TestDisk after = disk.powerLoss(new Random(round));
        stop.set(true);
        thread.join();
        disk = after;
      }
    }
  }

  /// Where pages aren't written in their order, a file may have holes in what wasn't synced. Then
  /// the server doesn't start, and once the user has had it cut off there, nothing that was
  /// acknowledged is missing, and no transaction is torn.
  @Test
  void whatWasAcknowledgedStandsBeforeTheFirstHole() throws Exception {
    int refused = 0;
    for (int round = 0; round < 8; round++) {
      TestDisk disk = new TestDisk();
      Semaphore syncs = new Semaphore(0);
      TestDisk found;
      boolean preamble = round % 2 == 0;
      try (Server server = start(disk, "always", preamble);
          LocalSession session = new LocalSession(server)) {
        byte[] done = transaction(session);
        assertThat(text(done.length > 0 ? done : session.await(20_000))).startsWith("*502");
        disk.holdSyncs(syncs);
        assertThat(transaction(session)).as("written, but not acknowledged").isEmpty();
        await().until(syncs::hasQueuedThreads);
        found = disk.powerLossWithHoles(new Random(round));
        disk.holdSyncs(null);
        syncs.release(100);
      }
      found.copyOut();
      if (!starts(preamble)) {
        refused++;
        mend();
        assertThat(starts(preamble)).as("round %d", round).isTrue();
      }
      clear();
    }
    assertThat(refused).isPositive();
  }

  private static byte[] transaction(LocalSession session) {
    session.run("MULTI");
    session.run("INCR", "a");
    for (int i = 0; i < 500; i++) {
      session.run("SET", "key" + i, "a value of some length");
    }
    session.run("INCR", "b");
    return session.run("EXEC");
  }

  private boolean starts(boolean preamble) {
    try (Server server = start(new SystemDisk(), "always", preamble);
        LocalSession session = new LocalSession(server)) {
      assertThat(ask(session, "GET", "a")).isIn("$1 1", "$1 2");
      assertThat(ask(session, "GET", "b")).isEqualTo(ask(session, "GET", "a"));
      return true;
    } catch (UncheckedIOException refused) {
      assertThat(refused).hasMessageContaining("use ./redis-check-aof --fix");
      return false;
    }
  }

  private void mend() {
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), true, US_ASCII);
    String manifest = folder.resolve("appendonlydir/appendonly.aof.manifest").toString();
    AofCheck check = new AofCheck(nowhere, base -> 0, question -> true, true, 0);
    assertThat(check.run(manifest)).isZero();
  }

  private void clear() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("appendonlydir"))) {
      for (Path each : files.toList()) {
        Files.delete(each);
      }
    }
  }

  // ── at each step ──

  /// The disk as it is found if the power fails just before one of its steps.
  private static final class Failure {
    private final int step;
    private int steps;
    private final List<TestDisk> found = new ArrayList<>();

    /// @param step from 1 on
    Failure(TestDisk disk, int step) {
      this.step = step;
      disk.failWhen(
          (act, file) -> {
            if (++steps == step) {
              for (int seed = 0; seed < 2; seed++) {
                found.add(disk.powerLoss(new Random(100 * step + seed)));
              }
            }
            return false;
          });
    }

    /// Whether there was no such step.
    boolean cameTooLate() {
      return steps < step;
    }
  }

  private static String ask(LocalSession session, String... words) {
    String got = text(session.run(words));
    return got.isEmpty() ? text(session.await(20_000)) : got;
  }

  private static void awaitEnd(LocalSession session, String field) {
    await().until(() -> ask(session, "INFO", "persistence").contains(field));
  }

  /// Values of several pieces each.
  private static void write(LocalSession session, String value) {
    for (int i = 0; i < 10; i++) {
      String got = ask(session, "SET", "k" + i, value + "x".repeat(20_000));
      assertThat(got).isEqualTo("+OK");
    }
  }

  /// All values begin with the same letter, which is returned.
  private static char found(LocalSession session, String when) {
    String first = ask(session, "GETRANGE", "k0", "0", "0");
    for (int i = 1; i < 10; i++) {
      assertThat(ask(session, "GETRANGE", "k" + i, "0", "0")).as(when).isEqualTo(first);
    }
    assertThat(ask(session, "STRLEN", "k9")).as(when).isEqualTo(":20001");
    return first.charAt(first.length() - 1);
  }

  @Test
  void theDumpIsTheOldOneOrTheNewAtWhicheverStepOfASaveThePowerFails() throws IOException {
    boolean isOver = false;
    int old = 0;
    int step = 1;
    for (; !isOver; step++) {
      TestDisk disk = new TestDisk();
      Failure failure;
      try (Server server = server(disk, "rdbcompression", "no")) {
        server.startWithoutListening();
        try (LocalSession session = new LocalSession(server)) {
          write(session, "a");
          assertThat(ask(session, "SAVE")).isEqualTo("+OK");
          write(session, "b");
          failure = new Failure(disk, step);
          assertThat(ask(session, "BGSAVE")).isEqualTo("+Background saving started");
          awaitEnd(session, "rdb_bgsave_in_progress:0");
          disk.failWhen(null);
          isOver = failure.cameTooLate();
        }
      }
      for (TestDisk found : isOver ? List.of(disk.powerLoss(new Random(1))) : failure.found) {
        String when = "before step " + step;
        try (Server server = server(found)) {
          server.startWithoutListening();
          assertThat(server.load()).as(when).isTrue();
          try (LocalSession session = new LocalSession(server)) {
            char letter = found(session, when);
            assertThat(letter).as(when).isIn(isOver ? List.of('b') : List.of('a', 'b'));
            old += letter == 'a' ? 1 : 0;
          }
        }
      }
    }
    assertThat(step).as("made, written several times, synced, renamed").isGreaterThan(6);
    assertThat(old).isPositive();
  }

  @Test
  void nothingIsLostAtWhicheverStepOfARewriteThePowerFails() {
    for (boolean preamble : new boolean[] {true, false}) {
      boolean isOver = false;
      for (int step = 1; !isOver; step++) {
        TestDisk disk = new TestDisk();
        Failure failure;
        try (Server server = start(disk, "always", preamble);
            LocalSession session = new LocalSession(server)) {
          write(session, "a");
          failure = new Failure(disk, step);
          ask(session, "BGREWRITEAOF");
          awaitEnd(session, "aof_rewrite_in_progress:0");
          disk.failWhen(null);
          isOver = failure.cameTooLate();
          write(session, "b");
          failure.found.add(isOver ? disk.powerLoss(new Random(1)) : disk.kill());
        }
        for (TestDisk found : failure.found) {
          String when = "before step " + step + ", preamble " + preamble;
          try (Server server = start(found, "always", preamble);
              LocalSession session = new LocalSession(server)) {
            boolean isLast = found == failure.found.getLast();
            assertThat(found(session, when)).as(when).isEqualTo(isLast ? 'b' : 'a');
          }
        }
      }
    }
  }
}
