package dev.spinel.cli;

import dev.spinel.cli.CommandDocs.Argument;
import dev.spinel.cli.CommandDocs.Kind;
import dev.spinel.wire.Quoting;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What may still be typed: the synopsis of a command without the words that are there.
///
/// The words are matched against the arguments in order. Successive optional arguments may come in
/// any order; the one that was begun is shown first, and none of them once the required argument
/// behind them is there. An argument that may be repeated stays open for ever. Words that fit
/// nothing end all hints.
final class Hint {
  /// An argument of the synopsis, and what of it is there.
  private static final class Node {
    final Argument is;
    final List<Node> parts;

    /// How many words were taken; 0 if it isn't begun.
    int words;

    boolean token;
    boolean value;
    boolean whole;

    Node(Argument is) {
      this.is = is;
      this.parts = nodes(is.parts());
    }

    void forget() {
      words = 0;
      token = false;
      value = false;
      whole = false;
      for (Node part : parts) part.forget();
    }
  }

  private final String[] words;

  private Hint(List<String> words) {
    this.words = words.toArray(new String[0]);
  }

  /// The hint behind `words`, which follow the command's name; null if they don't fit.
  static @Nullable String after(List<String> words, List<Argument> arguments) {
    List<Node> nodes = nodes(arguments);
    Hint hint = new Hint(words);
    if (hint.match(0, words.size(), nodes) != words.size()) return null;
    StringBuilder b = new StringBuilder();
    write(b, nodes, " ");
    return b.toString();
  }

  // ── What may come next ──

  /// The words of the synopsis that may stand next; empty if only values may, or the words don't
  /// fit.
  private static List<String> next(List<String> words, List<Argument> arguments) {
    List<Node> nodes = nodes(arguments);
    Hint hint = new Hint(words);
    if (hint.match(0, words.size(), nodes) != words.size()) return List.of();
    Set<String> tokens = new LinkedHashSet<>();
    next(nodes, tokens);
    return List.copyOf(tokens);
  }

  /// Whether something of these must come before what stands behind them.
  private static boolean next(List<Node> nodes, Set<String> into) {
    for (int i = 0; i < nodes.size(); i++) {
      Node node = nodes.get(i);
      if (!node.is.optional()) {
        if (!node.whole && next(node, into)) return true;
        continue;
      }
      int end = endOfOptional(nodes, i);
      boolean closed = end < nodes.size() && nodes.get(end).words > 0;
      for (Node one : nodes.subList(i, end)) {
        boolean begun = one.words > 0 && !one.whole;
        if (begun && !one.is.multiple()) {
          next(one, into);
          return true;
        }
      }
      for (Node one : nodes.subList(i, end)) {
        if (!one.whole && (one.words > 0 || !closed)) next(one, into);
      }
      i = end - 1;
    }
    return false;
  }

  /// The same of one argument, which isn't whole.
  private static boolean next(Node node, Set<String> into) {
    Argument is = node.is;
    boolean again = node.words > 0 && is.multiple(); // once more, or what follows
    String token = is.token();
    if (token != null && (again ? is.multipleToken() : !node.token)) {
      into.add(token);
      return !again;
    }
    switch (is.kind()) {
      case ONE_OF -> {
        boolean begun = node.parts.stream().anyMatch(part -> part.words > 0);
        for (Node part : node.parts) {
          if (!begun || part.words > 0 && !part.whole) next(part, into);
        }
      }
      case BLOCK -> next(node.parts, into);
      default -> {}
    }
    return !again;
  }

  /// The same of a line, whose last word is still being typed: those that begin like it.
  static List<String> options(String line, List<CommandDocs.Entry> docs) {
    List<String> all = Quoting.split(line);
    if (all == null || all.isEmpty()) return List.of();
    boolean blank = Quoting.isSpace(line.charAt(line.length() - 1));
    String begun = blank ? "" : all.getLast();
    List<String> typed = blank ? all : all.subList(0, all.size() - 1);
    CommandDocs.Entry entry = entry(typed, docs);
    if (entry == null || entry.arguments() == null) return List.of();
    List<String> options = new ArrayList<>();
    List<String> words = typed.subList(entry.words().size(), typed.size());
    for (String token : next(words, entry.arguments())) {
      if (token.regionMatches(true, 0, begun, 0, begun.length())) options.add(token);
    }
    return options;
  }

  private static List<Node> nodes(List<Argument> arguments) {
    List<Node> nodes = new ArrayList<>();
    for (Argument a : arguments) nodes.add(new Node(a));
    return nodes;
  }

  // ── Matching: each verb answers how many of the `n` words from `at` it took ──

  private int match(int at, int n, List<Node> nodes) {
    int taken = 0;
    for (int i = 0; i < nodes.size() && taken < n; i++) {
      int some;
      if (nodes.get(i).is.optional()) {
        int end = endOfOptional(nodes, i);
        some = matchInAnyOrder(at + taken, n - taken, nodes.subList(i, end));
        i = end - 1;
      } else {
        some = match(at + taken, n - taken, nodes.get(i));
        if (some == 0) return 0;
      }
      taken += some;
    }
    return taken;
  }

  private static int endOfOptional(List<Node> nodes, int from) {
    int end = from;
    while (end < nodes.size() && nodes.get(end).is.optional()) end++;
    return end;
  }

  private int matchInAnyOrder(int at, int n, List<Node> optional) {
    int taken = 0;
    Node last = null;
    while (taken < n) {
      int some = 0;
      Node next = null;
      for (Node node : optional) {
        if (node.words > 0) continue;
        some = match(at + taken, n - taken, node);
        if (some > 0) {
          next = node;
          break;
        }
      }
      if (next == null) return taken;
      if (last != null) last.whole = true;
      last = next;
      taken += some;
    }
    return taken;
  }

  private int match(int at, int n, Node node) {
    int taken = matchOnce(at, n, node);
    if (!node.is.multiple()) return taken;
    while (node.whole && taken < n) {
      node.forget();
      int some;
      if (node.is.token() != null && !node.is.multipleToken()) {
        some = matchValue(at + taken, n - taken, node);
        if (node.words > 0) node.token = true;
      } else {
        some = matchOnce(at + taken, n - taken, node);
      }
      taken += some;
    }
    node.whole = false;
    return taken;
  }

  private int matchOnce(int at, int n, Node node) {
    String token = node.is.token();
    if (token != null) {
      if (!token.equalsIgnoreCase(words[at])) return 0;
      node.token = true;
      node.words = 1;
      if (node.is.kind() == Kind.TOKEN) {
        node.whole = true;
        return 1;
      }
      if (n == 1) return 1;
      if (matchValue(at + 1, n - 1, node) == 0) return 0;
      return node.words;
    }
    return matchValue(at, n, node) == 0 ? 0 : node.words;
  }

  private int matchValue(int at, int n, Node node) {
    switch (node.is.kind()) {
      case BLOCK -> {
        node.words += match(at, n, node.parts);
        node.whole = true;
        for (Node part : node.parts) if (!part.whole) node.whole = false;
      }
      case ONE_OF -> {
        for (Node part : node.parts) {
          if (match(at, n, part) > 0) {
            node.words += part.words;
            node.whole = part.whole;
            break;
          }
        }
      }
      case INTEGER -> takeIf(beginsWithInteger(words[at]), node);
      case DOUBLE -> takeIf(beginsWithDouble(words[at]), node);
      default -> takeIf(true, node);
    }
    return node.words;
  }

  private static void takeIf(boolean fits, Node node) {
    node.words = fits ? node.words + 1 : 0;
    node.value = fits;
    if (fits) node.whole = true;
  }

  private static boolean beginsWithInteger(String word) {
    return word.isEmpty() || word.matches("(?s)\\s*[-+]?[0-9].*");
  }

  private static boolean beginsWithDouble(String word) {
    return word.isEmpty() || word.matches("(?is)\\s*[-+]?(\\.?[0-9]|inf|nan).*");
  }

  // ── Writing ──

  private static void write(StringBuilder b, List<Node> nodes, String separator) {
    int before = b.length();
    int n = nodes.size();
    for (int i = 0; i < n; i++) {
      if (!nodes.get(i).is.optional()) {
        write(b, nodes.get(i));
        before = separate(b, before, separator, i == n - 1);
        continue;
      }
      int end = endOfOptional(nodes, i);
      int begun = -1;
      for (int j = i; j < end; j++) {
        if (nodes.get(j).words == 0 || nodes.get(j).whole) continue;
        write(b, nodes.get(j));
        before = separate(b, before, separator, i == n - 1);
        begun = j;
      }
      if (end == n || nodes.get(end).words == 0) {
        for (; i < end; i++) {
          if (i == begun) continue;
          write(b, nodes.get(i));
          before = separate(b, before, separator, i == n - 1);
        }
      }
      i = end - 1;
    }
  }

  private static int separate(StringBuilder b, int before, String separator, boolean last) {
    if (b.length() <= before || last) return before;
    b.append(separator);
    return b.length();
  }

  private static void write(StringBuilder b, Node node) {
    if (node.whole) return;
    if (node.is.optional() && node.words == 0) b.append('[');
    if (node.is.token() != null && !node.token) token(b, node.is);
    switch (node.is.kind()) {
      case ONE_OF -> {
        if (node.words == 0) {
          write(b, node.parts, "|");
        } else {
          for (Node part : node.parts) if (part.words > 0) write(b, part);
        }
      }
      case BLOCK -> write(b, node.parts, " ");
      case TOKEN -> {}
      default -> {
        if (!node.value) orEmpty(b, node.is.text());
      }
    }
    if (node.is.multiple()) repeated(b, node);
    // asked again: what is repeated was forgotten, and redis-cli closes a bracket it didn't open
    if (node.is.optional() && node.words == 0) b.append(']');
  }

  /// `[key …]`: what may come again, whole.
  private static void repeated(StringBuilder b, Node node) {
    node.forget();
    if (!b.isEmpty()) b.append(' ');
    b.append('[');
    if (node.is.multipleToken()) token(b, node.is);
    switch (node.is.kind()) {
      case ONE_OF -> write(b, node.parts, "|");
      case BLOCK -> write(b, node.parts, " ");
      case TOKEN -> {}
      default -> orEmpty(b, node.is.text());
    }
    b.append(" ...]");
  }

  private static void token(StringBuilder b, Argument argument) {
    orEmpty(b, argument.token() == null ? "" : argument.token());
    if (argument.kind() != Kind.TOKEN) b.append(' ');
  }

  private static void orEmpty(StringBuilder b, String text) {
    b.append(text.isEmpty() ? "\"\"" : text);
  }

  // ── Of a line ──

  /// The hint behind what was typed of a command; null if there is none. The last word counts once
  /// a blank follows it.
  static @Nullable String forLine(String line, List<CommandDocs.Entry> docs) {
    List<String> all = Quoting.split(line);
    if (all == null) return null;
    boolean blank = !line.isEmpty() && Quoting.isSpace(line.charAt(line.length() - 1));
    int n = blank ? all.size() : Math.max(0, all.size() - 1);
    List<String> typed = all.subList(0, n);
    CommandDocs.Entry best = entry(typed, docs);
    if (best == null) return null;
    List<Argument> arguments = best.arguments();
    if (arguments == null) return "";
    String hint = after(typed.subList(best.words().size(), n), arguments);
    return hint == null ? "" : hint;
  }

  /// The command, or subcommand, that these words begin with.
  private static CommandDocs.@Nullable Entry entry(
      List<String> typed, List<CommandDocs.Entry> docs) {
    CommandDocs.Entry best = null;
    for (CommandDocs.Entry entry : docs) {
      if (best != null && entry.words().size() <= best.words().size()) continue;
      if (beginsWith(typed, entry.words())) best = entry;
    }
    return best;
  }

  private static boolean beginsWith(List<String> typed, List<String> words) {
    if (words.size() > typed.size()) return false;
    for (int i = 0; i < words.size(); i++) {
      if (!words.get(i).equals(typed.get(i).toUpperCase(Locale.ROOT))) return false;
    }
    return true;
  }
}
