package dev.spinel.net;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
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
    } else {
      readiness.acceptable((Listener) key.attachment());
    }
  }

  @Override
  public void wakeup() {
    selector.wakeup();
  }

  @Override
  public void attach(Connection connection) throws IOException {
    connection.registration =
        connection.channel.register(selector, SelectionKey.OP_READ, connection);
  }

  @Override
  public void watchReading(Connection connection, boolean on) {
    watch(key(connection.registration), SelectionKey.OP_READ, on);
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
    int n = connection.channel.read(buffer);
    if (n > 0) {
      buffer.get(0, into, at, n);
    }
    return n;
  }

  @Override
  public long write(Connection connection, long released) throws IOException {
    var output = connection.output();
    long written =
        output.writeTo(connection.channel, writeBuffer, released, Loop.WRITTEN_BYTES_PER_TURN);
    boolean more = output.pendingBytes() > 0 && output.releasedBytes(released) > 0;
    connection.socketFull = more;
    if (more != connection.watchedForWriting) {
      connection.watchedForWriting = more;
      watch(key(connection.registration), SelectionKey.OP_WRITE, more);
    }
    return written;
  }

  @Override
  public void detach(Connection connection) {
    Listener.abandon(connection.channel);
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
  public void detach(Listener listener) {
    if (listener.registration instanceof SelectionKey key) {
      key.cancel();
    }
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
