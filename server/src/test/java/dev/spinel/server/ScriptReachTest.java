package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import java.io.IOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A script that keeps to its keys in one run, and in the next one needs all of the server after it
/// has written.
class ScriptReachTest {
  private Spinel spinel;

  @BeforeEach
  void start() {
    spinel = Spinel.start("event-loops", "2");
  }

  @AfterEach
  void stop() {
    spinel.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "'KEYS', '*'          | *1",
        "\"keys\", '*'        | *1",
        "[[Scan]], '0'        | *2",
        "'randomkey'          | $3",
        "'dbsize'             | :1",
        "'flushall'           | +OK",
        "'flushdb', 'async'   | +OK",
        "'sort', KEYS[1], 'by', 'w*' | *1",
        "'memory', 'stats' | *",
      })
  void aCommandThatIsNamedInItMayBeCalledAfterAWrite(String call, String reply) throws IOException {
    String script =
        "redis.call('rpush', KEYS[1], 'x') if ARGV[1] == '1' then return redis.call(%s) end"
            .formatted(call);
    try (RawPeer peer = new RawPeer(spinel.port(), 2)) {
      assertThat(peer.ask("EVAL", script, "1", "key", "0")).isEqualTo("$-1\r\n");
      assertThat(peer.ask("DEL", "key")).isEqualTo(":1\r\n");
      assertThat(peer.ask("EVAL", script, "1", "key", "1")).startsWith(reply);
    }
  }

  /// Nor is it an error where nobody can see the name beforehand: the first run shows no such call,
  /// and the second one is under way when it comes.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "redis.call('DB' .. 'SIZE')",
        "redis.call(ARGV[1])",
        "pcall(redis.call, ARGV[1]) and 1",
        "redis.call(redis.call('get', KEYS[2]))",
        "redis.call(string.lower(ARGV[1]))",
        "redis[ARGV[2] or 'call'](ARGV[1])",
        "call(ARGV[1])",
        "named(ARGV[1])",
        "loadstring('return redis.call(...)')(ARGV[1])",
      })
  void whereverItsNameComesFrom(String call) throws IOException {
    String script =
        "local call = redis.pcall local function named(c) return redis.call(c) end"
            + " redis.call('set', KEYS[1], 'x') if ARGV[1] then return "
            + call
            + " end";
    try (RawPeer peer = new RawPeer(spinel.port(), 2)) {
      assertThat(peer.ask("SET", "{k}2", "DbSize")).isEqualTo("+OK\r\n");
      for (int i = 0; i < 3; i++) {
        assertThat(peer.ask("EVAL", script, "2", "{k}1", "{k}2")).isEqualTo("$-1\r\n");
      }
      assertThat(peer.ask("EVAL", script, "2", "{k}1", "{k}2", "DBSIZE")).matches(":[12]\r\n");
    }
  }

  /// Only what a function can call itself counts, not the rest of its library.
  @Test
  void eachFunctionOfALibraryByItself() throws Exception {
    String library =
        """
        #!lua name=mixed
        local function all() return redis.call('keys', '*') end
        local named = {size = function() return redis.call('dbsize') end}
        redis.register_function('keeps', function(keys)
          return redis.call('incr', keys[1]) end)
        redis.register_function('lists', function(keys, args)
          redis.call('set', keys[1], 'x') return args[1] == '1' and #all() end)
        redis.register_function('sizes', function(keys, args)
          redis.call('set', keys[1], 'x') return args[1] == '1' and named[args[2]]() end)
        """;
    try (RawPeer peer = new RawPeer(spinel.port(), 2);
        RawPeer other = new RawPeer(spinel.port(), 2)) {
      assertThat(peer.ask("FUNCTION", "LOAD", library)).isEqualTo("$5\r\nmixed\r\n");
      for (String name : new String[] {"lists", "sizes"}) {
        assertThat(peer.ask("FCALL", name, "1", "key", "0", "size")).isEqualTo("$-1\r\n");
        assertThat(peer.ask("FCALL", name, "1", "key", "1", "size")).isEqualTo(":1\r\n");
      }
      assertThat(peer.ask("DEL", "key")).isEqualTo(":1\r\n");
      assertThat(peer.ask("FCALL", "keeps", "1", "key")).isEqualTo(":1\r\n");
    }
  }

  /// What a call has brought, and a script has made, isn't kept once it has run.
  @Test
  void anInterpreterThatRestsHoldsNothing() throws IOException {
    String big = "x".repeat(3_000_000);
    try (RawPeer peer = new RawPeer(spinel.port(), 2)) {
      assertThat(peer.ask("EVAL", "return #KEYS[1] + #ARGV[1]", "1", big.substring(0, 60_000), big))
          .isEqualTo(":3060000\r\n");
      assertThat(peer.ask("EVAL", "local t = {} for i = 1, 1e5 do t[i] = {} end return #t", "0"))
          .isEqualTo(":100000\r\n");
      assertThat(peer.ask("EVAL", "return #{unpack(ARGV)}", "0", big, big)).isEqualTo(":2\r\n");
      assertThat(peer.ask("EVAL", "error(ARGV[1]:sub(1, 2e6))", "0", big)).startsWith("-ERR");
      assertThat(peer.ask("EVAL", "return redis.call('APPEND', KEYS[1], ARGV[1])", "1", "k", big))
          .isEqualTo(":3000000\r\n");
      Matcher held =
          Pattern.compile("used_memory_vm_eval:(\\d+)").matcher(peer.ask("INFO", "memory"));
      assertThat(held.find()).isTrue();
      assertThat(Long.parseLong(held.group(1))).isLessThan(200_000);
    }
  }
}
