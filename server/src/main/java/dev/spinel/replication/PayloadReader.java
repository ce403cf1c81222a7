package dev.spinel.replication;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Reads what a primary sends between its answer to PSYNC and the stream:
///
/// ```
///   \n \n …                  it is still there
///   $1234\r\n  1234 bytes    from a file: no line end behind it
///   $EOF:<mark>\r\n  bytes  <mark>      from memory: the mark is 40 bytes, nothing follows until it is acknowledged
///   -ERR …\r\n               it can't
/// ```
///
/// In the second form the last 40 bytes are held back until it is known that they aren't the mark.
final class PayloadReader {
  /// Gets what was read.
  interface Sink {
    /// A newline: the primary is there.
    void alive();

    /// @param bytes that come; -1: nobody knows
    void begins(long bytes);

    /// @param bytes of what was fed, or of nobody else: they may be kept if that may
    void piece(byte[] bytes, int from, int to);

    void ended();

    /// The primary has said why it can't.
    void refused(String text);

    /// Not a payload: the line that came.
    void nonsense(String line);
  }

  private enum State {
    HEADER,
    COUNTED,
    MARKED,
    OVER
  }

  private static final int MARK_BYTES = 40;

  private final Line line = new Line();
  private State state = State.HEADER;
  private boolean marked;
  private long left;
  private byte[] mark = {};
  private final byte[] held = new byte[MARK_BYTES];
  private int heldBytes;

  /// Whether the payload's length was unknown: the primary then waits for an acknowledgement.
  boolean isMarked() {
    return marked;
  }

  /// Returns the index of the first byte that it didn't read, which belongs to the stream.
  int feed(byte[] bytes, int from, int to, Sink sink) {
    int at = from;
    while (at < to && state != State.OVER) {
      at =
          switch (state) {
            case HEADER -> header(bytes, at, to, sink);
            case COUNTED -> counted(bytes, at, to, sink);
            case MARKED -> marked(bytes, at, to, sink);
            case OVER -> throw new AssertionError();
          };
    }
    return at;
  }

  private int header(byte[] bytes, int from, int to, Sink sink) {
    int at = line.take(bytes, from, to);
    String text = line.text();
    if (text != null) {
      begin(text, sink);
    }
    return at;
  }

  private void begin(String text, Sink sink) {
    if (text.isEmpty()) {
      sink.alive();
    } else if (text.startsWith("-")) {
      state = State.OVER;
      sink.refused(text.substring(1));
    } else if (text.startsWith("$EOF:") && text.length() >= 5 + MARK_BYTES) {
      mark = text.substring(5, 5 + MARK_BYTES).getBytes(StandardCharsets.ISO_8859_1);
      marked = true;
      state = State.MARKED;
      sink.begins(-1);
    } else if (text.matches("\\$\\d{1,18}")) {
      left = Long.parseLong(text.substring(1));
      state = State.COUNTED;
      sink.begins(left);
      if (left == 0) {
        end(sink);
      }
    } else {
      state = State.OVER;
      sink.nonsense(text);
    }
  }

  private int counted(byte[] bytes, int from, int to, Sink sink) {
    int n = (int) Math.min(left, to - from);
    left -= n;
    sink.piece(bytes, from, from + n);
    if (left == 0) {
      end(sink);
    }
    return from + n;
  }

  /// Of what is held and what has come, the last 40 bytes are held, the rest is handed on.
  private int marked(byte[] bytes, int from, int to, Sink sink) {
    int n = to - from;
    if (n >= MARK_BYTES) {
      handOn(heldBytes, sink);
      if (n > MARK_BYTES) {
        sink.piece(bytes, from, to - MARK_BYTES);
      }
      System.arraycopy(bytes, to - MARK_BYTES, held, 0, MARK_BYTES);
      heldBytes = MARK_BYTES;
    } else {
      handOn(Math.max(0, heldBytes + n - MARK_BYTES), sink);
      System.arraycopy(bytes, from, held, heldBytes, n);
      heldBytes += n;
    }
    if (heldBytes == MARK_BYTES && Arrays.equals(held, mark)) {
      end(sink);
    }
    return to;
  }

  private void handOn(int n, Sink sink) {
    if (n > 0) {
      sink.piece(Arrays.copyOf(held, n), 0, n);
      System.arraycopy(held, n, held, 0, heldBytes - n);
      heldBytes -= n;
    }
  }

  private void end(Sink sink) {
    state = State.OVER;
    sink.ended();
  }
}
