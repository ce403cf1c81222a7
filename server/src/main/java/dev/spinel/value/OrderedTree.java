package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;
import java.util.function.LongConsumer;

/// A tree of words in the order of their keys, counted, so that a word's rank is found, and a word
/// by its rank, in O(log n): the score index of sorted sets, the blocks of streams, their groups,
/// and what is pending there.
///
/// ```
///   root    16 bytes, in the node of the owner:           [reference][epoch 24 | count 40]
///   leaf    cells of 16 bytes or more, up to 64:          [key][word][what else the owner keeps]
///   inner   cells of 32 bytes, up to 64, one per child:   [key][word][reference][epoch 24 | count 40]
///
///   reference   63..61 level of the node, 0 = leaf        54..48 its cells
///               60..55 its size in lines of 64 bytes      47..0  its address; 0 = there is none
/// ```
///
/// Nodes have no header: all about one stands in the cell that refers to it, so that a full leaf of
/// a sorted set is a node of 1 KB. In an inner cell, key and word are those of the first word below
/// it, and count is how many there are.
///
/// **Keys are 64 bits, signed; a word is any number.** What is behind it is the caller's business,
/// who also orders words of one key: the tree asks [Ties] only where keys are equal. Behind the
/// word a cell may have room for more, which only the owner reads and writes ([#cell]).
///
/// **Verbs work at a position.** [#seek], [#seekKey] and [#seekRank] leave the way from the root to
/// a cell in this object. [#reserve] and [#insert], [#remove] and [#replace] change the tree there;
/// after [#insert] and [#remove] the position is void.
///
/// **A walk** that may still read the tree as it was at the cut ([Sharing]) shares its nodes: one
/// that is older than the cut is never written, but copied, with those above it ([#unshare]), and
/// the old ones are kept until the walk has passed. An index that no walk sees, as a sorted set's,
/// shares nothing.
///
/// **Sizes.** A node has as many lines as its cells need, and grows by one line at a time (two, if
/// it is large); it is split at 64 cells. Where a split comes from appending at either end of the
/// tree, all stays on one side, so that ascending keys fill leaves to the last cell. A node of a
/// quarter of its cells is merged with a neighbour if both fit into three quarters of one.
///
/// **Memory.** Only [#reserve] and [#unshare] can fail for lack of it, and whatever they have done
/// by then is in order. What becomes smaller does so only if there is memory for that.
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
  static final int INNER_SHIFT = 5; // log2 of the bytes of an inner cell
  private static final int INNER_BYTES = 1 << INNER_SHIFT;

  /// Bytes of a leaf's cell that is key and word only.
  static final int PLAIN_CELL = 16;

  private static final int CELLS_SHIFT = 48;
  private static final int LINES_SHIFT = 55;
  private static final int LEVEL_SHIFT = 61;
  private static final long ADDRESS = (1L << 48) - 1;
  private static final long ONE_CELL = 1L << CELLS_SHIFT;
  private static final int LEVELS = 8;
  private static final int EPOCH_SHIFT = 40;
  private static final long COUNT = (1L << EPOCH_SHIFT) - 1;

  /// Orders words of one key.
  @FunctionalInterface
  interface Ties {
    /// How `word` compares with what is sought: negative if it comes before.
    int compare(long word);
  }

  private final Memory m;
  private final Allocator allocator;
  private final int leafBytes; // of a leaf's cell
  private final Sharing sharing;

  // The position: by level, 0 = leaf, the node and the index of the cell in it.
  private final long[] node = new long[LEVELS];
  private final int[] index = new int[LEVELS];
  private long rootAt;
  private int top; // level of the root

  /// Trees that no walk sees.
  OrderedTree(Memory m, Allocator allocator) {
    this(m, allocator, PLAIN_CELL, Sharing.NOTHING);
  }

  /// @param leafBytes of a leaf's cell: 16 for key and word, and what else the owner keeps there, a
  ///   multiple of 8, 56 at most
  /// @param sharing says what a walk may still read of the tree that is worked on
  OrderedTree(Memory m, Allocator allocator, int leafBytes, Sharing sharing) {
    assert leafBytes >= PLAIN_CELL && leafBytes % 8 == 0 && leafBytes <= 56;
    this.m = m;
    this.allocator = allocator;
    this.leafBytes = leafBytes;
    this.sharing = sharing;
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

  /// Bytes of a cell of that level.
  int cellBytes(int level) {
    return level == 0 ? leafBytes : INNER_BYTES;
  }

  /// Lines for so many cells: as the allocator has nodes of them.
  int linesFor(int level, int cells) {
    int lines = (cells * cellBytes(level) + 63) >>> 6;
    return lines <= 16 ? lines : lines <= 32 ? lines + 1 & ~1 : lines + 3 & ~3;
  }

  private int capacity(long ref) {
    return (lines(ref) << 6) / cellBytes(level(ref));
  }

  private long cellAt(int level, long node, int i) {
    return node + (long) i * cellBytes(level);
  }

  private long countAt(long at) {
    return m.getLong(at + 8) & COUNT;
  }

  /// The epoch of the node that the reference at `at` refers to.
  private int epochAt(long at) {
    return (int) (m.getLong(at + 8) >>> EPOCH_SHIFT);
  }

  /// Writes how many words there are below the reference at `at`, to a node of this epoch.
  private void stamp(long at, long count) {
    m.putLong(at + 8, count | (long) sharing.epoch << EPOCH_SHIFT);
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
    return countAt(rootAt);
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
      int i = search(s, o, cells(ref), INNER_BYTES, key, ties);
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
    int i = search(m.segment(at), m.offset(at), cells(ref), leafBytes, key, ties);
    index[0] = i < 0 ? ~i : i;
    return i < 0;
  }

  /// Index of the first cell that isn't before what is sought, inverted if it is just that.
  private static int search(MemorySegment s, long o, int cells, int bytes, long key, Ties ties) {
    int low = 0;
    int high = cells;
    while (low < high) {
      int middle = low + high >>> 1;
      long cell = o + (long) middle * bytes;
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
      int i = Math.max(searchKey(s, o, cells(ref), INNER_BYTES, key) - 1, 0);
      node[level] = at;
      index[level] = i;
      ref = s.get(Memory.LONG, o + ((long) i << INNER_SHIFT) + REF);
    }
    long at = ref & ADDRESS;
    node[0] = at;
    index[0] = at == 0 ? 0 : searchKey(m.segment(at), m.offset(at), cells(ref), leafBytes, key);
  }

  private static int searchKey(MemorySegment s, long o, int cells, int bytes, long key) {
    int low = 0;
    int high = cells;
    while (low < high) {
      int middle = low + high >>> 1;
      if (s.get(Memory.LONG, o + (long) middle * bytes) < key) low = middle + 1;
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
      for (; i < last; i++, o += INNER_BYTES) {
        long below = s.get(Memory.LONG, o + 8) & COUNT;
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

  /// Goes to the first word; false if there is none.
  boolean seekFirst(long rootAt) {
    this.rootAt = rootAt;
    top = level(m.getLong(rootAt));
    return descend(top, rootAt, true);
  }

  /// Goes to the last word; false if there is none.
  boolean seekLast(long rootAt) {
    this.rootAt = rootAt;
    top = level(m.getLong(rootAt));
    return descend(top, rootAt, false);
  }

  /// Goes down from the reference at `at`, to a node of that level, along one side.
  private boolean descend(int level, long at, boolean left) {
    long refAt = at;
    for (int l = level; ; l--) {
      long ref = m.getLong(refAt);
      node[l] = ref & ADDRESS;
      index[l] = left ? 0 : Math.max(cells(ref) - 1, 0);
      if (l == 0) return cells(ref) > 0;
      refAt = node[l] + ((long) index[l] << INNER_SHIFT) + REF;
    }
  }

  /// Goes on to the next word; false at the last one, and the position is behind it.
  boolean next() {
    if (index[0] + 1 < cells(m.getLong(refAt(0)))) {
      index[0]++;
      return true;
    }
    int level = 1;
    while (level <= top && index[level] + 1 == cells(m.getLong(refAt(level)))) level++;
    if (level > top) {
      index[0] = cells(m.getLong(refAt(0)));
      return false;
    }
    index[level]++;
    return descend(level - 1, refAt(level - 1), true);
  }

  /// Goes back to the word before the position; false, and it stays, if there is none.
  boolean previous() {
    if (index[0] > 0) {
      index[0]--;
      return true;
    }
    int level = 1;
    while (level <= top && index[level] == 0) level++;
    if (level > top) return false;
    index[level]--;
    return descend(level - 1, refAt(level - 1), false);
  }

  /// Whether there is a word at the position, which may be the end of a leaf: then it moves on.
  boolean settle() {
    if (following() > 0) return true;
    if (node[0] == 0 || index[0] == 0) return false;
    index[0]--;
    return next();
  }

  /// The rank of the position.
  long rank() {
    long rank = index[0];
    for (int level = top; level > 0; level--) {
      MemorySegment s = m.segment(node[level]);
      long o = m.offset(node[level]) + REF + 8;
      for (int i = index[level]; i > 0; i--, o += INNER_BYTES)
        rank += s.get(Memory.LONG, o) & COUNT;
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

  /// The address of the cell at the position, which begins with key and word. To be written only
  /// after [#unshare], and only behind these.
  long cell() {
    return leafCell(0);
  }

  private long leafCell(int i) {
    return node[0] + (long) (index[0] + i) * leafBytes;
  }

  // ── sharing ──

  /// Makes the nodes on the way to the position this tree's own, if a walk may still read them. The
  /// position stays good.
  ///
  /// @throws OutOfMemoryError if there is no memory for that
  void unshare() {
    if (!sharing.on) return;
    for (int level = top; level >= 0; level--) {
      long at = refAt(level);
      long ref = m.getLong(at);
      if (ref == 0 || !sharing.isOld(epochAt(at))) continue;
      long old = ref & ADDRESS;
      long copy = allocator.allocate(lines(ref) << 6);
      m.copy(old, copy, (long) cells(ref) * cellBytes(level));
      node[level] = copy;
      m.putLong(at, ref & ~ADDRESS | copy);
      stamp(at, countAt(at));
      sharing.orphan(old);
    }
  }

  /// Gives up a node that is in the tree no more.
  private void release(long node, boolean old) {
    if (old) sharing.orphan(node);
    else allocator.free(node);
  }

  /// With assertions on: whether the position may be changed.
  private boolean isOwn() {
    for (int level = 0; sharing.on && level <= top; level++) {
      long at = refAt(level);
      if (m.getLong(at) != 0 && sharing.isOld(epochAt(at))) return false;
    }
    return true;
  }

  // ── inserting ──

  /// Makes sure that [#insert] finds room at the position, which stays good.
  ///
  /// @throws OutOfMemoryError if there is no memory for that; the position is void then
  void reserve() {
    unshare();
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
      stamp(at, 0);
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
    m.copy(old, moved, (long) cells(ref) * cellBytes(level));
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
    long count = countAt(at);
    if (level == top) { // the root's cell moves into a node of its own
      m.copy(old, above, 16);
      m.putLong(rootAt, reference(level + 1, 1, 1, above));
      stamp(rootAt, count);
      top = level + 1;
      node[top] = above;
      index[top] = 0;
      at = refAt(level);
    }
    long middle = cellAt(level, old, left);
    m.copy(old, first, middle - old);
    m.copy(middle, second, (long) (MAX - left) * cellBytes(level));
    long leftCount = level == 0 ? left : sum(first, left);
    m.putLong(at, reference(level, leftLines, left, first));
    stamp(at, leftCount);
    allocator.free(old);
    long right = at - REF + INNER_BYTES;
    open(level + 1, index[level + 1] + 1);
    m.copy(second, right, 16);
    m.putLong(right + REF, reference(level, rightLines, MAX - left, second));
    stamp(right + REF, count - leftCount);
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
    for (int i = 0; i < cells; i++) sum += countAt(inner + ((long) i << INNER_SHIFT) + REF);
    return sum;
  }

  /// Makes a gap of one cell in the node at a level of the position, which has room.
  private void open(int level, int i) {
    long at = refAt(level);
    long ref = m.getLong(at);
    int bytes = cellBytes(level);
    long cell = cellAt(level, node[level], i);
    int behind = cells(ref) - i;
    if (behind > 0) m.copy(cell, cell + bytes, (long) behind * bytes);
    m.putLong(at, ref + ONE_CELL);
  }

  /// Inserts a word before the position, for which [#reserve] has made room. Returns the address of
  /// its cell, whose rest is the owner's to write.
  long insert(long key, long word) {
    assert isOwn();
    open(0, index[0]);
    long cell = leafCell(0);
    m.putLong(cell + KEY, key);
    m.putLong(cell + WORD, word);
    count(1);
    if (index[0] == 0) tellFirst(0);
    return cell;
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
    assert isOwn();
    m.putLong(leafCell(0) + WORD, word);
    if (index[0] == 0) tellFirst(0);
  }

  // ── removing ──

  /// Removes the word at the position and those behind it, `count` in all, which are in the same
  /// leaf.
  void remove(int count) {
    assert isOwn();
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
    int bytes = cellBytes(level);
    int i = index[level];
    assert i <= cells;
    long cell = cellAt(level, node[level], i);
    if (i < cells) m.copy(cell + (long) count * bytes, cell, (long) (cells - i) * bytes);
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
      boolean old = sharing.isOld(epochAt(rootAt));
      m.copy((ref & ADDRESS) + REF, rootAt, 16);
      release(ref & ADDRESS, old);
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
    long right = left + INNER_BYTES;
    long ref = m.getLong(left);
    long other = m.getLong(right);
    int cells = cells(ref);
    int more = cells(other);
    if (cells + more > MERGED) return false;
    int bytes = cellBytes(level);
    long into = ref & ADDRESS;
    int lines = lines(ref);
    int needed = linesFor(level, cells + more);
    boolean old = sharing.isOld(epochAt(left));
    if (old || lines < needed || lines > needed + 1) {
      lines = needed;
      into = allocator.allocate(lines << 6);
      m.copy(ref & ADDRESS, into, (long) cells * bytes);
      release(ref & ADDRESS, old);
    }
    m.copy(other & ADDRESS, cellAt(level, into, cells), (long) more * bytes);
    release(other & ADDRESS, sharing.isOld(epochAt(right)));
    m.putLong(left, reference(level, lines, cells + more, into));
    stamp(left, countAt(left) + countAt(right));
    long at = refAt(level + 1);
    long above = m.getLong(at);
    int behind = cells(above) - i - 2;
    long gap = right - REF;
    if (behind > 0) m.copy(gap + INNER_BYTES, gap, (long) behind << INNER_SHIFT);
    m.putLong(at, above - ONE_CELL);
    return true;
  }

  // ── the tree as a whole ──

  /// Frees all nodes; the tree is empty afterwards. `between` runs after every few.
  void clear(long rootAt, Runnable between) {
    free(rootAt, false, cell -> {}, between);
    init(rootAt);
  }

  /// Gives up all nodes, after `each` has seen the address of each leaf's cell. The root stays as
  /// it is: its node goes, too.
  void release(long rootAt, LongConsumer each, Runnable between) {
    free(rootAt, false, each, between);
  }

  private void free(long at, boolean aboveIsOld, LongConsumer each, Runnable between) {
    long ref = m.getLong(at);
    if (ref == 0) return;
    boolean old = aboveIsOld || sharing.isOld(epochAt(at));
    long address = ref & ADDRESS;
    int level = level(ref);
    int cells = cells(ref);
    for (int i = 0; i < cells; i++) {
      long cell = cellAt(level, address, i);
      if (level > 0) free(cell + REF, old, each, between);
      else each.accept(cell);
    }
    release(address, old);
    if (level == 1) between.run();
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
    long next = rank() + countAt(above);
    return next == count(rootAt) ? 0 : next;
  }

  private long evacuate(long refAt) {
    long ref = m.getLong(refAt);
    long moved = allocator.evacuated(ref & ADDRESS);
    m.putLong(refAt, ref & ~ADDRESS | moved);
    return moved;
  }
}
