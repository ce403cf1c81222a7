package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// Commands on whole databases.
public final class Databases implements Family {
  private static final int DBSIZE = 0, FLUSHALL = 1, FLUSHDB = 2, SWAPDB = 3;

  private static final CommandError INVALID_FIRST = new CommandError("ERR invalid first DB index");
  private static final CommandError INVALID_SECOND =
      new CommandError("ERR invalid second DB index");

  public Databases() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        DBSIZE,
        "DBSIZE",
        "server 1.0.0 readonly fast @keyspace request_policy:all_shards response_policy:agg_sum"
            + " sweeps",
        """
        Counts the keys of the database.
        O(1)
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
        SWAPDB,
        "SWAPDB index1:integer index2:integer",
        "server 4.0.0 write fast global @keyspace @dangerous",
        """
        Exchanges two databases.
        O(N), N clients that watch or wait for keys in either
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case DBSIZE -> dbsize(call, reply);
      case FLUSHALL -> flushall(call, reply);
      case FLUSHDB -> flushdb(call, reply);
      case SWAPDB -> swapdb(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void dbsize(Call call, Reply reply) {
    reply.integer(call.keys());
  }

  private static void flushall(Call call, Reply reply) {
    long removed = call.flushAll(later(call));
    call.flushedAll(Math.max(1, removed));
    reply.ok();
  }

  private static void flushdb(Call call, Reply reply) {
    boolean later = later(call);
    long removed = call.flush(call.database(), later);
    call.dirty(Math.max(1, removed));
    reply.ok();
  }

  /// Whether freeing is left to the background: ASYNC, SYNC, or as `lazyfree-lazy-user-flush` says.
  private static boolean later(Call call) {
    if (call.argc() == 1) {
      return call.limits().is(Settings.LAZYFREE_LAZY_USER_FLUSH);
    }
    boolean later = call.is(1, "ASYNC");
    if (call.argc() > 2 || !later && !call.is(1, "SYNC")) {
      throw CommandError.SYNTAX;
    }
    return later;
  }

  private static void swapdb(Call call, Reply reply) {
    if (call.limits().inCluster()) {
      throw new CommandError("ERR SWAPDB is not allowed in cluster mode");
    }
    long a = call.integer(1, Integer.MIN_VALUE, Integer.MAX_VALUE, INVALID_FIRST);
    long b = call.integer(2, Integer.MIN_VALUE, Integer.MAX_VALUE, INVALID_SECOND);
    int databases = call.databases();
    if (a < 0 || a >= databases || b < 0 || b >= databases) {
      throw new CommandError("ERR DB index is out of range");
    }
    if (a != b) {
      call.swap((int) a, (int) b);
    }
    call.dirty(1);
    reply.ok();
  }
}
