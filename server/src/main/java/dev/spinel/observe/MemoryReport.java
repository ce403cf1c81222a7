package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.keyspace.Database;
import dev.spinel.memory.HeapStats;
import java.nio.charset.StandardCharsets;

/// MEMORY: where the memory goes. The account of the heap is exact, so most of this is reading it.
final class MemoryReport {
  private static final int SAMPLES = 5;

  private final Info info;
  private final MemoryAccount memory;

  MemoryReport(Info info, MemoryAccount memory) {
    this.info = info;
    this.memory = memory;
  }

  void usage(Call call, Reply reply) {
    long samples = SAMPLES;
    Options o = call.options(3);
    while (o.next()) {
      if (!o.is("SAMPLES", 1)) {
        throw CommandError.SYNTAX;
      }
      samples = o.integer();
      if (samples < 0) {
        throw CommandError.SYNTAX;
      }
    }
    Key key = call.peek(2);
    if (!key.exists()) {
      reply.nil();
      return;
    }
    int most = (int) Math.min(samples, Integer.MAX_VALUE);
    reply.integer(call.values().dictionary().memoryUse(key.entry(), most));
  }

  void statistics(Call call, Reply reply) {
    Fields held = info.fields("memory", call); // those who hold memory tell it there
    MemoryAccount.Reading now = memory.read();
    long used = now.used();
    long resident = now.resident();
    long process = now.process();
    long peak = now.peak();
    long startup = now.startup();
    long data = now.data();
    var keyspace = call.engine().keyspace;
    long keys = 0;
    int databases = 0;
    for (int i = keyspace.nextUsed(0); i >= 0; i = keyspace.nextUsed(i + 1)) {
      long size = keyspace.database(i).size(call.seat());
      keys += size;
      databases += size == 0 ? 0 : 1;
    }
    reply.map(27 + databases);
    field("peak.allocated", peak, reply);
    field("total.allocated", used, reply);
    field("startup.allocated", startup, reply);
    field("replication.backlog", held.number("mem_replication_backlog"), reply);
    field("clients.slaves", held.number("mem_clients_slaves"), reply);
    field("clients.normal", held.number("mem_clients_normal"), reply);
    field("cluster.links", held.number("mem_cluster_links"), reply);
    field("aof.buffer", held.number("mem_aof_buffer"), reply);
    field("lua.caches", held.number("used_memory_scripts_eval"), reply);
    field("functions.caches", held.number("used_memory_functions"), reply);
    for (int i = keyspace.nextUsed(0); i >= 0; i = keyspace.nextUsed(i + 1)) {
      Database database = keyspace.database(i);
      if (database.size(call.seat()) != 0) {
        reply.bulk("db." + i);
        reply.map(3);
        field("overhead.hashtable.main", database.headerBytes(), reply);
        field("overhead.hashtable.expires", 0, reply);
        field("overhead.hashtable.slot-to-keys", 0, reply);
      }
    }
    field("overhead.total", startup, reply);
    field("keys.count", keys, reply);
    field("keys.bytes-per-key", keys == 0 ? 0 : data / keys, reply);
    field("dataset.bytes", data, reply);
    number("dataset.percentage", used == 0 ? 0 : 100.0 * data / used, reply);
    number("peak.percentage", peak == 0 ? 0 : 100.0 * used / peak, reply);
    field("allocator.allocated", used, reply);
    field("allocator.active", resident, reply);
    field("allocator.resident", resident, reply);
    number("allocator-fragmentation.ratio", now.fragmentation(), reply);
    field("allocator-fragmentation.bytes", resident - used, reply);
    number("allocator-rss.ratio", 1, reply);
    field("allocator-rss.bytes", 0, reply);
    number("rss-overhead.ratio", now.beside(), reply);
    field("rss-overhead.bytes", process - resident, reply);
    number("fragmentation", now.inAll(), reply);
    field("fragmentation.bytes", process - used, reply);
  }

  void doctor(Reply reply) {
    HeapStats heap = memory.heap();
    long used = heap.liveBytes();
    String advice;
    if (used < 5 << 20) {
      advice = "There is too little in memory to say anything about it.\n";
    } else if (heap.residentBytes() > used * 14 / 10 + (64 << 20)) {
      advice =
          "Much of the memory taken from the system is free but scattered. It is being compacted;"
              + " if this stays so, look at MEMORY MALLOC-STATS.\n";
    } else {
      advice = "All is well with the memory.\n";
    }
    reply.verbatim("txt", advice.getBytes(StandardCharsets.ISO_8859_1));
  }

  void allocator(Reply reply) {
    HeapStats heap = memory.heap();
    StringBuilder text = new StringBuilder(1000);
    text.append("live ").append(heap.liveBytes());
    text.append(" resident ").append(heap.residentBytes());
    text.append(" slabs ").append(heap.slabs()).append('\n');
    for (HeapStats.SizeClass of : heap.classes()) {
      text.append("class ").append(of.bytes());
      text.append(" nodes ").append(of.liveNodes());
      text.append(" pages ").append(of.pageBytes()).append('\n');
    }
    reply.bulk(text.toString());
  }

  private static void field(String name, long value, Reply reply) {
    reply.bulk(name);
    reply.integer(value);
  }

  private static void number(String name, double value, Reply reply) {
    reply.bulk(name);
    reply.number(value);
  }
}
