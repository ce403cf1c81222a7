package dev.spinel.launcher;

import dev.spinel.Spinel;
import dev.spinel.launcher.Up.BadOrder;
import dev.spinel.launcher.Up.Order;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The smallest topology: one store that listens at 127.0.0.1.
final class OneStore implements AutoCloseable {
  private final Spinel spinel;
  private final Path directory; // of its data

  private OneStore(Spinel spinel, Path directory) {
    this.spinel = spinel;
    this.directory = directory;
  }

  /// Starts it with the data that it finds; its warnings go to `log`. Errors: [BadOrder] if the
  /// port is taken, or there is data that can't be loaded.
  static OneStore start(Order order, OutputStream log) {
    String port = Integer.toString(order.port());
    Path directory = order.directory().toAbsolutePath().normalize();
    try {
      Files.createDirectories(directory);
      Spinel spinel =
          Spinel.start(log, "port", port, "dir", directory.toString(), "loglevel", "warning");
      return new OneStore(spinel, directory);
    } catch (IOException e) {
      throw new BadOrder("can't make the folder " + directory + " for its data");
    } catch (UncheckedIOException e) {
      Throwable cause = e;
      while (cause.getCause() != null) cause = cause.getCause();
      if (cause instanceof SocketException) {
        throw new BadOrder(
            "can't listen at 127.0.0.1:"
                + port
                + ": "
                + cause.getMessage() // the system's own words, like `Address already in use`
                + " (choose another with --port)");
      }
      throw new BadOrder(String.valueOf(e.getMessage()));
    }
  }

  String description() {
    String version = OneStore.class.getPackage().getImplementationVersion();
    int port = spinel.port();
    return """
    Spinel%s is up: one store at 127.0.0.1:%d (process %d).
    Its data is kept in %s, and is there again at the next start.
    Connect with any client of Redis 7.2:
      redis-cli -p %2$d
      RedisClient jedis = RedisClient.create("127.0.0.1", %2$d);
    Ctrl-C ends it.
    """
        .formatted(
            version == null ? "" : " " + version, port, ProcessHandle.current().pid(), directory);
  }

  void awaitStop() throws InterruptedException {
    spinel.awaitStop();
  }

  @Override
  public void close() {
    spinel.close();
  }
}
