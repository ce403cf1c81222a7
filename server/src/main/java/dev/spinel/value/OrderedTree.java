package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;

/// A tree of words in the order of their keys, counted, so that a word's rank is found, and a word
/// by its rank, in O(log n): the score index of sorted sets, and whatever else has an order.
///
/// ```
///   root    16 bytes, in the entry of the key:            [reference][count]
///   leaf    cells of 16 bytes, up to 64:                  [key][word]
///   inner   cells of 32 bytes, up to 64, one per child:   [key][word][reference][count]
///
///   reference   63..61 level of the node, 0 = leaf        54..48 its cells
///               60..55 its size in lines of 64 bytes      47..0  its address; 0 = there is none
/// ```
///
/// Nodes have no header: all about one stands in the cell that refers to it, so that a full leaf is
/// a node of 1 KB. In an inner cell, key and word are those of the first word below it, and count
/// is how many there are.
///
/// **Keys are 64 bits, signed; a word is any number.** What is behind it is the caller's business,
/// who also orders words of one key: the tree asks [Ties] only where keys are equal.
///
/// **Verbs work at a position.** [#seek], [#seekKey] and [#seekRank] leave the way from the root to
/// a cell in this object. [#reserve] and [#insert], [#remove] and [#replace] change the tree there;
/// after [#insert] and [#remove] the position is void.
///
/// **Sizes.** A node has as many lines as its cells need, and grows by one line at a time (two, if
/// it is large); it is split at 64 cells. Where a split comes from appending at either end of the
/// tree, all stays on one side, so that ascending keys fill leaves to the last cell. A node of a
/// quarter of its cells is merged with a neighbour if both fit into three quarters of one.
///
/// **Memory.** Only [#reserve] can fail for lack of it, and whatever it has done by then is in
/// order. What becomes smaller does so only if there is memory for that.
///
/// One per seat; the lock that owns the root is held.
final class OrderedTree {
  static final int ROOT_BYTES = 16;

  /// The most cells of a node.
  static final int MAX = 64;

  static final int MERGE_BELOW = MAX / 4;
  static final int MERGED = MAX * 3 / 4;

  private static final int KEY = 0;
  private static final int WORD = 8;
  private static final int REF = 16;
  static final int LEAF_SHIFT = 4; // log2 of the bytes of a leaf's cell
  static final int INNER_SHIFT = 5;
  private static final int CELLS_SHIFT = 48;
  private static final int LINES_SHIFT = 55;
  private static final int LEVEL_SHIFT = 61;
  private static final long ADDRESS = (1L << 48) - 1;
  private static final long ONE_CELL = 1L << CELLS_SHIFT;
  private static final int LEVELS = 8;

  /// Orders words of one key.
  @FunctionalInterface
  interface Ties {
    /// How `word` compares with what is sought: negative if it comes before.
    int compare(long word);
  }

  private final Memory m;
  private final Allocator allocator;

  // The position: by level, 0 = leaf, the node and the index of the cell in it.
  private final long[] node = new long[LEVELS];
  private final int[] index = new int[LEVELS];
  private long rootAt;
  private int top; // level of the root

  OrderedTree(Memory m, Allocator allocator) {
    this.m = m;
    this.allocator = allocator;
  }

  // ── references ──

  static long address(long ref) {
    return ref & ADDRESS;
  }

  static int cells(long ref) {
    return (int) (ref >>> CELLS_SHIFT) & 127;
  }

  static int lines(long ref) {
    return (int) (ref >>> LINES_SHIFT) & 63;
  }

  static int level(long ref) {
    return (int) (ref >>> LEVEL_SHIFT);
  }

  private static long reference(int level, int lines, int cells, long address) {
    return (long) level << LEVEL_SHIFT
        | (long) lines << LINES_SHIFT
        | (long) cells << CELLS_SHIFT
        | address;
  }

  static int shift(int level) {
    return level == 0 ? LEAF_SHIFT : INNER_SHIFT;
  }

  /// Lines for so many cells: as the allocator has nodes of them.
  static int linesFor(int level, int cells) {
    int lines = ((cells << shift(level)) + 63) >>> 6;
    return lines <= 16 ? lines : lines + 1 & ~1;
  }

  private static int capacity(long ref) {
    return lines(ref) << 6 >>> shift(level(ref));
  }

  /// Where the reference to the node at a level of the position stands; its count is behind it.
  private long refAt(int level) {
    return level == top ? rootAt : node[level + 1] + ((long) index[level + 1] << INNER_SHIFT) + REF;
  }

  // ── seeking ──

  /// Makes the 16 bytes at `rootAt` an empty tree.
  void init(long rootAt) {
    m.putLong(rootAt, 0);
    m.putLong(rootAt + 8, 0);
  }

  /// How many words.
  long count(long rootAt) {
    return m.getLong(rootAt + 8);
  }

  /// Goes to the word of this key for which `ties` says 0, or to where it would be; true if it is
  /// there.
  boolean seek(long rootAt, long key, Ties ties) {
    this.rootAt = rootAt;
    long ref = m.getLong(rootAt);
    int level = level(ref);
    top = level;
    for (; level > 0; level--) {
      long at = ref & ADDRESS;
      MemorySegment s = m.segment(at);
      long o = m.offset(at);
      int i = search(s, o, cells(ref), INNER_SHIFT, key, ties);
      i = i < 0 ? ~i : Math.max(i - 1, 0);
      node[level] = at;
      index[level] = i;
      ref = s.get(Memory.LONG, o + ((long) i << INNER_SHIFT) + REF);
    }
    long at = ref & ADDRESS;
    node[0] = at;
    if (at == 0) {
      index[0] = 0;
      return false;
    }
    int i = search(m.segment(at), m.offset(at), cells(ref), LEAF_SHIFT, key, ties);
    index[0] = i < 0 ? ~i : i;
    return i < 0;
  }

  /// Index of the first cell that isn't before what is sought, inverted if it is just that.
  private static int search(MemorySegment s, long o, int cells, int shift, long key, Ties ties) {
    int low = 0;
    int high = cells;
    while (low < high) {
      int middle = low + high >>> 1;
      long cell = o + ((long) middle << shift);
      long there = s.get(Memory.LONG, cell);
      if (there == key) {
        int order = ties.compare(s.get(Memory.LONG, cell + WORD));
        if (order == 0) return ~middle;
        if (order < 0) low = middle + 1;
        else high = middle;
      } else if (there < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /// Goes to the first word whose key isn't below `key`; to the end if there is none.
  void seekKey(long rootAt, long key) {
    this.rootAt = rootAt;
    long ref = m.getLong(rootAt);
    int level = level(ref);
    top = level;
    for (; level > 0; level--) {
      long at = ref & ADDRESS;
      MemorySegment s = m.segment(at);
      long o = m.offset(at);
      int i = Math.max(searchKey(s, o, cells(ref), INNER_SHIFT, key) - 1, 0);
      node[level] = at;
      index[level] = i;
      ref = s.get(Memory.LONG, o + ((long) i << INNER_SHIFT) + REF);
    }
    long at = ref & ADDRESS;
    node[0] = at;
    index[0] = at == 0 ? 0 : searchKey(m.segment(at), m.offset(at), cells(ref), LEAF_SHIFT, key);
  }

  private static int searchKey(MemorySegment s, long o, int cells, int shift, long key) {
    int low = 0;
    int high = cells;
    while (low < high) {
      int middle = low + high >>> 1;
      if (s.get(Memory.LONG, o + ((long) middle << shift)) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /// Goes to the word of that rank, which may be the count: then to the end.
  void seekRank(long rootAt, long rank) {
    this.rootAt = rootAt;
    long ref = m.getLong(rootAt);
    assert rank >= 0 && rank <= count(rootAt);
    int level = level(ref);
    top = level;
    long left = rank;
    for (; level > 0; level--) {
      long at = ref & ADDRESS;
      MemorySegment s = m.segment(at);
      long o = m.offset(at) + REF;
      int last = cells(ref) - 1;
      int i = 0;
      for (; i < last; i++, o += 1 << INNER_SHIFT) {
        long below = s.get(Memory.LONG, o + 8);
        if (left < below) break;
        left -= below;
      }
      node[level] = at;
      index[level] = i;
      ref = s.get(Memory.LONG, o);
    }
    node[0] = ref & ADDRESS;
    index[0] = (int) left;
  }

  /// The rank of the position.
  long rank() {
    long rank = index[0];
    for (int level = top; level > 0; level--) {
      MemorySegment s = m.segment(node[level]);
      long o = m.offset(node[level]) + REF + 8;
      for (int i = index[level]; i > 0; i--, o += 1 << INNER_SHIFT) rank += s.get(Memory.LONG, o);
    }
    return rank;
  }

  /// How many words the leaf has from the position on; 0 at the end of the leaf.
  int following() {
    return cells(m.getLong(refAt(0))) - index[0];
  }

  /// How many words the leaf has before the position.
  int preceding() {
    return index[0];
  }

  long key() {
    return m.getLong(leafCell(0) + KEY);
  }

  long word() {
    return word(0);
  }

  /// The word `i` cells behind the position, or before it, in the same leaf.
  long word(int i) {
    return m.getLong(leafCell(i) + WORD);
  }

  private long leafCell(int i) {
    return node[0] + ((long) (index[0] + i) << LEAF_SHIFT);
  }

  // ── inserting ──

  /// Makes sure that [#insert] finds room at the position, which stays good.
  ///
  /// @throws OutOfMemoryError if there is no memory for that; the position is void then
  void reserve() {
    reserve(0);
  }

  private void reserve(int level) {
    long at = refAt(level);
    long ref = m.getLong(at);
    int cells = cells(ref);
    if (ref == 0) {
      long first = allocator.allocate(64);
      node[0] = first;
      m.putLong(at, reference(0, 1, 0, first));
    } else if (cells == MAX) {
      if (level < top) reserve(level + 1);
      split(level);
    } else if (cells == capacity(ref)) {
      resize(level, at, ref, cells + 1);
    }
  }

  /// A node of other size in the place of the one at a level of the position.
  private void resize(int level, long at, long ref, int cells) {
    int lines = linesFor(level, cells);
    long moved = allocator.allocate(lines << 6);
    long old = ref & ADDRESS;
    m.copy(old, moved, (long) cells(ref) << shift(level));
    allocator.free(old);
    node[level] = moved;
    m.putLong(at, reference(level, lines, cells(ref), moved));
  }

  /// Splits the full node at a level of the position; the node above has room for a cell.
  private void split(int level) {
    int here = index[level];
    int left =
        isLast(level) && here >= MAX - (level == 0 ? 0 : 1)
            ? MAX - 1
            : here == 0 && isFirst(level) ? 1 : MAX / 2;
    boolean toLeft = level == 0 ? here <= left : here < left;
    int leftLines = linesFor(level, left + (toLeft ? 1 : 0));
    int rightLines = linesFor(level, MAX - left + (toLeft ? 0 : 1));
    long first = allocator.allocate(leftLines << 6);
    long second = 0;
    long above = 0;
    try {
      second = allocator.allocate(rightLines << 6);
      if (level == top) above = allocator.allocate(64);
    } catch (OutOfMemoryError e) {
      allocator.free(first);
      if (second != 0) allocator.free(second);
      throw e;
    }
    long at = refAt(level);
    long old = node[level];
    long count = m.getLong(at + 8);
    if (level == top) { // the root's cell moves into a node of its own
      m.copy(old, above, 16);
      m.putLong(rootAt, reference(level + 1, 1, 1, above));
      top = level + 1;
      node[top] = above;
      index[top] = 0;
      at = refAt(level);
    }
    int shift = shift(level);
    m.copy(old, first, (long) left << shift);
    m.copy(old + ((long) left << shift), second, (long) (MAX - left) << shift);
    long leftCount = level == 0 ? left : sum(first, left);
    m.putLong(at, reference(level, leftLines, left, first));
    m.putLong(at + 8, leftCount);
    allocator.free(old);
    long right = at - REF + (1 << INNER_SHIFT);
    open(level + 1, index[level + 1] + 1);
    m.copy(second, right, 16);
    m.putLong(right + REF, reference(level, rightLines, MAX - left, second));
    m.putLong(right + REF + 8, count - leftCount);
    if (toLeft) {
      node[level] = first;
    } else {
      node[level] = second;
      index[level] -= left;
      index[level + 1]++;
    }
  }

  /// Whether the position is in the last node of its level.
  private boolean isLast(int level) {
    for (int l = level + 1; l <= top; l++)
      if (index[l] != cells(m.getLong(refAt(l))) - 1) return false;
    return true;
  }

  private boolean isFirst(int level) {
    for (int l = level + 1; l <= top; l++) if (index[l] != 0) return false;
    return true;
  }

  /// The words below the first cells of an inner node.
  private long sum(long inner, int cells) {
    long sum = 0;
    for (int i = 0; i < cells; i++) sum += m.getLong(inner + ((long) i << INNER_SHIFT) + REF + 8);
    return sum;
  }

  /// Makes a gap of one cell in the node at a level of the position, which has room.
  private void open(int level, int i) {
    long at = refAt(level);
    long ref = m.getLong(at);
    int shift = shift(level);
    long cell = node[level] + ((long) i << shift);
    int behind = cells(ref) - i;
    if (behind > 0) m.copy(cell, cell + (1 << shift), (long) behind << shift);
    m.putLong(at, ref + ONE_CELL);
  }

  /// Inserts a word before the position, for which [#reserve] has made room.
  void insert(long key, long word) {
    open(0, index[0]);
    long cell = leafCell(0);
    m.putLong(cell + KEY, key);
    m.putLong(cell + WORD, word);
    count(1);
    if (index[0] == 0) tellFirst(0);
  }

  private void count(int more) {
    for (int level = 0; level <= top; level++) {
      long at = refAt(level) + 8;
      m.putLong(at, m.getLong(at) + more);
    }
  }

  /// The first cell of the node at a level of the position has changed: the cells above say so.
  private void tellFirst(int level) {
    for (int l = level; l < top; l++) {
      m.copy(node[l], refAt(l) - REF, 16);
      if (index[l + 1] != 0) return;
    }
  }

  /// Puts another word in the place of the one at the position. It has the same key, and the same
  /// order among words of that key.
  void replace(long word) {
    m.putLong(leafCell(0) + WORD, word);
    if (index[0] == 0) tellFirst(0);
  }

  // ── removing ──

  /// Removes the word at the position and those behind it, `count` in all, which are in the same
  /// leaf.
  void remove(int count) {
    count(-count);
    close(0, count);
  }

  /// Takes `count` cells out of the node at a level of the position, from the position on, and
  /// gives back the room.
  private void close(int level, int count) {
    long at = refAt(level);
    long ref = m.getLong(at);
    int cells = cells(ref) - count;
    if (cells == 0) {
      allocator.free(ref & ADDRESS);
      if (level == top) m.putLong(at, 0);
      else close(level + 1, 1);
      return;
    }
    int shift = shift(level);
    int i = index[level];
    assert i <= cells;
    long cell = node[level] + ((long) i << shift);
    if (i < cells) m.copy(cell + ((long) count << shift), cell, (long) (cells - i) << shift);
    ref -= count * ONE_CELL;
    m.putLong(at, ref);
    if (i == 0) tellFirst(level);
    shrink(level, at, ref, cells);
  }

  /// The node at a level of the position has become smaller.
  private void shrink(int level, long at, long ref, int cells) {
    try {
      if (level == top && level > 0 && cells == 1) {
        lower();
      } else if (level < top && cells <= MERGE_BELOW && merge(level)) {
        shrinkAbove(level + 1);
      } else if (lines(ref) > linesFor(level, cells) + 1) {
        resize(level, at, ref, cells);
      }
    } catch (OutOfMemoryError e) {
      // what could be smaller now, but for a new node, stays as large as it is
    }
  }

  private void shrinkAbove(int level) {
    long at = refAt(level);
    long ref = m.getLong(at);
    shrink(level, at, ref, cells(ref));
  }

  /// The root has one child: it takes its place.
  private void lower() {
    while (true) {
      long ref = m.getLong(rootAt);
      if (level(ref) == 0 || cells(ref) != 1) return;
      m.putLong(rootAt, m.getLong((ref & ADDRESS) + REF));
      allocator.free(ref & ADDRESS);
    }
  }

  /// Merges the node at a level of the position with a neighbour if both are small; true if so.
  private boolean merge(int level) {
    int i = index[level + 1];
    int siblings = cells(m.getLong(refAt(level + 1)));
    return i + 1 < siblings && merge(level, i) || i > 0 && merge(level, i - 1);
  }

  /// Merges the children `i` and `i + 1` of the node above.
  private boolean merge(int level, int i) {
    long left = node[level + 1] + ((long) i << INNER_SHIFT) + REF;
    long right = left + (1 << INNER_SHIFT);
    long ref = m.getLong(left);
    long other = m.getLong(right);
    int cells = cells(ref);
    int more = cells(other);
    if (cells + more > MERGED) return false;
    int shift = shift(level);
    long into = ref & ADDRESS;
    int lines = lines(ref);
    int needed = linesFor(level, cells + more);
    if (lines < needed || lines > needed + 1) {
      lines = needed;
      into = allocator.allocate(lines << 6);
      m.copy(ref & ADDRESS, into, (long) cells << shift);
      allocator.free(ref & ADDRESS);
    }
    m.copy(other & ADDRESS, into + ((long) cells << shift), (long) more << shift);
    allocator.free(other & ADDRESS);
    m.putLong(left, reference(level, lines, cells + more, into));
    m.putLong(left + 8, m.getLong(left + 8) + m.getLong(right + 8));
    long at = refAt(level + 1);
    long above = m.getLong(at);
    int behind = cells(above) - i - 2;
    long gap = right - REF;
    if (behind > 0) m.copy(gap + (1 << INNER_SHIFT), gap, (long) behind << INNER_SHIFT);
    m.putLong(at, above - ONE_CELL);
    return true;
  }

  // ── the tree as a whole ──

  /// Frees all nodes; the tree is empty afterwards. `between` runs after every few.
  void clear(long rootAt, Runnable between) {
    free(m.getLong(rootAt), between);
    init(rootAt);
  }

  private void free(long ref, Runnable between) {
    if (ref == 0) return;
    long address = ref & ADDRESS;
    if (level(ref) > 0) {
      int cells = cells(ref);
      for (int i = 0; i < cells; i++)
        free(m.getLong(address + ((long) i << INNER_SHIFT) + REF), between);
      if (level(ref) == 1) between.run();
    }
    allocator.free(address);
  }

  /// Bytes of all nodes.
  long bytes(long rootAt) {
    return bytesBelow(m.getLong(rootAt));
  }

  private long bytesBelow(long ref) {
    long bytes = (long) lines(ref) << 6;
    if (level(ref) == 0) return bytes;
    int cells = cells(ref);
    long address = ref & ADDRESS;
    for (int i = 0; i < cells; i++)
      bytes += bytesBelow(m.getLong(address + ((long) i << INNER_SHIFT) + REF));
    return bytes;
  }

  /// Moves what stands in sparse slabs of the nodes on the way to the word of that rank, and of the
  /// leaves beside that one. Returns the rank of the first word behind them, 0 at the end.
  long evacuate(long rootAt, long rank) {
    if (m.getLong(rootAt) == 0) return 0;
    seekRank(rootAt, rank);
    for (int level = top; level > 0; level--) node[level] = evacuate(refAt(level));
    if (top == 0) {
      evacuate(rootAt);
      return 0;
    }
    long above = refAt(1);
    int cells = cells(m.getLong(above));
    for (int i = 0; i < cells; i++) evacuate(node[1] + ((long) i << INNER_SHIFT) + REF);
    index[1] = 0;
    index[0] = 0;
    long next = rank() + m.getLong(above + 8);
    return next == count(rootAt) ? 0 : next;
  }

  private long evacuate(long refAt) {
    long ref = m.getLong(refAt);
    long moved = allocator.evacuated(ref & ADDRESS);
    m.putLong(refAt, ref & ~ADDRESS | moved);
    return moved;
  }
}
