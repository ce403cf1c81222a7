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

/// What the container's entry point makes of its arguments, with programs of a line each around it.
@Timeout(60)
class EntrypointTest {
  @TempDir Path directory;

  private final Map<String, String> environment = new HashMap<>();
  private Shell shell;
  private Path tools;
  private Path data;

  @BeforeEach
  void tools() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")));
    shell = new Shell(directory, environment);
    tools = directory.resolve("tools");
    data = Files.createDirectory(directory.resolve("data"));
    Shell.executable(
        tools.resolve("redis-server"),
        "#!/bin/bash\n[ -z \"${SHOW-}\" ] || cat \"${@: -1}\"\n"
            + "echo redis-server \"$@\" umask=$(umask)\n");
    Shell.executable(tools.resolve("redis-sentinel"), "#!/bin/sh\necho redis-sentinel \"$@\"\n");
    Shell.executable(
        tools.resolve("setpriv"), "#!/bin/sh\necho setpriv \"$@\" >&2\nshift 3\nID=999 \"$@\"\n");
    Shell.executable(tools.resolve("id"), "#!/bin/sh\necho ${ID-0}\n");
    Shell.executable(tools.resolve("find"), "#!/bin/sh\necho find \"$@\" >&2\n");
    Shell.executable(tools.resolve("chown"), "#!/bin/sh\n");
    environment.put("PATH", tools + ":" + System.getenv("PATH"));
  }

  private Shell.Run run(String... arguments) throws Exception {
    String[] command = new String[arguments.length + 5];
    command[0] = "bash";
    command[1] = "-c";
    command[2] = "umask 022 && exec \"$@\"";
    command[3] = "bash";
    command[4] = Shell.file("docker/entrypoint").toString();
    System.arraycopy(arguments, 0, command, 5, arguments.length);
    Shell.Run run = shell.run(data, command);
    assertThat(run.status()).as(run.err()).isZero();
    return run;
  }

  @Test
  void optionsAndFilesGoToTheServerWhichGivesUpBeingRoot() throws Exception {
    for (String[] arguments :
        new String[][] {
          {"--port", "7"}, {"/etc/my.conf", "--port", "7"}, {"redis-server", "my.conf"}, {"--"}
        }) {
      Shell.Run run = run(arguments);
      String words = String.join(" ", arguments).replaceFirst("^redis-server ", "");
      assertThat(run.out()).isEqualTo("redis-server " + words + " umask=0077\n");
      assertThat(run.err())
          .contains("find . ! -user redis -exec chown redis:redis {} +")
          .contains("setpriv --reuid=redis --regid=redis --clear-groups");
    }
  }

  @Test
  void whoeverIsNoRootStaysWhoHeIs() throws Exception {
    environment.put("ID", "1000");
    Shell.Run run = run("--port", "7");
    assertThat(run.out()).isEqualTo("redis-server --port 7 umask=0077\n");
    assertThat(run.err()).isEmpty();
  }

  @Test
  void anythingElseIsRunAsItStands() throws Exception {
    Shell.Run run = run("redis-sentinel", "/data/sentinel.conf");
    assertThat(run.out()).isEqualTo("redis-sentinel /data/sentinel.conf\n");
    assertThat(run.err()).isEmpty();
    assertThat(run("bash", "-c", "echo hello").out()).isEqualTo("hello\n");
  }

  @Test
  void aPasswordComesFromAFileAndIsNotSeenAmongTheArguments() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret"), "pass\\ \"word\" # 1\n");
    environment.put("REDIS_PASSWORD_FILE", secret.toString());
    environment.put("SHOW", "yes");
    environment.put("TMPDIR", directory.toString());
    Shell.Run run = run("--port", "7");
    assertThat(run.out())
        .startsWith(
            "requirepass \"pass\\\\ \\\"word\\\" # 1\"\n"
                + "masterauth \"pass\\\\ \\\"word\\\" # 1\"\nredis-server --port 7 --include ")
        .endsWith("/password.conf umask=0077\n");
  }
}
