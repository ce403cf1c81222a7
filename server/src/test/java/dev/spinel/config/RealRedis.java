package dev.spinel.config;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A real `redis-server` in a process of its own, for comparison; stopped by [#close].
final class RealRedis implements AutoCloseable {
  private final Process process;
  private final Path directory;
  private final int port;
  private Socket socket;
  private InputStream in;

  private RealRedis(Process process, Path directory, int port) {
    this.process = process;
    this.directory = directory;
    this.port = port;
  }

  /// The server to compare with: `REDIS_SERVER`, or the first `redis-server` on the path, or null.
  static Path binary() {
    String named = System.getenv("REDIS_SERVER");
    if (named != null) return Path.of(named);
    String path = System.getenv("PATH");
    for (String folder : path == null ? new String[0] : path.split(":")) {
      Path candidate = Path.of(folder, "redis-server");
      if (Files.isExecutable(candidate)
          && !candidate.toAbsolutePath().toString().contains("spinel")) return candidate;
    }
    return null;
  }

  /// Its version, "7.2.6".
  static String version(Path binary) {
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

  static int freePort() {
    for (int attempt = 0; attempt < 1000; attempt++) {
      try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        if (probe.getLocalPort() < 55_000) return probe.getLocalPort(); // a cluster adds 10000
      } catch (IOException failure) {
        throw new UncheckedIOException(failure);
      }
    }
    throw new AssertionError("no free port below 55000");
  }

  /// Starts it in a directory. Its output goes to files there.
  static RealRedis start(
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

  /// Waits until it answers; false if it ended instead.
  boolean answers() throws IOException, InterruptedException {
    for (int attempt = 0; attempt < 1000; attempt++) {
      if (!process.isAlive()) return false;
      try {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        in = new BufferedInputStream(socket.getInputStream());
        return true;
      } catch (IOException notYet) {
        Thread.sleep(10); // the process is another one: there is nothing else to wait for
      }
    }
    throw new AssertionError("redis-server neither answers nor ends");
  }

  String errorOutput() throws IOException {
    return Files.readString(directory.resolve("stderr"));
  }

  int exitStatus() throws InterruptedException {
    if (!process.waitFor(10, TimeUnit.SECONDS))
      throw new AssertionError("redis-server doesn't end");
    return process.exitValue();
  }

  /// Sends a command of octets; an array comes as a list, everything else as octets without the
  /// type.
  Object call(String... command) throws IOException {
    StringBuilder request = new StringBuilder("*" + command.length + "\r\n");
    for (String word : command)
      request.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    socket.getOutputStream().write(Octets.bytes(request.toString()));
    return reply();
  }

  private Object reply() throws IOException {
    String line = line();
    switch (line.charAt(0)) {
      case '$' -> {
        byte[] bytes = in.readNBytes(Integer.parseInt(line.substring(1)));
        line();
        return Octets.of(bytes);
      }
      case '*' -> {
        List<Object> list = new ArrayList<>();
        for (int left = Integer.parseInt(line.substring(1)); left > 0; left--) list.add(reply());
        return list;
      }
      default -> {
        return line.substring(1);
      }
    }
  }

  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int b; (b = in.read()) != '\n'; ) {
      if (b < 0) throw new IOException("redis-server closed the connection");
      line.write(b);
    }
    String text = Octets.of(line.toByteArray());
    return text.substring(0, text.length() - 1);
  }

  @SuppressWarnings("unchecked")
  List<String> configGet(String... patterns) throws IOException {
    String[] command = new String[patterns.length + 2];
    command[0] = "CONFIG";
    command[1] = "GET";
    System.arraycopy(patterns, 0, command, 2, patterns.length);
    Object reply = call(command);
    if (reply instanceof String error) throw new AssertionError(error);
    return (List<String>) reply;
  }

  @Override
  public void close() throws IOException {
    if (socket != null) socket.close();
    process.destroyForcibly();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
