package dev.spinel.net;

import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;

/// Gives each accepted connection its [Handler]. Made by the owner of the loops.
@FunctionalInterface
public interface Acceptor {
  /// Called on the connection's own loop, within a turn, before anything was read.
  ///
  /// Returns null to refuse. What was written to [Connection#output] before leaves (as far as the
  /// socket takes it), then the connection closes.
  @Nullable Handler accept(Connection connection);

  /// TLS for one connection, asked for before it is made; null if it is plain text. Its handler
  /// sees plain text in any case.
  default @Nullable SSLEngine engine() {
    return null;
  }
}
