package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;

/// The bytes of a long string, in a [Sequence] of chunks of up to 64 KB: reading and writing
/// anywhere without ever having the whole in one piece.
///
/// A seat has a few, each with a cursor of its own: [#open] a root cell first. Of what a walk may
/// still read the bytes that are overwritten are kept ([Sequence.Orphans#keeps]), or the chunk is
/// copied, as the sequence does it.
public final class ChunkedBytes {

  /// The most bytes that one chunk holds: sixteen granules of the allocator.
  public static final int CHUNK = 64 << 10;

  private final Memory m;
  private final Allocator allocator;
  private final Sequence sequence;

  public ChunkedBytes(Memory m, Allocator allocator) {
    this.m = m;
    this.allocator = allocator;
    this.sequence = new Sequence(m, allocator);
  }

  /// Turns to a string; see [Sequence#open(long,boolean,int,Sequence.Orphans)].
  public ChunkedBytes open(long root, boolean frozen, int epoch, Sequence.Orphans orphans) {
    sequence.open(root, frozen, epoch, orphans);
    return this;
  }

  /// Turns to a string that no walk can know.
  public ChunkedBytes open(long root) {
    sequence.open(root);
    return this;
  }

  /// Turns to a string that is only read.
  public ChunkedBytes openToRead(long root) {
    sequence.openToRead(root);
    return this;
  }

  public long length() {
    return sequence.count();
  }

  // ── reading ──

  /// The byte at `at`, which is below the length.
  public byte byteAt(long at) {
    sequence.seek(at);
    return m.getByte(sequence.leaf() + sequence.offset(at));
  }

  /// Copies bytes `at` to `at + n`, which exist, to `to[from…]`.
  public void copyOut(long at, byte[] to, int from, int n) {
    int done = 0;
    while (done < n) {
      int offset = reach(at + done);
      int piece = (int) Math.min(n - done, sequence.leafCount() - offset);
      m.copyOut(sequence.leaf() + offset, to, from + done, piece);
      done += piece;
    }
  }

  /// Makes a copy of bytes `at` to `at + n`, which is in `to[from…]`, what they were at the cut.
  void restore(BeforeImages before, long at, byte[] to, int from, int n) {
    int done = 0;
    while (done < n) {
      int offset = reach(at + done);
      int piece = (int) Math.min(n - done, sequence.leafCount() - offset);
      before.restore(sequence.leaf(), offset, to, from + done, piece);
      done += piece;
    }
  }

  /// Copies bytes `at` to `at + n`, which exist, to the address `to`.
  public void copyTo(long at, long to, int n) {
    int done = 0;
    while (done < n) {
      int offset = reach(at + done);
      int piece = (int) Math.min(n - done, sequence.leafCount() - offset);
      m.copy(sequence.leaf() + offset, to + done, piece);
      done += piece;
    }
  }

  /// Writes bytes `at` to `at + n`, which exist, as a bulk string.
  public void writeTo(RespWriter out, long at, int n) {
    out.bulkHeader(n);
    int done = 0;
    while (done < n) {
      int offset = reach(at + done);
      int piece = (int) Math.min(n - done, sequence.leafCount() - offset);
      Bulk.append(m, out.output(), sequence.leaf() + offset, piece);
      done += piece;
    }
    out.crlf();
  }

  /// Whether the whole string is these bytes.
  public boolean equal(byte[] a, int from, int n) {
    if (length() != n) {
      return false;
    }
    int done = 0;
    while (done < n) {
      reach(done);
      int piece = (int) sequence.leafCount();
      if (!m.equal(sequence.leaf(), a, from + done, piece)) {
        return false;
      }
      done += piece;
    }
    return true;
  }

  /// Whether the whole string is the `n` bytes at that address.
  public boolean equal(long address, int n) {
    if (length() != n) {
      return false;
    }
    int done = 0;
    while (done < n) {
      reach(done);
      int piece = (int) sequence.leafCount();
      if (!m.equal(sequence.leaf(), address + done, piece)) {
        return false;
      }
      done += piece;
    }
    return true;
  }

  /// Whether the whole string is that which `other`, another object, is open at.
  public boolean equal(ChunkedBytes other) {
    if (length() != other.length()) {
      return false;
    }
    long done = 0;
    while (done < length()) {
      int offset = reach(done);
      int otherOffset = other.reach(done);
      int piece =
          (int) Math.min(sequence.leafCount() - offset, other.sequence.leafCount() - otherOffset);
      if (!m.equal(sequence.leaf() + offset, other.sequence.leaf() + otherOffset, piece)) {
        return false;
      }
      done += piece;
    }
    return true;
  }

  /// The address of the byte at `at`; [#run] bytes follow each other from there.
  public long address(long at) {
    int offset = reach(at); // which moves to the leaf
    return sequence.leaf() + offset;
  }

  /// How many bytes, from `at` on, lie where [#address] said.
  public int run(long at) {
    return (int) (sequence.leafStart() + sequence.leafCount() - at);
  }

  /// Goes to the chunk with the byte at `at`, from where the cursor is if it is there or next;
  /// returns its place in there.
  private int reach(long at) {
    if (at != sequence.leafEnd() || !sequence.next()) {
      sequence.seek(at);
    }
    return sequence.offset(at);
  }

  // ── writing ──

  /// Overwrites bytes `at` to `at + n`, which exist.
  public void put(long at, byte[] a, int from, int n) {
    int done = 0;
    while (done < n) {
      sequence.seek(at + done);
      int offset = sequence.offset(at + done);
      int piece = (int) Math.min(n - done, sequence.leafCount() - offset);
      long chunk = sequence.overwritable(offset, piece);
      m.copyIn(a, from + done, chunk + offset, piece);
      done += piece;
    }
  }

  /// Overwrites bytes from `at` on, which exist, with the whole of `source`, another object.
  public void put(long at, ChunkedBytes source) {
    long done = 0;
    long n = source.length();
    while (done < n) {
      long from = source.address(done);
      int run = source.run(done);
      sequence.seek(at + done);
      int offset = sequence.offset(at + done);
      int piece = (int) Math.min(run, sequence.leafCount() - offset);
      long chunk = sequence.overwritable(offset, piece);
      m.copy(from, chunk + offset, piece);
      done += piece;
    }
  }

  /// Overwrites the byte at `at`, which exists.
  public void put(long at, byte b) {
    sequence.seek(at);
    int offset = sequence.offset(at);
    m.putByte(sequence.overwritable(offset, 1) + offset, b);
  }

  /// Makes sure that bytes `at` to `at + n`, which exist, can be overwritten without another
  /// allocation.
  public void unshare(long at, long n) {
    if (!sequence.isShared()) {
      return;
    }
    for (long done = 0; done < n; ) {
      sequence.seek(at + done);
      int offset = sequence.offset(at + done);
      int piece = (int) Math.min(n - done, sequence.leafCount() - offset);
      sequence.overwritable(offset, piece);
      done += piece;
    }
  }

  /// Computes the bytes of a string, piece by piece.
  @FunctionalInterface
  public interface Filler {
    /// Writes bytes `at` to `at + n` to the address `to`.
    void fill(long at, long to, int n);
  }

  /// Appends `n` bytes; whoever knows that `more` will follow says so, and the chunks are made for
  /// them at once.
  public void append(byte[] a, int from, int n, long more) {
    append(n, more, (at, to, piece) -> m.copyIn(a, from + (int) at, to, piece));
  }

  /// Appends the `n` bytes at that address.
  public void append(long address, int n) {
    append(n, 0, (at, to, piece) -> m.copy(address + at, to, piece));
  }

  /// Appends the whole of `source`, another object.
  public void append(ChunkedBytes source) {
    append(source.length(), 0, source::copyTo);
  }

  /// Appends `n` bytes, which `filler` counts from 0; `more` will follow. Without memory for all of
  /// them the string is what it was.
  public void append(long n, long more, Filler filler) {
    long length = length();
    long done = 0;
    try {
      while (done < n) {
        long to = extend((int) Math.min(CHUNK, n - done), n - done + more);
        filler.fill(done, to, extended);
        done += extended;
      }
    } catch (OutOfMemoryError e) {
      truncate(length);
      throw e;
    }
  }

  /// Takes away what is behind the first `length` bytes, and was appended since the string was
  /// opened.
  private void truncate(long length) {
    while (length() > length) {
      sequence.last();
      if (sequence.leafStart() >= length) {
        sequence.remove();
      } else {
        sequence.changed(length - sequence.leafEnd());
      }
    }
  }

  private int extended; // of the last extend: how many bytes it made room for

  /// Makes the string longer by up to `want` bytes, as many as [#extended] says, and returns where
  /// they go. `expected` bytes will be wanted in all.
  private long extend(int want, long expected) {
    if (sequence.last()) {
      int used = (int) sequence.leafCount();
      if (used < CHUNK) {
        long chunk = sequence.writable();
        int capacity = Math.min(CHUNK, allocator.capacity(chunk));
        if (capacity == used) {
          int bytes = (int) Math.min(CHUNK, Math.max(used + expected, used + (used >> 1)));
          long larger = allocator.allocate(bytes);
          m.copy(chunk, larger, used);
          allocator.free(chunk);
          sequence.moved(larger);
          chunk = larger;
          capacity = Math.min(CHUNK, allocator.capacity(chunk));
        }
        extended = Math.min(want, capacity - used);
        sequence.changed(extended);
        return chunk + used;
      }
    }
    long chunk = allocator.allocate((int) Math.min(CHUNK, expected));
    extended = Math.min(want, Math.min(CHUNK, allocator.capacity(chunk)));
    try {
      sequence.insertAfter(Sequence.leafWord(Sequence.CHUNK, chunk), extended);
    } catch (OutOfMemoryError e) {
      allocator.free(chunk);
      throw e;
    }
    return chunk;
  }

  /// Gives up all chunks; the string is empty then.
  public void drop() {
    sequence.drop();
  }
}
