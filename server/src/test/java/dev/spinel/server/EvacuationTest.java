package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.engine.Clock;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/// What deletions leave in holes comes back by itself, the data is what it was, and writers notice
/// nothing.
class EvacuationTest {
  private static final int KEYS = 40_000;
  private static final int MB = 1 << 20;

  /// Of one writer: the fixture keeps the effects of all.
  private static final int MOST_WRITES = 150_000;

  @Test
  void memoryComesBackAfterDeletingAtRandom() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      thin(session, new Random(1));
      String digest = fixture.digest(session);
      fixture.server.awaitReaper();
      long live = Fixture.liveBytes(session);
      awaitEvacuation(fixture);
      assertThat(Fixture.liveBytes(session)).isEqualTo(live);
      assertThat(fixture.digest(session)).isEqualTo(digest);
      assertThat(fixture.server.engine.keyspace.keeper().evacuated()).isPositive();
      assertThat(say(session, "INFO", "stats")).doesNotContain("active_defrag_hits:0 ");
    }
  }

  /// Values of more nodes than move under one lock: long lists, and long fields of hashes.
  @Test
  void valuesOfManyNodesMoveWhole() {
    try (Fixture fixture = Fixture.unread(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      String element = "x".repeat(1_000);
      String chunks = "y".repeat(40_000);
      for (int round = 0; round < 300; round++) { // neighbouring nodes belong to different keys
        for (int i = 0; i < 200; i++) {
          say(session, "RPUSH", "list" + i, element);
        }
      }
      for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 40; i++) {
          say(session, "HSET", "small" + i, "f" + round, chunks);
          say(session, "HSET", "large" + i % 4, "f" + round + "-" + i, chunks);
        }
      }
      Random random = new Random(3);
      for (int i = 0; i < 200; i++) {
        if (random.nextInt(10) < 7) {
          say(session, "DEL", "list" + i);
        }
      }
      for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 40; i++) {
          if (random.nextInt(10) < 7) {
            say(session, "HDEL", "small" + i, "f" + round);
            say(session, "HDEL", "large" + i % 4, "f" + round + "-" + i);
          }
        }
      }
      String digest = fixture.digest(session);
      awaitEvacuation(fixture);
      assertThat(fixture.digest(session)).isEqualTo(digest);
    }
  }

  @Test
  void writersBesideItLoseNothing() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      thin(session, new Random(2));
      var done = new AtomicBoolean();
      Crowd writers = new Crowd();
      for (int i = 0; i < 3; i++) {
        LocalSession own = fixture.session();
        var random = new Random(10 + i);
        String mine = "m" + i + ":";
        writers.start(() -> write(own, random, mine, done));
      }
      try {
        awaitEvacuation(fixture);
      } finally {
        done.set(true); // or they would write for ever, into a server that is closed
        writers.join();
      }
    }
  }

  /// Writes and deletes among everybody's keys; what it keeps of its own it must find.
  private static void write(LocalSession session, Random random, String mine, AtomicBoolean done) {
    for (int n = 0; n < MOST_WRITES && !done.get(); n++) {
      String key = Integer.toString(random.nextInt(KEYS));
      String own = mine + n % 50;
      String value = Integer.toString(random.nextInt());
      say(session, "SET", own, value);
      switch (random.nextInt(8)) {
        case 0 -> say(session, "DEL", "s" + key);
        case 1 -> {
          say(session, "HSET", "h" + key, "f" + value, value);
          say(session, "SADD", "m" + key, value, "" + key);
        }
        case 2 -> {
          say(session, "RPUSH", "l" + key, value);
          say(session, "XADD", "x" + n % 3, "*", "f", value);
          String consumer = "c" + n % 90;
          say(session, "XREADGROUP", "GROUP", "g", consumer, "COUNT", "3", "STREAMS", "x1", ">");
        }
        case 3 -> say(session, "LPOP", "long");
        case 4 -> say(session, "HSET", "big", "f" + random.nextInt(9_000), value);
        case 5 -> {
          say(session, "HDEL", "big", "f" + random.nextInt(9_000));
          say(session, "HEXPIRE", "big", "9999", "FIELDS", "1", "f" + random.nextInt(9_000));
          say(session, "HEXPIRE", "h" + key, "9999", "FIELDS", "1", "a");
        }
        case 6 -> {
          String member = "m" + random.nextInt(9_000);
          say(session, "ZADD", "ranking", value, member, "1", "m" + key);
          say(session, "ZINCRBY", "ranking", "7", "m" + random.nextInt(9_000));
          say(session, "ZREM", "ranking", "m" + random.nextInt(9_000));
          say(session, "ZADD", "z" + key, value, member);
          say(session, "ZADD", "ranks" + mine, value, own);
          assertThat(say(session, "ZSCORE", "ranks" + mine, own)).endsWith(" " + value);
        }
        default -> say(session, "SET", "s" + key, "w".repeat(random.nextInt(600)));
      }
      assertThat(say(session, "GET", own)).isEqualTo("$" + value.length() + " " + value);
    }
  }

  private static void awaitEvacuation(Fixture fixture) {
    await()
        .atMost(Duration.ofSeconds(40))
        .untilAsserted(
            () ->
                assertThat(resident(fixture))
                    .isLessThan(fixture.server.liveBytes() * 14 / 10 + 20 * MB));
  }

  private static long resident(Fixture fixture) {
    return fixture.server.engine.keyspace.heap().residentBytes();
  }

  /// Values of all kinds, of which a random third stays.
  private static void thin(LocalSession session, Random random) {
    for (int i = 0; i < KEYS; i++) {
      say(session, "SELECT", Integer.toString(i % 3));
      String length = "x".repeat(random.nextInt(1200));
      switch (random.nextInt(22)) {
        case 0, 1, 2 -> say(session, "HSET", "h" + i, "a", length, "b", "1", "c", "2");
        case 3, 4, 5 -> say(session, "RPUSH", "l" + i, length, "1", "2", length, "3", "4");
        case 6 -> say(session, "SET", "s" + i, "y".repeat(20_000 + random.nextInt(150_000)));
        case 7 -> say(session, "SET", "s" + i, length, "EX", "100000");
        case 8, 9 -> say(session, "ZADD", "z" + i, "1", length, "2", "b", "3", "c");
        default -> say(session, "SET", "s" + i, length + length);
      }
    }
    say(session, "SELECT", "0");
    for (int i = 0; i < 9_000; i++) {
      say(session, "HSET", "big", "f" + i, "x".repeat(random.nextInt(500)));
      say(session, "SADD", "set", "m" + i + "x".repeat(random.nextInt(500)));
      say(session, "ZADD", "ranking", "" + i % 70, "m" + i);
      say(session, "ZADD", "long-names", "" + i % 70, i + "x".repeat(random.nextInt(500)));
      say(session, "RPUSH", "long", "x".repeat(random.nextInt(500)));
      say(session, "RPUSH", "long-of-large", "x".repeat(i % 300 == 0 ? 90_000 : 3));
    }
    for (int i = 1; i < 20_000; i++) { // neighbouring blocks belong to different streams
      say(session, "XADD", "x" + i % 50, i + "-1", "field", "x".repeat(random.nextInt(200)));
    }
    say(session, "XADD", "x1", "900000-1", "field", "x".repeat(1_200_000));
    for (int i = 0; i < 50; i++) {
      say(session, "XGROUP", "CREATE", "x" + i, "g", "0");
      for (int c = 0; c < 80; c++) {
        say(session, "XREADGROUP", "GROUP", "g", "c" + c, "COUNT", "3", "STREAMS", "x" + i, ">");
      }
    }
    for (int i = 0; i < KEYS; i++) {
      if (random.nextInt(10) < 7) {
        say(session, "SELECT", Integer.toString(i % 3));
        say(session, "DEL", "s" + i, "h" + i, "l" + i, "z" + i);
      }
    }
    say(session, "SELECT", "0");
    for (int i = 0; i < 9_000; i++) {
      if (random.nextInt(10) < 7) {
        say(session, "HDEL", "big", "f" + i);
        say(session, "ZREM", "ranking", "m" + i);
      }
    }
    say(session, "ZREMRANGEBYRANK", "long-names", "1000", "7000");
    say(session, "LTRIM", "long", "3000", "6000");
  }
}
