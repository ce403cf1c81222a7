package dev.spinel.cluster;

/// A node as `nodes.conf` and CLUSTER NODES describe it. Ids are 40 characters; what is absent is
/// an empty string. Times in milliseconds since 1970.
///
/// @param ip or empty: nobody knows
/// @param port for clients, without TLS unless the bus uses it
/// @param otherPort for clients of the other kind; 0: none
/// @param flags of [NodeFlags]
/// @param primary of a replica
/// @param pingSent when the PING went out that isn't answered yet; 0: none
/// @param offset of replication, as it last said; -1: not known
public record NodeView(
    String id,
    String ip,
    int port,
    int busPort,
    String hostname,
    String humanName,
    int otherPort,
    String shard,
    int flags,
    String primary,
    long pingSent,
    long pongReceived,
    long configEpoch,
    boolean connected,
    SlotSet slots,
    long offset) {
  /// For clients of the kind that the bus is, or of the other kind if they have a port.
  public int port(boolean other) {
    return other && otherPort != 0 ? otherPort : port;
  }

  boolean is(int flag) {
    return (flags & flag) != 0;
  }

  public boolean isMyself() {
    return is(NodeFlags.MYSELF);
  }

  public boolean isPrimary() {
    return is(NodeFlags.PRIMARY);
  }

  public boolean isReplica() {
    return is(NodeFlags.REPLICA);
  }

  public boolean isHandshake() {
    return is(NodeFlags.HANDSHAKE);
  }

  public boolean hasFailed() {
    return is(NodeFlags.FAIL);
  }

  public boolean mayHaveFailed() {
    return is(NodeFlags.PFAIL);
  }
}
