package dev.spinel.rdb;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.value.Draft;
import dev.spinel.value.Entry;
import dev.spinel.value.HashValue;
import dev.spinel.value.LargeStrings;
import dev.spinel.value.ListValue;
import dev.spinel.value.SetValue;
import dev.spinel.value.SortedSetValue;
import dev.spinel.value.Values;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Locale;

/// Makes values of what an RDB stream says, in every form of versions 1 to 12.
///
/// **Everything is checked before it is data.** A listpack or an intset that will be an entry's
/// value is gone through element by element in an array, then copied. Whatever becomes several
/// nodes is built by the verbs of its structure, which check for themselves, in a draft that nobody
/// sees and that is freed if something is wrong. So what [#read] returns is whole and valid, and
/// what it throws has left nothing behind. There is no switch that turns the checks off.
///
/// **Memory is taken as bytes arrive**, never because of a length that a stream merely claims.
///
/// Which encoding a value takes is as Redis 7.2 has it after loading the same bytes: for lengths
/// and counts beyond [EncodingLimits] a listpack becomes a dictionary, and so on.
///
/// One for each seat, used by its thread, with or without the slot's lock: the entry is in no
/// dictionary yet.
public final class ValueReader {
  /// Beside the forms that are text: infinite ones, and NaN.
  static final int SPECIAL_SCORES = 253;

  private static final int MINUS_INFINITY = 255;
  private static final int INFINITY = 254;

  /// What is larger can't be the value of an entry.
  private static final int MAX_INLINE = Allocator.MAX_RUN / 4;

  private final Values values;
  private final Memory memory;
  private final LargeStrings large;
  private final Element element;
  private final Element other;
  private final StreamReader streams;

  // of the value that is being read
  private Slice key = new Slice();
  private long expiry;
  private EncodingLimits limits = NO_LIMITS;

  private static final EncodingLimits NO_LIMITS =
      new EncodingLimits(0, 0, new SetValue.Thresholds(0, 0, 0), 0, 0, 0);

  private RdbInput in;
  private StringInput string;
  private Pack listpack;
  private Pack ziplist;
  private Pack zipmap;

  // what a scan over a pack has found out
  private boolean asIs; // it may be an entry's value as it is
  private long[] hashes = new long[64];

  public ValueReader(Values values) {
    this.values = values;
    memory = values.memory();
    large = values.large();
    element = new Element(large);
    other = new Element(large);
    streams = new StreamReader(values);
    in = new RdbInput();
    string = new StringInput(in);
    listpack = new Pack.OfListpack(string);
    ziplist = new Pack.OfZiplist(string);
    zipmap = new Pack.OfZipmap(string);
  }

  private void from(RdbInput input, RdbType type) {
    if (in != input) {
      in = input;
      string = new StringInput(input);
      listpack = new Pack.OfListpack(string);
      ziplist = new Pack.OfZiplist(string);
      zipmap = new Pack.OfZipmap(string);
    }
    String whose =
        switch (type) {
          case LIST_ZIPLIST -> "List ";
          case SET_LISTPACK -> "Set ";
          case ZSET_LISTPACK, ZSET_ZIPLIST -> "Zset ";
          case HASH_LISTPACK, HASH_ZIPLIST, HASH_LISTPACK_TIMES -> "Hash ";
          default -> "";
        };
    listpack.whose(whose);
    ziplist.whose(whose);
  }

  /// Reads a value, up to its end. The entry that it returns is in no dictionary yet: the caller
  /// puts it into one, or frees it.
  ///
  /// @param key in an array, at most [Entry#MAX_KEY] bytes
  /// @param expiry milliseconds since 1970, or -1
  /// @throws RdbException if it isn't valid, or can't be held
  public long read(RdbType type, Slice key, long expiry, EncodingLimits limits, RdbInput input) {
    from(input, type);
    this.key = key;
    this.expiry = expiry;
    this.limits = limits;
    try {
      return switch (type) {
        case STRING -> string();
        case LIST -> list();
        case LIST_QUICKLIST -> quicklist(true);
        case LIST_QUICKLIST_2 -> quicklist(false);
        case LIST_ZIPLIST -> listOfZiplist();
        case SET -> set();
        case SET_INTSET -> intset();
        case SET_LISTPACK -> setOfListpack();
        case ZSET -> sortedSet(true);
        case ZSET_2 -> sortedSet(false);
        case ZSET_LISTPACK -> sortedSetOfPack(listpack);
        case ZSET_ZIPLIST -> sortedSetOfPack(ziplist);
        case HASH -> hash();
        case HASH_LISTPACK -> hashOfPack(listpack);
        case HASH_ZIPLIST -> hashOfPack(ziplist);
        case HASH_ZIPMAP -> hashOfPack(zipmap);
        case HASH_TIMES, HASH_TIMES_CANDIDATE -> hashWithTimes(type == RdbType.HASH_TIMES);
        case HASH_LISTPACK_TIMES, HASH_LISTPACK_TIMES_CANDIDATE ->
            hashOfTriples(type == RdbType.HASH_LISTPACK_TIMES);
        case STREAM, STREAM_2, STREAM_3 -> streams.read(type, key, expiry, in, string);
        case MODULE -> {
          String name = RdbType.moduleName(in.lengthOf64Bits());
          throw in.unsupported("values of the module '" + name + "' can't be held");
        }
        case MODULE_PRE_RELEASE ->
            throw in.unsupported("values of modules before 4.0 can't be read");
      };
    } finally {
      element.release();
      other.release();
    }
  }

  // ── strings ──

  private long string() {
    string.open();
    if (string.length() > ValueWriter.MAX_STRING) {
      throw in.unsupported("a string of " + string.length() + " bytes is too long");
    }
    element.borrow(string, (int) string.length());
    return values.strings().create(key, element.slice, expiry);
  }

  /// A member or field, which is a key of its dictionary.
  private Slice member(Element into) {
    string.open();
    if (string.length() > Entry.MAX_KEY) throw tooLong(string.length());
    into.take(string, (int) string.length(), Entry.MAX_KEY);
    return into.slice;
  }

  private Slice member(Pack pack, Element into) {
    if (!pack.isInteger() && pack.textLength() > Entry.MAX_KEY) throw tooLong(pack.textLength());
    pack.take(into, Entry.MAX_KEY);
    return into.slice;
  }

  private RdbException tooLong(long bytes) {
    return in.unsupported(
        "a member or field of " + bytes + " bytes: " + Entry.MAX_KEY + " are the most");
  }

  private RdbException twice() {
    return in.corrupt("a member or field that was there before");
  }

  private long count() {
    long n = in.length();
    if (n == 0) throw in.empty("a value without elements");
    return n;
  }

  private Slice text(Element into) {
    string.open();
    if (string.length() > ValueWriter.MAX_STRING) {
      throw in.unsupported("a string of " + string.length() + " bytes is too long");
    }
    into.take(string, (int) string.length(), Element.IN_ARRAY);
    return into.slice;
  }

  // ── what is in one piece ──

  /// Goes through a pack in one piece: checks all of it, notes whether it may stay as it is, and
  /// returns its number of elements. Of each `step` elements the first must be unlike all others;
  /// 0: none must.
  private long scan(Pack pack, int step) {
    asIs = pack == listpack;
    pack.open();
    int names = 0;
    int index = 0;
    while (pack.next()) {
      boolean isName = step != 0 && index == 0;
      index = index + 1 >= step ? 0 : index + 1;
      if (!pack.isInteger() && pack.isMisfit()) asIs = false;
      if (isName) {
        if (names == hashes.length) hashes = Arrays.copyOf(hashes, 2 * names);
        hashes[names++] = hash(pack);
      }
    }
    if (index != 0) throw pack.corrupt("a name without what belongs to it");
    if (areAlike(names) && isTwice(pack, step)) {
      throw pack.corrupt("a " + pack.name().toLowerCase(Locale.ROOT) + " with dup elements");
    }
    return pack.count();
  }

  private long hash(Pack pack) {
    if (pack.isInteger()) {
      element.set(pack.integer());
      return values.dictionary().hash(element.slice);
    }
    return values.dictionary().hash(string.array(), string.at(), pack.textLength());
  }

  private boolean areAlike(int names) {
    if (names <= 1) return false;
    Arrays.sort(hashes, 0, names);
    for (int i = 1; i < names; i++) {
      if (hashes[i] == hashes[i - 1]) return true;
    }
    return false;
  }

  /// The same by the names themselves.
  private boolean isTwice(Pack pack, int step) {
    HashSet<String> names = new HashSet<>();
    string.rewind();
    pack.open();
    boolean twice = false;
    for (int index = 0; pack.next(); index++) {
      if (index % step == 0) {
        pack.take(element, Entry.MAX_KEY);
        twice |= !names.add(element.slice.text());
      }
    }
    return twice;
  }

  private boolean fits(int bytes) {
    return bytes <= MAX_INLINE && bytes <= Entry.room(key.length);
  }

  /// The string at hand, which was scanned, as the value of an entry.
  private long inline(int type, int encoding) {
    int bytes = (int) string.length();
    long entry = values.dictionary().create(key, type, encoding, bytes, expiry);
    memory.copyIn(string.array(), string.at() - (int) string.position(), address(entry), bytes);
    return entry;
  }

  private long address(long entry) {
    return Entry.valueAddress(memory, entry);
  }

  // ── lists ──

  private long list() {
    long left = count();
    try (ListValue.Assembly list = assembly()) {
      for (; left > 0; left--) {
        list.push(text(element));
        element.release();
      }
      return list.take(true);
    }
  }

  private ListValue.Assembly assembly() {
    return values.lists().assembly(key, limits.listFill(), expiry);
  }

  private long quicklist(boolean ofZiplists) {
    long left = count();
    try (ListValue.Assembly list = assembly()) {
      for (; left > 0; left--) {
        long container = ofZiplists ? RdbType.PACKED_NODE : in.length();
        if (container == RdbType.PLAIN_NODE) {
          Slice only = text(element);
          if (only.length == 0) throw in.corrupt("a list's node of no bytes");
          list.plain(only);
          element.release();
        } else if (container == RdbType.PACKED_NODE) {
          string.open();
          node(list, ofZiplists ? ziplist : listpack);
        } else {
          throw in.corrupt("a list's node was expected, not a " + container);
        }
      }
      if (list.length() == 0) throw in.empty("a list without elements");
      return list.take(true);
    }
  }

  private void node(ListValue.Assembly list, Pack pack) {
    if (string.whole(ListValue.NODE_MAX)) {
      long count = scan(pack, 0);
      if (count == 0) return;
      string.rewind();
      if (asIs) {
        list.node(string.array(), string.at(), (int) string.length(), (int) count);
        return;
      }
    }
    list.newNode();
    pack.open();
    while (pack.next()) {
      pack.take(element, Element.IN_ARRAY);
      list.element(element.slice);
      element.release();
    }
  }

  private long listOfZiplist() {
    string.open();
    string.whole(MAX_INLINE);
    try (ListValue.Assembly list = assembly()) {
      ziplist.open();
      while (ziplist.next()) {
        ziplist.take(element, Element.IN_ARRAY);
        list.push(element.slice);
        element.release();
      }
      if (list.length() == 0) throw in.empty("a list without elements");
      return list.take(false);
    }
  }

  // ── sets ──

  private static final long MANY = Long.MAX_VALUE;

  private long set() {
    long count = count();
    SetValue sets = values.sets();
    SetValue.Thresholds thresholds = limits.set();
    try (Draft draft = values.draft(key)) {
      for (long left = count; left > 0; left--) {
        Slice member = member(element);
        if (left == count) {
          boolean small = count <= Math.min(thresholds.intset(), 1 << 30);
          sets.create(draft.place, key, member, small ? count : MANY, thresholds);
        }
        if (!sets.add(draft.place, member, thresholds)) throw twice();
      }
      return draft.take(expiry);
    }
  }

  private long intset() {
    string.open();
    SetValue sets = values.sets();
    boolean small = string.whole(MAX_INLINE);
    if (string.length() < 8) throw in.corrupt("Intset integrity check failed: too short");
    int width = (int) string.little(4);
    long count = string.little(4);
    if (width != 2 && width != 4 && width != 8
        || count == 0
        || string.length() != 8 + width * count) {
      throw in.corrupt("Intset integrity check failed: its length is not what it says");
    }
    if (small && count <= limits.set().intset() && fits((int) string.length())) {
      checkAscending(width, count);
      return inline(Entry.SET, Entry.INTSET);
    }
    try (Draft draft = values.draft(key)) {
      long last = 0;
      for (long i = 0; i < count; i++) {
        long value = ascending(width, i, last);
        last = value;
        element.set(value);
        if (i == 0) sets.create(draft.place, key, element.slice, MANY, NO_LIMITS.set());
        sets.add(draft.place, element.slice, NO_LIMITS.set());
      }
      return draft.take(expiry);
    }
  }

  private void checkAscending(int width, long count) {
    long last = 0;
    for (long i = 0; i < count; i++) last = ascending(width, i, last);
  }

  private long ascending(int width, long index, long last) {
    long value = integer(width);
    if (index > 0 && value <= last)
      throw in.corrupt("Intset integrity check failed: its integers don't ascend");
    return value;
  }

  private long integer(int width) {
    long value = string.little(width);
    return width == 2 ? (short) value : width == 4 ? (int) value : value;
  }

  private long setOfListpack() {
    string.open();
    if (string.whole(MAX_INLINE)) {
      long count = scan(listpack, 1);
      if (count == 0) throw in.empty("a set without members");
      if (asIs && count <= limits.set().listpack() && fits((int) string.length())) {
        return inline(Entry.SET, Entry.LISTPACK);
      }
      string.rewind();
    }
    SetValue sets = values.sets();
    try (Draft draft = values.draft(key)) {
      listpack.open();
      while (listpack.next()) {
        Slice member = member(listpack, element);
        if (listpack.count() == 1) {
          sets.create(draft.place, key, member, MANY, NO_LIMITS.set());
        }
        if (!sets.add(draft.place, member, NO_LIMITS.set())) throw twice();
      }
      if (listpack.count() == 0) throw in.empty("a set without members");
      return draft.take(expiry);
    }
  }

  // ── sorted sets ──

  private long sortedSet(boolean textScores) {
    long count = count();
    boolean small = count <= limits.zsetEntries();
    SortedSetValue sets = values.sortedSets();
    try (Draft draft = values.draft(key)) {
      sets.create(draft.place, key);
      for (long left = count; left > 0; left--) {
        Slice member = member(element);
        double score = textScores ? textScore() : Double.longBitsToDouble(in.int64());
        put(draft, member, score, small ? limits.zsetEntries() : 0, limits.zsetValue());
      }
      return draft.take(expiry);
    }
  }

  private void put(Draft draft, Slice member, double score, int maxEntries, int maxValue) {
    if (Double.isNaN(score)) throw in.corrupt("a score that is no number");
    SortedSetValue.Put put =
        values.sortedSets().put(draft.place, member, score, maxEntries, maxValue);
    if (put != SortedSetValue.Put.ADDED) throw twice();
  }

  private double textScore() {
    int length = in.u8();
    if (length == MINUS_INFINITY) return Double.NEGATIVE_INFINITY;
    if (length == INFINITY) return Double.POSITIVE_INFINITY;
    if (length == SPECIAL_SCORES) return Double.NaN;
    int at = in.take(length, length);
    if (at < 0) {
      in.skip(length); // which fails
      throw new AssertionError(length);
    }
    return Numbers.nearestDouble(in.array(), at, length);
  }

  private long sortedSetOfPack(Pack pack) {
    string.open();
    if (string.whole(MAX_INLINE)) {
      long count = scan(pack, 2) / 2;
      if (count == 0) throw in.empty("a sorted set without members");
      string.rewind();
      boolean ordered = checkOrder(pack);
      if (asIs && ordered && count <= limits.zsetEntries() && fits((int) string.length())) {
        return inline(Entry.ZSET, Entry.LISTPACK);
      }
      int maxEntries = count <= limits.zsetEntries() ? limits.zsetEntries() : 0;
      string.rewind();
      return sortedSetOfPack(pack, maxEntries);
    }
    return sortedSetOfPack(pack, 0);
  }

  private long sortedSetOfPack(Pack pack, int maxEntries) {
    try (Draft draft = values.draft(key)) {
      values.sortedSets().create(draft.place, key);
      pack.open();
      while (pack.next()) {
        Slice member = member(pack, element);
        if (!pack.next()) throw pack.corrupt("a member without a score");
        put(draft, member, score(pack), maxEntries, Integer.MAX_VALUE);
      }
      if (pack.count() == 0) throw in.empty("a sorted set without members");
      return draft.take(expiry);
    }
  }

  /// Checks the scores of a pack in one piece; returns whether its pairs are in the order, and the
  /// scores of the form, that a listpack of ours has.
  private boolean checkOrder(Pack pack) {
    boolean ordered = true;
    double lastScore = 0;
    pack.open();
    Element last = other;
    Element now = element;
    for (boolean isFirst = true; pack.next(); isFirst = false) {
      member(pack, now);
      pack.next();
      if (!pack.isInteger() && pack.textLength() > Numbers.DOUBLE_CHARS) ordered = false;
      double score = score(pack);
      if (Double.isNaN(score)) throw in.corrupt("a score that is no number");
      if (!isFirst
          && (score < lastScore || score == lastScore && now.slice.compare(last.slice) <= 0)) {
        throw in.corrupt("members that aren't in order");
      }
      lastScore = score;
      Element free = last;
      last = now;
      now = free;
    }
    return ordered;
  }

  /// The longest text of a score that anybody wrote.
  private static final int SCORE_CHARS = 128;

  private final byte[] scoreText = new byte[SCORE_CHARS];

  private double score(Pack pack) {
    if (pack.isInteger()) return pack.integer();
    int n = pack.textLength();
    if (n > SCORE_CHARS) throw in.corrupt("a score of " + n + " characters");
    string.read(scoreText, 0, n);
    return Numbers.nearestDouble(scoreText, 0, n);
  }

  // ── hashes ──

  private long hash() {
    long count = count();
    int maxEntries = count <= limits.hashEntries() ? limits.hashEntries() : 0;
    try (Draft draft = values.draft(key)) {
      values.hashes().create(draft.place, key);
      for (long left = count; left > 0; left--) {
        Slice field = member(element);
        set(draft, field, text(other), maxEntries, limits.hashValue());
      }
      return draft.take(expiry);
    }
  }

  private void set(Draft draft, Slice field, Slice value, int maxEntries, int maxValue) {
    HashValue hashes = values.hashes();
    if (!hashes.set(draft.place, field, value, maxEntries, maxValue)) throw twice();
    other.release();
  }

  private long hashOfPack(Pack pack) {
    string.open();
    int maxEntries = 0;
    int maxValue = Integer.MAX_VALUE;
    if (string.whole(MAX_INLINE)) {
      long count = scan(pack, 2) / 2;
      if (count == 0 && pack == zipmap) throw pack.corrupt("it is empty");
      if (count == 0) throw in.empty("a hash without fields");
      if (count <= limits.hashEntries()) {
        if (asIs && fits((int) string.length())) return inline(Entry.HASH, Entry.LISTPACK);
        maxEntries = limits.hashEntries();
        if (pack == zipmap) maxValue = limits.hashValue();
      }
      string.rewind();
    }
    try (Draft draft = values.draft(key)) {
      values.hashes().create(draft.place, key);
      pack.open();
      while (pack.next()) {
        Slice field = member(pack, element);
        if (!pack.next()) throw pack.corrupt("a field without a value");
        pack.take(other, Element.IN_ARRAY);
        set(draft, field, other.slice, maxEntries, maxValue);
      }
      if (pack.count() == 0) throw in.empty("a hash without fields");
      return draft.take(expiry);
    }
  }

  // ── hashes with fields that expire ──

  /// @param relative whether times are counted from the first of them, which stands in front
  private long hashWithTimes(boolean relative) {
    long first = relative ? in.int64() : 0;
    if (first < 0) throw in.corrupt("a first time of " + first);
    long count = count();
    int maxEntries = count <= limits.hashEntries() ? limits.hashEntries() : 0;
    try (Draft draft = values.draft(key)) {
      values.hashes().create(draft.place, key);
      for (long left = count; left > 0; left--) {
        long time = in.length();
        if (relative && time != 0) time += first - 1;
        checkTime(time);
        Slice field = member(element);
        set(draft, field, text(other), maxEntries, limits.hashValue());
        if (time != 0) values.hashes().setTime(draft.place, field, time);
      }
      return draft.take(expiry);
    }
  }

  private void checkTime(long time) {
    if (time < 0 || time > HashValue.LAST_TIME) throw in.corrupt("a field that expires at " + time);
  }

  private long hashOfTriples(boolean withFirst) {
    if (withFirst) in.skip(8);
    string.open();
    if (string.whole(MAX_INLINE)) {
      long count = scan(listpack, 3) / 3;
      if (count == 0) throw in.empty("a hash without fields");
      string.rewind();
      boolean ordered = checkTimes();
      if (asIs && ordered && count <= limits.hashEntries() && fits((int) string.length())) {
        return inline(Entry.HASH, Entry.TIMED_LISTPACK);
      }
      string.rewind();
      return hashOfTriples(count <= limits.hashEntries() ? limits.hashEntries() : 0);
    }
    return hashOfTriples(0);
  }

  private long hashOfTriples(int maxEntries) {
    try (Draft draft = values.draft(key)) {
      values.hashes().create(draft.place, key);
      listpack.open();
      while (listpack.next()) {
        Slice field = member(listpack, element);
        if (!listpack.next()) throw listpack.corrupt("a field without a value");
        listpack.take(other, Element.IN_ARRAY);
        set(draft, field, other.slice, maxEntries, Integer.MAX_VALUE);
        if (!listpack.next()) throw listpack.corrupt("a field without a time");
        long time = time();
        if (time != 0) values.hashes().setTime(draft.place, field, time);
      }
      if (listpack.count() == 0) throw in.empty("a hash without fields");
      return draft.take(expiry);
    }
  }

  /// The time at hand in a listpack.
  private long time() {
    if (!listpack.isInteger()) throw listpack.corrupt("a time that is no number");
    checkTime(listpack.integer());
    return listpack.integer();
  }

  /// Checks the times of a listpack in one piece; returns whether the fields are in the order of
  /// their times.
  private boolean checkTimes() {
    boolean ordered = true;
    long last = 0;
    boolean never = false; // a field that doesn't expire has come
    listpack.open();
    while (listpack.next()) {
      listpack.next();
      listpack.next();
      long time = time();
      ordered &= time == 0 || !never && time >= last;
      never |= time == 0;
      last = time;
    }
    return ordered;
  }
}
