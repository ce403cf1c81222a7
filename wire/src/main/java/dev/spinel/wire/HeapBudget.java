package dev.spinel.wire;

import java.util.concurrent.atomic.AtomicLong;

/// What clients may take of the Java heap, all of them together, and what they have taken.
///
/// The data lives outside the heap, but requests live there while they are read, wait and run:
/// incomplete commands, queues of MULTI, parked calls, names of channels, the keys of long calls.
/// Whoever is about to make an array whose length a client decides counts it here first. Where
/// there is no room the client is refused, so that no client can end the JVM for all others.
///
/// One per server. Any thread.
public final class HeapBudget {
  private volatile long limitBytes;
  private final AtomicLong heldBytes = new AtomicLong();

  public HeapBudget(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /// Three eighths of the heap that this JVM may have: the rest is for messages on their way, for
  /// what a growing array leaves behind, and for the collector to work in.
  public static HeapBudget ofThisJvm() {
    return new HeapBudget(Runtime.getRuntime().maxMemory() / 8 * 3);
  }

  /// How much may be held.
  public long limitBytes() {
    return limitBytes;
  }

  /// From now on so much may be held; what is held beyond that stays.
  public void limit(long bytes) {
    limitBytes = bytes;
  }

  /// How much is held now.
  public long heldBytes() {
    return heldBytes.get();
  }

  /// Whether there is no room for more.
  public boolean isFull() {
    return heldBytes() >= limitBytes;
  }

  /// Counts bytes that somebody is going to keep, until [#release]. False, and nothing is counted,
  /// if there is no room for them.
  public boolean hold(long bytes) {
    return holdWithin(limitBytes, bytes);
  }

  /// The same for what has come already of a command that is to wait: that may go an eighth beyond
  /// the limit.
  public boolean holdRest(long bytes) {
    return holdWithin(limitBytes / 8 * 9, bytes);
  }

  private boolean holdWithin(long limit, long bytes) {
    if (heldBytes.addAndGet(bytes) <= limit) return true;
    heldBytes.addAndGet(-bytes);
    return false;
  }

  /// Counts bytes that are there already, or that may not be refused.
  public void add(long bytes) {
    heldBytes.addAndGet(bytes);
  }

  public void release(long bytes) {
    heldBytes.addAndGet(-bytes);
  }
}
