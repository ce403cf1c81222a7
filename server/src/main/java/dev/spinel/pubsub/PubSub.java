package dev.spinel.pubsub;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// Channels: listening, speaking, looking at who listens.
public final class PubSub implements Family {
  private static final int PSUBSCRIBE = 0,
      PUBLISH = 1,
      PUBSUB_CHANNELS = 2,
      PUBSUB_HELP = 3,
      PUBSUB_NUMPAT = 4,
      PUBSUB_NUMSUB = 5,
      PUBSUB_SHARDCHANNELS = 6,
      PUBSUB_SHARDNUMSUB = 7,
      PUNSUBSCRIBE = 8,
      SPUBLISH = 9,
      SSUBSCRIBE = 10,
      SUBSCRIBE = 11,
      SUNSUBSCRIBE = 12,
      UNSUBSCRIBE = 13;

  public PubSub() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        PSUBSCRIBE,
        "PSUBSCRIBE pattern:pattern...",
        "pubsub 2.0.0 pubsub noscript loading stale",
        """
        Listens to all channels whose names match patterns.
        O(N), N patterns
        """);
    t.command(
        PUBLISH,
        "PUBLISH channel message",
        "pubsub 2.0.0 pubsub loading stale fast may_replicate",
        """
        Sends a message to whoever listens to a channel.
        O(N+M), N listeners of the channel and M patterns in use
        """);
    t.container(
        "PUBSUB",
        "pubsub 2.8.0",
        """
        Looks at who listens to what.
        Depends on subcommand.
        """);
    t.command(
        PUBSUB_CHANNELS,
        "PUBSUB|CHANNELS [pattern:pattern]",
        "pubsub 2.8.0 pubsub loading stale",
        """
        Lists the channels that somebody listens to.
        O(N), N channels in use
        """);
    t.command(
        PUBSUB_HELP,
        "PUBSUB|HELP",
        "pubsub 6.2.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        PUBSUB_NUMPAT,
        "PUBSUB|NUMPAT",
        "pubsub 2.8.0 pubsub loading stale",
        """
        Counts the patterns in use.
        O(1)
        """);
    t.command(
        PUBSUB_NUMSUB,
        "PUBSUB|NUMSUB [channel]...",
        "pubsub 2.8.0 pubsub loading stale",
        """
        Counts the listeners of each channel.
        O(N), N channels given
        """);
    t.command(
        PUBSUB_SHARDCHANNELS,
        "PUBSUB|SHARDCHANNELS [pattern:pattern]",
        "pubsub 7.0.0 pubsub loading stale",
        """
        Lists the channels of shards that somebody listens to.
        O(N), N channels in use
        """);
    t.command(
        PUBSUB_SHARDNUMSUB,
        "PUBSUB|SHARDNUMSUB [shardchannel]...",
        "pubsub 7.0.0 pubsub loading stale",
        """
        Counts the listeners of each channel of shards.
        O(N), N channels given
        """);
    t.command(
        PUNSUBSCRIBE,
        "PUNSUBSCRIBE [pattern:pattern]...",
        "pubsub 2.0.0 pubsub noscript loading stale",
        """
        Stops listening by patterns, or by all of them.
        O(N), N patterns
        """);
    t.command(
        SPUBLISH,
        "SPUBLISH @shardchannel:not_key message",
        "pubsub 7.0.0 pubsub loading stale fast may_replicate",
        """
        Sends a message to whoever listens to a channel of a shard.
        O(N), N listeners of the channel
        """);
    t.command(
        SSUBSCRIBE,
        "SSUBSCRIBE @shardchannel:not_key...",
        "pubsub 7.0.0 pubsub noscript loading stale",
        """
        Listens to channels of shards.
        O(N), N channels
        """);
    t.command(
        SUBSCRIBE,
        "SUBSCRIBE channel...",
        "pubsub 2.0.0 pubsub noscript loading stale",
        """
        Listens to channels.
        O(N), N channels
        """);
    t.command(
        SUNSUBSCRIBE,
        "SUNSUBSCRIBE [@shardchannel:not_key]...",
        "pubsub 7.0.0 pubsub noscript loading stale",
        """
        Stops listening to channels of shards, or to all of them.
        O(N), N channels
        """);
    t.command(
        UNSUBSCRIBE,
        "UNSUBSCRIBE [channel]...",
        "pubsub 2.0.0 pubsub noscript loading stale",
        """
        Stops listening to channels, or to all of them.
        O(N), N channels
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case PSUBSCRIBE -> psubscribe(call, reply);
      case PUBLISH -> publish(call, reply);
      case PUBSUB_CHANNELS -> pubsubChannels(call, reply);
      case PUBSUB_HELP -> pubsubHelp(call, reply);
      case PUBSUB_NUMPAT -> pubsubNumpat(call, reply);
      case PUBSUB_NUMSUB -> pubsubNumsub(call, reply);
      case PUBSUB_SHARDCHANNELS -> pubsubShardchannels(call, reply);
      case PUBSUB_SHARDNUMSUB -> pubsubShardnumsub(call, reply);
      case PUNSUBSCRIBE -> punsubscribe(call, reply);
      case SPUBLISH -> spublish(call, reply);
      case SSUBSCRIBE -> ssubscribe(call, reply);
      case SUBSCRIBE -> subscribe(call, reply);
      case SUNSUBSCRIBE -> sunsubscribe(call, reply);
      case UNSUBSCRIBE -> unsubscribe(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void psubscribe(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void publish(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pubsubChannels(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pubsubHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pubsubNumpat(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pubsubNumsub(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pubsubShardchannels(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pubsubShardnumsub(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void punsubscribe(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void spublish(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void ssubscribe(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void subscribe(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void sunsubscribe(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void unsubscribe(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
