package dev.spinel.memory;

import org.jspecify.annotations.Nullable;

/// All nodes of one size class that no allocator has: a few full magazines, and the pages.
///
/// Allocators come here once per magazine, not once per node. A full magazine changes hands by
/// exchanging arrays; only when there is none (or there are [#MAGAZINES] already) do nodes come
/// from the pages and go back to them. Pages are kept in four lists by how full they are, and the
/// fullest serve first: so the others can drain, and a drained page goes back to its slab and may
/// serve another class.
///
/// A class begins with four small pages, for a store of a few keys must not take 64 KB for each
/// size that occurs in it.
///
/// Lock: this object's monitor, for all mutable fields; the slabs' lock may be taken inside it.
final class Depot {

  static final int UNLISTED = -1;

  private static final int MAGAZINES = 4;
  private static final int MAGAZINE_BYTES = 8 << 10;
  private static final int LISTS = 4;
  private static final int SMALL_PAGES = 4;

  final int sizeClass;
  final int nodeBytes;

  /// Nodes per magazine.
  final int rounds;

  private final Memory memory;
  private final PageMap map;
  private final Slabs slabs;

  private final long[][] full = new long[MAGAZINES][];
  private int fulls;

  /// Arrays that lost their nodes, so that none is made while magazines change hands.
  private final long[][] empty = new long[MAGAZINES][];

  private int empties;

  /// Pages with free nodes, by quarter: 3 is nearly full.
  private final Page[] lists = new Page[LISTS];

  private long pageBytes;
  private long nodes;
  private long freeNodes;

  Depot(int sizeClass, Memory memory, PageMap map, Slabs slabs) {
    this.sizeClass = sizeClass;
    this.nodeBytes = SizeClasses.bytes(sizeClass);
    this.rounds = rounds(nodeBytes);
    this.memory = memory;
    this.map = map;
    this.slabs = slabs;
  }

  /// 8 KB worth, 8 to 128 of them; fewer of the large ones.
  private static int rounds(int nodeBytes) {
    if (nodeBytes > SizeClasses.GRANULE) return 2;
    return Math.max(8, Math.min(128, MAGAZINE_BYTES / nodeBytes));
  }

  /// A full magazine for an empty one; or null, and the empty one stays the caller's.
  synchronized long @Nullable [] exchangeEmpty(long[] magazine) {
    if (fulls == 0) return null;
    long[] exchanged = full[--fulls];
    full[fulls] = null;
    if (empties < MAGAZINES) empty[empties++] = magazine;
    return exchanged;
  }

  /// An empty magazine for a full one. If there are enough full ones, this one's nodes go to their
  /// pages.
  synchronized long[] exchangeFull(long[] magazine) {
    if (fulls == MAGAZINES) {
      putBack(magazine, rounds);
      return magazine;
    }
    full[fulls++] = magazine;
    if (empties == 0) return new long[rounds];
    long[] exchanged = empty[--empties];
    empty[empties] = null;
    return exchanged;
  }

  /// Fills `into` with at least one node, from the pages.
  int fill(long[] into) {
    while (true) {
      int n = draw(into);
      if (n > 0) return n;
      Page page =
          slabs.take(granulesOfNextPage(), this, sizeClass + 1); // may wait, so it holds no lock
      if (Memory.CHECKED) memory.poison(page.address, (long) page.granules * SizeClasses.GRANULE);
      add(page);
    }
  }

  private synchronized int granulesOfNextPage() {
    int small = (nodeBytes + SizeClasses.GRANULE - 1) >> SizeClasses.GRANULE_BITS;
    return pageBytes < (long) SMALL_PAGES * small * SizeClasses.GRANULE
        ? small
        : Slab.PAGE_GRANULES;
  }

  private synchronized int draw(long[] into) {
    int n = 0;
    while (n < rounds) {
      Page page = fullest();
      if (page == null) break;
      int before = n;
      n = page.take(memory, into, n, rounds);
      freeNodes -= n - before;
      relist(page);
    }
    return n;
  }

  private @Nullable Page fullest() {
    for (int i = LISTS - 1; i >= 0; i--) if (lists[i] != null) return lists[i];
    return null;
  }

  private synchronized void add(Page page) {
    if (page.marked) { // its slab was marked since; nothing is on it yet
      slabs.release(page);
      return;
    }
    page.clear(memory);
    pageBytes += (long) page.granules * SizeClasses.GRANULE;
    nodes += page.nodes;
    freeNodes += page.nodes;
    relist(page);
  }

  /// The first `n` of `magazine` go back to the pages that they came from.
  synchronized void putBack(long[] magazine, int n) {
    for (int i = 0; i < n; i++) putBack(magazine[i]);
  }

  synchronized void putBack(long node) {
    Page page = map.page(node);
    page.put(memory, node);
    freeNodes++;
    if (page.free < page.nodes) relist(page);
    else giveUp(page);
  }

  private void giveUp(Page page) {
    unlist(page);
    pageBytes -= (long) page.granules * SizeClasses.GRANULE;
    nodes -= page.nodes;
    freeNodes -= page.nodes;
    slabs.release(page);
  }

  /// Full magazines go back to the pages.
  synchronized void drain() {
    while (fulls > 0) {
      putBack(full[--fulls], rounds);
      full[fulls] = null;
    }
  }

  /// From now on no node of `page` is handed out, and those that are freed go straight back to it.
  synchronized void mark(Page page) {
    if (page.gone) return;
    page.marked = true;
    slabs.mapMark(page, (sizeClass + 1) | PageMap.MARK);
    if (page.free == page.nodes) giveUp(page);
    else unlist(page);
  }

  synchronized void unmark(Page page) {
    if (page.gone) return;
    page.marked = false;
    slabs.mapMark(page, sizeClass + 1);
    relist(page);
  }

  /// Null if the class owns nothing.
  synchronized HeapStats.@Nullable SizeClass stats() {
    return pageBytes == 0 ? null : new HeapStats.SizeClass(nodeBytes, pageBytes, nodes - freeNodes);
  }

  private void relist(Page page) {
    int list = UNLISTED;
    if (page.free > 0 && !page.marked) {
      int quarter = (page.nodes + 3) >> 2;
      int free = page.free;
      list = free <= quarter ? 3 : free <= 2 * quarter ? 2 : free <= 3 * quarter ? 1 : 0;
    }
    if (list == page.list) return;
    unlist(page);
    if (list == UNLISTED) return;
    page.list = list;
    page.next = lists[list];
    if (page.next != null) page.next.previous = page;
    lists[list] = page;
  }

  private void unlist(Page page) {
    if (page.list == UNLISTED) return;
    if (page.previous != null) page.previous.next = page.next;
    else lists[page.list] = page.next;
    if (page.next != null) page.next.previous = page.previous;
    page.previous = null;
    page.next = null;
    page.list = UNLISTED;
  }
}
