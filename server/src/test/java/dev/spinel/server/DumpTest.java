package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// DUMP and RESTORE as commands: options, errors, effects, events; and payloads that somebody has
/// tampered with.
class DumpTest {
  /// The payload alone.
  private static byte[] dump(LocalSession session, String key) {
    byte[] reply = session.run("DUMP", key);
    int from = 1;
    while (reply[from - 1] != '\n') from++;
    return Arrays.copyOfRange(reply, from, reply.length - 2);
  }

  private static String restore(LocalSession session, String key, byte[] payload, String... words) {
    List<String> all = new ArrayList<>(List.of("RESTORE", key));
    all.add(words.length == 0 ? "0" : words[0]);
    all.add(new String(payload, StandardCharsets.ISO_8859_1));
    for (int i = 1; i < words.length; i++) all.add(words[i]);
    return say(session, all.toArray(String[]::new));
  }

  private static byte[] signed(byte[] payload) {
    byte[] all = payload.clone();
    long crc = Crc.of(all, all.length - 8);
    for (int i = 0; i < 8; i++) all[all.length - 8 + i] = (byte) (crc >>> 8 * i);
    return all;
  }

  /// A payload of these bytes, in hexadecimal, of a version.
  private static byte[] payload(String hex, int version) {
    byte[] value = HexFormat.of().parseHex(hex.replace(" ", ""));
    byte[] all = Arrays.copyOf(value, value.length + 10);
    all[value.length] = (byte) version;
    return signed(all);
  }

  @Test
  void aKnownValueHasAKnownPayload() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "10");
      assertThat(HexFormat.of().formatHex(dump(a, "k"))).startsWith("00c00a0a00").hasSize(26);
      assertThat(say(a, "DUMP", "absent")).isEqualTo("$-1");
    }
  }

  @Test
  void theVersionIsASetting() {
    try (Fixture fixture = new Fixture("rdb-version", "11")) {
      LocalSession a = fixture.session();
      say(a, "SADD", "s", "a", "b");
      byte[] newer = dump(a, "s");
      assertThat(newer[0]).isEqualTo((byte) 20);
      assertThat(newer[newer.length - 10]).isEqualTo((byte) 11);
      say(a, "CONFIG", "SET", "rdb-version", "10");
      byte[] older = dump(a, "s");
      assertThat(older[0]).isEqualTo((byte) 2);
      assertThat(older[older.length - 10]).isEqualTo((byte) 10);
      assertThat(restore(a, "t", older)).isEqualTo("+OK");
      assertThat(restore(a, "u", newer)).isEqualTo("+OK");
      assertThat(say(a, "SINTERCARD", "2", "t", "u")).isEqualTo(":2");
    }
  }

  @Test
  void aKeyThatIsThereIsReplacedOnlyIfAsked() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "value");
      byte[] payload = dump(a, "k");
      say(a, "RPUSH", "l", "1");
      assertThat(restore(a, "l", payload)).isEqualTo("-BUSYKEY Target key name already exists.");
      assertThat(restore(a, "l", payload, "0", "replace")).isEqualTo("+OK");
      assertThat(say(a, "GET", "l")).isEqualTo("$5 value");
    }
  }

  @Test
  void errorsComeInRedissOrder() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "value");
      byte[] payload = dump(a, "k");
      byte[] bad = payload.clone();
      bad[2] ^= 1;
      assertThat(restore(a, "k", bad, "x", "XX")).isEqualTo("-ERR syntax error");
      assertThat(restore(a, "k", bad, "x", "IDLETIME")).isEqualTo("-ERR syntax error");
      assertThat(restore(a, "k", bad, "x", "IDLETIME", "-1"))
          .isEqualTo("-ERR Invalid IDLETIME value, must be >= 0");
      assertThat(restore(a, "k", bad, "x", "FREQ", "256"))
          .isEqualTo("-ERR Invalid FREQ value, must be >= 0 and <= 255");
      assertThat(restore(a, "k", bad, "x", "FREQ", "2", "IDLETIME", "1"))
          .isEqualTo("-ERR syntax error");
      assertThat(restore(a, "k", bad, "x")).startsWith("-BUSYKEY");
      assertThat(restore(a, "n", bad, "x"))
          .isEqualTo("-ERR value is not an integer or out of range");
      assertThat(restore(a, "n", bad, "-1")).isEqualTo("-ERR Invalid TTL value, must be >= 0");
      assertThat(restore(a, "n", bad)).isEqualTo("-ERR DUMP payload version or checksum are wrong");
      assertThat(restore(a, "n", new byte[9]))
          .isEqualTo("-ERR DUMP payload version or checksum are wrong");
      assertThat(restore(a, "n", payload("00 01 61", 13)))
          .isEqualTo("-ERR DUMP payload version or checksum are wrong");
      assertThat(restore(a, "n", payload("00 01 61", 12))).isEqualTo("+OK");
      assertThat(restore(a, "m", payload("00 02 61", 9))).isEqualTo("-ERR Bad data format");
      assertThat(restore(a, "m", payload("00 01 61 61", 9))).isEqualTo("-ERR Bad data format");
      assertThat(restore(a, "m", payload("08 01 61", 9))).isEqualTo("-ERR Bad data format");
      assertThat(restore(a, "m", payload("ff 01 61", 9))).isEqualTo("-ERR Bad data format");
      String twice =
          "10 17 17000000 0400 826100 03 826200 03 826100 03 826400 03 ff"; // the field a
      say(a, "CONFIG", "SET", "loglevel", "verbose");
      assertThat(restore(a, "m", payload(twice, 10))).isEqualTo("-ERR Bad data format");
      assertThat(fixture.log()).contains("listpack with dup elements");
    }
  }

  @Test
  void aTimeBecomesAbsoluteInTheEffect() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      byte[] payload = payload("00 01 61", 10);
      restore(a, "k", payload, "1000", "FREQ", "7");
      assertThat(say(a, "PTTL", "k")).isEqualTo(":1000");
      long at = fixture.clock.millis() + 1000;
      assertThat(fixture.effects())
          .startsWith("*2 $6 SELECT $1 0 *7 $7 RESTORE $1 k $13 " + at + " $13 ")
          .endsWith("$4 FREQ $1 7 $6 ABSTTL");
      restore(a, "j", payload, Long.toString(at), "ABSTTL");
      assertThat(say(a, "PEXPIRETIME", "j")).isEqualTo(":" + at);
      assertThat(fixture.effects()).endsWith("$6 ABSTTL");
    }
  }

  @Test
  void whatHasExpiredAlreadyOnlyDeletes() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      byte[] payload = payload("00 01 61", 10);
      assertThat(restore(a, "k", payload, "1", "ABSTTL")).isEqualTo("+OK");
      assertThat(say(a, "EXISTS", "k")).isEqualTo(":0");
      assertThat(fixture.effects()).isEmpty();
      say(a, "SET", "k", "1");
      assertThat(restore(a, "k", payload, "1", "ABSTTL", "REPLACE")).isEqualTo("+OK");
      assertThat(say(a, "EXISTS", "k")).isEqualTo(":0");
      assertThat(fixture.effects()).endsWith("*2 $3 DEL $1 k");
      assertThat(restore(a, "k", payload("04 00", 10), "1", "ABSTTL"))
          .isEqualTo("-ERR Bad data format");
    }
  }

  @Test
  void theUseOfAKeyComesWithIt() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      byte[] payload = payload("00 01 61", 10);
      restore(a, "k", payload, "0", "IDLETIME", "1234");
      assertThat(say(a, "OBJECT", "IDLETIME", "k")).isEqualTo(":1234");
      restore(a, "k", payload, "0", "REPLACE", "IDLETIME", Long.toString(Long.MAX_VALUE));
      assertThat(say(a, "OBJECT", "IDLETIME", "k")).startsWith(":");
      say(a, "CONFIG", "SET", "maxmemory-policy", "allkeys-lfu");
      restore(a, "f", payload, "0", "FREQ", "99");
      assertThat(say(a, "OBJECT", "FREQ", "f")).isEqualTo(":99");
    }
  }

  @Test
  void restoringNotifies() {
    try (Fixture fixture = new Fixture("notify-keyspace-events", "KEA")) {
      LocalSession a = fixture.session();
      LocalSession listener = fixture.session();
      listener.run("PSUBSCRIBE", "*");
      restore(a, "k", payload("00 01 61", 10));
      assertThat(text(listener.await(10_000))).contains("__keyspace@0__:k $7 restore");
    }
  }

  /// As a real server wrote it, without what was added since.
  private static final String OLD_STREAM =
      "0f 01 10 00000000000000010000000000000001 29"
          + " 290000000f000201000101018161020001020100010001816202040102010101dfff028163020401ff 02"
          + " 0200 0101670101"
          + " 0100000000000000010000000000000001619bb42da20100000101026d65619bb42da20100000100000000000000010000000000000001";

  /// Every old and every new form, from files of versions 1 to 12.
  @Test
  void olderFormsAreRead() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      String[][] forms = {
        // list: strings
        {"01 02 01 61 c0 05", "LRANGE k 0 -1", "*2 $1 a $1 5"},
        // list: a ziplist of "a", 5, 300
        {
          "0a 14 14000000 0f000000 0300 00 01 61 03 f6 02 c0 2c01 ff",
          "LRANGE k 0 -1",
          "*3 $1 a $1 5 $3 300"
        },
        // list: a quicklist of ziplists
        {"0e 01 0e 0e000000 0a000000 0100 00 01 61 ff", "LRANGE k 0 -1", "*1 $1 a"},
        // list: a plain node and a listpack
        {"12 02 01 03 616263 02 0a 0a000000 0100 81 62 02 ff", "LRANGE k 0 -1", "*2 $3 abc $1 b"},
        // set: strings
        {"02 02 c0 01 c0 02", "SMEMBERS k", "*2 $1 1 $1 2"},
        // set: an intset
        {"0b 0c 02000000 02000000 0100 0200", "SMEMBERS k", "*2 $1 1 $1 2"},
        // set: a listpack
        {"14 0a 0a000000 0100 81 62 02 ff", "SMEMBERS k", "*1 $1 b"},
        // sorted set: scores as text, the last infinite
        {
          "03 02 01 61 03 312e35 01 62 fe", "ZRANGE k 0 -1 WITHSCORES", "*4 $1 a $3 1.5 $1 b $3 inf"
        },
        // sorted set: scores as doubles
        {"05 01 01 61 000000000000f83f", "ZRANGE k 0 -1 WITHSCORES", "*2 $1 a $3 1.5"},
        // sorted set: a ziplist
        {"0c 10 10000000 0d000000 0200 00 01 61 03 f2 ff", "ZSCORE k a", "$1 1"},
        // sorted set: a listpack
        {"11 0c 0c000000 0200 81 61 02 01 01 ff", "ZSCORE k a", "$1 1"},
        // hash: strings
        {"04 01 01 61 01 62", "HGETALL k", "*2 $1 a $1 b"},
        // hash: a zipmap, with a free byte behind the value
        {"09 08 01 01 61 01 01 62 78 ff", "HGETALL k", "*2 $1 a $1 b"},
        // hash: a ziplist
        {"0d 11 11000000 0d000000 0200 00 01 61 03 01 62 ff", "HGETALL k", "*2 $1 a $1 b"},
        // hash: a listpack
        {"10 0d 0d000000 0200 81 61 02 81 62 02 ff", "HGETALL k", "*2 $1 a $1 b"},
        // hash: with times, none of which is set
        {"18 0000000000000000 01 00 01 61 01 62", "HGETALL k", "*2 $1 a $1 b"},
        {
          "19 0000000000000000 0f 0f000000 0300 81 61 02 81 62 02 00 01 ff",
          "HGETALL k",
          "*2 $1 a $1 b"
        },
        // a stream before 7.0, with a group: what isn't in it is worked out
        {OLD_STREAM, "XRANGE k - +", "*2 *2 $3 1-1 *2 $1 a $1 b *2 $3 2-0 *2 $1 a $1 c"},
        {
          OLD_STREAM,
          "XINFO GROUPS k",
          "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :1 $17 last-delivered-id $3 1-1"
              + " $12 entries-read :1 $3 lag :1"
        },
        // a string compressed
        {"00 c3 09 1e 016161e01100016161", "GET k", "$30 " + "a".repeat(30)},
      };
      for (String[] form : forms) {
        assertThat(restore(a, "k", payload(form[0], 9), "0", "REPLACE"))
            .as(form[0])
            .isEqualTo("+OK");
        assertThat(say(a, form[1].split(" "))).as(form[0]).isEqualTo(form[2]);
        assertThat(restore(a, "copy", dump(a, "k"), "0", "REPLACE")).as(form[0]).isEqualTo("+OK");
        assertThat(say(a, "DEBUG", "DIGEST-VALUE", "copy"))
            .isEqualTo(say(a, "DEBUG", "DIGEST-VALUE", "k"));
      }
    }
  }

  @Test
  void whatIsNotValidIsRefused() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      String[] forms = {
        "01 00", // no elements
        "02 02 01 61 01 61", // a member twice
        "04 02 01 61 01 62 01 61 01 63", // a field twice
        "05 01 01 61 000000000000f87f", // NaN
        "03 01 01 61 fd", // NaN
        "03 01 01 61 01 78", // a score "x"
        "0b 0c 02000000 02000000 0200 0100", // an intset that descends
        "0b 0c 02000000 02000000 0100 0100", // an integer twice
        "0b 0c 03000000 02000000 0100 0200", // of no width
        "0b 08 02000000 00000000", // empty
        "10 0a 0a000000 0100 81 61 02 ff", // a field without a value
        "10 0d 0d000000 0300 81 61 02 81 62 02 ff", // another number of elements
        "10 0d 0d000000 0200 81 61 03 81 62 02 ff", // a wrong length backwards
        "10 0d 0e000000 0200 81 61 02 81 62 02 ff", // another length
        "10 0d 0d000000 0200 81 61 02 81 62 02 fe", // no end
        "10 13 13000000 0400 81 61 02 81 62 02 81 61 02 81 62 02 ff", // a field twice
        "14 0d 0d000000 0200 81 61 02 81 61 02 ff", // a member twice
        "14 0f 0f000000 0200 05 01 f1 0500 03 81 61 02 ff", // too short for what it says
        "11 11 11000000 0400 81 62 02 02 01 81 61 02 01 01 ff", // not in order
        "12 01 03 01 61", // a node of no kind
        "12 01 02 07 07000000 0000 ff", // a list of nothing
        "0a 0e 0e000000 0b000000 0100 00 01 61 ff", // the last one elsewhere
        "0a 0e 0e000000 0a000000 0100 01 01 61 ff", // a wrong length before
        "00 c3 09 1f 016161e01100016161", // too few compressed bytes
        "00 c3 03 85 00 00 00 ff 016161", // more than they can stand for
        "00 c5 01", // a string of no encoding
        "00 82 01", // no length
        "00 81 ffffffffffffffff", // a length of 2^64 - 1
        "02 81 7fffffffffffffff 01 61", // so many members
        "0f 01", // a stream without its end
        "07 81 0000000000000000 00", // a module's
        "18 0000000000000001 01 02 01 61 01 62", // a field that expires
      };
      for (String form : forms) {
        assertThat(restore(a, "k", payload(form, 11))).as(form).isEqualTo("-ERR Bad data format");
      }
      assertThat(say(a, "DBSIZE")).isEqualTo(":0");
    }
  }

  /// One entry `f v` of id 1-1, as a block.
  private static final String BLOCK =
      "1d000000 0a00 0101 0001 0101 816602 0001 0201 0001 0001 817602 0401 ff";

  private static final String BLOCK_ID = "10 0000000000000001 0000000000000001";

  /// What comes behind the block: length, last, first and greatest deleted id, added.
  private static final String FACTS = "01 0101 0101 0000 01";

  private static String stream(String id, String block, String behind) {
    int bytes = block.replace(" ", "").length() / 2;
    return "13 01 " + id + " %02x ".formatted(bytes) + block + " " + behind;
  }

  @Test
  void aStreamThatIsntWhatItSaysIsRefused() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      String pending = "0000000000000001 0000000000000001 0100000000000000 01";
      String id = "0000000000000001 0000000000000001";
      String group = "01 0167 0101 01 ";
      String[] good = {
        "13 00 00 0000 0000 0000 00 00", // empty
        "0f 00 00 0000 00",
        stream(BLOCK_ID, BLOCK, FACTS + "00"),
        stream(
            BLOCK_ID, BLOCK, FACTS + group + "01" + pending + "01 0163 0100000000000000 01" + id),
      };
      for (String form : good) {
        assertThat(restore(a, "k", payload(form, 11), "0", "REPLACE")).as(form).isEqualTo("+OK");
        use(a, new Random(1), 1);
      }
      say(a, "FLUSHALL");
      String[] bad = {
        stream("02 6161", BLOCK, FACTS + "00"), // an id of two bytes
        stream(BLOCK_ID, BLOCK.replace("0a00", "0b00"), FACTS + "00"), // too few elements
        stream(BLOCK_ID, BLOCK.replace("0a00 0101", "0a00 0201"), FACTS + "00"), // entries
        stream(BLOCK_ID, BLOCK.replace("0101 0001 0101 81", "0101 0101 0101 81"), FACTS + "00"),
        stream(BLOCK_ID, BLOCK.replace("0001 0201", "0101 0201"), FACTS + "00"), // its master's end
        stream(BLOCK_ID, BLOCK.replace("0201 0001", "0801 0001"), FACTS + "00"), // flags
        stream(BLOCK_ID, BLOCK.replace("0201 0001", "0301 0001"), FACTS + "00"), // it is deleted
        stream(BLOCK_ID, BLOCK.replace("0401 ff", "0501 ff"), FACTS + "00"), // the way back
        stream(BLOCK_ID, BLOCK.replace("0101 816602", "0201 816602"), FACTS + "00"), // fields
        stream(BLOCK_ID, BLOCK.replace("0101 816602", "df7f03 816602"), FACTS + "00"),
        stream(BLOCK_ID, "12000000 0500 0001 0001 0101 816602 0001 ff", "00 0101 0000 0000 01 00"),
        stream(BLOCK_ID, BLOCK, "02 0101 0101 0000 01 00"), // two entries
        stream(BLOCK_ID, BLOCK, "01 0100 0101 0000 01 00"), // a last id before it
        stream(BLOCK_ID, BLOCK, FACTS + group + "01" + pending + "00"), // nobody's
        stream(BLOCK_ID, BLOCK, FACTS + group + "02" + pending + pending + "00"), // twice
        stream(BLOCK_ID, BLOCK, FACTS + group + "00 01 0163 0100000000000000 01" + id),
        stream(
            BLOCK_ID,
            BLOCK,
            FACTS
                + group
                + "01"
                + pending
                + "02 0163 0100000000000000 01"
                + id
                + "0164 0100000000000000 01"
                + id), // two consumers'
        stream(BLOCK_ID, BLOCK, FACTS + "02 0167 0101 01 00 00 0167 0101 01 00 00"),
        stream(
            BLOCK_ID,
            BLOCK,
            FACTS
                + group
                + "00 02 0163 0100000000000000 00 0163 0100000000000000 00"), // of one name
        "13 02 "
            + BLOCK_ID
            + " 1d "
            + BLOCK
            + BLOCK_ID
            + " 1d "
            + BLOCK
            + "02 0101 0101 0000 02 00",
        stream(BLOCK_ID, BLOCK, FACTS + "81ffffffffffffffff"), // so many groups
        "13 81 7fffffffffffffff " + BLOCK_ID,
      };
      for (String form : bad) {
        assertThat(restore(a, "k", payload(form, 11))).as(form).isEqualTo("-ERR Bad data format");
      }
      assertThat(say(a, "DBSIZE")).isEqualTo(":0");
    }
  }

  /// Payloads of all encodings with some bytes changed, cut or repeated: never a bug, never a leak
  /// (the fixture counts), and what is taken is a value that all commands can work with.
  @Test
  void tamperedPayloadsAreRefusedOrValid() {
    long seed = Long.getLong("spinel.seed", 1);
    Random random = new Random(seed);
    try (Fixture fixture = new Fixture("rdb-version", "11")) {
      LocalSession a = fixture.session();
      List<byte[]> payloads = new ArrayList<>();
      for (String[] command : values(random)) {
        say(a, command);
        payloads.add(dump(a, command[1]));
      }
      for (int i = 1; i < 40; i++) say(a, "XADD", "x", i + "-" + i, "f" + i % 2, "v" + i);
      say(a, "XDEL", "x", "7-7", "9-9");
      payloads.add(dump(a, "x"));
      say(a, "XGROUP", "CREATE", "x", "g", "0");
      say(a, "XREADGROUP", "GROUP", "g", "c", "COUNT", "5", "STREAMS", "x", ">");
      payloads.add(dump(a, "x"));
      for (String hash : new String[] {"h", "HSET-many"}) {
        say(a, "HPEXPIREAT", hash, "4000000000000", "FIELDS", "3", "a", "m2", "m4");
        say(a, "HPEXPIREAT", hash, "4000000000077", "FIELDS", "3", "b", "m8", "m6");
        payloads.add(dump(a, hash));
      }
      say(a, "FLUSHALL");
      int taken = 0;
      int refused = 0;
      long end = System.nanoTime() + 3_000_000_000L;
      while (System.nanoTime() < end) {
        byte[] payload = tampered(payloads.get(random.nextInt(payloads.size())), random);
        String reply = restore(a, "k", signed(payload), "0", "REPLACE");
        if (reply.equals("+OK")) {
          taken++;
          use(a, random, seed);
        } else {
          assertThat(reply).as("seed %d", seed).isEqualTo("-ERR Bad data format");
          refused++;
        }
      }
      assertThat(taken).as("taken").isPositive();
      assertThat(refused).as("refused").isPositive();
    }
  }

  private static List<String[]> values(Random random) {
    List<String[]> all = new ArrayList<>();
    String run = "ab".repeat(60);
    all.add(new String[] {"SET", "s", run});
    all.add(new String[] {"RPUSH", "l", "1", "-300", "70000", run, "x", "9999999999"});
    all.add(new String[] {"SADD", "i", "1", "2", "70000"});
    all.add(new String[] {"SADD", "p", "1", "a", "bb", run.substring(0, 60)});
    all.add(new String[] {"HSET", "h", "a", "1", "b", "22222", "c", run.substring(0, 50)});
    all.add(new String[] {"ZADD", "z", "1", "a", "1.5", "b", "-inf", "c", "99999", "d"});
    for (String command : new String[] {"SADD", "HSET", "ZADD", "RPUSH"}) {
      String[] many = new String[2 + 1200];
      many[0] = command;
      many[1] = command + "-many";
      for (int i = 2; i < many.length; i++) {
        boolean isScore = command.equals("ZADD") && i % 2 == 0;
        many[i] = isScore ? "" + random.nextInt(100) : "m" + i + "x".repeat(i % 20);
      }
      all.add(many);
    }
    return all;
  }

  private static byte[] tampered(byte[] of, Random random) {
    byte[] a = of.clone();
    int body = a.length - 10;
    for (int n = 1 + random.nextInt(3); n > 0; n--) {
      int at = random.nextInt(Math.min(body, 1 + random.nextInt(60)) + 0);
      switch (random.nextInt(4)) {
        case 0 -> a[at] = (byte) random.nextInt(256);
        case 1 -> a[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> a[random.nextInt(body)] += (byte) (random.nextInt(5) - 2);
        default -> {
          int cut = 1 + random.nextInt(Math.max(1, Math.min(8, body - at)));
          if (body - cut < 2) continue;
          byte[] shorter = new byte[a.length - cut];
          System.arraycopy(a, 0, shorter, 0, Math.min(at, shorter.length));
          System.arraycopy(a, at + cut, shorter, at, shorter.length - at);
          a = shorter;
          body = a.length - 10;
        }
      }
    }
    return a;
  }

  /// What goes through all of a value, and changes it.
  private static void use(LocalSession a, Random random, long seed) {
    String type = say(a, "TYPE", "k").substring(1);
    String[] commands =
        switch (type) {
          case "string" -> new String[] {"STRLEN k", "APPEND k x", "SETRANGE k 2 yy"};
          case "list" -> new String[] {"LRANGE k 0 -1", "LREM k 0 x", "RPUSH k 5", "LPOP k"};
          case "set" -> new String[] {"SMEMBERS k", "SADD k 7 new", "SREM k 1 a", "SPOP k"};
          case "stream" ->
              new String[] {
                "XRANGE k - +",
                "XREVRANGE k + -",
                "XINFO STREAM k FULL",
                "XREADGROUP GROUP g d STREAMS k >",
                "XAUTOCLAIM k g d 0 0",
                "XDEL k 5-5",
                "XTRIM k MAXLEN 3",
                "XACK k g 2-2 3-3"
              };
          case "hash" -> new String[] {"HGETALL k", "HSET k a 2 new 3", "HDEL k b"};
          default -> new String[] {"ZRANGE k 0 -1 WITHSCORES", "ZADD k 3 a 4 new", "ZREM k b"};
        };
    for (String command : commands) {
      String reply = say(a, command.split(" "));
      if (random.nextInt(8) == 0) assertThat(reply).as("seed %d", seed).doesNotStartWith("-ERR");
    }
    if (random.nextInt(4) == 0 && say(a, "EXISTS", "k").equals(":1")) {
      byte[] again = dump(a, "k");
      assertThat(restore(a, "other", again, "0", "REPLACE")).as("seed %d", seed).isEqualTo("+OK");
      assertThat(say(a, "DEBUG", "DIGEST-VALUE", "other"))
          .as("seed %d", seed)
          .isEqualTo(say(a, "DEBUG", "DIGEST-VALUE", "k"));
    }
  }

  /// The checksum as its definition says, bit by bit.
  private static final class Crc {
    static long of(byte[] a, int n) {
      long crc = 0;
      for (int i = 0; i < n; i++) {
        crc ^= a[i] & 0xff;
        for (int bit = 0; bit < 8; bit++) {
          crc = (crc & 1) != 0 ? crc >>> 1 ^ 0x95ac9329ac4bc9b5L : crc >>> 1;
        }
      }
      return crc;
    }
  }
}
