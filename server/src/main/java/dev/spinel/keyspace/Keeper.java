package dev.spinel.keyspace;

import dev.spinel.value.Place;
import dev.spinel.value.Reaper;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// The one background thread of a keyspace: it removes keys whose time has come, frees what is too
/// large for a command to free (the *reaper*: large values that were unlinked, databases that were
/// flushed), and empties sparse slabs ([Evacuation]).
///
/// A cycle begins every 100 ms, or at once when there is something to reap. Expiry looks at the
/// lower bound in each slot's header without a lock, takes the lock of a slot where something is
/// due, removes at most 64 keys, and lets go. It spends at most a quarter of its time on that. What
/// is reaped nobody else knows, so the reaper breathes after every leaf.
///
/// The thread outlives whatever goes wrong in one item or cycle: it tells its listener, gives locks
/// and seat back, and goes on.
public final class Keeper {
  private static final long CYCLE_NANOS = 100_000_000;
  private static final long EXPIRY_NANOS = 25_000_000;
  private static final long EVACUATION_NANOS = 25_000_000;
  private static final int KEYS_PER_LOCK = 64;

  /// The pause after something went wrong.
  private static final long FAILED_NANOS = 1_000_000_000;

  private final Keyspace keyspace;
  private final Evacuation evacuation;
  private final LongSupplier nowMillis;
  private final ConcurrentLinkedQueue<Object> work =
      new ConcurrentLinkedQueue<>(); // Long = entry, long[] = tables
  private volatile boolean expiring = true;
  private volatile boolean closed;
  private volatile boolean busy;
  private @Nullable Thread thread;
  private volatile long expiredCycles;
  private final Place place = new Place(); // keeper's thread
  private boolean failed; // since the cycle began; keeper's thread

  // what the last complete look at all slots has found; keeper's thread
  private long setBefore = -1; // Keyspace.expiriesSet when it began, -1: there was none
  private long earliest; // milliseconds since 1970: nothing expires before

  Keeper(Keyspace keyspace, LongSupplier nowMillis) {
    this.keyspace = keyspace;
    this.evacuation = new Evacuation(keyspace);
    this.nowMillis = nowMillis;
  }

  synchronized void start(KeyspaceListener listener) {
    thread = new Thread(() -> run(listener), "spinel-keeper");
    thread.setDaemon(true);
    thread.start();
  }

  /// Whether keys are removed when their time has come, or only when somebody meets them (DEBUG
  /// SET-ACTIVE-EXPIRE).
  public void expiring(boolean on) {
    expiring = on;
  }

  /// How many cycles of expiry ended for lack of time.
  public long expiredCycles() {
    return expiredCycles;
  }

  /// Whether nodes are being moved out of sparse slabs now.
  public boolean evacuating() {
    return evacuation.running();
  }

  /// Nodes moved out of sparse slabs since the start.
  public long evacuated() {
    return evacuation.moved();
  }

  /// Nanoseconds spent with that.
  public long evacuationNanos() {
    return evacuation.nanos();
  }

  /// Objects that wait to be freed, an estimate.
  public long pending() {
    return work.size() + (busy ? 1 : 0);
  }

  Reaper reaper() {
    return entry -> {
      if (thread == null || closed) {
        return false;
      }
      work.add(entry);
      LockSupport.unpark(thread);
      return true;
    };
  }

  void reap(long[] tables) {
    work.add(tables);
    LockSupport.unpark(thread);
  }

  private void run(KeyspaceListener listener) {
    Seat seat = keyspace.seat();
    Runnable breath = seat::breathe;
    long next = System.nanoTime() + CYCLE_NANOS;
    while (!closed) {
      LockSupport.parkNanos(Math.max(1, next - System.nanoTime()));
      failed = false;
      reapAll(seat, breath);
      if (System.nanoTime() >= next) {
        next = System.nanoTime() + CYCLE_NANOS;
        cycle(seat, listener);
        if (failed) {
          next = System.nanoTime() + FAILED_NANOS;
        }
      }
    }
    failed = false;
    reapAll(seat, breath);
    seat.close();
  }

  /// Something didn't work: says so, the first time in a cycle, and nothing more can be done. There
  /// may be no memory to say it with.
  private void failed(Throwable bug) {
    if (!failed) {
      failed = true;
      keyspace.failed(bug);
    }
  }

  private void cycle(Seat seat, KeyspaceListener listener) {
    if (expiring) {
      expire(seat, listener);
    }
    try {
      listener.cycle(seat);
    } catch (Throwable bug) {
      failed(bug);
    }
    try {
      evacuation.cycle(seat, System.nanoTime() + EVACUATION_NANOS);
    } catch (Throwable bug) {
      failed(bug);
    }
  }

  private void reapAll(Seat seat, Runnable breath) {
    busy = true;
    for (Object item = work.poll(); item != null; item = work.poll()) {
      seat.enter();
      try {
        if (item instanceof long[] tables) {
          reap(seat, tables, breath);
        } else {
          seat.values.dictionary().free((Long) item, breath);
        }
      } catch (Throwable bug) {
        failed(bug);
      } finally {
        seat.leave();
      }
    }
    busy = false;
  }

  private void reap(Seat seat, long[] tables, Runnable breath) {
    for (int slot = 0; slot < tables.length; slot++) {
      try {
        Database.free(seat, tables, slot, breath);
      } catch (Throwable bug) {
        failed(bug);
      }
      seat.breathe();
    }
  }

  /// Goes through all slots, which is 16,384 locks and as many lines of cold memory, unless it is
  /// known that there is nothing due.
  private void expire(Seat seat, KeyspaceListener listener) {
    long set = keyspace.expiriesSet();
    if (set == setBefore && nowMillis.getAsLong() < earliest) {
      return;
    }
    setBefore = -1; // until all is seen
    earliest = Long.MAX_VALUE;
    long deadline = System.nanoTime() + EXPIRY_NANOS;
    seat.enter();
    try {
      for (int number = 0; number < keyspace.databases(); number++) {
        for (int slot = 0; slot < Slots.COUNT && keyspace.database(number).used(); slot++) {
          if (!expire(seat, listener, number, slot, deadline)) {
            expiredCycles++;
            return;
          }
        }
      }
      setBefore = failed ? -1 : set;
    } finally {
      seat.leave();
    }
  }

  /// Removes what is due in a slot; breathes. False if the time is over.
  private boolean expire(
      Seat seat, KeyspaceListener listener, int number, int slot, long deadline) {
    while (keyspace.database(number).header(slot) != 0) {
      boolean more = false;
      seat.lock(slot);
      try {
        more = expireSome(seat, listener, number, slot);
      } catch (Throwable bug) {
        failed(bug);
      } finally {
        seat.unlock(slot);
      }
      seat.breathe();
      if (!more) {
        return true;
      }
      if (System.nanoTime() > deadline) {
        return false;
      }
    }
    return true;
  }

  /// One lock's worth. False if nothing is due any more.
  private boolean expireSome(Seat seat, KeyspaceListener listener, int number, int slot) {
    Database database = keyspace.database(number);
    long now = nowMillis.getAsLong();
    int left = KEYS_PER_LOCK;
    while (left > 0
        && keyspace.nextExpired(seat, database, slot, now - 1, place)
        && listener.expired(seat, number, slot, place)) {
      left--;
    }
    if (left < KEYS_PER_LOCK && !keyspace.walk().active()) {
      database.dropIfEmpty(seat, slot);
    }
    earliest = Math.min(earliest, keyspace.nextExpiry(seat, database, slot));
    return left == 0;
  }

  void close() {
    closed = true;
    Thread running = thread;
    if (running != null) {
      LockSupport.unpark(running);
      try {
        running.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      thread = null;
    }
  }
}
