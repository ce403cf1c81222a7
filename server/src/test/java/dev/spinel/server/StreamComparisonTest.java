package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Random calls on a few streams of many blocks, the same to Spinel and to a real `redis-server`:
/// equal replies, equal data (`DEBUG DIGEST`), equal groups and blocks (XINFO), before and after
/// both have loaded their data from their files. And what a primary of either kind did arrives at
/// replicas of both.
///
/// Seeds: `-Dspinel.streams.seed=S`, `-Dspinel.streams.seeds=N`.
class StreamComparisonTest {
  private static final int CALLS = 600;
  private static final int CALLS_PER_LOOK = 30;
  private static final int KEYS = 4;
  private static final String[] NAMES = {"f", "g", "temperature", "1", ""};

  private static final String[] SETTINGS = {
    "enable-debug-command", "yes", "save", "", "repl-diskless-sync-delay", "0"
  };

  @TempDir Path folder;

  private static long firstSeed() {
    return Long.getLong("spinel.streams.seed", 1);
  }

  /// Makes calls that are nearly always right.
  private static final class Calls {
    private final Random random;
    private final List<String> ids = new ArrayList<>();
    private int now = 1;

    Calls(long seed) {
      random = new Random(seed);
    }

    private String key() {
      return "s" + random.nextInt(KEYS);
    }

    private String group() {
      return "g" + random.nextInt(3);
    }

    private String consumer() {
      return "c" + random.nextInt(4);
    }

    private String count() {
      return "" + (1 + random.nextInt(30));
    }

    /// One that there may be.
    private String id() {
      return ids.isEmpty() || random.nextInt(10) == 0
          ? random.nextInt(now + 1) + "-" + random.nextInt(3)
          : ids.get(random.nextInt(ids.size()));
    }

    private String bound(String end) {
      return switch (random.nextInt(4)) {
        case 0 -> end;
        case 1 -> "(" + id();
        default -> id();
      };
    }

    private String value() {
      return switch (random.nextInt(6)) {
        case 0 -> "" + random.nextInt();
        case 1 -> "" + random.nextLong();
        case 2 -> "";
        case 3 -> "v".repeat(random.nextInt(700));
        default -> "value " + random.nextInt(1000);
      };
    }

    private void trim(List<String> call) {
      boolean byId = random.nextBoolean();
      call.add(byId ? "MINID" : "MAXLEN");
      boolean nearly = random.nextInt(3) > 0;
      if (nearly) {
        call.add("~");
      } else if (random.nextBoolean()) {
        call.add("=");
      }
      call.add(byId ? id() : "" + random.nextInt(400));
      if (nearly && random.nextInt(3) == 0) {
        call.add("LIMIT");
        call.add("" + random.nextInt(200));
      }
    }

    private String[] add() {
      List<String> call = new ArrayList<>(List.of("XADD", key()));
      if (random.nextInt(20) == 0) {
        call.add("NOMKSTREAM");
      }
      if (random.nextInt(25) == 0) {
        trim(call);
      }
      now += random.nextInt(3);
      if (random.nextInt(10) == 0) {
        call.add(now + "-*");
      } else {
        String id = now + "-" + random.nextInt(50);
        ids.add(id);
        call.add(id);
      }
      for (int i = random.nextInt(8) == 0 ? 3 : 1; i > 0; i--) {
        call.add(NAMES[random.nextInt(10) == 0 ? random.nextInt(NAMES.length) : 0]);
        call.add(value());
      }
      return call.toArray(String[]::new);
    }

    private String[] trim() {
      List<String> call = new ArrayList<>(List.of("XTRIM", key()));
      trim(call);
      return call.toArray(String[]::new);
    }

    private String[] deliver() {
      String key = key();
      String from = random.nextInt(4) > 0 ? ">" : id();
      String noAck = random.nextInt(8) == 0 ? "NOACK" : "COUNT";
      String[] more = noAck.equals("NOACK") ? new String[] {noAck} : new String[] {noAck, count()};
      List<String> call = new ArrayList<>(List.of("XREADGROUP", "GROUP", group(), consumer()));
      call.addAll(List.of(more));
      call.addAll(List.of("STREAMS", key, from));
      return call.toArray(String[]::new);
    }

    private String[] claim() {
      List<String> call =
          new ArrayList<>(List.of("XCLAIM", key(), group(), consumer(), "0", id(), id(), id()));
      String[] options = {"FORCE", "JUSTID", "RETRYCOUNT", "LASTID"};
      for (String option : options) {
        if (random.nextInt(4) == 0) {
          call.add(option);
          if (option.equals("RETRYCOUNT")) {
            call.add("" + random.nextInt(9));
          } else if (option.equals("LASTID")) {
            call.add(id());
          }
        }
      }
      return call.toArray(String[]::new);
    }

    private static String[] call(String... words) {
      return words;
    }

    String[] next() {
      return switch (random.nextInt(60)) {
        case 0, 1, 2 -> call("XDEL", key(), id(), id(), id());
        case 3, 4 -> trim();
        case 5, 6 -> call("XGROUP", "CREATE", key(), group(), random.nextBoolean() ? "0" : "$");
        case 7 ->
            call("XGROUP", "CREATE", key(), group(), id(), "MKSTREAM", "ENTRIESREAD", count());
        case 8 -> call("XGROUP", "SETID", key(), group(), id());
        case 9 -> call("XGROUP", "DELCONSUMER", key(), group(), consumer());
        case 10 -> call("XGROUP", "CREATECONSUMER", key(), group(), consumer());
        case 11 -> random.nextInt(4) > 0 ? trim() : call("XGROUP", "DESTROY", key(), group());
        case 12, 13, 14, 15, 16, 17 -> deliver();
        case 18, 19, 20, 21 -> call("XACK", key(), group(), id(), id(), id(), id());
        case 22, 23 -> claim();
        case 24, 25 -> call("XAUTOCLAIM", key(), group(), consumer(), "0", id(), "COUNT", count());
        case 26 -> call("XAUTOCLAIM", key(), group(), consumer(), "0", "-", "JUSTID");
        case 27, 28 -> call("XRANGE", key(), bound("-"), bound("+"), "COUNT", count());
        case 29, 30 -> call("XREVRANGE", key(), bound("+"), bound("-"), "COUNT", count());
        case 31 -> call("XRANGE", key(), "-", "+");
        case 32, 33 -> call("XREAD", "COUNT", count(), "STREAMS", key(), key(), id(), id());
        case 34 -> call("XPENDING", key(), group());
        case 35 -> call("XLEN", key());
        case 36 ->
            switch (random.nextInt(12)) {
              case 0 -> call("DEL", key());
              case 1 -> call("RENAME", key(), key());
              case 2 -> call("XSETID", key(), now + 1 + "-0");
              case 3 -> call("XSETID", key(), now + "-99", "ENTRIESADDED", "" + 1000 * now);
              default -> call("COPY", key(), key(), "REPLACE");
            };
        default -> add();
      };
    }
  }

  private static String ask(Client client, String... words) throws IOException {
    client.send(words);
    return new String(client.raw(), StandardCharsets.ISO_8859_1);
  }

  /// What there is to see of the streams but for the times.
  private static List<String> look(Client client) throws IOException {
    List<String> all = shared(client);
    for (int i = 0; i < KEYS; i++) {
      String key = "s" + i;
      all.add(shown(client, "XINFO", "GROUPS", key));
      all.add(shown(client, "XINFO", "STREAM", key, "FULL", "COUNT", "0"));
    }
    return all;
  }

  /// What of that replicas have, too: not the consumers without entries, nor how many entries a
  /// group has read (an effect says the last one only), nor how often what is pending was read.
  private static List<String> shared(Client client) throws IOException {
    List<String> all = new ArrayList<>();
    all.add(shown(client, "DEBUG", "DIGEST"));
    for (int i = 0; i < KEYS; i++) {
      String key = "s" + i;
      all.add(shown(client, "XINFO", "STREAM", key));
      String groups = shown(client, "XINFO", "GROUPS", key);
      all.add(groups.replaceAll("(consumers|entries-read|lag) [:$]-?\\d+", "$1"));
      for (int g = 0; g < 3; g++) {
        all.add(shown(client, "XPENDING", key, "g" + g));
        String list = shown(client, "XPENDING", key, "g" + g, "-", "+", "10000");
        all.add(list.replaceAll(":\\d+ :\\d+", ":"));
      }
    }
    return all;
  }

  private static String shown(Client client, String... words) throws IOException {
    String reply = ask(client, words).replaceAll(":1[78]\\d{11}\r\n", ":NOW\r\n");
    return String.join(" ", words) + ": " + reply.replace("\r\n", " ");
  }

  private static void same(String said, List<String> got, List<String> expected) {
    assertThat(got).as(said).hasSameSizeAs(expected);
    for (int i = 0; i < got.size(); i++) {
      assertThat(got.get(i)).as(said).isEqualTo(expected.get(i));
    }
  }

  @Test
  void randomCallsLeaveEqualStreams() throws Exception {
    long first = firstSeed();
    long seeds = Long.getLong("spinel.streams.seeds", 4);
    Path theirs = Files.createDirectory(folder.resolve("theirs"));
    Path ours = Files.createDirectory(folder.resolve("ours"));
    try (RealRedis redis = RealRedis.ready(theirs);
        Spinel spinel = Spinel.start(with(SETTINGS, "rdb-version", "11", "dir", ours.toString()));
        Client there = Client.connect("127.0.0.1", redis.port()).timeoutMillis(20_000);
        Client here = Client.connect("127.0.0.1", spinel.port()).timeoutMillis(20_000)) {
      assumeTrue(redis.isSeven2(), "REDIS_SERVER isn't a 7.2");
      for (long seed = first; seed < first + seeds; seed++) {
        String entries = "" + (seed % 3 == 0 ? 100 : 3 + seed % 20);
        for (Client each : List.of(there, here)) {
          ask(each, "FLUSHALL");
          ask(each, "CONFIG", "SET", "stream-node-max-entries", entries);
        }
        Calls calls = new Calls(seed);
        for (int i = 1; i <= CALLS; i++) {
          String[] call = calls.next();
          String said = "seed " + seed + ", call " + i + ": " + String.join(" ", call);
          assertThat(ask(here, call)).as(said).isEqualTo(ask(there, call));
          if (i % CALLS_PER_LOOK == 0) {
            same(said, look(here), look(there));
          }
          if (i % (CALLS / 3) == 0) {
            String[] reload = {"DEBUG", "RELOAD"};
            assertThat(ask(here, reload)).as(said).isEqualTo(ask(there, reload));
          }
        }
        same("seed " + seed, look(here), look(there));
      }
    }
  }

  private static void follow(Client replica, int port) throws IOException {
    assertThat(ask(replica, "REPLICAOF", "127.0.0.1", "" + port)).startsWith("+OK");
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> ask(replica, "INFO", "replication").contains("master_link_status:up"));
  }

  private static void haveTheSame(Client primary, Client replica, String said) throws IOException {
    List<String> expected = shared(primary);
    await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(() -> same(said, shared(replica), expected));
  }

  /// Spinel, a real replica of it, a Spinel behind that one; then the last one is the primary of
  /// the second.
  @Test
  void replicasOfBothKindsHaveWhatThePrimaryHas() throws Exception {
    long seed = firstSeed();
    Path theirs = Files.createDirectory(folder.resolve("theirs"));
    Path first = Files.createDirectory(folder.resolve("first"));
    Path last = Files.createDirectory(folder.resolve("last"));
    try (Spinel primary = Spinel.start(with(SETTINGS, "dir", first.toString()));
        RealRedis middle = RealRedis.ready(theirs, "--repl-diskless-sync-delay", "0");
        Spinel leaf = Spinel.start(with(SETTINGS, "dir", last.toString()));
        Client a = Client.connect("127.0.0.1", primary.port()).timeoutMillis(20_000);
        Client b = Client.connect("127.0.0.1", middle.port()).timeoutMillis(20_000);
        Client c = Client.connect("127.0.0.1", leaf.port()).timeoutMillis(20_000)) {
      Calls calls = new Calls(seed);
      for (int i = 0; i < CALLS; i++) {
        ask(a, calls.next());
      }
      follow(b, primary.port());
      follow(c, middle.port());
      haveTheSame(a, b, "copied, seed " + seed);
      haveTheSame(a, c, "copied twice, seed " + seed);
      for (int round = 0; round < 4; round++) {
        for (int i = 0; i < CALLS / 2; i++) {
          ask(a, calls.next());
        }
        haveTheSame(a, b, "effects, seed " + seed);
        haveTheSame(a, c, "effects passed on, seed " + seed);
      }
      assertThat(ask(c, "REPLICAOF", "NO", "ONE")).startsWith("+OK");
      assertThat(ask(b, "REPLICAOF", "NO", "ONE")).startsWith("+OK");
      follow(c, middle.port());
      for (int i = 0; i < CALLS; i++) {
        ask(b, calls.next());
      }
      haveTheSame(b, c, "effects of a real primary, seed " + seed);
    }
  }

  private static String[] with(String[] words, String... more) {
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }
}
