package dev.spinel.engine;

import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One command, or one subcommand of a container (`client|list`): how to run it, and what is known
/// of it.
///
/// At start a command is a name, three unread texts and a place in its family. The texts are parsed
/// on the first call of [#synopsis]. Two threads that call it at once both parse and get the same
/// result, because the answer is immutable.
public final class Command {
  /// Flags as `COMMAND INFO` lists them, in its order, then those that it hides.
  public static final int WRITE = 1,
      READONLY = 1 << 1,
      DENYOOM = 1 << 2,
      ADMIN = 1 << 3,
      PUBSUB = 1 << 4,
      NOSCRIPT = 1 << 5,
      BLOCKING = 1 << 6,
      LOADING = 1 << 7,
      STALE = 1 << 8,
      SKIP_MONITOR = 1 << 9,
      SKIP_SLOWLOG = 1 << 10,
      ASKING = 1 << 11,
      FAST = 1 << 12,
      NO_AUTH = 1 << 13,
      NO_MANDATORY_KEYS = 1 << 14,
      NO_ASYNC_LOADING = 1 << 15,
      NO_MULTI = 1 << 16,
      MOVABLEKEYS = 1 << 17,
      ALLOW_BUSY = 1 << 18;

  /// Hidden: writes nothing itself but may have effects on replicas; needs `enable-…-command`;
  /// touches keys that can't be found from the arguments.
  public static final int MAY_REPLICATE = 1 << 19,
      PROTECTED = 1 << 20,
      TOUCHES_ARBITRARY_KEYS = 1 << 21;

  /// Ours. GLOBAL: runs under the stopped world, as FLUSHALL does. ROAMS: so do some calls of it,
  /// as their [KeyFinder] tells. SWEEPS: takes locks of its own, as KEYS does, which looks at keys
  /// that it doesn't name, slot by slot, or CONFIG SET, which stops the world for a moment; within
  /// EXEC it runs under the stopped world. IN_MULTI: runs at once within MULTI instead of being
  /// queued. WHILE_SUBSCRIBED: may be called by a subscribed session of RESP2. QUICK: no call of it
  /// takes long, whatever the data, nor does one of those that are FAST, unless it says more than
  /// one value or asks for more: such calls are timed by samples, for two looks at a clock cost as
  /// much as a small SET.
  ///
  /// SCRIPTED: what a call of it does depends on what it is going to run ([Scripted]), and so do
  /// its flags and its locks.
  ///
  /// WAKES follows from the rest, where it isn't declared: some call of it may give a key a value
  /// that calls wait for, under its own name or (MOVE) in another database, or take it away.
  /// MAKES_KEYS follows, too: some call of it may make a key.
  public static final int GLOBAL = 1 << 22,
      SWEEPS = 1 << 23,
      IN_MULTI = 1 << 24,
      WHILE_SUBSCRIBED = 1 << 25,
      QUICK = 1 << 26,
      ROAMS = 1 << 27,
      WAKES = 1 << 28,
      SCRIPTED = 1 << 29,
      MAKES_KEYS = 1 << 30;

  private static final String[] FLAG_NAMES = {
    "write",
    "readonly",
    "denyoom",
    "admin",
    "pubsub",
    "noscript",
    "blocking",
    "loading",
    "stale",
    "skip_monitor",
    "skip_slowlog",
    "asking",
    "fast",
    "no_auth",
    "no_mandatory_keys",
    "no_async_loading",
    "no_multi",
    "movablekeys",
    "allow_busy",
    "may_replicate",
    "protected",
    "touches_arbitrary_keys",
    "global",
    "sweeps",
    "in_multi",
    "while_subscribed",
    "quick",
    "roams",
    "wakes",
    "scripted"
  };

  /// How many of the flags, from the lowest, are shown to clients.
  private static final int SHOWN = 19;

  /// Finds keys that the specifications can't tell, or tell too roughly: an oddity of few commands
  /// (SET, SORT).
  public interface KeyFinder {
    /// The call begins at argument `from`. Fills `out` with positions counted from there and,
    /// unless null, `flags` with how each key is used. Answers how many, or -1.
    int find(Args args, int from, int[] out, int @Nullable [] flags);

    /// Whether the call may read keys that no argument names.
    default boolean roams(Args args, int from) {
      return false;
    }
  }

  /// Lower case; `client|list` for a subcommand.
  public final String name;

  /// Dense, from 0, subcommands included: for arrays of statistics.
  public final int index;

  /// The container, for a subcommand.
  public final @Nullable Command parent;

  private final @Nullable Family family;
  private final int row;
  private final String synopsisText, factsText, wordsText;
  private final @Nullable KeyFinder finder;

  /// In order of declaration; empty unless a container. Complete before the table is published.
  private final List<Command> subcommands = new ArrayList<>(0);

  /// Null unless a container. Complete before the table is published.
  @Nullable Names names;

  /// Parsed at first use. A plain field: its value is immutable and every parse of it is equal.
  private @Nullable Synopsis synopsis;

  Command(
      String name,
      int index,
      @Nullable Command parent,
      @Nullable Family family,
      int row,
      String synopsis,
      String facts,
      String words,
      @Nullable KeyFinder finder) {
    this.name = name;
    this.index = index;
    this.parent = parent;
    this.family = family;
    this.row = row;
    this.synopsisText = synopsis;
    this.factsText = facts;
    this.wordsText = words;
    this.finder = finder;
    if (parent != null) parent.subcommands.add(this);
  }

  /// Runs one call. Only commands that [#runs] are ever asked to.
  public void run(Call call, Reply reply) {
    Family of = family;
    if (of == null) throw new IllegalStateException(name + " is nothing without a subcommand");
    of.run(row, call, reply);
  }

  /// What the call is going to run, for a command that is [#SCRIPTED].
  @Nullable Scripted scripted(Call call) {
    Family of = family;
    return of == null ? null : of.scripted(row, call);
  }

  /// False for a container that is nothing without a subcommand. (Its arity, -2, refuses such a
  /// call first.)
  public boolean runs() {
    return family != null;
  }

  /// Whether some call of it, or of a subcommand, that a script may make needs more than the locks
  /// of its keys.
  public boolean mayNeedWorld() {
    return !is(NOSCRIPT) && (is(GLOBAL) || is(ROAMS) || is(SWEEPS))
        || subcommands.stream().anyMatch(Command::mayNeedWorld);
  }

  /// Whether this call runs under the stopped world.
  boolean isGlobal(Args args) {
    return is(GLOBAL) || is(ROAMS) && finder != null && finder.roams(args, parent == null ? 0 : 1);
  }

  /// What the row says. Hot paths take what they need from here once.
  public Synopsis synopsis() {
    Synopsis s = synopsis;
    if (s == null) {
      s = new Synopsis(synopsisText, factsText, wordsText, !subcommands.isEmpty(), runs());
      synopsis = s;
    }
    return s;
  }

  public int arity() {
    return synopsis().arity;
  }

  /// Whether a call may have so many words, the name (and the container's) included.
  public boolean accepts(int words) {
    int arity = synopsis().arity;
    return arity >= 0 ? words == arity : words >= -arity;
  }

  public int flags() {
    return synopsis().flags;
  }

  /// Whether a call of so many words may take long, so that it is worth two looks at a clock.
  boolean mayTakeLong(int words) {
    return words > synopsis().quickWords;
  }

  /// Whether a call takes the argument at `position` in whatever form it came: a large one as the
  /// node of a value to be, not as bytes of the Java heap.
  boolean takesLarge(int position) {
    Synopsis s = synopsis();
    int past = position - s.largeFrom;
    return s.largeStep == 0 ? past == 0 : past >= 0 && past % s.largeStep == 0;
  }

  public boolean is(int flag) {
    return (synopsis().flags & flag) != 0;
  }

  /// Where clients that know no specifications look for keys: 0 if nowhere. Channels of shards are
  /// in it, too; [#keys] knows better.
  public int firstKey() {
    return synopsis().firstKey;
  }

  public int lastKey() {
    return synopsis().lastKey;
  }

  public int step() {
    return synopsis().step;
  }

  /// A bit for each of [Synopsis#CATEGORIES].
  public int categories() {
    return synopsis().categories;
  }

  public List<Command> subcommands() {
    return subcommands;
  }

  /// The subcommand of that name, upper or lower case, or null.
  public @Nullable Command subcommand(Slice name) {
    Names n = names;
    return n == null ? null : n.find(name);
  }

  /// Whether some argument may be a key.
  public boolean hasKeys() {
    if (finder != null) return true;
    for (Synopsis.KeySpec spec : synopsis().keySpecs)
      if ((spec.flags() & Synopsis.NOT_KEY) == 0) return true;
    return false;
  }

  /// Whether each call has just one key, always at [#firstKey], and always does the same with it.
  public boolean isPlain() {
    Synopsis s = synopsis();
    return finder == null
        && (s.flags & MOVABLEKEYS) == 0
        && s.keySpecs.size() == 1
        && s.firstKey > 0
        && s.firstKey == s.lastKey
        && !s.onlyChannels;
  }

  /// No call of so many words has more keys.
  public int mostKeys(int words) {
    Synopsis s = synopsis();
    if ((s.flags & MOVABLEKEYS) != 0) return words;
    if (s.firstKey == 0) return 0;
    int last = s.lastKey < 0 ? words + s.lastKey : s.lastKey;
    return Math.max(0, (last - s.firstKey) / s.step + 1);
  }

  /// The positions of the keys in a call, into `out` (as long as [#mostKeys] says); how many, or -1
  /// if the call isn't such that its keys can be told: then the command will answer with an error
  /// of its own and must touch no key.
  public int keys(Args args, int[] out) {
    Synopsis s = synopsis();
    if ((s.flags & MOVABLEKEYS) == 0) return plain(s, args.count(), out);
    return finder != null ? finder.find(args, 0, out, null) : bySpecs(args, 0, out, null, false);
  }

  /// As above, for a call that begins at argument `from`, with how each key is used (flags of
  /// [Synopsis]). Positions count from `from`.
  public int keysAndFlags(Args args, int from, int[] out, int[] flags) {
    return finder != null
        ? finder.find(args, from, out, flags)
        : bySpecs(args, from, out, flags, false);
  }

  /// The positions of whatever is found like a key and belongs to a slot: keys, and channels of
  /// shards.
  public int routes(Args args, int[] out) {
    return bySpecs(args, 0, out, null, true);
  }

  /// Whether what it has at the place of keys are channels of shards.
  boolean onlyChannels() {
    return synopsis().onlyChannels;
  }

  private static int plain(Synopsis s, int count, int[] out) {
    int first = s.firstKey;
    if (first == 0 || s.onlyChannels) return 0;
    int last = s.lastKey < 0 ? count + s.lastKey : s.lastKey;
    if (last >= count || last < first) return -1;
    int n = 0;
    for (int i = first; i <= last; i += s.step) out[n++] = i;
    return n;
  }

  private int bySpecs(
      Args args, int from, int[] out, int @Nullable [] flags, boolean alsoChannels) {
    int count = args.count() - from;
    int n = 0;
    for (Synopsis.KeySpec spec : synopsis().keySpecs) {
      if ((spec.flags() & Synopsis.NOT_KEY) != 0 && !alsoChannels) continue;
      if (spec.unknown()) return -1;
      int first = spec.index();
      String keyword = spec.keyword();
      if (keyword != null) {
        first = behind(args, from, keyword, spec.startFrom());
        if (first == 0) continue;
      }
      int last;
      if (spec.byCount()) {
        if (first >= count) return -1;
        long many = args.at(from + first).toLong(-1);
        if (many == 0 && is(NO_MANDATORY_KEYS)) continue;
        if (many <= 0) return -1;
        last = (int) Math.min(Integer.MAX_VALUE, first + many);
        first++;
      } else if (spec.lastKey() >= 0) {
        last = first + spec.lastKey();
      } else if (spec.limit() != 0) {
        last = first + (count - first) / spec.limit() - 1;
      } else {
        last = count + spec.lastKey();
      }
      if (last >= count || last < first) return -1;
      for (int i = first; i <= last; i += spec.keyStep()) {
        if (flags != null) flags[n] = spec.flags();
        out[n++] = i;
      }
      if ((spec.flags() & Synopsis.INCOMPLETE) != 0) return -1;
    }
    return n;
  }

  /// The position behind a token of the call at `from`, searched from `start` forwards, or
  /// backwards if that counts from the end; 0: not there. The last word is never such a token.
  private static int behind(Args args, int from, String token, int start) {
    int count = args.count() - from;
    if (start > 0) {
      for (int i = start; i < count - 1; i++) if (args.at(from + i).is(token)) return i + 1;
    } else {
      for (int i = count + start; i > 1; i--) if (args.at(from + i).is(token)) return i + 1;
    }
    return 0;
  }

  /// Names of the flags in `mask` that clients may see.
  public static List<String> flagNames(int mask) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < SHOWN; i++) if ((mask & 1 << i) != 0) names.add(FLAG_NAMES[i]);
    return names;
  }

  /// The bit of a flag, or 0.
  static int flag(String name) {
    for (int i = 0; i < FLAG_NAMES.length; i++) if (FLAG_NAMES[i].equals(name)) return 1 << i;
    return 0;
  }

  @Override
  public String toString() {
    return name;
  }
}
