package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;

/// INFO persistence: what it tells of the append-only file.
public final class AofSection implements Section {
  private final AofCommands commands;

  public AofSection(AofCommands commands) {
    this.commands = commands;
  }

  @Override
  public String title() {
    return "Persistence";
  }

  @Override
  public void tell(Call call, Fields out) {
    Aof aof = commands.aof();
    AppendLog log = aof.log();
    out.field("aof_enabled", aof.state() == Aof.State.OFF ? 0 : 1);
    out.field("aof_rewrite_in_progress", aof.isRewriting() ? 1 : 0);
    out.field("aof_rewrite_scheduled", aof.isScheduled() ? 1 : 0);
    out.field("aof_last_rewrite_time_sec", aof.lastRewriteSeconds());
    out.field("aof_current_rewrite_time_sec", aof.currentRewriteSeconds());
    out.field("aof_last_bgrewrite_status", aof.lastRewriteFailed() ? "err" : "ok");
    out.field("aof_rewrites", aof.rewrites());
    out.field("aof_rewrites_consecutive_failures", aof.consecutiveFailures());
    out.field("aof_last_write_status", aof.failure() == null ? "ok" : "err");
    out.field("aof_last_cow_size", aof.lastKeptBytes());
    if (log != null && aof.state() != Aof.State.OFF) {
      out.field("aof_current_size", aof.currentBytes());
      out.field("aof_base_size", aof.baseBytes());
      out.field("aof_pending_rewrite", aof.isScheduled() ? 1 : 0);
      out.field("aof_buffer_length", log.pendingBytes());
      out.field("aof_pending_bio_fsync", log.isSyncing() ? 1 : 0);
      out.field("aof_delayed_fsync", log.delayedSyncs());
    }
  }
}
