package dev.spinel.observe;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// What Linux tells about this process and the machine, in the files below `/proc`. Elsewhere all
/// of it is 0.
final class ProcessFiles {
  /// The kernel's, to all programs.
  static final int TICKS_PER_SECOND = 100;

  private ProcessFiles() {}

  /// Memory of this process that is in the machine's memory.
  static long residentBytes() {
    return kilobytes("/proc/self/status", "VmRSS:") * 1024;
  }

  static long machineBytes() {
    return kilobytes("/proc/meminfo", "MemTotal:") * 1024;
  }

  /// Ticks of the processor: user, system, children's user, children's system.
  static long[] processTicks() {
    return ticks("/proc/self/stat");
  }

  /// The same of the thread that asks.
  static long[] threadTicks() {
    return ticks("/proc/thread-self/stat");
  }

  private static long[] ticks(String file) {
    long[] ticks = new long[4];
    for (String line : lines(file)) {
      // the second word is a name in parentheses, which may hold blanks
      String[] words = line.substring(line.lastIndexOf(')') + 2).split(" ");
      Arrays.setAll(ticks, i -> Long.parseLong(words[11 + i]));
    }
    return ticks;
  }

  private static long kilobytes(String file, String label) {
    for (String line : lines(file)) {
      if (line.startsWith(label)) {
        String number = line.substring(label.length()).strip();
        return Long.parseLong(number.substring(0, number.indexOf(' ')));
      }
    }
    return 0;
  }

  private static List<String> lines(String file) {
    try {
      return Files.readAllLines(Path.of(file), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return List.of(); // not a Linux
    }
  }
}
