package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.Spinel;
import io.lettuce.core.FlushMode;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.sync.RedisCommands;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisNoScriptException;
import redis.clients.jedis.resps.LibraryInfo;

/// Scripts and functions as jedis and lettuce offer them.
class ScriptsTest {
  private static final String LIBRARY =
      """
      #!lua name=shop
      redis.register_function('sell', function(keys, args)
        local left = tonumber(redis.call('GET', keys[1]) or 0)
        if left < tonumber(args[1]) then return redis.error_reply('SOLDOUT ' .. left .. ' left') end
        return redis.call('DECRBY', keys[1], args[1])
      end)
      redis.register_function{function_name='left', flags={'no-writes'},
        callback=function(keys) return redis.call('GET', keys[1]) end}
      """;

  private static final String SHAPES =
      "return {1, 'two', {3, false}, redis.status_reply('FINE'), tonumber(ARGV[1])}";

  @ParameterizedTest
  @EnumSource(RedisProtocol.class)
  void jedis(RedisProtocol protocol) {
    try (Spinel spinel = Spinel.start();
        Jedis jedis =
            new Jedis(
                new HostAndPort("127.0.0.1", spinel.port()),
                DefaultJedisClientConfig.builder().protocol(protocol).build())) {
      assertThat(jedis.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, "key", "value"))
          .isEqualTo("OK");
      assertThat((List<?>) jedis.eval(SHAPES, List.of(), List.of("5")))
          .asString()
          .isEqualTo("[1, two, [3, null], FINE, 5]");

      String sha = jedis.scriptLoad("return redis.call('GET', KEYS[1])");
      assertThat(jedis.scriptExists(sha)).isTrue();
      assertThat(jedis.evalsha(sha, 1, "key")).isEqualTo("value");
      assertThat(jedis.evalshaReadonly(sha, List.of("key"), List.of())).isEqualTo("value");
      jedis.scriptFlush();
      assertThatThrownBy(() -> jedis.evalsha(sha, 1, "key"))
          .isInstanceOf(JedisNoScriptException.class);
      assertThatThrownBy(() -> jedis.eval("return redis.call('INCR', KEYS[1])", 1, "key"))
          .isInstanceOf(JedisDataException.class)
          .hasMessageContaining("value is not an integer or out of range");

      assertThat(jedis.functionLoad(LIBRARY)).isEqualTo("shop");
      jedis.set("stock", "5");
      assertThat(jedis.fcall("sell", List.of("stock"), List.of("3"))).isEqualTo(2L);
      assertThat(jedis.fcallReadonly("left", List.of("stock"), List.of())).isEqualTo("2");
      assertThatThrownBy(() -> jedis.fcall("sell", List.of("stock"), List.of("3")))
          .hasMessage("SOLDOUT 2 left");
      var libraries = jedis.functionList("shop");
      assertThat(libraries).singleElement().returns("shop", LibraryInfo::getLibraryName);
      assertThat(libraries.getFirst().getFunctions()).hasSize(2);
      byte[] all = jedis.functionDump();
      jedis.functionFlush();
      assertThat(jedis.functionList()).isEmpty();
      assertThat(jedis.functionRestore(all)).isEqualTo("OK");
      assertThat(jedis.fcallReadonly("left", List.of("stock"), List.of())).isEqualTo("2");
      assertThat(jedis.functionDelete("shop")).isEqualTo("OK");
    }
  }

  @Test
  void lettuce() {
    try (Spinel spinel = Spinel.start()) {
      RedisClient client = RedisClient.create("redis://127.0.0.1:" + spinel.port());
      try (var connection = client.connect()) {
        lettuce(connection.sync());
      } finally {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
      }
    }
  }

  private static void lettuce(RedisCommands<String, String> redis) {
    String[] key = {"key"};
    String set = redis.eval(set(), ScriptOutputType.STATUS, key, "value");
    assertThat(set).isEqualTo("OK");
    List<Object> shapes = redis.eval(SHAPES, ScriptOutputType.MULTI, new String[0], "5");
    assertThat(shapes).asString().isEqualTo("[1, two, [3, null], FINE, 5]");
    boolean there = redis.eval("return 1", ScriptOutputType.BOOLEAN);
    assertThat(there).isTrue();

    String get = "return redis.call('GET', KEYS[1])";
    String sha = redis.scriptLoad(get);
    assertThat(sha).isEqualTo(redis.digest(get));
    assertThat(redis.scriptExists(sha, "0".repeat(40))).containsExactly(true, false);
    String got = redis.evalsha(sha, ScriptOutputType.VALUE, key);
    assertThat(got).isEqualTo("value");
    got = redis.evalReadOnly(get, ScriptOutputType.VALUE, key);
    assertThat(got).isEqualTo("value");
    assertThatThrownBy(() -> redis.evalReadOnly(set(), ScriptOutputType.STATUS, key, "other"))
        .isInstanceOf(RedisCommandExecutionException.class)
        .hasMessageContaining("Write commands are not allowed from read-only scripts");
    redis.scriptFlush();
    assertThatThrownBy(() -> redis.evalsha(sha, ScriptOutputType.VALUE, key))
        .isInstanceOf(RedisNoScriptException.class);

    assertThat(redis.functionLoad(LIBRARY)).isEqualTo("shop");
    redis.set("stock", "5");
    long left = redis.fcall("sell", ScriptOutputType.INTEGER, new String[] {"stock"}, "3");
    assertThat(left).isEqualTo(2);
    String read = redis.fcallReadOnly("left", ScriptOutputType.VALUE, "stock");
    assertThat(read).isEqualTo("2");
    byte[] all = redis.functionDump();
    redis.functionFlush(FlushMode.SYNC);
    assertThat(redis.functionList()).isEmpty();
    redis.functionRestore(all);
    List<Map<String, Object>> libraries = redis.functionList("shop");
    assertThat(libraries).singleElement().asString().contains("sell", "left");
  }

  private static String set() {
    return "return redis.call('SET', KEYS[1], ARGV[1])";
  }
}
