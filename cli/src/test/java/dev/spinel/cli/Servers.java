package dev.spinel.cli;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/// Servers that a test starts, of either kind; all listen at 127.0.0.1.
interface Servers extends AutoCloseable {
  /// What is started.
  enum Kind {
    /// `redis-server`, where there is one.
    STOCK,
    /// Servers of ours, in this JVM.
    SPINEL;

    Servers in(Path directory) {
      return this == STOCK ? new Stock(directory) : new Own(directory);
    }
  }

  /// Starts a server with options as on the command line, and waits for it.
  ///
  /// @return its port
  int server(String... options) throws IOException;

  /// A node of a cluster that doesn't exist yet.
  default int node() throws IOException {
    return server("--cluster-enabled", "yes", "--cluster-node-timeout", "2000");
  }

  /// The reply of the server at a port.
  static RespValue ask(int port, String... command) {
    try (Client client = Client.connect("127.0.0.1", port)) {
      return client.command(command);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Ends a server; nothing is saved.
  void stop(int port);

  /// Starts a node at a port, with the folder of the one that was started first at another port.
  void node(int port, int folderOf) throws IOException;

  @Override
  void close();
}
