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
import java.util.LinkedHashSet;

/// What topologies need for each of their servers: a port, and a log in its folder.
final class NodePlaces {
  private static final int REMEMBERED = 300; // well below how many the system has to give
  private static final LinkedHashSet<Integer> GIVEN = new LinkedHashSet<>(); // its own monitor

  private NodePlaces() {}

  /// A port that was free a moment ago, and none of the last few hundred that this has given: the
  /// system may give the same one twice before its first taker listens there.
  static int freePort() {
    while (true) {
      try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        if (isNew(probe.getLocalPort())) {
          return probe.getLocalPort();
        }
      } catch (IOException e) {
        throw new UncheckedIOException("no free port: " + e.getMessage(), e);
      }
    }
  }

  private static boolean isNew(int port) {
    synchronized (GIVEN) {
      if (!GIVEN.add(port)) {
        return false;
      }
      if (GIVEN.size() > REMEMBERED) {
        GIVEN.removeFirst();
      }
      return true;
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
