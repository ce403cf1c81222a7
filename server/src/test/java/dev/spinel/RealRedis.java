package dev.spinel;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/// A real `redis-server` in a process of its own, for comparison; stopped by [#close].
public final class RealRedis implements AutoCloseable {
  private final Process process;
  private final Path directory;
  private final int port;
  private Client client;

  private RealRedis(Process process, Path directory, int port) {
    this.process = process;
    this.directory = directory;
    this.port = port;
  }

  /// The server to compare with: `REDIS_SERVER`, or the first `redis-server` on the path, or null.
  public static Path binary() {
    String named = System.getenv("REDIS_SERVER");
    if (named != null) {
      return Path.of(named);
    }
    String path = System.getenv("PATH");
    for (String folder : path == null ? new String[0] : path.split(":")) {
      Path candidate = Path.of(folder, "redis-server");
      if (Files.isExecutable(candidate)
          && !candidate.toAbsolutePath().toString().contains("spinel")) {
        return candidate;
      }
    }
    return null;
  }

  /// Its version, "7.2.6".
  public static String version(Path binary) {
    try {
      Process process =
          new ProcessBuilder(binary.toString(), "--version").redirectErrorStream(true).start();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int at = text.indexOf("v=") + 2;
      return text.substring(at, text.indexOf(' ', at));
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  public static int freePort() {
    for (int attempt = 0; attempt < 1000; attempt++) {
      try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        if (probe.getLocalPort() < 55_000) {
          return probe.getLocalPort(); // a cluster adds 10000
        }
      } catch (IOException failure) {
        throw new UncheckedIOException(failure);
      }
    }
    throw new AssertionError("no free port below 55000");
  }

  /// One that saves nothing of itself and allows DEBUG, ready; the test is left out if there is
  /// none on this machine.
  public static RealRedis ready(Path directory, String... settings)
      throws IOException, InterruptedException {
    Path binary = binary();
    Assumptions.assumeTrue(binary != null, "no redis-server to compare with");
    int port = freePort();
    List<String> arguments =
        new ArrayList<>(
            List.of("--port", "" + port, "--save", "", "--enable-debug-command", "yes"));
    arguments.addAll(List.of(settings));
    RealRedis redis = start(binary, directory, port, "", arguments);
    if (!redis.answers()) {
      throw new AssertionError("redis-server doesn't start: " + redis.errorOutput());
    }
    return redis;
  }

  /// Starts it in a directory. Its output goes to files there.
  public static RealRedis start(
      Path binary, Path directory, int port, String input, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(binary.toString());
    command.addAll(arguments);
    Path stdin = directory.resolve("stdin");
    Files.writeString(stdin, input);
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder
        .redirectInput(stdin.toFile())
        .redirectOutput(directory.resolve("stdout").toFile())
        .redirectError(directory.resolve("stderr").toFile());
    return new RealRedis(builder.start(), directory, port);
  }

  public int port() {
    return port;
  }

  /// Where it was started, and its output is: `stdout`, `stderr`.
  public Path directory() {
    return directory;
  }

  /// Whether it is of the version that Spinel follows.
  public boolean isSeven2() throws IOException {
    return call("INFO", "server").toString().contains("redis_version:7.2");
  }

  /// Waits until it answers; false if it ended instead.
  public boolean answers() throws InterruptedException {
    for (int attempt = 0; attempt < 1000; attempt++) {
      if (!process.isAlive()) {
        return false;
      }
      try {
        client = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
        return true;
      } catch (IOException notYet) {
        Thread.sleep(10); // the process is another one: there is nothing else to wait for
      }
    }
    throw new AssertionError("redis-server neither answers nor ends");
  }

  public String errorOutput() throws IOException {
    return Files.readString(directory.resolve("stderr"));
  }

  public int exitStatus() throws InterruptedException {
    if (!process.waitFor(10, TimeUnit.SECONDS)) {
      throw new AssertionError("redis-server doesn't end");
    }
    return process.exitValue();
  }

  /// Sends a command of bytes as characters 0 to 255; an array comes as a list, everything else as
  /// such a text without the type.
  public Object call(String... command) throws IOException {
    byte[][] words = new byte[command.length][];
    for (int i = 0; i < words.length; i++) {
      words[i] = command[i].getBytes(StandardCharsets.ISO_8859_1);
    }
    return plain(client.command(words));
  }

  private static Object plain(RespValue reply) {
    return reply instanceof RespValue.Array array
        ? array.elements().stream().map(RealRedis::plain).toList()
        : reply.text();
  }

  @SuppressWarnings("unchecked")
  public List<String> configGet(String... patterns) throws IOException {
    String[] command = new String[patterns.length + 2];
    command[0] = "CONFIG";
    command[1] = "GET";
    System.arraycopy(patterns, 0, command, 2, patterns.length);
    Object reply = call(command);
    if (reply instanceof String error) {
      throw new AssertionError(error);
    }
    return (List<String>) reply;
  }

  /// Ends it by SIGTERM: what it has to write is written.
  public void stop() throws InterruptedException {
    process.destroy();
    exitStatus();
  }

  @Override
  public void close() {
    if (client != null) {
      client.close();
    }
    process.destroyForcibly();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
