package dev.spinel.launcher;

import dev.spinel.Spinel;
import dev.spinel.launcher.Up.BadOrder;
import dev.spinel.launcher.Up.Order;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/// The smallest topology: one store that listens at 127.0.0.1.
final class OneStore implements AutoCloseable {
  private final Spinel spinel;

  private OneStore(Spinel spinel) {
    this.spinel = spinel;
  }

  /// Starts it; its warnings go to `log`. Errors: [BadOrder] if the port is taken.
  static OneStore start(Order order, OutputStream log) {
    String port = Integer.toString(order.port());
    String directory = order.directory().toAbsolutePath().normalize().toString();
    try {
      return new OneStore(Spinel.start(log, "port", port, "dir", directory, "loglevel", "warning"));
    } catch (UncheckedIOException e) {
      throw new BadOrder("can't listen at 127.0.0.1:" + port + ": " + reason(e));
    }
  }

  /// The last words of the innermost cause: the system's own, like `Address already in use`.
  private static String reason(Throwable problem) {
    Throwable cause = problem;
    while (cause.getCause() != null) cause = cause.getCause();
    return cause.getMessage() + " (choose another with --port)";
  }

  String description() {
    String version = OneStore.class.getPackage().getImplementationVersion();
    int port = spinel.port();
    return """
    Spinel%s is up: one store at 127.0.0.1:%d (process %d). Nothing is saved yet: what you store is gone when it ends.
    Connect with any client of Redis 7.2:
      redis-cli -p %2$d
      RedisClient jedis = RedisClient.create("127.0.0.1", %2$d);
    Ctrl-C ends it.
    """
        .formatted(version == null ? "" : " " + version, port, ProcessHandle.current().pid());
  }

  void awaitStop() throws InterruptedException {
    spinel.awaitStop();
  }

  @Override
  public void close() {
    spinel.close();
  }
}
