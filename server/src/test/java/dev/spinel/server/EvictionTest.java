package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.engine.Clock;
import dev.spinel.wire.KeySlot;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `maxmemory`: who is refused, who goes, and that the journal tells of it ([Fixture]).
class EvictionTest {
  private static final String OOM = "-OOM command not allowed when used memory > 'maxmemory'.";
  private static final String VALUE = "x".repeat(1_000);
  private static final String SWAPS =
      "redis.call('SWAPDB', 0, 1) for i = 1, 3 do redis.call('COPY', 'big', 'copy' .. i) end";

  /// Sets the limit so that about `bytes` more fit. Not by CONFIG SET: some tests hold a slot, and
  /// the world couldn't be stopped.
  private static void limit(Fixture fixture, long bytes) {
    long limit = fixture.server.liveBytes() + bytes;
    fixture.server.config.set(List.of("maxmemory", Long.toString(limit)), true, false);
  }

  private static void policy(LocalSession session, String name) {
    assertThat(say(session, "CONFIG", "SET", "maxmemory-policy", name)).isEqualTo("+OK");
  }

  /// Writes until something is refused; how many writes were not.
  private static int fill(LocalSession session, String prefix, int most, String... options) {
    for (int i = 0; i < most; i++) {
      List<String> words = new ArrayList<>(List.of("SET", prefix + i, VALUE));
      words.addAll(List.of(options));
      String reply = say(session, words.toArray(String[]::new));
      if (!reply.equals("+OK")) {
        assertThat(reply).isEqualTo(OOM);
        return i;
      }
    }
    return most;
  }

  @Test
  void withoutEvictionWhatNeedsMemoryIsRefused() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      limit(fixture, 2_000_000);
      int written = fill(session, "k", 5_000);
      assertThat(written).isBetween(1_000, 2_200);
      assertThat(say(session, "GET", "k0")).isEqualTo("$1000 " + VALUE);
      assertThat(say(session, "LPUSH", "l", "x")).isEqualTo(OOM);
      say(session, "MULTI");
      assertThat(say(session, "SET", "a", "1")).isEqualTo(OOM);
      assertThat(say(session, "EXEC")).startsWith("-EXECABORT");
      assertThat(say(session, "DEL", "k0", "k1", "k2", "k3")).isEqualTo(":4");
      assertThat(say(session, "SET", "a", "1")).isEqualTo("+OK");
      say(session, "MULTI");
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+QUEUED");
      limit(fixture, -100_000);
      assertThat(say(session, "EXEC"))
          .isEqualTo("-EXECABORT Transaction discarded because of: " + OOM.substring(1));
      assertThat(say(session, "CONFIG", "SET", "maxmemory", "0")).isEqualTo("+OK");
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+OK");
      assertThat(say(session, "INFO", "stats")).contains("evicted_keys:0");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl"
      })
  void everyPolicyMakesRoomAndKeepsWhatItMust(String policy) {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      policy(session, policy);
      for (int i = 0; i < 200; i++) {
        say(session, "SET", "persistent" + i, "p");
      }
      limit(fixture, 2_000_000);
      assertThat(fill(session, "k", 6_000, "EX", "1000")).isEqualTo(6_000);
      assertThat(fixture.server.liveBytes()).isLessThan(2_300_000 + 200 * 200);
      assertThat(say(session, "INFO", "stats")).doesNotContain("evicted_keys:0 ");
      assertThat(fixture.effects()).contains("DEL");
      if (policy.startsWith("volatile")) {
        for (int i = 0; i < 200; i++) {
          assertThat(say(session, "GET", "persistent" + i)).isEqualTo("$1 p");
        }
        say(session, "FLUSHALL");
        limit(fixture, 1_000_000);
        assertThat(fill(session, "n", 5_000)).as("nothing may be evicted").isBetween(500, 1_200);
      }
    }
  }

  /// What is evicted within a transaction is journaled before its effects: behind an exchange of
  /// databases that would be another key elsewhere, as the fixture's replay would show.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "MULTI, SWAPDB 0 1, COPY big copy1, COPY big copy2, COPY big copy3, EXEC",
        "EVAL script 0",
      })
  void nothingIsEvictedBehindAnExchangeOfDatabases(String calls) {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      policy(session, "allkeys-lru");
      for (String database : List.of("1", "0")) {
        say(session, "SELECT", database);
        for (int i = 0; i < 500; i++) {
          say(session, "SET", "k" + i, VALUE + database);
        }
      }
      say(session, "SELECT", "1");
      for (int i = 0; i < 300; i++) {
        say(session, "RPUSH", "big", VALUE + i);
      }
      say(session, "SELECT", "0");
      limit(fixture, 400_000);
      for (String call : calls.split(", ")) {
        List<String> words = new ArrayList<>(List.of(call.split(" ")));
        if (words.getFirst().equals("EVAL")) {
          words.set(1, SWAPS);
        }
        assertThat(say(session, words.toArray(String[]::new))).doesNotStartWith("-");
      }
      assertThat(fixture.effects()).contains("SWAPDB", "copy1");
    }
  }

  @Test
  void whatWasUsedLatelyStays() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      policy(session, "allkeys-lru");
      for (int i = 0; i < 2_000; i++) {
        say(session, "SET", "k" + i, VALUE);
      }
      fixture.clock.forward(100_000);
      for (int i = 0; i < 1_000; i++) {
        say(session, "GET", "k" + i);
      }
      fixture.clock.forward(10_000);
      limit(fixture, -800_000);
      assertThat(fill(session, "n", 50)).isEqualTo(50);
      await().until(() -> say(session, "SET", "last", "1").equals("+OK"));
      assertThat(present(session, 0)).as("of those used lately").isGreaterThan(900);
      assertThat(present(session, 1_000)).as("of the others").isLessThan(450);
    }
  }

  @Test
  void integersAreSharedUnlessTheirAccessMatters() {
    try (Fixture fixture = new Fixture("maxmemory-policy", "allkeys-lru")) {
      LocalSession session = fixture.session();
      say(session, "SET", "n", "5");
      assertThat(say(session, "OBJECT", "REFCOUNT", "n")).isEqualTo(":2147483647");
      limit(fixture, 1_000_000);
      assertThat(say(session, "OBJECT", "REFCOUNT", "n")).isEqualTo(":1");
      policy(session, "volatile-ttl");
      assertThat(say(session, "OBJECT", "REFCOUNT", "n")).isEqualTo(":2147483647");
    }
  }

  private static int present(LocalSession session, int from) {
    int there = 0;
    for (int i = from; i < from + 1_000; i++) {
      there += say(session, "EXISTS", "k" + i).equals(":1") ? 1 : 0;
    }
    return there;
  }

  /// As in Redis, where every command begins so: a client hears of the key before the reply.
  @Test
  void whatACommandTookTooMuchTheNextOneEvictsAlsoIfItOnlyReads() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      policy(session, "volatile-random");
      session.run("HELLO", "3");
      say(session, "CLIENT", "TRACKING", "ON");
      say(session, "SETEX", "volatile", "10000", "x");
      say(session, "GET", "volatile");
      limit(fixture, 100_000);
      assertThat(say(session, "SETBIT", "big", "1600000", "0")).isEqualTo(":0");
      assertThat(say(session, "GETBIT", "big", "0"))
          .isEqualTo(">2 $10 invalidate *1 $8 volatile :0");
      assertThat(say(session, "DBSIZE")).isEqualTo(":1");
      limit(fixture, 100_000);
      assertThat(say(session, "SETEX", "volatile", "10000", "x")).isEqualTo("+OK");
      limit(fixture, -1_000);
      assertThat(say(session, "INFO", "stats")).contains("evicted_keys:2");
    }
  }

  @Test
  void whatExpiresSoonestGoesFirst() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      policy(session, "volatile-ttl");
      for (int i = 0; i < 2_000; i++) {
        say(
            session,
            "SET",
            "k" + i,
            VALUE,
            "EX",
            Integer.toString(i < 1_000 ? 9_000 + i : 100 + i));
      }
      limit(fixture, -700_000);
      fill(session, "n", 50);
      assertThat(present(session, 0)).as("of those with a long life").isGreaterThan(950);
    }
  }

  @Test
  void evictionBreaksWatchesAndIsNotified() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      LocalSession listener = fixture.session();
      say(session, "CONFIG", "SET", "notify-keyspace-events", "Ee");
      say(listener, "SUBSCRIBE", "__keyevent@0__:evicted");
      policy(session, "allkeys-random");
      say(session, "SET", "only", VALUE);
      say(session, "WATCH", "only");
      limit(fixture, -500);
      say(session, "MULTI");
      say(session, "PING");
      LocalSession other = fixture.session();
      say(other, "SET", "x", "1");
      assertThat(say(session, "EXEC")).isEqualTo("*-1");
      assertThat(say(listener)).contains("only");
    }
  }

  @Test
  void theKeeperGoesOnWhereCommandsHadNoTime() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM, "maxmemory-policy", "allkeys-lru")) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 3_000; i++) {
        say(session, "SET", "k" + i, VALUE);
      }
      limit(fixture, -2_000_000);
      long limit = Long.parseLong(say(session, "CONFIG", "GET", "maxmemory").split(" ")[4]);
      await().atMost(Duration.ofSeconds(10)).until(() -> fixture.server.liveBytes() <= limit);
    }
  }

  @Test
  void manyWritersStayNearTheLimit() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM, "maxmemory-policy", "allkeys-lru")) {
      LocalSession first = fixture.session();
      limit(fixture, 3_000_000);
      Crowd writers = new Crowd();
      for (int t = 0; t < 4; t++) {
        LocalSession session = fixture.session();
        var random = new Random(t);
        writers.start(
            () -> {
              for (int i = 0; i < 5_000; i++) {
                String key = "k" + random.nextInt(20_000);
                String reply =
                    random.nextInt(4) == 0
                        ? say(session, "RPUSH", "l" + key, VALUE, VALUE)
                        : say(session, "SET", key, VALUE);
                assertThat(reply).doesNotStartWith("-");
              }
            });
      }
      writers.join();
      assertThat(fixture.server.liveBytes()).isLessThan(4_000_000);
    }
  }

  /// What is evicted while a snapshot still needs it gives nothing back: evicting more of it would
  /// not help.
  @ParameterizedTest
  @ValueSource(strings = {"string", "list", "hash", "large string"})
  void aSnapshotDoesNotMakeItEvictMore(String type) throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM, "maxmemory-policy", "allkeys-lru")) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 500; i++) {
        switch (type) {
          case "string" -> say(session, "SET", "k" + i, VALUE.repeat(20));
          case "large string" -> say(session, "SET", "k" + i, VALUE.repeat(80));
          default -> {
            boolean list = type.equals("list");
            for (int n = 0; n < 20; n++) {
              String[] element = {"RPUSH", "k" + i, VALUE};
              say(session, list ? element : new String[] {"HSET", "k" + i, "f" + n, VALUE});
            }
          }
        }
      }
      limit(fixture, 50_000);
      HeldSnapshot held = new HeldSnapshot(fixture);
      int written = 0;
      while (session.run("SET", "n" + written, VALUE.repeat(20)).length > 0) {
        written++;
      }
      assertThat(session.session().isParked()).as("beyond the walk's budget").isTrue();
      long evicted = fixture.server.evictedKeys();
      assertThat(evicted).as("evicted for %d writes of 20 KB", written).isLessThan(written + 20);
      LocalSession other = fixture.session();
      assertThat(other.run("SET", "late", VALUE)).as("put off").isEmpty();
      assertThat(fixture.server.evictedKeys()).isEqualTo(evicted);
      held.finish();
      await().until(() -> fixture.server.engine.keyspace.walk().preservedBytes() == 0);
    }
  }

  /// What only the keeper can free isn't free yet, and without eviction nobody waits for it. What a
  /// writer can free it frees.
  @Test
  void whatTheReaperHasYetToFreeLetsNobodyInUnlessItCanHelp() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      makeList(session, "large", 30_000);
      makeList(session, "small", 1_000);
      try (StoppedKeeper keeper = new StoppedKeeper(fixture)) {
        say(session, "UNLINK", "large");
        limit(fixture, -1_000);
        assertThat(keeper.pending()).isEqualTo(1);
        assertThat(say(session, "SET", "k", "1")).isEqualTo(OOM);
        say(session, "UNLINK", "small");
        assertThat(keeper.pending()).isEqualTo(2);
        assertThat(say(session, "SET", "k", "1")).isEqualTo("+OK");
        assertThat(keeper.pending()).isEqualTo(1);
      }
      await().until(() -> say(session, "SET", "k", "1").equals("+OK"));
    }
  }

  /// With eviction, what is being freed anyway is waited for; no key goes instead.
  @Test
  void whatTheKeeperFreesIsWaitedFor() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM, "maxmemory-policy", "allkeys-lru")) {
      LocalSession session = fixture.session();
      makeList(session, "large", 30_000);
      fill(session, "k", 100);
      try (StoppedKeeper keeper = new StoppedKeeper(fixture)) {
        say(session, "UNLINK", "large");
        limit(fixture, -1_000);
        assertThat(say(session, "SET", "k", "1")).as("put off").isEmpty();
        assertThat(session.run("PING")).as("what follows waits, too").isEmpty();
        assertThat(say(fixture.session(), "GET", "k1")).as("readers don't").isNotEqualTo("$-1");
        assertThat(keeper.pending()).isEqualTo(1);
      }
      assertThat(Fixture.text(session.await(10_000))).startsWith("+OK");
      assertThat(fixture.server.evictedKeys()).isZero();
    }
  }

  private static void makeList(LocalSession session, String key, int elements) {
    List<String> words = new ArrayList<>(List.of("RPUSH", key));
    for (int i = 0; i < elements; i++) {
      words.add(VALUE);
    }
    say(session, words.toArray(String[]::new));
  }

  /// A keeper that waits for a slot that is held: it has work and doesn't do it, until this closes.
  private static final class StoppedKeeper implements AutoCloseable {
    private final Fixture fixture;
    private final LocalSession holder;
    private final int slot = KeySlot.of(Server.ascii("held"), 0, 4);

    StoppedKeeper(Fixture fixture) {
      this.fixture = fixture;
      say(fixture.session(), "SET", "held", "1", "PX", "1");
      holder = fixture.session();
      holder.dispatcher().turnBegins();
      holder.dispatcher().seat().lock(slot);
      await().until(EvictionTest::aKeeperWaitsForASlot);
    }

    long pending() {
      return fixture.server.engine.keyspace.keeper().pending();
    }

    @Override
    public void close() {
      holder.dispatcher().seat().unlock(slot);
      holder.dispatcher().turnEnds();
    }
  }

  /// Who has looked through all slots for keys with an expiry, in vain, doesn't until there may be
  /// one: a slot that somebody holds would keep it waiting.
  @Test
  void noKeysWithAnExpiryAreNotSoughtTwice() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM, "maxmemory-policy", "volatile-lru")) {
      LocalSession session = fixture.session();
      LocalSession other = fixture.session();
      for (int i = 0; i < 1_000; i++) {
        say(session, "SET", "k" + i, VALUE);
      }
      limit(fixture, -1_000);
      assertThat(say(session, "SET", "k", "1")).isEqualTo(OOM);
      LocalSession holder = fixture.session();
      int slot = KeySlot.of(Server.ascii("k1"), 0, 2);
      holder.dispatcher().turnBegins();
      holder.dispatcher().seat().lock(slot);
      var reply = new AtomicReference<String>();
      var writer = new Thread(() -> reply.set(say(session, "SET", "k", "1")));
      writer.start();
      writer.join(10_000);
      String before = reply.get();
      holder.dispatcher().seat().unlock(slot);
      holder.dispatcher().turnEnds();
      writer.join();
      assertThat(before).isEqualTo(OOM);
      say(other, "EXPIRE", "k5", "1000");
      other.close();
      assertThat(say(session, "SET", "k", "1")).isEqualTo("+OK");
      assertThat(say(session, "EXISTS", "k5")).isEqualTo(":0");
    }
  }

  private static boolean aKeeperWaitsForASlot() {
    for (var thread : Thread.getAllStackTraces().entrySet()) {
      if (thread.getKey().getName().equals("spinel-keeper")) {
        for (StackTraceElement frame : thread.getValue()) {
          if (frame.getClassName().endsWith(".Slots")) {
            return true;
          }
        }
      }
    }
    return false;
  }

  @Test
  void withoutRoomATransactionTakesNothing() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "v");
      say(a, "MULTI");
      say(a, "GET", "k");
      say(a, "CONFIG", "SET", "maxmemory", "1");
      assertThat(say(a, "EXEC")).startsWith("*2");
      say(a, "MULTI");
      for (String reads : new String[] {"GET k", "PING", "LPOP l"}) {
        assertThat(say(a, reads.split(" "))).as(reads).startsWith("-OOM command not allowed");
      }
      assertThat(say(a, "EXEC")).startsWith("-EXECABORT");
      assertThat(say(a, "GET", "k")).isEqualTo("$1 v");
      say(a, "CONFIG", "SET", "maxmemory", "0");
    }
  }

  @Test
  void aLowerLimitHoldsAtOnce() {
    try (Fixture fixture = new Fixture("maxmemory", "100mb")) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "SET", "k", "v"); // far from the limit: it isn't looked at again for a while
      say(b, "CONFIG", "SET", "maxmemory", "1");
      assertThat(say(a, "SET", "k", "v")).startsWith("-OOM");
    }
  }
}
