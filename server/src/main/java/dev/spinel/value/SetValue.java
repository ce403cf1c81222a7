package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.Random;

/// Sets, in three shapes, whose names are those that OBJECT ENCODING tells:
///
/// ```
///   INTSET     an [Intset] in the entry of the key       only integers, in ascending order
///   LISTPACK   a [Listpack] in the entry of the key      few and short members, in the order of insertion
///   NESTED     a dictionary, nested in the entry         all others; its entries are the members ([Entry])
/// ```
///
/// [Thresholds] say when a set takes another shape, as Redis has them; the moments are Redis's.
/// Beside that a set becomes a dictionary before it would outgrow the node of its entry. It never
/// goes back.
///
/// **The member at hand.** [#find], [#random] and the visits leave a member *at hand*: what
/// [#memberLength], [#writeMember], [#copyMember] and so on speak of, until the next verb of this
/// object or the next change of the set. So nothing is copied that nobody wants, and there is no
/// object per member.
///
/// One per seat; the slot's lock is held for all verbs. No verb changes what is in a set if it
/// finds no memory. The caller removes the key once its set is empty.
public final class SetValue implements Structure {

  /// Takes one member after the other; it is the member at hand. May not change the set.
  @FunctionalInterface
  public interface Visitor {
    void member(SetValue set);
  }

  /// Where the shapes end.
  ///
  /// @param intset how many members an intset may have
  /// @param listpack how many a listpack
  /// @param value how many bytes a member of a listpack
  public record Thresholds(int intset, int listpack, int value) {}

  /// What is larger becomes a dictionary whatever the thresholds say, for an entry is one node.
  private static final int MAX_SMALL = Allocator.MAX_RUN / 4;

  private final Memory m;
  private final Dictionary dictionary;
  private final LargeStrings large;
  private final Place inner = new Place();

  // The member at hand: an index in an intset, a position in a listpack, or an entry.
  private int shape; // an encoding
  private long small; // address of the intset or listpack
  private int at;
  private long member;

  private byte[] bytes = new byte[128]; // scratch of conversions: a member
  private byte[] picked = new byte[128]; // scratch of picks: a member
  private final byte[] digits = new byte[Numbers.LONG_CHARS]; // scratch: an integer to be added
  private final Slice pickedText = new Slice();
  private final Slice digitsText = new Slice();
  private final Slice sought = new Slice(); // in a dictionary
  private Visitor visitor = set -> {}; // of the visit that is on
  private final Dictionary.Visitor entries = this::visitEntry;

  SetValue(Dictionary dictionary, LargeStrings large) {
    this.dictionary = dictionary;
    this.large = large;
    this.m = dictionary.memory;
  }

  // ── one set ──

  /// Puts an empty set where `p` says there is nothing, of the shape that suits `count` members of
  /// which `first` is one.
  public void create(Place p, Slice key, Slice first, long count, Thresholds limits) {
    boolean integer = isInteger(first);
    int encoding =
        integer && count <= limits.intset
            ? Entry.INTSET
            : count <= limits.listpack ? Entry.LISTPACK : Entry.NESTED;
    create(p, key, encoding);
  }

  /// The same of a given shape.
  void create(Place p, Slice key, int encoding) {
    int length =
        switch (encoding) {
          case Entry.INTSET -> Intset.EMPTY;
          case Entry.LISTPACK -> Listpack.EMPTY;
          default -> Dictionary.HEADER_BYTES;
        };
    long e = dictionary.create(key, Entry.SET, encoding, length, -1);
    initialise(e);
    dictionary.insert(p, e);
  }

  private void initialise(long entry) {
    long value = Entry.valueAddress(m, entry);
    switch (Entry.encoding(m, entry)) {
      case Entry.INTSET -> Intset.clear(m, value);
      case Entry.LISTPACK -> Listpack.clear(m, value);
      default -> dictionary.init(value);
    }
  }

  /// So many members are going to be added at once: beyond a threshold the set takes the shape for
  /// them now, whether or not they are new.
  public void expect(Place p, long count, Thresholds limits) {
    int encoding = Entry.encoding(m, dictionary.entry(p));
    if (encoding == Entry.INTSET && count > limits.intset
        || encoding == Entry.LISTPACK && count > limits.listpack) {
      toDictionary(p);
    }
  }

  /// How many members.
  public long length(long entry) {
    assert Entry.type(m, entry) == Entry.SET;
    long value = Entry.valueAddress(m, entry);
    return switch (Entry.encoding(m, entry)) {
      case Entry.INTSET -> Intset.count(m, value);
      case Entry.LISTPACK -> Listpack.count(m, value);
      default -> dictionary.count(value);
    };
  }

  /// Whether this is a listpack whose first member isn't an integer. (The others aren't looked at.)
  boolean beginsWithText(long entry) {
    if (Entry.encoding(m, entry) != Entry.LISTPACK) return false;
    long lp = Entry.valueAddress(m, entry);
    int first = Listpack.first(m, lp);
    return first != 0 && !Listpack.isInteger(m, lp, first);
  }

  static boolean isInteger(Slice member) {
    return member.node == 0 && Listpack.canonical(member.array, member.offset, member.length);
  }

  /// Brings a member to hand; false if the set has no such member.
  public boolean find(long entry, Slice member) {
    if (member.node != 0) member = large.materialized(member);
    long value = Entry.valueAddress(m, entry);
    shape = Entry.encoding(m, entry);
    switch (shape) {
      case Entry.INTSET -> {
        small = value;
        at = isInteger(member) ? Intset.find(m, value, integer(member)) : -1;
        return at >= 0;
      }
      case Entry.LISTPACK -> {
        small = value;
        at =
            Listpack.find(
                m, value, Listpack.first(m, value), member.array, member.offset, member.length, 0);
        return at != 0;
      }
      default -> {
        boolean there = dictionary.find(value, dictionary.hash(member), member, inner);
        this.member = inner.entry;
        return there;
      }
    }
  }

  private static long integer(Slice member) {
    return Listpack.parse(member.array, member.offset, member.length);
  }

  // ── adding ──

  /// Adds a member; false if it is there already.
  public boolean add(Place p, Slice member, Thresholds limits) {
    if (member.node != 0) member = large.materialized(member);
    int encoding = Entry.encoding(m, dictionary.entry(p));
    if (encoding == Entry.INTSET && isInteger(member)) return add(p, integer(member), limits);
    if (encoding == Entry.LISTPACK && find(p.entry, member)) return false;
    return addText(p, member, limits);
  }

  /// Adds a member that an intset can't have, or a listpack hasn't.
  private boolean addText(Place p, Slice member, Thresholds limits) {
    int encoding = Entry.encoding(m, dictionary.entry(p));
    if (encoding == Entry.INTSET) {
      if (suits(p.entry, member, limits)) {
        toListpack(p, Listpack.entryBytes(member.array, member.offset, member.length));
        return append(p, member);
      }
      toDictionary(p);
    } else if (encoding == Entry.LISTPACK) {
      long lp = Entry.valueAddress(m, p.entry);
      int more = Listpack.entryBytes(member.array, member.offset, member.length);
      if (Listpack.count(m, lp) < limits.listpack
          && member.length <= limits.value
          && Listpack.bytes(m, lp) + more <= room(p.entry)) {
        return append(p, member);
      }
      toDictionary(p);
    }
    return addToDictionary(p, member.array, member.offset, member.length);
  }

  /// Adds the member at hand of a batch, which is known not to be there but perhaps in a
  /// dictionary; false if it is.
  boolean add(Place p, MemberBatch batch, Thresholds limits) {
    int encoding = Entry.encoding(m, dictionary.entry(p));
    if (encoding == Entry.NESTED) {
      Slice member = batch.member();
      long header = Entry.valueAddress(m, p.entry);
      return addToDictionary(header, member.array, member.offset, member.length, batch.hash());
    }
    if (encoding == Entry.INTSET && batch.isInteger()) return add(p, batch.integer(), limits);
    Slice member = batch.member();
    if (encoding == Entry.INTSET && isInteger(member)) return add(p, integer(member), limits);
    return addText(p, member, limits);
  }

  /// Adds an integer; false if it is there already.
  public boolean add(Place p, long value, Thresholds limits) {
    long entry = dictionary.entry(p);
    if (Entry.encoding(m, entry) != Entry.INTSET) {
      int n = Numbers.format(value, digits, 0);
      return add(p, digitsText.set(digits, 0, n), limits);
    }
    long is = Entry.valueAddress(m, entry);
    int index = Intset.find(m, is, value);
    if (index >= 0) return false;
    int bytes = Intset.bytesWith(m, is, value);
    if (Intset.count(m, is) >= limits.intset || bytes > room(entry)) {
      toDictionary(p);
      return addToDictionary(p, digits, 0, Numbers.format(value, digits, 0));
    }
    is = Entry.valueAddress(m, dictionary.resize(p, bytes));
    Intset.insert(m, is, -1 - index, value);
    return true;
  }

  /// Whether an intset with this text can be a listpack.
  private boolean suits(long entry, Slice member, Thresholds limits) {
    long is = Entry.valueAddress(m, entry);
    int count = Intset.count(m, is);
    return count < limits.listpack
        && member.length <= limits.value
        && longest(is, count) <= limits.value
        && listpackBytes(is) + Listpack.textEntryBytes(member.length) <= room(entry);
  }

  /// How many characters the longest integer has.
  private int longest(long is, int count) {
    if (count == 0) return 0;
    return Math.max(
        Listpack.digits(Intset.get(m, is, 0)), Listpack.digits(Intset.get(m, is, count - 1)));
  }

  private int listpackBytes(long is) {
    int bytes = Listpack.EMPTY;
    for (int i = Intset.count(m, is) - 1; i >= 0; i--) {
      bytes += Listpack.entryBytes(Intset.get(m, is, i));
    }
    return bytes;
  }

  private boolean append(Place p, Slice member) {
    long lp = Entry.valueAddress(m, dictionary.entry(p));
    int more = Listpack.entryBytes(member.array, member.offset, member.length);
    lp = Entry.valueAddress(m, dictionary.resize(p, Listpack.bytes(m, lp) + more));
    Listpack.append(m, lp, member.array, member.offset, member.length);
    return true;
  }

  private boolean addToDictionary(Place p, byte[] a, int from, int length) {
    long header = Entry.valueAddress(m, dictionary.entry(p));
    return addToDictionary(header, a, from, length, dictionary.hash(a, from, length));
  }

  private boolean addToDictionary(long header, byte[] a, int from, int length, long hash) {
    if (dictionary.find(header, hash, sought.set(a, from, length), inner)) return false;
    dictionary.insert(inner, dictionary.createMember(Entry.MEMBER, a, from, length));
    return true;
  }

  /// How large an intset or a listpack may become in the entry.
  private int room(long entry) {
    return Math.min(MAX_SMALL, Entry.room(Entry.keyLength(m, entry)));
  }

  // ── removing ──

  /// Removes a member; false if there is none.
  public boolean remove(Place p, Slice member) {
    if (!find(dictionary.entry(p), member)) return false;
    removeAtHand(p);
    return true;
  }

  /// Removes the member that [#find] or [#random] brought to hand from the set at `p`. No member is
  /// at hand afterwards.
  public void removeAtHand(Place p) {
    switch (shape) {
      case Entry.INTSET -> {
        long is = Entry.valueAddress(m, dictionary.writable(p));
        Intset.delete(m, is, at);
        dictionary.resize(p, Intset.bytes(m, is));
      }
      case Entry.LISTPACK -> {
        long lp = Entry.valueAddress(m, dictionary.writable(p));
        Listpack.delete(m, lp, at);
        dictionary.resize(p, Listpack.bytes(m, lp));
      }
      default -> dictionary.remove(inner);
    }
  }

  // ── other shapes ──

  /// An intset becomes a listpack, with room for `more` bytes.
  private void toListpack(Place p, int more) {
    long old = dictionary.entry(p);
    long is = Entry.valueAddress(m, old);
    long converted = dictionary.renewed(old, Entry.LISTPACK, listpackBytes(is) + more);
    long lp = Entry.valueAddress(m, converted);
    Listpack.clear(m, lp);
    int count = Intset.count(m, is);
    for (int i = 0; i < count; i++) Listpack.append(m, lp, Intset.get(m, is, i));
    Entry.valueLength(m, converted, Listpack.bytes(m, lp));
    dictionary.replace(p, converted);
  }

  /// The set becomes a dictionary, whole: at the default thresholds some 512 members, 50 µs.
  private void toDictionary(Place p) {
    long old = dictionary.entry(p);
    long converted = dictionary.renewed(old, Entry.NESTED, Dictionary.HEADER_BYTES);
    long header = Entry.valueAddress(m, converted);
    dictionary.init(header);
    try {
      each(
          old,
          set -> {
            int n = copyToScratch();
            boolean isNew = addToDictionary(header, bytes, 0, n, dictionary.hash(bytes, 0, n));
            assert isNew;
          });
    } catch (OutOfMemoryError e) {
      dictionary.free(converted);
      throw e;
    }
    dictionary.replace(p, converted);
  }

  /// A set of integers, and no more than an intset may have, becomes one.
  void toIntset(Place p, Thresholds limits) {
    long old = dictionary.entry(p);
    long count = length(old);
    if (Entry.encoding(m, old) == Entry.INTSET || count > limits.intset) return;
    long[] integers = new long[(int) count];
    int[] n = {0};
    each(old, set -> integers[n[0]++] = integerAtHand());
    Arrays.sort(integers);
    int width =
        Math.max(Intset.widthOf(integers[0]), Intset.widthOf(integers[integers.length - 1]));
    long bytes = Intset.HEADER + (long) width * count;
    if (bytes > room(old)) return;
    long converted = dictionary.renewed(old, Entry.INTSET, (int) bytes);
    long is = Entry.valueAddress(m, converted);
    Intset.clear(m, is, width);
    for (long integer : integers) Intset.append(m, is, integer);
    dictionary.replace(p, converted);
  }

  /// The member at hand as the integer that it is.
  private long integerAtHand() {
    return switch (shape) {
      case Entry.INTSET -> Intset.get(m, small, at);
      case Entry.LISTPACK -> Listpack.integer(m, small, at);
      default -> Listpack.parse(bytes, 0, copyToScratch());
    };
  }

  /// Copies the member at hand to `bytes` and returns its length.
  private int copyToScratch() {
    int length = memberLength();
    if (bytes.length < length) bytes = new byte[length + length / 2];
    return copyMember(bytes, 0);
  }

  // ── the member at hand ──

  public int memberLength() {
    return switch (shape) {
      case Entry.INTSET -> Listpack.digits(Intset.get(m, small, at));
      case Entry.LISTPACK -> Listpack.length(m, small, at);
      default -> Entry.keyLength(m, member);
    };
  }

  /// Copies the member to `to[at…]` and returns its length.
  public int copyMember(byte[] to, int at) {
    switch (shape) {
      case Entry.INTSET -> {
        return Listpack.writeDigits(Intset.get(m, small, this.at), to, at);
      }
      case Entry.LISTPACK -> {
        return Listpack.copyOut(m, small, this.at, to, at);
      }
      default -> {
        int length = Entry.keyLength(m, member);
        m.copyOut(Entry.keyAddress(m, member), to, at, length);
        return length;
      }
    }
  }

  /// The member, in an array of its own.
  public byte[] member() {
    byte[] bytes = new byte[memberLength()];
    copyMember(bytes, 0);
    return bytes;
  }

  /// Replies with the member as a bulk string.
  public void writeMember(RespWriter out) {
    switch (shape) {
      case Entry.INTSET -> out.bulk(Intset.get(m, small, at));
      case Entry.LISTPACK -> {
        if (Listpack.isInteger(m, small, at)) {
          out.bulk(Listpack.integer(m, small, at));
        } else {
          Bulk.write(m, out, Listpack.text(m, small, at), Listpack.textLength(m, small, at));
        }
      }
      default -> Bulk.write(m, out, Entry.keyAddress(m, member), Entry.keyLength(m, member));
    }
  }

  // ── all members ──

  /// Visits all members: in ascending order, in the order of insertion, or in that of the hash.
  public void each(long entry, Visitor visitor) {
    scan(entry, 0, Integer.MAX_VALUE, visitor);
  }

  /// Visits some members from `cursor` on, as [Dictionary#scan] does (of the smaller shapes all),
  /// and returns the next cursor or 0.
  public long scan(long entry, long cursor, int count, Visitor visitor) {
    long value = Entry.valueAddress(m, entry);
    int encoding = Entry.encoding(m, entry);
    if (encoding == Entry.INTSET) {
      int size = Intset.count(m, value);
      for (int i = 0; i < size; i++) visit(encoding, value, i, visitor);
      return 0;
    }
    if (encoding == Entry.LISTPACK) {
      int next;
      for (int i = Listpack.first(m, value); i != 0; i = next) {
        next = Listpack.next(m, value, i);
        visit(encoding, value, i, visitor);
      }
      return 0;
    }
    this.visitor = visitor;
    return dictionary.scan(value, cursor, count, entries);
  }

  private void visit(int encoding, long value, int at, Visitor visitor) {
    shape = encoding;
    small = value;
    this.at = at;
    visitor.member(this);
  }

  private void visitEntry(long entry) {
    shape = Entry.NESTED;
    member = entry;
    visitor.member(this);
  }

  // ── at random ──

  /// Brings a random member to hand, each with the same probability. The set isn't empty.
  public void random(long entry, Random source) {
    long value = Entry.valueAddress(m, entry);
    shape = Entry.encoding(m, entry);
    small = value;
    switch (shape) {
      case Entry.INTSET -> at = source.nextInt(Intset.count(m, value));
      case Entry.LISTPACK -> at = Listpack.seek(m, value, source.nextInt(Listpack.count(m, value)));
      default -> {
        boolean found = dictionary.random(value, source, inner);
        assert found;
        member = inner.entry;
      }
    }
  }

  /// Visits `count` different members at random, each subset with the same probability; all if
  /// there are no more.
  public void sample(long entry, long count, Random source, Visitor visitor) {
    long size = length(entry);
    if (count >= size) {
      each(entry, visitor);
      return;
    }
    Selection selection = new Selection(source, size, count);
    if (Entry.encoding(m, entry) == Entry.NESTED && Selection.byPicking(size, count)) {
      while (!selection.isComplete()) {
        random(entry, source);
        if (selection.isNew(member)) visitor.member(this);
      }
      return;
    }
    each(
        entry,
        set -> {
          if (selection.takes()) visitor.member(this);
        });
  }

  /// Removes `count` members at random, fewer than there are, each subset with the same
  /// probability, and visits them first.
  ///
  /// From a dictionary they are taken one by one, unless hardly any are to stay: then those few go
  /// to a set of their own, which takes the place of the old one.
  public void pop(
      Place p, Slice key, long count, Random source, Thresholds limits, Visitor visitor) {
    long entry = dictionary.entry(p);
    long stay = length(entry) - count;
    assert count > 0 && stay > 0;
    if (Entry.encoding(m, entry) != Entry.NESTED) {
      popFromSmall(p, count, source, visitor);
    } else if (stay * KEEPING_PAYS > count) {
      for (long i = 0; i < count; i++) {
        random(entry, source);
        visitor.member(this);
        removeAtHand(p);
      }
    } else {
      popAllBut(p, key, stay, source, limits, visitor);
    }
  }

  private static final int KEEPING_PAYS = 5;

  private void popFromSmall(Place p, long count, Random source, Visitor visitor) {
    long entry = dictionary.writable(p); // so that nothing fails later
    int[] taken = new int[(int) count];
    int[] n = {0};
    sample(
        entry,
        count,
        source,
        set -> {
          taken[n[0]++] = at;
          visitor.member(this);
        });
    long value = Entry.valueAddress(m, entry);
    if (Entry.encoding(m, entry) == Entry.INTSET) {
      Intset.delete(m, value, taken, n[0]);
      dictionary.resize(p, Intset.bytes(m, value));
    } else {
      Listpack.delete(m, value, taken, n[0]);
      dictionary.resize(p, Listpack.bytes(m, value));
    }
  }

  private void popAllBut(
      Place p, Slice key, long stay, Random source, Thresholds limits, Visitor visitor) {
    long entry = dictionary.entry(p);
    try (Draft rest = new Draft(dictionary, key)) {
      create(rest.place, key, Entry.LISTPACK);
      sample(entry, stay, source, set -> add(rest.place, copyOfHand(), limits));
      dictionary.setExpiry(rest.place, Entry.expiry(m, entry));
      long kept = rest.entry();
      each(
          entry,
          set -> {
            long candidate = member;
            if (find(kept, copyOfHand())) return;
            shape = Entry.NESTED;
            member = candidate;
            visitor.member(this);
          });
      rest.store(p);
    }
  }

  private Slice copyOfHand() {
    int length = memberLength();
    if (picked.length < length) picked = new byte[length + length / 2];
    return pickedText.set(picked, 0, copyMember(picked, 0));
  }

  // ── as all structures ──

  @Override
  public String typeName() {
    return "set";
  }

  @Override
  public int encoding(long entry) {
    return Entry.encoding(m, entry);
  }

  @Override
  public void contents(long entry, Contents to) {
    each(entry, set -> to.member(ByteRun.of(member())));
  }

  /// What doesn't fit becomes a dictionary.
  @Override
  public void fit(Place p, int keyLength) {
    long entry = dictionary.entry(p);
    if (Entry.encoding(m, entry) != Entry.NESTED
        && Entry.valueLength(m, entry) > Entry.room(keyLength)) {
      toDictionary(p);
    }
  }
}
