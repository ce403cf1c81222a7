package dev.spinel.peer;

import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespValue;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads replies (RESP2 and RESP3) as their bytes arrive, in whatever pieces.
///
/// A reply becomes a tree of bounded size ([ReplyLimits]): another server can't make this one run
/// out of memory. Only a string that its reader wants in pieces ([Sink#takesPieces]) may be longer
/// than that; it is handed on as it comes and never held.
///
/// ```
///   header ──"*2"──► header of its first element …            frames: aggregates that are open
///     │ "$5"                                                     *3 ─► [1, "x", │
///     └─► string ─► line end ─► value ──► into its frame, or to the sink if no frame is open
/// ```
///
/// Bytes that are no reply break the reader ([#error]); the link they came by is of no use then.
public final class ReplyReader {
  /// What a reply may be. `treeBytes` counts strings as they are, and each element with 32.
  public record ReplyLimits(int treeBytes, int nesting) {
    /// Replies of commands that servers send each other: INFO, CLUSTER SLOTS, lists of Sentinels.
    public static final ReplyLimits USUAL = new ReplyLimits(8 << 20, 32);
  }

  /// Gets what was read.
  public interface Sink {
    /// A whole reply or push. Returns whether what follows is a reply, too. If not, [#feed]
    /// returns, and the rest of the bytes are the caller's.
    boolean reply(RespValue reply);

    /// Whether a string of `length` bytes, which isn't part of an aggregate, is wanted in pieces.
    default boolean takesPieces(long length) {
      return false;
    }

    /// Some of the bytes of such a string.
    default void piece(byte[] bytes, int from, int to) {}

    /// Its end. Returns what [#reply] returns.
    default boolean piecesEnd() {
      return true;
    }
  }

  private enum State {
    HEADER, // of a value: the line that begins with its type
    STRING,
    PIECES,
    STRING_END, // the line end behind a string
    PIECES_END,
    BROKEN
  }

  /// An aggregate whose elements are being read.
  private static final class Frame {
    final char type;
    final List<RespValue> elements;
    long left;

    Frame(char type, long left) {
      this.type = type;
      this.left = left;
      this.elements = new ArrayList<>((int) Math.min(left, 64));
    }
  }

  private static final int LINE_BYTES_MAX = 64 << 10;
  private static final int ELEMENT_BYTES = 32;
  private static final byte[] NOTHING = {};

  private final ReplyLimits limits;
  private final ArrayList<Frame> frames = new ArrayList<>();
  private State state = State.HEADER;
  private byte[] line = NOTHING;
  private int lineBytes;
  private char type; // of the string at hand: $, =, !
  private byte[] string = NOTHING;
  private int stringBytes; // so far
  private long left; // of the string, or of its line end
  private long treeBytes; // of the reply at hand
  private @Nullable String error;

  public ReplyReader(ReplyLimits limits) {
    this.limits = limits;
  }

  /// Reads bytes `from` to `to`. Returns the index of the first one that it didn't read: `to`,
  /// unless the sink has said that something else follows. After an error it reads nothing.
  public int feed(byte[] bytes, int from, int to, Sink sink) {
    int at = from;
    while (at < to && state != State.BROKEN) {
      switch (state) {
        case HEADER -> {
          int end = endOfLine(bytes, at, to);
          if (end < 0) {
            return to;
          }
          at = end;
          if (state != State.BROKEN && !header(sink)) {
            return at;
          }
        }
        case STRING -> {
          int n = (int) Math.min(left, to - at);
          System.arraycopy(bytes, at, string, stringBytes, n);
          stringBytes += n;
          at += n;
          left -= n;
          if (left == 0) {
            awaitLineEnd(State.STRING_END);
          }
        }
        case PIECES -> {
          int n = (int) Math.min(left, to - at);
          left -= n;
          sink.piece(bytes, at, at + n);
          at += n;
          if (left == 0) {
            awaitLineEnd(State.PIECES_END);
          }
        }
        case STRING_END, PIECES_END -> {
          byte wanted = (byte) (left == 2 ? '\r' : '\n');
          if (bytes[at++] != wanted) {
            fail("a string without its line end");
          } else if (--left == 0 && !endString(sink)) {
            return at;
          }
        }
        case BROKEN -> throw new AssertionError();
      }
    }
    return at;
  }

  /// Why the bytes are no replies, or null.
  public @Nullable String error() {
    return error;
  }

  /// Whether a reply has begun and isn't complete.
  public boolean hasPending() {
    return lineBytes > 0 || !frames.isEmpty() || state != State.HEADER;
  }

  private void fail(String why) {
    error = why;
    state = State.BROKEN;
    line = NOTHING;
    string = NOTHING;
    frames.clear();
  }

  /// Gathers a line without its end. Returns the index behind it, or -1 if more must come.
  private int endOfLine(byte[] bytes, int from, int to) {
    int end = from;
    while (end < to && bytes[end] != '\n') {
      end++;
    }
    int n = end - from;
    if (lineBytes + n > LINE_BYTES_MAX) {
      fail("a line of more than " + LINE_BYTES_MAX + " bytes");
      return to;
    }
    if (lineBytes + n > line.length) {
      line = Arrays.copyOf(line, Math.max(64, Math.max(lineBytes + n, line.length * 2)));
    }
    System.arraycopy(bytes, from, line, lineBytes, n);
    lineBytes += n;
    if (end == to) {
      return -1;
    }
    if (lineBytes > 0 && line[lineBytes - 1] == '\r') {
      lineBytes--;
    }
    return end + 1;
  }

  /// Takes the line as the beginning of a value. Returns whether to go on.
  private boolean header(Sink sink) {
    int n = lineBytes;
    lineBytes = 0;
    if (n == 0) {
      fail("an empty line instead of a reply");
      return true;
    }
    char kind = (char) (line[0] & 0xff);
    switch (kind) {
      case '+', '-', ',', '(' -> {
        String text = text(line, 1, n - 1);
        return value(
            switch (kind) {
              case '+' -> new RespValue.Simple(text);
              case '-' -> new RespValue.Error(text);
              case ',' -> new RespValue.Double(text);
              default -> new RespValue.Big(text);
            },
            n,
            sink);
      }
      case '_' -> {
        return value(new RespValue.Nil(), n, sink);
      }
      case '#' -> {
        return value(new RespValue.Bool(n == 2 && line[1] == 't'), n, sink);
      }
      default -> {}
    }
    if (!Numbers.isLong(line, 1, n - 1)) {
      fail("no reply begins with '" + printable(n) + "'");
      return true;
    }
    long number = Numbers.parseLong(line, 1, n - 1, -1);
    return switch (kind) {
      case ':' -> value(new RespValue.Int(number), n, sink);
      case '$', '=', '!' -> beginString(kind, number, sink);
      case '*', '~', '>', '%', '|' -> beginAggregate(kind, number, sink);
      default -> {
        fail("no reply begins with '" + printable(n) + "'");
        yield true;
      }
    };
  }

  private boolean beginString(char kind, long length, Sink sink) {
    if (length == -1 && kind == '$') {
      return value(new RespValue.Nil(), 0, sink);
    }
    if (length < 0) {
      fail("a string of " + length + " bytes");
      return true;
    }
    type = kind;
    if (kind == '$' && frames.isEmpty() && sink.takesPieces(length)) {
      left = length;
      state = State.PIECES;
      if (length == 0) {
        awaitLineEnd(State.PIECES_END);
      }
      return true;
    }
    if (length > limits.treeBytes - treeBytes) {
      fail("a reply of more than " + limits.treeBytes + " bytes");
      return true;
    }
    string = new byte[(int) length];
    stringBytes = 0;
    left = length;
    state = State.STRING;
    if (length == 0) {
      awaitLineEnd(State.STRING_END);
    }
    return true;
  }

  private void awaitLineEnd(State end) {
    state = end;
    left = 2;
  }

  private boolean endString(Sink sink) {
    boolean pieces = state == State.PIECES_END;
    state = State.HEADER;
    if (pieces) {
      return sink.piecesEnd();
    }
    byte[] bytes = string;
    string = NOTHING;
    switch (type) {
      case '$' -> {
        return value(new RespValue.Bulk(bytes), bytes.length, sink);
      }
      case '!' -> {
        return value(new RespValue.Error(text(bytes, 0, bytes.length)), bytes.length, sink);
      }
      default -> {
        if (bytes.length < 4) {
          fail("a verbatim string without a format");
          return true;
        }
        String format = text(bytes, 0, 3);
        String text = text(bytes, 4, bytes.length - 4);
        return value(new RespValue.Verbatim(format, text), bytes.length, sink);
      }
    }
  }

  private boolean beginAggregate(char kind, long count, Sink sink) {
    if (count == -1 && kind == '*') {
      return value(new RespValue.Nil(), 0, sink);
    }
    long each = kind == '%' || kind == '|' ? 2 : 1;
    if (count < 0 || count > (limits.treeBytes - treeBytes) / (ELEMENT_BYTES * each)) {
      fail("an aggregate of " + count);
    } else if (frames.size() == limits.nesting) {
      fail("a reply that nests deeper than " + limits.nesting);
    } else {
      frames.add(new Frame(kind, count * each));
      return count > 0 || closeFrames(sink);
    }
    return true;
  }

  /// A value is complete.
  private boolean value(RespValue value, int bytes, Sink sink) {
    if (frames.isEmpty()) {
      treeBytes = 0;
      return sink.reply(value);
    }
    treeBytes += bytes + ELEMENT_BYTES;
    if (treeBytes > limits.treeBytes) {
      fail("a reply of more than " + limits.treeBytes + " bytes");
      return true;
    }
    Frame frame = frames.getLast();
    frame.elements.add(value);
    frame.left--;
    return frame.left > 0 || closeFrames(sink);
  }

  /// The innermost aggregate is complete, and perhaps those around it.
  private boolean closeFrames(Sink sink) {
    Frame frame = frames.removeLast();
    List<RespValue> elements = frame.elements;
    return switch (frame.type) {
      case '*' -> value(new RespValue.Array(elements), 0, sink);
      case '~' -> value(new RespValue.Set(elements), 0, sink);
      case '>' -> value(new RespValue.Push(elements), 0, sink);
      case '%' -> value(new RespValue.Map(elements), 0, sink);
      default -> true; // attributes: what they belong to follows
    };
  }

  private String printable(int n) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(n, 32); i++) {
      text.append(line[i] >= ' ' && line[i] < 127 ? (char) line[i] : '.');
    }
    return text.toString();
  }

  private static String text(byte[] bytes, int from, int length) {
    return new String(bytes, from, length, StandardCharsets.ISO_8859_1);
  }
}
