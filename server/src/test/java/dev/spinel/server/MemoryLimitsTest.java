package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryLimitsTest {
  private static final long MB = 1 << 20;

  @TempDir Path directory;

  private long limit(String groups, String... files) throws IOException {
    Path told = Files.writeString(directory.resolve("cgroup"), groups);
    Path root = directory.resolve("fs");
    for (int i = 0; i < files.length; i += 2) {
      Path file = root.resolve(files[i]);
      Files.createDirectories(file.getParent());
      Files.writeString(file, files[i + 1] + "\n");
    }
    return MemoryLimits.ofProcess(told, root);
  }

  @Test
  void theLeastLimitOfAGroupAndThoseAroundItCounts() throws Exception {
    assertThat(
            limit(
                "0::/system.slice/spinel.service\n",
                "system.slice/memory.max",
                "" + 300 * MB,
                "system.slice/spinel.service/memory.max",
                "max"))
        .isEqualTo(300 * MB);
  }

  @Test
  void aContainerSeesItsOwnGroupAsTheRoot() throws Exception {
    assertThat(limit("0::/\n", "memory.max", "" + 256 * MB)).isEqualTo(256 * MB);
  }

  @Test
  void theFirstVersionOfTheFileSystemHasItsOwnNames() throws Exception {
    assertThat(
            limit(
                "3:cpu,cpuacct:/docker/x\n2:memory:/docker/x\n",
                "memory/docker/x/memory.limit_in_bytes",
                "" + 64 * MB,
                "memory/memory.limit_in_bytes",
                "9223372036854771712"))
        .isEqualTo(64 * MB);
  }

  @Test
  void whereNothingIsSaidThereIsNoLimit() throws Exception {
    assertThat(limit("0::/\n")).isZero();
    assertThat(limit("0::/\n", "memory.max", "max")).isZero();
    assertThat(MemoryLimits.ofProcess(directory.resolve("none"), directory)).isZero();
  }

  @Test
  void whatDoesNotFitIsSaidWithWhatWould() {
    assertThat(MemoryLimits.warning(0, 64 * MB, 0)).isNull();
    assertThat(MemoryLimits.warning(512 * MB, 128 * MB, 304 * MB)).isNull();
    assertThat(MemoryLimits.warning(512 * MB, 128 * MB, 305 * MB))
        .startsWith("WARNING: maxmemory 305mb doesn't fit: 512mb is all that this process may take")
        .endsWith("set maxmemory to 304mb at most, or the system may kill it.");
    assertThat(MemoryLimits.warning(512 * MB, 128 * MB, 0))
        .startsWith("WARNING: maxmemory isn't set, and 512mb is all")
        .contains("set maxmemory to 304mb at most");
    assertThat(MemoryLimits.warning(128 * MB, 64 * MB, 0))
        .endsWith("that leaves nothing for data: raise the limit, or set SPINEL_HEAP lower.");
  }
}
