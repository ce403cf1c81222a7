package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.engine.ExpiryMode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What becomes of keys whose time is over, in each mode, and what trusted sessions may.
class ExpiryModeTest {
  private static void mode(Fixture fixture, LocalSession by, ExpiryMode mode) {
    Fixture.inStoppedWorld(by, () -> fixture.server.engine.expiryMode(mode));
  }

  private static long storedKeys(Fixture fixture, LocalSession by) {
    long[] keys = new long[1];
    Fixture.inStoppedWorld(
        by,
        () -> keys[0] = fixture.server.engine.keyspace.database(0).size(by.dispatcher().seat()));
    return keys[0];
  }

  @Test
  void aHiddenKeyIsAbsentForReadersAndStays() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "1", "PX", "100");
      say(a, "RPUSH", "list", "1");
      say(a, "PEXPIRE", "list", "100");
      mode(fixture, a, ExpiryMode.HIDE);
      fixture.clock.forward(100);
      assertThat(say(a, "GET", "k")).as("at its millisecond it is there").isEqualTo("$1 1");
      fixture.clock.forward(1);
      int effects = fixture.effects().length();
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(say(a, "EXISTS", "k", "list")).isEqualTo(":0");
      assertThat(say(a, "TYPE", "list")).isEqualTo("+none");
      assertThat(say(a, "PEXPIRETIME", "k")).isEqualTo(":-2");
      assertThat(say(a, "KEYS", "*")).isEqualTo("*0");
      assertThat(say(a, "SCAN", "0", "COUNT", "1000")).isEqualTo("*2 $1 0 *0");
      assertThat(say(a, "DBSIZE")).as("it is counted").isEqualTo(":2");
      assertThat(say(a, "RANDOMKEY")).as("a replica's last resort").isIn("$1 k", "$4 list");
      assertThat(storedKeys(fixture, a)).isEqualTo(2);
      assertThat(fixture.effects()).hasSize(effects);

      mode(fixture, a, ExpiryMode.DELETE);
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(fixture.effects()).endsWith("*2 $3 DEL $1 k");
      await().until(() -> storedKeys(fixture, a) == 0); // the keeper goes on
    }
  }

  /// As on a replica that clients may write to: what they would overwrite has gone before.
  @Test
  void aWriteDeletesWhatReadersOnlyHide() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      mode(fixture, a, ExpiryMode.HIDE);
      say(a, "RPUSH", "k", "old");
      say(a, "PEXPIRE", "k", "100");
      fixture.clock.forward(101);
      assertThat(say(a, "SET", "k", "new", "GET")).isEqualTo("$-1");
      assertThat(fixture.effects()).endsWith("*2 $3 DEL $1 k *3 $3 SET $1 k $3 new *1 $4 EXEC");
      assertThat(say(a, "GET", "k")).isEqualTo("$3 new");
    }
  }

  /// Nobody else would: the primary knows nothing of them.
  @Test
  void aWritableReplicaDeletesTheKeysOfItsOwnClients() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "primarys", "1", "PX", "100");
      say(a, "SET", "other", "1");
      mode(fixture, a, ExpiryMode.HIDE);
      say(a, "SET", "own", "1", "PX", "100");
      say(a, "PEXPIRE", "other", "50");
      say(a, "PEXPIRE", "other", "100");
      say(a, "SET", "kept", "1", "PX", "100");
      say(a, "PERSIST", "kept");
      assertThat(fixture.server.engine.localExpiries()).isEqualTo(3);
      fixture.clock.forward(101);
      await().until(() -> storedKeys(fixture, a) == 2);
      assertThat(say(a, "KEYS", "*")).as("primarys is only hidden").isEqualTo("*1 $4 kept");
      assertThat(fixture.effects()).contains("DEL $3 own").contains("DEL $5 other");
      assertThat(fixture.server.engine.localExpiries()).isZero();

      say(a, "SET", "own", "1", "PX", "100");
      say(a, "FLUSHALL");
      assertThat(fixture.server.engine.localExpiries()).isZero();
      mode(fixture, a, ExpiryMode.DELETE);
      say(a, "SET", "own", "1", "PX", "100");
      assertThat(fixture.server.engine.localExpiries()).as("a primary's keeper finds it").isZero();
    }
  }

  @Test
  void whatIsExpiredIsThereForATrustedSession() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      List<String> errors = new ArrayList<>();
      try (LocalSession primary = trusted(fixture, errors)) {
        mode(fixture, a, ExpiryMode.HIDE);
        say(primary, "SET", "k", "1", "PXAT", "" + (fixture.clock.millis() + 100));
        fixture.clock.forward(101);
        assertThat(say(a, "GET", "k")).isEqualTo("$-1");
        assertThat(say(primary, "INCR", "k")).isEqualTo(":2");
        assertThat(say(primary, "KEYS", "*")).isEqualTo("*1 $1 k");
        long past = fixture.clock.millis() - 50;
        assertThat(say(primary, "PEXPIREAT", "k", "" + past)).isEqualTo(":1");
        assertThat(say(primary, "PEXPIRETIME", "k")).isEqualTo(":" + past);
        assertThat(fixture.effects()).as("it ends when the primary says so").doesNotContain("DEL");
        assertThat(say(primary, "DEL", "k")).isEqualTo(":1");
        assertThat(errors).isEmpty();
      }
    }
  }

  private static LocalSession trusted(Fixture fixture, List<String> errors) {
    return new LocalSession(
        fixture.server,
        (command, error) -> errors.add((command == null ? "?" : command.name) + ": " + error));
  }

  @Test
  void theErrorsOfATrustedSessionAreToldToItsOwner() {
    try (Fixture fixture = new Fixture()) {
      List<String> errors = new ArrayList<>();
      try (LocalSession primary = trusted(fixture, errors)) {
        say(primary, "SET", "k", "text");
        say(primary, "INCR", "k");
        say(primary, "NOSUCH", "k");
        say(primary, "SET", "k");
        say(primary, "MULTI");
        say(primary, "LPUSH", "k", "1");
        say(primary, "SET", "l", "1");
        say(primary, "EXEC");
        say(primary, "CLIENT", "REPLY", "OFF");
        say(primary, "HGET", "k", "f");
      }
      assertThat(errors)
          .containsExactly(
              "incr: ERR value is not an integer or out of range",
              "?: ERR unknown command 'NOSUCH', with args beginning with: 'k' ",
              "set: ERR wrong number of arguments for 'set' command",
              "exec: WRONGTYPE Operation against a key holding the wrong kind of value",
              "hget: WRONGTYPE Operation against a key holding the wrong kind of value");
    }
  }

  @Test
  void aTrustedSessionPassesGatesAndLimits() {
    try (Fixture fixture =
        new Fixture("requirepass", "secret", "maxmemory", "1", "proto-max-bulk-len", "1mb")) {
      LocalSession client = fixture.session();
      List<String> errors = new ArrayList<>();
      var heap = fixture.server.engine.heap;
      long limit = heap.limitBytes();
      try (LocalSession primary = trusted(fixture, errors)) {
        heap.limit(0);
        assertThat(say(client, "SET", "k", "1")).startsWith("-NOAUTH");
        assertThat(say(primary, "SET", "k", "x".repeat(2 << 20))).isEqualTo("+OK");
        assertThat(say(primary, "SETRANGE", "k", "" + (3 << 20), "x")).isEqualTo(":3145729");
        say(primary, "MULTI");
        say(primary, "SET", "k", "1");
        assertThat(say(primary, "EXEC")).isEqualTo("*1 +OK");
        assertThat(heap.heldBytes()).as("it has let go of its queue").isZero();
        assertThat(errors).isEmpty();
      } finally {
        heap.limit(limit);
      }
      say(client, "AUTH", "secret");
      assertThat(say(client, "SET", "k", "1")).startsWith("-OOM");
      assertThat(say(client, "CONFIG", "SET", "maxmemory", "0", "requirepass", ""))
          .isEqualTo("+OK");
    }
  }
}
