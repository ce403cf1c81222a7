package dev.spinel.server;

import dev.spinel.net.Acceptor;
import dev.spinel.net.Attempt;
import dev.spinel.net.Connection;
import dev.spinel.net.Connector;
import dev.spinel.net.Handler;
import dev.spinel.net.Loop;
import dev.spinel.net.Timer;
import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;

/// Other servers, reached from one event loop. Whoever uses it runs on that loop's thread.
///
/// A host name is looked up on a thread of its own, as the system may take its time, and its
/// addresses are tried in the system's order.
final class LoopPeers implements Peers {
  private final Loop loop;
  private final @Nullable Encryption encryption;

  /// @param encryption null: nobody wants it
  LoopPeers(Loop loop, @Nullable Encryption encryption) {
    this.loop = loop;
    this.encryption = encryption;
  }

  /// Not the time at which the loop's turn began: a command may have taken long in it.
  @Override
  public long now() {
    return now(loop);
  }

  private static long now(Loop loop) {
    return loop.now() + (System.nanoTime() - loop.nanos()) / 1_000_000;
  }

  @Override
  public Alarm after(long millis, Runnable action) {
    Timer timer = loop.schedule(now() + millis, action);
    return timer::cancel;
  }

  @Override
  public PeerLink dial(Address to, Dialling how, PeerLink.Listener listener) {
    var link = new LoopLink(loop, to, listener);
    link.encryption = how.encrypted() ? encryption : null;
    link.begin(how);
    return link;
  }

  /// Makes links of connections that others open to this loop. `owner` answers with the link's
  /// listener, or null to refuse it.
  static Acceptor acceptor(Function<PeerLink, PeerLink.@Nullable Listener> owner) {
    return connection -> {
      var link = new LoopLink(connection);
      var listener = owner.apply(link);
      link.listener = listener;
      return listener == null ? null : link;
    };
  }

  private static final class LoopLink implements PeerLink, Connector, Handler {
    private final Loop loop;
    private final Address to;
    private @Nullable Encryption encryption; // null: without
    private @Nullable Listener listener;

    private @Nullable Connection connection;
    private @Nullable Attempt attempt;
    private @Nullable Timer limit;
    private @Nullable InetSocketAddress source;
    private final ArrayDeque<InetAddress> untried = new ArrayDeque<>();
    private boolean ended; // nothing more is sent or received
    private boolean told; // the listener knows
    private boolean tellsDrained;
    private String reason = "";

    LoopLink(Loop loop, Address to, Listener listener) {
      this.loop = loop;
      this.to = to;
      this.listener = listener;
    }

    LoopLink(Connection accepted) {
      this.loop = accepted.loop();
      this.connection = accepted;
      this.to = addressOf(accepted.remoteAddress());
    }

    private static Address addressOf(String text) {
      int colon = text.lastIndexOf(':');
      String host = text.substring(0, colon);
      if (host.startsWith("[")) {
        host = host.substring(1, host.length() - 1);
      }
      return new Address(host, Integer.parseInt(text.substring(colon + 1)));
    }

    // ── connecting ──

    void begin(Dialling how) {
      if (how.timeoutMillis() > 0) {
        limit = loop.schedule(now(loop) + how.timeoutMillis(), this::late);
      }
      InetAddress literal;
      try {
        literal = literal(to.host());
        if (!how.source().isEmpty()) {
          source = new InetSocketAddress(InetAddress.ofLiteral(how.source()), 0);
        }
      } catch (IllegalArgumentException e) {
        end("no address to come from: " + how.source());
        return;
      }
      if (literal != null) {
        untried.add(literal);
        tryNext();
      } else {
        Thread.ofPlatform().daemon().name("spinel-lookup").start(this::lookUp);
      }
    }

    /// What has come while the loop did something else is looked at first.
    private void late() {
      limit = loop.schedule(now(loop) + 1, () -> end("Connection timed out"));
    }

    private static @Nullable InetAddress literal(String host) {
      boolean mayBe = host.indexOf(':') >= 0 || (!host.isEmpty() && isDigit(host.charAt(0)));
      try {
        return mayBe ? InetAddress.ofLiteral(host) : null;
      } catch (IllegalArgumentException e) {
        return null; // a name
      }
    }

    private static boolean isDigit(char c) {
      return c >= '0' && c <= '9';
    }

    /// On its own thread.
    private void lookUp() {
      List<InetAddress> found;
      try {
        found = Arrays.asList(InetAddress.getAllByName(to.host()));
      } catch (UnknownHostException e) {
        found = List.of();
      }
      List<InetAddress> addresses = found;
      loop.post(
          () -> {
            untried.addAll(addresses);
            if (untried.isEmpty()) {
              end("Name or service not known");
            } else {
              tryNext();
            }
          });
    }

    private void tryNext() {
      if (!ended) {
        attempt = loop.connect(new InetSocketAddress(untried.remove(), to.port()), source, 0, this);
      }
    }

    @Override
    public @Nullable SSLEngine engine() {
      return encryption == null ? null : encryption.dialling(to);
    }

    @Override
    public @Nullable Handler accept(Connection made) {
      attempt = null;
      if (ended) {
        return null;
      }
      cancelLimit();
      connection = made;
      if (listener != null) {
        listener.connected(this);
      }
      return this;
    }

    @Override
    public void failed(IOException why) {
      attempt = null;
      if (!untried.isEmpty()) {
        loop.post(this::tryNext);
      } else {
        end(String.valueOf(why.getMessage()));
      }
    }

    private void cancelLimit() {
      if (limit != null) {
        limit.cancel();
      }
    }

    // ── sending ──

    @Override
    public void send(byte[] bytes, int from, int length) {
      if (connection != null && !ended) {
        connection.output().write(bytes, from, length);
        connection.flush();
      }
    }

    @Override
    public long unsentBytes() {
      return connection == null ? 0 : connection.output().pendingBytes();
    }

    @Override
    public void written(long pendingBytes) {
      if (!tellsDrained && !ended) {
        tellsDrained = true;
        loop.post(this::tellDrained);
      }
    }

    private void tellDrained() {
      tellsDrained = false;
      if (!ended && listener != null) {
        listener.drained(this, unsentBytes());
      }
    }

    // ── receiving ──

    @Override
    public void run(byte[] buffer, int from, int to) {
      if (from < to && !ended && listener != null) {
        listener.received(this, buffer, from, to);
      }
    }

    @Override
    public void pause() {
      if (connection != null) {
        connection.stopReading();
      }
    }

    @Override
    public void resume() {
      if (connection != null) {
        connection.resume();
      }
    }

    // ── the end ──

    @Override
    public void close(String why) {
      end(why);
    }

    @Override
    public void closed() {
      String why = connection == null ? "" : connection.closeReason();
      end(why.isEmpty() ? "connection lost" : why);
    }

    /// Ends it, once; the listener is told in a message of its own, so never from within its call.
    private void end(String why) {
      if (ended) {
        return;
      }
      ended = true;
      reason = why;
      cancelLimit();
      if (attempt != null) {
        attempt.cancel();
      }
      if (connection != null && connection.isOpen()) {
        connection.closeAsap(why);
      }
      loop.post(this::tellEnd);
    }

    private void tellEnd() {
      if (!told && listener != null) {
        told = true;
        listener.closed(this, reason);
      }
    }

    @Override
    public boolean isOpen() {
      return !ended;
    }

    @Override
    public String remoteAddress() {
      return connection == null ? to.toString() : connection.remoteAddress();
    }

    @Override
    public String remoteHost() {
      return connection == null ? to.host() : addressOf(connection.remoteAddress()).host();
    }

    @Override
    public String localAddress() {
      return connection == null ? "" : connection.localAddress();
    }
  }
}
