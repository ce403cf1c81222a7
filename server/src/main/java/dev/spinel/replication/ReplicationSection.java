package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import dev.spinel.peer.Address;
import java.util.List;

/// INFO replication, in Redis's order. What Spinel tells besides comes last: whether a replica's
/// copy is complete (of a primary only if it isn't), why its link is down, and what of a full
/// synchronization waits in a primary's memory and on its disk, while one goes straight to
/// replicas.
final class ReplicationSection implements Section {
  private final ReplicationFront front;
  private final Config config;

  ReplicationSection(ReplicationFront front, Config config) {
    this.front = front;
    this.config = config;
  }

  @Override
  public String title() {
    return "Replication";
  }

  @Override
  public void tell(Call call, Fields out) {
    Standing now = front.standing();
    long seconds = front.replication().now() / 1000;
    Address primary = now.primary();
    out.field("role", primary == null ? "master" : "slave");
    if (primary != null) {
      out.field("master_host", primary.host());
      out.field("master_port", primary.port());
      tellLink(now.link(), seconds, out);
      out.field("slave_priority", config.get(Settings.REPLICA_PRIORITY));
      out.field("slave_read_only", config.get(Settings.REPLICA_READ_ONLY) ? 1 : 0);
      out.field("replica_announced", config.get(Settings.REPLICA_ANNOUNCED) ? 1 : 0);
    }
    tellReplicas(now, seconds, out);
    out.field("master_failover_state", now.failover().word());
    out.field("master_replid", now.history().id());
    out.field("master_replid2", now.history().secondId());
    Replication replication = front.replication();
    long first = replication.firstKept(); // before the last: that only grows
    long last = replication.offset();
    out.field("master_repl_offset", last);
    out.field("second_repl_offset", now.history().secondOffset());
    out.field("repl_backlog_active", now.hasBacklog() ? 1 : 0);
    out.field("repl_backlog_size", config.get(Settings.REPL_BACKLOG_SIZE));
    out.field("repl_backlog_first_byte_offset", now.hasBacklog() ? first : 0);
    out.field("repl_backlog_histlen", now.hasBacklog() ? last - first + 1 : 0);
    if (replication.syncMemoryBytes() > 0) {
      out.field("full_sync_memory_bytes", replication.syncMemoryBytes());
      out.field("full_sync_disk_bytes", replication.syncDiskBytes());
    }
    if (primary != null || !now.isComplete()) {
      out.field("replica_copy_complete", now.isComplete() ? 1 : 0);
    }
    if (primary != null && !now.link().isUp()) {
      out.field("master_link_down_reason", now.link().downReason());
    }
  }

  private static void tellLink(Standing.Link link, long seconds, Fields out) {
    boolean syncs =
        link.state() == ReplicaSide.State.TRANSFER || link.state() == ReplicaSide.State.LOADING;
    out.field("master_link_status", link.isUp() ? "up" : "down");
    out.field("master_last_io_seconds_ago", link.isUp() ? seconds - link.lastIoSeconds() : -1);
    out.field("master_sync_in_progress", syncs ? 1 : 0);
    // Redis has 1 as long as nothing is known.
    out.field("slave_read_repl_offset", link.readOffset() < 0 ? 1 : link.readOffset());
    out.field("slave_repl_offset", link.offset() < 0 ? 1 : link.offset());
    if (syncs) {
      long all = link.payloadBytes();
      long read = link.receivedBytes();
      out.field("master_sync_total_bytes", all);
      out.field("master_sync_read_bytes", read);
      out.field("master_sync_left_bytes", all - read);
      out.field("master_sync_perc", Fields.decimal(all == 0 ? 0 : 100.0 * read / all));
      out.field("master_sync_last_io_seconds_ago", seconds - link.lastIoSeconds());
    }
    if (!link.isUp()) {
      long since = link.downSinceMillis();
      out.field("master_link_down_since_seconds", since < 0 ? -1 : seconds - since / 1000);
    }
  }

  private void tellReplicas(Standing now, long seconds, Fields out) {
    List<Standing.Replica> replicas = now.replicas();
    out.field("connected_slaves", replicas.size());
    long maxLag = config.get(Settings.MIN_REPLICAS_MAX_LAG);
    if (config.get(Settings.MIN_REPLICAS_TO_WRITE) > 0 && maxLag > 0) {
      out.field("min_slaves_good_slaves", front.replication().goodReplicas(now, 0, maxLag));
    }
    for (int i = 0; i < replicas.size(); i++) {
      Standing.Replica replica = replicas.get(i);
      out.field(
          "slave" + i,
          "ip="
              + replica.host()
              + ",port="
              + replica.port()
              + ",state="
              + replica.state().word()
              + ",offset="
              + replica.ackOffset()
              + ",lag="
              + (replica.isOnline() ? seconds - replica.ackSeconds() : 0));
    }
  }
}
