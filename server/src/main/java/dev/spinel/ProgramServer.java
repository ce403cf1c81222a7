package dev.spinel;

import dev.spinel.peer.Address;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A process of another program, like `redis-server` or `valkey-server`, as a member of a topology.
///
/// How it stands is asked ten times a second, by a thread of its own, over one connection.
final class ProgramServer implements Member {
  private static final String LOCALHOST = "127.0.0.1";
  private static final int POLL_MILLIS = 100;
  private static final int ANSWER_MILLIS = 2000;
  private static final long START_MILLIS = 60_000;
  private static final long END_SECONDS = 20;

  /// What a server of a cluster is asked besides.
  enum Kind {
    SERVER,
    NODE,
    SENTINEL
  }

  private final Process process;
  private final Kind kind;
  private final int port;
  private final String password;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private final Thread watcher;
  private final Thread hook; // the process ends with this JVM
  private volatile View view = View.NONE;
  private volatile List<Known> known = List.of();

  private ProgramServer(Process process, Kind kind, int port, String password) {
    this.process = process;
    this.kind = kind;
    this.port = port;
    this.password = password;
    hook = new Thread(process::destroy, "spinel-end-" + port);
    Runtime.getRuntime().addShutdownHook(hook);
    watcher = Thread.ofVirtual().name("spinel-watch-" + port).unstarted(this::watch);
  }

  /// Starts the program with a file that it may write to, in the file's folder, and waits until it
  /// has loaded its data. Its log is appended to the file `log` there.
  ///
  /// Errors: [UncheckedIOException] if there is no such program or it ends; its last word is told.
  static ProgramServer start(Path program, Path file, Kind kind, int port, String password) {
    Path folder = file.resolveSibling("");
    Path log = folder.resolve("log");
    List<String> command = new ArrayList<>(List.of(program.toString(), file.toString()));
    if (kind == Kind.SENTINEL) {
      command.add("--sentinel");
    }
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .directory(folder.toFile())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .start();
      process.getOutputStream().close();
    } catch (IOException e) {
      throw new UncheckedIOException("can't start " + program + ": " + e.getMessage(), e);
    }
    ProgramServer server = new ProgramServer(process, kind, port, password);
    try {
      server.awaitAnswer(log);
    } catch (InterruptedException e) {
      server.kill();
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException("interrupted", e));
    } catch (IOException e) {
      server.kill();
      throw new UncheckedIOException(e.getMessage(), e);
    }
    server.watcher.start();
    return server;
  }

  /// Whoever has the port may answer before the program finds it taken, so it is asked for its
  /// process, too.
  private void awaitAnswer(Path log) throws IOException, InterruptedException {
    long end = System.nanoTime() + START_MILLIS * 1_000_000;
    while (System.nanoTime() - end < 0) {
      if (!process.isAlive()) {
        throw new IOException(
            "it ended at its start: " + lastWord(log) + " (" + log.toAbsolutePath() + ")");
      }
      boolean isTaken = false;
      try (Client client = connect()) {
        if (client.command("PING") instanceof RespValue.Simple) {
          String answering = field(text(client.command("INFO", "server")), "process_id");
          isTaken = !answering.equals(Long.toString(process.pid()));
          if (!isTaken) {
            look(client);
            return;
          }
        }
      } catch (IOException notYet) {
        // it is looked at again below
      }
      if (isTaken) {
        throw new BindException(
            "can't listen at " + LOCALHOST + ":" + port + ": another server does");
      }
      process.waitFor(5, TimeUnit.MILLISECONDS);
    }
    throw new IOException("it doesn't answer at " + LOCALHOST + ":" + port);
  }

  private static String lastWord(Path log) throws IOException {
    List<String> lines = Files.readAllLines(log, StandardCharsets.ISO_8859_1);
    for (int i = lines.size() - 1; i >= 0; i--) {
      if (!lines.get(i).isBlank()) {
        return lines.get(i).strip();
      }
    }
    return "it said nothing";
  }

  private Client connect() throws IOException {
    Client client = Client.connect(LOCALHOST, port, ANSWER_MILLIS);
    try {
      client.timeoutMillis(ANSWER_MILLIS);
      if (!password.isEmpty()) {
        client.command("AUTH", password); // an error if clients have taken the password away
      }
      return client;
    } catch (IOException e) {
      client.close();
      throw e;
    }
  }

  // ── how it stands ──

  private void watch() {
    while (process.isAlive()) {
      try (Client client = connect()) {
        while (true) {
          look(client);
          Thread.sleep(POLL_MILLIS);
        }
      } catch (IOException e) {
        View last = view;
        show(new View(last.primary(), false, "it doesn't answer", last.offset(), last.node()));
      } catch (InterruptedException e) {
        return;
      }
      try {
        process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        return;
      }
    }
    forgetHook();
  }

  private void look(Client client) throws IOException {
    if (kind == Kind.SENTINEL) {
      client.command("PING");
      return;
    }
    View now;
    try {
      now = seen(client);
    } catch (RuntimeException e) {
      throw new IOException("it says what isn't understood: " + e, e);
    }
    show(now);
  }

  private View seen(Client client) throws IOException {
    String info = text(client.command("INFO", "replication"));
    ClusterPart node = null;
    if (kind == Kind.NODE) {
      String nodes = text(client.command("CLUSTER", "NODES"));
      known = known(nodes);
      node = part(nodes, text(client.command("CLUSTER", "INFO")).contains("cluster_state:ok"));
    }
    boolean follows = field(info, "role").equals("slave");
    boolean hasAll = field(info, "master_link_status").equals("up");
    boolean shouldFollow = node == null ? follows : !node.isPrimary();
    boolean isInSync = follows == shouldFollow && (!follows || hasAll);
    boolean copies = field(info, "master_sync_in_progress").equals("1");
    String trouble = isInSync ? "" : copies ? "it copies the data" : "it connects";
    long offset = number(field(info, follows ? "slave_repl_offset" : "master_repl_offset"));
    Address primary =
        follows
            ? new Address(field(info, "master_host"), (int) number(field(info, "master_port")))
            : null;
    return new View(primary, isInSync, trouble, offset, node);
  }

  private static String text(RespValue reply) throws IOException {
    if (reply instanceof RespValue.Error refusal) {
      throw new IOException(refusal.text());
    }
    return Objects.toString(reply.text(), "");
  }

  /// Of INFO; empty if it isn't there.
  private static String field(String info, String name) {
    for (String line : info.split("\r\n", -1)) {
      if (line.startsWith(name) && line.startsWith(":", name.length())) {
        return line.substring(name.length() + 1);
      }
    }
    return "";
  }

  private static long number(String text) {
    return text.isEmpty() ? 0 : Long.parseLong(text);
  }

  /// Out of CLUSTER NODES: `ID ADDRESS FLAGS PRIMARY PING PONG EPOCH LINK SLOTS…` for each node.
  static @Nullable ClusterPart part(String nodes, boolean isUp) {
    Set<String> ids = known(nodes).stream().map(Known::id).collect(Collectors.toSet());
    for (String line : nodes.split("\n", -1)) {
      String[] words = line.split(" ", -1);
      if (words.length < 8 || !flags(words).contains("myself")) {
        continue;
      }
      int count = 0;
      for (String range : ranges(words)) {
        String[] ends = range.split("-", -1);
        count += Integer.parseInt(ends[ends.length - 1]) - Integer.parseInt(ends[0]) + 1;
      }
      return new ClusterPart(
          words[0],
          primary(words),
          Long.parseLong(words[6]),
          String.join(" ", ranges(words)),
          count,
          isUp,
          ids);
    }
    return null;
  }

  /// The same: all of them, but for those that are just met.
  static List<Known> known(String nodes) {
    List<Known> known = new ArrayList<>();
    for (String line : nodes.split("\n", -1)) {
      String[] words = line.split(" ", -1);
      if (words.length < 8 || flags(words).contains("handshake")) {
        continue;
      }
      String address = words[1].substring(0, (words[1] + "@").indexOf('@'));
      boolean hasFailed = flags(words).contains("fail");
      String slots = String.join(" ", ranges(words));
      known.add(new Known(words[0], address, primary(words), slots, hasFailed));
    }
    return known;
  }

  private static List<String> flags(String[] words) {
    return Arrays.asList(words[2].split(",", -1));
  }

  private static String primary(String[] words) {
    return words[3].equals("-") ? "" : words[3];
  }

  /// Without slots that are on their way.
  private static List<String> ranges(String[] words) {
    return Arrays.stream(words, 8, words.length).filter(range -> !range.startsWith("[")).toList();
  }

  private void show(View now) {
    View before = view;
    view = now;
    View sameOffset =
        new View(now.primary(), now.isInSync(), now.trouble(), before.offset(), now.node());
    if (!sameOffset.equals(before)) {
      listeners.forEach(Runnable::run);
    }
  }

  // ── Member ──

  @Override
  public int port() {
    return port;
  }

  @Override
  public View view() {
    return view;
  }

  @Override
  public List<Known> known() {
    return known;
  }

  @Override
  public boolean hasEnded() {
    return !process.isAlive();
  }

  @Override
  public void awaitEnd() throws InterruptedException {
    process.waitFor();
  }

  @Override
  public void shutDown() {
    process.destroy();
    end(END_SECONDS);
  }

  @Override
  public void kill() {
    end(0);
  }

  /// Waits so long for it, and then no longer.
  private void end(long seconds) {
    watcher.interrupt();
    forgetHook();
    boolean wasInterrupted = false;
    try {
      if (seconds > 0 && process.waitFor(seconds, TimeUnit.SECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      wasInterrupted = true;
    }
    process.destroyForcibly();
    process.onExit().join();
    if (wasInterrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void forgetHook() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // this JVM is ending
    }
  }

  @Override
  public void onChange(Runnable listener) {
    listeners.add(listener);
  }
}
