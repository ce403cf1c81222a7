package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;

/// The one dictionary: tables of slots, hashes, sets and the member side of sorted sets are all of
/// this shape. An object of this class is a seat's *access* to dictionaries; a dictionary itself is
/// a header of 64 bytes in memory.
///
/// ```
///   header ──► inner node (2..128 references) ──► leaf (64 B..4 KB) ──► entries
///                 └► inner node (next 7 bits) ──► leaf
/// ```
///
/// Keys are in the order of their 64-bit keyed hash. The tree consumes it from the top: 7 bits per
/// inner node (extendible hashing inside a node: a leaf of local depth d stands in 2^(k-d)
/// neighbouring references of a node of 2^k), and a leaf's words hold the next 20 bits. So growth
/// is splitting, nothing is ever rehashed as a whole, [#scan] is a walk with a hash as cursor, and
/// a snapshot is a cursor too ([Walk]).
///
/// ```
///   reference                                     header
///    63..60 0 = leaf, 1..7 = inner of 2^k,         0 root    8 count   16 preserved chain
///           8 = bucket                            24 count at the cut  32 expiry at the cut (nested only)
///    59..56 size class of a leaf                  40 entries with expiry, 4 bytes   44 next expiry, 4 bytes
///    55..52 local depth                           48 epoch passed   52, 56 epochs for which 24, 32 are good
///    51     plain leaf (all homes 0)              60 depth of the deepest leaf, an upper bound
///    47..0  address, 0 = no entries               inner node [earliest expiry 4 | - 4][references]
/// ```
///
/// Beyond 9 levels (63 bits equal: not with a keyed hash) entries go to a *bucket*, an unsorted
/// chain of pages.
///
/// **Expiry** needs no second structure: leaf, inner node and header hold lower bounds of the
/// earliest expiry below them, lowered by insertions and recomputed when [#nextExpired] comes by.
///
/// **Locks.** The caller holds the lock that owns the header (the slot's) for every verb. **The
/// walk** is known to two verbs alone: [#writable], before a change in place, and `retire`, when an
/// entry leaves.
///
/// Extendible hashing: Fagin et al. 1979. Ordered linear probing: Amble and Knuth 1974.
/// Measurements: `docs/adr/003-dictionary-pages.md`.
public final class Dictionary {
  public static final int HEADER_BYTES = 64;

  static final int COUNT = 8;
  static final int CHAIN = 16;
  static final int CUT_COUNT = 24;
  static final int CUT_EXPIRY = 32;
  static final int EXPIRING = 40;
  static final int NEXT_EXPIRY = 44;
  static final int PASSED = 48;
  static final int CUT_COUNT_EPOCH = 52;
  static final int CUT_EXPIRY_EPOCH = 56;
  static final int DEEPEST = 60;

  static final int KIND_SHIFT = 60;
  static final int CLASS_SHIFT = 56;
  static final int DEPTH_SHIFT = 52;
  static final long PLAIN = 1L << 51;
  static final long ADDRESS = (1L << 48) - 1;
  static final int LEVEL_BITS = 7;
  static final int BUCKET = 8;
  static final int BUCKET_SHIFT = 63;

  /// A header whose contents have moved: its root says so, its count where to.
  static final long MOVED = -1;

  /// A bucket's page: `[count 4 | expiry 4][next 8][words]`.
  static final int BUCKET_BYTES = 4096;

  static final int BUCKET_WORDS = BUCKET_BYTES / 8 - 2;

  /// What a writer frees itself; more nodes go to the reaper.
  static final int REAP_NODES = 64;

  /// Expiry bounds count 128 ms since this moment (14 November 2023), saturating: good until 2041,
  /// slower but right later.
  static final long EXPIRY_BASE = 1_700_000_000_000L;

  static final int NO_EXPIRY = -1; // unsigned: the largest

  final Memory memory;
  final Allocator allocator;
  final Walk walk;
  private final Hash64 keyHash;
  private final long hashMask; // all ones; tests weaken the hash with it
  private Reaper reaper = entry -> false; // set before the seat is used
  private Owner owner = new NoSequences(); // set before the seat is used

  /// Moves on with every change of any dictionary through this object: what a [Place] compares.
  private long stamp;

  private byte[] keyBytes = new byte[256]; // scratch: a key out of memory, to be hashed
  private long[] sorted = new long[Leaf.MAX_WORDS + 1]; // scratch: words of a leaf in order
  private final long[] laid = new long[Leaf.MAX_WORDS]; // scratch: a page being laid out

  // Where the last `descend` came to.
  private long atRef; // the reference to the leaf or bucket
  private long atRefAt; // where that reference stands (one of the places)
  private long atNode; // the inner node that holds it, 0 = the header does
  private long atNodeRefAt; // where the reference to that inner node stands
  private int atKind; // log2 of the references of that node
  private int atShift; // bits consumed above the leaf's inner node
  private long atAbove; // the inner node above that node, 0 = none

  public Dictionary(Memory memory, Allocator allocator, Walk walk, Hash64 keyHash) {
    this(memory, allocator, walk, keyHash, -1);
  }

  Dictionary(Memory memory, Allocator allocator, Walk walk, Hash64 keyHash, long hashMask) {
    this.memory = memory;
    this.allocator = allocator;
    this.walk = walk;
    this.keyHash = keyHash;
    this.hashMask = hashMask;
  }

  /// The same dictionaries, seen from another seat: for tests.
  Dictionary forAnotherSeat(Allocator allocator) {
    return new Dictionary(memory, allocator, walk, keyHash, hashMask);
  }

  void reaper(Reaper reaper) {
    this.reaper = reaper;
  }

  void owner(Owner owner) {
    this.owner = owner;
  }

  public long hash(Slice key) {
    return keyHash.of(key.array, key.offset, key.length) & hashMask;
  }

  public long hash(byte[] bytes, int offset, int length) {
    return keyHash.of(bytes, offset, length) & hashMask;
  }

  /// The hash of an entry's key.
  long hashOf(long entry) {
    int length = Entry.keyLength(memory, entry);
    if (keyBytes.length < length) keyBytes = new byte[length + length / 4];
    memory.copyOut(Entry.keyAddress(memory, entry), keyBytes, 0, length);
    return keyHash.of(keyBytes, 0, length) & hashMask;
  }

  // ------------------------------------------------------------------ headers

  /// Makes an empty dictionary of the 64 bytes at `header`.
  public void init(long header) {
    for (int i = 0; i < HEADER_BYTES; i += 8) memory.putLong(header + i, 0);
    memory.putInt(header + NEXT_EXPIRY, NO_EXPIRY);
    memory.putInt(header + PASSED, walk.epoch()); // nothing in it belongs to the walk of this epoch
  }

  public long count(long header) {
    return memory.getLong(header + COUNT);
  }

  /// How many entries have an expiry.
  public long expiring(long header) {
    return Integer.toUnsignedLong(memory.getInt(header + EXPIRING));
  }

  /// Milliseconds since 1970: no entry expires earlier; `Long.MAX_VALUE` if none ever does.
  public long nextExpiry(long header) {
    int bound = memory.getInt(header + NEXT_EXPIRY);
    return bound == NO_EXPIRY ? Long.MAX_VALUE : EXPIRY_BASE + (Integer.toUnsignedLong(bound) << 7);
  }

  /// Whether the walk, if there is one, is through with this dictionary, its preserved chain
  /// included.
  public boolean passed(long header) {
    return !walk.active() || passed(memory, header) == walk.epoch();
  }

  static int passed(Memory memory, long header) {
    return memory.getInt(header + PASSED);
  }

  // ------------------------------------------------------------------ find

  /// Looks `key` up; `out` says where it is or would be.
  public boolean find(long header, long hash, Slice key, Place out) {
    out.header = header;
    out.hash = hash;
    out.key = key;
    return find(out);
  }

  private boolean find(Place p) {
    Memory m = memory;
    long hash = p.hash;
    p.stamp = stamp;
    long ref = m.getLong(p.header);
    int shift = 0;
    int kind = (int) (ref >>> KIND_SHIFT);
    while (kind != 0) {
      if (kind == BUCKET) return findInBucket(p, ref);
      long node = ref & ADDRESS;
      ref = m.getLong(node + 8 + (hash << shift >>> 64 - kind << 3));
      kind = (int) (ref >>> KIND_SHIFT);
      if (kind != 0) shift += LEVEL_BITS;
    }
    p.ref = ref;
    p.shift = shift;
    long page = ref & ADDRESS;
    p.page = page;
    p.entry = 0;
    p.index = 0;
    if (page == 0) return false;
    int sizeClass = (int) (ref >>> CLASS_SHIFT);
    int bits = Leaf.bits(hash, shift);
    int range = (ref & PLAIN) == 0 ? Leaf.range(sizeClass) : 0;
    int i = Leaf.home(bits, depth(ref), range);
    int words = Leaf.words(sizeClass);
    MemorySegment s = m.segment(page);
    long o = m.offset(page) + Leaf.HEADER;
    Slice key = p.key;
    for (; i < words; i++) {
      long word = s.get(Memory.LONG, o + ((long) i << 3));
      if (word == 0) break;
      int there = Leaf.bits(word);
      if (there >= bits) {
        if (there != bits) break;
        long entry = Leaf.entry(word);
        if (Entry.hasKey(m, entry, key.array, key.offset, key.length)) {
          assert walk.seal(p.header, hash, entry);
          p.entry = entry;
          p.index = i;
          return true;
        }
      }
    }
    p.index = i;
    return false;
  }

  private boolean findInBucket(Place p, long ref) {
    p.ref = ref;
    p.shift = BUCKET_SHIFT;
    p.entry = 0;
    Slice key = p.key;
    for (long page = ref & ADDRESS; page != 0; page = memory.getLong(page + 8)) {
      int count = memory.getInt(page);
      for (int i = 0; i < count; i++) {
        long entry = Leaf.entry(memory.getLong(bucketWord(page, i)));
        if (Entry.hasKey(memory, entry, key.array, key.offset, key.length)) {
          p.page = page;
          p.index = i;
          p.entry = entry;
          return true;
        }
      }
    }
    p.page = ref & ADDRESS;
    p.index = 0;
    return false;
  }

  private static long bucketWord(long page, int index) {
    return page + 16 + ((long) index << 3);
  }

  private static int depth(long ref) {
    return (int) (ref >>> DEPTH_SHIFT) & 15;
  }

  /// The entry at `p`, 0 if none: looked up again if this seat changed anything since.
  public long entry(Place p) {
    if (p.stamp != stamp) refind(p);
    return p.entry;
  }

  private void refind(Place p) {
    if (p.key != null) {
      find(p);
    } else if (p.entry != 0) {
      findEntry(p, p.entry);
    } else {
      p.stamp = stamp;
    }
  }

  /// Finds the place of a given entry by its address; absent if it isn't in the dictionary.
  private void findEntry(Place p, long entry) {
    p.stamp = stamp;
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

  private static int kind(long ref) {
    return (int) (ref >>> KIND_SHIFT);
  }

  private static int sizeClass(long ref) {
    return (int) (ref >>> CLASS_SHIFT) & 15;
  }

  /// Goes down to the leaf (or bucket) of `hash` and notes the way.
  private void descend(long header, long hash) {
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
      refAt = atNode + 8 + (hash << shift >>> 64 - kind << 3);
      ref = m.getLong(refAt);
      kind = kind(ref);
      if (kind != 0) shift += LEVEL_BITS;
    }
    atRef = ref;
    atRefAt = refAt;
    atShift = shift;
  }

  /// Bits of the hash that are the same for everything in the leaf that `descend` came to.
  private int prefixBits() {
    return atShift + (kind(atRef) == BUCKET ? 0 : depth(atRef));
  }

  // ------------------------------------------------------------------ entries

  /// A new entry of the current epoch with room for a value of `valueBytes`, which is not
  /// initialised; not in any dictionary yet.
  ///
  /// @param expiry milliseconds since 1970, or -1
  public long create(Slice key, int type, int encoding, int valueBytes, long expiry) {
    int length = key.length;
    long e = allocator.allocate(Entry.overhead(length, valueBytes, expiry >= 0) + valueBytes);
    long at = Entry.write(memory, e, type, encoding, walk.epoch(), 0, length, valueBytes, expiry);
    memory.copyIn(key.array, key.offset, at, length);
    return e;
  }

  /// A copy of everything but the value: key, type, encoding, access; current epoch.
  private long shell(long from, int valueBytes, int capacity, long expiry) {
    Memory m = memory;
    int length = Entry.keyLength(m, from);
    long e = allocator.allocate(Entry.overhead(length, capacity, expiry >= 0) + capacity);
    long at =
        Entry.write(
            m,
            e,
            Entry.type(m, from),
            Entry.encoding(m, from),
            walk.epoch(),
            Entry.access(m, from),
            length,
            valueBytes,
            expiry);
    m.copy(Entry.keyAddress(m, from), at, length);
    return e;
  }

  /// A new entry with the key, type, access and expiry of `from`, for another encoding of the same
  /// value; not in any dictionary yet, its value not initialised.
  long renewed(long from, int encoding, int valueBytes) {
    long e = shell(from, valueBytes, valueBytes, Entry.expiry(memory, from));
    Entry.encoding(memory, e, encoding);
    return e;
  }

  /// Puts an entry where `p` says there is none. Afterwards `p` is where it is.
  public void insert(Place p, long entry) {
    if (p.stamp != stamp) refind(p);
    assert p.entry == 0 : "there is an entry already";
    Memory m = memory;
    long header = p.header;
    keepCount(header);
    m.putLong(header + COUNT, m.getLong(header + COUNT) + 1);
    if (!put(p, entry)) {
      putInFull(header, p.hash, entry);
      p.entry = entry;
      p.stamp = ++stamp;
      relocate(p, entry);
    } else {
      p.entry = entry;
      p.stamp = ++stamp;
    }
    if (Entry.hasExpiry(m, entry)) {
      m.putInt(header + EXPIRING, m.getInt(header + EXPIRING) + 1);
      lowerBounds(header, p.hash, bound(Entry.expiry(m, entry)));
    }
  }

  private void relocate(Place p, long entry) {
    findEntry(p, entry);
    assert p.entry == entry;
  }

  /// The usual insertion: there is room in the leaf.
  private boolean put(Place p, long entry) {
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
          s.set(Memory.LONG, o + ((long) i << 3), s.get(Memory.LONG, o + ((long) i - 1 << 3)));
      } else {
        MemorySegment.copy(
            s, o + ((long) at << 3), s, o + ((long) at + 1 << 3), (long) (gap - at) << 3);
      }
    }
    s.set(Memory.LONG, o + ((long) at << 3), Leaf.word(Leaf.bits(p.hash, p.shift), entry));
    s.set(Memory.SHORT, o - Leaf.HEADER, (short) (count + 1));
    return true;
  }

  /// The unusual one: makes room, as often as need be.
  private void putInFull(long header, long hash, long entry) {
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
        s.set(Memory.LONG, o, count | (long) expiry << 32);
        MemorySegment.copy(laid, 0, s, Memory.LONG, o + Leaf.HEADER, words);
        return page | (long) c << CLASS_SHIFT | (long) depth << DEPTH_SHIFT | (plain ? PLAIN : 0);
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
    int block = 1 << atKind - depth(ref);
    int index = (int) (hash << atShift >>> 64 - atKind) & -block;
    for (int i = index; i < index + block; i++) memory.putLong(atNode + 8 + 8L * i, ref);
  }

  private int setReference(long node, int index, long ref) {
    memory.putLong(node + 8 + 8L * index, ref);
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
      int left = firstWithBit(count, depth);
      long leftRef = build(0, left, depth + 1, expiry);
      long rightRef = build(left, count - left, depth + 1, expiry);
      int half = 1 << atKind - depth - 1;
      int index = (int) (hash << atShift >>> 64 - atKind) & -(half << 1);
      for (int i = 0; i < half; i++) {
        setReference(atNode, index + i, leftRef);
        setReference(atNode, index + half + i, rightRef);
      }
    }
    allocator.free(page);
  }

  /// A new inner node of two leaves, of the words in `sorted`.
  private long fork(int count, int depth, int expiry) {
    int left = firstWithBit(count, depth);
    long node = allocator.allocate(8 + 16);
    memory.putLong(node, expiry & 0xffffffffL);
    setReference(node, 0, build(0, left, depth + 1, expiry));
    setReference(node, 1, build(left, count - left, depth + 1, expiry));
    return node | 1L << KIND_SHIFT;
  }

  /// Index of the first word in `sorted` that has the bit at `depth`.
  private int firstWithBit(int count, int depth) {
    int bit = 1 << Leaf.HASH_BITS - 1 - depth;
    int i = 0;
    while (i < count && (Leaf.bits(sorted[i]) & bit) == 0) i++;
    return i;
  }

  /// Replaces the bits in the words of `sorted` by those at `shift`, and sorts.
  private void rehash(int count, int shift) {
    for (int i = 0; i < count; i++) {
      long entry = Leaf.entry(sorted[i]);
      sorted[i] = Leaf.word(Leaf.bits(hashOf(entry), shift), entry) ^ Long.MIN_VALUE;
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
      long ref = memory.getLong(atNode + 8 + 8L * i);
      setReference(node, 2 * i, ref);
      setReference(node, 2 * i + 1, ref);
    }
    allocator.free(atNode);
    atKind++;
    atNode = node;
    atRefAt = node + 8 + (hash << atShift >>> 64 - atKind << 3);
    memory.putLong(atNodeRefAt, node | (long) atKind << KIND_SHIFT);
  }

  private void raiseDeepest(long header, int depth) {
    if ((memory.getByte(header + DEEPEST) & 0xff) < depth)
      memory.putByte(header + DEEPEST, (byte) depth);
  }

  private long makeBucket(int count, int expiry) {
    assert count <= BUCKET_WORDS;
    long page = allocator.allocate(BUCKET_BYTES);
    memory.putLong(page, count | (long) expiry << 32);
    memory.putLong(page + 8, 0);
    for (int i = 0; i < count; i++) {
      long entry = Leaf.entry(sorted[i]);
      memory.putLong(bucketWord(page, i), Leaf.word(0, entry));
    }
    return page | (long) BUCKET << KIND_SHIFT;
  }

  private void putInBucket(long entry) {
    long page = atRef & ADDRESS;
    int count = memory.getInt(page);
    if (count == BUCKET_WORDS) {
      long front = allocator.allocate(BUCKET_BYTES);
      memory.putLong(front, memory.getLong(page) & ~0xffffffffL);
      memory.putLong(front + 8, page);
      memory.putLong(atRefAt, front | (long) BUCKET << KIND_SHIFT);
      page = front;
      count = 0;
    }
    memory.putLong(bucketWord(page, count), Leaf.word(0, entry));
    memory.putInt(page, count + 1);
  }

  // ------------------------------------------------------------------ change

  /// Puts `entry` in the place of the one at `p`, which is released as the walk allows. Same key.
  public void replace(Place p, long entry) {
    if (p.stamp != stamp) refind(p);
    long old = p.entry;
    swap(p, entry);
    retire(p.header, p.hash, old);
  }

  /// Puts `entry` in the place of the one at `p` and leaves the old one to the caller.
  private void swap(Place p, long entry) {
    assert p.entry != 0 && p.stamp == stamp;
    Memory m = memory;
    long at = wordAt(p);
    m.putLong(at, m.getLong(at) & ~(-1L >>> Leaf.HASH_BITS) | entry >>> 3);
    boolean ttl = Entry.hasExpiry(m, entry);
    if (ttl != Entry.hasExpiry(m, p.entry))
      m.putInt(p.header + EXPIRING, m.getInt(p.header + EXPIRING) + (ttl ? 1 : -1));
    if (ttl) lowerBounds(p.header, p.hash, bound(Entry.expiry(m, entry)));
    p.entry = entry;
    p.stamp = ++stamp;
  }

  private static long wordAt(Place p) {
    return kind(p.ref) == BUCKET
        ? bucketWord(p.page, p.index)
        : p.page + Leaf.HEADER + 8L * p.index;
  }

  /// Removes the entry at `p`; it is released as the walk allows.
  public void remove(Place p) {
    if (p.stamp != stamp) refind(p);
    long old = p.entry;
    take(p);
    retire(p.header, p.hash, old);
  }

  /// Takes the entry at `p` out of the index and leaves it to the caller.
  private void take(Place p) {
    assert p.entry != 0 && p.stamp == stamp : "nothing here";
    Memory m = memory;
    long header = p.header;
    keepCount(header);
    m.putLong(header + COUNT, m.getLong(header + COUNT) - 1);
    if (Entry.hasExpiry(m, p.entry)) m.putInt(header + EXPIRING, m.getInt(header + EXPIRING) - 1);
    if (kind(p.ref) == BUCKET) {
      takeFromBucket(p);
    } else {
      takeFromLeaf(p);
    }
    p.entry = 0;
    stamp++; // p's page may be another now: it looks again when it is used again
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
      long word = s.get(Memory.LONG, o + ((long) at + 1 << 3));
      if (word == 0 || Leaf.home(Leaf.bits(word), depth, range) == at + 1) break;
      s.set(Memory.LONG, o + ((long) at << 3), word);
      at++;
    }
    s.set(Memory.LONG, o + ((long) at << 3), 0);
    int count = s.get(Memory.SHORT, o - Leaf.HEADER) - 1;
    s.set(Memory.SHORT, o - Leaf.HEADER, (short) count);
    if (count << 2 < words) shrink(p.header, p.hash);
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
      m.putLong(atRefAt, next | (long) BUCKET << KIND_SHIFT);
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
          memory.putByte(header + DEEPEST, (byte) 0);
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
            || count << 2 >= Leaf.words(sizeClass)
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
    int block = 1 << atKind - depth;
    int index = (int) (hash << atShift >>> 64 - atKind) & -block;
    int buddyIndex = index ^ block;
    long buddyRef = m.getLong(atNode + 8 + 8L * buddyIndex);
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
      if (depth == atKind) halveNode();
    }
    if (page != 0) allocator.free(page);
    if (buddy != 0) allocator.free(buddy);
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
      long ref = memory.getLong(atNode + 8 + 8L * i);
      if (kind(ref) != 0) return;
      deepest = Math.max(deepest, depth(ref));
    }
    if (deepest == atKind) return;
    assert deepest > 0;
    int step = 1 << atKind - deepest;
    long node = allocator.allocate(8 + (8 << deepest));
    memory.putLong(node, memory.getLong(atNode));
    for (int i = 0; i < 1 << deepest; i++)
      setReference(node, i, memory.getLong(atNode + 8 + 8L * i * step));
    allocator.free(atNode);
    memory.putLong(atNodeRefAt, node | (long) deepest << KIND_SHIFT);
  }

  // ------------------------------------------------------------------ the walk

  /// The entry at `p`, safe to be changed in place now: if the walk still needs it, a copy of the
  /// current epoch has taken its place. (Of a nested dictionary only the header is in the entry,
  /// and that one is changed by the verbs of this class, so the entry itself comes back.)
  public long writable(Place p) {
    if (p.stamp != stamp) refind(p);
    long entry = p.entry;
    assert entry != 0;
    if (!walk.active() || walk.fate(p.header, p.hash, entry) == Walk.FREE) return entry;
    int encoding = Entry.encoding(memory, entry);
    if (encoding == Entry.NESTED) return entry;
    long copy = isOwned(encoding) ? owner.fork(entry) : copyOf(entry);
    swap(p, copy);
    keep(p.header, p.hash, entry);
    return copy;
  }

  static boolean isOwned(int encoding) {
    return encoding == Entry.CHUNKED
        || encoding == Entry.QUICKLIST
        || encoding == Entry.STREAM_TREE;
  }

  /// A copy of an entry whose value is its bytes, with the same capacity.
  private long copyOf(long entry) {
    Memory m = memory;
    int length = Entry.valueLength(m, entry);
    int capacity = Math.max(length, Entry.valueCapacity(m, allocator, entry));
    long copy = shell(entry, length, capacity, Entry.expiry(m, entry));
    m.copy(Entry.valueAddress(m, entry), Entry.valueAddress(m, copy), length);
    return copy;
  }

  /// An entry has left the index: frees it, or keeps it for the walk.
  private void retire(long header, long hash, long entry) {
    if (!walk.active()) {
      release(entry);
      return;
    }
    if (isOwned(Entry.encoding(memory, entry)) && isCurrent(entry) && !passed(header)) {
      // a frozen twin may share nodes with it, and that one is written at the end of the chain
      chain(header, entry | Walk.DEAD);
    } else if (walk.fate(header, hash, entry) != Walk.FREE) {
      keep(header, hash, entry);
    } else {
      release(entry);
    }
  }

  private boolean isCurrent(long entry) {
    return Entry.epoch(memory, entry) == (walk.epoch() & 0xff);
  }

  /// Gives the walk an entry that it still needs and that is in no index any more.
  private void keep(long header, long hash, long entry) {
    int fate = walk.fate(header, hash, entry);
    assert fate != Walk.FREE;
    if (fate == Walk.PINNED) {
      walk.flight(header).pin(hash, entry);
    } else {
      chain(header, entry);
    }
  }

  /// Gives the walk a node that a frozen sequence of this dictionary may share: freed when the walk
  /// has passed.
  public void bury(long header, long node) {
    if (passed(header)) {
      allocator.free(node);
    } else {
      chain(header, node | Walk.SHELL);
    }
  }

  /// Appends to the preserved chain: blocks `[next 8][count 4 | capacity 4][addresses]`, the newest
  /// first.
  void chain(long header, long tagged) {
    Memory m = memory;
    walk.account(weight(tagged));
    long block = m.getLong(header + CHAIN);
    int count = block == 0 ? 0 : m.getInt(block + 8);
    int capacity = block == 0 ? 0 : m.getInt(block + 12);
    if (count == capacity) {
      capacity = Math.min(Math.max(2 * capacity, 6), 510);
      long front = allocator.allocate(16 + 8 * capacity);
      m.putLong(front, block);
      m.putInt(front + 12, capacity);
      m.putLong(header + CHAIN, front);
      block = front;
      count = 0;
    }
    m.putLong(block + 16 + 8L * count, tagged);
    m.putInt(block + 8, count + 1);
  }

  /// Bytes that a kept address stands for: the same when it is kept and when it is freed.
  long weight(long tagged) {
    long address = tagged & Walk.ADDRESS;
    long bytes = allocator.capacity(address);
    if ((tagged & Walk.SHELL) == 0 && Entry.encoding(memory, address) == Entry.NESTED)
      bytes += 64 * count(Entry.valueAddress(memory, address));
    return bytes;
  }

  /// Before the first change of a count after the cut: what it was is kept, for lengths are written
  /// first.
  private void keepCount(long header) {
    if (!walk.active()) return;
    int epoch = walk.epoch();
    if (memory.getInt(header + CUT_COUNT_EPOCH) == epoch) return;
    memory.putLong(header + CUT_COUNT, count(header));
    memory.putInt(header + CUT_COUNT_EPOCH, epoch);
  }

  /// How many entries the dictionary had at the cut.
  public long countAtCut(long header) {
    return memory.getInt(header + CUT_COUNT_EPOCH) == walk.epoch()
        ? memory.getLong(header + CUT_COUNT)
        : count(header);
  }

  // ------------------------------------------------------------------ size, expiry, moves

  /// Room for a value of `bytes` at `p`, writable, with the old contents (as far as they fit), and
  /// of that length: see [#resize(Place, int, int)].
  public long resize(Place p, int bytes) {
    return resize(p, bytes, bytes);
  }

  /// Room for a value of `bytes` at `p`, writable, with the old contents (as far as they fit), and
  /// of that length. In place where the node is large enough and not much too large, else in a new
  /// node with room for `reserve` bytes.
  public long resize(Place p, int bytes, int reserve) {
    if (p.stamp != stamp) refind(p);
    Memory m = memory;
    long entry = p.entry;
    assert entry != 0
        && Entry.encoding(m, entry) != Entry.NESTED
        && !isOwned(Entry.encoding(m, entry));
    int room = Entry.valueCapacity(m, allocator, entry);
    boolean fits = bytes <= room && room <= 64 + 2 * (long) Math.max(bytes, reserve);
    boolean free = !walk.active() || walk.fate(p.header, p.hash, entry) == Walk.FREE;
    if (fits && free) {
      Entry.valueLength(m, entry, bytes);
      return entry;
    }
    int length = Entry.valueLength(m, entry);
    long grown = shell(entry, bytes, Math.max(bytes, reserve), Entry.expiry(m, entry));
    m.copy(Entry.valueAddress(m, entry), Entry.valueAddress(m, grown), Math.min(length, bytes));
    swap(p, grown);
    if (free) {
      allocator.free(entry);
    } else {
      keep(p.header, p.hash, entry);
    }
    return grown;
  }

  /// Sets the expiry of the entry at `p`, or takes it away (-1); returns the entry, which may be a
  /// new node.
  public long setExpiry(Place p, long millis) {
    if (p.stamp != stamp) refind(p);
    Memory m = memory;
    long entry = p.entry;
    long before = Entry.expiry(m, entry);
    if (before == millis) return entry;
    int encoding = Entry.encoding(m, entry);
    if (encoding == Entry.NESTED) return setNestedExpiry(p, before, millis);
    if (walk.active() && isOwned(encoding)) entry = writable(p);
    boolean free = !walk.active() || walk.fate(p.header, p.hash, entry) == Walk.FREE;
    if (free && before >= 0 && millis >= 0) {
      Entry.expiry(m, entry, millis);
      lowerBounds(p.header, p.hash, bound(millis));
      return entry;
    }
    int length = Entry.valueLength(m, entry);
    long changed = shell(entry, length, length, millis);
    m.copy(Entry.valueAddress(m, entry), Entry.valueAddress(m, changed), length);
    swap(p, changed);
    if (free || isOwned(encoding)) { // a fork that was made just now has been seen by nobody
      allocator.free(entry);
    } else {
      keep(p.header, p.hash, entry);
    }
    return changed;
  }

  /// Only the shell of a nested dictionary changes. The new one is as old as the old one was: the
  /// walk still comes to its fields, and finds the expiry of the cut in the header.
  private long setNestedExpiry(Place p, long before, long millis) {
    Memory m = memory;
    long entry = p.entry;
    long nested = Entry.valueAddress(m, entry);
    if (walk.active() && m.getInt(nested + CUT_EXPIRY_EPOCH) != walk.epoch()) {
      m.putLong(nested + CUT_EXPIRY, before);
      m.putInt(nested + CUT_EXPIRY_EPOCH, walk.epoch());
    }
    if (before >= 0 && millis >= 0) {
      Entry.expiry(
          m, entry,
          millis); // the walk reads it under the lock, and only if the header has no other
      lowerBounds(p.header, p.hash, bound(millis));
      return entry;
    }
    long changed = shell(entry, HEADER_BYTES, HEADER_BYTES, millis);
    Entry.epoch(m, changed, Entry.epoch(m, entry));
    long moved = Entry.valueAddress(m, changed);
    m.copy(nested, moved, HEADER_BYTES);
    boolean pinned = walk.active() && walk.fate(p.header, p.hash, entry) == Walk.PINNED;
    swap(p, changed);
    if (pinned) {
      m.putLong(nested, MOVED);
      m.putLong(nested + COUNT, moved);
      if (walk.nested.header == nested) walk.nested.header = moved;
      walk.flight(p.header).pin(p.hash, entry | Walk.SHELL);
    } else {
      allocator.free(entry);
    }
    return changed;
  }

  /// Whether [#detach] is quick: false if a large value would have to be copied because the walk
  /// still needs it.
  public boolean movable(Place p) {
    if (!walk.active()) return true;
    long entry = entry(p);
    int encoding = Entry.encoding(memory, entry);
    if (encoding == Entry.NESTED)
      return count(Entry.valueAddress(memory, entry)) <= REAP_NODES
          || walk.fate(p.header, p.hash, entry) == Walk.FREE;
    return !isOwned(encoding) || passed(p.header) || owner.nodes(entry) <= REAP_NODES;
  }

  /// Takes the entry at `p` out and returns it, or a copy where the walk needs the original, with
  /// its value, ready for [#rekey] and another dictionary: RENAME, MOVE.
  public long detach(Place p) {
    if (p.stamp != stamp) refind(p);
    long entry = p.entry;
    int fate = walk.active() ? walk.fate(p.header, p.hash, entry) : Walk.FREE;
    boolean shared = isOwned(Entry.encoding(memory, entry)) && !passed(p.header);
    if (fate == Walk.FREE && !shared) {
      take(p);
      Entry.epoch(memory, entry, walk.epoch());
      if (Entry.encoding(memory, entry) == Entry.NESTED) {
        memory.putInt(
            Entry.valueAddress(memory, entry) + PASSED,
            walk.epoch()); // in its new slot it is as if born now
      }
      return entry;
    }
    long copy = deepCopy(entry);
    take(p);
    retire(p.header, p.hash, entry);
    return copy;
  }

  /// The same value under another key and expiry: `entry`, which is in no dictionary, is used up. A
  /// new shell, the value moves.
  public long rekey(long entry, Slice key, long expiry) {
    Memory m = memory;
    int length = Entry.valueLength(m, entry);
    long renamed = create(key, Entry.type(m, entry), Entry.encoding(m, entry), length, expiry);
    Entry.access(m, renamed, Entry.access(m, entry));
    m.copy(Entry.valueAddress(m, entry), Entry.valueAddress(m, renamed), length);
    allocator.free(entry);
    return renamed;
  }

  /// A copy of an entry under another key and expiry, in no dictionary, that shares nothing with
  /// it: COPY.
  public long copy(long entry, Slice key, long expiry) {
    Memory m = memory;
    int length = Entry.valueLength(m, entry);
    long copy = create(key, Entry.type(m, entry), Entry.encoding(m, entry), length, expiry);
    Entry.access(m, copy, Entry.access(m, entry));
    copyValue(entry, copy, length);
    return copy;
  }

  private long deepCopy(long entry) {
    int length = Entry.valueLength(memory, entry);
    long copy = shell(entry, length, length, Entry.expiry(memory, entry));
    copyValue(entry, copy, length);
    return copy;
  }

  private void copyValue(long from, long to, int length) {
    Memory m = memory;
    int encoding = Entry.encoding(m, from);
    if (encoding == Entry.NESTED) {
      copyTree(Entry.valueAddress(m, from), Entry.valueAddress(m, to));
    } else if (isOwned(encoding)) {
      owner.copy(from, to);
    } else {
      m.copy(Entry.valueAddress(m, from), Entry.valueAddress(m, to), length);
    }
  }

  /// Makes the 64 bytes at `to` a copy of the dictionary at `from`, entries and all.
  private void copyTree(long from, long to) {
    Memory m = memory;
    init(to);
    m.putLong(to + COUNT, count(from));
    m.putInt(to + EXPIRING, m.getInt(from + EXPIRING));
    m.putInt(to + NEXT_EXPIRY, m.getInt(from + NEXT_EXPIRY));
    m.putByte(to + DEEPEST, m.getByte(from + DEEPEST));
    m.putLong(to, copyReference(m.getLong(from)));
  }

  private long copyReference(long ref) {
    Memory m = memory;
    long address = ref & ADDRESS;
    if (address == 0) return ref;
    int kind = kind(ref);
    if (kind == BUCKET) {
      long page = allocator.allocate(BUCKET_BYTES);
      int count = m.getInt(address);
      m.putLong(page, m.getLong(address));
      long next = m.getLong(address + 8);
      m.putLong(
          page + 8, next == 0 ? 0 : copyReference(next | (long) BUCKET << KIND_SHIFT) & ADDRESS);
      for (int i = 0; i < count; i++)
        m.putLong(bucketWord(page, i), copyWord(m.getLong(bucketWord(address, i))));
      return page | ref & ~ADDRESS;
    }
    if (kind == 0) {
      int bytes = Leaf.bytes(sizeClass(ref));
      long page = allocator.allocate(bytes);
      m.putLong(page, m.getLong(address));
      for (int i = Leaf.HEADER; i < bytes; i += 8) {
        long word = m.getLong(address + i);
        m.putLong(page + i, word == 0 ? 0 : copyWord(word));
      }
      return page | ref & ~ADDRESS;
    }
    long node = allocator.allocate(8 + (8 << kind));
    m.putLong(node, m.getLong(address));
    for (int i = 0; i < 1 << kind; ) {
      long child = m.getLong(address + 8 + 8L * i);
      long copied = copyReference(child);
      for (int end = i + span(child, kind); i < end; i++) setReference(node, i, copied);
    }
    return node | ref & ~ADDRESS;
  }

  private long copyWord(long word) {
    return word & ~(-1L >>> Leaf.HASH_BITS) | deepCopy(Leaf.entry(word)) >>> 3;
  }

  /// In how many neighbouring references of a node of 2^kind a child stands.
  private static int span(long child, int kind) {
    return kind(child) == 0 ? 1 << kind - depth(child) : 1;
  }

  /// Bytes of an entry and all that belongs to it: its nodes exactly, of nested entries the mean of
  /// up to `samples` (0: all of them).
  public long memoryUse(long entry, int samples) {
    Memory m = memory;
    long bytes = allocator.capacity(entry);
    if (isOwned(Entry.encoding(m, entry))) return bytes + owner.memoryUse(entry);
    if (Entry.encoding(m, entry) == Entry.NESTED) {
      long header = Entry.valueAddress(m, entry);
      long[] sum = new long[2];
      scan(
          header,
          0,
          samples == 0 ? Integer.MAX_VALUE : samples,
          e -> {
            sum[0] += memoryUse(e, samples);
            sum[1]++;
          });
      bytes += indexBytes(m.getLong(header));
      if (sum[1] > 0) bytes += Math.round((double) sum[0] / sum[1] * count(header));
    }
    return bytes;
  }

  /// Bytes of the pages and inner nodes below a reference.
  private long indexBytes(long ref) {
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
      long child = memory.getLong(address + 8 + 8L * i);
      bytes += indexBytes(child);
      i += span(child, kind);
    }
    return bytes;
  }

  // ------------------------------------------------------------------ freeing

  /// Frees an entry that is in no dictionary, and all that it owns. Much of it is left to the
  /// reaper.
  public void release(long entry) {
    int encoding = Entry.encoding(memory, entry);
    if (encoding == Entry.NESTED) {
      if (count(Entry.valueAddress(memory, entry)) > REAP_NODES && reaper.reap(entry)) return;
    } else if (isOwned(encoding)) {
      if (owner.nodes(entry) > REAP_NODES && reaper.reap(entry)) return;
    }
    free(entry);
  }

  /// Frees an entry that is in no dictionary, and all that it owns, at once.
  public void free(long entry) {
    int encoding = Entry.encoding(memory, entry);
    if (encoding == Entry.NESTED) {
      clear(Entry.valueAddress(memory, entry));
    } else if (isOwned(encoding)) {
      owner.release(entry);
    }
    allocator.free(entry);
  }

  /// Frees a kept address: an entry with all that it owns, or with [Walk#SHELL] a node alone.
  void freeKept(long tagged) {
    long address = tagged & Walk.ADDRESS;
    if ((tagged & Walk.SHELL) != 0) {
      allocator.free(address);
    } else {
      free(address);
    }
  }

  /// Frees all entries, pages and what was preserved: the dictionary is empty afterwards, the
  /// header is the caller's. Not while a walk is in it.
  public void clear(long header) {
    stamp++;
    freeReference(memory.getLong(header));
    long block = memory.getLong(header + CHAIN);
    while (block != 0) {
      int count = memory.getInt(block + 8);
      for (int i = 0; i < count; i++) {
        long tagged = memory.getLong(block + 16 + 8L * i);
        walk.account(-weight(tagged));
        freeKept(tagged);
      }
      long next = memory.getLong(block);
      allocator.free(block);
      block = next;
    }
    init(header);
  }

  private void freeReference(long ref) {
    Memory m = memory;
    long address = ref & ADDRESS;
    if (address == 0) return;
    int kind = kind(ref);
    if (kind == BUCKET) {
      for (long page = address; page != 0; ) {
        int count = m.getInt(page);
        for (int i = 0; i < count; i++) free(Leaf.entry(m.getLong(bucketWord(page, i))));
        long next = m.getLong(page + 8);
        allocator.free(page);
        page = next;
      }
      return;
    }
    if (kind == 0) {
      int words = Leaf.words(sizeClass(ref));
      for (int i = 0; i < words; i++) {
        long word = m.getLong(address + Leaf.HEADER + 8L * i);
        if (word != 0) free(Leaf.entry(word));
      }
    } else {
      for (int i = 0; i < 1 << kind; ) {
        long child = m.getLong(address + 8 + 8L * i);
        freeReference(child);
        i += span(child, kind);
      }
    }
    allocator.free(address);
  }

  // ------------------------------------------------------------------ expiry

  /// The bound of an expiry, rounded down and saturating: compare unsigned.
  static int bound(long millis) {
    long units = millis - EXPIRY_BASE >> 7;
    return units < 0 ? 0 : (int) Math.min(units, 0xfffffffeL);
  }

  private static int earlier(int a, int b) {
    return Integer.compareUnsigned(a, b) < 0 ? a : b;
  }

  private void lowerBounds(long header, long hash, int bound) {
    Memory m = memory;
    lower(header + NEXT_EXPIRY, bound);
    long ref = m.getLong(header);
    int shift = 0;
    int kind = kind(ref);
    while (kind != 0 && kind != BUCKET) {
      long node = ref & ADDRESS;
      lower(node, bound);
      ref = m.getLong(node + 8 + (hash << shift >>> 64 - kind << 3));
      kind = kind(ref);
      if (kind != 0) shift += LEVEL_BITS;
    }
    lower((ref & ADDRESS) + 4, bound);
  }

  private void lower(long at, int bound) {
    if (Integer.compareUnsigned(bound, memory.getInt(at)) < 0) memory.putInt(at, bound);
  }

  /// Finds an entry whose expiry is at or before `now`; false if there is none. Bounds that turn
  /// out to be too low are raised on the way.
  public boolean nextExpired(long header, long now, Place out) {
    int due = bound(now);
    if (Integer.compareUnsigned(memory.getInt(header + NEXT_EXPIRY), due) > 0) return false;
    out.header = header;
    out.key = null;
    out.entry = 0;
    int next = expired(memory.getLong(header), now, due, out);
    if (out.entry != 0) {
      out.hash = hashOf(out.entry);
      refind(out);
      return true;
    }
    memory.putInt(header + NEXT_EXPIRY, next);
    return false;
  }

  /// Sets `out.entry` to an expired entry below `ref`, or returns the bound of what is there.
  private int expired(long ref, long now, int due, Place out) {
    Memory m = memory;
    long address = ref & ADDRESS;
    if (address == 0) return NO_EXPIRY;
    int kind = kind(ref);
    int next = NO_EXPIRY;
    if (kind == 0) {
      int old = m.getInt(address + 4);
      if (Integer.compareUnsigned(old, due) > 0) return old;
      int words = Leaf.words(sizeClass(ref));
      for (int i = 0; i < words; i++) {
        long word = m.getLong(address + Leaf.HEADER + 8L * i);
        if (word == 0) continue;
        long millis = Entry.expiry(m, Leaf.entry(word));
        if (millis < 0) continue;
        if (millis <= now) {
          out.entry = Leaf.entry(word);
          return next;
        }
        next = earlier(next, bound(millis));
      }
      m.putInt(address + 4, next);
      return next;
    }
    if (kind == BUCKET) return expiredInBucket(address, now, out);
    int old = m.getInt(address);
    if (Integer.compareUnsigned(old, due) > 0) return old;
    for (int i = 0; i < 1 << kind; ) {
      long child = m.getLong(address + 8 + 8L * i);
      next = earlier(next, expired(child, now, due, out));
      if (out.entry != 0) return next;
      i += span(child, kind);
    }
    m.putInt(address, next);
    return next;
  }

  private int expiredInBucket(long first, long now, Place out) {
    Memory m = memory;
    int next = NO_EXPIRY;
    for (long page = first; page != 0; page = m.getLong(page + 8)) {
      int count = m.getInt(page);
      for (int i = 0; i < count; i++) {
        long entry = Leaf.entry(m.getLong(bucketWord(page, i)));
        long millis = Entry.expiry(m, entry);
        if (millis < 0) continue;
        if (millis <= now) {
          out.entry = entry;
          return next;
        }
        next = earlier(next, bound(millis));
      }
    }
    m.putInt(first + 4, next);
    return next;
  }

  // ------------------------------------------------------------------ scan

  /// Takes one entry after the other; may not change the dictionary.
  @FunctionalInterface
  public interface Visitor {
    void entry(long entry);
  }

  /// Bits of the hash in a cursor: with 14 bits of slot it stays below 2^63.
  public static final int CURSOR_BITS = 49;

  /// Visits the entries from `cursor` (the first 49 bits of a hash) on, in order of their hash,
  /// until `count` have been visited and none is left with the same 49 bits as the last. Returns
  /// the next cursor, 0 when all have been seen.
  ///
  /// Order is a property of the hash, not of the size: a key that is there from the first call to
  /// the last is visited exactly once, whatever is inserted, removed, split or merged meanwhile.
  public long scan(long header, long cursor, int count, Visitor visitor) {
    long from = cursor << 64 - CURSOR_BITS;
    int seen = 0;
    long last = 0;
    boolean any = false;
    while (true) {
      descend(header, from);
      int known = Math.min(CURSOR_BITS, atShift + Leaf.HASH_BITS);
      int prefix = prefixBits();
      long mask = prefix == 0 ? 0 : -1L << 64 - prefix;
      long base = from & (atShift == 0 ? 0 : -1L << 64 - atShift);
      long page = atRef & ADDRESS;
      if (kind(atRef) == BUCKET) {
        for (; page != 0; page = memory.getLong(page + 8)) {
          int n = memory.getInt(page);
          seen += n;
          for (int i = 0; i < n; i++)
            visitor.entry(Leaf.entry(memory.getLong(bucketWord(page, i))));
        }
        last = from & -1L << 64 - CURSOR_BITS;
        any = true;
      } else if (page != 0) {
        int words = Leaf.words(sizeClass(atRef));
        int shift = atShift;
        int fromBits = Leaf.bits(from, shift);
        boolean ambiguous =
            from << shift << Leaf.HASH_BITS != 0 && shift + Leaf.HASH_BITS < CURSOR_BITS;
        for (int i = 0; i < words; i++) {
          long word = memory.getLong(page + Leaf.HEADER + 8L * i);
          if (word == 0) continue;
          int bits = Leaf.bits(word);
          if (bits < fromBits) continue;
          long entry = Leaf.entry(word);
          if (bits == fromBits && ambiguous && Long.compareUnsigned(hashOf(entry), from) < 0)
            continue;
          long hash = (base | (long) bits << Leaf.ADDRESS_BITS >>> shift) & -1L << 64 - known;
          if (seen >= count && !(any && hash == last)) return hash >>> 64 - CURSOR_BITS;
          visitor.entry(entry);
          seen++;
          last = hash;
          any = true;
        }
      }
      long lastHash = from | ~mask;
      if (lastHash == -1) return 0;
      from = (from & mask) + (~mask + 1);
      // the next leaf begins with other 49 bits, unless the tree is deeper than they are
      if (prefix > CURSOR_BITS) {
        long rounded = from & -1L << 64 - CURSOR_BITS;
        if (rounded != from) continue; // same 49 bits: same group
      }
      if (seen >= count) return from >>> 64 - CURSOR_BITS;
    }
  }

  // ------------------------------------------------------------------ random

  /// Picks an entry, each with the same probability; false if there is none.
  ///
  /// A leaf found by a random hash is found with probability 2^-depth; accepted in proportion to
  /// words × 2^depth, and then a random one of its words, all words have the same chance, and a gap
  /// means: again. (The entry after a random hash would be a biased choice.)
  public boolean random(long header, Random source, Place out) {
    long count = count(header);
    if (count == 0) return false;
    out.header = header;
    out.key = null;
    int deepest = memory.getByte(header + DEEPEST) & 0xff;
    for (int tries = 1; ; tries++) {
      long hash = source.nextLong();
      descend(header, hash);
      int lost = atNode == 0 ? 0 : deepest - prefixBits(); // accept with probability 2^-lost
      if (lost > 0 && source.nextLong() >>> 64 - lost != 0) {
        if ((tries & 63) != 0) continue;
        deepest = deepest(memory.getLong(header), 0);
        memory.putByte(header + DEEPEST, (byte) deepest);
        if (tries >= 256)
          return pick(header, Math.floorMod(source.nextLong(), count), out); // a skewed tree
        continue;
      }
      long page = atRef & ADDRESS;
      if (kind(atRef) == BUCKET) return pick(header, Math.floorMod(source.nextLong(), count), out);
      if (page == 0) continue;
      int most = atNode == 0 ? Leaf.words(sizeClass(atRef)) : Leaf.MAX_WORDS;
      int at = source.nextInt(most);
      if (at >= Leaf.words(sizeClass(atRef))) continue;
      long word = memory.getLong(page + Leaf.HEADER + 8L * at);
      if (word == 0) {
        if (tries >= 1024) return pick(header, Math.floorMod(source.nextLong(), count), out);
        continue;
      }
      out.entry = Leaf.entry(word);
      out.hash = hashOf(out.entry);
      out.ref = atRef;
      out.shift = atShift;
      out.page = page;
      out.index = at;
      out.stamp = stamp;
      return true;
    }
  }

  private int deepest(long ref, int shift) {
    int kind = kind(ref);
    if (kind == 0) return shift + depth(ref);
    if (kind == BUCKET) return shift;
    int deepest = 0;
    long node = ref & ADDRESS;
    for (int i = 0; i < 1 << kind; ) {
      long child = memory.getLong(node + 8 + 8L * i);
      deepest = Math.max(deepest, deepest(child, kind(child) == 0 ? shift : shift + LEVEL_BITS));
      i += span(child, kind);
    }
    return deepest;
  }

  /// The entry number `n` in order of the hash.
  private boolean pick(long header, long n, Place out) {
    long left = skip(memory.getLong(header), n, out);
    assert left < 0;
    out.hash = hashOf(out.entry);
    findEntry(out, out.entry);
    return true;
  }

  /// Passes `n` entries below `ref`: sets `out.entry` to the next and returns -1, or what is left
  /// of `n`.
  private long skip(long ref, long n, Place out) {
    Memory m = memory;
    long address = ref & ADDRESS;
    if (address == 0) return n;
    int kind = kind(ref);
    if (kind == BUCKET) {
      for (long page = address; page != 0; page = m.getLong(page + 8)) {
        int count = m.getInt(page);
        if (n < count) {
          out.entry = Leaf.entry(m.getLong(bucketWord(page, (int) n)));
          return -1;
        }
        n -= count;
      }
      return n;
    }
    if (kind == 0) {
      int count = m.getShort(address);
      if (n >= count) return n - count;
      for (int i = 0; ; i++) {
        long word = m.getLong(address + Leaf.HEADER + 8L * i);
        if (word != 0 && n-- == 0) {
          out.entry = Leaf.entry(word);
          return -1;
        }
      }
    }
    for (int i = 0; i < 1 << kind; ) {
      long child = m.getLong(address + 8 + 8L * i);
      n = skip(child, n, out);
      if (n < 0) return n;
      i += span(child, kind);
    }
    return n;
  }

  // ------------------------------------------------------------------ for the walker

  /// What the walker copies of one page, under the lock.
  static final class Page {
    long[] words = new long[Leaf.MAX_WORDS]; // some may be 0
    int count;
    int shift;
    long first;
    long last; // the last hash of the page
  }

  /// Copies the words from hash `from` on, of the leaf that holds it.
  void copyPage(long header, long from, Page out) {
    descend(header, from);
    int prefix = prefixBits();
    long mask = prefix == 0 ? 0 : -1L << 64 - prefix;
    out.shift = atShift;
    out.first = from;
    out.last = from | ~mask;
    out.count = 0;
    long page = atRef & ADDRESS;
    if (kind(atRef) == BUCKET) {
      int n = 0;
      for (long at = page; at != 0; at = memory.getLong(at + 8)) n += memory.getInt(at);
      if (out.words.length < n) out.words = new long[n + n / 2];
      for (; page != 0; page = memory.getLong(page + 8)) {
        int count = memory.getInt(page);
        for (int i = 0; i < count; i++) {
          long word = memory.getLong(bucketWord(page, i));
          if ((from & 1) == 0 || (hashOf(Leaf.entry(word)) & 1) != 0) out.words[out.count++] = word;
        }
      }
      return;
    }
    if (page == 0) return;
    int words = Leaf.words(sizeClass(atRef));
    MemorySegment s = memory.segment(page);
    long o = memory.offset(page) + Leaf.HEADER;
    if (from == (from & mask)) {
      MemorySegment.copy(s, Memory.LONG, o, out.words, 0, words);
      out.count = words;
      return;
    }
    int fromBits = Leaf.bits(from, atShift);
    for (int i = 0; i < words; i++) {
      long word = s.get(Memory.LONG, o + 8L * i);
      if (word == 0) continue;
      int bits = Leaf.bits(word);
      if (bits > fromBits
          || bits == fromBits && Long.compareUnsigned(hashOf(Leaf.entry(word)), from) >= 0)
        out.words[out.count++] = word;
    }
  }

  /// Takes over the preserved chain: its newest block, or 0.
  long takeChain(long header) {
    long block = memory.getLong(header + CHAIN);
    memory.putLong(header + CHAIN, 0);
    return block;
  }

  /// Stands in where no sequence can occur.
  private static final class NoSequences implements Owner {
    @Override
    public long fork(long entry) {
      throw new AssertionError("no sequences here");
    }

    @Override
    public void copy(long from, long to) {
      throw new AssertionError("no sequences here");
    }

    @Override
    public void release(long entry) {
      throw new AssertionError("no sequences here");
    }

    @Override
    public long memoryUse(long entry) {
      throw new AssertionError("no sequences here");
    }

    @Override
    public long nodes(long entry) {
      throw new AssertionError("no sequences here");
    }
  }
}
