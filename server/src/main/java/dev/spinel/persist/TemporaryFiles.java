package dev.spinel.persist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Names of files that aren't finished yet: `temp-PID.rdb`, as Redis has them, and other names
/// where several are written by one process at once. Any thread.
final class TemporaryFiles {
  private TemporaryFiles() {}

  /// Those in use: there may be several servers in a process.
  private static final Set<Path> TAKEN = ConcurrentHashMap.newKeySet();

  /// A name in a folder that nobody in this process uses, with the process's number in it: until
  /// [#release].
  static Path take(Path folder, String before, String behind) {
    Path absolute = folder.toAbsolutePath().normalize();
    String stem = before + ProcessHandle.current().pid();
    Path path = absolute.resolve(stem + behind);
    for (int more = 2; !TAKEN.add(path); more++) {
      path = absolute.resolve(stem + "-" + more + behind);
    }
    return path;
  }

  /// The same for a dump file that is going to be `target`, beside it.
  static Path forDump(Path target) {
    return take(folderOf(target), "temp-", ".rdb");
  }

  static Path folderOf(Path file) {
    return Objects.requireNonNull(file.toAbsolutePath().getParent());
  }

  static void release(Path path) {
    TAKEN.remove(path);
  }

  /// The process ends at once: removes what is there, as far as that goes.
  static void removeAll() {
    for (Path each : TAKEN) {
      try {
        Files.deleteIfExists(each);
      } catch (IOException e) {
        continue; // it is left behind
      }
    }
  }
}
