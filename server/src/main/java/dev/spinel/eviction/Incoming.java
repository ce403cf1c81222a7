package dev.spinel.eviction;

import dev.spinel.engine.Dispatcher;

/// What the command that a connection is sending has taken of the memory before it can run: large
/// arguments go straight there. One per connection that ever sends such a command.
///
/// They count like everything else, so a thread that reads them evicts and frees for them, and as
/// long as there is no room they aren't read: they wait in the client's socket ([#mayReadOn]).
///
/// Incomplete commands can't be evicted, and each of them needs more memory before it can run: so
/// together they get a quarter of the limit ([Eviction#incomingLimitBytes]). Beyond that, or where
/// nothing is left to evict, one of them is *ahead*: it alone is read, whatever it takes, until it
/// is complete, and then it runs, or is refused as in Redis. If its client sends nothing for a
/// while another takes its place.
///
/// Belongs to the connection's thread.
public final class Incoming {
  private static final long STALLED_NANOS = 100_000_000;

  private final Eviction eviction;
  private long bytes;
  private volatile long aheadNanos; // when it was last read while it was ahead

  Incoming(Eviction eviction) {
    this.eviction = eviction;
  }

  /// Notes how many bytes the command has taken so far; 0: it is complete, or given up. False if
  /// that was known already.
  public boolean takes(long now) {
    if (now == bytes) {
      return false;
    }
    eviction.incomingBytes.addAndGet(now - bytes);
    bytes = now;
    if (now == 0) {
      eviction.ahead.compareAndSet(this, null);
    }
    return true;
  }

  /// Whether more of the command may be read. Makes room first, until `deadlineNanos`.
  public boolean mayReadOn(Dispatcher by, long deadlineNanos) {
    long limit = eviction.limitBytes();
    if (limit == 0 || !eviction.heedsLimit()) {
      return true;
    }
    if (eviction.incomingBytes.get() > eviction.incomingLimitBytes() && !goesAhead()) {
      return false;
    }
    Room room = eviction.makeRoom(eviction.evictor(by), deadlineNanos, 0);
    return switch (room) {
      case MADE -> true;
      case LATER, ELSEWHERE -> false;
      case NONE -> goesAhead();
    };
  }

  /// Whether this is the one that is ahead.
  public boolean isAhead() {
    return eviction.ahead.get() == this;
  }

  /// Whether this is the one that is ahead, from now on at least.
  private boolean goesAhead() {
    Incoming first = eviction.ahead.get();
    long now = System.nanoTime();
    if (first == null || first != this && now - first.aheadNanos > STALLED_NANOS) {
      aheadNanos = now;
      return eviction.ahead.compareAndSet(first, this);
    }
    if (first == this) {
      aheadNanos = now;
    }
    return first == this;
  }
}
