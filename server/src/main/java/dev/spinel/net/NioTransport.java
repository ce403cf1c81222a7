package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// [Transport] on NIO's selector: epoll on Linux, kqueue on macOS, whatever there is elsewhere.
///
/// Two direct buffers, one to read and one to write, serve all sockets of the loop, because NIO can
/// only give direct memory to the kernel, and would otherwise copy through a cache of temporary
/// buffers that grow with the largest reply. Small outputs are gathered in the write buffer, so
/// that they leave with one system call.
///
/// A socket that is full is watched for writing until it has taken everything; all others are
/// watched for reading only, so that in the normal course nothing is ever changed in the selector.
final class NioTransport implements Transport, Consumer<SelectionKey> {
  private static final int WRITE_BUFFER_BYTES = 64 << 10;

  private final Selector selector;
  private final ByteBuffer readBuffer = ByteBuffer.allocateDirect(Loop.READ_BYTES_PER_SOCKET);
  private final ByteBuffer writeBuffer = ByteBuffer.allocateDirect(WRITE_BUFFER_BYTES);

  private final Readiness readiness;

  NioTransport(Readiness readiness) throws IOException {
    this.readiness = readiness;
    selector = Selector.open();
  }

  @Override
  public void await(long timeoutNanos) throws IOException {
    if (timeoutNanos == 0) {
      selector.selectNow(this);
    } else if (timeoutNanos < 0) {
      selector.select(this);
    } else {
      selector.select(this, (timeoutNanos + 999_999) / 1_000_000);
    }
  }

  /// One ready socket; called by the selector.
  @Override
  public void accept(SelectionKey key) {
    int ready = key.readyOps();
    if (key.attachment() instanceof Connection connection) {
      if ((ready & SelectionKey.OP_WRITE) != 0) {
        readiness.writable(connection);
      }
      if ((ready & SelectionKey.OP_READ) != 0) {
        readiness.readable(connection);
      }
    } else if (key.attachment() instanceof Attempt attempt) {
      readiness.decided(attempt);
    } else {
      readiness.acceptable((Listener) key.attachment());
    }
  }

  @Override
  public void settle() {
    // Nothing is ever under way.
  }

  @Override
  public void wakeup() {
    selector.wakeup();
  }

  @Override
  public void attach(Connection connection) throws IOException {
    var link = link(connection);
    link.watchedBy(link.channel.register(selector, SelectionKey.OP_READ, connection));
  }

  @Override
  public void watchReading(Connection connection, boolean on) {
    watch(link(connection).key(), SelectionKey.OP_READ, on);
  }

  private static NioLink link(Connection connection) {
    return (NioLink) connection.link;
  }

  private static SelectionKey key(@Nullable Object registration) {
    return (SelectionKey) Objects.requireNonNull(registration);
  }

  private static void watch(SelectionKey key, int operation, boolean on) {
    int now = key.interestOps();
    int then = on ? now | operation : now & ~operation;
    if (then != now) {
      key.interestOps(then);
    }
  }

  @Override
  public int read(Connection connection, byte[] into, int at, int room) throws IOException {
    var buffer = readBuffer;
    buffer.clear().limit(Math.min(room, buffer.capacity()));
    int n = link(connection).channel.read(buffer);
    if (n > 0) {
      buffer.get(0, into, at, n);
    }
    return n;
  }

  @Override
  public void write(Connection connection, long released) throws IOException {
    var output = connection.outgoing();
    var link = link(connection);
    long written = output.writeTo(link.channel, writeBuffer, released, Loop.WRITTEN_BYTES_PER_TURN);
    boolean more = output.pendingBytes() > 0 && output.releasedBytes(released) > 0;
    connection.socketFull = more;
    if (more != link.watchedForWriting) {
      link.watchedForWriting = more;
      watch(link.key(), SelectionKey.OP_WRITE, more);
    }
    readiness.written(connection, written);
  }

  @Override
  public void detach(Connection connection) {
    connection.link.abandon();
  }

  @Override
  public void attach(Listener listener) throws IOException {
    listener.registration = listener.channel().register(selector, SelectionKey.OP_ACCEPT, listener);
  }

  @Override
  public void watchAccepting(Listener listener, boolean on) {
    watch(key(listener.registration), SelectionKey.OP_ACCEPT, on);
  }

  @Override
  public @Nullable Link accept(Listener listener) throws IOException {
    SocketChannel channel;
    try {
      channel = listener.channel().accept();
    } catch (ClosedChannelException e) {
      return null;
    }
    if (channel == null) {
      return null;
    }
    var link = new NioLink(channel);
    try {
      assert JavaHeap.point();
      channel.configureBlocking(false);
    } catch (Throwable t) {
      link.abandon();
      throw t;
    }
    return link;
  }

  @Override
  public void detach(Listener listener) {
    if (listener.registration instanceof SelectionKey key) {
      key.cancel();
    }
  }

  @Override
  public void connect(Attempt attempt) throws IOException {
    var remote = attempt.remote();
    var channel =
        SocketChannel.open(
            remote.getAddress() instanceof Inet4Address
                ? StandardProtocolFamily.INET
                : StandardProtocolFamily.INET6);
    attempt.registration = channel;
    channel.configureBlocking(false);
    if (attempt.local() != null) {
      channel.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      channel.bind(attempt.local());
    }
    if (channel.connect(remote)) {
      readiness.decided(attempt);
    } else {
      channel.register(selector, SelectionKey.OP_CONNECT, attempt);
    }
  }

  @Override
  public @Nullable Link connected(Attempt attempt) throws IOException {
    var channel = channel(attempt);
    if (!channel.finishConnect()) {
      return null;
    }
    attempt.registration = null;
    return new NioLink(channel);
  }

  @Override
  public void abandon(Attempt attempt) {
    var channel = channel(attempt);
    attempt.registration = null;
    new NioLink(channel).abandon();
  }

  private static SocketChannel channel(Attempt attempt) {
    return (SocketChannel) Objects.requireNonNull(attempt.registration);
  }

  @Override
  public void shutDown() {
    try {
      selector.close();
    } catch (IOException e) {
      // Its descriptors are released even so, and nobody will use it again.
      return;
    }
  }
}
