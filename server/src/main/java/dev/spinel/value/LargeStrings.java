package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Slice;
import java.util.function.BooleanSupplier;

/// Large arguments, read from the socket straight into the chunks that become the value.
///
/// The number of such an argument ([Slice#node]) is the address of a *cell*: a node that begins
/// with the root cell of a [Sequence] of bytes, complete once the command is. Whoever [Slice#take]s
/// it owns the cell and all below: SET moves the root into its entry ([#adopt]), a list makes the
/// cell an element, everybody else copies ([#copyOut], [#reader]).
///
/// One per seat, used by its thread; a cell may be freed by another seat's allocator.
public final class LargeStrings implements LargeSink {
  /// While the bytes arrive the length that is announced stands behind the root.
  private static final int CELL = Sequence.CELL + 8;

  private final Memory m;
  private final Allocator allocator;
  private final ChunkedBytes writer;
  private final ChunkedBytes reader;
  private final Sequence sequence;

  /// Whether an argument is still read after it was stored; set before the first call.
  private BooleanSupplier readLater = () -> false;

  public LargeStrings(Memory m, Allocator allocator) {
    this.m = m;
    this.allocator = allocator;
    this.writer = new ChunkedBytes(m, allocator);
    this.reader = new ChunkedBytes(m, allocator);
    this.sequence = new Sequence(m, allocator);
  }

  /// While this holds an argument of a call isn't handed over when it is stored, but copied:
  /// whoever records the command reads it when the call has ended, and the value may be gone by
  /// then.
  public void readLater(BooleanSupplier holds) {
    readLater = holds;
  }

  @Override
  public long begin(int length) {
    long cell = allocator.allocate(CELL);
    sequence.clear(cell);
    m.putLong(cell + Sequence.CELL, length);
    return cell;
  }

  @Override
  public void fill(long node, int at, byte[] src, int from, int n) {
    long length = m.getLong(node + Sequence.CELL);
    writer.open(node);
    assert writer.length() == at && at + n <= length;
    writer.append(src, from, n, length - at - n);
  }

  /// With a reader of its own: a call that was parked reads its arguments on another seat's thread.
  @Override
  public void read(long node, int at, byte[] into, int from, int n) {
    new ChunkedBytes(m, allocator).openToRead(node).copyOut(at, into, from, n);
  }

  @Override
  public void abandon(long node) {
    sequence.free(node);
    allocator.free(node);
  }

  /// Moves the string that `cell`, which is used up, is the root of to the [Sequence#CELL] bytes at
  /// `root`.
  void adopt(long cell, long root) {
    m.copy(cell, root, Sequence.CELL);
    allocator.free(cell);
  }

  /// A cell with a copy of these bytes.
  long cell(byte[] a, int from, int n) {
    long cell = allocator.allocate(Sequence.CELL);
    sequence.clear(cell);
    try {
      writer.open(cell).append(a, from, n, 0);
      return cell;
    } catch (OutOfMemoryError e) {
      abandon(cell);
      throw e;
    }
  }

  /// A cell with a copy of the string below the root cell at `root`.
  long cell(long root) {
    long cell = allocator.allocate(Sequence.CELL);
    try {
      sequence.copy(root, cell, 0);
      return cell;
    } catch (OutOfMemoryError e) {
      allocator.free(cell);
      throw e;
    }
  }

  /// The cell of an argument, taken over if it has one, else made with a copy of its bytes.
  long cell(Slice slice) {
    if (slice.node == 0) {
      return cell(slice.array, slice.offset, slice.length);
    }
    return slice.isArgument() && readLater.getAsBoolean() ? cell(slice.node) : slice.take();
  }

  /// Opens a large argument to be read; good until the next call.
  public ChunkedBytes reader(Slice slice) {
    assert slice.node != 0;
    return reader.openToRead(slice.node);
  }

  /// Copies the bytes of any slice, large or not, to `to[at…]`.
  public void copyOut(Slice slice, byte[] to, int at) {
    if (slice.node == 0) {
      slice.copyTo(to, at);
    } else {
      reader(slice).copyOut(0, to, at, slice.length);
    }
  }

  /// Copies the bytes of any slice, large or not, to an address.
  public void copyTo(Slice slice, long to) {
    if (slice.node == 0) {
      m.copyIn(slice.array, slice.offset, to, slice.length);
    } else {
      reader(slice).copyTo(0, to, slice.length);
    }
  }

  /// Whether any slice, large or not, is these bytes.
  public boolean equal(Slice slice, long address, int n) {
    return slice.length == n
        && (slice.node == 0
            ? m.equal(address, slice.array, slice.offset, n)
            : reader(slice).equal(address, n));
  }

  /// The bytes of a large slice, on the heap.
  public Slice materialized(Slice slice) {
    byte[] bytes = new byte[slice.length];
    copyOut(slice, bytes, 0);
    return new Slice(bytes);
  }
}
