package dev.spinel.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.spinel.net.Connection;
import dev.spinel.net.Connector;
import dev.spinel.net.Handler;
import dev.spinel.net.Incidents;
import dev.spinel.net.Listener;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// A load generator that costs little: one loop of `net` on the client's side, so that a server of
/// several cores is the limit before the cores are that make the load.
///
/// ```
/// ./spinel bench load --port N [--host A] [--ops get,set,incr,lpush,lpop,hset] [--pipeline P] [--clients C]
///                     [--requests R] [--warm-up W] [--keys K] [--bytes B] [--transport nio|auto] [--seed S]
/// ```
///
/// It asks what `redis-benchmark -t OPS -r K` asks, byte for byte, of whatever server there is:
/// each of C connections sends P requests at a time and sends the next P when all replies have
/// come. Each reply must begin with the byte that is right for it, or the run ends with what came
/// instead.
///
/// **What it saves.** A request is twelve digits drawn into bytes that are made already and copied
/// to the output; a reply is looked at byte by byte, once. All that came is handled in one turn and
/// answered with one system call (`io_uring`), where `redis-benchmark` needs two for each batch.
///
/// **What is measured.** From the moment before a turn's requests leave (one look at the clock for
/// all of them) to the beginning of the turn in which the reply came. `--warm-up` requests go
/// first, while the compilers work, and count for nothing. CPU seconds are the whole process's,
/// compilers included, from the first request that counts to the last reply.
public final class LoadBench {
  private static final int DIGITS = 12;
  private static final int CONNECT_MILLIS = 10_000;
  private static final int SILENCE_SECONDS = 30;

  /// What is sent for each name (`#`: twelve random digits; `@`: the value), and the first byte of
  /// what comes back.
  private enum Op {
    SET("+", "SET", "key:#", "@"),
    GET("$", "GET", "key:#"),
    INCR(":", "INCR", "counter:#"),
    LPUSH(":", "LPUSH", "mylist", "@"),
    LPOP("$", "LPOP", "mylist"),
    HSET(":", "HSET", "myhash", "element:#", "@");

    final byte reply;
    final List<String> words;

    Op(String reply, String... words) {
      this.reply = (byte) reply.charAt(0);
      this.words = List.of(words);
    }
  }

  private LoadBench() {}

  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = options(arguments);
    var ops = new ArrayList<Op>();
    for (var name : options.getOrDefault("ops", "get").split(",")) {
      ops.add(op(name));
    }
    int pipeline = number(options, "pipeline", 1, 100_000);
    int clients = number(options, "clients", 50, 50_000);
    long requests = number(options, "requests", 1_000_000, Integer.MAX_VALUE);
    long warmUp =
        options.containsKey("warm-up")
            ? number(options, "warm-up", 0, Integer.MAX_VALUE)
            : requests / 5;
    int keys = number(options, "keys", 100_000, Integer.MAX_VALUE);
    int bytes = number(options, "bytes", 3, 1 << 29);
    int port = number(options, "port", 6379, 65_535);
    long seed =
        options.containsKey("seed")
            ? number(options, "seed", 1, Integer.MAX_VALUE)
            : System.nanoTime();
    var host = options.getOrDefault("host", "127.0.0.1");
    var transport = transport(options.getOrDefault("transport", "auto"));

    var generator = new Generator(clients, pipeline, keys, bytes, new SplittableRandom(seed));
    try (var net = Net.start(1, "load-", loop -> generator, generator, transport)) {
      var loop = net.loops().getFirst();
      var remote = new InetSocketAddress(host, port);
      generator.connect(loop, remote);
      await(generator.connected, loop);
      for (var op : ops) {
        run(generator, loop, op, warmUp);
        long cpu = cpuNanos();
        var latencies = run(generator, loop, op, requests);
        cpu = cpuNanos() - cpu;
        double seconds = generator.seconds();
        System.out.printf(
            Locale.ROOT,
            "%s: %.0f requests/s (%d in %.3f s), p50 %.3f p99 %.3f p99.9 %.3f ms, CPU %.3f s (%.2f"
                + " us each), %s%n",
            op.name().toLowerCase(Locale.ROOT),
            requests / seconds,
            requests,
            seconds,
            latencies.millis(.5),
            latencies.millis(.99),
            latencies.millis(.999),
            cpu / 1e9,
            cpu / 1e3 / requests,
            net.transport().name().toLowerCase(Locale.ROOT));
      }
    } catch (ExecutionException e) {
      var cause = e.getCause() == null ? e : e.getCause();
      throw fail(String.valueOf(cause.getMessage()));
    } catch (TimeoutException e) {
      throw fail("nothing came for " + SILENCE_SECONDS + " seconds");
    }
  }

  private static Latencies run(Generator generator, Loop loop, Op op, long requests)
      throws Exception {
    var done = new CompletableFuture<Latencies>();
    loop.post(() -> generator.begin(op, requests, done));
    return await(done, loop);
  }

  private static <T> T await(CompletableFuture<T> done, Loop loop) throws Exception {
    while (true) {
      long came = loop.counts().bytesIn();
      try {
        return done.get(SILENCE_SECONDS, TimeUnit.SECONDS);
      } catch (TimeoutException e) {
        if (came == loop.counts().bytesIn()) {
          throw e;
        }
      }
    }
  }

  private static long cpuNanos() {
    var system = ManagementFactory.getOperatingSystemMXBean();
    return ((com.sun.management.OperatingSystemMXBean) system).getProcessCpuTime();
  }

  // ── the command line ──

  private static Map<String, String> options(String[] arguments) {
    var known =
        List.of(
            "host",
            "port",
            "ops",
            "pipeline",
            "clients",
            "requests",
            "warm-up",
            "keys",
            "bytes",
            "transport",
            "seed");
    var options = new HashMap<String, String>();
    for (int i = 0; i < arguments.length; i += 2) {
      var name = arguments[i].startsWith("--") ? arguments[i].substring(2) : "";
      if (!known.contains(name) || i + 1 == arguments.length) {
        throw fail("bad option: " + arguments[i] + " (known, with a value each: " + known + ')');
      }
      options.put(name, arguments[i + 1]);
    }
    return options;
  }

  private static int number(Map<String, String> options, String name, int otherwise, int most) {
    var given = options.get(name);
    try {
      int number = given == null ? otherwise : Integer.parseInt(given);
      if (number >= (name.equals("warm-up") || name.equals("bytes") ? 0 : 1) && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw fail("--" + name + " must be a number up to " + most + ", not " + given);
  }

  private static Op op(String name) {
    for (var op : Op.values()) {
      if (op.name().equalsIgnoreCase(name)) {
        return op;
      }
    }
    throw fail("--ops knows set, get, incr, lpush, lpop and hset, not " + name);
  }

  private static TransportChoice transport(String name) {
    return switch (name) {
      case "auto" -> TransportChoice.AUTO;
      case "nio" -> TransportChoice.NIO;
      default -> throw fail("--transport must be nio or auto, not " + name);
    };
  }

  /// Ends the process.
  private static RuntimeException fail(String why) {
    System.err.println("spinel bench load: " + why);
    System.exit(1);
    return new IllegalStateException(why);
  }

  // ── the load ──

  /// What all connections share. Loop thread only, but for the futures.
  private static final class Generator implements LoopHooks, Incidents {
    final CompletableFuture<Void> connected = new CompletableFuture<>();
    private final int clients;
    private final int pipeline;
    private final int keys;
    private final int valueBytes;
    private final SplittableRandom random;
    private final List<Session> sessions = new ArrayList<>();

    /// Those that have written requests in this turn.
    private final List<Session> fresh = new ArrayList<>();

    /// The present run.
    private CompletableFuture<Latencies> done = new CompletableFuture<>();

    private Latencies latencies = new Latencies();
    private byte reply;
    private long unsent;
    private long unanswered;
    private long beganNanos;
    private long tookNanos;

    /// P requests, of `requestBytes` each, with their digits from `digitsAt` on (-1: they have
    /// none), of which the first `still` are always 0.
    private byte[] batch = {};

    private int requestBytes;
    private int digitsAt;
    private int still;

    Generator(int clients, int pipeline, int keys, int valueBytes, SplittableRandom random) {
      this.clients = clients;
      this.pipeline = pipeline;
      this.keys = keys;
      this.valueBytes = valueBytes;
      this.random = random;
    }

    /// From outside.
    void connect(Loop loop, InetSocketAddress remote) {
      for (int i = 0; i < clients; i++) {
        loop.connect(remote, null, CONNECT_MILLIS, new Session(this, loop));
      }
    }

    void stands(Session session) {
      sessions.add(session);
      if (sessions.size() == clients) {
        connected.complete(null);
      }
    }

    void begin(Op op, long requests, CompletableFuture<Latencies> done) {
      this.done = done;
      latencies = new Latencies();
      reply = op.reply;
      build(op);
      unsent = requests;
      unanswered = requests;
      beganNanos = System.nanoTime();
      if (requests == 0) {
        done.complete(latencies);
      }
      for (var session : sessions) {
        session.ask();
        session.connection().flush();
      }
    }

    private void build(Op op) {
      var request = new StringBuilder("*").append(op.words.size()).append("\r\n");
      var value = "x".repeat(valueBytes);
      digitsAt = -1;
      for (var word : op.words) {
        var text = word.replace("#", "0".repeat(DIGITS)).replace("@", value);
        request.append('$').append(text.length()).append("\r\n");
        if (word.endsWith("#")) {
          digitsAt = request.length() + word.length() - 1;
        }
        request.append(text).append("\r\n");
      }
      requestBytes = request.length();
      still = DIGITS - Integer.toString(keys - 1).length();
      var all = new ByteArrayOutputStream();
      for (int i = 0; i < pipeline; i++) {
        all.writeBytes(request.toString().getBytes(US_ASCII));
      }
      batch = all.toByteArray();
    }

    /// Writes the next requests of a connection. Returns how many.
    int write(Session session) {
      int count = (int) Math.min(pipeline, unsent);
      if (count == 0) {
        return 0;
      }
      unsent -= count;
      if (digitsAt >= 0) {
        for (int i = 0, at = digitsAt; i < count; i++, at += requestBytes) {
          draw(at);
        }
      }
      session.connection().output().write(batch, 0, count * requestBytes);
      fresh.add(session);
      return count;
    }

    private void draw(int at) {
      int number = random.nextInt(keys);
      for (int i = at + DIGITS - 1; i >= at + still; i--) {
        int rest = number / 10;
        batch[i] = (byte) ('0' + number - 10 * rest);
        number = rest;
      }
    }

    void answered(int count, long nanos) {
      latencies.add(nanos, count);
      unanswered -= count;
      if (unanswered == 0) {
        tookNanos = System.nanoTime() - beganNanos;
        done.complete(latencies);
      }
    }

    double seconds() {
      return tookNanos / 1e9;
    }

    void fail(Throwable why) {
      connected.completeExceptionally(why);
      done.completeExceptionally(why);
    }

    @Override
    public void turnBegins() {}

    @Override
    public void aboutToSend() {
      if (!fresh.isEmpty()) {
        long now = System.nanoTime();
        for (int i = 0; i < fresh.size(); i++) {
          fresh.get(i).sentNanos = now;
        }
        fresh.clear();
      }
    }

    @Override
    public void turnEnds() {}

    @Override
    public void uncaught(Throwable cause, @Nullable Connection connection) {
      cause.printStackTrace();
      fail(cause);
    }

    @Override
    public void loopEnded(Loop loop) {
      fail(new IOException("the loop has ended"));
    }

    @Override
    public void acceptFailed(Listener listener, IOException cause) {
      fail(cause);
    }

    @Override
    public void addressSkipped(String message) {}
  }

  /// One connection. Loop thread only.
  private static final class Session implements Connector, Handler {
    private final Generator generator;
    private final Loop loop;
    private @Nullable Connection connection;

    /// When the requests under way left, and how many of them aren't answered.
    long sentNanos;

    private int waiting;

    // The reply that is being read, which may come in pieces:
    private byte kind; // its first byte, or 0: nothing of it has come
    private boolean isNil;
    private int length; // of a bulk
    private int body; // bytes of it, with its end of line, still to come

    Session(Generator generator, Loop loop) {
      this.generator = generator;
      this.loop = loop;
    }

    Connection connection() {
      if (connection == null) {
        throw new IllegalStateException("not connected yet");
      }
      return connection;
    }

    @Override
    public Handler accept(Connection connection) {
      this.connection = connection;
      generator.stands(this);
      return this;
    }

    @Override
    public void failed(IOException reason) {
      generator.fail(reason);
    }

    void ask() {
      waiting = generator.write(this);
    }

    @Override
    public void run(byte[] buffer, int from, int to) {
      int replies = 0;
      int at = from;
      while (at < to) {
        if (body > 0) {
          int part = Math.min(body, to - at);
          body -= part;
          at += part;
          if (body == 0) {
            replies++;
          }
          continue;
        }
        byte c = buffer[at++];
        if (kind == 0) {
          if (c != generator.reply || replies == waiting) {
            generator.fail(new IOException("a wrong reply: " + line(buffer, at - 1, to)));
            connection().close();
            return;
          }
          kind = c;
          isNil = false;
          length = 0;
        } else if (c == '\n') {
          if (kind == '$' && !isNil) {
            body = length + 2;
          } else {
            replies++;
          }
          kind = 0;
        } else if (kind == '$' && c != '\r') {
          isNil |= c == '-';
          length = 10 * length + c - '0';
        }
      }
      if (replies > 0) {
        waiting -= replies;
        generator.answered(replies, loop.nanos() - sentNanos);
        if (waiting == 0) {
          ask();
        }
      }
    }

    private static String line(byte[] buffer, int from, int to) {
      int end = from;
      while (end < to && end < from + 200 && buffer[end] != '\r') {
        end++;
      }
      return new String(buffer, from, end - from, US_ASCII);
    }

    @Override
    public void closed() {
      generator.fail(new IOException("the server has closed a connection"));
    }
  }

  /// Counts by logarithm: 128 buckets for each power of two, so figures are right within .8 %.
  private static final class Latencies {
    private static final int BITS = 7;
    private final long[] counts = new long[64 << BITS];
    private long total;

    void add(long nanos, int count) {
      counts[bucket(Math.max(nanos, 0))] += count;
      total += count;
    }

    private static int bucket(long nanos) {
      int shift = Math.max(0, 63 - BITS - Long.numberOfLeadingZeros(nanos));
      return (shift << BITS) + (int) (nanos >>> shift);
    }

    /// The latency, in milliseconds, that this part of all had at most.
    double millis(double part) {
      long left = (long) Math.ceil(part * total);
      int at = 0;
      while (at < counts.length - 1 && (left -= counts[at]) > 0) {
        at++;
      }
      int shift = Math.max(0, (at >>> BITS) - 1);
      return ((long) (at - (shift << BITS)) << shift) / 1e6;
    }
  }
}
