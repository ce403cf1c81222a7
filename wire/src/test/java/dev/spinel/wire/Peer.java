package dev.spinel.wire;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// A real `redis-server` for comparisons: the program that the system property or environment
/// variable `SPINEL_PEER` names, else the first on the PATH.
final class Peer implements AutoCloseable {
  final int port;
  private final Process process;
  private final Path dir;

  private Peer(int port, Process process, Path dir) {
    this.port = port;
    this.process = process;
    this.dir = dir;
  }

  static Optional<String> program() {
    String named = System.getProperty("SPINEL_PEER", System.getenv("SPINEL_PEER"));
    if (named != null) return Optional.of(named);
    for (String d : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
      Path p = Path.of(d, "redis-server");
      // a launcher of our own may be installed under the same name
      if (Files.isExecutable(p) && !Files.isSymbolicLink(p) || isRedis(p))
        return Optional.of(p.toString());
    }
    return Optional.empty();
  }

  private static boolean isRedis(Path p) {
    try {
      return Files.isExecutable(p) && p.toRealPath().getFileName().toString().startsWith("redis-");
    } catch (IOException e) {
      return false;
    }
  }

  static Peer start(String program, String... options) throws Exception {
    int port;
    try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = s.getLocalPort();
    }
    Path dir = Files.createTempDirectory("peer");
    List<String> line = new ArrayList<>(List.of(program, "--port", "" + port, "--save", ""));
    line.addAll(List.of("--dir", dir.toString(), "--bind", "127.0.0.1", "--logfile", "log"));
    line.addAll(List.of(options));
    Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
    Peer peer = new Peer(port, process, dir);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (true) {
      try (Client c = peer.client()) {
        c.command("PING");
        return peer;
      } catch (IOException e) {
        if (System.nanoTime() > deadline || !process.isAlive()) {
          peer.close();
          throw new IOException("no answer from " + program, e);
        }
        Thread.sleep(20);
      }
    }
  }

  Client client() throws IOException {
    return Client.connect("127.0.0.1", port);
  }

  @Override
  public void close() throws Exception {
    process.destroy();
    if (!process.waitFor(10, TimeUnit.SECONDS)) process.destroyForcibly();
    try (var files = Files.list(dir)) {
      for (Path p : files.toList()) Files.delete(p);
    }
    Files.delete(dir);
  }
}
