package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

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
        "list 6.2.0 write denyoom blocking",
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
        "list 2.2.0 write denyoom blocking",
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
        "list 2.2.0 write denyoom",
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
        "list 6.2.0 write denyoom",
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
        "list 1.0.0 write denyoom fast",
        """
        Puts elements at the head of a list, making it if it is absent.
        O(N), N elements added
        2.4.0 Several elements at once
        """);
    t.command(
        LPUSHX,
        "LPUSHX @key:RW+insert element...",
        "list 2.2.0 write denyoom fast",
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
        "list 1.0.0 write denyoom",
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
        "list 1.2.0 write denyoom",
        """
        Moves the last element of a list to the head of another.
        O(1)
        deprecated 6.2.0: `LMOVE` with the `RIGHT` and `LEFT` arguments
        """);
    t.command(
        RPUSH,
        "RPUSH @key:RW+insert element...",
        "list 1.0.0 write denyoom fast",
        """
        Puts elements at the tail of a list, making it if it is absent.
        O(N), N elements added
        2.4.0 Several elements at once
        """);
    t.command(
        RPUSHX,
        "RPUSHX @key:RW+insert element...",
        "list 2.2.0 write denyoom fast",
        """
        Puts elements at the tail of a list that exists.
        O(N), N elements added
        4.0.0 Several elements at once
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case BLMOVE -> blmove(call, reply);
      case BLMPOP -> blmpop(call, reply);
      case BLPOP -> blpop(call, reply);
      case BRPOP -> brpop(call, reply);
      case BRPOPLPUSH -> brpoplpush(call, reply);
      case LINDEX -> lindex(call, reply);
      case LINSERT -> linsert(call, reply);
      case LLEN -> llen(call, reply);
      case LMOVE -> lmove(call, reply);
      case LMPOP -> lmpop(call, reply);
      case LPOP -> lpop(call, reply);
      case LPOS -> lpos(call, reply);
      case LPUSH -> lpush(call, reply);
      case LPUSHX -> lpushx(call, reply);
      case LRANGE -> lrange(call, reply);
      case LREM -> lrem(call, reply);
      case LSET -> lset(call, reply);
      case LTRIM -> ltrim(call, reply);
      case RPOP -> rpop(call, reply);
      case RPOPLPUSH -> rpoplpush(call, reply);
      case RPUSH -> rpush(call, reply);
      case RPUSHX -> rpushx(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void blmove(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void blmpop(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void blpop(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void brpop(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void brpoplpush(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lindex(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void linsert(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void llen(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lmove(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lmpop(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lpop(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lpos(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lpush(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lpushx(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lrange(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lrem(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void ltrim(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void rpop(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void rpoplpush(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void rpush(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void rpushx(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
