package dev.spinel;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// What topologies need for each of their servers: a port, and a log in its folder.
final class NodePlaces {
  private NodePlaces() {}

  /// A port that was free a moment ago.
  static int freePort() {
    try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return probe.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException("no free port: " + e.getMessage(), e);
    }
  }

  /// The file `log` in a folder, which is made if need be; each line is written at once, behind
  /// those that are there.
  static OutputStream log(Path folder) {
    try {
      Files.createDirectories(folder);
      return new BufferedOutputStream(
          Files.newOutputStream(
              folder.resolve("log"), StandardOpenOption.CREATE, StandardOpenOption.APPEND),
          1);
    } catch (IOException e) {
      throw new UncheckedIOException("can't write to " + folder + ": " + e.getMessage(), e);
    }
  }
}
