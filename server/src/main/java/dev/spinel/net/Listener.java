package dev.spinel.net;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// A socket that listens at one address, with the [Acceptor] of its connections. Made by [Net].
///
/// Accepting happens on the first loop; from there a connection goes to the loop that has the
/// fewest. When accepting fails (out of file descriptors, mostly) the listener pauses for a moment,
/// because the selector would report the same connection again at once.
public final class Listener {
  /// Connections accepted in one turn; the rest wait for the next one.
  private static final int ACCEPTED_PER_TURN = 128;

  private static final int PAUSE_MILLIS = 100;

  private final Net net;
  private final ServerSocketChannel channel;
  private final Acceptor acceptor;
  private final String address;
  private final int port;
  private final @Nullable Path path;

  private final Binding.Reach reach;

  /// What the transport remembers about this listener. Loop thread.
  @Nullable Object registration;

  /// Loop thread.
  private boolean closed;

  Listener(
      Net net,
      ServerSocketChannel channel,
      Acceptor acceptor,
      @Nullable Path path,
      Binding.Reach reach)
      throws IOException {
    this.net = net;
    this.channel = channel;
    this.acceptor = acceptor;
    this.path = path;
    this.reach = reach;
    if (path == null) {
      var bound = (InetSocketAddress) channel.getLocalAddress();
      port = bound.getPort();
      address = Addresses.text(bound);
    } else {
      port = 0;
      address = path + ":0";
    }
  }

  /// The TCP port, the one that was found if 0 was asked for; 0 for a Unix socket.
  public int port() {
    return port;
  }

  /// `ip:port`, `[ip6]:port` or `path:0`.
  public String address() {
    return address;
  }

  /// The Unix socket's path, or null.
  public @Nullable Path path() {
    return path;
  }

  /// Stops listening. Connections that it has accepted stay. From any thread; when this returns the
  /// address is free.
  public void close() {
    net.close(this);
  }

  /// Whose connections it takes.
  Binding.Reach reach() {
    return reach;
  }

  Acceptor acceptor() {
    return acceptor;
  }

  ServerSocketChannel channel() {
    return channel;
  }

  /// On the first loop.
  void acceptSome(Loop loop) {
    for (int i = 0; i < ACCEPTED_PER_TURN && !closed; i++) {
      Link accepted;
      try {
        accepted = loop.transport().accept(this);
      } catch (IOException e) {
        loop.schedule(loop.now() + PAUSE_MILLIS, this::acceptAgain); // before what may fail
        loop.transport().watchAccepting(this, false);
        loop.incidents().acceptFailed(this, e);
        return;
      }
      if (accepted == null) {
        return;
      }
      handOut(accepted, loop);
    }
  }

  private void acceptAgain() {
    if (!closed) {
      net.loops().getFirst().transport().watchAccepting(this, true);
    }
  }

  private void handOut(Link accepted, Loop here) {
    @Nullable Loop loop = null;
    boolean handedOut = false;
    try {
      if (reach == Binding.Reach.ALL_IPV6
          && ((InetSocketAddress) accepted.remote()).getAddress() instanceof Inet4Address) {
        return;
      }
      if (path == null) {
        here.equip(accepted);
      }
      loop = net.leastLoaded();
      loop.load().incrementAndGet();
      giveTo(loop, accepted, here);
      handedOut = true;
    } catch (IOException e) { // the peer has gone already
      return;
    } finally {
      if (!handedOut) {
        accepted.abandon();
        if (loop != null) {
          loop.load().decrementAndGet();
        }
      }
    }
  }

  private void giveTo(Loop loop, Link accepted, Loop here) {
    if (loop == here) {
      loop.adopt(accepted, this);
    } else {
      loop.arrive(() -> loop.adopt(accepted, this));
    }
  }

  /// Whether it listens no more. On the first loop.
  boolean isShut() {
    return closed;
  }

  /// On the first loop, or when it has ended. Removes a Unix socket's file, too.
  void shut() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      channel.close();
      if (path != null) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      // The listener is closed even so: its descriptor is gone, and the next bind replaces the
      // file.
      registration = null;
    }
  }
}
