package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.wire.Quoting;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A user's [Rights] while rules are applied to them, one after the other: the language of ACL
/// SETUSER, of the file of users and of the directive `user`. What is no rule about the user as
/// such (`on`, `>password`, `(…)`) is one about its own selector. Belongs to the thread that
/// parses.
final class RightsDraft {
  /// The rules that words make.
  ///
  /// @param rules one each
  /// @param unmatched the place of the word that opens a parenthesis which isn't closed, or -1
  record Joined(List<String> rules, int unmatched) {}

  private static final int HASH_DIGITS = 64;

  private final RuleNames names;
  private final boolean allChannels;
  private boolean isOn, needsNoPassword, skipsSanitizing;
  private final LinkedHashSet<Slice> passwords = new LinkedHashSet<>();
  private SelectorDraft own;
  private final List<Selector> others = new ArrayList<>(0);
  private final List<String> deprecated = new ArrayList<>(0);

  /// A draft that begins with these rights.
  ///
  /// @param allChannels what `acl-pubsub-default` gives to new users and selectors
  RightsDraft(RuleNames names, Rights from, boolean allChannels) {
    this.names = names;
    this.allChannels = allChannels;
    isOn = from.isOn();
    needsNoPassword = from.needsNoPassword();
    skipsSanitizing = from.skipsSanitizing();
    passwords.addAll(from.passwords());
    own = new SelectorDraft(names, from.selectors().getFirst());
    others.addAll(from.selectors().subList(1, from.selectors().size()));
  }

  /// Joins the words of each selector in parentheses, which may be spread over several.
  static Joined join(List<String> words) {
    List<String> rules = new ArrayList<>(words.size());
    int opened = -1;
    StringBuilder selector = new StringBuilder();
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      if (opened < 0 && word.startsWith("(") && !word.endsWith(")")) {
        opened = i;
        selector.append(word);
      } else if (opened < 0) {
        rules.add(word);
      } else {
        selector.append(' ').append(SelectorDraft.untilZero(word));
        if (word.endsWith(")")) {
          rules.add(selector.toString());
          selector.setLength(0);
          opened = -1;
        }
      }
    }
    return new Joined(rules, opened);
  }

  /// Applies one rule. Returns why it isn't accepted, null if it is. An empty one means nothing.
  @Nullable RuleFault apply(String rule) {
    if (rule.isEmpty()) {
      return null;
    }
    switch (Octets.lower(SelectorDraft.untilZero(rule))) {
      case "on" -> isOn = true;
      case "off" -> isOn = false;
      case "skip-sanitize-payload" -> skipsSanitizing = true;
      case "sanitize-payload" -> skipsSanitizing = false;
      case "nopass" -> {
        needsNoPassword = true;
        passwords.clear();
      }
      case "resetpass" -> {
        needsNoPassword = false;
        passwords.clear();
      }
      case "clearselectors" -> others.clear();
      case "reset" -> reset();
      default -> {
        return other(rule);
      }
    }
    return null;
  }

  private void reset() {
    isOn = false;
    needsNoPassword = false;
    skipsSanitizing = false;
    passwords.clear();
    others.clear();
    own = new SelectorDraft(names, allChannels);
  }

  private @Nullable RuleFault other(String rule) {
    String rest = rule.substring(1);
    switch (rule.charAt(0)) {
      case '>' -> addPassword(new Slice(Rights.sha256(Octets.bytes(rest))));
      case '#' -> {
        Slice digest = digest(rest);
        if (digest == null) {
          return RuleFault.BAD_HASH;
        }
        addPassword(digest);
      }
      case '<' -> {
        return remove(new Slice(Rights.sha256(Octets.bytes(rest))));
      }
      case '!' -> {
        Slice digest = digest(rest);
        return digest == null ? RuleFault.BAD_HASH : remove(digest);
      }
      default -> {
        return rule.startsWith("(") && rule.endsWith(")") ? addSelector(rule) : own.apply(rule);
      }
    }
    return null;
  }

  private void addPassword(Slice digest) {
    passwords.add(digest);
    needsNoPassword = false;
  }

  private @Nullable RuleFault remove(Slice digest) {
    return passwords.remove(digest) ? null : RuleFault.NO_SUCH_PASSWORD;
  }

  private static @Nullable Slice digest(String hash) {
    boolean isHash =
        hash.length() == HASH_DIGITS
            && hash.chars().allMatch(c -> c >= '0' && c <= '9' || c >= 'a' && c <= 'f');
    return isHash ? new Slice(HexFormat.of().parseHex(hash)) : null;
  }

  private @Nullable RuleFault addSelector(String rule) {
    SelectorDraft draft = new SelectorDraft(names, allChannels);
    List<String> words = Quoting.split(rule.substring(1, rule.length() - 1));
    for (String word : words == null ? List.<String>of() : words) {
      RuleFault fault = draft.apply(word);
      if (fault != null) {
        return fault;
      }
    }
    others.add(draft.done());
    deprecated.addAll(draft.deprecated);
    return null;
  }

  /// The words of rules that were applied and are deprecated.
  List<String> deprecated() {
    List<String> all = new ArrayList<>(deprecated);
    all.addAll(own.deprecated);
    return all;
  }

  Rights done() {
    List<Selector> selectors = new ArrayList<>(1 + others.size());
    selectors.add(own.done());
    selectors.addAll(others);
    return new Rights(
        isOn, needsNoPassword, skipsSanitizing, List.copyOf(passwords), List.copyOf(selectors));
  }
}
