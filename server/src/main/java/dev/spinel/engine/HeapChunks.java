package dev.spinel.engine;

import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Chunks;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.IdentityHashMap;

/// Large replies in the server's own memory, counted: the chunks of one thread's outputs. Belongs
/// to that thread, and touches that memory in its seat only: what stops the world relies on
/// allocators that stand still. A thread that is kept from its seat ([Meanwhile]) gets chunks of
/// the Java heap, and gives back what it has when it is seated again.
public final class HeapChunks implements Chunks {
  private final Seat seat;
  private final Memory memory;
  private final Allocator allocator;
  private final IdentityHashMap<ByteBuffer, Long> addresses = new IdentityHashMap<>();
  private final ArrayDeque<ByteBuffer> late = new ArrayDeque<>(); // to be given back

  public HeapChunks(Seat seat) {
    this.seat = seat;
    this.memory = seat.values.memory();
    this.allocator = seat.values.allocator();
  }

  @Override
  public ByteBuffer take(int bytes) {
    if (!seat.taken()) {
      return ByteBuffer.allocate(bytes);
    }
    giveLate();
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
    if (!chunk.isDirect() && !addresses.containsKey(chunk)) {
      return; // it was taken without the seat
    }
    if (!seat.taken()) {
      late.add(chunk);
      return;
    }
    giveLate();
    giveBack(chunk);
  }

  private void giveLate() {
    for (ByteBuffer chunk; (chunk = late.poll()) != null; ) {
      giveBack(chunk);
    }
  }

  private void giveBack(ByteBuffer chunk) {
    Long address = addresses.remove(chunk);
    if (address == null) {
      throw new IllegalArgumentException("not a chunk of this thread");
    }
    allocator.free(address);
  }
}
