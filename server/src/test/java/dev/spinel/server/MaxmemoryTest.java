package dev.spinel.server;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.AwaitedSink;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// `maxmemory` is held at every moment, whatever the data look like that come and go, and nobody is
/// refused while there are keys that could go.
///
/// Clients on real sockets send pipelines to two loops; a thread looks at the account all the time.
class MaxmemoryTest {
  private static final long LIMIT = 16 << 20;
  private static final int CLIENTS = 4;
  private static final int PIPELINE = 16;
  private static final long QUICK_NANOS = 100_000;

  /// What clients write, some 8 MB each unless it says otherwise, in requests of which none needs
  /// more than a sixteenth of the limit.
  private enum Shape {
    SMALL_STRINGS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 10_000; i++) {
          to.write(to.key(i), "SET", to.key(i), text(i % 600));
        }
      }
    },
    STRINGS_OF_1_MB {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 12; i++) {
          to.write(to.key(i), "SET", to.key(i), text(1 << 20));
        }
      }
    },
    STRINGS_OF_100_KB {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 100; i++) {
          to.write(to.key(i), "SET", to.key(i), text(100_000));
        }
      }
    },
    STRINGS_THAT_GROW {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 60; i++) {
          to.write(to.key(i / 20), "APPEND", to.key(i / 20), text(150_000));
        }
      }
    },
    STRINGS_OF_ZEROS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 12; i++) {
          to.write(to.key(i), "SETRANGE", to.key(i), "1000000", "x");
        }
      }
    },
    LISTS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 400; i++) {
          to.writeMany(to.key(i / 50), 20, 1, "RPUSH", to.key(i / 50), 1_000);
        }
      }
    },
    LISTS_OF_LARGE_ELEMENTS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 80; i++) {
          to.write(to.key(i / 20), "LPUSH", to.key(i / 20), text(100_000));
        }
      }
    },
    /// More than the keeper leaves to others.
    GIANT_LISTS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 1_500; i++) {
          to.writeMany("giant" + i / 1_000, 100, 1, "RPUSH", "giant" + i / 1_000, 60);
        }
      }
    },
    HASHES {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 400; i++) {
          to.writeMany(to.key(i / 40), 20, 2, "HSET", to.key(i / 40), 500);
        }
      }
    },
    SETS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 800; i++) {
          to.writeMany(to.key(i / 80), 100, 1, "SADD", to.key(i / 80), 60);
        }
      }
    },
    SORTED_SETS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 6_000; i++) {
          String key = to.key(i / 1_000);
          to.write(key, "ZADD", key, "" + i, i + text(500), "" + i / 3, "x" + i + text(500));
        }
      }
    },
    COPIES {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 20; i++) {
          to.writeMany(to.key(0), 500, 1, "RPUSH", to.key(0), 1_000);
          to.write(to.key(i + 1), "COPY", to.key(0), to.key(i + 1));
          to.write("-", "DEL", to.key(0));
        }
      }
    },
    /// Of 900 KB that no argument announces.
    BITMAPS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 12; i++) {
          to.write(to.key(i), "SETBIT", to.key(i), "7200000", "1");
          to.write(to.key(i) + "f", "BITFIELD", to.key(i) + "f", "SET", "u8", "7200000", "1");
          to.write(to.key(i) + "o", "BITOP", "NOT", to.key(i) + "o", to.key(i));
        }
      }
    },
    /// Of 200 to 800 KB, made of others.
    STORED {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 12; i++) {
          to.writeMany(to.key(0), 2_000, 1, "SADD", to.key(0), 60);
          to.writeMany(to.key(1), 2_000, 1, "SADD", to.key(1), 60);
          for (String command : List.of("SUNIONSTORE", "SDIFFSTORE", "SINTERSTORE")) {
            for (int n = 2; n < 5; n++) {
              to.write("-", command, command + to.key(n), to.key(0), to.key(n % 2));
            }
          }
          to.write("-", "SORT", to.key(0), "ALPHA", "STORE", to.key(i + 5));
          to.write("-", "ZUNIONSTORE", to.key(i + 20), "2", to.key(0), to.key(1));
          to.write("-", "ZINTERSTORE", to.key(i + 40), "2", to.key(0), to.key(0));
          to.write("-", "ZRANGESTORE", to.key(i + 60), to.key(i + 20), "0", "-1");
          to.write("-", "DEL", to.key(0), to.key(1));
        }
      }
    },
    LONG_CALLS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 30; i++) {
          to.writeMany("-", 2_000, 2, "MSET", to.key(i), 40);
          to.writeMany(to.key(i) + "l", 5_000, 1, "RPUSH", to.key(i) + "l", 100);
        }
      }
    },
    TRANSACTIONS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 8; i++) {
          to.write("-", "MULTI");
          for (int n = 0; n < 6; n++) {
            to.write("-", "SET", to.key(10 * i + n), text(160_000));
          }
          to.write("-", "EXEC");
        }
      }
    },
    /// Each adds 2 MB of which no argument tells.
    TRANSACTIONS_OF_COPIES {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 6; i++) {
          to.writeMany(to.key(0), 500, 1, "RPUSH", to.key(0), 1_000);
          to.write("-", "MULTI");
          for (int n = 1; n < 5; n++) {
            to.write("-", "COPY", to.key(0), to.key(10 * i + n));
          }
          to.write("-", "EXEC");
          to.write("-", "DEL", to.key(0));
        }
      }
    },
    TRANSACTIONS_OF_UNIONS {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 6; i++) {
          to.writeMany(to.key(0), 2_000, 1, "SADD", to.key(0), 100);
          to.writeMany(to.key(1), 2_000, 1, "SADD", to.key(1), 100);
          to.write("-", "MULTI");
          for (int n = 2; n < 6; n++) {
            to.write("-", "SUNIONSTORE", to.key(10 * i + n), to.key(0), to.key(1));
          }
          to.write("-", "SETRANGE", to.key(10 * i + 6), "60000", "x");
          to.write("-", "EXEC");
          to.write("-", "DEL", to.key(0), to.key(1));
        }
      }
    },
    /// One that names its keys, and one that doesn't and stops the world.
    SCRIPTS {
      @Override
      void write(Requests to) {
        String fill = "for i = 1, 20 do redis.call('SET', %s .. i, string.rep('x', 100000)) end";
        for (int i = 0; i < 4; i++) {
          to.write("-", "EVAL", fill.formatted("KEYS[1]"), "1", to.key(i));
          to.write("-", "EVAL", fill.formatted("ARGV[1]"), "0", to.key(i));
          to.writeMany(to.key(0), 500, 1, "RPUSH", to.key(0), 1_000);
          String copy = "for i = 2, 4 do redis.call('COPY', KEYS[1], KEYS[i], 'REPLACE') end";
          to.write("-", "EVAL", copy, "4", to.key(0), to.key(90), to.key(91), to.key(92));
          to.write("-", "DEL", to.key(0));
        }
      }
    },
    /// What has to collect its reply before it says it.
    COLLECTED {
      @Override
      void write(Requests to) {
        for (int i = 0; i < 3; i++) {
          for (int n = 0; n < 5; n++) {
            to.writeMany(to.key(n), 600, 1, "SADD", to.key(n), 300);
          }
          String[] keys = {to.key(0), to.key(1), to.key(2), to.key(3), to.key(4)};
          for (String call : List.of("SUNION", "SDIFF", "ZUNION 5", "ZDIFF 5", "ZINTER 5")) {
            List<String> words = new ArrayList<>(List.of(call.split(" ")));
            words.addAll(List.of(keys));
            to.write("-", words.toArray(String[]::new));
          }
          to.write("-", "SPOP", to.key(0), "400");
          to.write("-", "DEL", to.key(0), to.key(1), to.key(2), to.key(3), to.key(4));
        }
      }
    };

    abstract void write(Requests to);

    static String text(int length) {
      return "x".repeat(length);
    }
  }

  /// The requests of one client.
  private static final class Requests {
    final List<byte[]> all = new ArrayList<>();
    private final Shape shape;
    private final int client;
    private final boolean expiring;
    private long written;

    Requests(Shape shape, int client, boolean expiring) {
      this.shape = shape;
      this.client = client;
      this.expiring = expiring;
    }

    String key(int i) {
      return shape + ":" + client + ":" + i;
    }

    /// A request that makes or changes a key; `-`: none that should get an expiry.
    void write(String key, String... words) {
      all.add(LocalSession.request(words));
      if (expiring && !key.equals("-")) {
        all.add(LocalSession.request("EXPIRE", key, "1000"));
      }
    }

    /// The same with `count` times so many different words of some length behind the first two.
    void writeMany(String key, int count, int each, String command, String first, int length) {
      List<String> words = new ArrayList<>(List.of(command));
      if (!command.equals("MSET")) {
        words.add(first);
      }
      for (int i = 0; i < count * each; i++) {
        words.add(command + client + ":" + written++ + Shape.text(length));
      }
      write(key, words.toArray(String[]::new));
    }
  }

  /// A server with two loops, and somebody who looks at its account all the time.
  private static final class Watched implements AutoCloseable {
    final Server server;
    private final AtomicBoolean stop = new AtomicBoolean();
    private final Thread watcher;
    private long mostUsed;
    private long mostKept;

    Watched(String policy) throws IOException {
      Config config =
          Config.of(
              "port", "0", "event-loops", "2", "maxmemory", "" + LIMIT, "maxmemory-policy", policy);
      server = new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
      server.startAtAnyPort();
      watcher = new Thread(this::watch);
      watcher.start();
    }

    /// The account is a sum over threads: what one frees and another takes, while it is being added
    /// up, may count twice. So only what two looks in a row have seen is believed.
    private void watch() {
      long before = 0;
      while (!stop.get()) {
        long began = System.nanoTime();
        long kept = server.engine.keyspace.walk().preservedBytes();
        long used = server.liveBytes() - kept;
        if (System.nanoTime() - began < QUICK_NANOS) { // else its parts are of different times
          mostUsed = Math.max(mostUsed, Math.min(before, used));
          mostKept = Math.max(mostKept, kept);
          before = used;
        }
        Thread.onSpinWait();
      }
    }

    Client connect() throws IOException {
      return Client.connect("127.0.0.1", server.port()).timeoutMillis(60_000);
    }

    /// Several clients at once write so.
    void write(Shape shape, boolean expiring) throws Exception {
      Crowd.of(
              CLIENTS,
              number -> {
                Requests requests = new Requests(shape, number, expiring);
                shape.write(requests);
                try (Client client = connect()) {
                  send(client, requests.all);
                }
              })
          .join();
    }

    private static void send(Client client, List<byte[]> requests) throws IOException {
      for (int from = 0; from < requests.size(); from += PIPELINE) {
        List<byte[]> some = requests.subList(from, Math.min(requests.size(), from + PIPELINE));
        for (byte[] request : some) {
          client.sendRaw(request);
        }
        client.flush();
        for (int i = 0; i < some.size(); i++) {
          assertThat(new String(client.raw(), ISO_8859_1))
              .doesNotStartWith("-")
              .doesNotContain("\r\n-");
        }
      }
    }

    /// Ends the watch: the limit was held.
    void verify() throws InterruptedException {
      stop.set(true);
      watcher.join();
      assertThat(mostUsed).as("bytes used at most").isBetween(LIMIT / 2, LIMIT * 5 / 4);
    }

    @Override
    public void close() {
      stop.set(true);
      server.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void theLimitIsHeldWhateverComes(Shape shape) throws Exception {
    try (Watched watched = new Watched("allkeys-lru")) {
      watched.write(Shape.SMALL_STRINGS, false);
      watched.write(shape, false);
      watched.verify();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STRINGS_OF_1_MB", "LISTS", "HASHES", "LONG_CALLS"})
  void alsoWhileCallsAreRecorded(Shape shape) throws Exception {
    try (Watched watched = new Watched("allkeys-lru")) {
      watched.server.engine.journal.attach(Journal.AOF, (bytes, from, length) -> {});
      watched.write(Shape.SMALL_STRINGS, false);
      watched.write(shape, false);
      watched.verify();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl"
      })
  void everyPolicyHoldsIt(String policy) throws Exception {
    try (Watched watched = new Watched(policy)) {
      boolean expiring = policy.startsWith("volatile");
      for (Shape shape :
          List.of(
              Shape.SMALL_STRINGS, Shape.STRINGS_OF_1_MB, Shape.LISTS, Shape.STRINGS_OF_100_KB)) {
        watched.write(shape, expiring);
      }
      watched.verify();
    }
  }

  /// What a walk has to keep doesn't count, and stays within the walk's budget.
  @ParameterizedTest
  @EnumSource(names = {"SMALL_STRINGS", "STRINGS_OF_100_KB", "LISTS", "HASHES", "GIANT_LISTS"})
  void alsoBesideWalks(Shape shape) throws Exception {
    try (Watched watched = new Watched("allkeys-lru")) {
      watched.write(Shape.LISTS, false);
      AtomicBoolean stop = new AtomicBoolean();
      Crowd walks =
          new Crowd()
              .start(
                  () -> {
                    while (!stop.get()) {
                      new AwaitedSink().take(watched.server.engine.keyspace);
                    }
                  });
      watched.write(shape, false);
      stop.set(true);
      walks.join();
      watched.verify();
      assertThat(watched.mostKept).as("kept for a walk").isLessThan((4 << 20) + LIMIT / 8);
    }
  }

  /// What a transaction makes itself isn't evicted while it runs: where that alone is too much,
  /// what goes beyond the limit is refused, each command for itself.
  @ParameterizedTest
  @ValueSource(strings = {"allkeys-lru", "noeviction", "volatile-ttl"})
  void ofATransactionThatIsTooLargeTheRestIsRefused(String policy) throws Exception {
    try (Watched watched = new Watched(policy);
        Client client = watched.connect()) {
      for (String end : List.of("PING", "DBSIZE")) { // the second has it run in a stopped world
        client.command("DEL", "source");
        awaitRoom(client);
        for (int i = 0; i < 4; i++) {
          client.command("RPUSH", "source", Shape.text(1 << 19));
        }
        client.command("MULTI");
        for (int i = 0; i < 20; i++) {
          client.command("COPY", "source", "copy" + i, "REPLACE");
        }
        client.command("STRLEN", "source");
        client.command("LLEN", "source");
        client.command(end);
        List<RespValue> replies = ((RespValue.Array) client.command("EXEC")).elements();
        int done = 0;
        String all = end + " " + replies.stream().map(RespValue::text).toList();
        for (RespValue reply : replies.subList(0, 20)) {
          assertThat(reply.text()).as(all).isIn("1", OUT_OF_MEMORY);
          done += reply.text().equals("1") ? 1 : 0;
        }
        assertThat(done).isBetween(6, 8);
        assertThat(replies.get(0).text()).isEqualTo("1");
        assertThat(replies.get(19).text()).isEqualTo(OUT_OF_MEMORY);
        assertThat(replies.get(20).text()).startsWith("WRONGTYPE");
        assertThat(replies.get(21).text()).isEqualTo("4");
        for (int i = 0; i < done; i++) { // the first of these may have any key evicted
          client.command("DEL", "copy" + i);
        }
      }
      assertThat(client.command("SET", "k", "v").text()).isEqualTo("OK");
      watched.verify();
    }
  }

  /// Until nothing of what was deleted waits to be given back. The account may deceive once, see
  /// [Watched].
  private static void awaitRoom(Client client) {
    await()
        .atMost(30, TimeUnit.SECONDS)
        .during(100, TimeUnit.MILLISECONDS)
        .until(() -> used(client) < LIMIT / 4);
  }

  private static long used(Client client) throws IOException {
    String text = String.valueOf(client.command("INFO", "memory").text());
    return Long.parseLong(text.replaceFirst("(?s).*used_memory:(\\d+).*", "$1"));
  }

  /// As in a real server: it has passed its gates.
  @Test
  void aTransactionThatOnlyCountsIsNotRefusedInItsMiddle() throws Exception {
    try (Watched watched = new Watched("allkeys-lru");
        Client client = watched.connect()) {
      client.command("SET", "other", "v");
      client.command("MULTI");
      client.command("INCR", "n");
      client.command("CONFIG", "SET", "maxmemory", "1");
      client.command("INCR", "n");
      List<RespValue> replies = ((RespValue.Array) client.command("EXEC")).elements();
      assertThat(replies).extracting(RespValue::text).containsExactly("1", "OK", "2");
    }
  }

  private static final String OUT_OF_MEMORY =
      "OOM command not allowed when used memory > 'maxmemory'.";

  /// Its sources are what the policy would take first.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "COPY list target",
        "SORT list ALPHA STORE target",
        "SUNIONSTORE target set",
        "ZUNIONSTORE target 1 set",
        "MULTI, COPY list target, EXEC",
        "EVAL return(redis.call('COPY',KEYS[1],KEYS[2])) 2 list target",
        "EVAL return(redis.call('COPY',ARGV[1],ARGV[2])) 0 list target"
      })
  void roomForACopyIsNotMadeOfWhatIsCopied(String calls) throws Exception {
    try (Watched watched = new Watched("volatile-ttl");
        Client client = watched.connect()) {
      for (int i = 0; i < 13; i++) {
        client.command("SET", "old" + i, Shape.text(900_000), "EX", "10000");
      }
      List<String> list = new ArrayList<>(List.of("RPUSH", "list"));
      List<String> set = new ArrayList<>(List.of("SADD", "set"));
      for (int i = 0; i < 1_000; i++) {
        list.add(i + Shape.text(2_000));
        set.add(i + Shape.text(2_000));
      }
      client.command(list.toArray(String[]::new));
      client.command(set.toArray(String[]::new));
      client.command("EXPIRE", calls.contains("list") ? "list" : "set", "100");
      RespValue last = null;
      for (String call : calls.split(", ")) {
        last = client.command(call.split(" "));
      }
      assertThat(String.valueOf(last)).contains("1");
      String made = client.command("TYPE", "target").text();
      String length = made.equals("list") ? "LLEN" : made.equals("set") ? "SCARD" : "ZCARD";
      assertThat(client.command(length, "target").text()).isEqualTo("1000");
      assertThat(client.command("EXISTS", "list", "set").text()).isEqualTo("2");
      assertThat(client.command("INFO", "stats").text()).doesNotContain("evicted_keys:0");
      watched.verify();
    }
  }

  /// A call that waits for room runs again: its keys are counted, and missed, once.
  @Test
  void whatARunBeforeAWaitHasCountedDoesNotCount() throws Exception {
    try (Watched watched = new Watched("volatile-ttl");
        Client client = watched.connect();
        Client listener = watched.connect()) {
      client.command("CONFIG", "SET", "notify-keyspace-events", "Em");
      listener.command("SUBSCRIBE", "__keyevent@0__:keymiss");
      for (int i = 0; i < 15; i++) {
        client.command("SET", "old" + i, Shape.text(900_000), "EX", "10000");
      }
      String[] union = "SUNION s0 s1 s2 s3 s4 absent".split(" ");
      for (int set = 0; set < 5; set++) {
        List<String> words = new ArrayList<>(List.of("SADD", "s" + set));
        for (int i = 0; i < 200; i++) {
          words.add(set + "." + i + Shape.text(2_000));
        }
        client.command(words.toArray(String[]::new));
      }
      client.command("CONFIG", "RESETSTAT");
      assertThat(((RespValue.Array) client.command(union)).elements()).hasSize(1_000);
      assertThat(client.command("INFO", "stats").text())
          .doesNotContain("evicted_keys:0")
          .contains("keyspace_hits:5\r", "keyspace_misses:1\r");
      client.command("GET", "end");
      for (String missed : List.of("absent", "end")) {
        assertThat(listener.receive()).asString().contains(missed);
      }
    }
  }

  /// A large argument isn't read on while there is no room, and its client's leaving gives back
  /// what it has taken.
  @Test
  void argumentsOnTheirWayWaitInTheSocket() throws Exception {
    try (Watched watched = new Watched("noeviction");
        Client filler = watched.connect()) {
      for (int i = 0; i < 15; i++) {
        filler.command("SET", "k" + i, Shape.text(1 << 20));
      }
      List<Client> senders = new ArrayList<>();
      byte[] most = Server.ascii(Shape.text(900_000));
      for (int i = 0; i < 16; i++) {
        Client sender = watched.connect();
        senders.add(sender);
        sender.sendRaw(Server.ascii("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n"));
        sender.sendRaw(most);
        sender.flush();
      }
      assertThat(filler.command("PING").text()).isEqualTo("PONG");
      for (Client sender : senders.subList(0, 8)) {
        sender.close();
      }
      for (Client sender : senders.subList(8, 16)) {
        sender.sendRaw(Server.ascii(Shape.text(100_000) + "\r\n"));
        sender.flush();
      }
      int refused = 0;
      for (Client sender : senders.subList(8, 16)) {
        String reply = sender.receive().text();
        refused += reply.startsWith("OOM") ? 1 : 0;
        sender.close();
      }
      assertThat(refused).isBetween(7, 8);
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(() -> assertThat(watched.server.liveBytes()).isLessThan(LIMIT));
      watched.verify();
    }
  }

  /// Readers of the same loops go on while writers wait for room.
  @Test
  void readersAreServedWhileWritersWait() throws Exception {
    try (Watched watched = new Watched("allkeys-lru");
        Client reader = watched.connect()) {
      watched.write(Shape.SMALL_STRINGS, false);
      AtomicBoolean stop = new AtomicBoolean();
      Crowd writers =
          new Crowd()
              .start(
                  () -> {
                    while (!stop.get()) {
                      watched.write(Shape.STRINGS_OF_1_MB, false);
                    }
                  });
      for (int i = 0; i < 2_000; i++) {
        assertThat(reader.command("GET", "none")).isInstanceOf(RespValue.Nil.class);
      }
      stop.set(true);
      writers.join();
      watched.verify();
    }
  }

  // ── beside a real server ──

  private static final List<String> CALLS =
      List.of(
          "SET a 1",
          "GET plain",
          "GETSET plain x",
          "APPEND plain x",
          "STRLEN plain",
          "INCR n",
          "LPUSH l x",
          "LRANGE l 0 -1",
          "HSET h f v",
          "HGET h f",
          "SADD s m",
          "DEL absent",
          "RENAME plain moved",
          "RENAME moved plain",
          "COPY plain b",
          "TYPE plain",
          "EXISTS plain",
          "BLPOP none 0.01",
          "LMOVE none none LEFT RIGHT",
          "PUBLISH c m",
          "MULTI",
          "SET a 1",
          "EXEC",
          "MULTI",
          "GET plain",
          "EXEC",
          "MULTI",
          "DISCARD",
          "WATCH plain",
          "UNWATCH",
          "SET a LARGE",
          "APPEND plain LARGE",
          "GET LARGE",
          "ECHO x",
          "MSET a 1 b 2",
          "MGET a b",
          "UNLINK absent",
          "SETRANGE plain 100 x",
          "EXPIRE plain 0");

  /// All that is refused there is refused here, in the same words, and nothing else.
  @ParameterizedTest
  @ValueSource(strings = {"noeviction", "volatile-lru", "volatile-ttl", "volatile-random"})
  void whatIsRefusedIsWhatARealServerRefuses(String policy, @TempDir Path directory)
      throws Exception {
    try (RealRedis redis = RealRedis.ready(directory);
        Client real = Client.connect("127.0.0.1", redis.port());
        Watched watched = new Watched("noeviction");
        Client ours = watched.connect()) {
      for (Client each : List.of(real, ours)) {
        each.command("CONFIG", "SET", "maxmemory", "0");
        each.command("SET", "plain", "v");
        each.command("CONFIG", "SET", "maxmemory-policy", policy);
        each.command("CONFIG", "SET", "maxmemory", "1");
      }
      compare(real, ours, CALLS);
      for (Client each : List.of(real, ours)) { // now there is something that may go
        each.command("CONFIG", "SET", "maxmemory", "0");
        // no large argument, as its buffers would be given back later
        each.command("SETRANGE", "going", "3000000", "x");
        each.command("EXPIRE", "going", "1000");
        each.command("SET", "plain", "v");
        String used =
            Stream.of(each.command("INFO", "memory").text().split("\r\n"))
                .filter(line -> line.startsWith("used_memory:"))
                .findFirst()
                .orElseThrow()
                .substring(12);
        each.command("CONFIG", "SET", "maxmemory", "" + (Long.parseLong(used) - 1_500_000));
      }
      compare(real, ours, List.of("SET a 1", "EXISTS going", "EXISTS plain", "SET b 1"));
    }
  }

  private static void compare(Client real, Client ours, List<String> calls) throws IOException {
    for (String call : calls) {
      byte[] request = LocalSession.request(call.replace("LARGE", Shape.text(50_000)).split(" "));
      assertThat(reply(ours, request)).as(call).isEqualTo(reply(real, request));
    }
  }

  private static String reply(Client client, byte[] request) throws IOException {
    client.sendRaw(request);
    client.flush();
    return new String(client.raw(), ISO_8859_1);
  }
}
