package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Database;
import dev.spinel.memory.HeapStats;
import dev.spinel.memory.Memory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;

/// The text of INFO: Redis's sections and fields in Redis's order, because programs read them.
///
/// What can't happen in this server (a fork, a script, a replica) says that it hasn't, and what
/// isn't measured (turns of the loops, reads, the background's time) is 0. Our own fields follow
/// those of their section.
final class Info {
  private static final List<String> STANDARD =
      List.of(
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
          "keyspace");
  private static final List<String> ALL =
      List.of(
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
          "latencystats",
          "cluster",
          "keyspace");
  private static final int TICKS_PER_SECOND = 100; // the kernel's, to all programs

  private final Host host;
  private final Config config;
  private final Engine engine;
  private final Call call;
  private final StringBuilder text = new StringBuilder(4096);

  private Info(Host host, Call call) {
    this.host = host;
    this.config = host.config();
    this.engine = call.engine();
    this.call = call;
  }

  static byte[] of(Host host, Call call) {
    TreeSet<String> wanted = new TreeSet<>();
    if (call.argc() == 1) {
      wanted.addAll(STANDARD);
    }
    for (int i = 1; i < call.argc(); i++) {
      String section = call.text(i).toLowerCase(Locale.ROOT);
      switch (section) {
        case "default" -> wanted.addAll(STANDARD);
        case "all", "everything" -> wanted.addAll(ALL);
        case "module_list" -> wanted.add("modules");
        default -> wanted.add(section);
      }
    }
    Info info = new Info(host, call);
    for (String section : ALL) {
      if (wanted.contains(section)) {
        info.section(section);
      }
    }
    return info.text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private void section(String name) {
    if (!text.isEmpty()) {
      text.append("\r\n");
    }
    String title =
        name.equals("cpu")
            ? "CPU"
            : name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
    text.append("# ").append(title).append("\r\n");
    switch (name) {
      case "server" -> server();
      case "clients" -> clients();
      case "memory" -> memory();
      case "persistence" -> persistence();
      case "stats" -> statistics();
      case "replication" -> replication();
      case "cpu" -> cpu();
      case "commandstats" -> commands();
      case "errorstats" -> errors();
      case "cluster" -> field("cluster_enabled", 0);
      case "keyspace" -> keyspace();
      default -> {} // modules, latencystats: nothing to tell
    }
  }

  private void server() {
    long now = call.now();
    long uptime = (now - host.startedMillis()) / 1000;
    String machine = System.getProperty("os.arch", "");
    field("redis_version", Config.REDIS_VERSION);
    field("redis_git_sha1", "00000000");
    field("redis_git_dirty", 0);
    field("redis_build_id", "spinel-" + host.version());
    field("redis_mode", "standalone");
    field(
        "os",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + " "
            + (machine.equals("amd64") ? "x86_64" : machine));
    field("arch_bits", 64);
    field("monotonic_clock", "System.nanoTime");
    // The JDK's selector is epoll on Linux; tools know that word.
    boolean nio = host.transport().equals("nio");
    field("multiplexing_api", nio ? "epoll" : host.transport());
    field("atomicvar_api", "java");
    field("gcc_version", "0.0.0");
    field("process_id", ProcessHandle.current().pid());
    field("process_supervised", "no");
    field("run_id", host.runId());
    field("tcp_port", host.port());
    field("server_time_usec", now * 1000);
    field("uptime_in_seconds", uptime);
    field("uptime_in_days", uptime / 86_400);
    field("hz", config.get(Settings.HZ));
    field("configured_hz", config.get(Settings.HZ));
    field("lru_clock", now / 1000 & 0xffffff);
    field("executable", ProcessHandle.current().info().command().orElse(""));
    Path file = config.file();
    field("config_file", file == null ? "" : file.toString());
    field("io_threads_active", 0);
    int number = 0;
    for (String listener : host.listeners()) {
      field("listener" + number++, listener);
    }
    field("spinel_version", host.version());
    field("java_version", System.getProperty("java.version", ""));
    field("io_transport", host.transport());
    field(
        "event_loops",
        config.get(Settings.EVENT_LOOPS) == 0
            ? Runtime.getRuntime().availableProcessors()
            : config.get(Settings.EVENT_LOOPS));
  }

  private void clients() {
    field("connected_clients", host.clients());
    field("cluster_connections", 0);
    field("maxclients", config.get(Settings.MAXCLIENTS));
    long input = 0;
    long output = 0;
    for (var session : engine.sessions()) {
      input = Math.max(input, session.outlet.inputBytes());
      output = Math.max(output, session.outlet.pendingBytes());
    }
    field("client_recent_max_input_buffer", input);
    field("client_recent_max_output_buffer", output);
    field("blocked_clients", engine.parked());
    field("tracking_clients", 0);
    field("clients_in_timeout_table", 0);
    field("total_blocking_keys", engine.parkedKeys());
    field("total_blocking_keys_on_nokey", 0);
  }

  private void memory() {
    HeapStats heap = host.heap();
    long used = heap.liveBytes();
    long resident = heap.residentBytes();
    long process = processBytes();
    long peak = host.rates().peak(used);
    long startup = host.startupBytes();
    long data = Math.max(0, used - startup);
    long system = systemBytes();
    long most = config.get(Settings.MAXMEMORY);
    bytes("used_memory", used);
    bytes("used_memory_rss", process);
    bytes("used_memory_peak", peak);
    field("used_memory_peak_perc", decimal(percent(used, peak)) + "%");
    field("used_memory_overhead", startup);
    field("used_memory_startup", startup);
    field("used_memory_dataset", data);
    field("used_memory_dataset_perc", decimal(percent(data, used)) + "%");
    field("allocator_allocated", used);
    field("allocator_active", resident);
    field("allocator_resident", resident);
    bytes("total_system_memory", system);
    field("used_memory_lua", 0);
    field("used_memory_vm_eval", 0);
    field("used_memory_lua_human", "0B");
    field("used_memory_scripts_eval", 0);
    field("number_of_cached_scripts", 0);
    field("number_of_functions", 0);
    field("number_of_libraries", 0);
    field("used_memory_vm_functions", 0);
    bytes("used_memory_vm_total", 0);
    field("used_memory_functions", 0);
    bytes("used_memory_scripts", 0);
    bytes("maxmemory", most);
    field("maxmemory_policy", config.text(Settings.MAXMEMORY_POLICY));
    field("allocator_frag_ratio", decimal(ratio(resident, used)));
    field("allocator_frag_bytes", resident - used);
    field("allocator_rss_ratio", decimal(1));
    field("allocator_rss_bytes", 0);
    field("rss_overhead_ratio", decimal(ratio(process, resident)));
    field("rss_overhead_bytes", process - resident);
    field("mem_fragmentation_ratio", decimal(ratio(process, used)));
    field("mem_fragmentation_bytes", process - used);
    field("mem_not_counted_for_evict", 0);
    field("mem_replication_backlog", 0);
    field("mem_total_replication_buffers", 0);
    field("mem_clients_slaves", 0);
    field("mem_clients_normal", clientBytes(engine));
    field("mem_cluster_links", 0);
    field("mem_aof_buffer", 0);
    field("mem_allocator", "spinel");
    field("active_defrag_running", engine.keyspace.keeper().evacuating() ? 25 : 0);
    field("lazyfree_pending_objects", engine.keyspace.keeper().pending());
    field("lazyfreed_objects", 0);
    Runtime java = Runtime.getRuntime();
    field("memory_access", Memory.RAW ? "raw" : "bounded");
    field("java_heap_used", java.totalMemory() - java.freeMemory());
    field("java_heap_max", java.maxMemory());
  }

  /// Bytes of input and output that wait in all sessions.
  static long clientBytes(Engine engine) {
    long sum = 0;
    for (var session : engine.sessions()) {
      sum += session.outlet.inputBytes() + session.outlet.pendingBytes() + session.queuedBytes();
    }
    return sum;
  }

  private void persistence() {
    field("loading", 0);
    field("async_loading", 0);
    field("current_cow_peak", 0);
    field("current_cow_size", 0);
    field("current_cow_size_age", 0);
    field("current_fork_perc", decimal(0));
    field("current_save_keys_processed", 0);
    field("current_save_keys_total", 0);
    field("rdb_changes_since_last_save", engine.changes());
    field("rdb_bgsave_in_progress", 0);
    field("rdb_last_save_time", host.startedMillis() / 1000);
    field("rdb_last_bgsave_status", "ok");
    field("rdb_last_bgsave_time_sec", -1);
    field("rdb_current_bgsave_time_sec", -1);
    field("rdb_saves", 0);
    field("rdb_last_cow_size", 0);
    field("rdb_last_load_keys_expired", 0);
    field("rdb_last_load_keys_loaded", 0);
    field("aof_enabled", 0);
    field("aof_rewrite_in_progress", 0);
    field("aof_rewrite_scheduled", 0);
    field("aof_last_rewrite_time_sec", -1);
    field("aof_current_rewrite_time_sec", -1);
    field("aof_last_bgrewrite_status", "ok");
    field("aof_rewrites", 0);
    field("aof_rewrites_consecutive_failures", 0);
    field("aof_last_write_status", "ok");
    field("aof_last_cow_size", 0);
    field("module_fork_in_progress", 0);
    field("module_fork_last_cow_size", 0);
  }

  private void statistics() {
    Rates rates = host.rates();
    field("total_connections_received", host.accepted());
    field("total_commands_processed", engine.count(Engine.Count.COMMANDS));
    field("instantaneous_ops_per_sec", rates.commandsPerSecond());
    field("total_net_input_bytes", host.bytesIn());
    field("total_net_output_bytes", host.bytesOut());
    field("total_net_repl_input_bytes", 0);
    field("total_net_repl_output_bytes", 0);
    field("instantaneous_input_kbps", decimal(rates.inputPerSecond() / 1024.0));
    field("instantaneous_output_kbps", decimal(rates.outputPerSecond() / 1024.0));
    field("instantaneous_input_repl_kbps", decimal(0));
    field("instantaneous_output_repl_kbps", decimal(0));
    field("rejected_connections", host.refused());
    field("sync_full", 0);
    field("sync_partial_ok", 0);
    field("sync_partial_err", 0);
    field("expired_keys", engine.expiredKeys());
    field("expired_stale_perc", decimal(0));
    field("expired_time_cap_reached_count", engine.keyspace.keeper().expiredCycles());
    field("expire_cycle_cpu_milliseconds", 0);
    field("evicted_keys", engine.evictedKeys());
    field("evicted_clients", 0);
    field("total_eviction_exceeded_time", 0);
    field("current_eviction_exceeded_time", 0);
    field("keyspace_hits", engine.count(Engine.Count.HITS));
    field("keyspace_misses", engine.count(Engine.Count.MISSES));
    field("pubsub_channels", host.channels());
    field("pubsub_patterns", host.patterns());
    field("pubsubshard_channels", host.shardChannels());
    field("latest_fork_usec", 0);
    field("snapshot_delayed_calls", engine.delays());
    field("total_forks", 0);
    field("migrate_cached_sockets", 0);
    field("slave_expires_tracked_keys", 0);
    field("active_defrag_hits", engine.keyspace.keeper().evacuated());
    field("active_defrag_misses", 0);
    field("active_defrag_key_hits", 0);
    field("active_defrag_key_misses", 0);
    field("total_active_defrag_time", engine.keyspace.keeper().evacuationNanos() / 1_000_000);
    field("current_active_defrag_time", 0);
    field("tracking_total_keys", 0);
    field("tracking_total_items", 0);
    field("tracking_total_prefixes", 0);
    field("unexpected_error_replies", 0);
    field("total_error_replies", engine.errorReplies());
    field("dump_payload_sanitizations", 0);
    field("total_reads_processed", 0);
    field("total_writes_processed", 0);
    field("io_threaded_reads_processed", 0);
    field("io_threaded_writes_processed", 0);
    field("reply_buffer_shrinks", 0);
    field("reply_buffer_expands", 0);
    field("eventloop_cycles", 0);
    field("eventloop_duration_sum", 0);
    field("eventloop_duration_cmd_sum", 0);
    field("instantaneous_eventloop_cycles_per_sec", 0);
    field("instantaneous_eventloop_duration_usec", 0);
    field("acl_access_denied_auth", 0);
    field("acl_access_denied_cmd", 0);
    field("acl_access_denied_key", 0);
    field("acl_access_denied_channel", 0);
  }

  private void replication() {
    field("role", "master");
    field("connected_slaves", 0);
    field("master_failover_state", "no-failover");
    field("master_replid", host.replicationId());
    field("master_replid2", "0000000000000000000000000000000000000000");
    field("master_repl_offset", 0);
    field("second_repl_offset", -1);
    field("repl_backlog_active", 0);
    field("repl_backlog_size", config.get(Settings.REPL_BACKLOG_SIZE));
    field("repl_backlog_first_byte_offset", 0);
    field("repl_backlog_histlen", 0);
  }

  private void cpu() {
    long[] own = processTicks("/proc/self/stat");
    long[] thread = processTicks("/proc/thread-self/stat");
    field("used_cpu_sys", seconds(own[1]));
    field("used_cpu_user", seconds(own[0]));
    field("used_cpu_sys_children", seconds(own[3]));
    field("used_cpu_user_children", seconds(own[2]));
    field("used_cpu_sys_main_thread", seconds(thread[1]));
    field("used_cpu_user_main_thread", seconds(thread[0]));
  }

  private void commands() {
    long[][] counts = engine.commandStatistics();
    for (Command command : engine.table) {
      command(command, counts[command.index]);
      for (Command sub : command.subcommands()) {
        command(sub, counts[sub.index]);
      }
    }
  }

  private void command(Command command, long[] counts) {
    long calls = counts[0];
    if (calls == 0 && counts[2] == 0 && counts[3] == 0) {
      return;
    }
    field(
        "cmdstat_" + command.name,
        "calls="
            + calls
            + ",usec="
            + counts[1]
            + ",usec_per_call="
            + decimal(calls == 0 ? 0 : (double) counts[1] / calls)
            + ",rejected_calls="
            + counts[2]
            + ",failed_calls="
            + counts[3]);
  }

  private void errors() {
    for (String code : new TreeSet<>(engine.errors().keySet())) {
      var count = engine.errors().get(code);
      if (count != null) {
        field("errorstat_" + code, "count=" + count.sum());
      }
    }
  }

  private void keyspace() {
    for (int number = 0; number < engine.keyspace.databases(); number++) {
      Database database = engine.keyspace.database(number);
      long keys = database.size(call.seat());
      if (keys != 0) {
        field(
            "db" + number,
            "keys=" + keys + ",expires=" + database.expiring(call.seat()) + ",avg_ttl=0");
      }
    }
  }

  // ── fields
  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private void field(String name, long value) {
    text.append(name).append(':').append(value).append("\r\n");
  }

  private void field(String name, String value) {
    text.append(name).append(':').append(value).append("\r\n");
  }

  /// A number of bytes, and the same for people.
  private void bytes(String name, long value) {
    field(name, value);
    field(name + "_human", human(value));
  }

  static String human(long bytes) {
    if (bytes < 1024) {
      return bytes + "B";
    }
    String units = "KMGTP";
    int unit = 0;
    long size = 1024;
    while (unit < units.length() - 1 && bytes / size >= 1024) {
      size *= 1024;
      unit++;
    }
    return decimal((double) bytes / size) + units.charAt(unit);
  }

  /// With two decimals.
  static String decimal(double value) {
    long hundredths = Math.round(Math.abs(value) * 100);
    long rest = hundredths % 100;
    return (value < 0 ? "-" : "") + hundredths / 100 + (rest < 10 ? ".0" : ".") + rest;
  }

  private static double percent(long part, long whole) {
    return whole == 0 ? 0 : 100.0 * part / whole;
  }

  static double ratio(long a, long b) {
    return b == 0 ? 0 : (double) a / b;
  }

  private static String seconds(long ticks) {
    String rest = Long.toString(ticks % TICKS_PER_SECOND * (1_000_000 / TICKS_PER_SECOND));
    return ticks / TICKS_PER_SECOND + "." + "0".repeat(6 - rest.length()) + rest;
  }

  /// Memory of this process that is in the machine's memory; 0 where there is no way to know.
  static long processBytes() {
    return kilobytes("/proc/self/status", "VmRSS:") * 1024;
  }

  private static long systemBytes() {
    return kilobytes("/proc/meminfo", "MemTotal:") * 1024;
  }

  private static long kilobytes(String file, String label) {
    for (String line : lines(file)) {
      if (line.startsWith(label)) {
        String number = line.substring(label.length()).strip();
        return Long.parseLong(number.substring(0, number.indexOf(' ')));
      }
    }
    return 0;
  }

  /// User, system, children's user, children's system.
  private static long[] processTicks(String file) {
    long[] ticks = new long[4];
    for (String line : lines(file)) {
      // the second word is a name in parentheses, which may hold blanks
      String[] words = line.substring(line.lastIndexOf(')') + 2).split(" ");
      Arrays.setAll(ticks, i -> Long.parseLong(words[11 + i]));
    }
    return ticks;
  }

  private static List<String> lines(String file) {
    try {
      return Files.readAllLines(Path.of(file), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return List.of(); // not a Linux
    }
  }
}
