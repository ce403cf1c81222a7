package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.value.Entry;
import dev.spinel.value.HyperLogLogValue;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Commands on strings as sketches of sets, of which they tell the approximate size.
public final class HyperLogLogs implements Family {
  private static final int PFADD = 0, PFCOUNT = 1, PFDEBUG = 2, PFMERGE = 3, PFSELFTEST = 4;

  private static final CommandError NOT_A_SKETCH =
      new CommandError("WRONGTYPE Key is not a valid HyperLogLog string value.");
  private static final CommandError CORRUPT =
      new CommandError("INVALIDOBJ Corrupted HLL object detected");

  public HyperLogLogs() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        PFADD,
        "PFADD @key:RW+insert [element]...",
        "hyperloglog 2.8.9 write denyoom fast",
        """
        Adds elements to a HyperLogLog, making it if it is absent.
        O(N), N elements
        """);
    t.command(
        PFCOUNT,
        "PFCOUNT @key:RW+access...",
        "hyperloglog 2.8.9 readonly may_replicate",
        """
        Estimates how many different elements one HyperLogLog, or several together, have seen.
        O(1) for one key whose count is still known, else O(N), N keys
        note 0: writes the count of a single key back to it
        """);
    t.command(
        PFDEBUG,
        "PFDEBUG subcommand @key:RW+access",
        "hyperloglog 2.8.9 write denyoom admin syscmd",
        """
        Shows or changes how a HyperLogLog is stored, for tests.
        O(N), N registers
        """);
    t.command(
        PFMERGE,
        "PFMERGE @destkey:RW+access+insert [@sourcekey:RO+access]...",
        "hyperloglog 2.8.9 write denyoom",
        """
        Merges HyperLogLogs into one, which is among them if it exists.
        O(N), N HyperLogLogs
        """);
    t.command(
        PFSELFTEST,
        "PFSELFTEST",
        "hyperloglog 2.8.9 admin syscmd",
        """
        Checks the arithmetic of HyperLogLogs.
        O(1), but it takes about a second
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case PFADD -> pfadd(call, reply);
      case PFCOUNT -> pfcount(call, reply);
      case PFDEBUG -> pfdebug(call, reply);
      case PFMERGE -> pfmerge(call, reply);
      case PFSELFTEST -> pfselftest(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static long sparseMax(Call call) {
    return call.limits().get(Settings.HLL_SPARSE_MAX_BYTES);
  }

  /// A key that holds a sketch, if it exists.
  private static Key sketch(Call call, Key key) {
    if (key.exists()) {
      if (key.type() != Entry.STRING) {
        throw CommandError.WRONGTYPE;
      }
      if (!call.values().hyperLogLogs().isSketch(key.entry())) {
        throw NOT_A_SKETCH;
      }
    }
    return key;
  }

  private static void pfadd(Call call, Reply reply) {
    Key key = sketch(call, call.write(1));
    HyperLogLogValue sketches = call.values().hyperLogLogs();
    if (key.exists()) {
      sketches.prepare(key.place);
    }
    long changes =
        sketches.add(key.place, key.name, i -> call.arg(2 + i), call.argc() - 2, sparseMax(call));
    if (sketches.isCorrupt()) {
      if (changes > 0) {
        call.changed(key, Events.NONE, "", changes); // what came before the fault was found stays
        if (call.recorded()) { // the command itself would fail wherever it is applied
          call.effect("SETRANGE", key.name, "0", call.values().strings().bytes(key.entry()));
        }
      }
      reply.error(CORRUPT.text());
      return;
    }
    if (changes > 0) {
      call.changed(key, Events.STRING, "pfadd", changes);
    }
    reply.flag(changes > 0);
  }

  private static void pfcount(Call call, Reply reply) {
    HyperLogLogValue sketches = call.values().hyperLogLogs();
    if (call.argc() > 2) {
      unite(call);
      reply.integer(sketches.countUnion());
      return;
    }
    Key key = sketch(call, call.read(1));
    if (!key.exists()) {
      reply.integer(0);
      return;
    }
    sketches.prepare(key.place);
    long count = sketches.cachedCount(key.entry());
    if (count < 0) {
      count = sketches.count(key.place);
      if (count == HyperLogLogValue.NO_COUNT) {
        throw CORRUPT;
      }
      call.changed(key, Events.NONE, ""); // the count is part of the string
    }
    reply.integer(count);
  }

  /// Unites all sketches of a call; returns whether one of them is dense.
  private static boolean unite(Call call) {
    HyperLogLogValue sketches = call.values().hyperLogLogs();
    sketches.beginUnion();
    boolean dense = false;
    for (int i = 1; i < call.argc(); i++) {
      Key key = sketch(call, call.read(i));
      if (key.exists()) {
        dense |= sketches.isDense(key.entry());
        if (!sketches.unite(key.entry())) {
          throw CORRUPT;
        }
      }
      call.done(key);
    }
    return dense;
  }

  private static void pfmerge(Call call, Reply reply) {
    boolean dense = unite(call);
    Key key = call.write(1);
    HyperLogLogValue sketches = call.values().hyperLogLogs();
    if (key.exists()) {
      sketches.prepare(key.place);
    }
    sketches.storeUnion(key.place, key.name, dense, sparseMax(call));
    call.changed(key, Events.STRING, "pfadd");
    reply.ok();
  }

  // ── looking inside ──

  private static void pfdebug(Call call, Reply reply) {
    Key key = sketch(call, call.write(2));
    if (!key.exists()) {
      throw new CommandError("ERR The specified key does not exist");
    }
    HyperLogLogValue sketches = call.values().hyperLogLogs();
    sketches.prepare(key.place);
    boolean dense = sketches.isDense(key.entry());
    if (call.is(1, "GETREG")) {
      toDense(call, key);
      byte[] registers = sketches.registers(key.entry());
      reply.array(registers.length);
      for (byte register : registers) {
        reply.integer(register);
      }
    } else if (call.is(1, "DECODE")) {
      if (dense) {
        throw new CommandError("ERR HLL encoding is not sparse");
      }
      @Nullable String decoded = sketches.decoded(key.entry());
      if (decoded == null) {
        throw CORRUPT;
      }
      reply.bulk(decoded);
    } else if (call.is(1, "ENCODING")) {
      reply.simple(dense ? "dense" : "sparse");
    } else if (call.is(1, "TODENSE")) {
      toDense(call, key);
      reply.flag(!dense);
    } else {
      throw new CommandError("ERR Unknown PFDEBUG subcommand '" + call.text(1) + "'");
    }
  }

  private static void toDense(Call call, Key key) {
    HyperLogLogValue sketches = call.values().hyperLogLogs();
    if (!sketches.isDense(key.entry())) {
      if (!sketches.toDense(key.place, key.name)) {
        throw CORRUPT;
      }
      call.dirty(1); // no change of the set
    }
  }

  private static void pfselftest(Call call, Reply reply) {
    @Nullable String wrong = HyperLogLogValue.selfTest(new Random(SELF_TEST_SEED), sparseMax(call));
    if (wrong != null) {
      throw new CommandError("ERR TESTFAILED " + wrong);
    }
    reply.ok();
  }

  private static final long SELF_TEST_SEED = 20_140_328;
}
