package dev.spinel.commands;

import dev.spinel.commands.SortedSetRange.By;
import dev.spinel.commands.SortedSetRange.Direction;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.value.Entry;
import dev.spinel.value.SortedSetValue;
import dev.spinel.value.SortedSetValue.Ranks;
import dev.spinel.wire.Numbers;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// Commands on sorted sets. What adds is in [SortedSetAddition], what a range is in
/// [SortedSetRange], and unions, intersections and differences are in [SortedSetAlgebra].
public final class SortedSets implements Family {
  private static final int BZMPOP = 0,
      BZPOPMAX = 1,
      BZPOPMIN = 2,
      ZADD = 3,
      ZCARD = 4,
      ZCOUNT = 5,
      ZDIFF = 6,
      ZDIFFSTORE = 7,
      ZINCRBY = 8,
      ZINTER = 9,
      ZINTERCARD = 10,
      ZINTERSTORE = 11,
      ZLEXCOUNT = 12,
      ZMPOP = 13,
      ZMSCORE = 14,
      ZPOPMAX = 15,
      ZPOPMIN = 16,
      ZRANDMEMBER = 17,
      ZRANGE = 18,
      ZRANGEBYLEX = 19,
      ZRANGEBYSCORE = 20,
      ZRANGESTORE = 21,
      ZRANK = 22,
      ZREM = 23,
      ZREMRANGEBYLEX = 24,
      ZREMRANGEBYRANK = 25,
      ZREMRANGEBYSCORE = 26,
      ZREVRANGE = 27,
      ZREVRANGEBYLEX = 28,
      ZREVRANGEBYSCORE = 29,
      ZREVRANK = 30,
      ZSCAN = 31,
      ZSCORE = 32,
      ZUNION = 33,
      ZUNIONSTORE = 34;

  public SortedSets() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        BZMPOP,
        "BZMPOP timeout:double numkeys:integer @key:RW+access+delete... (where: MIN | MAX)"
            + " [COUNT count:integer]",
        "sorted-set 7.0.0 write blocking",
        """
        Pops members from the first sorted set that has any; waits if none has.
        O(K)+O(M*log(N)), K keys, N the size of the set and M members returned
        """);
    t.command(
        BZPOPMAX,
        "BZPOPMAX @key:RW+access+delete... timeout:double",
        "sorted-set 5.0.0 write blocking fast",
        """
        Pops the member of the highest score from the first sorted set that has one; waits if none has.
        O(log(N)), N the size of the set
        6.0.0 Fractions of a second as timeout
        """);
    t.command(
        BZPOPMIN,
        "BZPOPMIN @key:RW+access+delete... timeout:double",
        "sorted-set 5.0.0 write blocking fast",
        """
        Pops the member of the lowest score from the first sorted set that has one; waits if none has.
        O(log(N)), N the size of the set
        6.0.0 Fractions of a second as timeout
        """);
    t.command(
        ZADD,
        "ZADD @key:RW+update [condition: NX | XX]^3.0.2 [comparison: GT | LT]^6.2.0"
            + " [change=CH]^3.0.2 [increment=INCR]^3.0.2 (data: score:double member)...",
        "sorted-set 1.2.0 write denyoom fast",
        """
        Adds members to a sorted set or gives them other scores, making the set if it is absent.
        O(log(N)) for each member, N the size of the set
        2.4.0 Several members at once
        3.0.2 `XX`, `NX`, `CH` and `INCR`
        6.2.0 `GT` and `LT`
        """);
    t.command(
        ZCARD,
        "ZCARD @key:RO",
        "sorted-set 1.2.0 readonly fast",
        """
        Tells how many members a sorted set has.
        O(1)
        """);
    t.command(
        ZCOUNT,
        "ZCOUNT @key:RO+access min:double max:double",
        "sorted-set 2.0.0 readonly fast",
        """
        Counts the members with scores in a range.
        O(log(N)), N the size of the set
        """);
    t.command(
        ZDIFF,
        "ZDIFF numkeys:integer @key:RO+access... [WITHSCORES]",
        "sorted-set 6.2.0 readonly",
        """
        Reads the members of the first set that the others lack.
        O(L+(N-K)log(N)) at worst, L members in all sets, N in the first, K in the result
        """);
    t.command(
        ZDIFFSTORE,
        "ZDIFFSTORE @destination:OW+update numkeys:integer @key:RO+access...",
        "sorted-set 6.2.0 write denyoom",
        """
        Stores the members of the first set that the others lack.
        O(L+(N-K)log(N)) at worst, L members in all sets, N in the first, K in the result
        """);
    t.command(
        ZINCRBY,
        "ZINCRBY @key:RW+access+update increment:integer member",
        "sorted-set 1.2.0 write denyoom fast",
        """
        Adds a number to the score of a member.
        O(log(N)), N the size of the set
        """);
    t.command(
        ZINTER,
        "ZINTER numkeys:integer @key:RO+access... [WEIGHTS weight:integer...] [AGGREGATE (SUM"
            + " | MIN | MAX)] [WITHSCORES]",
        "sorted-set 6.2.0 readonly",
        """
        Reads the members that all sets have, with one score each.
        O(N*K)+O(M*log(M)), N the size of the smallest set, K sets, M members in the result
        """);
    t.command(
        ZINTERCARD,
        "ZINTERCARD numkeys:integer @key:RO+access... [LIMIT limit:integer]",
        "sorted-set 7.0.0 readonly",
        """
        Counts the members that all sets have.
        O(N*K), N the size of the smallest set, K sets
        """);
    t.command(
        ZINTERSTORE,
        "ZINTERSTORE @destination:OW+update numkeys:integer @key:RO+access... [WEIGHTS"
            + " weight:integer...] [AGGREGATE (SUM | MIN | MAX)]",
        "sorted-set 2.0.0 write denyoom",
        """
        Stores the members that all sets have, with one score each.
        O(N*K)+O(M*log(M)), N the size of the smallest set, K sets, M members in the result
        """);
    t.command(
        ZLEXCOUNT,
        "ZLEXCOUNT @key:RO+access min max",
        "sorted-set 2.8.9 readonly fast",
        """
        Counts the members in a range of names.
        O(log(N)), N the size of the set
        """);
    t.command(
        ZMPOP,
        "ZMPOP numkeys:integer @key:RW+access+delete... (where: MIN | MAX) [COUNT"
            + " count:integer]",
        "sorted-set 7.0.0 write",
        """
        Pops members from the first sorted set that has any.
        O(K)+O(M*log(N)), K keys, N the size of the set and M members returned
        """);
    t.command(
        ZMSCORE,
        "ZMSCORE @key:RO+access member...",
        "sorted-set 6.2.0 readonly fast",
        """
        Reads the scores of several members, nil where there is none.
        O(N), N members given
        """);
    t.command(
        ZPOPMAX,
        "ZPOPMAX @key:RW+access+delete [count:integer]",
        "sorted-set 5.0.0 write fast",
        """
        Pops the members of the highest scores.
        O(log(N)*M), N the size of the set and M members returned
        """);
    t.command(
        ZPOPMIN,
        "ZPOPMIN @key:RW+access+delete [count:integer]",
        "sorted-set 5.0.0 write fast",
        """
        Pops the members of the lowest scores.
        O(log(N)*M), N the size of the set and M members returned
        """);
    t.command(
        ZRANDMEMBER,
        "ZRANDMEMBER @key:RO+access [options: count:integer [WITHSCORES]]",
        "sorted-set 6.2.0 readonly nondeterministic_output",
        """
        Picks members of a sorted set at random.
        O(N), N members returned
        """);
    t.command(
        ZRANGE,
        "ZRANGE @key:RO+access start stop [sortby: BYSCORE | BYLEX]^6.2.0 [REV]^6.2.0 [LIMIT"
            + " (offset:integer count:integer)]^6.2.0 [WITHSCORES]",
        "sorted-set 1.2.0 readonly",
        """
        Reads the members in a range of ranks, scores or names.
        O(log(N)+M), N the size of the set and M members returned
        6.2.0 `REV`, `BYSCORE`, `BYLEX` and `LIMIT`
        """);
    t.command(
        ZRANGEBYLEX,
        "ZRANGEBYLEX @key:RO+access min max [LIMIT (offset:integer count:integer)]",
        "sorted-set 2.8.9 readonly",
        """
        Reads the members in a range of names.
        O(log(N)+M), N the size of the set and M members returned
        deprecated 6.2.0: `ZRANGE` with the `BYLEX` argument
        """);
    t.command(
        ZRANGEBYSCORE,
        "ZRANGEBYSCORE @key:RO+access min:double max:double [WITHSCORES]^2.0.0 [LIMIT"
            + " (offset:integer count:integer)]",
        "sorted-set 1.0.5 readonly",
        """
        Reads the members with scores in a range.
        O(log(N)+M), N the size of the set and M members returned
        2.0.0 `WITHSCORES`
        deprecated 6.2.0: `ZRANGE` with the `BYSCORE` argument
        """);
    t.command(
        ZRANGESTORE,
        "ZRANGESTORE @dst:OW+update @src:RO+access min max [sortby: BYSCORE | BYLEX] [REV]"
            + " [LIMIT (offset:integer count:integer)]",
        "sorted-set 6.2.0 write denyoom",
        """
        Stores the members in a range of ranks, scores or names.
        O(log(N)+M), N the size of the set and M members stored
        """);
    t.command(
        ZRANK,
        "ZRANK @key:RO+access member [WITHSCORE]",
        "sorted-set 2.0.0 readonly fast",
        """
        Tells how many members come before one.
        O(log(N)), N the size of the set
        7.2.0 `WITHSCORE`
        """);
    t.command(
        ZREM,
        "ZREM @key:RW+delete member...",
        "sorted-set 1.2.0 write fast",
        """
        Removes members from a sorted set, and the set with the last of them.
        O(M*log(N)), N the size of the set and M members removed
        2.4.0 Several members at once
        """);
    t.command(
        ZREMRANGEBYLEX,
        "ZREMRANGEBYLEX @key:RW+delete min max",
        "sorted-set 2.8.9 write",
        """
        Removes the members in a range of names.
        O(log(N)+M), N the size of the set and M members removed
        """);
    t.command(
        ZREMRANGEBYRANK,
        "ZREMRANGEBYRANK @key:RW+delete start:integer stop:integer",
        "sorted-set 2.0.0 write",
        """
        Removes the members in a range of ranks.
        O(log(N)+M), N the size of the set and M members removed
        """);
    t.command(
        ZREMRANGEBYSCORE,
        "ZREMRANGEBYSCORE @key:RW+delete min:double max:double",
        "sorted-set 1.2.0 write",
        """
        Removes the members with scores in a range.
        O(log(N)+M), N the size of the set and M members removed
        """);
    t.command(
        ZREVRANGE,
        "ZREVRANGE @key:RO+access start:integer stop:integer [WITHSCORES]",
        "sorted-set 1.2.0 readonly",
        """
        Reads the members in a range of ranks, from the highest score down.
        O(log(N)+M), N the size of the set and M members returned
        deprecated 6.2.0: `ZRANGE` with the `REV` argument
        """);
    t.command(
        ZREVRANGEBYLEX,
        "ZREVRANGEBYLEX @key:RO+access max min [LIMIT (offset:integer count:integer)]",
        "sorted-set 2.8.9 readonly",
        """
        Reads the members in a range of names, from the last one back.
        O(log(N)+M), N the size of the set and M members returned
        deprecated 6.2.0: `ZRANGE` with the `REV` and `BYLEX` arguments
        """);
    t.command(
        ZREVRANGEBYSCORE,
        "ZREVRANGEBYSCORE @key:RO+access max:double min:double [WITHSCORES] [LIMIT"
            + " (offset:integer count:integer)]",
        "sorted-set 2.2.0 readonly",
        """
        Reads the members with scores in a range, from the highest score down.
        O(log(N)+M), N the size of the set and M members returned
        2.1.6 `min` and `max` can be exclusive
        deprecated 6.2.0: `ZRANGE` with the `REV` and `BYSCORE` arguments
        """);
    t.command(
        ZREVRANK,
        "ZREVRANK @key:RO+access member [WITHSCORE]",
        "sorted-set 2.0.0 readonly fast",
        """
        Tells how many members come behind one.
        O(log(N)), N the size of the set
        7.2.0 `WITHSCORE`
        """);
    t.command(
        ZSCAN,
        "ZSCAN @key:RO+access cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
        "sorted-set 2.8.0 readonly nondeterministic_output",
        """
        Reads a sorted set in portions.
        O(1) for a call, O(N) for all of a set of N members
        """);
    t.command(
        ZSCORE,
        "ZSCORE @key:RO+access member",
        "sorted-set 1.2.0 readonly fast",
        """
        Reads the score of a member.
        O(1)
        """);
    t.command(
        ZUNION,
        "ZUNION numkeys:integer @key:RO+access... [WEIGHTS weight:integer...] [AGGREGATE (SUM"
            + " | MIN | MAX)] [WITHSCORES]",
        "sorted-set 6.2.0 readonly",
        """
        Reads the members that any of the sets has, with one score each.
        O(N)+O(M*log(M)), N members in all sets, M in the result
        """);
    t.command(
        ZUNIONSTORE,
        "ZUNIONSTORE @destination:OW+update numkeys:integer @key:RO+access... [WEIGHTS"
            + " weight:integer...] [AGGREGATE (SUM | MIN | MAX)]",
        "sorted-set 2.0.0 write denyoom",
        """
        Stores the members that any of the sets has, with one score each.
        O(N)+O(M*log(M)), N members in all sets, M in the result
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case BZMPOP -> bzmpop(call, reply);
      case BZPOPMAX -> blockingPop(call, reply, End.MAX);
      case BZPOPMIN -> blockingPop(call, reply, End.MIN);
      case ZADD -> SortedSetAddition.run(call, reply, 0);
      case ZCARD -> reply.integer(length(call, call.read(1, Entry.ZSET)));
      case ZCOUNT -> count(call, reply, By.SCORE);
      case ZDIFF -> SortedSetAlgebra.DIFF.read(call, reply);
      case ZDIFFSTORE -> SortedSetAlgebra.DIFF.store(call, reply);
      case ZINCRBY -> SortedSetAddition.run(call, reply, SortedSetAddition.INCR);
      case ZINTER -> SortedSetAlgebra.INTER.read(call, reply);
      case ZINTERCARD -> SortedSetAlgebra.countIntersection(call, reply);
      case ZINTERSTORE -> SortedSetAlgebra.INTER.store(call, reply);
      case ZLEXCOUNT -> count(call, reply, By.MEMBER);
      case ZMPOP -> zmpop(call, reply);
      case ZMSCORE -> zmscore(call, reply);
      case ZPOPMAX -> pop(call, reply, End.MAX);
      case ZPOPMIN -> pop(call, reply, End.MIN);
      case ZRANDMEMBER -> zrandmember(call, reply);
      case ZRANGE -> range(call, reply, null, Direction.UPWARDS);
      case ZRANGEBYLEX -> range(call, reply, By.MEMBER, Direction.UPWARDS);
      case ZRANGEBYSCORE -> range(call, reply, By.SCORE, Direction.UPWARDS);
      case ZRANGESTORE -> zrangestore(call, reply);
      case ZRANK -> rank(call, reply, Direction.UPWARDS);
      case ZREM -> zrem(call, reply);
      case ZREMRANGEBYLEX -> removeRange(call, reply, By.MEMBER, "zremrangebylex");
      case ZREMRANGEBYRANK -> removeRange(call, reply, By.RANK, "zremrangebyrank");
      case ZREMRANGEBYSCORE -> removeRange(call, reply, By.SCORE, "zremrangebyscore");
      case ZREVRANGE -> range(call, reply, By.RANK, Direction.DOWNWARDS);
      case ZREVRANGEBYLEX -> range(call, reply, By.MEMBER, Direction.DOWNWARDS);
      case ZREVRANGEBYSCORE -> range(call, reply, By.SCORE, Direction.DOWNWARDS);
      case ZREVRANK -> rank(call, reply, Direction.DOWNWARDS);
      case ZSCAN -> zscan(call, reply);
      case ZSCORE -> zscore(call, reply);
      case ZUNION -> SortedSetAlgebra.UNION.read(call, reply);
      case ZUNIONSTORE -> SortedSetAlgebra.UNION.store(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  // ── removing ──

  private static void zrem(Call call, Reply reply) {
    Key key = call.write(1, Entry.ZSET);
    SortedSetValue sets = call.values().sortedSets();
    int deleted = 0;
    boolean empty = false;
    for (int i = 2; i < call.argc() && key.exists() && !empty; i++) {
      if (sets.delete(key.place, call.arg(i))) {
        deleted++;
        empty = sets.length(key.entry()) == 0;
      }
    }
    if (deleted > 0) {
      removed(call, key, "zrem", deleted);
    }
    reply.integer(deleted);
  }

  /// After members were removed: sends the event, and deletes the key if none is left.
  private static void removed(Call call, Key key, String event, long count) {
    call.changed(key, Events.ZSET, event, count);
    if (call.values().sortedSets().length(key.entry()) == 0) {
      call.removeEmpty(key);
    }
  }

  private static void removeRange(Call call, Reply reply, By by, String event) {
    SortedSetRange range = SortedSetRange.of(call, by, 2, 3, Direction.UPWARDS);
    Key key = call.write(1, Entry.ZSET);
    if (!key.exists()) {
      reply.integer(0);
      return;
    }
    SortedSetValue sets = call.values().sortedSets();
    Ranks ranks = range.ranks(sets, key.entry(), Direction.UPWARDS);
    if (ranks.count() > 0) {
      sets.removeRange(key.place, ranks.from(), ranks.count());
      removed(call, key, event, ranks.count());
    }
    reply.integer(ranks.count());
  }

  // ── popping ──

  private enum End {
    MIN("zpopmin", "ZPOPMIN"),
    MAX("zpopmax", "ZPOPMAX");

    final String event;
    final String effect;

    End(String event, String effect) {
      this.event = event;
      this.effect = effect;
    }

    /// MIN or MAX.
    static End at(Call call, int argument) {
      if (call.is(argument, "MIN")) {
        return MIN;
      }
      if (call.is(argument, "MAX")) {
        return MAX;
      }
      throw CommandError.SYNTAX;
    }
  }

  private static void pop(Call call, Reply reply, End end) {
    if (call.argc() > 3) {
      throw CommandError.SYNTAX;
    }
    boolean counted = call.argc() == 3;
    long count = counted ? call.integer(2, 0, Long.MAX_VALUE, Grammar.NOT_POSITIVE) : 1;
    Key key = call.write(1, Entry.ZSET);
    if (!key.exists() || count == 0) {
      reply.array(0);
      return;
    }
    boolean nested = counted && reply.protocol() > 2;
    long taken = Math.min(count, length(call, key));
    reply.array(nested ? taken : 2 * taken);
    take(call, reply, key, end, taken, nested);
  }

  /// Replies with `count` members from an end and their scores, and removes them.
  private static void take(Call call, Reply reply, Key key, End end, long count, boolean nested) {
    SortedSetValue sets = call.values().sortedSets();
    long length = sets.length(key.entry());
    SortedSetValue.Visitor write = at -> write(at, reply, nested, true);
    if (end == End.MIN) {
      sets.visit(key.entry(), 0, count, write);
    } else {
      sets.visitBackwards(key.entry(), length - 1, count, write);
    }
    sets.removeRange(key.place, end == End.MIN ? 0 : length - count, count);
    removed(call, key, end.event, count);
  }

  /// The member at hand, with its score if that is wanted, which with `nested` is an array of its
  /// own.
  static void write(SortedSetValue at, Reply reply, boolean nested, boolean withScore) {
    if (nested) {
      reply.array(2);
    }
    at.writeMember(reply.writer());
    if (withScore) {
      reply.number(at.score());
    }
  }

  private static void blockingPop(Call call, Reply reply, End end) {
    int last = call.argc() - 2;
    long timeout = Grammar.timeout(call, last + 1);
    for (int i = 1; i <= last; i++) {
      Key key = call.write(i, Entry.ZSET);
      if (key.exists()) {
        reply.array(3);
        reply.bulk(key.name);
        take(call, reply, key, end, 1, false);
        call.effect(end.effect, key.name);
        return;
      }
      call.done(key);
    }
    if (!call.park(timeout, Entry.ZSET, 1, last)) {
      reply.nilArray();
    }
  }

  /// Returns whether there was a sorted set to pop from; only then it has replied.
  private static boolean popSeveral(Call call, Reply reply, MultiPop<End> what) {
    for (int i = what.first(); i <= what.last(); i++) {
      Key key = call.write(i, Entry.ZSET);
      if (key.exists()) {
        long taken = Math.min(what.count(), length(call, key));
        reply.array(2);
        reply.bulk(key.name);
        reply.array(taken);
        take(call, reply, key, what.end(), taken, true);
        call.effect(what.end().effect, key.name, taken);
        return true;
      }
      call.done(key);
    }
    return false;
  }

  private static void zmpop(Call call, Reply reply) {
    if (!popSeveral(call, reply, MultiPop.at(call, 1, End::at))) {
      reply.nilArray();
    }
  }

  private static void bzmpop(Call call, Reply reply) {
    MultiPop<End> what = MultiPop.at(call, 2, End::at);
    long timeout = Grammar.timeout(call, 1);
    if (!popSeveral(call, reply, what)
        && !call.park(timeout, Entry.ZSET, what.first(), what.last())) {
      reply.nilArray();
    }
  }

  // ── one member ──

  private static long length(Call call, Key key) {
    return key.exists() ? call.values().sortedSets().length(key.entry()) : 0;
  }

  private static void zscore(Call call, Reply reply) {
    Key key = call.read(1, Entry.ZSET);
    score(call, reply, key, 2);
  }

  private static void zmscore(Call call, Reply reply) {
    Key key = call.read(1, Entry.ZSET);
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      score(call, reply, key, i);
    }
  }

  private static void score(Call call, Reply reply, Key key, int argument) {
    SortedSetValue sets = call.values().sortedSets();
    if (key.exists() && sets.find(key.entry(), call.arg(argument))) {
      reply.number(sets.score());
    } else {
      reply.nil();
    }
  }

  private static void rank(Call call, Reply reply, Direction direction) {
    if (call.argc() > 4) {
      throw CommandError.wrongArguments(call.command().name);
    }
    boolean withScore = call.argc() == 4;
    if (withScore && !call.is(3, "WITHSCORE")) {
      throw CommandError.SYNTAX;
    }
    Key key = call.read(1, Entry.ZSET);
    SortedSetValue sets = call.values().sortedSets();
    long rank = key.exists() ? sets.rank(key.entry(), call.arg(2)) : -1;
    if (rank < 0) {
      if (withScore) {
        reply.nilArray();
      } else {
        reply.nil();
      }
      return;
    }
    if (withScore) {
      reply.array(2);
    }
    boolean isDown = direction == Direction.DOWNWARDS;
    reply.integer(isDown ? sets.length(key.entry()) - 1 - rank : rank);
    if (withScore) {
      reply.number(sets.score());
    }
  }

  // ── ranges ──

  private static void count(Call call, Reply reply, By by) {
    SortedSetRange range = SortedSetRange.of(call, by, 2, 3, Direction.UPWARDS);
    Key key = call.read(1, Entry.ZSET);
    reply.integer(
        key.exists()
            ? range.ranks(call.values().sortedSets(), key.entry(), Direction.UPWARDS).count()
            : 0);
  }

  private static void range(Call call, Reply reply, @Nullable By only, Direction direction) {
    SortedSetRange.Query query = SortedSetRange.Query.of(call, only, direction);
    Key key = call.read(1, Entry.ZSET);
    if (!key.exists()) {
      reply.array(0);
      return;
    }
    SortedSetValue sets = call.values().sortedSets();
    Ranks ranks = query.ranks(sets, key.entry());
    boolean scores = query.withScores();
    boolean nested = scores && reply.protocol() > 2;
    reply.array(scores && !nested ? 2 * ranks.count() : ranks.count());
    if (ranks.count() > 0) {
      query.visit(sets, key.entry(), ranks, at -> write(at, reply, nested, scores));
    }
  }

  private static void zrangestore(Call call, Reply reply) {
    SortedSetRange.Query query = SortedSetRange.Query.toStore(call);
    Key source = call.read(2, Entry.ZSET);
    SortedSetValue sets = call.values().sortedSets();
    if (source.exists()) {
      double part =
          (double) query.ranks(sets, source.entry()).count() / sets.length(source.entry());
      if (call.lacksMemory((long) (part * call.weight(source.entry())))) {
        return;
      }
    }
    try (SortedSetValue.NewSortedSet draft = sets.draft(call.arg(1))) {
      if (source.exists()) {
        Ranks ranks = query.ranks(sets, source.entry());
        if (ranks.count() > 0) {
          query.visit(
              sets, source.entry(), ranks, at -> draft.collect(at, at.score(), Double::sum));
        }
      }
      store(call, reply, 1, draft, "zrangestore", 1);
    }
  }

  /// Puts what a STORE form has collected where the key at an argument is or would be, in the place
  /// of what is there; with nothing collected, what is there goes. Replies with the length.
  ///
  /// @param changes how many changes it counts as if something is stored
  static void store(
      Call call,
      Reply reply,
      int argument,
      SortedSetValue.NewSortedSet draft,
      String event,
      long changes) {
    long length = draft.length();
    Key key = call.write(argument);
    if (length > 0) {
      draft.store(
          key.place,
          call.limits().intOf(Settings.ZSET_MAX_LISTPACK_ENTRIES),
          call.limits().intOf(Settings.ZSET_MAX_LISTPACK_VALUE));
      call.stored(key, Events.ZSET, event, changes);
    } else if (key.exists()) {
      call.delete(key);
    }
    reply.integer(length);
  }

  private static void zrandmember(Call call, Reply reply) {
    Random random = ThreadLocalRandom.current();
    SortedSetValue sets = call.values().sortedSets();
    if (call.argc() == 2) {
      Key key = call.read(1, Entry.ZSET);
      if (key.exists()) {
        sets.random(key.entry(), random);
        sets.writeMember(reply.writer());
      } else {
        reply.nil();
      }
      return;
    }
    Picks picks = Picks.of(call, "WITHSCORES");
    Key key = call.read(1, Entry.ZSET);
    long count = picks.begin(call, reply, length(call, key));
    if (count == 0) {
      return;
    }
    SortedSetValue.Visitor write =
        at -> {
          picks.member(reply);
          write(at, reply, false, picks.paired());
        };
    if (picks.distinct()) {
      sets.sample(key.entry(), count, random, write);
    } else {
      picks.repeat(
          call,
          reply,
          count,
          () -> {
            sets.random(key.entry(), random);
            write.member(sets);
          });
    }
  }

  private static void zscan(Call call, Reply reply) {
    SortedSetValue sets = call.values().sortedSets();
    Scan.run(
        call,
        reply,
        Entry.ZSET,
        (entry, cursor, count, scan) -> {
          // a listpack has scores as texts, which are shown as they are
          boolean asStored = sets.encoding(entry) == Entry.LISTPACK;
          return sets.scan(
              entry,
              cursor,
              count,
              at -> {
                byte[] member = at.member();
                if (scan.matches(member)) {
                  double score = at.score();
                  scan.add(member);
                  scan.add(asStored ? Numbers.bytes(score) : Numbers.seventeenDigits(score));
                }
              });
        });
  }
}
