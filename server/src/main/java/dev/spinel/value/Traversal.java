package dev.spinel.value;

import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// Ways through a [HashTree] other than by a key: in order of the hash (SCAN, and the pages of a
/// [Walker]), at random, and to what is due. One per seat; the lock that owns the header is held.
final class Traversal {
  private final Memory memory;
  private final Dictionary dictionary;
  private final HashTree tree;

  // of the search for what has expired
  private long nowMillis;
  private int due; // as a bound
  private boolean withFields;
  private final Place field = new Place();

  Traversal(Memory memory, Dictionary dictionary, HashTree tree) {
    this.memory = memory;
    this.dictionary = dictionary;
    this.tree = tree;
  }

  // ── expiry ──

  /// Finds an entry whose expiry is at or before `now`; false if there is none. Bounds that turn
  /// out to be too low are raised on the way.
  ///
  /// @param withFields whether a hash is found that has a field of which that is true
  boolean nextExpired(long header, long now, boolean withFields, Place out) {
    int due = HashTree.bound(now);
    if (Integer.compareUnsigned(memory.getInt(header + Dictionary.NEXT_EXPIRY), due) > 0)
      return false;
    out.header = header;
    out.key = null;
    out.entry = 0;
    nowMillis = now;
    this.due = due;
    this.withFields = withFields;
    int next = expired(memory.getLong(header), out);
    if (out.entry != 0) {
      out.hash = dictionary.hashOf(out.entry);
      tree.locate(out, out.entry);
      return true;
    }
    memory.putInt(header + Dictionary.NEXT_EXPIRY, next);
    return false;
  }

  /// Sets `out.entry` to an expired entry below `ref`, or returns the bound of what is there.
  private int expired(long ref, Place out) {
    Memory m = memory;
    long address = ref & HashTree.ADDRESS;
    if (address == 0) return HashTree.NO_EXPIRY;
    int kind = HashTree.kind(ref);
    int next = HashTree.NO_EXPIRY;
    if (kind == 0) {
      int old = m.getInt(address + 4);
      if (Integer.compareUnsigned(old, due) > 0) return old;
      int words = Leaf.words(HashTree.sizeClass(ref));
      for (int i = 0; i < words; i++) {
        long word = m.getLong(address + Leaf.HEADER + 8L * i);
        if (word == 0) continue;
        next = HashTree.earlier(next, expiredEntry(Leaf.entry(word), out));
        if (out.entry != 0) return next;
      }
      m.putInt(address + 4, next);
      return next;
    }
    if (kind == HashTree.BUCKET) return expiredInBucket(address, out);
    int old = m.getInt(address);
    if (Integer.compareUnsigned(old, due) > 0) return old;
    for (int i = 0; i < 1 << kind; ) {
      long child = m.getLong(HashTree.refAt(address, i));
      next = HashTree.earlier(next, expired(child, out));
      if (out.entry != 0) return next;
      i += HashTree.span(child, kind);
    }
    m.putInt(address, next);
    return next;
  }

  private int expiredInBucket(long first, Place out) {
    Memory m = memory;
    int next = HashTree.NO_EXPIRY;
    for (long page = first; page != 0; page = m.getLong(page + 8)) {
      int count = m.getInt(page);
      for (int i = 0; i < count; i++) {
        long entry = Leaf.entry(m.getLong(HashTree.bucketWord(page, i)));
        next = HashTree.earlier(next, expiredEntry(entry, out));
        if (out.entry != 0) return next;
      }
    }
    m.putInt(first + 4, next);
    return next;
  }

  /// The same for one entry: its own expiry, and those of its fields.
  private int expiredEntry(long entry, Place out) {
    long millis = Entry.expiry(memory, entry);
    int bound = HashTree.NO_EXPIRY;
    if (millis >= 0) {
      if (millis <= nowMillis) {
        out.entry = entry;
        return bound;
      }
      bound = HashTree.bound(millis);
    }
    return FieldTimes.any(memory, entry)
        ? HashTree.earlier(bound, expiredFields(entry, out))
        : bound;
  }

  private int expiredFields(long entry, Place out) {
    long value = Entry.valueAddress(memory, entry);
    if (Entry.encoding(memory, entry) != Entry.NESTED) {
      long first = FieldTimes.first(memory, value);
      if (withFields && first <= nowMillis) out.entry = entry;
      return HashTree.bound(first);
    }
    int old = memory.getInt(value + Dictionary.NEXT_EXPIRY);
    if (Integer.compareUnsigned(old, due) > 0) return old;
    field.entry = 0;
    int next = expired(memory.getLong(value), field);
    if (field.entry != 0) {
      if (withFields) out.entry = entry;
      return old;
    }
    memory.putInt(value + Dictionary.NEXT_EXPIRY, next);
    return next;
  }

  /// Visits the entries from `cursor` (the first 49 bits of a hash) on, in order of their hash,
  /// until `count` have been visited and none is left with the same 49 bits as the last. Returns
  /// the next cursor, 0 when all have been seen.
  ///
  /// Order is a property of the hash, not of the size: a key that is there from the first call to
  /// the last is visited exactly once, whatever is inserted, removed, split or merged meanwhile.
  long scan(long header, long cursor, int count, Dictionary.Visitor visitor) {
    long from = cursor << (64 - Dictionary.CURSOR_BITS);
    int seen = 0;
    long last = 0;
    boolean any = false;
    while (true) {
      tree.descend(header, from);
      int known = Math.min(Dictionary.CURSOR_BITS, tree.atShift + Leaf.HASH_BITS);
      int prefix = tree.prefixBits();
      long mask = HashTree.prefixMask(prefix);
      long base = from & HashTree.prefixMask(tree.atShift);
      long page = tree.atRef & HashTree.ADDRESS;
      if (HashTree.kind(tree.atRef) == HashTree.BUCKET) {
        for (; page != 0; page = memory.getLong(page + 8)) {
          int n = memory.getInt(page);
          seen += n;
          for (int i = 0; i < n; i++)
            visitor.entry(Leaf.entry(memory.getLong(HashTree.bucketWord(page, i))));
        }
        last = from & HashTree.prefixMask(Dictionary.CURSOR_BITS);
        any = true;
      } else if (page != 0) {
        int words = Leaf.words(HashTree.sizeClass(tree.atRef));
        int shift = tree.atShift;
        int fromBits = Leaf.bits(from, shift);
        boolean ambiguous =
            (from << shift) << Leaf.HASH_BITS != 0
                && shift + Leaf.HASH_BITS < Dictionary.CURSOR_BITS;
        for (int i = 0; i < words; i++) {
          long word = memory.getLong(page + Leaf.HEADER + 8L * i);
          if (word == 0) continue;
          int bits = Leaf.bits(word);
          if (bits < fromBits) continue;
          long entry = Leaf.entry(word);
          if (bits == fromBits
              && ambiguous
              && Long.compareUnsigned(dictionary.hashOf(entry), from) < 0) continue;
          long hash =
              (base | (((long) bits << Leaf.ADDRESS_BITS) >>> shift)) & HashTree.prefixMask(known);
          if (seen >= count && !(any && hash == last))
            return hash >>> (64 - Dictionary.CURSOR_BITS);
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
      if (prefix > Dictionary.CURSOR_BITS) {
        long rounded = from & HashTree.prefixMask(Dictionary.CURSOR_BITS);
        if (rounded != from) continue; // same 49 bits: same group
      }
      if (seen >= count) return from >>> (64 - Dictionary.CURSOR_BITS);
    }
  }

  /// Picks an entry, each with the same probability; false if there is none.
  ///
  /// A leaf found by a random hash is found with probability 2^-depth; accepted in proportion to
  /// words × 2^depth, and then a random one of its words, all words have the same chance, and a gap
  /// means: again. (The entry after a random hash would be a biased choice.)
  boolean random(long header, Random source, Place out) {
    long count = dictionary.count(header);
    if (count == 0) return false;
    out.header = header;
    out.key = null;
    int deepest = memory.getByte(header + Dictionary.DEEPEST) & 0xff;
    for (int tries = 1; ; tries++) {
      long hash = source.nextLong();
      tree.descend(header, hash);
      int lost =
          tree.atNode == 0 ? 0 : deepest - tree.prefixBits(); // accept with probability 2^-lost
      if (lost > 0 && source.nextLong() >>> (64 - lost) != 0) {
        if ((tries & 63) != 0) continue;
        deepest = tree.deepest(memory.getLong(header), 0);
        memory.putByte(header + Dictionary.DEEPEST, (byte) deepest);
        if (tries >= 256)
          return pick(header, Math.floorMod(source.nextLong(), count), out); // a skewed tree
        continue;
      }
      long page = tree.atRef & HashTree.ADDRESS;
      if (HashTree.kind(tree.atRef) == HashTree.BUCKET)
        return pick(header, Math.floorMod(source.nextLong(), count), out);
      if (page == 0) continue;
      int most = tree.atNode == 0 ? Leaf.words(HashTree.sizeClass(tree.atRef)) : Leaf.MAX_WORDS;
      int at = source.nextInt(most);
      if (at >= Leaf.words(HashTree.sizeClass(tree.atRef))) continue;
      long word = memory.getLong(page + Leaf.HEADER + 8L * at);
      if (word == 0) {
        if (tries >= 1024) return pick(header, Math.floorMod(source.nextLong(), count), out);
        continue;
      }
      out.entry = Leaf.entry(word);
      out.hash = dictionary.hashOf(out.entry);
      out.ref = tree.atRef;
      out.shift = tree.atShift;
      out.page = page;
      out.index = at;
      return true;
    }
  }

  /// The entry number `n` in order of the hash.
  private boolean pick(long header, long n, Place out) {
    long left = skip(memory.getLong(header), n, out);
    assert left < 0;
    out.hash = dictionary.hashOf(out.entry);
    tree.locate(out, out.entry);
    return true;
  }

  /// Passes `n` entries below `ref`: sets `out.entry` to the next and returns -1, or what is left
  /// of `n`.
  private long skip(long ref, long n, Place out) {
    Memory m = memory;
    long address = ref & HashTree.ADDRESS;
    if (address == 0) return n;
    int kind = HashTree.kind(ref);
    if (kind == HashTree.BUCKET) {
      for (long page = address; page != 0; page = m.getLong(page + 8)) {
        int count = m.getInt(page);
        if (n < count) {
          out.entry = Leaf.entry(m.getLong(HashTree.bucketWord(page, (int) n)));
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
      long child = m.getLong(HashTree.refAt(address, i));
      n = skip(child, n, out);
      if (n < 0) return n;
      i += HashTree.span(child, kind);
    }
    return n;
  }

  /// A copy of one page, made under the lock.
  static final class Page {
    long[] words = new long[Leaf.MAX_WORDS]; // some may be 0
    int count;
    int shift;
    long first;
    long last; // the last hash of the page

    /// How many of the highest bits of the hashes the page tells; 0 if it tells none.
    int known;

    boolean holds(long hash) {
      return Long.compareUnsigned(first, hash) <= 0 && Long.compareUnsigned(hash, last) <= 0;
    }

    /// The bits of a word's hash that are known, in their places; the others are 0.
    long hash(long word) {
      return first & HashTree.prefixMask(shift)
          | ((long) Leaf.bits(word) << Leaf.ADDRESS_BITS) >>> shift;
    }
  }

  /// Copies the whole leaf that holds a hash.
  void copyLeaf(long header, long hash, Page out) {
    tree.descend(header, hash);
    copy(hash & HashTree.prefixMask(tree.prefixBits()), out);
  }

  /// Copies the words from hash `from` on, of the leaf that holds it.
  void copyPage(long header, long from, Page out) {
    tree.descend(header, from);
    copy(from, out);
  }

  private void copy(long from, Page out) {
    int prefix = tree.prefixBits();
    long mask = HashTree.prefixMask(prefix);
    out.shift = tree.atShift;
    out.first = from;
    out.last = from | ~mask;
    out.count = 0;
    out.known = Math.min(Long.SIZE, tree.atShift + Leaf.HASH_BITS);
    long page = tree.atRef & HashTree.ADDRESS;
    if (HashTree.kind(tree.atRef) == HashTree.BUCKET) {
      out.known = 0;
      int n = 0;
      for (long at = page; at != 0; at = memory.getLong(at + 8)) n += memory.getInt(at);
      if (out.words.length < n) out.words = new long[n + n / 2];
      for (; page != 0; page = memory.getLong(page + 8)) {
        int count = memory.getInt(page);
        for (int i = 0; i < count; i++) {
          long word = memory.getLong(HashTree.bucketWord(page, i));
          if ((from & 1) == 0 || (dictionary.hashOf(Leaf.entry(word)) & 1) != 0)
            out.words[out.count++] = word;
        }
      }
      return;
    }
    if (page == 0) return;
    int words = Leaf.words(HashTree.sizeClass(tree.atRef));
    MemorySegment s = memory.segment(page);
    long o = memory.offset(page) + Leaf.HEADER;
    if (from == (from & mask)) {
      MemorySegment.copy(s, Memory.LONG, o, out.words, 0, words);
      out.count = words;
      return;
    }
    int fromBits = Leaf.bits(from, tree.atShift);
    for (int i = 0; i < words; i++) {
      long word = s.get(Memory.LONG, o + 8L * i);
      if (word == 0) continue;
      int bits = Leaf.bits(word);
      if (bits > fromBits
          || (bits == fromBits
              && Long.compareUnsigned(dictionary.hashOf(Leaf.entry(word)), from) >= 0))
        out.words[out.count++] = word;
    }
  }
}
