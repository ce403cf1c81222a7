package dev.spinel.memory;

import java.util.List;

/// A picture of the heap for INFO and MEMORY STATS.
///
/// @param liveBytes in nodes that are in use, by capacity
/// @param residentBytes taken from the system
/// @param slabs of 4 MB
/// @param classes those that own memory
public record HeapStats(long liveBytes, long residentBytes, int slabs, List<SizeClass> classes) {

  /// One size of nodes.
  ///
  /// @param bytes of one node
  /// @param pageBytes in pages of this class
  /// @param liveNodes in use, or kept by an allocator for quick reuse
  public record SizeClass(int bytes, long pageBytes, long liveNodes) {}
}
