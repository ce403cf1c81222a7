package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;

/// INFO memory, and what it tells of the stream that is kept for replicas: up to
/// `repl-backlog-size` it is the backlog's, what is more is kept for replicas that are slow, if
/// there are any.
final class ReplicationMemory implements Section {
  private final ReplicationFront front;
  private final Config config;

  ReplicationMemory(ReplicationFront front, Config config) {
    this.front = front;
    this.config = config;
  }

  @Override
  public String title() {
    return "Memory";
  }

  @Override
  public void tell(Call call, Fields out) {
    long all = front.replication().backlogBytes();
    boolean isFollowed =
        call.engine().sessions().stream().anyMatch(of -> of.isReplica && !of.closing);
    long backlog = isFollowed ? Math.min(all, config.get(Settings.REPL_BACKLOG_SIZE)) : all;
    out.field("mem_replication_backlog", backlog);
    out.field("mem_total_replication_buffers", all);
    out.field("mem_clients_slaves", all - backlog);
  }
}
