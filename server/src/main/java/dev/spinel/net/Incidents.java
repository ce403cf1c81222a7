package dev.spinel.net;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Reports of failures that the loops survive, for the owner's log. Called on loop threads.
public interface Incidents {
  /// The owner's code threw. `connection` is the one whose handler it was (it is about to be
  /// closed), or null if it was a message, a timer, a hook or an acceptor.
  void uncaught(Throwable cause, @Nullable Connection connection);

  /// A loop has ended that nobody stopped, after a last [#uncaught]; its connections are closed,
  /// perhaps without a call of their handlers. The other loops run on, but messages posted to this
  /// one are lost, and if it is the first one no connection is accepted any more. The server should
  /// stop.
  void loopEnded(Loop loop);

  /// A connection couldn't be accepted (typically: too many open files). The listener pauses for a
  /// moment and tries again.
  void acceptFailed(Listener listener, IOException cause);

  /// An address to listen at was left out, because this machine doesn't have it and that was
  /// allowed. `message` is the line that Redis logs for it, without its `Warning: `. Called on the
  /// thread that listens.
  void addressSkipped(String message);

  /// The system refused an option of a connection's socket, which does without it. Reported once on
  /// each loop for each value of [Net#keepAlive].
  default void optionRefused(String message) {}
}
