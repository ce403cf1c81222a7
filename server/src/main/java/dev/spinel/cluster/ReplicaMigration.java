package dev.spinel.cluster;

import org.jspecify.annotations.Nullable;

/// A replica leaves a primary that has several for one that has lost all of its own.
///
/// Of the replicas of those primaries that have most, the one with the smallest id goes, and only
/// if the primary has been without for 5 s: after a failover its replicas need a moment to say that
/// they follow the new one.
///
/// Belongs to the machine's thread.
final class ReplicaMigration {
  private static final long DELAY_MILLIS = 5000;

  private final ClusterMachine machine;

  ReplicaMigration(ClusterMachine machine) {
    this.machine = machine;
  }

  void tick() {
    ClusterNode primary = machine.myself().primary;
    int most = 0;
    boolean orphans = false;
    for (ClusterNode node : machine.nodes().all()) {
      if (node.isPrimary() && !node.hasFailed() && !node.isHandshake()) {
        int working = node.workingReplicas();
        most = Math.max(most, working);
        orphans |= isOrphan(node) && !node.slots.isEmpty();
      }
    }
    if (primary != null
        && orphans
        && most >= 2
        && primary.workingReplicas() == most
        && machine.policy().allowMigration()) {
      migrate(primary, most);
    }
  }

  private static boolean isOrphan(ClusterNode node) {
    return node.isPrimary()
        && !node.hasFailed()
        && node.is(NodeFlags.MIGRATE_TO)
        && !node.hasWorkingReplica();
  }

  private void migrate(ClusterNode primary, int most) {
    if (!machine.health().isUp() || reachable(primary) <= machine.policy().migrationBarrier()) {
      return;
    }
    ClusterNode target = null;
    ClusterNode candidate = machine.myself();
    for (ClusterNode node : machine.nodes().all()) {
      if (isOrphan(node)) {
        target = target == null && !node.slots.isEmpty() ? node : target;
        if (node.orphanedSince == 0) {
          node.orphanedSince = machine.now();
        }
      } else {
        node.orphanedSince = 0;
      }
      if (node.isPrimary() && node.workingReplicas() == most) {
        for (ClusterNode replica : node.replicas) {
          candidate = smaller(candidate, replica);
        }
      }
    }
    go(target, candidate);
  }

  private void go(@Nullable ClusterNode target, ClusterNode candidate) {
    if (target != null
        && candidate == machine.myself()
        && machine.now() - target.orphanedSince > DELAY_MILLIS) {
      machine.notice("Migrating to orphaned master " + target.id);
      machine.follow(target);
      machine.save();
    }
  }

  private static ClusterNode smaller(ClusterNode a, ClusterNode b) {
    return b.id.compareTo(a.id) < 0 ? b : a;
  }

  private static int reachable(ClusterNode primary) {
    int reachable = 0;
    for (ClusterNode replica : primary.replicas) {
      if (!replica.is(NodeFlags.FAIL | NodeFlags.PFAIL)) {
        reachable++;
      }
    }
    return reachable;
  }
}
