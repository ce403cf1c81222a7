package dev.spinel.server;

import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Chunks;
import java.nio.ByteBuffer;
import java.util.IdentityHashMap;

/// Large replies in the server's own memory, counted: the chunks of one loop's outputs. Belongs to
/// the loop's thread.
final class HeapChunks implements Chunks {
  private final Seat seat;
  private final Memory memory;
  private final Allocator allocator;
  private final IdentityHashMap<ByteBuffer, Long> addresses = new IdentityHashMap<>();

  HeapChunks(Seat seat) {
    this.seat = seat;
    this.memory = seat.values.memory();
    this.allocator = seat.values.allocator();
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
    if (seat.taken()) {
      allocator.free(address);
      return;
    }
    seat.enter(); // between two turns a transport tells what the system has sent
    try {
      allocator.free(address);
    } finally {
      seat.leave();
    }
  }
}
