package dev.spinel.net;

import java.io.IOException;

/// What a [Loop] asks of the operating system: the seam behind which NIO's selector can be
/// exchanged for something else. All of it belongs to the loop's thread, except [#wakeup].
///
/// The calls come in phases: one [#await], then many [#read]s, then many [#write]s. So an
/// implementation with submission and completion queues may merely note reads and writes and hand
/// them to the kernel all at once in the next `await`.
interface Transport {
  /// Who is told, during [#await], what has become possible; given at construction.
  interface Readiness {
    void readable(Connection connection);

    void writable(Connection connection);

    void acceptable(Listener listener);
  }

  /// Waits until something becomes possible, [#wakeup] was called or the time is over;
  /// `timeoutNanos` 0 only looks, -1 waits without limit.
  void await(long timeoutNanos) throws IOException;

  /// From any thread: makes the `await` under way, or the next one, return at once.
  void wakeup();

  /// Takes a connection's socket under observation, for reading.
  void attach(Connection connection) throws IOException;

  /// Whether to report that this connection has something to read.
  void watchReading(Connection connection, boolean on);

  /// Reads at most `room` bytes into `into` from `at`. Returns how many, 0 if there is nothing now,
  /// -1 at the end of the stream.
  int read(Connection connection, byte[] into, int at, int room) throws IOException;

  /// Writes what of the connection's output is released, as far as the socket takes it (and not
  /// much more than [Loop#WRITTEN_BYTES_PER_TURN]). If some of that remains, it says so in
  /// [Connection#socketFull] and reports [Readiness#writable] when it is worth going on. Returns
  /// the bytes written.
  long write(Connection connection, long released) throws IOException;

  /// Closes a connection's socket.
  void detach(Connection connection);

  /// Takes a listening socket under observation.
  void attach(Listener listener) throws IOException;

  /// Whether to report connections to accept.
  void watchAccepting(Listener listener, boolean on);

  /// Lets go of a listening socket, which the caller closes.
  void detach(Listener listener);

  /// Ends everything that is still open and the transport itself.
  void shutDown();
}
