package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Arrival;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.ExpiryMode;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Limits;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.rdb.RdbException;
import dev.spinel.value.Dictionary;
import dev.spinel.wire.Slice;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Values as payloads: DUMP makes them; RESTORE takes them from any client, and checks all of them.
///
/// RESTORE-ASKING is MIGRATE's, at another node, which deletes its key once this one has replied.
/// So the reply may wait until the key is somewhere else, too ([Arrival]).
public final class Dumps implements Family {
  private static final int DUMP = 0, RESTORE = 1, RESTORE_ASKING = 2;

  private static final long ARRIVAL_MILLIS = 5000;

  private static final CommandError BUSY_KEY =
      new CommandError("BUSYKEY Target key name already exists.");
  private static final CommandError DAMAGED =
      new CommandError("ERR DUMP payload version or checksum are wrong");
  private static final CommandError BAD_FORMAT = new CommandError("ERR Bad data format");

  private final Function<Call, @Nullable Arrival> arrivals;

  /// @param arrivals what a call that brings a key from another node waits for; or null: nothing
  public Dumps(Function<Call, @Nullable Arrival> arrivals) {
    this.arrivals = arrivals;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        DUMP,
        "DUMP @key:RO+access",
        "generic 2.6.0 readonly nondeterministic_output",
        """
        Reads the value of a key in a form that RESTORE takes, here or elsewhere.
        O(N), N bytes of the value
        """);
    t.command(
        RESTORE,
        "RESTORE @key:OW+update ttl:integer serialized-value [REPLACE]^3.0.0 [ABSTTL]^5.0.0"
            + " [IDLETIME seconds:integer]^5.0.0 [FREQ frequency:integer]^5.0.0",
        "generic 2.6.0 write denyoom @dangerous large=3",
        """
        Makes a key of what DUMP has read.
        O(N), N bytes of the value; O(N*log(N)) for a sorted set of N members
        3.0.0 REPLACE
        5.0.0 ABSTTL
        5.0.0 IDLETIME and FREQ
        """);
    t.command(
        RESTORE_ASKING,
        "RESTORE-ASKING @key:OW+update ttl:integer serialized-value [REPLACE]^3.0.0"
            + " [ABSTTL]^5.0.0 [IDLETIME seconds:integer]^5.0.0 [FREQ frequency:integer]^5.0.0",
        "server 3.0.0 write denyoom asking syscmd @keyspace @dangerous large=3",
        """
        Makes a key of what comes from another node, into a slot that is being imported.
        O(N), N bytes of the value; O(N*log(N)) for a sorted set of N members
        3.0.0 REPLACE
        5.0.0 ABSTTL
        5.0.0 IDLETIME and FREQ
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case DUMP -> dump(call, reply);
      case RESTORE -> {
        if (restore(call)) {
          reply.ok();
        }
      }
      case RESTORE_ASKING -> arrive(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void dump(Call call, Reply reply) {
    Key key = call.read(1);
    if (!key.exists()) {
      reply.nil();
      return;
    }
    Limits limits = call.limits();
    call.payloads()
        .dump(
            key.entry(),
            limits.intOf(Settings.RDB_VERSION),
            limits.is(Settings.RDBCOMPRESSION),
            reply.writer());
  }

  private void arrive(Call call, Reply reply) {
    if (call.handlerWaitedFor() instanceof Arrival) {
      reply.ok();
      return;
    }
    if (!restore(call)) {
      return;
    }
    Arrival arrival = arrivals.apply(call);
    if (arrival == null || !call.await(arrival, ARRIVAL_MILLIS)) {
      reply.ok();
    }
  }

  /// Returns false if the call waits for memory.
  private static boolean restore(Call call) {
    boolean replace = false;
    boolean absolute = false;
    long idleSeconds = -1;
    int frequency = -1;
    Options o = call.options(4);
    while (o.next()) {
      if (o.is("REPLACE")) {
        replace = true;
      } else if (o.is("ABSTTL")) {
        absolute = true;
      } else if (frequency < 0 && o.is("IDLETIME", 1)) {
        idleSeconds = o.integer();
        if (idleSeconds < 0) {
          throw new CommandError("ERR Invalid IDLETIME value, must be >= 0");
        }
      } else if (idleSeconds < 0 && o.is("FREQ", 1)) {
        frequency = frequency(o.integer());
      } else {
        throw CommandError.SYNTAX;
      }
    }
    Key key = call.write(1);
    if (!replace && key.exists()) {
      throw BUSY_KEY;
    }
    long ttl = call.integer(2);
    if (ttl < 0) {
      throw new CommandError("ERR Invalid TTL value, must be >= 0");
    }
    Slice payload = call.arg(3);
    if (!call.payloads().isIntact(payload, call.comparesChecksums())) {
      throw DAMAGED;
    }
    if (call.lacksMemory(neededBytes(call, payload))) {
      return false;
    }
    long at = ttl == 0 ? -1 : absolute ? ttl : call.now() + ttl;
    boolean isOver = ttl != 0 && at <= call.now() && call.expiryMode() == ExpiryMode.DELETE;
    long entry = restored(call, key, payload, isOver ? -1 : at);
    if (isOver) {
      call.values().dictionary().release(entry);
      deleteInstead(call, key);
    } else {
      put(call, key, entry);
      call.used(key, idleSeconds, frequency);
      effect(call, ttl != 0 && !absolute ? at : -1);
    }
    return true;
  }

  private static int frequency(long given) {
    if (given < 0 || given > 255) {
      throw new CommandError("ERR Invalid FREQ value, must be >= 0 and <= 255");
    }
    return (int) given;
  }

  private static long neededBytes(Call call, Slice payload) {
    try {
      return call.payloads().measure(payload);
    } catch (RdbException e) {
      throw badFormat(call, e);
    }
  }

  private static long restored(Call call, Key key, Slice payload, long expiry) {
    try {
      return call.payloads().restore(payload, key.name, expiry, call.limits().encodings());
    } catch (RdbException e) {
      throw badFormat(call, e);
    }
  }

  private static CommandError badFormat(Call call, RdbException why) {
    call.refusedValue("offset " + why.offset() + ": " + why.getMessage());
    return BAD_FORMAT;
  }

  /// The payload has expired already: no key is made, and a key that is there is deleted.
  private static void deleteInstead(Call call, Key key) {
    if (key.exists()) {
      call.delete(key);
      call.effect(call.limits().is(Settings.LAZYFREE_LAZY_SERVER_DEL) ? "UNLINK" : "DEL", key.name);
    }
  }

  private static void put(Call call, Key key, long entry) {
    Dictionary dictionary = call.values().dictionary();
    if (key.exists()) {
      dictionary.replace(key.place, entry);
    } else {
      dictionary.insert(key.place, entry);
    }
    call.cameAnew(key);
    call.changed(key, Events.GENERIC, "restore");
  }

  /// The command as it was, but with the time at which the key expires, if that isn't -1.
  private static void effect(Call call, long at) {
    if (!call.recorded()) {
      call.noEffect();
      return;
    }
    Object[] words = new Object[call.argc() + (at < 0 ? 0 : 1)];
    for (int i = 0; i < call.argc(); i++) {
      words[i] = i == 2 && at >= 0 ? (Object) at : call.arg(i);
    }
    if (at >= 0) {
      words[call.argc()] = "ABSTTL";
    }
    call.effect(words);
  }
}
