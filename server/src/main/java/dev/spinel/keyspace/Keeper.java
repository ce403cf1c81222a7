package dev.spinel.keyspace;

import dev.spinel.value.Dictionary;
import dev.spinel.value.Place;
import dev.spinel.value.Reaper;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// The one background thread of a keyspace: it removes keys whose time has come, frees what is too
/// large for a command to free (the *reaper*: large values that were unlinked, databases that were
/// flushed), and empties sparse slabs ([Evacuation]).
///
/// What the reaper has yet to free waits in two queues. Values that can be freed in one short step
/// wait in one, from which any thread that needs memory may take them ([#help]). Larger values and
/// databases wait in the other and are left to the keeper; a call that needs their memory waits,
/// and after each step the keeper reports that something was freed ([KeyspaceListener#freed]).
///
/// A cycle begins every 100 ms, or at once when there is something to reap. Expiry looks `hz` times
/// a second at the lower bound in each slot's header without a lock, takes the lock of a slot where
/// something is due, removes at most 64 keys (or fields of so many hashes), and releases the lock.
/// It spends at most a quarter of its time on that, or more as `active-expire-effort` has it
/// ([#pace]). No other thread knows what the reaper frees, so the reaper lets global operations
/// pass after every leaf ([Seat#breathe]).
///
/// The thread survives any failure in one item or cycle: it reports it to its listener, gives locks
/// and seat back, and goes on.
public final class Keeper {
  private static final long CYCLE_NANOS = 100_000_000;
  private static final long SECOND_NANOS = 1_000_000_000;

  /// The share of time that expiry takes at most, in hundredths: with the least effort, and with
  /// each further one.
  private static final int EXPIRY_PERCENT = 25;

  private static final int EFFORT_PERCENT = 2;

  private static final long EVACUATION_NANOS = 25_000_000;
  private static final int KEYS_PER_LOCK = 64;

  /// The pause after something went wrong.
  private static final long FAILED_NANOS = 1_000_000_000;

  private final Keyspace keyspace;
  private final Evacuation evacuation;
  private final LongSupplier nowMillis;
  private final ConcurrentLinkedQueue<Long> small = new ConcurrentLinkedQueue<>(); // entries
  private final ConcurrentLinkedQueue<Object> large =
      new ConcurrentLinkedQueue<>(); // Long = entry, long[][] = tables
  private volatile boolean expiring = true;
  private volatile long expiryCycleNanos = CYCLE_NANOS;
  private volatile long expiryNanos = CYCLE_NANOS * EXPIRY_PERCENT / 100; // of each of them
  private volatile boolean closed;
  private final LongAdder freed = new LongAdder();
  private final AtomicInteger unfreedSmall = new AtomicInteger(); // waiting, or being freed
  private final AtomicInteger unfreedLarge = new AtomicInteger();
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

  /// Sets how expiry paces itself. Any thread; the cycle under way isn't affected.
  ///
  /// @param hz how often a second keys are looked for whose time has come, 1 to 500
  /// @param effort `active-expire-effort`, 1 to 10
  public void pace(int hz, int effort) {
    expiryCycleNanos = SECOND_NANOS / hz;
    expiryNanos = SECOND_NANOS / hz * (EXPIRY_PERCENT + EFFORT_PERCENT * (effort - 1)) / 100;
  }

  /// Whether keys are removed when their time has come, or only when a call finds them (DEBUG
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

  /// Objects that wait to be freed, or are being freed.
  public long pending() {
    return unfreedSmall.get() + unfreedLarge.get();
  }

  /// Values, and keys of flushed databases, that were freed in the background since the start, or
  /// since that was forgotten.
  public long freed() {
    return freed.sum();
  }

  /// CONFIG RESETSTAT.
  public void forgetCounts() {
    freed.reset();
  }

  /// Whether something waits to be freed, or is being freed, that only the keeper can free.
  public boolean isFreeing() {
    return unfreedLarge.get() > 0;
  }

  /// Frees one value that waits for that, in a step of less than a millisecond. False if there is
  /// none. Any thread, seated, without a slot lock.
  public boolean help(Seat seat) {
    Long entry = small.poll();
    if (entry == null) {
      return false;
    }
    try {
      seat.values.dictionary().free(entry);
      freed.increment();
    } finally {
      unfreedSmall.decrementAndGet();
    }
    return true;
  }

  /// As [#help], but also frees one that the keeper would free, in one step, whatever it takes: for
  /// a caller that can't wait. Flushed databases it leaves to the keeper.
  public boolean helpWholly(Seat seat) {
    if (help(seat)) {
      return true;
    }
    Object item = large.peek();
    if (!(item instanceof Long entry) || !large.remove(item)) {
      return false;
    }
    try {
      seat.values.dictionary().free(entry, () -> {});
      freed.increment();
    } finally {
      unfreedLarge.decrementAndGet();
    }
    return true;
  }

  Reaper reaper() {
    return (entry, nodes) -> {
      if (thread == null || closed) {
        return false;
      }
      return nodes <= Dictionary.STEP_NODES
          ? leave(entry, small, unfreedSmall)
          : leave(entry, large, unfreedLarge);
    };
  }

  private <T> boolean leave(T item, Queue<? super T> to, AtomicInteger unfreed) {
    unfreed.incrementAndGet(); // first: a thread that reads 0 knows that all is free
    try {
      to.add(item);
    } catch (OutOfMemoryError e) {
      unfreed.decrementAndGet();
      return false;
    }
    LockSupport.unpark(thread);
    return true;
  }

  /// Takes over tables that no other thread knows any more. Returns false as [Reaper#reap] does.
  boolean reap(long[][] tables) {
    return leave(tables, large, unfreedLarge);
  }

  private void run(KeyspaceListener listener) {
    Seat seat = keyspace.seat();
    Runnable breath =
        () -> {
          seat.breathe();
          listener.freed();
        };
    long next = System.nanoTime() + CYCLE_NANOS;
    long nextExpiry = System.nanoTime() + expiryCycleNanos;
    while (!closed) {
      long first = next - nextExpiry < 0 ? next : nextExpiry;
      LockSupport.parkNanos(Math.max(1, first - System.nanoTime()));
      failed = false;
      reapAll(seat, breath);
      if (System.nanoTime() - nextExpiry >= 0) {
        nextExpiry = System.nanoTime() + expiryCycleNanos;
        lookForExpired(seat, listener);
      }
      if (System.nanoTime() - next >= 0) {
        next = System.nanoTime() + CYCLE_NANOS;
        cycle(seat, listener);
      }
      if (failed) {
        next = System.nanoTime() + FAILED_NANOS;
        nextExpiry = next;
      }
    }
    failed = false;
    reapAll(seat, breath);
    seat.close();
  }

  /// Reports a failure, the first in each cycle. There may be no memory even for the report.
  private void failed(Throwable bug) {
    if (!failed) {
      failed = true;
      keyspace.failed(bug);
    }
  }

  private void lookForExpired(Seat seat, KeyspaceListener listener) {
    if (expiring && listener.expires()) {
      long began = System.nanoTime();
      expire(seat, listener);
      listener.lookedForExpired(System.nanoTime() - began);
    }
  }

  private void cycle(Seat seat, KeyspaceListener listener) {
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
    if (pending() == 0) {
      return;
    }
    seat.enter();
    try {
      do {
        reapSmall(seat, breath);
      } while (reapLarge(seat, breath));
    } finally {
      seat.leave();
    }
  }

  private void reapSmall(Seat seat, Runnable breath) {
    boolean more = true;
    while (more) {
      try {
        more = help(seat);
        breath.run();
      } catch (Throwable bug) {
        failed(bug);
      }
    }
  }

  /// Frees the first of the large ones; false if there is none.
  private boolean reapLarge(Seat seat, Runnable breath) {
    Object item = large.poll();
    if (item == null) {
      return false;
    }
    try {
      if (item instanceof long[][] tables) {
        reap(seat, tables, breath);
      } else {
        seat.values.dictionary().free((Long) item, breath);
        freed.increment();
      }
    } catch (Throwable bug) {
      failed(bug);
    } finally {
      unfreedLarge.decrementAndGet();
    }
    return true;
  }

  private void reap(Seat seat, long[][] tables, Runnable breath) {
    for (int slot = 0; slot < Slots.COUNT; slot++) {
      try {
        long header = Database.header(tables, slot);
        freed.add(header == 0 ? 0 : seat.values.dictionary().count(header));
        Database.free(seat, tables, slot, breath);
        breath.run();
      } catch (Throwable bug) {
        failed(bug);
      }
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
    long deadline = System.nanoTime() + expiryNanos;
    seat.enter();
    try {
      for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
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

  /// Removes what is due in a slot, and lets global operations pass. False if the time is over.
  private boolean expire(
      Seat seat, KeyspaceListener listener, int number, int slot, long deadline) {
    if (keyspace.slots().isHidden(slot)) {
      earliest = 0; // it is looked at once it is served
      return true;
    }
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

  /// Removes some of what is due under one lock. False if nothing is due any more.
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
