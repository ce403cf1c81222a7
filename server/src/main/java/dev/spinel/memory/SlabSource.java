package dev.spinel.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Where slabs come from. At first that is the JDK, which has the system fault them in page by page
/// by zeroing them once more.
@FunctionalInterface
public interface SlabSource {
  /// Takes memory that begins at a multiple of 4 KB.
  ///
  /// @param arena that gives it back when it is closed
  /// @throws OutOfMemoryError if the system has no more
  MemorySegment take(Arena arena, long bytes);
}
