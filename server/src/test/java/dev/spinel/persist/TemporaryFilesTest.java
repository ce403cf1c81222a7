package dev.spinel.persist;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What is taken for a file that nobody finishes any more.
class TemporaryFilesTest {
  @TempDir Path folder;

  private String fileOf(long pid) throws IOException {
    String name = "temp-" + pid + ".rdb";
    Files.writeString(folder.resolve(name), "REDIS0011");
    return name;
  }

  private boolean isRemoved(String name) throws IOException {
    assertThat(folder.resolve(name)).exists();
    boolean said = TemporaryFiles.removeLeftBehind(new SystemDisk(), folder).contains(name);
    assertThat(Files.exists(folder.resolve(name))).isNotEqualTo(said);
    return said;
  }

  /// Whether the file of a process goes while that runs.
  private boolean isRemovedBeside(String... command) throws Exception {
    Process running = new ProcessBuilder(command).start();
    try {
      return isRemoved(fileOf(running.pid()));
    } finally {
      running.destroyForcibly().waitFor();
    }
  }

  @Test
  void aFileOfAProcessThatWorksStays() throws Exception {
    assertThat(isRemovedBeside("sleep", "60")).isFalse();
  }

  @Test
  void aFileOfAProcessThatHasEndedGoes() throws Exception {
    Process ended = new ProcessBuilder("true").start();
    ended.waitFor();
    assertThat(isRemoved(fileOf(ended.pid()))).isTrue();
  }

  /// As in a container whose first process asks nobody how it ended.
  @Test
  void aFileOfAProcessWhoseEndNobodyHasHeardOfGoes() throws Exception {
    assumeTrue(Files.isDirectory(Path.of("/proc/self")));
    Process parent = new ProcessBuilder("sh", "-c", "sleep 60 & echo $!; exec sleep 60").start();
    try (BufferedReader said =
        new BufferedReader(new InputStreamReader(parent.getInputStream(), US_ASCII))) {
      long pid = Long.parseLong(said.readLine());
      Path parentsLine = Path.of("/proc/" + parent.pid() + "/cmdline");
      await("the shell, which would ask how its child has ended, is another program")
          .until(() -> Files.readString(parentsLine).startsWith("sleep"));
      ProcessHandle.of(pid).orElseThrow().destroyForcibly();
      Path state = Path.of("/proc/" + pid + "/stat");
      await().until(() -> Files.readString(state).contains(") Z "));
      assertThat(isRemoved(fileOf(pid))).isTrue();
    } finally {
      parent.destroyForcibly().waitFor();
    }
  }

  /// The server has been killed, and what stood for its file is about to end.
  @Test
  void aFileGoesThatAProcessStandsForAndNobodyHasLocked() throws Exception {
    assumeTrue(Files.isDirectory(Path.of("/proc/self")));
    assertThat(isRemovedBeside(SaveProcess.COMMAND)).isTrue();
  }

  @Test
  void aFileStaysThatAServerHasLocked() throws Exception {
    Process standing = new ProcessBuilder(SaveProcess.COMMAND).start();
    String name = "temp-" + standing.pid() + ".rdb";
    try (Disk.Output open = new SystemDisk().create(folder.resolve(name))) {
      open.write("REDIS0011".getBytes(US_ASCII), 0, 9);
      assertThat(isRemoved(name)).isFalse();
    } finally {
      standing.destroyForcibly().waitFor();
    }
  }
}
