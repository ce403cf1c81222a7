package dev.spinel.script;

import dev.spinel.lua.LuaMemory;
import dev.spinel.wire.HeapBudget;
import java.util.concurrent.atomic.AtomicLong;

/// What one interpreter has of the Java heap. All of them together have a quarter of it at most,
/// and what they have counts in the budget of what clients take.
///
/// Any thread: an interpreter may be thrown away while another thread runs a script there.
final class HeapShare implements LuaMemory {
  private final HeapBudget heap;
  private final AtomicLong all; // bytes of all shares of the server
  private final long mostOfAll;
  private long held; // its monitor
  private boolean isTrusted; // its monitor

  HeapShare(HeapBudget heap, AtomicLong all, long mostOfAll) {
    this.heap = heap;
    this.all = all;
    this.mostOfAll = mostOfAll;
  }

  /// From now on it gets all that it asks for: a primary or a file says what runs.
  synchronized void trust(boolean trusted) {
    isTrusted = trusted;
  }

  @Override
  public synchronized boolean take(long bytes) {
    if (isTrusted) {
      all.addAndGet(bytes);
      heap.add(bytes);
    } else if (all.addAndGet(bytes) > mostOfAll || !heap.hold(bytes)) {
      all.addAndGet(-bytes);
      return false;
    }
    held += bytes;
    return true;
  }

  @Override
  public synchronized void give(long bytes) {
    long given = Math.min(bytes, held); // the rest was given when it was thrown away
    held -= given;
    all.addAndGet(-given);
    heap.release(given);
  }

  /// Its interpreter is thrown away.
  void end() {
    give(Long.MAX_VALUE);
  }
}
