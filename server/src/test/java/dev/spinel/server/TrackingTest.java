package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Clients that cache what they read, over several loops: whatever order things happen in, nobody
/// keeps a value that has changed. What single commands answer and push is compared with a real
/// server's (`compare/tracking.txt`).
class TrackingTest {
  private static final int CACHES = 5;
  private static final int KEYS = 12;
  private static final int ROUNDS = 400;

  private static Server server(String... more) throws IOException {
    List<String> settings = new ArrayList<>(List.of("port", "0", "event-loops", "2", "save", ""));
    settings.addAll(List.of(more));
    Config config = Config.of(settings.toArray(String[]::new));
    Server server =
        new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
    server.startAtAnyPort();
    return server;
  }

  private static Client client(Server server) throws IOException {
    Client client = Client.connect("127.0.0.1", server.port()).timeoutMillis(30_000);
    client.command("HELLO", "3");
    return client;
  }

  // ── nobody keeps a stale value ──

  /// A client with a cache. It reads what is in its cache there only.
  private static final class Cache {
    final Client client;
    final Random random;
    final @Nullable String mode;
    final Map<String, String> values = new HashMap<>();
    int invalidations;
    int hits;

    Cache(Client client, Random random, @Nullable String mode) throws IOException {
      this.client = client;
      this.random = random;
      this.mode = mode;
      if (mode != null) {
        List<String> words = new ArrayList<>(List.of("CLIENT", "TRACKING", "ON"));
        words.addAll(List.of(mode.split(" ")));
        words.remove("");
        client.command(words.toArray(String[]::new));
      }
    }

    private boolean caches(String key) {
      return mode != null && (!mode.contains("PREFIX") || key.startsWith("a"));
    }

    private String key() {
      return (random.nextBoolean() ? "a" : "b") + random.nextInt(KEYS / 2);
    }

    /// Some requests at once, then their replies, and the pushes between them.
    void round() throws IOException {
      List<String[]> requests = new ArrayList<>();
      List<String> read = new ArrayList<>(); // by request: the key whose value is the reply, or ""
      List<String> written = new ArrayList<>();
      for (int i = random.nextInt(4); i >= 0; i--) {
        String key = key();
        if (random.nextInt(3) == 0) {
          write(key, requests, read);
          written.add(key);
        } else if (values.containsKey(key)) {
          hits++;
        } else {
          read(key, requests, read);
        }
      }
      for (String[] request : requests) {
        client.send(request);
      }
      client.flush();
      for (String key : read) {
        String reply = next();
        if (!key.isEmpty()) {
          values.put(key, reply);
        }
      }
      values.keySet().removeAll(written); // by NOLOOP it isn't told
    }

    private void read(String key, List<String[]> requests, List<String> read) {
      if (mode != null && mode.contains("OPTIN")) {
        requests.add(new String[] {"CLIENT", "CACHING", "YES"});
        read.add("");
      }
      boolean script = random.nextInt(4) == 0;
      requests.add(
          script
              ? new String[] {"EVAL", "return redis.call('GET', KEYS[1])", "1", key}
              : new String[] {"GET", key});
      read.add(caches(key) ? key : "");
    }

    private void write(String key, List<String[]> requests, List<String> read) {
      String value = Integer.toString(random.nextInt(1_000_000));
      List<String[]> calls = new ArrayList<>();
      switch (random.nextInt(9)) {
        case 0 -> calls.add(new String[] {"DEL", key});
        case 1 -> calls.add(new String[] {"SET", key, value, "PX", "1"});
        case 2 -> calls.add(new String[] {"EVAL", "redis.call('SET', KEYS[1], 1)", "1", key});
        case 3 -> {
          calls.add(new String[] {"MULTI"});
          calls.add(new String[] {"SET", key, value});
          calls.add(new String[] {"APPEND", key, "0"});
          calls.add(new String[] {"EXEC"});
        }
        case 4 -> {
          if (random.nextInt(20) == 0) {
            calls.add(new String[] {"FLUSHALL"});
          }
        }
        default -> calls.add(new String[] {"SET", key, value});
      }
      for (String[] call : calls) {
        requests.add(call);
        read.add("");
      }
    }

    /// The next reply; what was pushed before it is heeded.
    String next() throws IOException {
      while (true) {
        String text = new String(client.raw(), StandardCharsets.ISO_8859_1);
        if (!text.startsWith(">")) {
          return text;
        }
        invalidations++;
        String[] lines = text.split("\r\n");
        if (lines[3].equals("_")) {
          values.clear();
        }
        for (int i = 5; i < lines.length; i += 2) {
          values.remove(lines[i]);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"1000000", "3"})
  void noCacheKeepsAStaleValue(String mostKeys) throws Exception {
    long seed = Long.getLong("spinel.tracking.seed", 1);
    System.out.println("TrackingTest: -Dspinel.tracking.seed=" + seed);
    String[] modes = {"", "NOLOOP", "OPTIN", "BCAST PREFIX a", "OPTOUT"};
    try (Server server = server("tracking-table-max-keys", mostKeys)) {
      List<Cache> caches = new ArrayList<>();
      for (int i = 0; i < CACHES; i++) {
        caches.add(new Cache(client(server), new Random(seed + i), modes[i]));
      }
      Cache writer = new Cache(client(server), new Random(seed - 1), null);
      Crowd.of(
              CACHES + 1,
              i -> {
                Cache one = i == CACHES ? writer : caches.get(i);
                for (int round = 0; round < ROUNDS; round++) {
                  one.round();
                }
              })
          .join();
      Map<String, String> data = new HashMap<>();
      for (int i = 0; i < KEYS; i++) {
        String key = (i % 2 == 0 ? "a" : "b") + i / 2;
        writer.client.send("GET", key); // which removes it, if it has expired
        writer.client.flush();
        data.put(key, writer.next());
      }
      int invalidations = 0;
      int hits = 0;
      for (Cache cache : caches) {
        cache.client.send("PING");
        cache.client.flush();
        assertThat(cache.next()).isEqualTo("+PONG\r\n");
        assertThat(data)
            .as("seed %d, mode %s", seed, cache.mode)
            .containsAllEntriesOf(cache.values);
        invalidations += cache.invalidations;
        hits += cache.hits;
        cache.client.close();
      }
      writer.client.close();
      assertThat(invalidations).isPositive();
      assertThat(hits).isPositive();
    }
  }

  /// The reply of a call that waited comes from the thread that served it, what invalidates it from
  /// another one.
  @Test
  void anInvalidationNeverOvertakesTheReplyOfACallThatWaited() throws Exception {
    try (Server server = server();
        Client reader = client(server);
        Client writer = client(server)) {
      reader.command("CLIENT", "TRACKING", "ON");
      for (int i = 0; i < 200; i++) {
        reader.send("XREAD", "BLOCK", "0", "STREAMS", "s", "$");
        reader.flush();
        while (server.engine.blockedCalls() == 0) {
          Thread.onSpinWait();
        }
        writer.send("XADD", "s", "*", "field", "value");
        writer.send("DEL", "s");
        writer.flush();
        writer.receive();
        writer.receive();
        reader.send("PING");
        reader.flush();
        List<String> heard = new ArrayList<>();
        do {
          heard.add(new String(reader.raw(), StandardCharsets.ISO_8859_1));
        } while (!heard.getLast().equals("+PONG\r\n"));
        int reply = 0;
        while (heard.get(reply).startsWith(">")) {
          reply++;
        }
        assertThat(heard.get(reply)).as("round %d: %s", i, heard).startsWith("%1");
        assertThat(heard.get(reply + 1)).as("round %d: %s", i, heard).contains("invalidate");
      }
    }
  }

  // ── bounds ──

  @Test
  void theTableEndsWithItsKeysAndItsAccountIsEmptyThen() throws Exception {
    try (Server server = server();
        Client reader = client(server);
        Client writer = client(server)) {
      reader.command("CLIENT", "TRACKING", "ON");
      for (int i = 0; i < 300; i++) {
        reader.command("MGET", "k" + i, "{t}" + i);
      }
      assertThat(server.engine.tracking().keys()).isEqualTo(600);
      assertThat(server.engine.tracking().items()).isEqualTo(600);
      assertThat(server.engine.tracking().bytes()).isBetween(600L * 60, 600L * 200);
      for (int i = 0; i < 300; i++) {
        writer.command("SET", "k" + i, "v");
      }
      assertThat(server.engine.tracking().keys()).isEqualTo(300);
      writer.command("FLUSHALL");
      assertThat(server.engine.tracking().keys()).isZero();
      assertThat(server.engine.tracking().items()).isZero();
      assertThat(server.engine.tracking().bytes()).isZero();
    }
  }

  @Test
  void aReadThatFindsNoRoomIsInvalidatedBehindItsReply() throws Exception {
    try (Server server = server();
        Client reader = client(server)) {
      reader.command("CLIENT", "TRACKING", "ON");
      long limit = server.engine.heap.limitBytes();
      server.engine.heap.limit(0);
      reader.send("GET", "k");
      reader.flush();
      assertThat(new String(reader.raw(), StandardCharsets.ISO_8859_1)).isEqualTo("_\r\n");
      server.engine.heap.limit(limit);
      assertThat(new String(reader.raw(), StandardCharsets.ISO_8859_1))
          .isEqualTo(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
      assertThat(server.engine.tracking().keys()).isZero();
    }
  }

  @Test
  void whoGetsTheInvalidationsOfAnotherAndIsGoneIsMissed() throws Exception {
    try (Server server = server();
        Client reader = client(server);
        Client writer = client(server)) {
      Client receiver = client(server);
      String id = receiver.command("CLIENT", "ID").text();
      reader.command("CLIENT", "TRACKING", "ON", "REDIRECT", id);
      reader.command("GET", "k");
      writer.command("SET", "k", "1");
      assertThat(new String(receiver.raw(), StandardCharsets.ISO_8859_1))
          .isEqualTo(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
      reader.command("GET", "k");
      receiver.command("QUIT");
      receiver.close();
      writer.command("SET", "k", "2");
      assertThat(new String(reader.raw(), StandardCharsets.ISO_8859_1))
          .isEqualTo(">2\r\n$21\r\ntracking-redir-broken\r\n:" + id + "\r\n");
      assertThat(writer.command("CLIENT", "LIST").text()).contains("flags=tR ");
    }
  }
}
