package dev.spinel.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.Spinel;
import dev.spinel.Topology;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The script `spinel`, in copies of the house that are empty but for a JDK and a Maven of a few
/// lines: the JDK says how it was called, the Maven makes jars.
@Timeout(60)
class ScriptTest {
  @TempDir Path directory;

  private final Map<String, String> environment = new HashMap<>();
  private Shell shell;

  @BeforeEach
  void bashIsThere() {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")));
    shell = new Shell(directory, environment);
  }

  @Test
  void buildsOnceThenStartsTheJvmInItsPlace() throws Exception {
    Path house = house("house");
    Shell.Run first = shell.run(house, "./spinel", "server", "--port", "7");
    assertThat(first.status()).as(first.err()).isZero();
    assertThat(first.out())
        .contains("/house/.spinel/run-")
        .endsWith("dev.spinel.server.Main\n--port\n7\n");
    assertThat(first.err().lines())
        .satisfiesExactly(line -> assertThat(line).startsWith("spinel: building Spinel"));
    assertThat(shell.run(house, "./spinel", "server", "--port", "7").err()).isEmpty();
    assertThat(house.resolve(".spinel/lock")).doesNotExist();
  }

  @Test
  void aCacheOfARehearsalThatFailedIsNotKept() throws Exception {
    Path house = house("house");
    environment.put("REHEARSED", "137");
    Shell.Run run = shell.run(house, "./spinel", "server");
    assertThat(run.status()).isZero();
    assertThat(run.out()).endsWith("dev.spinel.server.Main\n").doesNotContain("AOTCache=");
    assertThat(run.err()).contains("could not make the JVM's cache of classes");
    try (Stream<Path> left = Files.walk(house.resolve(".spinel"))) {
      assertThat(left.filter(path -> path.toString().endsWith(".aot"))).isEmpty();
    }
  }

  @Test
  void aNodeOfAClusterStartsFromACacheOfItsOwn() throws Exception {
    Path house = house("house");
    Path file = Files.writeString(directory.resolve("7.conf"), "port 7\ncluster-enabled yes\n");
    Path plain = Files.writeString(directory.resolve("8.conf"), "# cluster-enabled yes\nport 8");
    for (List<String> node :
        List.of(
            List.of("server", "--port", "7", "--cluster-enabled", "yes"),
            List.of("server", file.toString()),
            List.of("up"))) {
      assertThat(cacheOf(house, node)).as(node.toString()).endsWith("/node.aot");
    }
    for (List<String> other :
        List.of(List.of("server"), List.of("server", plain.toString()), List.of("server", "7"))) {
      assertThat(cacheOf(house, other)).as(other.toString()).endsWith("/spinel.aot");
    }
    try (Stream<Path> caches = Files.walk(house.resolve(".spinel"))) {
      Files.delete(caches.filter(path -> path.endsWith("node.aot")).findFirst().orElseThrow());
    }
    assertThat(cacheOf(house, List.of("up"))).endsWith("/spinel.aot");
  }

  private String cacheOf(Path house, List<String> arguments) throws Exception {
    List<String> call = new ArrayList<>(List.of("./spinel"));
    call.addAll(arguments);
    return shell
        .run(house, call.toArray(new String[0]))
        .out()
        .lines()
        .filter(line -> line.startsWith("-XX:AOTCache="))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void itsFolderIsFoundByLinksAndNamesWithoutASlash() throws Exception {
    Path house = house("the house");
    Path links = Files.createDirectory(directory.resolve("bin"));
    Files.createSymbolicLink(links.resolve("other"), Path.of("../the house/spinel"));
    Files.createSymbolicLink(links.resolve("redis-server"), Path.of("other"));
    Files.createDirectory(links.resolve("the house"));
    environment.put("CDPATH", links + ":" + directory);
    for (List<String> call :
        List.of(
            List.of("bash", "redis-server", "--port", "7"),
            List.of("./redis-server", "--port", "7"),
            List.of("bash", links.resolve("other").toString(), "server", "--port", "7"),
            List.of("bash", "../the house/spinel", "server", "--port", "7"))) {
      Shell.Run run = shell.run(links, call.toArray(new String[0]));
      assertThat(run.status()).as(call + run.err()).isZero();
      assertThat(run.out())
          .contains(house.toRealPath() + "/.spinel/run-")
          .endsWith("dev.spinel.server.Main\n--port\n7\n");
    }
    assertThat(shell.run(house, "bash", "spinel", "--version").out()).isEqualTo("Spinel 1.2\n");
  }

  @Test
  void theCheckersOfFilesGoByTheirOldNamesToo() throws Exception {
    Path house = house("house");
    for (String checker : List.of("rdb Rdb dump.rdb", "aof Aof --fix appendonly.aof.manifest")) {
      String[] words = checker.split(" ", 3);
      String name = "redis-check-" + words[0];
      Files.createSymbolicLink(house.resolve(name), Path.of("spinel"));
      for (List<String> call :
          List.of(List.of("./" + name), List.of("./spinel", "check-" + words[0]))) {
        List<String> command = new ArrayList<>(call);
        command.addAll(List.of(words[2].split(" ")));
        Shell.Run run = shell.run(house, command.toArray(new String[0]));
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out())
            .endsWith(
                "dev.spinel.server.Check" + words[1] + "\n" + words[2].replace(' ', '\n') + "\n");
      }
    }
  }

  @Test
  void redisCliIsBuiltAndKeptByItself() throws Exception {
    Path house = house("house");
    Files.createSymbolicLink(house.resolve("redis-cli"), Path.of("spinel"));
    Shell.Run run = shell.run(house, "./redis-cli", "-p", "7", "get", "k");
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("/house/.spinel/cli-", "/spinel-cli.jar:", "-Dspinel.tty=00\n")
        .endsWith("dev.spinel.cli.Main\n-p\n7\nget\nk\n");
    assertThat(house.resolve(".spinel/current-cli")).exists();
    assertThat(house.resolve(".spinel/current")).doesNotExist();
    shell.run(house, "./spinel", "server");
    Shell.Run again = shell.run(house, "./spinel", "cli", "ping");
    assertThat(again.err()).isEmpty();
    // what a start needs is mapped, and is compiled quickly rather than well
    assertThat(again.out())
        .containsPattern("-XX:AOTCache=.*/house/\\.spinel/cli-[^/]+/spinel\\.aot\n")
        .contains("-XX:TieredStopAtLevel=1\n");
  }

  @Test
  void nothingIsTouchedInAFolderThatIsNotSpinels() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("bin"));
    Files.copy(Shell.file("spinel"), folder.resolve("spinel"));
    Path stranger = Files.createDirectories(folder.resolve("project/target/run/work"));
    Shell.Run run = shell.run(folder, "bash", "spinel", "up");
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).contains("isn't Spinel's folder").hasLineCount(1);
    assertThat(stranger).exists();
    assertThat(folder.resolve(".spinel")).doesNotExist();
  }

  @Test
  void aColonInItsPathIsSaidAtOnce() throws Exception {
    Path house = house("a:b");
    Shell.Run run = shell.run(house, "./spinel", "up");
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).contains("colon").hasLineCount(1);
    assertThat(house.resolve(".spinel")).doesNotExist();
  }

  @Test
  void theJvmReadsNamesOfFilesAsUtf8WhereTheLocaleCanNot() throws Exception {
    Path house = house("haus");
    for (Map<String, String> locale :
        List.of(
            Map.of("LC_ALL", "C"),
            Map.of("LC_ALL", "", "LANG", "POSIX"),
            Map.of("LC_ALL", "xx_NOWHERE.UTF-8"))) {
      environment.putAll(locale);
      Shell.Run run = shell.run(house, "./spinel", "server");
      assertThat(run.out()).as(locale.toString()).containsPattern("(?m)^LC_ALL=\\S+\\.UTF-8$");
      assertThat(run.out()).doesNotContain("NOWHERE");
    }
    environment.put("LC_ALL", "de_DE.ISO-8859-1"); // its names of files may not be UTF-8
    assertThat(shell.run(house, "./spinel", "server").out()).contains("LC_ALL=de_DE.ISO-8859-1\n");
  }

  // ── The heap ──

  /// A quarter of the memory, which the JVM finds out itself, and at most 8 GB, which it is told.
  @Test
  void theHeapMayBecomeAQuarterOfTheMemoryAndEightGigabytes() throws Exception {
    String quarter = "-XX:MaxRAMPercentage=25 -XX:MinRAMPercentage=25";
    long gigabyte = 1 << 30;
    assertThat(heapFlags(1 * gigabyte)).isEqualTo(quarter);
    assertThat(heapFlags(32 * gigabyte)).isEqualTo(quarter);
    assertThat(heapFlags(33 * gigabyte)).isEqualTo("-Xmx8g");
    assertThat(heapFlags(512 * gigabyte)).isEqualTo("-Xmx8g");
    String second = "/sys/fs/cgroup/a/b/memory.max";
    assertThat(heapFlags(64 * gigabyte, "0::/a/b/c", second, "max")).isEqualTo("-Xmx8g");
    assertThat(heapFlags(64 * gigabyte, "0::/a/b/c", second, "" + 2 * gigabyte)).isEqualTo(quarter);
    assertThat(heapFlags(64 * gigabyte, "0::/", "/sys/fs/cgroup/memory.max", "" + gigabyte))
        .isEqualTo(quarter);
    String first = "/sys/fs/cgroup/memory/a/memory.limit_in_bytes";
    String groups = "7:cpu:/other\n3:hugetlb,memory:/a";
    assertThat(heapFlags(64 * gigabyte, groups, first, "" + 32 * gigabyte)).isEqualTo(quarter);
    assertThat(heapFlags(64 * gigabyte, groups, first, "" + 40 * gigabyte)).isEqualTo("-Xmx8g");
  }

  /// What the script tells the JVM of its heap on a machine that has so many bytes.
  ///
  /// @param control the control groups of its process, then files of theirs, each with what it says
  private String heapFlags(long bytes, String... control) throws Exception {
    Path root = Files.createTempDirectory(directory, "root");
    Files.createDirectories(root.resolve("proc/self"));
    String memory = "MemTotal:  " + bytes / 1024 + " kB\nMemFree: 1 kB\n";
    Files.writeString(root.resolve("proc/meminfo"), memory);
    if (control.length > 0) {
      Files.writeString(root.resolve("proc/self/cgroup"), control[0] + "\n");
    }
    for (int i = 1; i < control.length; i += 2) {
      Path file = root.resolve(control[i].substring(1));
      Files.createDirectories(file.getParent());
      Files.writeString(file, control[i + 1] + "\n");
    }
    String ofScript =
        "sed -n '/^heap_flags()/,/^}/p; /^has_more_than_32_gb()/,/^}/p' '%s' | sed 's#/proc/#%s&#g; s#/sys/fs#%s&#g'"
            .formatted(Shell.file("spinel"), root, root);
    String said = "eval \"$(" + ofScript + ")\"; OSTYPE=linux; heap_flags; echo ${heap_flags[*]}";
    return shell.run(directory, "bash", "-c", said).out().strip();
  }

  @Test
  void aHeapThatTheJvmCannotHaveIsToldInOneLine() throws Exception {
    Path house = house("house");
    shell.run(house, "./spinel", "server"); // which builds
    for (String size : List.of("abc", "1", "15m", "8192g", "999999999999g", "-1", "1.5g", "m")) {
      environment.put("SPINEL_HEAP", size);
      Shell.Run run = shell.run(house, "./spinel", "server");
      assertThat(run.status()).as(size).isEqualTo(1);
      assertThat(run.out()).as(size).isEmpty();
      assertThat(run.err()).startsWith("spinel: SPINEL_HEAP ").contains(size).hasLineCount(1);
    }
    environment.put("SPINEL_HEAP", "8191g");
    assertThat(shell.run(house, "./spinel", "server").out()).contains("\n-Xmx8191g\n");
  }

  @Test
  void underALimitOfAddressesTheJvmTakesFewerOrItIsToldInOneLine() throws Exception {
    Path house = house("house");
    assertThat(shell.run(house, "./spinel", "server").out())
        .doesNotContain("CompressedClassSpaceSize")
        .doesNotContain("MALLOC_ARENA_MAX");
    Shell.Run enough =
        shell.run(house, "bash", "-c", "ulimit -v 2000000 && exec ./spinel server --port 7");
    assertThat(enough.status()).as(enough.err()).isZero();
    assertThat(enough.out())
        .contains("\nMALLOC_ARENA_MAX=1\n")
        .contains("\n-XX:CompressedClassSpaceSize=48m\n")
        .endsWith("dev.spinel.server.Main\n--port\n7\n");
    Shell.Run little = shell.run(house, "bash", "-c", "ulimit -v 400000 && exec ./spinel server");
    assertThat(little.status()).isEqualTo(1);
    assertThat(little.out()).isEmpty();
    assertThat(little.err())
        .isEqualTo(
            "spinel: the JVM can't start with so few addresses (ulimit -v 400000): raise that, or"
                + " set SPINEL_HEAP lower\n");
    Shell.executable(directory.resolve("tools/jdk/bin/java"), "#!/bin/sh\nkill -SEGV $$\n");
    Shell.Run refused = shell.run(house, "bash", "-c", "ulimit -v 2000000 && exec ./spinel server");
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.out()).isEmpty();
    assertThat(refused.err()).startsWith("spinel: the JVM can't start").hasLineCount(1);
  }

  // ── The lock ──

  @Test
  void whatIsNoLockIsNotWaitedFor() throws Exception {
    Path house = house("house");
    Path lock = Files.createDirectories(house.resolve(".spinel/lock"));
    assertRefusesLock(shell.run(house, "./spinel", "up"));
    Files.delete(lock);
    Files.createFile(lock);
    assertRefusesLock(shell.run(house, "./spinel", "up"));
    Files.delete(lock);
    Files.createSymbolicLink(lock, Path.of("nobody"));
    assertRefusesLock(shell.run(house, "./spinel", "up"));
  }

  private static void assertRefusesLock(Shell.Run run) {
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).endsWith("/.spinel/lock isn't a lock of Spinel's; remove it\n");
    assertThat(run.err()).hasLineCount(1);
  }

  @Test
  void theLockOfADeadProcessIsBrokenEvenIfAnotherDiedBreakingIt() throws Exception {
    Path house = house("house");
    Files.createDirectories(house.resolve(".spinel/lock.dead"));
    Files.createSymbolicLink(house.resolve(".spinel/lock"), Path.of("999999999"));
    Shell.Run run = shell.run(house, "./spinel", "server");
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(run.err()).contains("lock.dead, which somebody left");
    assertThat(house.resolve(".spinel/lock.dead")).doesNotExist();
  }

  @Test
  void theLockOfALivingProcessIsWaitedForWhoeverOwnsIt() throws Exception {
    Path house = house("house");
    Path lock =
        Files.createSymbolicLink(
            Files.createDirectory(house.resolve(".spinel")).resolve("lock"), Path.of("1"));
    Process waiting = shell.start(house, "./spinel", "server");
    Path err = directory.resolve("err");
    await().until(() -> Files.readString(err).contains("waiting for the build of process 1"));
    Thread.sleep(500); // it must not break the lock meanwhile
    assertThat(Files.isSymbolicLink(lock)).isTrue();
    assertThat(Files.readString(err)).hasLineCount(1);
    Files.delete(lock);
    assertThat(waiting.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(waiting.exitValue()).isZero();
  }

  // ── An installation ──

  @Test
  void anInstallationStartsItsOwnJvmAndBuildsNothing() throws Exception {
    Path installed = installation();
    Path links = Files.createDirectory(directory.resolve("bin"));
    Files.createSymbolicLink(links.resolve("redis-server"), installed.resolve("bin/redis-server"));
    environment.put("PATH", "/usr/bin:/bin");
    environment.put("JAVA_HOME", "/nowhere");
    Shell.Run run = shell.run(links, "./redis-server", "--port", "7");
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .contains("-XX:AOTCache=" + installed.toRealPath() + "/lib/run-1/spinel.aot\n")
        .contains("/lib/run-1/spinel-lua.jar:")
        .doesNotContain("spinel.defaults")
        .endsWith("dev.spinel.server.Main\n--port\n7\n");
    Path defaults = Files.writeString(installed.resolve("lib/defaults.conf"), "");
    assertThat(shell.run(links, "./redis-server").out())
        .contains("-Dspinel.defaults=" + defaults.toRealPath() + "\n");
    assertThat(shell.run(links, installed + "/bin/spinel", "--version").out())
        .isEqualTo("Spinel 1.2\n");
    Shell.Run test = shell.run(links, installed + "/bin/spinel", "test");
    assertThat(test.status()).isEqualTo(1);
    assertThat(test.err()).contains("'test' is a matter of the sources").hasLineCount(1);
    assertThat(shell.run(links, installed + "/bin/spinel", "--help").out())
        .contains("spinel ready")
        .doesNotContain("spinel dist");
  }

  private Path installation() throws IOException {
    Path installed = directory.resolve("spinel-1.2");
    Path lib = Files.createDirectories(installed.resolve("lib/run-1")).getParent();
    Files.createDirectories(installed.resolve("bin"));
    Files.copy(Shell.file("spinel"), installed.resolve("bin/spinel"));
    Files.createSymbolicLink(installed.resolve("bin/redis-server"), Path.of("spinel"));
    Files.writeString(lib.resolve("current"), "run-1\n");
    Files.writeString(lib.resolve("version"), "1.2\n");
    Files.writeString(lib.resolve("run-1/spinel.aot"), "");
    Shell.executable(lib.resolve("runtime/bin/java"), "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    return installed;
  }

  // ── Health ──

  @Test
  void aServerIsAliveWhateverItAnswersAndReadyWhenItDoesItsPart() throws Exception {
    Path house = house("house");
    int nobody;
    try (Spinel open = Spinel.start();
        Spinel locked = Spinel.start("requirepass", "sec ret")) {
      assertHealth(house, "alive", open.port(), "");
      assertHealth(house, "ready", open.port(), "");
      assertHealth(house, "alive", locked.port(), "");
      assertHealth(house, "ready", locked.port(), "not ready: -NOAUTH Authentication required.\n");
      environment.put("REDISCLI_AUTH", "wrong");
      assertThat(health(house, "ready", locked.port()).out()).startsWith("not ready: -WRONGPASS");
      environment.put("REDISCLI_AUTH", "sec ret");
      assertHealth(house, "ready", locked.port(), "");
      environment.remove("REDISCLI_AUTH");
      environment.put(
          "REDIS_PASSWORD_FILE",
          Files.writeString(directory.resolve("password"), "sec ret\n").toString());
      assertHealth(house, "ready", locked.port(), "");
      environment.clear();
      nobody = open.port();
    }
    assertHealth(house, "alive", nobody, "no answer at 127.0.0.1:" + nobody + "\n");
    assertHealth(house, "ready", nobody, "not ready: no answer at 127.0.0.1:" + nobody + "\n");
  }

  @Test
  void aReplicaWithoutItsPrimaryAndANodeWithoutSlotsAreAliveAndNotReady() throws Exception {
    Path house = house("house");
    try (Spinel lonely = Spinel.start("replicaof", "127.0.0.1 1");
        Spinel node =
            Spinel.start("cluster-enabled", "yes", "dir", directory.toString(), "save", "")) {
      assertHealth(house, "alive", lonely.port(), "");
      assertHealth(
          house,
          "ready",
          lonely.port(),
          "not ready: a replica whose link to its primary is down\n");
      assertHealth(house, "alive", node.port(), "");
      assertHealth(house, "ready", node.port(), "not ready: a node of a cluster that isn't ok\n");
    }
    try (Topology topology = Spinel.replication(1).start()) {
      for (Topology.Node node : topology.nodes()) {
        await().until(() -> health(house, "ready", node.port()).status() == 0);
      }
    }
  }

  @Test
  void aServerThatSpeaksOnlyTlsIsAliveIfItAnswersAHandshake() throws Exception {
    Path house = house("house");
    int nobody;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      nobody = free.getLocalPort();
    }
    for (String transport : List.of("nio", "auto")) {
      try (Spinel spinel =
          Spinel.start(
              "tls-port",
              "" + nobody,
              "tls-cert-file",
              Shell.file("server/src/test/resources/tls/server.crt").toString(),
              "tls-key-file",
              Shell.file("server/src/test/resources/tls/server.key").toString(),
              "tls-ca-cert-file",
              Shell.file("server/src/test/resources/tls/ca.crt").toString(),
              "io-transport",
              transport)) {
        Shell.Run run = shell.run(house, "./spinel", "alive", "--tls", "-p", "" + nobody);
        assertThat(run.status()).as(transport + run.out() + run.err()).isZero();
        assertThat(run.out() + run.err()).isEmpty();
        assertThat(spinel.port()).isPositive(); // it lives
      }
    }
    Shell.Run none = shell.run(house, "./spinel", "alive", "--tls", "-p", "" + nobody);
    assertThat(none.status()).isEqualTo(1);
    assertThat(none.out()).isEqualTo("no answer at 127.0.0.1:" + nobody + "\n");
  }

  @Test
  void readinessIsAskedForWithTlsByRedisCli() throws Exception {
    Path house = house("house");
    Path told = directory.resolve("told");
    String[] check = {
      "./spinel", "ready", "--tls", "-h", "h", "-p", "7", "--cert", "c", "--key", "k"
    };
    assertReady(house, told, check, "PONG\n\nrole:master\n\ncluster_enabled:0\n", "");
    assertThat(told).content().endsWith("Main --tls --insecure --cert c --key k -h h -p 7 auth=\n");
    environment.put("REDISCLI_AUTH", "secret");
    assertReady(
        house,
        told,
        check,
        "PONG\nrole:slave\nmaster_link_status:down\n",
        "not ready: a replica whose link to its primary is down\n");
    assertThat(told).content().endsWith(" auth=secret\n");
    assertReady(
        house,
        told,
        check,
        "NOAUTH Authentication required.\n",
        "not ready: -NOAUTH Authentication required.\n");
    assertReady(
        house,
        told,
        check,
        "Could not connect to Redis at h:7: x\n",
        "not ready: no answer at h:7\n");
  }

  private void assertReady(Path house, Path told, String[] check, String replies, String said)
      throws Exception {
    Path answer = Files.writeString(directory.resolve("answer"), replies);
    Shell.executable(
        directory.resolve("tools/jdk/bin/java"),
        "#!/bin/sh\nfor a; do case $a in -XX:AOTCacheOutput=*) : >\"${a#*=}\"; exit ;; esac; done\n"
            + "echo \"$* auth=$REDISCLI_AUTH\" >'"
            + told
            + "'\ncat >/dev/null\ncat '"
            + answer
            + "'\n");
    Shell.Run run = shell.run(house, check);
    assertThat(run.out()).as(run.err()).isEqualTo(said);
    assertThat(run.status()).isEqualTo(said.isEmpty() ? 0 : 1);
  }

  private Shell.Run health(Path house, String check, int port) throws Exception {
    return shell.run(house, "./spinel", check, "-p", "" + port);
  }

  private void assertHealth(Path house, String check, int port, String said) throws Exception {
    Shell.Run run = health(house, check, port);
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).isEqualTo(said);
    assertThat(run.status()).isEqualTo(said.isEmpty() ? 0 : 1);
  }

  // ── The house ──

  private Path house(String name) throws IOException {
    Path house = Files.createDirectory(directory.resolve(name));
    Files.copy(Shell.file("spinel"), house.resolve("spinel"));
    Files.writeString(house.resolve("pom.xml"), "<project>\n<version>1.2</version>\n</project>\n");
    StringBuilder maven = new StringBuilder("#!/bin/sh\nset -e\n");
    String jars =
        "wire/spinel-wire lua/spinel-lua server/spinel launcher/spinel-launcher cli/spinel-cli"
            + " cli/jline";
    for (String jar : jars.split(" ")) {
      String module = jar.substring(0, jar.indexOf('/'));
      Files.createDirectories(house.resolve(module + "/src/main"));
      Files.writeString(house.resolve(module + "/pom.xml"), "");
      String target = "'" + house + "/" + module + "/target/run'";
      maven.append("mkdir -p " + target + "\necho " + jar + " >" + target);
      maven.append(jar.substring(jar.indexOf('/')) + ".jar\n");
    }
    Path tools = directory.resolve("tools");
    Shell.executable(tools.resolve("mvn"), maven.toString());
    Shell.executable(
        tools.resolve("jdk/bin/java"),
        """
        #!/bin/sh
        for argument; do
          case $argument in -XX:AOTCacheOutput=*) : >"${argument#*=}"; exit ${REHEARSED:-0} ;; esac
        done
        echo "LC_ALL=$LC_ALL"
        [ -z "$MALLOC_ARENA_MAX" ] || echo "MALLOC_ARENA_MAX=$MALLOC_ARENA_MAX"
        printf '%s\\n' "$@"
        """);
    Shell.executable(tools.resolve("jdk/bin/javac"), "#!/bin/sh\n");
    Files.writeString(tools.resolve("jdk/release"), "JAVA_RUNTIME_VERSION=\"25.0.1+8\"\n");
    environment.put("JAVA_HOME", tools.resolve("jdk").toString());
    environment.put("PATH", tools + ":" + System.getenv("PATH"));
    return house;
  }
}
