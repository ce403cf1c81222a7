package dev.spinel.net;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.NetworkChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

/// Sockets by their descriptors: accepting, connecting, options, addresses. One thread.
final class Descriptors {
  static final int SOL_SOCKET = 1;
  static final int IPPROTO_TCP = 6;
  static final int SO_KEEPALIVE = 9;
  static final int TCP_NODELAY = 1;
  static final int TCP_KEEPIDLE = 4;
  static final int TCP_KEEPINTVL = 5;
  static final int TCP_KEEPCNT = 6;
  private static final int IPPROTO_IPV6 = 41;
  private static final int IPV6_V6ONLY = 26;
  private static final int SO_REUSEADDR = 2;
  private static final int SO_ERROR = 4;
  private static final int SO_RCVBUF = 8;
  private static final int SO_ACCEPTCONN = 30;
  private static final int SOCK_STREAM = 1;
  private static final int SOCK_NONBLOCK = 0x800;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int F_SETFL = 4;
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

  /// The descriptor of a listener's channel. The JDK doesn't tell, but it is the socket of ours
  /// that listens there. At a path two may, if the file of the first was replaced: so an option is
  /// set through the channel, and the socket that has it is it. (Not for TCP: what is accepted
  /// would inherit it.)
  int listening(Listener listener) throws IOException {
    var address = listener.address();
    var channel = listener.channel();
    if (listener.path() == null) {
      return listening(address, 0, listener.reach());
    }
    int room = 8192 + ThreadLocalRandom.current().nextInt(32768); // others may do this, too
    channel.setOption(StandardSocketOptions.SO_RCVBUF, room);
    return listening(address, 2 * room, Binding.Reach.PLAIN); // Linux doubles it
  }

  /// The first descriptor that listens at an address (in [Addresses]' text), with that much room
  /// for input unless that is 0. All of IPv6 may be listened at twice while one listener replaces
  /// another: by the one that keeps IPv4 out and by the one that doesn't.
  int listening(String address, int room, Binding.Reach reach) throws IOException {
    for (int descriptor = 0; descriptor < DESCRIPTORS_AT_MOST; descriptor++) {
      if (get(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 1
          && (room == 0 || get(descriptor, SOL_SOCKET, SO_RCVBUF) == room)
          && address.equals(Addresses.text(name(descriptor)))
          && (reach == Binding.Reach.PLAIN
              || (get(descriptor, IPPROTO_IPV6, IPV6_V6ONLY) == 1)
                  == (reach == Binding.Reach.ALL_IPV6))) {
        return descriptor;
      }
    }
    throw new IOException("nothing listens at " + address);
  }

  /// Whether [#keepIpv4Out] can do it on this machine.
  static boolean canKeepIpv4Out() {
    return IoRing.isPossible();
  }

  /// Has a socket that isn't bound yet be for IPv6 only. The JDK has no word for that, and makes
  /// sockets that are for both. So its descriptor is looked for: it is the one whose times of
  /// keeping alive are those that are set here by chance, and then set back.
  static void keepIpv4Out(NetworkChannel channel) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var here = new Descriptors(new Kernel(), arena.allocate(8 + ADDRESS_BYTES).address());
      int idle = channel.getOption(ExtendedSocketOptions.TCP_KEEPIDLE);
      int interval = channel.getOption(ExtendedSocketOptions.TCP_KEEPINTERVAL);
      var random = ThreadLocalRandom.current();
      int markedIdle = random.nextInt(1, 32768);
      int markedInterval = random.nextInt(1, 32768);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, markedIdle);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, markedInterval);
      int descriptor = here.marked(markedIdle, markedInterval);
      here.set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, idle);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, interval);
    }
  }

  private int marked(int idle, int interval) throws IOException {
    for (int descriptor = 0; descriptor < DESCRIPTORS_AT_MOST; descriptor++) {
      if (get(descriptor, IPPROTO_TCP, TCP_KEEPIDLE) == idle
          && get(descriptor, IPPROTO_TCP, TCP_KEEPINTVL) == interval) {
        return descriptor;
      }
    }
    throw new IOException("the descriptor of a socket isn't found");
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

  /// A socket, closed when another program is executed, that is on its way to `remote`, bound to
  /// `local` if that isn't null. Nobody has waited: it is writable when its fate is known, which
  /// [#connected] then tells.
  int connect(InetSocketAddress remote, @Nullable InetSocketAddress local) throws IOException {
    int family = remote.getAddress() instanceof Inet4Address ? AF_INET : AF_INET6;
    int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int descriptor = (int) kernel.must(Kernel.SOCKET, family, kind, 0, 0, 0, 0);
    try {
      if (local != null) {
        set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
        kernel.must(Kernel.BIND, descriptor, scratch + 8, put(local), 0, 0, 0);
      }
      long result = kernel.call(Kernel.CONNECT, descriptor, scratch + 8, put(remote));
      if (result < 0 && result != -Kernel.EINPROGRESS) {
        throw new IOException(Kernel.text((int) -result));
      }
      return descriptor;
    } catch (Throwable t) {
      kernel.close(descriptor);
      throw t;
    }
  }

  /// Throws the reason if a socket of [#connect] has failed; else makes it one that blocks, as an
  /// accepted one is: only on those the ring waits for input.
  void connected(int descriptor) throws IOException {
    int error = get(descriptor, SOL_SOCKET, SO_ERROR);
    if (error != 0) {
      throw new IOException(Kernel.text(Math.abs(error)));
    }
    kernel.must(Kernel.FCNTL, descriptor, F_SETFL, 0, 0, 0, 0);
  }

  /// Writes an address behind the two numbers. Returns its bytes.
  private int put(InetSocketAddress address) {
    long at = scratch + 8;
    var ip = address.getAddress();
    byte[] bytes = ip.getAddress();
    Kernel.fill(at, ADDRESS_BYTES);
    Kernel.putByte(at + 2, address.getPort() >> 8);
    Kernel.putByte(at + 3, address.getPort());
    boolean four = bytes.length == 4;
    Kernel.putShort(at, four ? AF_INET : AF_INET6);
    for (int i = 0; i < bytes.length; i++) {
      Kernel.putByte(at + (four ? 4 : 8) + i, bytes[i]);
    }
    if (ip instanceof Inet6Address six) {
      Kernel.putInt(at + 24, six.getScopeId());
    }
    return four ? 16 : 28;
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
