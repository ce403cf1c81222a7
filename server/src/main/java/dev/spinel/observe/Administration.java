package dev.spinel.observe;

import dev.spinel.acl.Users;
import dev.spinel.config.Config;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Reply;
import java.nio.charset.StandardCharsets;

/// The server as a whole: its settings and its state.
public final class Administration implements Family {
  private static final int CONFIG_GET = 0,
      CONFIG_HELP = 1,
      CONFIG_RESETSTAT = 2,
      CONFIG_REWRITE = 3,
      CONFIG_SET = 4,
      DEBUG = 5,
      INFO = 6,
      LOLWUT = 7,
      MEMORY_DOCTOR = 8,
      MEMORY_HELP = 9,
      MEMORY_MALLOC_STATS = 10,
      MEMORY_PURGE = 11,
      MEMORY_STATS = 12,
      MEMORY_USAGE = 13,
      SLOWLOG_GET = 14,
      SLOWLOG_HELP = 15,
      SLOWLOG_LEN = 16,
      SLOWLOG_RESET = 17,
      TIME = 18,
      MONITOR = 19;

  private final Info info;
  private final Configuration configuration;
  private final MemoryReport memory;
  private final Debug debug;
  private final SlowLog slowLog;
  private final Monitors monitors;

  public Administration(
      Config config,
      Users users,
      Host host,
      Info info,
      MemoryAccount memory,
      SlowLog slowLog,
      Monitors monitors) {
    this.info = info;
    this.slowLog = slowLog;
    this.monitors = monitors;
    this.configuration = new Configuration(config, users);
    this.memory = new MemoryReport(info, memory);
    this.debug = new Debug(config, configuration, host);
  }

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
        "server 2.0.0 admin noscript loading stale global request_policy:all_nodes"
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
        "server 2.0.0 admin noscript loading stale sweeps request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Changes settings, all or none.
        O(N), N settings
        7.0.0 Several settings at once
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
        INFO,
        "INFO [section]...",
        "server 1.0.0 loading stale @dangerous nondeterministic_output request_policy:all_shards"
            + " sweeps response_policy:special",
        """
        Reports on the server, section by section.
        O(1)
        7.0.0 Several sections at once
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
        "server 4.0.0 nondeterministic_output request_policy:all_shards response_policy:special"
            + " sweeps",
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
      case CONFIG_GET -> configuration.get(call, reply);
      case CONFIG_HELP, MEMORY_HELP, SLOWLOG_HELP -> Help.reply(call, reply);
      case CONFIG_RESETSTAT -> resetStatistics(call, reply);
      case CONFIG_REWRITE -> configuration.rewrite(reply);
      case CONFIG_SET -> configuration.set(call, reply);
      case DEBUG -> debug.run(call, reply);
      case INFO -> reply.verbatim("txt", info.text(call));
      case LOLWUT -> lolwut(call, reply);
      case MEMORY_DOCTOR -> memory.doctor(reply);
      case MEMORY_MALLOC_STATS -> memory.allocator(reply);
      case MEMORY_PURGE -> {
        // free slabs go back to the system by themselves
        reply.ok();
      }
      case MEMORY_STATS -> memory.statistics(call, reply);
      case MEMORY_USAGE -> memory.usage(call, reply);
      case MONITOR -> monitor(call, reply);
      case SLOWLOG_GET -> slowLog.get(call, reply);
      case SLOWLOG_LEN -> reply.integer(slowLog.length());
      case SLOWLOG_RESET -> {
        slowLog.reset();
        reply.ok();
      }
      case TIME -> time(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private void resetStatistics(Call call, Reply reply) {
    call.engine().resetStatistics();
    info.reset();
    reply.ok();
  }

  private void monitor(Call call, Reply reply) {
    if (call.inMulti()) {
      throw new CommandError("ERR MONITOR isn't allowed for DENY BLOCKING client");
    }
    if (monitors.add(call.session(), call.engine())) {
      reply.ok();
    } // else it isn't answered at all, as in Redis
  }

  private static void time(Call call, Reply reply) {
    long micros = call.inMulti() ? 1000 * call.now() : call.engine().clock.micros();
    reply.array(2);
    reply.bulk(micros / 1_000_000);
    reply.bulk(micros % 1_000_000);
  }

  private static final int USUAL_HEIGHT = 7;
  private static final int MOST_HEIGHT = 40;

  /// A gem, and the version. A number behind the version that is wished for, or alone, is the gem's
  /// height; as in Redis, other words mean nothing unless they stand for that version.
  private static void lolwut(Call call, Reply reply) {
    int first = 1;
    if (call.argc() > 2 && call.is(1, "VERSION")) {
      call.integer(2); // all versions have the same picture
      first = 3;
    }
    long wished = call.argc() > first ? call.args().at(first).toLong(USUAL_HEIGHT) : USUAL_HEIGHT;
    int height = (int) Math.clamp(wished, 3, MOST_HEIGHT);
    StringBuilder picture = new StringBuilder("\n");
    Gem.draw(height, picture);
    picture.append("\nRedis ver. ").append(Config.REDIS_VERSION).append('\n');
    reply.verbatim("txt", picture.toString().getBytes(StandardCharsets.ISO_8859_1));
  }
}
