package dev.spinel.keyspace;

import dev.spinel.value.Dictionary;

/// The keys of one database: for each slot the address of its table's header, or 0 before the first
/// write to it.
///
/// The contents move as a whole: FLUSHALL ASYNC and a full sync take the tables out ([#detach]) and
/// leave empty ones. SWAPDB only renumbers databases in their [Keyspace].
public final class Database {
  private static final Runnable AT_ONCE = () -> {};

  private long[] headers =
      new long[Slots.COUNT]; // each element: its slot's lock; the array: stopped world
  private volatile boolean
      used; // some header was ever made: lets walks over all databases skip the untouched

  /// The header of the slot's table, or 0. Slot lock.
  public long header(int slot) {
    return headers[slot];
  }

  /// The header of the slot's table, made if need be. Slot lock.
  public long headerForWrite(Seat seat, int slot) {
    long header = headers[slot];
    return header != 0 ? header : make(seat, slot);
  }

  private long make(Seat seat, int slot) {
    long header = seat.values.allocator().allocateLine(Dictionary.HEADER_BYTES);
    seat.values.dictionary().init(header);
    headers[slot] = header;
    used = true;
    return header;
  }

  /// Frees the slot's table if it holds nothing: an empty keyspace uses no memory. Slot lock; no
  /// walk is under way.
  public void dropIfEmpty(Seat seat, int slot) {
    long header = headers[slot];
    if (header != 0 && seat.values.dictionary().count(header) == 0) {
      seat.values.dictionary().clear(header);
      seat.values.allocator().free(header);
      headers[slot] = 0;
    }
  }

  /// Moves the header of the slot's table if it stands in a sparse slab; returns it, or 0. Slot
  /// lock; no walk is under way.
  long evacuateHeader(Seat seat, int slot) {
    long header = headers[slot];
    return header == 0 ? 0 : (headers[slot] = seat.values.allocator().evacuated(header));
  }

  /// Whether it may hold keys.
  public boolean used() {
    return used;
  }

  /// The number of keys, expired ones that nobody met yet included. Slot by slot, each under its
  /// lock: with writers at work, a number that no single moment may have seen. No slot lock may be
  /// held, unless the world stands still.
  public long size(Seat seat) {
    return sum(seat, false);
  }

  /// The number of keys with an expiry, counted as [#size] does.
  public long expiring(Seat seat) {
    return sum(seat, true);
  }

  private long sum(Seat seat, boolean onlyExpiring) {
    if (!used) {
      return 0;
    }
    Dictionary dictionary = seat.values.dictionary();
    boolean lock = !seat.stopsWorld();
    long sum = 0;
    for (int slot = 0; slot < Slots.COUNT; slot++) {
      if (headers[slot] == 0) {
        continue;
      }
      if (lock) {
        seat.lock(slot);
      }
      long header = headers[slot];
      if (header != 0) {
        sum += onlyExpiring ? dictionary.expiring(header) : dictionary.count(header);
      }
      if (lock) {
        seat.unlock(slot);
      }
    }
    return sum;
  }

  /// The tables themselves, which stay the same until they are detached. Stopped world.
  long[] tables() {
    return headers;
  }

  /// Takes all tables out; the database is empty afterwards. Stopped world (or nobody else knows
  /// the database).
  long[] detach() {
    long[] all = headers;
    headers = new long[Slots.COUNT];
    used = false;
    return all;
  }

  /// Frees tables that were detached.
  static void free(Seat seat, long[] tables) {
    for (int slot = 0; slot < tables.length; slot++) {
      free(seat, tables, slot, AT_ONCE);
    }
  }

  /// Frees one of them, in small steps: `between` runs after each.
  static void free(Seat seat, long[] tables, int slot, Runnable between) {
    long header = tables[slot];
    if (header != 0) {
      tables[slot] = 0; // first: nothing is freed twice, whatever goes wrong
      seat.values.dictionary().clear(header, between);
      seat.values.allocator().free(header);
    }
  }

  /// Bytes of the headers. Slot by slot, as [#size] counts.
  public long headerBytes() {
    long bytes = 0;
    for (long header : headers) {
      bytes += header == 0 ? 0 : Dictionary.HEADER_BYTES;
    }
    return bytes;
  }
}
