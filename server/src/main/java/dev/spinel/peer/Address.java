package dev.spinel.peer;

/// Where a server listens: a host name or an IP address, and a port.
public record Address(String host, int port) {
  /// `host:port`, as Redis's log writes it: an IPv6 address without brackets.
  @Override
  public String toString() {
    return host + ":" + port;
  }
}
