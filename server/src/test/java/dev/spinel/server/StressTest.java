package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Many threads move things between keys of many slots at once, by all commands that move; what
/// there is in all stays the same, the journal replays to the same data, and the account closes
/// ([Fixture]).
class StressTest {
  private static final int THREADS = 6;
  private static final int ACCOUNTS = 12;
  private static final int ROUNDS = 1_500;

  private interface Work {
    void run(LocalSession session, Random random) throws Exception;
  }

  private static void inParallel(Fixture fixture, long seed, Work work) throws Exception {
    Crowd crowd = new Crowd();
    for (int i = 0; i < THREADS; i++) {
      LocalSession session = fixture.session();
      Random random = new Random(seed + i);
      crowd.start(() -> work.run(session, random));
    }
    crowd.join();
  }

  private static long total(Fixture fixture, LocalSession session, String prefix, int database) {
    say(session, "SELECT", Integer.toString(database));
    long total = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
      String reply = say(session, "GET", prefix + i);
      total += reply.equals("$-1") ? 0 : Long.parseLong(reply.substring(reply.indexOf(' ') + 1));
    }
    say(session, "SELECT", "0");
    return total;
  }

  @Test
  void transfersInTransactionsKeepTheTotal() throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession teller = fixture.session();
      for (int i = 0; i < ACCOUNTS; i++) {
        say(teller, "SET", "account:" + i, "1000");
      }
      inParallel(
          fixture,
          17,
          (session, random) -> {
            for (int i = 0; i < ROUNDS; i++) {
              String from = "account:" + random.nextInt(ACCOUNTS);
              String to = "account:" + random.nextInt(ACCOUNTS);
              String amount = Integer.toString(random.nextInt(50));
              say(session, "MULTI");
              say(session, "DECRBY", from, amount);
              say(session, "INCRBY", to, amount);
              if (random.nextInt(50) == 0) {
                say(session, "KEYS", "account:*"); // makes the whole transaction global
              }
              assertThat(say(session, "EXEC")).startsWith("*");
            }
          });
      assertThat(total(fixture, teller, "account:", 0)).isEqualTo(ACCOUNTS * 1000L);
    }
  }

  @Test
  void optimisticTransfersKeepTheTotal() throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession teller = fixture.session();
      for (int i = 0; i < ACCOUNTS; i++) {
        say(teller, "SET", "account:" + i, "1000");
      }
      inParallel(
          fixture,
          23,
          (session, random) -> {
            int done = 0;
            for (int i = 0; done < 200 && i < 20_000; i++) {
              String from = "account:" + random.nextInt(ACCOUNTS);
              String to = "account:" + random.nextInt(ACCOUNTS);
              if (from.equals(to)) {
                continue;
              }
              say(session, "WATCH", from, to);
              long a = number(say(session, "GET", from));
              long b = number(say(session, "GET", to));
              say(session, "MULTI");
              say(session, "SET", from, Long.toString(a - 7));
              say(session, "SET", to, Long.toString(b + 7));
              done += say(session, "EXEC").equals("*-1") ? 0 : 1;
            }
            assertThat(done).as("transfers that went through").isPositive();
          });
      assertThat(total(fixture, teller, "account:", 0)).isEqualTo(ACCOUNTS * 1000L);
    }
  }

  private static long number(String bulk) {
    return Long.parseLong(bulk.substring(bulk.indexOf(' ') + 1));
  }

  @Test
  void tokensThatAreRenamedMovedAndSwappedAreNeverLostOrDoubled() throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession teller = fixture.session();
      for (int i = 0; i < 8; i++) {
        say(teller, "SET", "token:" + i, "x");
      }
      inParallel(
          fixture,
          31,
          (session, random) -> {
            for (int i = 0; i < ROUNDS; i++) {
              String from = "token:" + random.nextInt(20);
              switch (random.nextInt(12)) {
                case 0 -> say(session, "SWAPDB", "0", "1");
                case 1, 2, 3 -> say(session, "MOVE", from, "1");
                case 4 -> say(session, "SELECT", Integer.toString(random.nextInt(2)));
                case 5 -> say(session, "SCAN", "0", "COUNT", "5");
                default -> say(session, "RENAMENX", from, "token:" + random.nextInt(20));
              }
            }
          });
      long tokens = 0;
      for (int database = 0; database < 2; database++) {
        say(teller, "SELECT", Integer.toString(database));
        tokens += Long.parseLong(say(teller, "DBSIZE").substring(1));
      }
      assertThat(tokens).isEqualTo(8);
    }
  }

  @Test
  void writesAllOverBesideFlushesLeaveNothingBehind() throws Exception {
    try (Fixture fixture = new Fixture()) {
      inParallel(
          fixture,
          41,
          (session, random) -> {
            for (int i = 0; i < ROUNDS; i++) {
              String key = "k" + random.nextInt(300);
              switch (random.nextInt(14)) {
                case 0 -> say(session, "FLUSHDB", random.nextBoolean() ? "ASYNC" : "SYNC");
                case 1 -> say(session, "DEL", key, "k" + random.nextInt(300));
                case 2 -> say(session, "COPY", key, "k" + random.nextInt(300), "REPLACE");
                case 3 -> say(session, "APPEND", key, "y".repeat(random.nextInt(3000)));
                case 4 -> say(session, "MSETNX", key, "1", "k" + random.nextInt(300), "2");
                case 5 -> say(session, "HSET", "h" + key, "f" + random.nextInt(400), "v");
                case 6 -> say(session, "HDEL", "h" + key, "f" + random.nextInt(400));
                case 7 -> say(session, "KEYS", "k1*");
                case 8 -> say(session, "RANDOMKEY");
                default -> say(session, "SET", key, "z".repeat(random.nextInt(200)));
              }
            }
          });
    }
  }
}
