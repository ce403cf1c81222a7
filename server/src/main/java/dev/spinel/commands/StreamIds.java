package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.value.StreamId;
import dev.spinel.wire.Slice;

/// Ids of a stream's entries as arguments say them.
final class StreamIds {
  static final CommandError INVALID =
      new CommandError("ERR Invalid stream ID specified as stream command argument");
  private static final CommandError INVALID_START =
      new CommandError("ERR invalid start ID for the interval");
  private static final CommandError INVALID_END =
      new CommandError("ERR invalid end ID for the interval");
  private static final int MOST_CHARS = 127;

  private StreamIds() {}

  /// Whether an argument is one sign and nothing else, as C sees it, which ends a text at its first
  /// byte of 0.
  static boolean isSign(Slice text, char sign) {
    return text.node == 0
        && text.length >= 1
        && text.byteAt(0) == sign
        && (text.length == 1 || text.byteAt(1) == 0);
  }

  /// `ms-seq`, or `ms`, which stands for `ms-0`. Errors: it is neither.
  static StreamId id(Slice text) {
    return id(text, 0);
  }

  private static StreamId id(Slice text, long missingSeq) {
    StreamId id = new StreamId();
    if (!id.parse(text) || id.sequence() == StreamId.SequencePart.ANY) {
      throw INVALID;
    }
    if (id.sequence() == StreamId.SequencePart.MISSING) {
      id.seq = missingSeq;
    }
    return id;
  }

  /// The same, and `-` and `+`, the least and the greatest id.
  static StreamId idOrEnd(Slice text) {
    return idOrEnd(text, 0);
  }

  private static StreamId idOrEnd(Slice text, long missingSeq) {
    if (text.length <= MOST_CHARS && isSign(text, '-')) {
      return new StreamId();
    }
    if (text.length <= MOST_CHARS && isSign(text, '+')) {
      return new StreamId().setMost();
    }
    return id(text, missingSeq);
  }

  private static boolean isExclusive(Slice text) {
    return text.node == 0 && text.length > 1 && text.byteAt(0) == '(';
  }

  private static Slice behindBracket(Slice text) {
    return new Slice(text.array, text.offset + 1, text.length - 1);
  }

  /// The first id of an interval, which argument `i` says: one in brackets, `(ms-seq`, isn't in it.
  /// Errors: it is none; there is none behind it.
  static StreamId start(Call call, int i) {
    Slice text = call.arg(i);
    if (!isExclusive(text)) {
      return idOrEnd(text, 0);
    }
    StreamId id = id(behindBracket(text), 0);
    if (!id.increment()) {
      throw INVALID_START;
    }
    return id;
  }

  /// The last id of an interval: without a sequence number it is the last one of its millisecond.
  static StreamId end(Call call, int i) {
    Slice text = call.arg(i);
    if (!isExclusive(text)) {
      return idOrEnd(text, -1);
    }
    StreamId id = id(behindBracket(text), -1);
    if (!id.decrement()) {
      throw INVALID_END;
    }
    return id;
  }

  /// The ids at the arguments from `first` on. Errors: one of them is none.
  static StreamId[] all(Call call, int first) {
    StreamId[] ids = array(call, call.argc() - first);
    for (int i = 0; i < ids.length; i++) {
      ids[i] = id(call.arg(first + i));
    }
    return ids;
  }

  private static final int FEW = 64; // that aren't counted
  private static final int BYTES = 48; // of the Java heap

  /// Room for so many ids.
  static StreamId[] array(Call call, int count) {
    if (count > FEW) {
      call.hold((long) BYTES * count);
    }
    return new StreamId[count];
  }
}
