package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleBinaryOperator;

/// Sorted sets: members in the order of their scores, members of one score in the order of their
/// bytes (`memcmp`, a shorter prefix first). Small ones are a listpack of member, score, member,
/// score… in that order ([Entry#LISTPACK]), as Redis lays it out; larger ones are a dictionary of
/// members with a tree over them ([Entry#SKIPLIST]), which [Ranking] knows.
///
/// The limits between the two are parameters, as Redis has them; a listpack also becomes large
/// before it would outgrow its node. Only a [NewSortedSet] goes back.
///
/// **Parts of a set are ranks.** A rank is a member's index in ascending order, from 0. A range of
/// scores or of members is first turned into [Ranks], in O(log n). Counting, visiting and removing
/// then take ranks:
///
/// ```
///   Ranks part = sets.scoreRange(entry, min, false, max, true);      ZCOUNT: part.count()
///   sets.visit(entry, part.from() + offset, limit, visitor);         ascending
///   sets.visitBackwards(entry, part.to() - 1 - offset, limit, v);    descending
///   sets.removeRange(place, part.from(), part.count());
/// ```
///
/// **The member at hand.** [#find], [#rank], [#at], the random picks and the visits leave a member
/// *at hand*: what [#score], [#writeMember], [#copyMember] and so on speak of, until the next verb
/// of this object or the next change of the set. So there is no object per member. A visitor may
/// look things up in other sets through this object (and must then not use the member at hand any
/// more); it may not change the set that it visits.
///
/// Scores are never NaN: the caller makes sure of that. Of -0 and 0, which are equal, a listpack
/// keeps 0, as in Redis.
///
/// **A new set from many** (the STORE forms, ZUNION…) is a [NewSortedSet]: outside any table, in
/// memory that is given back when it is closed, unless it was stored.
///
/// One per seat; the slot's lock is held for all verbs. The caller removes the key once its set is
/// empty. No verb changes anything if it finds no memory.
public final class SortedSetValue implements Structure {

  /// Takes one member after the other; it is the member at hand.
  @FunctionalInterface
  public interface Visitor {
    void member(SortedSetValue at);
  }

  /// What [#put] did.
  public enum Put {
    ADDED,
    CHANGED,
    /// The member had this score.
    UNCHANGED
  }

  /// A part of a set: the ranks from `from` up to, but not including, `to`.
  public record Ranks(long from, long to) {
    public static final Ranks NONE = new Ranks(0, 0);

    public long count() {
      return to - from;
    }
  }

  /// An end of a range of members: before all of them (`-`), behind all (`+`), or at one, which
  /// itself is out of the range if that is exclusive.
  public record LexBound(int side, Slice member, boolean exclusive) {
    private static final int BEFORE = -1;
    private static final int AT = 0;
    private static final int BEHIND = 1;
    public static final LexBound FIRST = new LexBound(BEFORE, new Slice(), false);
    public static final LexBound LAST = new LexBound(BEHIND, new Slice(), false);

    public static LexBound inclusive(Slice member) {
      return new LexBound(AT, member, false);
    }

    public static LexBound exclusive(Slice member) {
      return new LexBound(AT, member, true);
    }
  }

  /// A listpack that is larger becomes another encoding whatever the limits say, for an entry is
  /// one node.
  private static final int MAX_LISTPACK = Allocator.MAX_RUN / 4;

  /// What a listpack needs for a member besides its bytes, at most: two prefixes, two tails, a
  /// score as text.
  private static final int MEMBER_OVERHEAD = 20 + Numbers.DOUBLE_CHARS;

  private final Memory m;
  private final Dictionary dictionary;
  private final LargeStrings large;
  private final byte[] scoreText = new byte[Numbers.DOUBLE_CHARS]; // scratch
  private final byte[] digits = new byte[Numbers.LONG_CHARS]; // scratch: an integer as a member
  private byte[] memberBytes = new byte[128]; // scratch
  private final Slice memberSlice = new Slice();
  private final Ranking ranking;
  private int[] pairs = new int[130]; // scratch

  // The member at hand: positions in a listpack, or an entry of a large set (then `listpack` is 0).
  private long listpack;
  private int memberAt;
  private int scoreAt;
  private long pair;

  SortedSetValue(Dictionary dictionary, LargeStrings large, Ranking ranking) {
    this.dictionary = dictionary;
    this.large = large;
    this.ranking = ranking;
    this.m = dictionary.memory;
  }

  // ── one set ──

  /// Puts an empty set where `p` says there is nothing.
  public void create(Place p, Slice key) {
    long e = dictionary.create(key, Entry.ZSET, Entry.LISTPACK, Listpack.EMPTY, -1);
    Listpack.clear(m, Entry.valueAddress(m, e));
    dictionary.insert(p, e);
  }

  /// How many members.
  public long length(long entry) {
    return isListpack(entry)
        ? Listpack.count(m, Entry.valueAddress(m, entry)) >>> 1
        : ranking.length(entry);
  }

  private boolean isListpack(long entry) {
    assert Entry.type(m, entry) == Entry.ZSET;
    return Entry.encoding(m, entry) == Entry.LISTPACK;
  }

  /// Brings a member to hand; false if the set has no such member.
  public boolean find(long entry, Slice member) {
    if (member.node != 0) member = large.materialized(member);
    if (!isListpack(entry)) {
      long found = ranking.find(entry, member);
      hand(found);
      return found != 0;
    }
    long lp = Entry.valueAddress(m, entry);
    int at =
        Listpack.find(m, lp, Listpack.first(m, lp), member.array, member.offset, member.length, 1);
    listpack = lp;
    if (at == 0) return false;
    hand(lp, at);
    return true;
  }

  private void hand(long lp, int at) {
    listpack = lp;
    memberAt = at;
    scoreAt = Listpack.next(m, lp, at);
  }

  private void hand(long pair) {
    listpack = 0;
    this.pair = pair;
  }

  /// Gives a member this score, and makes it if need be. Beyond `maxEntries` members, or with a
  /// member of more than `maxValue` bytes, a new member makes a listpack large.
  public Put put(Place p, Slice member, double score, int maxEntries, int maxValue) {
    if (member.node != 0) member = large.materialized(member);
    boolean there = find(dictionary.entry(p), member);
    return putFound(p, there, member, score, maxEntries, maxValue);
  }

  /// The same right after [#find] (of that member, in that set), which said whether it is there.
  public Put putFound(
      Place p, boolean there, Slice member, double score, int maxEntries, int maxValue) {
    assert !Double.isNaN(score);
    if (there && score() == score) return Put.UNCHANGED;
    if (member.node != 0) member = large.materialized(member);
    long entry = dictionary.entry(p);
    if (isListpack(entry)) {
      if (fits(entry, there, member, maxEntries, maxValue)) {
        putInListpack(p, there, member, score);
        return there ? Put.CHANGED : Put.ADDED;
      }
      enlarge(p);
      entry = dictionary.entry(p);
      ranking.find(entry, member);
    }
    if (there) ranking.change(entry, member, score);
    else ranking.add(entry, member, score);
    return there ? Put.CHANGED : Put.ADDED;
  }

  /// Whether a listpack stays one: whatever the limits say about new members, it has to go into the
  /// entry.
  private boolean fits(long entry, boolean there, Slice member, int maxEntries, int maxValue) {
    if (!there && (member.length > maxValue || length(entry) >= maxEntries)) return false;
    int bytes = Listpack.bytes(m, Entry.valueAddress(m, entry));
    return bytes + member.length <= room(Entry.keyLength(m, entry)) - MEMBER_OVERHEAD;
  }

  /// How large a listpack may become in an entry.
  private static int room(int keyLength) {
    return Math.min(MAX_LISTPACK, Entry.room(keyLength));
  }

  private void putInListpack(Place p, boolean there, Slice member, double score) {
    int bytes = Listpack.bytes(m, listpack);
    int more = scoreBytes(score);
    if (!there) {
      more += Listpack.entryBytes(member.array, member.offset, member.length);
      insert(Entry.valueAddress(m, dictionary.resize(p, bytes + more)), member, score);
      return;
    }
    more -= Listpack.entryBytes(m, listpack, scoreAt);
    long lp =
        Entry.valueAddress(
            m, more > 0 ? dictionary.resize(p, bytes + more) : dictionary.writable(p));
    Listpack.delete(m, lp, memberAt, Listpack.after(m, lp, scoreAt), 2);
    insert(lp, member, score);
    if (more < 0) dictionary.resize(p, bytes + more);
  }

  /// Makes a listpack large, whole: at the default limits some 128 members, 30 µs. For a caller
  /// that knows that many members are to come.
  public void enlarge(Place p) {
    long old = dictionary.entry(p);
    if (!isListpack(old)) return;
    long converted = dictionary.renewed(old, Entry.SKIPLIST, Ranking.BYTES);
    ranking.init(converted);
    try {
      long lp = Entry.valueAddress(m, old);
      for (int at = Listpack.first(m, lp); at != 0; at = nextPair(lp, at)) {
        hand(lp, at);
        ranking.append(converted, scratch(), score());
      }
    } catch (OutOfMemoryError e) {
      dictionary.free(converted);
      throw e;
    }
    dictionary.replace(p, converted);
  }

  /// A copy of the member at hand.
  private Slice scratch() {
    int n = memberLength();
    if (memberBytes.length < n) memberBytes = new byte[2 * n];
    copyMember(memberBytes, 0);
    return memberSlice.set(memberBytes, 0, n);
  }

  private int scoreBytes(double score) {
    return isInteger(score)
        ? Listpack.entryBytes((long) score)
        : Listpack.entryBytes(scoreText, 0, Numbers.format(score, scoreText, 0));
  }

  /// Also of -0, which becomes 0, and not of 2^62 and more, which are integers as text.
  private static boolean isInteger(double score) {
    return score == (long) score && Math.abs(score) < 0x1p62;
  }

  /// Where a member that isn't there belongs in a listpack.
  private int positionOf(long lp, Slice member, double score) {
    int low = 0;
    int high = gather(lp);
    while (low < high) {
      int middle = low + high >>> 1;
      double there = scoreAt(lp, Listpack.next(m, lp, pairs[middle]));
      boolean before = there < score || there == score && compare(lp, pairs[middle], member) < 0;
      if (before) low = middle + 1;
      else high = middle;
    }
    return pairs[low];
  }

  /// Notes where the pairs of a listpack begin, and at last its end, in [#pairs]; returns how many
  /// there are. So few of the scores need be read, which are texts.
  private int gather(long lp) {
    int n = 0;
    int at = Listpack.HEADER;
    for (int end = Listpack.end(m, lp); at != end; n++) {
      if (n + 1 == pairs.length) pairs = Arrays.copyOf(pairs, 2 * n);
      pairs[n] = at;
      at = Listpack.after(m, lp, Listpack.after(m, lp, at));
    }
    pairs[n] = at;
    return n;
  }

  private void insert(long lp, Slice member, double score) {
    insert(lp, positionOf(lp, member, score), member, score);
  }

  private void append(long lp, Slice member, double score) {
    insert(lp, Listpack.end(m, lp), member, score);
  }

  private void insert(long lp, int at, Slice member, double score) {
    Listpack.insert(m, lp, at, member.array, member.offset, member.length);
    int valueAt = Listpack.after(m, lp, at);
    if (isInteger(score)) {
      Listpack.insert(m, lp, valueAt, (long) score);
    } else {
      Listpack.insert(m, lp, valueAt, scoreText, 0, Numbers.format(score, scoreText, 0));
    }
  }

  private double scoreAt(long lp, int at) {
    if (Listpack.isInteger(m, lp, at)) return Listpack.integer(m, lp, at);
    int n = Listpack.copyOut(m, lp, at, scoreText, 0);
    return Numbers.parseDouble(scoreText, 0, n);
  }

  /// A member of a listpack beside these bytes: negative, 0 or positive.
  private int compare(long lp, int at, Slice member) {
    if (!Listpack.isInteger(m, lp, at)) {
      return m.compare(
          Listpack.text(m, lp, at),
          Listpack.textLength(m, lp, at),
          member.array,
          member.offset,
          member.length);
    }
    int n = Listpack.copyOut(m, lp, at, digits, 0);
    return Arrays.compareUnsigned(
        digits, 0, n, member.array, member.offset, member.offset + member.length);
  }

  /// Deletes a member; false if there is none.
  public boolean delete(Place p, Slice member) {
    if (member.node != 0) member = large.materialized(member);
    long entry = dictionary.entry(p);
    if (!find(entry, member)) return false;
    if (isListpack(entry)) {
      cut(p, memberAt, Listpack.after(m, listpack, scoreAt), 1);
    } else {
      ranking.remove(entry, member);
    }
    return true;
  }

  /// Deletes `count` members from `rank` on.
  public void removeRange(Place p, long rank, long count) {
    if (count == 0) return;
    long entry = dictionary.entry(p);
    assert rank >= 0 && count > 0 && rank + count <= length(entry);
    if (!isListpack(entry)) {
      if (count < length(entry) || !replaceByEmpty(p)) ranking.removeRange(entry, rank, count);
      return;
    }
    long lp = Entry.valueAddress(m, entry);
    int from = Listpack.seek(m, lp, (int) (2 * rank));
    int to = Listpack.seek(m, lp, (int) (2 * (rank + count)));
    cut(p, from, to == 0 ? Listpack.end(m, lp) : to, (int) count);
  }

  /// Puts an empty set in the place of a large one, which is released whole; false if there is no
  /// memory for that.
  private boolean replaceByEmpty(Place p) {
    long empty;
    try {
      empty = dictionary.renewed(p.entry, Entry.LISTPACK, Listpack.EMPTY);
    } catch (OutOfMemoryError e) {
      return false;
    }
    Listpack.clear(m, Entry.valueAddress(m, empty));
    dictionary.replace(p, empty);
    return true;
  }

  private void cut(Place p, int from, int to, int members) {
    long lp = Entry.valueAddress(m, dictionary.writable(p));
    int bytes = Listpack.bytes(m, lp);
    Listpack.delete(m, lp, from, to, 2 * members);
    dictionary.resize(p, bytes - (to - from));
  }

  // ── ranks ──

  /// Brings a member to hand and tells its rank; -1 if the set has no such member.
  public long rank(long entry, Slice member) {
    if (member.node != 0) member = large.materialized(member);
    if (!find(entry, member)) return -1;
    if (!isListpack(entry)) return ranking.rank(entry, member);
    long rank = 0;
    for (int at = Listpack.HEADER; at != memberAt; rank++) {
      at = Listpack.after(m, listpack, Listpack.after(m, listpack, at));
    }
    return rank;
  }

  /// Brings the member of that rank to hand; false if there is none.
  public boolean at(long entry, long rank) {
    if (rank < 0 || rank >= length(entry)) return false;
    if (isListpack(entry)) {
      long lp = Entry.valueAddress(m, entry);
      hand(lp, Listpack.seek(m, lp, (int) (2 * rank)));
    } else {
      hand(ranking.at(entry, rank));
    }
    return true;
  }

  /// The members with scores from `min` to `max`.
  public Ranks scoreRange(
      long entry, double min, boolean minExclusive, double max, boolean maxExclusive) {
    long from = minExclusive ? notAbove(entry, min) : below(entry, min);
    long to = maxExclusive ? below(entry, max) : notAbove(entry, max);
    return to <= from ? Ranks.NONE : new Ranks(from, to);
  }

  /// How many members have a score below `score`.
  private long below(long entry, double score) {
    return isListpack(entry) ? belowInListpack(entry, score, false) : ranking.below(entry, score);
  }

  /// How many members have a score of at most `score`.
  private long notAbove(long entry, double score) {
    return isListpack(entry) ? belowInListpack(entry, score, true) : ranking.notAbove(entry, score);
  }

  private long belowInListpack(long entry, double score, boolean included) {
    long lp = Entry.valueAddress(m, entry);
    int low = 0;
    int high = gather(lp);
    while (low < high) {
      int middle = low + high >>> 1;
      double there = scoreAt(lp, Listpack.next(m, lp, pairs[middle]));
      if (there < score || included && there == score) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private int nextPair(long lp, int at) {
    return Listpack.next(m, lp, Listpack.next(m, lp, at));
  }

  /// The members from `min` to `max`, of a set whose scores are all equal. Of another set it is
  /// some part; of a listpack the one that Redis takes when it goes upwards.
  public Ranks lexRange(long entry, LexBound min, LexBound max) {
    LexBound low = materialized(min);
    LexBound high = materialized(max);
    if (isOutside(entry, low, high)) return Ranks.NONE;
    if (!isListpack(entry)) return lexRangeOfLarge(entry, low, high);
    long lp = Entry.valueAddress(m, entry);
    long from = 0;
    int at = Listpack.first(m, lp);
    for (; at != 0; at = nextPair(lp, at), from++) {
      hand(lp, at);
      if (reaches(low)) break;
    }
    long to = from;
    for (; at != 0; at = nextPair(lp, at), to++) {
      hand(lp, at);
      if (passes(high)) break;
    }
    return to == from ? Ranks.NONE : new Ranks(from, to);
  }

  /// The same going downwards.
  public Ranks lexRangeBackwards(long entry, LexBound min, LexBound max) {
    LexBound low = materialized(min);
    LexBound high = materialized(max);
    if (isOutside(entry, low, high)) return Ranks.NONE;
    if (!isListpack(entry)) return lexRangeOfLarge(entry, low, high);
    long lp = Entry.valueAddress(m, entry);
    long to = length(entry);
    int at = previousPair(lp, Listpack.end(m, lp));
    for (; at != 0; at = previousPair(lp, at), to--) {
      hand(lp, at);
      if (!passes(high)) break;
    }
    long from = to;
    for (; at != 0; at = previousPair(lp, at), from--) {
      hand(lp, at);
      if (!reaches(low)) break;
    }
    return to == from ? Ranks.NONE : new Ranks(from, to);
  }

  private Ranks lexRangeOfLarge(long entry, LexBound min, LexBound max) {
    long from = min.side == LexBound.BEFORE ? 0 : ranking.before(entry, min.member, min.exclusive);
    long to =
        max.side == LexBound.BEHIND
            ? length(entry)
            : ranking.before(entry, max.member, !max.exclusive);
    return to <= from ? Ranks.NONE : new Ranks(from, to);
  }

  private int previousPair(long lp, int at) {
    int score = Listpack.previous(m, lp, at);
    return score == 0 ? 0 : Listpack.previous(m, lp, score);
  }

  private LexBound materialized(LexBound bound) {
    return bound.member.node == 0
        ? bound
        : new LexBound(bound.side, large.materialized(bound.member), bound.exclusive);
  }

  /// Whether nothing can be in the range, by what Redis looks at first.
  private boolean isOutside(long entry, LexBound min, LexBound max) {
    if (min.side == LexBound.AT && max.side == LexBound.AT) {
      int order = min.member.compare(max.member);
      if (order > 0 || order == 0 && (min.exclusive || max.exclusive)) return true;
    }
    if (!at(entry, length(entry) - 1) || !reaches(min)) return true;
    at(entry, 0);
    return passes(max);
  }

  /// Whether the member at hand isn't before the bound.
  private boolean reaches(LexBound min) {
    if (min.side != LexBound.AT) return min.side == LexBound.BEFORE;
    int order = compareAtHand(min.member);
    return min.exclusive ? order > 0 : order >= 0;
  }

  /// Whether the member at hand is behind the bound.
  private boolean passes(LexBound max) {
    if (max.side != LexBound.AT) return max.side == LexBound.BEFORE;
    int order = compareAtHand(max.member);
    return max.exclusive ? order >= 0 : order > 0;
  }

  private int compareAtHand(Slice member) {
    return listpack != 0
        ? compare(listpack, memberAt, member)
        : m.compare(
            Entry.keyAddress(m, pair),
            Entry.keyLength(m, pair),
            member.array,
            member.offset,
            member.length);
  }

  // ── visits ──

  /// Visits all members in ascending order.
  public void each(long entry, Visitor visitor) {
    visit(entry, 0, Long.MAX_VALUE, visitor);
  }

  /// Visits up to `count` members in ascending order, from `rank` on.
  public void visit(long entry, long rank, long count, Visitor visitor) {
    long left = Math.min(count, length(entry) - rank);
    if (rank < 0 || left <= 0) return;
    if (isListpack(entry)) {
      long lp = Entry.valueAddress(m, entry);
      int at = Listpack.seek(m, lp, (int) (2 * rank));
      for (; left > 0; at = nextPair(lp, at), left--) {
        hand(lp, at);
        visitor.member(this);
      }
      return;
    }
    long[] entries = new long[(int) Math.min(left, OrderedTree.MAX)];
    for (long next = rank; left > 0; ) {
      int n = ranking.ascending(entry, next, left, entries);
      visit(entries, n, visitor);
      next += n;
      left -= n;
    }
  }

  /// Visits up to `count` members in descending order, from `rank` on.
  public void visitBackwards(long entry, long rank, long count, Visitor visitor) {
    long left = Math.min(count, rank + 1);
    if (rank >= length(entry) || left <= 0) return;
    if (isListpack(entry)) {
      long lp = Entry.valueAddress(m, entry);
      int at = Listpack.seek(m, lp, (int) (2 * rank));
      for (; left > 0; at = previousPair(lp, at), left--) {
        hand(lp, at);
        visitor.member(this);
      }
      return;
    }
    long[] entries = new long[(int) Math.min(left, OrderedTree.MAX)];
    for (long next = rank; left > 0; ) {
      int n = ranking.descending(entry, next, left, entries);
      visit(entries, n, visitor);
      next -= n;
      left -= n;
    }
  }

  private void visit(long[] entries, int n, Visitor visitor) {
    for (int i = 0; i < n; i++) {
      hand(entries[i]);
      visitor.member(this);
    }
  }

  /// Visits some members from `cursor` on, as [Dictionary#scan] does (a listpack whole), and
  /// returns the next cursor or 0.
  public long scan(long entry, long cursor, int count, Visitor visitor) {
    if (isListpack(entry)) {
      each(entry, visitor);
      return 0;
    }
    return dictionary.scan(
        Entry.valueAddress(m, entry),
        cursor,
        count,
        member -> {
          hand(member);
          visitor.member(this);
        });
  }

  /// Brings a random member to hand, each with the same probability. The set isn't empty.
  public void random(long entry, Random source) {
    at(entry, source.nextLong(length(entry)));
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
    if (isListpack(entry) || !Selection.byPicking(size, count)) {
      each(
          entry,
          at -> {
            if (selection.takes()) visitor.member(at);
          });
      return;
    }
    while (!selection.isComplete()) {
      random(entry, source);
      if (selection.isNew(pair)) visitor.member(this);
    }
  }

  // ── the member at hand ──

  public double score() {
    return listpack != 0 ? scoreAt(listpack, scoreAt) : ranking.score(pair);
  }

  public int memberLength() {
    return listpack != 0 ? Listpack.length(m, listpack, memberAt) : Entry.keyLength(m, pair);
  }

  /// Where the bytes of the member are, of a large set.
  public long memberAddress() {
    assert listpack == 0;
    return Entry.keyAddress(m, pair);
  }

  /// Copies the member to `to[at…]` and returns its length.
  public int copyMember(byte[] to, int at) {
    if (listpack != 0) return Listpack.copyOut(m, listpack, memberAt, to, at);
    int length = Entry.keyLength(m, pair);
    m.copyOut(Entry.keyAddress(m, pair), to, at, length);
    return length;
  }

  /// The member, in an array of its own.
  public byte[] member() {
    byte[] bytes = new byte[memberLength()];
    copyMember(bytes, 0);
    return bytes;
  }

  /// Replies with the member as a bulk string.
  public void writeMember(RespWriter out) {
    if (listpack == 0) {
      Bulk.write(m, out, Entry.keyAddress(m, pair), Entry.keyLength(m, pair));
    } else if (Listpack.isInteger(m, listpack, memberAt)) {
      out.bulk(Listpack.integer(m, listpack, memberAt));
    } else {
      Bulk.write(
          m, out, Listpack.text(m, listpack, memberAt), Listpack.textLength(m, listpack, memberAt));
    }
  }

  // ── what all types are asked ──

  @Override
  public String typeName() {
    return "zset";
  }

  @Override
  public int encoding(long entry) {
    return Entry.encoding(m, entry);
  }

  /// A listpack that doesn't fit becomes large.
  @Override
  public void fit(Place p, int keyLength) {
    long entry = dictionary.entry(p);
    if (isListpack(entry) && Entry.valueLength(m, entry) > Entry.room(keyLength)) enlarge(p);
  }

  @Override
  public void contents(long entry, Contents to) {
    each(entry, at -> to.member(ByteRun.of(at.member()), ByteRun.of(Numbers.shortest(at.score()))));
  }

  // ── drafts ──

  /// An empty set that is nowhere yet, for the key `key`.
  public NewSortedSet draft(Slice key) {
    return new NewSortedSet(key);
  }

  /// A set in the making, from many. First its own verbs fill it. Then [#store] puts it where a key
  /// is or would be, or [#entry] lets it be read; from then on nothing is put into it any more.
  public final class NewSortedSet implements AutoCloseable {
    private long entry; // 0: stored
    private boolean ordered;

    private NewSortedSet(Slice key) {
      entry = dictionary.create(key, Entry.ZSET, Entry.SKIPLIST, Ranking.BYTES, -1);
      ranking.init(entry);
    }

    public long length() {
      return ranking.length(entry);
    }

    /// Puts a member; if it is there already, with the score that `merged` makes of its score and
    /// this one.
    public void collect(Slice member, double score, DoubleBinaryOperator merged) {
      assert !ordered && !Double.isNaN(score);
      if (member.node != 0) member = large.materialized(member);
      long there = ranking.find(entry, member);
      if (there == 0) {
        ranking.addUnordered(member, score);
      } else {
        double both = merged.applyAsDouble(ranking.score(there), score);
        assert !Double.isNaN(both);
        ranking.changeUnordered(both);
      }
    }

    /// The same for the member at hand, with a score of the caller's.
    public void collect(SortedSetValue at, double score, DoubleBinaryOperator merged) {
      assert at == SortedSetValue.this;
      collect(scratch(), score, merged);
    }

    /// Takes a member out again; false if there is none.
    public boolean remove(Slice member) {
      assert !ordered;
      if (member.node != 0) member = large.materialized(member);
      if (ranking.find(entry, member) == 0) return false;
      ranking.removeUnordered();
      return true;
    }

    /// The same for the member at hand.
    public boolean remove(SortedSetValue at) {
      assert at == SortedSetValue.this;
      return remove(scratch());
    }

    /// The set, for all verbs that read one.
    public long entry() {
      if (!ordered) ranking.order(entry);
      ordered = true;
      return entry;
    }

    /// Puts the set, which isn't empty, where `p` says, in the place of what is there. It is a
    /// listpack if it keeps to these limits. Only once, and the last that is asked of it.
    public void store(Place p, int maxEntries, int maxValue) {
      assert length() > 0;
      long whole = entry();
      int bytes = listpackBytes(whole, maxEntries, maxValue);
      if (bytes < 0) {
        dictionary.put(p, whole);
        entry = 0;
        return;
      }
      long small = dictionary.renewed(whole, Entry.LISTPACK, bytes);
      long lp = Entry.valueAddress(m, small);
      Listpack.clear(m, lp);
      each(whole, at -> append(lp, scratch(), score()));
      assert Listpack.bytes(m, lp) == bytes;
      try {
        dictionary.put(p, small);
      } catch (OutOfMemoryError e) {
        dictionary.free(small);
        throw e;
      }
    }

    /// How large a listpack of a set would be, -1 if it would be beyond the limits.
    private int listpackBytes(long set, int maxEntries, int maxValue) {
      if (SortedSetValue.this.length(set) > maxEntries) return -1;
      long[] bytes = {Listpack.EMPTY};
      each(
          set,
          at -> {
            Slice member = scratch();
            bytes[0] +=
                member.length > maxValue
                    ? MAX_LISTPACK
                    : Listpack.entryBytes(member.array, 0, member.length) + scoreBytes(score());
          });
      return bytes[0] <= room(Entry.keyLength(m, set)) ? (int) bytes[0] : -1;
    }

    /// Frees the set unless it was stored as it is.
    @Override
    public void close() {
      if (entry != 0) dictionary.release(entry);
      entry = 0;
    }
  }
}
