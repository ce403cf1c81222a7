package dev.spinel.engine;

import java.util.ArrayList;
import java.util.List;

/// Time that [Clock#nanos] didn't count: it stands still while the system is suspended, or its
/// virtual machine is paused. For timeouts that is right: nobody is late who had no time. But what
/// is safe for only so long after something was heard of others, who went on meanwhile, gets older:
/// there, the age is that by [Clock#nanos] and [#millisSince].
///
/// It shows in [Clock#millis], which outruns the other clock between two looks. A clock that is set
/// forward looks the same; so what was heard before is too old for a while, until something is
/// heard anew.
public final class UncountedTime {
  private static final long LEAST_MILLIS = 100; // less is a thread that stood between two readings
  private static final long MOST_MILLIS = 366L * 86_400_000; // more is no sleep; sums stay small
  private static final int KEPT = 8;

  /// @param atNanos when it was noticed
  private record Gap(long atNanos, long millis) {}

  private final Clock clock;
  private volatile long aheadMillis; // what millis() was more than nanos(); this object's monitor
  private volatile List<Gap> gaps = List.of(); // the oldest first; likewise

  UncountedTime(Clock clock) {
    this.clock = clock;
    aheadMillis = ahead(clock.millis(), clock.nanos());
  }

  private static long ahead(long millis, long nanos) {
    return millis - nanos / 1_000_000;
  }

  /// Looks at both clocks: ten times a second, and wherever that costs nothing. Any thread.
  public synchronized void look() {
    long nanos = clock.nanos(); // first: whoever sleeps between the two notices it
    long millis = clock.millis();
    look(millis, nanos);
    aheadMillis = ahead(millis, nanos); // less, too: it was set back
  }

  /// The same with what the caller knows of the clocks. It costs next to nothing. Any thread.
  ///
  /// @param millis of [Clock#millis], read before `nanos`, or with them
  /// @param nanos of [Clock#nanos]
  public void look(long millis, long nanos) {
    if (ahead(millis, nanos) - aheadMillis >= LEAST_MILLIS) {
      add(millis, nanos);
    }
  }

  private synchronized void add(long millis, long nanos) {
    long ahead = ahead(millis, nanos);
    long by = Math.min(ahead - aheadMillis, MOST_MILLIS);
    if (by < LEAST_MILLIS) {
      return; // another thread has
    }
    List<Gap> now = new ArrayList<>(gaps);
    if (now.size() == KEPT) { // the two oldest become one
      long both = now.removeFirst().millis + now.getFirst().millis;
      now.set(0, new Gap(now.getFirst().atNanos, Math.min(both, MOST_MILLIS)));
    }
    now.add(new Gap(nanos, by));
    gaps = List.copyOf(now);
    aheadMillis = ahead;
  }

  /// Milliseconds that went by uncounted since then, as far as was noticed. Any thread.
  ///
  /// @param sinceNanos as [Clock#nanos]
  public long millisSince(long sinceNanos) {
    List<Gap> known = gaps;
    long sum = 0;
    for (int i = known.size() - 1; i >= 0 && known.get(i).atNanos - sinceNanos >= 0; i--) {
      sum += known.get(i).millis;
    }
    return sum;
  }

  /// The end of a time that began at `sinceNanos` and was to last until `untilNanos`: as much
  /// earlier as went by uncounted. [Long#MAX_VALUE] stays. Any thread.
  public long endNanos(long sinceNanos, long untilNanos) {
    return untilNanos == Long.MAX_VALUE
        ? untilNanos
        : untilNanos - millisSince(sinceNanos) * 1_000_000;
  }
}
