package dev.spinel.replication;

import dev.spinel.journal.Journal;
import dev.spinel.wire.Chunks;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The last part of the replication stream: for replicas that read it as it grows, and for those
/// who were away for a while.
///
/// ```
///   first                                                        last
///   │ block (pinned by the slowest cursor) │ block │ block │ block ░░│
///     ▲                                              ▲             ▲
///     cursor of a slow replica                       cursor        the journal appends
/// ```
///
/// Offsets count from 1, as Redis does: byte `last` is the last one of the stream, and whoever has
/// all up to `n` asks for `n + 1`.
///
/// **What is kept.** At least `sizeBytes`, once there is so much, by whole blocks; and all that a
/// cursor hasn't read. A cursor that falls behind by more than its limit is *lost*: its owner is
/// told, and what it holds goes when the owner closes it. So memory is bounded by the larger of the
/// size and the limit.
///
/// **Without memory** for what is appended the stream has a gap: it is counted, but nothing of it
/// and of what came before can be had any more, and all cursors are lost. So nobody reads on behind
/// a gap; replicas copy all data anew.
///
/// **Threads.** One thread at a time appends: whoever merges the journal. Each cursor belongs to
/// its replica's thread. Bytes are copied without a lock: appending writes behind `last`, which is
/// raised afterwards, and a cursor reads before it, in a block that it has pinned. The lock guards
/// the list of blocks and their pins, and is held for a step in that list only.
///
/// Its memory comes from `chunks`, which are used under the lock, and doesn't count towards
/// `maxmemory`.
public final class Backlog implements Journal.Reader, AutoCloseable {
  private static final int BLOCK_BYTES_MIN = 16 << 10;
  private static final int BLOCK_BYTES_MAX = 1 << 20;

  private static final class Block {
    final ByteBuffer bytes;
    final int size;
    final long first; // the offset of its first byte
    @Nullable Block next; // lock
    int pins; // lock

    Block(ByteBuffer bytes, long first) {
      this.bytes = bytes;
      this.size = bytes.remaining();
      this.first = first;
    }

    long end() {
      return first + size;
    }
  }

  /// A reader's place in the stream.
  public final class Cursor implements AutoCloseable {
    private final Runnable onLost;
    private volatile long limitBytes;
    private volatile long next; // the offset of the byte that it reads next
    private volatile boolean lost;
    private boolean closed; // lock
    private @Nullable Block block; // its thread; changed under the lock

    private Cursor(long next, long limitBytes, Runnable onLost) {
      this.next = next;
      this.limitBytes = limitBytes;
      this.onLost = onLost;
    }

    /// Copies what comes next, as much as fits. Returns the number of bytes: 0 if there is nothing
    /// yet, -1 if it is lost.
    public int read(ByteBuffer into) {
      int total = 0;
      while (into.hasRemaining() && !lost) {
        long at = next;
        long available = last + 1 - at;
        if (available == 0) {
          break;
        }
        Block from = blockOf(at);
        if (from == null) {
          break;
        }
        int index = (int) (at - from.first);
        int n = (int) Math.min(Math.min(available, from.size - index), into.remaining());
        into.put(into.position(), from.bytes, index, n).position(into.position() + n);
        next = at + n;
        total += n;
      }
      return total == 0 && lost ? -1 : total;
    }

    /// The block that it has pinned, or the one behind that, which it pins instead. Null if it is
    /// lost.
    private @Nullable Block blockOf(long at) {
      Block pinned = block;
      if (pinned != null && at < pinned.end()) {
        return pinned;
      }
      synchronized (lock) {
        if (lost) {
          return null;
        }
        Block from = pinned == null ? head : pinned.next;
        while (from != null && at >= from.end()) {
          from = from.next;
        }
        if (from == null || at < from.first) {
          throw new IllegalStateException("byte " + at + " isn't kept");
        }
        from.pins++;
        block = from;
        if (pinned != null) {
          pinned.pins--;
          trim();
        }
        return from;
      }
    }

    /// The offset of the byte that it reads next.
    public long next() {
      return next;
    }

    /// Bytes that are there and that it hasn't read.
    public long unreadBytes() {
      return last + 1 - next;
    }

    /// How far it may fall behind; 0: as far as it likes.
    public void limit(long bytes) {
      limitBytes = bytes;
    }

    public boolean isLost() {
      return lost;
    }

    /// Nothing is kept for it any more.
    @Override
    public void close() {
      synchronized (lock) {
        if (!closed) {
          closed = true;
          lost = true;
          cursors.remove(this);
          Block pinned = block;
          block = null;
          if (pinned != null) {
            pinned.pins--;
          }
          if (!isClosed) {
            trim(); // it may have waited for the beginning without having read anything
          } else if (pinned != null) {
            giveUnpinned();
          }
        }
      }
    }
  }

  private final Object lock = new Object();
  private final Chunks chunks;
  private final StreamMarks marks = new StreamMarks();
  private final List<Cursor> cursors = new ArrayList<>(); // lock
  private @Nullable Block head; // lock
  private @Nullable Block tail; // appending; changed under the lock
  private long sizeBytes; // lock
  private long heldBytes; // lock: of all blocks
  private long begin; // no byte before it can be had; lock
  private boolean isClosed; // lock
  private volatile long first;
  private volatile long last;
  private volatile Runnable onAppended = () -> {};
  private volatile Runnable onGap = () -> {};

  /// @param offset of the last byte before it begins
  public Backlog(long offset, long sizeBytes, Chunks chunks) {
    this.chunks = chunks;
    this.sizeBytes = sizeBytes;
    this.last = offset;
    this.first = offset + 1;
    this.begin = offset + 1;
  }

  // ── appending ──

  @Override
  public void append(byte[] bytes, int from, int length) {
    int at = from;
    int left = length;
    while (left > 0) {
      Block into = tail;
      long end = last + 1;
      if (into == null || end >= into.end()) {
        into = grow(end);
        if (into == null) {
          leaveGap(end + left);
          return;
        }
      }
      int index = (int) (end - into.first);
      int n = Math.min(left, into.size - index);
      into.bytes.put(index, bytes, at, n);
      last = end + n - 1;
      at += n;
      left -= n;
    }
  }

  @Override
  public void passed(long position, long offset) {
    marks.add(position, last);
    onAppended.run();
  }

  /// Has `listener` told, by whoever appends, after some bytes were: it does next to nothing.
  public void onAppended(Runnable listener) {
    onAppended = listener;
  }

  /// Has `listener` told, by whoever appends, that there was no memory for what it did: it does
  /// next to nothing.
  public void onGap(Runnable listener) {
    onGap = listener;
  }

  /// Nothing before this byte can be had. What cursors still hold goes with them.
  private void leaveGap(long behind) {
    List<Runnable> toldLost = new ArrayList<>();
    synchronized (lock) {
      if (isClosed) {
        return;
      }
      begin = behind;
      first = behind;
      last = behind - 1;
      for (Cursor cursor : cursors) {
        if (!cursor.lost) {
          cursor.lost = true;
          toldLost.add(cursor.onLost);
        }
      }
      trim();
    }
    onGap.run();
    toldLost.forEach(Runnable::run);
  }

  /// A new block at the end; what is older than need be goes. Null if all is closed, or if there is
  /// no memory.
  private @Nullable Block grow(long end) {
    List<Runnable> toldLost = List.of();
    Block added;
    synchronized (lock) {
      if (isClosed) {
        return null;
      }
      int size = Math.clamp(sizeBytes / 16, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
      try {
        added = new Block(chunks.take(size), end);
      } catch (OutOfMemoryError e) {
        return null;
      }
      heldBytes += added.size;
      Block before = tail;
      if (before == null) {
        head = added;
      } else {
        before.next = added;
      }
      tail = added;
      for (Cursor cursor : cursors) {
        long limit = cursor.limitBytes;
        if (!cursor.lost && limit > 0 && end - cursor.next > limit) {
          cursor.lost = true;
          toldLost = toldLost.isEmpty() ? new ArrayList<>() : toldLost;
          toldLost.add(cursor.onLost);
        }
      }
      trim();
    }
    for (Runnable told : toldLost) {
      told.run();
    }
    return added;
  }

  /// Gives blocks back from the front. Under the lock.
  private void trim() {
    Block at = head;
    while (at != null
        && at != tail
        && at.pins == 0
        && (at.end() <= begin || last + 1 - at.end() >= sizeBytes)
        && !isAwaited(at)) {
      head = at.next;
      give(at);
      at = head;
    }
    first = at == null ? begin : Math.max(begin, at.first);
  }

  /// Whether a cursor that hasn't pinned anything yet begins in this block or before it.
  private boolean isAwaited(Block block) {
    for (Cursor cursor : cursors) {
      if (!cursor.lost && cursor.next < block.end()) {
        return true;
      }
    }
    return false;
  }

  private void give(Block block) {
    heldBytes -= block.size;
    chunks.give(block.bytes);
  }

  // ── reading ──

  /// Whether a stream from byte `from` on can be had.
  public boolean has(long from) {
    return from >= first && from <= last + 1;
  }

  /// A cursor that reads from byte `from` on. From now on all that it hasn't read is kept.
  ///
  /// @param limitBytes how far it may fall behind; 0: as far as it likes
  /// @param onLost called once if it does, by whoever appends: it does next to nothing
  public Cursor open(long from, long limitBytes, Runnable onLost) {
    synchronized (lock) {
      if (!has(from) || isClosed) {
        throw new IllegalArgumentException("byte " + from + " isn't kept");
      }
      Cursor cursor = new Cursor(from, limitBytes, onLost);
      cursors.add(cursor);
      return cursor;
    }
  }

  /// The first byte that is kept: `repl_backlog_first_byte_offset`.
  public long first() {
    return first;
  }

  /// The last byte of the stream.
  public long last() {
    return last;
  }

  /// An offset behind all records of the journal up to this position; -1: they aren't all in the
  /// stream yet.
  public long offsetOf(long position) {
    return marks.offsetOf(position);
  }

  /// Bytes that are kept: `repl_backlog_histlen`.
  public long keptBytes() {
    return last + 1 - first;
  }

  /// Memory that it takes.
  public long heldBytes() {
    synchronized (lock) {
      return heldBytes;
    }
  }

  /// How much is kept at least.
  public void resize(long bytes) {
    synchronized (lock) {
      sizeBytes = bytes;
      trim();
    }
  }

  /// All goes but for what a cursor is reading, which goes when the cursor is closed. All cursors
  /// are lost; their owners aren't told. Nobody appends meanwhile.
  @Override
  public void close() {
    synchronized (lock) {
      isClosed = true;
      for (Cursor cursor : cursors) {
        cursor.lost = true;
      }
      giveUnpinned();
    }
  }

  private void giveUnpinned() {
    Block before = null;
    for (Block at = head; at != null; at = at.next) {
      if (at.pins > 0) {
        before = at;
        continue;
      }
      give(at);
      if (before == null) {
        head = at.next;
      } else {
        before.next = at.next;
      }
    }
    tail = null;
  }
}
