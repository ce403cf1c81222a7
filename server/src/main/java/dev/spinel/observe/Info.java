package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Octets;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.Engine;
import dev.spinel.memory.Memory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/// The text of INFO: sections of `field:value` lines, fields and order as a 7.2 has them, and a few
/// of our own behind them. What doesn't exist here (forks, scripts) says so with the value that it
/// has on a server that never used it.
final class Info {
  private static final String[] DEFAULT = {
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "errorstats",
    "cluster",
    "keyspace"
  };
  private static final String[] ALL = {
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "commandstats",
    "errorstats",
    "cluster",
    "keyspace"
  };

  private final Host host;
  private final Call call;
  private final StringBuilder text = new StringBuilder(4096);
  private static final long KIB = 1024;

  private Info(Host host, Call call) {
    this.host = host;
    this.call = call;
  }

  /// @param names sections, lower case; none: the usual ones
  static String of(Host host, Call call, List<String> names) {
    List<String> wanted = new ArrayList<>();
    for (String name : names.isEmpty() ? List.of("default") : names) {
      switch (name) {
        case "default" -> wanted.addAll(List.of(DEFAULT));
        case "all", "everything" -> wanted.addAll(List.of(ALL));
        default -> wanted.add(name);
      }
    }
    Info info = new Info(host, call);
    for (String name : ALL) {
      if (wanted.contains(name)) {
        info.section(name);
      }
    }
    return info.text.toString();
  }

  private void section(String name) {
    if (!text.isEmpty()) {
      text.append("\r\n");
    }
    text.append("# ")
        .append(
            name.equals("cpu") ? "CPU" : Character.toUpperCase(name.charAt(0)) + name.substring(1))
        .append("\r\n");
    switch (name) {
      case "server" -> server();
      case "clients" -> clients();
      case "memory" -> memory();
      case "persistence" -> persistence();
      case "stats" -> stats();
      case "replication" -> replication();
      case "cpu" -> cpu();
      case "commandstats" -> commandstats();
      case "errorstats" -> errorstats();
      case "cluster" -> field("cluster_enabled", 0);
      case "keyspace" -> keyspace();
      default -> {} // modules: there are none
    }
  }

  private void field(String name, long value) {
    text.append(name).append(':').append(value).append("\r\n");
  }

  private void field(String name, String value) {
    text.append(name).append(':').append(value).append("\r\n");
  }

  private void zeros(String... names) {
    for (String name : names) {
      field(name, 0);
    }
  }

  private void server() {
    Config config = host.config();
    long upSeconds = (call.now() - host.startedMillis()) / 1000;
    field("redis_version", Config.REDIS_VERSION);
    field("redis_git_sha1", "00000000");
    field("redis_git_dirty", 0);
    field("redis_build_id", "spinel");
    field("redis_mode", "standalone");
    field(
        "os",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + " "
            + System.getProperty("os.arch"));
    field("arch_bits", 64);
    field("monotonic_clock", "System.nanoTime");
    field("multiplexing_api", "nio");
    field("atomicvar_api", "varhandle");
    field("gcc_version", "0.0.0");
    field("process_id", ProcessHandle.current().pid());
    field("process_supervised", "no");
    field("run_id", host.runId());
    field("tcp_port", host.port());
    field("server_time_usec", call.now() * 1000);
    field("uptime_in_seconds", upSeconds);
    field("uptime_in_days", upSeconds / 86400);
    field("hz", config.get(Settings.HZ));
    field("configured_hz", config.get(Settings.HZ));
    field("lru_clock", call.now() / 1000 & 0xffffff);
    field("executable", ProcessHandle.current().info().command().orElse(""));
    Path file = config.file();
    field("config_file", file == null ? "" : file.toString());
    field("io_threads_active", host.loops() > 1 ? 1 : 0);
    field(
        "listener0",
        "name=tcp,bind="
            + String.join(",bind=", config.get(Settings.BIND))
            + ",port="
            + host.port());
    field("spinel_version", "0.1.0");
    field("java_version", Runtime.version().toString());
    field("event_loops", host.loops());
  }

  private void clients() {
    field("connected_clients", host.clients());
    field("cluster_connections", 0);
    field("maxclients", host.config().get(Settings.MAXCLIENTS));
    zeros("client_recent_max_input_buffer", "client_recent_max_output_buffer");
    field("blocked_clients", call.engine().parked());
    zeros("tracking_clients", "clients_in_timeout_table");
    field("total_blocking_keys", call.engine().parkedKeys());
    field("total_blocking_keys_on_nokey", 0);
  }

  private void memory() {
    long live = host.heap().liveBytes();
    long pages = host.heap().residentBytes();
    long resident = resident("VmRSS:");
    Runtime java = Runtime.getRuntime();
    long javaBytes = java.totalMemory() - java.freeMemory();
    long used = live + javaBytes;
    field("used_memory", used);
    field("used_memory_human", human(used));
    field("used_memory_rss", resident);
    field("used_memory_rss_human", human(resident));
    long peak = Math.max(resident("VmHWM:"), used);
    field("used_memory_peak", peak);
    field("used_memory_peak_human", human(peak));
    field("used_memory_peak_perc", percent(used, peak));
    field("used_memory_overhead", javaBytes);
    field("used_memory_startup", javaBytes);
    field("used_memory_dataset", live);
    field("used_memory_dataset_perc", percent(live, used));
    field("allocator_allocated", live);
    field("allocator_active", pages);
    field("allocator_resident", pages);
    zeros("total_system_memory");
    field("total_system_memory_human", "0B");
    zeros("used_memory_lua", "used_memory_vm_eval");
    field("used_memory_lua_human", "0B");
    zeros(
        "used_memory_scripts_eval",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
        "used_memory_vm_functions",
        "used_memory_vm_total");
    field("used_memory_vm_total_human", "0B");
    zeros("used_memory_functions", "used_memory_scripts");
    field("used_memory_scripts_human", "0B");
    long most = host.config().get(Settings.MAXMEMORY);
    field("maxmemory", most);
    field("maxmemory_human", human(most));
    field("maxmemory_policy", host.config().text(Settings.MAXMEMORY_POLICY));
    field("allocator_frag_ratio", ratio(pages, live));
    field("allocator_frag_bytes", pages - live);
    field("allocator_rss_ratio", "1.00");
    field("allocator_rss_bytes", 0);
    field("rss_overhead_ratio", ratio(resident, pages));
    field("rss_overhead_bytes", resident - pages);
    field("mem_fragmentation_ratio", ratio(resident, used));
    field("mem_fragmentation_bytes", resident - used);
    zeros(
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_clients_slaves",
        "mem_clients_normal",
        "mem_cluster_links",
        "mem_aof_buffer");
    field("mem_allocator", "spinel");
    field("active_defrag_running", 0);
    field("lazyfree_pending_objects", call.engine().keyspace.keeper().pending());
    field("lazyfreed_objects", 0);
    field("memory_access", Memory.RAW ? "raw" : "bounded");
    field("java_heap_used", javaBytes);
  }

  private void persistence() {
    zeros(
        "loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age");
    field("current_fork_perc", "0.00");
    zeros("current_save_keys_processed", "current_save_keys_total");
    field("rdb_changes_since_last_save", call.engine().changes());
    field("rdb_bgsave_in_progress", 0);
    field("rdb_last_save_time", host.startedMillis() / 1000);
    field("rdb_last_bgsave_status", "ok");
    field("rdb_last_bgsave_time_sec", -1);
    field("rdb_current_bgsave_time_sec", -1);
    zeros(
        "rdb_saves",
        "rdb_last_cow_size",
        "rdb_last_load_keys_expired",
        "rdb_last_load_keys_loaded",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled");
    field("aof_last_rewrite_time_sec", -1);
    field("aof_current_rewrite_time_sec", -1);
    field("aof_last_bgrewrite_status", "ok");
    zeros("aof_rewrites", "aof_rewrites_consecutive_failures");
    field("aof_last_write_status", "ok");
    zeros("aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size");
  }

  private void stats() {
    Engine engine = call.engine();
    field("total_connections_received", host.accepted());
    field("total_commands_processed", engine.count(Engine.Count.COMMANDS));
    field("instantaneous_ops_per_sec", 0);
    field("total_net_input_bytes", host.bytesIn());
    field("total_net_output_bytes", host.bytesOut());
    zeros("total_net_repl_input_bytes", "total_net_repl_output_bytes");
    for (String kind : new String[] {"input", "output", "input_repl", "output_repl"}) {
      field("instantaneous_" + kind + "_kbps", "0.00");
    }
    field("rejected_connections", host.refused());
    zeros("sync_full", "sync_partial_ok", "sync_partial_err");
    field("expired_keys", engine.expiredKeys());
    field("expired_stale_perc", "0.00");
    field("expired_time_cap_reached_count", engine.keyspace.keeper().expiredCycles());
    zeros(
        "expire_cycle_cpu_milliseconds",
        "evicted_keys",
        "evicted_clients",
        "total_eviction_exceeded_time",
        "current_eviction_exceeded_time");
    field("keyspace_hits", engine.count(Engine.Count.HITS));
    field("keyspace_misses", engine.count(Engine.Count.MISSES));
    int[] subscriptions = host.subscriptions();
    field("pubsub_channels", subscriptions[0]);
    field("pubsub_patterns", subscriptions[1]);
    field("pubsubshard_channels", subscriptions[2]);
    zeros(
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
        "unexpected_error_replies");
    field("total_error_replies", engine.errorReplies());
    zeros(
        "dump_payload_sanitizations",
        "total_reads_processed",
        "total_writes_processed",
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "reply_buffer_shrinks",
        "reply_buffer_expands",
        "eventloop_cycles",
        "eventloop_duration_sum",
        "eventloop_duration_cmd_sum",
        "instantaneous_eventloop_cycles_per_sec",
        "instantaneous_eventloop_duration_usec",
        "acl_access_denied_auth",
        "acl_access_denied_cmd",
        "acl_access_denied_key",
        "acl_access_denied_channel");
  }

  private void replication() {
    field("role", "master");
    field("connected_slaves", 0);
    field("master_failover_state", "no-failover");
    field("master_replid", host.runId());
    field("master_replid2", "0".repeat(40));
    field("master_repl_offset", 0);
    field("second_repl_offset", -1);
    field("repl_backlog_active", 0);
    field("repl_backlog_size", host.config().get(Settings.REPL_BACKLOG_SIZE));
    zeros("repl_backlog_first_byte_offset", "repl_backlog_histlen");
  }

  private void cpu() {
    String[] ticks = {"0", "0"};
    try {
      String stat = Files.readString(Path.of("/proc/self/stat"));
      String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      ticks = new String[] {words[12], words[11]};
    } catch (IOException | RuntimeException e) {
      ticks[0] = "0"; // no such file on this system: the figures stay 0
    }
    field("used_cpu_sys", seconds(ticks[0]));
    field("used_cpu_user", seconds(ticks[1]));
    field("used_cpu_sys_children", "0.000000");
    field("used_cpu_user_children", "0.000000");
    field("used_cpu_sys_main_thread", seconds(ticks[0]));
    field("used_cpu_user_main_thread", seconds(ticks[1]));
  }

  private static String seconds(String ticks) {
    return String.format(Locale.ROOT, "%.6f", Long.parseLong(ticks) / 100.0);
  }

  private void commandstats() {
    for (Command command : call.engine().table) {
      commandstat(command);
      for (Command subcommand : command.subcommands()) {
        commandstat(subcommand);
      }
    }
  }

  private void commandstat(Command command) {
    long[] sums = call.engine().statistics(command);
    if (sums[0] + sums[2] + sums[3] == 0) {
      return;
    }
    double each = sums[0] == 0 ? 0 : (double) sums[1] / sums[0];
    field(
        "cmdstat_" + command.name,
        "calls="
            + sums[0]
            + ",usec="
            + sums[1]
            + ",usec_per_call="
            + String.format(Locale.ROOT, "%.2f", each)
            + ",rejected_calls="
            + sums[2]
            + ",failed_calls="
            + sums[3]);
  }

  private void errorstats() {
    for (Map.Entry<String, LongAdder> error : new TreeMap<>(call.engine().errors()).entrySet()) {
      field("errorstat_" + error.getKey(), "count=" + error.getValue().sum());
    }
  }

  private void keyspace() {
    for (int number = 0; number < call.engine().keyspace.databases(); number++) {
      long keys = call.engine().keyspace.database(number).size(call.seat());
      if (keys > 0) {
        field(
            "db" + number,
            "keys="
                + keys
                + ",expires="
                + call.engine().keyspace.database(number).expiring(call.seat())
                + ",avg_ttl=0");
      }
    }
  }

  /// A line of this process's status, in bytes; 0 where there is none.
  static long resident(String line) {
    try {
      for (String candidate : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (candidate.startsWith(line)) {
          return Long.parseLong(candidate.replaceAll("[^0-9]", "")) * KIB;
        }
      }
    } catch (IOException | RuntimeException e) {
      return 0;
    }
    return 0;
  }

  private static String ratio(long a, long b) {
    return String.format(Locale.ROOT, "%.2f", b == 0 ? 1.0 : (double) a / b);
  }

  private static String percent(long a, long b) {
    return String.format(Locale.ROOT, "%.2f%%", b == 0 ? 0.0 : 100.0 * a / b);
  }

  /// `1.13M`.
  static String human(long bytes) {
    if (bytes < KIB) {
      return bytes + "B";
    }
    double value = bytes;
    String units = "BKMGTPE";
    int unit = 0;
    while (value >= KIB && unit < units.length() - 1) {
      value /= KIB;
      unit++;
    }
    return String.format(Locale.ROOT, "%.2f%c", value, units.charAt(unit));
  }

  static byte[] bytes(String text) {
    return Octets.bytes(Octets.encode(text));
  }
}
