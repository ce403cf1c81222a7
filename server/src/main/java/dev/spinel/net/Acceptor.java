package dev.spinel.net;

import org.jspecify.annotations.Nullable;

/// Gives each accepted connection its [Handler]. Made by the owner of the loops.
@FunctionalInterface
public interface Acceptor {
  /// Called on the connection's own loop, within a turn, before anything was read.
  ///
  /// Returns null to refuse. What was written to [Connection#output] before leaves (as far as the
  /// socket takes it), then the connection closes.
  @Nullable Handler accept(Connection connection);
}
