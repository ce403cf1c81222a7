package dev.spinel.clients;

import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.ClusterTopologyRefreshOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.redisson.config.Config;
import org.redisson.config.ReadMode;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;

/// Each library finds its way when slots move, also to a node that has just joined, and when
/// primaries hand over and are killed, and never gets an answer that isn't its own.
@Timeout(240)
class ClusterClientsTest {
  private static final int KEYS = 4;

  private static List<String> keys(String library) {
    return IntStream.range(0, KEYS).mapToObj(i -> library + "-" + i).toList();
  }

  private static void lead(LostShards shards, LostShards.Library library, String name)
      throws Exception {
    Thread writer = shards.writer(library, keys(name));
    shards.awaitKeys(new HashSet<>(keys(name)));
    shards.moveAndHandOver();
    shards.growAndShrink();
    shards.loseAndFind();
    writer.interrupt();
    writer.join(20_000);
  }

  @Test
  void jedisFindsItsWay() throws Exception {
    try (LostShards shards = new LostShards();
        redis.clients.jedis.RedisClusterClient jedis =
            redis.clients.jedis.RedisClusterClient.builder()
                .nodes(
                    shards.ports().stream()
                        .map(port -> new HostAndPort("127.0.0.1", port))
                        .collect(Collectors.toSet()))
                .clientConfig(DefaultJedisClientConfig.builder().timeoutMillis(1000).build())
                .build()) {
      lead(
          shards,
          new LostShards.Library() {
            @Override
            public void set(String key, String value) {
              jedis.set(key, value);
            }

            @Override
            public String get(String key) {
              return jedis.get(key);
            }
          },
          "jedis");
    }
  }

  @Test
  void lettuceFindsItsWay() throws Exception {
    try (LostShards shards = new LostShards()) {
      RedisClusterClient client =
          RedisClusterClient.create(
              shards.ports().stream().map(port -> RedisURI.create("127.0.0.1", port)).toList());
      client.setOptions(
          ClusterClientOptions.builder()
              .topologyRefreshOptions(
                  ClusterTopologyRefreshOptions.builder()
                      .enableAllAdaptiveRefreshTriggers()
                      .adaptiveRefreshTriggersTimeout(Duration.ofMillis(200))
                      .enablePeriodicRefresh(Duration.ofSeconds(1))
                      .build())
              .build());
      try (StatefulRedisClusterConnection<String, String> connection = client.connect()) {
        connection.setTimeout(Duration.ofSeconds(1));
        lead(
            shards,
            new LostShards.Library() {
              @Override
              public void set(String key, String value) {
                connection.sync().set(key, value);
              }

              @Override
              public String get(String key) {
                return connection.sync().get(key);
              }
            },
            "lettuce");
      } finally {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
      }
    }
  }

  @Test
  void redissonFindsItsWay() throws Exception {
    try (LostShards shards = new LostShards()) {
      Config config = new Config();
      config.setCodec(StringCodec.INSTANCE);
      config
          .useClusterServers()
          .setScanInterval(500)
          .setTimeout(1000)
          .setReadMode(ReadMode.MASTER) // replicas may be behind
          .setNodeAddresses(
              shards.ports().stream().map(port -> "redis://127.0.0.1:" + port).toList());
      RedissonClient redisson = Redisson.create(config);
      try {
        lead(
            shards,
            new LostShards.Library() {
              @Override
              public void set(String key, String value) {
                redisson.<String>getBucket(key).set(value);
              }

              @Override
              public String get(String key) {
                return redisson.<String>getBucket(key).get();
              }
            },
            "redisson");
      } finally {
        redisson.shutdown();
      }
    }
  }
}
