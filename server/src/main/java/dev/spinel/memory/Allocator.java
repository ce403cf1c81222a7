package dev.spinel.memory;

/// Hands out nodes and takes them back: one per seat (a thread that touches data), not thread-safe.
public final class Allocator implements AutoCloseable {

  /// The largest node; longer values are sequences of chunks.
  public static final int MAX_RUN = SizeClasses.MAX_RUN;

  private final Heap heap;

  Allocator(Heap heap) {
    this.heap = heap;
  }

  /// A node of at least `bytes`, 1 to [#MAX_RUN], not cleared. Aligned to 8 bytes; a node whose
  /// capacity is a multiple of 64 is aligned to 64.
  public long allocate(int bytes) {
    return heap.allocate(bytes);
  }

  /// Takes back a node of this heap, whichever allocator it came from.
  public void free(long address) {
    heap.free(address);
  }

  /// Usable bytes of a live node.
  public int capacity(long address) {
    return heap.capacity(address);
  }

  /// What [#capacity(long)] would say of `allocate(bytes)`.
  public static int capacityFor(int bytes) {
    return SizeClasses.capacityFor(bytes);
  }

  /// Gives the nodes kept for quick reuse back to the heap.
  public void flush() {}

  @Override
  public void close() {
    flush();
  }
}
