package dev.spinel.replication;

import java.util.EnumMap;
import java.util.Map;

/// When a replica may try again what has failed: at once a few times, then after 1, 2, 4 … 60
/// seconds. So a cause that stays costs little, and is not logged all day long.
final class Retries {
  /// What failed.
  enum Cause {
    /// The copy couldn't be kept, loaded or applied.
    COPY(1),
    /// The link was lost during a full synchronization, or soon after it.
    CUT(3),
    /// The primary doesn't want this server.
    REFUSAL(10),
    /// The thread that applies the stream has met with a bug.
    BUG(1);

    private final int free; // failures in a row that cost nothing

    Cause(int free) {
      this.free = free;
    }
  }

  private static final int WAIT_SECONDS_MAX = 60;

  private final Map<Cause, Integer> failures = new EnumMap<>(Cause.class); // in a row
  private long notBeforeMillis;

  /// It has failed once more. Returns the seconds to wait now.
  long failed(long nowMillis, Cause cause) {
    int counted = failures.merge(cause, 1, Integer::sum) - cause.free;
    long seconds = counted <= 0 ? 0 : Math.min(WAIT_SECONDS_MAX, 1L << Math.min(6, counted - 1));
    notBeforeMillis = nowMillis + seconds * 1000;
    return seconds;
  }

  /// Not before somebody says so ([#reset]).
  void hold() {
    notBeforeMillis = Long.MAX_VALUE;
  }

  boolean isHeld() {
    return notBeforeMillis == Long.MAX_VALUE;
  }

  boolean isDue(long nowMillis) {
    return nowMillis >= notBeforeMillis;
  }

  /// Whatever failed may be different now.
  void reset() {
    failures.clear();
    notBeforeMillis = 0;
  }

  /// The wait is over, unless it is held; the counts stay.
  void tryNow() {
    if (!isHeld()) {
      notBeforeMillis = 0;
    }
  }
}
