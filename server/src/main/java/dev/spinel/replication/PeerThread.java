package dev.spinel.replication;

import dev.spinel.peer.Peers;

/// The thread on which links to other servers live. It has no seat, so neither a stopped world nor
/// a long command holds it up.
public interface PeerThread {
  /// Runs `action` on it, in the order of posting. Any thread.
  void post(Runnable action);

  /// Its links and timers. That thread.
  Peers peers();
}
