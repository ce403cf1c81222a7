package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The entries of a stream: blocks of some hundred, in the order of their ids. [StreamValue] knows
/// keys, lengths and ids of the stream as a whole; this knows where entries go.
///
/// ```
///   tree    id of the first entry ──► block       cells of 32 bytes: [ms][seq][address][epoch 4 | 4]
///
///   block   a listpack: [live][deleted][n][field]×n [0]                        the master entry
///                       [flags][ms][seq][value]×n [3 + n]                      fields as the master's
///                       [flags][ms][seq][n] ([field][value])×n [4 + 2 n]       or its own
/// ```
///
/// **A block is Redis's macro node, byte for byte**: ids are differences to that of the block, the
/// last element of an entry says how many there are before it, so that blocks are read backwards,
/// too; a deleted entry is one with a flag; a block goes when its last entry does. So saving a
/// block is a copy, and how entries share blocks, which XINFO and trimming by whole nodes show, is
/// as there.
///
/// **One difference.** A node here has at most [#BLOCK_MAX] bytes, whatever the limits say. A
/// single entry that needs more is a *large block*: the bytes of its listpack are a sequence of
/// chunks, whose root cell the tree's cell refers to. It has one entry and is never written to
/// again.
///
/// **An iteration** belongs to this object: [#seek] or [#seekBackwards], then [#next] or
/// [#previous] bring one entry after the other to hand, deleted ones left out; then its words are
/// read. It lasts until the next verb of this object.
///
/// One per seat; the slot's lock is held, or the stream is a walk's to read.
final class StreamBlocks {
  static final int ROOT_BYTES = OrderedTree.ROOT_BYTES;
  static final int CELL_BYTES = 32;

  /// The most bytes of a block in one node.
  static final int BLOCK_MAX = Allocator.MAX_RUN;

  /// No listpack of Redis has more bytes of elements.
  static final long MOST_BYTES = 1L << 30;

  private static final int ADDRESS_AT = 16;
  private static final int EPOCH_AT = 24;
  private static final long LARGE = 1L << 63;

  private static final int DELETED = 1;
  private static final int SAME_FIELDS = 2;

  /// The elements of an entry that aren't fields or values: flags, ms, seq, how many they are.
  private static final int FRAME = 4;

  /// Leaves of the evacuation's step in one large block; one of more is left where it is.
  private static final int CHUNKS_AT_ONCE = 64;

  /// Orders ids of the same milliseconds.
  static final class BySeq implements OrderedTree.Ties {
    private long seq;

    BySeq of(long seq) {
      this.seq = seq;
      return this;
    }

    @Override
    public int compare(long word) {
      return Long.compareUnsigned(word, seq);
    }
  }

  private final Memory m;
  private final Allocator allocator;
  private final LargeStrings large;
  private final Sharing sharing;
  private final OrderedTree tree;
  private final BySeq bySeq = new BySeq();
  private final Sequence chunks;
  private final ChunkedBytes writer;
  private final LargeBlock largeBlock;
  private final byte[] small = new byte[16]; // scratch: an element without its text
  private final MemorySegment smallSegment = MemorySegment.ofArray(small);

  // ── the iteration ──

  /// Of the entry at hand.
  final StreamId id = new StreamId();

  private final StreamId bound = new StreamId(); // before it, or behind it, nothing is shown
  private boolean searching; // the bound isn't reached yet
  private long lp; // the block at hand; 0: none
  private boolean isLarge;
  private long masterMs;
  private long masterSeq;
  private int masterFields;
  private int masterAt; // the position of the first of them
  private int entryAt; // the position of the flags of the entry at hand
  private int flags;
  private int fields; // how many the entry has
  private int dataAt; // its first field or value
  private int nextAt; // forwards: what follows the entry at hand; 0: not known yet
  private int endAt; // backwards: where the entry before ends
  private boolean largeToCome; // the entry of a large block

  // the words of the entry at hand
  private int word; // -1: before the first
  private int nameAt; // the next name, of the master or of the entry
  private int valueAt; // the next value, or name
  private int wordAt; // the word at hand
  private boolean isInteger;
  private long integer;

  StreamBlocks(Memory m, Allocator allocator, LargeStrings large, Sharing sharing) {
    this.m = m;
    this.allocator = allocator;
    this.large = large;
    this.sharing = sharing;
    tree = new OrderedTree(m, allocator, CELL_BYTES, sharing);
    chunks = new Sequence(m, allocator);
    writer = new ChunkedBytes(m, allocator);
    largeBlock = new LargeBlock(m, allocator);
    block = new Block();
  }

  /// The order of unsigned numbers as that of signed ones.
  static long key(long ms) {
    return ms ^ Long.MIN_VALUE;
  }

  /// How many blocks.
  long count(long root) {
    return tree.count(root);
  }

  private long address(long cell) {
    return m.getLong(cell + ADDRESS_AT) & ~LARGE;
  }

  private boolean isLarge(long cell) {
    return m.getLong(cell + ADDRESS_AT) < 0;
  }

  private int epoch(long cell) {
    return m.getInt(cell + EPOCH_AT);
  }

  // ── iterating ──

  /// Goes before the first entry whose id is at least this one.
  void seek(long root, long ms, long seq) {
    bound.set(ms, seq);
    searching = true;
    lp = 0;
    if (seekBlock(root, ms, seq)) enter(true);
  }

  /// Goes behind the last entry whose id is at most this one.
  void seekBackwards(long root, long ms, long seq) {
    bound.set(ms, seq);
    searching = true;
    lp = 0;
    if ((ms & seq) == -1 ? tree.seekLast(root) : seekBlock(root, ms, seq)) enter(false);
  }

  /// Goes to the last block that doesn't begin behind an id, or else to the first one; false if
  /// there is none.
  private boolean seekBlock(long root, long ms, long seq) {
    if ((ms | seq) == 0) return tree.seekFirst(root);
    return tree.seek(root, key(ms), bySeq.of(seq)) || tree.previous() || tree.seekFirst(root);
  }

  /// Reads the master entry of the block at the tree's position, and goes before its first entry or
  /// behind its last one.
  private void enter(boolean forward) {
    long cell = tree.cell();
    masterMs = key(tree.key());
    masterSeq = tree.word();
    lp = address(cell);
    isLarge = isLarge(cell);
    if (isLarge) {
      largeToCome = true;
      return;
    }
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    long at = o + Listpack.HEADER;
    at += Listpack.spanAt(s, at);
    at += Listpack.spanAt(s, at);
    masterFields = (int) Listpack.integerAt(s, at);
    at += Listpack.spanAt(s, at);
    masterAt = (int) (at - o);
    if (forward) nextAt = (int) (skip(s, at, masterFields + 1L) - o);
    else endAt = Listpack.end(m, lp);
  }

  private static long skip(MemorySegment s, long at, long elements) {
    for (long i = elements; i > 0; i--) at += Listpack.spanAt(s, at);
    return at;
  }

  /// Brings the next entry to hand; false if there is none.
  boolean next() {
    while (lp != 0) {
      if (isLarge) {
        if (largeToCome && isLargeInBounds(true)) return true;
      } else {
        if (nextAt == 0) nextAt = behind();
        while (m.getByte(lp + nextAt) != (byte) 0xff) {
          decode(nextAt);
          if (searching && id.compareTo(bound) >= 0 && (flags & DELETED) == 0) searching = false;
          if (!searching && (flags & DELETED) == 0) {
            nextAt = 0;
            return true;
          }
          nextAt = behind();
        }
      }
      if (!tree.next()) break;
      enter(true);
    }
    lp = 0;
    return false;
  }

  /// Brings the entry before to hand; false if there is none.
  boolean previous() {
    while (lp != 0) {
      if (isLarge) {
        if (largeToCome && isLargeInBounds(false)) return true;
      } else {
        for (int at = before(endAt); at != 0; at = before(at)) {
          decode(at);
          endAt = at;
          if (searching && id.compareTo(bound) <= 0 && (flags & DELETED) == 0) searching = false;
          if (!searching && (flags & DELETED) == 0) return true;
        }
      }
      if (!tree.previous()) break;
      enter(false);
    }
    lp = 0;
    return false;
  }

  private boolean isLargeInBounds(boolean forward) {
    largeToCome = false;
    id.set(masterMs, masterSeq);
    int order = id.compareTo(bound);
    if (searching && (forward ? order < 0 : order > 0)) return false;
    searching = false;
    flags = SAME_FIELDS;
    fields = largeBlock.open(lp);
    return true;
  }

  /// Reads everything of an entry up to its fields or values.
  private void decode(int at) {
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    entryAt = at;
    long p = o + at;
    flags = (int) Listpack.integerAt(s, p);
    p += Listpack.spanAt(s, p);
    id.ms = masterMs + Listpack.integerAt(s, p);
    p += Listpack.spanAt(s, p);
    id.seq = masterSeq + Listpack.integerAt(s, p);
    p += Listpack.spanAt(s, p);
    if ((flags & SAME_FIELDS) != 0) {
      fields = masterFields;
    } else {
      fields = (int) Listpack.integerAt(s, p);
      p += Listpack.spanAt(s, p);
    }
    dataAt = (int) (p - o);
  }

  /// What follows the entry that was decoded.
  private int behind() {
    long o = m.offset(lp);
    long elements = (flags & SAME_FIELDS) != 0 ? fields : 2L * fields;
    return (int) (skip(m.segment(lp), o + dataAt, elements + 1) - o);
  }

  /// The position of the entry that ends at `end`; 0 if that is the master entry.
  private int before(int end) {
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    int at = Listpack.previousAt(s, o, end);
    long elements = Listpack.integerAt(s, o + at);
    if (elements == 0) return 0;
    for (long i = elements; i > 0; i--) at = Listpack.previousAt(s, o, at);
    return at;
  }

  /// Brings the entry of that id to hand; false if there is none.
  boolean find(long root, long ms, long seq) {
    seek(root, ms, seq);
    return next() && id.compareTo(ms, seq) == 0;
  }

  // ── the entry at hand ──

  /// How many fields.
  int fields() {
    return fields;
  }

  /// Writes the fields and their values as an array.
  void writeFields(RespWriter out) {
    out.array(2L * fields);
    if (isLarge) {
      largeBlock.writeFields(out);
      return;
    }
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    long at = o + dataAt;
    if ((flags & SAME_FIELDS) != 0) {
      long name = o + masterAt;
      for (int i = fields; i > 0; i--) {
        name += write(s, name, out);
        at += write(s, at, out);
      }
    } else {
      for (int i = 2 * fields; i > 0; i--) at += write(s, at, out);
    }
    nextAt = (int) (at + Listpack.spanAt(s, at) - o);
  }

  /// Writes the element at offset `at` of the segment; returns how many bytes it has.
  private int write(MemorySegment s, long at, RespWriter out) {
    int b = s.get(Memory.BYTE, at) & 0xff;
    if (Listpack.isInteger(b)) {
      out.bulk(Listpack.integerAt(s, at));
    } else {
      long address = lp + (at - m.offset(lp)) + Listpack.prefix(b);
      Bulk.write(m, out, address, Listpack.textLengthAt(s, at));
    }
    return Listpack.spanAt(s, at);
  }

  /// Goes before the first word: the names and values are read in turn.
  void beginWords() {
    word = -1;
    if (isLarge) {
      largeBlock.begin();
    } else {
      nameAt = masterAt;
      valueAt = dataAt;
    }
  }

  /// Goes to the next name or value; false if there is none.
  boolean nextWord() {
    if (++word == 2 * fields) return false;
    if (isLarge) {
      largeBlock.next((word & 1) == 0);
      return true;
    }
    if ((flags & SAME_FIELDS) != 0 && (word & 1) == 0) {
      wordAt = nameAt;
      nameAt = Listpack.after(m, lp, nameAt);
    } else {
      wordAt = valueAt;
      valueAt = Listpack.after(m, lp, valueAt);
    }
    isInteger = Listpack.isInteger(m, lp, wordAt);
    if (isInteger) integer = Listpack.integer(m, lp, wordAt);
    return true;
  }

  /// How many bytes the word at hand has.
  int wordLength() {
    if (isLarge) return largeBlock.length();
    return isInteger ? Listpack.digits(integer) : Listpack.textLength(m, lp, wordAt);
  }

  /// Copies `n` bytes of the word at hand, from its byte `from` on.
  void copyWord(int from, byte[] to, int at, int n) {
    if (isLarge) {
      largeBlock.copyOut(from, to, at, n);
    } else if (isInteger) {
      byte[] digits = new byte[20];
      Listpack.writeDigits(integer, digits, 0);
      System.arraycopy(digits, from, to, at, n);
    } else {
      m.copyOut(Listpack.text(m, lp, wordAt) + from, to, at, n);
    }
  }

  // ── appending ──

  private static int entryBytes(Slice v) {
    return v.node != 0
        ? Listpack.textEntryBytes(v.length)
        : Listpack.entryBytes(v.array, v.offset, v.length);
  }

  /// Appends an entry, whose id is greater than all before. The limits are stream-node-max-bytes
  /// and -entries, 0: there is none. Without memory nothing happens.
  void append(
      long root, long ms, long seq, StreamValue.Words words, long maxBytes, long maxEntries) {
    long bytes = 0;
    for (int i = words.count() - 1; i >= 0; i--) bytes += words.lengthAt(i);
    roomOfNext = 0;
    if (!tree.seekLast(root) || !appendToLast(ms, seq, words, bytes, maxBytes, maxEntries)) {
      appendBlock(root, ms, seq, words);
    }
  }

  /// Room for a block behind one that is full: it will be as large.
  private int roomOfNext;

  private boolean appendToLast(
      long ms, long seq, StreamValue.Words words, long bytes, long maxBytes, long maxEntries) {
    long cell = tree.cell();
    if (isLarge(cell)) return false;
    long block = address(cell);
    int used = Listpack.bytes(m, block);
    long most = maxBytes == 0 || maxBytes > BLOCK_MAX ? BLOCK_MAX : maxBytes;
    if (used + bytes >= most || maxEntries > 0 && entries(block) >= maxEntries) {
      trim(cell, block, used);
      roomOfNext = used;
      return false;
    }
    boolean same = hasFields(block, words);
    long msBehind = ms - key(tree.key());
    long seqBehind = seq - tree.word();
    int more = frameBytes(same, msBehind, seqBehind, words);
    for (int i = same ? 1 : 0; i < words.count(); i += same ? 2 : 1) {
      more += entryBytes(words.at(i));
      if (more > BLOCK_MAX - used) return false;
    }
    int live = Listpack.HEADER;
    long liveCount = Listpack.integer(m, block, live);
    int grown = Listpack.entryBytes(liveCount + 1) - Listpack.entryBytes(m, block, live);
    int need = used + more + grown;
    if (need > BLOCK_MAX) return false;
    block = writable(need, (int) Math.min(need + (need >> 1), most));
    Listpack.replace(m, block, live, liveCount + 1);
    writeEntry(block, Listpack.end(m, block), same, msBehind, seqBehind, words);
    assert Listpack.bytes(m, block) == need;
    return true;
  }

  /// How many entries a block has, deleted ones included.
  private long entries(long block) {
    int live = Listpack.HEADER;
    return Listpack.integer(m, block, live)
        + Listpack.integer(m, block, Listpack.after(m, block, live));
  }

  /// Whether the names are those of the block's master entry.
  private boolean hasFields(long block, StreamValue.Words words) {
    int at = Listpack.HEADER;
    at = Listpack.after(m, block, at);
    at = Listpack.after(m, block, at);
    long n = Listpack.integer(m, block, at);
    if (2 * n != words.count()) return false;
    for (int i = 0; i < words.count(); i += 2) {
      at = Listpack.after(m, block, at);
      Slice name = words.at(i);
      if (name.node != 0) {
        if (Listpack.isInteger(m, block, at)
            || Listpack.textLength(m, block, at) != name.length
            || !large.equal(name, Listpack.text(m, block, at), name.length)) return false;
      } else if (!Listpack.equal(m, block, at, name.array, name.offset, name.length)) {
        return false;
      }
    }
    return true;
  }

  private static int elements(boolean same, StreamValue.Words words) {
    return FRAME + (same ? words.count() / 2 : 1 + words.count());
  }

  /// Bytes of an entry without those of its fields and values.
  private static int frameBytes(boolean same, long ms, long seq, StreamValue.Words words) {
    return Listpack.entryBytes(same ? SAME_FIELDS : 0)
        + Listpack.entryBytes(ms)
        + Listpack.entryBytes(seq)
        + (same ? 0 : Listpack.entryBytes(words.count() / 2))
        + Listpack.entryBytes(elements(same, words) - 1);
  }

  private void writeEntry(
      long block, int at, boolean same, long ms, long seq, StreamValue.Words words) {
    at = Listpack.write(m, block, at, same ? SAME_FIELDS : 0);
    at = Listpack.write(m, block, at, ms);
    at = Listpack.write(m, block, at, seq);
    if (!same) at = Listpack.write(m, block, at, words.count() / 2);
    for (int i = same ? 1 : 0; i < words.count(); i += same ? 2 : 1) {
      at = write(block, at, words.at(i));
    }
    int elements = elements(same, words);
    at = Listpack.write(m, block, at, elements - 1);
    Listpack.close(m, block, at, elements);
  }

  private int write(long block, int at, Slice v) {
    if (v.node == 0) return Listpack.write(m, block, at, v.array, v.offset, v.length);
    large.copyTo(v, Listpack.putText(m, block, at, v.length));
    return at + Listpack.textEntryBytes(v.length);
  }

  /// The block at the tree's position, no large one, to be written to, with room for `need` bytes.
  private long writable(int need, int reserve) {
    tree.unshare();
    long cell = tree.cell();
    long old = address(cell);
    int epoch = epoch(cell);
    if (!sharing.isOld(epoch) && need <= allocator.capacity(old)) return old;
    long block = allocator.allocate(Math.max(need, reserve));
    m.copy(old, block, Listpack.bytes(m, old));
    put(cell, block);
    sharing.release(old, epoch);
    return block;
  }

  private void put(long cell, long address) {
    m.putLong(cell + ADDRESS_AT, address);
    m.putInt(cell + EPOCH_AT, sharing.epoch);
    m.putInt(cell + EPOCH_AT + 4, 0);
  }

  /// Gives back what the last block, to which nothing will be appended any more, doesn't need.
  private void trim(long cell, long block, int used) {
    if (sharing.on || allocator.capacity(block) <= used + (used >> 4)) return;
    try {
      long smaller = allocator.allocate(used);
      m.copy(block, smaller, used);
      put(cell, smaller);
      allocator.free(block);
    } catch (OutOfMemoryError e) {
      // it stays as large as it is
    }
  }

  private void appendBlock(long root, long ms, long seq, StreamValue.Words words) {
    int n = words.count() / 2;
    long need =
        Listpack.EMPTY
            + Listpack.entryBytes(1)
            + 2L * Listpack.entryBytes(0)
            + Listpack.entryBytes(n)
            + frameBytes(true, 0, 0, words);
    for (int i = words.count() - 1; i >= 0; i--) need += entryBytes(words.at(i));
    if (need > BLOCK_MAX) {
      appendLarge(root, ms, seq, words, need);
      return;
    }
    long block = allocator.allocate(Math.max((int) need, roomOfNext));
    insertBlock(root, ms, seq, block);
    Listpack.clear(m, block);
    int at = Listpack.HEADER;
    at = Listpack.write(m, block, at, 1);
    at = Listpack.write(m, block, at, 0);
    at = Listpack.write(m, block, at, n);
    for (int i = 0; i < words.count(); i += 2) at = write(block, at, words.at(i));
    at = Listpack.write(m, block, at, 0);
    Listpack.close(m, block, at, FRAME + n);
    writeEntry(block, at, true, 0, 0, words);
    assert Listpack.bytes(m, block) == need;
  }

  /// Puts a block into the tree. Without memory for that it is freed.
  private void insertBlock(long root, long ms, long seq, long address) {
    try {
      if (tree.seek(root, key(ms), bySeq.of(seq))) { // one of deleted entries only
        tree.unshare();
        release(tree.cell());
        put(tree.cell(), address);
        return;
      }
      tree.reserve();
    } catch (OutOfMemoryError e) {
      free(address);
      throw e;
    }
    put(tree.insert(key(ms), seq), address);
  }

  /// Frees a block that is in no tree, large if its address says so.
  private void free(long address) {
    if (address < 0) chunks.free(address & ~LARGE);
    allocator.free(address & ~LARGE);
  }

  /// Frees what the cell of a block that leaves the tree refers to.
  private void release(long cell) {
    long address = address(cell);
    if (isLarge(cell)) {
      chunks.open(address, sharing.on, sharing.epoch, sharing);
      chunks.abandon();
    }
    sharing.release(address, epoch(cell));
  }

  // ── large blocks ──

  private void appendLarge(long root, long ms, long seq, StreamValue.Words words, long bytes) {
    long cell = allocator.allocate(Sequence.CELL);
    chunks.clear(cell);
    try {
      writer.open(cell, false, sharing.epoch, sharing);
      fill(words, bytes);
    } catch (OutOfMemoryError e) {
      free(cell | LARGE);
      throw e;
    }
    insertBlock(root, ms, seq, cell | LARGE);
  }

  private long toCome; // bytes that will still be appended

  private void fill(StreamValue.Words words, long bytes) {
    int n = words.count() / 2;
    toCome = bytes;
    smallSegment.set(Memory.INT, 0, (int) bytes);
    smallSegment.set(Memory.SHORT, 4, (short) Math.min(0xffff, FRAME + n + FRAME + n));
    append(Listpack.HEADER);
    append(1L);
    append(0L);
    append((long) n);
    for (int i = 0; i < words.count(); i += 2) append(words.at(i));
    append(0L);
    append((long) SAME_FIELDS);
    append(0L);
    append(0L);
    for (int i = 1; i < words.count(); i += 2) append(words.at(i));
    append((long) FRAME - 1 + n);
    small[0] = (byte) 0xff;
    append(1);
    assert writer.length() == bytes && toCome == 0;
  }

  private void append(long integer) {
    append(Listpack.putAlone(smallSegment, integer));
  }

  /// Appends the first bytes of [#small].
  private void append(int n) {
    toCome -= n;
    writer.append(small, 0, n, toCome);
  }

  private void append(Slice v) {
    if (v.node == 0 && Listpack.canonical(v.array, v.offset, v.length)) {
      append(Listpack.parse(v.array, v.offset, v.length));
      return;
    }
    append(Listpack.putTextPrefix(small, v.length));
    toCome -= v.length;
    if (v.node == 0) writer.append(v.array, v.offset, v.length, toCome);
    else writer.append(large.reader(v));
    append(Listpack.putTextTail(small, v.length));
  }

  // ── deleting ──

  /// Deletes the entry of that id; false if there is none. Without memory nothing happens.
  boolean delete(long root, long ms, long seq) {
    if (!find(root, ms, seq)) return false;
    if (isLarge || Listpack.integer(m, lp, Listpack.HEADER) == 1) {
      removeBlock();
    } else {
      int at = entryAt;
      int live = Listpack.HEADER;
      int deleted = Listpack.after(m, lp, live);
      int entriesDeleted = (int) Listpack.integer(m, lp, deleted) + 1;
      int more = Listpack.entryBytes(entriesDeleted) - Listpack.entryBytes(m, lp, deleted);
      long block = writable(Listpack.bytes(m, lp) + more, 0);
      Listpack.replace(m, block, at, flags | DELETED);
      Listpack.replace(m, block, live, Listpack.integer(m, block, live) - 1);
      deleted = Listpack.after(m, block, live);
      Listpack.replace(m, block, deleted, entriesDeleted);
    }
    lp = 0;
    return true;
  }

  private void removeBlock() {
    tree.unshare();
    release(tree.cell());
    tree.remove(1);
  }

  /// Whether the last [#trim] ended early for lack of memory.
  boolean endedEarly;

  /// Deletes entries from the beginning of a stream of that `length`; returns how many.
  ///
  /// @throws OutOfMemoryError if there is no memory for deleting the first
  long trim(long root, long length, StreamValue.Trim trim) {
    long deleted = 0;
    endedEarly = false;
    try {
      while (tree.seekFirst(root)) {
        StreamId least = trim.least();
        long left = length - deleted;
        if (least == null && left <= trim.most()) break;
        enter(true);
        long live = isLarge ? 1 : Listpack.integer(m, lp, Listpack.HEADER);
        if (trim.limit() != 0 && deleted + live > trim.limit()) break;
        if (least != null) readLastId();
        if (least == null ? left - live >= trim.most() : id.compareTo(least) < 0) {
          removeBlock();
          deleted += live;
          continue;
        }
        if (!trim.wholeBlocks() && !isLarge) deleted += trimBlock(least, left - trim.most());
        break;
      }
    } catch (OutOfMemoryError e) {
      endedEarly = true;
      if (deleted == 0) throw e;
    }
    lp = 0;
    return deleted;
  }

  /// Sets [#id] to that of the last entry of the block at hand, which may be a deleted one.
  private void readLastId() {
    if (isLarge) {
      id.set(masterMs, masterSeq);
      return;
    }
    int first = nextAt;
    decode(before(Listpack.end(m, lp)));
    nextAt = first;
  }

  /// Marks entries at the beginning of the block at hand as deleted: those before `least`, or, if
  /// that is null, so many.
  private long trimBlock(@Nullable StreamId least, long count) {
    int live = Listpack.HEADER;
    long wasLive = Listpack.integer(m, lp, live);
    long wasDeleted = Listpack.integer(m, lp, Listpack.after(m, lp, live));
    int most = Listpack.entryBytes(wasLive + wasDeleted);
    int more = Math.max(0, most - Listpack.entryBytes(wasDeleted));
    int first = nextAt;
    lp = writable(Listpack.bytes(m, lp) + more, 0);
    long gone = 0;
    for (int at = first; m.getByte(lp + at) != (byte) 0xff; at = behind()) {
      decode(at);
      if (least == null ? gone == count : id.compareTo(least) >= 0) break;
      if ((flags & DELETED) == 0) {
        Listpack.replace(m, lp, at, flags | DELETED);
        gone++;
      }
    }
    Listpack.replace(m, lp, live, wasLive - gone);
    Listpack.replace(m, lp, Listpack.after(m, lp, live), wasDeleted + gone);
    return gone;
  }

  /// Sets `into` to the first id of the stream, also of a deleted entry; false if there is none.
  boolean firstId(long root, StreamId into) {
    if (!tree.seekFirst(root)) return false;
    enter(true);
    if (isLarge) id.set(masterMs, masterSeq);
    else decode(nextAt);
    into.set(id);
    lp = 0;
    return true;
  }

  // ── blocks as such ──

  /// How many nodes a radix tree of Redis has whose keys are the ids of the blocks, as 16 bytes.
  ///
  /// Its leaves are the blocks. A node that branches is where two neighbours begin to differ; and
  /// where more than one byte lies between such nodes, or above the first, a node has all of them.
  long radixNodes(long root) {
    if (!tree.seekFirst(root)) return 1;
    int[] branches = new int[17]; // of the path to the last key, by depth; ascending
    int depth = 0; // how many they are
    long nodes = 0;
    int before = -1; // common bytes of the last key and the one before
    long lastMs = tree.key();
    long lastSeq = tree.word();
    while (tree.next()) {
      int common = commonBytes(lastMs, lastSeq, tree.key(), tree.word());
      nodes += leafNodes(Math.max(before, common));
      while (depth > 0 && branches[depth - 1] > common) {
        depth--;
        int above = depth > 0 && branches[depth - 1] > common ? branches[depth - 1] : common;
        nodes += branches[depth] - above > 1 ? 2 : 1;
      }
      if (depth == 0 || branches[depth - 1] < common) branches[depth++] = common;
      before = common;
      lastMs = tree.key();
      lastSeq = tree.word();
    }
    nodes += leafNodes(before);
    while (depth-- > 0) {
      int above = depth > 0 ? branches[depth - 1] : -1;
      nodes += branches[depth] - above > 1 ? 2 : 1;
    }
    return nodes;
  }

  /// The nodes of a key of 16 bytes below a branch at that depth.
  private static int leafNodes(int branch) {
    return 16 - branch > 1 ? 2 : 1;
  }

  private static int commonBytes(long ms, long seq, long otherMs, long otherSeq) {
    return ms != otherMs
        ? Long.numberOfLeadingZeros(ms ^ otherMs) >>> 3
        : 8 + (Long.numberOfLeadingZeros(seq ^ otherSeq) >>> 3);
  }

  /// Goes to the first block, or to the next one; false if there is none. Then [#id] is its id, and
  /// [#block] its bytes.
  boolean firstBlock(long root) {
    return openBlock(tree.seekFirst(root));
  }

  boolean nextBlock() {
    return openBlock(tree.next());
  }

  private boolean openBlock(boolean there) {
    if (!there) return false;
    long cell = tree.cell();
    id.set(key(tree.key()), tree.word());
    block.open(address(cell), isLarge(cell));
    return true;
  }

  private final Block block;

  /// The bytes of the block at hand.
  ByteRun block() {
    return block;
  }

  private final class Block implements ByteRun {
    private final ChunkedBytes chunked = new ChunkedBytes(m, allocator);
    private long address;
    private boolean isLarge;
    private long at;

    void open(long address, boolean isLarge) {
      this.address = address;
      this.isLarge = isLarge;
      at = 0;
      if (isLarge) chunked.openToRead(address);
    }

    @Override
    public long length() {
      return isLarge ? chunked.length() : Listpack.bytes(m, address);
    }

    @Override
    public void rewind() {
      at = 0;
    }

    @Override
    public void read(byte[] to, int from, int n) {
      if (isLarge) chunked.copyOut(at, to, from, n);
      else m.copyOut(address + at, to, from, n);
      at += n;
    }
  }

  /// Appends a block of these bytes, which were checked, behind all others, or where its id
  /// belongs. False: there is one of that id.
  boolean addBlock(long root, long ms, long seq, byte[] bytes, int from, int n) {
    if (tree.seek(root, key(ms), bySeq.of(seq))) return false;
    long block = allocator.allocate(n);
    m.copyIn(bytes, from, block, n);
    insertBlock(root, ms, seq, block);
    return true;
  }

  // ── the whole ──

  /// Makes the empty tree at `to` one of copies of the blocks at `from`. Without memory for that,
  /// what was made is there.
  void copy(long from, long to) {
    OrderedTree source = new OrderedTree(m, allocator, CELL_BYTES, Sharing.NOTHING);
    for (boolean more = source.seekFirst(from); more; more = source.next()) {
      long cell = source.cell();
      long block = isLarge(cell) ? copyOfLarge(address(cell)) : copyOf(address(cell));
      insertBlock(to, key(source.key()), source.word(), block);
    }
  }

  private long copyOf(long block) {
    int n = Listpack.bytes(m, block);
    long copy = allocator.allocate(n);
    m.copy(block, copy, n);
    return copy;
  }

  private long copyOfLarge(long root) {
    long copy = allocator.allocate(Sequence.CELL);
    try {
      chunks.copy(root, copy, sharing.epoch);
    } catch (OutOfMemoryError e) {
      allocator.free(copy);
      throw e;
    }
    return copy | LARGE;
  }

  /// Frees all blocks and the tree; the root stays as it is.
  void release(long root, Runnable between) {
    tree.release(root, this::release, between);
  }

  /// Bytes of all nodes; of blocks the mean of up to `samples`, 0: all of them.
  long memoryUse(long root, long samples) {
    long bytes = 0;
    long seen = 0;
    for (boolean more = tree.seekFirst(root);
        more && (samples == 0 || seen < samples);
        more = tree.next()) {
      long address = address(tree.cell());
      bytes += allocator.capacity(address);
      if (isLarge(tree.cell())) bytes += chunks.memoryUse(address);
      seen++;
    }
    long count = tree.count(root);
    long blocks = seen == count ? bytes : Math.round((double) bytes / seen * count);
    return blocks + tree.bytes(root);
  }

  /// Moves what stands in sparse slabs of the tree's nodes, from that rank on; returns the rank to
  /// go on with, 0 at the end.
  long evacuateTree(long root, long rank) {
    return tree.evacuate(root, rank);
  }

  /// The same of some blocks.
  long evacuateBlocks(long root, long rank) {
    long count = tree.count(root);
    if (rank >= count) return 0;
    tree.seekRank(root, rank);
    long end = Math.min(count, rank + tree.following());
    for (long i = rank; i < end; i++, tree.next()) evacuateBlock(tree.cell());
    return end == count ? 0 : end;
  }

  private void evacuateBlock(long cell) {
    long mark = m.getLong(cell + ADDRESS_AT) & LARGE;
    long moved = allocator.evacuated(address(cell));
    m.putLong(cell + ADDRESS_AT, moved | mark);
    if (mark == 0 || chunks.nodes(moved, CHUNKS_AT_ONCE) >= CHUNKS_AT_ONCE) return;
    long at = 0;
    do {
      at = chunks.evacuate(moved, at);
    } while (at != 0);
  }

  /// For tests: what a cell of the tree refers to, the root cell of a large block, or a listpack.
  long block(long cell) {
    return address(cell);
  }

  boolean isLargeBlock(long cell) {
    return isLarge(cell);
  }
}
