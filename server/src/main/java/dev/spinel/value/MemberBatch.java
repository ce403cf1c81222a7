package dev.spinel.value;

import dev.spinel.memory.Memory;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
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
/// A single look-up waits for memory several times, one load after the other. In a batch the loads
/// of many look-ups are under way side by side ([Prefetch]), a member is hashed once for all
/// dictionaries in which it is looked up, and a listpack is hashed once for all members that are
/// looked up in it. Members come out of a dictionary in the order of the hash that all dictionaries
/// share, so look-ups in another one walk its pages from the first to the last.
///
/// Integers out of an intset stay integers until their text is needed.
///
/// Everything is in arrays that are used again; a member of more than [#TEXT_BYTES] is a batch of
/// its own. One per seat; the locks of all sets' slots are held. No set may change while it is
/// read, but others may.
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

  private static final int MOST = 512; // members of a batch, unless a dictionary gives more at once
  private static final int FIRST = 64; // of the first one: perhaps no more are needed
  private static final int TEXT_BYTES = 32 << 10;
  private static final int SIDE_BY_SIDE = 32;

  /// Fewer members are sought in a listpack one by one.
  private static final int INDEXING_PAYS = 8;

  private static final int KEPT_WORDS = 1 << 12; // of an array, from command to command

  private final Memory m;
  private final Dictionary dictionary;
  private final Prefetch prefetch;
  private final Place place = new Place();
  private final Slice sought = new Slice();
  private final Dictionary.Visitor collect = this::collect;

  // The set that is being read.
  private int encoding;
  private long value; // address of the intset, listpack or header
  private long cursor; // an index, a position, or the cursor of a scan
  private boolean exhausted;
  private int portion;

  // What was read of a dictionary and isn't in a batch yet.
  private long[] entries = {};
  private int entryCount;
  private int entryAt;

  // The batch.
  private int count;
  private long[] integers = {}; // if they came out of an intset
  private boolean integer;
  private byte[] text = {};
  private int[] from = {};
  private int[] lengths = {};
  private boolean hasText;
  private long[] hashes = {};
  private boolean hasHashes;
  private int[] left = {}; // which of them haven't been struck out
  private int leftCount;
  private int hand; // the member at hand

  // The members of a listpack by their hashes.
  private int[] positions = {};
  private int[] prints = {}; // 32 bits of the hash

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
    portion = FIRST;
    entryCount = 0;
    entryAt = 0;
    if (left.length == 0) {
      resize(MOST);
      text = new byte[TEXT_BYTES];
    }
  }

  private void resize(int members) {
    integers = new long[members];
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
    hasText = true;
    int used = 0;
    while (!exhausted && count < portion) {
      int at = (int) cursor;
      int length = Listpack.length(m, value, at);
      if (!hasRoom(used, length)) return;
      from[count] = used;
      lengths[count++] = Listpack.copyOut(m, value, at, text, used);
      used += length;
      cursor = Listpack.next(m, value, at);
      exhausted = cursor == 0;
    }
  }

  private void nextEntries() {
    hasText = true;
    if (entryAt == entryCount && !exhausted) scan();
    int used = 0;
    while (entryAt < entryCount && count < MOST) {
      long entry = entries[entryAt];
      int length = Entry.keyLength(m, entry);
      if (!hasRoom(used, length)) return;
      from[count] = used;
      lengths[count++] = length;
      m.copyOut(Entry.keyAddress(m, entry), text, used, length);
      used += length;
      entryAt++;
    }
  }

  private void scan() {
    entryCount = 0;
    entryAt = 0;
    cursor = dictionary.scan(value, cursor, portion, collect);
    exhausted = cursor == 0;
    long sum = 0;
    for (int i = 0; i < entryCount; i++) sum += m.getLong(entries[i]); // all at once
    read += sum;
  }

  private void collect(long entry) {
    if (entryCount == entries.length) {
      entries = Arrays.copyOf(entries, Math.max(MOST, 2 * entryCount));
    }
    entries[entryCount++] = entry;
  }

  /// Whether `length` bytes more of text belong to this batch; if so there is room for them.
  private boolean hasRoom(int used, int length) {
    if (used + length <= TEXT_BYTES) return true;
    if (count > 0) return false;
    if (text.length < length) text = new byte[length];
    return true;
  }

  /// The set is read, or nobody wants the rest of it: lets go of arrays that have become large.
  void close() {
    if (text.length > TEXT_BYTES) text = new byte[TEXT_BYTES];
    if (entries.length > KEPT_WORDS) entries = new long[MOST];
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
      default -> keepEntries(value, kept);
    }
  }

  private void keepIntegers(long is, Kept kept) {
    int n = 0;
    int at = 0;
    for (int i = 0; i < leftCount; i++) {
      int member = left[i];
      boolean there = false;
      if (integer) { // ascending, so each is behind the one before
        int found = Intset.find(m, is, integers[member], at);
        there = found >= 0;
        at = there ? found : -1 - found;
      } else if (Listpack.canonical(text, from[member], lengths[member])) {
        there = Intset.find(m, is, Listpack.parse(text, from[member], lengths[member])) >= 0;
      }
      if (there == (kept == Kept.PRESENT)) left[n++] = member;
    }
    leftCount = n;
  }

  private void keepElements(long lp, Kept kept) {
    needText();
    boolean indexed = leftCount >= INDEXING_PAYS;
    if (indexed) {
      needHashes();
      index(lp);
    }
    int first = Listpack.first(m, lp);
    int n = 0;
    for (int i = 0; i < leftCount; i++) {
      int member = left[i];
      boolean there =
          indexed
              ? isIndexed(lp, member)
              : Listpack.find(m, lp, first, text, from[member], lengths[member], 0) != 0;
      if (there == (kept == Kept.PRESENT)) left[n++] = member;
    }
    leftCount = n;
  }

  /// Hashes the elements of a listpack: open addressing, half full.
  private void index(long lp) {
    int size = Math.max(16, Integer.highestOneBit(Math.max(1, Listpack.count(m, lp))) * 4);
    if (positions.length < size) {
      positions = new int[size];
      prints = new int[size];
    } else {
      Arrays.fill(positions, 0, size, 0);
    }
    indexMask = size - 1;
    for (int at = Listpack.first(m, lp); at != 0; at = Listpack.next(m, lp, at)) {
      int length = Listpack.length(m, lp, at);
      if (element.length < length) element = new byte[length];
      Listpack.copyOut(m, lp, at, element, 0);
      int print = (int) (dictionary.hash(element, 0, length) >>> 32);
      int slot = print & indexMask;
      while (positions[slot] != 0) slot = (slot + 1) & indexMask;
      positions[slot] = at;
      prints[slot] = print;
    }
  }

  private int indexMask;
  private byte[] element = new byte[128]; // scratch

  private boolean isIndexed(long lp, int member) {
    int print = (int) (hashes[member] >>> 32);
    for (int slot = print & indexMask; positions[slot] != 0; slot = (slot + 1) & indexMask) {
      if (prints[slot] == print
          && Listpack.equal(m, lp, positions[slot], text, from[member], lengths[member])) {
        return true;
      }
    }
    return false;
  }

  private void keepEntries(long header, Kept kept) {
    needText();
    needHashes();
    int n = 0;
    for (int begin = 0; begin < leftCount; begin += SIDE_BY_SIDE) {
      int end = Math.min(leftCount, begin + SIDE_BY_SIDE);
      prefetch.begin();
      for (int i = begin; i < end; i++) prefetch.add(header, hashes[left[i]]);
      prefetch.run();
      for (int i = begin; i < end; i++) {
        int member = left[i];
        sought.set(text, from[member], lengths[member]);
        boolean there = dictionary.find(header, hashes[member], sought, place);
        if (there == (kept == Kept.PRESENT)) left[n++] = member;
      }
    }
    leftCount = n;
  }

  private void needText() {
    if (hasText) return;
    hasText = true;
    int used = 0;
    for (int i = 0; i < count; i++) {
      from[i] = used;
      used = Numbers.format(integers[i], text, used);
      lengths[i] = used - from[i];
    }
  }

  private void needHashes() {
    if (hasHashes) return;
    hasHashes = true;
    for (int i = 0; i < count; i++) hashes[i] = dictionary.hash(text, from[i], lengths[i]);
  }

  // ── what is left ──

  /// Visits the members that are left, in the order in which they were read.
  void each(Visitor visitor) {
    for (int i = 0; i < leftCount; i++) {
      hand = left[i];
      visitor.member(this);
    }
  }

  /// Replies with the member at hand as a bulk string.
  void writeMember(RespWriter out) {
    if (integer) {
      out.bulk(integers[hand]);
    } else {
      out.bulk(text, from[hand], lengths[hand]);
    }
  }

  /// The member at hand as a slice, good until the next one is at hand.
  Slice member() {
    needText();
    return sought.set(text, from[hand], lengths[hand]);
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
    needText();
    needHashes();
    return hashes[hand];
  }
}
