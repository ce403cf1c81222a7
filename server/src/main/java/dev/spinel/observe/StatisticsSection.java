package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import dev.spinel.keyspace.Keeper;
import dev.spinel.keyspace.Snapshots;
import java.util.function.IntSupplier;

/// INFO stats: what was counted since the start, or since CONFIG RESETSTAT. Has a layout for all
/// who count, and tells what the engine and the network do.
///
/// What isn't measured (the background's time) is 0. A snapshot is what a fork is in Redis: its cut
/// is the moment in which everybody waits.
public final class StatisticsSection implements Section {
  /// Its fields, each with the value that it has where nobody counts.
  public static final String LAYOUT =
      """
      total_connections_received:0
      total_commands_processed:0
      instantaneous_ops_per_sec:0
      total_net_input_bytes:0
      total_net_output_bytes:0
      total_net_repl_input_bytes:0
      total_net_repl_output_bytes:0
      instantaneous_input_kbps:0.00
      instantaneous_output_kbps:0.00
      instantaneous_input_repl_kbps:0.00
      instantaneous_output_repl_kbps:0.00
      rejected_connections:0
      sync_full:0
      sync_partial_ok:0
      sync_partial_err:0
      expired_keys:0
      expired_stale_perc:0.00
      expired_time_cap_reached_count:0
      expire_cycle_cpu_milliseconds:0
      evicted_keys:0
      evicted_clients:0
      total_eviction_exceeded_time:0
      current_eviction_exceeded_time:0
      keyspace_hits:0
      keyspace_misses:0
      pubsub_channels:0
      pubsub_patterns:0
      pubsubshard_channels:0
      latest_fork_usec:0
      snapshot_delayed_calls:0
      total_forks:0
      migrate_cached_sockets:0
      slave_expires_tracked_keys:0
      active_defrag_hits:0
      active_defrag_misses:0
      active_defrag_key_hits:0
      active_defrag_key_misses:0
      total_active_defrag_time:0
      current_active_defrag_time:0
      tracking_total_keys:0
      tracking_total_items:0
      tracking_total_prefixes:0
      unexpected_error_replies:0
      total_error_replies:0
      dump_payload_sanitizations:0
      total_reads_processed:0
      total_writes_processed:0
      io_threaded_reads_processed:0
      io_threaded_writes_processed:0
      reply_buffer_shrinks:0
      reply_buffer_expands:0
      eventloop_cycles:0
      eventloop_duration_sum:0
      eventloop_duration_cmd_sum:0
      instantaneous_eventloop_cycles_per_sec:0
      instantaneous_eventloop_duration_usec:0
      acl_access_denied_auth:0
      acl_access_denied_cmd:0
      acl_access_denied_key:0
      acl_access_denied_channel:0
      """;

  private final Traffic traffic;
  private final Rates rates;
  private final IntSupplier loops;

  /// @param loops how many there are
  public StatisticsSection(Traffic traffic, Rates rates, IntSupplier loops) {
    this.traffic = traffic;
    this.rates = rates;
    this.loops = loops;
  }

  @Override
  public String title() {
    return "Stats";
  }

  @Override
  public String layout() {
    return LAYOUT;
  }

  @Override
  public void tell(Call call, Fields out) {
    out.field("total_connections_received", traffic.accepted());
    out.field("rejected_connections", traffic.refused());
    Traffic.Totals totals = traffic.totals();
    out.field("total_net_input_bytes", totals.bytesIn());
    out.field("total_net_output_bytes", totals.bytesOut());
    out.field("total_net_repl_input_bytes", totals.fromPrimary());
    out.field("total_net_repl_output_bytes", totals.toReplicas());
    out.field("total_reads_processed", totals.reads());
    out.field("total_writes_processed", totals.writes());
    out.field("eventloop_cycles", totals.turns());
    out.field("eventloop_duration_sum", totals.turnNanos() / 1000);
    out.field("eventloop_duration_cmd_sum", totals.runNanos() / 1000);
    out.field(
        "instantaneous_eventloop_cycles_per_sec",
        rates.turnsPerSecond() / Math.max(1, loops.getAsInt()));
    out.field("instantaneous_eventloop_duration_usec", rates.turnMicros());
    out.field("instantaneous_ops_per_sec", rates.commandsPerSecond());
    out.decimal("instantaneous_input_kbps", rates.inputPerSecond() / 1024.0);
    out.decimal("instantaneous_output_kbps", rates.outputPerSecond() / 1024.0);
    out.decimal("instantaneous_input_repl_kbps", rates.fromPrimaryPerSecond() / 1024.0);
    out.decimal("instantaneous_output_repl_kbps", rates.toReplicasPerSecond() / 1024.0);

    Engine engine = call.engine();
    out.field("total_commands_processed", engine.count(Engine.Count.COMMANDS));
    out.field("total_error_replies", engine.errorReplies());
    out.field("unexpected_error_replies", engine.unexpectedErrors());
    out.field("keyspace_hits", engine.count(Engine.Count.HITS));
    out.field("keyspace_misses", engine.count(Engine.Count.MISSES));
    out.field("expired_keys", engine.expiredKeys());
    if (engine.expiredFields() != 0) {
      out.field("expired_subkeys", engine.expiredFields());
    }
    Snapshots snapshots = engine.keyspace.snapshots();
    out.field("latest_fork_usec", snapshots.lastCutNanos() / 1000);
    out.field("total_forks", snapshots.begun());
    out.field("snapshot_delayed_calls", engine.delays());
    out.field("tracking_total_keys", engine.tracking().keys());
    out.field("tracking_total_items", engine.tracking().items());
    out.field("tracking_total_prefixes", engine.tracking().prefixes());

    Keeper keeper = engine.keyspace.keeper();
    out.field("expired_time_cap_reached_count", keeper.expiredCycles());
    out.field("active_defrag_hits", keeper.evacuated());
    out.field("total_active_defrag_time", keeper.evacuationNanos() / 1_000_000);
  }

  @Override
  public void reset() {
    traffic.reset();
  }
}
