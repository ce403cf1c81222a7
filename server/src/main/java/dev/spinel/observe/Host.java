package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.memory.HeapStats;
import java.util.List;

/// What the families of this package ask of the server around the engine. Any thread.
public interface Host {
  Config config();

  /// The version of this program, not of the Redis that it speaks for.
  String version();

  /// 40 hexadecimal digits, new at each start.
  String runId();

  /// The id of the history that this server's data is of.
  String replicationId();

  long startedMillis();

  /// The TCP port that it listens at, 0 if at none.
  int port();

  /// How its loops talk to the system: `nio` or `io_uring`.
  String transport();

  /// Each as INFO shows it: `name=tcp,bind=127.0.0.1,port=6379`.
  List<String> listeners();

  HeapStats heap();

  /// What the heap held when the server was ready.
  long startupBytes();

  int clients();

  /// Connections ever accepted, and refused, since the statistics were reset.
  long accepted();

  long refused();

  long bytesIn();

  long bytesOut();

  int channels();

  int patterns();

  int shardChannels();

  /// What happened per second of late, and the highest use of memory.
  Rates rates();

  /// Sets its counters to zero. Stopped world.
  void resetCounters();

  /// Has the server stopped; returns before it is.
  void stop();

  /// A line in the server's log, as a warning.
  void log(String line);
}
