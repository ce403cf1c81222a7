package dev.spinel.cluster;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Slots that move whole between primaries of ours.
///
/// ```
///   target                                             source
///   IMPORT → STAGING ── SYNCSLOTS ───────────────────► SENDING      snapshot of the slots, what came since
///                                                      HANDING      its replicas know of it
///                                                      PAUSING      clients of the slots wait
///            all bytes applied? ◄── ask(bytes) ─────── HANDED       on the disk: serves the slots no more
///   TAKING   on the disk, its replicas know and have all
///   owner    new epoch, on the disk ── decided ──────► MOVED; the keys are deleted
/// ```
///
/// **The target's shard decides, alone.** Up to HANDED the source may give up at any time, and the
/// target has nothing. From then on the source doesn't serve the slots: it asks until it is told
/// who has them, the target or the source again. The target says "again yours" only if it can't
/// take them any more, and takes them only if it never says so. So there is nothing to be voted
/// upon, and stock nodes need to know nothing of it: they see that the target claims the slots with
/// a greater epoch than the source's.
///
/// **The source goes on claiming what it has handed over**, as long as it has the epoch that the
/// target knew of when it chose its own, and no longer. If nobody claimed the slots, a former owner
/// that comes back with an old `nodes.conf` would have them.
///
/// **A failover changes nothing of that**, since whoever may be promoted knows: the source doesn't
/// hand over before *each* of its replicas has written down that it will, and the target doesn't
/// take before each of its own has written that down *and* has all data. A replica of the source
/// that is promoted doesn't claim those slots, and asks in its place; one of the target takes them.
/// So a replica that doesn't answer holds a move up until it fails, and nothing is lost.
///
/// **A target that was restarted before it owned the slots** has to have its replicas forget what
/// it told them (RETRACTING), before it may say "again yours".
///
/// **Keys that nobody is served**, staged ones and those that have been handed over, are hidden
/// from whoever counts or lists keys ([#hidden]); after an abort, and at the source, they are
/// purged in small steps. What was begun is in `nodes.conf`, so a restart goes on with that.
///
/// Messages travel as those of a module, which stock nodes skip.
///
/// Belongs to the machine's thread.
final class SlotMoves {
  /// For which the target may take from the first question to its answer, and the source's replicas
  /// to theirs.
  private static final long LIMIT_MILLIS = 5_000;

  private static final long ASK_SELDOM_MILLIS = 1_000;
  private static final long SAY_SELDOM_MILLIS = 10_000;
  private static final int MOST = 16;
  private static final int HISTORY = 64;

  private static final byte[] MODULE = "SPINELMV".getBytes(StandardCharsets.ISO_8859_1);
  private static final int MODULE_HEADER = 13; // id 8, length 4, type 1

  private final ClusterMachine machine;
  private final List<SlotMove> moves = new ArrayList<>();
  private SlotSet purging = new SlotSet();
  private boolean purges; // an order is to be given
  private final SlotSet ordered = new SlotSet(); // of those
  private SlotSet purged = new SlotSet(); // of those, but replicas may still have them
  private long purgedOffset;
  private final ArrayDeque<MoveView> history = new ArrayDeque<>();

  /// Slots that were taken, but that isn't on the disk yet: a node that is killed now has to give
  /// them back, so nobody may have written to them.
  private final SlotSet unsaved = new SlotSet();

  /// Source: slots of which a replica may believe that they were handed over. On the disk before
  /// replicas are told.
  private SlotSet doubted = new SlotSet();

  /// Slots that were taken, by their slot: whose they were. Third parties may not know it yet.
  private final Map<Integer, String> taken = new HashMap<>();

  /// Voter: an epoch that it has promised to forget over no loss of power; 0: none yet.
  private long keptEpoch;

  /// What replicas know.
  private final MoveNotes notes;

  SlotMoves(ClusterMachine machine) {
    this.machine = machine;
    notes = new MoveNotes(machine, this::told);
  }

  // ── what others ask ──

  /// Whether this node doesn't serve the slot, as only the target knows whose it is.
  boolean isHanded(int slot) {
    for (SlotMove move : moves) {
      if (move.state == SlotMove.State.HANDED && move.contains(slot)) {
        return true;
      }
    }
    return false;
  }

  /// Whether something is under way with the slot, so that nobody may give it elsewhere.
  boolean isBusy(int slot) {
    return purging.contains(slot) || moveOf(slot) != null;
  }

  /// What this node tells others of its own slots, or of its primary's.
  SlotSet claimed(SlotSet own) {
    SlotSet claimed = own.copy();
    for (SlotMove move : moves) {
      if (move.state == SlotMove.State.HANDED && move.epoch != machine.myself().configEpoch) {
        claimed.removeAll(move.slots);
      }
    }
    for (MoveText.Item item : notes.kept()) {
      if (item.state() == MoveText.Written.HANDED) {
        claimed.removeAll(item.slots());
      }
    }
    return claimed;
  }

  /// Slots whose keys are here and aren't served here.
  SlotSet hidden() {
    SlotSet hidden = purging.copy();
    for (SlotMove move : moves) {
      if (move.state.isOfTarget()) {
        hidden.addAll(move.slots);
      }
    }
    for (MoveText.Item item : notes.kept()) {
      if (item.state() != MoveText.Written.HANDED) {
        hidden.addAll(item.slots());
      }
    }
    return hidden;
  }

  /// Slots that only the target can say the owner of, or that it doesn't serve yet.
  SlotSet handed() {
    SlotSet handed = unsaved.copy();
    for (SlotMove move : moves) {
      if (move.state == SlotMove.State.HANDED) {
        handed.addAll(move.slots);
      }
    }
    return handed;
  }

  /// Of those, slots that are this node's, and it serves them once that is on its disk.
  SlotSet unsaved() {
    return unsaved.copy();
  }

  /// Whether this slot is one of [#handed].
  boolean isHandedOrUnsaved(int slot) {
    return isHanded(slot) || unsaved.contains(slot);
  }

  /// Under way first, then the last ones that have ended.
  List<MoveView> views() {
    List<MoveView> views = new ArrayList<>();
    for (SlotMove move : moves) {
      views.add(view(move, move.state.name().toLowerCase(Locale.ROOT), move.trouble, false));
    }
    views.addAll(history);
    return views;
  }

  boolean awaitsOffset() {
    return notes.awaitsOffset();
  }

  /// Whether slots are coming in here, or at the primary that this replica has been told by: then
  /// to lose the last of its own doesn't make it another one's replica.
  boolean awaitsSlots() {
    return moves.stream().anyMatch(move -> move.state.isOfTarget())
        || notes.kept().stream()
            .anyMatch(
                item ->
                    item.state() == MoveText.Written.STAGING
                        || item.state() == MoveText.Written.TAKING);
  }

  // ── begin ──

  /// IMPORT: returns the id, or throws the reason in words. What each owner has is a move of its
  /// own; the id is that of all of them, and the first one's.
  String begin(SlotSet slots) throws NotMovable {
    ClusterNode myself = machine.myself();
    if (myself.isReplica()) {
      throw new NotMovable("slots are imported by primaries");
    }
    check(myself);
    Map<ClusterNode, SlotSet> sources = new LinkedHashMap<>();
    for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
      ClusterNode owner = machine.slots().owner(slot);
      if (owner == null) {
        throw new NotMovable("slot " + slot + " has no owner");
      }
      if (owner == myself) {
        throw new NotMovable("this node owns slot " + slot + " already");
      }
      checkFree(slot);
      if (machine.world().keysIn(slot) > 0) {
        throw new NotMovable("there are keys of slot " + slot + " here already");
      }
      sources.computeIfAbsent(owner, any -> new SlotSet()).add(slot);
    }
    if (moves.size() + sources.size() > MOST) {
      throw new NotMovable("too many moves are under way");
    }
    for (ClusterNode source : sources.keySet()) {
      check(source);
      if (source.hasFailed() || source.ip.isEmpty()) {
        throw new NotMovable("node " + source.id + " can't be reached");
      }
    }
    String job = machine.world().newId();
    String id = job;
    for (var each : sources.entrySet()) {
      ClusterNode source = each.getKey();
      SlotMove move =
          new SlotMove(id, source.id, each.getValue(), SlotMove.State.STAGING, machine.now());
      id = machine.world().newId();
      move.job = job;
      move.flushes = machine.world().flushes();
      moves.add(move);
      machine.notice("Importing slots " + move.slots + " from node " + source.named());
      machine.whenSaved(() -> tellReplicas(move));
    }
    listChanged();
    return job;
  }

  /// Why slots can't be moved.
  static final class NotMovable extends Exception {
    private static final long serialVersionUID = 1;

    private final String why;

    NotMovable(String why) {
      super(why, null, false, false);
      this.why = why;
    }

    String why() {
      return why;
    }
  }

  private void checkFree(int slot) throws NotMovable {
    if (isBusy(slot)) {
      throw new NotMovable("slot " + slot + " is moving or being purged");
    }
    if (machine.slots().migrating().containsKey(slot)
        || machine.slots().importing().containsKey(slot)) {
      throw new NotMovable("slot " + slot + " is being moved key by key");
    }
  }

  /// The node and its replicas have to be of our kind.
  private void check(ClusterNode primary) throws NotMovable {
    if (!primary.isMyself() && !primary.isOurs) {
      throw new NotMovable("node " + primary.id + " can't move whole slots: use MIGRATE");
    }
    for (ClusterNode replica : primary.replicas) {
      if (!replica.isMyself() && !replica.isOurs) {
        throw new NotMovable("replica " + replica.id + " can't move whole slots: use MIGRATE");
      }
      if (replica.hasFailed()) { // it has to write down what happens
        throw new NotMovable("replica " + replica.id + " has failed");
      }
    }
  }

  /// SYNCSLOTS: a target asks this node, its source, for slots.
  void send(String id, String target, SlotSet slots) throws NotMovable {
    ClusterNode myself = machine.myself();
    ClusterNode node = machine.nodes().get(target);
    if (!NodesFile.isId(id)) {
      throw new NotMovable("'" + id + "' is no move's id");
    }
    if (myself.isReplica()) {
      throw new NotMovable("this node is a replica");
    }
    if (node == null || node == myself || !node.isPrimary()) {
      throw new NotMovable("node " + target + " is no primary that is known here");
    }
    check(myself);
    check(node);
    for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
      if (machine.slots().owner(slot) != myself) {
        throw new NotMovable("slot " + slot + " isn't this node's");
      }
      checkFree(slot);
    }
    if (moves.size() >= MOST || move(id) != null) {
      throw new NotMovable("too many moves are under way");
    }
    moves.add(new SlotMove(id, target, slots, SlotMove.State.SENDING, machine.now()));
    machine.act(new ClusterAction.Export(id, slots.copy()));
    machine.notice("Sending slots " + slots + " to node " + node.named());
    machine.changed();
  }

  /// CANCEL: what can be given up is. Returns how many.
  int cancel(@Nullable String id) {
    int cancelled = 0;
    for (SlotMove move : List.copyOf(moves)) {
      boolean mayEnd =
          move.state == SlotMove.State.STAGING && move.total < 0
              || move.state == SlotMove.State.SENDING
              || move.state == SlotMove.State.HANDING;
      if (mayEnd && (id == null || id.equals(move.id) || id.equals(move.job))) {
        fail(move, "cancelled");
        cancelled++;
      }
    }
    return cancelled;
  }

  // ── the shell's news ──

  void ready(String id) {
    SlotMove move = move(id);
    if (move != null && move.state == SlotMove.State.SENDING) {
      move.become(SlotMove.State.HANDING, machine.now());
      move.epoch = machine.myself().configEpoch;
      doubted.addAll(move.slots);
      machine.saveDurably();
      machine.whenSaved(() -> tellReplicas(move));
      tellTarget(move, "prepare " + move.id);
    }
  }

  void paused(String id, long total) {
    SlotMove move = move(id);
    if (move == null || move.state != SlotMove.State.PAUSING) {
      return;
    }
    move.become(SlotMove.State.HANDED, machine.now());
    move.total = total;
    move.mayAsk = true; // on the disk it has been so since the target was asked to get ready
    ask(move);
  }

  private void tellTarget(SlotMove move, String words) {
    ClusterNode target = machine.nodes().get(move.peer);
    if (target != null) {
      say(target, words);
    }
  }

  private void askWhenSaved(SlotMove move) {
    machine.whenSaved(
        () -> {
          if (moves.contains(move)) {
            move.mayAsk = true;
            ask(move);
          }
        });
  }

  void staged(String id, long offset) {
    SlotMove move = move(id);
    if (move == null || move.state != SlotMove.State.STAGING || move.total < 0) {
      return;
    }
    move.offset = offset;
    move.isWhole = true;
    if (!hasReplicas()) {
      return; // as soon as it may
    }
    assert move.isPrepared; // a restarted node must know whom it has told
    move.become(SlotMove.State.TAKING, machine.now());
    tellReplicas(move);
  }

  private void tellReplicas(SlotMove move) {
    move.isTold = true;
    notes.changed();
  }

  void failed(String id, String reason) {
    SlotMove move = move(id);
    if (move == null) {
      machine.act(new ClusterAction.EndMove(id, reason)); // a stream that nobody needs
      return;
    }
    switch (move.state) {
      case STAGING, SENDING, HANDING, PAUSING -> fail(move, reason);
      case TAKING, CLAIMING, RETRACTING, HANDED -> {} // what is to come needs no stream
    }
  }

  /// Replicas have to have done the same before they are told that nothing is left to be done.
  void purged(SlotSet slots) {
    if (machine.myself().isReplica()) {
      return; // of another life
    }
    purged.addAll(slots);
    purgedOffset = machine.world().offset();
    lookAtPurged();
  }

  /// Once replicas know what has become of the slots that they were told of.
  private void lookAtDoubted() {
    if (doubted.isEmpty() || !notes.areKnown()) {
      return;
    }
    SlotSet still = new SlotSet();
    for (SlotMove move : moves) {
      if (move.state.isHandingOver()) {
        still.addAll(move.slots);
      }
    }
    if (!still.equals(doubted)) {
      doubted = still;
      machine.saveDurably();
    }
  }

  private void lookAtPurged() {
    for (ClusterNode replica : machine.myself().replicas) {
      if (!replica.hasFailed() && replica.offset < purgedOffset) {
        return;
      }
    }
    if (!purged.isEmpty()) {
      purging.removeAll(purged);
      ordered.removeAll(purged);
      purged = new SlotSet();
      listChanged();
    }
  }

  // ── ends ──

  /// Gives a move up that nobody depends on yet.
  private void fail(SlotMove move, String reason) {
    machine.warning("Moving slots " + move.slots + " has failed: " + reason);
    boolean wasTold = move.state == SlotMove.State.TAKING;
    assert move.state != SlotMove.State.CLAIMING; // somebody may have written to the slots
    if (move.state.isOfTarget()) {
      machine.act(new ClusterAction.EndImport(move.id));
      if (!wasTold) {
        purge(move.slots); // else a replica that is promoted may still take them
      }
    } else {
      machine.act(new ClusterAction.EndMove(move.id, reason));
    }
    remember(move, reason.equals("cancelled") ? "cancelled" : "failed", reason);
    if (wasTold) {
      move.become(SlotMove.State.RETRACTING, machine.now());
      move.trouble = reason;
    } else {
      moves.remove(move);
    }
    returnToAskers(move);
    listChanged();
  }

  /// The keys of these slots go, once it is on the disk that they may: a restarted node mustn't
  /// take slots half of whose keys are gone.
  private void purge(SlotSet slots) {
    for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
      if (machine.slots().owner(slot) != machine.myself()) {
        purging.add(slot);
      }
    }
    machine.whenSaved(() -> purges = true);
    machine.changed();
  }

  private void remember(SlotMove move, String state, String error) {
    history.addFirst(view(move, state, error, true));
    if (history.size() > HISTORY) {
      history.removeLast();
    }
    machine.changed();
  }

  private MoveView view(SlotMove move, String state, String error, boolean ended) {
    boolean comes = move.state.isOfTarget();
    String own = machine.myself().id;
    long now = machine.now();
    return new MoveView(
        move.id,
        move.job,
        move.slots.toString(),
        comes ? move.peer : own,
        comes ? own : move.peer,
        comes,
        state,
        error,
        machine.onTheWall(move.began),
        ended ? machine.onTheWall(now) : 0,
        move.pausedAt == 0 ? 0 : now - move.pausedAt);
  }

  // ── an epoch to take slots with ──

  /// A greater epoch makes this node's claim to *all* its slots stronger. If it were cut off just
  /// then, and a replica elected with a smaller one, it would take the slots back from that one
  /// when it returns. So it asks first: whoever has a greater epoch on its disk than the one that
  /// this node is going to use elects nobody with that any more, and elects nobody at all before
  /// the lease ends. Stock voters are believed by their PONGs: they bring no epoch to the disk.
  ///
  /// From here on the file says that replicas may have been told to take the slots, so that it
  /// needn't be written between the end of the stream and that.
  private void prepare(SlotMove move) {
    if (move.epoch == 0) {
      move.epoch = machine.nextEpoch();
      machine.nextEpoch();
      machine.whenSaved(() -> move.isPrepared = true);
      askForPromises(move);
    }
  }

  private void askForPromises(SlotMove move) {
    for (ClusterNode node : machine.nodes().snapshot()) {
      if (node.isVoter() && !node.isMyself() && !move.promised.contains(node.id)) {
        if (node.isOurs) {
          say(node, "promise " + move.id);
        } else {
          machine.heartbeats().ping(node);
        }
      }
    }
  }

  /// A voter has answered a PING.
  void ponged(ClusterNode node, long currentEpoch) {
    for (SlotMove move : moves) {
      if (move.epoch != 0 && !node.isOurs && Long.compareUnsigned(currentEpoch, move.epoch) > 0) {
        move.promised.add(node.id);
      }
    }
  }

  /// A target asks this voter for a promise. Its question has come with a greater epoch than the
  /// one that it is going to use: this node mustn't forget that any more.
  private void askedForPromise(ClusterNode sender, String id) {
    long epoch = machine.currentEpoch();
    if (Long.compareUnsigned(epoch, keptEpoch) <= 0) {
      say(sender, "promised " + id);
      return;
    }
    machine.whenSaved(
        () -> {
          keptEpoch = NodesFile.laterEpoch(keptEpoch, epoch);
          say(sender, "promised " + id);
        });
  }

  private void promised(ClusterNode sender, String id) {
    SlotMove move = move(id);
    if (move != null) {
      move.promised.add(sender.id);
    }
  }

  private boolean mayTake(SlotMove move) {
    if (!move.isHandedOver) {
      return false; // the source might know nothing of it after a restart
    }
    if (!machine.lease().stands() || machine.manual().isRunning()) {
      return false; // a replica may be about to take this node's place
    }
    return hasPromises(move);
  }

  private boolean hasPromises(SlotMove move) {
    int promises = 1;
    for (ClusterNode node : machine.nodes().all()) {
      if (node.isVoter() && !node.isMyself() && move.promised.contains(node.id)) {
        promises++;
      }
    }
    return promises >= machine.health().quorum() || machine.health().quorum() <= 1;
  }

  /// The target takes the slots. From here on it is their owner, for good.
  private void take(SlotMove move) {
    moves.remove(move);
    ClusterNode myself = machine.myself();
    for (int slot = move.slots.next(0); slot >= 0; slot = move.slots.next(slot + 1)) {
      machine.slots().take(slot);
      machine.slots().give(myself, slot);
      taken.put(slot, move.peer);
    }
    machine.notice("Slots " + move.slots + " have moved here from node " + move.peer);
    if (move.epoch != 0 && Long.compareUnsigned(myself.configEpoch, move.epoch) < 0) {
      myself.configEpoch = move.epoch;
    }
    unsaved.addAll(move.slots);
    machine.whenSaved(
        () -> {
          unsaved.removeAll(move.slots);
          machine.changed();
        });
    machine.holdUntilSaved();
    machine.health().lookAgain();
    machine.act(new ClusterAction.EndImport(move.id));
    move.askers.add(move.peer);
    for (String asker : move.askers) {
      decide(asker, move.id, myself, move.slots);
    }
    machine.heartbeats().broadcastPong(false);
    remember(move, "completed", "");
    listChanged();
  }

  /// The source has been told, or sees, that all slots are somebody else's.
  private void handedOver(SlotMove move) {
    moves.remove(move);
    machine.act(new ClusterAction.EndMove(move.id, "the slots have moved"));
    machine.notice("Slots " + move.slots + " have moved to node " + move.peer);
    purge(move.slots);
    remember(move, "completed", "");
    listChanged();
    machine.health().lookAgain();
  }

  /// The target won't take them: they are this node's.
  private void returned(SlotMove move) {
    ClusterNode myself = machine.myself();
    for (int slot = move.slots.next(0); slot >= 0; slot = move.slots.next(slot + 1)) {
      if (machine.slots().owner(slot) != myself) {
        machine.slots().take(slot);
        machine.slots().give(myself, slot);
      }
    }
    moves.remove(move);
    machine.act(new ClusterAction.EndMove(move.id, "the target hasn't taken the slots"));
    machine.notice("Slots " + move.slots + " stay here");
    remember(move, "failed", "the target hasn't taken the slots");
    listChanged();
    machine.health().lookAgain();
    machine.saveDurably();
    machine.heartbeats().broadcastPong(false);
  }

  // ── steps ──

  void tick() {
    long now = machine.now();
    notes.tick();
    lookAtPurged();
    lookAtDoubted();
    for (SlotMove move : List.copyOf(moves)) {
      long in = now - move.since;
      switch (move.state) {
        case STAGING -> {
          if (move.total >= 0 && in > LIMIT_MILLIS) {
            fail(move, "the end of the stream hasn't come in time");
          } else if (!move.isImporting && in > LIMIT_MILLIS) {
            fail(move, "replica " + notes.unknowing() + " doesn't answer");
          } else if (move.isImporting && move.total < 0) {
            askWhetherItStands(move);
          }
          if (move.epoch != 0) {
            askForPromises(move);
          }
        }
        case TAKING -> {
          if (in > LIMIT_MILLIS) {
            fail(
                move,
                !notes.areKnown()
                    ? "replica " + notes.unknowing() + " doesn't answer"
                    : move.isHandedOver
                        ? "too few primaries answer"
                        : "the source hasn't handed the slots over");
          } else {
            askForPromises(move);
          }
        }
        case HANDING -> {
          if (in > LIMIT_MILLIS) {
            fail(
                move,
                !notes.areKnown()
                    ? "replica " + notes.unknowing() + " doesn't answer"
                    : move.targetIsReady ? "this node has no lease" : "the target isn't ready");
          } else if (!move.targetIsReady) {
            tellTarget(move, "prepare " + move.id);
          }
        }
        case PAUSING -> {
          if (in > LIMIT_MILLIS) {
            fail(move, "the clients could not be held up");
          }
        }
        case HANDED -> {
          if (move.mayAsk && isTimeToAsk(in)) {
            ask(move);
          }
          sayThatItWaits(move, in);
        }
        case CLAIMING -> {
          if (isTimeToAsk(in)) {
            claim(move);
          }
          sayThatItWaits(move, in);
        }
        case SENDING -> askWhetherItStands(move);
        case RETRACTING -> {
          if (isTimeToAsk(in)) {
            sayToShard(move, "still " + move.id);
          }
          if (!notes.areKnown()) {
            move.trouble = "replica " + notes.unknowing() + " doesn't answer: its copies stay";
          }
        }
      }
    }
  }

  private static boolean isTimeToAsk(long in) {
    return in < ASK_SELDOM_MILLIS || in % ASK_SELDOM_MILLIS < 100;
  }

  /// Only the other end can say whose the slots are, and it is silent.
  private void sayThatItWaits(SlotMove move, long in) {
    if (in < LIMIT_MILLIS || machine.now() - move.saidAt < SAY_SELDOM_MILLIS) {
      return;
    }
    move.saidAt = machine.now();
    move.trouble =
        "node "
            + move.peer
            + " doesn't say whose the slots are: it or its replica has to come back, or else be"
            + " forgotten here (CLUSTER FORGET)";
    machine.warning("Slots " + move.slots + " can't be served: " + move.trouble);
    machine.changed();
  }

  /// A stream may have ended without this end hearing of it.
  private void askWhetherItStands(SlotMove move) {
    ClusterNode peer = machine.nodes().get(move.peer);
    if (peer == null || peer.hasFailed()) {
      fail(move, "node " + move.peer + " has failed");
    } else if ((machine.now() - move.since) % ASK_SELDOM_MILLIS < 100) {
      say(peer, "still " + move.id);
    }
  }

  /// That it has no part in a move any more is said only once that is on the disk, here and at its
  /// replicas.
  private void askedWhetherItStands(ClusterNode sender, String id) {
    if (move(id) == null && isKnownForGood()) {
      machine.whenSaved(
          () -> {
            if (move(id) == null && isKnownForGood()) {
              say(sender, "gone " + id);
            }
          });
    }
  }

  private boolean isKnownForGood() {
    notes.begin();
    return machine.myself().isPrimary() && notes.areKnown();
  }

  private void gone(ClusterNode sender, String id) {
    SlotMove move = move(id);
    if (move != null && move.state == SlotMove.State.RETRACTING) {
      if (isOfPeer(sender, move)) {
        retracted(move); // nobody will be given the slots, whatever a replica still knows
      }
      return;
    }
    if (move != null
        && move.peer.equals(sender.id)
        && machine.now() - move.began > LIMIT_MILLIS
        && (move.state == SlotMove.State.SENDING
            || move.state == SlotMove.State.STAGING && move.total < 0)) {
      fail(move, "node " + sender.id + " has given up");
    }
  }

  void endOfStep() {
    ClusterNode myself = machine.myself();
    if (!moves.isEmpty()) {
      for (SlotMove move : List.copyOf(moves)) {
        look(move, myself);
      }
    }
    if (purges) {
      purges = false;
      SlotSet added = purging.copy();
      added.removeAll(ordered);
      if (!added.isEmpty()) {
        ordered.addAll(added);
        machine.act(new ClusterAction.Purge(added));
      }
    }
    notes.endOfStep();
  }

  private void look(SlotMove move, ClusterNode myself) {
    switch (move.state) {
      case STAGING -> {
        ClusterNode source = machine.nodes().get(move.peer);
        if (source == null || !owns(source, move.slots)) {
          fail(move, "the source doesn't own the slots any more");
        } else if (move.flushes != machine.world().flushes()) {
          fail(move, "all data of this node was deleted");
        } else if (!move.isImporting) {
          if (isKnown(move)) { // else a replica that is promoted would keep what has come
            move.isImporting = true;
            machine.act(
                new ClusterAction.Import(move.id, source.ip, source.port, move.slots.copy()));
          }
        } else if (move.isWhole && !hasReplicas() && mayTake(move)) {
          take(move);
        } else if (!move.hasSaidReady && move.isPrepared && hasPromises(move)) {
          move.hasSaidReady = true;
          say(source, "ready " + move.id);
        }
      }
      case TAKING -> {
        if (move.flushes != machine.world().flushes()) {
          fail(move, "all data of this node was deleted");
        } else if (isKnown(move) && mayTake(move)) {
          take(move);
        }
      }
      case CLAIMING -> {
        if (owns(myself, move.slots)) {
          moves.remove(move); // others have known it all along
          listChanged();
        }
      }
      case RETRACTING -> {
        if (notes.areKnown()) {
          retracted(move);
        }
      }
      case SENDING, PAUSING -> {
        if (!owns(myself, move.slots)) {
          fail(move, "this node doesn't own the slots any more");
        }
      }
      case HANDING -> {
        ClusterNode target = machine.nodes().get(move.peer);
        if (!owns(myself, move.slots)) {
          fail(move, "this node doesn't own the slots any more");
        } else if (target == null || hasFailed(target)) {
          fail(move, "the target, or a replica of it, has failed");
        } else if (move.targetIsReady
            && isKnown(move)
            && machine.lease().stands()
            && !machine.manual().isRunning()) {
          move.become(SlotMove.State.PAUSING, machine.now());
          move.pausedAt = machine.now();
          machine.act(new ClusterAction.PauseMove(move.id, move.slots.copy()));
        }
      }
      case HANDED -> {
        if (!ownsAny(myself, move.slots) && !isUnowned(move.slots)) {
          endAsOwned(move);
        }
      }
    }
  }

  /// Whether each replica knows of the state that it is in.
  private boolean isKnown(SlotMove move) {
    return move.isTold && notes.areKnown();
  }

  /// Whether it couldn't take anything just now.
  private static boolean hasFailed(ClusterNode target) {
    return target.hasFailed() || target.workingReplicas() < target.replicas.size();
  }

  /// The staged keys can go.
  private void retracted(SlotMove move) {
    moves.remove(move);
    purge(move.slots);
    listChanged();
  }

  /// Some node claims the slots, with a greater epoch or since nobody else does.
  private void endAsOwned(SlotMove move) {
    ClusterNode owner = machine.slots().owner(move.slots.next(0));
    // A former primary that this node has replaced still stands for the slots that it handed over.
    if (owner != null && isSource(move, owner)) {
      return;
    }
    handedOver(move);
  }

  /// Whether the node had the slots before, rather than being given them.
  private boolean isSource(SlotMove move, ClusterNode owner) {
    return !owner.id.equals(move.peer) && owner.shard.equals(machine.myself().shard);
  }

  private boolean owns(ClusterNode node, SlotSet slots) {
    for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
      if (machine.slots().owner(slot) != node) {
        return false;
      }
    }
    return true;
  }

  private boolean ownsAny(ClusterNode node, SlotSet slots) {
    for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
      if (machine.slots().owner(slot) == node) {
        return true;
      }
    }
    return false;
  }

  private boolean isUnowned(SlotSet slots) {
    for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
      if (machine.slots().owner(slot) == null) {
        return true;
      }
    }
    return false;
  }

  // ── roles ──

  /// This node follows a primary from now on. Its data will be that one's.
  void demoted() {
    for (SlotMove move : List.copyOf(moves)) {
      if (move.state.isOfTarget()) {
        machine.act(new ClusterAction.EndImport(move.id));
      } else {
        machine.act(new ClusterAction.EndMove(move.id, "this node follows another one"));
      }
      remember(move, "failed", "this node follows another one");
    }
    moves.clear();
    purging = new SlotSet();
    purged = new SlotSet();
    ordered.clear();
    unsaved.clear();
    doubted.clear();
    taken.clear();
    notes.follows();
  }

  /// Nothing is known any more.
  void reset() {
    demoted();
    notes.clear();
    keptEpoch = 0;
  }

  /// This node takes its primary's place: it goes on with what that one had begun. The slots that
  /// it was handing over stay with the former primary, for this node, until the target decides.
  /// Those that it may have taken are claimed: only the source knows whether they were given back.
  void promoted() {
    ClusterNode myself = machine.myself();
    List<MoveText.Item> inherited = notes.promoted();
    for (MoveText.Item item : inherited) {
      switch (item.state()) {
        case HANDED -> {
          SlotMove move =
              new SlotMove(
                  item.id(), item.node(), item.slots(), SlotMove.State.HANDED, machine.now());
          moves.add(move);
          askWhenSaved(move);
        }
        case TAKING, CLAIMING -> {
          if (!owns(myself, item.slots())) {
            claimLater(item);
          }
        }
        case DOUBTED -> {} // a primary's own
        default -> purge(item.slots());
      }
    }
    if (!inherited.isEmpty()) {
      listChanged();
    }
  }

  private void claimLater(MoveText.Item item) {
    SlotMove move =
        new SlotMove(item.id(), item.node(), item.slots(), SlotMove.State.CLAIMING, machine.now());
    move.offset = machine.world().offset();
    moves.add(move);
    machine.whenSaved(
        () -> {
          if (moves.contains(move)) {
            claim(move);
          }
        });
  }

  /// Whether a promoted replica doesn't claim this slot of its primary's.
  boolean isHandedByPrimary(int slot) {
    for (MoveText.Item item : notes.kept()) {
      if (item.state() == MoveText.Written.HANDED && item.slots().contains(slot)) {
        return true;
      }
    }
    return false;
  }

  /// Another node of this shard has taken over. What it may take for handed over it asks for from
  /// now on, and this node has no claim to it any more, be it that it has given the move up.
  void replacedBy(ClusterNode sender) {
    ClusterNode myself = machine.myself();
    if (!sender.shard.equals(myself.shard)) {
      return;
    }
    for (SlotMove move : List.copyOf(moves)) {
      if (move.state.isHandingOver()) {
        moves.remove(move);
        machine.act(new ClusterAction.EndMove(move.id, "another node has taken over"));
        remember(move, "failed", "another node has taken over");
        doubted.addAll(move.slots);
      }
    }
    for (int slot = doubted.next(0); slot >= 0; slot = doubted.next(slot + 1)) {
      if (machine.slots().owner(slot) == myself) {
        machine.slots().take(slot);
      }
    }
    doubted.clear();
  }

  /// A replica of this node has become a primary and claims nothing, as it takes all for handed
  /// over: its claims can't tell this node that it was replaced.
  void replacedWhileAllIsHanded(ClusterNode sender) {
    ClusterNode myself = machine.myself();
    if (doubted.isEmpty() || Long.compareUnsigned(sender.configEpoch, myself.configEpoch) <= 0) {
      return;
    }
    replacedBy(sender);
    if (myself.slots.isEmpty()) {
      machine.followNewOwner(sender);
    }
    machine.saveDurably();
    machine.health().lookAgain();
  }

  /// Whether a node of its shard has replaced this primary, but claims nothing, as it takes all for
  /// handed over: then nobody else tells the primary.
  boolean isReplacedByNameOnly(ClusterNode primary) {
    for (ClusterNode node : machine.nodes().ofShard(primary.shard)) {
      if (node != primary
          && node.isOurs
          && node.isPrimary()
          && node.slots.isEmpty()
          && Long.compareUnsigned(node.configEpoch, primary.configEpoch) > 0) {
        return true;
      }
    }
    return false;
  }

  /// Third parties may still take a former owner for the owner of slots that this node has taken,
  /// and the former owner may have got a greater epoch for other reasons. Returns whether it is to
  /// be told instead of believed.
  boolean isTakenFrom(ClusterNode claimant, int slot) {
    return claimant.id.equals(taken.get(slot)) && machine.slots().owner(slot) == machine.myself();
  }

  // ── replicas are told ──

  private void listChanged() {
    notes.changed();
    machine.saveDurably();
  }

  private boolean hasReplicas() {
    return !machine.myself().replicas.isEmpty();
  }

  /// A new replica of this primary has to know, too.
  void hasReplica(ClusterNode replica) {
    notes.hasReplica(replica);
  }

  private List<MoveText.Item> told() {
    List<MoveText.Item> items = new ArrayList<>();
    for (SlotMove move : moves) {
      MoveText.Written state = told(move);
      if (state != null) {
        items.add(item(move, state));
      }
    }
    SlotSet unwanted = purging.copy();
    for (SlotMove move : moves) {
      if (move.state == SlotMove.State.RETRACTING) {
        unwanted.addAll(move.slots);
      }
    }
    addSlots(items, MoveText.Written.PURGING, unwanted);
    return items;
  }

  private static MoveText.Item item(SlotMove move, MoveText.Written state) {
    long number = state == MoveText.Written.HANDED ? move.epoch : move.offset;
    return new MoveText.Item(move.id, state, move.peer, number, move.slots);
  }

  /// What replicas are told of a move; null: nothing.
  private static MoveText.@Nullable Written told(SlotMove move) {
    return switch (move.state) {
      case SENDING, RETRACTING -> null;
      case HANDING -> move.isTold ? MoveText.Written.HANDED : null;
      case TAKING -> move.isTold ? MoveText.Written.TAKING : MoveText.Written.STAGING;
      default -> state(move);
    };
  }

  /// How it is written.
  private static MoveText.Written state(SlotMove move) {
    return switch (move.state) {
      case STAGING -> MoveText.Written.STAGING;
      case TAKING, CLAIMING -> MoveText.Written.TAKING;
      case RETRACTING -> MoveText.Written.RETRACTING;
      case SENDING, HANDING, PAUSING, HANDED -> MoveText.Written.HANDED;
    };
  }

  /// What this node has to know after a restart.
  private static MoveText.Written stateOfFile(SlotMove move) {
    return switch (move.state) {
      case STAGING -> move.epoch == 0 ? MoveText.Written.STAGING : MoveText.Written.TAKING;
      case CLAIMING -> MoveText.Written.CLAIMING;
      default -> state(move);
    };
  }

  private static void addSlots(List<MoveText.Item> items, MoveText.Written state, SlotSet slots) {
    if (!slots.isEmpty()) {
      items.add(new MoveText.Item(MoveText.NONE, state, MoveText.NONE, 0, slots));
    }
  }

  // ── source and target ──

  /// Asks whoever may decide: the target, or whoever has taken its place.
  private void ask(SlotMove move) {
    ClusterNode target = machine.nodes().get(move.peer);
    if (target == null) {
      // It has been forgotten: the operator says that it is gone for good.
      machine.bumpEpoch();
      returned(move);
      return;
    }
    sayToShard(move, "ask " + move.id + " " + move.total + " " + MoveText.ranges(move.slots));
  }

  /// To the other end, and to whoever may have taken its place.
  private void sayToShard(SlotMove move, String words) {
    ClusterNode peer = machine.nodes().get(move.peer);
    if (peer == null) {
      return;
    }
    say(peer, words);
    for (ClusterNode node : machine.nodes().ofShard(peer.shard)) {
      if (node != peer && !node.isMyself() && node.isOurs) {
        say(node, words);
      }
    }
  }

  /// Whether the node is the other end, or is of its shard.
  private boolean isOfPeer(ClusterNode node, SlotMove move) {
    ClusterNode peer = machine.nodes().get(move.peer);
    return node == peer || peer != null && node.shard.equals(peer.shard);
  }

  /// The source is about to hand over: what can be done before it does, is.
  private void prepared(ClusterNode sender, String id) {
    SlotMove move = move(id);
    if (move != null && move.state == SlotMove.State.STAGING && move.peer.equals(sender.id)) {
      move.hasSaidReady = false; // or it was lost
      prepare(move);
    }
  }

  /// The target lacks nothing but the end of the stream.
  private void isReady(ClusterNode sender, String id) {
    SlotMove move = move(id);
    if (move != null && move.peer.equals(sender.id)) {
      move.targetIsReady = true;
    }
  }

  private void awaitTail(SlotMove move, long total) {
    move.total = total;
    move.since = machine.now();
    move.pausedAt = machine.now();
    machine.act(new ClusterAction.AwaitTail(move.id, total));
  }

  private void asked(ClusterNode sender, String id, long total, SlotSet slots) {
    ClusterNode myself = machine.myself();
    if (myself.isReplica() && myself.primary != sender) {
      return; // its primary answers; a target that has become the source's own replica does
    }
    SlotMove move = move(id);
    if (move != null && move.state.isOfTarget()) {
      move.askers.add(sender.id);
      move.isHandedOver = true;
      if (move.state == SlotMove.State.RETRACTING) {
        returnToAskers(move);
      } else if (move.state == SlotMove.State.STAGING && move.total < 0) {
        if (total < 0) {
          fail(move, "the source was restarted");
        } else {
          awaitTail(move, total);
        }
      }
      return;
    }
    ClusterNode owner = machine.slots().owner(slots.next(0));
    if (owner == null || owner == sender || owner.shard.equals(sender.shard) && owner != myself) {
      decide(sender.id, id, null, slots);
    } else {
      decide(sender.id, id, owner, slots);
    }
  }

  private void returnToAskers(SlotMove move) {
    for (String asker : move.askers) {
      machine.whenSaved(() -> decide(asker, move.id, null, move.slots));
    }
  }

  /// @param owner null: whoever asks
  private void decide(String asker, String id, @Nullable ClusterNode owner, SlotSet slots) {
    ClusterNode to = machine.nodes().get(asker);
    if (to != null) {
      say(
          to,
          "decided " + id + " " + (owner == null ? "-" : owner.id) + " " + MoveText.ranges(slots));
    }
  }

  private void decided(ClusterNode sender, String id, String owner) {
    SlotMove move = move(id);
    if (move == null || move.state != SlotMove.State.HANDED) {
      return;
    }
    if (owner.equals("-")) {
      if (speaksForTarget(sender, move)) {
        returned(move);
      }
      return;
    }
    ClusterNode node = machine.nodes().get(owner);
    if (node == null || node.isMyself()) {
      return;
    }
    for (int slot = move.slots.next(0); slot >= 0; slot = move.slots.next(slot + 1)) {
      if (machine.slots().owner(slot) != node) {
        machine.slots().take(slot);
        machine.slots().give(node, slot);
      }
    }
    handedOver(move);
    ClusterNode myself = machine.myself();
    if (myself.slots.isEmpty()
        && machine.policy().allowMigration()
        && node.isPrimary()
        && !awaitsSlots()) {
      machine.followNewOwner(node);
    }
  }

  /// Whether the node is the target, or has taken its place, so that it may give the slots back.
  private boolean speaksForTarget(ClusterNode sender, SlotMove move) {
    ClusterNode target = machine.nodes().get(move.peer);
    return target == null
        || sender == target
        || sender.isPrimary()
            && sender.shard.equals(target.shard)
            && (target.isReplica()
                || Long.compareUnsigned(sender.configEpoch, target.configEpoch) > 0);
  }

  // ── a promoted replica of the target claims the slots ──

  private void claim(SlotMove move) {
    if (machine.nodes().get(move.peer) == null) {
      take(move); // the operator says that the source is gone for good
      return;
    }
    sayToShard(move, "claim " + move.id + " " + MoveText.ranges(move.slots));
  }

  /// A node claims slots that it may have been given, or not: whoever had them knows. If they are
  /// still handed over, they are that node's from now on, whatever its former primary says.
  private void claimed(ClusterNode sender, String id, SlotSet slots) {
    ClusterNode myself = machine.myself();
    SlotMove move = move(id);
    if (myself.isReplica() || !sender.isPrimary()) {
      return;
    }
    if (move != null) {
      if (move.state != SlotMove.State.HANDED || !speaksForTarget(sender, move)) {
        return;
      }
      if (!move.peer.equals(sender.id)) {
        move.peer = sender.id;
        listChanged();
      }
      if (notes.areKnown() && machine.lease().stands()) {
        machine.whenSaved(
            () -> {
              if (moves.contains(move) && move.peer.equals(sender.id)) {
                say(sender, "granted " + id);
              }
            });
      }
      return;
    }
    ClusterNode owner = machine.slots().owner(slots.next(0));
    if (owner == null || !isKnownForGood()) {
      return;
    }
    boolean isIts = owner != myself && owner.shard.equals(sender.shard);
    machine.whenSaved(
        () -> {
          if (machine.slots().owner(slots.next(0)) == owner && move(id) == null) {
            say(sender, (isIts ? "granted " : "refused ") + id);
          }
        });
  }

  private void granted(ClusterNode sender, String id) {
    SlotMove move = move(id);
    if (move != null && move.state == SlotMove.State.CLAIMING && isOfPeer(sender, move)) {
      take(move);
    }
  }

  private void refused(ClusterNode sender, String id) {
    SlotMove move = move(id);
    if (move != null && move.state == SlotMove.State.CLAIMING && isOfPeer(sender, move)) {
      moves.remove(move);
      purge(move.slots);
      remember(move, "failed", "the source has the slots again");
      listChanged();
    }
  }

  // ── messages ──

  void say(ClusterNode to, String words) {
    byte[] text = words.getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer body = ByteBuffer.allocate(MODULE_HEADER + text.length);
    body.put(MODULE).putInt(text.length).put((byte) 0).put(text);
    machine.links().send(to, new BusMessage.Module(machine.header(BusType.MODULE), body.array()));
  }

  void received(ClusterNode sender, byte[] body) {
    if (body.length <= MODULE_HEADER
        || !Arrays.equals(body, 0, MODULE.length, MODULE, 0, MODULE.length)) {
      return;
    }
    String text =
        new String(body, MODULE_HEADER, body.length - MODULE_HEADER, StandardCharsets.ISO_8859_1);
    String[] words = text.split(" ", -1);
    sender.isOurs = true;
    switch (words[0]) {
      case "ask" -> {
        SlotSet slots = words.length == 4 ? MoveText.slots(words[3]) : null;
        if (slots != null) {
          asked(sender, words[1], MoveText.number(words[2]), slots);
        }
      }
      case "still" -> {
        if (words.length == 2) {
          askedWhetherItStands(sender, words[1]);
        }
      }
      case "gone" -> {
        if (words.length == 2) {
          gone(sender, words[1]);
        }
      }
      case "decided" -> {
        if (words.length == 4) {
          decided(sender, words[1], words[2]);
        }
      }
      case "list" -> {
        if (words.length == 3) {
          notes.told(sender, words[1], words[2]);
        }
      }
      case "known" -> {
        if (words.length == 2) {
          notes.known(sender, words[1]);
        }
      }
      case "prepare" -> {
        if (words.length == 2) {
          prepared(sender, words[1]);
        }
      }
      case "ready" -> {
        if (words.length == 2) {
          isReady(sender, words[1]);
        }
      }
      case "promise" -> {
        if (words.length == 2) {
          askedForPromise(sender, words[1]);
        }
      }
      case "promised" -> {
        if (words.length == 2) {
          promised(sender, words[1]);
        }
      }
      case "claim" -> {
        SlotSet slots = words.length == 3 ? MoveText.slots(words[2]) : null;
        if (slots != null) {
          claimed(sender, words[1], slots);
        }
      }
      case "granted" -> {
        if (words.length == 2) {
          granted(sender, words[1]);
        }
      }
      case "refused" -> {
        if (words.length == 2) {
          refused(sender, words[1]);
        }
      }
      default -> {} // of a later version
    }
  }

  // ── the file ──

  /// For `nodes.conf`; empty: nothing.
  String contents() {
    List<MoveText.Item> items = new ArrayList<>();
    for (SlotMove move : moves) {
      if (move.state.isKept()) {
        items.add(item(move, stateOfFile(move)));
      }
    }
    addSlots(items, MoveText.Written.PURGING, purging);
    addSlots(items, MoveText.Written.DOUBTED, doubted);
    if (machine.myself().isReplica()) {
      return notes.contents();
    }
    return items.isEmpty() ? "" : "-|" + MoveText.write(items);
  }

  /// What a node had begun when it ended.
  void load(String text) {
    int bar = text.indexOf('|');
    List<MoveText.Item> items = bar < 0 ? null : MoveText.read(text.substring(bar + 1));
    ClusterNode myself = machine.myself();
    if (items == null) {
      items = List.of();
    }
    if (myself.isReplica()) {
      notes.load(text.substring(0, Math.max(0, bar)), items);
      return;
    }
    for (MoveText.Item item : items) {
      switch (item.state()) {
        case HANDED -> {
          SlotMove move =
              new SlotMove(
                  item.id(), item.node(), item.slots(), SlotMove.State.HANDED, machine.now());
          move.mayAsk = true;
          move.epoch = item.number();
          moves.add(move);
        }
        case DOUBTED -> doubted.addAll(item.slots());
        case CLAIMING -> claimLater(item);
        case TAKING, RETRACTING ->
            moves.add(
                new SlotMove(
                    item.id(),
                    item.node(),
                    item.slots(),
                    SlotMove.State.RETRACTING,
                    machine.now()));
        default -> purge(item.slots());
      }
    }
    if (!items.isEmpty()) {
      notes.changed();
    }
  }

  // ── sets ──

  private @Nullable SlotMove move(String id) {
    for (SlotMove move : moves) {
      if (move.id.equals(id)) {
        return move;
      }
    }
    return null;
  }

  private @Nullable SlotMove moveOf(int slot) {
    for (SlotMove move : moves) {
      if (move.contains(slot)) {
        return move;
      }
    }
    return null;
  }

  /// For tests.
  Collection<SlotMove> underWay() {
    return moves;
  }

  /// Slots whose keys are to go.
  SlotSet purging() {
    return purging;
  }
}
