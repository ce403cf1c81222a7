package dev.spinel.cluster;

/// Whether the cluster can serve, as this node sees it.
///
/// It is down while a slot has no owner that works (unless that is allowed), and while this node
/// can't reach a majority of the primaries. A primary that comes back waits a little before it
/// serves, so that news of a failover reaches it first.
///
/// A primary that starts without its data, though it owns slots and has replicas, is silent on the
/// bus for a while: its replicas then take over, and it gets the data back from them. Otherwise
/// they would copy its emptiness.
///
/// Belongs to the machine's thread.
final class Health {
  private static final long REJOIN_MOST_MILLIS = 5000;
  private static final long REJOIN_LEAST_MILLIS = 500;
  private static final long WRITABLE_MILLIS = 2000;

  private final ClusterMachine machine;
  private boolean isUp;
  private boolean looks = true;
  private int size;
  private long firstLook = -1;
  private long inMinority = Long.MIN_VALUE / 2;
  private long awaitsTakeoverUntil;

  Health(ClusterMachine machine) {
    this.machine = machine;
  }

  boolean isUp() {
    return isUp;
  }

  /// Primaries with slots, as of the last look.
  int size() {
    return size;
  }

  /// The majority of them.
  int quorum() {
    return size / 2 + 1;
  }

  /// Something has happened that may change the state.
  void lookAgain() {
    looks = true;
  }

  void started(boolean dataMissing) {
    ClusterNode myself = machine.myself();
    size = machine.nodes().voters();
    if (dataMissing && myself.isVoter() && !myself.replicas.isEmpty()) {
      long wait = 3 * machine.policy().nodeTimeoutMillis() + 5000;
      awaitsTakeoverUntil = machine.now() + wait;
      machine.warning(
          "This node owns slots and has replicas, but its data is missing. It keeps silent for up"
              + " to "
              + wait
              + " milliseconds, so that one of its replicas takes over.");
    }
  }

  boolean awaitsTakeover() {
    if (awaitsTakeoverUntil != 0
        && (machine.now() >= awaitsTakeoverUntil || !machine.myself().isVoter())) {
      boolean nobody = machine.myself().isVoter();
      awaitsTakeoverUntil = 0;
      if (nobody) {
        machine.warning(
            "No replica has taken over. This node serves its slots from now on, without the data"
                + " that is missing.");
      }
    }
    return awaitsTakeoverUntil != 0;
  }

  void tick() {
    if (!isUp) {
      looks = true;
    }
  }

  void look() {
    if (looks) {
      looks = false;
      evaluate();
    }
  }

  private void evaluate() {
    long now = machine.now();
    if (firstLook < 0) {
      firstLook = now;
    }
    int voters = 0;
    int reachable = 0;
    boolean covered = machine.slots().owned() == SlotSet.SLOTS;
    for (ClusterNode node : machine.nodes().all()) {
      if (node.isVoter()) {
        voters++;
        if (!node.is(NodeFlags.FAIL | NodeFlags.PFAIL)) {
          reachable++;
        }
        covered &= !node.hasFailed();
      }
    }
    if (size != voters) {
      size = voters;
      machine.lease().lookAgain();
    }
    boolean primary = machine.myself().isPrimary();
    if (primary && !isUp && now - firstLook < WRITABLE_MILLIS) {
      return;
    }
    boolean up = (covered || !machine.policy().requireFullCoverage()) && !awaitsTakeover();
    if (reachable < quorum()) {
      up = false;
      inMinority = now;
    }
    if (up == isUp) {
      return;
    }
    long rejoin =
        Math.clamp(machine.policy().nodeTimeoutMillis(), REJOIN_LEAST_MILLIS, REJOIN_MOST_MILLIS);
    if (up && primary && now - inMinority < rejoin) {
      return;
    }
    isUp = up;
    machine.changed();
    machine.log(
        up ? ClusterAction.Level.NOTICE : ClusterAction.Level.WARNING,
        "Cluster state changed: " + (up ? "ok" : "fail"));
  }
}
