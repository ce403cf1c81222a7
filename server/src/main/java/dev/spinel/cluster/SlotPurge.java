package dev.spinel.cluster;

import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Seat;
import java.util.function.IntPredicate;

/// Deletes the keys of slots that aren't served here, each with its effect and event, some at a
/// time: in between the slot is unlocked, and the world may stand still. A thread for each order.
public final class SlotPurge {
  private static final int AT_A_TIME = 64;
  private static final long PAUSE_MILLIS = 10;

  private final Engine engine;
  private final SlotKeys keys;
  private final SlotSet slots;
  private final IntPredicate isMine; // by the newest picture
  private final Runnable whenDone;

  /// @param isMine whether the slot is this node's: then it isn't touched
  public SlotPurge(
      Engine engine, SlotKeys keys, SlotSet slots, IntPredicate isMine, Runnable whenDone) {
    this.engine = engine;
    this.keys = keys;
    this.slots = slots;
    this.isMine = isMine;
    this.whenDone = whenDone;
  }

  public void begin() {
    Thread.ofPlatform().daemon().name("spinel-purge").start(this::run);
  }

  private void run() {
    try (Dispatcher dispatcher = engine.dispatcher()) {
      for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
        while (!engine.stopping && keys.mayHold(slot) && !isMine.test(slot)) {
          if (!some(dispatcher, slot)) {
            break;
          }
        }
      }
      if (!engine.stopping) {
        whenDone.run();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Returns whether there may be more.
  private boolean some(Dispatcher dispatcher, int slot) throws InterruptedException {
    dispatcher.turnBegins();
    int deleted;
    try {
      Seat seat = dispatcher.seat();
      seat.lock(slot);
      try {
        // Shown in a stopped world: whoever is seated may rely on it.
        if (!engine.keyspace.slots().isHidden(slot)) {
          deleted = -1;
        } else {
          deleted = keys.deleteSome(slot, AT_A_TIME, seat, dispatcher.recorder());
        }
      } finally {
        seat.unlock(slot);
      }
    } finally {
      dispatcher.turnEnds();
    }
    if (deleted < 0) {
      Thread.sleep(PAUSE_MILLIS); // it isn't shown yet that the slot is another node's
    }
    return deleted != 0;
  }
}
