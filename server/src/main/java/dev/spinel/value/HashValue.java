package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Random;

/// Hashes: small ones are a listpack of field, value, field, value… in the order of insertion,
/// inside the entry of the key ([Entry#LISTPACK]); larger ones are a dictionary nested in it
/// ([Entry#NESTED]), whose entries are the fields.
///
/// The limits between the two are parameters, as Redis has them; a listpack also becomes a
/// dictionary before it would outgrow its node. It never goes back.
///
/// **The pair at hand.** [#find], the random picks and the visits leave a pair *at hand*: what
/// [#valueLength], [#writeValue], [#copyField] and so on speak of, until the next verb of this
/// object or the next change of the hash. So nothing is copied that nobody wants, and there is no
/// object per pair.
///
/// One per seat; the slot's lock is held for all verbs. The caller removes the key once the hash is
/// empty.
public final class HashValue implements Structure {

  /// Takes one pair after the other; it is the pair at hand. May not change the hash.
  @FunctionalInterface
  public interface Visitor {
    void pair(HashValue at);
  }

  /// A listpack that is larger becomes a dictionary whatever the limits say, for an entry is one
  /// node.
  private static final int MAX_LISTPACK = Allocator.MAX_RUN / 4;

  /// What a listpack needs for a pair besides its bytes, at most.
  private static final int PAIR_OVERHEAD = 24;

  private final Memory m;
  private final Dictionary dictionary;
  private final StringValue strings; // fields of a dictionary are entries like keys with strings
  private final LargeStrings large;
  private final Place inner = new Place();

  // The pair at hand: positions in a listpack, or a field's entry in a dictionary (then `listpack`
  // is 0).
  private long listpack;
  private int fieldAt;
  private int valueAt;
  private long pair;

  private byte[] fieldBytes = new byte[128]; // scratch for a conversion
  private byte[] valueBytes = new byte[128];
  private final Slice field = new Slice();
  private final Slice value = new Slice();
  private Visitor visitor = at -> {}; // of the visit that is on
  private final Dictionary.Visitor entries = this::visitEntry;

  HashValue(Dictionary dictionary, StringValue strings, LargeStrings large) {
    this.dictionary = dictionary;
    this.strings = strings;
    this.large = large;
    this.m = dictionary.memory;
  }

  // ── one hash ──

  /// Puts an empty hash where `p` says there is nothing.
  public void create(Place p, Slice key) {
    long e = dictionary.create(key, Entry.HASH, Entry.LISTPACK, Listpack.EMPTY, -1);
    Listpack.clear(m, Entry.valueAddress(m, e));
    dictionary.insert(p, e);
  }

  /// How many fields.
  public long length(long entry) {
    long at = Entry.valueAddress(m, entry);
    return isListpack(entry) ? Listpack.count(m, at) >>> 1 : dictionary.count(at);
  }

  private boolean isListpack(long entry) {
    assert Entry.type(m, entry) == Entry.HASH;
    return Entry.encoding(m, entry) == Entry.LISTPACK;
  }

  /// Brings a field to hand; false if the hash has no such field.
  public boolean find(long entry, Slice field) {
    if (field.node != 0) field = large.materialized(field);
    long at = Entry.valueAddress(m, entry);
    if (!isListpack(entry)) {
      boolean there = dictionary.find(at, dictionary.hash(field), field, inner);
      listpack = 0;
      pair = inner.entry;
      return there;
    }
    listpack = at;
    fieldAt =
        Listpack.find(m, at, Listpack.first(m, at), field.array, field.offset, field.length, 1);
    if (fieldAt == 0) return false;
    valueAt = Listpack.next(m, at, fieldAt);
    return true;
  }

  /// Sets a field, makes it if need be, and says whether it is new. Beyond `maxEntries` fields, or
  /// with a field or value of more than `maxValue` bytes, the hash becomes a dictionary.
  public boolean set(Place p, Slice field, Slice value, int maxEntries, int maxValue) {
    if (field.node != 0) field = large.materialized(field);
    long entry = dictionary.entry(p);
    if (isListpack(entry)) {
      if (value.node != 0 && value.length <= Math.min(maxValue, room(entry))) {
        value = large.materialized(value);
      }
      if (field.length > maxValue
          || value.length > maxValue
          || value.node != 0
          || Listpack.bytes(m, Entry.valueAddress(m, entry)) + field.length + value.length
              > room(entry) - PAIR_OVERHEAD) {
        convert(p);
      } else {
        boolean there = find(entry, field);
        if (there || length(entry) < maxEntries) {
          setInListpack(p, there, field, value);
          return !there;
        }
        convert(p);
      }
    }
    long header = Entry.valueAddress(m, p.entry);
    boolean there = dictionary.find(header, dictionary.hash(field), field, inner);
    strings.setText(inner, field, value, -1);
    return !there;
  }

  /// How large a listpack may become in the entry.
  private int room(long entry) {
    return Math.min(MAX_LISTPACK, Entry.room(Entry.keyLength(m, entry)));
  }

  /// Right after [#find].
  private void setInListpack(Place p, boolean there, Slice field, Slice value) {
    long lp = listpack;
    int bytes = Listpack.bytes(m, lp);
    int more = Listpack.entryBytes(value.array, value.offset, value.length);
    if (there) {
      more -= Listpack.entryBytes(m, lp, valueAt);
      lp = more > 0 ? grow(p, bytes + more) : Entry.valueAddress(m, dictionary.writable(p));
      Listpack.replace(m, lp, valueAt, value.array, value.offset, value.length);
      if (more < 0) dictionary.resize(p, bytes + more);
      return;
    }
    more += Listpack.entryBytes(field.array, field.offset, field.length);
    lp = grow(p, bytes + more);
    Listpack.append(m, lp, field.array, field.offset, field.length);
    Listpack.append(m, lp, value.array, value.offset, value.length);
  }

  private long grow(Place p, int bytes) {
    return Entry.valueAddress(m, dictionary.resize(p, bytes));
  }

  /// Deletes a field; false if there is none.
  public boolean delete(Place p, Slice field) {
    long entry = dictionary.entry(p);
    if (!find(entry, field)) return false;
    if (!isListpack(entry)) {
      dictionary.remove(inner);
      return true;
    }
    int bytes = Listpack.bytes(m, listpack);
    long lp = Entry.valueAddress(m, dictionary.writable(p));
    int end = Listpack.after(m, lp, valueAt);
    Listpack.delete(m, lp, fieldAt, end, 2);
    dictionary.resize(p, bytes - (end - fieldAt));
    return true;
  }

  @Override
  public String typeName() {
    return "hash";
  }

  @Override
  public int encoding(long entry) {
    return Entry.encoding(m, entry);
  }

  @Override
  public void contents(long entry, Contents to) {
    each(entry, pair -> to.member(ByteRun.of(pair.field()), pair.valueRun()));
  }

  /// A listpack that doesn't fit becomes a dictionary.
  @Override
  public void fit(Place p, int keyLength) {
    long entry = dictionary.entry(p);
    if (isListpack(entry) && Entry.valueLength(m, entry) > Entry.room(keyLength)) convert(p);
  }

  /// From a listpack to a dictionary, whole: at the default limits some 512 fields, 50 µs.
  private void convert(Place p) {
    long old = dictionary.entry(p);
    long converted = dictionary.renewed(old, Entry.NESTED, Dictionary.HEADER_BYTES);
    long header = Entry.valueAddress(m, converted);
    dictionary.init(header);
    try {
      copyPairs(Entry.valueAddress(m, old), header);
    } catch (OutOfMemoryError e) {
      dictionary.free(converted);
      throw e;
    }
    dictionary.replace(p, converted);
  }

  /// From a listpack to an empty dictionary.
  private void copyPairs(long lp, long header) {
    for (int at = Listpack.first(m, lp); at != 0; at = Listpack.next(m, lp, at)) {
      fieldBytes = take(lp, at, fieldBytes, field);
      at = Listpack.next(m, lp, at);
      valueBytes = take(lp, at, valueBytes, value);
      boolean twice = dictionary.find(header, dictionary.hash(field), field, inner);
      assert !twice;
      strings.setText(inner, field, value, -1);
    }
  }

  private byte[] take(long lp, int at, byte[] scratch, Slice into) {
    int length = Listpack.length(m, lp, at);
    byte[] to = scratch.length < length ? new byte[2 * length] : scratch;
    Listpack.copyOut(m, lp, at, to, 0);
    into.set(to, 0, length);
    return to;
  }

  // ── the pair at hand ──

  public int fieldLength() {
    return listpack != 0 ? Listpack.length(m, listpack, fieldAt) : Entry.keyLength(m, pair);
  }

  public int valueLength() {
    return listpack != 0 ? Listpack.length(m, listpack, valueAt) : strings.length(pair);
  }

  /// Copies the field to `to[at…]` and returns its length.
  public int copyField(byte[] to, int at) {
    if (listpack != 0) return Listpack.copyOut(m, listpack, fieldAt, to, at);
    int length = Entry.keyLength(m, pair);
    m.copyOut(Entry.keyAddress(m, pair), to, at, length);
    return length;
  }

  /// Copies the value to `to[at…]` and returns its length.
  public int copyValue(byte[] to, int at) {
    if (listpack != 0) return Listpack.copyOut(m, listpack, valueAt, to, at);
    int length = strings.length(pair);
    strings.copyOut(pair, 0, to, at, length);
    return length;
  }

  /// The field, in an array of its own.
  public byte[] field() {
    byte[] bytes = new byte[fieldLength()];
    copyField(bytes, 0);
    return bytes;
  }

  private ByteRun valueRun() {
    return listpack != 0 ? ByteRun.of(value()) : strings.run(pair);
  }

  /// The value, in an array of its own.
  public byte[] value() {
    byte[] bytes = new byte[valueLength()];
    copyValue(bytes, 0);
    return bytes;
  }

  /// Replies with the field as a bulk string.
  public void writeField(RespWriter out) {
    if (listpack != 0) {
      writeElement(out, fieldAt);
    } else {
      Bulk.write(m, out, Entry.keyAddress(m, pair), Entry.keyLength(m, pair));
    }
  }

  /// Replies with the value as a bulk string.
  public void writeValue(RespWriter out) {
    if (listpack != 0) {
      writeElement(out, valueAt);
    } else {
      strings.get(pair, out);
    }
  }

  private void writeElement(RespWriter out, int at) {
    if (Listpack.isInteger(m, listpack, at)) {
      out.bulk(Listpack.integer(m, listpack, at));
    } else {
      Bulk.write(m, out, Listpack.text(m, listpack, at), Listpack.textLength(m, listpack, at));
    }
  }

  // ── all pairs ──

  /// Visits all pairs: of a listpack in the order of insertion, else in the order of the hash.
  public void each(long entry, Visitor visitor) {
    scan(entry, 0, Integer.MAX_VALUE, visitor);
  }

  /// Visits some pairs from `cursor` on, as [Dictionary#scan] does (a listpack whole), and returns
  /// the next cursor or 0.
  public long scan(long entry, long cursor, int count, Visitor visitor) {
    if (isListpack(entry)) {
      listpack = Entry.valueAddress(m, entry);
      long lp = listpack;
      for (int at = Listpack.first(m, lp); at != 0; at = Listpack.next(m, lp, valueAt)) {
        listpack = lp;
        fieldAt = at;
        valueAt = Listpack.next(m, lp, at);
        visitor.pair(this);
      }
      return 0;
    }
    listpack = 0;
    this.visitor = visitor;
    return dictionary.scan(Entry.valueAddress(m, entry), cursor, count, entries);
  }

  private void visitEntry(long entry) {
    listpack = 0;
    pair = entry;
    visitor.pair(this);
  }

  /// Brings a random pair to hand, each with the same probability. The hash isn't empty.
  public void random(long entry, Random source) {
    long at = Entry.valueAddress(m, entry);
    if (isListpack(entry)) {
      listpack = at;
      fieldAt = Listpack.seek(m, at, 2 * source.nextInt(Listpack.count(m, at) >>> 1));
      valueAt = Listpack.next(m, at, fieldAt);
      return;
    }
    boolean found = dictionary.random(at, source, inner);
    assert found;
    listpack = 0;
    pair = inner.entry;
  }

  /// Visits `count` different pairs at random, each subset with the same probability; all if there
  /// are no more.
  public void sample(long entry, long count, Random source, Visitor visitor) {
    long size = length(entry);
    if (count >= size) {
      each(entry, visitor);
      return;
    }
    Selection selection = new Selection(source, size, count);
    if (isListpack(entry) || !Selection.byPicking(size, count)) {
      each(
          entry,
          at -> {
            if (selection.takes()) visitor.pair(at);
          });
      return;
    }
    while (!selection.isComplete()) {
      random(entry, source);
      if (selection.isNew(pair)) visitor.pair(this);
    }
  }
}
