package dev.spinel.cluster;

/// Whether clients that write to slots which move whole are to wait, since they write faster than
/// that can be sent.
///
/// ```
///   much is queued                      ──► they wait, until little is
///   all is sent but what came since,    ──► they wait: else it would never end
///   and in a second that has not
///   become less by a quarter
/// ```
///
/// Nobody waits for longer than a second at once: then they go on for a moment.
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
  private long since; // it is so
  private boolean looksAtRest;
  private long lookAt; // at what hasn't arrived
  private long restThen;

  boolean holds() {
    return holds;
  }

  /// Looks at how far it is.
  ///
  /// @param queued bytes that the sender hasn't taken yet
  /// @param rest bytes that the target hasn't applied yet; -1: the slots' content isn't sent yet
  /// @return whether writers wait from now on
  boolean look(long nowNanos, long queued, long rest) {
    if (holds) {
      boolean isEnough = queued <= LITTLE && rest <= REST;
      if (isEnough || nowNanos - since >= HOLD_MOST) {
        change(false, nowNanos);
        expect(rest, nowNanos + MOMENT);
      }
      return holds;
    }
    if (queued >= MUCH && (since == 0 || nowNanos - since >= MOMENT)) {
      change(true, nowNanos);
    } else if (rest >= 0 && !looksAtRest) {
      expect(rest, nowNanos + SECOND);
    } else if (looksAtRest && nowNanos - lookAt >= 0) {
      boolean shrinks = rest <= REST || rest <= restThen - restThen / 4;
      if (!shrinks) {
        change(true, nowNanos);
      }
      expect(rest, nowNanos + SECOND);
    }
    return holds;
  }

  private void change(boolean to, long nowNanos) {
    holds = to;
    since = nowNanos;
  }

  private void expect(long rest, long atNanos) {
    if (rest >= 0) {
      looksAtRest = true;
      restThen = rest;
      lookAt = atNanos;
    }
  }
}
