package dev.spinel.cluster;

import java.util.LinkedHashSet;
import java.util.Set;

/// Slots that move whole from one primary to another, as one of their nodes knows it. See
/// [SlotMoves].
///
/// Belongs to the machine's thread.
final class SlotMove {
  /// How far it is. What is written to `nodes.conf` is marked.
  enum State {
    /// Target: the keys come in, and nobody is shown them. On the disk.
    STAGING,
    /// Target: it has all, and its replicas are told so before it takes the slots. On the disk.
    TAKING,
    /// Target: it was promoted, and its primary may have taken the slots or given them back: it
    /// asks the source. On the disk.
    CLAIMING,
    /// Target: it has given up after its replicas may have been told. The keys stay until they know
    /// that, or the source has the slots again. On the disk.
    RETRACTING,
    /// Source: the keys go out.
    SENDING,
    /// Source: its replicas are told that the slots are going to be handed over, and the target
    /// gets ready. On the disk, as if it had been done: so nothing needs writing in the pause.
    HANDING,
    /// Source: the slots' clients wait until the end of the stream is known. On the disk.
    PAUSING,
    /// Source: only the target can say whose the slots are. On the disk.
    HANDED;

    boolean isOfTarget() {
      return this == STAGING || this == TAKING || this == CLAIMING || this == RETRACTING;
    }

    /// Source: whether replicas may have been told that the slots are handed over.
    boolean isHandingOver() {
      return this == HANDING || this == PAUSING || this == HANDED;
    }

    /// Whether a restarted node has to know of it.
    boolean isKept() {
      return isOfTarget() || isHandingOver();
    }
  }

  final String id;

  /// Of the moves of one IMPORT; empty: it isn't known here.
  String job = "";

  /// The other primary. Source: whoever may give the slots back.
  String peer;

  final SlotSet slots;
  State state;

  /// Of the steps' clock: when it began, and when it came into its state.
  final long began;

  long since;

  /// Bytes that the source will have sent; -1: it isn't known.
  long total = -1;

  /// Target: its offset of replication when it had all.
  long offset;

  /// Target: when all data went for the last time, as of the beginning.
  long flushes;

  /// Target: the keys come in, since its replicas know that they aren't to be kept.
  boolean isImporting;

  /// Target: has all, and may take the slots as soon as it may.
  boolean isWhole;

  /// Target: the epoch with which it is going to claim the slots; 0: none yet. Source: that of its
  /// own that the target knows of, so that the target's is greater.
  long epoch;

  /// Target: who has promised not to elect anybody with that epoch or a smaller one.
  final Set<String> promised = new LinkedHashSet<>();

  /// Target: that it has that epoch, and may tell its replicas to take the slots, is on the disk.
  boolean isPrepared;

  /// Target: the source has been told that nothing is missing but the end of the stream.
  boolean hasSaidReady;

  /// The replicas are being told of its state (STAGING, TAKING, HANDING): on the disk is that they
  /// may be.
  boolean isTold;

  /// Target: that the source has handed the slots over is on that one's disk.
  boolean isHandedOver;

  /// Source: the target has an epoch to take the slots with, and the promises for it.
  boolean targetIsReady;

  /// Source: that it has handed the slots over is on the disk. Before, it must not ask: it would
  /// know nothing of it after a restart, and the target takes the slots.
  boolean mayAsk;

  /// Source: when its clients began to wait.
  long pausedAt;

  /// What it waits for too long, in words, and when that was last logged.
  String trouble = "";

  long saidAt;

  /// Target: who waits to be told.
  final Set<String> askers = new LinkedHashSet<>();

  SlotMove(String id, String peer, SlotSet slots, State state, long now) {
    this.id = id;
    this.peer = peer;
    this.slots = slots;
    this.state = state;
    this.began = now;
    this.since = now;
  }

  void become(State next, long now) {
    state = next;
    since = now;
    isTold = false;
  }

  boolean contains(int slot) {
    return slots.contains(slot);
  }
}
