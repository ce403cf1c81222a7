package dev.spinel.net;

import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.SocketAddress;

/// Socket addresses as text, in the form in which Redis prints them: `127.0.0.1:6379`,
/// `[::1]:6379`, numbers only, IPv6 compressed as `inet_ntop` does it (RFC 5952), which Java's own
/// text isn't.
final class Addresses {
  private Addresses() {}

  /// `ip:port`, `[ip6]:port`, or `path:0` for a Unix socket.
  static String text(SocketAddress address) {
    var text = new StringBuilder(32);
    if (!(address instanceof InetSocketAddress tcp)) {
      return text.append(address).append(":0").toString();
    }
    var ip = tcp.getAddress();
    if (ip instanceof Inet4Address) {
      appendIpv4(text, ip.getAddress(), 0);
    } else {
      text.append('[');
      appendIpv6(text, ip.getAddress());
      text.append(']');
    }
    return text.append(':').append(tcp.getPort()).toString();
  }

  private static void appendIpv4(StringBuilder text, byte[] bytes, int from) {
    for (int i = 0; i < 4; i++) {
      if (i > 0) {
        text.append('.');
      }
      text.append(bytes[from + i] & 0xff);
    }
  }

  private static void appendIpv6(StringBuilder text, byte[] bytes) {
    int zerosFrom = -1;
    int zeros = 1; // a single zero word isn't worth `::`
    for (int i = 0; i < 8; i++) {
      int n = 0;
      while (i + n < 8 && word(bytes, i + n) == 0) {
        n++;
      }
      if (n > zeros) {
        zerosFrom = i;
        zeros = n;
      }
      i += n;
    }
    // ::1.2.3.4 and ::ffff:1.2.3.4
    boolean endsInIpv4 = zerosFrom == 0 && (zeros == 6 || (zeros == 5 && word(bytes, 5) == 0xffff));
    for (int i = 0; i < 8; i++) {
      if (i == zerosFrom) {
        text.append("::");
        i += zeros - 1;
        continue;
      }
      if (i > 0 && i != zerosFrom + zeros) {
        text.append(':');
      }
      if (i == 6 && endsInIpv4) {
        appendIpv4(text, bytes, 12);
        return;
      }
      text.append(Integer.toHexString(word(bytes, i)));
    }
  }

  private static int word(byte[] bytes, int i) {
    return (bytes[2 * i] & 0xff) << 8 | (bytes[2 * i + 1] & 0xff);
  }
}
