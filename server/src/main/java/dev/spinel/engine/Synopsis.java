package dev.spinel.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
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

  private static final String[] TYPES = {
    "string", "integer", "double", "key", "pattern", "unix-time", "pure-token", "oneof", "block"
  };

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
    public String typeName() {
      return TYPES[type];
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
      @Nullable String note) {}

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

  private static final String[] KEY_FLAGS = {
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
    "variable_flags"
  };

  public final int arity;

  /// Arguments taken as nodes of values where they come so: the one at `largeFrom`, and from there
  /// every `largeStep`th unless that is 0.
  final int largeFrom, largeStep;

  /// [Command]'s flags.
  public final int flags;

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
    List<String> names = new ArrayList<>();
    for (int i = 0; i < KEY_FLAGS.length; i++) if ((mask & 1 << i) != 0) names.add(KEY_FLAGS[i]);
    return names;
  }

  /// Names of the categories in `mask`, without the `@`.
  public static List<String> categoryNames(int mask) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < CATEGORIES.size(); i++)
      if ((mask & 1 << i) != 0) names.add(CATEGORIES.get(i));
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

    Parser parser = new Parser(synopsis);
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
    if (keySpecs.size() == 1 && isRange(keySpecs.get(0))) {
      KeySpec only = keySpecs.get(0);
      first = only.index;
      last = only.lastKey < 0 ? only.lastKey : only.index + only.lastKey;
      stepOfAll = only.keyStep;
      movable = (only.flags & INCOMPLETE) != 0;
    } else {
      int previousLast = 0;
      for (KeySpec spec : keySpecs) {
        if (!isRange(spec)
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
    flags = factFlags;
    categories = allCategories(factFlags, explicitCategories, group, container && !runs);
  }

  private static boolean isRange(KeySpec spec) {
    return !spec.unknown && spec.keyword == null && !spec.byCount;
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
    List<String> out = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= text.length(); i++) {
      if (i == text.length() || text.charAt(i) == ' ') {
        if (i > start) out.add(text.substring(start, i));
        start = i + 1;
      }
    }
    return out.toArray(new String[0]);
  }

  private static String[] lines(String text) {
    List<String> out = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= text.length(); i++) {
      if (i == text.length() || text.charAt(i) == '\n') {
        if (i > start) out.add(text.substring(start, i));
        start = i + 1;
      }
    }
    return out.toArray(new String[0]);
  }

  /// Recursive descent over the characters of a synopsis. While it walks the top level it counts
  /// the words (`position`) so that a key knows its index.
  private static final class Parser {
    private final String text;
    private int at;

    /// Words that must have come so far, the command's own included; once `variable`, a key's index
    /// can't be told any more.
    int position = 1;

    boolean variable;
    final List<KeySpec> keySpecs = new ArrayList<>();

    /// The token in front of the place where we are: `STREAMS` for the key in `STREAMS (key...
    /// id...)`.
    private @Nullable String lastToken;

    /// Position of an argument `numkeys` if it is the last one seen, else -1.
    private int countAt = -1;

    Parser(String text) {
      this.text = text;
      while (at < text.length() && text.charAt(at) != ' ')
        if (text.charAt(at++) == '|') position = 2;
    }

    List<Argument> parse() {
      List<Argument> all = sequence();
      if (at != text.length()) throw wrong("unexpected '" + text.charAt(at) + "'");
      return all;
    }

    void note(int spec, String note) {
      KeySpec s = keySpecs.get(spec);
      keySpecs.set(
          spec,
          new KeySpec(
              s.flags,
              s.unknown,
              s.index,
              s.keyword,
              s.startFrom,
              s.byCount,
              s.lastKey,
              s.keyStep,
              s.limit,
              note));
    }

    private List<Argument> sequence() {
      List<Argument> all = new ArrayList<>();
      int repeated = -1; // the specification of a key that repeats, in this sequence
      while (true) {
        skipSpaces();
        if (at == text.length() || "|)]".indexOf(text.charAt(at)) >= 0) return List.copyOf(all);
        int before = position;
        int specs = keySpecs.size();
        Argument it = element(all.isEmpty() ? null : all.getLast());
        all.add(it);
        if (repeated >= 0 && !it.optional) {
          // what follows takes words from the end of the range, or one each of them
          KeySpec s = keySpecs.get(repeated);
          keySpecs.set(
              repeated,
              it.multiple
                  ? ranged(s, s.lastKey, s.keyStep, 2)
                  : ranged(s, s.lastKey - (position - before), s.keyStep, s.limit));
        } else if (it.multiple && keySpecs.size() > specs && keySpecs.getLast().lastKey < 0) {
          repeated = keySpecs.size() - 1;
        }
      }
    }

    /// One argument with its suffixes.
    private Argument element(@Nullable Argument previous) {
      int before = position;
      int specs = keySpecs.size();
      char c = text.charAt(at);
      Argument it;
      if (c == '[') {
        it = group(']', null);
        it = with(it, true, it.multiple, it.multipleToken, it.since, it.deprecatedSince);
        position = before;
        variable = true;
      } else if (c == '(') {
        it = group(')', null);
      } else {
        it = word(previous);
      }
      it = suffixes(it);
      if (it.multiple) {
        repeat(specs, position - before);
        variable = true;
      }
      return it;
    }

    /// Everything inside brackets: `name: a b` or `name: a | b`, or a single argument.
    private Argument group(char close, @Nullable String token) {
      at++;
      String name = groupName();
      if (name == null && token != null) name = lower(token);
      int before = position;
      boolean wasVariable = variable;
      int least = Integer.MAX_VALUE;
      int most = 0;
      List<Argument> alternatives = new ArrayList<>();
      List<Argument> sequence;
      boolean anyVariable = false;
      while (true) {
        position = before;
        variable = wasVariable;
        @Nullable String tokenBefore = lastToken;
        sequence = sequence();
        if (at == text.length()) throw wrong("missing " + close);
        char end = text.charAt(at++);
        least = Math.min(least, position);
        most = Math.max(most, position);
        anyVariable |= variable;
        if (end == close && alternatives.isEmpty()) break;
        if (sequence.size() != 1)
          throw wrong("an alternative of several words needs a name: (name: …)");
        alternatives.add(sequence.get(0));
        lastToken = tokenBefore;
        if (end == close) break;
        if (end != '|') throw wrong("missing " + close);
      }
      position = least;
      variable = anyVariable || least != most;
      if (alternatives.isEmpty() && sequence.size() == 1 && token == null && name == null)
        return sequence.get(0);
      if (name == null) throw wrong("a group needs a name");
      return new Argument(
          name,
          alternatives.isEmpty() ? BLOCK : ONEOF,
          token,
          null,
          -1,
          false,
          false,
          false,
          null,
          null,
          alternatives.isEmpty() ? sequence : List.copyOf(alternatives));
    }

    private @Nullable String groupName() {
      skipSpaces();
      int end = at;
      while (end < text.length() && isNameChar(text.charAt(end))) end++;
      if (end + 1 >= text.length() || text.charAt(end) != ':' || text.charAt(end + 1) != ' ')
        return null;
      String name = text.substring(at, end);
      at = end + 1;
      return name;
    }

    /// A token, a token with its operand, a key or a value.
    private Argument word(@Nullable Argument previous) {
      if (text.charAt(at) == '@') return key(null, previous);
      @Nullable String name = null;
      int start = at;
      while (at < text.length() && isNameChar(text.charAt(at))) at++;
      if (at < text.length() && text.charAt(at) == '=') {
        name = text.substring(start, at++);
        start = at;
      }
      String token;
      if (at < text.length() && text.charAt(at) == '\'') {
        int end = text.indexOf('\'', at + 1);
        token = text.substring(at + 1, end);
        at = end + 1;
      } else {
        while (at < text.length() && isNameChar(text.charAt(at))) at++;
        token = text.substring(start, at);
        if (token.isEmpty()) throw wrong("unexpected '" + text.charAt(at) + "'");
        if (hasLowerCase(token)) {
          if (name != null) throw wrong("only tokens can be named");
          at = start;
          return operand(null);
        }
      }
      position++;
      lastToken = token;
      countAt = -1;
      boolean repeated =
          text.startsWith("...", at) && at + 3 < text.length() && text.charAt(at + 3) == ' ';
      int afterToken = at;
      if (repeated) at += 3;
      skipSpaces();
      @Nullable Argument it = null;
      if (name == null && at < text.length() && at > afterToken) {
        char c = text.charAt(at);
        if (c == '(') it = group(')', token);
        else if (c == '@') it = key(token, previous);
        else if (isNameChar(c) && isOperand()) it = operand(token);
      }
      if (it != null) {
        return repeated ? with(it, it.optional, true, true, it.since, it.deprecatedSince) : it;
      }
      at = afterToken;
      return new Argument(
          name != null ? name : lower(token),
          PURE_TOKEN,
          token,
          null,
          -1,
          false,
          false,
          false,
          null,
          null,
          List.of());
    }

    /// Whether the word that starts here is a value: has a small letter and is no `name=TOKEN`.
    private boolean isOperand() {
      int end = at;
      while (end < text.length() && isNameChar(text.charAt(end))) end++;
      return hasLowerCase(text.substring(at, end))
          && (end == text.length() || text.charAt(end) != '=');
    }

    private Argument operand(@Nullable String token) {
      String name = name();
      int type = STRING;
      if (at < text.length() && text.charAt(at) == ':') {
        at++;
        type = type(name());
        if (type < 0) throw wrong("unknown type");
      }
      String display = display();
      countAt = name.equals("numkeys") ? position : -1;
      position++;
      return new Argument(
          name, type, token, display, -1, false, false, false, null, null, List.of());
    }

    private Argument key(@Nullable String token, @Nullable Argument previous) {
      at++;
      String name = name();
      int type = KEY;
      int flags = 0;
      boolean unknown = false;
      int from = 0;
      boolean joins = true;
      while (at < text.length() && text.charAt(at) == ':') {
        at++;
        int start = at;
        String first = name();
        if (type(first) >= 0) {
          type = type(first);
          continue;
        }
        at = start;
        joins = false;
        do {
          if (text.charAt(at) == '+') at++;
          String word = name();
          if (word.equals("unknown")) {
            unknown = true;
          } else if (word.equals("from")) {
            start = ++at;
            while (at < text.length() && "-0123456789".indexOf(text.charAt(at)) >= 0) at++;
            from = Integer.parseInt(text.substring(start, at));
          } else {
            flags |= keyFlag(word);
          }
        } while (at < text.length() && text.charAt(at) == '+');
      }
      String display = display();
      if (joins) {
        // a key that stands right behind the one before it shares its specification, as one range
        if (keySpecs.isEmpty()) throw wrong("no key before to share a specification with");
        int i = keySpecs.size() - 1;
        KeySpec s = keySpecs.get(i);
        if (previous != null
            && previous.keySpec == i
            && isRange(s)
            && s.index + s.lastKey + 1 == position)
          keySpecs.set(i, ranged(s, s.lastKey + 1, s.keyStep, s.limit));
      } else if (unknown) {
        keySpecs.add(new KeySpec(flags, true, 0, null, 0, false, 0, 0, 0, null));
      } else if (from != 0) {
        keySpecs.add(new KeySpec(flags, false, 0, lastToken, from, false, 0, 1, 0, null));
      } else if (countAt > 0) {
        keySpecs.add(new KeySpec(flags, false, countAt, null, 0, true, 1, 1, 0, null));
      } else if (variable) {
        throw wrong("the key's place can't be told: say from=");
      } else {
        keySpecs.add(new KeySpec(flags, false, position, null, 0, false, 0, 1, 0, null));
      }
      countAt = -1;
      position++;
      // a channel is found like a key but isn't one
      boolean real = (flags & NOT_KEY) == 0;
      return new Argument(
          name,
          real ? type : STRING,
          token,
          display,
          real ? keySpecs.size() - 1 : -1,
          false,
          false,
          false,
          null,
          null,
          List.of());
    }

    /// An argument of so many words repeats: a key inside it becomes a range to the end.
    private void repeat(int specsBefore, int words) {
      for (int i = specsBefore; i < keySpecs.size(); i++) {
        KeySpec s = keySpecs.get(i);
        if (!s.unknown && !s.byCount && s.lastKey >= 0)
          keySpecs.set(i, ranged(s, -1, Math.max(1, words), s.limit));
      }
    }

    private static KeySpec ranged(KeySpec s, int lastKey, int keyStep, int limit) {
      return new KeySpec(
          s.flags,
          s.unknown,
          s.index,
          s.keyword,
          s.startFrom,
          s.byCount,
          lastKey,
          keyStep,
          limit,
          s.note);
    }

    private Argument suffixes(Argument it) {
      while (at < text.length()) {
        char c = text.charAt(at);
        if (c == '.' && text.startsWith("...", at)) {
          at += 3;
          it = with(it, it.optional, true, it.multipleToken, it.since, it.deprecatedSince);
        } else if (c == '^') {
          it = with(it, it.optional, it.multiple, it.multipleToken, version(), it.deprecatedSince);
        } else if (c == '~') {
          it = with(it, it.optional, it.multiple, it.multipleToken, it.since, version());
        } else {
          break;
        }
      }
      return it;
    }

    private String version() {
      int start = ++at;
      while (at < text.length() && "0123456789.".indexOf(text.charAt(at)) >= 0) at++;
      return text.substring(start, at);
    }

    private static Argument with(
        Argument a,
        boolean optional,
        boolean multiple,
        boolean multipleToken,
        @Nullable String since,
        @Nullable String deprecated) {
      return new Argument(
          a.name,
          a.type,
          a.token,
          a.displayText,
          a.keySpec,
          optional,
          multiple,
          multipleToken,
          since,
          deprecated,
          a.arguments);
    }

    private String name() {
      int start = at;
      while (at < text.length() && isNameChar(text.charAt(at))) at++;
      if (at == start) throw wrong("a name is missing");
      return text.substring(start, at);
    }

    private @Nullable String display() {
      if (at == text.length() || text.charAt(at) != '<') return null;
      int end = text.indexOf('>', at);
      String display = text.substring(at + 1, end);
      at = end + 1;
      return display;
    }

    private static int type(String name) {
      for (int i = 0; i < PURE_TOKEN; i++) if (TYPES[i].equals(name)) return i;
      return -1;
    }

    private int keyFlag(String name) {
      for (int i = 0; i < KEY_FLAGS.length; i++) if (KEY_FLAGS[i].equals(name)) return 1 << i;
      throw wrong("unknown key flag '" + name + "'");
    }

    private static boolean isNameChar(char c) {
      return (c >= 'a' && c <= 'z')
          || (c >= 'A' && c <= 'Z')
          || (c >= '0' && c <= '9')
          || c == '-'
          || c == '_';
    }

    private static boolean hasLowerCase(String word) {
      for (int i = 0; i < word.length(); i++)
        if (word.charAt(i) >= 'a' && word.charAt(i) <= 'z') return true;
      return false;
    }

    private static String lower(String token) {
      return token.toLowerCase(Locale.ROOT);
    }

    private void skipSpaces() {
      while (at < text.length() && text.charAt(at) == ' ') at++;
    }

    private IllegalArgumentException wrong(String what) {
      return new IllegalArgumentException(what + " at column " + at + " of: " + text);
    }
  }
}
