package dev.spinel.bench;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// How long nobody takes writes after a primary was lost: `bench/failovers`.
///
/// A deployment of one program, each server and Sentinel a process of its own. Its primary is
/// killed (or stopped) again and again, and started again in between. Beside it writers try at
/// every other server, each millisecond: the first that succeeds ends the outage. With Sentinels
/// their events are listened to, too.
///
/// ```
///   kill ─► +sdown ─► +odown ─► +switch-master    (Sentinel: first of all that are heard)
///     └──────────────────────────► first write    (at whoever takes it)
///   started again, answers ──────► is a replica   (until then it may take writes that are lost)
/// ```
public final class FailoverBench {
  private static final String NAME = "store";
  private static final long PATIENCE_MILLIS = 60_000;
  private static final int PAUSE_MILLIS = 1500; // after all is well again

  /// Which deployment loses which of its servers, and how.
  private enum Kind {
    SENTINEL,
    CLUSTER
  }

  /// Milliseconds of each loss.
  private record Result(
      List<Double> down,
      List<Double> switched,
      List<Double> written,
      List<Double> agreedToWritten,
      List<Double> converted) {
    Result() {
      this(
          new ArrayList<>(),
          new ArrayList<>(),
          new ArrayList<>(),
          new ArrayList<>(),
          new ArrayList<>());
    }
  }

  private final Path folder;
  private final List<String> program;
  private final Kind kind;
  private final String signal;
  private final int timeoutMillis;
  private final int slowMillis; // of what takes longer the servers' logs are shown; 0: of nothing
  private final List<Node> servers = new ArrayList<>();
  private final List<Node> sentinels = new ArrayList<>();
  private final Map<String, Long> events = new ConcurrentHashMap<>(); // first of each type, nanos
  private final List<Client> listeners = new ArrayList<>();

  /// A process with its port.
  private final class Node {
    final Path home;
    final int port;
    final List<String> words;
    private @Nullable Process process;

    Node(String name, int port, List<String> words) throws IOException {
      this.home = Files.createDirectories(folder.resolve(name));
      this.port = port;
      this.words = words;
    }

    void start() throws IOException {
      List<String> command = new ArrayList<>(program);
      command.addAll(words);
      process =
          new ProcessBuilder(command)
              .directory(home.toFile())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(home.resolve("log").toFile()))
              .start();
      await(this::answers, home.getFileName() + " doesn't answer");
    }

    private Process running() {
      return Objects.requireNonNull(process, "it was never started");
    }

    private boolean answers() {
      if (!running().isAlive()) {
        throw new IllegalStateException(home + " has ended; see its log");
      }
      String reply = ask("PING");
      return reply.equals("PONG");
    }

    String ask(String... words) {
      try (Client client = Client.connect("127.0.0.1", port, 1000).timeoutMillis(2000)) {
        return text(client.command(words));
      } catch (IOException e) {
        return "";
      }
    }

    private String text(RespValue reply) {
      return reply instanceof RespValue.Array array
          ? String.join(" ", array.elements().stream().map(this::text).toList())
          : String.valueOf(reply.text());
    }

    void signal(String name) throws IOException {
      try {
        new ProcessBuilder("kill", "-" + name, "" + running().pid()).start().waitFor();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    /// What it has logged since its log was so long.
    void showLog(long from) throws IOException {
      try (InputStream log = Files.newInputStream(home.resolve("log"))) {
        log.skipNBytes(from);
        System.err.printf(
            "%s, port %d:%n%s",
            home.getFileName(), port, new String(log.readAllBytes(), StandardCharsets.UTF_8));
      }
    }

    void end() {
      running().destroyForcibly();
      try {
        running().waitFor(10, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private FailoverBench(
      Path folder, String program, Kind kind, String signal, int timeoutMillis, int slowMillis) {
    this.folder = folder;
    this.program = Arrays.asList(program.split(" "));
    this.kind = kind;
    this.signal = signal;
    this.timeoutMillis = timeoutMillis;
    this.slowMillis = slowMillis;
  }

  public static void main(String[] arguments) throws Exception {
    List<String> programs = new ArrayList<>();
    List<Kind> kinds = new ArrayList<>();
    List<String> signals = new ArrayList<>();
    int kills = 50;
    int timeout = 1000;
    int slow = 0;
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      String value = arguments[i + 1];
      switch (arguments[i]) {
        case "--program" -> programs.add(value);
        case "--kind" -> kinds.add(Kind.valueOf(value.toUpperCase(Locale.ROOT)));
        case "--signal" -> signals.add(value.toUpperCase(Locale.ROOT));
        case "--kills" -> kills = Integer.parseInt(value);
        case "--timeout" -> timeout = Integer.parseInt(value);
        case "--slow" -> slow = Integer.parseInt(value);
        default -> throw new IllegalArgumentException("unknown option " + arguments[i]);
      }
    }
    if (kills < 1 || kills > 1000 || timeout < 100) {
      throw new IllegalArgumentException("--kills 1 to 1000, --timeout from 100 ms on");
    }
    System.out.println(
        "| deployment | program | signal | to +sdown, ms | to +switch-master | to the first write:"
            + " median | p99 | longest | from +odown to it, median | back: until it is a replica,"
            + " median | longest |");
    System.out.println("|---|---|---|---|---|---|---|---|---|---|---|");
    for (Kind kind : kinds.isEmpty() ? List.of(Kind.values()) : kinds) {
      for (String signal : signals.isEmpty() ? List.of("KILL", "STOP") : signals) {
        for (String program : programs) {
          measure(program, kind, signal, timeout, slow, kills);
        }
      }
    }
  }

  private static void measure(
      String program, Kind kind, String signal, int timeout, int slow, int kills) throws Exception {
    Path folder = Files.createTempDirectory("failovers");
    FailoverBench bench = new FailoverBench(folder, program, kind, signal, timeout, slow);
    Thread ending = new Thread(bench::endAll);
    Runtime.getRuntime().addShutdownHook(ending);
    boolean isDone = false;
    try {
      String version = bench.start();
      Result result = new Result();
      for (int i = 0; i < kills; i++) {
        bench.lose(result);
      }
      System.out.printf(
          Locale.ROOT,
          "| %s, %d ms | %s | SIG%s | %s | %s | %s | %s | %s | %s | %s | %s |%n",
          kind.name().toLowerCase(Locale.ROOT),
          timeout,
          version,
          signal,
          shown(result.down, .5),
          shown(result.switched, .5),
          shown(result.written, .5),
          shown(result.written, .99),
          shown(result.written, 1),
          shown(result.agreedToWritten, .5),
          shown(result.converted, .5),
          shown(result.converted, 1));
      isDone = true;
    } finally {
      if (!isDone) {
        bench.showAll();
        System.err.println("failovers: the servers' files are kept in " + folder);
      }
      bench.endAll();
      Runtime.getRuntime().removeShutdownHook(ending);
      if (isDone) {
        try (Stream<Path> files = Files.walk(folder)) {
          files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
      }
    }
  }

  /// What each server says, for whoever has to find out what is wrong.
  private void showAll() {
    for (Node node : servers) {
      System.err.println(node.home.getFileName() + ", port " + node.port + ":");
      System.err.println(node.ask("INFO", "replication"));
      if (kind == Kind.CLUSTER) {
        System.err.println(node.ask("CLUSTER", "INFO"));
        System.err.println(node.ask("CLUSTER", "NODES"));
      }
    }
  }

  private static String shown(List<Double> all, double part) {
    if (all.isEmpty()) {
      return "–";
    }
    List<Double> sorted = all.stream().sorted().toList();
    int index = (int) Math.ceil(part * sorted.size()) - 1;
    return Long.toString(Math.round(sorted.get(Math.max(0, index))));
  }

  // ── the deployment ──

  private void endAll() {
    listeners.forEach(Client::close);
    servers.forEach(Node::end);
    sentinels.forEach(Node::end);
  }

  private static int freePort() throws IOException {
    while (true) {
      try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        if (probe.getLocalPort() < 55_000) {
          return probe.getLocalPort(); // a cluster adds 10000
        }
      }
    }
  }

  /// Starts everything, and returns the program's name and version.
  private String start() throws Exception {
    int count = kind == Kind.CLUSTER ? 6 : 3;
    for (int i = 0; i < count; i++) {
      int port = freePort();
      List<String> words =
          new ArrayList<>(
              List.of("--port", "" + port, "--save", "", "--repl-diskless-sync-delay", "0"));
      if (kind == Kind.CLUSTER) {
        words.addAll(
            List.of("--cluster-enabled", "yes", "--cluster-node-timeout", "" + timeoutMillis));
      } else if (i > 0) {
        words.addAll(List.of("--replicaof", "127.0.0.1 " + servers.getFirst().port));
      }
      Node node = new Node("server-" + i, port, words);
      servers.add(node);
      node.start();
    }
    if (kind == Kind.CLUSTER) {
      formCluster();
    } else {
      startSentinels();
    }
    String info = servers.getFirst().ask("INFO", "server");
    String spinel = field(info, "spinel_version");
    String valkey = field(info, "valkey_version");
    return !spinel.isEmpty()
        ? "Spinel"
        : !valkey.isEmpty() ? "Valkey " + valkey : "Redis " + field(info, "redis_version");
  }

  private static String field(String info, String name) {
    for (String line : info.split("\r\n")) {
      if (line.startsWith(name + ":")) {
        return line.substring(name.length() + 1);
      }
    }
    return "";
  }

  private void formCluster() {
    for (int i = 0; i < 6; i++) {
      for (int j = 0; j < 6; j++) {
        servers.get(i).ask("CLUSTER", "MEET", "127.0.0.1", "" + servers.get(j).port);
      }
      if (i < 3) {
        String last = i == 2 ? "16383" : "" + (i * 5461 + 5460);
        servers.get(i).ask("CLUSTER", "ADDSLOTSRANGE", "" + i * 5461, last);
        servers.get(i).ask("CLUSTER", "SET-CONFIG-EPOCH", "" + (i + 1));
      }
    }
    for (int i = 3; i < 6; i++) {
      String id = servers.get(i - 3).ask("CLUSTER", "MYID");
      Node replica = servers.get(i);
      await(() -> replica.ask("CLUSTER", "REPLICATE", id).equals("OK"), "a replica isn't one");
    }
    awaitWell();
  }

  private void startSentinels() throws IOException {
    for (int i = 0; i < 3; i++) {
      int port = freePort();
      Path home = Files.createDirectories(folder.resolve("sentinel-" + i));
      Path file = home.resolve("sentinel.conf");
      Files.writeString(
          file,
          String.join(
              "\n",
              "port " + port,
              "dir \"" + home + "\"",
              "sentinel monitor " + NAME + " 127.0.0.1 " + servers.getFirst().port + " 2",
              "sentinel down-after-milliseconds " + NAME + " " + timeoutMillis,
              "sentinel failover-timeout " + NAME + " 2000",
              ""));
      Node sentinel = new Node("sentinel-" + i, port, List.of(file.toString(), "--sentinel"));
      sentinels.add(sentinel);
      sentinel.start();
      listen(port);
    }
    awaitWell();
  }

  private void listen(int port) throws IOException {
    Client client = Client.connect("127.0.0.1", port).timeoutMillis(0);
    listeners.add(client);
    client.send("SUBSCRIBE", "+sdown", "+odown", "+switch-master");
    client.flush();
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                while (true) {
                  List<RespValue> message = client.receive().elements();
                  String channel = String.valueOf(message.get(1).text());
                  String text = String.valueOf(message.get(2).text());
                  boolean matters = channel.equals("+switch-master") || text.startsWith("master ");
                  if ("message".equals(message.getFirst().text()) && matters) {
                    events.putIfAbsent(channel, System.nanoTime());
                  }
                }
              } catch (IOException e) {
                return; // the end
              }
            });
  }

  // ── one loss ──

  private Node primary() {
    for (Node node : servers) {
      if (isPrimary(node)) {
        return node;
      }
    }
    throw new IllegalStateException("no primary");
  }

  /// Of a cluster: the one that owns the slot of the key that is written to.
  private boolean isPrimary(Node node) {
    return kind == Kind.CLUSTER
        ? node.ask("SET", "key", "value").equals("OK")
        : node.ask("ROLE").startsWith("master");
  }

  private void lose(Result result) throws Exception {
    Node lost = primary();
    Map<Node, Long> logs = new LinkedHashMap<>();
    for (Node node : servers) {
      logs.put(node, Files.size(node.home.resolve("log")));
    }
    Map<Node, Thread> writers = new ConcurrentHashMap<>();
    long[] first = new long[1];
    boolean[] over = new boolean[1];
    for (Node node : servers) {
      if (node != lost) {
        writers.put(node, Thread.ofPlatform().daemon().start(() -> write(node, first, over)));
      }
    }
    Thread.sleep(50);
    events.clear();
    long at = System.nanoTime();
    lost.signal(signal);
    await(
        () -> {
          synchronized (first) {
            return first[0] != 0;
          }
        },
        "nobody takes writes");
    if (kind == Kind.SENTINEL) {
      await(() -> events.containsKey("+switch-master"), "no Sentinel tells of a switch");
      result.down.add((events.getOrDefault("+sdown", at) - at) / 1e6);
      Long agreed = events.get("+odown"); // the SDOWN that completes the quorum
      if (agreed != null) {
        synchronized (first) {
          result.agreedToWritten.add((first[0] - agreed) / 1e6);
        }
      }
      result.switched.add((events.getOrDefault("+switch-master", at) - at) / 1e6);
    }
    synchronized (first) {
      over[0] = true;
      result.written.add((first[0] - at) / 1e6);
    }
    for (Thread writer : writers.values()) {
      writer.join();
    }
    double millis = result.written.getLast();
    if (slowMillis > 0 && millis > slowMillis) {
      System.err.printf(Locale.ROOT, "%n%.0f ms; port %d was lost%n", millis, lost.port);
      for (Map.Entry<Node, Long> log : logs.entrySet()) {
        log.getKey().showLog(log.getValue());
      }
    }
    if (signal.equals("STOP")) {
      lost.signal("CONT");
    } else {
      lost.end();
      lost.start();
    }
    long back = System.nanoTime();
    await(() -> lost.ask("ROLE").startsWith("slave"), "the old primary isn't made a replica");
    result.converted.add((System.nanoTime() - back) / 1e6);
    awaitWell();
    Thread.sleep(PAUSE_MILLIS);
  }

  /// Tries to write, each millisecond, until somebody has succeeded.
  private static void write(Node node, long[] first, boolean[] over) {
    Client client = null;
    try {
      while (true) {
        synchronized (first) {
          if (first[0] != 0 || over[0]) {
            return;
          }
        }
        try {
          if (client == null) {
            client = Client.connect("127.0.0.1", node.port, 1000).timeoutMillis(1000);
          }
          if (String.valueOf(client.command("SET", "key", "value").text()).equals("OK")) {
            long now = System.nanoTime();
            synchronized (first) {
              first[0] = first[0] == 0 ? now : first[0];
            }
            return;
          }
        } catch (IOException e) {
          if (client != null) {
            client.close(); // Sentinel ends clients of a server whose role it changes
          }
          client = null;
        }
        Thread.sleep(1);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      if (client != null) {
        client.close();
      }
    }
  }

  /// Waits until everybody follows one primary, and all know it.
  private void awaitWell() {
    await(
        () -> {
          int primaries = 0;
          int connected = 0;
          for (Node node : servers) {
            String info = node.ask("INFO", "replication");
            primaries += field(info, "role").equals("master") ? 1 : 0;
            connected += field(info, "master_link_status").equals("up") ? 1 : 0;
          }
          boolean roles =
              kind == Kind.CLUSTER
                  ? primaries == 3 && connected == 3
                  : primaries == 1 && connected == 2;
          return roles && all(kind == Kind.CLUSTER ? servers : sentinels);
        },
        "the deployment doesn't get well");
  }

  private boolean all(List<Node> nodes) {
    Map<String, Integer> views = new TreeMap<>();
    for (Node node : nodes) {
      if (kind == Kind.CLUSTER) {
        String info = node.ask("CLUSTER", "INFO");
        String list = node.ask("CLUSTER", "NODES");
        boolean well =
            field(info, "cluster_state").equals("ok")
                && !list.contains("fail")
                && list.lines().count() == 6;
        views.merge(well ? "well" : "ill", 1, Integer::sum);
      } else {
        String info = node.ask("INFO", "sentinel");
        String line = field(info, "master0");
        boolean well = line.contains("status=ok") && line.contains("slaves=2,sentinels=3");
        views.merge(well ? line : "ill " + node.port, 1, Integer::sum);
      }
    }
    return views.size() == 1 && !views.containsKey("ill");
  }

  private static void await(BooleanSupplier condition, String otherwise) {
    long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new UncheckedIOException(new IOException(otherwise));
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }
  }
}
