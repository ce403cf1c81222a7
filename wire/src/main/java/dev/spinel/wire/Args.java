package dev.spinel.wire;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The arguments of one command (the first is its name), as places in a buffer.
///
/// ```
///  base:   … * 2 \r \n $ 3 \r \n G E T \r \n $ 5 \r \n h e l l o \r \n …
///  spans:                        [at 8, 3]              [at 17, 5]
/// ```
///
/// A loop has one `Args` and the reader fills it again and again, so that a command costs no
/// object. Slices are handed out again and again too: [#at] of the same index answers the same
/// object, of different indexes different ones; all are dead when the next command is read. Beyond
/// [#POOLED] arguments a fresh slice is made for each call of [#at], and nothing of that size is
/// held on to.
///
/// Large arguments are nodes of a [LargeSink]; they belong to this object until they are taken
/// ([Slice#take]), moved ([#copy]) or given up ([#release]).
///
/// A command of a great many arguments doesn't stay on the heap either while it is read: its bytes
/// go to the sink in *blocks* of some 100 KB, in the order in which they came, and only the places
/// stay here. A slice of such an argument gets bytes of its own when it is asked for, which are
/// garbage soon.
///
/// Belongs to one thread.
public final class Args {
  private static final int POOLED = 1024;
  private static final int SPANS_KEPT = 16 * 1024;
  private static final long[] NO_NODES = {};
  private static final long[] NO_SPANS = {};
  private static final @Nullable Slice[] NO_SLICES = {};
  private static final boolean[] NONE_OWNED = {};
  private static final int[] NO_STARTS = {};
  private static final int IN_BLOCK = Integer.MIN_VALUE;
  private static final int DOUBLED = 64 * 1024;

  /// The buffer that the spans are places in. Not ours.
  private byte[] base = Slice.NO_BYTES;

  /// `offset << 32 | length`. For a large argument `-1 - index in nodes` stands for the offset. For
  /// one in a block the length has [#IN_BLOCK] added, and the offset counts through all blocks.
  private long[] spans = NO_SPANS;

  private int count;
  private long[] nodes = NO_NODES;

  /// For each of `nodes`: still ours to give up.
  private boolean[] owned = NONE_OWNED;

  private int nodeCount;
  private @Nullable Slice[] slices = NO_SLICES;

  /// How many spans this will need at most, as far as is known.
  private int most = Integer.MAX_VALUE;

  /// Nodes with the bytes of the first arguments, and the offset where each begins.
  private long[] blocks = NO_NODES;

  private int[] blockStarts = NO_STARTS;
  private int blockCount;

  /// The offset where the last block ends.
  private int blocksEnd;

  /// Whether the blocks are ours to give up.
  private boolean blocksOwned;

  /// The first argument that isn't in a block.
  private int firstHere;

  /// Reads the blocks.
  private LargeSink blockSink = LargeSink.NONE;

  /// What a look ahead worked out of argument 1: its slot, or -1, and its hash.
  private int keySlot = -1;

  private long keyHash;

  public Args() {}

  public static Args of(byte[]... arguments) {
    Args a = new Args();
    int total = 0;
    for (byte[] b : arguments) total += b.length;
    a.begin(new byte[total], arguments.length);
    int at = 0;
    for (byte[] b : arguments) {
      System.arraycopy(b, 0, a.base, at, b.length);
      a.add(at, b.length);
      at += b.length;
    }
    return a;
  }

  /// The characters of each argument as bytes, one each.
  public static Args of(String... arguments) {
    byte[][] bytes = new byte[arguments.length][];
    for (int i = 0; i < bytes.length; i++)
      bytes[i] = arguments[i].getBytes(StandardCharsets.ISO_8859_1);
    return of(bytes);
  }

  public int count() {
    return count;
  }

  /// The argument at `i`: see the class on how long the answer lives.
  public Slice at(int i) {
    assert i >= 0 && i < count : i + " of " + count;
    long span = spans[i];
    int offset = (int) (span >>> 32);
    int length = (int) span;
    Slice s = i < slices.length ? slices[i] : null;
    if (s == null) s = slice(i);
    if ((offset | length) >= 0) {
      s.array = base;
      s.offset = offset;
      s.length = length;
      s.node = 0;
    } else if (offset < 0) {
      s.setNode(this, -1 - offset, nodes[-1 - offset], length);
    } else {
      readBlock(s, offset, length & Integer.MAX_VALUE);
    }
    return s;
  }

  private void readBlock(Slice s, int offset, int length) {
    int block = Arrays.binarySearch(blockStarts, 0, blockCount, offset);
    if (block < 0) block = -2 - block;
    byte[] own = new byte[length];
    if (length > 0) blockSink.read(blocks[block], offset - blockStarts[block], own, 0, length);
    s.set(own, 0, length);
  }

  /// Bytes of the argument at `i`.
  public int lengthAt(int i) {
    return (int) spans[i] & Integer.MAX_VALUE;
  }

  /// Bytes of all arguments, large ones too.
  public long bytes() {
    long sum = 0;
    for (int i = 0; i < count; i++) sum += lengthAt(i);
    return sum;
  }

  /// The same arguments in bytes of their own, for what outlives the call: queued and parked
  /// commands. Large arguments *move* to the copy.
  public Args copy() {
    Args a = new Args();
    int small = 0;
    for (int i = firstHere; i < count; i++) if (spans[i] >= 0) small += (int) spans[i];
    a.spans = new long[Math.max(1, count)];
    a.slices = new Slice[Math.min(count, POOLED)];
    a.base = new byte[small];
    int at = 0;
    for (int i = 0; i < count; i++) {
      int n = (int) spans[i];
      if (spans[i] >= 0 && n < 0) {
        a.spans[a.count++] = spans[i];
      } else if (spans[i] >= 0) {
        System.arraycopy(base, (int) (spans[i] >>> 32), a.base, at, n);
        a.add(at, n);
        at += n;
      } else {
        int node = -1 - (int) (spans[i] >>> 32);
        a.addNode(nodes[node], n);
        a.owned[a.nodeCount - 1] = owned[node];
        owned[node] = false;
      }
    }
    a.blocks = blocks;
    a.blockStarts = blockStarts;
    a.blockCount = blockCount;
    a.blocksEnd = blocksEnd;
    a.blocksOwned = blocksOwned;
    a.firstHere = firstHere;
    a.blockSink = blockSink;
    blocksOwned = false;
    return a;
  }

  /// Gives up every large argument that nobody took. Call it when the command is over; costs
  /// nothing where there was none.
  public void release(LargeSink sink) {
    for (int i = 0; i < nodeCount; i++) {
      if (owned[i]) sink.abandon(nodes[i]);
      owned[i] = false;
    }
    nodeCount = 0;
    if (blockCount > 0) {
      for (int i = 0; i < blockCount && blocksOwned; i++) sink.abandon(blocks[i]);
      forgetBlocks();
    }
  }

  private void forgetBlocks() {
    blocks = NO_NODES;
    blockStarts = NO_STARTS;
    blockCount = blocksEnd = firstHere = 0;
    blocksOwned = false;
    blockSink = LargeSink.NONE;
  }

  /// Bytes of the Java heap that a copy of these takes, about.
  public long heapBytes() {
    long bytes = 160 + 8L * count;
    for (int i = 0; i < count; i++) {
      boolean isNode = spans[i] < 0;
      boolean inBlock = ((int) spans[i] & IN_BLOCK) != 0;
      bytes += isNode || inBlock ? 0 : (int) spans[i];
    }
    return bytes;
  }

  /// Remembers what a look ahead has worked out of argument 1 as if it were a key, until the next
  /// command is read.
  public void foresee(int slot, long hash) {
    keySlot = slot;
    keyHash = hash;
  }

  /// The slot of argument 1, if it was worked out ahead, else -1.
  public int keySlot() {
    return keySlot;
  }

  /// The hash of argument 1, if [#keySlot] is known.
  public long keyHash() {
    return keyHash;
  }

  /// Whether some argument is a node.
  public boolean hasNodes() {
    return nodeCount != 0;
  }

  // What the reader does.

  /// Empties this for a command of about `expected` arguments in `buffer`.
  void begin(byte[] buffer, int expected) {
    assert nodeCount == 0 && blockCount == 0 : "the command before was not released";
    base = buffer;
    count = 0;
    keySlot = -1;
    most = Integer.MAX_VALUE;
    if (spans.length > SPANS_KEPT || expected > spans.length)
      spans = new long[Math.clamp(expected, 16, POOLED)];
  }

  /// The spans, with room for `expected` (few) of them: the reader's fast path writes them itself,
  /// then calls [#counted].
  long[] spans(byte[] buffer, int expected) {
    begin(buffer, expected);
    return spans;
  }

  void counted(int count) {
    this.count = count;
  }

  void add(int offset, int length) {
    if (count == spans.length) spans = Arrays.copyOf(spans, grown());
    spans[count++] = (long) offset << 32 | length;
  }

  private int grown() {
    return count < DOUBLED
        ? Math.max(8, count * 2)
        : (int) Math.clamp(2L * count, count + 1, Math.max(most, count + 1));
  }

  /// There will be `count` arguments, so that a million of them don't make room for two.
  void expect(long count) {
    most = (int) Math.min(count, Integer.MAX_VALUE - 16);
  }

  /// Bytes of heap that growing would take for a while if `more` arguments come; 0 if there is
  /// room.
  long growthBytes(long more) {
    return count + more <= spans.length ? 0 : 8L * grown();
  }

  /// Moves the bytes from `from` to `to`, where all arguments are that are not in a block yet, to a
  /// block of the sink. False if it declines.
  boolean spill(LargeSink sink, int from, int to) {
    if ((long) blocksEnd + to - from > Integer.MAX_VALUE) return false;
    long node = sink.begin(to - from);
    if (node == 0) return false;
    sink.fill(node, 0, base, from, to - from);
    if (blockCount == blocks.length) {
      blocks = Arrays.copyOf(blocks, Math.max(8, blockCount * 2));
      blockStarts = Arrays.copyOf(blockStarts, blocks.length);
    }
    long by = (long) (blocksEnd - from) << 32;
    for (int i = firstHere; i < count; i++)
      if (spans[i] >= 0) spans[i] = spans[i] + by | IN_BLOCK & 0xffffffffL;
    blocks[blockCount] = node;
    blockStarts[blockCount++] = blocksEnd;
    blocksEnd += to - from;
    blocksOwned = true;
    blockSink = sink;
    firstHere = count;
    return true;
  }

  void addNode(long node, int length) {
    if (nodeCount == nodes.length) {
      nodes = Arrays.copyOf(nodes, Math.max(2, nodeCount * 2));
      owned = Arrays.copyOf(owned, nodes.length);
    }
    nodes[nodeCount] = node;
    owned[nodeCount] = true;
    add(-1 - nodeCount++, length);
  }

  /// Heap that the places take.
  long spanBytes() {
    return 8L * spans.length;
  }

  /// The place of the first argument in the buffer, or `otherwise` if none is there.
  int firstOffset(int otherwise) {
    for (int i = firstHere; i < count; i++) if (spans[i] >= 0) return (int) (spans[i] >>> 32);
    return otherwise;
  }

  /// The bytes moved `by` places towards the front, perhaps into another buffer.
  void moved(byte[] buffer, int by) {
    base = buffer;
    if (by == 0) return;
    for (int i = firstHere; i < count; i++) if (spans[i] >= 0) spans[i] -= (long) by << 32;
  }

  /// Takes over the few arguments that `other` has, leaving it empty, with its room for many.
  void begun(Args other) {
    long[] its = other.spans;
    other.spans = Arrays.copyOf(its, Math.max(8, other.count + 1));
    adopt(other);
    other.spans = its;
  }

  /// Takes over what `other` has, leaving it empty.
  void adopt(Args other) {
    begin(other.base, 0);
    long[] s = spans;
    spans = other.spans;
    other.spans = s;
    long[] n = nodes;
    nodes = other.nodes;
    other.nodes = n;
    boolean[] o = owned;
    owned = other.owned;
    other.owned = o;
    count = other.count;
    nodeCount = other.nodeCount;
    blocks = other.blocks;
    blockStarts = other.blockStarts;
    blockCount = other.blockCount;
    blocksEnd = other.blocksEnd;
    blocksOwned = other.blocksOwned;
    firstHere = other.firstHere;
    blockSink = other.blockSink;
    other.forgetBlocks();
    other.base = Slice.NO_BYTES;
    other.count = 0;
    other.nodeCount = 0;
  }

  private Slice slice(int i) {
    if (i >= POOLED) return new Slice();
    if (i >= slices.length)
      slices =
          Arrays.copyOf(slices, Math.min(POOLED, Math.max(Math.max(16, i + 1), slices.length * 2)));
    Slice s = new Slice();
    slices[i] = s;
    return s;
  }

  void taken(int nodeIndex, long node) {
    assert nodes[nodeIndex] == node && owned[nodeIndex] : "taken twice";
    owned[nodeIndex] = false;
  }

  void givenBack(int nodeIndex, long node) {
    assert nodes[nodeIndex] == node && !owned[nodeIndex] : "it wasn't taken";
    owned[nodeIndex] = true;
  }

  @Override
  public String toString() {
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < count; i++) b.append(i == 0 ? "" : " ").append(at(i));
    return b.toString();
  }
}
