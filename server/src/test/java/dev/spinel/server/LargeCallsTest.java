package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.keyspace.Seat;
import dev.spinel.wire.Client;
import dev.spinel.wire.HeapBudget;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// Calls of more words than most have elements, and replies longer than anybody asks for.
class LargeCallsTest {
  /// More than 2^20.
  private static final int MANY = (1 << 20) + 7;

  @Test
  void moreThanAMillionKeysAreEachTakenForWhatTheyAre() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      say(session, "ZADD", "first", "1", "a");
      say(session, "ZADD", "last", "5", "a", "7", "b");
      say(session, "SADD", "set:first", "a");
      say(session, "SADD", "set:last", "b", "c");
      String[] words = new String[MANY + 3];
      Arrays.fill(words, "absent");
      words[0] = "ZUNIONSTORE";
      words[1] = "to";
      words[2] = Integer.toString(MANY);
      words[3] = "first";
      words[words.length - 1] = "last";
      assertThat(say(session, words)).isEqualTo(":2");
      assertThat(say(session, "ZRANGE", "to", "0", "-1", "WITHSCORES"))
          .isEqualTo("*4 $1 a $1 6 $1 b $1 7");
      Arrays.fill(words, "first");
      words[0] = "ZINTER";
      words[1] = Integer.toString(MANY + 1);
      words[words.length - 1] = "last";
      assertThat(say(session, words)).isEqualTo("*1 $1 a");
      Arrays.fill(words, "absent");
      words[0] = "SUNION";
      words[1] = "set:first";
      words[words.length - 1] = "set:last";
      assertThat(say(session, words)).startsWith("*3 ").contains("a", "b", "c");
      Arrays.fill(words, "set:first");
      words[0] = "SINTER";
      assertThat(say(session, words)).isEqualTo("*1 $1 a");
      words[0] = "PFMERGE";
      Arrays.fill(words, 1, words.length, "sketch");
      assertThat(say(session, words)).isEqualTo("+OK");
      words[0] = "BITOP";
      words[1] = "OR";
      assertThat(say(session, words)).startsWith(":");
    }
  }

  /// Several clients say calls of very many words at once, and one says short ones all the time.
  /// `-Dspinel.large.words=500000` makes them as long as anybody has reported, and holds the short
  /// ones to a second.
  @Test
  void whoSaysLittleIsServedBesideLongCalls() throws Exception {
    Integer asked = Integer.getInteger("spinel.large.words");
    int count = asked == null ? 20_000 : asked;
    Config config = Config.of("port", "0", "bind", "127.0.0.1", "event-loops", "2");
    Log log = new Log(config, OutputStream.nullOutputStream());
    try (Server server = new Server(config, log, Clock.SYSTEM)) {
      server.startAtAnyPort();
      AtomicInteger talking = new AtomicInteger(8);
      CyclicBarrier ready = new CyclicBarrier(9); // what makes the requests is no part of it
      Crowd crowd =
          Crowd.of(
              8,
              i -> {
                try (Client client = connect(server)) {
                  LinkedHashMap<byte[], String> calls = longCalls("{" + i + "}", count);
                  ready.await(1, TimeUnit.MINUTES);
                  for (var call : calls.entrySet()) {
                    client.sendRaw(call.getKey());
                    client.flush();
                    assertThat(client.receive().text()).isEqualTo(call.getValue());
                  }
                } finally {
                  talking.decrementAndGet();
                }
              });
      long longest = 0;
      int served = 0;
      try (Client client = connect(server)) {
        ready.await(1, TimeUnit.MINUTES);
        while (talking.get() > 0) {
          long began = System.nanoTime();
          assertThat(client.command("PING").text()).isEqualTo("PONG");
          longest = Math.max(longest, System.nanoTime() - began);
          served++;
        }
      }
      crowd.join();
      assertThat(served).isGreaterThan(10);
      await().untilAsserted(() -> assertThat(server.engine.heap.heldBytes()).isZero());
      assertThat(server.failed()).isFalse();
      if (asked != null) {
        assertThat(Duration.ofNanos(longest)).isLessThan(Duration.ofSeconds(1));
      }
    }
  }

  /// A pipeline of commands that take long is left for others to be served.
  @Test
  void whoSaysLittleIsServedBesideALongPipeline() throws Exception {
    Config config =
        Config.of("port", "0", "event-loops", "1", "enable-debug-command", "yes", "save", "");
    Log log = new Log(config, OutputStream.nullOutputStream());
    try (Server server = new Server(config, log, Clock.SYSTEM)) {
      server.startAtAnyPort();
      try (Client pipeline = connect(server);
          Client other = connect(server);
          Seat seat = server.engine.keyspace.seat()) {
        for (int i = 0; i < 20; i++) {
          pipeline.send("DEBUG", "SLEEP", "0.01");
        }
        other.send("INFO", "commandstats");
        seat.enter();
        server.engine.keyspace.world().stop(seat, () -> flush(pipeline, other));
        seat.leave();
        assertThat(other.receive().text()).doesNotContain("cmdstat_debug:calls=20,");
        for (int i = 0; i < 20; i++) {
          assertThat(pipeline.receive().text()).isEqualTo("OK");
        }
        assertThat(other.command("INFO", "commandstats").text())
            .contains("cmdstat_debug:calls=20,");
      }
    }
  }

  private static void flush(Client... clients) {
    try {
      for (Client client : clients) {
        client.flush();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Client connect(Server server) throws IOException {
    return Client.connect("127.0.0.1", server.port()).timeoutMillis(60_000);
  }

  /// Requests of so many words about keys of one slot, and what they reply.
  private static LinkedHashMap<byte[], String> longCalls(String tag, int count) {
    String[] pairs = new String[count + 1];
    String[] keys = new String[count / 2 + 1];
    for (int i = 1; i <= count; i++) {
      pairs[i] = i % 2 == 0 ? "v" : tag + i;
      if (i % 2 == 1) {
        keys[i / 2 + 1] = pairs[i];
      }
    }
    LinkedHashMap<byte[], String> calls = new LinkedHashMap<>();
    pairs[0] = "MSET";
    calls.put(LocalSession.request(pairs), "OK");
    keys[0] = "EXISTS";
    calls.put(LocalSession.request(keys), "" + count / 2);
    keys[0] = "DEL";
    calls.put(LocalSession.request(keys), "" + count / 2);
    pairs[0] = "RPUSH";
    calls.put(LocalSession.request(pairs), "" + (count - 1));
    keys[0] = "UNLINK";
    calls.put(LocalSession.request(keys), "1");
    return calls;
  }

  @Test
  void stringsThatAreComparedAreCountedInTheHeap() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "SETRANGE", "long", "3000000", "x");
      HeapBudget heap = fixture.server.engine.heap;
      long others = heap.limitBytes() - 1_000_000;
      heap.add(others);
      assertThat(say(session, "LCS", "long", "absent")).startsWith("-OOM ");
      heap.release(others);
      assertThat(say(session, "LCS", "long", "absent", "LEN")).isEqualTo(":0");
      assertThat(heap.heldBytes()).isZero();
    }
  }

  @Test
  void aScanThatWantsEverythingComesInPortions() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      String tail = "x".repeat(10_000);
      for (int i = 0; i < 8_000; i++) say(session, "SADD", "set", i + tail);
      Set<String> seen = new HashSet<>();
      int portions = 0;
      String cursor = "0";
      do {
        String[] reply = say(session, "SSCAN", "set", cursor, "COUNT", "100000000").split(" ");
        cursor = reply[2];
        seen.addAll(List.of(reply).stream().filter(word -> word.endsWith(tail)).toList());
        portions++;
      } while (!cursor.equals("0"));
      assertThat(seen).hasSize(8_000);
      assertThat(portions).isBetween(2, 4);
    }
  }

  @Test
  void aScanOfManySmallKeysComesAtOnce() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 40_000; i++) {
        say(session, "SET", "{one slot}" + i, "v");
        say(session, "ZADD", "ranking", "1", "m" + i);
      }
      assertThat(say(session, "SCAN", "0", "COUNT", "1000000")).startsWith("*2 $1 0 *40001 ");
      assertThat(say(session, "ZSCAN", "ranking", "0", "COUNT", "1000000"))
          .startsWith("*2 $1 0 *80000 ");
    }
  }
}
