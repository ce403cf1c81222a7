package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The process is killed while clients write, and starts again: what was acknowledged is there. Its
/// files are those of Redis, in both directions. A full disk refuses writes, and no more.
@Timeout(900)
class KilledTest {
  /// 100 and more by hand.
  private static final int ROUNDS = Integer.getInteger("kill.rounds", 4);

  private static final long SEED = Long.getLong("spinel.seed", 0);

  /// So many that a rewrite takes its time.
  private static final int KEYS = 30_000;

  private static final int CLIENTS = 4;

  @TempDir Path folder;
  private final int port = RealRedis.freePort();

  private Process start(Path dir, String... more) throws IOException {
    List<String> words = new ArrayList<>(List.of("--port", "" + port, "--save", ""));
    words.addAll(List.of("--dir", dir.toString(), "--appendonly", "yes"));
    words.addAll(List.of("--enable-debug-command", "yes"));
    words.addAll(List.of(more));
    return ServerProcess.of(words.toArray(String[]::new))
        .directory(folder.toFile())
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve("log").toFile())
        .start();
  }

  private Client connect() {
    Client[] made = new Client[1];
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () -> {
              try {
                made[0] = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
                return made[0].command("PING").text().equals("PONG");
              } catch (IOException notYet) {
                return false;
              }
            });
    return made[0];
  }

  /// Increments two counters at once until the server is gone.
  private void write(int number, AtomicLongArray acknowledged) {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      Random random = new Random(number);
      while (true) {
        client.send("MULTI");
        client.send("INCR", "a" + number);
        client.send("SET", "filler" + number, "x".repeat(random.nextInt(2_000)));
        client.send("INCR", "b" + number);
        client.send("EXEC");
        client.flush();
        for (int i = 0; i < 4; i++) {
          client.receive();
        }
        if (client.receive() instanceof RespValue.Array(List<RespValue> all) && all.size() == 3) {
          acknowledged.incrementAndGet(number);
        }
        if (number < 2 && random.nextInt(100) == 0) {
          client.command(number == 0 ? "BGREWRITEAOF" : "BGSAVE");
        }
      }
    } catch (IOException gone) {
      return; // as it should
    }
  }

  /// How the server of a round is set: every policy with one loop and with two, and with bases of
  /// both forms, within eight rounds.
  private static String[] settings(int round) {
    boolean second = round / 2 % 2 == 1;
    boolean swapped = round / 4 % 2 == 1;
    return new String[] {
      "--appendfsync",
      policy(round),
      "--event-loops",
      second == (round % 2 == 1) ? "1" : "2",
      "--aof-use-rdb-preamble",
      second == swapped ? "yes" : "no"
    };
  }

  private static String policy(int round) {
    return List.of("always", "everysec").get(round % 2);
  }

  private static void populate(Client client) throws IOException {
    String[] pairs = new String[1 + 2 * 1000];
    pairs[0] = "MSET";
    for (int first = 0; first < KEYS; first += 1000) {
      for (int i = 0; i < 1000; i++) {
        pairs[1 + 2 * i] = "key" + (first + i);
        pairs[2 + 2 * i] = "a value of some bytes, " + i;
      }
      assertThat(client.command(pairs).text()).isEqualTo("OK");
    }
  }

  @Test
  void whatWasAcknowledgedIsThereAfterAKill() throws Exception {
    AtomicLongArray acknowledged = new AtomicLongArray(CLIENTS);
    int cutOff = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Random random = new Random(1000 * SEED + round);
      boolean always = policy(round).equals("always");
      Process server = start(folder, settings(round));
      List<Thread> threads = new ArrayList<>();
      long[] sure = new long[CLIENTS];
      try (Client checking = connect()) {
        check(checking, acknowledged, "round " + round);
        if (round == 0) {
          populate(checking);
        }
        for (int i = 0; i < CLIENTS; i++) {
          int number = i;
          Thread thread = new Thread(() -> write(number, acknowledged));
          threads.add(thread);
          thread.start();
        }
        Thread.sleep(200 + random.nextInt(600));
        if (random.nextBoolean()) {
          checking.command("BGREWRITEAOF");
          Thread.sleep(random.nextInt(60));
        }
        String info;
        do { // beside a sync replies leave unwritten, as in Redis, unless the policy is always
          Arrays.setAll(sure, acknowledged::get);
          info = checking.command("INFO", "persistence").text();
        } while (!always && !info.contains("aof_buffer_length:0\r"));
        cutOff += info.contains("aof_rewrite_in_progress:1") ? 1 : 0;
      } finally {
        server.destroyForcibly().waitFor();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      for (int i = 0; i < CLIENTS; i++) {
        acknowledged.set(i, always ? acknowledged.get(i) : sure[i]);
      }
    }
    Process server = start(folder);
    try (Client checking = connect()) {
      check(checking, acknowledged, "at the end");
      assertThat(acknowledged.get(1)).isPositive();
      assertThat(checking.command("DBSIZE").integer()).isGreaterThanOrEqualTo(KEYS);
      try (Stream<Path> files = Files.list(folder)) {
        assertThat(files.map(Path::getFileName).map(Path::toString))
            .as("what those who were killed have left unfinished is gone")
            .noneMatch(name -> name.startsWith("temp-"));
      }
    } finally {
      server.destroyForcibly().waitFor();
    }
    System.out.println(ROUNDS + " kills, " + cutOff + " of them with a rewrite under way");
  }

  private static void check(Client client, AtomicLongArray acknowledged, String when)
      throws IOException {
    for (int i = 0; i < CLIENTS; i++) {
      String first = client.command("GET", "a" + i).toString();
      String second = client.command("GET", "b" + i).toString();
      assertThat(second).as(when).isEqualTo(first);
      String digits = first.replaceAll("\\D", "");
      long found = digits.isEmpty() ? 0 : Long.parseLong(digits);
      assertThat(found).as(when + ", client " + i).isGreaterThanOrEqualTo(acknowledged.get(i));
      acknowledged.set(i, found);
    }
  }

  @Test
  void aRealServerGoesOnInOurFolderAndWeInIts() throws Exception {
    RealRedis.ready(Files.createDirectory(folder.resolve("probe"))).close();
    String digest;
    Process server = start(folder);
    try (Client client = connect()) {
      fill(client, 1);
      client.command("BGREWRITEAOF");
      await()
          .until(
              () -> client.command("INFO", "persistence").text().contains("rewrite_in_progress:0"));
      fill(client, 2);
      digest = client.command("DEBUG", "DIGEST").text();
    } finally {
      server.destroy();
      server.waitFor();
    }
    try (RealRedis real =
        RealRedis.ready(folder, "--appendonly", "yes", "--dir", folder.toString())) {
      await().until(() -> real.call("INFO", "persistence").toString().contains("loading:0"));
      assertThat(real.call("DEBUG", "DIGEST")).as("read by a real server").isEqualTo(digest);
      try (Client client = Client.connect("127.0.0.1", real.port())) {
        fill(client, 3);
        client.command("BGREWRITEAOF");
        await()
            .until(
                () ->
                    client
                        .command("INFO", "persistence")
                        .text()
                        .contains("aof_rewrite_in_progress:0"));
        fill(client, 4);
        digest = client.command("DEBUG", "DIGEST").text();
        client.command("SHUTDOWN", "NOSAVE");
      } catch (IOException closed) {
        assertThat(digest).isNotEmpty(); // it is gone, as it was told
      }
    }
    server = start(folder);
    try (Client client = connect()) { // which waits until all is loaded
      assertThat(client.command("DEBUG", "DIGEST").text()).as("read by us").isEqualTo(digest);
    } finally {
      server.destroyForcibly().waitFor();
    }
  }

  private static void fill(Client client, int seed) throws IOException {
    Random random = new Random(seed);
    for (int i = 0; i < 300; i++) {
      String key = random.nextInt(4) + "k" + random.nextInt(30);
      switch (random.nextInt(7)) {
        case 0 -> client.command("SET", "s" + key, "v".repeat(random.nextInt(3_000)));
        case 1 -> client.command("RPUSH", "l" + key, "" + i, "x".repeat(random.nextInt(200)));
        case 2 -> client.command("SADD", "t" + key, "" + random.nextInt(1_000), "m" + i);
        case 3 -> client.command("ZADD", "z" + key, score(random), "m" + i);
        case 4 -> client.command("HSET", "h" + key, "f" + i, "v".repeat(random.nextInt(100)));
        case 5 -> client.command("PFADD", "p" + key, "" + i, "" + random.nextInt());
        default -> client.command("SPOP", "t" + key);
      }
    }
  }

  /// Such as 7.0 and 7.2 write in the same way.
  private static String score(Random random) {
    return "" + random.nextInt(-1_000, 1_000) / 8.0;
  }

  @Test
  void aFullDiskRefusesWritesUntilThereIsRoomAgain() throws Exception {
    Path small = Files.createDirectory(folder.resolve("small"));
    Process mount =
        new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small.toString())
            .redirectErrorStream(true)
            .start();
    assumeThat(mount.waitFor()).as("may mount a small file system").isZero();
    Process server = null;
    try {
      server = start(small, "--appendfsync", "everysec");
      try (Client client = connect()) {
        Files.write(small.resolve("ballast"), new byte[1_000_000]);
        String value = "x".repeat(100_000);
        String refused = "";
        long kept = 0;
        for (int i = 0; i < 100 && refused.isEmpty(); i++) {
          String got = client.command("SET", "k" + i, value).text();
          kept += got.equals("OK") ? 1 : 0;
          refused = got.equals("OK") ? "" : got;
        }
        assertThat(refused)
            .isEqualTo("MISCONF Errors writing to the AOF file: No space left on device");
        assertThat(client.command("PING").text()).startsWith("MISCONF");
        assertThat(client.command("GET", "k0").text()).isEqualTo(value);
        assertThat(client.command("INFO", "persistence").text())
            .contains("aof_last_write_status:err");
        Files.delete(small.resolve("ballast"));
        await()
            .atMost(20, TimeUnit.SECONDS)
            .until(() -> client.command("SET", "again", "1").text().equals("OK"));
        assertThat(client.command("PING").text()).isEqualTo("PONG");
        assertThat(client.command("WAITAOF", "1", "0", "10000"))
            .isEqualTo(new RespValue.Array(List.of(new RespValue.Int(1), new RespValue.Int(0))));
        server.destroyForcibly().waitFor();
        server = start(small);
        try (Client after = connect()) {
          assertThat(after.command("DBSIZE")).isEqualTo(new RespValue.Int(kept + 1));
        }
      }
    } finally {
      if (server != null) {
        server.destroyForcibly().waitFor();
      }
      new ProcessBuilder("umount", small.toString()).start().waitFor();
    }
  }
}
