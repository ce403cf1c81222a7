package dev.spinel.observe;

/// What commands of this package do to the server around the engine. Any thread.
public interface Host {
  /// Has the server stopped; returns before it is.
  void stop();

  /// A line in the server's log, as a warning.
  void log(String line);
}
