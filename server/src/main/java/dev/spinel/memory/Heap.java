package dev.spinel.memory;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Owns the slabs that nodes lie in.
public final class Heap implements AutoCloseable {

  private final Memory memory = new Memory();
  private final Arena arena = Arena.ofShared();
  private final Map<Long, Integer> live = new HashMap<>();
  private final Map<Integer, ArrayDeque<Long>> free = new HashMap<>();
  private int slabs;
  private long next;
  private long end;
  private long liveBytes;

  public Heap() {}

  public Memory memory() {
    return memory;
  }

  public Allocator allocator() {
    return new Allocator(this);
  }

  synchronized long allocate(int bytes) {
    if (bytes < 1 || bytes > SizeClasses.MAX_RUN)
      throw new IllegalArgumentException("node of " + bytes + " bytes");
    int capacity = SizeClasses.capacityFor(bytes);
    ArrayDeque<Long> list = free.get(capacity);
    Long address = list == null ? null : list.pollLast();
    if (address == null) {
      int step = Math.max(capacity, (capacity & 63) == 0 ? 64 : 8);
      long at = (capacity & 63) == 0 ? (next + 63) & -64 : next;
      if (at + step > end) {
        at = memory.attach(++slabs, arena.allocate(Memory.SLAB, 4096));
        end = at + Memory.SLAB;
      }
      next = at + step;
      address = at;
    }
    live.put(address, capacity);
    liveBytes += capacity;
    return address;
  }

  synchronized void free(long address) {
    Integer capacity = live.remove(address);
    if (capacity == null)
      throw new AssertionError("free of no node: 0x" + Long.toHexString(address));
    if (!Memory.RAW) memory.fill(address, capacity, (byte) 0xee);
    liveBytes -= capacity;
    free.computeIfAbsent(capacity, c -> new ArrayDeque<>()).addLast(address);
  }

  synchronized int capacity(long address) {
    return live.get(address);
  }

  /// Bytes of all nodes in use, by capacity; exact while nobody allocates or frees.
  public synchronized long liveBytes() {
    return liveBytes;
  }

  /// Bytes taken from the system.
  public long residentBytes() {
    return memory.reservedBytes();
  }

  /// True if the node lies on a page that is to be emptied: whoever owns it moves it to a new node.
  public boolean sparse(long address) {
    return false;
  }

  public synchronized HeapStats stats() {
    List<HeapStats.SizeClass> classes = new ArrayList<>();
    return new HeapStats(liveBytes, residentBytes(), slabs, classes);
  }

  @Override
  public synchronized void close() {
    memory.close();
    arena.close();
  }
}
