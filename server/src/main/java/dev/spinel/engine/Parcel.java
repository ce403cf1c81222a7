package dev.spinel.engine;

import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Bytes that a thread with a seat has written, for one without to send elsewhere: outside the Java
/// heap if they are many. They stay until [#release].
public final class Parcel {
  private static final int SHORT = 16 << 10;
  private static final int PIECE = 4 << 20;

  private final LargeSink readBy;
  private final List<Long> nodes = new ArrayList<>(); // each of PIECE bytes, but for the last
  private byte[] small = {};
  private long bytes;

  private Parcel(LargeSink large) {
    readBy = large;
  }

  /// All that is in `from`, which is empty afterwards. Seated. Errors: there is no memory for it.
  static Parcel of(Output from, LargeSink large) {
    var parcel = new Parcel(large);
    long left = from.pendingBytes();
    parcel.bytes = left;
    if (left <= SHORT) {
      parcel.small = new byte[(int) left];
      from.drainTo(ByteBuffer.wrap(parcel.small), Long.MAX_VALUE);
      return parcel;
    }
    boolean done = false;
    try {
      byte[] part = new byte[SHORT];
      while (left > 0) {
        int length = (int) Math.min(PIECE, left);
        long node = large.begin(length);
        parcel.nodes.add(node);
        for (int at = 0, n; at < length; at += n) {
          n = Math.min(part.length, length - at);
          from.drainTo(ByteBuffer.wrap(part, 0, n), Long.MAX_VALUE);
          large.fill(node, at, part, 0, n);
        }
        left -= length;
      }
      done = true;
      return parcel;
    } finally {
      if (!done) {
        parcel.release(large);
      }
    }
  }

  public long bytes() {
    return bytes;
  }

  /// What it takes of the Java heap.
  public long heapBytes() {
    return small.length;
  }

  /// Copies bytes from `at` on, as many as there are and fit in `into`. Returns how many. Any
  /// thread, until its end.
  public int read(long at, byte[] into) {
    if (nodes.isEmpty()) {
      int n = (int) Math.min(into.length, bytes - at);
      System.arraycopy(small, (int) at, into, 0, n);
      return n;
    }
    int inPiece = (int) (at % PIECE);
    int n = (int) Math.min(Math.min(into.length, bytes - at), PIECE - inPiece);
    readBy.read(nodes.get((int) (at / PIECE)), inPiece, into, 0, n);
    return n;
  }

  /// Nobody reads it any more. Seated; `large` is the seat's. Nothing happens the second time.
  public void release(LargeSink large) {
    nodes.forEach(large::abandon);
    nodes.clear();
    small = new byte[0];
    bytes = 0;
  }
}
