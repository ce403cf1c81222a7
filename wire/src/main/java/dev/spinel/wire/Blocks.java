package dev.spinel.wire;

import java.util.Arrays;

/// The bytes of the first arguments of a command that has a great many: they don't stay on the Java
/// heap, but go to the [LargeSink] in blocks, in the order in which they came.
///
/// Arguments are mostly asked for in order, several times over. So whoever asks for one gets a
/// place in a copy of its whole block, of which the last two are kept: the second is for the key at
/// the front that a command looks at beside its other arguments. A copy that was handed out stays
/// as it is; when nobody has a place in it any more it is garbage.
///
/// Belongs to the [Args] that it is a part of.
final class Blocks {
  /// Bytes of a block, about.
  private static final int BLOCK_BYTES = 256 * 1024;

  private final LargeSink sink;
  private long[] nodes = new long[8];

  /// The offset at which each begins, counted through all of them, and behind the last its end.
  private int[] starts = new int[9];

  private int count;

  /// The blocks that were read last, and copies of them.
  private int newer = -1;

  private int older = -1;
  private byte[] newerBytes = Slice.NO_BYTES;
  private byte[] olderBytes = Slice.NO_BYTES;

  Blocks(LargeSink sink) {
    this.sink = sink;
  }

  /// The offset behind the last block.
  int end() {
    return starts[count];
  }

  /// Whether so many bytes would be too many for offsets.
  boolean isFull(int more) {
    return (long) end() + more > Integer.MAX_VALUE;
  }

  /// Adds a block with these bytes. False if the sink declines.
  boolean add(byte[] b, int from, int to) {
    if (count == nodes.length) {
      long[] moreNodes = JavaHeap.copy(nodes, count * 2);
      starts = JavaHeap.copy(starts, count * 2 + 1);
      nodes = moreNodes;
    }
    long node = sink.begin(to - from);
    if (node == 0) return false;
    nodes[count] = node; // ours, should filling it fail
    starts[++count] = starts[count - 1] + to - from;
    sink.fill(node, 0, b, from, to - from);
    return true;
  }

  /// Has `s` be `length` bytes from an offset.
  void read(Slice s, int offset, int length) {
    int block = newer;
    if (block < 0 || offset < starts[block] || offset >= starts[block + 1]) block = turnTo(offset);
    s.set(newerBytes, offset - starts[block], length);
  }

  /// Makes the block at an offset the newer of the two.
  private int turnTo(int offset) {
    int found = Arrays.binarySearch(starts, 0, count, offset);
    if (found < 0) found = -2 - found;
    byte[] bytes = olderBytes;
    if (found != older) {
      int length = starts[found + 1] - starts[found];
      bytes = JavaHeap.bytes(length);
      sink.read(nodes[found], 0, bytes, 0, length);
    }
    older = newer;
    olderBytes = newerBytes;
    newer = found;
    newerBytes = bytes;
    return found;
  }

  /// Whether a block from `start` may end at `end`, of bytes up to `to`: if it is long enough, and
  /// the rest makes another.
  static boolean mayEnd(int start, int end, int to) {
    return end - start >= BLOCK_BYTES && to - end >= BLOCK_BYTES / 2;
  }

  /// Lets the copies go.
  void rest() {
    newer = older = -1;
    newerBytes = olderBytes = Slice.NO_BYTES;
  }

  /// Bytes of the heap that this takes at most.
  long heapBytes() {
    return 12L * nodes.length + 2 * BLOCK_BYTES;
  }

  int count() {
    return count;
  }

  /// Gives up all blocks but the first `kept`.
  void forget(int kept) {
    while (count > kept) sink.abandon(nodes[--count]);
    rest();
  }

  /// Gives all of them up to `to`, which is the sink or one that takes what it made.
  void release(LargeSink to) {
    while (count > 0) to.abandon(nodes[--count]);
    rest();
  }
}
