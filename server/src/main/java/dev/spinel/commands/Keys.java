package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// Commands on keys, whatever their values.
public final class Keys implements Family {
  private static final int COPY = 0,
      DEL = 1,
      EXISTS = 2,
      EXPIRE = 3,
      EXPIREAT = 4,
      EXPIRETIME = 5,
      KEYS = 6,
      MOVE = 7,
      OBJECT_ENCODING = 8,
      OBJECT_FREQ = 9,
      OBJECT_HELP = 10,
      OBJECT_IDLETIME = 11,
      OBJECT_REFCOUNT = 12,
      PERSIST = 13,
      PEXPIRE = 14,
      PEXPIREAT = 15,
      PEXPIRETIME = 16,
      PTTL = 17,
      RANDOMKEY = 18,
      RENAME = 19,
      RENAMENX = 20,
      SCAN = 21,
      TOUCH = 22,
      TTL = 23,
      TYPE = 24,
      UNLINK = 25;

  public Keys() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        COPY,
        "COPY @source:RO+access @destination:OW+update [DB destination-db:integer] [REPLACE]",
        "generic 6.2.0 write denyoom",
        """
        Copies the value of a key to another.
        O(N), N elements of an aggregate
        """);
    t.command(
        DEL,
        "DEL @key:RM+delete...",
        "generic 1.0.0 write request_policy:multi_shard response_policy:agg_sum",
        """
        Deletes keys.
        O(N), N keys, plus the elements of each aggregate deleted
        """);
    t.command(
        EXISTS,
        "EXISTS @key:RO...",
        "generic 1.0.0 readonly fast request_policy:multi_shard response_policy:agg_sum",
        """
        Counts how many of the keys exist.
        O(N), N keys
        3.0.3 Several keys at once
        """);
    t.command(
        EXPIRE,
        "EXPIRE @key:RW+update seconds:integer [condition: NX | XX | GT | LT]^7.0.0",
        "generic 1.0.0 write fast",
        """
        Lets a key expire after some seconds.
        O(1)
        7.0.0 NX, XX, GT and LT
        """);
    t.command(
        EXPIREAT,
        "EXPIREAT @key:RW+update unix-time-seconds:unix-time [condition: NX | XX | GT | LT]^7.0.0",
        "generic 1.2.0 write fast",
        """
        Lets a key expire at a point in time, given in seconds.
        O(1)
        7.0.0 NX, XX, GT and LT
        """);
    t.command(
        EXPIRETIME,
        "EXPIRETIME @key:RO+access",
        "generic 7.0.0 readonly fast",
        """
        Tells when a key expires, in seconds since 1970.
        O(1)
        """);
    t.command(
        KEYS,
        "KEYS pattern:pattern",
        "generic 1.0.0 readonly @dangerous request_policy:all_shards nondeterministic_output_order",
        """
        Lists all keys whose names match a pattern.
        O(N), N keys in the database
        """);
    t.command(
        MOVE,
        "MOVE @key:RW+access+update db:integer",
        "generic 1.0.0 write fast",
        """
        Moves a key to another database.
        O(1)
        """);
    t.container(
        "OBJECT",
        "generic 2.2.3",
        """
        Looks at how values are kept.
        Depends on subcommand.
        """);
    t.command(
        OBJECT_ENCODING,
        "OBJECT|ENCODING @key:RO",
        "generic 2.2.3 readonly nondeterministic_output",
        """
        Tells the encoding of the value at a key.
        O(1)
        """);
    t.command(
        OBJECT_FREQ,
        "OBJECT|FREQ @key:RO",
        "generic 4.0.0 readonly nondeterministic_output",
        """
        Tells how often a key is used, on a logarithmic scale.
        O(1)
        """);
    t.command(
        OBJECT_HELP,
        "OBJECT|HELP",
        "generic 6.2.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        OBJECT_IDLETIME,
        "OBJECT|IDLETIME @key:RO",
        "generic 2.2.3 readonly nondeterministic_output",
        """
        Tells for how many seconds a key hasn't been used.
        O(1)
        """);
    t.command(
        OBJECT_REFCOUNT,
        "OBJECT|REFCOUNT @key:RO",
        "generic 2.2.3 readonly nondeterministic_output",
        """
        Tells how many references to the value at a key there are.
        O(1)
        """);
    t.command(
        PERSIST,
        "PERSIST @key:RW+update",
        "generic 2.2.0 write fast",
        """
        Lets a key live for ever.
        O(1)
        """);
    t.command(
        PEXPIRE,
        "PEXPIRE @key:RW+update milliseconds:integer [condition: NX | XX | GT | LT]^7.0.0",
        "generic 2.6.0 write fast",
        """
        Lets a key expire after some milliseconds.
        O(1)
        7.0.0 NX, XX, GT and LT
        """);
    t.command(
        PEXPIREAT,
        "PEXPIREAT @key:RW+update unix-time-milliseconds:unix-time [condition: NX | XX | GT |"
            + " LT]^7.0.0",
        "generic 2.6.0 write fast",
        """
        Lets a key expire at a point in time, given in milliseconds.
        O(1)
        7.0.0 NX, XX, GT and LT
        """);
    t.command(
        PEXPIRETIME,
        "PEXPIRETIME @key:RO+access",
        "generic 7.0.0 readonly fast",
        """
        Tells when a key expires, in milliseconds since 1970.
        O(1)
        """);
    t.command(
        PTTL,
        "PTTL @key:RO+access",
        "generic 2.6.0 readonly fast nondeterministic_output",
        """
        Tells in how many milliseconds a key expires.
        O(1)
        2.8.0 -2 for an absent key
        """);
    t.command(
        RANDOMKEY,
        "RANDOMKEY",
        "generic 1.0.0 readonly touches_arbitrary_keys request_policy:all_shards"
            + " response_policy:special nondeterministic_output",
        """
        Picks a key at random.
        O(1)
        """);
    t.command(
        RENAME,
        "RENAME @key:RW+access+delete @newkey:OW+update",
        "generic 1.0.0 write",
        """
        Gives a key another name, replacing whatever had it.
        O(1)
        """);
    t.command(
        RENAMENX,
        "RENAMENX @key:RW+access+delete @newkey:OW+insert",
        "generic 1.0.0 write fast",
        """
        Gives a key another name that no key has yet.
        O(1)
        3.2.0 Renaming to the same name is no error
        """);
    t.command(
        SCAN,
        "SCAN cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type]^6.0.0",
        "generic 2.8.0 readonly touches_arbitrary_keys nondeterministic_output"
            + " request_policy:special response_policy:special",
        """
        Reads the names of keys in portions.
        O(1) for a call, O(N) for all of a database of N keys
        6.0.0 TYPE
        """);
    t.command(
        TOUCH,
        "TOUCH @key:RO...",
        "generic 3.2.1 readonly fast request_policy:multi_shard response_policy:agg_sum",
        """
        Marks keys as just used; counts those that exist.
        O(N), N keys
        """);
    t.command(
        TTL,
        "TTL @key:RO+access",
        "generic 1.0.0 readonly fast nondeterministic_output",
        """
        Tells in how many seconds a key expires.
        O(1)
        2.8.0 -2 for an absent key
        """);
    t.command(
        TYPE,
        "TYPE @key:RO",
        "generic 1.0.0 readonly fast",
        """
        Tells the type of the value at a key.
        O(1)
        """);
    t.command(
        UNLINK,
        "UNLINK @key:RM+delete...",
        "generic 4.0.0 write fast request_policy:multi_shard response_policy:agg_sum",
        """
        Deletes keys at once and frees large values in the background.
        O(1) for each key
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case COPY -> copy(call, reply);
      case DEL -> del(call, reply);
      case EXISTS -> exists(call, reply);
      case EXPIRE -> expire(call, reply);
      case EXPIREAT -> expireat(call, reply);
      case EXPIRETIME -> expiretime(call, reply);
      case KEYS -> keys(call, reply);
      case MOVE -> move(call, reply);
      case OBJECT_ENCODING -> objectEncoding(call, reply);
      case OBJECT_FREQ -> objectFreq(call, reply);
      case OBJECT_HELP -> objectHelp(call, reply);
      case OBJECT_IDLETIME -> objectIdletime(call, reply);
      case OBJECT_REFCOUNT -> objectRefcount(call, reply);
      case PERSIST -> persist(call, reply);
      case PEXPIRE -> pexpire(call, reply);
      case PEXPIREAT -> pexpireat(call, reply);
      case PEXPIRETIME -> pexpiretime(call, reply);
      case PTTL -> pttl(call, reply);
      case RANDOMKEY -> randomkey(call, reply);
      case RENAME -> rename(call, reply);
      case RENAMENX -> renamenx(call, reply);
      case SCAN -> scan(call, reply);
      case TOUCH -> touch(call, reply);
      case TTL -> ttl(call, reply);
      case TYPE -> type(call, reply);
      case UNLINK -> unlink(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void copy(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void del(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void exists(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void expire(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void expireat(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void expiretime(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void keys(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void move(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void objectEncoding(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void objectFreq(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void objectHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void objectIdletime(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void objectRefcount(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void persist(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pexpire(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pexpireat(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pexpiretime(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void pttl(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void randomkey(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void rename(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void renamenx(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void scan(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void touch(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void ttl(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void type(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void unlink(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
