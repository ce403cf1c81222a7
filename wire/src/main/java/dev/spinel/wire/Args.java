package dev.spinel.wire;

import java.nio.charset.StandardCharsets;
import java.util.Objects;
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
/// go to the sink in [Blocks], in the order in which they came, and only the places stay here.
///
/// What a long command takes of the Java heap is counted by its reader; with the command that
/// account comes here ([#charge]), and ends with [#release].
///
/// Belongs to one thread.
public final class Args {
  private static final int POOLED = 1024;
  private static final int SPANS_KEPT = 16 * 1024;
  private static final long[] NO_NODES = {};
  private static final long[] NO_SPANS = {};
  private static final @Nullable Slice[] NO_SLICES = {};
  private static final boolean[] NONE_OWNED = {};
  private static final int IN_BLOCK = Integer.MIN_VALUE;
  static final int MOST_PLACES = Integer.MAX_VALUE - 16;

  /// What an object of this class takes without its arguments, and a slice that [#at] keeps.
  private static final int OBJECT_BYTES = 200;

  private static final int SLICE_BYTES = 40;

  /// See [#keyBytesFor].
  public static final int FREE_KEYS = 32 * 1024;

  public static final int KEY_BYTES = 16;

  /// More bytes than this are no array.
  public static final int MOST_SETTLED = Integer.MAX_VALUE - 16;

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

  /// The bytes of the first arguments; null if all are in `base`.
  private @Nullable Blocks blocks;

  /// Whether the blocks are ours to give up.
  private boolean blocksOwned;

  /// The first argument that isn't in a block.
  private int firstHere;

  /// Bytes of the heap that are counted for this command, and where.
  private @Nullable HeapBudget budget;

  private long chargedBytes;
  private long keyBytes; // of them, for what its handler's call needs for its keys

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
    fill(s, offset, length);
    return s;
  }

  /// Has `into`, a slice of the caller's, be the argument at `i`: for whoever goes through a great
  /// many and wants no object for each.
  public void read(int i, Slice into) {
    assert i >= 0 && i < count : i + " of " + count;
    fill(into, (int) (spans[i] >>> 32), (int) spans[i]);
  }

  private void fill(Slice s, int offset, int length) {
    if ((offset | length) >= 0) {
      s.array = base;
      s.offset = offset;
      s.length = length;
      s.node = 0;
    } else if (offset < 0) {
      s.setNode(this, -1 - offset, nodes[-1 - offset], length);
    } else {
      Objects.requireNonNull(blocks).read(s, offset, length & Integer.MAX_VALUE);
    }
  }

  /// Whether the argument at `i` is a large one.
  public boolean isNode(int i) {
    return spans[i] < 0;
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
    a.spans = JavaHeap.longs(Math.max(1, count));
    a.nodes = JavaHeap.longs(nodeCount);
    a.owned = JavaHeap.copy(NONE_OWNED, nodeCount);
    a.base = JavaHeap.bytes(small);
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
    if (blocks != null) {
      blocks.rest();
      a.blocks = blocks;
      a.blocksOwned = blocksOwned;
      a.firstHere = firstHere;
      blocksOwned = false;
    }
    return a;
  }

  /// All arguments on the Java heap, the large ones too, which stay here: for commands that don't
  /// store them. At most [#MOST_SETTLED] bytes.
  public Args settled(LargeSink sink) {
    Args a = new Args();
    a.begin(JavaHeap.bytes((int) bytes()), count);
    int at = 0;
    Slice word = new Slice();
    for (int i = 0; i < count; i++) {
      read(i, word);
      if (word.node != 0) {
        sink.read(word.node, 0, a.base, at, word.length);
      } else {
        word.copyTo(a.base, at);
      }
      a.add(at, word.length);
      at += word.length;
    }
    return a;
  }

  /// Gives up every large argument that nobody took. Call it when the command is over; costs
  /// nothing where there was none.
  public void release(LargeSink sink) {
    while (nodeCount > 0) {
      if (owned[--nodeCount]) sink.abandon(nodes[nodeCount]);
    }
    if (blocks != null) {
      Blocks all = blocks;
      boolean ours = blocksOwned;
      forgetBlocks();
      if (ours) all.release(sink);
    }
    if (chargedBytes != 0) {
      Objects.requireNonNull(budget).release(chargedBytes);
      chargedBytes = keyBytes = 0;
      if (spans.length > SPANS_KEPT) spans = NO_SPANS;
      base = Slice.NO_BYTES;
    }
  }

  private void forgetBlocks() {
    blocks = null;
    blocksOwned = false;
    firstHere = 0;
  }

  /// Bytes of all arguments but those that are nodes.
  public long plainBytes() {
    long sum = 0;
    for (int i = 0; i < count; i++) sum += spans[i] >= 0 ? lengthAt(i) : 0;
    return sum;
  }

  /// Bytes of the Java heap that a copy of these takes, about.
  public long heapBytes() {
    long bytes = OBJECT_BYTES + 8L * count + (long) SLICE_BYTES * Math.min(count, POOLED);
    for (int i = firstHere; i < count; i++) {
      bytes += spans[i] < 0 ? 0 : (int) spans[i];
    }
    return blocks == null ? bytes : bytes + blocks.heapBytes();
  }

  /// Has what this command takes of the heap be counted until [#release]; it is counted already.
  void charge(HeapBudget budget, long bytes, long keyBytes) {
    this.budget = budget;
    this.chargedBytes += bytes;
    this.keyBytes = keyBytes;
  }

  /// Bytes of the heap that are counted for what is to be known of the keys while the command runs.
  public long keyBytes() {
    return keyBytes;
  }

  /// Whether some argument is a node.
  public boolean hasNodes() {
    return nodeCount != 0;
  }

  // What the reader does.

  /// Empties this for a command of about `expected` arguments in `buffer`.
  void begin(byte[] buffer, int expected) {
    assert nodeCount == 0 && blocks == null && chargedBytes == 0 : "the one before wasn't released";
    base = buffer;
    count = 0;
    if (spans.length > SPANS_KEPT || expected > spans.length)
      spans = JavaHeap.longs(Math.clamp(expected, 16, POOLED));
  }

  /// Empties this for a command of `expected` arguments in `bytes`, each of which is then told by
  /// [#place].
  public void reuse(byte[] bytes, int expected) {
    begin(bytes, expected);
  }

  /// The next argument is there.
  public void place(int offset, int length) {
    add(offset, length);
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
    if (count == spans.length) makeRoom(roomNeeded(MOST_PLACES));
    spans[count++] = (long) offset << 32 | length;
  }

  /// How many places there must be before one more can be added, of `most` in all: 0 if there is
  /// room. Not all at once: announcing a million arguments costs a client nothing.
  int roomNeeded(long most) {
    return count < spans.length
        ? 0
        : (int) Math.clamp(2L * count, Math.max(8, count + 1), Math.clamp(most, 8, MOST_PLACES));
  }

  /// Makes room for so many places.
  void makeRoom(int places) {
    spans = JavaHeap.copy(spans, places);
  }

  /// How many places there are.
  int room() {
    return spans.length;
  }

  /// Forgets all arguments, which were released, and lets the room for them go if it is much.
  void rest() {
    count = 0;
    if (spans.length > POOLED) spans = NO_SPANS;
  }

  /// Moves the bytes from `from` to `to`, where all arguments are that are not in a block yet, to
  /// blocks of the sink. False if it declines.
  boolean spill(LargeSink sink, int from, int to) {
    Blocks all = blocks != null ? blocks : new Blocks(sink);
    if (all.isFull(to - from)) return false;
    int known = all.count();
    int by = all.end() - from;
    blocks = all;
    blocksOwned = true;
    int start = from;
    boolean taken = true;
    for (int i = firstHere; i < count && taken; i++) {
      int at = (int) (spans[i] >>> 32);
      if (spans[i] >= 0 && Blocks.mayEnd(start, at, to)) {
        taken = all.add(base, start, at);
        start = at;
      }
    }
    if (!taken || !all.add(base, start, to)) {
      all.forget(known);
      return false;
    }
    for (int i = firstHere; i < count; i++)
      if (spans[i] >= 0) spans[i] = spans[i] + ((long) by << 32) | IN_BLOCK & 0xffffffffL;
    firstHere = count;
    return true;
  }

  void addNode(long node, int length) {
    if (count == spans.length) makeRoom(roomNeeded(MOST_PLACES));
    if (nodeCount == nodes.length) {
      long[] more = JavaHeap.copy(nodes, Math.max(2, nodeCount * 2));
      owned = JavaHeap.copy(owned, more.length);
      nodes = more;
    }
    nodes[nodeCount] = node;
    owned[nodeCount] = true;
    add(-1 - nodeCount++, length);
  }

  /// Heap that the places take.
  long spanBytes() {
    return 8L * spans.length;
  }

  /// Heap that so many places take and, if they are many, what is to be known of as many keys.
  static long bytesFor(int places) {
    return 8L * places + keyBytesFor(places);
  }

  /// Heap for the position, slot and hash of each of so many keys. A call of at most [#FREE_KEYS]
  /// takes it from what every thread may use.
  public static long keyBytesFor(int places) {
    return places <= FREE_KEYS ? 0 : (long) KEY_BYTES * places;
  }

  /// The place of the first argument in the buffer, or `otherwise` if none is there. Another thread
  /// may ask, and gets an answer of this moment or another one.
  int firstOffset(int otherwise) {
    long[] now = spans; // it may be replaced by a shorter one
    int last = Math.min(count, now.length);
    for (int i = firstHere; i < last; i++) if (now[i] >= 0) return (int) (now[i] >>> 32);
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
    other.spans = JavaHeap.copy(its, other.roomBegun());
    adopt(other);
    other.spans = its;
  }

  /// How many places [#begun] makes for these.
  int roomBegun() {
    return Math.max(8, count + 1);
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
    blocksOwned = other.blocksOwned;
    firstHere = other.firstHere;
    budget = other.budget;
    chargedBytes = other.chargedBytes;
    keyBytes = other.keyBytes;
    other.forgetBlocks();
    other.chargedBytes = other.keyBytes = 0;
    other.base = Slice.NO_BYTES;
    other.count = 0;
    other.nodeCount = 0;
  }

  private Slice slice(int i) {
    if (i >= POOLED) return new Slice();
    if (i >= slices.length)
      slices =
          JavaHeap.copy(slices, Math.min(POOLED, Math.max(Math.max(16, i + 1), slices.length * 2)));
    assert JavaHeap.point();
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
