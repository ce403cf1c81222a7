package dev.spinel.cli;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.wire.Client;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Stock programs found on the PATH: servers that tests start, and the stock redis-cli.
final class Stock implements Servers {
  private static final int BUS = 10000;

  private final Path directory;
  private final Map<Integer, Process> servers = new LinkedHashMap<>();

  Stock(Path directory) {
    assumeTrue(isThere("redis-server") && isThere("redis-cli"), "no stock redis-server, redis-cli");
    this.directory = directory;
  }

  /// Whether a program is there, and knows these options.
  static boolean isThere(String program, String... options) {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(options));
    command.add("--version");
    try {
      return new ProcessBuilder(command).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Whether the stock client is of 7.2, as ours.
  static boolean isOf72() {
    return cli("", Map.of(), List.of("--version")).out().startsWith("redis-cli 7.2.");
  }

  @Override
  public int server(String... options) throws IOException {
    int port = freePort();
    start(port, folder(port), options);
    return port;
  }

  private Path folder(int port) throws IOException {
    return Files.createDirectories(directory.resolve("server-" + port));
  }

  private void start(int port, Path folder, String... options) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of("redis-server", "--port", "" + port, "--bind", "127.0.0.1", "--save", ""));
    command.addAll(List.of("--dir", folder.toString(), "--logfile", folder + "/log"));
    command.addAll(List.of("--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"));
    command.addAll(List.of(options));
    servers.put(port, new ProcessBuilder(command).redirectErrorStream(true).start());
    await()
        .atMost(20, TimeUnit.SECONDS)
        .ignoreExceptions()
        .until(
            () -> {
              try (Client c = Client.connect("127.0.0.1", port)) {
                return c.command("PING") != null;
              }
            });
  }

  @Override
  public void stop(int port) {
    Process p = servers.remove(port);
    p.destroyForcibly();
    p.onExit().join();
  }

  @Override
  public void node(int port, int folderOf) throws IOException {
    start(port, folder(folderOf), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000");
  }

  /// A port whose bus port is free, too.
  static int freePort() {
    for (int tries = 0; tries < 100; tries++) {
      try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        int port = s.getLocalPort() > 65535 - BUS ? s.getLocalPort() - BUS : s.getLocalPort();
        if (port == s.getLocalPort()) {
          try (ServerSocket bus = new ServerSocket(port + BUS)) {
            if (bus.isBound()) return port;
          }
        } else {
          try (ServerSocket other = new ServerSocket(port)) {
            if (other.isBound()) return port; // its bus port is the one that is held above
          }
        }
      } catch (IOException e) {
        // taken: another one
      }
    }
    throw new IllegalStateException("no free port");
  }

  /// Runs the stock redis-cli.
  static Ours cli(String input, Map<String, String> environment, List<String> words) {
    try {
      List<String> command = new ArrayList<>(List.of("redis-cli"));
      command.addAll(words);
      ProcessBuilder builder = new ProcessBuilder(command);
      for (String name : List.of("FAKETTY", "REDISCLI_AUTH", "TERM")) {
        builder.environment().remove(name);
      }
      builder.environment().putAll(environment);
      Path err = Files.createTempFile("stock", "err");
      Process p = builder.redirectError(err.toFile()).start();
      try (var to = p.getOutputStream()) {
        to.write(input.getBytes(StandardCharsets.ISO_8859_1));
      } catch (IOException e) {
        // it ended without reading all
      }
      String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
      int status = p.waitFor();
      String said = Files.readString(err, StandardCharsets.ISO_8859_1);
      Files.delete(err);
      return new Ours(status, out, said);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    for (Process p : servers.values()) p.destroyForcibly();
    for (Process p : servers.values()) p.onExit().join();
  }
}
