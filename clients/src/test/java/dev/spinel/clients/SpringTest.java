package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.cache.Cache;
import org.springframework.data.redis.cache.RedisCacheConfiguration;
import org.springframework.data.redis.cache.RedisCacheManager;
import org.springframework.data.redis.connection.RedisStandaloneConfiguration;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import org.springframework.data.redis.connection.stream.Consumer;
import org.springframework.data.redis.connection.stream.MapRecord;
import org.springframework.data.redis.connection.stream.ReadOffset;
import org.springframework.data.redis.connection.stream.StreamOffset;
import org.springframework.data.redis.core.RedisOperations;
import org.springframework.data.redis.core.RedisTemplate;
import org.springframework.data.redis.core.SessionCallback;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.data.redis.core.script.RedisScript;
import org.springframework.data.redis.listener.ChannelTopic;
import org.springframework.data.redis.listener.RedisMessageListenerContainer;
import org.springframework.data.redis.stream.StreamMessageListenerContainer;
import org.springframework.session.FindByIndexNameSessionRepository;
import org.springframework.session.Session;
import org.springframework.session.SessionRepository;
import org.springframework.session.data.redis.RedisIndexedSessionRepository;

/// What Spring's users have of a Redis: template, cache, messages, streams, sessions, as Spring's
/// documentation begins with them, over lettuce.
class SpringTest {
  private Spinel spinel;
  private LettuceConnectionFactory connections;
  private StringRedisTemplate template;

  @BeforeEach
  void connect() {
    spinel = Spinel.start();
    connections =
        new LettuceConnectionFactory(new RedisStandaloneConfiguration("127.0.0.1", spinel.port()));
    connections.afterPropertiesSet();
    connections.start();
    template = new StringRedisTemplate(connections);
  }

  @AfterEach
  void close() {
    connections.destroy();
    spinel.close();
  }

  @Test
  void aTemplateReadsAndWrites() {
    template.opsForValue().set("key", "value", Duration.ofMinutes(1));
    assertThat(template.opsForValue().get("key")).isEqualTo("value");
    assertThat(template.getExpire("key", TimeUnit.SECONDS)).isBetween(1L, 60L);
    template.opsForHash().putAll("user", Map.of("name", "Ada", "born", "1815"));
    assertThat(template.opsForHash().entries("user"))
        .isEqualTo(Map.of("name", "Ada", "born", "1815"));
    template.opsForList().rightPushAll("list", "a", "b", "c");
    assertThat(template.opsForList().range("list", 0, -1)).containsExactly("a", "b", "c");
    template.opsForZSet().add("ranks", "first", 1);
    template.opsForZSet().add("ranks", "second", 2);
    assertThat(template.opsForZSet().reverseRange("ranks", 0, 0)).containsExactly("second");
    List<Object> answers =
        template.execute(
            new SessionCallback<>() {
              @Override
              @SuppressWarnings("unchecked")
              public <K, V> List<Object> execute(RedisOperations<K, V> operations) {
                RedisOperations<String, String> texts =
                    (RedisOperations<String, String>) operations;
                texts.multi();
                texts.opsForValue().increment("count");
                texts.opsForValue().increment("count", 4);
                return texts.exec();
              }
            });
    assertThat(answers).containsExactly(1L, 5L);
    assertThat(
            template.execute(
                RedisScript.of("return redis.call('incrby', KEYS[1], ARGV[1])", Long.class),
                List.of("count"),
                "10"))
        .isEqualTo(15);
  }

  @Test
  void aCacheKeepsWhatWasComputed() throws Exception {
    RedisCacheManager manager =
        RedisCacheManager.builder(connections)
            .cacheDefaults(
                RedisCacheConfiguration.defaultCacheConfig().entryTtl(Duration.ofMinutes(5)))
            .build();
    manager.afterPropertiesSet();
    Cache books = Objects.requireNonNull(manager.getCache("books"));
    AtomicInteger computed = new AtomicInteger();
    for (int i = 0; i < 3; i++) {
      assertThat(books.get("isbn", () -> "title " + computed.incrementAndGet()))
          .isEqualTo("title 1");
    }
    assertThat(template.hasKey("books::isbn")).isTrue();
    assertThat(books.evictIfPresent("isbn")).isTrue(); // evict() doesn't wait for the answer
    assertThat(books.get("isbn")).isNull();
    books.put("a", "1");
    books.clear(); // Spring doesn't wait for the answer
    for (int i = 0; i < 1000 && !template.keys("books::*").isEmpty(); i++) {
      Thread.sleep(10);
    }
    assertThat(template.keys("books::*")).isEmpty();
  }

  @Test
  void listenersHearMessagesAndReadStreams() throws Exception {
    ArrayBlockingQueue<String> heard = new ArrayBlockingQueue<>(10);
    RedisMessageListenerContainer messages = new RedisMessageListenerContainer();
    messages.setConnectionFactory(connections);
    messages.afterPropertiesSet();
    messages.start();
    messages.addMessageListener(
        (message, pattern) -> heard.add(new String(message.getBody(), StandardCharsets.UTF_8)),
        new ChannelTopic("chat"));
    template.convertAndSend("chat", "hello");
    assertThat(heard.poll(20, TimeUnit.SECONDS)).isEqualTo("hello");
    messages.destroy();

    template.opsForStream().add("orders", Map.of("item", "pen"));
    template.opsForStream().createGroup("orders", ReadOffset.from("0"), "shop");
    StreamMessageListenerContainer<String, MapRecord<String, String, String>> streams =
        StreamMessageListenerContainer.create(
            connections,
            StreamMessageListenerContainer.StreamMessageListenerContainerOptions.builder()
                .pollTimeout(Duration.ofMillis(200))
                .build());
    streams.start();
    streams.receive(
        Consumer.from("shop", "one"),
        StreamOffset.create("orders", ReadOffset.lastConsumed()),
        order -> {
          heard.add(order.getValue().get("item"));
          template.opsForStream().acknowledge("shop", order);
        });
    assertThat(heard.poll(20, TimeUnit.SECONDS)).isEqualTo("pen");
    template.opsForStream().add("orders", Map.of("item", "ink"));
    assertThat(heard.poll(20, TimeUnit.SECONDS)).isEqualTo("ink");
    streams.stop();
  }

  @Test
  void sessionsAreFoundByTheirUser() throws Exception {
    RedisTemplate<String, Object> objects = new RedisTemplate<>();
    objects.setConnectionFactory(connections);
    objects.setKeySerializer(template.getKeySerializer());
    objects.setHashKeySerializer(template.getHashKeySerializer());
    objects.afterPropertiesSet();
    RedisIndexedSessionRepository sessions = new RedisIndexedSessionRepository(objects);
    sessions.afterPropertiesSet();
    try {
      keep(sessions);
    } finally {
      sessions.destroy();
    }
  }

  private static <S extends Session> void keep(FindByIndexNameSessionRepository<S> sessions) {
    String id = save(sessions);
    S found = sessions.findById(id);
    assertThat(found.<String>getAttribute("basket")).isEqualTo("pen");
    assertThat(sessions.findByPrincipalName("ada")).containsOnlyKeys(id);
    sessions.deleteById(id);
    assertThat(sessions.findById(id)).isNull();
    assertThat(sessions.findByPrincipalName("ada")).isEmpty();
  }

  private static <S extends Session> String save(SessionRepository<S> sessions) {
    S session = sessions.createSession();
    session.setAttribute("basket", "pen");
    session.setAttribute(FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME, "ada");
    sessions.save(session);
    return session.getId();
  }
}
