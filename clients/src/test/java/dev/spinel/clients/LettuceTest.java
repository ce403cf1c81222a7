package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.TrackingArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.lettuce.core.support.caching.CacheAccessor;
import io.lettuce.core.support.caching.CacheFrontend;
import io.lettuce.core.support.caching.ClientSideCaching;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LettuceTest {
  private static RedisClient client(Spinel spinel, ProtocolVersion protocol) {
    RedisClient client = RedisClient.create("redis://127.0.0.1:" + spinel.port());
    client.setOptions(ClientOptions.builder().protocolVersion(protocol).build());
    return client;
  }

  @ParameterizedTest
  @EnumSource(
      value = ProtocolVersion.class,
      names = {"RESP2", "RESP3"})
  void syncAsyncAndTransactions(ProtocolVersion protocol) throws Exception {
    try (Spinel spinel = Spinel.start()) {
      RedisClient client = client(spinel, protocol);
      try (StatefulRedisConnection<String, String> connection = client.connect()) {
        var sync = connection.sync();
        assertThat(sync.set("key", "Hello, Redis!")).isEqualTo("OK");
        assertThat(sync.get("key")).isEqualTo("Hello, Redis!");
        assertThat(sync.hset("h", Map.of("a", "1", "b", "2"))).isEqualTo(2);
        assertThat(sync.hgetall("h")).containsOnly(Map.entry("a", "1"), Map.entry("b", "2"));
        List<RedisFuture<Long>> counts = new ArrayList<>();
        for (int i = 0; i < 5_000; i++) {
          counts.add(connection.async().incr("n"));
        }
        assertThat(counts.get(4_999).get(10, TimeUnit.SECONDS)).isEqualTo(5_000);
        sync.multi();
        sync.set("x", "1");
        sync.rpush("l", "1", "2");
        assertThat(sync.exec().<Object>get(1)).isEqualTo(2L);
        assertThat(sync.blpop(1, "l").getValue()).isEqualTo("1");
      } finally {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = ProtocolVersion.class,
      names = {"RESP2", "RESP3"})
  void listenersHearMessages(ProtocolVersion protocol) throws Exception {
    try (Spinel spinel = Spinel.start()) {
      RedisClient client = client(spinel, protocol);
      try (StatefulRedisPubSubConnection<String, String> listener = client.connectPubSub();
          StatefulRedisConnection<String, String> speaker = client.connect()) {
        ArrayBlockingQueue<String> heard = new ArrayBlockingQueue<>(10);
        listener.addListener(
            new RedisPubSubAdapter<>() {
              @Override
              public void message(String channel, String message) {
                heard.add(channel + " " + message);
              }
            });
        listener.sync().subscribe("news");
        assertThat(speaker.sync().publish("news", "hello")).isEqualTo(1);
        assertThat(heard.poll(5, TimeUnit.SECONDS)).isEqualTo("news hello");
      } finally {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
      }
    }
  }

  /// Lettuce keeps values in a map, and the server tells it which have changed.
  @Test
  void aMapOfTheClientFollowsTheServer() throws Exception {
    try (Spinel spinel = Spinel.start()) {
      RedisClient client = client(spinel, ProtocolVersion.RESP3);
      Map<String, String> map = new ConcurrentHashMap<>();
      try (StatefulRedisConnection<String, String> connection = client.connect();
          StatefulRedisConnection<String, String> writer = client.connect()) {
        CacheFrontend<String, String> cached =
            ClientSideCaching.enable(
                CacheAccessor.forMap(map), connection, TrackingArgs.Builder.enabled());
        writer.sync().set("key", "1");
        assertThat(cached.get("key")).isEqualTo("1");
        assertThat(map).containsEntry("key", "1");
        for (int i = 2; i < 50; i++) {
          writer.sync().set("key", Integer.toString(i));
          connection.sync().ping(); // what was pushed before has been read then
          assertThat(cached.get("key")).isEqualTo(Integer.toString(i));
        }
      } finally {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
      }
    }
  }
}
