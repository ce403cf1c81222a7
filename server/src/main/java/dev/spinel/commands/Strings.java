package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import dev.spinel.wire.Args;
import org.jspecify.annotations.Nullable;

/// Commands on strings.
public final class Strings implements Family {
  private static final int APPEND = 0,
      DECR = 1,
      DECRBY = 2,
      GET = 3,
      GETDEL = 4,
      GETEX = 5,
      GETRANGE = 6,
      GETSET = 7,
      INCR = 8,
      INCRBY = 9,
      INCRBYFLOAT = 10,
      LCS = 11,
      MGET = 12,
      MSET = 13,
      MSETNX = 14,
      PSETEX = 15,
      SET = 16,
      SETEX = 17,
      SETNX = 18,
      SETRANGE = 19,
      STRLEN = 20,
      SUBSTR = 21;

  public Strings() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        APPEND,
        "APPEND @key:RW+insert value",
        "string 2.0.0 write denyoom fast",
        """
        Adds bytes to the end of a string, making it if it is absent.
        O(1) amortized
        """);
    t.command(
        DECR,
        "DECR @key:RW+access+update",
        "string 1.0.0 write denyoom fast",
        """
        Subtracts one from the integer that a string holds.
        O(1)
        """);
    t.command(
        DECRBY,
        "DECRBY @key:RW+access+update decrement:integer",
        "string 1.0.0 write denyoom fast",
        """
        Subtracts a number from the integer that a string holds.
        O(1)
        """);
    t.command(
        GET,
        "GET @key:RO+access",
        "string 1.0.0 readonly fast",
        """
        Reads a string.
        O(1)
        """);
    t.command(
        GETDEL,
        "GETDEL @key:RW+access+delete",
        "string 6.2.0 write fast",
        """
        Reads a string and deletes its key.
        O(1)
        """);
    t.command(
        GETEX,
        "GETEX @key:RW+access+update [expiration: EX seconds:integer | PX milliseconds:integer |"
            + " EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time |"
            + " PERSIST]",
        "string 6.2.0 write fast",
        """
        Reads a string and changes or removes its expiry.
        O(1)
        note 0: writes because it changes the expiry
        """);
    t.command(
        GETRANGE,
        "GETRANGE @key:RO+access start:integer end:integer",
        "string 2.4.0 readonly",
        """
        Reads the bytes of a string between two positions.
        O(N), N bytes returned
        """);
    t.command(
        GETSET,
        "GETSET @key:RW+access+update value",
        "string 1.0.0 write denyoom fast",
        """
        Replaces a string and answers with the old one.
        O(1)
        deprecated 6.2.0: `SET` with the `!GET` argument
        """);
    t.command(
        INCR,
        "INCR @key:RW+access+update",
        "string 1.0.0 write denyoom fast",
        """
        Adds one to the integer that a string holds.
        O(1)
        """);
    t.command(
        INCRBY,
        "INCRBY @key:RW+access+update increment:integer",
        "string 1.0.0 write denyoom fast",
        """
        Adds a number to the integer that a string holds.
        O(1)
        """);
    t.command(
        INCRBYFLOAT,
        "INCRBYFLOAT @key:RW+access+update increment:double",
        "string 2.6.0 write denyoom fast",
        """
        Adds a number to the floating-point number that a string holds.
        O(1)
        """);
    t.command(
        LCS,
        "LCS @key1:RO+access @key2 [LEN] [IDX] [MINMATCHLEN min-match-len:integer] [WITHMATCHLEN]",
        "string 7.0.0 readonly",
        """
        Finds a longest subsequence that two strings have in common.
        O(N*M), N and M the lengths of the two strings
        """);
    t.command(
        MGET,
        "MGET @key:RO+access...",
        "string 1.0.0 readonly fast request_policy:multi_shard",
        """
        Reads several strings, nil where there is none.
        O(N), N keys
        """);
    t.command(
        MSET,
        "MSET (data: @key:OW+update value)...",
        "string 1.0.1 write denyoom request_policy:multi_shard response_policy:all_succeeded",
        """
        Writes several strings at once.
        O(N), N keys
        """);
    t.command(
        MSETNX,
        "MSETNX (data: @key:OW+insert value)...",
        "string 1.0.1 write denyoom",
        """
        Writes several strings at once, but only if none of the keys exists.
        O(N), N keys
        """);
    t.command(
        PSETEX,
        "PSETEX @key:OW+update milliseconds:integer value",
        "string 2.6.0 write denyoom",
        """
        Writes a string that expires after some milliseconds.
        O(1)
        deprecated 2.6.12: `SET` with the `PX` argument
        """);
    t.command(
        SET,
        "SET @key:RW+access+update+variable_flags value [condition: NX | XX]^2.6.12 [GET]^6.2.0"
            + " [expiration: EX seconds:integer^2.6.12 | PX milliseconds:integer^2.6.12 | EXAT"
            + " unix-time-seconds:unix-time^6.2.0 | PXAT unix-time-milliseconds:unix-time^6.2.0 |"
            + " KEEPTTL^6.0.0]",
        "string 1.0.0 write denyoom",
        """
        Writes a string, whatever was there before.
        O(1)
        2.6.12 EX, PX, NX and XX
        6.0.0 KEEPTTL
        6.2.0 GET, EXAT and PXAT
        7.0.0 NX and GET may go together
        note 0: reads, too, if `GET` is asked for
        """,
        new SetKeys());
    t.command(
        SETEX,
        "SETEX @key:OW+update seconds:integer value",
        "string 2.0.0 write denyoom",
        """
        Writes a string that expires after some seconds.
        O(1)
        deprecated 2.6.12: `SET` with the `EX` argument
        """);
    t.command(
        SETNX,
        "SETNX @key:OW+insert value",
        "string 1.0.0 write denyoom fast",
        """
        Writes a string only if the key is absent.
        O(1)
        deprecated 2.6.12: `SET` with the `NX` argument
        """);
    t.command(
        SETRANGE,
        "SETRANGE @key:RW+update offset:integer value",
        "string 2.2.0 write denyoom",
        """
        Overwrites the bytes of a string from a position on, padding with zeros.
        O(M), M bytes written
        """);
    t.command(
        STRLEN,
        "STRLEN @key:RO",
        "string 2.2.0 readonly fast",
        """
        Tells how many bytes a string has.
        O(1)
        """);
    t.command(
        SUBSTR,
        "SUBSTR @key:RO+access start:integer end:integer",
        "string 1.0.0 readonly",
        """
        Reads the bytes of a string between two positions.
        O(N), N bytes returned
        deprecated 2.0.0: `GETRANGE`
        """);
  }

  /// SET reads its key only if it is asked for the old value.
  private static final class SetKeys implements Command.KeyFinder {
    @Override
    public int find(Args args, int from, int[] out, int @Nullable [] flags) {
      out[0] = 1;
      if (flags != null) {
        flags[0] = Synopsis.OW | Synopsis.UPDATE;
        for (int i = from + 3; i < args.count(); i++)
          if (args.at(i).is("GET")) flags[0] = Synopsis.RW | Synopsis.ACCESS | Synopsis.UPDATE;
      }
      return 1;
    }
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case APPEND -> append(call, reply);
      case DECR -> decr(call, reply);
      case DECRBY -> decrby(call, reply);
      case GET -> get(call, reply);
      case GETDEL -> getdel(call, reply);
      case GETEX -> getex(call, reply);
      case GETRANGE -> getrange(call, reply);
      case GETSET -> getset(call, reply);
      case INCR -> incr(call, reply);
      case INCRBY -> incrby(call, reply);
      case INCRBYFLOAT -> incrbyfloat(call, reply);
      case LCS -> lcs(call, reply);
      case MGET -> mget(call, reply);
      case MSET -> mset(call, reply);
      case MSETNX -> msetnx(call, reply);
      case PSETEX -> psetex(call, reply);
      case SET -> set(call, reply);
      case SETEX -> setex(call, reply);
      case SETNX -> setnx(call, reply);
      case SETRANGE -> setrange(call, reply);
      case STRLEN -> strlen(call, reply);
      case SUBSTR -> substr(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void append(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void decr(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void decrby(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void get(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void getdel(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void getex(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void getrange(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void getset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void incr(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void incrby(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void incrbyfloat(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void lcs(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void mget(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void mset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void msetnx(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void psetex(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void set(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void setex(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void setnx(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void setrange(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void strlen(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void substr(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
