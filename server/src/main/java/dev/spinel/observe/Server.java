package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// The server as a whole: its settings, its state, all of its data.
public final class Server implements Family {
  private static final int CONFIG_GET = 0,
      CONFIG_HELP = 1,
      CONFIG_RESETSTAT = 2,
      CONFIG_REWRITE = 3,
      CONFIG_SET = 4,
      DBSIZE = 5,
      DEBUG = 6,
      FLUSHALL = 7,
      FLUSHDB = 8,
      INFO = 9,
      LATENCY_DOCTOR = 10,
      LATENCY_GRAPH = 11,
      LATENCY_HELP = 12,
      LATENCY_HISTOGRAM = 13,
      LATENCY_HISTORY = 14,
      LATENCY_LATEST = 15,
      LATENCY_RESET = 16,
      LOLWUT = 17,
      MEMORY_DOCTOR = 18,
      MEMORY_HELP = 19,
      MEMORY_MALLOC_STATS = 20,
      MEMORY_PURGE = 21,
      MEMORY_STATS = 22,
      MEMORY_USAGE = 23,
      MONITOR = 24,
      SHUTDOWN = 25,
      SLOWLOG_GET = 26,
      SLOWLOG_HELP = 27,
      SLOWLOG_LEN = 28,
      SLOWLOG_RESET = 29,
      SWAPDB = 30,
      TIME = 31;

  public Server() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.container(
        "CONFIG",
        "server 2.0.0",
        """
        Reads and changes the configuration.
        Depends on subcommand.
        """);
    t.command(
        CONFIG_GET,
        "CONFIG|GET parameter...",
        "server 2.0.0 admin noscript loading stale",
        """
        Reads settings whose names match patterns.
        O(N), N patterns
        7.0.0 Several patterns at once
        """);
    t.command(
        CONFIG_HELP,
        "CONFIG|HELP",
        "server 5.0.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        CONFIG_RESETSTAT,
        "CONFIG|RESETSTAT",
        "server 2.0.0 admin noscript loading stale request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Sets the counters that INFO shows back to zero.
        O(1)
        """);
    t.command(
        CONFIG_REWRITE,
        "CONFIG|REWRITE",
        "server 2.8.0 admin noscript loading stale request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Writes the settings in force to the configuration file.
        O(1)
        """);
    t.command(
        CONFIG_SET,
        "CONFIG|SET (data: parameter value)...",
        "server 2.0.0 admin noscript loading stale request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Changes settings, all or none.
        O(N), N settings
        7.0.0 Several settings at once
        """);
    t.command(
        DBSIZE,
        "DBSIZE",
        "server 1.0.0 readonly fast @keyspace request_policy:all_shards response_policy:agg_sum",
        """
        Counts the keys of the database.
        O(1)
        """);
    t.command(
        DEBUG,
        "DEBUG",
        "server 1.0.0 admin noscript loading stale protected global syscmd arity=-2",
        """
        Helps those who test the server.
        Depends on subcommand.
        """);
    t.command(
        FLUSHALL,
        "FLUSHALL [flush-type: ASYNC^4.0.0 | SYNC^6.2.0]",
        "server 1.0.0 write global @keyspace @dangerous request_policy:all_shards"
            + " response_policy:all_succeeded",
        """
        Deletes all keys of all databases.
        O(N), N keys in all of them
        4.0.0 ASYNC
        6.2.0 SYNC
        """);
    t.command(
        FLUSHDB,
        "FLUSHDB [flush-type: ASYNC^4.0.0 | SYNC^6.2.0]",
        "server 1.0.0 write global @keyspace @dangerous request_policy:all_shards"
            + " response_policy:all_succeeded",
        """
        Deletes all keys of the database.
        O(N), N keys in it
        4.0.0 ASYNC
        6.2.0 SYNC
        """);
    t.command(
        INFO,
        "INFO [section]...",
        "server 1.0.0 loading stale @dangerous nondeterministic_output request_policy:all_shards"
            + " response_policy:special",
        """
        Reports on the server, section by section.
        O(1)
        7.0.0 Several sections at once
        """);
    t.container(
        "LATENCY",
        "server 2.8.13",
        """
        Looks at what was slow.
        Depends on subcommand.
        """);
    t.command(
        LATENCY_DOCTOR,
        "LATENCY|DOCTOR",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Gives advice on what was slow.
        O(1)
        """);
    t.command(
        LATENCY_GRAPH,
        "LATENCY|GRAPH event",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Draws an event's latencies.
        O(1)
        """);
    t.command(
        LATENCY_HELP,
        "LATENCY|HELP",
        "server 2.8.13 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        LATENCY_HISTOGRAM,
        "LATENCY|HISTOGRAM [command]...",
        "server 7.0.0 admin noscript loading stale nondeterministic_output request_policy:all_nodes"
            + " response_policy:special",
        """
        Shows how the latencies of commands are distributed.
        O(N), N commands
        """);
    t.command(
        LATENCY_HISTORY,
        "LATENCY|HISTORY event",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Lists an event's latencies with their times.
        O(1)
        """);
    t.command(
        LATENCY_LATEST,
        "LATENCY|LATEST",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Lists the last latency of each event.
        O(1)
        """);
    t.command(
        LATENCY_RESET,
        "LATENCY|RESET [event]...",
        "server 2.8.13 admin noscript loading stale request_policy:all_nodes"
            + " response_policy:agg_sum",
        """
        Forgets the latencies of events.
        O(1)
        """);
    t.command(
        LOLWUT,
        "LOLWUT [VERSION version:integer]",
        "server 5.0.0 readonly fast",
        """
        Draws a picture, for fun.
        -
        """);
    t.container(
        "MEMORY",
        "server 4.0.0",
        """
        Looks at where the memory goes.
        Depends on subcommand.
        """);
    t.command(
        MEMORY_DOCTOR,
        "MEMORY|DOCTOR",
        "server 4.0.0 nondeterministic_output request_policy:all_shards response_policy:special",
        """
        Gives advice on the use of memory.
        O(1)
        """);
    t.command(
        MEMORY_HELP,
        "MEMORY|HELP",
        "server 4.0.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        MEMORY_MALLOC_STATS,
        "MEMORY|MALLOC-STATS",
        "server 4.0.0 nondeterministic_output request_policy:all_shards response_policy:special",
        """
        Reports on the allocator.
        Depends on how much is allocated
        """);
    t.command(
        MEMORY_PURGE,
        "MEMORY|PURGE",
        "server 4.0.0 request_policy:all_shards response_policy:all_succeeded",
        """
        Gives free memory back to the system.
        Depends on how much is allocated
        """);
    t.command(
        MEMORY_STATS,
        "MEMORY|STATS",
        "server 4.0.0 nondeterministic_output request_policy:all_shards response_policy:special",
        """
        Reports on the use of memory.
        O(1)
        """);
    t.command(
        MEMORY_USAGE,
        "MEMORY|USAGE @key:RO [SAMPLES count:integer]",
        "server 4.0.0 readonly",
        """
        Estimates the bytes that a key and its value take.
        O(N), N samples
        """);
    t.command(
        MONITOR,
        "MONITOR",
        "server 1.0.0 admin noscript loading stale",
        """
        Shows every command that the server runs.
        -
        """);
    t.command(
        SHUTDOWN,
        "SHUTDOWN [save-selector: NOSAVE | SAVE] [NOW]^7.0.0 [FORCE]^7.0.0 [ABORT]^7.0.0",
        "server 1.0.0 admin noscript loading stale no_multi allow_busy",
        """
        Ends the server, saving first if it is so configured.
        O(N) when saving, N keys in all databases
        7.0.0 NOW, FORCE and ABORT
        """);
    t.container(
        "SLOWLOG",
        "server 2.2.12",
        """
        Reads the log of slow commands.
        Depends on subcommand.
        """);
    t.command(
        SLOWLOG_GET,
        "SLOWLOG|GET [count:integer]",
        "server 2.2.12 admin loading stale request_policy:all_nodes nondeterministic_output",
        """
        Lists entries of the log, the newest first.
        O(N), N entries returned
        4.0.0 The client's address and name
        """);
    t.command(
        SLOWLOG_HELP,
        "SLOWLOG|HELP",
        "server 6.2.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        SLOWLOG_LEN,
        "SLOWLOG|LEN",
        "server 2.2.12 admin loading stale request_policy:all_nodes response_policy:agg_sum"
            + " nondeterministic_output",
        """
        Counts the entries of the log.
        O(1)
        """);
    t.command(
        SLOWLOG_RESET,
        "SLOWLOG|RESET",
        "server 2.2.12 admin loading stale request_policy:all_nodes response_policy:all_succeeded",
        """
        Empties the log.
        O(N), N entries
        """);
    t.command(
        SWAPDB,
        "SWAPDB index1:integer index2:integer",
        "server 4.0.0 write fast global @keyspace @dangerous",
        """
        Exchanges two databases.
        O(N), N clients that watch or wait for keys in either
        """);
    t.command(
        TIME,
        "TIME",
        "server 2.6.0 loading stale fast nondeterministic_output",
        """
        Tells the server's time.
        O(1)
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case CONFIG_GET -> configGet(call, reply);
      case CONFIG_HELP -> configHelp(call, reply);
      case CONFIG_RESETSTAT -> configResetstat(call, reply);
      case CONFIG_REWRITE -> configRewrite(call, reply);
      case CONFIG_SET -> configSet(call, reply);
      case DBSIZE -> dbsize(call, reply);
      case DEBUG -> debug(call, reply);
      case FLUSHALL -> flushall(call, reply);
      case FLUSHDB -> flushdb(call, reply);
      case INFO -> info(call, reply);
      case LATENCY_DOCTOR -> latencyDoctor(call, reply);
      case LATENCY_GRAPH -> latencyGraph(call, reply);
      case LATENCY_HELP -> latencyHelp(call, reply);
      case LATENCY_HISTOGRAM -> latencyHistogram(call, reply);
      case LATENCY_HISTORY -> latencyHistory(call, reply);
      case LATENCY_LATEST -> latencyLatest(call, reply);
      case LATENCY_RESET -> latencyReset(call, reply);
      case LOLWUT -> lolwut(call, reply);
      case MEMORY_DOCTOR -> memoryDoctor(call, reply);
      case MEMORY_HELP -> memoryHelp(call, reply);
      case MEMORY_MALLOC_STATS -> memoryMallocStats(call, reply);
      case MEMORY_PURGE -> memoryPurge(call, reply);
      case MEMORY_STATS -> memoryStats(call, reply);
      case MEMORY_USAGE -> memoryUsage(call, reply);
      case MONITOR -> monitor(call, reply);
      case SHUTDOWN -> shutdown(call, reply);
      case SLOWLOG_GET -> slowlogGet(call, reply);
      case SLOWLOG_HELP -> slowlogHelp(call, reply);
      case SLOWLOG_LEN -> slowlogLen(call, reply);
      case SLOWLOG_RESET -> slowlogReset(call, reply);
      case SWAPDB -> swapdb(call, reply);
      case TIME -> time(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void configGet(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void configHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void configResetstat(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void configRewrite(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void configSet(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void dbsize(Call call, Reply reply) {
    reply.integer(call.engine().keyspace.database(call.database()).size(call.seat()));
  }

  private static void debug(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void flushall(Call call, Reply reply) {
    boolean later = later(call);
    long removed = 0;
    for (int database = 0; database < call.engine().keyspace.databases(); database++) {
      removed += call.engine().flush(call.seat(), database, later);
    }
    call.dirty(Math.max(1, removed));
    reply.ok();
  }

  private static void flushdb(Call call, Reply reply) {
    boolean later = later(call);
    long removed = call.engine().flush(call.seat(), call.database(), later);
    call.dirty(Math.max(1, removed));
    reply.ok();
  }

  /// Whether freeing is left to the background: ASYNC, SYNC, or as `lazyfree-lazy-user-flush` says.
  private static boolean later(Call call) {
    if (call.argc() == 1) {
      return call.limits().lazyUserFlush;
    }
    boolean later = call.is(1, "ASYNC");
    if (call.argc() > 2 || !later && !call.is(1, "SYNC")) {
      throw CommandError.SYNTAX;
    }
    return later;
  }

  private static void info(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void latencyDoctor(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void latencyGraph(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void latencyHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void latencyHistogram(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void latencyHistory(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void latencyLatest(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void latencyReset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lolwut(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void memoryDoctor(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void memoryHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void memoryMallocStats(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void memoryPurge(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void memoryStats(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void memoryUsage(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void monitor(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void shutdown(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void slowlogGet(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void slowlogHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void slowlogLen(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void slowlogReset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void swapdb(Call call, Reply reply) {
    long a = call.integer(1, Integer.MIN_VALUE, Integer.MAX_VALUE, INVALID_FIRST);
    long b = call.integer(2, Integer.MIN_VALUE, Integer.MAX_VALUE, INVALID_SECOND);
    int databases = call.engine().keyspace.databases();
    if (a < 0 || a >= databases || b < 0 || b >= databases) {
      throw new CommandError("ERR DB index is out of range");
    }
    if (a != b) {
      call.engine().swap(call.dispatcher(), (int) a, (int) b);
    }
    call.dirty(1);
    reply.ok();
  }

  private static final CommandError INVALID_FIRST = new CommandError("ERR invalid first DB index");
  private static final CommandError INVALID_SECOND =
      new CommandError("ERR invalid second DB index");

  private static void time(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
