package dev.spinel.cluster;

import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Seat;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// Deletes the keys of slots that aren't served here, each with its effect and event, some at a
/// time: in between the slot is unlocked, and the world may stand still.
///
/// One thread works off all orders, so nobody comes back to a slot once it has been reported. A
/// slot whose keys aren't to go any more, by the last picture that was shown, is left as it is:
/// another import may bring its keys just now.
public final class SlotPurge implements AutoCloseable {
  private static final int AT_A_TIME = 64;
  private static final long AGAIN_MILLIS = 1_000;

  private final Engine engine;
  private final SlotKeys keys;
  private final IntPredicate isWanted;
  private final Consumer<String> trouble;

  private final SlotSet pending = new SlotSet(); // monitor
  private @Nullable Thread running; // monitor
  private boolean isClosed; // monitor
  private Consumer<SlotSet> done = slots -> {}; // monitor

  /// @param isWanted whether the slot's keys are to go. Asked while seated, under the slot's lock
  /// @param trouble is told what went wrong; it is tried again
  public SlotPurge(Engine engine, SlotKeys keys, IntPredicate isWanted, Consumer<String> trouble) {
    this.engine = engine;
    this.keys = keys;
    this.isWanted = isWanted;
    this.trouble = trouble;
  }

  /// The keys of these slots go, too.
  ///
  /// @param whenDone is told of slots that are empty
  public synchronized void add(SlotSet slots, Consumer<SlotSet> whenDone) {
    pending.addAll(slots);
    done = whenDone;
    if (running == null && !isClosed && !pending.isEmpty()) {
      running = Thread.ofPlatform().daemon().name("spinel-purge").start(this::run);
    }
  }

  /// Nothing is deleted any more once this returns: the memory may go.
  @Override
  public void close() {
    Thread ends;
    synchronized (this) {
      isClosed = true;
      ends = running;
      notifyAll();
    }
    try {
      if (ends != null) {
        ends.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized boolean isClosed() {
    return isClosed;
  }

  private void run() {
    while (true) {
      SlotSet taken;
      Consumer<SlotSet> tell;
      synchronized (this) {
        if (pending.isEmpty() || isClosed) {
          running = null;
          return;
        }
        taken = pending.copy();
        tell = done;
        pending.clear();
      }
      try {
        SlotSet empty = purge(taken);
        if (!isClosed() && !empty.isEmpty()) {
          tell.accept(empty);
        }
      } catch (RuntimeException | Error e) {
        trouble.accept("The keys of slots " + taken + " can't be deleted: " + e);
        if (!putBack(taken)) {
          return;
        }
      }
    }
  }

  private boolean putBack(SlotSet slots) {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(AGAIN_MILLIS);
    synchronized (this) {
      try {
        for (long left; !isClosed && (left = until - System.nanoTime()) > 0; ) {
          TimeUnit.NANOSECONDS.timedWait(this, left);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
      pending.addAll(slots);
      return true;
    }
  }

  /// Returns those that are empty.
  private SlotSet purge(SlotSet slots) {
    SlotSet empty = new SlotSet();
    try (Dispatcher dispatcher = engine.dispatcher()) {
      for (int slot = slots.next(0); slot >= 0 && !isClosed(); slot = slots.next(slot + 1)) {
        int deleted;
        do {
          deleted = some(dispatcher, slot);
        } while (deleted > 0 && !isClosed());
        if (deleted == 0) {
          empty.add(slot);
        }
      }
    }
    return empty;
  }

  /// Returns how many have gone; -1: they aren't to go.
  private int some(Dispatcher dispatcher, int slot) {
    dispatcher.turnBegins();
    try {
      Seat seat = dispatcher.seat();
      seat.lock(slot);
      try {
        return isWanted.test(slot)
            ? keys.deleteSome(slot, AT_A_TIME, seat, dispatcher.recorder())
            : -1;
      } finally {
        seat.unlock(slot);
      }
    } finally {
      dispatcher.turnEnds();
    }
  }
}
