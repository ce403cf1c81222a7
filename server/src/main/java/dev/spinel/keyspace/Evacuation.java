package dev.spinel.keyspace;

import dev.spinel.memory.Heap;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.Slice;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/// Gives memory back to the system that deletions have left in sparsely used slabs.
///
/// Deleting most keys of a store at random empties hardly any page. So when much more memory is
/// resident than in use, the heap marks its sparsest slabs ([Heap#markSparse]). This pass then
/// visits all databases, slot by slot and leaf by leaf, and moves the nodes in those slabs
/// elsewhere; the slabs that become empty go back to the system.
///
/// ```
///   cycle of the keeper (every 100 ms, a quarter of it at most)
///     due?  mark, flush allocators ─► database 0: slot 0 … 16383 ─► database 1 … ─► unmark
///                     lock · one leaf, its entries, their small values · unlock · breathe
///                     large values: their keys (and fields) are noted, then
///                     lock · find · a few nodes · unlock · breathe, until done
/// ```
///
/// A node has one referrer and no address outlives a slot's lock, so the thread that holds the lock
/// may move the slot's nodes. A snapshot keeps addresses: while one is under way nothing is moved,
/// and a cut ends the pass (it happens in a stopped world, hence between two locks).
///
/// Arguments and replies under way aren't moved, because something else than the index refers to
/// them; nor is a list's element of more than 4 MB, which fills slabs by itself.
///
/// Belongs to the keeper's thread, but for the counts.
final class Evacuation {
  /// After a pass the next one waits so long, and longer if the pass moved nothing.
  private static final long REST_NANOS = 1_000_000_000L;

  private static final long LONG_REST_NANOS = 60_000_000_000L;

  /// A large value, of a key or of a field, and where in it to go on.
  private record Large(int database, int slot, byte[] key, byte @Nullable [] field, long next) {
    Large from(long next) {
      return new Large(database, slot, key, field, next);
    }
  }

  private final Keyspace keyspace;
  private final ArrayDeque<Large> large = new ArrayDeque<>();
  private final Place place = new Place();
  private final Place inner = new Place(); // of a field
  private volatile boolean running;
  private volatile long moved; // of passes and steps that are over
  private volatile long nanos;
  private long movedBefore; // this pass
  private long restUntil = System.nanoTime();
  private int database;
  private int slot;
  private long hash;

  Evacuation(Keyspace keyspace) {
    this.keyspace = keyspace;
  }

  boolean running() {
    return running;
  }

  /// Nodes moved since the start.
  long moved() {
    return moved;
  }

  /// Nanoseconds spent since the start.
  long nanos() {
    return nanos;
  }

  /// Begins a pass if one is worth it, or goes on with it, until `deadline` (as [System#nanoTime]
  /// counts). The seat isn't taken.
  void cycle(Seat seat, long deadline) {
    long began = System.nanoTime();
    boolean begins = !running;
    if (begins) {
      if (began - restUntil < 0 || keyspace.walk().active() || !keyspace.heap().markSparse()) {
        return;
      }
      running = true;
      movedBefore = moved;
      database = 0;
      slot = 0;
      hash = 0;
    }
    boolean over = true; // unless it comes to the end of its time: a pass that fails ends
    long before = seat.values.allocator().evacuations();
    try {
      over = advance(seat, begins, deadline);
    } finally {
      moved += seat.values.allocator().evacuations() - before;
      nanos += System.nanoTime() - began;
      if (over) {
        end();
      }
    }
  }

  private void end() {
    large.clear();
    keyspace.heap().unmark();
    running = false;
    restUntil = System.nanoTime() + (moved == movedBefore ? LONG_REST_NANOS : REST_NANOS);
  }

  /// Goes on until `deadline`. True if there is nothing left to do.
  private boolean advance(Seat seat, boolean begins, long deadline) {
    seat.enter();
    try {
      if (begins) {
        keyspace.world().stop(seat, this::flush);
      }
      boolean over = false;
      while (!over && System.nanoTime() - deadline < 0) {
        over = keyspace.walk().active() || !step(seat);
        seat.breathe();
      }
      return over;
    } finally {
      seat.leave();
    }
  }

  /// Has the allocators of idle seats give back the free nodes that they keep, as each of those
  /// holds a whole slab. Stopped world.
  private void flush() {
    for (Seat each : keyspace.world().seats()) {
      each.values.allocator().flush();
    }
  }

  /// Takes one lock and does one step under it. False if there is nothing left to do.
  private boolean step(Seat seat) {
    Large next = large.poll();
    if (next != null) {
      moveLarge(seat, next);
      return true;
    }
    while (true) {
      int used = keyspace.nextUsed(database);
      if (used != database) {
        slot = 0;
        hash = 0;
      }
      if (used < 0) {
        return false;
      }
      database = used;
      Database keys = keyspace.database(database);
      for (; slot < Slots.COUNT; slot++, hash = 0) {
        if (keys.header(slot) != 0) {
          moveLeaf(seat, keys);
          return true;
        }
      }
      database++;
      slot = 0;
      hash = 0;
    }
  }

  private void moveLeaf(Seat seat, Database keys) {
    int number = database;
    int at = slot;
    seat.lock(at);
    try {
      long header = keys.evacuateHeader(seat, at);
      hash =
          header == 0
              ? 0
              : seat.values
                  .dictionary()
                  .evacuate(header, hash, (holder, entry) -> note(seat, number, at, holder, entry));
    } finally {
      seat.unlock(at);
    }
    if (hash == 0) {
      slot++;
    }
  }

  private void note(Seat seat, int number, int at, long holder, long entry) {
    byte[] name = Entry.key(seat.values.memory(), entry);
    large.addFirst(
        holder == 0
            ? new Large(number, at, name, null, 0)
            : new Large(number, at, Entry.key(seat.values.memory(), holder), name, 0));
  }

  /// Moves a few nodes of a large value, which may have changed or gone since it was noted. Large
  /// values inside it come first, so that the names of no more than a few leaves are noted at once.
  private void moveLarge(Seat seat, Large what) {
    Dictionary dictionary = seat.values.dictionary();
    long next = 0;
    seat.lock(what.slot);
    try {
      long entry = find(seat, what);
      if (entry != 0) {
        next =
            dictionary.evacuateLarge(
                entry,
                what.next,
                (holder, field) -> note(seat, what.database, what.slot, holder, field));
      }
    } finally {
      seat.unlock(what.slot);
    }
    if (next != 0) {
      large.addLast(what.from(next));
    }
  }

  /// The entry of a key or field, or 0.
  private long find(Seat seat, Large what) {
    Dictionary dictionary = seat.values.dictionary();
    var memory = seat.values.memory();
    long header = keyspace.database(what.database).header(what.slot);
    Slice key = new Slice(what.key);
    if (header == 0 || !dictionary.find(header, dictionary.hash(key), key, place)) {
      return 0;
    }
    if (what.field == null) {
      return place.entry;
    }
    if (!Entry.isNested(Entry.encoding(memory, place.entry))) {
      return 0;
    }
    Slice field = new Slice(what.field);
    long nested = Entry.valueAddress(memory, place.entry);
    return dictionary.find(nested, dictionary.hash(field), field, inner) ? inner.entry : 0;
  }
}
