package dev.spinel.memory;

import java.util.Arrays;
import java.util.function.BooleanSupplier;

/// Hands out nodes and takes them back: one per seat (a thread that touches data), not thread-safe.
///
/// This is Bonwick's magazine layer ("Magazines and Vmem", USENIX 2001). For each size class an
/// allocator keeps two magazines: arrays of addresses of free nodes. Allocating pops one, freeing
/// pushes one, neither takes a lock nor touches the node. Only when both are empty (or full) one of
/// them is exchanged at the class's [Depot]; two, so that a thread that allocates and frees around
/// a boundary doesn't go there each time.
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
/// **The account** costs a pop or a push nothing: what is in use is what came from depots and slabs
/// and has not gone back ([#takenBytes]), less what the magazines hold.
///
/// **Emptying pages.** The thread that marks sparse pages, or finds that much was freed, raises the
/// heap's *round*; an allocator that sees a new round gives back all that it keeps. Nodes of marked
/// pages never enter a magazine. So none of them is handed out again.
@SuppressWarnings({
  "ReferenceEquality",
  "NonAtomicVolatileUpdate"
}) // NONE is known by identity; one writer
public final class Allocator implements AutoCloseable {

  /// The largest node; longer values are sequences of chunks.
  public static final int MAX_RUN = SizeClasses.MAX_RUN;

  private static final long[] NONE = {};

  private final Heap heap;
  private final Memory memory;
  private final PageMap map;
  private final Round heapRound;

  /// By size class + 1, as in the page map; [#nowhere] where the map says anything else.
  private final Rack[] racks = new Rack[256];

  /// Stands for what is in no magazine: runs, marked pages, and addresses that are no nodes. Always
  /// full and always empty, so that it needs no test of its own on the fast path.
  private final Rack nowhere;

  /// Bytes of nodes that came from depots and slabs, less of those that went there: negative where
  /// others' are freed. Owner; read by others, who may be a magazine behind.
  private volatile long takenBytes;

  /// The heap's round when everything was last given back. Owner.
  private long round;

  private boolean closed;

  /// Whether the caller may work with this allocator now: for asserts. Set before its first use.
  private BooleanSupplier atWork = () -> true;

  private long evacuations; // owner

  /// The two magazines of one class. All fields: owner; the counts are read by others, who may be a
  /// magazine behind.
  private static final class Rack {
    final Depot depot;
    final int bytes;

    /// Never empty of room and nodes at once, but for [#NONE] at the beginning.
    long[] loaded = NONE;

    int count;

    /// Full or empty.
    long[] spare = NONE;

    int spareCount;

    Rack(Depot depot) {
      this.depot = depot;
      this.bytes = depot.nodeBytes;
    }

    long keptBytes() {
      return (long) (count + spareCount) * bytes;
    }

    void exchange() {
      long[] nodes = loaded;
      int n = count;
      loaded = spare;
      count = spareCount;
      spare = nodes;
      spareCount = n;
    }
  }

  Allocator(Heap heap, Memory memory, PageMap map, Depot[] depots, Round heapRound) {
    this.heap = heap;
    this.memory = memory;
    this.map = map;
    this.heapRound = heapRound;
    this.round = heapRound.get();
    this.nowhere = new Rack(depots[0]);
    Arrays.fill(racks, nowhere);
    for (int c = 0; c < SizeClasses.COUNT; c++) racks[c + 1] = new Rack(depots[c]);
  }

  /// With assertions on: `atWork` holds whenever this allocator meets depots and slabs. Its owner
  /// says so before the first use, since two threads in one allocator free the same nodes twice.
  public void guard(BooleanSupplier atWork) {
    this.atWork = atWork;
  }

  /// A node of at least `bytes`, 1 to [#MAX_RUN], not cleared. Aligned to 8 bytes; a node whose
  /// capacity is a multiple of 64 is aligned to 64.
  ///
  /// @throws OutOfMemoryError if the system has no more; the heap is as it was
  public long allocate(int bytes) {
    if (bytes > SizeClasses.MAX_CLASS_BYTES) return allocateRun(bytes);
    Rack rack = racks[SizeClasses.of(bytes) + 1];
    int n = rack.count;
    if (n == 0 || round != heapRound.get()) n = refill(rack, bytes);
    rack.count = --n;
    long address = rack.loaded[n];
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
    Rack rack = racks[map.get(address) & 0xff];
    int n = rack.count;
    if (n == rack.loaded.length) {
      if (rack == nowhere) {
        freeSpecial(address);
        return;
      }
      n = makeRoom(rack);
    }
    assert memory.died(address, rack.bytes);
    rack.loaded[n] = address;
    rack.count = n + 1;
  }

  /// The node itself, or, if it stands in a slab that is being emptied ([Heap#markSparse]), a copy
  /// of it elsewhere: then this one is free, and its one referrer must be told.
  public long evacuated(long address) {
    if (map.get(address) >= 0) return address;
    int bytes = capacity(address);
    long copy = allocate(bytes);
    memory.copy(address, copy, bytes);
    free(address);
    evacuations++;
    return copy;
  }

  /// How many nodes this allocator has moved. Owner.
  public long evacuations() {
    return evacuations;
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
    if (round != heapRound.get()) flush();
  }

  /// Gives all nodes that are kept for quick reuse back to the heap.
  public void flush() {
    assert atWork.getAsBoolean() : "a free seat's allocator";
    round = heapRound.get(); // first: a round that begins meanwhile is another one
    for (int c = 1; c <= SizeClasses.COUNT; c++) {
      Rack rack = racks[c];
      if (rack.count > 0) rack.depot.putBack(rack.loaded, rack.count);
      if (rack.spareCount > 0) rack.depot.putBack(rack.spare, rack.spareCount);
      takenBytes -= rack.keptBytes();
      rack.count = 0;
      rack.spareCount = 0;
      rack.loaded = NONE;
      rack.spare = NONE;
    }
  }

  /// The owner has left; its account stays with the heap.
  @Override
  public void close() {
    if (closed) return;
    closed = true;
    flush();
    heap.left(this);
  }

  /// In use by this allocator's account; readable from any thread, exact when the owner rests.
  long liveBytes() {
    long sum = takenBytes;
    for (int c = 1; c <= SizeClasses.COUNT; c++) sum -= racks[c].keptBytes();
    return sum;
  }

  /// The same with what the magazines hold: one field to read. Any thread.
  public long takenBytes() {
    return takenBytes;
  }

  /// Makes `loaded` non-empty; returns how many it has.
  private int refill(Rack rack, int bytes) {
    assert !closed && atWork.getAsBoolean() : "a free seat's allocator";
    if (bytes < 1) throw new IllegalArgumentException("node of " + bytes + " bytes");
    tick();
    if (rack.count > 0) return rack.count;
    if (rack.spareCount > 0) {
      rack.exchange();
      return rack.count;
    }
    if (rack.loaded == NONE) rack.loaded = new long[rack.depot.rounds];
    long[] full = rack.depot.exchangeEmpty(rack.loaded);
    int n;
    if (full != null) {
      rack.loaded = full;
      n = full.length;
    } else {
      n = rack.depot.fill(rack.loaded);
    }
    rack.count = n;
    takenBytes += (long) n * rack.bytes;
    return n;
  }

  /// Makes `loaded` non-full; returns how many it has.
  private int makeRoom(Rack rack) {
    assert !closed && atWork.getAsBoolean() : "a free seat's allocator";
    if (rack.loaded != NONE && rack.spareCount > 0) {
      int n = rack.count;
      rack.loaded = rack.depot.exchangeFull(rack.loaded);
      rack.count = 0;
      takenBytes -= (long) n * rack.bytes;
      return 0;
    }
    rack.exchange();
    if (rack.loaded == NONE) rack.loaded = new long[rack.depot.rounds];
    return rack.count;
  }

  private long allocateRun(int bytes) {
    assert !closed && atWork.getAsBoolean() : "a free seat's allocator";
    if (bytes > MAX_RUN) throw new IllegalArgumentException("node of " + bytes + " bytes");
    tick();
    long address = heap.takeRun(bytes);
    int capacity = SizeClasses.capacityFor(bytes);
    takenBytes += capacity;
    assert memory.born(address, capacity);
    return address;
  }

  /// A run, a node on a marked page, or no node at all.
  private void freeSpecial(long address) {
    assert atWork.getAsBoolean() : "a free seat's allocator";
    int code = map.get(address);
    int plain = code & PageMap.CODE;
    if (plain == PageMap.RUN) {
      int capacity = heap.capacity(address);
      assert memory.died(address, capacity);
      takenBytes -= capacity;
      heap.freeRun(address);
    } else if (code < 0 && plain <= SizeClasses.COUNT) {
      Rack rack = racks[plain];
      assert memory.died(address, rack.bytes);
      takenBytes -= rack.bytes;
      rack.depot.putBack(address);
    } else if (plain > 0 && plain <= SizeClasses.COUNT) {
      free(address); // the mark was taken away between the two looks
    } else {
      throw new IllegalStateException(
          "free of an address that is no node's: 0x" + Long.toHexString(address));
    }
  }
}
