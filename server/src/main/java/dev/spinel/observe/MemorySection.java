package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import dev.spinel.engine.Session;
import dev.spinel.keyspace.Keeper;
import dev.spinel.memory.Memory;

/// INFO memory: the heap, and the process around it. Has a layout for all who hold memory of their
/// own; MEMORY STATS reads their fields here.
public final class MemorySection implements Section {
  private final Config config;
  private final MemoryAccount memory;

  public MemorySection(Config config, MemoryAccount memory) {
    this.config = config;
    this.memory = memory;
  }

  @Override
  public String title() {
    return "Memory";
  }

  @Override
  public String layout() {
    return """
    used_memory:0
    used_memory_human:0B
    used_memory_rss:0
    used_memory_rss_human:0B
    used_memory_peak:0
    used_memory_peak_human:0B
    used_memory_peak_perc:0.00%
    used_memory_overhead:0
    used_memory_startup:0
    used_memory_dataset:0
    used_memory_dataset_perc:0.00%
    allocator_allocated:0
    allocator_active:0
    allocator_resident:0
    total_system_memory:0
    total_system_memory_human:0B
    used_memory_lua:0
    used_memory_vm_eval:0
    used_memory_lua_human:0B
    used_memory_scripts_eval:0
    number_of_cached_scripts:0
    number_of_functions:0
    number_of_libraries:0
    used_memory_vm_functions:0
    used_memory_vm_total:0
    used_memory_vm_total_human:0B
    used_memory_functions:0
    used_memory_scripts:0
    used_memory_scripts_human:0B
    maxmemory:0
    maxmemory_human:0B
    maxmemory_policy:noeviction
    allocator_frag_ratio:0.00
    allocator_frag_bytes:0
    allocator_rss_ratio:1.00
    allocator_rss_bytes:0
    rss_overhead_ratio:0.00
    rss_overhead_bytes:0
    mem_fragmentation_ratio:0.00
    mem_fragmentation_bytes:0
    mem_not_counted_for_evict:0
    mem_replication_backlog:0
    mem_total_replication_buffers:0
    mem_clients_slaves:0
    mem_clients_normal:0
    mem_cluster_links:0
    mem_aof_buffer:0
    mem_allocator:spinel
    active_defrag_running:0
    lazyfree_pending_objects:0
    lazyfreed_objects:0
    """;
  }

  @Override
  public void tell(Call call, Fields out) {
    MemoryAccount.Reading now = memory.read();
    out.bytes("used_memory", now.used());
    out.bytes("used_memory_rss", now.process());
    out.bytes("used_memory_peak", now.peak());
    out.field("used_memory_peak_perc", percent(now.used(), now.peak()));
    out.field("used_memory_overhead", now.startup());
    out.field("used_memory_startup", now.startup());
    out.field("used_memory_dataset", now.data());
    out.field("used_memory_dataset_perc", percent(now.data(), now.used()));
    out.field("allocator_allocated", now.used());
    out.field("allocator_active", now.resident());
    out.field("allocator_resident", now.resident());
    out.bytes("total_system_memory", ProcessFiles.machineBytes());
    out.bytes("maxmemory", config.get(Settings.MAXMEMORY));
    out.field("maxmemory_policy", config.text(Settings.MAXMEMORY_POLICY));
    out.decimal("allocator_frag_ratio", now.fragmentation());
    out.field("allocator_frag_bytes", now.resident() - now.used());
    out.decimal("rss_overhead_ratio", now.beside());
    out.field("rss_overhead_bytes", now.process() - now.resident());
    out.decimal("mem_fragmentation_ratio", now.inAll());
    out.field("mem_fragmentation_bytes", now.process() - now.used());
    // The journal's and replicas' buffers aren't in used_memory, so they needn't be taken off it.
    out.field("mem_not_counted_for_evict", call.engine().keyspace.walk().preservedBytes());
    out.field("mem_clients_normal", clientBytes(call));
    Keeper keeper = call.engine().keyspace.keeper();
    out.field("active_defrag_running", keeper.evacuating() ? 25 : 0);
    out.field("lazyfree_pending_objects", keeper.pending());
    out.field("lazyfreed_objects", keeper.freed());
    Runtime java = Runtime.getRuntime();
    out.field("memory_access", Memory.RAW ? "raw" : "bounded");
    out.field("java_heap_used", java.totalMemory() - java.freeMemory());
    out.field("java_heap_max", java.maxMemory());
  }

  /// Bytes of input and output that wait in all sessions.
  private static long clientBytes(Call call) {
    long sum = 0;
    for (Session session : call.engine().sessions()) {
      sum += session.isReplica ? 0 : session.memoryBytes();
    }
    return sum;
  }

  private static String percent(long part, long whole) {
    return Fields.decimal(whole == 0 ? 0 : 100.0 * part / whole) + "%";
  }
}
