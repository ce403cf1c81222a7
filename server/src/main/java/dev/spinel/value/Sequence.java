package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;

/// A sequence too long for one node: a counted B+tree, whose leaves hold the elements of a list or
/// the bytes of a string.
///
/// ```
///   root cell      inner nodes (up to 128 cells, 2 KB)        leaves
///   ┌──────┐      ┌──────┬──────┬──────┐                     ┌───────────────┐
///   │ cell ├─────►│ cell │ cell │ cell ├──► …  ──► [cells]──►│ listpack      │  PACKED   counts elements
///   └──────┘      └──────┴──────┴──────┘                     ├───────────────┤
///   in an entry's value,                                     │ up to 64 KB   │  CHUNK    counts bytes
///   or a node of 16 bytes                                    ├───────────────┤
///                                                            │ a root cell ──┼─► chunks
///   cell = [cells below 8 | marks 5 | kind 3 | address 48]   └───────────────┘  ELEMENT  counts 1
///          [epoch 24 | count 40]
/// ```
///
/// Everything about a node stands in the one cell that refers to it: nodes have no header, so a
/// full leaf fits its size class and asking whether a child may be changed doesn't touch the child.
/// Counts make every place an index: finding, inserting and removing take one step per level, and
/// three levels carry 16 million leaves. A sequence of one leaf is its root cell.
///
/// Inner nodes that fill up from one end stay full; they are merged when they and a neighbour
/// become sparse, so that an inner node is never empty and the root never has one child only.
///
/// **A cursor.** The object itself belongs to a seat and holds one path: [#open] a sequence, go
/// somewhere ([#seek], [#first], [#next]…), then read or change there. `path[0]` is the address of
/// the root cell, `path[depth]` that of the leaf's cell. Nothing of it outlives the slot's lock.
///
/// **Snapshots.** Sequences have no key order into which a walk's cursor could be put, so here
/// *nodes* are copied, not preserved one by one. While a walk may still read the sequence as it was
/// at the cut ([#frozen]), a node whose epoch isn't the current one isn't written, but for small
/// changes of a chunk, whose old bytes are kept ([BeforeImages]): [#writable] copies the path from
/// the root to the leaf, and the nodes that were replaced go to [Orphans], who gives them back when
/// the walk has left. The frozen tree is then reachable from the frozen root cell (in the preserved
/// entry), the new one from the new; what they share belongs to the new one. So each node is freed
/// exactly once: by its tree, or as an orphan; and the frozen root cell owns nothing.
///
/// 24 bits of epoch count 16 million cuts, one a minute for 31 years. A node's epoch of 0 means
/// "old", always safe.
public final class Sequence {

  /// Takes nodes that leave a sequence while a walk may still read them.
  public interface Orphans {
    /// The node goes back to the allocator of any seat once the walk has left the sequence.
    void orphan(long node);

    /// Bytes `at` to `at + n` of a chunk are about to be overwritten. Returns true if a walk that
    /// reads the chunk finds them anyway; else it is copied first.
    ///
    /// @param length of the chunk
    default boolean keeps(long chunk, int length, int at, int n) {
      return false;
    }
  }

  /// Of a sequence that nobody changes while it is frozen.
  private static final class Nobody implements Orphans {
    @Override
    public void orphan(long node) {
      throw new AssertionError("a frozen sequence was opened without a place for its nodes");
    }
  }

  private static final Orphans NOBODY = new Nobody();

  /// Bytes of a cell.
  public static final int CELL = 16;

  private static final int FAN_OUT = 128;

  /// Leaves that [#evacuate] looks at under one lock, at most 64 KB each.
  private static final int EVACUATED_AT_ONCE = 8;

  /// Chunks of one large element that it moves.
  private static final int CHUNKS_AT_ONCE = 64;

  private static final int MAX_DEPTH = 24;

  public static final int PACKED = 1;
  public static final int ELEMENT = 2;
  public static final int CHUNK = 3;
  static final int INNER = 4;

  private static final int KIND_SHIFT = 48;
  private static final int CELLS_SHIFT = 56;
  private static final long ADDRESS = (1L << KIND_SHIFT) - 1;

  /// What the owner of a leaf may note in its cell: see [Quicklist].
  static final long MARKS = 7L << 51;

  /// Of a root cell: what is below it belongs to its younger twin, see [#freeze].
  private static final int FROZEN_BYTE = 6;

  private static final long FROZEN = 1L << 54;

  private static final int EPOCH_SHIFT = 40;
  private static final long COUNT = (1L << EPOCH_SHIFT) - 1;
  private static final int EPOCH_MASK = 0xffffff;

  private final Memory m;
  private final Allocator allocator;
  private final int fanOut; // most cells of an inner node

  // The cursor: owned by the seat's thread, valid under the slot's lock.
  private final long[] path = new long[MAX_DEPTH];
  private int depth;
  private long leafStart; // the index of the leaf's first element

  // What the sequence that is open must heed.
  private boolean frozen;
  private int epoch;
  private Orphans orphans = NOBODY;

  public Sequence(Memory m, Allocator allocator) {
    this(m, allocator, FAN_OUT);
  }

  /// For tests, which want deep trees of few nodes: a fan-out of 4 or more.
  Sequence(Memory m, Allocator allocator, int fanOut) {
    this.m = m;
    this.allocator = allocator;
    this.fanOut = fanOut;
  }

  // ── cells ──

  static int kind(long word) {
    return (int) (word >>> KIND_SHIFT) & 7;
  }

  static long address(long word) {
    return word & ADDRESS;
  }

  private static int cells(long word) {
    return (int) (word >>> CELLS_SHIFT);
  }

  private static long inner(long address, int cells) {
    return address | (long) INNER << KIND_SHIFT | (long) cells << CELLS_SHIFT;
  }

  /// The reference to a leaf.
  static long leafWord(int kind, long address) {
    assert address != 0 && (address & ~ADDRESS) == 0;
    return address | (long) kind << KIND_SHIFT;
  }

  /// Elements or bytes in the sequence whose root cell is at `root`.
  public static long count(Memory m, long root) {
    return m.getLong(root + 8) & COUNT;
  }

  private long countAt(long cell) {
    return m.getLong(cell + 8) & COUNT;
  }

  private int epochAt(long cell) {
    return (int) (m.getLong(cell + 8) >>> EPOCH_SHIFT);
  }

  private void putCell(long cell, long word, long count) {
    assert count >= 0 && count <= COUNT;
    m.putLong(cell, word);
    m.putLong(cell + 8, count | (long) epoch << EPOCH_SHIFT);
  }

  // ── opening ──

  /// Makes the [#CELL] bytes at `root` an empty sequence.
  public void clear(long root) {
    m.putLong(root, 0);
    m.putLong(root + 8, 0);
  }

  /// Turns to the sequence whose root cell is at `root`. Its cell must be writable for whoever
  /// wants to change it; `frozen` says that a walk may still read nodes that are older than
  /// `epoch`, the current one, and then they go to `orphans`.
  public void open(long root, boolean frozen, int epoch, Orphans orphans) {
    path[0] = root;
    depth = 0;
    leafStart = 0;
    this.frozen = frozen;
    this.epoch = epoch & EPOCH_MASK;
    this.orphans = orphans;
  }

  /// The same for a sequence that no walk can know: it isn't in a dictionary.
  public void open(long root) {
    open(root, false, 0, NOBODY);
  }

  /// The same for a sequence that is only read.
  public void openToRead(long root) {
    open(root, true, -1, NOBODY);
  }

  // ── moving ──

  public boolean isEmpty() {
    return m.getLong(path[0]) == 0;
  }

  public long count() {
    return countAt(path[0]);
  }

  /// Whether the cursor is at a leaf: right after [#open] only if that is all there is.
  boolean positioned() {
    long word = word();
    return word != 0 && kind(word) != INNER;
  }

  /// Goes to the first leaf; false if there is none.
  public boolean first() {
    depth = 0;
    leafStart = 0;
    return !isEmpty() && down(0);
  }

  /// Goes to the last leaf; false if there is none.
  public boolean last() {
    depth = 0;
    if (isEmpty()) {
      return false;
    }
    long word = m.getLong(path[0]);
    while (kind(word) == INNER) {
      path[depth + 1] = address(word) + (long) CELL * (cells(word) - 1);
      word = m.getLong(path[++depth]);
    }
    leafStart = count() - countAt(path[depth]);
    return true;
  }

  /// Goes to the leaf that holds the element or byte of that index, `0 <= index < count`; [#offset]
  /// says where in it.
  public void seek(long index) {
    assert index >= 0 && index < count() : index + " of " + count();
    depth = 0;
    leafStart = 0;
    long word = m.getLong(path[0]);
    while (kind(word) == INNER) {
      long cell = address(word);
      if (index - leafStart >= countOf(depth) >>> 1) { // from the right
        long end = leafStart + countOf(depth);
        cell += (long) CELL * (cells(word) - 1);
        for (end -= countAt(cell); end > index; end -= countAt(cell)) {
          cell -= CELL;
        }
        leafStart = end;
      } else {
        for (long n = countAt(cell); leafStart + n <= index; n = countAt(cell)) {
          leafStart += n;
          cell += CELL;
        }
      }
      path[++depth] = cell;
      word = m.getLong(cell);
    }
  }

  private long countOf(int level) {
    return countAt(path[level]);
  }

  /// Goes on to the next leaf; at the last one nothing moves and the answer is false.
  public boolean next() {
    int level = depth;
    while (level > 0 && path[level] == lastCell(level)) {
      level--;
    }
    if (level == 0) {
      return false;
    }
    leafStart += countAt(path[depth]);
    path[level] += CELL;
    return down(level);
  }

  /// Goes back to the leaf before; at the first one nothing moves and the answer is false.
  public boolean previous() {
    int level = depth;
    while (level > 0 && path[level] == firstCell(level)) {
      level--;
    }
    if (level == 0) {
      return false;
    }
    path[level] -= CELL;
    long word = m.getLong(path[level]);
    depth = level;
    while (kind(word) == INNER) {
      path[depth + 1] = address(word) + (long) CELL * (cells(word) - 1);
      word = m.getLong(path[++depth]);
    }
    leafStart -= countAt(path[depth]);
    return true;
  }

  private boolean down(int level) {
    long word = m.getLong(path[level]);
    depth = level;
    while (kind(word) == INNER) {
      path[depth + 1] = address(word);
      word = m.getLong(path[++depth]);
    }
    return true;
  }

  private long firstCell(int level) {
    return address(m.getLong(path[level - 1]));
  }

  private long lastCell(int level) {
    long word = m.getLong(path[level - 1]);
    return address(word) + (long) CELL * (cells(word) - 1);
  }

  // ── the leaf here ──

  /// The reference to the leaf, marks included.
  public long word() {
    return m.getLong(path[depth]);
  }

  public long leaf() {
    return address(word());
  }

  public int kind() {
    return kind(word());
  }

  /// Elements or bytes in the leaf.
  public long leafCount() {
    return countAt(path[depth]);
  }

  /// The index of the leaf's first element or byte.
  public long leafStart() {
    return leafStart;
  }

  /// The index behind the leaf's last element or byte; -1 if the cursor is at no leaf.
  long leafEnd() {
    return positioned() ? leafStart + leafCount() : -1;
  }

  /// Where in the leaf an index lies.
  public int offset(long index) {
    return (int) (index - leafStart);
  }

  /// The leaf's address, once it and the way to it may be changed: older nodes are copied if a walk
  /// may still read them. A large element is never changed, only replaced: of its leaf only the way
  /// counts.
  public long writable() {
    if (!frozen) {
      return leaf();
    }
    spine();
    long word = word();
    if (epochAt(path[depth]) == epoch || kind(word) == ELEMENT) {
      return address(word);
    }
    long old = address(word);
    int bytes = kind(word) == PACKED ? Listpack.bytes(m, old) : (int) leafCount();
    long copy =
        allocator.allocate(Math.max(bytes, Math.min(allocator.capacity(old), Allocator.MAX_RUN)));
    m.copy(old, copy, bytes);
    putCell(path[depth], (word & ~ADDRESS) | copy, leafCount());
    orphans.orphan(old);
    return copy;
  }

  /// The chunk's address, once bytes `at` to `at + n` of it may be overwritten: unlike [#writable]
  /// it may leave the chunk and the way to it where they are.
  long overwritable(int at, int n) {
    boolean kept =
        frozen && epochAt(path[depth]) != epoch && orphans.keeps(leaf(), (int) leafCount(), at, n);
    return kept ? leaf() : writable();
  }

  /// Whether a walk may still read nodes of the sequence that is open, so that changes copy them.
  boolean copies() {
    return frozen;
  }

  /// Prepares the leaf: it can then be removed, or its cell be changed, without another allocation.
  void unshare() {
    if (frozen) {
      spine();
    }
  }

  /// Whether a walk may still read what is older than the cut.
  boolean isShared() {
    return frozen;
  }

  /// Copies what is older than the cut between the root and the leaf's cell.
  private void spine() {
    for (int level = 0; level < depth; level++) {
      long cell = path[level];
      if (epochAt(cell) != epoch) {
        long word = m.getLong(cell);
        long old = address(word);
        int n = cells(word);
        long copy = allocator.allocate(CELL * n);
        m.copy(old, copy, (long) CELL * n);
        putCell(cell, inner(copy, n), countAt(cell));
        path[level + 1] += copy - old;
        orphans.orphan(old);
      }
    }
  }

  /// Accounts for elements or bytes that came into the leaf, or left it.
  public void changed(long delta) {
    for (int level = 0; level <= depth; level++) {
      m.putLong(path[level] + 8, m.getLong(path[level] + 8) + delta);
      assert countAt(path[level]) >= 0;
    }
  }

  /// Lets the cell refer to another node than before, marks and count as they were. Whoever moved
  /// the leaf (after [#writable]) freed the old one.
  public void moved(long leaf) {
    m.putLong(path[depth], (word() & ~ADDRESS) | leaf);
  }

  /// Puts another leaf in the place of this one, with as many elements as `count` says. The old one
  /// is released.
  public void replace(long word, long count) {
    if (frozen) {
      spine();
    }
    long cell = path[depth];
    long old = m.getLong(cell);
    boolean was = old(cell);
    changed(count - countAt(cell));
    putCell(cell, word, count);
    release(old, was);
  }

  /// Sets and clears [#MARKS] of the leaf.
  void mark(long set, long clear) {
    assert ((set | clear) & ~MARKS) == 0;
    long word = word();
    if ((word | set) != word || (word & clear) != 0) {
      if (frozen) {
        spine();
      }
      m.putLong(path[depth], (word | set) & ~clear);
    }
  }

  // ── leaves come and go ──

  /// Inserts a leaf after this one, or as the first and only one, and goes there. Without memory
  /// for that the leaf stays the caller's, and the cursor is nowhere.
  public void insertAfter(long word, long count) {
    if (isEmpty()) {
      depth = 0;
      leafStart = 0;
      putCell(path[0], word, count);
      return;
    }
    leafStart += leafCount();
    insert(word, count, 1);
  }

  /// Inserts a leaf before this one, or as the first and only one, and goes there.
  public void insertBefore(long word, long count) {
    if (isEmpty()) {
      insertAfter(word, count);
    } else {
      insert(word, count, 0);
    }
  }

  private void insert(long word, long count, int after) {
    try {
      makeRoom();
    } catch (OutOfMemoryError e) {
      lower(); // a node of one child may have come on top
      throw e;
    }
    put(depth, path[depth] + (long) CELL * after, word, count);
    for (int level = 0; level < depth; level++) {
      m.putLong(path[level] + 8, m.getLong(path[level] + 8) + count);
    }
  }

  /// Makes room for another cell beside that of the leaf here.
  private void makeRoom() {
    if (frozen) {
      spine();
    }
    if (depth == 0) {
      raise();
    }
    for (int level = 1;
        level <= depth;
        level++) { // from the top: a node that splits has room above it
      if (cells(m.getLong(path[level - 1])) == fanOut) {
        if (level == 1) {
          raise();
          level = 2;
        }
        split(level);
      }
    }
    widen(depth);
  }

  /// Makes room for one more cell in the inner node below `path[level - 1]`, which isn't full.
  private void widen(int level) {
    long parent = path[level - 1];
    long word = m.getLong(parent);
    long node = address(word);
    int n = cells(word);
    if (CELL * (n + 1) > allocator.capacity(node)) {
      long larger = allocator.allocate(CELL * Math.min(fanOut, n + 1 + (n >> 1)));
      m.copy(node, larger, (long) CELL * n);
      allocator.free(node);
      m.putLong(parent, inner(larger, n));
      path[level] += larger - node;
    }
  }

  /// Puts a cell into the inner node below `path[level - 1]`, which has room, at `place`, an
  /// address in that node or its end. `path[level]` is the new cell then.
  private void put(int level, long at, long w, long c) {
    long parent = path[level - 1];
    long word = m.getLong(parent);
    int n = cells(word);
    m.putLong(parent, inner(address(word), n + 1));
    m.copy(at, at + CELL, address(word) + (long) CELL * n - at);
    putCell(at, w, c);
    path[level] = at;
  }

  /// Splits the full node below `path[level - 1]`; the one above isn't full. Near the middle, or,
  /// where the path goes through an end, next to that: sequences grow at their ends, and what they
  /// leave behind should be full.
  private void split(int level) {
    widen(level - 1);
    long parent = path[level - 1];
    long node = address(m.getLong(parent));
    int i = (int) ((path[level] - node) / CELL);
    int keep = i == fanOut - 1 ? fanOut - 1 : i == 0 ? 1 : fanOut / 2;
    int moved = fanOut - keep;
    long right = allocator.allocate(CELL * (moved == 1 ? 4 : fanOut));
    m.copy(node + (long) CELL * keep, right, (long) CELL * moved);
    long rightCount = 0;
    for (int k = 0; k < moved; k++) {
      rightCount += countAt(right + (long) CELL * k);
    }
    m.putLong(parent, inner(node, keep));
    m.putLong(parent + 8, m.getLong(parent + 8) - rightCount);
    put(level - 1, parent + CELL, inner(right, moved), rightCount);
    if (i < keep) {
      path[level - 1] -= CELL;
    } else {
      path[level] = right + (long) CELL * (i - keep);
    }
  }

  /// Puts a new root node of one cell between the root cell and what it refers to.
  private void raise() {
    long root = path[0];
    long node = allocator.allocate(CELL * 4);
    m.copy(root, node, CELL);
    putCell(root, inner(node, 1), countAt(root));
    System.arraycopy(path, 1, path, 2, depth);
    path[1] = node;
    depth++;
    assert depth < MAX_DEPTH - 1;
  }

  /// Removes the leaf here and releases it; goes to the leaf that comes next, or says false if it
  /// was the last one (then the cursor is nowhere).
  public boolean remove() {
    long cell = path[depth];
    if (frozen) {
      spine();
      cell = path[depth];
    }
    boolean old = old(cell);
    long word = m.getLong(cell);
    boolean more = detach();
    release(word, old);
    return more;
  }

  /// Removes a leaf that is a large element and hands it over: the cell that is the root of its
  /// bytes. 0 if a walk may still read it: then nothing happened, and whoever wants the bytes
  /// copies them.
  long take() {
    if (frozen) {
      return 0;
    }
    assert kind() == ELEMENT;
    long element = leaf();
    detach();
    return element;
  }

  private boolean detach() {
    long start = leafStart;
    long left = count() - leafCount();
    changed(-leafCount());
    int level = depth;
    while (level > 0) {
      long parent = path[level - 1];
      long word = m.getLong(parent);
      int n = cells(word);
      if (n > 1) {
        long cell = path[level];
        m.copy(cell + CELL, cell, address(word) + (long) CELL * n - cell - CELL);
        m.putLong(parent, inner(address(word), n - 1));
        if (n - 1 <= fanOut / 4) {
          sparse(level);
        }
        break;
      }
      allocator.free(address(word));
      level--;
    }
    if (level == 0) {
      clear(path[0]);
    }
    lower();
    if (start >= left) {
      return false;
    }
    seek(start);
    return true;
  }

  /// The node that holds `path[level]` became sparse: joins it with a neighbour if that is sparse
  /// enough too.
  private void sparse(int level) {
    if (level < 2) {
      return;
    }
    long cell = path[level - 1];
    long left = cell > firstCell(level - 1) ? cell - CELL : cell;
    if (left == lastCell(level - 1)) {
      return;
    }
    long right = left + CELL;
    long lw = m.getLong(left);
    long rw = m.getLong(right);
    int ln = cells(lw);
    int rn = cells(rw);
    if (ln + rn > fanOut * 3 / 4) {
      return;
    }
    long node;
    try {
      node = allocator.allocate(CELL * (ln + rn));
    } catch (OutOfMemoryError e) {
      return; // they stay as they are
    }
    m.copy(address(lw), node, (long) CELL * ln);
    m.copy(address(rw), node + (long) CELL * ln, (long) CELL * rn);
    releaseNode(address(lw), old(left));
    releaseNode(address(rw), old(right));
    putCell(left, inner(node, ln + rn), countAt(left) + countAt(right));
    long parent = path[level - 2];
    long word = m.getLong(parent);
    m.copy(right + CELL, right, address(word) + (long) CELL * cells(word) - right - CELL);
    m.putLong(parent, inner(address(word), cells(word) - 1));
    path[level - 1] = left;
    if (cells(word) - 1 <= fanOut / 4) {
      sparse(level - 1);
    }
  }

  /// A root node with one child only gives way to it.
  private void lower() {
    long word = m.getLong(path[0]);
    while (kind(word) == INNER && cells(word) == 1) {
      boolean old = old(path[0]);
      m.copy(address(word), path[0], CELL);
      releaseNode(address(word), old);
      word = m.getLong(path[0]);
    }
  }

  // ── ends ──

  /// Whether a walk may still read the node that the cell at this address refers to.
  private boolean old(long cell) {
    return frozen && epochAt(cell) != epoch;
  }

  private void releaseNode(long node, boolean old) {
    if (old) {
      orphans.orphan(node);
    } else {
      allocator.free(node);
    }
  }

  /// Gives up a node and all below it.
  private void release(long word, boolean old) {
    long node = address(word);
    int cells = kind(word) == INNER ? cells(word) : kind(word) == ELEMENT ? 1 : 0;
    for (int i = 0; i < cells; i++) {
      long cell = node + (long) CELL * i;
      long below = m.getLong(cell);
      if (below != 0) {
        release(below, old || old(cell));
      }
    }
    releaseNode(node, old);
  }

  /// Makes the [#CELL] bytes at `twin` a second root of the sequence at `root`, which owns nothing
  /// from now on: the first change after a cut.
  void freeze(long root, long twin) {
    m.copy(root, twin, CELL);
    if (m.getLong(root) != 0) { // one byte, which no reader looks at: the walk may be reading
      m.putByte(root + FROZEN_BYTE, (byte) (m.getByte(root + FROZEN_BYTE) | FROZEN >>> KIND_SHIFT));
    }
  }

  /// Whether this root cell was left to a walk by [#freeze].
  boolean isFrozen(long root) {
    return (m.getLong(root) & FROZEN) != 0;
  }

  /// Frees the whole sequence below a root cell that is about to go, unless that owns nothing. No
  /// walk may read it any more.
  void free(long root) {
    free(root, Dictionary.AT_ONCE);
  }

  /// The same; `between` runs after every inner node's worth.
  void free(long root, Runnable between) {
    long word = m.getLong(root);
    if (word != 0 && (word & FROZEN) == 0) {
      freeBelow(word, between);
    }
  }

  private void freeBelow(long word, Runnable between) {
    long node = address(word);
    int cells = kind(word) == INNER ? cells(word) : kind(word) == ELEMENT ? 1 : 0;
    for (int i = 0; i < cells; i++) {
      long below = m.getLong(node + (long) CELL * i);
      if (below != 0) {
        freeBelow(below, between);
      }
    }
    allocator.free(node);
    if (cells > 1) {
      between.run();
    }
  }

  /// Gives up all nodes of the open sequence and leaves it empty. Its root cell stays, whoever owns
  /// it.
  public void drop() {
    long root = path[0];
    long word = m.getLong(root);
    if (word != 0) {
      boolean old = old(root);
      clear(root);
      release(word, old);
    }
    depth = 0;
  }

  /// Gives up all nodes of the open sequence. Its root cell stays as it is: its node goes, too.
  void abandon() {
    long word = m.getLong(path[0]);
    if (word != 0) {
      release(word, old(path[0]));
    }
  }

  /// Moves nodes that stand in sparse slabs ([Allocator#evacuated]): the next leaves from index
  /// `from` on, and what is on the way to them. Returns the index to go on with, 0 at the end. No
  /// walk may know the sequence.
  long evacuate(long root, long from) {
    open(root);
    if (from >= count()) {
      return 0;
    }
    seek(from);
    for (int steps = 0; steps < EVACUATED_AT_ONCE; steps++) {
      for (int level = 0; level < depth; level++) {
        long old = address(m.getLong(path[level]));
        long node = evacuateBelow(path[level]);
        path[level + 1] += node - old;
      }
      evacuateBelow(path[depth]);
      if (kind() == ELEMENT) {
        evacuateElement(leaf());
      }
      if (!next()) {
        return 0;
      }
    }
    return leafStart;
  }

  /// The chunks of a large element. One of very many is left where it is: it fills slabs by itself.
  private void evacuateElement(long cell) {
    if (nodes(cell, CHUNKS_AT_ONCE) >= CHUNKS_AT_ONCE) {
      return;
    }
    long word = m.getLong(cell);
    if (word == 0) {
      return;
    }
    long node = evacuateBelow(cell);
    if (kind(word) == INNER) {
      for (int i = 0; i < cells(word); i++) {
        evacuateElement(node + (long) CELL * i);
      }
    }
  }

  private long evacuateBelow(long cell) {
    long word = m.getLong(cell);
    long node = allocator.evacuated(address(word));
    if (node != address(word)) {
      m.putLong(cell, word & ~ADDRESS | node);
    }
    return node;
  }

  /// How many nodes a sequence has, counting to `most` at most.
  public int nodes(long root, int most) {
    long word = m.getLong(root);
    return word == 0 ? 0 : nodesBelow(word, most);
  }

  private int nodesBelow(long word, int most) {
    int n = 1;
    if (kind(word) == INNER) {
      for (int i = 0; i < cells(word) && n < most; i++) {
        n += nodesBelow(m.getLong(address(word) + (long) CELL * i), most - n);
      }
    } else if (kind(word) == ELEMENT) {
      n += nodesBelow(m.getLong(address(word)), most - n);
    }
    return n;
  }

  /// Bytes that the nodes of a sequence take; its root cell not counted.
  public long memoryUse(long root) {
    long word = m.getLong(root);
    return word == 0 ? 0 : memoryBelow(word);
  }

  private long memoryBelow(long word) {
    long bytes = allocator.capacity(address(word));
    if (kind(word) == INNER) {
      for (int i = 0; i < cells(word); i++) {
        bytes += memoryBelow(m.getLong(address(word) + (long) CELL * i));
      }
    } else if (kind(word) == ELEMENT) {
      bytes += memoryBelow(m.getLong(address(word)));
    }
    return bytes;
  }

  /// Makes the [#CELL] bytes at `to` the root of a copy of the sequence at `from`, its nodes of
  /// epoch `epoch`. Without memory for that, what was made of it is freed.
  public void copy(long from, long to, int epoch) {
    int before = this.epoch;
    this.epoch = epoch & EPOCH_MASK;
    if (m.getLong(from) == 0) {
      clear(to);
    } else {
      copyCell(from, to);
    }
    this.epoch = before;
  }

  private void copyCell(long from, long to) {
    long word = m.getLong(from);
    long node = address(word);
    int cells = kind(word) == INNER ? cells(word) : kind(word) == ELEMENT ? 1 : 0;
    int bytes =
        cells > 0
            ? CELL * cells
            : kind(word) == PACKED ? Listpack.bytes(m, node) : (int) countAt(from);
    long copy = allocator.allocate(bytes);
    int done = 0;
    try {
      for (; done < cells; done++) {
        long at = (long) CELL * done;
        if (m.getLong(node + at) == 0) {
          clear(copy + at);
        } else {
          copyCell(node + at, copy + at);
        }
      }
    } catch (OutOfMemoryError e) {
      while (done-- > 0) {
        free(copy + (long) CELL * done);
      }
      allocator.free(copy);
      throw e;
    }
    if (cells == 0) {
      m.copy(node, copy, bytes);
    }
    putCell(to, (word & ~ADDRESS) | copy, countAt(from));
  }

  // ── checks ──

  /// For tests: throws unless the tree keeps its promises; returns its count.
  long check(long root) {
    long word = m.getLong(root);
    if (word == 0) {
      if (countAt(root) != 0) {
        throw new AssertionError("empty, but counts " + countAt(root));
      }
      return 0;
    }
    if (kind(word) == INNER && cells(word) < 2) {
      throw new AssertionError("a root with one child");
    }
    check(root, -1);
    return countAt(root);
  }

  private int check(long cell, int unused) {
    long word = m.getLong(cell);
    long count = countAt(cell);
    switch (kind(word)) {
      case PACKED -> {
        if (Listpack.count(m, address(word)) != count || count == 0) {
          throw new AssertionError(
              "leaf of " + Listpack.count(m, address(word)) + ", cell says " + count);
        }
        if (Listpack.bytes(m, address(word)) > allocator.capacity(address(word))) {
          throw new AssertionError("leaf overflows");
        }
        return 0;
      }
      case CHUNK -> {
        if (count == 0 || count > allocator.capacity(address(word))) {
          throw new AssertionError("chunk of " + count);
        }
        return 0;
      }
      case ELEMENT -> {
        if (count != 1) {
          throw new AssertionError("element counts " + count);
        }
        check(address(word), -1);
        return 0;
      }
      case INNER -> {
        int n = cells(word);
        if (n == 0 || n > fanOut || n * CELL > allocator.capacity(address(word))) {
          throw new AssertionError(n + " cells");
        }
        long sum = 0;
        int height = -1;
        for (int i = 0; i < n; i++) {
          long child = address(word) + (long) CELL * i;
          int h = check(child, -1);
          if (height >= 0 && h != height) {
            throw new AssertionError("leaves at different depths");
          }
          height = h;
          sum += countAt(child);
        }
        if (sum != count) {
          throw new AssertionError("children count " + sum + ", cell says " + count);
        }
        return height + 1;
      }
      default -> throw new AssertionError("kind " + kind(word));
    }
  }
}
