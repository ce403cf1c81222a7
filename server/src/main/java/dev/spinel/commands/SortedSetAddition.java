package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Events;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.value.Entry;
import dev.spinel.value.SortedSetValue;
import dev.spinel.wire.Slice;
import java.util.BitSet;

/// ZADD, ZINCRBY and GEOADD: give scores to members of a sorted set, as the options allow. If there
/// is no memory for all of them, nothing has changed.
final class SortedSetAddition {
  static final int NX = 1, XX = 2, GT = 4, LT = 8, CH = 16, INCR = 32;

  private static final CommandError NOT_A_NUMBER =
      new CommandError("ERR resulting score is not a number (NaN)");
  private static final double[] NO_SCORES = {};
  private static final int FEW = 64;

  /// How a score is told by an argument, or by several.
  @FunctionalInterface
  interface Scores {
    double at(Call call, int argument);
  }

  private final Call call;
  private final SortedSetValue sets;
  private final int options;
  private final int first;
  private final int words;
  private final Scores scores;
  private final int mostEntries;
  private final int mostValueBytes;
  private int added;
  private int changed;
  private int allowed;
  private double score; // the last one

  /// @param first where the first member begins
  /// @param words how many arguments a member has: its score, then itself
  private SortedSetAddition(Call call, int options, int first, int words, Scores scores) {
    this.call = call;
    this.sets = call.values().sortedSets();
    this.options = options;
    this.first = first;
    this.words = words;
    this.scores = scores;
    mostEntries = call.limits().intOf(Settings.ZSET_MAX_LISTPACK_ENTRIES);
    mostValueBytes = call.limits().intOf(Settings.ZSET_MAX_LISTPACK_VALUE);
  }

  // ── the arguments ──

  /// ZADD; and ZINCRBY, which is ZADD with INCR and reads options, too.
  static void run(Call call, Reply reply, int options) {
    int first = 2;
    for (int option; first < call.argc() && (option = option(call.arg(first))) != 0; first++) {
      options |= option;
    }
    int pairs = (call.argc() - first) / 2;
    if (pairs == 0 || (call.argc() - first) % 2 != 0) {
      throw CommandError.SYNTAX;
    }
    if ((options & NX) != 0 && (options & XX) != 0) {
      throw new CommandError("ERR XX and NX options at the same time are not compatible");
    }
    if (Integer.bitCount(options & (NX | GT | LT)) > 1) {
      throw new CommandError("ERR GT, LT, and/or NX options at the same time are not compatible");
    }
    if ((options & INCR) != 0 && pairs > 1) {
      throw new CommandError("ERR INCR option supports a single increment-element pair");
    }
    run(call, reply, options, first, 2, SortedSetAddition::score);
  }

  /// The option that a word is, or 0.
  static int option(Slice word) {
    if (word.length == 2) {
      return word.is("NX")
          ? NX
          : word.is("XX") ? XX : word.is("GT") ? GT : word.is("LT") ? LT : word.is("CH") ? CH : 0;
    }
    return word.is("INCR") ? INCR : 0;
  }

  /// The score at an argument. Errors: no number.
  static double score(Call call, int argument) {
    double score = call.arg(argument).toDouble();
    if (Double.isNaN(score)) {
      throw CommandError.NOT_FLOAT;
    }
    return score;
  }

  /// A member must fit into an entry.
  private void checkMember(int argument) {
    if (call.args().lengthAt(argument) > Entry.MAX_KEY) {
      throw new CommandError(
          "ERR members of more than " + Entry.MAX_KEY + " bytes can't be stored");
    }
  }

  // ── the work ──

  /// Adds, replies, and answers whether anything changed.
  static boolean run(Call call, Reply reply, int options, int first, int words, Scores scores) {
    return new SortedSetAddition(call, options, first, words, scores).run(reply);
  }

  private boolean run(Reply reply) {
    int end = call.argc();
    for (int i = first; i < end; i += words) {
      scores.at(call, i);
      checkMember(i + words - 1);
    }
    Key key = call.write(1, Entry.ZSET);
    if (!key.exists() && (options & XX) == 0) {
      make(key);
    } else if (key.exists()) {
      extend(key);
    }
    boolean increments = (options & INCR) != 0;
    if (added + changed > 0) {
      call.changed(key, Events.ZSET, increments ? "zincr" : "zadd", added + changed);
    }
    if (!increments) {
      reply.integer((options & CH) != 0 ? added + changed : added);
    } else if (allowed > 0) {
      reply.number(score);
    } else {
      reply.nil();
    }
    return added + changed > 0;
  }

  private int count() {
    return (call.argc() - first) / words;
  }

  private void make(Key key) {
    sets.create(key.place, key.name);
    try {
      if (count() > mostEntries) {
        sets.enlarge(key.place);
      }
      for (int i = first; i < call.argc(); i += words) {
        put(key, i, NO_SCORES);
      }
    } catch (OutOfMemoryError e) {
      call.remove(key);
      throw e;
    }
  }

  private void extend(Key key) {
    int count = count();
    if (count > mostEntries) {
      sets.enlarge(key.place);
    }
    if (count == 1) {
      put(key, first, NO_SCORES);
      return;
    }
    if (count > FEW) {
      call.hold(8L * count + count / 8);
    }
    double[] before = new double[count];
    BitSet done = new BitSet(count);
    try {
      for (int i = 0; i < count; i++) {
        done.set(i, put(key, first + i * words, before));
      }
    } catch (OutOfMemoryError e) {
      for (int i = done.previousSetBit(count); i >= 0; i = done.previousSetBit(i - 1)) {
        undo(key, first + i * words, before[i]);
      }
      throw e;
    }
  }

  /// Gives the member whose words begin at an argument its score, if the options allow it. Returns
  /// whether that changed anything.
  ///
  /// @param before where its old score is kept, NaN if it had none; nowhere if there is no room
  private boolean put(Key key, int argument, double[] before) {
    score = scores.at(call, argument);
    Slice member = call.arg(argument + words - 1);
    boolean there = sets.find(key.entry(), member);
    if (before.length > 0) {
      before[(argument - first) / words] = there ? sets.score() : Double.NaN;
    }
    if (there ? !allowsChange() : (options & XX) != 0) {
      return false;
    }
    allowed++;
    switch (sets.putFound(key.place, there, member, score, mostEntries, mostValueBytes)) {
      case ADDED -> added++;
      case CHANGED -> changed++;
      case UNCHANGED -> {
        return false;
      }
    }
    return true;
  }

  /// Whether the member at hand, which is there, may get the score, to which its own is added if
  /// that is asked for. Errors: the sum is no number; nothing has changed by then, since only calls
  /// of one member add.
  private boolean allowsChange() {
    if ((options & NX) != 0) {
      return false;
    }
    double old = sets.score();
    if ((options & INCR) != 0) {
      score += old;
      if (Double.isNaN(score)) {
        throw NOT_A_NUMBER;
      }
    }
    return ((options & GT) == 0 || score > old) && ((options & LT) == 0 || score < old);
  }

  private void undo(Key key, int argument, double before) {
    Slice member = call.arg(argument + words - 1);
    if (Double.isNaN(before)) {
      sets.delete(key.place, member);
    } else {
      sets.put(key.place, member, before, mostEntries, mostValueBytes);
    }
  }
}
