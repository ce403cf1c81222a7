package dev.spinel.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// Hands out nodes and takes them back: one per seat (a thread that touches data), not thread-safe.
///
/// This is Bonwick's magazine layer ("Magazines and Vmem", USENIX 2001). For each size class an
/// allocator keeps two magazines: arrays of addresses of free nodes. Allocating pops one, freeing
/// pushes one, neither takes a lock nor touches the node. Only when both are empty (or full) one of
/// them is exchanged at the class's [Depot]; two, so that who allocates and frees around a boundary
/// doesn't go there each time.
///
/// ```
///   Allocator (thread)            Depot (lock, per class)       Slabs (lock)        system
///   loaded ─┐ pop, push           full magazines ─┐             4 MB slabs
///   spare  ─┴── one magazine ───► pages by fill  ─┴── pages ──► granules of 4 KB ── daemon ──►
/// ```
///
/// A node may be freed by any allocator of the heap; what it kept is then this allocator's. Above
/// 16 KB nodes come from the slabs and go back there at once.
///
/// **Emptying pages.** Who marks sparse pages, or finds that much was freed, raises the heap's
/// *round*; an allocator that sees a new round gives back all that it keeps. Nodes of marked pages
/// never enter a magazine. So none of them is handed out again.
public final class Allocator implements AutoCloseable {

  /// The largest node; longer values are sequences of chunks.
  public static final int MAX_RUN = SizeClasses.MAX_RUN;

  private static final long[] NONE = {};
  private static final VarHandle LIVE = MethodHandles.arrayElementVarHandle(long[].class);

  /// Where the count stands in its array, with a cache line of nobody's on either side.
  private static final int COUNT = 16;

  private final Heap heap;
  private final Memory memory;
  private final PageMap map;
  private final Rack[] racks = new Rack[SizeClasses.COUNT];

  /// Bytes allocated here less bytes freed here: negative where others' nodes are freed. Written by
  /// the owner, read by anybody, exact when the owner rests.
  private final long[] liveBytes = new long[2 * COUNT];

  /// The heap's round when everything was last given back.
  private int round;

  private boolean closed;

  /// The two magazines of one class.
  private static final class Rack {
    final Depot depot;
    final int bytes;
    long[] loaded = NONE;
    int count;
    long[] spare = NONE;
    int spareCount;

    Rack(Depot depot) {
      this.depot = depot;
      this.bytes = depot.nodeBytes;
    }
  }

  Allocator(Heap heap, Memory memory, PageMap map, Depot[] depots) {
    this.heap = heap;
    this.memory = memory;
    this.map = map;
    for (int c = 0; c < racks.length; c++) racks[c] = new Rack(depots[c]);
    this.round = heap.round();
  }

  /// A node of at least `bytes`, 1 to [#MAX_RUN], not cleared. Aligned to 8 bytes; a node whose
  /// capacity is a multiple of 64 is aligned to 64.
  ///
  /// @throws OutOfMemoryError if the system has no more; the heap is as it was
  public long allocate(int bytes) {
    if (bytes > SizeClasses.MAX_CLASS_BYTES) return allocateRun(bytes);
    Rack rack = racks[SizeClasses.of(bytes)];
    int n = rack.count;
    if (n == 0 || round != heap.round()) n = refill(rack);
    rack.count = --n;
    long address = rack.loaded[n];
    account(rack.bytes);
    assert memory.born(address, rack.bytes);
    return address;
  }

  /// A node of at least `bytes` (up to 4 KB) that begins on a cache line: of the smallest leaf size
  /// that holds them.
  public long allocateLine(int bytes) {
    return allocate(lineCapacityFor(bytes));
  }

  /// The leaf sizes: 64 128 192 256 384 512 768 1 K 1.5 K 2 K 3 K 4 K.
  public static int lineCapacityFor(int bytes) {
    if (bytes <= 256) return (bytes + 63) & -64;
    if (bytes > SizeClasses.GRANULE)
      throw new IllegalArgumentException("leaf of " + bytes + " bytes");
    int power = Integer.highestOneBit(bytes - 1);
    return bytes <= power + power / 2 ? power + power / 2 : power * 2;
  }

  /// Takes back a node of this heap, whichever allocator it came from.
  public void free(long address) {
    int code = map.get(address);
    if (code <= 0 || code == PageMap.RUN) {
      freeSpecial(address, code);
      return;
    }
    Rack rack = racks[code - 1];
    assert memory.died(address, rack.bytes);
    int n = rack.count;
    if (n == rack.loaded.length) n = makeRoom(rack);
    rack.loaded[n] = address;
    rack.count = n + 1;
    account(-rack.bytes);
  }

  /// Usable bytes of a live node.
  public int capacity(long address) {
    return heap.capacity(address);
  }

  /// What [#capacity(long)] would say of `allocate(bytes)`.
  public static int capacityFor(int bytes) {
    return SizeClasses.capacityFor(bytes);
  }

  /// To be called now and then by an owner that is idle: gives back what it keeps if the heap has
  /// asked for it.
  public void tick() {
    if (round != heap.round()) flush();
  }

  /// Gives all nodes that are kept for quick reuse back to the heap.
  public void flush() {
    round = heap.round();
    for (Rack rack : racks) {
      if (rack.count > 0) rack.depot.putBack(rack.loaded, rack.count);
      if (rack.spareCount > 0) rack.depot.putBack(rack.spare, rack.spareCount);
      rack.count = 0;
      rack.spareCount = 0;
      rack.loaded = NONE;
      rack.spare = NONE;
    }
  }

  /// The owner has left; its count stays with the heap.
  @Override
  public void close() {
    if (closed) return;
    closed = true;
    flush();
    heap.left(this);
  }

  /// Readable from any thread.
  long liveBytes() {
    return (long) LIVE.getOpaque(liveBytes, COUNT);
  }

  private void account(int bytes) {
    LIVE.setOpaque(liveBytes, COUNT, liveBytes[COUNT] + bytes);
  }

  /// Makes `loaded` non-empty; returns how many it has.
  private int refill(Rack rack) {
    assert !closed;
    tick();
    if (rack.count > 0) return rack.count;
    if (rack.spareCount > 0) {
      exchange(rack);
      return rack.count;
    }
    if (rack.loaded == NONE) rack.loaded = new long[rack.depot.rounds];
    long[] full = rack.depot.exchangeEmpty(rack.loaded);
    if (full == null) return rack.depot.fill(rack.loaded);
    rack.loaded = full;
    return full.length;
  }

  /// Makes `loaded` non-full; returns how many it has.
  private int makeRoom(Rack rack) {
    if (rack.loaded != NONE && rack.spareCount > 0) {
      rack.loaded = rack.depot.exchangeFull(rack.loaded);
      rack.count = 0;
      return 0;
    }
    exchange(rack);
    if (rack.loaded == NONE) rack.loaded = new long[rack.depot.rounds];
    return rack.count;
  }

  private static void exchange(Rack rack) {
    long[] nodes = rack.loaded;
    int count = rack.count;
    rack.loaded = rack.spare;
    rack.count = rack.spareCount;
    rack.spare = nodes;
    rack.spareCount = count;
  }

  private long allocateRun(int bytes) {
    if (bytes > MAX_RUN) throw new IllegalArgumentException("node of " + bytes + " bytes");
    tick();
    long address = heap.takeRun(bytes);
    int capacity = SizeClasses.capacityFor(bytes);
    account(capacity);
    assert memory.born(address, capacity);
    return address;
  }

  /// A run, a node on a marked page, or no node at all.
  private void freeSpecial(long address, int code) {
    int plain = code & PageMap.CODE;
    if (plain == PageMap.RUN) {
      int capacity = heap.capacity(address);
      assert memory.died(address, capacity);
      account(-capacity);
      heap.freeRun(address);
    } else if (code < 0 && plain <= SizeClasses.COUNT) {
      Rack rack = racks[plain - 1];
      assert memory.died(address, rack.bytes);
      account(-rack.bytes);
      rack.depot.putBack(address);
    } else {
      throw new IllegalStateException(
          "free of an address that is no node's: 0x" + Long.toHexString(address));
    }
  }
}
