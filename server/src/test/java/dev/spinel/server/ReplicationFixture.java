package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.keyspace.Schedule;
import dev.spinel.persist.Disk;
import dev.spinel.persist.SystemDisk;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/// Servers that replicate over real sockets, for tests: ours and real ones, and writers.
abstract class ReplicationFixture {
  @TempDir Path folder;
  final List<AutoCloseable> open = new CopyOnWriteArrayList<>();
  int nodes;

  /// A server, whoever made it.
  interface Node {
    int port();

    Object call(String... command) throws IOException;

    default String info(String section, String field) throws IOException {
      for (String line : String.valueOf(call("INFO", section)).split("\r\n")) {
        if (line.startsWith(field + ":")) {
          return line.substring(field.length() + 1);
        }
      }
      return "";
    }

    default String digest() throws IOException {
      return String.valueOf(call("DEBUG", "DIGEST"));
    }
  }

  static final class Ours implements Node, AutoCloseable {
    final Server server;
    final ByteArrayOutputStream log = new ByteArrayOutputStream();
    final Client client;

    Ours(Path dir, Disk disk, String... settings) throws IOException {
      this(dir, disk, Clock.SYSTEM, settings);
    }

    Ours(Path dir, Disk disk, Clock clock, String... settings) throws IOException {
      List<String> all =
          new ArrayList<>(
              List.of(
                  "port",
                  "0",
                  "bind",
                  "127.0.0.1",
                  "dir",
                  dir.toString(),
                  "save",
                  "",
                  "enable-debug-command",
                  "yes",
                  "repl-diskless-sync-delay",
                  "0",
                  "repl-ping-replica-period",
                  "1",
                  "event-loops",
                  "1"));
      all.addAll(List.of(settings));
      Config config = Config.of(all.toArray(new String[0]));
      Log lines = new Log(config, log);
      lines.become('M'); // as the launcher does
      server = new Server(config, lines, clock, Schedule.FREE, disk);
      server.announceData();
      server.startAtAnyPort();
      server.load();
      client = Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000);
    }

    @Override
    public int port() {
      return server.port();
    }

    @Override
    public Object call(String... command) throws IOException {
      return ReplicationFixture.call(client, command);
    }

    String log() {
      return log.toString(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
      client.close();
      server.close();
    }
  }

  record Real(RealRedis redis) implements Node {
    @Override
    public int port() {
      return redis.port();
    }

    @Override
    public Object call(String... command) throws IOException {
      return redis.call(command);
    }
  }

  static Object call(Client client, String... command) throws IOException {
    byte[][] words = new byte[command.length][];
    for (int i = 0; i < words.length; i++) {
      words[i] = command[i].getBytes(StandardCharsets.ISO_8859_1);
    }
    return plain(client.command(words));
  }

  static Object plain(RespValue reply) {
    return reply instanceof RespValue.Array array
        ? array.elements().stream().map(ReplicationFixture::plain).toList()
        : reply.text();
  }

  Ours ours(String... settings) throws IOException {
    return oursIn(Files.createDirectory(folder.resolve("node" + nodes++)), settings);
  }

  Ours oursIn(Path dir, String... settings) throws IOException {
    return oursOn(new SystemDisk(), dir, settings);
  }

  Ours oursOn(Disk disk, Path dir, String... settings) throws IOException {
    Ours made = new Ours(dir, disk, settings);
    open.add(made);
    return made;
  }

  Real real(String... settings) throws Exception {
    return realIn(Files.createDirectory(folder.resolve("node" + nodes++)), settings);
  }

  Real realIn(Path dir, String... settings) throws Exception {
    List<String> all =
        new ArrayList<>(
            List.of("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"));
    all.addAll(List.of(settings));
    RealRedis made = RealRedis.ready(dir, all.toArray(new String[0]));
    open.add(made);
    return new Real(made);
  }

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
    for (AutoCloseable each : open) {
      if (each instanceof Ours ours) {
        assertThat(ours.log()).doesNotContain("A bug");
      }
    }
  }

  static void eventually(org.awaitility.core.ThrowingRunnable assertion) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(assertion);
  }

  static void follow(Node replica, Node primary) throws IOException {
    replica.call("REPLICAOF", "127.0.0.1", Integer.toString(primary.port()));
    isUp(replica);
  }

  static void isUp(Node replica) {
    eventually(() -> assertThat(replica.info("replication", "master_link_status")).isEqualTo("up"));
  }

  /// All have the same data, at the same offset.
  static void agree(Node primary, Node... replicas) throws IOException {
    for (Node replica : replicas) {
      eventually(
          () ->
              assertThat(replica.info("replication", "master_repl_offset"))
                  .isEqualTo(primary.info("replication", "master_repl_offset")));
      eventually(() -> assertThat(replica.digest()).isEqualTo(primary.digest()));
      assertThat(replica.info("replication", "master_replid"))
          .isEqualTo(primary.info("replication", "master_replid"));
    }
  }

  static void fill(Node node) throws IOException {
    for (int i = 0; i < 200; i++) {
      node.call("SET", "s" + i, "value" + i);
      node.call("RPUSH", "l" + i % 7, "a" + i, "b");
      node.call("HSET", "h" + i % 5, "f" + i, "v");
      node.call("ZADD", "z", "" + i, "m" + i);
      node.call("SADD", "t" + i % 3, "x" + i);
    }
    node.call("SELECT", "3");
    node.call("SET", "in three", "3");
    node.call("SELECT", "0");
    node.call("SET", "expires", "1", "PX", "100000000");
  }

  /// Writers of a primary; every write is deterministic or says its effect.
  final class Load implements AutoCloseable {
    final AtomicBoolean stops = new AtomicBoolean();
    final List<Thread> threads = new ArrayList<>();
    final List<Throwable> failures = new ArrayList<>();

    Load(Node at, long seed, int writers) {
      for (int i = 0; i < writers; i++) {
        long own = seed + i;
        Thread thread = new Thread(() -> write(at, new Random(own)));
        threads.add(thread);
        thread.start();
      }
    }

    void write(Node at, Random random) {
      try (Client client = Client.connect("127.0.0.1", at.port()).timeoutMillis(20_000)) {
        while (!stops.get()) {
          step(client, random);
        }
      } catch (Throwable t) {
        synchronized (failures) {
          failures.add(t);
        }
      }
    }

    void step(Client client, Random random) throws IOException {
      String key = "k" + random.nextInt(50);
      switch (random.nextInt(18)) {
        case 0 -> call(client, "SET", "s" + key, "v" + random.nextInt());
        case 1 -> call(client, "INCR", "n" + key);
        case 2 -> call(client, "RPUSH", "l" + key, "x" + random.nextInt(9), "y");
        case 3 -> call(client, "LPOP", "l" + key);
        case 4 -> call(client, "LMOVE", "l" + key, "lk" + random.nextInt(50), "LEFT", "RIGHT");
        case 5 -> call(client, "HINCRBY", "h" + key, "f" + random.nextInt(99), "3");
        case 6 -> call(client, "ZINCRBY", "z" + key, "1.5", "m" + random.nextInt(99));
        case 7 -> call(client, "SADD", "t" + key, "" + random.nextInt(999));
        case 8 -> call(client, "SPOP", "t" + key);
        case 9 -> call(client, "SET", "e" + key, "v", "PX", "" + (1 + random.nextInt(40)));
        case 10 -> call(client, "PEXPIRE", "h" + key, "" + (1 + random.nextInt(60)));
        case 11 -> {
          call(client, "MULTI");
          call(client, "INCR", "n" + key);
          call(client, "APPEND", "a" + key, "z");
          call(client, "RPUSH", "l" + key, "m");
          call(client, "EXEC");
        }
        case 12 -> call(client, "SELECT", "" + random.nextInt(3));
        case 13 -> call(client, "SET", "big" + key, "b".repeat(random.nextInt(60_000)));
        case 14 -> call(client, "GETRANGE", "big" + key, "0", "5");
        case 15 -> {
          if (random.nextInt(40) == 0) {
            call(client, "SWAPDB", "0", "" + (1 + random.nextInt(2)));
          }
        }
        case 16 -> {
          if (random.nextInt(200) == 0) {
            call(client, "FLUSHDB");
          }
        }
        default -> call(client, "APPEND", "a" + key, "q");
      }
    }

    @Override
    public void close() throws InterruptedException {
      stops.set(true);
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failures).isEmpty();
    }
  }

  static void killLinks(Node primary, Random random, int times) throws Exception {
    for (int i = 0; i < times; i++) {
      Thread.sleep(50 + random.nextInt(200)); // some load in between
      primary.call("CLIENT", "KILL", "TYPE", "replica");
    }
  }
}
