package dev.spinel.observe;

import dev.spinel.memory.HeapStats;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/// What INFO and MEMORY tell of memory. The heap's account is exact; this adds what the process
/// takes, the peak, as far as samples saw it, and what an empty server needs. Any thread.
public final class MemoryAccount {
  private final Supplier<HeapStats> heap;
  private final AtomicLong peak = new AtomicLong();
  private volatile long startup; // once, when the server is ready

  public MemoryAccount(Supplier<HeapStats> heap) {
    this.heap = heap;
  }

  /// The numbers of one moment, in bytes.
  ///
  /// @param used in nodes
  /// @param resident in slabs, with what is free there
  /// @param process all of this process that is in the machine's memory; 0 if unknown
  /// @param startup used by the server when it was empty
  record Reading(long used, long resident, long process, long peak, long startup) {
    /// Used by the data.
    long data() {
      return Math.max(0, used - startup);
    }

    /// What is free between nodes.
    double fragmentation() {
      return ratio(resident, used);
    }

    /// What the process has besides slabs.
    double beside() {
      return ratio(process, resident);
    }

    double inAll() {
      return ratio(process, used);
    }

    private static double ratio(long a, long b) {
      return b == 0 ? 0 : (double) a / b;
    }
  }

  /// The server is ready: what is in use now is what it takes when it is empty.
  public void ready(long liveBytes) {
    startup = liveBytes;
  }

  /// Takes notice of how much is in use now.
  public void sample(long liveBytes) {
    peak.accumulateAndGet(liveBytes, Math::max);
  }

  HeapStats heap() {
    return heap.get();
  }

  Reading read() {
    HeapStats stats = heap.get();
    long used = stats.liveBytes();
    sample(used);
    return new Reading(
        used, stats.residentBytes(), ProcessFiles.residentBytes(), peak.get(), startup);
  }
}
