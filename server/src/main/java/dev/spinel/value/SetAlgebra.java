package dev.spinel.value;

import dev.spinel.value.MemberBatch.Kept;
import dev.spinel.value.SetValue.Thresholds;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Arrays;

/// Intersections, unions and differences of sets, into a reply or into a [Draft].
///
/// Members are read and looked up in batches ([MemberBatch]), and what is left of a batch goes on
/// at once, so that no result is ever kept beside the sets but where Redis's order of the reply
/// depends on it.
///
/// **Order and shape are Redis's where they can be told.** Redis builds unions and differences in a
/// set of their own, which begins as an intset and changes its shape as it grows; the reply is in
/// the order of that set, and a STORE form leaves it as it is. As long as such a set would be an
/// intset or a listpack, it is built here, too (a [Draft]); once it would be a hash table, whose
/// order means nothing, members go straight to the reply.
///
/// Sets are given as addresses of entries in an array whose order the verbs may change; for unions
/// and differences 0 stands for a key that isn't there. One per seat; the locks of all their slots
/// are held. No set changes.
public final class SetAlgebra {
  /// A union of more sets is built, and not looked up in the sets before.
  private static final int FEW = 4;

  private static final Slice NO_NAME = new Slice();
  private static final long[] NO_ENTRIES = {};

  private final Dictionary dictionary;
  private final SetValue sets;
  private final MemberBatch batch;

  SetAlgebra(Dictionary dictionary, SetValue sets) {
    this.dictionary = dictionary;
    this.sets = sets;
    this.batch = new MemberBatch(dictionary);
  }

  private int encoding(long entry) {
    return Entry.encoding(dictionary.memory, entry);
  }

  /// Whether a set of so many members is a dictionary whatever they are.
  private static boolean isLarge(long length, Thresholds limits) {
    return length > limits.intset() && length > limits.listpack();
  }

  // ── intersections ──

  /// Replies with the members that all of the first `count` sets have, and returns their number.
  public long intersection(long[] entries, int count, RespWriter out) {
    return intersection(entries, count, 0, member -> member.writeMember(out));
  }

  /// How many members all of the first `count` sets have; it stops counting at `limit`, unless that
  /// is 0.
  public long intersectionSize(long[] entries, int count, long limit) {
    return intersection(entries, count, limit, member -> {});
  }

  /// Makes the set of the members that all of the first `count` sets have; it may be empty.
  public void intersection(long[] entries, int count, Thresholds limits, Draft draft, Slice name) {
    smallestFirst(entries, count);
    boolean integers = encoding(entries[0]) == Entry.INTSET;
    sets.create(draft.place, name, integers ? Entry.INTSET : Entry.LISTPACK);
    boolean[] onlyIntegers = {true};
    intersection(
        entries,
        count,
        0,
        member -> {
          onlyIntegers[0] &= member.isInteger() || SetValue.isInteger(member.member());
          sets.add(draft.place, member, limits);
        });
    if (onlyIntegers[0] && sets.length(draft.entry()) > 0) {
      sets.toIntset(draft.place, limits);
    }
  }

  private long intersection(long[] entries, int count, long limit, MemberBatch.Visitor visitor) {
    smallestFirst(entries, count);
    long found = 0;
    batch.open(entries[0]);
    try {
      while (batch.next()) {
        for (int i = 1; i < count && batch.left() > 0; i++) {
          if (entries[i] != entries[0]) batch.keep(entries[i], Kept.PRESENT);
        }
        batch.each(visitor);
        found += batch.left();
        if (limit != 0 && found >= limit) return limit;
      }
    } finally {
      batch.close();
    }
    return found;
  }

  /// Sorts sets by their lengths; equal ones stay in their order.
  private void smallestFirst(long[] entries, int count) {
    if (count == 1) return;
    long[] lengths = new long[count];
    boolean sorted = true;
    for (int i = 0; i < count; i++) {
      lengths[i] = sets.length(entries[i]);
      sorted &= i == 0 || lengths[i - 1] <= lengths[i];
    }
    if (sorted) return;
    long[] byLength = new long[count];
    for (int i = 0; i < count; i++) byLength[i] = lengths[i] << INDEX_BITS | i;
    Arrays.sort(byLength);
    long[] old = Arrays.copyOf(entries, count);
    for (int i = 0; i < count; i++) entries[i] = old[(int) (byLength[i] & (1L << INDEX_BITS) - 1)];
  }

  private static final int INDEX_BITS = 31; // more arguments than any call has

  // ── unions ──

  /// Replies with the members that any of the first `count` sets has, and returns their number.
  public long union(long[] entries, int count, Thresholds limits, RespWriter out) {
    if (count > FEW) {
      try (Draft draft = new Draft(dictionary, NO_NAME)) {
        union(entries, count, limits, draft, NO_NAME);
        sets.each(draft.entry(), member -> member.writeMember(out));
        return sets.length(draft.entry());
      }
    }
    try (Collector collector = new Collector(out, limits, longest(entries, count))) {
      addDifferent(entries, count, collector);
      return collector.end();
    }
  }

  /// Those of the sets whose members a union in a reply collects before it writes them.
  public long[] collectedByUnion(long[] entries) {
    return entries.length > FEW ? entries : NO_ENTRIES;
  }

  /// Makes the set of the members that any of the first `count` sets has; it may be empty.
  ///
  /// Where these may be more than a listpack holds, it is a dictionary from the start. If they turn
  /// out to be fewer, it is made again: a listpack keeps the order in which members came.
  public void union(long[] entries, int count, Thresholds limits, Draft draft, Slice name) {
    boolean large = isLarge(longest(entries, count), limits);
    if (large || mayBeLarge(entries, count, limits)) {
      sets.create(draft.place, name, Entry.NESTED);
      addAll(entries, count, limits, draft);
      if (large || sets.length(draft.entry()) > limits.listpack()) return;
      draft.discard();
    }
    sets.create(draft.place, name, Entry.INTSET);
    if (count <= FEW) {
      addDifferent(entries, count, member -> sets.add(draft.place, member, limits));
    } else {
      addAll(entries, count, limits, draft);
    }
  }

  /// Whether a union is a dictionary unless its sets have much in common: it can't be an intset.
  private boolean mayBeLarge(long[] entries, int count, Thresholds limits) {
    long sum = 0;
    boolean hasText = false;
    for (int i = 0; i < count; i++) {
      if (entries[i] == 0) continue;
      sum += sets.length(entries[i]);
      hasText |= sets.beginsWithText(entries[i]);
    }
    return hasText && sum > limits.listpack();
  }

  private void addAll(long[] entries, int count, Thresholds limits, Draft draft) {
    for (int i = 0; i < count; i++) {
      if (entries[i] != 0) each(entries[i], limits, draft);
    }
  }

  private void each(long entry, Thresholds limits, Draft draft) {
    batch.open(entry);
    try {
      while (batch.next()) {
        batch.each(
            member -> {
              int encoding = encoding(draft.entry());
              if (encoding == Entry.LISTPACK) {
                sets.add(draft.place, member.member(), limits);
              } else {
                sets.add(draft.place, member, limits);
              }
            });
      }
    } finally {
      batch.close();
    }
  }

  private long longest(long[] entries, int count) {
    long longest = 0;
    for (int i = 0; i < count; i++) {
      if (entries[i] != 0) longest = Math.max(longest, sets.length(entries[i]));
    }
    return longest;
  }

  /// Visits the members of all sets, each once: those that no set before has.
  private void addDifferent(long[] entries, int count, MemberBatch.Visitor visitor) {
    for (int i = 0; i < count; i++) {
      if (entries[i] == 0 || isAmong(entries[i], entries, 0, i)) continue;
      batch.open(entries[i]);
      try {
        while (batch.next()) {
          for (int j = 0; j < i; j++) {
            if (entries[j] != 0) batch.keep(entries[j], Kept.ABSENT);
          }
          batch.each(visitor);
        }
      } finally {
        batch.close();
      }
    }
  }

  private static boolean isAmong(long entry, long[] entries, int from, int to) {
    for (int i = from; i < to; i++) if (entries[i] == entry) return true;
    return false;
  }

  // ── differences ──

  /// Replies with the members of the first set that none of the others has, of `count` in all, and
  /// returns their number.
  public long difference(long[] entries, int count, Thresholds limits, RespWriter out) {
    if (isNothing(entries, count)) return 0;
    if (isCheaperByLookUp(entries, count)) {
      try (Collector collector = new Collector(out, limits, 0)) {
        withoutOthers(entries, count, collector);
        return collector.end();
      }
    }
    if (isLarge(sets.length(entries[0]), limits)) {
      long[] found = {0};
      withoutUnion(
          entries,
          count,
          limits,
          member -> {
            member.writeMember(out);
            found[0]++;
          });
      return found[0];
    }
    try (Draft draft = new Draft(dictionary, NO_NAME)) {
      strikeOut(entries, count, limits, draft, NO_NAME);
      sets.each(draft.entry(), member -> member.writeMember(out));
      return sets.length(draft.entry());
    }
  }

  /// Makes the set of the members of the first set that none of the others has, of `count` in all;
  /// it may be empty.
  public void difference(long[] entries, int count, Thresholds limits, Draft draft, Slice name) {
    MemberBatch.Visitor add = member -> sets.add(draft.place, member, limits);
    if (isNothing(entries, count)) {
      sets.create(draft.place, name, Entry.INTSET);
    } else if (isCheaperByLookUp(entries, count)) {
      sets.create(draft.place, name, Entry.INTSET);
      withoutOthers(entries, count, add);
    } else if (isLarge(sets.length(entries[0]), limits)) {
      sets.create(draft.place, name, Entry.NESTED);
      withoutUnion(entries, count, limits, add);
    } else {
      strikeOut(entries, count, limits, draft, name);
    }
  }

  /// Those of the sets whose members a difference collects meanwhile, in a reply or stored.
  public long[] collectedByDifference(long[] entries, Thresholds limits) {
    boolean collects =
        !isNothing(entries, entries.length)
            && !isCheaperByLookUp(entries, entries.length)
            && isLarge(sets.length(entries[0]), limits);
    return collects ? Arrays.copyOfRange(entries, 1, entries.length) : NO_ENTRIES;
  }

  /// Whether nothing can be left: the first set isn't there, or is one of the others.
  private static boolean isNothing(long[] entries, int count) {
    return entries[0] == 0 || isAmong(entries[0], entries, 1, count);
  }

  /// Whether looking each member up in all other sets is less work than going through all of these:
  /// Redis's own rule, for the shape of what a STORE form leaves depends on it.
  private boolean isCheaperByLookUp(long[] entries, int count) {
    long lookUps = 0;
    long members = 0;
    for (int i = 0; i < count; i++) {
      if (entries[i] == 0) continue;
      lookUps += sets.length(entries[0]);
      members += sets.length(entries[i]);
    }
    return lookUps / 2 <= members;
  }

  private void withoutOthers(long[] entries, int count, MemberBatch.Visitor visitor) {
    batch.open(entries[0]);
    try {
      while (batch.next()) {
        for (int i = 1; i < count; i++) {
          if (entries[i] != 0) batch.keep(entries[i], Kept.ABSENT);
        }
        batch.each(visitor);
      }
    } finally {
      batch.close();
    }
  }

  /// The others are small: they are one set first.
  private void withoutUnion(
      long[] entries, int count, Thresholds limits, MemberBatch.Visitor visitor) {
    try (Draft others = new Draft(dictionary, NO_NAME)) {
      sets.create(others.place, NO_NAME, Entry.NESTED);
      for (int i = 1; i < count; i++) {
        if (entries[i] != 0) each(entries[i], limits, others);
      }
      withoutOthers(new long[] {entries[0], others.entry()}, 2, visitor);
    }
  }

  /// All of the first set, and then without the members of the others.
  private void strikeOut(long[] entries, int count, Thresholds limits, Draft draft, Slice name) {
    sets.create(draft.place, name, Entry.INTSET);
    each(entries[0], limits, draft);
    for (int i = 1; i < count && sets.length(draft.entry()) > 0; i++) {
      if (entries[i] == 0) continue;
      batch.open(entries[i]);
      try {
        while (batch.next()) batch.each(member -> sets.remove(draft.place, member.member()));
      } finally {
        batch.close();
      }
    }
  }

  /// Takes different members and replies with them: in the order of the set that they would be as
  /// long as that is small, then as they come.
  private final class Collector implements MemberBatch.Visitor, AutoCloseable {
    private final RespWriter out;
    private final Thresholds limits;
    private final Draft small;
    private boolean isSmall;
    private long count;

    /// @param least how many members will come at least
    Collector(RespWriter out, Thresholds limits, long least) {
      this.out = out;
      this.limits = limits;
      small = new Draft(dictionary, NO_NAME);
      isSmall = !isLarge(least, limits);
    }

    @Override
    public void member(MemberBatch member) {
      count++;
      if (!isSmall) {
        member.writeMember(out);
        return;
      }
      if (small.entry() == 0) sets.create(small.place, NO_NAME, Entry.INTSET);
      sets.add(small.place, member, limits);
      if (encoding(small.entry()) == Entry.NESTED) {
        isSmall = false;
        write();
      }
    }

    private void write() {
      sets.each(small.entry(), member -> member.writeMember(out));
    }

    /// All have come. Returns how many there were.
    long end() {
      if (isSmall && count > 0) write();
      return count;
    }

    @Override
    public void close() {
      small.close();
    }
  }
}
