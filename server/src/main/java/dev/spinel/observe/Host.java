package dev.spinel.observe;

import dev.spinel.keyspace.Seat;

/// What commands of this package do to the server around the engine. Any thread.
public interface Host {
  /// DEBUG CHANGE-REPL-ID.
  void changeReplicationId();

  /// Saves all data to the dump file, in a stopped world. Returns whether that went well; the log
  /// says why if not.
  boolean save(Seat seat);

  /// Loads the dump file beside the data there is, in a stopped world. Returns whether that went
  /// well; the log says why if not.
  ///
  /// @param merge whether its keys may take the place of others
  boolean reload(Seat seat, boolean merge);

  /// Forgets all data, and loads the append-only file. The caller has no seat. Returns whether that
  /// went well; the log says why if not.
  boolean loadAof();

  /// Whether nothing is done from time to time any more: for tests.
  void pauseCron(boolean on);

  /// Keeps the caller for so long, or until the server is to stop.
  void sleep(long millis);

  /// Sends SIGABRT to the process. Returns before it has ended.
  void abort();

  /// Drops what comes over the cluster's bus and is of the type with this number; -1: nothing.
  void dropBusMessages(long type);

  /// Breaks the links of the cluster's bus to a node, from it, or both. Errors: there is no
  /// cluster, or no such node.
  void breakBusLinks(String node, boolean to, boolean from);

  /// A line in the server's log, as a warning.
  void log(String line);
}
