package dev.spinel.engine;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a command's row says, parsed: the one place from which arity, key positions, `COMMAND
/// INFO`, `COMMAND DOCS`, ACL categories and the hints of a command line follow.
///
/// A row is three texts. **The synopsis** is the form that a manual would print, with the few
/// things added that a machine can't guess:
///
/// ```
/// SET @key:RW+access+update value [condition: NX | XX]^2.6.12 [GET]^6.2.0 [expiration: EX seconds:integer | KEEPTTL]
///
/// CLIENT|LIST            the command's name; a bar joins a container and its subcommand
/// value                  an argument, a string; `seconds:integer` of another type (string integer double key pattern
///                        unix-time); `addr<ip:port>` shown as something else
/// NX                     in capitals: a literal token, named `nx`; `change=CH` names it otherwise; `'*'` quotes one
///                        that isn't a word
/// EX seconds:integer     a token and what follows it are one argument
/// [x]  [name: a b]       optional: one argument, or several as a block
/// (name: a b)            a block; (name: a | b) one of several; the name may be missing where a token names it:
///                        `LIMIT (offset:integer count:integer)`
/// x...   GET... pattern  repeatable; repeatable with its token
/// x^6.2.0   x~2.8.12     since, deprecated since
/// @key:RW+access         a key and the flags of its specification; `@key2` alone joins the one before; `+from=6` finds
///                        it by the token before it, searching from there; `+unknown`: not by any rule
/// ```
///
/// From the form follow the arity (smallest number of words, negative if there may be more), and
/// for each key where it is: an index if only single words precede it, a range if it repeats (with
/// a step, if a block repeats), a count if `numkeys` precedes it. First key, last key and step, and
/// the flag `movablekeys`, are derived from these as Redis does.
///
/// **The facts** are words: `group since`, then flags (`write denyoom fast`), ACL categories beyond
/// the implied ones (`@dangerous`; a category of data types replaces the one that the group
/// implies), tips (`request_policy:all_shards`), `arity=-1` where it can't be told from the form,
/// our own flags of [Command] (`global`, `sweeps`…), `large=3` where the argument at position 3
/// becomes (part of) a value and may come as a node, however large (`large=3+2`: so may every
/// second one after it); large arguments elsewhere come as bytes.
///
/// **The words** are lines: a summary, a complexity (or a dash), then in any order `6.2.0 what
/// changed`, `deprecated 2.6.12: what replaces it` and `note 0: about a key specification`.
///
/// Immutable. Parsed at first use ([Command]), so that start-up pays for none of it.
public final class Synopsis {
  /// What may be said about an argument, in the order of [#TYPES].
  public static final int STRING = 0,
      INTEGER = 1,
      DOUBLE = 2,
      KEY = 3,
      PATTERN = 4,
      UNIX_TIME = 5,
      PURE_TOKEN = 6,
      ONEOF = 7,
      BLOCK = 8;

  static final List<String> TYPES =
      List.of(
          "string",
          "integer",
          "double",
          "key",
          "pattern",
          "unix-time",
          "pure-token",
          "oneof",
          "block");

  /// One node of the argument tree. `token`, `since`, `deprecatedSince` and `displayText` may be
  /// null; `keySpec` is -1 for what is no key.
  public record Argument(
      String name,
      int type,
      @Nullable String token,
      @Nullable String displayText,
      int keySpec,
      boolean optional,
      boolean multiple,
      boolean multipleToken,
      @Nullable String since,
      @Nullable String deprecatedSince,
      List<Argument> arguments) {
    static Argument leaf(
        String name, int type, @Nullable String token, @Nullable String displayText, int keySpec) {
      return new Argument(
          name, type, token, displayText, keySpec, false, false, false, null, null, List.of());
    }

    static Argument group(String name, int type, @Nullable String token, List<Argument> arguments) {
      return new Argument(name, type, token, null, -1, false, false, false, null, null, arguments);
    }

    public String typeName() {
      return TYPES.get(type);
    }

    Argument madeOptional() {
      return with(true, multiple, multipleToken, since, deprecatedSince);
    }

    Argument repeated(boolean withToken) {
      return with(optional, true, withToken, since, deprecatedSince);
    }

    Argument cameWith(String version) {
      return with(optional, multiple, multipleToken, version, deprecatedSince);
    }

    Argument deprecatedWith(String version) {
      return with(optional, multiple, multipleToken, since, version);
    }

    private Argument with(
        boolean optional,
        boolean multiple,
        boolean multipleToken,
        @Nullable String since,
        @Nullable String deprecated) {
      return new Argument(
          name,
          type,
          token,
          displayText,
          keySpec,
          optional,
          multiple,
          multipleToken,
          since,
          deprecated,
          arguments);
    }
  }

  /// Where keys are and what the command does with them. `keyword` is null unless the search starts
  /// at a token; `unknown` if no rule finds them. `byCount`: the word at `begin` says how many
  /// follow it.
  public record KeySpec(
      int flags,
      boolean unknown,
      int index,
      @Nullable String keyword,
      int startFrom,
      boolean byCount,
      int lastKey,
      int keyStep,
      int limit,
      @Nullable String note) {
    /// No rule finds them.
    static KeySpec unknown(int flags) {
      return new KeySpec(flags, true, 0, null, 0, false, 0, 0, 0, null);
    }

    /// One key, at an index.
    static KeySpec at(int index, int flags) {
      return new KeySpec(flags, false, index, null, 0, false, 0, 1, 0, null);
    }

    /// One key behind a token, which is searched for from the word `from` on.
    static KeySpec behind(@Nullable String token, int from, int flags) {
      return new KeySpec(flags, false, 0, token, from, false, 0, 1, 0, null);
    }

    /// As many keys as the word at `index` says.
    static KeySpec counted(int index, int flags) {
      return new KeySpec(flags, false, index, null, 0, true, 1, 1, 0, null);
    }

    /// Whether it is a plain range of words, which begins at an index.
    boolean isRange() {
      return !unknown && keyword == null && !byCount;
    }

    KeySpec reaching(int lastKey, int keyStep, int limit) {
      return new KeySpec(
          flags, unknown, index, keyword, startFrom, byCount, lastKey, keyStep, limit, note);
    }

    KeySpec noted(String note) {
      return new KeySpec(
          flags, unknown, index, keyword, startFrom, byCount, lastKey, keyStep, limit, note);
    }
  }

  /// One line of a command's history.
  public record Change(String version, String text) {}

  /// Flags of a key specification, as `COMMAND INFO` lists them.
  public static final int RO = 1,
      RW = 2,
      OW = 4,
      RM = 8,
      ACCESS = 16,
      UPDATE = 32,
      INSERT = 64,
      DELETE = 128,
      NOT_KEY = 256,
      INCOMPLETE = 512,
      VARIABLE_FLAGS = 1024;

  static final List<String> KEY_FLAGS =
      List.of(
          "RO",
          "RW",
          "OW",
          "RM",
          "access",
          "update",
          "insert",
          "delete",
          "not_key",
          "incomplete",
          "variable_flags");

  public final int arity;

  /// Arguments taken as nodes of values where they come so: the one at `largeFrom`, and from there
  /// every `largeStep`th unless that is 0.
  final int largeFrom, largeStep;

  /// [Command]'s flags.
  public final int flags;

  /// A call of so many words takes no long time, whatever the data; of more it may.
  final int quickWords;

  /// Key positions as a plain range; all zero if there is none. A negative last key counts from
  /// the end.
  public final int firstKey, lastKey, step;

  /// What the range holds are no keys.
  final boolean onlyChannels;

  public final List<KeySpec> keySpecs;
  public final List<Argument> arguments;

  /// A bit for each of [#CATEGORIES].
  public final int categories;

  public final List<String> tips;
  public final String group, since;
  public final String summary;

  /// Null where the command has none to speak of.
  public final @Nullable String complexity;

  public final List<Change> history;

  /// Null unless deprecated.
  public final @Nullable String deprecatedSince, replacedBy;

  /// Not for users: part of the conversation between servers.
  public final boolean internal;

  /// ACL categories, in the order of their bits and of `COMMAND INFO`.
  public static final List<String> CATEGORIES =
      List.of(
          "keyspace",
          "read",
          "write",
          "set",
          "sortedset",
          "list",
          "hash",
          "string",
          "bitmap",
          "hyperloglog",
          "geo",
          "stream",
          "pubsub",
          "admin",
          "fast",
          "slow",
          "blocking",
          "dangerous",
          "connection",
          "transaction",
          "scripting");

  private static final List<String> GROUP_OF_CATEGORY =
      List.of(
          "generic",
          "",
          "",
          "set",
          "sorted-set",
          "list",
          "hash",
          "string",
          "bitmap",
          "hyperloglog",
          "geo",
          "stream",
          "",
          "",
          "",
          "",
          "",
          "",
          "connection",
          "transactions",
          "scripting");

  /// Names of the key flags in `mask`.
  public static List<String> keyFlagNames(int mask) {
    return names(mask, KEY_FLAGS);
  }

  /// Names of the categories in `mask`, without the `@`.
  public static List<String> categoryNames(int mask) {
    return names(mask, CATEGORIES);
  }

  private static List<String> names(int mask, List<String> all) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) if ((mask & 1 << i) != 0) names.add(all.get(i));
    return names;
  }

  /// @param container whether the command has subcommands
  /// @param runs whether it can be called by itself
  Synopsis(String synopsis, String facts, String words, boolean container, boolean runs) {
    // facts first: whether somebody is a container decides the arity
    int factFlags = 0;
    int explicitCategories = 0;
    int explicitArity = 0;
    boolean syscmd = false;
    String large = "-1";
    List<String> tipWords = new ArrayList<>();
    String[] fact = words(facts);
    group = fact[0];
    since = fact[1];
    for (int i = 2; i < fact.length; i++) {
      String word = fact[i];
      int flag = Command.flag(word);
      if (flag != 0) factFlags |= flag;
      else if (word.charAt(0) == '@') explicitCategories |= category(word.substring(1));
      else if (word.startsWith("arity=")) explicitArity = Integer.parseInt(word.substring(6));
      else if (word.startsWith("large=")) large = word.substring(6);
      else if (word.equals("syscmd")) syscmd = true;
      else if (word.indexOf(':') > 0 || word.startsWith("nondeterministic_output"))
        tipWords.add(word);
      else throw new IllegalArgumentException("unknown fact '" + word + "' of " + synopsis);
    }
    tips = List.copyOf(tipWords);
    internal = syscmd;
    int plus = large.indexOf('+');
    largeFrom = Integer.parseInt(plus < 0 ? large : large.substring(0, plus));
    largeStep = plus < 0 ? 0 : Integer.parseInt(large.substring(plus + 1));

    SynopsisParser parser = new SynopsisParser(synopsis);
    arguments = parser.parse();
    if (explicitArity != 0) arity = explicitArity;
    else if (container) arity = runs ? -1 : -2;
    else arity = parser.variable ? -parser.position : parser.position;

    String[] lines = lines(words);
    summary = lines.length > 0 ? lines[0] : "";
    complexity = lines.length > 1 && !lines[1].equals("-") ? lines[1] : null;
    List<Change> changes = new ArrayList<>();
    @Nullable String deprecated = null;
    @Nullable String replacement = null;
    for (int i = 2; i < lines.length; i++) {
      String line = lines[i];
      int space = line.indexOf(' ');
      if (line.startsWith("deprecated ")) {
        int colon = line.indexOf(':');
        deprecated = line.substring(space + 1, colon);
        replacement = line.substring(colon + 2);
      } else if (line.startsWith("note ")) {
        int colon = line.indexOf(':');
        parser.note(Integer.parseInt(line.substring(space + 1, colon)), line.substring(colon + 2));
      } else {
        changes.add(new Change(line.substring(0, space), line.substring(space + 1)));
      }
    }
    history = List.copyOf(changes);
    deprecatedSince = deprecated;
    replacedBy = replacement;
    keySpecs = List.copyOf(parser.keySpecs);

    // the plain range that older clients use, and whether it is the whole truth
    int first = Integer.MAX_VALUE;
    int last = 0;
    int stepOfAll = keySpecs.isEmpty() ? 0 : 1;
    boolean movable = false;
    if (keySpecs.size() == 1 && keySpecs.get(0).isRange()) {
      KeySpec only = keySpecs.get(0);
      first = only.index;
      last = only.lastKey < 0 ? only.lastKey : only.index + only.lastKey;
      stepOfAll = only.keyStep;
      movable = (only.flags & INCOMPLETE) != 0;
    } else {
      int previousLast = 0;
      for (KeySpec spec : keySpecs) {
        if (!spec.isRange()
            || spec.keyStep != 1
            || (previousLast != 0 && previousLast != spec.index - 1)) {
          movable = true;
          continue;
        }
        movable |= (spec.flags & INCOMPLETE) != 0;
        first = Math.min(first, spec.index);
        int lastHere = spec.lastKey < 0 ? spec.lastKey : spec.index + spec.lastKey;
        if (Integer.compareUnsigned(lastHere, last) > 0) last = lastHere;
        previousLast = last;
      }
    }
    boolean range = first != Integer.MAX_VALUE;
    firstKey = range ? first : 0;
    lastKey = range ? last : 0;
    step = range ? stepOfAll : 0;
    onlyChannels = keySpecs.size() == 1 && (keySpecs.get(0).flags & NOT_KEY) != 0;
    if (movable) factFlags |= Command.MOVABLEKEYS;
    for (KeySpec spec : keySpecs) {
      if ((spec.flags() & (OW | INSERT)) != 0) {
        factFlags |= Command.MAKES_KEYS;
      }
    }
    if ((factFlags & Command.DENYOOM) != 0) {
      factFlags |= Command.MAKES_KEYS;
    }
    if ((factFlags & Command.WRITE) != 0) {
      boolean wakes = (factFlags & Command.MAKES_KEYS) != 0;
      for (KeySpec spec : keySpecs) {
        wakes |= (spec.flags() & (UPDATE | RM)) != 0;
      }
      factFlags |= wakes ? Command.WAKES : 0;
    }
    flags = factFlags;
    quickWords = quickWords(factFlags, Math.abs(arity));
    categories = allCategories(factFlags, explicitCategories, group, container && !runs);
  }

  /// Those of one value, if it is [Command#FAST].
  private static int quickWords(int flags, int least) {
    if ((flags & Command.QUICK) != 0) {
      return Integer.MAX_VALUE;
    }
    boolean isFast = (flags & Command.FAST) != 0;
    return isFast ? Math.max(least, (flags & Command.DENYOOM) != 0 ? 3 : 2) : -1;
  }

  private static int category(String name) {
    int i = CATEGORIES.indexOf(name);
    if (i < 0) throw new IllegalArgumentException("unknown category @" + name);
    return 1 << i;
  }

  private static int allCategories(int flags, int explicit, String group, boolean bareContainer) {
    int all = explicit;
    int beside = category("dangerous") | category("admin");
    int ofGroup = GROUP_OF_CATEGORY.indexOf(group);
    if ((explicit & ~beside) == 0 && ofGroup >= 0 && !bareContainer) all |= 1 << ofGroup;
    if ((flags & Command.WRITE) != 0) all |= category("write");
    if ((flags & Command.READONLY) != 0 && (all & category("scripting")) == 0)
      all |= category("read");
    if ((flags & Command.ADMIN) != 0) all |= category("admin") | category("dangerous");
    if ((flags & Command.PUBSUB) != 0) all |= category("pubsub");
    if ((flags & Command.BLOCKING) != 0) all |= category("blocking");
    return all | category((flags & Command.FAST) != 0 ? "fast" : "slow");
  }

  /// The arguments as a command line shows them behind the name: `key value [NX|XX] [GET]`.
  public String hint() {
    StringBuilder out = new StringBuilder();
    hint(out, arguments, " ");
    return out.toString();
  }

  private static void hint(StringBuilder out, List<Argument> arguments, String between) {
    for (int i = 0; i < arguments.size(); i++) {
      if (i > 0) out.append(between);
      Argument a = arguments.get(i);
      if (a.optional) out.append('[');
      hint(out, a, true);
      if (a.multiple) {
        out.append(" [");
        hint(out, a, a.multipleToken);
        out.append(" ...]");
      }
      if (a.optional) out.append(']');
    }
  }

  private static void hint(StringBuilder out, Argument a, boolean withToken) {
    if (a.token != null && withToken) {
      out.append(a.token.isEmpty() ? "\"\"" : a.token);
      if (a.type != PURE_TOKEN) out.append(' ');
    }
    switch (a.type) {
      case ONEOF -> {
        boolean enclosed = !a.optional || a.token != null || a.multiple;
        if (enclosed) out.append('<');
        hint(out, a.arguments, " | ");
        if (enclosed) out.append('>');
      }
      case BLOCK -> hint(out, a.arguments, " ");
      case PURE_TOKEN -> {}
      default -> out.append(a.displayText != null ? a.displayText : a.name);
    }
  }

  private static String[] words(String text) {
    return split(text, ' ');
  }

  private static String[] lines(String text) {
    return split(text, '\n');
  }

  /// What stands between separators, unless it is nothing.
  private static String[] split(String text, char separator) {
    List<String> out = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= text.length(); i++) {
      if (i == text.length() || text.charAt(i) == separator) {
        if (i > start) out.add(text.substring(start, i));
        start = i + 1;
      }
    }
    return out.toArray(new String[0]);
  }
}
