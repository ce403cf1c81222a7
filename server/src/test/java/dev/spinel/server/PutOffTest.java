package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Clock;
import dev.spinel.keyspace.Slots;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Calls that a snapshot under way puts off: moves of large values that it hasn't seen, and writes
/// that would have it keep more than its budget allows.
class PutOffTest {
  private static void makeLarge(LocalSession session, String key) {
    List<String> words = new ArrayList<>(List.of("HSET", key));
    for (int i = 0; i < 2_000; i++) {
      words.add("f" + i);
      words.add("v" + i);
    }
    assertThat(say(session, words.toArray(String[]::new))).isEqualTo(":2000");
  }

  @Test
  void aLargeValueIsMovedWhenTheWalkHasSeenIt() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      LocalSession mover = fixture.session();
      LocalSession other = fixture.session();
      makeLarge(session, "large");
      makeLarge(session, "larger");
      say(session, "SET", "small", "1");
      HeldSnapshot snapshot = new HeldSnapshot(fixture);
      try {
        assertThat(say(session, "RENAME", "small", "tiny")).isEqualTo("+OK");
        assertThat(say(session, "RENAME", "large", "moved")).isEmpty();
        assertThat(session.session().isParked()).isTrue();
        assertThat(session.run("GET", "tiny")).as("what follows waits, too").isEmpty();
        assertThat(say(mover, "MOVE", "larger", "1")).isEmpty();
        assertThat(say(other, "HGET", "large", "f7")).isEqualTo("$2 v7");
        assertThat(say(other, "CLIENT", "UNBLOCK", "" + session.session().id)).isEqualTo(":0");
        say(other, "MULTI");
        say(other, "RENAME", "larger", "copied");
        assertThat(say(other, "EXEC")).as("a transaction doesn't wait").isEqualTo("*1 +OK");
        assertThat(say(other, "RENAME", "copied", "larger")).isEqualTo("+OK");
      } finally {
        snapshot.finish();
      }
      assertThat(snapshot.entries).isEqualTo(3);
      assertThat(Fixture.text(session.await(5_000))).startsWith("+OK");
      assertThat(say(other, "HLEN", "moved")).isEqualTo(":2000");
      assertThat(say(other, "EXISTS", "large")).isEqualTo(":0");
      assertThat(Fixture.text(mover.await(5_000))).isEqualTo(":1");
      assertThat(say(other, "INFO", "stats")).contains("snapshot_delayed_calls:2");
    }
  }

  /// For what waits there must be room on the heap: else the transaction is refused, and over.
  @Test
  void aTransactionThatFindsNoRoomToWaitIsRefused() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      LocalSession transactor = fixture.session();
      String value = "x".repeat(3_000);
      for (int i = 0; i < 4_000; i++) {
        say(session, "SET", "k" + i, value);
      }
      var heap = fixture.server.engine.heap;
      long limitBytes = heap.limitBytes();
      HeldSnapshot snapshot = new HeldSnapshot(fixture);
      try {
        say(transactor, "MULTI");
        say(transactor, "SET", "k3998", "in a transaction");
        for (int i = 0; !session.session().isParked(); i++) {
          say(session, "SET", "k" + i, "y");
        }
        heap.limit(0);
        assertThat(say(transactor, "EXEC")).startsWith("-EXECABORT");
        assertThat(say(transactor, "PING")).isEqualTo("+PONG");
      } finally {
        heap.limit(limitBytes);
        snapshot.finish();
      }
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
    }
  }

  @Test
  void writersBeyondTheBudgetWait() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      LocalSession transactor = fixture.session();
      LocalSession leaver = fixture.session();
      String value = "x".repeat(3_000);
      for (int i = 0; i < 4_000; i++) {
        say(session, "SET", "k" + i, value);
      }
      int written = 0;
      HeldSnapshot snapshot = new HeldSnapshot(fixture);
      try {
        say(transactor, "MULTI");
        say(transactor, "SET", "k3998", "in a transaction");
        while (!session.session().isParked()) {
          say(session, "SET", "k" + written++, "y");
        }
        assertThat(written).isBetween(1_000, 3_000);
        assertThat(say(transactor, "EXEC")).isEmpty();
        assertThat(say(leaver, "SET", "k3999", "left")).isEmpty();
        leaver.close();
        LocalSession reader = fixture.session();
        assertThat(say(reader, "GET", "k0")).as("readers don't wait").isEqualTo("$1 y");
      } finally {
        snapshot.finish();
      }
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
      assertThat(Fixture.text(transactor.await(5_000))).isEqualTo("*1 +OK");
      assertThat(say(session, "GET", "k3998")).isEqualTo("$16 in a transaction");
      assertThat(say(session, "GET", "k3999")).isEqualTo("$3000 " + value);
    }
  }

  /// Of those that write beyond the budget only those wait that would have the walk keep more.
  @Test
  void writersOfWhatTheWalkNeedsNoMoreGoOn() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      String value = "x".repeat(3_000);
      String passed = null;
      String ahead = null;
      for (int i = 0; i < 4_000; i++) {
        say(session, "SET", "k" + i, value);
        boolean isAhead = slotOf("k" + i) >= Slots.COUNT / 4;
        passed = isAhead ? passed : "k" + i;
        ahead = isAhead ? "k" + i : ahead;
      }
      makeLarge(session, "{" + ahead + "}large");
      HeldSnapshot snapshot = new HeldSnapshot(fixture.server, Slots.COUNT / 4);
      LocalSession other = fixture.session();
      LocalSession scripter = fixture.session();
      try {
        for (int i = 0; !session.session().isParked(); i++) {
          say(session, "SET", "k" + i, "y");
        }
        assertThat(say(other, "SET", passed, "1")).as("passed").isEqualTo("+OK");
        assertThat(say(other, "SET", "{" + ahead + "}new", "1")).as("new").isEqualTo("+OK");
        assertThat(say(other, "INCR", "{" + ahead + "}new")).isEqualTo(":2");
        assertThat(say(other, "DEL", "absent", passed)).isEqualTo(":1");
        say(other, "MULTI");
        say(other, "SET", passed, "3");
        say(other, "GET", ahead);
        assertThat(say(other, "EXEC")).isEqualTo("*2 +OK $3000 " + value);
        assertThat(say(other, "EVAL", "return redis.call('INCR', KEYS[1])", "1", passed))
            .isEqualTo(":4");
        assertThat(say(scripter, "EVAL", "return redis.call('SET', 'a', 1)", "0")).isEmpty();
        assertThat(say(other, "FUNCTION", "FLUSH")).isEqualTo("+OK");
        assertThat(say(other, "HSET", "{" + ahead + "}large", "f", "1")).as("nested").isEmpty();
      } finally {
        snapshot.finish();
      }
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
      assertThat(Fixture.text(scripter.await(5_000))).isEqualTo("+OK");
      assertThat(Fixture.text(other.await(5_000))).isEqualTo(":1");
    }
  }

  @Test
  void flushallEndsWhatTheWritersWaitFor() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      String value = "x".repeat(3_000);
      for (int i = 0; i < 4_000; i++) {
        say(session, "SET", "k" + i, value);
      }
      HeldSnapshot snapshot = new HeldSnapshot(fixture);
      try {
        for (int i = 0; !session.session().isParked(); i++) {
          say(session, "SET", "k" + i, "y");
        }
        assertThat(say(fixture.session(), "FLUSHALL")).isEqualTo("+OK");
      } finally {
        snapshot.finish();
      }
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
    }
  }

  private static int slotOf(String key) {
    return KeySlot.of(new Slice(key.getBytes(StandardCharsets.US_ASCII)));
  }
}
