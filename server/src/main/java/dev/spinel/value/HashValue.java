package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Hashes: small ones are a listpack of field, value, field, value… in the order of insertion,
/// inside the entry of the key ([Entry#LISTPACK]); larger ones are a dictionary nested in it
/// ([Entry#NESTED]), whose entries are the fields.
///
/// The limits between the two are parameters, as Redis has them; a listpack also becomes a
/// dictionary before it would outgrow its node. It never goes back.
///
/// **Fields that expire.** A field of a dictionary is an entry, and has its time as a key has. A
/// listpack has no room for times until the first field gets one: then it becomes a listpack of
/// field, value, time ([Entry#TIMED_LISTPACK]), the earliest time first, and behind those the
/// fields without one. So a hash without them takes what it took, and what is due stands in front.
/// Nothing here knows what time it is: fields whose time is over are there until [#expire] deletes
/// them.
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
  private static final int PAIR_OVERHEAD = 36;

  /// Bytes of [FieldTimes#NONE] in a listpack.
  private static final int NO_TIME_BYTES = 2;

  /// Picks of a field whose time is over before all are gone through.
  private static final int MOST_TRIES = 32;

  /// Of a field that doesn't expire.
  public static final long NEVER = -1;

  /// The latest time at which a field can expire: that of Redis.
  public static final long LAST_TIME = (1L << 46) - 1;

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
  private int timeAt; // 0: this listpack has no times
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
    return isListpack(entry) ? Listpack.count(m, at) / step(entry) : dictionary.count(at);
  }

  private boolean isListpack(long entry) {
    assert Entry.type(m, entry) == Entry.HASH;
    return Entry.encoding(m, entry) != Entry.NESTED;
  }

  private boolean isTimedListpack(long entry) {
    return Entry.encoding(m, entry) == Entry.TIMED_LISTPACK;
  }

  /// How many elements of the listpack make a field.
  private int step(long entry) {
    return isTimedListpack(entry) ? 3 : 2;
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
    boolean timed = isTimedListpack(entry);
    int first = Listpack.first(m, at);
    int found = Listpack.find(m, at, first, field.array, field.offset, field.length, timed ? 2 : 1);
    take(at, found, timed);
    return found != 0;
  }

  /// The field at this position of a listpack is at hand; 0: none is.
  private void take(long lp, int at, boolean timed) {
    listpack = lp;
    fieldAt = at;
    if (at == 0) return;
    valueAt = Listpack.next(m, lp, at);
    timeAt = timed ? Listpack.next(m, lp, valueAt) : 0;
  }

  /// Sets a field, makes it if need be, and says whether it is new. It won't expire. Beyond
  /// `maxEntries` fields, or with a field or value of more than `maxValue` bytes, the hash becomes
  /// a dictionary.
  public boolean set(Place p, Slice field, Slice value, int maxEntries, int maxValue) {
    return set(p, field, value, maxEntries, maxValue, false);
  }

  /// The same, but a field that is there expires when it would have.
  public boolean setValue(Place p, Slice field, Slice value, int maxEntries, int maxValue) {
    return set(p, field, value, maxEntries, maxValue, true);
  }

  private boolean set(
      Place p, Slice field, Slice value, int maxEntries, int maxValue, boolean keepsTime) {
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
          setInListpack(p, there, field, value, keepsTime);
          return !there;
        }
        convert(p);
      }
    }
    boolean timed = FieldTimes.any(m, p.entry);
    long header = Entry.valueAddress(m, p.entry);
    boolean there = dictionary.find(header, dictionary.hash(field), field, inner);
    long time = timed && there && keepsTime ? Entry.expiry(m, inner.entry) : NEVER;
    strings.setText(inner, field, value, time);
    if (timed) dictionary.fieldsLostTimes(p);
    return !there;
  }

  /// How large a listpack may become in the entry.
  private int room(long entry) {
    return Math.min(MAX_LISTPACK, Entry.room(Entry.keyLength(m, entry)));
  }

  /// Right after [#find].
  private void setInListpack(Place p, boolean there, Slice field, Slice value, boolean keepsTime) {
    if (there && !keepsTime && time() != NEVER) {
      rewrite(p, field, value, FieldTimes.NONE);
      dictionary.fieldsLostTimes(p);
      return;
    }
    boolean timed = isTimedListpack(p.entry);
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
    lp = grow(p, bytes + more + (timed ? NO_TIME_BYTES : 0));
    Listpack.append(m, lp, field.array, field.offset, field.length);
    Listpack.append(m, lp, value.array, value.offset, value.length);
    if (timed) Listpack.append(m, lp, FieldTimes.NONE);
  }

  /// Puts a field, a value and a time, where that belongs, in the place of the field at hand of a
  /// timed listpack. The bytes aren't those in the listpack.
  private void rewrite(Place p, Slice field, Slice value, long time) {
    int from = fieldAt;
    int old = Listpack.after(m, listpack, timeAt) - from;
    int bytes = Listpack.bytes(m, listpack);
    int more =
        Listpack.entryBytes(field.array, field.offset, field.length)
            + Listpack.entryBytes(value.array, value.offset, value.length)
            + Listpack.entryBytes(time)
            - old;
    long lp = more > 0 ? grow(p, bytes + more) : Entry.valueAddress(m, dictionary.writable(p));
    Listpack.delete(m, lp, from, from + old, 3);
    int at = placeOf(lp, time);
    Listpack.insert(m, lp, at, field.array, field.offset, field.length);
    at = Listpack.after(m, lp, at);
    Listpack.insert(m, lp, at, value.array, value.offset, value.length);
    Listpack.insert(m, lp, Listpack.after(m, lp, at), time);
    if (more < 0) dictionary.resize(p, bytes + more);
  }

  /// The position of the first field that doesn't expire before `time`, or of the end.
  private int placeOf(long lp, long time) {
    if (time == FieldTimes.NONE) return Listpack.end(m, lp);
    int at = Listpack.first(m, lp);
    while (at != 0) {
      int timeOf = FieldTimes.time(m, lp, at);
      long there = Listpack.integer(m, lp, timeOf);
      if (there == FieldTimes.NONE || there >= time) return at;
      at = Listpack.next(m, lp, timeOf);
    }
    return Listpack.end(m, lp);
  }

  private long grow(Place p, int bytes) {
    return Entry.valueAddress(m, dictionary.resize(p, bytes));
  }

  /// Deletes a field; false if there is none.
  public boolean delete(Place p, Slice field) {
    long entry = dictionary.entry(p);
    if (!find(entry, field)) return false;
    boolean timed = FieldTimes.any(m, entry);
    if (isListpack(entry)) {
      int last = timeAt != 0 ? timeAt : valueAt;
      cut(p, fieldAt, Listpack.after(m, listpack, last), step(entry));
    } else {
      dictionary.remove(inner);
    }
    if (timed) dictionary.fieldsLostTimes(p);
    return true;
  }

  /// Takes `count` elements, from one position to another, out of the listpack.
  private void cut(Place p, int from, int to, int count) {
    long lp = Entry.valueAddress(m, dictionary.writable(p));
    int bytes = Listpack.bytes(m, lp);
    Listpack.delete(m, lp, from, to, count);
    dictionary.resize(p, bytes - (to - from));
  }

  // ── fields that expire ──

  /// Whether some field of the hash expires.
  public boolean isTimed(long entry) {
    return FieldTimes.any(m, entry);
  }

  /// Lets a field that is there expire at a time (milliseconds since 1970), or [#NEVER].
  public void setTime(Place p, Slice field, long millis) {
    long entry = dictionary.entry(p);
    boolean there = find(entry, field);
    assert there;
    if (time() == millis) return;
    boolean timed = FieldTimes.any(m, entry);
    if (Entry.encoding(m, entry) == Entry.LISTPACK) entry = giveTimes(p);
    if (isListpack(entry)) {
      find(entry, field);
      fieldBytes = take(listpack, fieldAt, fieldBytes, this.field);
      valueBytes = take(listpack, valueAt, valueBytes, value);
      if (Listpack.bytes(m, listpack) + PAIR_OVERHEAD > room(entry)) {
        convert(p);
      } else {
        rewrite(p, this.field, value, millis == NEVER ? FieldTimes.NONE : millis);
      }
    }
    entry = dictionary.entry(p);
    if (!isListpack(entry)) {
      if (field.node != 0) field = large.materialized(field);
      long header = Entry.valueAddress(m, entry);
      dictionary.find(header, dictionary.hash(field), field, inner);
      dictionary.setExpiry(inner, millis);
    }
    dictionary.fieldsTimed(p, timed, millis != NEVER);
  }

  /// From a listpack without times to one with them, or to a dictionary where that has no room.
  /// Returns the entry.
  private long giveTimes(Place p) {
    long old = dictionary.entry(p);
    long from = Entry.valueAddress(m, old);
    int pairs = Listpack.count(m, from) / 2;
    int bytes = Listpack.bytes(m, from) + NO_TIME_BYTES * pairs;
    if (bytes > room(old)) {
      convert(p);
      return dictionary.entry(p);
    }
    long timed = dictionary.renewed(old, Entry.TIMED_LISTPACK, bytes);
    long to = Entry.valueAddress(m, timed);
    Listpack.clear(m, to);
    int end = Listpack.HEADER;
    for (int at = Listpack.first(m, from), left = pairs; left > 0; left--) {
      int next = Listpack.after(m, from, Listpack.after(m, from, at));
      m.copy(from + at, to + end, next - at);
      end = Listpack.write(m, to, end + next - at, FieldTimes.NONE);
      at = next;
    }
    Listpack.close(m, to, end, 3 * pairs);
    dictionary.replace(p, timed);
    return timed;
  }

  /// Deletes fields whose time is over at `now`, at most so many, and returns their names.
  public List<byte[]> expire(Place p, long now, int most) {
    List<byte[]> names = new ArrayList<>();
    long entry = dictionary.entry(p);
    if (!FieldTimes.any(m, entry)) return names;
    if (isListpack(entry)) {
      long lp = Entry.valueAddress(m, entry);
      int end = 0;
      for (int at = Listpack.first(m, lp); at != 0 && names.size() < most; ) {
        take(lp, at, true);
        if (!isOver(now)) break;
        names.add(field());
        end = Listpack.after(m, lp, timeAt);
        at = Listpack.next(m, lp, timeAt);
      }
      if (!names.isEmpty()) cut(p, Listpack.HEADER, end, 3 * names.size());
    } else {
      long header = Entry.valueAddress(m, entry);
      while (names.size() < most && dictionary.nextExpired(header, now - 1, inner)) {
        names.add(Entry.key(m, inner.entry));
        dictionary.remove(inner);
      }
    }
    dictionary.fieldsLostTimes(p);
    return names;
  }

  /// How many fields there are whose time isn't over at `now`.
  public long lengthAt(long entry, long now) {
    long length = length(entry);
    if (!FieldTimes.any(m, entry)) return length;
    if (!isListpack(entry) && dictionary.nextExpiry(Entry.valueAddress(m, entry)) >= now) {
      return length;
    }
    long[] over = {0};
    each(entry, at -> over[0] += at.isOver(now) ? 1 : 0);
    return length - over[0];
  }

  /// Shows a random field whose time isn't over at `now`, each with the same probability. There is
  /// one ([#lengthAt]).
  public void pickAt(long entry, long now, Random source, Visitor visitor) {
    for (int tries = 0; tries < MOST_TRIES; tries++) {
      random(entry, source);
      if (!isOver(now)) {
        visitor.pair(this);
        return;
      }
    }
    sampleAt(entry, now, 1, source, visitor);
  }

  /// As [#sample], of the fields whose time isn't over at `now`.
  public void sampleAt(long entry, long now, long count, Random source, Visitor visitor) {
    long length = lengthAt(entry, now);
    if (length == length(entry)) {
      sample(entry, count, source, visitor);
      return;
    }
    Selection selection = new Selection(source, length, Math.min(count, length));
    each(
        entry,
        at -> {
          if (!at.isOver(now) && selection.takes()) visitor.pair(at);
        });
  }

  /// When the first field expires, or [#NEVER].
  public long earliest(long entry) {
    long[] earliest = {Long.MAX_VALUE};
    if (FieldTimes.any(m, entry)) {
      each(
          entry,
          at -> {
            if (at.time() != NEVER) earliest[0] = Math.min(earliest[0], at.time());
          });
    }
    return earliest[0] == Long.MAX_VALUE ? NEVER : earliest[0];
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
    each(
        entry,
        pair -> {
          if (pair.time() == NEVER) {
            to.member(ByteRun.of(pair.field()), pair.valueRun());
          } else {
            to.timed(pair.time(), ByteRun.of(pair.field()), pair.valueRun());
          }
        });
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
      copyPairs(Entry.valueAddress(m, old), isTimedListpack(old), header);
    } catch (OutOfMemoryError e) {
      dictionary.free(converted);
      throw e;
    }
    dictionary.replace(p, converted);
  }

  /// From a listpack to an empty dictionary.
  private void copyPairs(long lp, boolean timed, long header) {
    for (int at = Listpack.first(m, lp); at != 0; at = Listpack.next(m, lp, at)) {
      fieldBytes = take(lp, at, fieldBytes, field);
      at = Listpack.next(m, lp, at);
      valueBytes = take(lp, at, valueBytes, value);
      long time = FieldTimes.NONE;
      if (timed) {
        at = Listpack.next(m, lp, at);
        time = Listpack.integer(m, lp, at);
      }
      boolean twice = dictionary.find(header, dictionary.hash(field), field, inner);
      assert !twice;
      strings.setText(inner, field, value, time == FieldTimes.NONE ? NEVER : time);
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

  /// When the field expires, in milliseconds since 1970, or [#NEVER].
  public long time() {
    if (listpack == 0) return Entry.expiry(m, pair);
    long time = timeAt == 0 ? FieldTimes.NONE : Listpack.integer(m, listpack, timeAt);
    return time == FieldTimes.NONE ? NEVER : time;
  }

  /// Whether the field's time is over at `now`: at the millisecond itself it is not.
  public boolean isOver(long now) {
    long time = time();
    return time != NEVER && time < now;
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

  /// Visits all pairs: of a listpack in its order, else in the order of the hash.
  public void each(long entry, Visitor visitor) {
    scan(entry, 0, Integer.MAX_VALUE, visitor);
  }

  /// Visits some pairs from `cursor` on, as [Dictionary#scan] does (a listpack whole), and returns
  /// the next cursor or 0.
  public long scan(long entry, long cursor, int count, Visitor visitor) {
    if (isListpack(entry)) {
      long lp = Entry.valueAddress(m, entry);
      boolean timed = isTimedListpack(entry);
      for (int at = Listpack.first(m, lp); at != 0; ) {
        take(lp, at, timed);
        int last = timed ? timeAt : valueAt;
        visitor.pair(this);
        at = Listpack.next(m, lp, last);
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
      int step = step(entry);
      int picked = source.nextInt(Listpack.count(m, at) / step);
      take(at, Listpack.seek(m, at, step * picked), step == 3);
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
