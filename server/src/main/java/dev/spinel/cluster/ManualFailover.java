package dev.spinel.cluster;

import dev.spinel.cluster.BusMessage.Header;
import org.jspecify.annotations.Nullable;

/// CLUSTER FAILOVER: a replica takes over from a primary that works, and nothing is lost.
///
/// ```
///   replica ──MFSTART──► primary: clients' writes are to wait
///   all writes wait ──► replica ◄──PING, flagged as paused, with the last offset── primary
///   replica has processed everything up to there ──► it asks for votes, and is the primary
/// ```
///
/// With FORCE the replica doesn't talk to the primary; with TAKEOVER it doesn't even ask for votes.
/// Whatever doesn't come to its end within 5 s is given up, and a second later the primary's
/// clients go on: by then it has heard of a replica that was elected at the last moment.
///
/// Belongs to the machine's thread.
final class ManualFailover {
  private static final long TIMEOUT_MILLIS = 5000;
  private static final long HEARING_MILLIS = 1000;
  private static final long PAUSE_MILLIS = 10_000;

  private final ClusterMachine machine;
  private long ends; // 0: none is under way
  private @Nullable ClusterNode replica; // on the primary: for whom clients wait
  private long pauses; // on the primary: how many were asked for
  private boolean paused; // on the primary: nobody writes any more
  private long primaryOffset = -1; // on the replica
  private boolean mayStart;

  ManualFailover(ClusterMachine machine) {
    this.machine = machine;
  }

  boolean isRunning() {
    return ends != 0;
  }

  /// On the primary: clients' writes wait, so its offset stands still.
  boolean isPaused() {
    return paused;
  }

  /// On the replica: it may ask for votes.
  boolean mayStart() {
    return ends != 0 && mayStart;
  }

  boolean awaitsOffset() {
    return ends != 0 && !mayStart && primaryOffset != -1;
  }

  void reset() {
    if (mayStart) {
      machine.elections().reset(); // votes that were forced count for this failover alone
    }
    if (replica != null) {
      machine.act(new ClusterAction.PauseWrites(0, ++pauses));
    }
    ends = 0;
    replica = null;
    paused = false;
    primaryOffset = -1;
    mayStart = false;
  }

  // ── on the replica ──

  enum Mode {
    PLAIN,
    FORCE,
    TAKEOVER
  }

  void start(ClusterNode primary, Mode mode) {
    reset();
    ends = machine.now() + TIMEOUT_MILLIS;
    switch (mode) {
      case PLAIN -> {
        machine.notice("Manual failover user request accepted.");
        machine.heartbeats().ping(primary); // so that it knows whose replica asks
        machine.links().send(primary, new BusMessage.Plain(machine.header(BusType.MFSTART)));
      }
      case FORCE -> {
        machine.notice("Forced failover user request accepted.");
        machine.elections().reset();
        mayStart = true;
      }
      case TAKEOVER -> {
        machine.notice("Taking over the master (user request).");
        machine.bumpEpoch();
        machine.elections().takeOver();
      }
    }
  }

  /// A message of the primary's that waits.
  void heard(ClusterNode sender, Header header) {
    if (ends != 0 && header.paused() && primaryOffset == -1 && sender == machine.myself().primary) {
      primaryOffset = header.offset();
      machine.notice(
          "Received replication offset for paused master manual failover: " + primaryOffset);
    }
  }

  /// After each step. A primary that never had replicas is at offset 0, whatever data it has, and
  /// so is a replica that has none of it yet.
  void look() {
    if (awaitsOffset()
        && machine.myself().isReplica()
        && machine.world().isFollowing()
        && machine.world().offset() == primaryOffset) { // of another history it hardly is
      mayStart = true;
      machine.elections().reset();
      machine.notice("All master replication stream processed, manual failover can start.");
    }
  }

  // ── on the primary ──

  /// A replica wants to take over.
  void requested(ClusterNode sender) {
    if (sender.primary != machine.myself()) {
      return;
    }
    reset();
    ends = machine.now() + TIMEOUT_MILLIS + HEARING_MILLIS;
    replica = sender;
    machine.act(new ClusterAction.PauseWrites(PAUSE_MILLIS, ++pauses));
    machine.notice("Manual failover requested by replica " + sender.named() + ".");
  }

  /// Clients' writes wait, as was asked for: what is said of the offset from now on is the last.
  void paused(long pause) {
    if (replica != null && pause == pauses) {
      paused = true;
      machine.heartbeats().ping(replica);
    }
  }

  void tick() {
    if (ends != 0 && ends < machine.now()) {
      machine.warning("Manual failover timed out.");
      reset();
    } else if (replica != null && paused) {
      machine.heartbeats().ping(replica);
    }
  }
}
