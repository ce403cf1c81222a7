package dev.spinel.net;

import java.io.IOException;

/// The owner's side of [Loop#connect]. Of its two methods exactly one is called, once:
/// [Acceptor#accept] when the connection stands, as if it had been accepted, or [#failed].
///
/// Only a loop that ends because no turn of it succeeds any more ([Incidents#loopEnded]) tells
/// nobody anything.
public interface Connector extends Acceptor {
  /// It has come to nothing; `reason` says why (`Connection refused`, a
  /// [java.net.SocketTimeoutException] at the time limit, …). On the loop's thread within a turn,
  /// except if the loop had ended before: then on the caller's, within [Loop#connect].
  ///
  /// Whoever tries again does so by a timer: a refusal comes within the turn.
  void failed(IOException reason);
}
