package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Directive;
import dev.spinel.config.Settings;
import dev.spinel.config.WholeFile;
import dev.spinel.net.Acceptor;
import dev.spinel.net.BindException;
import dev.spinel.net.Connection;
import dev.spinel.net.HostProcess;
import dev.spinel.net.Incidents;
import dev.spinel.net.Listener;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.observe.Identity;
import dev.spinel.peer.IpAddress;
import dev.spinel.peer.Peers;
import dev.spinel.sentinel.HostNames;
import dev.spinel.sentinel.SentinelAction;
import dev.spinel.sentinel.SentinelEvent;
import dev.spinel.sentinel.SentinelFile;
import dev.spinel.sentinel.SentinelHost;
import dev.spinel.sentinel.SentinelMachine;
import dev.spinel.sentinel.SentinelSettings;
import dev.spinel.sentinel.SentinelShell;
import dev.spinel.wire.RespWriter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// One Sentinel: a loop without a seat, on which a [SentinelShell] watches, talks and serves. It is
/// made, started and closed; after that nothing of it is left but its file.
public final class SentinelServer implements SentinelHost, Incidents, HostNames, AutoCloseable {
  private static final long LOOKUP_MILLIS = 500;
  private static final long DIAL_MILLIS = 10_000;

  /// How many there are. What ends by one has this and 128 as its status, like a script that exits
  /// with that.
  private static final int SIGNALS = 64;

  private final Config config;
  private final Log log;
  private final Path file;
  private final SentinelInfo info;
  private final CountDownLatch ends = new CountDownLatch(1);
  private final Map<Integer, Process> scripts = new HashMap<>(); // loop thread
  private final Map<String, String> known = new ConcurrentHashMap<>(); // names looked up
  private String lastText = ""; // of the file: the starting thread, then the loop's
  private @Nullable String logLevel; // loop thread; null: as the file says
  private final Runnable crash;
  private @Nullable Net net; // the starting thread
  private @Nullable Loop loop;
  private @Nullable SentinelShell shell;
  private @Nullable SentinelUsers users; // the starting thread, then the loop's
  private volatile boolean failed;

  private SentinelServer(Config config, Log log, Path file, Runnable crash) {
    this.config = config;
    this.log = log;
    this.file = file;
    this.crash = crash;
    this.info =
        new SentinelInfo(
            config,
            new Identity(
                Main.VERSION, runId(), System.currentTimeMillis(), Supervision.by(config)));
  }

  private static String runId() {
    byte[] id = new byte[20];
    new SecureRandom().nextBytes(id);
    return HexFormat.of().formatHex(id);
  }

  /// Starts it.
  ///
  /// @param config of a file that can be written to
  /// @param crash does what SENTINEL SIMULATE-FAILURE asks for: the process ends at once
  ///
  ///   Errors: a [ConfigError] names the wrong directive; a [BindException] the address that can't
  ///   be had
  public static SentinelServer start(Config config, Log log, Runnable crash) throws IOException {
    SentinelServer server =
        new SentinelServer(config, log, Objects.requireNonNull(config.file()), crash);
    try {
      server.start();
      return server;
    } catch (Throwable t) {
      server.close();
      throw t;
    }
  }

  private void start() throws IOException {
    SentinelMachine machine = machine();
    Net started =
        Net.start(1, "spinel-sentinel-", made -> LoopHooks.NONE, this, TransportChoice.NIO);
    net = started;
    Loop made = started.loops().getFirst();
    Encryption encryption = new Encryption(config, log);
    if (encryption.isWanted()) encryption.configure();
    LoopPeers peers = new LoopPeers(made, encryption);
    SentinelShell serving =
        new SentinelShell(
            peers,
            machine,
            this,
            System::currentTimeMillis,
            new Peers.Dialling(
                DIAL_MILLIS,
                config.text(Settings.BIND_SOURCE_ADDR),
                config.get(Settings.TLS_REPLICATION)));
    users = new SentinelUsers(config, log, serving);
    serving.access(users);
    loop = made;
    shell = serving;
    log.notice("Running mode=sentinel, port=" + config.get(Settings.PORT) + ".");
    if (config.get(Settings.PORT) != 0) {
      started.listen(
          config.get(Settings.BIND),
          config.intOf(Settings.PORT),
          config.intOf(Settings.TCP_BACKLOG),
          protectedFrom(LoopPeers.acceptor(serving::accept)));
    }
    if (config.get(Settings.TLS_PORT) != 0) {
      started.listen(
          config.get(Settings.BIND),
          config.intOf(Settings.TLS_PORT),
          config.intOf(Settings.TCP_BACKLOG),
          encryption.over(protectedFrom(LoopPeers.acceptor(serving::accept))));
    }
    made.post(serving::start);
  }

  /// In protected mode nobody from elsewhere comes in, unless there is a password. A Sentinel isn't
  /// in it unless its file says so.
  private Acceptor protectedFrom(Acceptor inner) {
    if (!config.get(Settings.PROTECTED_MODE)) {
      return inner;
    }
    return connection -> {
      if (!connection.isLocal() && !Objects.requireNonNull(users).isPasswordRequired()) {
        new RespWriter(connection.output(), 2).error(Admission.PROTECTED);
        return null;
      }
      return inner.accept(connection);
    };
  }

  /// The machine, as the file says.
  private SentinelMachine machine() throws IOException {
    SentinelSettings settings = new SentinelSettings();
    boolean encrypted = config.get(Settings.TLS_REPLICATION) && config.get(Settings.TLS_PORT) != 0;
    settings.process(
        config.intOf(encrypted ? Settings.TLS_PORT : Settings.PORT),
        config.get(Settings.REQUIREPASS),
        config.get(Settings.LOGLEVEL));
    settings.folder(Path.of(config.text(Settings.DIR)).toAbsolutePath());
    SentinelMachine machine = new SentinelMachine(settings, this, new SecureRandom());
    List<Directive> directives = new ArrayList<>();
    for (Directive directive : config.directives()) {
      if (directive.name().equals("sentinel")) {
        directives.add(directive);
      }
    }
    SentinelMachine.WrongDirective wrong =
        machine.configure(
            directives.stream().map(Directive::arguments).toList(), System.currentTimeMillis());
    if (wrong != null) {
      throw directives.get(wrong.index()).error(wrong.reason());
    }
    lastText = Files.readString(file, StandardCharsets.ISO_8859_1);
    for (List<String> own : SentinelFile.own(lastText)) {
      if (machine.configure(List.of(own), System.currentTimeMillis()) != null) {
        log.warning(
            "A comment of Spinel's own isn't understood, and will vanish: sentinel "
                + String.join(" ", own));
      }
    }
    return machine;
  }

  /// Waits until a client says SHUTDOWN, or [#shutdown] is called.
  public void awaitStop() throws InterruptedException {
    ends.await();
  }

  /// Whether it was told to end.
  public boolean hasEnded() {
    return ends.getCount() == 0;
  }

  /// Whether it ended by a failure of its own.
  boolean failed() {
    return failed;
  }

  @Override
  public void close() {
    ends.countDown();
    Net running = net;
    if (running != null) {
      Loop made = loop;
      SentinelShell serving = shell;
      if (made != null && serving != null) {
        made.post(serving::stop);
      }
      running.close();
    }
  }

  // ── SentinelHost ──

  @Override
  public void log(SentinelAction.Level level, String text) {
    log.log(level.mark, text);
  }

  @Override
  public @Nullable String save(List<String> directives) {
    List<String> all = new ArrayList<>(directives);
    all.addAll(Objects.requireNonNull(users).lines());
    if (logLevel != null) {
      all.add("loglevel " + logLevel);
    }
    try {
      String after = SentinelFile.rewrite(read(), all);
      WholeFile.replace(file, after.getBytes(StandardCharsets.ISO_8859_1));
      lastText = after;
      return null;
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /// The file's text, with what somebody has changed meanwhile; of a file that is gone the last.
  private String read() throws IOException {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (NoSuchFileException e) {
      return lastText;
    }
  }

  private void post(SentinelEvent event) {
    Loop to = Objects.requireNonNull(loop);
    to.post(() -> Objects.requireNonNull(shell).tell(event));
  }

  @Override
  public void runScript(int job, List<String> arguments) {
    try {
      Path folder = Path.of(config.text(Settings.DIR)).toAbsolutePath();
      List<String> words = new ArrayList<>(arguments);
      words.set(0, folder.resolve(arguments.getFirst()).toString());
      Process process =
          new ProcessBuilder(words)
              .directory(folder.toFile())
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      scripts.put(job, process);
      post(new SentinelEvent.ScriptStarted(job, process.pid()));
      var unused =
          process
              .onExit()
              .thenAccept(
                  ended -> {
                    int status = ended.exitValue();
                    boolean isSignal = status > 128 && status <= 128 + SIGNALS;
                    int signal = isSignal ? status - 128 : 0;
                    post(new SentinelEvent.ScriptEnded(job, signal == 0 ? status : 0, signal));
                    Objects.requireNonNull(loop).post(() -> scripts.remove(job));
                  });
    } catch (IOException e) {
      post(new SentinelEvent.ScriptRefused(job));
    }
  }

  @Override
  public void killScript(int job) {
    Process process = scripts.get(job);
    if (process != null) {
      process.destroyForcibly();
    }
  }

  /// Has the system forget children of this process that have ended and aren't scripts: processes
  /// of others, whose parent has died. On the loop's thread, which knows all scripts.
  void forgetOrphans() {
    Loop on = loop;
    if (on != null) {
      on.post(
          () -> {
            List<Long> own = scripts.values().stream().map(Process::pid).toList();
            ProcessHandle.current()
                .children()
                .map(ProcessHandle::pid)
                .filter(pid -> !own.contains(pid))
                .forEach(HostProcess::forget);
          });
    }
  }

  @Override
  public void setLogLevel(String word) {
    logLevel = word;
    config.put(Settings.LOGLEVEL, word);
    log.level(word);
  }

  @Override
  public void crash() {
    crash.run();
  }

  @Override
  public void shutdown() {
    if (!hasEnded()) {
      log.notice("User requested shutdown...");
    }
    ends.countDown();
  }

  @Override
  public String version() {
    return Config.REDIS_VERSION;
  }

  @Override
  public String info(Set<String> sections, Counts counts) {
    return info.text(System.currentTimeMillis(), sections, counts);
  }

  @Override
  public int clientsMax() {
    return config.intOf(Settings.MAXCLIENTS);
  }

  @Override
  public long clientIdleSeconds() {
    return config.get(Settings.TIMEOUT);
  }

  // ── HostNames ──

  /// Waits for a moment at most; what is found later is known the next time.
  @Override
  public @Nullable String ip(String name) {
    CompletableFuture<@Nullable String> found = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .name("spinel-lookup")
        .start(
            () -> {
              try {
                String ip = normal(InetAddress.getByName(name));
                known.put(name, ip);
                found.complete(ip);
              } catch (UnknownHostException e) {
                known.remove(name);
                found.complete(null);
              }
            });
    return found.completeOnTimeout(known.get(name), LOOKUP_MILLIS, TimeUnit.MILLISECONDS).join();
  }

  private static String normal(InetAddress address) {
    String text = address.getHostAddress();
    int zone = text.indexOf('%');
    String ip = IpAddress.normal(zone < 0 ? text : text.substring(0, zone));
    return ip == null ? text : ip;
  }

  // ── Incidents ──

  @Override
  public void uncaught(Throwable cause, @Nullable Connection connection) {
    StackTraceElement[] stack = cause.getStackTrace();
    log.warning("An error of our own: " + cause + (stack.length > 0 ? ", at " + stack[0] : ""));
  }

  @Override
  public void loopEnded(Loop ended) {
    failed = true;
    ends.countDown();
  }

  @Override
  public void acceptFailed(Listener listener, IOException cause) {
    log.warning("Accepting client connection: " + cause.getMessage());
  }

  @Override
  public void addressSkipped(String message) {
    log.warning("Warning: " + message);
  }
}
