package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// COMMAND: the table of commands, described to clients.
public final class CommandInfo implements Family {
  private static final int COMMAND = 0,
      COMMAND_COUNT = 1,
      COMMAND_DOCS = 2,
      COMMAND_GETKEYS = 3,
      COMMAND_GETKEYSANDFLAGS = 4,
      COMMAND_HELP = 5,
      COMMAND_INFO = 6,
      COMMAND_LIST = 7;

  public CommandInfo() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        COMMAND,
        "COMMAND",
        "server 2.8.13 loading stale @connection nondeterministic_output_order",
        """
        Describes all commands.
        O(N), N commands
        """);
    t.command(
        COMMAND_COUNT,
        "COMMAND|COUNT",
        "server 2.8.13 loading stale @connection",
        """
        Counts the commands.
        O(1)
        """);
    t.command(
        COMMAND_DOCS,
        "COMMAND|DOCS [command-name]...",
        "server 7.0.0 loading stale @connection nondeterministic_output_order",
        """
        Documents commands.
        O(N), N commands looked up
        """);
    t.command(
        COMMAND_GETKEYS,
        "COMMAND|GETKEYS command [arg]...",
        "server 2.8.13 loading stale @connection",
        """
        Tells which words of a call are keys.
        O(N), N words
        """);
    t.command(
        COMMAND_GETKEYSANDFLAGS,
        "COMMAND|GETKEYSANDFLAGS command [arg]...",
        "server 7.0.0 loading stale @connection",
        """
        Tells which words of a call are keys, and how it uses them.
        O(N), N words
        """);
    t.command(
        COMMAND_HELP,
        "COMMAND|HELP",
        "server 5.0.0 loading stale @connection",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        COMMAND_INFO,
        "COMMAND|INFO [command-name]...",
        "server 2.8.13 loading stale @connection nondeterministic_output_order",
        """
        Describes commands.
        O(N), N commands looked up
        7.0.0 Without names it describes all
        """);
    t.command(
        COMMAND_LIST,
        "COMMAND|LIST [FILTERBY (MODULE module-name | ACLCAT category | PATTERN pattern:pattern)]",
        "server 7.0.0 loading stale @connection nondeterministic_output_order",
        """
        Lists the names of commands.
        O(N), N commands
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case COMMAND -> command(call, reply);
      case COMMAND_COUNT -> commandCount(call, reply);
      case COMMAND_DOCS -> commandDocs(call, reply);
      case COMMAND_GETKEYS -> commandGetkeys(call, reply);
      case COMMAND_GETKEYSANDFLAGS -> commandGetkeysandflags(call, reply);
      case COMMAND_HELP -> commandHelp(call, reply);
      case COMMAND_INFO -> commandInfo(call, reply);
      case COMMAND_LIST -> commandList(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void command(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void commandCount(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void commandDocs(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void commandGetkeys(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void commandGetkeysandflags(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void commandHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void commandInfo(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void commandList(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
