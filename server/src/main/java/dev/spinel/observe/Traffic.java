package dev.spinel.observe;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/// Counts connections and bytes over the network, and how busy the loops are with them. All but the
/// clients there are now is counted since the statistics were reset. Any thread.
public final class Traffic {
  /// What all loops have counted.
  ///
  /// @param bytesIn with those of the primary
  /// @param bytesOut with those for replicas
  /// @param reads that gave something
  /// @param writes that a socket took something of
  /// @param turns of the loops
  /// @param turnNanos in turns, without waiting
  /// @param runNanos of these, in commands
  /// @param fromPrimary bytes, of its data and its stream
  /// @param toReplicas bytes, likewise
  public record Totals(
      long bytesIn,
      long bytesOut,
      long reads,
      long writes,
      long turns,
      long turnNanos,
      long runNanos,
      long fromPrimary,
      long toReplicas) {
    static final Totals NONE = new Totals(0, 0, 0, 0, 0, 0, 0, 0, 0);

    /// With what replication has counted; what comes from a primary comes over no client's loop.
    public Totals with(long fromPrimary, long toReplicas) {
      return new Totals(
          bytesIn + fromPrimary,
          bytesOut,
          reads,
          writes,
          turns,
          turnNanos,
          runNanos,
          fromPrimary,
          toReplicas);
    }

    Totals since(Totals before) {
      return new Totals(
          bytesIn - before.bytesIn,
          bytesOut - before.bytesOut,
          reads - before.reads,
          writes - before.writes,
          turns - before.turns,
          turnNanos - before.turnNanos,
          runNanos - before.runNanos,
          fromPrimary - before.fromPrimary,
          toReplicas - before.toReplicas);
    }
  }

  private final Supplier<Totals> counted; // since the start
  private final AtomicInteger clients = new AtomicInteger();
  private final LongAdder accepted = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private volatile Totals before = Totals.NONE; // what the last reset found; stopped world

  /// @param counted by all loops, and by replication, since the start
  public Traffic(Supplier<Totals> counted) {
    this.counted = counted;
  }

  /// A connection was accepted, which may still be refused.
  public void accept() {
    accepted.increment();
  }

  public void refuse() {
    refused.increment();
  }

  /// One more connection is a client.
  public void enter() {
    clients.incrementAndGet();
  }

  public void leave() {
    clients.decrementAndGet();
  }

  public int clients() {
    return clients.get();
  }

  public long accepted() {
    return accepted.sum();
  }

  public long refused() {
    return refused.sum();
  }

  /// What the loops have counted.
  public Totals totals() {
    return counted.get().since(before);
  }

  /// Stopped world.
  void reset() {
    accepted.reset();
    refused.reset();
    before = counted.get();
  }
}
