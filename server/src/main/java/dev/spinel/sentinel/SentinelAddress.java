package dev.spinel.sentinel;

import dev.spinel.peer.Address;

/// Where a server is.
///
/// @param host as it was given: a name or an address
/// @param ip its address; empty if the name isn't known (yet)
record SentinelAddress(String host, String ip, int port) {
  /// Whether both are the same place: by address, or by name if there is no address.
  boolean isSame(SentinelAddress other) {
    return port == other.port
        && ((!ip.isEmpty() && ip.equals(other.ip)) || host.equalsIgnoreCase(other.host));
  }

  Address toDial() {
    return new Address(ip.isEmpty() ? host : ip, port);
  }
}
