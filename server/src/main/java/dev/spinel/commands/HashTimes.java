package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.ExpiryMode;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.TimeForm;
import dev.spinel.value.Entry;
import dev.spinel.value.HashValue;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Commands on the times at which fields of hashes expire: those of Redis 7.4 and 8.0, which 7.2
/// doesn't have.
///
/// All of them name their fields behind the word FIELDS and a number. What they answer for each
/// field is a code: see the constants.
///
/// **Effects** are HPEXPIREAT with an absolute time, HPERSIST, HSET and HDEL. So a replica that
/// knows none of the commands here, as of 7.2, has the right fields with the right values: it
/// refuses what only concerns times, and hears an HDEL when a field's time is over. An append-only
/// file, which may be torn between two commands, gets HSETEX as one.
public final class HashTimes implements Family {
  private static final int HEXPIRE = 0,
      HEXPIREAT = 1,
      HEXPIRETIME = 2,
      HGETDEL = 3,
      HGETEX = 4,
      HPERSIST = 5,
      HPEXPIRE = 6,
      HPEXPIREAT = 7,
      HPEXPIRETIME = 8,
      HPTTL = 9,
      HSETEX = 10,
      HTTL = 11;

  // what a field is answered with
  private static final int NO_FIELD = -2;
  private static final int NO_TIME = -1;
  private static final int UNMET = 0;
  private static final int DONE = 1;
  private static final int DELETED = 2;

  /// A field with time 0 would be one without a time; a replica may be told that one expired then.
  private static final long FIRST_MILLIS = 1;

  /// Bytes of the Java heap for each word of a call, about.
  private static final long FIELD_BYTES = 48;

  private static final CommandError NO_NUMBER =
      new CommandError("ERR Parameter `numFields` should be greater than 0");
  private static final CommandError INVALID_NUMBER =
      new CommandError("ERR invalid number of fields");
  private static final CommandError NOT_POSITIVE =
      new CommandError("ERR Number of fields must be a positive integer");

  public HashTimes() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        HEXPIRE,
        "HEXPIRE @key:RW+update seconds:integer [condition: NX | XX | GT | LT]"
            + " FIELDS (numfields:integer field...)",
        "hash 7.4.0 write fast",
        """
        Lets fields expire after some seconds.
        O(N), N fields given
        """);
    t.command(
        HEXPIREAT,
        "HEXPIREAT @key:RW+update unix-time-seconds:unix-time [condition: NX | XX | GT | LT]"
            + " FIELDS (numfields:integer field...)",
        "hash 7.4.0 write fast",
        """
        Lets fields expire at a point in time, given in seconds.
        O(N), N fields given
        """);
    t.command(
        HEXPIRETIME,
        "HEXPIRETIME @key:RO+access FIELDS (numfields:integer field...)",
        "hash 7.4.0 readonly fast",
        """
        Tells when fields expire, in seconds since 1970.
        O(N), N fields given
        """);
    t.command(
        HGETDEL,
        "HGETDEL @key:RW+access+delete FIELDS (numfields:integer field...)",
        "hash 8.0.0 write fast",
        """
        Reads the values of fields and removes them.
        O(N), N fields given
        """);
    t.command(
        HGETEX,
        "HGETEX @key:RW+access+update [expiration: EX seconds:integer | PX milliseconds:integer |"
            + " EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time |"
            + " PERSIST] FIELDS (numfields:integer field...)",
        "hash 8.0.0 write fast",
        """
        Reads the values of fields and changes or removes their times.
        O(N), N fields given
        note 0: writes because it changes the times
        """);
    t.command(
        HPERSIST,
        "HPERSIST @key:RW+update FIELDS (numfields:integer field...)",
        "hash 7.4.0 write fast",
        """
        Keeps fields from expiring.
        O(N), N fields given
        """);
    t.command(
        HPEXPIRE,
        "HPEXPIRE @key:RW+update milliseconds:integer [condition: NX | XX | GT | LT]"
            + " FIELDS (numfields:integer field...)",
        "hash 7.4.0 write fast",
        """
        Lets fields expire after some milliseconds.
        O(N), N fields given
        """);
    t.command(
        HPEXPIREAT,
        "HPEXPIREAT @key:RW+update unix-time-milliseconds:unix-time [condition: NX | XX | GT | LT]"
            + " FIELDS (numfields:integer field...)",
        "hash 7.4.0 write fast",
        """
        Lets fields expire at a point in time, given in milliseconds.
        O(N), N fields given
        """);
    t.command(
        HPEXPIRETIME,
        "HPEXPIRETIME @key:RO+access FIELDS (numfields:integer field...)",
        "hash 7.4.0 readonly fast",
        """
        Tells when fields expire, in milliseconds since 1970.
        O(N), N fields given
        """);
    t.command(
        HPTTL,
        "HPTTL @key:RO+access FIELDS (numfields:integer field...)",
        "hash 7.4.0 readonly fast nondeterministic_output",
        """
        Tells in how many milliseconds fields expire.
        O(N), N fields given
        """);
    t.command(
        HSETEX,
        "HSETEX @key:RW+update [condition: FNX | FXX] [expiration: EX seconds:integer |"
            + " PX milliseconds:integer | EXAT unix-time-seconds:unix-time |"
            + " PXAT unix-time-milliseconds:unix-time | KEEPTTL]"
            + " FIELDS (numfields:integer (data: field value)...)",
        "hash 8.0.0 write denyoom fast",
        """
        Writes fields and lets them expire.
        O(N), N fields given
        """);
    t.command(
        HTTL,
        "HTTL @key:RO+access FIELDS (numfields:integer field...)",
        "hash 7.4.0 readonly fast nondeterministic_output",
        """
        Tells in how many seconds fields expire.
        O(N), N fields given
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case HEXPIRE -> expire(call, reply, TimeForm.SECONDS);
      case HEXPIREAT -> expire(call, reply, TimeForm.UNIX_SECONDS);
      case HEXPIRETIME -> tell(call, reply, TimeForm.UNIX_SECONDS);
      case HGETDEL -> getAndDelete(call, reply);
      case HGETEX -> getAndExpire(call, reply);
      case HPERSIST -> persist(call, reply);
      case HPEXPIRE -> expire(call, reply, TimeForm.MILLIS);
      case HPEXPIREAT -> expire(call, reply, TimeForm.UNIX_MILLIS);
      case HPEXPIRETIME -> tell(call, reply, TimeForm.UNIX_MILLIS);
      case HPTTL -> tell(call, reply, TimeForm.MILLIS);
      case HSETEX -> setAndExpire(call, reply);
      case HTTL -> tell(call, reply, TimeForm.SECONDS);
      default -> throw new AssertionError(row);
    }
  }

  // ── reading calls ──

  /// Reads `FIELDS number field…` at argument `at`. Returns the position of the first field.
  /// Errors: the word is missing; not a number, or not positive, which is said by `wrong`; not so
  /// many fields.
  private static int fields(Call call, int at, CommandError wrong) {
    if (at >= call.argc() - 1) {
      throw CommandError.wrongArguments(call.command().name);
    }
    if (!call.is(at, "FIELDS")) {
      throw new CommandError(
          "ERR Mandatory argument FIELDS is missing or not at the right position");
    }
    long count = call.integer(at + 1, 1, Long.MAX_VALUE, wrong);
    if (count != call.argc() - at - 2) {
      throw new CommandError("ERR The `numfields` parameter must match the number of arguments");
    }
    return at + 2;
  }

  /// The time at argument `i` as milliseconds since 1970. Errors: not an integer; negative; too
  /// late.
  private static long time(Call call, int i, TimeForm form) {
    long time = call.integer(i);
    if (time < 0) {
      throw new CommandError("ERR invalid expire time, must be >= 0");
    }
    return millis(call, time, form);
  }

  private static long millis(Call call, long time, TimeForm form) {
    long base = form.isRelative() ? call.now() : 0;
    long unit = form.inSeconds() ? 1000 : 1;
    if (time > HashValue.LAST_TIME / unit || time * unit > HashValue.LAST_TIME - base) {
      throw new CommandError("ERR invalid expire time in '" + call.command().name + "' command");
    }
    return base + time * unit;
  }

  /// Whether a field that expires at a time is to be deleted instead.
  private static boolean isPast(Call call, long millis) {
    return millis <= call.now() && call.expiryMode() == ExpiryMode.DELETE;
  }

  /// When a field may be given a time.
  private enum When {
    ALWAYS,
    NX,
    XX,
    GT,
    LT;

    static When at(Call call, int i) {
      for (When each : values()) {
        if (each != ALWAYS && call.is(i, each.name())) {
          return each;
        }
      }
      return ALWAYS;
    }

    /// @param before the time that the field has, or [HashValue#NEVER]
    boolean allows(long before, long after) {
      return switch (this) {
        case ALWAYS -> true;
        case NX -> before == HashValue.NEVER;
        case XX -> before != HashValue.NEVER;
        case GT -> before != HashValue.NEVER && after > before;
        case LT -> before == HashValue.NEVER || after < before;
      };
    }
  }

  // ── what is done to fields ──

  /// The fields of a call that something was done to, for its effects and events.
  private static final class Changes {
    private final Call call;
    private final Key key;
    private final HashValue hashes;
    private final long millis; // the time that fields are given
    private final List<Object> timed = new ArrayList<>();
    private final List<Object> persisted = new ArrayList<>();
    private final List<Object> deleted = new ArrayList<>();

    Changes(Call call, Key key, long millis) {
      call.hold(FIELD_BYTES * call.argc());
      this.call = call;
      this.key = key;
      this.millis = millis;
      hashes = call.values().hashes();
    }

    /// Gives the field the time, or deletes it if that is past. Returns what it is answered with.
    int time(Slice field) {
      if (isPast(call, millis)) {
        delete(field);
        return DELETED;
      }
      hashes.setTime(key.place, field, Math.max(FIRST_MILLIS, millis));
      timed.add(field);
      return DONE;
    }

    void persist(Slice field) {
      hashes.setTime(key.place, field, HashValue.NEVER);
      persisted.add(field);
    }

    void delete(Slice field) {
      hashes.delete(key.place, field);
      deleted.add(field);
    }

    /// There is no memory for the rest: tells of what was done, which stays.
    OutOfMemoryError endEarly(OutOfMemoryError why) {
      tell();
      call.doneAsDeclared();
      return why;
    }

    /// Tells of all that, and removes the key if it has no fields any more.
    void tell() {
      if (!timed.isEmpty()) {
        tell(timed, "hexpire", "HPEXPIREAT", key.name, millis, "FIELDS", (long) timed.size());
      }
      if (!persisted.isEmpty()) {
        tell(persisted, "hpersist", "HPERSIST", key.name, "FIELDS", (long) persisted.size());
      }
      if (!deleted.isEmpty()) {
        tell(deleted, "hdel", "HDEL", key.name);
        if (hashes.length(key.entry()) == 0) {
          call.removeEmpty(key);
        }
      }
    }

    private void tell(List<Object> fields, String event, Object... words) {
      call.changed(key, Events.HASH, event, fields.size());
      List<Object> all = new ArrayList<>(List.of(words));
      all.addAll(fields);
      call.effect(all.toArray());
    }
  }

  /// HEXPIRE and the like: they see fields whose time is over, until these are deleted.
  private static void expire(Call call, Reply reply, TimeForm form) {
    Key key = call.write(1, Entry.HASH);
    long millis = time(call, 2, form);
    When when = When.at(call, 3);
    int first = fields(call, when == When.ALWAYS ? 3 : 4, NO_NUMBER);
    int count = call.argc() - first;
    Changes changes = new Changes(call, key, millis);
    int[] answers = new int[count];
    HashValue hashes = call.values().hashes();
    try {
      for (int i = 0; i < count; i++) {
        Slice field = call.arg(first + i);
        boolean there = key.exists() && hashes.find(key.entry(), field);
        answers[i] =
            !there ? NO_FIELD : when.allows(hashes.time(), millis) ? changes.time(field) : UNMET;
      }
    } catch (OutOfMemoryError e) {
      throw changes.endEarly(e);
    }
    changes.tell();
    reply(reply, answers);
  }

  private static void reply(Reply reply, int[] answers) {
    reply.array(answers.length);
    for (int answer : answers) {
      reply.integer(answer);
    }
  }

  private static void persist(Call call, Reply reply) {
    Key key = call.write(1, Entry.HASH);
    int first = fields(call, 2, NOT_POSITIVE);
    int count = call.argc() - first;
    Changes changes = new Changes(call, key, HashValue.NEVER);
    int[] answers = new int[count];
    try {
      for (int i = 0; i < count; i++) {
        Slice field = call.arg(first + i);
        answers[i] = !Hashes.sees(call, key, field) ? NO_FIELD : NO_TIME;
        if (answers[i] == NO_TIME && call.values().hashes().time() != HashValue.NEVER) {
          changes.persist(field);
          answers[i] = DONE;
        }
      }
    } catch (OutOfMemoryError e) {
      throw changes.endEarly(e);
    }
    changes.tell();
    reply(reply, answers);
  }

  /// HTTL and the like.
  private static void tell(Call call, Reply reply, TimeForm form) {
    Key key = call.read(1, Entry.HASH);
    int first = fields(call, 2, NOT_POSITIVE);
    reply.array(call.argc() - first);
    for (int i = first; i < call.argc(); i++) {
      if (!Hashes.sees(call, key, call.arg(i))) {
        reply.integer(NO_FIELD);
        continue;
      }
      long time = call.values().hashes().time();
      if (time == HashValue.NEVER) {
        reply.integer(NO_TIME);
        continue;
      }
      long told = form.isRelative() ? Math.max(0, time - call.now()) : time;
      reply.integer(form.inSeconds() ? (told + 999) / 1000 : told);
    }
  }

  private static void getAndDelete(Call call, Reply reply) {
    Key key = call.write(1, Entry.HASH);
    int first = fields(call, 2, NOT_POSITIVE);
    Changes changes = new Changes(call, key, HashValue.NEVER);
    Hashes.deleteExpired(call, key, first, call.argc(), 1);
    reply.array(call.argc() - first);
    try {
      for (int i = first; i < call.argc(); i++) {
        Slice field = call.arg(i);
        if (key.exists() && Hashes.sees(call, key, field)) {
          call.values().hashes().writeValue(reply.writer());
          changes.delete(field);
        } else {
          reply.nil();
        }
      }
    } catch (OutOfMemoryError e) {
      throw changes.endEarly(e);
    }
    changes.tell();
  }

  private static void getAndExpire(Call call, Reply reply) {
    Key key = call.write(1, Entry.HASH);
    int at = 2;
    TimeForm form = formAt(call, at);
    boolean persists = form == null && call.is(at, "PERSIST");
    long millis = HashValue.NEVER;
    if (form != null) {
      if (call.argc() < at + 4) {
        throw CommandError.wrongArguments(call.command().name);
      }
      millis = time(call, at + 1, form);
      at += 2;
    } else if (persists) {
      at++;
    }
    int first = fields(call, at, NOT_POSITIVE);
    Changes changes = new Changes(call, key, millis);
    Hashes.deleteExpired(call, key, first, call.argc(), 1);
    HashValue hashes = call.values().hashes();
    reply.array(call.argc() - first);
    try {
      for (int i = first; i < call.argc(); i++) {
        Slice field = call.arg(i);
        if (!key.exists() || !Hashes.sees(call, key, field)) {
          reply.nil();
          continue;
        }
        hashes.writeValue(reply.writer());
        if (form != null) {
          changes.time(field);
        } else if (persists && hashes.time() != HashValue.NEVER) {
          changes.persist(field);
        }
      }
    } catch (OutOfMemoryError e) {
      throw changes.endEarly(e);
    }
    changes.tell();
  }

  private static @Nullable TimeForm formAt(Call call, int i) {
    if (call.is(i, "EX")) {
      return TimeForm.SECONDS;
    } else if (call.is(i, "PX")) {
      return TimeForm.MILLIS;
    } else if (call.is(i, "EXAT")) {
      return TimeForm.UNIX_SECONDS;
    }
    return call.is(i, "PXAT") ? TimeForm.UNIX_MILLIS : null;
  }

  // ── HSETEX ──

  /// What HSETEX was asked for.
  ///
  /// @param millis the time that its fields get, or [HashValue#NEVER]
  /// @param first the position of the first field
  private record Setting(
      boolean ifAbsent, boolean ifPresent, boolean keepsTimes, long millis, int first) {

    /// Behind FIELDS: a number, a field and its value.
    private static final int LEAST_WORDS = 3;

    static Setting of(Call call) {
      boolean ifAbsent = false;
      boolean ifPresent = false;
      boolean keepsTimes = false;
      long millis = HashValue.NEVER;
      Options o = call.options(2);
      while (o.next()) {
        TimeForm form = o.left() == 0 ? null : formAt(call, o.position());
        if (o.is("FIELDS")) {
          if (o.left() < LEAST_WORDS) {
            break;
          }
          long count = o.integer(1, Integer.MAX_VALUE, INVALID_NUMBER);
          int first = o.position() + 1;
          if (call.argc() - first != 2 * count) {
            throw CommandError.wrongArguments(call.command().name);
          }
          return new Setting(ifAbsent, ifPresent, keepsTimes, millis, first);
        } else if (o.is("FNX") || o.is("FXX")) {
          if (ifAbsent || ifPresent) {
            throw new CommandError("ERR Only one of FXX or FNX arguments can be specified");
          }
          ifAbsent = o.is("FNX");
          ifPresent = !ifAbsent;
        } else if (form != null || o.is("KEEPTTL")) {
          if (keepsTimes || millis != HashValue.NEVER) {
            throw new CommandError(
                "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
          }
          keepsTimes = form == null;
          millis = form == null ? millis : time(call, o.take(), form);
        } else {
          throw new CommandError("ERR unknown argument: " + call.text(o.position()));
        }
      }
      throw CommandError.wrongArguments(call.command().name);
    }
  }

  private static void setAndExpire(Call call, Reply reply) {
    Setting setting = Setting.of(call);
    for (int i = setting.first; i < call.argc(); i += 2) {
      Hashes.checkField(call, i);
    }
    Key key = call.write(1, Entry.HASH);
    if (setting.ifPresent) {
      Hashes.deleteExpired(call, key, setting.first, call.argc(), 2);
    }
    if (setting.ifAbsent || setting.ifPresent) {
      for (int i = setting.first; i < call.argc(); i += 2) {
        boolean there = key.exists() && Hashes.sees(call, key, call.arg(i));
        if (there != setting.ifPresent) {
          reply.integer(0);
          return;
        }
      }
    }
    put(call, key, setting);
    reply.integer(1);
  }

  private static void put(Call call, Key key, Setting setting) {
    HashValue hashes = call.values().hashes();
    call.hold(FIELD_BYTES * call.argc());
    Changes changes = new Changes(call, key, setting.millis);
    int fields = (call.argc() - setting.first) / 2;
    List<Object> words = new ArrayList<>(2 * fields);
    List<Object[]> parts = new ArrayList<>(); // what a replica is told
    Hashes.made(call, key);
    try {
      for (int i = setting.first; i < call.argc(); i += 2) {
        Slice field = call.arg(i);
        if (setting.keepsTimes && hashes.find(key.entry(), field)) {
          long time = hashes.time();
          if (time != HashValue.NEVER) {
            parts.add(new Object[] {"HPEXPIREAT", key.name, time, "FIELDS", 1L, field});
          }
        }
        Hashes.put(call, key, field, call.arg(i + 1), setting.keepsTimes);
        words.add(field);
        words.add(call.arg(i + 1));
      }
      if (setting.millis != HashValue.NEVER) {
        for (int i = setting.first; i < call.argc(); i += 2) {
          if (hashes.find(key.entry(), call.arg(i))) {
            changes.time(call.arg(i));
          }
        }
      }
    } catch (OutOfMemoryError e) {
      if (words.isEmpty()) {
        throw e;
      }
      call.changed(key, Events.HASH, "hset", words.size() / 2);
      call.effect(all(words, "HSET", key.name));
      parts.forEach(call::effect);
      throw changes.endEarly(e);
    }
    call.changed(key, Events.HASH, "hset", fields);
    boolean isPast = setting.millis != HashValue.NEVER && isPast(call, setting.millis);
    boolean hasTime = setting.millis != HashValue.NEVER && !isPast;
    if (hasTime) {
      List<Object> timed =
          new ArrayList<>(List.of("HPEXPIREAT", key.name, setting.millis, "FIELDS", (long) fields));
      for (int i = setting.first; i < call.argc(); i += 2) {
        timed.add(call.arg(i));
      }
      parts.add(timed.toArray());
    }
    parts.addFirst(all(words, "HSET", key.name));
    if (parts.size() == 1) {
      call.effect(parts.getFirst());
    } else if (hasTime) {
      call.effectInParts(
          all(words, "HSETEX", key.name, "PXAT", setting.millis, "FIELDS", (long) fields), parts);
    } else {
      call.effectInParts(all(words, "HSETEX", key.name, "KEEPTTL", "FIELDS", (long) fields), parts);
    }
    if (hasTime) {
      call.changed(key, Events.HASH, "hexpire", fields);
    } else {
      changes.tell();
    }
  }

  private static Object[] all(List<Object> last, Object... first) {
    List<Object> words = new ArrayList<>(List.of(first));
    words.addAll(last);
    return words.toArray();
  }
}
