package dev.spinel.server;

import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.keyspace.Schedule;
import dev.spinel.persist.TestDisk;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Clients write; at any moment the power fails, or the process is killed; what was acknowledged
/// before is there at the next start, and of a transaction all or nothing.
@Timeout(180)
class CrashTest {
  private static final int ROUNDS = Integer.getInteger("crash.rounds", 12);
  private static final int CLIENTS = 3;

  private static Server start(TestDisk disk, String policy) {
    Config config =
        Config.of(
            "appendonly", "yes", "save", "", "appendfsync", policy, "aof-use-rdb-preamble", "no");
    Log log = new Log(config, OutputStream.nullOutputStream());
    Server server = new Server(config, log, Clock.SYSTEM, Schedule.FREE, disk);
    server.startWithoutListening();
    return server;
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

  private static void crashes(String policy, Crash crash) throws InterruptedException {
    TestDisk disk = new TestDisk();
    long[] sure = new long[CLIENTS];
    for (int round = 0; round < ROUNDS; round++) {
      Random random = new Random(round);
      AtomicBoolean stop = new AtomicBoolean();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      TestDisk after;
      try (Server server = start(disk, policy)) {
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
    try (Server server = start(disk, policy)) {
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
      try (Server server = start(disk, "no")) {
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
}
