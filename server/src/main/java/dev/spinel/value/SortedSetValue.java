package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Random;
import java.util.function.DoubleBinaryOperator;

/// Sorted sets: members in the order of their scores, members of one score in the order of their
/// bytes (`memcmp`, a shorter prefix first). Small ones are a listpack of member, score, member,
/// score… in that order ([Entry#LISTPACK]), as Redis lays it out.
///
/// **Ranks are the currency.** A rank is a member's index in ascending order, from 0. Whatever
/// names a part of the set, by score or by member, is first turned into [Ranks] in O(log n);
/// counting, visiting and removing then go by rank:
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
/// Scores are never NaN: the caller sees to it. Of -0 and 0, which are equal, a listpack keeps 0,
/// as in Redis.
///
/// **A new set from many** (the STORE forms, ZUNION…) is a [Draft]: outside any table, in memory
/// that is given back when it is closed, unless it was stored.
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
  private byte[] memberBytes = new byte[128]; // scratch of drafts
  private final Slice memberSlice = new Slice();

  // The member at hand: positions in a listpack.
  private long listpack;
  private int memberAt;
  private int scoreAt;

  SortedSetValue(Dictionary dictionary, LargeStrings large) {
    this.dictionary = dictionary;
    this.large = large;
    this.m = dictionary.memory;
  }

  // ── one set ──

  /// Puts an empty set where `p` says there is nothing.
  public void create(Place p, Slice key) {
    dictionary.insert(p, emptyListpack(key, Listpack.EMPTY));
  }

  private long emptyListpack(Slice key, int capacity) {
    long e = dictionary.create(key, Entry.ZSET, Entry.LISTPACK, capacity, -1);
    Entry.valueLength(m, e, Listpack.EMPTY);
    Listpack.clear(m, Entry.valueAddress(m, e));
    return e;
  }

  /// How many members.
  public long length(long entry) {
    return Listpack.count(m, listpackOf(entry)) >>> 1;
  }

  private long listpackOf(long entry) {
    assert Entry.type(m, entry) == Entry.ZSET && Entry.encoding(m, entry) == Entry.LISTPACK;
    return Entry.valueAddress(m, entry);
  }

  /// Brings a member to hand; false if the set has no such member.
  public boolean find(long entry, Slice member) {
    if (member.node != 0) member = large.materialized(member);
    long lp = listpackOf(entry);
    int at =
        Listpack.find(m, lp, Listpack.first(m, lp), member.array, member.offset, member.length, 1);
    if (at == 0) return false;
    hand(lp, at);
    return true;
  }

  private void hand(long lp, int at) {
    listpack = lp;
    memberAt = at;
    scoreAt = Listpack.next(m, lp, at);
  }

  /// Gives a member this score, and makes it if need be. Beyond `maxEntries` members, or with a
  /// member of more than `maxValue` bytes, a new member makes a listpack the other encoding.
  public Put put(Place p, Slice member, double score, int maxEntries, int maxValue) {
    if (member.node != 0) member = large.materialized(member);
    boolean there = find(dictionary.entry(p), member);
    return putFound(p, there, member, score, maxEntries, maxValue);
  }

  /// The same right after [#find] (of that member, in that set), which said whether it is there.
  public Put putFound(
      Place p, boolean there, Slice member, double score, int maxEntries, int maxValue) {
    assert !Double.isNaN(score);
    if (member.node != 0) member = large.materialized(member);
    long lp = listpackOf(dictionary.entry(p));
    int bytes = Listpack.bytes(m, lp);
    int more = scoreBytes(score);
    if (there) {
      assert listpack == lp;
      if (score() == score) return Put.UNCHANGED;
      more -= Listpack.entryBytes(m, lp, scoreAt);
      lp = Entry.valueAddress(m, grow(p, bytes, more));
      int from = memberAt;
      Listpack.delete(m, lp, from, Listpack.after(m, lp, scoreAt), 2);
      insert(lp, member, score);
      if (more < 0) dictionary.resize(p, bytes + more);
      return Put.CHANGED;
    }
    more += Listpack.entryBytes(member.array, member.offset, member.length);
    insert(Entry.valueAddress(m, grow(p, bytes, more)), member, score);
    return Put.ADDED;
  }

  private long grow(Place p, int bytes, int more) {
    if (more <= 0) return dictionary.writable(p);
    if (bytes + more > MAX_LISTPACK) throw new UnsupportedOperationException("large sorted sets");
    return dictionary.resize(p, bytes + more);
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
    int end = Listpack.end(m, lp);
    int at = Listpack.HEADER;
    while (at != end) {
      int valueAt = Listpack.after(m, lp, at);
      double there = scoreAt(lp, valueAt);
      if (there > score || there == score && compare(lp, at, member) > 0) return at;
      at = Listpack.after(m, lp, valueAt);
    }
    return end;
  }

  private void insert(long lp, Slice member, double score) {
    int at = positionOf(lp, member, score);
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
    return java.util.Arrays.compareUnsigned(
        digits, 0, n, member.array, member.offset, member.offset + member.length);
  }

  /// Deletes a member; false if there is none.
  public boolean delete(Place p, Slice member) {
    if (!find(dictionary.entry(p), member)) return false;
    int end = Listpack.after(m, listpack, scoreAt);
    cut(p, memberAt, end, 1);
    return true;
  }

  /// Deletes `count` members from `rank` on.
  public void removeRange(Place p, long rank, long count) {
    if (count == 0) return;
    long lp = listpackOf(dictionary.entry(p));
    assert rank >= 0 && rank + count <= length(p.entry);
    int from = Listpack.seek(m, lp, (int) (2 * rank));
    int to = Listpack.seek(m, lp, (int) (2 * (rank + count)));
    cut(p, from, to == 0 ? Listpack.end(m, lp) : to, (int) count);
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
    if (!find(entry, member)) return -1;
    long rank = 0;
    for (int at = Listpack.HEADER; at != memberAt; rank++) at = pairAfter(listpack, at);
    return rank;
  }

  private int pairAfter(long lp, int at) {
    return Listpack.after(m, lp, Listpack.after(m, lp, at));
  }

  /// Brings the member of that rank to hand; false if there is none.
  public boolean at(long entry, long rank) {
    if (rank < 0 || rank >= length(entry)) return false;
    long lp = listpackOf(entry);
    hand(lp, Listpack.seek(m, lp, (int) (2 * rank)));
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
    long lp = listpackOf(entry);
    long n = 0;
    for (int at = Listpack.first(m, lp); at != 0; at = nextPair(lp, at), n++)
      if (scoreAt(lp, Listpack.next(m, lp, at)) >= score) break;
    return n;
  }

  /// How many members have a score of at most `score`.
  private long notAbove(long entry, double score) {
    long lp = listpackOf(entry);
    long n = 0;
    for (int at = Listpack.first(m, lp); at != 0; at = nextPair(lp, at), n++)
      if (scoreAt(lp, Listpack.next(m, lp, at)) > score) break;
    return n;
  }

  private int nextPair(long lp, int at) {
    return Listpack.next(m, lp, Listpack.next(m, lp, at));
  }

  /// The members from `min` to `max`, of a set whose scores are all equal. Of another set it is
  /// some part, if a listpack the same that Redis takes when it goes upwards.
  public Ranks lexRange(long entry, LexBound min, LexBound max) {
    min = materialized(min);
    max = materialized(max);
    if (isOutside(entry, min, max)) return Ranks.NONE;
    long lp = listpackOf(entry);
    long from = 0;
    int at = Listpack.first(m, lp);
    for (; at != 0 && !reaches(lp, at, min); from++) at = nextPair(lp, at);
    long to = from;
    for (; at != 0 && !passes(lp, at, max); to++) at = nextPair(lp, at);
    return to == from ? Ranks.NONE : new Ranks(from, to);
  }

  /// The same going downwards.
  public Ranks lexRangeBackwards(long entry, LexBound min, LexBound max) {
    min = materialized(min);
    max = materialized(max);
    if (isOutside(entry, min, max)) return Ranks.NONE;
    long lp = listpackOf(entry);
    long to = length(entry);
    int at = previousPair(lp, Listpack.end(m, lp));
    for (; at != 0 && passes(lp, at, max); to--) at = previousPair(lp, at);
    long from = to;
    for (; at != 0 && reaches(lp, at, min); from--) at = previousPair(lp, at);
    return to == from ? Ranks.NONE : new Ranks(from, to);
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

  private boolean isOutside(long entry, LexBound min, LexBound max) {
    if (min.side == LexBound.AT && max.side == LexBound.AT) {
      int order = min.member.compare(max.member);
      if (order > 0 || order == 0 && (min.exclusive || max.exclusive)) return true;
    }
    long lp = listpackOf(entry);
    int first = Listpack.first(m, lp);
    return first == 0
        || !reaches(lp, previousPair(lp, Listpack.end(m, lp)), min)
        || passes(lp, first, max);
  }

  private boolean reaches(long lp, int at, LexBound min) {
    if (min.side != LexBound.AT) return min.side == LexBound.BEFORE;
    int order = compare(lp, at, min.member);
    return min.exclusive ? order > 0 : order >= 0;
  }

  private boolean passes(long lp, int at, LexBound max) {
    if (max.side != LexBound.AT) return max.side == LexBound.BEFORE;
    int order = compare(lp, at, max.member);
    return max.exclusive ? order >= 0 : order > 0;
  }

  // ── visits ──

  /// Visits all members in ascending order.
  public void each(long entry, Visitor visitor) {
    visit(entry, 0, Long.MAX_VALUE, visitor);
  }

  /// Visits up to `count` members in ascending order, from `rank` on.
  public void visit(long entry, long rank, long count, Visitor visitor) {
    if (rank < 0 || rank >= length(entry)) return;
    long lp = listpackOf(entry);
    int at = Listpack.seek(m, lp, (int) (2 * rank));
    for (long left = count; at != 0 && left > 0; at = nextPair(lp, at), left--) {
      hand(lp, at);
      visitor.member(this);
    }
  }

  /// Visits up to `count` members in descending order, from `rank` on.
  public void visitBackwards(long entry, long rank, long count, Visitor visitor) {
    if (rank < 0 || rank >= length(entry)) return;
    long lp = listpackOf(entry);
    int at = Listpack.seek(m, lp, (int) (2 * rank));
    for (long left = count; at != 0 && left > 0; at = previousPair(lp, at), left--) {
      hand(lp, at);
      visitor.member(this);
    }
  }

  /// Visits some members from `cursor` on, as [Dictionary#scan] does (a listpack whole), and
  /// returns the next cursor or 0.
  public long scan(long entry, long cursor, int count, Visitor visitor) {
    each(entry, visitor);
    return 0;
  }

  /// Brings a random member to hand, each with the same probability. The set isn't empty.
  public void random(long entry, Random source) {
    at(entry, source.nextLong(length(entry)));
  }

  /// Visits `count` different members at random, each subset with the same probability; all if
  /// there are no more.
  public void sample(long entry, long count, Random source, Visitor visitor) {
    // selection sampling (Knuth 3.4.2 S): of `left` that come, `wanted` are taken
    long left = length(entry);
    long wanted = Math.min(count, left);
    for (long rank = 0; wanted > 0; rank++, left--) {
      if (source.nextLong(left) >= wanted) continue;
      wanted--;
      at(entry, rank);
      visitor.member(this);
    }
  }

  // ── the member at hand ──

  public double score() {
    return scoreAt(listpack, scoreAt);
  }

  public int memberLength() {
    return Listpack.length(m, listpack, memberAt);
  }

  /// Copies the member to `to[at…]` and returns its length.
  public int copyMember(byte[] to, int at) {
    return Listpack.copyOut(m, listpack, memberAt, to, at);
  }

  /// The member, in an array of its own.
  public byte[] member() {
    byte[] bytes = new byte[memberLength()];
    copyMember(bytes, 0);
    return bytes;
  }

  /// Replies with the member as a bulk string.
  public void writeMember(RespWriter out) {
    if (Listpack.isInteger(m, listpack, memberAt)) {
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

  @Override
  public void fit(Place p, int keyLength) {}

  @Override
  public void contents(long entry, Contents to) {
    each(entry, at -> to.member(at.member(), Numbers.shortest(at.score())));
  }

  // ── drafts ──

  /// An empty set that is nowhere yet, for the key `key`, whose bytes stay where they are until it
  /// is stored.
  public Draft draft(Slice key) {
    return new Draft(key);
  }

  /// A set in the making, from many. Its own verbs fill it; then [#store] puts it where a key is or
  /// would be, or it is read: [#entry] is good for all of [SortedSetValue]'s verbs that take one.
  public final class Draft implements AutoCloseable {
    private long entry;
    private int longest; // bytes of the longest member

    private Draft(Slice key) {
      entry = emptyListpack(key, 256);
    }

    public long length() {
      return SortedSetValue.this.length(entry);
    }

    /// Puts a member; if it is there already, with the score that `merged` makes of its score and
    /// this one.
    public void collect(Slice member, double score, DoubleBinaryOperator merged) {
      if (member.node != 0) member = large.materialized(member);
      longest = Math.max(longest, member.length);
      boolean there = find(entry, member);
      double now = there ? merged.applyAsDouble(score(), score) : score;
      assert !Double.isNaN(now);
      long lp = listpackOf(entry);
      int bytes = Listpack.bytes(m, lp);
      if (there) Listpack.delete(m, lp, memberAt, Listpack.after(m, lp, scoreAt), 2);
      grow(bytes + member.length + MEMBER_OVERHEAD);
      lp = listpackOf(entry);
      insert(lp, member, now);
      Entry.valueLength(m, entry, Listpack.bytes(m, lp));
    }

    /// The same for the member at hand, of whatever set, with a score of the caller's.
    public void collect(SortedSetValue at, double score, DoubleBinaryOperator merged) {
      int n = at.memberLength();
      if (memberBytes.length < n) memberBytes = new byte[2 * n];
      at.copyMember(memberBytes, 0);
      collect(memberSlice.set(memberBytes, 0, n), score, merged);
    }

    /// Takes a member out again; false if there is none.
    public boolean remove(Slice member) {
      if (!find(entry, member)) return false;
      Listpack.delete(m, listpack, memberAt, Listpack.after(m, listpack, scoreAt), 2);
      Entry.valueLength(m, entry, Listpack.bytes(m, listpack));
      return true;
    }

    private void grow(int bytes) {
      int capacity = Entry.valueCapacity(m, dictionary.allocator, entry);
      if (bytes <= capacity) return;
      if (bytes > MAX_LISTPACK) throw new UnsupportedOperationException("large sorted sets");
      long larger = dictionary.renewed(entry, Entry.LISTPACK, Math.max(bytes, 2 * capacity));
      long from = listpackOf(entry);
      m.copy(from, Entry.valueAddress(m, larger), Listpack.bytes(m, from));
      Entry.valueLength(m, larger, Listpack.bytes(m, from));
      dictionary.free(entry);
      entry = larger;
    }

    /// The set, for the verbs that read one: its members are in order.
    public long entry() {
      return entry;
    }

    /// Puts the set, which isn't empty, where `p` says, in the place of what is there. It is a
    /// listpack if it keeps to these limits. Only once; nothing else may be asked of it afterwards.
    public void store(Place p, int maxEntries, int maxValue) {
      assert length() > 0;
      dictionary.put(p, entry);
      entry = 0;
    }

    /// Frees the set unless it was stored.
    @Override
    public void close() {
      if (entry != 0) dictionary.release(entry);
      entry = 0;
    }
  }
}
