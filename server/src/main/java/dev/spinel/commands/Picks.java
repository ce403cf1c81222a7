package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Reply;
import org.jspecify.annotations.Nullable;

/// How many members HRANDFIELD, SRANDMEMBER and ZRANDMEMBER are asked for, and how they answer.
///
/// @param wanted that many different ones if positive; if negative so many, each picked anew
/// @param paired each with what belongs to it: its value or its score
record Picks(long wanted, boolean paired) {
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
      throw new CommandError("ERR value is out of range");
    }
    return new Picks(wanted, paired);
  }

  /// Whether no member comes twice.
  boolean distinct() {
    return wanted > 0;
  }

  /// Begins the reply. Returns how many members follow, each begun by [#member].
  ///
  /// @param length how many there are to pick from, 0 for an absent key
  long begin(Reply reply, long length) {
    long count = length == 0 ? 0 : wanted < 0 ? -wanted : Math.min(wanted, length);
    reply.array(paired && reply.protocol() < 3 ? count * 2 : count);
    return count;
  }

  /// A member comes next, and what belongs to it.
  void member(Reply reply) {
    if (paired && reply.protocol() > 2) {
      reply.array(2);
    }
  }
}
