package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.engine.Command;
import dev.spinel.wire.Quoting;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A [Selector] while rules are applied to it, one after the other.
///
/// A rule about commands does two things. It sets bits, of the command and its subcommands or of
/// all that belong to a category. And it is kept, so that the rules can be shown and applied again,
/// to a server with other commands, too. What it makes superfluous is dropped: the same rule with
/// either sign, and rules about subcommands of the command that it names. `+@all` and `-@all` drop
/// everything. Belongs to the thread that parses.
final class SelectorDraft {
  private final @Nullable RuleNames names; // null: no rules are applied

  boolean allCommands, allKeys, allChannels, startsWithAll;
  final BitSet commands = new BitSet();
  final Map<Command, List<String>> firstArguments = new HashMap<>();
  final LinkedHashMap<Slice, Integer> keys = new LinkedHashMap<>(); // uses by glob
  final LinkedHashSet<Slice> channels = new LinkedHashSet<>();
  final LinkedHashSet<String> rules = new LinkedHashSet<>();

  /// Words of rules that allow a first argument, which is deprecated.
  final List<String> deprecated = new ArrayList<>(0);

  /// An empty one.
  SelectorDraft(@Nullable RuleNames names, boolean allChannels) {
    this.names = names;
    this.allChannels = allChannels;
  }

  /// One that begins as a selector is.
  SelectorDraft(RuleNames names, Selector from) {
    this.names = names;
    from.copyTo(this);
  }

  private RuleNames names() {
    return Objects.requireNonNull(names);
  }

  List<KeyPattern> keyPatterns() {
    return keys.entrySet().stream()
        .map(each -> new KeyPattern(each.getKey(), each.getValue()))
        .toList();
  }

  /// Applies one rule. Returns why it isn't accepted, null if it is.
  @Nullable RuleFault apply(String rule) {
    String word = untilZero(rule);
    switch (Octets.lower(word)) {
      case "allkeys", "~*" -> {
        allKeys = true;
        keys.clear();
      }
      case "resetkeys" -> {
        allKeys = false;
        keys.clear();
      }
      case "allchannels", "&*" -> {
        allChannels = true;
        channels.clear();
      }
      case "resetchannels" -> {
        allChannels = false;
        channels.clear();
      }
      case "allcommands", "+@all" -> all(true);
      case "nocommands", "-@all" -> all(false);
      default -> {
        return other(rule, word);
      }
    }
    return null;
  }

  private void all(boolean allowed) {
    allCommands = allowed;
    startsWithAll = allowed;
    commands.set(0, names().size(), allowed);
    rules.clear();
    firstArguments.clear();
  }

  private @Nullable RuleFault other(String rule, String word) {
    return switch (word.isEmpty() ? 0 : word.charAt(0)) {
      case '~' -> key(KeyPattern.READ | KeyPattern.WRITE, rule.substring(1));
      case '%' -> markedKey(rule);
      case '&' -> channel(rule.substring(1));
      case '+' -> word.startsWith("@", 1) ? category(word, true) : allow(word.substring(1));
      case '-' -> word.startsWith("@", 1) ? category(word, false) : deny(word.substring(1));
      default -> RuleFault.SYNTAX;
    };
  }

  /// What C sees of a rule: all before the first zero byte.
  static String untilZero(String rule) {
    int zero = rule.indexOf(0);
    return zero < 0 ? rule : rule.substring(0, zero);
  }

  // ── keys and channels ──

  /// `%R~glob`, `%W~glob`, `%RW~glob`; a mark without `~` goes with the empty pattern.
  private @Nullable RuleFault markedKey(String rule) {
    if (allKeys) {
      return RuleFault.AFTER_ALL_KEYS;
    }
    int uses = 0;
    int at = 1;
    for (; at < rule.length(); at++) {
      char c = rule.charAt(at);
      int use =
          c == 'R' || c == 'r' ? KeyPattern.READ : c == 'W' || c == 'w' ? KeyPattern.WRITE : 0;
      if (use != 0 && (uses & use) == 0) {
        uses |= use;
      } else if (c == '~' && uses != 0) {
        at++;
        break;
      } else {
        return RuleFault.SYNTAX;
      }
    }
    return uses == 0 ? RuleFault.SYNTAX : key(uses, rule.substring(at));
  }

  private @Nullable RuleFault key(int uses, String glob) {
    if (allKeys) {
      return RuleFault.AFTER_ALL_KEYS;
    }
    if (hasSpaces(glob)) {
      return RuleFault.SYNTAX;
    }
    keys.merge(Slice.of(glob), uses, (a, b) -> a | b);
    return null;
  }

  private @Nullable RuleFault channel(String glob) {
    if (allChannels) {
      return RuleFault.AFTER_ALL_CHANNELS;
    }
    if (hasSpaces(glob)) {
      return RuleFault.SYNTAX;
    }
    channels.add(Slice.of(glob));
    return null;
  }

  /// Whether it contains blanks or zero bytes, which would break a line of rules.
  static boolean hasSpaces(String text) {
    return text.chars().anyMatch(c -> c == ' ' || c >= '\t' && c <= '\r' || c == 0);
  }

  // ── commands ──

  private @Nullable RuleFault category(String word, boolean allowed) {
    String name = word.substring(1);
    int category = RuleNames.category(name.substring(1));
    if (category == 0) {
      return RuleFault.UNKNOWN;
    }
    keep(name, allowed);
    for (Command command : names().commands()) {
      if ((command.categories() & category) != 0) {
        set(command, allowed);
      }
      for (Command sub : command.subcommands()) {
        if ((sub.categories() & category) != 0) {
          set(sub, allowed);
        }
      }
    }
    return null;
  }

  private @Nullable RuleFault allow(String name) {
    int bar = name.lastIndexOf('|');
    if (bar < 0) {
      return change(name, true);
    }
    Command container = names().command(name.substring(0, bar));
    if (container == null) {
      return RuleFault.UNKNOWN;
    }
    if (container.parent != null) {
      return RuleFault.FIRST_ARGUMENT;
    }
    String word = name.substring(bar + 1);
    if (word.isEmpty()) {
      return RuleFault.SYNTAX;
    }
    return container.subcommands().isEmpty()
        ? allowFirst(container, name, Octets.lower(word))
        : change(name, true);
  }

  /// `+select|0`: the command with this first argument only. Deprecated.
  private @Nullable RuleFault allowFirst(Command command, String name, String argument) {
    List<String> words = Quoting.split(name);
    if (words == null || words.size() != 1) {
      return RuleFault.SYNTAX; // such a rule couldn't be read again
    }
    List<String> allowed = firstArguments.computeIfAbsent(command, none -> new ArrayList<>(1));
    if (!allowed.contains(argument)) {
      allowed.add(argument);
    }
    deprecated.add(name);
    keep(name, true);
    return null;
  }

  private @Nullable RuleFault deny(String name) {
    return change(name, false);
  }

  private @Nullable RuleFault change(String name, boolean allowed) {
    Command command = names().command(name);
    if (command == null) {
      return RuleFault.UNKNOWN;
    }
    set(command, allowed);
    keep(command.name, allowed);
    return null;
  }

  /// Allows or denies a command, and all of its subcommands.
  private void set(Command command, boolean allowed) {
    commands.set(command.index, allowed);
    for (Command sub : command.subcommands()) {
      commands.set(sub.index, allowed);
    }
    allCommands &= allowed;
    firstArguments.remove(command);
  }

  /// Keeps a rule, behind all others, and drops those that it makes superfluous.
  private void keep(String name, boolean allowed) {
    String kept = Octets.lower(name);
    String ofSubcommands = kept + "|";
    rules.removeIf(rule -> rule.startsWith(kept, 1) && isCovered(rule, kept, ofSubcommands));
    rules.add((allowed ? "+" : "-") + kept);
  }

  private static boolean isCovered(String rule, String kept, String ofSubcommands) {
    return rule.length() == kept.length() + 1 || rule.startsWith(ofSubcommands, 1);
  }

  Selector done() {
    return new Selector(this);
  }
}
