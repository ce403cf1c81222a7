package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What a server finds in its dump file when it starts, and what it says meanwhile.
@Timeout(120)
class LoadingTest {
  @TempDir Path dir;

  private Path dump() {
    return dir.resolve("dump.rdb");
  }

  private Fixture fixture(String... settings) {
    String[] all = Arrays.copyOf(settings, settings.length + 2);
    all[settings.length] = "dir";
    all[settings.length + 1] = dir.toString();
    return new Fixture(all);
  }

  private void save(String[]... commands) {
    try (Fixture fixture = fixture("databases", "16")) {
      LocalSession session = fixture.session();
      for (String[] command : commands) {
        assertThat(say(session, command)).doesNotStartWith("-");
      }
      assertThat(say(session, "SAVE")).isEqualTo("+OK");
    }
  }

  @Test
  void clientsOfAServerWithLittleDataWaitUntilItIsLoaded() throws Exception {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 300; i++) {
        say(session, "SET", "k" + i, "v" + i);
      }
      say(session, "SAVE");
    }
    Config config = Config.of("dir", dir.toString(), "port", "0", "bind", "127.0.0.1", "save", "");
    try (Server server =
        new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM)) {
      server.announceData();
      server.startAtAnyPort();
      try (Client client = Client.connect("127.0.0.1", server.port());
          Client other = Client.connect("127.0.0.1", server.port())) {
        client.send("GET", "k299");
        client.send("PING");
        client.flush();
        assertThat(other.command("INFO", "persistence").text()).contains("loading:1\r\n");
        assertThat(server.load()).isTrue();
        assertThat(client.receive().text()).isEqualTo("v299");
        assertThat(client.receive().text()).isEqualTo("PONG");
      }
    }
  }

  @Test
  void noPartOfDataThatCannotBeLoadedIsServed() throws Exception {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 3_000; i++) {
        say(session, "SET", "k" + i, "v" + i);
      }
      say(session, "SAVE");
    }
    byte[] whole = Files.readAllBytes(dump());
    byte[] torn = Arrays.copyOf(whole, whole.length - 100);
    Files.write(dump(), torn);
    Config config = Config.of("dir", dir.toString(), "port", "0", "bind", "127.0.0.1");
    Server server =
        new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
    try (Client client = clientOf(server)) {
      assertThatThrownBy(server::load).hasMessageContaining("the data can't be loaded");
      assertThat(client.command("INFO", "persistence").text()).contains("loading:1\r\n");
      client.send("SAVE");
      client.flush();
      server.close();
      assertThatThrownBy(client::receive).isInstanceOf(IOException.class);
    } finally {
      server.close();
    }
    assertThat(Files.readAllBytes(dump())).isEqualTo(torn);
  }

  /// A client of a server that is going to load its data.
  private static Client clientOf(Server server) throws IOException {
    server.announceData();
    server.startAtAnyPort();
    return Client.connect("127.0.0.1", server.port());
  }

  @Test
  void commandsThatNeedDataWaitForItAndOthersDoNot() throws Exception {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 300; i++) {
        say(session, "SET", "k" + i, "v" + i);
      }
      say(session, "SAVE");
    }
    Config config = Config.of("dir", dir.toString(), "port", "0", "bind", "127.0.0.1", "save", "");
    Server server =
        new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
    try (server) {
      server.announceData();
      server.startAtAnyPort();
      try (Client client = Client.connect("127.0.0.1", server.port());
          Client slow = Client.connect("127.0.0.1", server.port())) {
        assertThat(slow.command("CONFIG", "SET", "key-load-delay", "5000").text()).isEqualTo("OK");
        String interval = "loading-process-events-interval-bytes";
        assertThat(slow.command("CONFIG", "SET", interval, "1024").text()).isEqualTo("OK");
        Crowd loading = new Crowd().start(() -> assertThat(server.load()).isTrue());
        String refusal = "LOADING Redis is loading the dataset in memory";
        assertThat(client.command("GET", "k1").text()).isEqualTo(refusal);
        assertThat(client.command("PING").text()).isEqualTo(refusal);
        assertThat(client.command("SAVE").text()).isEqualTo(refusal);
        await()
            .until(
                () -> {
                  String info = client.command("INFO", "persistence").text();
                  return info.contains("loading_loaded_bytes:")
                      && !info.contains("loading_loaded_bytes:0\r");
                });
        assertThat(client.command("INFO", "persistence").text())
            .contains("loading:1\r\n")
            .contains("loading_total_bytes:" + Files.size(dump()))
            .contains("loading_eta_seconds:")
            .contains("loading_loaded_perc:");
        assertThat(client.command("CONFIG", "SET", "dir", "/").text())
            .as("not while it is loading")
            .contains("CONFIG SET failed");
        assertThat(client.command("CONFIG", "SET", "key-load-delay", "0").text()).isEqualTo("OK");
        loading.join();
        assertThat(client.command("GET", "k1").text()).isEqualTo("v1");
        assertThat(client.command("DBSIZE").integer()).isEqualTo(300);
        assertThat(client.command("INFO", "persistence").text())
            .contains("loading:0\r\n")
            .contains("rdb_last_load_keys_loaded:300\r\n");
      }
    }
  }

  @Test
  void whatIsCutOffOrChangedOrNewerIsNotLoadedAndStaysAsItIs() throws Exception {
    try (Fixture fixture = fixture("hash-max-listpack-entries", "4")) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 40; i++) {
        say(session, "SET", "key" + i, "value" + i);
        say(session, "RPUSH", "list", "element" + i);
        say(session, "HSET", "hash" + i % 8, "f" + i, "v" + i);
        say(session, "SADD", "set" + i % 3, "m" + i);
        say(session, "ZADD", "zset" + i % 3, "" + i, "m" + i);
        say(session, "XADD", "stream" + i % 3, i + "-1", "f" + i, "v" + i);
        say(session, "XGROUP", "CREATE", "stream" + i % 3, "g" + i, "$");
      }
      say(session, "SAVE");
    }
    byte[] whole = Files.readAllBytes(dump());
    Random random = new Random(1);
    for (int round = 0; round < 60; round++) {
      byte[] bad = whole.clone();
      boolean cut = round % 2 == 0;
      if (cut) {
        bad = Arrays.copyOf(whole, random.nextInt(whole.length));
      } else {
        bad[random.nextInt(whole.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(dump(), bad);
      try (Fixture fixture = fixture()) {
        assertThatThrownBy(fixture::load)
            .as("round %d", round)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("can't be loaded");
        assertThat(fixture.log()).contains(" # ");
        if (cut && bad.length > 9) {
          assertThat(fixture.log())
              .contains("Short read or OOM loading DB")
              .contains("Internal error in RDB reading offset");
        }
      }
      assertThat(Files.readAllBytes(dump())).isEqualTo(bad);
    }
    byte[] newer = whole.clone();
    System.arraycopy("0099".getBytes(StandardCharsets.US_ASCII), 0, newer, 5, 4);
    Files.write(dump(), newer);
    try (Fixture fixture = fixture()) {
      assertThatThrownBy(fixture::load).hasMessageContaining("Can't handle RDB format version 99");
    }
  }

  @Test
  void keysWhoseTimeIsOverAreLeftOut() throws Exception {
    save(
        new String[] {"SET", "a", "1"},
        new String[] {"SET", "b", "1", "PX", "1000"},
        new String[] {"SET", "c", "1", "PX", "100000"});
    try (Fixture fixture = fixture()) {
      fixture.clock.forward(2_000);
      fixture.load();
      LocalSession session = fixture.session();
      assertThat(say(session, "DBSIZE")).isEqualTo(":2");
      assertThat(say(session, "PTTL", "c")).isEqualTo(":98000");
      assertThat(say(session, "INFO", "persistence"))
          .contains("rdb_last_load_keys_expired:1")
          .contains("rdb_last_load_keys_loaded:2")
          .contains("rdb_changes_since_last_save:0");
      assertThat(fixture.log()).contains("Done loading RDB, keys loaded: 2, keys expired: 1.");
    }
  }

  @Test
  void aReplicaKeepsKeysWhoseTimeIsOverAndHidesThem() throws Exception {
    save(
        new String[] {"SET", "a", "1"},
        new String[] {"SET", "b", "1", "PX", "1000"},
        new String[] {"HSET", "c", "f", "1"},
        new String[] {"PEXPIRE", "c", "1000"});
    try (Fixture fixture = fixture("replicaof", "127.0.0.1 1")) {
      fixture.clock.forward(2_000);
      fixture.load();
      LocalSession session = fixture.session();
      assertThat(say(session, "DBSIZE")).isEqualTo(":3");
      assertThat(say(session, "GET", "b")).isEqualTo("$-1");
      assertThat(say(session, "EXISTS", "a", "b", "c")).isEqualTo(":1");
      assertThat(say(session, "HGETALL", "c")).isEqualTo("*0");
      assertThat(say(session, "DBSIZE")).as("looking deletes nothing").isEqualTo(":3");
      assertThat(say(session, "INFO", "persistence"))
          .contains("rdb_last_load_keys_expired:0")
          .contains("rdb_last_load_keys_loaded:3");
      assertThat(say(session, "DEBUG", "RELOAD")).isEqualTo("+OK");
      assertThat(say(session, "DBSIZE")).as("nor does that").isEqualTo(":3");
      assertThat(say(session, "REPLICAOF", "NO", "ONE")).isEqualTo("+OK");
      assertThat(say(session, "GET", "b")).isEqualTo("$-1");
      await().until(() -> say(session, "DBSIZE").equals(":1"));
    }
  }

  @Test
  void whatARealServerSaysOfStreamsFunctionsAndUseIsLoaded() throws Exception {
    String told;
    String digest;
    try (RealRedis real = RealRedis.ready(dir, "--maxmemory-policy", "allkeys-lru")) {
      for (int i = 1; i <= 300; i++) {
        real.call("XADD", "x", i + "-1", "f" + i % 3, "v".repeat(i % 80), "g", "" + i);
      }
      real.call("XTRIM", "x", "MINID", "30");
      real.call("XDEL", "x", "77-1", "300-1");
      real.call("XGROUP", "CREATE", "x", "g", "0");
      real.call("XGROUP", "CREATE", "x", "empty", "$");
      real.call("XGROUP", "CREATECONSUMER", "x", "g", "idle");
      real.call("XREADGROUP", "GROUP", "g", "one", "COUNT", "50", "STREAMS", "x", ">");
      real.call("XREADGROUP", "GROUP", "g", "two", "COUNT", "9", "STREAMS", "x", ">");
      real.call("XACK", "x", "g", "40-1", "50-1");
      real.call("XADD", "gone", "5-5", "f", "v");
      real.call("XDEL", "gone", "5-5");
      real.call(
          "FUNCTION",
          "LOAD",
          "#!lua name=lib\nredis.register_function('f', function() return 'heard' end)");
      real.call("SET", "k", "v");
      String payload = String.valueOf(real.call("DUMP", "k"));
      real.call("RESTORE", "k", "0", payload, "REPLACE", "IDLETIME", "70000");
      told = told(real.port());
      digest = String.valueOf(real.call("DEBUG", "DIGEST"));
      real.call("SAVE");
      Files.copy(dump(), dir.resolve("idle.rdb"));
      real.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu");
      real.call("RESTORE", "k", "0", payload, "REPLACE", "FREQ", "177");
      real.call("SAVE");
    }
    Config config =
        Config.of(
            "dir",
            dir.toString(),
            "dbfilename",
            "idle.rdb",
            "port",
            "0",
            "bind",
            "127.0.0.1",
            "maxmemory-policy",
            "allkeys-lru",
            "enable-debug-command",
            "yes");
    try (Server server =
        new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM)) {
      server.announceData();
      server.startAtAnyPort();
      server.load();
      assertThat(told(server.port())).isEqualTo(told);
      try (Client client = Client.connect("127.0.0.1", server.port())) {
        assertThat(client.command("DEBUG", "DIGEST").text()).isEqualTo(digest);
        assertThat(client.command("FCALL", "f", "0").text()).isEqualTo("heard");
        assertThat(client.command("OBJECT", "IDLETIME", "k").integer()).isBetween(70_000L, 70_100L);
        assertThat(client.command("XADD", "gone", "5-5", "f", "v").text())
            .contains("equal or smaller than the target stream top item");
      }
    }
    try (Fixture fixture = fixture("maxmemory-policy", "allkeys-lfu")) {
      fixture.load();
      LocalSession session = fixture.session();
      assertThat(say(session, "OBJECT", "FREQ", "k")).isEqualTo(":177");
      assertThat(say(session, "FCALL", "f", "0")).isEqualTo("$5 heard");
    }
  }

  private static String told(int port) throws IOException {
    StringBuilder told = new StringBuilder();
    try (Client client = Client.connect("127.0.0.1", port)) {
      for (String question :
          new String[] {
            "XINFO STREAM x",
            "XINFO STREAM gone",
            "XINFO GROUPS x",
            "XRANGE x - +",
            "XPENDING x g",
            "XPENDING x g - + 5 idle",
            "FUNCTION LIST WITHCODE"
          }) {
        told.append(client.command(question.split(" ")).toString()).append('\n');
      }
    }
    return told.toString().replaceAll("radix-tree-[^0-9]+[0-9]+", "");
  }

  /// A file of version 11 without a checksum.
  private void dumpOf(byte[]... parts) throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes("REDIS0011".getBytes(StandardCharsets.US_ASCII));
    for (byte[] part : parts) {
      file.writeBytes(part);
    }
    file.writeBytes(HexFormat.of().parseHex("ff0000000000000000"));
    Files.write(dump(), file.toByteArray());
  }

  private static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits.replace(" ", ""));
  }

  @Test
  void aKeyThatIsTooLongIsRefusedByItsName() throws Exception {
    byte[] key = "user:1:".repeat(200_000).getBytes(StandardCharsets.US_ASCII);
    byte[] length = ByteBuffer.allocate(5).put((byte) 0x80).putInt(key.length).array();
    dumpOf(hex("fe00 00"), length, key, hex("0161"));
    try (Fixture fixture = fixture()) {
      assertThatThrownBy(fixture::load)
          .hasMessageContaining("a key of 1400000 bytes ('user:1:user:1:")
          .hasMessageContaining("are the most");
    }
  }

  @Test
  void dataOfModulesIsRefusedAndSizesOfSlotsArePassedOver() throws Exception {
    String module = "81 6c4ae1e3bb4ed400";
    dumpOf(hex("fe00 07 016b" + module + "00"));
    try (Fixture fixture = fixture()) {
      assertThatThrownBy(fixture::load).hasMessageContaining("key 'k': values of the module");
    }
    dumpOf(hex("f7" + module + "02 02 00"), hex("fe00 00 016b 0176"));
    try (Fixture fixture = fixture()) {
      assertThatThrownBy(fixture::load)
          .hasMessageContaining("AUX module data I can't load: no matching module");
    }
    dumpOf(hex("fe00 fb0100 f4 7140 0100 00 016b 0176"));
    try (Fixture fixture = fixture()) {
      fixture.load();
      assertThat(say(fixture.session(), "GET", "k")).isEqualTo("$1 v");
    }
  }

  @Test
  void databasesThatThereAreNotAreRefused() {
    save(new String[] {"SELECT", "9"}, new String[] {"SET", "k", "v"});
    try (Fixture fixture = fixture("databases", "4")) {
      assertThatThrownBy(fixture::load).hasMessageContaining("more than 4 databases");
    }
  }

  @Test
  void howOftenAndWhenKeysWereUsedIsKept() throws Exception {
    try (Fixture fixture = fixture("maxmemory-policy", "allkeys-lfu")) {
      LocalSession session = fixture.session();
      say(session, "SET", "k", "v");
      for (int i = 0; i < 2_000; i++) {
        say(session, "GET", "k");
      }
      String used = say(session, "OBJECT", "FREQ", "k");
      assertThat(used).isNotEqualTo(":5");
      say(session, "SAVE");
      try (Fixture other = fixture("maxmemory-policy", "allkeys-lfu", "port", "0")) {
        assertThatThrownBy(other::load).hasMessageContaining("is in use by process");
      }
      Files.copy(dump(), dir.resolve("copy.rdb"));
      try (Fixture other = fixture("maxmemory-policy", "allkeys-lfu", "dbfilename", "copy.rdb")) {
        other.load();
        assertThat(say(other.session(), "OBJECT", "FREQ", "k")).isEqualTo(used);
      }
    }
    try (Fixture fixture = fixture("maxmemory-policy", "allkeys-lru")) {
      LocalSession session = fixture.session();
      say(session, "SET", "k", "v");
      fixture.clock.forward(500_000);
      assertThat(say(session, "OBJECT", "IDLETIME", "k")).isEqualTo(":500");
      say(session, "SAVE");
    }
    try (Fixture fixture = fixture("maxmemory-policy", "allkeys-lru")) {
      fixture.clock.forward(500_000);
      fixture.load();
      assertThat(say(fixture.session(), "OBJECT", "IDLETIME", "k")).isEqualTo(":500");
    }
  }

  /// Many keys and long values: through batches and past them, by both seats.
  @Test
  void manyKeysAndLongValuesAreLoadedWhole() throws Exception {
    String digest;
    Path saved = dir.resolve("big.rdb");
    try (Fixture fixture = fixture("dbfilename", "big.rdb")) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 20_000; i++) {
        say(session, "SET", "key" + i, "value of " + i);
      }
      say(session, "SETRANGE", "long", "3000000", "x");
      String[] push = new String[3_002];
      Arrays.fill(push, "y".repeat(300));
      push[0] = "RPUSH";
      push[1] = "list";
      session.run(push);
      for (int i = 0; i < 5_000; i++) {
        say(session, "HSET", "hash", "field" + i, "value" + i);
        say(session, "ZADD", "zset", "" + i, "member" + i);
      }
      say(session, "SELECT", "2");
      for (int i = 0; i < 3_000; i++) {
        say(session, "SET", "other" + i, "" + i);
      }
      say(session, "SELECT", "0");
      digest = fixture.digest(session);
      say(session, "SAVE");
    }
    assertThat(Files.exists(saved)).isTrue();
    try (Fixture fixture = fixture("dbfilename", "big.rdb")) {
      fixture.load();
      assertThat(fixture.digest(fixture.session())).isEqualTo(digest);
    }
  }
}
