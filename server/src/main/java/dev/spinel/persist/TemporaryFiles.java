package dev.spinel.persist;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Names of files that aren't finished yet: `temp-PID.rdb`, as Redis has them, and other names
/// where several are written by one process at once. Any thread.
final class TemporaryFiles {
  private TemporaryFiles() {}

  private static final Pattern NAME =
      Pattern.compile("temp-(?:sync-|rewriteaof-bg-)?(\\d{1,18})(?:-\\d+)?\\.(?:rdb|aof)");

  /// Those in use: there may be several servers in a process.
  private static final Set<Path> TAKEN = ConcurrentHashMap.newKeySet();

  /// A name in a folder that nobody in this process uses, with this process's number in it: until
  /// [#release].
  static Path take(Path folder, String before, String behind) {
    return take(folder, before, ProcessHandle.current().pid(), behind);
  }

  /// The same with the number of a process that stands for the file.
  static Path take(Path folder, String before, long pid, String behind) {
    Path absolute = folder.toAbsolutePath().normalize();
    String stem = before + pid;
    Path path = absolute.resolve(stem + behind);
    for (int more = 2; !TAKEN.add(path); more++) {
      path = absolute.resolve(stem + "-" + more + behind);
    }
    return path;
  }

  /// The same for a dump file that is going to be `target`, beside it.
  static Path forDump(Path target, long pid) {
    return take(folderOf(target), "temp-", pid, ".rdb");
  }

  static Path folderOf(Path file) {
    return Objects.requireNonNull(file.toAbsolutePath().getParent());
  }

  static void release(Path path) {
    TAKEN.remove(path);
  }

  /// Whether a file is one of these, whoever made it.
  static boolean isOne(Path file) {
    return NAME.matcher(file.getFileName().toString()).matches();
  }

  /// Whether nobody works at a file any more, to judge by its name: the process is gone, or it had
  /// this one's number in an earlier life, as happens in containers. Of those that stand for the
  /// files of another Spinel server nothing follows: whether that works at them is seen by its
  /// lock.
  private static boolean isLeftBehind(Path file) {
    Matcher name = NAME.matcher(file.getFileName().toString());
    if (!name.matches() || TAKEN.contains(file)) {
      return false;
    }
    long pid = Long.parseLong(name.group(1));
    return pid == ProcessHandle.current().pid() || !mayWork(pid);
  }

  /// Whether there is a process that may work at files by itself. Linux keeps one that has ended,
  /// without a command line, until its parent has heard of it: in a container perhaps for ever.
  private static boolean mayWork(long pid) {
    if (ProcessHandle.of(pid).isEmpty()) {
      return false;
    }
    try {
      String line = Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), ISO_8859_1);
      return !line.isEmpty() && !line.equals(SaveProcess.COMMAND + "\0");
    } catch (IOException e) {
      return ProcessHandle.of(pid).isPresent(); // no Linux, or it has just gone
    }
  }

  /// Removes what processes that were killed have left in a folder. Returns the names.
  static List<String> removeLeftBehind(Disk disk, Path folder) throws IOException {
    List<String> removed = new ArrayList<>();
    for (String name : disk.names(folder)) {
      Path file = folder.toAbsolutePath().normalize().resolve(name);
      if (isLeftBehind(file) && disk.deleteAbandoned(file)) {
        removed.add(name);
      }
    }
    return removed;
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
