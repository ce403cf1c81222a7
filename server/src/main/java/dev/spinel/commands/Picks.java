package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Reply;
import org.jspecify.annotations.Nullable;

/// How many members HRANDFIELD, SRANDMEMBER and ZRANDMEMBER are asked for, and how they answer.
///
/// @param wanted that many different ones if positive; if negative so many, each of them picked
///   among all members
/// @param paired each with what belongs to it: its value or its score
record Picks(long wanted, boolean paired) {
  private static final CommandError OUT_OF_RANGE = new CommandError("ERR value is out of range");

  /// Of a member in a reply: `$0\r\n\r\n`.
  private static final int LEAST_BYTES = 6;

  private static final int LOOKS_UP = 1024; // after so many picks

  /// The count at argument 2, and perhaps behind it the word `with` (null: the command has none).
  /// Errors: not an integer; a count that can't be negated or doubled; syntax.
  static Picks of(Call call, @Nullable String with) {
    if (with == null && call.argc() > 3) {
      throw CommandError.SYNTAX;
    }
    long wanted = call.integer(2, -Long.MAX_VALUE, Long.MAX_VALUE);
    boolean paired = call.argc() == 4 && with != null && call.is(3, with);
    if (call.argc() > 4 || call.argc() == 4 && !paired) {
      throw CommandError.SYNTAX;
    }
    if (paired && (wanted < -Long.MAX_VALUE / 2 || wanted > Long.MAX_VALUE / 2)) {
      throw OUT_OF_RANGE;
    }
    return new Picks(wanted, paired);
  }

  /// Whether no member comes twice.
  boolean distinct() {
    return wanted > 0;
  }

  /// Begins the reply. Returns how many members follow, each begun by [#member]. Errors: more than
  /// any reply has room for.
  ///
  /// @param length how many there are to pick from, 0 for an absent key
  long begin(Call call, Reply reply, long length) {
    long count = length == 0 ? 0 : wanted < 0 ? -wanted : Math.min(wanted, length);
    if (!distinct() && !reply.isLimited() && count > mostBytes(call) / LEAST_BYTES) {
      throw OUT_OF_RANGE;
    }
    reply.array(paired && reply.protocol() < 3 ? count * 2 : count);
    return count;
  }

  /// A reply that repeats members is bounded by nothing in the data: it may be as long as the
  /// longest string.
  private static long mostBytes(Call call) {
    return call.limits().get(Settings.PROTO_MAX_BULK_LEN);
  }

  /// Picks `count` times; each `pick` writes a member. Ends before that if the reply has become
  /// longer than any may be, which ends the connection as an output limit does, or if nobody will
  /// read it.
  void repeat(Call call, Reply reply, long count, Runnable pick) {
    long most = reply.pendingBytes() + mostBytes(call);
    for (long i = 0; i < count; i++) {
      if (i > 0 && i % LOOKS_UP == 0) {
        boolean tooLong = reply.pendingBytes() > most;
        if (tooLong || reply.isLost() || call.isUnread()) {
          reply.lose();
          call.session().closing = true;
          return;
        }
      }
      pick.run();
    }
  }

  /// A member comes next, and what belongs to it.
  void member(Reply reply) {
    if (paired && reply.protocol() > 2) {
      reply.array(2);
    }
  }
}
