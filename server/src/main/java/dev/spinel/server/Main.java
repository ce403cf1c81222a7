package dev.spinel.server;

import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Settings;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Engine;
import dev.spinel.net.BindException;
import dev.spinel.net.Net;
import dev.spinel.persist.Ending;
import dev.spinel.persist.Persistence;
import java.io.ByteArrayInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// The program `redis-server`: its command line, its log lines at start and stop, its exit
/// statuses.
public final class Main {
  static final String VERSION = "0.1.0";

  private Main() {}

  public static void main(String[] arguments) throws Exception {
    CommandLine line;
    try {
      line = CommandLine.ofOctets(RawArguments.octets(arguments));
    } catch (ConfigError e) {
      say(FileDescriptor.err, e.getMessage() + "\n");
      System.exit(1);
      return;
    }
    switch (line.act()) {
      case VERSION ->
          say(
              FileDescriptor.out,
              "Redis server v="
                  + Config.REDIS_VERSION
                  + " sha=00000000:0 malloc=spinel bits=64 build=spinel-"
                  + VERSION
                  + "\n");
      case HELP -> {
        say(FileDescriptor.err, HELP);
        System.exit(1); // as redis-server does
      }
      case TEST_MEMORY -> {
        say(
            FileDescriptor.err,
            "This program has no memory test; use memtest86 or your system's own.\n");
        System.exit(1);
      }
      case CHECK_SYSTEM ->
          say(FileDescriptor.out, "[checks]...Nothing to check: no fork, no huge pages needed.\n");
      case RUN -> System.exit(runOrSayWhyNot(line));
      default -> throw new AssertionError(line.act());
    }
  }

  /// Runs the server to its end, at a port that the system chooses and `port` is told: for the
  /// rehearsal of a start. Returns the status that the program would exit with.
  ///
  /// Errors: [ConfigError] for a bad command line.
  public static int runAtAnyPort(String[] arguments, IntConsumer port) throws Exception {
    return run(CommandLine.ofOctets(RawArguments.octets(arguments)), port);
  }

  /// Whatever fails at the start is told in one line: neither a stack nor the JVM's own words.
  private static int runOrSayWhyNot(CommandLine line) throws IOException {
    try {
      return run(line, null);
    } catch (OutOfMemoryError e) {
      say(
          FileDescriptor.err,
          "There isn't enough memory (or there are too many threads) to start: "
              + e.getMessage()
              + "\n");
    } catch (Exception | LinkageError e) {
      StackTraceElement[] stack = e.getStackTrace();
      say(
          FileDescriptor.err,
          "The server can't start, by an error of its own: "
              + e
              + (stack.length > 0 ? ", at " + stack[0] : "")
              + "\n");
    }
    return 1;
  }

  /// @param anyPort is told the port, which is any that is free; null: it listens where it is told
  private static int run(CommandLine line, @Nullable IntConsumer anyPort) throws Exception {
    Daemon.begin();
    byte[] input = line.fromInput() ? System.in.readAllBytes() : new byte[0];
    Config config;
    try {
      config = line.load(new ByteArrayInputStream(input), defaults()).warned();
    } catch (ConfigError e) {
      if (e.kind() == ConfigError.Kind.FATAL) {
        new Log(Config.of()).warning(Objects.toString(e.getMessage()));
        return 1;
      }
      try (FileOutputStream err = new FileOutputStream(FileDescriptor.err)) {
        err.write(e.bytes());
      }
      return 1;
    }
    if (config.get(Settings.DAEMONIZE)
        && Supervision.by(config).equals("no")
        && !Daemon.isChild()) {
      return Daemon.start(input);
    }
    if (!config.text(Settings.IO_TRANSPORT).equals("nio")) {
      Net.warmUp(); // while the rest is made
    }
    Log log = new Log(config);
    long pid = Log.pid();
    Signals.ignoreOthers();
    if (pid == 1 && !config.isSentinel()) { // whose scripts' status would be forgotten, too
      Signals.reap();
    }
    if (config.isSentinel()) {
      log.become('X');
    }
    log.notice("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    log.notice(
        "Redis version="
            + Config.REDIS_VERSION
            + ", bits=64, commit=00000000, modified=0, pid="
            + pid
            + ", just started");
    if (line.isEmpty()) {
      log.warning(
          "Warning: no config file specified, using the default config. In order to specify a"
              + " config file use redis-server /path/to/redis.conf");
    } else {
      log.notice("Configuration loaded");
    }
    if (!config.isSentinel()) {
      log.become(config.get(Settings.REPLICAOF).isNone() ? 'M' : 'S');
    }
    log.notice("monotonic clock: System.nanoTime");
    Supervision supervision = Supervision.of(config, log);
    if (config.isSentinel()) {
      try {
        return SentinelProgram.run(config, log, supervision);
      } catch (ConfigError e) {
        return SentinelProgram.failed(e);
      }
    }
    long maxmemory = config.get(Settings.MAXMEMORY); // clients may change it before it is told
    Server server;
    try {
      server = new Server(config, log, Clock.SYSTEM);
    } catch (ConfigError e) {
      try (FileOutputStream err = new FileOutputStream(FileDescriptor.err)) {
        err.write(e.bytes());
      }
      return 1;
    }
    if (isOpenByDefault(config)) {
      log.warning(
          "Protected mode is off, as a default of this installation: whoever reaches this port may"
              + " read and change all data. Set a password (requirepass), or protected-mode yes.");
    }
    MemoryLimits.warn(config, log);
    server.announceData();
    if (anyPort == null) {
      log.notice(runningMode(config, config.get(Settings.PORT)));
    }
    try {
      if (anyPort != null) {
        server.startAtAnyPort();
      } else {
        server.start();
      }
    } catch (BindException e) {
      if (e.isOfUnixSocket()) {
        log.warning(String.valueOf(e.getMessage()));
      } else {
        log.warning("Warning: " + e.getMessage());
        int port = config.intOf(Settings.PORT);
        log.warning("Failed listening on port " + port + " (tcp), aborting.");
        if (config.get(Settings.CLUSTER_ENABLED) && port > 10_000) {
          log.warning(
              "A node whose clients come to port "
                  + (port - 10_000)
                  + " of this machine has its bus at "
                  + port
                  + ": if there is one, choose another port.");
        }
      }
      return 1;
    } catch (IOException e) {
      log.warning(Objects.toString(e.getMessage()));
      return 1;
    }
    if (anyPort != null) {
      log.notice(runningMode(config, server.port()));
      anyPort.accept(server.port());
    }
    boolean encrypted = config.get(Settings.TLS_PORT) != 0;
    if (server.port() == 0 && !encrypted && config.text(Settings.UNIXSOCKET).isEmpty()) {
      log.warning("Configured to not listen anywhere, exiting.");
      server.close();
      return 1;
    }
    log.notice("PID: " + pid);
    log.notice("Server initialized");
    Signals.onStop(new Asked(server, log));
    Signals.onAbort(() -> CrashReport.end(server, log));
    Path pidFile = writePid(config, pid, log);
    if (!load(server, log)) {
      if (pidFile != null) {
        deletePid(pidFile, log); // silently: the last line says what is wrong with the data
      }
      server.close();
      return 1;
    }
    if (server.port() != 0) {
      log.notice("Ready to accept connections tcp");
    }
    if (encrypted) {
      log.notice("Ready to accept connections tls");
    }
    if (!config.text(Settings.UNIXSOCKET).isEmpty()) {
      log.notice("Ready to accept connections unix");
    }
    if (maxmemory > 0 && maxmemory < 1 << 20) {
      log.warning(
          "WARNING: You specified a maxmemory value that is less than 1MB (current value is "
              + maxmemory
              + " bytes). Are you sure this is what you really want?");
    }
    supervision.ready(server.replication.standing().isReplica());
    Daemon.serving();
    awaitStop(server);
    supervision.stopping();
    if (server.failed()) {
      attempt(() -> log.notice("Stopping after an error of our own"));
    }
    if (pidFile != null) {
      attempt(() -> removePid(pidFile, log));
    }
    if (!config.get(Settings.UNIXSOCKET).isEmpty()) {
      attempt(() -> log.notice("Removing the unix socket file."));
    }
    attempt(server::close);
    attempt(() -> log.warning("Redis is now ready to exit, bye bye..."));
    return server.failed() ? 1 : 0;
  }

  /// The file of this installation's own defaults, if it has one: the launcher names it.
  private static @Nullable Path defaults() {
    String name = System.getProperty("spinel.defaults");
    return name == null ? null : Path.of(name);
  }

  private static boolean isOpenByDefault(Config config) {
    return defaults() != null
        && !config.get(Settings.PROTECTED_MODE)
        && !config.isGiven(Settings.PROTECTED_MODE)
        && config.get(Settings.REQUIREPASS).isEmpty();
  }

  private static String runningMode(Config config, long port) {
    String mode = config.get(Settings.CLUSTER_ENABLED) ? "cluster" : "standalone";
    return "Running mode=" + mode + ", port=" + port + ".";
  }

  /// Returns false if there is data that can't be loaded. Whoever is told to stop meanwhile does so
  /// afterwards.
  private static boolean load(Server server, Log log) {
    try {
      server.load();
      return true;
    } catch (IOException e) {
      if (!server.config.get(Settings.APPENDONLY)) { // else the reason is Redis's last word
        log.warning("Fatal error loading the DB, check server logs. Exiting.");
      }
      return false;
    }
  }

  /// A signal asks the server to end: as SHUTDOWN does it, with the words of the configuration.
  /// While it tries to, another SIGINT ends it at once.
  private static final class Asked implements Consumer<String> {
    private final Server server;
    private final Log log;
    private final AtomicBoolean tries = new AtomicBoolean();

    Asked(Server server, Log log) {
      this.server = server;
      this.log = log;
    }

    @Override
    public void accept(String signal) {
      boolean isInterrupt = signal.equals("SIGINT");
      if (!tries.compareAndSet(false, true)) {
        if (isInterrupt) {
          log.warning("You insist... exiting now.");
          Persistence.abandonAll();
          Runtime.getRuntime().halt(1);
        }
        return;
      }
      try {
        log.notice(
            server.engine.loading
                ? "Received shutdown signal during loading, scheduling shutdown."
                : "Received " + signal + " scheduling shutdown...");
        Ending how =
            Ending.of(
                server.config.text(
                    isInterrupt ? Settings.SHUTDOWN_ON_SIGINT : Settings.SHUTDOWN_ON_SIGTERM));
        if (!server.persistence.awaitEnd()) {
          tries.set(false);
          return;
        }
        if (!server.shutDown(how)) {
          log.warning(
              signal
                  + " received but errors trying to shut down the server, check the logs for more"
                  + " information");
          tries.set(false);
        }
      } catch (InterruptedException
          | OutOfMemoryError e) { // of the JVM's heap: then it ends without more words
        server.requestStop();
      }
    }
  }

  /// Meanwhile the JVM's heap is kept small.
  private static void awaitStop(Server server) throws InterruptedException {
    HeapTrim trim =
        new HeapTrim(
            () -> server.engine.count(Engine.Count.COMMANDS),
            server.engine.heap::heldBytes,
            Runtime.getRuntime()::totalMemory,
            System::gc);
    while (!server.awaitStop(1000)) {
      attempt(trim::look);
    }
  }

  /// Goes on whatever fails: want of memory must not keep the server from ending as it was asked
  /// to.
  private static void attempt(Runnable step) {
    try {
      step.run();
    } catch (OutOfMemoryError e) {
      return; // it can't be said, either
    }
  }

  static void removePid(Path file, Log log) {
    log.notice("Removing the pid file.");
    deletePid(file, log);
  }

  private static void deletePid(Path file, Log log) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      log.warning("Failed to remove the pid file: " + e.getMessage());
    }
  }

  /// A server in the background has one in any case, as Redis does.
  static @Nullable Path writePid(Config config, long pid, Log log) {
    boolean named = !config.text(Settings.PIDFILE).isEmpty();
    if (!named && !Daemon.isChild()) {
      return null;
    }
    Path file = named ? config.path(Settings.PIDFILE) : Path.of("/var/run/redis.pid");
    try {
      Files.writeString(file, pid + "\n");
      return file;
    } catch (IOException e) {
      log.warning("Failed to write PID file: " + e.getMessage());
      return null;
    }
  }

  private static void say(FileDescriptor where, String text) throws IOException {
    try (OutputStream out = new FileOutputStream(where)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  private static final String HELP =
      """
      Usage: redis-server [file] [--name value ...] [-]
             redis-server -v | --version
             redis-server -h | --help

        file            a configuration file; without one, defaults are used
        --name value    a directive of the configuration, which wins over the file's
        -               reads more directives from standard input

      Examples:
             redis-server --port 7777 --maxmemory 128mb
             redis-server /etc/redis.conf --loglevel verbose
             echo 'maxmemory 128mb' | redis-server -
      """;
}
