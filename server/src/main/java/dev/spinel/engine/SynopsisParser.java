package dev.spinel.engine;

import static dev.spinel.engine.Synopsis.BLOCK;
import static dev.spinel.engine.Synopsis.KEY;
import static dev.spinel.engine.Synopsis.KEY_FLAGS;
import static dev.spinel.engine.Synopsis.NOT_KEY;
import static dev.spinel.engine.Synopsis.ONEOF;
import static dev.spinel.engine.Synopsis.PURE_TOKEN;
import static dev.spinel.engine.Synopsis.STRING;
import static dev.spinel.engine.Synopsis.TYPES;

import dev.spinel.engine.Synopsis.Argument;
import dev.spinel.engine.Synopsis.KeySpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Reads the form of a command, in the language that [Synopsis] describes: recursive descent over
/// its characters. While it walks the top level it counts the words (`position`), so that a key
/// knows where it stands.
///
/// Used once: [#parse], then what it found.
final class SynopsisParser {
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

  SynopsisParser(String text) {
    this.text = text;
    while (at < text.length() && text.charAt(at) != ' ') if (text.charAt(at++) == '|') position = 2;
  }

  List<Argument> parse() {
    List<Argument> all = sequence();
    if (at != text.length()) throw wrong("unexpected '" + text.charAt(at) + "'");
    return all;
  }

  void note(int spec, String note) {
    keySpecs.set(spec, keySpecs.get(spec).noted(note));
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
      if (repeated >= 0 && !it.optional()) {
        // what follows takes words from the end of the range, or one each of them
        KeySpec s = keySpecs.get(repeated);
        keySpecs.set(
            repeated,
            it.multiple()
                ? s.reaching(s.lastKey(), s.keyStep(), 2)
                : s.reaching(s.lastKey() - (position - before), s.keyStep(), s.limit()));
      } else if (it.multiple() && keySpecs.size() > specs && keySpecs.getLast().lastKey() < 0) {
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
      it = group(']', null).madeOptional();
      position = before;
      variable = true;
    } else if (c == '(') {
      it = group(')', null);
    } else {
      it = word(previous);
    }
    it = suffixes(it);
    if (it.multiple()) {
      boolean tokenOnce = it.token() != null && it.type() != PURE_TOKEN && !it.multipleToken();
      repeat(specs, position - before - (tokenOnce ? 1 : 0));
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
    return Argument.group(
        name,
        alternatives.isEmpty() ? BLOCK : ONEOF,
        token,
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
      return repeated ? it.repeated(true) : it;
    }
    at = afterToken;
    return Argument.leaf(name != null ? name : lower(token), PURE_TOKEN, token, null, -1);
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
    return Argument.leaf(name, type, token, display, -1);
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
          && previous.keySpec() == i
          && s.isRange()
          && s.index() + s.lastKey() + 1 == position)
        keySpecs.set(i, s.reaching(s.lastKey() + 1, s.keyStep(), s.limit()));
    } else if (unknown) {
      keySpecs.add(KeySpec.unknown(flags));
    } else if (from != 0) {
      keySpecs.add(KeySpec.behind(lastToken, from, flags));
    } else if (countAt > 0) {
      keySpecs.add(KeySpec.counted(countAt, flags));
    } else if (variable) {
      throw wrong("the key's place can't be told: say from=");
    } else {
      keySpecs.add(KeySpec.at(position, flags));
    }
    countAt = -1;
    position++;
    // a channel is found like a key but isn't one
    boolean real = (flags & NOT_KEY) == 0;
    return Argument.leaf(
        name, real ? type : STRING, token, display, real ? keySpecs.size() - 1 : -1);
  }

  /// An argument of so many words repeats: a key inside it becomes a range to the end.
  private void repeat(int specsBefore, int words) {
    for (int i = specsBefore; i < keySpecs.size(); i++) {
      KeySpec s = keySpecs.get(i);
      if (!s.unknown() && !s.byCount() && s.lastKey() >= 0)
        keySpecs.set(i, s.reaching(-1, Math.max(1, words), s.limit()));
    }
  }

  private Argument suffixes(Argument it) {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '.' && text.startsWith("...", at)) {
        at += 3;
        it = it.repeated(it.multipleToken());
      } else if (c == '^') {
        it = it.cameWith(version());
      } else if (c == '~') {
        it = it.deprecatedWith(version());
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

  /// One of the types of words that a synopsis may name, or -1.
  private static int type(String name) {
    int type = TYPES.indexOf(name);
    return type < PURE_TOKEN ? type : -1;
  }

  private int keyFlag(String name) {
    int flag = KEY_FLAGS.indexOf(name);
    if (flag < 0) throw wrong("unknown key flag '" + name + "'");
    return 1 << flag;
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
