package dev.spinel.value;

import dev.spinel.memory.Memory;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Reads the members of one set, some hundred at a time, and strikes out those that another set
/// has, or lacks. Intersections, unions and differences are computed with it ([SetAlgebra]).
///
/// ```
///   batch.open(entry);
///   while (batch.next()) {            read: addresses of entries, integers, or texts
///     batch.keep(other, PRESENT);     each member looked up in the other set
///     …
///     batch.each(visitor);            those that are left, in their order
///   }
/// ```
///
/// **Two dictionaries are merged.** Members come out of a dictionary in the order of the hash that
/// all dictionaries share, and its pages tell the first 20 bits or more of each hash. So the pages
/// of the other one are gone through side by side with those that are read, and only members whose
/// known bits are equal are compared: no member is hashed, and those that only one of the sets has
/// are hardly ever touched. Where the other set is many times larger, where a page tells nothing
/// and where several members have the same known bits, members are looked up.
///
/// **Look-ups go side by side.** A single one waits for memory several times, one load after the
/// other. In a batch the loads of many are under way at once ([Prefetch]), a member is hashed once
/// for all dictionaries in which it is looked up, and the elements of a listpack are put into a
/// table once for all members that are looked up in it.
///
/// Integers out of an intset stay integers until their text is needed, and the members of a
/// dictionary or a listpack stay where they are.
///
/// Everything is in arrays that are used again. One per seat; the locks of all sets' slots are
/// held. No set may change while it is read, but others may.
final class MemberBatch {
  /// Which members stay: those that the other set has, or lacks.
  enum Kept {
    PRESENT,
    ABSENT
  }

  /// Takes one member after the other; it is the member at hand.
  @FunctionalInterface
  interface Visitor {
    void member(MemberBatch batch);
  }

  private static final int MOST = 512; // members of a batch
  private static final int FIRST = 64; // of a dictionary's first one: perhaps no more are needed
  private static final int TEXT_BYTES = 32 << 10;
  private static final int SIDE_BY_SIDE = 32;

  /// A dictionary of more times as many members isn't merged with.
  private static final int MERGING_PAYS = 16;

  /// Fewer members are sought in a listpack one by one.
  private static final int INDEXING_PAYS = 8;

  private static final int KEPT_WORDS = 1 << 12; // of an array, from command to command

  private final Memory m;
  private final Dictionary dictionary;
  private final Prefetch prefetch;
  private final Place place = new Place();
  private final Slice sought = new Slice();

  // The set that is being read.
  private int encoding;
  private long value; // address of the intset, listpack or header
  private long cursor; // an index, a position, or the first hash that hasn't been read
  private boolean exhausted;
  private int portion;

  // What was read of a dictionary: of its page at hand what comes from `pageAt` on isn't in a
  // batch.
  private final Traversal.Page page = new Traversal.Page();
  private int pageAt;
  private final Traversal.Page theirs = new Traversal.Page(); // of the dictionary merged with

  // The batch.
  private int count;
  private long[] integers = {}; // if they came out of an intset
  private boolean integer;
  private boolean nested;
  private int[] places = {}; // positions, if they came out of a listpack
  private byte[] text = {};
  private int[] from = {};
  private int[] lengths = {};
  private boolean hasText; // those that are left have it, in `text` or, if `from` is ELSEWHERE, not
  private long[] entries = {}; // if they came out of a dictionary
  private long[] prefixes = {}; // and the first bits of their hashes
  private int[] known = {}; // how many these are
  private long[] found = {}; // what may be the same member in another set
  private boolean fetched; // the entries have been touched
  private long[] hashes = {};
  private boolean hasHashes;
  private int[] left = {}; // which of them haven't been struck out
  private int leftCount;
  private int hand; // the member at hand

  // The members of another listpack by their fingerprints.
  private int[] positions = {};
  private int[] prints = {};

  private long read; // keeps the JIT from leaving loads out

  MemberBatch(Dictionary dictionary) {
    this.dictionary = dictionary;
    this.m = dictionary.memory;
    this.prefetch = new Prefetch(m, SIDE_BY_SIDE);
  }

  // ── reading ──

  /// Begins to read a set.
  void open(long entry) {
    encoding = Entry.encoding(m, entry);
    value = Entry.valueAddress(m, entry);
    cursor = encoding == Entry.LISTPACK ? Listpack.first(m, value) : 0;
    exhausted = encoding == Entry.LISTPACK && cursor == 0;
    portion = encoding == Entry.NESTED ? FIRST : MOST; // what is read whole is looked up at once
    page.count = 0;
    pageAt = 0;
    if (left.length == 0) {
      resize(MOST);
      text = new byte[TEXT_BYTES];
    }
  }

  private void resize(int members) {
    integers = new long[members];
    entries = new long[members];
    places = new int[members];
    prefixes = new long[members];
    known = new int[members];
    found = new long[members];
    from = new int[members];
    lengths = new int[members];
    hashes = new long[members];
    left = new int[members];
  }

  /// Reads the next members. Returns false if there are none left.
  boolean next() {
    count = 0;
    hasText = false;
    hasHashes = false;
    integer = encoding == Entry.INTSET;
    nested = encoding == Entry.NESTED;
    switch (encoding) {
      case Entry.INTSET -> nextIntegers();
      case Entry.LISTPACK -> nextElements();
      default -> nextEntries();
    }
    portion = Math.min(MOST, 2 * portion);
    leftCount = count;
    for (int i = 0; i < count; i++) left[i] = i;
    return count > 0;
  }

  private void nextIntegers() {
    int size = Intset.count(m, value);
    while (count < portion && cursor < size) {
      integers[count++] = Intset.get(m, value, (int) cursor++);
    }
  }

  private void nextElements() {
    while (!exhausted && count < portion) {
      int at = (int) cursor;
      places[count++] = at;
      cursor = Listpack.next(m, value, at);
      exhausted = cursor == 0;
    }
  }

  private void nextEntries() {
    fetched = false;
    while (count < MOST) {
      if (pageAt == page.count) {
        if (exhausted || count >= portion) return;
        dictionary.copyPage(value, cursor, page);
        pageAt = 0;
        cursor = page.last + 1;
        exhausted = page.last == -1;
      }
      for (; pageAt < page.count && count < MOST; pageAt++) {
        long word = page.words[pageAt];
        if (word == 0) continue;
        entries[count] = Leaf.entry(word);
        prefixes[count] = page.hash(word);
        known[count++] = page.known;
      }
    }
  }

  /// Touches the entries of those that are left, all at once.
  private void fetch() {
    if (fetched) return;
    fetched = true;
    long sum = 0;
    for (int i = 0; i < leftCount; i++) sum += m.getLong(entries[left[i]]);
    read += sum;
  }

  /// The set is read, or nobody wants the rest of it: lets go of arrays that have become large.
  void close() {
    if (element.length > TEXT_BYTES) element = new byte[SCRATCH];
    if (page.words.length > KEPT_WORDS) page.words = new long[Leaf.MAX_WORDS];
    if (theirs.words.length > KEPT_WORDS) theirs.words = new long[Leaf.MAX_WORDS];
    if (positions.length > KEPT_WORDS) {
      positions = new int[0];
      prints = new int[0];
    }
  }

  // ── striking out ──

  /// How many members of the batch are left.
  int left() {
    return leftCount;
  }

  /// Strikes out the members that `other` lacks, or those that it has.
  void keep(long other, Kept kept) {
    if (leftCount == 0) return;
    long value = Entry.valueAddress(m, other);
    switch (Entry.encoding(m, other)) {
      case Entry.INTSET -> keepIntegers(value, kept);
      case Entry.LISTPACK -> keepElements(value, kept);
      default -> {
        if (nested && dictionary.count(value) / MERGING_PAYS <= dictionary.count(this.value)) {
          keepMerged(value, kept);
        } else {
          keepEntries(value, kept);
        }
      }
    }
  }

  private void keepIntegers(long is, Kept kept) {
    if (!integer) needText();
    int n = 0;
    int at = 0;
    for (int i = 0; i < leftCount; i++) {
      int member = left[i];
      boolean there = false;
      if (integer) { // ascending, so each is behind the one before
        int found = Intset.find(m, is, integers[member], at);
        there = found >= 0;
        at = there ? found : -1 - found;
      } else {
        Slice text = text(member);
        if (Listpack.canonical(text.array, text.offset, text.length)) {
          there = Intset.find(m, is, Listpack.parse(text.array, text.offset, text.length)) >= 0;
        }
      }
      if (there == (kept == Kept.PRESENT)) left[n++] = member;
    }
    leftCount = n;
  }

  private void keepElements(long lp, Kept kept) {
    boolean indexed = leftCount >= INDEXING_PAYS;
    if (indexed) index(lp);
    boolean compared = indexed && encoding == Entry.LISTPACK; // as they are, without their text
    if (!compared) needText();
    MemorySegment s = m.segment(value);
    long o = m.offset(value);
    int first = Listpack.first(m, lp);
    int n = 0;
    for (int i = 0; i < leftCount; i++) {
      int member = left[i];
      boolean there;
      if (compared) {
        there = isIndexed(lp, Listpack.fingerprint(s, o + places[member]), places[member]);
      } else if (indexed) {
        there = isIndexed(lp, text(member));
      } else {
        Slice text = text(member);
        there = Listpack.find(m, lp, first, text.array, text.offset, text.length, 0) != 0;
      }
      if (there == (kept == Kept.PRESENT)) left[n++] = member;
    }
    leftCount = n;
  }

  /// Makes the table of a listpack's elements: open addressing, half full.
  private void index(long lp) {
    int size = Math.max(16, Integer.highestOneBit(Math.max(1, Listpack.count(m, lp))) * 4);
    if (positions.length < size) {
      positions = new int[size];
      prints = new int[size];
    } else {
      Arrays.fill(positions, 0, size, 0);
    }
    indexMask = size - 1;
    MemorySegment s = m.segment(lp);
    long o = m.offset(lp);
    for (int at = Listpack.first(m, lp); at != 0; at = Listpack.next(m, lp, at)) {
      int print = Listpack.fingerprint(s, o + at);
      int slot = print & indexMask;
      while (positions[slot] != 0) slot = (slot + 1) & indexMask;
      positions[slot] = at;
      prints[slot] = print;
    }
  }

  private int indexMask;
  private static final int SCRATCH = 128;
  private byte[] element = new byte[SCRATCH]; // scratch

  /// Whether the other listpack has the element at `place` of the one that is read.
  private boolean isIndexed(long lp, int print, int place) {
    for (int slot = print & indexMask; positions[slot] != 0; slot = (slot + 1) & indexMask) {
      if (prints[slot] == print && Listpack.equal(m, lp, positions[slot], value, place))
        return true;
    }
    return false;
  }

  private boolean isIndexed(long lp, Slice text) {
    int print = Listpack.fingerprint(text.array, text.offset, text.length);
    for (int slot = print & indexMask; positions[slot] != 0; slot = (slot + 1) & indexMask) {
      if (prints[slot] == print
          && Listpack.equal(m, lp, positions[slot], text.array, text.offset, text.length)) {
        return true;
      }
    }
    return false;
  }

  private void keepEntries(long header, Kept kept) {
    needHashes();
    needText();
    int n = 0;
    for (int begin = 0; begin < leftCount; begin += SIDE_BY_SIDE) {
      int end = Math.min(leftCount, begin + SIDE_BY_SIDE);
      prefetch.begin();
      for (int i = begin; i < end; i++) prefetch.add(header, hashes[left[i]]);
      prefetch.run();
      for (int i = begin; i < end; i++) {
        int member = left[i];
        boolean there = dictionary.find(header, hashes[member], text(member), place);
        if (there == (kept == Kept.PRESENT)) left[n++] = member;
      }
    }
    leftCount = n;
  }

  // ── merging two dictionaries ──

  private static final long NONE = 0, UNSURE = -1;

  private void keepMerged(long header, Kept kept) {
    theirs.count = 0;
    theirsAt = 0;
    long sum = 0;
    for (int i = 0; i < leftCount; i++) {
      long candidate = candidate(header, left[i]);
      found[i] = candidate;
      if (candidate != NONE && candidate != UNSURE) {
        sum += m.getLong(candidate) + m.getLong(entries[left[i]]);
      }
    }
    read += sum;
    int n = 0;
    for (int i = 0; i < leftCount; i++) {
      int member = left[i];
      boolean there =
          found[i] == UNSURE ? isIn(header, member) : found[i] != NONE && isSame(member, found[i]);
      if (there == (kept == Kept.PRESENT)) left[n++] = member;
    }
    leftCount = n;
  }

  private int theirsAt; // the first word of the other page that may be the next member

  /// The only entry of another dictionary whose hash may be that of a member.
  private long candidate(long header, int member) {
    int bits = known[member];
    if (bits == 0) return UNSURE;
    long first = prefixes[member];
    long last = first | ~HashTree.prefixMask(bits);
    if (theirs.count == 0 || !theirs.holds(first)) {
      dictionary.copyLeaf(header, first, theirs);
      theirsAt = 0;
    }
    if (!theirs.holds(last) || theirs.known == 0) return UNSURE;
    long rest = ~HashTree.prefixMask(theirs.known);
    long candidate = NONE;
    for (int at = theirsAt; at < theirs.count; at++) {
      long word = theirs.words[at];
      if (word == 0) continue;
      long hash = theirs.hash(word);
      if (Long.compareUnsigned(hash | rest, first) < 0) {
        theirsAt = at + 1;
      } else if (Long.compareUnsigned(hash, last) > 0) {
        break;
      } else if (candidate != NONE) {
        return UNSURE;
      } else {
        candidate = Leaf.entry(word);
      }
    }
    return candidate;
  }

  private boolean isSame(int member, long entry) {
    int length = Entry.keyLength(m, entry);
    return length == Entry.keyLength(m, entries[member])
        && m.equal(Entry.keyAddress(m, entries[member]), Entry.keyAddress(m, entry), length);
  }

  private boolean isIn(long header, int member) {
    Slice key = key(member);
    return dictionary.find(header, dictionary.hash(key), key, place);
  }

  // ── texts and hashes ──

  private void needText() {
    if (hasText) return;
    hasText = true;
    if (nested) fetch();
    int used = 0;
    for (int i = 0; i < leftCount; i++) {
      int member = left[i];
      int length = integer ? MOST_DIGITS : length(member);
      if (used + length > TEXT_BYTES) {
        from[member] = ELSEWHERE;
        lengths[member] = length;
        continue;
      }
      if (integer) {
        length = Numbers.format(integers[member], text, used) - used;
      } else {
        copyOut(member, text, used, length);
      }
      from[member] = used;
      lengths[member] = length;
      used += length;
    }
  }

  private static final int ELSEWHERE = -1;
  private static final int MOST_DIGITS = 20; // of 512 integers there is always room

  /// The text of a member that is left, good until the next one is asked for. [#needText] was
  /// called.
  private Slice text(int member) {
    return from[member] == ELSEWHERE
        ? key(member)
        : sought.set(text, from[member], lengths[member]);
  }

  /// The same where it stands in its dictionary or listpack only.
  private Slice key(int member) {
    int length = length(member);
    if (element.length < length) element = new byte[length];
    copyOut(member, element, 0, length);
    return sought.set(element, 0, length);
  }

  private int length(int member) {
    return nested ? Entry.keyLength(m, entries[member]) : Listpack.length(m, value, places[member]);
  }

  private void copyOut(int member, byte[] to, int at, int length) {
    if (nested) {
      m.copyOut(Entry.keyAddress(m, entries[member]), to, at, length);
    } else {
      Listpack.copyOut(m, value, places[member], to, at);
    }
  }

  private void needHashes() {
    if (hasHashes) return;
    hasHashes = true;
    needText();
    for (int i = 0; i < leftCount; i++) {
      int member = left[i];
      if (from[member] == ELSEWHERE) {
        byte[] key = new byte[lengths[member]]; // `element` may be what somebody was given
        copyOut(member, key, 0, key.length);
        hashes[member] = dictionary.hash(key, 0, key.length);
      } else {
        hashes[member] = dictionary.hash(text, from[member], lengths[member]);
      }
    }
  }

  // ── what is left ──

  /// Visits the members that are left, in the order in which they were read.
  void each(Visitor visitor) {
    if (nested) fetch();
    for (int i = 0; i < leftCount; i++) {
      hand = left[i];
      visitor.member(this);
    }
  }

  /// Replies with the member at hand as a bulk string.
  void writeMember(RespWriter out) {
    if (integer) {
      out.bulk(integers[hand]);
    } else if (nested) {
      long entry = entries[hand];
      Bulk.write(m, out, Entry.keyAddress(m, entry), Entry.keyLength(m, entry));
    } else {
      int at = places[hand];
      if (Listpack.isInteger(m, value, at)) {
        out.bulk(Listpack.integer(m, value, at));
      } else {
        Bulk.write(m, out, Listpack.text(m, value, at), Listpack.textLength(m, value, at));
      }
    }
  }

  /// The member at hand as a slice, good until the next one is at hand.
  Slice member() {
    needText();
    return text(hand);
  }

  /// Whether the member at hand came as an integer: then [#integer] is its value.
  boolean isInteger() {
    return integer;
  }

  long integer() {
    return integers[hand];
  }

  /// The hash of the member at hand.
  long hash() {
    needHashes();
    return hashes[hand];
  }
}
