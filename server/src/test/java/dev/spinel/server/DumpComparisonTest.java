package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Values of every encoding, dumped by a real `redis-server` and restored here, and the other way
/// round: equal data, equal encodings, and equal payloads where these don't depend on chance.
class DumpComparisonTest {
  private static RealRedis real;
  private static Spinel spinel;
  private static Client there;
  private static Client here;
  private static boolean isSeven2;

  /// A value as the commands that make it.
  private record Sample(String name, boolean isDeterministic, List<String[]> commands) {
    @Override
    public String toString() {
      return name;
    }
  }

  @BeforeAll
  static void start() throws Exception {
    real = RealRedis.ready(Files.createTempDirectory("dumps"));
    isSeven2 = real.isSeven2();
    spinel =
        Spinel.start(
            "enable-debug-command", "yes", "save", "", "rdb-version", isSeven2 ? "11" : "10");
    there = Client.connect("127.0.0.1", real.port()).timeoutMillis(20_000);
    here = Client.connect("127.0.0.1", spinel.port()).timeoutMillis(20_000);
  }

  @AfterAll
  static void stop() throws Exception {
    for (AutoCloseable one : new AutoCloseable[] {there, here, spinel, real}) {
      if (one != null) {
        one.close();
      }
    }
  }

  private static String say(Client peer, String... words) {
    byte[][] bytes = new byte[words.length][];
    for (int i = 0; i < words.length; i++) {
      bytes[i] = words[i].getBytes(StandardCharsets.ISO_8859_1);
    }
    try {
      RespValue reply = peer.command(bytes);
      return reply instanceof RespValue.Array array ? array.elements().toString() : reply.text();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String hex(String payload) {
    String all = HexFormat.of().formatHex(payload.getBytes(StandardCharsets.ISO_8859_1));
    return all.length() > 600 ? all.substring(0, 600) + "…" : all;
  }

  // ── samples ──

  private static String text(Random random, int length) {
    return new String(bytes(random, length), StandardCharsets.ISO_8859_1);
  }

  /// Runs, few letters, repetitions and noise.
  private static byte[] bytes(Random random, int length) {
    byte[] a = new byte[length];
    for (int at = 0; at < length; ) {
      int n = Math.min(length - at, 1 + random.nextInt(200));
      int kind = random.nextInt(4);
      int back = at == 0 ? 0 : 1 + random.nextInt(Math.min(at, 9_000));
      byte fill = (byte) random.nextInt(256);
      for (int i = at; i < at + n; i++) {
        a[i] =
            switch (kind) {
              case 0 -> fill;
              case 1 -> (byte) random.nextInt(256);
              case 2 -> (byte) ('a' + random.nextInt(3));
              default -> back == 0 ? 0 : a[i - back];
            };
      }
      at += n;
    }
    return a;
  }

  private static Sample string(String name, String value) {
    return new Sample(name, true, List.<String[]>of(new String[] {"SET", "k", value}));
  }

  private static Sample many(
      String name, boolean isDeterministic, String command, List<String> words, int atOnce) {
    List<String[]> commands = new ArrayList<>();
    for (int i = 0; i < words.size(); i += atOnce) {
      List<String> one = new ArrayList<>(List.of(command, "k"));
      one.addAll(words.subList(i, Math.min(words.size(), i + atOnce)));
      commands.add(one.toArray(String[]::new));
    }
    return new Sample(name, isDeterministic, commands);
  }

  private static List<Sample> samples(Random random) {
    List<Sample> all = new ArrayList<>();
    for (long n :
        new long[] {
          0,
          -1,
          127,
          -128,
          128,
          32767,
          -32768,
          32768,
          1L << 31,
          -(1L << 31),
          1L << 40,
          Long.MIN_VALUE
        }) {
      all.add(string("integer " + n, Long.toString(n)));
    }
    for (String s : new String[] {"", "a", "-0", "007", "12345678901", "+5", "a".repeat(21)}) {
      all.add(string("string " + s, s));
    }
    for (int n :
        new int[] {20, 21, 44, 45, 100, 16_383, 16_384, 65_536, 65_537, 140_000, 600_000}) {
      all.add(string("string of " + n, text(random, n)));
    }
    byte[] noise = new byte[300_000];
    random.nextBytes(noise);
    all.add(string("noise", new String(noise, StandardCharsets.ISO_8859_1)));
    lists(random, all);
    sets(random, all);
    sortedSets(random, all);
    hashes(random, all);
    streams(random, all);
    return all;
  }

  private static void lists(Random random, List<Sample> all) {
    List<String> elements = new ArrayList<>();
    for (int i = 0; i < 1500; i++) {
      elements.add(i % 3 == 0 ? Integer.toString(i * 977 - 3000) : text(random, i % 90));
    }
    all.add(many("list of a few", true, "RPUSH", elements.subList(0, 20), 20));
    all.add(many("list of many", isSeven2, "RPUSH", elements, 1));
    List<String> large = new ArrayList<>(elements.subList(0, 5));
    large.add(text(random, 70_000));
    large.addAll(elements.subList(5, 9));
    large.add(text(random, 1_200_000));
    large.addAll(elements.subList(0, 300));
    all.add(many("list with large elements", isSeven2, "RPUSH", large, 1));
  }

  private static void sets(Random random, List<Sample> all) {
    List<String> narrow = new ArrayList<>();
    List<String> middle = new ArrayList<>();
    List<String> wide = new ArrayList<>();
    List<String> members = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      narrow.add(Integer.toString(i * 17 - 3000));
      middle.add(Integer.toString(i * 100_003));
      wide.add(Long.toString(i * 10_000_000_019L));
      members.add(i % 5 == 0 ? Integer.toString(i) : i + text(random, i % 60));
    }
    all.add(many("intset of 16 bits", true, "SADD", narrow, 50));
    all.add(many("intset of 32 bits", true, "SADD", middle, 50));
    all.add(many("intset of 64 bits", true, "SADD", wide, 50));
    all.add(many("set of a few", isSeven2, "SADD", members.subList(0, 60), 60));
    all.add(many("set of many", false, "SADD", members, 50));
    List<String> long1 = new ArrayList<>(members.subList(0, 3));
    long1.add(text(random, 100_000));
    all.add(many("set with a long member", false, "SADD", long1, 10));
  }

  private static void sortedSets(Random random, List<Sample> all) {
    List<String> pairs = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      pairs.add( // an older server writes most fractions otherwise
          switch (isSeven2 ? i % 6 : 6 * (i % 2)) {
            case 6 -> Double.toString(i / 8.0);
            case 0 -> Integer.toString(i % 50);
            case 1 -> Double.toString(random.nextGaussian());
            case 2 -> i % 4 == 0 ? "inf" : "-inf";
            case 3 -> "-0";
            case 4 -> Double.toString(Math.pow(10, random.nextInt(600) - 300));
            default -> Long.toString(random.nextLong());
          });
      pairs.add(i % 5 == 0 ? Integer.toString(i) : i + text(random, i % 50));
    }
    all.add(many("sorted set of a few", true, "ZADD", pairs.subList(0, 120), 20));
    all.add(many("sorted set of many", true, "ZADD", pairs, 20));
  }

  private static void hashes(Random random, List<Sample> all) {
    List<String> pairs = new ArrayList<>();
    for (int i = 0; i < 700; i++) {
      pairs.add("f" + i);
      pairs.add(i % 4 == 0 ? Integer.toString(-i * 40) : text(random, i % 64));
    }
    all.add(many("hash of a few", true, "HSET", pairs.subList(0, 200), 50));
    all.add(many("hash of many", false, "HSET", pairs, 50));
    List<String> large = new ArrayList<>(pairs.subList(0, 20));
    large.add("large");
    large.add(text(random, 300_000));
    all.add(many("hash with a large value", false, "HSET", large, 50));
  }

  private static void streams(Random random, List<Sample> all) {
    List<String[]> commands = new ArrayList<>();
    for (int i = 1; i <= 350; i++) {
      String id = (i / 3 * 1000L) + "-" + i;
      String value = i % 4 == 0 ? Integer.toString(-i * 40) : text(random, i % 64);
      commands.add(
          i % 7 == 0
              ? new String[] {"XADD", "k", id, "other", value, "f" + i % 3, "v"}
              : new String[] {"XADD", "k", id, "field", value, "number", "" + i});
    }
    all.add(new Sample("stream of a few", true, List.copyOf(commands.subList(0, 30))));
    all.add(new Sample("stream of many", true, List.copyOf(commands)));
    List<String[]> less = new ArrayList<>(commands);
    for (int i = 150; i < 290; i += 1 + i % 3) {
      less.add(new String[] {"XDEL", "k", (i / 3 * 1000L) + "-" + i});
    }
    less.add(new String[] {"XTRIM", "k", "MAXLEN", "200"});
    less.add(new String[] {"XGROUP", "CREATE", "k", "a group", "0"});
    less.add(new String[] {"XGROUP", "CREATE", "k", "12", "20000-5", "ENTRIESREAD", "70000"});
    all.add(new Sample("stream with groups", true, List.copyOf(less)));
    less.add(new String[] {"XGROUP", "CREATECONSUMER", "k", "12", "nobody"});
    String consumer = "consumer ".repeat(9);
    less.add(new String[] {"XREADGROUP", "GROUP", "12", consumer, "STREAMS", "k", ">"});
    less.add(new String[] {"XREADGROUP", "GROUP", "a group", "-7", "STREAMS", "k", ">"});
    less.add(new String[] {"XDEL", "k", "100000-300"});
    all.add(new Sample("stream with consumers", false, less));
    List<String[]> large = new ArrayList<>(commands.subList(0, 5));
    large.add(new String[] {"XADD", "k", "5000000-1", "field", text(random, 70_000)});
    large.add(new String[] {"XADD", "k", "5000000-2", "field", text(random, 1_300_000), "a", "1"});
    large.add(new String[] {"XADD", "k", "5000000-3", text(random, 1_100_000), "v"});
    large.add(new String[] {"XADD", "k", "5000000-4", "field", "small"});
    all.add(new Sample("stream with large entries", true, large));
    String[] gone = {"XDEL", "k", commands.getFirst()[2]};
    all.add(new Sample("empty stream", true, List.of(commands.getFirst(), gone)));
  }

  // ── tests ──

  @ParameterizedTest
  @ValueSource(strings = {"yes", "no"})
  void valuesGoThereAndBack(String compression) {
    for (Client peer : List.of(there, here)) {
      assertThat(say(peer, "CONFIG", "SET", "rdbcompression", compression)).isEqualTo("OK");
    }
    int compared = 0;
    for (Sample sample : samples(new Random(20261122))) {
      for (Client peer : List.of(there, here)) {
        say(peer, "FLUSHALL");
        for (String[] command : sample.commands) {
          assertThat(say(peer, command)).as("%s", sample).doesNotStartWith("ERR");
        }
      }
      String digest = say(there, "DEBUG", "DIGEST-VALUE", "k");
      assertThat(say(here, "DEBUG", "DIGEST-VALUE", "k")).as("%s", sample).isEqualTo(digest);
      String theirs = say(there, "DUMP", "k");
      String ours = say(here, "DUMP", "k");
      if (sample.isDeterministic) {
        assertThat(hex(ours)).as("%s", sample).isEqualTo(hex(theirs));
        assertThat(ours.equals(theirs)).as("%s", sample).isTrue();
        compared++;
      }
      for (Client peer : List.of(there, here)) {
        for (String payload : List.of(theirs, ours)) {
          String as = "%s, %s".formatted(sample, peer == here ? "here" : "there");
          assertThat(say(peer, "RESTORE", "copy", "0", payload, "REPLACE")).as(as).isEqualTo("OK");
          assertThat(say(peer, "DEBUG", "DIGEST-VALUE", "copy")).as(as).isEqualTo(digest);
        }
      }
      if (isSeven2) {
        assertThat(say(here, "OBJECT", "ENCODING", "copy"))
            .as("%s", sample)
            .isEqualTo(say(there, "OBJECT", "ENCODING", "copy"));
      }
    }
    assertThat(compared).isGreaterThan(30);
  }

  @Test
  void smallThresholdsDecideWhatAValueBecomes() {
    List<String> names =
        List.of(
            "hash-max-listpack-entries",
            "zset-max-listpack-entries",
            "set-max-intset-entries",
            "list-max-listpack-size");
    List<Sample> samples = samples(new Random(7));
    List<String> payloads = new ArrayList<>();
    for (Sample sample : samples) {
      say(there, "FLUSHALL");
      for (String[] command : sample.commands) {
        say(there, command);
      }
      payloads.add(say(there, "DUMP", "k"));
    }
    for (String limit : new String[] {"1", "40", "5000"}) {
      for (Client peer : List.of(there, here)) {
        for (String name : names) {
          assertThat(say(peer, "CONFIG", "SET", name, limit)).isEqualTo("OK");
        }
        say(peer, "FLUSHALL");
      }
      for (int i = 0; i < payloads.size(); i++) {
        List<String> seen = new ArrayList<>();
        for (Client peer : List.of(there, here)) {
          say(peer, "RESTORE", "k", "0", payloads.get(i), "REPLACE");
          seen.add(say(peer, "OBJECT", "ENCODING", "k") + say(peer, "DEBUG", "DIGEST-VALUE", "k"));
        }
        if (isSeven2) {
          assertThat(seen.get(1)).as("%s, %s", samples.get(i), limit).isEqualTo(seen.get(0));
        }
      }
    }
    for (Client peer : List.of(there, here)) {
      say(
          peer,
          "CONFIG",
          "SET",
          "hash-max-listpack-entries",
          "512",
          "zset-max-listpack-entries",
          "128",
          "set-max-intset-entries",
          "512",
          "list-max-listpack-size",
          "-2");
    }
  }
}
