package dev.spinel.keyspace;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.value.Place;
import dev.spinel.value.Tables;
import dev.spinel.value.Values;
import dev.spinel.value.Walk;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// All databases of a server, the locks of their slots, and the seats of the threads that touch
/// them.
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

  /// Databases that are there from the start; the others are made when they are first selected.
  private static final int LOW_DATABASES = 1024;

  private final int databases;
  private volatile Database[] low; // numbers from 0 on; replaced whole in a stopped world
  private final ConcurrentSkipListMap<Integer, Database> high; // the other numbers
  private volatile long swaps; // of databases; stopped world
  private final Keeper keeper;
  private final Snapshots snapshots;
  private volatile @Nullable KeyspaceListener listener; // once, by start
  private final java.util.ArrayList<long[][]> detached =
      new java.util.ArrayList<>(); // stopped world
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
    this.databases = databases;
    this.low = new Database[Math.min(databases, LOW_DATABASES)];
    for (int i = 0; i < low.length; i++) {
      low[i] = new Database();
    }
    this.high = new ConcurrentSkipListMap<>();
    this.keeper = new Keeper(this, nowMillis);
    this.snapshots = new Snapshots(this);
  }

  /// Begins the background work (expiry, the reaper); before this, and after [#close], there is
  /// none.
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

  /// Whether memory is going to become free by itself: memory that the keeper frees, or that was
  /// flushed beside a walk. [KeyspaceListener#freed] reports it.
  public boolean isFreeing() {
    return keeper.isFreeing() || holdsDetached;
  }

  public Snapshots snapshots() {
    return snapshots;
  }

  /// A new seat for the calling thread, which closes it when it touches no more data.
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
  /// change places: while this stays the same, no key expires earlier than the earliest that a look
  /// at all keys has found.
  public long expiriesSet() {
    return world.expiriesSet() + swaps;
  }

  /// Grows whenever a hash with fields that expire comes to be, or all keys of two databases change
  /// places: while this stays the same, a look at all databases that has found none is right.
  public long timedSet() {
    long made = world.timedSet();
    return made == 0 ? 0 : made + swaps;
  }

  /// How many databases there are. Most may be untouched: see [#nextUsed].
  public int databases() {
    return databases;
  }

  public Database database(int number) {
    Database[] all = low;
    return number < all.length ? all[number] : highDatabase(number);
  }

  private Database highDatabase(int number) {
    if (number >= databases) {
      throw new IndexOutOfBoundsException(number);
    }
    Database known = high.get(number);
    return known != null ? known : high.computeIfAbsent(number, made -> new Database());
  }

  /// The first number from `from` on whose database may hold keys ([Database#used]), or -1:
  ///
  /// ```java
  /// for (int number = nextUsed(0); number >= 0; number = nextUsed(number + 1)) { … }
  /// ```
  public int nextUsed(int from) {
    Database[] all = low;
    for (int number = from; number < all.length; number++) {
      if (all[number].used()) {
        return number;
      }
    }
    var entry = high.ceilingEntry(from);
    while (entry != null && !entry.getValue().used()) {
      entry = high.higherEntry(entry.getKey());
    }
    return entry == null ? -1 : entry.getKey();
  }

  /// The tables of all slots as `seat` sees them.
  public Tables tables(Seat seat) {
    return new Tables() {
      @Override
      public long header(int database, int slot) {
        return database(database).header(slot);
      }

      @Override
      public long make(int database, int slot) {
        return database(database).headerForWrite(seat, slot);
      }

      @Override
      public void emptied(int database, int slot) {
        if (!walk.active()) { // else the walk's end does it
          database(database).dropIfEmpty(seat, slot);
        }
      }
    };
  }

  /// SWAPDB. Stopped world.
  public void swap(int a, int b) {
    swaps = swaps + 1;
    Database first = database(a);
    Database second = database(b);
    Database[] renumbered = low.clone();
    number(renumbered, a, second);
    number(renumbered, b, first);
    low = renumbered;
  }

  /// Gives numbers to databases that nobody else knows, in the place of empty ones. Stopped world.
  public void adopt(Map<Integer, Database> filled) {
    swaps = swaps + 1;
    Database[] renumbered = low.clone();
    filled.forEach((number, database) -> number(renumbered, number, database));
    low = renumbered;
  }

  /// Frees the keys of a database that nobody else knows, in the background if that has room. The
  /// seat is taken.
  public void discard(Seat seat, Database unknown) {
    long[][] tables = unknown.detach();
    if (!keeper.reap(tables)) {
      Database.free(seat, tables);
    }
  }

  private void number(Database[] lowOnes, int number, Database database) {
    if (number < lowOnes.length) {
      lowOnes[number] = database;
    } else {
      high.put(number, database);
    }
  }

  /// Empties a database and returns how many keys it had; `later` leaves the freeing to the reaper.
  /// Stopped world.
  public long flush(Seat seat, int number, boolean later) {
    assert seat.stopsWorld();
    Database database = database(number);
    long removed = database.size(seat);
    if (database.used()) {
      long[][] tables = database.detach();
      if (walk.active()) {
        detached.add(tables); // the walk may be reading them
        holdsDetached = true;
      } else if (!later || !keeper.reap(tables)) {
        Database.free(seat, tables);
      }
    }
    return removed;
  }

  /// Called when the walk has passed a slot, or (-1) everything.
  void walked(int slot) {
    KeyspaceListener hears = listener;
    if (hears != null) {
      hears.walked(slot);
    }
  }

  /// Reports a failure outside of the work of a snapshot. There may be no memory even for the
  /// report.
  void failed(Throwable bug) {
    KeyspaceListener hears = listener;
    try {
      if (hears != null) {
        hears.failed(bug);
      }
    } catch (Throwable unheard) {
      // a failure of the report can't be reported either
    }
  }

  /// Called when the walk has ended: frees what was flushed meanwhile. If this fails it may be
  /// called again. Stopped world.
  void releaseDetached() {
    while (!detached.isEmpty()) {
      if (!keeper.reap(detached.getLast())) {
        throw new OutOfMemoryError("what was flushed beside a walk");
      }
      detached.removeLast();
    }
    holdsDetached = false;
  }

  /// Finds one expired key of the slot, or one of a hash with an expired field; `place` tells
  /// where. Slot lock.
  boolean nextExpired(Seat seat, Database database, int slot, long nowMillis, Place place) {
    long header = database.header(slot);
    return header != 0 && seat.values.dictionary().nextDue(header, nowMillis, place);
  }

  /// No key or field of the slot expires earlier than this; milliseconds since 1970. Slot lock.
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
    for (int number = nextUsed(0); number >= 0; number = nextUsed(number + 1)) {
      Database.free(seat, database(number).detach());
    }
    seat.leave();
    seat.close();
  }
}
