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
    var config = Config.of("save", "");
    var log = new Log(config, OutputStream.nullOutputStream());
    try (var server = new Server(config, log, Clock.SYSTEM)) {
      server.startWithoutListening();
      switch (arguments.length == 0 ? "commands" : arguments[0]) {
        case "commands" -> commands(server);
        case "snapshot" -> snapshot(server, keys(arguments, 1_000_000));
        case "pause" -> pause(server, keys(arguments, 10_000_000));
        case "journal" -> journal(server);
        default -> throw new IllegalArgumentException("no such part: " + arguments[0]);
      }
    }
  }

  private static int keys(String[] arguments, int otherwise) {
    return arguments.length > 1 ? Integer.parseInt(arguments[1]) : otherwise;
  }

  // ── commands

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

  // ── latency under a steady load

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
                public void open(long entry, long expiry, long count) {}

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

  // ── the journal

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
