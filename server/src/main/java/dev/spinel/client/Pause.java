package dev.spinel.client;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Waiters;
import dev.spinel.engine.Waiting;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Holds up clients' calls for a while: all of them, or those that may write. CLIENT PAUSE asks for
/// it, and so do FAILOVER and SHUTDOWN, each for itself; the strictest one holds.
///
/// Meanwhile the data stands still: nothing expires, nothing is evicted, and replicas are not asked
/// what they have, since that would move the offset of the stream. Replicas pass; what this
/// server's own primary says waits, too.
///
/// A pause begins in a stopped world, with a new era: so a call that has passed the gate before,
/// and has not run yet, is held up, too. It may end on any thread. How long it lasts doesn't depend
/// on what a clock is set to: who takes over during a pause relies on there being no writes.
public final class Pause implements Gate {
  /// Who asks for a pause.
  public enum Reason {
    /// CLIENT PAUSE.
    CLIENT,

    /// FAILOVER.
    FAILOVER,

    /// SHUTDOWN, until replicas have the last writes.
    SHUTDOWN,

    /// CLUSTER FAILOVER, until the replica has them.
    CLUSTER
  }

  /// Which calls it concerns; the strictest comes last.
  public enum Extent {
    NOTHING,
    WRITES,
    EVERYTHING
  }

  /// @param endMillis as [#now] counts
  private record Asked(Extent extent, long endMillis) {}

  /// Until it is ended.
  public static final long FOR_EVER = Long.MAX_VALUE;

  private static final Asked NO = new Asked(Extent.NOTHING, Long.MIN_VALUE);
  private static final int MAY_WRITE = Command.WRITE | Command.MAY_REPLICATE;

  private final Condition writesGoOn = new Ended(Extent.WRITES);
  private final Condition allGoesOn = new Ended(Extent.EVERYTHING);
  private final Waiters<Extent> waiting = new Waiters<>();
  private final Asked[] asked = {NO, NO, NO, NO}; // by Reason; this object's monitor
  private final List<Runnable> onEnd = new ArrayList<>(); // before the first session
  private volatile Extent extent = Extent.NOTHING;
  private volatile long endMillis = Long.MIN_VALUE; // of the last of them
  private @Nullable Engine engine; // before the first session

  public Pause() {}

  /// Once it is made.
  public void of(Engine made) {
    engine = made;
  }

  private Engine engine() {
    return Objects.requireNonNull(engine);
  }

  /// Has `listener` told when all pauses are over. Before the first session.
  public void onEnd(Runnable listener) {
    onEnd.add(listener);
  }

  // ── pauses ──

  /// Pauses, or goes on pausing. The end only moves later. Stopped world.
  ///
  /// @param millis how long; [#FOR_EVER]: until it is ended
  public synchronized void begin(Reason why, Extent what, long millis) {
    Asked before = asked[why.ordinal()];
    long end = millis == FOR_EVER ? Long.MAX_VALUE : now() + millis;
    asked[why.ordinal()] = new Asked(what, Math.max(before.endMillis, end));
    follow();
    engine().newEra();
  }

  /// As [#begin], but what it concerned before it goes on concerning.
  public synchronized void extend(Reason why, Extent what, long millis) {
    follow();
    Extent before = asked[why.ordinal()].extent;
    begin(why, before.compareTo(what) > 0 ? before : what, millis);
  }

  /// Any thread.
  public void end(Reason why) {
    synchronized (this) {
      asked[why.ordinal()] = NO;
    }
    look();
  }

  /// Whether clients' writes wait. Any thread.
  public boolean isOn() {
    return extent != Extent.NOTHING && now() < endMillis;
  }

  /// Whether they wait since `why` asked for it. Any thread.
  public synchronized boolean isOn(Reason why) {
    return now() < asked[why.ordinal()].endMillis;
  }

  /// Some ten times a second: lets calls go on whose pause is over.
  public void look() {
    if (extent == Extent.NOTHING) {
      return;
    }
    synchronized (this) {
      Extent before = extent;
      follow();
      if (extent == before) {
        return;
      }
    }
    wake();
    if (extent == Extent.NOTHING) {
      onEnd.forEach(Runnable::run);
    }
  }

  private void wake() {
    waiting.wake(pausedBy -> pausedBy.compareTo(extent) > 0);
  }

  private long now() {
    return engine().nowMillis();
  }

  private void follow() {
    long now = now();
    Extent strictest = Extent.NOTHING;
    long last = Long.MIN_VALUE;
    for (int i = 0; i < asked.length; i++) {
      if (asked[i].endMillis <= now) {
        asked[i] = NO;
      }
      strictest = strictest.compareTo(asked[i].extent) < 0 ? asked[i].extent : strictest;
      last = Math.max(last, asked[i].endMillis);
    }
    endMillis = last;
    extent = strictest;
    engine().holdStill(last);
    engine().gates.closed(this, strictest != Extent.NOTHING);
  }

  // ── the gate ──

  @Override
  public Rank rank() {
    return Rank.PAUSE;
  }

  @Override
  public boolean concerns(Command command) {
    return true;
  }

  /// As in Redis: the stream of the primary waits in its link.
  @Override
  public boolean holdsPrimary() {
    return true;
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    if (extent == Extent.NOTHING || call.session().isReplica) {
      return null;
    }
    boolean writes = call.does(MAY_WRITE);
    if (extent == Extent.WRITES && !writes) {
      return null;
    }
    if (isOn()) {
      call.await(writes ? writesGoOn : allGoesOn, Call.FOR_EVER);
    }
    return null;
  }

  /// That calls of a kind aren't paused any more. It holds nothing of the call, so one for each
  /// kind is enough.
  private final class Ended implements Condition {
    private final Extent pausedBy; // the least extent of a pause that concerns the call

    Ended(Extent pausedBy) {
      this.pausedBy = pausedBy;
    }

    @Override
    public void begin(Waiting call) {
      waiting.add(call, pausedBy);
      wake(); // it may have ended meanwhile
    }

    @Override
    public void end(Waiting call) {
      waiting.remove(call);
    }

    @Override
    public boolean isAskedFor() {
      return false;
    }

    /// As Redis does.
    @Override
    public boolean isCounted() {
      return true;
    }
  }
}
