package dev.spinel.cli.benchmark;

import dev.spinel.cli.Main;
import dev.spinel.cli.Screen;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// `redis-benchmark`: the tests of Redis's, or a command, as the command line says.
public final class Benchmark {
  private final Screen screen;
  private final BenchmarkOptions options;
  private final Targets targets;
  private final SplittableRandom random;

  private Benchmark(Screen screen, BenchmarkOptions options) {
    this.screen = screen;
    this.options = options;
    targets = new Targets(options, screen);
    Long seed = options.seed;
    random = seed == null ? new SplittableRandom() : new SplittableRandom(seed);
  }

  public static void main(String[] arguments) {
    Screen screen = Screen.ofProcess();
    int status = run(screen, Main.bytesOf(arguments));
    Runtime.getRuntime().halt(status);
  }

  /// Runs the program; answers its exit status.
  public static int run(Screen screen, List<String> words) {
    return Main.status(
        screen,
        () -> {
          new Benchmark(screen, BenchmarkOptions.parse(screen, words)).run();
          return 0;
        });
  }

  private void run() throws IOException {
    targets.find();
    if (options.cluster && options.threads == 0) options.threads = targets.nodes.size();
    if (!options.keepAlive) {
      screen.errLine(
          "WARNING: Keepalive disabled. With many requests the ports of this machine run out,"
              + " unless net.ipv4.tcp_tw_reuse is 1.");
    }
    if (!options.command.isEmpty() && options.tests != null) {
      screen.errLine("WARNING: Option -t is ignored.");
    }
    if (options.idle) {
      screen.out(
          "Creating "
              + options.clients
              + " idle connections and waiting forever (Ctrl+C when done)\n");
      new Load(options, screen, targets, greeting(), "", new byte[0]).idle(random);
      return;
    }
    if (options.csv) {
      screen.out(
          "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\","
              + "\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n");
    }
    if (options.command.isEmpty()) suite();
    else command();
  }

  private void command() throws IOException {
    String title = String.join(" ", options.command);
    List<String> words = new ArrayList<>(options.command);
    if (options.lastArgumentFromInput) words.add(screen.readAll());
    byte[] request = request(words.toArray(String[]::new));
    options.dataBytes = request.length;
    do test(title, request);
    while (options.loop);
  }

  private void suite() {
    String data = data(options.dataBytes);
    String tag = options.cluster ? ":{tag}" : "";
    String key = "key" + tag + ":__rand_int__";
    String list = "mylist" + tag;
    do {
      if (options.wants("ping_inline", "ping")) {
        test("PING_INLINE", "PING\r\n".getBytes(StandardCharsets.US_ASCII));
      }
      if (options.wants("ping_mbulk", "ping")) test("PING_MBULK", "PING");
      if (options.wants("set")) test("SET", "SET", key, data);
      if (options.wants("get")) test("GET", "GET", key);
      if (options.wants("incr")) test("INCR", "INCR", "counter" + tag + ":__rand_int__");
      if (options.wants("lpush")) test("LPUSH", "LPUSH", list, data);
      if (options.wants("rpush")) test("RPUSH", "RPUSH", list, data);
      if (options.wants("lpop")) test("LPOP", "LPOP", list);
      if (options.wants("rpop")) test("RPOP", "RPOP", list);
      if (options.wants("sadd")) test("SADD", "SADD", "myset" + tag, "element:__rand_int__");
      if (options.wants("hset")) {
        test("HSET", "HSET", "myhash" + tag, "element:__rand_int__", data);
      }
      if (options.wants("spop")) test("SPOP", "SPOP", "myset" + tag);
      if (options.wants("zadd")) {
        String score = options.random ? "__rand_int__" : "0";
        test("ZADD", "ZADD", "myzset" + tag, score, "element:__rand_int__");
      }
      if (options.wants("zpopmin")) test("ZPOPMIN", "ZPOPMIN", "myzset" + tag);
      if (options.wants("lrange", "lrange_100", "lrange_300", "lrange_500", "lrange_600")) {
        test("LPUSH (needed to benchmark LRANGE)", "LPUSH", list, data);
      }
      for (int count : new int[] {100, 300, 500, 600}) {
        if (options.wants("lrange", "lrange_" + count)) {
          test(
              "LRANGE_" + count + " (first " + count + " elements)",
              "LRANGE",
              list,
              "0",
              "" + (count - 1));
        }
      }
      if (options.wants("mset")) {
        String[] words = new String[21];
        words[0] = "MSET";
        for (int i = 1; i < words.length; i += 2) {
          words[i] = key;
          words[i + 1] = data;
        }
        test("MSET (10 keys)", words);
      }
      if (options.wants("xadd")) {
        test("XADD", "XADD", "mystream" + tag, "*", "myfield", data);
      }
      if (!options.csv) screen.out("\n");
    } while (options.loop);
  }

  /// Bytes between 0 and o, the same in each run.
  private static String data(int bytes) {
    char[] data = new char[bytes];
    int state = 1234;
    for (int i = 0; i < bytes; i++) {
      state = state * 1103515245 + 12345;
      data[i] = (char) ('0' + (state >>> 16 & 63));
    }
    return new String(data);
  }

  private void test(String title, String... words) {
    test(title, request(words));
  }

  private void test(String title, byte[] request) {
    report(title, new Load(options, screen, targets, greeting(), title, request).run(random));
    screen.flush();
  }

  private Load.Greeting greeting() {
    List<String[]> commands = new ArrayList<>();
    String password = options.password;
    if (password != null) {
      commands.add(
          options.user == null
              ? new String[] {"AUTH", password}
              : new String[] {"AUTH", options.user, password});
    }
    if (options.tracking) commands.add(new String[] {"CLIENT", "TRACKING", "on"});
    if (options.database != 0 && !options.cluster) {
      commands.add(new String[] {"SELECT", "" + options.database});
    }
    if (options.resp3) commands.add(new String[] {"HELLO", "3"});
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String[] command : commands) bytes.writeBytes(request(command));
    return new Load.Greeting(bytes.toByteArray(), commands.size());
  }

  private static byte[] request(String... words) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(("*" + words.length + "\r\n").getBytes(StandardCharsets.US_ASCII));
    for (String word : words) {
      bytes.writeBytes(("$" + word.length() + "\r\n").getBytes(StandardCharsets.US_ASCII));
      bytes.writeBytes(word.getBytes(StandardCharsets.ISO_8859_1));
      bytes.writeBytes(new byte[] {'\r', '\n'});
    }
    return bytes.toByteArray();
  }

  // ── the report ──

  private void report(String title, Load.Result result) {
    LatencyHistogram latencies = result.latencies();
    float perSecond = (float) result.finished() / ((float) result.millis() / 1000f);
    float[] figures = {
      (float) latencies.mean() / 1000f,
      latencies.min() / 1000f,
      latencies.atPercentile(50) / 1000f,
      latencies.atPercentile(95) / 1000f,
      latencies.atPercentile(99) / 1000f,
      latencies.max() / 1000f
    };
    if (options.csv) {
      StringBuilder line =
          new StringBuilder('"' + title + "\",\"" + format("%.2f", perSecond) + '"');
      for (float figure : figures) line.append(",\"").append(format("%.3f", figure)).append('"');
      screen.out(line.append('\n').toString());
      return;
    }
    screen.out(" ".repeat(Math.max(1, result.printed())) + "\r");
    if (options.quiet) {
      screen.out(
          title
              + ": "
              + format("%.2f", perSecond)
              + " requests per second, p50="
              + format("%.3f", figures[2])
              + " msec\n");
      return;
    }
    head(title, result);
    screen.out("Latency by percentile distribution:\n");
    latencies.halves(distinct(latencies.total()));
    screen.out("\nCumulative distribution of latencies:\n");
    latencies.steps(distinct(latencies.total()));
    screen.out(
        "\nSummary:\n  throughput summary: "
            + format("%.2f", perSecond)
            + " requests per second\n  latency summary (msec):\n");
    screen.out(
        String.format(
            Locale.ROOT,
            "    %9s %9s %9s %9s %9s %9s\n",
            (Object[]) new String[] {"avg", "min", "p50", "p95", "p99", "max"}));
    StringBuilder line = new StringBuilder("   ");
    for (float figure : figures) line.append(' ').append(format("%9.3f", figure));
    screen.out(line.append('\n').toString());
  }

  private void head(String title, Load.Result result) {
    screen.out("====== " + title + " ======\n");
    screen.out(
        "  "
            + result.finished()
            + " requests completed in "
            + format("%.2f", (float) result.millis() / 1000f)
            + " seconds\n");
    screen.out("  " + options.clients + " parallel clients\n");
    screen.out("  " + options.dataBytes + " bytes payload\n");
    screen.out("  keep alive: " + options.keepAliveShown + "\n");
    if (options.cluster) {
      screen.out("  cluster mode: yes (" + targets.nodes.size() + " masters)\n");
    }
    for (int i = 0; i < targets.keeping.size(); i++) {
      Targets.@Nullable Keeping kept = targets.keeping.get(i);
      if (kept == null) continue;
      if (options.cluster) {
        screen.out("  node [" + i + "] configuration:\n");
        screen.out("    save: " + (kept.save().isEmpty() ? "NONE" : kept.save()) + "\n");
        screen.out("    appendonly: " + kept.appendOnly() + "\n");
      } else {
        screen.out("  host configuration \"save\": " + kept.save() + "\n");
        screen.out("  host configuration \"appendonly\": " + kept.appendOnly() + "\n");
      }
    }
    screen.out("  multi-thread: " + (options.threads > 0 ? "yes" : "no") + "\n");
    if (options.threads > 0) screen.out("  threads: " + options.threads + "\n");
    screen.out("\n");
  }

  /// Prints lines, but not those that say nothing more than the one before.
  private LatencyHistogram.Line distinct(long total) {
    long[] before = {-1};
    return (percentile, micros, count) -> {
      if (count != before[0] || count == total) {
        screen.out(
            String.format(
                Locale.ROOT,
                "%3.3f%% <= %.3f milliseconds (cumulative count %d)\n",
                percentile,
                micros / 1000f,
                count));
      }
      before[0] = count;
    };
  }

  private static String format(String how, float number) {
    return Float.isInfinite(number) ? "inf" : String.format(Locale.ROOT, how, number);
  }
}
