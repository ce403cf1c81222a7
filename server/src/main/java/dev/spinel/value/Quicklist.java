package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;

/// The elements of a list, long or short, and a cursor at one of them: [ListValue] knows keys and
/// encodings, this knows where elements go.
///
/// A short list is one [Listpack]. A long one is a [Sequence] whose leaves are listpacks; an
/// element that fits none is a leaf of its own, the root cell of its chunks. Which elements share a
/// leaf is observable (OBJECT ENCODING tells when a list has shrunk to one node, an RDB file has
/// node for node), so filling, splitting and merging follow Redis's quicklist.
///
/// **Nodes and leaves.** A leaf is a node of Redis, with one exception. Redis lets a node outgrow
/// every limit when an element in it is *replaced* by a larger one; here no leaf exceeds
/// [#LEAF_MAX]. Such a node becomes a *group*: leaves marked [#GROUP], all but the first also
/// [#JOINED] to the one before.
///
/// ```
///   node ─────────────────────────┐   node       node ───────────────────────────────┐
///   [listpack GROUP][1 MB element GROUP JOINED]  [listpack]  [listpack G][listpack GJ][listpack GJ]
/// ```
///
/// Neighbours of a group that fit one leaf are joined in fact, so a group is always larger than
/// [#LEAF_MAX] and hence full by every rule: nobody inserts into it or merges with it, and its
/// sizes need not be summed.
///
/// The cursor is at an element of a listpack (`lp`, `p`) or at a large one (`cell`). It belongs to
/// the seat's thread and lasts until the slot's lock is released or other code changes the list.
final class Quicklist {

  /// The most bytes of a leaf.
  static final int LEAF_MAX = 64 << 10;

  /// A leaf that continues its left neighbour.
  static final long JOINED = 1L << 51;

  /// A large element that Redis keeps without a listpack around it.
  static final long PLAIN = 1L << 52;

  /// A leaf of a node that has several.
  static final long GROUP = 1L << 53;

  /// A node that is limited by its count of elements may still not exceed this.
  private static final int SAFE_BYTES = 8 << 10;

  /// What Redis adds to the length of an element before it asks whether a node has room.
  private static final int ESTIMATED_OVERHEAD = 8;

  private static final int NO_LIMIT = Integer.MAX_VALUE;

  private final Memory m;
  private final Allocator allocator;
  private final LargeStrings large;
  private final Sequence sequence;
  private final ChunkedBytes bytes;

  // What is open.
  private boolean inline; // one listpack, at lp
  private int fill;
  private long plainBytes; // elements from this length on are plain nodes

  // The cursor.
  private long lp;
  private int p;
  private long cell;

  // What [#matches] compares with.
  private Slice sought = new Slice(new byte[0]);
  private boolean soughtInteger;
  private long soughtValue;

  Quicklist(Memory m, Allocator allocator, LargeStrings large) {
    this.m = m;
    this.allocator = allocator;
    this.large = large;
    this.sequence = new Sequence(m, allocator);
    this.bytes = new ChunkedBytes(m, allocator);
  }

  // ── limits ──

  /// Whether a node of so many bytes and elements is too large. `fill` is list-max-listpack-size:
  /// so many elements, or, from -1 to -5, 4 to 64 KB.
  static boolean exceeds(int fill, long bytes, long count) {
    return fill < 0 ? bytes > byteLimit(fill) : bytes > SAFE_BYTES || count > countLimit(fill);
  }

  static int byteLimit(int fill) {
    return fill < 0 ? 4096 << (Math.min(-fill, 5) - 1) : NO_LIMIT;
  }

  static int countLimit(int fill) {
    return fill < 0 ? NO_LIMIT : Math.max(fill, 1);
  }

  // ── opening ──

  /// Turns to the listpack at `lp`, which is the whole list, to read.
  void openInline(long lp) {
    inline = true;
    this.lp = lp;
    p = 0;
    cell = 0;
  }

  /// Turns to the sequence at `root`, to read.
  void openToRead(long root) {
    inline = false;
    sequence.openToRead(root);
  }

  /// Turns to the sequence at `root`, to change it; see
  /// [Sequence#open(long,boolean,int,Sequence.Orphans)].
  void open(
      long root, int fill, long plainBytes, boolean frozen, int epoch, Sequence.Orphans orphans) {
    inline = false;
    this.fill = fill;
    this.plainBytes = plainBytes;
    sequence.open(root, frozen, epoch, orphans);
  }

  long count() {
    return inline ? Listpack.count(m, lp) : sequence.count();
  }

  // ── the cursor ──

  /// Goes to the element of that index, from the end if negative; false if there is none.
  boolean seek(long index) {
    if (inline) {
      p = index == (int) index ? Listpack.seek(m, lp, (int) index) : 0;
      return p != 0;
    }
    long forward = index < 0 ? sequence.count() + index : index;
    if (forward < 0 || forward >= sequence.count()) {
      return false;
    }
    sequence.seek(forward);
    return enter(sequence.offset(forward));
  }

  /// Goes to an element of the leaf here.
  private boolean enter(int offset) {
    long word = sequence.word();
    if (Sequence.kind(word) == Sequence.ELEMENT) {
      cell = Sequence.address(word);
    } else {
      cell = 0;
      lp = Sequence.address(word);
      p = offset == 0 ? Listpack.HEADER : Listpack.seek(m, lp, offset);
    }
    return true;
  }

  /// Goes on to the element after this one; false if there is none.
  boolean next() {
    if (cell == 0) {
      p = Listpack.next(m, lp, p);
      if (p != 0) {
        return true;
      }
    }
    return !inline && sequence.next() && enter(0);
  }

  /// Goes back to the element before this one; false if there is none.
  boolean previous() {
    if (cell == 0) {
      p = Listpack.previous(m, lp, p);
      if (p != 0) {
        return true;
      }
    }
    return !inline && sequence.previous() && enter(-1);
  }

  /// The position of the element here in its listpack.
  int position() {
    return p;
  }

  /// Goes to a position of the one listpack.
  void at(int position) {
    p = position;
  }

  /// The index of the element here, of a sequence.
  long index() {
    return sequence.leafStart() + (cell != 0 ? 0 : ordinal(p));
  }

  private int ordinal(int at) {
    int n = 0;
    for (int q = Listpack.HEADER; q < at; q = Listpack.after(m, lp, q)) {
      n++;
    }
    return n;
  }

  // ── the element here ──

  boolean isLarge() {
    return cell != 0;
  }

  /// How many bytes the element has.
  int length() {
    return cell != 0 ? (int) Sequence.count(m, cell) : Listpack.length(m, lp, p);
  }

  /// Whether the element is stored as an integer.
  boolean isInteger() {
    return cell == 0 && Listpack.isInteger(m, lp, p);
  }

  long integer() {
    return Listpack.integer(m, lp, p);
  }

  void copyOut(byte[] to, int at) {
    if (cell != 0) {
      bytes.openToRead(cell);
      bytes.copyOut(0, to, at, (int) bytes.length());
    } else {
      Listpack.copyOut(m, lp, p, to, at);
    }
  }

  /// Copies `n` bytes of the element, which is no integer, from its byte `from` on.
  void copyOut(int from, byte[] to, int at, int n) {
    if (cell != 0) {
      bytes.openToRead(cell).copyOut(from, to, at, n);
    } else {
      m.copyOut(Listpack.text(m, lp, p) + from, to, at, n);
    }
  }

  /// Writes the element as a bulk string.
  void writeTo(RespWriter out) {
    if (cell != 0) {
      bytes.openToRead(cell).writeTo(out, 0, (int) bytes.length());
    } else if (Listpack.isInteger(m, lp, p)) {
      out.bulk(Listpack.integer(m, lp, p));
    } else {
      Bulk.write(m, out, Listpack.text(m, lp, p), Listpack.textLength(m, lp, p));
    }
  }

  /// Writes the `n` elements from here on, which exist, as bulk strings.
  void writeRange(long n, RespWriter out) {
    writeTo(out);
    for (long i = 1; i < n; i++) {
      boolean there = next();
      assert there;
      writeTo(out);
    }
  }

  /// From now on [#matches] compares with `slice`.
  void sought(Slice slice) {
    sought = slice;
    soughtInteger = slice.node == 0 && Listpack.canonical(slice.array, slice.offset, slice.length);
    soughtValue = soughtInteger ? Listpack.parse(slice.array, slice.offset, slice.length) : 0;
  }

  /// Whether the element has the bytes that are [#sought].
  boolean matches() {
    if (cell != 0) {
      long n = Sequence.count(m, cell);
      if (n != sought.length) {
        return false;
      }
      bytes.openToRead(cell);
      return sought.node != 0
          ? bytes.equal(large.reader(sought))
          : bytes.equal(sought.array, sought.offset, sought.length);
    }
    if (Listpack.isInteger(m, lp, p)) {
      return soughtInteger && Listpack.integer(m, lp, p) == soughtValue;
    }
    return Listpack.textLength(m, lp, p) == sought.length
        && large.equal(sought, Listpack.text(m, lp, p), sought.length);
  }

  /// Goes to the first element from here on that [#matches]; false if there is none.
  boolean find() {
    do {
      if (cell == 0 && sought.node == 0) {
        p = Listpack.find(m, lp, p, sought.array, sought.offset, sought.length, 0);
        if (p != 0) {
          return true;
        }
      } else if (cell != 0 && matches()) {
        return true;
      } else if (cell == 0) {
        do {
          if (matches()) {
            return true;
          }
          p = Listpack.next(m, lp, p);
        } while (p != 0);
      }
    } while (!inline && sequence.next() && enter(0));
    return false;
  }

  // ── leaves ──

  private boolean marked(long mark) {
    return (sequence.word() & mark) != 0;
  }

  private boolean packed() {
    return sequence.kind() == Sequence.PACKED;
  }

  /// Whether the node of the leaf here takes an element of so many bytes.
  private boolean allowsInsert(long length) {
    return packed()
        && !marked(GROUP)
        && length < plainBytes
        && !exceeds(
            fill,
            Listpack.bytes(m, sequence.leaf()) + length + ESTIMATED_OVERHEAD,
            sequence.leafCount() + 1);
  }

  /// Bytes that an element takes in a listpack.
  private static int entryBytes(Slice v) {
    return v.node != 0
        ? Listpack.textEntryBytes(v.length)
        : Listpack.entryBytes(v.array, v.offset, v.length);
  }

  private static boolean fitsLeaf(Slice v) {
    return v.length < LEAF_MAX - 32;
  }

  /// A new leaf with one element.
  private long leafWord(Slice v) {
    if (v.length >= plainBytes) {
      return Sequence.leafWord(Sequence.ELEMENT, large.cell(v)) | PLAIN;
    }
    if (!fitsLeaf(v)) {
      return Sequence.leafWord(Sequence.ELEMENT, large.cell(v));
    }
    int need = Listpack.EMPTY + entryBytes(v);
    long leaf = allocator.allocate(Math.max(need, Math.min(2 * need, 128)));
    Listpack.clear(m, leaf);
    putEntry(leaf, Listpack.HEADER, v);
    return Sequence.leafWord(Sequence.PACKED, leaf);
  }

  /// Inserts a new leaf with one element, and these marks, after or before the leaf here.
  private void insertLeaf(boolean after, Slice v, long marks) {
    long given = v.node;
    long word = leafWord(v) | marks;
    try {
      if (after) {
        sequence.insertAfter(word, 1);
      } else {
        sequence.insertBefore(word, 1);
      }
    } catch (OutOfMemoryError e) {
      long leaf = Sequence.address(word);
      if (Sequence.kind(word) == Sequence.PACKED) {
        allocator.free(leaf);
      } else if (leaf == given) {
        v.giveBack(leaf);
      } else {
        large.abandon(leaf);
      }
      throw e;
    }
  }

  private void putEntry(long leaf, int at, Slice v) {
    if (v.node == 0) {
      Listpack.insert(m, leaf, at, v.array, v.offset, v.length);
    } else {
      large.copyTo(v, Listpack.insertText(m, leaf, at, v.length));
    }
  }

  /// The leaf here, writable, with room for `need` bytes in all.
  private long room(int need) {
    long leaf = sequence.writable();
    if (need > allocator.capacity(leaf)) {
      int roomy = need + (need >> 1);
      int limit = fill < 0 ? byteLimit(fill) : SAFE_BYTES;
      leaf = resized(leaf, need <= limit ? Math.min(roomy, limit) : need);
    }
    return leaf;
  }

  private long resized(long leaf, int bytes) {
    long other = allocator.allocate(bytes);
    m.copy(leaf, other, Listpack.bytes(m, leaf));
    allocator.free(leaf);
    sequence.moved(other);
    return other;
  }

  /// Gives back what a leaf that shrank doesn't need.
  private void trimLeaf() {
    long leaf = sequence.leaf();
    int used = Listpack.bytes(m, leaf);
    int capacity = allocator.capacity(leaf);
    if (capacity > 128 && used < capacity >> 1) {
      try {
        resized(leaf, used + (used >> 2));
      } catch (OutOfMemoryError e) {
        // it stays as large as it is
      }
    }
  }

  /// Puts an element into the listpack here, before position `at`. A node that outgrows its leaf
  /// becomes a group.
  private void put(int at, Slice v) {
    long leaf = sequence.leaf();
    int need = Listpack.bytes(m, leaf) + (fitsLeaf(v) ? entryBytes(v) : LEAF_MAX);
    if (need <= LEAF_MAX) {
      putEntry(room(need), at, v);
      sequence.changed(1);
      return;
    }
    if (at == Listpack.HEADER) {
      long first = sequence.word() & JOINED;
      sequence.mark(GROUP | JOINED, 0);
      insertLeaf(false, v, GROUP | first);
    } else {
      if (at < Listpack.end(m, leaf)) {
        divide(at, GROUP | JOINED);
        sequence.previous();
      }
      sequence.mark(GROUP, 0);
      insertLeaf(true, v, GROUP | JOINED);
    }
    settle();
  }

  /// Moves the elements from position `at` on to a leaf of their own, with these marks, and goes
  /// there.
  private void divide(int at, long marks) {
    long leaf = sequence.writable();
    int end = Listpack.end(m, leaf);
    int moved = 0;
    for (int q = at; q < end; q = Listpack.after(m, leaf, q)) {
      moved++;
    }
    long right = allocator.allocate(Listpack.EMPTY + end - at);
    Listpack.clear(m, right);
    Listpack.insertFrom(m, leaf, at, end, moved, right, Listpack.HEADER);
    try {
      sequence.insertAfter(Sequence.leafWord(Sequence.PACKED, right) | marks, moved);
    } catch (OutOfMemoryError e) {
      allocator.free(right);
      throw e;
    }
    sequence.previous(); // where there is still all of it
    Listpack.delete(m, leaf, at, end, moved);
    sequence.changed(-moved);
    trimLeaf();
    sequence.next();
  }

  /// Appends the leaf after this one, which is a listpack too, to this one.
  private void absorbNext() {
    boolean there = sequence.next();
    assert there && packed();
    long right = sequence.leaf();
    int n = (int) sequence.leafCount();
    sequence.unshare(); // to be removed
    sequence.previous();
    long leaf =
        room(Listpack.bytes(m, sequence.leaf()) + Listpack.bytes(m, right) - Listpack.EMPTY);
    Listpack.insertFrom(
        m, right, Listpack.HEADER, Listpack.end(m, right), n, leaf, Listpack.end(m, leaf));
    sequence.changed(n);
    long start = sequence.leafStart();
    sequence.next();
    sequence.remove();
    sequence.seek(start);
  }

  /// Removes the leaf here; the cursor is at the leaf that came after it, or false. Its group, if
  /// it was in one, settles.
  private boolean removeLeaf() {
    long word = sequence.word();
    long start = sequence.leafStart();
    boolean more = sequence.remove();
    if ((word & GROUP) != 0) {
      try {
        if ((word & JOINED) == 0) { // it began the group: the next one does now
          sequence.mark(0, JOINED);
        } else if (more) {
          sequence.previous();
        } else {
          sequence.last();
        }
        settle();
      } catch (OutOfMemoryError e) {
        // the leaf is gone, and the group isn't settled
      }
      more = start < sequence.count();
      if (more) {
        sequence.seek(start);
      }
    }
    return more;
  }

  /// Whether the leaf after this one belongs to the same node.
  private boolean continues() {
    if (!marked(GROUP) || !sequence.next()) {
      return false;
    }
    boolean joined = marked(JOINED);
    sequence.previous();
    return joined;
  }

  /// Restores what holds for groups around the leaf here: neighbours that fit one leaf are one, and
  /// a single leaf is no group.
  private void settle() {
    if (marked(GROUP)) {
      long start = sequence.leafStart();
      try {
        settleGroup();
      } catch (OutOfMemoryError e) { // it stays as it is, until its next change
        sequence.seek(start);
      }
    }
  }

  private void settleGroup() {
    while (continues() && fitsWithNext()) {
      absorbNext();
    }
    while (marked(JOINED)) {
      sequence.previous();
      if (!fitsWithNext()) {
        sequence.next();
        break;
      }
      absorbNext();
    }
    if (!marked(JOINED) && !continues()) {
      sequence.mark(0, GROUP);
    }
  }

  private boolean fitsWithNext() {
    if (!packed()) {
      return false;
    }
    int here = Listpack.bytes(m, sequence.leaf());
    sequence.next();
    boolean fits =
        packed() && here + Listpack.bytes(m, sequence.leaf()) - Listpack.EMPTY <= LEAF_MAX;
    sequence.previous();
    return fits;
  }

  // ── changing ──

  /// Appends a whole listpack of at most [#LEAF_MAX] bytes as a node.
  void appendNode(long listpack, int count) {
    int n = Listpack.bytes(m, listpack);
    long leaf = allocator.allocate(n);
    m.copy(listpack, leaf, n);
    sequence.last();
    try {
      sequence.insertAfter(Sequence.leafWord(Sequence.PACKED, leaf), count);
    } catch (OutOfMemoryError e) {
      allocator.free(leaf);
      throw e;
    }
  }

  /// Appends a whole listpack of at most [#LEAF_MAX] bytes, from an array, as a node.
  void appendNode(byte[] listpack, int from, int bytes, int count) {
    long leaf = allocator.allocate(bytes);
    m.copyIn(listpack, from, leaf, bytes);
    sequence.last();
    try {
      sequence.insertAfter(Sequence.leafWord(Sequence.PACKED, leaf), count);
    } catch (OutOfMemoryError e) {
      allocator.free(leaf);
      throw e;
    }
  }

  /// Appends an element as a node that is nothing else.
  void appendPlainNode(Slice v) {
    long given = v.node;
    long taken = large.cell(v);
    sequence.last();
    try {
      sequence.insertAfter(Sequence.leafWord(Sequence.ELEMENT, taken) | PLAIN, 1);
    } catch (OutOfMemoryError e) {
      if (taken == given) {
        v.giveBack(taken);
      } else {
        large.abandon(taken);
      }
      throw e;
    }
  }

  /// Appends an element as the first one of a new node.
  void appendToNewNode(Slice v) {
    sequence.last();
    insertLeaf(true, v, 0);
  }

  /// Appends an element to the last node, whatever its size.
  void appendToLastNode(Slice v) {
    sequence.last();
    enter(-1);
    insertInNode(true, v);
  }

  /// Puts an element at an end.
  void push(boolean head, Slice v) {
    boolean any = head ? sequence.first() : sequence.last();
    if (any && allowsInsert(v.length)) {
      long leaf = room(Listpack.bytes(m, sequence.leaf()) + entryBytes(v));
      putEntry(leaf, head ? Listpack.HEADER : Listpack.end(m, leaf), v);
      sequence.changed(1);
    } else {
      insertLeaf(!head, v, 0);
    }
  }

  /// Puts an element at an end of a list that is one node, and stays one whatever its size.
  void pushToOnlyNode(boolean head, Slice v) {
    if (head ? sequence.first() : sequence.last()) {
      enter(head ? 0 : -1);
      insertInNode(!head, v);
    } else {
      insertLeaf(true, v, 0);
    }
  }

  /// Deletes the element here and goes to the one that comes next in that direction; false if there
  /// is none.
  boolean delete(boolean forward) {
    long word = sequence.word();
    if ((word & GROUP) != 0) {
      long index = index();
      deleteHere();
      return forward ? index < count() && seek(index) : index > 0 && seek(index - 1);
    }
    boolean gone = cell != 0 || sequence.leafCount() == 1;
    boolean more = deleteHere();
    if (gone) {
      if (forward) {
        return more && enter(0);
      }
      return (more ? sequence.previous() : sequence.last()) && enter(-1);
    }
    lp = sequence.leaf();
    if (!forward) {
      return previous();
    }
    return p != Listpack.end(m, lp) || (sequence.next() && enter(0));
  }

  /// Deletes the element here of the one listpack, which is writable and whose entry keeps its
  /// room, and goes to the next one in that direction; false if there is none.
  boolean deleteInline(boolean forward) {
    Listpack.delete(m, lp, p);
    if (forward) {
      return p != Listpack.end(m, lp);
    }
    p = Listpack.previous(m, lp, p);
    return p != 0;
  }

  /// Whether the large element here may leave without a copy: no walk may still read it.
  boolean isFree() {
    return !sequence.isShared() && !marked(GROUP);
  }

  /// Removes the large element here, which [#isFree], and leaves the cell that is the root of its
  /// bytes to whoever has it already.
  void takeLarge() {
    long taken = sequence.take();
    assert taken == cell;
  }

  /// Whether a walk may still read nodes of the list, so that changes copy them.
  boolean copies() {
    return sequence.copies();
  }

  /// Makes sure that the element here can be deleted without memory.
  void prepareDelete() {
    if (cell != 0 || sequence.leafCount() == 1) {
      sequence.unshare();
    } else {
      sequence.writable();
      lp = sequence.leaf();
    }
  }

  /// The cell of the large element here.
  long cell() {
    return cell;
  }

  /// Whether the whole list is one leaf.
  boolean isOneLeaf() {
    return sequence.leafCount() == sequence.count();
  }

  /// Whether the element here is all that its leaf has.
  boolean isAlone() {
    return sequence.leafCount() == 1;
  }

  /// Whether the node of the leaf here would take the element at hand, of so many bytes, if that
  /// weren't in it.
  boolean takesBack(int length) {
    return cell == 0
        && !marked(GROUP)
        && length < plainBytes
        && !exceeds(
            fill,
            Listpack.bytes(m, lp)
                - Listpack.entryBytes(m, lp, p)
                + (long) length
                + ESTIMATED_OVERHEAD,
            sequence.leafCount());
  }

  /// The element here, which is `v`, is all that the leaf at an end of the list has: puts it into
  /// the next one, if that takes it.
  void join(boolean head, Slice v) {
    if (cell != 0 || !(head ? sequence.next() : sequence.previous()) || !allowsInsert(v.length)) {
      return;
    }
    long leaf = room(Listpack.bytes(m, sequence.leaf()) + entryBytes(v));
    putEntry(leaf, head ? Listpack.HEADER : Listpack.end(m, leaf), v);
    sequence.changed(1);
    boolean there = head ? sequence.first() : sequence.last();
    assert there;
    removeLeaf();
  }

  /// Moves the element here, which is `v`, to the other end of its leaf.
  void turn(boolean toHead, Slice v) {
    long leaf = sequence.writable();
    Listpack.delete(m, leaf, p);
    putEntry(leaf, toHead ? Listpack.HEADER : Listpack.end(m, leaf), v);
  }

  /// Deletes the element here; if its leaf goes, says whether there is a leaf after it.
  private boolean deleteHere() {
    if (cell != 0 || sequence.leafCount() == 1) {
      return removeLeaf();
    }
    Listpack.delete(m, sequence.writable(), p);
    sequence.changed(-1);
    trimLeaf();
    settle();
    return true;
  }

  /// Takes what a [#delete] of the same elements needs of memory: it needs none afterwards, so all
  /// of them go, or none.
  void prepareDelete(long start, long n) {
    if (!sequence.copies()) {
      return;
    }
    for (long at = start; at < start + n; at = sequence.leafStart() + sequence.leafCount()) {
      sequence.seek(at);
      if (at == sequence.leafStart() && sequence.leafCount() <= start + n - at) {
        sequence.unshare();
      } else {
        sequence.writable();
      }
    }
  }

  /// Deletes `n` elements from index `start` on, which exist.
  void delete(long start, long n) {
    prepareDelete(start, n);
    long left = n;
    while (left > 0) {
      sequence.seek(start);
      int offset = sequence.offset(start);
      int here = (int) Math.min(left, sequence.leafCount() - offset);
      if (here == sequence.leafCount()) {
        removeLeaf();
      } else {
        long leaf = sequence.writable();
        int from = Listpack.seek(m, leaf, offset);
        int to = from;
        if (offset + here == sequence.leafCount()) {
          to = Listpack.end(m, leaf);
        } else {
          for (int i = 0; i < here; i++) {
            to = Listpack.after(m, leaf, to);
          }
        }
        Listpack.delete(m, leaf, from, to, here);
        sequence.changed(-here);
        trimLeaf();
        settle();
      }
      left -= here;
    }
  }

  /// Inserts an element after or before the one here.
  void insert(boolean after, Slice v) {
    boolean atEdge = after ? lastOfNode() : firstOfNode();
    if (v.length >= plainBytes) {
      if (!atEdge) {
        splitNode(after);
      }
      insertLeaf(after, v, 0);
      return;
    }
    if (allowsInsert(v.length)) {
      put(after ? Listpack.after(m, lp, p) : p, v);
      return;
    }
    if (!atEdge) {
      long start = splitNode(after); // v goes to the part that doesn't have the element
      if (after) {
        sequence.next();
        enter(0);
        insertInNode(false, v);
        sequence.seek(start);
      } else {
        sequence.previous();
        enter(-1);
        insertInNode(true, v);
        sequence.seek(start + 1);
      }
      mergeAround();
      return;
    }
    boolean neighbour = after ? sequence.next() : sequence.previous();
    if (neighbour && allowsInsert(v.length)) {
      put(after ? Listpack.HEADER : Listpack.end(m, sequence.leaf()), v);
      return;
    }
    if (neighbour) {
      if (after) {
        sequence.previous();
      } else {
        sequence.next();
      }
    }
    insertLeaf(after, v, 0);
  }

  /// Inserts an element after or before the one here, into its node, whatever its size.
  void insertInNode(boolean after, Slice v) {
    if (cell == 0) {
      put(after ? Listpack.after(m, lp, p) : p, v);
    } else if (after) {
      sequence.mark(GROUP, 0);
      insertLeaf(true, v, GROUP | JOINED);
      settle();
    } else {
      long first = sequence.word() & JOINED;
      sequence.mark(GROUP | JOINED, 0);
      insertLeaf(false, v, GROUP | first);
      settle();
    }
  }

  private boolean lastOfNode() {
    return (cell != 0 || Listpack.next(m, lp, p) == 0) && !continues();
  }

  private boolean firstOfNode() {
    return (cell != 0 || p == Listpack.HEADER) && !marked(JOINED);
  }

  /// Splits the node after or before the element here. The leaf here is the one that has the
  /// element afterwards; returns where it starts.
  private long splitNode(boolean after) {
    boolean group = marked(GROUP);
    long element = index();
    if (after) {
      if (cell == 0 && Listpack.next(m, lp, p) != 0) {
        divide(Listpack.after(m, lp, p), group ? GROUP : 0);
      } else {
        sequence.next();
      }
      sequence.mark(0, JOINED);
    } else if (cell == 0 && p != Listpack.HEADER) {
      divide(p, group ? GROUP : 0);
    } else {
      sequence.mark(0, JOINED);
    }
    long right = sequence.leafStart();
    if (group) {
      settle();
      sequence.seek(right - 1);
      settle();
    }
    sequence.seek(element);
    return sequence.leafStart();
  }

  /// Merges nodes around the leaf here, as Redis does after a split, if there is memory for that.
  private void mergeAround() {
    long start = sequence.leafStart();
    try {
      mergeAround(start);
    } catch (OutOfMemoryError e) {
      sequence.seek(start); // the nodes stay as they are
    }
  }

  private void mergeAround(long start) {
    if (sequence.previous()) {
      if (sequence.previous()) {
        mergeWithNext();
      }
    }
    sequence.seek(start);
    if (sequence.next()) {
      mergeWithNext();
    }
    sequence.seek(start);
    if (sequence.previous()) {
      if (!mergeWithNext()) {
        sequence.next();
      }
    }
    mergeWithNext();
  }

  /// Merges the node of the leaf here with the one after it, if both are packed and their sum is
  /// within the limits.
  private boolean mergeWithNext() {
    if (!packed() || marked(GROUP)) {
      return false;
    }
    long here = Listpack.bytes(m, sequence.leaf());
    long count = sequence.leafCount();
    if (!sequence.next()) {
      return false;
    }
    boolean merge =
        packed()
            && !marked(GROUP)
            && !exceeds(
                fill,
                here + Listpack.bytes(m, sequence.leaf()) - Listpack.EMPTY,
                count + sequence.leafCount());
    sequence.previous();
    if (merge) {
      absorbNext();
    }
    return merge;
  }

  /// Puts another element in the place of the one here.
  void replace(Slice v) {
    boolean plain = v.length >= plainBytes;
    boolean wasPlain = marked(PLAIN);
    if (wasPlain != plain) {
      if (wasPlain) {
        replacePlain(v);
      } else {
        replaceByPlain(v);
      }
    } else if (cell != 0) {
      sequence.unshare();
      long word = leafWord(v) | (sequence.word() & (GROUP | JOINED));
      sequence.replace(word, 1);
      settle();
    } else {
      long leaf = sequence.leaf();
      int was = Listpack.entryBytes(m, leaf, p);
      int need = fitsLeaf(v) ? Listpack.bytes(m, leaf) - was + entryBytes(v) : LEAF_MAX + 1;
      if (need <= LEAF_MAX) {
        leaf = room(need);
        if (v.node == 0) {
          Listpack.replace(m, leaf, p, v.array, v.offset, v.length);
        } else {
          large.copyTo(v, Listpack.replaceText(m, leaf, p, v.length));
        }
        trimLeaf();
        settle();
      } else if (sequence.leafCount() == 1) {
        sequence.unshare();
        long word = leafWord(v) | (sequence.word() & (GROUP | JOINED));
        sequence.replace(word, 1);
      } else {
        long index = index();
        long own = sequence.writable(); // then the old one needs no memory to go
        put(Listpack.after(m, own, p), v);
        seek(index);
        deleteHere();
      }
    }
  }

  /// A plain node gives way to an element that isn't: that goes to the next node, if it has room,
  /// or to one of its own.
  private void replacePlain(Slice v) {
    long index = sequence.leafStart();
    insert(true, v);
    sequence.seek(index);
    removeLeaf();
  }

  /// A plain element comes in the place of one in a listpack.
  private void replaceByPlain(Slice v) {
    long index = index();
    if (!lastOfNode()) {
      splitNode(true);
    }
    seek(index);
    boolean alone = firstOfNode();
    insertLeaf(true, v, 0);
    seek(index);
    deleteHere();
    if (!alone) {
      sequence.seek(index);
      mergeAround();
    }
  }

  // ── the whole ──

  /// The only leaf of a list that is one packed node of one leaf; 0 if it isn't.
  long onlyLeaf() {
    return sequence.positioned() && packed() ? sequence.leaf() : 0;
  }

  /// Whether the list is one packed node, of at most so many bytes and elements.
  boolean isOneNode(long maxBytes, long maxCount) {
    if (sequence.count() > maxCount || !sequence.first() || marked(PLAIN)) {
      return false;
    }
    long sum = Listpack.EMPTY;
    boolean first = true;
    do {
      if (!first && !marked(JOINED)) {
        return false;
      }
      first = false;
      sum +=
          packed()
              ? Listpack.bytes(m, sequence.leaf()) - Listpack.EMPTY
              : Listpack.textEntryBytes((int) Sequence.count(m, sequence.leaf()));
    } while (sum <= maxBytes && sequence.next());
    return sum <= maxBytes;
  }

  /// How many nodes Redis would say the list has.
  long nodes() {
    long nodes = 0;
    for (boolean more = sequence.first(); more; more = sequence.next()) {
      if (!marked(JOINED)) {
        nodes++;
      }
    }
    return nodes;
  }

  /// Bytes of all nodes below the root cell.
  long memoryUse(long root) {
    return sequence.memoryUse(root);
  }

  /// For tests: throws unless everything promised above holds.
  void check(long root) {
    sequence.check(root);
    sequence.openToRead(root);
    boolean group = false;
    boolean wasPacked = false;
    int was = 0;
    int members = 0;
    for (boolean more = sequence.first(); more; more = sequence.next()) {
      boolean joined = marked(JOINED);
      if (joined && (!group || !marked(GROUP))) {
        throw new AssertionError("joined to a leaf that is no group's");
      }
      if (!joined && group && members < 2) {
        throw new AssertionError("a group of one leaf");
      }
      int here = packed() ? Listpack.bytes(m, sequence.leaf()) : 0;
      if (here > LEAF_MAX) {
        throw new AssertionError("a leaf of " + here);
      }
      if (joined && wasPacked && packed() && was + here - Listpack.EMPTY <= LEAF_MAX) {
        throw new AssertionError("neighbours of " + was + " and " + here);
      }
      members = joined ? members + 1 : 1;
      group = marked(GROUP);
      wasPacked = packed();
      was = here;
    }
    if (group && members < 2) {
      throw new AssertionError("a group of one leaf");
    }
  }
}
