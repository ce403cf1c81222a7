package dev.spinel.net;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// What a [Loop] needs of the operating system. NIO's selector and io_uring implement it. All of it
/// belongs to the loop's thread, except [#wakeup].
///
/// The calls come in phases: one [#await], one [#settle], then many [#read]s, then many [#write]s.
/// So [UringTransport], which has queues for what it asks of the kernel and what that answers,
/// merely notes the writes and hands them over all at once in the next `await`; [NioTransport]
/// writes at once.
///
/// An `await` touches no output, because the memory of outputs may only be touched within a turn:
/// what has left is taken out of them by `settle`, the first thing in the turn.
interface Transport {
  /// Receives reports, during [#await], of what has become possible. Given at construction.
  interface Readiness {
    void readable(Connection connection);

    void writable(Connection connection);

    void acceptable(Listener listener);

    /// The attempt has ended; [#connected] returns how. Also called from within [#connect].
    void decided(Attempt attempt);

    /// So many bytes of what [#write] was given have left the connection's output. Called from
    /// within `write` or `settle`.
    void written(Connection connection, long bytes);
  }

  /// Waits until something becomes possible, [#wakeup] was called or the time is over;
  /// `timeoutNanos` 0 only looks, -1 waits without limit.
  void await(long timeoutNanos) throws IOException;

  /// Takes what has left out of the outputs; what was written and has not yet been handed to the
  /// sockets is handed over first.
  void settle();

  /// From any thread: makes the `await` under way, or the next one, return at once.
  void wakeup();

  /// Takes a connection's socket under observation, for reading.
  void attach(Connection connection) throws IOException;

  /// Whether to report that this connection has something to read.
  void watchReading(Connection connection, boolean on);

  /// Reads at most `room` bytes into `into` from `at`. Returns how many, 0 if there is nothing now,
  /// -1 at the end of the stream.
  int read(Connection connection, byte[] into, int at, int room) throws IOException;

  /// Writes what of [Connection#outgoing] is released, as far as the socket takes it (and not much
  /// more than [Loop#WRITTEN_BYTES_PER_TURN]), at once or later, and reports [Readiness#written]
  /// when that much has left the output. If the socket takes less than that, it says so in
  /// [Connection#socketFull] and reports [Readiness#writable] when it is worth going on.
  void write(Connection connection, long released) throws IOException;

  /// Closes a connection's socket; what [#write] was given before leaves as far as the socket takes
  /// it at once.
  void detach(Connection connection);

  /// Takes a listening socket under observation.
  void attach(Listener listener) throws IOException;

  /// Whether to report connections to accept.
  void watchAccepting(Listener listener, boolean on);

  /// Takes one of the connections that wait at a listening socket under observation, null if none
  /// does (any more). Its socket may be attached to any loop's transport of the same kind.
  @Nullable Link accept(Listener listener) throws IOException;

  /// Lets go of a listening socket, which the caller closes.
  void detach(Listener listener);

  /// Begins an outgoing connection, and reports [Readiness#decided] when it stands or has failed.
  /// It has a socket when [Attempt#registration] isn't null, even if this throws.
  void connect(Attempt attempt) throws IOException;

  /// How an attempt ended, after it was reported: its socket, which is no more under observation
  /// ([#attach] follows), or the reason why it failed. Null if that isn't certain yet.
  @Nullable Link connected(Attempt attempt) throws IOException;

  /// Closes the socket of an attempt that has one.
  void abandon(Attempt attempt);

  /// Ends everything that is still open and the transport itself.
  void shutDown();
}
