package dev.spinel.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The scripts of the Debian package, in a system of a few files (DPKG_ROOT) whose programs say how
/// they are called: no server runs while its files are exchanged, and what ran before runs again.
@Timeout(60)
class PackageTest {
  @TempDir Path directory;

  private final Map<String, String> environment = new HashMap<>();
  private Shell shell;
  private Path root;

  @BeforeEach
  void system() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")));
    shell = new Shell(directory, environment);
    root = directory.resolve("root");
    Files.createDirectories(root.resolve("run/systemd/system"));
    Files.createDirectories(root.resolve("etc/spinel"));
    Files.createDirectories(root.resolve("proc/self"));
    Path tools = directory.resolve("tools");
    Shell.executable(
        tools.resolve("systemctl"),
        "#!/bin/sh\necho systemctl \"$@\"\n[ \"$1\" != is-active ] || [ -n \"${ACTIVE-}\" ]\n");
    Shell.executable(tools.resolve("adduser"), "#!/bin/sh\n");
    Shell.executable(tools.resolve("chown"), "#!/bin/sh\n");
    environment.put("PATH", tools + ":" + System.getenv("PATH"));
    environment.put("DPKG_ROOT", root.toString());
  }

  private Shell.Run run(String script, String... arguments) throws Exception {
    String[] command = new String[arguments.length + 2];
    command[0] = "sh";
    command[1] = Shell.file("dist/debian/" + script).toString();
    System.arraycopy(arguments, 0, command, 2, arguments.length);
    return shell.run(directory, command);
  }

  private String done(String script, String... arguments) throws Exception {
    Shell.Run run = run(script, arguments);
    assertThat(run.status()).as(run.err()).isZero();
    return run.out();
  }

  /// A process, as /proc shows it.
  private void process(int number, String executable, String... words) throws IOException {
    Path folder = Files.createDirectories(root.resolve("proc/" + number));
    Files.createSymbolicLink(folder.resolve("exe"), Path.of(executable));
    Files.writeString(folder.resolve("cmdline"), String.join("\0", words) + "\0");
  }

  @Test
  void aServiceThatRunsIsStoppedBeforeItsFilesGoAndStartedBehindThat() throws Exception {
    environment.put("ACTIVE", "yes");
    assertThat(done("preinst", "upgrade", "0.1"))
        .isEqualTo("systemctl is-active --quiet spinel.service\nsystemctl stop spinel.service\n");
    environment.remove("ACTIVE"); // as it is now
    assertThat(done("postinst", "configure", "0.1"))
        .isEqualTo("systemctl daemon-reload\nsystemctl start spinel.service\n");
    assertThat(done("postinst", "configure", "0.1")).isEqualTo("systemctl daemon-reload\n");
  }

  @Test
  void anUpgradeThatIsGivenUpStartsItToo() throws Exception {
    environment.put("ACTIVE", "yes");
    done("preinst", "upgrade", "0.1");
    assertThat(done("postinst", "abort-upgrade", "0.2")).endsWith("start spinel.service\n");
  }

  @Test
  void aServiceThatDoesNotRunStaysSo() throws Exception {
    assertThat(done("preinst", "upgrade", "0.1")).doesNotContain("stop");
    assertThat(done("postinst", "configure", "0.1")).doesNotContain("start");
    assertThat(done("preinst", "install")).isEmpty();
    assertThat(done("postinst", "configure")).doesNotContain("start");
  }

  @Test
  void aServerThatSomebodyStartedByHandIsNotTakenItsFiles() throws Exception {
    String java = "/usr/lib/spinel/lib/runtime/bin/java";
    process(7, java, java, "-cp", "x", "dev.spinel.cli.Main", "ping");
    process(8, "/usr/bin/java", "java", "dev.spinel.server.Main", "--port", "7");
    done("preinst", "upgrade", "0.1");
    process(42, java, java, "-cp", "x", "dev.spinel.server.Main", "--port", "7");
    environment.put("ACTIVE", "yes");
    Shell.Run refused = run("preinst", "upgrade", "0.1");
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.err())
        .startsWith("spinel: process 42 is a server that runs from /usr/lib/spinel.")
        .hasLineCount(1);
    assertThat(refused.out()).endsWith("systemctl start spinel.service\n"); // as it was
    assertThat(root.resolve("run/spinel.upgrade")).doesNotExist();
  }

  @Test
  void withoutSystemdNothingIsAskedOfIt() throws Exception {
    Files.delete(root.resolve("run/systemd/system"));
    for (String[] call :
        new String[][] {
          {"preinst", "upgrade", "0.1"},
          {"postinst", "configure", "0.1"},
          {"prerm", "remove"},
          {"postrm", "remove"}
        }) {
      String[] arguments = java.util.Arrays.copyOfRange(call, 1, call.length);
      assertThat(done(call[0], arguments)).as(call[0]).isEmpty();
    }
  }

  @Test
  void whoRemovesItStopsIt() throws Exception {
    assertThat(done("prerm", "remove")).isEqualTo("systemctl stop spinel.service\n");
    assertThat(done("prerm", "upgrade", "0.2")).isEmpty();
    assertThat(done("postrm", "remove")).isEqualTo("systemctl daemon-reload\n");
  }
}
