package dev.spinel.engine;

import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import org.jspecify.annotations.Nullable;

/// Where a session's replies go, and how other threads reach the session: a connection of the
/// server, or a caller in the same JVM. The engine's only view of what is on the other side.
public interface Outlet {
  /// The session's output. Its own thread only.
  Output output();

  /// Runs `message` on the session's own thread, in the order of posting, before it reads more of
  /// the session's input; also when called from that thread. Any thread.
  void post(Runnable message);

  /// The messages to the sessions of the session's thread. Any thread.
  Inbox inbox();

  /// Something was written to the output outside of a run (a message, a served reply): send it. Own
  /// thread.
  void flush();

  /// Has `listener` run after output has left, on the own thread, in a message of its own. Null:
  /// nobody. Own thread.
  default void onDrained(@Nullable Runnable listener) {}

  /// The listener of [#onDrained] waits for what is in the output to leave: it is told at once, and
  /// not with whatever comes next. Once; own thread.
  default void awaitDrained() {}

  /// From now on small packets wait until those before them have arrived, so that there are fewer.
  /// Own thread.
  default void delaySmall() {}

  /// The session was parked and goes on: run the input that it kept. Own thread.
  void resume();

  /// Runs `action` on the own thread after `delayMillis`; the handle cancels it. Own thread.
  Runnable after(long delayMillis, Runnable action);

  /// Who gets what a client sends, instead of having it run as commands.
  interface Diversion {
    /// Bytes `from` to `to` of `buffer` have come. They are overwritten afterwards.
    void received(byte[] buffer, int from, int to);

    /// Nothing will come any more.
    void ended();
  }

  /// From now on what the client sends goes to `to`, until the connection closes. False: this
  /// session has no client that could be diverted. Own thread, while a call of the session runs.
  default boolean divert(Diversion to) {
    return false;
  }

  /// Sends bytes to a client that was diverted; also while a script holds the own thread up. Any
  /// thread.
  default void sendAside(byte[] bytes) {
    throw new IllegalStateException("it isn't diverted");
  }

  /// Closes the connection once what is in its output has been sent. Own thread.
  void closeAfterReply();

  /// Closes the connection at once. Own thread.
  void kill();

  /// Where the session's large arguments go. Own thread.
  LargeSink large();

  /// `127.0.0.1:50112`, or a unix socket's path and `:0`.
  String address();

  String localAddress();

  /// The descriptor's stand-in in CLIENT LIST.
  default long descriptor() {
    return -1;
  }

  /// Bytes of output that have not left, as far as another thread can tell.
  default long pendingBytes() {
    return 0;
  }

  /// Bytes of input that are kept but not run.
  default long inputBytes() {
    return 0;
  }

  /// Bytes of input and output that it holds, those included of an incomplete command.
  default long heldBytes() {
    return inputBytes() + pendingBytes();
  }

  /// When bytes last came or went, in milliseconds since 1970; 0 if only commands are known.
  default long lastInteractionMillis() {
    return 0;
  }

  /// Whether its client uses TLS.
  default boolean isEncrypted() {
    return false;
  }

  default boolean isUnixSocket() {
    return false;
  }

  default long bytesIn() {
    return 0;
  }

  default long bytesOut() {
    return 0;
  }
}
