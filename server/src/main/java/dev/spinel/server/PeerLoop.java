package dev.spinel.server;

import dev.spinel.net.Incidents;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.replication.PeerThread;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The loop of links to other servers. It has no seat, so no command and no stopped world delays a
/// heartbeat. It starts with the first message: most servers have nobody to talk to.
final class PeerLoop implements PeerThread, AutoCloseable {
  private static final int BACKLOG = 511;

  private final Incidents incidents;
  private @Nullable Net net; // monitor
  private volatile @Nullable LoopPeers peers; // written under the monitor
  private volatile @Nullable Loop loop; // likewise
  private boolean isClosed; // monitor

  PeerLoop(Incidents incidents) {
    this.incidents = incidents;
  }

  @Override
  public void post(Runnable action) {
    Loop running = loop;
    if (running == null) {
      running = start();
    }
    if (running != null) {
      running.post(action);
    }
  }

  private synchronized @Nullable Loop start() {
    if (loop == null && !isClosed) {
      try {
        Net started =
            Net.start(1, "spinel-links-", made -> LoopHooks.NONE, incidents, TransportChoice.NIO);
        net = started;
        Loop first = started.loops().getFirst();
        peers = new LoopPeers(first);
        loop = first;
      } catch (IOException e) {
        throw new UncheckedIOException("no thread for links to other servers", e);
      }
    }
    return loop;
  }

  @Override
  public Peers peers() {
    LoopPeers made = peers;
    if (made == null) {
      throw new IllegalStateException("not that thread");
    }
    return made;
  }

  @Override
  public void listen(
      List<String> addresses, int port, Function<PeerLink, PeerLink.@Nullable Listener> owner)
      throws IOException {
    start();
    Net running;
    synchronized (this) {
      running = net;
    }
    if (running != null) {
      running.listen(addresses, port, BACKLOG, LoopPeers.acceptor(owner));
    }
  }

  @Override
  public void close() {
    Net running;
    synchronized (this) {
      isClosed = true;
      running = net;
    }
    if (running != null) {
      running.close();
    }
  }
}
