package dev.spinel.memory;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What stands at an address: one byte for each granule of 4 KB, and the slab.
///
/// A free must learn the size class of a node from nothing but its address. A header in each slab
/// would do, if slabs were aligned to their own size; apart, the map asks nothing of where slabs
/// lie, takes no room from pages, and a free of a cold node touches neither node nor slab.
///
/// ```
/// address   … | region: k bits | granule: 16 bits | 12 bits
///                    │                 │
///             regions[k] ──────► byte[65536]        256 MB of address space each
/// ```
///
/// The root is indexed by as many low bits as tell the regions in use apart: they are neighbours,
/// so that is few; it doubles when two collide. Two dependent loads, both of them in cache: a line
/// of a region covers 256 KB of data.
///
/// The byte is 0 where no node may begin, `class + 1` on all granules of a page, [#RUN] on the
/// first of a run; the granule after that holds the run's length − 1. Negative: the page is to be
/// emptied ([#MARK]).
///
/// Written under the slabs' lock, before an address of the page gets out; read without: an address
/// reaches another thread only through a lock.
@SuppressWarnings("ReferenceEquality") // VOID is known by its identity
final class PageMap {

  static final int RUN = 127;
  static final int MARK = 0x80;
  static final int CODE = 0x7f;

  private static final int REGION_BITS = 28;
  private static final int REGION_GRANULES = 1 << (REGION_BITS - SizeClasses.GRANULE_BITS);
  private static final int REGION_FRAMES = 1 << (REGION_BITS - Memory.SLAB_BITS);

  /// Stands where there is no region, so that reading needs no test.
  private static final byte[] VOID = new byte[REGION_GRANULES];

  private byte[][] regions = new byte[16][];
  private long[] regionNumbers = new long[16];

  /// By region and frame (4 MB of address space): the slab that begins there. At most one does.
  private Slab[][] slabs = new Slab[16][];

  PageMap() {
    Arrays.fill(regions, VOID);
  }

  /// The byte of the granule in which `address` lies, negative if its page is marked.
  int get(long address) {
    byte[][] root = regions;
    return root[(int) (address >>> REGION_BITS) & (root.length - 1)][
        (int) (address >>> SizeClasses.GRANULE_BITS) & (REGION_GRANULES - 1)];
  }

  void set(long address, int code) {
    regions[(int) (address >>> REGION_BITS) & (regions.length - 1)][
            (int) (address >>> SizeClasses.GRANULE_BITS) & (REGION_GRANULES - 1)] =
        (byte) code;
  }

  /// Granules of the run that begins at `address`.
  int runGranules(long address) {
    return (get(address + SizeClasses.GRANULE) & 0xff) + 1;
  }

  /// The slab in which `address` lies, or null. Slabs' lock, or an address of a live node.
  @Nullable Slab slab(long address) {
    Slab slab = beginningIn(address);
    if (slab == null || address < slab.address) slab = beginningIn(address - Memory.SLAB);
    return slab != null && address >= slab.address && address - slab.address < Memory.SLAB
        ? slab
        : null;
  }

  private @Nullable Slab beginningIn(long address) {
    Slab[][] root = slabs;
    Slab[] region = root[(int) (address >>> REGION_BITS) & (root.length - 1)];
    return region == null
        ? null
        : region[(int) (address >>> Memory.SLAB_BITS) & (REGION_FRAMES - 1)];
  }

  /// The page in which the node at `address` lies. Only for a live node: then the page stays.
  Page page(long address) {
    return Objects.requireNonNull(slab(address)).page(address);
  }

  /// Makes room for the bytes of a new slab. Slabs' lock.
  void add(Slab slab) {
    region(slab.address);
    region(slab.address + Memory.SLAB - 1);
    slabs[slot(slab.address)][(int) (slab.address >>> Memory.SLAB_BITS) & (REGION_FRAMES - 1)] =
        slab;
  }

  /// Forgets a slab whose bytes are all 0 again. Its region stays. Slabs' lock.
  void remove(Slab slab) {
    slabs[slot(slab.address)][(int) (slab.address >>> Memory.SLAB_BITS) & (REGION_FRAMES - 1)] =
        null;
  }

  private int slot(long address) {
    return (int) (address >>> REGION_BITS) & (regions.length - 1);
  }

  private void region(long address) {
    long number = address >>> REGION_BITS;
    while (regions[slot(address)] != VOID && regionNumbers[slot(address)] != number) doubleRoot();
    int slot = slot(address);
    if (regions[slot] != VOID) return;
    regionNumbers[slot] = number;
    slabs[slot] = new Slab[REGION_FRAMES];
    regions[slot] = new byte[REGION_GRANULES];
  }

  /// Readers see the old root or the new one; both are right for every address that they may hold.
  private void doubleRoot() {
    int size = regions.length * 2;
    byte[][] newRegions = new byte[size][];
    long[] newNumbers = new long[size];
    Slab[][] newSlabs = new Slab[size][];
    Arrays.fill(newRegions, VOID);
    for (int i = 0; i < regions.length; i++) {
      if (regions[i] == VOID) continue;
      int slot = (int) regionNumbers[i] & (size - 1);
      newRegions[slot] = regions[i];
      newNumbers[slot] = regionNumbers[i];
      newSlabs[slot] = slabs[i];
    }
    regionNumbers = newNumbers;
    slabs = newSlabs;
    regions = newRegions;
  }
}
