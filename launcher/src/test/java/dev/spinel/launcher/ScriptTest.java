package dev.spinel.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
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

  @BeforeEach
  void bashIsThere() {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")));
  }

  @Test
  void buildsOnceThenStartsTheJvmInItsPlace() throws Exception {
    Path house = house("house");
    Run first = run(house, "./spinel", "server", "--port", "7");
    assertThat(first.status).as(first.err).isZero();
    assertThat(first.out)
        .contains("/house/.spinel/run-")
        .endsWith("dev.spinel.server.Main\n--port\n7\n");
    assertThat(first.err.lines())
        .satisfiesExactly(
            line -> assertThat(line).startsWith("spinel: building Spinel"),
            line -> assertThat(line).contains("rehearsal").contains("cut short")); // nobody listens
    assertThat(run(house, "./spinel", "server", "--port", "7").err).isEmpty();
    assertThat(house.resolve(".spinel/lock")).doesNotExist();
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
      Run run = run(links, call.toArray(new String[0]));
      assertThat(run.status).as(call + run.err).isZero();
      assertThat(run.out)
          .contains(house.toRealPath() + "/.spinel/run-")
          .endsWith("dev.spinel.server.Main\n--port\n7\n");
    }
    assertThat(run(house, "bash", "spinel", "--version").out).isEqualTo("Spinel 1.2\n");
  }

  @Test
  void redisCliIsBuiltAndKeptByItself() throws Exception {
    Path house = house("house");
    Files.createSymbolicLink(house.resolve("redis-cli"), Path.of("spinel"));
    Run run = run(house, "./redis-cli", "-p", "7", "get", "k");
    assertThat(run.status).as(run.err).isZero();
    assertThat(run.out)
        .contains("/house/.spinel/cli-", "/spinel-cli.jar:", "-Dspinel.tty=00\n")
        .endsWith("dev.spinel.cli.Main\n-p\n7\nget\nk\n");
    assertThat(house.resolve(".spinel/current-cli")).exists();
    assertThat(house.resolve(".spinel/current")).doesNotExist();
    run(house, "./spinel", "server");
    assertThat(run(house, "./spinel", "cli", "ping").err).isEmpty();
  }

  @Test
  void nothingIsTouchedInAFolderThatIsNotSpinels() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("bin"));
    Files.copy(script(), folder.resolve("spinel"));
    Path stranger = Files.createDirectories(folder.resolve("project/target/run/work"));
    Run run = run(folder, "bash", "spinel", "up");
    assertThat(run.status).isEqualTo(1);
    assertThat(run.err).contains("isn't Spinel's folder").hasLineCount(1);
    assertThat(stranger).exists();
    assertThat(folder.resolve(".spinel")).doesNotExist();
  }

  @Test
  void aColonInItsPathIsSaidAtOnce() throws Exception {
    Path house = house("a:b");
    Run run = run(house, "./spinel", "up");
    assertThat(run.status).isEqualTo(1);
    assertThat(run.err).contains("colon").hasLineCount(1);
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
      Run run = run(house, "./spinel", "server");
      assertThat(run.out).as(locale.toString()).containsPattern("(?m)^LC_ALL=\\S+\\.UTF-8$");
      assertThat(run.out).doesNotContain("NOWHERE");
    }
    environment.put("LC_ALL", "de_DE.ISO-8859-1"); // its names of files may not be UTF-8
    assertThat(run(house, "./spinel", "server").out).contains("LC_ALL=de_DE.ISO-8859-1\n");
  }

  // ── The lock ──

  @Test
  void aHeapThatTheJvmCannotHaveIsToldInOneLine() throws Exception {
    Path house = house("house");
    run(house, "./spinel", "server"); // which builds
    for (String size : List.of("abc", "1", "15m", "8192g", "999999999999g", "-1", "1.5g", "m")) {
      environment.put("SPINEL_HEAP", size);
      Run run = run(house, "./spinel", "server");
      assertThat(run.status).as(size).isEqualTo(1);
      assertThat(run.out).as(size).isEmpty();
      assertThat(run.err).startsWith("spinel: SPINEL_HEAP ").contains(size).hasLineCount(1);
    }
    environment.put("SPINEL_HEAP", "8191g");
    assertThat(run(house, "./spinel", "server").out).contains("\n-Xmx8191g\n");
  }

  @Test
  void underALimitOfAddressesTheJvmTakesFewerOrItIsToldInOneLine() throws Exception {
    Path house = house("house");
    assertThat(run(house, "./spinel", "server").out)
        .doesNotContain("CompressedClassSpaceSize")
        .doesNotContain("MALLOC_ARENA_MAX");
    Run enough = run(house, "bash", "-c", "ulimit -v 2000000 && exec ./spinel server --port 7");
    assertThat(enough.status).as(enough.err).isZero();
    assertThat(enough.out)
        .contains("\nMALLOC_ARENA_MAX=1\n")
        .contains("\n-XX:CompressedClassSpaceSize=48m\n")
        .endsWith("dev.spinel.server.Main\n--port\n7\n");
    Run little = run(house, "bash", "-c", "ulimit -v 400000 && exec ./spinel server");
    assertThat(little.status).isEqualTo(1);
    assertThat(little.out).isEmpty();
    assertThat(little.err)
        .isEqualTo(
            "spinel: the JVM can't start with so few addresses (ulimit -v 400000): raise that, or"
                + " set SPINEL_HEAP lower\n");
    executable(directory.resolve("tools/jdk/bin/java"), "#!/bin/sh\nkill -SEGV $$\n");
    Run refused = run(house, "bash", "-c", "ulimit -v 2000000 && exec ./spinel server");
    assertThat(refused.status).isEqualTo(1);
    assertThat(refused.out).isEmpty();
    assertThat(refused.err).startsWith("spinel: the JVM can't start").hasLineCount(1);
  }

  @Test
  void whatIsNoLockIsNotWaitedFor() throws Exception {
    Path house = house("house");
    Path lock = Files.createDirectories(house.resolve(".spinel/lock"));
    assertRefusesLock(run(house, "./spinel", "up"));
    Files.delete(lock);
    Files.createFile(lock);
    assertRefusesLock(run(house, "./spinel", "up"));
    Files.delete(lock);
    Files.createSymbolicLink(lock, Path.of("nobody"));
    assertRefusesLock(run(house, "./spinel", "up"));
  }

  private static void assertRefusesLock(Run run) {
    assertThat(run.status).isEqualTo(1);
    assertThat(run.err).endsWith("/.spinel/lock isn't a lock of Spinel's; remove it\n");
    assertThat(run.err).hasLineCount(1);
  }

  @Test
  void theLockOfADeadProcessIsBrokenEvenIfAnotherDiedBreakingIt() throws Exception {
    Path house = house("house");
    Files.createDirectories(house.resolve(".spinel/lock.dead"));
    Files.createSymbolicLink(house.resolve(".spinel/lock"), Path.of("999999999"));
    Run run = run(house, "./spinel", "server");
    assertThat(run.status).as(run.err).isZero();
    assertThat(run.err).contains("lock.dead, which somebody left");
    assertThat(house.resolve(".spinel/lock.dead")).doesNotExist();
  }

  @Test
  void theLockOfALivingProcessIsWaitedForWhoeverOwnsIt() throws Exception {
    Path house = house("house");
    Path lock =
        Files.createSymbolicLink(
            Files.createDirectory(house.resolve(".spinel")).resolve("lock"), Path.of("1"));
    Process waiting = start(house, "./spinel", "server");
    Path err = directory.resolve("err");
    await().until(() -> Files.readString(err).contains("waiting for the build of process 1"));
    Thread.sleep(500); // it must not break the lock meanwhile
    assertThat(Files.isSymbolicLink(lock)).isTrue();
    assertThat(Files.readString(err)).hasLineCount(1);
    Files.delete(lock);
    assertThat(waiting.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(waiting.exitValue()).isZero();
  }

  // ── The house ──

  private Path house(String name) throws IOException {
    Path house = Files.createDirectory(directory.resolve(name));
    Files.copy(script(), house.resolve("spinel"));
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
    executable(tools.resolve("mvn"), maven.toString());
    executable(
        tools.resolve("jdk/bin/java"),
        """
        #!/bin/sh
        for argument; do
          case $argument in -XX:AOTCacheOutput=*) : >"${argument#*=}"; exit ;; esac
        done
        echo "LC_ALL=$LC_ALL"
        [ -z "$MALLOC_ARENA_MAX" ] || echo "MALLOC_ARENA_MAX=$MALLOC_ARENA_MAX"
        printf '%s\\n' "$@"
        """);
    executable(tools.resolve("jdk/bin/javac"), "#!/bin/sh\n");
    Files.writeString(tools.resolve("jdk/release"), "JAVA_RUNTIME_VERSION=\"25.0.1+8\"\n");
    environment.put("JAVA_HOME", tools.resolve("jdk").toString());
    environment.put("PATH", tools + ":" + System.getenv("PATH"));
    return house;
  }

  private static void executable(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  private static Path script() {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("launcher/pom.xml"))) return folder.resolve("spinel");
    }
    throw new AssertionError("no launcher above " + Path.of("").toAbsolutePath());
  }

  private record Run(int status, String out, String err) {}

  private Run run(Path where, String... command) throws Exception {
    Process process = start(where, command);
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly().waitFor();
      throw new AssertionError(String.join(" ", command) + " doesn't end");
    }
    return new Run(process.exitValue(), text("out"), text("err"));
  }

  private Process start(Path where, String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(where.toFile());
    builder.environment().putAll(environment);
    builder.redirectOutput(directory.resolve("out").toFile());
    builder.redirectError(directory.resolve("err").toFile());
    return builder.start();
  }

  private String text(String stream) throws IOException {
    return Files.readString(directory.resolve(stream), StandardCharsets.UTF_8);
  }
}
