package dev.spinel.launcher;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The file `up` in a topology's folder: it says that a `spinel up` runs, and how to talk to it.
///
/// ```
///   process 4711
///   port 40123          at 127.0.0.1; see [ControlPort]
///   token 0a1b…         whoever can read this file may steer it
/// ```
record ControlFile(Path path, long process, int port, String token) {
  private static final String NAME = "up";
  private static final int CONNECT_MILLIS = 2000;
  private static final int PING_MILLIS = 2000;
  private static final int REPLY_MILLIS = 90_000;

  /// A reply: what was said, or why not.
  record Reply(boolean isOk, List<String> lines) {
    String text() {
      return String.join("\n", lines);
    }
  }

  static Path in(Path folder) {
    return folder.resolve(NAME);
  }

  /// The one in a folder whose `spinel up` runs, or null. (A file may be left by one that crashed.)
  static @Nullable ControlFile ofRunning(Path folder) {
    ControlFile file = read(in(folder));
    try {
      return file != null && file.answers() ? file : null;
    } catch (IOException e) {
      return null;
    }
  }

  private static @Nullable ControlFile read(Path path) {
    try {
      long process = 0;
      int port = 0;
      String token = "";
      for (String line : Files.readAllLines(path)) {
        String value = line.substring(line.indexOf(' ') + 1);
        switch (line.substring(0, Math.max(0, line.indexOf(' ')))) {
          case "process" -> process = Long.parseLong(value);
          case "port" -> port = Integer.parseInt(value);
          case "token" -> token = value;
          default -> {
            return null;
          }
        }
      }
      return port > 0 && !token.isEmpty() ? new ControlFile(path, process, port, token) : null;
    } catch (IOException | NumberFormatException e) {
      return null;
    }
  }

  /// Puts it in its place, whole, readable for its owner only.
  void write() throws IOException {
    Path made = path.resolveSibling(NAME + ".new");
    Files.deleteIfExists(made);
    if (Files.getFileStore(path.resolveSibling("")).supportsFileAttributeView("posix")) {
      Files.createFile(
          made, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }
    Files.writeString(made, "process " + process + "\nport " + port + "\ntoken " + token + "\n");
    Files.move(made, path, StandardCopyOption.ATOMIC_MOVE);
  }

  /// Whether it is a `spinel up` that has the port, and not a stranger, who may say anything or
  /// nothing.
  private boolean answers() throws IOException {
    try (Socket socket = new Socket()) {
      say(socket, "ping");
      return ControlPort.line(socket, PING_MILLIS).equals(ControlPort.OK);
    }
  }

  private void say(Socket socket, String... words) throws IOException {
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), CONNECT_MILLIS);
    Writer out = new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8);
    out.write(token + " " + String.join(" ", words) + "\n");
    out.flush();
  }

  /// Says words to the `spinel up` that runs; none may contain a blank or the end of a line.
  Reply ask(String... words) throws IOException {
    try (Socket socket = new Socket()) {
      say(socket, words);
      socket.setSoTimeout(REPLY_MILLIS);
      BufferedReader in =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
      String first = in.readLine();
      if (first == null) {
        throw new IOException("no reply");
      }
      List<String> lines = new ArrayList<>();
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.add(line);
      }
      return new Reply(first.equals(ControlPort.OK), lines);
    }
  }
}
