package dev.spinel.net;

import java.io.IOException;

/// The owner's side of [Loop#connect]. Of its two methods exactly one is called, once:
/// [Acceptor#accept] when the connection stands, as if it had been accepted, or [#failed].
///
/// Only a loop that ends because none of its turns succeeds any more ([Incidents#loopEnded]) calls
/// neither.
public interface Connector extends Acceptor {
  /// The attempt has failed; `reason` says why (`Connection refused`, a
  /// [java.net.SocketTimeoutException] at the time limit, …). On the loop's thread within a turn,
  /// except if the loop had ended before: then on the caller's, within [Loop#connect].
  ///
  /// An owner that tries again uses a timer for it, as a refusal may come within the same turn.
  void failed(IOException reason);
}
