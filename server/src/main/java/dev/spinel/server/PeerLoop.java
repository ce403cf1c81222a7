package dev.spinel.server;

import dev.spinel.net.Acceptor;
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
  private final Encryption encryption;
  private @Nullable Net net; // monitor
  private volatile @Nullable LoopPeers peers; // written under the monitor
  private volatile @Nullable Loop loop; // likewise
  private boolean isClosed; // monitor

  PeerLoop(Incidents incidents, Encryption encryption) {
    this.incidents = incidents;
    this.encryption = encryption;
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
        peers = new LoopPeers(first, encryption);
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
      List<String> addresses,
      int port,
      boolean encrypted,
      Function<PeerLink, PeerLink.@Nullable Listener> owner)
      throws IOException {
    start();
    Net running;
    synchronized (this) {
      running = net;
    }
    if (running != null) {
      Acceptor plain = LoopPeers.acceptor(owner);
      running.listen(addresses, port, BACKLOG, encrypted ? encryption.over(plain) : plain);
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
