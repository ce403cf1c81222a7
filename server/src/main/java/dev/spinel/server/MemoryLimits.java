package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What memory the system lets this process have, and whether what the configuration asks for fits
/// into it. A process that takes more than its control group (a container's, a unit's) may is
/// killed, without a word.
final class MemoryLimits {
  /// What a JVM takes beside its heap and the data: classes, compiled code, threads, collector.
  static final long JVM_BYTES = 80L << 20;

  private MemoryLimits() {}

  /// Says what doesn't fit.
  static void warn(Config config, Log log) {
    long limit = ofProcess(Path.of("/proc/self/cgroup"), Path.of("/sys/fs/cgroup"));
    String warning =
        warning(limit, Runtime.getRuntime().maxMemory(), config.get(Settings.MAXMEMORY));
    if (warning != null) {
      log.warning(warning);
    }
  }

  /// @param limit what the process may take in all; 0: as much as there is
  /// @param heap how large the JVM's heap may become
  /// @param maxmemory the setting; 0: no bound
  static @Nullable String warning(long limit, long heap, long maxmemory) {
    if (limit == 0) {
      return null;
    }
    long room = limit - heap - JVM_BYTES;
    if (maxmemory != 0 && Long.compareUnsigned(maxmemory, Math.max(room, 0)) <= 0) {
      return null;
    }
    String bounds =
        megabytes(limit)
            + " is all that this process may take (its container's limit), of that"
            + " the JVM's heap up to "
            + megabytes(heap)
            + " (SPINEL_HEAP) and the JVM itself some "
            + megabytes(JVM_BYTES);
    String advice =
        room < 8 << 20
            ? "that leaves nothing for data: raise the limit, or set SPINEL_HEAP lower."
            : "set maxmemory to " + megabytes(room) + " at most, or the system may kill it.";
    return "WARNING: "
        + (maxmemory == 0
            ? "maxmemory isn't set, and "
            : "maxmemory " + megabytes(maxmemory) + " doesn't fit: ")
        + bounds
        + "; "
        + advice;
  }

  private static String megabytes(long bytes) {
    return (bytes >> 20) + "mb";
  }

  /// The least limit of the control groups that a process is in, in bytes; 0 if there is none.
  ///
  /// @param groups `/proc/self/cgroup`: lines of number, controllers and path; no controllers: the
  ///   second version of the file system, where groups have them all
  /// @param root where that file system is mounted
  static long ofProcess(Path groups, Path root) {
    long least = Long.MAX_VALUE;
    List<String> lines;
    try {
      lines = Files.readAllLines(groups, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return 0; // no Linux
    }
    for (String line : lines) {
      String[] parts = line.split(":", 3);
      if (parts.length < 3) {
        continue;
      }
      boolean second = parts[1].isEmpty();
      if (!second && !List.of(parts[1].split(",")).contains("memory")) {
        continue;
      }
      Path top = second ? root : root.resolve("memory");
      String file = second ? "memory.max" : "memory.limit_in_bytes";
      // A container sees its own group as the root, whatever path is told.
      @Nullable Path group = top.resolve(parts[2].substring(1)).normalize();
      while (group != null && group.startsWith(top)) {
        least = Math.min(least, limit(group.resolve(file)));
        group = group.getParent();
      }
    }
    return least >= 1L << 50 ? 0 : least; // the first version writes "none" as nearly 2^63
  }

  private static long limit(Path file) {
    try {
      return Long.parseLong(Files.readString(file).strip());
    } catch (IOException | NumberFormatException none) {
      return Long.MAX_VALUE; // not there, or "max"
    }
  }
}
