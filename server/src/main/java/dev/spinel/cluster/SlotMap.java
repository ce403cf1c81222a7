package dev.spinel.cluster;

import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Which node owns which slot, and which slots move.
///
/// A slot goes to whoever claims it with the greater configuration epoch. What an owner doesn't
/// claim any more stays its own until another one claims it, but this node doesn't tell others so
/// ([#unclaimed]).
///
/// Belongs to the machine's thread.
final class SlotMap {
  private final ClusterMachine machine;
  private final @Nullable ClusterNode[] owners = new ClusterNode[SlotSet.SLOTS];
  private final @Nullable String[] ids = new String[SlotSet.SLOTS];
  private @Nullable String @Nullable [] shown; // the ids, unless one has changed
  private final SortedMap<Integer, ClusterNode> migrating = new TreeMap<>();
  private final SortedMap<Integer, ClusterNode> importing = new TreeMap<>();
  private final SlotSet unclaimed = new SlotSet();

  private int owned;

  /// Of this step: slots that changed hands or lost their owner.
  private SlotSet left = new SlotSet();

  SlotMap(ClusterMachine machine) {
    this.machine = machine;
  }

  @Nullable ClusterNode owner(int slot) {
    return owners[slot];
  }

  /// The owners' ids, slot by slot: the same array as before if none has changed. Nobody changes
  /// it.
  @Nullable String[] ids() {
    @Nullable String[] same = shown;
    if (same == null) {
      shown = same = ids.clone();
    }
    return same;
  }

  /// The node has another id.
  void renamed(ClusterNode node) {
    for (int slot = node.slots.next(0); slot >= 0; slot = node.slots.next(slot + 1)) {
      own(slot, node);
    }
  }

  private void own(int slot, @Nullable ClusterNode node) {
    owners[slot] = node;
    ids[slot] = node == null ? null : node.id;
    shown = null;
  }

  int owned() {
    return owned;
  }

  SortedMap<Integer, ClusterNode> migrating() {
    return migrating;
  }

  SortedMap<Integer, ClusterNode> importing() {
    return importing;
  }

  boolean isUnclaimed(int slot) {
    return owners[slot] == null || unclaimed.contains(slot);
  }

  /// What this node tells others of a node's slots.
  SlotSet claimedBy(ClusterNode node) {
    SlotSet slots = node.slots.copy();
    for (int slot = unclaimed.next(0); slot >= 0; slot = unclaimed.next(slot + 1)) {
      slots.remove(slot);
    }
    return slots;
  }

  /// Gives a slot that nobody owns to a node.
  void give(ClusterNode node, int slot) {
    assert owners[slot] == null;
    own(slot, node);
    owned++;
    node.slots.add(slot);
    if (node.slots.count() == 1 && machine.nodes().exists(n -> !n.isReplica() && hasReplica(n))) {
      node.set(NodeFlags.MIGRATE_TO);
    }
    machine.changed();
  }

  private static boolean hasReplica(ClusterNode node) {
    return !node.replicas.isEmpty();
  }

  void take(int slot) {
    ClusterNode node = owners[slot];
    if (node != null) {
      own(slot, null);
      owned--;
      node.slots.remove(slot);
      unclaimed.remove(slot);
      left.add(slot);
      machine.changed();
    }
  }

  void takeAll(ClusterNode node) {
    for (int slot = node.slots.next(0); slot >= 0; slot = node.slots.next(slot + 1)) {
      take(slot);
    }
  }

  /// Nothing is known of this node any more.
  void forget(ClusterNode node) {
    migrating.values().removeIf(other -> other == node);
    importing.values().removeIf(other -> other == node);
    takeAll(node);
  }

  void closeAll() {
    migrating.clear();
    importing.clear();
    machine.changed();
  }

  /// At the end of a step: the channels of slots that went away end.
  void endOfStep() {
    if (!left.isEmpty()) {
      machine.act(new ClusterAction.DropChannels(left));
      left = new SlotSet();
    }
  }

  // ── claims ──

  /// Whether some owner doesn't claim all that it owns as far as this node knows.
  boolean hasUnclaimed() {
    return !unclaimed.isEmpty();
  }

  /// Whether somebody claims slots of which this node knows an owner with a newer configuration.
  /// Returns that owner, or null.
  @Nullable ClusterNode newerOwner(ClusterNode sender, long epoch, SlotSet claimed) {
    return otherOwner(sender, epoch, claimed, false);
  }

  /// Whether somebody claims slots of which this node knows an owner whose configuration is newer,
  /// or has the same epoch: one that was cut off may have taken by itself the epoch for which its
  /// successor was elected.
  boolean isDisputed(ClusterNode sender, long epoch, SlotSet claimed) {
    return otherOwner(sender, epoch, claimed, true) != null;
  }

  private @Nullable ClusterNode otherOwner(
      ClusterNode sender, long epoch, SlotSet claimed, boolean orSame) {
    if (claimed.equals(sender.slots)) {
      return null;
    }
    SlotSet others = claimed.without(sender.slots);
    for (int slot = others.next(0); slot >= 0; slot = others.next(slot + 1)) {
      ClusterNode owner = owners[slot];
      if (owner != null
          && !unclaimed.contains(slot)
          && (Long.compareUnsigned(owner.configEpoch, epoch) > 0
              || orSame && owner.configEpoch == epoch)) {
        return owner;
      }
    }
    return null;
  }

  /// A primary claims slots with this configuration epoch. What follows for this node: it may lose
  /// keys, its slots, or its primary.
  void claim(ClusterNode sender, long epoch, SlotSet claimed) {
    ClusterNode myself = machine.myself();
    if (sender == myself) {
      machine.notice("Discarding UPDATE message about myself.");
      return;
    }
    ClusterNode current = myself.isPrimary() ? myself : myself.primary;
    SlotSet dirty = new SlotSet();
    int ours = 0;
    for (int slot = unclaimed.next(0); slot >= 0; slot = unclaimed.next(slot + 1)) {
      if (owners[slot] == sender && claimed.contains(slot)) {
        unclaimed.remove(slot);
      }
    }
    SlotSet fresh = claimed.without(sender.slots);
    for (int slot = fresh.next(0); slot >= 0; slot = fresh.next(slot + 1)) {
      ClusterNode owner = owners[slot];
      if (!importing.containsKey(slot)
          && (isUnclaimed(slot)
              || owner != null && Long.compareUnsigned(owner.configEpoch, epoch) < 0)) {
        if (owner == myself
            && !machine.moves().isHanded(slot)
            && machine.world().keysIn(slot) > 0) {
          dirty.add(slot);
        }
        if (owner != null && owner == current) {
          ours++;
        }
        take(slot);
        give(sender, slot);
        machine.saveAndSyncLater();
        machine.health().lookAgain();
      }
    }
    sender.slots.shareWith(claimed);
    unclaimed.addAll(sender.slots.without(claimed));
    if (ours > 0 && current == myself) {
      machine.moves().replacedBy(sender);
    }
    reconfigure(sender, current, ours, claimed.count(), dirty);
  }

  private void reconfigure(
      ClusterNode sender, @Nullable ClusterNode current, int ours, int claimed, SlotSet dirty) {
    if (ours > 0
        && current != null
        && current.slots.isEmpty()
        && (sender.shard.equals(machine.myself().shard) || !machine.moves().awaitsSlots())
        && (machine.policy().allowMigration() || claimed == ours)) {
      machine.followNewOwner(sender);
      machine.saveDurably();
      machine.health().lookAgain();
    } else if (!leaveReplica() && !dirty.isEmpty()) {
      machine.act(new ClusterAction.DropKeys(dirty));
    }
  }

  /// The node that this one follows may have become a replica itself. Then this one follows the
  /// primary of that. Returns whether it does.
  ///
  /// Redis looks only when slots change hands; the news that the followed node has become a replica
  /// may come later.
  boolean leaveReplica() {
    ClusterNode myself = machine.myself();
    ClusterNode primary = myself.primary;
    ClusterNode above = primary == null ? null : primary.primary;
    if (above == null || above == myself || !above.isPrimary()) {
      return false;
    }
    machine.notice(
        "I'm a sub-replica! Reconfiguring myself as a replica of grandmaster " + above.named());
    machine.follow(above);
    machine.saveDurably();
    machine.health().lookAgain();
    return true;
  }

  /// After the data is loaded: keys of slots that this node doesn't own. Those without an owner
  /// become its own; the others stand as being imported, so that somebody may repair them.
  void compareWithKeys() {
    ClusterNode myself = machine.myself();
    if (myself.isReplica()) {
      return;
    }
    for (int slot = 0; slot < SlotSet.SLOTS; slot++) {
      ClusterNode owner = owners[slot];
      if (owner == myself
          || importing.containsKey(slot)
          || machine.moves().isBusy(slot)
          || machine.world().keysIn(slot) == 0) {
        continue;
      }
      if (owner == null) {
        machine.notice(
            "I have keys for unassigned slot " + slot + ". Taking responsibility for it.");
        give(myself, slot);
      } else {
        machine.notice(
            "I have keys for slot "
                + slot
                + ", but the slot is assigned to another node. Setting it to importing state.");
        importing.put(slot, owner);
      }
      machine.saveDurably();
      machine.health().lookAgain();
    }
  }
}
