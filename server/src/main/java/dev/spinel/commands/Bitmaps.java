package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import dev.spinel.value.BitmapValue;
import dev.spinel.value.Entry;
import dev.spinel.value.StringValue;
import dev.spinel.wire.Args;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// Commands on strings as bitmaps.
public final class Bitmaps implements Family {
  private static final int BITCOUNT = 0,
      BITFIELD = 1,
      BITFIELD_RO = 2,
      BITOP = 3,
      BITPOS = 4,
      GETBIT = 5,
      SETBIT = 6;

  private static final CommandError NOT_AN_OFFSET =
      new CommandError("ERR bit offset is not an integer or out of range");
  private static final CommandError NOT_A_BIT =
      new CommandError("ERR bit is not an integer or out of range");
  private static final CommandError NOT_A_TYPE =
      new CommandError(
          "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but"
              + " i64 is.");

  public Bitmaps() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        BITCOUNT,
        "BITCOUNT @key:RO+access [range: start:integer end:integer [unit: BYTE | BIT]^7.0.0]",
        "bitmap 2.6.0 readonly",
        """
        Counts the bits of a string that are set.
        O(N), N bytes counted
        7.0.0 BYTE and BIT
        """);
    t.command(
        BITFIELD,
        "BITFIELD @key:RW+access+update+variable_flags [operation: GET (get-block: encoding"
            + " offset:integer) | (write: [OVERFLOW (overflow-block: WRAP | SAT | FAIL)]"
            + " (write-operation: SET (set-block: encoding offset:integer value:integer) | INCRBY"
            + " (incrby-block: encoding offset:integer increment:integer)))]...",
        "bitmap 3.2.0 write denyoom",
        """
        Reads, sets and adds to integers of any width within a string.
        O(N), N operations
        note 0: only reads if all operations are GET
        """,
        new FieldKeys());
    t.command(
        BITFIELD_RO,
        "BITFIELD_RO @key:RO+access [GET... (get-block: encoding offset:integer)]",
        "bitmap 6.0.0 readonly fast",
        """
        Reads integers of any width within a string.
        O(N), N operations
        """);
    t.command(
        BITOP,
        "BITOP (operation: AND | OR | XOR | NOT) @destkey:OW+update @key:RO+access...",
        "bitmap 2.6.0 write denyoom",
        """
        Stores what a bitwise operation makes of one string or several.
        O(N), N bytes of all the strings
        """);
    t.command(
        BITPOS,
        "BITPOS @key:RO+access bit:integer [range: start:integer [end-unit-block: end:integer"
            + " [unit: BYTE | BIT]^7.0.0]]",
        "bitmap 2.8.7 readonly",
        """
        Finds the first bit of a string that is set, or that isn't.
        O(N), N bytes looked at
        7.0.0 BYTE and BIT
        """);
    t.command(
        GETBIT,
        "GETBIT @key:RO+access offset:integer",
        "bitmap 2.2.0 readonly fast",
        """
        Reads one bit of a string.
        O(1)
        """);
    t.command(
        SETBIT,
        "SETBIT @key:RW+access+update offset:integer value:integer",
        "bitmap 2.2.0 write denyoom",
        """
        Sets or clears one bit of a string, which grows to hold it.
        O(1), but for the zeros that are put before a bit far behind the end
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case BITCOUNT -> bitcount(call, reply);
      case BITFIELD -> bitfield(call, reply);
      case BITFIELD_RO -> bitfieldReadOnly(call, reply);
      case BITOP -> bitop(call, reply);
      case BITPOS -> bitpos(call, reply);
      case GETBIT -> getbit(call, reply);
      case SETBIT -> setbit(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  /// The bit offset at an argument. Errors: not an integer, or beyond the longest string.
  private static long offset(Call call, Slice slice) {
    return offset(call, Call.integer(slice, NOT_AN_OFFSET));
  }

  private static long offset(Call call, long offset) {
    boolean limited = !call.session().isTrusted();
    long limit = limited ? call.limits().get(Settings.PROTO_MAX_BULK_LEN) : Long.MAX_VALUE;
    // a field may reach eight bytes further
    if (offset < 0 || offset >>> 3 >= Math.min(limit, StringValue.MAX_LENGTH - Long.BYTES)) {
      throw NOT_AN_OFFSET;
    }
    return offset;
  }

  // ── one bit ──

  private static void getbit(Call call, Reply reply) {
    long at = offset(call, call.arg(2));
    Key key = call.read(1, Entry.STRING);
    reply.integer(key.exists() ? call.values().bitmaps().get(key.entry(), at) : 0);
  }

  private static void setbit(Call call, Reply reply) {
    long at = offset(call, call.arg(2));
    int bit = (int) call.integer(3, 0, 1, NOT_A_BIT);
    Key key = call.write(1, Entry.STRING);
    BitmapValue bitmaps = call.values().bitmaps();
    int old = key.exists() ? bitmaps.get(key.entry(), at) : 0;
    if (lacksMemory(call, key, at)) {
      return;
    }
    boolean grown = bitmaps.reach(key.place, key.name, at);
    if (grown || old != bit) {
      bitmaps.set(key.place, at, bit);
      call.changed(key, Events.STRING, "setbit");
    }
    reply.integer(old);
  }

  /// Whether the call has to wait for the memory that the string needs to reach a bit.
  private static boolean lacksMemory(Call call, Key key, long last) {
    int length = key.exists() ? call.values().strings().length(key.entry()) : 0;
    return call.lacksMemory((last >>> 3) + 1 - length);
  }

  // ── many bits ──

  private static void bitcount(Call call, Reply reply) {
    Key key = call.read(1, Entry.STRING);
    if (!key.exists()) {
      reply.integer(0);
      return;
    }
    BitmapValue bitmaps = call.values().bitmaps();
    long bits = 8L * call.values().strings().length(key.entry());
    if (call.argc() == 2) {
      reply.integer(bitmaps.count(key.entry(), 0, bits));
      return;
    }
    if (call.argc() != 4 && call.argc() != 5) {
      throw CommandError.SYNTAX;
    }
    long start = call.integer(2);
    long end = call.integer(3);
    if (start < 0 && end < 0 && start > end) {
      reply.integer(0); // before the unit is looked at
      return;
    }
    int unit = call.argc() == 5 ? unit(call, 4) : Byte.SIZE;
    long from = clamped(start, bits, unit);
    long to = Math.min(bits, clamped(end, bits, unit) + unit);
    reply.integer(bitmaps.count(key.entry(), from, to));
  }

  /// How many bits a unit has.
  private static int unit(Call call, int argument) {
    if (call.is(argument, "BIT")) {
      return 1;
    }
    if (call.is(argument, "BYTE")) {
      return Byte.SIZE;
    }
    throw CommandError.SYNTAX;
  }

  /// The first bit of the unit with this index, which counts from the end if it is negative; that
  /// of the first one if it is before that, `bits` if it is behind the last.
  private static long clamped(long index, long bits, int unit) {
    long units = bits / unit;
    return Math.clamp(index < 0 ? index + units : index, 0, units) * unit;
  }

  private static void bitpos(Call call, Reply reply) {
    long bit = call.integer(2);
    if (bit != 0 && bit != 1) {
      throw new CommandError("ERR The bit argument must be 1 or 0.");
    }
    Key key = call.read(1, Entry.STRING);
    if (!key.exists()) {
      reply.integer(bit == 1 ? -1 : 0);
      return;
    }
    long bits = 8L * call.values().strings().length(key.entry());
    int argc = call.argc();
    if (argc > 6) {
      throw CommandError.SYNTAX;
    }
    long start = argc > 3 ? call.integer(3) : 0;
    int unit = argc == 6 ? unit(call, 5) : Byte.SIZE;
    long end = argc > 4 ? call.integer(4) : -1;
    long from = clamped(start, bits, unit);
    long to = Math.min(bits, clamped(end, bits, unit) + unit);
    long found = call.values().bitmaps().find(key.entry(), (int) bit, from, to);
    boolean openEnd = argc <= 4 && from < to;
    reply.integer(found < 0 && bit == 0 && openEnd ? bits : found);
  }

  private static void bitop(Call call, Reply reply) {
    BitmapValue.Operation operation = operation(call);
    int count = call.argc() - 3;
    if (operation == BitmapValue.Operation.NOT && count != 1) {
      throw new CommandError("ERR BITOP NOT must be called with a single source key.");
    }
    call.hold(8L * count);
    long[] entries = new long[count];
    int length = 0;
    for (int i = 0; i < count; i++) {
      Key key = call.read(i + 3, Entry.STRING);
      entries[i] = key.entry();
      if (entries[i] != 0) {
        length = Math.max(length, call.values().strings().length(entries[i]));
      }
      call.done(key);
    }
    Key destination = call.write(2);
    if (call.lacksMemory(length)) {
      return;
    }
    if (length > 0) {
      call.values()
          .bitmaps()
          .combine(destination.place, destination.name, operation, entries, count, length);
      call.changed(destination, Events.STRING, "set");
    } else if (destination.exists()) {
      call.delete(destination);
    }
    reply.integer(length);
  }

  private static BitmapValue.Operation operation(Call call) {
    for (BitmapValue.Operation operation : BitmapValue.Operation.values()) {
      if (call.is(1, operation.name())) {
        return operation;
      }
    }
    throw CommandError.SYNTAX;
  }

  // ── fields ──

  /// BITFIELD reads its key only, if all it does is GET.
  private static final class FieldKeys implements Command.KeyFinder {
    @Override
    public int find(Args args, int from, int[] out, int @Nullable [] flags) {
      out[0] = 1;
      if (flags != null) {
        flags[0] =
            onlyGets(args, from)
                ? Synopsis.RO | Synopsis.ACCESS
                : Synopsis.RW | Synopsis.ACCESS | Synopsis.UPDATE;
      }
      return 1;
    }

    private static boolean onlyGets(Args args, int from) {
      int end = args.count();
      for (int i = from + 2; i < end; ) {
        if (args.at(i).is("GET") && end - i > 2) {
          i += 3;
        } else if (args.at(i).is("OVERFLOW") && end - i > 1) {
          i += 2;
        } else {
          return false;
        }
      }
      return true;
    }
  }

  private enum Overflow {
    WRAP,
    SAT,
    FAIL
  }

  private enum Verb {
    GET,
    SET,
    INCRBY
  }

  /// The operations of a BITFIELD, one after the other. Parsed again each time that they are gone
  /// through, so that nothing is kept of them.
  private static final class FieldOperations {
    private final Call call;
    private int next = 2; // argument
    Overflow overflow = Overflow.WRAP;
    Verb verb = Verb.GET;
    boolean signed;
    int bits;
    long offset;
    long operand;

    FieldOperations(Call call) {
      this.call = call;
    }

    /// Goes to the next operation; false if there is none.
    boolean next() {
      int left = call.argc() - next - 1; // behind the word
      while (left >= 1 && call.is(next, "OVERFLOW")) {
        overflow = overflow(next + 1);
        next += 2;
        left -= 2;
      }
      if (left < 0) {
        return false;
      }
      if (call.is(next, "GET") && left >= 2) {
        verb = Verb.GET;
      } else if (call.is(next, "SET") && left >= 3) {
        verb = Verb.SET;
      } else if (call.is(next, "INCRBY") && left >= 3) {
        verb = Verb.INCRBY;
      } else {
        throw CommandError.SYNTAX;
      }
      type(call.arg(next + 1));
      offset = fieldOffset(call.arg(next + 2));
      operand = verb == Verb.GET ? 0 : call.integer(next + 3);
      next += verb == Verb.GET ? 3 : 4;
      return true;
    }

    private Overflow overflow(int argument) {
      for (Overflow each : Overflow.values()) {
        if (call.is(argument, each.name())) {
          return each;
        }
      }
      throw new CommandError("ERR Invalid OVERFLOW type specified");
    }

    /// `i` or `u` and a number of bits; what follows a zero byte doesn't count.
    private void type(Slice slice) {
      int sign = slice.length == 0 ? 0 : slice.byteAt(0);
      int end = 1;
      while (end < slice.length && slice.byteAt(end) != 0) {
        end++;
      }
      signed = sign == 'i';
      long width =
          signed || sign == 'u' ? Numbers.parseLong(slice.array, slice.offset + 1, end - 1, 0) : 0;
      if (width < 1 || width > (signed ? Long.SIZE : Long.SIZE - 1)) {
        throw NOT_A_TYPE;
      }
      bits = (int) width;
    }

    /// `#` in front counts in fields of this width.
    private long fieldOffset(Slice slice) {
      if (slice.length == 0 || slice.byteAt(0) != '#') {
        return Bitmaps.offset(call, slice);
      }
      Slice number = new Slice(slice.array, slice.offset + 1, slice.length - 1);
      return Bitmaps.offset(call, Call.integer(number, NOT_AN_OFFSET) * bits);
    }

    /// The last bit of the field.
    long last() {
      return offset + bits - 1;
    }

    /// The value of the field in a string.
    long read(long entry) {
      return entry == 0 ? 0 : extended(call.values().bitmaps().field(entry, offset, bits));
    }

    /// The number that the lowest bits of `value` are in such a field.
    private long extended(long value) {
      int unused = Long.SIZE - bits;
      return signed ? value << unused >> unused : value << unused >>> unused;
    }

    private long max() {
      return (1L << (signed ? bits - 1 : bits)) - 1;
    }

    private long min() {
      return signed ? ~max() : 0;
    }

    /// Whether the operation leads to a number that the field can't hold: 1 too large, -1 too
    /// small, 0 neither.
    int overflows(long old) {
      long base = verb == Verb.SET ? operand : old;
      long more = verb == Verb.SET ? 0 : operand;
      return signed ? overflowsSigned(base, more) : overflowsUnsigned(base, more);
    }

    /// With narrow fields the room above and below is taken modulo 2^64, as Redis does: an operand
    /// of SET near the smallest long counts as too large.
    private int overflowsSigned(long base, long more) {
      boolean narrow = bits < Long.SIZE;
      long above = max() - base;
      long below = min() - base;
      if (base > max() || (narrow || base >= 0 && more > 0) && more > above) {
        return 1;
      }
      return base < min() || (narrow || base < 0 && more < 0) && more < below ? -1 : 0;
    }

    private int overflowsUnsigned(long base, long more) {
      if (Long.compareUnsigned(base, max()) > 0 || more > 0 && more > max() - base) {
        return 1;
      }
      return more < 0 && more < -base ? -1 : 0;
    }

    /// What the field holds after the operation, if it isn't refused.
    long result(long old, int overflows) {
      if (overflows != 0 && overflow == Overflow.SAT) {
        return overflows > 0 ? max() : min();
      }
      return extended(verb == Verb.SET ? operand : old + operand);
    }
  }

  private static void bitfieldReadOnly(Call call, Reply reply) {
    int count = 0;
    boolean writes = false;
    for (FieldOperations fields = new FieldOperations(call); fields.next(); count++) {
      writes |= fields.verb != Verb.GET;
    }
    if (writes) {
      throw new CommandError("ERR BITFIELD_RO only supports the GET subcommand");
    }
    readFields(call, reply, count);
  }

  private static void readFields(Call call, Reply reply, int count) {
    Key key = call.read(1, Entry.STRING);
    reply.array(count);
    for (FieldOperations fields = new FieldOperations(call); fields.next(); ) {
      reply.integer(fields.read(key.entry()));
    }
  }

  private static void bitfield(Call call, Reply reply) {
    int count = 0;
    long last = -1; // bit that is written
    for (FieldOperations fields = new FieldOperations(call); fields.next(); count++) {
      last = fields.verb == Verb.GET ? last : Math.max(last, fields.last());
    }
    if (last < 0) {
      readFields(call, reply, count);
      return;
    }
    Key key = call.write(1, Entry.STRING);
    if (lacksMemory(call, key, last)) {
      return;
    }
    boolean grown = makeWritable(call, key, last);
    reply.array(count);
    long changes = 0;
    for (FieldOperations fields = new FieldOperations(call); fields.next(); ) {
      changes += operate(call, key, fields, grown, reply) ? 1 : 0;
    }
    if (changes > 0) {
      call.changed(key, Events.STRING, "setbit", changes);
    } else if (grown) {
      call.changed(
          key, Events.NONE, ""); // every operation was refused, but the string has become longer
    }
  }

  /// Takes all the memory that the operations need, before any of them writes. Returns whether the
  /// string grew to hold bit `last`.
  private static boolean makeWritable(Call call, Key key, long last) {
    BitmapValue bitmaps = call.values().bitmaps();
    if (key.exists()) {
      for (FieldOperations fields = new FieldOperations(call); fields.next(); ) {
        if (fields.verb != Verb.GET) {
          bitmaps.unshare(key.place, fields.offset, fields.bits);
        }
      }
    }
    return bitmaps.reach(key.place, key.name, last);
  }

  /// Performs one operation; returns whether it counts as a change.
  private static boolean operate(
      Call call, Key key, FieldOperations fields, boolean grown, Reply reply) {
    long old = fields.read(key.entry());
    if (fields.verb == Verb.GET) {
      reply.integer(old);
      return false;
    }
    int overflows = fields.overflows(old);
    if (overflows != 0 && fields.overflow == Overflow.FAIL) {
      reply.nil();
      return false;
    }
    long result = fields.result(old, overflows);
    if (result != old) {
      call.values().bitmaps().setField(key.place, fields.offset, fields.bits, result);
    }
    reply.integer(fields.verb == Verb.SET ? old : result);
    return grown || result != old;
  }
}
