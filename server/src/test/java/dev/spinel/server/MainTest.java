package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.net.DatagramReceiver;
import dev.spinel.net.HostProcess;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What `redis-server` says and how it ends, where it doesn't run.
@Timeout(60)
class MainTest {
  @TempDir Path directory;

  private record Run(int status, String out, String err) {}

  private Run run(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.add("dev.spinel.server.Main");
    command.addAll(List.of(arguments));
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Run(process.exitValue(), text(out), text(err));
  }

  private static String text(Path file) throws Exception {
    return Files.readString(file, StandardCharsets.UTF_8);
  }

  @Test
  void versionIsOneLineAndASuccess() throws Exception {
    Run run = run("--version");
    assertThat(run.status).isZero();
    assertThat(run.out)
        .matches("Redis server v=7\\.2\\.6 sha=\\S+ malloc=\\S+ bits=64 build=\\S+\n");
    assertThat(run.err).isEmpty();
  }

  @Test
  void helpGoesToStandardErrorAndIsNoSuccess() throws Exception {
    Run run = run("-h");
    assertThat(run.status).isEqualTo(1);
    assertThat(run.out).isEmpty();
    assertThat(run.err).startsWith("Usage: ");
  }

  @Test
  void theLastLineSaysWhatIsWrongWithTheData() throws Exception {
    Path log = Files.createDirectory(directory.resolve("appendonlydir"));
    Files.writeString(
        log.resolve("appendonly.aof.manifest"), "file appendonly.aof.1.incr.aof seq 1 type i\n");
    Files.writeString(log.resolve("appendonly.aof.1.incr.aof"), "*1\r\n$4\r\nPING\r\n!!!\r\n");
    String port = Integer.toString(RealRedis.freePort());
    Path pid = directory.resolve("pid");
    Run run = run("--port", port, "--appendonly", "yes", "--pidfile", pid.toString());
    assertThat(run.status).isEqualTo(1);
    assertThat(run.out.lines().toList().getLast())
        .contains(" # Bad file format reading the append only file appendonly.aof.1.incr.aof");
    assertThat(pid).doesNotExist();
  }

  @Test
  void aServerThatIsToSpeakTlsAndCannotDoesNotStart() throws Exception {
    Path file = Files.writeString(directory.resolve("redis.conf"), "port 0\ntls-port 6380\n");
    Run run = run(file.toString());
    assertThat(run.status).isEqualTo(1);
    assertThat(run.err).isEmpty();
    assertThat(run.out).contains("# No tls-cert-file configured!\n");
    assertThat(run.out).endsWith("# Failed to configure TLS. Check logs for more info.\n");
  }

  @Test
  void aUnixSocketThatCannotBeIsToldAsOne() throws Exception {
    Run run = run("--port", "0", "--unixsocket", "no/such/folder.sock");
    assertThat(run.status).isEqualTo(1);
    assertThat(run.err).isEmpty();
    assertThat(run.out).endsWith("# Failed opening Unix socket: bind: No such file or directory\n");
    run = run("--port", "0", "--unixsocket", "/tmp/" + "x".repeat(145));
    assertThat(run.status).isEqualTo(1);
    assertThat(run.out)
        .endsWith(
            "# Failed opening Unix socket: unix socket path too long (150), must be under 108\n");
  }

  @Test
  void aPasswordMayHaveAnyBytes() throws Exception {
    assumeThat(Path.of("/proc/self/cmdline")).exists();
    int port = RealRedis.freePort();
    // A shell, since Java can't hand such an argument over.
    List<String> command =
        List.of(
            "sh",
            "-c",
            "exec \"$0\" -cp \"$1\" dev.spinel.server.Main --port "
                + port
                + " --save '' --requirepass \"$(printf '\\351\\377')\"",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            ServerProcess.classPath());
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile())
            .start();
    try (Client client = connect(port, process)) {
      byte[] auth = "AUTH".getBytes(StandardCharsets.US_ASCII);
      byte[] replaced = "\ufffd\ufffd".getBytes(StandardCharsets.UTF_8);
      assertThat(client.command(auth, replaced).text()).startsWith("WRONGPASS");
      assertThat(client.command(auth, new byte[] {(byte) 0xe9, (byte) 0xff}).text())
          .isEqualTo("OK");
    } finally {
      process.destroy();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    }
    assertThat(text(directory.resolve("out")))
        .endsWith("# Redis is now ready to exit, bye bye...\n");
  }

  @Test
  void moreLoopsThanTheHeapHasRoomForAreFewer() throws Exception {
    int port = RealRedis.freePort();
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-Xmx24m",
            "-cp",
            ServerProcess.classPath(),
            "dev.spinel.server.Main");
    List<String> all = new ArrayList<>(command);
    all.addAll(List.of("--port", "" + port, "--save", "", "--event-loops", "1024"));
    all.addAll(List.of("--maxmemory", "1000kb"));
    Process process =
        new ProcessBuilder(all)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile())
            .start();
    try (Client client = connect(port, process)) {
      assertThat(client.command("PING").text()).isEqualTo("PONG");
    } finally {
      process.destroy();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    }
    assertThat(text(directory.resolve("out")))
        .containsPattern("# The JVM's heap has room for 1[12] event loops, not for 1024")
        .contains("# WARNING: You specified a maxmemory value that is less than 1MB (current")
        .doesNotContain("Exception")
        .doesNotContain("Error");
  }

  @Test
  void aNodeThatCannotLogInToItsPrimarySaysSoAtItsStart() throws Exception {
    // With port 0 it ends at once.
    String[] node = {"--port", "0", "--cluster-enabled", "yes", "--requirepass", "secret"};
    assertThat(run(node).out)
        .contains("# requirepass is set and masterauth isn't: as a replica this node can't log in");
    List<String> words = new ArrayList<>(List.of(node));
    words.addAll(List.of("--masterauth", "secret"));
    assertThat(run(words.toArray(new String[0])).out)
        .contains("# Configured to not listen anywhere")
        .doesNotContain("masterauth");
  }

  @Test
  void aServerInTheBackgroundServesBeforeItsStarterEnds() throws Exception {
    int port = RealRedis.freePort();
    List<String> command = new ArrayList<>(ServerProcess.of().command());
    command.addAll(List.of("-", "--port", "" + port, "--daemonize", "yes", "--logfile", "log"));
    command.addAll(List.of("--dir", directory.toString(), "--pidfile", "pid"));
    Path input = Files.writeString(directory.resolve("input"), "save ''\nrequirepass secret\n");
    Process starter =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectInput(input.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile())
            .start();
    assertThat(starter.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    assertThat(text(directory.resolve("out"))).isEmpty();
    assertThat(starter.exitValue()).isZero();
    long pid = Long.parseLong(text(directory.resolve("pid")).strip());
    ProcessHandle server = ProcessHandle.of(pid).orElseThrow();
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      assertThat(client.command("AUTH", "secret").text()).isEqualTo("OK");
      client.send("SHUTDOWN");
      client.flush();
      server.onExit().get(30, TimeUnit.SECONDS);
    } finally {
      server.destroyForcibly();
    }
    assertThat(text(directory.resolve("log")))
        .contains(pid + ":M ")
        .endsWith("# Redis is now ready to exit, bye bye...\n");
    assertThat(directory.resolve("pid")).doesNotExist();
  }

  @Test
  void whatKeepsAServerFromStartingInTheBackgroundIsToldByItsStarter() throws Exception {
    Run run = run("--daemonize", "yes", "--port", "0", "--pidfile", "pid");
    assertThat(run.status).isEqualTo(1);
    assertThat(run.err).endsWith("# Configured to not listen anywhere, exiting.\n");
    run = run("--daemonize", "yes", "--no-such", "x");
    assertThat(run.status).isEqualTo(1);
    assertThat(run.err).contains("FATAL CONFIG FILE ERROR");
  }

  @Test
  void systemdIsToldThatTheServerIsReadyAndThatItStops() throws Exception {
    assumeThat(HostProcess.isPossible()).isTrue();
    Path socket = directory.resolve("notify");
    int port = RealRedis.freePort();
    ProcessBuilder builder =
        ServerProcess.of("--supervised", "auto", "--port", "" + port, "--save", "");
    builder.environment().put("NOTIFY_SOCKET", socket.toString());
    builder.redirectErrorStream(true).redirectOutput(directory.resolve("out").toFile());
    try (DatagramReceiver receiver = new DatagramReceiver(socket.toString())) {
      Process process = builder.directory(directory.toFile()).start();
      try (Client client = connect(port, process)) {
        assertThat(receiver.receive()).contains("READY=1\n", "STATUS=Ready");
        assertThat(client.command("INFO", "server").text()).contains("process_supervised:systemd");
      } finally {
        process.destroy();
      }
      assertThat(receiver.receive()).contains("STOPPING=1\n");
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    }
  }

  @Test
  void whoIsAbortedTellsWhatItsThreadsDidUnlessItMustNotAndSavesNothing() throws Exception {
    for (String wanted : List.of("yes", "no")) {
      int port = RealRedis.freePort();
      Path out = directory.resolve("out-" + wanted);
      Process process =
          ServerProcess.of("--port", "" + port, "--save", "3600 1", "--crash-log-enabled", wanted)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
      try (Client client = connect(port, process)) {
        client.command("SET", "k", "v");
        new ProcessBuilder("/bin/kill", "-ABRT", "" + process.pid()).start().waitFor();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
      } finally {
        process.destroyForcibly();
      }
      assertThat(process.exitValue()).isEqualTo(134);
      assertThat(text(out).contains("crashed by signal: 6")).isEqualTo(wanted.equals("yes"));
      assertThat(text(out).contains("spinel-keeper")).isEqualTo(wanted.equals("yes"));
      assertThat(directory.resolve("dump.rdb")).doesNotExist();
    }
  }

  @Test
  void theLogTellsOfTheFileThatIsRewrittenAndOfTheSocketThatGoes() throws Exception {
    int port = RealRedis.freePort();
    Path file =
        Files.writeString(
            directory.resolve("redis.conf"),
            "port " + port + "\nsave ''\nunixsocket " + directory.resolve("s.sock") + "\n");
    Process process =
        ServerProcess.of(file.toString())
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile())
            .start();
    try (Client client = connect(port, process)) {
      assertThat(client.command("CONFIG", "SET", "timeout", "77").text()).isEqualTo("OK");
      assertThat(client.command("CONFIG", "REWRITE").text()).isEqualTo("OK");
      assertThat(directory.resolve("s.sock")).exists();
    } finally {
      process.destroy();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    }
    assertThat(process.exitValue()).isZero();
    assertThat(file).content().contains("timeout 77\n");
    assertThat(directory.resolve("s.sock")).doesNotExist();
    assertThat(text(directory.resolve("out")))
        .contains("* CONFIG REWRITE executed with success.\n")
        .contains("* Removing the unix socket file.\n")
        .endsWith("# Redis is now ready to exit, bye bye...\n");
  }

  /// SIGALRM doesn't, SIGTERM does, also where clients hold all of the heap that they may.
  @Test
  void whatEndsAServerOfWhichAllIsTaken() throws Exception {
    assumeThat(Path.of("/bin/kill")).isExecutable();
    int port = RealRedis.freePort();
    Process process =
        ServerProcess.of("--port", "" + port, "--save", "")
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile())
            .start();
    try (Client client = connect(port, process);
        Client half = connect(port, process)) {
      new ProcessBuilder("/bin/kill", "-ALRM", "" + process.pid()).start().waitFor();
      assertThat(client.command("PING").text()).isEqualTo("PONG");
      client.command("MULTI");
      String value = "v".repeat(10_000);
      String last = "";
      for (int i = 0; i < 20_000 && !last.startsWith("OOM"); i++) {
        last = client.command("SET", "key" + i, value).text();
      }
      assertThat(last).as("the heap is taken").startsWith("OOM");
      client.command("DISCARD");
      client.command("MULTI");
      for (int i = 0; i < 3_000; i++) { // nearly as much
        client.command("SET", "key" + i, value);
      }
      half.sendRaw("*100000\r\n$3\r\nDEL\r\n$5\r\nab".getBytes(StandardCharsets.US_ASCII));
      half.flush();
      process.destroy();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.exitValue()).isZero();
    assertThat(text(directory.resolve("out")))
        .doesNotContain("A bug")
        .endsWith("# Redis is now ready to exit, bye bye...\n");
  }

  @Test
  void whoAbortsIsToldWhatItDid() throws Exception {
    int port = RealRedis.freePort();
    Process process =
        ServerProcess.of("--port", "" + port, "--enable-debug-command", "yes")
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("out").toFile())
            .start();
    try (Client client = connect(port, process)) {
      client.send("DEBUG", "SEGFAULT");
      client.flush();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.exitValue()).isEqualTo(134);
    assertThat(text(directory.resolve("out")))
        .contains("crashed by signal: 6", "spinel-loop-0", "Debug.run");
    assertThat(directory.resolve("dump.rdb")).doesNotExist();
  }

  @Test
  void aSignalSavesOrDoesNotAsItIsConfigured() throws Exception {
    Path dump = directory.resolve("dump.rdb");
    for (String how : List.of("save", "nosave")) {
      int port = RealRedis.freePort();
      String points = how.equals("save") ? "" : "3600 1"; // alone they would have it otherwise
      Process process =
          start(
              ServerProcess.of("--port", "" + port, "--save", points).command(),
              directory.resolve("out"));
      try (Client client = connect(port, process)) {
        assertThat(client.command("SET", "key", "value").text()).isEqualTo("OK");
        assertThat(client.command("CONFIG", "SET", "shutdown-on-sigterm", how).text())
            .isEqualTo("OK");
        process.destroy();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
      } finally {
        process.destroyForcibly();
      }
      assertThat(process.exitValue()).isZero();
      assertThat(Files.deleteIfExists(dump)).as(how).isEqualTo(how.equals("save"));
    }
  }

  /// In a network of its own, whose IPv6 is off.
  @Test
  void aHostWithoutIpv6() throws Exception {
    String off = "for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f || exit 9; done; ";
    List<String> command = new ArrayList<>(List.of("unshare", "-rn", "sh", "-c"));
    command.add(off + "ip link set lo up || exit 9; exec \"$@\"");
    command.add("sh");
    List<String> trial = new ArrayList<>(command);
    trial.add("true");
    assumeThat(isPossible(trial)).isTrue();

    command.addAll(ServerProcess.of("--port", "7777", "--save", "").command());
    Path out = directory.resolve("out");
    Process refused = start(command, out, "--bind", "127.0.0.1", "::1");
    assertThat(refused.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
    assertThat(refused.exitValue()).isEqualTo(1);
    assertThat(text(out))
        .contains(
            "# Warning: Could not create server TCP listening socket ::1:7777: bind: Cannot assign"
                + " requested address\n")
        .endsWith("# Failed listening on port 7777 (tcp), aborting.\n");
    for (List<String> bind : List.of(List.<String>of(), List.of("--bind", "127.0.0.1", "-::1"))) {
      Process process = start(command, out, bind.toArray(String[]::new));
      try {
        await()
            .atMost(Duration.ofSeconds(30))
            .untilAsserted(() -> assertThat(text(out)).contains("Ready to accept connections"));
      } finally {
        process.destroy();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("it ends").isTrue();
      }
      assertThat(process.exitValue()).isZero();
      assertThat(text(out)).as(bind.toString()).doesNotContain("listening", "Warning", "errno");
    }
  }

  private static boolean isPossible(List<String> command) throws Exception {
    try {
      return new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException noSuchProgram) {
      return false;
    }
  }

  private Process start(List<String> command, Path out, String... more) throws IOException {
    List<String> all = new ArrayList<>(command);
    all.addAll(List.of(more));
    return new ProcessBuilder(all)
        .directory(directory.toFile())
        .redirectErrorStream(true)
        .redirectOutput(out.toFile())
        .start();
  }

  private static Client connect(int port, Process process) throws Exception {
    while (true) {
      try {
        return Client.connect("127.0.0.1", port).timeoutMillis(20_000);
      } catch (IOException notYet) {
        assertThat(process.isAlive()).isTrue();
        Thread.sleep(20); // the process is another one: there is nothing else to wait for
      }
    }
  }

  @Test
  void aServerThatNobodyCanReachDoesNotRun() throws Exception {
    Run run = run("--bind");
    assertThat(run.status).isEqualTo(1);
    assertThat(run.out).endsWith("# Configured to not listen anywhere, exiting.\n");
  }
}
