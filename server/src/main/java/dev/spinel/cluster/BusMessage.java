package dev.spinel.cluster;

import java.util.List;

/// A message of the cluster bus. Ids are 40 characters; what is absent is an empty string.
public sealed interface BusMessage {
  Header header();

  /// What every message says of its sender.
  ///
  /// @param port for clients
  /// @param configEpoch of the sender, or of its primary if it is a replica
  /// @param offset of replication: written by a primary, processed by a replica
  /// @param slots of the sender, or of its primary
  /// @param primary of the sender if it is a replica, or empty
  /// @param ip that the sender announces, or empty: where its connection comes from
  /// @param otherPort for clients with TLS (or without, where the bus uses TLS); 0: none
  /// @param flags of [NodeFlags]
  /// @param down whether the sender takes the cluster for down
  /// @param paused a primary whose clients wait for a manual failover
  /// @param forced the vote is wanted even if the primary is up
  /// @param withoutLease a PONG that doesn't extend the lease of a primary (see [Lease]). Only
  ///   nodes of ours look at this and at the next; others send zeros and ignore them
  /// @param pingNumber of a PING, repeated by its PONG: 1 to 32767; 0: none
  record Header(
      BusType type,
      int port,
      long currentEpoch,
      long configEpoch,
      long offset,
      String sender,
      SlotSet slots,
      String primary,
      String ip,
      int otherPort,
      int busPort,
      int flags,
      boolean down,
      boolean paused,
      boolean forced,
      boolean withoutLease,
      int pingNumber) {}

  /// PING, PONG and MEET.
  record Heartbeat(Header header, List<Gossip> gossip, List<Extension> extensions)
      implements BusMessage {}

  /// What the sender thinks of another node. Times in seconds since 1970.
  record Gossip(
      String node,
      long pingSent,
      long pongReceived,
      String ip,
      int port,
      int busPort,
      int flags,
      int otherPort) {}

  /// More about the sender of a heartbeat.
  sealed interface Extension {}

  record Hostname(String name) implements Extension {}

  record HumanName(String name) implements Extension {}

  /// A node that isn't to be taken up again for so many seconds.
  record Forgotten(String node, long ttlSeconds) implements Extension {}

  record Shard(String id) implements Extension {}

  /// Of a kind that came later than this code.
  @SuppressWarnings("ArrayRecordComponent")
  record UnknownExtension(int type, byte[] data) implements Extension {}

  /// This node has failed.
  record Fail(Header header, String node) implements BusMessage {}

  /// PUBLISH and PUBLISHSHARD.
  @SuppressWarnings("ArrayRecordComponent")
  record Publish(Header header, byte[] channel, byte[] message) implements BusMessage {}

  /// AUTH_REQUEST, AUTH_ACK and MFSTART: the header says it all.
  record Plain(Header header) implements BusMessage {}

  /// The slots of another node.
  record Update(Header header, long configEpoch, String node, SlotSet slots)
      implements BusMessage {}

  /// MODULE: of no use here.
  @SuppressWarnings("ArrayRecordComponent")
  record Module(Header header, byte[] body) implements BusMessage {}
}
