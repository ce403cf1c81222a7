package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.ExpiryMode;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.value.Entry;
import dev.spinel.value.HashValue;
import dev.spinel.wire.LongDouble;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;

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
        "hash 2.0.0 write denyoom fast large=3+2",
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
        "hash 2.0.0 write denyoom fast large=3+2",
        """
        Writes fields of a hash, making it if it is absent.
        O(N), N fields given
        4.0.0 Several fields at once
        """);
    t.command(
        HSETNX,
        "HSETNX @key:RW+insert field value",
        "hash 2.0.0 write denyoom fast large=3",
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
      case HEXISTS -> reply.flag(find(call, call.read(1, Entry.HASH), 2));
      case HGET -> hget(call, reply);
      case HGETALL -> each(call, reply, Part.PAIRS);
      case HINCRBY -> hincrby(call, reply);
      case HINCRBYFLOAT -> hincrbyfloat(call, reply);
      case HKEYS -> each(call, reply, Part.FIELDS);
      case HLEN -> reply.integer(length(call, call.read(1, Entry.HASH)));
      case HMGET -> hmget(call, reply);
      case HMSET -> {
        hset(call);
        reply.ok();
      }
      case HRANDFIELD -> hrandfield(call, reply);
      case HSCAN -> hscan(call, reply);
      case HSET -> reply.integer(hset(call));
      case HSETNX -> hsetnx(call, reply);
      case HSTRLEN -> hstrlen(call, reply);
      case HVALS -> each(call, reply, Part.VALUES);
      default -> throw new AssertionError(row);
    }
  }

  // ── setting ──

  /// A field must fit into an entry: said before anything changes.
  static void checkField(Call call, int argument) {
    if (call.args().lengthAt(argument) > Entry.MAX_KEY) {
      throw new CommandError("ERR fields of more than " + Entry.MAX_KEY + " bytes can't be stored");
    }
  }

  /// The hash at argument 1, made if need be. Only right before something is put into it.
  static Key made(Call call, Key key) {
    if (!key.exists()) {
      call.values().hashes().create(key.place, key.name);
    }
    return key;
  }

  private static boolean put(Call call, Key key, Slice field, Slice value) {
    return put(call, key, field, value, false);
  }

  /// Sets a field, which [#made] has made a hash for. Returns whether it is new.
  ///
  /// @param keepsTime whether it expires when it would have, instead of never
  static boolean put(Call call, Key key, Slice field, Slice value, boolean keepsTime) {
    int mostEntries = call.limits().intOf(Settings.HASH_MAX_LISTPACK_ENTRIES);
    int mostValueBytes = call.limits().intOf(Settings.HASH_MAX_LISTPACK_VALUE);
    HashValue hashes = call.values().hashes();
    try {
      return keepsTime
          ? hashes.setValue(key.place, field, value, mostEntries, mostValueBytes)
          : hashes.set(key.place, field, value, mostEntries, mostValueBytes);
    } catch (OutOfMemoryError e) {
      if (hashes.length(call.values().dictionary().entry(key.place)) == 0) {
        call.remove(key); // it was made for this
      }
      throw e;
    }
  }

  /// Returns how many fields are new.
  private static int hset(Call call) {
    int count = call.argc();
    if (count % 2 == 1) {
      throw CommandError.wrongArguments(call.command().name);
    }
    for (int i = 2; i < count; i += 2) {
      checkField(call, i);
    }
    Key key = made(call, call.write(1, Entry.HASH));
    int created = 0;
    int i = 2;
    try {
      for (; i < count; i += 2) {
        created += put(call, key, call.arg(i), call.arg(i + 1)) ? 1 : 0;
      }
    } catch (OutOfMemoryError e) {
      if (i > 2) {
        call.changed(key, Events.HASH, "hset", (i - 2) / 2);
        call.doneInPart(i);
      }
      throw e;
    }
    call.changed(key, Events.HASH, "hset", (count - 2) / 2);
    return created;
  }

  private static void hsetnx(Call call, Reply reply) {
    checkField(call, 2);
    Key key = call.write(1, Entry.HASH);
    if (find(call, key, 2)) {
      reply.integer(0);
      return;
    }
    put(call, made(call, key), call.arg(2), call.arg(3));
    call.changed(key, Events.HASH, "hset");
    reply.integer(1);
  }

  private static void hdel(Call call, Reply reply) {
    Key key = call.write(1, Entry.HASH);
    HashValue hashes = call.values().hashes();
    int deleted = 0;
    boolean empty = false;
    for (int i = 2; i < call.argc() && key.exists() && !empty; i++) {
      if (hashes.delete(key.place, call.arg(i))) {
        deleted++;
        empty = hashes.length(key.entry()) == 0;
      }
    }
    if (deleted > 0) {
      call.changed(key, Events.HASH, "hdel", deleted);
      if (empty) {
        call.removeEmpty(key);
      }
    }
    reply.integer(deleted);
  }

  private static void hincrby(Call call, Reply reply) {
    checkField(call, 2);
    long by = call.integer(3);
    Key key = call.write(1, Entry.HASH);
    HashValue hashes = call.values().hashes();
    long old = 0;
    if (find(call, key, 2)) {
      Slice value = new Slice(hashes.value());
      old = value.toLong(0);
      if (old == 0 && !value.isLong()) {
        throw new CommandError("ERR hash value is not an integer");
      }
    }
    long sum = Grammar.sum(old, by);
    put(call, made(call, key), call.arg(2), new Slice(Numbers.bytes(sum)), true);
    call.changed(key, Events.HASH, "hincrby");
    reply.integer(sum);
  }

  private static void hincrbyfloat(Call call, Reply reply) {
    checkField(call, 2);
    LongDouble by = call.arg(3).toLongDouble();
    if (by == null) {
      throw CommandError.NOT_FLOAT;
    }
    if (!by.isFinite()) {
      throw new CommandError("ERR value is NaN or Infinity");
    }
    Key key = call.write(1, Entry.HASH);
    HashValue hashes = call.values().hashes();
    LongDouble old = LongDouble.of(0);
    long time = HashValue.NEVER;
    if (find(call, key, 2)) {
      time = hashes.time();
      old = new Slice(hashes.value()).toLongDouble();
      if (old == null) {
        throw new CommandError("ERR hash value is not a float");
      }
    }
    byte[] text = Grammar.sum(old, by).human();
    put(call, made(call, key), call.arg(2), new Slice(text), true);
    call.changed(key, Events.HASH, "hincrbyfloat");
    Object[] set = {"HSET", key.name, call.arg(2), text};
    if (time == HashValue.NEVER) {
      call.effect(set);
    } else {
      Object[] at = {"HPEXPIREAT", key.name, time, "FIELDS", 1L, call.arg(2)};
      call.effectInParts(
          new Object[] {"HSETEX", key.name, "KEEPTTL", "FIELDS", 1L, call.arg(2), text},
          List.of(set, at));
    }
    reply.bulk(text);
  }

  // ── reading ──

  /// Whether there is a field of that name, which is at hand then. One whose time is over is
  /// deleted where keys are whose time is over.
  private static boolean find(Call call, Key key, int argument) {
    if (!key.exists() || !call.values().hashes().find(key.entry(), call.arg(argument))) {
      return false;
    }
    if (isSeen(call)) {
      return true;
    }
    call.meetExpired(key, List.of(call.bytes(argument)));
    return false;
  }

  /// The same, and nothing is deleted.
  static boolean sees(Call call, Key key, Slice field) {
    return key.exists() && call.values().hashes().find(key.entry(), field) && isSeen(call);
  }

  /// Whether the field at hand is there for the call, as far as its time goes.
  private static boolean isSeen(Call call) {
    return !call.values().hashes().isOver(call.now()) || call.expiryMode() == ExpiryMode.IGNORE;
  }

  /// Deletes those of the fields at the arguments from `first` to before `end`, every `step`th one,
  /// whose time is over, where keys are deleted whose time is over.
  static void deleteExpired(Call call, Key key, int first, int end, int step) {
    HashValue hashes = call.values().hashes();
    if (!key.exists() || !hashes.isTimed(key.entry())) {
      return;
    }
    List<byte[]> over = new ArrayList<>();
    for (int i = first; i < end; i += step) {
      if (hashes.find(key.entry(), call.arg(i)) && hashes.isOver(call.now())) {
        over.add(call.bytes(i));
      }
    }
    if (!over.isEmpty()) {
      call.meetExpired(key, over);
    }
  }

  /// The time by which fields are over for the call: none are if it is as early as can be.
  private static long now(Call call) {
    return call.expiryMode() == ExpiryMode.IGNORE ? Long.MIN_VALUE : call.now();
  }

  private static void hget(Call call, Reply reply) {
    if (find(call, call.read(1, Entry.HASH), 2)) {
      call.values().hashes().writeValue(reply.writer());
    } else {
      reply.nil();
    }
  }

  private static void hmget(Call call, Reply reply) {
    Key key = call.read(1, Entry.HASH);
    deleteExpired(call, key, 2, call.argc(), 1);
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      if (find(call, key, i)) {
        call.values().hashes().writeValue(reply.writer());
      } else {
        reply.nil();
      }
    }
  }

  private static void hstrlen(Call call, Reply reply) {
    boolean found = find(call, call.read(1, Entry.HASH), 2);
    reply.integer(found ? call.values().hashes().valueLength() : 0);
  }

  private static long length(Call call, Key key) {
    return key.exists() ? call.values().hashes().length(key.entry()) : 0;
  }

  private enum Part {
    FIELDS,
    VALUES,
    PAIRS
  }

  private static void each(Call call, Reply reply, Part part) {
    Key key = call.read(1, Entry.HASH);
    long now = now(call);
    long length = key.exists() ? call.values().hashes().lengthAt(key.entry(), now) : 0;
    if (part == Part.PAIRS) {
      reply.map(length);
    } else {
      reply.array(length);
    }
    if (length > 0) {
      call.values()
          .hashes()
          .each(
              key.entry(),
              pair -> {
                if (!pair.isOver(now)) {
                  write(pair, reply, part);
                }
              });
    }
  }

  private static void write(HashValue pair, Reply reply, Part part) {
    if (part != Part.VALUES) {
      pair.writeField(reply.writer());
    }
    if (part != Part.FIELDS) {
      pair.writeValue(reply.writer());
    }
  }

  private static void hrandfield(Call call, Reply reply) {
    Random random = ThreadLocalRandom.current();
    HashValue hashes = call.values().hashes();
    if (call.argc() == 2) {
      Key key = call.read(1, Entry.HASH);
      if (unexpired(call, key) == 0) {
        reply.nil();
      } else {
        hashes.pickAt(key.entry(), now(call), random, pair -> pair.writeField(reply.writer()));
      }
      return;
    }
    Picks picks = Picks.of(call, "WITHVALUES");
    Key key = call.read(1, Entry.HASH);
    long count = picks.begin(call, reply, unexpired(call, key));
    if (count == 0) {
      return;
    }
    Part part = picks.paired() ? Part.PAIRS : Part.FIELDS;
    HashValue.Visitor write =
        pair -> {
          picks.member(reply);
          write(pair, reply, part);
        };
    if (picks.distinct()) {
      hashes.sampleAt(key.entry(), now(call), count, random, write);
    } else {
      picks.repeat(call, reply, count, () -> hashes.pickAt(key.entry(), now(call), random, write));
    }
  }

  /// How many fields there are to pick from, once those whose time is over are deleted.
  private static long unexpired(Call call, Key key) {
    if (key.exists()) {
      call.deleteExpiredFields(key);
    }
    return key.exists() ? call.values().hashes().lengthAt(key.entry(), now(call)) : 0;
  }

  private static void hscan(Call call, Reply reply) {
    HashValue hashes = call.values().hashes();
    long now = now(call);
    Scan.run(
        call,
        reply,
        Entry.HASH,
        (entry, cursor, count, scan) ->
            hashes.scan(
                entry,
                cursor,
                count,
                pair -> {
                  byte[] field = pair.field();
                  if (scan.matches(field) && !pair.isOver(now)) {
                    scan.add(field);
                    scan.add(pair.value());
                  }
                }));
  }
}
