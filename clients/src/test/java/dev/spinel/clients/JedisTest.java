package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.Spinel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.params.SetParams;

class JedisTest {
  private static Jedis connect(Spinel spinel, RedisProtocol protocol) {
    return new Jedis(
        new HostAndPort("127.0.0.1", spinel.port()),
        DefaultJedisClientConfig.builder().protocol(protocol).build());
  }

  /// As the README and `spinel up` say it.
  @Test
  void theFirstLinesOfTheReadmeWork() {
    try (Spinel spinel = Spinel.start("databases", "4");
        RedisClient jedis = RedisClient.create("127.0.0.1", spinel.port())) {
      jedis.set("key", "value");
      assertThat(jedis.get("key")).isEqualTo("value");
    }
  }

  @Test
  void stringsHashesAndListsInBothProtocols() {
    try (Spinel spinel = Spinel.start()) {
      for (RedisProtocol protocol : RedisProtocol.values()) {
        try (Jedis jedis = connect(spinel, protocol)) {
          jedis.flushAll();
          assertThat(jedis.set("foo", "bar")).isEqualTo("OK");
          assertThat(jedis.get("foo")).isEqualTo("bar");
          assertThat(jedis.set("foo", "baz", SetParams.setParams().nx())).isNull();
          assertThat(jedis.incrBy("n", 5)).isEqualTo(5);
          assertThat(jedis.hset("h", Map.of("name", "John", "age", "29"))).isEqualTo(2);
          assertThat(jedis.hgetAll("h"))
              .containsOnly(Map.entry("name", "John"), Map.entry("age", "29"));
          assertThat(jedis.rpush("l", "a", "b", "c")).isEqualTo(3);
          assertThat(jedis.lrange("l", 0, -1)).containsExactly("a", "b", "c");
          assertThat(jedis.expire("l", 100)).isEqualTo(1);
          assertThat(jedis.ttl("l")).isBetween(1L, 100L);
          assertThatThrownBy(() -> jedis.incr("foo"))
              .isInstanceOf(JedisDataException.class)
              .hasMessage("ERR value is not an integer or out of range");
        }
      }
    }
  }

  @Test
  void pipelinesAndTransactions() {
    try (Spinel spinel = Spinel.start();
        Jedis jedis = connect(spinel, RedisProtocol.RESP2);
        Jedis other = connect(spinel, RedisProtocol.RESP3)) {
      List<Response<Long>> counts = new ArrayList<>();
      Pipeline pipeline = jedis.pipelined();
      for (int i = 0; i < 10_000; i++) {
        counts.add(pipeline.incr("n"));
      }
      pipeline.sync();
      assertThat(counts.get(9_999).get()).isEqualTo(10_000);
      jedis.watch("n");
      other.set("n", "1");
      Transaction broken = jedis.multi();
      broken.incr("n");
      assertThat(broken.exec()).isNull();
      Transaction transaction = jedis.multi();
      transaction.set("a", "1");
      transaction.lpush("b", "2");
      assertThat(transaction.exec()).containsExactly("OK", 1L);
    }
  }

  @Test
  void waitingListeningAndScanning() throws Exception {
    try (Spinel spinel = Spinel.start();
        Jedis jedis = connect(spinel, RedisProtocol.RESP2);
        Jedis waiter = connect(spinel, RedisProtocol.RESP2)) {
      Thread pusher =
          new Thread(
              () -> {
                try (Jedis third = connect(spinel, RedisProtocol.RESP3)) {
                  third.rpush("queue", "job");
                }
              });
      pusher.start();
      assertThat(waiter.blpop(5, "queue")).containsExactly("queue", "job");
      pusher.join();
      ArrayBlockingQueue<String> heard = new ArrayBlockingQueue<>(10);
      JedisPubSub listener =
          new JedisPubSub() {
            @Override
            public void onSubscribe(String channel, int count) {
              heard.add("subscribed " + channel);
            }

            @Override
            public void onMessage(String channel, String message) {
              heard.add(message);
              unsubscribe();
            }
          };
      Thread listening = new Thread(() -> waiter.subscribe(listener, "news"));
      listening.start();
      assertThat(heard.poll(5, TimeUnit.SECONDS)).isEqualTo("subscribed news");
      assertThat(jedis.publish("news", "hello")).isEqualTo(1);
      assertThat(heard.poll(5, TimeUnit.SECONDS)).isEqualTo("hello");
      listening.join(5_000);
      assertThat(listening.isAlive()).isFalse();
      for (int i = 0; i < 500; i++) {
        jedis.set("key:" + i, "v");
      }
      int seen = 0;
      String cursor = "0";
      do {
        var page = jedis.scan(cursor, new ScanParams().match("key:*").count(50));
        seen += page.getResult().size();
        cursor = page.getCursor();
      } while (!cursor.equals("0"));
      assertThat(seen).isEqualTo(500);
    }
  }

  @Test
  void passwordsAreAskedFor() {
    try (Spinel spinel = Spinel.start("requirepass", "secret")) {
      try (Jedis jedis = new Jedis("127.0.0.1", spinel.port())) {
        assertThatThrownBy(() -> jedis.get("k")).hasMessageContaining("NOAUTH");
        assertThatThrownBy(() -> jedis.auth("wrong")).hasMessageContaining("WRONGPASS");
        assertThat(jedis.auth("secret")).isEqualTo("OK");
        assertThat(jedis.set("k", "v")).isEqualTo("OK");
      }
    }
  }
}
