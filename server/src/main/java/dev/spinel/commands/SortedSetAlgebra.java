package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.memory.Memory;
import dev.spinel.value.Entry;
import dev.spinel.value.SetValue;
import dev.spinel.value.SortedSetValue;
import dev.spinel.value.SortedSetValue.NewSortedSet;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;

/// Union, intersection and difference of sorted sets, and of plain sets, whose members have score
/// 1.
///
/// The result is collected in a [NewSortedSet], which is stored or read. There is no object for a
/// member (they travel through one array of bytes), and none for a key. Scores are added in the
/// order in which Redis does it, from the smallest set to the largest, as sums of doubles depend on
/// that.
enum SortedSetAlgebra {
  UNION("zunionstore") {
    @Override
    void collect(Inputs inputs, NewSortedSet into) {
      inputs.smallestFirst();
      for (int i = 0; i < inputs.count(); i++) {
        int input = i;
        inputs.each(
            input,
            (member, score) ->
                into.collect(member, inputs.weighted(input, score), inputs.aggregate));
      }
    }
  },

  INTER("zinterstore") {
    @Override
    void collect(Inputs inputs, NewSortedSet into) {
      inputs.smallestFirst();
      inputs.each(
          0,
          (member, score) -> {
            double all = inputs.weighted(0, score);
            for (int i = 1; i < inputs.count(); i++) {
              if (!inputs.find(i, member)) {
                return;
              }
              all = inputs.aggregate.applyAsDouble(all, inputs.found * inputs.weight(i));
            }
            into.collect(member, all, NEVER);
          });
    }
  },

  DIFF("zdiffstore") {
    @Override
    void collect(Inputs inputs, NewSortedSet into) {
      long first = inputs.length(0);
      long visits = 0;
      for (int i = 0; i < inputs.count(); i++) {
        if (i > 0 && inputs.isSame(0, i)) {
          return;
        }
        visits += inputs.length(i);
      }
      // to look a member up is cheaper than to put it and take it away
      if (first * inputs.count() / 2 <= visits) {
        lookUp(inputs, into);
      } else {
        takeAway(inputs, into);
      }
    }

    /// Each member of the first set is looked up in the others.
    private void lookUp(Inputs inputs, NewSortedSet into) {
      inputs.each(
          0,
          (member, score) -> {
            for (int i = 1; i < inputs.count(); i++) {
              if (inputs.find(i, member)) {
                return;
              }
            }
            into.collect(member, score, NEVER);
          });
    }

    /// The members of the others are taken away from those of the first set.
    private void takeAway(Inputs inputs, NewSortedSet into) {
      inputs.each(0, (member, score) -> into.collect(member, score, NEVER));
      for (int i = 1; i < inputs.count() && into.length() > 0; i++) {
        inputs.each(i, (member, score) -> into.remove(member));
      }
    }
  };

  private static final DoubleBinaryOperator NEVER =
      (a, b) -> {
        throw new AssertionError("a set has a member twice");
      };
  private static final DoubleBinaryOperator SUM =
      (a, b) -> {
        double sum = a + b;
        return Double.isNaN(sum) ? 0 : sum;
      };

  // unlike those of Math they make no difference between 0 and -0, and keep `a` beside a NaN
  private static final DoubleBinaryOperator MIN = (a, b) -> b < a ? b : a;
  private static final DoubleBinaryOperator MAX = (a, b) -> b > a ? b : a;

  private final String event;

  SortedSetAlgebra(String event) {
    this.event = event;
  }

  /// Collects the result in a draft that is empty.
  abstract void collect(Inputs inputs, NewSortedSet into);

  // ── commands ──

  /// ZUNION, ZINTER, ZDIFF.
  void read(Call call, Reply reply) {
    Inputs inputs = new Inputs(call, 1);
    boolean scores = inputs.options(this, Form.READ);
    boolean nested = scores && reply.protocol() > 2;
    if (call.lacksMemory(inputs.mostBytes(this))) {
      return;
    }
    try (NewSortedSet draft = inputs.sets.draft(call.arg(0))) {
      collect(inputs, draft);
      long length = draft.length();
      reply.array(scores && !nested ? 2 * length : length);
      inputs.sets.each(draft.entry(), at -> SortedSets.write(at, reply, nested, scores));
    }
  }

  /// ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE.
  void store(Call call, Reply reply) {
    Inputs inputs = new Inputs(call, 2);
    inputs.options(this, Form.STORE);
    if (call.lacksMemory(inputs.mostBytes(this))) {
      return;
    }
    try (NewSortedSet draft = inputs.sets.draft(call.arg(1))) {
      collect(inputs, draft);
      SortedSets.store(call, reply, 1, draft, event, 1);
    }
  }

  /// ZINTERCARD.
  static void countIntersection(Call call, Reply reply) {
    Inputs inputs = new Inputs(call, 1);
    inputs.options(INTER, Form.COUNT);
    inputs.smallestFirst();
    long[] count = {0};
    inputs.each(
        0,
        (member, score) -> {
          for (int i = 1; i < inputs.count(); i++) {
            if (!inputs.find(i, member)) {
              return;
            }
          }
          count[0]++;
          inputs.enough = count[0] == inputs.limit;
        });
    reply.integer(count[0]);
  }

  private enum Form {
    READ,
    STORE,
    COUNT
  }

  /// Takes one member with its score. The member's bytes are good until it returns.
  @FunctionalInterface
  private interface Visitor {
    void member(Slice member, double score);
  }

  /// What one call reads, and how.
  private static final class Inputs {
    /// How many members are visited before it is checked whether that is enough.
    private static final int AT_ONCE = 64;

    private static final int FEW = 64;
    private static final int SCORE_BYTES = 24;
    private static final int INDEX_BITS = 31; // more inputs than any call has

    private static final CommandError NEGATIVE_LIMIT =
        new CommandError("ERR LIMIT can't be negative");

    private final Call call;
    final SortedSetValue sets;
    private final SetValue plainSets;
    private final Memory memory;
    private final int behindKeys;
    private final long[] entries; // as named; 0: no such key
    private final double[] weights;

    /// The order in which they are taken: each a length and an index, so that numbers sort.
    private final long[] order;

    DoubleBinaryOperator aggregate = SUM;
    long limit; // 0: none
    boolean enough; // no more members are wanted
    double found; // the score of what was found
    private byte[] memberBytes = new byte[256];
    private final Slice member = new Slice();

    /// Finds the keys, whose number is argument `at`. Errors: no number of keys; a key of another
    /// type, which comes before all mistakes in options.
    Inputs(Call call, int at) {
      this.call = call;
      sets = call.values().sortedSets();
      plainSets = call.values().sets();
      memory = call.values().memory();
      int count = Grammar.inputKeys(call, at);
      if (count > FEW) {
        call.hold(24L * count);
      }
      entries = new long[count];
      weights = new double[count];
      order = new long[count];
      for (int i = 0; i < count; i++) {
        Key key = call.read(at + 1 + i);
        if (key.exists() && key.type() != Entry.ZSET && key.type() != Entry.SET) {
          throw CommandError.WRONGTYPE;
        }
        entries[i] = key.entry();
        weights[i] = 1;
        order[i] = lengthOf(key.entry()) << INDEX_BITS | i;
        call.done(key);
      }
      behindKeys = at + 1 + count;
    }

    private boolean isPlain(long entry) {
      return Entry.type(memory, entry) == Entry.SET;
    }

    private long lengthOf(long entry) {
      return entry == 0 ? 0 : isPlain(entry) ? plainSets.length(entry) : sets.length(entry);
    }

    /// About how many bytes the result of an operation takes at most. A member of a plain set gets
    /// a score, so it takes more than it does there.
    long mostBytes(SortedSetAlgebra operation) {
      long sum = 0;
      long least = Long.MAX_VALUE;
      for (int i = 0; i < entries.length; i++) {
        long bytes = call.weight(entries[i]) + (SCORE_BYTES * lengthOf(entries[i]));
        if (operation == DIFF && i == 0) {
          return bytes;
        }
        sum += bytes;
        least = Math.min(least, bytes);
      }
      return operation == UNION ? sum : least;
    }

    /// Reads what stands behind the keys. Answers whether scores are wanted.
    boolean options(SortedSetAlgebra operation, Form form) {
      boolean weighs = operation != DIFF && form != Form.COUNT;
      boolean scores = false;
      Options o = call.options(behindKeys);
      while (o.next()) {
        if (weighs && o.is("WEIGHTS", count())) {
          for (int i = 0; i < count(); i++) {
            weights[i] = readWeight(o.word());
          }
        } else if (weighs && o.is("AGGREGATE", 1)) {
          aggregate = readAggregate(o.word());
        } else if (form == Form.READ && o.is("WITHSCORES")) {
          scores = true;
        } else if (form == Form.COUNT && o.is("LIMIT", 1)) {
          limit = o.integer(0, Long.MAX_VALUE, NEGATIVE_LIMIT);
        } else {
          throw CommandError.SYNTAX;
        }
      }
      return scores;
    }

    private static double readWeight(Slice word) {
      double weight = word.toDouble();
      if (Double.isNaN(weight)) {
        throw new CommandError("ERR weight value is not a float");
      }
      return weight;
    }

    private static DoubleBinaryOperator readAggregate(Slice word) {
      if (word.is("SUM")) {
        return SUM;
      }
      if (word.is("MIN")) {
        return MIN;
      }
      if (word.is("MAX")) {
        return MAX;
      }
      throw CommandError.SYNTAX;
    }

    /// From here on the smallest is input 0, and so on; those of one size stay as they were named.
    void smallestFirst() {
      Arrays.sort(order);
    }

    int count() {
      return order.length;
    }

    long length(int input) {
      return order[input] >>> INDEX_BITS;
    }

    private int index(int input) {
      return (int) (order[input] & (1L << INDEX_BITS) - 1);
    }

    boolean isSame(int a, int b) {
      return entries[index(a)] == entries[index(b)] && length(a) > 0;
    }

    double weight(int input) {
      return weights[index(input)];
    }

    double weighted(int input, double score) {
      double product = score * weight(input);
      return Double.isNaN(product) ? 0 : product;
    }

    /// Whether an input has the member; then its score is in [#found].
    boolean find(int input, Slice member) {
      long entry = entries[index(input)];
      if (entry == 0) {
        return false;
      }
      if (isPlain(entry)) {
        found = 1;
        return plainSets.find(entry, member);
      }
      boolean there = sets.find(entry, member);
      found = there ? sets.score() : 0;
      return there;
    }

    /// Visits the members of an input until it is enough.
    void each(int input, Visitor visitor) {
      long entry = entries[index(input)];
      if (length(input) == 0) {
        return;
      }
      if (isPlain(entry)) {
        eachPlain(entry, visitor);
        return;
      }
      SortedSetValue.Visitor each =
          at -> {
            if (!enough) {
              double score = at.score();
              at.copyMember(room(at.memberLength()), 0);
              visitor.member(member, score);
            }
          };
      for (long rank = 0; rank < length(input) && !enough; rank += AT_ONCE) {
        sets.visit(entry, rank, AT_ONCE, each);
      }
    }

    private void eachPlain(long entry, Visitor visitor) {
      SetValue.Visitor each =
          at -> {
            if (!enough) {
              at.copyMember(room(at.memberLength()), 0);
              visitor.member(member, 1);
            }
          };
      long cursor = 0;
      do {
        cursor = plainSets.scan(entry, cursor, AT_ONCE, each);
      } while (cursor != 0 && !enough);
    }

    /// Where a member of so many bytes is copied to, so that it may be looked for elsewhere.
    private byte[] room(int length) {
      if (memberBytes.length < length) {
        memberBytes = new byte[2 * length];
      }
      member.set(memberBytes, 0, length);
      return memberBytes;
    }
  }
}
