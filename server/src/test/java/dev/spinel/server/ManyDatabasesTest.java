package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.keyspace.Keyspace;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// As many databases as a configuration may ask for: those that nobody uses cost nothing, and the
/// last is as good as the first.
@Timeout(60)
class ManyDatabasesTest {
  private static final String LAST = "2147483646";

  private static Fixture fixture() {
    return new Fixture("databases", "2147483647");
  }

  private static String say(LocalSession session, String... words) {
    return new String(session.run(words), StandardCharsets.ISO_8859_1);
  }

  private static String keyspaceOf(LocalSession session) {
    return say(session, "INFO", "keyspace")
        .lines()
        .filter(line -> line.startsWith("db"))
        .map(line -> line.substring(0, line.indexOf(',')))
        .toList()
        .toString();
  }

  @Test
  void theLastDatabaseIsAsGoodAsTheFirst() {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      assertThat(say(session, "SELECT", "2147483647")).startsWith("-ERR DB index is out of range");
      assertThat(say(session, "SELECT", LAST)).isEqualTo("+OK\r\n");
      assertThat(say(session, "DBSIZE")).isEqualTo(":0\r\n");
      say(session, "SET", "k", "last");
      say(session, "SELECT", "1024");
      say(session, "SET", "k", "middle");
      say(session, "SELECT", "0");
      say(session, "SET", "k", "first");
      assertThat(keyspaceOf(session))
          .isEqualTo("[db0:keys=1, db1024:keys=1, db" + LAST + ":keys=1]");
      assertThat(say(session, "MOVE", "k", "70000")).isEqualTo(":1\r\n");
      assertThat(say(session, "SWAPDB", "70000", LAST)).isEqualTo("+OK\r\n");
      assertThat(say(session, "SWAPDB", "3", "1024")).isEqualTo("+OK\r\n");
      assertThat(keyspaceOf(session))
          .isEqualTo("[db3:keys=1, db70000:keys=1, db" + LAST + ":keys=1]");
      say(session, "SELECT", LAST);
      assertThat(say(session, "GET", "k")).isEqualTo("$5\r\nfirst\r\n");
      say(session, "FLUSHDB");
      assertThat(keyspaceOf(session)).isEqualTo("[db3:keys=1, db70000:keys=1]");
      say(session, "FLUSHALL");
      assertThat(keyspaceOf(session)).isEqualTo("[]");
    }
  }

  @Test
  void keysOfHighDatabasesExpire() {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      say(session, "SELECT", "99999");
      say(session, "SET", "k", "v", "PX", "10");
      fixture.clock.forward(11);
      while (!keyspaceOf(session).equals("[]")) {
        Thread.onSpinWait(); // the keeper has a thread of its own
      }
      assertThat(say(session, "INFO", "stats")).contains("expired_keys:1\r\n");
    }
  }

  @Test
  void keysOfHighDatabasesAreEvicted() {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      for (String policy : new String[] {"allkeys-lru", "allkeys-random"}) {
        say(session, "CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", policy);
        for (String database : new String[] {"0", "5000", "70000"}) {
          say(session, "SELECT", database);
          for (int i = 0; i < 100; i++) {
            say(session, "SET", "k" + i, "v".repeat(1000));
          }
        }
        say(session, "CONFIG", "SET", "maxmemory", "1");
        say(session, "SET", "one", "more");
        while (!keyspaceOf(session).equals("[]")) {
          say(session, "SET", "one", "more"); // which makes room first
        }
      }
    }
  }

  @Test
  void fiveThousandDatabasesOfOneKeyEach() {
    try (Fixture fixture = new Fixture("databases", "100000")) {
      LocalSession session = fixture.session();
      Keyspace keyspace = fixture.server.engine.keyspace;
      for (int number = 0; number < 5000; number++) {
        say(session, "SELECT", Integer.toString(number));
        say(session, "SET", "k", "v");
      }
      assertThat(say(session, "DBSIZE")).isEqualTo(":1\r\n");
      assertThat(keyspace.nextUsed(4999)).isEqualTo(4999);
      assertThat(keyspace.nextUsed(5000)).isEqualTo(-1);
    }
  }
}
