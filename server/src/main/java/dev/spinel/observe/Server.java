package dev.spinel.observe;

import dev.spinel.config.ConfigError;
import dev.spinel.config.Octets;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Slow;
import dev.spinel.memory.HeapStats;
import dev.spinel.value.Entry;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

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
      LOLWUT = 17,
      MEMORY_DOCTOR = 18,
      MEMORY_HELP = 19,
      MEMORY_MALLOC_STATS = 20,
      MEMORY_PURGE = 21,
      MEMORY_STATS = 22,
      MEMORY_USAGE = 23,
      SHUTDOWN = 25,
      SLOWLOG_GET = 26,
      SLOWLOG_HELP = 27,
      SLOWLOG_LEN = 28,
      SLOWLOG_RESET = 29,
      SWAPDB = 30,
      TIME = 31;

  private final Host host;
  private final Debug debug;
  private final SlowLog slowLog;

  public Server(Host host) {
    this.host = host;
    this.debug = new Debug(host);
    this.slowLog = new SlowLog(host);
  }

  /// Hears of slow commands.
  public Slow slow() {
    return slowLog;
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
      case CONFIG_SET -> configSet(call, reply);
      case CONFIG_REWRITE -> configRewrite(reply);
      case CONFIG_RESETSTAT -> {
        call.engine().resetStatistics();
        reply.ok();
      }
      case DBSIZE -> dbsize(call, reply);
      case DEBUG -> debug.run(call, reply);
      case FLUSHALL -> flushall(call, reply);
      case FLUSHDB -> flushdb(call, reply);
      case SWAPDB -> swapdb(call, reply);
      case INFO -> info(call, reply);
      case LOLWUT -> reply.verbatim("txt", Info.bytes(LOLWUT_TEXT));
      case MEMORY_USAGE -> memoryUsage(call, reply);
      case MEMORY_STATS -> memoryStats(call, reply);
      case MEMORY_PURGE -> reply.ok(); // empty slabs go back by themselves
      case MEMORY_DOCTOR -> reply.verbatim("txt", Info.bytes(doctor()));
      case MEMORY_MALLOC_STATS -> reply.verbatim("txt", Info.bytes(mallocStats()));
      case SHUTDOWN -> shutdown(call);
      case SLOWLOG_GET -> slowLog.get(call, reply);
      case SLOWLOG_LEN -> slowLog.length(reply);
      case SLOWLOG_RESET -> {
        slowLog.reset();
        reply.ok();
      }
      case TIME -> {
        long micros = System.currentTimeMillis() * 1000 + System.nanoTime() / 1000 % 1000;
        reply.array(2);
        reply.bulk(micros / 1_000_000);
        reply.bulk(micros % 1_000_000);
      }
      case CONFIG_HELP, MEMORY_HELP, SLOWLOG_HELP -> Help.reply(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  // ── settings
  // ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private static List<String> words(Call call, int from) {
    ArrayList<String> words = new ArrayList<>();
    for (int i = from; i < call.argc(); i++) {
      words.add(Octets.of(call.bytes(i)));
    }
    return words;
  }

  private void configGet(Call call, Reply reply) {
    List<String> pairs = host.config().matching(words(call, 2));
    reply.map(pairs.size() / 2);
    for (String word : pairs) {
      reply.bulk(Octets.bytes(word));
    }
  }

  private void configSet(Call call, Reply reply) {
    if (call.argc() % 2 == 1) {
      throw CommandError.wrongArguments("config|set");
    }
    try {
      host.config().set(words(call, 2), true, false);
    } catch (ConfigError e) {
      throw new CommandError(String.valueOf(e.getMessage()));
    }
    reply.ok();
  }

  private void configRewrite(Reply reply) {
    try {
      host.config().rewrite(List.of("user default on nopass sanitize-payload ~* &* +@all"));
    } catch (ConfigError e) {
      throw new CommandError(String.valueOf(e.getMessage()));
    }
    host.log("CONFIG REWRITE executed with success.");
    reply.ok();
  }

  // ── state
  // ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private void info(Call call, Reply reply) {
    ArrayList<String> sections = new ArrayList<>();
    for (int i = 1; i < call.argc(); i++) {
      sections.add(call.text(i).toLowerCase(Locale.ROOT));
    }
    reply.verbatim("txt", Info.bytes(Info.of(host, call, sections)));
  }

  private static void memoryUsage(Call call, Reply reply) {
    int samples = 5;
    for (int i = 3; i < call.argc(); i += 2) {
      if (!call.is(i, "SAMPLES") || i + 1 == call.argc()) {
        throw CommandError.SYNTAX;
      }
      samples = (int) call.integer(i + 1, 0, Integer.MAX_VALUE, CommandError.NOT_INTEGER);
    }
    Key key = call.peek(2);
    if (!key.exists()) {
      reply.nil();
      return;
    }
    long bytes = call.values().dictionary().memoryUse(key.entry(), samples);
    if (key.type() == Entry.STRING) {
      bytes += call.values().strings().memoryUse(key.entry());
    } else if (key.type() == Entry.LIST) {
      bytes += call.values().lists().memoryUse(key.entry());
    }
    reply.integer(bytes + 8); // and its word in a page
  }

  private void memoryStats(Call call, Reply reply) {
    HeapStats heap = host.heap().stats();
    long keys = 0;
    for (int i = 0; i < call.engine().keyspace.databases(); i++) {
      keys += call.engine().keyspace.database(i).size(call.seat());
    }
    Object[] pairs = {
      "total.allocated", heap.liveBytes(),
      "keys.count", keys,
      "keys.bytes-per-key", keys == 0 ? 0L : heap.liveBytes() / keys,
      "dataset.bytes", heap.liveBytes(),
      "allocator.allocated", heap.liveBytes(),
      "allocator.active", heap.residentBytes(),
      "allocator.resident", heap.residentBytes(),
      "allocator.slabs", (long) heap.slabs(),
      "allocator-fragmentation.bytes", heap.residentBytes() - heap.liveBytes()
    };
    reply.map(pairs.length / 2);
    for (int i = 0; i < pairs.length; i += 2) {
      reply.bulk((String) pairs[i]);
      reply.integer((Long) pairs[i + 1]);
    }
  }

  private String doctor() {
    HeapStats heap = host.heap().stats();
    if (heap.residentBytes() > (8L << 20) + heap.liveBytes() * 14 / 10) {
      return "Pages are sparse: "
          + Info.human(heap.residentBytes())
          + " hold "
          + Info.human(heap.liveBytes())
          + " of data. That is usual after many keys were deleted.\n";
    }
    return "Nothing to complain of: "
        + Info.human(heap.liveBytes())
        + " of data in "
        + Info.human(heap.residentBytes())
        + ".\n";
  }

  private String mallocStats() {
    HeapStats heap = host.heap().stats();
    StringBuilder text = new StringBuilder();
    text.append("live ").append(heap.liveBytes()).append(" resident ").append(heap.residentBytes());
    text.append(" slabs ").append(heap.slabs()).append("\nnode bytes, page bytes, live nodes\n");
    for (HeapStats.SizeClass one : heap.classes()) {
      text.append(one.bytes())
          .append(' ')
          .append(one.pageBytes())
          .append(' ')
          .append(one.liveNodes())
          .append('\n');
    }
    return text.toString();
  }

  private void shutdown(Call call) {
    boolean abort = false;
    boolean save = false;
    boolean noSave = false;
    for (int i = 1; i < call.argc(); i++) {
      if (call.is(i, "NOSAVE") && !save) {
        noSave = true;
      } else if (call.is(i, "SAVE") && !noSave) {
        save = true;
      } else if (call.is(i, "ABORT")) {
        abort = true;
      } else if (!call.is(i, "NOW") && !call.is(i, "FORCE")) {
        throw CommandError.SYNTAX;
      }
    }
    if (abort) {
      if (call.argc() > 2) {
        throw CommandError.SYNTAX;
      }
      throw new CommandError("ERR No shutdown in progress.");
    }
    call.session().closing = true;
    host.requestStop();
  }

  private static final String LOLWUT_TEXT =
      """
            _____
           /\\   /\\
          /__\\ /__\\     a spinel: long taken for a ruby,
          \\  \\   /  /     and none the worse for it
           \\  \\ /  /
            \\__V__/

      Redis ver. 7.2.6
      """;

  // ── all of the data
  // ────────────────────────────────────────────────────────────────────────────────────────────────

  private static void dbsize(Call call, Reply reply) {
    reply.integer(call.engine().keyspace.database(call.database()).size(call.seat()));
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

  private static void flushall(Call call, Reply reply) {
    boolean later = later(call);
    long removed = 0;
    for (int database = 0; database < call.engine().keyspace.databases(); database++) {
      removed += call.engine().flush(call.seat(), database, later);
    }
    call.dirty(Math.max(1, removed));
    reply.ok();
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
}
