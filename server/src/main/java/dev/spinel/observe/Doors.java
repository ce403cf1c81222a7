package dev.spinel.observe;

import java.util.List;

/// Where clients come in. Any thread.
public interface Doors {
  /// The TCP port that it listens at, 0 if at none.
  int port();

  /// How its loops talk to the system: `nio` or `io_uring`.
  String transport();

  /// Each as INFO shows it: `name=tcp,bind=127.0.0.1,port=6379`.
  List<String> listeners();
}
