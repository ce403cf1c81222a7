package dev.spinel.cli;

import dev.spinel.cli.SlotMover.Way;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Looks whether a cluster is whole: all agree, no slot is open, each slot has one owner. With
/// `fixes` it mends what isn't, by the same rules as Redis's own manager.
final class ClusterCheck {
  private static final int AGREE_TENTHS = 100;

  private final ClusterView view;
  private final ClusterLog log;
  private final Screen screen;
  private final ClusterOptions options;
  private final SlotMover mover;
  private final boolean fixes;
  private final RandomGenerator random;

  ClusterCheck(
      ClusterView view,
      ClusterLog log,
      Options options,
      SlotMover mover,
      boolean fixes,
      RandomGenerator random) {
    this.view = view;
    this.log = log;
    this.screen = log.screen;
    this.options = options.cluster;
    this.mover = mover;
    this.fixes = fixes;
    this.random = random;
  }

  /// Whether all is well, or is now. `quiet`: the nodes aren't listed.
  boolean run(boolean quiet) throws IOException {
    if (view.peers.isEmpty()) return false;
    String first = view.peers.get(0).node.address();
    log.info(">>> Performing Cluster Check (using node " + first + ")\n");
    boolean well = true;
    if (!quiet) view.showNodes();
    if (view.agrees()) {
      log.success("[OK] All nodes agree about slots configuration.\n");
    } else {
      view.addError("[ERR] Nodes don't agree about configuration!");
      well = false;
    }
    well = openSlots(well);
    well = coverage(well);
    return options.searchMultipleOwners ? owners(well) : well;
  }

  /// Whether all is well once something was mended. For Redis's own manager it is, whatever was
  /// wrong before: its exit status tells of the last thing. Else all have to agree by now.
  private boolean afterMending(boolean wellBefore) {
    if (wellBefore || options.doubles == ClusterOptions.Doubles.ARE_COMPARED) return true;
    boolean agree = view.agrees();
    for (int i = 0; i < AGREE_TENTHS && !agree && options.shown == 0; i++) {
      Shell.pause(Sampler.SECOND_MICROS / 10);
      agree = view.agrees();
    }
    return agree;
  }

  // ── Open slots ──

  /// Slots that are migrated or imported.
  private boolean openSlots(boolean well) throws IOException {
    log.info(">>> Check for open slots...\n");
    List<Integer> open = new ArrayList<>();
    for (Peer p : view.peers) {
      sayOpen(p, "migrating", p.node.migrating.keySet(), open);
      sayOpen(p, "importing", p.node.importing.keySet(), open);
    }
    if (open.isEmpty()) return well;
    log.error("[WARNING] The following slots are open: " + join(open) + ".\n");
    if (!fixes) return false;
    for (int slot : open) if (!new OpenSlot(slot).fix()) return false;
    return afterMending(well);
  }

  private void sayOpen(Peer p, String state, Iterable<Integer> slots, List<Integer> open) {
    List<Integer> of = new ArrayList<>();
    for (int slot : slots) {
      of.add(slot);
      if (!open.contains(slot)) open.add(slot);
    }
    if (of.isEmpty()) return;
    view.addError(
        "[WARNING] Node "
            + p.node.address()
            + " has slots in "
            + state
            + " state "
            + join(of)
            + ".");
  }

  private static String join(List<Integer> slots) {
    return String.join(",", slots.stream().map(String::valueOf).toList());
  }

  private void refuseWithUnreachable(String what) {
    int n = view.unreachablePrimaries;
    if (n == 0 || options.fixWithUnreachableMasters) return;
    log.warning(
        "*** Fixing "
            + what
            + " with "
            + n
            + " unreachable masters is dangerous: redis-cli will assume that slots about masters"
            + " that are not reachable are not covered, and will try to reassign them to the"
            + " reachable nodes. This can cause data loss and is rarely what you want to do. If"
            + " you really want to proceed use the --cluster-fix-with-unreachable-masters"
            + " option.\n");
    throw new Exit(1);
  }

  /// One slot that somebody migrates, imports, or has keys of without owning it.
  private final class OpenSlot {
    final int slot;
    final List<Peer> owners = new ArrayList<>();
    final List<Peer> migrating = new ArrayList<>();
    final List<Peer> importing = new ArrayList<>();
    @Nullable Peer owner;
    boolean isHome; // the owner has had the slot all along
    String migratingText = "";
    String importingText = "";

    OpenSlot(int slot) {
      this.slot = slot;
    }

    boolean fix() {
      refuseWithUnreachable("open slots");
      log.info(">>> Fixing open slot " + slot + "\n");
      if (!findOwners()) return false;
      if (options.doubles != ClusterOptions.Doubles.ARE_COMPARED) keepOwner();
      if (!findStates()) return false;
      if (!migratingText.isEmpty()) log.plain("Set as migrating in: " + migratingText + "\n");
      if (!importingText.isEmpty()) log.plain("Set as importing in: " + importingText + "\n");
      Peer one = owner == null ? chooseOwner() : owner;
      if (one == null) return false;
      owner = one;
      if (owners.size() > 1 && !takeFromOthers(one)) return false;
      if (isHome && migrating.contains(one)) return settle(one);
      if (migrating.size() == 1 && importing.size() == 1) {
        return finish(migrating.get(0), importing.get(0));
      }
      if (migrating.isEmpty() && !importing.isEmpty()) return gather(one);
      if (migrating.size() == 1 && importing.size() > 1) return chooseTarget(one);
      return close(one);
    }

    /// Who owns the slot, or has keys of it.
    private boolean findOwners() {
      for (Peer p : view.primaries()) {
        if (p.node.slots.get(slot)) {
          owners.add(p);
          continue;
        }
        long keys = p.countKeys(slot);
        if (keys < 0) return false;
        if (keys == 0) continue;
        log.warning(
            "*** Found keys about slot " + slot + " in non-owner node " + p.node.address() + "!\n");
        owners.add(p);
      }
      if (owners.size() == 1) owner = owners.get(0);
      return true;
    }

    /// Who has the slot goes on having it, or gives it to the one to whom it is on its way, however
    /// many keys that one has by now. (By the rule of Redis's own manager it would go to whoever
    /// has most keys.) Not if several more have keys: nobody knows then which are to go where.
    private void keepOwner() {
      List<Peer> having = new ArrayList<>(owners);
      having.removeIf(p -> !p.node.slots.get(slot));
      if (having.size() != 1) return;
      Peer only = having.get(0);
      Peer to = meant(only);
      int more = 0;
      for (Peer p : owners) if (p != only && p != to) more++;
      if (more > 1) return;
      owner = only;
      isHome = true;
      owners.retainAll(List.of(only));
    }

    /// To whom a node gives the slot: the one that its mark names, or its replica that has taken
    /// over. Null if it gives it to nobody that is known.
    private @Nullable Peer meant(Peer from) {
      String id = from.node.migrating.get(slot);
      Peer to = id == null ? null : view.byId(id);
      String primaryId = to == null ? null : to.node.primaryId;
      return primaryId == null ? to : view.byId(primaryId);
    }

    /// Only an owner gives a slot: where it is known who that is, another one that says so has lost
    /// the slot meanwhile, and keeps its keys, as after a mending that was broken off.
    private boolean findStates() {
      for (Peer p : view.primaries()) {
        boolean isMigrating = p.node.migrating.containsKey(slot);
        if (isMigrating && isHome && p != owner) {
          log.warning(
              "*** "
                  + p.node.address()
                  + " says that it migrates the slot, and doesn't have it.\n");
          importing.add(p);
        } else if (isMigrating) {
          migratingText = listed(migratingText, migrating, p);
        } else if (p.node.importing.containsKey(slot)) {
          importingText = listed(importingText, importing, p);
        } else if (p != owner) {
          long keys = p.countKeys(slot);
          if (keys < 0) return false;
          if (keys == 0) continue;
          log.warning("*** Found keys about slot " + slot + " in node " + p.node.address() + "!\n");
          importingText = listed(importingText, importing, p);
        }
      }
      return true;
    }

    private String listed(String text, List<Peer> list, Peer p) {
      list.add(p);
      return text + (text.isEmpty() ? "" : ",") + p.node.address();
    }

    private @Nullable Peer chooseOwner() {
      log.info(">>> No single clear owner for the slot, selecting an owner by # of keys...\n");
      Peer most = withMostKeys(view.peers, slot);
      if (most == null) {
        log.error("[ERR] Can't select a slot owner. Impossible to fix.\n");
        return null;
      }
      log.warning("*** Configuring " + most.node.address() + " as the slot owner\n");
      for (Peer p : owners) if (p != most && !guardKeys(p, most, slot)) return null;
      if (!most.makeStable(slot) || !takeSlot(most, slot, false)) return null;
      most.node.slots.set(slot);
      migrating.remove(most);
      importing.remove(most);
      return most;
    }

    /// All but one of several owners give the slot up, and import it, so that their keys may go.
    private boolean takeFromOthers(Peer one) {
      for (Peer p : owners) {
        if (p == one) continue;
        if (!dropSlot(p, slot)) return false;
        p.node.slots.clear(slot);
        if (!p.setSlotOrSay(slot, "node", one.node.id)) return false;
        if (!p.setSlotOrSay(slot, "importing", one.node.id)) return false;
        importing.remove(p);
        importing.add(p);
        migrating.remove(p);
      }
      return true;
    }

    /// The owner is known, and gives the slot away: that is finished if it has begun at the other
    /// end, or else taken back. Then whoever has the slot gets what the others have of it.
    private boolean settle(Peer one) {
      Peer to = meant(one);
      if (to == null) to = onlyTaker();
      Peer holder = one;
      if (to != null && importing.remove(to)) {
        if (!finish(one, to)) return false;
        holder = to;
      } else if (!closeAt(one)) {
        return false;
      }
      return importing.isEmpty() || gather(holder);
    }

    /// The only one that imports the slot, or has keys of it that it didn't keep from before.
    private @Nullable Peer onlyTaker() {
      List<Peer> takers = new ArrayList<>(importing);
      takers.removeIf(p -> p.node.migrating.containsKey(slot));
      return takers.size() == 1 ? takers.get(0) : null;
    }

    /// One gives, one takes: the move is finished.
    private boolean finish(Peer from, Peer to) {
      log.info(
          ">>> Case 1: Moving slot "
              + slot
              + " from "
              + from.node.address()
              + " to "
              + to.node.address()
              + "\n");
      if (mover.move(from, to, slot, Way.VERBOSE) != null) return false;
      from.node.slots.clear(slot);
      to.node.slots.set(slot);
      return true;
    }

    /// Nobody gives: all keys go to the owner.
    private boolean gather(Peer one) {
      log.info(
          ">>> Case 2: Moving all the "
              + slot
              + " slot keys to its owner "
              + one.node.address()
              + "\n");
      for (Peer p : importing) {
        if (p == one) continue;
        if (isHome && !p.node.importing.containsKey(slot)) { // else it doesn't let go of its keys
          if (!p.setSlotOrSay(slot, "importing", one.node.id)) return false;
        }
        Way way = isHome ? Way.KEYS_HOME : Way.KEYS_ONLY;
        if (mover.move(p, one, slot, way) != null) return false;
        log.info(">>> Setting " + slot + " as STABLE in " + p.node.address() + "\n");
        if (!p.makeStable(slot)) return false;
      }
      for (Peer p : view.primaries()) {
        if (p != one && !p.setSlotOrSay(slot, "NODE", one.node.id)) return false;
      }
      return true;
    }

    /// Several take: the one that the giver means gets the slot, if none of them has keys.
    private boolean chooseTarget(Peer one) {
      Peer from = migrating.get(0);
      String meant = from.node.migrating.get(slot);
      Peer to = null;
      for (Peer p : importing) {
        if (p.countKeys(slot) > 0) return sayUnfixable(one);
        if (p.node.id.equals(meant)) to = p;
      }
      if (to == null) {
        log.info(">>> Case 3: Closing slot " + slot + " on both migrating and importing nodes.\n");
        if (!from.makeStable(slot)) return false;
      } else {
        log.info(
            ">>> Case 3: Moving slot "
                + slot
                + " from "
                + from.node.address()
                + " to "
                + to.node.address()
                + " and closing it on all the other importing nodes.\n");
        if (mover.move(from, to, slot, Way.VERBOSE) != null) return false;
      }
      for (Peer p : importing) if (p != to && !p.makeStable(slot)) return false;
      return true;
    }

    /// One gives and nobody takes: the owner keeps it; another one may close it if it has no keys.
    private boolean close(Peer one) {
      if (!importing.isEmpty() || migrating.size() != 1) return sayUnfixable(one);
      Peer p = migrating.get(0);
      if (p != one) {
        RespValue keys = p.ask("CLUSTER", "GETKEYSINSLOT", Integer.toString(slot), "10");
        if (!p.succeeds(keys) || keys == null) return false;
        if (!keys.elements().isEmpty()) return sayUnfixable(one);
      }
      return closeAt(p);
    }

    private boolean closeAt(Peer p) {
      log.info(">>> Case 4: Closing slot " + slot + " on " + p.node.address() + "\n");
      return p.makeStable(slot);
    }

    private boolean sayUnfixable(Peer one) {
      log.error(
          "[ERR] Sorry, redis-cli can't fix this slot yet (work in progress). Slot is set as"
              + " migrating in "
              + migratingText
              + ", as importing in "
              + importingText
              + ", owner is "
              + one.node.address()
              + "\n");
      return false;
    }
  }

  // ── Owning a slot ──

  /// The primary among `peers` with most keys of the slot; the first, if none has any.
  private @Nullable Peer withMostKeys(List<Peer> peers, int slot) {
    Peer most = null;
    long mostKeys = 0;
    for (Peer p : peers) {
      if (p.node.isReplica() || p.node.primaryId != null) continue;
      long keys = p.countKeys(slot);
      if (keys < 0) return null;
      if (most == null || keys > mostKeys) {
        most = p;
        mostKeys = keys;
      }
    }
    return most;
  }

  /// The node takes the slot in one transaction, with a new epoch, so that the others believe it.
  private boolean takeSlot(Peer p, int slot, boolean stable) {
    if (options.onlyShows()) return true;
    String number = Integer.toString(slot);
    if (!p.succeeds(p.ask("MULTI"))) return false;
    p.succeeds(p.ask("CLUSTER", "DELSLOTS", number));
    p.succeeds(p.ask("CLUSTER", "ADDSLOTS", number));
    if (stable) p.makeStable(slot);
    p.succeeds(p.ask("CLUSTER", "BUMPEPOCH"));
    RespValue done = p.ask("EXEC");
    if (!p.succeeds(done) || !(done instanceof RespValue.Array replies)) return false;
    if (replies.elements().size() > 1 && replies.elements().get(1) instanceof RespValue.Error e) {
      p.sayError(e.text());
      return false;
    }
    return true;
  }

  /// The node forgets whose the slot is; that it didn't know is no error.
  private boolean dropSlot(Peer p, int slot) {
    if (options.onlyShows()) return true;
    RespValue reply = p.ask("CLUSTER", "DELSLOTS", Integer.toString(slot));
    if (!(reply instanceof RespValue.Error e)) return reply != null;
    RespValue slots = p.ask("CLUSTER", "SLOTS");
    if (slots != null && !slots.isError() && mover.ownerOf(slots, slot) == null) return true;
    p.sayError(e.text());
    return false;
  }

  /// Before somebody else takes a slot: a node that has it and hears of that deletes its keys,
  /// unless it imports the slot.
  private boolean guardKeys(Peer p, Peer owner, int slot) {
    return dropSlot(p, slot) && p.setSlotOrSay(slot, "importing", owner.node.id);
  }

  // ── Coverage ──

  private boolean coverage(boolean well) throws IOException {
    log.info(">>> Check slots coverage...\n");
    BitSet covered = new BitSet(ManagedNode.SLOTS);
    for (Peer p : view.peers) covered.or(p.node.slots);
    if (covered.cardinality() == ManagedNode.SLOTS) {
      log.success("[OK] All " + ManagedNode.SLOTS + " slots covered.\n");
      return well;
    }
    view.addError("[ERR] Not all " + ManagedNode.SLOTS + " slots are covered by nodes.\n");
    return fixes && cover(covered) && afterMending(well);
  }

  /// Gives slots that nobody has to whoever has keys of them. True if some are given.
  private boolean cover(BitSet covered) throws IOException {
    refuseWithUnreachable("slots coverage");
    log.info(">>> Fixing slots coverage...\n");
    TreeMap<Integer, List<Peer>> none = new TreeMap<>();
    TreeMap<Integer, List<Peer>> single = new TreeMap<>();
    TreeMap<Integer, List<Peer>> several = new TreeMap<>();
    for (int slot = 0; slot < ManagedNode.SLOTS; slot++) {
      if (covered.get(slot)) continue;
      List<Peer> holders = holders(slot);
      if (holders == null) return false;
      (holders.isEmpty() ? none : holders.size() == 1 ? single : several).put(slot, holders);
    }
    int given = 0;
    if (agreesTo(
        none,
        "The following uncovered slots have no keys across the cluster:",
        "Fix these slots by covering with a random node?")) {
      List<Peer> primaries = view.primaries();
      for (int slot : none.keySet()) {
        Peer p = primaries.get(random.nextInt(primaries.size()));
        if (!give(p, slot, "with", false)) return false;
        given++;
      }
    }
    if (agreesTo(
        single,
        "The following uncovered slots have keys in just one node:",
        "Fix these slots by covering with those nodes?")) {
      for (Map.Entry<Integer, List<Peer>> e : single.entrySet()) {
        if (!give(e.getValue().get(0), e.getKey(), "with", false)) return false;
        given++;
      }
    }
    if (agreesTo(
        several,
        "The following uncovered slots have keys in multiple nodes:",
        "Fix these slots by moving keys into a single node?")) {
      for (Map.Entry<Integer, List<Peer>> e : several.entrySet()) {
        if (!gather(e.getKey(), e.getValue())) return false;
        given++;
      }
    }
    return given > 0;
  }

  /// The primaries that have keys of a slot; null if one can't be asked.
  private @Nullable List<Peer> holders(int slot) {
    List<Peer> holders = new ArrayList<>();
    for (Peer p : view.primaries()) {
      RespValue keys = p.ask("CLUSTER", "GETKEYSINSLOT", Integer.toString(slot), "1");
      if (!p.succeeds(keys) || keys == null) return null;
      if (!keys.elements().isEmpty()) holders.add(p);
    }
    return holders;
  }

  private boolean agreesTo(Map<Integer, List<Peer>> slots, String what, String question)
      throws IOException {
    if (slots.isEmpty()) return false;
    BitSet set = new BitSet(ManagedNode.SLOTS);
    for (int slot : slots.keySet()) set.set(slot);
    log.plain(what + "\n" + ManagedNode.rangesOf(set) + "\n");
    if (options.mending != ClusterOptions.Mending.ASKS) return true;
    return ClusterManager.confirms(screen, question);
  }

  private boolean give(Peer p, int slot, String how, boolean stable) {
    log.info(">>> Covering slot " + slot + " " + how + " " + p.node.address() + "\n");
    if (!takeSlot(p, slot, stable)) return false;
    p.node.slots.set(slot);
    return true;
  }

  private boolean gather(int slot, List<Peer> holders) {
    Peer to = withMostKeys(holders, slot);
    if (to == null || !give(to, slot, "moving keys to", true)) return false;
    for (Peer p : holders) {
      if (p == to) continue;
      if (!p.setSlotOrSay(slot, "NODE", to.node.id)) return false;
      if (!p.setSlotOrSay(slot, "IMPORTING", to.node.id)) return false; // lets MIGRATE through
      if (mover.move(p, to, slot, Way.KEYS_ONLY) != null) return false;
      if (!p.makeStable(slot)) return false;
    }
    return true;
  }

  // ── Several owners ──

  private boolean owners(boolean wellBefore) {
    log.info(">>> Check for multiple slot owners...\n");
    boolean well = wellBefore;
    int bad = 0;
    for (int slot = 0; slot < ManagedNode.SLOTS; slot++) {
      List<Peer> owners = new ArrayList<>();
      for (Peer p : view.primaries()) {
        if (p.node.slots.get(slot) || p.countKeys(slot) > 0) owners.add(p);
      }
      if (owners.size() < 2) continue;
      log.error("[WARNING] Slot " + slot + " has " + owners.size() + " owners:\n");
      for (Peer p : owners) log.error("    " + p.node.address() + "\n");
      bad++;
      boolean isSettled = fixes && settle(slot, owners);
      well = isSettled && afterMending(wellBefore);
      if (isSettled) {
        bad--;
      } else if (fixes) {
        log.error("Failed to fix multiple owners for slot " + slot + "\n");
        break;
      }
    }
    if (bad == 0) log.success("[OK] No multiple owners found.\n");
    return well;
  }

  /// The owner with most keys gets the slot and the others' keys.
  private boolean settle(int slot, List<Peer> owners) {
    log.info(">>> Fixing multiple owners for slot " + slot + "...\n");
    Peer most = withMostKeys(owners, slot);
    Peer owner = most == null ? owners.get(0) : most;
    log.info(">>> Setting slot " + slot + " owner: " + owner.node.address() + "\n");
    for (Peer p : owners) if (p != owner && !guardKeys(p, owner, slot)) return false;
    if (!takeSlot(owner, slot, false)) return false;
    for (Peer p : view.primaries()) {
      if (p == owner) continue;
      long keys = p.countKeys(slot);
      if (keys < 0) return false;
      dropSlot(p, slot);
      if (!p.setSlotOrSay(slot, "node", owner.node.id)) return false;
      if (keys > 0 && mover.move(p, owner, slot, Way.KEYS_ONLY) != null) return false;
      if (owners.contains(p) && !p.makeStable(slot)) return false;
    }
    return true;
  }
}
