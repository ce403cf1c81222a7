package dev.spinel.keyspace;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.value.Place;
import dev.spinel.value.Tables;
import dev.spinel.value.Values;
import dev.spinel.value.Walk;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// All databases of a server, the locks of their slots and the seats of those who touch them.
///
/// ```
///   number ──► Database ──► slot ──► header (64 B) ──► pages ──► entries       (memory)
///                            │
///                            └► Slots: lock, flags, last effect  (by slot number, shared by all databases)
/// ```
public final class Keyspace implements AutoCloseable {
  private final Heap heap;
  private final Slots slots;
  private final World world;
  private final Walk walk;
  private final long hashKey0;
  private final long hashKey1;
  private final AtomicInteger seatIds = new AtomicInteger();
  private volatile Database[] databases; // replaced whole in a stopped world
  private volatile long swaps; // of databases; stopped world
  private final Keeper keeper;
  private final Snapshots snapshots;
  private volatile @Nullable KeyspaceListener listener; // once, by start
  private final java.util.ArrayList<long[]> detached = new java.util.ArrayList<>(); // stopped world
  private volatile boolean holdsDetached; // stopped world

  /// @param databases how many, 1 or more
  /// @param hashKey0 half of the secret that orders keys; with `hashKey1` it should differ in each
  ///   process
  /// @param nowMillis the clock
  /// @param schedule [Schedule#FREE] but in tests
  public Keyspace(
      Heap heap,
      int databases,
      long hashKey0,
      long hashKey1,
      java.util.function.LongSupplier nowMillis,
      Schedule schedule) {
    this.heap = heap;
    this.slots = new Slots(schedule);
    this.world = new World(schedule);
    this.hashKey0 = hashKey0;
    this.hashKey1 = hashKey1;
    this.walk = new Walk(heap.memory());
    this.databases = new Database[databases];
    for (int i = 0; i < databases; i++) {
      this.databases[i] = new Database();
    }
    this.keeper = new Keeper(this, nowMillis);
    this.snapshots = new Snapshots(this);
  }

  /// Begins the work that happens by itself (expiry, the reaper); before this, and after [#close],
  /// there is none.
  public void start(KeyspaceListener listener) {
    this.listener = listener;
    keeper.start(listener);
  }

  public Heap heap() {
    return heap;
  }

  public Slots slots() {
    return slots;
  }

  public World world() {
    return world;
  }

  public Walk walk() {
    return walk;
  }

  public Keeper keeper() {
    return keeper;
  }

  /// Whether memory is going to be free without anybody's help: what the keeper frees, or what was
  /// flushed beside a walk. [KeyspaceListener#freed] tells when.
  public boolean isFreeing() {
    return keeper.isFreeing() || holdsDetached;
  }

  public Snapshots snapshots() {
    return snapshots;
  }

  /// A new seat, for the thread that calls. Closed by whom it was made for, when that thread
  /// touches data no more.
  public Seat seat() {
    Allocator allocator = heap.allocator();
    Values values = new Values(heap.memory(), allocator, walk, hashKey0, hashKey1);
    values.reaper(keeper.reaper());
    Seat seat = new Seat(seatIds.incrementAndGet(), values, world, slots, allocator::close);
    allocator.guard(seat::atWork);
    world.add(seat);
    return seat;
  }

  /// Grows whenever a key with an expiry is made, or a key gets one, or all keys of two databases
  /// change places: while this stays the same, no key expires earlier than any that was found by
  /// who looked at all.
  public long expiriesSet() {
    return world.expiriesSet() + swaps;
  }

  public int databases() {
    return databases.length;
  }

  public Database database(int number) {
    return databases[number];
  }

  /// The tables of all slots as `seat` sees them.
  public Tables tables(Seat seat) {
    return new Tables() {
      @Override
      public long header(int database, int slot) {
        return databases[database].header(slot);
      }

      @Override
      public long make(int database, int slot) {
        return databases[database].headerForWrite(seat, slot);
      }

      @Override
      public void emptied(int database, int slot) {
        if (!walk.active()) { // else the walk's end does it
          databases[database].dropIfEmpty(seat, slot);
        }
      }
    };
  }

  /// SWAPDB. Stopped world.
  public void swap(int a, int b) {
    swaps = swaps + 1;
    Database[] renumbered = databases.clone();
    renumbered[a] = databases[b];
    renumbered[b] = databases[a];
    databases = renumbered;
  }

  /// Empties a database and returns how many keys it had; `later` leaves the freeing to the reaper.
  /// Stopped world.
  public long flush(Seat seat, int number, boolean later) {
    assert seat.stopsWorld();
    Database database = databases[number];
    long removed = database.size(seat);
    if (database.used()) {
      long[] tables = database.detach();
      if (walk.active()) {
        detached.add(tables); // the walk may be reading them
        holdsDetached = true;
      } else if (!later || !keeper.reap(tables)) {
        Database.free(seat, tables);
      }
    }
    return removed;
  }

  /// The walk is through with a slot, or (-1) with everything.
  void walked(int slot) {
    KeyspaceListener hears = listener;
    if (hears != null) {
      hears.walked(slot);
    }
  }

  /// Something went wrong besides the work of a snapshot. There may be no memory to say it with.
  void failed(Throwable bug) {
    KeyspaceListener hears = listener;
    try {
      if (hears != null) {
        hears.failed(bug);
      }
    } catch (Throwable unheard) {
      // whoever can't be told can't be told that either
    }
  }

  /// The walk is through: what was flushed meanwhile may go. If this fails it may be called again.
  /// Stopped world.
  void releaseDetached() {
    while (!detached.isEmpty()) {
      if (!keeper.reap(detached.getLast())) {
        throw new OutOfMemoryError("what was flushed beside a walk");
      }
      detached.removeLast();
    }
    holdsDetached = false;
  }

  /// Finds one expired key of the slot; `place` tells where. Slot lock.
  boolean nextExpired(Seat seat, Database database, int slot, long nowMillis, Place place) {
    long header = database.header(slot);
    return header != 0 && seat.values.dictionary().nextExpired(header, nowMillis, place);
  }

  /// No key of the slot expires earlier than this; milliseconds since 1970. Slot lock.
  long nextExpiry(Seat seat, Database database, int slot) {
    long header = database.header(slot);
    return header == 0 ? Long.MAX_VALUE : seat.values.dictionary().nextExpiry(header);
  }

  /// Frees everything: no other thread may be seated any more.
  @Override
  public void close() {
    snapshots.close();
    keeper.close();
    Seat seat = seat();
    seat.enter();
    for (Database database : databases) {
      Database.free(seat, database.detach());
    }
    seat.leave();
    seat.close();
  }
}
