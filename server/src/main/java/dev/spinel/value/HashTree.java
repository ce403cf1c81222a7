package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The structure below a [Dictionary]'s header: inner nodes, leaves ([Leaf]) and how they grow and
/// shrink.
///
/// ```
///   reference                                     inner node (16 B .. 1 KB)
///    63..60  0 = leaf, 1..7 = inner of 2^k,        [earliest expiry 4 | - 4][2^k references]
///            8 = bucket
///    59..56  size class of a leaf                 bucket (4 KB)
///    55..52  local depth of a leaf                 [count 4 | earliest expiry 4][next 8][words]
///    51      plain leaf (all homes 0)
///    47..0   address, 0 = a leaf without entries
/// ```
///
/// The tree consumes the hash from the top, 7 bits per level. Inside an inner node of 2^k
/// references it is extendible hashing: a leaf of local depth d stands in 2^(k-d) aligned,
/// neighbouring references. A leaf that is full is split; if its depth is k, the node's references
/// are doubled first; if that is 7 already, the leaf becomes an inner node of the next level, and
/// only then are the keys of its entries read, for the next 20 bits of their hashes. After 9 levels
/// (63 equal bits: not with a keyed hash) entries go to a *bucket*, an unsorted chain of pages.
///
/// It goes back the same way: small buddies are merged, a node that no leaf needs at its full depth
/// is halved, a last leaf takes the place of its node.
///
/// `descend` notes the way to a leaf in the fields `at…`, and what changes the structure starts
/// from there. One per seat; the lock that owns the header is held.
final class HashTree {
  static final int KIND_SHIFT = 60;
  static final int CLASS_SHIFT = 56;
  static final int DEPTH_SHIFT = 52;
  static final long PLAIN = 1L << 51;
  static final long ADDRESS = (1L << 48) - 1;
  static final int LEVEL_BITS = 7;
  static final int BUCKET = 8;
  static final int BUCKET_SHIFT = 63;
  static final int BUCKET_BYTES = 4096;
  static final int BUCKET_WORDS = BUCKET_BYTES / 8 - 2;

  /// Expiry bounds count 128 ms since this moment (14 November 2023), saturating: good until 2041,
  /// slower but right later.
  static final long EXPIRY_BASE = 1_700_000_000_000L;

  static final int NO_EXPIRY = -1; // unsigned: the largest

  private final Memory memory;
  private final Allocator allocator;
  private final Dictionary dictionary;
  private final long[] sorted = new long[Leaf.MAX_WORDS + 1]; // scratch: words of a leaf in order
  private final long[] laid = new long[Leaf.MAX_WORDS]; // scratch: a page being laid out

  // Where the last `descend` came to.
  long atRef; // the reference to the leaf or bucket
  int atShift; // bits consumed above the leaf's inner node
  long atNode; // the inner node that holds the reference, 0 = the header does
  private int atKind; // log2 of the references of that node
  private long atRefAt; // where the reference stands (one of the places)
  private long atNodeRefAt; // where the reference to that inner node stands
  private long atAbove; // the inner node above that node, 0 = none

  private long leftHalf; // references that `buildHalves` made
  private long rightHalf;

  HashTree(Memory memory, Allocator allocator, Dictionary dictionary) {
    this.memory = memory;
    this.allocator = allocator;
    this.dictionary = dictionary;
  }

  // ── references ──

  /// Which reference of an inner node of 2^kind, below `shift` bits of tree, leads to `hash`.
  static int index(long hash, int shift, int kind) {
    return (int) ((hash << shift) >>> (64 - kind));
  }

  static long refAt(long node, int index) {
    return node + 8 + 8L * index;
  }

  /// A mask of the first `bits` bits.
  static long prefixMask(int bits) {
    return bits == 0 ? 0 : -1L << (64 - bits);
  }

  /// The bound of an expiry, rounded down and saturating: compare unsigned.
  static int bound(long millis) {
    long units = (millis - EXPIRY_BASE) >> 7;
    return units < 0 ? 0 : (int) Math.min(units, 0xfffffffeL);
  }

  static long bucketWord(long page, int index) {
    return page + 16 + ((long) index << 3);
  }

  static int depth(long ref) {
    return (int) (ref >>> DEPTH_SHIFT) & 15;
  }

  static int kind(long ref) {
    return (int) (ref >>> KIND_SHIFT);
  }

  static int sizeClass(long ref) {
    return (int) (ref >>> CLASS_SHIFT) & 15;
  }

  /// In how many neighbouring references of a node of 2^kind a child stands.
  static int span(long child, int kind) {
    return kind(child) == 0 ? 1 << (kind - depth(child)) : 1;
  }

  /// Goes down to the leaf (or bucket) of `hash` and notes the way.
  void descend(long header, long hash) {
    Memory m = memory;
    long refAt = header;
    long ref = m.getLong(header);
    int shift = 0;
    atNode = 0;
    atNodeRefAt = 0;
    atAbove = 0;
    atKind = 0;
    int kind = kind(ref);
    while (kind != 0 && kind != BUCKET) {
      atAbove = atNode;
      atNode = ref & ADDRESS;
      atNodeRefAt = refAt;
      atKind = kind;
      refAt = refAt(atNode, index(hash, shift, kind));
      ref = m.getLong(refAt);
      kind = kind(ref);
      if (kind != 0) shift += LEVEL_BITS;
    }
    atRef = ref;
    atRefAt = refAt;
    atShift = shift;
  }

  /// Moves what stands in sparse slabs on the way to the leaf of `hash`, the leaf included (but no
  /// bucket); `descend` has come there afterwards.
  void evacuate(long header, long hash) {
    Memory m = memory;
    long refAt = header;
    long ref = m.getLong(header);
    int shift = 0;
    for (int kind = kind(ref); kind != 0 && kind != BUCKET; kind = kind(ref)) {
      long node = ref & ADDRESS;
      long moved = allocator.evacuated(node);
      if (moved != node) m.putLong(refAt, ref & ~ADDRESS | moved);
      refAt = refAt(moved, index(hash, shift, kind));
      ref = m.getLong(refAt);
      shift += LEVEL_BITS;
    }
    descend(header, hash);
    long page = atRef & ADDRESS;
    if (page == 0 || kind(atRef) == BUCKET) return;
    long moved = allocator.evacuated(page);
    if (moved != page) {
      setReferences(header, hash, atRef & ~ADDRESS | moved);
      descend(header, hash);
    }
  }

  /// Bits of the hash that are the same for everything in the leaf that `descend` came to.
  int prefixBits() {
    return atShift + (kind(atRef) == BUCKET ? 0 : depth(atRef));
  }

  /// Sets the place of an entry that is known by its address; absent if it isn't in the dictionary.
  void locate(Place p, long entry) {
    p.entry = 0;
    descend(p.header, p.hash);
    p.ref = atRef;
    p.shift = atShift;
    if (kind(atRef) == BUCKET) {
      for (long page = atRef & ADDRESS; page != 0; page = memory.getLong(page + 8)) {
        int count = memory.getInt(page);
        for (int i = 0; i < count; i++) {
          if (Leaf.entry(memory.getLong(bucketWord(page, i))) == entry) {
            p.page = page;
            p.index = i;
            p.entry = entry;
            return;
          }
        }
      }
      return;
    }
    p.page = atRef & ADDRESS;
    if (p.page == 0) return;
    int words = Leaf.words(sizeClass(atRef));
    for (int i = 0; i < words; i++) {
      if (Leaf.entry(memory.getLong(p.page + Leaf.HEADER + 8L * i)) == entry) {
        p.index = i;
        p.entry = entry;
        return;
      }
    }
  }

  /// Puts an entry where `p` says it would be, if there is room in the leaf.
  boolean put(Place p, long entry) {
    long page = p.page;
    if (page == 0 || kind(p.ref) == BUCKET) return false;
    Memory m = memory;
    int sizeClass = sizeClass(p.ref);
    MemorySegment s = m.segment(page);
    long o = m.offset(page);
    int count = s.get(Memory.SHORT, o);
    if (count >= Leaf.limit(sizeClass)) return false;
    int words = Leaf.words(sizeClass);
    int at = p.index;
    o += Leaf.HEADER;
    int gap = at;
    while (gap < words && s.get(Memory.LONG, o + ((long) gap << 3)) != 0) gap++;
    if (gap == words) return false;
    if (gap > at) {
      if (gap - at < 8) {
        for (int i = gap; i > at; i--)
          s.set(Memory.LONG, o + ((long) i << 3), s.get(Memory.LONG, o + ((i - 1L) << 3)));
      } else {
        MemorySegment.copy(
            s, o + ((long) at << 3), s, o + ((at + 1L) << 3), (long) (gap - at) << 3);
      }
    }
    s.set(Memory.LONG, o + ((long) at << 3), Leaf.word(Leaf.bits(p.hash, p.shift), entry));
    s.set(Memory.SHORT, o - Leaf.HEADER, (short) (count + 1));
    return true;
  }

  /// Puts an entry where it belongs and makes room first, as often as need be.
  void putInFull(long header, long hash, long entry) {
    while (true) {
      descend(header, hash);
      if (kind(atRef) == BUCKET) {
        putInBucket(entry);
        return;
      }
      int bits = Leaf.bits(hash, atShift);
      long page = atRef & ADDRESS;
      int count = page == 0 ? 0 : gather(page, Leaf.words(sizeClass(atRef)), 0);
      if (count < Leaf.MAX_COUNT) {
        int at = count;
        while (at > 0 && Leaf.bits(sorted[at - 1]) > bits) at--;
        System.arraycopy(sorted, at, sorted, at + 1, count - at);
        sorted[at] = Leaf.word(bits, entry);
        long ref =
            build(0, count + 1, depth(atRef), page == 0 ? NO_EXPIRY : memory.getInt(page + 4));
        if (page != 0) allocator.free(page);
        setReferences(header, hash, ref);
        return;
      }
      split(header, hash, count);
    }
  }

  /// Copies the words of a page to `sorted` from `at` on, without the gaps; returns where they end.
  private int gather(long page, int words, int at) {
    MemorySegment s = memory.segment(page);
    long o = memory.offset(page) + Leaf.HEADER;
    for (int i = 0; i < words; i++) {
      long word = s.get(Memory.LONG, o + ((long) i << 3));
      if (word != 0) sorted[at++] = word;
    }
    return at;
  }

  /// Makes a leaf of `count` words of `sorted`, and returns the reference to it (0 words: one to
  /// nothing).
  private long build(int from, int count, int depth, int expiry) {
    return build(from, count, count, depth, expiry);
  }

  /// The same with room for `room` words.
  private long build(int from, int count, int room, int depth, int expiry) {
    if (count == 0) return (long) depth << DEPTH_SHIFT;
    int smallest = Leaf.classFor(room);
    for (int c = smallest; ; c++) {
      boolean plain = c > Leaf.MAX_CLASS;
      if (plain) c = smallest;
      int words = Leaf.words(c);
      if (Leaf.lay(sorted, from, count, depth, plain ? 0 : Leaf.range(c), laid, words)) {
        long page = allocator.allocate(Leaf.bytes(c));
        MemorySegment s = memory.segment(page);
        long o = memory.offset(page);
        s.set(Memory.LONG, o, count | ((long) expiry << 32));
        MemorySegment.copy(laid, 0, s, Memory.LONG, o + Leaf.HEADER, words);
        return page
            | ((long) c << CLASS_SHIFT)
            | ((long) depth << DEPTH_SHIFT)
            | (plain ? PLAIN : 0);
      }
      assert !plain;
    }
  }

  /// Sets all references to the leaf of `hash` (after `descend`); its local depth is that of `ref`.
  private void setReferences(long header, long hash, long ref) {
    if (atNode == 0) {
      memory.putLong(header, ref);
      return;
    }
    int block = 1 << (atKind - depth(ref));
    int index = index(hash, atShift, atKind) & -block;
    for (int i = index; i < index + block; i++) memory.putLong(refAt(atNode, i), ref);
  }

  private int setReference(long node, int index, long ref) {
    memory.putLong(refAt(node, index), ref);
    return index;
  }

  /// Splits the full leaf that `descend` came to and whose words `gather` put into `sorted`.
  private void split(long header, long hash, int count) {
    long page = atRef & ADDRESS;
    int depth = depth(atRef);
    int expiry = memory.getInt(page + 4);
    if (depth == LEVEL_BITS) {
      int shift = atShift + LEVEL_BITS;
      raiseDeepest(header, shift);
      if (shift == BUCKET_SHIFT) {
        memory.putLong(atRefAt, makeBucket(count, expiry));
      } else {
        rehash(count, shift);
        memory.putLong(atRefAt, fork(count, 0, expiry));
      }
    } else if (atNode == 0) {
      raiseDeepest(header, 1);
      memory.putLong(header, fork(count, 0, expiry));
    } else {
      if (depth == atKind) doubleNode(hash);
      raiseDeepest(header, atShift + depth + 1);
      buildHalves(count, depth, expiry);
      int half = 1 << (atKind - depth - 1);
      int index = index(hash, atShift, atKind) & -(half << 1);
      for (int i = 0; i < half; i++) {
        setReference(atNode, index + i, leftHalf);
        setReference(atNode, index + half + i, rightHalf);
      }
    }
    allocator.free(page);
  }

  /// A new inner node of two leaves, of the words in `sorted`.
  private long fork(int count, int depth, int expiry) {
    long node = allocator.allocate(8 + 16);
    try {
      buildHalves(count, depth, expiry);
    } catch (OutOfMemoryError e) {
      allocator.free(node);
      throw e;
    }
    memory.putLong(node, expiry & 0xffffffffL);
    setReference(node, 0, leftHalf);
    setReference(node, 1, rightHalf);
    return node | (1L << KIND_SHIFT);
  }

  /// Makes two leaves of depth `depth + 1` of the words in `sorted`: [#leftHalf], [#rightHalf].
  private void buildHalves(int count, int depth, int expiry) {
    int left = firstWithBit(count, depth);
    leftHalf = build(0, left, depth + 1, expiry);
    try {
      rightHalf = build(left, count - left, depth + 1, expiry);
    } catch (OutOfMemoryError e) {
      if (left > 0) allocator.free(leftHalf & ADDRESS);
      throw e;
    }
  }

  /// Index of the first word in `sorted` that has the bit at `depth`.
  private int firstWithBit(int count, int depth) {
    int bit = 1 << (Leaf.HASH_BITS - 1 - depth);
    int i = 0;
    while (i < count && (Leaf.bits(sorted[i]) & bit) == 0) i++;
    return i;
  }

  /// Replaces the bits in the words of `sorted` by those at `shift`, and sorts.
  private void rehash(int count, int shift) {
    for (int i = 0; i < count; i++) {
      long entry = Leaf.entry(sorted[i]);
      sorted[i] = Leaf.word(Leaf.bits(dictionary.hashOf(entry), shift), entry) ^ Long.MIN_VALUE;
    }
    Arrays.sort(sorted, 0, count);
    for (int i = 0; i < count; i++) sorted[i] ^= Long.MIN_VALUE;
  }

  /// Doubles the references of the inner node that `descend` came to.
  private void doubleNode(long hash) {
    int size = 1 << atKind;
    long node = allocator.allocate(8 + 16 * size);
    memory.putLong(node, memory.getLong(atNode));
    for (int i = 0; i < size; i++) {
      long ref = memory.getLong(refAt(atNode, i));
      setReference(node, 2 * i, ref);
      setReference(node, 2 * i + 1, ref);
    }
    allocator.free(atNode);
    atKind++;
    atNode = node;
    atRefAt = refAt(node, index(hash, atShift, atKind));
    memory.putLong(atNodeRefAt, node | ((long) atKind << KIND_SHIFT));
  }

  private void raiseDeepest(long header, int depth) {
    if ((memory.getByte(header + Dictionary.DEEPEST) & 0xff) < depth)
      memory.putByte(header + Dictionary.DEEPEST, (byte) depth);
  }

  private long makeBucket(int count, int expiry) {
    assert count <= BUCKET_WORDS;
    long page = allocator.allocate(BUCKET_BYTES);
    memory.putLong(page, count | ((long) expiry << 32));
    memory.putLong(page + 8, 0);
    for (int i = 0; i < count; i++) {
      long entry = Leaf.entry(sorted[i]);
      memory.putLong(bucketWord(page, i), Leaf.word(0, entry));
    }
    return page | ((long) BUCKET << KIND_SHIFT);
  }

  private void putInBucket(long entry) {
    long page = atRef & ADDRESS;
    int count = memory.getInt(page);
    if (count == BUCKET_WORDS) {
      long front = allocator.allocate(BUCKET_BYTES);
      memory.putLong(front, memory.getLong(page) & ~0xffffffffL);
      memory.putLong(front + 8, page);
      memory.putLong(atRefAt, front | ((long) BUCKET << KIND_SHIFT));
      page = front;
      count = 0;
    }
    memory.putLong(bucketWord(page, count), Leaf.word(0, entry));
    memory.putInt(page, count + 1);
  }

  /// Address of the word at a place.
  static long wordAt(Place p) {
    return kind(p.ref) == BUCKET
        ? bucketWord(p.page, p.index)
        : p.page + Leaf.HEADER + 8L * p.index;
  }

  /// Takes the word at `p` out.
  void take(Place p) {
    try {
      if (kind(p.ref) == BUCKET) {
        takeFromBucket(p);
      } else {
        takeFromLeaf(p);
      }
    } catch (OutOfMemoryError e) {
      // the word is out; what could be smaller now, but for a new page, stays as large as it is
    }
  }

  private void takeFromLeaf(Place p) {
    Memory m = memory;
    long page = p.page;
    int sizeClass = sizeClass(p.ref);
    int words = Leaf.words(sizeClass);
    int range = (p.ref & PLAIN) == 0 ? Leaf.range(sizeClass) : 0;
    int depth = depth(p.ref);
    MemorySegment s = m.segment(page);
    long o = m.offset(page) + Leaf.HEADER;
    int at = p.index;
    while (at + 1 < words) {
      long word = s.get(Memory.LONG, o + ((at + 1L) << 3));
      if (word == 0 || Leaf.home(Leaf.bits(word), depth, range) == at + 1) break;
      s.set(Memory.LONG, o + ((long) at << 3), word);
      at++;
    }
    s.set(Memory.LONG, o + ((long) at << 3), 0);
    int count = s.get(Memory.SHORT, o - Leaf.HEADER) - 1;
    s.set(Memory.SHORT, o - Leaf.HEADER, (short) count);
    if (4 * count < words) shrink(p.header, p.hash);
  }

  private void takeFromBucket(Place p) {
    Memory m = memory;
    descend(p.header, p.hash);
    long first = atRef & ADDRESS;
    int last = m.getInt(first) - 1;
    m.putLong(bucketWord(p.page, p.index), m.getLong(bucketWord(first, last)));
    m.putInt(first, last);
    long next = m.getLong(first + 8);
    if (last == 0 && next != 0) {
      m.putInt(next + 4, earlier(m.getInt(next + 4), m.getInt(first + 4)));
      allocator.free(first);
      m.putLong(atRefAt, next | ((long) BUCKET << KIND_SHIFT));
    } else if (next == 0 && last <= Leaf.MERGE_COUNT) {
      for (int i = 0; i < last; i++) sorted[i] = m.getLong(bucketWord(first, i));
      int shift = BUCKET_SHIFT - LEVEL_BITS;
      rehash(last, shift);
      m.putLong(atRefAt, build(0, last, LEVEL_BITS, m.getInt(first + 4)));
      allocator.free(first);
      shrink(p.header, p.hash);
    }
  }

  /// The leaf of `hash` has become small: gives room back, as far up as it goes.
  private void shrink(long header, long hash) {
    while (true) {
      descend(header, hash);
      long page = atRef & ADDRESS;
      int count = page == 0 ? 0 : memory.getShort(page);
      if (atNode == 0) {
        if (count == 0) {
          if (page != 0) allocator.free(page);
          memory.putLong(header, 0);
          memory.putByte(header + Dictionary.DEEPEST, (byte) 0);
          return;
        }
        reduce(header, hash, page, count);
        return;
      }
      if (!merge(hash, page, count)) {
        reduce(header, hash, page, count);
        return;
      }
    }
  }

  /// A smaller page for the leaf of `descend`, if that is worth it.
  private void reduce(long header, long hash, long page, int count) {
    if (page == 0) return;
    int sizeClass = sizeClass(atRef);
    if (count != 0
        && (sizeClass == 0
            || 4 * count >= Leaf.words(sizeClass)
            || Leaf.classFor(count * 3 / 2) >= sizeClass)) return;
    gather(page, Leaf.words(sizeClass), 0);
    long ref = build(0, count, count * 3 / 2, depth(atRef), memory.getInt(page + 4));
    setReferences(header, hash, ref);
    allocator.free(page);
  }

  /// Merges the leaf of `descend` with its buddy, if both are small; true if so.
  private boolean merge(long hash, long page, int count) {
    Memory m = memory;
    int depth = depth(atRef);
    int block = 1 << (atKind - depth);
    int index = index(hash, atShift, atKind) & -block;
    int buddyIndex = index ^ block;
    long buddyRef = m.getLong(refAt(atNode, buddyIndex));
    if (kind(buddyRef) != 0 || depth(buddyRef) != depth) return false;
    long buddy = buddyRef & ADDRESS;
    int buddyCount = buddy == 0 ? 0 : m.getShort(buddy);
    int sum = count + buddyCount;
    if (sum > Leaf.MERGE_COUNT) return false;
    boolean first = index < buddyIndex;
    int expiry = NO_EXPIRY;
    int n = 0;
    if (first && page != 0) n = gather(page, Leaf.words(sizeClass(atRef)), n);
    if (buddy != 0) {
      n = gather(buddy, Leaf.words(sizeClass(buddyRef)), n);
      expiry = m.getInt(buddy + 4);
    }
    if (!first && page != 0) n = gather(page, Leaf.words(sizeClass(atRef)), n);
    if (page != 0) expiry = earlier(expiry, m.getInt(page + 4));
    assert n == sum;
    if (depth == 1 && atKind == 1) {
      pullUp(n, expiry);
    } else {
      long ref = build(0, n, depth - 1, expiry);
      int at = Math.min(index, buddyIndex);
      for (int i = at; i < at + 2 * block; i++) setReference(atNode, i, ref);
    }
    if (page != 0) allocator.free(page);
    if (buddy != 0) allocator.free(buddy);
    if (depth == atKind && !(depth == 1 && atKind == 1)) halveNode();
    return true;
  }

  /// The inner node of `descend` has one leaf left, of the words in `sorted`: the leaf takes its
  /// place.
  private void pullUp(int count, int expiry) {
    int depth = 0;
    if (atAbove != 0) {
      rehash(count, atShift - LEVEL_BITS);
      depth = LEVEL_BITS;
    }
    memory.putLong(atNodeRefAt, build(0, count, depth, expiry));
    allocator.free(atNode);
  }

  /// Halves the inner node of `descend`, as often as no leaf has its full depth.
  private void halveNode() {
    int size = 1 << atKind;
    int deepest = 0;
    for (int i = 0; i < size; i++) {
      long ref = memory.getLong(refAt(atNode, i));
      if (kind(ref) != 0) return;
      deepest = Math.max(deepest, depth(ref));
    }
    if (deepest == atKind) return;
    assert deepest > 0;
    int step = 1 << (atKind - deepest);
    long node = allocator.allocate(8 + (8 << deepest));
    memory.putLong(node, memory.getLong(atNode));
    for (int i = 0; i < 1 << deepest; i++)
      setReference(node, i, memory.getLong(refAt(atNode, i * step)));
    allocator.free(atNode);
    memory.putLong(atNodeRefAt, node | ((long) deepest << KIND_SHIFT));
  }

  /// Makes sure that the bounds on the way to `hash` are not above `bound`.
  void lowerBounds(long header, long hash, int bound) {
    Memory m = memory;
    lower(header + Dictionary.NEXT_EXPIRY, bound);
    long ref = m.getLong(header);
    int shift = 0;
    int kind = kind(ref);
    while (kind != 0 && kind != BUCKET) {
      long node = ref & ADDRESS;
      lower(node, bound);
      ref = m.getLong(refAt(node, index(hash, shift, kind)));
      kind = kind(ref);
      if (kind != 0) shift += LEVEL_BITS;
    }
    lower((ref & ADDRESS) + 4, bound);
  }

  private void lower(long at, int bound) {
    if (Integer.compareUnsigned(bound, memory.getInt(at)) < 0) memory.putInt(at, bound);
  }

  static int earlier(int a, int b) {
    return Integer.compareUnsigned(a, b) < 0 ? a : b;
  }

  /// A copy of everything below a reference, entries included. Without memory for that, what was
  /// made of it is freed.
  long copy(long ref) {
    long address = ref & ADDRESS;
    if (address == 0) return ref;
    int kind = kind(ref);
    long copy =
        kind == BUCKET
            ? allocator.allocate(BUCKET_BYTES)
            : kind == 0
                ? allocator.allocate(Leaf.bytes(sizeClass(ref)))
                : allocator.allocate(8 + (8 << kind));
    long copied = copy | ref & ~ADDRESS;
    try {
      if (kind == BUCKET) {
        copyBucket(address, copy);
      } else if (kind == 0) {
        copyLeaf(address, copy, Leaf.bytes(sizeClass(ref)));
      } else {
        copyInner(address, copy, kind);
      }
      return copied;
    } catch (OutOfMemoryError e) {
      free(copied, Dictionary.AT_ONCE); // as far as it is made it is whole
      throw e;
    }
  }

  private void copyBucket(long from, long to) {
    Memory m = memory;
    m.putLong(to, m.getLong(from) & ~0xffffffffL);
    m.putLong(to + 8, 0);
    int count = m.getInt(from);
    for (int i = 0; i < count; i++) {
      m.putLong(bucketWord(to, i), copyWord(m.getLong(bucketWord(from, i))));
      m.putInt(to, i + 1);
    }
    long next = m.getLong(from + 8);
    if (next != 0) m.putLong(to + 8, copy(next | ((long) BUCKET << KIND_SHIFT)) & ADDRESS);
  }

  private void copyLeaf(long from, long to, int bytes) {
    Memory m = memory;
    m.putLong(to, m.getLong(from));
    for (int i = Leaf.HEADER; i < bytes; i += 8) m.putLong(to + i, 0);
    for (int i = Leaf.HEADER; i < bytes; i += 8) {
      long word = m.getLong(from + i);
      if (word != 0) m.putLong(to + i, copyWord(word));
    }
  }

  private void copyInner(long from, long to, int kind) {
    Memory m = memory;
    m.putLong(to, m.getLong(from));
    for (int i = 0; i < 1 << kind; i++) setReference(to, i, (long) kind << DEPTH_SHIFT);
    for (int i = 0; i < 1 << kind; ) {
      long child = m.getLong(refAt(from, i));
      long copied = copy(child);
      for (int end = i + span(child, kind); i < end; i++) setReference(to, i, copied);
    }
  }

  private long copyWord(long word) {
    return Leaf.moved(word, dictionary.deepCopy(Leaf.entry(word)));
  }

  /// Frees everything below a reference, entries included; `between` runs after each leaf.
  void free(long ref, Runnable between) {
    Memory m = memory;
    long address = ref & ADDRESS;
    if (address == 0) return;
    int kind = kind(ref);
    if (kind == BUCKET) {
      for (long page = address; page != 0; ) {
        int count = m.getInt(page);
        for (int i = 0; i < count; i++)
          dictionary.free(Leaf.entry(m.getLong(bucketWord(page, i))), between);
        long next = m.getLong(page + 8);
        allocator.free(page);
        page = next;
        between.run();
      }
      return;
    }
    if (kind == 0) {
      int words = Leaf.words(sizeClass(ref));
      for (int i = 0; i < words; i++) {
        long word = m.getLong(address + Leaf.HEADER + 8L * i);
        if (word != 0) dictionary.free(Leaf.entry(word), between);
      }
      between.run();
    } else {
      for (int i = 0; i < 1 << kind; ) {
        long child = m.getLong(refAt(address, i));
        free(child, between);
        i += span(child, kind);
      }
    }
    allocator.free(address);
  }

  /// Bytes of the pages and inner nodes below a reference.
  long bytes(long ref) {
    long address = ref & ADDRESS;
    if (address == 0) return 0;
    int kind = kind(ref);
    if (kind == 0) return Leaf.bytes(sizeClass(ref));
    long bytes = 0;
    if (kind == BUCKET) {
      for (long page = address; page != 0; page = memory.getLong(page + 8)) bytes += BUCKET_BYTES;
      return bytes;
    }
    bytes = allocator.capacity(address);
    for (int i = 0; i < 1 << kind; ) {
      long child = memory.getLong(refAt(address, i));
      bytes += bytes(child);
      i += span(child, kind);
    }
    return bytes;
  }

  /// Bits of the hash that the deepest leaf below a reference has in common.
  int deepest(long ref, int shift) {
    int kind = kind(ref);
    if (kind == 0) return shift + depth(ref);
    if (kind == BUCKET) return shift;
    int deepest = 0;
    long node = ref & ADDRESS;
    for (int i = 0; i < 1 << kind; ) {
      long child = memory.getLong(refAt(node, i));
      deepest = Math.max(deepest, deepest(child, kind(child) == 0 ? shift : shift + LEVEL_BITS));
      i += span(child, kind);
    }
    return deepest;
  }
}
