package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Files of every encoding that something has damaged: cut, with changed, missing, repeated bytes,
/// with a piece of another file. A server either starts with data on which all commands work, or
/// says in a clear line why it doesn't, has nothing then, and leaves the file alone. (The fixture
/// sees to structure, memory and bugs.)
@Timeout(900)
class BadFilesTest {
  /// Thousands by hand.
  private static final int ROUNDS = Integer.getInteger("files.rounds", 120);

  /// What a user has no use for.
  private static final Pattern INSIDES =
      Pattern.compile("Exception|java\\.|dev\\.spinel|Error:|\\bnull\\b|out of bounds");

  private static final Charset US = StandardCharsets.US_ASCII;

  @TempDir Path folder;

  private final long seed = Long.getLong("spinel.seed", 20);
  private final Random random = new Random(seed);

  // ── files ──

  private static void fill(LocalSession a) {
    String run = "ab".repeat(60);
    say(a, "SET", "raw", "a value of some length, not repeated");
    say(a, "SET", "compressed", run);
    say(a, "SET", "number", "12345");
    say(a, "SET", "expires", "1", "PX", "10000000000");
    say(a, "RPUSH", "list", "1", "-300", "70000", run, "x", "9999999999");
    say(a, "SADD", "intset", "1", "2", "70000");
    say(a, "SADD", "set", "1", "a", "bb", run.substring(0, 60));
    say(a, "HSET", "hash", "a", "1", "b", "22222", "c", run.substring(0, 50));
    say(a, "ZADD", "zset", "1", "a", "1.5", "b", "-inf", "c", "99999", "d");
    say(a, "PFADD", "sketch", "a", "b", "c");
    for (int i = 0; i < 40; i++) {
      say(a, "SADD", "many of a set", "member" + i);
      say(a, "HSET", "many of a hash", "field" + i, "value" + i);
      say(a, "ZADD", "many of a zset", "" + i, "member" + i);
      say(a, "RPUSH", "many of a list", "element" + i, "x".repeat(i));
      say(a, "XADD", "stream", (i + 1) + "-1", "f" + i % 2, "v" + i);
    }
    say(a, "XDEL", "stream", "7-1", "9-1");
    say(a, "XGROUP", "CREATE", "stream", "g", "0");
    say(a, "XREADGROUP", "GROUP", "g", "c", "COUNT", "5", "STREAMS", "stream", ">");
    say(a, "SELECT", "3");
    say(a, "SET", "in three", "v");
    say(a, "SELECT", "0");
    say(a, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() end)");
  }

  private static final String[] SMALL = {
    "hash-max-listpack-entries",
    "8",
    "zset-max-listpack-entries",
    "8",
    "set-max-listpack-entries",
    "8",
    "list-max-listpack-size",
    "8",
    "stream-node-max-entries",
    "10"
  };

  private static String[] with(String... more) {
    String[] all = Arrays.copyOf(SMALL, SMALL.length + more.length);
    System.arraycopy(more, 0, all, SMALL.length, more.length);
    return all;
  }

  private byte[] dump(boolean timed, String... settings) throws IOException {
    Path dir = Files.createTempDirectory(folder, "made");
    try (Fixture fixture = new Fixture(with(with("dir", dir.toString(), settings)))) {
      LocalSession a = fixture.session();
      fill(a);
      if (timed) {
        say(a, "HPEXPIREAT", "hash", "4000000000000", "FIELDS", "2", "a", "b");
        say(a, "HPEXPIREAT", "many of a hash", "4000000000000", "FIELDS", "2", "field1", "field9");
      }
      assertThat(say(a, "SAVE")).isEqualTo("+OK");
    }
    return Files.readAllBytes(dir.resolve("dump.rdb"));
  }

  private static String[] with(String one, String other, String... more) {
    String[] all = Arrays.copyOf(more, more.length + 2);
    all[more.length] = one;
    all[more.length + 1] = other;
    return all;
  }

  /// Forms that no server of today writes.
  private static byte[] oldForms() {
    String[] forms = {
      "01 K 02 01 61 c0 05",
      "0a K 14 14000000 0f000000 0300 00 01 61 03 f6 02 c0 2c01 ff",
      "0e K 01 0e 0e000000 0a000000 0100 00 01 61 ff",
      "12 K 02 01 03 616263 02 0a 0a000000 0100 81 62 02 ff",
      "02 K 02 c0 01 c0 02",
      "0b K 0c 02000000 02000000 0100 0200",
      "03 K 02 01 61 03 312e35 01 62 fe",
      "05 K 01 01 61 000000000000f83f",
      "0c K 10 10000000 0d000000 0200 00 01 61 03 f2 ff",
      "04 K 01 01 61 01 62",
      "09 K 08 01 01 61 01 01 62 78 ff",
      "0d K 11 11000000 0d000000 0200 00 01 61 03 01 62 ff",
      "00 K c3 09 1e 016161e01100016161",
    };
    StringBuilder hex = new StringBuilder(HexFormat.of().formatHex("REDIS0009".getBytes(US)));
    hex.append("fe00 fb0d00");
    for (int i = 0; i < forms.length; i++) {
      hex.append(forms[i].replace("K", "02 6b" + HexFormat.of().toHexDigits((byte) ('a' + i))));
    }
    hex.append("ff 0000000000000000");
    return HexFormat.of().parseHex(hex.toString().replace(" ", ""));
  }

  // ── damage ──

  private static final int[] TELLING = {0, 1, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xc3, 0xfe, 0xff};

  private byte[] damaged(byte[] whole, byte[] other) {
    byte[] a = whole.clone();
    for (int n = 1 + random.nextInt(3); n > 0 && a.length > 1; n--) {
      int at = random.nextInt(a.length);
      int length = Math.min(a.length - at, 1 + random.nextInt(1 << random.nextInt(8)));
      switch (random.nextInt(8)) {
        case 0 -> a = Arrays.copyOf(a, at);
        case 1 -> a[at] = (byte) random.nextInt(256);
        case 2 -> a[at] ^= (byte) (1 << random.nextInt(8));
        case 3 -> a[at] = (byte) TELLING[random.nextInt(TELLING.length)];
        case 4 -> a = joined(a, at, new byte[0], at + length);
        case 5 -> a = joined(a, at, Arrays.copyOfRange(a, at, at + length), at);
        case 6 -> {
          int from = random.nextInt(other.length);
          int to = Math.min(other.length, from + length);
          byte[] piece = Arrays.copyOfRange(other, from, to);
          a = joined(a, at, piece, random.nextBoolean() ? at : at + length);
        }
        default -> a[at] += (byte) (random.nextInt(5) - 2);
      }
    }
    return a;
  }

  private static byte[] joined(byte[] a, int to, byte[] piece, int from) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(a, 0, to);
    out.writeBytes(piece);
    out.write(a, from, a.length - from);
    return out.toByteArray();
  }

  // ── a start ──

  /// Starts a server from a dump file. Returns whether it has started.
  private boolean startsFromDump(Path file, String when, String sums) throws IOException {
    byte[] before = Files.readAllBytes(file);
    String refusal = null;
    String log;
    try (Fixture fixture = new Fixture("dir", folder.toString(), "rdbchecksum", sums)) {
      try {
        fixture.load();
        use(fixture.session(), when);
      } catch (IOException refused) {
        refusal = refused.getMessage();
      }
      log = fixture.log();
    }
    if (refusal != null) {
      assertThat(refusal).as(when).contains("can't be loaded");
      assertThat(Arrays.equals(Files.readAllBytes(file), before)).as(when).isTrue();
    }
    saysItClearly(refusal, log, when);
    return refusal == null;
  }

  /// Starts a server from an append-only file. Returns whether it has started.
  private boolean startsFromLog(Path file, String when, String truncates) throws IOException {
    byte[] before = Files.readAllBytes(file);
    String refusal = null;
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    Config config =
        Config.of(
            "dir",
            folder.toString(),
            "appendonly",
            "yes",
            "save",
            "",
            "rdbchecksum",
            "no",
            "enable-debug-command",
            "yes",
            "aof-load-truncated",
            truncates);
    try (Server server = new Server(config, new Log(config, log), Clock.SYSTEM)) {
      server.startWithoutListening();
      try (LocalSession a = new LocalSession(server)) {
        use(a, when);
      }
    } catch (UncheckedIOException refused) {
      refusal = refused.getMessage();
      assertThat(Arrays.equals(Files.readAllBytes(file), before)).as(when).isTrue();
    }
    saysItClearly(refusal, log.toString(StandardCharsets.ISO_8859_1), when);
    return refusal == null;
  }

  private static void saysItClearly(String refusal, String log, String when) {
    assertThat(INSIDES.matcher(log).find()).as("%s: %s", when, log).isFalse();
    if (refusal != null) {
      assertThat(log).as(when).contains(" # ");
    }
  }

  /// What goes through all of the data.
  private static void use(LocalSession a, String when) {
    for (int database = 0; database < 16; database++) {
      ask(a, "SELECT", "" + database);
      assertThat(ask(a, "DEBUG", "DIGEST")[0]).as(when).isNotEqualTo((byte) '-');
      for (String key : names(ask(a, "KEYS", "*"))) {
        assertThat(ask(a, "DUMP", key)[0]).as(when).isEqualTo((byte) '$');
        assertThat(ask(a, "COPY", key, "a copy", "REPLACE")[0]).as(when).isNotEqualTo((byte) '-');
        assertThat(ask(a, "DEL", "a copy")[0]).as(when).isNotEqualTo((byte) '-');
      }
    }
  }

  /// The reply, which waits for the disk if that is at a sync.
  private static byte[] ask(LocalSession a, String... words) {
    byte[] got = a.run(words);
    return got.length == 0 ? a.await(20_000) : got;
  }

  private static List<String> names(byte[] reply) {
    String text = new String(reply, StandardCharsets.ISO_8859_1);
    List<String> names = new ArrayList<>();
    for (int at = text.indexOf("\r\n") + 2; at < text.length(); ) {
      int line = text.indexOf("\r\n", at);
      int length = Integer.parseInt(text, at + 1, line, 10);
      names.add(text.substring(line + 2, line + 2 + length));
      at = line + 4 + length;
    }
    return names;
  }

  @Test
  void aDumpFileThatIsDamagedIsLoadedOrRefused() throws IOException {
    List<byte[]> whole =
        List.of(
            dump(false, "rdb-version", "10"),
            dump(false, "rdb-version", "11", "maxmemory-policy", "allkeys-lru"),
            dump(false, "rdbcompression", "no", "maxmemory-policy", "allkeys-lfu"),
            dump(true),
            oldForms());
    Path file = folder.resolve("dump.rdb");
    for (byte[] each : whole) {
      Files.write(file, each);
      assertThat(startsFromDump(file, "undamaged", "yes")).isTrue();
    }
    int taken = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] one = whole.get(random.nextInt(whole.size()));
      byte[] bad = damaged(one, whole.get(random.nextInt(whole.size())));
      Files.write(file, bad);
      // most without a look at the checksum, which would be the end of nearly all
      String sums = random.nextInt(8) == 0 ? "yes" : "no";
      taken += startsFromDump(file, "seed " + seed + ", " + round, sums) ? 1 : 0;
    }
    assertThat(taken).as("taken, seed %d", seed).isPositive();
    assertThat(ROUNDS - taken).as("refused, seed %d", seed).isPositive();
  }

  @Test
  void anAppendOnlyFileThatIsDamagedIsLoadedOrRefused() throws IOException {
    List<List<byte[]>> whole = List.of(log("yes"), log("no"));
    for (List<byte[]> each : whole) {
      Path file = write(each, each == whole.get(1), 0, each.get(0));
      assertThat(startsFromLog(file, "undamaged", "no")).isTrue();
    }
    int taken = 0;
    for (int round = 0; round < ROUNDS; round++) {
      int form = random.nextInt(2);
      List<byte[]> one = whole.get(form);
      int which = random.nextInt(8) == 0 ? 0 : 1 + random.nextInt(2);
      byte[] bad = damaged(one.get(which), whole.get(random.nextInt(2)).get(which));
      Path file = write(one, form == 1, which, bad);
      String truncates = random.nextBoolean() ? "yes" : "no";
      taken += startsFromLog(file, "seed " + seed + ", " + round, truncates) ? 1 : 0;
    }
    assertThat(taken).as("taken, seed %d", seed).isPositive();
    assertThat(ROUNDS - taken).as("refused, seed %d", seed).isPositive();
  }

  /// Writes the three files of a log, one of them with other bytes. Returns which that is.
  private Path write(List<byte[]> log, boolean isText, int which, byte[] bytes) throws IOException {
    Path dir = Files.createDirectories(folder.resolve("appendonlydir"));
    try (Stream<Path> old = Files.list(dir)) {
      for (Path each : old.toList()) {
        Files.delete(each);
      }
    }
    String[] names = {"manifest", isText ? "1.base.aof" : "1.base.rdb", "1.incr.aof"};
    for (int i = 0; i < names.length; i++) {
      Files.write(dir.resolve("appendonly.aof." + names[i]), i == which ? bytes : log.get(i));
    }
    return dir.resolve("appendonly.aof." + names[which]);
  }

  /// Manifest, base and increment.
  private List<byte[]> log(String preamble) throws IOException {
    boolean isRdb = preamble.equals("yes");
    String base = "appendonly.aof.1.base." + (isRdb ? "rdb" : "aof");
    String manifest =
        "file " + base + " seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";
    byte[] commands;
    try (Fixture fixture = new Fixture(SMALL)) {
      LocalSession a = fixture.session();
      fill(a);
      say(a, "MULTI");
      say(a, "INCR", "number");
      say(a, "LPUSH", "list", "first");
      say(a, "EXEC");
      commands = fixture.recorded();
    }
    ByteArrayOutputStream increment = new ByteArrayOutputStream();
    increment.writeBytes("*2\r\n$8\r\nFUNCTION\r\n$5\r\nFLUSH\r\n".getBytes(US));
    increment.writeBytes("*1\r\n$8\r\nFLUSHALL\r\n".getBytes(US));
    increment.writeBytes(commands);
    return List.of(manifest.getBytes(US), isRdb ? dump(false) : commands, increment.toByteArray());
  }
}
