package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.value.Entry;
import dev.spinel.value.ListValue;

/// Commands on lists.
public final class Lists implements Family {
  private static final int BLMOVE = 0,
      BLMPOP = 1,
      BLPOP = 2,
      BRPOP = 3,
      BRPOPLPUSH = 4,
      LINDEX = 5,
      LINSERT = 6,
      LLEN = 7,
      LMOVE = 8,
      LMPOP = 9,
      LPOP = 10,
      LPOS = 11,
      LPUSH = 12,
      LPUSHX = 13,
      LRANGE = 14,
      LREM = 15,
      LSET = 16,
      LTRIM = 17,
      RPOP = 18,
      RPOPLPUSH = 19,
      RPUSH = 20,
      RPUSHX = 21;

  public Lists() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        BLMOVE,
        "BLMOVE @source:RW+access+delete @destination:RW+insert (wherefrom: LEFT | RIGHT) (whereto:"
            + " LEFT | RIGHT) timeout:double",
        "list 6.2.0 write denyoom blocking quick",
        """
        Moves an element between ends of two lists; waits for one if there is none.
        O(1)
        """);
    t.command(
        BLMPOP,
        "BLMPOP timeout:double numkeys:integer @key:RW+access+delete... (where: LEFT | RIGHT)"
            + " [COUNT count:integer]",
        "list 7.0.0 write blocking",
        """
        Pops elements from the first list that has any; waits if none has.
        O(N+M), N keys and M elements returned
        """);
    t.command(
        BLPOP,
        "BLPOP @key:RW+access+delete... timeout:double",
        "list 2.0.0 write blocking",
        """
        Pops the first element of the first list that has one; waits if none has.
        O(N), N keys
        6.0.0 Fractions of a second as timeout
        """);
    t.command(
        BRPOP,
        "BRPOP @key:RW+access+delete... timeout:double",
        "list 2.0.0 write blocking",
        """
        Pops the last element of the first list that has one; waits if none has.
        O(N), N keys
        6.0.0 Fractions of a second as timeout
        """);
    t.command(
        BRPOPLPUSH,
        "BRPOPLPUSH @source:RW+access+delete @destination:RW+insert timeout:double",
        "list 2.2.0 write denyoom blocking quick",
        """
        Moves the last element of a list to the head of another; waits for one if there is none.
        O(1)
        6.0.0 Fractions of a second as timeout
        deprecated 6.2.0: `BLMOVE` with the `RIGHT` and `LEFT` arguments
        """);
    t.command(
        LINDEX,
        "LINDEX @key:RO+access index:integer",
        "list 1.0.0 readonly",
        """
        Reads the element at a position.
        O(N), N elements between it and the nearer end
        """);
    t.command(
        LINSERT,
        "LINSERT @key:RW+insert (where: BEFORE | AFTER) pivot element",
        "list 2.2.0 write denyoom large=4",
        """
        Puts an element in front of or behind another one.
        O(N), N elements looked at before the pivot is found
        """);
    t.command(
        LLEN,
        "LLEN @key:RO",
        "list 1.0.0 readonly fast",
        """
        Tells how many elements a list has.
        O(1)
        """);
    t.command(
        LMOVE,
        "LMOVE @source:RW+access+delete @destination:RW+insert (wherefrom: LEFT | RIGHT) (whereto:"
            + " LEFT | RIGHT)",
        "list 6.2.0 write denyoom quick",
        """
        Moves an element between ends of two lists.
        O(1)
        """);
    t.command(
        LMPOP,
        "LMPOP numkeys:integer @key:RW+access+delete... (where: LEFT | RIGHT) [COUNT"
            + " count:integer]",
        "list 7.0.0 write",
        """
        Pops elements from the first list that has any.
        O(N+M), N keys and M elements returned
        """);
    t.command(
        LPOP,
        "LPOP @key:RW+access+delete [count:integer]^6.2.0",
        "list 1.0.0 write fast",
        """
        Pops elements from the head of a list.
        O(N), N elements returned
        6.2.0 The count
        """);
    t.command(
        LPOS,
        "LPOS @key:RO+access element [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN"
            + " len:integer]",
        "list 6.0.6 readonly",
        """
        Finds the positions of elements that equal a value.
        O(N), N elements looked at
        """);
    t.command(
        LPUSH,
        "LPUSH @key:RW+insert element...",
        "list 1.0.0 write denyoom fast large=2+1",
        """
        Puts elements at the head of a list, making it if it is absent.
        O(N), N elements added
        2.4.0 Several elements at once
        """);
    t.command(
        LPUSHX,
        "LPUSHX @key:RW+insert element...",
        "list 2.2.0 write denyoom fast large=2+1",
        """
        Puts elements at the head of a list that exists.
        O(N), N elements added
        4.0.0 Several elements at once
        """);
    t.command(
        LRANGE,
        "LRANGE @key:RO+access start:integer stop:integer",
        "list 1.0.0 readonly",
        """
        Reads the elements between two positions.
        O(S+N), S elements between the start and the nearer end, N elements returned
        """);
    t.command(
        LREM,
        "LREM @key:RW+delete count:integer element",
        "list 1.0.0 write",
        """
        Removes elements that equal a value.
        O(N+M), N the length of the list and M elements removed
        """);
    t.command(
        LSET,
        "LSET @key:RW+update index:integer element",
        "list 1.0.0 write denyoom large=3",
        """
        Replaces the element at a position.
        O(N), N elements between it and the nearer end
        """);
    t.command(
        LTRIM,
        "LTRIM @key:RW+delete start:integer stop:integer",
        "list 1.0.0 write",
        """
        Keeps only the elements between two positions.
        O(N), N elements removed
        """);
    t.command(
        RPOP,
        "RPOP @key:RW+access+delete [count:integer]^6.2.0",
        "list 1.0.0 write fast",
        """
        Pops elements from the tail of a list.
        O(N), N elements returned
        6.2.0 The count
        """);
    t.command(
        RPOPLPUSH,
        "RPOPLPUSH @source:RW+access+delete @destination:RW+insert",
        "list 1.2.0 write denyoom quick",
        """
        Moves the last element of a list to the head of another.
        O(1)
        deprecated 6.2.0: `LMOVE` with the `RIGHT` and `LEFT` arguments
        """);
    t.command(
        RPUSH,
        "RPUSH @key:RW+insert element...",
        "list 1.0.0 write denyoom fast large=2+1",
        """
        Puts elements at the tail of a list, making it if it is absent.
        O(N), N elements added
        2.4.0 Several elements at once
        """);
    t.command(
        RPUSHX,
        "RPUSHX @key:RW+insert element...",
        "list 2.2.0 write denyoom fast large=2+1",
        """
        Puts elements at the tail of a list that exists.
        O(N), N elements added
        4.0.0 Several elements at once
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case LPUSH -> push(call, reply, End.HEAD, call.write(1, Entry.LIST));
      case RPUSH -> push(call, reply, End.TAIL, call.write(1, Entry.LIST));
      case LPUSHX -> pushx(call, reply, End.HEAD);
      case RPUSHX -> pushx(call, reply, End.TAIL);
      case LPOP -> pop(call, reply, End.HEAD);
      case RPOP -> pop(call, reply, End.TAIL);
      case LLEN -> reply.integer(length(call, call.read(1, Entry.LIST)));
      case LINDEX -> lindex(call, reply);
      case LRANGE -> lrange(call, reply);
      case LPOS -> lpos(call, reply);
      case LSET -> lset(call, reply);
      case LINSERT -> linsert(call, reply);
      case LREM -> lrem(call, reply);
      case LTRIM -> ltrim(call, reply);
      case LMOVE -> {
        End from = end(call, 3);
        move(call, reply, from, end(call, 4));
      }
      case RPOPLPUSH -> move(call, reply, End.TAIL, End.HEAD);
      case LMPOP -> {
        if (!popOne(call, reply, MultiPop.at(call, 1, Lists::end))) {
          reply.nilArray();
        }
      }
      case BLPOP -> blockingPop(call, reply, End.HEAD);
      case BRPOP -> blockingPop(call, reply, End.TAIL);
      case BLMPOP -> blockingPopSeveral(call, reply);
      case BLMOVE -> {
        End from = end(call, 3);
        End to = end(call, 4);
        blockingMove(call, reply, from, to, Grammar.timeout(call, 5));
      }
      case BRPOPLPUSH -> blockingMove(call, reply, End.TAIL, End.HEAD, Grammar.timeout(call, 3));
      default -> throw new AssertionError(row);
    }
  }

  private enum End {
    HEAD("lpush", "lpop", "LPOP"),
    TAIL("rpush", "rpop", "RPOP");

    final String pushed;
    final String popped;

    /// The effect of taking elements away here.
    final String pop;

    End(String pushed, String popped, String pop) {
      this.pushed = pushed;
      this.popped = popped;
      this.pop = pop;
    }

    boolean isHead() {
      return this == HEAD;
    }
  }

  private static int fill(Call call) {
    return call.limits().intOf(Settings.LIST_MAX_LISTPACK_SIZE);
  }

  private static long length(Call call, Key key) {
    return key.exists() ? call.values().lists().length(key.entry()) : 0;
  }

  /// LEFT or RIGHT.
  private static End end(Call call, int argument) {
    if (call.is(argument, "LEFT")) {
      return End.HEAD;
    }
    if (call.is(argument, "RIGHT")) {
      return End.TAIL;
    }
    throw CommandError.SYNTAX;
  }

  /// After elements were removed: sends the event, and deletes the key if none is left.
  private static void removed(Call call, Key key, String event, long count) {
    call.changed(key, Events.LIST, event, count);
    if (call.values().lists().length(call.values().dictionary().entry(key.place)) == 0) {
      call.removeEmpty(key);
    }
  }

  // ── adding ──

  private static void push(Call call, Reply reply, End end, Key key) {
    ListValue lists = call.values().lists();
    if (!key.exists()) {
      lists.create(key.place, key.name);
    }
    int count = call.argc();
    long bytes = 0;
    for (int at = 2; at < count; at++) {
      bytes += call.args().lengthAt(at);
    }
    int i = 2;
    try {
      lists.grow(key.place, bytes, count - 2, fill(call));
      for (; i < count; i++) {
        lists.push(key.place, end.isHead(), call.arg(i));
      }
    } catch (OutOfMemoryError e) {
      if (i > 2) {
        call.changed(key, Events.LIST, end.pushed, i - 2);
        call.doneInPart(i);
      } else if (lists.length(call.values().dictionary().entry(key.place)) == 0) {
        call.remove(key); // it was made for this
      }
      throw e;
    }
    call.changed(key, Events.LIST, end.pushed, count - 2);
    reply.integer(lists.length(key.entry()));
  }

  private static void pushx(Call call, Reply reply, End end) {
    Key key = call.write(1, Entry.LIST);
    if (key.exists()) {
      push(call, reply, end, key);
    } else {
      reply.integer(0);
    }
  }

  private static void linsert(Call call, Reply reply) {
    boolean after = call.is(2, "AFTER");
    if (!after && !call.is(2, "BEFORE")) {
      throw CommandError.SYNTAX;
    }
    Key key = call.write(1, Entry.LIST);
    if (!key.exists()) {
      reply.integer(0);
      return;
    }
    ListValue lists = call.values().lists();
    lists.grow(key.place, call.args().lengthAt(4), 1, fill(call));
    if (!lists.insert(key.place, after, call.arg(3), call.arg(4))) {
      reply.integer(-1);
      return;
    }
    call.changed(key, Events.LIST, "linsert");
    reply.integer(lists.length(key.entry()));
  }

  private static void lset(Call call, Reply reply) {
    Key key = call.write(1, Entry.LIST);
    if (!key.exists()) {
      throw CommandError.NO_SUCH_KEY;
    }
    long index = call.integer(2);
    long length = length(call, key);
    if (index >= length || index < -length) {
      throw CommandError.OUT_OF_RANGE;
    }
    ListValue lists = call.values().lists();
    lists.grow(key.place, call.args().lengthAt(3), 1, fill(call));
    lists.set(key.place, index, call.arg(3), fill(call));
    call.changed(key, Events.LIST, "lset");
    reply.ok();
  }

  // ── reading ──

  private static void lindex(Call call, Reply reply) {
    Key key = call.read(1, Entry.LIST);
    if (!key.exists()) {
      reply.nil();
      return;
    }
    long index = call.integer(2);
    if (!call.values().lists().get(key.entry(), index, reply.writer())) {
      reply.nil();
    }
  }

  private static void lrange(Call call, Reply reply) {
    long start = call.integer(2);
    long end = call.integer(3);
    Key key = call.read(1, Entry.LIST);
    long length = length(call, key);
    start = Grammar.first(start, length);
    end = Grammar.last(end, length);
    if (start > end) {
      reply.array(0);
      return;
    }
    reply.array(end - start + 1);
    call.values().lists().range(key.entry(), start, end - start + 1, reply.writer());
  }

  private static void lpos(Call call, Reply reply) {
    long rank = 1;
    long count = -1;
    long most = 0;
    Options o = call.options(3);
    while (o.next()) {
      if (o.is("RANK", 1)) {
        rank = o.integer(-Long.MAX_VALUE, Long.MAX_VALUE);
        if (rank == 0) {
          throw new CommandError(
              "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ..."
                  + " or use negative to start from the end of the list");
        }
      } else if (o.is("COUNT", 1)) {
        count = o.integer(0, Long.MAX_VALUE, new CommandError("ERR COUNT can't be negative"));
      } else if (o.is("MAXLEN", 1)) {
        most = o.integer(0, Long.MAX_VALUE, new CommandError("ERR MAXLEN can't be negative"));
      } else {
        throw CommandError.SYNTAX;
      }
    }
    Key key = call.read(1, Entry.LIST);
    if (!key.exists()) {
      if (count != -1) {
        reply.array(0);
      } else {
        reply.nil();
      }
      return;
    }
    positions(call, reply, key, rank, count, most);
  }

  /// @param count -1: only the first
  /// @param most how many elements to compare, 0: all
  private static void positions(Call call, Reply reply, Key key, long rank, long count, long most) {
    ListValue lists = call.values().lists();
    boolean forward = rank > 0;
    long length = lists.length(key.entry());
    long skip = Math.abs(rank) - 1;
    long found = 0;
    if (forward) {
      lists.iterate(key.entry());
    } else {
      lists.iterateBackwards(key.entry());
    }
    lists.sought(call.arg(2));
    if (count != -1) {
      reply.deferArray();
    }
    for (long index = 0; (most == 0 || index < most) && lists.next(); index++) {
      if (!lists.matches() || skip-- > 0) {
        continue;
      }
      reply.integer(forward ? index : length - index - 1);
      found++;
      if (count == -1 || count != 0 && found >= count) {
        break;
      }
    }
    if (count != -1) {
      reply.close(found);
    } else if (found == 0) {
      reply.nil();
    }
  }

  // ── taking away ──

  private static void pop(Call call, Reply reply, End end) {
    if (call.argc() > 3) {
      throw CommandError.wrongArguments(call.command().name);
    }
    boolean counted = call.argc() == 3;
    long count = counted ? call.integer(2, 0, Long.MAX_VALUE, Grammar.NOT_POSITIVE) : 1;
    Key key = call.write(1, Entry.LIST);
    if (!key.exists()) {
      if (counted) {
        reply.nilArray();
      } else {
        reply.nil();
      }
    } else if (!counted) {
      call.values().lists().pop(key.place, end.isHead(), reply.writer(), fill(call));
      removed(call, key, end.popped, 1);
    } else if (count == 0) {
      reply.array(0);
    } else {
      take(call, reply, key, end, count);
    }
  }

  /// Replies with up to `count` elements from an end, as an array, and removes them. Returns how
  /// many.
  private static long take(Call call, Reply reply, Key key, End end, long count) {
    ListValue lists = call.values().lists();
    long length = lists.length(key.entry());
    long taken = Math.min(count, length);
    reply.array(taken);
    if (end.isHead()) {
      lists.range(key.entry(), 0, taken, reply.writer());
    } else {
      lists.reverseRange(key.entry(), length - 1, taken, reply.writer());
    }
    lists.remove(key.place, end.isHead() ? 0 : length - taken, taken, fill(call));
    removed(call, key, end.popped, taken);
    return taken;
  }

  private static void lrem(Call call, Reply reply) {
    long count = call.integer(2);
    Key key = call.write(1, Entry.LIST);
    if (!key.exists()) {
      reply.integer(0);
      return;
    }
    long most = count == Long.MIN_VALUE ? Long.MAX_VALUE : Math.abs(count);
    long gone = call.values().lists().remove(key.place, count >= 0, most, call.arg(3), fill(call));
    if (gone > 0) {
      removed(call, key, "lrem", gone);
    }
    reply.integer(gone);
  }

  private static void ltrim(Call call, Reply reply) {
    long start = call.integer(2);
    long end = call.integer(3);
    Key key = call.write(1, Entry.LIST);
    if (!key.exists()) {
      reply.ok();
      return;
    }
    long length = length(call, key);
    start = Grammar.first(start, length);
    end = Grammar.last(end, length);
    long kept = start > end ? 0 : end - start + 1;
    if (kept == 0) {
      call.values().lists().trim(key.place, 1, 0, fill(call));
    } else {
      call.values().lists().trim(key.place, start, end, fill(call));
    }
    call.changed(key, Events.LIST, "ltrim", Math.max(1, length - kept));
    if (kept == 0) {
      call.removeEmpty(key);
    }
    reply.ok();
  }

  private static void move(Call call, Reply reply, End fromEnd, End toEnd) {
    Key from = call.write(1, Entry.LIST);
    if (!from.exists()) {
      reply.nil();
      return;
    }
    Key to = call.arg(1).equals(call.arg(2)) ? from : call.write(2, Entry.LIST);
    ListValue lists = call.values().lists();
    boolean made = !to.exists();
    if (made) {
      lists.create(to.place, to.name);
    }
    try {
      lists.move(from.place, fromEnd.isHead(), to.place, toEnd.isHead(), fill(call));
    } catch (OutOfMemoryError e) {
      if (made) {
        call.remove(to);
      }
      throw e;
    }
    call.changed(to, Events.LIST, toEnd.pushed);
    removed(call, from, fromEnd.popped, 0);
    lists.get(to.entry(), toEnd.isHead() ? 0 : -1, reply.writer());
  }

  /// Returns whether there was a list to pop from; only then it has replied.
  private static boolean popOne(Call call, Reply reply, MultiPop<End> what) {
    for (int i = what.first(); i <= what.last(); i++) {
      Key key = call.write(i, Entry.LIST);
      if (key.exists()) {
        reply.array(2);
        reply.bulk(key.name);
        long taken = take(call, reply, key, what.end(), what.count());
        call.effect(what.end().pop, key.name, taken);
        return true;
      }
      call.done(key);
    }
    return false;
  }

  // ── waiting ──

  private static void blockingPopSeveral(Call call, Reply reply) {
    MultiPop<End> what = MultiPop.at(call, 2, Lists::end);
    long timeout = Grammar.timeout(call, 1);
    if (!popOne(call, reply, what) && !call.park(timeout, Entry.LIST, what.first(), what.last())) {
      reply.nilArray();
    }
  }

  private static void blockingPop(Call call, Reply reply, End end) {
    int last = call.argc() - 2;
    long timeout = Grammar.timeout(call, last + 1);
    for (int i = 1; i <= last; i++) {
      Key key = call.write(i, Entry.LIST);
      if (key.exists()) {
        reply.array(2);
        reply.bulk(key.name);
        call.values().lists().pop(key.place, end.isHead(), reply.writer(), fill(call));
        removed(call, key, end.popped, 1);
        call.effect(end.pop, key.name);
        return;
      }
      call.done(key);
    }
    if (!call.park(timeout, Entry.LIST, 1, last)) {
      reply.nilArray();
    }
  }

  private static void blockingMove(Call call, Reply reply, End fromEnd, End toEnd, long timeout) {
    Key from = call.write(1, Entry.LIST);
    if (from.exists()) {
      move(call, reply, fromEnd, toEnd);
      if (call.is(0, "BLMOVE")) {
        call.effect("LMOVE", call.arg(1), call.arg(2), call.arg(3), call.arg(4));
      } else {
        call.effect("RPOPLPUSH", call.arg(1), call.arg(2));
      }
    } else if (!call.park(timeout, Entry.LIST, 1, 1)) {
      reply.nil();
    }
  }
}
