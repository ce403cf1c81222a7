package dev.spinel.launcher;

import dev.spinel.Spinel;
import dev.spinel.launcher.Up.BadOrder;
import dev.spinel.launcher.Up.Order;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// The smallest topology: one store that listens at 127.0.0.1, and keeps its data in an append-only
/// file.
final class OneStore implements Up.Run {
  private static final int POLL_MILLIS = 20;

  private final Spinel spinel;
  private final StoreFolder folder;

  private OneStore(Spinel spinel, StoreFolder folder) {
    this.spinel = spinel;
    this.folder = folder;
  }

  /// Starts it with the data that it finds; its warnings go to `log`. Errors: [BadOrder] if the
  /// port is taken, or there is data that can't be loaded.
  static OneStore start(Order order, OutputStream log) {
    StoreFolder folder;
    Path directory = order.directory().toAbsolutePath().normalize();
    try {
      folder = StoreFolder.in(directory, order.port());
    } catch (IOException e) {
      throw new BadOrder("can't make the folder for its data in " + directory + ": " + e);
    }
    Spinel spinel;
    try {
      spinel = start(order.port(), folder, log);
    } catch (BadOrder e) {
      folder.removeCopy();
      throw e;
    }
    if (folder.hasOnlyDump()) {
      try {
        startLog(spinel);
      } catch (IOException e) {
        spinel.close();
        throw new BadOrder("can't keep its data in " + folder.path + ": " + e.getMessage());
      }
    }
    return new OneStore(spinel, folder);
  }

  private static Spinel start(int port, StoreFolder folder, OutputStream log) {
    try {
      return Spinel.start(
          log,
          "port",
          Integer.toString(port),
          "dir",
          folder.path.toString(),
          "appendonly",
          folder.hasOnlyDump() ? "no" : "yes", // with yes no server reads a dump
          "save",
          "", // the append-only file has all
          "dbfilename",
          StoreFolder.DUMP, // and no other, should somebody use it
          "loglevel",
          "warning");
    } catch (UncheckedIOException e) {
      throw refusal(e, port);
    }
  }

  /// What a failure to start is to the one who asked for it.
  static BadOrder refusal(UncheckedIOException e, int port) {
    Throwable cause = e;
    while (cause.getCause() != null) cause = cause.getCause();
    if (cause instanceof SocketException) {
      return new BadOrder(
          "can't listen at 127.0.0.1:"
              + port
              + ": "
              + cause.getMessage() // the system's own words, like `Address already in use`
              + " (choose another with --port)");
    }
    return new BadOrder(e.getMessage() + " (or choose another folder with --dir)");
  }

  /// Has the data that was loaded from a dump written to an append-only file, and waits until it
  /// is.
  private static void startLog(Spinel spinel) throws IOException {
    try (Client client = Client.connect("127.0.0.1", spinel.port())) {
      client.command("CONFIG", "SET", "appendonly", "yes");
      while (true) {
        String info = text(client.command("INFO", "persistence"));
        if (info.contains("aof_last_bgrewrite_status:err")) {
          throw new IOException("the append-only file can't be written, as the log says");
        }
        if (info.contains("aof_rewrite_in_progress:0")
            && info.contains("aof_rewrite_scheduled:0")) {
          return;
        }
        Thread.sleep(POLL_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static String text(RespValue reply) {
    return reply instanceof RespValue.Bulk bulk
        ? new String(bulk.bytes(), StandardCharsets.UTF_8)
        : String.valueOf(reply);
  }

  @Override
  public String description() {
    String version = OneStore.class.getPackage().getImplementationVersion();
    int port = spinel.port();
    return """
    Spinel%s is up: one store at 127.0.0.1:%d (process %d).
    Its data is kept in %s (an append-only file, synced every second), and is there again at the next start.%s
    Connect with any client of Redis 7.2:
      redis-cli -p %2$d
      RedisClient jedis = RedisClient.create("127.0.0.1", %2$d);
    Ctrl-C ends it.
    """
        .formatted(
            version == null ? "" : " " + version,
            port,
            ProcessHandle.current().pid(),
            folder.path,
            folder.copiedFrom == null
                ? ""
                : "\nThe data of "
                    + folder.copiedFrom
                    + " was taken over; that file isn't used any more.");
  }

  @Override
  public void awaitStop(Up.Screen screen) throws InterruptedException {
    spinel.awaitStop();
  }

  @Override
  public void close() {
    spinel.close();
  }
}
