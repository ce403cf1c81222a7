package dev.spinel.keyspace;

import dev.spinel.value.Dictionary;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The keys of one database: for each slot the address of its table's header, or 0 before the first
/// write to it.
///
/// The addresses stand in pages of 128 slots. A page is made with the first write to one of its
/// slots, so a database with one key takes 1.5 KB and one without any nothing: there may be
/// thousands.
///
/// ```
///   pages[slot / 128][slot % 128] ──► header (64 B) ──► the slot's table
///     │
///     └─► NO_PAGE: zeros, shared by all places where nothing was written
/// ```
///
/// The contents move as a whole: FLUSHALL ASYNC and a full sync take the tables out ([#detach]) and
/// leave empty ones. SWAPDB only renumbers databases in their [Keyspace].
public final class Database {
  private static final Runnable AT_ONCE = () -> {};

  private static final int PAGE_BITS = 7;
  private static final int PAGE_SLOTS = 1 << PAGE_BITS;

  /// Never written to.
  private static final long[] NO_PAGE = new long[PAGE_SLOTS];

  /// Never written to.
  private static final long[][] NO_PAGES = noPages();

  /// The addresses: their slot's lock. Pages and their array: this object's monitor, and only when
  /// they take the place of NO_PAGE or NO_PAGES, or a stopped world. Whoever has a slot's lock sees
  /// the page that the last holder of that lock has written to.
  private long[][] pages = NO_PAGES;

  /// Whether some header was ever made. Passes over all databases skip those that were never
  /// written to.
  private volatile boolean used;

  private static long[][] noPages() {
    long[][] none = new long[Slots.COUNT / PAGE_SLOTS][];
    Arrays.fill(none, NO_PAGE);
    return none;
  }

  /// The header of the slot's table, or 0. Slot lock.
  public long header(int slot) {
    return header(pages, slot);
  }

  /// The header of the slot's table among tables that [#tables] or [#detach] gave, or 0.
  static long header(long[][] tables, int slot) {
    return tables[slot >>> PAGE_BITS][slot & PAGE_SLOTS - 1];
  }

  /// Only where the slot's page was made already.
  private static void put(long[][] tables, int slot, long header) {
    long[] page = tables[slot >>> PAGE_BITS];
    assert page != NO_PAGE;
    page[slot & PAGE_SLOTS - 1] = header;
  }

  private synchronized void makePage(int slot) {
    if (pages == NO_PAGES) {
      pages = NO_PAGES.clone();
    }
    int number = slot >>> PAGE_BITS;
    if (pages[number] == NO_PAGE) {
      pages[number] = new long[PAGE_SLOTS];
    }
  }

  /// The header of the slot's table, made if need be. Slot lock.
  public long headerForWrite(Seat seat, int slot) {
    long header = header(slot);
    return header != 0 ? header : make(seat, slot);
  }

  private long make(Seat seat, int slot) {
    if (pages[slot >>> PAGE_BITS] == NO_PAGE) {
      makePage(slot);
    }
    long header = seat.values.allocator().allocateLine(Dictionary.HEADER_BYTES);
    seat.values.dictionary().init(header);
    put(pages, slot, header);
    used = true;
    return header;
  }

  /// Frees the slot's table if it holds nothing: an empty keyspace uses no memory. Slot lock; no
  /// walk is under way.
  public void dropIfEmpty(Seat seat, int slot) {
    long header = header(slot);
    if (header != 0 && seat.values.dictionary().count(header) == 0) {
      seat.values.dictionary().clear(header);
      seat.values.allocator().free(header);
      put(pages, slot, 0);
    }
  }

  /// Moves the header of the slot's table if it stands in a sparse slab; returns it, or 0. Slot
  /// lock; no walk is under way.
  long evacuateHeader(Seat seat, int slot) {
    long header = header(slot);
    if (header != 0) {
      header = seat.values.allocator().evacuated(header);
      put(pages, slot, header);
    }
    return header;
  }

  /// Whether it may hold keys.
  public boolean used() {
    return used;
  }

  /// The number of keys, including expired ones that haven't been removed yet. Slots are counted
  /// one after the other, each under its lock, so beside writers the sum may never have been true
  /// at any one moment. The caller holds no slot lock, unless the world stands still.
  public long size(Seat seat) {
    return sum(seat, false, null);
  }

  /// The same without keys that nobody is shown ([Slots#isHidden]).
  public long size(Seat seat, Slots slots) {
    return sum(seat, false, slots);
  }

  /// The number of keys with an expiry, counted as [#size] does.
  public long expiring(Seat seat) {
    return sum(seat, true, null);
  }

  /// The same without keys that nobody is shown.
  public long expiring(Seat seat, Slots slots) {
    return sum(seat, true, slots);
  }

  /// Whether there are hashes with fields that expire; looked at as [#size] counts.
  public boolean hasTimed(Seat seat) {
    Dictionary dictionary = seat.values.dictionary();
    boolean lock = !seat.stopsWorld();
    boolean found = false;
    for (int slot = 0; used && slot < Slots.COUNT && !found; slot++) {
      if (header(slot) != 0) {
        if (lock) {
          seat.lock(slot);
        }
        long header = header(slot);
        found = header != 0 && dictionary.timed(header) != 0;
        if (lock) {
          seat.unlock(slot);
        }
      }
    }
    return found;
  }

  private long sum(Seat seat, boolean onlyExpiring, @Nullable Slots shown) {
    if (!used) {
      return 0;
    }
    Dictionary dictionary = seat.values.dictionary();
    boolean lock = !seat.stopsWorld();
    long sum = 0;
    for (int slot = 0; slot < Slots.COUNT; slot++) {
      if (header(slot) == 0 || shown != null && shown.isHidden(slot)) {
        continue;
      }
      if (lock) {
        seat.lock(slot);
      }
      long header = header(slot);
      if (header != 0) {
        sum += onlyExpiring ? dictionary.expiring(header) : dictionary.count(header);
      }
      if (lock) {
        seat.unlock(slot);
      }
    }
    return sum;
  }

  /// The tables themselves: all that exist now can be found in the result until they are detached.
  /// Stopped world.
  long[][] tables() {
    return pages;
  }

  /// Takes all tables out; the database is empty afterwards. Stopped world (or no other thread
  /// knows the database).
  long[][] detach() {
    long[][] all = pages;
    pages = NO_PAGES;
    used = false;
    return all;
  }

  /// Frees tables that were detached.
  static void free(Seat seat, long[][] tables) {
    for (int slot = 0; slot < Slots.COUNT; slot++) {
      free(seat, tables, slot, AT_ONCE);
    }
  }

  /// Frees one of them, in small steps: `between` runs after each.
  static void free(Seat seat, long[][] tables, int slot, Runnable between) {
    long header = header(tables, slot);
    if (header != 0) {
      put(tables, slot, 0); // first, so that nothing is freed twice if something fails
      seat.values.dictionary().clear(header, between);
      seat.values.allocator().free(header);
    }
  }

  /// Bytes of the headers. Slot by slot, as [#size] counts.
  public long headerBytes() {
    long bytes = 0;
    for (int slot = 0; slot < Slots.COUNT; slot++) {
      bytes += header(slot) == 0 ? 0 : Dictionary.HEADER_BYTES;
    }
    return bytes;
  }
}
