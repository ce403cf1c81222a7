package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// Commands on hashes.
public final class Hashes implements Family {
  private static final int HDEL = 0,
      HEXISTS = 1,
      HGET = 2,
      HGETALL = 3,
      HINCRBY = 4,
      HINCRBYFLOAT = 5,
      HKEYS = 6,
      HLEN = 7,
      HMGET = 8,
      HMSET = 9,
      HRANDFIELD = 10,
      HSCAN = 11,
      HSET = 12,
      HSETNX = 13,
      HSTRLEN = 14,
      HVALS = 15;

  public Hashes() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        HDEL,
        "HDEL @key:RW+delete field...",
        "hash 2.0.0 write fast",
        """
        Removes fields from a hash, and the hash with the last of them.
        O(N), N fields given
        2.4.0 Several fields at once
        """);
    t.command(
        HEXISTS,
        "HEXISTS @key:RO field",
        "hash 2.0.0 readonly fast",
        """
        Tells whether a hash has a field.
        O(1)
        """);
    t.command(
        HGET,
        "HGET @key:RO+access field",
        "hash 2.0.0 readonly fast",
        """
        Reads the value of a field.
        O(1)
        """);
    t.command(
        HGETALL,
        "HGETALL @key:RO+access",
        "hash 2.0.0 readonly nondeterministic_output_order",
        """
        Reads all fields with their values.
        O(N), N the size of the hash
        """);
    t.command(
        HINCRBY,
        "HINCRBY @key:RW+access+update field increment:integer",
        "hash 2.0.0 write denyoom fast",
        """
        Adds a number to the integer that a field holds.
        O(1)
        """);
    t.command(
        HINCRBYFLOAT,
        "HINCRBYFLOAT @key:RW+access+update field increment:double",
        "hash 2.6.0 write denyoom fast",
        """
        Adds a number to the floating-point number that a field holds.
        O(1)
        """);
    t.command(
        HKEYS,
        "HKEYS @key:RO+access",
        "hash 2.0.0 readonly nondeterministic_output_order",
        """
        Reads the names of all fields.
        O(N), N the size of the hash
        """);
    t.command(
        HLEN,
        "HLEN @key:RO",
        "hash 2.0.0 readonly fast",
        """
        Tells how many fields a hash has.
        O(1)
        """);
    t.command(
        HMGET,
        "HMGET @key:RO+access field...",
        "hash 2.0.0 readonly fast",
        """
        Reads the values of several fields, nil where there is none.
        O(N), N fields given
        """);
    t.command(
        HMSET,
        "HMSET @key:RW+update (data: field value)...",
        "hash 2.0.0 write denyoom fast",
        """
        Writes several fields of a hash.
        O(N), N fields given
        deprecated 4.0.0: `HSET` with multiple field-value pairs
        """);
    t.command(
        HRANDFIELD,
        "HRANDFIELD @key:RO+access [options: count:integer [WITHVALUES]]",
        "hash 6.2.0 readonly nondeterministic_output",
        """
        Picks fields at random.
        O(N), N fields returned
        """);
    t.command(
        HSCAN,
        "HSCAN @key:RO+access cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
        "hash 2.8.0 readonly nondeterministic_output",
        """
        Reads a hash in portions.
        O(1) for a call, O(N) for all of a hash of N fields
        """);
    t.command(
        HSET,
        "HSET @key:RW+update (data: field value)...",
        "hash 2.0.0 write denyoom fast",
        """
        Writes fields of a hash, making it if it is absent.
        O(N), N fields given
        4.0.0 Several fields at once
        """);
    t.command(
        HSETNX,
        "HSETNX @key:RW+insert field value",
        "hash 2.0.0 write denyoom fast",
        """
        Writes a field only if the hash lacks it.
        O(1)
        """);
    t.command(
        HSTRLEN,
        "HSTRLEN @key:RO field",
        "hash 3.2.0 readonly fast",
        """
        Tells how many bytes the value of a field has.
        O(1)
        """);
    t.command(
        HVALS,
        "HVALS @key:RO+access",
        "hash 2.0.0 readonly nondeterministic_output_order",
        """
        Reads the values of all fields.
        O(N), N the size of the hash
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case HDEL -> hdel(call, reply);
      case HEXISTS -> hexists(call, reply);
      case HGET -> hget(call, reply);
      case HGETALL -> hgetall(call, reply);
      case HINCRBY -> hincrby(call, reply);
      case HINCRBYFLOAT -> hincrbyfloat(call, reply);
      case HKEYS -> hkeys(call, reply);
      case HLEN -> hlen(call, reply);
      case HMGET -> hmget(call, reply);
      case HMSET -> hmset(call, reply);
      case HRANDFIELD -> hrandfield(call, reply);
      case HSCAN -> hscan(call, reply);
      case HSET -> hset(call, reply);
      case HSETNX -> hsetnx(call, reply);
      case HSTRLEN -> hstrlen(call, reply);
      case HVALS -> hvals(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void hdel(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hexists(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hget(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hgetall(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hincrby(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hincrbyfloat(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hkeys(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hlen(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hmget(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hmset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hrandfield(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hscan(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hsetnx(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hstrlen(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hvals(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
