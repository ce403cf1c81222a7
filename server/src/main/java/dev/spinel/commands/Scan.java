package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.value.Dictionary;
import dev.spinel.wire.Glob;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Locale;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor's form, the options, and the reply.
final class Scan {
  private static final CommandError INVALID = new CommandError("ERR invalid cursor");

  /// A cursor: an unsigned decimal of 64 bits, read as strtoul does (a sign is allowed, blanks
  /// before it aren't).
  static long cursor(Slice text) {
    int at = 0;
    boolean negative = false;
    if (text.length > 0 && (text.byteAt(0) == '-' || text.byteAt(0) == '+')) {
      negative = text.byteAt(0) == '-';
      at = 1;
    }
    if (at == text.length && at == 1) {
      throw INVALID;
    }
    long value = 0;
    for (; at < text.length; at++) {
      int digit = text.byteAt(at) - '0';
      if (digit < 0
          || digit > 9
          || Long.compareUnsigned(value, Long.divideUnsigned(-1L - digit, 10)) > 0) {
        throw INVALID;
      }
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }

  private long count = 10; // how many elements to look at, at least 1
  private byte @Nullable [] pattern; // null: all match
  private @Nullable String type; // lower case, null: any
  private final ArrayList<byte[]> found = new ArrayList<>();
  private final Call call;
  private long foundBytes;
  private long heldBytes; // of the call's heap, for what was found

  private static final int AN_ARRAY = 24; // bytes of one, and of what refers to it
  private static final long PIECE = 1 << 20; // of heap, that is held at once

  /// Elements that are looked at before it is asked whether that is enough.
  private static final int AT_ONCE = 1 << 10;

  /// Bytes found that are enough for a reply, whatever COUNT, which is a hint.
  private static final long ENOUGH = 64 << 20;

  private Scan(Call call) {
    this.call = call;
  }

  /// The options of SCAN from argument `from` on.
  static Scan ofKeys(Call call, int from) {
    return new Scan(call).read(call.options(from), true);
  }

  private Scan read(Options o, boolean ofKeys) {
    while (o.next()) {
      if (o.is("COUNT", 1)) {
        count = o.integer();
        if (count < 1) {
          throw CommandError.SYNTAX;
        }
      } else if (o.is("MATCH", 1)) {
        pattern = o.word().copy();
        if (Glob.matchesAll(pattern)) {
          pattern = null;
        }
      } else if (ofKeys && o.is("TYPE", 1)) {
        type = o.word().text().toLowerCase(Locale.ROOT);
      } else {
        throw CommandError.SYNTAX;
      }
    }
    return this;
  }

  /// A value that is read in portions.
  @FunctionalInterface
  interface Portions {
    /// Shows the elements of `entry` from `cursor` on to `scan`, `count` of them or a few more.
    /// Returns where to go on, or 0 at the end.
    long show(long entry, long cursor, int count, Scan scan);
  }

  /// HSCAN, SSCAN, ZSCAN: a portion of the value of `type` at argument 1.
  static void run(Call call, Reply reply, int type, Portions value) {
    long cursor = cursor(call.arg(2));
    Key key = call.read(1, type);
    Scan scan = new Scan(call);
    long next = 0;
    if (key.exists()) {
      scan.read(call.options(3), false);
      next = cursor & CURSOR;
      long seen = 0;
      do {
        int count = scan.count(seen);
        next = value.show(key.entry(), next, count, scan);
        seen += count;
      } while (next != 0 && scan.count(seen) > 0);
    }
    scan.reply(reply, next);
  }

  private static final long CURSOR = (1L << Dictionary.CURSOR_BITS) - 1;

  /// How many elements are to be looked at next when `seen` have been; 0 when that is enough.
  int count(long seen) {
    return foundBytes >= ENOUGH ? 0 : Math.clamp(count - seen, 0, AT_ONCE);
  }

  boolean matches(byte[] name) {
    return pattern == null || Glob.matches(pattern, name);
  }

  /// Whether keys of this type are wanted.
  boolean matchesType(String name) {
    return type == null || type.equals(name);
  }

  /// Puts a name into the reply, or the value behind a name.
  void add(byte[] word) {
    found.add(word);
    foundBytes += word.length + AN_ARRAY;
    if (foundBytes > heldBytes + PIECE) {
      call.hold(PIECE);
      heldBytes += PIECE;
    }
  }

  /// How many words are in the reply.
  int size() {
    return found.size();
  }

  /// Leaves only those of the words from `begin` on for which `wanted` says so.
  void retain(int begin, Predicate<byte[]> wanted) {
    found.subList(begin, found.size()).removeIf(wanted.negate());
  }

  void reply(Reply reply, long next) {
    reply.array(2);
    reply.bulk(next);
    reply.array(found.size());
    for (byte[] word : found) {
      reply.bulk(word);
    }
  }
}
