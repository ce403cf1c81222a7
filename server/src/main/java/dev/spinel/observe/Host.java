package dev.spinel.observe;

/// What commands of this package do to the server around the engine. Any thread.
public interface Host {
  /// Has the server stopped; returns before it is.
  void stop();

  /// Keeps the caller for so long, or until the server is to stop.
  void sleep(long millis);

  /// A line in the server's log, as a warning.
  void log(String line);
}
