package dev.spinel.replication;

import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The thread on which links to other servers live. It has no seat, so neither a stopped world nor
/// a long command holds it up.
public interface PeerThread {
  /// Runs `action` on it, in the order of posting. Any thread.
  void post(Runnable action);

  /// Its links and timers. That thread.
  Peers peers();

  /// Listens at a port of these addresses, for other servers. Any thread. Errors: the message says
  /// which address can't be had and why.
  ///
  /// @param encrypted with TLS
  /// @param owner answers with a new link's listener, or null to refuse it; on the links' thread
  void listen(
      List<String> addresses,
      int port,
      boolean encrypted,
      Function<PeerLink, PeerLink.@Nullable Listener> owner)
      throws IOException;
}
