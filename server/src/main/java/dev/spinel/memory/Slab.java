package dev.spinel.memory;

import java.lang.foreign.Arena;

/// 4 MB of the system's memory: 1,024 granules of 4 KB, sixteen of which, aligned, make a full
/// page.
///
/// All mutable fields: the slabs' lock. (Pages are also read with nothing but a live node of them
/// in hand.)
final class Slab {

  static final int GRANULES = Memory.SLAB / SizeClasses.GRANULE;
  static final int PAGE_GRANULES = 16;
  static final int PAGES = GRANULES / PAGE_GRANULES;

  final int index;
  final long address;
  final Arena arena;

  /// A set bit is a free granule.
  private final long[] bits = new long[GRANULES / Long.SIZE];

  /// A set bit is a full page all of whose granules are free.
  private long freePages = -1;

  int freeGranules = GRANULES;

  /// No free run is longer; refreshed when a search fails.
  int longest = GRANULES;

  /// To be emptied: no page or run is taken from it.
  boolean marked;

  /// By number of the full page: the page that covers it whole …
  private final Page[] whole = new Page[PAGES];

  /// … or those smaller or longer than that, by their first granule.
  private final Page[][] parts = new Page[PAGES][];

  Slab(int index, long address, Arena arena) {
    this.index = index;
    this.address = address;
    this.arena = arena;
    java.util.Arrays.fill(bits, -1L);
  }

  int freePages() {
    return Long.bitCount(freePages);
  }

  boolean empty() {
    return freeGranules == GRANULES;
  }

  /// The page in which `a` lies. Pages of a few granules enter themselves under each of them.
  Page page(long a) {
    int granule = (int) (a - address) >> SizeClasses.GRANULE_BITS;
    Page page = whole[granule / PAGE_GRANULES];
    return page != null ? page : parts[granule / PAGE_GRANULES][granule % PAGE_GRANULES];
  }

  void enter(Page page) {
    int first = (int) (page.address - address) >> SizeClasses.GRANULE_BITS;
    if (page.granules == PAGE_GRANULES && first % PAGE_GRANULES == 0) {
      whole[first / PAGE_GRANULES] = page;
      return;
    }
    // a run is found by its beginning alone, a page by any of its nodes
    int last = page.depot == null ? first : first + page.granules - 1;
    for (int g = first; g <= last; g++) part(g / PAGE_GRANULES)[g % PAGE_GRANULES] = page;
  }

  void leave(Page page) {
    int first = (int) (page.address - address) >> SizeClasses.GRANULE_BITS;
    if (page.granules == PAGE_GRANULES && first % PAGE_GRANULES == 0) {
      whole[first / PAGE_GRANULES] = null;
      return;
    }
    int last = page.depot == null ? first : first + page.granules - 1;
    for (int g = first; g <= last; g++) parts[g / PAGE_GRANULES][g % PAGE_GRANULES] = null;
    for (int p = first / PAGE_GRANULES; p <= last / PAGE_GRANULES; p++) {
      if ((freePages >>> p & 1) != 0) parts[p] = null;
    }
  }

  private Page[] part(int p) {
    if (parts[p] == null) parts[p] = new Page[PAGE_GRANULES];
    return parts[p];
  }

  /// All pages and runs, each once.
  void forEach(java.util.function.Consumer<Page> action) {
    for (int p = 0; p < PAGES; p++) {
      if (whole[p] != null) {
        action.accept(whole[p]);
      } else if (parts[p] != null) {
        for (int g = 0; g < PAGE_GRANULES; g++) {
          Page page = parts[p][g];
          if (page != null
              && page.address
                  == address + ((long) (p * PAGE_GRANULES + g) << SizeClasses.GRANULE_BITS)) {
            action.accept(page);
          }
        }
      }
    }
  }

  /// Where `n` free granules lie in a row, or −1. Sixteen are a full page; fewer are looked for in
  /// pages that are broken already, first.
  int find(int n) {
    if (n == PAGE_GRANULES)
      return freePages == 0 ? -1 : Long.numberOfTrailingZeros(freePages) * PAGE_GRANULES;
    int at = n < PAGE_GRANULES ? search(n, true) : -1;
    return at >= 0 ? at : search(n, false);
  }

  private int search(int n, boolean broken) {
    int length = 0;
    int best = 0;
    for (int i = 0; i < bits.length; i++) {
      long word = bits[i];
      if (broken) word &= ~wholePages(i);
      if (word == 0) {
        length = 0;
        continue;
      }
      if (word == -1L) {
        length += Long.SIZE;
        if (length >= n) return (i + 1) * Long.SIZE - length;
        best = Math.max(best, length);
        continue;
      }
      for (int b = 0; b < Long.SIZE; ) {
        long rest = word >>> b;
        if ((rest & 1) == 0) {
          length = 0;
          if (rest == 0) break;
          b += Long.numberOfTrailingZeros(rest);
        } else {
          int ones = Long.numberOfTrailingZeros(~rest);
          length += ones;
          b += ones;
          if (length >= n) return i * Long.SIZE + b - length;
          best = Math.max(best, length);
        }
      }
    }
    if (!broken) longest = best;
    return -1;
  }

  /// The bits of word `i` that belong to wholly free pages.
  private long wholePages(int i) {
    long mask = 0;
    for (int k = 0; k < 4; k++)
      if ((freePages >>> (i * 4 + k) & 1) != 0) mask |= 0xffffL << (k * PAGE_GRANULES);
    return mask;
  }

  void claim(int at, int n) {
    for (int g = at; g < at + n; g++) {
      assert (bits[g >> 6] >>> g & 1) != 0;
      bits[g >> 6] &= ~(1L << g);
    }
    for (int p = at / PAGE_GRANULES; p <= (at + n - 1) / PAGE_GRANULES; p++)
      freePages &= ~(1L << p);
    freeGranules -= n;
  }

  void release(int at, int n) {
    for (int g = at; g < at + n; g++) {
      assert (bits[g >> 6] >>> g & 1) == 0;
      bits[g >> 6] |= 1L << g;
    }
    for (int p = at / PAGE_GRANULES; p <= (at + n - 1) / PAGE_GRANULES; p++) {
      if ((bits[p >> 2] >>> (p % 4 * PAGE_GRANULES) & 0xffff) == 0xffff) freePages |= 1L << p;
    }
    freeGranules += n;
    longest = freeGranules;
  }
}
