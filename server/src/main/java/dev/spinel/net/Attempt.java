package dev.spinel.net;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// One outgoing connection while it is being made: from [Loop#connect] until its [Connector] has
/// been called with the result.
///
/// ```
///   connect() ──post──► begin ──► Transport.connect   a socket that doesn't wait, watched until its fate is known
///                         │            │
///                         │            ▼ Readiness.decided, while the loop awaits
///                         │         finish ──► Connection, as an accepted one: Connector.accept
///                         ▼            │
///     cancelled, too late, loop's end ─┴─► giveUp ──► Connector.failed
/// ```
///
/// Everything happens on the loop's thread, except that a caller who finds that the loop has ended
/// calls the connector itself. Both may do so at the same time: `told` decides which of them calls
/// it.
public final class Attempt {
  private final Loop loop;
  private final InetSocketAddress remote;
  private final @Nullable InetSocketAddress local;
  private final int timeoutMillis;
  private final Connector connector;

  /// Any thread.
  private final AtomicBoolean told = new AtomicBoolean();

  // Loop thread only, from here on.
  private @Nullable Timer limit;

  /// Owned by [Transport]: what it needs to find the socket again. Not null while it has one.
  @Nullable Object registration;

  /// Owned by [Loop]: whether it stands in the list of attempts under way, and its neighbours
  /// there.
  boolean listed;

  @Nullable Attempt next;
  @Nullable Attempt previous;

  /// Owned by [Loop]: whether it stands in the list of those to be finished, and its successor
  /// there.
  boolean decided;

  @Nullable Attempt nextDecided;

  Attempt(
      Loop loop,
      InetSocketAddress remote,
      @Nullable InetSocketAddress local,
      int timeoutMillis,
      Connector connector) {
    this.loop = loop;
    this.remote = remote;
    this.local = local;
    this.timeoutMillis = timeoutMillis;
    this.connector = connector;
  }

  /// Has the loop give it up, unless it has ended by then; a connection that stands stays. From any
  /// thread.
  public void cancel() {
    loop.post(() -> giveUp(new IOException("The attempt to connect was cancelled")));
  }

  InetSocketAddress remote() {
    return remote;
  }

  @Nullable InetSocketAddress local() {
    return local;
  }

  // ── on the loop's thread ──

  void begin() {
    if (told.get()) {
      return;
    }
    if (loop.isOver()) {
      refuse();
      return;
    }
    loop.list(this);
    try {
      check();
      loop.transport().connect(this);
      if (timeoutMillis > 0) {
        limit = loop.schedule(loop.now() + timeoutMillis, this::isTooLate);
      }
    } catch (Throwable t) {
      giveUp(t);
    }
  }

  private void check() throws IOException {
    if (remote.isUnresolved() || (local != null && local.isUnresolved())) {
      throw new IOException("Name or service not known");
    }
    if (local != null
        && local.getAddress() instanceof Inet4Address
            != remote.getAddress() instanceof Inet4Address) {
      throw new IOException("Address family not supported by protocol");
    }
  }

  private void isTooLate() {
    giveUp(new SocketTimeoutException("Connection timed out"));
  }

  /// The system knows how it ended.
  void finish() {
    if (!listed) {
      return; // given up in this very turn
    }
    Connection connection;
    try {
      var link = loop.transport().connected(this);
      if (link == null) {
        return; // it doesn't know yet
      }
      connection = loop.adopt(link, connector);
    } catch (Throwable t) {
      giveUp(t);
      return;
    }
    leave();
    if (told.compareAndSet(false, true)) {
      connection.enter(connector);
    }
  }

  /// Ends it if it is under way: the socket closes, and the connector is called with the reason.
  /// Throws nothing.
  void giveUp(Throwable reason) {
    if (listed) {
      abandon();
      leave();
      tell(reason);
    }
  }

  /// Closes the socket and does nothing else. Throws nothing.
  void abandon() {
    try {
      if (registration != null) {
        loop.transport().abandon(this);
      }
    } catch (Throwable t) {
      loop.report(t, null);
    }
  }

  private void leave() {
    loop.unlist(this);
    if (limit != null) {
      limit.cancel();
    }
  }

  // ── on either thread ──

  /// Reports that the loop has ended before the attempt began.
  void refuse() {
    tell(new IOException("The loop has ended"));
  }

  private void tell(Throwable reason) {
    if (told.compareAndSet(false, true)) {
      try {
        connector.failed(
            reason instanceof IOException e ? e : new IOException(reason.toString(), reason));
      } catch (Throwable t) {
        loop.report(t, null);
      }
    }
  }
}
