package dev.spinel.bench;

import com.sun.management.ThreadMXBean;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Snapshots;
import dev.spinel.server.LocalSession;
import dev.spinel.server.Log;
import dev.spinel.server.Server;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/// The whole server without sockets: RESP bytes in, RESP bytes out, in this thread.
///
/// ```
/// spinel bench engine                 ns and bytes of Java heap per command, in pipelines of 64, 100,000 keys
/// spinel bench engine snapshot [KEYS] 50,000 writes a second beside snapshots: longest write, memory kept
/// spinel bench engine save [KEYS]     the same beside BGSAVE: values of 100 bytes, a hash, a sorted set and a list of
///                                     half as many elements that are written, too
/// spinel bench engine pause [KEYS]    50,000 commands a second, no snapshot: longest command
/// spinel bench engine journal         SETs a second by one and two threads; the journal read by nobody, one, two
/// ```
///
/// Those under a steady load show the machine's own gaps beside theirs: the longest time in which a
/// thread that does nothing but read the clock didn't run.
public final class EngineBench {
  private static final int KEYS = 100_000;
  private static final int PIPELINE = 64;
  private static final int BATCHES = 2_000;
  private static final int ROUNDS = 7;
  private static final int PER_SECOND = 50_000;

  private EngineBench() {}

  public static void main(String[] arguments) throws Exception {
    var config = Config.of("save", "", "enable-protected-configs", "yes");
    var log = new Log(config, OutputStream.nullOutputStream());
    try (var server = new Server(config, log, Clock.SYSTEM)) {
      server.startWithoutListening();
      switch (arguments.length == 0 ? "commands" : arguments[0]) {
        case "commands" -> commands(server);
        case "snapshot" -> snapshot(server, keys(arguments, 1_000_000));
        case "save" -> save(server, keys(arguments, 1_000_000));
        case "pause" -> pause(server, keys(arguments, 10_000_000));
        case "journal" -> journal(server);
        default -> throw new IllegalArgumentException("no such part: " + arguments[0]);
      }
    }
  }

  private static int keys(String[] arguments, int otherwise) {
    return arguments.length > 1 ? Integer.parseInt(arguments[1]) : otherwise;
  }

  // ── commands ──

  private static void commands(Server server) {
    System.out.println("| command | ns | bytes of Java heap |\n|---|---|---|");
    try (var session = new LocalSession(server)) {
      var random = new SplittableRandom(1);
      row(session, "SET", i -> new String[] {"SET", key(random.nextInt(KEYS)), "xxx"});
      row(session, "GET", i -> new String[] {"GET", key(random.nextInt(KEYS))});
      row(session, "INCR", i -> new String[] {"INCR", "counter:" + random.nextInt(KEYS)});
      row(session, "LPUSH", i -> new String[] {"LPUSH", "list", "xxx"});
      row(session, "LPOP", i -> new String[] {"LPOP", "list"});
      row(session, "HSET", i -> new String[] {"HSET", "hash", key(random.nextInt(KEYS)), "xxx"});
      row(session, "HGET", i -> new String[] {"HGET", "hash", key(random.nextInt(KEYS))});
    }
  }

  private static void row(LocalSession session, String name, IntFunction<String[]> call) {
    byte[][] batches = new byte[BATCHES][];
    for (int b = 0; b < BATCHES; b++) {
      var bytes = new StringBuilder();
      for (int i = 0; i < PIPELINE; i++) {
        bytes.append(new String(LocalSession.request(call.apply(i)), StandardCharsets.ISO_8859_1));
      }
      batches[b] = bytes.toString().getBytes(StandardCharsets.ISO_8859_1);
    }
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    double[] nanos = new double[ROUNDS];
    long allocated = 0;
    long replies = 0;
    for (int round = -2; round < ROUNDS; round++) {
      long bytes = threads.getCurrentThreadAllocatedBytes();
      long began = System.nanoTime();
      replies = 0;
      for (byte[] batch : batches) {
        replies += session.run(batch).length + 16; // the array that it comes in isn't the engine's
      }
      if (round >= 0) {
        nanos[round] = (System.nanoTime() - began) / (double) (BATCHES * PIPELINE);
        allocated = threads.getCurrentThreadAllocatedBytes() - bytes;
      }
    }
    Arrays.sort(nanos);
    double heap = (double) Math.max(0, allocated - replies) / (BATCHES * PIPELINE);
    System.out.printf(Locale.ROOT, "| %s | %.0f | %.1f |%n", name, nanos[ROUNDS / 2], heap);
  }

  private static String key(int i) {
    return String.format(Locale.ROOT, "key:%012d", i);
  }

  // ── latency under a steady load ──

  private static void fill(Server server, int keys) {
    try (var session = new LocalSession(server)) {
      byte[] request = set(0);
      for (int i = 0; i < keys; i++) {
        name(request, i);
        session.run(request);
      }
    }
  }

  private static byte[] set(int i) {
    return LocalSession.request("SET", key(i), "value:0000000000");
  }

  private static byte[] get(int i) {
    return LocalSession.request("GET", key(i));
  }

  /// Writes another key's number into a request of [#set] or [#get].
  private static void name(byte[] request, int i) {
    int at = 4 + 9 + 5 + 16; // *3 $3 SET $16 key:000000000000
    for (int n = i, digit = 0; digit < 12; digit++, n /= 10) {
      request[--at] = (byte) ('0' + n % 10);
    }
  }

  /// What one thread saw while it ran.
  private static final class Gaps {
    final AtomicLong longest = new AtomicLong(); // ns, since it was last asked

    void saw(long nanos) {
      if (nanos > longest.get()) {
        longest.set(nanos);
      }
    }

    double takeMillis() {
      return longest.getAndSet(0) / 1e6;
    }
  }

  private static Thread started(Consumer<AtomicBoolean> work, AtomicBoolean stop) {
    var thread = new Thread(() -> work.accept(stop));
    thread.start();
    return thread;
  }

  private static void readClock(Gaps gaps, AtomicBoolean stop) {
    for (long last = System.nanoTime(); !stop.get(); ) {
      long now = System.nanoTime();
      gaps.saw(now - last);
      last = now;
    }
  }

  /// One command every 20 µs; a late one is sent at once. What counts is how long it ran.
  private static void load(Server server, int keys, int reads, Gaps gaps, AtomicBoolean stop) {
    try (var session = new LocalSession(server)) {
      var random = new SplittableRandom(7);
      byte[] set = set(0);
      byte[] get = get(0);
      long next = System.nanoTime();
      while (!stop.get()) {
        byte[] request = random.nextInt(100) < reads ? get : set;
        name(request, random.nextInt(keys));
        long began = System.nanoTime();
        session.run(request);
        long now = System.nanoTime();
        gaps.saw(now - began);
        next += 1_000_000_000L / PER_SECOND;
        if (now - next > 1_000_000_000L) {
          next = now; // no endless catching up
        }
        while (System.nanoTime() - next < 0) {
          Thread.onSpinWait();
        }
      }
    }
  }

  private static void snapshot(Server server, int keys) throws IOException, InterruptedException {
    fill(server, keys);
    var stop = new AtomicBoolean();
    var writes = new Gaps();
    var machine = new Gaps();
    var writer = started(s -> load(server, keys, 0, writes, s), stop);
    var clock = started(s -> readClock(machine, s), stop);
    Thread.sleep(3_000);
    System.out.println(
        "| | longest write, ms | longest gap of a thread that reads the clock, ms | took, ms |"
            + " kept, % of memory |");
    System.out.println("|---|---|---|---|---|");
    writes.takeMillis();
    machine.takeMillis();
    Thread.sleep(3_000);
    line("no snapshot, 3 s", writes, machine, "", "");
    for (int i = 1; i <= 5; i++) {
      writes.takeMillis();
      machine.takeMillis();
      long[] most = new long[2]; // kept, entries
      long began = System.nanoTime();
      var keyspace = server.engine.keyspace;
      var over = new CompletableFuture<Void>();
      keyspace
          .snapshots()
          .take(
              new Snapshots.Sink() {
                @Override
                public void database(int number) {}

                @Override
                public void entry(long entry, long expiry) {
                  if ((++most[1] & 1023) == 0) {
                    most[0] = Math.max(most[0], keyspace.walk().preservedBytes());
                  }
                }

                @Override
                public void open(long entry, long expiry, long count, boolean isTimed) {}

                @Override
                public void field(long field) {}

                @Override
                public void close() {}

                @Override
                public void ended(@Nullable Throwable failure) {
                  if (failure == null) {
                    over.complete(null);
                  } else {
                    over.completeExceptionally(failure);
                  }
                }
              });
      over.join();
      String took = String.format(Locale.ROOT, "%.0f", (System.nanoTime() - began) / 1e6);
      double kept = 100.0 * most[0] / keyspace.heap().liveBytes();
      line(
          "snapshot " + i + " of " + most[1] + " keys",
          writes,
          machine,
          took,
          String.format(Locale.ROOT, "%.2f", kept));
      Thread.sleep(1_000);
    }
    stop.set(true);
    writer.join();
    clock.join();
  }

  // ── a save ──

  private static final int VALUE_BYTES = 100;
  private static final int COLLECTIONS_EVERY =
      8; // so many writes one is to a hash, sorted set or list

  private static int elements(int keys) {
    return Math.min(keys / 2, 5_000_000);
  }

  /// Writes to keys that are there, and to one of three large values.
  private static byte[] write(SplittableRandom random, int keys) {
    String n = Integer.toString(random.nextInt(keys));
    return switch (random.nextInt(3 * COLLECTIONS_EVERY)) {
      case 0 ->
          LocalSession.request(
              "HSET", "hash", "field:" + random.nextInt(elements(keys)), "value:" + n);
      case 1 -> LocalSession.request("ZADD", "zset", n, "member:" + random.nextInt(elements(keys)));
      case 2 ->
          LocalSession.request("LSET", "list", "" + random.nextInt(elements(keys)), "other:" + n);
      default -> LocalSession.request("SET", key(Integer.parseInt(n)), "y".repeat(VALUE_BYTES));
    };
  }

  private static void fillToSave(LocalSession session, int keys) {
    String value = "x".repeat(VALUE_BYTES);
    for (int i = 0; i < keys; i++) {
      session.run(LocalSession.request("SET", key(i), value));
    }
    for (int i = 0; i < elements(keys); i++) {
      session.run(LocalSession.request("HSET", "hash", "field:" + i, "value:" + i));
      session.run(LocalSession.request("ZADD", "zset", "" + i, "member:" + i));
      session.run(LocalSession.request("RPUSH", "list", "element:" + i));
    }
  }

  private static void writeSteadily(
      Server server, int keys, Gaps gaps, Gaps delays, AtomicBoolean stop) {
    try (var session = new LocalSession(server)) {
      var random = new SplittableRandom(7);
      byte[][] requests = new byte[1 << 16][]; // made before: what counts is how long they run
      for (int i = 0; i < requests.length; i++) {
        requests[i] = write(random, keys);
      }
      long next = System.nanoTime();
      while (!stop.get()) {
        byte[] request = requests[random.nextInt(requests.length)];
        if (request[4 + 4] == 'S') { // SET: any of all keys
          name(request, random.nextInt(keys));
        }
        long began = System.nanoTime();
        byte[] reply = session.run(request);
        boolean isPutOff = reply.length == 0; // until the walk has come further
        if (isPutOff) {
          session.await(60_000);
        }
        long now = System.nanoTime();
        (isPutOff ? delays : gaps).saw(now - began);
        next += 1_000_000_000L / PER_SECOND;
        if (now - next > 1_000_000_000L) {
          next = now; // no endless catching up
        }
        while (System.nanoTime() - next < 0) {
          Thread.onSpinWait();
        }
      }
    }
  }

  private static long info(LocalSession session, String field) {
    String all = new String(session.run("INFO", "everything"), StandardCharsets.ISO_8859_1);
    int at = all.indexOf("\n" + field + ":") + field.length() + 2;
    return Long.parseLong(all.substring(at, all.indexOf('\r', at)));
  }

  private static void save(Server server, int keys) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("spinel-bench-");
    try (var session = new LocalSession(server)) {
      session.run("CONFIG", "SET", "dir", folder.toString());
      fillToSave(session, keys);
      System.out.printf(Locale.ROOT, "%.2f GB of data%n%n", info(session, "used_memory") / 1e9);
      var stop = new AtomicBoolean();
      var writes = new Gaps();
      var delays = new Gaps();
      var writer = started(s -> writeSteadily(server, keys, writes, delays, s), stop);
      Thread.sleep(3_000);
      System.out.println(
          "| | longest write, ms | longest that was put off, ms | writes, 1/s | took, s |"
              + " kept, % of memory | file, MB |");
      System.out.println("|---|---|---|---|---|---|---|");
      for (int i = 0; i < 4; i++) {
        writes.takeMillis();
        delays.takeMillis();
        long commands = server.engine.count(dev.spinel.engine.Engine.Count.COMMANDS);
        long began = System.nanoTime();
        if (i == 0) {
          Thread.sleep(3_000);
        } else {
          if (session.run("BGSAVE").length == 0) {
            session.await(60_000);
          }
          while (info(session, "rdb_bgsave_in_progress") != 0) {
            Thread.sleep(20);
          }
        }
        double seconds = (System.nanoTime() - began) / 1e9;
        long done = server.engine.count(dev.spinel.engine.Engine.Count.COMMANDS) - commands;
        System.out.printf(
            Locale.ROOT,
            "| %s | %.2f | %.2f | %.0f | %.1f | %s | %s |%n",
            i == 0 ? "no save" : "save " + i,
            writes.takeMillis(),
            delays.takeMillis(),
            done / seconds,
            seconds,
            i == 0
                ? ""
                : decimal(
                    100.0 * info(session, "rdb_last_cow_size") / info(session, "used_memory")),
            i == 0 ? "" : decimal(Files.size(folder.resolve("dump.rdb")) / 1e6));
      }
      stop.set(true);
      writer.join();
    } finally {
      Files.deleteIfExists(folder.resolve("dump.rdb"));
      Files.deleteIfExists(folder.resolve("dump.rdb.lock")); // the server goes on a little
      Files.deleteIfExists(folder);
    }
    System.out.flush();
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.2f", value);
  }

  private static void line(String what, Gaps own, Gaps machine, String took, String kept) {
    System.out.printf(
        Locale.ROOT,
        "| %s | %.2f | %.2f | %s | %s |%n",
        what,
        own.takeMillis(),
        machine.takeMillis(),
        took,
        kept);
  }

  private static void pause(Server server, int keys) throws InterruptedException {
    fill(server, keys);
    var stop = new AtomicBoolean();
    var commands = new Gaps();
    var machine = new Gaps();
    var load = started(s -> load(server, keys, 50, commands, s), stop);
    var clock = started(s -> readClock(machine, s), stop);
    Thread.sleep(3_000);
    System.out.println(
        "| "
            + keys
            + " keys | longest command, ms | longest gap of a thread that reads the clock, ms |");
    System.out.println("|---|---|---|");
    commands.takeMillis();
    machine.takeMillis();
    for (int i = 1; i <= 4; i++) {
      Thread.sleep(5_000);
      System.out.printf(
          Locale.ROOT,
          "| %d to %d s | %.2f | %.2f |%n",
          5 * i - 5,
          5 * i,
          commands.takeMillis(),
          machine.takeMillis());
    }
    stop.set(true);
    load.join();
    clock.join();
  }

  // ── the journal ──

  /// Takes its bytes as a buffer of a file or a backlog does: one copy.
  private static final class Taker implements Journal.Reader {
    private final byte[] ring = new byte[1 << 20];
    private int at;

    @Override
    public void append(byte[] bytes, int from, int length) {
      for (int left = length; left > 0; ) {
        int n = Math.min(left, ring.length - at);
        System.arraycopy(bytes, from + length - left, ring, at, n);
        at = (at + n) & (ring.length - 1);
        left -= n;
      }
    }
  }

  private static void journal(Server server) throws InterruptedException {
    System.out.println("| threads | nobody reads | one reader | two readers |");
    System.out.println("|---|---|---|---|");
    var journal = server.engine.journal;
    for (int threads : new int[] {1, 2, 1, 2, 1, 2}) {
      var line = new StringBuilder("| " + threads);
      for (int readers = 0; readers <= 2; readers++) {
        if (readers > 0) {
          journal.attach(Journal.AOF, new Taker());
        }
        if (readers > 1) {
          journal.attach(Journal.REPLICAS, new Taker());
        }
        line.append(String.format(Locale.ROOT, " | %.2f M/s", writes(server, threads) / 1e6));
        if (readers > 0) {
          journal.detach(Journal.AOF);
        }
        if (readers > 1) {
          journal.detach(Journal.REPLICAS);
        }
      }
      System.out.println(line.append(" |"));
    }
  }

  /// SETs of 16 bytes on 100,000 keys, in pipelines, a second.
  private static double writes(Server server, int threads) throws InterruptedException {
    var done = new AtomicLong();
    var stop = new AtomicBoolean();
    var count = new AtomicBoolean();
    var working = new Thread[threads];
    for (int t = 0; t < threads; t++) {
      long seed = t;
      working[t] = started(end -> write(server, seed, count, done, end), stop);
    }
    Thread.sleep(1_000);
    count.set(true);
    long began = System.nanoTime();
    Thread.sleep(2_000);
    stop.set(true);
    double seconds = (System.nanoTime() - began) / 1e9;
    long counted = done.get();
    for (Thread thread : working) {
      thread.join();
    }
    return counted / seconds;
  }

  private static void write(
      Server server, long seed, AtomicBoolean count, AtomicLong done, AtomicBoolean stop) {
    try (var session = new LocalSession(server)) {
      var random = new SplittableRandom(seed);
      byte[][] batches = new byte[500][];
      for (int b = 0; b < batches.length; b++) {
        var bytes = new ByteArrayOutputStream();
        for (int i = 0; i < PIPELINE; i++) {
          bytes.writeBytes(set(random.nextInt(KEYS)));
        }
        batches[b] = bytes.toByteArray();
      }
      for (int b = 0; !stop.get(); b = (b + 1) % batches.length) {
        session.run(batches[b]);
        if (count.get()) {
          done.addAndGet(PIPELINE);
        }
      }
    }
  }
}
