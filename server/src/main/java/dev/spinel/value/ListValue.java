package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;

/// Lists.
///
/// A short list is a listpack in the entry of its key ([Entry#LISTPACK]). When a command would make
/// it exceed list-max-listpack-size it becomes a [Sequence] of nodes ([Entry#QUICKLIST]), and a
/// listpack again when what is left is one node of at most half of that: the moments are those of
/// Redis, as OBJECT ENCODING shows them.
///
/// ```
///   value of a quicklist:  [root cell 16][fill 2][large listpack 1]
/// ```
///
/// *fill* is the limit of its nodes, as list-max-listpack-size was when the list became one. *large
/// listpack*: Redis calls this list a listpack although it is more than we put into one node (above
/// 64 KB; from a push of tens of thousands of empty elements, or one large element under a limit of
/// counts). Nothing else differs.
///
/// `fill` parameters are list-max-listpack-size as it is now; before elements are added a command
/// calls [#grow]; the verbs that remove elements convert by themselves. The caller removes the key
/// once its list is empty.
///
/// **The element at hand.** [#iterate] and [#next] bring elements to hand, without objects. They
/// last until the next verb of this object. Elements may be up to 512 MB: a slice with a node is
/// taken over where it becomes a leaf, else copied.
///
/// One per seat; the slot's lock is held for all verbs.
public final class ListValue implements Structure {

  /// What DEBUG QUICKLIST-PACKED-THRESHOLD changes: elements of so many bytes are plain nodes.
  public static final long PLAIN_BYTES = 1L << 30;

  /// The most bytes of a node that [Assembly#node] takes.
  public static final int NODE_MAX = Quicklist.LEAF_MAX;

  private static final int FILL = Sequence.CELL;

  /// 1 if the list is reported as a listpack, although it is too large for the entry.
  private static final int LARGE_LISTPACK = FILL + 2;

  private static final int VALUE_BYTES = LARGE_LISTPACK + 1;

  private final Memory m;
  private final Allocator allocator;
  private final Dictionary dictionary;
  private final LargeStrings large;
  private final Quicklist list;
  private final Buried buried = new Buried();
  private long plainBytes = PLAIN_BYTES;

  private boolean forward; // of the iteration that is on
  private boolean begun;
  private boolean more;

  private byte[] scratch = new byte[256]; // the bytes of an element that was popped
  private final Slice popped = new Slice(scratch);

  ListValue(Memory m, Allocator allocator, Dictionary dictionary, LargeStrings large) {
    this.allocator = allocator;
    this.m = m;
    this.dictionary = dictionary;
    this.large = large;
    this.list = new Quicklist(m, allocator, large);
  }

  /// Where replaced nodes of the open list go.
  private final class Buried implements Sequence.Orphans {
    long header;

    @Override
    public void orphan(long node) {
      dictionary.bury(header, node);
    }
  }

  /// DEBUG QUICKLIST-PACKED-THRESHOLD: from so many bytes on an element is a plain node.
  public void plainFrom(long bytes) {
    plainBytes = bytes;
  }

  // ── the list ──

  /// Puts an empty list where `p` says there is nothing.
  public void create(Place p, Slice key) {
    long e = dictionary.create(key, Entry.LIST, Entry.LISTPACK, Listpack.EMPTY, -1);
    Listpack.clear(m, Entry.valueAddress(m, e));
    dictionary.insert(p, e);
  }

  public long length(long entry) {
    long value = Entry.valueAddress(m, entry);
    return isListpack(entry) ? Listpack.count(m, value) : Sequence.count(m, value);
  }

  private boolean isListpack(long entry) {
    assert Entry.type(m, entry) == Entry.LIST;
    return Entry.encoding(m, entry) == Entry.LISTPACK;
  }

  @Override
  public String typeName() {
    return "list";
  }

  /// [Entry#LISTPACK] or [Entry#QUICKLIST], as Redis would have it.
  @Override
  public int encoding(long entry) {
    return isListpack(entry) || m.getByte(Entry.valueAddress(m, entry) + LARGE_LISTPACK) != 0
        ? Entry.LISTPACK
        : Entry.QUICKLIST;
  }

  /// How many nodes Redis would say the list has.
  public long nodes(long entry) {
    if (isListpack(entry)) {
      return 1;
    }
    openToRead(entry);
    return list.nodes();
  }

  /// Bytes outside the entry.
  public long memoryUse(long entry) {
    return isListpack(entry) ? 0 : list.memoryUse(Entry.valueAddress(m, entry));
  }

  private void openToRead(long entry) {
    long value = Entry.valueAddress(m, entry);
    if (isListpack(entry)) {
      list.openInline(value);
    } else {
      list.openToRead(value);
    }
  }

  /// Opens a quicklist to be changed; returns its root.
  private long open(Place p) {
    long value = Entry.valueAddress(m, dictionary.writable(p));
    buried.header = p.header;
    list.open(
        value,
        m.getShort(value + FILL),
        plainBytes,
        !dictionary.passed(p.header),
        dictionary.walk.epoch(),
        buried);
    return value;
  }

  // ── encodings ──

  /// Before `count` elements of so many `bytes` in all are added: a listpack that would exceed the
  /// limit becomes a quicklist.
  public void grow(Place p, long bytes, int count, int fill) {
    long entry = dictionary.entry(p);
    long value = Entry.valueAddress(m, entry);
    if (isListpack(entry)) {
      if (Quicklist.exceeds(
          fill, Listpack.bytes(m, value) + bytes, Listpack.count(m, value) + (long) count)) {
        toQuicklist(p, fill);
      }
    } else if (m.getByte(value + LARGE_LISTPACK) != 0) {
      // it is larger than any limit of bytes
      value = open(p);
      m.putByte(value + LARGE_LISTPACK, (byte) 0);
      m.putShort(value + FILL, (short) clampedFill(fill));
    }
  }

  /// How large a listpack may become in the entry, which is one node.
  private int room(long entry) {
    return Math.min(Quicklist.LEAF_MAX, Entry.MAX_KEY - Entry.keyLength(m, entry));
  }

  @Override
  public void contents(long entry, Contents to) {
    iterate(entry);
    while (next()) {
      to.next(element());
    }
  }

  /// A listpack that doesn't fit becomes a sequence.
  @Override
  public void fit(Place p, int keyLength) {
    long entry = dictionary.entry(p);
    if (isListpack(entry) && Entry.valueLength(m, entry) > Entry.room(keyLength)) {
      toLargeListpack(p);
    }
  }

  /// The element at hand.
  private ByteRun element() {
    if (list.isInteger()) {
      byte[] digits = new byte[elementLength()];
      copyOut(digits, 0);
      return ByteRun.of(digits);
    }
    return ByteRun.of(elementLength(), (at, to, from, n) -> copyOut((int) at, to, from, n));
  }

  private static int clampedFill(int fill) {
    return Math.clamp(fill, -5, Short.MAX_VALUE);
  }

  private void toQuicklist(Place p, int fill) {
    toNodes(p, fill, (byte) 0);
  }

  /// Takes the list out of its entry, which has no room for more, but goes on reporting a listpack.
  private void toLargeListpack(Place p) {
    toNodes(p, 0, (byte) 1);
  }

  private void toNodes(Place p, int fill, byte largeListpack) {
    long old = dictionary.entry(p);
    long lp = Entry.valueAddress(m, old);
    long entry = dictionary.renewed(old, Entry.QUICKLIST, VALUE_BYTES);
    long value = Entry.valueAddress(m, entry);
    m.putLong(value, 0);
    m.putLong(value + 8, 0);
    m.putShort(value + FILL, (short) clampedFill(fill));
    m.putByte(value + LARGE_LISTPACK, largeListpack);
    int count = Listpack.count(m, lp);
    if (count > 0) {
      list.open(value, fill, plainBytes, false, dictionary.walk.epoch(), buried);
      try {
        list.appendNode(lp, count);
      } catch (OutOfMemoryError e) {
        dictionary.free(entry);
        throw e;
      }
    }
    dictionary.replace(p, entry);
  }

  /// After elements went: a quicklist of one small node becomes a listpack, if there is memory for
  /// that.
  private void shrink(Place p, int fill) {
    try {
      shrinkNow(p, fill);
    } catch (OutOfMemoryError e) {
      // it stays what it is until something goes again
    }
  }

  private void shrinkNow(Place p, int fill) {
    long entry = dictionary.entry(p);
    if (isListpack(entry) || length(entry) == 0) {
      return;
    }
    long value = Entry.valueAddress(m, entry);
    list.openToRead(value);
    long leaf = list.onlyLeaf();
    boolean largeListpack = m.getByte(value + LARGE_LISTPACK) != 0;
    if (leaf == 0 || Listpack.bytes(m, leaf) > room(entry)) {
      long maxBytes = fill < 0 ? Quicklist.byteLimit(fill) / 2 : Long.MAX_VALUE;
      if (!largeListpack
          && maxBytes > room(entry)
          && list.isOneNode(maxBytes, Quicklist.countLimit(fill) / 2)) {
        value = Entry.valueAddress(m, dictionary.writable(p));
        m.putByte(value + LARGE_LISTPACK, (byte) 1);
      }
      return;
    }
    int bytes = Listpack.bytes(m, leaf);
    if (!largeListpack
        && (fill < 0
            ? bytes > Quicklist.byteLimit(fill) / 2
            : length(entry) > Quicklist.countLimit(fill) / 2)) {
      return;
    }
    long inline = dictionary.renewed(entry, Entry.LISTPACK, bytes);
    m.copy(leaf, Entry.valueAddress(m, inline), bytes);
    dictionary.replace(p, inline);
  }

  // ── adding ──

  /// Puts an element at an end; [#grow] came before.
  public void push(Place p, boolean head, Slice element) {
    long entry = dictionary.entry(p);
    if (isListpack(entry)) {
      long value = Entry.valueAddress(m, entry);
      int need = Listpack.bytes(m, value) + entryBytes(element);
      if (need <= room(entry)) {
        value = Entry.valueAddress(m, dictionary.resize(p, need, need + (need >> 3)));
        put(value, head ? Listpack.HEADER : Listpack.end(m, value), element);
        return;
      }
      toLargeListpack(p);
    }
    long value = open(p);
    if (m.getByte(value + LARGE_LISTPACK) != 0) {
      list.pushToOnlyNode(head, element);
    } else {
      list.push(head, element);
    }
  }

  /// Bytes of an element in a listpack, saturating: too many for one is enough to know.
  private static int entryBytes(Slice v) {
    return v.length >= Quicklist.LEAF_MAX
        ? Quicklist.LEAF_MAX
        : v.node != 0
            ? Listpack.textEntryBytes(v.length)
            : Listpack.entryBytes(v.array, v.offset, v.length);
  }

  private void put(long lp, int at, Slice v) {
    if (v.node == 0) {
      Listpack.insert(m, lp, at, v.array, v.offset, v.length);
    } else {
      large.copyTo(v, Listpack.insertText(m, lp, at, v.length));
    }
  }

  /// Puts an element before or after the first one that is `pivot`; false if there is none. [#grow]
  /// came before.
  public boolean insert(Place p, boolean after, Slice pivot, Slice element) {
    long entry = dictionary.entry(p);
    if (!isListpack(entry)) {
      long value = open(p);
      list.sought(pivot);
      if (!list.seek(0) || !list.find()) {
        return false;
      }
      if (m.getByte(value + LARGE_LISTPACK) != 0) {
        list.insertInNode(after, element);
      } else {
        list.insert(after, element);
      }
      return true;
    }
    long lp = Entry.valueAddress(m, entry);
    list.openInline(lp);
    list.sought(pivot);
    if (!list.seek(0) || !list.find()) {
      return false;
    }
    int at = list.position();
    int need = Listpack.bytes(m, lp) + entryBytes(element);
    if (need > room(entry)) {
      toLargeListpack(p);
      return insert(p, after, pivot, element);
    }
    lp = Entry.valueAddress(m, dictionary.resize(p, need, need + (need >> 3)));
    put(lp, after ? Listpack.after(m, lp, at) : at, element);
    return true;
  }

  /// Puts an element in the place of the one at `index` (from the end if negative); false if there
  /// is none. [#grow] came before.
  public boolean set(Place p, long index, Slice element, int fill) {
    long entry = dictionary.entry(p);
    if (!isListpack(entry)) {
      open(p);
      if (!list.seek(index)) {
        return false;
      }
      list.replace(element);
      shrink(p, fill);
      return true;
    }
    long lp = Entry.valueAddress(m, entry);
    list.openInline(lp);
    if (!list.seek(index)) {
      return false;
    }
    int at = list.position();
    int bytes = Listpack.bytes(m, lp);
    int need = bytes - Listpack.entryBytes(m, lp, at) + entryBytes(element);
    if (need > room(entry)) {
      toLargeListpack(p);
      return set(p, index, element, fill);
    }
    lp = Entry.valueAddress(m, need > bytes ? dictionary.resize(p, need) : dictionary.writable(p));
    if (element.node == 0) {
      Listpack.replace(m, lp, at, element.array, element.offset, element.length);
    } else {
      large.copyTo(element, Listpack.replaceText(m, lp, at, element.length));
    }
    if (need < bytes) {
      dictionary.resize(p, need);
    }
    return true;
  }

  // ── removing ──

  /// Removes the element at an end and writes it as a bulk string.
  public void pop(Place p, boolean head, RespWriter out, int fill) {
    if (isListpack(dictionary.entry(p))) {
      long lp = Entry.valueAddress(m, p.entry);
      list.openInline(lp);
      list.seek(head ? 0 : -1);
      list.writeTo(out);
      deleteInline(p, list.position());
    } else {
      open(p);
      list.seek(head ? 0 : -1);
      list.writeTo(out);
      list.delete(head);
      shrink(p, fill);
    }
  }

  /// Moves the element at an end of the list at `from` to an end of the one at `to`, which may be
  /// the same place, or still empty. Without memory for that nothing happens.
  ///
  /// So it is put there first, and taken away when nothing can go wrong any more: a large one by
  /// its cell alone, which both have for a moment. All that is different from taking it away first
  /// is which elements share a node where the two ends of one list meet ([#turn]).
  public void move(Place from, boolean fromHead, Place to, boolean toHead, int fill) {
    long cell = atHand(from, fromHead);
    try {
      if (from != to) {
        grow(to, popped.length, 1, fill);
      }
      if (from != to || !turn(from, fromHead, toHead, fill)) {
        push(to, toHead, popped);
        int index = from == to && fromHead == toHead ? 1 : 0;
        delete(from, index, fromHead, cell != 0 && popped.node == 0);
      }
    } finally {
      if (popped.node != 0 && popped.node != cell) {
        large.abandon(popped.node); // a copy that wasn't taken
      }
      popped.node = 0;
    }
    shrink(from, fill);
  }

  /// Makes [#popped] the element at an end, and the list such that it can be deleted without
  /// memory. Returns the element's cell, if it need not be copied, else 0.
  private long atHand(Place p, boolean head) {
    if (isListpack(dictionary.entry(p))) {
      list.openInline(Entry.valueAddress(m, dictionary.writable(p)));
      list.seek(head ? 0 : -1);
      copyHere(popped);
      return 0;
    }
    open(p);
    list.seek(head ? 0 : -1);
    list.prepareDelete();
    if (!list.isLarge()) {
      copyHere(popped);
      return 0;
    }
    long cell = list.isFree() ? list.cell() : 0;
    popped.offset = 0;
    popped.length = list.length();
    popped.node = cell != 0 ? cell : large.cell(list.cell());
    return cell;
  }

  /// Deletes the element that is `index` away from an end; `leave` leaves its cell alone.
  private void delete(Place p, int index, boolean head, boolean leave) {
    if (isListpack(dictionary.entry(p))) {
      list.openInline(Entry.valueAddress(m, p.entry));
      list.seek(head ? index : -1 - index);
      deleteInline(p, list.position());
      return;
    }
    open(p);
    list.seek(head ? index : -1 - index);
    if (leave) {
      list.takeLarge();
    } else {
      list.delete(head);
    }
  }

  /// [#popped] goes from one end of a list to an end of the same. Where that stays within a node,
  /// as it would be without the element, it is done here; else it must be put there and then
  /// deleted.
  private boolean turn(Place p, boolean fromHead, boolean toHead, int fill) {
    long entry = dictionary.entry(p);
    if (isListpack(entry)) {
      long lp = Entry.valueAddress(m, entry);
      int bytes = Listpack.bytes(m, lp);
      list.openInline(lp);
      list.seek(fromHead ? 0 : -1);
      int without = bytes - Listpack.entryBytes(m, lp, list.position());
      if (!Quicklist.exceeds(fill, without + (long) popped.length, Listpack.count(m, lp))) {
        Listpack.delete(m, lp, list.position());
        put(lp, toHead ? Listpack.HEADER : Listpack.end(m, lp), popped);
        return true;
      }
      toQuicklist(p, fill);
    } else {
      grow(p, popped.length, 1, fill);
    }
    open(p);
    list.seek(fromHead ? 0 : -1);
    if (list.count() == 1) {
      return true;
    }
    if ((list.isOneLeaf() || fromHead == toHead && !list.isAlone())
        && list.takesBack(popped.length)) {
      list.turn(toHead, popped);
      return true;
    }
    if (fromHead == toHead && list.isAlone()) {
      list.join(toHead, popped);
      return true;
    }
    return false;
  }

  private void copyHere(Slice into) {
    int n = list.length();
    if (scratch.length < n) {
      scratch = new byte[n + (n >> 1)];
    }
    list.copyOut(scratch, 0);
    into.set(scratch, 0, n);
  }

  private void deleteInline(Place p, int at) {
    long lp = Entry.valueAddress(m, dictionary.writable(p));
    Listpack.delete(m, lp, at);
    dictionary.resize(p, Listpack.bytes(m, lp));
  }

  /// Removes up to `most` elements that are `element`, all if 0, from the head or from the tail;
  /// returns how many.
  public long remove(Place p, boolean fromHead, long most, Slice element, int fill) {
    long entry = dictionary.entry(p);
    boolean inline = isListpack(entry);
    openToRead(entry);
    list.sought(element);
    if (!list.seek(fromHead ? 0 : -1) || !findFrom(fromHead)) {
      return 0; // nothing changes, nothing is copied
    }
    long removed = 0;
    if (inline) {
      int at = list.position();
      long lp = Entry.valueAddress(m, dictionary.writable(p));
      list.openInline(lp);
      list.at(at);
      boolean found;
      do {
        found = list.deleteInline(fromHead) && findFrom(fromHead);
        removed++;
      } while (found && removed != most);
      dictionary.resize(p, Listpack.bytes(m, lp));
      return removed;
    }
    long index = list.index();
    open(p);
    list.seek(index);
    if (list.copies()) {
      prepareRemove(fromHead, most);
      list.seek(index);
    }
    boolean found;
    do {
      found = list.delete(fromHead) && findFrom(fromHead);
      removed++;
    } while (found && removed != most);
    shrink(p, fill);
    return removed;
  }

  /// Takes what the removal of the sought element needs of memory, from the first one on, which is
  /// here: so all go, or none.
  private void prepareRemove(boolean fromHead, long most) {
    long prepared = 0;
    do {
      list.prepareDelete();
      prepared++;
    } while (prepared != most && (fromHead ? list.next() : list.previous()) && findFrom(fromHead));
  }

  private boolean findFrom(boolean fromHead) {
    if (fromHead) {
      return list.find();
    }
    do {
      if (list.matches()) {
        return true;
      }
    } while (list.previous());
    return false;
  }

  /// Removes `n` elements from index `start` on, which exist.
  public void remove(Place p, long start, long n, int fill) {
    if (n == 0) {
      return;
    }
    if (!isListpack(dictionary.entry(p))) {
      open(p);
      list.delete(start, n);
      shrink(p, fill);
      return;
    }
    long lp = Entry.valueAddress(m, dictionary.writable(p));
    int count = Listpack.count(m, lp);
    int from = Listpack.seek(m, lp, (int) start);
    int to = start + n == count ? Listpack.end(m, lp) : Listpack.seek(m, lp, (int) (start + n));
    Listpack.delete(m, lp, from, to, (int) n);
    dictionary.resize(p, Listpack.bytes(m, lp));
  }

  /// Keeps the elements from index `first` to `last`, which exist; nothing if `first` is beyond
  /// `last`.
  public void trim(Place p, long first, long last, int fill) {
    long length = length(dictionary.entry(p));
    if (first > last) {
      remove(p, 0, length, fill);
      return;
    }
    boolean inline = isListpack(p.entry);
    // both cuts before the list may become a listpack: only then does Redis look at what is left
    if (!inline && (first > 0 || last < length - 1)) {
      open(p);
      list.prepareDelete(0, first);
      list.delete(last + 1, length - 1 - last);
      list.delete(0, first);
    } else {
      remove(p, last + 1, length - 1 - last, fill);
      remove(p, 0, first, fill);
    }
    shrink(p, fill);
  }

  // ── reading ──

  /// Writes the element at `index` (from the end if negative) as a bulk string; false, and nothing
  /// written, if there is none.
  public boolean get(long entry, long index, RespWriter out) {
    openToRead(entry);
    if (!list.seek(index)) {
      return false;
    }
    list.writeTo(out);
    return true;
  }

  /// Writes the `n` elements from index `start` on, which exist, as bulk strings: the header of
  /// their array is the caller's.
  public void range(long entry, long start, long n, RespWriter out) {
    if (n == 0) {
      return;
    }
    openToRead(entry);
    list.seek(start);
    list.writeRange(n, out);
  }

  /// The same in reverse: from index `start` down.
  public void reverseRange(long entry, long start, long n, RespWriter out) {
    if (n == 0) {
      return;
    }
    openToRead(entry);
    list.seek(start);
    list.writeTo(out);
    for (long i = 1; i < n; i++) {
      list.previous();
      list.writeTo(out);
    }
  }

  /// Begins to go through the list from its head: [#next] brings the first element to hand. The
  /// list must not be changed meanwhile.
  public void iterate(long entry) {
    iterate(entry, 0);
  }

  /// The same from the element at `index` on.
  void iterate(long entry, long index) {
    begin(entry, index);
    forward = true;
  }

  /// The same from its tail.
  public void iterateBackwards(long entry) {
    iterateBackwards(entry, -1);
  }

  /// The same from the element at `index` on, which counts from the tail if it is negative.
  void iterateBackwards(long entry, long index) {
    begin(entry, index);
    forward = false;
  }

  private void begin(long entry, long index) {
    openToRead(entry);
    begun = false;
    more = list.seek(index);
  }

  /// Brings the next element to hand; false if there is none.
  public boolean next() {
    if (!begun) {
      begun = true;
    } else if (more) {
      more = forward ? list.next() : list.previous();
    }
    return more;
  }

  /// From now on [#matches] compares the element at hand with these bytes.
  public void sought(Slice element) {
    list.sought(element);
  }

  public boolean matches() {
    return list.matches();
  }

  /// How many bytes the element at hand has.
  public int elementLength() {
    return list.length();
  }

  /// Copies the element at hand to `to[at…]`.
  public void copyOut(byte[] to, int at) {
    list.copyOut(to, at);
  }

  /// Copies `n` bytes of the element at hand, which is no integer, from its byte `from` on.
  public void copyOut(int from, byte[] to, int at, int n) {
    list.copyOut(from, to, at, n);
  }

  /// Points `into` at a copy of the element at hand, which lasts until the next such call.
  public void element(Slice into) {
    copyHere(into);
  }

  /// Writes the element at hand as a bulk string.
  public void writeTo(RespWriter out) {
    list.writeTo(out);
  }

  /// Checks, for tests.
  void check(long entry) {
    if (!isListpack(entry)) {
      list.check(Entry.valueAddress(m, entry));
    } else {
      long lp = Entry.valueAddress(m, entry);
      if (Listpack.bytes(m, lp) != Entry.valueLength(m, entry)) {
        throw new AssertionError("value of " + Entry.valueLength(m, entry));
      }
    }
  }

  // ── drafts ──

  /// An empty list that is nowhere yet, for the key `key`.
  ///
  /// @param fill as in [#grow]
  public NewList draft(Slice key, int fill) {
    return new NewList(key, fill);
  }

  /// A list in the making: first all its elements are pushed, then it is stored. Without memory for
  /// one of them nothing has happened to any key.
  public final class NewList implements AutoCloseable {
    private final int fill;
    private final Slice key;
    private final long header; // a table for this list alone
    private final Place place = new Place();

    private NewList(Slice key, int fill) {
      this.key = key;
      this.fill = fill;
      header = allocator.allocate(Dictionary.HEADER_BYTES);
      dictionary.init(header);
      dictionary.find(header, dictionary.hash(key), key, place);
      try {
        create(place, key);
      } catch (OutOfMemoryError e) {
        close();
        throw e;
      }
    }

    /// Adds an element at the tail.
    public void push(Slice element) {
      long entry = dictionary.entry(place);
      if (isListpack(entry)) {
        long value = Entry.valueAddress(m, entry);
        long bytes = Listpack.bytes(m, value) + (long) entryBytes(element);
        if (Quicklist.exceeds(fill, bytes, Listpack.count(m, value) + 1)) {
          toQuicklist(place, fill);
        }
      }
      ListValue.this.push(place, false, element);
    }

    /// Puts the list, which isn't empty, where `to` says, in the place of what is there. The last
    /// that is asked of it.
    public void store(Place to) {
      dictionary.move(place, to, key, -1);
    }

    /// Frees what wasn't stored.
    @Override
    public void close() {
      dictionary.clear(header);
      allocator.free(header);
    }
  }

  // ── lists from outside ──

  /// An empty list, in no dictionary, that is made of nodes.
  ///
  /// @param fill as in [#grow]
  /// @param expiry milliseconds since 1970, or -1
  public Assembly assembly(Slice key, int fill, long expiry) {
    return new Assembly(key, fill, expiry);
  }

  /// A list in the making, node by node, as RDB files have them.
  public final class Assembly implements AutoCloseable {
    private final int fill;
    private long entry; // 0: taken
    private boolean nodeIsNew;

    private Assembly(Slice key, int fill, long expiry) {
      this.fill = fill;
      entry = dictionary.create(key, Entry.LIST, Entry.QUICKLIST, VALUE_BYTES, expiry);
      long value = Entry.valueAddress(m, entry);
      m.putLong(value, 0);
      m.putLong(value + 8, 0);
      m.putShort(value + FILL, (short) clampedFill(fill));
      m.putByte(value + LARGE_LISTPACK, (byte) 0);
    }

    public long length() {
      return Sequence.count(m, Entry.valueAddress(m, entry));
    }

    private Quicklist opened() {
      list.open(
          Entry.valueAddress(m, entry), fill, plainBytes, false, dictionary.walk.epoch(), buried);
      return list;
    }

    /// Appends a valid listpack of `count` elements as a node; at most [#NODE_MAX] bytes.
    public void node(byte[] listpack, int from, int bytes, int count) {
      opened().appendNode(listpack, from, bytes, count);
    }

    /// Appends an element as a node that is nothing else.
    public void plain(Slice element) {
      opened().appendPlainNode(element);
    }

    /// The next [#element] begins a node.
    public void newNode() {
      nodeIsNew = true;
    }

    /// Appends an element to the node that was begun, whatever its size.
    public void element(Slice element) {
      if (nodeIsNew) {
        opened().appendToNewNode(element);
        nodeIsNew = false;
      } else {
        opened().appendToLastNode(element);
      }
    }

    /// Appends an element where the limits say.
    public void push(Slice element) {
      opened().push(false, element);
    }

    /// Takes the list, which isn't empty: the caller puts the entry into a dictionary, or frees it.
    ///
    /// @param convert whether a list of one node within the limits becomes a listpack
    public long take(boolean convert) {
      long taken = convert ? converted() : entry;
      entry = 0;
      return taken;
    }

    private long converted() {
      long value = Entry.valueAddress(m, entry);
      list.openToRead(value);
      long maxBytes = fill < 0 ? Quicklist.byteLimit(fill) : Long.MAX_VALUE;
      if (!list.isOneNode(maxBytes, Quicklist.countLimit(fill))) {
        return entry;
      }
      list.openToRead(value);
      long leaf = list.onlyLeaf();
      if (leaf == 0 || Listpack.bytes(m, leaf) > room(entry)) {
        m.putByte(value + LARGE_LISTPACK, (byte) 1);
        return entry;
      }
      int bytes = Listpack.bytes(m, leaf);
      long inline = dictionary.renewed(entry, Entry.LISTPACK, bytes);
      m.copy(leaf, Entry.valueAddress(m, inline), bytes);
      dictionary.free(entry);
      return inline;
    }

    /// Frees what wasn't taken.
    @Override
    public void close() {
      if (entry != 0) {
        dictionary.free(entry);
      }
    }
  }
}
