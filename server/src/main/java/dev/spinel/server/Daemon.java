package dev.spinel.server;

import dev.spinel.net.HostProcess;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// `daemonize yes`: the server runs on in the background.
///
/// A JVM can't fork. So the process that was started starts itself once more, and ends when the
/// other one serves; where Redis's parent ends at once, a script that starts us may connect right
/// away. If the other one can't start, this one says what it said and ends as it did.
///
/// ```
/// parent                          child (-Dspinel.daemon=true)
///   start ──────────────────────►  leaves the terminal's session
///   reads the child's output  ◄──  log lines, errors
///                             ◄──  a zero byte: it serves
///   ends, status 0                 drops its streams, goes on
/// ```
final class Daemon {
  private static final String CHILD = "spinel.daemon";
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  private Daemon() {}

  static boolean isChild() {
    return Boolean.getBoolean(CHILD);
  }

  /// Starts the process that is going to serve, and waits until it does. Returns the exit status.
  ///
  /// @param input what there was to read at standard input, if the command line asked for that
  ///   Errors: it can't be started at all
  static int start(byte[] input) throws IOException, InterruptedException {
    List<String> command = commandLine();
    command.add(1, "-D" + CHILD + "=true");
    Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (OutputStream to = child.getOutputStream()) {
      to.write(input);
    } catch (IOException e) {
      // It ended without reading, and is going to tell why.
    }
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    InputStream from = child.getInputStream();
    for (int octet = from.read(); octet != -1; octet = from.read()) {
      if (octet == 0) {
        return 0;
      }
      said.write(octet);
    }
    try (FileOutputStream err = new FileOutputStream(FileDescriptor.err)) {
      said.writeTo(err);
    }
    return child.waitFor();
  }

  /// The words with which this process was started.
  private static List<String> commandLine() throws IOException {
    List<String> words = new ArrayList<>();
    if (Files.isReadable(COMMAND_LINE)) {
      byte[] line = Files.readAllBytes(COMMAND_LINE);
      int from = 0;
      for (int i = 0; i < line.length; i++) {
        if (line[i] == 0) {
          words.add(text(line, from, i));
          from = i + 1;
        }
      }
    } else {
      ProcessHandle.Info info = ProcessHandle.current().info();
      words.add(info.command().orElseThrow(() -> new IOException("daemonize can't be done here")));
      words.addAll(List.of(info.arguments().orElse(new String[0])));
    }
    return words;
  }

  private static String text(byte[] line, int from, int to) throws IOException {
    String text = new String(line, from, to - from, StandardCharsets.UTF_8);
    if (text.indexOf('\ufffd') >= 0) {
      throw new IOException(
          "daemonize can't hand over an argument that isn't text: put it into a configuration"
              + " file");
    }
    return text;
  }

  /// The child, before anything else.
  static void begin() {
    if (isChild()) {
      HostProcess.leaveTerminal();
    }
  }

  /// The child serves: whoever started it may go.
  static void serving() throws IOException {
    if (!isChild()) {
      return;
    }
    new FileOutputStream(FileDescriptor.out).write(0); // not closed: the log may write to it
    if (HostProcess.isPossible()) {
      HostProcess.leaveStreams();
    }
  }
}
