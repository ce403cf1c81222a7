package dev.spinel.server;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Chunks;
import java.nio.ByteBuffer;
import java.util.IdentityHashMap;

/// Large replies in the server's own memory, counted: the chunks of one loop's outputs. Belongs to
/// the loop's thread.
final class HeapChunks implements Chunks {
  private final Memory memory;
  private final Allocator allocator;
  private final IdentityHashMap<ByteBuffer, Long> addresses = new IdentityHashMap<>();

  HeapChunks(Memory memory, Allocator allocator) {
    this.memory = memory;
    this.allocator = allocator;
  }

  @Override
  public ByteBuffer take(int bytes) {
    int size = Math.min(bytes, Allocator.MAX_RUN);
    long address = allocator.allocate(size);
    ByteBuffer chunk = memory.view(address, size);
    addresses.put(chunk, address);
    return chunk;
  }

  @Override
  public void give(ByteBuffer chunk) {
    Long address = addresses.remove(chunk);
    if (address == null) {
      throw new IllegalArgumentException("not a chunk of this loop");
    }
    allocator.free(address);
  }
}
