package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import dev.spinel.persist.BeforeEnd;
import java.util.List;

/// What replicas are to have before their primary ends, as it was asked to: all of it. Until then,
/// and for `shutdown-timeout` at most, clients' writes are paused and the end waits.
final class LastWrites implements BeforeEnd, Section {
  private final ReplicationFront front;
  private final Config config;
  private final ConfigLog log;
  private final ReplicationFront.Pauses pauses;
  private volatile long endMillis; // as replication counts; 0: no end is wanted

  LastWrites(ReplicationFront front, Config config, ConfigLog log, ReplicationFront.Pauses pauses) {
    this.front = front;
    this.config = config;
    this.log = log;
    this.pauses = pauses;
  }

  private long now() {
    return front.replication().now();
  }

  private List<Standing.Replica> lagging() {
    long last = front.replication().offset();
    return front.standing().replicas().stream().filter(r -> r.ackOffset() != last).toList();
  }

  @Override
  public boolean begins() {
    long seconds = config.get(Settings.SHUTDOWN_TIMEOUT);
    if (seconds == 0 || lagging().isEmpty()) {
      return false;
    }
    endMillis = now() + seconds * 1000;
    log.log('*', "User requested shutdown...");
    if (!pauses.areOn()) {
      front.replication().askForAcks();
    }
    pauses.beforeEnd(true);
    log.log('*', "Waiting for replicas before shutting down.");
    return true;
  }

  @Override
  public boolean isOver() {
    return now() >= endMillis || lagging().isEmpty();
  }

  @Override
  public void takenBack() {
    endMillis = 0;
    pauses.beforeEnd(false);
  }

  @Override
  public void comes() {
    List<Standing.Replica> all = front.standing().replicas();
    List<Standing.Replica> lagging = lagging();
    for (Standing.Replica replica : lagging) {
      log.log(
          '*',
          "Lagging replica "
              + replica.name()
              + " reported offset "
              + (front.replication().offset() - replica.ackOffset())
              + " behind master, lag="
              + (replica.isOnline() ? now() / 1000 - replica.ackSeconds() : 0)
              + ", state="
              + replica.state().word()
              + ".");
    }
    if (!all.isEmpty()) {
      log.log(
          '*',
          all.size()
              - lagging.size()
              + " of "
              + all.size()
              + " replicas are in sync when shutting down.");
    }
  }

  // ── INFO server ──

  @Override
  public String title() {
    return "Server";
  }

  @Override
  public void tell(Call call, Fields out) {
    long end = endMillis;
    if (end != 0) {
      out.field("shutdown_in_milliseconds", Math.max(0, end - now()));
    }
  }
}
