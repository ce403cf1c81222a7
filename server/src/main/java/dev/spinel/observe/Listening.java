package dev.spinel.observe;

import java.util.List;

/// Where a server listens for clients. Any thread.
public interface Listening {
  /// The TCP port, 0 if it listens at none.
  int port();

  /// How its loops talk to the system: `nio` or `io_uring`.
  String transport();

  /// Each as INFO shows it: `name=tcp,bind=127.0.0.1,port=6379`.
  List<String> listeners();
}
