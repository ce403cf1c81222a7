package dev.spinel.net;

import java.io.IOException;
import java.net.SocketAddress;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A [Link] of [UringTransport]: a descriptor, which of its requests the kernel holds, and what has
/// arrived and isn't read yet. Everything but the [Link] methods belongs to the transport that
/// observes it.
final class UringLink implements Link {
  private static final byte[] NOTHING = {};

  final int descriptor;
  private final Descriptors accepted;
  private final SocketAddress remote;
  private final SocketAddress local;

  @Nullable Connection connection;

  /// Its place in the transport's table, the main part of its requests' tags.
  int slot;

  /// Which requests are out: their last answer hasn't come.
  boolean receiving;

  boolean cancelling; // that one's end is asked for
  boolean polling;
  boolean sending;

  /// Its descriptor is given up; it stays in the table until nothing is out.
  boolean closed;

  /// Whether its input is to be reported and asked for.
  boolean watched = true;

  /// Whether it stands in the transport's list of those to be looked after.
  boolean noted;

  /// Input: first `stash`, then a chain of buffers, of whose first `offset` bytes are read already.
  byte[] stash = NOTHING;

  int stashFrom;
  int stashTo;
  int first = -1;
  int last = -1;
  int offset;

  /// Bytes of all that, now and when it was last looked after.
  int held;

  int heldBefore;

  /// After them: 0 goes on, -1 end of stream, else an `errno`.
  int end;

  /// The bytes of the request under way, how many of them have left (all, until it is answered
  /// otherwise), and an `errno` that [Transport#write] throws next.
  int offered;

  int sent;
  int failure;

  UringLink(int descriptor, Descriptors accepted, SocketAddress remote, SocketAddress local) {
    this.descriptor = descriptor;
    this.accepted = accepted;
    this.remote = remote;
    this.local = local;
  }

  Connection connection() {
    return Objects.requireNonNull(connection);
  }

  void unstash() {
    stash = NOTHING;
    stashFrom = 0;
    stashTo = 0;
  }

  @Override
  public SocketAddress remote() {
    return remote;
  }

  @Override
  public SocketAddress local() {
    return local;
  }

  @Override
  public int descriptor() {
    return descriptor;
  }

  @Override
  public void equip(int keepAliveSeconds) throws IOException {
    try {
      set("TCP_NODELAY", Descriptors.IPPROTO_TCP, Descriptors.TCP_NODELAY, 1);
    } finally {
      if (keepAliveSeconds > 0) {
        int interval = Math.max(1, keepAliveSeconds / 3);
        set("SO_KEEPALIVE", Descriptors.SOL_SOCKET, Descriptors.SO_KEEPALIVE, 1);
        set("TCP_KEEPIDLE", Descriptors.IPPROTO_TCP, Descriptors.TCP_KEEPIDLE, keepAliveSeconds);
        set("TCP_KEEPINTERVAL", Descriptors.IPPROTO_TCP, Descriptors.TCP_KEEPINTVL, interval);
        set("TCP_KEEPCOUNT", Descriptors.IPPROTO_TCP, Descriptors.TCP_KEEPCNT, 3);
      }
    }
  }

  @Override
  public void delaySmall() throws IOException {
    set("TCP_NODELAY", Descriptors.IPPROTO_TCP, Descriptors.TCP_NODELAY, 0);
  }

  private void set(String name, int level, int option, int value) throws IOException {
    try {
      accepted.set(descriptor, level, option, value);
    } catch (IOException e) {
      throw new IOException("setsockopt " + name + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void abandon() {
    new Kernel().close(descriptor);
  }
}
