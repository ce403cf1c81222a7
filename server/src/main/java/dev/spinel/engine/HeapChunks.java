package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Chunks;
import java.nio.ByteBuffer;
import java.util.IdentityHashMap;

/// Large replies in the server's own memory, counted: the chunks of one thread's outputs. Belongs
/// to that thread, in its seat: what stops the world relies on allocators that stand still.
public final class HeapChunks implements Chunks {
  private final Seat seat;
  private final Memory memory;
  private final Allocator allocator;
  private final IdentityHashMap<ByteBuffer, Long> addresses = new IdentityHashMap<>();

  public HeapChunks(Seat seat) {
    this.seat = seat;
    this.memory = seat.values.memory();
    this.allocator = seat.values.allocator();
  }

  @Override
  public ByteBuffer take(int bytes) {
    assert seat.taken();
    int size = Math.min(bytes, Allocator.MAX_RUN);
    long address = allocator.allocate(size);
    try {
      ByteBuffer chunk = memory.view(address, size);
      addresses.put(chunk, address);
      return chunk;
    } catch (Throwable t) {
      allocator.free(address);
      throw t;
    }
  }

  @Override
  public void give(ByteBuffer chunk) {
    assert seat.taken();
    Long address = addresses.remove(chunk);
    if (address == null) {
      throw new IllegalArgumentException("not a chunk of this thread");
    }
    allocator.free(address);
  }
}
