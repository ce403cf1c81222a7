package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.util.HashSet;
import java.util.Set;

/// Walks everything that a header reaches and checks the invariants of
/// `docs/adr/003-dictionary-pages.md`: structure, order, homes, counts, bounds, one referrer per
/// node. Adds up what is reachable.
public final class DictionaryVerifier {
  private boolean refused;
  private final Dictionary dictionary;
  private final Memory m;
  private final Allocator allocator;
  private final Set<Long> nodes = new HashSet<>();
  private long bytes;
  int chained;

  public DictionaryVerifier(Dictionary dictionary) {
    this.dictionary = dictionary;
    this.m = dictionary.memory;
    this.allocator = dictionary.allocator;
  }

  /// Memory has been refused: an inner node may be larger than it need be.
  DictionaryVerifier afterRefusals() {
    refused = true;
    return this;
  }

  /// Bytes of all nodes that were reached so far.
  long bytes() {
    return bytes;
  }

  void node(long address) {
    check(nodes.add(address), "two referrers of a node");
    bytes += allocator.capacity(address);
  }

  public void table(long header) {
    node(header);
    tree(header);
  }

  /// The dictionary whose header is inside some node.
  void tree(long header) {
    Tally all = new Tally();
    long root = m.getLong(header);
    check(root != Dictionary.MOVED, "a moved header is reachable");
    reference(root, 0, 0, 0, all);
    check(
        all.count == dictionary.count(header),
        "count " + all.count + " header " + dictionary.count(header));
    check(all.expiring == dictionary.expiring(header), "expiring");
    check(all.timed == dictionary.timed(header), "hashes with fields that expire");
    bound(all.earliest, m.getInt(header + Dictionary.NEXT_EXPIRY), "header");
    for (long block = m.getLong(header + Dictionary.CHAIN); block != 0; block = m.getLong(block)) {
      node(block);
      int n = m.getInt(block + 8);
      check(n > 0 && n <= m.getInt(block + 12), "chain block");
      for (int i = 0; i < n; i++) {
        long tagged = m.getLong(block + 16 + 8L * i);
        chained++;
        if ((tagged & Walk.SHELL) != 0) node(tagged & Walk.ADDRESS);
        else entry(tagged & Walk.ADDRESS);
      }
    }
  }

  private static final class Tally {
    long count;
    int timed; // hashes with fields that expire
    long expiring;
    int earliest = HashTree.NO_EXPIRY;

    void add(Tally other) {
      count += other.count;
      timed += other.timed;
      expiring += other.expiring;
      earlier(other.earliest);
    }

    void earlier(int bound) {
      if (Integer.compareUnsigned(bound, earliest) < 0) earliest = bound;
    }
  }

  /// @param path the hash bits above, in the top `shift + depth` bits
  private void reference(long ref, int shift, int depth, long path, Tally into) {
    int kind = (int) (ref >>> HashTree.KIND_SHIFT);
    long address = ref & HashTree.ADDRESS;
    if (kind == 0) {
      check((ref >>> HashTree.DEPTH_SHIFT & 15) == depth, "local depth");
      if (address != 0) leaf(ref, address, shift, depth, path, into);
    } else if (kind == HashTree.BUCKET) {
      check(shift == HashTree.BUCKET_SHIFT, "a bucket at " + shift);
      bucket(address, path, into);
    } else {
      inner(kind, address, shift, path, into);
    }
  }

  private void inner(int kind, long node, int shift, long path, Tally into) {
    check(kind <= HashTree.LEVEL_BITS, "kind");
    node(node);
    Tally mine = new Tally();
    int size = 1 << kind;
    boolean full = false;
    for (int i = 0; i < size; ) {
      long child = m.getLong(node + 8 + 8L * i);
      int childKind = (int) (child >>> HashTree.KIND_SHIFT);
      if (childKind != 0) {
        check(kind == HashTree.LEVEL_BITS, "an inner child of a node that is not full");
        int below = shift + HashTree.LEVEL_BITS;
        reference(child, below, 0, path | (long) i << 64 - below, mine);
        full = true;
        i++;
        continue;
      }
      int depth = (int) (child >>> HashTree.DEPTH_SHIFT & 15);
      check(depth >= 1 && depth <= kind, "depth " + depth + " in a node of " + kind);
      if (depth == kind) full = true;
      int span = 1 << kind - depth;
      check(i % span == 0, "alignment");
      for (int j = 1; j < span; j++)
        check(m.getLong(node + 8 + 8L * (i + j)) == child, "neighbours");
      int prefix = shift + depth;
      reference(child, shift, depth, path | (long) (i / span) << 64 - prefix, mine);
      i += span;
    }
    check(full || refused, "no leaf has the full depth");
    bound(mine.earliest, m.getInt(node), "inner");
    into.add(mine);
  }

  private void leaf(long ref, long page, int shift, int depth, long path, Tally into) {
    node(page);
    int sizeClass = (int) (ref >>> HashTree.CLASS_SHIFT) & 15;
    check(allocator.capacity(page) == Leaf.bytes(sizeClass), "size class");
    int range = (ref & HashTree.PLAIN) == 0 ? Leaf.range(sizeClass) : 0;
    Tally mine = new Tally();
    int lastBits = -1;
    int gap = -1; // the last gap seen
    for (int i = 0; i < Leaf.words(sizeClass); i++) {
      long word = m.getLong(page + Leaf.HEADER + 8L * i);
      if (word == 0) {
        gap = i;
        continue;
      }
      int bits = Leaf.bits(word);
      long entry = Leaf.entry(word);
      long hash = dictionary.hashOf(entry);
      check(bits == Leaf.bits(hash, shift), "bits of a word");
      int prefix = shift + depth;
      if (prefix > 0) check((hash ^ path) >>> 64 - prefix == 0, "a word in the wrong leaf");
      check(bits >= lastBits, "order");
      int home = Leaf.home(bits, depth, range);
      check(i >= home && gap < home || gap == -1, "a gap between a word and its home");
      check(i >= home, "before its home");
      lastBits = bits;
      entry(entry, mine);
    }
    check(mine.count == m.getShort(page), "leaf count");
    bound(mine.earliest, m.getInt(page + 4), "leaf");
    into.add(mine);
  }

  private void bucket(long first, long path, Tally into) {
    Tally mine = new Tally();
    for (long page = first; page != 0; page = m.getLong(page + 8)) {
      node(page);
      int n = m.getInt(page);
      check(n > 0 && n <= HashTree.BUCKET_WORDS, "bucket count");
      check(page == first || n == HashTree.BUCKET_WORDS, "a gap in a bucket");
      for (int i = 0; i < n; i++) {
        long entry = Leaf.entry(m.getLong(page + 16 + 8L * i));
        check((dictionary.hashOf(entry) ^ path) >>> 1 == 0, "a word in the wrong bucket");
        entry(entry, mine);
      }
    }
    bound(mine.earliest, m.getInt(first + 4), "bucket");
    into.add(mine);
  }

  private void entry(long entry, Tally into) {
    into.count++;
    long expiry = Entry.expiry(m, entry);
    if (expiry >= 0) {
      into.expiring++;
      into.earlier(HashTree.bound(expiry));
    }
    if (Entry.type(m, entry) == Entry.HASH) {
      fields(entry, into);
    }
    entry(entry);
  }

  /// The times of a hash's fields.
  private void fields(long entry, Tally into) {
    long earliest = Long.MAX_VALUE;
    long value = Entry.valueAddress(m, entry);
    if (Entry.encoding(m, entry) == Entry.TIMED_LISTPACK) {
      long last = 0;
      boolean never = false;
      for (int at = Listpack.first(m, value); at != 0; ) {
        int timeAt = FieldTimes.time(m, value, at);
        long time = Listpack.integer(m, value, timeAt);
        check(time == FieldTimes.NONE || !never && time >= last, "order of times");
        never |= time == FieldTimes.NONE;
        last = time;
        earliest = time == FieldTimes.NONE ? earliest : Math.min(earliest, time);
        at = Listpack.next(m, value, timeAt);
      }
    } else if (Entry.encoding(m, entry) == Entry.NESTED) {
      long[] least = {Long.MAX_VALUE};
      dictionary.scan(
          value,
          0,
          Integer.MAX_VALUE,
          field -> {
            long time = Entry.expiry(m, field);
            if (time >= 0) least[0] = Math.min(least[0], time);
          });
      earliest = least[0];
    }
    boolean isTimed = earliest != Long.MAX_VALUE;
    check(isTimed == FieldTimes.any(m, entry), "whether fields expire");
    if (isTimed) {
      into.timed++;
      into.earlier(HashTree.bound(earliest));
    }
  }

  /// An entry, wherever it hangs.
  void entry(long entry) {
    node(entry);
    int age = dictionary.walk.epoch() - Entry.epoch(m, entry) & 0xff;
    check(age <= 128, "an entry of age " + age);
    int encoding = Entry.encoding(m, entry);
    long value = Entry.valueAddress(m, entry);
    if (Entry.isNested(encoding)) tree(value);
    if (encoding == Entry.SKIPLIST) ranking(value);
    if (encoding == Entry.STREAM_TREE) {
      if (m.getByte(value + StreamValue.VALUE_BYTES - 1) == 0) {
        long chunks = new StreamVerifier(m, allocator, this::node, refused).verify(entry);
        bytes += chunks;
      }
    } else if (Entry.isForked(encoding)) {
      Sequence sequence = new Sequence(m, allocator);
      if (!sequence.isFrozen(value)) bytes += sequence.memoryUse(value);
    }
  }

  /// The order of a sorted set has one cell for each member, in order.
  private void ranking(long header) {
    OrderedTreeVerifier tree = new OrderedTreeVerifier(m, allocator, this::node, refused);
    Set<Long> members = new HashSet<>();
    dictionary.scan(header, 0, Integer.MAX_VALUE, members::add);
    long before = 0;
    for (OrderedTreeVerifier.Cell cell : tree.verify(header + Dictionary.HEADER_BYTES)) {
      long member = cell.word();
      check(members.remove(member), "a cell without a member, or a second one");
      check(Entry.encoding(m, member) == Entry.SCORE, "a member without a score");
      double score = Double.longBitsToDouble(m.getLong(Entry.valueAddress(m, member)));
      check(Ranking.key(score) == cell.key(), "key of a cell");
      if (before != 0) check(ascend(before, member), "order of members");
      before = member;
    }
    check(members.isEmpty(), "a member without a cell");
  }

  private boolean ascend(long first, long second) {
    int order =
        Double.compare(
            Double.longBitsToDouble(m.getLong(Entry.valueAddress(m, first))) + 0.0,
            Double.longBitsToDouble(m.getLong(Entry.valueAddress(m, second))) + 0.0);
    return order < 0
        || order == 0
            && m.compare(
                    Entry.keyAddress(m, first),
                    Entry.keyLength(m, first),
                    Entry.keyAddress(m, second),
                    Entry.keyLength(m, second))
                < 0;
  }

  private static void bound(int earliest, int stored, String where) {
    check(
        Integer.compareUnsigned(stored, earliest) <= 0,
        "expiry bound of a " + where + " is too high");
  }

  private static void check(boolean good, String what) {
    if (!good) throw new AssertionError(what);
  }
}
