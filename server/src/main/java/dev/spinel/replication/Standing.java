package dev.spinel.replication;

import dev.spinel.peer.Address;
import java.util.List;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/// What a server's replication looks like from outside, at one moment: for gates, INFO, ROLE and
/// whoever waits. A new one is published after each step of the machine, so it never changes and
/// any thread may read it. If the role changes, that happens in a stopped world.
///
/// A primary's stream grows between steps: how far it is now, [Replication#offset] says.
///
/// @param primary that this server follows, or null if it is one itself
/// @param link to that primary; [Link#NONE] if there is none
/// @param isComplete whether the data is whole: see [ReplicaSide#isComplete]
/// @param history the ids
/// @param offset the last byte of the stream, when this was published
/// @param hasBacklog whether the stream is counted, and its end kept
/// @param replicas in the order in which they came
/// @param failover how far FAILOVER is
/// @param counts what INFO counts since the start
public record Standing(
    @Nullable Address primary,
    Link link,
    boolean isComplete,
    Ids history,
    long offset,
    boolean hasBacklog,
    List<Replica> replicas,
    PlannedFailover.State failover,
    Counts counts) {

  /// The link to the primary.
  ///
  /// @param offset up to which the stream is applied, or may be asked for after a lost link; -1:
  ///   nothing is known
  /// @param readOffset up to which it was received
  /// @param lastIoSeconds when bytes came last, in seconds since 1970
  /// @param downSinceMillis since 1970; -1: it never was up, or is
  /// @param downReason why it is down, or empty
  /// @param payloadBytes of the data that comes: -1 until that is said, 0 if nobody knows
  /// @param receivedBytes of them
  /// @param isHeld whether only a REPLICAOF given by hand begins another attempt
  public record Link(
      ReplicaSide.State state,
      long offset,
      long readOffset,
      long lastIoSeconds,
      long downSinceMillis,
      String downReason,
      long payloadBytes,
      long receivedBytes,
      boolean isHeld) {
    static final Link NONE = before(ReplicaSide.State.NONE);

    /// Before anything has come.
    static Link before(ReplicaSide.State state) {
      return new Link(state, -1, -1, 0, -1, "", -1, 0, false);
    }

    public boolean isUp() {
      return state == ReplicaSide.State.CONNECTED;
    }
  }

  /// Of which history the data is: see [History].
  ///
  /// @param secondOffset the first byte that the second id isn't good for, or -1
  public record Ids(String id, String secondId, long secondOffset) {}

  /// A replica of this server.
  ///
  /// @param client the number of its client
  /// @param host that it wants to be known by, or that it comes from
  /// @param port that it says it listens at; 0: it hasn't said
  /// @param ackSeconds when it last acknowledged anything, in seconds since 1970
  public record Replica(
      long client,
      String host,
      int port,
      PrimarySide.State state,
      long ackOffset,
      long aofOffset,
      long ackSeconds) {
    /// As the log calls it.
    String name() {
      String address = host.indexOf(':') >= 0 && port != 0 ? "[" + host + "]" : host;
      return address + ":" + (port == 0 ? "<unknown-replica-port>" : port);
    }

    public boolean isOnline() {
      return state == PrimarySide.State.ONLINE;
    }
  }

  /// Synchronizations since the start.
  ///
  /// @param partialRefused requests that were answered by a full synchronization
  public record Counts(long full, long partial, long partialRefused) {}

  /// How the machine stands. Its own thread.
  static Standing of(ReplicationMachine machine) {
    ReplicaSide replica = machine.replicaSide();
    PrimarySide primary = machine.primarySide();
    History history = machine.history();
    return new Standing(
        machine.primary(),
        machine.primary() == null ? Link.NONE : link(replica),
        replica.isComplete(),
        new Ids(history.id(), history.secondId(), history.secondOffset()),
        machine.offset(),
        machine.hasBacklog(),
        primary.replicas().stream().map(Standing::replica).toList(),
        machine.failover().state(),
        new Counts(primary.fullSyncs(), primary.partialSyncs(), primary.partialRefusals()));
  }

  /// The same, of a server that is going to follow `to` once it has loaded its data.
  Standing beforeFollowing(Address to) {
    Link none = Link.before(ReplicaSide.State.CONNECT);
    return new Standing(
        to, none, isComplete, history, offset, hasBacklog, replicas, failover, counts);
  }

  private static Link link(ReplicaSide side) {
    return new Link(
        side.state(),
        side.offset(),
        side.readOffset(),
        side.lastIoSeconds(),
        side.downSinceMillis(),
        side.downReason(),
        side.payloadBytes(),
        side.receivedBytes(),
        side.isHeld());
  }

  private static Replica replica(PrimarySide.Replica replica) {
    return new Replica(
        replica.client(),
        replica.shownHost(),
        replica.port(),
        replica.state(),
        replica.ackOffset(),
        replica.aofOffset(),
        replica.ackSeconds());
  }

  /// Whether this server follows another one.
  public boolean isReplica() {
    return primary != null;
  }

  /// Whether this client is a replica.
  public boolean isReplica(long client) {
    for (Replica replica : replicas) {
      if (replica.client == client) {
        return true;
      }
    }
    return false;
  }

  /// Replicas that are online and acknowledged something within so many seconds.
  ///
  /// @param uncountedSeconds that went by since a second, besides those until `nowSeconds`
  int goodReplicas(long nowSeconds, long maxLagSeconds, LongUnaryOperator uncountedSeconds) {
    int good = 0;
    for (Replica replica : replicas) {
      long since = replica.ackSeconds;
      if (replica.isOnline()
          && nowSeconds - since + uncountedSeconds.applyAsLong(since) <= maxLagSeconds) {
        good++;
      }
    }
    return good;
  }

  /// Replicas that have the stream up to here.
  public int acknowledged(long upTo) {
    int count = 0;
    for (Replica replica : replicas) {
      if (replica.isOnline() && replica.ackOffset >= upTo) {
        count++;
      }
    }
    return count;
  }

  /// Replicas that have the stream up to here on their disks.
  public int acknowledgedByFile(long upTo) {
    int count = 0;
    for (Replica replica : replicas) {
      if (replica.isOnline() && replica.aofOffset >= upTo) {
        count++;
      }
    }
    return count;
  }
}
