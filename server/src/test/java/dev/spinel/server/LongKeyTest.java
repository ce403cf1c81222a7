package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.value.Entry;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Keys so long that their entry, which is one node, has little room for a value.
class LongKeyTest {
  private static final int TIMES = 100;

  @ParameterizedTest
  @CsvSource({
    Entry.MAX_KEY + ", 60",
    (Entry.MAX_KEY - 1) + ", 1",
    (Entry.MAX_KEY - 700) + ", 60",
    "1000000, 600",
    "985000, 1200"
  })
  void valuesGrowBehindThem(int length, int size) {
    try (Fixture fixture =
        Fixture.unread(
            "hash-max-listpack-entries", "100000",
            "hash-max-listpack-value", "100000",
            "list-max-listpack-size", "100000")) {
      LocalSession session = fixture.session();
      String key = "k".repeat(length);
      String value = "v".repeat(size);
      for (int i = 1; i <= TIMES; i++) {
        assertThat(say(session, "HSET", key, "f" + i, value)).isEqualTo(":1");
      }
      assertThat(say(session, "EXPIRE", key, "1000")).isEqualTo(":1");
      assertThat(say(session, "HLEN", key)).isEqualTo(":" + TIMES);
      say(session, "DEL", key);
      for (int i = 1; i <= TIMES; i++) {
        assertThat(say(session, "RPUSH", key, value)).isEqualTo(":" + i);
      }
      assertThat(say(session, "EXPIRE", key, "1000")).isEqualTo(":1");
      say(session, "DEL", key);
      for (int i = 1; i <= TIMES; i++) {
        assertThat(say(session, "APPEND", key, value)).isEqualTo(":" + size * i);
      }
      assertThat(say(session, "EXPIRE", key, "1000")).isEqualTo(":1");
      assertThat(say(session, "SETRANGE", key, "0", "x")).isEqualTo(":" + size * TIMES);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"RENAME", "RENAMENX", "COPY"})
  void valuesComeToThem(String command) {
    try (Fixture fixture = new Fixture("hash-max-listpack-value", "100000")) {
      LocalSession session = fixture.session();
      String key = "k".repeat(Entry.MAX_KEY);
      String large = "x".repeat(7_000);
      String ok = command.equals("RENAME") ? "+OK" : ":1";
      say(session, "RPUSH", "list", large, "b");
      say(session, "PEXPIRE", "list", "100000");
      assertThat(say(session, command, "list", key)).isEqualTo(ok);
      assertThat(say(session, "LRANGE", key, "0", "-1")).isEqualTo("*2 $7000 " + large + " $1 b");
      assertThat(say(session, "PTTL", key)).isEqualTo(":100000");
      assertThat(say(session, "LPUSH", key, "a")).isEqualTo(":3");
      say(session, "DEL", key);
      say(session, "HSET", "hash", "field", large);
      assertThat(say(session, command, "hash", key)).isEqualTo(ok);
      assertThat(say(session, "HGET", key, "field")).isEqualTo("$7000 " + large);
      say(session, "DEL", key);
      String text = "x".repeat(20_000);
      say(session, "SET", "string", text);
      assertThat(say(session, command, "string", key)).isEqualTo(ok);
      assertThat(say(session, "GET", key)).isEqualTo("$20000 " + text);
      say(session, "DEL", key);
      say(session, "SET", "number", "12345");
      assertThat(say(session, command, "number", key)).isEqualTo(ok);
      assertThat(say(session, "INCR", key)).isEqualTo(":12346");
    }
  }
}
