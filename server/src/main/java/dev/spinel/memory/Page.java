package dev.spinel.memory;

import org.jspecify.annotations.Nullable;

/// Some granules of a slab that hold nodes of one size, or one run.
///
/// Which nodes are free is a bitmap: in a field while there are at most 64 nodes, else in the
/// page's own last bytes (which the rounding of the size mostly leaves over anyway). So neither a
/// refill nor a return touches the nodes themselves, which may be cold, and nodes come out in the
/// order of their addresses.
///
/// "Free" is what lies here. A node that waits in a magazine is *out*, like one in use.
///
/// All mutable fields: the depot's lock; of a run: the slabs' lock.
final class Page {

  final Slab slab;
  final long address;
  final int granules;

  /// The depot whose nodes lie here, null for a run.
  final @Nullable Depot depot;

  final int nodeBytes;
  final int nodes;

  /// Free nodes.
  int free;

  /// Which list of the depot it is on; [Depot#UNLISTED] if full, marked or gone.
  int list = Depot.UNLISTED;

  @Nullable Page previous;
  @Nullable Page next;

  /// To be emptied: no node of it is handed out.
  boolean marked;

  /// Given back to its slab.
  boolean gone;

  /// With at most 64 nodes the bitmap, a set bit is a free node.
  private long bits;

  /// With more, where the bitmap begins, and the first word that may have a bit set.
  private final long bitmap;

  private int hint;

  Page(Slab slab, long address, int granules, @Nullable Depot depot, int nodeBytes) {
    this.slab = slab;
    this.address = address;
    this.granules = granules;
    this.depot = depot;
    this.nodeBytes = nodeBytes;
    int bytes = granules << SizeClasses.GRANULE_BITS;
    int count = bytes / nodeBytes;
    if (count > Long.SIZE) {
      while (count * nodeBytes + words(count) * 8 > bytes) count--;
      this.bitmap = address + bytes - words(count) * 8L;
    } else {
      this.bitmap = 0;
    }
    this.nodes = count;
  }

  private static int words(int nodes) {
    return (nodes + Long.SIZE - 1) / Long.SIZE;
  }

  int outNodes() {
    return nodes - free;
  }

  /// Makes all nodes free.
  void clear(Memory memory) {
    free = nodes;
    int words = words(nodes);
    long last = -1L >>> (words * Long.SIZE - nodes);
    if (bitmap == 0) {
      bits = last;
      return;
    }
    for (int i = 0; i < words; i++) memory.poke(bitmap + i * 8L, i < words - 1 ? -1L : last);
  }

  /// Takes free nodes into `into[from … limit)`, in ascending order; returns where it stopped.
  int take(Memory memory, long[] into, int from, int limit) {
    int n = from;
    if (bitmap == 0) {
      long word = bits;
      for (; word != 0 && n < limit; word &= word - 1) {
        into[n++] = address + (long) Long.numberOfTrailingZeros(word) * nodeBytes;
      }
      bits = word;
    } else {
      int i = hint;
      for (int left = Math.min(free, limit - from); left > 0; i++) {
        long word = memory.peek(bitmap + i * 8L);
        if (word == 0) continue;
        long base = address + (long) i * Long.SIZE * nodeBytes;
        for (; word != 0 && left > 0; word &= word - 1, left--) {
          into[n++] = base + (long) Long.numberOfTrailingZeros(word) * nodeBytes;
        }
        memory.poke(bitmap + i * 8L, word);
        if (word != 0) break;
      }
      hint = i;
    }
    free -= n - from;
    return n;
  }

  /// Takes one node back.
  void put(Memory memory, long node) {
    int index = (int) (node - address) / nodeBytes;
    assert address + (long) index * nodeBytes == node
        : "no node begins at 0x" + Long.toHexString(node);
    long bit = 1L << index;
    if (bitmap == 0) {
      assert (bits & bit) == 0 : "freed twice: 0x" + Long.toHexString(node);
      bits |= bit;
    } else {
      int i = index >> 6;
      long word = memory.peek(bitmap + i * 8L);
      assert (word & bit) == 0 : "freed twice: 0x" + Long.toHexString(node);
      memory.poke(bitmap + i * 8L, word | bit);
      if (i < hint) hint = i;
    }
    free++;
  }
}
