package dev.spinel.replication;

import dev.spinel.wire.Chunks;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.IdentityHashMap;

/// Memory outside the Java heap and outside the data's: it doesn't count towards `maxmemory`, or a
/// replica that reads slowly would have keys evicted. A few buffers are kept for the next taker.
/// Any thread.
public final class NativeChunks implements Chunks {
  private static final int KEPT = 4;

  private final IdentityHashMap<ByteBuffer, Arena> lent = new IdentityHashMap<>(); // monitor
  private final ArrayDeque<Kept> kept = new ArrayDeque<>(); // of one size; monitor

  private record Kept(ByteBuffer buffer, Arena arena) {}

  @Override
  public synchronized ByteBuffer take(int bytes) {
    Kept last = kept.peekLast();
    if (last != null && last.buffer.capacity() == bytes) {
      kept.removeLast();
      lent.put(last.buffer, last.arena);
      return last.buffer.clear();
    }
    Arena arena = Arena.ofShared();
    ByteBuffer made = arena.allocate(bytes).asByteBuffer();
    lent.put(made, arena);
    return made;
  }

  @Override
  public synchronized void give(ByteBuffer chunk) {
    Arena arena = lent.remove(chunk);
    if (arena == null) {
      throw new IllegalArgumentException("not one of these chunks");
    }
    Kept first = kept.peekFirst();
    if (kept.size() < KEPT && (first == null || first.buffer.capacity() == chunk.capacity())) {
      kept.add(new Kept(chunk, arena));
    } else {
      arena.close();
    }
  }

  /// Lets go of what is kept.
  synchronized void clear() {
    kept.forEach(each -> each.arena.close());
    kept.clear();
  }
}
