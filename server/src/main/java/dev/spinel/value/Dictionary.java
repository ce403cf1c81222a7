package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

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
///   header     0 root reference    8 count    16 preserved chain
///             24 count at the cut                  32 expiry of the key at the cut (nested only)
///             40 entries with expiry, 4 bytes      44 next expiry, 4 bytes (a lower bound)
///             48 epoch that has passed   52, 56 epochs for which 24 and 32 are good   60 depth of the deepest leaf, at most
///             62 hashes with fields that expire, 2 bytes (tables of keys only)
/// ```
///
/// [HashTree] is what is below a header, [Traversal] are the ways through it other than by key;
/// this class has the verbs, and the rules of the walk.
///
/// **Expiry** needs no second structure: leaf, inner node and header hold lower bounds of the
/// earliest expiry below them, lowered by insertions and recomputed when [#nextExpired] comes by.
/// What expires in a hash counts as if its key did ([#nextDue]).
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
  static final int TIMED = 62;

  /// In [#CUT_COUNT]: some entries had an expiry.
  private static final long CUT_TIMED = 1L << 63;

  /// There are so many hashes with fields that expire, or have been.
  private static final int MANY_TIMED = 0xffff;

  /// A header whose contents have moved: its root says so, its count where to.
  static final long MOVED = -1;

  /// For what is freed without a pause.
  static final Runnable AT_ONCE = () -> {};

  /// How many fields of a kept hash are weighed, to estimate what all of them weigh.
  private static final int WEIGHED = 5;

  /// What a writer frees itself; more nodes go to the reaper.
  static final int REAP_NODES = 64;

  /// A thread that holds no lock may free so many nodes in one go: a fraction of a millisecond.
  public static final int STEP_NODES = 2048;

  final Memory memory;
  final Allocator allocator;
  final Walk walk;
  private final HashTree tree;
  private final Traversal traversal;
  private final Hash64 keyHash;
  private final long hashMask; // all ones; tests weaken the hash with it
  private Reaper reaper = (entry, nodes) -> false; // set before the seat is used
  private final @Nullable Owner[] owners =
      new Owner[16]; // by encoding; set before the seat is used

  /// How often an entry was put somewhere with an expiry, or got one. Seat; others read it racily.
  private long expiriesSet;

  /// How often a hash with fields that expire was put somewhere, or got its first such field. Seat;
  /// others read it racily.
  private long timedSet;

  /// Moves on with every change of any dictionary through this object: what a [Place] compares.
  private long stamp;

  private byte[] keyBytes = new byte[256]; // scratch: a key out of memory, to be hashed

  public Dictionary(Memory memory, Allocator allocator, Walk walk, Hash64 keyHash) {
    this(memory, allocator, walk, keyHash, -1);
  }

  Dictionary(Memory memory, Allocator allocator, Walk walk, Hash64 keyHash, long hashMask) {
    this.memory = memory;
    this.allocator = allocator;
    this.walk = walk;
    this.keyHash = keyHash;
    this.hashMask = hashMask;
    this.tree = new HashTree(memory, allocator, this);
    this.traversal = new Traversal(memory, this, tree);
    owner(Entry.NESTED, new Nested());
  }

  /// The same dictionaries, seen from another seat: for tests.
  Dictionary forAnotherSeat(Allocator allocator) {
    return new Dictionary(memory, allocator, walk, keyHash, hashMask);
  }

  void reaper(Reaper reaper) {
    this.reaper = reaper;
  }

  /// The owners of encodings whose values are more than the bytes in the entry.
  void owner(int encoding, Owner owner) {
    owners[encoding] = owner;
  }

  /// Null: the value is its bytes.
  private @Nullable Owner ownerOf(long entry) {
    return owners[Entry.encoding(memory, entry)];
  }

  private Owner forker(int encoding) {
    return Objects.requireNonNull(owners[encoding]);
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

  // ── headers ──

  /// Makes an empty dictionary of the 64 bytes at `header`.
  public void init(long header) {
    for (int i = 0; i < HEADER_BYTES; i += 8) memory.putLong(header + i, 0);
    memory.putInt(header + NEXT_EXPIRY, HashTree.NO_EXPIRY);
    memory.putInt(header + PASSED, walk.epoch()); // nothing in it belongs to the walk of this epoch
  }

  public long count(long header) {
    return memory.getLong(header + COUNT);
  }

  /// How many entries have an expiry.
  public long expiring(long header) {
    return Integer.toUnsignedLong(memory.getInt(header + EXPIRING));
  }

  /// How often this seat has put an entry with an expiry somewhere, or given one to an entry, of
  /// any dictionary: as long as the sum over all seats stays the same, nothing expires earlier than
  /// before. Any thread; may be a moment late.
  public long expiriesSet() {
    return expiriesSet;
  }

  /// How often this seat has put a hash with fields that expire somewhere, or given a hash its
  /// first such field: as long as the sum over all seats stays the same, no such hash has come to
  /// be. Any thread; may be a moment late.
  public long timedSet() {
    return timedSet;
  }

  /// How many hashes with fields that expire the table of keys holds; more than 65,534 are 65,535
  /// until it is empty.
  public int timed(long header) {
    return memory.getShort(header + TIMED) & MANY_TIMED;
  }

  /// Milliseconds since 1970: no entry expires earlier; `Long.MAX_VALUE` if none ever does.
  public long nextExpiry(long header) {
    int bound = memory.getInt(header + NEXT_EXPIRY);
    return bound == HashTree.NO_EXPIRY
        ? Long.MAX_VALUE
        : HashTree.EXPIRY_BASE + (Integer.toUnsignedLong(bound) << 7);
  }

  /// Whether the walk, if there is one, is through with this dictionary, its preserved chain
  /// included.
  public boolean passed(long header) {
    return !walk.active() || passed(memory, header) == walk.epoch();
  }

  static int passed(Memory memory, long header) {
    return memory.getInt(header + PASSED);
  }

  // ── find ──

  /// Looks `key` up; `out` says where it is or would be.
  public boolean find(long header, long hash, Slice key, Place out) {
    out.header = header;
    out.hash = hash;
    out.key = key;
    return find(out, key);
  }

  /// The same where there is no dictionary yet: says where `key` would be. `out` knows its
  /// [Tables].
  public void absent(long hash, Slice key, Place out) {
    out.hash = hash;
    out.key = key;
    absent(out);
  }

  private void absent(Place p) {
    p.header = 0;
    p.ref = 0;
    p.page = 0;
    p.shift = 0;
    p.index = 0;
    p.entry = 0;
    p.stamp = stamp;
  }

  private boolean find(Place p, Slice key) {
    Memory m = memory;
    long hash = p.hash;
    p.stamp = stamp;
    long ref = m.getLong(p.header);
    int shift = 0;
    int kind = (int) (ref >>> HashTree.KIND_SHIFT);
    while (kind != 0) {
      if (kind == HashTree.BUCKET) return findInBucket(p, key, ref);
      long node = ref & HashTree.ADDRESS;
      ref = m.getLong(HashTree.refAt(node, HashTree.index(hash, shift, kind)));
      kind = (int) (ref >>> HashTree.KIND_SHIFT);
      if (kind != 0) shift += HashTree.LEVEL_BITS;
    }
    p.ref = ref;
    p.shift = shift;
    long page = ref & HashTree.ADDRESS;
    p.page = page;
    p.entry = 0;
    p.index = 0;
    if (page == 0) return false;
    int sizeClass = (int) (ref >>> HashTree.CLASS_SHIFT);
    int bits = Leaf.bits(hash, shift);
    int range = (ref & HashTree.PLAIN) == 0 ? Leaf.range(sizeClass) : 0;
    int i = Leaf.home(bits, HashTree.depth(ref), range);
    int words = Leaf.words(sizeClass);
    MemorySegment s = m.segment(page);
    long o = m.offset(page) + Leaf.HEADER;
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

  private boolean findInBucket(Place p, Slice key, long ref) {
    p.ref = ref;
    p.shift = HashTree.BUCKET_SHIFT;
    p.entry = 0;
    for (long page = ref & HashTree.ADDRESS; page != 0; page = memory.getLong(page + 8)) {
      int count = memory.getInt(page);
      for (int i = 0; i < count; i++) {
        long entry = Leaf.entry(memory.getLong(HashTree.bucketWord(page, i)));
        if (Entry.hasKey(memory, entry, key.array, key.offset, key.length)) {
          p.page = page;
          p.index = i;
          p.entry = entry;
          return true;
        }
      }
    }
    p.page = ref & HashTree.ADDRESS;
    p.index = 0;
    return false;
  }

  /// The entry at `p`, 0 if none: looked up again if this seat changed anything since.
  public long entry(Place p) {
    if (p.stamp != stamp) refind(p);
    return p.entry;
  }

  private void refind(Place p) {
    Slice key = p.key;
    p.refreshHeader();
    if (p.header == 0) {
      absent(p);
    } else if (key != null) {
      find(p, key);
    } else if (p.entry != 0) {
      tree.locate(p, p.entry);
      p.stamp = stamp;
    } else {
      p.stamp = stamp;
    }
  }

  // ── entries ──

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

  /// A new entry of the current epoch for a member of a set or a sorted set; not in any dictionary
  /// yet. Its score, if it has one, is not initialised.
  ///
  /// @param type one of [Entry]'s types of members
  long createMember(int type, byte[] bytes, int from, int length) {
    long e = allocator.allocate(Entry.memberBytes(type, length));
    memory.copyIn(bytes, from, Entry.writeMember(memory, e, type, walk.epoch(), length), length);
    return e;
  }

  private long copyOfMember(long entry) {
    int type = Entry.type(memory, entry);
    int length = Entry.keyLength(memory, entry);
    long copy = allocator.allocate(Entry.memberBytes(type, length));
    long at = Entry.writeMember(memory, copy, type, walk.epoch(), length);
    int value = Entry.valueLength(memory, entry);
    memory.copy(Entry.keyAddress(memory, entry), at, (long) length + value);
    return copy;
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

  /// What is at `p` expires at this time.
  private void expires(Place p, long millis) {
    expiriesSet++;
    tree.lowerBounds(p.header, p.hash, HashTree.bound(millis));
  }

  /// Puts an entry where `p` says there is none. Afterwards `p` is where it is. If there is no
  /// memory for that, the entry is freed with all that it owns, and the dictionary is as it was.
  public void insert(Place p, long entry) {
    try {
      add(p, entry);
    } catch (OutOfMemoryError e) {
      free(entry);
      throw e;
    }
  }

  /// The same, but an entry for which there is no memory stays the caller's.
  private void add(Place p, long entry) {
    if (p.stamp != stamp) refind(p);
    assert p.entry == 0 : "there is an entry already";
    if (p.header == 0) {
      addFirst(p, entry);
      return;
    }
    Memory m = memory;
    long header = p.header;
    if (tree.put(p, entry)) {
      p.entry = entry;
    } else {
      putInFull(p, entry);
    }
    keepCount(header);
    m.putLong(header + COUNT, m.getLong(header + COUNT) + 1);
    p.stamp = ++stamp;
    if (Entry.hasExpiry(m, entry)) {
      m.putInt(header + EXPIRING, m.getInt(header + EXPIRING) + 1);
      expires(p, Entry.expiry(m, entry));
    }
    if (FieldTimes.any(m, entry)) countTimed(p, 1);
  }

  /// One hash with fields that expire more, or less, is at `p`.
  private void countTimed(Place p, int more) {
    int count = timed(p.header);
    if (count != MANY_TIMED) memory.putShort(p.header + TIMED, (short) (count + more));
    if (more > 0) timedSet++;
    if (more > 0) fieldsExpire(p);
  }

  /// The bounds above the hash at `p` learn when its fields expire.
  private void fieldsExpire(Place p) {
    long entry = p.entry;
    long value = Entry.valueAddress(memory, entry);
    expires(
        p,
        Entry.encoding(memory, entry) == Entry.NESTED
            ? nextExpiry(value)
            : FieldTimes.first(memory, value));
  }

  /// Fields of the hash at `p` have got times, or lost them.
  ///
  /// @param had whether some field expired before ([FieldTimes#any])
  /// @param sooner whether one may expire sooner than the bounds above the hash say
  void fieldsTimed(Place p, boolean had, boolean sooner) {
    boolean has = FieldTimes.any(memory, entry(p));
    if (has != had) {
      countTimed(p, has ? 1 : -1);
    } else if (has && sooner) {
      fieldsExpire(p);
    }
  }

  /// Some fields of the hash at `p` had times, and may all have lost them.
  void fieldsLostTimes(Place p) {
    if (!FieldTimes.any(memory, entry(p))) {
      countTimed(p, -1);
    }
  }

  /// The table is made for its first entry.
  private void addFirst(Place p, long entry) {
    p.makeHeader();
    try {
      find(p, Objects.requireNonNull(p.key));
      add(p, entry);
    } catch (OutOfMemoryError e) {
      p.emptied();
      absent(p);
      throw e;
    }
  }

  private void putInFull(Place p, long entry) {
    try {
      tree.putInFull(p.header, p.hash, entry);
    } catch (OutOfMemoryError e) {
      stamp++; // the way there may be another
      throw e;
    }
    tree.locate(p, entry);
    assert p.entry == entry;
  }

  // ── change ──

  /// Puts `entry` in the place of the one at `p`, which is released as the walk allows. Same key.
  public void replace(Place p, long entry) {
    if (p.stamp != stamp) refind(p);
    long old = p.entry;
    swap(p, entry);
    retire(p.header, p.hash, old);
  }

  /// Puts `entry` at `p`, where there may be one of the same key. If there is no memory for that,
  /// it stays the caller's, and the dictionary is as it was.
  void put(Place p, long entry) {
    if (p.stamp != stamp) refind(p);
    if (p.entry != 0) {
      replace(p, entry);
    } else {
      add(p, entry);
    }
  }

  /// Puts `entry` in the place of the one at `p` and leaves the old one to the caller.
  private void swap(Place p, long entry) {
    assert p.entry != 0 && p.stamp == stamp;
    Memory m = memory;
    long at = HashTree.wordAt(p);
    m.putLong(at, Leaf.moved(m.getLong(at), entry));
    boolean ttl = Entry.hasExpiry(m, entry);
    if (ttl != Entry.hasExpiry(m, p.entry)) {
      keepCount(p.header);
      m.putInt(p.header + EXPIRING, m.getInt(p.header + EXPIRING) + (ttl ? 1 : -1));
    }
    if (ttl) expires(p, Entry.expiry(m, entry));
    if (FieldTimes.any(m, p.entry)) countTimed(p, -1);
    p.entry = entry;
    p.stamp = ++stamp;
    if (FieldTimes.any(m, entry)) countTimed(p, 1);
  }

  /// Removes the entry at `p`; it is released as the walk allows.
  public void remove(Place p) {
    if (p.stamp != stamp) refind(p);
    long old = p.entry;
    take(p);
    retire(p.header, p.hash, old);
    left(p);
  }

  /// An entry has left: the last one takes the table with it.
  private void left(Place p) {
    if (count(p.header) == 0) {
      p.emptied();
    }
  }

  /// Takes the entry at `p` out of a dictionary that no walk can know, and leaves it to the caller.
  long takeOut(Place p) {
    long entry = entry(p);
    take(p);
    return entry;
  }

  /// Takes the entry at `p` out of the index and leaves it to the caller.
  private void take(Place p) {
    assert p.entry != 0 && p.stamp == stamp : "nothing here";
    Memory m = memory;
    long header = p.header;
    keepCount(header);
    m.putLong(header + COUNT, m.getLong(header + COUNT) - 1);
    if (Entry.hasExpiry(m, p.entry)) m.putInt(header + EXPIRING, m.getInt(header + EXPIRING) - 1);
    if (FieldTimes.any(m, p.entry)) countTimed(p, -1);
    tree.take(p);
    p.entry = 0;
    stamp++; // p's page may be another now: it looks again when it is used again
  }

  // ── the walk ──

  /// The entry at `p`, safe to be changed in place now: if the walk still needs it, a copy of the
  /// current epoch has taken its place. (Of a nested dictionary only the header is in the entry,
  /// and that one is changed by the verbs of this class, so the entry itself comes back.)
  public long writable(Place p) {
    if (p.stamp != stamp) refind(p);
    long entry = p.entry;
    assert entry != 0;
    if (isMine(p, entry)) return entry;
    int encoding = Entry.encoding(memory, entry);
    if (Entry.isNested(encoding)) return entry;
    long copy = Entry.isForked(encoding) ? forker(encoding).fork(entry) : copyOf(entry);
    swap(p, copy);
    keep(p.header, p.hash, entry);
    return copy;
  }

  /// Whether the walk, if there is one, reads no more of an entry than its epoch.
  private boolean isMine(Place p, long entry) {
    return !walk.active()
        || walk.fate(p.header, p.hash, entry) == Walk.FREE
        || isCurrent(entry); // perhaps in flight, but born after the cut
  }

  /// A copy of an entry whose value is its bytes, with the same capacity.
  private long copyOf(long entry) {
    if (Entry.isMember(memory, entry)) return copyOfMember(entry);
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
    if (Entry.isForked(Entry.encoding(memory, entry)) && isCurrent(entry) && !passed(header)) {
      // a frozen twin may share nodes with it, and that one is written at the end of the chain
      chain(header, entry | Walk.DEAD);
    } else if (walk.fate(header, hash, entry) != Walk.FREE) {
      keep(header, hash, entry);
    } else {
      release(entry);
    }
  }

  /// Bytes that the walk would have to keep if the entry at `p` were removed now; 0 if none.
  public long keptBytes(Place p) {
    if (p.stamp != stamp) refind(p);
    if (!walk.active()) return 0;
    long entry = p.entry;
    boolean shared = Entry.isForked(Entry.encoding(memory, entry)) && !passed(p.header);
    return shared || walk.fate(p.header, p.hash, entry) != Walk.FREE ? weight(entry) : 0;
  }

  /// Whether an entry was made after the cut of the walk under way.
  boolean isCurrent(long entry) {
    return Entry.epoch(memory, entry) == (walk.epoch() & 0xff);
  }

  /// Gives the walk an entry that it still needs and that is in no index any more.
  private void keep(long header, long hash, long entry) {
    int fate = walk.fate(header, hash, entry);
    assert fate != Walk.FREE;
    if (fate == Walk.PINNED) {
      pin(header, hash, entry);
    } else {
      chain(header, entry);
    }
  }

  /// Keeps an address until the walker leaves the page that it is in; without memory for that,
  /// until it leaves the dictionary.
  private void pin(long header, long hash, long tagged) {
    if (!walk.pin(header, hash, tagged)) chain(header, tagged | Walk.DEAD);
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
  /// first. Always succeeds: if there is no memory for a block, the snapshot fails.
  void chain(long header, long tagged) {
    Memory m = memory;
    walk.account(weight(tagged));
    long block = m.getLong(header + CHAIN);
    int count = block == 0 ? 0 : m.getInt(block + 8);
    int capacity = block == 0 ? 0 : m.getInt(block + 12);
    if (count == capacity) {
      capacity = Math.min(Math.max(2 * capacity, 6), 510);
      long front;
      try {
        front = allocator.allocate(16 + 8 * capacity);
      } catch (OutOfMemoryError e) {
        walk.stray(tagged, e);
        return;
      }
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
    boolean alone = (tagged & Walk.SHELL) != 0 || isFrozen(address);
    return alone ? allocator.capacity(address) : memoryUse(address, WEIGHED);
  }

  /// Whether a younger twin has all nodes.
  private boolean isFrozen(long entry) {
    int encoding = Entry.encoding(memory, entry);
    return Entry.isForked(encoding) && forker(encoding).nodes(entry) == 0;
  }

  /// Before the first change of a count after the cut: what it was is kept, for lengths are written
  /// first.
  private void keepCount(long header) {
    if (!walk.active()) return;
    int epoch = walk.epoch();
    if (memory.getInt(header + CUT_COUNT_EPOCH) == epoch) return;
    memory.putLong(header + CUT_COUNT, count(header) | (expiring(header) == 0 ? 0 : CUT_TIMED));
    memory.putInt(header + CUT_COUNT_EPOCH, epoch);
  }

  /// How many entries the dictionary had at the cut.
  public long countAtCut(long header) {
    return memory.getInt(header + CUT_COUNT_EPOCH) == walk.epoch()
        ? memory.getLong(header + CUT_COUNT) & ~CUT_TIMED
        : count(header);
  }

  /// Whether some of them had an expiry.
  boolean timedAtCut(long header) {
    return memory.getInt(header + CUT_COUNT_EPOCH) == walk.epoch()
        ? memory.getLong(header + CUT_COUNT) < 0
        : expiring(header) != 0;
  }

  // ── size, expiry, moves ──

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
    assert entry != 0 && ownerOf(entry) == null;
    int room = Entry.valueCapacity(m, allocator, entry);
    boolean fits = bytes <= room && room <= 64 + 2 * (long) Math.max(bytes, reserve);
    if (fits && isMine(p, entry)) {
      Entry.valueLength(m, entry, bytes);
      return entry;
    }
    boolean free = !walk.active() || walk.fate(p.header, p.hash, entry) == Walk.FREE;
    int length = Entry.valueLength(m, entry);
    int most = Math.min(reserve, Entry.room(Entry.keyLength(m, entry)));
    long grown;
    try {
      grown = shell(entry, bytes, Math.max(bytes, most), Entry.expiry(m, entry));
    } catch (OutOfMemoryError e) {
      if (bytes > room || !isMine(p, entry)) throw e;
      Entry.valueLength(m, entry, bytes); // it is too large, and stays so
      return entry;
    }
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
    if (Entry.isNested(encoding)) return setNestedExpiry(p, before, millis);
    if (walk.active() && Entry.isForked(encoding)) entry = writable(p);
    boolean free = !walk.active() || walk.fate(p.header, p.hash, entry) == Walk.FREE;
    if (free && before >= 0 && millis >= 0) {
      Entry.expiry(m, entry, millis);
      expires(p, millis);
      return entry;
    }
    int length = Entry.valueLength(m, entry);
    long changed = shell(entry, length, length, millis);
    m.copy(Entry.valueAddress(m, entry), Entry.valueAddress(m, changed), length);
    swap(p, changed);
    if (free) {
      allocator.free(entry);
    } else if (Entry.isForked(encoding)) { // born after the cut, so in flight; its value has moved
      pin(p.header, p.hash, entry | Walk.SHELL);
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
      expires(p, millis);
      return entry;
    }
    int length = Entry.valueLength(m, entry);
    long changed = shell(entry, length, length, millis);
    Entry.epoch(m, changed, Entry.epoch(m, entry));
    long moved = Entry.valueAddress(m, changed);
    m.copy(nested, moved, length);
    boolean pinned = walk.active() && walk.fate(p.header, p.hash, entry) == Walk.PINNED;
    swap(p, changed);
    if (pinned) {
      m.putLong(nested, MOVED);
      m.putLong(nested + COUNT, moved);
      if (walk.nested.header == nested) walk.nested.header = moved;
      pin(p.header, p.hash, entry | Walk.SHELL);
    } else {
      allocator.free(entry);
    }
    return changed;
  }

  /// Whether [#move] is quick: false if a large value would have to be copied because the walk
  /// still needs it.
  public boolean movable(Place p) {
    if (!walk.active()) return true;
    long entry = entry(p);
    Owner owner = ownerOf(entry);
    return owner == null
        || owner.nodes(entry) <= REAP_NODES
        || (Entry.isNested(Entry.encoding(memory, entry))
            ? walk.fate(p.header, p.hash, entry) == Walk.FREE
            : passed(p.header));
  }

  /// Moves the value at `from` to `to`, where it has another key and expiry, and takes the place of
  /// what is there: RENAME, MOVE. A copy of it, where the walk needs the original.
  ///
  /// Without memory for that nothing happens: first everything is made, then it is put where it
  /// belongs, and only then taken from where it was.
  public void move(Place from, Place to, Slice key, long expiry) {
    long entry = entry(from);
    int encoding = Entry.encoding(memory, entry);
    boolean free =
        !walk.active()
            || walk.fate(from.header, from.hash, entry) == Walk.FREE
                && (passed(from.header) || !Entry.isForked(encoding));
    long moved = free ? shell(entry, key, expiry) : copy(entry, key, expiry);
    try {
      if (free) moveValue(entry, moved);
      put(to, moved);
    } catch (OutOfMemoryError e) {
      if (free) {
        allocator.free(moved);
      } else {
        free(moved);
      }
      throw e;
    }
    if (from.stamp != stamp) refind(from);
    assert from.entry == entry;
    take(from);
    if (free) {
      allocator.free(entry);
    } else {
      retire(from.header, from.hash, entry);
    }
    left(from);
  }

  /// Both have it then: one of them is to be freed alone.
  private void moveValue(long from, long to) {
    Memory m = memory;
    m.copy(Entry.valueAddress(m, from), Entry.valueAddress(m, to), Entry.valueLength(m, from));
    if (Entry.isNested(Entry.encoding(m, from))) // in its new slot it is as if born now
    m.putInt(Entry.valueAddress(m, to) + PASSED, walk.epoch());
  }

  /// Puts a copy of `entry`, with another key and expiry, at `to`, in the place of what is there:
  /// COPY. Without memory for that nothing happens.
  public void copy(long entry, Place to, Slice key, long expiry) {
    long copy = copy(entry, key, expiry);
    try {
      put(to, copy);
    } catch (OutOfMemoryError e) {
      free(copy);
      throw e;
    }
  }

  /// Moves the entry at `from`, as it is, to `to`, where it takes the place of what is there: the
  /// same key, in another dictionary. `from` is in a dictionary that was made after the last cut.
  /// Without memory for that nothing happens.
  void adopt(Place from, Place to) {
    long entry = entry(from);
    long old = entry(to);
    if (old != 0) Entry.access(memory, entry, Entry.access(memory, old));
    put(to, entry);
    if (from.stamp != stamp) refind(from);
    assert from.entry == entry && passed(from.header);
    take(from);
  }

  private long copy(long entry, Slice key, long expiry) {
    return withValueOf(entry, shell(entry, key, expiry));
  }

  /// An entry for the same value under another key; its value is not initialised.
  private long shell(long entry, Slice key, long expiry) {
    Memory m = memory;
    int length = Entry.valueLength(m, entry);
    long shell = create(key, Entry.type(m, entry), Entry.encoding(m, entry), length, expiry);
    Entry.access(m, shell, Entry.access(m, entry));
    return shell;
  }

  /// A copy of an entry, of the current epoch, that shares nothing with it.
  long deepCopy(long entry) {
    if (Entry.isMember(memory, entry)) return copyOfMember(entry);
    int length = Entry.valueLength(memory, entry);
    return withValueOf(entry, shell(entry, length, length, Entry.expiry(memory, entry)));
  }

  /// Copies the value of `entry` to `shell`, and returns that; without memory it is freed.
  private long withValueOf(long entry, long shell) {
    try {
      copyValue(entry, shell, Entry.valueLength(memory, entry));
      return shell;
    } catch (OutOfMemoryError e) {
      allocator.free(shell);
      throw e;
    }
  }

  private void copyValue(long from, long to, int length) {
    Memory m = memory;
    Owner owner = ownerOf(from);
    if (owner != null) {
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
    m.putLong(to, tree.copy(m.getLong(from)));
  }

  /// Bytes of an entry and all that belongs to it: its nodes exactly, of nested entries the mean of
  /// up to `samples` (0: all of them).
  public long memoryUse(long entry, int samples) {
    Owner owner = ownerOf(entry);
    return allocator.capacity(entry) + (owner == null ? 0 : owner.memoryUse(entry, samples));
  }

  /// Bytes of all that is below a header, of entries the mean of up to `samples` (0: all of them).
  long treeBytes(long header, int samples) {
    long[] sum = new long[2];
    scan(
        header,
        0,
        samples == 0 ? Integer.MAX_VALUE : samples,
        e -> {
          sum[0] += memoryUse(e, samples);
          sum[1]++;
        });
    long entries = sum[1] == 0 ? 0 : Math.round((double) sum[0] / sum[1] * count(header));
    return tree.bytes(memory.getLong(header)) + entries;
  }

  // ── freeing ──

  /// Frees an entry that is in no dictionary, and all that it owns. Much of it is left to the
  /// reaper.
  public void release(long entry) {
    Owner owner = ownerOf(entry);
    long nodes = owner == null ? 0 : owner.nodes(entry);
    if (nodes <= REAP_NODES || !reaper.reap(entry, nodes)) free(entry);
  }

  /// Frees an entry that is in no dictionary, and all that it owns, at once.
  public void free(long entry) {
    free(entry, AT_ONCE);
  }

  /// The same in steps of at most a leaf and its entries, or an inner node of a sequence and its
  /// leaves: `between` runs after each. No other thread may know anything of what is freed, so
  /// there it is safe to do whatever doesn't go through this object.
  public void free(long entry, Runnable between) {
    Owner owner = ownerOf(entry);
    if (owner != null) owner.release(entry, between);
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
    clear(header, AT_ONCE);
  }

  /// The same in steps, as [#free(long, Runnable)] makes them.
  public void clear(long header, Runnable between) {
    stamp++;
    tree.free(memory.getLong(header), between);
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

  // ── evacuation ──

  /// Is called with entries whose value has nodes of its own, more than should move under one lock.
  @FunctionalInterface
  public interface LargeValues {
    /// @param holder the entry whose nested dictionary `entry` is in, 0 if it is in none
    void large(long holder, long entry);
  }

  /// Is called with entries that were moved, where something else refers to them, too.
  @FunctionalInterface
  interface Moves {
    /// @param holder the entry whose nested dictionary it is in
    /// @param old where it was: that node is free
    /// @param now where it is
    void moved(long holder, long old, long now);
  }

  private static final Moves NOBODY = (holder, old, now) -> {};

  /// Moves what stands in sparse slabs ([Allocator#evacuated]) of the leaf that holds hash `from`,
  /// with its entries and their small values, and on the way to it. Returns the first hash behind
  /// that leaf, 0 at the end. Places are void afterwards. No walk may be under way.
  public long evacuate(long header, long from, LargeValues large) {
    return evacuate(header, from, 0, large, NOBODY);
  }

  /// The same in the dictionary that the value of `holder` begins with.
  long evacuateNested(long holder, long from, LargeValues large, Moves moves) {
    return evacuate(Entry.valueAddress(memory, holder), from, holder, large, moves);
  }

  private long evacuate(long header, long from, long holder, LargeValues large, Moves moves) {
    assert !walk.active() : "addresses that a walk knows would change";
    stamp++;
    tree.evacuate(header, from);
    if (HashTree.kind(tree.atRef) != HashTree.BUCKET)
      evacuateEntries(tree.atRef, holder, large, moves);
    tree.descend(header, from); // what is nested went through the same object
    int bits = tree.prefixBits();
    return bits == 0 ? 0 : (from & HashTree.prefixMask(bits)) + (1L << (64 - bits));
  }

  private void evacuateEntries(long ref, long holder, LargeValues large, Moves moves) {
    Memory m = memory;
    long page = ref & HashTree.ADDRESS;
    if (page == 0) return;
    int words = Leaf.words(HashTree.sizeClass(ref));
    for (int i = 0; i < words; i++) {
      long at = page + Leaf.HEADER + 8L * i;
      long word = m.getLong(at);
      if (word == 0) continue;
      long entry = Leaf.entry(word);
      long moved = allocator.evacuated(entry);
      if (moved != entry) {
        m.putLong(at, Leaf.moved(word, moved));
        moves.moved(holder, entry, moved);
      }
      Owner owner = ownerOf(moved);
      if (owner == null) continue;
      if (Entry.isForked(Entry.encoding(m, moved)) || owner.nodes(moved) > REAP_NODES) {
        large.large(holder, moved);
      } else {
        for (long next = owner.evacuate(moved, 0, large); next != 0; )
          next = owner.evacuate(moved, next, large);
      }
    }
  }

  /// Goes on with a large value, from `from` on (0 at first): a step that is small enough to be
  /// made under a lock. Returns where to go on, 0 at the end.
  public long evacuateLarge(long entry, long from, LargeValues larger) {
    Owner owner = ownerOf(entry);
    return owner == null ? 0 : owner.evacuate(entry, from, larger);
  }

  // ── expiry ──

  /// Finds an entry whose expiry is at or before `now`; false if there is none. Bounds that turn
  /// out to be too low are raised on the way.
  public boolean nextExpired(long header, long now, Place out) {
    boolean found = traversal.nextExpired(header, now, false, out);
    out.stamp = stamp;
    return found;
  }

  /// The same in a table of keys, and a hash with a field of which that is true is found, too.
  public boolean nextDue(long header, long now, Place out) {
    boolean found = traversal.nextExpired(header, now, true, out);
    out.stamp = stamp;
    return found;
  }

  // ── scan ──

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
    return traversal.scan(header, cursor, count, visitor);
  }

  /// Picks an entry, each with the same probability; false if there is none.
  public boolean random(long header, Random source, Place out) {
    boolean found = traversal.random(header, source, out);
    out.stamp = stamp;
    return found;
  }

  /// Copies the words from hash `from` on, of the leaf that holds it: for the walker.
  void copyPage(long header, long from, Traversal.Page out) {
    traversal.copyPage(header, from, out);
  }

  /// Copies the whole leaf that holds a hash.
  void copyLeaf(long header, long hash, Traversal.Page out) {
    traversal.copyLeaf(header, hash, out);
  }

  /// Takes over the preserved chain: its newest block, or 0.
  long takeChain(long header) {
    long block = memory.getLong(header + CHAIN);
    memory.putLong(header + CHAIN, 0);
    return block;
  }

  /// The owner of nested dictionaries.
  private final class Nested implements Owner {
    private long header(long entry) {
      return Entry.valueAddress(memory, entry);
    }

    @Override
    public void copy(long from, long to) {
      copyTree(header(from), header(to));
    }

    @Override
    public void release(long entry, Runnable between) {
      clear(header(entry), between);
    }

    @Override
    public long evacuate(long entry, long from, LargeValues larger) {
      return evacuateNested(entry, from, larger, NOBODY);
    }

    @Override
    public long nodes(long entry) {
      return count(header(entry));
    }

    @Override
    public long memoryUse(long entry, int samples) {
      return treeBytes(header(entry), samples);
    }
  }
}
