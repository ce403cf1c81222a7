package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import dev.spinel.engine.TimeForm;
import dev.spinel.value.Entry;
import dev.spinel.value.StringValue;
import dev.spinel.wire.Args;
import dev.spinel.wire.LongDouble;
import dev.spinel.wire.Slice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// Commands on strings.
public final class Strings implements Family {
  private static final int DELIFEQ = 22,
      APPEND = 0,
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
        "string 2.0.0 write denyoom fast large=2",
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
        DELIFEQ,
        "DELIFEQ @key:RM+delete value",
        "string 9.0.0 write fast",
        """
        Deletes a key if it holds this string. A command of Valkey.
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
        "string 1.0.0 write denyoom fast large=2",
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
        "string 1.0.1 write denyoom request_policy:multi_shard response_policy:all_succeeded"
            + " large=2+2",
        """
        Writes several strings at once.
        O(N), N keys
        """);
    t.command(
        MSETNX,
        "MSETNX (data: @key:OW+insert value)...",
        "string 1.0.1 write denyoom large=2+2",
        """
        Writes several strings at once, but only if none of the keys exists.
        O(N), N keys
        """);
    t.command(
        PSETEX,
        "PSETEX @key:OW+update milliseconds:integer value",
        "string 2.6.0 write denyoom large=3 quick",
        """
        Writes a string that expires after some milliseconds.
        O(1)
        deprecated 2.6.12: `SET` with the `PX` argument
        """);
    t.command(
        SET,
        "SET @key:RW+access+update+variable_flags value [condition: NX | XX |"
            + " IFEQ comparison-value^8.1.0]^2.6.12 [GET]^6.2.0"
            + " [expiration: EX seconds:integer^2.6.12 | PX milliseconds:integer^2.6.12 | EXAT"
            + " unix-time-seconds:unix-time^6.2.0 | PXAT unix-time-milliseconds:unix-time^6.2.0 |"
            + " KEEPTTL^6.0.0]",
        "string 1.0.0 write denyoom large=2 quick",
        """
        Writes a string, whatever was there before.
        O(1)
        2.6.12 EX, PX, NX and XX
        6.0.0 KEEPTTL
        6.2.0 GET, EXAT and PXAT
        7.0.0 NX and GET may go together
        8.1.0 IFEQ, as in Valkey
        note 0: reads, too, if `GET` is asked for
        """,
        new SetKeys());
    t.command(
        SETEX,
        "SETEX @key:OW+update seconds:integer value",
        "string 2.0.0 write denyoom large=3 quick",
        """
        Writes a string that expires after some seconds.
        O(1)
        deprecated 2.6.12: `SET` with the `EX` argument
        """);
    t.command(
        SETNX,
        "SETNX @key:OW+insert value",
        "string 1.0.0 write denyoom fast large=2",
        """
        Writes a string only if the key is absent.
        O(1)
        deprecated 2.6.12: `SET` with the `NX` argument
        """);
    t.command(
        SETRANGE,
        "SETRANGE @key:RW+update offset:integer value",
        "string 2.2.0 write denyoom large=3",
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
      case DECR -> add(call, reply, -1);
      case DECRBY -> decrby(call, reply);
      case DELIFEQ -> delifeq(call, reply);
      case GET -> get(call, reply);
      case GETDEL -> getdel(call, reply);
      case GETEX -> getex(call, reply);
      case GETRANGE -> getrange(call, reply);
      case GETSET -> getset(call, reply);
      case INCR -> add(call, reply, 1);
      case INCRBY -> add(call, reply, call.integer(2));
      case INCRBYFLOAT -> incrbyfloat(call, reply);
      case LCS -> lcs(call, reply);
      case MGET -> mget(call, reply);
      case MSET -> mset(call, reply);
      case MSETNX -> msetnx(call, reply);
      case PSETEX -> setex(call, reply, TimeForm.MILLIS);
      case SET -> set(call, reply);
      case SETEX -> setex(call, reply, TimeForm.SECONDS);
      case SETNX -> setnx(call, reply);
      case SETRANGE -> setrange(call, reply);
      case STRLEN -> strlen(call, reply);
      case SUBSTR -> getrange(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  // ── setting ──

  private static void set(Call call, Reply reply) {
    int count = call.argc();
    if (count == 3) {
      Key key = call.write(1);
      call.values().strings().set(key.place, key.name, call.arg(2), -1);
      call.changed(key, Events.STRING, "set");
      reply.ok();
      return;
    }
    boolean ifAbsent = false;
    boolean ifPresent = false;
    int ifEqual = 0; // the position of what the old string must be
    boolean getsOld = false;
    boolean keepsExpiry = false;
    Options o = call.options(3);
    while (o.next()) {
      if (o.is("NX") && !ifPresent && ifEqual == 0) {
        ifAbsent = true;
      } else if (o.is("XX") && !ifAbsent && ifEqual == 0) {
        ifPresent = true;
      } else if (o.is("IFEQ", 1) && !ifAbsent && !ifPresent && ifEqual == 0) {
        ifEqual = o.take();
      } else if (o.is("GET")) {
        getsOld = true;
      } else if (o.is("KEEPTTL") && o.form() == null) {
        keepsExpiry = true;
      } else if (keepsExpiry || !o.isTime()) {
        throw CommandError.SYNTAX;
      }
    }
    long expiry = o.expiry();
    Key key =
        getsOld
            ? call.read(1, Entry.STRING)
            : ifEqual == 0 ? call.write(1) : call.write(1, Entry.STRING);
    StringValue strings = call.values().strings();
    if (getsOld) {
      get(call, key, reply);
    }
    if (ifAbsent && key.exists()
        || ifPresent && !key.exists()
        || ifEqual != 0 && !isEqual(call, key, ifEqual)) {
      if (!getsOld) {
        reply.nil();
      }
      return;
    }
    if (keepsExpiry && key.exists()) {
      expiry = key.expiry();
    }
    strings.set(key.place, key.name, call.arg(2), expiry);
    call.changed(key, Events.STRING, "set");
    if (o.form() != null) {
      call.event(key, Events.GENERIC, "expire");
      if (o.form() != TimeForm.UNIX_MILLIS || ifEqual != 0) {
        call.effect("SET", key.name, call.arg(2), "PXAT", expiry);
      }
    } else if (ifEqual != 0 && expiry >= 0) { // an old replica doesn't know IFEQ
      call.effect("SET", key.name, call.arg(2), "PXAT", expiry);
    } else if (ifEqual != 0) {
      call.effect("SET", key.name, call.arg(2));
    } else if (getsOld) {
      call.effect(without(call, "GET"));
    }
    if (!getsOld) {
      reply.ok();
    }
  }

  private static boolean isEqual(Call call, Key key, int argument) {
    return key.exists() && call.values().strings().equal(key.entry(), call.arg(argument));
  }

  private static void delifeq(Call call, Reply reply) {
    Key key = call.write(1, Entry.STRING);
    boolean isEqual = isEqual(call, key, 2);
    if (isEqual) {
      call.delete(key);
      call.effect("DEL", key.name);
    }
    reply.flag(isEqual);
  }

  /// The call's words but for the options `word`.
  private static Object[] without(Call call, String word) {
    ArrayList<Object> words = new ArrayList<>();
    for (int i = 0; i < call.argc(); i++) {
      if (i < 3 || !call.is(i, word)) {
        words.add(call.arg(i));
      }
    }
    return words.toArray();
  }

  private static void setnx(Call call, Reply reply) {
    Key key = call.write(1);
    boolean absent = !key.exists();
    if (absent) {
      call.values().strings().set(key.place, key.name, call.arg(2), -1);
      call.changed(key, Events.STRING, "set");
    }
    reply.flag(absent);
  }

  private static void setex(Call call, Reply reply, TimeForm form) {
    long expiry = call.positiveTime(2, form);
    Key key = call.write(1);
    call.values().strings().set(key.place, key.name, call.arg(3), expiry);
    call.changed(key, Events.STRING, "set");
    call.event(key, Events.GENERIC, "expire");
    call.effect("SET", key.name, call.arg(3), "PXAT", expiry);
    reply.ok();
  }

  private static void getset(Call call, Reply reply) {
    Key key = call.read(1, Entry.STRING);
    get(call, key, reply);
    call.values().strings().set(key.place, key.name, call.arg(2), -1);
    call.changed(key, Events.STRING, "set");
    call.effect("SET", key.name, call.arg(2));
  }

  private static void mset(Call call, Reply reply) {
    pairs(call, "mset");
    putAll(call);
    reply.ok();
  }

  private static void msetnx(Call call, Reply reply) {
    pairs(call, "msetnx");
    for (int i = 1; i < call.argc(); i += 2) {
      Key key = call.write(i);
      if (key.exists()) {
        reply.integer(0);
        return;
      }
      call.done(key);
    }
    putAll(call);
    reply.integer(1);
  }

  private static void pairs(Call call, String command) {
    if (call.argc() % 2 == 0) {
      throw CommandError.wrongArguments(command);
    }
  }

  private static void putAll(Call call) {
    int i = 1;
    try {
      for (; i < call.argc(); i += 2) {
        put(call, i);
      }
    } catch (OutOfMemoryError e) {
      if (i > 1) {
        call.doneInPart(i);
      }
      throw e;
    }
  }

  private static void put(Call call, int i) {
    Key key = call.write(i);
    call.values().strings().set(key.place, key.name, call.arg(i + 1), -1);
    call.changed(key, Events.STRING, "set");
    call.done(key);
  }

  // ── reading ──

  private static void get(Call call, Reply reply) {
    get(call, call.read(1, Entry.STRING), reply);
  }

  private static void get(Call call, Key key, Reply reply) {
    if (key.exists()) {
      call.values().strings().get(key.entry(), reply.writer());
    } else {
      reply.nil();
    }
  }

  private static void getex(Call call, Reply reply) {
    boolean persists = false;
    Options o = call.options(2);
    while (o.next()) {
      if (o.is("PERSIST") && o.form() == null) {
        persists = true;
      } else if (persists || !o.isTime()) {
        throw CommandError.SYNTAX;
      }
    }
    Key key = call.read(1, Entry.STRING);
    if (!key.exists()) {
      reply.nil();
      return;
    }
    long expiry = o.expiry();
    get(call, key, reply);
    if (o.form() != null) {
      call.expireAt(key, expiry);
    } else if (persists && call.persist(key)) {
      call.effect("PERSIST", key.name);
    }
  }

  private static void getdel(Call call, Reply reply) {
    Key key = call.read(1, Entry.STRING);
    get(call, key, reply);
    if (key.exists()) {
      call.delete(key);
      call.effect("DEL", key.name);
    }
  }

  private static void mget(Call call, Reply reply) {
    int count = call.argc();
    reply.array(count - 1);
    for (int i = 1; i < count; i++) {
      Key key = call.read(i);
      if (key.exists() && key.type() == Entry.STRING) {
        call.values().strings().get(key.entry(), reply.writer());
      } else {
        reply.nil();
      }
      call.done(key);
    }
  }

  private static void strlen(Call call, Reply reply) {
    Key key = call.read(1, Entry.STRING);
    reply.integer(key.exists() ? call.values().strings().length(key.entry()) : 0);
  }

  private static void getrange(Call call, Reply reply) {
    long start = call.integer(2);
    long end = call.integer(3);
    Key key = call.read(1, Entry.STRING);
    long length = key.exists() ? call.values().strings().length(key.entry()) : 0;
    if (start < 0 && end < 0 && start > end) {
      reply.bulk("");
      return;
    }
    start = Grammar.first(start, length);
    end = Math.max(0, Grammar.last(end, length));
    if (start > end || length == 0) {
      reply.bulk("");
      return;
    }
    call.values()
        .strings()
        .range(key.entry(), (int) start, (int) (end - start + 1), reply.writer());
  }

  // ── changing ──

  private static void append(Call call, Reply reply) {
    Key key = call.write(1, Entry.STRING);
    StringValue strings = call.values().strings();
    Slice more = call.arg(2);
    long length;
    if (key.exists()) {
      length = (long) strings.length(key.entry()) + more.length;
      checkLength(call, length);
      strings.append(key.place, more);
    } else {
      length = more.length;
      strings.set(key.place, key.name, more, -1);
    }
    call.changed(key, Events.STRING, "append");
    reply.integer(length);
  }

  /// Errors: `length` is more than a string may have.
  private static void checkLength(Call call, long length) {
    boolean limited = !call.session().isTrusted();
    long limit = limited ? call.limits().get(Settings.PROTO_MAX_BULK_LEN) : Long.MAX_VALUE;
    if (length < 0 || length > Math.min(limit, StringValue.MAX_LENGTH)) {
      throw CommandError.TOO_LONG;
    }
  }

  private static void setrange(Call call, Reply reply) {
    long offset = call.integer(2);
    Slice value = call.arg(3);
    if (offset < 0) {
      throw new CommandError("ERR offset is out of range");
    }
    Key key = call.write(1, Entry.STRING);
    StringValue strings = call.values().strings();
    if (value.length == 0) {
      reply.integer(key.exists() ? strings.length(key.entry()) : 0);
      return;
    }
    checkLength(call, offset + value.length);
    int before = key.exists() ? strings.length(key.entry()) : 0;
    if (call.lacksMemory(offset - before)) {
      return;
    }
    if (!key.exists()) {
      strings.create(key.place, key.name, (int) offset + value.length);
    }
    int length = strings.setRange(key.place, (int) offset, value);
    call.changed(key, Events.STRING, "setrange");
    reply.integer(length);
  }

  private static void add(Call call, Reply reply, long by) {
    Key key = call.write(1, Entry.STRING);
    StringValue strings = call.values().strings();
    long old = 0;
    if (key.exists()) {
      old = strings.toLong(key.entry(), 0);
      if (old == 0 && !strings.isLong(key.entry())) {
        throw CommandError.NOT_INTEGER;
      }
    }
    long sum = Grammar.sum(old, by);
    if (key.exists()) {
      strings.putLong(key.place, sum);
    } else {
      strings.setLong(key.place, key.name, sum, -1);
    }
    call.changed(key, Events.STRING, "incrby");
    reply.integer(sum);
  }

  private static void decrby(Call call, Reply reply) {
    long by = call.integer(2);
    if (by == Long.MIN_VALUE) {
      throw new CommandError("ERR decrement would overflow");
    }
    add(call, reply, -by);
  }

  private static void incrbyfloat(Call call, Reply reply) {
    Key key = call.write(1, Entry.STRING);
    StringValue strings = call.values().strings();
    LongDouble old =
        key.exists() ? new Slice(strings.bytes(key.entry())).toLongDouble() : LongDouble.of(0);
    LongDouble by = old == null ? null : call.arg(2).toLongDouble();
    if (old == null || by == null) {
      throw CommandError.NOT_FLOAT;
    }
    byte[] text = Grammar.sum(old, by).human();
    strings.setText(key.place, key.name, new Slice(text), key.exists() ? key.expiry() : -1);
    call.changed(key, Events.STRING, "incrbyfloat");
    call.effect("SET", key.name, text, "KEEPTTL");
    reply.bulk(text);
  }

  // ── comparing ──

  /// The longest common subsequence, by the textbook's table, which lives outside the Java heap.
  private static void lcs(Call call, Reply reply) {
    Key first = call.read(1);
    Key second = call.read(2);
    if (first.exists() && first.type() != Entry.STRING
        || second.exists() && second.type() != Entry.STRING) {
      throw new CommandError("ERR The specified keys must contain string values");
    }
    boolean length = false;
    boolean positions = false;
    boolean withLengths = false;
    long shortest = 0;
    Options o = call.options(3);
    while (o.next()) {
      if (o.is("IDX")) {
        positions = true;
      } else if (o.is("LEN")) {
        length = true;
      } else if (o.is("WITHMATCHLEN")) {
        withLengths = true;
      } else if (o.is("MINMATCHLEN", 1)) {
        shortest = Math.max(0, o.integer());
      } else {
        throw CommandError.SYNTAX;
      }
    }
    if (length && positions) {
      throw new CommandError("ERR If you want both the length and indexes, please just use IDX.");
    }
    StringValue strings = call.values().strings();
    long bytesOfA = first.exists() ? strings.length(first.entry()) : 0;
    long bytesOfB = second.exists() ? strings.length(second.entry()) : 0;
    long cells = (bytesOfA + 1) * (bytesOfB + 1);
    if (cells * 4 > call.limits().get(Settings.PROTO_MAX_BULK_LEN)) {
      throw new CommandError(
          "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    }
    call.hold(2 * (bytesOfA + bytesOfB)); // and the result
    byte[] a = first.exists() ? strings.bytes(first.entry()) : new byte[0];
    byte[] b = second.exists() ? strings.bytes(second.entry()) : new byte[0];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = arena.allocate(cells * 4, 4);
      int common = fill(table, a, b);
      if (positions) {
        reply.map(2);
        reply.bulk("matches");
        ranges(table, a, b, shortest, withLengths, reply);
        reply.bulk("len");
        reply.integer(common);
      } else if (length) {
        reply.integer(common);
      } else {
        reply.bulk(subsequence(table, a, b, common));
      }
    }
  }

  private static long cell(int i, int j, int width) {
    return 4L * ((long) i * width + j);
  }

  private static int at(MemorySegment table, int i, int j, int width) {
    return table.get(ValueLayout.JAVA_INT, cell(i, j, width));
  }

  private static int fill(MemorySegment table, byte[] a, byte[] b) {
    int width = b.length + 1;
    for (int i = 1; i <= a.length; i++) {
      for (int j = 1; j <= b.length; j++) {
        int value =
            a[i - 1] == b[j - 1]
                ? at(table, i - 1, j - 1, width) + 1
                : Math.max(at(table, i - 1, j, width), at(table, i, j - 1, width));
        table.set(ValueLayout.JAVA_INT, cell(i, j, width), value);
      }
    }
    return at(table, a.length, b.length, width);
  }

  private static byte[] subsequence(MemorySegment table, byte[] a, byte[] b, int common) {
    byte[] result = new byte[common];
    int width = b.length + 1;
    int left = common;
    for (int i = a.length, j = b.length; i > 0 && j > 0; ) {
      if (a[i - 1] == b[j - 1]) {
        result[--left] = a[i - 1];
        i--;
        j--;
      } else if (at(table, i - 1, j, width) > at(table, i, j - 1, width)) {
        i--;
      } else {
        j--;
      }
    }
    return result;
  }

  /// Replies with the ranges that match, from the last to the first.
  private static void ranges(
      MemorySegment table, byte[] a, byte[] b, long shortest, boolean withLengths, Reply reply) {
    int width = b.length + 1;
    int count = 0;
    int aFrom = -1; // no range is open
    int bFrom = 0;
    int aTo = 0;
    int bTo = 0;
    reply.deferArray();
    for (int i = a.length, j = b.length; i > 0 && j > 0; ) {
      boolean emit = false;
      int nextI = i;
      int nextJ = j;
      if (a[i - 1] == b[j - 1]) {
        if (aFrom < 0) {
          aFrom = aTo = i - 1;
          bFrom = bTo = j - 1;
        } else if (aFrom == i && bFrom == j) {
          aFrom--;
          bFrom--;
        } else {
          emit = true;
        }
        emit |= aFrom == 0 || bFrom == 0;
        nextI = i - 1;
        nextJ = j - 1;
      } else {
        if (at(table, i - 1, j, width) > at(table, i, j - 1, width)) {
          nextI = i - 1;
        } else {
          nextJ = j - 1;
        }
        emit = aFrom >= 0;
      }
      if (emit) {
        int matched = aTo - aFrom + 1;
        if (shortest == 0 || matched >= shortest) {
          reply.array(withLengths ? 3 : 2);
          reply.array(2);
          reply.integer(aFrom);
          reply.integer(aTo);
          reply.array(2);
          reply.integer(bFrom);
          reply.integer(bTo);
          if (withLengths) {
            reply.integer(matched);
          }
          count++;
        }
        aFrom = -1;
      }
      i = nextI;
      j = nextJ;
    }
    reply.close(count);
  }
}
