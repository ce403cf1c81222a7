package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Options;
import dev.spinel.value.SortedSetValue;
import dev.spinel.value.SortedSetValue.LexBound;
import dev.spinel.value.SortedSetValue.Ranks;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// A part of a sorted set as a command names it: by rank, by score or by the members' own order.
/// Whatever it is named by, it is a run of ranks of the set that it is asked of.
sealed interface SortedSetRange {
  enum By {
    RANK,
    SCORE,
    MEMBER
  }

  /// From the lowest score up, or from the highest down.
  enum Direction {
    UPWARDS,
    DOWNWARDS
  }

  /// The ranks in ascending order, also if the range is read downwards.
  Ranks ranks(SortedSetValue sets, long entry, Direction direction);

  /// Reads the two ends at arguments `first` and `second`: the lower and the higher one, but if the
  /// range is read downwards and isn't one of ranks, the higher one comes first.
  static SortedSetRange of(Call call, By by, int first, int second, Direction direction) {
    int min = direction == Direction.DOWNWARDS && by != By.RANK ? second : first;
    int max = first + second - min;
    return switch (by) {
      case RANK -> new ByRank(call.integer(min), call.integer(max));
      case SCORE -> ByScore.of(call.arg(min), call.arg(max));
      case MEMBER -> ByMember.of(call.arg(min), call.arg(max));
    };
  }

  /// From one rank to another, both included; negative ones count from the end. Read downwards the
  /// last member has rank 0.
  record ByRank(long start, long stop) implements SortedSetRange {
    @Override
    public Ranks ranks(SortedSetValue sets, long entry, Direction direction) {
      long length = sets.length(entry);
      long from = Grammar.first(start, length);
      long to = Grammar.last(stop, length) + 1;
      if (from >= to) {
        return Ranks.NONE;
      }
      return direction == Direction.DOWNWARDS
          ? new Ranks(length - to, length - from)
          : new Ranks(from, to);
    }
  }

  record ByScore(double min, boolean minExclusive, double max, boolean maxExclusive)
      implements SortedSetRange {
    private static final CommandError NOT_FLOAT = new CommandError("ERR min or max is not a float");

    /// Errors: an end that is no number.
    static ByScore of(Slice min, Slice max) {
      return new ByScore(score(min), isExclusive(min), score(max), isExclusive(max));
    }

    private static boolean isExclusive(Slice bound) {
      return bound.node == 0 && bound.length > 0 && bound.byteAt(0) == '(';
    }

    /// Redis reads an end as `strtod` does: blanks before it are skipped, a zero byte ends it,
    /// nothing at all is zero, and what is beyond the range is infinite.
    private static double score(Slice bound) {
      if (bound.node != 0) {
        throw NOT_FLOAT;
      }
      byte[] bytes = bound.array;
      int at = bound.offset + (isExclusive(bound) ? 1 : 0);
      int end = at;
      while (end < bound.offset + bound.length && bytes[end] != 0) {
        end++;
      }
      if (at == end) {
        return 0;
      }
      while (at < end && (bytes[at] == ' ' || bytes[at] >= '\t' && bytes[at] <= '\r')) {
        at++;
      }
      double score = Numbers.nearestDouble(bytes, at, end - at);
      if (Double.isNaN(score)) {
        throw NOT_FLOAT;
      }
      return score;
    }

    @Override
    public Ranks ranks(SortedSetValue sets, long entry, Direction direction) {
      return sets.scoreRange(entry, min, minExclusive, max, maxExclusive);
    }
  }

  record ByMember(LexBound min, LexBound max) implements SortedSetRange {
    private static final CommandError INVALID =
        new CommandError("ERR min or max not valid string range item");

    /// Errors: an end that is neither `-` nor `+` and begins neither with `[` nor with `(`.
    static ByMember of(Slice min, Slice max) {
      return new ByMember(bound(min), bound(max));
    }

    private static LexBound bound(Slice text) {
      if (text.node != 0 || text.length == 0) {
        throw INVALID;
      }
      // a zero byte ends the text of a sign, for Redis
      boolean alone = text.length == 1 || text.byteAt(1) == 0;
      return switch (text.byteAt(0)) {
        case '-' -> alone ? LexBound.FIRST : refused();
        case '+' -> alone ? LexBound.LAST : refused();
        case '(' -> LexBound.exclusive(behindSign(text));
        case '[' -> LexBound.inclusive(behindSign(text));
        default -> refused();
      };
    }

    private static LexBound refused() {
      throw INVALID;
    }

    private static Slice behindSign(Slice text) {
      return new Slice(text.array, text.offset + 1, text.length - 1);
    }

    @Override
    public Ranks ranks(SortedSetValue sets, long entry, Direction direction) {
      return direction == Direction.DOWNWARDS
          ? sets.lexRangeBackwards(entry, min, max)
          : sets.lexRange(entry, min, max);
    }
  }

  /// What ZRANGE and the commands like it ask for: a range, in which direction, which part of it,
  /// and whether scores are wanted.
  ///
  /// @param offset how many members of the range are skipped; if negative, all are
  /// @param limit the most members that are wanted; if negative, no limit
  record Query(
      SortedSetRange range, Direction direction, long offset, long limit, boolean withScores) {
    private static final CommandError LIMIT_BY_RANK =
        new CommandError(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or"
                + " BYLEX");
    private static final CommandError SCORES_BY_MEMBER =
        new CommandError("ERR syntax error, WITHSCORES not supported in combination with BYLEX");

    /// Reads a call whose range is replied.
    ///
    /// @param only what the command's name says that the range is by; null: options say it, and the
    ///   direction
    /// @param direction what the command's name says of it
    static Query of(Call call, @Nullable By only, Direction direction) {
      return of(call, 2, only, direction, true);
    }

    /// Reads a call whose range is stored: it has its scores anyhow.
    static Query toStore(Call call) {
      return of(call, 3, null, Direction.UPWARDS, false);
    }

    private static Query of(
        Call call, int first, @Nullable By only, Direction named, boolean mayAskForScores) {
      By by = only;
      Direction direction = named;
      long offset = 0;
      long limit = -1;
      boolean withScores = false;
      Options o = call.options(first + 2);
      while (o.next()) {
        if (mayAskForScores && o.is("WITHSCORES")) {
          withScores = true;
        } else if (o.is("LIMIT", 2)) {
          offset = o.integer();
          limit = o.integer();
        } else if (only == null && direction == Direction.UPWARDS && o.is("REV")) {
          direction = Direction.DOWNWARDS;
        } else if (by == null && o.is("BYLEX")) {
          by = By.MEMBER;
        } else if (by == null && o.is("BYSCORE")) {
          by = By.SCORE;
        } else {
          throw CommandError.SYNTAX;
        }
      }
      by = by == null ? By.RANK : by;
      if (limit != -1 && by == By.RANK) {
        throw LIMIT_BY_RANK;
      }
      if (withScores && by == By.MEMBER) {
        throw SCORES_BY_MEMBER;
      }
      if (by == By.RANK) {
        offset = 0; // LIMIT with a count of -1 passes, and does nothing
      }
      SortedSetRange range = SortedSetRange.of(call, by, first, first + 1, direction);
      return new Query(range, direction, offset, limit, withScores);
    }

    /// The members wanted of a set, as ascending ranks.
    Ranks ranks(SortedSetValue sets, long entry) {
      Ranks all = range.ranks(sets, entry, direction);
      long left = offset < 0 || offset > all.count() ? 0 : all.count() - offset;
      long count = limit < 0 ? left : Math.min(limit, left);
      boolean isDown = direction == Direction.DOWNWARDS;
      long from = isDown ? all.to() - offset - count : all.from() + offset;
      return count == 0 ? Ranks.NONE : new Ranks(from, from + count);
    }

    /// Visits what [#ranks] answered, in the direction that is asked for.
    void visit(SortedSetValue sets, long entry, Ranks ranks, SortedSetValue.Visitor visitor) {
      if (direction == Direction.DOWNWARDS) {
        sets.visitBackwards(entry, ranks.to() - 1, ranks.count(), visitor);
      } else {
        sets.visit(entry, ranks.from(), ranks.count(), visitor);
      }
    }
  }
}
