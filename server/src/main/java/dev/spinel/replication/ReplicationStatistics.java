package dev.spinel.replication;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;

/// INFO stats, and what it tells of synchronizations: how many there were since the start, or since
/// CONFIG RESETSTAT.
final class ReplicationStatistics implements Section {
  private static final Standing.Counts NONE = new Standing.Counts(0, 0, 0);

  private final ReplicationFront front;
  private volatile Standing.Counts before = NONE; // the last reset

  ReplicationStatistics(ReplicationFront front) {
    this.front = front;
  }

  @Override
  public String title() {
    return "Stats";
  }

  @Override
  public void tell(Call call, Fields out) {
    Standing.Counts now = front.standing().counts();
    Standing.Counts then = before;
    out.field("sync_full", now.full() - then.full());
    out.field("sync_partial_ok", now.partial() - then.partial());
    out.field("sync_partial_err", now.partialRefused() - then.partialRefused());
    out.field("slave_expires_tracked_keys", call.engine().localExpiries());
  }

  @Override
  public void reset() {
    before = front.standing().counts();
  }
}
