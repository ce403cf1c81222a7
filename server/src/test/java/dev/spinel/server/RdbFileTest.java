package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.RealRedis;
import dev.spinel.keyspace.AwaitedSink;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.observe.Digest;
import dev.spinel.rdb.EncodingLimits;
import dev.spinel.rdb.RdbException;
import dev.spinel.rdb.RdbInput;
import dev.spinel.rdb.RdbReader;
import dev.spinel.rdb.RdbWriter;
import dev.spinel.rdb.ValueReader;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Place;
import dev.spinel.value.SetValue;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole RDB files: what a snapshot writes step by step, another server reads, ours or a real one.
class RdbFileTest {
  private static final EncodingLimits LIMITS =
      new EncodingLimits(512, 64, new SetValue.Thresholds(512, 128, 64), 128, 64, -2);

  // ── writing and reading ──

  /// A file of all data, each value written in steps of `budget` bytes.
  private static byte[] write(LocalSession session, int version, boolean compressing, int budget) {
    return write(session, version, compressing, budget, seat -> {});
  }

  /// The same; `atCut` runs while the world stands still.
  private static byte[] write(
      LocalSession session, int version, boolean compressing, int budget, Consumer<Seat> atCut) {
    Keyspace keyspace = session.server().engine.keyspace;
    var bytes = new ByteArrayOutputStream();
    new AwaitedSink() {
      private RdbWriter writer;

      @Override
      public void cut(Seat seat) {
        atCut.accept(seat);
        writer = new RdbWriter(seat.values, bytes::write, version, compressing, true);
        writer.aux("redis-ver", "7.2.6");
        writer.aux("redis-bits", 64);
      }

      @Override
      public void database(int number) {
        writer.database(number, 1, 0);
      }

      @Override
      public void entry(long entry, long expiry) {
        writer.begin(entry, expiry);
      }

      @Override
      public boolean more() {
        return writer.more(budget);
      }

      @Override
      public void open(long entry, long expiry, long count, boolean isTimed) {
        writer.open(entry, expiry, count, isTimed);
      }

      @Override
      public void field(long field) {
        writer.field(field);
      }

      @Override
      public void close() {}

      @Override
      public void ended(Throwable failure) {
        if (failure == null) {
          writer.end();
        }
        super.ended(failure);
      }
    }.take(keyspace);
    return bytes.toByteArray();
  }

  /// A source that gives what it has in small pieces.
  private static RdbInput input(byte[] file, boolean isLengthKnown) {
    int[] at = {0};
    Random random = new Random(3);
    return new RdbInput()
        .open(
            (to, from, n) -> {
              int piece = Math.min(Math.min(n, file.length - at[0]), 1 + random.nextInt(5_000));
              if (piece == 0) {
                return -1;
              }
              System.arraycopy(file, at[0], to, from, piece);
              at[0] += piece;
              return piece;
            },
            isLengthKnown ? file.length : RdbInput.UNKNOWN,
            true);
  }

  /// Loads a file as a loader would: values of up to `batch` bytes are skimmed and then decoded
  /// from an array, larger ones from the stream.
  private static RdbReader load(LocalSession session, byte[] file, int batch) {
    RdbReader[] reader = new RdbReader[1];
    RdbException[] failed = new RdbException[1];
    Fixture.inStoppedWorld(
        session,
        () -> {
          try {
            reader[0] = new RdbReader(input(file, batch % 2 == 0));
            Seat seat = session.dispatcher().seat();
            load(session.server().engine.keyspace, seat, reader[0], batch);
          } catch (RdbException e) {
            failed[0] = e;
          }
        });
    if (failed[0] != null) {
      throw failed[0];
    }
    return reader[0];
  }

  private static void load(Keyspace keyspace, Seat seat, RdbReader file, int batch) {
    ValueReader values = new ValueReader(seat.values);
    RdbInput slice = new RdbInput();
    Dictionary dictionary = seat.values.dictionary();
    int number = 0;
    for (RdbReader.Part part = file.next(); part != RdbReader.Part.END; part = file.next()) {
      if (part == RdbReader.Part.DATABASE) {
        number = (int) file.number();
      } else if (part == RdbReader.Part.KEY) {
        Slice key = file.key();
        long entry;
        if (file.skim(batch)) {
          assertThat(file.payloadBytes()).isLessThanOrEqualTo(batch);
          slice.open(file.payload(), file.payloadFrom(), file.payloadBytes(), file.valueOffset());
          entry = values.read(file.type(), key, file.expiry(), LIMITS, slice);
          assertThat(slice.offset()).isEqualTo(file.offset());
        } else {
          entry = file.value(values, key, LIMITS);
        }
        Database database = keyspace.database(number);
        int slot = KeySlot.of(key);
        Place place = new Place();
        dictionary.find(database.headerForWrite(seat, slot), dictionary.hash(key), key, place);
        dictionary.insert(place, entry);
      }
    }
  }

  // ── data ──

  private static String text(Random random, int length) {
    StringBuilder text = new StringBuilder();
    while (text.length() < length) {
      String piece = random.nextBoolean() ? "ab" : Integer.toString(random.nextInt(), 36);
      text.append(piece.repeat(1 + random.nextInt(9)));
    }
    text.setLength(length);
    return text.toString();
  }

  /// Hashes with fields that expire, small and large, of all sorts.
  private static void fillTimed(LocalSession a) {
    for (String size : new String[] {"1", "9", "700"}) {
      String hash = "timed" + size;
      for (int i = 0; i < Integer.parseInt(size); i++) {
        say(a, "HSET", hash, "f" + i, "v" + i);
        if (i % 3 == 0) {
          say(a, "HPEXPIREAT", hash, "" + (4_000_000_000_000L - 1000 * i), "FIELDS", "1", "f" + i);
        }
      }
    }
    say(a, "HSET", "once", "a", "1", "b", "2");
    say(a, "HPEXPIREAT", "once", "4000000000000", "FIELDS", "1", "a");
    say(a, "HPERSIST", "once", "FIELDS", "1", "a");
    say(a, "PEXPIREAT", "timed9", "33177117420124");
  }

  private static String times(LocalSession a) {
    StringBuilder times = new StringBuilder();
    for (String key : new String[] {"timed1", "timed9", "timed700", "once"}) {
      times.append(key).append(' ');
      for (int i = 0; i < 10; i++) {
        times.append(say(a, "HPEXPIRETIME", key, "FIELDS", "2", "f" + i, "a")).append(' ');
      }
    }
    return times.toString();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 100, 65536})
  void fieldsThatExpireComeBackFromAFile(int budget) {
    try (Fixture one = new Fixture();
        Fixture other = Fixture.unread()) {
      LocalSession a = one.session();
      LocalSession b = other.session();
      fillTimed(a);
      byte[] file = write(a, 12, true, budget);
      RdbReader read = load(b, file, 1000);
      assertThat(read.version()).isEqualTo(12);
      assertThat(other.digest(b)).isEqualTo(one.digest(a));
      assertThat(times(b)).isEqualTo(times(a));
      assertThat(say(b, "OBJECT", "ENCODING", "timed9")).isEqualTo("$10 listpackex");
      assertThat(say(b, "OBJECT", "ENCODING", "timed700")).isEqualTo("$9 hashtable");
    }
  }

  /// `REDIS8_SERVER` names it: no package manager has one for every machine.
  @Test
  void aRealServerOf8AndWeReadEachOthersFiles() throws Exception {
    String binary = System.getenv("REDIS8_SERVER");
    Assumptions.assumeTrue(binary != null, "no redis-server 8 to compare with");
    Path directory = Files.createTempDirectory("rdb");
    try (Fixture fixture = new Fixture();
        Fixture other = Fixture.unread()) {
      LocalSession a = fixture.session();
      fillTimed(a);
      fill(a, new Random(8));
      Files.write(directory.resolve("dump.rdb"), write(a, 12, true, 5_000));
      int port = RealRedis.freePort();
      List<String> settings =
          List.of("--port", "" + port, "--save", "", "--enable-debug-command", "yes");
      try (RealRedis real = RealRedis.start(Path.of(binary), directory, port, "", settings)) {
        assertThat(real.answers()).as(real.errorOutput()).isTrue();
        await().until(() -> !real.call("DBSIZE").toString().contains("LOADING"));
        assertThat(real.call("DBSIZE").toString()).isEqualTo(say(a, "DBSIZE").substring(1));
        assertThat(real.call("DEBUG", "DIGEST")).isEqualTo(fixture.digest(a));
        assertThat(real.call("HPEXPIRETIME", "timed700", "FIELDS", "2", "f3", "f4").toString())
            .isEqualTo("[3999999997000, -1]");
        real.call("SAVE");
        byte[] file = Files.readAllBytes(directory.resolve("dump.rdb"));
        LocalSession b = other.session();
        assertThat(load(b, file, 10_000).version()).isEqualTo(12);
        assertThat(other.digest(b)).isEqualTo(fixture.digest(a));
      }
    }
  }

  private static void fill(LocalSession a, Random random) {
    for (int i = 0; i < 200; i++) {
      say(a, "SET", "string" + i, text(random, random.nextInt(200)));
      say(a, "SET", "" + i * 1_000_003, "" + random.nextInt());
    }
    say(a, "SET", "large", text(random, 700_000));
    say(a, "SET", "compressible", "x".repeat(400_000));
    say(a, "PEXPIREAT", "large", "33177117420123");
    for (String size : new String[] {"5", "60", "3000"}) {
      for (int i = 0; i < Integer.parseInt(size); i++) {
        String v = text(random, random.nextInt(70));
        say(a, "RPUSH", "list" + size, v);
        say(a, "SADD", "set" + size, v);
        say(a, "SADD", "ints" + size, "" + i * 7);
        say(a, "HSET", "hash" + size, "f" + i, v);
        say(a, "ZADD", "zset" + size, "" + random.nextGaussian(), v + i);
      }
    }
    for (int i = 1; i < 700; i++) {
      say(a, "XADD", "stream", i + "-" + i, "f" + i % 40 / 39, text(random, random.nextInt(70)));
    }
    say(a, "XADD", "stream", "2000-1", "f", text(random, 1_500_000), "g", "1");
    for (String group : new String[] {"g", "h", text(random, 300)}) {
      say(a, "XGROUP", "CREATE", "stream", group, "0");
      for (String c : new String[] {"c", "-77", text(random, 100)}) {
        say(a, "XREADGROUP", "GROUP", group, c, "COUNT", "200", "STREAMS", "stream", ">");
      }
    }
    say(a, "XDEL", "stream", "5-5", "77-77", "699-699");
    say(a, "RPUSH", "list5", text(random, 100_000), "small", text(random, 300_000));
    say(a, "HSET", "hash60", "large", text(random, 200_000));
    say(a, "PEXPIREAT", "hash3000", "33177117420124");
    say(a, "SELECT", "3");
    say(a, "SET", "elsewhere", "1");
    say(a, "SELECT", "0");
  }

  // ── tests ──

  @ParameterizedTest
  @CsvSource({"10, true, 100, 1000", "11, true, 1, 64", "11, false, 65536, 100001"})
  void whatASnapshotWritesInStepsAnotherServerReads(
      int version, boolean compressing, int budget, int batch) {
    try (Fixture one = new Fixture();
        Fixture other = Fixture.unread()) {
      LocalSession a = one.session();
      LocalSession b = other.session();
      fill(a, new Random(5));
      byte[] file = write(a, version, compressing, budget);
      RdbReader read = load(b, file, batch);
      assertThat(read.version()).isEqualTo(version);
      assertThat(read.checksum()).isEqualTo(RdbReader.Checksum.EQUAL);
      assertThat(read.offset()).isEqualTo(file.length);
      assertThat(other.digest(b)).isEqualTo(one.digest(a));
      for (String told : new String[] {"XINFO GROUPS stream", "XINFO STREAM stream FULL COUNT 0"}) {
        String[] words = told.split(" ");
        assertThat(say(b, words).replaceAll("active-time :[0-9]+", ""))
            .isEqualTo(say(a, words).replaceAll("active-time :[0-9]+", ""));
      }
      assertThat(say(b, "PEXPIRETIME", "large")).isEqualTo(":33177117420123");
      for (String key : new String[] {"set5", "set60", "list5", "hash60", "zset60", "ints3000"}) {
        assertThat(say(b, "OBJECT", "ENCODING", key))
            .as(key)
            .isEqualTo(say(a, "OBJECT", "ENCODING", key));
      }
    }
  }

  @Test
  void stepsDontChangeWhatIsWritten() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      fill(a, new Random(6));
      assertThat(write(a, 11, true, 7)).isEqualTo(write(a, 11, true, Integer.MAX_VALUE));
    }
  }

  /// The seat is left in the middle of strings and lists, while others write to them.
  @Test
  void aFileThatIsWrittenBesideWritersIsTheDataAtItsCut() throws Exception {
    try (Fixture one = new Fixture();
        Fixture other = Fixture.unread()) {
      LocalSession a = one.session();
      LocalSession b = other.session();
      fill(a, new Random(11));
      AtomicBoolean stop = new AtomicBoolean();
      Crowd writers = new Crowd();
      for (int i = 0; i < 2; i++) {
        LocalSession session = one.session();
        Random random = new Random(12 + i);
        writers.start(
            () -> {
              while (!stop.get()) {
                change(session, random);
              }
            });
      }
      for (int round = 0; round < 3; round++) {
        byte[][] digest = new byte[1][];
        byte[] file =
            write(a, 11, true, 3_000, seat -> digest[0] = Digest.of(one.server.engine, seat));
        assertThat(load(b, file, 1_000).checksum()).isEqualTo(RdbReader.Checksum.EQUAL);
        assertThat(other.digest(b)).isEqualTo(HexFormat.of().formatHex(digest[0]));
        say(b, "FLUSHALL");
      }
      stop.set(true);
      writers.join();
    }
  }

  private static void change(LocalSession a, Random random) {
    String i = Integer.toString(random.nextInt(3_000));
    switch (random.nextInt(12)) {
      case 8 -> say(a, "XADD", "stream", "*", "f", i);
      case 9 -> say(a, "XDEL", "stream", i + "-" + i);
      case 10 ->
          say(a, "XREADGROUP", "GROUP", "g", "d" + i, "COUNT", "9", "STREAMS", "stream", ">");
      case 11 -> say(a, "XACK", "stream", "h", i + "-" + i);
      case 0 -> say(a, "SETRANGE", "large", i, "changed");
      case 1 -> say(a, "APPEND", "compressible", "more");
      case 2 -> say(a, "LSET", "list3000", i, "changed" + i);
      case 3 -> say(a, "RPUSH", "list60", i);
      case 4 -> say(a, "HSET", "hash3000", "f" + i, "changed");
      case 5 -> say(a, "ZADD", "zset3000", i, "m" + i);
      case 6 -> say(a, "SADD", "set3000", "m" + i);
      default -> say(a, "SET", "string" + random.nextInt(200), i);
    }
  }

  @Test
  void aRealServerLoadsOurFile() throws Exception {
    Path binary = RealRedis.binary();
    Assumptions.assumeTrue(binary != null, "no redis-server to compare with");
    Path directory = Files.createTempDirectory("rdb");
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      fill(a, new Random(8));
      int version = RealRedis.version(binary).startsWith("7.0") ? 10 : 11;
      if (version == 10) { // it writes most fractions otherwise, which its digest shows
        say(a, "DEL", "zset5", "zset60", "zset3000");
        say(a, "ZADD", "z", "1", "a", "2.5", "b", "-inf", "c");
      }
      Files.write(directory.resolve("dump.rdb"), write(a, version, true, 5_000));
      Path check = binary.resolveSibling("redis-check-rdb");
      if (Files.isExecutable(check)) {
        Process process =
            new ProcessBuilder(check.toString(), directory.resolve("dump.rdb").toString()).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        assertThat(said).contains("Checksum OK");
      }
      try (RealRedis real = RealRedis.ready(directory)) {
        assertThat(real.call("DBSIZE").toString()).isEqualTo(say(a, "DBSIZE").substring(1));
        assertThat(real.call("DEBUG", "DIGEST")).isEqualTo(fixture.digest(a));
      }
    }
  }

  @Test
  void weLoadTheFileOfARealServer() throws Exception {
    Path directory = Files.createTempDirectory("rdb");
    try (Fixture fixture = Fixture.unread();
        RealRedis real = RealRedis.ready(directory)) {
      boolean isSeven2 = real.isSeven2();
      Random random = new Random(9);
      for (int i = 0; i < 300; i++) {
        String v = text(random, random.nextInt(100));
        real.call("SET", "s" + i, v);
        real.call("RPUSH", "l" + i % 5, v);
        real.call("SADD", "set" + i % 7, v);
        real.call("SADD", "ints" + i % 3, "" + i);
        real.call("HSET", "h" + i % 2, "f" + i, v);
        real.call("ZADD", "z" + i % 2, isSeven2 ? "" + random.nextDouble() : "" + i, v + i);
      }
      real.call("RPUSH", "l1", text(random, 200_000));
      real.call("PEXPIREAT", "l1", "33177117420123");
      real.call("SAVE");
      byte[] file = Files.readAllBytes(directory.resolve("dump.rdb"));
      LocalSession a = fixture.session();
      RdbReader read = load(a, file, 10_000);
      assertThat(read.checksum()).isEqualTo(RdbReader.Checksum.EQUAL);
      assertThat(fixture.digest(a)).isEqualTo(real.call("DEBUG", "DIGEST"));
    }
  }

  @Test
  void aFileThatIsCutIsAnErrorWithItsOffset() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
      say(a, "RPUSH", "l", "1", "2");
      say(a, "PEXPIREAT", "l", "33177117420123");
      say(a, "ZADD", "z", "1", "2");
      byte[] file = write(a, 11, true, 100);
      try (Fixture other = Fixture.unread()) {
        LocalSession b = other.session();
        for (int n = 0; n < file.length; n++) {
          byte[] cut = Arrays.copyOf(file, n);
          assertThatThrownBy(() -> load(b, cut, 1 << 10))
              .as("%d bytes", n)
              .isInstanceOfSatisfying(
                  RdbException.class,
                  e -> {
                    assertThat(e.fault()).isEqualTo(RdbException.Fault.TRUNCATED);
                    assertThat(e.offset()).isBetween(0L, (long) cut.length);
                  });
          say(b, "FLUSHALL");
        }
      }
    }
  }

  @Test
  void aChangedByteIsAnErrorOrShowsInTheChecksum() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
      say(a, "HSET", "h", "1", "2", "a", "b");
      byte[] file = write(a, 10, true, 100);
      List<String> unseen = new ArrayList<>();
      try (Fixture other = Fixture.unread()) {
        LocalSession b = other.session();
        for (int i = 0; i < file.length - 8; i++) {
          byte[] changed = file.clone();
          changed[i] ^= 5;
          try {
            if (load(b, changed, 1 << 10).checksum() != RdbReader.Checksum.DIFFERENT) {
              unseen.add("byte " + i);
            }
          } catch (RdbException e) {
            assertThat(e.getMessage()).isNotEmpty();
          }
          say(b, "FLUSHALL");
        }
      }
      assertThat(unseen).isEmpty();
    }
  }

  @Test
  void modulesAreToldByNameAndPassedOver() {
    try (Fixture fixture = Fixture.unread()) {
      LocalSession a = fixture.session();
      byte[] module =
          file("REDIS0011", "f7" + "815d2f20f8b2a1c401" + "0200" + "0503616263" + "00" + "ff");
      RdbReader reader = load(a, module, 0);
      assertThat(reader.name()).hasSize(9);
    }
  }

  /// Without a checksum.
  private static byte[] file(String magic, String hex) {
    byte[] body = HexFormat.of().parseHex(hex);
    byte[] all = Arrays.copyOf(magic.getBytes(StandardCharsets.US_ASCII), 9 + body.length + 8);
    System.arraycopy(body, 0, all, 9, body.length);
    return all;
  }

  @Test
  void whatIsNoFileIsRefused() {
    assertThatThrownBy(() -> new RdbReader(input(file("REDIX0011", "ff"), true)))
        .isInstanceOf(RdbException.class)
        .hasMessageContaining("signature");
    for (String version : new String[] {"0000", "0013", "9999"}) {
      assertThatThrownBy(() -> new RdbReader(input(file("REDIS" + version, "ff"), true)))
          .isInstanceOf(RdbException.class)
          .hasMessageContaining("version");
    }
  }
}
