package dev.spinel.net;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// Sockets by their descriptors: accepting, options, addresses. One thread.
final class Descriptors {
  static final int SOL_SOCKET = 1;
  static final int IPPROTO_TCP = 6;
  static final int SO_KEEPALIVE = 9;
  static final int TCP_NODELAY = 1;
  static final int TCP_KEEPIDLE = 4;
  static final int TCP_KEEPINTVL = 5;
  static final int TCP_KEEPCNT = 6;
  private static final int SO_RCVBUF = 8;
  private static final int SO_ACCEPTCONN = 30;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int AF_UNIX = 1;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int ADDRESS_BYTES = 128;
  private static final int DESCRIPTORS_AT_MOST = 1 << 20;

  private final Kernel kernel;

  /// `int length`, `int value`, then an address: 8 + 128 bytes of the process's memory.
  private final long scratch;

  Descriptors(Kernel kernel, long scratch) {
    this.kernel = kernel;
    this.scratch = scratch;
  }

  /// The descriptor of the channel that listens at `address` (in [Addresses]' text). The JDK
  /// doesn't tell, but it is the socket of ours that listens there. At a path two may, if the file
  /// of the first was replaced: so an option is set through the channel, and the socket that has it
  /// is it. (Not for TCP: what is accepted would inherit it.)
  int listening(String address, ServerSocketChannel channel) throws IOException {
    if (channel.getLocalAddress() instanceof InetSocketAddress) {
      return listening(address, 0);
    }
    int room = 8192 + ThreadLocalRandom.current().nextInt(32768); // others may do this, too
    channel.setOption(StandardSocketOptions.SO_RCVBUF, room);
    return listening(address, 2 * room); // Linux doubles it
  }

  /// The first descriptor that listens at an address, with that much room for input unless that is
  /// 0.
  int listening(String address, int room) throws IOException {
    for (int descriptor = 0; descriptor < DESCRIPTORS_AT_MOST; descriptor++) {
      if (get(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 1
          && (room == 0 || get(descriptor, SOL_SOCKET, SO_RCVBUF) == room)
          && address.equals(Addresses.text(name(descriptor)))) {
        return descriptor;
      }
    }
    throw new IOException("nothing listens at " + address);
  }

  /// Accepts a connection that waits at a listening socket, closed when another program is
  /// executed. Returns its descriptor, or -1 if none waits.
  int accept(int listening) throws IOException {
    while (true) {
      Kernel.putInt(scratch, ADDRESS_BYTES);
      long accepted =
          kernel.call(Kernel.ACCEPT4, listening, scratch + 8, scratch, SOCK_CLOEXEC, 0, 0);
      if (accepted >= 0) {
        return (int) accepted;
      }
      switch ((int) -accepted) {
        case Kernel.EAGAIN, Kernel.EBADF -> {
          return -1;
        }
        case Kernel.EINTR, Kernel.ECONNABORTED, Kernel.EPROTO -> {
          continue; // gone before we came to it: the next one
        }
        default -> throw new IOException(Kernel.text((int) -accepted));
      }
    }
  }

  /// Whom [#accept] has just accepted.
  @Nullable SocketAddress accepted() throws IOException {
    return address(Kernel.getInt(scratch));
  }

  /// Our own end's address.
  SocketAddress name(int descriptor) throws IOException {
    Kernel.putInt(scratch, ADDRESS_BYTES);
    kernel.must(Kernel.GETSOCKNAME, descriptor, scratch + 8, scratch, 0, 0, 0);
    var name = address(Kernel.getInt(scratch));
    if (name == null) {
      throw new IOException("a socket of a family unknown here");
    }
    return name;
  }

  private @Nullable SocketAddress address(int bytes) throws IOException {
    long at = scratch + 8;
    if (bytes < 2) {
      return null;
    }
    int port = (Kernel.getByte(at + 2) & 0xff) << 8 | (Kernel.getByte(at + 3) & 0xff);
    return switch (Kernel.getShort(at)) {
      case AF_INET -> new InetSocketAddress(InetAddress.getByAddress(bytes(at + 4, 4)), port);
      case AF_INET6 -> new InetSocketAddress(InetAddress.getByAddress(bytes(at + 8, 16)), port);
      case AF_UNIX -> UnixDomainSocketAddress.of(path(at + 2, bytes - 2));
      default -> null;
    };
  }

  private static String path(long at, int most) {
    int length = 0;
    while (length < most && Kernel.getByte(at + length) != 0) {
      length++;
    }
    return new String(bytes(at, length), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(long at, int length) {
    var bytes = new byte[length];
    Kernel.copy(at, bytes, 0, length);
    return bytes;
  }

  /// The value of a whole-numbered option, or a negative `errno`.
  int get(int descriptor, int level, int option) {
    Kernel.putInt(scratch, 4);
    long result =
        kernel.call(Kernel.GETSOCKOPT, descriptor, level, option, scratch + 4, scratch, 0);
    return result < 0 ? (int) result : Kernel.getInt(scratch + 4);
  }

  void set(int descriptor, int level, int option, int value) throws IOException {
    Kernel.putInt(scratch + 4, value);
    kernel.must(Kernel.SETSOCKOPT, descriptor, level, option, scratch + 4, 4, 0);
  }
}
