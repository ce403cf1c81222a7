package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A folder that a real `redis-server` and ours use by turns; and one whose server is killed.
@Timeout(180)
class DumpExchangeTest {
  @TempDir Path dir;
  @TempDir Path logs;

  private Fixture fixture() {
    return new Fixture("dir", dir.toString(), "save", "3600 1", "port", "7001");
  }

  /// Data in every encoding, which grows from round to round.
  private static String[] command(Random random, int round) {
    String n = "" + random.nextInt(40);
    String text = "t".repeat(random.nextInt(random.nextInt(8) == 0 ? 9_000 : 40)) + n;
    return switch (random.nextInt(14)) {
      case 0 -> new String[] {"SET", "s" + n, text};
      case 1 -> new String[] {"SET", "i" + n, "" + random.nextInt(), "PXAT", "4102444800000"};
      case 2 -> new String[] {"RPUSH", "l" + n, text, n};
      case 3 -> new String[] {"RPUSH", "long", text, text, n};
      case 4 -> new String[] {"SADD", "ints" + n, "" + random.nextInt(100)};
      case 5 -> new String[] {"SADD", "many-ints", "" + random.nextInt(100_000)};
      case 6 -> new String[] {"SADD", "set" + n, text};
      case 7 -> new String[] {"SADD", "many", "m" + random.nextInt(5_000)};
      case 8 -> new String[] {"HSET", "h" + n, "f" + random.nextInt(9), text};
      case 9 -> new String[] {"HSET", "many-fields", "f" + random.nextInt(5_000), text};
      case 10 -> new String[] {"ZADD", "z" + n, "" + random.nextInt(100), "m" + n};
      case 11 -> new String[] {"ZADD", "many-scores", n, "m" + random.nextInt(5_000)};
      case 12 -> new String[] {"SETBIT", "bits", "" + random.nextInt(100_000 * round), "1"};
      default -> new String[] {"PFADD", "sketch" + n, text};
    };
  }

  @Test
  void aRealServerAndOursContinueEachOthersData() throws Exception {
    Random random = new Random(1);
    String digest = null;
    for (int round = 1; round <= 3; round++) {
      try (Fixture fixture = fixture()) {
        fixture.load();
        LocalSession session = fixture.session();
        if (digest != null) {
          assertThat(fixture.digest(session)).isEqualTo(digest);
        }
        for (int i = 0; i < 4_000; i++) {
          session.run(command(random, round));
        }
        assertThat(say(session, "SAVE")).isEqualTo("+OK");
        digest = fixture.digest(session);
      }
      assertThat(check()).contains("Checksum OK").contains("RDB looks OK!");
      try (RealRedis real = RealRedis.ready(dir)) {
        assertThat(real.call("DEBUG", "DIGEST")).isEqualTo(digest);
        for (int i = 0; i < 4_000; i++) {
          real.call(command(random, round));
        }
        real.call("SAVE");
        digest = real.call("DEBUG", "DIGEST").toString();
      }
    }
  }

  private String check() throws IOException, InterruptedException {
    Path binary = RealRedis.binary();
    Path check = binary == null ? null : binary.resolveSibling("redis-check-rdb");
    if (check == null || !Files.isExecutable(check)) {
      return "Checksum OK, RDB looks OK!"; // there is nobody to ask
    }
    Process process =
        new ProcessBuilder(check.toString(), dir.resolve("dump.rdb").toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }

  private Process start(int port, String... arguments) throws IOException {
    List<String> command =
        Stream.concat(
                Stream.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:TieredStopAtLevel=1",
                    "--enable-native-access=ALL-UNNAMED",
                    "-cp",
                    ServerProcess.classPath(),
                    "dev.spinel.server.Main",
                    "--port",
                    "" + port,
                    "--dir",
                    dir.toString()),
                Stream.of(arguments))
            .toList();
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(logs.resolve("out-" + port).toFile())
        .start();
  }

  /// A client of a server that answers, with data or without.
  private static Client connect(int port, Process process) throws InterruptedException {
    while (true) {
      assertThat(process.isAlive()).isTrue();
      try {
        Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
        client.command("PING");
        return client;
      } catch (IOException notYet) {
        Thread.sleep(20); // another process: there is nothing else to wait for
      }
    }
  }

  private static void awaitLoaded(Client client) throws Exception {
    while (client.command("DBSIZE").isError()) {
      Thread.sleep(10); // another process: there is nothing else to wait for
    }
  }

  private static void end(Process process) throws InterruptedException {
    process.destroyForcibly();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
  }

  /// Killed while it saves: the old dump is whole, and the next start isn't in the way of what was
  /// left behind.
  @Test
  void aServerThatIsKilledWhileItSavesLeavesTheOldDump() throws Exception {
    int port = RealRedis.freePort();
    Process process = start(port);
    try (Client client = connect(port, process)) {
      client.command("SET", "k", "old");
      assertThat(client.command("SAVE").text()).isEqualTo("OK");
      for (int i = 0; i < 100; i++) {
        client.command("SET", "k" + i, "new");
      }
      client.command("CONFIG", "SET", "rdb-key-save-delay", "1000000");
      assertThat(client.command("BGSAVE").text()).isEqualTo("Background saving started");
      assertThat(client.command("INFO", "persistence").text()).contains("rdb_bgsave_in_progress:1");
    } finally {
      end(process);
    }
    assertThat(unfinished()).isNotEmpty();
    assertThat(dir.resolve("dump.rdb.lock")).exists();
    Process second = start(port);
    try (Client client = connect(port, second)) {
      awaitLoaded(client);
      assertThat(client.command("GET", "k").text()).isEqualTo("old");
      assertThat(client.command("DBSIZE").integer()).isEqualTo(1);
      assertThat(client.command("CONFIG", "GET", "dbfilename").toString()).contains("dump.rdb");

      // another process in the same folder keeps apart
      int other = RealRedis.freePort();
      Process third = start(other);
      try (Client apart = connect(other, third)) {
        awaitLoaded(apart);
        assertThat(apart.command("DBSIZE").integer()).isZero();
        assertThat(apart.command("CONFIG", "GET", "dbfilename").toString())
            .contains("dump-" + other + ".rdb");
        assertThat(Files.readString(logs.resolve("out-" + other)))
            .contains("is in use by process " + second.pid() + " (port " + port + ")");
      } finally {
        end(third);
      }
      client.send("SHUTDOWN");
      client.flush();
      assertThat(second.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(second.exitValue()).isZero();
    } finally {
      end(second);
    }
    assertThat(dir.resolve("dump.rdb.lock")).doesNotExist();
  }

  private List<String> unfinished() throws IOException {
    try (Stream<Path> all = Files.list(dir)) {
      return all.map(file -> file.getFileName().toString())
          .filter(name -> name.matches("temp-\\d+\\.rdb"))
          .toList();
    }
  }

  @Test
  void aServerThatCannotLoadItsDumpEndsWithStatusOne() throws Exception {
    Files.writeString(dir.resolve("dump.rdb"), "REDIS0010, and nothing that makes sense");
    int port = RealRedis.freePort();
    Process process = start(port);
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(1);
      assertThat(Files.readString(logs.resolve("out-" + port)))
          .contains("Internal error in RDB reading offset")
          .containsPattern("Terminating server after rdb file reading failure\\. \\S+")
          .contains("Fatal error loading the DB, check server logs. Exiting.");
      assertThat(dir.resolve("dump.rdb")).hasContent("REDIS0010, and nothing that makes sense");
    } finally {
      end(process);
    }
  }
}
