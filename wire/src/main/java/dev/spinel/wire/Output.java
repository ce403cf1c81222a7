package dev.spinel.wire;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayDeque;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What one connection has still to be sent. Belongs to the connection's loop thread.
///
/// ```
///   ┌ spilled (Chunks: outside the heap, counted) ┐   ┌ tail: one array of 32 KB from the loop's pool ┐
///   │ 64 KB … 1 MB │ 64 KB … 1 MB │ …             │ → │ small replies are written here    │ free      │
///   └──────────────┴──────────────┴───────────────┘   └───────────────────────────────────┴───────────┘
///     sent first                                        `at`
/// ```
///
/// Replies are written into `tail`. When it is full, its bytes move to the last spilled chunk and
/// it is used again, so a connection never holds more than 32 KB of heap, whatever it doesn't read.
/// Large values are put straight into a chunk ([#window]). An empty output holds nothing; and once
/// many outputs of a loop hold an array, those that can't send at once put their bytes on the shelf
/// ([#shelve]), so ten thousand clients that don't read cost the heap no more than a hundred.
///
/// ## Bound replies
///
/// [#mark] binds all bytes written since the mark before to a journal position: they leave when
/// that position is released. Marks form a queue of (position, end); as bytes leave in order, a
/// position lower than the one before it adds nothing and is merged into it. Without marks
/// everything may leave at once.
///
/// ## Deferred lengths
///
/// The header of an aggregate whose length isn't known comes *before* its elements. [#defer]
/// remembers the place; [#settle] puts the header there by moving the elements a few bytes, as long
/// as they are still in `tail`. When `tail` spills, every deferred header that is open gets a chunk
/// to begin with, whose first bytes are left free: the header is written there later, right before
/// its elements. Headers are settled in reverse order, before the command ends.
///
/// ## Torn
///
/// Beyond a bound that the owner sets ([#limit]), and when there is no memory, bytes are lost. What
/// follows them would mean something else to the client, so the output is *torn* from then on: it
/// takes whatever it is given and keeps nothing of it, nothing of it may be sent any more, and its
/// connection is to be closed.
public final class Output {
  private static final int CHUNK_MIN = 64 * 1024;
  private static final int CHUNK_MAX = 1024 * 1024;

  /// Room for the longest header: a type, 19 digits, the line end.
  private static final int HEADER = 24;

  private static final byte[] NOTHING = {};
  private static final long[] NO_MARKS = {};
  private static final int[] NO_HEADERS = {};
  private static final @Nullable Piece[] NO_PIECES = {};

  /// A spilled piece: bytes `start` to `buffer.position()` are to be sent.
  private static final class Piece {
    final ByteBuffer buffer;
    int start;

    Piece(ByteBuffer buffer, int start) {
      this.buffer = buffer;
      this.start = start;
      buffer.position(start);
    }

    int left() {
      return buffer.position() - start;
    }
  }

  private final OutputPool pool;

  /// Pool array, or [#NOTHING].
  private byte[] tail = NOTHING;

  /// First byte of `tail` that is to be sent, and the first that is free.
  private int head;

  private int at;

  /// Pieces before `tail`; null if there are none.
  private @Nullable ArrayDeque<Piece> spilled;

  private long spilledBytes;

  /// Bytes of the chunks in `spilled`, used or not.
  private long chunkBytes;

  private boolean isUncounted; // its chunks are the Java heap's

  /// Bytes that have left, ever.
  private long sent;

  /// Pairs (position, end): bytes up to `end` (counted as `sent` is) wait for `position`. A ring
  /// would save little: a queue is short and drains whole.
  private long[] marks = NO_MARKS;

  private int firstMark;
  private int endMarks;

  /// Open deferred headers, outermost first: a place in `tail`, or `-1 - index` into
  /// `deferredPieces`.
  private int[] deferred = NO_HEADERS;

  private @Nullable Piece[] deferredPieces = NO_PIECES;
  private int open;

  /// See [#limit].
  private long limit = Long.MAX_VALUE;

  /// Bytes were lost.
  private boolean torn;

  public Output(OutputPool pool) {
    this.pool = pool;
  }

  // ── Bounds ──

  /// From now on an output that has at least so many bytes when it needs memory for more is
  /// [#isTorn]. It is looked at where memory is taken, so a few bytes more may come to be there
  /// unnoticed: who cares looks at [#pendingBytes], too.
  public void limit(long bytes) {
    limit = bytes;
  }

  /// Whether there is such a bound.
  public boolean isLimited() {
    return limit != Long.MAX_VALUE;
  }

  /// What is here is of no use: see [#isTorn].
  public void tear() {
    torn = true;
  }

  /// No header that is open will be settled: what is written ends in the middle.
  void abandon() {
    Arrays.fill(deferredPieces, null);
    open = 0;
  }

  /// Whether bytes were lost: nothing may be sent any more.
  public boolean isTorn() {
    return torn;
  }

  // ── Writing ──

  /// An array with at least `n` free bytes (at most 32 KB) from [#at]. Write there, then
  /// [#advance].
  public byte[] reserve(int n) {
    assert n <= OutputPool.BYTES;
    if (tail.length - at < n) makeRoom(n);
    return tail;
  }

  /// The first free place of the array that [#reserve] gave.
  public int at() {
    return at;
  }

  /// The first free place is now `at`.
  public void advance(int at) {
    assert at >= this.at && at <= tail.length;
    this.at = at;
  }

  public void write(byte[] b, int from, int n) {
    if (n <= tail.length - at) {
      System.arraycopy(b, from, tail, at, n);
      at += n;
    } else if (tail.length == 0 && spilledBytes > 0 && putOnShelf(b, from, n)) {
      return;
    } else if (n <= OutputPool.BYTES / 2 || tail.length == 0 && n <= OutputPool.BYTES) {
      makeRoom(n);
      System.arraycopy(b, from, tail, at, n);
      at += n;
    } else {
      while (n > 0) {
        ByteBuffer w = window(n);
        int part = Math.min(n, w.remaining());
        w.put(b, from, part);
        wrote(part);
        from += part;
        n -= part;
      }
    }
  }

  /// An output that waits on its shelf takes a little more there, without an array for it. Returns
  /// whether there is room.
  private boolean putOnShelf(byte[] b, int from, int n) {
    Piece last = spilled == null ? null : spilled.peekLast();
    if (last == null
        || last.buffer.remaining() < n
        || torn
        || open > 0
        || pendingBytes() >= limit) {
      return false;
    }
    last.buffer.put(b, from, n);
    spilledBytes += n;
    return true;
  }

  public void write(byte[] b) {
    write(b, 0, b.length);
  }

  /// The characters of `text` as bytes, one each.
  @SuppressWarnings("deprecation")
  public void write(String text) {
    int n = text.length();
    if (n <= OutputPool.BYTES / 2) {
      text.getBytes(0, n, reserve(n), at);
      at += n;
    } else {
      write(text.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
    }
  }

  public void write(byte b) {
    if (at == tail.length) makeRoom(1);
    tail[at++] = b;
  }

  /// For large values: a buffer with room for some of the next `n` bytes, at least one and up to 1
  /// MB, whose `put`s become output when [#wrote] says how many bytes they were. Good until the
  /// next call of anything here.
  public ByteBuffer window(int n) {
    assert n > 0;
    if (!torn) {
      empty();
    }
    if (torn) {
      if (tail.length == 0) tail = pool.take();
      head = at = 0;
      return ByteBuffer.wrap(tail);
    }
    Piece last = spilled == null ? null : spilled.peekLast();
    if (last == null || !last.buffer.hasRemaining()) {
      boolean added = false;
      try {
        last = addPiece(n, 0);
        added = true;
      } finally {
        torn |= !added;
      }
    }
    return last.buffer;
  }

  /// See [#window]: the buffer's position has gone up by `n`.
  public void wrote(int n) {
    if (!torn) spilledBytes += n;
  }

  // ── Bound replies ──

  /// Binds everything written since the last mark to the journal position `position`.
  public void mark(long position) {
    if (torn) return;
    assert open == 0;
    long end = sent + pendingBytes();
    if (end == (firstMark == endMarks ? sent : marks[endMarks - 1])) return;
    if (marks.length == 0) marks = new long[8];
    if (firstMark == endMarks) {
      firstMark = endMarks = 0;
    } else if (marks[endMarks - 2] >= position) {
      marks[endMarks - 1] = end;
      return;
    }
    if (endMarks == marks.length) {
      if (firstMark >= marks.length / 2) {
        System.arraycopy(marks, firstMark, marks, 0, endMarks - firstMark);
        endMarks -= firstMark;
        firstMark = 0;
      } else {
        marks = Arrays.copyOf(marks, marks.length * 2);
      }
    }
    marks[endMarks++] = position;
    marks[endMarks++] = end;
  }

  /// Bytes that may leave when every position up to `released` is released.
  public long releasedBytes(long released) {
    for (int i = firstMark; i < endMarks; i += 2) {
      if (marks[i] > released) return (i == firstMark ? sent : marks[i - 1]) - sent;
    }
    return pendingBytes();
  }

  /// The lowest position that some bytes wait for, or `Long.MAX_VALUE`.
  public long firstBound() {
    return firstMark == endMarks ? Long.MAX_VALUE : marks[firstMark];
  }

  // ── Deferred lengths ──

  /// Opens a header that comes here and is written by [#settle].
  public void defer() {
    if (deferred.length == 0) {
      deferred = new int[4];
      deferredPieces = new Piece[4];
    }
    if (open == deferred.length) {
      deferred = Arrays.copyOf(deferred, open * 2);
      deferredPieces = Arrays.copyOf(deferredPieces, open * 2);
    }
    deferred[open++] = at;
  }

  /// Writes the innermost open header: `type`, `count`, line end.
  public void settle(int type, long count) {
    assert open > 0;
    int n = Numbers.digits(count) + (count < 0 ? 1 : 0) + 3;
    if (deferredPieces[open - 1] == null && tail.length - at < n && !torn) makeRoom(n);
    int slot = --open;
    if (torn) { // its place may be gone
      deferredPieces[slot] = null;
      return;
    }
    Piece piece = deferredPieces[slot];
    if (piece == null) {
      int place = deferred[slot];
      System.arraycopy(tail, place, tail, place + n, at - place);
      header(tail, place, type, count);
      at += n;
    } else {
      deferredPieces[slot] = null;
      byte[] b = new byte[n];
      header(b, 0, type, count);
      piece.start -= n;
      piece.buffer.put(piece.start, b);
      spilledBytes += n;
    }
  }

  private static void header(byte[] b, int at, int type, long count) {
    b[at] = (byte) type;
    int end = Numbers.format(count, b, at + 1);
    b[end] = '\r';
    b[end + 1] = '\n';
  }

  // ── Spilling ──

  private void makeRoom(int n) {
    if (tail.length == 0) {
      boolean taken = false;
      try {
        tail = pool.take();
        taken = true;
      } finally {
        torn |= !taken;
      }
      return;
    }
    if (torn) {
      head = at = 0;
      return;
    }
    if (head > 0 && open == 0 && tail.length - (at - head) >= n) {
      System.arraycopy(tail, head, tail, 0, at - head);
      at -= head;
      head = 0;
      return;
    }
    empty();
  }

  /// [#spill]s. Torn afterwards if that failed, or if there is enough already.
  private void empty() {
    boolean spilt = false;
    try {
      spill();
      spilt = true;
    } finally {
      torn |= !spilt || pendingBytes() >= limit;
    }
  }

  /// Moves all bytes of `tail` to chunks, and what is deferred there with them.
  private void spill() {
    for (int i = 0; i < open; i++) {
      if (deferredPieces[i] != null) continue;
      spill(deferred[i]);
      deferredPieces[i] = addPiece(HEADER + Math.max(at - head, 1024), HEADER);
    }
    spill(at);
    head = at = 0;
  }

  private void spill(int upTo) {
    int n = upTo - head;
    while (n > 0) {
      Piece last = spilled == null ? null : spilled.peekLast();
      if (last == null || !last.buffer.hasRemaining()) last = addPiece(n, 0);
      int part = Math.min(n, last.buffer.remaining());
      last.buffer.put(tail, head, part);
      head += part;
      spilledBytes += part;
      n -= part;
    }
  }

  /// Moves all bytes from the heap to a chunk of their size, for a connection that will wait.
  public void shelve() {
    assert open == 0;
    int n = at - head;
    Piece last = spilled == null ? null : spilled.peekLast();
    if (n > 0 && (last == null || last.buffer.remaining() < n)) {
      // As large as what waits already: many small bits are few chunks.
      addChunk(Math.clamp(spilledBytes, (n + 1023) & -1024, CHUNK_MIN), 0);
    }
    spill(at);
    head = at = 0;
    if (tail.length > 0) {
      pool.give(tail);
      tail = NOTHING;
    }
  }

  /// Chunks grow with what is pending, so that a reply of many MB is a few pieces and one of 20 KB
  /// is small.
  private Piece addPiece(int n, int start) {
    long wanted = Math.max(n, spilledBytes);
    return addChunk(Math.clamp(wanted, CHUNK_MIN, CHUNK_MAX), start);
  }

  private Piece addChunk(int bytes, int start) {
    ByteBuffer chunk = isUncounted ? ByteBuffer.allocate(bytes) : pool.chunks.take(bytes);
    assert chunk.position() == 0 && chunk.limit() == chunk.capacity();
    Piece p = new Piece(chunk, start);
    if (spilled == null) spilled = new ArrayDeque<>(4);
    spilled.addLast(p);
    chunkBytes += chunk.capacity();
    return p;
  }

  // ── Draining ──

  /// Bytes that are not sent.
  public long pendingBytes() {
    return spilledBytes + (at - head);
  }

  public boolean isEmpty() {
    return at == head && spilledBytes == 0;
  }

  /// Memory held, on the heap and in chunks.
  public long heldBytes() {
    return tail.length + chunkBytes;
  }

  /// That in chunks alone.
  public long chunkBytes() {
    return chunkBytes;
  }

  /// From now on chunks are taken of the Java heap: they don't count as memory of the data.
  public void leaveUncounted() {
    isUncounted = true;
  }

  /// Pieces of output, `oll` of CLIENT LIST.
  public int pieces() {
    return spilled == null ? 0 : spilled.size();
  }

  /// Copies released bytes from the front into `into`, as many as fit, and leaves them here until
  /// [#consume] says that they are gone. Returns their number.
  public int peek(ByteBuffer into, long released) {
    assert open == 0;
    long limit = Math.min(into.remaining(), releasedBytes(released));
    int left = (int) limit;
    if (spilled != null) {
      for (Piece p : spilled) {
        int n = Math.min(left, p.left());
        into.put(into.position(), p.buffer, p.start, n).position(into.position() + n);
        left -= n;
        if (left == 0) break;
      }
    }
    int n = Math.min(left, at - head);
    into.put(tail, head, n);
    return (int) limit - left + n;
  }

  /// As [#peek] and [#consume] of what was copied.
  public int drainTo(ByteBuffer into, long released) {
    int n = peek(into, released);
    consume(n);
    return n;
  }

  /// The first `n` bytes are sent.
  public void consume(long n) {
    if (torn) return; // they may be lost: nothing will be sent after them
    assert n <= pendingBytes() && open == 0;
    sent += n;
    while (n > 0 && spilled != null && !spilled.isEmpty()) {
      Piece p = spilled.peekFirst();
      int part = (int) Math.min(n, p.left());
      p.start += part;
      spilledBytes -= part;
      n -= part;
      if (p.left() > 0) break;
      drop(spilled.removeFirst());
    }
    head += (int) n;
    if (head == at) {
      head = at = 0;
      if (spilledBytes == 0) rest();
    }
    while (firstMark < endMarks && marks[firstMark + 1] <= sent) firstMark += 2;
  }

  /// Sends released bytes until the channel takes no more, or `enough` have left; large chunks go
  /// as they are, the rest through `direct`, which is empty before and after. Returns the number of
  /// bytes sent.
  public long writeTo(WritableByteChannel channel, ByteBuffer direct, long released, long enough)
      throws IOException {
    long total = send(channel, direct, released, enough);
    shelveIfShort();
    return total;
  }

  /// To be called when a socket took less than there was: [#shelve]s if many outputs wait.
  public void shelveIfShort() {
    if (at != head && pool.isShort() && !torn) shelve();
  }

  /// The rest of the chunk that is sent next, if that is memory outside the heap and has at least
  /// `bytes` bytes: to be sent as it is, without a copy. It stays good until [#consume] or
  /// [#close]. Null if there is none such; then [#peek].
  public @Nullable ByteBuffer largeFront(int bytes) {
    Piece first = spilled == null ? null : spilled.peekFirst();
    return first != null && first.left() >= bytes && first.buffer.isDirect()
        ? first.buffer.duplicate().limit(first.buffer.position()).position(first.start)
        : null;
  }

  private long send(WritableByteChannel channel, ByteBuffer direct, long released, long enough)
      throws IOException {
    long total = 0;
    while (total < enough) {
      long may = releasedBytes(released);
      if (may == 0) return total;
      Piece first = spilled == null ? null : spilled.peekFirst();
      int offered;
      int written;
      if (first != null && first.buffer.isDirect() && first.left() >= direct.capacity() / 2) {
        offered = (int) Math.min(may, first.left());
        written =
            channel.write(
                first.buffer.duplicate().position(first.start).limit(first.start + offered));
      } else {
        direct.clear();
        offered = peek(direct, released);
        written = channel.write(direct.flip());
      }
      consume(written);
      total += written;
      if (written < offered) return total;
    }
    return total;
  }

  /// Gives everything back, sent or not, when the connection ends, or for a new beginning.
  public void close() {
    open = 0;
    torn = false;
    Arrays.fill(deferredPieces, null);
    sent += pendingBytes();
    spilledBytes = 0;
    head = at = 0;
    firstMark = endMarks = 0;
    if (spilled != null) for (Piece p : spilled) drop(p);
    spilled = null;
    rest();
  }

  private void rest() {
    if (spilled != null) {
      for (Piece p : spilled) drop(p);
      spilled = null;
    }
    if (tail.length > 0) {
      pool.give(tail);
      tail = NOTHING;
    }
    if (firstMark == endMarks) {
      firstMark = endMarks = 0;
      if (marks != null && marks.length > 64) marks = NO_MARKS;
    }
  }

  private void drop(Piece p) {
    chunkBytes -= p.buffer.capacity();
    pool.chunks.give(p.buffer);
  }
}
