package dev.spinel.config;

/// The primary that a server follows.
///
/// @param host its name or address, as [Octets]; empty in [#NONE]
public record ReplicaOf(String host, int port) {
  /// Of a server that is a primary itself.
  public static final ReplicaOf NONE = new ReplicaOf("", 0);

  /// Whether there is none: the server is a primary.
  public boolean isNone() {
    return host.isEmpty() && port == 0;
  }
}
