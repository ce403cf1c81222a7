package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @Test
  void alsoInAFunction() throws IOException {
    String library =
        """
        #!lua name=roams
        redis.register_function('f', function(keys, args)
          redis.call('set', keys[1], 'x')
          return args[1] == '1' and redis.call('keys', '*')
        end)
        """;
    try (RawPeer peer = new RawPeer(spinel.port(), 2)) {
      assertThat(peer.ask("FUNCTION", "LOAD", library)).isEqualTo("$5\r\nroams\r\n");
      assertThat(peer.ask("FCALL", "f", "1", "key", "0")).isEqualTo("$-1\r\n");
      assertThat(peer.ask("FCALL", "f", "1", "key", "1")).isEqualTo("*1\r\n$3\r\nkey\r\n");
    }
  }

  @Test
  void whereTheNameIsPutTogetherItIsAnErrorOnce() throws IOException {
    String script = "redis.call('set', KEYS[1], 'x') return redis.call(ARGV[1])";
    try (RawPeer peer = new RawPeer(spinel.port(), 2)) {
      assertThat(peer.ask("EVAL", script, "1", "key", "time")).startsWith("*2");
      assertThat(peer.ask("EVAL", script, "1", "key", "dbsize"))
          .startsWith("-ERR the script has changed data, and can't do this any more");
      assertThat(peer.ask("EVAL", script, "1", "key", "dbsize")).isEqualTo(":1\r\n");
    }
  }
}
