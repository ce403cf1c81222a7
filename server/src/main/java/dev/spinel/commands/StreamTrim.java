package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;
import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// The options of XADD and XTRIM: to what a stream is trimmed. What they leave to chance, as whole
/// blocks go or a limit is reached, their effect says exactly.
///
/// @param most the most entries that stay, if `least` is null
/// @param least the first id that stays; null: it goes by their number
/// @param threshold the position of one of these; 0: nothing is trimmed
/// @param approximately `~`: blocks go as a whole
/// @param limit the most entries that go; 0: there is none
/// @param noMake NOMKSTREAM: an absent key stays absent
/// @param idAt the position of the id, of XADD
/// @param id null: `*`
record StreamTrim(
    long most,
    @Nullable StreamId least,
    int threshold,
    boolean approximately,
    long limit,
    boolean noMake,
    int idAt,
    @Nullable StreamId id) {
  private static final CommandError BOTH =
      new CommandError(
          "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  private static final CommandError NEGATIVE_LENGTH =
      new CommandError("ERR The MAXLEN argument must be >= 0.");
  private static final CommandError NEGATIVE_LIMIT =
      new CommandError("ERR The LIMIT argument must be >= 0.");
  private static final CommandError LIMIT_OF_NOTHING =
      new CommandError(
          "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  private static final CommandError NO_STRATEGY =
      new CommandError("ERR syntax error, XTRIM must be called with a trimming strategy");
  private static final CommandError EXACT_LIMIT =
      new CommandError("ERR syntax error, LIMIT cannot be used without the special ~ option");

  private static final long BLOCKS_AT_ONCE = 100;
  private static final long LIMIT_OF_UNLIMITED = 10_000;
  private static final long MOST_LIMIT = 1_000_000;
  private static final int FIRST_OPTION = 2;

  /// Reads the options of XADD, up to its id.
  static StreamTrim ofAdd(Call call) {
    return read(call, true);
  }

  /// Reads those of XTRIM.
  static StreamTrim ofTrim(Call call) {
    return read(call, false);
  }

  private static StreamTrim read(Call call, boolean adds) {
    long most = 0;
    StreamId least = null;
    int threshold = 0;
    boolean approximately = false;
    long limit = -1;
    boolean noMake = false;
    StreamId id = null;
    Options o = call.options(FIRST_OPTION);
    while (o.next()) {
      Slice word = call.arg(o.position());
      if (adds && StreamIds.isSign(word, '*')) {
        break;
      } else if (o.is("MAXLEN", 1) || o.is("MINID", 1)) {
        boolean byLength = o.is("MAXLEN");
        if (threshold != 0) {
          throw BOTH;
        }
        Slice next = call.arg(o.position() + 1);
        boolean isTilde = StreamIds.isSign(next, '~');
        if (o.left() >= 2 && (isTilde || StreamIds.isSign(next, '='))) {
          approximately = isTilde;
          o.take();
        }
        if (byLength) {
          most = o.integer();
          if (most < 0) {
            throw NEGATIVE_LENGTH;
          }
        } else {
          least = StreamIds.id(o.word());
        }
        threshold = o.position();
      } else if (o.is("LIMIT", 1)) {
        limit = o.integer();
        if (limit < 0) {
          throw NEGATIVE_LIMIT;
        }
      } else if (adds && o.is("NOMKSTREAM")) {
        noMake = true;
      } else if (adds) {
        id = new StreamId();
        if (!id.parse(word)) {
          throw StreamIds.INVALID;
        }
        break;
      } else {
        throw CommandError.SYNTAX;
      }
    }
    if (limit > 0 && threshold == 0) {
      throw LIMIT_OF_NOTHING;
    }
    if (!adds && threshold == 0) {
      throw NO_STRATEGY;
    }
    limit = effectiveLimit(call, limit, approximately);
    int idAt = Math.min(o.position(), call.argc());
    return new StreamTrim(most, least, threshold, approximately, limit, noMake, idAt, id);
  }

  /// @param said -1: nothing
  private static long effectiveLimit(Call call, long said, boolean approximately) {
    if (call.session().isTrusted()) {
      return 0; // what comes from the primary or a file is exact
    }
    if (said >= 0) {
      if (!approximately) {
        throw EXACT_LIMIT;
      }
      return said;
    }
    if (!approximately) {
      return 0;
    }
    long limit = BLOCKS_AT_ONCE * call.limits().get(Settings.STREAM_NODE_MAX_ENTRIES);
    return limit <= 0 ? LIMIT_OF_UNLIMITED : Math.min(limit, MOST_LIMIT);
  }

  /// Trims the stream at `key`, if anything was said of that; returns how many entries went.
  long trim(Call call, Key key) {
    if (threshold == 0) {
      return 0;
    }
    var trim = new StreamValue.Trim(most, least, approximately, limit);
    return call.values().streams().trim(key.place, trim);
  }

  /// Whether the command itself would do something else on another server.
  boolean isInexact(Call call) {
    return threshold != 0 && (approximately || call.values().streams().trimmedLess());
  }

  /// The command's words as its effect: what the stream has been trimmed to is said exactly.
  Object[] effect(Call call, Key key) {
    Object[] words = new Object[call.argc()];
    for (int i = 0; i < words.length; i++) {
      words[i] = call.arg(i);
    }
    if (isInexact(call)) {
      if (approximately) {
        words[threshold - 1] = "=";
      }
      StreamValue streams = call.values().streams();
      long entry = key.entry();
      words[threshold] =
          least == null
              ? (Object) streams.length(entry)
              : streams.firstIdInBlocks(entry, new StreamId()).text();
    }
    return words;
  }
}
