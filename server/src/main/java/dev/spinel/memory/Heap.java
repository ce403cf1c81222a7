package dev.spinel.memory;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/// The data of one server: slabs, pages, depots, and the account of what is in use.
///
/// **The account.** Each allocator knows what it has in use: what came from depots and slabs and
/// hasn't gone back, less what its magazines hold; the sum is [#liveBytes()]. It is exact whenever
/// no allocator is at work, and 0 when everything is freed. To see that a limit is far it is enough
/// to know at most how much that can be ([#takenBytes()]), which is one field of each allocator.
///
/// **Giving memory back.** A page without nodes returns to its slab and may serve any class; a slab
/// without pages returns to the system. Deleting most of a store at random empties no page, though.
/// Then [#markSparse()] chooses the sparsest slabs, as many as the rest could take in: nothing is
/// allocated there any more, and [#sparse(long)] is true of their nodes. The owner of such a node
/// copies it to a new one and frees the old one; [#unmark()] ends the pass.
///
/// Threads: all methods may be called by any thread.
public final class Heap implements AutoCloseable {

  /// From here on resident ÷ live is worth a pass: 1.4, but never for less than a few slabs.
  private static final int SPARSE_PERCENT = 140;

  private static final long SPARSE_SLACK_BYTES = 4L * Memory.SLAB;

  /// How full the slabs that stay may become by a pass.
  private static final double FILL = 0.9;

  private final Memory memory = new Memory();
  private final PageMap map = new PageMap();
  private final Slabs slabs = new Slabs(memory, map, this::trim);
  private final Depot[] depots = new Depot[SizeClasses.COUNT];

  /// Raised when allocators are to give back what they keep.
  private final Round round = new Round();

  /// Replaced under this object's monitor.
  private volatile Allocator[] allocators = {};

  /// What those that have left counted. Written under this object's monitor.
  private volatile long leftBytes;

  /// Slabs that are being emptied. This object's monitor.
  private final List<Slab> marked = new ArrayList<>();

  public Heap() {
    for (int c = 0; c < depots.length; c++) depots[c] = new Depot(c, memory, map, slabs);
    slabs.start();
  }

  public Memory memory() {
    return memory;
  }

  /// An allocator for one thread.
  public synchronized Allocator allocator() {
    Allocator allocator = new Allocator(this, memory, map, depots, round);
    Allocator[] more = Arrays.copyOf(allocators, allocators.length + 1);
    more[more.length - 1] = allocator;
    allocators = more;
    return allocator;
  }

  synchronized void left(Allocator allocator) {
    List<Allocator> rest = new ArrayList<>(List.of(allocators));
    if (!rest.remove(allocator)) return;
    leftBytes = leftBytes + allocator.liveBytes();
    allocators = rest.toArray(new Allocator[0]);
  }

  /// Bytes of all nodes in use, by capacity; exact while no thread allocates or frees.
  public long liveBytes() {
    Allocator[] all;
    long sum;
    synchronized (this) {
      all = allocators;
      sum = leftBytes;
    }
    for (Allocator allocator : all) sum += allocator.liveBytes();
    return sum;
  }

  /// The same together with what allocators keep for quick reuse: never less, but for what is being
  /// allocated at this moment, and quick to tell.
  public long takenBytes() {
    long sum = leftBytes;
    for (Allocator allocator : allocators) sum += allocator.takenBytes();
    return sum;
  }

  /// Bytes taken from the system.
  public long residentBytes() {
    return memory.reservedBytes();
  }

  /// Usable bytes of a live node.
  public int capacity(long address) {
    int code = map.get(address) & PageMap.CODE;
    if (code == PageMap.RUN) return map.runGranules(address) << SizeClasses.GRANULE_BITS;
    if (code < 1 || code > SizeClasses.COUNT) {
      throw new IllegalStateException(
          "capacity of an address that is no node's: 0x" + Long.toHexString(address));
    }
    return SizeClasses.bytes(code - 1);
  }

  /// True if the node lies in a slab that [#markSparse()] has chosen to be emptied.
  public boolean sparse(long address) {
    return map.get(address) < 0;
  }

  /// Marks the sparsest slabs if resident ÷ live is above 1.4; true if some are marked now. Each
  /// call first lets depots give back what they keep and asks allocators to do the same.
  public synchronized boolean markSparse() {
    long live = Math.max(0, liveBytes());
    long used = slabs.usedBytes();
    if (used < live * SPARSE_PERCENT / 100 || used - live < SPARSE_SLACK_BYTES)
      return !marked.isEmpty();
    trim();
    List<Slab> all = slabs.all();
    long[] out = new long[all.size()];
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < out.length; i++) {
      out[i] = slabs.outBytes(all.get(i));
      order.add(i);
    }
    order.sort(Comparator.comparingLong(i -> out[i]));
    int keep = (int) Math.ceil(live / (FILL * Memory.SLAB)) + 1;
    for (int i = 0; i < order.size() - keep; i++) mark(all.get(order.get(i)));
    round.raise();
    return !marked.isEmpty();
  }

  private void mark(Slab slab) {
    List<Page> pages = slabs.mark(slab);
    if (pages == null) return;
    marked.add(slab);
    for (Page page : pages) if (page.depot != null) page.depot.mark(page);
  }

  /// Ends a pass: what could not be emptied is used again.
  public synchronized void unmark() {
    for (Slab slab : marked) {
      List<Page> pages = slabs.unmark(slab);
      if (pages == null) continue;
      for (Page page : pages) if (page.depot != null) page.depot.unmark(page);
    }
    marked.clear();
  }

  public HeapStats stats() {
    List<HeapStats.SizeClass> classes = new ArrayList<>();
    for (Depot depot : depots) {
      HeapStats.SizeClass stats = depot.stats();
      if (stats != null) classes.add(stats);
    }
    return new HeapStats(liveBytes(), residentBytes(), slabs.count(), List.copyOf(classes));
  }

  /// Ends the daemon and gives all memory back to the system, whether nodes are alive or not. No
  /// thread may use an address of this heap from now on: raw, that would be undefined.
  @Override
  public void close() {
    slabs.close();
    memory.close();
  }

  private void trim() {
    for (Depot depot : depots) depot.drain();
    round.raise();
  }

  /// Waits until about `bytes` more can be allocated, though not whether they still can when the
  /// caller comes to it: others allocate, too. Returns false if the system refuses them.
  public boolean makeFree(long bytes) {
    return slabs.makeFree(bytes);
  }

  /// From now on slabs come from there.
  public void from(SlabSource source) {
    slabs.from(source);
  }

  /// From now on the system refuses more than so many slabs. For tests.
  public void mostSlabs(int slabs) {
    this.slabs.most(slabs);
  }

  long takeRun(int bytes) {
    int granules = SizeClasses.capacityFor(bytes) >> SizeClasses.GRANULE_BITS;
    Page page = slabs.take(granules, null, PageMap.RUN);
    if (Memory.CHECKED) memory.poison(page.address, (long) granules * SizeClasses.GRANULE);
    return page.address;
  }

  void freeRun(long address) {
    slabs.release(map.page(address));
  }
}
