package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// What client libraries ask first, to learn what kind of server they talk to: the answers of a
/// server that has no cluster and no module.
///
/// Each row moves to the room of its feature when that is built.
public final class StandAlone implements Family {
  private static final int CLUSTER_DISABLED = 1,
      LATENCY_HISTORY = 2,
      LATENCY_LATEST = 3,
      LATENCY_RESET = 4,
      MODULE_LIST = 5;

  private static final CommandError NO_CLUSTER =
      new CommandError("ERR This instance has cluster support disabled");

  @Override
  public void declare(CommandTable.Builder t) {
    t.container(
        "LATENCY", "server 2.8.13", "Asks what was slow, and how slow.\nDepends on subcommand.");
    t.command(
        LATENCY_HISTORY,
        "LATENCY|HISTORY event",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        "Lists the slowest moments of one kind of event.\nO(1)");
    t.command(
        LATENCY_LATEST,
        "LATENCY|LATEST",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        "Lists the last slow moment of each kind of event.\nO(1)");
    t.command(
        LATENCY_RESET,
        "LATENCY|RESET [event]...",
        "server 2.8.13 admin noscript loading stale request_policy:all_nodes"
            + " response_policy:agg_sum",
        "Forgets slow moments.\nO(1)");
    t.container("MODULE", "server 4.0.0", "Asks about modules.\nDepends on subcommand.");
    t.command(
        MODULE_LIST,
        "MODULE|LIST",
        "server 4.0.0 admin noscript nondeterministic_output_order",
        "Lists the modules that are loaded.\nO(N), N modules");
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case CLUSTER_DISABLED -> throw NO_CLUSTER;
      case LATENCY_HISTORY, LATENCY_LATEST, MODULE_LIST -> reply.array(0);
      case LATENCY_RESET -> reply.integer(0);
      default -> throw new AssertionError(row);
    }
  }
}
