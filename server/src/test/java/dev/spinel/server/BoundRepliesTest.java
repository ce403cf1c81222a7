package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.journal.Journal;
import dev.spinel.wire.Client;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// With replies bound to the journal, nobody is told of a change before the reader of the journal
/// has released it: not who made it, and not who saw it, by whatever command.
class BoundRepliesTest {
  private static final Pattern ID = Pattern.compile("id(\\d+)\\.");

  @Test
  void whateverShowsAChangeWaitsForIt() {
    try (Fixture fixture = new Fixture()) {
      LocalSession writer = fixture.session();
      Journal journal = fixture.server.engine.journal;
      say(writer, "RPUSH", "list", "a", "b");
      say(writer, "HSET", "hash", "f", "v");
      for (String reads :
          List.of(
              "GET k",
              "EXISTS k",
              "TTL k",
              "TYPE k",
              "OBJECT ENCODING k",
              "MGET other k",
              "DEL k",
              "STRLEN k",
              "SETNX k 1",
              "COPY k other",
              "LLEN list",
              "LRANGE list 0 -1",
              "BLPOP list 0",
              "HGETALL hash",
              "KEYS *",
              "SCAN 0",
              "DBSIZE",
              "RANDOMKEY",
              "SWAPDB 0 0",
              "FLUSHALL")) {
        LocalSession reader = fixture.session();
        Journal.Binding binding = fixture.bind();
        assertThat(say(writer, "MULTI")).isEqualTo("+OK");
        say(writer, "SET", "k", "1");
        say(writer, "RPUSH", "list", "c");
        say(writer, "HSET", "hash", "f", "w");
        say(writer, "EXEC");
        assertThat(say(reader, reads.split(" "))).as(reads).isEmpty();
        binding.release(journal.position());
        assertThat(text(reader.run())).as(reads).isNotEmpty();
        binding.end();
        assertThat(text(writer.run())).startsWith("*3 +OK");
      }
    }
  }

  @Test
  void whatShowsNoChangeDoesNotWait() {
    try (Fixture fixture = new Fixture()) {
      LocalSession writer = fixture.session();
      LocalSession reader = fixture.session();
      Journal.Binding binding = fixture.bind();
      say(writer, "SET", "k", "1");
      for (String line :
          List.of("PING", "ECHO x", "GET far", "CLIENT ID", "SELECT 0", "SUBSCRIBE channel")) {
        assertThat(say(reader, line.split(" "))).as(line).isNotEmpty();
      }
    }
  }

  @Test
  void aWaitThatAnUnsafeWriteEndsIsAnsweredWhenTheWriteIsSafe() {
    try (Fixture fixture = new Fixture()) {
      LocalSession waiter = fixture.session();
      LocalSession writer = fixture.session();
      Journal journal = fixture.server.engine.journal;
      Journal.Binding binding = fixture.bind();
      assertThat(say(waiter, "BLMOVE", "from", "to", "LEFT", "RIGHT", "0")).isEmpty();
      assertThat(say(writer, "RPUSH", "from", "x")).isEmpty();
      long push = journal.position() - 1;
      assertThat(text(waiter.run())).isEmpty();
      binding.release(push);
      assertThat(text(waiter.run())).as("the push is safe, the move isn't").isEmpty();
      assertThat(text(writer.run())).isEqualTo(":1");
      binding.release(push + 1);
      assertThat(text(waiter.run())).isEqualTo("$1 x");
    }
  }

  @Test
  void aBrokenTransactionWaitsForWhatBrokeIt() {
    try (Fixture fixture = new Fixture()) {
      LocalSession one = fixture.session();
      LocalSession other = fixture.session();
      Journal journal = fixture.server.engine.journal;
      Journal.Binding binding = fixture.bind();
      say(one, "WATCH", "k");
      say(other, "SET", "k", "1");
      say(one, "MULTI");
      say(one, "PING");
      assertThat(say(one, "EXEC")).isEmpty();
      binding.release(journal.position());
      assertThat(text(one.run())).endsWith("*-1");
    }
  }

  @Test
  void messagesAboutAChangeWaitForIt() {
    try (Fixture fixture = new Fixture("notify-keyspace-events", "KEA")) {
      LocalSession listener = fixture.session();
      LocalSession writer = fixture.session();
      Journal journal = fixture.server.engine.journal;
      say(listener, "PSUBSCRIBE", "*");
      Journal.Binding binding = fixture.bind();
      say(writer, "SET", "k", "1", "PX", "100");
      say(writer, "PUBLISH", "news", "k is set");
      assertThat(text(listener.run())).isEmpty();
      binding.release(journal.position());
      assertThat(text(listener.run()))
          .containsSubsequence("__keyevent@0__:set", "__keyevent@0__:expire", "k is set");
      say(writer, "MULTI");
      say(writer, "SET", "other", "1");
      say(writer, "PUBLISH", "news", "other is set");
      say(writer, "EXEC");
      fixture.clock.forward(1_000);
      say(writer, "EXISTS", "k");
      assertThat(text(listener.run())).isEmpty();
      binding.release(journal.position() - 1);
      assertThat(text(listener.run())).endsWith("other is set");
      binding.release(journal.position());
      assertThat(text(listener.run())).contains("__keyevent@0__:expired");
    }
  }

  @Test
  void whatAMonitorSeesAndWhatATransactionTellsItselfWaitForTheirWrites() {
    try (Fixture fixture = new Fixture()) {
      LocalSession monitor = fixture.session();
      LocalSession writer = fixture.session();
      Journal journal = fixture.server.engine.journal;
      say(monitor, "MONITOR");
      say(writer, "HELLO", "3");
      say(writer, "SUBSCRIBE", "a");
      text(monitor.run());
      Journal.Binding binding = fixture.bind();
      for (String line : List.of("MULTI", "SET k 1", "PUBLISH a x", "UNSUBSCRIBE a", "EXEC")) {
        say(writer, line.split(" "));
      }
      assertThat(text(writer.run())).isEmpty();
      assertThat(text(monitor.run())).doesNotContain("SET");
      binding.release(journal.position());
      assertThat(text(writer.run()))
          .isEqualTo("*3 +OK :1 >3 $11 unsubscribe $1 a :0 >3 $7 message $1 a $1 x");
      assertThat(text(monitor.run()))
          .containsSubsequence(
              "\"SET\" \"k\" \"1\"", "\"PUBLISH\"", "\"UNSUBSCRIBE\" \"a\"", "\"EXEC\"");
    }
  }

  @Test
  void aMonitorSeesAScriptBeforeWhatItRuns() {
    try (Fixture fixture = new Fixture()) {
      LocalSession monitor = fixture.session();
      LocalSession writer = fixture.session();
      say(monitor, "MONITOR");
      say(writer, "EVAL", "return redis.call('SET', KEYS[1], '1')", "1", "k");
      say(writer, "EVALSHA", "0".repeat(40), "0");
      assertThat(text(monitor.run()))
          .containsOnlyOnce("\"EVAL\"")
          .containsSubsequence("\"EVAL\"", "[0 lua] \"SET\" \"k\" \"1\"", "\"EVALSHA\"");
    }
  }

  @Test
  void socketsAreToldWhenTheReaderReleases() throws Exception {
    for (String transport : List.of("nio", "auto")) {
      Config config = Config.of("port", "0", "event-loops", "2", "io-transport", transport);
      Log log = new Log(config, OutputStream.nullOutputStream());
      try (Server server = new Server(config, log, Clock.SYSTEM)) {
        server.startAtAnyPort();
        Journal journal = server.engine.journal;
        try (Client writer = Client.connect("127.0.0.1", server.port()).timeoutMillis(10_000);
            Client reader = Client.connect("127.0.0.1", server.port()).timeoutMillis(10_000)) {
          assertThat(writer.command("PING").text()).isEqualTo("PONG");
          CountDownLatch recorded = new CountDownLatch(1);
          journal.attach(Journal.AOF, (bytes, from, length) -> recorded.countDown());
          Journal.Binding binding = journal.bind();
          writer.send("SET", "k", "1");
          writer.flush();
          assertThat(recorded.await(10, TimeUnit.SECONDS)).isTrue();
          reader.send("GET", "k");
          reader.flush();
          assertThat(reader.isQuiet(200)).isTrue();
          assertThat(writer.isQuiet(1)).isTrue();
          binding.release(journal.position());
          assertThat(writer.receive().text()).isEqualTo("OK");
          assertThat(reader.receive().text()).isEqualTo("1");
        }
      }
    }
  }

  /// Every value written says where in the journal it stands; whatever is read at any moment stands
  /// at a released position.
  @Test
  void noReplyEverShowsWhatIsNotReleased() {
    for (int seed = 0; seed < 20; seed++) {
      try (Fixture fixture = new Fixture()) {
        Random random = new Random(seed);
        Journal journal = fixture.server.engine.journal;
        Journal.Binding binding = fixture.bind();
        LocalSession[] sessions = {fixture.session(), fixture.session(), fixture.session()};
        Map<Long, Long> positions = new HashMap<>();
        long[] waiting = new long[sessions.length]; // commands without a reply yet
        long released = journal.released();
        for (int step = 0; step < 400; step++) {
          int who = random.nextInt(sessions.length);
          long before = journal.position();
          String[] call = call(random, step);
          String got = say(sessions[who], call);
          waiting[who]++;
          if (journal.position() > before) {
            positions.put((long) step, journal.position());
          }
          check(got, positions, released, step, seed);
          waiting[who] -= replies(got);
          if (random.nextInt(6) == 0) {
            released += random.nextLong(journal.position() - released + 1);
            binding.release(released);
            for (int i = 0; i < sessions.length; i++) {
              String later = text(sessions[i].run());
              check(later, positions, released, step, seed);
              waiting[i] -= replies(later);
            }
          }
        }
        binding.release(journal.position());
        for (int i = 0; i < sessions.length; i++) {
          waiting[i] -= replies(text(sessions[i].run()));
        }
        assertThat(waiting).containsOnly(0);
      }
    }
  }

  private static String[] call(Random random, int step) {
    String key = "k" + random.nextInt(6);
    String other = "k" + random.nextInt(6);
    String id = "id" + step + ".";
    return switch (random.nextInt(9)) {
      case 0, 1 -> new String[] {"SET", key, id};
      case 2 -> new String[] {"MSET", key, id, other, id};
      case 3 -> new String[] {"SET", id + key, "", "PX", "1000000"};
      case 4 -> new String[] {"KEYS", "*"};
      case 5 -> new String[] {"SCAN", "0", "COUNT", "1000"};
      case 6 -> new String[] {"MGET", key, other};
      case 7 -> new String[] {"RANDOMKEY"};
      default -> new String[] {"GET", key};
    };
  }

  private static void check(
      String got, Map<Long, Long> positions, long released, int step, int seed) {
    Matcher ids = ID.matcher(got);
    while (ids.find()) {
      assertThat(positions.get(Long.parseLong(ids.group(1))))
          .as("%s, seen at step %d of seed %d", ids.group(), step, seed)
          .isLessThanOrEqualTo(released);
    }
  }

  /// How many whole replies `text` holds.
  private static int replies(String text) {
    if (text.isEmpty()) {
      return 0;
    }
    List<String> words = new ArrayList<>(Arrays.asList(text.split(" ", -1)));
    int count = 0;
    while (!words.isEmpty()) {
      skip(words);
      count++;
    }
    return count;
  }

  private static void skip(List<String> words) {
    String head = words.removeFirst();
    if (head.startsWith("*")) {
      for (int i = Integer.parseInt(head.substring(1)); i > 0; i--) {
        skip(words);
      }
    } else if (head.startsWith("$") && !head.equals("$-1")) {
      words.removeFirst();
    }
  }
}
