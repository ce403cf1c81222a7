package dev.spinel.memory;

import static dev.spinel.memory.SizeClasses.GRANULE;
import static dev.spinel.memory.SizeClasses.GRANULE_BITS;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// All slabs of a heap, from the lowest. A page or a run is taken from the first slab that has
/// room, so that the last become empty.
///
/// **One thread talks to the system.** Taking 4 MB costs 2 to 5 ms where it is zeroed and faulted
/// in page by page ([SlabSource]), up to 30 ms beside a busy neighbour; closing costs 0.4 ms. No
/// command should pay that, so a daemon of the heap makes slabs *ahead of need*: it keeps
/// [#reservePages()] full pages free, more of them the larger the heap, and more for a while after
/// a request had to wait. Of the empty slabs beyond that, those go back that nothing has needed for
/// [#SURPLUS_MILLIS]: as many as were surplus all that time. So a queue that fills and drains
/// doesn't keep it busy.
///
/// A request that finds nothing waits for the daemon; if the system refuses, it gets an
/// [OutOfMemoryError] and the heap is as it was.
///
/// Lock: this object's monitor. Depots take it while they hold their own, never the other way
/// round; the daemon holds neither while it talks to the system.
final class Slabs {

  private static final long SURPLUS_MILLIS = 1000;
  private static final long REFUSED_MILLIS = 100;
  private static final long QUIET_MILLIS = 500;
  private static final long BOOST_MILLIS = 100;
  private static final long LOOK_MILLIS = 50;
  private static final int MAX_RESERVE_SLABS = 16;
  private static final long PAGE_BYTES = (long) Slab.PAGE_GRANULES * GRANULE;
  private static final int MOST_DEMANDED = 1 << 24; // pages

  /// Bounded mode: so many indexes stay unused after their slab, that a stale address is an
  /// exception.
  private static final int QUARANTINE = 64;

  private final Memory memory;
  private final PageMap map;
  private final Runnable trim;
  private final Thread daemon;

  /// By index, null where there is none; 0 never is one. Replaced, never shrunk.
  private Slab[] table = new Slab[4];

  private int lastIndex;
  private int count;
  private final ArrayDeque<Integer> retired = new ArrayDeque<>();

  /// Over all slabs that are not marked.
  private int freePages;

  /// The fewest of them at any time since the daemon last set this.
  private int fewestFree;

  private int emptySlabs;

  /// `cursor[b]`: no slab below has `1 << b` free granules in a row. `pageCursor`: … has a full
  /// page free.
  private final int[] cursor = new int[9];

  private int pageCursor;

  /// Where [#find(int)] found room.
  private int found;

  /// A request waits for a slab.
  private boolean wanted;

  /// So many pages somebody waits for who is about to take them; 0: nobody.
  private int demandedPages;

  private int mostSlabs = Integer.MAX_VALUE; // see most

  /// Attempts of the daemon that the system has refused.
  private int refusals;

  /// Slabs kept beyond the usual reserve, because a request had to wait.
  private int boost;

  /// Pages and runs given back since the last trim.
  private int releases;

  /// The daemon sleeps, but not for long: it needn't be woken for what can wait.
  private boolean looksAgain;

  private boolean closed;
  private volatile SlabSource source = (arena, bytes) -> arena.allocate(bytes, GRANULE);

  /// Making a slab ended with something that is not a want of memory: a request that waits gets it
  /// as cause.
  private @Nullable Throwable failure;

  /// @param trim asks depots and allocators to give back what they keep; run by the daemon, without
  ///   a lock
  Slabs(Memory memory, PageMap map, Runnable trim) {
    this.memory = memory;
    this.map = map;
    this.trim = trim;
    this.daemon = new Thread(this::serve, "spinel-slabs");
    daemon.setDaemon(true);
  }

  void start() {
    daemon.start();
  }

  /// A page of `granules` for nodes of `depot`; with `depot` null a run.
  Page take(int granules, @Nullable Depot depot, int code) {
    boolean interrupted = false;
    try {
      synchronized (this) {
        int seen = refusals;
        while (true) {
          Slab slab = find(granules);
          if (slab != null) return claim(slab, granules, depot, code);
          if (closed) throw new IllegalStateException("the heap is closed");
          if (failure != null) throw new IllegalStateException("the slab daemon has died", failure);
          if (refusals != seen)
            throw new OutOfMemoryError("the system refuses another 4 MB of memory");
          if (!wanted && count > 0) boost = Math.min(count / 16 + 1, boost + 1);
          wanted = true;
          notifyAll();
          try {
            wait();
          } catch (InterruptedException e) {
            interrupted =
                true; // whose interrupt it is finds out later: half an allocation can't be left
          }
        }
      }
    } finally {
      if (interrupted) Thread.currentThread().interrupt();
    }
  }

  /// Waits until pages for `bytes` are free. Returns false if the system refuses them, or the heap
  /// is closed. Others may take them before the caller does.
  boolean makeFree(long bytes) {
    int pages = (int) Math.min(MOST_DEMANDED, bytes / PAGE_BYTES + 1);
    if (freePages >= pages) return true; // without the lock: good enough to be sure of so many
    boolean interrupted = false;
    try {
      synchronized (this) {
        int seen = refusals;
        while (freePages < pages) {
          if (closed || failure != null || refusals != seen) return false;
          demandedPages = Math.max(demandedPages, pages);
          notifyAll();
          try {
            wait();
          } catch (InterruptedException e) {
            interrupted = true;
          }
        }
        return true;
      }
    } finally {
      synchronized (this) {
        demandedPages = 0; // whoever else demands some says so again
        notifyAll();
      }
      if (interrupted) Thread.currentThread().interrupt();
    }
  }

  /// From now on slabs come from there.
  void from(SlabSource other) {
    source = other;
  }

  /// From now on there are never more than so many slabs: the system refuses others. For tests.
  synchronized void most(int slabs) {
    mostSlabs = slabs;
  }

  /// The first slab with room, and where in [#found]; or null.
  private @Nullable Slab find(int granules) {
    boolean page = granules == Slab.PAGE_GRANULES;
    int bucket = 31 - Integer.numberOfLeadingZeros(granules);
    boolean nothingBelow = true;
    for (int i = page ? pageCursor : cursor[bucket]; i <= lastIndex; i++) {
      Slab slab = table[i];
      if (slab != null && !slab.marked) {
        found = page || slab.longest >= granules ? slab.find(granules) : -1;
        if (found >= 0) return slab;
        nothingBelow &= page || slab.longest < 1 << bucket;
      }
      if (!nothingBelow) continue;
      if (page) pageCursor = i + 1;
      else cursor[bucket] = i + 1;
    }
    return null;
  }

  private Page claim(Slab slab, int granules, @Nullable Depot depot, int code) {
    if (slab.empty()) emptySlabs--;
    freePages -= slab.freePages();
    slab.claim(found, granules);
    freePages += slab.freePages();
    fewestFree = Math.min(fewestFree, freePages);
    long address = slab.address + ((long) found << GRANULE_BITS);
    Page page =
        new Page(
            slab, address, granules, depot, depot == null ? granules * GRANULE : depot.nodeBytes);
    slab.enter(page);
    if (depot == null) {
      map.set(address, code);
      map.set(address + GRANULE, granules - 1);
    } else {
      for (int i = 0; i < granules; i++) map.set(address + (long) i * GRANULE, code);
    }
    if (freePages < reservePages()) notifyAll();
    return page;
  }

  /// Takes back a page without nodes, or a run.
  synchronized void release(Page page) {
    Slab slab = page.slab;
    page.gone = true;
    for (int i = 0; i < page.granules; i++) map.set(page.address + (long) i * GRANULE, 0);
    if (!slab.marked) freePages -= slab.freePages();
    slab.release((int) (page.address - slab.address) >> GRANULE_BITS, page.granules);
    slab.leave(page);
    if (slab.empty()) {
      emptySlabs++;
      slab.marked = false; // it is empty: it may be used like any other
    }
    if (!slab.marked) {
      freePages += slab.freePages();
      lowerCursors(slab.index);
    }
    releases++;
    if (wanted || !looksAgain) notifyAll();
  }

  private void lowerCursors(int index) {
    for (int b = 0; b < cursor.length; b++) cursor[b] = Math.min(cursor[b], index);
    pageCursor = Math.min(pageCursor, index);
  }

  /// Full pages that should be free at any time.
  private int reservePages() {
    if (count <= 2 && boost == 0) return Math.max(demandedPages, Slab.PAGES / 2);
    return Math.max(
        demandedPages, Slab.PAGES * Math.min(MAX_RESERVE_SLABS, 1 + count / 64 + boost));
  }

  private boolean surplus() {
    return emptySlabs > 0 && surplusSlabs(freePages) > 0;
  }

  /// How many slabs could go if so many pages are free.
  private int surplusSlabs(int free) {
    return Math.max(0, free - reservePages() - Slab.PAGES / 4) / Slab.PAGES;
  }

  // ── the daemon ──

  private void serve() {
    long start = System.nanoTime();
    long surplusSince = 0; // ms since `start`, plus 1; 0: there is none
    int surplus = 0; // slabs that are on their way back
    long quietSince = 0;
    long boostedSince = 0;
    int seenReleases = 0;
    int seenBoost = 0;
    while (true) {
      Slab back = null;
      boolean make = false;
      synchronized (this) {
        if (closed) return;
        long now = (System.nanoTime() - start) / 1_000_000 + 1;
        if (boost > seenBoost) boostedSince = now;
        else if (boost > 0 && now - boostedSince >= BOOST_MILLIS) {
          boost--;
          boostedSince = now;
        }
        seenBoost = boost;
        if (!surplus()) {
          surplus = 0;
          surplusSince = 0;
        } else if (surplusSince == 0) {
          surplusSince = now;
          fewestFree = freePages;
        } else if (now - surplusSince >= SURPLUS_MILLIS) {
          surplus = surplusSlabs(fewestFree);
          surplusSince = now;
          fewestFree = freePages;
        }
        if (releases != seenReleases) quietSince = now;
        seenReleases = releases;

        if (wanted || freePages < reservePages()) {
          make = true;
        } else if (surplus > 0) {
          back = removeLastEmpty();
          surplus--;
        } else if (releases > 0 && now - quietSince >= QUIET_MILLIS) {
          releases = 0;
          seenReleases = 0;
        } else {
          looksAgain = surplusSince != 0 || releases > 0 || boost > 0;
          pause(looksAgain ? LOOK_MILLIS : 0);
          looksAgain = false;
          continue;
        }
      }
      if (make) make();
      else if (back != null) back.arena.close();
      else trim.run();
    }
  }

  /// Called with the lock held.
  @SuppressWarnings("WaitNotInLoop") // the loop is serve()'s
  private void pause(long millis) {
    try {
      wait(millis);
    } catch (InterruptedException e) {
      // nobody has business interrupting it; close() says so by a field
    }
  }

  private void make() {
    Arena arena = Arena.ofShared();
    try {
      synchronized (this) {
        if (count >= mostSlabs) throw new OutOfMemoryError("no more slabs are allowed");
      }
      MemorySegment segment = source.take(arena, Memory.SLAB);
      synchronized (this) {
        if (!closed) {
          add(arena, segment);
          notifyAll();
          return;
        }
      }
      arena.close();
    } catch (OutOfMemoryError e) {
      arena.close();
      synchronized (this) {
        refusals++;
        wanted = false;
        notifyAll();
        if (!closed) pause(REFUSED_MILLIS);
      }
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        failure = e;
        notifyAll();
      }
      throw e;
    }
  }

  private void add(Arena arena, MemorySegment segment) {
    int index = retired.size() > QUARANTINE ? retired.poll() : ++lastIndex;
    if (index >= table.length) table = Arrays.copyOf(table, table.length * 2);
    Slab slab = new Slab(index, memory.attach(index, segment), arena);
    table[index] = slab;
    map.add(slab);
    count++;
    emptySlabs++;
    freePages += Slab.PAGES;
    wanted = false;
    lowerCursors(index);
  }

  private Slab removeLastEmpty() {
    int i = lastIndex;
    while (table[i] == null || !table[i].empty()) i--;
    Slab slab = table[i];
    remove(slab);
    emptySlabs--;
    freePages -= Slab.PAGES;
    return slab;
  }

  private void remove(Slab slab) {
    table[slab.index] = null;
    map.remove(slab);
    memory.detach(slab.index);
    retired.add(slab.index);
    count--;
  }

  // ── evacuation ──

  /// The slabs of this moment, each with the bytes that are out of its pages.
  synchronized List<Slab> all() {
    List<Slab> all = new ArrayList<>(count);
    for (int i = 1; i <= lastIndex; i++) if (table[i] != null) all.add(table[i]);
    return all;
  }

  /// Bytes of the nodes and runs that lie in `slab` and are out of their pages; roughly, while
  /// others work.
  synchronized long outBytes(Slab slab) {
    long[] sum = new long[1];
    slab.forEach(
        page ->
            sum[0] +=
                page.depot == null
                    ? (long) page.granules * GRANULE
                    : (long) page.outNodes() * page.nodeBytes);
    return sum[0];
  }

  /// Takes nothing more from `slab`, marks its runs, and says which pages it has. Null if there is
  /// nothing to empty.
  synchronized @Nullable List<Page> mark(Slab slab) {
    if (slab.marked || slab.empty() || table[slab.index] != slab) return null;
    slab.marked = true;
    freePages -= slab.freePages();
    if (freePages < reservePages()) notifyAll();
    List<Page> pages = new ArrayList<>();
    slab.forEach(
        page -> {
          if (page.depot == null) map.set(page.address, PageMap.RUN | PageMap.MARK);
          else pages.add(page);
        });
    return pages;
  }

  /// Uses `slab` again; says which pages it has. Null if it was emptied in the meantime.
  synchronized @Nullable List<Page> unmark(Slab slab) {
    if (!slab.marked || table[slab.index] != slab) return null;
    slab.marked = false;
    freePages += slab.freePages();
    lowerCursors(slab.index);
    List<Page> pages = new ArrayList<>();
    slab.forEach(
        page -> {
          if (page.depot == null) map.set(page.address, PageMap.RUN);
          else pages.add(page);
        });
    return pages;
  }

  /// Sets or clears the mark in the map for all granules of a page.
  synchronized void mapMark(Page page, int code) {
    for (int i = 0; i < page.granules; i++) map.set(page.address + (long) i * GRANULE, code);
  }

  synchronized int count() {
    return count;
  }

  /// Bytes of the slabs that are not empty.
  synchronized long usedBytes() {
    return (long) (count - emptySlabs) * Memory.SLAB;
  }

  /// Ends the daemon and gives everything back to the system, used or not.
  void close() {
    synchronized (this) {
      if (closed) return;
      closed = true;
      notifyAll();
    }
    boolean interrupted = false;
    while (daemon.isAlive()) {
      try {
        daemon.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) Thread.currentThread().interrupt();
    synchronized (this) {
      for (int i = 1; i <= lastIndex; i++) {
        Slab slab = table[i];
        if (slab == null) continue;
        remove(slab);
        slab.arena.close();
      }
    }
  }
}
