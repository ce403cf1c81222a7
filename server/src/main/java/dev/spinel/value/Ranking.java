package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Slice;

/// The large encoding of sorted sets ([Entry#SKIPLIST]): members that know their score, and an
/// order of them.
///
/// ```
///   value       [header of a dictionary, 64][root of a tree, 16]
///   dictionary  member ──► entry [member][score 8]          one node per member ([Entry#SCORED_MEMBER])
///   tree        (score, member) ──► address of that entry   a cell of 16 bytes per member
/// ```
///
/// The dictionary is the set. A walk goes into it as into a hash; the tree is an index over it,
/// which no walk sees, and which can be rebuilt from it at any time.
///
/// **Two referrers.** An entry of a member is referred to by the dictionary, which owns it, and by
/// one cell of the tree (with the copies of that cell above it). Entries move for two reasons: this
/// class makes one writable, or the dictionary evacuates it and says so. Each time the tree's cell
/// is found again, by score and member, and follows.
///
/// A change takes what memory it needs first: room in the tree, then the entry, then the place in
/// the dictionary. Whichever fails, the set is as it was.
///
/// One per seat; the slot's lock is held. [SortedSetValue] says what is done when.
final class Ranking implements Owner {
  static final int BYTES = Dictionary.HEADER_BYTES + OrderedTree.ROOT_BYTES;

  private final Memory m;
  private final Dictionary dictionary;
  private final OrderedTree tree;
  private final Place place = new Place(); // of the member that was looked up last
  private final ByBytes byBytes;
  private final ByEntry byEntry;
  private final long[] cut = new long[OrderedTree.MAX]; // scratch: entries of a leaf
  private byte[] bytes = new byte[128]; // scratch: a member
  private final Slice slice = new Slice();
  private long read; // what was read ahead: the JIT would leave out loads that nobody wants

  Ranking(Memory m, Allocator allocator, Dictionary dictionary) {
    this.m = m;
    this.dictionary = dictionary;
    this.tree = new OrderedTree(m, allocator);
    this.byBytes = new ByBytes(m);
    this.byEntry = new ByEntry(m);
  }

  /// Members of one score beside the bytes of one.
  private static final class ByBytes implements OrderedTree.Ties {
    private final Memory m;
    byte[] bytes = new byte[0];
    int from;
    int length;

    ByBytes(Memory m) {
      this.m = m;
    }

    ByBytes of(Slice member) {
      bytes = member.array;
      from = member.offset;
      length = member.length;
      return this;
    }

    @Override
    public int compare(long entry) {
      return m.compare(Entry.keyAddress(m, entry), Entry.keyLength(m, entry), bytes, from, length);
    }
  }

  /// Members of one score beside one that has moved: its old address, where nothing is any more,
  /// stands for itself.
  private static final class ByEntry implements OrderedTree.Ties {
    private final Memory m;
    long old;
    long address;
    int length;

    ByEntry(Memory m) {
      this.m = m;
    }

    ByEntry of(long old, long entry) {
      this.old = old;
      address = Entry.keyAddress(m, entry);
      length = Entry.keyLength(m, entry);
      return this;
    }

    @Override
    public int compare(long entry) {
      if (entry == old) return 0;
      return m.compare(Entry.keyAddress(m, entry), Entry.keyLength(m, entry), address, length);
    }
  }

  private static long header(Memory m, long entry) {
    assert Entry.encoding(m, entry) == Entry.SKIPLIST;
    return Entry.valueAddress(m, entry);
  }

  private long header(long entry) {
    return header(m, entry);
  }

  private long root(long entry) {
    return header(entry) + Dictionary.HEADER_BYTES;
  }

  /// The order of scores as that of signed integers; -0 is 0.
  static long key(double score) {
    long bits = Double.doubleToRawLongBits(score + 0.0);
    return bits ^ (bits >> 63 & Long.MAX_VALUE);
  }

  /// The score of a member's entry.
  double score(long member) {
    return Double.longBitsToDouble(m.getLong(Entry.valueAddress(m, member)));
  }

  private void setScore(long member, double score) {
    m.putLong(Entry.valueAddress(m, member), Double.doubleToRawLongBits(score));
  }

  // ── one set ──

  /// Makes the value of an entry, of [#BYTES], an empty set.
  void init(long entry) {
    dictionary.init(header(entry));
    tree.init(root(entry));
  }

  long length(long entry) {
    return dictionary.count(header(entry));
  }

  /// The entry of a member, 0 if there is none.
  long find(long entry, Slice member) {
    dictionary.find(header(entry), dictionary.hash(member), member, place);
    return place.entry;
  }

  /// Adds a member that [#find] has just not found.
  void add(long entry, Slice member, double score) {
    long key = key(score);
    tree.seek(root(entry), key, byBytes.of(member));
    tree.reserve();
    tree.insert(key, addToDictionary(member, score));
  }

  private long addToDictionary(Slice member, double score) {
    long e =
        dictionary.createMember(Entry.SCORED_MEMBER, member.array, member.offset, member.length);
    setScore(e, score);
    dictionary.insert(place, e);
    return e;
  }

  /// Gives another score to the member that [#find] has just found.
  void change(long entry, Slice member, double score) {
    long old = dictionary.entry(place);
    long oldKey = key(score(old));
    long key = key(score);
    tree.seek(root(entry), key, byBytes.of(member));
    tree.reserve();
    long now = dictionary.writable(place); // the old one is there until the walk has read it
    tree.insert(key, now);
    boolean there = tree.seek(root(entry), oldKey, byBytes);
    assert there;
    tree.remove(1);
    setScore(now, score);
  }

  /// Removes the member that [#find] has just found.
  void remove(long entry, Slice member) {
    boolean there = tree.seek(root(entry), key(score(dictionary.entry(place))), byBytes.of(member));
    assert there;
    tree.remove(1);
    dictionary.remove(place);
  }

  /// Removes `count` members from `rank` on.
  void removeRange(long entry, long rank, long count) {
    long header = header(entry);
    for (long left = count; left > 0; ) {
      tree.seekRank(root(entry), rank);
      int n = (int) Math.min(left, tree.following());
      for (int i = 0; i < n; i++) cut[i] = tree.word(i);
      readAhead(cut, n);
      tree.remove(n);
      for (int i = 0; i < n; i++) {
        dictionary.find(header, hashOf(cut[i]), slice, place);
        dictionary.remove(place);
      }
      left -= n;
    }
  }

  /// The hash of a member, whose bytes are in [#slice] afterwards.
  private long hashOf(long member) {
    int n = Entry.keyLength(m, member);
    if (bytes.length < n) bytes = new byte[2 * n];
    m.copyOut(Entry.keyAddress(m, member), bytes, 0, n);
    return dictionary.hash(slice.set(bytes, 0, n));
  }

  /// Entries of neighbours in the order are anywhere in memory: side by side they come sooner than
  /// one after the other.
  private void readAhead(long[] entries, int n) {
    long sum = 0;
    for (int i = 0; i < n; i++) sum += m.getLong(entries[i]);
    read += sum;
  }

  // ── ranks ──

  /// The rank of the member that [#find] has just found.
  long rank(long entry, Slice member) {
    boolean there = tree.seek(root(entry), key(score(dictionary.entry(place))), byBytes.of(member));
    assert there;
    return tree.rank();
  }

  /// The entry of the member of that rank, which there is.
  long at(long entry, long rank) {
    tree.seekRank(root(entry), rank);
    return tree.word();
  }

  /// How many members have a score below `score`.
  long below(long entry, double score) {
    tree.seekKey(root(entry), key(score));
    return tree.rank();
  }

  /// How many members have a score of at most `score`.
  long notAbove(long entry, double score) {
    tree.seekKey(root(entry), key(score) + 1);
    return tree.rank();
  }

  /// Of a set that isn't empty and whose scores are all equal: how many members are before
  /// `member`, which counts itself if it is `included`.
  long before(long entry, Slice member, boolean included) {
    tree.seekRank(root(entry), 0);
    boolean there = tree.seek(root(entry), tree.key(), byBytes.of(member));
    return tree.rank() + (there && included ? 1 : 0);
  }

  /// Copies the entries of up to `most` members from `rank` on, upwards, that are in one leaf, to
  /// `to`, which has room for [OrderedTree#MAX]; returns how many there are. They have been read.
  int ascending(long entry, long rank, long most, long[] to) {
    tree.seekRank(root(entry), rank);
    int n = (int) Math.min(most, tree.following());
    for (int i = 0; i < n; i++) to[i] = tree.word(i);
    readAhead(to, n);
    return n;
  }

  /// The same downwards.
  int descending(long entry, long rank, long most, long[] to) {
    tree.seekRank(root(entry), rank);
    int n = (int) Math.min(most, tree.preceding() + 1);
    for (int i = 0; i < n; i++) to[i] = tree.word(-i);
    readAhead(to, n);
    return n;
  }

  // ── sets in the making ──

  /// Adds the member that [#find] has just not found, to the dictionary alone. Then [#order] is
  /// due.
  void addUnordered(Slice member, double score) {
    addToDictionary(member, score);
  }

  /// Changes the score of the member that [#find] has just found, of a set without order yet.
  void changeUnordered(double score) {
    setScore(dictionary.entry(place), score);
  }

  void removeUnordered() {
    dictionary.remove(place);
  }

  /// Makes the order of a set that has none yet.
  void order(long entry) {
    long root = root(entry);
    assert tree.count(root) == 0;
    dictionary.scan(
        header(entry),
        0,
        Integer.MAX_VALUE,
        member -> {
          double score = score(member);
          tree.seek(root, key(score), byEntry.of(0, member));
          tree.reserve();
          tree.insert(key(score), member);
        });
  }

  /// Appends a member that comes behind all others.
  void append(long entry, Slice member, double score) {
    long before = find(entry, member);
    assert before == 0;
    tree.seekRank(root(entry), tree.count(root(entry)));
    tree.reserve();
    tree.insert(key(score), addToDictionary(member, score));
  }

  // ── what is asked of an owner ──

  /// Makes the copy in order, so that its neighbours are neighbours in memory.
  @Override
  public void copy(long from, long to) {
    init(to);
    long[] entries = new long[OrderedTree.MAX];
    long count = length(from);
    try {
      for (long rank = 0; rank < count; ) {
        int n = ascending(from, rank, Long.MAX_VALUE, entries);
        for (int i = 0; i < n; i++) {
          hashOf(entries[i]);
          append(to, slice, score(entries[i]));
        }
        rank += n;
      }
    } catch (OutOfMemoryError e) {
      release(to, Dictionary.AT_ONCE);
      throw e;
    }
  }

  @Override
  public void release(long entry, Runnable between) {
    tree.clear(root(entry), between);
    dictionary.clear(header(entry), between);
  }

  /// First the leaves of the dictionary, then, `from` odd, those of the tree, by rank: hashes that
  /// begin a leaf are even.
  @Override
  public long evacuate(long entry, long from, Dictionary.LargeValues larger) {
    if ((from & 1) == 0) {
      long next = dictionary.evacuateNested(entry, from, larger, this::moved);
      assert (next & 1) == 0;
      return next != 0 ? next : 1;
    }
    long next = tree.evacuate(root(entry), from >>> 1);
    return next == 0 ? 0 : next << 1 | 1;
  }

  /// The entry of a member, of the set of `holder`, is at `now`; what is at `old` is void.
  private void moved(long holder, long old, long now) {
    boolean there = tree.seek(root(holder), key(score(now)), byEntry.of(old, now));
    assert there;
    tree.replace(now);
  }

  @Override
  public long nodes(long entry) {
    return length(entry);
  }

  @Override
  public long memoryUse(long entry, int samples) {
    return dictionary.treeBytes(header(entry), samples) + tree.bytes(root(entry));
  }
}
