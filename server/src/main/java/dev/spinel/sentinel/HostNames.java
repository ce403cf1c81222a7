package dev.spinel.sentinel;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/// Looks names of hosts up.
public interface HostNames {
  /// The IP address of a host by its name, or null if there is none. Never called for addresses.
  @Nullable String ip(String name);

  /// The usual form of an IP address, or null if this is none.
  static @Nullable String literal(String host) {
    boolean mayBe = host.indexOf(':') >= 0 || (!host.isEmpty() && isDigit(host.charAt(0)));
    try {
      return mayBe ? InetAddress.ofLiteral(host).getHostAddress() : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }
}
