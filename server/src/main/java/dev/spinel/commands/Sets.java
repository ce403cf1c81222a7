package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Limits;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.value.Draft;
import dev.spinel.value.Entry;
import dev.spinel.value.SetValue;
import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;

/// Commands on sets.
public final class Sets implements Family {
  private static final int SADD = 0,
      SCARD = 1,
      SDIFF = 2,
      SDIFFSTORE = 3,
      SINTER = 4,
      SINTERCARD = 5,
      SINTERSTORE = 6,
      SISMEMBER = 7,
      SMEMBERS = 8,
      SMISMEMBER = 9,
      SMOVE = 10,
      SPOP = 11,
      SRANDMEMBER = 12,
      SREM = 13,
      SSCAN = 14,
      SUNION = 15,
      SUNIONSTORE = 16;

  /// So many members at most go into one effect.
  private static final int MEMBERS_PER_EFFECT = 1024;

  public Sets() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        SADD,
        "SADD @key:RW+insert member...",
        "set 1.0.0 write denyoom fast",
        """
        Adds members to a set, making it if it is absent.
        O(N), N members given
        2.4.0 Several members at once
        """);
    t.command(
        SCARD,
        "SCARD @key:RO",
        "set 1.0.0 readonly fast",
        """
        Tells how many members a set has.
        O(1)
        """);
    t.command(
        SDIFF,
        "SDIFF @key:RO+access...",
        "set 1.0.0 readonly nondeterministic_output_order",
        """
        Reads the members of a set that none of the other sets has.
        O(N), N members in all sets
        """);
    t.command(
        SDIFFSTORE,
        "SDIFFSTORE @destination:OW+update @key:RO+access...",
        "set 1.0.0 write denyoom",
        """
        Makes a set of the members of a set that none of the other sets has.
        O(N), N members in all sets
        """);
    t.command(
        SINTER,
        "SINTER @key:RO+access...",
        "set 1.0.0 readonly nondeterministic_output_order",
        """
        Reads the members that all sets have.
        O(N*M), N members in the smallest of M sets
        """);
    t.command(
        SINTERCARD,
        "SINTERCARD numkeys:integer @key:RO+access... [LIMIT limit:integer]",
        "set 7.0.0 readonly",
        """
        Counts the members that sets have in common.
        O(N*M), N members in the smallest of M sets
        """);
    t.command(
        SINTERSTORE,
        "SINTERSTORE @destination:RW+update @key:RO+access...",
        "set 1.0.0 write denyoom",
        """
        Makes a set of the members that all sets have.
        O(N*M), N members in the smallest of M sets
        """);
    t.command(
        SISMEMBER,
        "SISMEMBER @key:RO member",
        "set 1.0.0 readonly fast",
        """
        Tells whether a set has a member.
        O(1)
        """);
    t.command(
        SMEMBERS,
        "SMEMBERS @key:RO+access",
        "set 1.0.0 readonly nondeterministic_output_order",
        """
        Reads all members of a set.
        O(N), N the size of the set
        """);
    t.command(
        SMISMEMBER,
        "SMISMEMBER @key:RO+access member...",
        "set 6.2.0 readonly fast",
        """
        Tells of several members whether a set has them.
        O(N), N members given
        """);
    t.command(
        SMOVE,
        "SMOVE @source:RW+access+delete @destination:RW+insert member",
        "set 1.0.0 write fast",
        """
        Takes a member from one set to another.
        O(1)
        """);
    t.command(
        SPOP,
        "SPOP @key:RW+access+delete [count:integer]^3.2.0",
        "set 1.0.0 write fast nondeterministic_output",
        """
        Removes members at random and replies with them.
        O(N), N members removed
        3.2.0 Several members at once
        """);
    t.command(
        SRANDMEMBER,
        "SRANDMEMBER @key:RO+access [count:integer]^2.6.0",
        "set 1.0.0 readonly nondeterministic_output",
        """
        Picks members at random.
        O(N), N members returned
        2.6.0 Several members at once
        """);
    t.command(
        SREM,
        "SREM @key:RW+delete member...",
        "set 1.0.0 write fast",
        """
        Removes members from a set, and the set with the last of them.
        O(N), N members given
        2.4.0 Several members at once
        """);
    t.command(
        SSCAN,
        "SSCAN @key:RO+access cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
        "set 2.8.0 readonly nondeterministic_output",
        """
        Reads a set in portions.
        O(1) for a call, O(N) for all of a set of N members
        """);
    t.command(
        SUNION,
        "SUNION @key:RO+access...",
        "set 1.0.0 readonly nondeterministic_output_order",
        """
        Reads the members that any of the sets has.
        O(N), N members in all sets
        """);
    t.command(
        SUNIONSTORE,
        "SUNIONSTORE @destination:OW+update @key:RO+access...",
        "set 1.0.0 write denyoom",
        """
        Makes a set of the members that any of the sets has.
        O(N), N members in all sets
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case SADD -> sadd(call, reply);
      case SCARD -> reply.integer(length(call, call.read(1, Entry.SET)));
      case SDIFF -> sdiff(call, reply);
      case SDIFFSTORE -> sdiffstore(call, reply);
      case SINTER -> sinter(call, reply);
      case SINTERCARD -> sintercard(call, reply);
      case SINTERSTORE -> sinterstore(call, reply);
      case SISMEMBER -> reply.flag(find(call, call.read(1, Entry.SET), 2));
      case SMEMBERS -> smembers(call, reply);
      case SMISMEMBER -> smismember(call, reply);
      case SMOVE -> smove(call, reply);
      case SPOP -> spop(call, reply);
      case SRANDMEMBER -> srandmember(call, reply);
      case SREM -> srem(call, reply);
      case SSCAN -> sscan(call, reply);
      case SUNION -> sunion(call, reply);
      case SUNIONSTORE -> sunionstore(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static SetValue.Thresholds limits(Call call) {
    Limits limits = call.limits();
    return new SetValue.Thresholds(
        limits.intOf(Settings.SET_MAX_INTSET_ENTRIES),
        limits.intOf(Settings.SET_MAX_LISTPACK_ENTRIES),
        limits.intOf(Settings.SET_MAX_LISTPACK_VALUE));
  }

  // ── adding and removing ──

  /// A member must fit into an entry: said before anything changes.
  private static void checkMember(Call call, int argument) {
    if (call.args().lengthAt(argument) > Entry.MAX_KEY) {
      throw new CommandError(
          "ERR members of more than " + Entry.MAX_KEY + " bytes can't be stored");
    }
  }

  private static void sadd(Call call, Reply reply) {
    int count = call.argc() - 2;
    for (int i = 0; i < count; i++) {
      checkMember(call, i + 2);
    }
    Key key = call.write(1, Entry.SET);
    SetValue sets = call.values().sets();
    boolean made = !key.exists();
    if (made) {
      sets.create(key.place, key.name, call.arg(2), count, limits(call));
    } else {
      sets.expect(key.place, count, limits(call));
    }
    int added = count == 1 ? addOne(call, key, made) : addAll(call, key, made, count);
    if (added > 0) {
      call.changed(key, Events.SET, "sadd", added);
    }
    reply.integer(added);
  }

  private static int addOne(Call call, Key key, boolean made) {
    try {
      return call.values().sets().add(key.place, call.arg(2), limits(call)) ? 1 : 0;
    } catch (OutOfMemoryError e) {
      if (made) {
        call.remove(key);
      }
      throw e;
    }
  }

  /// Adds all members that the set lacks. If there is no memory for all of them, none is added.
  private static int addAll(Call call, Key key, boolean made, int count) {
    SetValue sets = call.values().sets();
    BitSet added = new BitSet(made ? 0 : count);
    int n = 0;
    try {
      for (int i = 0; i < count; i++) {
        if (sets.add(key.place, call.arg(i + 2), limits(call))) {
          n++;
          if (!made) {
            added.set(i);
          }
        }
      }
      return n;
    } catch (OutOfMemoryError e) {
      if (made) {
        call.remove(key);
      }
      for (int i = added.nextSetBit(0); i >= 0; i = added.nextSetBit(i + 1)) {
        sets.remove(key.place, call.arg(i + 2));
      }
      throw e;
    }
  }

  private static void srem(Call call, Reply reply) {
    Key key = call.write(1, Entry.SET);
    SetValue sets = call.values().sets();
    int removed = 0;
    boolean empty = false;
    for (int i = 2; i < call.argc() && key.exists() && !empty; i++) {
      if (sets.remove(key.place, call.arg(i))) {
        removed++;
        empty = sets.length(key.entry()) == 0;
      }
    }
    if (removed > 0) {
      call.changed(key, Events.SET, "srem", removed);
      if (empty) {
        call.removeEmpty(key);
      }
    }
    reply.integer(removed);
  }

  /// Deletes the key if its set is empty now.
  private static void removeIfEmpty(Call call, Key key) {
    if (call.values().sets().length(call.values().dictionary().entry(key.place)) == 0) {
      call.removeEmpty(key);
    }
  }

  private static void smove(Call call, Reply reply) {
    checkMember(call, 3);
    Key from = call.write(1);
    Key to = call.write(2);
    if (!from.exists()) {
      reply.integer(0);
      return;
    }
    if (from.type() != Entry.SET || to.exists() && to.type() != Entry.SET) {
      throw CommandError.WRONGTYPE;
    }
    SetValue sets = call.values().sets();
    Slice member = call.arg(3);
    boolean there = sets.find(from.entry(), member);
    if (!there || call.arg(1).equals(call.arg(2))) {
      reply.flag(there);
      return;
    }
    boolean made = !to.exists();
    boolean added = false;
    try {
      if (made) {
        sets.create(to.place, to.name, member, 1, limits(call));
      }
      added = sets.add(to.place, member, limits(call));
      sets.remove(from.place, member);
    } catch (OutOfMemoryError e) {
      if (made && to.exists()) {
        call.remove(to);
      } else if (added) {
        sets.remove(to.place, member);
      }
      throw e;
    }
    call.changed(from, Events.SET, "srem");
    removeIfEmpty(call, from);
    if (added) {
      call.changed(to, Events.SET, "sadd");
    }
    reply.integer(1);
  }

  // ── reading ──

  private static boolean find(Call call, Key key, int argument) {
    return key.exists() && call.values().sets().find(key.entry(), call.arg(argument));
  }

  private static void smismember(Call call, Reply reply) {
    Key key = call.read(1, Entry.SET);
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      reply.flag(find(call, key, i));
    }
  }

  private static long length(Call call, Key key) {
    return key.exists() ? call.values().sets().length(key.entry()) : 0;
  }

  private static void smembers(Call call, Reply reply) {
    Key key = call.read(1, Entry.SET);
    reply.set(length(call, key));
    if (key.exists()) {
      call.values().sets().each(key.entry(), set -> set.writeMember(reply.writer()));
    }
  }

  private static void sscan(Call call, Reply reply) {
    SetValue sets = call.values().sets();
    Scan.run(
        call,
        reply,
        Entry.SET,
        (entry, cursor, count, scan) ->
            sets.scan(
                entry,
                cursor,
                count,
                set -> {
                  byte[] member = set.member();
                  if (scan.matches(member)) {
                    scan.add(member);
                  }
                }));
  }

  // ── several sets ──

  /// What the array of sets takes for each key, with the copy that sorting it makes.
  private static final long BYTES_PER_KEY = 32;

  /// The entries of the sets at `count` arguments from `first` on, 0 for one that isn't there.
  private static long[] entries(Call call, int first, int count) {
    if (count > FEW_KEYS) {
      call.hold(BYTES_PER_KEY * count);
    }
    long[] entries = JavaHeap.longs(count);
    for (int i = 0; i < count; i++) {
      Key key = call.read(first + i, Entry.SET);
      entries[i] = key.entry();
      call.done(key);
    }
    return entries;
  }

  private static final int FEW_KEYS = 64;

  /// Whether each of the sets is there.
  private static boolean all(long[] entries) {
    for (long entry : entries) {
      if (entry == 0) {
        return false;
      }
    }
    return true;
  }

  private static void sinter(Call call, Reply reply) {
    long[] entries = entries(call, 1, call.argc() - 1);
    if (!all(entries)) {
      reply.set(0);
      return;
    }
    reply.deferSet();
    reply.close(call.values().setAlgebra().intersection(entries, entries.length, reply.writer()));
  }

  private static void sintercard(Call call, Reply reply) {
    int keys =
        Grammar.keys(
            call,
            1,
            0,
            new CommandError("ERR Number of keys can't be greater than number of args"));
    long limit = 0;
    Options o = call.options(2 + keys);
    while (o.next()) {
      if (!o.is("LIMIT", 1)) {
        throw CommandError.SYNTAX;
      }
      limit = o.integer(0, Long.MAX_VALUE, new CommandError("ERR LIMIT can't be negative"));
    }
    long[] entries = entries(call, 2, keys);
    reply.integer(
        all(entries) ? call.values().setAlgebra().intersectionSize(entries, keys, limit) : 0);
  }

  private static void sunion(Call call, Reply reply) {
    long[] entries = entries(call, 1, call.argc() - 1);
    if (call.lacksMemory(call.weight(call.values().setAlgebra().collectedByUnion(entries)))) {
      return;
    }
    reply.deferSet();
    reply.close(
        call.values().setAlgebra().union(entries, entries.length, limits(call), reply.writer()));
  }

  private static void sdiff(Call call, Reply reply) {
    long[] entries = entries(call, 1, call.argc() - 1);
    if (call.lacksMemory(besideDifference(call, entries))) {
      return;
    }
    reply.deferSet();
    reply.close(
        call.values()
            .setAlgebra()
            .difference(entries, entries.length, limits(call), reply.writer()));
  }

  /// Bytes that a difference takes at most while it is made, besides its result.
  private static long besideDifference(Call call, long[] entries) {
    return call.weight(call.values().setAlgebra().collectedByDifference(entries, limits(call)));
  }

  /// Bytes of the set that takes the least: no intersection takes more.
  private static long lightest(Call call, long[] entries) {
    long least = Long.MAX_VALUE;
    for (long entry : entries) {
      least = Math.min(least, call.weight(entry));
    }
    return least;
  }

  private static void sinterstore(Call call, Reply reply) {
    long[] entries = entries(call, 2, call.argc() - 2);
    Key to = call.write(1);
    if (all(entries) && call.lacksMemory(lightest(call, entries))) {
      return;
    }
    try (Draft draft = call.values().draft(to.name)) {
      if (all(entries)) {
        call.values()
            .setAlgebra()
            .intersection(entries, entries.length, limits(call), draft, to.name);
      }
      store(call, reply, to, draft, "sinterstore");
    }
  }

  private static void sunionstore(Call call, Reply reply) {
    long[] entries = entries(call, 2, call.argc() - 2);
    Key to = call.write(1);
    if (call.lacksMemory(call.weight(entries))) {
      return;
    }
    try (Draft draft = call.values().draft(to.name)) {
      call.values().setAlgebra().union(entries, entries.length, limits(call), draft, to.name);
      store(call, reply, to, draft, "sunionstore");
    }
  }

  private static void sdiffstore(Call call, Reply reply) {
    long[] entries = entries(call, 2, call.argc() - 2);
    Key to = call.write(1);
    if (call.lacksMemory(call.weight(entries[0]) + besideDifference(call, entries))) {
      return;
    }
    try (Draft draft = call.values().draft(to.name)) {
      call.values().setAlgebra().difference(entries, entries.length, limits(call), draft, to.name);
      store(call, reply, to, draft, "sdiffstore");
    }
  }

  /// The set that was made takes the place of what is at the key; an empty one is no key.
  private static void store(Call call, Reply reply, Key to, Draft draft, String event) {
    long length = draft.entry() == 0 ? 0 : call.values().sets().length(draft.entry());
    if (length > 0) {
      draft.store(to.place);
      call.changed(to, Events.SET, event);
    } else if (to.exists()) {
      call.delete(to);
    }
    reply.integer(length);
  }

  // ── at random ──

  private static void srandmember(Call call, Reply reply) {
    Random random = ThreadLocalRandom.current();
    SetValue sets = call.values().sets();
    if (call.argc() == 2) {
      Key key = call.read(1, Entry.SET);
      if (key.exists()) {
        sets.random(key.entry(), random);
        sets.writeMember(reply.writer());
      } else {
        reply.nil();
      }
      return;
    }
    Picks picks = Picks.of(call, null);
    Key key = call.read(1, Entry.SET);
    long count = picks.begin(call, reply, length(call, key));
    if (count == 0) {
      return;
    }
    if (picks.distinct()) {
      sets.sample(key.entry(), count, random, set -> set.writeMember(reply.writer()));
    } else {
      picks.repeat(
          call,
          reply,
          count,
          () -> {
            sets.random(key.entry(), random);
            sets.writeMember(reply.writer());
          });
    }
  }

  private static void spop(Call call, Reply reply) {
    if (call.argc() > 3) {
      throw CommandError.SYNTAX;
    }
    if (call.argc() == 3) {
      popSeveral(call, reply, call.integer(2, 0, Long.MAX_VALUE, Grammar.NOT_POSITIVE));
      return;
    }
    Key key = call.write(1, Entry.SET);
    if (!key.exists()) {
      reply.nil();
      return;
    }
    SetValue sets = call.values().sets();
    sets.random(call.values().dictionary().writable(key.place), ThreadLocalRandom.current());
    sets.writeMember(reply.writer());
    if (call.recorded()) {
      call.effect("SREM", key.name, sets.member());
    } else {
      call.noEffect();
    }
    sets.removeAtHand(key.place);
    call.changed(key, Events.SET, "spop");
    removeIfEmpty(call, key);
  }

  private static void popSeveral(Call call, Reply reply, long count) {
    Key key = call.write(1, Entry.SET);
    long size = length(call, key);
    if (count == 0 || size == 0) {
      reply.set(0);
      return;
    }
    SetValue sets = call.values().sets();
    long rest = size - count;
    if (count < size && rest < count) { // the rest may become a set of its own
      if (call.lacksMemory((long) ((double) rest / size * call.weight(key.entry())))) {
        return;
      }
    }
    reply.deferSet(); // so that nothing is said if there is no memory for it
    if (count >= size) {
      long[] all = {key.entry()};
      reply.close(call.values().setAlgebra().union(all, 1, limits(call), reply.writer()));
      call.changed(key, Events.SET, "spop", size);
      call.removeEmpty(key);
      call.effect(call.limits().is(Settings.LAZYFREE_LAZY_SERVER_DEL) ? "UNLINK" : "DEL", key.name);
      return;
    }
    Removals removals = new Removals(call, key);
    sets.pop(
        key.place,
        key.name,
        count,
        ThreadLocalRandom.current(),
        limits(call),
        set -> {
          set.writeMember(reply.writer());
          removals.add(set);
        });
    removals.end();
    reply.close(count);
    call.changed(key, Events.SET, "spop", count);
  }

  /// The effects of a call that removes members at random: SREM, as often as need be.
  private static final class Removals {
    private final Call call;
    private final Key key;
    private final boolean recorded;
    private final ArrayList<Object> words = new ArrayList<>();

    Removals(Call call, Key key) {
      this.call = call;
      this.key = key;
      recorded = call.recorded();
      call.noEffect();
    }

    void add(SetValue member) {
      if (!recorded) {
        return;
      }
      if (words.isEmpty()) {
        words.add("SREM");
        words.add(key.name);
      }
      words.add(member.member());
      if (words.size() == 2 + MEMBERS_PER_EFFECT) {
        end();
      }
    }

    void end() {
      if (!words.isEmpty()) {
        call.effect(words.toArray());
        words.clear();
      }
    }
  }
}
