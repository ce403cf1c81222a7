package dev.spinel.cluster;

/// Whether clients that write to slots which move whole are to wait, since they write faster than
/// that can be sent.
///
/// ```
///   much is queued                          ──► they wait, until little is
///   all is sent but what came since, and in
///   a second about as much came as arrived  ──► they wait: else it would never end
/// ```
///
/// Whoever writes so little that the rest shrinks isn't held, however much that is. Nobody waits
/// for longer than a second at once: then they go on for a moment.
///
/// Belongs to one thread.
final class MovePace {
  static final long MUCH = 64L << 20; // bytes that are queued
  static final long LITTLE = 16L << 20; // likewise
  static final long REST = 256 << 10; // bytes that haven't arrived, with which a move may end
  private static final long SECOND = 1_000_000_000L;
  private static final long HOLD_MOST = SECOND;
  private static final long MOMENT = SECOND / 50;

  private boolean holds;
  private boolean hasHeld;
  private long since; // it is so
  private boolean compares;
  private long lookAt; // at what has come meanwhile
  private long cameThen;
  private long arrivedThen;

  boolean holds() {
    return holds;
  }

  /// Looks at how far it is.
  ///
  /// @param queued bytes that the sender hasn't taken yet
  /// @param came bytes in all that are to be sent; -1: the slots' content isn't sent yet
  /// @param arrived bytes that the target has applied
  /// @return whether writers wait from now on
  boolean look(long nowNanos, long queued, long came, long arrived) {
    if (holds) {
      boolean isEnough = queued <= LITTLE && came - arrived <= REST;
      if (isEnough || nowNanos - since >= HOLD_MOST) {
        change(false, nowNanos);
        compareFrom(came, arrived, nowNanos + MOMENT);
      }
    } else if (queued >= MUCH && (!hasHeld || nowNanos - since >= MOMENT)) {
      change(true, nowNanos);
    } else if (came >= 0 && !compares) {
      compareFrom(came, arrived, nowNanos + SECOND);
    } else if (compares && nowNanos - lookAt >= 0) {
      boolean areTooFast = (came - cameThen) * 4 >= (arrived - arrivedThen) * 3;
      if (came - arrived > REST && areTooFast) {
        change(true, nowNanos);
      }
      compareFrom(came, arrived, nowNanos + SECOND);
    }
    return holds;
  }

  private void change(boolean to, long nowNanos) {
    holds = to;
    hasHeld = true;
    since = nowNanos;
  }

  private void compareFrom(long came, long arrived, long untilNanos) {
    if (came >= 0) {
      compares = true;
      cameThen = came;
      arrivedThen = arrived;
      lookAt = untilNanos;
    }
  }
}
