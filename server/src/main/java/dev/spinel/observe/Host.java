package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.memory.Heap;

/// What these commands ask of the server that they run in; implemented by the assembly.
public interface Host {
  Config config();

  Heap heap();

  /// Asks the server to stop; returns at once.
  void requestStop();

  long startedMillis();

  int port();

  int loops();

  /// 40 hexadecimal digits, of this run of the server.
  String runId();

  int clients();

  long accepted();

  long refused();

  long bytesIn();

  long bytesOut();

  /// Channels, patterns and channels of shards that somebody listens to.
  int[] subscriptions();

  /// One line for the log, at its ordinary level.
  void log(String line);
}
