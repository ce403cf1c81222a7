package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/// Types lines into a program, each as soon as the program waits for one.
final class Typist {
  private static final long MOST_SECONDS = 60;

  private Typist() {}

  /// Runs a program at a terminal of its own, which the system's `script` makes.
  ///
  /// @param command for a shell
  static ProcessBuilder atTerminal(String command) {
    // whoever runs the tests behind a shell's & has Ctrl-C ignored, and its children, too
    return new ProcessBuilder("env", "--default-signal=INT", "script", "-qec", command, "/dev/null")
        .redirectErrorStream(true);
  }

  /// Words for a shell, as they are.
  static String quoted(List<String> words) {
    StringBuilder all = new StringBuilder();
    for (String word : words) all.append(all.isEmpty() ? "'" : " '").append(word).append('\'');
    return all.toString();
  }

  /// What a run of the program shows.
  ///
  /// @param waits finds, at the end of what it has said, that it waits for a line
  static Ours type(ProcessBuilder program, Pattern waits, List<String> lines) throws Exception {
    Path err = Files.createTempFile("typist", "err");
    if (!program.redirectErrorStream()) program.redirectError(err.toFile());
    program.environment().remove("REDISCLI_AUTH");
    Process p = program.start();
    try {
      InputStream out = p.getInputStream();
      StringBuilder all = new StringBuilder();
      int answered = 0; // up to here
      int next = 0;
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(MOST_SECONDS);
      while (p.isAlive() || out.available() > 0) {
        int there = out.available();
        if (there > 0) {
          all.append(new String(out.readNBytes(there), StandardCharsets.ISO_8859_1));
        } else if (next < lines.size() && waits.matcher(all.substring(answered)).find()) {
          answered = all.length();
          try {
            String line = lines.get(next++) + "\n";
            p.getOutputStream().write(line.getBytes(StandardCharsets.ISO_8859_1));
            p.getOutputStream().flush();
          } catch (IOException e) {
            // it ended without reading all
          }
        } else {
          assertThat(System.nanoTime() - end).as(() -> "ends: " + all).isNegative();
          Thread.sleep(1);
        }
      }
      int status = p.waitFor();
      return new Ours(status, all.toString(), Files.readString(err, StandardCharsets.ISO_8859_1));
    } finally {
      p.descendants().forEach(ProcessHandle::destroyForcibly);
      p.destroyForcibly();
      Files.deleteIfExists(err);
    }
  }
}
