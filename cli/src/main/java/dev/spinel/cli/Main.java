package dev.spinel.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// `redis-cli`, `spinel cli`.
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    Screen screen = Screen.ofProcess();
    int status = run(screen, bytesOf(arguments));
    Runtime.getRuntime().halt(status);
  }

  /// Runs the program; answers its exit status.
  static int run(Screen screen, List<String> words) {
    return status(screen, () -> new Program(screen, words).run());
  }

  /// What a program does; answers its exit status, unless it ends before.
  public interface Work {
    int run() throws IOException;
  }

  /// Runs one of the programs to its end, however it ends, with all that it said on the screen;
  /// answers its exit status.
  public static int status(Screen screen, Work work) {
    int status;
    try {
      try {
        status = work.run();
      } catch (IOException e) {
        screen.errLine(String.valueOf(e.getMessage()));
        status = 1;
      } catch (Exit e) {
        status = e.status;
      }
      screen.flush();
    } catch (Exit nobodyReads) {
      status = nobodyReads.status;
    }
    return status;
  }

  /// The arguments as the bytes that they were: the JVM decodes them, and loses what is no text.
  public static List<String> bytesOf(String[] arguments) {
    boolean ascii = true;
    for (String a : arguments) {
      for (int i = 0; i < a.length(); i++) ascii &= a.charAt(i) < 128; // a stream costs 10 ms here
    }
    if (ascii) return List.of(arguments);
    try {
      String line =
          new String(
              Files.readAllBytes(Path.of("/proc/self/cmdline")), StandardCharsets.ISO_8859_1);
      List<String> all = new ArrayList<>();
      for (int from = 0; from < line.length(); ) {
        int end = line.indexOf(0, from);
        if (end < 0) end = line.length();
        all.add(line.substring(from, end));
        from = end + 1;
      }
      return List.copyOf(all.subList(all.size() - arguments.length, all.size()));
    } catch (IOException | RuntimeException e) {
      List<String> encoded = new ArrayList<>();
      for (String a : arguments) {
        encoded.add(new String(a.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1));
      }
      return encoded;
    }
  }
}
