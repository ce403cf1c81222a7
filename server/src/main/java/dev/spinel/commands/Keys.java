package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.ExpiryMode;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.TimeForm;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.Glob;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.util.concurrent.ThreadLocalRandom;

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
        "generic 1.0.0 readonly @dangerous request_policy:all_shards nondeterministic_output_order"
            + " sweeps",
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
        "generic 1.0.0 readonly touches_arbitrary_keys request_policy:all_shards sweeps"
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
        "generic 2.8.0 readonly touches_arbitrary_keys nondeterministic_output sweeps"
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
      case DEL, UNLINK -> delete(call, reply);
      case EXISTS -> exists(call, reply);
      case EXPIRE -> expire(call, reply, TimeForm.SECONDS);
      case EXPIREAT -> expire(call, reply, TimeForm.UNIX_SECONDS);
      case PEXPIRE -> expire(call, reply, TimeForm.MILLIS);
      case PEXPIREAT -> expire(call, reply, TimeForm.UNIX_MILLIS);
      case TTL -> ttl(call, reply, TimeForm.SECONDS);
      case PTTL -> ttl(call, reply, TimeForm.MILLIS);
      case EXPIRETIME -> ttl(call, reply, TimeForm.UNIX_SECONDS);
      case PEXPIRETIME -> ttl(call, reply, TimeForm.UNIX_MILLIS);
      case KEYS -> keys(call, reply);
      case MOVE -> move(call, reply);
      case OBJECT_HELP -> Help.reply(call, reply);
      case OBJECT_ENCODING, OBJECT_FREQ, OBJECT_IDLETIME, OBJECT_REFCOUNT ->
          object(call, reply, row);
      case PERSIST -> persist(call, reply);
      case RANDOMKEY -> randomkey(call, reply);
      case RENAME -> rename(call, reply);
      case RENAMENX -> renamenx(call, reply);
      case SCAN -> scan(call, reply);
      case TOUCH -> touch(call, reply);
      case TYPE -> type(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  // ── there or not ──

  private static void delete(Call call, Reply reply) {
    int deleted = 0;
    for (int i = 1; i < call.argc(); i++) {
      Key key = call.write(i);
      if (key.exists()) {
        call.delete(key);
        deleted++;
      }
      call.done(key);
    }
    reply.integer(deleted);
  }

  private static void exists(Call call, Reply reply) {
    int found = 0;
    for (int i = 1; i < call.argc(); i++) {
      Key key = call.look(i);
      found += key.exists() ? 1 : 0;
      call.done(key);
    }
    reply.integer(found);
  }

  private static void touch(Call call, Reply reply) {
    int found = 0;
    for (int i = 1; i < call.argc(); i++) {
      Key key = call.touch(i);
      found += key.exists() ? 1 : 0;
      call.done(key);
    }
    reply.integer(found);
  }

  private static void type(Call call, Reply reply) {
    Key key = call.look(1);
    reply.simple(key.exists() ? call.values().typeName(key.entry()) : "none");
  }

  // ── expiry ──

  private static final int NX = 1, XX = 2, GT = 4, LT = 8;

  private static void expire(Call call, Reply reply, TimeForm form) {
    int conditions = conditions(call);
    long at = call.time(2, form);
    Key key = call.write(1);
    boolean expires = key.exists() && holds(conditions, key.expiry(), at);
    if (expires) {
      call.expireAt(key, at, 3);
    }
    reply.flag(expires);
  }

  private static int conditions(Call call) {
    int conditions = 0;
    Options o = call.options(3);
    while (o.next()) {
      if (o.is("NX")) {
        conditions |= NX;
      } else if (o.is("XX")) {
        conditions |= XX;
      } else if (o.is("GT")) {
        conditions |= GT;
      } else if (o.is("LT")) {
        conditions |= LT;
      } else {
        String word = call.text(o.position());
        throw new CommandError("ERR Unsupported option " + word.split("\0", 2)[0]);
      }
    }
    if ((conditions & NX) != 0 && conditions != NX) {
      throw new CommandError("ERR NX and XX, GT or LT options at the same time are not compatible");
    }
    if ((conditions & (GT | LT)) == (GT | LT)) {
      throw new CommandError("ERR GT and LT options at the same time are not compatible");
    }
    return conditions;
  }

  /// @param now the expiry that the key has, -1 for none
  private static boolean holds(int conditions, long now, long then) {
    boolean has = now >= 0;
    if ((conditions & NX) != 0 && has || (conditions & XX) != 0 && !has) {
      return false;
    }
    if ((conditions & GT) != 0 && (!has || then <= now)) {
      return false;
    }
    return (conditions & LT) == 0 || !has || then < now;
  }

  private static void persist(Call call, Reply reply) {
    reply.flag(call.persist(call.write(1)));
  }

  /// TTL, PTTL, EXPIRETIME and PEXPIRETIME: -2 without the key, -1 without expiry.
  private static void ttl(Call call, Reply reply, TimeForm form) {
    Key key = call.look(1);
    if (!key.exists() || key.expiry() < 0) {
      reply.integer(key.exists() ? -1 : -2);
      return;
    }
    long millis = form.isRelative() ? Math.max(0, key.expiry() - call.now()) : key.expiry();
    reply.integer(form.inSeconds() ? Long.divideUnsigned(millis + 500, 1000) : millis);
  }

  // ── moving and copying ──

  private static void rename(Call call, Reply reply) {
    Key from = renamed(call);
    if (call.arg(1).equals(call.arg(2)) || rename(call, from, call.write(2))) {
      reply.ok();
    }
  }

  private static void renamenx(Call call, Reply reply) {
    Key from = renamed(call);
    Key to = call.arg(1).equals(call.arg(2)) ? from : call.write(2);
    if (to.exists()) {
      reply.integer(0);
    } else if (rename(call, from, to)) {
      reply.integer(1);
    }
  }

  private static Key renamed(Call call) {
    Key from = call.write(1);
    if (!from.exists()) {
      throw CommandError.NO_SUCH_KEY;
    }
    return from;
  }

  /// Returns whether it is done; if not, it will be run again.
  private static boolean rename(Call call, Key from, Key to) {
    if (isWalked(call, from) && call.await(call.walkPast(from), Call.FOR_EVER)) {
      return false;
    }
    move(call, from, to);
    call.changed(from, Events.GENERIC, "rename_from");
    call.changed(to, Events.GENERIC, "rename_to", 0);
    return true;
  }

  /// Whether a snapshot still needs the value where it is, and it is too large to be copied.
  private static boolean isWalked(Call call, Key key) {
    return !call.values().dictionary().movable(key.place);
  }

  /// Takes the value, with its expiry, from one key to the other, which loses its own.
  private static void move(Call call, Key from, Key to) {
    call.values().fit(from.place, to.name.length);
    call.values().dictionary().move(from.place, to.place, to.name, from.expiry());
    call.cameAnew(to);
  }

  private static int databaseNumber(Call call, int argument) {
    long number = call.integer(argument, Integer.MIN_VALUE, Integer.MAX_VALUE);
    if (number < 0 || number >= call.databases()) {
      throw new CommandError("ERR DB index is out of range");
    }
    return (int) number;
  }

  private static final CommandError SAME_OBJECT =
      new CommandError("ERR source and destination objects are the same");

  private static void move(Call call, Reply reply) {
    if (call.limits().inCluster()) {
      throw new CommandError("ERR MOVE is not allowed in cluster mode");
    }
    int database = databaseNumber(call, 2);
    if (database == call.database()) {
      throw SAME_OBJECT;
    }
    Key from = call.write(1);
    Key to = from.exists() ? call.inDatabase(from, database) : null;
    if (to == null || to.exists()) {
      reply.integer(0);
      return;
    }
    if (isWalked(call, from) && call.await(call.walkPast(from), Call.FOR_EVER)) {
      return;
    }
    move(call, from, to);
    call.changed(from, Events.GENERIC, "move_from");
    call.changed(to, Events.GENERIC, "move_to", 0);
    reply.integer(1);
  }

  private static void copy(Call call, Reply reply) {
    boolean replace = false;
    int database = call.database();
    Options o = call.options(3);
    while (o.next()) {
      if (o.is("REPLACE")) {
        replace = true;
      } else if (o.is("DB", 1)) {
        database = databaseNumber(call, o.take());
      } else {
        throw CommandError.SYNTAX;
      }
    }
    if (database != 0 && call.limits().inCluster()) {
      throw new CommandError("ERR Copying to another database is not allowed in cluster mode");
    }
    if (database == call.database() && call.arg(1).equals(call.arg(2))) {
      throw SAME_OBJECT;
    }
    Key from = call.read(1);
    if (!from.exists()) {
      reply.integer(0);
      return;
    }
    Key to = call.inDatabase(2, database);
    if (to.exists() && !replace) {
      reply.integer(0);
      return;
    }
    Dictionary dictionary = call.values().dictionary();
    if (call.lacksMemory(call.weight(dictionary.entry(from.place)))) {
      return;
    }
    call.values().fit(from.place, to.name.length);
    dictionary.copy(dictionary.entry(from.place), to.place, to.name, from.expiry());
    call.cameAnew(to);
    call.changed(to, Events.GENERIC, "copy_to");
    reply.integer(1);
  }

  // ── walking ──

  private static void keys(Call call, Reply reply) {
    byte[] pattern = call.bytes(1);
    boolean all = Glob.matchesAll(pattern);
    Memory memory = call.values().memory();
    int[] count = {0};
    reply.deferArray();
    call.sweep(
        0,
        (slot, header) -> {
          call.values()
              .dictionary()
              .scan(
                  header,
                  0,
                  Integer.MAX_VALUE,
                  entry -> {
                    if (!call.sees(entry)) {
                      return;
                    }
                    byte[] name = Entry.key(memory, entry);
                    if (all || Glob.matches(pattern, name)) {
                      reply.bulk(name);
                      count[0]++;
                    }
                  });
          return true;
        });
    reply.close(count[0]);
  }

  /// The cursor is the slot and, below it, the first 49 bits of the hash to go on from.
  private static void scan(Call call, Reply reply) {
    long cursor = Scan.cursor(call.arg(1));
    Scan scan = Scan.ofKeys(call, 2);
    int first = (int) Math.min(cursor >>> Dictionary.CURSOR_BITS, KeySlot.SLOTS);
    long within = cursor & (1L << Dictionary.CURSOR_BITS) - 1;
    Memory memory = call.values().memory();
    long[] seenAndNext = new long[2];
    call.sweep(
        first,
        (slot, header) -> {
          int left = scan.count(seenAndNext[0]);
          if (left == 0) {
            seenAndNext[1] = (long) slot << Dictionary.CURSOR_BITS;
            return false;
          }
          int begun = scan.size();
          long next = slot == first ? within : 0;
          do {
            next =
                call.values()
                    .dictionary()
                    .scan(
                        header,
                        next,
                        left,
                        entry -> {
                          seenAndNext[0]++;
                          byte[] name = Entry.key(memory, entry);
                          if (scan.matches(name)) {
                            scan.add(name);
                          }
                        });
            left = scan.count(seenAndNext[0]);
          } while (next != 0 && left > 0);
          // those whose time is over go now, and with the last one the slot's table
          scan.retain(begun, name -> isThere(call, name, scan));
          if (next != 0) {
            seenAndNext[1] = (long) slot << Dictionary.CURSOR_BITS | next;
            return false;
          }
          return true;
        });
    scan.reply(reply, seenAndNext[1]);
  }

  /// Whether a key is there, if its time isn't over, and is of the type that is wanted.
  private static boolean isThere(Call call, byte[] name, Scan scan) {
    Key key = call.peek(new Slice(name));
    boolean is = key.exists() && scan.matchesType(call.values().typeName(key.entry()));
    call.done(key);
    return is;
  }

  private static void randomkey(Call call, Reply reply) {
    Memory memory = call.values().memory();
    byte[][] hidden = {null};
    for (int tries = 0; tries < 100; tries++) {
      long total = call.keys();
      if (total == 0) {
        break;
      }
      long[] left = {ThreadLocalRandom.current().nextLong(total)};
      byte[][] picked = {null};
      call.sweep(
          0,
          (slot, header) -> {
            long count = call.values().dictionary().count(header);
            left[0] -= count;
            if (left[0] >= 0 || count == 0) {
              return true;
            }
            Place place = new Place();
            if (call.values().dictionary().random(header, ThreadLocalRandom.current(), place)) {
              byte[] name = Entry.key(memory, place.entry);
              if (call.peek(new Slice(name)).exists()) {
                picked[0] = name;
              } else if (call.expiryMode() == ExpiryMode.HIDE) {
                hidden[0] = name;
              }
            }
            return false;
          });
      if (picked[0] != null) {
        reply.bulk(picked[0]);
        return;
      }
    }
    if (hidden[0] != null) {
      reply.bulk(hidden[0]); // as Redis's replicas do where there seems to be nothing else
    } else {
      reply.nil();
    }
  }

  // ── OBJECT ──

  private static void object(Call call, Reply reply, int row) {
    Key key = call.lookUnnoticed(2);
    if (!key.exists()) {
      reply.nil();
      return;
    }
    int access = Entry.access(call.values().memory(), key.entry());
    switch (row) {
      case OBJECT_ENCODING -> reply.bulk(call.values().encodingName(key.entry()));
      case OBJECT_REFCOUNT ->
          reply.integer(
              call.limits().sharesIntegers && isShared(call, key) ? Integer.MAX_VALUE : 1);
      case OBJECT_IDLETIME -> {
        if (call.limits().lfu) {
          throw new CommandError(
              "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that"
                  + " when switching between policies at runtime LRU and LFU data will take some"
                  + " time to adjust.");
        }
        reply.integer((call.now() / 1000 - access) & 0xffffff);
      }
      default -> {
        if (!call.limits().lfu) {
          throw new CommandError(
              "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please"
                  + " note that when switching between policies at runtime LRU and LFU data will"
                  + " take some time to adjust.");
        }
        reply.integer(call.frequency(key));
      }
    }
  }

  /// Redis keeps one object for each integer below 10,000, and says so.
  private static boolean isShared(Call call, Key key) {
    if (key.type() != Entry.STRING || key.encoding() != Entry.INT) {
      return false;
    }
    long value = call.values().strings().toLong(key.entry(), -1);
    return value >= 0 && value < 10_000;
  }
}
