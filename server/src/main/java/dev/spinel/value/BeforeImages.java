package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// What writers have overwritten, since the cut, in chunks that a walk may still read: a copy of
/// each piece of 64 bytes, made before its first change. So a write of some bytes keeps about as
/// many for the walk, and not a chunk of 64 KB.
///
/// ```
///   writer, slot lock:   keep(chunk, 130, 5)  ─► piece 2 copied     then it writes into the chunk
///   walker, no lock:     copies the chunk's bytes, then restore(…)  puts piece 2 back in its copy
/// ```
///
/// The order is what makes this right without a lock between the two: a writer publishes the piece
/// before it writes, the walker looks for pieces after it has read. Whatever new byte it has read,
/// it finds the old one here.
///
/// **Which chunk is meant** is its address alone. A chunk that exists at the cut is freed, and its
/// address used again, only once the walk needs it no more; and what is at that address then was
/// made after the cut, so the walk doesn't read it.
///
/// An area: `[bitmap of 1024 bits][pieces of 64 bytes][index of each piece, 2 bytes]`. Freed when
/// the walk has passed the dictionary, at the latest at its end.
final class BeforeImages {
  private static final int PIECE = 64;
  private static final int BITMAP = ChunkedBytes.CHUNK / PIECE / 8;
  private static final int FIRST_CAPACITY = 4;

  /// Of so many pieces a copy of the chunk isn't much more.
  private static final int MOST = ChunkedBytes.CHUNK / PIECE / 2;

  /// The pieces of one chunk. Its monitor.
  private static final class Area {
    long address;
    int capacity; // pieces
    int count;
    boolean isFreed;
  }

  private final Memory m;
  private final Walk walk;
  private final ConcurrentHashMap<Long, Area> areas = new ConcurrentHashMap<>(); // by chunk
  private final Map<Long, List<Long>> chunks = new HashMap<>(); // by header; its monitor

  BeforeImages(Memory m, Walk walk) {
    this.m = m;
    this.walk = walk;
  }

  /// Keeps bytes `at` to `at + n` of a chunk, before they are overwritten for the first time.
  /// Returns false if it is better to copy the chunk. Slot lock.
  ///
  /// @param length of the chunk
  boolean keep(Allocator allocator, long header, long chunk, int length, int at, int n) {
    if (2 * n >= length) {
      return false;
    }
    Area area = areas.get(chunk);
    if (area == null) {
      area = new Area();
      synchronized (chunks) {
        chunks.computeIfAbsent(header, any -> new ArrayList<>()).add(chunk);
      }
      areas.put(chunk, area);
    }
    synchronized (area) {
      for (int piece = at / PIECE; piece <= (at + n - 1) / PIECE; piece++) {
        if (!keep(allocator, area, chunk, length, piece)) {
          return false;
        }
      }
    }
    VarHandle.fullFence(); // they are published before the caller writes
    return true;
  }

  private boolean keep(Allocator allocator, Area area, long chunk, int length, int piece) {
    if (area.isFreed) {
      return false;
    }
    if (area.count > 0) {
      long bits = m.getLong(area.address + 8L * (piece >> 6));
      if ((bits & 1L << piece) != 0) {
        return true;
      }
    }
    if (area.count == area.capacity && !grow(allocator, area)) {
      return false;
    }
    long word = area.address + 8L * (piece >> 6);
    int from = piece * PIECE;
    m.copy(chunk + from, pieceAt(area, area.count), Math.min(PIECE, length - from));
    m.putShort(indexAt(area, area.count), (short) piece);
    m.putLong(word, m.getLong(word) | 1L << piece);
    area.count++;
    return true;
  }

  private boolean grow(Allocator allocator, Area area) {
    if (area.capacity == MOST) {
      return false;
    }
    int capacity = Math.max(FIRST_CAPACITY, Math.min(MOST, 2 * area.capacity));
    long larger = allocator.allocate(BITMAP + capacity * (PIECE + 2));
    long old = area.address;
    if (old == 0) {
      m.fill(larger, BITMAP, (byte) 0);
    } else {
      m.copy(old, larger, BITMAP + (long) area.count * PIECE);
      m.copy(indexAt(area, 0), larger + BITMAP + (long) capacity * PIECE, 2L * area.count);
    }
    walk.account(allocator.capacity(larger) - (old == 0 ? 0L : allocator.capacity(old)));
    area.address = larger;
    area.capacity = capacity;
    if (old != 0) {
      allocator.free(old);
    }
    return true;
  }

  private static long pieceAt(Area area, int i) {
    return area.address + BITMAP + (long) i * PIECE;
  }

  private static long indexAt(Area area, int i) {
    return area.address + BITMAP + (long) area.capacity * PIECE + 2L * i;
  }

  /// Of a copy of bytes `at` to `at + n` of a chunk, which is in `to[from…]`: makes them what they
  /// were at the cut. Whoever reads for the walk.
  void restore(long chunk, int at, byte[] to, int from, int n) {
    Area area = areas.get(chunk);
    if (area == null) {
      return;
    }
    synchronized (area) {
      for (int i = 0; i < area.count; i++) {
        int start = PIECE * m.getShort(indexAt(area, i));
        int first = Math.max(start, at);
        int end = Math.min(start + PIECE, at + n);
        if (first < end) {
          m.copyOut(pieceAt(area, i) + first - start, to, from + first - at, end - first);
        }
      }
    }
  }

  /// The walk needs nothing more of the dictionary.
  void drop(Allocator allocator, long header) {
    if (areas.isEmpty()) {
      return;
    }
    List<Long> gone;
    synchronized (chunks) {
      gone = chunks.remove(header);
    }
    if (gone != null) {
      gone.forEach(chunk -> drop(allocator, areas.remove(chunk)));
    }
  }

  /// The walk has ended.
  void dropAll(Allocator allocator) {
    synchronized (chunks) {
      chunks.clear();
    }
    areas.values().forEach(area -> drop(allocator, area));
    areas.clear();
  }

  private void drop(Allocator allocator, @Nullable Area area) {
    if (area == null) {
      return;
    }
    synchronized (area) {
      if (area.address != 0) {
        walk.account(-allocator.capacity(area.address));
        allocator.free(area.address);
      }
      area.address = 0;
      area.count = 0;
      area.capacity = 0;
      area.isFreed = true;
    }
  }
}
