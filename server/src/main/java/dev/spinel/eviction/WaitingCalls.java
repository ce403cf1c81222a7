package dev.spinel.eviction;

import dev.spinel.engine.Condition;
import dev.spinel.engine.Waiting;
import java.util.ArrayDeque;

/// The calls of one thread that wait for memory, in the order in which they came, and what the
/// thread does for them: turn after turn it evicts and frees for a slice of time, with all else
/// that it has to do in between, until there is room and they run.
///
/// ```
///   gate: over the limit, its time is up ──► await ──► look, in the next turn ──► room: they run
///                                                       ▲   │
///                                                       └───┴ none yet: once more; or, where only
///                                                             others can free, when they have
/// ```
///
/// While some wait, a call that finds memory short goes to the end of the queue at once: so a turn
/// is held up for one slice, however many calls come in it.
///
/// Belongs to the dispatcher's thread.
final class WaitingCalls {
  /// @param spared slots that the room isn't made in, ascending
  private record Entry(Waiting call, long bytes, int[] spared) {}

  private static final int[] NONE = {};

  /// After so long whoever says little comes before those that still wait.
  private static final long TURN_NANOS = 5_000_000;

  private final Eviction eviction;
  final Evictor evictor;
  private final ArrayDeque<Entry> waiting = new ArrayDeque<>();
  private boolean lookComes;
  private boolean isLast;
  private long grownFrom; // what the thread's allocator had taken when it looked last
  private long limitThen; // of maxmemory

  WaitingCalls(Eviction eviction, Evictor evictor) {
    this.eviction = eviction;
    this.evictor = evictor;
  }

  /// Whether calls wait: then others that find no room wait behind them.
  boolean isWaitedFor() {
    return lookComes;
  }

  /// Whether a call runs now for which nothing more can be done.
  boolean isLast() {
    return isLast;
  }

  /// Whether the thread has taken memory since [#forgetGrowth], or the limit has changed.
  boolean hasGrown(long limit) {
    return limit != limitThen || takenBytes() > grownFrom;
  }

  /// The thread has looked whether the limit is exceeded.
  void forgetGrowth(long limit) {
    limitThen = limit;
    grownFrom = takenBytes();
  }

  private long takenBytes() {
    return evictor.seat.values.allocator().takenBytes();
  }

  /// The condition that there is room for `bytes` more.
  Condition roomFor(long bytes) {
    return roomFor(bytes, NONE);
  }

  /// The same, made without evicting anything of these slots, which ascend.
  Condition roomFor(long bytes, int[] spared) {
    return new Condition() {
      @Override
      public void begin(Waiting call) {
        waiting.add(new Entry(call, bytes, spared));
        if (!lookComes) {
          lookAgain(Room.LATER);
        }
      }

      @Override
      public void end(Waiting call) {
        waiting.removeIf(entry -> entry.call == call);
      }

      @Override
      public boolean isAskedFor() {
        return false;
      }
    };
  }

  private void lookAgain(Room last) {
    Entry first = waiting.peek();
    if (first == null) {
      return;
    }
    lookComes = true;
    Runnable post = () -> first.call.session().outlet.post(this::look);
    if (last == Room.ELSEWHERE) {
      eviction.whenFreed(first.bytes, post);
    } else {
      post.run();
    }
  }

  /// A message to the thread.
  private void look() {
    lookComes = false;
    Room room = Room.MADE;
    try {
      long began = System.nanoTime();
      long deadline = eviction.deadline();
      for (int left = waiting.size(); left > 0 && !waiting.isEmpty(); left--) {
        Entry next = waiting.element();
        room = evictor.sparing(next.spared, () -> eviction.makeRoom(evictor, deadline, next.bytes));
        if (room.isAwaited()) {
          break;
        }
        waiting.remove();
        isLast = room == Room.NONE;
        next.call.runAgain(); // its gate may send it back here
        if (System.nanoTime() - began > TURN_NANOS) {
          room = Room.LATER;
          break;
        }
      }
    } finally {
      isLast = false;
      if (!lookComes) {
        lookAgain(room);
      }
    }
  }
}
