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
/// due, removes at most 64 keys, and lets go. It spends at most a quarter of its time on that.
public final class Keeper {
  private static final long CYCLE_NANOS = 100_000_000;
  private static final long EXPIRY_NANOS = 25_000_000;
  private static final long EVACUATION_NANOS = 25_000_000;
  private static final int KEYS_PER_LOCK = 64;

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
    long next = System.nanoTime() + CYCLE_NANOS;
    while (!closed) {
      LockSupport.parkNanos(Math.max(1, next - System.nanoTime()));
      reapAll(seat);
      if (System.nanoTime() >= next) {
        next = System.nanoTime() + CYCLE_NANOS;
        if (expiring) {
          expire(seat, listener);
        }
        listener.cycle(seat);
        evacuation.cycle(seat, System.nanoTime() + EVACUATION_NANOS);
      }
    }
    reapAll(seat);
    seat.close();
  }

  private void reapAll(Seat seat) {
    busy = true;
    for (Object item = work.poll(); item != null; item = work.poll()) {
      seat.enter();
      if (item instanceof long[] tables) {
        for (int slot = 0; slot < tables.length; slot++) {
          Database.free(seat, tables, slot);
          seat.breathe();
        }
      } else {
        seat.values.dictionary().free((Long) item);
      }
      seat.leave();
    }
    busy = false;
  }

  private void expire(Seat seat, KeyspaceListener listener) {
    Place place = new Place();
    long deadline = System.nanoTime() + EXPIRY_NANOS;
    seat.enter();
    for (int number = 0; number < keyspace.databases(); number++) {
      for (int slot = 0; slot < Slots.COUNT && keyspace.database(number).used(); slot++) {
        while (keyspace.database(number).header(slot) != 0) {
          seat.lock(slot);
          int left = KEYS_PER_LOCK;
          Database database = keyspace.database(number);
          long now = nowMillis.getAsLong();
          while (left > 0 && keyspace.nextExpired(seat, database, slot, now, place)) {
            if (!listener.expired(seat, number, slot, place)) {
              break;
            }
            left--;
          }
          seat.unlock(slot);
          seat.breathe();
          if (left > 0) {
            break;
          }
          if (System.nanoTime() > deadline) {
            expiredCycles++;
            seat.leave();
            return;
          }
        }
      }
    }
    seat.leave();
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
