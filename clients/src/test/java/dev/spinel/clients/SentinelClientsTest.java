package dev.spinel.clients;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redisson.Redisson;
import org.redisson.api.RBucket;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.redisson.config.Config;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.RedisSentinelClient;
import redis.clients.jedis.exceptions.JedisException;

/// Each library asks Sentinels for the primary, and finds the next one after it was lost.
@Timeout(240)
class SentinelClientsTest {
  private static final String NAME = "mymaster";

  /// Writes until it is interrupted; what fails is tried again.
  private static Thread writer(Consumer<String> write) {
    return Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              for (long i = 0; !Thread.currentThread().isInterrupted(); i++) {
                try {
                  write.accept(Long.toString(i));
                  Thread.sleep(10);
                } catch (InterruptedException e) {
                  return;
                } catch (RuntimeException e) {
                  continue; // the primary is lost
                }
              }
            });
  }

  private static void end(Thread writer) throws InterruptedException {
    writer.interrupt();
    writer.join(20_000);
  }

  @Test
  void jedisFindsTheNextPrimary() throws Exception {
    try (LostPrimaries store = new LostPrimaries();
        RedisSentinelClient jedis =
            RedisSentinelClient.builder()
                .masterName(NAME)
                .sentinels(
                    store.sentinels().stream()
                        .map(port -> new HostAndPort("127.0.0.1", port))
                        .collect(Collectors.toSet()))
                .build()) {
      Thread writer =
          writer(
              value -> {
                try {
                  jedis.set("jedis", value);
                } catch (JedisException e) {
                  pause();
                }
              });
      store.loseAndFind(List.of("jedis"));
      end(writer);
    }
  }

  private static void pause() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void lettuceFindsTheNextPrimary() throws Exception {
    try (LostPrimaries store = new LostPrimaries()) {
      RedisURI.Builder uri = RedisURI.builder().withSentinelMasterId(NAME);
      store.sentinels().forEach(port -> uri.withSentinel("127.0.0.1", port));
      RedisClient client = RedisClient.create(uri.withTimeout(Duration.ofSeconds(1)).build());
      try (StatefulRedisConnection<String, String> connection = client.connect()) {
        Thread writer = writer(value -> connection.sync().set("lettuce", value));
        store.loseAndFind(List.of("lettuce"));
        end(writer);
      } finally {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
      }
    }
  }

  @Test
  void redissonFindsTheNextPrimary() throws Exception {
    try (LostPrimaries store = new LostPrimaries()) {
      Config config = new Config();
      config
          .useSentinelServers()
          .setMasterName(NAME)
          .setScanInterval(500)
          .setTimeout(1000)
          .setSentinelAddresses(
              store.sentinels().stream().map(port -> "redis://127.0.0.1:" + port).toList());
      RedissonClient redisson = Redisson.create(config);
      try {
        RBucket<String> bucket = redisson.getBucket("redisson", StringCodec.INSTANCE);
        Thread writer = writer(bucket::set);
        store.loseAndFind(List.of("redisson"));
        end(writer);
      } finally {
        redisson.shutdown();
      }
    }
  }
}
