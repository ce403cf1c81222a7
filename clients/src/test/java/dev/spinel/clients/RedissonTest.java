package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import dev.spinel.SpinelCluster;
import dev.spinel.SpinelReplication;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redisson.Redisson;
import org.redisson.api.RAtomicLong;
import org.redisson.api.RBlockingQueue;
import org.redisson.api.RBucket;
import org.redisson.api.RDelayedQueue;
import org.redisson.api.RLock;
import org.redisson.api.RMap;
import org.redisson.api.RMapCache;
import org.redisson.api.RRateLimiter;
import org.redisson.api.RReadWriteLock;
import org.redisson.api.RScoredSortedSet;
import org.redisson.api.RScript;
import org.redisson.api.RSemaphore;
import org.redisson.api.RSet;
import org.redisson.api.RStream;
import org.redisson.api.RTopic;
import org.redisson.api.RTransaction;
import org.redisson.api.RateType;
import org.redisson.api.RedissonClient;
import org.redisson.api.TransactionOptions;
import org.redisson.api.stream.StreamAddArgs;
import org.redisson.api.stream.StreamMessageId;
import org.redisson.api.stream.StreamReadArgs;
import org.redisson.client.codec.StringCodec;
import org.redisson.config.Config;
import org.redisson.config.ReadMode;

/// What redisson makes of scripts, lists, hashes and messages: its locks, queues, maps and topics,
/// as its documentation begins with them. Beside a single server, and in a cluster.
class RedissonTest {
  @Test
  void objectsOfASingleServer() throws Exception {
    try (Spinel spinel = Spinel.start()) {
      Config config = new Config();
      config.setCodec(StringCodec.INSTANCE);
      config.useSingleServer().setAddress("redis://127.0.0.1:" + spinel.port());
      use(config);
    }
  }

  @Test
  void objectsInACluster() throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 0).start()) {
      Config config = new Config();
      config.setCodec(StringCodec.INSTANCE);
      config
          .useClusterServers()
          .addNodeAddress("redis://127.0.0.1:" + cluster.nodes().getFirst().port());
      use(config);
    }
  }

  @Test
  void objectsBehindSentinels() throws Exception {
    try (SpinelReplication topology = Spinel.replication(1).sentinels(3).start()) {
      use(behindSentinels(topology));
    }
  }

  private static Config behindSentinels(SpinelReplication topology) {
    Config config = new Config();
    config.setCodec(StringCodec.INSTANCE);
    config
        .useSentinelServers()
        .setMasterName("mymaster")
        .setScanInterval(500)
        .setTimeout(1000)
        .setReadMode(ReadMode.MASTER) // replicas may be behind
        .setSentinelAddresses(
            topology.sentinels().stream().map(node -> "redis://127.0.0.1:" + node.port()).toList());
    return config;
  }

  // ── a primary that is lost meanwhile ──

  private static final long PATIENCE_SECONDS = 60;

  /// What outlives the loss: a lock that is held, a listener, and somebody who waits for a job.
  @Test
  void aReplicaTakesOver() throws Exception {
    try (SpinelReplication topology =
        Spinel.replication(2).sentinels(3).downAfterMillis(500).start()) {
      goOnAfter(
          behindSentinels(topology),
          () -> {
            assertThat(topology.awaitInSync(PATIENCE_SECONDS * 1000)).isTrue();
            topology.primary().kill();
          });
    }
  }

  @Test
  void aSingleServerIsStartedAgain(@TempDir Path folder) throws Exception {
    String[] settings = {"dir", folder.toString(), "appendonly", "yes", "appendfsync", "always"};
    Spinel[] spinel = {Spinel.start(settings)};
    try {
      int port = spinel[0].port();
      Config config = new Config();
      config.setCodec(StringCodec.INSTANCE);
      config.useSingleServer().setAddress("redis://127.0.0.1:" + port).setTimeout(1000);
      goOnAfter(
          config,
          () -> {
            spinel[0].close();
            String[] same = Arrays.copyOf(settings, settings.length + 2);
            same[settings.length] = "port";
            same[settings.length + 1] = Integer.toString(port);
            spinel[0] = Spinel.start(same);
          });
    } finally {
      spinel[0].close();
    }
  }

  private interface Loss {
    void happen() throws Exception;
  }

  private static void goOnAfter(Config config, Loss loss) throws Exception {
    RedissonClient redisson = Redisson.create(config);
    try {
      RLock lock = redisson.getLock("lock");
      lock.lock(10, TimeUnit.MINUTES);
      ArrayBlockingQueue<String> heard = new ArrayBlockingQueue<>(1000);
      RTopic topic = redisson.getTopic("news");
      topic.addListener(String.class, (channel, message) -> heard.offer(message));
      assertThat(topic.publish("before")).isEqualTo(1);
      assertThat(heard.poll(PATIENCE_SECONDS, TimeUnit.SECONDS)).isEqualTo("before");
      ArrayBlockingQueue<String> taken = new ArrayBlockingQueue<>(10);
      RBlockingQueue<String> queue = redisson.getBlockingQueue("queue");
      Thread taker =
          Thread.ofPlatform().daemon().start(() -> untilItWorks(() -> taken.add(queue.take())));
      redisson.getMap("map").put("key", "kept");

      loss.happen();

      assertThat(untilItWorks(() -> redisson.getMap("map").get("key"))).isEqualTo("kept");
      assertThat(tryLockElsewhere(redisson)).as("the lock is still held").isFalse();
      String news = null;
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
      for (int i = 0; news == null && System.nanoTime() < end; i++) {
        String message = "after " + i;
        untilItWorks(() -> topic.publish(message));
        news = heard.poll(200, TimeUnit.MILLISECONDS);
      }
      assertThat(news).as("the listener listens again").startsWith("after");
      untilItWorks(() -> queue.offer("job"));
      assertThat(taken.poll(PATIENCE_SECONDS, TimeUnit.SECONDS)).isEqualTo("job");
      taker.join(PATIENCE_SECONDS * 1000);
      lock.unlock();
      assertThat(tryLockElsewhere(redisson)).as("the lock is free").isTrue();
    } finally {
      redisson.shutdown(0, 2, TimeUnit.SECONDS);
    }
  }

  /// Whether another thread gets the lock, by waiting a little.
  private static boolean tryLockElsewhere(RedissonClient redisson) throws Exception {
    ArrayBlockingQueue<Boolean> got = new ArrayBlockingQueue<>(1);
    Thread other =
        Thread.ofPlatform()
            .start(
                () ->
                    got.add(
                        untilItWorks(
                            () ->
                                redisson
                                    .getLock("lock")
                                    .tryLock(100, 60_000, TimeUnit.MILLISECONDS))));
    other.join(2 * PATIENCE_SECONDS * 1000);
    return got.remove();
  }

  /// A client may get errors while its primary is lost.
  private static <T> T untilItWorks(Callable<T> action) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (true) {
      try {
        return action.call();
      } catch (Exception e) {
        assertThat(System.nanoTime()).as("%s", e).isLessThan(end);
        LockSupport.parkNanos(20_000_000);
      }
    }
  }

  // ── what all do ──

  private static void use(Config config) throws Exception {
    RedissonClient redisson = Redisson.create(config);
    try {
      locks(redisson);
      queues(redisson);
      maps(redisson);
      topics(redisson);
      counters(redisson);
      streamsAndScripts(redisson);
    } finally {
      redisson.shutdown(0, 2, TimeUnit.SECONDS);
    }
  }

  private static void locks(RedissonClient redisson) throws Exception {
    RLock lock = redisson.getLock("lock");
    lock.lock(30, TimeUnit.SECONDS);
    assertThat(lock.isHeldByCurrentThread()).isTrue();
    lock.lock(); // again, by the same thread
    assertThat(lock.getHoldCount()).isEqualTo(2);
    lock.unlock();
    ArrayBlockingQueue<Boolean> others = new ArrayBlockingQueue<>(2);
    Thread other =
        new Thread(
            () -> {
              try {
                others.add(redisson.getLock("lock").tryLock(0, 10, TimeUnit.SECONDS));
                others.add(redisson.getLock("lock").tryLock(20, 10, TimeUnit.SECONDS));
                redisson.getLock("lock").unlock();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    other.start();
    assertThat(others.poll(20, TimeUnit.SECONDS)).isFalse();
    lock.unlock(); // wakes the other by a message
    assertThat(others.poll(20, TimeUnit.SECONDS)).isTrue();
    other.join();
    assertThat(lock.isLocked()).isFalse();

    RReadWriteLock both = redisson.getReadWriteLock("both");
    both.readLock().lock();
    assertThat(both.writeLock().tryLock()).isFalse();
    both.readLock().unlock();
    assertThat(both.writeLock().tryLock()).isTrue();
    both.writeLock().unlock();

    RSemaphore semaphore = redisson.getSemaphore("semaphore");
    assertThat(semaphore.trySetPermits(2)).isTrue();
    semaphore.acquire(2);
    assertThat(semaphore.tryAcquire()).isFalse();
    semaphore.release();
    assertThat(semaphore.availablePermits()).isEqualTo(1);
  }

  private static void queues(RedissonClient redisson) throws Exception {
    RBlockingQueue<String> queue = redisson.getBlockingQueue("queue");
    ArrayBlockingQueue<String> taken = new ArrayBlockingQueue<>(1);
    Thread taker =
        new Thread(
            () -> {
              try {
                taken.add(queue.take());
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    taker.start();
    queue.put("job");
    assertThat(taken.poll(20, TimeUnit.SECONDS)).isEqualTo("job");
    taker.join();
    RDelayedQueue<String> delayed = redisson.getDelayedQueue(queue);
    delayed.offer("later", 200, TimeUnit.MILLISECONDS);
    assertThat(queue.poll(20, TimeUnit.SECONDS)).isEqualTo("later");
    delayed.destroy();
  }

  private static void maps(RedissonClient redisson) {
    RMap<String, String> map = redisson.getMap("map");
    assertThat(map.put("a", "1")).isNull();
    assertThat(map.putIfAbsent("a", "2")).isEqualTo("1");
    assertThat(map.replace("a", "1", "3")).isTrue();
    map.putAll(Map.of("b", "4", "c", "5"));
    assertThat(map.readAllMap()).isEqualTo(Map.of("a", "3", "b", "4", "c", "5"));
    assertThat(map.remove("a", "1")).isFalse();
    assertThat(map.remove("a", "3")).isTrue();
    RMapCache<String, String> cache = redisson.getMapCache("cache");
    cache.put("stays", "1", 10, TimeUnit.MINUTES);
    cache.put("goes", "2", 1, TimeUnit.MILLISECONDS);
    assertThat(cache.get("stays")).isEqualTo("1");
    assertThat(cache.remainTimeToLive("stays")).isGreaterThan(1000);
    RSet<String> set = redisson.getSet("set");
    assertThat(set.add("x")).isTrue();
    assertThat(set.add("x")).isFalse();
    RScoredSortedSet<String> ranks = redisson.getScoredSortedSet("ranks");
    ranks.add(1, "first");
    ranks.add(2, "second");
    assertThat(ranks.pollFirst()).isEqualTo("first");
    RTransaction transaction = redisson.createTransaction(TransactionOptions.defaults());
    transaction.<String, String>getMap("map").put("d", "6");
    transaction.commit();
    assertThat(map.get("d")).isEqualTo("6");
  }

  private static void topics(RedissonClient redisson) throws Exception {
    ArrayBlockingQueue<String> heard = new ArrayBlockingQueue<>(10);
    RTopic topic = redisson.getTopic("news");
    int listener = topic.addListener(String.class, (channel, message) -> heard.add(message));
    assertThat(topic.publish("hello")).isEqualTo(1);
    assertThat(heard.poll(20, TimeUnit.SECONDS)).isEqualTo("hello");
    topic.removeListener(listener);
  }

  private static void counters(RedissonClient redisson) {
    RAtomicLong count = redisson.getAtomicLong("count");
    assertThat(count.addAndGet(5)).isEqualTo(5);
    assertThat(count.compareAndSet(5, 7)).isTrue();
    assertThat(count.getAndIncrement()).isEqualTo(7);
    RBucket<String> bucket = redisson.getBucket("bucket");
    bucket.set("value", Duration.ofMinutes(1));
    assertThat(bucket.getAndSet("other")).isEqualTo("value");
    assertThat(bucket.compareAndSet("other", "third")).isTrue();
    RRateLimiter limiter = redisson.getRateLimiter("limiter");
    assertThat(limiter.trySetRate(RateType.OVERALL, 2, Duration.ofMinutes(1))).isTrue();
    assertThat(limiter.tryAcquire(2)).isTrue();
    assertThat(limiter.tryAcquire()).isFalse();
  }

  private static void streamsAndScripts(RedissonClient redisson) {
    RStream<String, String> stream = redisson.getStream("stream");
    var id = stream.add(StreamAddArgs.entry("field", "value"));
    assertThat(stream.read(StreamReadArgs.greaterThan(StreamMessageId.ALL)))
        .isEqualTo(Map.of(id, Map.of("field", "value")));
    assertThat(
            redisson
                .getScript(StringCodec.INSTANCE)
                .<String>eval(
                    "scripted",
                    RScript.Mode.READ_WRITE,
                    "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])",
                    RScript.ReturnType.VALUE,
                    List.of("scripted"),
                    "by a script"))
        .isEqualTo("by a script");
  }
}
